//! Every known program by a stand-in: a script of its name in a folder that is searched instead of the PATH, which says what the
//! real one says, and misbehaves in each way that a program can.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use testkit::Elsewhere;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tunnel::{KnownHosts, PROGRAMS, Program, Ssh, SshListen, SshServer, State, Tunnel, Wishes};

/// What one program says.
struct Part {
    id: &'static str,
    binary: &'static str,
    /// Of which stream; most say everything on one.
    to: &'static str,
    /// Up to the address, with whatever other addresses stand around it. `{}` is what is special to this time.
    opens: &'static str,
    /// The address, with `{}` likewise.
    address: &'static str,
    /// Later, while it is open: addresses that are none of ours.
    chats: &'static str,
    /// Where it is in vain, and what the person is told then.
    refuses: Option<(&'static str, &'static str)>,
}

const PARTS: &[Part] = &[
    Part {
        id: "cloudflared",
        binary: "cloudflared",
        to: "2",
        opens: "INF Thank you for trying Cloudflare Tunnel. Read https://www.cloudflare.com/website-terms/ and \
                https://developers.cloudflare.com/cloudflare-one/connections/connect-apps\n\
                INF Requesting new quick Tunnel on https://api.trycloudflare.com/tunnel ...\n\
                INF +----------------------------+\n\
                INF |  https://calm-harbour-{}.trycloudflare.com  |\n\
                INF +----------------------------+",
        address: "https://calm-harbour-{}.trycloudflare.com/",
        chats: "ERR failed to serve tunnel connection, see https://www.cloudflarestatus.com/ error=\"timeout\"",
        refuses: None,
    },
    Part {
        id: "cloudflared-named",
        binary: "cloudflared",
        to: "2",
        opens: "INF Tunnel credentials written to /home/ada/.cloudflared/6ff4.json. cloudflared chose this file based on where your \
                origin certificate was found.\nINF Added CNAME mcp.contoso.example which will route to this tunnel\n\
                INF Starting metrics server on 127.0.0.1:20241/metrics\n\
                INF Registered tunnel connection connIndex=0 event=0 ip=198.51.100.4 location=fra08 protocol=quic",
        address: "https://mcp.contoso.example/",
        chats: "ERR failed to serve tunnel connection, see https://www.cloudflarestatus.com/ error=\"timeout\"",
        refuses: Some((
            "ERR Cannot determine default origin certificate path. No file cert.pem in [~/.cloudflared]\n\
             error parsing tunnel ID: Error locating origin cert: client didn't specify origincert path",
            "not signed in to a Cloudflare account",
        )),
    },
    Part {
        id: "tailscale",
        binary: "tailscale",
        to: "1",
        opens: "Available on the internet:\n\nhttps://box{}.tail1234.ts.net/\n|-- proxy http://127.0.0.1:4711\n\nPress Ctrl+C to exit.",
        address: "https://box{}.tail1234.ts.net/",
        chats: "see https://tailscale.com/s/funnel and https://login.tailscale.com/admin",
        refuses: Some((
            "Funnel is not enabled on your tailnet.\nTo enable, visit:\n\n\thttps://login.tailscale.com/f/funnel?node=x",
            "Funnel is not allowed",
        )),
    },
    Part {
        id: "devtunnel",
        binary: "devtunnel",
        to: "1",
        opens: "Hosting port: 4711\nConnect via browser: https://abc{}.euw.devtunnels.ms:4711, https://abc{}-4711.euw.devtunnels.ms\n\
                Inspect network activity: https://abc{}-4711-inspect.euw.devtunnels.ms",
        address: "https://abc{}-4711.euw.devtunnels.ms/",
        chats: "Inspect network activity: https://abc1-4711-inspect.euw.devtunnels.ms",
        refuses: Some((
            "Login required. Use `devtunnel user login`, https://aka.ms/devtunnels",
            "signed out",
        )),
    },
    Part {
        id: "zrok",
        binary: "zrok",
        to: "2",
        opens: "{\"level\":\"info\",\"msg\":\"access your zrok share at the following endpoints:\\n https://x{}.share.zrok.io\"}",
        address: "https://x{}.share.zrok.io/",
        chats: "{\"level\":\"error\",\"msg\":\"cannot reach https://api.zrok.io, see https://docs.zrok.io\"}",
        refuses: Some(("[ERROR]: unable to load environment; did you 'zrok enable'?", "not enabled")),
    },
    Part {
        id: "localhost-run",
        binary: "ssh",
        to: "1",
        opens: "Welcome to localhost.run!\nTo set up and manage custom domains go to https://admin.localhost.run/\n\
                More details on https://localhost.run/docs/custom-domains\n\
                0a{}.lhr.life tunneled with tls termination, https://0a{}.lhr.life",
        address: "https://0a{}.lhr.life/",
        chats: "create an account at https://admin.localhost.run/ , or https://docs.lhr.rocks",
        refuses: SSH_REFUSES,
    },
    Part {
        id: "pinggy",
        binary: "ssh",
        to: "1",
        opens: "You are not authenticated.\nYour tunnel will expire in 60 minutes. Upgrade to Pinggy Pro: https://dashboard.pinggy.io\n\
                http://rn{}.a.free.pinggy.link\nhttps://rn{}.a.free.pinggy.link",
        address: "https://rn{}.a.free.pinggy.link/",
        chats: "sign in at https://dashboard.pinggy.link",
        refuses: SSH_REFUSES,
    },
    Part {
        id: "serveo",
        binary: "ssh",
        to: "1",
        opens: "\x1b[32mForwarding HTTP traffic from https://a{}.serveo.net\x1b[0m",
        address: "https://a{}.serveo.net/",
        chats: "see https://console.serveo.net or https://serveo.example/docs",
        refuses: SSH_REFUSES,
    },
    // sish, which says its own address.
    Part {
        id: "ssh",
        binary: "ssh",
        to: "1",
        opens: "Press Ctrl-C to close the session.\n\nStarting SSH Forwarding service for http:80. \
                Forwarded connections can be accessed via the following methods:\n\
                HTTP: http://mine{}.sish.example\nHTTPS: https://mine{}.sish.example",
        address: "https://mine{}.sish.example/",
        chats: "see https://docs.ssi.sh\ndebug1: client_input_channel_open: https://other.sish.example",
        refuses: SSH_REFUSES,
    },
];

const SSH_REFUSES: Option<(&str, &str)> = Some((
    "debug1: Authentications that can continue: publickey\nada@sish.example: Permission denied (publickey).",
    "accepts none of the keys",
));

struct Bench {
    part: &'static Part,
    folder: TempDir,
    world: Arc<Elsewhere>,
    state: watch::Receiver<State>,
    tunnel: Tunnel,
}

impl Bench {
    /// The program of this part runs `script`, with `opens N`, `chats` and `refuses` as words of its own, and its run in `$n`.
    fn plays(part: &'static Part, script: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("opens.txt"), part.opens).unwrap();
        fs::write(at("chats.txt"), part.chats).unwrap();
        fs::write(at("refuses.txt"), part.refuses.unwrap_or_default().0).unwrap();
        let text = format!(
            "#!/bin/sh\ncd '{}'\necho \"$@\" >> runs\nn=$(wc -l < runs | tr -d ' ')\n\
             opens() {{ sed \"s/{{}}/$1/g\" opens.txt >&{to}; echo >&{to}; }}\n\
             chats() {{ cat chats.txt >&{to}; echo >&{to}; }}\nrefuses() {{ cat refuses.txt >&{to}; echo >&{to}; }}\n\
             until_told() {{ until [ -e \"$1\" ]; do sleep 0.02; done; }}\n{script}\n",
            folder.path().display(),
            to = part.to,
        );
        fs::write(at(part.binary), text).unwrap();
        fs::set_permissions(at(part.binary), fs::Permissions::from_mode(0o755)).unwrap();

        let program = Program::find(part.id).unwrap();
        let binary = program.located_in(folder.path().as_os_str()).expect("the stand-in is what is found");
        let ssh = Ssh {
            server: SshServer::parse("ada@sish.example").unwrap(),
            key: None,
            listen: SshListen::parse("mine:80").unwrap(),
        };
        let domain = program.needs_domain().then(|| "mcp.contoso.example".to_owned());
        let wishes = Wishes { domain, ssh: Some(ssh) };
        let shape = program.shape(binary, 4711, &wishes, &KnownHosts::at(at("known_hosts")));
        let (sender, state) = watch::channel(State::Off);
        let world = Arc::<Elsewhere>::default();
        let tunnel = Tunnel::start(shape, world.clone(), sender);
        Self { part, folder, world, state, tunnel }
    }

    async fn until(&mut self, what: impl FnMut(&State) -> bool) -> State {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.state.wait_for(what)).await;
        waited.unwrap_or_else(|_| panic!("{} goes nowhere", self.part.id)).unwrap().clone()
    }

    async fn reachable(&mut self, run: &str) {
        let address = self.address(run);
        self.until(|state| matches!(state, State::Reachable { url, .. } if url.as_str() == address)).await;
    }

    async fn lost(&mut self) -> String {
        let State::Lost { reason, .. } = self.until(|state| matches!(state, State::Lost { .. })).await else {
            unreachable!()
        };
        reason
    }

    fn address(&self, run: &str) -> String {
        self.part.address.replace("{}", run)
    }

    fn tells(&self, name: &str) {
        fs::write(self.folder.path().join(name), "").unwrap();
    }

    /// By the script.
    async fn is_told(&self, name: &str) {
        let file = self.folder.path().join(name);
        let there = async {
            while !file.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), there)
            .await
            .unwrap_or_else(|_| panic!("{}: no {name}", self.part.id));
    }

    fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("runs")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn ends(self, told: &[&str]) {
        self.tunnel.stop().await;
        let opened = told.iter().map(|run| self.part.address.replace("{}", run));
        let told: Vec<String> = opened.chain(["closed".to_owned()]).collect();
        assert_eq!(self.world.told(), told, "{}", self.part.id);
    }
}

#[test]
fn every_program_is_played() {
    for program in PROGRAMS {
        let part = PARTS.iter().find(|part| part.id == program.id);
        assert_eq!(part.map(|part| part.binary), Some(program.binary), "{}", program.id);
    }
}

#[tokio::test]
async fn an_address_that_comes_late_is_waited_for() {
    for part in PARTS {
        let mut bench = Bench::plays(part, "chats; until_told go; opens 1; exec sleep 600");
        bench.until(|state| *state == State::Starting).await;
        bench.tells("go");
        bench.reachable("1").await;
        let runs = bench.runs();
        assert!(runs.len() == 1 && runs[0].contains("4711"), "{}: {runs:?}", part.id);
        bench.ends(&["1"]).await;
    }
}

#[tokio::test]
async fn no_other_address_is_taken_for_it_and_a_new_one_is() {
    for part in PARTS.iter().filter(|part| part.address.contains("{}")) {
        let script = "[ $n = 1 ] || { opens 2; exec sleep 600; }\nopens 1; until_told go; chats; opens 1; chats; opens 2; exec sleep 600";
        let mut bench = Bench::plays(part, script);
        bench.reachable("1").await;
        bench.tells("go");
        let (reason, other) = (bench.lost().await, bench.address("2"));
        assert_eq!(reason, format!("the address changed to {other}"), "{}", part.id);
        bench.reachable("2").await;
        bench.ends(&["1", "2"]).await;
    }
}

#[tokio::test]
async fn one_that_ends_is_started_again_whatever_it_ends_with() {
    // Together: each waits for a second before it is started again.
    let mut all = JoinSet::new();
    for part in PARTS {
        for (how, told) in [("exit 0", "exit code 0"), ("exit 3", "exit code 3"), ("kill -KILL $$", "ended")]
        {
            all.spawn(async move {
                let script = format!("opens 1; [ $n = 1 ] || exec sleep 600; until_told go; {how}");
                let mut bench = Bench::plays(part, &script);
                bench.reachable("1").await;
                bench.tells("go");
                let reason = bench.lost().await;
                assert!(reason.contains(told), "{}: {reason}", part.id);
                bench.reachable("1").await;
                bench.ends(&["1"]).await;
            });
        }
    }
    all.join_all().await;
}

#[tokio::test]
async fn garbage_endless_lines_and_the_other_stream_hide_nothing() {
    for part in PARTS {
        let other = if part.to == "1" { "2" } else { "1" };
        let script = format!(
            "head -c 300000 /dev/urandom; printf '\\n\\377\\376'; head -c 200000 /dev/zero | tr '\\0' x >&2; printf '\\n\\n' >&2\n\
             echo; opens 1 {part}>&{other}; exec sleep 600",
            part = part.to
        );
        let mut bench = Bench::plays(part, &script);
        bench.reachable("1").await;
        bench.ends(&["1"]).await;
    }
}

#[tokio::test]
async fn a_flood_is_read_and_changes_nothing() {
    for part in PARTS {
        let script = "opens 1; i=0; while [ $i -lt 20 ]; do yes 'INF https:// nothing' | head -n 1000 >&2; chats; i=$((i+1)); done\n\
                      touch flooded; exec sleep 600";
        let mut bench = Bench::plays(part, script);
        bench.is_told("flooded").await;
        bench.reachable("1").await;
        assert_eq!(bench.runs().len(), 1, "{}", part.id);
        bench.ends(&["1"]).await;
    }
}

#[tokio::test]
async fn words_that_mean_no_end_it_and_say_what_to_do() {
    for part in PARTS {
        let Some((_, says)) = part.refuses else { continue };
        let mut bench = Bench::plays(part, "refuses; exec sleep 600");
        let state = bench.until(|state| matches!(state, State::Refused { .. })).await;
        let State::Refused { reason, hint, .. } = state else { unreachable!() };
        assert!(reason.contains(says) && !hint.is_empty(), "{}: {reason}", part.id);
        assert_eq!(bench.runs().len(), 1, "{}", part.id);
        bench.ends(&[]).await;
    }
}
