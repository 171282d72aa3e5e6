//! One word of a command line, a tool's name, a variable's name: bytes against `*` and `?`. Nothing else is
//! special, so that words full of brackets and braces stay themselves.

/// Whether `word` is what `pattern` says: `*` is any bytes, `?` any one byte.
#[must_use]
pub(crate) fn fits(pattern: &str, word: &[u8]) -> bool {
    let pattern = pattern.as_bytes();
    let (mut p, mut w) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = word.get(w) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, w));
                p += 1;
            }
            Some(want) if *want == b'?' || want == byte => {
                p += 1;
                w += 1;
            }
            _ => match star {
                // The last star takes one byte more; earlier ones never need to be tried again.
                Some((at, took)) => {
                    star = Some((at, took + 1));
                    p = at + 1;
                    w = took + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// Whether any of `patterns` fits.
#[must_use]
pub(crate) fn any_fits<P: AsRef<str>>(patterns: &[P], word: &[u8]) -> bool {
    // Most differ in their first byte.
    let may = |pattern: &str| match pattern.as_bytes().first() {
        None | Some(b'*' | b'?') => true,
        first => first == word.first(),
    };
    patterns.iter().map(AsRef::as_ref).any(|pattern| may(pattern) && fits(pattern, word))
}

/// Whether the pattern stands for itself alone.
#[must_use]
pub(crate) fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_and_marks() {
        for (pattern, word, want) in [
            ("git", "git", true),
            ("git", "gitk", false),
            ("*", "", true),
            ("python3*", "python3.12", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?", "", false),
            ("??", "ab", true),
            ("[x]", "[x]", true),
            ("[x]", "x", false),
        ] {
            assert_eq!(fits(pattern, word.as_bytes()), want, "{pattern} {word}");
        }
        assert!(fits("a*", b"a\xff\xfe"));
    }
}
