//! The environment that a command starts with: only what is named passes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use tollgate_policy::boundary::Environment;

use crate::pattern::matches;

/// Builds the environment from the caller's: what `pass` names and `drop` doesn't, then `set`, over all else.
/// The launcher itself adds `TMPDIR` (see [`crate::Plan::start`]).
pub fn environment(
    rule: &Environment,
    from: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let named = |list: &[String], name: &OsStr| {
        list.iter().any(|glob| may_match(glob.as_bytes(), name.as_bytes()) && matches(glob.as_bytes(), name.as_bytes()))
    };
    let mut kept: Vec<_> = from
        .into_iter()
        .filter(|(name, _)| named(&rule.pass, name) && !named(&rule.drop, name))
        .filter(|(name, _)| !name.to_str().is_some_and(|name| rule.set.contains_key(name)))
        .collect();
    kept.extend(rule.set.iter().map(|(name, value)| (name.into(), value.into())));
    kept
}

/// Most names differ in their first byte from most globs.
fn may_match(glob: &[u8], name: &[u8]) -> bool {
    match glob.first() {
        None | Some(b'*' | b'?') => true,
        first => first == name.first(),
    }
}
