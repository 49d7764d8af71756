//! What can be changed while it runs: faults, disabled accounts, revoked sign-ins; and the HTTP face of that.
//!
//! Scripts and the console use it. A browser page of another origin cannot: the body must be JSON, which a browser
//! sends across origins only after a preflight that nothing here answers.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::certificate::{CertificateError, PublicCertificate};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::directory::{
    API_SCOPES, CLIENT_ID, DISABLED_AT_START, IDENTIFIER_URI, PEOPLE, Person, TENANT_DOMAIN, TENANT_ID,
};
use crate::{Fault, Federated, Practice};

/// The state of the switches.
pub(crate) struct Switches {
    pub(crate) faults: BTreeSet<Fault>,
    disabled: BTreeSet<&'static str>,
    /// How often everything a person had was revoked.
    epochs: BTreeMap<&'static str, u32>,
}

/// One person of the practice tenant, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resident {
    /// What [`Practice::set_disabled`] and `auto_sign_in` call the person.
    pub key: &'static str,
    pub name: &'static str,
    pub username: &'static str,
    /// `oid`
    pub object: &'static str,
    /// `tid`
    pub tenant: &'static str,
    /// A word or two: administrator, guest, ...
    pub about: &'static str,
    pub disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultSwitch {
    fault: String,
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonSwitch {
    person: String,
    disabled: Option<bool>,
    /// Revokes every refresh token so far.
    #[serde(default)]
    revoke: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    /// The public half, as it is uploaded in the portal.
    pem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    issuer: String,
    subject: String,
    /// A certificate of the key that signs.
    pem: String,
}

/// Why a switch was not moved.
#[derive(Debug, thiserror::Error)]
enum SwitchError {
    #[error("a page of another origin may not change the practice tenant")]
    CrossSite,
    #[error("send the body as application/json")]
    NotJson,
    #[error("the body does not read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0}")]
    UnknownFault(#[from] crate::UnknownFault),
    #[error("nobody has that key; `GET /practice` lists everybody")]
    UnknownPerson,
    #[error("the certificate cannot be used: {0}")]
    NoCertificate(#[from] CertificateError),
}

/// `GET /practice`: everything a script or the console needs to know.
pub(crate) async fn get(State(practice): State<Practice>) -> Json<Value> {
    Json(overview(&practice))
}

/// `POST /practice/faults`: `{"fault":"expired-secret","on":true}`.
pub(crate) async fn post_fault(
    State(practice): State<Practice>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let switch: FaultSwitch = read(&practice, &headers, &body).map_err(SwitchError::into_answer)?;
    let fault = switch.fault.parse::<Fault>().map_err(|unknown| SwitchError::from(unknown).into_answer())?;
    practice.set_fault(fault, switch.on);
    Ok(Json(overview(&practice)))
}

/// `POST /practice/people`: `{"person":"ada","disabled":true}` or `{"person":"ada","revoke":true}`.
pub(crate) async fn post_person(
    State(practice): State<Practice>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let switch: PersonSwitch = read(&practice, &headers, &body).map_err(SwitchError::into_answer)?;
    if Person::find(&switch.person).is_none() {
        return Err(SwitchError::UnknownPerson.into_answer());
    }
    if let Some(disabled) = switch.disabled {
        practice.set_disabled(&switch.person, disabled);
    }
    if switch.revoke {
        practice.revoke(&switch.person);
    }
    Ok(Json(overview(&practice)))
}

/// `POST /practice/certificate`: `{"pem":"-----BEGIN CERTIFICATE-----..."}`, as uploaded in the portal.
pub(crate) async fn post_certificate(
    State(practice): State<Practice>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let upload: Upload = read(&practice, &headers, &body).map_err(SwitchError::into_answer)?;
    practice.register_certificate(certificate(&upload.pem).map_err(SwitchError::into_answer)?);
    Ok(Json(overview(&practice)))
}

/// `POST /practice/federated`: `{"issuer":"https://..","subject":"..","pem":".."}`, a federated credential.
pub(crate) async fn post_federated(
    State(practice): State<Practice>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let Trust { issuer, subject, pem } =
        read(&practice, &headers, &body).map_err(SwitchError::into_answer)?;
    practice.trust(Federated {
        issuer,
        subject,
        signer: certificate(&pem).map_err(SwitchError::into_answer)?,
    });
    Ok(Json(overview(&practice)))
}

fn certificate(pem: &str) -> Result<PublicCertificate, SwitchError> {
    Ok(PublicCertificate::from_pem(pem)?)
}

// === impl Switches ===

impl Default for Switches {
    fn default() -> Self {
        let disabled = DISABLED_AT_START.iter().copied().collect();
        Self { faults: BTreeSet::new(), disabled, epochs: BTreeMap::new() }
    }
}

impl Switches {
    /// Whether that changed anything.
    pub(crate) fn set_fault(&mut self, fault: Fault, on: bool) -> bool {
        if on { self.faults.insert(fault) } else { self.faults.remove(&fault) }
    }

    pub(crate) fn set_disabled(&mut self, person: &str, disabled: bool) -> bool {
        let Some(person) = Person::find(person) else { return false };
        if disabled {
            self.disabled.insert(person.key);
        } else {
            self.disabled.remove(person.key);
        }
        true
    }

    pub(crate) fn revoke(&mut self, person: &str) -> bool {
        let Some(person) = Person::find(person) else { return false };
        *self.epochs.entry(person.key).or_default() += 1;
        true
    }

    pub(crate) fn is_disabled(&self, person: &Person) -> bool {
        self.disabled.contains(person.key)
    }

    pub(crate) fn epoch(&self, person: &Person) -> u32 {
        self.epochs.get(person.key).copied().unwrap_or(0)
    }
}

// === impl Resident ===

impl Resident {
    /// What lists show next to the name.
    pub(crate) const fn standing(&self) -> &'static str {
        if self.disabled { "Account disabled" } else { self.about }
    }

    pub(crate) fn all(switches: &Switches) -> Vec<Self> {
        PEOPLE
            .iter()
            .map(|person| Self {
                key: person.key,
                name: person.name,
                username: person.username,
                object: person.oid,
                tenant: person.tid,
                about: person.about,
                disabled: switches.is_disabled(person),
            })
            .collect()
    }
}

// === impl SwitchError ===

impl SwitchError {
    fn into_answer(self) -> Response {
        let (status, error) = match &self {
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"),
            Self::Unreadable(_) => (StatusCode::BAD_REQUEST, "unreadable"),
            Self::UnknownFault(_) => (StatusCode::BAD_REQUEST, "unknown_fault"),
            Self::UnknownPerson => (StatusCode::BAD_REQUEST, "unknown_person"),
            Self::NoCertificate(_) => (StatusCode::BAD_REQUEST, "no_certificate"),
        };
        (status, Json(json!({ "error": error, "message": self.to_string() }))).into_response()
    }
}

fn read<T: DeserializeOwned>(
    practice: &Practice,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, SwitchError> {
    if headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes() != practice.base().as_bytes()) {
        return Err(SwitchError::CrossSite);
    }
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(SwitchError::NotJson);
    }
    Ok(serde_json::from_slice(body)?)
}

fn overview(practice: &Practice) -> Value {
    let active = practice.active();
    let faults: Vec<_> = Fault::ALL
        .iter()
        .map(|fault| json!({ "fault": fault, "on": active.contains(fault), "explanation": fault.explanation() }))
        .collect();
    json!({
        "practice": true,
        "base": practice.base(),
        "tenant": { "id": TENANT_ID, "domain": TENANT_DOMAIN },
        "app": { "client_id": CLIENT_ID, "identifier_uri": IDENTIFIER_URI, "scopes": API_SCOPES, "certificates": practice.trusted().thumbprints() },
        "people": practice.people(),
        "faults": faults,
    })
}
