//! The six digits by which the owner of this server lets a new client in: asked for on the consent page, shown where only
//! the owner looks.
//!
//! They are computed from the grant and the browser that is asked, so any replica knows them and none stores them.

mod guesses;

use std::net::IpAddr;

use model::client::{Client, ClientKind};
use model::event::EventKind;
use model::grant::{Closed, Grant};
use model::ids::{GrantId, TokenHash};
use model::keys::Purpose;
use model::origin::{Origin, Site};
use model::ports::{StoreError, Swap};
use model::time::Timestamp;
use model::{ExposeSecret as _, Secret};

use crate::flow::{Flow, Shared, about_grant};

pub(crate) use guesses::UsedUp;
pub use guesses::{Guesses, MOST_WRONG};

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
    /// Six digits.
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

    /// Whether no code from there is looked at on a page of this site. On this computer nobody guesses.
    pub(crate) fn codes_refused(&self, site: &Site, from: Option<IpAddr>) -> Option<UsedUp> {
        self.guesses.used_up(self.now(), from).filter(|_| site.origin == Origin::Public)
    }

    fn pairing_code(&self, grant: &GrantId, browser: &TokenHash) -> Secret {
        let mac = self.master.mac(Purpose::Pairing, &format!("{grant} {}", browser.to_text()));
        let number = mac.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{:06}", number % 1_000_000).into()
    }

    /// In constant time. People type digits in groups.
    pub(crate) fn is_pairing_code(&self, grant: &GrantId, browser: &TokenHash, typed: &str) -> bool {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(16).collect();
        TokenHash::of(self.pairing_code(grant, browser).expose_secret()).matches(digits)
    }
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
            let code = self.pairing_code(&grant.id, &pairing.browser);
            let client = self.client(&grant.client).await.ok();
            let here = self.sign_in_site(&grant.site).origin == Origin::Local;
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
