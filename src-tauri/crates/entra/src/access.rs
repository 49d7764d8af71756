//! Whether somebody whose tokens are good may come in: guests, people, groups, app roles.
//!
//! Groups are in the tokens, or, where there are too many or none were configured, asked of Microsoft Graph on behalf
//! of the person.

use std::time::Duration;

use model::Secret;
use model::access::{Access, Arrival};
use model::person::Person;
use model::upstream::{Effect, UpstreamError};
use serde_json::Value;

use crate::discovery::{Layout, Metadata};
use crate::fault::{Barred, Fault, Trouble};
use crate::graph::{self, Graph};
use crate::http::unavailable;
use crate::person::is_from_elsewhere;
use crate::rules::{Claims, issuer_host, text};
use crate::upstream::Entra;

/// How long a sign-in waits for Graph to say which groups somebody is in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody at the door, with what their tokens say.
pub(crate) struct Door<'a> {
    pub(crate) access: &'a Access,
    pub(crate) entra: &'a Entra,
    pub(crate) metadata: &'a Metadata,
    pub(crate) person: &'a Person,
    pub(crate) id: &'a Claims,
    /// Empty if the access token is not for us.
    pub(crate) claims: &'a Claims,
}

impl Door<'_> {
    /// `token` is the access token issued to us, to ask Graph with.
    pub(crate) async fn admit(&self, token: &Secret) -> Result<(), Trouble> {
        if self.person.guest && !self.access.guests {
            return Err(Fault::Barred(Barred::Guest).into());
        }
        if !self.access.has_lists()
            || self.access.names(self.arrival())
            || self.access.has_role_of(self.person)
        {
            return Ok(());
        }
        let is_member = match listed_groups(self.claims).or_else(|| listed_groups(self.id)) {
            _ if self.access.groups.is_empty() => false,
            Some(groups) => self.access.has_group_of(groups.into_iter()),
            None => self.ask_graph(token).await?,
        };
        if is_member { Ok(()) } else { Err(Fault::Barred(self.not_listed()).into()) }
    }

    fn arrival(&self) -> Arrival<'_> {
        let issuer = &self.metadata.issuer;
        let either = |name: &str| text(self.id, name).or_else(|| text(self.claims, name));
        match self.metadata.layout {
            Layout::Entra => Arrival {
                person: self.person,
                home: issuer.tenant(),
                // Members too can come from elsewhere, and bring the name they have there.
                // Customers choose theirs. The issuer of External ID shows through a host of somebody's own.
                username: either("preferred_username").or_else(|| either("upn")).filter(|_| {
                    !self.entra.settings().has_customers()
                        && !issuer_host(issuer.as_str()).ends_with(".ciamlogin.com")
                        && !is_from_elsewhere(self.id, issuer)
                        && !is_from_elsewhere(self.claims, issuer)
                }),
            },
            // Elsewhere nobody vouches for that name (OpenID Connect Core section 5.7).
            Layout::Plain => {
                let at_home = self.person.id.tenant == issuer_host(issuer.as_str());
                let home = at_home.then_some(self.person.id.tenant.as_str());
                Arrival { person: self.person, home, username: None }
            }
        }
    }

    async fn ask_graph(&self, token: &Secret) -> Result<bool, Trouble> {
        if self.entra.needs_groups_in_tokens(self.metadata) {
            return Err(Fault::Barred(Barred::GroupsUnaskable).into());
        }
        let Some(base) = graph::address(self.entra, self.metadata) else {
            return Err(Fault::Barred(Barred::GroupsUntold).into());
        };
        let asked = async {
            let graph = Graph::on_behalf_of(self.entra, self.metadata, base, token).await?;
            graph.is_in_one_of(&self.access.groups).await
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            Err(unavailable("Microsoft Graph did not say in time which groups they are in"))
        });
        answered.map_err(|error| match error {
            // The person can help with these, such as a second factor.
            UpstreamError::Refused(refusal) if refusal.effect != Effect::SignIn => {
                Fault::Barred(Barred::GroupsUnknown(refusal)).into()
            }
            error => Trouble::Upstream(error),
        })
    }

    fn not_listed(&self) -> Barred {
        Barred::NotListed {
            object: self.person.id.object.clone(),
            people: !self.access.people.is_empty(),
            groups: !self.access.groups.is_empty(),
            roles: self.access.roles.clone(),
        }
    }
}

/// `groups`; none where the token says nothing, or only that there are too many (`_claim_names`, `hasgroups`).
fn listed_groups(claims: &Claims) -> Option<Vec<&str>> {
    let groups = claims.get("groups")?.as_array()?;
    Some(groups.iter().filter_map(Value::as_str).collect())
}
