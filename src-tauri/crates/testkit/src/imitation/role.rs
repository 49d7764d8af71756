//! Whom we imitate: which version, and how we know what it does.

/// How we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Captured from the product on a loopback server.
    Wire,
    /// Read in its source.
    Source,
    /// Its maker's documentation and logs of other servers; the product cannot be run offline.
    Reported,
}

/// One imitation.
#[derive(Debug)]
pub struct Role {
    pub client: &'static str,
    pub version: &'static str,
    pub from: Evidence,
    /// The test that plays it, in `tests/imitations`.
    pub test: &'static str,
    /// What is peculiar to it, for the page of compatibility.
    pub tried: &'static str,
}

impl Evidence {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Wire => "captured on the wire",
            Self::Source => "from its source",
            Self::Reported => "from its documentation and logs",
        }
    }
}

macro_rules! roles {
    ($($name:ident: $client:literal, $version:literal, $from:ident, $test:literal, $tried:literal;)*) => {
        /// The roles by name.
        pub mod roles {
            use super::{Evidence, Role};
            $(pub const $name: &Role = &Role {
                client: $client, version: $version, from: Evidence::$from, test: $test, tried: $tried,
            };)*
        }
        /// Every role there is.
        pub const ALL: &[&Role] = &[$(roles::$name),*];
    };
}

roles! {
    CLAUDE_CODE: "Claude Code", "2.1.330", Wire, "claude_code_comes_by_its_document_and_discovers",
        "metadata document, `server/discover`, refresh before expiry without scope";
    CLAUDE_CODE_REGISTERED: "Claude Code", "2.1.330", Wire, "claude_code_registers_where_it_must_and_shakes_hands",
        "registration, handshake of 2025-11-25";
    CLAUDE_WEB: "Claude on the web, desktop, mobile", "August 2026", Reported, "claude_on_the_web_comes_by_its_document",
        "public address, metadata document, two services at once";
    CLAUDE_WEB_REGISTERED: "Claude on the web, desktop, mobile", "before August 2026", Reported,
        "claude_on_the_web_registers_twice_and_uses_both", "public address, two registrations with a secret";
    CHATGPT: "ChatGPT on the web", "November 2026", Reported, "chatgpt_comes_by_its_document_and_reads_what_its_tools_need",
        "public address, metadata document, `server/discover`, `securitySchemes`, a 401 that links the account again";
    CHATGPT_SIGNING: "ChatGPT on the web", "November 2026", Reported, "chatgpt_signs_its_requests",
        "the same, with signed token requests (document and keys on a host of ours)";
    INSPECTOR_0_17_1_PROXY: "MCP Inspector", "0.17.1", Wire, "inspector_0_17_1_via_its_proxy",
        "via proxy: sign-in in the page, calls by `node-fetch`";
    INSPECTOR_0_17_1_DIRECT: "MCP Inspector", "0.17.1", Wire, "inspector_0_17_1_direct",
        "direct: every request from the page, with its preflights";
    INSPECTOR_1_0_3_PROXY: "MCP Inspector", "1.0.3", Wire, "inspector_1_0_3_via_its_proxy",
        "via proxy: discovery by its server, tokens in the page";
    INSPECTOR_1_0_3_DIRECT: "MCP Inspector", "1.0.3", Wire, "inspector_1_0_3_direct",
        "direct: every request from the page, with its preflights";
    INSPECTOR_2: "MCP Inspector", "2.12.0", Wire, "inspector_2_checks_issuer_and_resource_to_the_letter",
        "its backend, strict about issuer and nulls";
    VS_CODE: "Visual Studio Code", "1.12x", Source, "vs_code_comes_by_its_document",
        "metadata document, no version header, scheme compared with its case";
    VS_CODE_REGISTERED: "Visual Studio Code", "1.12x", Source, "vs_code_registers_four_addresses_and_a_grant_we_do_not_have",
        "registration with four redirect URIs and the device grant";
    CURSOR: "Cursor", "3.10.17", Reported, "cursor_registers_three_kinds_of_addresses_at_once",
        "one registration with a custom scheme, https and loopback; signs in by the custom scheme";
    MCP_REMOTE: "mcp-remote", "0.15.1", Wire, "mcp_remote_asks_first_and_names_its_methods",
        "new headers on old requests, refresh with scope";
    GEMINI: "Gemini CLI", "0.61.0", Wire, "gemini_cli_insists_on_the_issuer",
        "`HEAD /mcp`, mandatory `iss`, scopes of the server's metadata";
    CODEX: "Codex", "0.169.0", Wire, "codex_looks_before_every_start_and_refreshes_in_bursts",
        "metadata document, `GET /mcp` first and at every start, parallel refreshes";
    CODEX_REGISTERED: "Codex", "0.169.0", Wire, "codex_registers_where_documents_are_not_taken",
        "registration, handshake of 2025-06-18";
    COPILOT_STUDIO: "Copilot Studio", "November 2026", Reported, "copilot_studio_is_given_a_secret_and_a_scope",
        "public address, a secret it did not ask for, Basic, the scope of the registration";
    GOOSE: "Goose", "July 2026", Source, "goose_comes_by_its_document_on_any_port",
        "metadata document with a loopback address of any port, handshake of 2025-03-26";
    JETBRAINS: "GitHub Copilot for JetBrains", "2026", Reported, "the_jetbrains_plugin_registers_a_fixed_port_and_none",
        "registration with a fixed port and with none";
    COPILOT_CLI: "GitHub Copilot CLI", "1.0.102", Reported, "copilot_cli_asks_again_for_what_it_was_granted",
        "metadata document, `server/discover`, the granted scope on refresh";
    COPILOT_CLI_REGISTERED: "GitHub Copilot CLI", "1.0.102", Reported, "copilot_cli_registers_where_documents_are_not_taken",
        "registration, the granted scope on refresh";
}
