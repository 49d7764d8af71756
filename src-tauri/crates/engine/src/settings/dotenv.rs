//! Reads `.env` files: `KEY=VALUE` lines, quotes, comments, `export`.
//!
//! Deliberately small: nothing is expanded, and a quoted value ends on its line. A message names a line, never what
//! stands on it, since that may be a secret.

use super::draft::SettingsDraft;
use super::fields::Key;
use super::problem::{Problem, Source, presentable};

impl SettingsDraft {
    /// Takes the lines of a `.env` file as [`Self::from_env`] takes variables; the last of two equal names counts.
    pub fn from_dotenv(text: &str) -> Self {
        let mut variables = Vec::new();
        let mut problems = Vec::new();
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            match parse_line(line) {
                Ok(Some((name, value))) => {
                    variables.retain(|(earlier, _): &(&str, String)| *earlier != name);
                    variables.push((name, value));
                }
                Ok(None) => {}
                Err(message) => problems.push(Problem {
                    field: String::new(),
                    code: "dotenv-syntax",
                    message: message.to_owned(),
                    hint: Some("write one `KEY=VALUE` on each line".to_owned()),
                    source: Source::File { path: ".env".to_owned(), line: Some(at + 1) },
                }),
            }
        }
        let mut draft = Self::from_env(variables);
        for problem in problems {
            draft.note(problem);
        }
        draft
    }

    /// Names in a `.env` file that are neither ours nor the replaced example's.
    pub(crate) fn foreign_names(text: &str) -> Vec<String> {
        let names = text.trim_start_matches('\u{feff}').lines().filter_map(|line| parse_line(line).ok()?);
        let ours = |name: &str| {
            name.starts_with("JMOP_")
                || Key::from_legacy(name).is_some()
                || Key::from_variable(name).is_some()
        };
        names.map(|(name, _)| presentable(name)).filter(|name| !ours(name)).collect()
    }
}

fn parse_line(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("the line has no `=`")?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err("what stands before `=` is not the name of a variable");
    }
    Ok(Some((name, parse_value(value.trim())?)))
}

fn parse_value(text: &str) -> Result<String, &'static str> {
    match text.chars().next() {
        Some('\'') => {
            let (value, rest) = text[1..].split_once('\'').ok_or(UNCLOSED)?;
            nothing_after(rest).map(|()| value.to_owned())
        }
        Some('"') => double_quoted(&text[1..]),
        Some('#') => Ok(String::new()),
        _ => Ok(text
            .find(" #")
            .or_else(|| text.find("\t#"))
            .map_or(text, |end| &text[..end])
            .trim_end()
            .to_owned()),
    }
}

const UNCLOSED: &str = "a quote is not closed";

fn double_quoted(text: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return nothing_after(chars.as_str()).map(|()| value),
            '\\' => match chars.next().ok_or(UNCLOSED)? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '\'') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    Err(UNCLOSED)
}

fn nothing_after(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("something follows the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_shells_and_compose_files_write_them() {
        for (line, name, value) in [
            ("A=b", "A", "b"),
            ("  export A = b c  # comment", "A", "b c"),
            ("A=b#c", "A", "b#c"),
            ("A=\t# nothing", "A", ""),
            ("A='b # \\n c' # comment", "A", "b # \\n c"),
            (r#"A="b \"q\" \\ \n # c""#, "A", "b \"q\" \\ \n # c"),
            (r#"A="C:\dir""#, "A", r"C:\dir"),
            ("A=", "A", ""),
            ("A=b=c", "A", "b=c"),
        ] {
            assert_eq!(parse_line(line), Ok(Some((name, value.to_owned()))), "{line}");
        }
        for line in ["", "   ", "# A=b"] {
            assert_eq!(parse_line(line), Ok(None), "{line}");
        }
        for line in ["A", "=b", "A B=c", "A='b", "A=\"b", "A=\"b\\", "A='b'c", "A=\"b\" c"] {
            assert!(parse_line(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_broken_line_is_named_by_number_and_never_quoted() {
        let draft = SettingsDraft::from_dotenv("A=b\nhunter2-without-a-name\n");
        let [problem] = draft.problems() else { panic!("{draft:?}") };
        assert_eq!(
            problem.to_string(),
            ".env, line 2: the line has no `=`. hint: write one `KEY=VALUE` on each line"
        );
        assert!(!format!("{draft:?}").contains("hunter2"));
    }
}
