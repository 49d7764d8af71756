//! Puts together what the app runs on: the settings' sources, the master key's keeper, and the engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use engine::settings::SettingsDraft;
use engine::system::{SystemClock, SystemEntropy};
use engine::{Engine, KeySource, Sources, SystemResolver, World};
use model::keys::MasterKey;

use crate::arguments::Arguments;
use crate::key::Keeper;
use crate::preferences::Kept;
use crate::shell::Shell;

/// Everything but the desktop itself; nothing of it runs yet.
pub(crate) struct Prepared {
    pub(crate) shell: Shell,
    pub(crate) config_folder: PathBuf,
}

pub(crate) fn prepare(arguments: &Arguments) -> anyhow::Result<Prepared> {
    let file = match &arguments.config {
        Some(file) => std::path::absolute(file)?,
        None => engine::settings::default_file()
            .context("this user has no home folder to keep settings in; name a file with --config")?,
    };
    let config_folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let above =
        SettingsDraft::from_env(environment()).overlay(SettingsDraft::from_command_line(given(arguments)));
    let preferences = Arc::new(Kept::open(config_folder.join("desktop.json")));
    let data_folder = {
        let (file, above) = (file.clone(), above.clone());
        move || data_folder(&file, &above)
    };
    let default_folder = engine::settings::default_data_dir();
    let keeper = Arc::new(Keeper::new(preferences.clone(), Box::new(data_folder), default_folder));
    let given = given_key()?;
    let key_is_given = given.is_some();
    let master_key = given.unwrap_or_else(|| KeySource::Kept(keeper.clone()));
    let world = World {
        clock: Arc::new(SystemClock),
        pause: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
        master_key,
        names: Arc::new(SystemResolver),
    };
    let engine = Engine::new(Sources { file, above, desktop: true }, world);
    Ok(Prepared { shell: Shell::new(engine, preferences, keeper, key_is_given), config_folder })
}

fn given(arguments: &Arguments) -> Vec<(&'static str, String, &'static str)> {
    let data_dir = arguments.data_dir.as_deref().and_then(|folder| std::path::absolute(folder).ok());
    data_dir
        .map(|folder| ("storage.data_dir", folder.display().to_string(), "--data-dir"))
        .into_iter()
        .collect()
}

/// Variables that are not Unicode cannot be ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// As the settings are at this moment: a person may have changed them since the start.
fn data_folder(file: &Path, above: &SettingsDraft) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let draft = SettingsDraft::from_toml(&text, file).overlay(above.clone());
    let given = draft.rows().into_iter().find(|row| row.key == "storage.data_dir");
    given
        .and_then(|row| row.text)
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
        .or_else(engine::settings::default_data_dir)
}

/// A key that whoever started us named, as for the server without a window.
fn given_key() -> anyhow::Result<Option<KeySource>> {
    if let Some(file) = std::env::var_os("JMOP_MASTER_KEY_FILE").filter(|file| !file.is_empty()) {
        return Ok(Some(KeySource::File(file.into())));
    }
    let Ok(text) = std::env::var("JMOP_MASTER_KEY") else { return Ok(None) };
    let key = MasterKey::parse(&text)
        .context("JMOP_MASTER_KEY is not 32 bytes in base64; make one with `openssl rand -base64 32`")?;
    Ok(Some(KeySource::given(key)))
}
