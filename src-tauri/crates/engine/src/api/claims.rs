//! What tokens say, explained: the claims of a session, and of any token a person pastes. The tokens themselves never leave.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::ExposeSecret as _;
use model::ids::SessionId;
use model::origin::{Origin, Site};
use model::remedy::Remedy;
use model::session::SessionState;
use model::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use ts_rs::TS;

use super::answers::SessionClaims;
use super::requests::{SessionRef, TokenText};
use super::{Api, ApiError, ApiParts};
use authserver::flow::Shared;

type Claims = Map<String, Value>;

/// A token is a header of requests, so it is not longer than one.
const LONGEST: usize = 64 * 1024;

/// What a claim means, and who put it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Note {
    pub meaning: &'static str,
    pub source: &'static str,
}

/// By claim.
pub type Notes = BTreeMap<&'static str, Note>;

/// A decoded token, checked against the settings.
#[derive(Clone, Serialize, TS)]
pub struct TokenInspection {
    #[ts(type = "Claims")]
    pub header: Claims,
    #[ts(type = "Claims")]
    pub claims: Claims,
    /// What kind of token it is.
    pub kind: String,
    pub findings: Vec<Finding>,
    #[ts(as = "BTreeMap<String, Note>")]
    pub notes: Notes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Finding {
    pub ok: bool,
    pub text: String,
    /// The next step, where something is wrong.
    pub hint: Option<String>,
    /// What can be done with one press, the first thing first.
    pub remedies: Vec<Remedy>,
}

// === impl Api ===

impl Api {
    pub(super) async fn session_claims(
        &self,
        SessionRef { session }: SessionRef,
    ) -> Result<SessionClaims, ApiError> {
        let live = self.live()?;
        let session = live.session(&session).await?;
        let sealed = session.upstream.as_ref().ok_or(ApiError::NotFound {
            what: "the claims of this session are gone: they are dropped when a session ends",
            hint: "let the client connect again",
        })?;
        let place = Shared::session_place(&session.id);
        let tokens = live.flow.open_upstream(place, sealed).ok_or(ApiError::NotFound {
            what: "the claims of this session cannot be read: they were sealed with another master key",
            hint: "end the session and let the client connect again",
        })?;
        let issued = live.flow.issued_claims(&session);
        let mut badges = badges(&tokens.id_claims, &tokens.access_claims);
        if session.person.guest {
            badges.push("guest");
        }
        let all = tokens.id_claims.keys().chain(tokens.access_claims.keys()).chain(issued.keys());
        Ok(SessionClaims {
            notes: notes(all),
            badges,
            issuer: session.upstream_issuer,
            id_claims: tokens.id_claims,
            access_claims: tokens.access_claims,
            issued_claims: issued,
            access_expires_at: tokens.access_expires_at.millis(),
        })
    }

    pub(super) async fn inspect_token(
        &self,
        TokenText { token }: TokenText,
    ) -> Result<TokenInspection, ApiError> {
        let token = bare(token.expose_secret());
        let (header, claims) = decoded(token)?;
        let live = self.live()?;
        let (kind, findings) = if live.is_ours(&claims) {
            ("access token of this server".to_owned(), live.examine_ours(token, &claims).await)
        } else {
            let examined = live.entra.examine(token, &claims).await;
            let findings = examined.findings.into_iter();
            let findings = findings.map(|entra::Finding { ok, text, hint, remedies, .. }| Finding {
                ok,
                text,
                hint,
                remedies,
            });
            (examined.kind.to_owned(), findings.collect())
        };
        let notes = notes(header.keys().chain(claims.keys()));
        Ok(TokenInspection { header, claims, kind, findings, notes })
    }
}

impl ApiParts {
    fn is_ours(&self, claims: &Claims) -> bool {
        text(claims, "iss").is_some_and(|issuer| self.sites().any(|site| site.issuer() == issuer))
    }

    fn sites(&self) -> impl Iterator<Item = &Site> {
        [Origin::Local, Origin::Public].into_iter().flat_map(|origin| self.flow.origins().sites(origin))
    }

    /// What `/mcp` would say about it.
    async fn examine_ours(&self, token: &str, claims: &Claims) -> Vec<Finding> {
        let mut findings = vec![if self.flow.signed(token) {
            Finding::good("this server signed it")
        } else {
            Finding::bad(
                "its signature is not this server's",
                "it was changed, or signed with another master key: connect again in the client",
            )
        }];
        findings.push(self.expiry(claims));
        let audience = text(claims, "aud").unwrap_or_default();
        findings.push(
            if [Origin::Local, Origin::Public]
                .iter()
                .any(|origin| self.flow.origins().is_our_resource(audience, *origin))
            {
                Finding::good(format!("it is meant for this server ({audience})"))
            } else {
                Finding::bad(
                    format!("it is meant for `{audience}`, not for this server"),
                    "give the client the MCP URL that Home shows, and connect again",
                )
            },
        );
        let session = match text(claims, "sid").and_then(SessionId::parse) {
            Some(id) => self.store.lookup_session(&id).await.ok().flatten(),
            None => None,
        };
        findings.push(match session {
            Some(session) => match &session.state {
                SessionState::Live => Finding::good("its session is live"),
                SessionState::Ended { why, .. } => Finding::bad(
                    format!("its session has ended: {}", why.explain()),
                    "connect again in the client",
                ),
            },
            None => Finding::bad(
                "its session is not known here",
                "it was forgotten, or belongs to another installation: connect again in the client",
            ),
        });
        findings
    }

    fn expiry(&self, claims: &Claims) -> Finding {
        let Some(exp) = claims.get("exp").and_then(Value::as_i64) else {
            return Finding::bad("it does not say when it ends", "ask whoever issued it for one that does");
        };
        if self.flow.now() < Timestamp::from_secs(exp) {
            Finding::good("it has not ended yet")
        } else {
            Finding::bad("it has ended", "the client gets a new one when it refreshes")
        }
    }
}

impl Finding {
    fn good(text: impl Into<String>) -> Self {
        Self { ok: true, text: text.into(), hint: None, remedies: Vec::new() }
    }

    pub(super) fn bad(text: impl Into<String>, hint: &str) -> Self {
        Self { ok: false, text: text.into(), hint: Some(hint.to_owned()), remedies: Vec::new() }
    }
}

/// People copy a whole header as often as a token.
fn bare(pasted: &str) -> &str {
    let token = pasted.trim();
    let token = token.strip_prefix("Authorization:").map_or(token, str::trim);
    match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => token,
    }
}

/// Header and claims of a JWS in compact form (RFC 7515 section 7.1). What is wrong with it never quotes it.
fn decoded(token: &str) -> Result<(Claims, Claims), ApiError> {
    let wrong = |what: &str| ApiError::BadRequest(format!("`token`: {what}"));
    if token.len() > LONGEST {
        return Err(wrong("that is too long for a token"));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let &[header, claims, signature] = parts.as_slice() else {
        return Err(wrong(match parts.len() {
            5 => "this is an encrypted token, which only its receiver can read",
            _ => {
                "this is no JWT: that is three parts with dots between them. An opaque token or a code says nothing"
            }
        }));
    };
    let object = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Claims>(&bytes).ok()
    };
    match (object(header), object(claims)) {
        (Some(header), Some(claims)) if !signature.is_empty() => Ok((header, claims)),
        (Some(_), Some(_)) => Err(wrong("its third part, the signature, is missing")),
        _ => Err(wrong("its parts are not base64url of JSON objects; copy the whole token and nothing else")),
    }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

/// What is worth seeing at a glance.
fn badges(id: &Claims, access: &Claims) -> Vec<&'static str> {
    let either = |name: &str| access.get(name).or_else(|| id.get(name));
    let lists = |name: &str, wanted: Option<&str>| {
        [id, access].into_iter().filter_map(|claims| claims.get(name)?.as_array()).any(
            |values| match wanted {
                Some(wanted) => values.iter().any(|value| value == wanted),
                None => !values.is_empty(),
            },
        )
    };
    let overage = |claims: &Claims| {
        claims.get("hasgroups").is_some_and(|has| has == true || has == "true")
            || claims.get("_claim_names").and_then(|names| names.get("groups")).is_some()
    };
    let mut found = Vec::new();
    match either("ver").and_then(Value::as_str) {
        Some("1.0") => found.push("v1"),
        Some("2.0") => found.push("v2"),
        _ => {}
    }
    if lists("amr", Some("mfa")) {
        found.push("mfa");
    }
    if overage(id) || overage(access) {
        found.push("group-overage");
    }
    if lists("roles", None) {
        found.push("app-roles");
    }
    found
}

/// The notes on these names.
fn notes<'a>(names: impl Iterator<Item = &'a String>) -> Notes {
    let found = names.filter_map(|name| NOTES.iter().find(|(claim, ..)| claim == name));
    found.map(|&(claim, meaning, source)| (claim, Note { meaning, source })).collect()
}

/// Claim, meaning, source. RFC 7519, RFC 9068, OpenID Connect Core, and Microsoft's token references.
const NOTES: &[(&str, &str, &str)] = &[
    ("alg", "How the token is signed", "the issuer"),
    ("kid", "Which of the issuer's published keys signed it", "the issuer"),
    ("typ", "What kind of token it is; `at+jwt` is an access token (RFC 9068)", "the issuer"),
    ("x5t", "Fingerprint of the signing certificate", "the issuer"),
    (
        "nonce",
        "In an ID token, the sign-in it answers; in a header, a token that only its receiver can check",
        "our request",
    ),
    ("iss", "Who issued the token", "the issuer; at Entra it contains the tenant"),
    (
        "aud",
        "Who the token is for; anybody else must refuse it",
        "client id or Application ID URI; the MCP URL in our own",
    ),
    ("sub", "The person, different for every app at Entra", "made from person and app"),
    ("exp", "When the token ends", "the token lifetime of the issuer"),
    ("iat", "When the token was issued", "the issuer's clock"),
    ("nbf", "From when on the token counts", "the issuer's clock"),
    ("jti", "Number of this very token", "the issuer"),
    ("sid", "The session the token belongs to", "the issuer"),
    ("scope", "What the client may do", "our scopes, as granted"),
    ("scp", "What the app may do for the person", "Expose an API, and consent to it"),
    ("client_id", "The client the token was given to", "its registration here"),
    ("azp", "The app that asked for the token (v2.0)", "the client id of the app registration"),
    ("appid", "The app that asked for the token (v1.0)", "the client id of the app registration"),
    ("azpacr", "How the app proved itself: 0 not at all, 1 secret, 2 certificate (v2.0)", "the sign-in"),
    ("appidacr", "How the app proved itself: 0 not at all, 1 secret, 2 certificate (v1.0)", "the sign-in"),
    (
        "oid",
        "The person, the same in every app of the tenant; what people are recognised by",
        "the directory",
    ),
    ("tid", "The tenant the person signed in at", "the directory"),
    ("ver", "Version of the token", "`requestedAccessTokenVersion` in the app's manifest"),
    ("name", "Display name; people can change it", "the person's profile"),
    ("given_name", "First name", "the person's profile, as an optional claim"),
    ("family_name", "Last name", "the person's profile, as an optional claim"),
    (
        "preferred_username",
        "Sign-in name; it can change, so nothing is decided by it",
        "the person's profile",
    ),
    ("upn", "User principal name; it can change, so nothing is decided by it", "the person's profile"),
    ("unique_name", "Sign-in name in v1.0 tokens; it can change", "the person's profile"),
    (
        "email",
        "E-mail address; not verified, and people can choose it",
        "the person's profile, with the scope `email`",
    ),
    ("roles", "App roles of the person", "Enterprise applications > your app > Users and groups"),
    ("groups", "Groups of the person, by object id", "Token configuration > groups claim"),
    ("wids", "Directory roles of the person", "the directory"),
    ("hasgroups", "There are more groups than a token holds; they have to be asked for", "the directory"),
    ("_claim_names", "Claims that did not fit, such as more than 200 groups", "the directory"),
    ("_claim_sources", "Where the claims that did not fit can be asked for", "the directory"),
    ("acct", "1 for a guest, 0 for a member of the tenant", "the directory, as an optional claim"),
    ("acr", "0 where the sign-in was weaker than ISO 29115 asks", "the sign-in"),
    ("acrs", "Authentication contexts that were met", "Conditional Access"),
    ("amr", "How the person signed in: `pwd` password, `mfa` second factor, `rsa` key or app", "the sign-in"),
    ("auth_time", "When the person last signed in", "the sign-in"),
    ("idp", "Where the person's account comes from, if not from this tenant", "the directory"),
    ("ipaddr", "Address the person signed in from", "the sign-in"),
    ("login_hint", "Lets a sign-out or a next sign-in name this account", "an optional claim"),
    ("tenant_region_scope", "Region of the tenant", "the directory"),
    ("xms_cc", "What the app says it can handle; `cp1` is claims challenges", "the app's request"),
    ("uti", "Entra's own number of the token, for support", "Entra"),
    ("rh", "Entra's own use", "Entra"),
    ("aio", "Entra's own use", "Entra"),
    ("at_hash", "Ties the ID token to the access token beside it", "the issuer"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Claims {
        value.as_object().cloned().unwrap()
    }

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn a_token_is_found_in_what_people_copy() {
        for pasted in ["a.b.c", " a.b.c\n", "Bearer a.b.c", "bearer  a.b.c", "Authorization: Bearer a.b.c"] {
            assert_eq!(bare(pasted), "a.b.c");
        }
    }

    #[test]
    fn what_is_no_token_is_told_without_quoting_it() {
        let secret = "kept-to-ourselves";
        for pasted in [
            secret.to_owned(),
            format!("{secret}.{secret}.{secret}"),
            format!("{secret}.b.c.d.e"),
            token(&json!({}), &json!([])),
            token(&json!({}), &json!({})).trim_end_matches("c2ln").to_owned(),
            format!("{secret}{}", "x".repeat(LONGEST)),
        ] {
            let told = decoded(&pasted).unwrap_err();
            assert!(!told.to_string().contains(secret), "{told}");
        }
        let (header, claims) = decoded(&token(&json!({"alg": "RS256"}), &json!({"sub": "x"}))).unwrap();
        assert_eq!((header["alg"].as_str(), claims["sub"].as_str()), (Some("RS256"), Some("x")));
    }

    #[test]
    fn badges_tell_version_second_factor_roles_and_too_many_groups() {
        let id = object(&json!({ "ver": "2.0", "amr": ["pwd", "mfa"] }));
        let access =
            object(&json!({ "ver": "1.0", "roles": ["Admin"], "_claim_names": { "groups": "src1" } }));
        assert_eq!(badges(&id, &access), ["v1", "mfa", "group-overage", "app-roles"]);
        let plain = object(&json!({ "amr": ["pwd"], "roles": [], "hasgroups": false }));
        assert_eq!(badges(&plain, &Claims::new()), [""; 0]);
    }

    #[test]
    fn every_claim_is_explained_once() {
        let mut names: Vec<_> = NOTES.iter().map(|(claim, ..)| claim).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NOTES.len());
    }
}
