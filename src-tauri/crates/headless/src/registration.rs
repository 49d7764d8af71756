//! The app registration from a terminal: printed as a script, or made step by step.
//!
//! The engine does it; here it is told and asked about.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use engine::Engine;
use engine::api::{Api, ApiEvent};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::arguments::{Form, Registration};
use crate::{sources, world};

pub(crate) fn run(wanted: &Registration) -> anyhow::Result<ExitCode> {
    let engine = Engine::new(sources(&wanted.serve)?, world(&wanted.serve)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let api = engine.api();
        if let Some(form) = wanted.form {
            return print(&api, wanted, form).await;
        }
        let made = tokio::select! {
            made = create(&api, wanted) => made,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped")),
        };
        // What was made and is not finished is removed first.
        engine.stop().await;
        if made.is_err()
            && let Ok(state) = call(&api, "creation", Value::Null).await
            && state["is"] == "failed"
        {
            failed(&state);
        }
        made
    });
    // Whoever is still asked in the terminal need not answer any more.
    runtime.shutdown_background();
    done
}

async fn call(api: &Api, command: &str, payload: Value) -> anyhow::Result<Value> {
    let asked = api.call(command, payload).await;
    asked.map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))
}

#[expect(clippy::print_stdout, reason = "the text is this command's output")]
async fn print(api: &Api, wanted: &Registration, form: Form) -> anyhow::Result<ExitCode> {
    let wish = json!({ "name": wanted.name, "any_directory": wanted.any_directory });
    let texts = call(api, "registration", wish).await?;
    let field = match form {
        Form::Az => "az",
        Form::Manifest => "manifest",
        Form::Terraform => "terraform",
        Form::Bicep => "bicep",
    };
    print!("{}", texts[field].as_str().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "a person reads and answers in the terminal")]
async fn create(api: &Api, wanted: &Registration) -> anyhow::Result<ExitCode> {
    let mut events = api.subscribe();
    let wish = json!({ "name": wanted.name, "any_directory": wanted.any_directory });
    let mut state = call(api, "begin_creation", wish).await?;
    let mut done = 0;
    loop {
        let text = |name: &str| state[name].as_str().unwrap_or_default().to_owned();
        match text("is").as_str() {
            "sign_in" => {
                println!("Open {} and enter the code {}", text("link"), text("code"));
                println!("Waiting for the sign-in. Ctrl-C stops it.");
            }
            "planned" => {
                plan(&state);
                let answer = if asked("Make these calls? [y/N] ").await? { "confirm" } else { "cancel" };
                call(api, &format!("{answer}_creation"), Value::Null).await?;
            }
            "making" => {
                let now = usize::try_from(state["done"].as_u64().unwrap_or_default()).unwrap_or_default();
                for call in state["calls"].as_array().into_iter().flatten().take(now).skip(done) {
                    println!("ok      {}", call["what"].as_str().unwrap_or_default());
                }
                done = now;
            }
            "undoing" => println!("That did not work; removing what was made."),
            "done" => {
                println!("Done. Client ID {}, directory {}.", text("client_id"), text("tenant"));
                println!(
                    "It is in the settings, the secret sealed in the data folder. Start the server, or restart \
                     it if it runs."
                );
                return Ok(ExitCode::SUCCESS);
            }
            "failed" => {
                failed(&state);
                return Ok(ExitCode::FAILURE);
            }
            _ => {
                println!("Nothing was made.");
                return Ok(ExitCode::FAILURE);
            }
        }
        state = next(&mut events, &state).await?;
    }
}

/// The next state that is another one than the last.
async fn next(events: &mut Receiver<ApiEvent>, last: &Value) -> anyhow::Result<Value> {
    loop {
        if let ApiEvent::CreationChanged(state) = events.recv().await? {
            let state = serde_json::to_value(state)?;
            if state != *last {
                return Ok(state);
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "a person reads and answers in the terminal")]
fn plan(state: &Value) {
    let text = |name: &str| state[name].as_str().unwrap_or_default();
    println!("\nSigned in as {} in the directory {}. What will be done:\n", text("username"), text("tenant"));
    for (at, call) in state["calls"].as_array().into_iter().flatten().enumerate() {
        let part = |name: &str| call[name].as_str().unwrap_or_default();
        println!("{}. {}\n   {} {}", at + 1, part("what"), part("method"), part("path"));
    }
    println!();
}

#[expect(clippy::print_stdout, reason = "a person reads and answers in the terminal")]
fn failed(state: &Value) {
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let code = state["code"].as_u64().map(|code| format!(" (AADSTS{code})")).unwrap_or_default();
    println!("FAILED  {}{code}\n        {}", text(state, "what"), text(state, "hint"));
    let undone = &state["undone"];
    let name = text(undone, "name");
    match undone["is"].as_str() {
        Some("removed") => println!(
            "The app registration \"{name}\" was removed again. For 30 days it is among the directory's deleted \
             applications."
        ),
        Some("left") => {
            let which = match undone["client_id"].as_str() {
                Some(id) => format!("\"{name}\" ({id}) is left"),
                None => format!("\"{name}\" may have been made"),
            };
            println!(
                "The app registration {which}. Delete it under App registrations. {}",
                text(undone, "link")
            );
        }
        _ => println!("Nothing was made."),
    }
}

/// Reading a terminal cannot be stopped, so it is left to a thread of its own.
#[expect(clippy::print_stdout, reason = "a person reads and answers in the terminal")]
async fn asked(question: &str) -> anyhow::Result<bool> {
    print!("{question}");
    std::io::stdout().flush()?;
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = line.await??;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
