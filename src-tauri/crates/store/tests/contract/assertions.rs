//! Client assertions that were used.

use std::sync::Arc;

use model::ports::Swap;

use crate::fixture::{Backend, Maker, at};

pub(crate) async fn an_assertion_counts_once_until_it_is_forgotten(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (one, other) = (make.hash(), make.hash());
    assert_eq!(bench.store.use_assertion(&one, at(60)).await.unwrap(), Swap::Done);
    assert_eq!(bench.store.use_assertion(&one, at(90)).await.unwrap(), Swap::Lost);
    assert_eq!(bench.store.use_assertion(&other, at(60)).await.unwrap(), Swap::Done);
    assert_eq!(bench.store.reap(at(59)).await.unwrap().assertions, 0);
    assert_eq!(bench.store.use_assertion(&one, at(90)).await.unwrap(), Swap::Lost);
    assert_eq!(bench.store.reap(at(60)).await.unwrap().assertions, 2);
    assert_eq!(bench.store.use_assertion(&one, at(90)).await.unwrap(), Swap::Done);
}

pub(crate) async fn of_parallel_uses_exactly_one_is_done(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let assertion = make.hash();
    let users: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&bench.store);
            tokio::spawn(async move { store.use_assertion(&assertion, at(60)).await.unwrap() })
        })
        .collect();
    let mut done = 0;
    for user in users {
        done += usize::from(user.await.unwrap() == Swap::Done);
    }
    assert_eq!(done, 1);
}
