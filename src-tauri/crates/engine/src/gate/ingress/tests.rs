//! Who keeps a place while strangers take all that they may.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use model::ids::ClientId;

use super::super::limits::Limit;
use super::*;
use crate::api::tests::Bench;

/// An entrance in front of something that takes one token, until it no longer does.
struct House {
    entrance: Entrance,
    takes: Arc<AtomicBool>,
}

impl House {
    fn new() -> Self {
        let takes = Arc::new(AtomicBool::new(true));
        let good = takes.clone();
        let app = Router::new().fallback(async move |request: Request| {
            let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let is_good = shown.is_some_and(|shown| shown.ends_with(" good"));
            if request.uri().path() != "/mcp" {
                return StatusCode::OK.into_response();
            }
            if !is_good || !good.load(Ordering::Relaxed) {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            let mut response = StatusCode::OK.into_response();
            let client = ClientId::parse("client").unwrap();
            let known = Recognised { client, name: None, approved: true, by_token: true };
            response.extensions_mut().insert(known);
            response
        });
        let door = Door::default();
        door.lead_to(Some(app));
        let engine = Bench::new().engine().clone();
        let (limits, visits) = (Arc::default(), Arc::default());
        Self { entrance: Entrance { engine, door, limits, visits, visitor: None }, takes }
    }

    async fn asks(&self, target: &str, authorization: &str) -> Response {
        let request = Request::get(target).header(header::AUTHORIZATION, authorization);
        self.entrance.clone().answer(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// All places that strangers may take.
    fn fills_up(&self) -> Vec<Underway> {
        let stranger = Ask { path: "/jwks", ..Ask::default() };
        let held: Vec<_> = std::iter::repeat_with(|| self.entrance.limits.admit(&stranger))
            .take(1_000)
            .map_while(Result::ok)
            .collect();
        assert!(held.len() < 512, "connections are left over");
        held
    }
}

#[tokio::test]
async fn a_token_counts_where_it_is_checked_and_as_long_as_it_is_taken() {
    let house = House::new();
    assert_eq!(house.asks("/mcp", "Bearer good").await.status(), 200);
    let held = house.fills_up();
    for spelling in ["Bearer good", "bearer good", "BEARER  good"] {
        assert_eq!(house.asks("/mcp", spelling).await.status(), 200, "{spelling}");
    }
    let turned_away = house.asks("/jwks", "Bearer good").await;
    assert_eq!(turned_away.status(), 429, "nobody would notice there that it is no longer good");
    assert_eq!(turned_away.headers()[header::CONNECTION], "close");

    house.takes.store(false, Ordering::Relaxed);
    assert_eq!(house.asks("/mcp", "Bearer good").await.status(), 401);
    assert_eq!(house.asks("/mcp", "bearer good").await.status(), 429, "a stranger from then on");
    drop(held);
    assert_eq!(house.asks("/mcp", "Bearer good").await.status(), 401);
}

#[tokio::test]
async fn where_something_does_not_answer_a_token_stays_what_it_was() {
    let house = House::new();
    assert_eq!(house.asks("/mcp", "Bearer good").await.status(), 200);
    let door = &house.entrance.door;
    let app = read(&door.0.app).clone();
    door.lead_to(None);
    assert_eq!(house.asks("/mcp", "Bearer good").await.status(), 503);
    door.lead_to(app);
    let _held = house.fills_up();
    assert_eq!(house.asks("/mcp", "Bearer good").await.status(), 200);
}

#[tokio::test]
async fn our_own_look_gets_through_a_flood_and_is_no_visitor() {
    let house = House::new();
    let live = house.entrance.engine.live().unwrap();
    let (flow, now) = (&live.flow, house.entrance.engine.now());
    let ticket = flow.looks().ticket(flow.entropy(), now);
    let _held = house.fills_up();
    assert_eq!(house.asks(&format!("/mcp?{ticket}"), "").await.status(), 401);
    assert_eq!(house.asks(&format!("/jwks?{ticket}"), "").await.status(), 200);
    assert!(house.entrance.visits.all().is_empty());
    assert_eq!(house.asks(&format!("/jwks?{ticket}x"), "").await.status(), 429, "another's");
    let [visit] = house.entrance.visits.all().try_into().unwrap();
    assert_eq!(visit.outcome, Outcome::Limited(Limit::AtOnce));
}
