//! The auth log: appended in order, read newest first, cut off at its old end.

use std::cmp::Reverse;

use model::event::AuthEvent;
use model::ids::{AttemptId, SessionId};
use model::ports::{AttemptQuery, EventQuery};
use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use super::row::{self, Outcome};
use super::write;
use crate::fit::fitted;
use crate::pace::LogPace;
use crate::rules::{self, Share};

pub(super) async fn append(
    db: &SqlitePool,
    events: &[AuthEvent],
    bound: u32,
    pace: &LogPace,
) -> Outcome<Vec<i64>> {
    let mut tx = write(db).await?;
    let mut positions = Vec::with_capacity(events.len());
    for event in events {
        let event = fitted(event);
        let inserted = query(
            "INSERT INTO events (at, attempt, session, stranger, name, data) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(event.at.millis())
        .bind(event.about.attempt.as_ref().map(AttemptId::as_str))
        .bind(event.about.session.as_ref().map(SessionId::as_str))
        .bind(Share::of(&event) == Share::Strangers)
        .bind(event.kind.name())
        .bind(row::write(&*event))
        .execute(&mut *tx)
        .await?;
        positions.push(inserted.last_insert_rowid());
    }
    for share in pace.due(events) {
        cut(&mut tx, share, bound).await?;
    }
    tx.commit().await?;
    Ok(positions)
}

/// A page shorter than asked for is the last one: rows that do not read back are left out and made up for.
pub(super) async fn list(db: &SqlitePool, query: &EventQuery) -> Outcome<Vec<AuthEvent>> {
    let size = rules::page_size(query.limit);
    let mut page = Vec::with_capacity(size);
    let mut before = query.before.unwrap_or(i64::MAX);
    loop {
        let missing = size - page.len();
        let rows = fetch(db, query, before, missing).await?;
        let more = rows.len() == missing;
        for (seq, data) in rows {
            before = seq;
            let event = row::read_or_skip("event", &seq.to_string(), &data);
            page.extend(event.map(|event| rules::numbered(event, seq)));
        }
        if !more || page.len() == size {
            return Ok(page);
        }
    }
}

pub(super) async fn list_attempts(db: &SqlitePool, asked: &AttemptQuery) -> Outcome<Vec<Vec<AuthEvent>>> {
    let size = rules::page_size(asked.limit);
    let before = asked.before.unwrap_or(i64::MAX);
    let mut attempts = Vec::new();
    for (attempt, last) in newest_attempts(db, asked, before, size).await? {
        let rows: Vec<(i64, String)> = query_as(
            "SELECT seq, data FROM events WHERE attempt = ?1 AND seq IN (
                 SELECT min(seq) FROM events WHERE attempt = ?1 GROUP BY name
                 UNION SELECT max(seq) FROM events WHERE attempt = ?1 GROUP BY name)
             ORDER BY seq",
        )
        .bind(&attempt)
        .fetch_all(db)
        .await?;
        let read = |(seq, data): (i64, String)| {
            let event = row::read_or_skip("event", &seq.to_string(), &data)?;
            Some(rules::numbered(event, seq))
        };
        let events: Vec<AuthEvent> = rows.into_iter().filter_map(read).collect();
        if !events.is_empty() {
            attempts.push((last, events));
        }
    }
    attempts.sort_by_key(|(last, _)| Reverse(*last));
    attempts.truncate(size);
    Ok(attempts.into_iter().map(|(_, events)| events).collect())
}

/// Attempts with the position of their last event.
async fn newest_attempts(
    db: &SqlitePool,
    asked: &AttemptQuery,
    before: i64,
    limit: usize,
) -> Outcome<Vec<(String, i64)>> {
    if asked.only.is_empty() {
        let newest = query_as(
            "SELECT attempt, max(seq) FROM events WHERE attempt IS NOT NULL GROUP BY attempt
             HAVING max(seq) < ? ORDER BY max(seq) DESC LIMIT ?",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        return Ok(newest.bind(before).bind(limit).fetch_all(db).await?);
    }
    let mut found = Vec::with_capacity(asked.only.len());
    for attempt in &asked.only {
        let last: Option<i64> = query_scalar("SELECT max(seq) FROM events WHERE attempt = ?")
            .bind(attempt.as_str())
            .fetch_one(db)
            .await?;
        found.extend(last.filter(|last| *last < before).map(|last| (attempt.as_str().to_owned(), last)));
    }
    Ok(found)
}

/// Removes the oldest of a share beyond its part of `bound`. The two lie mixed, so the newest one too many is counted
/// down to.
pub(super) async fn cut(tx: &mut SqliteConnection, share: Share, bound: u32) -> Outcome<u64> {
    let gone = query(
        "DELETE FROM events WHERE stranger = ?1 AND seq <= (
             SELECT seq FROM events WHERE stranger = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(share == Share::Strangers)
    .bind(i64::from(share.bound(bound)))
    .execute(tx)
    .await?;
    Ok(gone.rows_affected())
}

/// One statement per filter, so that each can use its index.
async fn fetch(
    db: &SqlitePool,
    asked: &EventQuery,
    before: i64,
    limit: usize,
) -> Outcome<Vec<(i64, String)>> {
    let attempt = asked.attempt.as_ref().map(AttemptId::as_str);
    let session = asked.session.as_ref().map(SessionId::as_str);
    let statement = match (attempt, session) {
        (None, None) => query_as("SELECT seq, data FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?"),
        (Some(attempt), None) => {
            query_as("SELECT seq, data FROM events WHERE attempt = ? AND seq < ? ORDER BY seq DESC LIMIT ?")
                .bind(attempt)
        }
        (None, Some(session)) => {
            query_as("SELECT seq, data FROM events WHERE session = ? AND seq < ? ORDER BY seq DESC LIMIT ?")
                .bind(session)
        }
        (Some(attempt), Some(session)) => query_as(
            "SELECT seq, data FROM events WHERE attempt = ? AND session = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
        )
        .bind(attempt)
        .bind(session),
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(statement.bind(before).bind(limit).fetch_all(db).await?)
}
