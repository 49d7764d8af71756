//! `src-tauri/docs/clients.md`, written from what tests left when they passed. To write it anew:
//!
//! ```sh
//! npm test -- clients inspector
//! cargo nextest run -p testkit --test imitations && UPDATE_DOCS=1 cargo nextest run -p testkit --test compatibility
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::checklist::{Proof, RULES};
use testkit::imitation::{ALL, Record};

use crate::real::REAL;
use crate::{at_root, read};

const PAGE: &str = "src-tauri/docs/clients.md";

const INTRODUCTION: &str = "# Compatibility

Which MCP clients were tried with this server, and how. This page is written by tests: a line is here because a test
passed on that day, and each is tried again with every change.

*Real* is the product itself, operated by a test. *Imitation* plays the requests of the product in its order, with its
headers and bodies, and is as strict as it is; it stands for clients that cannot be run offline or that run in their
maker's cloud, and for old versions. How a product's behaviour is known is said beside it. No imitation is a promise of
its maker: if a client does not connect, *Auth log* in the window says where it stopped.

Everything is tried from the first request to a call of `get_user_info`, then the server is started again, the access
token ends, the client refreshes it in its own way, and calls once more. Nobody signs in a second time. (The real
Inspector 2.x keeps its tokens where a test cannot end them; there its imitation alone refreshes.)

";

const EDGES: &str = "
## Hosted clients behind an edge

Claude on the web, ChatGPT and Copilot Studio call from their makers' networks. What turns them away is mostly not this
server but what stands before it. At Cloudflare, switch *Block AI bots*, *AI Crawl Control* and *Bot Fight Mode* off for
`/mcp`, `/.well-known/*`, `/register`, `/authorize` and `/token`; elsewhere, let `User-Agent: Claude-User` and `openai-mcp` through. A
firewall that knows only addresses needs those the makers publish
([Anthropic](https://docs.claude.com/en/api/ip-addresses): 160.79.104.0/21; [OpenAI](https://platform.openai.com/docs/bots)).
";

/// Client, version and way of a line.
type Line = (String, String, String);

/// What tests cover, in the order of the page: the line, what was tried, and the name of the record.
fn covered() -> Vec<(Line, &'static str, &'static str)> {
    let real = REAL
        .iter()
        .map(|real| ((real.client.to_owned(), real.version(), "real".to_owned()), real.tried, real.record));
    let played = ALL.iter().map(|role| {
        let how = format!("imitation, {}", role.from.words());
        ((role.client.to_owned(), role.version.to_owned(), how), role.tried, role.test)
    });
    real.chain(played).collect()
}

#[test]
fn the_page_lists_what_tests_cover_and_nothing_else() {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(at_root(PAGE), written()).unwrap();
    }
    let page = read(PAGE);
    let cells = |line: &str| {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let listed: BTreeSet<Vec<String>> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(cells)
        .filter(|cells| cells.len() == 6 && cells[0] != "client" && !cells[0].starts_with('-'))
        .map(|cells| cells[..4].to_vec())
        .collect();
    let expected: BTreeSet<Vec<String>> = covered()
        .into_iter()
        .map(|((client, version, how), tried, _)| vec![client, version, how, tried.to_owned()])
        .collect();
    let stale = "docs/clients.md is stale; see the head of tests/compatibility/page.rs";
    let surplus: Vec<_> = listed.difference(&expected).collect();
    assert!(surplus.is_empty(), "{stale}: no test covers {surplus:?}");
    let lacking: Vec<_> = expected.difference(&listed).collect();
    assert!(lacking.is_empty(), "{stale}: it lacks {lacking:?}");
    assert!(page.contains(EDGES) && page.ends_with(&checklist()), "{stale}");
}

fn written() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| client | version | how | what was tried | result | date |\n|---|---|---|---|---|---|\n");
    let mut missing = Vec::new();
    for ((client, version, how), tried, record) in covered() {
        let Some(when) = Record::found(record) else {
            missing.push(record);
            continue;
        };
        writeln!(page, "| {client} | {version} | {how} | {tried} | connects and stays | {} |", date(when))
            .unwrap();
    }
    assert!(missing.is_empty(), "no passed test left a record of {missing:?}; see the head of this file");
    page.push_str(EDGES);
    page.push_str(&checklist());
    page
}

fn checklist() -> String {
    let mut text = "
## Checklist

What a server must do for all of them, and the tests that prove it.

"
    .to_owned();
    for rule in RULES {
        let proofs: Vec<_> = rule.proofs.iter().map(proof).collect();
        writeln!(text, "{}. {} {}", rule.number, rule.says, proofs.join(", ")).unwrap();
    }
    text
}

fn proof(proof: &Proof) -> String {
    match proof {
        Proof::Rust(path) => format!("`{path}`"),
        Proof::Script(file, words) => format!("`{file}`: *{words}*"),
        Proof::Words(file, _) => format!("said in `{file}`"),
        Proof::Untestable(why) => format!("(not tested further: {why})"),
    }
}

/// `2026-11-25` (H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn date(when: SystemTime) -> String {
    let days = i64::try_from(when.duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400).unwrap() + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    format!("{}-{month:02}-{day:02}", year_of_era + era * 400 + i64::from(month <= 2))
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (seconds, expected) in [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_795_435_200, "2026-11-23")]
    {
        assert_eq!(date(UNIX_EPOCH + std::time::Duration::from_secs(seconds)), expected);
    }
}
