//! What stands before a practice tenant and answers in its place when told: any number that Entra has, at both ends of a sign-in.
//!
//! Only metadata, `/authorize` and `/token` pass through here; everything else has the tenant's own address.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// A no in the words of the provider.
#[derive(Debug, Clone)]
pub struct No {
    /// Of the answer at the token endpoint.
    pub status: u16,
    /// OAuth error.
    pub error: String,
    pub description: String,
    /// Claims challenge that comes with it.
    pub claims: Option<String>,
}

#[derive(Debug, Clone)]
pub struct StandIn {
    /// The authority to put into settings.
    pub url: String,
    practice: String,
    http: reqwest::Client,
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    authorize: Option<No>,
    token: Option<No>,
}

impl StandIn {
    /// Before the practice tenant at `practice`.
    pub async fn before(practice: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a plain client");
        let stand_in = Self { url, practice: practice.to_owned(), http, told: Arc::default() };
        let app = Router::new().fallback(pass).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        stand_in
    }

    /// What `/authorize` sends browsers back with, until told otherwise.
    pub fn answers_browsers(&self, no: Option<No>) {
        self.told().authorize = no;
    }

    /// What `/token` answers, until told otherwise.
    pub fn answers_tokens(&self, no: Option<No>) {
        self.told().token = no;
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn metadata(&self, path: &str) -> Response {
        let answer = self.http.get(format!("{}{path}", self.practice)).send().await.expect("it is there");
        let status = answer.status();
        let mut document: Value = answer.json().await.expect("JSON");
        for endpoint in ["authorization_endpoint", "token_endpoint"] {
            let here = document[endpoint].as_str().map(|url| url.replace(&self.practice, &self.url));
            document[endpoint] = json!(here);
        }
        (status, axum::Json(document)).into_response()
    }

    fn authorize(&self, uri: &Uri) -> Response {
        let url = Url::parse(&format!("{}{uri}", self.practice)).expect("a URL");
        let of = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        let to = match &self.told().authorize {
            None => url.clone(),
            Some(no) => {
                let mut back = Url::parse(&of("redirect_uri").expect("a redirect URI")).expect("a URL");
                let state = of("state").unwrap_or_default();
                let pairs = [("error", &no.error), ("error_description", &no.description), ("state", &state)];
                back.query_pairs_mut().extend_pairs(pairs);
                back
            }
        };
        (StatusCode::FOUND, [(header::LOCATION, String::from(to))]).into_response()
    }

    async fn token(&self, path: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let no = self.told().token.clone();
        if let Some(No { status, error, description, claims }) = no {
            let mut answer = json!({ "error": error, "error_description": description });
            if let Some(claims) = claims {
                answer["claims"] = claims.into();
            }
            return (StatusCode::from_u16(status).expect("a status"), axum::Json(answer)).into_response();
        }
        let mut request = self.http.post(format!("{}{path}", self.practice)).body(body);
        for name in [header::CONTENT_TYPE, header::AUTHORIZATION] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value.clone());
            }
        }
        let answer = request.send().await.expect("it is there");
        (answer.status(), answer.headers().clone(), answer.bytes().await.expect("a body")).into_response()
    }
}

async fn pass(
    State(stand_in): State<StandIn>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if path.ends_with("/.well-known/openid-configuration") {
        stand_in.metadata(path).await
    } else if path.ends_with("/authorize") && method == Method::GET {
        stand_in.authorize(&uri)
    } else if path.ends_with("/token") && method == Method::POST {
        stand_in.token(path, &headers, body).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
