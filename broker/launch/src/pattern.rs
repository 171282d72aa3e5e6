//! Names with `*` and `?`; no other magic.

/// Whether `glob` covers `name` as a whole.
pub(crate) fn matches(glob: &[u8], name: &[u8]) -> bool {
    // Most names differ in their last byte from most globs.
    if glob.last().is_some_and(|last| !matches!(last, b'*' | b'?') && name.last() != Some(last)) {
        return false;
    }
    let (mut g, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let here = glob.get(g).copied();
        if here == Some(b'*') {
            retry = Some((g, n));
            g += 1;
        } else if here == Some(b'?') || (here.is_some() && here == name.get(n).copied()) {
            g += 1;
            n += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            g = star + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    glob.iter().skip(g).all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs() {
        for (glob, name, fits) in [
            ("PATH", "PATH", true),
            ("PATH", "PATHS", false),
            ("LC_*", "LC_ALL", true),
            ("LC_*", "LC", false),
            ("*_TOKEN", "GH_TOKEN", true),
            ("*_TOKEN", "GH_TOKEN_X", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?b", "ab", true),
            ("?b", "b", false),
            ("*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(glob.as_bytes(), name.as_bytes()), fits, "{glob} {name}");
        }
    }
}
