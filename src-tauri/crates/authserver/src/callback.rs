//! Where the identity provider sends the browser back to. Here the sign-in is verified, so that whoever may not come
//! in reads why on a page, and not later as a 401 in some client.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::event::{About, EventKind};
use model::grant::{Closed, Grant, Stage};
use model::ids::{GrantId, TokenHash};
use model::origin::Site;
use model::ports::{StoreError, Swap};
use model::upstream::{Challenge, Effect, SignedIn, UpstreamError};
use model::{ExposeSecret as _, Secret};

use crate::authorize::ClientAnswer;
use crate::flow::{Flow, Shared, about_grant};
use crate::pages::{self, Refusal};
use crate::params::{ParamError, Params};
use crate::site::Here;
use crate::{consent, cookies, my_sessions, test_sign_in};

#[derive(Debug, thiserror::Error)]
enum CallbackError {
    #[error("the answer of the sign-in service cannot be read: {0}")]
    Params(#[from] ParamError),
    #[error("the answer belongs to no sign-in of this server")]
    UnknownState,
    #[error("this sign-in was already finished")]
    Finished,
    #[error("this sign-in waited longer than 15 minutes")]
    Expired,
    #[error("the sign-in was started in another browser")]
    OtherBrowser,
    #[error("the sign-in service sent neither a code nor an error")]
    Empty,
    #[error("the person cancelled at the sign-in service")]
    Cancelled(Box<Grant>),
    #[error("{1}")]
    Upstream(Box<Grant>, UpstreamError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider said yes, which it does once, and it could not be written down.
    #[error(transparent)]
    NotKept(StoreError),
}

/// Where a callback finds its grant.
enum Found {
    /// The person is back, and nothing has been asked of the provider yet.
    Waiting(Box<Grant>),
    /// This browser was answered before and comes again, because it lost the answer or asked twice.
    Answered(Box<Grant>),
}

pub(crate) async fn get(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            let query = query.unwrap_or_default();
            match receive(&flow, &site, &headers, query.as_bytes()).await {
                Ok(response) => response,
                Err(refused) => refuse(&flow, &refused, query.as_bytes()).await,
            }
        })
        .await
}

async fn receive(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    query: &[u8],
) -> Result<Response, CallbackError> {
    let params = Params::parse(query)?;
    let state = params.get("state").ok_or(CallbackError::UnknownState)?;
    if let Some(test) = flow.test_of_state(state) {
        return Ok(test_sign_in::receive(flow, site, headers, &test, &params).await);
    }
    if let Some(way) = flow.way_of_state(state) {
        return Ok(my_sessions::receive(flow, site, headers, &way, &params).await);
    }
    if my_sessions::is_signed_out(&params) {
        return Ok(my_sessions::signed_out(flow, site));
    }
    let id = flow.grant_of_state(state).ok_or(CallbackError::UnknownState)?;
    // A provider's code is good once, so of two identical callbacks the second waits and gets the first one's answer.
    let _turn = flow.sessions.turn(id.as_str()).await;
    let grant = match find(flow, site, headers, &id).await? {
        Found::Waiting(grant) => grant,
        Found::Answered(grant) => return Ok(answer(flow, &grant)),
    };
    if let Some(error) = params.get("error") {
        let error = flow.upstream.explain(error, params.get("error_description").unwrap_or_default());
        if error.is_the_persons_own_no() {
            return Err(CallbackError::Cancelled(grant));
        }
        return Err(CallbackError::Upstream(grant, error));
    }
    let code = params.get("code").map(Secret::from).ok_or(CallbackError::Empty)?;
    let came_with = TokenHash::of(code.expose_secret());
    if grant.challenged_by == Some(came_with) {
        // The same callback once more: its code was spent on the question that the browser is sent on with.
        return send_on(flow, *grant).await;
    }
    let signed_in = match flow.upstream.redeem(code, &flow.leg(&grant)).await {
        Ok(signed_in) => signed_in,
        Err(UpstreamError::Refused(refusal)) => match &refusal.claims {
            Some(challenge) if grant.claims.is_none() => {
                let challenge = challenge.clone();
                flow.event(about_grant(&grant), EventKind::UpstreamRefused { refusal: *refusal });
                return step_up(flow, *grant, came_with, &challenge).await;
            }
            _ => return Err(CallbackError::Upstream(grant, UpstreamError::Refused(refusal))),
        },
        Err(error) => return Err(CallbackError::Upstream(grant, error)),
    };
    // Who it is, is known only now; before, another person of the same client could have been asked for it.
    let lacked = flow.take_challenge(&grant.client, &signed_in.person.id).await;
    if let (Some(challenge), None) = (lacked, &grant.claims) {
        return step_up(flow, *grant, came_with, &challenge).await;
    }
    let grant = approve(flow, site, headers, *grant, signed_in).await?;
    Ok(answer(flow, &grant))
}

/// Sends the browser back to the provider with what it asked for on top, such as a second factor, just now or when it refused
/// the last refresh; neither is said twice, so the store is asked more than once to keep it. Once: whoever comes back without it is refused.
async fn step_up(
    flow: &Flow,
    mut grant: Grant,
    came_with: TokenHash,
    challenge: &Challenge,
) -> Result<Response, CallbackError> {
    loop {
        let next = grant.challenged(challenge.as_str(), came_with).map_err(|_| CallbackError::Finished)?;
        let swap = flow.insist(|| flow.store.advance_grant(&next)).await.map_err(CallbackError::NotKept)?;
        if swap == Swap::Done {
            grant = next;
            break;
        }
        let newer =
            flow.insist(|| flow.store.lookup_grant(&next.id)).await.map_err(CallbackError::NotKept)?;
        grant = newer.ok_or(CallbackError::Finished)?;
        // Our own write, which the store had done although it said it could not; else a consent page was rendered meanwhile.
        if grant.challenged_by == Some(came_with) {
            break;
        }
    }
    send_on(flow, grant).await
}

async fn send_on(flow: &Flow, grant: Grant) -> Result<Response, CallbackError> {
    match flow.upstream.authorize_url(&flow.leg(&grant)).await {
        Ok(url) => {
            flow.event(about_grant(&grant), EventKind::SentToUpstream);
            Ok(pages::to_client(&url))
        }
        Err(error) => Err(CallbackError::Upstream(Box::new(grant), error)),
    }
}

fn answer(flow: &Flow, grant: &Grant) -> Response {
    ClientAnswer::of(grant).code(flow.code(&grant.id).expose_secret())
}

/// The grant that `state` named: open, not too old, and approved in this very browser.
async fn find(flow: &Flow, site: &Site, headers: &HeaderMap, id: &GrantId) -> Result<Found, CallbackError> {
    let grant = flow.store.lookup_grant(id).await?.ok_or(CallbackError::UnknownState)?;
    if *site != flow.sign_in_site(&grant.site) {
        return Err(CallbackError::UnknownState);
    }
    let (browser, answered) = match &grant.stage {
        Stage::AtUpstream { browser, .. } => (browser, false),
        Stage::Approved { browser, .. } => (browser, true),
        _ => return Err(CallbackError::Finished),
    };
    if cookies::render_named(headers, site, browser).is_none() {
        return Err(CallbackError::OtherBrowser);
    }
    if grant.is_expired(flow.now()) {
        return Err(CallbackError::Expired);
    }
    let grant = Box::new(grant);
    Ok(if answered { Found::Answered(grant) } else { Found::Waiting(grant) })
}

/// Writes the sign-in down. A consent page rendered meanwhile changes the grant, so losing the swap is no verdict; one
/// approved meanwhile in another browser is: the code is for the browser that approved last.
async fn approve(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    mut grant: Grant,
    signed_in: SignedIn,
) -> Result<Grant, CallbackError> {
    let SignedIn { person, issuer, more, tokens } = signed_in;
    let code = TokenHash::of(flow.code(&grant.id).expose_secret());
    let sealed = flow.seal(Shared::grant_place(&grant.id), &tokens.to_plain_json());
    let now = flow.now();
    // First, so that no crash leaves a session whose client may be evicted. The exchange of the code does it as well.
    if let Err(error) = flow.note_approval(&grant.client, now).await {
        tracing::warn!(%error, "an approved client could not be marked as such yet");
    }
    let mut remember = None;
    let approved = loop {
        match &grant.stage {
            Stage::AtUpstream { browser, .. } if cookies::render_named(headers, site, browser).is_none() => {
                return Err(CallbackError::OtherBrowser);
            }
            Stage::AtUpstream { remember: cookie, .. } => remember = *cookie,
            // Our own write, which the store had done although it said it could not.
            Stage::Approved { upstream, .. } if *upstream == sealed => break grant,
            _ => return Err(CallbackError::Finished),
        }
        grant.scope = flow.as_granted(&grant.scope, &more);
        let next = grant
            .approved(code, person.clone(), sealed.clone(), issuer.clone(), now)
            .map_err(|_| CallbackError::Finished)?;
        let swap = flow.insist(|| flow.store.advance_grant(&next)).await.map_err(CallbackError::NotKept)?;
        if swap == Swap::Done {
            break next;
        }
        let newer =
            flow.insist(|| flow.store.lookup_grant(&next.id)).await.map_err(CallbackError::NotKept)?;
        grant = newer.ok_or(CallbackError::Finished)?;
    };
    if let Some(cookie) = remember {
        consent::keep_approval(flow, &approved, cookie).await;
    }
    flow.event(About { person: Some(person), ..about_grant(&approved) }, EventKind::SignedIn);
    Ok(approved)
}

/// The sign-in that a refused answer belongs to, if its `state` is one we gave out.
async fn known(flow: &Flow, query: &[u8]) -> Option<About> {
    let params = Params::parse(query).ok()?;
    let id = flow.grant_of_state(params.get("state")?)?;
    let grant = flow.store.lookup_grant(&id).await.ok()??;
    Some(about_grant(&grant))
}

async fn refuse(flow: &Flow, refused: &CallbackError, query: &[u8]) -> Response {
    let what = pages::sentence(&refused.to_string());
    let (title, hint) = match refused {
        CallbackError::Store(store) => return pages::trouble(flow, store),
        CallbackError::NotKept(store) => return pages::not_kept(flow, store),
        CallbackError::Cancelled(grant) => {
            close(flow, grant, Closed::Declined, about_grant(grant), EventKind::SignInCancelled).await;
            return ClientAnswer::of(grant).error("access_denied", "the person cancelled the sign-in");
        }
        CallbackError::Upstream(grant, UpstreamError::Refused(refusal)) => {
            let event = EventKind::UpstreamRefused { refusal: (**refusal).clone() };
            let why = match refusal.effect {
                Effect::Barred => Closed::NotAllowed,
                Effect::Ends | Effect::SignIn | Effect::SetUp => Closed::UpstreamRefused,
            };
            let about = About { person: refusal.person.as_deref().cloned(), ..about_grant(grant) };
            close(flow, grant, why, about, event).await;
            let back = ClientAnswer::of(grant).error_url("access_denied", &refusal.sentence());
            return pages::upstream_refused(flow, refusal, Some(&flow.leg(grant).redirect_uri), Some(&back));
        }
        CallbackError::Upstream(grant, error @ UpstreamError::Unavailable { .. }) => {
            // The grant stays open: its consent page can be used again.
            flow.event(about_grant(grant), EventKind::of_upstream(error));
            let again = flow.sign_in_site(&grant.site).base.join(&format!("/consent?grant={}", grant.id));
            let hint = "Nothing is lost: wait a moment, then try again.";
            return pages::upstream_unavailable(flow, error, hint, vec![(&again, "Try again".to_owned())]);
        }
        CallbackError::Finished => {
            flow.event(
                known(flow, query).await.unwrap_or_default(),
                EventKind::CallbackRefused { reason: refused.to_string() },
            );
            let page = Refusal {
                title: "This sign-in is already done",
                what: &what,
                hint: "Go back to your client; this tab can be closed.",
                links: vec![(my_sessions::PATH, "See who is signed in as you".to_owned())],
                ..Refusal::default()
            };
            return pages::refusal(flow, StatusCode::BAD_REQUEST, &page);
        }
        CallbackError::OtherBrowser => (
            "Finish in the browser you started in",
            "Start the sign-in again from your client and stay in one browser; cookies must be allowed for this address.",
        ),
        CallbackError::Params(_)
        | CallbackError::UnknownState
        | CallbackError::Expired
        | CallbackError::Empty => {
            ("This sign-in cannot be finished", "Start the sign-in again from your client.")
        }
    };
    let about = known(flow, query).await.unwrap_or_default();
    flow.event(about, EventKind::CallbackRefused { reason: refused.to_string() });
    pages::refusal(flow, StatusCode::BAD_REQUEST, &Refusal { title, what: &what, hint, ..Refusal::default() })
}

/// Closes the grant if it still waits. A failure to write is logged and changes nothing: the grant runs out by itself.
async fn close(flow: &Flow, grant: &Grant, why: Closed, about: About, event: EventKind) {
    flow.event(about, event);
    let mut grant = grant.clone();
    while let Ok(closed) = grant.closed(why, flow.now()) {
        let newer = match flow.store.advance_grant(&closed).await {
            Ok(Swap::Done) => return,
            Ok(Swap::Lost) => flow.store.lookup_grant(&closed.id).await,
            Err(error) => Err(error),
        };
        grant = match newer {
            Ok(Some(newer)) => newer,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, grant = %closed.id, "a refused sign-in could not be closed");
                return;
            }
        };
    }
}
