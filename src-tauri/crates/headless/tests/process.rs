//! The program as a process: its ready line, its refusals, its signals, and being killed in the middle of everything.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::{Browser, Client, Connected};

/// A started process, ended with the test whatever happens.
struct Daemon {
    child: Child,
    mcp: String,
    practice: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_just-mcp-oauth-proxyd"));
    command.env_clear().env("HOME", folder).arg("serve").arg("--data-dir").arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts on the practice tenant and waits for the ready line.
fn start(folder: &Path, listen: &str, practice: &str) -> Daemon {
    let mut command = command(folder);
    command.env("JMOP_LOG", "trace,rmcp=trace");
    started(command, folder, listen, practice)
}

fn started(mut command: Command, folder: &Path, listen: &str, practice: &str) -> Daemon {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("stderr.log")).unwrap();
    let mut child = command
        .args(["--listen", listen, "--practice", practice, "--practice-sign-in", "ada", "--console", "off"])
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let field = |name: &str| {
        let found = line.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
        found.unwrap_or_else(|| panic!("no {name} in the ready line {line:?}")).to_owned()
    };
    Daemon { mcp: field("mcp"), practice: field("practice"), child }
}

fn address(url: &str) -> String {
    format!("127.0.0.1:{}", url::Url::parse(url).unwrap().port().unwrap())
}

fn base(daemon: &Daemon) -> &str {
    daemon.mcp.trim_end_matches("/mcp")
}

async fn sign_in(client: &Client) -> Option<Connected> {
    let mut browser = Browser::new();
    let page = browser.try_open(&client.authorize_url(&[]), &client.redirect_uri).await?;
    let landed = browser.try_press(&page, "decision", "approve", &client.redirect_uri).await?;
    let answer = client.try_redeem(&landed.param("code")?).await?;
    (answer.status == 200).then(|| client.connected(&answer))
}

fn check(folder: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_just-mcp-oauth-proxyd"));
    command.env_clear().env("HOME", folder).args(["check", "--sign-in", "--json", "--data-dir"]).arg(folder);
    command.args(["--listen", listen]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_second_server_on_the_folder_says_where_the_first_is_and_a_killed_one_leaves_it_free() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(folder.path(), "127.0.0.1:0", "127.0.0.1:0");
    let second = || {
        let mut command = command(folder.path());
        command.args(["--listen", "127.0.0.1:0", "--practice", "127.0.0.1:0", "--console", "off"]);
        command.output().unwrap()
    };
    let refused = second();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(75), "{told}");
    let who = format!(", process {}, at {}; use that one", first.child.id(), first.mcp);
    assert!(told.contains("another server runs on the data folder") && told.contains(&who), "{told}");
    // SIGKILL: nothing is tidied up.
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let next = start(folder.path(), "127.0.0.1:0", "127.0.0.1:0");
    assert!(next.mcp.starts_with("http://localhost:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_lets_somebody_sign_in_and_tells_the_rest_beside_a_server_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), "127.0.0.1:0", "127.0.0.1:0");
    let mut child = check(folder.path(), &address(&daemon.mcp))
        .args(["--practice", &address(&daemon.practice), "--practice-sign-in", "ada"])
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let link = loop {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "no link was printed");
        if line.starts_with("http://localhost:") {
            break line.trim().to_owned();
        }
    };
    assert!(!link.starts_with(base(&daemon)), "it has an address of its own: {link}");
    let page = Browser::new().open(&link, "").await;
    assert!(page.body.contains("The test sign-in passed"), "{}", page.body);
    let done = child.wait_with_output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(done.status.success(), "{found:#}");
    let steps = found["steps"].as_array().unwrap();
    for about in ["api", "consent", "token", "sign_in"] {
        let passed = |step: &&serde_json::Value| step["about"] == about && step["outcome"] == "passed";
        assert!(steps.iter().any(|step| passed(&step)), "{about}: {found:#}");
    }
}

#[test]
fn check_leaves_a_running_server_alone_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let done = check(folder.path(), &taken.local_addr().unwrap().to_string())
        .env("JMOP_ENTRA_TENANT", "contoso.com")
        .env("JMOP_ENTRA_CLIENT_ID", "00000000-0000-4000-8000-000000000001")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("already in use") && said.contains("press Test sign-in"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_nobody_has_is_told_to_the_client_and_warns_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = started(command(folder.path()), folder.path(), "127.0.0.1:0", "127.0.0.1:0");
    let ada = sign_in(&Client::to(base(&daemon), "Client").registers().await).await.unwrap();
    let bearer = format!("Bearer {}", ada.access_token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#;
    let answer = ada.client.request("POST", "/mcp", &headers, body).await;
    assert_eq!(answer.body["error"]["code"], -32601, "{}", answer.body);
    let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
    assert!(log.contains("first_call") && !log.contains("WARN"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_flood_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), "127.0.0.1:0", "127.0.0.1:0");
    let (listen, practice) = (address(&daemon.mcp), address(&daemon.practice));
    let base = base(&daemon).to_owned();

    // What the server said yes to, by worker: the clients, and the newest tokens of the one session each keeps refreshing.
    let registered: Arc<Mutex<Vec<Client>>> = Arc::default();
    let sessions: Arc<Mutex<BTreeMap<usize, Connected>>> = Arc::default();
    let workers: Vec<_> = (0..6)
        .map(|worker| {
            let (base, registered, sessions) = (base.clone(), registered.clone(), sessions.clone());
            tokio::spawn(async move {
                loop {
                    let Some(client) = Client::to(&base, &format!("worker {worker}")).try_register().await
                    else {
                        return;
                    };
                    registered.lock().unwrap().push(client.clone());
                    let known = sessions.lock().unwrap().get(&worker).cloned();
                    let next = match known {
                        None => sign_in(&client).await,
                        Some(session) => session.try_refresh().await,
                    };
                    match next {
                        Some(session) => drop(sessions.lock().unwrap().insert(worker, session)),
                        None => return,
                    }
                }
            })
        })
        .collect();
    let enough = || sessions.lock().unwrap().len() == 6 && registered.lock().unwrap().len() > 60;
    while !enough() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(daemon); // SIGKILL
    for worker in workers {
        worker.await.unwrap();
    }

    let daemon = start(folder.path(), &listen, &practice);
    let (registered, sessions) = (registered.lock().unwrap().clone(), sessions.lock().unwrap().clone());
    for client in &registered {
        let page = Browser::new().open(&client.authorize_url(&[]), &client.redirect_uri).await;
        assert_eq!(page.status, 200, "a registered client is known: {}", page.body);
    }
    for session in sessions.values() {
        assert_eq!(session.calls("version").await.status, 200, "an issued access token counts");
        let refreshed = session.refreshes().await;
        assert_eq!(refreshed.calls("version").await.status, 200, "an issued refresh token refreshes");
    }
    drop(daemon);
    let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
    for session in sessions.values() {
        for secret in [&session.access_token, &session.refresh_token] {
            assert!(!log.contains(secret.as_str()), "a token is in the log");
        }
    }
    for personal in ["Ada", "ada@", "jmr_", "jmc_", "jmb_", "jms_", "eyJ"] {
        assert!(!log.contains(personal), "{personal} is in the log");
    }
}

#[cfg(unix)]
#[test]
fn sigterm_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = start(folder.path(), "127.0.0.1:0", "127.0.0.1:0");
    let pid = daemon.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
    assert!(!folder.path().join("proxy.db-wal").exists(), "the database was closed in order");
}

#[cfg(target_os = "linux")]
#[test]
fn a_registration_for_which_the_disk_has_no_room_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_just-mcp-oauth-proxyd"));
    command.env_clear().env("HOME", folder.path()).args(["registration", "--as", "az", "--data-dir"]);
    command.arg(folder.path()).stdin(Stdio::null());
    let written = command.output().unwrap();
    assert!(written.status.success() && !written.stdout.is_empty(), "{written:?}");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let cut = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(cut.status.code(), Some(1), "{cut:?}");
    assert!(String::from_utf8_lossy(&cut.stderr).contains("could not be written out"), "{cut:?}");
}

#[test]
fn all_problems_of_the_settings_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path())
        .args(["--listen", "nonsense", "--console", "also nonsense", "--public-url", "http://a.example/x"])
        .spawn()
        .unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(78));
    for flag in ["--listen", "--console", "--public-url"] {
        assert!(told.contains(flag), "{flag}: {told}");
    }
    assert!(told.contains("hint"), "{told}");
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = command(folder.path())
        .args([
            "--listen",
            &taken.local_addr().unwrap().to_string(),
            "--console",
            "off",
            "--practice",
            "127.0.0.1:0",
        ])
        .spawn()
        .unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(told.contains("already in use") && told.contains("--listen"), "{told}");
}

/// Started by a shell that limits the files it may open.
#[cfg(target_os = "linux")]
fn limited(folder: &Path, ulimit: &str) -> Daemon {
    let plain = command(folder);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit {ulimit} && exec \"$0\" \"$@\"")]);
    command.arg(plain.get_program()).args(plain.get_args()).env_clear().env("HOME", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    started(command, folder, "127.0.0.1:0", "127.0.0.1:0")
}

#[cfg(target_os = "linux")]
#[test]
fn where_few_files_may_be_open_as_many_as_are_needed_are_asked_for() {
    for (ulimit, allowed, is_told) in [
        ("-S -n 256", 1_024..=u64::MAX, false),
        ("-S -n 256 && ulimit -H -n 700", 700..=700, true),
        ("-n 512", 512..=512, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let daemon = limited(folder.path(), ulimit);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.child.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let now: u64 = line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap();
        assert!(allowed.contains(&now), "{ulimit}: {line}");
        let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
        assert_eq!(log.contains("few files may be open"), is_told, "{ulimit}: {log}");
    }
}
