//! A page's address, read so strictly that no client can read another host in it.

use tollgate_policy::action::{Connect, Target};

/// The connection that a page needs; none where readers of addresses could differ.
pub(super) fn connect(url: &str) -> Option<Connect> {
    let (scheme, rest) = url.split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || !c.is_ascii();
    let host = rest.split(['/', '?', '#']).next()?;
    if rest.chars().any(odd) || host.contains('@') {
        return None;
    }
    let (host, port) = match host.strip_prefix('[') {
        Some(six) => {
            let (host, rest) = six.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok().filter(|port| *port > 0))?;
    let host = host.to_ascii_lowercase();
    if let Ok(address) = host.parse() {
        return Some(Connect { target: Target::Address(address), port });
    }
    // Other forms of addresses (`0x7f.1`, `2130706433`) end in a number, which no name does.
    let host = host.strip_suffix('.').unwrap_or(&host);
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    };
    let last = host.rsplit('.').next()?;
    let named = host.split('.').all(label) && last.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    named.then(|| Connect { target: Target::Name(host.to_owned()), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(target: &Target) -> String {
        if let Target::Name(name) = target { name.clone() } else { format!("{target:?}") }
    }

    #[test]
    fn only_one_host_can_be_read() {
        let table = [
            ("https://example.com/x?y#z", Some(("example.com", 443))),
            ("http://Example.COM.:8080", Some(("example.com", 8080))),
            ("HTTPS://a.b", Some(("a.b", 443))),
            ("https://user@example.com", None),
            ("https://evil.com\\@example.com", None),
            ("https://exa mple.com", None),
            ("https://exämple.com", None),
            ("https://0x7f.1/", None),
            ("https://2130706433/", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("https://a..b", None),
            ("https://a:0", None),
            ("https://a:x", None),
            ("example.com", None),
        ];
        for (url, expected) in table {
            let found = connect(url).map(|connect| (name(&connect.target), connect.port));
            assert_eq!(found, expected.map(|(host, port)| (host.to_owned(), port)), "{url}");
        }
        assert_eq!(connect("http://127.0.0.1/").map(|c| c.target), Some(Target::Address([127, 0, 0, 1].into())));
        assert!(matches!(connect("http://[::1]:80/").map(|c| c.target), Some(Target::Address(_))));
    }
}
