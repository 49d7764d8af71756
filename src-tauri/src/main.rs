//! The desktop app: the engine in the background, an icon in the tray, and a window when somebody wants one.
//!
//! Everything the product does is the engine's; here is only what needs a desktop.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod appearance;
mod arguments;
mod attention;
mod bridge;
mod desktop;
mod expiry;
mod follow;
mod key;
mod lifecycle;
mod logging;
mod menu;
mod notices;
mod panics;
mod preferences;
mod private_file;
#[cfg(target_os = "linux")]
mod rendering;
mod shell;
mod start;
mod tray;
mod window;

use std::process::ExitCode;

use clap::Parser as _;
use tauri::plugin::{Builder as PluginBuilder, TauriPlugin};
use tauri::{App, AppHandle, Manager as _, Wry, generate_context, generate_handler};
use tauri_plugin_window_state::StateFlags;

use arguments::{Arguments, HIDDEN};
use shell::Shell;

/// Where to turn without a desktop.
const HEADLESS: &str = "start `just-mcp-oauth-proxyd serve` instead, which needs none";

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    rendering::choose_plain();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return failed("the TLS library is already set up otherwise");
    }
    let arguments = Arguments::parse();
    if !has_display() {
        return failed(&format!("there is no display to show a tray or a window on; {HEADLESS}"));
    }
    logging::start();
    panics::to_the_log();
    engine::open_files::ask_for_enough();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let start::Prepared { shell, config_folder } = start::prepare(arguments)?;
    // The toolkit panics where a display does not answer.
    let app = match panics::caught(|| build(arguments, shell, &config_folder)) {
        Some(app) => app?,
        None => anyhow::bail!("the display does not answer; log in to the desktop again, or {HEADLESS}"),
    };
    let code = app.run_return(lifecycle::on_event);
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn build(arguments: &Arguments, shell: Shell, config_folder: &std::path::Path) -> tauri::Result<App> {
    let hidden = arguments.hidden;
    let autostart = tauri_plugin_autostart::Builder::new()
        .app_name("just-mcp-oauth-proxy")
        .args(arguments.for_autostart());
    let window_state = tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
        // An absolute path counts as it is, so all that is ours is in one folder.
        .with_filename(config_folder.join("window.json").to_string_lossy());
    tauri::Builder::default()
        // First, so that a second launch ends before it starts anything.
        .plugin(tauri_plugin_single_instance::init(launched_again))
        .plugin(engine(shell))
        .plugin(autostart.build())
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .plugin(window_state.build())
        .invoke_handler(generate_handler![
            bridge::rpc,
            bridge::subscribe,
            bridge::open_external,
            bridge::save_file,
            bridge::copy
        ])
        .setup(move |app| {
            set_up(app, hidden);
            Ok(())
        })
        .build(generate_context!())
}

/// The engine, started as early as we know that we are the only one: the window and the tray wait for nothing of it.
fn engine(shell: Shell) -> TauriPlugin<Wry> {
    PluginBuilder::new("engine")
        .setup(move |app, _| {
            app.manage(shell.clone());
            let engine = shell.engine().clone();
            tauri::async_runtime::spawn(async move {
                // Why it did not start is its state, which the tray and the window show and the log tells.
                let _ = engine.start().await;
            });
            Ok(())
        })
        .build()
}

fn set_up(app: &mut App, hidden: bool) {
    #[cfg(target_os = "macos")]
    app.set_activation_policy(tauri::ActivationPolicy::Accessory);
    let handle = app.handle().clone();
    let shell = Shell::of(&handle);
    notices::lead_on_click(&handle);
    let tray = tray::build(&handle);
    let has_tray = tray.is_some();
    if !has_tray {
        tracing::warn!("there is no tray to live in; the app ends when its window is closed");
    }
    if let Some(tray) = tray {
        shell.keep_tray(tray);
    }
    tauri::async_runtime::spawn(follow::follow(handle.clone()));
    tauri::async_runtime::spawn(lifecycle::quit_on_signal(handle.clone()));
    // Without a tray the window is the only way in.
    if !hidden || !has_tray {
        window::show(&handle, None);
    }
}

/// What the first instance does when somebody starts a second one.
#[expect(clippy::needless_pass_by_value, reason = "the form the plugin calls")]
fn launched_again(app: &AppHandle, arguments: Vec<String>, _folder: String) {
    if !arguments.iter().any(|argument| argument == HIDDEN) {
        window::show(app, None);
    }
}

#[cfg(target_os = "linux")]
fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(not(target_os = "linux"))]
fn has_display() -> bool {
    true
}

#[expect(clippy::print_stderr, reason = "a person started this in a terminal and reads why it did not start")]
fn failed(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}
