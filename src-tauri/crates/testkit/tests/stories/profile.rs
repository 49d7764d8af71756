//! What a tool tells of a person beyond the tokens: asked of the directory on their behalf, and never at the price of an
//! answer.

use std::time::Duration;

use practice::Fault;
use serde_json::Value;
use testkit::{Connected, Rig};

async fn info(of: &Connected) -> Value {
    let answer = of.calls("get_user_info").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["result"]["isError"], false, "{}", answer.body);
    answer.structured().clone()
}

async fn ada(rig: &Rig) -> Connected {
    rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await
}

#[tokio::test]
async fn job_title_and_office_come_from_graph_and_are_asked_for_once_an_hour() {
    let rig = Rig::start().await;
    let ada = ada(&rig).await;
    let (one, other) = tokio::join!(info(&ada), info(&ada));
    for info in [one, other] {
        assert_eq!(
            (&info["job_title"], &info["office_location"]),
            (&"Head of IT".into(), &"Stockholm".into())
        );
        assert!(info.get("note").is_none(), "{info}");
    }
    rig.practice().set_fault(Fault::GraphDown, true);
    rig.pass(Duration::from_secs(3000));
    assert_eq!(info(&ada).await["job_title"], "Head of IT", "it is known");
    let ada = ada.refreshes().await;
    rig.pass(Duration::from_secs(700));
    assert!(info(&ada).await.get("job_title").is_none(), "for an hour");
}

#[tokio::test]
async fn without_consent_the_tool_answers_all_the_same_and_says_what_to_grant() {
    let rig = Rig::start().await;
    rig.practice().set_fault(Fault::GraphConsentMissing, true);
    let ada = ada(&rig).await;
    let told = info(&ada).await;
    assert!(told.get("job_title").is_none() && told.get("office_location").is_none(), "{told}");
    assert!(told["name"].as_str().unwrap().starts_with("Ada"));
    let note = told["note"].as_str().unwrap();
    for text in ["AADSTS65001", "`User.Read`", "API permissions"] {
        assert!(note.contains(text), "{text}: {note}");
    }
    rig.practice().set_fault(Fault::GraphConsentMissing, false);
    assert_eq!(info(&ada).await["note"], note, "not asked again at once");
    rig.pass(Duration::from_secs(120));
    assert_eq!(info(&ada).await["job_title"], "Head of IT");
}

#[tokio::test]
async fn a_graph_that_is_down_costs_two_fields_and_nothing_else() {
    let rig = Rig::start().await;
    rig.practice().set_fault(Fault::GraphDown, true);
    let told = info(&ada(&rig).await).await;
    assert!(told["note"].as_str().unwrap().contains("503"), "{told}");
    assert_eq!(told["tenant_id"], practice::TENANT_ID);
}
