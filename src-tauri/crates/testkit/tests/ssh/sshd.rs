//! `sshd` on a loopback port, as whoever runs the test, with keys and settings of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where it is if `JMOP_SSHD` does not say: unpacked somewhere, it need not be installed as a service.
const SSHD: &str = "/usr/sbin/sshd";
/// Generous: a busy machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Sshd {
    folder: TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let sshd = program();
        assert!(
            sshd.is_absolute() && sshd.exists(),
            "{} is not on this machine, and without it nothing is known of tunnels by SSH: install openssh-server, or set \
             JMOP_SSHD to the absolute path of an sshd",
            sshd.display()
        );
        let mut sshd = Self { folder: TempDir::new().unwrap(), port: free_port(), child: None };
        sshd.makes_key("key");
        sshd.makes_key("host_key");
        fs::copy(sshd.at("key.pub"), sshd.at("authorized_keys")).unwrap();
        sshd.writes_config("");
        sshd.runs();
        sshd
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The key that it lets in.
    pub(crate) fn key(&self) -> PathBuf {
        self.at("key")
    }

    /// Where it is, as a person would write it.
    pub(crate) fn address(&self) -> String {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        format!("{}@127.0.0.1:{}", String::from_utf8(user).unwrap().trim(), self.port)
    }

    /// A key of its own or of a person's, in place of the one before.
    pub(crate) fn makes_key(&self, name: &str) -> PathBuf {
        self.makes_key_of("ed25519", name)
    }

    pub(crate) fn makes_key_of(&self, kind: &str, name: &str) -> PathBuf {
        let file = self.at(name);
        let _ = fs::remove_file(&file);
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(&file).status();
        assert!(made.unwrap().success());
        file
    }

    /// As `ssh-keygen` shows it.
    pub(crate) fn fingerprint(&self) -> String {
        let shown =
            Command::new("ssh-keygen").arg("-lf").arg(self.at("host_key.pub")).output().unwrap().stdout;
        String::from_utf8(shown).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// What stands before the key in `authorized_keys`.
    pub(crate) fn restricts_key(&self, options: &str) {
        let key = fs::read_to_string(self.at("key.pub")).unwrap();
        fs::write(self.at("authorized_keys"), format!("{options} {key}")).unwrap();
    }

    pub(crate) fn writes_config(&self, more: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile {folder}/pid\n\
             AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n{more}\n",
            self.port
        );
        fs::write(self.at("config"), text).unwrap();
    }

    /// Until it listens.
    pub(crate) fn runs(&mut self) {
        // Where the system's own would make it when it starts; only root needs it.
        let _ = fs::create_dir("/run/sshd");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.at("log")).unwrap();
        let mut command = Command::new(program());
        command.args(["-D", "-e", "-f"]).arg(self.at("config")).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let id = child.id();
        self.child = Some(child);
        let began = Instant::now();
        while fs::read_to_string(self.at("pid")).unwrap_or_default().trim() != id.to_string() {
            assert!(began.elapsed() < PATIENCE, "sshd does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The connections it serves are cut; it goes on.
    pub(crate) fn cuts_connections(&self) {
        let id = self.child.as_ref().unwrap().id();
        let cut = descendants(id);
        assert!(!cut.is_empty(), "there is a connection to cut: {}", self.log());
        kill(&cut);
    }

    /// With every connection. Afterwards nothing of it holds a port any more.
    pub(crate) fn is_killed(&mut self) {
        let mut child = self.child.take().unwrap();
        let connections = descendants(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        kill(&connections);
        let began = Instant::now();
        while connections.iter().any(|id| runs(id)) {
            assert!(began.elapsed() < PATIENCE, "{connections:?} do not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.is_killed();
        }
    }
}

/// It insists on being called by an absolute path.
fn program() -> PathBuf {
    std::env::var_os("JMOP_SSHD").map_or_else(|| SSHD.into(), PathBuf::from)
}

/// Each connection is served in a session of its own, so no signal to a group would reach them.
fn descendants(of: u32) -> Vec<String> {
    let listed = Command::new("ps").args(["-A", "-o", "ppid=,pid="]).output().unwrap().stdout;
    let listed = String::from_utf8(listed).unwrap();
    let pairs: Vec<(&str, &str)> =
        listed.lines().filter_map(|line| line.trim().split_once(char::is_whitespace)).collect();
    let mut found = vec![of.to_string()];
    let mut at = 0;
    while let Some(parent) = found.get(at).cloned() {
        found.extend(pairs.iter().filter(|(ppid, _)| *ppid == parent).map(|(_, pid)| pid.trim().to_owned()));
        at += 1;
    }
    found.split_off(1)
}

/// One that ended by itself meanwhile is fine.
fn kill(ids: &[String]) {
    if !ids.is_empty() {
        let _ = Command::new("kill").arg("-KILL").args(ids).stderr(Stdio::null()).status();
    }
}

/// A killed process goes on for a while; once it is a zombie whatever it had open is closed.
fn runs(id: &str) -> bool {
    let listed = Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap().stdout;
    let state = String::from_utf8(listed).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

/// For whoever listens there next.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    listener.local_addr().unwrap().port()
}
