//! Who may sign in: the rule that keeps somebody out is on the page and in the log, and it counts at every refresh.

use model::access::{Access, Somebody};
use practice::Fault;
use serde_json::Value;
use testkit::{Landed, Rig};

const ADA: &str = "ac71ce00-0000-4000-8000-0000000000a1";
const BEN: &str = "ac71ce00-0000-4000-8000-0000000000b2";
/// Ada is in it, and nobody else.
const ADMINS: &str = "ac71ce00-0000-4000-8000-0000000006a1";

async fn rig(access: Access) -> Rig {
    Rig::start_with(|settings| settings.access = access).await
}

fn object(id: &str) -> Somebody {
    Somebody::Object { tenant: None, object: id.to_owned() }
}

fn groups() -> Access {
    Access { groups: vec![ADMINS.to_owned()], ..Access::default() }
}

async fn lands(rig: &Rig, person: &str) -> Landed {
    rig.client("c").registers().await.lands(&mut rig.browser(), person).await
}

async fn gets_in(rig: &Rig, person: &str) -> bool {
    let landed = lands(rig, person).await;
    // Our own page of the callback has a code in its address too: the provider's.
    landed.status == 0 && landed.param("code").is_some()
}

async fn last_refusal(rig: &Rig) -> Value {
    serde_json::to_value(rig.last_event("upstream_refused").await).expect("events are JSON")["refusal"]
        .clone()
}

#[tokio::test]
async fn without_a_list_everybody_of_the_directory_may() {
    let rig = rig(Access::default()).await;
    for person in ["ada", "ben", "gus"] {
        assert!(gets_in(&rig, person).await, "{person}");
    }
}

#[tokio::test]
async fn people_are_listed_by_object_id_or_by_the_user_name_of_a_member() {
    let people = vec![object(BEN), Somebody::Username("ADA@practice.example".to_owned())];
    let rig = rig(Access { people, ..Access::default() }).await;
    assert!(gets_in(&rig, "ada").await && gets_in(&rig, "ben").await);
    assert!(!gets_in(&rig, "gus").await);
}

#[tokio::test]
async fn a_guest_is_not_let_in_by_a_name_that_another_directory_gave() {
    let people = vec![Somebody::Username("gus@partner.example".to_owned())];
    let rig = rig(Access { people, ..Access::default() }).await;
    assert!(!gets_in(&rig, "gus").await);
}

#[tokio::test]
async fn whoever_may_not_come_in_reads_which_rule_and_who_can_change_it() {
    let rig = rig(Access { people: vec![object(ADA)], roles: vec!["Auditor".into()], ..groups() }).await;
    let page = lands(&rig, "ben").await;
    assert_eq!(page.status, 403);
    for text in [
        "This account may not sign in here",
        "not on the list of people, nor in one of the listed groups, nor assigned the app role `Auditor`",
        BEN,
        "Who may sign in",
        "an owner of a listed group",
        "Users and groups",
        "Whoever runs this server can fix this",
        "Back to the client",
    ] {
        assert!(page.body.replace("&#96;", "`").contains(text), "{text}: {}", page.body);
    }
    let refused =
        rig.events().await.into_iter().rfind(|event| event.kind.name() == "upstream_refused").unwrap();
    assert_eq!(refused.about.person.unwrap().id.object, BEN, "the owner sees who it was");
    assert_eq!(last_refusal(&rig).await["effect"], "barred");
    assert!(!rig.event_names().await.contains(&"signed_in"));
}

#[tokio::test]
async fn guests_can_be_kept_out_even_if_a_list_has_them() {
    let people = vec![object("ac71ce00-0000-4000-8000-0000000000c3"), object(ADA)];
    let rig = rig(Access { people, guests: false, ..Access::default() }).await;
    assert!(gets_in(&rig, "ada").await);
    let page = lands(&rig, "gus").await;
    assert!(page.body.contains("Guests of the directory may not sign in here"), "{}", page.body);
}

#[tokio::test]
async fn an_app_role_lets_in_whoever_holds_it() {
    let rig = rig(Access { roles: vec!["Admin".into()], ..Access::default() }).await;
    assert!(gets_in(&rig, "ada").await);
    let page = lands(&rig, "ben").await;
    assert!(page.body.contains("An administrator of the directory can fix this"), "{}", page.body);
}

#[tokio::test]
async fn groups_are_read_from_the_tokens_or_asked_of_graph_where_there_are_too_many() {
    let rig = rig(groups()).await;
    for fault in [None, Some(Fault::GroupOverage)] {
        if let Some(fault) = fault {
            rig.practice().set_fault(fault, true);
        }
        assert!(gets_in(&rig, "ada").await, "{fault:?}");
        assert!(!gets_in(&rig, "ben").await, "{fault:?}");
        assert_eq!(last_refusal(&rig).await["effect"], "barred", "{fault:?}");
    }
}

#[tokio::test]
async fn a_directory_that_will_not_tell_the_groups_is_a_fault_of_the_set_up_and_signs_nobody_out() {
    let rig = rig(groups()).await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    rig.practice().set_fault(Fault::GroupOverage, true);
    rig.practice().set_fault(Fault::GraphConsentMissing, true);
    let page = lands(&rig, "ada").await;
    for text in ["AADSTS65001", "User.Read", "Add groups claim"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let kept = ada.refresh().await;
    assert_eq!((kept.status, kept.error()), (503, "temporarily_unavailable"), "{}", kept.body);
    rig.practice().set_fault(Fault::GraphConsentMissing, false);
    rig.practice().set_fault(Fault::GraphDown, true);
    assert_eq!(ada.refresh().await.status, 503);
    rig.practice().set_fault(Fault::GraphDown, false);
    assert_eq!(ada.refreshes().await.calls("version").await.status, 200);
}

#[tokio::test]
async fn whoever_no_longer_fits_loses_the_session_at_the_next_refresh_and_the_reason_is_kept() {
    let rig = rig(Access::default()).await;
    let ben = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ben").await;
    let rig = rig.restarted_with(|settings| settings.access = groups()).await;
    assert_eq!(ben.calls("version").await.status, 200, "until then the token counts");
    let refused = ben.refresh().await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"));
    assert!(refused.text("error_description").contains("listed groups"), "{}", refused.body);
    let ended = serde_json::to_value(rig.last_event("session_ended").await).unwrap();
    assert_eq!(ended["ended"]["why"], "not_allowed");
    assert_eq!(ben.calls("version").await.status, 401);
}
