//! File, environment, command line: which wins, and what each refuses.

use super::{TENANT, at_entra, entra_of, file, problem, problems, refused, settings, typed};
use crate::settings::{OTHER_VARIABLES, SettingsDraft, Source};

#[test]
fn the_command_line_goes_over_the_environment_and_that_over_the_file() {
    let in_file = file(
        "[server]\nlisten = '127.0.0.1:1'\n[console]\nlisten = '127.0.0.1:2'\n[practice]\nlisten = '127.0.0.1:3'",
    );
    let environment = SettingsDraft::from_env([
        ("JMOP_CONSOLE_LISTEN", "127.0.0.1:20"),
        ("JMOP_PRACTICE_LISTEN", "127.0.0.1:30"),
        ("PATH", "/bin"),
    ]);
    let flags = SettingsDraft::from_command_line([("practice.listen", "127.0.0.1:300", "--practice")]);
    let draft = in_file.overlay(environment).overlay(flags);
    let source = |key: &str| draft.rows().into_iter().find(|row| row.key == key).unwrap().source;
    assert_eq!(source("server.listen"), Source::File { path: "settings.toml".into(), line: Some(2) });
    assert_eq!(source("console.listen"), Source::Environment { variable: "JMOP_CONSOLE_LISTEN".into() });
    assert_eq!(source("practice.listen"), Source::CommandLine { flag: "--practice".into() });
    assert_eq!(source("entra.tenant"), Source::Default);
    let settings = settings(&draft);
    assert_eq!(settings.server.listen.port(), 1);
    assert_eq!(settings.server.console.unwrap().port(), 20);
    assert!(matches!(settings.identity, model::settings::Identity::Practice(p) if p.listen.port() == 300));
}

#[test]
fn a_problem_says_where_its_text_came_from() {
    let told = |draft: SettingsDraft| problem(&at_entra(&[]).overlay(draft)).to_string();
    let tenant = "`abc def` is not a directory id. hint: copy the Directory (tenant) ID from the Overview page of the app \
                  registration in the Azure portal, or write a verified domain, `organizations`, `common` or `consumers`";
    assert_eq!(
        told(SettingsDraft::from_env([("JMOP_ENTRA_TENANT", "abc def")])),
        format!("entra.tenant (from JMOP_ENTRA_TENANT): {tenant}")
    );
    assert_eq!(
        told(file("\n[entra]\ntenant = 'abc def'")),
        format!("entra.tenant (settings.toml, line 3): {tenant}")
    );
    assert_eq!(
        told(typed(&[("entra.tenant", "abc def")])),
        format!("entra.tenant (from the window): {tenant}")
    );
}

#[test]
fn an_empty_text_is_the_default_and_an_empty_variable_says_nothing() {
    let in_file = file("[server]\nlisten = '127.0.0.1:1'");
    let silent = in_file.clone().overlay(SettingsDraft::from_env([("JMOP_SERVER_LISTEN", " ")]));
    assert_eq!(settings(&silent).server.listen.port(), 1);
    let cleared = in_file.overlay(typed(&[("server.listen", "")]));
    assert_eq!(settings(&cleared).server.listen.port(), 4242);
}

#[test]
fn names_that_do_not_exist_are_problems_with_what_was_meant() {
    for (draft, field, code, meant) in [
        (file("[entra]\ntenant_id = 'hunter2'"), "entra.tenant_id", "unknown-key", Some("`entra.tenant`")),
        (file("[server]\nlisten-on = 'hunter2'"), "server.listen-on", "unknown-key", Some("`server.listen`")),
        (file("listen = 'hunter2'"), "listen", "unknown-key", None),
        (file("[[client]]\nidd = 'hunter2'"), "client.1.idd", "unknown-key", Some("`client.1.id`")),
        (
            SettingsDraft::from_env([("JMOP_ENTRA_TENANT_ID", "hunter2")]),
            "JMOP_ENTRA_TENANT_ID",
            "unknown-variable",
            Some("`JMOP_ENTRA_TENANT`"),
        ),
        (
            SettingsDraft::from_env([("JMOP_MASTERKEY", "hunter2")]),
            "JMOP_MASTERKEY",
            "unknown-variable",
            Some("`JMOP_MASTER_KEY`"),
        ),
        (typed(&[("server.port", "hunter2")]), "server.port", "unknown-key", None),
    ] {
        let problem = problem(&draft);
        assert_eq!((problem.field.as_str(), problem.code), (field, code));
        if let Some(meant) = meant {
            assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains(meant)), "{problem}");
        }
        assert!(!format!("{problem}{draft:?}").contains("hunter2"), "a text without a place may be a secret");
    }
    let other = SettingsDraft::from_env(OTHER_VARIABLES.iter().map(|(name, _)| (*name, "x")));
    assert!(other.validate().is_ok(), "what is read elsewhere is nobody's mistake");
}

#[test]
fn secrets_are_refused_where_others_can_read_them() {
    let in_file = file("[entra]\nclient_secret = 'hunter2'");
    refused(&in_file, "entra.client_secret", "secret-in-file");
    let flag = SettingsDraft::from_command_line([("entra.client_secret", "hunter2", "--client-secret")]);
    refused(&flag, "entra.client_secret", "secret-on-command-line");
    for draft in [in_file, flag] {
        assert!(draft.secret("entra.client_secret").is_none());
        assert!(!format!("{draft:?}{}{}", problem(&draft), draft.to_toml()).contains("hunter2"));
    }
}

#[test]
fn values_are_written_as_reads_best() {
    let draft = file(&format!(
        "\u{feff}[clients]\ndocuments_from_loopback = true\n[storage]\nevents = 1_000\n\
         [entra]\ntenant = \"{TENANT}\"\nclient_id = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'\nrequired_scopes = ['read', 'write']\n"
    ));
    assert_eq!(entra_of(&draft).required_scopes.to_string(), "read write");
    let settings = settings(&draft);
    assert!(settings.server.documents_from_loopback);
    assert_eq!(settings.storage.bounds.events, 1000);
}

#[test]
fn a_file_of_the_wrong_form_is_refused_with_the_line() {
    for (text, field, code, line) in [
        ("[server\nlisten = 1", "", "not-toml", 1),
        ("[server]\nlisten = ['a']", "server.listen", "wrong-type", 2),
        ("[server]\nlisten = 1.5", "server.listen", "wrong-type", 2),
        ("[server]\nlisten = 1979-05-27", "server.listen", "wrong-type", 2),
        (
            "\n\n[server]\ncors_origins = ['https://a.example https://b.example']",
            "server.cors_origins",
            "wrong-type",
            4,
        ),
        ("[entra]\nrequired_scopes = [1]", "entra.required_scopes", "wrong-type", 2),
        ("[entra.tenant]\nid = 'x'", "entra.tenant", "wrong-type", 1),
        ("[client]\nid = 'x'", "", "not-a-table", 1),
        ("client = ['x']", "", "not-a-table", 1),
    ] {
        let found = problems(&file(text));
        let first = &found[0];
        assert_eq!((first.field.as_str(), first.code), (field, code), "{text}: {first}");
        assert_eq!(first.source, Source::File { path: "settings.toml".into(), line: Some(line) }, "{text}");
    }
    let many = "[[client]]\n".repeat(501);
    assert_eq!(problem(&file(&many)).code, "too-many-clients");
}

#[test]
fn what_is_saved_is_readable_and_leaves_secrets_out() {
    let draft = typed(&[
        ("client.2.id", "b"),
        ("client.1.id", "a \"quoted\" id"),
        ("client.1.redirect_uris", "https://a.example/cb https://a.example/cb2"),
        ("entra.client_secret", "hunter2"),
        ("entra.tenant", TENANT),
        ("storage.events", "1000"),
        ("storage.data_dir", "C:\\data"),
        ("clients.documents_from_loopback", "true"),
    ]);
    assert_eq!(
        draft.to_toml(),
        format!(
            r#"[clients]
documents_from_loopback = true

[entra]
tenant = "{TENANT}"

[storage]
data_dir = "C:\\data"
events = 1000

[[client]]
id = "a \"quoted\" id"
redirect_uris = ["https://a.example/cb", "https://a.example/cb2"]

[[client]]
id = "b"
"#
        )
    );
}

#[test]
fn clients_are_set_by_number_in_the_environment_too() {
    let draft = SettingsDraft::from_env([
        ("JMOP_CLIENT_1_ID", "x"),
        ("JMOP_CLIENT_1_REDIRECT_URIS", r#"["https://x.example/cb"]"#),
    ]);
    assert_eq!(settings(&draft).clients[0].id.as_str(), "x");
}
