//! New clients that wait for the code of this server: who they are, and the code for its owner to read.

use std::collections::HashMap;
use std::net::IpAddr;

use authserver::Waiting;
use model::ExposeSecret as _;
use model::client::Client;
use model::ids::GrantId;
use serde::Serialize;
use ts_rs::TS;

use super::answers::{Status, cut};
use super::requests::{Empty, PairingRef};
use super::{Api, ApiError, Done};

const NO_LONGER: ApiError = ApiError::NotFound {
    what: "no client waits there for its code any more",
    hint: "nothing to do: it got in, was refused, or gave up; Sessions has those that got in",
};

/// A client that nobody used before waits for its code. Without `Debug`, so that the code cannot slip into a log.
#[derive(Clone, Serialize, TS)]
pub struct PairingRow {
    /// The sign-in that waits; for `refuse_pairing`.
    pub grant: String,
    pub client: String,
    /// Chosen by the client; proves nothing.
    pub client_name: Option<String>,
    /// The host that published the client's metadata document: the one name that is verified.
    pub verified_host: Option<String>,
    /// Whether the browser that asks is on this computer.
    pub here: bool,
    /// Else where on the internet it is, if the tunnel's provider says so.
    pub from: Option<String>,
    /// Where the person will be sent back to.
    pub destination: String,
    /// Six digits, or twelve where too many were typed wrong, for the page that asks for them.
    pub code: String,
    /// When it is no longer good.
    pub expires_at: i64,
}

impl Api {
    pub(super) async fn pairings(&self, _: Empty) -> Result<Vec<PairingRow>, ApiError> {
        self.pairings_now().await
    }

    /// Nothing while the server does not run: then nobody is asked.
    pub(crate) async fn pairings_now(&self) -> Result<Vec<PairingRow>, ApiError> {
        let Some(live) = self.0.live() else { return Ok(Vec::new()) };
        Ok(in_order(live.flow.pairings().await?.into_iter().map(PairingRow::from).collect()))
    }

    pub(super) async fn shorten_codes(&self, _: Empty) -> Result<Status, ApiError> {
        self.0.guesses().forget();
        self.0.tell_status().await;
        self.0.tell_pairings().await;
        Ok(self.status_now().await)
    }

    pub(super) async fn refuse_pairing(&self, PairingRef { grant }: PairingRef) -> Result<Done, ApiError> {
        let live = self.live()?;
        let waits = match GrantId::parse(&grant) {
            Some(id) => live.flow.refuse_pairing(&id).await?,
            None => false,
        };
        if waits { Ok(Done {}) } else { Err(NO_LONGER) }
    }
}

/// Those of this computer first, then those of whom few come from one place: whoever starts many sign-ins stands behind
/// everybody who starts one.
fn in_order(mut rows: Vec<PairingRow>) -> Vec<PairingRow> {
    let mut of_place: HashMap<Option<String>, usize> = HashMap::new();
    for row in rows.iter().filter(|row| !row.here) {
        *of_place.entry(row.from.clone()).or_default() += 1;
    }
    // The order of those that are alike stays.
    rows.sort_by_key(|row| (!row.here, of_place.get(&row.from).copied()));
    rows
}

impl From<Waiting> for PairingRow {
    fn from(waiting: Waiting) -> Self {
        let Waiting { grant, client, code, until, here } = waiting;
        let from = grant.pairing.as_ref().and_then(|pairing| pairing.from);
        Self {
            grant: grant.id.to_string(),
            client: grant.client.to_string(),
            client_name: client.as_ref().and_then(|client| client.name.as_deref()).map(cut),
            verified_host: client.as_ref().and_then(Client::verified_host).as_deref().map(cut),
            here,
            from: from.filter(|_| !here).map(shown),
            destination: cut(&grant.redirect_uri.destination()),
            code: code.expose_secret().to_owned(),
            expires_at: until.millis(),
        }
    }
}

/// Of IPv6 it is the network, which is what one visitor has.
pub(super) fn shown(from: IpAddr) -> String {
    match from {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("{ip}/64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(grant: &str, here: bool, from: Option<&str>) -> PairingRow {
        PairingRow {
            grant: grant.to_owned(),
            client: "client".to_owned(),
            client_name: None,
            verified_host: None,
            here,
            from: from.map(str::to_owned),
            destination: String::new(),
            code: "000000".to_owned(),
            expires_at: 0,
        }
    }

    #[test]
    fn whoever_starts_many_stands_behind_everybody_else() {
        let mut rows: Vec<_> =
            (0..9).map(|n| row(&format!("flood {n}"), false, Some("203.0.113.9"))).collect();
        rows.insert(3, row("somebody", false, Some("198.51.100.7")));
        rows.push(row("owner", true, None));
        rows.push(row("nobody knows", false, None));
        rows.push(row("nobody knows either", false, None));
        let order: Vec<_> = in_order(rows).into_iter().map(|row| row.grant).collect();
        assert_eq!(order[..3], ["owner", "somebody", "nobody knows"]);
        assert_eq!(order[4..6], ["flood 0", "flood 1"]);
        assert_eq!(order.len(), 13, "and none is left out");
    }
}
