//! What a call of a tool needs beyond what every token has: more scopes, or an app role.

use std::collections::BTreeMap;

use crate::person::Person;
use crate::scope::ScopeSet;

/// By the name of the tool; one that is not here needs nothing more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolRules(BTreeMap<String, Needs>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// All of them; short names of scopes of the exposed API.
    pub scopes: ScopeSet,
    /// One of them; values of app roles.
    pub roles: Vec<String>,
}

// === impl ToolRules ===

impl ToolRules {
    pub fn of(&self, tool: &str) -> Option<&Needs> {
        self.0.get(tool)
    }

    /// The scopes that some tool needs.
    pub fn scopes(&self) -> ScopeSet {
        self.0.values().flat_map(|needs| needs.scopes.iter()).cloned().collect()
    }

    /// The scopes that a call lacks, if it lacks any: all it needs, with `base`, which every call does.
    pub fn scopes_lacking(&self, tool: &str, base: &ScopeSet, has: &ScopeSet) -> Option<ScopeSet> {
        let more = self.of(tool).map(|needs| &needs.scopes);
        let needed: ScopeSet =
            base.iter().chain(more.into_iter().flat_map(ScopeSet::iter)).cloned().collect();
        (!has.contains_all(&needed)).then_some(needed)
    }

    /// The app roles of which a person would need one and has none.
    pub fn roles_lacking(&self, tool: &str, person: &Person) -> Option<&[String]> {
        let needed = &self.of(tool)?.roles;
        let holds_one = needed.iter().any(|role| person.roles.contains(role));
        (!needed.is_empty() && !holds_one).then_some(needed)
    }
}

impl FromIterator<(String, Needs)> for ToolRules {
    fn from_iter<I: IntoIterator<Item = (String, Needs)>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::PersonId;

    fn scopes(text: &str) -> ScopeSet {
        ScopeSet::parse_lenient(text)
    }

    #[test]
    fn all_scopes_are_needed_and_one_role_is_enough() {
        let needs = Needs { scopes: scopes("write admin"), roles: vec!["Admin".into(), "Owner".into()] };
        let rules: ToolRules = [("drop".to_owned(), needs)].into_iter().collect();
        let lacking = |tool, has| rules.scopes_lacking(tool, &scopes("read"), &scopes(has));
        assert_eq!(lacking("drop", "read write").unwrap().to_string(), "read write admin");
        assert_eq!(lacking("drop", "admin write read"), None);
        assert_eq!((lacking("look", "read"), lacking("look", "write").unwrap()), (None, scopes("read")));

        let mut ada = Person {
            id: PersonId { tenant: "t".into(), object: "o".into() },
            name: None,
            username: None,
            email: None,
            guest: false,
            roles: vec!["Reader".into()],
        };
        assert_eq!(rules.roles_lacking("drop", &ada).unwrap(), ["Admin", "Owner"]);
        ada.roles.push("Owner".into());
        assert_eq!((rules.roles_lacking("drop", &ada), rules.roles_lacking("look", &ada)), (None, None));
        assert_eq!(rules.scopes(), scopes("write admin"));
    }
}
