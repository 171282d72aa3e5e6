//! The host's `/etc/hosts` (`hosts(5)`).

use std::net::IpAddr;

/// The addresses that the file gives a name, which is in its one form.
pub(crate) fn addresses(name: &str) -> Vec<IpAddr> {
    let file = std::fs::read("/etc/hosts").unwrap_or_default();
    parse(&String::from_utf8_lossy(&file), name)
}

fn parse(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else {
            continue;
        };
        let named = words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(name));
        if named && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_all_addresses_of_its_lines() {
        let text = "127.0.0.1 localhost\n10.0.0.7\tGit.Corp.example git # not.this\n::1 localhost\n\
                    # 10.0.0.8 git.corp.example\nnonsense git\n10.0.0.7 git\n";
        let table = [
            ("git.corp.example", "10.0.0.7"),
            ("git", "10.0.0.7"),
            ("localhost", "127.0.0.1 ::1"),
            ("not.this", ""),
            ("nonsense", ""),
        ];
        for (name, want) in table {
            let got: Vec<String> = parse(text, name).iter().map(ToString::to_string).collect();
            assert_eq!(got.join(" "), want, "{name}");
        }
    }
}
