//! A scripted MCP client: discovery, registration, the code flow, refreshing, calling tools.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::pkce::PkceChallenge;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use crate::browser::{Browser, Landed};
use crate::tunnel::Tunnel;

const VERIFIER: &str = "a-verifier-of-the-testkit.long~enough_for-RFC7636";

/// A client that may or may not be registered.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// How it reaches the public origin.
    tunnel: Option<Tunnel>,
    pub base: String,
    pub name: String,
    pub redirect_uri: String,
    pub id: String,
    pub secret: Option<String>,
    pub method: &'static str,
}

/// A client with tokens.
#[derive(Debug, Clone)]
pub struct Connected {
    pub client: Client,
    pub access_token: String,
    pub refresh_token: String,
}

/// Status, headers and JSON (or text) of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

/// Every name stands for this computer.
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Ok(Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0)))) as Addrs) })
    }
}

impl Client {
    /// A public client with a loopback redirect URI, not yet registered.
    pub fn to(base: &str, name: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Here))
            .user_agent(format!("{name}/1.0"))
            .build()
            .expect("a plain client");
        Self {
            http,
            tunnel: None,
            base: base.to_owned(),
            name: name.to_owned(),
            redirect_uri: "http://127.0.0.1:1/callback".to_owned(),
            id: String::new(),
            secret: None,
            method: "none",
        }
    }

    /// The same client by another spelling of the address.
    pub fn at(mut self, base: &str) -> Self {
        base.clone_into(&mut self.base);
        self
    }

    /// The same client elsewhere, with a way to the public origin.
    pub fn through(mut self, tunnel: Tunnel) -> Self {
        self.tunnel = Some(tunnel);
        self
    }

    fn asks(&self, method: Method, path: &str) -> RequestBuilder {
        self.by(method, &format!("{}{path}", self.base))
    }

    fn by(&self, method: Method, url: &str) -> RequestBuilder {
        Tunnel::carry(self.tunnel.as_ref(), &self.http, method, url)
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.asks(Method::GET, path)).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        answer(with_headers(self.asks(Method::GET, path), headers)).await
    }

    pub async fn options(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.asks(Method::OPTIONS, path);
        answer(with_headers(request, headers)).await
    }

    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let method = method.parse().expect("a method");
        let request = self.asks(method, path).body(body.to_owned());
        answer(with_headers(request, headers)).await
    }

    pub async fn register_as(&self, metadata: &Value) -> Answer {
        answer(self.asks(Method::POST, "/register").json(metadata)).await
    }

    /// Registers as its `method` says.
    pub async fn registers(self) -> Self {
        self.try_register().await.expect("an answer")
    }

    /// Like [`Self::registers`]; `None` if the server goes away meanwhile.
    pub async fn try_register(mut self) -> Option<Self> {
        let metadata = json!({
            "client_name": self.name, "redirect_uris": [self.redirect_uri], "token_endpoint_auth_method": self.method,
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        });
        let registered = try_answer(self.asks(Method::POST, "/register").json(&metadata)).await?;
        assert_eq!(registered.status, 201, "{}", registered.body);
        registered.text("client_id").clone_into(&mut self.id);
        self.secret = registered.body["client_secret"].as_str().map(str::to_owned);
        Some(self)
    }

    pub fn authorize_url(&self, changes: &[(&str, Option<&str>)]) -> String {
        let challenge = PkceChallenge::of_verifier(VERIFIER).to_text();
        let resource = format!("{}/mcp", self.base);
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", "st/+ =%2B"),
            ("resource", &resource),
            ("scope", "read"),
        ];
        for (name, value) in changes {
            params.retain(|(n, _)| n != name);
            params.extend(value.map(|value| (*name, value)));
        }
        Url::parse_with_params(&format!("{}/authorize", self.base), params).expect("a URL").into()
    }

    /// Through both pages as `person`, up to where the client would be called back.
    pub async fn lands(&self, browser: &mut Browser, person: &str) -> Landed {
        browser.sign_in(&self.authorize_url(&[]), person, &self.redirect_uri).await
    }

    pub async fn signs_in(&self, browser: &mut Browser, person: &str) -> Connected {
        let landed = self.lands(browser, person).await;
        assert_eq!(landed.param("state").as_deref(), Some("st/+ =%2B"), "state comes back byte for byte");
        assert_eq!(landed.param("iss").as_deref(), Some(self.base.as_str()), "RFC 9207");
        let code = landed.param("code").unwrap_or_else(|| panic!("no code: {} {}", landed.url, landed.body));
        self.connected(&self.redeem(&code, &[]).await)
    }

    pub fn connected(&self, tokens: &Answer) -> Connected {
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        Connected {
            client: self.clone(),
            access_token: tokens.text("access_token").to_owned(),
            refresh_token: tokens.text("refresh_token").to_owned(),
        }
    }

    pub async fn redeem(&self, code: &str, changes: &[(&str, Option<&str>)]) -> Answer {
        self.token_with(&self.code_form(code), changes).await
    }

    fn code_form<'a>(&'a self, code: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ]
    }

    /// Like [`Self::redeem`]; `None` if the server goes away meanwhile.
    pub async fn try_redeem(&self, code: &str) -> Option<Answer> {
        try_answer(self.form("/token", &self.code_form(code), &[])).await
    }

    /// A form to `/token`, authenticated as registered, with changes.
    pub async fn token_with(&self, form: &[(&str, &str)], changes: &[(&str, Option<&str>)]) -> Answer {
        self.post_form("/token", form, changes).await
    }

    pub async fn post_form(
        &self,
        path: &str,
        form: &[(&str, &str)],
        changes: &[(&str, Option<&str>)],
    ) -> Answer {
        answer(self.form(path, form, changes)).await
    }

    fn form(&self, path: &str, form: &[(&str, &str)], changes: &[(&str, Option<&str>)]) -> RequestBuilder {
        let mut form = form.to_vec();
        let mut request = self.asks(Method::POST, path);
        match (self.method, &self.secret) {
            ("client_secret_basic", Some(secret)) => {
                request = request.header(
                    AUTHORIZATION,
                    format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.id))),
                );
            }
            (_, secret) => {
                form.push(("client_id", &self.id));
                form.extend(secret.as_deref().map(|secret| ("client_secret", secret)));
            }
        }
        for (name, value) in changes {
            form.retain(|(n, _)| n != name);
            form.extend(value.map(|value| (*name, value)));
        }
        request.form(&form)
    }
}

impl Connected {
    /// A call to `/mcp` with the access token.
    pub async fn calls(&self, tool: &str) -> Answer {
        self.calls_at(&self.client.base, tool).await
    }

    pub async fn calls_at(&self, base: &str, tool: &str) -> Answer {
        answer(self.call(base, tool)).await
    }

    /// Like [`Self::calls`]; `None` if the server goes away meanwhile.
    pub async fn try_call(&self, tool: &str) -> Option<Answer> {
        try_answer(self.call(&self.client.base, tool)).await
    }

    fn call(&self, base: &str, tool: &str) -> RequestBuilder {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
        let request = self.client.by(Method::POST, &format!("{base}/mcp"));
        let request = request.bearer_auth(&self.access_token).json(&body);
        request.header("accept", "application/json, text/event-stream")
    }

    pub async fn refresh(&self) -> Answer {
        self.refresh_with(&[]).await
    }

    pub async fn refresh_with(&self, changes: &[(&str, Option<&str>)]) -> Answer {
        self.client.token_with(&self.refresh_form(), changes).await
    }

    /// Refreshed, or `None` if the server goes away meanwhile.
    pub async fn try_refresh(&self) -> Option<Self> {
        let tokens = try_answer(self.client.form("/token", &self.refresh_form(), &[])).await?;
        Some(self.client.connected(&tokens))
    }

    fn refresh_form(&self) -> [(&str, &str); 2] {
        [("grant_type", "refresh_token"), ("refresh_token", &self.refresh_token)]
    }

    pub async fn refreshes(&self) -> Self {
        self.client.connected(&self.refresh().await)
    }

    pub async fn revokes(&self, token: &str) -> Answer {
        self.client.post_form("/revoke", &[("token", token)], &[]).await
    }
}

impl Answer {
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    pub fn error(&self) -> &str {
        self.text("error")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The structured result of a tool call.
    pub fn structured(&self) -> &Value {
        &self.body["result"]["structuredContent"]
    }
}

fn with_headers(mut request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    try_answer(request).await.expect("an answer")
}

async fn try_answer(request: RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Some(Answer { status, headers, body })
}
