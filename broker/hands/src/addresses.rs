//! The paths by which unix sockets were bound. The kernel keeps what the hands bound by, a name in a directory that they
//! hold, and tells it to everybody who asks for the socket's address; programs hand that on (`Listener.address`), and
//! want what they gave.

use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// So many are remembered; sockets bound later have a name without its directory.
const REMEMBERED: usize = 4096;

/// What was bound, by what the kernel keeps of it.
#[derive(Debug, Default)]
pub(crate) struct Addresses(HashMap<Vec<u8>, Vec<u8>>);

impl Addresses {
    /// What to bind by so that `asked` can be told of it: the name, with as many `./` and `.//` before it as sockets of
    /// the same name in other directories make needful.
    pub(crate) fn bind_by(&mut self, name: &CStr, asked: &[u8]) -> CString {
        for number in 1..usize::MAX {
            let kept = [&prefix(number)[..], name.to_bytes()].concat();
            if kept.len() > LONGEST {
                break;
            }
            match self.0.get(&kept) {
                Some(other) if other != asked => continue,
                None if self.0.len() < REMEMBERED => drop(self.0.insert(kept.clone(), asked.to_vec())),
                Some(_) | None => {}
            }
            return CString::new(kept).unwrap_or_else(|_| name.to_owned());
        }
        name.to_owned()
    }

    /// The path that a caller gave for what the kernel keeps, if it is another one.
    pub(crate) fn asked(&self, kept: &[u8]) -> Option<&[u8]> {
        self.0.get(kept).map(Vec::as_slice).filter(|asked| *asked != kept)
    }
}

/// `sun_path` without its last NUL (unix(7)).
const LONGEST: usize = 107;

/// The bits of a number after its first one, a step to the same directory for each: nothing for 1.
fn prefix(number: usize) -> Vec<u8> {
    let bits = usize::BITS.saturating_sub(number.leading_zeros()).saturating_sub(1);
    (0..bits).flat_map(|bit| if number >> bit & 1 == 0 { &b"./"[..] } else { b".//" }).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sockets_of_one_name_are_told_apart() {
        let mut addresses = Addresses::default();
        let asked = |n: usize| format!("/tmp/{n}/s").into_bytes();
        let kept: Vec<CString> = (0..300).map(|n| addresses.bind_by(c"s", &asked(n))).collect();
        assert_eq!(kept.first().unwrap(), c"s");
        assert_eq!(kept.iter().collect::<HashSet<_>>().len(), 300);
        for (n, name) in kept.iter().enumerate() {
            assert_eq!(addresses.asked(name.to_bytes()), Some(&asked(n)[..]), "{name:?}");
            assert_eq!(&addresses.bind_by(c"s", &asked(n)), name);
        }
    }

    #[test]
    fn names_are_remembered_so_far_as_there_is_room() {
        let mut addresses = Addresses::default();
        let long = CString::new("n".repeat(LONGEST)).unwrap();
        for asked in [&b"/a/n"[..], b"/b/n"] {
            assert_eq!(addresses.bind_by(&long, asked), long);
        }
        for n in 0..REMEMBERED {
            addresses.bind_by(c"s", n.to_string().as_bytes());
        }
        let late = addresses.bind_by(c"s", b"late");
        assert_eq!(addresses.asked(late.to_bytes()), None);
        assert_eq!(addresses.0.len(), REMEMBERED);
    }

    #[test]
    fn a_relative_name_is_what_it_was() {
        let mut addresses = Addresses::default();
        assert_eq!(addresses.bind_by(c"s", b"s"), c"s".to_owned());
        assert_eq!(addresses.asked(b"s"), None);
        assert_eq!(addresses.bind_by(c"s", b"./s"), c"./s".to_owned());
    }
}
