//! What the documents of well-known clients say, for when their hosts do not hand them out: several answer 403 to addresses of
//! data centres, and some clients do not fall back to registering.
//!
//! They stand in only while the publisher gives no definite answer; whatever it says itself counts.

use model::client::Client;
use model::ids::ClientId;
use model::time::Timestamp;
use serde_json::json;

use super::document::ClientDocument;

struct Pinned {
    /// With `<id>` where a document of its own is published for every connector; the same text stands in for it in the
    /// redirect URIs.
    id: &'static str,
    name: &'static str,
    uri: &'static str,
    redirects: &'static [&'static str],
    /// `jwks_uri` of a client that signs its requests where it can, and is public where it cannot.
    keys: Option<&'static str>,
}

/// Stands for one path segment.
const ID: &str = "<id>";

/// As of November 2026. A loopback redirect URI stands for every port (RFC 8252 section 7.3).
const PINNED: &[Pinned] = &[
    Pinned {
        id: "https://claude.ai/oauth/claude-code-client-metadata",
        name: "Claude Code",
        uri: "https://claude.ai",
        redirects: &["http://localhost/callback", "http://127.0.0.1/callback"],
        keys: None,
    },
    Pinned {
        id: "https://claude.ai/oauth/mcp-oauth-client-metadata",
        name: "Claude",
        uri: "https://claude.ai",
        redirects: &["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"],
        keys: None,
    },
    Pinned {
        id: "https://chatgpt.com/oauth/client.json",
        name: "ChatGPT",
        uri: "https://chatgpt.com",
        redirects: &["https://chatgpt.com/connector_platform_oauth_redirect"],
        keys: CHATGPT_KEYS,
    },
    Pinned {
        id: "https://chatgpt.com/oauth/<id>/client.json",
        name: "ChatGPT",
        uri: "https://chatgpt.com",
        redirects: &["https://chatgpt.com/connector/oauth/<id>"],
        keys: CHATGPT_KEYS,
    },
    Pinned {
        id: "https://chatgpt.com/oauth/codex/client.json",
        name: "Codex",
        uri: "https://chatgpt.com",
        redirects: &["http://127.0.0.1/callback", "http://localhost/callback"],
        keys: None,
    },
    Pinned {
        id: "https://chatgpt.com/oauth/codex/<id>/client.json",
        name: "Codex",
        uri: "https://chatgpt.com",
        redirects: &["http://127.0.0.1/callback/<id>", "http://localhost/callback/<id>"],
        keys: None,
    },
    Pinned {
        id: "https://vscode.dev/oauth/client-metadata.json",
        name: "Visual Studio Code",
        uri: "https://code.visualstudio.com",
        redirects: CODE,
        keys: None,
    },
    Pinned {
        id: "https://insiders.vscode.dev/oauth/client-metadata.json",
        name: "Visual Studio Code - Insiders",
        uri: "https://code.visualstudio.com",
        redirects: CODE,
        keys: None,
    },
    Pinned {
        id: "https://cursor.com/oauth/mcp-client.json",
        name: "Cursor",
        uri: "https://cursor.com",
        redirects: &[
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ],
        keys: None,
    },
    Pinned {
        id: "https://goose-docs.ai/oauth/client-metadata.json",
        name: "goose",
        uri: "https://goose-docs.ai",
        redirects: &["http://127.0.0.1/oauth_callback", "http://[::1]/oauth_callback"],
        keys: None,
    },
    Pinned {
        id: "https://github.com/copilot/cli/client-metadata.json",
        name: "GitHub Copilot CLI",
        uri: "https://github.com/features/copilot/cli",
        redirects: &[
            "http://127.0.0.1/",
            "http://127.0.0.1/callback",
            "http://localhost/",
            "http://localhost/callback",
        ],
        keys: None,
    },
    Pinned {
        id: "https://zed.dev/oauth/client-metadata.json",
        name: "Zed",
        uri: "https://zed.dev",
        redirects: &["http://127.0.0.1/callback"],
        keys: None,
    },
    Pinned {
        id: "https://opencode.ai/oauth/opencode/client.json",
        name: "OpenCode",
        uri: "https://opencode.ai",
        redirects: &["http://127.0.0.1:19876/mcp/oauth/callback"],
        keys: None,
    },
];

const CHATGPT_KEYS: Option<&str> = Some("https://chatgpt.com/oauth/jwks.json");

const CODE: &[&str] = &[
    "http://127.0.0.1:33418/",
    "http://127.0.0.1/",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
];

/// The client that `id` names, as far as its document is known here.
pub(super) fn client(id: &ClientId, now: Timestamp) -> Option<Client> {
    let named = PINNED.iter().find(|pinned| pinned.id == id.as_str()).map(|pinned| (pinned, ""));
    let (pinned, own) = named
        .or_else(|| PINNED.iter().find_map(|pinned| Some((pinned, connector(pinned.id, id.as_str())?))))?;
    let redirects: Vec<String> = pinned.redirects.iter().map(|uri| uri.replace(ID, own)).collect();
    let mut document = json!({
        "client_id": id,
        "client_name": pinned.name,
        "client_uri": pinned.uri,
        "redirect_uris": redirects,
        "token_endpoint_auth_method": "none",
    });
    if let Some(keys) = pinned.keys {
        document["token_endpoint_auth_methods_supported"] = json!(["none", "private_key_jwt"]);
        document["jwks_uri"] = keys.into();
    }
    // By the same rules as one that is fetched.
    Some(ClientDocument::parse(id, document.to_string().as_bytes()).ok()?.into_client(now))
}

/// What stands for [`ID`] in an address like `pattern`: one path segment that needs no escaping.
fn connector<'a>(pattern: &str, id: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once(ID)?;
    let own = id.strip_prefix(before)?.strip_suffix(after)?;
    let plain = !own.is_empty() && own.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    plain.then_some(own)
}

#[cfg(test)]
mod tests {
    use model::client::ClientAuth;
    use model::redirect::RedirectUri;

    use super::*;

    #[test]
    fn each_reads_like_a_document_and_keeps_every_redirect_uri() {
        for pinned in PINNED {
            let id = ClientId::parse(&pinned.id.replace(ID, "AbC-1_2")).unwrap();
            let client = client(&id, Timestamp::from_secs(1)).unwrap();
            assert_eq!(client.redirects.len(), pinned.redirects.len(), "{}", pinned.id);
            assert_eq!(client.name.as_deref(), Some(pinned.name));
            let signs = matches!(client.auth, ClientAuth::NoneOrPrivateKeyJwt(_));
            assert_eq!(signs, pinned.keys.is_some(), "{}", pinned.id);
        }
    }

    #[test]
    fn every_connector_has_a_document_and_a_redirect_uri_of_its_own() {
        let of = |id: &str| client(&ClientId::parse(id).unwrap(), Timestamp::from_secs(1));
        let connector = of("https://chatgpt.com/oauth/AbCdEf123456/client.json").unwrap();
        let allows = |uri: &str| connector.allows_redirect(&RedirectUri::parse(uri).unwrap());
        assert!(allows("https://chatgpt.com/connector/oauth/AbCdEf123456"));
        assert!(!allows("https://chatgpt.com/connector/oauth/another"));
        assert!(!allows("https://chatgpt.com/connector_platform_oauth_redirect"));
        assert_eq!(of("https://chatgpt.com/oauth/codex/client.json").unwrap().name.as_deref(), Some("Codex"));
        let codex = of("https://chatgpt.com/oauth/codex/O4Cml3C-woZn/client.json").unwrap();
        assert!(
            codex.allows_redirect(
                &RedirectUri::parse("http://127.0.0.1:38007/callback/O4Cml3C-woZn").unwrap()
            )
        );
        for other in [
            "https://chatgpt.com/oauth//client.json",
            "https://chatgpt.com/oauth/a/b/client.json",
            "https://chatgpt.com/oauth/a%2Fb/client.json",
            "https://chatgpt.com/oauth/AbC/client.json/",
            "https://chatgpt.com.evil.example/oauth/AbC/client.json",
        ] {
            assert!(of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn loopback_ports_are_free_and_paths_are_not() {
        let code = ClientId::parse("https://claude.ai/oauth/claude-code-client-metadata").unwrap();
        let code = client(&code, Timestamp::from_secs(1)).unwrap();
        let allows = |uri: &str| code.allows_redirect(&RedirectUri::parse(uri).unwrap());
        assert!(allows("http://localhost:54321/callback") && allows("http://127.0.0.1:1/callback"));
        assert!(!allows("http://localhost:54321/other") && !allows("https://claude.ai/callback"));
    }
}
