//! Attempts told from their events, without a store.

use model::client::ClientKind;
use model::event::About;
use model::ids::{AttemptId, ClientId, SessionId};
use model::person::PersonId;
use model::remedy::RemedyField;
use model::upstream::Effect;

use super::*;

/// What happens, and how many seconds after the start.
type Told = (i64, EventKind);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + secs)
}

fn ada() -> Person {
    Person {
        id: PersonId { tenant: "tid".into(), object: "oid".into() },
        name: Some("Ada Lindqvist".into()),
        username: None,
        email: None,
        guest: false,
        roles: Vec::new(),
    }
}

/// Events from the sign-in on name the person, as they do in the log.
fn row(told: &[Told], now: i64) -> AttemptRow {
    let known = told.iter().position(|(_, kind)| matches!(kind, EventKind::SignedIn)).unwrap_or(usize::MAX);
    let events: Vec<AuthEvent> = told
        .iter()
        .enumerate()
        .map(|(n, (secs, kind))| AuthEvent {
            seq: i64::try_from(n).unwrap() + 1,
            at: at(*secs),
            about: About {
                attempt: AttemptId::parse("attempt_x"),
                client: ClientId::parse("c1"),
                client_name: Some("Inspector".into()),
                person: (n >= known).then(ada),
                session: (n > known).then(|| SessionId::parse("session_x")).flatten(),
                ..About::default()
            },
            kind: kind.clone(),
        })
        .collect();
    AttemptRow::of(&events, at(now), false, SignInFrom::Anywhere).unwrap()
}

fn states(row: &AttemptRow) -> String {
    let letter = |told: &AttemptStep| match told.state {
        StepState::Pending => '.',
        StepState::Done => 'd',
        StepState::Skipped => 's',
        StepState::Failed => 'f',
        StepState::Waiting => 'w',
    };
    row.steps.iter().map(letter).collect()
}

fn challenged() -> Told {
    (0, EventKind::Challenged { reason: "missing access token".into() })
}

fn discovered() -> Told {
    (1, EventKind::MetadataRead { document: "protected resource".into() })
}

fn registered() -> Told {
    (2, EventKind::ClientRegistered { kind: ClientKind::Dynamic, destinations: vec!["this computer".into()] })
}

fn started() -> Told {
    (10, EventKind::AuthorizeStarted { scope: "read".into() })
}

fn signed_in() -> Vec<Told> {
    vec![
        challenged(),
        discovered(),
        registered(),
        started(),
        (11, EventKind::ConsentShown),
        (15, EventKind::ConsentApproved { remembered: false }),
        (15, EventKind::SentToUpstream),
        (20, EventKind::SignedIn),
    ]
}

fn connected() -> Vec<Told> {
    [signed_in(), vec![(21, EventKind::TokenIssued), (22, EventKind::FirstCall)]].concat()
}

fn refusal(code: Option<u32>, fixer: Fixer, effect: Effect) -> EventKind {
    EventKind::UpstreamRefused {
        refusal: Refusal {
            code,
            error: "invalid_client".into(),
            what: "The client secret has expired.".into(),
            fixer,
            hint: "Create a new one.".into(),
            remedies: vec![Remedy::change(RemedyField::ClientSecret)],
            trace: None,
            effect,
            claims: None,
            person: None,
        },
    }
}

#[test]
fn a_whole_sign_in_is_ten_steps_and_says_who_and_how_long() {
    let row = row(&connected(), 30);
    assert_eq!(states(&row), "ddddddddd.");
    assert_eq!(row.verdict, Verdict::new(Outcome::Connected, "Connected as Ada Lindqvist in 11.0 s".into()));
    let times: Vec<_> = row.steps.iter().map(|told| told.ms).collect();
    // The challenge came before the documents, which is nobody's delay.
    assert_eq!(
        times,
        [
            None,
            Some(0),
            Some(1000),
            Some(8000),
            Some(5000),
            Some(0),
            Some(5000),
            Some(1000),
            Some(1000),
            None
        ]
    );
    assert_eq!((row.session.as_deref(), row.client.as_deref()), (Some("session_x"), Some("c1")));
    assert_eq!((row.started_at, row.last_at, row.last_seq), (at(0).millis(), at(22).millis(), 10));
}

#[test]
fn a_step_that_was_not_needed_is_skipped_and_one_not_reached_is_pending() {
    let told = [started(), (11, EventKind::ConsentRemembered), (11, EventKind::SentToUpstream)];
    let row = row(&told, 12);
    assert_eq!(states(&row), "sssddw....");
    assert_eq!(row.verdict.is, Outcome::Running);
}

#[test]
fn documents_read_again_while_somebody_signs_in_do_not_hide_where_it_stands() {
    let told = [started(), (11, EventKind::ConsentShown), discovered(), (12, challenged().1)];
    let row = row(&told, 13);
    assert_eq!(row.verdict.sentence, "Waiting for somebody to allow Inspector in the browser");
}

#[test]
fn a_client_that_registers_once_more_does_not_hide_what_its_sign_in_came_to() {
    let refused = (20, refusal(Some(7_000_222), Fixer::AppOwner, Effect::SetUp));
    let told = [&signed_in()[..7], &[refused, (21, registered().1)]].concat();
    assert_eq!(row(&told, 22).verdict.is, Outcome::Refused);
}

#[test]
fn whoever_waits_on_a_page_of_microsoft_is_told_what_may_stand_there() {
    let verdict = row(&signed_in()[..7], 30).verdict;
    assert_eq!(verdict.is, Outcome::Running);
    assert!(verdict.hint.unwrap().contains("AADSTS50011"));
}

#[test]
fn silence_is_told_after_as_long_as_a_step_takes() {
    let upto = |count: usize| signed_in()[..count].to_vec();
    for (told, waiting, silent) in [
        (upto(2), 60, "did not go on (60 s)"),
        (upto(3), 61, "its browser never came (60 s)"),
        (upto(4), 69, "never opened our page (60 s)"),
        (upto(5), 910, "Nobody answered whether Inspector may connect (15 min)"),
        (upto(7), 914, "Nobody came back from the sign-in page of the identity provider (15 min)"),
        (upto(8), 79, "Ada Lindqvist signed in, but the client never fetched its token (60 s)"),
        (connected()[..9].to_vec(), 80, "it never called (60 s)"),
    ] {
        assert_eq!(row(&told, waiting).verdict.is, Outcome::Running, "{silent}");
        let verdict = row(&told, waiting + 1).verdict;
        assert_eq!(verdict.is, Outcome::Silent, "{silent}");
        assert!(verdict.sentence.ends_with(silent), "{}", verdict.sentence);
        assert!(verdict.hint.is_some());
    }
}

#[test]
fn a_refusal_of_the_provider_names_the_number_who_can_mend_it_and_where() {
    let told =
        [&signed_in()[..7], &[(20, refusal(Some(7_000_222), Fixer::AppOwner, Effect::SetUp))]].concat();
    let row = row(&told, 21);
    assert_eq!(states(&row), "dddddf....");
    assert_eq!(row.verdict.sentence, "Entra refused: The client secret has expired (AADSTS7000222)");
    let told = (row.verdict.hint.as_deref(), row.verdict.fixer);
    assert_eq!(told, (Some("Create a new one."), Some(Fixer::AppOwner)));
    assert_eq!(
        (row.verdict.code, row.verdict.remedies.as_slice()),
        (Some(7_000_222), [Remedy::change(RemedyField::ClientSecret)].as_slice())
    );
    let unnumbered = [(20, refusal(None, Fixer::Person, Effect::Ends))];
    let row = super::tests::row(&[&signed_in()[..7], &unnumbered].concat(), 21);
    assert!(row.verdict.sentence.starts_with("The sign-in was refused"), "{}", row.verdict.sentence);
}

#[test]
fn whatever_else_refuses_is_told_with_a_next_step() {
    let reason = || "because".to_owned();
    for (kind, step) in [
        (EventKind::RegistrationRefused { error: reason(), reason: reason() }, Step::Registration),
        (EventKind::AuthorizeRefused { error: reason(), reason: reason() }, Step::Authorize),
        (EventKind::ConsentRefused { reason: reason() }, Step::Consent),
        (EventKind::ConsentDeclined, Step::Consent),
        (EventKind::CallbackRefused { reason: reason() }, Step::Callback),
        (EventKind::TokenRefused { error: reason(), reason: reason() }, Step::Token),
        (EventKind::UpstreamUnavailable { detail: reason(), refusal: None }, Step::Upstream),
    ] {
        let row = row(&[challenged(), (5, kind)], 6);
        assert_eq!(row.verdict.is, Outcome::Refused, "{step:?}");
        assert!(row.verdict.hint.is_some(), "{step:?}");
        let told = row.steps.iter().find(|told| told.step == step).unwrap();
        assert_eq!(told.state, StepState::Failed, "{step:?}");
    }
}

#[test]
fn trouble_at_a_refresh_belongs_to_the_refresh_and_keeps_the_connection() {
    let down = (4000, EventKind::UpstreamUnavailable { detail: "it does not answer".into(), refusal: None });
    let told = [connected(), vec![(3600, EventKind::Refreshed), down]].concat();
    let row = row(&told, 4001);
    assert_eq!(states(&row), "dddddddddf");
    assert_eq!(row.verdict.is, Outcome::Connected);
    assert!(row.verdict.sentence.contains("it does not answer"), "{}", row.verdict.sentence);
    let again = super::tests::row(&[told, vec![(4010, EventKind::Refreshed)]].concat(), 4011);
    assert_eq!(states(&again), "dddddddddd");
    assert_eq!(again.verdict.sentence, "Connected as Ada Lindqvist in 11.0 s");
    let set_up = (4020, refusal(Some(7_000_222), Fixer::AppOwner, Effect::SetUp));
    let refused = super::tests::row(&[connected(), vec![set_up]].concat(), 4021).verdict;
    assert_eq!((refused.is, refused.code), (Outcome::Connected, Some(7_000_222)));
}

#[test]
fn an_ended_session_says_why_and_what_to_do() {
    let ended = |ended| [connected(), vec![(4000, EventKind::SessionEnded { ended })]].concat();
    let verdict = row(&ended(Ended::RevokedByOwner), 4001).verdict;
    assert_eq!(verdict.is, Outcome::Ended);
    assert_eq!(
        verdict.sentence,
        "Ada Lindqvist is no longer connected: the owner of this server ended the session"
    );
    assert_eq!(verdict.hint.as_deref(), Some("connect again to sign in"));
    let disabled = model::testing::refusal(Some(50_057), Effect::Ends);
    let verdict = row(&ended(Ended::by(&disabled).unwrap()), 4001).verdict;
    assert_eq!((verdict.code, verdict.fixer), (Some(50_057), Some(disabled.fixer)));
    assert_eq!((verdict.hint, verdict.remedies), (Some(disabled.hint), disabled.remedies));
    assert!(verdict.sentence.ends_with(": It was refused (AADSTS50057)"), "{}", verdict.sentence);
}

#[test]
fn what_was_refused_earlier_mends_no_session_that_ended_for_another_reason() {
    let set_up = (3000, refusal(Some(7_000_222), Fixer::AppOwner, Effect::SetUp));
    let ended = (4000, EventKind::SessionEnded { ended: Ended::RevokedByOwner });
    let verdict = row(&[connected(), vec![set_up, ended]].concat(), 4001).verdict;
    assert_eq!((verdict.code, verdict.fixer, verdict.remedies), (None, None, Vec::new()));
}

#[test]
fn what_is_left_of_an_attempt_whose_beginning_is_gone_is_still_told() {
    let row = row(&[(4000, EventKind::Refreshed)], 4001);
    assert_eq!((row.verdict.is, states(&row).as_str()), (Outcome::Connected, "sssssssssd"));
}

#[test]
fn a_second_sign_in_of_the_same_attempt_is_the_one_that_counts() {
    let again = [
        (100, EventKind::SessionEnded { ended: Ended::RevokedByOwner }),
        (110, EventKind::AuthorizeStarted { scope: "read".into() }),
        (113, EventKind::SignedIn),
        (114, EventKind::TokenIssued),
        (115, EventKind::FirstCall),
    ];
    let row = row(&[connected(), again.to_vec()].concat(), 120);
    assert_eq!(row.verdict, Verdict::new(Outcome::Connected, "Connected as Ada Lindqvist in 4.0 s".into()));
}

#[test]
fn a_code_posted_twice_at_once_is_no_failure() {
    let refused =
        |secs| (secs, EventKind::TokenRefused { error: "invalid_grant".into(), reason: "used".into() });
    let row = row(&[connected(), vec![refused(23)]].concat(), 30);
    assert_eq!(states(&row), "ddddddddd.");
    let late = super::tests::row(&[connected(), vec![refused(4000)]].concat(), 4001);
    assert_eq!(states(&late), "dddddddddf");
}
