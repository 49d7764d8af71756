//! Commands about the engine itself: how it stands, pausing it, and its settings. They are answered whether it runs or not.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use model::origin::Site;
use model::settings::{Database, Identity, Settings};
use model::{ExposeSecret as _, Secret};
use secrecy::SecretString;
use url::Url;

use super::answers::{
    Checked, Effect, EnvChange, EnvPreview, IdentityKind, Saved, SettingRow, SettingsForm, State, Status,
};
use super::certificate::CredentialState;
use super::claims::Finding;
use super::requests::{Empty, EnvText, PauseSwitch, SettingsChange};
use super::{Api, ApiError};
use crate::engine::Drafted;
use crate::running::make_folder;
use crate::settings::{Exposure, Problem, SettingsDraft, edited};
use crate::vault::{self, Beside};

type Answer<T> = Result<T, ApiError>;

/// What a pasted file leads to.
pub(super) struct Import {
    pub(super) typed: Typed,
    pub(super) ignored: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

/// Texts as typed, by key.
pub(super) type Typed = BTreeMap<String, SecretString>;

impl Api {
    pub(super) async fn status(&self, _: Empty) -> Answer<Status> {
        Ok(self.status_now().await)
    }

    pub(super) async fn restart(&self, _: Empty) -> Answer<Status> {
        self.is_ours()?;
        self.0.restart().await;
        Ok(self.status_now().await)
    }

    /// Kept in the settings file, so that it outlasts a restart.
    pub(super) async fn set_paused(&self, PauseSwitch { paused }: PauseSwitch) -> Answer<Status> {
        if self.0.sources().above.has("server.paused") {
            return Err(ApiError::NotSaved {
                message: "`server.paused` is set by the environment or the command line".to_owned(),
                hint: "change it there and start the server again".to_owned(),
            });
        }
        if self.0.world().is_some() {
            let _saving = self.0.saving().await;
            let text = SecretString::from(if paused { "true" } else { "" });
            let file = self.new_file(&Typed::from([("server.paused".to_owned(), text)]))?;
            file.map_or(Ok(()), put)?;
        }
        self.0.set_paused(paused);
        self.0.tell_status().await;
        Ok(self.status_now().await)
    }

    pub(super) async fn settings(&self, _: Empty) -> Answer<SettingsForm> {
        let Drafted { draft, .. } = self.0.drafted().await;
        let above = &self.0.sources().above;
        let rows =
            draft.rows().into_iter().map(|row| SettingRow { locked: above.has(&row.key), row }).collect();
        let problems = draft.validate().err().unwrap_or_default();
        Ok(SettingsForm { rows, problems, file: self.0.sources().file.display().to_string() })
    }

    pub(super) async fn check_settings(&self, SettingsChange { changes }: SettingsChange) -> Answer<Checked> {
        Ok(self.check(&changes).await.0)
    }

    pub(super) async fn save_settings(&self, SettingsChange { changes }: SettingsChange) -> Answer<Saved> {
        self.save(&changes).await
    }

    pub(super) async fn read_env(&self, EnvText { text }: EnvText) -> Answer<EnvPreview> {
        let Import { typed, ignored, findings } = self.read_import(&text).await?;
        let Checked { problems, .. } = self.check(&typed).await.0;
        let hidden: Vec<String> = SettingsDraft::from_dotenv(text.expose_secret())
            .texts()
            .filter_map(|(key, _, exposure)| (exposure != Exposure::Plain).then_some(key))
            .collect();
        let changes = typed
            .iter()
            .map(|(key, text)| {
                let change = if hidden.contains(key) {
                    EnvChange::Secret { masked: true }
                } else {
                    EnvChange::Text(text.expose_secret().to_owned())
                };
                (key.clone(), change)
            })
            .collect();
        Ok(EnvPreview { changes, ignored, problems, findings })
    }

    pub(super) async fn save_env(&self, EnvText { text }: EnvText) -> Answer<Saved> {
        let import = self.read_import(&text).await?;
        self.save(&import.typed).await
    }

    /// A manifest is JSON, and no `.env` file begins like it.
    async fn read_import(&self, text: &SecretString) -> Answer<Import> {
        if text.expose_secret().trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            return self.read_manifest(text.expose_secret()).await;
        }
        let (typed, ignored) = self.read_env_text(text);
        Ok(Import { typed, ignored, findings: Vec::new() })
    }

    /// What a `.env` file sets, and the names in it that set nothing here.
    ///
    /// The example listened where its base URL on this computer said, and that port stands in the redirect URI.
    fn read_env_text(&self, text: &SecretString) -> (Typed, Vec<String>) {
        let draft = SettingsDraft::from_dotenv(text.expose_secret());
        let mut typed: Typed = draft.texts().map(|(key, text, _)| (key, text)).collect();
        let listening =
            self.0.live().and_then(|live| Url::parse(&live.mcp_url).ok()?.port_or_known_default());
        if let Some(port) = draft.local_port().filter(|port| Some(*port) != listening) {
            typed.entry("server.listen".to_owned()).or_insert_with(|| format!("127.0.0.1:{port}").into());
        }
        (typed, SettingsDraft::foreign_names(text.expose_secret()))
    }

    /// How things stand at this moment.
    pub(crate) async fn status_now(&self) -> Status {
        let (engine, live, settings) = (&self.0, self.0.live(), self.0.settings());
        let entra = settings.as_ref().and_then(|settings| match &settings.identity {
            Identity::Entra(entra) => Some(entra),
            Identity::Practice(_) => None,
        });
        let sessions = match &live {
            Some(live) => live.count_live_sessions().await,
            None => 0,
        };
        let data_dir = match &settings {
            Some(settings) => Some(settings.storage.data_dir.clone()),
            None => crate::settings::default_data_dir(),
        };
        let public = live.as_ref().and_then(|live| live.public.as_ref());
        Status {
            state: engine.state(),
            paused: engine.is_paused(),
            mcp_url: live.as_ref().map(|live| live.mcp_url.clone()),
            public_url: public.map(|site| site.base.to_string()),
            public_mcp_url: public.map(Site::mcp_url),
            callback_urls: live.as_ref().map(|live| live.flow.callback_urls()).unwrap_or_default(),
            tunnel: engine.gate().state().into(),
            tunnel_closes_at: engine.gate().closes_at().map(model::time::Timestamp::millis),
            tunnel_closed_because: engine.gate().closed_because(),
            long_codes_until: engine
                .guesses()
                .used_up_until(engine.now(), None)
                .map(model::time::Timestamp::millis),
            turned_away: engine.gate().turned_away(),
            practice_url: live.as_ref().and_then(|live| live.practice_url.clone()),
            identity: if entra.is_some() { IdentityKind::Entra } else { IdentityKind::Practice },
            tenant: entra.map(|entra| entra.tenant.clone()),
            client_id: entra.map(|entra| entra.client_id.clone()),
            credential: entra.map(|entra| CredentialState {
                kind: entra.credential.kind(),
                expires_at: entra.credential.expires_at().map(model::time::Timestamp::millis),
                fell_back: live.as_ref().is_some_and(|live| live.entra.has_fallen_back()),
            }),
            version: env!("CARGO_PKG_VERSION"),
            started_at: engine.started_at().map(model::time::Timestamp::millis),
            now: engine.now().millis(),
            dropped_events: live.as_ref().map_or(0, |live| live.bus.dropped()),
            sessions,
            desktop: engine.sources().desktop,
            data_dir: data_dir.map(|folder| folder.display().to_string()).unwrap_or_default(),
            settings_file: engine.sources().file.display().to_string(),
        }
    }

    /// The settings with the typed texts over them. No secret is in use with another sign-in host than it was saved for.
    pub(super) async fn drafted_with(&self, typed: &Typed) -> Drafted {
        let window = SettingsDraft::from_window(
            typed.iter().map(|(key, text)| (key.as_str(), text.expose_secret().to_owned())),
        );
        let Drafted { draft, data_dir } = self.0.drafted_with(window).await;
        let saved = self.0.drafted().await.draft;
        Drafted { draft: draft.keeping_secrets_from_others(&saved), data_dir }
    }

    /// What the typed texts would lead to, and where their secrets would go.
    async fn check(&self, typed: &Typed) -> (Checked, Drafted) {
        let drafted = self.drafted_with(typed).await;
        let checked = match drafted.draft.validate() {
            Ok(settings) => {
                let effects = effects(self.0.settings().as_ref(), &settings);
                Checked { problems: Vec::new(), effects }
            }
            Err(problems) => Checked { problems, effects: Vec::new() },
        };
        (checked, drafted)
    }

    /// What would be wrong with these texts in the settings.
    pub(super) async fn problems(&self, typed: &Typed) -> Vec<Problem> {
        self.check(typed).await.0.problems
    }

    /// The engine starts again behind the answer, so that whoever asked through it is answered first.
    pub(super) async fn save(&self, typed: &Typed) -> Answer<Saved> {
        self.is_ours()?;
        let _saving = self.0.saving().await;
        let (Checked { problems, effects }, drafted) = self.check(typed).await;
        if !problems.is_empty() {
            return Ok(Saved { saved: false, problems, effects });
        }
        // Both are written before either counts: half of them would be a client with the secret of another.
        let secrets = self.sealed(typed, &drafted).await?;
        let file = self.new_file(typed)?;
        let before = std::fs::read_to_string(&self.0.sources().file).unwrap_or_default();
        let changes_file = file.is_some();
        file.map_or(Ok(()), put)?;
        if let Err(error) = secrets.map_or(Ok(()), put_secrets) {
            if changes_file {
                put(beside(&self.0.sources().file, &before)?)?;
            }
            return Err(error);
        }
        // Where it was never started, whoever saves does not want it started.
        if self.0.state() != State::Stopped {
            let engine = self.0.clone();
            tokio::spawn(async move { engine.restart().await });
        }
        Ok(Saved { saved: true, problems, effects })
    }

    /// Whether texts like these could be saved: all of it is done but for what changes something.
    pub(super) async fn can_save(&self, typed: &Typed) -> Answer<()> {
        let _saving = self.0.saving().await;
        let (_, drafted) = self.check(typed).await;
        drop(self.sealed(typed, &drafted).await?);
        drop(self.new_file(typed)?);
        // A file mounted by itself can be read and not be replaced, which only replacing it tells.
        let file = &self.0.sources().file;
        match std::fs::read_to_string(file) {
            Ok(text) => put(beside(file, &text)?),
            Err(_) => Ok(()),
        }
    }

    /// Whether it was started here, so that it can be started again from here.
    pub(super) fn is_ours(&self) -> Answer<()> {
        match self.0.world() {
            Some(_) => Ok(()),
            None => Err(ApiError::NotSaved {
                message: "this server was started with settings from elsewhere".to_owned(),
                hint: "change them there and start it again".to_owned(),
            }),
        }
    }

    /// Keeps secrets by themselves.
    pub(super) async fn keep_secrets(&self, typed: &Typed, drafted: &Drafted) -> Answer<()> {
        self.sealed(typed, drafted).await?.map_or(Ok(()), put_secrets)
    }

    /// The vault as these texts make it; none if it stays as it is.
    async fn sealed(&self, typed: &Typed, drafted: &Drafted) -> Answer<Option<Beside>> {
        let is_secret = |key: &str| {
            drafted.draft.rows().iter().any(|row| row.key == key && row.exposure == Exposure::Secret)
        };
        let secrets: BTreeMap<String, Secret> = typed
            .iter()
            .filter(|(key, _)| is_secret(key))
            .map(|(key, text)| (key.clone(), text.clone()))
            .collect();
        let (Some(world), Some(folder)) = (self.0.world(), &drafted.data_dir) else { return Ok(None) };
        if secrets.is_empty() {
            return Ok(None);
        }
        let has_database = match drafted.draft.validate().map(|settings| settings.storage.database) {
            Ok(Database::Sqlite(path)) => path.exists(),
            _ => false,
        };
        let needed = has_database || vault::exists(folder) || self.0.live().is_some();
        make_folder(folder).map_err(|error| not_saved(&error.to_string()))?;
        let key = world
            .master_key
            .load(folder, needed, world.entropy.clone())
            .await
            .map_err(|trouble| ApiError::NotSaved { message: trouble.message, hint: trouble.hint })?;
        vault::changed(folder, &key, &secrets, world.entropy.as_ref())
            .map(Some)
            .map_err(|error| not_saved(&error.to_string()))
    }

    /// The settings file as these texts make it; none if it stays as it is.
    fn new_file(&self, typed: &Typed) -> Answer<Option<Beside>> {
        let file = &self.0.sources().file;
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(not_saved(&format!("the settings file cannot be read: {error}"))),
        };
        let changes = typed.iter().map(|(key, text)| (key.as_str(), text.expose_secret()));
        let new = edited(&text, changes).map_err(|reason| not_saved(&reason))?;
        if new == text {
            return Ok(None);
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| not_saved(&format!("the config folder cannot be made: {error}")))?;
        }
        beside(file, &new).map(Some)
    }
}

fn put(file: Beside) -> Answer<()> {
    file.put().map_err(|error| no_file(&error))
}

fn put_secrets(secrets: Beside) -> Answer<()> {
    secrets.put().map_err(|error| not_saved(&format!("the secrets cannot be written: {error}")))
}

fn beside(file: &Path, text: &str) -> Answer<Beside> {
    Beside::write(file, text).map_err(|error| no_file(&error))
}

fn no_file(error: &io::Error) -> ApiError {
    not_saved(&format!("the settings file cannot be written: {error}"))
}

fn not_saved(told: &str) -> ApiError {
    let (message, hint) = told
        .split_once("; ")
        .unwrap_or((told, "check that the file and its folder are yours, then save again"));
    ApiError::NotSaved { message: message.to_owned(), hint: hint.to_owned() }
}

/// What people and clients notice of a change.
fn effects(before: Option<&Settings>, after: &Settings) -> Vec<Effect> {
    let Some(before) = before else { return vec![effect("The server starts with these settings.")] };
    let mut found = Vec::new();
    if before.server.listen != after.server.listen {
        found.push(format!(
            "The MCP URL becomes http://localhost:{}/mcp: give it to the clients on this computer, which then sign in \
             again, and register the new redirect URI in Entra.",
            after.server.listen.port()
        ));
    }
    if before.server.callback_path != after.server.callback_path {
        found.push(
            "The redirect URI changes: register the new one in Entra before anybody signs in.".to_owned(),
        );
    }
    if before.server.public_url != after.server.public_url {
        found.push(
            "Clients that use the old public address have to be given the new one and sign in again."
                .to_owned(),
        );
    }
    if before.server.console != after.server.console {
        found.push("The console moves when the program itself is started again.".to_owned());
    }
    match (&before.identity, &after.identity) {
        (Identity::Practice(_), Identity::Entra(_)) | (Identity::Entra(_), Identity::Practice(_)) => {
            found.push(
                "People sign in somewhere else from now on: sessions end when their client next refreshes."
                    .to_owned(),
            );
        }
        (Identity::Entra(old), Identity::Entra(new)) => {
            if (&old.tenant, &old.client_id, &old.authority) != (&new.tenant, &new.client_id, &new.authority)
            {
                found.push(
                    "Sessions of the old directory or app registration end when their client next refreshes."
                        .to_owned(),
                );
            }
            if old.required_scopes != new.required_scopes {
                found.push("Sessions that lack a required scope have to sign in again.".to_owned());
            }
        }
        (Identity::Practice(_), Identity::Practice(_)) => {}
    }
    if before.access != after.access {
        found.push(
            "Sessions of people who may no longer sign in end when their client next refreshes.".to_owned(),
        );
    }
    if before.tools != after.tools {
        found.push("Clients are asked for the scopes a tool needs when they next call it.".to_owned());
    }
    if before.storage.database != after.storage.database || before.storage.data_dir != after.storage.data_dir
    {
        found.push("Another database is used: clients register and people sign in again. The old one stays where it is.".to_owned());
    }
    if found.is_empty() {
        found.push("The server starts again within a second. Sessions go on.".to_owned());
    }
    found.into_iter().map(|text| Effect { text }).collect()
}

fn effect(text: &str) -> Effect {
    Effect { text: text.to_owned() }
}
