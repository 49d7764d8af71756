//! Signatures of JWTs, and nothing but signatures: who issued a token, to whom and for how long is for `rules`.

use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::fault::{Fault, Which};
use crate::keys::Key;

/// Why a token gave no claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// No key at hand has its `kid`; newer keys might.
    UnknownKey,
    Fault(Fault),
}

/// The claims of a token signed by one of `keys`.
pub(crate) fn read(token: &str, which: Which, keys: &[Key]) -> Result<Map<String, Value>, Unread> {
    // `none` is no algorithm the header can name, so it ends here as well.
    let header = decode_header(token).map_err(|_| Unread::Fault(Fault::Unreadable(which)))?;
    if header.crit.is_some() {
        return Err(Unread::Fault(Fault::Unreadable(which)));
    }
    let mut named = named(keys, header.kid.as_deref()).peekable();
    if named.peek().is_none() {
        return Err(Unread::UnknownKey);
    }
    let mut fitting = named.filter(|key| key.algorithm == header.alg).peekable();
    if fitting.peek().is_none() {
        return Err(Unread::Fault(Fault::Algorithm(which)));
    }
    fitting
        .filter_map(|key| Some((key, claims(token, key)?)))
        .find(|(key, claims)| may_sign(key, claims))
        .map(|(_, claims)| claims)
        .ok_or(Unread::Fault(Fault::Signature(which)))
}

/// A token that names no key may mean the only one there is.
fn named<'a>(keys: &'a [Key], kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
    let only = keys.len() == 1;
    keys.iter().filter(move |key| match kid {
        Some(kid) => key.kid.as_deref() == Some(kid),
        None => only,
    })
}

fn claims(token: &str, key: &Key) -> Option<Map<String, Value>> {
    let mut signature_only = Validation::new(key.algorithm);
    signature_only.required_spec_claims.clear();
    // Times are checked against the clock that is handed in, audiences by rules of their own.
    signature_only.validate_exp = false;
    signature_only.validate_nbf = false;
    signature_only.validate_aud = false;
    decode(token, &key.decoding, &signature_only).ok().map(|data| data.claims)
}

/// Whether the key may vouch for the directory that the token names.
fn may_sign(key: &Key, claims: &Map<String, Value>) -> bool {
    let tid = claims.get("tid").and_then(Value::as_str);
    key.issuer.as_ref().is_none_or(|issuer| issuer.serves(tid))
}
