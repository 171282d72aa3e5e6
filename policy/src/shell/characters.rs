//! Characters that shells, terminals and people read differently. bash knows only blank, tab and newline between words; people
//! see blanks where it sees letters, and nothing where it sees a letter.

use super::reading::Span;

/// Spans that are told; who has so many is told enough.
const MOST: usize = 8;

/// Where such characters stand; one span for each run of them.
pub(super) fn odd(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return spans;
    }
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if is_odd(c, before) {
            let end = at + c.len_utf8();
            let full = spans.len() >= MOST;
            match spans.last_mut().filter(|span| span.end == at) {
                Some(span) => span.end = end,
                None if full => break,
                None => spans.push(Span { start: at, end }),
            }
        }
        before = c;
    }
    spans
}

/// Control characters; blanks beyond ASCII; characters of no width and of direction (Unicode's `Default_Ignorable_Code_Point`
/// and `Bidi_Control`); private and unassigned planes. A picture may have its variation selector.
fn is_odd(c: char, before: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\u{fe0f}' | '\u{200d}' => !matches!(before, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' | '\u{fe0f}'),
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{a0}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{1680}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3000}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{ffff}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{10ffff}' => true,
        _ => false,
    }
}
