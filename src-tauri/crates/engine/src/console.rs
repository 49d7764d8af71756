//! The control console: [`crate::api`] over HTTP on loopback, for scripts and for a browser on a server without a window.
//!
//! It adds who may come in and nothing else; what can be done is the table of commands. It has a listener of its own and
//! is no part of what clients or a tunnel reach.

mod access;
mod guard;
mod live;
mod pages;
mod ui;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use model::ExposeSecret as _;
use model::origin::Origins;
use model::ports::{Clock, Entropy};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, ApiError, ErrorCode};
use crate::listen::Listeners;
use crate::running::{GRACE, StartError, bind};
use access::Access;

/// Largest payload of a command.
const LARGEST_BODY: usize = 64 * 1024;

/// Cheap to clone; shared by every request.
#[derive(Clone)]
pub(crate) struct Console(Arc<Inner>);

struct Inner {
    api: Api,
    access: Access,
    /// Ours on loopback; there is no public one.
    origins: Origins,
    port: u16,
    /// Name of what a browser that is in shows with every request.
    cookie: String,
    stop: CancellationToken,
}

/// A console that listens. It outlives runs of the engine: that is how a stopped one is started again.
pub struct OpenConsole {
    console: Console,
    tasks: TaskTracker,
    stop: CancellationToken,
}

// === impl OpenConsole ===

impl OpenConsole {
    /// # Errors
    /// An address that is taken, or is none of this computer's own.
    pub async fn start(
        api: Api,
        address: SocketAddr,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StartError> {
        let (listeners, port) = bind_console(address).await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let console = Console::new(api, port, clock, entropy, stop.clone());
        listeners.serve(&console.router(), &tasks, &stop);
        Ok(Self { console, tasks, stop })
    }

    /// A URL that lets one browser in, once, within ten minutes. It is a secret until then.
    pub fn link(&self) -> String {
        self.console.link()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some requests to the console did not finish in time and were cut off");
        }
    }
}

/// On the addresses whose names the console knows itself by; at any other it would turn everybody away.
async fn bind_console(address: SocketAddr) -> Result<(Listeners, u16), StartError> {
    let flag = "--console";
    if address.ip() != Ipv4Addr::LOCALHOST && address.ip() != Ipv6Addr::LOCALHOST {
        return Err(StartError::NotLoopback { address });
    }
    let listeners = bind(address, flag).await?;
    let port = listeners.port().map_err(|source| StartError::Listen { address, flag, source })?;
    Ok((listeners, port))
}

// === impl Console ===

impl Console {
    /// For a listener on `port`. `stop` ends streams that would otherwise never end.
    pub(crate) fn new(
        api: Api,
        port: u16,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        stop: CancellationToken,
    ) -> Self {
        let origins = Origins::new(port, None);
        // Cookies are kept by host name whatever the port: under one name two consoles would throw each other out.
        let cookie = format!("jmop_console_{port}");
        Self(Arc::new(Inner { api, access: Access::new(clock, entropy), origins, port, cookie, stop }))
    }

    /// A URL that lets one browser in, once, within ten minutes. It is a secret until then.
    pub(crate) fn link(&self) -> String {
        format!("http://127.0.0.1:{}/?link={}", self.0.port, self.0.access.invite().expose_secret())
    }

    pub(crate) fn router(&self) -> Router {
        routes()
            .into_iter()
            .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(middleware::from_fn_with_state(self.clone(), guard::guard))
            .with_state(self.clone())
    }
}

fn routes() -> Vec<(&'static str, MethodRouter<Console>)> {
    vec![
        // `get` would answer HEAD as well, and a program that only looks at a link must not use it up.
        ("/", get(index).head(method_not_allowed)),
        ("/commands", get(commands)),
        ("/link", post(link)),
        ("/rpc/{command}", post(rpc)),
        ("/events", get(live::get)),
    ]
}

/// Every address that is served, `{...}` standing for one segment.
pub fn paths() -> Vec<String> {
    routes().into_iter().map(|(path, _)| path.to_owned()).chain(ui::paths()).collect()
}

/// `GET /`: the overview, or with `?link=` the way in.
async fn index(State(console): State<Console>, uri: Uri) -> Response {
    let Some(token) = link_token(&uri) else { return ui::index().unwrap_or_else(pages::overview) };
    let Some(credential) = console.0.access.admit(&token) else {
        return pages::spent_link();
    };
    tracing::info!(
        "a console link was opened; that browser is in until the server stops or it is idle for 12 hours"
    );
    // A redirect, so that the address bar and the history keep no link.
    let mut response = Redirect::to("/").into_response();
    // No `Secure`: loopback is http, and not every browser takes it as trustworthy.
    //
    // A site has no port (RFC 6265 section 8.5), so `SameSite` keeps out pages of the internet and not those of other ports of
    // 127.0.0.1. Requests such pages make bear the cookie and are stopped by `Origin` and `Sec-Fetch-Site` in the guard. A
    // program on another port that this browser visits is sent the cookie outright: nothing in a cookie prevents that, and
    // what it can do with it ends with the idle time in `access`.
    let cookie =
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", console.0.cookie, credential.expose_secret());
    let cookie = HeaderValue::from_str(&cookie).expect("a minted credential is plain ASCII");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// `POST /link`: one more browser, invited by one that is in.
async fn link(State(console): State<Console>) -> Json<Value> {
    Json(json!({ "url": console.link() }))
}

/// `POST /rpc/{command}`: the payload is the body; no body is an empty payload.
async fn rpc(
    State(console): State<Console>,
    Path(command): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiError> {
    let body =
        body.map_err(|_| ApiError::BadRequest("the body is larger than 64 KiB or was cut off".to_owned()))?;
    let payload = match body.as_ref() {
        [] => Value::Null,
        body => serde_json::from_slice(body)
            .map_err(|error| ApiError::BadRequest(format!("the body is not JSON: {error}")))?,
    };
    console.0.api.call(&command, payload).await.map(Json)
}

/// How scripts use the console.
async fn commands() -> Response {
    pages::overview()
}

async fn not_found(uri: Uri) -> Response {
    if let Some(file) = ui::file(&uri) {
        return file;
    }
    let told =
        json!({ "code": "not_found", "message": "nothing is served here", "hint": "`GET /` lists what is" });
    (StatusCode::NOT_FOUND, Json(told)).into_response()
}

async fn method_not_allowed() -> Response {
    let told = json!({
        "code": "method_not_allowed",
        "message": "this address does not take that method",
        "hint": "`GET /` lists what is served, and how",
    });
    (StatusCode::METHOD_NOT_ALLOWED, Json(told)).into_response()
}

/// The first `link` parameter.
fn link_token(uri: &Uri) -> Option<String> {
    let pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "link").map(|(_, value)| value.into_owned())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self.code() {
            ErrorCode::UnknownCommand | ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
            ErrorCode::NotSaved
            | ErrorCode::NotOpened
            | ErrorCode::NotChecked
            | ErrorCode::NotCreated
            | ErrorCode::PracticeInPublic => StatusCode::CONFLICT,
            ErrorCode::NotRunning | ErrorCode::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        if let Self::Store(error) = &self {
            tracing::error!(%error, "the store failed a command of the console");
        }
        (status, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests;
