//! The digits by which the owner of this server lets a new client in: asked for on the consent page, shown where only the owner
//! looks.
//!
//! They are computed from the grant and the browser that is asked, so any replica knows them and none stores them. Six are asked
//! for, and twelve where too many were typed wrong (`guesses`): nobody is ever kept out by what somebody else typed.
//!
//! What guessing comes to: [`MOST_WRONG`] wrong codes of six digits are looked at in a day, all strangers together, so an even chance
//! takes ln 2 · 10⁶ / 30 days, which is 63 years, and the owner reads about it from the first day on. Of twelve digits a hundred a
//! second, which five tries each make twenty sign-ins begun a second, have an even chance after 220 years.

mod guesses;

use std::net::IpAddr;

use model::client::{Client, ClientKind};
use model::event::EventKind;
use model::grant::{Closed, Grant};
use model::ids::{GrantId, TokenHash};
use model::keys::Purpose;
use model::origin::Origin;
use model::ports::{StoreError, Swap};
use model::time::Timestamp;
use model::{ExposeSecret as _, Secret};

use crate::flow::{Flow, Shared, about_grant};

pub use guesses::{Guesses, MOST_WRONG};

/// Digits of a code.
const SHORT: usize = 6;
pub(crate) const LONG: usize = 12;

/// Whether new clients from outside need a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    Off,
    /// There is a window or a console where the owner can read it.
    Shown,
    /// There is neither, so nobody gets past the page until the owner changes that.
    NotShown,
}

/// A sign-in that waits for its code, for the owner to see.
pub struct Waiting {
    pub grant: Grant,
    /// `None` if it is not known any more.
    pub client: Option<Client>,
    /// As many digits as its page asks for.
    pub code: Secret,
    pub until: Timestamp,
    /// The browser that is asked is on this computer.
    pub here: bool,
}

impl Shared {
    /// Whoever comes by the public URL for a client that nobody signed in for before has to show the owner's consent too.
    /// So has one that would be answered on the internet although the link led to this computer: a stranger can register by
    /// the one and write the other into a mail, and an approval counts for both.
    pub(crate) fn needs_code(&self, grant: &Grant, client: &Client) -> bool {
        let answered_outside =
            grant.redirect_uri.url().scheme() == "https" && !grant.redirect_uri.is_loopback();
        let from_outside = grant.site.origin == Origin::Public
            || (answered_outside && self.policy.origins.public().is_some());
        self.policy.pairing != Pairing::Off
            && from_outside
            && client.kind != ClientKind::Static
            && client.approved_at.is_none()
    }

    /// How many digits are asked for where the sign-in is at this origin, by a browser from there. On this computer nobody guesses.
    pub(crate) fn code_digits(&self, origin: Origin, from: Option<IpAddr>) -> usize {
        let guessed = origin == Origin::Public && self.guesses.used_up_until(self.now(), from).is_some();
        if guessed { LONG } else { SHORT }
    }

    /// The short one is the beginning of the long one.
    fn pairing_code(&self, grant: &GrantId, browser: &TokenHash, digits: usize) -> Secret {
        let mac = self.master.mac(Purpose::Pairing, &format!("{grant} {}", browser.to_text()));
        let number = mac.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let mut code = format!("{:0LONG$}", number % 10_u64.pow(12));
        code.truncate(digits);
        code.into()
    }

    /// In constant time.
    pub(crate) fn is_pairing_code(&self, grant: &GrantId, browser: &TokenHash, typed: &str) -> bool {
        let digits = digits(typed);
        let code = self.pairing_code(grant, browser, if is_long(typed) { LONG } else { SHORT });
        TokenHash::of(code.expose_secret()).matches(digits)
    }
}

/// People type digits in groups.
fn digits(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(2 * LONG).collect()
}

pub(crate) fn is_long(typed: &str) -> bool {
    digits(typed).chars().count() == LONG
}

impl Flow {
    /// Sign-ins whose code can still be typed, the one asked for last first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn pairings(&self) -> Result<Vec<Waiting>, StoreError> {
        let mut waiting = Vec::new();
        for grant in self.store.list_pairings(self.now()).await? {
            let (Some(pairing), Some(until)) = (&grant.pairing, grant.code_awaited_until()) else { continue };
            let origin = self.sign_in_site(&grant.site).origin;
            let digits = self.code_digits(origin, pairing.from);
            let code = self.pairing_code(&grant.id, &pairing.browser, digits);
            let client = self.client(&grant.client).await.ok();
            let here = origin == Origin::Local;
            waiting.push(Waiting { grant, client, code, until, here });
        }
        Ok(waiting)
    }

    /// The owner does not want this client: its sign-in is over. `false` if it was not waiting.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn refuse_pairing(&self, id: &GrantId) -> Result<bool, StoreError> {
        loop {
            let Some(grant) = self.store.lookup_grant(id).await? else { return Ok(false) };
            if grant.code_awaited_until().is_none() {
                return Ok(false);
            }
            let Ok(closed) = grant.closed(Closed::Declined, self.now()) else { return Ok(false) };
            if self.store.advance_grant(&closed).await? == Swap::Done {
                self.event(about_grant(&closed), EventKind::ConsentDeclined);
                return Ok(true);
            }
        }
    }
}
