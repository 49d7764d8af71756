//! The `.env` of the replaced example works unchanged.

use super::{APP, TENANT, entra_of, problem, problems, refused, settings, typed};
use crate::settings::{SettingsDraft, Source};

const PREFIX: &str = "FASTMCP_SERVER_AUTH_AZURE_";

fn example(more: &str) -> SettingsDraft {
    SettingsDraft::from_dotenv(&format!(
        "# Azure\n{PREFIX}CLIENT_ID={APP}\nexport {PREFIX}TENANT_ID='{TENANT}'\n{PREFIX}CLIENT_SECRET=\"abC8Q~x\" # Value\n{more}\n"
    ))
}

#[test]
fn a_whole_env_file_of_the_example_is_taken() {
    let draft = example(&format!(
        "{PREFIX}REQUIRED_SCOPES=read,api://{APP}/write\n{PREFIX}BASE_URL=http://localhost:4242\n\
         {PREFIX}IDENTIFIER_URI=api://{APP}\n{PREFIX}REDIRECT_PATH=entra/callback\n\
         {PREFIX}ADDITIONAL_AUTHORIZE_SCOPES=[\"User.Read\", \"email\"]\nPROXY_MCP_URL=http://localhost:4242/mcp\n\
         CORS_ALLOW_ORIGINS=http://localhost:6274,https://a.example\nFASTMCP_LOG_LEVEL=DEBUG"
    ));
    let entra = entra_of(&draft);
    assert_eq!((entra.client_id.as_str(), entra.tenant.as_str()), (APP, TENANT));
    assert_eq!(super::entra::secret_of(&entra), "abC8Q~x");
    assert_eq!(entra.required_scopes.to_string(), "read write");
    assert_eq!(entra.extra_authorize_scopes.to_string(), "https://graph.microsoft.com/User.Read");
    let server = settings(&draft).server;
    assert_eq!(server.public_url, None, "an address on loopback is no public URL");
    assert_eq!(server.callback_path, "/entra/callback");
    assert_eq!(server.cors_origins, ["http://localhost:6274", "https://a.example"]);
}

#[test]
fn a_local_base_url_must_name_the_port_we_listen_on() {
    for url in [
        "http://localhost:4242",
        "http://127.0.0.1:4242/",
        "http://[::1]:4242/mcp",
        "http://localhost:4242/mcp/",
    ] {
        assert!(settings(&example(&format!("PROXY_MCP_URL={url}"))).server.public_url.is_none(), "{url}");
    }
    let moved = example("PROXY_MCP_URL=http://localhost:8000/mcp");
    refused(&moved, "server.listen", "port-differs");
    let told = problem(&moved);
    assert_eq!(told.source, Source::Environment { variable: "PROXY_MCP_URL".into() });
    assert!(told.hint.unwrap().contains("127.0.0.1:8000"));
    settings(&moved.clone().overlay(typed(&[("server.listen", "127.0.0.1:8000")])));
    settings(&moved.overlay(typed(&[("server.listen", "127.0.0.1:0")])));
}

#[test]
fn a_public_base_url_becomes_the_public_url() {
    for url in [
        "https://mcp.example.com",
        "https://mcp.example.com/",
        "https://mcp.example.com/mcp",
        "https://mcp.example.com/mcp/",
    ] {
        let both = format!("{PREFIX}BASE_URL={url}\nPROXY_MCP_URL=https://mcp.example.com/mcp");
        assert_eq!(
            settings(&example(&both)).server.public_url.unwrap().as_str(),
            "https://mcp.example.com",
            "{url}"
        );
    }
    refused(&example("PROXY_MCP_URL=http://mcp.example.com/mcp"), "server.public_url", "not-https");
    refused(&example("PROXY_MCP_URL=https://mcp.example.com/other"), "server.public_url", "not-an-origin");
    let differing = format!("{PREFIX}BASE_URL=https://a.example\nPROXY_MCP_URL=https://b.example/mcp");
    refused(&example(&differing), "server.public_url", "two-public-urls");
}

#[test]
fn our_own_name_wins_over_the_examples_in_any_order() {
    for text in [
        "JMOP_SERVER_PUBLIC_URL=https://ours.example\nPROXY_MCP_URL=https://b.example/mcp",
        "PROXY_MCP_URL=https://b.example/mcp\nJMOP_SERVER_PUBLIC_URL=https://ours.example",
    ] {
        assert_eq!(settings(&example(text)).server.public_url.unwrap().as_str(), "https://ours.example");
    }
    let tenant = entra_of(&example("JMOP_ENTRA_TENANT=contoso.com")).tenant;
    assert_eq!(tenant, "contoso.com");
}

#[test]
fn broken_lines_are_reported_together_with_everything_else() {
    let found = problems(&example("no equals sign\nJMOP_SERVER_LISTEN=x\nJMOP_SERVER_LISTN=x"));
    let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unknown-variable", "dotenv-syntax", "not-an-address"]);
    assert_eq!(found[1].source, Source::File { path: ".env".into(), line: Some(5) });
}
