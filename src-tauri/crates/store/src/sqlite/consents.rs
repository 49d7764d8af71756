//! Remembered consents: one per browser, client and redirect URI.

use model::consent::Consent;
use model::ids::{ClientId, TokenHash};
use sqlx::{SqliteConnection, SqlitePool, query, query_scalar};

use super::row::{self, Outcome};
use super::write;
use crate::pace::Pace;

pub(super) async fn put(db: &SqlitePool, consent: &Consent, bound: u32, pace: &Pace) -> Outcome<()> {
    let mut tx = write(db).await?;
    query(
        "INSERT INTO consents (browser, client, redirect_uri, expires_at, data) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (browser, client, redirect_uri) DO UPDATE
         SET expires_at = excluded.expires_at, data = excluded.data",
    )
    .bind(consent.browser.to_text())
    .bind(consent.client.as_str())
    .bind(&consent.redirect_uri)
    .bind(consent.expires_at.millis())
    .bind(row::write(consent))
    .execute(&mut *tx)
    .await?;
    if pace.due() {
        evict(&mut tx, bound).await?;
    }
    Ok(tx.commit().await?)
}

/// All live equally long, so the oldest are those that end first.
pub(super) async fn evict(tx: &mut SqliteConnection, bound: u32) -> Outcome<u64> {
    let gone = query(
        "DELETE FROM consents WHERE rowid IN (
             SELECT rowid FROM consents ORDER BY expires_at, browser, client, redirect_uri
             LIMIT max(0, (SELECT count(*) FROM consents) - ?))",
    )
    .bind(i64::from(bound))
    .execute(tx)
    .await?;
    Ok(gone.rows_affected())
}

pub(super) async fn find(
    db: &SqlitePool,
    browser: &TokenHash,
    client: &ClientId,
    redirect_uri: &str,
) -> Outcome<Option<Consent>> {
    let data: Option<String> =
        query_scalar("SELECT data FROM consents WHERE browser = ? AND client = ? AND redirect_uri = ?")
            .bind(browser.to_text())
            .bind(client.as_str())
            .bind(redirect_uri)
            .fetch_optional(db)
            .await?;
    data.map(|data| row::read("consent", client.as_str(), &data)).transpose()
}

pub(super) async fn forget(db: &SqlitePool, browser: &TokenHash, client: &ClientId) -> Outcome<()> {
    query("DELETE FROM consents WHERE browser = ? AND client = ?")
        .bind(browser.to_text())
        .bind(client.as_str())
        .execute(db)
        .await?;
    Ok(())
}
