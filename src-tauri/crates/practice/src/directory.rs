//! Who and what exists in the practice tenant: identifiers, tenants, people.
//!
//! All of it is fixed. Who is disabled, and what currently goes wrong, is in `switches`.

use model::ids::TokenHash;
use serde::{Deserialize, Serialize};

/// The practice tenant.
pub const TENANT_ID: &str = "ac71ce00-0000-4000-8000-000000000001";
/// Its verified domain, which works in place of the id.
pub const TENANT_DOMAIN: &str = "practice.example";
/// The tenant olga belongs to.
pub const OTHER_TENANT_ID: &str = "07e47e00-0000-4000-8000-000000000002";
/// A tenant of External ID: customers, an issuer on a host of its own.
pub const EXTERNAL_TENANT_ID: &str = "e87e4a00-0000-4000-8000-000000000003";
/// Its domain.
pub const EXTERNAL_DOMAIN: &str = "customers.example";
/// A directory of Azure AD B2C. Its endpoints are below a user flow: `practice.onmicrosoft.com/B2C_1_sign_in`.
pub const B2C_TENANT_ID: &str = "b2c0b2c0-0000-4000-8000-000000000004";
/// Its domain.
pub const B2C_DOMAIN: &str = "practice.onmicrosoft.com";
/// What the API is called there.
pub const B2C_IDENTIFIER_URI: &str = "https://practice.onmicrosoft.com/ac71ce00-0000-4000-8000-00000000c11e";
/// The one app registration.
pub const CLIENT_ID: &str = "ac71ce00-0000-4000-8000-00000000c11e";
/// Its client secret. Public on purpose: it opens nothing but this imitation.
pub const CLIENT_SECRET: &str = "practice~client~secret~opens~nothing";
/// A second one beside it, so that one can be replaced by the other; the fault `expired-secret` leaves it alone.
pub const NEXT_CLIENT_SECRET: &str = "next~practice~client~secret~opens~nothing";
/// Its Application ID URI.
pub const IDENTIFIER_URI: &str = "api://ac71ce00-0000-4000-8000-00000000c11e";
/// The scopes it exposes.
pub const API_SCOPES: &[&str] = &["read", "write"];
/// What the registration is called on pages.
pub(crate) const APP_NAME: &str = "Practice app";

/// Microsoft Graph, by its well-known application id.
pub(crate) const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
/// The conditional access policy that claims challenges name.
pub(crate) const POLICY_ID: &str = "ac71ce00-0000-4000-8000-00000000ca01";
/// The authentication context (`acrs`) a sign-in reaches by answering a claims challenge.
pub(crate) const STRONG_CONTEXT: &str = "p1";
/// The tenant of personal accounts.
const CONSUMERS_ID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The first segment of every endpoint: whose accounts may sign in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tenant {
    Home,
    Other,
    Organizations,
    Common,
    Consumers,
    External,
    B2c(Flow),
}

/// A user flow of Azure AD B2C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flow {
    SignIn,
    PasswordReset,
}

/// What `--practice-sign-in` takes: the keys of everybody there is.
pub fn people_keys() -> impl Iterator<Item = &'static str> {
    PEOPLE.iter().map(|person| person.key)
}

/// Somebody who can be picked on the sign-in page.
#[derive(Debug)]
pub(crate) struct Person {
    /// What scripts and `--practice-sign-in` call the person.
    pub(crate) key: &'static str,
    pub(crate) oid: &'static str,
    pub(crate) tid: &'static str,
    pub(crate) name: &'static str,
    /// `preferred_username`
    pub(crate) username: &'static str,
    /// `upn`, which for a guest is not what they sign in with
    pub(crate) upn: &'static str,
    pub(crate) email: &'static str,
    pub(crate) job_title: &'static str,
    pub(crate) office: &'static str,
    pub(crate) roles: &'static [&'static str],
    pub(crate) groups: &'static [&'static str],
    /// `idp` of a guest: the tenant the account really lives in.
    pub(crate) guest_of: Option<&'static str>,
    /// What the sign-in page says next to the name.
    pub(crate) about: &'static str,
}

pub(crate) static PEOPLE: &[Person] = &[
    Person {
        key: "ada",
        oid: "ac71ce00-0000-4000-8000-0000000000a1",
        tid: TENANT_ID,
        name: "Ada Lindqvist",
        username: "ada@practice.example",
        upn: "ada@practice.example",
        email: "ada.lindqvist@practice.example",
        job_title: "Head of IT",
        office: "Stockholm",
        roles: &["Admin", "Member"],
        groups: &["ac71ce00-0000-4000-8000-0000000006a1", "ac71ce00-0000-4000-8000-0000000006a2"],
        guest_of: None,
        about: "Administrator",
    },
    Person {
        key: "ben",
        oid: "ac71ce00-0000-4000-8000-0000000000b2",
        tid: TENANT_ID,
        name: "Ben Okafor",
        username: "ben@practice.example",
        upn: "ben@practice.example",
        email: "ben.okafor@practice.example",
        job_title: "Engineer",
        office: "Lagos",
        roles: &["Member"],
        groups: &[],
        guest_of: None,
        about: "Member",
    },
    Person {
        key: "gus",
        oid: "ac71ce00-0000-4000-8000-0000000000c3",
        tid: TENANT_ID,
        name: "Gus Moreau",
        username: "gus@partner.example",
        upn: "gus_partner.example#EXT#@practice.example",
        email: "gus@partner.example",
        job_title: "Consultant",
        office: "Lyon",
        roles: &[],
        groups: &[],
        guest_of: Some("5ae0c000-0000-4000-8000-000000000003"),
        about: "Guest",
    },
    Person {
        key: "dora",
        oid: "ac71ce00-0000-4000-8000-0000000000d4",
        tid: TENANT_ID,
        name: "Dora Haas",
        username: "dora@practice.example",
        upn: "dora@practice.example",
        email: "dora.haas@practice.example",
        job_title: "Accountant",
        office: "Vienna",
        roles: &["Member"],
        groups: &[],
        guest_of: None,
        about: "Member",
    },
    Person {
        key: "olga",
        oid: "07e47e00-0000-4000-8000-0000000000e5",
        tid: OTHER_TENANT_ID,
        name: "Olga Novak",
        username: "olga@other.example",
        upn: "olga@other.example",
        email: "olga.novak@other.example",
        job_title: "Analyst",
        office: "Prague",
        roles: &[],
        groups: &[],
        guest_of: None,
        about: "Another tenant",
    },
];

/// Who is disabled when the tenant starts.
pub(crate) const DISABLED_AT_START: &[&str] = &["dora"];

// === impl Tenant ===

impl Tenant {
    pub(crate) fn parse(segment: &str) -> Option<Self> {
        let segment = segment.to_ascii_lowercase();
        let segment = segment.strip_prefix("tfp/").unwrap_or(&segment);
        if let Some((directory, flow)) = segment.split_once('/') {
            let flow = Flow::ALL.into_iter().find(|known| known.name() == flow)?;
            return [B2C_TENANT_ID, B2C_DOMAIN].contains(&directory).then_some(Self::B2c(flow));
        }
        Some(match segment {
            EXTERNAL_TENANT_ID | EXTERNAL_DOMAIN => Self::External,
            TENANT_ID | TENANT_DOMAIN => Self::Home,
            OTHER_TENANT_ID => Self::Other,
            "organizations" => Self::Organizations,
            "common" => Self::Common,
            "consumers" => Self::Consumers,
            _ => return None,
        })
    }

    /// The segment endpoints are listed under: a domain is answered with the id behind it.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Home => TENANT_ID,
            Self::Other => OTHER_TENANT_ID,
            Self::Organizations => "organizations",
            Self::Common => "common",
            Self::Consumers => "consumers",
            Self::External => EXTERNAL_TENANT_ID,
            Self::B2c(Flow::SignIn) => "practice.onmicrosoft.com/b2c_1_sign_in",
            Self::B2c(Flow::PasswordReset) => "practice.onmicrosoft.com/b2c_1_password_reset",
        }
    }

    /// The user flow, at Azure AD B2C.
    pub(crate) const fn flow(self) -> Option<Flow> {
        match self {
            Self::B2c(flow) => Some(flow),
            _ => None,
        }
    }

    /// Itself where it has customers: what it issues counts nowhere else.
    pub(crate) fn of_customers(self) -> Option<Self> {
        matches!(self, Self::External | Self::B2c(_)).then_some(self)
    }

    /// The directory that tokens of `person` are of.
    pub(crate) const fn directory_of(self, person: &Person) -> &'static str {
        match self {
            Self::External => EXTERNAL_TENANT_ID,
            Self::B2c(_) => B2C_TENANT_ID,
            _ => person.tid,
        }
    }

    /// The segment of the issuer: for the two open endpoints the literal placeholder `{tenantid}`.
    pub(crate) const fn issuer_segment(self) -> &'static str {
        match self {
            Self::Home => TENANT_ID,
            Self::Other => OTHER_TENANT_ID,
            Self::Organizations | Self::Common => "{tenantid}",
            Self::Consumers => CONSUMERS_ID,
            Self::External => EXTERNAL_TENANT_ID,
            Self::B2c(_) => B2C_TENANT_ID,
        }
    }

    pub(crate) fn admits(self, person: &Person) -> bool {
        match self {
            // Whoever is at home is a customer elsewhere.
            Self::Home | Self::External | Self::B2c(_) => person.tid == TENANT_ID,
            Self::Other => person.tid == OTHER_TENANT_ID,
            Self::Organizations | Self::Common => true,
            // Everybody here has a work account.
            Self::Consumers => false,
        }
    }
}

// === impl Flow ===

impl Flow {
    const ALL: [Self; 2] = [Self::SignIn, Self::PasswordReset];

    /// As `tfp` has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "b2c_1_sign_in",
            Self::PasswordReset => "b2c_1_password_reset",
        }
    }
}

// === impl Person ===

impl Person {
    pub(crate) fn find(key: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.key == key)
    }

    pub(crate) fn by_oid(oid: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.oid == oid)
    }

    /// `sub` is pairwise: another value for every app, and stable.
    pub(crate) fn subject_at(&self, app: &str) -> String {
        TokenHash::of(format!("{}/{}/{app}", self.tid, self.oid)).to_text()
    }

    pub(crate) fn initials(&self) -> String {
        self.name.split(' ').filter_map(|word| word.chars().next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_uri_names_the_app_so_tokens_of_both_versions_can_be_matched() {
        assert_eq!(IDENTIFIER_URI, format!("api://{CLIENT_ID}"));
        assert_eq!(B2C_IDENTIFIER_URI, format!("https://{B2C_DOMAIN}/{CLIENT_ID}"));
    }

    #[test]
    fn a_subject_differs_between_apps_so_it_cannot_be_used_to_follow_a_person() {
        let ada = Person::find("ada").unwrap();
        assert_ne!(ada.subject_at(CLIENT_ID), ada.subject_at(GRAPH_ID));
        assert_eq!(ada.initials(), "AL");
    }
}
