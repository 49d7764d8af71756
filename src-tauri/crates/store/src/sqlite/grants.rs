//! Grants: found by id and by code, replaced by compare and swap on their revision.

use model::grant::Grant;
use model::ids::{GrantId, TokenHash};
use model::ports::Swap;
use model::time::Timestamp;
use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use super::row::{self, Outcome};
use super::write;
use crate::pace::Pace;
use crate::rules;

const WHAT: &str = "grant";

pub(super) async fn add(db: &SqlitePool, grant: &Grant, bound: u32, pace: &Pace) -> Outcome<()> {
    let mut tx = write(db).await?;
    query(
        "INSERT INTO grants (id, revision, stage, client, code, created_at, forgotten_at, code_awaited_until, data)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(grant.id.as_str())
    .bind(i64::from(grant.revision))
    .bind(rules::stage_name(&grant.stage))
    .bind(grant.client.as_str())
    .bind(grant.code().map(|code| code.to_text()))
    .bind(grant.created_at.millis())
    .bind(grant.forgotten_at().millis())
    .bind(grant.code_awaited_until().map(Timestamp::millis))
    .bind(row::write(grant))
    .execute(&mut *tx)
    .await?;
    if pace.due() {
        evict(&mut tx, bound, Some(&grant.id)).await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn lookup(db: &SqlitePool, id: &GrantId) -> Outcome<Option<Grant>> {
    let data: Option<String> =
        query_scalar("SELECT data FROM grants WHERE id = ?").bind(id.as_str()).fetch_optional(db).await?;
    data.map(|data| row::read(WHAT, id.as_str(), &data)).transpose()
}

pub(super) async fn find_by_code(db: &SqlitePool, code: &TokenHash) -> Outcome<Option<Grant>> {
    let found: Option<(String, String)> = query_as("SELECT id, data FROM grants WHERE code = ?")
        .bind(code.to_text())
        .fetch_optional(db)
        .await?;
    found.map(|(id, data)| row::read(WHAT, &id, &data)).transpose()
}

pub(super) async fn list_pairings(db: &SqlitePool, now: Timestamp) -> Outcome<Vec<Grant>> {
    let found: Vec<(String, String)> = query_as(
        "SELECT id, data FROM grants WHERE code_awaited_until > ?
         ORDER BY code_awaited_until DESC, id DESC LIMIT ?",
    )
    .bind(now.millis())
    .bind(i64::try_from(rules::MOST_PAIRINGS).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(found.iter().filter_map(|(id, data)| row::read_or_skip(WHAT, id, data)).collect())
}

/// One statement, so it is atomic with or without a transaction around it.
pub(super) async fn advance(tx: &mut SqliteConnection, grant: &Grant) -> Outcome<Swap> {
    let changed = query(
        "UPDATE grants SET revision = ?, stage = ?, client = ?, code = ?, created_at = ?, forgotten_at = ?,
             code_awaited_until = ?, data = ?
         WHERE id = ? AND revision = ?",
    )
    .bind(i64::from(grant.revision))
    .bind(rules::stage_name(&grant.stage))
    .bind(grant.client.as_str())
    .bind(grant.code().map(|code| code.to_text()))
    .bind(grant.created_at.millis())
    .bind(grant.forgotten_at().millis())
    .bind(grant.code_awaited_until().map(Timestamp::millis))
    .bind(row::write(grant))
    .bind(grant.id.as_str())
    .bind(i64::from(grant.revision) - 1)
    .execute(tx)
    .await?;
    Ok(if changed.rows_affected() == 1 { Swap::Done } else { Swap::Lost })
}

/// Removes the oldest grants nobody signed in for beyond `bound`, but not `spare`, whose page is about to be shown;
/// those newest at the identity provider last.
pub(super) async fn evict(tx: &mut SqliteConnection, bound: u32, spare: Option<&GrantId>) -> Outcome<u64> {
    let gone = query(
        "WITH unproven AS (
             SELECT id, created_at,
                 stage = 'at_upstream' AND ?3 >= row_number() OVER (
                     PARTITION BY stage = 'at_upstream' ORDER BY created_at DESC, id DESC) AS last
             FROM grants WHERE stage IN ('awaiting_consent', 'at_upstream', 'closed'))
         DELETE FROM grants WHERE id IN (
             SELECT id FROM unproven WHERE id <> ?2
             ORDER BY last, created_at, id
             LIMIT max(0, (SELECT count(*) FROM unproven) - ?1))",
    )
    .bind(i64::from(bound))
    .bind(spare.map_or("", GrantId::as_str))
    .bind(i64::from(rules::spared_at_upstream(bound)))
    .execute(tx)
    .await?;
    Ok(gone.rows_affected())
}
