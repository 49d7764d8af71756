//! The app registration: the mistakes people make between the portal and here.

use model::ExposeSecret as _;
use model::settings::{Credential, EntraSettings, Identity};

use super::{APP, TENANT, at_entra, entra_of, file, problem, problems, refused, settings, typed};
use crate::settings::SettingsDraft;

pub(super) fn secret_of(entra: &EntraSettings) -> &str {
    match &entra.credential {
        Credential::Secret(secret) => secret.current.expose_secret(),
        other => panic!("not a secret: {other:?}"),
    }
}

const SECRET: &str = "abC8Q~0123456789abcdefghijklmnopqrstuvwx";

#[test]
fn an_app_registration_needs_only_its_two_ids() {
    let entra = entra_of(&at_entra(&[]));
    assert_eq!(entra.authority.as_str(), "https://login.microsoftonline.com/");
    assert_eq!((entra.tenant.as_str(), entra.client_id.as_str()), (TENANT, APP));
    assert_eq!(entra.identifier_uri, format!("api://{APP}"));
    assert_eq!(entra.required_scopes.to_string(), "read");
    assert!(matches!(entra.credential, Credential::None) && entra.extra_authorize_scopes.is_empty());
    assert!(entra.allowed_tenants.is_empty());
}

#[test]
fn tenants_are_ids_domains_or_one_of_three_words() {
    for tenant in ["contoso.onmicrosoft.com", "contoso.com", "organizations", "common", "consumers"] {
        assert_eq!(entra_of(&at_entra(&[("entra.tenant", tenant)])).tenant, tenant);
    }
    assert_eq!(
        entra_of(&at_entra(&[("entra.tenant", &APP.to_uppercase()), ("entra.client_id", TENANT)])).tenant,
        APP
    );
}

#[test]
fn each_wrong_text_is_one_problem_with_its_field_and_code() {
    let braced = format!("{{{APP}}}");
    for (field, text, code) in [
        ("entra.authority", "login.microsoftonline.us", "not-a-url"),
        ("entra.authority", "http://login.microsoftonline.com", "not-https"),
        ("entra.authority", "https://login.microsoftonline.com/contoso.com/v2.0", "not-an-authority"),
        ("entra.authority", "https://id.example/?x=1", "not-an-authority"),
        ("entra.tenant", "abc def", "not-a-tenant"),
        ("entra.tenant", "your-tenant-id", "not-a-tenant"),
        ("entra.tenant", "Common", "not-a-tenant"),
        ("entra.tenant", "https://login.microsoftonline.com/x", "not-a-tenant"),
        ("entra.tenant", "", "missing"),
        ("entra.client_id", "", "missing"),
        ("entra.client_id", "my-app", "not-a-client-id"),
        ("entra.client_id", &braced, "not-a-client-id"),
        ("entra.client_id", TENANT, "same-as-tenant"),
        ("entra.client_secret", APP, "secret-id"),
        ("entra.client_secret", " abC8Q~x", "secret-white-space"),
        ("entra.client_secret", "abC8Q~x\n", "secret-white-space"),
        ("entra.client_secret", "abC\n8Q~x", "secret-lines"),
        ("entra.client_secret_file", "/no/such/file", "not-readable"),
        ("entra.client_secret_file", "/", "not-readable"),
        ("entra.identifier_uri", APP, "not-an-identifier"),
        ("entra.identifier_uri", "api://x/", "not-an-identifier"),
        ("entra.identifier_uri", "api://", "not-an-identifier"),
        ("entra.identifier_uri", "api://a b", "not-an-identifier"),
        ("entra.identifier_uri", "ftp://x", "not-an-identifier"),
        ("entra.required_scopes", "openid profile", "no-scope"),
        ("entra.required_scopes", ",", "no-scope"),
        ("entra.required_scopes", "\"read\"", "not-a-scope"),
        ("entra.required_scopes", "https://graph.microsoft.com/User.Read", "foreign-scope"),
        ("entra.required_scopes", "read api://other/read", "foreign-scope"),
        ("entra.required_scopes", ".default", "default-scope"),
        ("entra.extra_authorize_scopes", "\"User.Read\"", "not-a-scope"),
        ("entra.allowed_tenants", "contoso.com", "not-a-tenant"),
        ("entra.allowed_tenants", APP, "nobody-allowed"),
    ] {
        refused(&at_entra(&[(field, text)]), field, code);
    }
    assert!(
        problem(&at_entra(&[("entra.client_id", &braced)])).hint.unwrap().contains(APP),
        "the mended text is offered"
    );
}

#[test]
fn the_pasted_id_of_a_secret_is_told_from_its_value() {
    let told = problem(&at_entra(&[("entra.client_secret", APP)])).to_string();
    assert!(told.contains("you pasted the secret's ID, not its Value"), "{told}");
    assert!(!told.contains(APP), "{told}");
}

#[test]
fn half_an_app_registration_is_not_practice() {
    refused(&typed(&[("entra.client_id", APP)]), "entra.tenant", "missing");
    refused(&typed(&[("entra.tenant", TENANT)]), "entra.client_id", "missing");
    let found = problems(&typed(&[("identity.practice", "off")]));
    assert_eq!(found.iter().map(|p| p.code).collect::<Vec<_>>(), ["missing", "missing"]);
    let practice = settings(&at_entra(&[("identity.practice", "on"), ("practice.sign_in", "ada")]));
    assert!(matches!(practice.identity, Identity::Practice(p) if p.sign_in.as_deref() == Some("ada")));
}

#[test]
fn scopes_are_kept_by_short_name_however_they_are_written() {
    for text in
        ["read write", "read,write", "openid read\n write email", &format!("api://{APP}/read, write read")]
    {
        let entra = entra_of(&at_entra(&[("entra.required_scopes", text)]));
        assert_eq!(entra.required_scopes.to_string(), "read write", "{text}");
    }
    let shouted = format!("api://{}/read", APP.to_uppercase());
    let same =
        entra_of(&at_entra(&[("entra.client_id", &APP.to_uppercase()), ("entra.required_scopes", &shouted)]));
    assert_eq!((same.client_id.as_str(), same.required_scopes.to_string().as_str()), (APP, "read"));
    let custom = entra_of(&at_entra(&[
        ("entra.identifier_uri", "https://contoso.com/mcp"),
        ("entra.required_scopes", "https://contoso.com/mcp/read"),
    ]));
    assert_eq!(custom.required_scopes.to_string(), "read");
    let spelled = entra_of(&at_entra(&[("entra.identifier_uri", "api://{client_id}/mcp")]));
    assert_eq!(spelled.identifier_uri, format!("api://{APP}/mcp"));
}

#[test]
fn bare_extra_scopes_mean_the_graph_of_their_cloud() {
    for (authority, graph) in [
        ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
        ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
        ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
        ("https://contoso.ciamlogin.com", "https://graph.microsoft.com"),
    ] {
        let text = "User.Read offline_access https://analysis.windows.net/powerbi/api/Report.Read.All";
        let entra =
            entra_of(&at_entra(&[("entra.authority", authority), ("entra.extra_authorize_scopes", text)]));
        assert_eq!(
            entra.extra_authorize_scopes.to_string(),
            format!("{graph}/User.Read https://analysis.windows.net/powerbi/api/Report.Read.All")
        );
    }
}

/// Azure AD B2C with `texts` over it.
fn at_b2c(texts: &[(&str, &str)]) -> SettingsDraft {
    at_entra(&[
        ("entra.authority", "https://contoso.b2clogin.com"),
        ("entra.tenant", "contoso.onmicrosoft.com/B2C_1_sign_in"),
    ])
    .overlay(typed(texts))
}

#[test]
fn the_policy_of_b2c_follows_its_directory_however_it_is_written() {
    for text in [
        "contoso.onmicrosoft.com/B2C_1_sign_in",
        "Contoso.onmicrosoft.com/B2C_1_sign_in",
        "tfp/contoso.onmicrosoft.com/B2C_1_sign_in",
        "contoso.onmicrosoft.com?p=B2C_1_sign_in",
    ] {
        let entra = entra_of(&at_b2c(&[("entra.tenant", text)]));
        assert_eq!(entra.tenant, "contoso.onmicrosoft.com/B2C_1_sign_in", "{text}");
        assert_eq!(entra.policy(), Some("B2C_1_sign_in"));
        assert_eq!(entra.identifier_uri, format!("https://contoso.onmicrosoft.com/{APP}"));
        assert!(entra.extra_authorize_scopes.is_empty());
    }
    let by_id = entra_of(&at_b2c(&[("entra.tenant", &format!("{TENANT}/B2C_1A_SIGNIN"))]));
    assert_eq!(by_id.identifier_uri, format!("https://contoso.onmicrosoft.com/{APP}"));
    let own_name = [("entra.authority", "https://login.contoso.com")];
    assert_eq!(entra_of(&at_b2c(&own_name)).identifier_uri, format!("https://contoso.onmicrosoft.com/{APP}"));
    assert_eq!(entra_of(&at_entra(&[])).policy(), None);
}

#[test]
fn what_b2c_does_not_have_is_refused_before_anybody_meets_it() {
    for (texts, field, code) in [
        (&[("entra.tenant", "contoso.onmicrosoft.com")][..], "entra.tenant", "not-a-policy"),
        (&[("entra.tenant", "")], "entra.tenant", "missing"),
        (&[("entra.tenant", "contoso.onmicrosoft.com/sign_in")], "entra.tenant", "not-a-policy"),
        (&[("entra.authority", "https://login.microsoftonline.com")], "entra.tenant", "not-a-tenant"),
        (
            &[("entra.extra_authorize_scopes", "openid User.Read")],
            "entra.extra_authorize_scopes",
            "no-other-api",
        ),
        (&[("access.people", "ada@contoso.com")], "access.people", "not-a-person"),
        (&[("access.groups", APP)], "access.groups", "no-groups"),
        (&[("entra.client_id", "my-app")], "entra.client_id", "not-a-client-id"),
    ] {
        refused(&at_b2c(texts), field, code);
    }
    settings(&at_b2c(&[("access.people", APP)]));
    settings(&at_b2c(&[("entra.tenant", "contoso.com/B2C_1A_in"), ("access.groups", APP)]));
    let nameless = at_b2c(&[
        ("entra.authority", "https://login.contoso.com"),
        ("entra.tenant", &format!("{TENANT}/B2C_1_sign_in")),
    ]);
    refused(&nameless, "entra.identifier_uri", "missing");
}

#[test]
fn customers_of_an_external_tenant_are_listed_by_object_id() {
    let listed = |person: &str| {
        at_entra(&[("entra.authority", "https://contoso.ciamlogin.com"), ("access.people", person)])
    };
    refused(&listed("ada@contoso.com"), "access.people", "not-a-person");
    settings(&listed(APP));
    settings(&at_entra(&[("access.people", "ada@contoso.com")]));
}

#[test]
fn a_pasted_address_is_taken_apart_for_the_person() {
    for (pasted, host, tenant) in [
        (
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_sign_in/v2.0/",
            "`https://contoso.b2clogin.com`",
            "`contoso.onmicrosoft.com/B2C_1_sign_in`",
        ),
        (
            "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_sign_in",
            "`https://contoso.b2clogin.com`",
            "`contoso.onmicrosoft.com/B2C_1_sign_in`",
        ),
        (
            "https://contoso.ciamlogin.com/contoso.onmicrosoft.com",
            "`https://contoso.ciamlogin.com`",
            "`contoso.onmicrosoft.com`",
        ),
        (
            "https://login.microsoftonline.us/contoso.us/v2.0",
            "`https://login.microsoftonline.us`",
            "`contoso.us`",
        ),
    ] {
        let hint = problem(&at_entra(&[("entra.authority", pasted)])).hint.unwrap();
        assert!(hint.contains(host) && hint.contains(tenant), "{pasted}: {hint}");
    }
}

#[test]
fn any_other_openid_server_may_name_things_as_it_likes() {
    let elsewhere = |texts: &[(&str, &str)]| {
        typed(&[
            ("entra.authority", "http://127.0.0.1:9999/realms"),
            ("entra.tenant", "master"),
            ("entra.client_id", "mcp-proxy"),
            ("entra.client_secret", APP),
        ])
        .overlay(typed(texts))
    };
    let entra = entra_of(&elsewhere(&[
        ("entra.required_scopes", "read https://api.example/write"),
        ("entra.extra_authorize_scopes", "groups"),
        ("entra.allowed_tenants", "master"),
    ]));
    assert_eq!(
        (entra.tenant.as_str(), entra.client_id.as_str(), entra.identifier_uri.as_str()),
        ("master", "mcp-proxy", "")
    );
    assert_eq!(entra.required_scopes.to_string(), "read https://api.example/write");
    assert_eq!(entra.extra_authorize_scopes.to_string(), "groups");
    assert_eq!(secret_of(&entra), APP);
    refused(&elsewhere(&[("entra.tenant", "a/b")]), "entra.tenant", "not-a-tenant");
    refused(&elsewhere(&[("entra.client_id", "a b")]), "entra.client_id", "not-a-client-id");
}

#[test]
fn directories_are_compared_whatever_the_case_of_their_ids() {
    let entra =
        entra_of(&at_entra(&[("entra.allowed_tenants", &format!("{APP} {}", TENANT.to_uppercase()))]));
    assert_eq!(entra.allowed_tenants, [APP, TENANT]);
    let many = entra_of(&at_entra(&[("entra.tenant", "organizations"), ("entra.allowed_tenants", APP)]));
    assert_eq!(many.allowed_tenants, [APP]);
}

#[test]
fn the_secret_may_be_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let named = at_entra(&[("entra.client_secret_file", path.to_str().unwrap())]);
    for (contents, secret) in
        [(SECRET.to_owned(), SECRET), (format!("{SECRET}\n"), SECRET), (format!("{SECRET}\r\n"), SECRET)]
    {
        std::fs::write(&path, contents).unwrap();
        assert_eq!(secret_of(&entra_of(&named)), secret);
    }
    for (contents, code) in
        [("", "missing"), ("\n", "missing"), ("x\n\n", "secret-white-space"), (APP, "secret-id")]
    {
        std::fs::write(&path, contents).unwrap();
        refused(&named, "entra.client_secret_file", code);
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    refused(&named, "entra.client_secret_file", "not-readable");
}

#[test]
fn of_two_secrets_the_one_from_the_nearer_source_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from-the-file").unwrap();
    let path = path.to_str().unwrap();
    let in_file = file(&format!("[entra]\nclient_secret_file = '{path}'"));
    let in_environment = SettingsDraft::from_env([("JMOP_ENTRA_CLIENT_SECRET", "from-the-environment")]);
    let nearer = at_entra(&[]).overlay(in_file).overlay(in_environment.clone());
    assert_eq!(secret_of(&entra_of(&nearer)), "from-the-environment");
    let flag = SettingsDraft::from_command_line([("entra.client_secret_file", path, "--client-secret-file")]);
    let nearest = at_entra(&[]).overlay(in_environment).overlay(flag);
    assert_eq!(secret_of(&entra_of(&nearest)), "from-the-file");
    let both = at_entra(&[("entra.client_secret", SECRET), ("entra.client_secret_file", path)]);
    refused(&both, "entra.client_secret_file", "two-secrets");
}

#[test]
fn a_secret_is_never_printed_wherever_it_was_pasted() {
    for field in [
        "entra.client_secret_file",
        "entra.tenant",
        "entra.client_id",
        "entra.identifier_uri",
        "server.public_url",
        "client.1.secret_sha256",
    ] {
        let draft = at_entra(&[(field, SECRET)]);
        let everywhere = format!("{draft}{draft:?}{}", super::told(&problems(&draft)));
        assert!(!everywhere.contains(SECRET), "{field}: {everywhere}");
    }
    let draft = at_entra(&[("entra.client_secret", SECRET), ("server.sign_in", "x")]);
    let settings = settings(&at_entra(&[("entra.client_secret", SECRET)]));
    let everywhere = format!("{draft}{draft:?}{:?}{settings:?}", problems(&draft));
    assert!(!everywhere.contains(SECRET), "{everywhere}");
}

#[test]
fn a_form_learns_that_a_secret_is_there_and_no_more() {
    let draft = at_entra(&[("entra.client_secret", SECRET)]);
    let rows = draft.rows();
    let row = rows.iter().find(|row| row.key == "entra.client_secret").unwrap();
    assert!(row.given && row.text.is_none());
    assert!(!serde_json::to_string(&rows).unwrap().contains(SECRET));
    assert_eq!(draft.secret("entra.client_secret").unwrap().expose_secret(), SECRET);
    assert!(draft.secret("entra.client_id").is_none() && draft.secret("no.such.key").is_none());
}
