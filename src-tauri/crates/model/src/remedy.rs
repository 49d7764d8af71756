//! What can be done about a refusal with one press. Each is something that whoever shows it can really do, and a script can read.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::settings::SignInFrom;

/// A way out of a refusal. They come in the order in which to try them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "does", rename_all = "snake_case")]
pub enum Remedy {
    /// Opens a page, which may be a blade of the portal of the very application and cloud that are meant.
    Open {
        /// What the page calls itself.
        page: String,
        url: String,
    },
    /// Changes a setting of this server.
    Change {
        setting: RemedyField,
        /// The text it should get, where there is only one.
        to: Option<String>,
    },
    /// Signs in once more, by a test sign-in; it brings what the provider asks for on top, such as a second factor.
    SignIn,
}

/// The settings that refusals are mended in, by their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum RemedyField {
    #[serde(rename = "entra.tenant")]
    Tenant,
    #[serde(rename = "entra.client_id")]
    ClientId,
    #[serde(rename = "entra.authority")]
    Authority,
    #[serde(rename = "entra.credential")]
    Credential,
    #[serde(rename = "entra.client_secret")]
    ClientSecret,
    #[serde(rename = "entra.certificate")]
    Certificate,
    #[serde(rename = "entra.identifier_uri")]
    IdentifierUri,
    #[serde(rename = "entra.required_scopes")]
    RequiredScopes,
    #[serde(rename = "entra.extra_authorize_scopes")]
    ExtraScopes,
    #[serde(rename = "entra.allowed_tenants")]
    AllowedTenants,
    #[serde(rename = "access.people")]
    People,
    #[serde(rename = "access.guests")]
    Guests,
    #[serde(rename = "server.sign_in")]
    SignInFrom,
}

impl Remedy {
    pub const fn change(setting: RemedyField) -> Self {
        Self::Change { setting, to: None }
    }

    /// For people whose browser cannot run on this computer.
    pub fn sign_in_from_anywhere() -> Self {
        Self::Change { setting: RemedyField::SignInFrom, to: Some("anywhere".to_owned()) }
    }

    /// So that neither the place nor the device of a browser elsewhere counts, nor a redirect URI on the internet.
    pub fn sign_in_on_this_computer() -> Self {
        Self::Change { setting: RemedyField::SignInFrom, to: Some("this-computer".to_owned()) }
    }
}

/// Without what is done already where people sign in like that.
pub fn not_done(remedies: Vec<Remedy>, sign_in: SignInFrom) -> Vec<Remedy> {
    let done = match sign_in {
        SignInFrom::ThisComputer => Remedy::sign_in_on_this_computer(),
        SignInFrom::Anywhere => Remedy::sign_in_from_anywhere(),
    };
    remedies.into_iter().filter(|remedy| *remedy != done).collect()
}

/// The pages that are to be opened, the first thing first: what each calls itself, and its address.
pub fn open_pages(remedies: &[Remedy]) -> impl Iterator<Item = (&str, &str)> {
    remedies.iter().filter_map(|remedy| match remedy {
        Remedy::Open { page, url } => Some((page.as_str(), url.as_str())),
        Remedy::Change { .. } | Remedy::SignIn => None,
    })
}
