//! The named faults: what can be made to go wrong on purpose, and the sentence that explains each.
//!
//! Only the list lives here. What a fault does is written where it strikes, next to the rule it breaks.

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($variant:ident, $name:literal, $explanation:literal;)*) => {
        /// Something that goes wrong until it is switched off again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Fault {
            $(#[doc = $explanation] #[serde(rename = $name)] $variant,)*
        }

        impl Fault {
            /// Every fault, in the order in which pages list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name scripts use, in kebab case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What happens while it is on: one line for people.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)* }
            }
        }
    };
}

faults! {
    ExpiredSecret, "expired-secret",
        "The client secret has expired: the token endpoint answers AADSTS7000222. The next secret still works.";
    PublicClient, "public-client",
        "The app is registered as a public client: sending a secret is AADSTS700025, sending none works.";
    SpaPlatform, "spa-platform",
        "The redirect URI is on the platform Single-page application: redeeming a code is AADSTS9002327.";
    WrongRedirectUri, "wrong-redirect-uri",
        "No redirect URI is registered: the sign-in page shows AADSTS50011.";
    MissingConsent, "missing-consent",
        "Nobody consented to the app: the token endpoint answers AADSTS65001.";
    UserNotAssigned, "user-not-assigned",
        "Only assigned people may use the app and nobody is: AADSTS50105 at sign-in and refresh.";
    ConditionalAccess, "conditional-access",
        "A conditional access policy blocks everybody: AADSTS53003 at sign-in and refresh.";
    MfaRequired, "mfa-required",
        "The token endpoint wants a second factor (AADSTS50076) until a sign-in carries the claims it asks for.";
    DisabledAtRefresh, "disabled-at-refresh",
        "Every account is disabled once signed in: a refresh answers AADSTS50057.";
    DeletedAtRefresh, "deleted-at-refresh",
        "Every account is deleted once signed in: a refresh answers AADSTS50034.";
    PasswordChanged, "password-changed",
        "Everybody changed their password: a refresh answers AADSTS50173.";
    SessionRevoked, "session-revoked",
        "Every session was revoked in the directory: a refresh answers AADSTS50132.";
    SignInFrequency, "sign-in-frequency",
        "A policy asks for a sign-in more often than this: a refresh answers AADSTS70043.";
    TokenRevoked, "token-revoked",
        "The refresh token outlived its session: a refresh answers AADSTS50133.";
    DeviceNotCompliant, "device-not-compliant",
        "A policy wants a compliant device: a refresh answers AADSTS53000.";
    GraphConsentMissing, "graph-consent-missing",
        "Nobody let the app read profiles: on behalf of a person the token endpoint answers AADSTS65001.";
    GraphDown, "graph-down",
        "Microsoft Graph is down: it answers 503.";
    NoRefreshToken, "no-refresh-token",
        "Tokens come without a refresh token, although offline access was asked for.";
    V1Tokens, "v1-tokens",
        "Access tokens are of version 1.0: sts issuer, api:// audience, the user name in upn.";
    WrongAudience, "wrong-audience",
        "Access tokens are made out to Microsoft Graph instead of the app.";
    MissingScope, "missing-scope",
        "Access tokens lack the scope read.";
    GroupOverage, "group-overage",
        "People are in more than 200 groups: tokens say where to ask instead of listing them.";
    NoEmail, "no-email",
        "Nobody has an e-mail address: ID tokens and Graph leave it out.";
    ClockSkew, "clock-skew",
        "The tenant's clock is 10 minutes fast: nbf and iat lie in the future.";
    RotatedKeys, "rotated-keys",
        "Tokens are signed with a new key, which the key document lists next to the old one.";
    SlowDirectory, "slow-directory",
        "What was just registered or deleted through Graph is not found for 3 seconds.";
    NoOwner, "no-owner",
        "Whoever registers an application does not become its owner, as administrators do not.";
    Throttled, "throttled",
        "Too many requests: 429 with Retry-After: 7.";
    ServerError, "server-error",
        "An outage: 503 with AADSTS90033.";
    Garbage, "garbage",
        "A proxy in the way answers 200 with an HTML page instead of JSON.";
    Slow, "slow",
        "Every answer takes 40 seconds.";
}

impl std::str::FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name).ok_or(UnknownFault)
    }
}

/// No fault has that name.
#[derive(Debug, thiserror::Error)]
#[error("no fault has that name; `GET /practice` lists them all")]
pub struct UnknownFault;
