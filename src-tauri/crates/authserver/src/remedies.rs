//! How a person makes a client forget what it remembers of this server, so that it registers anew: told by where the client
//! asked to be answered, which is all there is to know of one that is not registered. Only an address that is one client's alone
//! names it.
//!
//! Nothing here decides anything. A stranger can choose which of these sentences a page shows, and no more.

use url::Url;

/// For whoever uses a client that is not listed.
const ANY: &str = "Your client remembers a registration this server does not have. Remove the server in your client (or clear its \
                   sign-in data), add it again, and connect.";

const CLAUDE: &str = "Claude remembers a registration this server does not have. Open Settings, then Connectors; remove this \
                      connector, add it again, and connect.";
const CHATGPT: &str = "ChatGPT remembers a registration this server does not have. Open Settings, then Connectors; delete this \
                       connector, create it again, and connect.";
const COPILOT_STUDIO: &str = "Copilot Studio remembers a registration this server does not have. Delete the connection of this \
                              MCP server, add the server again, and connect.";
const CURSOR: &str = "Cursor remembers a registration this server does not have. Open its settings, then MCP; log out of this \
                      server or remove it, and connect again.";
const CODE: &str = "Visual Studio Code remembers a registration this server does not have. Run its command \
                    \u{201c}Authentication: Remove Dynamic Authentication Providers\u{201d}, then start the server again.";
/// Programs on this computer share its addresses, so none is named as the one. mcp-remote has no page to clear anything on.
const ON_THIS_COMPUTER: &str = "Your client remembers a registration this server does not have. Remove the server in your client and clear \
                                its sign-in data, then add it again and connect. If mcp-remote is between, delete the folder .mcp-auth \
                                in your home folder first.";

/// What to do in the client that asked to be answered at `redirect_uri`: two or three sentences.
pub(crate) fn of(redirect_uri: Option<&str>) -> &'static str {
    redirect_uri.and_then(|text| Url::parse(text).ok()).map_or(ANY, |url| known(&url).unwrap_or(ANY))
}

fn known(url: &Url) -> Option<&'static str> {
    match (url.scheme(), url.host_str().unwrap_or_default()) {
        ("cursor", _) => Some(CURSOR),
        ("https", "claude.ai" | "claude.com") => Some(CLAUDE),
        ("https", "chatgpt.com") => Some(CHATGPT),
        ("https", "global.consent.azure-apim.net" | "teams.microsoft.com") => Some(COPILOT_STUDIO),
        ("https", "vscode.dev" | "insiders.vscode.dev") if url.path() == "/redirect" => Some(CODE),
        ("http", "localhost" | "127.0.0.1" | "[::1]") => Some(ON_THIS_COMPUTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_told_by_where_it_is_answered() {
        for (redirect_uri, remedy) in [
            ("https://claude.ai/api/mcp/auth_callback", CLAUDE),
            ("https://chatgpt.com/connector/oauth/AbCdEf123456", CHATGPT),
            ("https://global.consent.azure-apim.net/redirect/new-5f-x-5f-abc", COPILOT_STUDIO),
            ("cursor://anysphere.cursor-mcp/oauth/callback", CURSOR),
            ("https://vscode.dev/redirect", CODE),
            ("https://vscode.dev/other", ANY),
            ("https://vscode.dev.example/redirect", ANY),
            ("https://evil.example/claude.ai", ANY),
            ("not a url", ANY),
        ] {
            assert_eq!(of(Some(redirect_uri)), remedy, "{redirect_uri}");
        }
        assert_eq!(of(None), ANY);
    }

    #[test]
    fn an_address_of_this_computer_names_no_client() {
        for redirect_uri in [
            "http://127.0.0.1:33418/",
            "http://localhost:6274/oauth/callback",
            "http://localhost:8787/callback",
            "http://localhost:9845/oauth/callback",
            "http://[::1]:38007/callback/O4Cml3C-woZn",
        ] {
            let told = of(Some(redirect_uri));
            assert!(told.starts_with("Your client remembers"), "{redirect_uri}: {told}");
        }
    }
}
