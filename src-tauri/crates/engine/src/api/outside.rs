//! The public address, looked at from outside: the tunnel's, or the one the settings name.

use std::net::SocketAddr;
use std::path::PathBuf;

use model::check::{Outcome, Step};
use model::look::Looks;
use model::origin::BaseUrl;
use serde::Serialize;
use tokio::net::TcpStream;
use ts_rs::TS;

use super::check::CheckStep;
use super::requests::Empty;
use super::{Api, ApiError, ApiParts, ErrorCode};
use crate::gate::look::Look;

/// What was found, in the order in which it was looked at.
#[derive(Debug, Clone, Serialize, TS)]
pub struct OutsideCheck {
    pub address: String,
    pub steps: Vec<CheckStep>,
    /// Whether clients get through.
    pub passed: bool,
}

impl Api {
    /// Of the address that is in force, or, where nothing runs in this process, the one of the settings.
    pub(super) async fn look_outside(&self, _: Empty) -> Result<OutsideCheck, ApiError> {
        if let Some(live) = self.0.live() {
            let site = live.public.as_ref().ok_or_else(no_address)?;
            if self.0.is_paused() {
                return Ok(unknown(
                    &site.base,
                    "all access is paused, so nobody gets through",
                    "let everybody in again, then look again",
                ));
            }
            return Ok(seen(&site.base, live.look(&site.base)?).await);
        }
        self.look_of_settings().await
    }

    /// Another process of this installation may run: it answers with the same key.
    async fn look_of_settings(&self) -> Result<OutsideCheck, ApiError> {
        let drafted = self.0.drafted().await;
        let settings = drafted.draft.validate().map_err(|problems| {
            let first = problems.first().map(crate::settings::Problem::brief).unwrap_or_default();
            not_looked(format!("a setting cannot be used: {first}"), "correct it, then look again")
        })?;
        let base = settings.server.public_url.ok_or_else(no_address)?;
        if !listens(settings.server.listen).await {
            return Ok(unknown(
                &base,
                "the server does not run, so it cannot be looked at from outside",
                "start it, then look again",
            ));
        }
        match self.looks(drafted.data_dir).await {
            Ok(Some((looks, world))) => {
                let look = Look::new(&base, &looks, world.entropy.as_ref(), world.clock.now())?;
                Ok(seen(&base, look).await)
            }
            Ok(None) => Err(not_looked("this server was started elsewhere".to_owned(), "look from there")),
            Err(trouble) => Ok(unknown(&base, &trouble.message, &trouble.hint)),
        }
    }

    async fn looks(
        &self,
        data_dir: Option<PathBuf>,
    ) -> Result<Option<(Looks, &crate::running::World)>, crate::key::KeyTrouble> {
        let (Some(world), Some(folder)) = (self.0.world(), data_dir) else { return Ok(None) };
        // Whoever looks makes no key: one that runs has its own.
        let key = world.master_key.load(&folder, true, world.entropy.clone()).await?;
        Ok(Some((Looks::new(&key), world)))
    }
}

impl ApiParts {
    /// At `base`, which leads to this run if all is well.
    pub(crate) fn look(&self, base: &BaseUrl) -> Result<Look, entra::ClientError> {
        Look::new(base, self.flow.looks(), self.flow.entropy(), self.flow.now())
    }
}

async fn seen(base: &BaseUrl, look: Look) -> OutsideCheck {
    told(base, look.outside().await.into_steps())
}

fn unknown(base: &BaseUrl, what: &str, hint: &str) -> OutsideCheck {
    let step = Step {
        about: "public_url",
        outcome: Outcome::Unknown,
        what: what.to_owned(),
        hint: Some(hint.to_owned()),
        code: None,
        fixer: None,
        remedies: Vec::new(),
    };
    told(base, vec![step])
}

fn told(base: &BaseUrl, steps: Vec<Step>) -> OutsideCheck {
    let passed = steps.iter().all(|step| step.outcome != Outcome::Failed);
    OutsideCheck {
        address: base.to_string(),
        steps: steps.into_iter().map(CheckStep::from).collect(),
        passed,
    }
}

async fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}

fn no_address() -> ApiError {
    not_looked(
        "this server has no public address".to_owned(),
        "switch the tunnel on, or set `server.public_url` to the address of your own proxy",
    )
}

fn not_looked(message: String, hint: &str) -> ApiError {
    ApiError::Refused { code: ErrorCode::NotChecked, message, hint: hint.to_owned() }
}

impl From<entra::ClientError> for ApiError {
    fn from(error: entra::ClientError) -> Self {
        not_looked(error.to_string(), "start the program again")
    }
}
