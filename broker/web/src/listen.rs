//! Where the page listens, and by which names it may be called: a name that somebody else's DNS leads here is none.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// Where the page listens if nobody says otherwise. An address of its own on loopback: a browser sends cookies to every
/// port of a host, and whatever else is served on 127.0.0.1 must not get this one's.
pub const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 77, 1)), 7077);

/// From where the page can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine.
    Loopback,
    /// The network too: somebody said so and was warned.
    Network,
}

/// Why the page can't listen.
#[derive(Debug)]
pub enum Unheard {
    /// The address is not on loopback, and nobody said that it may be another.
    Open(SocketAddr),
    /// The system refused.
    Io(SocketAddr, io::Error),
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(address) => write!(f, "{address} can be reached from the network"),
            Self::Io(address, _) => write!(f, "can't listen at {address}"),
        }
    }
}

impl std::error::Error for Unheard {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(_) => None,
            Self::Io(_, cause) => Some(cause),
        }
    }
}

/// Takes the address.
///
/// # Errors
/// [`Unheard`].
pub fn listen(address: SocketAddr, reach: Reach) -> Result<TcpListener, Unheard> {
    if reach == Reach::Loopback && !address.ip().is_loopback() {
        return Err(Unheard::Open(address));
    }
    let fault = |cause| Unheard::Io(address, cause);
    let listener = TcpListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    Ok(listener)
}

/// Whether a `Host` (or the authority of an `Origin`) is one by which the page may be called: `localhost` or a literal
/// address, never another name, and with the page's own port.
pub(crate) fn is_own(host: &str, port: u16, reach: Reach) -> bool {
    let (name, given) = match host.rsplit_once(':') {
        // The colons of a bare IPv6 address are no port's.
        Some((name, digits)) if !digits.contains(']') => (name, digits.parse().ok()),
        _ => (host, Some(80)),
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let address: Option<IpAddr> = match bare {
        Some(six) => six.parse().ok().map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    };
    let ours = match address {
        Some(address) => address.is_loopback() || reach == Reach::Network,
        None => name == "localhost",
    };
    ours && given == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_here_are_not_ours() {
        let table = [
            ("127.0.0.1:7077", true),
            ("127.0.77.1:7077", true),
            ("localhost:7077", true),
            ("[::1]:7077", true),
            ("evil.example:7077", false),
            ("localhost.evil.example:7077", false),
            ("127.0.0.1.evil.example:7077", false),
            ("evil.localhost:7077", false),
            ("127.0.0.1:80", false),
            ("127.0.0.1", false),
            ("127.0.0.1:", false),
            ("[::1]", false),
            ("::1:7077", false),
            ("10.0.0.1:7077", false),
            ("user@127.0.0.1:7077", false),
            ("LOCALHOST:7077", false),
            ("2130706433:7077", false),
            ("0x7f.1:7077", false),
            ("", false),
        ];
        for (host, ours) in table {
            assert_eq!(is_own(host, 7077, Reach::Loopback), ours, "{host}");
        }
        assert!(is_own("10.0.0.1:7077", 7077, Reach::Network));
        assert!(!is_own("evil.example:7077", 7077, Reach::Network));
    }

    #[test]
    fn only_loopback_unless_somebody_says_so() {
        for address in ["0.0.0.0:0", "[::]:0", "10.1.2.3:0"] {
            let refused = listen(address.parse().unwrap_or(USUAL), Reach::Loopback);
            assert!(matches!(refused, Err(Unheard::Open(_))), "{address}");
        }
    }
}
