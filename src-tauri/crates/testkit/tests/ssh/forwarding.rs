//! The supervisor and `ssh`, without the server that is otherwise behind them.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;
use testkit::Elsewhere;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tunnel::{ChangedKey, HostKey, KnownHosts, Program, Ssh, SshListen, SshServer, State, Tunnel, Wishes};

use crate::sshd::{PATIENCE, Sshd, free_port};

const PUBLIC: &str = "https://mcp.example.com/";

/// Somebody on this computer who wants to be reached through `sshd`.
struct Bench {
    sshd: Sshd,
    folder: TempDir,
    /// What the server listens on for us.
    remote: u16,
    world: Arc<Elsewhere>,
    state: watch::Receiver<State>,
    tunnel: Option<Tunnel>,
}

struct Refusal {
    reason: String,
    hint: String,
    changed_key: Option<ChangedKey>,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(Sshd::start()).await
    }

    async fn start_with(sshd: Sshd) -> Self {
        let (key, remote) = (sshd.key(), free_port());
        Self::start_as(sshd, key, remote).await
    }

    async fn start_as(sshd: Sshd, key: std::path::PathBuf, remote: u16) -> Self {
        // A blank, a percent sign and a quote: each means something in the settings of `ssh`.
        let folder = TempDir::with_prefix("a b%h\"c").unwrap();
        let (_, state) = watch::channel(State::Off);
        let mut bench = Self { sshd, folder, remote, world: Arc::default(), state, tunnel: None };
        bench.switches_on(key).await;
        bench
    }

    fn known_hosts(&self) -> KnownHosts {
        KnownHosts::at(self.folder.path().join("known_hosts"))
    }

    fn pinned(&self) -> Option<String> {
        self.known_hosts().key(&self.server().name()).map(|key| key.fingerprint)
    }

    fn server(&self) -> SshServer {
        SshServer::parse(&self.sshd.address()).unwrap()
    }

    /// Behind it, whoever connects reads `pong` after writing anything.
    async fn switches_on(&mut self, key: std::path::PathBuf) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 4];
                    stream.read_exact(&mut asked).await.unwrap();
                    stream.write_all(b"pong").await.unwrap();
                });
            }
        });
        let ssh = Ssh {
            server: self.server(),
            key: Some(key),
            listen: SshListen::parse(&self.remote.to_string()).unwrap(),
        };
        let wishes = Wishes { domain: Some("mcp.example.com".to_owned()), ssh: Some(ssh) };
        let program = Program::find(tunnel::SSH).unwrap();
        let shape = program.shape(program.located().unwrap(), port, &wishes, &self.known_hosts());
        let (sender, state) = watch::channel(State::Off);
        self.state = state;
        self.tunnel = Some(Tunnel::start(shape, self.world.clone(), sender));
    }

    async fn until(&mut self, what: impl FnMut(&State) -> bool) -> State {
        if let Ok(state) = tokio::time::timeout(PATIENCE, self.state.wait_for(what)).await {
            return state.unwrap().clone();
        }
        panic!("{:?}; sshd: {}", *self.state.borrow(), self.sshd.log())
    }

    async fn reachable(&mut self) -> String {
        let State::Reachable { url, .. } = self.until(|state| matches!(state, State::Reachable { .. })).await
        else {
            unreachable!()
        };
        url.to_string()
    }

    async fn lost(&mut self) -> String {
        let State::Lost { reason, .. } = self.until(|state| matches!(state, State::Lost { .. })).await else {
            unreachable!()
        };
        reason
    }

    async fn refused(&mut self) -> Refusal {
        let State::Refused { reason, hint, changed_key } =
            self.until(|state| matches!(state, State::Refused { .. })).await
        else {
            unreachable!()
        };
        Refusal { reason, hint, changed_key }
    }

    /// As somebody on the internet would ask, by whatever stands in front on the server.
    async fn is_carried(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.remote)).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "pong");
    }

    async fn stops(&mut self) {
        self.tunnel.take().unwrap().stop().await;
    }

    fn told(&self) -> Vec<String> {
        self.world.told()
    }
}

#[tokio::test]
async fn what_the_server_hears_is_carried_here_until_it_is_switched_off() {
    let mut bench = Bench::start().await;
    assert_eq!(bench.reachable().await, PUBLIC);
    bench.is_carried().await;
    bench.is_carried().await;
    assert_eq!(
        bench.known_hosts().key(&bench.server().name()),
        Some(HostKey { fingerprint: bench.sshd.fingerprint(), kind: Some("ED25519".to_owned()) }),
        "the key was pinned on first use"
    );
    bench.stops().await;
    assert_eq!(bench.told(), [PUBLIC, "closed"]);
    // The server notices in its own time.
    let gone = async { while TcpStream::connect(("127.0.0.1", bench.remote)).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn a_server_that_starts_again_is_lost_and_then_the_same_address_leads_here_again() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    bench.sshd.is_killed();
    bench.lost().await;
    // Nobody listens there for a moment: that is no reason to give up.
    let reason = loop {
        bench.until(|state| *state == State::Starting).await;
        let reason = bench.lost().await;
        if reason.contains("Connection refused") {
            break reason;
        }
    };
    assert!(!reason.contains("debug1"), "{reason}");
    assert!(reason.starts_with("the server is there, and nothing takes SSH connections"), "{reason}");
    bench.sshd.runs();
    assert_eq!(bench.reachable().await, PUBLIC);
    bench.is_carried().await;
    assert_eq!(bench.told(), [PUBLIC], "nothing changed for anybody");
    bench.stops().await;
}

#[tokio::test]
async fn another_host_key_is_refused_with_both_fingerprints_until_it_is_trusted() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    let before = bench.sshd.fingerprint();
    bench.sshd.is_killed();
    bench.sshd.makes_key("host_key");
    bench.sshd.runs();
    let refusal = bench.refused().await;
    let now = bench.sshd.fingerprint();
    let changed = refusal.changed_key.unwrap();
    assert_eq!((&changed.pinned, &changed.shown), (&before, &now));
    assert!(refusal.reason.contains(&before) && refusal.reason.contains(&now), "{}", refusal.reason);
    assert_eq!(bench.pinned(), Some(before), "still pinned");
    assert_eq!(bench.told(), [PUBLIC, "closed"]);
    bench.stops().await;

    // Meanwhile `ssh` may have pinned whatever was shown: what was trusted wins.
    let pinned = fs::read_to_string(bench.folder.path().join("known_hosts")).unwrap();
    bench
        .known_hosts()
        .trust(&bench.server().name(), &HostKey { fingerprint: now.clone(), kind: Some(changed.kind) })
        .unwrap();
    let trusted = fs::read_to_string(bench.folder.path().join("known_hosts")).unwrap();
    fs::write(bench.folder.path().join("known_hosts"), format!("{trusted}{pinned}")).unwrap();
    bench.switches_on(bench.sshd.key()).await;
    assert_eq!(bench.reachable().await, PUBLIC);
    bench.is_carried().await;
    assert_eq!(bench.pinned(), Some(now));
    bench.stops().await;
}

#[tokio::test]
async fn a_key_of_another_kind_is_another_key() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    let before = bench.sshd.fingerprint();
    bench.sshd.is_killed();
    bench.sshd.makes_key_of("ecdsa", "host_key");
    bench.sshd.runs();
    let changed = bench.refused().await.changed_key.unwrap();
    assert_eq!((changed.pinned, changed.shown), (before, bench.sshd.fingerprint()));
    assert_eq!((changed.pinned_kind.as_deref(), changed.kind.as_str()), (Some("ED25519"), "ECDSA"));
    bench.stops().await;
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_refused() {
    let sshd = Sshd::start();
    let stranger = sshd.makes_key("stranger");
    let mut bench = Bench::start_as(sshd, stranger, free_port()).await;
    let refusal = bench.refused().await;
    assert_eq!(refusal.reason, "the server accepts none of the keys it was shown");
    assert!(refusal.hint.contains("authorized_keys"), "{}", refusal.hint);
    assert_eq!((refusal.changed_key, bench.told()), (None, vec!["closed".to_owned()]));
    bench.stops().await;
}

/// None of them was ever open, and each is tried again.
#[tokio::test]
async fn what_keeps_us_from_the_server_is_explained() {
    let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging_up = format!("ada@127.0.0.1:{}", hangs_up.local_addr().unwrap().port());
    tokio::spawn(async move { while hangs_up.accept().await.is_ok() {} });
    for (server, words) in [
        ("ada@no-such-host.invalid", "the name of the server is not known; its last words: "),
        (
            "ada@127.0.0.1:1",
            "the server is there, and nothing takes SSH connections at that port; its last words: ",
        ),
        (hanging_up.as_str(), "the server hangs up before anybody signs in; its last words: "),
    ] {
        let folder = TempDir::new().unwrap();
        let ssh = Ssh {
            server: SshServer::parse(server).unwrap(),
            key: None,
            listen: SshListen::parse("8080").unwrap(),
        };
        let wishes = Wishes { domain: Some("mcp.example.com".to_owned()), ssh: Some(ssh) };
        let known_hosts = KnownHosts::at(folder.path().join("known_hosts"));
        let program = Program::find(tunnel::SSH).unwrap();
        let shape = program.shape(program.located().unwrap(), 1, &wishes, &known_hosts);
        let (sender, mut state) = watch::channel(State::Off);
        let tunnel = Tunnel::start(shape, Arc::<Elsewhere>::default(), sender);
        let lost =
            tokio::time::timeout(PATIENCE, state.wait_for(|state| matches!(state, State::Lost { .. })));
        let State::Lost { reason, hint, was_open } = lost.await.unwrap().unwrap().clone() else {
            unreachable!()
        };
        assert!(reason.starts_with(words), "{reason}");
        assert!(hint.ends_with("it is tried again by itself") && !was_open, "{hint}");
        tunnel.stop().await;
    }
}

#[tokio::test]
async fn a_key_file_may_have_any_name() {
    let sshd = Sshd::start();
    let key = sshd.key().with_file_name("100%h \"of it\"");
    fs::copy(sshd.key(), &key).unwrap();
    let mut bench = Bench::start_as(sshd, key, free_port()).await;
    assert_eq!(bench.reachable().await, PUBLIC);
    bench.is_carried().await;
    bench.stops().await;
}

#[tokio::test]
async fn a_key_file_that_is_not_there_is_said() {
    let sshd = Sshd::start();
    let gone = sshd.key().with_extension("gone");
    let mut bench = Bench::start_as(sshd, gone, free_port()).await;
    let refusal = bench.refused().await;
    assert_eq!(refusal.reason, "the key file is not there, or may not be read");
    assert!(refusal.hint.contains("tunnel.ssh_key"), "{}", refusal.hint);
    bench.stops().await;
}

/// By both addresses of this computer: with one of them the server is content. Not every computer has the second.
fn taken(port: u16) -> Vec<std::net::TcpListener> {
    let found = ["127.0.0.1", "::1"].map(|host| std::net::TcpListener::bind((host, port)));
    let has_it = |found: &std::io::Result<_>| !matches!(found, Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable);
    found.into_iter().filter(has_it).map(|found| found.expect("nobody else has the port")).collect()
}

#[tokio::test]
async fn a_port_that_somebody_else_has_is_refused() {
    let (sshd, port) = (Sshd::start(), free_port());
    let (_taken, key) = (taken(port), sshd.key());
    let mut bench = Bench::start_as(sshd, key, port).await;
    let refusal = bench.refused().await;
    assert_eq!(refusal.reason, "the server does not forward that port");
    assert!(
        ["nothing else", "AllowTcpForwarding", "GatewayPorts"].iter().all(|word| refusal.hint.contains(word))
    );
    bench.stops().await;
}

#[tokio::test]
async fn a_server_that_forwards_nothing_is_refused() {
    let mut sshd = Sshd::start();
    sshd.is_killed();
    sshd.writes_config("AllowTcpForwarding no");
    sshd.runs();
    let mut bench = Bench::start_with(sshd).await;
    assert_eq!(bench.refused().await.reason, "the server does not forward that port");
    bench.stops().await;
}

/// As `docs/public-address.md` has it.
#[tokio::test]
async fn an_account_that_may_do_nothing_else_will_do() {
    let (sshd, remote) = (Sshd::start(), free_port());
    sshd.restricts_key(&format!("restrict,port-forwarding,permitlisten=\"{remote}\""));
    let key = sshd.key();
    let mut bench = Bench::start_as(sshd, key, remote).await;
    bench.reachable().await;
    bench.is_carried().await;
    bench.stops().await;

    bench.remote = free_port();
    bench.switches_on(bench.sshd.key()).await;
    assert_eq!(bench.refused().await.reason, "the server does not forward that port");
    bench.stops().await;
}

/// A connection that broke off can hold its port at the server for minutes.
#[tokio::test]
async fn a_port_that_the_server_still_holds_for_us_is_waited_for() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    bench.sshd.is_killed();
    bench.lost().await;
    let held = taken(bench.remote);
    bench.sshd.runs();
    bench
        .until(|state| matches!(state, State::Lost { reason, .. } if reason.contains("does not forward that port")))
        .await;
    drop(held);
    // It waits longer each time, and how often it tried so far is a matter of how busy this machine is.
    bench.tunnel.as_ref().unwrap().look_now();
    assert_eq!(bench.reachable().await, PUBLIC);
    assert_eq!(bench.told(), [PUBLIC]);
    bench.stops().await;
}

/// Nothing of the person's own list of hosts is read or written.
#[tokio::test]
async fn the_pinned_keys_are_in_a_file_of_our_own() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    let text = fs::read_to_string(bench.folder.path().join("known_hosts")).unwrap();
    assert!(text.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", bench.sshd.port)), "{text}");
    assert_eq!(text.lines().count(), 1);
    bench.stops().await;
}
