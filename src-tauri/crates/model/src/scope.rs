//! OAuth scopes (RFC 6749 section 3.3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// One scope token: `1*( %x21 / %x23-5B / %x5D-7E )`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

/// Scopes in the order they were given, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(Vec<Scope>);

/// Scopes of OpenID Connect itself. They belong to no API and are never prefixed (AADSTS65005).
pub const OIDC_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

impl Scope {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=256).contains(&text.len())
            && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_oidc(&self) -> bool {
        OIDC_SCOPES.contains(&self.0.as_str())
    }
}

impl ScopeSet {
    /// Reads a space-separated list and leaves out what is not a scope token: a server may narrow
    /// (RFC 6749 section 3.3), and clients ask for more than we know.
    pub fn parse_lenient(text: &str) -> Self {
        text.split_ascii_whitespace().filter_map(Scope::parse).collect()
    }

    /// What of `self` is also in `allowed`, in the order of `self`.
    pub fn narrowed_to(&self, allowed: &Self) -> Self {
        self.iter().filter(|scope| allowed.contains(scope.as_str())).cloned().collect()
    }

    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|s| s.as_str() == scope)
    }

    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope.as_str()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut out = Vec::new();
        for scope in scopes {
            if !out.contains(&scope) {
                out.push(scope);
            }
        }
        Self(out)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn narrowing_keeps_order_and_drops_the_unknown() {
        let asked = ScopeSet::parse_lenient("write  read nonsense read \"quoted\" ");
        let allowed = ScopeSet::parse_lenient("read write");
        assert_eq!(asked.narrowed_to(&allowed).to_string(), "write read");
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same_set(text in ".{0,120}") {
            let set = ScopeSet::parse_lenient(&text);
            prop_assert_eq!(ScopeSet::parse_lenient(&set.to_string()), set);
        }

        #[test]
        fn narrowing_never_widens(asked in "[a-d ]{0,20}", allowed in "[a-d ]{0,20}") {
            let allowed = ScopeSet::parse_lenient(&allowed);
            let narrowed = ScopeSet::parse_lenient(&asked).narrowed_to(&allowed);
            prop_assert!(allowed.contains_all(&narrowed));
        }
    }
}
