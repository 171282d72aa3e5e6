//! Resolving allowed names, as the host would: its hosts file, then its name servers. Not through the C library: in
//! a static binary its `getaddrinfo` loads whatever modules the host's nsswitch.conf names, built for another version.

pub(crate) mod conf;
pub(crate) mod hosts;
pub(crate) mod query;
mod system;

use std::io;
use std::net::IpAddr;
use std::time::Instant;

pub(crate) use system::System;

/// Who turns names into addresses. Called from a connection's own thread.
pub trait Resolve: Send + Sync {
    /// The name's addresses, in the order in which they should be tried. The name is in its one form.
    ///
    /// # Errors
    /// `NotFound` if the name has none; `TimedOut` if nobody answered by `until`; others if nobody can be asked.
    fn resolve(&self, name: &str, until: Instant) -> io::Result<Vec<IpAddr>>;
}

#[cfg(test)]
mod tests;
