//! Names with `*` and `?`; no other magic. What policy escapes (a workspace called `a[1]`) is told from what it means.

/// The glob with nothing but `*` and `?` as magic: `[[]` is `[`, `\\x` is `x`; a class, or an escaped `*` or `?`, becomes
/// `?`, which covers more and never less.
pub(crate) fn plain(glob: &str) -> String {
    if !glob.contains(['[', '\\']) {
        return glob.to_owned();
    }
    let mut out = String::with_capacity(glob.len());
    let mut rest = glob;
    while let Some(next) = rest.chars().next() {
        let after = rest.get(next.len_utf8()..).unwrap_or_default();
        let class = if next == '[' { class_end(after) } else { None };
        if let Some(end) = class {
            let body = after.get(..end).unwrap_or_default();
            out.push_str(if body.chars().count() == 1 && !matches!(body, "*" | "?") { body } else { "?" });
            rest = after.get(end + 1..).unwrap_or_default();
            continue;
        }
        if next == '\\'
            && let Some(escaped) = after.chars().next()
        {
            out.push(if matches!(escaped, '*' | '?') { '?' } else { escaped });
            rest = after.get(escaped.len_utf8()..).unwrap_or_default();
            continue;
        }
        out.push(next);
        rest = after;
    }
    out
}

/// Where a class ends, behind its `[`; a `]` that comes first belongs to it.
fn class_end(body: &str) -> Option<usize> {
    let from = body.chars().next().map_or(0, char::len_utf8);
    body.get(from..)?.find(']').map(|at| at + from)
}

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
    use super::{matches, plain};

    #[test]
    fn what_is_escaped_is_meant() {
        for (glob, meant) in [
            ("/w/a[[]1[]]/.git/hooks/**", "/w/a[1]/.git/hooks/**"),
            ("/w/[{]x[}]/[!]", "/w/{x}/!"),
            ("/w/a\\\\b/\\[c", "/w/a\\b/[c"),
            ("/w/[*]/[?]/[ab]c", "/w/?/?/?c"),
            ("/w/**/.env*", "/w/**/.env*"),
            ("/w/[", "/w/["),
        ] {
            assert_eq!(plain(glob), meant, "{glob}");
        }
    }

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
