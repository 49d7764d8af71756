//! The engine without a window: settings from file, environment and command line, one ready line, signals.

mod arguments;
mod check;
mod logging;
mod registration;
mod signals;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use engine::console::OpenConsole;
use engine::settings::{Problem, SettingsDraft};
use engine::system::{SystemClock, SystemEntropy};
use engine::{Engine, KeySource, NotStarted, Sources, StartError, SystemResolver, World};
use model::keys::MasterKey;

use arguments::{Arguments, Command, Serve};
use signals::Signals;

/// Exit code for settings that cannot be used (`EX_CONFIG` of sysexits).
const BAD_SETTINGS: u8 = 78;
/// Exit code where another server runs on the data folder (`EX_TEMPFAIL` of sysexits).
const FOLDER_IN_USE: u8 = 75;

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return failed(&anyhow::anyhow!("the TLS library is already set up otherwise"));
    }
    let done = match Arguments::parse().command {
        Command::Serve(serve) => {
            logging::start(serve.log);
            engine::open_files::ask_for_enough();
            run(&serve).map(|()| ExitCode::SUCCESS)
        }
        Command::Check(check) => {
            logging::start(check.serve.log);
            check::run(&check)
        }
        Command::Registration(wanted) => {
            logging::start(wanted.serve.log);
            registration::run(&wanted)
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => match error.downcast_ref() {
            Some(NotStarted::Settings(problems)) => refused(problems),
            Some(NotStarted::Start(StartError::FolderInUse { .. })) => {
                failed(&error);
                ExitCode::from(FOLDER_IN_USE)
            }
            _ => failed(&error),
        },
    }
}

/// Environment over file, command line over environment.
fn sources(serve: &Serve) -> anyhow::Result<Sources> {
    let file = match &serve.config {
        Some(named) => {
            std::fs::read(named).with_context(|| {
                format!("the settings file `{}` cannot be read; name another with --config", named.display())
            })?;
            named.clone()
        }
        None => engine::settings::default_file()
            .context("this user has no home folder to keep settings in; name a file with --config")?,
    };
    let above =
        SettingsDraft::from_env(environment()).overlay(SettingsDraft::from_command_line(serve.given()));
    Ok(Sources { file, above, desktop: false })
}

/// Variables that are not Unicode cannot be ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn master_key(serve: &Serve) -> anyhow::Result<KeySource> {
    if let Some(file) = &serve.master_key_file {
        return Ok(KeySource::File(file.clone()));
    }
    match std::env::var("JMOP_MASTER_KEY") {
        Ok(text) => MasterKey::parse(&text)
            .map(KeySource::given)
            .context("JMOP_MASTER_KEY is not 32 bytes in base64; make one with `openssl rand -base64 32`"),
        Err(_) => Ok(KeySource::DataFolder),
    }
}

fn world(serve: &Serve) -> anyhow::Result<World> {
    Ok(World {
        clock: Arc::new(SystemClock),
        pause: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
        master_key: master_key(serve)?,
        names: Arc::new(SystemResolver),
    })
}

fn run(serve: &Serve) -> anyhow::Result<()> {
    let world = world(serve)?;
    let engine = Engine::new(sources(serve)?, world.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stop = Signals::new()?;
        engine.start().await?;
        let console = match engine.console_address() {
            Some(address) => {
                Some(OpenConsole::start(engine.api(), address, world.clock, world.entropy).await?)
            }
            None => None,
        };
        announce(&engine, console.as_ref());
        stop.next().await;
        tracing::info!("stopping: what runs may finish");
        if let Some(console) = console {
            console.stop().await;
        }
        engine.stop().await;
        Ok(())
    })
}

/// The one line on stdout, for people and scripts.
#[expect(clippy::print_stdout, reason = "the ready line is this program's output")]
fn announce(engine: &Engine, console: Option<&OpenConsole>) {
    let or_off = |url: Option<String>| url.unwrap_or_else(|| "off".to_owned());
    let console = or_off(console.map(OpenConsole::link));
    let (mcp, practice) = (or_off(engine.mcp_url()), or_off(engine.practice_url()));
    println!("ready mcp={mcp} console={console} practice={practice}");
}

#[expect(clippy::print_stderr, reason = "a person started this in a terminal and reads why it did not start")]
fn refused(problems: &[Problem]) -> ExitCode {
    let count = problems.len();
    eprintln!("{count} {} in the settings:\n", if count == 1 { "problem" } else { "problems" });
    for problem in problems {
        eprintln!("- {problem}");
    }
    ExitCode::from(BAD_SETTINGS)
}

#[expect(clippy::print_stderr, reason = "a person started this in a terminal and reads why it did not start")]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
