//! How the app ends: only when somebody asks, and only after running requests are done.

use tauri::{AppHandle, ExitRequestApi, RunEvent};

use crate::shell::Shell;
use crate::window;

/// Closes the window, lets the engine finish what runs, and exits. Asking twice changes nothing.
pub(crate) fn quit(app: &AppHandle) {
    let shell = Shell::of(app);
    if !shell.begin_quit() {
        return;
    }
    window::destroy(app);
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        shell.engine().stop().await;
        app.exit(0);
    });
}

pub(crate) fn on_event(app: &AppHandle, event: RunEvent) {
    match event {
        // The last window was closed; without a tray nobody could get at the app again.
        RunEvent::ExitRequested { code: None, api, .. } => stay(app, &api),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app, None),
        _ => {}
    }
}

fn stay(app: &AppHandle, api: &ExitRequestApi) {
    api.prevent_exit();
    if !Shell::of(app).has_tray() {
        quit(app);
    }
}

/// SIGTERM, SIGINT and SIGHUP end the app as its menu does.
#[cfg(unix)]
pub(crate) async fn quit_on_signal(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    let handlers = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = handlers else {
        tracing::warn!("signals cannot be heard; quit from the tray");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
    tracing::info!("stopping: what runs may finish");
    quit(&app);
}

#[cfg(not(unix))]
pub(crate) async fn quit_on_signal(app: AppHandle) {
    if tokio::signal::ctrl_c().await.is_ok() {
        quit(&app);
    }
}
