//! Remembered consents.

use model::consent::Consent;

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
