//! Where things are kept, and how much of them.

use std::path::{Path, PathBuf};

use model::ports::Bounds;
use model::settings::{Database, StorageSettings};

use super::{Check, Read};
use crate::settings::platform_folders;
use crate::settings::problem::quoted;

pub(super) fn read(check: &mut Check<'_>) -> Read<StorageSettings> {
    let data_dir = data_dir(check);
    let database = database(check, data_dir.as_deref().unwrap_or(Path::new("")));
    let unapproved_clients = number(check, "storage.unapproved_clients", 10_000_000);
    let open_grants = number(check, "storage.open_grants", 10_000_000);
    let events = number(check, "storage.events", 100_000_000);
    let event_days = number(check, "storage.event_days", 3_650);
    let bounds = Bounds {
        unapproved_clients: unapproved_clients?,
        open_grants: open_grants?,
        events: events?,
        event_days: event_days?,
        ..Bounds::default()
    };
    Ok(StorageSettings { data_dir: data_dir?, database: database?, bounds })
}

fn data_dir(check: &mut Check<'_>) -> Read<PathBuf> {
    let key = "storage.data_dir";
    let text = check.text(key);
    if text.is_empty() {
        return platform_folders().map(|folders| folders.data_dir().to_owned()).ok_or_else(|| {
            let message = "this system names no home folder to keep data in";
            check.refuse(
                key,
                "missing",
                message,
                "name a folder, for example `/var/lib/just-mcp-oauth-proxy`",
            )
        });
    }
    examined_path(check, key, text)
}

fn database(check: &mut Check<'_>, data_dir: &Path) -> Read<Database> {
    let key = "storage.database_url";
    let text = check.text(key);
    if text.is_empty() {
        return Ok(Database::Sqlite(data_dir.join("proxy.db")));
    }
    if matches!(text, "memory" | "sqlite::memory:" | "sqlite://:memory:") {
        return Ok(Database::Memory);
    }
    // The URL of a database server holds its password, so only the scheme is ever quoted.
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.contains('?') {
                let message = "the URL names no file, or has a query";
                return Err(check.refuse(
                    key,
                    "not-a-database",
                    message,
                    "write `sqlite:` and the path of the file",
                ));
            }
            examined_path(check, key, path).map(|path| Database::Sqlite(data_dir.join(path)))
        }
        "postgres" | "postgresql" => {
            let hint = "leave `storage.database_url` out to keep everything in a SQLite file";
            Err(check.refuse(key, "not-available", "PostgreSQL is not available yet", hint))
        }
        _ => {
            let message = "the text does not begin with `sqlite:`";
            Err(check.refuse(
                key,
                "not-a-database",
                message,
                "write `sqlite:` and the path of the file, or `memory`",
            ))
        }
    }
}

fn examined_path(check: &mut Check<'_>, key: &str, text: &str) -> Read<PathBuf> {
    if text.contains(char::is_control) {
        let message = format!("{} has a control character in it", quoted(text));
        return Err(check.refuse(key, "not-a-path", message, "write the path without line breaks"));
    }
    if text == "~" || text.starts_with("~/") {
        let message = format!("{} begins with `~`, which only a shell understands", quoted(text));
        return Err(check.refuse(key, "not-a-path", message, "write the path of the home folder in full"));
    }
    Ok(PathBuf::from(text))
}

fn number(check: &mut Check<'_>, key: &str, most: u32) -> Read<u32> {
    let text = check.text(key);
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| {
        let message = format!("{} is not a number from 1 to {most}", quoted(text));
        check.refuse(key, "not-a-number", message, "write digits only")
    })
}
