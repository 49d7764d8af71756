//! From verified claims to a person. Decides nothing about whether the person may come in.

use model::person::{Person, PersonId};
use serde_json::Value;

use crate::issuer::Issuer;
use crate::rules::{Claims, issuer_host, text};

/// Who the tokens speak of; `None` if they do not say. `access` is empty where the access token is not for us.
pub(crate) fn person(id: &Claims, access: &Claims, issuer: &Issuer) -> Option<Person> {
    let either = |name: &str| text(id, name).or_else(|| text(access, name));
    let first = |names: &[&str]| names.iter().find_map(|name| either(name)).map(str::to_owned);
    Some(Person {
        id: person_id(id, access, issuer)?,
        name: first(&["name"]),
        username: first(&["preferred_username", "upn", "unique_name"]),
        email: text(id, "email").map(str::to_owned),
        guest: is_guest(id, issuer) || is_guest(access, issuer),
        roles: roles(access).or_else(|| roles(id)).unwrap_or_default(),
    })
}

/// A customer in Azure AD B2C. Its tokens name no directory, the issuer does, and everybody is of it, whoever signed them in. By
/// default `sub` is the object id; where it says that it is not supported, `oid` has to be there.
pub(crate) fn customer(id: &Claims, access: &Claims, issuer: &Issuer) -> Option<Person> {
    let either = |name: &str| text(id, name).or_else(|| text(access, name));
    let subject = || text(id, "sub").filter(|sub| !sub.starts_with("Not supported"));
    let emails = || id.get("emails")?.as_array()?.first()?.as_str();
    Some(Person {
        id: PersonId { tenant: issuer.tenant()?.into(), object: either("oid").or_else(subject)?.into() },
        name: either("name").map(str::to_owned),
        username: None,
        email: text(id, "email").or_else(emails).map(str::to_owned),
        guest: false,
        roles: roles(access).or_else(|| roles(id)).unwrap_or_default(),
    })
}

/// `oid` in `tid`; elsewhere `sub`, which is unique within its issuer (OpenID Connect Core section 5.7).
fn person_id(id: &Claims, access: &Claims, issuer: &Issuer) -> Option<PersonId> {
    let either = |name: &str| text(id, name).or_else(|| text(access, name));
    match (either("tid"), either("oid")) {
        (Some(tenant), Some(object)) => Some(PersonId { tenant: tenant.into(), object: object.into() }),
        _ => Some(PersonId { tenant: issuer_host(issuer.as_str()), object: text(id, "sub")?.into() }),
    }
}

/// What `acct` says (0 is a member, 1 a guest); where nothing was configured to say it, whether they come from elsewhere.
pub(crate) fn is_guest(claims: &Claims, issuer: &Issuer) -> bool {
    acct(claims).map_or_else(|| is_from_elsewhere(claims, issuer), |acct| acct == 1)
}

/// Whether a refresh that brought no ID token is a guest's: what the new access token says, or, where it is silent, what was known
/// before, which may have been the word of an access token of that time.
pub(crate) fn is_still_guest(access: &Claims, was_guest: bool, issuer: &Issuer) -> bool {
    let says = acct(access).is_some() || text(access, "idp").is_some();
    if says { is_guest(access, issuer) } else { was_guest }
}

fn acct(claims: &Claims) -> Option<i64> {
    match claims.get("acct")? {
        Value::Number(number) => number.as_i64(),
        Value::String(number) => number.parse().ok(),
        _ => None,
    }
}

/// Whether another identity provider than the directory itself, under whichever of its names, signed them in.
pub(crate) fn is_from_elsewhere(claims: &Claims, issuer: &Issuer) -> bool {
    text(claims, "idp").is_some_and(|idp| {
        let home = text(claims, "tid").map(|tid| [Some(issuer.v2(tid)), issuer.v1(tid)]);
        text(claims, "iss") != Some(idp) && !home.into_iter().flatten().flatten().any(|name| name == idp)
    })
}

pub(crate) fn roles(claims: &Claims) -> Option<Vec<String>> {
    let list = claims.get("roles")?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    fn issuer() -> Issuer {
        Issuer::of_metadata("https://login.microsoftonline.com/{tenantid}/v2.0")
    }

    #[test]
    fn a_person_is_oid_in_tid_and_the_rest_is_decoration() {
        let id = claims(
            &json!({"tid": "t", "oid": "o", "sub": "s", "name": "Ada", "preferred_username": "ada@x.org",
            "email": "ada@mail.org"}),
        );
        let access =
            claims(&json!({"tid": "t", "oid": "o", "roles": ["Reader"], "email": "chosen@evil.org"}));
        let person = person(&id, &access, &issuer()).unwrap();
        assert_eq!(person.id, PersonId { tenant: "t".into(), object: "o".into() });
        assert_eq!(person.email.as_deref(), Some("ada@mail.org"));
        assert_eq!((person.username.as_deref(), person.guest), (Some("ada@x.org"), false));
        assert_eq!(person.roles, ["Reader"]);
    }

    #[test]
    fn without_a_directory_the_subject_at_its_issuer_is_the_person() {
        let id = claims(&json!({"sub": "s-1"}));
        let elsewhere = Issuer::of_metadata("https://id.example.com:8443/realms/one");
        let person = person(&id, &Claims::new(), &elsewhere).unwrap();
        assert_eq!(person.id, PersonId { tenant: "id.example.com:8443".into(), object: "s-1".into() });
        assert!(super::person(&Claims::new(), &Claims::new(), &elsewhere).is_none());
    }

    #[test]
    fn a_customer_is_of_the_issuers_directory_whoever_signed_them_in() {
        let issuer = Issuer::of_metadata("https://contoso.b2clogin.com/t-1/v2.0/");
        let by_google =
            json!({"iss": issuer.as_str(), "sub": "o-1", "idp": "google.com", "emails": ["ada@mail.org"]});
        let ada = customer(&claims(&by_google), &Claims::new(), &issuer).unwrap();
        assert_eq!(ada.id, PersonId { tenant: "t-1".into(), object: "o-1".into() });
        assert_eq!((ada.guest, ada.email.as_deref()), (false, Some("ada@mail.org")));
        let nobody = json!({"sub": "Not supported currently. Use oid claim."});
        assert!(customer(&claims(&nobody), &Claims::new(), &issuer).is_none());
        let named = json!({"sub": "Not supported currently. Use oid claim.", "oid": "o-2"});
        assert_eq!(customer(&claims(&named), &Claims::new(), &issuer).unwrap().id.object, "o-2");
    }

    #[test]
    fn without_an_id_token_a_guest_stays_one_until_a_token_says_otherwise() {
        let still = |value: Value, was| is_still_guest(&claims(&value), was, &issuer());
        for was in [true, false] {
            assert_eq!(still(json!({"tid": "t"}), was), was, "it says nothing");
            assert!(still(json!({"acct": 1}), was) && !still(json!({"acct": "0"}), was));
            assert!(still(json!({"tid": "t", "iss": "x", "idp": "live.com"}), was));
        }
    }

    #[test]
    fn guests_come_from_elsewhere_and_members_do_not() {
        let guest = |value: Value| is_guest(&claims(&value), &issuer());
        assert!(guest(json!({"acct": 1})) && guest(json!({"acct": "1"})));
        assert!(guest(json!({"tid": "t", "iss": "x", "idp": "https://sts.windows.net/other/"})));
        assert!(guest(json!({"tid": "t", "iss": "x", "idp": "live.com"})));
        assert!(!guest(json!({"acct": 0})) && !guest(json!({})));
        assert!(!guest(json!({"tid": "t", "iss": "x", "idp": "https://sts.windows.net/t/"})));
        assert!(!guest(json!({"tid": "t", "iss": "same", "idp": "same"})));
        assert!(
            !guest(json!({"tid": "t", "iss": "x", "idp": "live.com", "acct": 0})),
            "a member, whoever signs them in"
        );
    }
}
