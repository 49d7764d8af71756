//! Reaping by the caller's clock.
#![expect(clippy::unchecked_time_subtraction, reason = "constants, the larger first")]

use std::time::Duration;

use model::grant::Grant;
use model::ports::{Bounds, Clock as _, EventQuery, Forget, Reaped};
use model::session::{Ended, RefreshToken, RefreshUse, Session, SessionState};
use model::testing::ManualClock;

use crate::fixture::{Backend, EVERY_CLIENT, Maker, REDIRECT, at, bounds, consent, done, event, lost};

const DAY: Duration = Duration::from_secs(24 * 3600);
const TICK: Duration = Duration::from_millis(1);

pub(crate) async fn the_store_answers(backend: Backend) {
    backend.open().await.store.ping().await.unwrap();
}

pub(crate) async fn nothing_goes_before_its_time(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let client = make.client(at(0));
    bench.store.put_client(&client).await.unwrap();
    make.add_session(&*bench.store, at(0)).await;
    bench.store.add_grant(&make.grant(&client.id, at(0))).await.unwrap();
    bench.store.put_consent(&consent(make.hash(), &client.id, REDIRECT)).await.unwrap();
    bench.store.append_events(&[event(at(0))]).await.unwrap();
    assert_eq!(bench.store.reap(at(999)).await.unwrap(), Reaped::default());
    assert_eq!(bench.store.list_clients(&EVERY_CLIENT).await.unwrap(), vec![client]);
}

pub(crate) async fn a_grant_is_forgotten_on_time_and_its_code_with_it(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let code = make.hash();
    let approved = make.add_approved(&*bench.store, code, at(0)).await;
    let (exchanged, session, refresh) = make.session(&approved);
    done(bench.store.open_session(&exchanged, &session, &refresh).await);
    let open = make.grant(&make.client_id(), at(0));
    bench.store.add_grant(&open).await.unwrap();

    let clock = ManualClock::at(at(0));
    clock.advance(Grant::MEMORY - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().grants, 0);
    assert!(bench.store.find_grant_by_code(&code).await.unwrap().is_some());
    clock.advance(TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap(), Reaped { grants: 1, ..Reaped::default() });
    assert_eq!(bench.store.find_grant_by_code(&code).await.unwrap(), None);
    assert_eq!(bench.store.lookup_grant(&exchanged.id).await.unwrap(), None);
    // One never finished is remembered for as long after the time it had.
    clock.advance(Grant::SIGN_IN_LIFETIME - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().grants, 0);
    clock.advance(TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().grants, 1);
    assert_eq!(bench.store.lookup_grant(&open.id).await.unwrap(), None);
    let again = make.add_approved(&*bench.store, code, clock.now()).await;
    assert_eq!(bench.store.find_grant_by_code(&code).await.unwrap(), Some(again));
}

pub(crate) async fn a_session_not_refreshed_ends_and_is_forgotten_thirty_days_later(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, token) = make.add_session(&*bench.store, at(0)).await;
    let (ended, ends) = make.add_session(&*bench.store, at(0)).await;
    bench.store.end_session(&ended.id, &Ended::RevokedByOwner, at(0)).await.unwrap();

    let clock = ManualClock::at(at(0));
    clock.advance(30 * DAY - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().sessions, 0);
    assert_eq!(bench.store.find_refresh(&ends.hash).await.unwrap().as_ref(), Some(&ends));
    clock.advance(TICK);
    let reaped = bench.store.reap(clock.now()).await.unwrap();
    assert_eq!((reaped.sessions, reaped.refresh_tokens), (1, 1));
    assert_eq!(bench.store.lookup_session(&ended.id).await.unwrap(), None);
    assert_eq!(bench.store.find_refresh(&ends.hash).await.unwrap(), None);
    assert_eq!(bench.store.lookup_session(&session.id).await.unwrap().as_ref(), Some(&session));

    clock.advance(Session::IDLE_LIFETIME - 30 * DAY);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().sessions, 0);
    let state = SessionState::Ended { at: clock.now(), why: Ended::Expired };
    let expired = Session { state, upstream: None, ..session };
    assert_eq!(bench.store.lookup_session(&expired.id).await.unwrap().as_ref(), Some(&expired));
    // Its token leads to the reason as long as the session is there.
    clock.advance(30 * DAY - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap(), Reaped::default());
    assert_eq!(bench.store.find_refresh(&token.hash).await.unwrap().as_ref(), Some(&token));
    clock.advance(TICK);
    let reaped = bench.store.reap(clock.now()).await.unwrap();
    assert_eq!(reaped, Reaped { sessions: 1, refresh_tokens: 1, ..Reaped::default() });
    assert_eq!(bench.store.list_sessions().await.unwrap(), vec![]);
    assert_eq!(bench.store.find_refresh(&token.hash).await.unwrap(), None);
}

pub(crate) async fn tokens_used_long_before_the_end_stay_as_long_as_their_session(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, used) = make.add_session(&*bench.store, at(0)).await;
    let current = RefreshToken::fresh(make.hash(), session.id.clone(), at(1));
    done(bench.store.rotate_refresh(&used.hash, &make.sealed("a"), &current, &session, at(1)).await);
    let clock = ManualClock::at(at(0));
    clock.advance(29 * DAY);
    bench.store.end_session(&session.id, &Ended::RefreshReused, clock.now()).await.unwrap();
    clock.advance(30 * DAY - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().refresh_tokens, 0);
    for token in [&used, &current] {
        assert!(bench.store.find_refresh(&token.hash).await.unwrap().is_some());
    }
    clock.advance(TICK);
    let reaped = bench.store.reap(clock.now()).await.unwrap();
    assert_eq!((reaped.sessions, reaped.refresh_tokens), (1, 2));
}

pub(crate) async fn reaping_forgets_answers_past_their_grace_but_not_that_the_token_was_used(
    backend: Backend,
) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, old) = make.add_session(&*bench.store, at(0)).await;
    let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(10));
    let answer = make.sealed("answer");
    done(bench.store.rotate_refresh(&old.hash, &answer, &new, &session, at(10)).await);
    let clock = ManualClock::at(at(10));
    clock.advance(RefreshToken::GRACE - TICK);
    for (wait, answer) in [(Duration::ZERO, Some(answer)), (TICK, None)] {
        clock.advance(wait);
        assert_eq!(bench.store.reap(clock.now()).await.unwrap(), Reaped::default());
        let used = RefreshToken { used: Some(RefreshUse { at: at(10), answer }), ..old.clone() };
        assert_eq!(bench.store.find_refresh(&old.hash).await.unwrap(), Some(used));
    }
    let late = RefreshToken::fresh(make.hash(), session.id.clone(), clock.now());
    lost(bench.store.rotate_refresh(&old.hash, &make.sealed("b"), &late, &session, clock.now()).await);
}

pub(crate) async fn a_used_refresh_token_is_recognised_for_thirty_days(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, old) = make.add_session(&*bench.store, at(0)).await;
    let clock = ManualClock::at(at(0));
    clock.advance(10 * DAY);
    let new = RefreshToken::fresh(make.hash(), session.id.clone(), clock.now());
    let refreshed = Session { refreshed_at: clock.now(), ..session };
    done(bench.store.rotate_refresh(&old.hash, &make.sealed("a"), &new, &refreshed, clock.now()).await);

    clock.advance(30 * DAY - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().refresh_tokens, 0);
    assert!(bench.store.find_refresh(&old.hash).await.unwrap().is_some());
    clock.advance(TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap().refresh_tokens, 1);
    assert_eq!(bench.store.find_refresh(&old.hash).await.unwrap(), None);
    // The refresh gave session and token 90 more days.
    clock.advance(60 * DAY - TICK);
    assert_eq!(bench.store.reap(clock.now()).await.unwrap(), Reaped::default());
    assert!(bench.store.lookup_session(&refreshed.id).await.unwrap().unwrap().is_live());
    assert!(bench.store.find_refresh(&new.hash).await.unwrap().is_some());
}

pub(crate) async fn consents_and_old_events_expire(backend: Backend) {
    let short = Bounds { event_days: 2, ..Bounds::default() };
    let (bench, make) = (backend.open_bounded(short).await, Maker::new());
    let (browser, client) = (make.hash(), make.client_id());
    bench.store.put_consent(&consent(browser, &client, REDIRECT)).await.unwrap();
    bench.store.append_events(&[event(at(0)), event(at(1000))]).await.unwrap();
    assert_eq!(bench.store.reap(at(1000)).await.unwrap(), Reaped { consents: 1, ..Reaped::default() });
    assert_eq!(bench.store.find_consent(&browser, &client, REDIRECT).await.unwrap(), None);
    let two_days_on = at(0).plus(2 * DAY);
    assert_eq!(bench.store.reap(two_days_on).await.unwrap().events, 0);
    assert_eq!(bench.store.reap(two_days_on.plus(TICK)).await.unwrap().events, 1);
    let left = bench.store.list_events(&EventQuery::default()).await.unwrap();
    assert_eq!(left.iter().map(|event| event.at).collect::<Vec<_>>(), [at(1000)]);
}

pub(crate) async fn forgetting_takes_what_was_named_and_nothing_else(backend: Backend) {
    // Whether events, sessions, clients, consents and grants are left.
    for (what, left) in [
        (Forget::Events, [false, true, true, true, true]),
        (Forget::Sessions, [true, false, true, true, false]),
        (Forget::Clients, [true, false, false, false, false]),
        (Forget::Everything, [false; 5]),
    ] {
        let (bench, make) = (backend.open().await, Maker::new());
        let store = &*bench.store;
        let client = make.client(at(0));
        store.put_client(&client).await.unwrap();
        let (session, refresh) = make.add_session(store, at(0)).await;
        let code = make.hash();
        let grant = make.add_approved(store, code, at(0)).await;
        let given = consent(make.hash(), &client.id, REDIRECT);
        store.put_consent(&given).await.unwrap();
        store.append_events(&[event(at(0))]).await.unwrap();

        let blocked = make.client(at(1));
        store.put_client(&blocked).await.unwrap();
        assert!(store.block_client(&blocked.id, Some(at(2))).await.unwrap());

        store.forget(what).await.unwrap();
        let still = store.lookup_client(&blocked.id).await.unwrap().is_some_and(|client| client.is_blocked());
        assert_eq!(still, what != Forget::Everything, "{what:?}: who is blocked stays so");
        let found = store.find_consent(&given.browser, &client.id, REDIRECT).await.unwrap();
        let is_left = [
            !store.list_events(&EventQuery::default()).await.unwrap().is_empty(),
            store.lookup_session(&session.id).await.unwrap().is_some(),
            store.lookup_client(&client.id).await.unwrap().is_some(),
            found.is_some(),
            store.lookup_grant(&grant.id).await.unwrap().is_some(),
        ];
        assert_eq!(is_left, left, "{what:?}");
        assert_eq!(store.find_refresh(&refresh.hash).await.unwrap().is_some(), left[1], "{what:?}");
        assert_eq!(store.find_grant_by_code(&code).await.unwrap().is_some(), left[4], "{what:?}");
        // A position once given is not given again, and the store goes on.
        assert_eq!(store.append_events(&[event(at(1))]).await.unwrap(), [2], "{what:?}");
    }
}

pub(crate) async fn reaping_brings_tables_down_to_their_bounds(backend: Backend) {
    // Inserts look only every third time, so the tables may stand one or two above their bounds.
    let (bench, make) = (backend.open_bounded(bounds(300, 300, 100)).await, Maker::new());
    for n in 0..302 {
        bench.store.put_client(&make.client(at(n))).await.unwrap();
        bench.store.add_grant(&make.grant(&make.client_id(), at(n))).await.unwrap();
    }
    let before = bench.store.list_clients(&EVERY_CLIENT).await.unwrap().len() as u64;
    assert!(before > 300);
    let reaped = bench.store.reap(at(302)).await.unwrap();
    assert_eq!(reaped, Reaped { clients: before - 300, grants: before - 300, ..Reaped::default() });
    assert_eq!(bench.store.list_clients(&EVERY_CLIENT).await.unwrap().len(), 300);
}
