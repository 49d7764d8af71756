//! The words of the product as types: what is stored, what crosses between the parts, and the ports they meet at.
//!
//! Nothing here does IO, reads a clock or draws randomness, but for keys and salts that the crypto library draws itself.
//! Time and entropy come in through [`ports`]; the test doubles for both live in [`testing`].

pub mod access;
pub mod caller;
pub mod certificate;
pub mod check;
pub mod client;
pub mod consent;
pub mod event;
pub mod grant;
pub mod host;
pub mod ids;
pub mod keys;
pub mod look;
pub mod origin;
pub mod person;
pub mod pkce;
pub mod ports;
pub mod redirect;
pub mod remedy;
pub mod scope;
pub mod session;
pub mod settings;
pub mod testing;
pub mod time;
pub mod tools;
pub mod upstream;

/// A string that never prints itself: tokens, codes, client secrets. `expose_secret()` greps well.
pub type Secret = secrecy::SecretString;
pub use secrecy::ExposeSecret;
