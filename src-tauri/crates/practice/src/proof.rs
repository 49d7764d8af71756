//! How an app proves itself at the token endpoint: a secret; the app that is always there also by a registered certificate,
//! or a token of another provider it was told to trust.

use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use model::certificate::PublicCertificate;
use model::time::Timestamp;
use serde_json::{Map, Value};

use crate::apps::{App, AppKind};
use crate::directory::{CLIENT_SECRET, NEXT_CLIENT_SECRET, Tenant};
use crate::params::Params;
use crate::refusal::Why;
use crate::{Fault, Practice};

/// The only `client_assertion_type` there is (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What a federated token is made out to.
const EXCHANGE: &str = "api://AzureADTokenExchange";
/// Clocks may differ by so many seconds.
const LEEWAY: f64 = 300.0;
/// Certificates and federated credentials an app can have.
const AT_MOST: usize = 20;

/// What is registered beside the secrets, for the app that is always there.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    certificates: Vec<PublicCertificate>,
    federated: Vec<Federated>,
}

/// Another provider's tokens that count as this app's proof: `iss` and `sub` exactly.
#[derive(Debug, Clone)]
pub struct Federated {
    pub issuer: String,
    pub subject: String,
    /// Whose key signs; a real provider publishes it.
    pub signer: PublicCertificate,
}

/// What an app proved itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProvenBy {
    Nothing,
    Secret,
    /// A certificate, or somebody else's signature.
    Assertion,
}

/// A JWT taken apart, with what its signature is made of.
struct Assertion<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

// === impl Trusted ===

impl Trusted {
    /// Once registered is enough; the oldest makes room.
    pub(crate) fn add_certificate(&mut self, certificate: PublicCertificate) {
        self.certificates.retain(|known| *known != certificate);
        self.certificates.push(certificate);
        let surplus = self.certificates.len().saturating_sub(AT_MOST);
        self.certificates.drain(..surplus);
    }

    pub(crate) fn add_federated(&mut self, federated: Federated) {
        self.federated
            .retain(|known| (&known.issuer, &known.subject) != (&federated.issuer, &federated.subject));
        self.federated.push(federated);
        let surplus = self.federated.len().saturating_sub(AT_MOST);
        self.federated.drain(..surplus);
    }

    pub(crate) fn thumbprints(&self) -> Vec<String> {
        self.certificates.iter().map(PublicCertificate::thumbprint).collect()
    }
}

// === impl ProvenBy ===

impl ProvenBy {
    /// `azpacr`, `appidacr` in version 1.0.
    pub(crate) const fn acr(self) -> &'static str {
        match self {
            Self::Nothing => "0",
            Self::Secret => "1",
            Self::Assertion => "2",
        }
    }
}

/// Which app it is, and how it proved itself; a public client must not.
pub(crate) fn authenticate(
    practice: &Practice,
    tenant: Tenant,
    headers: &HeaderMap,
    params: &Params,
) -> Result<(App, ProvenBy), Why> {
    let basic = basic_credentials(headers);
    let (id, secret) = match &basic {
        Some((id, secret)) => (id.as_str(), Some(secret.as_str()).filter(|secret| !secret.is_empty())),
        None => (params.required("client_id")?, params.get("client_secret")),
    };
    let app = practice.app(id)?;
    let assertion = params.get("client_assertion");
    let proven = match (secret, assertion) {
        _ if app.kind == AppKind::GraphTools || practice.has(Fault::PublicClient) => {
            if secret.is_some() || assertion.is_some() {
                return Err(Why::PublicClient);
            }
            ProvenBy::Nothing
        }
        (None, None) => return Err(Why::SecretMissing),
        (None, Some(assertion)) => {
            if params.required("client_assertion_type")? != JWT_BEARER {
                return Err(Why::AssertionType);
            }
            check_assertion(practice, tenant, &app, assertion)?;
            ProvenBy::Assertion
        }
        (Some(secret), _) => {
            check_secret(practice, &app, secret)?;
            ProvenBy::Secret
        }
    };
    Ok((app, proven))
}

fn check_secret(practice: &Practice, app: &App, secret: &str) -> Result<(), Why> {
    let is_known = match app.kind {
        AppKind::BuiltIn => [CLIENT_SECRET, NEXT_CLIENT_SECRET].contains(&secret),
        AppKind::Registered => {
            practice.apps().by_client_id(&app.client_id).is_some_and(|app| app.has_secret(secret))
        }
        AppKind::GraphTools => false,
    };
    match is_known {
        false => Err(Why::SecretWrong),
        true if practice.has(Fault::ExpiredSecret) && secret != NEXT_CLIENT_SECRET => Err(Why::SecretExpired),
        true => Ok(()),
    }
}

/// The app's own, signed by a registered certificate, or a federated one. The same assertion may come twice while it
/// counts: Entra takes it too, and its own libraries rely on that.
fn check_assertion(practice: &Practice, tenant: Tenant, app: &App, token: &str) -> Result<(), Why> {
    let assertion = Assertion::read(token).ok_or(Why::AssertionMalformed)?;
    let nothing = Trusted::default();
    let registered = practice.trusted();
    let trusted = if app.kind == AppKind::BuiltIn { &*registered } else { &nothing };
    if assertion.text("iss") == Some(&*app.client_id) {
        assertion.check_own(&app.client_id, &trusted.certificates, practice.now())?;
        assertion.check_made_out_to(&audiences(practice, tenant))?;
    } else {
        assertion.check_federated(&trusted.federated)?;
    }
    assertion.check_times(practice.now())
}

/// Entra takes its token endpoint and its issuer.
fn audiences(practice: &Practice, tenant: Tenant) -> [String; 2] {
    let segment = tenant.segment();
    [format!("{}/{segment}/oauth2/v2.0/token", practice.base()), practice.issuer(segment)]
}

impl<'a> Assertion<'a> {
    fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&B64.decode(part).ok()?).ok();
        Some(Self {
            signed,
            signature: B64.decode(signature).ok()?,
            header: object(header)?,
            claims: object(claims)?,
        })
    }

    fn check_own(
        &self,
        client_id: &str,
        certificates: &[PublicCertificate],
        now: Timestamp,
    ) -> Result<(), Why> {
        // MSAL for Python leaves the padding of base64 on, and Entra takes it.
        let named =
            |name: &str| self.header.get(name).and_then(Value::as_str).map(|text| text.trim_end_matches('='));
        let certificate = certificates.iter().find(|certificate| match (named("x5t#S256"), named("x5t")) {
            (Some(thumbprint), _) => thumbprint == certificate.x5t_s256(),
            (None, Some(thumbprint)) => thumbprint == certificate.x5t(),
            (None, None) => false,
        });
        let certificate = certificate.ok_or(Why::CertificateUnknown)?;
        if !self.is_signed_by(certificate)? {
            return Err(Why::CertificateUnknown);
        }
        if now >= certificate.not_after() {
            return Err(Why::CertificateExpired);
        }
        if self.text("sub") != Some(client_id) || self.text("jti").is_none() {
            return Err(Why::AssertionMalformed);
        }
        Ok(())
    }

    fn check_federated(&self, federated: &[Federated]) -> Result<(), Why> {
        let (issuer, subject) = (self.text("iss").unwrap_or_default(), self.text("sub").unwrap_or_default());
        let mut of_issuer = federated.iter().filter(|known| known.issuer == issuer).peekable();
        if of_issuer.peek().is_none() {
            return Err(Why::FederatedIssuer(issuer.to_owned()));
        }
        let trusted = of_issuer
            .find(|known| known.subject == subject)
            .ok_or_else(|| Why::FederatedSubject(subject.to_owned()))?;
        if !self.is_signed_by(&trusted.signer)? {
            return Err(Why::AssertionInvalid);
        }
        self.check_made_out_to(&[EXCHANGE.to_owned()])
            .map_err(|_| Why::FederatedAudience(self.text("aud").unwrap_or_default().to_owned()))
    }

    fn check_made_out_to(&self, audiences: &[String]) -> Result<(), Why> {
        let meant = self.text("aud").is_some_and(|aud| audiences.iter().any(|known| known == aud));
        if meant { Ok(()) } else { Err(Why::AssertionAudienceOfApp) }
    }

    fn check_times(&self, now: Timestamp) -> Result<(), Why> {
        // A NumericDate may have a fraction (RFC 7519 section 2), and MSAL for Python's have one.
        let number = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        let (begins, ends) = (number("nbf").or_else(|| number("iat")), number("exp"));
        let now = Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0)).as_secs_f64();
        let in_time = begins.is_none_or(|begins| begins <= now + LEEWAY)
            && ends.is_some_and(|ends| now < ends + LEEWAY);
        if in_time { Ok(()) } else { Err(Why::AssertionOutOfTime) }
    }

    /// With PS256 or RS256, as the header says; Entra takes both.
    fn is_signed_by(&self, certificate: &PublicCertificate) -> Result<bool, Why> {
        let algorithm = match self.header.get("alg").and_then(Value::as_str) {
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Why::AssertionMalformed),
        };
        let key = UnparsedPublicKey::new(algorithm, certificate.public_key());
        Ok(key.verify(self.signed.as_bytes(), &self.signature).is_ok())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }
}

/// RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    let pair = format!("v={text}");
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
