//! What happens, as server-sent events: the event's name, and its payload as data.
//!
//! Events come once they are in the log, with their position there. A reader that is too slow is told how many it missed and
//! goes on from now; `list_events` has the rows.

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Console;
use crate::api::ApiEvent;

/// `GET /events`: the events of the table, as everybody who follows gets them.
pub(super) async fn get(State(console): State<Console>) -> impl IntoResponse {
    let events = follow(console.0.api.subscribe(), console.0.stop.clone());
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Ends with the console: a stream that stays open would hold up an orderly stop.
fn follow(
    live: Receiver<ApiEvent>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::unfold((live, stop), async |(mut live, stop)| {
        let received = tokio::select! {
            received = live.recv() => received,
            () = stop.cancelled() => return None,
        };
        let event = match received {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => ApiEvent::EventsMissed { missed },
            Err(RecvError::Closed) => return None,
        };
        Some((told(&event), (live, stop)))
    })
}

fn told(event: &ApiEvent) -> Result<Event, axum::Error> {
    let named = serde_json::to_value(event).map_err(axum::Error::new)?;
    Event::default().event(named["event"].as_str().unwrap_or_default()).json_data(&named["payload"])
}
