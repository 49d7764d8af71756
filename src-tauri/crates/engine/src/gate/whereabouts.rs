//! Whether this computer woke, or is somewhere else in the network: then what was connected may be no more. Pure but for
//! [`local_address`]: what time it is and which address we have come in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::auto_off::Moment;

/// As last looked at.
#[derive(Debug)]
pub(super) struct Whereabouts {
    last: Moment,
    /// Towards the internet; `None` while there is no way to it.
    address: Option<IpAddr>,
}

/// What changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Woke,
    /// Another address, or one again after there was none.
    Network,
}

impl Whereabouts {
    pub(super) const fn new(now: Moment, address: Option<IpAddr>) -> Self {
        Self { last: now, address }
    }

    /// To be asked about every second. Without a network there is nothing to do, so neither losing it nor waking without it is a
    /// change, and finding it is one.
    pub(super) fn look(&mut self, now: Moment, address: Option<IpAddr>) -> Option<Change> {
        let (woke, moved) = (now.slept_since(self.last), address.is_some() && address != self.address);
        (self.last, self.address) = (now, address);
        match () {
            () if moved => Some(Change::Network),
            () if woke && address.is_some() => Some(Change::Woke),
            () => None,
        }
    }
}

/// From which address this computer would reach the internet. A connected UDP socket knows, and nothing is sent: the addresses
/// are those of documentation (RFC 5737, RFC 3849), which the default route leads to like any other.
pub(super) fn local_address() -> Option<IpAddr> {
    const FOUR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
    const SIX: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);
    let towards = |from: IpAddr, to: SocketAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    towards(Ipv4Addr::UNSPECIFIED.into(), FOUR).or_else(|| towards(Ipv6Addr::UNSPECIFIED.into(), SIX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::time::Timestamp;

    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7)));
    const TRAIN: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(10, 20, 30, 40)));

    fn moment(wall: i64, run: u64) -> Moment {
        Moment { wall: Timestamp::from_secs(1_000_000 + wall), run: Duration::from_secs(run) }
    }

    #[test]
    fn waking_up_and_another_network_are_each_told_once() {
        let mut place = Whereabouts::new(moment(0, 0), HOME);
        assert_eq!(place.look(moment(1, 1), HOME), None);
        assert_eq!(place.look(moment(3600, 2), HOME), Some(Change::Woke));
        assert_eq!(place.look(moment(3601, 3), HOME), None);
        assert_eq!(place.look(moment(3602, 4), TRAIN), Some(Change::Network));
        assert_eq!(place.look(moment(3603, 5), TRAIN), None);
    }

    #[test]
    fn a_network_that_goes_is_told_when_it_is_back() {
        let mut place = Whereabouts::new(moment(0, 0), HOME);
        assert_eq!(place.look(moment(1, 1), None), None);
        assert_eq!(place.look(moment(2, 2), None), None);
        assert_eq!(
            place.look(moment(3, 3), HOME),
            Some(Change::Network),
            "connections are gone all the same"
        );
        assert_eq!(place.look(moment(4, 4), HOME), None);
    }

    #[test]
    fn waking_up_without_a_network_is_told_when_it_is_found() {
        let mut place = Whereabouts::new(moment(0, 0), HOME);
        assert_eq!(place.look(moment(3600, 1), None), None);
        assert_eq!(place.look(moment(3601, 2), None), None);
        assert_eq!(place.look(moment(3609, 10), HOME), Some(Change::Network));
        assert_eq!(place.look(moment(3610, 11), HOME), None);
    }

    #[test]
    fn this_computer_is_somewhere_or_nowhere_and_stays_there() {
        assert_eq!(local_address(), local_address());
        assert!(local_address().is_none_or(|address| !address.is_unspecified()));
    }
}
