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
    id: &'static str,
    name: &'static str,
    uri: &'static str,
    redirects: &'static [&'static str],
}

/// As of November 2026. A loopback redirect URI stands for every port (RFC 8252 section 7.3).
const PINNED: &[Pinned] = &[
    Pinned {
        id: "https://claude.ai/oauth/claude-code-client-metadata",
        name: "Claude Code",
        uri: "https://claude.ai",
        redirects: &["http://localhost/callback", "http://127.0.0.1/callback"],
    },
    Pinned {
        id: "https://claude.ai/oauth/mcp-oauth-client-metadata",
        name: "Claude",
        uri: "https://claude.ai",
        redirects: &["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"],
    },
    Pinned {
        id: "https://chatgpt.com/oauth/client.json",
        name: "ChatGPT",
        uri: "https://chatgpt.com",
        redirects: &["https://chatgpt.com/connector_platform_oauth_redirect"],
    },
    Pinned {
        id: "https://chatgpt.com/oauth/codex/client.json",
        name: "Codex",
        uri: "https://chatgpt.com",
        redirects: &["http://127.0.0.1/callback", "http://localhost/callback"],
    },
    Pinned {
        id: "https://vscode.dev/oauth/client-metadata.json",
        name: "Visual Studio Code",
        uri: "https://code.visualstudio.com",
        redirects: CODE,
    },
    Pinned {
        id: "https://insiders.vscode.dev/oauth/client-metadata.json",
        name: "Visual Studio Code - Insiders",
        uri: "https://code.visualstudio.com",
        redirects: CODE,
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
    },
    Pinned {
        id: "https://goose-docs.ai/oauth/client-metadata.json",
        name: "goose",
        uri: "https://goose-docs.ai",
        redirects: &["http://127.0.0.1/oauth_callback", "http://[::1]/oauth_callback"],
    },
    Pinned {
        id: "https://zed.dev/oauth/client-metadata.json",
        name: "Zed",
        uri: "https://zed.dev",
        redirects: &["http://127.0.0.1/callback"],
    },
    Pinned {
        id: "https://opencode.ai/oauth/opencode/client.json",
        name: "OpenCode",
        uri: "https://opencode.ai",
        redirects: &["http://127.0.0.1:19876/mcp/oauth/callback"],
    },
];

const CODE: &[&str] = &[
    "http://127.0.0.1:33418/",
    "http://127.0.0.1/",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
];

/// The client that `id` names, as far as its document is known here.
pub(super) fn client(id: &ClientId, now: Timestamp) -> Option<Client> {
    let pinned = PINNED.iter().find(|pinned| pinned.id == id.as_str())?;
    let document = json!({
        "client_id": pinned.id,
        "client_name": pinned.name,
        "client_uri": pinned.uri,
        "redirect_uris": pinned.redirects,
        "token_endpoint_auth_method": "none",
    });
    // By the same rules as one that is fetched.
    Some(ClientDocument::parse(id, document.to_string().as_bytes()).ok()?.into_client(now))
}

#[cfg(test)]
mod tests {
    use model::redirect::RedirectUri;

    use super::*;

    #[test]
    fn each_reads_like_a_document_and_keeps_every_redirect_uri() {
        for pinned in PINNED {
            let client = client(&ClientId::parse(pinned.id).unwrap(), Timestamp::from_secs(1)).unwrap();
            assert_eq!(client.redirects.len(), pinned.redirects.len(), "{}", pinned.id);
            assert_eq!(client.name.as_deref(), Some(pinned.name));
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
