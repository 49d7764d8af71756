//! Where we listen and how the world reaches us, and that the answers fit each other.

use std::net::SocketAddr;

use model::origin::{BaseUrl, BaseUrlError};
use url::Url;

use super::{Check, Noted, Read};
use crate::settings::legacy::is_loopback;
use crate::settings::problem::quoted;

/// Each as far as it could be read.
pub(super) struct Addresses {
    pub(super) listen: Read<SocketAddr>,
    /// `None` is off.
    pub(super) console: Read<Option<SocketAddr>>,
    pub(super) practice: Read<SocketAddr>,
    pub(super) public_url: Read<Option<BaseUrl>>,
}

impl Addresses {
    pub(super) fn read(check: &mut Check<'_>, practice_is_on: bool) -> Self {
        let addresses = Self {
            listen: socket(check, "server.listen"),
            console: console(check),
            practice: loopback_socket(check, "practice.listen"),
            public_url: public_url(check),
        };
        addresses.check_ports(check, practice_is_on);
        addresses.check_exposure(check, practice_is_on);
        addresses.check_legacy(check);
        addresses
    }

    fn check_ports(&self, check: &mut Check<'_>, practice_is_on: bool) {
        let practice = self.practice.ok().filter(|_| practice_is_on);
        let used = [
            ("server.listen", self.listen.ok()),
            ("console.listen", self.console.ok().flatten()),
            ("practice.listen", practice),
        ];
        for (at, (key, address)) in used.iter().enumerate() {
            let Some(port) = address.map(|a| a.port()).filter(|port| *port != 0) else { continue };
            let earlier = used[..at].iter().find(|(_, other)| other.is_some_and(|o| o.port() == port));
            if let Some((other, _)) = earlier {
                // The one a person set is the one to mend, not the default it ran into.
                let earlier_is_meant = check.source(other).rank() > check.source(key).rank();
                let (key, other) = if earlier_is_meant { (other, key) } else { (key, other) };
                let message = format!("port {port} is also that of `{other}`");
                check.refuse(key, "port-taken", message, "give each a port of its own");
            }
        }
    }

    fn check_exposure(&self, check: &mut Check<'_>, practice_is_on: bool) {
        let public = self.public_url.as_ref().is_ok_and(Option::is_some);
        if public && practice_is_on {
            check.refuse(
                "server.public_url",
                "practice-in-public",
                "with the practice tenant anybody who has this URL could sign in as anybody",
                "leave out `server.public_url`, or give `entra.tenant` and `entra.client_id` and do not set \
                 `identity.practice` to `on`",
            );
        }
        if let Ok(listen) = self.listen
            && !listen.ip().is_loopback()
            && self.public_url == Ok(None)
        {
            check.refuse(
                "server.listen",
                "listens-to-the-network",
                format!("{} can be reached from other computers, and no public URL is set", quoted(&listen.to_string())),
                "give `server.public_url` the https URL of the reverse proxy in front, or listen on `127.0.0.1`",
            );
        }
        if let (Ok(listen), Ok(Some(public))) = (self.listen, &self.public_url)
            && Url::parse(public.as_str())
                .is_ok_and(|url| is_loopback(&url) && url.port_or_known_default() == Some(listen.port()))
        {
            check.refuse(
                "server.public_url",
                "public-is-local",
                format!("{} is our own local address, which nobody else can reach", quoted(public.as_str())),
                "leave `server.public_url` out; the local address needs no setting",
            );
        }
    }

    /// The replaced example's base URL was where it listened, so it has to be where we listen.
    fn check_legacy(&self, check: &mut Check<'_>) {
        let Ok(listen) = self.listen else { return };
        let draft = check.draft;
        for address in draft.local_addresses.iter().filter(|a| listen.port() != 0 && a.port != listen.port())
        {
            check.refuse_from(
                "server.listen",
                address.source.clone(),
                "port-differs",
                format!("the variable names port {}, and the server listens on {}", address.port, listen.port()),
                format!(
                    "set `server.listen` to `127.0.0.1:{}`, or correct or remove the variable; the redirect URI in \
                     Entra must have the same port",
                    address.port
                ),
            );
        }
    }
}

fn socket(check: &mut Check<'_>, key: &str) -> Read<SocketAddr> {
    let text = check.text(key);
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(text).parse().map_err(|_| {
        let message = format!("{} is not an address with a port", quoted(text));
        let port: Option<u16> = text.trim_start_matches(':').parse().ok();
        let example = format!("127.0.0.1:{}", port.unwrap_or(4242));
        check.refuse(
            key,
            "not-an-address",
            message,
            format!("write an IP address and a port, for example `{example}`"),
        )
    })
}

fn loopback_socket(check: &mut Check<'_>, key: &str) -> Read<SocketAddr> {
    let address = socket(check, key)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let message = format!("{} can be reached from other computers", quoted(check.text(key)));
    let hint = format!(
        "write `127.0.0.1:{}`; to work with it from elsewhere, forward the port over SSH",
        address.port()
    );
    Err(check.refuse(key, "not-loopback", message, hint))
}

fn console(check: &mut Check<'_>) -> Read<Option<SocketAddr>> {
    if check.text("console.listen").eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    loopback_socket(check, "console.listen").map(Some)
}

fn public_url(check: &mut Check<'_>) -> Read<Option<BaseUrl>> {
    let text = check.text("server.public_url");
    if text.is_empty() {
        return Ok(None);
    }
    BaseUrl::parse_public(text).map(Some).map_err(|error| refuse_public_url(check, text, error))
}

fn refuse_public_url(check: &mut Check<'_>, text: &str, error: BaseUrlError) -> Noted {
    let hint = match error {
        BaseUrlError::NotHttp => "write it whole, for example `https://mcp.example.com`",
        BaseUrlError::NotHttps => "use the https URL of the tunnel or reverse proxy in front",
        BaseUrlError::MoreThanOrigin => {
            "write scheme and host only, for example `https://mcp.example.com`; `/mcp` follows by itself"
        }
    };
    let code = match error {
        BaseUrlError::NotHttp => "not-a-url",
        BaseUrlError::NotHttps => "not-https",
        BaseUrlError::MoreThanOrigin => "not-an-origin",
    };
    check.refuse("server.public_url", code, format!("{} {error}", quoted(text)), hint)
}
