//! What is wrong with a policy, and where. All faults of a file at once, each with the text that offends.

use std::fmt;

use super::document::Spot;

/// One fault. `Display` gives place and message; the offending text and the hint are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as it is shown.
    pub file: String,
    /// Where; line 0 where no file holds the place.
    pub spot: Spot,
    /// What is wrong.
    pub message: String,
    /// The line that offends, escaped and cut; empty if none.
    pub text: String,
    /// What would cure it.
    pub hint: Option<String>,
}

/// All faults that were found; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.spot.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.spot.line, self.spot.column, self.message)
        }
    }
}

impl std::error::Error for Fault {}

/// Every fault as a block: place and message, the offending line, the hint.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
            if !fault.text.is_empty() {
                write!(f, "\n    {}", fault.text)?;
            }
            if let Some(hint) = &fault.hint {
                write!(f, "\n  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The longest offending text that is shown, in characters.
const SHOWN: usize = 120;

/// Text from a file made fit to be shown: control characters and bidi marks escaped, long text cut.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.trim().chars().enumerate() {
        if i == SHOWN {
            out.push('…');
            break;
        }
        out.push(c);
    }
    escaped(&out)
}

/// Control characters and marks that reorder or hide text, as escapes.
#[must_use]
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Marks that reorder or hide text (Unicode TR 36; CVE-2021-42574).
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// `did you mean …?` with the nearest of some known names, if one is near enough.
#[must_use]
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (wrong.chars().count() / 3).max(1) + 1;
    known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(far, name)| *far <= allowed && *far < name.chars().count())
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours count one each.
#[must_use]
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j + 1) + 1).min(at(&row, j) + 1).min(at(&last, j) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}
