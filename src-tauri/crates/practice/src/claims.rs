//! What the tokens say: access tokens of both versions, the ID token, tokens for Graph.
//!
//! `rh` is an opaque claim in Entra's tokens. Here it authenticates the other claims with the installation's key, so
//! an access token can still be exchanged (on behalf of) after a restart, when the key that signed it is gone.

use model::ids::random_text;
use serde_json::{Map, Value, json};

use crate::Practice;
use crate::apps::App;
use crate::directory::{Flow, GRAPH_ID, Person, STRONG_CONTEXT, Tenant};
use crate::fault::Fault;
use crate::proof::ProvenBy;
use crate::scope::{Granted, Resource};
use crate::sign_in::SignIn;
use crate::signing::Signature;

/// How far ahead the clock is under [`Fault::ClockSkew`], in seconds.
pub(crate) const SKEW: i64 = 600;

/// Everything a set of tokens is made from.
pub(crate) struct Issue<'a> {
    pub(crate) practice: &'a Practice,
    pub(crate) sign_in: &'a SignIn,
    pub(crate) granted: &'a Granted,
    pub(crate) app: &'a App,
    /// Where they are asked for.
    pub(crate) tenant: Tenant,
    pub(crate) proven: ProvenBy,
    /// Seconds until the access token expires.
    pub(crate) lifetime: i64,
}

impl Issue<'_> {
    /// The access token's claims, for whichever resource was asked for.
    pub(crate) fn access(&self) -> Value {
        if let Some(flow) = self.tenant.flow() {
            let mut claims = self.customer(flow);
            claims["azp"] = (*self.app.client_id).into();
            claims["scp"] = self.scp().into();
            return claims;
        }
        let mut claims = match self.granted.resource {
            Resource::Api if self.practice.has(Fault::V1Tokens) || !self.app.version_2 => {
                self.v1(self.app.identifier_uri.as_deref().unwrap_or(&self.app.client_id))
            }
            Resource::Api => self.v2(),
            Resource::Graph => self.v1(GRAPH_ID),
        };
        if self.granted.resource == Resource::Api {
            self.add_memberships(&mut claims);
            if self.practice.has(Fault::WrongAudience) {
                claims["aud"] = GRAPH_ID.into();
            }
        }
        claims["rh"] = self.practice.vouch(&claims).into();
        claims
    }

    /// The ID token's claims; `profile` and `email` decide what they tell.
    pub(crate) fn id(&self, nonce: Option<&str>) -> Value {
        let person = self.person();
        if let Some(flow) = self.tenant.flow() {
            let mut claims = self.customer(flow);
            if let Some(nonce) = nonce {
                claims["nonce"] = nonce.into();
            }
            return claims;
        }
        let mut claims = self.common(&self.app.client_id);
        claims["iss"] = self.issuer().into();
        claims["ver"] = "2.0".into();
        if self.granted.asks("profile") {
            claims["name"] = person.name.into();
            claims["preferred_username"] = person.username.into();
        }
        if self.granted.asks("email") && !self.practice.has(Fault::NoEmail) {
            claims["email"] = person.email.into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if self.practice.has(Fault::GroupOverage) {
            claims["hasgroups"] = true.into();
        }
        self.add_memberships(&mut claims);
        claims
    }

    /// As Azure AD B2C writes both tokens: the directory is in the issuer only, the flow a claim, and nobody has a user name.
    fn customer(&self, flow: Flow) -> Value {
        let person = self.person();
        let now = self.now();
        let mut claims = json!({
            "iss": self.practice.issuer_at(self.tenant),
            "aud": &*self.app.client_id,
            "ver": "1.0",
            "tfp": flow.name(),
            "sub": person.oid,
            "name": person.name,
            "iat": now,
            "nbf": now,
            "auth_time": now,
            "exp": now + self.lifetime,
        });
        if !self.practice.has(Fault::NoEmail) {
            claims["emails"] = json!([person.email]);
        }
        claims
    }

    fn issuer(&self) -> String {
        match self.tenant.of_customers() {
            Some(tenant) => self.practice.issuer_at(tenant),
            None => self.practice.issuer(self.person().tid),
        }
    }

    fn now(&self) -> i64 {
        let skew = if self.practice.has(Fault::ClockSkew) { SKEW } else { 0 };
        self.practice.now().secs() + skew
    }

    fn v2(&self) -> Value {
        let person = self.person();
        let mut claims = self.common(&self.app.client_id);
        claims["iss"] = self.issuer().into();
        claims["ver"] = "2.0".into();
        claims["azp"] = (*self.app.client_id).into();
        claims["azpacr"] = self.proven.acr().into();
        claims["name"] = person.name.into();
        claims["preferred_username"] = person.username.into();
        claims["scp"] = self.scp().into();
        claims
    }

    fn v1(&self, audience: &str) -> Value {
        let person = self.person();
        let mut claims = self.common(audience);
        claims["iss"] = self.practice.v1_issuer(person.tid).into();
        claims["ver"] = "1.0".into();
        claims["acr"] = "1".into();
        claims["appid"] = (*self.app.client_id).into();
        claims["appidacr"] = self.proven.acr().into();
        claims["name"] = person.name.into();
        claims["unique_name"] = person.username.into();
        // A guest has no upn here: only `unique_name` and where the account comes from.
        if person.guest_of.is_none() {
            claims["upn"] = person.upn.into();
        }
        claims["scp"] = self.scp().into();
        claims
    }

    fn common(&self, audience: &str) -> Value {
        let person = self.person();
        let now = self.now();
        // `sub` follows the app, however the audience spells it.
        let app = if audience == GRAPH_ID { GRAPH_ID } else { &*self.app.client_id };
        let mut claims = json!({
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "oid": person.oid,
            "sid": self.sign_in.sid,
            "sub": person.subject_at(app),
            "tid": self.tenant.directory_of(person),
            "uti": random_text::<16>(self.practice.entropy()),
        });
        if self.sign_in.strong {
            claims["acrs"] = json!([STRONG_CONTEXT]);
        }
        if let Some(home) = person.guest_of {
            claims["acct"] = 1.into();
            claims["idp"] = self.practice.v1_issuer(home).into();
        }
        claims
    }

    fn add_memberships(&self, claims: &mut Value) {
        let person = self.person();
        if !person.roles.is_empty() {
            claims["roles"] = json!(person.roles);
        }
        if self.practice.has(Fault::GroupOverage) {
            let endpoint =
                format!("https://graph.windows.net/{}/users/{}/getMemberObjects", person.tid, person.oid);
            claims["_claim_names"] = json!({ "groups": "src1" });
            claims["_claim_sources"] = json!({ "src1": { "endpoint": endpoint } });
        } else if !person.groups.is_empty() {
            claims["groups"] = json!(person.groups);
        }
    }

    fn scp(&self) -> String {
        let names = &self.granted.names;
        if self.granted.resource == Resource::Api && self.practice.has(Fault::MissingScope) {
            // Entra never issues an empty `scp`, so a token that lacks `read` has the other one.
            return "write".to_owned();
        }
        names.join(" ")
    }

    const fn person(&self) -> &'static Person {
        self.sign_in.person
    }
}

/// The claims of an access token that we issued, now or before a restart; `None` for anything else.
pub(crate) async fn read_own(practice: &Practice, token: &str) -> Option<Map<String, Value>> {
    match practice.keys().check(token).await {
        Signature::Good(claims) => Some(claims),
        Signature::Bad => None,
        Signature::UnknownKey(claims) => {
            let mut rest = claims.clone();
            let Some(Value::String(voucher)) = rest.remove("rh") else { return None };
            (practice.vouch(&Value::Object(rest)) == voucher).then_some(claims)
        }
    }
}
