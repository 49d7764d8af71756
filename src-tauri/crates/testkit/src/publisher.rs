//! A host with one client ID metadata document, on loopback.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

/// Its address is the client id; it serves until it is aborted.
pub async fn document_host(redirect_uri: &str) -> (String, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/client.json", listener.local_addr().expect("an address"));
    let body = serde_json::json!({
        "client_id": url, "client_name": "Document client", "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": "none",
    })
    .to_string();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, server)
}
