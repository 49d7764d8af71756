//! Deleting what has expired and what is beyond the bounds.
//!
//! Reaping takes one short transaction per table: requests take their turn in between, and a crash leaves nothing half done that
//! the next round would not finish.

use model::ports::{Bounds, Forget, Reaped};
use model::time::Timestamp;
use sqlx::{SqlitePool, query};

use super::row::Outcome;
use super::{assertions, clients, consents, events, grants, sessions, write};
use crate::rules::{self, Share};

pub(super) async fn reap(db: &SqlitePool, bounds: &Bounds, now: Timestamp) -> Outcome<Reaped> {
    // Grants before clients: a grant that is gone no longer keeps its client.
    let grants = reap_grants(db, bounds, now).await?;
    let clients = reap_clients(db, bounds).await?;
    let sessions::Forgotten { sessions, refresh_tokens } = sessions::reap(db, now).await?;
    let consents = reap_consents(db, bounds, now).await?;
    let assertions = assertions::reap(db, now).await?;
    let events = reap_events(db, bounds, now).await?;
    Ok(Reaped { clients, grants, sessions, refresh_tokens, consents, assertions, events })
}

pub(super) async fn forget(db: &SqlitePool, what: Forget) -> Outcome<()> {
    let (events, sessions, clients) = rules::forgotten(what);
    // A row that does not read back blocks nobody.
    let unblocked = "DELETE FROM clients
         WHERE CASE WHEN json_valid(data) THEN json_extract(data, '$.blocked_at') END IS NULL";
    let gone = if what == Forget::Everything { "DELETE FROM clients" } else { unblocked };
    let mut tx = write(db).await?;
    // Refresh tokens go with their sessions.
    for (goes, statement) in [
        (events, "DELETE FROM events"),
        (sessions, "DELETE FROM sessions"),
        (clients, gone),
        (clients, "DELETE FROM consents"),
        (sessions || clients, "DELETE FROM grants"),
    ] {
        if goes {
            query(statement).execute(&mut *tx).await?;
        }
    }
    Ok(tx.commit().await?)
}

async fn reap_grants(db: &SqlitePool, bounds: &Bounds, now: Timestamp) -> Outcome<u64> {
    let mut tx = write(db).await?;
    let forgotten =
        query("DELETE FROM grants WHERE forgotten_at <= ?").bind(now.millis()).execute(&mut *tx).await?;
    let evicted = grants::evict(&mut tx, bounds.open_grants, None).await?;
    tx.commit().await?;
    Ok(forgotten.rows_affected() + evicted)
}

async fn reap_clients(db: &SqlitePool, bounds: &Bounds) -> Outcome<u64> {
    let mut tx = write(db).await?;
    let evicted = clients::evict(&mut tx, bounds.unapproved_clients, None).await?;
    tx.commit().await?;
    Ok(evicted)
}

async fn reap_consents(db: &SqlitePool, bounds: &Bounds, now: Timestamp) -> Outcome<u64> {
    let mut tx = write(db).await?;
    let expired =
        query("DELETE FROM consents WHERE expires_at <= ?").bind(now.millis()).execute(&mut *tx).await?;
    let evicted = consents::evict(&mut tx, bounds.consents).await?;
    tx.commit().await?;
    Ok(expired.rows_affected() + evicted)
}

async fn reap_events(db: &SqlitePool, bounds: &Bounds, now: Timestamp) -> Outcome<u64> {
    let mut tx = write(db).await?;
    let kept_from = rules::events_kept_from(bounds, now);
    let old = query("DELETE FROM events WHERE at < ?").bind(kept_from.millis()).execute(&mut *tx).await?;
    let mut gone = old.rows_affected();
    for share in Share::ALL {
        gone += events::cut(&mut tx, share, bounds.events).await?;
    }
    tx.commit().await?;
    Ok(gone)
}
