//! The real clients that tests run, in the versions that are installed for them.

use serde_json::Value;

use crate::read;

/// A real client in one way of connecting.
#[derive(Debug)]
pub(crate) struct Real {
    pub(crate) client: &'static str,
    /// Its package: in `package.json`, or in `requirements.txt` of the tests.
    package: &'static str,
    /// As its test leaves it (`record` in `src-tauri/tests/clients/record.mjs`).
    pub(crate) record: &'static str,
    pub(crate) tried: &'static str,
}

macro_rules! real {
    ($($client:literal $package:literal $record:literal $tried:literal;)*) => {
        pub(crate) const REAL: &[Real] = &[$(Real { client: $client, package: $package, record: $record, tried: $tried }),*];
    };
}

real! {
    "MCP Inspector" "inspector-0.17.1" "inspector-0.17.1-proxy" "via proxy, as npx installs it today";
    "MCP Inspector" "inspector-0.17.1" "inspector-0.17.1-direct" "direct, as npx installs it today";
    "MCP Inspector" "inspector-0.17.1-sdk-1.20.1" "inspector-0.17.1-sdk-1.20.1-proxy" "via proxy, with the SDK of its time";
    "MCP Inspector" "inspector-0.17.1-sdk-1.20.1" "inspector-0.17.1-sdk-1.20.1-direct" "direct, with the SDK of its time";
    "MCP Inspector" "inspector-1.0.3" "inspector-1.0.3-proxy" "via proxy";
    "MCP Inspector" "inspector-1.0.3" "inspector-1.0.3-direct" "direct";
    "MCP Inspector" "inspector-2.12.0" "inspector-2.12.0-web" "its only way";
    "mcp-remote" "mcp-remote" "mcp-remote" "as Claude Desktop starts it";
    "TypeScript SDK 1.x" "@modelcontextprotocol/sdk" "typescript-sdk-1.x" "what Cursor and many others are built on";
    "TypeScript SDK 2.x" "@modelcontextprotocol/client" "typescript-sdk-2.x-legacy" "handshake of 2025-11-25";
    "TypeScript SDK 2.x" "@modelcontextprotocol/client" "typescript-sdk-2.x-auto" "finds 2026-07-28 by itself";
    "Python SDK" "mcp" "python-sdk" "in a process of its own";
}

impl Real {
    /// What is installed, as the lists of packages pin it.
    pub(crate) fn version(&self) -> String {
        let pinned = pinned();
        let found = pinned.iter().find(|(name, _)| name == self.package);
        found.unwrap_or_else(|| panic!("{} is in no list of packages", self.package)).1.clone()
    }
}

/// All packages of the tests, with their versions.
fn pinned() -> Vec<(String, String)> {
    let package: Value = serde_json::from_str(&read("package.json")).unwrap();
    let npm = package["devDependencies"].as_object().unwrap().iter().map(|(name, version)| {
        let version = version.as_str().unwrap();
        (name.clone(), version.rsplit('@').next().unwrap().to_owned())
    });
    let requirements = read("src-tauri/tests/requirements.txt");
    let python = requirements.lines().filter_map(|line| line.split_once("=="));
    npm.chain(python.map(|(name, version)| (name.to_owned(), version.to_owned()))).collect()
}

#[test]
fn every_client_among_the_packages_is_on_the_list() {
    for (name, _) in pinned() {
        // The conformance suite is no client; what it finds is in its own test.
        let is_client = name != "@modelcontextprotocol/conformance"
            && ["inspector-", "mcp-remote", "@modelcontextprotocol/"]
                .iter()
                .any(|start| name.starts_with(start));
        let listed = REAL.iter().any(|real| real.package == name);
        assert!(!is_client || listed, "{name} is installed for tests and not on the page of compatibility");
    }
}
