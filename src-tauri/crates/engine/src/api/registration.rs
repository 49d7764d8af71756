//! The app registration: texts that make one, and making one for a person who signs in at Microsoft.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use entra::create::{
    Created, Made, Maker, NotCreated, Owner, PLAN, Planned, Progress, Stop, Trouble, UNDO, Undone,
};
use entra::manifest::Manifest;
use entra::registration::{Accounts, Form, NAME, PROFILE_SCOPE, Registration};
use model::ids::random_text;
use model::remedy::Remedy;
use model::scope::ScopeSet;
use model::settings::Settings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use ts_rs::TS;
use url::Url;

use super::claims::Finding;
use super::desk::Import;
use super::requests::Empty;
use super::{Api, ApiError, ErrorCode, check};
use crate::creating::{self, Left};
use crate::engine::{Drafted, Engine};
use crate::running::make_folder;
use crate::settings::{AUTHORITY, Problem, SettingsDraft};

type Answer<T> = Result<T, ApiError>;

const ENDED: &str = "The program ended while it made an app registration.";
/// Names of tenants that stand for many directories.
const MANY: [&str; 3] = ["organizations", "common", "consumers"];
/// What making one sets.
const SET: [&str; 9] = [
    "entra.tenant",
    "entra.client_id",
    "entra.credential",
    "entra.client_secret",
    "entra.client_secret_expires",
    "entra.client_secret_file",
    "entra.identifier_uri",
    "entra.allowed_tenants",
    "identity.practice",
];

/// What a registration is to be like.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RegistrationWish {
    /// What it is called; "Just MCP OAuth Proxy" unless given.
    #[serde(default)]
    #[ts(optional)]
    pub name: Option<String>,
    /// Whether people of any organization can sign in, instead of one directory's.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub any_directory: bool,
    /// Settings as typed and not saved, by key.
    #[serde(default)]
    #[ts(optional, type = "{ [key: string]: string }")]
    pub changes: BTreeMap<String, String>,
}

/// What makes a registration, ready to be copied.
#[derive(Debug, Clone, Serialize, TS)]
pub struct RegistrationTexts {
    pub name: String,
    pub redirect_uris: Vec<String>,
    pub scopes: Vec<String>,
    /// A bash script for the Azure CLI.
    pub az: String,
    /// JSON in the format of Microsoft Graph and of the portal's manifest editor.
    pub manifest: String,
    pub terraform: String,
    pub bicep: String,
}

/// Where to make a registration, and what it is to be like.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct CreationWish {
    #[serde(default)]
    #[ts(optional)]
    pub name: Option<String>,
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub any_directory: bool,
    /// At the practice tenant, to see how it goes; nothing is saved then.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub practice: bool,
}

/// How far the making of a registration is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Creation {
    /// Nothing is being made.
    Idle,
    /// The person enters the code on that page.
    SignIn { code: String, link: String, expires_at: i64 },
    /// The person is signed in and has to agree to the calls.
    Planned {
        tenant: String,
        name: Option<String>,
        username: Option<String>,
        calls: Vec<PlannedCall>,
        /// What else may be called, if something fails or it is stopped.
        undo: Vec<PlannedCall>,
    },
    /// The first `done` calls are done.
    Making {
        calls: Vec<PlannedCall>,
        done: usize,
        /// What there would be at Microsoft if the program were ended now.
        left: CreationUndone,
    },
    /// What was made is being removed again.
    Undoing {
        calls: Vec<PlannedCall>,
        done: usize,
        /// What there would be at Microsoft if the program were ended now.
        left: CreationUndone,
    },
    Done {
        tenant: String,
        client_id: String,
        /// Whether it is in the settings; the practice tenant's never is.
        saved: bool,
        /// When the secret ends, as Microsoft writes it.
        secret_ends: Option<String>,
        /// Whether the person is its owner, which the directory may not have let them be.
        is_owner: bool,
    },
    Failed {
        what: String,
        hint: String,
        /// AADSTS number.
        code: Option<u32>,
        remedies: Vec<Remedy>,
        undone: CreationUndone,
        calls: Vec<PlannedCall>,
        done: usize,
    },
}

/// One call of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct PlannedCall {
    /// What it does: one sentence.
    pub what: &'static str,
    pub method: &'static str,
    pub path: &'static str,
}

/// What a failed try left at Microsoft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CreationUndone {
    Nothing,
    /// It is deleted. Unless that was `for_good`, it can be restored for 30 days.
    Removed {
        name: String,
        client_id: Option<String>,
        for_good: bool,
    },
    /// It is there, or, as long as its client id is not known, may be. `link` leads to it, or to the list it is in.
    Left {
        name: String,
        client_id: Option<String>,
        /// What only this one has among the tags in its manifest.
        tag: String,
        link: Option<String>,
    },
}

impl Creation {
    fn is_over(&self) -> bool {
        matches!(self, Self::Idle | Self::Done { .. } | Self::Failed { .. })
    }
}

impl Api {
    pub(super) async fn registration(&self, wish: RegistrationWish) -> Answer<RegistrationTexts> {
        let draft = SettingsDraft::from_window(wish.changes);
        let registration = self.wanted(draft, wish.name, wish.any_directory).await?;
        if is_b2c(&registration) {
            return Err(by_hand(&registration));
        }
        let text = |form| registration.text(form);
        Ok(RegistrationTexts {
            az: text(Form::Az),
            manifest: text(Form::Manifest),
            terraform: text(Form::Terraform),
            bicep: text(Form::Bicep),
            name: registration.name,
            redirect_uris: registration.redirect_uris,
            scopes: registration.scopes,
        })
    }

    pub(super) async fn creation(&self, _: Empty) -> Answer<Creation> {
        let state = self.0.creating().state();
        match self.left().await {
            Some((left, _)) if state == Creation::Idle => {
                let trouble = Trouble {
                    what: ENDED.to_owned(),
                    hint: "Delete what is left at Microsoft, then begin again.".to_owned(),
                    code: None,
                    remedies: Vec::new(),
                };
                Ok(failed(trouble, left_at(left.made, &left.authority), 0))
            }
            _ => Ok(state),
        }
    }

    /// What an earlier try left, and the file that says so. The registration in use is not left, however the note about it
    /// came to stay.
    async fn left(&self) -> Option<(Left, PathBuf)> {
        let Drafted { draft, data_dir } = self.0.drafted().await;
        let folder = data_dir?;
        let left = Left::read(&folder)?;
        if left.made.client_id.is_some()
            && left.made.client_id.as_deref() == draft.plain_text("entra.client_id")
        {
            Left::forget(&folder);
            return None;
        }
        Some((left, creating::path(&folder)))
    }

    pub(super) async fn begin_creation(&self, wish: CreationWish) -> Answer<Creation> {
        self.is_ours()?;
        let turn = self.0.creating().begin();
        let turn = turn.ok_or_else(|| {
            not_created("a registration is being made already", "finish or stop that one first")
        })?;
        if let Some((left, note)) = self.left().await {
            return Err(still_there(&left.made, &note));
        }
        let mut registration = self.wanted(SettingsDraft::default(), wish.name, wish.any_directory).await?;
        // One of one's own is what an earlier registration had.
        registration.identifier_uri = None;
        if !wish.practice && is_b2c(&registration) {
            return Err(by_hand(&registration));
        }
        if !wish.practice && registration.has_customers() {
            return Err(not_created(
                "customers of External ID cannot consent, and this program consents for nobody",
                "use the script for the Azure CLI, which consents for everybody, then add the app to the user flow",
            ));
        }
        if wish.practice {
            let url = self.0.practice_url().and_then(|url| Url::parse(&url).ok());
            registration.authority = url
                .ok_or_else(|| not_created("the practice tenant is off", "switch to it on the Entra page"))?;
            registration.tenant = None;
        } else {
            let above = &self.0.sources().above;
            if let Some(key) = SET.iter().find(|key| above.has(key)) {
                let message = format!("`{key}` is set by the environment or the command line");
                return Err(not_created(&message, "take it out there, so that the new values can be kept"));
            }
        }
        let making = Making::new(self, registration, !wish.practice).await?;
        let invitation = making.maker.invite().await.map_err(told)?;
        let state = Creation::SignIn {
            code: invitation.user_code.clone(),
            link: invitation.link.clone(),
            expires_at: invitation.expires_at.millis(),
        };
        self.0.tell_creation(state.clone());
        turn.run(move |stop, agreed| async move {
            let owner = match making.maker.signed_in(&invitation, &stop).await {
                Ok(owner) => owner,
                // Nothing was made, and whoever stopped it knows why.
                Err(_) if stop.is_set() => return making.engine.tell_creation(Creation::Idle),
                Err(trouble) => {
                    return making.engine.tell_creation(failed(trouble, CreationUndone::Nothing, 0));
                }
            };
            making.go_on(&owner, &agreed, &stop).await;
        });
        Ok(state)
    }

    /// Agrees to the plan.
    pub(super) async fn confirm_creation(&self, _: Empty) -> Answer<Creation> {
        let creating = self.0.creating();
        let mut state = creating.watch();
        if !matches!(*state.borrow_and_update(), Creation::Planned { .. }) {
            return Err(not_created("there is no plan to agree to", "begin again and sign in first"));
        }
        creating.agree();
        // The answer is what follows the plan.
        let _ = state.changed().await;
        Ok(creating.state())
    }

    /// Stops what is on its way and removes what was made. What is over stays as it is told.
    #[expect(clippy::unused_async, reason = "the table calls all of them alike")]
    pub(super) async fn cancel_creation(&self, _: Empty) -> Answer<Creation> {
        self.0.creating().stop();
        Ok(self.0.creating().state())
    }

    /// Puts away what is over, and with it the note of what was left: somebody has seen to that.
    pub(super) async fn close_creation(&self, _: Empty) -> Answer<Creation> {
        let creating = self.0.creating();
        if creating.is_on() && !creating.state().is_over() {
            return Err(not_created("a registration is being made", "wait until it is over, or stop it"));
        }
        if let Some(folder) = self.0.drafted().await.data_dir {
            Left::forget(&folder);
        }
        self.0.tell_creation(Creation::Idle);
        Ok(Creation::Idle)
    }

    /// The settings that follow from an exported manifest, and what a sign-in would stumble over in it.
    pub(super) async fn read_manifest(&self, text: &str) -> Answer<Import> {
        let manifest = Manifest::read(text).map_err(|error| ApiError::Refused {
            code: ErrorCode::BadRequest,
            message: error.to_string(),
            hint: "export it under App registrations > your app > Manifest > Download".to_owned(),
        })?;
        let wanted = self.wanted(SettingsDraft::default(), None, false).await?;
        let mut typed = BTreeMap::new();
        let mut set = |key: &str, text: &str| typed.insert(key.to_owned(), SecretString::from(text));
        set("entra.client_id", &manifest.client_id);
        if let Some(tenant) = &manifest.tenant {
            set("entra.tenant", tenant);
        }
        let usual = format!("api://{}", manifest.client_id);
        match manifest.identifier_uris.iter().find(|uri| **uri == usual).or(manifest.identifier_uris.first())
        {
            Some(uri) if *uri != usual => set("entra.identifier_uri", uri),
            _ => set("entra.identifier_uri", ""),
        };
        // A single scope of another name is the one that is meant.
        let mut scopes = wanted.scopes;
        if let [only] = manifest.scopes.as_slice()
            && !scopes.iter().any(|scope| manifest.scopes.contains(scope))
        {
            set("entra.required_scopes", only);
            scopes = vec![only.clone()];
        }
        let findings = manifest.findings(&wanted.redirect_uris, &scopes).into_iter();
        let mut findings: Vec<Finding> =
            findings.map(|found| Finding::bad(found.what, &found.hint)).collect();
        if wanted.client_id.as_deref() != Some(&manifest.client_id) {
            findings.push(no_secret_yet(wanted.client_id.is_some()));
        }
        Ok(Import { typed, ignored: Vec::new(), findings })
    }

    /// As the settings have it, with what was typed over them. Whether the rest of Entra's settings is there does not
    /// matter: that is what a registration is made for.
    async fn wanted(
        &self,
        typed: SettingsDraft,
        name: Option<String>,
        any_directory: bool,
    ) -> Answer<Registration> {
        let practice = SettingsDraft::from_window([("identity.practice", "on")]);
        let draft = self.0.drafted_with(typed.clone().overlay(practice)).await.draft;
        let settings = draft.validate().map_err(unusable)?;
        let text = |key: &str| draft.plain_text(key).map(str::to_owned);
        let authority = draft.authority().map_err(unusable)?;
        let client_id = text("entra.client_id");
        let scopes = text("entra.required_scopes").unwrap_or_else(|| "read".to_owned());
        let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Ok(Registration {
            name: name.map_or_else(|| NAME.to_owned(), |name| name.chars().take(120).collect()),
            accounts: if any_directory { Accounts::AnyDirectory } else { Accounts::OneDirectory },
            redirect_uris: self.redirect_uris(&settings, &typed),
            scopes: short_names(&scopes),
            identifier_uri: text("entra.identifier_uri").filter(|uri| !is_usual(uri, client_id.as_deref())),
            client_id,
            tenant: text("entra.tenant").filter(|tenant| !MANY.contains(&tenant.as_str())),
            authority,
        })
    }

    /// Those of what runs, unless what was typed makes others of them.
    fn redirect_uris(&self, settings: &Settings, typed: &SettingsDraft) -> Vec<String> {
        const MAKE: [&str; 4] =
            ["server.listen", "server.callback_path", "server.public_url", "server.sign_in"];
        match self.0.live() {
            Some(live) if !MAKE.iter().any(|key| typed.has(key)) => live.flow.callback_urls(),
            _ => {
                let public = settings.server.public_url.clone().or_else(|| self.0.gate().url());
                check::redirect_uris(&settings.server, public)
            }
        }
    }
}

/// One registration on its way.
struct Making {
    engine: Engine,
    registration: Registration,
    maker: Maker,
    /// Makes what was made findable when an answer is lost.
    marker: String,
    data_dir: Option<PathBuf>,
    course: Mutex<Course>,
    /// `entra.extra_authorize_scopes`, with what Graph is asked on behalf of people.
    extra_scopes: String,
    /// Whether it becomes the settings.
    is_kept: bool,
}

/// How far one is. The file may not take it.
struct Course {
    /// As far as is known.
    made: Made,
    left: CreationUndone,
    done: usize,
    is_undoing: bool,
}

impl Making {
    async fn new(api: &Api, registration: Registration, is_kept: bool) -> Answer<Self> {
        let world =
            api.0.world().ok_or_else(|| not_created("this server was started elsewhere", "make it there"))?;
        let http = entra::http_client_for(&registration.authority)
            .map_err(|error| not_created(&error.to_string(), "start the program again"))?;
        let tenant = registration.tenant.clone().unwrap_or_else(|| "organizations".to_owned());
        let maker = Maker::new(
            registration.authority.clone(),
            &tenant,
            http,
            world.clock.clone(),
            world.entropy.clone(),
            world.pause.clone(),
        );
        let marker = format!("just-mcp-oauth-proxy-{}", random_text::<12>(world.entropy.as_ref()));
        let Drafted { draft, data_dir } = api.0.drafted().await;
        let extra_scopes = with_profile(draft.plain_text("entra.extra_authorize_scopes").unwrap_or_default());
        let course = Mutex::new(Course {
            made: Made::nothing_yet(&registration.name, &marker),
            left: CreationUndone::Nothing,
            done: 0,
            is_undoing: false,
        });
        let engine = api.0.clone();
        Ok(Self { engine, registration, maker, marker, data_dir, course, extra_scopes, is_kept })
    }

    async fn go_on(self, owner: &Owner, agreed: &Notify, stop: &Stop) {
        self.engine.tell_creation(Creation::Planned {
            tenant: owner.tenant.clone(),
            name: owner.name.clone(),
            username: owner.username.clone(),
            calls: calls(),
            undo: shown(&UNDO),
        });
        tokio::select! {
            biased;
            () = stop.set() => return self.engine.tell_creation(Creation::Idle),
            () = agreed.notified() => {}
        }
        if let Err(trouble) = self.can_be_kept(owner).await {
            return self.engine.tell_creation(failed(trouble, CreationUndone::Nothing, 0));
        }
        self.engine.tell_creation(self.course().state());
        let end = match self
            .maker
            .create(&self.registration, owner, &self.marker, stop, &|told| self.note(told))
            .await
        {
            Ok(created) => self.keep(owner, created).await,
            Err(NotCreated { why, undone }) => self.not_created(why, undone),
        };
        self.engine.tell_creation(end);
    }

    /// Written down before it is told.
    fn note(&self, progress: Progress) {
        let mut course = self.course();
        match progress {
            Progress::Begins(made) | Progress::Made(made) => {
                self.write_down(&made);
                course.left = left_at(made.clone(), &self.authority());
                course.made = made;
            }
            Progress::Done(done) => course.done = done,
            Progress::Undoing => course.is_undoing = true,
            Progress::Deleted => {
                self.forget();
                course.left = removed(course.made.clone(), false);
            }
        }
        self.engine.tell_creation(course.state());
    }

    /// The practice tenant ends with the program, and what is in it.
    fn write_down(&self, made: &Made) {
        if let Some(folder) = &self.data_dir
            && self.is_kept
            && make_folder(folder).is_ok()
        {
            Left { made: made.clone(), authority: self.authority() }.keep(folder);
        }
    }

    fn authority(&self) -> String {
        self.registration.authority.host_str().unwrap_or_default().to_owned()
    }

    fn not_created(&self, why: Trouble, undone: Undone) -> Creation {
        let undone = match undone {
            Undone::Nothing => CreationUndone::Nothing,
            Undone::Removed { made, for_good } => removed(made, for_good),
            Undone::Left(made) => left_at(made, &self.authority()),
        };
        // What is left is told again after a restart, until somebody puts it away.
        if !matches!(undone, CreationUndone::Left { .. }) {
            self.forget();
        }
        failed(why, undone, self.course().done)
    }

    fn forget(&self) {
        if let Some(folder) = &self.data_dir {
            Left::forget(folder);
        }
    }

    /// Whether settings like these will be taken: found out before anything is made.
    async fn can_be_kept(&self, owner: &Owner) -> Result<(), Trouble> {
        if !self.is_kept {
            return Ok(());
        }
        let nobodys = "00000000-0000-4000-8000-000000000000";
        let typed = self.settings(&owner.tenant, nobodys, "a secret that nobody was given", None);
        let api = self.engine.api();
        let problem = match api.problems(&typed).await.first() {
            Some(problem) => {
                Some((problem.brief(), "Correct that in the settings, then begin again.".to_owned()))
            }
            None => {
                api.can_save(&typed).await.err().map(|error| (error.to_string(), sentence(&error.hint())))
            }
        };
        let Some((problem, hint)) = problem else { return Ok(()) };
        let what = format!("The settings would not take a new registration: {problem}.");
        Err(Trouble { what, hint, code: None, remedies: Vec::new() })
    }

    async fn keep(&self, owner: &Owner, created: Created) -> Creation {
        let Created { tenant, client_id, secret, secret_ends, is_owner, .. } = created;
        if self.is_kept {
            use model::ExposeSecret as _;
            let typed = self.settings(&tenant, &client_id, secret.expose_secret(), secret_ends.as_deref());
            let saved = self.engine.api().save(&typed).await;
            let trouble = match saved {
                Ok(saved) if saved.saved => None,
                Ok(saved) => Some(saved.problems.first().map(Problem::brief).unwrap_or_default()),
                Err(error) => Some(format!("{error}; {}", error.hint())),
            };
            if let Some(detail) = trouble {
                let made = self.course().made.clone();
                let undone = self.maker.remove(owner, &made, &|told| self.note(told)).await;
                let why = Trouble {
                    what: format!("The new registration could not be put into the settings: {detail}."),
                    hint: "Mend that, then begin again.".to_owned(),
                    code: None,
                    remedies: Vec::new(),
                };
                return self.not_created(why, undone);
            }
        }
        self.forget();
        Creation::Done { tenant, client_id, saved: self.is_kept, secret_ends, is_owner }
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(
        &self,
        tenant: &str,
        client_id: &str,
        secret: &str,
        secret_ends: Option<&str>,
    ) -> BTreeMap<String, SecretString> {
        let (tenant, allowed) = self.registration.tenant_settings(tenant);
        // Where it was made: named for once, or not, it is found there from now on.
        let authority = self.registration.authority.as_str().trim_end_matches('/');
        let authority = Some(authority).filter(|host| *host != AUTHORITY).unwrap_or_default();
        let mut typed = BTreeMap::new();
        for (key, text) in [
            ("entra.authority", authority),
            ("entra.tenant", tenant.as_str()),
            ("entra.client_id", client_id),
            // A secret is what is given, whatever proved the app before.
            ("entra.credential", ""),
            ("entra.client_secret", secret),
            ("entra.client_secret_file", ""),
            ("entra.client_secret_expires", secret_ends.and_then(day).unwrap_or_default()),
            ("entra.next_client_secret", ""),
            // The usual one, which follows the client id.
            ("entra.identifier_uri", "api://{client_id}"),
            ("entra.allowed_tenants", allowed.as_str()),
            ("entra.extra_authorize_scopes", self.extra_scopes.as_str()),
            ("identity.practice", ""),
        ] {
            typed.insert(key.to_owned(), SecretString::from(text));
        }
        typed
    }
}

impl Course {
    fn state(&self) -> Creation {
        let (calls, done, left) = (calls(), self.done, self.left.clone());
        if self.is_undoing {
            Creation::Undoing { calls, done, left }
        } else {
            Creation::Making { calls, done, left }
        }
    }
}

/// `2028-11-25` of `2028-11-25T10:00:00Z`; the settings take nothing finer.
fn day(time: &str) -> Option<&str> {
    let (day, _) = time.split_once('T')?;
    day.parse::<jiff::civil::Date>().ok().map(|_| day)
}

/// Apps of Azure AD B2C are kept apart from those of other directories, and are made in the Azure portal alone.
fn is_b2c(registration: &Registration) -> bool {
    let host = registration.authority.host_str().unwrap_or_default();
    host.ends_with(".b2clogin.com")
        || registration.tenant.as_deref().is_some_and(|tenant| tenant.contains('/'))
}

/// The steps that the texts stand for elsewhere.
fn by_hand(registration: &Registration) -> ApiError {
    let hint = format!(
        "in the Azure portal, Azure AD B2C > App registrations > New registration: accounts in any identity provider, platform Web \
         with {}; Expose an API with {}; API permissions: add that and grant admin consent; a client secret",
        registration.redirect_uris.join(" and "),
        registration.scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(", "),
    );
    not_created("the texts do not apply to Azure AD B2C, whose apps are registered by hand", &hint)
}

/// Nothing else is made before a person has seen to what is there.
fn still_there(made: &Made, note: &Path) -> ApiError {
    let which = made.client_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    not_created(
        &format!("an earlier try may have left the app registration \"{}\"{which} at Microsoft", made.name),
        &format!(
            "delete it under App registrations; then press It is deleted on the Entra page, or delete the file {}",
            note.display()
        ),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unusable(problems: Vec<Problem>) -> ApiError {
    let first = problems.first().map(Problem::brief).unwrap_or_default();
    not_created(&format!("a setting cannot be used: {first}"), "correct it, then try again")
}

/// As the window shows hints of a failed try.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), rest.as_str()))
}

fn calls() -> Vec<PlannedCall> {
    shown(&PLAN)
}

fn shown(calls: &[Planned]) -> Vec<PlannedCall> {
    calls.iter().map(|call| PlannedCall { what: call.what, method: call.method, path: call.path }).collect()
}

fn failed(trouble: Trouble, undone: CreationUndone, done: usize) -> Creation {
    let Trouble { what, hint, code, remedies } = trouble;
    Creation::Failed { what, hint, code, remedies, undone, calls: calls(), done }
}

fn left_at(made: Made, authority: &str) -> CreationUndone {
    let Made { name, client_id, marker: tag, .. } = made;
    let link = entra::aadsts::registration_link(authority, client_id.as_deref());
    CreationUndone::Left { name, client_id, tag, link }
}

fn removed(made: Made, for_good: bool) -> CreationUndone {
    CreationUndone::Removed { name: made.name, client_id: made.client_id, for_good }
}

/// Consent covers what a sign-in asks for, so what is only asked on behalf of people later has to be asked for then.
fn with_profile(scopes: &str) -> String {
    let has = scopes.split([' ', ',']).any(|scope| scope.rsplit('/').next() == Some(PROFILE_SCOPE));
    if has { scopes.to_owned() } else { format!("{scopes} {PROFILE_SCOPE}").trim_start().to_owned() }
}

/// Whether it is what the API is called unless a person says otherwise.
fn is_usual(uri: &str, client_id: Option<&str>) -> bool {
    let name = uri.strip_prefix("api://");
    name.is_some_and(|name| {
        name == "{client_id}" || client_id.is_some_and(|id| name.eq_ignore_ascii_case(id))
    })
}

/// A manifest has no secret in it.
fn no_secret_yet(is_another: bool) -> Finding {
    let text = if is_another {
        "this is another application than the one in the settings, and the secret that is kept is of that one"
    } else {
        "a manifest holds no client secret"
    };
    let hint = "create a client secret under Certificates & secrets and paste its Value on the Entra page";
    Finding::bad(text, hint)
}

/// As *Expose an API* lists them: without the API's name, and without those of OpenID Connect.
fn short_names(scopes: &str) -> Vec<String> {
    let scopes = ScopeSet::parse_lenient(scopes);
    let own = scopes.iter().filter(|scope| !scope.is_oidc());
    let names: Vec<String> =
        own.map(|scope| scope.as_str().rsplit('/').next().unwrap_or_default().to_owned()).collect();
    if names.is_empty() { vec!["read".to_owned()] } else { names }
}

fn told(trouble: Trouble) -> ApiError {
    let Trouble { what, hint, code, .. } = trouble;
    let number = code.map(|code| format!(" (AADSTS{code})")).unwrap_or_default();
    let message = format!("{}{number}", what.trim_end_matches('.'));
    ApiError::Refused { code: ErrorCode::NotCreated, message, hint }
}

fn not_created(message: &str, hint: &str) -> ApiError {
    ApiError::Refused { code: ErrorCode::NotCreated, message: message.to_owned(), hint: hint.to_owned() }
}
