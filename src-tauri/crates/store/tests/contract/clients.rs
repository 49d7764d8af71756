//! Clients and who of them goes when there are too many.

use model::client::Client;
use model::grant::Closed;
use model::ports::Store;

use crate::fixture::{Backend, Maker, at, bounds, done};

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
    assert_eq!(bench.store.list_clients().await.unwrap().len(), 1);
}

pub(crate) async fn approving_an_unknown_client_adds_none(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    bench.store.approve_client(&make.client_id(), at(0)).await.unwrap();
    assert_eq!(bench.store.list_clients().await.unwrap(), vec![]);
}

pub(crate) async fn clients_are_listed_newest_first(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    for created in [2, 3, 1] {
        bench.store.put_client(&make.client(at(created))).await.unwrap();
    }
    let listed = bench.store.list_clients().await.unwrap();
    assert_eq!(listed.iter().map(|c| c.created_at).collect::<Vec<_>>(), [at(3), at(2), at(1)]);
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
            most = most.max(bench.store.list_clients().await.unwrap().len());
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

async fn remaining(store: &dyn Store, clients: &[Client]) -> Vec<usize> {
    let mut out = vec![];
    for (n, client) in clients.iter().enumerate() {
        if store.lookup_client(&client.id).await.unwrap().is_some() {
            out.push(n);
        }
    }
    out
}
