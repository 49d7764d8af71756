//! The auth log: order, pages, filters, and its bound.

use model::client::ClientKind;
use model::event::{About, AuthEvent, EventKind};
use model::ids::{AttemptId, ClientId, GrantId, SessionId};
use model::origin::Origin;
use model::person::{Person, PersonId};
use model::ports::{AttemptQuery, EventQuery, Store};
use model::session::Ended;
use model::testing::SeededEntropy;
use model::upstream::{Effect, Fixer, Refusal};

use crate::fixture::{Backend, Maker, at, bounds, event, person};

pub(crate) async fn every_kind_of_event_reads_back(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let about = About {
        attempt: Some(make.attempt()),
        origin: Some(Origin::Public),
        client: Some(make.client_id()),
        client_name: Some("Inspector".into()),
        grant: Some(GrantId::generate(&SeededEntropy::new(5))),
        session: Some(make.session_id()),
        person: Some(person("Ada")),
        user_agent: Some("curl/8".into()),
    };
    let written: Vec<_> = every_kind()
        .into_iter()
        .enumerate()
        .map(|(n, kind)| AuthEvent { seq: 77, at: at(n.try_into().unwrap()), about: about.clone(), kind })
        .collect();
    bench.store.append_events(&written).await.unwrap();
    let mut read = bench.store.list_events(&EventQuery::default()).await.unwrap();
    read.reverse();
    let numbered: Vec<_> =
        written.into_iter().zip(1..).map(|(event, seq)| AuthEvent { seq, ..event }).collect();
    assert_eq!(read, numbered);
}

pub(crate) async fn appending_answers_the_positions(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(10, 10, 6)).await, Maker::new());
    let session = of(&make.session_id());
    assert_eq!(bench.store.append_events(&[]).await.unwrap(), [0_i64; 0]);
    let given = bench.store.append_events(&[event(at(0)), session.clone(), event(at(1))]).await.unwrap();
    assert_eq!(given, [1, 2, 3]);
    // Some of these are cut right away; their positions are theirs all the same.
    let given = bench.store.append_events(&vec![session; 5]).await.unwrap();
    assert_eq!(given, [4, 5, 6, 7, 8]);
    let read = seqs(&*bench.store, &EventQuery::default()).await;
    assert_eq!(read, [8, 7, 6, 3, 1]);
}

pub(crate) async fn events_come_newest_first_and_page_by_position(backend: Backend) {
    let (bench, _) = (backend.open().await, Maker::new());
    append(&*bench.store, 25).await;
    let mut before = None;
    let mut pages = vec![];
    loop {
        let query = EventQuery { before, limit: 10, ..EventQuery::default() };
        let page = seqs(&*bench.store, &query).await;
        let Some(last) = page.last() else { break };
        before = Some(*last);
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(pages.concat(), (1..=25).rev().collect::<Vec<_>>());
}

pub(crate) async fn a_page_has_a_hundred_unless_told_and_never_more_than_a_thousand(backend: Backend) {
    let (bench, _) = (backend.open().await, Maker::new());
    append(&*bench.store, 1005).await;
    for (limit, expected) in [(0, 100), (1, 1), (1000, 1000), (5000, 1000)] {
        let query = EventQuery { limit, ..EventQuery::default() };
        assert_eq!(seqs(&*bench.store, &query).await.len(), expected, "limit {limit}");
    }
}

pub(crate) async fn events_are_filtered_by_attempt_and_session(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let (attempt, other) = (make.attempt(), make.attempt());
    let (session, another) = (make.session_id(), make.session_id());
    let about = |attempt: Option<&AttemptId>, session: Option<&SessionId>| About {
        attempt: attempt.cloned(),
        session: session.cloned(),
        ..About::default()
    };
    let events: Vec<_> = [
        about(None, None),
        about(Some(&attempt), None),
        about(Some(&attempt), Some(&session)),
        about(Some(&other), Some(&session)),
        about(Some(&other), Some(&another)),
        about(Some(&attempt), Some(&session)),
    ]
    .into_iter()
    .map(|about| AuthEvent { about, ..event(at(0)) })
    .collect();
    bench.store.append_events(&events).await.unwrap();
    let by = |attempt: Option<&AttemptId>, session: Option<&SessionId>| EventQuery {
        attempt: attempt.cloned(),
        session: session.cloned(),
        ..EventQuery::default()
    };
    assert_eq!(seqs(&*bench.store, &by(Some(&attempt), None)).await, [6, 3, 2]);
    assert_eq!(seqs(&*bench.store, &by(None, Some(&session))).await, [6, 4, 3]);
    assert_eq!(seqs(&*bench.store, &by(Some(&attempt), Some(&session))).await, [6, 3]);
    assert_eq!(seqs(&*bench.store, &by(Some(&make.attempt()), None)).await, [0; 0]);
    let page = EventQuery { before: Some(6), limit: 1, ..by(Some(&attempt), Some(&session)) };
    assert_eq!(seqs(&*bench.store, &page).await, [3]);
}

pub(crate) async fn an_attempt_is_told_by_the_first_and_last_of_each_kind(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    let [old, new, other] = [make.attempt(), make.attempt(), make.attempt()];
    let of = |attempt: &AttemptId, kind: EventKind| AuthEvent {
        about: About { attempt: Some(attempt.clone()), ..About::default() },
        kind,
        ..event(at(0))
    };
    let reason = |reason: &str| EventKind::Challenged { reason: reason.into() };
    let written = [
        of(&old, reason("first")),
        of(&other, EventKind::ConsentShown),
        of(&old, EventKind::FirstCall),
        event(at(0)),
        of(&new, EventKind::ConsentShown),
        of(&old, reason("second")),
        of(&old, EventKind::Refreshed),
        of(&old, reason("third")),
        of(&old, EventKind::Refreshed),
        of(&old, EventKind::Refreshed),
    ];
    bench.store.append_events(&written).await.unwrap();
    let read = async |query: AttemptQuery| {
        let attempts = bench.store.list_attempts(&query).await.unwrap();
        let seqs = |events: Vec<AuthEvent>| events.iter().map(|event| event.seq).collect::<Vec<_>>();
        attempts.into_iter().map(seqs).collect::<Vec<_>>()
    };
    let everything = [vec![1, 3, 7, 8, 10], vec![5], vec![2]];
    assert_eq!(read(AttemptQuery::default()).await, everything, "the one last heard of first");
    assert_eq!(read(AttemptQuery { limit: 2, ..AttemptQuery::default() }).await, everything[..2]);
    assert_eq!(read(AttemptQuery { before: Some(10), ..AttemptQuery::default() }).await, everything[1..]);
    let only = |only: &[&AttemptId]| AttemptQuery {
        only: only.iter().map(|&id| id.clone()).collect(),
        ..AttemptQuery::default()
    };
    assert_eq!(read(only(&[&other, &old, &make.attempt()])).await, [&everything[0][..], &[2]]);
    assert_eq!(read(AttemptQuery { before: Some(5), ..only(&[&new, &other]) }).await, [[2]]);
}

pub(crate) async fn beyond_the_bound_the_oldest_events_go(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(10, 10, 10)).await, Maker::new());
    let session = make.session_id();
    bench.store.append_events(&[&[of(&session)][..], &vec![event(at(0)); 4]].concat()).await.unwrap();
    append(&*bench.store, 4).await;
    assert_eq!(seqs(&*bench.store, &EventQuery::default()).await, [9, 8, 7, 6, 5, 1]);
    append(&*bench.store, 12).await;
    assert_eq!(seqs(&*bench.store, &EventQuery::default()).await, [21, 20, 19, 18, 17, 1]);
    bench.store.append_events(&vec![of(&session); 7]).await.unwrap();
    let both = [28, 27, 26, 25, 24, 21, 20, 19, 18, 17];
    assert_eq!(seqs(&*bench.store, &EventQuery::default()).await, both);
    assert_eq!(bench.store.reap(at(0)).await.unwrap().events, 0);
}

pub(crate) async fn a_flood_of_strangers_does_not_wash_out_what_people_did(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(10, 10, 1000)).await, Maker::new());
    let by_session = of(&make.session_id());
    let person = About { person: Some(person("Ada")), ..About::default() };
    let signed_in = AuthEvent { about: person, kind: EventKind::SignedIn, ..event(at(0)) };
    // As much as a stranger can fill in: anything but a session and a person.
    let about = About {
        attempt: Some(make.attempt()),
        client: Some(make.client_id()),
        grant: Some(GrantId::generate(&SeededEntropy::new(5))),
        ..About::default()
    };
    let stranger = AuthEvent { about, ..event(at(0)) };
    bench.store.append_events(&[by_session, signed_in]).await.unwrap();
    let mut most = 0;
    for _ in 0..40 {
        bench.store.append_events(&vec![stranger.clone(); 97]).await.unwrap();
        most =
            most.max(seqs(&*bench.store, &EventQuery { limit: 1000, ..EventQuery::default() }).await.len());
    }
    assert!((502..=512).contains(&most), "{most}");
    let oldest = EventQuery { before: Some(3), ..EventQuery::default() };
    assert_eq!(seqs(&*bench.store, &oldest).await, [2, 1]);
}

pub(crate) async fn appending_alone_keeps_the_log_within_a_hundredth_of_its_bound(backend: Backend) {
    let (bench, make) = (backend.open_bounded(bounds(10, 10, 800)).await, Maker::new());
    let session = make.session_id();
    let mut most = 0;
    for n in 0..900 {
        // One by one for strangers, whose pace has to add up; by two for people.
        let both = [event(at(n)), of(&session), of(&session)];
        bench.store.append_events(&both).await.unwrap();
        if n > 390 && n % 7 == 0 {
            let query = EventQuery { limit: 1000, ..EventQuery::default() };
            most = most.max(seqs(&*bench.store, &query).await.len());
        }
    }
    assert!((800..=808).contains(&most), "{most}");
}

pub(crate) async fn an_event_far_too_long_is_stored_cut(backend: Backend) {
    let (bench, make) = (backend.open().await, Maker::new());
    // `ő` takes two bytes; a bell six as JSON, the most there is.
    for text in ["x", "ő", "\u{7}"].map(|piece| piece.repeat(20_000)) {
        let (attempt, session) = (make.attempt(), make.session_id());
        let about = About {
            attempt: Some(attempt.clone()),
            origin: Some(Origin::Public),
            client: ClientId::parse(&"c".repeat(ClientId::MAX_LEN)),
            client_name: Some(text.clone()),
            grant: Some(GrantId::generate(&SeededEntropy::new(5))),
            session: Some(session.clone()),
            person: Some(Person {
                id: PersonId { tenant: text.clone(), object: text.clone() },
                name: Some(text.clone()),
                username: Some(text.clone()),
                email: Some(text.clone()),
                guest: true,
                roles: vec![text.clone(); 500],
            }),
            user_agent: Some(text.clone()),
        };
        let refusal = refusal(&text);
        let written: Vec<_> = [
            EventKind::UpstreamRefused { refusal },
            EventKind::ClientRegistered { kind: ClientKind::Dynamic, destinations: vec![text.clone(); 500] },
        ]
        .map(|kind| AuthEvent { seq: 0, at: at(0), about: about.clone(), kind })
        .into();
        bench.store.append_events(&written).await.unwrap();
        // What it belongs to and what happened are still told.
        let asked = EventQuery { attempt: Some(attempt), session: Some(session), ..EventQuery::default() };
        let read = bench.store.list_events(&asked).await.unwrap();
        assert_eq!(read.len(), written.len());
        for (read, written) in read.iter().rev().zip(&written) {
            let length = serde_json::to_vec(read).unwrap().len();
            assert!(length <= 4096 + 24, "{length}");
            assert_eq!(read.kind.name(), written.kind.name());
            assert_eq!(read.about.grant, written.about.grant);
            assert!(read.about.user_agent.as_ref().unwrap().ends_with('…'));
        }
    }
}

pub(crate) async fn only_the_long_texts_of_a_long_event_are_cut(backend: Backend) {
    let (bench, _) = (backend.open().await, Maker::new());
    let fine = "f".repeat(300);
    let about = About { user_agent: Some(fine.clone()), ..About::default() };
    let kind = EventKind::Challenged { reason: "r".repeat(5000) };
    let within = EventKind::Challenged { reason: "r".repeat(3000) };
    let long = AuthEvent { about, kind, ..event(at(0)) };
    let events = [AuthEvent { kind: within.clone(), ..long.clone() }, long];
    bench.store.append_events(&events).await.unwrap();
    let read = bench.store.list_events(&EventQuery::default()).await.unwrap();
    assert_eq!(read[1].kind, within, "what fits is left alone");
    assert_eq!(read[0].about.user_agent.as_ref(), Some(&fine));
    let EventKind::Challenged { reason } = &read[0].kind else { panic!("{:?}", read[0].kind) };
    assert_eq!(*reason, format!("{}…", "r".repeat(297)));
}

fn of(session: &SessionId) -> AuthEvent {
    AuthEvent { about: About { session: Some(session.clone()), ..About::default() }, ..event(at(0)) }
}

pub(crate) async fn no_position_is_given_twice(backend: Backend) {
    let (bench, _) = (backend.open().await, Maker::new());
    append(&*bench.store, 3).await;
    let a_year_later = at(365 * 24 * 3600);
    assert_eq!(bench.store.reap(a_year_later).await.unwrap().events, 3);
    bench.store.append_events(&[event(a_year_later)]).await.unwrap();
    assert_eq!(seqs(&*bench.store, &EventQuery::default()).await, [4]);
}

async fn append(store: &dyn Store, count: usize) {
    store.append_events(&vec![event(at(0)); count]).await.unwrap();
}

async fn seqs(store: &dyn Store, query: &EventQuery) -> Vec<i64> {
    store.list_events(query).await.unwrap().iter().map(|event| event.seq).collect()
}

fn refusal(text: &str) -> Refusal {
    Refusal {
        code: Some(7_000_215),
        error: text.into(),
        what: text.into(),
        fixer: Fixer::AppOwner,
        hint: text.into(),
        remedies: vec![model::remedy::Remedy::Open { page: text.into(), url: text.into() }],
        trace: Some(text.into()),
        effect: Effect::SetUp,
        claims: None,
        person: None,
    }
}

fn every_kind() -> Vec<EventKind> {
    let text = || "text".to_owned();
    let refusal = refusal("text");
    vec![
        EventKind::MetadataRead { document: text() },
        EventKind::Challenged { reason: text() },
        EventKind::ClientRegistered { kind: ClientKind::Document, destinations: vec![text()] },
        EventKind::RegistrationRefused { error: text(), reason: text() },
        EventKind::AuthorizeStarted { scope: text() },
        EventKind::AuthorizeRefused { error: text(), reason: text() },
        EventKind::ConsentShown,
        EventKind::ConsentRemembered,
        EventKind::ConsentApproved { remembered: true },
        EventKind::ConsentDeclined,
        EventKind::ConsentRefused { reason: text() },
        EventKind::SentToUpstream,
        EventKind::UpstreamRefused { refusal },
        EventKind::UpstreamUnavailable { detail: text(), refusal: None },
        EventKind::SignedIn,
        EventKind::CallbackRefused { reason: text() },
        EventKind::TokenIssued,
        EventKind::TokenRefused { error: text(), reason: text() },
        EventKind::CodeReplayed,
        EventKind::FirstCall,
        EventKind::WentOn,
        EventKind::Refreshed,
        EventKind::RefreshRepeated,
        EventKind::SessionEnded {
            ended: Ended::by(&model::testing::refusal(Some(50_057), Effect::Ends)).unwrap(),
        },
        EventKind::TestSignInStarted,
        EventKind::TestSignInPassed,
        EventKind::TestSignInCancelled,
        EventKind::OwnSessionsOpened,
        EventKind::OwnSessionsClosed,
    ]
}
