//! A program that opens a public address: started in a group of its own, read line by line, ended with all it started.

use std::process::{ExitStatus, Stdio};

use async_trait::async_trait;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use url::Url;

use crate::programs::{Shape, Then, Words};
use crate::supervisor::{Attempt, End, Opener, quoted};

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

/// A program that runs.
struct Running {
    child: Box<dyn ChildWrapper>,
    lines: mpsc::Receiver<String>,
    shape: Shape,
    last_words: String,
    /// What it said last of what is in the way, if that did not end it.
    trouble: Option<&'static Words>,
    /// It has said an address, so it is there and runs.
    opened: bool,
}

// === impl Shape ===

impl Opener for Shape {
    fn start(&self) -> Result<Box<dyn Attempt>, End> {
        self.settles_keys();
        match Running::start(self) {
            Ok(running) => Ok(Box::new(running)),
            Err(error) => Err(End::Refused {
                reason: format!("`{}` could not be started: {error}", self.program.display()),
                hint: "check that the program is there and may be run".to_owned(),
            }),
        }
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
        Ok(Self {
            child,
            lines,
            shape: shape.clone(),
            last_words: String::new(),
            trouble: None,
            opened: false,
        })
    }

    fn note(&mut self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.last_words = line.chars().filter(|c| !c.is_control()).take(LAST_WORDS).collect();
        }
    }

    /// How it ends because of these words, if it does.
    fn ends_by(&mut self, words: &'static Words) -> Option<End> {
        let missing = self.trouble.filter(|trouble| trouble.then == Then::KeyIsMissing);
        let told = |words: &Words| (words.reason.to_owned(), self.shape.hint(words).to_owned());
        match words.then {
            Then::Refused => {
                let (reason, hint) = told(missing.unwrap_or(words));
                Some(End::Refused { reason, hint })
            }
            Then::RefusedAtFirst => {
                let (reason, hint) = told(words);
                Some(End::RefusedAtFirst { reason, hint })
            }
            Then::TriedAgain | Then::KeyIsMissing => {
                // Once it is open such words are about something that comes through it.
                if !self.opened {
                    self.trouble = Some(words);
                }
                None
            }
        }
    }

    /// Its output is over.
    async fn ended(&mut self) -> End {
        let how = match self.child.wait().await {
            // What a shell says of a program that is not there, or may not be run.
            Ok(status) if cfg!(unix) && !self.opened && matches!(status.code(), Some(126 | 127)) => {
                return End::Refused {
                    reason: format!("the program could not be started{}", quoted(&self.last_words)),
                    hint: "check that it is there and may be run".to_owned(),
                };
            }
            Ok(status) => told(status),
            Err(error) => error.to_string(),
        };
        if let Some(words) = self.trouble.filter(|words| words.then == Then::TriedAgain) {
            let reason = format!("{}{}", words.reason, quoted(&self.last_words));
            return End::Lost { reason, hint: self.shape.hint(words).to_owned() };
        }
        End::Lost {
            reason: format!("the program ended ({how}){}", quoted(&self.last_words)),
            hint: "it is started again by itself; if it stays, run it in a terminal to see what it says"
                .to_owned(),
        }
    }
}

#[async_trait]
impl Attempt for Running {
    async fn next(&mut self) -> Result<Url, End> {
        loop {
            let Some(line) = self.lines.recv().await else { return Err(self.ended().await) };
            let end = self.shape.other_key_in(&line);
            let end = end.or_else(|| self.shape.words_in(&line).and_then(|words| self.ends_by(words)));
            if let Some(end) = end {
                return Err(end);
            }
            if !self.shape.is_chatter(&line) {
                self.note(&line);
            }
            if let Some(url) = self.shape.address_in(&line) {
                (self.opened, self.trouble) = (true, None);
                return Ok(url);
            }
        }
    }

    fn last_words(&self) -> String {
        self.last_words.clone()
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
    use std::time::Duration;

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
