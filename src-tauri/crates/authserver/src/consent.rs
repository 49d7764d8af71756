//! Our own page between the client and the identity provider: the person sees who asks, where they will be sent, and
//! for what, and decides (MCP authorization, "confused deputy").
//!
//! Each rendering has a CSRF token in the form and a cookie of its own, so pages shown twice, side by side or by a
//! prefetch do not spoil each other. The same cookie ties the callback to the browser that approved.

use std::net::IpAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use model::client::Client;
use model::consent::Consent;
use model::event::{About, EventKind};
use model::grant::{Closed, Grant, Render, Stage};
use model::ids::{CredentialKind, GrantId, TokenHash, random_text};
use model::origin::{Origin, Site, Visitor};
use model::ports::{StoreError, Swap};
use model::upstream::UpstreamError;
use model::{ExposeSecret as _, Secret};

use crate::authorize::ClientAnswer;
use crate::clients::UnknownClient;
use crate::flow::{Flow, about_grant};
use crate::pages::{self, CodeField, Refusal};
use crate::pairing::{self, Pairing};
use crate::params::{Form, ParamError, Params};
use crate::site::{self, Here};
use crate::{cookies, my_sessions};

/// How long "do not ask again in this browser" lasts.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why the page is not shown or its form not taken.
#[derive(Debug, thiserror::Error)]
enum ConsentError {
    #[error("the request cannot be read: {0}")]
    Params(#[from] ParamError),
    #[error("this sign-in does not exist, or it waited longer than 15 minutes")]
    Gone,
    /// Its verdict is known, and whoever comes back to the page changes nothing of it.
    #[error("this was already answered: {0}")]
    Answered(&'static str),
    #[error("this sign-in must be confirmed on the computer that runs the server")]
    OtherComputer,
    #[error("the form was not sent by the page this browser was shown")]
    NotThisBrowser,
    #[error("the code was asked for more than 5 minutes ago")]
    CodeExpired,
    #[error("the code was typed wrong too often")]
    CodeRefused,
    #[error("the owner of this server has blocked this client")]
    Blocked,
    #[error("the client of this sign-in is no longer known")]
    Client(#[source] UnknownClient),
    #[error(transparent)]
    Upstream(UpstreamError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) async fn get(
    State(flow): State<Flow>,
    Here(site): Here,
    visitor: Option<Extension<Visitor>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let from = visitor.map(|Extension(Visitor(from))| from);
    show(&flow, &site, from, &headers, query.unwrap_or_default().as_bytes())
        .await
        .unwrap_or_else(|refused| refuse(&flow, &refused, None))
}

async fn show(
    flow: &Flow,
    site: &Site,
    from: Option<IpAddr>,
    headers: &HeaderMap,
    query: &[u8],
) -> Result<Response, ConsentError> {
    let params = Params::parse(query)?;
    let grant = open_grant(flow, site, &params).await?;
    let client = client_of(flow, &grant).await?;
    if flow.needs_code(&grant, &client) {
        return ask(flow, site, from, headers, grant, &client).await;
    }
    let remembered = remembered(flow, site, headers, &grant).await?;
    let (grant, render, form, set) = rendered(flow, site, headers, grant, Grant::not_asking_for_code).await?;

    let about = About { client_name: client.name.clone(), ..about_grant(&grant) };
    let mut response = if remembered {
        flow.event(about, EventKind::ConsentRemembered);
        go_upstream(flow, grant, &render, None).await?
    } else {
        flow.event(about, EventKind::ConsentShown);
        page(flow, StatusCode::OK, &grant, &client, &form, None)
    };
    cookies::attach(&mut response, set);
    Ok(response)
}

async fn client_of(flow: &Flow, grant: &Grant) -> Result<Client, ConsentError> {
    flow.client(&grant.client).await.map_err(|unknown| match unknown {
        UnknownClient::Store(error) => ConsentError::Store(error),
        UnknownClient::Blocked => ConsentError::Blocked,
        unknown => ConsentError::Client(unknown),
    })
}

/// The page with a field for the owner's code. A browser that is asked again is asked for the same one, and nobody gets
/// more time or tries by asking again.
async fn ask(
    flow: &Flow,
    site: &Site,
    from: Option<IpAddr>,
    headers: &HeaderMap,
    grant: Grant,
    client: &Client,
) -> Result<Response, ConsentError> {
    let now = flow.now();
    // Who has typed the right one already waits for nobody.
    if grant.pairing.as_ref().is_some_and(|pairing| !pairing.given && pairing.is_over(now)) {
        return Err(ConsentError::CodeExpired);
    }
    let before = grant.pairing.as_ref().map(|pairing| pairing.browser);
    let is_same = before.is_some_and(|browser| cookies::render_named(headers, site, &browser).is_some());
    let (grant, _, form, set) = rendered(flow, site, headers, grant, |grant| match grant.renders.last() {
        Some(render) if !is_same => {
            let browser = render.browser;
            grant.asking_for_code(browser, from, now)
        }
        _ => grant,
    })
    .await?;
    let about = About { client_name: client.name.clone(), ..about_grant(&grant) };
    let given = grant.pairing.as_ref().is_some_and(|pairing| pairing.given);
    // Only this browser is told that it was wrong: another one has another code.
    let tried = grant.pairing.as_ref().filter(|pairing| is_same && pairing.wrong.is_some());
    let left = tried.map(|pairing| Grant::PAIRING_TRIES.saturating_sub(pairing.tries));
    let code = match (given, flow.policy.pairing) {
        (true, _) => None,
        (false, Pairing::NotShown) => Some(CodeField::NotShown),
        (false, _) => {
            let from = grant.pairing.as_ref().and_then(|pairing| pairing.from);
            let long = flow.code_digits(site.origin, from) == pairing::LONG;
            Some(CodeField::Asked { left, long })
        }
    };
    if left.is_none() {
        flow.event(about, if given { EventKind::ConsentShown } else { EventKind::PairingAsked });
    }
    let mut response = page(flow, StatusCode::OK, &grant, client, &form, code);
    cookies::attach(&mut response, set);
    Ok(response)
}

/// Notes one more rendering of the page: the CSRF token for its form and the cookie that goes with it.
async fn rendered(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    grant: Grant,
    also: impl Fn(Grant) -> Grant,
) -> Result<(Grant, Render, Secret, Vec<HeaderValue>), ConsentError> {
    let form = CredentialKind::Browser.mint(flow.entropy.as_ref());
    let browser = CredentialKind::Browser.mint(flow.entropy.as_ref());
    let render =
        Render { form: TokenHash::of(form.expose_secret()), browser: TokenHash::of(browser.expose_secret()) };
    let grant = advance(flow, grant, |grant| grant.shown(render.clone()).ok().map(&also)).await?;
    let set =
        cookies::set_render(headers, site, &browser, flow.now(), &random_text::<4>(flow.entropy.as_ref()));
    Ok((grant, render, form, set))
}

/// Whether this browser approved the same before. Only a page of ours or the person may lead here silently (Fetch
/// Metadata; whoever does not say is asked), and only to this computer: a link in a mail can start a sign-in too, and
/// then the answer must not go to a stranger's account at a hosted client.
async fn remembered(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    grant: &Grant,
) -> Result<bool, ConsentError> {
    let silent = headers.get("sec-fetch-site").is_some_and(|from| from == "none" || from == "same-origin");
    let Some(cookie) = cookies::browser(headers, site).filter(|_| silent && may_remember(grant)) else {
        return Ok(false);
    };
    let given =
        flow.store.find_consent(&TokenHash::of(cookie), &grant.client, grant.redirect_uri.as_str()).await?;
    Ok(given
        .is_some_and(|consent| flow.now() < consent.expires_at && consent.scope.contains_all(&grant.scope)))
}

fn may_remember(grant: &Grant) -> bool {
    grant.redirect_uri.is_loopback()
}

fn page(
    flow: &Flow,
    status: StatusCode,
    grant: &Grant,
    client: &Client,
    form: &Secret,
    code: Option<CodeField>,
) -> Response {
    pages::render(
        status,
        &pages::Consent {
            notice: flow.policy.notice.as_deref(),
            client: client.display(),
            verified_host: client.verified_host(),
            destination: grant.redirect_uri.destination(),
            scopes: grant.scope.iter().map(|scope| scope.as_str().to_owned()).collect(),
            server: &grant.site.mcp_url(),
            may_remember: may_remember(grant),
            code,
            grant: grant.id.as_str(),
            form: form.expose_secret(),
        },
    )
}

pub(crate) async fn post(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    Form(body): Form,
) -> Response {
    let params = match Params::parse(&body) {
        Ok(params) => params,
        Err(error) => return refuse(&flow, &error.into(), None),
    };
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            match decide(&flow, &site, &headers, &params).await {
                Ok(response) => response,
                Err(refused) => refuse(&flow, &refused, params.get("grant").and_then(GrantId::parse)),
            }
        })
        .await
}

async fn decide(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Response, ConsentError> {
    // Somebody who presses twice gets the same answer twice, and neither is looked at while the other still is.
    let id = params.get("grant").and_then(GrantId::parse).ok_or(ConsentError::Gone)?;
    // The callback has turns of its own: it is slow, and notices by itself who approved meanwhile.
    let _turn = flow.sessions.turn(&format!("consent {id}")).await;
    let grant = open_grant(flow, site, params).await?;
    let form = params.get("form").unwrap_or_default();
    let shown = grant.renders.iter().find(|render| render.form.matches(form)).cloned();
    let render = shown
        .filter(|render| {
            site::is_own_form(site, headers)
                && cookies::render_named(headers, site, &render.browser).is_some()
        })
        .ok_or(ConsentError::NotThisBrowser)?;
    match params.get("decision") {
        Some("approve") => {
            let typed = params.get("code").unwrap_or_default();
            let Some(grant) = try_code(flow, site, headers, grant, form, typed).await? else {
                // Shown by a page of its own, so that reloading it sends nothing again.
                return Ok(see_page(&id));
            };
            approve(flow, site, headers, grant, &render, params.get("remember").is_some()).await
        }
        _ => decline(flow, site, headers, grant, &render).await,
    }
}

/// `None` if the code is wrong, or a short one where a long one is asked for, which is neither looked at nor counted. Any other is
/// counted before it is looked at: in the store, and from outside in the budget of all sign-ins while there is any left. The same
/// code once more by the same form counts once.
async fn try_code(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    mut grant: Grant,
    form: &str,
    typed: &str,
) -> Result<Option<Grant>, ConsentError> {
    let Some(browser) = grant.pairing.as_ref().map(|pairing| pairing.browser) else {
        return Ok(Some(grant));
    };
    let attempt = TokenHash::of(format!("{form} {typed}"));
    let is_right = |grant: &Grant| flow.is_pairing_code(&grant.id, &browser, typed);
    let (grant, tries, guess) = loop {
        let pairing = grant.pairing.clone().filter(|pairing| {
            pairing.browser == browser && cookies::render_named(headers, site, &pairing.browser).is_some()
        });
        // Another browser was asked since.
        let pairing = pairing.ok_or(ConsentError::NotThisBrowser)?;
        if pairing.given {
            return Ok(Some(grant));
        }
        if pairing.wrong == Some(attempt) {
            if !is_right(&grant) {
                return Ok(None);
            }
            // It was counted, and then the store did not answer.
            return Ok(Some(advance(flow, grant, |grant| grant.code_given(browser).ok()).await?));
        }
        if pairing.is_over(flow.now()) {
            return Err(ConsentError::CodeExpired);
        }
        let guess = match site.origin {
            Origin::Local => None,
            Origin::Public => match flow.guesses.count(flow.now(), pairing.from) {
                Ok(guess) => Some(guess),
                Err(_) if pairing::is_long(typed) => None,
                // Not looked at, and no try: the page says what is asked for now.
                Err(_) => return Ok(None),
            },
        };
        let next = grant.code_tried(attempt).map_err(|_| ConsentError::Gone)?;
        if flow.store.advance_grant(&next).await? == Swap::Done {
            break (next, pairing.tries + 1, guess);
        }
        // Nothing was looked at.
        if let Some(guess) = guess {
            guess.costs_nothing();
        }
        grant = flow.store.lookup_grant(&next.id).await?.ok_or(ConsentError::Gone)?;
    };
    if is_right(&grant) {
        if let Some(guess) = guess {
            guess.costs_nothing();
        }
        return Ok(Some(advance(flow, grant, |grant| grant.code_given(browser).ok()).await?));
    }
    let left = Grant::PAIRING_TRIES.saturating_sub(tries);
    flow.event(about_grant(&grant), EventKind::PairingFailed { left });
    if left > 0 {
        return Ok(None);
    }
    let now = flow.now();
    advance(flow, grant, |grant| grant.closed(Closed::NotPaired, now).ok()).await?;
    Err(ConsentError::CodeRefused)
}

/// Back to the page (RFC 9110 section 15.4.4).
fn see_page(grant: &GrantId) -> Response {
    pages::see_other(&format!("/consent?grant={grant}"))
}

async fn approve(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    grant: Grant,
    render: &Render,
    remember: bool,
) -> Result<Response, ConsentError> {
    let remember = remember && may_remember(&grant);
    flow.event(about_grant(&grant), EventKind::ConsentApproved { remembered: remember });
    let cookie = remember.then(|| {
        let known =
            cookies::browser(headers, site).filter(|value| CredentialKind::Browser.looks_right(value));
        known.map_or_else(|| CredentialKind::Browser.mint(flow.entropy.as_ref()), Secret::from)
    });
    let hash = cookie.as_ref().map(|value| TokenHash::of(value.expose_secret()));
    let mut response = go_upstream(flow, grant, render, hash).await?;
    let set =
        cookie.and_then(|value| cookies::set_browser(value.expose_secret(), REMEMBERED.as_secs(), site));
    cookies::attach(&mut response, set);
    Ok(response)
}

/// Keeps the approval of a grant for the browser with this cookie. Only once somebody has signed in: anybody can press
/// the button, and what strangers do is not kept for a month.
pub(crate) async fn keep_approval(flow: &Flow, grant: &Grant, cookie: TokenHash) {
    let now = flow.now();
    let consent = Consent {
        browser: cookie,
        client: grant.client.clone(),
        redirect_uri: grant.redirect_uri.to_string(),
        scope: grant.scope.clone(),
        given_at: now,
        expires_at: now.plus(REMEMBERED),
    };
    if let Err(error) = flow.store.put_consent(&consent).await {
        tracing::warn!(%error, "an approval could not be remembered; the person is asked again the next time");
    }
}

/// A refusal also takes back what was approved and remembered before.
async fn decline(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    grant: Grant,
    render: &Render,
) -> Result<Response, ConsentError> {
    if let Some(cookie) = cookies::browser(headers, site) {
        flow.store.forget_consent(&TokenHash::of(cookie), &grant.client).await?;
    }
    let now = flow.now();
    let grant = advance(flow, grant, |grant| grant.closed(Closed::Declined, now).ok()).await?;
    flow.event(about_grant(&grant), EventKind::ConsentDeclined);
    let mut response =
        ClientAnswer::of(&grant).error("access_denied", "the person declined on the consent page");
    let used =
        cookies::render_named(headers, site, &render.browser).and_then(|name| cookies::expire(&name, site));
    cookies::attach(&mut response, used);
    Ok(response)
}

/// The provider is asked for its address first: if it does not answer, the page can be used again.
async fn go_upstream(
    flow: &Flow,
    grant: Grant,
    render: &Render,
    remember: Option<TokenHash>,
) -> Result<Response, ConsentError> {
    let url = match flow.upstream.authorize_url(&flow.leg(&grant)).await {
        Ok(url) => url,
        Err(error) => {
            flow.event(about_grant(&grant), EventKind::of_upstream(&error));
            return Err(ConsentError::Upstream(error));
        }
    };
    let now = flow.now();
    let grant = advance(flow, grant, |grant| {
        let sent = grant.sent_upstream(render.browser, now).ok()?;
        if let Some(cookie) = remember { sent.remembering(cookie).ok() } else { Some(sent) }
    })
    .await?;
    flow.event(about_grant(&grant), EventKind::SentToUpstream);
    Ok(pages::see_other(&url))
}

/// The grant a page or form names, if its sign-in is still open and this is the place to confirm it.
async fn open_grant(flow: &Flow, site: &Site, params: &Params) -> Result<Grant, ConsentError> {
    let id = params.get("grant").and_then(GrantId::parse).ok_or(ConsentError::Gone)?;
    let grant = flow.store.lookup_grant(&id).await?.ok_or(ConsentError::Gone)?;
    if *site != flow.sign_in_site(&grant.site) {
        return Err(ConsentError::OtherComputer);
    }
    let open = matches!(grant.stage, Stage::AwaitingConsent | Stage::AtUpstream { .. });
    if open && !grant.is_expired(flow.now()) { Ok(grant) } else { Err(over(&grant)) }
}

/// Why nothing can be answered any more.
const fn over(grant: &Grant) -> ConsentError {
    match &grant.stage {
        Stage::AwaitingConsent | Stage::AtUpstream { .. } => ConsentError::Gone,
        Stage::Approved { .. } | Stage::Exchanged { .. } => {
            ConsentError::Answered("you allowed it, and the sign-in is finished")
        }
        Stage::Closed { why: Closed::Declined, .. } => ConsentError::Answered("it was denied or cancelled"),
        Stage::Closed { why: Closed::UpstreamRefused | Closed::NotAllowed, .. } => {
            ConsentError::Answered("the sign-in was refused")
        }
        Stage::Closed { why: Closed::NotPaired, .. } => {
            ConsentError::Answered("the code was typed wrong too often")
        }
    }
}

/// Compare and swap until it holds or the grant has moved to where the step no longer applies.
async fn advance(
    flow: &Flow,
    mut grant: Grant,
    step: impl Fn(Grant) -> Option<Grant>,
) -> Result<Grant, ConsentError> {
    loop {
        let next = step(grant.clone()).ok_or_else(|| over(&grant))?;
        if flow.store.advance_grant(&next).await? == Swap::Done {
            return Ok(next);
        }
        grant = flow.store.lookup_grant(&grant.id).await?.ok_or(ConsentError::Gone)?;
    }
}

fn refuse(flow: &Flow, refused: &ConsentError, grant: Option<GrantId>) -> Response {
    let about = About { grant, ..About::default() };
    let log = || flow.event(about, EventKind::ConsentRefused { reason: refused.to_string() });
    let what = pages::sentence(&refused.to_string());
    let (status, title, hint) = match refused {
        ConsentError::Store(store) => return pages::trouble(flow, store),
        ConsentError::Upstream(UpstreamError::Refused(refusal)) => {
            return pages::upstream_refused(flow, refusal, None, None);
        }
        ConsentError::Upstream(error @ UpstreamError::Unavailable { .. }) => {
            let hint = "Nothing is lost: go back, wait a moment, and press Allow again.";
            return pages::upstream_unavailable(flow, error, hint, Vec::new());
        }
        ConsentError::Client(UnknownClient::Document(document)) if document.is_transient() => {
            let hint = "Nothing is lost: wait a moment and reload this page.";
            let title = "The client could not be identified just now";
            let page = Refusal { title, what: &what, hint, ..Refusal::default() };
            return pages::busy(
                pages::refusal(flow, StatusCode::SERVICE_UNAVAILABLE, &page),
                document.retry_after(),
            );
        }
        // The attempt has its verdict in the log.
        ConsentError::Answered(how) => {
            let page = Refusal {
                title: "This was already answered",
                what: &pages::sentence(how),
                hint: "To connect again, start again in your client; this tab can be closed.",
                links: vec![(my_sessions::PATH, "See who is signed in as you".to_owned())],
                ..Refusal::default()
            };
            return pages::refusal(flow, StatusCode::BAD_REQUEST, &page);
        }
        ConsentError::Params(_) | ConsentError::Gone => (
            StatusCode::BAD_REQUEST,
            "This page is no longer valid",
            "Start the sign-in again from your client.",
        ),
        ConsentError::OtherComputer => (
            StatusCode::FORBIDDEN,
            "Sign in on the computer that runs this server",
            "Start the sign-in from a browser on that computer, or let its owner set sign-in to \"from anywhere\".",
        ),
        ConsentError::NotThisBrowser => (
            StatusCode::FORBIDDEN,
            "That did not come from this page",
            "Go back, reload the page and decide again; cookies must be allowed for this address.",
        ),
        ConsentError::CodeExpired | ConsentError::CodeRefused => (
            StatusCode::FORBIDDEN,
            "This code is no longer good",
            "Start the sign-in again from your client; a new code is shown then.",
        ),
        ConsentError::Blocked => (
            StatusCode::FORBIDDEN,
            "This client is blocked",
            "If you know this client, ask the owner of this server to unblock it, then start again from the client.",
        ),
        ConsentError::Client(_) => (
            StatusCode::BAD_REQUEST,
            "This server does not know the client",
            "Connect again from your client.",
        ),
    };
    log();
    pages::refusal(flow, status, &Refusal { title, what: &what, hint, ..Refusal::default() })
}
