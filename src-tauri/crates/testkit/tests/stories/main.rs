//! The whole system, told as stories: engine, practice tenant, client and browser over real HTTP.

mod access;
mod assertions;
mod authorize;
mod bearer;
mod check;
mod client_rules;
mod consent;
mod continuous;
mod credentials;
mod customers;
mod discovery;
mod faults;
mod front_channel;
mod moved;
mod my_sessions;
mod pages;
mod pairing;
mod profile;
mod promises;
mod refusals;
mod registration;
mod sign_in;
mod test_sign_in;
mod token;
mod tools;
