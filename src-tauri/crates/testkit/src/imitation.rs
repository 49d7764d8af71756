//! Imitations of real clients: each sends what the real one sends, in its order and with its headers, and stops where the
//! real one stops, with a sentence that says why.
//!
//! Here is what they have in common; what is peculiar to one is in its own file below `tests/imitations`.

mod messages;
mod page;
mod record;
mod role;
mod sign_in;

use std::fmt::Display;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::client::{Answer, answer};
use crate::tunnel::Tunnel;

pub use messages::{MODERN, call, discover, initialize, initialized, list, modern};
pub use record::Record;
pub use role::{ALL, Evidence, Role, roles};
pub use sign_in::{Ask, Code, Credentials, Server, Tokens};

pub type Headers<'a> = &'a [(&'a str, &'a str)];

pub const ACCEPT_BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");
pub const JSON: (&str, &str) = ("content-type", "application/json");

/// A client in the play.
#[derive(Debug, Clone)]
pub struct Imitation {
    pub role: &'static Role,
    pub mcp_url: String,
    http: reqwest::Client,
    tunnel: Option<Tunnel>,
    /// The origin of the page it runs in; then a browser decides what it may send and see.
    page: Option<&'static str>,
}

/// What a client learns from being turned away (RFC 9728 section 5.1).
#[derive(Debug, Clone)]
pub struct Challenge {
    pub resource_metadata: String,
    pub scope: String,
}

impl Imitation {
    /// Connects from outside to `mcp_url`, with nothing in mind of an earlier time.
    pub fn of(role: &'static Role, mcp_url: &str) -> Self {
        let http = reqwest::Client::builder()
            // None of them follows one where it asks for JSON or an event stream.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a plain client");
        Record::forget(role.test);
        Self { role, mcp_url: mcp_url.to_owned(), http, tunnel: None, page: None }
    }

    /// Runs in its maker's cloud.
    pub fn through(self, tunnel: Option<Tunnel>) -> Self {
        Self { tunnel, ..self }
    }

    /// Runs in a page of `origin`.
    pub fn in_page_of(self, origin: &'static str) -> Self {
        Self { page: Some(origin), ..self }
    }

    /// The same client where its requests come from a program and not from a page.
    pub fn out_of_page(&self) -> Self {
        Self { page: None, ..self.clone() }
    }

    /// The whole story was played; the page of compatibility may say so.
    pub fn bows(&self) {
        Record::keep(self.role.test);
    }

    /// Stops here unless it `holds`; `otherwise` says what is wrong and what the real client does about it.
    #[track_caller]
    pub fn needs(&self, holds: bool, otherwise: impl Display) {
        assert!(holds, "{} {}: {otherwise}", self.role.client, self.role.version);
    }

    /// Its origin, where several clients look for everything.
    pub fn origin(&self) -> &str {
        self.mcp_url.trim_end_matches('/').trim_end_matches("/mcp")
    }

    pub async fn get(&self, url: &str, headers: Headers<'_>) -> Answer {
        self.sends("GET", url, headers, |request| request).await
    }

    pub async fn post_json(&self, url: &str, headers: Headers<'_>, body: &Value) -> Answer {
        self.sends("POST", url, headers, |request| request.body(body.to_string())).await
    }

    /// The content type comes from `headers`, as each client writes it.
    pub async fn post_form(&self, url: &str, headers: Headers<'_>, form: Headers<'_>) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.sends("POST", url, headers, |request| request.body(body)).await
    }

    pub async fn sends(
        &self,
        method: &str,
        url: &str,
        headers: Headers<'_>,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let method: Method = method.parse().expect("a method");
        let mut headers = headers.to_vec();
        if let Some(origin) = self.page {
            self.preflight(origin, &method, url, &headers).await;
            headers.push(("origin", origin));
        }
        let mut request = Tunnel::carry(self.tunnel.as_ref(), &self.http, method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = answer(with(request)).await;
        if let Some(origin) = self.page { self.as_seen_by(origin, url, answer) } else { answer }
    }

    /// Reads the challenge as clients do: the scheme spelled exactly, the values quoted, the address absolute and on the
    /// same origin (VS Code compares the scheme with its case:
    /// <https://github.com/microsoft/vscode/blob/main/src/vs/base/common/oauth.ts>).
    pub fn is_challenged(&self, answer: &Answer) -> Challenge {
        self.needs(
            answer.status == 401,
            format_args!("{} instead of 401: it never starts to sign in: {}", answer.status, answer.body),
        );
        let header = answer.header("www-authenticate");
        let value = |name: &str| {
            let (_, rest) = header.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        self.needs(
            header.starts_with("Bearer "),
            format_args!("`{header}` is no Bearer challenge: it looks no further"),
        );
        let resource_metadata = value("resource_metadata").unwrap_or_default();
        self.needs(
            resource_metadata.starts_with(self.origin()),
            format_args!(
                "the challenge leads to `{resource_metadata}`, not to {}: it asks nobody else",
                self.origin()
            ),
        );
        Challenge { resource_metadata, scope: value("scope").unwrap_or_default() }
    }

    /// One MCP request with a token; its result.
    pub async fn asks(&self, token: &str, headers: Headers<'_>, body: &Value) -> Value {
        let bearer = format!("Bearer {token}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        let answer = self.post_json(&self.mcp_url, &all, body).await;
        let asked = &body["method"];
        self.needs(
            answer.status == 200,
            format_args!("{asked} was answered with {}: {}", answer.status, answer.body),
        );
        self.needs(
            answer.header("content-type") == "application/json",
            format_args!("{asked} came as `{}`: it cannot parse that", answer.header("content-type")),
        );
        self.needs(
            answer.header("mcp-session-id").is_empty(),
            format_args!("{asked} opened a session, which a restart would end"),
        );
        self.needs(
            answer.body["id"] == body["id"],
            format_args!(
                "{asked} with id {} came back with {}: the call hangs",
                body["id"], answer.body["id"]
            ),
        );
        self.needs(answer.body["error"].is_null(), format_args!("{asked} failed: {}", answer.body));
        answer.body["result"].clone()
    }

    /// A notification, taken with an empty body and `status`.
    pub async fn tells(&self, token: &str, headers: Headers<'_>, body: &Value, status: u16) {
        let bearer = format!("Bearer {token}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        let answer = self.post_json(&self.mcp_url, &all, body).await;
        self.needs(
            answer.status == status && answer.body == "",
            format_args!("a notification was answered with {} `{}`", answer.status, answer.body),
        );
    }

    /// It would like a stream of notifications. 405 says that there is none; anything else would be an error to it.
    pub async fn asks_for_a_stream(&self, token: &str, headers: Headers<'_>) {
        let bearer = format!("Bearer {token}");
        let mut all = vec![("authorization", bearer.as_str()), ("accept", "text/event-stream")];
        all.extend(headers);
        let answer = self.get(&self.mcp_url, &all).await;
        self.needs(
            answer.status == 405 && answer.header("allow") == "POST",
            format_args!(
                "GET was answered with {}: it takes that for a broken server: {}",
                answer.status, answer.body
            ),
        );
    }

    /// Looks the list of tools over as models' makers do before they take a tool in.
    #[track_caller]
    pub fn likes_the_tools(&self, result: &Value) {
        let tools = result["tools"].as_array().map_or(&[][..], Vec::as_slice);
        let named = |name: &str| tools.iter().any(|tool| tool["name"] == name);
        self.needs(
            named("version") && named("get_user_info"),
            format_args!("it is shown no tools: {result}"),
        );
        for tool in tools {
            self.needs(
                tool["inputSchema"]["type"] == "object",
                format_args!("a tool without an object to fill in: {tool}"),
            );
            self.needs(
                !has_null(tool),
                format_args!("a tool with a null in it, which strict schemas refuse: {tool}"),
            );
        }
    }

    /// The tool says who signed in.
    #[track_caller]
    pub fn meets_ada(&self, result: &Value) {
        self.needs(result["isError"] != true, format_args!("the tool failed: {result}"));
        let name = result["structuredContent"]["name"].as_str().unwrap_or_default();
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        self.needs(
            name.starts_with("Ada") && text.contains(name),
            format_args!("the tool does not know Ada: {result}"),
        );
    }
}

/// `null` anywhere: schemas that say `string().optional()` refuse it.
pub fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}
