//! A public address that changes: a new host is a new issuer and a new resource, and what one gave is no good at the next.

use model::settings::Pairing;
use serde_json::{Value, json};
use testkit::rig::public;
use testkit::{Client, Connected, Rig};

/// Public as `one`; every name leads to the port of the rig.
async fn at_one() -> Rig {
    let rig = Rig::start_with(|settings| settings.client_rules.pairing = Pairing::Off).await;
    moved(rig, "one").await
}

async fn moved(rig: Rig, name: &str) -> Rig {
    let address = address(&rig, name);
    rig.restarted_with(|settings| settings.server.public_url = public(&address)).await
}

fn address(rig: &Rig, name: &str) -> String {
    format!("http://{name}.example:{}", rig.base().rsplit(':').next().expect("a port"))
}

async fn connects(client: Client, rig: &Rig, person: &str) -> Connected {
    client.signs_in(&mut rig.browser(), person).await
}

/// The same client and tokens, sent to another address.
fn taken_to(connected: &Connected, base: &str) -> Connected {
    Connected { client: connected.client.clone().at(base), ..connected.clone() }
}

#[tokio::test]
async fn tokens_of_one_public_address_are_refused_at_the_next_and_local_sessions_go_on() {
    let rig = at_one().await;
    let (one, two) = (address(&rig, "one"), address(&rig, "two"));
    let local = connects(rig.client("local").registers().await, &rig, "ada").await;
    let client = rig.client("Claude").at(&one).registers().await;
    let cloud = connects(client.clone(), &rig, "ada").await;
    assert_eq!((local.calls("version").await.status, cloud.calls("version").await.status), (200, 200));
    let code = client.lands(&mut rig.browser(), "ada").await.param("code").unwrap();

    let rig = moved(rig, "two").await;
    assert_eq!(local.calls("version").await.status, 200);
    let local = local.refreshes().await;
    assert_eq!(cloud.calls("version").await.status, 421, "the old name is nobody's");

    let there = taken_to(&cloud, &two);
    let refused = there.calls("version").await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    let metadata = format!("resource_metadata=\"{two}/.well-known/oauth-protected-resource/mcp\"");
    assert!(challenge.contains(&metadata), "from here a client starts again by itself: {challenge}");
    let refused = there.refresh().await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"), "which says: sign in again");
    assert!(refused.text("error_description").contains(&one), "{}", refused.body);
    let late = there.client.redeem(&code, &[]).await;
    assert_eq!((late.status, late.error()), (400, "invalid_grant"));

    // Its registration, from the time of the old issuer, is as good as ever.
    let again = connects(there.client.clone(), &rig, "ada").await;
    assert_eq!(again.calls("version").await.status, 200);
    assert_eq!(again.refreshes().await.calls("version").await.status, 200);

    // Nothing was ended: whoever gets the old name back goes on.
    let rig = moved(rig, "one").await;
    let cloud = cloud.refreshes().await;
    assert_eq!(cloud.calls("version").await.status, 200);
    assert_eq!(taken_to(&again, &one).refresh().await.error(), "invalid_grant");
    assert_eq!(taken_to(&again, &one).calls("version").await.status, 401);
    assert_eq!(local.calls("version").await.status, 200);
    drop(rig);
}

#[tokio::test]
async fn local_and_public_do_not_answer_for_each_other() {
    let rig = at_one().await;
    let one = address(&rig, "one");
    let local = connects(rig.client("local").registers().await, &rig, "ada").await;
    let cloud = connects(rig.client("Claude").at(&one).registers().await, &rig, "ben").await;
    for (connected, elsewhere) in [(&local, one.as_str()), (&cloud, rig.base())] {
        let there = taken_to(connected, elsewhere);
        assert_eq!(there.calls("version").await.status, 401, "{elsewhere}");
        assert_eq!(there.refresh().await.error(), "invalid_grant", "{elsewhere}");
        assert_eq!(connected.refreshes().await.calls("version").await.status, 200, "at home it is good");
    }
    let spelled = local.client.base.replace("localhost", "127.0.0.1");
    assert_eq!(taken_to(&local, &spelled).refresh().await.status, 200, "spellings of loopback are one place");
}

#[tokio::test]
async fn whose_sessions_belong_to_another_address_is_told_until_they_connect_again() {
    let rig = at_one().await;
    let (one, two) = (address(&rig, "one"), address(&rig, "two"));
    connects(rig.client("local").registers().await, &rig, "ada").await;
    connects(rig.client("Claude").at(&one).registers().await, &rig, "ada").await;
    connects(rig.client("ChatGPT").at(&one).registers().await, &rig, "ben").await;
    assert_eq!(tied(&rig).await, [] as [Value; 0], "all of them are where they belong");

    let rig = moved(rig, "two").await;
    let mut rows = tied(&rig).await;
    rows.sort_by_key(|row| row["client"].to_string());
    for (row, client) in rows.iter().zip(["ChatGPT", "Claude"]) {
        assert_eq!((&row["client"], &row["address"]), (&json!(client), &json!(one)), "{row}");
        assert!(row["person"].is_string());
    }
    assert_eq!(rows.len(), 2);

    // It registers anew there, as clients do.
    connects(rig.client("Claude").at(&two).registers().await, &rig, "ada").await;
    let left = tied(&rig).await;
    assert_eq!(left.iter().map(|row| &row["client"]).collect::<Vec<_>>(), ["ChatGPT"]);
    let session = left[0]["session"].clone();
    rig.window().call("end_sessions", json!({ "sessions": [session] })).await.unwrap();
    assert_eq!(tied(&rig).await.len(), 0);

    let rig = rig.restarted_with(|settings| settings.server.public_url = None).await;
    let off = tied(&rig).await;
    assert_eq!(off.len(), 2, "without an address all public ones wait: {off:?}");
}

async fn tied(rig: &Rig) -> Vec<Value> {
    let form = rig.window().call("tunnel", Value::Null).await.expect("the window shows it");
    form["tied"].as_array().expect("a list").clone()
}
