//! The tools through rmcp alone, for everybody as the same person: the yardstick for what our own layers cost.
//!
//! `cargo run --release -p mcp --example bare -- 127.0.0.1:4300`

#[path = "../tests/support/caller.rs"]
mod caller;

use axum::serve::ListenerExt;
use axum::{Extension, Router};
use tokio::net::TcpListener;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the line a benchmark waits for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address =
        std::env::args().nth(1).ok_or("give the address to listen on, for example 127.0.0.1:4300")?;
    let listener = TcpListener::bind(address).await?;
    let app = Router::new()
        .route_service("/mcp", mcp::bare_service(&caller::config()))
        .layer(Extension(caller::ada()));
    println!("ready http://{}/mcp", listener.local_addr()?);
    // Without it every answer in two segments waits for a delayed acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await?;
    Ok(())
}
