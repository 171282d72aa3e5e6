//! A case that can't run here says why: on stderr, and in the file that `.ci` reads its last lines from.
#![allow(clippy::print_stderr, reason = "a test speaks to who runs it")]

use std::fs::OpenOptions;
use std::io::Write as _;

/// Says that a case can't run on this machine, and why. `.ci/test` collects these lines and counts them apart from
/// what passed (where `TOLLGATE_SKIPS` names a file, they are appended to it, each with its test); a case that says so
/// must return at once.
///
/// ```
/// if cfg!(not(target_os = "linux")) {
///     tollgate_tests::skip("needs Linux");
/// }
/// ```
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
    let Some(path) = std::env::var_os("TOLLGATE_SKIPS") else {
        return;
    };
    let thread = std::thread::current();
    let line = format!("SKIPPED: {}: {reason}\n", thread.name().unwrap_or("test"));
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("TOLLGATE_SKIPS names a file that can be written");
    // One write, as many tests write at once.
    file.write_all(line.as_bytes()).expect("TOLLGATE_SKIPS can be written");
}
