//! The supervisor with programs that behave and misbehave like the real ones: small shell scripts.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use testkit::Elsewhere;
use tokio::sync::watch;
use tunnel::{Doubt, KnownHosts, Program, Shape, State, Tunnel, Wishes};

const QUICK: &str = "https://calm-harbour-31.trycloudflare.com/";

struct Bench {
    folder: TempDir,
    world: Arc<Elsewhere>,
    state: watch::Receiver<State>,
    tunnel: Tunnel,
}

impl Bench {
    /// A program that runs `script`, taken for cloudflared; `$1` is a folder of its own.
    fn start(script: &str) -> Self {
        Self::start_as("cloudflared", script)
    }

    fn start_as(id: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let text = format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self::with_program(folder, id, program)
    }

    fn with_program(folder: TempDir, id: &str, program: PathBuf) -> Self {
        let known_hosts = KnownHosts::at(folder.path().join("known_hosts"));
        let shape = Program::find(id).unwrap().shape(program, 4711, &Wishes::default(), &known_hosts);
        Self::with(folder, shape)
    }

    fn with(folder: TempDir, shape: Shape) -> Self {
        let (sender, state) = watch::channel(State::Off);
        let world = Arc::<Elsewhere>::default();
        let tunnel = Tunnel::start(shape, world.clone(), sender);
        Self { folder, world, state, tunnel }
    }

    async fn until(&mut self, what: impl FnMut(&State) -> bool) -> State {
        tokio::time::timeout(Duration::from_secs(20), self.state.wait_for(what))
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    async fn reachable(&mut self) -> String {
        let state = self.until(|state| matches!(state, State::Reachable { .. })).await;
        let State::Reachable { url, .. } = state else { unreachable!() };
        url.to_string()
    }

    /// From now on it is not seen, or it is again.
    fn is_seen(&self, seen: bool) {
        let doubt = Doubt { reason: "that address does not answer".into(), hint: "wait".into() };
        self.world.doubts((!seen).then_some(doubt));
    }

    /// It was looked at so often, in vain or not.
    async fn looked(&self, times: u32) {
        let before = self.world.looks();
        while self.world.looks() < before + times {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn told(&self) -> Vec<String> {
        self.world.told()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).exists() || !Path::new("/proc/self").exists()
}

/// Not merely waiting to be reaped.
fn is_running(pid: &str) -> bool {
    is_alive(pid)
        && !fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn an_address_is_told_once_and_reachable_when_it_leads_here() {
    let mut bench = Bench::start(&format!("echo 'starting' >&2; echo '|  {QUICK}  |' >&2; exec sleep 60"));
    assert_eq!(bench.reachable().await, QUICK);
    assert_eq!(bench.told(), [QUICK]);
    bench.tunnel.stop().await;
    assert_eq!(*bench.state.borrow(), State::Off);
    assert_eq!(bench.world.told(), [QUICK, "closed"]);
}

#[tokio::test]
async fn the_program_gets_our_port_and_is_ended_with_all_it_started() {
    let script =
        format!("echo \"$@\" > args; sleep 600 & echo $! > child; echo $$ > self; echo {QUICK}; wait");
    let mut bench = Bench::start(&script);
    bench.reachable().await;
    assert_eq!(bench.file("args").trim(), "tunnel --no-autoupdate --url http://127.0.0.1:4711");
    let (program, child) = (bench.file("self"), bench.file("child"));
    assert!(is_alive(&program) && is_alive(&child));
    bench.tunnel.stop().await;
    // Both are reaped by whoever inherits them.
    for _ in 0..200 {
        if !is_running(&program) && !is_running(&child) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the program or what it started goes on");
}

#[tokio::test]
async fn one_that_ends_is_started_again_and_the_same_address_changes_nothing() {
    let script =
        format!("echo x >> runs; echo {QUICK}; if [ $(wc -l < runs) -gt 1 ]; then exec sleep 60; fi; exit 3");
    let mut bench = Bench::start(&script);
    let lost = bench.until(|state| matches!(state, State::Lost { .. })).await;
    let State::Lost { reason, hint, .. } = lost else { unreachable!() };
    assert!(reason.contains("exit code 3"), "{reason}");
    assert!(!hint.is_empty());
    assert_eq!(bench.reachable().await, QUICK);
    assert_eq!(bench.told(), [QUICK]);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn another_address_after_a_restart_is_told() {
    let script = "echo x >> runs; n=$(wc -l < runs); echo https://name-$((n)).trycloudflare.com; [ $n -gt 1 ] && exec sleep 60; exit 1";
    let mut bench = Bench::start(script);
    bench
        .until(|state| matches!(state, State::Reachable { url, .. } if url.as_str().contains("name-2")))
        .await;
    assert_eq!(bench.told(), ["https://name-1.trycloudflare.com/", "https://name-2.trycloudflare.com/"]);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn an_address_that_changes_while_it_runs_is_taken_over() {
    let script = "echo x >> runs; n=$(wc -l < runs); echo https://a$n.trycloudflare.com; [ $n -gt 1 ] && exec sleep 60; sleep 0.2; echo https://other.trycloudflare.com; exec sleep 60";
    let mut bench = Bench::start(script);
    let lost = bench.until(|state| matches!(state, State::Lost { .. })).await;
    let State::Lost { reason, .. } = lost else { unreachable!() };
    assert!(reason.contains("https://other.trycloudflare.com"), "{reason}");
    bench
        .until(|state| matches!(state, State::Reachable { url, .. } if url.as_str().contains("//a2.")))
        .await;
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_refusal_is_final_and_says_what_to_do() {
    let line = "[ERROR]: unable to load environment; did you \"zrok enable\"?";
    let mut bench = Bench::start_as("zrok", &format!("echo x >> runs; echo '{line}'; exit 1"));
    let state = bench.until(|state| matches!(state, State::Refused { .. })).await;
    let State::Refused { reason, hint, .. } = state else { unreachable!() };
    assert_eq!(reason, "zrok is not enabled on this computer");
    assert!(hint.contains("zrok enable"), "{hint}");
    assert_eq!(bench.file("runs").lines().count(), 1);
    assert_eq!(bench.told(), ["closed"]);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let mut bench = Bench::with_program(folder, "cloudflared", gone);
    let state = bench.until(|state| matches!(state, State::Refused { .. })).await;
    assert!(matches!(state, State::Refused { reason, .. } if reason.contains("could not be started")));
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn garbage_and_endless_lines_cost_little_and_hide_nothing() {
    let script = format!(
        "head -c 3000000 /dev/urandom; head -c 200000 /dev/zero | tr '\\0' x; printf '\\n\\377\\376 {QUICK}\\r'; exec sleep 60"
    );
    let mut bench = Bench::start(&script);
    assert_eq!(bench.reachable().await, QUICK);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn an_address_that_does_not_lead_here_is_doubted_until_it_does() {
    let mut bench = Bench::start(&format!("echo {QUICK}; exec sleep 600"));
    let doubt = Doubt { reason: "another server answers".into(), hint: "switch it off and on".into() };
    bench.world.doubts(Some(doubt.clone()));
    bench.until(|state| matches!(state, State::Up { doubt: None, .. })).await;
    // Looks are two seconds apart: time is moved instead of waited for.
    tokio::time::pause();
    let up = bench.until(|state| matches!(state, State::Up { doubt: Some(_), .. })).await;
    assert!(matches!(up, State::Up { doubt: Some(told), .. } if told == doubt));
    bench.world.doubts(None);
    assert_eq!(bench.reachable().await, QUICK);
    tokio::time::resume();
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn what_does_not_stop_clients_is_a_note_that_comes_and_goes() {
    let mut bench = Bench::start(&format!("echo {QUICK}; exec sleep 600"));
    let note = Doubt { reason: "a page before ours".into(), hint: "one click".into() };
    bench.world.notes(vec![note.clone()]);
    bench.until(|state| matches!(state, State::Reachable { notes, .. } if *notes == [note.clone()])).await;
    bench.world.notes(Vec::new());
    // It is looked at again after a minute: time is moved instead of waited for.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    bench.until(|state| matches!(state, State::Reachable { notes, .. } if notes.is_empty())).await;
    tokio::time::resume();
    bench.tunnel.stop().await;
}

/// Time stands still unless it is moved, so nothing but the nudge makes it look.
#[tokio::test]
async fn after_a_change_it_is_looked_at_at_once_and_opened_anew_if_it_was_left_behind() {
    let mut bench = Bench::start(&format!("echo x >> runs; echo {QUICK}; exec sleep 600"));
    bench.reachable().await;
    bench.is_seen(false);
    bench.tunnel.look_now();
    let lost = async {
        let nudged = tokio::time::Instant::now();
        let state = bench.state.wait_for(|state| matches!(state, State::Lost { .. })).await.unwrap().clone();
        let State::Lost { reason, .. } = state else { unreachable!() };
        (reason, nudged.elapsed())
    };
    let (reason, after) = moving_time(lost).await;
    let seconds = after.as_secs();
    assert!((44..60).contains(&seconds), "it has time to connect again, and not for ever: {seconds} s");
    assert!(reason.contains("woke or changed its network: that address does not answer"), "{reason}");
    bench.is_seen(true);
    assert_eq!(bench.reachable().await, QUICK);
    assert_eq!(bench.file("runs").lines().count(), 2);
    assert_eq!(bench.told(), [QUICK], "the same address: nothing changed for anybody");
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn one_that_connects_again_by_itself_after_a_change_keeps_its_address() {
    let mut bench = Bench::start(&format!("echo x >> runs; echo {QUICK}; exec sleep 600"));
    bench.reachable().await;
    bench.is_seen(false);
    bench.tunnel.look_now();
    // 40 seconds.
    moving_time(bench.looked(20)).await;
    assert!(matches!(*bench.state.borrow(), State::Up { doubt: Some(_), .. }));
    bench.is_seen(true);
    let seen = async {
        bench.state.wait_for(|state| matches!(state, State::Reachable { .. })).await.unwrap();
    };
    moving_time(seen).await;
    assert_eq!(bench.file("runs").lines().count(), 1);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn while_nobody_is_answered_here_no_look_in_vain_counts_against_it() {
    let mut bench = Bench::start(&format!("echo x >> runs; echo {QUICK}; exec sleep 600"));
    bench.reachable().await;
    bench.world.pauses(true);
    bench.is_seen(false);
    bench.tunnel.look_now();
    // Two minutes, and half a minute of its own time.
    moving_time(bench.looked(60)).await;
    bench.world.pauses(false);
    moving_time(bench.looked(15)).await;
    assert_eq!(bench.file("runs").lines().count(), 1);
    let lost = async {
        bench.state.wait_for(|state| matches!(state, State::Lost { .. })).await.unwrap();
    };
    moving_time(lost).await;
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn what_is_left_of_an_address_that_changed_is_waited_for() {
    let script = "echo x >> runs; case $(wc -l < runs) in
        1) echo https://a.lhr.life; sleep 0.2; echo https://b.lhr.life; exec sleep 60;;
        2) echo 'Error: remote port forwarding failed for listen port 80' >&2; exit 255;;
        *) echo https://c.lhr.life; exec sleep 60;;
        esac";
    let mut bench = Bench::start_as("localhost-run", script);
    let lost = bench
        .until(|state| match state {
            State::Lost { reason, .. } => reason.contains("does not forward"),
            State::Refused { .. } => true,
            _ => false,
        })
        .await;
    assert!(matches!(lost, State::Lost { was_open: true, .. }), "{lost:?}");
    bench.until(|state| matches!(state, State::Reachable { url, .. } if url.as_str().contains("//c."))).await;
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_change_that_it_survives_changes_nothing() {
    let mut bench = Bench::start(&format!("echo x >> runs; echo {QUICK}; exec sleep 600"));
    bench.reachable().await;
    let looks = bench.world.looks();
    bench.tunnel.look_now();
    let looked = async {
        while bench.world.looks() == looks {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looked).await.unwrap();
    assert_eq!(bench.reachable().await, QUICK);
    assert_eq!(bench.file("runs").lines().count(), 1);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn what_was_never_seen_from_here_is_not_opened_anew_for_not_being_seen() {
    let mut bench = Bench::start(&format!("echo x >> runs; echo {QUICK}; exec sleep 600"));
    bench.is_seen(false);
    bench.until(|state| matches!(state, State::Up { .. })).await;
    bench.tunnel.look_now();
    let doubted = async {
        bench.state.wait_for(|state| matches!(state, State::Up { doubt: Some(_), .. })).await.unwrap();
    };
    moving_time(doubted).await;
    assert_eq!(bench.file("runs").lines().count(), 1);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn what_waits_to_be_tried_again_is_tried_at_once() {
    // Tried four times, it would wait for eight seconds, and then for sixteen.
    let mut bench = Bench::start("echo x >> runs; exit 1");
    let tried = async {
        while fs::read_to_string(bench.folder.path().join("runs")).unwrap_or_default().lines().count() < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    moving_time(tried).await;
    bench.until(|state| matches!(state, State::Lost { was_open: false, .. })).await;
    let began = std::time::Instant::now();
    bench.tunnel.look_now();
    bench.until(|state| *state == State::Starting).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    bench.tunnel.stop().await;
}

/// Looks and pauses are seconds apart: time is moved instead of waited for.
async fn moving_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::pause();
    let found = what.await;
    tokio::time::resume();
    found
}
