//! What can be chosen to open a public address, in the order in which it is offered.

use crate::ngrok::Ngrok;
use crate::programs::{PROGRAMS, Program};

/// Known by name; a command of a person's own is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Whose program is started.
    Program(&'static Program),
    /// Whose servers are spoken with.
    Ngrok,
}

impl Provider {
    pub fn all() -> impl Iterator<Item = Self> {
        // Behind the one that needs no account.
        let (first, others) = PROGRAMS.split_at(1);
        let program = |program: &'static Program| Self::Program(program);
        first.iter().map(program).chain([Self::Ngrok]).chain(others.iter().map(program))
    }

    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|provider| provider.id() == id)
    }

    /// As the setting `tunnel.provider` has it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Program(program) => program.id,
            Self::Ngrok => Ngrok::ID,
        }
    }

    /// Whether it opens nothing without a name of the person's own.
    pub const fn needs_domain(self) -> bool {
        match self {
            Self::Program(program) => program.needs_domain(),
            Self::Ngrok => false,
        }
    }

    /// The header in which it names the visitor's address, written by itself over whatever the visitor sent (the last entry of
    /// a list). `None` where it is not known to.
    pub const fn visitor(self) -> Option<&'static str> {
        match self {
            Self::Program(program) => program.visitor,
            Self::Ngrok => Some(Ngrok::VISITOR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_found_by_a_name_of_its_own() {
        let all: Vec<Provider> = Provider::all().collect();
        assert_eq!(all.len(), PROGRAMS.len() + 1);
        for provider in all {
            assert_eq!(Provider::find(provider.id()), Some(provider));
        }
    }
}
