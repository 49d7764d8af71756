//! The bodies of MCP requests, of the handshake era and of 2026-07-28.

use serde_json::{Value, json};

/// The revision without a handshake.
pub const MODERN: &str = "2026-07-28";

pub fn initialize(id: &Value, version: &str, client: &Value, capabilities: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "initialize",
        "params": { "protocolVersion": version, "capabilities": capabilities, "clientInfo": client } })
}

pub fn initialized() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

pub fn list(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {} })
}

pub fn call(id: &Value, tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
}

/// Asks whether the server speaks 2026-07-28.
pub fn discover(id: &Value, client: &Value) -> Value {
    modern(json!({ "jsonrpc": "2.0", "id": id, "method": "server/discover", "params": {} }), client)
}

/// `message` with what every request of 2026-07-28 says about its sender.
pub fn modern(mut message: Value, client: &Value) -> Value {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": client,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    message
}
