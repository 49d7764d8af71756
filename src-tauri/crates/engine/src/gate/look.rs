//! How the public address looks from outside: asked as hosted clients and browsers would, and told as steps.
//!
//! Every request carries a ticket that only this installation can make, so what answers it is us, and our own look is no
//! attempt of a client. The name of a hosted client is what rules against bots turn away
//! (<https://github.com/anthropics/claude-ai-mcp/issues/620>).

mod words;

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use model::check::{Outcome, Step};
use model::look::{END, Looks, PAUSE, Question};
use model::origin::{BaseUrl, Origin, Site};
use model::ports::Entropy;
use model::time::Timestamp;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;
use tunnel::Doubt;
use url::{Host, Url};

use words::{Told, in_place_of_us, no_answer};

/// Most of an answer that is read; ours stay far below.
const LONGEST: usize = 64 * 1024;
const CLIENT: &str = "Claude-User";
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// Pieces that come closer together than this were kept back on the way.
const APART: Duration = PAUSE.checked_div(2).expect("two is not zero");

/// What is seen of one address.
pub(crate) struct Seen(Vec<Step>);

/// Who looks at which address.
pub(crate) struct Look {
    http: Client,
    site: Site,
    ticket: String,
    proof: String,
}

/// An answer, read to its end or to what is too much.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    /// Between the piece that proves us and the end.
    apart: Option<Duration>,
    /// It broke off.
    is_cut: bool,
}

// === impl Seen ===

impl Seen {
    /// Whether clients get through: what to know although they do, or what stops them.
    pub(crate) fn verdict(self) -> Result<Vec<Doubt>, Doubt> {
        let told =
            |step: &Step| Doubt { reason: step.what.clone(), hint: step.hint.clone().unwrap_or_default() };
        match self.0.iter().find(|step| step.outcome == Outcome::Failed) {
            Some(step) => Err(told(step)),
            None => Ok(self.0.iter().filter(|step| step.outcome == Outcome::Noted).map(told).collect()),
        }
    }

    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.0
    }
}

// === impl Look ===

impl Look {
    /// With connections of its own: names and certificates are looked at anew each time.
    pub(crate) fn new(
        base: &BaseUrl,
        looks: &Looks,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, entra::ClientError> {
        let url = Url::parse(base.as_str()).expect("a base URL is one");
        Ok(Self::with(entra::http_client_for(&url)?, base, looks, entropy, now))
    }

    fn with(http: Client, base: &BaseUrl, looks: &Looks, entropy: &dyn Entropy, now: Timestamp) -> Self {
        let ticket = looks.ticket(entropy, now);
        let proof = looks.proof(&ticket);
        Self { http, site: Site { origin: Origin::Public, base: base.clone() }, ticket, proof }
    }

    pub(crate) async fn outside(&self) -> Seen {
        let mut steps = Vec::new();
        steps.extend(self.port());
        let answer = self.pieces().await;
        let stream = answer.as_ref().ok().map(streamed);
        let leads_here = answer.map(|_| "the address leads to this server".to_owned());
        let goes_on = leads_here.is_ok();
        steps.push(step("public_url", leads_here));
        if goes_on {
            steps.push(step("public_metadata", self.metadata().await));
            steps.push(step("public_challenge", self.challenge().await));
            steps.extend(stream.map(|told| step("public_stream", told)));
            steps.push(step("public_page", self.page().await));
        }
        Seen(steps)
    }

    /// Nothing to say of an address on this computer.
    fn port(&self) -> Option<Step> {
        let url = Url::parse(self.site.issuer()).ok()?;
        let loopback = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        let port = url.port_or_known_default()?;
        let told =
            if port == 443 { Ok("the address is on port 443".to_owned()) } else { Err(words::port(port)) };
        (!loopback).then(|| step("public_port", told))
    }

    /// Who answers, and whether a streamed answer comes as it is written.
    async fn pieces(&self) -> Result<Answer, Told> {
        let asked = as_client(self.request(Question::Pieces)).header(header::ACCEPT, "text/event-stream");
        let answer = self.ask(asked).await?;
        if answer.body.contains(&self.proof) { Ok(answer) } else { Err(in_place_of_us(&answer)) }
    }

    /// The documents that clients go by.
    async fn metadata(&self) -> Result<String, Told> {
        let resource = self.document(Question::Resource, "resource").await?;
        if resource != self.site.mcp_url() {
            return Err(words::other_name(&resource, &self.site.mcp_url()));
        }
        let issuer = self.document(Question::Server, "issuer").await?;
        if issuer != self.site.issuer() {
            return Err(words::other_name(&issuer, self.site.issuer()));
        }
        Ok("the metadata names this address".to_owned())
    }

    async fn document(&self, question: Question, member: &str) -> Result<String, Told> {
        let asked = as_client(self.request(question)).header(header::ACCEPT, "application/json");
        let answer = self.ask(asked).await?;
        let document: Option<Value> = serde_json::from_str(&answer.body).ok();
        let told = document.filter(|_| answer.status.is_success());
        let told = told.as_ref().and_then(|document| document[member].as_str());
        told.map(str::to_owned).ok_or_else(|| words::no_document(question.path(), &answer))
    }

    /// A call without a token has to be told where to sign in (RFC 9728 section 5.1).
    async fn challenge(&self) -> Result<String, Told> {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let asked = as_client(self.request(Question::Challenge));
        let accepted = asked.header(header::ACCEPT, "application/json, text/event-stream");
        let answer = self.ask(accepted.json(&call)).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(words::too_many());
        }
        if answer.status != StatusCode::UNAUTHORIZED {
            return Err(words::no_challenge(answer.status));
        }
        let metadata = self.site.base.join(Question::Resource.path());
        let names_it = format!("resource_metadata=\"{metadata}\"");
        let mut told = answer.headers.get_all(header::WWW_AUTHENTICATE).iter().peekable();
        if told.peek().is_none() {
            return Err(words::no_header());
        }
        let names_it = told.any(|value| value.to_str().is_ok_and(|value| value.contains(&names_it)));
        if names_it {
            Ok("a call without a token is told where to sign in".to_owned())
        } else {
            Err(words::other_header())
        }
    }

    /// As the browser of somebody who signs in.
    async fn page(&self) -> Result<String, Told> {
        let asked = self.request(Question::Page).header(header::USER_AGENT, BROWSER);
        let answer = self.ask(asked.header(header::ACCEPT, PAGE)).await?;
        if answer.body.contains(&self.proof) {
            Ok("people who sign in see our pages at once".to_owned())
        } else {
            Err(words::page(&answer))
        }
    }

    fn request(&self, question: Question) -> RequestBuilder {
        let method = if question.method() == "POST" { Method::POST } else { Method::GET };
        self.http.request(method, self.site.base.join(&format!("{}?{}", question.path(), self.ticket)))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer, Told> {
        let mut response = request.send().await.map_err(|error| no_answer(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let (mut body, mut proven_at, mut is_cut) = (String::new(), None, false);
        while body.len() < LONGEST {
            match response.chunk().await {
                Ok(Some(chunk)) => body.push_str(&String::from_utf8_lossy(&chunk)),
                Ok(None) => break,
                Err(_) => {
                    is_cut = true;
                    break;
                }
            }
            if proven_at.is_none() && body.contains(&self.proof) {
                proven_at = Some(Instant::now());
            }
        }
        Ok(Answer { status, headers, body, apart: proven_at.map(|at| at.elapsed()), is_cut })
    }
}

fn as_client(request: RequestBuilder) -> RequestBuilder {
    request.header(header::USER_AGENT, CLIENT)
}

fn streamed(answer: &Answer) -> Result<String, Told> {
    let ended = answer.body.trim_end().ends_with(END);
    if answer.is_cut || !ended {
        return Err(words::cut());
    }
    if answer.apart.is_some_and(|apart| apart >= APART) {
        Ok("a streamed answer comes as it is written".to_owned())
    } else {
        Err(words::kept_back())
    }
}

fn step(about: &'static str, told: Result<String, Told>) -> Step {
    let (outcome, what, hint) = match told {
        Ok(what) => (Outcome::Passed, what, None),
        Err(Told { stops, what, hint }) => {
            (if stops { Outcome::Failed } else { Outcome::Noted }, what, Some(hint))
        }
    };
    Step { about, outcome, what, hint, code: None, fixer: None, remedies: Vec::new() }
}

#[cfg(test)]
mod tests;
