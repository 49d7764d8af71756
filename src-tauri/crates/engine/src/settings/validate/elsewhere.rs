//! A secret goes to the sign-in host it was given for and to no other: whoever can type a host into the window could otherwise
//! have what is kept sealed, in a file or in the environment sent to a host of their own.

use super::{Check, entra};
use crate::settings::draft::SettingsDraft;
use crate::settings::problem::Source;

impl SettingsDraft {
    /// Notes what would be given away where this draft names another sign-in host than `saved`, whichever credential counts: it
    /// could be made to count afterwards. A certificate stays, since a proof made with it is good only at the address it is sent
    /// to (RFC 7523 section 3); a federated token or one of a managed identity is good at all of Microsoft's.
    #[must_use]
    pub(crate) fn keeping_secrets_from_others(mut self, saved: &Self) -> Self {
        let host = |draft: &Self| draft.authority().ok().map(|authority| authority.origin());
        if host(&self) == host(saved) {
            return self;
        }
        let mut check = Check { draft: &self, problems: Vec::new() };
        secrets(&mut check);
        secret_in_file(&mut check, saved);
        tokens(&mut check);
        let problems = check.problems;
        for problem in problems {
            self.note(problem);
        }
        self
    }
}

fn secrets(check: &mut Check<'_>) {
    for key in ["entra.client_secret", "entra.next_client_secret"] {
        let hint = match check.source(key) {
            Source::Window => continue,
            Source::Environment { .. } => "change the host in the environment, where the secret is",
            _ => "paste its Value, or clear the field if another credential is meant",
        };
        if check.is_given(key) {
            let message =
                "type the secret again: the sign-in host changed, and the saved one is not sent to another";
            check.refuse(key, "secret-of-another-host", message, hint);
        }
    }
}

/// One path has many spellings, so a path that is typed says nothing of whether the file is another.
fn secret_in_file(check: &mut Check<'_>, saved: &SettingsDraft) {
    let key = "entra.client_secret_file";
    if check.is_given(key) && (check.source(key) != Source::Window || saved.is_given(super::known(key))) {
        let message = "the sign-in host changed, and the secret in the saved file is not sent to another";
        let hint = "clear this field and type the secret instead, or change the host where the file is named";
        check.refuse(key, "secret-of-another-host", message, hint);
    }
}

fn tokens(check: &mut Check<'_>) {
    let key = "entra.credential";
    let is_token =
        ["federated-token", "managed-identity"].contains(&check.text(key).to_ascii_lowercase().as_str());
    let is_microsoft = check.draft.authority().is_ok_and(|authority| entra::graph_of(&authority).is_some());
    if is_token && !is_microsoft {
        let message =
            "the sign-in host changed, and the token of this computer is sent to another of Microsoft's only";
        let hint = "choose another credential, or change the host in the settings file or the environment";
        check.refuse(key, "secret-of-another-host", message, hint);
    }
}
