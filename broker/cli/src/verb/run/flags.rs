//! `--read`, `--write`, `--net`, `--limit` and `--require`: what the person who starts the run grants and insists on.

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_policy::Document;
use tollgate_policy::boundary::{Feature, Namespace};
use tollgate_policy::profile::document::Roots;
use tollgate_wire::neutral;

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::{Ground, resolved, shown};

/// The port of a `--net` without one.
const PORT: u16 = 443;

/// The flags as documents of the person's layer.
pub(crate) fn documents(args: &args::Run, ground: &Ground) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for dir in &args.read {
        let roots = Roots { read: vec![root("--read", dir, ground)?.into()].into(), ..Roots::default() };
        documents.push(flag("--read", roots));
    }
    for dir in &args.write {
        let roots = Roots { write: vec![root("--write", dir, ground)?.into()].into(), ..Roots::default() };
        documents.push(flag("--write", roots));
    }
    for host in &args.net {
        documents.push(net(host)?);
    }
    for text in &args.limit {
        documents.push(limit(text)?);
    }
    Ok(documents)
}

/// `--require`, by the names of `tollgate doctor`.
pub(crate) fn features(names: &[String]) -> Result<BTreeSet<Feature>, Failure> {
    let read = |name: &String| {
        serde_json::from_value::<Feature>(serde_json::Value::from(name.as_str())).map_err(|_| {
            Failure::new(Exit::Refused, format!("there is no feature `{}` to require", neutral::short(name, 60)))
                .hint("`tollgate doctor` lists their names")
        })
    };
    names.iter().map(read).collect()
}

/// The namespaces behind the features: what is insisted on is also asked for.
pub(crate) fn namespaces(features: &BTreeSet<Feature>) -> impl Iterator<Item = Namespace> {
    const OF: [(Feature, Namespace); 4] = [
        (Feature::MountNamespace, Namespace::Mount),
        (Feature::PidNamespace, Namespace::Pid),
        (Feature::IpcNamespace, Namespace::Ipc),
        (Feature::NetNamespace, Namespace::Net),
    ];
    OF.into_iter().filter(|(feature, _)| features.contains(feature)).map(|(_, namespace)| namespace)
}

fn flag(source: &str, roots: Roots) -> Document {
    Document { source: source.to_owned().into(), roots, ..Document::default() }
}

fn root(flag: &str, dir: &Path, ground: &Ground) -> Result<String, Failure> {
    let path = resolved(dir)?;
    if ground.home.is_within(&path) {
        return Err(Failure::new(Exit::Refused, format!("{flag} {} would open your whole home folder", shown(dir)))
            .hint("name the folders that the command needs"));
    }
    path.as_path().to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("{flag} {} is not UTF-8, so no policy can name it", shown(dir)))
    })
}

/// `HOST[:PORT]` as a rule. The text of the rule is parsed as any policy is, so its faults are the language's.
fn net(text: &str) -> Result<Document, Failure> {
    let (host, port) = split(text).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("--net `{}` is no HOST[:PORT]", neutral::short(text, 80)))
            .hint("for example --net index.crates.io:443 or --net [2001:db8::1]:443")
    })?;
    // this machine by its name: programs go to its addresses without asking anybody
    let names = if host == "localhost" { "localhost\", \"127.0.0.1\", \"::1" } else { host };
    let rule = format!(
        "version = 1\n[[net]]\neffect = \"allow\"\nnames = [\"{names}\"]\nports = [{port}]\nbecause = \"--net {host}:{port}\"\n"
    );
    tollgate_policy::parse("--net", &rule).map_err(|faults| {
        let why = faults.0.first().map(|fault| fault.message.clone()).unwrap_or_default();
        Failure::new(Exit::Refused, format!("--net `{}` can't be granted: {why}", neutral::short(text, 80)))
    })
}

/// `NAME=AMOUNT` as a policy; its faults are the language's.
fn limit(text: &str) -> Result<Document, Failure> {
    let refused = |why: &str| {
        Failure::new(Exit::Refused, format!("--limit `{}` can't be set: {why}", neutral::short(text, 80)))
            .hint("for example --limit memory=8G, --limit memory_per_process=25% or --limit processes=1000")
    };
    let (name, amount) = text.split_once('=').ok_or_else(|| refused("it is no NAME=AMOUNT"))?;
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    if name.is_empty() || !plain(name, "_") || !plain(amount, "%, ") {
        return Err(refused("it is no NAME=AMOUNT"));
    }
    let text = format!("version = 1\n[limits]\n{name} = \"{amount}\"\n");
    tollgate_policy::parse("--limit", &text)
        .map_err(|faults| refused(&faults.0.first().map(|fault| fault.message.clone()).unwrap_or_default()))
}

/// Host and port; an IPv6 address with a port stands in brackets.
pub(crate) fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_*:/".contains(&b);
    let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port > 0))?;
    (!host.is_empty() && host.bytes().all(fits)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let table = [
            ("crates.io", Some(("crates.io", 443))),
            ("crates.io:8443", Some(("crates.io", 8443))),
            ("*.crates.io:443", Some(("*.crates.io", 443))),
            ("10.0.0.0/8:5432", Some(("10.0.0.0/8", 5432))),
            ("[::1]:80", Some(("::1", 80))),
            ("[::1]", Some(("::1", 443))),
            ("2001:db8::1", Some(("2001:db8::1", 443))),
            ("crates.io:", None),
            ("crates.io:0", None),
            ("crates.io:70000", None),
            (":443", None),
            ("", None),
            ("a\"b", None),
            ("a b", None),
            ("[::1", None),
            ("[::1]x", None),
        ];
        for (text, expected) in table {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_are_amounts() {
        for (text, good) in [
            ("memory=8G", true),
            ("memory=25%, at most 8G", true),
            ("processes=100", true),
            ("processes=64 per cpu", true),
            ("fsize=4G", true),
            ("nofile=1000", true),
            ("fsize=10%", false),
            ("processes=10%", false),
            ("memory", false),
            ("memory=", false),
            ("=1", false),
            ("mem=1G", false),
            ("memory=1\"", false),
            ("memory=1\n[network]", false),
        ] {
            assert_eq!(limit(text).is_ok(), good, "{text}");
        }
        let failure = limit("memroy=1G").unwrap_err();
        assert_eq!(failure.text, "--limit `memroy=1G` can't be set: unknown key `memroy` in [limits]");
    }

    #[test]
    fn features_have_the_names_of_doctor() {
        let names = ["landlock-files".to_owned(), "exec-gate".to_owned()];
        assert_eq!(features(&names).unwrap(), [Feature::LandlockFiles, Feature::ExecGate].into());
        let failure = features(&["landlok".to_owned()]).unwrap_err();
        assert_eq!((failure.exit, failure.text.as_str()), (Exit::Refused, "there is no feature `landlok` to require"));
    }
}
