//! Client assertions that were used.

use std::sync::Arc;

use model::ids::TokenHash;
use model::ports::{AssertionUse, Swap};

use crate::fixture::{Backend, Maker, at};

fn used(id: TokenHash, request: TokenHash, secs: i64) -> AssertionUse {
    AssertionUse { id, request, at: at(secs), until: at(300) }
}

pub(crate) async fn an_assertion_counts_once_until_it_is_forgotten(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (one, other) = (make.hash(), make.hash());
    assert_eq!(bench.store.use_assertion(&used(one, make.hash(), 1)).await.unwrap(), Swap::Done);
    assert_eq!(bench.store.use_assertion(&used(one, make.hash(), 2)).await.unwrap(), Swap::Lost);
    assert_eq!(bench.store.use_assertion(&used(other, make.hash(), 2)).await.unwrap(), Swap::Done);
    assert_eq!(bench.store.reap(at(299)).await.unwrap().assertions, 0);
    assert_eq!(bench.store.use_assertion(&used(one, make.hash(), 299)).await.unwrap(), Swap::Lost);
    assert_eq!(bench.store.reap(at(300)).await.unwrap().assertions, 2);
    assert_eq!(bench.store.use_assertion(&used(one, make.hash(), 301)).await.unwrap(), Swap::Done);
}

pub(crate) async fn a_request_repeated_within_the_grace_is_no_second_use(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (assertion, request) = (make.hash(), make.hash());
    for (secs, swap) in [(0, Swap::Done), (60, Swap::Done), (61, Swap::Lost)] {
        assert_eq!(bench.store.use_assertion(&used(assertion, request, secs)).await.unwrap(), swap, "{secs}");
    }
}

pub(crate) async fn of_parallel_uses_exactly_one_is_done(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let assertion = make.hash();
    let users: Vec<_> = (0..16)
        .map(|_| {
            let (store, used) = (Arc::clone(&bench.store), used(assertion, make.hash(), 1));
            tokio::spawn(async move { store.use_assertion(&used).await.unwrap() })
        })
        .collect();
    let mut done = 0;
    for user in users {
        done += usize::from(user.await.unwrap() == Swap::Done);
    }
    assert_eq!(done, 1);
}
