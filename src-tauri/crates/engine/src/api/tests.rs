//! Commands against a store in memory, without any HTTP.

mod bench;

use model::event::{About, EventKind};
use model::ids::{AttemptId, SessionId};
use model::ports::{Clock as _, StoreError};
use model::session::{Ended, RefreshTrouble, Session};
use model::testing::refusal;
use model::upstream::Effect;
use serde_json::{Value, json};

use super::*;
pub(crate) use bench::Bench;

async fn answer(bench: &Bench, command: &str, payload: Value) -> Value {
    bench.api.call(command, payload).await.unwrap_or_else(|error| panic!("{command}: {error}"))
}

async fn error(bench: &Bench, command: &str, payload: Value) -> Value {
    match bench.api.call(command, payload).await {
        Ok(answer) => panic!("{command} answered {answer}"),
        Err(error) => serde_json::to_value(error).unwrap(),
    }
}

#[tokio::test]
async fn every_command_of_the_table_is_answered_under_its_own_name() {
    let bench = Bench::new();
    for command in COMMANDS {
        if let Err(error) = bench.api.call(command.name, Value::Null).await {
            assert_ne!(error.code(), ErrorCode::UnknownCommand, "{}", command.name);
        }
        assert!(command.about.ends_with('.') && !command.about.starts_with(' '), "{}", command.name);
    }
}

#[tokio::test]
async fn an_unknown_command_is_told_with_the_ones_there_are() {
    let told = error(&Bench::new(), "list_session", json!({})).await;
    assert_eq!(told["code"], "unknown_command");
    let hint = told["hint"].as_str().unwrap();
    assert!(COMMANDS.iter().all(|command| hint.contains(command.name)), "{hint}");
}

#[tokio::test]
async fn a_payload_that_does_not_read_names_the_field() {
    let bench = Bench::new();
    for (command, payload, field) in [
        ("session_claims", json!({}), "`session`"),
        ("session_claims", json!({"session": 3}), "`session`"),
        ("session_claims", json!({"session": "x", "sesion": "x"}), "`sesion`"),
        ("end_sessions", json!({"sessions": ["x", 3]}), "`sessions[1]`"),
        ("list_attempts", json!({"ids": ["an attempt"]}), "`ids`"),
        ("list_attempts", json!({"ids": vec!["attempt_x"; 201]}), "`ids`"),
        ("inspect_token", json!({"token": "not a token"}), "`token`"),
        ("forget", json!({"what": "all"}), "`what`"),
        ("list_events", json!({"limit": -1}), "`limit`"),
        ("list_events", json!({"before": "newest"}), "`before`"),
        ("list_events", json!({"attempt": "an attempt"}), "`attempt`"),
        ("set_fault", json!({"fault": "slow", "on": "yes"}), "`on`"),
        ("status", json!({"verbose": true}), "`verbose`"),
    ] {
        let told = error(&bench, command, payload.clone()).await;
        assert_eq!(told["code"], "bad_request", "{command} {payload}");
        assert!(told["message"].as_str().unwrap().contains(field), "{told}");
    }
    for not_an_object in [json!("x"), json!(["x"]), json!(3)] {
        assert_eq!(error(&bench, "session_claims", not_an_object).await["code"], "bad_request");
    }
}

#[tokio::test]
async fn status_says_where_we_are() {
    let status = answer(&Bench::new(), "status", Value::Null).await;
    assert_eq!(status["mcp_url"], "http://localhost:4242/mcp");
    assert_eq!(status["public_url"], "https://mcp.example.com");
    assert_eq!(status["public_mcp_url"], "https://mcp.example.com/mcp");
    assert_eq!(status["practice_url"], "http://localhost:4243");
    assert_eq!(status["dropped_events"], 0);
}

#[tokio::test]
async fn a_session_is_listed_with_person_client_and_times_in_milliseconds() {
    let bench = Bench::new();
    let session = bench.session().await;
    let rows = answer(&bench, "list_sessions", Value::Null).await;
    let created = session.created_at.millis();
    assert_eq!(
        rows,
        json!([{
            "session": session.id,
            "attempt": session.attempt,
            "person": {
                "object": "oid-ada", "tenant": "tid-home", "name": "Ada Lindqvist",
                "username": "ada@practice.example", "guest": true, "roles": [],
            },
            "client": {
                "id": session.client, "name": "Inspector", "kind": null, "verified_host": null, "uri": null,
                "blocked": false,
            },
            "state": { "is": "live" },
            "scopes": ["read", "write"],
            "origin": "local",
            "resource": "http://localhost:4242/mcp",
            "calls": 0,
            "created_at": created,
            "active_at": created,
            "refreshed_at": created,
            "access_expires_at": created + 3_600_000,
            "expires_at": created + 90 * 24 * 3_600_000,
            "refresh": null,
        }])
    );
}

#[tokio::test]
async fn an_ended_session_stays_listed_with_the_reason_and_ends_only_once() {
    let bench = Bench::new();
    let Session { id, .. } = bench.session().await;
    let payload = json!({ "sessions": [id] });
    assert_eq!(answer(&bench, "end_sessions", payload.clone()).await, json!({ "ended": 1 }));
    assert_eq!(answer(&bench, "end_sessions", payload).await, json!({ "ended": 0 }));

    let state = &answer(&bench, "list_sessions", Value::Null).await[0]["state"];
    assert_eq!(state["is"], "ended");
    assert_eq!(state["why"], "revoked_by_owner");
    assert_eq!(state["at"], bench.clock.now().millis());
    assert_eq!(state["reason"], Ended::RevokedByOwner.explain());
}

#[tokio::test]
async fn a_refusal_of_the_provider_keeps_its_code_and_its_advice() {
    let bench = Bench::new();
    let Session { id, .. } = bench.session().await;
    let refusal = refusal(Some(50_057), Effect::Ends);
    let why = Ended::by(&refusal).unwrap();
    bench.store.end_session(&id, &why, bench.clock.now()).await.unwrap();
    let state = &answer(&bench, "list_sessions", Value::Null).await[0]["state"];
    assert_eq!((&state["code"], &state["reason"]), (&json!(50_057), &json!(refusal.told())));
    assert_eq!((&state["fixer"], &state["remedies"]), (&json!(refusal.fixer), &json!(refusal.remedies)));
}

#[tokio::test]
async fn a_session_nobody_refreshed_for_90_days_is_not_called_live_before_the_store_is_tidied() {
    let bench = Bench::new();
    bench.session().await;
    bench.clock.advance(Session::IDLE_LIFETIME);
    let state = &answer(&bench, "list_sessions", Value::Null).await[0]["state"];
    assert_eq!(state["why"], "expired");
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_found_however_its_name_is_spelled() {
    let bench = Bench::new();
    let unknown = SessionId::generate(bench.entropy.as_ref());
    for session in [unknown.as_str(), "", "../../etc/passwd", "session_"] {
        let told = error(&bench, "session_claims", json!({ "session": session })).await;
        assert_eq!(told["code"], "not_found", "{session}");
        let there = bench.session().await.id;
        let told = error(&bench, "end_sessions", json!({ "sessions": [there, session] })).await;
        assert_eq!(told["code"], "not_found", "{session}");
        let rows = answer(&bench, "list_sessions", Value::Null).await;
        assert_eq!(rows[0]["state"]["is"], "live", "all or none");
    }
}

#[tokio::test]
async fn claims_are_shown_while_a_session_lives_and_gone_with_it() {
    let bench = Bench::new();
    let Session { id, .. } = bench.session().await;
    let claims = answer(&bench, "session_claims", json!({ "session": id })).await;
    assert_eq!(claims["id_claims"]["oid"], "oid-ada");
    assert_eq!(claims["access_claims"]["scp"], "read");
    assert_eq!(claims["issuer"], "https://idp.example/v2.0");
    assert_eq!(claims["access_expires_at"], bench.clock.now().millis() + 60_000);

    assert_eq!(claims["issued_claims"]["aud"], "http://localhost:4242/mcp");
    assert_eq!(claims["issued_claims"]["sid"], json!(id));
    assert_eq!(claims["badges"], json!(["v2", "guest"]));
    assert_eq!(claims["notes"]["scp"]["source"], "Expose an API, and consent to it");
    assert_eq!(claims["notes"]["amr"], Value::Null, "only of claims that are there");

    answer(&bench, "end_sessions", json!({ "sessions": [id] })).await;
    let told = error(&bench, "session_claims", json!({ "session": id })).await;
    assert_eq!(told["code"], "not_found");
    assert!(told["message"].as_str().unwrap().contains("when a session ends"), "{told}");
}

#[tokio::test]
async fn how_the_last_refresh_went_is_part_of_a_session() {
    let bench = Bench::new();
    let session = bench.session().await;
    let at = bench.clock.now();
    let trouble = RefreshTrouble { at, detail: "nobody answers".into(), refusal: None };
    bench.store.note_trouble(&session.id, &trouble).await.unwrap();
    let refresh = answer(&bench, "list_sessions", Value::Null).await[0]["refresh"].clone();
    let told = json!({
        "at": at.millis(), "ok": false, "detail": "nobody answers", "code": null, "fixer": null, "remedies": [],
    });
    assert_eq!(refresh, told);
}

#[tokio::test]
async fn a_blocked_client_loses_its_sessions_and_is_shown_as_blocked_until_it_is_let_in_again() {
    let bench = Bench::new();
    let (client, other) = (bench.client().await, bench.session().await);
    let session = bench.session_of(&client.id).await;
    let block = async |blocked| {
        answer(&bench, "block_client", json!({ "client": client.id, "blocked": blocked })).await
    };
    let row = async || {
        let rows = answer(&bench, "list_sessions", Value::Null).await;
        rows.as_array().unwrap().iter().find(|row| row["session"] == json!(session.id)).cloned().unwrap()
    };
    assert_eq!(
        (row().await["client"]["kind"].clone(), row().await["client"]["blocked"].clone()),
        (json!("dynamic"), json!(false))
    );
    assert_eq!(block(true).await, json!({ "ended": 1 }));
    assert_eq!(
        (row().await["state"]["is"].clone(), row().await["client"]["blocked"].clone()),
        (json!("ended"), json!(true))
    );
    assert!(bench.store.lookup_session(&other.id).await.unwrap().unwrap().is_live());
    assert_eq!(answer(&bench, "list_clients", Value::Null).await[1]["blocked"], true);
    assert_eq!(block(false).await, json!({ "ended": 0 }));
    assert_eq!(row().await["client"]["blocked"], false);
    // Of this one there is no row, only a session.
    let published = answer(&bench, "block_client", json!({ "client": other.client, "blocked": true })).await;
    assert_eq!(published, json!({ "ended": 1 }));
    assert!(bench.store.lookup_client(&other.client).await.unwrap().unwrap().is_blocked());
    for nobody in ["configured", "unknown", ""] {
        let told = error(&bench, "block_client", json!({ "client": nobody, "blocked": true })).await;
        assert_eq!(told["code"], "not_found", "{nobody}");
    }
}

/// That sessions were ended stays in the log.
#[tokio::test]
async fn what_is_to_be_forgotten_is_gone_and_nothing_else() {
    let bench = Bench::new();
    for (what, sessions, clients, events) in
        [("events", 1, 2, 0), ("sessions", 0, 2, 2), ("clients", 0, 1, 2), ("everything", 0, 1, 0)]
    {
        answer(&bench, "forget", json!({ "what": "everything" })).await;
        bench.session_of(&bench.client().await.id).await;
        bench.log([(About::default(), EventKind::TokenIssued)]).await;
        assert_eq!(answer(&bench, "forget", json!({ "what": what })).await, json!({}));
        let count = async |command| answer(&bench, command, Value::Null).await.as_array().unwrap().len();
        let left = (count("list_sessions").await, count("list_clients").await, count("list_events").await);
        assert_eq!(left, (sessions, clients, events), "{what}");
    }
}

#[tokio::test]
async fn attempts_are_told_with_the_one_last_heard_of_first_and_page_on() {
    let bench = Bench::new();
    let attempts = [(); 3].map(|()| AttemptId::generate(bench.entropy.as_ref()));
    let about = |attempt: &AttemptId| About { attempt: Some(attempt.clone()), ..About::default() };
    for attempt in &attempts {
        bench.log([(about(attempt), EventKind::AuthorizeStarted { scope: "read".into() })]).await;
    }
    bench
        .log([(about(&attempts[0]), EventKind::ConsentDeclined), (About::default(), EventKind::TokenIssued)])
        .await;
    let read = async |payload| {
        let rows = answer(&bench, "list_attempts", payload).await;
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["attempt"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let [first, second, third] = attempts.each_ref().map(ToString::to_string);
    assert_eq!(read(Value::Null).await, [first.clone(), third.clone(), second.clone()]);
    assert_eq!(read(json!({ "ids": [second, second] })).await, std::slice::from_ref(&second));
    let newest = answer(&bench, "list_attempts", json!({ "limit": 1 })).await;
    assert_eq!((&newest[0]["attempt"], &newest[0]["verdict"]["is"]), (&json!(first), &json!("refused")));
    assert_eq!(newest[0]["steps"].as_array().unwrap().len(), 10);
    assert_eq!(read(json!({ "before": newest[0]["last_seq"] })).await, [third, second]);
    assert_eq!(read(json!({ "limit": 0 })).await, [""; 0]);
}

#[tokio::test]
async fn configured_clients_are_listed_with_registered_ones() {
    let bench = Bench::new();
    bench.client().await;
    let clients = answer(&bench, "list_clients", Value::Null).await;
    assert_eq!(clients[0]["kind"], "static");
    assert_eq!(clients[0]["created_at"], Value::Null);
    assert_eq!(clients[1]["kind"], "dynamic");
    assert_eq!(clients[1]["auth_method"], "client_secret_post");
    assert_eq!(clients[1]["redirects"], json!(["https://client.example/callback"]));
    assert_eq!(clients[1]["created_at"], bench.clock.now().millis());
    assert_eq!(clients.as_array().unwrap().len(), 2);
}

/// Puts registered clients into the store: seconds of registration and, for some, of approval.
async fn registered(bench: &Bench, clients: impl IntoIterator<Item = (i64, Option<i64>)>) {
    for (created, approved) in clients {
        let client = bench.client().await;
        let at = model::time::Timestamp::from_secs;
        let client = model::client::Client {
            name: Some(format!("{created}")),
            created_at: at(created),
            approved_at: approved.map(at),
            ..client
        };
        bench.store.put_client(&client).await.unwrap();
    }
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn clients_somebody_approved_are_not_hidden_behind_those_strangers_registered() {
    let bench = Bench::new();
    registered(&bench, [(1, None), (2, Some(20)), (9, None), (3, Some(10))]).await;
    let rows = answer(&bench, "list_clients", Value::Null).await;
    assert_eq!(names(&rows), ["Inspector", "2", "3", "9", "1"], "the configured one first");
    let rows = answer(&bench, "list_clients", json!({ "approved_only": true })).await;
    assert_eq!(names(&rows), ["Inspector", "2", "3"]);
    let rows = answer(&bench, "list_clients", json!({ "limit": 2 })).await;
    assert_eq!(names(&rows), ["Inspector", "2"]);
}

#[tokio::test]
async fn a_flood_of_registrations_does_not_make_the_answer_grow() {
    let bench = Bench::new();
    registered(&bench, (0..600).map(|n| (n, None))).await;
    let count =
        async |payload: Value| answer(&bench, "list_clients", payload).await.as_array().unwrap().len();
    assert_eq!(count(Value::Null).await, 100);
    assert_eq!(count(json!({ "limit": 100_000 })).await, 500);
    assert_eq!(error(&bench, "list_clients", json!({ "limit": -1 })).await["code"], "bad_request");
}

#[tokio::test]
async fn a_row_of_a_client_is_small_whatever_it_registered() {
    let bench = Bench::new();
    let client = bench.client().await;
    let redirect = |n: usize| format!("https://client.example/{n}/{}", "x".repeat(500));
    let client = model::client::Client {
        name: Some("\u{e9}".repeat(5_000)),
        uri: Some(redirect(0)),
        redirects: (0..40).map(|n| model::redirect::RedirectRule::parse(&redirect(n)).unwrap()).collect(),
        scope: model::scope::ScopeSet::parse_lenient(
            &(0..90).map(|n| format!("scope{n}")).collect::<Vec<_>>().join(" "),
        ),
        ..client
    };
    bench.store.put_client(&client).await.unwrap();
    let rows = answer(&bench, "list_clients", Value::Null).await;
    let row = &rows[1];
    assert_eq!(row["name"], "\u{e9}".repeat(200));
    assert_eq!(row["uri"].as_str().unwrap().len(), 200);
    assert_eq!((row["redirects"].as_array().unwrap().len(), &row["redirects_total"]), (5, &json!(40)));
    assert!(row.to_string().len() < 10_000);
}

#[tokio::test]
async fn the_log_is_read_by_attempt_and_page_with_the_step_of_each_event() {
    let bench = Bench::new();
    let [mine, other] = [(); 2].map(|()| AttemptId::generate(bench.entropy.as_ref()));
    let about = |attempt: &AttemptId| About { attempt: Some(attempt.clone()), ..About::default() };
    let refused = EventKind::TokenRefused { error: "invalid_grant".into(), reason: "expired".into() };
    bench
        .log([
            (about(&mine), EventKind::AuthorizeStarted { scope: "read".into() }),
            (about(&other), EventKind::ConsentShown),
            (about(&mine), refused),
        ])
        .await;

    let rows = answer(&bench, "list_events", json!({ "attempt": mine })).await;
    assert_eq!((&rows[0]["event"], &rows[0]["step"]), (&json!("token_refused"), &json!("token")));
    assert_eq!(rows[0]["details"], json!({ "error": "invalid_grant", "reason": "expired" }));
    assert_eq!((&rows[1]["event"], &rows[1]["step"]), (&json!("authorize_started"), &json!("authorize")));
    assert_eq!(rows.as_array().unwrap().len(), 2);

    let newest = answer(&bench, "list_events", json!({ "limit": 1 })).await;
    assert_eq!(newest[0]["event"], "token_refused");
    let next = answer(&bench, "list_events", json!({ "limit": 1, "before": newest[0]["seq"] })).await;
    assert_eq!(next[0]["event"], "consent_shown");
}

#[tokio::test]
async fn faults_and_people_of_the_practice_tenant_are_switched() {
    let bench = Bench::new();
    let find = |state: &Value, list: &str, key: &str, name: &str| {
        state[list].as_array().unwrap().iter().find(|row| row[key] == name).cloned().unwrap()
    };
    let state = answer(&bench, "set_fault", json!({ "fault": "expired-secret", "on": true })).await;
    let fault = find(&state, "faults", "fault", "expired-secret");
    assert_eq!(fault["on"], true);
    assert!(fault["explanation"].as_str().unwrap().contains("AADSTS7000222"));
    let state = answer(&bench, "set_person", json!({ "person": "ada", "disabled": true })).await;
    assert_eq!(find(&state, "people", "key", "ada")["disabled"], true);
    assert_eq!(answer(&bench, "practice", Value::Null).await, state);

    for (command, payload) in [
        ("set_fault", json!({ "fault": "expired_secret", "on": true })),
        ("set_person", json!({ "person": "nobody", "disabled": true })),
    ] {
        assert_eq!(error(&bench, command, payload).await["code"], "not_found");
    }
}

#[tokio::test]
async fn without_a_practice_tenant_there_is_none_to_see_and_none_to_switch() {
    let bench = Bench::without_practice();
    assert_eq!(answer(&bench, "practice", Value::Null).await, Value::Null);
    let told = error(&bench, "set_fault", json!({ "fault": "slow", "on": true })).await;
    assert_eq!(told["code"], "not_found");
    assert!(told["message"].as_str().unwrap().contains("practice tenant is off"), "{told}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_as_that_and_not_as_an_empty_list() {
    let told = serde_json::to_value(ApiError::from(StoreError::Unavailable("locked".into()))).unwrap();
    assert_eq!(told["code"], "store_unavailable");
    assert!(told["hint"].as_str().unwrap().contains("try again"));
}

#[tokio::test]
async fn no_answer_has_a_token_a_secret_or_a_hash_of_one_in_it() {
    let bench = Bench::new();
    bench.client().await;
    let session = bench.session().await;
    bench.log([(About::default(), EventKind::TokenIssued)]).await;
    let sealed = session.upstream.as_ref().unwrap().as_str().to_owned();
    let named = json!({ "session": session.id });
    let mut told = String::new();
    for command in COMMANDS {
        for payload in [Value::Null, named.clone()] {
            match bench.api.call(command.name, payload).await {
                Ok(answer) => told.push_str(&answer.to_string()),
                Err(error) => told.push_str(&serde_json::to_string(&error).unwrap()),
            }
        }
    }
    assert!(told.contains("oid-ada"), "the claims were among the answers");
    assert!(bench.secrets().len() >= 4);
    for secret in bench.secrets().iter().chain([&sealed]) {
        assert!(!told.contains(secret), "{}.. was told", &secret[..6]);
    }
}
