//! What our own rules find wrong with an answer that the provider meant as a yes, and how a person is told.
//!
//! Values that name people never appear here; ids of directories, audiences and issuers do.

use model::remedy::{Remedy, RemedyField};
use model::upstream::{Effect, Fixer, Refusal, UpstreamError};

use crate::aadsts::{Fix, Page};

/// Which of the two tokens is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Id,
    Access,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    NoIdToken,
    /// A refresh brought none, and who may come in rests on what it would say.
    OldIdToken,
    /// Not a JWT we can read, or one with a `crit` header (RFC 7515 section 4.1.11).
    Unreadable(Which),
    /// `none`, HMAC, or anything else than the published key is for.
    Algorithm(Which),
    Signature(Which),
    /// The keys were just fetched, and none has the token's `kid`.
    UnknownKey(Which),
    Missing(Which, &'static str),
    /// Azure AD B2C does not say which of its users signed in.
    NoCustomer,
    Issuer(Which, String),
    Version(Which),
    /// Issued by another user flow or policy of Azure AD B2C than the one in the settings.
    Policy(Which, String),
    Audience(Which, String),
    /// Ended so many seconds ago.
    Expired(Which, i64),
    /// Begins in so many seconds.
    NotYet(Which, i64),
    Nonce,
    /// The two tokens speak of different people.
    Disagree(&'static str),
    /// A directory that may not sign in.
    Tenant(String),
    /// Nobody our rules let in.
    Barred(Barred),
    /// Short name of a required scope that the access token lacks.
    Scope(String),
    /// A refresh brought tokens of somebody else.
    AnotherPerson,
    NoRefreshToken,
}

/// Why somebody with good tokens may not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Barred {
    Guest,
    /// On none of the lists there are.
    NotListed {
        /// The person's object id, which is what a list names people by.
        object: String,
        people: bool,
        groups: bool,
        roles: Vec<String>,
    },
    /// Only a group could let them in, and Microsoft Graph did not say which groups they are in.
    GroupsUnknown(Box<Refusal>),
    /// The same where nobody can be asked: only tokens could tell.
    GroupsUntold,
    /// The same where Graph could tell: without a credential nothing is exchanged on behalf of anybody (AADSTS7000218).
    GroupsUnaskable,
}

/// What to do where groups decide and the app has no credential.
pub(crate) const NO_CREDENTIAL: &str = "Give the app a client secret or certificate, so that it can ask Microsoft Graph, or let tokens \
     list only groups assigned to the app under Token configuration > Add groups claim, then connect again.";

/// Why an answer did not become a sign-in: the provider, or our rules.
#[derive(Debug)]
pub(crate) enum Trouble {
    Upstream(UpstreamError),
    Fault(Fault),
}

impl From<UpstreamError> for Trouble {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Which {
    const fn name(self) -> &'static str {
        match self {
            Self::Id => "ID token",
            Self::Access => "access token",
        }
    }
}

impl Fault {
    /// A word for the log; the values stay out of it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::NoIdToken => "no_id_token",
            Self::OldIdToken => "old_id_token",
            Self::Unreadable(_) => "unreadable",
            Self::Algorithm(_) => "algorithm",
            Self::Signature(_) => "signature",
            Self::UnknownKey(_) => "unknown_key",
            Self::Missing(..) => "missing_claim",
            Self::NoCustomer => "no_customer",
            Self::Issuer(..) => "issuer",
            Self::Version(_) => "version",
            Self::Policy(..) => "policy",
            Self::Audience(..) => "audience",
            Self::Expired(..) => "expired",
            Self::NotYet(..) => "not_yet",
            Self::Nonce => "nonce",
            Self::Disagree(_) => "tokens_disagree",
            Self::Tenant(_) => "tenant",
            Self::Barred(Barred::Guest) => "guest",
            Self::Barred(Barred::NotListed { .. }) => "not_listed",
            Self::Barred(Barred::GroupsUnknown(_) | Barred::GroupsUntold | Barred::GroupsUnaskable) => {
                "groups_unknown"
            }
            Self::Scope(_) => "scope",
            Self::AnotherPerson => "another_person",
            Self::NoRefreshToken => "no_refresh_token",
        }
    }

    /// The refusal a person reads. `told` gives fixes their addresses.
    pub(crate) fn refusal(&self, told: impl FnOnce(&[Fix]) -> Vec<Remedy>) -> Refusal {
        let (fixer, effect) = self.consequence();
        Refusal {
            code: match self {
                Self::Barred(Barred::GroupsUnknown(refused)) => refused.code,
                _ => None,
            },
            error: "access_denied".into(),
            what: self.what(),
            fixer,
            hint: self.hint(),
            remedies: told(&self.fixes()),
            trace: None,
            effect,
            claims: None,
            person: None,
        }
    }

    fn what(&self) -> String {
        match self {
            Self::NoIdToken => {
                "The identity provider sent no ID token, so nobody knows who signed in.".into()
            }
            Self::OldIdToken => "The identity provider did not say again what lets this account in.".into(),
            Self::Unreadable(which) => {
                format!("The {} is not a signed token this server can read.", which.name())
            }
            Self::Algorithm(which) => {
                format!("The {} is signed in a way that is not accepted here.", which.name())
            }
            Self::Signature(which) => format!("The signature of the {} is wrong.", which.name()),
            Self::UnknownKey(which) => {
                format!(
                    "The {} is signed with a key that the identity provider does not publish.",
                    which.name()
                )
            }
            Self::Missing(which, claim) => format!("The {} lacks the claim `{claim}`.", which.name()),
            Self::NoCustomer => "The ID token lacks the claim `oid`, and its `sub` names nobody.".into(),
            Self::Issuer(which, issuer) => {
                format!(
                    "The {} was issued by `{issuer}`, not by the configured identity provider.",
                    which.name()
                )
            }
            Self::Version(which) => format!("The {} is of a version that is not known here.", which.name()),
            Self::Policy(which, policy) => format!(
                "The {} was issued by the user flow or policy `{policy}`, not by the one in the settings.",
                which.name()
            ),
            Self::Audience(which, audience) => {
                format!("The {} is meant for `{audience}`, not for this app.", which.name())
            }
            Self::Expired(which, seconds) => {
                format!("The {} had ended {} before it arrived.", which.name(), span(*seconds))
            }
            Self::NotYet(which, seconds) => {
                format!("The {} begins {} after it arrived.", which.name(), span(*seconds))
            }
            Self::Nonce => "The answer belongs to another sign-in than the one that was started.".into(),
            Self::Disagree(claim) => format!("The two tokens of the answer disagree about `{claim}`."),
            Self::Tenant(tenant) => format!("This account's directory (`{tenant}`) is not allowed here."),
            Self::Barred(barred) => barred.what(),
            Self::Scope(scope) => format!("The access token lacks the required scope `{scope}`."),
            Self::AnotherPerson => "The refreshed tokens belong to another person.".into(),
            Self::NoRefreshToken => {
                "The identity provider gave no refresh token, so the sign-in ends by itself.".into()
            }
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NoCustomer => {
                "Let the user flow return User's Object ID under Azure AD B2C > User flows > Application claims.".into()
            }
            Self::Missing(_, "tfp") => {
                "Let the policy name itself in `tfp` or `acr`: in a custom one, by \
                 `AuthenticationContextReferenceClaimPattern`."
                    .into()
            }
            Self::NoIdToken | Self::Unreadable(Which::Id) | Self::Missing(Which::Id, _) => {
                "Check that the authority in the settings is an OpenID Connect server.".into()
            }
            Self::Unreadable(Which::Access) | Self::Missing(Which::Access, _) => {
                "Check under Expose an API that the required scopes belong to this app; \
                 a server without an API of its own needs an empty Application ID URI."
                    .into()
            }
            Self::Algorithm(_) | Self::Signature(_) | Self::UnknownKey(_) => {
                "Try again in a minute; if it stays, check that the authority in the settings is the real one \
                 and that nothing on the way replaces its answers."
                    .into()
            }
            Self::Issuer(..) => "Check authority and tenant ID in the settings.".into(),
            Self::Policy(..) => "Check the policy after the directory in the tenant setting.".into(),
            Self::Version(_) => {
                "Set `requestedAccessTokenVersion` to 2 under App registrations > your app > Manifest.".into()
            }
            Self::Audience(Which::Id, _) => "Check the client ID in the settings.".into(),
            Self::Audience(Which::Access, _) => {
                "Compare client ID and Application ID URI in the settings with \
                 App registrations > your app > Expose an API."
                    .into()
            }
            Self::Expired(..) => "Check the clock of this computer, it seems to be fast.".into(),
            Self::NotYet(..) => "Check the clock of this computer, it seems to be slow.".into(),
            Self::Nonce | Self::Disagree(_) => "Connect again from the start.".into(),
            Self::Tenant(_) => {
                "Sign in with an account of an allowed directory, or add this one to the allowed tenants in the \
                 settings."
                    .into()
            }
            Self::Barred(barred) => barred.hint(),
            Self::Scope(scope) => format!(
                "Add a scope `{scope}` under App registrations > your app > Expose an API, then connect again and \
                 consent to it."
            ),
            Self::AnotherPerson | Self::OldIdToken => "Connect again and sign in.".into(),
            Self::NoRefreshToken => {
                "Connect again and sign in; so that it lasts, let the identity provider grant `offline_access`.".into()
            }
        }
    }

    const fn consequence(&self) -> (Fixer, Effect) {
        match self {
            Self::Nonce | Self::Disagree(_) | Self::NoRefreshToken | Self::OldIdToken => {
                (Fixer::Person, Effect::SignIn)
            }
            Self::AnotherPerson => (Fixer::Person, Effect::Ends),
            Self::Tenant(_) => (Fixer::Operator, Effect::Barred),
            Self::Barred(barred) => barred.consequence(),
            Self::Scope(_)
            | Self::Audience(..)
            | Self::Missing(Which::Access, _)
            | Self::Unreadable(Which::Access)
            | Self::Version(_) => (Fixer::AppOwner, Effect::SetUp),
            Self::Issuer(..)
            | Self::Policy(..)
            | Self::NoCustomer
            | Self::NoIdToken
            | Self::Unreadable(Which::Id)
            | Self::Missing(Which::Id, _)
            | Self::Algorithm(_)
            | Self::Signature(_)
            | Self::UnknownKey(_)
            | Self::Expired(..)
            | Self::NotYet(..) => (Fixer::Operator, Effect::SetUp),
        }
    }

    fn fixes(&self) -> Vec<Fix> {
        use Fix::{Again, Change, Open};
        use RemedyField::{AllowedTenants, Authority, ClientId, IdentifierUri, RequiredScopes, Tenant};
        match self {
            Self::Nonce
            | Self::Disagree(_)
            | Self::NoRefreshToken
            | Self::OldIdToken
            | Self::AnotherPerson => vec![Again],
            Self::Tenant(_) => vec![Change(AllowedTenants)],
            Self::Barred(barred) => barred.fixes(),
            Self::Scope(_) => vec![Open(Page::ExposeApi), Change(RequiredScopes)],
            Self::Audience(Which::Id, _) => vec![Change(ClientId)],
            Self::Audience(Which::Access, _)
            | Self::Missing(Which::Access, _)
            | Self::Unreadable(Which::Access) => vec![Open(Page::ExposeApi), Change(IdentifierUri)],
            Self::Version(_) => vec![Open(Page::Manifest)],
            Self::Policy(..) => vec![Change(Tenant)],
            Self::Issuer(..) => vec![Change(Authority), Change(Tenant), Open(Page::Overview)],
            Self::NoIdToken
            | Self::Unreadable(Which::Id)
            | Self::Missing(Which::Id, _)
            | Self::Algorithm(_)
            | Self::Signature(_)
            | Self::UnknownKey(_) => vec![Change(Authority)],
            // A clock is set outside of this program, and a user flow on a page that has no address of its own.
            Self::Expired(..) | Self::NotYet(..) | Self::NoCustomer => Vec::new(),
        }
    }
}

// === impl Barred ===

impl Barred {
    fn what(&self) -> String {
        match self {
            Self::Guest => "Guests of the directory may not sign in here, and this account is one.".into(),
            Self::NotListed { people, groups, roles, .. } => {
                let lists = [
                    people.then(|| "on the list of people".to_owned()),
                    groups.then(|| "in one of the listed groups".to_owned()),
                    (!roles.is_empty()).then(|| format!("assigned {}", role(roles))),
                ];
                format!(
                    "Only listed accounts may sign in here, and this one is not {}.",
                    lists.into_iter().flatten().collect::<Vec<_>>().join(", nor ")
                )
            }
            Self::GroupsUnknown(refused) if !is_about_consent(refused) => format!(
                "Who may sign in here depends on groups, and Microsoft did not say which of them the account is in. {}",
                refused.what
            ),
            Self::GroupsUnknown(_) | Self::GroupsUntold | Self::GroupsUnaskable => {
                "Who may sign in here depends on groups, and nobody tells this server which of them the account is in."
                    .into()
            }
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Guest => {
                "Sign in with an account of the directory itself, or ask whoever runs this server to let \
                            guests in under Entra > Who may sign in."
                    .into()
            }
            Self::NotListed { object, people, groups, roles } => {
                let steps = [
                    people.then(|| {
                        format!(
                            "whoever runs this server to add the account (object id `{object}`) under Entra > Who may \
                             sign in"
                        )
                    }),
                    groups.then(|| "an owner of a listed group to add the account to it".to_owned()),
                    (!roles.is_empty()).then(|| {
                        format!(
                            "an administrator to assign {} under Enterprise applications > this app > Users and groups",
                            role(roles)
                        )
                    }),
                ];
                format!(
                    "Ask {}, then connect again.",
                    steps.into_iter().flatten().collect::<Vec<_>>().join(", or ")
                )
            }
            Self::GroupsUnknown(refused) if !is_about_consent(refused) => refused.hint.clone(),
            Self::GroupsUntold => {
                "Let the identity provider list groups in the claim `groups` of its tokens, then connect again.".into()
            }
            Self::GroupsUnaskable => NO_CREDENTIAL.into(),
            Self::GroupsUnknown(_) => format!(
                "{}, or let tokens carry groups under Token configuration > Add groups claim, then connect again.",
                crate::graph::GRANT_IT
            ),
        }
    }

    const fn consequence(&self) -> (Fixer, Effect) {
        match self {
            Self::Guest | Self::NotListed { people: true, .. } => (Fixer::Operator, Effect::Barred),
            Self::NotListed { people: false, .. } => (Fixer::TenantAdmin, Effect::Barred),
            Self::GroupsUntold | Self::GroupsUnaskable => (Fixer::AppOwner, Effect::SetUp),
            Self::GroupsUnknown(_) => (Fixer::TenantAdmin, Effect::SetUp),
        }
    }

    fn fixes(&self) -> Vec<Fix> {
        match self {
            Self::Guest => vec![Fix::Change(RemedyField::Guests)],
            Self::NotListed { people, groups, roles, .. } => [
                people.then_some(Fix::Change(RemedyField::People)),
                groups.then_some(Fix::Open(Page::Groups)),
                (!roles.is_empty()).then_some(Fix::Open(Page::EnterpriseApps)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Self::GroupsUnaskable => {
                vec![Fix::Open(Page::Credentials), Fix::Change(RemedyField::Credential)]
            }
            Self::GroupsUnknown(_) => vec![Fix::Open(Page::Permissions)],
            // It is mended at the provider, wherever that is.
            Self::GroupsUntold => Vec::new(),
        }
    }
}

/// 65001: nobody consented. 403 of Graph itself, which has no number, is the same lack.
pub(crate) fn is_about_consent(refused: &Refusal) -> bool {
    match refused.code {
        Some(code) => code == 65001,
        None => refused.error == crate::graph::DENIED,
    }
}

fn role(roles: &[String]) -> String {
    match roles {
        [one] => format!("the app role `{one}`"),
        several => format!("one of the app roles `{}`", several.join("`, `")),
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}
