//! HTTP towards the identity provider: time limits, bounded bodies, and the line between an answer and no usable
//! answer. It knows nothing of OAuth and never prints a body.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header};
use model::upstream::UpstreamError;
use reqwest::redirect::Policy;
use url::{Host, Url};

/// Longest answer read; metadata, keys and tokens stay far below.
const LONGEST_BODY: usize = 1024 * 1024;

/// Longest pause a `Retry-After` can ask of us.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The HTTP client could not be built: no usable TLS or proxy set-up on this computer.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up https on this computer, check its certificates and proxy settings: {0}")]
pub struct ClientError(#[from] reqwest::Error);

/// An answer that says something: any status but those that mean "not now".
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The client for the provider: 5 s to connect, 15 s in all, no redirects (a token endpoint has no reason to send
/// us elsewhere), through the system's proxy unless `authority` is on this computer or on its own link, where no proxy could
/// reach it.
pub fn http_client_for(authority: &Url) -> Result<reqwest::Client, ClientError> {
    let link_local = matches!(authority.host(), Some(Host::Ipv4(ip)) if ip.is_link_local());
    let builder = if is_loopback(authority) || link_local { builder().no_proxy() } else { builder() };
    Ok(builder.build()?)
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .redirect(Policy::none())
        .user_agent(concat!("just-mcp-oauth-proxy/", env!("CARGO_PKG_VERSION")))
}

/// Sends and reads to the end. What says "not now" (429, 408, 5xx) or nothing at all is `Unavailable`.
pub(crate) async fn send(http: &reqwest::Client, request: reqwest::Request) -> Result<Answer, UpstreamError> {
    let host = request.url().host_str().unwrap_or_default().to_owned();
    let answer = exchange(http, request).await?;
    if !says_not_now(answer.status) {
        return Ok(answer);
    }
    let (detail, retry_after) = not_now(&host, &answer);
    Err(UpstreamError::Unavailable { detail, retry_after, refusal: None })
}

/// What an answer of `host` says by "not now", and how long to wait if it says that too.
pub(crate) fn not_now(host: &str, answer: &Answer) -> (String, Option<Duration>) {
    let status = answer.status;
    tracing::warn!(
        upstream.host = host,
        upstream.status = status.as_u16(),
        "the identity provider says: not now"
    );
    (format!("{host} answered {status}"), retry_after(&answer.headers))
}

pub(crate) fn says_not_now(status: StatusCode) -> bool {
    status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
}

/// Sends and reads to the end, whatever the status. No answer at all is `Unavailable`.
pub(crate) async fn exchange(
    http: &reqwest::Client,
    request: reqwest::Request,
) -> Result<Answer, UpstreamError> {
    let host = request.url().host_str().unwrap_or_default().to_owned();
    let mut response =
        http.execute(request).await.map_err(|error| unavailable(format!("{host} {}", trouble(&error))))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| unavailable(format!("{host} {}", trouble(&error))))?
    {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(unavailable(format!("{host} sent more than {LONGEST_BODY} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

pub(crate) fn unavailable(detail: impl Into<String>) -> UpstreamError {
    UpstreamError::Unavailable { detail: detail.into(), retry_after: None, refusal: None }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); the form with a date is not sent by anybody we talk to.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// Whether the address is on this computer, where plain http is as good as https.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// What went wrong, without the URL, which a proxy's error could decorate with credentials.
fn trouble(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        unreachable_by(&causes(error))
    } else if error.is_timeout() {
        "did not answer in time"
    } else {
        "broke off its answer"
    }
}

/// The layers below say what it was in their texts only.
fn causes(error: &dyn std::error::Error) -> String {
    let mut told = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&error.to_string().to_ascii_lowercase());
        told.push('\n');
        cause = error.source();
    }
    told
}

/// Name, way and certificate are mended in different places.
fn unreachable_by(causes: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|word| causes.contains(word));
    if any(&["proxy", "tunnel", "socks"]) {
        "cannot be reached through the proxy: check HTTPS_PROXY and NO_PROXY of this computer, and that the proxy lets it pass"
    } else if any(&["dns error", "failed to lookup address"]) {
        "has no address: check the DNS of this computer and the authority in the settings"
    } else if any(&["certificate expired", "certificate not valid yet"]) {
        "was reached, but by the clock of this computer its certificate is out of date: let the computer set its clock by itself"
    } else if any(&["certificate", "unknownissuer", "corrupt message", "fatal alert", "tls", "handshake"]) {
        "was reached, but not safely: something on the way opens encrypted connections, or its certificate is not trusted \
         here; add the certificate authority of your network to this computer"
    } else if any(&["timed out", "deadline"]) {
        "did not take the connection in time: check the network and the firewall of this computer"
    } else {
        "cannot be reached: check the network, the proxy and the authority in the settings"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_in_seconds_and_never_longer_than_an_hour() {
        let pause = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("86400"), Some(Duration::from_secs(3600)));
        assert_eq!(pause("-1"), None);
        assert_eq!(pause("Fri, 31 Dec 2027 23:59:59 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn only_this_computer_is_loopback() {
        let loopback = |text: &str| is_loopback(&Url::parse(text).unwrap());
        for here in ["http://localhost:4243/x", "http://127.0.0.9", "http://[::1]:80/"] {
            assert!(loopback(here), "{here}");
        }
        for elsewhere in
            ["http://localhost.example.com", "http://10.0.0.1", "http://[::2]/", "https://example.com"]
        {
            assert!(!loopback(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn name_way_and_certificate_are_told_apart() {
        for (causes, told) in [
            ("client error (connect)\ndns error\nfailed to lookup address information", "has no address"),
            ("client error (connect)\ninvalid peer certificate: unknownissuer", "not safely"),
            (
                "client error (connect)\ninvalid peer certificate: certificate not valid yet: verification time 9 (unix)",
                "set its clock",
            ),
            ("client error (connect)\ninvalid peer certificate: certificate expired", "set its clock"),
            ("client error (connect)\ntunnel error: unsuccessful", "through the proxy"),
            ("client error (connect)\ntcp connect error\nconnection refused", "check the network"),
            ("client error (connect)\noperation timed out", "in time"),
        ] {
            assert!(unreachable_by(causes).contains(told), "{causes}");
        }
    }

    /// Answers whatever comes with this, in plain text.
    async fn answering(text: &'static str) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.unwrap();
        });
        address
    }

    async fn told_by(client: reqwest::ClientBuilder, url: &str) -> &'static str {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let sent = client.build().unwrap().get(url).send().await;
        trouble(&sent.expect_err("nobody answers"))
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_told_as_one_that_is_not_safe() {
        let address = answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        assert!(told_by(builder().no_proxy(), &format!("https://{address}/")).await.contains("not safely"));
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_and_a_proxy_that_lets_nothing_pass_are_told_as_these() {
        struct Nobody;
        impl reqwest::dns::Resolve for Nobody {
            fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
                Box::pin(async { Err(std::io::Error::other("no such host").into()) })
            }
        }
        let unnamed = builder().no_proxy().dns_resolver(Nobody);
        assert!(told_by(unnamed, "https://id.example.com/").await.contains("has no address"));

        let refusing = answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for proxy in [refusing, gone] {
            let by = builder().proxy(reqwest::Proxy::all(format!("http://{proxy}")).unwrap());
            assert!(told_by(by, "https://id.example.com/").await.contains("through the proxy"), "{proxy}");
        }
    }

    #[test]
    fn the_clients_can_be_built_on_this_computer() {
        http_client_for(&Url::parse("https://login.microsoftonline.com").unwrap())
            .expect("a client for the internet");
        http_client_for(&Url::parse("http://localhost:4243").unwrap()).expect("a client for this computer");
    }
}
