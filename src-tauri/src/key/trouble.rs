//! What a person reads when there is no master key, and what to do about it.

use std::io;
use std::path::Path;

use engine::KeyTrouble;
use keyring_core::Error;
use store::KeyFileError;

const TRY_OTHERS: &str = "or keep the key in a file or under a passphrase instead";

pub(super) fn trouble(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> KeyTrouble {
    KeyTrouble { code, message: message.into(), hint: hint.into() }
}

/// Told apart by what a person can do; the platform's own words are for the log.
pub(super) fn of_keyring(error: &Error) -> KeyTrouble {
    tracing::warn!(error = kind(error), "the keyring did not give the master key");
    match error {
        Error::NoStorageAccess(source) if is_denied(&source.to_string()) => trouble(
            "keyring_denied",
            "the keyring refused access to the master key",
            format!("allow Just MCP OAuth Proxy in the keyring's own settings and start again, {TRY_OTHERS}"),
        ),
        Error::NoStorageAccess(_) => locked(),
        Error::NoEntry => missing(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => malformed(),
        Error::Ambiguous(_) => trouble(
            "key_ambiguous",
            "the keyring has more than one master key for this data folder",
            "remove all but the right one in the keyring's own program, then start again",
        ),
        Error::PlatformFailure(source) if is_missing_service(&source.to_string()) => no_service(),
        Error::NoDefaultStore => no_service(),
        _ => trouble(
            "keyring_failed",
            "the keyring answered with an error",
            format!("look at the log for its reason and start again, {TRY_OTHERS}"),
        ),
    }
}

pub(super) fn no_service() -> KeyTrouble {
    trouble(
        "keyring_missing",
        "no keyring is running in this desktop session",
        format!("install or start one, such as GNOME Keyring or KWallet, {TRY_OTHERS}"),
    )
}

pub(super) fn locked() -> KeyTrouble {
    trouble("keyring_locked", "the keyring is locked", format!("unlock it and start again, {TRY_OTHERS}"))
}

pub(super) fn slow() -> KeyTrouble {
    trouble(
        "keyring_slow",
        "the keyring did not answer within 5 seconds",
        format!("if it asks for its password, answer it and start again, {TRY_OTHERS}"),
    )
}

pub(super) fn missing() -> KeyTrouble {
    trouble(
        "key_missing",
        "the master key is not in the keyring, and the data cannot be read without it",
        "log in as the user who started this first or restore the keyring from a backup; to start afresh, move the data folder away",
    )
}

pub(super) fn malformed() -> KeyTrouble {
    trouble(
        "key_malformed",
        "the entry in the keyring is not a master key of ours",
        "restore the keyring from a backup; to start afresh, remove the entry and move the data folder away",
    )
}

pub(super) fn in_file(error: &KeyFileError) -> KeyTrouble {
    let code = match error {
        KeyFileError::Missing { .. } => "key_file_missing",
        KeyFileError::Exposed { .. } => "key_file_exposed",
        KeyFileError::Malformed { .. } => "key_file_malformed",
        KeyFileError::Io { .. } => "key_file_failed",
    };
    // These say what happened, a semicolon, and what to do.
    let text = error.to_string();
    let (message, hint) = text.split_once("; ").unwrap_or((&text, "start again when that is mended"));
    trouble(code, message, hint)
}

pub(super) fn other_key_file(path: &Path) -> KeyTrouble {
    trouble(
        "key_file_taken",
        format!("`{}` already holds another master key", path.display()),
        "move that file away, then choose the key file again",
    )
}

pub(super) fn out_of_reach() -> KeyTrouble {
    trouble(
        "key_out_of_reach",
        "the master key that opens the data cannot be read, so it cannot be moved",
        "make the place where it is available again first; to start afresh, move the data folder away",
    )
}

pub(super) fn passphrase_needed() -> KeyTrouble {
    trouble("passphrase_needed", "the master key is under a passphrase", "enter the passphrase to start")
}

pub(super) fn not_written(what: &str, error: &io::Error) -> KeyTrouble {
    trouble(
        "not_written",
        format!("{what} could not be written: {error}"),
        "check that the disk has room and the folder is yours, then try again",
    )
}

pub(super) fn no_folder() -> KeyTrouble {
    trouble(
        "no_data_folder",
        "the data folder is not known, because the settings do not read",
        "mend the settings, then start again",
    )
}

fn is_denied(text: &str) -> bool {
    ["denied", "not allowed"].iter().any(|word| text.to_ascii_lowercase().contains(word))
}

/// No bus, or nobody on it who keeps secrets. D-Bus has names for these errors, but the store passes them on as text.
fn is_missing_service(text: &str) -> bool {
    ["ServiceUnknown", "NotFound", "not found", "No such file", "NameHasNoOwner", "unix:path", "Spawn"]
        .iter()
        .any(|word| text.contains(word))
}

/// The kind alone: what comes with it may be bytes of an entry.
fn kind(error: &Error) -> String {
    match error {
        Error::PlatformFailure(source) | Error::NoStorageAccess(source) => source.to_string(),
        Error::BadEncoding(_) => "not text".to_owned(),
        Error::BadDataFormat(..) => "not readable".to_owned(),
        other => other.to_string(),
    }
}
