//! What the product promises, whatever happens.

use std::time::Duration;

use testkit::Rig;

#[tokio::test]
async fn nothing_that_opens_a_door_lies_readable_in_the_data_folder() {
    let rig = Rig::start().await;
    let mut client = rig.client("c");
    client.method = "client_secret_post";
    let client = client.registers().await;
    let mut browser = rig.browser();
    let landed = client.lands(&mut browser, "ada").await;
    let code = landed.param("code").unwrap();
    let ada = client.connected(&client.redeem(&code, &[]).await);
    let next = ada.refreshes().await;
    rig.events().await;

    let folder = rig.data_dir().to_owned();
    let secrets = [
        code,
        ada.access_token,
        ada.refresh_token,
        next.access_token,
        next.refresh_token,
        client.secret.unwrap(),
        practice::CLIENT_SECRET.to_owned(),
    ];
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{}.. is readable in {}", &secret[..6], path.display());
        }
    }
    #[cfg(unix)]
    for file in ["proxy.db", "master.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_lost_key_is_said_and_never_made_anew() {
    let rig = Rig::start().await;
    rig.client("c").registers().await;
    let key = rig.data_dir().join("master.key");
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    std::fs::write(&key, other).unwrap();
    let error = rig.fails_to_restart().await;
    assert!(error.contains("another master key"), "{error}");

    let rig = Rig::start().await;
    std::fs::remove_file(rig.data_dir().join("master.key")).unwrap();
    let error = rig.fails_to_restart().await;
    assert!(error.contains("missing") && error.contains("backup"), "{error}");
}

#[tokio::test]
async fn in_a_flood_of_sign_ins_the_newest_survives() {
    let rig = Rig::start_with(|settings| settings.storage.bounds.open_grants = 20).await;
    let client = rig.client("c").registers().await;
    let mut newest = None;
    for _ in 0..60 {
        rig.pass(Duration::from_secs(1));
        newest =
            Some(rig.browser().open(&client.authorize_url(&[]), &format!("{}/consent", rig.base())).await);
    }
    let mut browser = rig.browser();
    let page = browser.open(newest.unwrap().url.as_str(), "").await;
    assert_eq!(page.status, 200, "the newest is still there");
}

#[tokio::test]
async fn a_session_lives_on_in_the_log_after_its_end_but_its_tokens_do_not() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    ada.revokes(&ada.refresh_token).await;
    let sessions = rig.running.store().list_sessions().await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].upstream.is_none(), "the provider's tokens are gone with the session");
}

#[tokio::test]
async fn calls_are_counted_and_written_back() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    for _ in 0..5 {
        ada.calls("version").await;
    }
    rig.running.flow.flush_activity().await.unwrap();
    let sessions = rig.running.store().list_sessions().await.unwrap();
    assert_eq!(sessions[0].calls, 5);
}

#[tokio::test]
async fn a_revocation_by_another_process_is_noticed_within_seconds() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.calls("version").await.status, 200);
    let store = rig.running.store();
    let session = store.list_sessions().await.unwrap().remove(0);
    store.end_session(&session.id, &model::session::Ended::RevokedByOwner, rig.now()).await.unwrap();
    rig.pass(Duration::from_secs(16));
    let cut = ada.calls("version").await;
    assert_eq!(cut.status, 401);
    assert!(cut.text("error_description").contains("owner"), "{}", cut.body);
}

#[tokio::test]
async fn a_flood_of_strangers_does_not_grow_the_log_without_bound() {
    let rig = Rig::start_with(|settings| settings.storage.bounds.events = 100).await;
    let sink = &rig.running.bus;
    for burst in 0..6 {
        for n in 0..5_000 {
            let kind = model::event::EventKind::Challenged { reason: format!("{burst} {n}") };
            let event = model::event::AuthEvent {
                seq: 0,
                at: rig.now(),
                about: model::event::About::default(),
                kind,
            };
            model::ports::EventSink::record(sink, event);
        }
        rig.events().await;
    }
    let query = model::ports::EventQuery { limit: 1000, ..Default::default() };
    let (mut kept, mut before) = (0, None);
    loop {
        let page = rig
            .running
            .store()
            .list_events(&model::ports::EventQuery { before, ..query.clone() })
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        (kept, before) = (kept + page.len(), Some(last.seq));
    }
    // Strangers have half of the log.
    assert!((1..=51).contains(&kept), "{kept} rows are kept");
}
