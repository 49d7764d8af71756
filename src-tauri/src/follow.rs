//! Follows the engine: its events go to the window as they are, and to the tray and the notices as far as they matter there.

use std::time::Duration;

use engine::api::Api;
use serde_json::{Value, json};
use tauri::AppHandle;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use engine::api::ApiEvent;

use crate::attention::Happened;
use crate::notices::Notices;
use crate::shell::Shell;

/// How often the engine is asked how it stands although it said nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Events from now on, as `{event, payload}`.
struct Events(Receiver<ApiEvent>);

/// Gives every event to `take` until it says `false`.
pub(crate) async fn each(api: &Api, mut take: impl FnMut(Value) -> bool) {
    let mut events = Events::of(api);
    while let Some(event) = events.next().await {
        if !take(event) {
            return;
        }
    }
}

/// Keeps the tray true and tells the person what they would want to know.
pub(crate) async fn follow(app: AppHandle) {
    let shell = Shell::of(&app);
    let mut events = Events::of(&shell.api());
    let mut notices = Notices::default();
    shell.refresh(&app).await;
    // Time goes on without an event, and a secret ends by it.
    let mut look_again = tokio::time::interval(LOOK_AGAIN);
    look_again.tick().await;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = look_again.tick() => {
                shell.refresh(&app).await;
                continue;
            }
        };
        let Some(mut event) = event else { return };
        let payload = event["payload"].take();
        match event["event"].as_str() {
            Some("status_changed") => shell.show_status(&app, payload),
            Some("pairings_changed") => notices.pairings(&app, &shell, &payload),
            Some("events_recorded") => recorded(&app, &shell, &mut notices, payload).await,
            _ => {}
        }
    }
}

async fn recorded(app: &AppHandle, shell: &Shell, notices: &mut Notices, payload: Value) {
    let rows: Vec<Happened> = match serde_json::from_value(payload) {
        Ok(rows) => rows,
        Err(error) => return tracing::error!(%error, "events of the engine do not read"),
    };
    for happened in &rows {
        shell.attention().note(happened);
        notices.consider(app, shell, happened).await;
    }
    // How many sessions there are changes with these only.
    if rows.iter().any(|row| matches!(row.event.as_str(), "token_issued" | "session_ended" | "code_replayed"))
    {
        shell.refresh(app).await;
    } else {
        shell.show(app, None);
    }
}

// === impl Events ===

impl Events {
    fn of(api: &Api) -> Self {
        Self(api.subscribe())
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(json!(event)),
                // The log has them; the window reads it again when it notices a gap.
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "events came faster than they were shown");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
