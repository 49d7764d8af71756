//! Real clients, imitated from their first request to the refresh after a restart, each with what it alone does and
//! each as strict as the real one. What is copied says where it was seen.

mod chatgpt;
mod claude_code;
mod claude_web;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod goose;
mod inspector;
mod jetbrains;
mod mcp_remote;
mod scene;
mod vs_code;
