//! The switch to the public internet: what it starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Secret;
use model::settings::{AutoOff, NgrokSettings, SshSettings, TunnelSettings};
use tunnel::{OWN, Provider, SSH, Shape, SshListen, SshServer};
use url::Url;

use super::{Check, Read};
use crate::settings::problem::quoted;

pub(super) fn read(check: &mut Check<'_>) -> Read<TunnelSettings> {
    let (provider, command) = (provider(check), command(check));
    let (domain, auto_off) = (domain(check), auto_off(check));
    let (ssh, ngrok) = (ssh(check), ngrok(check));
    Ok(TunnelSettings {
        provider: provider?,
        command: command?,
        domain: domain?,
        ssh: ssh?,
        ngrok: ngrok?,
        auto_off: auto_off?,
    })
}

fn auto_off(check: &mut Check<'_>) -> Read<AutoOff> {
    const HOUR: u64 = 3600;
    match check.text("tunnel.auto_off") {
        "never" => Ok(AutoOff::Never),
        "1h" => Ok(AutoOff::After(Duration::from_secs(HOUR))),
        "8h" => Ok(AutoOff::After(Duration::from_secs(8 * HOUR))),
        "sleep" => Ok(AutoOff::Sleep),
        other => {
            let message = format!("{} does not say when the tunnel closes", quoted(other));
            Err(check.refuse(
                "tunnel.auto_off",
                "not-a-choice",
                message,
                "write `never`, `1h`, `8h` or `sleep`",
            ))
        }
    }
}

fn provider(check: &mut Check<'_>) -> Read<String> {
    let text = check.text("tunnel.provider");
    if text == OWN && check.text("tunnel.command").is_empty() {
        let hint = "set `tunnel.command`, for example `cloudflared tunnel --url http://127.0.0.1:{port}`";
        return Err(check.refuse("tunnel.provider", "missing", "no command is given", hint));
    }
    if text == OWN || Provider::find(text).is_some() {
        return Ok(text.to_owned());
    }
    let known: Vec<String> = Provider::all().map(|provider| format!("`{}`", provider.id())).collect();
    let message = format!("{} is no tunnel that is known here", quoted(text));
    let hint = format!("choose {}, or `{OWN}` with a command of your own", known.join(", "));
    Err(check.refuse("tunnel.provider", "not-a-choice", message, hint))
}

fn command(check: &mut Check<'_>) -> Read<String> {
    let text = check.text("tunnel.command");
    if !text.is_empty() && !text.contains("{port}") {
        let message = "the command does not say where our port belongs";
        let hint = "write `{port}` there, for example `cloudflared tunnel --url http://127.0.0.1:{port}`";
        return Err(check.refuse("tunnel.command", "no-port", message, hint));
    }
    // That the program is there is looked at when it is started.
    if !text.is_empty() && Shape::of_command(text, 1).is_err_and(|reason| reason.contains("quotes")) {
        return Err(check.refuse(
            "tunnel.command",
            "not-a-command",
            "the quotes of the command do not end",
            "close them",
        ));
    }
    Ok(text.to_owned())
}

fn domain(check: &mut Check<'_>) -> Read<Option<String>> {
    let text = check.text("tunnel.domain");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let needed = Provider::find(check.text("tunnel.provider")).is_some_and(Provider::needs_domain);
    if text.is_empty() && needed {
        let hint = "write a host name of your domain, for example `mcp.example.com`";
        return Err(check.refuse("tunnel.domain", "missing", "no host name is given", hint));
    }
    if text.is_empty() {
        return Ok(None);
    }
    if !text.contains('.') || !text.chars().all(plain) || text.starts_with('-') {
        let message = format!("{} is no host name", quoted(text));
        let hint = "write only the name, for example `mcp.example.com`";
        return Err(check.refuse("tunnel.domain", "not-a-host", message, hint));
    }
    Ok(Some(text.to_owned()))
}

fn ssh(check: &mut Check<'_>) -> Read<Option<SshSettings>> {
    let (server, key, listen) = (server(check), key(check), listen(check));
    let (server, key, listen) = (server?, key?, listen?);
    Ok(server.map(|server| SshSettings { server, key, listen }))
}

fn server(check: &mut Check<'_>) -> Read<Option<String>> {
    const EXAMPLE: &str = "write `user@host:port`, for example `tunnel@mcp.example.com`";
    let text = check.text("tunnel.ssh_server");
    let is_chosen = check.text("tunnel.provider") == SSH;
    if text.is_empty() && is_chosen {
        return Err(check.refuse("tunnel.ssh_server", "missing", "no server is given", EXAMPLE));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let server = SshServer::parse(text).map_err(|reason| {
        let message = format!("{} is no server: {reason}", quoted(text));
        check.refuse("tunnel.ssh_server", "not-a-server", message, EXAMPLE)
    })?;
    if is_chosen && server.domain().is_none() && check.text("tunnel.domain").is_empty() {
        let message = "nothing says under which name the server is reached";
        let hint = "write the host name of its https address, for example `mcp.example.com`";
        return Err(check.refuse("tunnel.domain", "missing", message, hint));
    }
    Ok(Some(text.to_owned()))
}

fn key(check: &mut Check<'_>) -> Read<Option<PathBuf>> {
    let text = check.text("tunnel.ssh_key");
    let path = Path::new(text);
    // That it is there is looked at by `ssh`, which knows who may read it.
    if !text.is_empty() && !path.is_absolute() && !path.starts_with("~") {
        let message = format!("{} does not say from where", quoted(text));
        let hint = "write the whole path of the private key, for example `~/.ssh/id_ed25519`";
        return Err(check.refuse("tunnel.ssh_key", "not-a-path", message, hint));
    }
    Ok((!text.is_empty()).then(|| path.to_owned()))
}

fn listen(check: &mut Check<'_>) -> Read<String> {
    let text = check.text("tunnel.ssh_listen");
    SshListen::parse(text).map_err(|reason| {
        let message = format!("{} is nothing that a server can listen on: {reason}", quoted(text));
        check.refuse(
            "tunnel.ssh_listen",
            "not-a-port",
            message,
            "write a port, or for sish a name and a port: `mine:80`",
        )
    })?;
    Ok(text.to_owned())
}

/// That there is an authtoken is looked at when it is switched on: without one the rest of the server works.
fn ngrok(check: &mut Check<'_>) -> Read<NgrokSettings> {
    let (authtoken, server) = (authtoken(check), ngrok_server(check));
    let ca_file = check.text("tunnel.ngrok_ca_file");
    let ca_file = (!ca_file.is_empty()).then(|| PathBuf::from(ca_file));
    Ok(NgrokSettings { authtoken: authtoken?, server: server?, ca_file })
}

fn authtoken(check: &mut Check<'_>) -> Read<Option<Secret>> {
    let text = check.text("tunnel.ngrok_authtoken");
    if text.contains(char::is_whitespace) || !text.is_ascii() {
        let hint = "paste only the text that dashboard.ngrok.com/get-started/your-authtoken shows, without the command before it";
        return Err(check.refuse(
            "tunnel.ngrok_authtoken",
            "not-a-token",
            "that is no authtoken of ngrok",
            hint,
        ));
    }
    Ok((!text.is_empty()).then(|| Secret::from(text)))
}

fn ngrok_server(check: &mut Check<'_>) -> Read<Option<String>> {
    let text = check.text("tunnel.ngrok_server");
    if text.is_empty() {
        return Ok(None);
    }
    let bare =
        |url: Url| url.has_host() && url.path() == "/" && url.username().is_empty() && url.query().is_none();
    if text.contains('/') || !Url::parse(&format!("http://{text}")).is_ok_and(bare) {
        let message = format!("{} is no host with a port", quoted(text));
        let hint = "write it like `connect.example.com:443`";
        return Err(check.refuse("tunnel.ngrok_server", "not-a-host", message, hint));
    }
    Ok(Some(text.to_owned()))
}
