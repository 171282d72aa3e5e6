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
    globs: Vec<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn of(list: &'a [Text]) -> Self {
        let is_glob = |name: &&[u8]| name.iter().any(|byte| matches!(byte, b'*' | b'?'));
        let (globs, mut plain): (Vec<_>, Vec<_>) = list.iter().map(|name| name.as_bytes()).partition(is_glob);
        plain.sort_unstable();
        Self { plain, globs }
    }

    fn cover(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        self.plain.binary_search(&name).is_ok()
            || self.globs.iter().any(|glob| may_match(glob, name) && matches(glob, name))
    }
}

/// Most names differ in their first byte from most globs.
fn may_match(glob: &[u8], name: &[u8]) -> bool {
    match glob.first() {
        None | Some(b'*' | b'?') => true,
        first => first == name.first(),
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
            drop: list(&["B", "LC_X*", "SECRET_*"]),
            set: [("A".to_owned(), "set".to_owned()), ("NEW".to_owned(), "set".to_owned())].into(),
        };
        let from = ["A", "AA", "B", "LC_ALL", "LC_XY", "LC", "MY_DIR", "SECRET_DIR", "ONES", "ONE", "ZED", "Z", ""];
        let from = from.map(|name| (OsString::from(name), OsString::from("given")));
        let kept = environment(&rule, from);
        let kept: Vec<(&str, &str)> = kept.iter().filter_map(|(n, v)| Some((n.to_str()?, v.to_str()?))).collect();
        let given = ["LC_ALL", "MY_DIR", "ONES", "ZED"].map(|name| (name, "given"));
        let set = [("A", "set"), ("NEW", "set")];
        assert_eq!(kept, [&given[..], &set[..]].concat());
    }
}
