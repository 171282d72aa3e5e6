//! Which kind of place an address is. A name that leads to any but the open internet is refused unless policy names
//! the address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds of places (IANA special-purpose registries for IPv4 and IPv6, and where clouds keep credentials).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The open internet.
    Public,
    /// This machine, by a loopback address.
    Loopback,
    /// This machine, by an address of one of its interfaces.
    Own,
    /// A cloud's metadata service, which hands out credentials.
    Metadata,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// A provider's shared space (RFC 6598).
    Shared,
    /// The local link (RFC 3927, RFC 4291).
    LinkLocal,
    /// Many receivers, or a broadcast.
    Multicast,
    /// No address (`0.0.0.0`, `::`, `0.0.0.0/8`): on Linux this machine.
    Unspecified,
    /// Kept for examples (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// Kept for benchmarks (RFC 2544), where our own answers come from.
    Benchmark,
    /// Reserved, discarded, or a tunnel that hides where it ends.
    Reserved,
}

impl Class {
    /// Whether a name may lead there without policy naming the address: the open internet, and what is kept for
    /// examples, where nobody's own services are but closed networks put the gateways that stand for it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Documentation)
    }

    /// The word for users.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Own => "this machine's own",
            Self::Metadata => "cloud metadata",
            Self::Private => "private",
            Self::Shared => "provider-internal",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Documentation => "documentation",
            Self::Benchmark => "benchmark",
            Self::Reserved => "reserved",
        }
    }
}

/// Tells an address's class from its bits alone: never [`Class::Own`]. An IPv6 address that stands for an IPv4 one
/// (mapped, NAT64, 6to4) has that one's class.
#[must_use]
pub fn of(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => of_v4(v4),
        IpAddr::V6(v6) => of_v6(v6),
    }
}

/// As [`of`], and looks at this machine's interfaces. If they can't be listed, nothing is public.
#[must_use]
pub fn here(address: IpAddr) -> Class {
    let class = of(address);
    if class != Class::Public {
        return class;
    }
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Class::Reserved;
    };
    let own = interfaces
        .filter_map(|one| one.address)
        .filter_map(|bound| {
            let v4 = bound.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            v4.or_else(|| bound.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
        })
        .any(|bound| bound.to_canonical() == address.to_canonical());
    if own { Class::Own } else { class }
}

/// Metadata services outside the link-local block: Alibaba, Oracle, Azure's wire server.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// AWS (instances and containers) and Google.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

fn of_v4(address: Ipv4Addr) -> Class {
    if METADATA_V4.contains(&address) {
        return Class::Metadata;
    }
    match address.octets() {
        [0, ..] => Class::Unspecified,
        [127, ..] => Class::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Class::Private,
        [100, 64..=127, ..] => Class::Shared,
        // 169.254.170.0/24 is where container services of AWS keep credentials
        [169, 254, 170, _] => Class::Metadata,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        [198, 18..=19, ..] => Class::Benchmark,
        [224..=239, ..] | [255, 255, 255, 255] => Class::Multicast,
        // protocol assignments; the 6to4 relays of old; the future
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Class {
    if METADATA_V6.contains(&address) {
        return Class::Metadata;
    }
    if let Some(v4) = address.to_ipv4_mapped() {
        return of_v4(v4);
    }
    let last = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        // NAT64 (RFC 6052) and 6to4 (RFC 3056): what they lead to
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => last(high, low),
        // NAT64 for local use (RFC 8215); unique local
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff, ..] => Class::Private,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Documentation,
        [0x2001, 2, 0, ..] => Class::Benchmark,
        // Teredo, ORCHID and other protocol assignments (2001::/23)
        [0x2001, 0..=0x1ff, ..] => Class::Reserved,
        // all that is handed out to networks so far
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_class_of_where_they_lead() {
        let table = [
            ("8.8.8.8", Class::Public),
            ("0.0.0.0", Class::Unspecified),
            ("0.1.2.3", Class::Unspecified),
            ("10.0.0.1", Class::Private),
            ("100.63.255.255", Class::Public),
            ("100.64.0.1", Class::Shared),
            ("100.100.100.200", Class::Metadata),
            ("127.0.0.53", Class::Loopback),
            ("168.63.129.16", Class::Metadata),
            ("169.254.0.1", Class::LinkLocal),
            ("169.254.169.254", Class::Metadata),
            ("169.254.170.2", Class::Metadata),
            ("172.15.0.1", Class::Public),
            ("172.16.0.1", Class::Private),
            ("172.31.255.255", Class::Private),
            ("172.32.0.1", Class::Public),
            ("192.0.0.192", Class::Metadata),
            ("192.0.2.1", Class::Documentation),
            ("192.168.1.1", Class::Private),
            ("198.17.255.255", Class::Public),
            ("198.18.0.1", Class::Benchmark),
            ("198.19.255.255", Class::Benchmark),
            ("198.51.100.7", Class::Documentation),
            ("203.0.113.7", Class::Documentation),
            ("224.0.0.1", Class::Multicast),
            ("240.0.0.1", Class::Reserved),
            ("255.255.255.255", Class::Multicast),
            ("::", Class::Unspecified),
            ("::1", Class::Loopback),
            ("::7f00:1", Class::Reserved),
            ("::ffff:127.0.0.1", Class::Loopback),
            ("::ffff:8.8.8.8", Class::Public),
            ("64:ff9b::a9fe:a9fe", Class::Metadata),
            ("64:ff9b::808:808", Class::Public),
            ("64:ff9b:1::1", Class::Private),
            ("100::1", Class::Reserved),
            ("2001::1", Class::Reserved),
            ("2001:db8::1", Class::Documentation),
            ("2002:7f00:1::1", Class::Loopback),
            ("2002:808:808::1", Class::Public),
            ("2606:4700::1", Class::Public),
            ("3fff:1::1", Class::Documentation),
            ("fd00:ec2::254", Class::Metadata),
            ("fd00::2", Class::Private),
            ("fe80::1", Class::LinkLocal),
            ("fec0::1", Class::Reserved),
            ("ff02::fb", Class::Multicast),
        ];
        for (text, class) in table {
            assert_eq!(of(text.parse().unwrap()), class, "{text}");
        }
    }

    #[test]
    fn what_is_public_by_its_bits_is_not_taken_for_our_own() {
        assert_eq!(here("9.9.9.9".parse().unwrap()), Class::Public);
        assert_eq!(here("127.0.0.1".parse().unwrap()), Class::Loopback);
    }
}
