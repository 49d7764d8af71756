//! The switch to the public internet.

use model::settings::{Identity, Settings};
use tunnel::{Doubt, HostKey, KnownHosts, Ngrok, Program, Provider, State};

use super::answers::{ChangedKey, ServerKey, Status, TunnelForm, TunnelNote, TunnelProgram, TunnelState};
use super::requests::{Empty, ShownKey, TunnelSwitch};
use super::{Api, ApiError, ErrorCode};
use crate::gate::{self, Gate, NotOpened};

type Answer<T> = Result<T, ApiError>;

impl Api {
    pub(super) async fn tunnel(&self, _: Empty) -> Answer<TunnelForm> {
        let settings = self.0.drafted().await.draft.validate().ok();
        let tied = match self.0.live() {
            Some(live) => live.tied().await?,
            None => Vec::new(),
        };
        Ok(TunnelForm {
            tied,
            state: self.0.gate().state().into(),
            provider: settings.as_ref().map(|settings| settings.tunnel.provider.clone()).unwrap_or_default(),
            programs: Provider::all().map(TunnelProgram::from).collect(),
            server_key: settings.as_ref().and_then(server_key),
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

    /// The key that was shown, and no other, takes the place of the one before. What was refused for it is over.
    pub(super) async fn trust_server_key(&self, ShownKey { fingerprint }: ShownKey) -> Answer<Status> {
        self.is_ours()?;
        let shown = match self.0.gate().state() {
            State::Refused { changed_key: Some(key), .. } if key.shown == fingerprint => key,
            _ => {
                return Err(not_opened(
                    "that is not the key which the server was refused for".to_owned(),
                    "switch the tunnel on, then compare and trust the key that is shown",
                ));
            }
        };
        let key = HostKey { fingerprint: shown.shown, kind: Some(shown.kind) };
        let settings = self.0.drafted().await.draft.validate().ok();
        if let Some((server, known_hosts)) = settings.as_ref().and_then(server) {
            known_hosts.trust(&server, &key).map_err(|error| {
                not_opened(
                    format!("the server's new key could not be kept: {error}"),
                    "see that the file `known_hosts` in the data folder can be written, then try again",
                )
            })?;
            tracing::warn!(%server, %fingerprint, "another key of the tunnel's server is trusted from now on");
        }
        self.0.gate().close().await;
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
        let refused = |error: NotOpened| not_opened(error.to_string(), &error.hint());
        // Nobody is asked whether they mean what cannot be done.
        Gate::can_open(&settings).map_err(refused)?;
        if matches!(settings.identity, Identity::Practice(_)) && !practice_is_fine {
            return Err(ApiError::Refused {
                code: ErrorCode::PracticeInPublic,
                message: "people sign in at the practice tenant, where anybody can choose an account"
                    .to_owned(),
                hint: "connect your own tenant under Entra, or say that this is meant".to_owned(),
            });
        }
        self.0.gate().open(&self.0, &settings).await.map_err(refused)
    }
}

/// The name of the SSH server that the chosen provider goes to, and where its key is pinned.
fn server(settings: &Settings) -> Option<(String, KnownHosts)> {
    let ssh = Program::find(&settings.tunnel.provider)?.ssh(&gate::wishes(&settings.tunnel))?;
    Some((ssh.server.name(), gate::known_hosts(&settings.storage.data_dir)))
}

fn server_key(settings: &Settings) -> Option<ServerKey> {
    let (server, known_hosts) = server(settings)?;
    let HostKey { fingerprint, kind } = known_hosts.key(&server)?;
    Some(ServerKey { server, fingerprint, kind })
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
            State::Reachable { url, notes } => {
                let notes = notes.into_iter().map(|Doubt { reason, hint }| TunnelNote { reason, hint });
                Self::Reachable { url: origin(url), notes: notes.collect() }
            }
            State::Lost { reason, hint, was_open } => Self::Lost { reason, hint, was_open },
            State::Refused { reason, hint, changed_key } => {
                let changed_key =
                    changed_key.map(|tunnel::ChangedKey { pinned, pinned_kind, shown, kind }| ChangedKey {
                        pinned,
                        pinned_kind,
                        shown,
                        kind,
                    });
                Self::Refused { reason, hint, changed_key }
            }
        }
    }
}

impl From<Provider> for TunnelProgram {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Program(program) => Self::from(program),
            Provider::Ngrok => Self {
                id: Ngrok::ID,
                name: Ngrok::NAME,
                about: Ngrok::ABOUT,
                found: true,
                install: "",
                stable: true,
                takes_domain: true,
                takes_authtoken: true,
            },
        }
    }
}

impl From<&Program> for TunnelProgram {
    fn from(program: &Program) -> Self {
        let &Program { id, name, about, install, stable, .. } = program;
        let (found, takes_domain) = (program.located().is_some(), program.takes_domain());
        Self { id, name, about, found, install, stable, takes_domain, takes_authtoken: false }
    }
}
