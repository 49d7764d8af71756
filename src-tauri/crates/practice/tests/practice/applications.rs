//! Registering applications through Graph: what is taken, what is refused and with which words.

use axum::body::Body;
use axum::http::Request;
use practice::{Fault, TENANT_ID};
use serde_json::{Value, json};

use crate::rig::{Answer, BASE, Rig};

const TOOLS: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

async fn token_of(rig: &Rig) -> String {
    let scope = format!("{BASE}/graph/Application.ReadWrite.All openid profile");
    let form = vec![("client_id", TOOLS.to_owned()), ("scope", scope)];
    let begun = rig.post("/organizations/oauth2/v2.0/devicecode", &form).await.json();
    let code = begun["user_code"].as_str().unwrap().to_owned();
    assert_eq!(rig.post("/device", &vec![("code", code)]).await.status, 200);
    let form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code".to_owned()),
        ("client_id", TOOLS.to_owned()),
        ("device_code", begun["device_code"].as_str().unwrap().to_owned()),
    ];
    let tokens = rig.post("/organizations/oauth2/v2.0/token", &form).await.json();
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn send(rig: &Rig, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/graph/v1.0/{path}"))
        .header("host", "localhost:4243")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(body.to_string()));
    rig.send(request.unwrap()).await
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    let error = &answer.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("code"), text("message"))
}

/// Object and client id of a new application that the directory does not know yet.
async fn made(rig: &Rig, token: &str) -> (String, String) {
    let made = send(rig, token, "POST", "applications", &json!({ "displayName": "Mine" })).await;
    assert_eq!(made.status, 201);
    let id = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (id("id"), id("appId"))
}

/// Client id of an application that people could sign in to.
pub(crate) async fn registered(rig: &Rig) -> String {
    let token = token_of(rig).await;
    let (_, client) = made(rig, &token).await;
    let principal = json!({ "appId": client });
    assert_eq!(send(rig, &token, "POST", "servicePrincipals", &principal).await.status, 201);
    client
}

#[tokio::test]
async fn what_graph_does_not_take_is_refused_with_the_property_and_nothing_is_made() {
    let rig = Rig::signing_in("ada");
    let token = token_of(&rig).await;
    for (body, about) in [
        (json!({}), "displayName"),
        (json!({ "displayName": " " }), "displayName"),
        (json!({ "displayName": "x", "signInAudience": "Everybody" }), "signInAudience"),
        (
            json!({ "displayName": "x", "web": { "redirectUris": ["http://example.com/cb"] } }),
            "web.redirectUris",
        ),
        (
            json!({ "displayName": "x", "web": { "logoutUrl": "http://localhost:4242/front-channel-logout" } }),
            "web.logoutUrl",
        ),
        (json!({ "displayName": "x", "identifierUris": ["api://mine"] }), "identifierUris"),
        (
            json!({ "displayName": "x", "api": { "oauth2PermissionScopes": [{ "value": "read" }] } }),
            "api.oauth2PermissionScopes",
        ),
        (json!([]), "JSON"),
    ] {
        let (status, code, message) = refusal(&send(&rig, &token, "POST", "applications", &body).await);
        assert_eq!((status, code.as_str()), (400, "Request_BadRequest"), "{body}");
        assert!(message.contains(about), "{message}");
    }
    assert_eq!(rig.practice.registered(), 0);
}

#[tokio::test]
async fn an_application_nobody_made_known_to_the_directory_signs_nobody_in() {
    let rig = Rig::signing_in("ada");
    let token = token_of(&rig).await;
    let (object, client) = made(&rig, &token).await;
    let page = rig.get(&format!("/{TENANT_ID}/oauth2/v2.0/authorize?client_id={client}")).await;
    assert_eq!(page.aadsts(), Some(700_016));

    let principal = json!({ "appId": client });
    assert_eq!(send(&rig, &token, "POST", "servicePrincipals", &principal).await.status, 201);
    let again = refusal(&send(&rig, &token, "POST", "servicePrincipals", &principal).await);
    assert_eq!((again.0, again.1.as_str()), (409, "Request_MultipleObjectsWithSameKeyValue"));

    let path = format!("applications/{object}");
    assert_eq!(send(&rig, &token, "DELETE", &path, &Value::Null).await.status, 204);
    let gone = refusal(&send(&rig, &token, "GET", &path, &Value::Null).await);
    assert_eq!((gone.0, gone.1.as_str()), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn what_is_deleted_can_be_restored_until_it_is_deleted_there_too_each_item_by_itself() {
    let rig = Rig::signing_in("ada");
    let token = token_of(&rig).await;
    let (object, client) = made(&rig, &token).await;
    let principal = send(&rig, &token, "POST", "servicePrincipals", &json!({ "appId": client })).await.json();
    let principal = principal["id"].as_str().unwrap();
    let item = |id: &str| format!("directory/deletedItems/{id}");
    let early = refusal(&send(&rig, &token, "DELETE", &item(&object), &Value::Null).await);
    assert_eq!((early.0, early.1.as_str()), (404, "Request_ResourceNotFound"), "it is not deleted yet");

    assert_eq!(
        send(&rig, &token, "DELETE", &format!("applications/{object}"), &Value::Null).await.status,
        204
    );
    assert_eq!((rig.practice.registered(), rig.practice.deleted()), (0, 2));
    assert_eq!(send(&rig, &token, "DELETE", &item(&object), &Value::Null).await.status, 204);
    assert_eq!(rig.practice.deleted(), 1, "its service principal is an item of its own");
    assert_eq!(send(&rig, &token, "DELETE", &item(principal), &Value::Null).await.status, 204);
    assert_eq!(rig.practice.deleted(), 0);
    let again = refusal(&send(&rig, &token, "DELETE", &item(principal), &Value::Null).await);
    assert_eq!(again.0, 404);
}

#[tokio::test]
async fn whoever_registers_an_application_is_its_owner_or_can_be_added_once() {
    let rig = Rig::signing_in("ada");
    let token = token_of(&rig).await;
    let ada = "ac71ce00-0000-4000-8000-0000000000a1";
    let reference = |id: &str| json!({ "@odata.id": format!("{BASE}/graph/v1.0/directoryObjects/{id}") });
    for is_owner in [true, false] {
        rig.practice.set_fault(Fault::NoOwner, !is_owner);
        let (object, client_id) = made(&rig, &token).await;
        assert_eq!(rig.practice.owners_of(&client_id).len(), usize::from(is_owner));
        let add = format!("applications/{object}/owners/$ref");
        if !is_owner {
            assert_eq!(send(&rig, &token, "POST", &add, &reference(ada)).await.status, 204);
        }
        let again = refusal(&send(&rig, &token, "POST", &add, &reference(ada)).await);
        assert_eq!(again.0, 400);
        assert!(again.2.contains("already exist"), "{again:?}");
        let nobody = refusal(&send(&rig, &token, "POST", &add, &reference(&object)).await);
        assert_eq!(nobody.0, 404);
        let nothing = refusal(&send(&rig, &token, "POST", &add, &json!({ "@odata.id": "me" })).await);
        assert_eq!(nothing.0, 400);
        assert_eq!(rig.practice.owners_of(&client_id), [ada]);
    }
}

#[tokio::test]
async fn members_and_tokens_for_something_else_register_nothing() {
    let rig = Rig::signing_in("ben");
    let token = token_of(&rig).await;
    let body = json!({ "displayName": "Mine" });
    let denied = refusal(&send(&rig, &token, "POST", "applications", &body).await);
    assert_eq!((denied.0, denied.1.as_str()), (403, "Authorization_RequestDenied"));
    let mine = rig.tokens().await["access_token"].as_str().unwrap().to_owned();
    let refused = refusal(&send(&rig, &mine, "POST", "applications", &body).await);
    assert_eq!((refused.0, refused.1.as_str()), (401, "InvalidAuthenticationToken"));
    assert_eq!(rig.practice.registered(), 0);
}
