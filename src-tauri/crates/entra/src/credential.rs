//! How the app proves itself with a token request: which credential, in which order, and what each makes of a request.
//!
//! Where there are two of a kind and Entra refuses the one, the other is tried, and the one that worked comes first from
//! then on. Nobody is signed out while a secret or certificate is replaced.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use model::certificate::{Certificate, PublicCertificate};
use model::ids::random_text;
use model::ports::{Clock, Entropy};
use model::settings::Credential;
use model::time::Timestamp;
use model::upstream::{Refusal, UpstreamError};
use model::{ExposeSecret as _, Secret};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::identity::ManagedIdentity;
use crate::refusal::Refusals;

/// How long an assertion counts, in seconds. Entra takes no more than ten minutes.
const ASSERTION_LIFETIME: i64 = 300;

/// Days before its end from which on a person is told to replace a credential.
const SOON: u64 = 30;

/// Longest federated token; real ones have one or two kilobytes.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// `client_assertion_type` (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The credentials of one app, and which of them Entra took last.
pub(crate) struct Credentials {
    kind: Credential,
    /// Index of the one that is tried first.
    first: AtomicUsize,
    pub(crate) identity: ManagedIdentity,
}

/// What goes into one token request.
pub(crate) enum Proof {
    /// `client_id` alone.
    None,
    Secret(Secret),
    Assertion(Secret),
}

/// What is known of the end of a credential, in words.
pub(crate) struct Expiry {
    /// What follows "... is accepted".
    pub(crate) accepted: String,
    /// What to do about it, if something is to be done soon.
    pub(crate) hint: Option<String>,
    /// The sentence that says so, once it is over.
    pub(crate) ended: Option<String>,
}

/// What it takes to make one.
#[derive(Clone, Copy)]
pub(crate) struct Making<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) token_endpoint: &'a str,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) refusals: Refusals<'a>,
}

// === impl Credentials ===

impl Credentials {
    pub(crate) fn new(kind: Credential) -> Self {
        Self { kind, first: AtomicUsize::new(0), identity: ManagedIdentity::of_azure() }
    }

    pub(crate) fn count(&self) -> usize {
        match &self.kind {
            Credential::Secret(secret) => 1 + usize::from(secret.next.is_some()),
            Credential::Certificates(all) => all.len(),
            Credential::None | Credential::FederatedToken(_) | Credential::ManagedIdentity { .. } => 1,
        }
    }

    /// Which to try, in this order.
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.first(), self.count());
        (0..count).map(move |turn| (first + turn) % count)
    }

    /// The one that comes first: 0 unless it was refused and another was not.
    pub(crate) fn first(&self) -> usize {
        self.first.load(Ordering::Relaxed)
    }

    /// Entra took this one.
    pub(crate) fn worked(&self, which: usize) {
        if self.first.swap(which, Ordering::Relaxed) != which {
            tracing::warn!(
                credential = self.kind.kind(),
                which,
                "the identity provider refused the credential that came first; another one works and is used from now on"
            );
        }
    }

    /// What a check says of one that was accepted, and what is known of its end.
    pub(crate) fn described(&self, which: usize, now: Timestamp) -> (String, Option<Expiry>) {
        match &self.kind {
            Credential::None => ("the client ID is accepted without a secret".to_owned(), None),
            Credential::Secret(_) if which > 0 => ("the next client secret is accepted too".to_owned(), None),
            Credential::Secret(secret) => {
                let expiry = secret.expires_at.map(|at| Expiry::of_secret(at, now, secret.next.is_some()));
                ("client ID and client secret are accepted".to_owned(), expiry)
            }
            Credential::Certificates(all) => {
                let public = all.get(which).map(Certificate::public);
                let thumbprint = public.map(PublicCertificate::thumbprint).unwrap_or_default();
                let expiry = public.map(|public| Expiry::of_certificate(public.not_after(), now, which > 0));
                let older = if which > 0 { "the older" } else { "client ID and" };
                (
                    format!("{older} certificate {} is accepted", &thumbprint[..8.min(thumbprint.len())]),
                    expiry,
                )
            }
            Credential::FederatedToken(_) => ("the federated token of the file is accepted".to_owned(), None),
            Credential::ManagedIdentity { .. } => {
                ("the managed identity of this server is accepted".to_owned(), None)
            }
        }
    }

    /// # Errors
    /// The token of a file or of a managed identity may not be there.
    pub(crate) async fn proof(&self, which: usize, making: Making<'_>) -> Result<Proof, UpstreamError> {
        Ok(match &self.kind {
            Credential::None => Proof::None,
            Credential::Secret(secret) => {
                Proof::Secret(secret.next.as_ref().filter(|_| which == 1).unwrap_or(&secret.current).clone())
            }
            Credential::Certificates(all) => match all.get(which) {
                Some(certificate) => Proof::Assertion(assertion(certificate, making)),
                None => Proof::None,
            },
            Credential::FederatedToken(path) => Proof::Assertion(
                federated_token(path).await.map_err(|error| not_readable(&error, making.refusals))?,
            ),
            Credential::ManagedIdentity { client_id } => Proof::Assertion(
                self.identity.token(client_id.as_deref(), making.clock, making.refusals).await?,
            ),
        })
    }
}

// === impl Proof ===

impl Proof {
    /// Parameters of the token request beside `client_id`. The secret goes into the body: Basic would need it
    /// form-encoded first (RFC 6749 section 2.3.1), which providers disagree about.
    pub(crate) fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::None => Vec::new(),
            Self::Secret(secret) => vec![("client_secret", secret.expose_secret().to_owned())],
            Self::Assertion(token) => vec![
                ("client_assertion_type", JWT_BEARER.to_owned()),
                ("client_assertion", token.expose_secret().to_owned()),
            ],
        }
    }
}

// === impl Expiry ===

impl Expiry {
    fn of_secret(at: Timestamp, now: Timestamp, has_next: bool) -> Self {
        let hint = match days_until(at, now) {
            None => Some(
                "its date in the settings is over, but Entra takes it: correct the date there".to_owned(),
            ),
            Some(_) if has_next => None,
            Some(days) if days <= SOON => Some(format!(
                "{}: create the next one under *Certificates & secrets* now and enter it as the next client secret; nobody \
                 is signed out by that",
                ends_in(days)
            )),
            Some(_) => None,
        };
        Self::new(at, now, hint)
    }

    fn of_certificate(at: Timestamp, now: Timestamp, is_older: bool) -> Self {
        let hint = days_until(at, now).filter(|days| *days <= SOON && !is_older).map(|days| {
            format!("{}: make the next one now and upload it; this one goes on until then", ends_in(days))
        });
        Self::new(at, now, hint)
    }

    fn new(at: Timestamp, now: Timestamp, hint: Option<String>) -> Self {
        let over = now >= at;
        let accepted = if over { String::new() } else { format!(", until {}", date(at)) };
        Self { accepted, hint, ended: over.then(|| format!("It ended on {}.", date(at))) }
    }
}

/// Whole days that are left; none once it is over.
fn days_until(at: Timestamp, now: Timestamp) -> Option<u64> {
    (now < at).then(|| at.since(now).as_secs() / 86_400)
}

fn ends_in(days: u64) -> String {
    match days {
        0 => "it ends within a day".to_owned(),
        1 => "it ends in 1 day".to_owned(),
        days => format!("it ends in {days} days"),
    }
}

/// `2026-12-24`, in UTC.
fn date(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis())
        .map(|time| time.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// Whether another credential might be taken where this one was not: it was unknown (7000215), has expired (7000222), is of
/// no registered certificate or of an expired one (700027), or, at other servers, is just refused (RFC 6749 section 5.2).
pub(crate) fn is_about_the_credential(refusal: &Refusal) -> bool {
    match refusal.code {
        Some(code) => matches!(code, 7_000_215 | 7_000_222 | 700_027),
        None => refusal.error == "invalid_client",
    }
}

/// A proof of the possession of the certificate's key for one request (RFC 7523 section 3), as Entra wants it: PS256 with
/// the certificate named by `x5t#S256`.
fn assertion(certificate: &Certificate, making: Making<'_>) -> Secret {
    let now = making.clock.now().secs();
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate.public().x5t_s256() });
    let claims = json!({
        "aud": making.token_endpoint,
        "iss": making.client_id,
        "sub": making.client_id,
        "jti": random_text::<16>(making.entropy),
        "iat": now,
        "nbf": now,
        "exp": now + ASSERTION_LIFETIME,
    });
    let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
    let signature = B64.encode(certificate.sign_ps256(signed.as_bytes()));
    Secret::from(format!("{signed}.{signature}"))
}

async fn federated_token(path: &Path) -> io::Result<Secret> {
    let mut text = String::new();
    // Asked before it is opened: a pipe might never end.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    tokio::fs::File::open(path).await?.take(LONGEST_TOKEN).read_to_string(&mut text).await?;
    let token = text.trim();
    if token.is_empty() { Err(io::Error::other("it is empty")) } else { Ok(Secret::from(token)) }
}

fn not_readable(error: &io::Error, refusals: Refusals<'_>) -> UpstreamError {
    refusals.of_settings(
        format!("The federated token file cannot be read: {error}."),
        "Check that the platform writes it and that this program may read it; its path is in the settings or in \
         AZURE_FEDERATED_TOKEN_FILE.",
    )
}
