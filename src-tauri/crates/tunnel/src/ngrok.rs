//! ngrok without its program: a session of ours with ngrok's servers, which hand us every connection that comes in.
//!
//! Only the supervisor connects again. The crate would too, but it tells nobody, its third pause is two minutes and its fourth
//! two hours, and it passes over an address that changed: so it is stopped from that, and each attempt is a session of its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::ngrok::config::TunnelBuilder as _;
use ::ngrok::prelude::EndpointInfo as _;
use ::ngrok::session::{ConnectError, InvalidServerAddr, IoStream, RpcError};
use ::ngrok::tunnel::{AcceptError, HttpTunnel};
use ::ngrok::{EndpointConn, Error as _, Session};
use async_trait::async_trait;
use futures::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::supervisor::{Attempt, End, Opener};

/// Bytes on their way between ngrok and the session.
const BUFFER: usize = 64 * 1024;
/// Connections carried at a time; what is handed over beyond is dropped at once. The session ends with the 513th stream, and
/// each of its two queues holds 64 that we have not been handed yet.
const CARRIED: usize = 320;
const AUTHTOKEN: &str =
    "paste the authtoken from dashboard.ngrok.com/get-started/your-authtoken under Tunnel";

/// What ngrok is asked for, and in whose name.
#[derive(Debug, Clone)]
pub struct Ngrok {
    pub authtoken: SecretString,
    /// A host name of the account; ngrok chooses unless it is given.
    pub domain: Option<String>,
    /// `host:port` of servers other than ngrok's own.
    pub server: Option<String>,
    /// The authorities, as PEM, one of which vouches for the server; ngrok's own unless given.
    pub authorities: Option<Vec<u8>>,
    /// Where on this computer what comes in is led to.
    pub port: u16,
}

/// Answers that mean that trying again will not help (<https://ngrok.com/docs/errors/reference>). What ngrok writes beside
/// the code is not shown: it repeats the authtoken.
const REFUSALS: &[(&str, &str, &str)] = &[
    (
        "ERR_NGROK_103",
        "ngrok has suspended your account",
        "look at dashboard.ngrok.com what is the matter with it",
    ),
    ("ERR_NGROK_105", "ngrok does not know the authtoken", AUTHTOKEN),
    ("ERR_NGROK_106", "the authtoken is one of an old version of ngrok", AUTHTOKEN),
    ("ERR_NGROK_107", "the authtoken of ngrok counts no longer", AUTHTOKEN),
    (
        "ERR_NGROK_108",
        "your ngrok account is open in as many places as it may",
        "stop another one, listed at dashboard.ngrok.com/agents, then switch this one on again",
    ),
    (
        "ERR_NGROK_120",
        "ngrok no longer speaks with this version",
        "install the newest version of this program",
    ),
    (
        "ERR_NGROK_313",
        "your ngrok account may not choose an address",
        "leave the domain under Tunnel empty, or write the one that dashboard.ngrok.com/domains lists",
    ),
    (
        "ERR_NGROK_314",
        "your ngrok account may not use a domain of your own",
        "write the domain that dashboard.ngrok.com/domains lists, or upgrade the account there",
    ),
    (
        "ERR_NGROK_319",
        "that domain is not one of your ngrok account",
        "write one that dashboard.ngrok.com/domains lists, or reserve it there",
    ),
    (
        "ERR_NGROK_320",
        "that domain is not one of your ngrok account",
        "write one that dashboard.ngrok.com/domains lists, or reserve it there",
    ),
    (
        "ERR_NGROK_334",
        "that ngrok address is open elsewhere already",
        "close it there, or choose another domain",
    ),
    (
        "ERR_NGROK_4018",
        "ngrok wants a verified account",
        "sign up at dashboard.ngrok.com/signup, confirm your e-mail address, then paste the authtoken of the account",
    ),
];

/// Answers that a connection of ours may cause whose end ngrok has not noticed.
const OURS_PERHAPS: &[&str] = &["ERR_NGROK_108", "ERR_NGROK_334"];

/// A session.
struct Line {
    ngrok: Ngrok,
    /// Cuts the connection to ngrok, and with it all that came in by it.
    cut: CancellationToken,
    carrying: Option<AbortOnDropHandle<End>>,
}

// === impl Ngrok ===

impl Ngrok {
    /// As the setting `tunnel.provider` has it.
    pub const ID: &str = "ngrok";
    pub const NAME: &str = "ngrok";
    pub const ABOUT: &str =
        "Needs nothing installed, only a free account, which has one address that stays the same.";
    /// Written by ngrok over whatever the visitor sent (<https://ngrok.com/docs/universal-gateway/http>). Of each connection
    /// the session tells an address too, but a connection carries requests of several visitors.
    pub const VISITOR: &str = "x-forwarded-for";

    async fn session(&self, cut: &CancellationToken) -> Result<Session, NotOpened> {
        let mut builder = Session::builder();
        let connecting = cut.clone();
        let connector =
            move |host: String, port: u16, config: Arc<ClientConfig>, broken: Option<AcceptError>| {
                let cut = connecting.clone();
                async move {
                    match broken {
                        None => connect(host, port, config, cut).await,
                        Some(_) => Err(ConnectError::Canceled),
                    }
                }
            };
        let beating = cut.clone();
        let heartbeat = move |latency: Option<Duration>| {
            let cut = beating.clone();
            async move {
                // Nothing else notices a connection that is dead on the way.
                if latency.is_none() {
                    tracing::info!("ngrok does not answer any more");
                    cut.cancel();
                }
                Ok(())
            }
        };
        builder
            .authtoken(self.authtoken.expose_secret())
            .client_info("just-mcp-oauth-proxy", env!("CARGO_PKG_VERSION"), None::<String>)
            .connector(connector)
            .handle_heartbeat(heartbeat);
        if let Some(server) = &self.server {
            builder.server_addr(server)?;
        }
        if let Some(pem) = &self.authorities {
            builder.ca_cert(pem.clone().into());
        }
        Ok(builder.connect().await?)
    }

    async fn open(&self, cut: &CancellationToken) -> Result<(Session, HttpTunnel), NotOpened> {
        let session = self.session(cut).await?;
        let mut endpoint = session.http_endpoint();
        // Shown on the account's pages; otherwise it would be the name of this computer and the path of this program.
        endpoint.forwards_to("just-mcp-oauth-proxy");
        if let Some(domain) = &self.domain {
            endpoint.domain(domain);
        }
        let tunnel = endpoint.listen().await?;
        Ok((session, tunnel))
    }
}

impl Opener for Ngrok {
    fn start(&self) -> Result<Box<dyn Attempt>, End> {
        Ok(Box::new(Line { ngrok: self.clone(), cut: CancellationToken::new(), carrying: None }))
    }
}

// === impl Line ===

#[async_trait]
impl Attempt for Line {
    async fn next(&mut self) -> Result<Url, End> {
        if let Some(carrying) = &mut self.carrying {
            let end = carrying.await;
            self.carrying = None;
            return Err(end.unwrap_or_else(|_| lost("what carries the connections failed")));
        }
        let (session, tunnel) = self.ngrok.open(&self.cut).await.map_err(|error| error.told())?;
        let url = Url::parse(tunnel.url()).map_err(|_| lost("ngrok gave an address that is none"))?;
        self.carrying = Some(AbortOnDropHandle::new(tokio::spawn(carry(session, tunnel, self.ngrok.port))));
        // As with programs, nothing but the origin.
        Url::parse(&url.origin().ascii_serialization())
            .map_err(|_| lost("ngrok gave an address that is none"))
    }

    async fn end(&mut self) {
        self.cut.cancel();
        if let Some(carrying) = self.carrying.take() {
            carrying.abort();
            // Cancelled is what it is to be.
            let _ = carrying.await;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

/// To ngrok's server. What is sent is small and awaited, so that it does not wait for more.
async fn connect(
    host: String,
    port: u16,
    config: Arc<ClientConfig>,
    cut: CancellationToken,
) -> Result<Box<dyn IoStream>, ConnectError> {
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(ConnectError::Tcp)?;
    tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
    let name = ServerName::try_from(host).map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
    let mut server = TlsConnector::from(config).connect(name, tcp).await.map_err(ConnectError::Tls)?;
    let (mut ours, theirs) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        // However it ends, both ends are dropped, which the session and the server notice.
        let _ = cut.run_until_cancelled(copy_bidirectional(&mut server, &mut ours)).await;
    });
    Ok(Box::new(theirs))
}

/// Leads what comes in to `port`, as far as there is room, until ngrok hands over nothing more. Dropped, it cuts all of them.
async fn carry(session: Session, mut tunnel: HttpTunnel, port: u16) -> End {
    // The session lives for as long as it is held.
    let _session = session;
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            handed = tunnel.next() => match handed {
                Some(Ok(connection)) => {
                    while carried.try_join_next().is_some() {}
                    if carried.len() < CARRIED {
                        carried.spawn(lead(connection, port));
                    }
                }
                Some(Err(AcceptError::ListenerClosed { error_code, .. })) => return closed(error_code.as_deref()),
                Some(Err(_)) | None => return lost("the connection to ngrok broke"),
            },
            Some(_) = carried.join_next() => {}
        }
    }
}

/// To our listener and back, until one side ends.
async fn lead(mut connection: EndpointConn, port: u16) -> io::Result<()> {
    let mut listener = TcpStream::connect(("127.0.0.1", port)).await?;
    listener.set_nodelay(true)?;
    copy_bidirectional(&mut connection, &mut listener).await?;
    Ok(())
}

// === what is told ===

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
enum NotOpened {
    #[error(transparent)]
    Address(#[from] InvalidServerAddr),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Listen(#[from] RpcError),
}

impl NotOpened {
    fn told(&self) -> End {
        let code = match self {
            Self::Address(_) => {
                return refused(
                    "the address of ngrok's server cannot be used",
                    "correct `tunnel.ngrok_server`",
                );
            }
            Self::Connect(error) => error.error_code(),
            Self::Listen(error) => error.error_code(),
        };
        match (code, self) {
            (Some(code), _) => answered(code),
            (None, Self::Connect(ConnectError::Tcp(error))) => End::Lost {
                reason: format!("ngrok's server cannot be reached ({error})"),
                hint: "check the internet connection, and that the firewall lets connect.ngrok-agent.com:443 pass; it is \
                       tried again by itself"
                    .to_owned(),
            },
            (None, Self::Connect(ConnectError::Tls(error))) => End::Lost {
                reason: format!("ngrok's server was reached, but not safely ({error})"),
                hint: "something on the way opens encrypted connections: let connect.ngrok-agent.com pass there, or name its \
                       certificate authority in `tunnel.ngrok_ca_file`; it is tried again by itself"
                    .to_owned(),
            },
            (None, _) => lost("the connection to ngrok broke before there was an address"),
        }
    }
}

/// What ngrok's answer means.
fn answered(code: &str) -> End {
    let known = REFUSALS.iter().find(|(known, ..)| *known == code);
    match known {
        Some(&(_, reason, hint)) if OURS_PERHAPS.contains(&code) => {
            End::RefusedAtFirst { reason: reason.to_owned(), hint: hint.to_owned() }
        }
        Some(&(_, reason, hint)) => refused(reason, hint),
        None => End::Lost {
            reason: format!("ngrok says no{}", named(Some(code))),
            hint: "look the code up at ngrok.com/docs/errors; it is tried again by itself".to_owned(),
        },
    }
}

/// ngrok, or somebody on the account's pages, closed the address on purpose.
fn closed(code: Option<&str>) -> End {
    let known = REFUSALS.iter().find(|(known, ..)| Some(*known) == code);
    match known {
        Some(&(_, reason, hint)) => refused(reason, hint),
        None => End::Refused {
            reason: format!("the address was closed at ngrok{}", named(code)),
            hint: "look at dashboard.ngrok.com/endpoints why, then switch it on again".to_owned(),
        },
    }
}

/// A code, if it looks like one: it comes from afar.
fn named(code: Option<&str>) -> String {
    let plain = |code: &&str| {
        code.len() <= 64 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    code.filter(plain).map(|code| format!(" ({code})")).unwrap_or_default()
}

fn lost(reason: &str) -> End {
    End::Lost { reason: reason.to_owned(), hint: "it is opened again by itself".to_owned() }
}

fn refused(reason: &str, hint: &str) -> End {
    End::Refused { reason: reason.to_owned(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_ngrok_is_said_in_words_and_with_what_to_do() {
        for &(code, reason, hint) in REFUSALS {
            let end = answered(code);
            assert!(!reason.contains("ERR_") && !hint.ends_with('.'), "{code}");
            if OURS_PERHAPS.contains(&code) {
                assert!(matches!(end, End::RefusedAtFirst { .. }), "{code}");
            } else {
                assert_eq!(end, refused(reason, hint));
            }
        }
    }

    #[test]
    fn an_answer_nobody_knows_is_tried_again_and_names_its_code_if_that_is_one() {
        let End::Lost { reason, .. } = answered("ERR_NGROK_9999") else { panic!("refused") };
        assert_eq!(reason, "ngrok says no (ERR_NGROK_9999)");
        let End::Lost { reason, .. } = answered("ERR_NGROK_1 <b>2abcSecret</b>") else { panic!("refused") };
        assert_eq!(reason, "ngrok says no");
    }

    #[test]
    fn an_address_closed_at_ngrok_stays_closed() {
        for code in [None, Some("ERR_NGROK_725")] {
            assert!(matches!(closed(code), End::Refused { .. }));
        }
        assert_eq!(closed(Some("ERR_NGROK_107")), answered("ERR_NGROK_107"));
    }
}
