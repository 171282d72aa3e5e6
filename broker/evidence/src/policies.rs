//! A write to a policy: what it would say besides and no more, and which decisions of the past would be others.
//!
//! The gate has shown the change as a diff. Here the text is made again from it and from what stands there, and counts only
//! if its digest is the one that the gate told: what is judged is what would be put in place.

use std::path::Path;

use tollgate_policy::action::{Access, PathAccess};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::evidence::Section;

use crate::Search;

/// The class of such a write.
pub(crate) const CLASS: &str = "policy";

/// How many statements are shown; the rest is counted.
const SHOWN: usize = 60;

/// Says what a policy file with the second text means, where it has the first: lines of a [`Section::Meaning`], what it
/// says first, what would flip second.
pub type Means = Box<dyn Fn(&Path, [&str; 2]) -> Result<[Vec<String>; 2], String> + Send + Sync>;

/// Collects evidence; `shown` is what the gate has.
pub(crate) fn look(access: &PathAccess, shown: &[Section], search: &mut Search<'_>) {
    let by = search.by;
    let (Some(means), Access::Write) = (&by.means, access.access) else { return };
    let path = access.path.as_path();
    let found = texts(path, shown).and_then(|[before, after]| means(path, [&before, &after]));
    match found {
        Ok([says, flips]) => {
            let (says, flips) = (few(says, "nothing else than before"), few(flips, "none would be another"));
            search.add(Section::Meaning { says, flips });
        }
        Err(why) => search.missing("what the policy would mean", why),
    }
}

/// No more lines than are shown, and not none.
fn few(mut lines: Vec<String>, none: &str) -> Vec<String> {
    let more = lines.split_off(SHOWN.min(lines.len()));
    if lines.is_empty() {
        lines.push(none.to_owned());
    } else if !more.is_empty() {
        lines.push(format!("{} more", more.len()));
    }
    lines
}

/// What stands there, and what would.
fn texts(path: &Path, shown: &[Section]) -> Result<[String; 2], String> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(format!("what stands there can't be read: {e}")),
    };
    let removes = |section: &Section| matches!(section, Section::File(file) if file.would == "remove it");
    if shown.iter().any(removes) {
        return Ok([before, String::new()]);
    }
    let diff = shown.iter().find_map(|section| if let Section::Diff(diff) = section { Some(diff) } else { None });
    let after = diff.and_then(|diff| patched(&before, &diff.text)).filter(|after| is_told(after, shown));
    after.map(|after| [before, after]).ok_or_else(|| "the change is not shown whole".to_owned())
}

/// Whether the gate told this text's digest: of what would be written, or of what comes there. A name before it can be any.
fn is_told(text: &str, shown: &[Section]) -> bool {
    let digest = format!("sha256 {}", sha256_hex(text.as_bytes()));
    let ends = |label: &str, text: &str| match label {
        "content" => text.ends_with(&digest),
        "from" => text.ends_with(&format!("{digest})")),
        _ => false,
    };
    shown.iter().any(|section| matches!(section, Section::Note { label, text, .. } if ends(label, text)))
}

/// A text after a unified diff; none where the diff is none of it.
fn patched(before: &str, diff: &str) -> Option<String> {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let (mut out, mut at, mut added) = (String::new(), 0_usize, false);
    for line in diff.lines() {
        let rest = line.get(1..).unwrap_or_default();
        match line.bytes().next() {
            Some(b'@') => {
                let (start, count) = range(line)?;
                let start = if count == 0 { start } else { start.checked_sub(1)? };
                out.extend(old.get(at..start)?.iter().copied());
                at = start;
            }
            Some(b'-') if stands(rest, old.get(at)) => {
                (at, added) = (at + 1, false);
            }
            Some(b'+') => {
                out.push_str(rest);
                out.push('\n');
                added = true;
            }
            // the line above has no newline
            Some(b'\\') if added => {
                out.pop();
            }
            Some(b'\\') => {}
            // a context line that is empty may have lost its blank
            Some(b' ') | None if stands(rest, old.get(at)) => {
                out.push_str(old.get(at)?);
                (at, added) = (at + 1, false);
            }
            Some(_) | None => return None,
        }
    }
    out.extend(old.get(at..)?.iter().copied());
    Some(out)
}

/// Whether the old text has this line where the diff has it.
fn stands(line: &str, old: Option<&&str>) -> bool {
    old.is_some_and(|old| old.strip_suffix('\n').unwrap_or(old) == line)
}

/// `@@ -3,4 +3,5 @@`: the old side's first line and how many.
fn range(line: &str) -> Option<(usize, usize)> {
    let old = line.strip_prefix("@@ -")?.split(' ').next()?;
    let (start, count) = old.split_once(',').unwrap_or((old, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_diff_is_put_on_what_stands_there() {
        for (before, diff, after) in [
            ("a\nb\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c", "a\nB\nc\n"),
            ("", "@@ -0,0 +1,2 @@\n+a\n+b", "a\nb\n"),
            ("a", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file", "b"),
            ("1\n2\n3\n4\n5\n", "@@ -2,1 +2,0 @@\n-2\n@@ -4,0 +4,1 @@\n+x", "1\n3\n4\nx\n5\n"),
            ("a\n\nb\n", "@@ -1,3 +1,2 @@\n a\n \n-b\n+c", "a\n\nc\n"),
        ] {
            assert_eq!(patched(before, diff).as_deref(), Some(after), "{diff}");
        }
        for (before, diff) in [
            ("a\n", "@@ -5,1 +5,1 @@\n-a\n+b"),
            ("a\n", "@@ x @@"),
            ("", "%"),
            ("a\n", "@@ -1 +1 @@\n-b\n+c"),
            ("a\nb\n", "@@ -1,2 +1,2 @@\n b\n-b\n+c"),
        ] {
            assert_eq!(patched(before, diff), None, "{diff}");
        }
    }

    #[test]
    fn only_a_change_that_is_shown_whole_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        std::fs::write(&path, "version = 1\n").unwrap();
        let diff = |text: &str| {
            let diff = tollgate_policy::evidence::Diff { text: text.into(), ..Default::default() };
            Section::Diff(diff)
        };
        let told = |text: &str| Section::note("content", format!("12 bytes, sha256 {}", sha256_hex(text.as_bytes())));
        let change = "@@ -1 +1,2 @@\n version = 1\n+x = 1";
        let after = "version = 1\nx = 1\n";
        let whole = [diff(change), told(after)];
        assert_eq!(texts(&path, &whole).unwrap(), ["version = 1\n", after]);
        // a name may hold any digest
        let named = Section::note("from", format!("/w/{} (a file, 9 bytes, sha256 00)", sha256_hex(after.as_bytes())));
        let other = Section::note("one", format!("/w/f (a file, 9 bytes, sha256 {})", sha256_hex(after.as_bytes())));
        for shown in [
            vec![],
            vec![diff(change)],
            vec![told(after)],
            vec![diff(change), told("version = 1\nx = 2\n")],
            vec![diff(change), named],
            vec![diff(change), other],
        ] {
            texts(&path, &shown).unwrap_err();
        }
        let gone = Section::File(tollgate_policy::evidence::File { would: "remove it".into(), ..Default::default() });
        assert_eq!(texts(&path, &[gone]).unwrap(), ["version = 1\n", ""]);
    }
}
