//! How a person makes a client forget what it remembers of this server, so that it registers anew: told by where the client
//! asked to be answered, which is all there is to know of one that is not registered.
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
const INSPECTOR: &str = "MCP Inspector remembers a registration this server does not have. Open its Auth page, choose Clear OAuth \
                         State (or close the browser tab and open it anew), then connect again.";
const JETBRAINS: &str = "GitHub Copilot remembers a registration this server does not have. Remove this server in the MCP settings \
                         of the plugin, add it again, and start it.";
const GOOSE: &str = "goose remembers a registration this server does not have. Remove this extension, add it again, and start it.";
const TERMINAL: &str = "Your client remembers a registration this server does not have. In Claude Code type /mcp, choose this \
                        server and Clear authentication; in Codex run `codex mcp logout` with its name; then sign in again.";
const BRIDGE: &str = "Your client remembers a registration this server does not have. If mcp-remote is between, delete the folder \
                      .mcp-auth in your home folder; in Gemini CLI delete mcp-oauth-tokens.json in the folder .gemini; then connect \
                      again.";

/// What to do in the client that asked to be answered at `redirect_uri`: one or two sentences.
pub(crate) fn of(redirect_uri: Option<&str>) -> &'static str {
    redirect_uri.and_then(|text| Url::parse(text).ok()).map_or(ANY, |url| known(&url).unwrap_or(ANY))
}

fn known(url: &Url) -> Option<&'static str> {
    match (url.scheme(), url.host_str().unwrap_or_default()) {
        ("cursor", _) => Some(CURSOR),
        ("https", "claude.ai" | "claude.com") => Some(CLAUDE),
        ("https", "chatgpt.com") => Some(CHATGPT),
        ("https", "global.consent.azure-apim.net" | "teams.microsoft.com") => Some(COPILOT_STUDIO),
        ("https", "vscode.dev" | "insiders.vscode.dev") => Some(CODE),
        ("http", "localhost" | "127.0.0.1" | "[::1]") => on_this_computer(url),
        _ => None,
    }
}

/// By the ports and paths that programs on this computer listen on.
fn on_this_computer(url: &Url) -> Option<&'static str> {
    match (url.port(), url.path()) {
        (Some(6274 | 6276), _) => Some(INSPECTOR),
        (Some(33418), _) => Some(CODE),
        (Some(33428), _) => Some(JETBRAINS),
        (Some(8787), "/callback") => Some(CURSOR),
        (_, "/oauth_callback") => Some(GOOSE),
        (_, "/oauth/callback") => Some(BRIDGE),
        (_, path) if path == "/callback" || path.starts_with("/callback/") => Some(TERMINAL),
        (_, "/") => Some(CODE),
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
            ("http://localhost:8787/callback", CURSOR),
            ("https://vscode.dev/redirect", CODE),
            ("http://127.0.0.1:33418/", CODE),
            ("http://localhost:6274/oauth/callback", INSPECTOR),
            ("http://127.0.0.1:33428/callback", JETBRAINS),
            ("http://127.0.0.1:53111/oauth_callback", GOOSE),
            ("http://localhost:9845/oauth/callback", BRIDGE),
            ("http://localhost:54321/callback", TERMINAL),
            ("http://127.0.0.1:38007/callback/O4Cml3C-woZn", TERMINAL),
            ("https://evil.example/claude.ai", ANY),
            ("http://localhost:9999/other", ANY),
            ("not a url", ANY),
        ] {
            assert_eq!(of(Some(redirect_uri)), remedy, "{redirect_uri}");
        }
        assert_eq!(of(None), ANY);
    }
}
