//! A refresh token for new tokens (RFC 6749 section 6), rotated, with reuse detection (RFC 9700 section 4.14.2).
//!
//! Every refresh is also one at the identity provider, so whoever is disabled there is out here. One at a time for one
//! session; whoever comes second within the grace gets the first one's answer.

use std::time::Duration;

use model::ExposeSecret as _;
use model::event::EventKind;
use model::ids::{ClientId, CredentialKind, TokenHash};
use model::keys::{Place, Sealed};
use model::origin::Site;
use model::ports::Swap;
use model::scope::ScopeSet;
use model::session::{Ended, RefreshToken, RefreshTrouble, Session, SessionState};
use model::upstream::{Effect, Refusal, SignedIn, UpstreamError};

use super::{TokenError, Tokens, check_issuer, check_resource};
use crate::flow::{Flow, Shared};
use crate::params::Params;
use crate::sessions::about_session;

/// A process that was first at the provider may take two seconds to write its answer down: so often we look for it.
const LOOKS: u32 = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// When to try again after a set-up fault that somebody has to mend first.
const SET_UP_RETRY: Duration = Duration::from_secs(60);

/// The provider's no to a refresh.
struct No {
    refusal: Box<Refusal>,
    why: Ended,
    /// Whether there was a refresh token to be refused.
    had_token: bool,
}

pub(super) async fn refresh(
    flow: &Flow,
    site: &Site,
    client: &ClientId,
    params: &Params,
) -> Result<Tokens, TokenError> {
    let token = params.get("refresh_token").ok_or(TokenError::Missing("refresh_token"))?;
    if !CredentialKind::Refresh.looks_right(token) {
        return Err(TokenError::UnknownRefresh);
    }
    let hash = TokenHash::of(token);
    let stored = flow.store.find_refresh(&hash).await?.ok_or(TokenError::UnknownRefresh)?;
    let _turn = flow.sessions.turn(stored.session.as_str()).await;

    // Twice at most: another replica may rotate the token between our look and our swap.
    for _ in 0..2 {
        let stored = flow.store.find_refresh(&hash).await?.ok_or(TokenError::UnknownRefresh)?;
        let session = live_session(flow, site, &stored, client, params).await?;
        if stored.used.is_some() {
            return used_before(flow, &session, &stored).await;
        }
        if let Some(tokens) = rotate(flow, session, &hash).await? {
            return Ok(tokens);
        }
    }
    Err(TokenError::NotNow {
        detail: "the token is being refreshed elsewhere; try again".into(),
        retry_after_secs: 1,
    })
}

async fn live_session(
    flow: &Flow,
    site: &Site,
    stored: &RefreshToken,
    client: &ClientId,
    params: &Params,
) -> Result<Session, TokenError> {
    let session = flow.store.lookup_session(&stored.session).await?.ok_or(TokenError::UnknownRefresh)?;
    if session.client != *client {
        let session = Some(session.id);
        return Err(TokenError::WrongClient { presenter: client.clone(), grant: None, session });
    }
    if let SessionState::Ended { why, .. } = session.state {
        return Err(TokenError::Ended(why));
    }
    if session.expires_at() <= flow.now() {
        flow.end_session(&session.id, Ended::Expired).await?;
        return Err(TokenError::Ended(Ended::Expired));
    }
    check_issuer(flow, site, &session.site)?;
    check_resource(flow, params, session.site.origin)?;
    Ok(session)
}

/// Within the grace an honest client lost the answer or asked twice at once. After it, somebody else has the token too.
async fn used_before(flow: &Flow, session: &Session, stored: &RefreshToken) -> Result<Tokens, TokenError> {
    let within_grace = stored.used.as_ref().filter(|used| flow.now().since(used.at) < RefreshToken::GRACE);
    let Some(answer) = within_grace.and_then(|used| used.answer.as_ref()) else {
        flow.end_session(&session.id, Ended::RefreshReused).await?;
        return Err(TokenError::Reused(session.id.clone()));
    };
    let plain = flow.open(answer_place(&stored.hash.to_text()), answer).map_err(|_| TokenError::Sealed)?;
    let tokens = serde_json::from_slice(&plain).map_err(|_| TokenError::Sealed)?;
    flow.event(about_session(session), EventKind::RefreshRepeated);
    Ok(tokens)
}

/// `None` if somebody else was first.
async fn rotate(flow: &Flow, mut session: Session, hash: &TokenHash) -> Result<Option<Tokens>, TokenError> {
    let SignedIn { person, issuer, more, tokens } = match at_provider(flow, &session).await? {
        Ok(signed_in) => signed_in,
        Err(no) => {
            if another_was_first(flow, hash, &no).await? {
                return Ok(None);
            }
            if let Some(challenge) = &no.refusal.claims {
                flow.keep_challenge(&session.id, challenge).await;
            }
            flow.event(about_session(&session), EventKind::UpstreamRefused { refusal: *no.refusal });
            flow.end_session(&session.id, no.why.clone()).await?;
            return Err(TokenError::Ended(no.why));
        }
    };
    let now = flow.now();
    session.person = person;
    session.scope = flow.as_granted(&session.scope, &more);
    session.upstream_issuer = issuer;
    session.upstream = Some(flow.seal(Shared::session_place(&session.id), &tokens.to_plain_json()));
    session.refreshed_at = now;

    let minted = flow.mint.mint(&session, &session.scope, now, flow.entropy.as_ref());
    let next = CredentialKind::Refresh.mint(flow.entropy.as_ref());
    let answer = Tokens {
        access_token: minted.token.expose_secret().to_owned(),
        refresh_token: next.expose_secret().to_owned(),
        expires_at: minted.expires_at,
        scope: session.scope.to_string(),
    };
    let sealed = seal_answer(flow, hash, &answer);
    let fresh = RefreshToken::fresh(TokenHash::of(next.expose_secret()), session.id.clone(), now);
    match flow.insist(|| flow.store.rotate_refresh(hash, &sealed, &fresh, &session, now)).await? {
        Swap::Lost => Ok(None),
        Swap::Done => {
            flow.event(about_session(&session), EventKind::Refreshed);
            Ok(Some(answer))
        }
    }
}

/// A provider that takes each refresh token once says no to the second of two processes; the first is right. It may
/// still be writing, so unless the provider named another reason it is given a little time.
async fn another_was_first(flow: &Flow, hash: &TokenHash, no: &No) -> Result<bool, TokenError> {
    let looks = if no.may_be_spent() { LOOKS } else { 0 };
    for look in 0..=looks {
        if look > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        if flow.store.find_refresh(hash).await?.is_some_and(|stored| stored.used.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The refresh at the identity provider. `Ok(Err(_))` is a no that ends the session; trouble keeps it.
async fn at_provider(flow: &Flow, session: &Session) -> Result<Result<SignedIn, No>, TokenError> {
    let tokens = session
        .upstream
        .as_ref()
        .and_then(|sealed| flow.open_upstream(Shared::session_place(&session.id), sealed))
        .ok_or(TokenError::Sealed)?;
    let more = flow.more_of(&session.scope);
    let mut answer = flow.upstream.refresh(&session.person, &tokens, &more).await;
    // What only some tools need can be withdrawn by itself; the rest of the session need not stand still for it.
    if !more.is_empty()
        && matches!(&answer, Err(UpstreamError::Refused(refusal)) if refusal.effect == Effect::SetUp)
    {
        answer = flow.upstream.refresh(&session.person, &tokens, &ScopeSet::default()).await;
    }
    let refusal = match answer {
        Ok(signed_in) => return Ok(Ok(signed_in)),
        Err(UpstreamError::Unavailable { detail, retry_after, refusal }) => {
            let told = refusal.as_ref().map(|refusal| refusal.told());
            let told = told.unwrap_or_else(|| format!("the identity provider does not answer: {detail}"));
            note_trouble(flow, session, told, refusal.as_deref()).await;
            flow.event(about_session(session), EventKind::UpstreamUnavailable { detail, refusal });
            return Err(TokenError::NotNow {
                detail: "the identity provider does not answer; your session is kept, try again".into(),
                retry_after_secs: retry_after.map_or(5, |after| after.as_secs()),
            });
        }
        Err(UpstreamError::Refused(refusal)) => refusal,
    };
    let Some(why) = Ended::by(&refusal) else {
        note_trouble(flow, session, refusal.told(), Some(&refusal)).await;
        let detail =
            format!("{}; your session is kept. {}", refusal.sentence().trim_end_matches('.'), refusal.hint);
        flow.event(about_session(session), EventKind::UpstreamRefused { refusal: *refusal });
        return Err(TokenError::NotNow { detail, retry_after_secs: SET_UP_RETRY.as_secs() });
    };
    Ok(Err(No { refusal, why, had_token: tokens.refresh_token.is_some() }))
}

/// For whoever looks at the session; the client is answered whether or not it could be written down.
async fn note_trouble(flow: &Flow, session: &Session, detail: String, refusal: Option<&Refusal>) {
    let trouble = RefreshTrouble { at: flow.now(), detail, refusal: refusal.map(Refusal::to_keep) };
    if let Err(error) = flow.store.note_trouble(&session.id, &trouble).await {
        tracing::warn!(%error, "why a refresh came to nothing could not be written down");
    }
}

impl No {
    /// Whether the reason can be that somebody else used the provider's refresh token before us. Entra would name another
    /// reason by its number, and takes a refresh token more than once.
    fn may_be_spent(&self) -> bool {
        self.had_token && self.refusal.code.is_none() && self.refusal.error == "invalid_grant"
    }
}

fn seal_answer(flow: &Flow, hash: &TokenHash, answer: &Tokens) -> Sealed {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(answer).expect("strings serialise"));
    flow.seal(answer_place(&hash.to_text()), &plain)
}

fn answer_place(row: &str) -> Place<'_> {
    Place { table: "refresh_tokens", row, column: "answer" }
}
