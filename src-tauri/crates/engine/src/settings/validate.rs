//! From a draft to settings, or to every problem at once.
//!
//! Each part is read to the end even when another has a problem already. The only IO is reading the files that settings
//! name: client secret, certificate, federated token.

mod access;
mod addresses;
mod clients;
mod credential;
mod elsewhere;
mod entra;
mod pfx;
mod scopes;
mod server;
mod storage;
mod tools;
mod tunnel;

use model::settings::{Identity, PracticeSettings, Settings};
use url::Url;

pub(crate) use credential::certificates_of;

use super::draft::SettingsDraft;
use super::fields::{Exposure, Key};
use super::file::is_separator;
use super::problem::{Problem, Source, quoted};
use addresses::Addresses;

impl SettingsDraft {
    /// Judges the whole draft. The error lists all problems, and is never empty.
    pub fn validate(&self) -> Result<Settings, Vec<Problem>> {
        let mut check = Check { draft: self, problems: self.problems().to_vec() };
        let practice = practice_is_on(&mut check);
        let addresses = Addresses::read(&mut check, practice == Ok(true));
        let server = server::read(&mut check, &addresses);
        let identity = identity(&mut check, practice, &addresses);
        let storage = storage::read(&mut check);
        let scope = match &identity {
            Ok(Identity::Entra(entra)) => entra.required_scopes.clone(),
            _ => scopes::of_practice(),
        };
        let clients = clients::read(&mut check, &scope);
        let client_rules = clients::rules(&mut check);
        let tunnel = tunnel::read(&mut check);
        let access = access::read(&mut check, identity.as_ref().ok());
        let tools = tools::read(&mut check, identity.as_ref().ok());
        match (server, identity, access, tools, storage, clients, client_rules, tunnel) {
            (
                Ok(server),
                Ok(identity),
                Ok(access),
                Ok(tools),
                Ok(storage),
                Ok(clients),
                Ok(client_rules),
                Ok(tunnel),
            ) if check.problems.is_empty() => {
                Ok(Settings { server, identity, access, tools, storage, tunnel, clients, client_rules })
            }
            _ => Err(check.problems),
        }
    }

    /// The sign-in host by itself, which a registration needs before there is the rest.
    pub(crate) fn authority(&self) -> Result<Url, Vec<Problem>> {
        let mut check = Check { draft: self, problems: Vec::new() };
        entra::authority(&mut check).map_err(|Noted| check.problems)
    }
}

/// A value, or the fact that what stands in its way has been noted.
type Read<T> = Result<T, Noted>;

/// A problem was noted in the [`Check`]; there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Noted;

/// The draft under examination and what was found so far.
struct Check<'a> {
    draft: &'a SettingsDraft,
    problems: Vec<Problem>,
}

// === impl Check ===

impl<'a> Check<'a> {
    /// The text without white space around it; the default where nothing is given.
    fn text(&self, key: &str) -> &'a str {
        let key = known(key);
        let text = self.draft.text(key).trim();
        if text.is_empty() { key.field().default } else { text }
    }

    /// The items of a list.
    fn items(&self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text(key).split(is_separator).filter(|item| !item.is_empty())
    }

    fn is_given(&self, key: &str) -> bool {
        self.draft.is_given(known(key))
    }

    fn source(&self, key: &str) -> Source {
        self.draft.source(known(key))
    }

    /// Notes a problem; the message says what is wrong, the hint what to do next.
    fn refuse(
        &mut self,
        key: &str,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Noted {
        let source = self.source(key);
        self.refuse_from(key, source, code, message, hint)
    }

    /// Like [`Self::refuse`], where the text at fault did not come from where the setting came from.
    fn refuse_from(
        &mut self,
        key: &str,
        source: Source,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Noted {
        let problem =
            Problem { field: key.to_owned(), code, message: message.into(), hint: Some(hint.into()), source };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        Noted
    }

    /// `true` and `false`, and the other words people use for them.
    fn flag(&mut self, key: &str) -> Read<bool> {
        let text = self.text(key);
        switch(text).ok_or_else(|| {
            self.refuse(
                key,
                "not-a-flag",
                format!("{} is neither true nor false", quoted(text)),
                "write `true` or `false`",
            )
        })
    }
}

fn known(key: &str) -> Key {
    Key::parse(key).expect("only keys of the table are examined")
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn practice_is_on(check: &mut Check<'_>) -> Read<bool> {
    let text = check.text("identity.practice");
    if text.eq_ignore_ascii_case("auto") {
        let meant = ["entra.client_id", "entra.tenant", "entra.client_secret", "entra.client_secret_file"];
        return Ok(!meant.into_iter().any(|key| check.is_given(key)));
    }
    switch(text).ok_or_else(|| {
        let message = format!("{} says neither practice nor Entra", quoted(text));
        check.refuse("identity.practice", "not-a-choice", message, "write `auto`, `on` or `off`")
    })
}

fn identity(check: &mut Check<'_>, practice: Read<bool>, addresses: &Addresses) -> Read<Identity> {
    let person = practice_person(check);
    if practice? {
        return Ok(Identity::Practice(PracticeSettings { listen: addresses.practice?, sign_in: person? }));
    }
    let entra = entra::read(check)?;
    person.map(|_| Identity::Entra(Box::new(entra)))
}

fn practice_person(check: &mut Check<'_>) -> Read<Option<String>> {
    let text = check.text("practice.sign_in");
    if !text.is_empty() && !practice::people_keys().any(|key| key == text) {
        let keys = practice::people_keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let message = format!("nobody in the practice tenant is called {}", quoted(text));
        return Err(check.refuse(
            "practice.sign_in",
            "not-a-person",
            message,
            format!("write one of {keys}"),
        ));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Whether a text is a GUID as the Azure portal shows it.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A hint that fits most texts which must be GUIDs.
fn guid_hint(text: &str, from_where: &str) -> String {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(inner) if is_guid(inner) => format!("leave out the braces: `{inner}`"),
        _ => format!(
            "copy the {from_where} from the Overview page of the app registration in the Azure portal"
        ),
    }
}

/// Quotes the text of a setting unless it may not be shown.
fn shown(key: &str, text: &str) -> String {
    if known(key).field().exposure == Exposure::Plain { quoted(text) } else { "the text".to_owned() }
}
