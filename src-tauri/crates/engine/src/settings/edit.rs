//! Changes single settings in the text of a settings file. Whatever else a person wrote there stays: order, comments, white
//! space.

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::fields::{Exposure, Key, Shape};
use super::file::is_separator;

/// The text with `changes` made. An empty text takes the setting out, so that its default counts again; secrets are never
/// written.
///
/// # Errors
/// The reason, if the text is not TOML or is laid out so that a setting cannot be placed.
pub fn edited<'a>(
    text: &str,
    changes: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<String, String> {
    let mut document: DocumentMut = text
        .trim_start_matches('\u{feff}')
        .parse()
        .map_err(|error: toml_edit::TomlError| format!("the file is not valid TOML: {}", error.message()))?;
    for (name, typed) in changes {
        let Some(key) = Key::parse(name) else { continue };
        if key.field().exposure == Exposure::Secret {
            continue;
        }
        let (section, name) = key.parts();
        let Some(table) = section_of(&mut document, section, key.client(), !typed.is_empty())? else {
            continue;
        };
        if typed.is_empty() {
            table.remove(name);
        } else {
            put(table, name, value(key.field().shape, typed));
        }
    }
    Ok(document.to_string())
}

/// The table a setting stands in, made if `make`.
fn section_of<'a>(
    document: &'a mut DocumentMut,
    section: &str,
    client: Option<usize>,
    make: bool,
) -> Result<Option<&'a mut Table>, String> {
    let not_a_table =
        || format!("`{section}` in the file is not a table of its own; write it as `[{section}]`");
    if let Some(number) = client {
        let item = document.entry("client").or_insert(Item::ArrayOfTables(toml_edit::ArrayOfTables::new()));
        let tables = item.as_array_of_tables_mut().ok_or_else(not_a_table)?;
        while make && tables.len() < number {
            tables.push(Table::new());
        }
        return Ok(tables.get_mut(number - 1));
    }
    if !make && !document.contains_key(section) {
        return Ok(None);
    }
    let item = document.entry(section).or_insert(Item::Table(Table::new()));
    item.as_table_mut().map(Some).ok_or_else(not_a_table)
}

/// In place, so that what a person wrote around it stays.
fn put(table: &mut Table, name: &str, mut value: Value) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => drop(table.insert(name, Item::Value(value))),
    }
}

fn value(shape: Shape, text: &str) -> Value {
    match shape {
        Shape::Flag if text == "true" || text == "false" => Value::from(text == "true"),
        Shape::Number => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Shape::List => {
            Value::from(text.split(is_separator).filter(|item| !item.is_empty()).collect::<Array>())
        }
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::SettingsDraft;

    const FILE: &str =
        "# ours\n[server]\nlisten = \"127.0.0.1:4242\" # do not change\n\n[entra]\ntenant = \"old\"\n";

    #[test]
    fn only_what_changed_changes() {
        let text = edited(
            FILE,
            [("entra.tenant", "new"), ("server.cors_origins", "https://a.example https://b.example")],
        );
        assert_eq!(
            text.unwrap(),
            "# ours\n[server]\nlisten = \"127.0.0.1:4242\" # do not change\ncors_origins = [\"https://a.example\", \
             \"https://b.example\"]\n\n[entra]\ntenant = \"new\"\n"
        );
    }

    #[test]
    fn an_empty_text_takes_a_setting_out_and_keeps_the_comment_of_its_neighbour() {
        let text = edited(FILE, [("entra.tenant", ""), ("practice.listen", "")]).unwrap();
        assert!(!text.contains("tenant") && !text.contains("practice"), "{text}");
        assert!(text.contains("# do not change"));
    }

    #[test]
    fn what_was_written_reads_back() {
        let changes = [
            ("server.paused", "true"),
            ("storage.events", "5000"),
            ("entra.required_scopes", "read write"),
            ("entra.tenant", "a \"quoted\" text"),
            ("client.2.name", "Second"),
        ];
        let text = edited("", changes).unwrap();
        let draft = SettingsDraft::from_toml(&text, Path::new("x"));
        assert!(draft.problems().is_empty(), "{text}\n{:?}", draft.problems());
        for (key, typed) in changes {
            assert_eq!(draft.plain_text(key), Some(typed), "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_written_and_a_broken_file_never_overwritten() {
        assert_eq!(edited("", [("entra.client_secret", "x~y")]).unwrap(), "");
        assert!(edited("[server\n", [("entra.tenant", "x")]).unwrap_err().contains("not valid TOML"));
        assert!(edited("server = 3\n", [("server.listen", "x")]).unwrap_err().contains("[server]"));
    }
}
