//! A bare JSON handler whose answer has the size of a real one: what axum can do when nobody speaks MCP.
//!
//! `cargo run --release -p mcp --example raw -- 127.0.0.1:4301 [tool]`; the answer is that of the tool, `version` if
//! none is named, taken once at the start.

#[path = "../tests/support/caller.rs"]
mod caller;

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Extension, Json, Router};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the line a benchmark waits for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("give the address to listen on, for example 127.0.0.1:4301")?;
    let answer = real_answer(&args.next().unwrap_or_else(|| "version".to_owned())).await?;
    let listener = TcpListener::bind(address).await?;
    let app = Router::new().route(
        "/mcp",
        // The request is parsed, as any JSON handler would.
        post(async move |Json(_): Json<Value>| {
            ([(header::CONTENT_TYPE, "application/json")], answer.clone())
        }),
    );
    println!("ready http://{}/mcp", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await?;
    Ok(())
}

async fn real_answer(tool: &str) -> Result<Bytes, Box<dyn std::error::Error>> {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool } });
    let request = Request::post("/mcp")
        .header(header::HOST, "localhost")
        .header("mcp-protocol-version", "2025-11-25")
        .body(Body::from(call.to_string()))?;
    let app = mcp::router(&caller::config()).layer(Extension(caller::ada()));
    let response = app.oneshot(request).await?;
    if !response.status().is_success() {
        return Err(format!("the tool {tool} answered with {}", response.status()).into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}
