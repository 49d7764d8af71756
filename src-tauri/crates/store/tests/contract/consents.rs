//! Remembered consents.

use model::consent::Consent;
use model::ports::Bounds;

use crate::fixture::{Backend, Maker, REDIRECT, at, consent};

const OTHER: &str = "https://client.example/other";

pub(crate) async fn a_consent_is_found_by_browser_client_and_redirect(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (browser, client) = (make.hash(), make.client_id());
    let consent = consent(browser, &client, REDIRECT);
    bench.store.put_consent(&consent).await.unwrap();
    assert_eq!(bench.store.find_consent(&browser, &client, REDIRECT).await.unwrap(), Some(consent));
    assert_eq!(bench.store.find_consent(&make.hash(), &client, REDIRECT).await.unwrap(), None);
    assert_eq!(bench.store.find_consent(&browser, &make.client_id(), REDIRECT).await.unwrap(), None);
    assert_eq!(bench.store.find_consent(&browser, &client, OTHER).await.unwrap(), None);
}

pub(crate) async fn a_consent_given_again_replaces_the_one_before(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (browser, client) = (make.hash(), make.client_id());
    let first = consent(browser, &client, REDIRECT);
    let again = Consent { given_at: at(50), expires_at: at(5000), ..first.clone() };
    bench.store.put_consent(&first).await.unwrap();
    bench.store.put_consent(&again).await.unwrap();
    assert_eq!(bench.store.find_consent(&browser, &client, REDIRECT).await.unwrap(), Some(again));
    // The old expiry went with the old consent.
    assert_eq!(bench.store.reap(at(4999)).await.unwrap().consents, 0);
    assert_eq!(bench.store.reap(at(5000)).await.unwrap().consents, 1);
}

pub(crate) async fn forgetting_takes_every_redirect_of_one_client_in_one_browser(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (browser, client) = (make.hash(), make.client_id());
    let (elsewhere, another) = (make.hash(), make.client_id());
    for (browser, client, redirect) in [
        (browser, &client, REDIRECT),
        (browser, &client, OTHER),
        (elsewhere, &client, REDIRECT),
        (browser, &another, REDIRECT),
    ] {
        bench.store.put_consent(&consent(browser, client, redirect)).await.unwrap();
    }
    bench.store.forget_consent(&browser, &client).await.unwrap();
    assert_eq!(bench.store.find_consent(&browser, &client, REDIRECT).await.unwrap(), None);
    assert_eq!(bench.store.find_consent(&browser, &client, OTHER).await.unwrap(), None);
    assert!(bench.store.find_consent(&elsewhere, &client, REDIRECT).await.unwrap().is_some());
    assert!(bench.store.find_consent(&browser, &another, REDIRECT).await.unwrap().is_some());
}

pub(crate) async fn beyond_the_bound_the_oldest_consents_go(backend: Backend) {
    let few = Bounds { consents: 3, ..Bounds::default() };
    let (bench, make) = (backend.open_bounded(few).await, Maker::new());
    let client = make.client_id();
    let given: Vec<_> = [4, 1, 3, 0, 2]
        .map(|n| Consent {
            given_at: at(n),
            expires_at: at(1000 + n),
            ..consent(make.hash(), &client, REDIRECT)
        })
        .into();
    for one in &given {
        bench.store.put_consent(one).await.unwrap();
    }
    let mut left = vec![];
    for one in &given {
        if bench.store.find_consent(&one.browser, &client, REDIRECT).await.unwrap().is_some() {
            left.push(one.given_at);
        }
    }
    assert_eq!(left, [at(4), at(3), at(2)]);
    // Given again it is one of the newest, and it is still the same row.
    let again = Consent { given_at: at(9), expires_at: at(1009), ..given[4].clone() };
    bench.store.put_consent(&again).await.unwrap();
    let newest = Consent { expires_at: at(2000), ..consent(make.hash(), &client, REDIRECT) };
    bench.store.put_consent(&newest).await.unwrap();
    assert_eq!(bench.store.find_consent(&again.browser, &client, REDIRECT).await.unwrap(), Some(again));
}

pub(crate) async fn a_flood_of_consents_stays_within_a_hundredth_of_the_bound(backend: Backend) {
    let bound = Bounds { consents: 300, ..Bounds::default() };
    let (bench, make) = (backend.open_bounded(bound).await, Maker::new());
    let client = make.client_id();
    let mut given = vec![];
    for n in 0..700 {
        let expires_at = at(1000 + n);
        given.push(Consent { expires_at, ..consent(make.hash(), &client, REDIRECT) });
        bench.store.put_consent(&given[given.len() - 1]).await.unwrap();
    }
    let mut there = 0;
    for one in &given {
        there +=
            usize::from(bench.store.find_consent(&one.browser, &client, REDIRECT).await.unwrap().is_some());
    }
    assert!((300..=303).contains(&there), "{there}");
    let beyond = there as u64 - 300;
    assert_eq!(bench.store.reap(at(0)).await.unwrap().consents, beyond);
}
