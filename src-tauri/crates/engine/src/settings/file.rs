//! The settings file: TOML in, TOML out.
//!
//! Every value may be written as a string; numbers, `true`/`false` and arrays of strings are taken where they read
//! better. Line numbers are kept for the messages. A value is never quoted when its key is wrong: it may be a secret.

use std::fmt::Write as _;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::draft::SettingsDraft;
use super::fields::{Key, MAX_CLIENTS, Shape};
use super::problem::{Problem, Source, presentable};

impl SettingsDraft {
    /// Reads the text of a settings file; `path` is for messages only.
    pub fn from_toml(text: &str, path: &Path) -> Self {
        let mut reader = Reader { text, path: path.display().to_string(), draft: Self::default() };
        let (document, errors) = DeTable::parse_recoverable(text.trim_start_matches('\u{feff}'));
        if errors.is_empty() {
            reader.read_document(document.get_ref());
        } else {
            // A half-understood file would raise problems that are not there.
            for error in errors {
                let message = format!("the file is not valid TOML: {}", error.message());
                let at = error.span().map(|span| span.start);
                let hint = "look for a missing bracket or quote on that line";
                reader.note("", "not-toml", message, Some(hint), at);
            }
        }
        reader.draft
    }

    /// The file that [`Self::from_toml`] reads to the same texts. Secrets are left out.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        let (mut section, mut clients) = ("", 0);
        for (key, text) in self.keepable() {
            let (its_section, name) = key.parts();
            match key.client() {
                // A number nobody uses becomes an empty table, so that the others keep theirs.
                Some(number) => {
                    for _ in clients..number {
                        out.push_str("\n[[client]]\n");
                    }
                    clients = number;
                }
                None if its_section != section => {
                    let gap = if out.is_empty() { "" } else { "\n" };
                    let _ = writeln!(out, "{gap}[{its_section}]");
                    section = its_section;
                }
                None => {}
            }
            let _ = writeln!(out, "{name} = {}", written(key.field().shape, text));
        }
        out
    }
}

struct Reader<'a> {
    text: &'a str,
    path: String,
    draft: SettingsDraft,
}

impl Reader<'_> {
    fn read_document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let at = name.span().start;
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("client", DeValue::Array(tables)) => self.read_clients(tables, at),
                ("client", _) => {
                    let hint = "write `[[client]]` above the settings of each client";
                    self.note(
                        "",
                        "not-a-table",
                        "`client` is not a list of tables".to_owned(),
                        Some(hint),
                        at.into(),
                    );
                }
                (section, DeValue::Table(table)) => self.read_section(section, table),
                (name, _) => {
                    let source = self.source(Some(at));
                    self.draft.note_unknown_key(name, source);
                }
            }
        }
    }

    fn read_clients(&mut self, tables: &[toml::Spanned<DeValue<'_>>], at: usize) {
        if tables.len() > MAX_CLIENTS {
            self.note(
                "",
                "too-many-clients",
                format!("more than {MAX_CLIENTS} clients are listed"),
                None,
                at.into(),
            );
        }
        for (number, table) in (1..=MAX_CLIENTS).zip(tables) {
            if let DeValue::Table(table) = table.get_ref() {
                self.read_section(&format!("client.{number}"), table);
            } else {
                let message = "an entry of `client` is not a table".to_owned();
                self.note("", "not-a-table", message, None, table.span().start.into());
            }
        }
    }

    fn read_section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let source = self.source(Some(name.span().start));
            let dotted = format!("{section}.{}", name.get_ref());
            let Some(key) = Key::parse(&dotted) else {
                self.draft.note_unknown_key(&dotted, source);
                continue;
            };
            match text_of(key.field().shape, value.get_ref()) {
                Ok(text) => self.draft.put(key, text, source),
                Err(message) => {
                    let at = Some(value.span().start);
                    self.note(&dotted, "wrong-type", message.to_owned(), None, at);
                }
            }
        }
    }

    fn note(
        &mut self,
        field: &str,
        code: &'static str,
        message: String,
        hint: Option<&str>,
        at: Option<usize>,
    ) {
        let source = self.source(at);
        self.draft.note(Problem {
            field: presentable(field),
            code,
            message,
            hint: hint.map(str::to_owned),
            source,
        });
    }

    fn source(&self, at: Option<usize>) -> Source {
        let line = at.map(|at| {
            let end = self.text.floor_char_boundary(at);
            self.text[..end].matches('\n').count() + 1
        });
        Source::File { path: self.path.clone(), line }
    }
}

fn text_of(shape: Shape, value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Array(items) if shape == Shape::List => {
            let items: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            let items = items.ok_or("the array holds something other than strings")?;
            if items.iter().any(|item| item.contains(is_separator)) {
                return Err("an entry of the array has a space or a comma in it");
            }
            Ok(items.join(" "))
        }
        DeValue::Array(_) => Err("a single text belongs here, not an array"),
        _ => Err("a text belongs here"),
    }
}

/// Between the items of a list.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// The text in the way that reads best and still reads back to the very same text.
fn written(shape: Shape, text: &str) -> String {
    match shape {
        Shape::Flag if matches!(text, "true" | "false") => text.to_owned(),
        Shape::Number if text.parse::<u32>().is_ok_and(|number| number.to_string() == text) => {
            text.to_owned()
        }
        Shape::List => {
            let items: Vec<&str> = text.split(is_separator).filter(|item| !item.is_empty()).collect();
            if items.join(" ") != text {
                return string(text);
            }
            format!("[{}]", items.into_iter().map(string).collect::<Vec<_>>().join(", "))
        }
        _ => string(text),
    }
}

/// A basic string of TOML 1.0.
fn string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
