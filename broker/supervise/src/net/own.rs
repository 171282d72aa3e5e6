//! The run's own loopback. Without a network namespace, what is bound to loopback inside is really bound to addresses
//! of 127.0.0.0/8 that no other run has, and that nothing outside connects to: one for IPv4, one for IPv6. Callers are
//! told the addresses that they asked for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use tollgate_sys::random;

/// The run's own addresses: for IPv4 sockets, and, as IPv4 in IPv6, for IPv6 sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv4Addr,
}

/// What a caller means by an address to bind or connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Loopback of IPv4, or any address of IPv4.
    Four,
    /// Loopback of IPv6.
    Six,
    /// Any address: of IPv6, and of IPv4 too where the socket doesn't keep to IPv6.
    Any,
    /// Another address.
    Elsewhere,
}

/// What a caller means by an address.
pub(crate) fn meant(address: IpAddr) -> Meant {
    match address {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_unspecified() => Meant::Four,
        IpAddr::V6(v6) if v6.is_unspecified() => Meant::Any,
        IpAddr::V6(v6) if v6.is_loopback() => Meant::Six,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(Meant::Elsewhere, |v4| meant(IpAddr::V4(v4))),
        IpAddr::V4(_) => Meant::Elsewhere,
    }
}

impl Own {
    /// Chosen by chance, from 127.64.0.0 up: what people choose by hand lies below.
    pub(crate) fn choose() -> io::Result<Self> {
        let [a, b, c, ..] = random::number()?.to_ne_bytes();
        let low = 1 + (c % 127) * 2;
        let second = 64 + a % 190;
        Ok(Self { v4: Ipv4Addr::new(127, second, b, low), v6: Ipv4Addr::new(127, second, b, low + 1) })
    }

    /// Where a socket of this family is bound that means `meant`.
    pub(crate) fn bound(self, (meant, is_v6): (Meant, bool), port: u16) -> Option<SocketAddr> {
        let address = match meant {
            Meant::Four => self.v4,
            Meant::Six | Meant::Any => self.v6,
            Meant::Elsewhere => return None,
        };
        Some(at((address, port), is_v6))
    }

    /// What callers are told of an address: ours are loopback.
    pub(crate) fn told(self, address: SocketAddr) -> SocketAddr {
        let ours = |v4: Ipv4Addr| v4 == self.v4 || v4 == self.v6;
        match address {
            SocketAddr::V4(v4) if ours(*v4.ip()) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), v4.port()),
            SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
                Some(v4) if v4 == self.v6 => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), v6.port()),
                Some(v4) if v4 == self.v4 => SocketAddr::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), v6.port()),
                _ => address,
            },
            SocketAddr::V4(_) => address,
        }
    }
}

/// An IPv4 address as a socket of this family names it.
pub(crate) fn at((address, port): (Ipv4Addr, u16), is_v6: bool) -> SocketAddr {
    if is_v6 {
        SocketAddr::V6(SocketAddrV6::new(address.to_ipv6_mapped(), port, 0, 0))
    } else {
        SocketAddr::new(address.into(), port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_is_ours_and_what_is_told_is_loopback() {
        let own = Own { v4: Ipv4Addr::new(127, 70, 1, 1), v6: Ipv4Addr::new(127, 70, 1, 2) };
        let table = [
            ("127.0.0.1", false, Some("127.70.1.1:80"), "127.0.0.1:80"),
            ("127.3.2.1", false, Some("127.70.1.1:80"), "127.0.0.1:80"),
            ("0.0.0.0", false, Some("127.70.1.1:80"), "127.0.0.1:80"),
            ("::", true, Some("[::ffff:127.70.1.2]:80"), "[::1]:80"),
            ("::1", true, Some("[::ffff:127.70.1.2]:80"), "[::1]:80"),
            ("::ffff:127.0.0.1", true, Some("[::ffff:127.70.1.1]:80"), "[::ffff:127.0.0.1]:80"),
            ("10.0.0.1", false, None, ""),
            ("::ffff:10.0.0.1", true, None, ""),
            ("2001:db8::1", true, None, ""),
        ];
        for (asked, is_v6, bound, told) in table {
            let found = own.bound((meant(asked.parse().unwrap()), is_v6), 80);
            assert_eq!(found, bound.map(|text| text.parse().unwrap()), "{asked}");
            if let Some(found) = found {
                assert_eq!(own.told(found), told.parse().unwrap(), "{asked}");
            }
        }
        let other = "10.0.0.1:80".parse().unwrap();
        assert_eq!(own.told(other), other);
    }

    #[test]
    fn a_run_has_addresses_of_its_own() {
        let all: std::collections::HashSet<_> = (0..100).map(|_| Own::choose().unwrap().v4).collect();
        assert!(all.len() > 95, "{all:?}");
        for address in all {
            assert!(address.is_loopback() && address.octets()[1] >= 64 && address.octets()[3] % 2 == 1, "{address}");
        }
    }
}
