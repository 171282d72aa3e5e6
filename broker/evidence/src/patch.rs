//! A patch as git writes it (`git log -p`, `git diff`): its files, and the lines that it adds.
//!
//! Which line is content is told by the counts in the hunk's header, never by how a line begins: an added line may look
//! like a header.

use std::collections::BTreeMap;

/// What a file changes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) binary: bool,
    /// It is a link to a commit of another repository, before or after.
    pub(crate) link: bool,
}

/// What stands before a file's mode, or the ids before it.
const MODES: [&str; 4] = ["new file mode ", "deleted file mode ", "new mode ", "index "];

/// Reads a patch; tells each added line (path, line number, text), and returns all files with their counts.
pub(crate) fn read(patch: &str, mut added: impl FnMut(&str, u64, &str)) -> BTreeMap<String, Count> {
    let mut files: BTreeMap<String, Count> = BTreeMap::new();
    let (mut file, mut old, mut new, mut number) = (String::new(), 0_u64, 0_u64, 0_u64);
    for line in patch.split('\n') {
        if old > 0 || new > 0 {
            let count = files.entry(file.clone()).or_default();
            match line.as_bytes().first() {
                Some(b'+') => {
                    count.added += 1;
                    added(&file, number, line.get(1..).unwrap_or_default());
                    (new, number) = (new.saturating_sub(1), number + 1);
                }
                Some(b'-') => {
                    count.removed += 1;
                    old = old.saturating_sub(1);
                }
                Some(b'\\') => {}
                Some(_) | None => {
                    (old, new, number) = (old.saturating_sub(1), new.saturating_sub(1), number + 1);
                }
            }
        } else if let Some(rest) = line.strip_prefix("diff --git ") {
            file = of_header(rest);
            files.entry(file.clone()).or_default();
        } else if let Some(rest) = line.strip_prefix("+++ ").filter(|rest| *rest != "/dev/null") {
            unquoted(rest.trim_end_matches('\t')).trim_start_matches("b/").clone_into(&mut file);
            files.entry(file.clone()).or_default();
        } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
            files.entry(file.clone()).or_default().binary = true;
        } else if MODES.iter().any(|of| line.strip_prefix(of).is_some_and(|mode| mode.ends_with("160000"))) {
            files.entry(file.clone()).or_default().link = true;
        } else if let Some((before, after, at)) = hunk(line) {
            (old, new, number) = (before, after, at);
        }
    }
    files
}

/// `a/x b/x`: both halves are alike but for renames, where the new name is told later.
fn of_header(rest: &str) -> String {
    if rest.starts_with('"') {
        let half = rest.split("\" ").next().unwrap_or(rest);
        return unquoted(&format!("{}\"", half.trim_end_matches('"'))).trim_start_matches("a/").to_owned();
    }
    rest.rsplit(" b/").next().unwrap_or(rest).to_owned()
}

/// `@@ -1,2 +3,4 @@`: lines before and after, and the first line's number after.
fn hunk(line: &str) -> Option<(u64, u64, u64)> {
    let mut parts = line.strip_prefix("@@ -")?.split(' ');
    let (before, after) = (parts.next()?, parts.next()?.strip_prefix('+')?);
    let count = |part: &str| part.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    let at = after.split(',').next()?.parse().ok()?;
    Some((count(before)?, count(after)?, at))
}

/// A name as git quotes it where it holds odd bytes (`core.quotePath`).
pub(crate) fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else {
        return name.to_owned();
    };
    let (mut out, mut bytes) = (Vec::new(), inner.bytes().peekable());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'v') => out.push(11),
            Some(b'f') => out.push(12),
            Some(digit @ b'0'..=b'3') => {
                let mut value = digit - b'0';
                for _ in 0..2 {
                    if let Some(next) = bytes.next_if(|b| (b'0'..=b'7').contains(b)) {
                        value = value.wrapping_mul(8).wrapping_add(next - b'0');
                    }
                }
                out.push(value);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_looks_like_a_header_is_content() {
        let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,3 @@\n old\n+++ b/innocent\n+secret\n\
                     diff --git a/y b/y\nBinary files a/y and b/y differ\n";
        let mut lines = Vec::new();
        let files = read(patch, |path, number, text| lines.push((path.to_owned(), number, text.to_owned())));
        assert_eq!(lines, [("x".into(), 2, "++ b/innocent".into()), ("x".into(), 3, "secret".to_owned())]);
        assert_eq!(files.get("x"), Some(&Count { added: 2, removed: 0, binary: false, link: false }));
        assert!(files["y"].binary);
        assert!(!files.contains_key("innocent"));
    }

    #[test]
    fn quoted_names_are_read() {
        assert_eq!(unquoted(r#""b/\303\244\"\n""#), "b/ä\"\n");
        assert_eq!(unquoted("b/plain"), "b/plain");
    }
}
