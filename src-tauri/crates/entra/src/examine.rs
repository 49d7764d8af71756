//! Any token a person pastes, held to the rules that a sign-in is held to, one by one, so that all of them answer.

use model::check::{Outcome, Step};
use model::remedy::Remedy;
use model::upstream::Fixer;
use serde_json::{Map, Value};

use crate::aadsts::{Fix, Page};
use crate::discovery::Metadata;
use crate::fault::{Fault, Trouble, Which};
use crate::person::is_guest;
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
    /// Who can take it, where that is known.
    pub fixer: Option<Fixer>,
    pub remedies: Vec<Remedy>,
}

impl Entra {
    /// What an access token somebody got has, against what the settings expect of it; whether it still counts does not
    /// matter. Steps about `token`.
    pub async fn compare(&self, access: &Map<String, Value>) -> Vec<Step> {
        let Ok(metadata) = self.metadata().await else { return Vec::new() };
        let rules = self.rules(&metadata);
        let which = Which::Access;
        let mut steps: Vec<Step> = [
            self.told_by(
                "the access token was issued by the configured identity provider",
                issuer(&rules, access, which),
            ),
            self.told_by("its directory may sign in here", rules.check_tenant(access)),
            self.told_by("it is meant for this app", rules.check_audience(access, which)),
            self.told_by("it has every scope this server requires", rules.check_scopes(access)),
        ]
        .into_iter()
        .map(Step::from)
        .collect();
        let remedies = self.refusals().remedies(None, &[Fix::Open(Page::Manifest)]);
        steps.push(version(access, remedies));
        steps.push(memberships(access, &metadata));
        steps
    }

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
                    fixer: None,
                    remedies: Vec::new(),
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
            Err(Trouble::Fault(fault)) => self.bad(&fault),
            Err(Trouble::Upstream(error)) => Finding {
                ok: false,
                text: format!("its signature could not be checked: {error}"),
                hint: Some("try again when the identity provider answers".to_owned()),
                fixer: None,
                remedies: Vec::new(),
            },
        }
    }

    fn by_rules(&self, metadata: &Metadata, claims: &Map<String, Value>, which: Which) -> Vec<Finding> {
        let rules = self.rules(metadata);
        let mut findings = vec![
            self.told_by("the configured identity provider issued it", issuer(&rules, claims, which)),
            self.told_by("its directory may sign in here", rules.check_tenant(claims)),
            self.told_by("it counts at this time", rules.check_times(claims, which)),
            self.told_by("it is meant for this app", rules.check_audience(claims, which)),
        ];
        if which == Which::Access {
            findings
                .push(self.told_by("it has every scope this server requires", rules.check_scopes(claims)));
        }
        if rules.provider() == Provider::Entra && text(claims, "ver") == Some("1.0") {
            findings.push(Finding {
                ok: true,
                text: "it is of version 1.0, which is accepted; version 2.0 says more".to_owned(),
                hint: None,
                fixer: None,
                remedies: Vec::new(),
            });
        }
        findings
    }
}

impl Entra {
    fn told_by(&self, fine: &str, checked: Result<(), Fault>) -> Finding {
        match checked {
            Ok(()) => good(fine),
            Err(fault) => self.bad(&fault),
        }
    }

    fn bad(&self, fault: &Fault) -> Finding {
        let refusal = fault.refusal(|fixes| self.refusals().remedies(None, fixes));
        Finding {
            ok: false,
            text: refusal.what,
            hint: Some(refusal.hint),
            fixer: Some(refusal.fixer),
            remedies: refusal.remedies,
        }
    }
}

/// Version 1 is accepted, and says less.
fn version(access: &Map<String, Value>, remedies: Vec<Remedy>) -> Step {
    match text(access, "ver") {
        Some("1.0") => Step {
            outcome: Outcome::Unknown,
            hint: Some(
                "set `requestedAccessTokenVersion` to 2 under App registrations > your app > Manifest"
                    .to_owned(),
            ),
            remedies,
            ..Step::from(good("it is of version 1.0, which is accepted; version 2.0 says more"))
        },
        Some(version) => Step::from(good(&format!("it is of version {version}"))),
        None => Step::from(good("it names no version")),
    }
}

fn memberships(access: &Map<String, Value>, metadata: &Metadata) -> Step {
    let count = |claim: &str| access.get(claim).and_then(Value::as_array).map_or(0, Vec::len);
    let overage = access.contains_key("_claim_names") || access.contains_key("hasgroups");
    let groups = match count("groups") {
        _ if overage => "more groups than it lists".to_owned(),
        0 => "no groups".to_owned(),
        1 => "one group".to_owned(),
        many => format!("{many} groups"),
    };
    let roles = match count("roles") {
        0 => "no app roles".to_owned(),
        1 => "one app role".to_owned(),
        many => format!("{many} app roles"),
    };
    let guest = if is_guest(access, &metadata.issuer) { "a guest's" } else { "a member's" };
    Step::from(good(&format!("it is {guest}, with {groups} and {roles}")))
}

impl From<Finding> for Step {
    fn from(Finding { ok, text, hint, fixer, remedies }: Finding) -> Self {
        let outcome = if ok { Outcome::Passed } else { Outcome::Failed };
        Self { about: "token", outcome, what: text, hint, code: None, fixer, remedies }
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

fn good(text: &str) -> Finding {
    Finding { ok: true, text: text.to_owned(), hint: None, fixer: None, remedies: Vec::new() }
}
