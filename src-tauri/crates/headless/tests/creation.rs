//! `registration --create` as a process: made, stopped in the middle of any call, stopped twice, killed, and run by a script.
//! What the directory has afterwards is nothing, or the program said what.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use engine::system::SystemClock;
use tempfile::TempDir;
use testkit::Directory;
use testkit::directory::{Ends, Held};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);
const CALLS: std::ops::RangeInclusive<usize> = 1..=5;
/// What every secret of the practice tenant begins with.
const SECRET: &str = "practice~";

/// A directory, and a data folder to register from.
struct Office {
    directory: Directory,
    folder: TempDir,
}

/// The program in a terminal.
struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    pieces: UnboundedReceiver<String>,
    said: String,
}

/// What a program said, and its exit code.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    said: String,
}

impl Office {
    async fn open() -> Self {
        let directory = Directory::start(Arc::new(SystemClock)).await;
        Self { directory, folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.path("stderr.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_just-mcp-oauth-proxyd"));
        command.env_clear().env("HOME", self.folder.path()).env("JMOP_LOG", "trace");
        command.args(["registration", "--create", "--entra-authority", &self.directory.base]);
        command.arg("--data-dir").arg(self.path("data"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begins(&self) -> Terminal {
        Terminal::of(self.command().spawn().unwrap())
    }

    async fn enters_as(&self, person: &str, terminal: &mut Terminal) {
        terminal.says("Waiting for the sign-in").await;
        let code = terminal.said.split("enter the code ").nth(1).unwrap().split_whitespace().next().unwrap();
        self.directory.enters(code, person).await;
    }

    async fn signs_in(&self, person: &str) -> Terminal {
        let mut terminal = self.begins();
        self.enters_as(person, &mut terminal).await;
        terminal.says("[y/N] ").await;
        terminal
    }

    /// Up to the call that is held.
    async fn is_held_at(&self, call: usize, ends: Ends) -> (Terminal, Held) {
        let mut terminal = self.signs_in("ada").await;
        let held = self.directory.holds(call, ends);
        terminal.types("y\n");
        held.arrived().await;
        (terminal, held)
    }

    /// How many applications there are, and how many deleted items.
    fn has(&self) -> (usize, usize) {
        (self.directory.practice.registered(), self.directory.practice.deleted())
    }

    fn note(&self) -> Option<String> {
        std::fs::read_to_string(self.path("data/registration.json")).ok()
    }

    /// Nothing of it on the disk either: no secret in clear, no secret of an application that is gone.
    fn keeps_no_secret(&self) {
        assert!(!self.path("data/secrets.json").exists());
        tells_no_secret(self.folder.path());
    }
}

impl Terminal {
    fn of(mut child: Child) -> Self {
        let (tell, pieces) = unbounded_channel();
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut piece) {
                let _ = tell.send(String::from_utf8_lossy(&piece[..read]).into_owned());
            }
        });
        let keyboard = child.stdin.take();
        Self { child, keyboard, pieces, said: String::new() }
    }

    async fn says(&mut self, what: &str) {
        while !self.said.contains(what) {
            let piece = tokio::time::timeout(PATIENCE, self.pieces.recv()).await;
            let piece = piece.unwrap_or_else(|_| panic!("never said {what:?}: {}", self.said));
            self.said += &piece.unwrap_or_else(|| panic!("ended without {what:?}: {}", self.said));
        }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    async fn ends(mut self) -> Ended {
        while let Some(piece) = tokio::time::timeout(PATIENCE, self.pieces.recv()).await.unwrap() {
            self.said += &piece;
        }
        Ended { code: self.child.wait().unwrap().code(), said: std::mem::take(&mut self.said) }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    fn with(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.said);
        for part in parts {
            assert!(self.said.contains(part), "{part:?} in: {}", self.said);
        }
        assert!(!self.said.contains(SECRET), "{}", self.said);
    }
}

fn tells_no_secret(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tells_no_secret(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(SECRET), "a secret is in {}", path.display());
        }
    }
}

/// The same at every call, all at once.
async fn at_every_call<F: Future<Output = ()> + Send + 'static>(story: impl Fn(usize) -> F) {
    let mut stories = tokio::task::JoinSet::new();
    for call in CALLS {
        stories.spawn(story(call));
    }
    stories.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_is_in_the_settings_and_its_secret_is_shown_nowhere() {
    let office = Office::open().await;
    let mut terminal = office.signs_in("ada").await;
    let plan = terminal.said.clone();
    for call in ["POST /v1.0/applications/{id}/owners/$ref", "DELETE /v1.0/directory/deletedItems/{id}"] {
        assert!(plan.contains(call), "{plan}");
    }
    assert_eq!(office.has(), (0, 0), "nothing is made before somebody agrees");
    terminal.types("y\n");
    let ended = terminal.ends().await;
    ended.with(0, &["ok      Register the application", "ok      Make a client secret", "Done. Client ID "]);
    assert_eq!(office.has(), (1, 0));
    assert!(office.path("data/secrets.json").exists());
    let found = Command::new(env!("CARGO_BIN_EXE_just-mcp-oauth-proxyd"))
        .args(["check", "--json"])
        .env_clear()
        .env("HOME", office.folder.path())
        .args(["--data-dir", office.path("data").to_str().unwrap()])
        .output()
        .unwrap();
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["steps"][0]["what"], format!("the sign-in host answers: {}", office.directory.base));
    assert_eq!(office.note(), None);
    tells_no_secret(office.folder.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_answers_before_it_is_asked_and_one_that_does_not_is_told_how_to() {
    let office = Office::open().await;
    let mut terminal = Terminal::of(office.command().stdin(Stdio::null()).spawn().unwrap());
    office.enters_as("ada", &mut terminal).await;
    terminal.ends().await.with(1, &["echo y | ", "Nothing was made."]);
    assert_eq!((office.has(), office.note()), ((0, 0), None));

    let mut terminal = office.begins();
    terminal.types("y\n");
    drop(terminal.keyboard.take());
    office.enters_as("ada", &mut terminal).await;
    terminal.ends().await.with(0, &["Done. Client ID "]);
    assert_eq!(office.has(), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_may_not_is_told_who_may() {
    let office = Office::open().await;
    let mut terminal = office.signs_in("ben").await;
    terminal.types("y\n");
    terminal.ends().await.with(1, &["FAILED", "Application Developer", "Nothing was made."]);
    assert_eq!((office.has(), office.note()), ((0, 0), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_the_next_run_says_what_there_may_be() {
    let office = Office::open().await;
    let (mut terminal, _held) = office.is_held_at(2, Ends::Answered).await;
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    let note: serde_json::Value = serde_json::from_str(&office.note().unwrap()).unwrap();
    let next = office.begins().ends().await;
    let id = note["client_id"].as_str().unwrap();
    next.with(3, &["an earlier try", &format!("az ad app delete --id {id}"), "registration.json"]);
    assert_eq!(office.has(), (1, 0));
    office.keeps_no_secret();
}

#[cfg(unix)]
mod signals {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn before_somebody_agreed_there_is_nothing_to_undo() {
        for signal in ["INT", "TERM", "HUP"] {
            let office = Office::open().await;
            let mut waiting = office.begins();
            waiting.says("Waiting for the sign-in").await;
            waiting.signal(signal);
            waiting.ends().await.with(1, &["Stopping.", "Nothing was made."]);

            let asked = office.signs_in("ada").await;
            asked.signal(signal);
            asked.ends().await.with(1, &["Stopping.", "Nothing was made."]);
            assert_eq!((office.has(), office.note()), ((0, 0), None), "{signal}");
        }
    }

    /// What was sent is waited for, and what it made is removed: also a secret that came in the meantime.
    async fn is_stopped(signal: &'static str, ends: Ends, call: usize) {
        let office = Office::open().await;
        let (mut terminal, held) = office.is_held_at(call, ends).await;
        terminal.signal(signal);
        terminal.says("Stopping: ").await;
        // Only Ctrl-C counts twice: what stops programs sends SIGTERM to a whole group, and its parent passes it on.
        terminal.signal("TERM");
        held.let_go();
        terminal.ends().await.with(1, &["Removing what was made.", "was removed again"]);
        assert_eq!((office.has(), office.note()), ((0, 0), None), "call {call}");
        office.keeps_no_secret();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ctrl_c_in_the_middle_of_any_call_leaves_nothing() {
        at_every_call(|call| is_stopped("INT", Ends::Answered, call)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn so_does_sigterm() {
        at_every_call(|call| is_stopped("TERM", Ends::Answered, call)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_that_gets_lost_then_leaves_nothing_either() {
        let first = is_stopped("INT", Ends::AnswerLost, 1);
        let secret = is_stopped("INT", Ends::AnswerLost, 5);
        tokio::join!(first, secret);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_cannot_be_removed_is_named_with_how_to_and_again_by_the_next_run() {
        at_every_call(|call| async move {
            let office = Office::open().await;
            let (mut terminal, held) = office.is_held_at(call, Ends::Kept).await;
            terminal.signal("INT");
            terminal.says("Stopping: ").await;
            held.let_go();
            let ended = terminal.ends().await;
            let note: serde_json::Value = serde_json::from_str(&office.note().unwrap()).unwrap();
            let how = format!("az ad app delete --id {}", note["client_id"].as_str().unwrap());
            ended.with(3, &["\"Just MCP OAuth Proxy\"", &how, "is left at Microsoft"]);
            assert_eq!(office.has(), (1, 0), "call {call}");
            let next = office.begins().ends().await;
            next.with(3, &["an earlier try", &how]);
            office.keeps_no_secret();
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn told_twice_it_leaves_at_once_and_says_what_there_may_be() {
        at_every_call(|call| async move {
            let office = Office::open().await;
            let (mut terminal, _held) = office.is_held_at(call, Ends::Answered).await;
            terminal.signal("INT");
            terminal.says("Ctrl-C again leaves at once").await;
            terminal.signal("INT");
            let ended = terminal.ends().await;
            let note: serde_json::Value = serde_json::from_str(&office.note().unwrap()).unwrap();
            if let Some(id) = note["client_id"].as_str() {
                ended.with(3, &["Left without waiting.", &format!("az ad app delete --id {id}")]);
            } else {
                assert_eq!(call, 1);
                ended.with(3, &["may have been made", note["marker"].as_str().unwrap()]);
            }
            assert_eq!(office.has(), (usize::from(call > 1), 0), "call {call}");
            office.keeps_no_secret();
        })
        .await;
    }
}
