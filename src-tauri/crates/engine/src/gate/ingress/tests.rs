//! Who keeps a place while strangers take all that they may.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use model::ids::ClientId;
use model::look::{PATH, Question};

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

    fn ticket(&self) -> String {
        let live = self.entrance.engine.live().unwrap();
        live.flow.looks().ticket(live.flow.entropy(), self.entrance.engine.now())
    }

    async fn looks(&self, method: &str, path: &str, ticket: &str, authorization: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(format!("{path}?{ticket}"));
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
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
    let _held = house.fills_up();
    let ticket = house.ticket();
    for question in Question::ALL {
        let looked = house.looks(question.method(), question.path(), &ticket, None).await;
        assert_eq!(
            looked.status() == 401,
            question == Question::Challenge,
            "{question:?} {}",
            looked.status()
        );
        assert_ne!(looked.status(), 429, "{question:?}");
    }
    assert!(house.entrance.visits.all().is_empty());
    let forged = house.looks("GET", PATH, &format!("{ticket}x"), None).await;
    assert_eq!(forged.status(), 429, "another's");
    let [visit] = house.entrance.visits.all().try_into().unwrap();
    assert_eq!(visit.outcome, Outcome::Limited(Limit::AtOnce));
}

#[tokio::test]
async fn whoever_shows_the_ticket_of_our_look_again_is_a_visitor_like_all() {
    let house = House::new();
    let held = house.fills_up();
    let ticket = house.ticket();
    for (method, path) in [("GET", "/jwks"), ("POST", "/register"), ("GET", "/authorize"), ("GET", "/mcp")] {
        let replayed = house.looks(method, path, &ticket, None).await;
        assert_eq!(replayed.status(), 429, "{method} {path} is nothing that we look at");
    }
    let call = house.looks("POST", "/mcp", &ticket, Some("Bearer good")).await;
    assert_eq!(call.status(), 429, "a call with a token is none of ours, and this one was never good here");

    let (mut passed, mut seen) =
        (0, house.entrance.visits.all().iter().map(|visit| visit.count).sum::<u64>());
    assert_eq!(seen, 5, "each is in the list");
    for question in Question::ALL {
        for _ in 0..10 {
            let replayed = house.looks(question.method(), question.path(), &ticket, None).await;
            passed += u64::from(replayed.status() != 429);
        }
    }
    assert_eq!(passed, 10, "what a look needs, once more");
    seen = house.entrance.visits.all().iter().map(|visit| visit.count).sum::<u64>() - seen;
    assert_eq!(seen, 40, "and the rest is in the list");
    drop(held);
    assert_ne!(house.looks("GET", PATH, &ticket, None).await.status(), 429, "where there is room for all");
}
