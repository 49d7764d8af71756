//! Stories about settings: what each source may say, what is refused and why, and that no text is ever too strange.

mod access;
mod credential;
mod entra;
mod layers;
mod legacy;
mod properties;
mod server;
mod tunnel;

use std::path::Path;

use model::settings::{EntraSettings, Identity, Settings};

use super::{Problem, SettingsDraft};

pub(super) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const APP: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// What a person types into the window, over nothing.
pub(super) fn typed(texts: &[(&str, &str)]) -> SettingsDraft {
    SettingsDraft::from_window(texts.iter().copied())
}

/// A working Entra set-up with `texts` over it.
pub(super) fn at_entra(texts: &[(&str, &str)]) -> SettingsDraft {
    typed(&[("entra.tenant", TENANT), ("entra.client_id", APP)]).overlay(typed(texts))
}

pub(super) fn file(text: &str) -> SettingsDraft {
    SettingsDraft::from_toml(text, Path::new("settings.toml"))
}

#[track_caller]
pub(super) fn settings(draft: &SettingsDraft) -> Settings {
    draft.validate().unwrap_or_else(|problems| panic!("{}", told(&problems)))
}

#[track_caller]
pub(super) fn entra_of(draft: &SettingsDraft) -> EntraSettings {
    match settings(draft).identity {
        Identity::Entra(entra) => *entra,
        Identity::Practice(_) => panic!("practice is on"),
    }
}

#[track_caller]
pub(super) fn problems(draft: &SettingsDraft) -> Vec<Problem> {
    match draft.validate() {
        Ok(settings) => panic!("no problem in {settings:?}"),
        Err(problems) => problems,
    }
}

/// The only problem of a draft.
#[track_caller]
pub(super) fn problem(draft: &SettingsDraft) -> Problem {
    let mut found = problems(draft);
    assert_eq!(found.len(), 1, "{}", told(&found));
    found.remove(0)
}

/// Asserts that a draft has exactly one problem, and which.
#[track_caller]
pub(super) fn refused(draft: &SettingsDraft, field: &str, code: &str) {
    let problem = problem(draft);
    assert_eq!((problem.field.as_str(), problem.code), (field, code), "{problem}");
    assert!(problem.hint.as_ref().is_some_and(|hint| !hint.ends_with('.')), "{problem}");
    assert!(!problem.message.ends_with('.'), "{problem}");
}

pub(super) fn told(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
