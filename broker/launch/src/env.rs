//! The environment that a command starts with: only what is named passes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use tollgate_policy::boundary::Environment;
use tollgate_policy::profile::document::Text;

use crate::pattern::matches;

/// Builds the environment from the caller's: what `pass` names and `drop` doesn't, then `set`, over all else.
/// The launcher itself adds `TMPDIR` (see [`crate::Plan::start`]).
pub fn environment(
    rule: &Environment,
    from: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let (pass, drop) = (Names::of(&rule.pass), Names::of(&rule.drop));
    let mut kept: Vec<_> = from
        .into_iter()
        .filter(|(name, _)| pass.cover(name) && !drop.cover(name))
        .filter(|(name, _)| !name.to_str().is_some_and(|name| rule.set.contains_key(name)))
        .collect();
    kept.extend(rule.set.iter().map(|(name, value)| (name.into(), value.into())));
    kept
}

/// Names of variables: hundreds, most of them plain.
struct Names<'a> {
    /// In order.
    plain: Vec<&'a [u8]>,
    /// Globs that start with themselves, in order.
    headed: Vec<&'a [u8]>,
    /// Globs that start with `*` or `?`, each with its letters.
    others: Vec<(u64, &'a [u8])>,
}

/// The letters of a name or glob, as a set. What a glob has and a name lacks, it can't cover: most globs are found not to fit
/// by this alone.
fn letters(text: &[u8]) -> u64 {
    let plain = text.iter().filter(|byte| !matches!(byte, b'*' | b'?'));
    plain.fold(0, |set, byte| set | 1 << (byte & 63))
}

impl<'a> Names<'a> {
    fn of(list: &'a [Text]) -> Self {
        let (mut plain, mut headed, mut others) = (Vec::with_capacity(list.len()), Vec::new(), Vec::new());
        for name in list.iter().map(|name| name.as_bytes()) {
            match name.iter().position(|byte| matches!(byte, b'*' | b'?')) {
                None => plain.push(name),
                Some(0) => others.push((letters(name), name)),
                Some(_) => headed.push(name),
            }
        }
        // As a rule they are in order already.
        for list in [&mut plain, &mut headed] {
            if !list.is_sorted() {
                list.sort_unstable();
            }
        }
        Self { plain, headed, others }
    }

    fn cover(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        let first = name.first();
        let from = self.headed.partition_point(|glob| glob.first() < first);
        let headed = self.headed.get(from..).unwrap_or_default().iter().take_while(|glob| glob.first() == first);
        let has = letters(name);
        let others = self.others.iter().filter(|(letters, _)| letters & !has == 0).map(|(_, glob)| glob);
        self.plain.binary_search(&name).is_ok() || headed.chain(others).any(|glob| matches(glob, name))
    }
}

#[cfg(test)]
mod tests {
    use super::{OsString, environment};
    use tollgate_policy::boundary::Environment;

    #[test]
    fn what_is_named_passes_unless_it_is_dropped() {
        let list = |names: &[&'static str]| names.iter().map(|name| (*name).into()).collect();
        let rule = Environment {
            pass: list(&["ZED", "LC_*", "A", "B", "*_DIR", "ONE?"]),
            drop: list(&["B", "LC_X*", "SECRET_*", "*_TOKEN*", "?OKEN*"]),
            set: [("A".to_owned(), "set".to_owned()), ("NEW".to_owned(), "set".to_owned())].into(),
        };
        let from = [
            "A",
            "AA",
            "B",
            "LC_ALL",
            "LC_XY",
            "LC",
            "MY_DIR",
            "SECRET_DIR",
            "ONES",
            "ONE",
            "ZED",
            "Z",
            "LC_TOKENS",
            "",
        ];
        let from = from.map(|name| (OsString::from(name), OsString::from("given")));
        let kept = environment(&rule, from);
        let kept: Vec<(&str, &str)> = kept.iter().filter_map(|(n, v)| Some((n.to_str()?, v.to_str()?))).collect();
        let given = ["LC_ALL", "MY_DIR", "ONES", "ZED"].map(|name| (name, "given"));
        let set = [("A", "set"), ("NEW", "set")];
        assert_eq!(kept, [&given[..], &set[..]].concat());
    }
}
