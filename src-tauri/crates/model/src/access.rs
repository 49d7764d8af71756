//! Who may sign in, beyond coming from an allowed directory, and how they are asked.
//!
//! Pure: what a person is and belongs to comes in, an answer comes out. Asking a directory about groups is not done here.

use crate::person::Person;

/// The people, groups and app roles that may sign in, whoever is on one of the lists (without any, everybody), and what the sign-in page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub people: Vec<Somebody>,
    /// Object ids of groups, in small letters.
    pub groups: Vec<String>,
    /// Values of app roles.
    pub roles: Vec<String>,
    /// Whether guests of the directory may, if a list has them.
    pub guests: bool,
    pub prompt: Prompt,
    /// Domain whose own sign-in page people are taken to, instead of being asked for their account first.
    pub domain_hint: Option<String>,
    /// Account that the sign-in page begins with, unless it asks which one.
    pub login_hint: Option<String>,
}

/// Whether the provider asks people although it knows them (`prompt`, OpenID Connect Core section 3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prompt {
    /// Only where it has to.
    #[default]
    AsNeeded,
    /// Which of their accounts they mean.
    SelectAccount,
    /// For their credentials, every time.
    Login,
}

/// How a list names one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Somebody {
    /// `oid` in a directory; in the home directory if none is named.
    Object { tenant: Option<String>, object: String },
    /// The name a member of the home directory signs in with.
    Username(String),
}

/// Somebody who wants to come in, as the verified tokens tell.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub person: &'a Person,
    /// The directory of the settings; none where they name many.
    pub home: Option<&'a str>,
    /// `preferred_username`, or `upn` of a v1.0 token. Only a directory's own members have a name it vouches for.
    pub username: Option<&'a str>,
}

// === impl Access ===

impl Default for Access {
    fn default() -> Self {
        Self {
            people: Vec::new(),
            groups: Vec::new(),
            roles: Vec::new(),
            guests: true,
            prompt: Prompt::AsNeeded,
            domain_hint: None,
            login_hint: None,
        }
    }
}

impl Access {
    /// Whether there is a list to be on.
    pub const fn has_lists(&self) -> bool {
        !(self.people.is_empty() && self.groups.is_empty() && self.roles.is_empty())
    }

    /// Whether the list of people has them.
    pub fn names(&self, arrival: Arrival<'_>) -> bool {
        self.people.iter().any(|somebody| somebody.is(arrival))
    }

    /// Whether they hold one of the app roles.
    pub fn has_role_of(&self, person: &Person) -> bool {
        person.roles.iter().any(|role| self.roles.contains(role))
    }

    /// Whether one of these groups is listed.
    pub fn has_group_of<'a>(&self, mut groups: impl Iterator<Item = &'a str>) -> bool {
        groups.any(|group| self.groups.iter().any(|listed| listed.eq_ignore_ascii_case(group)))
    }
}

// === impl Somebody ===

impl Somebody {
    fn is(&self, arrival: Arrival<'_>) -> bool {
        let id = &arrival.person.id;
        let at_home = arrival.home.is_some_and(|home| home.eq_ignore_ascii_case(&id.tenant));
        match self {
            Self::Object { tenant, object } => {
                let there = tenant.as_ref().map_or(at_home, |tenant| tenant.eq_ignore_ascii_case(&id.tenant));
                there && object.eq_ignore_ascii_case(&id.object)
            }
            // A guest's name is vouched for by whoever runs the guest's own directory.
            Self::Username(name) => {
                at_home
                    && !arrival.person.guest
                    && arrival.username.is_some_and(|username| username.eq_ignore_ascii_case(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::PersonId;

    fn ada() -> Person {
        Person {
            id: PersonId { tenant: "home".into(), object: "oid-ada".into() },
            name: None,
            username: Some("ada@home.example".into()),
            email: Some("ada@home.example".into()),
            guest: false,
            roles: vec!["Reader".into()],
        }
    }

    fn named(rule: Somebody, person: &Person, home: Option<&str>, username: Option<&str>) -> bool {
        let access = Access { people: vec![rule], ..Access::default() };
        access.names(Arrival { person, home, username })
    }

    #[test]
    fn an_object_id_counts_in_its_own_directory_only() {
        let object = |tenant: Option<&str>| Somebody::Object {
            tenant: tenant.map(str::to_owned),
            object: "OID-ADA".into(),
        };
        let mut stranger = ada();
        assert!(named(object(None), &stranger, Some("HOME"), None));
        assert!(named(object(Some("home")), &stranger, None, None));
        assert!(!named(object(None), &stranger, None, None), "no directory is home");
        stranger.id.tenant = "elsewhere".into();
        assert!(!named(object(None), &stranger, Some("home"), None));
        assert!(!named(object(Some("home")), &stranger, Some("home"), None));
    }

    #[test]
    fn a_user_name_counts_for_members_of_the_home_directory_and_an_email_never() {
        let name = || Somebody::Username("Ada@Home.example".into());
        let mut person = ada();
        assert!(named(name(), &person, Some("home"), Some("ada@home.example")));
        assert!(!named(name(), &person, Some("home"), None), "only an e-mail address has that text");
        assert!(!named(name(), &person, None, Some("ada@home.example")));
        person.guest = true;
        assert!(!named(name(), &person, Some("home"), Some("ada@home.example")));
        person.guest = false;
        person.id.tenant = "elsewhere".into();
        assert!(!named(name(), &person, Some("home"), Some("ada@home.example")));
    }

    #[test]
    fn roles_are_compared_as_they_are_and_groups_by_id() {
        let access = Access { groups: vec!["g-1".into()], roles: vec!["Reader".into()], ..Access::default() };
        assert!(access.has_lists() && !Access::default().has_lists());
        assert!(access.has_role_of(&ada()));
        assert!(!access.has_role_of(&Person { roles: vec!["reader".into()], ..ada() }));
        assert!(access.has_group_of(["g-0", "G-1"].into_iter()) && !access.has_group_of(["g-2"].into_iter()));
    }
}
