//! Makes an app registration for a person who signs in on a page of Microsoft's: what is done is told before, and what
//! was made is removed again if it cannot be finished.
//!
//! The person signs in to Microsoft's own "Graph Command Line Tools" with a device code, because there is no app of
//! ours yet that could ask. The calls are those of Microsoft Graph v1.0; every request that was sent is waited for, so
//! that what was made is known.

mod calls;
mod device;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, StatusCode};
use ::url::Url;
use model::Secret;
use model::ports::{Clock, Entropy, Pause};
use model::remedy::Remedy;
use model::scope::ScopeSet;
use model::settings::{Credential, EntraSettings};
use model::upstream::{Refusal, UpstreamError};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::registration::Registration;
use crate::upstream::Entra;
use calls::{Calls, NotDone, PATIENCE};

pub use device::Invitation;

/// "Microsoft Graph Command Line Tools", an application of Microsoft's that is known in every directory.
pub const GRAPH_TOOLS: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

/// How long deleting is tried where a deleted application can be restored: without it the application is gone all the same.
const PURGE_PATIENCE: Duration = Duration::from_secs(8);

/// Makes registrations at one authority.
pub struct Maker {
    entra: Entra,
    pause: Arc<dyn Pause>,
}

/// Somebody who signed in to make a registration. The token does not leave this crate.
pub struct Owner {
    /// The directory, by its id.
    pub tenant: String,
    /// The person in it.
    pub object: String,
    pub name: Option<String>,
    pub username: Option<String>,
    graph: Url,
    token: Secret,
}

/// One call that will be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// What it does: one sentence.
    pub what: &'static str,
    pub method: &'static str,
    pub path: &'static str,
}

/// Every call, in order. What may fail comes before the secret, so that one exists only if all the rest does.
pub const PLAN: [Planned; 5] = [
    Planned {
        what: "Register the application with its redirect URI, asking for version 2 tokens",
        method: "POST",
        path: "/v1.0/applications",
    },
    Planned {
        what: "Give its API a name and the scope that clients ask for",
        method: "PATCH",
        path: "/v1.0/applications/{id}",
    },
    Planned {
        what: "Make it known to the directory, so that people can sign in",
        method: "POST",
        path: "/v1.0/servicePrincipals",
    },
    Planned {
        what: "Make you its owner, unless you are that already or the directory does not let you",
        method: "POST",
        path: "/v1.0/applications/{id}/owners/$ref",
    },
    Planned {
        what: "Make a client secret; it goes straight into this program and is shown nowhere",
        method: "POST",
        path: "/v1.0/applications/{id}/addPassword",
    },
];

/// What else may be called, where an answer is lost, a call fails, or somebody stops it.
pub const UNDO: [Planned; 3] = [
    Planned {
        what: "Look for the application, if an answer was lost",
        method: "GET",
        path: "/v1.0/applications",
    },
    Planned { what: "Delete the application", method: "DELETE", path: "/v1.0/applications/{id}" },
    Planned {
        what: "Delete it and its service principal for good",
        method: "DELETE",
        path: "/v1.0/directory/deletedItems/{id}",
    },
];

/// A finished registration.
pub struct Created {
    pub tenant: String,
    pub client_id: String,
    pub identifier_uri: String,
    pub secret: Secret,
    /// When the secret ends, as Graph writes it.
    pub secret_ends: Option<String>,
    /// Whether the person is its owner. Directories refuse that to some who may register applications; those may change every
    /// one of them.
    pub is_owner: bool,
}

/// What there is at Microsoft.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Made {
    pub name: String,
    /// Object id; `None` as long as the answer to the first call is not known.
    pub object: Option<String>,
    pub client_id: Option<String>,
    pub principal: Principal,
    /// What it has among its tags, and nothing else has.
    pub marker: String,
}

/// The application's service principal, which is deleted with it and can be restored by itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    NotMade,
    /// It was asked for, and the answer with its object id was lost.
    Unknown,
    Known(String),
}

/// Why there is no registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCreated {
    pub why: Trouble,
    pub undone: Undone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// Nothing had been made.
    Nothing,
    /// It was deleted again. Unless that was for good, it can be restored for 30 days; nothing else uses its client id, and so
    /// the name of its API, so it is in nobody's way.
    Removed { made: Made, for_good: bool },
    /// It is there, or may be, and has to be deleted by hand.
    Left(Made),
}

/// What went wrong, and what to do: a sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    pub what: String,
    pub hint: String,
    /// AADSTS number.
    pub code: Option<u32>,
    pub remedies: Vec<Remedy>,
}

/// Told to stop, somebody who waits stops waiting; what was sent is still waited for.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// What happens while it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// From now on something may be there.
    Begins(Made),
    /// What there is for certain.
    Made(Made),
    /// So many calls of the plan are done.
    Done(usize),
    /// It is being removed again.
    Undoing,
    /// It is deleted; what follows is about the copy that could be restored.
    Deleted,
}

impl Maker {
    /// `tenant` is a directory, or `organizations` for whichever the person belongs to. `http` comes from
    /// [`crate::http_client_for`].
    pub fn new(
        authority: Url,
        tenant: &str,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        pause: Arc<dyn Pause>,
    ) -> Self {
        let settings = EntraSettings {
            authority,
            tenant: tenant.to_owned(),
            client_id: GRAPH_TOOLS.to_owned(),
            credential: Credential::None,
            identifier_uri: String::new(),
            required_scopes: ScopeSet::default(),
            extra_authorize_scopes: ScopeSet::default(),
            allowed_tenants: Vec::new(),
        };
        Self { entra: Entra::new(settings, http, clock, entropy), pause }
    }

    /// Makes the registration. `marker` is a text that nothing else has: it finds what was made when its answer was
    /// lost.
    ///
    /// # Errors
    /// Whatever went wrong, with what was done about it.
    pub async fn create(
        &self,
        registration: &Registration,
        owner: &Owner,
        marker: &str,
        stop: &Stop,
        told: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Created, NotCreated> {
        let calls = Calls {
            http: self.entra.http(),
            clock: self.entra.clock(),
            pause: &*self.pause,
            graph: &owner.graph,
            token: &owner.token,
            stop: Some(stop),
            patience: PATIENCE,
        };
        let mut made = Made::nothing_yet(&registration.name, marker);
        let mut run = Run { calls, registration, owner, told, made: &mut made };
        let failed = match run.all().await {
            Ok(created) => return Ok(created),
            Err(failed) => failed,
        };
        let calls = Calls { stop: None, ..calls };
        Err(NotCreated { why: failed.trouble(), undone: undo(calls, made, failed, told).await })
    }
}

impl Maker {
    /// Removes a registration that turned out to be of no use.
    pub async fn remove(
        &self,
        owner: &Owner,
        made: &Made,
        told: &(dyn Fn(Progress) + Send + Sync),
    ) -> Undone {
        let calls = Calls {
            http: self.entra.http(),
            clock: self.entra.clock(),
            pause: &*self.pause,
            graph: &owner.graph,
            token: &owner.token,
            stop: None,
            patience: PATIENCE,
        };
        undo(calls, made.clone(), NotDone::lost(""), told).await
    }
}

/// One making of a registration.
struct Run<'a> {
    calls: Calls<'a>,
    registration: &'a Registration,
    owner: &'a Owner,
    told: &'a (dyn Fn(Progress) + Send + Sync),
    made: &'a mut Made,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<Created, NotDone> {
        let (object, client_id) = self.application().await?;
        self.made.object = Some(object.clone());
        self.made.client_id = Some(client_id.clone());
        (self.told)(Progress::Made(self.made.clone()));
        self.done(1)?;

        let path = format!("v1.0/applications/{object}");
        self.calls.again(Method::PATCH, &path, Some(&self.registration.to_expose(&client_id))).await?;
        self.done(2)?;

        let principal = self.service_principal(&client_id).await;
        self.made.principal = match &principal {
            Ok(Some(id)) => Principal::Known(id.clone()),
            Err(NotDone::Refused { .. }) => Principal::NotMade,
            // An earlier try may have been done.
            Ok(None) | Err(_) => Principal::Unknown,
        };
        principal?;
        (self.told)(Progress::Made(self.made.clone()));
        self.done(3)?;

        let is_owner = self.owner(&object).await?;
        self.done(4)?;

        let secret = self.secret(&object).await?;
        self.done(5)?;
        Ok(Created {
            tenant: self.owner.tenant.clone(),
            identifier_uri: self.registration.identifier_uri_of(&client_id),
            client_id,
            secret: secret.0,
            secret_ends: secret.1,
            is_owner,
        })
    }

    fn done(&self, calls: usize) -> Result<(), NotDone> {
        (self.told)(Progress::Done(calls));
        if self.calls.is_stopped() { Err(NotDone::Stopped) } else { Ok(()) }
    }

    /// An answer that did not come does not mean that nothing was made: then the marker is looked for.
    async fn application(&mut self) -> Result<(String, String), NotDone> {
        if self.calls.is_stopped() {
            return Err(NotDone::Stopped);
        }
        (self.told)(Progress::Begins(self.made.clone()));
        let mut body = self.registration.to_create();
        body["tags"] = json!([self.made.marker]);
        match self.calls.once(Method::POST, "v1.0/applications", &body).await {
            Ok(answer) => {
                // Made, but not readable: as good as lost.
                match ids(&answer) {
                    Some(ids) => Ok(ids),
                    None => {
                        self.found_or(NotDone::lost("Microsoft Graph gave an answer that does not read"))
                            .await
                    }
                }
            }
            Err(lost @ NotDone::Lost { .. }) => self.found_or(lost).await,
            Err(other) => Err(other),
        }
    }

    async fn found_or(&self, lost: NotDone) -> Result<(String, String), NotDone> {
        let name = self.registration.name.replace('\'', "''");
        let mut path = Url::parse("x:/").expect("a URL");
        path.query_pairs_mut()
            .append_pair("$filter", &format!("displayName eq '{name}'"))
            .append_pair("$select", "id,appId,tags");
        let path = format!("v1.0/applications?{}", path.query().unwrap_or_default());
        let calls = Calls { stop: None, ..self.calls };
        let found = calls
            .until(&path, |answer| {
                let all = answer["value"].as_array()?;
                let ours = |app: &&Value| {
                    app["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| *tag == self.made.marker))
                };
                all.iter().find(ours).and_then(ids)
            })
            .await;
        found.ok_or(lost)
    }

    /// Its object id, unless the answer with it was lost.
    async fn service_principal(&self, client_id: &str) -> Result<Option<String>, NotDone> {
        let body = json!({ "appId": client_id });
        match self.calls.again(Method::POST, "v1.0/servicePrincipals", Some(&body)).await {
            Ok(answer) => Ok(guid(&answer["id"])),
            // The conflict is with a first try whose answer was lost.
            Err(NotDone::Refused { status: StatusCode::CONFLICT, .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Who may register applications without a role is the owner of theirs; a role that lets people do it makes nobody the
    /// owner (`applications/createAsOwner` and `applications/create`,
    /// <https://learn.microsoft.com/entra/identity/role-based-access-control/custom-available-permissions>). Adding one wants
    /// more than making one does (`Directory.Read.All`), and nothing hangs on it: such a role is over every application.
    async fn owner(&self, object: &str) -> Result<bool, NotDone> {
        let person = self.calls.address(&format!("v1.0/directoryObjects/{}", self.owner.object));
        let path = format!("v1.0/applications/{object}/owners/$ref");
        let body = json!({ "@odata.id": person.as_str() });
        match self.calls.again(Method::POST, &path, Some(&body)).await {
            Ok(_) => Ok(true),
            Err(NotDone::Refused { status: StatusCode::BAD_REQUEST, message, .. })
                if message.contains("already exist") =>
            {
                Ok(true)
            }
            Err(NotDone::Refused { status: StatusCode::FORBIDDEN, .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Not tried again once it may have been made: a second one would leave the first for whoever finds it.
    async fn secret(&self, object: &str) -> Result<(Secret, Option<String>), NotDone> {
        let body = json!({ "passwordCredential": { "displayName": self.registration.name } });
        let path = format!("v1.0/applications/{object}/addPassword");
        let answer = self.calls.once_found(Method::POST, &path, &body).await?;
        let secret = answer["secretText"].as_str().filter(|text| !text.is_empty());
        let secret =
            secret.ok_or_else(|| NotDone::lost("Microsoft Graph made a secret and did not tell it"))?;
        Ok((Secret::from(secret), answer["endDateTime"].as_str().map(str::to_owned)))
    }
}

async fn undo(
    calls: Calls<'_>,
    made: Made,
    failed: NotDone,
    told: &(dyn Fn(Progress) + Send + Sync),
) -> Undone {
    let Some(object) = &made.object else {
        return if matches!(failed, NotDone::Lost { .. }) { Undone::Left(made) } else { Undone::Nothing };
    };
    told(Progress::Undoing);
    let path = format!("v1.0/applications/{object}");
    match calls.again(Method::DELETE, &path, None).await {
        // Not found for as long as anything takes to be found everywhere: an earlier try did it, and its answer was lost.
        Ok(_) | Err(NotDone::Refused { status: StatusCode::NOT_FOUND, .. }) => {}
        Err(NotDone::Lost { .. }) if calls.is_gone(&path).await => {}
        Err(error) => {
            tracing::warn!(reason = error.name(), "an app registration could not be removed again");
            return Undone::Left(made);
        }
    }
    told(Progress::Deleted);
    let for_good = purge(Calls { patience: PURGE_PATIENCE, ..calls }, &made).await;
    Undone::Removed { made, for_good }
}

/// Deletes it among the deleted items too, as administrators of applications and its owner may
/// (<https://learn.microsoft.com/graph/api/directory-deleteditems-delete>). Its service principal, which is deleted with it, is an
/// item of its own. Whether both are gone for certain.
async fn purge(calls: Calls<'_>, made: &Made) -> bool {
    let (principal, mut for_good) = match &made.principal {
        Principal::NotMade => (None, true),
        Principal::Unknown => (None, false),
        Principal::Known(id) => (Some(id), true),
    };
    for item in made.object.iter().chain(principal) {
        let path = format!("v1.0/directory/deletedItems/{item}");
        for_good &= calls.again(Method::DELETE, &path, None).await.is_ok();
    }
    for_good
}

fn ids(application: &Value) -> Option<(String, String)> {
    Some((guid(&application["id"])?, guid(&application["appId"])?))
}

/// Goes into paths and settings, so nothing else may pass for one.
fn guid(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let plain = text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    plain.then(|| text.to_ascii_lowercase())
}

impl Made {
    /// Before the first call.
    pub fn nothing_yet(name: &str, marker: &str) -> Self {
        let (name, marker) = (name.to_owned(), marker.to_owned());
        Self { name, object: None, client_id: None, principal: Principal::NotMade, marker }
    }
}

impl Stop {
    /// Set to `true`, it stops.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (tell, told) = watch::channel(false);
        (tell, Self(told))
    }

    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends once it is set.
    pub async fn set(&self) {
        let mut told = self.0.clone();
        // Nobody left to tell: nobody ever will.
        if told.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Trouble {
    fn of(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Refused(refusal) => {
                let Refusal { what, hint, code, remedies, .. } = *refusal;
                Self { what, hint, code, remedies }
            }
            UpstreamError::Unavailable { detail, .. } => Self::plain(
                format!("Microsoft cannot be reached: {detail}."),
                "Check the internet connection and the proxy of this computer, then try again.",
            ),
        }
    }

    fn plain(what: impl Into<String>, hint: &str) -> Self {
        Self { what: what.into(), hint: hint.to_owned(), code: None, remedies: Vec::new() }
    }
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
