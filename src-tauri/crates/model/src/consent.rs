//! Approvals a person asked us to remember.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, TokenHash};
use crate::scope::ScopeSet;
use crate::time::Timestamp;

/// "This browser need not be asked again for this client and this redirect URI."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Hash of the cookie that the approving browser carries.
    pub browser: TokenHash,
    pub client: ClientId,
    pub redirect_uri: String,
    /// What was approved; asking for more is another question.
    pub scope: ScopeSet,
    pub given_at: Timestamp,
    pub expires_at: Timestamp,
}
