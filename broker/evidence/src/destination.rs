//! A connection: where it goes, for the first time or not, and which secrets could leave through it.

use std::net::IpAddr;
use std::path::PathBuf;

use tollgate_policy::action::{Access, Action, Connect, PathAccess, Target};
use tollgate_policy::boundary::Boundary;
use tollgate_policy::evidence::{Destination, Section};
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Grants, Subject};
use tollgate_wire::card;

use crate::{Search, wider};

/// Where people keep secrets, from their home.
const SECRETS: [&str; 16] = [
    ".ssh",
    ".aws",
    ".netrc",
    ".git-credentials",
    ".config/gh",
    ".config/gcloud",
    ".docker/config.json",
    ".kube/config",
    ".npmrc",
    ".pypirc",
    ".cargo/credentials.toml",
    ".gnupg",
    ".password-store",
    ".config/op",
    ".vault-token",
    ".azure",
];

/// The same, in a workspace.
const OF_PROJECTS: [&str; 7] =
    [".env", ".env.local", ".env.production", "secrets.yaml", "secrets.yml", "credentials.json", "id_rsa"];

/// Collects evidence.
pub(crate) fn look(connect: &Connect, search: &mut Search<'_>) {
    let name = match &connect.target {
        Target::Name(name) => name.clone(),
        Target::Address(address) => address.to_string(),
        Target::Unix(_) | Target::Abstract(_) => card::target(connect),
    };
    let class = match &connect.target {
        Target::Address(address) => class(*address),
        Target::Name(_) => "",
        Target::Unix(_) | Target::Abstract(_) => "unix socket",
    };
    search.add(Section::Destination(Destination {
        name,
        port: connect.port,
        class: class.to_owned(),
        first_time: None,
        readers: String::new(),
    }));
    let boundary = search.by.policy.lower();
    search.add(Section::Readable { paths: readable(&Reader::Inside(&boundary), search) });
}

/// Whose boundary it is.
pub(crate) enum Reader<'a> {
    /// The run's: its rules hold besides.
    Inside(&'a Boundary),
    /// A wider profile's.
    Wider(&'a Boundary),
}

/// Secrets that are there, and that the boundary lets be read.
pub(crate) fn readable(reader: &Reader<'_>, search: &Search<'_>) -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let of_home = home.iter().flat_map(|home| SECRETS.iter().map(|name| home.join(name)));
    let of_project = OF_PROJECTS.iter().map(|name| search.by.workspace.as_path().join(name));
    let open = |path: &PathBuf| {
        let (Reader::Inside(boundary) | Reader::Wider(boundary)) = reader;
        let refused = matches!(reader, Reader::Inside(_)) && is_refused(path, search);
        path.symlink_metadata().is_ok()
            && boundary.roots.iter().any(|root| path.starts_with(root.path.as_path()))
            && !refused
    };
    let of_folder = |path: PathBuf| if path.ends_with(".ssh") { wider::keys(&path) } else { vec![path] };
    of_home.chain(of_project).filter(open).flat_map(of_folder).map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Whether a rule keeps it from being read.
fn is_refused(path: &std::path::Path, search: &Search<'_>) -> bool {
    let Ok(path) = AbsPath::new(path) else { return false };
    let read = Action::Path(PathAccess { path, access: Access::Read });
    search.by.policy.judge(&Subject::default(), &read, &Grants::default(), 0).effect == Effect::Deny
}

/// What kind of address it is.
pub(crate) fn class(address: IpAddr) -> &'static str {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    };
    match address {
        _ if address.is_loopback() => "loopback",
        _ if address.is_unspecified() => "this machine",
        _ if address.is_multicast() => "multicast",
        IpAddr::V4(v4) if v4.is_link_local() => "link-local",
        IpAddr::V4(v4) if v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]) => "private",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => "link-local",
        IpAddr::V6(v6) if v6.is_unique_local() => "private",
        IpAddr::V4(_) | IpAddr::V6(_) => "public",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_classes() {
        for (address, expected) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:10.0.0.1", "private"),
            ("169.254.169.254", "link-local"),
            ("100.64.0.1", "private"),
            ("fd00::1", "private"),
            ("0.0.0.0", "this machine"),
            ("93.184.216.34", "public"),
        ] {
            assert_eq!(address.parse().map(class), Ok(expected), "{address}");
        }
    }
}
