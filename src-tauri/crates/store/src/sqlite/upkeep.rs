//! Deleting what has expired and what is beyond the bounds.
//!
//! One short transaction per table: requests take their turn in between, and a crash leaves nothing half done that
//! the next round would not finish.

use model::ports::{Bounds, Reaped};
use model::time::Timestamp;
use sqlx::{SqlitePool, query};

use super::row::Outcome;
use super::{clients, events, grants, sessions, write};
use crate::rules::{self, Share};

pub(super) async fn reap(db: &SqlitePool, bounds: &Bounds, now: Timestamp) -> Outcome<Reaped> {
    // Grants before clients: a grant that is gone no longer keeps its client.
    let grants = reap_grants(db, bounds, now).await?;
    let clients = reap_clients(db, bounds).await?;
    let sessions::Forgotten { sessions, refresh_tokens } = sessions::reap(db, now).await?;
    let consents = query("DELETE FROM consents WHERE expires_at <= ?")
        .bind(now.millis())
        .execute(db)
        .await?
        .rows_affected();
    let events = reap_events(db, bounds, now).await?;
    Ok(Reaped { clients, grants, sessions, refresh_tokens, consents, events })
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
