//! The people who sign in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `oid` within `tid`. Never an e-mail address or user name: both can change and be chosen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonId {
    /// `tid`, the directory.
    pub tenant: String,
    /// `oid`, the object in it.
    pub object: String,
}

/// Who someone is, as the verified tokens said at the last sign-in or refresh.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: PersonId,
    /// `name`
    pub name: Option<String>,
    /// `preferred_username`, or `upn`/`unique_name` of a v1 token
    pub username: Option<String>,
    /// `email`, from the ID token only
    pub email: Option<String>,
    /// `acct: 1`, or an `idp` other than the issuer
    pub guest: bool,
    /// `roles`
    pub roles: Vec<String>,
}

impl Person {
    /// What to call the person on a page.
    pub fn display(&self) -> &str {
        self.name.as_deref().or(self.username.as_deref()).unwrap_or(&self.id.object)
    }
}

/// Names and addresses stay out of logs, whoever prints the value.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("id", &self.id).finish_non_exhaustive()
    }
}
