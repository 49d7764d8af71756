//! `check` and the public address of the settings: looked at from outside while the server runs, and not without it.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// Carries every connection to `to`, as the port forwarding of a router does.
fn front(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for visitor in listener.incoming() {
            let mut visitor = visitor.unwrap();
            let Ok(mut server) = TcpStream::connect(&to) else { continue };
            let (mut back, mut there) = (visitor.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut visitor, &mut there));
            thread::spawn(move || std::io::copy(&mut server, &mut back));
        }
    });
    address
}

fn command(verb: &str, folder: &Path, listen: &str, public: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_just-mcp-oauth-proxyd"));
    command.env_clear().env("HOME", folder).args([verb, "--data-dir"]).arg(folder).args(["--listen", listen]);
    command.args(["--public-url", public, "--entra-authority", "http://127.0.0.1:1", "--console", "off"]);
    command.env("JMOP_ENTRA_TENANT", "contoso.example").env("JMOP_ENTRA_CLIENT_SECRET", "s");
    command.env("JMOP_ENTRA_CLIENT_ID", "11111111-2222-3333-4444-555555555555");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What was found of the public address; the directory of these settings is nowhere.
fn check(folder: &Path, listen: &str, public: &str) -> Vec<(String, String)> {
    let done = command("check", folder, listen, public).arg("--json").output().unwrap();
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    let steps = found["steps"].as_array().unwrap().iter();
    let steps = steps.map(|step| (text(step, "about"), text(step, "outcome")));
    steps.filter(|(about, _)| about.starts_with("public_")).collect()
}

#[test]
fn check_looks_at_the_public_address_of_the_server_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let public = front(free.clone());
    let told = |steps: &[(&str, &str)]| -> Vec<(String, String)> {
        steps.iter().map(|&(about, outcome)| (about.to_owned(), outcome.to_owned())).collect()
    };
    let not_there = told(&[("public_url", "unknown")]);
    assert_eq!(check(folder.path(), &free, &public), not_there);

    let mut server = command("serve", folder.path(), &free, &public).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.starts_with("ready "), "{ready}");
    let there = told(&[
        ("public_url", "passed"),
        ("public_metadata", "passed"),
        ("public_challenge", "passed"),
        ("public_stream", "passed"),
        ("public_page", "passed"),
    ]);
    assert_eq!(check(folder.path(), &free, &public), there);
    // Another key: whoever answers there, it is none of this installation.
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("proxy.db"), other.path().join("proxy.db")).unwrap();
    let key = other.path().join("master.key");
    std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let stranger = told(&[("public_url", "failed")]);
    assert_eq!(check(other.path(), &free, &public), stranger);

    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(check(folder.path(), &free, &public), not_there);
}
