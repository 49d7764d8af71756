//! Everything the practice tenant refuses, with Entra's own number, OAuth error, status and words.
//!
//! How a refusal travels (page, redirect, JSON) is decided by the endpoint; the JSON and page facts come from here.
//! Long because it is two tables, words and numbers, with a row for every refusal.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::ports::Entropy;
use model::time::Timestamp;
use serde_json::json;

use crate::Practice;
use crate::directory::{APP_NAME, CLIENT_ID, IDENTIFIER_URI, POLICY_ID};

/// Why the answer is no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Why {
    #[error(
        "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
    )]
    UnknownTenant(String),
    #[error(
        "Application with identifier '{0}' was not found in the directory 'Practice tenant'. This can happen if the application has not been installed by the administrator of the tenant."
    )]
    UnknownClient(String),
    #[error(
        "The redirect URI '{0}' specified in the request does not match the redirect URIs configured for the application '{CLIENT_ID}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal."
    )]
    RedirectNotRegistered(String),
    #[error(
        "The reply address does not match the reply address provided when requesting the authorization code."
    )]
    RedirectMismatch,
    #[error("The request body must contain the following parameter: '{0}'.")]
    Missing(&'static str),
    #[error("The request is not properly formatted. The parameter '{0}' is duplicated.")]
    Duplicated(String),
    #[error("Unsupported '{name}' value '{value}'.")]
    Unsupported { name: &'static str, value: String },
    #[error("The response type '{0}' is not enabled for the application.")]
    ResponseType(String),
    #[error("The size of the code challenge is not valid: it must be the base64url SHA-256 of the verifier.")]
    ChallengeMalformed,
    #[error("Invalid Code_Challenge_method parameter: only S256 is accepted.")]
    ChallengeMethod,
    #[error("The resource parameter provided in the request doesn't match with the requested scopes.")]
    ResourceMismatch,
    #[error("The 'resource' request parameter is not supported.")]
    ResourceUnsupported,
    #[error(
        "The application '{APP_NAME}' asked for permission '{0}', which the resource '{IDENTIFIER_URI}' does not offer: OpenID Connect scopes are never prefixed."
    )]
    PrefixedOpenId(String),
    #[error(
        "The application '{APP_NAME}' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. Contact the app vendor."
    )]
    UnknownScope { scope: String, resource: String },
    #[error(
        "The resource principal named {0} was not found in the tenant named Practice tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
    )]
    UnknownResource(String),
    #[error(
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope '{0}' names no resource."
    )]
    ScopeInvalid(String),
    #[error(
        "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {0} is not valid."
    )]
    TwoResources(String),
    #[error(
        "Application '{CLIENT_ID}'({APP_NAME}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier."
    )]
    TokenForItself,
    #[error("Session information is not sufficient for single-sign-on.")]
    NotSignedIn,
    #[error("Authentication failed due to flow token expired.")]
    FlowExpired,
    #[error("Invalid request. Request is malformed or invalid.")]
    Malformed,
    #[error("User declined to consent to access the app.")]
    Declined,
    /// At Azure AD B2C only.
    #[error("The user has forgotten their password.")]
    ForgotPassword,
    #[error(
        "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."
    )]
    UnknownPerson,
    #[error("The user account is disabled.")]
    Disabled,
    #[error(
        "User account from identity provider '{0}' does not exist in tenant 'Practice tenant' and cannot access the application '{CLIENT_ID}'({APP_NAME}) in that tenant. The account needs to be added as an external user in the tenant first."
    )]
    OtherTenant(&'static str),
    #[error(
        "Your administrator has configured the application {APP_NAME} ('{CLIENT_ID}') to block users unless they are specifically granted ('assigned') access to the application."
    )]
    NotAssigned,
    #[error(
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
    )]
    ConditionalAccess,
    #[error(
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{CLIENT_ID}'."
    )]
    MfaRequired,
    #[error(
        "The user or administrator has not consented to use the application with ID '{CLIENT_ID}' named '{APP_NAME}'. Send an interactive authorization request for this user and resource."
    )]
    ConsentMissing,
    #[error("Unsupported grant type '{0}'.")]
    GrantType(String),
    #[error("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")]
    SecretMissing,
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{CLIENT_ID}'."
    )]
    SecretWrong,
    #[error(
        "The provided client secret keys for app '{CLIENT_ID}' are expired. Visit the Azure portal to create new keys for your app."
    )]
    SecretExpired,
    #[error("Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")]
    PublicClient,
    #[error(
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests."
    )]
    SpaOnly,
    #[error(
        "The certificate with identifier used to sign the client assertion is not registered on application '{CLIENT_ID}'. [Reason - The key was not found.]"
    )]
    CertificateUnknown,
    #[error("Client assertion contains an invalid signature. [Reason - The key used is expired.]")]
    CertificateExpired,
    #[error("Client assertion is not within its valid time range.")]
    AssertionOutOfTime,
    #[error("Client assertion audience claim does not match Realm issuer.")]
    AssertionAudienceOfApp,
    #[error("JWT token is invalid or malformed.")]
    AssertionMalformed,
    #[error("The 'client_assertion_type' is not 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'.")]
    AssertionType,
    #[error(
        "No matching federated identity record found for presented assertion issuer '{0}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    )]
    FederatedIssuer(String),
    #[error(
        "No matching federated identity record found for presented assertion audience '{0}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    )]
    FederatedAudience(String),
    #[error(
        "No matching federated identity record found for presented assertion subject '{0}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    )]
    FederatedSubject(String),
    #[error("The provided value for the '{0}' parameter is not valid.")]
    GrantUnknown(&'static str),
    #[error(
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."
    )]
    CodeReused,
    #[error(
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."
    )]
    CodeExpired,
    #[error("The provided authorization code is intended to be used against another tenant, thus rejected.")]
    CodeOfOtherTenant,
    #[error("The Code_Verifier does not match the code_challenge supplied in the authorization request.")]
    VerifierMismatch,
    #[error("The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.")]
    RefreshExpired,
    #[error(
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."
    )]
    Revoked,
    #[error("The session is not valid due to password expiration or recent password change.")]
    SessionOver,
    #[error(
        "The session is not valid because the refresh token has expired or is invalid due to sign-in frequency checks by conditional access."
    )]
    Frequency,
    #[error("The session has been revoked by the user or an administrator.")]
    SessionRevoked,
    #[error(
        "Device is not in required device state: compliant. Conditional Access policy requires a compliant device."
    )]
    DeviceNotCompliant,
    #[error("Assertion failed signature validation.")]
    AssertionInvalid,
    #[error("Assertion audience does not match the client app presenting the assertion.")]
    AssertionAudience,
    #[error("Assertion is not within its valid time range.")]
    AssertionExpired,
    #[error("OAuth 2.0 device flow error. Authorization is pending. Continue polling.")]
    DevicePending,
    #[error("OAuth 2.0 device flow error. Polling is too frequent.")]
    DeviceTooFast,
    #[error("OAuth 2.0 device flow error. The user declined the request.")]
    DeviceDeclined,
    #[error("OAuth 2.0 device flow error. The code has expired.")]
    DeviceExpired,
    #[error("The tenant is throttled: there are too many incoming requests.")]
    Throttled,
    #[error("A transient error has occurred. Please try again.")]
    Transient,
}

/// One refusal with the traces Entra adds, so page, redirect and JSON say the same.
pub(crate) struct Refusal {
    pub(crate) why: Why,
    /// Azure AD B2C has numbers and words of its own.
    pub(crate) b2c: bool,
    pub(crate) trace_id: String,
    pub(crate) correlation_id: String,
    /// `2026-11-23 22:56:00Z`
    pub(crate) timestamp: String,
}

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;

// === impl Why ===

impl Why {
    /// AADSTS number, OAuth error, status at the token endpoint.
    const fn facts(&self) -> (u32, &'static str, StatusCode) {
        match self {
            Self::UnknownTenant(_) => (90002, "invalid_request", BAD),
            Self::UnknownClient(_) => (700_016, "unauthorized_client", BAD),
            Self::RedirectNotRegistered(_) => (50011, "invalid_request", BAD),
            Self::RedirectMismatch => (50011, "invalid_grant", BAD),
            Self::Missing(_) => (900_144, "invalid_request", BAD),
            Self::Duplicated(_) => (9_000_411, "invalid_request", BAD),
            Self::Unsupported { .. } => (90023, "invalid_request", BAD),
            Self::ResponseType(_) => (700_054, "unsupported_response_type", BAD),
            Self::ChallengeMalformed => (501_491, "invalid_request", BAD),
            Self::ChallengeMethod => (50149, "invalid_request", BAD),
            Self::ResourceMismatch => (9_010_010, "invalid_target", BAD),
            Self::ResourceUnsupported => (901_002, "invalid_request", BAD),
            Self::PrefixedOpenId(_) => (65005, "invalid_client", BAD),
            Self::UnknownScope { .. } => (650_053, "invalid_client", BAD),
            Self::UnknownResource(_) => (500_011, "invalid_resource", BAD),
            Self::ScopeInvalid(_) => (70011, "invalid_scope", BAD),
            Self::TwoResources(_) => (28000, "invalid_request", BAD),
            Self::TokenForItself => (90009, "invalid_request", BAD),
            Self::NotSignedIn => (50058, "login_required", BAD),
            Self::FlowExpired => (50089, "invalid_request", BAD),
            Self::Malformed => (9_002_313, "invalid_request", BAD),
            Self::ForgotPassword => (50055, "access_denied", BAD),
            Self::Declined => (65004, "access_denied", BAD),
            Self::UnknownPerson => (50034, "invalid_grant", BAD),
            Self::Disabled => (50057, "invalid_grant", BAD),
            Self::OtherTenant(_) => (50020, "invalid_grant", BAD),
            Self::NotAssigned => (50105, "invalid_grant", BAD),
            Self::ConditionalAccess => (53003, "invalid_grant", BAD),
            Self::MfaRequired => (50076, "interaction_required", BAD),
            Self::ConsentMissing => (65001, "invalid_grant", BAD),
            Self::GrantType(_) => (70003, "unsupported_grant_type", BAD),
            Self::SecretMissing => (7_000_218, "invalid_client", UNAUTHORIZED),
            Self::SecretWrong => (7_000_215, "invalid_client", UNAUTHORIZED),
            Self::SecretExpired => (7_000_222, "invalid_client", UNAUTHORIZED),
            Self::PublicClient => (700_025, "invalid_client", UNAUTHORIZED),
            Self::SpaOnly => (9_002_327, "invalid_request", BAD),
            Self::CertificateUnknown | Self::CertificateExpired => (700_027, "invalid_client", UNAUTHORIZED),
            Self::AssertionOutOfTime => (700_024, "invalid_client", UNAUTHORIZED),
            Self::AssertionAudienceOfApp => (700_023, "invalid_client", UNAUTHORIZED),
            Self::AssertionMalformed => (50027, "invalid_client", UNAUTHORIZED),
            Self::AssertionType => (70_002, "invalid_client", UNAUTHORIZED),
            Self::FederatedIssuer(_) => (700_211, "invalid_client", UNAUTHORIZED),
            Self::FederatedAudience(_) => (700_212, "invalid_client", UNAUTHORIZED),
            Self::FederatedSubject(_) => (700_213, "invalid_client", UNAUTHORIZED),
            Self::GrantUnknown(_) => (70000, "invalid_grant", BAD),
            Self::CodeReused => (54005, "invalid_grant", BAD),
            Self::CodeExpired => (70008, "invalid_grant", BAD),
            Self::CodeOfOtherTenant => (700_005, "invalid_grant", BAD),
            Self::VerifierMismatch => (501_481, "invalid_grant", BAD),
            Self::RefreshExpired => (700_082, "invalid_grant", BAD),
            Self::Revoked => (50173, "invalid_grant", BAD),
            Self::SessionOver => (50133, "invalid_grant", BAD),
            Self::Frequency => (70043, "invalid_grant", BAD),
            Self::SessionRevoked => (50132, "invalid_grant", BAD),
            Self::DeviceNotCompliant => (53000, "interaction_required", BAD),
            Self::AssertionInvalid => (50013, "invalid_grant", BAD),
            Self::AssertionAudience => (500_131, "invalid_grant", BAD),
            Self::AssertionExpired => (500_133, "invalid_grant", BAD),
            Self::DevicePending => (70016, "authorization_pending", BAD),
            Self::DeviceTooFast => (70017, "slow_down", BAD),
            Self::DeviceDeclined => (70018, "authorization_declined", BAD),
            Self::DeviceExpired => (70020, "expired_token", BAD),
            Self::Throttled => (90055, "temporarily_unavailable", StatusCode::TOO_MANY_REQUESTS),
            Self::Transient => (90033, "temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// Number, OAuth error and words of Azure AD B2C.
    fn at_b2c(&self) -> (u32, &'static str, String) {
        let (number, error, words) = match self {
            Self::UnknownTenant(_) => {
                (90_022, "invalid_request", "Unable to return metadata for the policy.")
            }
            Self::UnknownClient(_) => (
                90_018,
                "invalid_request",
                "The client ID specified in the request is not registered in tenant.",
            ),
            Self::RedirectNotRegistered(_) | Self::RedirectMismatch => (
                90_006,
                "invalid_request",
                "The redirect URI provided in the request is not registered for the client ID.",
            ),
            Self::UnknownScope { .. } | Self::UnknownResource(_) | Self::PrefixedOpenId(_) => {
                (90_117, "invalid_request", "The scope provided in the request is not supported.")
            }
            Self::ScopeInvalid(_) | Self::TokenForItself => {
                (90_055, "invalid_request", "The scope provided in request must specify a resource.")
            }
            Self::TwoResources(_) => {
                (90_146, "invalid_request", "The scope provided in request specifies more than one resource.")
            }
            Self::NotSignedIn => (90_077, "interaction_required", "User does not have an existing session."),
            Self::FlowExpired => {
                (90_046, "invalid_request", "We are having trouble loading your current state.")
            }
            Self::Declined => {
                (90_091, "access_denied", "The user has cancelled entering self-asserted information.")
            }
            Self::ForgotPassword => (90_118, "access_denied", "The user has forgotten their password."),
            Self::UnknownPerson => {
                (90_128, "invalid_grant", "The account associated with this grant no longer exists.")
            }
            Self::Disabled | Self::Revoked | Self::SessionRevoked => (
                90_129,
                "invalid_grant",
                "The provided grant has been revoked. Please reauthenticate and try again.",
            ),
            Self::SecretMissing => (
                90_079,
                "invalid_request",
                "Clients must send a client_secret when redeeming a confidential grant.",
            ),
            Self::SecretWrong | Self::SecretExpired => (
                90_081,
                "invalid_request",
                "The specified client_secret does not match the expected value for this client.",
            ),
            Self::PublicClient => (
                90_084,
                "invalid_request",
                "Public clients should not send a client_secret when redeeming a publicly acquired grant.",
            ),
            Self::CodeOfOtherTenant => {
                (90_088, "invalid_grant", "The provided grant has not been issued for this endpoint.")
            }
            Self::GrantUnknown(_) | Self::Malformed => {
                (90_090, "server_error", "The provided JWE is not a valid 5 segment token.")
            }
            Self::CodeReused
            | Self::CodeExpired
            | Self::RefreshExpired
            | Self::SessionOver
            | Self::Frequency => (
                90_080,
                "invalid_grant",
                "The provided grant has expired. Please re-authenticate and try again.",
            ),
            Self::VerifierMismatch => (90_183, "invalid_grant", "The supplied code_verifier is invalid"),
            Self::Throttled | Self::Transient => (
                90_035,
                "temporarily_unavailable",
                "The service is temporarily unavailable. Please retry after a few minutes.",
            ),
            Self::GrantType(_) => {
                (90_086, "unsupported_grant_type", "The supplied grant_type is not supported.")
            }
            other => {
                return (
                    90_037,
                    "invalid_request",
                    format!("An error occurred while processing the request. {other}"),
                );
            }
        };
        (number, error, words.to_owned())
    }

    pub(crate) const fn code(&self) -> u32 {
        self.facts().0
    }

    pub(crate) const fn oauth_error(&self) -> &'static str {
        self.facts().1
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.facts().2
    }

    /// What Entra adds for clients that can act on it.
    const fn suberror(&self) -> Option<&'static str> {
        match self {
            Self::MfaRequired | Self::DeviceNotCompliant => Some("basic_action"),
            Self::ConsentMissing => Some("consent_required"),
            Self::ConditionalAccess => Some("message_only"),
            Self::Disabled | Self::Revoked | Self::RefreshExpired => Some("bad_token"),
            _ => None,
        }
    }

    /// What the next authorize request must carry as `claims` to get past this.
    fn claims(&self) -> Option<String> {
        matches!(self, Self::MfaRequired | Self::ConditionalAccess | Self::DeviceNotCompliant).then(|| {
            json!({ "access_token": { "capolids": { "essential": true, "values": [POLICY_ID] } } })
                .to_string()
        })
    }
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn of(why: Why, practice: &Practice) -> Self {
        tracing::debug!(aadsts = why.code(), "the practice tenant refused a request");
        Self {
            why,
            b2c: false,
            trace_id: guid(practice.entropy()),
            correlation_id: guid(practice.entropy()),
            timestamp: entra_time(practice.now()),
        }
    }

    /// As the tenant of `segment` says it.
    pub(crate) fn at(segment: &str, why: Why, practice: &Practice) -> Self {
        Self { b2c: segment.contains('/'), ..Self::of(why, practice) }
    }

    /// `AADSTS50011`, `AADB2C90006`
    pub(crate) fn number(&self) -> String {
        if self.b2c { format!("AADB2C{}", self.why.at_b2c().0) } else { format!("AADSTS{}", self.why.code()) }
    }

    pub(crate) fn text(&self) -> String {
        if self.b2c { self.why.at_b2c().2 } else { self.why.to_string() }
    }

    pub(crate) fn oauth_error(&self) -> &'static str {
        if self.b2c { self.why.at_b2c().1 } else { self.why.oauth_error() }
    }

    /// `error_description`, in the one line Entra makes of it; Azure AD B2C makes three.
    pub(crate) fn description(&self) -> String {
        if self.b2c {
            let (number, text, id, at) = (self.number(), self.text(), &self.correlation_id, &self.timestamp);
            return format!("{number}: {text}\r\nCorrelation ID: {id}\r\nTimestamp: {at}\r\n");
        }
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.why.code(),
            self.why,
            self.trace_id,
            self.correlation_id,
            self.timestamp
        )
    }

    pub(crate) fn error_uri(&self) -> String {
        format!("https://login.microsoftonline.com/error?code={}", self.why.code())
    }

    pub(crate) fn into_json(self) -> Response {
        if self.b2c {
            let body = json!({ "error": self.oauth_error(), "error_description": self.description() });
            return (self.why.status(), Json(body)).into_response();
        }
        let mut body = json!({
            "error": self.why.oauth_error(),
            "error_description": self.description(),
            "error_codes": [self.why.code()],
            "timestamp": self.timestamp,
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "error_uri": self.error_uri(),
        });
        if let Some(suberror) = self.why.suberror() {
            body["suberror"] = suberror.into();
        }
        if let Some(claims) = self.why.claims() {
            body["claims"] = claims.into();
        }
        let mut response = (self.why.status(), Json(body)).into_response();
        if matches!(self.why, Why::Throttled | Why::Transient) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        }
        response
    }
}

/// A random GUID (RFC 9562, version 4).
pub(crate) fn guid(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A time the way Entra writes it in errors.
pub(crate) fn entra_time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis())
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_like_entras_so_they_can_be_compared_with_a_real_log() {
        assert_eq!(entra_time(Timestamp::from_secs(1_795_474_560)), "2026-11-23 22:56:00Z");
    }

    #[test]
    fn guids_have_version_and_variant_where_strict_parsers_look_for_them() {
        let guid = guid(&model::testing::SeededEntropy::new(1));
        assert_eq!(guid.len(), 36);
        assert_eq!(guid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&guid.as_bytes()[19]));
    }
}
