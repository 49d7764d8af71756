//! The auth log as it happens, as server-sent events.
//!
//! A reader that is too slow is told how many events it missed and goes on from now; `list_events` has the others.

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use model::event::AuthEvent;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Console;
use crate::api::EventRow;

/// `GET /events`: rows as `list_events` has them, without their place in the log.
pub(super) async fn get(State(console): State<Console>) -> impl IntoResponse {
    let events = follow(console.0.api.bus().subscribe(), console.0.stop.clone());
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Ends with the server: a stream that stays open would hold up an orderly stop.
fn follow(
    live: Receiver<AuthEvent>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::unfold((live, stop), async |(mut live, stop)| {
        let received = tokio::select! {
            received = live.recv() => received,
            () = stop.cancelled() => return None,
        };
        let told = match received {
            Ok(event) => Event::default().json_data(EventRow::from(event)),
            Err(RecvError::Lagged(missed)) => {
                Event::default().event("lagged").json_data(json!({ "missed": missed }))
            }
            Err(RecvError::Closed) => return None,
        };
        Some((told, (live, stop)))
    })
}
