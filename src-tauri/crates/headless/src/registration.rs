//! The app registration from a terminal: printed as a script, or made step by step.
//!
//! The engine does it; here it is told and asked about. Somebody who stops it is told what became of it, and whoever cannot
//! wait for that is told what there may be.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use engine::Engine;
use engine::api::{Api, ApiEvent};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::arguments::{Form, Registration};
use crate::signals::{Asked, Signals};
use crate::{sources, world};

/// Exit code where something is or may be left at Microsoft.
const LEFT: u8 = 3;

/// What was told already.
#[derive(Default)]
struct Told {
    /// So many calls.
    done: u64,
    undoing: bool,
    stopping: bool,
}

/// What the terminal has to say.
enum Answer {
    Yes,
    No,
    /// Nothing more can be read.
    Ended,
}

pub(crate) fn run(wanted: &Registration) -> anyhow::Result<ExitCode> {
    let engine = Engine::new(sources(&wanted.serve)?, world(&wanted.serve)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let api = engine.api();
        match wanted.form {
            Some(form) => print(&api, wanted, form).await,
            None => create(&api, wanted, Signals::of_terminal()?).await,
        }
    });
    // Whoever is still asked in the terminal need not answer any more.
    runtime.shutdown_background();
    done
}

async fn call(api: &Api, command: &str, payload: Value) -> anyhow::Result<Value> {
    let asked = api.call(command, payload).await;
    asked.map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))
}

async fn print(api: &Api, wanted: &Registration, form: Form) -> anyhow::Result<ExitCode> {
    let wish = json!({ "name": wanted.name, "any_directory": wanted.any_directory });
    let texts = call(api, "registration", wish).await?;
    let field = match form {
        Form::Az => "az",
        Form::Manifest => "manifest",
        Form::Terraform => "terraform",
        Form::Bicep => "bicep",
    };
    // A file that it is led to has to have all of it.
    write(text(&texts, field)).context("the registration could not be written out")?;
    Ok(ExitCode::SUCCESS)
}

async fn create(api: &Api, wanted: &Registration, mut signals: Signals) -> anyhow::Result<ExitCode> {
    let mut events = api.subscribe();
    let wish = json!({ "name": wanted.name, "any_directory": wanted.any_directory });
    let begun = tokio::select! {
        begun = call(api, "begin_creation", wish) => begun,
        _ = signals.next() => return Ok(ended_with(&json!({ "is": "nothing" }))),
    };
    let mut newest = match begun {
        Ok(state) => state,
        Err(error) => return not_begun(api, error).await,
    };
    let (mut state, mut told, mut question) = (Value::Null, Told::default(), None);
    loop {
        if newest != state {
            state = newest;
            if let Some(code) = tell(&state, &mut told) {
                return Ok(code);
            }
            if state["is"] == "planned" {
                question = Some(ask("Make these calls? [y/N] "));
            }
        }
        newest = tokio::select! {
            biased;
            asked = signals.next() => {
                if told.stopping && asked == Asked::ByCtrlC {
                    // What was told last may be older.
                    let now = call(api, "creation", Value::Null).await?;
                    return Ok(tell(&now, &mut told).unwrap_or_else(|| left_at_once(&now)));
                }
                if !std::mem::replace(&mut told.stopping, true) {
                    stopping(&state);
                }
                call(api, "cancel_creation", Value::Null).await?
            }
            answer = answer_to(question.as_mut()) => {
                question = None;
                let command = match answer {
                    Answer::Yes => "confirm_creation",
                    Answer::No => "cancel_creation",
                    Answer::Ended => {
                        say("\nNobody answered. A script can: echo y | just-mcp-oauth-proxyd registration --create\n");
                        "cancel_creation"
                    }
                };
                call(api, command, Value::Null).await?
            }
            next = next(api, &mut events) => next?,
        };
    }
}

/// An earlier try may have left something, which is seen to first.
async fn not_begun(api: &Api, error: anyhow::Error) -> anyhow::Result<ExitCode> {
    let before = call(api, "creation", Value::Null).await?;
    if before["undone"]["is"] != "left" {
        return Err(error);
    }
    say(&format!("FAILED  {error}\n"));
    Ok(ended_with(&before["undone"]))
}

/// Some states are told together where they come fast; the newest counts.
async fn next(api: &Api, events: &mut Receiver<ApiEvent>) -> anyhow::Result<Value> {
    loop {
        match events.recv().await {
            Ok(ApiEvent::CreationChanged(state)) => return Ok(serde_json::to_value(state)?),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return call(api, "creation", Value::Null).await,
            Err(closed @ RecvError::Closed) => return Err(closed.into()),
        }
    }
}

/// What is new in it, once; the exit code, if it is over.
fn tell(state: &Value, told: &mut Told) -> Option<ExitCode> {
    match text(state, "is") {
        "sign_in" if !told.stopping => say(&format!(
            "Open {} and enter the code {}\nWaiting for the sign-in. Ctrl-C stops it.\n",
            text(state, "link"),
            text(state, "code")
        )),
        "planned" if !told.stopping => plan(state),
        "making" | "undoing" => {
            let (now, before) = (state["done"].as_u64().unwrap_or_default(), told.done);
            for (_, call) in (0..now).zip(list(state, "calls")).filter(|(at, _)| *at >= before) {
                say(&format!("ok      {}\n", text(call, "what")));
            }
            told.done = now.max(before);
            if state["is"] == "undoing" && !std::mem::replace(&mut told.undoing, true) {
                say("Removing what was made.\n");
            }
        }
        "done" => {
            done(state);
            return Some(ExitCode::SUCCESS);
        }
        "failed" => {
            let code = state["code"].as_u64().map(|code| format!(" (AADSTS{code})")).unwrap_or_default();
            say(&format!("FAILED  {}{code}\n        {}\n", text(state, "what"), text(state, "hint")));
            return Some(ended_with(&state["undone"]));
        }
        "idle" => return Some(ended_with(&json!({ "is": "nothing" }))),
        _ => {}
    }
    None
}

fn plan(state: &Value) {
    let (who, tenant) = (text(state, "username"), text(state, "tenant"));
    say(&format!("\nSigned in as {who} in the directory {tenant}. What will be done:\n\n"));
    for (at, call) in list(state, "calls").enumerate() {
        let at = at + 1;
        say(&format!("{at}. {}\n   {} {}\n", text(call, "what"), text(call, "method"), text(call, "path")));
    }
    say("\nOnly if something fails or you stop it:\n\n");
    for call in list(state, "undo") {
        say(&format!("-  {}\n   {} {}\n", text(call, "what"), text(call, "method"), text(call, "path")));
    }
    say("\n");
}

fn done(state: &Value) {
    say(&format!(
        "Done. Client ID {}, directory {}.\nIt is in the settings, the secret sealed in the data folder. Start the \
         server, or restart it if it runs.\n",
        text(state, "client_id"),
        text(state, "tenant")
    ));
    if state["is_owner"] == false {
        say(
            "You are not listed as its owner, because this directory did not let you be added. It works without; an \
             administrator can add owners under App registrations > Owners.\n",
        );
    }
}

fn stopping(state: &Value) {
    say(match text(state, "is") {
        "making" | "undoing" => {
            "\nStopping: the call that is under way is waited for, then what was made is removed. Ctrl-C again leaves at \
             once and says what may be left.\n"
        }
        _ => "\nStopping.\n",
    });
}

fn left_at_once(state: &Value) -> ExitCode {
    say("Left without waiting. What there is now, unless a call under way still changes it:\n");
    ended_with(&state["left"])
}

/// Says what is left, and how to remove it; the exit code that goes with it.
fn ended_with(left: &Value) -> ExitCode {
    let (name, link) = (text(left, "name"), text(left, "link"));
    let id = left["client_id"].as_str();
    match text(left, "is") {
        "left" => {
            let list = if link.is_empty() { String::new() } else { format!(": {link}") };
            say(&match id {
                Some(id) => format!(
                    "The app registration \"{name}\", client ID {id}, is left at Microsoft. Delete it with\n        az ad app \
                     delete --id {id}\n        or in the portal under App registrations{list}\n"
                ),
                None => format!(
                    "The app registration \"{name}\" may have been made at Microsoft. Look under App registrations for one that \
                     has the tag\n        {}\n        in its manifest, and delete it if it is there{list}\n",
                    text(left, "tag")
                ),
            });
            ExitCode::from(LEFT)
        }
        "removed" => {
            let id = id.map(|id| format!(", client ID {id},")).unwrap_or_default();
            say(&format!("The app registration \"{name}\"{id} was removed again"));
            say(if left["for_good"] == true {
                ", for good.\n"
            } else {
                ". For 30 days it can be restored, under App registrations > Deleted applications; it is in nobody's way \
                 there.\n"
            });
            ExitCode::FAILURE
        }
        _ => {
            say("Nothing was made.\n");
            ExitCode::FAILURE
        }
    }
}

/// Reading a terminal cannot be stopped, so it is left to a thread of its own.
fn ask(question: &str) -> JoinHandle<Answer> {
    say(question);
    tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => Answer::Ended,
            Ok(_) => match line.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => Answer::Yes,
                _ => Answer::No,
            },
        }
    })
}

/// Never, if nothing is asked.
async fn answer_to(question: Option<&mut JoinHandle<Answer>>) -> Answer {
    match question {
        Some(question) => question.await.unwrap_or(Answer::Ended),
        None => std::future::pending().await,
    }
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().into_iter().flatten()
}

/// A reader that has gone away must not end what is being made in the middle.
fn say(text: &str) {
    let _ = write(text);
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
