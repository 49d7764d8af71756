//! The one tunnel: opened, looked at from outside, opened again when it was lost, and ended. What opens it, a program or a
//! session with a provider, is handed in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::ssh::ChangedKey;

/// How long an address may take to come.
const OPENS_WITHIN: Duration = Duration::from_secs(45);
/// Between two looks whether the address leads here.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Looks in a row before it is said that it does not.
const LOOKS: u32 = 10;
/// Once it does, whether it still does.
const LOOK_LATER: Duration = Duration::from_secs(60);
/// Looks in a row, after this computer woke or changed its network, before what was seen from outside is opened anew.
const LOOKS_AFTER_CHANGE: u32 = 3;
/// How long after that what opened it is left alone: most connect again by themselves, and keep the address.
const RECOVERS_WITHIN: Duration = Duration::from_secs(45);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How the tunnel stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Off,
    Starting,
    /// It has an address; whether that leads here is not known yet, or in doubt.
    Up {
        url: Url,
        doubt: Option<Doubt>,
    },
    /// Seen from outside, with what to know although clients get through.
    Reachable {
        url: Url,
        notes: Vec<Doubt>,
    },
    /// It ended or no address came; it is tried again.
    Lost {
        reason: String,
        hint: String,
        /// There was an address since it was switched on.
        was_open: bool,
    },
    /// Trying again will not help.
    Refused {
        reason: String,
        hint: String,
        /// It is because of this.
        changed_key: Option<ChangedKey>,
    },
}

/// What speaks against an address, or is to be known of it, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub reason: String,
    pub hint: String,
}

/// What is done with an address, and how it looks from outside.
#[async_trait]
pub trait Outside: Send + Sync + 'static {
    /// The address opened. Called again when another one comes.
    async fn opened(&self, url: &Url);
    /// There is no address any more.
    async fn closed(&self);
    /// Asks for ourselves by the address. What does not stop clients is told too.
    async fn look(&self, url: &Url) -> Result<Vec<Doubt>, Doubt>;
    /// Whether anybody who gets here is answered. While not, a look in vain says nothing of the address.
    fn answers(&self) -> bool {
        true
    }
}

/// What opens a public address, as often as it is lost.
pub trait Opener: Send + Sync + 'static {
    /// Begins anew.
    ///
    /// # Errors
    /// Why that is in vain.
    fn start(&self) -> Result<Box<dyn Attempt>, End>;
}

impl<T: Opener + ?Sized> Opener for Box<T> {
    fn start(&self) -> Result<Box<dyn Attempt>, End> {
        (**self).start()
    }
}

/// One attempt at a public address, which goes on for as long as the address is there.
#[async_trait]
pub trait Attempt: Send {
    /// The address, and after that the next one it says. Until then it carries what comes in by the last one. Dropped before
    /// it is done, nothing but [`Self::end`] is asked for.
    ///
    /// # Errors
    /// How it ended.
    async fn next(&mut self) -> Result<Url, End>;
    /// What it said last, for the person; empty where it says nothing.
    fn last_words(&self) -> String {
        String::new()
    }
    /// Gives up the address and cuts whatever came in by it.
    async fn end(&mut self);
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is tried again.
    Lost { reason: String, hint: String },
    /// Trying again will not help.
    Refused { reason: String, hint: String },
    /// Trying again will not help, unless it was open before: then what stands in the way may be what is left of that.
    RefusedAtFirst { reason: String, hint: String },
    /// The server is not known again.
    OtherKey(ChangedKey),
}

/// A tunnel that is on. Dropping it leaves it on; [`Tunnel::stop`] ends it.
pub struct Tunnel {
    stop: CancellationToken,
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

struct Supervisor {
    opener: Arc<dyn Opener>,
    outside: Arc<dyn Outside>,
    state: watch::Sender<State>,
    stop: CancellationToken,
    /// This computer woke, or is somewhere else in the network.
    changed: Arc<Notify>,
}

// === impl Tunnel ===

impl Tunnel {
    /// Starts it; how it stands is told through `state`.
    pub fn start(opener: impl Opener, outside: Arc<dyn Outside>, state: watch::Sender<State>) -> Self {
        let (opener, stop, changed) = (Arc::new(opener), CancellationToken::new(), Arc::new(Notify::new()));
        let supervisor = Supervisor { opener, outside, state, stop: stop.clone(), changed: changed.clone() };
        Self { stop, changed, task: tokio::spawn(supervisor.run()) }
    }

    /// This computer woke, or is somewhere else in the network: looks at once whether the address still leads here, and opens it
    /// anew if that stays in doubt for longer than it takes to connect again. What waits to be tried again is tried at once.
    pub fn look_now(&self) {
        self.changed.notify_one();
    }

    /// Gives up the address, and ends what opened it.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the tunnel's supervisor failed");
        }
    }
}

// === impl Supervisor ===

impl Supervisor {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut known: Option<Url> = None;
        loop {
            self.state.send_replace(State::Starting);
            let end = match self.opener.start() {
                Ok(mut attempt) => {
                    let end = self.watch_over(attempt.as_mut(), &mut known).await;
                    attempt.end().await;
                    end
                }
                Err(end) => Some(end),
            };
            // What was seen from outside works: it starts over.
            if matches!(*self.state.borrow(), State::Reachable { .. }) {
                pause = FIRST_PAUSE;
            }
            match end {
                None => break,
                Some(End::Lost { reason, hint }) => self.lost(reason, hint, known.is_some()),
                Some(End::RefusedAtFirst { reason, hint }) if known.is_some() => {
                    self.lost(reason, hint, true);
                }
                Some(End::RefusedAtFirst { reason, hint } | End::Refused { reason, hint }) => {
                    return self.refused(reason, hint, None).await;
                }
                Some(End::OtherKey(changed)) => {
                    return self.refused(changed.reason(), ChangedKey::HINT.to_owned(), Some(changed)).await;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
                () = self.changed.notified() => pause = FIRST_PAUSE,
                () = self.stop.cancelled() => break,
            }
        }
        self.outside.closed().await;
        tracing::info!("the tunnel is closed");
        self.state.send_replace(State::Off);
    }

    fn lost(&self, reason: String, hint: String, was_open: bool) {
        tracing::warn!(%reason, was_open, "the tunnel is not open; it is tried again");
        self.state.send_replace(State::Lost { reason, hint, was_open });
    }

    async fn refused(&self, reason: String, hint: String, changed_key: Option<ChangedKey>) {
        tracing::warn!(%reason, "the tunnel was refused");
        self.outside.closed().await;
        self.state.send_replace(State::Refused { reason, hint, changed_key });
    }

    /// Until it ends; `None` if it is to stop.
    async fn watch_over(&self, attempt: &mut dyn Attempt, known: &mut Option<Url>) -> Option<End> {
        let opening = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            opening = tokio::time::timeout(OPENS_WITHIN, attempt.next()) => opening,
        };
        let url = match opening {
            Ok(Ok(url)) => url,
            Ok(Err(end)) => return Some(end),
            Err(_) => {
                let words = quoted(&attempt.last_words());
                return Some(End::Lost {
                    reason: format!("no address came within {} s{words}", OPENS_WITHIN.as_secs()),
                    hint: "check the internet connection; it is tried again by itself".to_owned(),
                });
            }
        };
        tracing::info!(%url, "the tunnel is open");
        self.state.send_replace(State::Up { url: url.clone(), doubt: None });
        // The same address again: nothing changed for anybody. What is begun here is finished, whoever wants it to stop.
        if known.as_ref() != Some(&url) {
            self.outside.opened(&url).await;
            *known = Some(url.clone());
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            end = ends(attempt, &url) => Some(end),
            end = self.keep_looking(&url) => Some(end),
        }
    }

    /// Until it has to be opened anew.
    async fn keep_looking(&self, url: &Url) -> End {
        let (mut failed, mut seen) = (0, false);
        let mut changed: Option<Instant> = None;
        loop {
            let look = tokio::select! {
                biased;
                () = self.changed.notified() => {
                    // What was on its way may never be answered.
                    (failed, changed) = (0, Some(Instant::now()));
                    continue;
                }
                look = self.outside.look(url) => look,
            };
            let pause = match look {
                Ok(notes) => {
                    (failed, seen, changed) = (0, true, None);
                    self.tell(State::Reachable { url: url.clone(), notes });
                    LOOK_LATER
                }
                Err(doubt) => {
                    failed += 1;
                    if !self.outside.answers() {
                        // Its time begins once it could be seen.
                        changed = changed.map(|_| Instant::now());
                    }
                    let had_time = changed.is_some_and(|since| since.elapsed() >= RECOVERS_WITHIN);
                    // What was never seen says nothing by not being seen now.
                    if had_time && seen && failed >= LOOKS_AFTER_CHANGE {
                        return End::Lost {
                            reason: format!(
                                "it was left behind when this computer woke or changed its network: {}",
                                doubt.reason
                            ),
                            hint: "it is opened again by itself".to_owned(),
                        };
                    }
                    if failed >= LOOKS {
                        self.tell(State::Up { url: url.clone(), doubt: Some(doubt) });
                    }
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.changed.notified() => (failed, changed) = (0, Some(Instant::now())),
            }
        }
    }

    fn tell(&self, next: State) {
        self.state.send_if_modified(|state| {
            let changes = *state != next;
            match &next {
                State::Reachable { .. } if changes => tracing::info!("the tunnel is reachable from outside"),
                State::Up { doubt: Some(_), .. } if changes => {
                    tracing::warn!("the tunnel is open, but we could not reach ourselves through it");
                }
                _ => {}
            }
            *state = next;
            changes
        });
    }
}

/// Until it ends. For an address that changes meanwhile it is opened anew.
async fn ends(attempt: &mut dyn Attempt, url: &Url) -> End {
    loop {
        match attempt.next().await {
            Ok(next) if next == *url => {}
            Ok(next) => {
                return End::Lost {
                    reason: format!("the address changed to {next}"),
                    hint: "give clients the new address; a provider with a stable one spares you that"
                        .to_owned(),
                };
            }
            Err(end) => return end,
        }
    }
}

/// To be put behind what happened.
pub(crate) fn quoted(last_words: &str) -> String {
    if last_words.is_empty() { String::new() } else { format!("; its last words: {last_words}") }
}
