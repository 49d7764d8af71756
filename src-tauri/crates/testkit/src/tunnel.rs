//! The way in from the internet: what is addressed to the public origin is carried to the listener on this computer,
//! with `Host` unchanged, as tunnels and reverse proxies do.

use reqwest::header::HOST;
use reqwest::{Client, Method, RequestBuilder};
use url::{Position, Url};

/// From `public` to `local`, both bare origins.
#[derive(Debug, Clone)]
pub struct Tunnel {
    pub public: String,
    pub local: String,
}

impl Tunnel {
    /// A request to `url` as it arrives: through here if it is for the public origin, else as it is.
    pub fn carry(tunnel: Option<&Self>, http: &Client, method: Method, url: &str) -> RequestBuilder {
        let rest = tunnel.and_then(|tunnel| Some((tunnel, url.strip_prefix(&tunnel.public)?)));
        let Some((tunnel, rest)) = rest else { return http.request(method, url) };
        let host = Url::parse(&tunnel.public).expect("an origin");
        http.request(method, format!("{}{rest}", tunnel.local))
            .header(HOST, &host[Position::BeforeHost..Position::AfterPort])
            .header("x-forwarded-for", "203.0.113.9")
    }
}
