//! Client assertions that were used: each counts once.

use model::ids::TokenHash;
use model::ports::{AssertionUse, Swap};
use model::time::Timestamp;
use sqlx::{SqlitePool, query, query_as};

use super::row::Outcome;
use super::write;

pub(super) async fn consume(db: &SqlitePool, used: &AssertionUse) -> Outcome<Swap> {
    let mut tx = write(db).await?;
    let before: Option<(String, i64, i64)> =
        query_as("SELECT request, used_at, expires_at FROM assertions WHERE hash = ?")
            .bind(used.id.to_text())
            .fetch_optional(&mut *tx)
            .await?;
    if let Some((request, at, until)) = before {
        let again = TokenHash::from_text(&request).is_some_and(|request| {
            let (at, until) = (Timestamp::from_millis(at), Timestamp::from_millis(until));
            used.repeats(&AssertionUse { id: used.id, request, at, until })
        });
        return Ok(if again { Swap::Done } else { Swap::Lost });
    }
    query("INSERT INTO assertions (hash, request, used_at, expires_at) VALUES (?, ?, ?, ?)")
        .bind(used.id.to_text())
        .bind(used.request.to_text())
        .bind(used.at.millis())
        .bind(used.until.millis())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Swap::Done)
}

pub(super) async fn reap(db: &SqlitePool, now: Timestamp) -> Outcome<u64> {
    let gone = query("DELETE FROM assertions WHERE expires_at <= ?").bind(now.millis()).execute(db).await?;
    Ok(gone.rows_affected())
}
