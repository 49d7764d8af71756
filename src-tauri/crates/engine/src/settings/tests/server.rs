//! Addresses, the callback, browser origins, storage and configured clients.

use std::path::Path;

use model::client::{ClientAuth, ClientKind};
use model::ids::TokenHash;
use model::ports::Bounds;
use model::redirect::RedirectUri;
use model::settings::{Database, Identity, SignInFrom};

use super::{at_entra, file, problem, problems, refused, settings, typed};

#[test]
fn with_nothing_set_the_first_run_is_the_practice_tenant_on_loopback() {
    let settings = settings(&typed(&[]));
    assert_eq!(settings.server.listen, "127.0.0.1:4242".parse().unwrap());
    assert_eq!(settings.server.console, Some("127.0.0.1:4244".parse().unwrap()));
    assert_eq!(settings.server.callback_path, "/auth/callback");
    assert_eq!(settings.server.sign_in, SignInFrom::ThisComputer);
    assert_eq!(settings.server.public_url, None);
    assert!(settings.server.cors_origins.is_empty() && !settings.server.documents_from_loopback);
    let Identity::Practice(practice) = settings.identity else { panic!("Entra without settings") };
    assert_eq!(practice.listen, "127.0.0.1:4243".parse().unwrap());
    assert_eq!(practice.sign_in, None);
    assert_eq!(settings.storage.bounds, Bounds::default(), "the table's defaults are those of the model");
    assert_eq!(settings.storage.database, Database::Sqlite(settings.storage.data_dir.join("proxy.db")));
    assert!(settings.clients.is_empty());
}

#[test]
fn what_is_given_arrives() {
    let settings = settings(&at_entra(&[
        ("server.listen", "0.0.0.0:80"),
        ("server.public_url", " https://MCP.example.com/ "),
        ("server.sign_in", "anywhere"),
        ("server.callback_path", "/entra/back"),
        ("server.cors_origins", "http://localhost:6274, https://a.example/ https://a.example"),
        ("console.listen", "OFF"),
        ("clients.documents_from_loopback", "yes"),
        ("clients.allowed_hosts", "claude.ai, *.Example.com claude.ai"),
        ("clients.blocked_hosts", "old.example.com"),
        ("clients.self_contained_ids", "on"),
        ("storage.data_dir", "/srv/proxy"),
        ("storage.database_url", "sqlite:other.db"),
        ("storage.events", "7"),
    ]));
    assert_eq!(settings.server.listen, "0.0.0.0:80".parse().unwrap());
    assert_eq!(settings.server.public_url.unwrap().as_str(), "https://mcp.example.com");
    assert_eq!(settings.server.sign_in, SignInFrom::Anywhere);
    assert_eq!(settings.server.callback_path, "/entra/back");
    assert_eq!(settings.server.cors_origins, ["http://localhost:6274", "https://a.example"]);
    assert_eq!(settings.server.console, None);
    assert!(settings.server.documents_from_loopback);
    let hosts = &settings.client_rules.hosts;
    assert_eq!((hosts.allowed.len(), hosts.blocked.len()), (2, 1));
    assert!(hosts.admit("new.example.com") && !hosts.admit("old.example.com") && !hosts.admit("chatgpt.com"));
    assert!(settings.client_rules.self_contained_ids);
    assert_eq!(settings.storage.database, Database::Sqlite("/srv/proxy/other.db".into()));
    assert_eq!(settings.storage.bounds.events, 7);
}

#[test]
fn localhost_is_an_address_like_any_other() {
    for (text, address) in
        [("localhost:1", "127.0.0.1:1"), ("[::1]:4242", "[::1]:4242"), ("127.0.0.1:0", "127.0.0.1:0")]
    {
        assert_eq!(settings(&typed(&[("server.listen", text)])).server.listen, address.parse().unwrap());
    }
}

#[test]
fn each_wrong_text_is_one_problem_with_its_field_and_code() {
    for (field, text, code) in [
        ("server.listen", "4242", "not-an-address"),
        ("server.listen", ":4242", "not-an-address"),
        ("server.listen", "localhost", "not-an-address"),
        ("server.listen", "127.0.0.1:99999", "not-an-address"),
        ("server.listen", "0.0.0.0:4242", "listens-to-the-network"),
        ("server.listen", "127.0.0.1:4244", "port-taken"),
        ("server.public_url", "mcp.example.com", "not-a-url"),
        ("server.public_url", "http://mcp.example.com", "not-https"),
        ("server.public_url", "https://mcp.example.com/mcp", "not-an-origin"),
        ("server.public_url", "http://localhost:4242", "public-is-local"),
        ("server.sign_in", "here", "not-a-choice"),
        ("server.callback_path", "auth/callback", "not-a-path"),
        ("server.callback_path", "http://localhost:4242/auth/callback", "not-a-path"),
        ("server.callback_path", "/auth//callback", "not-a-path"),
        ("server.callback_path", "/auth/../token", "not-a-path"),
        ("server.callback_path", "/auth/callback/", "not-a-path"),
        ("server.callback_path", "/auth/{code}", "not-a-path"),
        ("server.callback_path", "/auth?x", "not-a-path"),
        ("server.callback_path", "/", "path-taken"),
        ("server.callback_path", "/token", "path-taken"),
        ("server.callback_path", "/mcp/callback", "path-taken"),
        ("server.callback_path", "/.well-known/callback", "path-taken"),
        ("server.cors_origins", "*", "any-origin"),
        ("server.cors_origins", "localhost:6274", "not-an-origin"),
        ("server.cors_origins", "https://a.example/path", "not-an-origin"),
        ("console.listen", "0.0.0.0:4244", "not-loopback"),
        ("console.listen", "none", "not-an-address"),
        ("clients.documents_from_loopback", "maybe", "not-a-flag"),
        ("clients.allowed_hosts", "https://claude.ai", "not-a-host"),
        ("clients.blocked_hosts", "*", "not-a-host"),
        ("clients.self_contained_ids", "some", "not-a-flag"),
        ("identity.practice", "entra", "not-a-choice"),
        ("practice.listen", "192.168.0.1:4243", "not-loopback"),
        ("practice.sign_in", "ada lovelace", "not-a-person"),
        ("storage.data_dir", "~/data", "not-a-path"),
        ("storage.data_dir", "a\nb", "not-a-path"),
        ("storage.database_url", "postgres://ada:hunter2@db/proxy", "not-available"),
        ("storage.database_url", "mysql://ada:hunter2@db/proxy", "not-a-database"),
        ("storage.database_url", "sqlite:", "not-a-database"),
        ("storage.database_url", "sqlite:a.db?mode=rwc", "not-a-database"),
        ("storage.unapproved_clients", "many", "not-a-number"),
        ("storage.open_grants", "-1", "not-a-number"),
        ("storage.events", "0", "not-a-number"),
        ("storage.event_days", "99999", "not-a-number"),
    ] {
        let draft = at_entra(&[(field, text)]);
        refused(&draft, field, code);
        assert!(!problem(&draft).to_string().contains("hunter2"), "a password of a URL is never quoted");
    }
}

#[test]
fn all_problems_come_at_once() {
    let found = problems(&at_entra(&[
        ("server.listen", "x"),
        ("server.callback_path", "x"),
        ("entra.tenant", "x"),
        ("entra.required_scopes", "openid"),
        ("storage.events", "x"),
        ("client.1.auth", "x"),
    ]));
    let fields: Vec<&str> = found.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "server.listen",
            "server.callback_path",
            "entra.tenant",
            "entra.required_scopes",
            "storage.events",
            "client.1.id",
            "client.1.redirect_uris",
            "client.1.auth"
        ]
    );
}

#[test]
fn ports_clash_only_while_both_are_in_use() {
    let same = ("practice.listen", "127.0.0.1:4242");
    refused(&typed(&[same]), "practice.listen", "port-taken");
    settings(&at_entra(&[same]));
    settings(&typed(&[
        ("server.listen", "127.0.0.1:0"),
        ("console.listen", "127.0.0.1:0"),
        ("practice.listen", "[::1]:0"),
    ]));
}

#[test]
fn nobody_signs_in_to_the_practice_tenant_from_the_internet() {
    let public = ("server.public_url", "https://mcp.example.com");
    refused(&typed(&[public]), "server.public_url", "practice-in-public");
    refused(&at_entra(&[public, ("identity.practice", "on")]), "server.public_url", "practice-in-public");
    settings(&at_entra(&[public]));
}

#[test]
fn databases_are_files_in_the_data_folder_or_memory() {
    for (text, database) in [
        ("memory", Database::Memory),
        ("sqlite::memory:", Database::Memory),
        ("sqlite:/var/a.db", Database::Sqlite("/var/a.db".into())),
        ("sqlite:///var/a.db", Database::Sqlite("/var/a.db".into())),
        ("sqlite://a.db", Database::Sqlite(Path::new("/data/a.db").into())),
    ] {
        let draft = typed(&[("storage.data_dir", "/data"), ("storage.database_url", text)]);
        assert_eq!(settings(&draft).storage.database, database, "{text}");
    }
}

#[test]
fn configured_clients_may_ask_for_every_required_scope_and_keep_no_secret() {
    let hash = TokenHash::of("the secret");
    let draft = at_entra(&[("entra.required_scopes", "read write")]).overlay(file(&format!(
        "[[client]]\nid = \"claude\"\nname = \"Claude\"\nredirect_uris = [\"https://claude.ai/api/mcp/auth_callback\"]\n\
         secret_sha256 = \"{0}\"\nauth = \"client_secret_post\"\n\
         [[client]]\nid = \"chatgpt\"\nredirect_uris = \"https://chatgpt.com/connector/oauth/*\"\nsecret_sha256 = \"{0}=\"\n\
         [[client]]\nid = \"cli\"\nredirect_uris = [\"http://localhost/cb\", \"cursor://cb\"]\n",
        hash.to_text()
    )));
    let clients = settings(&draft).clients;
    assert_eq!(clients.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["claude", "chatgpt", "cli"]);
    assert_eq!(clients[0].name.as_deref(), Some("Claude"));
    assert_eq!(
        clients.iter().map(|c| c.auth.clone()).collect::<Vec<_>>(),
        [ClientAuth::ClientSecretPost(hash), ClientAuth::ClientSecretBasic(hash), ClientAuth::None]
    );
    assert!(
        clients[1].allows_redirect(&RedirectUri::parse("https://chatgpt.com/connector/oauth/AbC").unwrap())
    );
    assert_eq!(clients[2].redirects.len(), 2);
    for client in clients {
        assert_eq!((client.kind, client.scope.to_string().as_str()), (ClientKind::Static, "read write"));
        assert_eq!(client.created_at.millis(), 0);
    }
}

#[test]
fn each_wrong_client_is_one_problem_with_its_field_and_code() {
    let good = typed(&[("client.1.id", "x"), ("client.1.redirect_uris", "https://x.example/cb")]);
    settings(&good);
    let hash = TokenHash::of("s").to_text();
    for (texts, field, code) in [
        (vec![("client.1.id", "")], "client.1.id", "missing"),
        (vec![("client.1.id", "é")], "client.1.id", "not-a-client-id"),
        (vec![("client.1.id", "https://x.example/client.json")], "client.1.id", "not-a-client-id"),
        (vec![("client.1.redirect_uris", "")], "client.1.redirect_uris", "missing"),
        (
            vec![("client.1.redirect_uris", "http://x.example")],
            "client.1.redirect_uris",
            "not-a-redirect-uri",
        ),
        (
            vec![("client.1.redirect_uris", "https://*.example/cb")],
            "client.1.redirect_uris",
            "not-a-redirect-uri",
        ),
        (vec![("client.1.name", "a\nb")], "client.1.name", "not-a-name"),
        (vec![("client.1.auth", "client_secret_post")], "client.1.secret_sha256", "missing"),
        (
            vec![("client.1.auth", "none"), ("client.1.secret_sha256", &hash)],
            "client.1.auth",
            "secret-without-use",
        ),
        (vec![("client.1.auth", "private_key_jwt")], "client.1.auth", "not-a-choice"),
        (vec![("client.1.secret_sha256", "hunter2")], "client.1.secret_sha256", "not-a-hash"),
        (
            vec![("client.2.id", "x"), ("client.2.redirect_uris", "https://x.example/cb")],
            "client.2.id",
            "same-id",
        ),
    ] {
        let draft = good.clone().overlay(typed(&texts));
        refused(&draft, field, code);
        assert!(
            !problem(&draft).to_string().contains("hunter2"),
            "what may be the secret itself is never quoted"
        );
    }
}
