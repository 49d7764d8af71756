//! Refreshing where the identity provider takes each refresh token once.

use std::time::Duration;

use model::ports::Store as _;

use crate::rig::{Process, Rig};
use crate::store::Trouble;

/// A signed-in client: its refresh token.
async fn connected(rig: &Rig, process: &Process) -> String {
    rig.registered().await;
    let code = process.signs_in().await;
    process.redeems(&code).await.text("refresh_token")
}

async fn lives(rig: &Rig) -> bool {
    rig.memory.list_sessions().await.unwrap()[0].is_live()
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_the_one_refused_waits_for_the_one_that_is_writing() {
    let rig = Rig::new();
    let (first, second) = (rig.process(1), rig.process(2));
    let token = connected(&rig, &first).await;
    first.store.has("rotate_refresh", Trouble::Slow(Duration::from_millis(1_500)));
    let (one, other) = tokio::join!(first.refreshes(&token), second.refreshes(&token));
    assert_eq!((one.status, other.status), (200, 200), "{one:?} {other:?}");
    assert_eq!(one.text("refresh_token"), other.text("refresh_token"));
    assert!(lives(&rig).await);
    assert!(!second.events.names().contains(&"upstream_refused"), "nobody was refused");
    assert_eq!(first.refreshes(&one.text("refresh_token")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_no_that_nobody_explains_ends_the_session_after_two_seconds() {
    let rig = Rig::new();
    let process = rig.process(1);
    let token = connected(&rig, &process).await;
    rig.provider.revokes();
    let asked = tokio::time::Instant::now();
    let refused = process.refreshes(&token).await;
    assert_eq!((refused.status, refused.text("error").as_str()), (400, "invalid_grant"), "{refused:?}");
    assert!(asked.elapsed() >= Duration::from_secs(2) && asked.elapsed() < Duration::from_secs(3));
    assert!(!lives(&rig).await);
    assert!(process.events.names().ends_with(&["upstream_refused", "session_ended", "token_refused"]));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_busy_for_a_moment_costs_no_session() {
    for trouble in [Trouble::Busy { times: 2 }, Trouble::Mute { times: 1 }] {
        let rig = Rig::new();
        let process = rig.process(1);
        let token = connected(&rig, &process).await;
        process.store.has("rotate_refresh", trouble);
        let answer = process.refreshes(&token).await;
        assert_eq!(answer.status, 200, "{trouble:?} {answer:?}");
        assert_eq!(process.refreshes(&answer.text("refresh_token")).await.status, 200, "{trouble:?}");
    }
}
