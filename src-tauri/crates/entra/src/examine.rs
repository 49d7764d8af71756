//! Any token a person pastes, held to the rules that a sign-in is held to, one by one, so that all of them answer.

use serde_json::{Map, Value};

use crate::discovery::Metadata;
use crate::fault::{Fault, Trouble, Which};
use crate::rules::{Provider, Rules, text};
use crate::upstream::Entra;

/// What was found out about a token of the identity provider.
#[derive(Debug)]
pub struct Examined {
    /// What kind of token it is.
    pub kind: &'static str,
    pub findings: Vec<Finding>,
}

/// What one rule says.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub ok: bool,
    pub text: String,
    /// The next step, where something is wrong.
    pub hint: Option<String>,
}

impl Entra {
    /// Holds `token`, whose claims are `claims`, to every rule for tokens of the configured provider. The token goes
    /// nowhere; the provider's public keys and metadata are fetched if they are not at hand.
    pub async fn examine(&self, token: &str, claims: &Map<String, Value>) -> Examined {
        let which = which(claims);
        let kind = kind(claims, which);
        let metadata = match self.metadata().await {
            Ok(metadata) => metadata,
            Err(error) => {
                let finding = Finding {
                    ok: false,
                    text: format!("it could not be checked: {error}"),
                    hint: Some("try again when the identity provider answers".to_owned()),
                };
                return Examined { kind, findings: vec![finding] };
            }
        };
        let mut findings = vec![self.signature(&metadata, token, which).await];
        findings.extend(self.by_rules(&metadata, claims, which));
        Examined { kind, findings }
    }

    async fn signature(&self, metadata: &Metadata, token: &str, which: Which) -> Finding {
        match self.signed(metadata, token, which).await {
            Ok(()) => good("the identity provider signed it"),
            Err(Trouble::Fault(fault)) => bad(&fault),
            Err(Trouble::Upstream(error)) => Finding {
                ok: false,
                text: format!("its signature could not be checked: {error}"),
                hint: Some("try again when the identity provider answers".to_owned()),
            },
        }
    }

    fn by_rules(&self, metadata: &Metadata, claims: &Map<String, Value>, which: Which) -> Vec<Finding> {
        let rules = self.rules(metadata);
        let mut findings = vec![
            told("the configured identity provider issued it", issuer(&rules, claims, which)),
            told("its directory may sign in here", rules.check_tenant(claims)),
            told("it counts at this time", rules.check_times(claims, which)),
            told("it is meant for this app", rules.check_audience(claims, which)),
        ];
        if which == Which::Access {
            findings.push(told("it has every scope this server requires", rules.check_scopes(claims)));
        }
        if rules.provider() == Provider::Entra && text(claims, "ver") == Some("1.0") {
            findings.push(Finding {
                ok: true,
                text: "it is of version 1.0, which is accepted; version 2.0 says more".to_owned(),
                hint: None,
            });
        }
        findings
    }
}

fn issuer(rules: &Rules<'_>, claims: &Map<String, Value>, which: Which) -> Result<(), Fault> {
    let issuer = text(claims, "iss").ok_or(Fault::Missing(which, "iss"))?;
    rules.check_issuer(claims, which, issuer)
}

/// An access token says what may be done with it, an ID token which sign-in it answers.
fn which(claims: &Map<String, Value>) -> Which {
    let access = ["scp", "scope", "appid"].iter().any(|claim| claims.contains_key(*claim));
    if access && !claims.contains_key("nonce") { Which::Access } else { Which::Id }
}

fn kind(claims: &Map<String, Value>, which: Which) -> &'static str {
    match (which, text(claims, "ver")) {
        (Which::Access, Some("1.0")) => "access token of the identity provider, v1.0",
        (Which::Access, Some("2.0")) => "access token of the identity provider, v2.0",
        (Which::Access, _) => "access token of the identity provider",
        (Which::Id, _) => "ID token of the identity provider",
    }
}

fn told(fine: &str, checked: Result<(), Fault>) -> Finding {
    match checked {
        Ok(()) => good(fine),
        Err(fault) => bad(&fault),
    }
}

fn good(text: &str) -> Finding {
    Finding { ok: true, text: text.to_owned(), hint: None }
}

fn bad(fault: &Fault) -> Finding {
    let refusal = fault.refusal(|_| None);
    Finding { ok: false, text: refusal.what, hint: Some(refusal.hint) }
}
