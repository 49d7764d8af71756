//! Sessions and refresh tokens: what happens once, what happens together, and what does not happen at all.

use std::sync::Arc;

use model::client::Client;
use model::grant::Grant;
use model::ids::TokenHash;
use model::person::PersonId;
use model::ports::Swap;
use model::scope::ScopeSet;
use model::session::{
    Ended, RefreshToken, RefreshTrouble, RefreshUse, Session, SessionState, UpstreamSession,
};
use model::testing::refusal;
use model::upstream::Effect;
use serde_json::json;

use crate::fixture::{Backend, Maker, at, done, lost, person};

pub(crate) async fn opening_exchanges_the_grant_and_adds_session_and_token(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let approved = make.add_approved(&*bench.store, make.hash(), at(0)).await;
    let (exchanged, session, refresh) = make.session(&approved);
    assert_eq!(bench.store.lookup_session(&session.id).await.unwrap(), None);
    done(bench.store.open_session(&exchanged, &session, &refresh).await);
    assert_eq!(bench.store.lookup_grant(&exchanged.id).await.unwrap(), Some(exchanged));
    assert_eq!(bench.store.find_refresh(&refresh.hash).await.unwrap(), Some(refresh));
    let stored = bench.store.lookup_session(&session.id).await.unwrap().unwrap();
    assert_eq!(stored, session);
    assert_eq!(stored.upstream.unwrap().as_str(), session.upstream.unwrap().as_str());
}

pub(crate) async fn opening_approves_the_client(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let approved = make.add_approved(&*bench.store, make.hash(), at(7)).await;
    let client = Client { id: approved.client.clone(), ..make.client(at(0)) };
    bench.store.put_client(&client).await.unwrap();
    let (exchanged, session, refresh) = make.session(&approved);
    done(bench.store.open_session(&exchanged, &session, &refresh).await);
    let expected = Client { approved_at: Some(at(7)), ..client };
    assert_eq!(bench.store.lookup_client(&expected.id).await.unwrap(), Some(expected.clone()));
    // One that lost opens nothing and approves nothing.
    let later = Session { created_at: at(9), ..session };
    lost(bench.store.open_session(&exchanged, &later, &refresh).await);
    assert_eq!(bench.store.lookup_client(&expected.id).await.unwrap(), Some(expected));
}

pub(crate) async fn a_blocked_client_is_given_no_session(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let approved = make.add_approved(&*bench.store, make.hash(), at(0)).await;
    let client = Client { id: approved.client.clone(), ..make.client(at(0)) };
    bench.store.put_client(&client).await.unwrap();
    assert!(bench.store.block_client(&client.id, Some(at(1))).await.unwrap());
    let (exchanged, session, token) = make.session(&approved);
    lost(bench.store.open_session(&exchanged, &session, &token).await);
    assert_eq!(bench.store.lookup_session(&session.id).await.unwrap(), None);
    assert_eq!(bench.store.find_refresh(&token.hash).await.unwrap(), None);
    assert!(bench.store.block_client(&client.id, None).await.unwrap());
    done(bench.store.open_session(&exchanged, &session, &token).await);
}

pub(crate) async fn a_lost_opening_leaves_nothing_behind(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let approved = make.add_approved(&*bench.store, make.hash(), at(0)).await;
    let (exchanged, session, refresh) = make.session(&approved);
    done(bench.store.open_session(&exchanged, &session, &refresh).await);
    let (again, second, token) = make.session(&approved);
    lost(bench.store.open_session(&again, &second, &token).await);
    assert_eq!(bench.store.lookup_grant(&exchanged.id).await.unwrap(), Some(exchanged));
    assert_eq!(bench.store.lookup_session(&second.id).await.unwrap(), None);
    assert_eq!(bench.store.find_refresh(&token.hash).await.unwrap(), None);
}

pub(crate) async fn of_parallel_openings_exactly_one_is_done(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    for round in 1..=20 {
        let approved = make.add_approved(&*bench.store, make.hash(), at(0)).await;
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let store = Arc::clone(&bench.store);
                let (exchanged, session, refresh) = make.session(&approved);
                tokio::spawn(async move { store.open_session(&exchanged, &session, &refresh).await.unwrap() })
            })
            .collect();
        let mut wins = 0;
        for racer in racers {
            wins += usize::from(racer.await.unwrap() == Swap::Done);
        }
        assert_eq!(wins, 1);
        assert_eq!(bench.store.list_sessions().await.unwrap().len(), round);
    }
}

pub(crate) async fn sessions_are_listed_newest_first(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let mut ids = vec![];
    for created in [2, 3, 1] {
        ids.push(make.add_session(&*bench.store, at(created)).await.0.id);
    }
    bench.store.end_session(&ids[1], &Ended::RevokedByOwner, at(4)).await.unwrap();
    let listed = bench.store.list_sessions().await.unwrap();
    assert_eq!(listed.iter().map(|s| s.created_at).collect::<Vec<_>>(), [at(3), at(2), at(1)]);
    assert_eq!(listed.iter().map(Session::is_live).collect::<Vec<_>>(), [false, true, true]);
}

pub(crate) async fn what_came_of_a_session_at_the_provider_is_found_by_its_sid_while_it_lives(
    backend: Backend,
) {
    let (bench, make) = (backend.open().await, Maker::new());
    let mut opened = Vec::new();
    for (sid, secs) in [(Some("a"), 0), (Some("a"), 1), (Some("b"), 2), (None, 3)] {
        let approved = make.add_approved(&*bench.store, make.hash(), at(secs)).await;
        let (exchanged, session, refresh) = make.session(&approved);
        let claims = sid.map(|sid| json!({ "iss": "https://idp", "sid": sid }));
        let upstream_session = claims.and_then(|claims| UpstreamSession::of(claims.as_object()?));
        assert_eq!(upstream_session.is_some(), sid.is_some());
        let session = Session { upstream_session, ..session };
        done(bench.store.open_session(&exchanged, &session, &refresh).await);
        opened.push(session);
    }
    let store = &bench.store;
    let found = async |sid: &str| store.find_sessions_by_upstream(&TokenHash::of(sid)).await.unwrap();
    assert_eq!(found("a").await, [opened[1].clone(), opened[0].clone()], "newest first");
    assert_eq!(found("b").await, [opened[2].clone()]);
    assert_eq!(found("c").await, []);
    store.end_session(&opened[1].id, &Ended::SignedOutUpstream, at(9)).await.unwrap();
    assert_eq!(found("a").await, [opened[0].clone()]);
}

pub(crate) async fn touching_adds_calls_and_never_moves_activity_back(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, _) = make.add_session(&*bench.store, at(0)).await;
    bench.store.touch_session(&session.id, at(60), 3).await.unwrap();
    bench.store.touch_session(&session.id, at(30), 4).await.unwrap();
    let touched = Session { active_at: at(60), calls: 7, ..session };
    assert_eq!(bench.store.lookup_session(&touched.id).await.unwrap(), Some(touched));
    bench.store.touch_session(&make.session_id(), at(90), 1).await.unwrap();
    assert_eq!(bench.store.list_sessions().await.unwrap().len(), 1);
}

pub(crate) async fn rotating_stores_the_answer_the_new_token_and_the_refreshed_session(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, old) = make.add_session(&*bench.store, at(0)).await;
    let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(100));
    let answer = make.sealed("the token answer");
    let refreshed = Session {
        person: person("Augusta Ada"),
        scope: ScopeSet::default(),
        refreshed_at: at(100),
        upstream: Some(make.sealed("newer tokens")),
        upstream_issuer: None,
        ..session
    };
    done(bench.store.rotate_refresh(&old.hash, &answer, &new, &refreshed, at(100)).await);
    let used = bench.store.find_refresh(&old.hash).await.unwrap().unwrap();
    assert_eq!(used, RefreshToken { used: Some(RefreshUse { at: at(100), answer: Some(answer) }), ..old });
    assert_eq!(bench.store.find_refresh(&new.hash).await.unwrap(), Some(new));
    assert_eq!(bench.store.lookup_session(&refreshed.id).await.unwrap(), Some(refreshed));
}

pub(crate) async fn a_used_token_does_not_rotate_again(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, old) = make.add_session(&*bench.store, at(0)).await;
    let new = |secs| RefreshToken::fresh(make.hash(), session.id.clone(), at(secs));
    let (first, second) = (new(10), new(20));
    let answer = make.sealed("first");
    done(bench.store.rotate_refresh(&old.hash, &answer, &first, &session, at(10)).await);
    let late = Session { person: person("Mallory"), ..session.clone() };
    lost(bench.store.rotate_refresh(&old.hash, &make.sealed("second"), &second, &late, at(20)).await);
    let used = bench.store.find_refresh(&old.hash).await.unwrap().unwrap().used.unwrap();
    assert_eq!(used.answer, Some(answer));
    assert_eq!(bench.store.find_refresh(&second.hash).await.unwrap(), None);
    assert_eq!(bench.store.lookup_session(&session.id).await.unwrap(), Some(session));
}

pub(crate) async fn tokens_of_ended_unknown_or_other_sessions_do_not_rotate(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (ended, token) = make.add_session(&*bench.store, at(0)).await;
    let (other, others) = make.add_session(&*bench.store, at(0)).await;
    bench.store.end_session(&ended.id, &Ended::RevokedByOwner, at(1)).await.unwrap();
    let answer = make.sealed("answer");
    let new = RefreshToken::fresh(make.hash(), other.id.clone(), at(2));
    lost(bench.store.rotate_refresh(&token.hash, &answer, &new, &ended, at(2)).await);
    lost(bench.store.rotate_refresh(&make.hash(), &answer, &new, &other, at(2)).await);
    lost(bench.store.rotate_refresh(&others.hash, &answer, &new, &ended, at(2)).await);
    assert_eq!(bench.store.find_refresh(&new.hash).await.unwrap(), None);
    assert_eq!(bench.store.find_refresh(&others.hash).await.unwrap(), Some(others));
    assert_eq!(bench.store.lookup_session(&other.id).await.unwrap(), Some(other));
    // Whatever became of its tokens: a session that is not live has none to give.
    let approved = make.add_approved(&*bench.store, make.hash(), at(0)).await;
    let (exchanged, stillborn, token) = make.session(&approved);
    let state = SessionState::Ended { at: at(0), why: Ended::CodeReplayed };
    let stillborn = Session { state, ..stillborn };
    done(bench.store.open_session(&exchanged, &stillborn, &token).await);
    let new = RefreshToken::fresh(make.hash(), stillborn.id.clone(), at(2));
    lost(bench.store.rotate_refresh(&token.hash, &answer, &new, &stillborn, at(2)).await);
    assert_eq!(bench.store.find_refresh(&new.hash).await.unwrap(), None);
}

pub(crate) async fn a_rotation_forgets_the_answers_of_its_session_that_are_past_their_grace(
    backend: Backend,
) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, first) = make.add_session(&*bench.store, at(0)).await;
    let (other, others) = make.add_session(&*bench.store, at(0)).await;
    let answer = make.sealed("answer");
    let grace = i64::try_from(RefreshToken::GRACE.as_secs()).unwrap();
    let rotate = async |token: &RefreshToken, session: &Session, secs| {
        let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(secs));
        done(bench.store.rotate_refresh(&token.hash, &answer, &new, session, at(secs)).await);
        new
    };
    let use_of = async |token: &RefreshToken| {
        bench.store.find_refresh(&token.hash).await.unwrap().unwrap().used.unwrap()
    };
    rotate(&others, &other, 10).await;
    let second = rotate(&first, &session, 10).await;
    // An honest client may still come back for the first answer when the second token is used already.
    let third = rotate(&second, &session, 10 + grace - 1).await;
    assert_eq!(use_of(&first).await.answer.as_ref(), Some(&answer));
    rotate(&third, &session, 10 + grace).await;
    assert_eq!(use_of(&first).await, RefreshUse { at: at(10), answer: None });
    assert_eq!(use_of(&second).await.answer.as_ref(), Some(&answer));
    assert_eq!(use_of(&third).await.answer.as_ref(), Some(&answer));
    assert_eq!(use_of(&others).await.answer.as_ref(), Some(&answer));
}

pub(crate) async fn of_parallel_rotations_exactly_one_is_done(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    for _ in 0..20 {
        let (session, old) = make.add_session(&*bench.store, at(0)).await;
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let (store, session, old) = (Arc::clone(&bench.store), session.clone(), old.hash);
                let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(1));
                let answer = make.sealed("answer");
                tokio::spawn(async move {
                    let swap = store.rotate_refresh(&old, &answer, &new, &session, at(1)).await.unwrap();
                    let stored = store.find_refresh(&new.hash).await.unwrap();
                    (swap == Swap::Done, stored.is_some())
                })
            })
            .collect();
        let mut outcomes = vec![];
        for racer in racers {
            outcomes.push(racer.await.unwrap());
        }
        outcomes.sort_unstable();
        assert_eq!(outcomes, [(false, false), (false, false), (false, false), (true, true)]);
    }
}

pub(crate) async fn a_rotation_racing_an_end_leaves_no_token_that_works(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    for _ in 0..20 {
        let (session, old) = make.add_session(&*bench.store, at(0)).await;
        let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(1));
        let (store, id) = (Arc::clone(&bench.store), session.id.clone());
        let ending =
            tokio::spawn(async move { store.end_session(&id, &Ended::RevokedByClient, at(1)).await });
        let (store, answer, given) = (Arc::clone(&bench.store), make.sealed("answer"), new.clone());
        let (hash, by) = (old.hash, session.clone());
        let rotating =
            tokio::spawn(async move { store.rotate_refresh(&hash, &answer, &given, &by, at(1)).await });
        assert!(ending.await.unwrap().unwrap().is_some());
        let _either_way = rotating.await.unwrap().unwrap();
        let stored = bench.store.lookup_session(&session.id).await.unwrap().unwrap();
        assert!(!stored.is_live() && stored.upstream.is_none());
        let next = RefreshToken::fresh(make.hash(), session.id.clone(), at(2));
        for hash in [old.hash, new.hash] {
            let left = bench.store.find_refresh(&hash).await.unwrap();
            assert_eq!(left.and_then(|token| token.used).and_then(|used| used.answer), None);
            lost(bench.store.rotate_refresh(&hash, &make.sealed("late"), &next, &session, at(2)).await);
        }
    }
}

pub(crate) async fn a_refresh_that_came_to_nothing_is_noted_until_one_succeeds(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, token) = make.add_session(&*bench.store, at(0)).await;
    let trouble = |secs| RefreshTrouble { at: at(secs), detail: "nobody answers".into(), refusal: None };
    let noted = async || bench.store.lookup_session(&session.id).await.unwrap().unwrap().trouble;
    bench.store.note_trouble(&session.id, &trouble(5)).await.unwrap();
    bench.store.note_trouble(&session.id, &trouble(6)).await.unwrap();
    assert_eq!(noted().await, Some(trouble(6)));
    // Whoever refreshes may have read the session before.
    let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(10));
    let stale = Session { trouble: Some(trouble(6)), ..session.clone() };
    done(bench.store.rotate_refresh(&token.hash, &make.sealed("answer"), &new, &stale, at(10)).await);
    assert_eq!(noted().await, None);
    bench.store.end_session(&session.id, &Ended::RevokedByOwner, at(20)).await.unwrap();
    bench.store.note_trouble(&session.id, &trouble(21)).await.unwrap();
    assert_eq!(noted().await, None, "an ended session has no refresh to come");
    bench.store.note_trouble(&make.session_id(), &trouble(22)).await.unwrap();
}

pub(crate) async fn ending_drops_what_can_be_replayed_and_returns_the_session_as_it_was(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, token) = make.add_session(&*bench.store, at(0)).await;
    let (bystander, others) = make.add_session(&*bench.store, at(0)).await;
    let current = RefreshToken::fresh(make.hash(), session.id.clone(), at(49));
    let answer = make.sealed("answer");
    done(bench.store.rotate_refresh(&token.hash, &answer, &current, &session, at(49)).await);
    let kept = RefreshToken::fresh(make.hash(), bystander.id.clone(), at(49));
    done(bench.store.rotate_refresh(&others.hash, &answer, &kept, &bystander, at(49)).await);
    let why = Ended::by(&refusal(Some(50_076), Effect::SignIn)).unwrap();
    let was = bench.store.end_session(&session.id, &why, at(50)).await.unwrap();
    assert_eq!(was.as_ref(), Some(&session));
    let ended = Session { state: SessionState::Ended { at: at(50), why }, upstream: None, ..session };
    assert_eq!(bench.store.lookup_session(&ended.id).await.unwrap(), Some(ended));
    // Still known, so that whoever presents them is told why; the answer is gone, within its grace or not.
    let used = RefreshToken { used: Some(RefreshUse { at: at(49), answer: None }), ..token };
    assert_eq!(bench.store.find_refresh(&used.hash).await.unwrap(), Some(used));
    assert_eq!(bench.store.find_refresh(&current.hash).await.unwrap(), Some(current));
    assert_eq!(bench.store.lookup_session(&bystander.id).await.unwrap(), Some(bystander));
    let used = bench.store.find_refresh(&others.hash).await.unwrap().unwrap().used.unwrap();
    assert_eq!(used.answer, Some(answer));
    assert_eq!(bench.store.find_refresh(&kept.hash).await.unwrap(), Some(kept));
}

pub(crate) async fn ending_twice_changes_nothing(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, _) = make.add_session(&*bench.store, at(0)).await;
    assert!(bench.store.end_session(&session.id, &Ended::RevokedByOwner, at(1)).await.unwrap().is_some());
    let after = bench.store.lookup_session(&session.id).await.unwrap();
    assert_eq!(bench.store.end_session(&session.id, &Ended::RefreshReused, at(2)).await.unwrap(), None);
    assert_eq!(bench.store.lookup_session(&session.id).await.unwrap(), after);
    assert_eq!(bench.store.end_session(&make.session_id(), &Ended::Expired, at(2)).await.unwrap(), None);
}

pub(crate) async fn calls_counted_during_a_refresh_stay_counted(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, old) = make.add_session(&*bench.store, at(0)).await;
    // Read by the refresh before the calls came in, written back after.
    let refreshed = Session { refreshed_at: at(10), ..session };
    bench.store.touch_session(&refreshed.id, at(9), 5).await.unwrap();
    let new = RefreshToken::fresh(make.hash(), refreshed.id.clone(), at(10));
    done(bench.store.rotate_refresh(&old.hash, &make.sealed("answer"), &new, &refreshed, at(10)).await);
    let expected = Session { active_at: at(9), calls: 5, ..refreshed };
    assert_eq!(bench.store.lookup_session(&expected.id).await.unwrap(), Some(expected));
}

pub(crate) async fn a_challenge_is_taken_once_by_the_same_person_at_the_same_client(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (first, _) = make.add_session(&*bench.store, at(0)).await;
    let approved = make.add_approved(&*bench.store, make.hash(), at(1)).await;
    let (exchanged, second, refresh) = make.session(&approved);
    // The same person, once more by the same client.
    let exchanged = Grant { client: first.client.clone(), ..exchanged };
    let second = Session { client: first.client.clone(), person: first.person.clone(), ..second };
    done(bench.store.open_session(&exchanged, &second, &refresh).await);
    let (other, _) = make.add_session(&*bench.store, at(2)).await;
    let [older, newer, elsewhere] = ["older", "newer", "elsewhere"].map(|text| make.sealed(text));
    let all = [(&first, &older, 11), (&second, &newer, 12), (&other, &elsewhere, 13)];
    for (session, challenge, _) in all {
        bench.store.keep_challenge(&session.id, challenge).await.unwrap();
        let (client, person) = (&session.client, &session.person.id);
        assert_eq!(bench.store.take_challenge(client, person).await.unwrap(), None, "it is live");
    }
    let why = Ended::by(&refusal(Some(50_076), Effect::SignIn)).unwrap();
    for (session, _, secs) in all {
        bench.store.end_session(&session.id, &why, at(secs)).await.unwrap();
        // A session that has ended is refused no more.
        bench.store.keep_challenge(&session.id, &make.sealed("late")).await.unwrap();
    }
    let (client, person) = (&first.client, &first.person.id);
    let somebody_else = PersonId { object: "somebody-else".into(), ..person.clone() };
    assert_eq!(bench.store.take_challenge(client, &somebody_else).await.unwrap(), None);
    let taken = bench.store.take_challenge(client, person).await.unwrap().unwrap();
    assert_eq!((&taken.id, taken.challenge), (&second.id, Some(newer)));
    assert_eq!(bench.store.take_challenge(client, person).await.unwrap(), None, "nor is the older one left");
    let theirs = bench.store.take_challenge(&other.client, &other.person.id).await.unwrap().unwrap();
    assert_eq!(theirs.challenge, Some(elsewhere));
}

pub(crate) async fn a_refresh_that_succeeds_needs_no_challenge(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (session, old) = make.add_session(&*bench.store, at(0)).await;
    bench.store.keep_challenge(&session.id, &make.sealed("claims")).await.unwrap();
    let new = RefreshToken::fresh(make.hash(), session.id.clone(), at(10));
    done(bench.store.rotate_refresh(&old.hash, &make.sealed("answer"), &new, &session, at(10)).await);
    let kept = bench.store.lookup_session(&session.id).await.unwrap().unwrap();
    assert_eq!(kept.challenge, None);
}
