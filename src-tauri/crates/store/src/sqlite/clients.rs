//! Clients: looked up by id, evicted by age as long as nobody ever approved them.

use model::client::Client;
use model::ids::ClientId;
use model::ports::ClientQuery;
use model::time::Timestamp;
use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use super::row::{self, Outcome};
use super::write;
use crate::pace::Pace;
use crate::rules::{self, Decided};

const WHAT: &str = "client";

pub(super) async fn lookup(db: &SqlitePool, id: &ClientId) -> Outcome<Option<Client>> {
    let data: Option<String> =
        query_scalar("SELECT data FROM clients WHERE id = ?").bind(id.as_str()).fetch_optional(db).await?;
    data.map(|data| row::read(WHAT, id.as_str(), &data)).transpose()
}

pub(super) async fn put(db: &SqlitePool, client: &Client, bound: u32, pace: &Pace) -> Outcome<()> {
    let mut tx = write(db).await?;
    // Not the whole row: one that does not read back is mended by being replaced.
    let decided: Option<(Option<i64>, Option<i64>)> = query_as(
        "SELECT approved_at, CASE WHEN json_valid(data) THEN json_extract(data, '$.blocked_at') END
         FROM clients WHERE id = ?",
    )
    .bind(client.id.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let kept = decided.map(|(approved_at, blocked_at)| Decided {
        approved_at: approved_at.map(Timestamp::from_millis),
        blocked_at: blocked_at.map(Timestamp::from_millis),
    });
    let client = kept.map_or_else(|| client.clone(), |kept| rules::keeping_decisions(client, kept));
    store(&mut tx, &client).await?;
    if pace.due() {
        evict(&mut tx, bound, Some(&client.id)).await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn approve(tx: &mut SqliteConnection, id: &ClientId, now: Timestamp) -> Outcome<()> {
    let data: Option<String> = query_scalar("SELECT data FROM clients WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(data) = data else { return Ok(()) };
    let client: Client = row::read(WHAT, id.as_str(), &data)?;
    store(tx, &rules::approved(client, now)).await
}

pub(super) async fn block(db: &SqlitePool, id: &ClientId, since: Option<Timestamp>) -> Outcome<bool> {
    let mut tx = write(db).await?;
    let data: Option<String> = query_scalar("SELECT data FROM clients WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(data) = data else { return Ok(false) };
    let client: Client = row::read(WHAT, id.as_str(), &data)?;
    store(&mut tx, &Client { blocked_at: since, ..client }).await?;
    tx.commit().await?;
    Ok(true)
}

pub(super) async fn is_blocked(tx: &mut SqliteConnection, id: &ClientId) -> Outcome<bool> {
    let blocked: Option<bool> = query_scalar(
        "SELECT json_valid(data) AND json_extract(data, '$.blocked_at') IS NOT NULL FROM clients WHERE id = ?",
    )
    .bind(id.as_str())
    .fetch_optional(tx)
    .await?;
    Ok(blocked.unwrap_or(false))
}

/// In the order of [`rules::in_listing_order`]: SQLite takes NULL for the smallest, so those never approved come last.
pub(super) async fn list(db: &SqlitePool, asked: &ClientQuery) -> Outcome<Vec<Client>> {
    let rows: Vec<(String, String)> = query_as(
        "SELECT id, data FROM clients WHERE approved_at IS NOT NULL OR NOT ?
         ORDER BY approved_at DESC, created_at DESC, id DESC LIMIT ?",
    )
    .bind(asked.approved_only)
    .bind(i64::try_from(rules::page_size(asked.limit)).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(rows.iter().filter_map(|(id, data)| row::read_or_skip(WHAT, id, data)).collect())
}

/// Removes the oldest unapproved clients beyond `bound`, but not `spare`, which somebody was just told exists.
pub(super) async fn evict(tx: &mut SqliteConnection, bound: u32, spare: Option<&ClientId>) -> Outcome<u64> {
    let gone = query(
        "DELETE FROM clients WHERE id IN (
             SELECT id FROM clients
             WHERE approved_at IS NULL AND id <> ?2
             AND CASE WHEN json_valid(data) THEN json_extract(data, '$.blocked_at') END IS NULL
             AND NOT EXISTS (
                 SELECT 1 FROM grants WHERE grants.client = clients.id
                 AND grants.stage IN ('awaiting_consent', 'at_upstream', 'approved'))
             AND NOT EXISTS (
                 SELECT 1 FROM sessions WHERE sessions.client = clients.id AND sessions.state = 'live')
             ORDER BY created_at, id
             LIMIT max(0, (SELECT count(*) FROM clients WHERE approved_at IS NULL) - ?1))",
    )
    .bind(i64::from(bound))
    .bind(spare.map_or("", ClientId::as_str))
    .execute(tx)
    .await?;
    Ok(gone.rows_affected())
}

async fn store(tx: &mut SqliteConnection, client: &Client) -> Outcome<()> {
    query(
        "INSERT INTO clients (id, created_at, approved_at, data) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE
         SET created_at = excluded.created_at, approved_at = excluded.approved_at, data = excluded.data",
    )
    .bind(client.id.as_str())
    .bind(client.created_at.millis())
    .bind(client.approved_at.map(Timestamp::millis))
    .bind(row::write(client))
    .execute(tx)
    .await?;
    Ok(())
}
