//! One practice tenant with a clock that stands still, and a client that knows the protocol.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use model::pkce::PkceChallenge;
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use practice::{CLIENT_ID, CLIENT_SECRET, IDENTIFIER_URI, Practice, PracticeConfig, TENANT_ID};
use serde_json::{Map, Value};
use tower::ServiceExt as _;

pub(crate) const BASE: &str = "http://localhost:4243";
pub(crate) const CALLBACK: &str = "http://localhost:4242/auth/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-1";
pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_474_560);

pub(crate) struct Rig {
    pub(crate) practice: Practice,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: &'static str,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) type Form = Vec<(&'static str, String)>;

impl Rig {
    /// Signs `person` in without a page.
    pub(crate) fn signing_in(person: &str) -> Self {
        Self::with(Some(person), 1)
    }

    pub(crate) fn asking() -> Self {
        Self::with(None, 1)
    }

    /// Every process draws other random bytes; the key stays.
    pub(crate) fn with(person: Option<&str>, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let config = PracticeConfig {
            base: BASE.to_owned(),
            redirect_uris: vec![CALLBACK.to_owned()],
            logout_url: None,
            auto_sign_in: person.map(str::to_owned),
        };
        let practice = Practice::new(config, [7; 32], clock.clone(), Arc::new(SeededEntropy::new(seed)));
        Self { practice, clock, tenant: TENANT_ID }
    }

    pub(crate) fn at(self, tenant: &'static str) -> Self {
        Self { tenant, ..self }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.practice.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).header("host", "localhost:4243").body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &Form) -> Answer {
        let request = Request::post(path)
            .header("host", "localhost:4243")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(encode(form)));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Answer {
        let request = Request::post(path)
            .header("host", "localhost:4243")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn authorize(&self, form: &Form) -> Answer {
        self.get(&format!("/{}/oauth2/v2.0/authorize?{}", self.tenant, encode(form))).await
    }

    pub(crate) async fn token(&self, form: &Form) -> Answer {
        self.post(&format!("/{}/oauth2/v2.0/token", self.tenant), form).await
    }

    /// A code for the default request, for whoever is signed in by itself.
    pub(crate) async fn code(&self) -> String {
        self.authorize(&authorize_form()).await.redirected().remove("code").expect("a code")
    }

    /// Tokens by the whole flow.
    pub(crate) async fn tokens(&self) -> Value {
        let code = self.code().await;
        let answer = self.token(&code_form(&code)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The claims of a token, checked against the served keys by somebody else's implementation.
    pub(crate) async fn verified(&self, token: &Value) -> Map<String, Value> {
        let token = token.as_str().expect("a token");
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.alg, Algorithm::RS256);
        let keys = self.get(&format!("/{}/discovery/v2.0/keys", self.tenant)).await.json();
        let listed = keys["keys"].as_array().unwrap();
        let key =
            listed.iter().find(|key| key["kid"] == *header.kid.as_ref().unwrap()).expect("a listed key");
        let key = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap());
        let mut rules = Validation::new(Algorithm::RS256);
        // The clock of the tests is not the computer's.
        rules.validate_exp = false;
        rules.validate_aud = false;
        jsonwebtoken::decode::<Map<String, Value>>(token, &key.unwrap(), &rules)
            .expect("a good signature")
            .claims
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The parameters of a redirect to the callback.
    pub(crate) fn redirected(&self) -> HashMap<String, String> {
        assert_eq!(self.status, 302, "{}", self.body);
        let rest = self.header("location").strip_prefix(CALLBACK).expect("a redirect to the callback");
        form_urlencoded::parse(&rest.as_bytes()[1..]).into_owned().collect()
    }

    /// The sealed request of a sign-in page.
    pub(crate) fn sealed(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"request\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }

    /// AADSTS number, wherever it is.
    pub(crate) fn aadsts(&self) -> Option<u32> {
        let location = form_urlencoded::parse(self.header("location").as_bytes());
        let values: Vec<_> = location.map(|(_, value)| value.into_owned()).collect();
        values.iter().chain([&self.body]).find_map(|text| {
            let (_, rest) = text.split_once("AADSTS")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
    }
}

pub(crate) fn read_scope() -> String {
    format!("{IDENTIFIER_URI}/read openid profile email offline_access")
}

pub(crate) fn authorize_form() -> Form {
    vec![
        ("client_id", CLIENT_ID.to_owned()),
        ("redirect_uri", CALLBACK.to_owned()),
        ("response_type", "code".to_owned()),
        ("scope", read_scope()),
        ("state", "the state & more".to_owned()),
        ("nonce", "the-nonce".to_owned()),
        ("code_challenge", PkceChallenge::of_verifier(VERIFIER).to_text()),
        ("code_challenge_method", "S256".to_owned()),
    ]
}

pub(crate) fn code_form(code: &str) -> Form {
    vec![
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", CLIENT_ID.to_owned()),
        ("client_secret", CLIENT_SECRET.to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", CALLBACK.to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
        ("scope", read_scope()),
    ]
}

pub(crate) fn refresh_form(token: &Value) -> Form {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", CLIENT_ID.to_owned()),
        ("client_secret", CLIENT_SECRET.to_owned()),
        ("refresh_token", token.as_str().expect("a refresh token").to_owned()),
        ("scope", read_scope()),
    ]
}

pub(crate) fn behalf_form(assertion: &Value, scope: &str) -> Form {
    vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
        ("client_id", CLIENT_ID.to_owned()),
        ("client_secret", CLIENT_SECRET.to_owned()),
        ("assertion", assertion.as_str().expect("an access token").to_owned()),
        ("requested_token_use", "on_behalf_of".to_owned()),
        ("scope", scope.to_owned()),
    ]
}

/// The form with one parameter changed, added, or (by an empty value) taken out.
pub(crate) fn with(mut form: Form, name: &'static str, value: &str) -> Form {
    form.retain(|(key, _)| *key != name);
    if !value.is_empty() {
        form.push((name, value.to_owned()));
    }
    form
}

fn encode(form: &Form) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
