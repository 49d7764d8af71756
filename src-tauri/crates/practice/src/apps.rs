//! The applications of the practice tenant: the one that is always there, Microsoft's command line tools, and those that
//! were registered while it runs.
//!
//! Registered ones are forgotten when the process ends. One that is deleted stays among the deleted items, and so does its
//! service principal, each until it is deleted there too.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ExposeSecret as _;
use model::Secret;
use model::time::Timestamp;

use crate::directory::{API_SCOPES, APP_NAME, B2C_IDENTIFIER_URI, CLIENT_ID, IDENTIFIER_URI, Person};

/// "Microsoft Graph Command Line Tools": signs people in with a device code, and may register applications.
pub(crate) const GRAPH_TOOLS_ID: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";
/// More registrations than this are somebody's mistake.
const AT_MOST: usize = 500;

/// One application, as sign-ins see it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) client_id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) identifier_uri: Option<Arc<str>>,
    pub(crate) scopes: Arc<[String]>,
    /// Of Microsoft Graph, consented to.
    pub(crate) graph_scopes: &'static [&'static str],
    pub(crate) kind: AppKind,
    /// Access tokens are of version 2; otherwise of version 1.
    pub(crate) version_2: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppKind {
    /// The one that is always there; its redirect URIs are those of the configuration.
    BuiltIn,
    GraphTools,
    Registered,
}

/// A registration, as Graph keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) object: String,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) audience: String,
    pub(crate) tags: Vec<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) logout_url: Option<String>,
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) token_version: Option<i64>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) owners: Vec<&'static Person>,
    pub(crate) created_at: Timestamp,
    /// The object id of its service principal; without one nobody can sign in.
    pub(crate) principal: Option<String>,
}

/// By object id.
#[derive(Default)]
pub(crate) struct Apps {
    there: BTreeMap<String, Registered>,
    /// Applications and service principals, with when they were deleted.
    deleted: BTreeMap<String, Timestamp>,
}

// === impl App ===

impl App {
    pub(crate) fn built_in() -> Self {
        Self {
            client_id: CLIENT_ID.into(),
            name: APP_NAME.into(),
            identifier_uri: Some(IDENTIFIER_URI.into()),
            scopes: API_SCOPES.iter().map(|&scope| scope.to_owned()).collect(),
            graph_scopes: &["User.Read"],
            kind: AppKind::BuiltIn,
            version_2: true,
        }
    }

    pub(crate) fn graph_tools() -> Self {
        Self {
            client_id: GRAPH_TOOLS_ID.into(),
            name: "Microsoft Graph Command Line Tools".into(),
            identifier_uri: None,
            scopes: [].into(),
            graph_scopes: &["User.Read", "Application.ReadWrite.All"],
            kind: AppKind::GraphTools,
            version_2: true,
        }
    }

    /// Whether `resource` names its own API.
    pub(crate) fn answers_to(&self, resource: &str) -> bool {
        resource == &*self.client_id
            || self.identifier_uri.as_deref() == Some(resource)
            || (self.kind == AppKind::BuiltIn && resource == B2C_IDENTIFIER_URI)
    }
}

// === impl Apps ===

impl Apps {
    /// `None` if there are too many already.
    pub(crate) fn add(&mut self, app: Registered) -> Option<()> {
        if self.there.len() >= AT_MOST {
            return None;
        }
        self.there.insert(app.object.clone(), app);
        Some(())
    }

    pub(crate) fn get(&self, object: &str) -> Option<&Registered> {
        self.there.get(object)
    }

    pub(crate) fn get_mut(&mut self, object: &str) -> Option<&mut Registered> {
        self.there.get_mut(object)
    }

    /// Deletes it, and its service principal with it; both can be restored until they are purged.
    pub(crate) fn remove(&mut self, object: &str, now: Timestamp) {
        let app = self.there.remove(object);
        for item in app.into_iter().flat_map(|app| [Some(app.object), app.principal]).flatten() {
            self.deleted.insert(item, now);
        }
    }

    /// When it was deleted, if it is among the deleted items.
    pub(crate) fn deleted_at(&self, item: &str) -> Option<Timestamp> {
        self.deleted.get(item).copied()
    }

    pub(crate) fn purge(&mut self, item: &str) {
        self.deleted.remove(item);
    }

    pub(crate) fn deleted(&self) -> usize {
        self.deleted.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Registered> {
        self.there.values()
    }

    pub(crate) fn by_client_id(&self, client_id: &str) -> Option<&Registered> {
        self.all().find(|app| app.client_id == client_id)
    }
}

// === impl Registered ===

impl Registered {
    pub(crate) fn app(&self) -> App {
        App {
            client_id: self.client_id.as_str().into(),
            name: self.name.as_str().into(),
            identifier_uri: self.identifier_uris.first().map(|uri| uri.as_str().into()),
            scopes: self.scopes.clone().into(),
            graph_scopes: &["User.Read"],
            kind: AppKind::Registered,
            version_2: self.token_version == Some(2),
        }
    }

    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        self.secrets.iter().any(|kept| kept.expose_secret() == secret)
    }
}
