//! The store in one SQLite file.
//!
//! One connection writes, so writers queue here instead of failing with `SQLITE_BUSY`; a few read beside it (WAL).
//! What was acknowledged survives the process being killed at any point. `synchronous = NORMAL` leaves out the sync
//! of every commit, so a power cut can lose the last moments, though never damage the file: people would sign in
//! again. That is chosen over waiting for the disk several times in every sign-in.

mod assertions;
mod clients;
mod consents;
mod events;
mod grants;
mod row;
mod sessions;
mod upkeep;

use std::io;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use model::client::Client;
use model::consent::Consent;
use model::event::AuthEvent;
use model::grant::Grant;
use model::ids::{ClientId, GrantId, SessionId, TokenHash};
use model::keys::Sealed;
use model::person::PersonId;
use model::ports::{
    AssertionUse, AttemptQuery, Bounds, ClientQuery, EventQuery, Forget, Reaped, Store, StoreError, Swap,
};
use model::session::{Ended, RefreshToken, RefreshTrouble, Session};
use model::time::Timestamp;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Sqlite, SqlitePool, Transaction, query, query_scalar};

use crate::keyfile::create_private;
use crate::pace::{LogPace, Pace};
use row::{Failure, Outcome};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 4;
/// How long a write waits for its turn, and for another process that has the file locked.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts to open a file that somebody else is just making; that takes a few milliseconds.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    bounds: Bounds,
    client_pace: Pace,
    grant_pace: Pace,
    consent_pace: Pace,
    log_pace: LogPace,
}

/// Why the database is not to be used with this master key.
#[derive(Debug, thiserror::Error)]
pub enum BindKeyError {
    #[error(
        "this database was sealed with another master key (`{sealed_with}`, not `{given}`); \
         put that key back, or move the database away to start afresh"
    )]
    OtherKey { sealed_with: String, given: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

// === impl SqliteStore ===

impl SqliteStore {
    /// Opens the file, makes it if it is not there (readable by its owner only), and brings its tables up to date.
    ///
    /// `Corrupt` if the file is no database, or one of a newer version; `Unavailable` if it cannot be opened now.
    pub async fn open(path: &Path, bounds: Bounds) -> Result<Self, StoreError> {
        make_private(path)
            .map_err(|error| StoreError::Unavailable(format!("cannot make `{}`: {error}", path.display())))?;
        let options = connect_options(path);
        let writer = tokio::time::timeout(PATIENCE, connect(&options)).await.map_err(|_| {
            StoreError::Unavailable(format!("`{}` is locked by another process", path.display()))
        })??;
        migrate(&writer, path).await?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self {
            writer,
            readers,
            bounds,
            client_pace: Pace::new(bounds.unapproved_clients),
            grant_pace: Pace::new(bounds.open_grants),
            consent_pace: Pace::new(bounds.consents),
            log_pace: LogPace::new(bounds.events),
        })
    }

    /// Binds the database to a master key: remembers its id the first time, and compares ever after.
    pub async fn bind_key(&self, key_id: &str) -> Result<(), BindKeyError> {
        query("INSERT INTO meta (key, value) VALUES ('key_id', ?) ON CONFLICT (key) DO NOTHING")
            .bind(key_id)
            .execute(&self.writer)
            .await
            .map_err(|error| StoreError::from(Failure::from(error)))?;
        match self.bound_key().await? {
            Some(sealed_with) if sealed_with != key_id => {
                Err(BindKeyError::OtherKey { sealed_with, given: key_id.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Id of the master key this database needs; `None` if nothing was ever sealed for it.
    pub async fn bound_key(&self) -> Result<Option<String>, StoreError> {
        let id =
            query_scalar("SELECT value FROM meta WHERE key = 'key_id'").fetch_optional(&self.readers).await;
        Ok(id.map_err(Failure::from)?)
    }

    /// Finishes what runs, moves the log into the file, and lets go of it. Whatever is asked later is `Unavailable`.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        let checkpoint = query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await;
        self.writer.close().await;
        checkpoint.map_err(Failure::from)?;
        Ok(())
    }
}

/// The write lock from the start: a transaction that reads first and writes later could not wait for it.
async fn write(db: &SqlitePool) -> Outcome<Transaction<'static, Sqlite>> {
    Ok(db.begin_with("BEGIN IMMEDIATE").await?)
}

/// Turning a new file to WAL upgrades a read lock, where SQLite does not wait: two doing so would wait for each
/// other. So of two processes starting on the same new file one may hear `SQLITE_BUSY` at once, and asks again.
async fn connect(options: &SqliteConnectOptions) -> Outcome<SqlitePool> {
    loop {
        match pool(1).connect_with(options.clone()).await {
            Err(error) if row::is_busy(&error) => tokio::time::sleep(PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
}

/// All of it under the write lock: sqlx takes none for SQLite, and two processes may start on the same new file.
async fn migrate(db: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let mut tx = write(db).await?;
    MIGRATIONS.run_direct(None, &mut *tx, false).await.map_err(|error| not_migrated(path, error))?;
    tx.commit().await.map_err(Failure::from)?;
    Ok(())
}

/// SQLite would make the file under the umask; `-wal` and `-shm` take over the mode of the file itself.
fn make_private(path: &Path) -> io::Result<()> {
    match create_private(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
}

/// A local file does not go stale: connections are neither tested nor renewed.
fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn not_migrated(path: &Path, error: MigrateError) -> StoreError {
    let path = path.display();
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => StoreError::Corrupt {
            what: "database",
            detail: format!(
                "`{path}` was made by another version of this program ({error}); run that version, \
                 or move the file away to start afresh"
            ),
        },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Failure::from(error).into()
        }
        error => StoreError::Unavailable(format!("`{path}` cannot be brought up to date: {error}")),
    }
}

// === impl Store ===

#[async_trait]
impl Store for SqliteStore {
    async fn lookup_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        Ok(clients::lookup(&self.readers, id).await?)
    }

    async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        Ok(clients::put(&self.writer, client, self.bounds.unapproved_clients, &self.client_pace).await?)
    }

    async fn approve_client(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = write(&self.writer).await?;
        clients::approve(&mut tx, id, now).await?;
        Ok(tx.commit().await.map_err(Failure::from)?)
    }

    async fn block_client(&self, id: &ClientId, since: Option<Timestamp>) -> Result<bool, StoreError> {
        Ok(clients::block(&self.writer, id, since).await?)
    }

    async fn list_clients(&self, query: &ClientQuery) -> Result<Vec<Client>, StoreError> {
        Ok(clients::list(&self.readers, query).await?)
    }

    async fn add_grant(&self, grant: &Grant) -> Result<(), StoreError> {
        Ok(grants::add(&self.writer, grant, self.bounds.open_grants, &self.grant_pace).await?)
    }

    async fn lookup_grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        Ok(grants::lookup(&self.readers, id).await?)
    }

    async fn find_grant_by_code(&self, code: &TokenHash) -> Result<Option<Grant>, StoreError> {
        Ok(grants::find_by_code(&self.readers, code).await?)
    }

    async fn list_pairings(&self, now: Timestamp) -> Result<Vec<Grant>, StoreError> {
        Ok(grants::list_pairings(&self.readers, now).await?)
    }

    async fn advance_grant(&self, grant: &Grant) -> Result<Swap, StoreError> {
        let mut tx = write(&self.writer).await?;
        let swap = grants::advance(&mut tx, grant).await?;
        tx.commit().await.map_err(Failure::from)?;
        Ok(swap)
    }

    async fn open_session(
        &self,
        grant: &Grant,
        session: &Session,
        refresh: &RefreshToken,
    ) -> Result<Swap, StoreError> {
        Ok(sessions::open(&self.writer, grant, session, refresh).await?)
    }

    async fn lookup_session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        Ok(sessions::lookup(&self.readers, id).await?)
    }

    async fn list_sessions(&self) -> Result<Vec<Session>, StoreError> {
        Ok(sessions::list(&self.readers).await?)
    }

    async fn find_sessions_by_upstream(&self, sid: &TokenHash) -> Result<Vec<Session>, StoreError> {
        Ok(sessions::find_by_upstream(&self.readers, sid).await?)
    }

    async fn touch_session(
        &self,
        id: &SessionId,
        active_at: Timestamp,
        calls: u64,
    ) -> Result<(), StoreError> {
        Ok(sessions::touch(&self.writer, id, active_at, calls).await?)
    }

    async fn note_trouble(&self, id: &SessionId, trouble: &RefreshTrouble) -> Result<(), StoreError> {
        Ok(sessions::note_trouble(&self.writer, id, trouble).await?)
    }

    async fn find_refresh(&self, hash: &TokenHash) -> Result<Option<RefreshToken>, StoreError> {
        Ok(sessions::find_refresh(&self.readers, hash).await?)
    }

    async fn rotate_refresh(
        &self,
        old: &TokenHash,
        answer: &Sealed,
        new: &RefreshToken,
        session: &Session,
        now: Timestamp,
    ) -> Result<Swap, StoreError> {
        Ok(sessions::rotate(&self.writer, old, answer, new, session, now).await?)
    }

    async fn end_session(
        &self,
        id: &SessionId,
        why: &Ended,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        Ok(sessions::end(&self.writer, id, why, now).await?)
    }

    async fn keep_challenge(&self, id: &SessionId, challenge: &Sealed) -> Result<(), StoreError> {
        Ok(sessions::keep_challenge(&self.writer, id, challenge).await?)
    }

    async fn take_challenge(
        &self,
        client: &ClientId,
        person: &PersonId,
    ) -> Result<Option<Session>, StoreError> {
        Ok(sessions::take_challenge(&self.writer, client, person).await?)
    }

    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError> {
        Ok(consents::put(&self.writer, consent, self.bounds.consents, &self.consent_pace).await?)
    }

    async fn find_consent(
        &self,
        browser: &TokenHash,
        client: &ClientId,
        redirect_uri: &str,
    ) -> Result<Option<Consent>, StoreError> {
        Ok(consents::find(&self.readers, browser, client, redirect_uri).await?)
    }

    async fn forget_consent(&self, browser: &TokenHash, client: &ClientId) -> Result<(), StoreError> {
        Ok(consents::forget(&self.writer, browser, client).await?)
    }

    async fn use_assertion(&self, used: &AssertionUse) -> Result<Swap, StoreError> {
        Ok(assertions::consume(&self.writer, used).await?)
    }

    async fn append_events(&self, events: &[AuthEvent]) -> Result<Vec<i64>, StoreError> {
        Ok(events::append(&self.writer, events, self.bounds.events, &self.log_pace).await?)
    }

    async fn list_events(&self, query: &EventQuery) -> Result<Vec<AuthEvent>, StoreError> {
        Ok(events::list(&self.readers, query).await?)
    }

    async fn list_attempts(&self, query: &AttemptQuery) -> Result<Vec<Vec<AuthEvent>>, StoreError> {
        Ok(events::list_attempts(&self.readers, query).await?)
    }

    async fn forget(&self, what: Forget) -> Result<(), StoreError> {
        Ok(upkeep::forget(&self.writer, what).await?)
    }

    async fn reap(&self, now: Timestamp) -> Result<Reaped, StoreError> {
        Ok(upkeep::reap(&self.writer, &self.bounds, now).await?)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        query("SELECT 1 FROM meta LIMIT 1").fetch_optional(&self.readers).await.map_err(Failure::from)?;
        Ok(())
    }
}
