//! Clients and who of them goes when there are too many.

use model::client::Client;
use model::grant::Closed;
use model::ports::{ClientQuery, Store};
use model::session::Ended;

use crate::fixture::{Backend, EVERY_CLIENT, Maker, at, bounds, done};

pub(crate) async fn a_client_reads_back_as_it_was_put(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let client = make.client(at(0));
    bench.store.put_client(&client).await.unwrap();
    assert_eq!(bench.store.lookup_client(&client.id).await.unwrap(), Some(client));
}

pub(crate) async fn unknown_ids_are_none(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    bench.store.put_client(&make.client(at(0))).await.unwrap();
    assert_eq!(bench.store.lookup_client(&make.client_id()).await.unwrap(), None);
}

pub(crate) async fn a_replaced_client_keeps_its_approval(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let client = make.client(at(0));
    bench.store.put_client(&client).await.unwrap();
    bench.store.approve_client(&client.id, at(5)).await.unwrap();
    let renamed = Client { name: Some("new name".into()), created_at: at(9), ..client };
    bench.store.put_client(&renamed).await.unwrap();
    let expected = Client { approved_at: Some(at(5)), ..renamed };
    assert_eq!(bench.store.lookup_client(&expected.id).await.unwrap(), Some(expected));
    assert_eq!(bench.store.list_clients(&EVERY_CLIENT).await.unwrap().len(), 1);
}

pub(crate) async fn approving_an_unknown_client_adds_none(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    bench.store.approve_client(&make.client_id(), at(0)).await.unwrap();
    assert_eq!(bench.store.list_clients(&EVERY_CLIENT).await.unwrap(), vec![]);
}

pub(crate) async fn a_block_outlives_what_the_client_says_anew_and_an_approval(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let client = make.client(at(0));
    bench.store.put_client(&client).await.unwrap();
    assert!(bench.store.block_client(&client.id, Some(at(5))).await.unwrap());
    bench.store.put_client(&Client { name: Some("another".into()), ..client.clone() }).await.unwrap();
    bench.store.approve_client(&client.id, at(6)).await.unwrap();
    let read = bench.store.lookup_client(&client.id).await.unwrap().unwrap();
    assert_eq!((read.name.as_deref(), read.blocked_at), (Some("another"), Some(at(5))));

    assert!(bench.store.block_client(&client.id, None).await.unwrap());
    // Nor does a request that read the row while it was blocked bring the block back.
    bench.store.put_client(&read).await.unwrap();
    let read = bench.store.lookup_client(&client.id).await.unwrap().unwrap();
    assert_eq!((read.approved_at, read.blocked_at), (Some(at(6)), None));
}

pub(crate) async fn blocking_an_unknown_client_adds_none(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    assert!(!bench.store.block_client(&make.client_id(), Some(at(0))).await.unwrap());
    assert_eq!(bench.store.list_clients(&EVERY_CLIENT).await.unwrap(), vec![]);
}

pub(crate) async fn clients_are_listed_by_their_approval_and_then_newest_first(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let clients: Vec<_> = [2, 3, 1, 5, 4].map(|created| make.client(at(created))).into();
    for client in &clients {
        bench.store.put_client(client).await.unwrap();
    }
    bench.store.approve_client(&clients[0].id, at(10)).await.unwrap();
    bench.store.approve_client(&clients[2].id, at(20)).await.unwrap();
    for (query, created) in [
        (EVERY_CLIENT, vec![1, 2, 5, 4, 3]),
        (ClientQuery { limit: 3, ..EVERY_CLIENT }, vec![1, 2, 5]),
        (ClientQuery { approved_only: true, limit: 3 }, vec![1, 2]),
        (ClientQuery { approved_only: true, limit: 1 }, vec![1]),
    ] {
        let listed = bench.store.list_clients(&query).await.unwrap();
        let expected: Vec<_> = created.into_iter().map(at).collect();
        assert_eq!(listed.iter().map(|client| client.created_at).collect::<Vec<_>>(), expected, "{query:?}");
    }
}

pub(crate) async fn a_list_of_clients_has_a_hundred_unless_told_and_never_more_than_a_thousand(
    backend: Backend,
) {
    let (bench, make) = (backend.open().await, Maker::new());
    for n in 0..1001 {
        bench.store.put_client(&make.client(at(n))).await.unwrap();
    }
    for (limit, there) in [(0, 100), (7, 7), (5000, 1000)] {
        let query = ClientQuery { limit, ..ClientQuery::default() };
        assert_eq!(bench.store.list_clients(&query).await.unwrap().len(), there);
    }
}

pub(crate) async fn beyond_the_bound_the_oldest_never_approved_go(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(2, 100, 100)).await, Maker::new());
    let clients: Vec<_> = (0..6).map(|n| make.client(at(n))).collect();
    bench.store.put_client(&clients[0]).await.unwrap();
    bench.store.approve_client(&clients[0].id, at(0)).await.unwrap();
    for client in &clients[1..] {
        bench.store.put_client(client).await.unwrap();
    }
    assert_eq!(remaining(&*bench.store, &clients).await, [0, 4, 5]);
}

pub(crate) async fn a_flood_stays_within_a_hundredth_of_the_bound(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(300, 100, 100)).await, Maker::new());
    let mut most = 0;
    for n in 0..700 {
        bench.store.put_client(&make.client(at(n))).await.unwrap();
        if n > 300 && n % 50 < 4 {
            most = most.max(bench.store.list_clients(&EVERY_CLIENT).await.unwrap().len());
        }
    }
    assert!((300..=303).contains(&most), "{most}");
}

pub(crate) async fn a_client_with_an_open_grant_stays(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(1, 100, 100)).await, Maker::new());
    let clients: Vec<_> = (0..5).map(|n| make.client(at(n))).collect();
    let grants: Vec<_> = clients[..4].iter().map(|client| make.grant(&client.id, at(10))).collect();
    for grant in &grants {
        bench.store.add_grant(grant).await.unwrap();
    }
    // 0 awaits consent, 1 is at the identity provider, 2 has a code to exchange, 3 is over.
    done(bench.store.advance_grant(&make.at_upstream(&grants[1])).await);
    let sent = make.at_upstream(&grants[2]);
    done(bench.store.advance_grant(&sent).await);
    done(bench.store.advance_grant(&make.approved(&sent, make.hash())).await);
    done(bench.store.advance_grant(&grants[3].clone().closed(Closed::Declined, at(11)).unwrap()).await);
    for client in &clients {
        bench.store.put_client(client).await.unwrap();
    }
    assert_eq!(remaining(&*bench.store, &clients).await, [0, 1, 2, 4]);
}

pub(crate) async fn the_client_just_registered_is_not_the_one_to_go(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(1, 100, 100)).await, Maker::new());
    let clients = [make.client(at(5)), make.client(at(0))];
    bench.store.add_grant(&make.grant(&clients[0].id, at(5))).await.unwrap();
    for client in &clients {
        bench.store.put_client(client).await.unwrap();
    }
    assert_eq!(remaining(&*bench.store, &clients).await, [0, 1]);
}

pub(crate) async fn a_client_with_a_live_session_stays(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(1, 100, 100)).await, Maker::new());
    // As if the process had died before the approval was noted: the sessions are there, the clients are put after.
    let (live, _) = make.add_session(&*bench.store, at(0)).await;
    let (ended, _) = make.add_session(&*bench.store, at(0)).await;
    bench.store.end_session(&ended.id, &Ended::RevokedByOwner, at(1)).await.unwrap();
    let clients = [
        Client { id: live.client, ..make.client(at(0)) },
        Client { id: ended.client, ..make.client(at(0)) },
        make.client(at(1)),
        make.client(at(2)),
    ];
    for client in &clients {
        bench.store.put_client(client).await.unwrap();
    }
    assert_eq!(remaining(&*bench.store, &clients).await, [0, 3]);
    assert_eq!(bench.store.reap(at(3)).await.unwrap().clients, 1);
    assert_eq!(remaining(&*bench.store, &clients).await, [0]);
}

async fn remaining(store: &dyn Store, clients: &[Client]) -> Vec<usize> {
    let mut out = vec![];
    for (n, client) in clients.iter().enumerate() {
        if store.lookup_client(&client.id).await.unwrap().is_some() {
            out.push(n);
        }
    }
    out
}
