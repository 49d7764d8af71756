//! A caller as the bearer check would leave it, and the configuration that lets it in.

use std::sync::Arc;

use async_trait::async_trait;
use mcp::McpConfig;
use model::caller::{Caller, CallerFacts};
use model::ids::{AttemptId, ClientId, SessionId};
use model::origin::Origins;
use model::person::{Person, PersonId};
use model::scope::ScopeSet;
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use model::tools::ToolRules;
use model::upstream::{Profile, Profiles};

/// 2026-11-23T12:00:00Z
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_435_200);

pub(crate) fn config() -> McpConfig {
    McpConfig {
        version: "1.2.3".to_owned(),
        scopes: ScopeSet::parse_lenient("read"),
        rules: ToolRules::default(),
        clock: Arc::new(ManualClock::at(NOW)),
        profiles: Arc::new(Directory),
    }
}

/// Knows callers by whether they have a name.
struct Directory;

#[async_trait]
impl Profiles for Directory {
    async fn of(&self, caller: &Caller) -> Option<Profile> {
        caller.person.name.as_ref().map(|_| Profile {
            job_title: Some("Countess".to_owned()),
            office_location: Some("London".to_owned()),
            note: Some("This directory is made up.".to_owned()),
        })
    }
}

/// Ada, member of a directory, with an hour left.
pub(crate) fn facts() -> CallerFacts {
    let entropy = SeededEntropy::new(7);
    CallerFacts {
        session: SessionId::generate(&entropy),
        attempt: AttemptId::generate(&entropy),
        client: ClientId::parse("https://claude.ai/oauth/mcp-oauth-client-metadata").expect("a client id"),
        client_name: Some("Claude".to_owned()),
        person: Person {
            id: PersonId {
                tenant: "11111111-1111-4111-8111-111111111111".to_owned(),
                object: "22222222-2222-4222-8222-222222222222".to_owned(),
            },
            name: Some("Ada Lovelace".to_owned()),
            username: Some("ada@practice.example".to_owned()),
            email: Some("ada@practice.example".to_owned()),
            guest: false,
            roles: vec!["Admin".to_owned()],
        },
        scope: ScopeSet::parse_lenient("read write"),
        upstream_issuer: Some("https://login.example/11111111-1111-4111-8111-111111111111/v2.0".to_owned()),
        expires_at: Timestamp::from_secs(NOW.secs() + 3600),
        site: Origins::new(4242, None).local(),
    }
}

pub(crate) fn ada() -> Caller {
    Caller(Arc::new(facts()))
}
