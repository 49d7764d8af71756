//! The one tunnel: its program started, watched, started again, and ended with everything it started.

use std::convert::Infallible;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::programs::Shape;

/// How long a program may take to say its address.
const OPENS_WITHIN: Duration = Duration::from_secs(45);
/// Between two looks whether the address leads here.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Looks in a row before it is said that it does not.
const LOOKS: u32 = 10;
/// Once it does, whether it still does.
const LOOK_LATER: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Lines of output that wait to be read; a program that floods us waits.
const LINES: usize = 256;
/// Longest line that is looked at.
const LONGEST_LINE: usize = 8 * 1024;
/// Last words kept for the person, all together.
const LAST_WORDS: usize = 300;
/// Runs the program and, beside it, waits for the end of its own input, which this process holds open and never writes to.
/// Even if we are killed the input ends, and with it the whole process group: no tunnel outlives what it leads to.
#[cfg(unix)]
const GUARD: &str = "exec 3<&0 </dev/null
(while read -r _; do :; done; kill -KILL 0) <&3 >/dev/null 2>&1 &
exec 3<&-
\"$@\"";

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
    /// Seen from outside.
    Reachable {
        url: Url,
    },
    /// The program ended or said nothing; it is started again.
    Lost {
        reason: String,
        hint: String,
    },
    /// Trying again will not help.
    Refused {
        reason: String,
        hint: String,
    },
}

/// What speaks against an address, and what to do about it.
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
    /// Asks for ourselves by the address.
    async fn look(&self, url: &Url) -> Result<(), Doubt>;
}

/// A tunnel that is on. Dropping it leaves it on; [`Tunnel::stop`] ends it.
pub struct Tunnel {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Supervisor {
    shape: Shape,
    outside: Arc<dyn Outside>,
    state: watch::Sender<State>,
    stop: CancellationToken,
}

/// A program that runs.
struct Running {
    child: Box<dyn ChildWrapper>,
    lines: mpsc::Receiver<String>,
    last_words: String,
    /// It has said an address, so it is there and runs.
    opened: bool,
}

/// How a program ended.
enum End {
    Stopped,
    Lost { reason: String, hint: String },
    Refused { reason: String, hint: String },
}

// === impl Tunnel ===

impl Tunnel {
    /// Starts it; how it stands is told through `state`.
    pub fn start(shape: Shape, outside: Arc<dyn Outside>, state: watch::Sender<State>) -> Self {
        let stop = CancellationToken::new();
        let supervisor = Supervisor { shape, outside, state, stop: stop.clone() };
        Self { stop, task: tokio::spawn(supervisor.run()) }
    }

    /// Ends the program and all it started.
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
            let began = Instant::now();
            let end = match Running::start(&self.shape) {
                Ok(mut running) => {
                    let end = self.watch_over(&mut running, &mut known).await;
                    running.end().await;
                    end
                }
                Err(error) => End::Refused {
                    reason: format!("`{}` could not be started: {error}", self.shape.program.display()),
                    hint: "check that the program is there and may be run".to_owned(),
                },
            };
            match end {
                End::Stopped => break,
                End::Refused { reason, hint } => {
                    tracing::warn!(%reason, "the tunnel was refused");
                    self.outside.closed().await;
                    self.state.send_replace(State::Refused { reason, hint });
                    return;
                }
                End::Lost { reason, hint } => {
                    tracing::warn!(%reason, "the tunnel was lost; it is tried again");
                    self.state.send_replace(State::Lost { reason, hint });
                }
            }
            // One that was up for a while starts over.
            if began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => break,
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        self.outside.closed().await;
        tracing::info!("the tunnel is closed");
        self.state.send_replace(State::Off);
    }

    /// Until it ends.
    async fn watch_over(&self, running: &mut Running, known: &mut Option<Url>) -> End {
        let opening = tokio::time::timeout(OPENS_WITHIN, self.address(running));
        let url = match opening.await {
            Ok(Ok(url)) => url,
            Ok(Err(end)) => return end,
            Err(_) => {
                return End::Lost {
                    reason: format!(
                        "the program said no address within {} s{}",
                        OPENS_WITHIN.as_secs(),
                        running.words()
                    ),
                    hint: "check the internet connection; it is started again by itself".to_owned(),
                };
            }
        };
        tracing::info!(%url, "the tunnel is open");
        self.state.send_replace(State::Up { url: url.clone(), doubt: None });
        // The same address again: nothing changed for anybody.
        if known.as_ref() != Some(&url) {
            self.outside.opened(&url).await;
            *known = Some(url.clone());
        }
        tokio::select! {
            never = self.keep_looking(&url) => match never {},
            end = self.ends(running, &url, known) => end,
        }
    }

    async fn address(&self, running: &mut Running) -> Result<Url, End> {
        loop {
            let line = tokio::select! {
                () = self.stop.cancelled() => return Err(End::Stopped),
                line = running.lines.recv() => line,
            };
            let Some(line) = line else { return Err(running.ended().await) };
            if let Some((reason, hint)) = self.shape.refusal_in(&line) {
                return Err(End::Refused { reason: reason.to_owned(), hint: hint.to_owned() });
            }
            running.note(&line);
            if let Some(url) = self.shape.address_in(&line) {
                running.opened = true;
                return Ok(url);
            }
        }
    }

    /// Until the program ends, is refused, or is to stop. An address that changes meanwhile is taken over.
    async fn ends(&self, running: &mut Running, url: &Url, known: &mut Option<Url>) -> End {
        loop {
            match self.address(running).await {
                Ok(next) if next == *url => {}
                Ok(next) => {
                    *known = None;
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

    async fn keep_looking(&self, url: &Url) -> Infallible {
        let mut failed = 0;
        loop {
            let pause = match self.outside.look(url).await {
                Ok(()) => {
                    failed = 0;
                    self.tell(State::Reachable { url: url.clone() });
                    LOOK_LATER
                }
                Err(doubt) => {
                    failed += 1;
                    if failed >= LOOKS {
                        self.tell(State::Up { url: url.clone(), doubt: Some(doubt) });
                    }
                    LOOK_AGAIN
                }
            };
            tokio::time::sleep(pause).await;
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

// === impl Running ===

impl Running {
    fn start(shape: &Shape) -> std::io::Result<Self> {
        let mut command = guarded(shape);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut wrapped = CommandWrap::from(command);
        wrapped.wrap(KillOnDrop);
        // A group of its own: Ctrl-C is for us, and what it starts goes with it.
        #[cfg(unix)]
        wrapped.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrapped.wrap(process_wrap::tokio::JobObject);
        let mut child = wrapped.spawn()?;
        let (sender, lines) = mpsc::channel(LINES);
        if let Some(output) = child.stdout().take() {
            tokio::spawn(pass_on(output, sender.clone()));
        }
        if let Some(output) = child.stderr().take() {
            tokio::spawn(pass_on(output, sender));
        }
        Ok(Self { child, lines, last_words: String::new(), opened: false })
    }

    fn note(&mut self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.last_words = line.chars().filter(|c| !c.is_control()).take(LAST_WORDS).collect();
        }
    }

    fn words(&self) -> String {
        if self.last_words.is_empty() {
            String::new()
        } else {
            format!("; its last words: {}", self.last_words)
        }
    }

    /// Its output is over.
    async fn ended(&mut self) -> End {
        let how = match self.child.wait().await {
            // What a shell says of a program that is not there, or may not be run.
            Ok(status) if cfg!(unix) && !self.opened && matches!(status.code(), Some(126 | 127)) => {
                return End::Refused {
                    reason: format!("the program could not be started{}", self.words()),
                    hint: "check that it is there and may be run".to_owned(),
                };
            }
            Ok(status) => told(status),
            Err(error) => error.to_string(),
        };
        End::Lost {
            reason: format!("the program ended ({how}){}", self.words()),
            hint: "it is started again by itself; if it stays, run it in a terminal to see what it says"
                .to_owned(),
        }
    }

    async fn end(&mut self) {
        // An error means that it is gone.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }
}

/// The program, so that it ends when we do.
#[cfg(unix)]
fn guarded(shape: &Shape) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARD, "sh"]).arg(&shape.program).args(&shape.args).stdin(Stdio::piped());
    command
}

/// The job object it runs in ends it with us.
#[cfg(windows)]
fn guarded(shape: &Shape) -> Command {
    let mut command = Command::new(&shape.program);
    command.args(&shape.args).stdin(Stdio::null());
    command
}

fn told(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "killed".to_owned(),
    }
}

/// Line by line, each cut to what is looked at. Ends with the output, or when nobody reads any more.
async fn pass_on(output: impl AsyncRead + Unpin, to: mpsc::Sender<String>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        let (taken, ends) = {
            let Ok(chunk) = reader.fill_buf().await else { return };
            if chunk.is_empty() {
                break;
            }
            // Carriage returns end a line as well: progress is drawn over itself.
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = LONGEST_LINE.saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            (end.map_or(chunk.len(), |end| end + 1), end.is_some())
        };
        reader.consume(taken);
        if ends && to.send(String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned()).await.is_err() {
            return;
        }
    }
    if !line.is_empty() {
        let _ = to.send(String::from_utf8_lossy(&line).into_owned()).await;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::path::Path;

    use super::*;

    /// What happens to the pipe when this process is killed: the kernel closes our end.
    #[tokio::test]
    async fn whatever_ends_us_ends_the_program_and_what_it_started() {
        let script = "sleep 600 & echo $$ $!; wait";
        let shape = Shape::of_command(&format!("sh -c '{script}' {{port}}"), 1).unwrap();
        let mut running = Running::start(&shape).unwrap();
        let pids = running.lines.recv().await.unwrap();
        let alive = |pid: &str| {
            let status =
                std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
            !status.is_empty() && !status.contains(") Z")
        };
        assert!(pids.split(' ').all(alive), "{pids}");
        drop(running.child.stdin().take());
        assert!(!running.child.wait().await.unwrap().success());
        // What the program started is ended by the same signal, though reaped by whoever inherits it.
        for _ in 0..500 {
            if !pids.split(' ').any(alive) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still there: {pids}");
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_is_refused_with_what_the_system_says() {
        let shape = Shape::of_command("/nowhere/tunnel {port}", 1).unwrap();
        let mut running = Running::start(&shape).unwrap();
        while let Some(line) = running.lines.recv().await {
            running.note(&line);
        }
        let End::Refused { reason, .. } = running.ended().await else { panic!("not refused") };
        assert!(reason.contains("not found"), "{reason}");
    }
}
