//! What a verified token must say to be believed: issuer, audience, time, directory, scopes, and one person in both.
//!
//! Pure: claims and the time come in, a fault comes out.

use model::settings::EntraSettings;
use model::time::Timestamp;
use serde_json::{Map, Value};

use crate::discovery::{Layout, Metadata};
use crate::fault::{Fault, Which};
use crate::scopes;

/// How far our clock and the provider's may be apart, in seconds.
const LEEWAY: i64 = 60;

/// The directory of personal Microsoft accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

pub(crate) type Claims = Map<String, Value>;

/// What kind of provider it is, which decides what its tokens can be held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// Entra: both tokens are checked by Entra's rules.
    Entra,
    /// Azure AD B2C: one issuer for all policies of a directory, which tokens do not name; the policy is a claim.
    B2c,
    /// Another server, with an API of ours: its access token is for us and is checked.
    WithApi,
    /// No API of ours (no Application ID URI): the access token is none of our business (RFC 6749 section 1.4), and
    /// who signed in is what the ID token says.
    SignInOnly,
}

#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) settings: &'a EntraSettings,
    pub(crate) metadata: &'a Metadata,
    pub(crate) now: Timestamp,
}

impl Provider {
    pub(crate) fn of(settings: &EntraSettings, metadata: &Metadata) -> Self {
        match metadata.layout {
            _ if settings.identifier_uri.is_empty() => Self::SignInOnly,
            Layout::Entra if settings.policy().is_some() => Self::B2c,
            Layout::Entra => Self::Entra,
            Layout::Plain => Self::WithApi,
        }
    }
}

impl Rules<'_> {
    pub(crate) fn provider(&self) -> Provider {
        Provider::of(self.settings, self.metadata)
    }

    /// The ID token (OpenID Connect Core section 3.1.3.7). A refreshed one carries no nonce.
    pub(crate) fn check_id(&self, claims: &Claims, nonce: Option<&str>) -> Result<(), Fault> {
        self.check_origin(claims, Which::Id)?;
        self.check_audience(claims, Which::Id)?;
        if nonce.is_some() && text(claims, "nonce") != nonce {
            return Err(Fault::Nonce);
        }
        Ok(())
    }

    /// An access token for our API: v1.0 says the identifier URI, v2.0 the client id.
    pub(crate) fn check_access(&self, claims: &Claims) -> Result<(), Fault> {
        self.check_origin(claims, Which::Access)?;
        self.check_audience(claims, Which::Access)?;
        self.check_scopes(claims)
    }

    pub(crate) fn check_audience(&self, claims: &Claims, which: Which) -> Result<(), Fault> {
        let (audiences, client_id) = (audiences(claims), self.settings.client_id.as_str());
        let for_us = match which {
            Which::Id => {
                audiences.contains(&client_id)
                    && (audiences.len() == 1 || text(claims, "azp").is_none_or(|azp| azp == client_id))
            }
            Which::Access => {
                let ours = [client_id, self.settings.identifier_uri.as_str()];
                audiences.iter().any(|audience| !audience.is_empty() && ours.contains(audience))
            }
        };
        if for_us { Ok(()) } else { Err(Fault::Audience(which, printable(&audiences.join(", ")))) }
    }

    pub(crate) fn check_scopes(&self, claims: &Claims) -> Result<(), Fault> {
        self.check_granted(&granted(claims))
    }

    /// Without an access token to look into, the answer's `scope` says what was granted, and silence means all that
    /// was asked for (RFC 6749 section 5.1).
    pub(crate) fn check_answered(&self, scope: Option<&[String]>) -> Result<(), Fault> {
        let Some(granted) = scope else { return Ok(()) };
        self.check_granted(&granted.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn check_granted(&self, granted: &[&str]) -> Result<(), Fault> {
        let missing = scopes::to_be_found(self.settings).find(|scope| !granted.contains(scope));
        missing.map_or(Ok(()), |scope| Err(Fault::Scope(scope.to_owned())))
    }

    /// Who issued it and when, and what every token must have.
    pub(crate) fn check_origin(&self, claims: &Claims, which: Which) -> Result<(), Fault> {
        let missing = |claim| Fault::Missing(which, claim);
        let issuer = text(claims, "iss").ok_or_else(|| missing("iss"))?;
        text(claims, "sub").ok_or_else(|| missing("sub"))?;
        if !claims.contains_key("aud") {
            return Err(missing("aud"));
        }
        self.check_issuer(claims, which, issuer)?;
        self.check_times(claims, which)?;
        self.check_tenant(claims)
    }

    pub(crate) fn check_issuer(&self, claims: &Claims, which: Which, found: &str) -> Result<(), Fault> {
        let known = &self.metadata.issuer;
        let wrong = || Fault::Issuer(which, printable(found));
        let tid = text(claims, "tid");
        // Whatever the settings say of an API: a policy that was not asked for vouches for nobody.
        if let Some(policy) = self.settings.policy() {
            let of_another =
                tid.is_some_and(|tid| known.tenant().is_none_or(|one| !one.eq_ignore_ascii_case(tid)));
            if found != known.as_str() || of_another {
                return Err(wrong());
            }
            return check_policy(claims, which, policy);
        }
        if self.provider() != Provider::Entra {
            let expected = tid.map_or_else(|| known.as_str().to_owned(), |tid| known.v2(tid));
            return if found == expected { Ok(()) } else { Err(wrong()) };
        }
        let tid = tid.ok_or(Fault::Missing(which, "tid"))?;
        text(claims, "oid").ok_or(Fault::Missing(which, "oid"))?;
        if known.tenant().is_some_and(|tenant| !tenant.eq_ignore_ascii_case(tid)) {
            return Err(wrong());
        }
        let expected = match text(claims, "ver") {
            Some("2.0") => Some(known.v2(tid)),
            Some("1.0") => known.v1(tid),
            _ => return Err(Fault::Version(which)),
        };
        if expected.as_deref() == Some(found) { Ok(()) } else { Err(wrong()) }
    }

    pub(crate) fn check_times(&self, claims: &Claims, which: Which) -> Result<(), Fault> {
        let now = self.now.secs();
        let ends = seconds(claims, "exp").ok_or(Fault::Missing(which, "exp"))?;
        if now >= ends.saturating_add(LEEWAY) {
            return Err(Fault::Expired(which, now.saturating_sub(ends)));
        }
        match seconds(claims, "nbf") {
            Some(begins) if begins > now.saturating_add(LEEWAY) => {
                Err(Fault::NotYet(which, begins.saturating_sub(now)))
            }
            _ => Ok(()),
        }
    }

    /// Who may sign in: the listed directories, or the one that the settings name.
    pub(crate) fn check_tenant(&self, claims: &Claims) -> Result<(), Fault> {
        let home = self.metadata.issuer.tenant().filter(|_| self.settings.policy().is_some());
        let (tid, allowed) = (text(claims, "tid").or(home), &self.settings.allowed_tenants);
        let fits = match tid {
            _ if !allowed.is_empty() => {
                let host = issuer_host(self.metadata.issuer.as_str());
                allowed.iter().any(|one| one.eq_ignore_ascii_case(tid.unwrap_or(&host)))
            }
            Some(tid) if self.metadata.layout == Layout::Entra => self.allows(tid),
            // No directories there: the issuer, which was compared, is all there is.
            _ => true,
        };
        if fits { Ok(()) } else { Err(Fault::Tenant(printable(tid.unwrap_or("none")))) }
    }

    /// Whether app roles that a token of this directory names count. Its own administrators assign them, so where any
    /// directory may come, anybody could give themselves one.
    pub(crate) fn counts_roles_of(&self, tid: &str) -> bool {
        let is = |one: &str| one.eq_ignore_ascii_case(tid);
        self.metadata.layout == Layout::Plain
            || self.metadata.issuer.tenant().is_some_and(is)
            || self.settings.allowed_tenants.iter().any(|one| is(one))
    }

    /// Without a list: the directory that the settings name, or any that a name for many covers.
    fn allows(&self, tid: &str) -> bool {
        match self.settings.tenant.to_ascii_lowercase().as_str() {
            "common" => true,
            "organizations" => !tid.eq_ignore_ascii_case(PERSONAL),
            "consumers" => tid.eq_ignore_ascii_case(PERSONAL),
            guid if is_guid(guid) => tid.eq_ignore_ascii_case(guid),
            // A domain: the metadata says which directory it stands for.
            _ => self.metadata.issuer.tenant().is_some_and(|tenant| tenant.eq_ignore_ascii_case(tid)),
        }
    }
}

/// Policies of one directory share issuer, audience and keys, and may ask for less than the one that is meant. Newer ones are
/// named by `tfp`, older ones by `acr`, in letters of either case.
fn check_policy(claims: &Claims, which: Which, policy: &str) -> Result<(), Fault> {
    match text(claims, "tfp").or_else(|| text(claims, "acr")) {
        Some(found) if found.eq_ignore_ascii_case(policy) => Ok(()),
        Some(found) => Err(Fault::Policy(which, printable(found))),
        None => Err(Fault::Missing(which, "tfp")),
    }
}

/// The two tokens must speak of one person, as far as both say.
pub(crate) fn agree(id: &Claims, access: &Claims) -> Result<(), Fault> {
    let differs =
        |claim: &&&str| text(id, claim).is_some_and(|a| text(access, claim).is_some_and(|b| a != b));
    ["tid", "oid", "sub"].iter().find(differs).map_or(Ok(()), |claim| Err(Fault::Disagree(claim)))
}

/// A claim that is a non-empty string.
pub(crate) fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// A `NumericDate` (RFC 7519 section 2), which may have a fraction.
pub(crate) fn seconds(claims: &Claims, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time beyond i64 saturates, which is what it means"
    )]
    value.as_i64().or_else(|| value.as_f64().map(|secs| secs as i64))
}

/// Host, and port if it has one, of an issuer: stands in for the directory where there is none.
pub(crate) fn issuer_host(issuer: &str) -> String {
    let url = url::Url::parse(issuer).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    match (host, url.as_ref().and_then(url::Url::port)) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => issuer.to_owned(),
    }
}

/// `aud` as one string or several (RFC 7519 section 4.1.3).
fn audiences(claims: &Claims) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// `scp` of Entra, or `scope` (RFC 9068 section 2.2.3), as text or as a list.
pub(crate) fn granted(claims: &Claims) -> Vec<&str> {
    match claims.get("scp").or_else(|| claims.get("scope")) {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
