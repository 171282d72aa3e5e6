//! The host's `/etc/resolv.conf` (`resolv.conf(5)`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tollgate_policy::action::Target;
use tollgate_policy::host;

/// As the C library: at most three servers and six domains.
const SERVERS: usize = 3;
const DOMAINS: usize = 6;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conf {
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) search: Search,
}

/// How programs complete names before they ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Search {
    pub(crate) domains: Vec<String>,
    pub(crate) ndots: usize,
}

impl Conf {
    /// The file as it now is; without one, a server on this machine, as the C library does.
    pub(crate) fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            attempts: 2,
            search: Search { domains: Vec::new(), ndots: 1 },
        };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some("search" | "domain") => {
                    conf.search.domains = words.filter_map(domain).take(DOMAINS).collect();
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        conf.servers.truncate(SERVERS);
        if conf.servers.is_empty() {
            conf.servers.push((Ipv4Addr::LOCALHOST, 53).into());
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let Some((name, number)) = word.split_once(':') else {
            return;
        };
        let Ok(number) = number.parse::<u32>() else {
            return;
        };
        match name {
            "timeout" => self.timeout = Duration::from_secs(number.clamp(1, 30).into()),
            "attempts" => self.attempts = number.clamp(1, 5),
            "ndots" => self.search.ndots = usize::try_from(number.min(15)).unwrap_or(1),
            _ => {}
        }
    }
}

impl Search {
    /// Whether a name looks as if a program had made it by putting a search domain behind a whole name: with many
    /// `ndots` (Kubernetes has five) that is what is asked first, and a name that would only be asked about must
    /// then not exist, or the program never comes to the name it meant.
    pub(crate) fn has_made(&self, name: &str) -> bool {
        if self.ndots < 2 {
            return false;
        }
        (self.domains.iter())
            .filter_map(|domain| name.strip_suffix(domain.as_str())?.strip_suffix('.'))
            .any(|front| front.contains('.'))
    }
}

/// A server, which may be link-local and then names its interface.
fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some((address, 53).into());
    }
    let (address, scope) = word.split_once('%')?;
    let scope = scope.parse().ok().or_else(|| nix::net::if_::if_nametoindex(scope).ok())?;
    Some(std::net::SocketAddrV6::new(address.parse().ok()?, 53, 0, scope).into())
}

fn domain(word: &str) -> Option<String> {
    match host::normal(word) {
        Ok(Target::Name(name)) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_as_the_c_library_reads_it() {
        let text = "# a comment\nnameserver 10.0.0.2\nnameserver fe80::1%1\nnameserver nonsense\n\
                    nameserver 10.0.0.3\nnameserver 10.0.0.4\ndomain old.example\n\
                    search Default.svc.cluster.local. svc.cluster.local\noptions ndots:5 timeout:1 edns0 attempts:99\n";
        let conf = Conf::parse(text);
        let servers: Vec<String> = conf.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.2:53", "[fe80::1%1]:53", "10.0.0.3:53"]);
        assert_eq!((conf.timeout.as_secs(), conf.attempts), (1, 5));
        assert_eq!(conf.search.domains, ["default.svc.cluster.local", "svc.cluster.local"]);
        assert_eq!(conf.search.ndots, 5);
        let empty = Conf::parse("");
        assert_eq!(empty.servers, ["127.0.0.1:53".parse().unwrap()]);
    }

    #[test]
    fn only_what_a_search_list_would_make_of_whole_names_is_taken_for_made() {
        let domains = vec!["svc.cluster.local".to_owned(), "corp.example".to_owned()];
        let search = |ndots| Search { domains: domains.clone(), ndots };
        let table = [
            (5, "registry.npmjs.org.svc.cluster.local", true),
            (5, "registry.npmjs.org.corp.example", true),
            (5, "registry.npmjs.org", false),
            (5, "git.corp.example", false),
            (5, "corp.example", false),
            (5, "a.notcorp.example", false),
            (1, "registry.npmjs.org.corp.example", false),
        ];
        for (ndots, name, made) in table {
            assert_eq!(search(ndots).has_made(name), made, "{name}");
        }
    }
}
