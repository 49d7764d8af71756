//! The switch to the public internet.

use model::settings::Identity;
use tunnel::{Doubt, PROGRAMS, Program, State};

use super::answers::{Status, TunnelForm, TunnelProgram, TunnelState};
use super::requests::{Empty, TunnelSwitch};
use super::{Api, ApiError, ErrorCode};
use crate::gate::NotOpened;

type Answer<T> = Result<T, ApiError>;

impl Api {
    pub(super) async fn tunnel(&self, _: Empty) -> Answer<TunnelForm> {
        let settings = self.0.drafted().await.draft.validate().ok();
        Ok(TunnelForm {
            state: self.0.gate().state().into(),
            provider: settings.as_ref().map(|settings| settings.tunnel.provider.clone()).unwrap_or_default(),
            programs: PROGRAMS.iter().map(TunnelProgram::from).collect(),
            own_address: settings.and_then(|settings| Some(settings.server.public_url?.to_string())),
        })
    }

    pub(super) async fn set_tunnel(&self, switch: TunnelSwitch) -> Answer<Status> {
        if switch.on {
            self.open_tunnel(switch.practice_is_fine).await?;
        } else {
            self.0.gate().close().await;
        }
        self.0.tell_status().await;
        Ok(self.status_now().await)
    }

    async fn open_tunnel(&self, practice_is_fine: bool) -> Answer<()> {
        self.is_ours()?;
        self.live()?;
        // As they are now: a provider chosen a moment ago counts.
        let settings = self.0.drafted().await.draft.validate().map_err(|problems| {
            let first = problems.first().map(crate::settings::Problem::brief).unwrap_or_default();
            not_opened(format!("a setting cannot be used: {first}"), "correct it, then switch on again")
        })?;
        if let Some(address) = settings.server.public_url {
            return Err(not_opened(
                format!("{address} is set as the public address already"),
                "remove `server.public_url` from the settings to use a tunnel instead",
            ));
        }
        if matches!(settings.identity, Identity::Practice(_)) && !practice_is_fine {
            return Err(ApiError::Refused {
                code: ErrorCode::PracticeInPublic,
                message: "people sign in at the practice tenant, where anybody can choose an account"
                    .to_owned(),
                hint: "connect your own tenant under Entra, or say that this is meant".to_owned(),
            });
        }
        self.0.gate().open(&self.0, &settings.tunnel).await.map_err(|error: NotOpened| {
            let hint = error.hint();
            not_opened(error.to_string(), &hint)
        })
    }
}

fn not_opened(message: String, hint: &str) -> ApiError {
    ApiError::Refused { code: ErrorCode::NotOpened, message, hint: hint.to_owned() }
}

// === from what the supervisor says ===

impl From<State> for TunnelState {
    fn from(state: State) -> Self {
        let origin = |url: url::Url| url.origin().ascii_serialization();
        match state {
            State::Off => Self::Off,
            State::Starting => Self::Starting,
            State::Up { url, doubt } => {
                let (reason, hint) = doubt.map(|Doubt { reason, hint }| (reason, hint)).unzip();
                Self::Up { url: origin(url), reason, hint }
            }
            State::Reachable { url } => Self::Reachable { url: origin(url) },
            State::Lost { reason, hint } => Self::Lost { reason, hint },
            State::Refused { reason, hint } => Self::Refused { reason, hint },
        }
    }
}

impl From<&Program> for TunnelProgram {
    fn from(program: &Program) -> Self {
        let &Program { id, name, about, install, stable, .. } = program;
        let found = program.located().is_some();
        Self { id, name, about, found, install, stable, takes_domain: program.takes_domain() }
    }
}
