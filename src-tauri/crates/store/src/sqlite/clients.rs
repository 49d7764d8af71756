//! Clients: looked up by id, evicted by age as long as nobody ever approved them.

use model::client::Client;
use model::ids::ClientId;
use model::time::Timestamp;
use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use super::row::{self, Outcome};
use super::write;
use crate::pace::Pace;
use crate::rules;

const WHAT: &str = "client";

pub(super) async fn lookup(db: &SqlitePool, id: &ClientId) -> Outcome<Option<Client>> {
    let data: Option<String> =
        query_scalar("SELECT data FROM clients WHERE id = ?").bind(id.as_str()).fetch_optional(db).await?;
    data.map(|data| row::read(WHAT, id.as_str(), &data)).transpose()
}

pub(super) async fn put(db: &SqlitePool, client: &Client, bound: u32, pace: &Pace) -> Outcome<()> {
    let mut tx = write(db).await?;
    let approved: Option<Option<i64>> = query_scalar("SELECT approved_at FROM clients WHERE id = ?")
        .bind(client.id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let client = rules::keeping_approval(client, approved.flatten().map(Timestamp::from_millis));
    store(&mut tx, &client).await?;
    if pace.due() {
        evict(&mut tx, bound, Some(&client.id)).await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn approve(db: &SqlitePool, id: &ClientId, now: Timestamp) -> Outcome<()> {
    let mut tx = write(db).await?;
    let data: Option<String> = query_scalar("SELECT data FROM clients WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(data) = data else { return Ok(()) };
    let client: Client = row::read(WHAT, id.as_str(), &data)?;
    store(&mut tx, &rules::keeping_approval(&client, Some(now))).await?;
    Ok(tx.commit().await?)
}

/// Newest first.
pub(super) async fn list(db: &SqlitePool) -> Outcome<Vec<Client>> {
    let rows: Vec<(String, String)> =
        query_as("SELECT id, data FROM clients ORDER BY created_at DESC, id DESC").fetch_all(db).await?;
    Ok(rows.iter().filter_map(|(id, data)| row::read_or_skip(WHAT, id, data)).collect())
}

/// Removes the oldest unapproved clients beyond `bound`, but not `spare`, which somebody was just told exists.
pub(super) async fn evict(tx: &mut SqliteConnection, bound: u32, spare: Option<&ClientId>) -> Outcome<u64> {
    let gone = query(
        "DELETE FROM clients WHERE id IN (
             SELECT id FROM clients
             WHERE approved_at IS NULL AND id <> ?2 AND NOT EXISTS (
                 SELECT 1 FROM grants WHERE grants.client = clients.id
                 AND grants.stage IN ('awaiting_consent', 'at_upstream', 'approved'))
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
