//! `check`: what is found out about the app registration, without a sign-in or by one that nobody keeps, and about the public
//! address of the settings.

use std::process::ExitCode;
use std::time::Duration;

use engine::settings::SettingsDraft;
use engine::{Engine, NotStarted, Sources, StartError};
use model::settings::Identity;
use model::upstream::Fixer;
use serde_json::{Value, json};

use crate::arguments::Check;
use crate::signals::Signals;
use crate::{sources, world};

/// Between two looks at how the test sign-in stands.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Nothing is registered at the practice tenant, so any port does there, and whatever runs meanwhile is not in the way.
const ASIDE: [(&str, &str, &str); 3] = [
    ("server.listen", "127.0.0.1:0", "--sign-in"),
    ("practice.listen", "127.0.0.1:0", "--sign-in"),
    ("storage.database_url", "memory", "--sign-in"),
];

pub(crate) fn run(check: &Check) -> anyhow::Result<ExitCode> {
    let (sources, world) = (sources(&check.serve)?, world(&check.serve)?);
    let engine = Engine::new(sources.clone(), world.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = engine.validated().await?;
        let is_public = settings.server.public_url.is_some();
        if !check.sign_in {
            let found = call(&engine, "check_entra", Value::Null).await?;
            let found = with_outside(&engine, found, is_public).await?;
            return Ok(told(&found, check.json, found["passed"] == true));
        }
        let engine = match settings.identity {
            Identity::Practice(_) => {
                let above = sources.above.clone().overlay(SettingsDraft::from_command_line(ASIDE));
                Engine::new(Sources { above, ..sources }, world)
            }
            Identity::Entra(_) => engine,
        };
        let mut stop = Signals::new()?;
        engine.start().await.map_err(explained)?;
        let done = tokio::select! {
            done = sign_in(&engine, check.json, is_public) => done,
            _ = stop.next() => Err(anyhow::anyhow!("stopped before anybody had signed in; nothing was kept")),
        };
        engine.stop().await;
        done
    })
}

/// The server is there for this only; at Entra on the address that is registered to send people back to.
async fn sign_in(engine: &Engine, json: bool, is_public: bool) -> anyhow::Result<ExitCode> {
    let mut state = call(engine, "begin_test_sign_in", Value::Null).await?;
    invite(state["link"].as_str().unwrap_or_default(), json);
    while state["is"] == "waiting" {
        tokio::time::sleep(LOOK_EVERY).await;
        state = call(engine, "test_sign_in", Value::Null).await?;
    }
    let found = call(engine, "check_entra", json!({ "signed_in": true })).await?;
    let found = with_outside(engine, found, is_public).await?;
    Ok(told(&found, json, found["passed"] == true && state["passed"] == true))
}

/// Where the settings name a public address, how it looks from outside comes last.
async fn with_outside(engine: &Engine, mut found: Value, is_public: bool) -> anyhow::Result<Value> {
    if is_public {
        let mut outside = call(engine, "look_outside", Value::Null).await?;
        if let (Some(steps), Some(more)) = (found["steps"].as_array_mut(), outside["steps"].as_array_mut()) {
            steps.append(more);
        }
        found["passed"] = json!(found["passed"] == true && outside["passed"] == true);
    }
    Ok(found)
}

async fn call(engine: &Engine, command: &str, payload: Value) -> anyhow::Result<Value> {
    let answer = engine.api().call(command, payload).await;
    answer.map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))
}

/// A running server has the address, and only it can be come back to.
fn explained(error: NotStarted) -> anyhow::Error {
    match error {
        NotStarted::Start(StartError::PortInUse { address, .. }) => anyhow::anyhow!(
            "port {} on {} is already in use; if this server runs there, press Test sign-in on the Entra page of its window \
             or console, or stop it first",
            address.port(),
            address.ip()
        ),
        NotStarted::Start(StartError::FolderInUse { by, .. }) => anyhow::anyhow!(
            "the server runs{by}; press Test sign-in on the Entra page of its window or console, or stop it first"
        ),
        error => error.into(),
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "somebody has to open the link")]
fn invite(link: &str, json: bool) {
    let text =
        format!("Open this link in a browser on this computer and sign in, within 10 minutes:\n{link}");
    if json {
        eprintln!("{text}");
    } else {
        println!("{text}\n");
    }
}

/// A remedy as a line.
fn way(remedy: &Value) -> Option<String> {
    let text = |name: &str| remedy[name].as_str().unwrap_or_default();
    match remedy["does"].as_str()? {
        "open" => Some(format!("{}: {}", text("page"), text("url"))),
        "change" if remedy["to"].is_string() => Some(format!("set {} to {}", text("setting"), text("to"))),
        "change" => Some(format!("setting: {}", text("setting"))),
        "sign_in" => Some("check --sign-in tells more".to_owned()),
        _ => None,
    }
}

/// Who can mend it, in words.
fn who(fixer: &str) -> Option<&'static str> {
    let known =
        Fixer::ALL.into_iter().find(|known| serde_json::to_value(known).is_ok_and(|name| name == fixer));
    known.map(Fixer::sentence)
}

/// What was found, as text or JSON on stdout.
#[expect(clippy::print_stdout, reason = "what was found is this command's output")]
fn told(found: &Value, json: bool, passed: bool) -> ExitCode {
    if json {
        println!("{found:#}");
    } else {
        for step in found["steps"].as_array().into_iter().flatten() {
            let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
            let mark = match step["outcome"].as_str() {
                Some("passed") => "ok     ",
                Some("failed") => "FAILED ",
                Some("noted") => "note   ",
                _ => "?      ",
            };
            let code = step["code"].as_u64().map(|code| format!(" (AADSTS{code})")).unwrap_or_default();
            println!("{mark} {:<16} {}{code}", text("about"), text("what"));
            let ways = step["remedies"].as_array().into_iter().flatten().filter_map(way);
            let who = step["fixer"].as_str().and_then(who).unwrap_or_default().to_owned();
            for more in [text("hint"), who].into_iter().chain(ways).filter(|more| !more.is_empty()) {
                println!("                         {more}");
            }
        }
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
