//! Who may sign in: people, groups, app roles, guests; and what the sign-in page is told.
//!
//! A person is named by object id, in the home directory unless another stands before it, or by user name, which only
//! a member of the home directory has.

use model::access::{Access, Prompt, Somebody};
use model::settings::Identity;

use super::{Check, Read, is_guid};
use crate::settings::problem::quoted;

/// What decides how people can be named.
struct Naming {
    /// Ids are GUIDs there.
    microsoft: bool,
    /// Customers sign in there, who choose their names.
    customers: bool,
    /// The policy of Azure AD B2C. Only a custom one can tell groups.
    policy: Option<String>,
    /// There is one directory a bare id or a user name belongs to.
    has_home: bool,
    /// The only directories people can come from, as far as the settings say it by id.
    directories: Option<Vec<String>>,
}

pub(super) fn read(check: &mut Check<'_>, identity: Option<&Identity>) -> Read<Access> {
    let naming = Naming::at(identity);
    let people = all(check, "access.people", |check, item| somebody(check, &naming, item));
    let groups = all(check, "access.groups", |check, item| group(check, &naming, item));
    let roles = roles(check, "access.roles", identity);
    let guests = check.flag("access.guests");
    let (prompt, domain_hint, login_hint) = (prompt(check), domain_hint(check), login_hint(check));
    Ok(Access {
        people: people?,
        groups: groups?,
        roles: roles?,
        guests: guests?,
        prompt: prompt?,
        domain_hint: domain_hint?,
        login_hint: login_hint?,
    })
}

/// Values of app roles. Administrators of the person's own directory assign them, so where any directory may come, anybody
/// could give themselves one.
pub(super) fn roles(check: &mut Check<'_>, key: &str, identity: Option<&Identity>) -> Read<Vec<String>> {
    let roles: Vec<String> = check.items(key).map(str::to_owned).collect();
    let anybody = matches!(identity, Some(Identity::Entra(entra)) if entra.allowed_tenants.is_empty()
        && super::entra::is_microsoft(entra)
        && super::entra::MANY.contains(&entra.tenant.as_str()));
    if roles.is_empty() || !anybody {
        return Ok(roles);
    }
    let message = "any directory may come, and the administrators of each assign app roles as they like";
    let hint = "name the directories that may assign them in `entra.allowed_tenants`";
    Err(check.refuse(key, "anybodys-roles", message, hint))
}

fn prompt(check: &mut Check<'_>) -> Read<Prompt> {
    let key = "access.prompt";
    match check.text(key) {
        "as-needed" => Ok(Prompt::AsNeeded),
        "select-account" => Ok(Prompt::SelectAccount),
        "login" => Ok(Prompt::Login),
        other => {
            let message = format!("{} is not a way to ask", quoted(other));
            Err(check.refuse(key, "not-a-choice", message, "write `as-needed`, `select-account` or `login`"))
        }
    }
}

fn domain_hint(check: &mut Check<'_>) -> Read<Option<String>> {
    let key = "access.domain_hint";
    let text = check.text(key);
    if text.is_empty() {
        return Ok(None);
    }
    if super::entra::is_domain(text) || matches!(text, "organizations" | "consumers") {
        return Ok(Some(text.to_owned()));
    }
    let message = format!("{} is not a domain", quoted(text));
    let hint = "write a domain of the directory, such as `contoso.com`, or `organizations` or `consumers`";
    Err(check.refuse(key, "not-a-domain", message, hint))
}

/// It is typed into the sign-in page for the person, so it is what they would type there.
fn login_hint(check: &mut Check<'_>) -> Read<Option<String>> {
    let key = "access.login_hint";
    let text = check.text(key);
    if text.is_empty() {
        return Ok(None);
    }
    if check.text("server.sign_in") == "anywhere" {
        let message = "people sign in from anywhere, and whoever begins to would read this account's name";
        let hint = "leave it empty, or set `server.sign_in` to `this-computer`";
        return Err(check.refuse(key, "shown-to-strangers", message, hint));
    }
    let is_name = text.len() <= 256 && !text.contains(|c: char| c.is_control() || c.is_whitespace());
    if is_name {
        return Ok(Some(text.to_owned()));
    }
    let message = "this is not a name that anybody signs in with";
    Err(check.refuse(key, "not-an-account", message, "write one user name, such as `ada@contoso.com`"))
}

fn all<T>(check: &mut Check<'_>, key: &str, read: impl Fn(&mut Check<'_>, &str) -> Read<T>) -> Read<Vec<T>> {
    // To the end, so that every wrong item is told.
    let found: Vec<Read<T>> = check.items(key).map(|item| read(check, item)).collect();
    found.into_iter().collect()
}

fn somebody(check: &mut Check<'_>, naming: &Naming, item: &str) -> Read<Somebody> {
    let object = |tenant: Option<&str>, object: &str| Somebody::Object {
        tenant: tenant.map(str::to_owned),
        object: object.to_owned(),
    };
    // Elsewhere a slash is part of a subject like any other sign.
    match item.split_once('/').filter(|_| naming.microsoft || !naming.has_home) {
        Some((tenant, id)) if is_guid(tenant) && naming.is_id(id) => {
            if naming.may_come_from(tenant) {
                return Ok(object(Some(tenant), id));
            }
            let message = format!("{} is of a directory that nobody can come from", quoted(item));
            let hint = "write the object id of the account in the directory of the settings, or name its own directory in \
                        `entra.allowed_tenants`";
            Err(check.refuse("access.people", "foreign-directory", message, hint))
        }
        Some((tenant, id)) if naming.is_id(id) && !tenant.is_empty() => {
            let message = format!("{} does not name its directory by its id", quoted(item));
            let hint = "write `directory id/object id`; the portal shows the first as Tenant ID";
            Err(check.refuse("access.people", "not-a-tenant", message, hint))
        }
        None if !naming.has_home => {
            let message = format!("{} does not say which directory it belongs to", quoted(item));
            let hint = "people come from many directories: write `directory id/object id`";
            Err(check.refuse("access.people", "no-directory", message, hint))
        }
        None if item.contains('@') && naming.customers => {
            let message = format!("{} is a name, and customers choose theirs", quoted(item));
            let hint = "write the object id, which the portal shows under Users";
            Err(check.refuse("access.people", "not-a-person", message, hint))
        }
        None if item.contains('@') && naming.microsoft => Ok(Somebody::Username(item.to_owned())),
        None if item.contains('@') => {
            let message = format!("{} is a name that nobody vouches for there", quoted(item));
            let hint = "write what the identity provider's tokens say as `sub`";
            Err(check.refuse("access.people", "not-a-person", message, hint))
        }
        None if naming.is_id(item) => Ok(object(None, item)),
        _ => {
            let message = format!("{} names nobody", quoted(item));
            let hint = "write object ids, which the portal shows under Users, or user names of members such as \
                        `ada@contoso.com`";
            Err(check.refuse("access.people", "not-a-person", message, hint))
        }
    }
}

fn group(check: &mut Check<'_>, naming: &Naming, item: &str) -> Read<String> {
    if let Some(flow) = naming.policy.as_deref().filter(|policy| !is_custom(policy)) {
        let message = format!(
            "nobody tells which groups somebody is in who signs in by the user flow {}",
            quoted(flow)
        );
        let hint =
            "list people by their object ids, or use a custom policy that puts `groups` into its tokens";
        return Err(check.refuse("access.groups", "no-groups", message, hint));
    }
    if naming.is_id(item) {
        return Ok(item.to_ascii_lowercase());
    }
    let message = format!("{} is not the object id of a group", quoted(item));
    let hint = "copy the Object ID from the group's Overview page; names of groups can change and be chosen";
    Err(check.refuse("access.groups", "not-a-group", message, hint))
}

/// Custom policies of Azure AD B2C are called `B2C_1A_...`, user flows `B2C_1_...`.
fn is_custom(policy: &str) -> bool {
    policy.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("B2C_1A"))
}

impl Naming {
    /// While the identity provider cannot be read, nobody is told off for a shape that only one demands.
    fn at(identity: Option<&Identity>) -> Self {
        match identity {
            Some(Identity::Practice(_)) => {
                Self { microsoft: true, customers: false, policy: None, has_home: true, directories: None }
            }
            Some(Identity::Entra(entra)) => {
                let microsoft = super::entra::is_microsoft(entra);
                let has_home = !super::entra::MANY.contains(&entra.tenant.as_str());
                let directories = match entra.allowed_tenants.as_slice() {
                    [] if is_guid(&entra.tenant) => Some(vec![entra.tenant.clone()]),
                    [] => None,
                    allowed => Some(allowed.to_vec()),
                };
                let policy = entra.policy().map(str::to_owned);
                let customers = entra.has_customers();
                Self { microsoft, customers, policy, has_home: has_home || !microsoft, directories }
            }
            None => {
                Self { microsoft: false, customers: false, policy: None, has_home: true, directories: None }
            }
        }
    }

    fn may_come_from(&self, tenant: &str) -> bool {
        let listed = |all: &Vec<String>| all.iter().any(|one| one.eq_ignore_ascii_case(tenant));
        self.directories.as_ref().is_none_or(listed)
    }

    fn is_id(&self, text: &str) -> bool {
        if self.microsoft { is_guid(text) } else { !text.is_empty() }
    }
}
