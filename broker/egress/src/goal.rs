//! Where an announced connection is meant to go, and how strictly its first words are read.

use tollgate_policy::action::Connect;

/// What a caller's connection means: the very name or address, and port, that were judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// Name or address, and port. Unix sockets are no goal.
    pub connect: Connect,
    /// How strictly what the caller says is held against the name.
    pub terms: Terms,
}

impl Goal {
    /// A goal on the usual terms.
    #[must_use]
    pub fn new(connect: Connect) -> Self {
        Self { connect, terms: Terms::default() }
    }
}

/// What a name's traffic may do besides saying that name. The default is what most programs need and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// TLS that names no server (RFC 6066 §3): a content network could then be asked for any name.
    pub tls_without_name: Stance,
    /// TLS that carries an encrypted hello (RFC 9849) besides the outer name, which is checked. Browsers send a
    /// meaningless one to everybody, and it can't be told from a real one: allowed unless said otherwise.
    pub tls_with_hidden_name: Stance,
    /// HTTP/2 in clear, whose authority travels compressed and is not read (RFC 9113 §3.3).
    pub clear_http2: Stance,
}

impl Default for Terms {
    fn default() -> Self {
        Self { tls_without_name: Stance::Refuse, tls_with_hidden_name: Stance::Allow, clear_http2: Stance::Refuse }
    }
}

/// Whether something is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// It is.
    Allow,
    /// It ends the connection.
    Refuse,
}
