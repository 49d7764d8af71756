//! A provider on loopback: metadata, keys, one token endpoint, all of it replaceable by a test.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use entra::{Entra, http_client_for};
use model::Secret;
use model::scope::ScopeSet;
use model::settings::{Credential, EntraSettings};
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use model::upstream::{Leg, Refusal, SignedIn, Upstream as _, UpstreamError};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const OTHER_TENANT: &str = "99999999-2222-3333-4444-555555555555";
pub(crate) const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
pub(crate) const API: &str = "api://aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// The user flow of a directory at Azure AD B2C, as `entra.tenant` has it.
pub(crate) const FLOW: &str = "contoso.onmicrosoft.com/B2C_1_sign_in";
pub(crate) const NONCE: &str = "nonce-1";
pub(crate) const KID: &str = "key-1";
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) struct Rig {
    pub(crate) server: MockServer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) says: Arc<Says>,
    pub(crate) settings: EntraSettings,
}

/// What each endpoint answers next.
pub(crate) struct Says {
    pub(crate) metadata: Mutex<ResponseTemplate>,
    pub(crate) keys: Mutex<ResponseTemplate>,
    pub(crate) token: Mutex<ResponseTemplate>,
}

impl Rig {
    /// Entra with one directory, and a token answer that is all right.
    pub(crate) async fn start() -> Self {
        Self::with(TENANT, |base| format!("{base}/{TENANT}/v2.0")).await
    }

    /// Entra at a name for many directories.
    pub(crate) async fn for_many(tenant: &str) -> Self {
        Self::with(tenant, |base| format!("{base}/{{tenantid}}/v2.0")).await
    }

    /// Azure AD B2C with one user flow, and a token answer that is all right: no directory in the tokens, the flow in `tfp`.
    pub(crate) async fn for_customers() -> Self {
        let rig = Self::with(FLOW, |base| format!("{base}/{TENANT}/v2.0/")).await;
        rig.gives(&rig.customer(&rig.id()), &rig.customer(&rig.access()));
        rig
    }

    /// Claims as Azure AD B2C writes them.
    pub(crate) fn customer(&self, claims: &Value) -> Value {
        let theirs = json!({
            "iss": format!("{}/{TENANT}/v2.0/", self.server.uri()), "ver": "1.0", "tfp": "b2c_1_sign_in", "sub": "oid-1",
            "tid": null, "oid": null, "preferred_username": null, "roles": null, "email": null, "idp": "google.com",
            "emails": ["ada@mail.example"],
        });
        but(claims.clone(), &theirs)
    }

    async fn with(tenant: &str, issuer: impl FnOnce(&str) -> String) -> Self {
        let server = MockServer::start().await;
        let base = server.uri();
        let says = Arc::new(Says {
            metadata: Mutex::new(ok(&metadata(&base, &issuer(&base)))),
            keys: Mutex::new(ok(&jwks(KID))),
            token: Mutex::new(ResponseTemplate::new(500)),
        });
        let well_known = format!("/{tenant}/v2.0/.well-known/openid-configuration");
        for (verb, at, part) in [
            ("GET", well_known.as_str(), Part::Metadata),
            ("GET", "/keys", Part::Keys),
            ("POST", "/token", Part::Token),
        ] {
            let says = Arc::clone(&says);
            Mock::given(method(verb))
                .and(path(at))
                .respond_with(move |_: &Request| says.part(part).lock().unwrap().clone())
                .mount(&server)
                .await;
        }
        let settings = EntraSettings {
            authority: base.parse().unwrap(),
            tenant: tenant.into(),
            client_id: CLIENT.into(),
            credential: Credential::secret("s3cret"),
            identifier_uri: API.into(),
            required_scopes: ScopeSet::parse_lenient("read"),
            extra_authorize_scopes: ScopeSet::default(),
            allowed_tenants: Vec::new(),
        };
        let rig =
            Self { server, clock: Arc::new(ManualClock::at(Timestamp::from_secs(NOW))), says, settings };
        rig.gives(&rig.id(), &rig.access());
        rig
    }

    pub(crate) fn entra(&self) -> Entra {
        let http = http_client_for(&self.settings.authority).unwrap();
        Entra::new(
            self.settings.clone(),
            http,
            Arc::clone(&self.clock) as Arc<_>,
            Arc::new(SeededEntropy::new(1)),
        )
    }

    /// Claims of a good v2.0 ID token.
    pub(crate) fn id(&self) -> Value {
        json!({
            "iss": format!("{}/{TENANT}/v2.0", self.server.uri()), "aud": CLIENT, "sub": "sub-1", "oid": "oid-1",
            "tid": TENANT, "ver": "2.0", "nonce": NONCE, "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
            "name": "Ada", "preferred_username": "ada@example.com", "email": "ada@mail.example",
        })
    }

    /// Claims of a good v2.0 access token.
    pub(crate) fn access(&self) -> Value {
        json!({
            "iss": format!("{}/{TENANT}/v2.0", self.server.uri()), "aud": CLIENT, "sub": "sub-1", "oid": "oid-1",
            "tid": TENANT, "ver": "2.0", "azp": CLIENT, "scp": "read", "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
            "roles": ["Reader"],
        })
    }

    pub(crate) fn gives(&self, id: &Value, access: &Value) {
        self.says_tokens(&json!({
            "token_type": "Bearer", "expires_in": 3599, "scope": format!("{API}/read"),
            "access_token": signed(access), "id_token": signed(id), "refresh_token": "refresh-1",
        }));
    }

    pub(crate) fn says_tokens(&self, body: &Value) {
        *self.says.token.lock().unwrap() = ok(body);
    }

    pub(crate) fn refuses(&self, status: u16, body: &Value) {
        *self.says.token.lock().unwrap() = ResponseTemplate::new(status).set_body_json(body);
    }

    pub(crate) fn says_keys(&self, answer: ResponseTemplate) {
        *self.says.keys.lock().unwrap() = answer;
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How often a path was asked for.
    pub(crate) async fn asked(&self, at: &str) -> usize {
        let all = self.server.received_requests().await.unwrap();
        all.iter().filter(|request| request.url.path().ends_with(at)).count()
    }

    /// The parameters of the last token request, in the order of their names.
    pub(crate) async fn last_body(&self) -> Vec<(String, String)> {
        let all = self.server.received_requests().await.unwrap();
        let body = all.iter().rfind(|request| request.url.path() == "/token").unwrap().body.clone();
        let url = url::Url::parse(&format!("x:?{}", String::from_utf8(body).unwrap())).unwrap();
        let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
        pairs.sort();
        pairs
    }
}

#[derive(Clone, Copy)]
enum Part {
    Metadata,
    Keys,
    Token,
}

impl Says {
    fn part(&self, part: Part) -> &Mutex<ResponseTemplate> {
        match part {
            Part::Metadata => &self.metadata,
            Part::Keys => &self.keys,
            Part::Token => &self.token,
        }
    }
}

pub(crate) fn leg() -> Leg {
    Leg {
        redirect_uri: "http://localhost:4242/auth/callback".into(),
        state: "state-1".into(),
        nonce: NONCE.into(),
        verifier: Secret::from("v".repeat(43)),
        more: ScopeSet::default(),
        claims: None,
        ask_who: false,
    }
}

/// Where the provider signs people out whose ID token has this `login_hint`.
pub(crate) async fn sign_out_of(entra: &Entra, login_hint: &str) -> String {
    let claims = json!({ "login_hint": login_hint }).as_object().unwrap().clone();
    entra.sign_out_url(&claims, "http://localhost:4242/auth/callback", "away").await.expect("a page")
}

/// Metadata with a page that signs people out.
pub(crate) fn with_sign_out(metadata: Value, base: &str) -> Value {
    but(metadata, &json!({"end_session_endpoint": format!("{base}/logout")}))
}

pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub(crate) fn metadata(base: &str, issuer: &str) -> Value {
    json!({
        "issuer": issuer, "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/keys"),
    })
}

/// The published half of the key, under a name of choice.
pub(crate) fn jwks(kid: &str) -> Value {
    json!({"keys": [jwk(kid)]})
}

pub(crate) fn jwk(kid: &str) -> Value {
    let public = key().public_key();
    let part = |bytes: &[u8]| B64.encode(bytes);
    let (n, e) = (public.modulus(), public.exponent());
    json!({
        "kty": "RSA", "use": "sig", "kid": kid,
        "n": part(n.big_endian_without_leading_zero()), "e": part(e.big_endian_without_leading_zero()),
    })
}

pub(crate) fn signed(claims: &Value) -> String {
    signed_as(&json!({"typ": "JWT", "alg": "RS256", "kid": KID}), claims)
}

pub(crate) fn signed_as(header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let mut signature = vec![0; key().public_modulus_len()];
    key().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", B64.encode(signature))
}

/// Header and claims, ready to be signed.
pub(crate) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()))
}

fn key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// `claims` with some replaced; `null` removes one.
pub(crate) fn but(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) async fn redeem(entra: &Entra) -> Result<SignedIn, UpstreamError> {
    entra.redeem(Secret::from("code-1"), &leg()).await
}

/// The refusal of a sign-in that had to be refused.
pub(crate) fn refusal(outcome: Result<SignedIn, UpstreamError>) -> Refusal {
    match outcome {
        Err(UpstreamError::Refused(refusal)) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn unavailable(outcome: Result<SignedIn, UpstreamError>) -> (String, Option<Duration>) {
    match outcome {
        Err(UpstreamError::Unavailable { detail, retry_after, .. }) => (detail, retry_after),
        other => panic!("not unavailable: {other:?}"),
    }
}
