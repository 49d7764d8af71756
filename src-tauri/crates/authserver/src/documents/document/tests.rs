//! Documents as clients publish them, and as nobody should.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ID: &str = "https://client.example/oauth/client.json";
/// Of the right length, which is all that is looked at before a signature is.
const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn id() -> ClientId {
    ClientId::parse(ID).unwrap()
}

fn minimal() -> Value {
    json!({ "client_id": ID, "redirect_uris": ["https://client.example/cb"] })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = minimal();
    document[name] = value;
    document
}

fn parse(document: &Value) -> Result<ClientDocument, DocumentFault> {
    ClientDocument::parse(&id(), document.to_string().as_bytes())
}

#[test]
fn two_members_make_a_client() {
    let client = parse(&minimal()).unwrap().into_client(Timestamp::from_secs(7));
    assert_eq!(client.kind, ClientKind::Document);
    assert_eq!(client.auth, ClientAuth::None);
    assert_eq!(client.verified_host().as_deref(), Some("client.example"));
    assert_eq!(client.only_redirect().map(RedirectUri::as_str), Some("https://client.example/cb"));
    assert_eq!((client.created_at, client.approved_at), (Timestamp::from_secs(7), None));
    assert!(client.name.is_none() && client.scope.is_empty());
}

#[test]
fn a_document_like_chatgpts_may_sign_and_need_not() {
    let document = parse(&json!({
        "client_id": ID,
        "client_name": "ChatGPT",
        "client_uri": "https://chatgpt.com",
        "logo_uri": "https://chatgpt.com/logo.png",
        "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
        "scope": "read offline_access",
        "x-unknown": { "deep": [1, null] },
    }))
    .unwrap();
    assert_eq!(document.name.as_deref(), Some("ChatGPT"));
    assert_eq!(document.uri.as_deref(), Some("https://chatgpt.com/"));
    assert_eq!(document.scope.to_string(), "read offline_access");
    let keys = ClientKeys::JwksUri("https://chatgpt.com/oauth/jwks.json".into());
    assert_eq!(document.into_client(Timestamp::from_secs(0)).auth, ClientAuth::NoneOrPrivateKeyJwt(keys));
}

#[test]
fn a_document_speaks_only_for_the_url_it_is_found_at() {
    for other in [
        json!("https://client.example/oauth/client.json/"),
        json!("https://CLIENT.example/oauth/client.json"),
        json!("https://client.example:443/oauth/client.json"),
        json!("https://evil.example/oauth/client.json"),
        json!(" https://client.example/oauth/client.json"),
        json!(""),
        json!(null),
        json!([ID]),
    ] {
        assert_eq!(parse(&with("client_id", other.clone())), Err(DocumentFault::OtherClient), "{other}");
    }
    assert_eq!(
        parse(&json!({ "redirect_uris": ["https://client.example/cb"] })),
        Err(DocumentFault::OtherClient)
    );
}

#[test]
fn unusable_redirect_uris_are_dropped_and_none_left_is_refused() {
    let mixed = json!([
        "javascript:alert(1)",
        "http://client.example/cb",
        7,
        "https://client.example/*",
        "http://127.0.0.1/oauth_callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "http://127.0.0.1/oauth_callback",
    ]);
    let kept = parse(&with("redirect_uris", mixed)).unwrap().redirects;
    let kept: Vec<&str> = kept.iter().map(RedirectUri::as_str).collect();
    assert_eq!(kept, ["http://127.0.0.1/oauth_callback", "cursor://anysphere.cursor-mcp/oauth/callback"]);

    for none in [
        json!([]),
        json!([""]),
        json!(["/cb"]),
        json!("https://client.example/cb"),
        json!(null),
        json!(["https://"]),
    ] {
        assert_eq!(parse(&with("redirect_uris", none.clone())), Err(DocumentFault::NoRedirect), "{none}");
    }
}

#[test]
fn a_client_signs_or_has_nothing_to_prove_but_never_shares_a_secret() {
    let signs = || Ok("signs");
    let secret = || Err(DocumentFault::SharedSecret);
    let unsupported = || Err(DocumentFault::UnsupportedAuth);
    for (method, offered, verdict) in [
        (json!("none"), json!(null), Ok("public")),
        (json!("none"), json!(["private_key_jwt"]), Ok("either")),
        (json!("private_key_jwt"), json!(["none", "private_key_jwt"]), Ok("either")),
        (json!(null), json!(null), Ok("public")),
        (json!(null), json!(["none"]), Ok("public")),
        (json!("client_secret_basic"), json!(null), secret()),
        (json!("client_secret_post"), json!(null), secret()),
        (json!("client_secret_jwt"), json!(null), secret()),
        (json!("client_secret_post"), json!(["none", "client_secret_post"]), secret()),
        (json!(null), json!(["client_secret_post"]), secret()),
        (json!("private_key_jwt"), json!(null), signs()),
        (json!("private_key_jwt"), json!(["private_key_jwt"]), signs()),
        (json!(null), json!(["private_key_jwt", "client_secret_post"]), signs()),
        (json!("tls_client_auth"), json!(null), unsupported()),
        (json!("tls_client_auth"), json!(["client_secret_post"]), unsupported()),
    ] {
        let mut document = minimal();
        document["token_endpoint_auth_method"] = method.clone();
        document["token_endpoint_auth_methods_supported"] = offered.clone();
        document["jwks_uri"] = json!("https://client.example/jwks.json");
        let auth = parse(&document).map(|document| match document.auth {
            ClientAuth::None => "public",
            ClientAuth::PrivateKeyJwt(_) => "signs",
            ClientAuth::NoneOrPrivateKeyJwt(_) => "either",
            other => panic!("{other:?}"),
        });
        assert_eq!(auth, verdict, "{method} {offered}");
    }
}

#[test]
fn who_signs_must_say_with_what() {
    let key = json!({ "kty": "EC", "crv": "P-256", "x": COORDINATE, "y": COORDINATE, "kid": "1" });
    let mut document = with("token_endpoint_auth_method", json!("private_key_jwt"));
    assert_eq!(parse(&document).unwrap_err(), DocumentFault::NoKeys);
    for useless in
        [json!({}), json!({ "keys": [] }), json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }), json!([])]
    {
        document["jwks"] = useless.clone();
        assert_eq!(parse(&document).unwrap_err(), DocumentFault::NoKeys, "{useless}");
    }
    let set = json!({ "keys": [key] });
    document["jwks"] = set.clone();
    assert_eq!(parse(&document).unwrap().auth, ClientAuth::PrivateKeyJwt(ClientKeys::Jwks(set)));
    // Without keys, one that need not sign does not.
    let either = with("token_endpoint_auth_methods_supported", json!(["none", "private_key_jwt"]));
    assert_eq!(parse(&either).unwrap().auth, ClientAuth::None);
}

#[test]
fn a_name_cannot_disturb_the_page_it_stands_on() {
    let name = |text: &str| parse(&with("client_name", json!(text))).unwrap().name;
    assert_eq!(name("  Good\r\n\tClient\u{0}\u{7f}  ").as_deref(), Some("GoodClient"));
    assert_eq!(name("Claude\u{202e}txet desrever\u{200b}\u{feff}").as_deref(), Some("Claudetxet desrever"));
    assert_eq!(name("Zoë 東京 🦀").as_deref(), Some("Zoë 東京 🦀"));
    assert_eq!(name(&"é".repeat(500)).map(|n| n.chars().count()), Some(200));
    assert_eq!(name(" \u{200b}\n "), None);
    assert_eq!(parse(&with("client_name", json!(["x"]))).unwrap().name, None);
}

#[test]
fn links_other_than_https_are_left_out() {
    for bad in [
        "http://client.example/",
        "javascript:alert(1)",
        "data:image/png;base64,x",
        "https://u:p@client.example/",
        "x",
    ] {
        let document = parse(&with("logo_uri", json!(bad))).unwrap();
        assert_eq!(document.logo_uri, None, "{bad}");
        assert_eq!(parse(&with("client_uri", json!(bad))).unwrap().uri, None, "{bad}");
    }
}

#[test]
fn what_is_no_json_object_is_no_document() {
    for body in ["", "null", "[]", "\"x\"", "{", "<html>", "{} {}", &"[".repeat(5000), "\u{feff}{}"] {
        assert_eq!(
            ClientDocument::parse(&id(), body.as_bytes()),
            Err(DocumentFault::NotAnObject),
            "{body:.20}"
        );
    }
    assert_eq!(ClientDocument::parse(&id(), b"{\"client_id\":\"\xff\"}"), Err(DocumentFault::NotAnObject));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "(https?|javascript|com\\.x):/{0,2}[a-z.:@*#?/]{0,20}".prop_map(Value::from),
        Just(json!("none")),
        Just(json!(ID)),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-z_]{1,12}", inner), 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = ClientDocument::parse(&id(), &body);
    }

    #[test]
    fn no_members_panic_and_whatever_is_taken_is_safe(
        redirect_uris in any_json(),
        client_name in any_json(),
        client_uri in any_json(),
        token_endpoint_auth_method in any_json(),
        token_endpoint_auth_methods_supported in any_json(),
        scope in any_json(),
    ) {
        let document = json!({
            "client_id": ID, "redirect_uris": redirect_uris, "client_name": client_name, "client_uri": client_uri,
            "token_endpoint_auth_method": token_endpoint_auth_method, "scope": scope,
            "token_endpoint_auth_methods_supported": token_endpoint_auth_methods_supported,
        });
        if let Ok(taken) = parse(&document) {
            prop_assert!(!taken.redirects.is_empty());
            prop_assert!(taken.uri.is_none_or(|uri| uri.starts_with("https://")));
            prop_assert!(taken.name.is_none_or(|name| name.chars().count() <= 200 && !name.contains(char::is_control)));
        }
    }

    #[test]
    fn a_readable_document_is_always_taken(name in any_json(), extra in any_json(), path in "[a-z/]{1,20}") {
        let uri = format!("https://client.example/{path}");
        let document = json!({ "client_id": ID, "redirect_uris": [uri], "client_name": name, "extra": extra });
        let taken = parse(&document).unwrap();
        prop_assert_eq!(taken.redirects[0].as_str(), uri);
    }
}
