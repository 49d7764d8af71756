//! What only a file can get wrong: surviving, being damaged, being read by others, belonging to another key.

use std::path::{Path, PathBuf};

use model::ExposeSecret as _;
use model::event::EventKind;
use model::ids::{ClientId, CredentialKind, TokenHash};
use model::ports::{Bounds, EventQuery, Store, StoreError};
use model::session::{RefreshToken, Session};
use model::testing::SeededEntropy;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use store::{BindKeyError, SqliteStore};
use tempfile::TempDir;

use crate::fixture::{EVERY_CLIENT, Maker, REDIRECT, at, consent, done, event};

const SIDE_FILES: [&str; 3] = ["test.db", "test.db-wal", "test.db-shm"];

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Bounds::default()).await.unwrap()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    (folder, path)
}

/// The database as somebody with another tool sees it.
async fn by_hand(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// Adds one of everything, and says how to find it again.
struct Filled {
    client: ClientId,
    code: TokenHash,
    session: Session,
    token: RefreshToken,
    browser: TokenHash,
}

async fn fill(store: &SqliteStore, make: &Maker) -> Filled {
    let (code, browser) = (make.hash(), make.hash());
    let client = make.client(at(0));
    store.put_client(&client).await.unwrap();
    let approved = make.add_approved(store, code, at(0)).await;
    let (exchanged, session, token) = make.session(&approved);
    done(store.open_session(&exchanged, &session, &token).await);
    store.put_consent(&consent(browser, &client.id, REDIRECT)).await.unwrap();
    store.append_events(&[event(at(0))]).await.unwrap();
    Filled { client: client.id, code, session, token, browser }
}

impl Filled {
    async fn assert_all_there(&self, store: &SqliteStore) {
        assert!(store.lookup_client(&self.client).await.unwrap().is_some());
        assert!(store.find_grant_by_code(&self.code).await.unwrap().is_some());
        assert_eq!(store.lookup_session(&self.session.id).await.unwrap().as_ref(), Some(&self.session));
        assert_eq!(store.find_refresh(&self.token.hash).await.unwrap().as_ref(), Some(&self.token));
        assert!(store.find_consent(&self.browser, &self.client, REDIRECT).await.unwrap().is_some());
        assert_eq!(store.list_events(&EventQuery::default()).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    let filled = fill(&store, &Maker::new()).await;
    store.close().await.unwrap();
    assert!(!path.with_file_name("test.db-wal").exists());
    let store = open(&path).await;
    filled.assert_all_there(&store).await;
    // Positions go on where they were.
    store.append_events(&[event(at(1))]).await.unwrap();
    assert_eq!(store.list_events(&EventQuery::default()).await.unwrap()[0].seq, 2);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let (_folder, path) = folder();
    let (elsewhere, copy) = folder();
    let store = open(&path).await;
    let filled = fill(&store, &Maker::new()).await;
    // A killed process leaves behind what the system has of its files at that moment, and nothing gets closed.
    for name in SIDE_FILES {
        std::fs::copy(path.with_file_name(name), elsewhere.path().join(name)).unwrap();
    }
    filled.assert_all_there(&open(&copy).await).await;
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, path) = folder();
    let store = open(&path).await;
    fill(&store, &Maker::new()).await;
    for name in SIDE_FILES {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn no_credential_is_in_the_files_as_it_is() {
    let (_folder, path) = folder();
    let (store, make, entropy) = (open(&path).await, Maker::new(), SeededEntropy::new(11));
    let mint = |kind: CredentialKind| kind.mint(&entropy).expose_secret().to_owned();
    let (code, refresh, browser) =
        (mint(CredentialKind::Code), mint(CredentialKind::Refresh), mint(CredentialKind::Browser));
    let next = mint(CredentialKind::Refresh);
    let (upstream, answer) = ("0.AXoA-upstream-refresh-token", "{\"access_token\":\"eyJ-answer\"}");

    let approved = make.add_approved(&store, TokenHash::of(&code), at(0)).await;
    let (exchanged, session, _) = make.session(&approved);
    let session = Session { upstream: Some(make.sealed(upstream)), ..session };
    let first = RefreshToken::fresh(TokenHash::of(&refresh), session.id.clone(), at(0));
    done(store.open_session(&exchanged, &session, &first).await);
    let second = RefreshToken::fresh(TokenHash::of(&next), session.id.clone(), at(1));
    done(store.rotate_refresh(&first.hash, &make.sealed(answer), &second, &session, at(1)).await);
    let consent = consent(TokenHash::of(&browser), &session.client, REDIRECT);
    store.put_consent(&consent).await.unwrap();

    let bytes: Vec<u8> =
        SIDE_FILES.iter().flat_map(|name| std::fs::read(path.with_file_name(name)).unwrap()).collect();
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for secret in [code.as_str(), &refresh, &next, &browser, upstream, answer, "eyJ-answer"] {
        assert!(!contains(secret), "{secret}");
    }
    // The search itself works: what may be there is found.
    assert!(contains(&TokenHash::of(&refresh).to_text()) && contains(session.id.as_str()));
}

#[tokio::test]
async fn a_damaged_row_is_an_error_that_names_the_row_and_quotes_nothing() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    let filled = fill(&store, &Maker::new()).await;
    let grant = store.find_grant_by_code(&filled.code).await.unwrap().unwrap();
    let mut hand = by_hand(&path).await;
    for table in ["clients", "grants", "sessions", "refresh_tokens", "consents"] {
        let damage = AssertSqlSafe(format!("UPDATE {table} SET data = '\"ada@example.com\"'"));
        sqlx::query(damage).execute(&mut hand).await.unwrap();
    }
    let errors = [
        ("client", filled.client.as_str(), store.lookup_client(&filled.client).await.unwrap_err()),
        ("client", filled.client.as_str(), store.approve_client(&filled.client, at(1)).await.unwrap_err()),
        ("grant", grant.id.as_str(), store.lookup_grant(&grant.id).await.unwrap_err()),
        ("grant", grant.id.as_str(), store.find_grant_by_code(&filled.code).await.unwrap_err()),
        ("session", filled.session.id.as_str(), store.lookup_session(&filled.session.id).await.unwrap_err()),
        ("refresh token", "sha256:", store.find_refresh(&filled.token.hash).await.unwrap_err()),
        (
            "consent",
            filled.client.as_str(),
            store.find_consent(&filled.browser, &filled.client, REDIRECT).await.unwrap_err(),
        ),
    ];
    for (what, id, error) in errors {
        assert!(matches!(&error, StoreError::Corrupt { what: said, .. } if *said == what), "{error}");
        assert!(error.to_string().contains(id) && !error.to_string().contains("ada"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_row_does_not_hide_the_others_from_a_list() {
    let (_folder, path) = folder();
    let (store, make) = (open(&path).await, Maker::new());
    let damaged = make.client(at(0));
    let healthy = make.client(at(1));
    store.put_client(&damaged).await.unwrap();
    store.put_client(&healthy).await.unwrap();
    store.append_events(&vec![event(at(0)); 6]).await.unwrap();
    let mut hand = by_hand(&path).await;
    sqlx::query("UPDATE clients SET data = '{}' WHERE id = ?")
        .bind(damaged.id.as_str())
        .execute(&mut hand)
        .await
        .unwrap();
    // As a newer version would have written it.
    sqlx::query("UPDATE events SET data = replace(data, 'consent_shown', 'levitated') WHERE seq IN (3, 5)")
        .execute(&mut hand)
        .await
        .unwrap();
    assert_eq!(store.list_clients(&EVERY_CLIENT).await.unwrap(), vec![healthy]);
    let page = store.list_events(&EventQuery { limit: 3, ..EventQuery::default() }).await.unwrap();
    assert_eq!(page.iter().map(|event| event.seq).collect::<Vec<_>>(), [6, 4, 2]);
    assert!(page.iter().all(|event| event.kind == EventKind::ConsentShown));
}

#[tokio::test]
async fn a_damaged_session_does_not_stop_the_upkeep_of_others() {
    let (_folder, path) = folder();
    let (store, make) = (open(&path).await, Maker::new());
    let (damaged, _) = make.add_session(&store, at(0)).await;
    let (healthy, _) = make.add_session(&store, at(0)).await;
    let mut hand = by_hand(&path).await;
    sqlx::query("UPDATE sessions SET data = '{}' WHERE id = ?")
        .bind(damaged.id.as_str())
        .execute(&mut hand)
        .await
        .unwrap();
    store.reap(healthy.expires_at()).await.unwrap();
    assert!(!store.lookup_session(&healthy.id).await.unwrap().unwrap().is_live());
}

#[tokio::test]
async fn the_database_remembers_which_master_key_it_was_sealed_with() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    assert_eq!(store.bound_key().await.unwrap(), None);
    store.bind_key("first").await.unwrap();
    store.bind_key("first").await.unwrap();
    store.close().await.unwrap();
    let store = open(&path).await;
    let error = store.bind_key("second").await.unwrap_err();
    assert!(
        matches!(&error, BindKeyError::OtherKey { sealed_with, given } if sealed_with == "first" && given == "second")
    );
    assert!(
        error
            .to_string()
            .starts_with("this database was sealed with another master key (`first`, not `second`)")
    );
    assert_eq!(store.bound_key().await.unwrap().as_deref(), Some("first"));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let (_folder, path) = folder();
    open(&path).await.close().await.unwrap();
    let mut hand = by_hand(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', 1, x'00', 0)",
    )
    .execute(&mut hand)
    .await
    .unwrap();
    hand.close().await.unwrap();
    let error = SqliteStore::open(&path, Bounds::default()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { what: "database", .. }), "{error}");
    assert!(error.to_string().contains("another version of this program"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_overwritten() {
    let (_folder, path) = folder();
    let text = "dear diary, ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = SqliteStore::open(&path, Bounds::default()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { what: "database", .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let (folder, _) = folder();
    let path = folder.path().join("nowhere").join("test.db");
    let error = SqliteStore::open(&path, Bounds::default()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("nowhere")), "{error}");
}

#[tokio::test]
async fn a_closed_store_says_so_and_does_not_hang() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    store.close().await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.append_events(&[event(at(0))]).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_can_start_on_the_same_new_file() {
    for _ in 0..10 {
        let (_folder, path) = folder();
        let starts = [0, 1].map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SqliteStore::open(&path, Bounds::default()).await })
        });
        for start in starts {
            start.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_wait_for_each_others_writes() {
    let (_folder, path) = folder();
    let stores = [open(&path).await, open(&path).await];
    let (session, _) = Maker::new().add_session(&stores[0], at(0)).await;
    let writers = stores.map(|store| {
        let id = session.id.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                store.touch_session(&id, at(1), 1).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(open(&path).await.lookup_session(&session.id).await.unwrap().unwrap().calls, 100);
}

#[tokio::test]
async fn a_write_given_up_half_way_holds_nobody_up() {
    let (_folder, path) = folder();
    let (store, make) = (open(&path).await, Maker::new());
    // A request whose client hung up is dropped wherever it stands.
    for turns in 0..100 {
        let client = make.client(at(0));
        tokio::select! {
            biased;
            () = turns_pass(turns) => {}
            _ = store.put_client(&client) => {}
        }
    }
    let client = make.client(at(1));
    store.put_client(&client).await.unwrap();
    assert_eq!(store.lookup_client(&client.id).await.unwrap(), Some(client));
}

async fn turns_pass(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}
