//! What a request asks for, sorted by resource, with Entra's rules about mixing them.
//!
//! A bare scope belongs to Microsoft Graph: that is why `read` without the Application ID URI fails the way it does.

use crate::apps::App;
use crate::directory::GRAPH_ID;
use crate::params::Params;
use crate::refusal::Why;

/// The four scopes that belong to no resource.
const OPENID: &[&str] = &["openid", "profile", "email", "offline_access"];
const GRAPH_URL: &str = "https://graph.microsoft.com";

/// Whom an access token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Api,
    Graph,
}

/// A `scope` parameter in which everything is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requested {
    text: String,
    identifier_uri: String,
    openid: Vec<&'static str>,
    api: Vec<String>,
    graph: Vec<&'static str>,
}

/// What one token request is granted: the scopes of exactly one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) resource: Resource,
    /// Short names, as `scp` lists them.
    pub(crate) names: Vec<String>,
    /// What `names` are qualified with.
    identifier_uri: String,
    openid: Vec<&'static str>,
}

// === impl Requested ===

impl Requested {
    /// `base` is where our own Graph lives, whose scopes may be named by its address too.
    pub(crate) fn parse(text: &str, base: &str, app: &App) -> Result<Self, Why> {
        let mut requested = Self {
            text: text.to_owned(),
            identifier_uri: app.identifier_uri.as_deref().unwrap_or(&app.client_id).to_owned(),
            openid: Vec::new(),
            api: Vec::new(),
            graph: Vec::new(),
        };
        for scope in text.split_ascii_whitespace() {
            requested.take(scope, base, app)?;
        }
        if requested.text.trim().is_empty() {
            return Err(Why::Missing("scope"));
        }
        Ok(requested)
    }

    fn take(&mut self, scope: &str, base: &str, app: &App) -> Result<(), Why> {
        if let Some(name) = known(OPENID, scope) {
            push(&mut self.openid, name);
            return Ok(());
        }
        let own_graph = format!("{base}/graph");
        match scope.rsplit_once('/') {
            None if scope == &*app.client_id => Err(Why::TokenForItself),
            None => self.take_graph(scope, app),
            Some((GRAPH_URL | GRAPH_ID, name)) => self.take_graph(name, app),
            Some((resource, name)) if resource == own_graph => self.take_graph(name, app),
            Some((resource, name)) if app.answers_to(resource) => self.take_api(name, app),
            Some((resource, _)) => Err(Why::UnknownResource(resource.to_owned())),
        }
    }

    fn take_api(&mut self, name: &str, app: &App) -> Result<(), Why> {
        if OPENID.contains(&name) {
            return Err(Why::PrefixedOpenId(name.to_owned()));
        }
        take_of(&mut self.api, &app.scopes, name)
            .ok_or_else(|| Why::UnknownScope { scope: name.to_owned(), resource: app.client_id.to_string() })
    }

    fn take_graph(&mut self, name: &str, app: &App) -> Result<(), Why> {
        take_of(&mut self.graph, app.graph_scopes, name)
            .ok_or_else(|| Why::UnknownScope { scope: name.to_owned(), resource: GRAPH_ID.to_owned() })
    }

    /// A sign-in may ask for `openid` alone and for several resources, but not for `offline_access` and nothing else.
    pub(crate) fn check_sign_in(&self) -> Result<(), Why> {
        let only_offline = self.openid == ["offline_access"] && self.api.is_empty() && self.graph.is_empty();
        if only_offline { Err(Why::ScopeInvalid(self.text.clone())) } else { Ok(()) }
    }

    /// A token is for one resource (AADSTS28000) and never for none (AADSTS70011).
    pub(crate) fn for_one_resource(self) -> Result<Granted, Why> {
        let (resource, names) = match (self.api.is_empty(), self.graph.is_empty()) {
            (false, true) => (Resource::Api, self.api),
            (true, false) => (Resource::Graph, self.graph.iter().map(|&name| name.to_owned()).collect()),
            (false, false) => return Err(Why::TwoResources(self.text)),
            (true, true) => return Err(Why::ScopeInvalid(self.text)),
        };
        Ok(Granted { resource, names, identifier_uri: self.identifier_uri, openid: self.openid })
    }

    /// For the sign-in page: what is asked for, shortest first.
    pub(crate) fn for_people(&self) -> Vec<String> {
        let rest = self.graph.iter().chain(&self.openid).map(|&name| name.to_owned());
        self.api.iter().cloned().chain(rest).collect()
    }
}

// === impl Granted ===

impl Granted {
    pub(crate) fn asks(&self, openid_scope: &str) -> bool {
        self.openid.contains(&openid_scope)
    }

    /// `scope` of the token answer: fully qualified for an API of ours; Graph lists short names and OpenID scopes.
    pub(crate) fn echo(&self) -> String {
        match self.resource {
            Resource::Api => {
                let full: Vec<_> =
                    self.names.iter().map(|name| format!("{}/{name}", self.identifier_uri)).collect();
                full.join(" ")
            }
            Resource::Graph => {
                let shown = self.openid.iter().filter(|scope| **scope != "offline_access");
                let all: Vec<&str> = shown.copied().chain(self.names.iter().map(String::as_str)).collect();
                all.join(" ")
            }
        }
    }
}

/// `resource` does not exist on the v2.0 endpoint. Since March 2026 Entra compares it with the scopes first.
pub(crate) fn refuse_resource(params: &Params, app: &App) -> Result<(), Why> {
    match params.get("resource") {
        None => Ok(()),
        Some(resource) if app.answers_to(resource) => Err(Why::ResourceUnsupported),
        Some(_) => Err(Why::ResourceMismatch),
    }
}

fn known(all: &'static [&'static str], name: &str) -> Option<&'static str> {
    all.iter().copied().find(|scope| *scope == name)
}

/// `.default` stands for everything the resource offers. `None` if it does not offer `name`.
fn take_of<T: AsRef<str> + Clone + PartialEq>(into: &mut Vec<T>, offered: &[T], name: &str) -> Option<()> {
    if name == ".default" {
        for scope in offered {
            push(into, scope.clone());
        }
    } else {
        push(into, offered.iter().find(|scope| scope.as_ref() == name)?.clone());
    }
    Some(())
}

fn push<T: PartialEq>(into: &mut Vec<T>, name: T) {
    if !into.contains(&name) {
        into.push(name);
    }
}
