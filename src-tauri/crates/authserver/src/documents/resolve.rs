//! From a host name to the addresses a fetch may connect to.
//!
//! The connection goes to exactly the addresses judged here: the client asks this and no other resolver, so a name
//! that answers differently the second time (DNS rebinding) gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// Looks up host names. The system's resolver, or a test's.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// # Errors
    /// The name does not exist, or nobody answered.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Whatever this computer uses: hosts file, DNS, mDNS.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why a name leads nowhere we would connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the name was not found")]
    NotFound,
    #[error("the name leads into a private network")]
    NotPublic,
}

/// A resolver that lets through either every address of a name or none.
pub(super) struct Guarded {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) allow_loopback: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = Arc::clone(&self.resolver);
        let host = name.as_str().to_owned();
        let this_computer = self.allow_loopback && host == "localhost";
        Box::pin(async move {
            let found = resolver.addresses(&host).await.map_err(|_| ResolveError::NotFound)?;
            let judged = judge(found, this_computer)?;
            // Port 0 stands for the URL's own port; any other would override it.
            let addresses: Addrs = Box::new(judged.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// One bad address spoils the name: an honest publisher has none.
fn judge(found: Vec<IpAddr>, this_computer: bool) -> Result<Vec<IpAddr>, ResolveError> {
    let fits = |ip: &IpAddr| if this_computer { ip.is_loopback() } else { is_public(*ip) };
    if found.is_empty() {
        Err(ResolveError::NotFound)
    } else if found.iter().all(fits) {
        Ok(found)
    } else {
        Err(ResolveError::NotPublic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_private_address_among_public_ones_spoils_the_name() {
        assert_eq!(judge(ips(&["1.1.1.1", "10.0.0.1"]), false), Err(ResolveError::NotPublic));
        assert_eq!(judge(ips(&["2606:4700::1", "::ffff:127.0.0.1"]), false), Err(ResolveError::NotPublic));
        assert_eq!(judge(ips(&["1.1.1.1", "2606:4700::1"]), false), Ok(ips(&["1.1.1.1", "2606:4700::1"])));
        assert_eq!(judge(vec![], false), Err(ResolveError::NotFound));
    }

    #[test]
    fn localhost_in_tests_leads_to_this_computer_and_nowhere_else() {
        assert_eq!(judge(ips(&["127.0.0.1", "::1"]), true), Ok(ips(&["127.0.0.1", "::1"])));
        assert_eq!(judge(ips(&["127.0.0.1", "1.1.1.1"]), true), Err(ResolveError::NotPublic));
        assert_eq!(judge(ips(&["127.0.0.1"]), false), Err(ResolveError::NotPublic));
    }
}
