//! Sessions and their refresh tokens: opened, refreshed and ended, each in one transaction.

use model::grant::Grant;
use model::ids::{ClientId, SessionId, TokenHash};
use model::keys::Sealed;
use model::person::PersonId;
use model::ports::Swap;
use model::session::{Ended, RefreshToken, RefreshTrouble, RefreshUse, Session};
use model::time::Timestamp;
use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use super::row::{self, Outcome};
use super::{clients, grants, write};
use crate::rules;

const WHAT: &str = "session";
const TOKEN: &str = "refresh token";

/// How many [`reap`] removed.
pub(super) struct Forgotten {
    pub(super) sessions: u64,
    pub(super) refresh_tokens: u64,
}

pub(super) async fn open(
    db: &SqlitePool,
    grant: &Grant,
    session: &Session,
    refresh: &RefreshToken,
) -> Outcome<Swap> {
    let mut tx = write(db).await?;
    if clients::is_blocked(&mut tx, &session.client).await?
        || grants::advance(&mut tx, grant).await? == Swap::Lost
    {
        return Ok(Swap::Lost);
    }
    query("INSERT INTO sessions (id, state, created_at, expires_at, data) VALUES (?, ?, ?, ?, ?)")
        .bind(session.id.as_str())
        .bind(rules::state_name(session))
        .bind(session.created_at.millis())
        .bind(rules::session_until(session).millis())
        .bind(row::write(session))
        .execute(&mut *tx)
        .await?;
    add_refresh(&mut tx, refresh, session).await?;
    clients::approve(&mut tx, &session.client, session.created_at).await?;
    tx.commit().await?;
    Ok(Swap::Done)
}

pub(super) async fn lookup(db: &SqlitePool, id: &SessionId) -> Outcome<Option<Session>> {
    load(&mut *db.acquire().await?, id).await
}

/// Newest first.
pub(super) async fn list(db: &SqlitePool) -> Outcome<Vec<Session>> {
    let rows: Vec<(String, String)> =
        query_as("SELECT id, data FROM sessions ORDER BY created_at DESC, id DESC").fetch_all(db).await?;
    Ok(rows.iter().filter_map(|(id, data)| row::read_or_skip(WHAT, id, data)).collect())
}

/// By the index, so a `sid` that nobody has reads no session.
pub(super) async fn find_by_upstream(db: &SqlitePool, sid: &TokenHash) -> Outcome<Vec<Session>> {
    let rows: Vec<(String, String)> = query_as(
        "SELECT id, data FROM sessions WHERE upstream_sid = ? AND state = 'live' ORDER BY created_at DESC, id DESC",
    ).bind(sid.to_text()).fetch_all(db).await?;
    Ok(rows.iter().filter_map(|(id, data)| row::read_or_skip(WHAT, id, data)).collect())
}

pub(super) async fn touch(db: &SqlitePool, id: &SessionId, active_at: Timestamp, calls: u64) -> Outcome<()> {
    let mut tx = write(db).await?;
    if let Some(session) = load(&mut tx, id).await? {
        store(&mut tx, &rules::touched(session, active_at, calls)).await?;
        tx.commit().await?;
    }
    Ok(())
}

pub(super) async fn note_trouble(db: &SqlitePool, id: &SessionId, trouble: &RefreshTrouble) -> Outcome<()> {
    let mut tx = write(db).await?;
    if let Some(session) = load(&mut tx, id).await?.filter(Session::is_live) {
        store(&mut tx, &rules::troubled(session, trouble)).await?;
        tx.commit().await?;
    }
    Ok(())
}

pub(super) async fn keep_challenge(db: &SqlitePool, id: &SessionId, challenge: &Sealed) -> Outcome<()> {
    let mut tx = write(db).await?;
    if let Some(session) = load(&mut tx, id).await?.filter(Session::is_live) {
        store(&mut tx, &rules::challenged(session, challenge)).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Asked at every sign-in, so what keeps no challenge is passed over before it is read.
pub(super) async fn take_challenge(
    db: &SqlitePool,
    client: &ClientId,
    person: &PersonId,
) -> Outcome<Option<Session>> {
    let mut tx = write(db).await?;
    let rows: Vec<(String, String)> = query_as(
        "SELECT id, data FROM sessions WHERE state = 'ended'
         AND CASE WHEN json_valid(data) THEN json_extract(data, '$.challenge') END IS NOT NULL",
    )
    .fetch_all(&mut *tx)
    .await?;
    let sessions = rows.iter().filter_map(|(id, data)| row::read_or_skip::<Session>(WHAT, id, data));
    let mut found: Vec<_> = sessions
        .filter(|session| session.client == *client)
        .filter_map(|session| Some((session.challenged_at(person)?, session)))
        .collect();
    for (_, session) in &found {
        store(&mut tx, &rules::unchallenged(session.clone())).await?;
    }
    tx.commit().await?;
    found.sort_by_key(|(at, _)| *at);
    Ok(found.pop().map(|(_, session)| session))
}

pub(super) async fn find_refresh(db: &SqlitePool, hash: &TokenHash) -> Outcome<Option<RefreshToken>> {
    load_refresh(&mut *db.acquire().await?, hash).await
}

pub(super) async fn rotate(
    db: &SqlitePool,
    old: &TokenHash,
    answer: &Sealed,
    new: &RefreshToken,
    session: &Session,
    now: Timestamp,
) -> Outcome<Swap> {
    let mut tx = write(db).await?;
    let Some(old) = load_refresh(&mut tx, old).await? else { return Ok(Swap::Lost) };
    let stored = load(&mut tx, &old.session).await?;
    let Some(stored) = stored.filter(|stored| rules::may_rotate(&old, stored, session)) else {
        return Ok(Swap::Lost);
    };
    let used = RefreshToken { used: Some(RefreshUse { at: now, answer: None }), ..old };
    query("UPDATE refresh_tokens SET used_at = ?, answer = ?, expires_at = ?, data = ? WHERE hash = ?")
        .bind(now.millis())
        .bind(row::write(answer))
        .bind(rules::refresh_until(&used, &stored).millis())
        .bind(row::write(&used))
        .bind(used.hash.to_text())
        .execute(&mut *tx)
        .await?;
    add_refresh(&mut tx, new, &stored).await?;
    query(
        "UPDATE refresh_tokens SET answer = NULL WHERE session = ? AND answer IS NOT NULL AND used_at <= ?",
    )
    .bind(stored.id.as_str())
    .bind(rules::unanswered_from(now).millis())
    .execute(&mut *tx)
    .await?;
    store(&mut tx, &rules::refreshed(stored, session)).await?;
    tx.commit().await?;
    Ok(Swap::Done)
}

pub(super) async fn end(
    db: &SqlitePool,
    id: &SessionId,
    why: &Ended,
    now: Timestamp,
) -> Outcome<Option<Session>> {
    let mut tx = write(db).await?;
    let Some(session) = load(&mut tx, id).await?.filter(Session::is_live) else { return Ok(None) };
    close(&mut tx, session.clone(), why, now).await?;
    tx.commit().await?;
    Ok(Some(session))
}

/// Forgets stale answers, ends what was not refreshed in time, and forgets tokens and sessions whose time is over.
pub(super) async fn reap(db: &SqlitePool, now: Timestamp) -> Outcome<Forgotten> {
    let mut tx = write(db).await?;
    query("UPDATE refresh_tokens SET answer = NULL WHERE answer IS NOT NULL AND used_at <= ?")
        .bind(rules::unanswered_from(now).millis())
        .execute(&mut *tx)
        .await?;
    let expired: Vec<(String, String)> =
        query_as("SELECT id, data FROM sessions WHERE state = 'live' AND expires_at <= ?")
            .bind(now.millis())
            .fetch_all(&mut *tx)
            .await?;
    for (id, data) in &expired {
        if let Some(session) = row::read_or_skip(WHAT, id, data) {
            close(&mut tx, session, &Ended::Expired, now).await?;
        }
    }
    // Tokens after the ending, which prolongs them, and before their sessions, which would take them along uncounted.
    let refresh_tokens = query("DELETE FROM refresh_tokens WHERE expires_at <= ?")
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
    let sessions = query("DELETE FROM sessions WHERE state = 'ended' AND expires_at <= ?")
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Forgotten { sessions: sessions.rows_affected(), refresh_tokens: refresh_tokens.rows_affected() })
}

async fn close(tx: &mut SqliteConnection, session: Session, why: &Ended, now: Timestamp) -> Outcome<()> {
    let session = rules::ended(session, why, now);
    query("UPDATE refresh_tokens SET answer = NULL, expires_at = ? WHERE session = ?")
        .bind(rules::session_until(&session).millis())
        .bind(session.id.as_str())
        .execute(&mut *tx)
        .await?;
    store(tx, &session).await
}

async fn load(db: &mut SqliteConnection, id: &SessionId) -> Outcome<Option<Session>> {
    let data: Option<String> =
        query_scalar("SELECT data FROM sessions WHERE id = ?").bind(id.as_str()).fetch_optional(db).await?;
    data.map(|data| row::read(WHAT, id.as_str(), &data)).transpose()
}

async fn store(tx: &mut SqliteConnection, session: &Session) -> Outcome<()> {
    query("UPDATE sessions SET state = ?, expires_at = ?, data = ? WHERE id = ?")
        .bind(rules::state_name(session))
        .bind(rules::session_until(session).millis())
        .bind(row::write(session))
        .bind(session.id.as_str())
        .execute(tx)
        .await?;
    Ok(())
}

async fn load_refresh(db: &mut SqliteConnection, hash: &TokenHash) -> Outcome<Option<RefreshToken>> {
    let found: Option<(String, Option<String>)> =
        query_as("SELECT data, answer FROM refresh_tokens WHERE hash = ?")
            .bind(hash.to_text())
            .fetch_optional(db)
            .await?;
    let Some((data, answer)) = found else { return Ok(None) };
    let id = format!("{hash:?}");
    let mut token: RefreshToken = row::read(TOKEN, &id, &data)?;
    if let Some(used) = &mut token.used {
        used.answer = answer.map(|answer| row::read(TOKEN, &id, &answer)).transpose()?;
    }
    Ok(Some(token))
}

/// A token of `session`, not used yet.
async fn add_refresh(tx: &mut SqliteConnection, token: &RefreshToken, session: &Session) -> Outcome<()> {
    query("INSERT INTO refresh_tokens (hash, session, expires_at, data) VALUES (?, ?, ?, ?)")
        .bind(token.hash.to_text())
        .bind(token.session.as_str())
        .bind(rules::refresh_until(token, session).millis())
        .bind(row::write(token))
        .execute(tx)
        .await?;
    Ok(())
}
