//! What the egress asks of those who know the policy, and what it tells them.

use std::net::IpAddr;
use std::time::Duration;

use tollgate_policy::action::Connect;
use tollgate_policy::verdict::Effect;

use crate::class::Class;

/// Who knows the policy. Called from the egress's own threads; each call must come back soon (nobody is asked here:
/// questions are raised by the gate, when a connection is to be made).
pub trait Judge: Send + Sync {
    /// Whether a name may be looked up: the loosest effect that it has on any port. Denied names do not exist;
    /// all others get an address of our own, and nothing is sent anywhere.
    fn look_up(&self, name: &str) -> Effect;

    /// Whether an allowed goal may lead to this address, which is not on the open internet: only if policy names
    /// the address. Not called for open ones.
    fn may_reach(&self, goal: &Connect, address: IpAddr, class: Class) -> bool;

    /// Takes what happened: for the ledger.
    fn told(&self, report: Report);
}

/// What became of a connection that had been announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The name or address, and port, that were judged.
    pub goal: Connect,
    /// Where it went; none if nowhere.
    pub address: Option<IpAddr>,
    /// Bytes that went out.
    pub up: u64,
    /// Bytes that came in.
    pub down: u64,
    /// From the announcement to the end.
    pub lasted: Duration,
    /// How it ended.
    pub end: End,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Both sides were done.
    Closed,
    /// One of them broke it off; so was the other.
    Broken,
    /// Nothing moved for too long.
    Idle,
    /// The egress itself was ended.
    Stopped,
    /// The name has no address, or could not be resolved.
    Unresolved(String),
    /// All of the name's addresses are in places that policy does not name; one of them is given.
    Elsewhere(IpAddr, Class),
    /// No address answered; the kernel's errno for the last that was tried.
    Unreachable(i32),
    /// The caller did not mean what had been judged, or said it in a way that can be read in two.
    Refused(Objection),
}

/// Why a caller's words were not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// What is wrong.
    pub why: Why,
    /// What was seen: a name, a header, as text that is still hostile (at most 255 characters).
    pub seen: String,
}

impl Objection {
    pub(crate) fn new(why: Why, seen: &[u8]) -> Self {
        let seen = seen.get(..seen.len().min(255)).unwrap_or_default();
        Self { why, seen: seen.iter().map(|&byte| char::from(byte)).collect() }
    }
}

/// What was wrong with a caller's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// TLS that names another server.
    TlsName,
    /// TLS that names no server.
    TlsUnnamed,
    /// TLS with an encrypted hello, where that is refused.
    TlsHidden,
    /// TLS that can't be read.
    TlsUnreadable,
    /// An HTTP request for another host or port.
    HttpHost,
    /// An HTTP request that names no host.
    HttpUnnamed,
    /// An HTTP request to be forwarded: `CONNECT`, or a whole URL.
    HttpForward,
    /// An HTTP request that two servers could read in two ways.
    HttpUnreadable,
    /// HTTP/2 in clear.
    ClearHttp2,
    /// A proxy's word for whom it speaks.
    Proxied,
    /// Neither TLS nor HTTP, on a port that is theirs.
    Unknown,
    /// A request, or hello, without an end.
    Long,
}

impl Why {
    /// What to tell users, as the end of "refused: …".
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::TlsName => "its TLS hello names another server",
            Self::TlsUnnamed => "its TLS hello names no server",
            Self::TlsHidden => "its TLS hello hides a name",
            Self::TlsUnreadable => "its TLS hello can't be read",
            Self::HttpHost => "its HTTP request is for another host",
            Self::HttpUnnamed => "its HTTP request names no host",
            Self::HttpForward => "its HTTP request is to be forwarded elsewhere",
            Self::HttpUnreadable => "its HTTP request can be read in two ways",
            Self::ClearHttp2 => "it speaks HTTP/2 in clear",
            Self::Proxied => "it speaks as a proxy, for another",
            Self::Unknown => "it speaks neither TLS nor HTTP on a port that is theirs",
            Self::Long => "its first message has no end",
        }
    }
}
