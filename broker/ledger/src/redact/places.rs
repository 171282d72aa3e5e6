//! Secrets that are known by where they stand: in a URL before the host, after the name of a header.

use super::Found;

/// Headers whose whole value is a secret.
const HEADERS: [&str; 7] = [
    "authorization:",
    "proxy-authorization:",
    "x-api-key:",
    "private-token:",
    "x-auth-token:",
    "cookie:",
    "set-cookie:",
];

/// Passwords in URLs, `scheme://user:password@host`; and a long user name without one, which is a token.
pub(super) fn urls(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (colon, _) in text.match_indices("://") {
        let start = colon + 3;
        let rest = text.get(start..).unwrap_or_default();
        let authority = rest.split(|c: char| "/?#\"'`<>\\".contains(c) || c.is_whitespace()).next().unwrap_or_default();
        // The last `@`: a password may hold one.
        let Some((user, _)) = authority.rsplit_once('@') else {
            continue;
        };
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        if looks_random(name) {
            found.push(Found::new(start..start + name.len(), "url"));
        }
        if !password.is_empty() && !is_reference(password) {
            found.push(Found::new(start + name.len() + 1..start + user.len(), "url"));
        }
    }
    found
}

/// What follows `Authorization:` and the like, up to the end of the line or of the quotes; and what follows `Bearer`.
pub(super) fn headers(text: &str) -> Vec<Found> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<Found> = Vec::new();
    for header in HEADERS {
        for (at, _) in lower.match_indices(header).filter(|(at, _)| begins_word(&lower, *at)) {
            found.extend(header_value(text, at + header.len()));
        }
    }
    for (at, _) in lower.match_indices("bearer ").filter(|(at, _)| begins_word(&lower, *at)) {
        let start = at + "bearer ".len();
        let word = first_word(text.get(start..).unwrap_or_default());
        if word.len() >= 20 || (word.len() >= 8 && word.bytes().any(|b| b.is_ascii_digit())) {
            found.push(Found::new(start..start + word.len(), "bearer"));
        }
    }
    found.sort_by_key(|f| (f.at.start, f.at.end));
    let mut end = 0;
    found.retain(|f| {
        f.at.start >= end && {
            end = f.at.end;
            true
        }
    });
    found
}

fn header_value(text: &str, after: usize) -> Option<Found> {
    let rest = text.get(after..)?;
    let start = after + (rest.len() - rest.trim_start_matches([' ', '\t']).len());
    let value = text.get(start..)?.split(['\n', '\r', '"', '\'']).next()?.trim_end();
    // `Bearer`, `Basic`, `token` … may stay: it says what kind of secret was there.
    let scheme = value.split_once(' ').map_or(0, |(scheme, _)| scheme.len() + 1);
    let scheme = if value.get(..scheme)?.len() <= 12 { scheme } else { 0 };
    let secret = value.get(scheme..)?;
    let keep = secret.is_empty() || is_reference(secret);
    (!keep).then(|| Found::new(start + scheme..start + value.len(), "header"))
}

fn begins_word(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|t| t.bytes().next_back());
    !before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || "\"'`,;)".contains(c)).next().unwrap_or_default()
}

/// Stands for a secret but is none: a variable of the shell, or what we put there ourselves.
pub(super) fn is_reference(text: &str) -> bool {
    let variable = |name: &str| {
        name.starts_with('(')
            || name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'{' | b'}'))
    };
    text.strip_prefix('$').is_some_and(variable) || text.starts_with("${") || text.starts_with(super::MARK)
}

fn looks_random(name: &str) -> bool {
    name.len() >= 20
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && name.bytes().any(|b| b.is_ascii_digit())
}
