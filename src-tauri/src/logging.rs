//! The process log on stderr. It never carries tokens, codes, names or addresses; those have no `Debug` that shows them.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, filter, fmt};

/// Of a request that it refuses, such as a method that nobody has, the MCP library warns with the whole of it; the client is told.
const DEFAULT: &str = "info,rmcp::service=error,sqlx=warn,hyper=warn,zbus=warn,tao=warn,wry=warn";

/// The level is set by `JMOP_LOG`, as for the server without a window.
pub(crate) fn start() {
    let level = std::env::var("JMOP_LOG").ok().filter(|text| !text.trim().is_empty());
    let filter = level
        .as_deref()
        .and_then(|text| EnvFilter::try_new(format!("{DEFAULT},{text}")).ok())
        .unwrap_or_else(|| EnvFilter::new(DEFAULT));
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(filter)
        .with(filter::filter_fn(is_harmless))
        .with(layer.with_target(false))
        .init();
}

/// Below their warnings these print what they carry: the MCP library requests and answers with the names of people in them,
/// ngrok's whatever comes through the tunnel, and the authtoken. No setting lets that through.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let carries = ["rmcp", "ngrok", "muxado"].iter().any(|name| metadata.target().starts_with(name));
    !carries || *metadata.level() <= Level::WARN
}
