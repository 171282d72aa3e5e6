//! The little of DNS (RFC 1035) that is needed: questions are read, and answered from the table of names alone;
//! no question of a caller is ever passed on.

pub(crate) mod answer;
pub(crate) mod read;
pub(crate) mod stream;
pub(crate) mod write;

/// Types of records (IANA DNS parameters).
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const ANY: u16 = 255;
}

/// The class "internet"; questions may also ask for any class.
pub(crate) const IN: u16 = 1;
pub(crate) const ANY_CLASS: u16 = 255;

/// Response codes (RFC 1035 §4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Fine = 0,
    Malformed = 1,
    Failed = 2,
    NoSuchName = 3,
    NotImplemented = 4,
}

#[cfg(test)]
mod tests;
