//! What is made works: a person can sign in with it.

use std::sync::Arc;

use entra::create::{PLAN, Progress, Undone};
use entra::{Entra, http_client_for};
use model::scope::ScopeSet;
use model::settings::{Credential, EntraSettings};
use model::testing::SeededEntropy;
use model::upstream::{Leg, Upstream as _};
use model::{ExposeSecret as _, Secret};
use practice::{Fault, TENANT_ID};

use crate::rig::{CALLBACK, Mishap, Rig};

#[tokio::test]
async fn a_person_registers_an_application_and_somebody_signs_in_with_it() {
    let rig = Rig::start().await;
    let owner = rig.signed_in("ada").await.unwrap();
    assert_eq!((owner.tenant.as_str(), owner.username.as_deref()), (TENANT_ID, Some("ada@practice.example")));
    let created = rig.creates_as(&owner).await.unwrap();
    assert_eq!(rig.practice.registered(), 1);
    assert!(created.is_owner);
    assert_eq!(created.identifier_uri, format!("api://{}", created.client_id));
    assert_eq!(rig.calls(), PLAN.len(), "no call that was not told of before");
    let done = rig.told().iter().filter(|told| matches!(told, Progress::Done(_))).count();
    assert_eq!(done, PLAN.len());
    assert!(!format!("{created:?} {owner:?} {:?}", rig.told()).contains(created.secret.expose_secret()));

    let settings = EntraSettings {
        authority: rig.base.parse().unwrap(),
        tenant: created.tenant.clone(),
        client_id: created.client_id.clone(),
        credential: Credential::secret(created.secret.clone()),
        identifier_uri: created.identifier_uri.clone(),
        required_scopes: ScopeSet::parse_lenient("read"),
        extra_authorize_scopes: ScopeSet::default(),
        allowed_tenants: Vec::new(),
    };
    let http = http_client_for(&settings.authority).unwrap();
    let entra = Entra::new(settings, http.clone(), rig.clock.clone(), Arc::new(SeededEntropy::new(1)));
    let checked = entra.check(&[CALLBACK.to_owned()]).await;
    assert!(checked.iter().all(|step| step.outcome != entra::Outcome::Failed), "{checked:#?}");

    let leg = Leg {
        redirect_uri: CALLBACK.to_owned(),
        state: "state".to_owned(),
        nonce: "nonce".to_owned(),
        verifier: Secret::from("v".repeat(43)),
        more: ScopeSet::default(),
        claims: None,
        ask_who: false,
    };
    let page = http.get(entra.authorize_url(&leg).await.unwrap()).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("Just MCP OAuth Proxy"), "the page names the new application");
    let sealed = page.split("name=\"request\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let answer = http
        .post(format!("{}/{TENANT_ID}/login", rig.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("request={sealed}&person=ben"))
        .send()
        .await
        .unwrap();
    let back = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let signed_in = entra.redeem(Secret::from(code), &leg).await.unwrap();
    assert_eq!(signed_in.person.username.as_deref(), Some("ben@practice.example"));
    assert_eq!(signed_in.tokens.access_claims["ver"], "2.0");
    assert_eq!(signed_in.tokens.access_claims["aud"], created.client_id);
    let again = entra.refresh(&signed_in.person, &signed_in.tokens, &leg.more).await.unwrap();
    assert_eq!(again.tokens.access_claims["scp"], "read");
}

#[tokio::test]
async fn a_directory_that_finds_new_things_late_is_waited_for() {
    let rig = Rig::start().await;
    rig.practice.set_fault(Fault::SlowDirectory, true);
    rig.creates().await.unwrap();
    assert!(rig.calls() > PLAN.len(), "{} calls", rig.calls());
}

/// Already there, added, and refused: 400, 204 and 403 from Graph.
#[tokio::test]
async fn whoever_makes_it_is_its_owner_in_the_end_unless_the_directory_does_not_let_them() {
    for (is_owner_at_once, may_add, is_owner) in
        [(true, true, true), (false, true, true), (false, false, false)]
    {
        let rig = Rig::start().await;
        rig.practice.set_fault(Fault::NoOwner, !is_owner_at_once);
        if !may_add {
            rig.breaks(4, Mishap::RefusedOnce);
        }
        let created = rig.creates().await.unwrap_or_else(|failed| panic!("{is_owner}: {failed:?}"));
        assert_eq!(created.is_owner, is_owner, "{is_owner_at_once}, {may_add}");
        assert_eq!(rig.calls(), PLAN.len());
        let owners = rig.practice.owners_of(&created.client_id);
        assert_eq!(owners.len(), usize::from(is_owner), "{is_owner_at_once}, {may_add}: {owners:?}");
    }
}

#[tokio::test]
async fn a_member_without_rights_is_told_who_has_them_and_nothing_was_made() {
    let rig = Rig::start().await;
    let owner = rig.signed_in("ben").await.unwrap();
    let failed = rig.creates_as(&owner).await.unwrap_err();
    assert_eq!(failed.undone, Undone::Nothing);
    assert!(failed.why.hint.contains("Application Developer"), "{failed:?}");
    assert_eq!(rig.practice.registered(), 0);
}

#[tokio::test]
async fn a_directory_that_is_throttled_for_good_is_not_asked_for_ever() {
    let rig = Rig::start().await;
    let owner = rig.signed_in("ada").await.unwrap();
    let before = rig.passed();
    rig.practice.set_fault(Fault::Throttled, true);
    let failed = rig.creates_as(&owner).await.unwrap_err();
    assert_eq!(failed.undone, Undone::Nothing, "429 says that nothing was done");
    assert!(failed.why.hint.contains("Wait"), "{failed:?}");
    assert!(rig.passed() - before <= 60);
}
