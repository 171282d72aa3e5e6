//! Socket addresses as a caller's memory holds them (`unix(7)`, `ip(7)`, `ipv6(7)`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The kernel's own limit (`struct sockaddr_storage`).
pub(crate) const LONGEST: usize = 128;

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `AF_UNIX` by path.
    Path(Vec<u8>),
    /// `AF_UNIX` by abstract name, without its leading NUL.
    Abstract(Vec<u8>),
    /// `AF_INET` or `AF_INET6`.
    Inet(SocketAddr),
    /// `AF_UNSPEC`: the connection is dissolved.
    Nowhere,
    /// Another family, or too short for its own.
    Other(u16),
}

/// Parses what `connect(2)` was given.
pub(crate) fn parse(bytes: &[u8]) -> Address {
    let Some((family, rest)) = bytes.split_first_chunk::<2>() else {
        return Address::Other(0);
    };
    let family = u16::from_ne_bytes(*family);
    match i32::from(family) {
        libc::AF_UNSPEC => Address::Nowhere,
        libc::AF_UNIX => match rest.split_first() {
            Some((0, name)) => Address::Abstract(name.to_vec()),
            Some(_) => Address::Path(rest.split(|&b| b == 0).next().unwrap_or_default().to_vec()),
            None => Address::Other(family),
        },
        libc::AF_INET => inet4(rest).map_or(Address::Other(family), Address::Inet),
        libc::AF_INET6 => inet6(rest).map_or(Address::Other(family), Address::Inet),
        _ => Address::Other(family),
    }
}

fn inet4(rest: &[u8]) -> Option<SocketAddr> {
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let address = rest.first_chunk::<4>()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(*address)), u16::from_be_bytes(*port)))
}

/// An IPv4-mapped address is the IPv4 address that it reaches.
fn inet6(rest: &[u8]) -> Option<SocketAddr> {
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let (flow, rest) = rest.split_first_chunk::<4>()?;
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let scope = rest.first_chunk::<4>().map_or(0, |s| u32::from_ne_bytes(*s));
    let port = u16::from_be_bytes(*port);
    Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(*address), port, u32::from_be_bytes(*flow), scope)))
}

/// An address as the kernel writes it (`struct sockaddr_in`, `struct sockaddr_in6`).
pub(crate) fn bytes(address: &SocketAddr) -> Vec<u8> {
    let family = |family: i32| u16::try_from(family).unwrap_or(0).to_ne_bytes();
    match address {
        SocketAddr::V4(v4) => {
            [&family(libc::AF_INET)[..], &v4.port().to_be_bytes(), &v4.ip().octets(), &[0; 8]].concat()
        }
        SocketAddr::V6(v6) => [
            &family(libc::AF_INET6)[..],
            &v6.port().to_be_bytes(),
            &v6.flowinfo().to_be_bytes(),
            &v6.ip().octets(),
            &v6.scope_id().to_ne_bytes(),
        ]
        .concat(),
    }
}

/// The address of a unix socket by its path, as the kernel writes it: with a NUL at its end.
pub(crate) fn unix(path: &[u8]) -> Vec<u8> {
    let family = u16::try_from(libc::AF_UNIX).unwrap_or(0).to_ne_bytes();
    [&family[..], path, &[0]].concat()
}

/// The address that is judged: an IPv4-mapped one is the IPv4 address that it reaches.
pub(crate) fn judged(address: &SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_reads_them() {
        let unix = |path: &[u8]| [&1u16.to_ne_bytes()[..], path].concat();
        assert_eq!(parse(&unix(b"/run/x.sock\0junk")), Address::Path(b"/run/x.sock".to_vec()));
        assert_eq!(parse(&unix(b"/run/x.sock")), Address::Path(b"/run/x.sock".to_vec()));
        assert_eq!(parse(&unix(b"\0name\0x")), Address::Abstract(b"name\0x".to_vec()));
        assert_eq!(parse(&unix(b"")), Address::Other(1));
        let v4 = [&2u16.to_ne_bytes()[..], &443u16.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat();
        assert_eq!(parse(&v4), Address::Inet("127.0.0.1:443".parse().unwrap()));
        let mapped: Ipv6Addr = "::ffff:10.0.0.1".parse().unwrap();
        let v6 = [&10u16.to_ne_bytes()[..], &80u16.to_be_bytes(), &[0; 4], &mapped.octets(), &[0; 4]].concat();
        let Address::Inet(address) = parse(&v6) else { panic!("an IPv6 address") };
        assert_eq!(judged(&address), "10.0.0.1".parse::<IpAddr>().unwrap());
        for text in ["127.0.0.1:443", "[2001:db8::1]:80", "[::ffff:10.0.0.1]:1"] {
            let address = text.parse().unwrap();
            assert_eq!(parse(&bytes(&address)), Address::Inet(address));
        }
        assert_eq!(parse(&[0, 0]), Address::Nowhere);
        assert_eq!(parse(&[9]), Address::Other(0));
        assert_eq!(parse(&[2, 0, 1]), Address::Other(2));
    }
}
