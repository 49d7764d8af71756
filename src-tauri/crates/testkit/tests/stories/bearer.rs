//! Who gets through to `/mcp`: whoever holds a good token of ours, and nobody else.

use std::time::Duration;

use engine::Engine;
use serde_json::json;
use testkit::{Answer, Client, Rig};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

async fn with_token(client: &Client, token: &str, more: &[(&str, &str)]) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend(more);
    client.request("POST", "/mcp", &headers, LIST).await
}

#[tokio::test]
async fn a_token_that_is_not_good_is_401_whatever_is_wrong_with_it() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let ben = rig.client("d").registers().await.signs_in(&mut rig.browser(), "ben").await;
    let elsewhere = Rig::start().await;
    let foreign = elsewhere.client("c").registers().await.signs_in(&mut elsewhere.browser(), "ada").await;
    let of_the_provider = token_of_the_provider(&rig).await;
    ben.revokes(&ben.access_token).await;
    let changed = format!("{}x", ada.access_token);
    let refused = async |client: &Client, what: &str, token: &str| {
        let answer = with_token(client, token, &[]).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_token"), "{what}: {}", answer.body);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"invalid_token\", error_description=\""), "{what}: {challenge}");
    };
    for (what, token) in [
        ("unknown", "nonsense"),
        ("a refresh token", ada.refresh_token.as_str()),
        ("changed", &changed),
        ("revoked", &ben.access_token),
        ("of another server", &foreign.access_token),
        ("of the identity provider", &of_the_provider),
    ] {
        refused(&ada.client, what, token).await;
    }
    assert_eq!(ada.calls("version").await.status, 200);
    rig.pass(Duration::from_secs(3600));
    refused(&ada.client, "expired", &ada.access_token).await;
    let rig = rig.restarted().await;
    refused(&rig.client("c"), "expired, after a restart", &ada.access_token).await;
}

/// Many look without a token at every start (mcp-remote, Codex), whether or not they have one.
#[tokio::test]
async fn who_looks_without_a_token_and_goes_on_with_one_is_not_said_to_have_stopped() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.calls("version").await.status, 200);
    rig.pass(Duration::from_secs(600));
    assert_eq!(ada.client.request("GET", "/mcp", &[], "").await.status, 401);
    assert_eq!(ada.calls("version").await.status, 200);
    assert_eq!(ada.calls("version").await.status, 200);
    rig.pass(Duration::from_secs(120));
    rig.events().await;
    let attempts = Engine::around(&rig.running).api().call("list_attempts", json!({})).await.unwrap();
    let [looked, connected] = attempts.as_array().unwrap().as_slice() else { panic!("two: {attempts}") };
    let verdict = &looked["verdict"];
    assert_eq!((&verdict["is"], &verdict["hint"]), (&json!("ended"), &json!(null)), "{verdict}");
    assert_eq!(verdict["sentence"], "c looked whether it has to sign in, and went on with a token it has");
    assert_eq!(connected["verdict"]["is"], "connected");
}

/// A real access token of the practice tenant for the very app this server is there, as only the app itself gets one.
async fn token_of_the_provider(rig: &Rig) -> String {
    let tenant = rig.running.practice_url.clone().expect("a practice tenant");
    let redirect = format!("{}/auth/callback", rig.base());
    let scope = format!("openid {}/read", practice::IDENTIFIER_URI);
    let url = format!("{tenant}/{}/oauth2/v2.0", practice::TENANT_ID);
    let asked = [
        ("client_id", practice::CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", &redirect),
        ("scope", &scope),
        ("state", "s"),
    ];
    let page = url::Url::parse_with_params(&format!("{url}/authorize"), asked).expect("a URL");
    let mut browser = rig.browser();
    let page = browser.open(page.as_str(), &redirect).await;
    let code = browser.pick(&page, "ada", &redirect).await.param("code").expect("a code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &redirect),
        ("client_id", practice::CLIENT_ID),
        ("client_secret", practice::CLIENT_SECRET),
        ("scope", &scope),
    ];
    let app = rig.client("the app itself").at(&url);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let answer = app.request("POST", "/token", &[form], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("access_token").to_owned()
}

#[tokio::test]
async fn a_good_token_is_served_whoever_sends_it_and_by_whichever_name() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let port = rig.base().rsplit(':').next().unwrap();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        for agent in ["Claude-User", "openai-mcp", "python-httpx/0.28.1", ""] {
            let client = ada.client.clone().at(&format!("http://{host}:{port}"));
            let answer = with_token(&client, &ada.access_token, &[("user-agent", agent)]).await;
            assert_eq!(answer.status, 200, "{host} `{agent}`: {}", answer.body);
            assert!(answer.body["result"]["tools"].is_array());
        }
    }
}
