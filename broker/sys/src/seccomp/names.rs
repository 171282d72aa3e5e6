//! Call names to numbers, by a table made at compile time: a filter names hundreds, and the crate's own search goes
//! through its list from the top each time.

use syscalls::Sysno;

const SLOTS: usize = 1024; // at most half full: no architecture has 512 calls
const EMPTY: u16 = u16::MAX;

static TABLE: [u16; SLOTS] = table();

/// The number of a call on this architecture; none where its table lacks the name.
#[must_use]
pub fn number(name: &str) -> Option<u32> {
    let mut slot = slot(name.as_bytes());
    loop {
        match TABLE.get(slot).copied() {
            None | Some(EMPTY) => return None,
            Some(number) if Sysno::new(usize::from(number)).is_some_and(|call| call.name() == name) => {
                return Some(u32::from(number));
            }
            Some(_) => slot = (slot + 1) % SLOTS,
        }
    }
}

/// FNV-1a.
#[allow(clippy::indexing_slicing, reason = "the index is below the length; an iterator cannot run at compile time")]
const fn slot(name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 16)) as usize % SLOTS
}

#[allow(clippy::indexing_slicing, reason = "runs at compile time, where a fault stops the build")]
#[allow(clippy::cast_possible_truncation, reason = "call numbers are below 2^15; the build stops if one is not found")]
const fn table() -> [u16; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut number = 0;
    while number <= Sysno::last() as usize {
        if let Some(call) = Sysno::new(number) {
            let mut at = slot(call.name().as_bytes());
            while table[at] != EMPTY {
                at = (at + 1) % SLOTS;
            }
            table[at] = number as u16;
        }
        number += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::number;
    use syscalls::Sysno;

    #[test]
    fn all_calls_are_found() {
        for call in Sysno::iter() {
            assert_eq!(number(call.name()), u32::try_from(call.id()).ok(), "{call}");
        }
        for unknown in ["", "no_such_call", "READ", "read "] {
            assert_eq!(number(unknown), None, "{unknown}");
        }
    }
}
