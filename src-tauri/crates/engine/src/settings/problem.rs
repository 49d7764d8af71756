//! What is wrong with a setting, for the person who typed it. Never quotes a secret.

use std::fmt;

use serde::Serialize;

/// One thing to mend. Prints as one readable paragraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
pub struct Problem {
    /// Dotted key; as typed where no such key exists; empty where a whole file is meant.
    pub field: String,
    /// Kebab case, stable: what a form may branch on.
    pub code: &'static str,
    /// What is wrong. No full stop.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// Where the text came from.
    pub source: Source,
}

/// Where the text of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(tag = "is", rename_all = "snake_case")]
#[ts(rename = "SettingSource")]
pub enum Source {
    Default,
    /// `line` counts from 1.
    File {
        path: String,
        line: Option<usize>,
    },
    Environment {
        variable: String,
    },
    CommandLine {
        flag: String,
    },
    Window,
    /// Sealed in the data folder.
    Vault,
}

impl Source {
    /// Which of two sources a person meant more: what is nearer to the start of the program wins.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            // Both were typed in by hand.
            Self::File { .. } | Self::Vault => 1,
            Self::Environment { .. } => 2,
            Self::CommandLine { .. } => 3,
            Self::Window => 4,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: Some(line) } => write!(f, "{path}, line {line}"),
            Self::File { path, line: None } => f.write_str(path),
            Self::Environment { variable } => write!(f, "from {variable}"),
            Self::CommandLine { flag } => write!(f, "from {flag}"),
            Self::Window => f.write_str("from the window"),
            Self::Vault => f.write_str("kept sealed"),
        }
    }
}

impl Problem {
    /// Field and message on one line.
    pub fn brief(&self) -> String {
        if self.field.is_empty() { self.message.clone() } else { format!("{}: {}", self.field, self.message) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: ", self.source)?;
        } else {
            write!(f, "{} ({}): ", self.field, self.source)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ". hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A text as a message may quote it: in backticks, on one line, short, and without what could be a credential.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", presentable(text))
}

/// Like [`quoted`], without the backticks.
pub(super) fn presentable(text: &str) -> String {
    if text.split(|c: char| c.is_whitespace() || c == ',').any(looks_like_secret) {
        return "[looks like a secret]".to_owned();
    }
    let plain = without_user_info(text);
    let mut out: String = plain.chars().take(80).flat_map(char::escape_debug).collect();
    if plain.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// The Value of an Entra client secret has about 40 characters with a tilde among them; our own secrets and codes
/// start with `jm` and a letter. A person pastes either into the wrong field sooner or later.
fn looks_like_secret(word: &str) -> bool {
    let secret_alphabet = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    let entra = (30..=60).contains(&word.len()) && word.contains('~') && word.bytes().all(secret_alphabet);
    let ours =
        word.len() >= 40 && ["jmc_", "jmr_", "jms_", "jmb_", "jmt_"].iter().any(|p| word.starts_with(p));
    entra || ours
}

/// `scheme://user:password@host` keeps its scheme and host only.
fn without_user_info(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_one_paragraph() {
        let problem = Problem {
            field: "entra.tenant".into(),
            code: "not-a-tenant",
            message: format!("{} is not a directory id", quoted("abc def")),
            hint: Some("copy it from the Overview page".into()),
            source: Source::Environment { variable: "JMOP_ENTRA_TENANT".into() },
        };
        assert_eq!(
            problem.to_string(),
            "entra.tenant (from JMOP_ENTRA_TENANT): `abc def` is not a directory id. hint: copy it from the Overview page"
        );
        let whole = Problem {
            field: String::new(),
            hint: None,
            source: Source::File { path: "settings.toml".into(), line: Some(3) },
            ..problem
        };
        assert_eq!(whole.to_string(), "settings.toml, line 3: `abc def` is not a directory id");
    }

    #[test]
    fn what_could_be_a_credential_is_never_quoted() {
        for text in [
            "abC8Q~0123456789abcdefghijklmnopqrstuvwx",
            "read, abC8Q~0123456789abcdefghijklmnopqrstuvwx",
            "jms_0123456789012345678901234567890123456789abcd",
        ] {
            assert_eq!(presentable(text), "[looks like a secret]");
        }
        assert_eq!(presentable("postgres://ada:hunter2@db/x"), "postgres://…@db/x");
        assert_eq!(presentable("postgres://ada:hun@ter2@db/x?y=@"), "postgres://…@db/x?y=@");
        assert_eq!(presentable("a\nb"), "a\\nb");
        assert!(presentable(&"é".repeat(200)).chars().count() == 81);
    }
}
