//! What of this program can be told from outside: every address that is for this computer answers like one that is not there.
//!
//! The addresses are those that the routers are built from, and nothing else may add any.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use engine::api::COMMANDS;
use engine::console::{self, OpenConsole};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const NOWHERE: &str = "/no-such-address";
const PUBLIC_HOST: &str = "calm-harbour.example";

/// One request over a connection of its own, byte for byte, and its answer without the date.
async fn asked(base: &str, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    let host = [("host", PUBLIC_HOST)];
    let named = headers.iter().any(|(name, _)| *name == "host");
    for (name, value) in host.iter().filter(|_| !named).chain(headers) {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

/// With something to stand for `{...}`.
fn filled(path: &str) -> String {
    let tenant = "11111111-1111-4111-8111-111111111111";
    let segments = path.split('/').map(|segment| match segment {
        "{tenant}" => tenant,
        "{command}" => "status",
        _ if segment.starts_with('{') => "x",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Every address that is not for the internet, from the tables that routers are built from.
fn private() -> BTreeSet<String> {
    let commands = COMMANDS.iter().map(|command| format!("/rpc/{}", command.name));
    let own = authserver::private_paths().map(filled);
    let others = practice::paths().chain(console::paths()).map(|path| filled(&path));
    let all = commands.chain(own).chain(others);
    let public: BTreeSet<_> = authserver::public_paths().collect();
    all.filter(|path| !public.contains(path.as_str())).collect()
}

/// Enough of them to try every trick on, each part of the program among them.
fn some() -> Vec<String> {
    private().into_iter().filter(|path| !path.starts_with("/rpc/") || path == "/rpc/status").collect()
}

struct House {
    desk: Desk,
    console: OpenConsole,
    ingress: String,
}

async fn open() -> House {
    let desk = with_program().await;
    let (clock, entropy) = (desk.clock.clone(), Arc::new(SeededEntropy::new(5)));
    let address = ([127, 0, 0, 1], 0).into();
    let console = OpenConsole::start(desk.engine.api(), address, clock, entropy).await.unwrap();
    desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
    desk.until_public(true).await;
    let ingress = desk.ingress();
    House { desk, console, ingress }
}

impl House {
    async fn outside(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
        asked(&self.ingress, method, target, headers).await
    }

    /// What somebody from outside is told, whatever of it is asked for.
    async fn nothing(&self, method: &str) -> String {
        let nothing = self.outside(method, NOWHERE, &[]).await;
        assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
        nothing
    }

    async fn close(self) {
        self.desk.engine.stop().await;
        self.console.stop().await;
    }
}

#[tokio::test]
async fn an_address_of_this_computer_cannot_be_told_from_none() {
    let house = open().await;
    let private = private();
    assert!(private.len() > COMMANDS.len() + 20, "{private:?}");
    for known in ["/rpc/set_tunnel", "/events", "/commands", "/practice/faults", "/readyz", "/test-sign-in"] {
        assert!(private.contains(known), "{known}");
    }
    for method in ["GET", "POST"] {
        let nothing = house.nothing(method).await;
        for path in &private {
            assert_eq!(house.outside(method, path, &[]).await, nothing, "{method} {path}");
        }
    }
    for method in ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        let nothing = house.nothing(method).await;
        for path in some() {
            assert_eq!(house.outside(method, &path, &[]).await, nothing, "{method} {path}");
        }
    }
    house.close().await;
}

#[tokio::test]
async fn no_spelling_of_it_does_either() {
    let house = open().await;
    let nothing = house.nothing("GET").await;
    for path in some() {
        let (first, rest) = path[1..].split_at(1);
        let encoded = format!("/%{:02x}{rest}", first.as_bytes()[0]);
        for target in [
            encoded,
            format!("/{path}"),
            format!("/.{path}"),
            format!("/x/..{path}"),
            format!("{path}/"),
            format!("{path}?grant=x#y").replace('#', "%23"),
            path.to_uppercase(),
            format!("http://localhost{path}"),
            format!("http://{PUBLIC_HOST}{path}"),
        ] {
            assert_eq!(house.outside("GET", &target, &[]).await, nothing, "{target}");
        }
    }
    let whole = house.outside("OPTIONS", "*", &[]).await;
    assert_eq!(whole, house.nothing("OPTIONS").await);
    let through = house.outside("CONNECT", "127.0.0.1:4244", &[]).await;
    assert!(through.starts_with("HTTP/1.1 404 "), "{through}");
    house.close().await;
}

#[tokio::test]
async fn no_name_or_header_of_this_computer_does_either() {
    let house = open().await;
    let nothing = house.nothing("GET").await;
    let console = house.console.link();
    let console = console.trim_start_matches("http://").split('/').next().unwrap();
    let local = house.desk.engine.mcp_url().unwrap();
    let local = local.trim_start_matches("http://").trim_end_matches("/mcp");
    for path in some() {
        for forged in [
            [("host", "localhost"), ("x-forwarded-host", "localhost")],
            [("host", "127.0.0.1"), ("forwarded", "for=127.0.0.1;host=localhost;proto=http")],
            [("host", local), ("x-forwarded-for", "127.0.0.1")],
            [("host", console), ("x-real-ip", "::1")],
            [("host", PUBLIC_HOST), ("x-forwarded-host", local)],
            [("host", PUBLIC_HOST), ("x-original-url", "/rpc/status")],
        ] {
            assert_eq!(house.outside("GET", &path, &forged).await, nothing, "{path} {forged:?}");
        }
    }
    house.close().await;
}

/// Otherwise the tables would not be what is served, and the tests above say nothing.
#[tokio::test]
async fn where_they_belong_these_addresses_are_served() {
    let house = open().await;
    let link = house.console.link();
    let (base, query) = link.rsplit_once('/').unwrap();
    let host = base.trim_start_matches("http://").to_owned();
    let entered = asked(base, "GET", &format!("/{query}"), &[("host", &host)]).await;
    let cookie = entered.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    let json = [("host", host.as_str()), ("cookie", &cookie), ("content-type", "application/json")];
    let nothing = asked(base, "POST", NOWHERE, &json).await;
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
    for path in console::paths() {
        let (path, method) = (filled(&path), if path.starts_with("/assets") { "GET" } else { "POST" });
        assert_ne!(asked(base, method, &path, &json).await, nothing, "{path}");
    }

    let tenant = house.desk.engine.practice_url().unwrap();
    let host = tenant.trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let base = format!("http://{host}");
    let nothing = asked(&base, "PATCH", NOWHERE, &[("host", &host)]).await;
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
    for path in practice::paths() {
        let answer = asked(&base, "PATCH", &filled(&path), &[("host", &host)]).await;
        assert_ne!(answer, nothing, "{path}");
    }

    let local = house.desk.engine.mcp_url().unwrap().replace("/mcp", "");
    let host = local.trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let host = [("host", host.as_str())];
    let at = format!("http://{}", host[0].1);
    let nothing = asked(&at, "PATCH", NOWHERE, &host).await;
    for path in authserver::private_paths() {
        assert_ne!(asked(&at, "PATCH", path, &host).await, nothing, "{path}");
    }
    house.close().await;
}

/// In which files, and how often, addresses are given to a router. Another place needs a table of its own, and has to be
/// among the addresses of [`private`] or public on purpose.
#[test]
fn no_router_has_addresses_that_no_table_has() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeMap::new();
    for file in sources(crates).into_iter().chain(sources(&crates.parent().unwrap().join("src"))) {
        let text = std::fs::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let given = [".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback_service("]
            .map(|call| product.matches(call).count())
            .iter()
            .sum::<usize>();
        if given > 0 {
            let name = file.strip_prefix(crates).unwrap_or(&file).display().to_string();
            found.insert(name, given);
        }
    }
    let expected = [
        // The callback, whose path is a setting.
        ("authserver/src/lib.rs", 1),
        ("authserver/src/routes.rs", 2),
        ("engine/src/console.rs", 1),
        // The tunnel's listener, which leads to what runs.
        ("engine/src/gate.rs", 1),
        // The endpoint in both spellings.
        ("mcp/src/lib.rs", 2),
        ("practice/src/lib.rs", 1),
    ];
    assert_eq!(found, expected.map(|(file, count)| (file.to_owned(), count)).into());
}

/// Files of product code in a crate's `src`, or in those of all crates.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "tests" | "examples" | "benches" | "target" | "testkit") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    files
}
