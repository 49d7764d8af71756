//! The engine without a window: settings from file, environment and command line, one ready line, signals.

mod arguments;
mod logging;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use engine::settings::{Problem, SettingsDraft};
use engine::system::{SystemClock, SystemEntropy};
use engine::{KeySource, Running, World};
use model::keys::MasterKey;
use model::settings::Settings;

use arguments::{Arguments, Command, Serve};

/// Exit code for settings that cannot be used (`EX_CONFIG` of sysexits).
const BAD_SETTINGS: u8 = 78;

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return failed(&anyhow::anyhow!("the TLS library is already set up otherwise"));
    }
    let Command::Serve(serve) = Arguments::parse().command;
    logging::start(serve.log);
    let settings = match settings(&serve) {
        Ok(Ok(settings)) => settings,
        Ok(Err(problems)) => return refused(&problems),
        Err(error) => return failed(&error),
    };
    match run(settings, &serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Environment over file, command line over environment; all problems at once.
fn settings(serve: &Serve) -> anyhow::Result<Result<Settings, Vec<Problem>>> {
    let named = serve.config.clone();
    let path = named.clone().or_else(engine::settings::default_file);
    let file = match path.as_deref() {
        Some(path) if named.is_some() || path.exists() => read_file(path)?,
        _ => SettingsDraft::default(),
    };
    let draft = file
        .overlay(SettingsDraft::from_env(environment()))
        .overlay(SettingsDraft::from_command_line(serve.given()));
    Ok(draft.validate())
}

/// Variables that are not Unicode cannot be ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn read_file(path: &Path) -> anyhow::Result<SettingsDraft> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("the settings file `{}` cannot be read; name another with --config", path.display())
    })?;
    Ok(SettingsDraft::from_toml(&text, path))
}

fn master_key(serve: &Serve, settings: &Settings) -> anyhow::Result<KeySource> {
    if let Some(file) = &serve.master_key_file {
        return Ok(KeySource::File(file.clone()));
    }
    match std::env::var("JMOP_MASTER_KEY") {
        Ok(text) => MasterKey::parse(&text)
            .map(KeySource::Given)
            .context("JMOP_MASTER_KEY is not 32 bytes in base64; make one with `openssl rand -base64 32`"),
        Err(_) => Ok(KeySource::File(settings.storage.data_dir.join("master.key"))),
    }
}

fn run(settings: Settings, serve: &Serve) -> anyhow::Result<()> {
    let master_key = master_key(serve, &settings)?;
    let world =
        World { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy::default()), master_key };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_signal()?;
        let running = Running::start(settings, world).await?;
        announce(&running);
        stop.await;
        tracing::info!("stopping: what runs may finish");
        running.stop().await;
        Ok(())
    })
}

/// The one line on stdout, for people and scripts.
#[expect(clippy::print_stdout, reason = "the ready line is this program's output")]
fn announce(running: &Running) {
    let or_off = |url: Option<&String>| url.map_or_else(|| "off".to_owned(), Clone::clone);
    let (console, practice) = (or_off(running.console_url.as_ref()), or_off(running.practice_url.as_ref()));
    println!("ready mcp={} console={console} practice={practice}", running.mcp_url);
}

/// SIGTERM or Ctrl-C. The handlers are in place when this returns, so an early signal is not lost.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C cannot be heard; end the process to stop");
            std::future::pending::<()>().await;
        }
    })
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
