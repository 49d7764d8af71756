//! Where a request came in, and the identity we have there.
//!
//! Issuer, resource and endpoints all use the origin the client typed, taken from an allow-list.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Path of the address that the identity provider loads when somebody signs out there.
pub const FRONT_CHANNEL_LOGOUT: &str = "/front-channel-logout";

/// The two places we can be reached at. A token is never good across them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Local,
    Public,
}

/// Scheme and authority without a trailing slash, for example `http://localhost:4242`. It is our issuer
/// identifier (RFC 8414 section 2), compared as a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseUrl(Arc<str>);

/// One way of writing our address, as a request used it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    pub origin: Origin,
    pub base: BaseUrl,
}

/// Where the other end of a request's connection is. A `Host` header alone proves nothing: whoever writes the request
/// writes it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingress {
    /// On this computer, by the address of the peer.
    ThisComputer,
    /// Anywhere else, or behind a proxy that says so.
    Elsewhere,
    /// The listener that only our own tunnel reaches. Some tunnels write a `Host` of their own, so it says nothing there.
    Tunnel,
}

/// Where on the internet a request came from, as the provider of our own tunnel says: an address, or of IPv6 the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor(pub IpAddr);

/// The allow-list of our own addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Every loopback spelling, the one we show first.
    local: [Site; 3],
    public: Option<Site>,
}

/// Why a text is not a base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("not an absolute http or https URL")]
    NotHttp,
    #[error("has a path, query, fragment or user name; only scheme, host and port belong here")]
    MoreThanOrigin,
    #[error("uses http; only https is reachable for clients in a vendor's cloud")]
    NotHttps,
}

// === impl BaseUrl ===

impl BaseUrl {
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| BaseUrlError::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(BaseUrlError::NotHttp);
        }
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::MoreThanOrigin);
        }
        Ok(Self(url.origin().ascii_serialization().into()))
    }

    /// Like [`Self::parse`], for an address on the public internet: https, unless it is loopback (tests).
    pub fn parse_public(text: &str) -> Result<Self, BaseUrlError> {
        let base = Self::parse(text)?;
        if base.0.starts_with("https://") || base.is_loopback() {
            Ok(base)
        } else {
            Err(BaseUrlError::NotHttps)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host with port where one is written, as a `Host` header has it.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        })
    }

    /// `path` starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Site ===

impl Site {
    /// The protected resource (RFC 9728): exactly what the person pastes into a client.
    pub fn mcp_url(&self) -> String {
        self.base.join("/mcp")
    }

    pub fn issuer(&self) -> &str {
        self.base.as_str()
    }
}

// === impl Origins ===

impl Origins {
    pub fn new(port: u16, public: Option<BaseUrl>) -> Self {
        let loopback = |name: &str| {
            let base = if port == 80 { format!("http://{name}") } else { format!("http://{name}:{port}") };
            Site { origin: Origin::Local, base: BaseUrl(base.into()) }
        };
        Self {
            local: ["localhost", "127.0.0.1", "[::1]"].map(loopback),
            public: public.map(|base| Site { origin: Origin::Public, base }),
        }
    }

    /// `http://localhost:{port}`: the address we show, and the one Entra knows.
    pub fn local(&self) -> Site {
        self.local[0].clone()
    }

    pub fn public(&self) -> Option<Site> {
        self.public.clone()
    }

    /// Every spelling of one origin.
    pub fn sites(&self, origin: Origin) -> &[Site] {
        match origin {
            Origin::Local => &self.local,
            Origin::Public => self.public.as_slice(),
        }
    }

    /// The site a request means by its `Host`; `None` if that is not one of ours (421), or not one that can be meant from
    /// there: only this computer is `localhost` to itself.
    pub fn resolve(&self, host: &str, ingress: Ingress) -> Option<&Site> {
        if ingress == Ingress::Tunnel {
            return self.public.as_ref();
        }
        let public = self.public.as_ref().filter(|site| {
            let authority = site.base.authority();
            authority.eq_ignore_ascii_case(host)
                || host
                    .strip_suffix(":443")
                    .is_some_and(|h| site.base.is_https() && authority.eq_ignore_ascii_case(h))
        });
        match ingress {
            Ingress::Elsewhere | Ingress::Tunnel => public,
            Ingress::ThisComputer => public
                .or_else(|| self.local.iter().find(|site| site.base.authority().eq_ignore_ascii_case(host))),
        }
    }

    /// Whether `resource` (RFC 8707) means us at `origin`. Clients send the MCP URL, with or without a trailing
    /// slash, or only our origin.
    pub fn is_our_resource(&self, resource: &str, origin: Origin) -> bool {
        self.sites(origin).iter().any(|site| {
            resource
                .strip_prefix(site.base.as_str())
                .is_some_and(|path| matches!(path, "" | "/" | "/mcp" | "/mcp/"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_identified_by_the_host_it_typed() {
        let origins = Origins::new(4242, Some(BaseUrl::parse("https://demo.example/").unwrap()));
        for host in ["localhost:4242", "127.0.0.1:4242", "[::1]:4242", "LOCALHOST:4242"] {
            let site = origins.resolve(host, Ingress::ThisComputer).unwrap();
            assert_eq!(site.origin, Origin::Local);
            assert_eq!(site.mcp_url(), format!("http://{}/mcp", host.to_lowercase()));
        }
        for host in ["demo.example", "Demo.Example:443"] {
            assert_eq!(
                origins.resolve(host, Ingress::ThisComputer).unwrap().issuer(),
                "https://demo.example"
            );
            assert_eq!(origins.resolve(host, Ingress::Elsewhere).unwrap().origin, Origin::Public);
        }
        for host in ["evil.example", "localhost", "localhost:4243", "localhost:4242.evil.example", ""] {
            assert_eq!(origins.resolve(host, Ingress::ThisComputer), None, "{host}");
        }
        for host in ["localhost:4242", "127.0.0.1:4242", "[::1]:4242"] {
            assert_eq!(
                origins.resolve(host, Ingress::Elsewhere),
                None,
                "{host} is nobody's name for us elsewhere"
            );
        }
    }

    #[test]
    fn resources_are_ours_at_one_origin_only() {
        let origins = Origins::new(4242, Some(BaseUrl::parse("https://demo.example").unwrap()));
        for ok in [
            "http://localhost:4242/mcp",
            "http://127.0.0.1:4242/mcp/",
            "http://[::1]:4242",
            "http://localhost:4242/",
        ] {
            assert!(origins.is_our_resource(ok, Origin::Local), "{ok}");
            assert!(!origins.is_our_resource(ok, Origin::Public), "{ok}");
        }
        for no in [
            "api://x",
            "http://localhost:42421/mcp",
            "http://localhost:4242/mcp/other",
            "https://demo.example.evil/mcp",
        ] {
            assert!(!origins.is_our_resource(no, Origin::Local), "{no}");
            assert!(!origins.is_our_resource(no, Origin::Public), "{no}");
        }
    }

    #[test]
    fn base_urls_are_bare_origins() {
        assert_eq!(BaseUrl::parse(" https://Demo.Example:443/ ").unwrap().as_str(), "https://demo.example");
        assert_eq!(BaseUrl::parse("https://a.example/mcp"), Err(BaseUrlError::MoreThanOrigin));
        assert_eq!(BaseUrl::parse("ftp://a.example"), Err(BaseUrlError::NotHttp));
        assert_eq!(BaseUrl::parse_public("http://a.example"), Err(BaseUrlError::NotHttps));
    }
}
