//! What a person sets, from the text they typed to [`model::settings::Settings`].
//!
//! A [`SettingsDraft`] holds texts and where each came from; layers are overlaid (file, environment, command line,
//! window) and [`SettingsDraft::validate`] gives settings or every problem at once. Nothing here talks to the
//! network: whether the directory knows the application is the online check's question.

mod dotenv;
mod draft;
mod edit;
mod environment;
mod fields;
mod file;
mod legacy;
mod problem;
mod suggest;
mod validate;

use std::path::PathBuf;

pub use draft::{Row, SettingsDraft};
pub use edit::edited;
pub use environment::OTHER_VARIABLES;
pub(crate) use fields::AUTHORITY;
pub use fields::{Exposure, FIELDS, Field, Shape, fields_markdown};
pub use problem::{Problem, Source};
pub(crate) use validate::certificates_of;

/// Where `settings.toml` lives unless a person says otherwise; `None` where the platform names no home folder.
pub fn default_file() -> Option<PathBuf> {
    platform_folders().map(|folders| folders.config_dir().join("settings.toml"))
}

/// Where everything is kept unless a person says otherwise; `None` where the platform names no home folder.
pub fn default_data_dir() -> Option<PathBuf> {
    platform_folders().map(|folders| folders.data_dir().to_owned())
}

fn platform_folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "just-mcp-oauth-proxy")
}

#[cfg(test)]
mod tests;
