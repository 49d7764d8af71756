//! What the variables of the replaced example meant where that differs from a setting of ours.
//!
//! Its base URL was both where it listened and how the world reached it; here the first is `server.listen`, the
//! second `server.public_url`.

use url::{Host, Url};

use super::draft::SettingsDraft;
use super::fields::Key;
use super::problem::{Problem, Source, quoted};

/// A loopback address that a variable says we are reached at; it sets nothing, but it has to be true.
#[derive(Debug, Clone)]
pub(super) struct LocalAddress {
    pub(super) port: u16,
    pub(super) source: Source,
}

/// Takes the text of a variable of the replaced example, unless our own name for the setting was given too.
pub(super) fn take(draft: &mut SettingsDraft, key: Key, text: String, source: Source) {
    match key.field().key {
        "server.public_url" => take_base_url(draft, key, &text, source),
        "server.callback_path" if !text.trim().starts_with('/') && !text.contains("://") => {
            // The example put the slash in front itself.
            take_plain(draft, key, format!("/{}", text.trim()), source);
        }
        _ => take_plain(draft, key, text, source),
    }
}

fn take_plain(draft: &mut SettingsDraft, key: Key, text: String, source: Source) {
    if !draft.contains(key) {
        draft.put(key, text, source);
    }
}

fn take_base_url(draft: &mut SettingsDraft, key: Key, text: &str, source: Source) {
    let base = without_mcp(text.trim());
    if let Some(port) = loopback_port(base) {
        draft.local_addresses.push(LocalAddress { port, source });
        return;
    }
    if !draft.contains(key) {
        draft.put(key, base.to_owned(), source);
    } else if is_legacy(&draft.source(key)) && without_mcp(draft.text(key)) != base {
        let earlier = draft.source(key);
        draft.note(Problem {
            field: key.to_string(),
            code: "two-public-urls",
            message: format!("{} differs from {} ({earlier})", quoted(base), quoted(draft.text(key))),
            hint: Some("let both variables name the same server, or remove one".to_owned()),
            source,
        });
    }
}

fn is_legacy(source: &Source) -> bool {
    matches!(source, Source::Environment { variable } if Key::from_legacy(variable).is_some())
}

/// The example's URLs named the server or its MCP endpoint, with or without a slash at the end.
fn without_mcp(text: &str) -> &str {
    let text = text.trim_end_matches('/');
    text.strip_suffix("/mcp").unwrap_or(text)
}

/// Port of a URL that is nothing but `http` on this computer.
fn loopback_port(text: &str) -> Option<u16> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.path() == "/")?;
    is_loopback(&url).then(|| url.port_or_known_default())?
}

/// Whether the host of `url` is this very computer.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
