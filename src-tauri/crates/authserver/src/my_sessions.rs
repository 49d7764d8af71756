//! Where a person sees which clients are signed in as them, and ends what they do not use.
//!
//! Who they are is what the identity provider says, in the way of every other sign-in, and asked each time. Nothing of it is
//! stored: the way back is held to a cookie that is computed from its `state`, and who signed in is sealed in another one for ten
//! minutes or until they sign out. The page shows one person's sessions and knows of no others.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::event::{About, EventKind};
use model::ids::{GrantId, SessionId, TokenHash, random_text};
use model::keys::{Place, Purpose, Sealed};
use model::origin::Site;
use model::person::Person;
use model::ports::StoreError;
use model::scope::ScopeSet;
use model::session::{Ended, Session};
use model::time::Timestamp;
use model::upstream::{Leg, SignedIn, UpstreamError};
use model::{ExposeSecret as _, Secret};
use serde::{Deserialize, Serialize};

use moka::sync::Cache;

use crate::cookies;
use crate::flow::{Flow, Shared};
use crate::pages::{self, Refusal};
use crate::params::{Form, Params};
use crate::site::{self, Here};

pub(crate) const PATH: &str = "/my-sessions";
pub(crate) const SIGN_IN: &str = "/my-sessions/sign-in";
/// `state` with which the provider sends people back whom it signed out.
const SIGNED_OUT: &str = "signed-out";
/// How long the page stays somebody's.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How long a sign-in may be on its way, as any other.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const PLACE: Place<'static> = Place { table: "my_sessions", row: "", column: "cookie" };

/// The longest name of a person that a cookie has, in bytes.
const LONGEST_NAME: usize = 200;
/// The longest address of a sign-out that it has.
const LONGEST_URL: usize = 1_200;

/// Who signed in, under seal in a cookie. It has nothing that grows: browsers drop a cookie of more than 4096 bytes (RFC 6265
/// section 6.1).
#[derive(Serialize, Deserialize)]
struct Visitor {
    person: Person,
    /// Where: a cookie of one origin is none of another.
    at: String,
    /// Ends their sign-in at the provider, where it has such a page.
    sign_out: Option<String>,
    until: Timestamp,
}

/// Cookies that were signed out with. A browser forgets them; whoever copied one could go on with it.
pub(crate) struct SignedOut(Cache<TokenHash, ()>);

/// A sign-in that is on its way.
#[derive(Clone)]
pub(crate) struct Way {
    id: GrantId,
    begun: Timestamp,
    /// It answers a claims challenge already.
    challenged: bool,
}

/// A session as its person sees it.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) since: String,
    pub(crate) used: String,
}

/// Why somebody is not served.
#[derive(Debug, thiserror::Error)]
enum NotServed {
    #[error("the sign-in was started in another browser, or too long ago")]
    OtherBrowser,
    #[error("the sign-in service sent neither a code nor an error")]
    Empty,
    /// Strangers can begin as many as they like, and each return is asked about at the provider.
    #[error("too many sign-ins were refused just now")]
    TooManyRefused { until: Timestamp },
    #[error("the form is not from a page that this server showed to this browser")]
    NotThisBrowser,
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

// === impl SignedOut ===

impl Default for SignedOut {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(LIFETIME).build())
    }
}

impl SignedOut {
    /// `true` the first time.
    fn note(&self, cookie: &str) -> bool {
        self.0.entry(TokenHash::of(cookie)).or_insert(()).is_fresh()
    }

    fn has(&self, cookie: &str) -> bool {
        self.0.contains_key(&TokenHash::of(cookie))
    }
}

// === impl Shared ===

impl Shared {
    /// The way that `state` names, if it is one of these.
    pub(crate) fn way_of_state(&self, state: &str) -> Option<Way> {
        let (id, rest) = state.split_once('.')?;
        let (id, begun) = (GrantId::parse(id)?, rest.split_once('.')?.0.parse().ok()?);
        let begun = Timestamp::from_secs(begun);
        let ways = [false, true].map(|challenged| Way { id: id.clone(), begun, challenged });
        ways.into_iter().find(|way| TokenHash::of(self.way_state(way)).matches(state))
    }

    fn way_state(&self, way: &Way) -> String {
        let (begun, challenged) = (way.begun.secs(), if way.challenged { ", challenged" } else { "" });
        let mac = self.leg_secret(&format!("my sessions state of {begun}{challenged}"), &way.id);
        format!("{}.{begun}.{mac}", way.id)
    }

    fn way_cookie(&self, id: &GrantId) -> Secret {
        self.leg_secret("my sessions browser", id).into()
    }

    fn way_leg(&self, site: &Site, way: &Way, claims: Option<String>) -> Leg {
        Leg {
            redirect_uri: site.base.join(&self.policy.callback_path),
            state: self.way_state(way),
            nonce: self.leg_secret("my sessions nonce", &way.id),
            verifier: self.leg_secret("my sessions verifier", &way.id).into(),
            more: ScopeSet::default(),
            claims,
            ask_who: !way.challenged,
        }
    }

    /// Only whoever was given the cookie can know it.
    fn form_token(&self, cookie: &str) -> String {
        let mac = self.master.mac(Purpose::UpstreamLeg, &format!("my sessions form {cookie}"));
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, mac.as_ref())
    }

    /// Who has the page, with the cookie that says so.
    fn visitor<'a>(&self, site: &Site, headers: &'a HeaderMap) -> Option<(Visitor, &'a str)> {
        let cookie = cookies::visitor(headers, site)?;
        let plain = self.open(PLACE, &Sealed::from_text(cookie)).ok()?;
        let visitor: Visitor = serde_json::from_slice(&plain).ok()?;
        (self.now() < visitor.until && visitor.at == site.base.as_str()).then_some((visitor, cookie))
    }

    async fn sessions_of(&self, person: &Person) -> Result<Vec<Session>, StoreError> {
        let now = self.now();
        let mut own = self.store.list_sessions().await?;
        own.retain(|session| {
            session.person.id == person.id && session.is_live() && now < session.expires_at()
        });
        own.sort_by_key(|session| std::cmp::Reverse(session.active_at));
        Ok(own)
    }
}

// === pages ===

pub(crate) async fn get(State(flow): State<Flow>, Here(site): Here, headers: HeaderMap) -> Response {
    let home = flow.sign_in_site(&site);
    if site != home {
        return pages::to_client(&home.base.join(PATH));
    }
    let visitor = flow.visitor(&site, &headers).filter(|(_, cookie)| !flow.signed_out.has(cookie));
    let Some((visitor, cookie)) = visitor else {
        return pages::render(StatusCode::OK, &pages::MySessions::before_sign_in(&flow));
    };
    match flow.sessions_of(&visitor.person).await {
        Ok(own) => {
            let now = flow.now();
            let page = pages::MySessions {
                notice: flow.policy.notice.as_deref(),
                person: Some(visitor.person.display()),
                rows: own.iter().map(|session| Row::of(session, now)).collect(),
                form: &flow.form_token(cookie),
                leaves_provider: visitor.sign_out.is_some(),
            };
            pages::render(StatusCode::OK, &page)
        }
        Err(error) => pages::trouble(&flow, &error),
    }
}

/// On to the provider, with a cookie that the way back is held to.
pub(crate) async fn sign_in(State(flow): State<Flow>, Here(site): Here, headers: HeaderMap) -> Response {
    let home = flow.sign_in_site(&site);
    if site != home {
        return pages::to_client(&home.base.join(PATH));
    }
    let way = Way { id: GrantId::generate(flow.entropy.as_ref()), begun: flow.now(), challenged: false };
    match flow.upstream.authorize_url(&flow.way_leg(&site, &way, None)).await {
        Ok(url) => {
            let mut response = pages::to_client(&url);
            let salt = random_text::<4>(flow.entropy.as_ref());
            let cookie = flow.way_cookie(&way.id);
            cookies::attach(&mut response, cookies::set_render(&headers, &site, &cookie, flow.now(), &salt));
            response
        }
        Err(error) => refuse(&flow, &error.into()),
    }
}

/// The way back, for the callback that found the `state` to be one of these.
pub(crate) async fn receive(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    way: &Way,
    params: &Params,
) -> Response {
    back(flow, site, headers, way, params).await.unwrap_or_else(|refused| refuse(flow, &refused))
}

async fn back(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    way: &Way,
    params: &Params,
) -> Result<Response, NotServed> {
    let cookie = TokenHash::of(flow.way_cookie(&way.id).expose_secret());
    if *site != flow.sign_in_site(site)
        || cookies::render_named(headers, site, &cookie).is_none()
        || flow.now() >= way.begun.plus(PATIENCE)
    {
        return Err(NotServed::OtherBrowser);
    }
    let _turn = flow.sessions.turn(&format!("my-sessions {}", way.id)).await;
    let counted = flow.refused_ways.count(flow.now(), None);
    let counted = counted.map_err(|used_up| NotServed::TooManyRefused { until: used_up.until })?;
    let outcome = judge(flow, site, way, params).await;
    if let Err(NotServed::Upstream(UpstreamError::Refused(refusal))) = &outcome {
        let person = refusal.person.as_deref().cloned();
        flow.event(by(site, person), EventKind::UpstreamRefused { refusal: (**refusal).clone() });
    } else {
        counted.costs_nothing();
    }
    outcome
}

/// What the provider says of a return that may be asked about.
async fn judge(flow: &Flow, site: &Site, way: &Way, params: &Params) -> Result<Response, NotServed> {
    if let Some(error) = params.get("error") {
        let error = flow.upstream.explain(error, params.get("error_description").unwrap_or_default());
        return if error.is_the_persons_own_no() {
            flow.event(by(site, None), EventKind::SignInCancelled);
            Ok(cancelled(flow))
        } else {
            Err(error.into())
        };
    }
    let code = params.get("code").map(Secret::from).ok_or(NotServed::Empty)?;
    // A provider's code is good once, so of two identical callbacks the second is told that it came late.
    let signed_in = match flow.upstream.redeem(code, &flow.way_leg(site, way, None)).await {
        Ok(signed_in) => signed_in,
        Err(UpstreamError::Refused(refusal)) if refusal.claims.is_some() && !way.challenged => {
            let again = Way { challenged: true, ..way.clone() };
            let leg =
                flow.way_leg(site, &again, refusal.claims.map(|challenge| challenge.as_str().to_owned()));
            return Ok(pages::to_client(&flow.upstream.authorize_url(&leg).await?));
        }
        Err(error) => return Err(error.into()),
    };
    let visitor = visitor(flow, site, signed_in).await;
    flow.event(by(site, Some(visitor.person.clone())), EventKind::OwnSessionsOpened);
    let plain = serde_json::to_vec(&visitor).unwrap_or_default();
    let sealed = flow.seal(PLACE, &plain);
    let mut response = pages::to_client(&site.base.join(PATH));
    cookies::attach(&mut response, cookies::set_visitor(sealed.as_str(), LIFETIME.as_secs(), site));
    Ok(response)
}

/// Without an attempt: no client is behind it.
fn by(site: &Site, person: Option<Person>) -> About {
    About { origin: Some(site.origin), person, ..About::default() }
}

fn cancelled(flow: &Flow) -> Response {
    let page = Refusal {
        title: "You cancelled the sign-in",
        what: "Nobody was signed in, and nothing was ended.",
        hint: "Close this tab, or sign in after all to see which clients are signed in here as you.",
        links: vec![(PATH, "Your sessions".to_owned())],
        ..Refusal::default()
    };
    pages::refusal(flow, StatusCode::OK, &page)
}

/// What the provider gave is dropped here: who signed in is all that was asked.
async fn visitor(flow: &Flow, site: &Site, signed_in: SignedIn) -> Visitor {
    let back = site.base.join(&flow.policy.callback_path);
    let sign_out = flow.upstream.sign_out_url(&signed_in.tokens.id_claims, &back, SIGNED_OUT).await;
    Visitor::of(signed_in.person, site, sign_out, flow.now().plus(LIFETIME))
}

/// Whether the provider sends somebody back whom it signed out.
pub(crate) fn is_signed_out(params: &Params) -> bool {
    params.get("state") == Some(SIGNED_OUT) && params.get("code").is_none() && params.get("error").is_none()
}

/// Anybody can open this address, so the page claims nothing of who reads it.
pub(crate) fn signed_out(flow: &Flow, site: &Site) -> Response {
    let own = site.base.join(PATH);
    let page = Refusal {
        title: "Back from the sign-in service",
        what: "It sends people here once it has signed them out.",
        hint: "Clients that are signed in here as you stay so until you end them under Your sessions, which also shows whether \
               this browser still knows who you are.",
        links: vec![(&own, "Your sessions".to_owned())],
        ..Refusal::default()
    };
    pages::refusal(flow, StatusCode::OK, &page)
}

/// `end` is the id of a session, `all`, or `sign-out`, which ends none of them.
pub(crate) async fn post(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    Form(body): Form,
) -> Response {
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            let ended = end(&flow, &site, &headers, &body).await;
            ended.unwrap_or_else(|refused| refuse(&flow, &refused))
        })
        .await
}

async fn end(flow: &Flow, site: &Site, headers: &HeaderMap, body: &[u8]) -> Result<Response, NotServed> {
    let params = Params::parse(body).map_err(|_| NotServed::NotThisBrowser)?;
    let (visitor, cookie) = flow.visitor(site, headers).ok_or(NotServed::NotThisBrowser)?;
    let form = params.get("form").unwrap_or_default();
    if !site::is_own_form(site, headers) || !TokenHash::of(flow.form_token(cookie)).matches(form) {
        return Err(NotServed::NotThisBrowser);
    }
    let which = params.get("end").unwrap_or_default();
    let page = site.base.join(PATH);
    if which == "sign-out" {
        // A button pressed twice is answered as the first time.
        if flow.signed_out.note(cookie) {
            flow.event(by(site, Some(visitor.person)), EventKind::OwnSessionsClosed);
        }
        let mut response = pages::see_other(visitor.sign_out.as_deref().unwrap_or(&page));
        cookies::attach(&mut response, cookies::set_visitor("", 0, site));
        return Ok(response);
    }
    if flow.signed_out.has(cookie) {
        return Err(NotServed::NotThisBrowser);
    }
    let own = flow.sessions_of(&visitor.person).await?;
    let meant: Vec<SessionId> = own
        .into_iter()
        .map(|session| session.id)
        .filter(|id| which == "all" || id.as_str() == which)
        .collect();
    for id in meant {
        flow.end_session(&id, Ended::RevokedByPerson).await?;
    }
    Ok(pages::see_other(&page))
}

fn refuse(flow: &Flow, refused: &NotServed) -> Response {
    let what = pages::sentence(&refused.to_string());
    let again = || vec![(PATH, "Your sessions".to_owned())];
    match refused {
        NotServed::Store(error) => pages::trouble(flow, error),
        NotServed::Upstream(UpstreamError::Refused(refusal)) => {
            pages::upstream_refused(flow, refusal, None, None)
        }
        NotServed::Upstream(error @ UpstreamError::Unavailable { .. }) => {
            let hint = "Nothing is lost: wait a moment, then try again.";
            pages::upstream_unavailable(flow, error, hint, again())
        }
        NotServed::TooManyRefused { until } => {
            let page = Refusal {
                title: "Too many sign-ins were refused",
                what: &what,
                hint: "Nothing was ended. Try again in a minute; it can take ten.",
                links: again(),
                ..Refusal::default()
            };
            let response = pages::refusal(flow, StatusCode::TOO_MANY_REQUESTS, &page);
            pages::busy(response, Some(until.since(flow.now())))
        }
        NotServed::OtherBrowser | NotServed::Empty | NotServed::NotThisBrowser => {
            let page = Refusal {
                title: "Sign in again to see your sessions",
                what: &what,
                hint: "Nothing was ended. Open the page again and stay in one browser; cookies must be allowed for this address.",
                links: again(),
                ..Refusal::default()
            };
            pages::refusal(flow, StatusCode::BAD_REQUEST, &page)
        }
    }
}

// === impl Visitor ===

impl Visitor {
    /// With as much of the person as the page and the log say.
    fn of(person: Person, site: &Site, sign_out: Option<String>, until: Timestamp) -> Self {
        let Person { id, name, username, guest, .. } = person;
        let (name, username) = (name.map(cut), username.map(cut));
        Self {
            person: Person { id, name, username, email: None, guest, roles: Vec::new() },
            at: site.base.as_str().to_owned(),
            sign_out: sign_out.filter(|url| url.len() <= LONGEST_URL),
            until,
        }
    }
}

fn cut(mut name: String) -> String {
    // JSON writes six bytes for one of these.
    name.retain(|c| !c.is_control());
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    name
}

// === impl Row ===

impl Row {
    fn of(session: &Session, now: Timestamp) -> Self {
        Self {
            id: session.id.as_str().to_owned(),
            client: session.client_name.clone().unwrap_or_else(|| session.client.as_str().to_owned()),
            since: ago(now.since(session.created_at)),
            used: ago(now.since(session.active_at)),
        }
    }
}

/// Without a time zone, which a page without script does not know.
fn ago(span: Duration) -> String {
    let (count, unit) = match span.as_secs() {
        ..60 => return "just now".to_owned(),
        secs @ 60..3600 => (secs / 60, "minute"),
        secs @ 3600..86_400 => (secs / 3600, "hour"),
        secs => (secs / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use model::origin::Origins;
    use model::person::PersonId;

    use super::*;

    #[test]
    fn the_cookie_of_somebody_with_all_there_is_fits_into_a_browser() {
        let all = |text: &str| Some(text.repeat(500));
        let person = Person {
            id: PersonId { tenant: "t".repeat(36), object: "o".repeat(255) },
            name: all("\"\u{1}\u{fc}"),
            username: all("\\"),
            email: all("e"),
            guest: false,
            roles: (0..100).map(|n| format!("Role.Of.The.Application.{n}")).collect(),
        };
        let (site, until) = (Origins::new(4242, None).local(), Timestamp::from_secs(1_790_000_000));
        let visitor = Visitor::of(person, &site, Some("u".repeat(LONGEST_URL)), until);
        assert!(visitor.sign_out.is_some());
        let plain = serde_json::to_vec(&visitor).unwrap().len();
        let (around, name_and_attributes) = (28, 150);
        assert!((plain + around).div_ceil(3) * 4 + name_and_attributes <= 4096, "{plain}");
        assert_eq!(cut("Ada Lindqvist".to_owned()), "Ada Lindqvist");
    }

    #[test]
    fn times_are_told_as_people_tell_them() {
        for (secs, said) in [
            (59, "just now"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (7_200, "2 hours ago"),
            (86_400, "1 day ago"),
            (40 * 86_400, "40 days ago"),
        ] {
            assert_eq!(ago(Duration::from_secs(secs)), said);
        }
    }
}
