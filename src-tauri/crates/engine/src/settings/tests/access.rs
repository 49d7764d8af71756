//! Who may sign in: how people and groups are named, and what names nobody.

use model::access::{Access, Prompt, Somebody};

use super::{APP, TENANT, at_entra, refused, settings, typed};

fn access(texts: &[(&str, &str)]) -> Access {
    settings(&at_entra(texts)).access
}

#[test]
fn without_a_word_everybody_may_guests_too() {
    assert_eq!(access(&[]), Access::default());
    assert!(!access(&[("access.guests", "off")]).guests);
}

#[test]
fn people_are_object_ids_of_a_directory_or_user_names_of_its_members() {
    let list = format!("{APP}, {TENANT}/{APP} ada@contoso.com");
    let object = |tenant: Option<&str>, object: &str| Somebody::Object {
        tenant: tenant.map(str::to_owned),
        object: object.to_owned(),
    };
    let found = access(&[
        ("access.people", &list),
        ("access.groups", &APP.to_uppercase()),
        ("access.roles", "Admin Reader"),
    ]);
    let people = [object(None, APP), object(Some(TENANT), APP), Somebody::Username("ada@contoso.com".into())];
    assert_eq!(found.people, people);
    assert_eq!(
        (found.groups, found.roles),
        (vec![APP.to_owned()], vec!["Admin".to_owned(), "Reader".to_owned()])
    );
}

#[test]
fn what_names_nobody_for_sure_is_refused() {
    for (field, text, code) in [
        ("access.people", "Ada", "not-a-person"),
        ("access.people", "/x", "not-a-person"),
        ("access.people", &format!("contoso.com/{APP}"), "not-a-tenant"),
        ("access.people", &format!("{APP}/{APP}"), "foreign-directory"),
        ("access.groups", "Admins", "not-a-group"),
        ("access.guests", "some", "not-a-flag"),
    ] {
        refused(&at_entra(&[(field, text)]), field, code);
    }
}

#[test]
fn where_people_come_from_many_directories_each_is_named_with_its_own() {
    let many = [("entra.tenant", "organizations")];
    for bare in [APP, "ada@contoso.com"] {
        refused(&at_entra(&[many[0], ("access.people", bare)]), "access.people", "no-directory");
    }
    assert_eq!(access(&[many[0], ("access.people", &format!("{TENANT}/{APP}"))]).people.len(), 1);
}

#[test]
fn elsewhere_a_person_is_the_subject_and_a_name_proves_nothing() {
    let elsewhere = [("entra.authority", "https://id.example"), ("entra.tenant", "x")];
    let with = |people| at_entra(&[elsewhere[0], elsewhere[1], ("access.people", people)]);
    assert_eq!(settings(&with("auth0|123")).access.people.len(), 1);
    let slash = Somebody::Object { tenant: None, object: "team/123".to_owned() };
    assert_eq!(settings(&with("team/123")).access.people, [slash]);
    refused(&with("ada@id.example"), "access.people", "not-a-person");
}

#[test]
fn the_rules_count_in_the_practice_tenant_too() {
    let found =
        settings(&typed(&[("access.people", "ada@practice.example"), ("access.guests", "false")])).access;
    assert!(found.has_lists() && !found.guests);
}

#[test]
fn the_sign_in_page_is_ours_to_choose() {
    let found = access(&[
        ("access.prompt", "select-account"),
        ("access.domain_hint", "contoso.com"),
        ("access.login_hint", "ada@contoso.com"),
    ]);
    assert_eq!((found.prompt, found.domain_hint.as_deref()), (Prompt::SelectAccount, Some("contoso.com")));
    assert_eq!(found.login_hint.as_deref(), Some("ada@contoso.com"));
    refused(&at_entra(&[("access.prompt", "consent")]), "access.prompt", "not-a-choice");
    refused(&at_entra(&[("access.domain_hint", "contoso")]), "access.domain_hint", "not-a-domain");
    let two = [("access.login_hint", "ada@contoso.com ben@contoso.com")];
    refused(&at_entra(&two), "access.login_hint", "not-an-account");
    let anybody_reads_it = [
        ("access.login_hint", "ada@contoso.com"),
        ("server.sign_in", "anywhere"),
        ("server.public_url", "https://mcp.contoso.com"),
    ];
    refused(&at_entra(&anybody_reads_it), "access.login_hint", "shown-to-strangers");
}

#[test]
fn an_app_role_that_any_directory_could_assign_lets_nobody_in() {
    let tool = mcp::TOOLS[0].0;
    for key in ["access.roles".to_owned(), format!("tools.{tool}_roles")] {
        let roles = [("entra.tenant", "organizations"), (key.as_str(), "Mcp.User")];
        refused(&at_entra(&roles), &key, "anybodys-roles");
        settings(&at_entra(&[roles[0], roles[1], ("entra.allowed_tenants", TENANT)]));
        settings(&at_entra(&roles[1..]));
    }
}
