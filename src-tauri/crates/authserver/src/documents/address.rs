//! Which IP addresses are the public internet (IANA special-purpose registries, RFC 6890).
//!
//! IPv6 forms that carry an IPv4 address are where such guards break, so each is named here: the two that a resolver
//! really hands out are judged by the address inside, the retired ones are refused whatever is inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};

/// IPv4 that is not one host on the public internet.
const SPECIAL_V4: [&str; 17] = [
    "0.0.0.0/8",       // this network
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // carrier-grade NAT (RFC 6598)
    "127.0.0.0/8",     // loopback
    "169.254.0.0/16",  // link-local, cloud metadata services
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments
    "192.0.2.0/24",    // documentation
    "192.31.196.0/24", // AS112
    "192.52.193.0/24", // AMT
    "192.88.99.0/24",  // 6to4 relays, retired (RFC 7526)
    "192.168.0.0/16",  // private
    "192.175.48.0/24", // AS112
    "198.18.0.0/15",   // benchmarking
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/3",     // multicast, reserved, broadcast
];

/// Parts of the one global unicast block, `2000::/3`, that are not one host on the public internet.
const SPECIAL_V6: [&str; 5] = [
    "2001::/23",         // protocol assignments: Teredo, benchmarking, ORCHID
    "2001:db8::/32",     // documentation
    "2002::/16",         // 6to4, retired (RFC 7526)
    "2620:4f:8000::/48", // AS112
    "3fff::/20",         // documentation (RFC 9637)
];

static V4: LazyLock<Vec<Ipv4Net>> =
    LazyLock::new(|| SPECIAL_V4.iter().map(|net| net.parse().expect("the table holds networks")).collect());
static V6: LazyLock<Vec<Ipv6Net>> =
    LazyLock::new(|| SPECIAL_V6.iter().map(|net| net.parse().expect("the table holds networks")).collect());

/// Whether a connection to `address` leaves for the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !V4.iter().any(|net| net.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // The kernel talks IPv4 to a mapped address, and a NAT64 gateway does so to its well-known prefix (RFC 6052),
    // which is how an IPv6-only network reaches the whole IPv4 internet.
    if let Some(inside) = address.to_ipv4_mapped().or_else(|| nat64(address)) {
        return is_public_v4(inside);
    }
    // Everything outside 2000::/3 is special or unassigned: loopback, v4-compatible, v4-translated, the local NAT64
    // prefix 64:ff9b:1::/48 (where the IPv4 address sits is known to the gateway alone), ULA, link-local, multicast.
    let global_unicast = address.segments()[0] & 0xe000 == 0x2000;
    global_unicast && !V6.iter().any(|net| net.contains(&address)) && isatap(address).is_none_or(is_public_v4)
}

/// `64:ff9b::/96` (RFC 6052 section 2.1).
fn nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, ..] = address.segments() else { return None };
    Some(last_four(address))
}

/// An interface identifier `[02]00:5efe:a.b.c.d` under any prefix (RFC 5214 section 6.1).
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    (segments[4] & !0x0300 == 0 && segments[5] == 0x5efe).then(|| last_four(address))
}

fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap_or_else(|e| panic!("{text}: {e}")))
    }

    #[test]
    fn hosts_on_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450:4001:81b::200e",
            "2001:200::1",
            "2003::1",
        ] {
            assert!(public(text), "{text}");
        }
    }

    #[test]
    fn no_special_range_is_public_at_either_end() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn an_ipv4_address_cannot_hide_inside_an_ipv6_one() {
        for text in [
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "::169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::192.168.1.1",
            "64:ff9b:1::10.0.0.1",
            "64:ff9b:1:a00:0:100::",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2001:0:7f00:1::1",
            "2001:0:0808:0808:0:ffff:5601:5601",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:127.0.0.1",
            "fe80::5efe:8.8.8.8",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn forms_that_only_translate_to_the_internet_are_public() {
        for text in
            ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::5efe:8.8.8.8", "2606:4700::200:5efe:8.8.8.8"]
        {
            assert!(public(text), "{text}");
        }
    }

    #[test]
    fn retired_and_local_forms_are_refused_even_around_a_public_address() {
        for text in
            ["::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:1::8.8.8.8", "2002:808:808::1", "2001:0:808:808::1"]
        {
            assert!(!public(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_judged_like_the_one_inside(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            prop_assert_eq!(is_public(v4.to_ipv6_mapped().into()), is_public(v4.into()));
        }

        #[test]
        fn whatever_the_standard_library_calls_special_is_never_public(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_documentation() {
                prop_assert!(!is_public(v4.into()));
            }
        }
    }
}
