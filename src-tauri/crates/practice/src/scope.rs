//! What a request asks for, sorted by resource, with Entra's rules about mixing them.
//!
//! A bare scope belongs to Microsoft Graph: that is why `read` without the Application ID URI fails the way it does.

use crate::directory::{API_SCOPES, CLIENT_ID, GRAPH_ID, GRAPH_SCOPES, IDENTIFIER_URI};
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
    openid: Vec<&'static str>,
    api: Vec<&'static str>,
    graph: Vec<&'static str>,
}

/// What one token request is granted: the scopes of exactly one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) resource: Resource,
    /// Short names, as `scp` lists them.
    pub(crate) names: Vec<&'static str>,
    openid: Vec<&'static str>,
}

// === impl Requested ===

impl Requested {
    /// `base` is where our own Graph lives, whose scopes may be named by its address too.
    pub(crate) fn parse(text: &str, base: &str) -> Result<Self, Why> {
        let mut requested =
            Self { text: text.to_owned(), openid: Vec::new(), api: Vec::new(), graph: Vec::new() };
        for scope in text.split_ascii_whitespace() {
            requested.take(scope, base)?;
        }
        if requested.text.trim().is_empty() {
            return Err(Why::Missing("scope"));
        }
        Ok(requested)
    }

    fn take(&mut self, scope: &str, base: &str) -> Result<(), Why> {
        if let Some(name) = known(OPENID, scope) {
            push(&mut self.openid, &[name]);
            return Ok(());
        }
        let own_graph = format!("{base}/graph");
        match scope.rsplit_once('/') {
            None if scope == CLIENT_ID => Err(Why::TokenForItself),
            None => self.take_graph(scope),
            Some((GRAPH_URL | GRAPH_ID, name)) => self.take_graph(name),
            Some((resource, name)) if resource == own_graph => self.take_graph(name),
            Some((IDENTIFIER_URI | CLIENT_ID, name)) => self.take_api(name),
            Some((resource, _)) => Err(Why::UnknownResource(resource.to_owned())),
        }
    }

    fn take_api(&mut self, name: &str) -> Result<(), Why> {
        if OPENID.contains(&name) {
            return Err(Why::PrefixedOpenId(name.to_owned()));
        }
        take_of(&mut self.api, API_SCOPES, name)
            .ok_or_else(|| Why::UnknownScope { scope: name.to_owned(), resource: CLIENT_ID })
    }

    fn take_graph(&mut self, name: &str) -> Result<(), Why> {
        take_of(&mut self.graph, GRAPH_SCOPES, name)
            .ok_or_else(|| Why::UnknownScope { scope: name.to_owned(), resource: GRAPH_ID })
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
            (true, false) => (Resource::Graph, self.graph),
            (false, false) => return Err(Why::TwoResources(self.text)),
            (true, true) => return Err(Why::ScopeInvalid(self.text)),
        };
        Ok(Granted { resource, names, openid: self.openid })
    }

    /// For the sign-in page: what is asked for, shortest first.
    pub(crate) fn for_people(&self) -> Vec<&'static str> {
        self.api.iter().chain(&self.graph).chain(&self.openid).copied().collect()
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
                let full: Vec<_> = self.names.iter().map(|name| format!("{IDENTIFIER_URI}/{name}")).collect();
                full.join(" ")
            }
            Resource::Graph => {
                let shown = self.openid.iter().filter(|scope| **scope != "offline_access");
                let all: Vec<_> = shown.chain(&self.names).copied().collect();
                all.join(" ")
            }
        }
    }
}

/// `resource` does not exist on the v2.0 endpoint. Since March 2026 Entra compares it with the scopes first.
pub(crate) fn refuse_resource(params: &Params) -> Result<(), Why> {
    match params.get("resource") {
        None => Ok(()),
        Some(IDENTIFIER_URI | CLIENT_ID) => Err(Why::ResourceUnsupported),
        Some(_) => Err(Why::ResourceMismatch),
    }
}

fn known(all: &'static [&'static str], name: &str) -> Option<&'static str> {
    all.iter().copied().find(|scope| *scope == name)
}

/// `.default` stands for everything the resource offers. `None` if it does not offer `name`.
fn take_of(into: &mut Vec<&'static str>, offered: &'static [&'static str], name: &str) -> Option<()> {
    if name == ".default" {
        push(into, offered);
    } else {
        push(into, &[known(offered, name)?]);
    }
    Some(())
}

fn push(into: &mut Vec<&'static str>, names: &[&'static str]) {
    for name in names {
        if !into.contains(name) {
            into.push(name);
        }
    }
}
