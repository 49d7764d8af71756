//! What a person can send to somebody who helps: how things stand, the settings, the last events, and no names in any of it.

use std::collections::HashMap;

use model::ports::EventQuery;
use serde::Serialize;
use serde_json::{Value, json};
use ts_rs::TS;

use super::answers::EventRow;
use super::requests::Empty;
use super::{Api, ApiError};

/// Events that go into it.
const EVENTS: u32 = 500;

#[derive(Debug, Clone, Serialize, TS)]
pub struct SupportBundle {
    /// Name for the whole.
    pub name: String,
    pub files: Vec<BundleFile>,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct BundleFile {
    pub name: String,
    pub text: String,
}

/// Names of people, each replaced by a number that stays the same within one bundle.
#[derive(Default)]
struct Pseudonyms(HashMap<(String, String), usize>);

// === impl Api ===

impl Api {
    pub(super) async fn support_bundle(&self, _: Empty) -> Result<SupportBundle, ApiError> {
        let status = self.status_now().await;
        let name = format!("just-mcp-oauth-proxy-{}-{}", status.version, status.now / 1000);
        let mut status = serde_json::to_value(&status).expect("a status is plain");
        let about = json!({ "os": std::env::consts::OS, "arch": std::env::consts::ARCH });
        status["system"] = about;
        let drafted = self.0.drafted().await.draft;
        let problems: Vec<String> =
            drafted.validate().err().unwrap_or_default().iter().map(ToString::to_string).collect();
        let files = vec![
            file("status.json", pretty(&status)),
            file("settings.txt", drafted.to_string()),
            file("problems.txt", problems.join("\n")),
            file("events.ndjson", self.events_without_names().await?),
        ];
        let home = std::env::home_dir().map(|home| home.display().to_string()).filter(|home| home.len() > 1);
        let files = files.into_iter().map(|file| match &home {
            // Folders are named after people.
            Some(home) => {
                // In JSON a backslash is written twice.
                let text = file.text.replace(home.as_str(), "~").replace(&home.replace('\\', "\\\\"), "~");
                BundleFile { text, ..file }
            }
            None => file,
        });
        Ok(SupportBundle { name, files: files.collect() })
    }

    /// Nothing if the engine does not run: then the status is what helps.
    async fn events_without_names(&self) -> Result<String, ApiError> {
        let Ok(live) = self.live() else { return Ok(String::new()) };
        let query = EventQuery { limit: EVENTS, ..EventQuery::default() };
        let mut people = Pseudonyms::default();
        let lines = live.store.list_events(&query).await?.into_iter().map(|event| {
            let row = serde_json::to_value(EventRow::from(event)).expect("rows are plain");
            people.hide(row).to_string()
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }
}

// === impl Pseudonyms ===

impl Pseudonyms {
    fn hide(&mut self, mut row: Value) -> Value {
        let Some(person) = row.get_mut("person").filter(|person| !person.is_null()) else { return row };
        let text = |key: &str| person[key].as_str().unwrap_or_default().to_owned();
        let next = self.0.len() + 1;
        let number = *self.0.entry((text("tenant"), text("object"))).or_insert(next);
        let mut names = vec![text("name"), text("username"), text("object")];
        *person = json!(format!("person {number}"));
        // Sentences of the row may have them too, the longer ones first.
        names.retain(|name| !name.is_empty());
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        replace(&mut row, &names, &format!("person {number}"));
        row
    }
}

fn replace(value: &mut Value, names: &[String], by: &str) {
    match value {
        Value::String(text) => {
            for name in names {
                if text.contains(name.as_str()) {
                    *text = text.replace(name.as_str(), by);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, names, by)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, names, by)),
        _ => {}
    }
}

fn file(name: &str, text: String) -> BundleFile {
    BundleFile { name: name.to_owned(), text }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_the_same_number_everywhere_and_never_named() {
        let row = |object: &str, name: &str| {
            json!({
                "person": { "object": object, "tenant": "t", "name": name, "username": "ada@x.example", "guest": false },
                "summary": format!("Connected as {name}"),
                "details": { "note": "ada@x.example" },
            })
        };
        let mut people = Pseudonyms::default();
        let first = people.hide(row("oid-ada", "Ada L"));
        assert_eq!(first["person"], "person 1");
        assert_eq!(first["summary"], "Connected as person 1");
        assert_eq!(first["details"]["note"], "person 1");
        assert_eq!(people.hide(row("oid-ben", "Ben K"))["person"], "person 2");
        assert_eq!(people.hide(row("oid-ada", "Ada L"))["person"], "person 1");
        assert_eq!(people.hide(json!({ "person": null, "step": "token" }))["step"], "token");
    }
}
