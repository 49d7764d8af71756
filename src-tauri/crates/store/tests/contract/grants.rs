//! Grants: compare and swap, codes, and which open ones go when there are too many.

use std::sync::Arc;

use model::grant::{Closed, Grant, Render, Stage};
use model::ids::GrantId;
use model::ports::{Store, StoreError, Swap};
use model::testing::SeededEntropy;

use crate::fixture::{Backend, Maker, at, bounds, done, lost};

pub(crate) async fn a_grant_reads_back_at_every_stage(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let awaiting = make.grant(&make.client_id(), at(0));
    let shown = awaiting.clone().shown(Render { form: make.hash(), browser: make.hash() }).unwrap();
    let sent = make.at_upstream(&shown);
    let approved = make.approved(&sent, make.hash());
    let (exchanged, _, _) = make.session(&approved);
    bench.store.add_grant(&awaiting).await.unwrap();
    assert_eq!(bench.store.lookup_grant(&awaiting.id).await.unwrap().as_ref(), Some(&awaiting));
    for stage in [shown, sent, approved, exchanged] {
        done(bench.store.advance_grant(&stage).await);
        assert_eq!(bench.store.lookup_grant(&awaiting.id).await.unwrap(), Some(stage));
    }
    let other = make.grant(&make.client_id(), at(0));
    bench.store.add_grant(&other).await.unwrap();
    let closed = other.closed(Closed::NotAllowed, at(1)).unwrap();
    done(bench.store.advance_grant(&closed).await);
    assert_eq!(bench.store.lookup_grant(&closed.id).await.unwrap(), Some(closed));
}

pub(crate) async fn unknown_ids_and_codes_are_none(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    make.add_approved(&*bench.store, make.hash(), at(0)).await;
    let unknown = GrantId::generate(&SeededEntropy::new(99));
    assert_eq!(bench.store.lookup_grant(&unknown).await.unwrap(), None);
    assert_eq!(bench.store.find_grant_by_code(&make.hash()).await.unwrap(), None);
}

pub(crate) async fn a_code_is_still_found_after_its_exchange_to_recognise_a_replay(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let code = make.hash();
    let approved = make.add_approved(&*bench.store, code, at(0)).await;
    assert_eq!(bench.store.find_grant_by_code(&code).await.unwrap(), Some(approved.clone()));
    let (exchanged, session, refresh) = make.session(&approved);
    done(bench.store.open_session(&exchanged, &session, &refresh).await);
    assert_eq!(bench.store.find_grant_by_code(&code).await.unwrap(), Some(exchanged));
}

pub(crate) async fn an_advance_from_a_stale_revision_is_lost_and_changes_nothing(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let grant = make.grant(&make.client_id(), at(0));
    bench.store.add_grant(&grant).await.unwrap();
    let winner = make.at_upstream(&grant);
    done(bench.store.advance_grant(&winner).await);
    // The second answer to the same page, one from far ahead, and the unchanged grant itself.
    lost(bench.store.advance_grant(&make.at_upstream(&grant)).await);
    lost(bench.store.advance_grant(&Grant { revision: 9, ..winner.clone() }).await);
    lost(bench.store.advance_grant(&grant).await);
    assert_eq!(bench.store.lookup_grant(&grant.id).await.unwrap(), Some(winner));
}

pub(crate) async fn a_grant_that_was_never_added_cannot_advance(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let sent = make.at_upstream(&make.grant(&make.client_id(), at(0)));
    lost(bench.store.advance_grant(&sent).await);
    assert_eq!(bench.store.lookup_grant(&sent.id).await.unwrap(), None);
}

pub(crate) async fn of_parallel_advances_exactly_one_is_done(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    for _ in 0..20 {
        let grant = make.grant(&make.client_id(), at(0));
        bench.store.add_grant(&grant).await.unwrap();
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let (store, sent) = (Arc::clone(&bench.store), make.at_upstream(&grant));
                tokio::spawn(async move { (store.advance_grant(&sent).await.unwrap(), sent) })
            })
            .collect();
        let mut winners = vec![];
        for racer in racers {
            let (swap, sent) = racer.await.unwrap();
            if swap == Swap::Done {
                winners.push(sent);
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(bench.store.lookup_grant(&grant.id).await.unwrap(), winners.pop());
    }
}

pub(crate) async fn an_id_or_a_code_is_taken_only_once(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let code = make.hash();
    let first = make.add_approved(&*bench.store, code, at(0)).await;
    let same_id = Grant { id: first.id.clone(), ..make.grant(&make.client_id(), at(5)) };
    assert!(matches!(bench.store.add_grant(&same_id).await, Err(StoreError::Unavailable(_))));
    let second = make.grant(&make.client_id(), at(0));
    bench.store.add_grant(&second).await.unwrap();
    let sent = make.at_upstream(&second);
    done(bench.store.advance_grant(&sent).await);
    let clash = bench.store.advance_grant(&make.approved(&sent, code)).await;
    assert!(matches!(clash, Err(StoreError::Unavailable(_))));
    assert_eq!(bench.store.lookup_grant(&sent.id).await.unwrap(), Some(sent));
    assert_eq!(bench.store.find_grant_by_code(&code).await.unwrap(), Some(first));
}

pub(crate) async fn beyond_the_bound_the_oldest_awaiting_consent_go(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(100, 2, 100)).await, Maker::new());
    let grants: Vec<_> = (0..5).map(|n| make.grant(&make.client_id(), at(n))).collect();
    for grant in &grants {
        bench.store.add_grant(grant).await.unwrap();
    }
    assert_eq!(remaining(&*bench.store, &grants).await, [3, 4]);
}

pub(crate) async fn a_flood_at_any_stage_a_stranger_can_reach_stays_within_the_bound(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(100, 6, 100)).await, Maker::new());
    let mut grants = vec![];
    let mut counts = vec![];
    for (flood, of) in ["awaiting_consent", "closed", "at_upstream"].into_iter().zip(0..) {
        for n in 1..=30 {
            let grant = make.grant(&make.client_id(), at(100 * of + n));
            bench.store.add_grant(&grant).await.unwrap();
            match flood {
                "closed" => {
                    let declined = grant.clone().closed(Closed::Declined, at(0)).unwrap();
                    done(bench.store.advance_grant(&declined).await);
                }
                "at_upstream" => done(bench.store.advance_grant(&make.at_upstream(&grant)).await),
                _ => {}
            }
            grants.push(grant);
        }
        counts.push(by_stage(&*bench.store, &grants).await);
    }
    // awaiting consent, at the identity provider, closed
    assert_eq!(counts, [[6, 0, 0], [0, 0, 6], [0, 6, 0]]);
}

pub(crate) async fn neither_approved_nor_exchanged_grants_count_or_go(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(100, 2, 100)).await, Maker::new());
    let mut grants = vec![];
    for _ in 0..3 {
        grants.push(make.add_approved(&*bench.store, make.hash(), at(0)).await);
        let approved = make.add_approved(&*bench.store, make.hash(), at(0)).await;
        let (exchanged, session, token) = make.session(&approved);
        done(bench.store.open_session(&exchanged, &session, &token).await);
        grants.push(exchanged);
    }
    for n in 0..5 {
        let grant = make.grant(&make.client_id(), at(n));
        bench.store.add_grant(&grant).await.unwrap();
        grants.push(grant);
    }
    assert_eq!(bench.store.reap(at(5)).await.unwrap().grants, 0);
    assert_eq!(remaining(&*bench.store, &grants).await, [0, 1, 2, 3, 4, 5, 9, 10]);
}

pub(crate) async fn people_signing_in_outlast_a_flood_of_pages(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(100, 4, 100)).await, Maker::new());
    let grants: Vec<_> = (0..9).map(|n| make.grant(&make.client_id(), at(n))).collect();
    for (n, grant) in grants.iter().enumerate() {
        bench.store.add_grant(grant).await.unwrap();
        match n {
            0 | 1 => done(bench.store.advance_grant(&make.at_upstream(grant)).await),
            6 => {
                let declined = grant.clone().closed(Closed::Declined, at(9)).unwrap();
                done(bench.store.advance_grant(&declined).await);
            }
            _ => {}
        }
    }
    assert_eq!(remaining(&*bench.store, &grants).await, [0, 1, 7, 8]);
}

pub(crate) async fn a_flood_of_sign_ins_leaves_pages_to_others(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(100, 4, 100)).await, Maker::new());
    let grants: Vec<_> = (0..12).map(|n| make.grant(&make.client_id(), at(n))).collect();
    for (n, grant) in grants.iter().enumerate() {
        bench.store.add_grant(grant).await.unwrap();
        // 10 is a person looking at the page while strangers approve one after the other.
        if n != 10 {
            done(bench.store.advance_grant(&make.at_upstream(grant)).await);
        }
    }
    assert_eq!(remaining(&*bench.store, &grants).await, [8, 9, 10, 11]);
    let newest = make.grant(&make.client_id(), at(12));
    bench.store.add_grant(&newest).await.unwrap();
    assert_eq!(remaining(&*bench.store, &grants).await, [9, 10, 11]);
}

/// How many of them are awaiting consent, at the identity provider, and closed.
async fn by_stage(store: &dyn Store, grants: &[Grant]) -> [usize; 3] {
    let mut counts = [0; 3];
    for grant in grants {
        match store.lookup_grant(&grant.id).await.unwrap().map(|stored| stored.stage) {
            Some(Stage::AwaitingConsent) => counts[0] += 1,
            Some(Stage::AtUpstream { .. }) => counts[1] += 1,
            Some(Stage::Closed { .. }) => counts[2] += 1,
            Some(Stage::Approved { .. } | Stage::Exchanged { .. }) | None => {}
        }
    }
    counts
}

async fn remaining(store: &dyn Store, grants: &[Grant]) -> Vec<usize> {
    let mut out = vec![];
    for (n, grant) in grants.iter().enumerate() {
        if store.lookup_grant(&grant.id).await.unwrap().is_some() {
            out.push(n);
        }
    }
    out
}

pub(crate) async fn who_waits_for_a_code_is_listed_until_it_is_given_or_over(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let mut asked = Vec::new();
    for n in 0..3 {
        let grant = make.grant(&make.client_id(), at(n));
        bench.store.add_grant(&grant).await.unwrap();
        let render = Render { form: make.hash(), browser: make.hash() };
        let shown = grant.shown(render.clone()).unwrap().asking_for_code(render.browser, None, at(n));
        done(bench.store.advance_grant(&shown).await);
        asked.push(shown);
    }
    let bystander = make.grant(&make.client_id(), at(0));
    bench.store.add_grant(&bystander).await.unwrap();
    let list = async |now| bench.store.list_pairings(now).await.unwrap();
    let [first, second, third] = asked.as_slice() else { panic!() };
    assert_eq!(list(at(3)).await, [third.clone(), second.clone(), first.clone()], "the newest first");
    assert_eq!(list(at(301)).await, std::slice::from_ref(third), "the others are over");

    let browser = third.renders[0].browser;
    let tried = third.clone().code_tried(make.hash()).unwrap();
    done(bench.store.advance_grant(&tried).await);
    assert_eq!(list(at(4)).await[0], tried, "with its tries");
    done(bench.store.advance_grant(&tried.code_given(browser).unwrap()).await);
    done(bench.store.advance_grant(&second.clone().closed(Closed::Declined, at(4)).unwrap()).await);
    assert_eq!(list(at(4)).await, std::slice::from_ref(first));

    for n in 0..230 {
        let grant = make.grant(&make.client_id(), at(5)).asking_for_code(make.hash(), None, at(5 + n));
        bench.store.add_grant(&grant).await.unwrap();
    }
    assert_eq!(list(at(6)).await.len(), 200, "strangers do not make it longer");
}
