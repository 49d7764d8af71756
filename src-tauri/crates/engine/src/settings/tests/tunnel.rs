//! The tunnel by a server or under a name of one's own.

use std::path::Path;

use super::{problem, settings, typed};

const BY_SSH: &[(&str, &str)] =
    &[("tunnel.provider", "ssh"), ("tunnel.ssh_server", "ada@mcp.example.com:2222")];

fn by_ssh(key: &str, text: &str) -> super::SettingsDraft {
    typed(BY_SSH).overlay(typed(&[(key, text)]))
}

#[test]
fn a_server_of_ones_own_needs_nothing_but_where_it_is() {
    let tunnel = settings(&typed(BY_SSH)).tunnel;
    let ssh = tunnel.ssh.unwrap();
    assert_eq!(
        (ssh.server.as_str(), ssh.key, ssh.listen.as_str()),
        ("ada@mcp.example.com:2222", None, "8080")
    );
    let ssh = settings(&by_ssh("tunnel.ssh_key", "~/.ssh/id_ed25519")).tunnel.ssh.unwrap();
    assert_eq!(ssh.key.as_deref(), Some(Path::new("~/.ssh/id_ed25519")));
    let sish = settings(&by_ssh("tunnel.ssh_listen", "mine:80")).tunnel.ssh.unwrap();
    assert_eq!(sish.listen, "mine:80");
    assert_eq!(settings(&typed(&[])).tunnel.ssh, None);
}

#[test]
fn nothing_is_taken_for_an_option_of_ssh() {
    for (key, text, code) in [
        ("tunnel.ssh_server", "-oProxyCommand=id", "not-a-server"),
        ("tunnel.ssh_server", "ada@-oProxyCommand=id", "not-a-server"),
        ("tunnel.ssh_server", "mcp.example.com -v", "not-a-server"),
        ("tunnel.ssh_server", "mcp.example.com:ssh", "not-a-server"),
        ("tunnel.ssh_key", "-oProxyCommand=id", "not-a-path"),
        ("tunnel.ssh_key", "id_ed25519", "not-a-path"),
        ("tunnel.ssh_listen", "-8080", "not-a-port"),
        ("tunnel.ssh_listen", "http", "not-a-port"),
    ] {
        let problem = problem(&by_ssh(key, text));
        assert_eq!((problem.field.as_str(), problem.code), (key, code), "{text}");
        assert!(problem.hint.is_some_and(|hint| hint.starts_with("write ")), "{text}");
    }
}

#[test]
fn where_it_goes_and_how_it_is_reached_must_be_known() {
    assert_eq!(problem(&typed(&[("tunnel.provider", "ssh")])).field, "tunnel.ssh_server");
    for server in ["my-server", "203.0.113.9"] {
        let nameless = by_ssh("tunnel.ssh_server", server);
        let found = problem(&nameless);
        assert_eq!((found.field.as_str(), found.code), ("tunnel.domain", "missing"));
        settings(&nameless.overlay(typed(&[("tunnel.domain", "mcp.example.com")])));
    }
}

#[test]
fn a_tunnel_of_ones_own_at_cloudflare_needs_its_name() {
    let nameless = typed(&[("tunnel.provider", "cloudflared-named")]);
    let found = problem(&nameless);
    assert_eq!((found.field.as_str(), found.code), ("tunnel.domain", "missing"));
    settings(&nameless.overlay(typed(&[("tunnel.domain", "mcp.example.com")])));
}
