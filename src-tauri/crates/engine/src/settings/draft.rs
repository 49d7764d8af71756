//! The texts as typed, each with where it came from, and the layers they form.
//!
//! A draft may hold anything; only [`SettingsDraft::validate`] judges. What could not even be read as a text for a
//! key (an unknown key, a syntax error) is kept as a problem and reported with the rest.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use model::{ExposeSecret as _, Secret};
use serde::Serialize;

use super::fields::{Exposure, FIELDS, Key, Shape};
use super::legacy::LocalAddress;
use super::problem::{Problem, Source, presentable};
use super::suggest::nearest;

/// What was typed, not yet judged. Later layers go over earlier ones with [`Self::overlay`].
#[derive(Debug, Clone, Default)]
pub struct SettingsDraft {
    entries: BTreeMap<Key, Entry>,
    /// Loopback addresses that variables of the replaced example claim for us.
    pub(super) local_addresses: Vec<LocalAddress>,
    problems: Vec<Problem>,
}

#[derive(Debug, Clone)]
struct Entry {
    text: Text,
    source: Source,
}

#[derive(Clone)]
enum Text {
    Plain(String),
    Secret(Secret),
}

/// One setting as a form shows it.
#[derive(Debug, Clone, Serialize, ts_rs::TS)]
pub struct Row {
    pub key: String,
    pub doc: &'static str,
    /// What counts when nothing is given.
    pub default: &'static str,
    pub shape: Shape,
    pub exposure: Exposure,
    /// Name in the environment.
    pub variable: String,
    /// What is given, or the default; `None` if it may not be shown.
    pub text: Option<String>,
    /// Whether a text other than the default is given; all a form may know of a secret.
    pub given: bool,
    pub source: Source,
}

// === impl SettingsDraft ===

impl SettingsDraft {
    /// What a person gave on the command line: key, text, and the flag it was given with.
    pub fn from_command_line<K, V, F>(given: impl IntoIterator<Item = (K, V, F)>) -> Self
    where
        K: AsRef<str>,
        V: Into<String>,
        F: Into<String>,
    {
        let mut draft = Self::default();
        for (key, text, flag) in given {
            draft.set(key.as_ref(), text.into(), Source::CommandLine { flag: flag.into() });
        }
        draft
    }

    /// What a person typed into the settings page. An empty text means the default again.
    pub fn from_window<K: AsRef<str>, V: Into<String>>(typed: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut draft = Self::default();
        for (key, text) in typed {
            draft.set(key.as_ref(), text.into(), Source::Window);
        }
        draft
    }

    /// Secrets the window sealed, or why they could not be opened.
    pub(crate) fn from_vault(opened: Result<BTreeMap<String, Secret>, String>) -> Self {
        let mut draft = Self::default();
        match opened {
            Ok(secrets) => {
                for (key, secret) in secrets {
                    draft.set(&key, secret.expose_secret().to_owned(), Source::Vault);
                }
            }
            Err(told) => {
                let (message, hint) = told.split_once("; ").unwrap_or((&told, "enter the secrets again"));
                draft.note(Problem {
                    field: String::new(),
                    code: "secrets-not-opened",
                    message: message.to_owned(),
                    hint: Some(hint.to_owned()),
                    source: Source::Vault,
                });
            }
        }
        draft
    }

    /// Of a settings file that is there and cannot be read.
    pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let mut draft = Self::default();
        draft.note(Problem {
            field: String::new(),
            code: "not-readable",
            message: format!("the settings file cannot be read: {error}"),
            hint: Some("check that it is a text file and yours to read".to_owned()),
            source: Source::File { path: file.display().to_string(), line: None },
        });
        draft
    }

    /// Sets one text. An unknown key, or a secret where none belongs, becomes a problem.
    pub fn set(&mut self, key: &str, text: String, source: Source) {
        match Key::parse(key) {
            Some(known) => self.put(known, text, source),
            None => self.note_unknown_key(key, source),
        }
    }

    /// `stronger` over `self`, text by text.
    pub fn overlay(mut self, stronger: Self) -> Self {
        self.entries.extend(stronger.entries);
        self.local_addresses.extend(stronger.local_addresses);
        self.problems.extend(stronger.problems);
        self
    }

    /// What could not be read; [`Self::validate`] reports it too.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The secret at `key`, wherever it came from, so that it can be sealed; `None` if there is none.
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        match &self.entries.get(&Key::parse(key)?)?.text {
            Text::Secret(secret) if !secret.expose_secret().is_empty() => Some(secret),
            _ => None,
        }
    }

    /// The text at `key` if one is given and it is no secret.
    pub(crate) fn plain_text(&self, key: &str) -> Option<&str> {
        match &self.entries.get(&Key::parse(key)?)?.text {
            Text::Plain(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Text::Secret(_) => None,
        }
    }

    /// Whether anything is given for `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        Key::parse(key).is_some_and(|key| self.contains(key))
    }

    /// The port of the replaced example's base URL, where that was on this computer.
    pub(crate) fn local_port(&self) -> Option<u16> {
        self.local_addresses.last().map(|address| address.port)
    }

    /// Every text that was given, secrets too, by key.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (String, Secret, Exposure)> {
        self.entries
            .iter()
            .map(|(key, entry)| (key.to_string(), Secret::from(entry.text.exposed()), key.field().exposure))
    }

    /// Every setting in the order of [`FIELDS`], then those of the configured clients.
    pub fn rows(&self) -> Vec<Row> {
        let numbers = self.client_numbers();
        let clients = numbers.iter().flat_map(|number| {
            FIELDS.iter().filter_map(move |field| {
                field
                    .key
                    .contains("<n>")
                    .then(|| Key::parse(&field.key.replace("<n>", &number.to_string())))?
            })
        });
        Key::singles().chain(clients).map(|key| self.row(key)).collect()
    }

    fn row(&self, key: Key) -> Row {
        let field = key.field();
        let shown = (field.exposure == Exposure::Plain).then(|| self.text(key).to_owned());
        Row {
            key: key.to_string(),
            doc: field.doc,
            default: field.default,
            shape: field.shape,
            exposure: field.exposure,
            variable: key.variable(),
            text: shown,
            given: self.is_given(key),
            source: self.source(key),
        }
    }
}

// === what the other files of this module need ===

impl SettingsDraft {
    pub(super) fn put(&mut self, key: Key, text: String, source: Source) {
        let exposure = key.field().exposure;
        if exposure == Exposure::Secret && matches!(source, Source::File { .. } | Source::CommandLine { .. })
        {
            self.note_exposed_secret(key, source);
            return;
        }
        let text = match exposure {
            Exposure::Plain => Text::Plain(text),
            Exposure::Hidden | Exposure::Secret => Text::Secret(Secret::from(text)),
        };
        self.entries.insert(key, Entry { text, source });
    }

    pub(super) fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn note_unknown_key(&mut self, key: &str, source: Source) {
        let number = key.strip_prefix("client.").and_then(|rest| rest.split('.').next()).unwrap_or("1");
        let known: Vec<String> = FIELDS.iter().map(|field| field.key.replace("<n>", number)).collect();
        let meant = nearest(key, known.iter().map(String::as_str));
        self.note(Problem {
            field: presentable(key),
            code: "unknown-key",
            message: "there is no such setting".to_owned(),
            hint: meant.map(|key| format!("did you mean `{}`?", presentable(key))),
            source,
        });
    }

    fn note_exposed_secret(&mut self, key: Key, source: Source) {
        let (code, message) = match source {
            Source::File { .. } => ("secret-in-file", "a secret does not belong in the settings file"),
            _ => ("secret-on-command-line", "everybody at this computer can read a command line"),
        };
        let file = format!("{key}_file");
        let or_file = match Key::parse(&file) {
            Some(_) => format!(", or into a file of its own named by `{file}`"),
            None => String::new(),
        };
        let hint = format!(
            "put it into the environment as `{}`{or_file}; if others could read it, create a new one",
            key.variable()
        );
        self.note(Problem {
            field: key.to_string(),
            code,
            message: message.to_owned(),
            hint: Some(hint),
            source,
        });
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.entries.contains_key(&key)
    }

    /// The text, secret or not, as typed; the default where it is empty or missing.
    pub(super) fn text(&self, key: Key) -> &str {
        let typed = self.entries.get(&key).map_or("", |entry| entry.text.exposed());
        if typed.is_empty() { key.field().default } else { typed }
    }

    pub(super) fn is_given(&self, key: Key) -> bool {
        self.entries.get(&key).is_some_and(|entry| !entry.text.exposed().trim().is_empty())
    }

    pub(super) fn source(&self, key: Key) -> Source {
        self.entries.get(&key).map_or(Source::Default, |entry| entry.source.clone())
    }

    /// What was typed and may be kept in a file, in the order of the keys.
    pub(super) fn keepable(&self) -> impl Iterator<Item = (Key, &str)> {
        self.entries
            .iter()
            .filter(|(key, _)| key.field().exposure != Exposure::Secret)
            .map(|(key, entry)| (*key, entry.text.exposed()))
    }

    /// Numbers of the configured clients, ascending.
    pub(super) fn client_numbers(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.entries.keys().filter_map(|key| key.client()).collect();
        numbers.dedup();
        numbers
    }
}

impl fmt::Display for SettingsDraft {
    /// One line for each text that was given; secrets are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = String::new();
        for (key, entry) in &self.entries {
            writeln!(lines, "{key} = {:?} ({})", entry.text, entry.source)?;
        }
        f.write_str(&lines)
    }
}

// === impl Text ===

impl Text {
    fn exposed(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => write!(f, "\"{}\"", presentable(text)),
            Self::Secret(_) => f.write_str("[redacted]"),
        }
    }
}
