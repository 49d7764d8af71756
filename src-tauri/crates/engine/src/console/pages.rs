//! The two things a person reads in the browser here: what the console can do, and why a link does not open it.
//!
//! Plain HTML without script or style. Everything on these pages is text of our own, so nothing needs escaping.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use crate::api::{COMMANDS, Command};

/// Every command, and how to send one.
pub(super) fn overview() -> Response {
    let row = |command: &Command| {
        format!("<dt><code>POST /rpc/{}</code></dt><dd>{}</dd>", command.name, command.about)
    };
    let rows = COMMANDS.iter().map(row).collect::<Vec<_>>().concat();
    let body = format!(
        "<p>This browser is signed in to the console until the server stops, or until it \
         is not used for 12 hours.</p>\
         <p>A command is posted as JSON with <code>content-type: application/json</code>.</p>\
         <dl>{rows}\
         <dt><code>GET /events</code></dt><dd>What happens, as server-sent events.</dd>\
         <dt><code>POST /link</code></dt><dd>A link that lets one more browser in, once, within 10 minutes.</dd>\
         </dl>"
    );
    page(StatusCode::OK, "Console", &body)
}

/// The link was used, or is too old, or was cut short when it was copied.
pub(super) fn spent_link() -> Response {
    let body = "<p>A console link opens one browser, once, within 10 minutes of being made. This one has been used, is \
                too old, or was not copied whole.</p>\
                <p>Go on in the browser that opened it: <a href=\"/\">open the console</a>. If that browser is gone, \
                restart the server; it prints a new link.</p>";
    page(StatusCode::UNAUTHORIZED, "This link does not open the console", body)
}

/// A browser that did not come in by a link.
pub(super) fn stranger() -> Response {
    let body = "<p>Only a browser that opened a console link gets in, and this one did not, or was idle for 12 hours.</p>\
                <p>The server prints a link when it starts. Open that one, or restart the server for a new one; its \
                clients stay signed in.</p>";
    page(StatusCode::UNAUTHORIZED, "The console does not know this browser", body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} - Just MCP OAuth Proxy</title></head><body><h1>{title}</h1>{body}</body></html>"
    );
    (status, Html(html)).into_response()
}
