//! The control surface: one table of commands with typed requests and answers.
//!
//! A window, the console and scripts are views of it; none of them can do what is not in the table. It carries people's
//! names to the owner of the machine and never a token or secret. How a request arrives, and from whom, is not its business.

mod answers;
mod attempt;
mod bundle;
mod certificate;
mod check;
mod claims;
mod commands;
mod desk;
mod error;
mod outside;
mod pairing;
mod registration;
mod requests;
mod test_sign_in;
mod tied;
mod tools;
mod tunnel;
mod visits;
mod wording;

use std::sync::Arc;

use authserver::Flow;
use entra::Entra;
use model::client::Client;
use model::origin::Site;
use model::ports::Store;
use model::tools::ToolRules;
use practice::Practice;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::broadcast;

use crate::engine::Engine;
use crate::events::Bus;

pub use answers::{
    ApiEvent, Checked, ClientRow, Done, Effect, EnvChange, EnvPreview, EventRow, FaultRow, IdentityKind,
    Offer, PersonRow, PracticeState, RefreshResult, ResidentRow, Saved, SessionClaims, SessionClient,
    SessionRow, SessionState, SessionsEnded, SettingRow, SettingsForm, State, Status, TunnelForm, TunnelNote,
    TunnelProgram, TunnelState,
};
pub use attempt::{AttemptRow, AttemptStep, Outcome, StepState, Verdict};
pub use bundle::{BundleFile, SupportBundle};
pub use certificate::{CertificateRow, CredentialState};
pub use check::{CheckStep, EntraCheck, StepOutcome};
pub use claims::{Finding, Note, Notes, TokenInspection};
pub use error::{ApiError, ErrorCode};
pub use outside::OutsideCheck;
pub use pairing::PairingRow;
pub use registration::{
    Creation, CreationUndone, CreationWish, PlannedCall, RegistrationTexts, RegistrationWish,
};
pub use requests::{
    AttemptsQuery, BlockSwitch, CheckWish, ClientsQuery, Empty, EnvText, EventsQuery, FaultSwitch,
    ForgetWhat, Forgotten, PairingRef, PauseSwitch, PersonSwitch, SessionRef, SessionRefs, SettingsChange,
    ShownKey, TestWish, TokenText, TunnelSwitch,
};
pub use test_sign_in::TestSignIn;
pub(crate) use test_sign_in::Trying;
pub use tied::TiedSession;
pub use tools::{ToolRow, ToolView, ViewAs};
pub use visits::{VisitRow, VisitVerdict};
pub use wording::Level;

/// Answers commands. Cheap to clone.
#[derive(Clone)]
pub struct Api(Engine);

/// What commands look at and change while the engine runs.
pub(crate) struct ApiParts {
    pub(crate) flow: Flow,
    pub(crate) entra: Arc<Entra>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Bus,
    pub(crate) practice: Option<Practice>,
    /// Clients from the settings, which no store knows.
    pub(crate) configured: Vec<Client>,
    /// What tools need beyond what every token has.
    pub(crate) tools: ToolRules,
    pub(crate) mcp_url: String,
    pub(crate) public: Option<Site>,
    pub(crate) practice_url: Option<String>,
    /// What the last test sign-in was made with.
    pub(crate) trying: Trying,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    pub name: &'static str,
    /// What it does: one sentence.
    pub about: &'static str,
}

macro_rules! commands {
    ($($(#[doc = $about:literal])+ $name:ident($request:ty) -> $answer:ty;)+) => {
        /// Every command, in the order in which lists show them.
        pub const COMMANDS: &[Command] =
            &[$(Command { name: stringify!($name), about: concat!($($about),+).trim_ascii() }),+];

        impl Api {
            /// Answers one command. A payload of `null` counts as an empty object.
            ///
            /// # Errors
            /// A command or payload that does not read, something that is not there, or a store that does not answer.
            pub async fn call(&self, command: &str, payload: Value) -> Result<Value, ApiError> {
                $(
                    if command == stringify!($name) {
                        let request: $request = read(payload)?;
                        let answer: $answer = self.$name(request).await?;
                        return Ok(written(&answer));
                    }
                )+
                Err(ApiError::UnknownCommand)
            }
        }

        /// What each command takes and answers, as the pages know it.
        #[cfg(test)]
        fn declare(to: &mut typescript::Declarations) {
            $(to.command::<$request, $answer>(stringify!($name), concat!($($about),+));)+
        }
    };
}

commands! {
    /// Whether this server runs, where it is reached, its version, and how many events of the auth log were lost.
    status(Empty) -> Status;
    /// Starts again with the settings as they are now; nobody is signed out by it.
    restart(Empty) -> Status;
    /// Turns everybody away, or lets them in again; nobody is signed out by it.
    set_paused(PauseSwitch) -> Status;
    /// How the tunnel stands, and which programs could open one.
    tunnel(Empty) -> TunnelForm;
    /// Opens a public address by the tunnel of the settings, or closes it. Nobody is signed out by it.
    set_tunnel(TunnelSwitch) -> Status;
    /// Trusts the key for which the tunnel's SSH server was refused, in place of the pinned one; any other stays refused.
    trust_server_key(ShownKey) -> Status;
    /// What came in through the tunnel and what came of it, also what was refused, the latest first. Kept in memory only.
    visits(Empty) -> Vec<VisitRow>;
    /// Looks at the public address from outside, as clients and browsers would; no person and no client is involved.
    look_outside(Empty) -> OutsideCheck;
    /// Every client connected as a person, and those that no longer are.
    list_sessions(Empty) -> Vec<SessionRow>;
    /// Ends sessions; their clients must sign in again.
    end_sessions(SessionRefs) -> SessionsEnded;
    /// What the identity provider's tokens, and ours, say about the person of a session.
    session_claims(SessionRef) -> SessionClaims;
    /// What each tool needs, and with a session, whether its person and client could call it.
    tools(ViewAs) -> Vec<ToolRow>;
    /// Decodes a token and checks it as a sign-in would be; it is neither stored nor logged.
    inspect_token(TokenText) -> TokenInspection;
    /// Clients that are configured or registered: the approved ones first, the newest of them first.
    list_clients(ClientsQuery) -> Vec<ClientRow>;
    /// Turns a client away from now on and ends its sessions, or lets it in again.
    block_client(BlockSwitch) -> SessionsEnded;
    /// New clients that wait for a code of this server, with the code: whoever signs in types it into the page that asks.
    pairings(Empty) -> Vec<PairingRow>;
    /// Asks new clients from outside for six digits again, after too many wrong ones.
    shorten_codes(Empty) -> Status;
    /// Ends the sign-in of a client that waits for a code.
    refuse_pairing(PairingRef) -> Done;
    /// Tries to connect, the one last heard of first; `before` takes the `last_seq` of the last row for the next page.
    list_attempts(AttemptsQuery) -> Vec<AttemptRow>;
    /// The auth log, newest first; `before` takes the `seq` of the last row for the next page.
    list_events(EventsQuery) -> Vec<EventRow>;
    /// The practice tenant's faults and people; `null` where people sign in somewhere else.
    practice(Empty) -> Option<PracticeState>;
    /// Switches a fault of the practice tenant on or off.
    set_fault(FaultSwitch) -> PracticeState;
    /// Disables a person of the practice tenant, or enables them again.
    set_person(PersonSwitch) -> PracticeState;
    /// What can be found out about the app registration without anybody signing in; nothing is changed there. With
    /// `signed_in`, what the last test sign-in showed too.
    check_entra(CheckWish) -> EntraCheck;
    /// Begins a sign-in of which nothing is kept, with changes that are not saved if there are any: somebody has to open its link
    /// on this computer. One that waits is over.
    begin_test_sign_in(TestWish) -> TestSignIn;
    /// How the test sign-in stands.
    test_sign_in(Empty) -> TestSignIn;
    /// Ends the test sign-in that waits.
    cancel_test_sign_in(Empty) -> TestSignIn;
    /// Texts that make an app registration with these settings: for the Azure CLI, Terraform, Bicep, and a manifest.
    registration(RegistrationWish) -> RegistrationTexts;
    /// How far the making of an app registration is, or what an earlier try left.
    creation(Empty) -> Creation;
    /// Begins to make an app registration: somebody has to sign in with the code it answers.
    begin_creation(CreationWish) -> Creation;
    /// Agrees to the calls that make it. On success its values become the settings, and the server starts with them.
    confirm_creation(Empty) -> Creation;
    /// Stops it and removes what was made. What is over stays as it is told.
    cancel_creation(Empty) -> Creation;
    /// Puts away one that is over, and what was left of it: somebody has seen to that.
    close_creation(Empty) -> Creation;
    /// The certificates the settings have, the newest first, without their private keys.
    list_certificates(Empty) -> Vec<CertificateRow>;
    /// Makes a certificate for the app registration and seals its private key; the one before goes on until the new one is uploaded.
    make_certificate(Empty) -> Vec<CertificateRow>;
    /// Every setting: what it means, what is given and where, and what is wrong.
    settings(Empty) -> SettingsForm;
    /// What a change of settings would do, without making it.
    check_settings(SettingsChange) -> Checked;
    /// Changes settings and starts again with them, unless something is wrong with them.
    save_settings(SettingsChange) -> Saved;
    /// What a `.env` file or a manifest would set; the names of the FastMCP example are understood.
    read_env(EnvText) -> EnvPreview;
    /// Takes the settings of a `.env` file or a manifest over, as `save_settings` does.
    save_env(EnvText) -> Saved;
    /// Forgets events, sessions, clients or all of them for good; settings and the master key stay.
    forget(ForgetWhat) -> Done;
    /// How things stand, the settings and the last events, without secrets and names, to send to somebody who helps.
    support_bundle(Empty) -> SupportBundle;
}

// === impl Api ===

impl Api {
    pub(crate) const fn of(engine: Engine) -> Self {
        Self(engine)
    }

    /// What happens from now on, to everybody who follows.
    pub fn subscribe(&self) -> broadcast::Receiver<ApiEvent> {
        self.0.subscribe()
    }

    /// What runs, or why this cannot be answered now.
    fn live(&self) -> Result<Arc<ApiParts>, ApiError> {
        self.0.live().ok_or(ApiError::NotRunning)
    }
}

/// Reads a payload and says which field is wrong, which serde alone does not.
fn read<T: DeserializeOwned>(payload: Value) -> Result<T, ApiError> {
    let payload = match payload {
        Value::Null => Value::Object(Map::new()),
        Value::Object(_) => payload,
        // Serde would take a list as the fields in their order.
        _ => return Err(ApiError::BadRequest("a payload is an object".to_owned())),
    };
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let field = error.path().to_string();
        let detail = error.into_inner();
        // The path of the payload itself is a dot.
        ApiError::BadRequest(if field == "." { detail.to_string() } else { format!("`{field}`: {detail}") })
    })
}

fn written(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).expect("answers are plain structs with text keys")
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod typescript;
