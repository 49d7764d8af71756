//! Settings from environment variables: our own names, and those of the replaced example.
//!
//! Does not read the process environment itself; variables are handed in.

use super::draft::SettingsDraft;
use super::fields::{FIELDS, Key, Shape};
use super::legacy;
use super::problem::{Problem, Source};
use super::suggest::nearest;

/// Variables that begin with `JMOP_` and are read elsewhere, with what they mean.
pub const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("JMOP_MASTER_KEY", "The master key, 32 bytes in base64, for servers without a keyring."),
    ("JMOP_MASTER_KEY_FILE", "File that holds the master key."),
    ("JMOP_LOG", "What to log, as a filter such as `info,authserver=debug`."),
    ("JMOP_CONFIG", "Path of the settings file."),
];

impl SettingsDraft {
    /// Takes our own variables and those of the replaced example, ignores the rest. An empty variable counts as not
    /// set; where both names of one setting are given, ours wins.
    pub fn from_env<N: AsRef<str>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut draft = Self::default();
        let mut inherited = Vec::new();
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), value.into());
            if value.trim().is_empty() || OTHER_VARIABLES.iter().any(|(other, _)| *other == name) {
                continue;
            }
            let source = Source::Environment { variable: name.to_owned() };
            if let Some(key) = Key::from_legacy(name) {
                inherited.push((key, value, source));
            } else if let Some(key) = Key::from_variable(name) {
                draft.put(key, listed(key, value), source);
            } else if name.starts_with("JMOP_") {
                draft.note_unknown_variable(name, source);
            }
        }
        for (key, value, source) in inherited {
            legacy::take(&mut draft, key, listed(key, value), source);
        }
        draft
    }

    fn note_unknown_variable(&mut self, name: &str, source: Source) {
        let known: Vec<String> = FIELDS
            .iter()
            .map(super::fields::Field::variable)
            .chain(OTHER_VARIABLES.iter().map(|(name, _)| (*name).to_owned()))
            .collect();
        let meant = nearest(name, known.iter().map(String::as_str));
        self.note(Problem {
            field: name.to_owned(),
            code: "unknown-variable",
            message: "no setting has this name".to_owned(),
            hint: meant.map(|name| format!("did you mean `{name}`?")),
            source,
        });
    }
}

/// Lists may come as a JSON array, which the replaced example took too.
fn listed(key: Key, value: String) -> String {
    if key.field().shape == Shape::List
        && value.trim_start().starts_with('[')
        && let Ok(items) = serde_json::from_str::<Vec<String>>(&value)
    {
        return items.join(" ");
    }
    value
}
