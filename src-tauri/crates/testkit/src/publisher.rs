//! Hosts of client ID metadata documents, on loopback.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

/// A public client's document. Its address is the client id; it is served until the host is aborted.
pub async fn document_host(redirect_uri: &str) -> (String, JoinHandle<()>) {
    let (base, host) = host(|base| {
        let document = json!({
            "client_id": format!("{base}/client.json"), "client_name": "Document client",
            "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
        });
        vec![("/client.json", document)]
    })
    .await;
    (format!("{base}/client.json"), host)
}

/// The document of a client that can authenticate by `methods`, and its keys beside it.
pub async fn signing_host(redirect_uri: &str, methods: &[&str], jwks: Value) -> (String, JoinHandle<()>) {
    let (base, host) = host(|base| {
        let document = json!({
            "client_id": format!("{base}/client.json"), "client_name": "Signing client",
            "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": methods, "jwks_uri": format!("{base}/jwks.json"),
        });
        vec![("/client.json", document), ("/jwks.json", jwks)]
    })
    .await;
    (format!("{base}/client.json"), host)
}

/// The document of a client that signs, with its keys in it. What is put into the answer is published from then on.
pub async fn changing_host(redirect_uri: &str, jwks: &Value) -> (String, impl Fn(&Value) + use<>) {
    let redirect_uri = redirect_uri.to_owned();
    let document = move |base: &str, jwks: &Value| {
        json!({
            "client_id": format!("{base}/client.json"), "client_name": "Signing client",
            "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        })
    };
    let shelf = Arc::new(Mutex::new(Vec::new()));
    let (base, _host) = serve(Arc::clone(&shelf)).await;
    let id = format!("{base}/client.json");
    let publish = move |jwks: &Value| {
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        *shelf = vec![("/client.json", document(&base, jwks))];
    };
    publish(jwks);
    (id, publish)
}

type Shelf = Arc<Mutex<Vec<(&'static str, Value)>>>;

/// Serves JSON by path; anything else is not found.
async fn host(documents: impl FnOnce(&str) -> Vec<(&'static str, Value)>) -> (String, JoinHandle<()>) {
    let shelf = Shelf::default();
    let (base, server) = serve(Arc::clone(&shelf)).await;
    *shelf.lock().unwrap_or_else(PoisonError::into_inner) = documents(&base);
    (base, server)
}

async fn serve(shelf: Shelf) -> (String, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let found = {
                let shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
                shelf.iter().find(|(at, _)| *at == path).map(|(_, body)| body.to_string())
            };
            let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
            let body = found.unwrap_or_default();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (base, server)
}
