//! Our access tokens: JWTs after RFC 9068, signed with Ed25519.
//!
//! The signing key is derived from the master key, so every replica has it and a restart changes nothing.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::Secret;
use model::ids::{ClientId, SessionId, random_text};
use model::keys::{MasterKey, Purpose};
use model::ports::Entropy;
use model::scope::ScopeSet;
use model::session::Session;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Signs and checks.
pub(crate) struct Mint {
    key_id: String,
    public: Vec<u8>,
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

/// Claims of RFC 9068 section 2.2, and the session they stand for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) client_id: ClientId,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
    pub(crate) scope: String,
    /// The session; as in OpenID Connect Back-Channel Logout.
    pub(crate) sid: SessionId,
}

/// Why a bearer token does not count. Told to the client in `error_description` (RFC 6750 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadToken {
    #[error("the access token is not one this server issued")]
    NotOurs,
    #[error("the access token has expired")]
    Expired,
    #[error("the access token was issued for another address of this server")]
    OtherAudience,
}

/// A token as it goes out.
pub(crate) struct Minted {
    pub(crate) token: Secret,
    pub(crate) expires_at: Timestamp,
}

impl Claims {
    fn new(session: &Session, scope: &ScopeSet, now: Timestamp, jti: String) -> Self {
        Self {
            iss: session.site.issuer().to_owned(),
            sub: format!("{}.{}", session.person.id.object, session.person.id.tenant),
            aud: session.resource.clone(),
            client_id: session.client.clone(),
            iat: now.secs(),
            exp: now.plus(Mint::LIFETIME).secs(),
            jti,
            scope: scope.to_string(),
            sid: session.id.clone(),
        }
    }

    /// What the newest access token of a session says, all but its `jti`: that is random and kept nowhere.
    pub(crate) fn shown(session: &Session) -> Map<String, Value> {
        let claims = Self::new(session, &session.scope, session.refreshed_at, String::new());
        let Ok(Value::Object(mut shown)) = serde_json::to_value(claims) else { return Map::new() };
        shown.remove("jti");
        shown
    }
}

impl Mint {
    /// Several clients refresh before every request when a token lives five minutes or less.
    pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);

    pub(crate) fn new(master: &MasterKey) -> Self {
        let seed = master.derive(Purpose::AccessTokens);
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).expect("an Ed25519 seed is any 32 bytes");
        let public = pair.public_key().as_ref().to_vec();
        let pkcs8 = pair.to_pkcs8().expect("a key pair in memory encodes");
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Times are judged by our own clock; issuer and audience by the origin the request came in on.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
        Self {
            key_id: B64.encode(&model::ids::TokenHash::of(&public).as_bytes()[..9]),
            signing: EncodingKey::from_ed_der(pkcs8.as_ref()),
            checking: DecodingKey::from_ed_der(&public),
            public,
            validation,
        }
    }

    pub(crate) fn mint(
        &self,
        session: &Session,
        scope: &ScopeSet,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Minted {
        let expires_at = now.plus(Self::LIFETIME);
        let claims = Claims::new(session, scope, now, random_text::<12>(entropy));
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key_id.clone());
        let token =
            jsonwebtoken::encode(&header, &claims, &self.signing).expect("claims of plain strings sign");
        Minted { token: Secret::from(token), expires_at }
    }

    /// Whether we signed it, for whomever and whenever.
    pub(crate) fn signed(&self, token: &str) -> bool {
        jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation).is_ok()
    }

    /// Checks signature, type and time. Whose it is and where it counts is the caller's question.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Claims, BadToken> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)
            .map_err(|_| BadToken::NotOurs)?;
        if data.header.typ.as_deref() != Some("at+jwt") {
            return Err(BadToken::NotOurs);
        }
        if Timestamp::from_secs(data.claims.exp) <= now {
            return Err(BadToken::Expired);
        }
        Ok(data.claims)
    }

    /// The public key as a JWK Set (RFC 7517, RFC 8037).
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": B64.encode(&self.public),
            "use": "sig", "alg": "EdDSA", "kid": self.key_id,
        }]})
    }
}

#[cfg(test)]
mod tests {
    use model::ExposeSecret as _;
    use model::ids::AttemptId;
    use model::origin::{BaseUrl, Origin, Site};
    use model::person::{Person, PersonId};
    use model::session::SessionState;
    use model::testing::SeededEntropy;

    use super::*;

    fn session(entropy: &SeededEntropy) -> Session {
        let now = Timestamp::from_secs(1_790_000_000);
        Session {
            id: SessionId::generate(entropy),
            attempt: AttemptId::generate(entropy),
            client: ClientId::generate(entropy),
            client_name: None,
            person: Person {
                id: PersonId { tenant: "tid".into(), object: "oid".into() },
                name: None,
                username: None,
                email: None,
                guest: false,
                roles: Vec::new(),
            },
            scope: ScopeSet::parse_lenient("read write"),
            resource: "http://localhost:4242/mcp".into(),
            site: Site { origin: Origin::Local, base: BaseUrl::parse("http://localhost:4242").unwrap() },
            created_at: now,
            refreshed_at: now,
            active_at: now,
            calls: 0,
            state: SessionState::Live,
            trouble: None,
            challenge: None,
            upstream: None,
            upstream_issuer: None,
            upstream_session: None,
        }
    }

    #[test]
    fn what_is_shown_is_what_the_token_says_but_for_its_jti() {
        let entropy = SeededEntropy::new(3);
        let mint = Mint::new(&MasterKey::generate(&entropy));
        let session = session(&entropy);
        let minted = mint.mint(&session, &session.scope, session.refreshed_at, &entropy);
        let said = mint.check(minted.token.expose_secret(), session.refreshed_at).unwrap();
        let Value::Object(mut said) = serde_json::to_value(said).unwrap() else { panic!("no object") };
        assert!(said.remove("jti").is_some());
        assert_eq!(Claims::shown(&session), said);
    }

    #[test]
    fn an_expired_token_is_still_one_we_signed_and_a_changed_one_is_not() {
        let entropy = SeededEntropy::new(3);
        let mint = Mint::new(&MasterKey::generate(&entropy));
        let session = session(&entropy);
        let minted = mint.mint(&session, &session.scope, Timestamp::from_secs(0), &entropy);
        let token = minted.token.expose_secret();
        assert!(matches!(mint.check(token, session.refreshed_at), Err(BadToken::Expired)));
        assert!(mint.signed(token));
        assert!(!Mint::new(&MasterKey::generate(&entropy)).signed(token));
        assert!(!mint.signed(&token[..token.len() - 2]));
    }
}
