//! Keys of the index: hashes of what must be there for a rule to match. A collision only costs a look.

/// What kind of thing a key stands for, so that a host never meets a program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Program = 1,
    ProgramStart,
    Word,
    Prefix,
    Component,
    Extension,
    Host,
    Domain,
    Block,
    Abstract,
    Tool,
}

/// FNV-1a, 64 bits, fed piece by piece (Fowler, Noll, Vo; draft-eastlake-fnv).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self(0xcbf2_9ce4_8422_2325).byte(kind as u8)
    }

    pub(crate) const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |key, byte| key.byte(*byte))
    }

    /// The finished key. The last step spreads the bits for the table (`splitmix64`'s finish).
    pub(crate) const fn done(self) -> u64 {
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}
