//! Client assertions that were used: each counts once.

use model::ids::TokenHash;
use model::ports::Swap;
use model::time::Timestamp;
use sqlx::{SqlitePool, query};

use super::row::Outcome;

pub(super) async fn consume(db: &SqlitePool, assertion: &TokenHash, expires_at: Timestamp) -> Outcome<Swap> {
    let added =
        query("INSERT INTO assertions (hash, expires_at) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING")
            .bind(assertion.to_text())
            .bind(expires_at.millis())
            .execute(db)
            .await?;
    Ok(if added.rows_affected() == 1 { Swap::Done } else { Swap::Lost })
}

pub(super) async fn reap(db: &SqlitePool, now: Timestamp) -> Outcome<u64> {
    let gone = query("DELETE FROM assertions WHERE expires_at <= ?").bind(now.millis()).execute(db).await?;
    Ok(gone.rows_affected())
}
