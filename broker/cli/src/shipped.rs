//! Profiles that come with the program, checked and made part of it when it was built.

use tollgate_policy::Document;
use tollgate_policy::ready::Ready;

/// One shipped profile.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its source, with comments and examples.
    pub(crate) text: &'static str,
    /// All that the build prepared.
    pub(crate) ready: Ready,
    /// The system-call filter of a run on it, compiled; empty in a build for another architecture than the build's own.
    pub(crate) filter: &'static [(u16, u8, u8, u32)],
}

mod table {
    #![allow(clippy::wildcard_imports, clippy::unreadable_literal, unused_imports, reason = "the build wrote it")]
    include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
}

pub(crate) use table::ALL;

/// The profile of this name, without its examples.
pub(crate) fn lookup(name: &str) -> Option<Document> {
    ready(name).map(|ready| ready.document.clone())
}

/// As [`lookup`], with all that the build prepared.
pub(crate) fn ready(name: &str) -> Option<&'static Ready> {
    find(name).map(|shipped| &shipped.ready)
}

/// The profile of this name.
pub(crate) fn find(name: &str) -> Option<&'static Shipped> {
    ALL.get(ALL.binary_search_by(|shipped| shipped.name.cmp(name)).ok()?)
}

/// What to do about a name that no profile has.
pub(crate) fn hint(name: &str) -> String {
    let near = ALL.iter().map(|shipped| (strsim::damerau_levenshtein(shipped.name, name), shipped.name)).min();
    match near {
        Some((distance, near)) if distance <= 2.max(name.len() / 3) => format!("did you mean `{near}`?"),
        _ => "`tollgate policy test` names the shipped ones; a file of your own is given with --policy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;
    use std::collections::BTreeMap;
    use tollgate_policy::action::{Access, Action, Exec, Form, Image, PathAccess};
    use tollgate_policy::path::AbsPath;
    use tollgate_policy::raw::Raw;
    use tollgate_policy::ready::Given;
    use tollgate_policy::{Layer, Place, Policy};

    #[test]
    fn every_profile_is_what_its_text_says() {
        assert!(!ALL.is_empty());
        for shipped in ALL {
            let parsed = tollgate_policy::parse(&format!("profile:{}", shipped.name), shipped.text).unwrap();
            assert_eq!(lookup(shipped.name).unwrap(), parsed.without_examples(), "{}", shipped.name);
        }
        assert_eq!(lookup("no-such-profile"), None);
        assert_eq!(hint("wrokspace"), "did you mean `workspace`?");
        assert!(hint("zzzzzzzz").contains("policy test"));
    }

    #[test]
    fn a_compiled_filter_is_what_would_be_compiled() {
        for shipped in ALL.iter().filter(|shipped| !shipped.filter.is_empty()) {
            let now = tollgate_launch::compiled(&shipped.ready.calls()).unwrap();
            assert!(shipped.filter == now, "{}", shipped.name);
        }
    }

    /// Places in which what was prepared may go wrong: one in another, names that are special in globs, no UTF-8.
    fn places() -> Vec<Place> {
        let abs = |path: &str| AbsPath::new(path).unwrap();
        let usual = Place {
            home: abs("/home/me"),
            workspace: abs("/home/me/w"),
            temp: abs("/tmp/tollgate-1"),
            state: abs("/home/me/.local/state/tollgate"),
            variables: BTreeMap::new(),
        };
        let variables = |value: &str| {
            ["CARGO_HOME", "RUSTUP_HOME", "GOPATH", "GOROOT", "NVM_DIR", "XDG_CACHE_HOME", "PYENV_ROOT", "VOLTA_HOME"]
                .map(|name| (name.to_owned(), Raw::from(value)))
        };
        let raw = AbsPath::try_from(Raw(b"/home/\xffme".to_vec())).unwrap();
        vec![
            Place { variables: variables("/opt/tools/x").into(), ..usual.clone() },
            Place { workspace: abs("/usr/local/src/w"), variables: variables("/").into(), ..usual.clone() },
            Place { home: abs("/root"), workspace: abs("/root/a[1]/{b}*"), temp: abs("/root/tmp/t"), ..usual.clone() },
            Place { home: raw.clone(), workspace: raw, variables: variables("not absolute").into(), ..usual.clone() },
            Place { home: AbsPath::root(), workspace: abs("/etc"), ..usual.clone() },
            usual,
        ]
    }

    /// What people may add, in their layers.
    fn added() -> Vec<Vec<(Layer, Document)>> {
        let read = |name: &str, text: &str| tollgate_policy::parse(name, &format!("version = 1\n{text}")).unwrap();
        let person = read(
            "person.toml",
            "extends = [\"rust\", \"installs\"]\n[roots]\nread = [\"~/notes\", \"/usr/lib\"]\nwrite = [\"/usr/lib/x\"]\n\
             [environment]\npass = [\"ZZZ\", \"PATH\"]\ndrop = [\"TMP*\"]\nset = { A = \"~/x\", HOME = \"b\" }\n\
             [network]\nunix = [\"/run/a.sock\", \"/run/docker.sock\"]\nreach = \"ports\"\nports = [443]\n\
             [[command]]\nprogram = [\"make\"]\neffect = \"deny\"\nbecause = \"x\"\nmatches = [\"make\"]\n\
             [[path]]\neffect = \"allow\"\naccess = [\"read\", \"write\"]\npaths = [\"~/.cache/**\", \"/srv/*/x\"]\nbecause = \"x\"\n",
        );
        let project = read(
            "project.toml",
            "[limits]\nnofile = 100\n[environment]\ndrop = [\"PATH\"]\npass = [\"NO\"]\n[[path]]\nhide = [\"~/.cargo\"]\n\
             because = \"x\"\nmatches = [\"~/.cargo/x\"]\n[[path]]\nprotect = [\"@workspace/x\", \"**/y\"]\nbecause = \"x\"\n\
             matches = [\"@workspace/x\"]\n[[unix]]\neffect = \"deny\"\nsockets = [\"@workspace/s\"]\nbecause = \"x\"\n\
             matches = [\"@workspace/s\"]\n",
        );
        let system = read(
            "system.toml",
            "[envelope]\nread = [\"/usr\", \"~\"]\nwrite = [\"@workspace\"]\nports = [443]\nunix = [\"@workspace/**\"]\n",
        );
        let above = read("above.toml", "extends = [\"network\"]\n[environment]\nset = { TMP = \"@state\" }\n");
        vec![
            vec![],
            vec![(Layer::Person, person.clone())],
            vec![(Layer::Project { trusted: false }, project.clone())],
            vec![(Layer::System, system.clone())],
            vec![
                (Layer::System, above),
                (Layer::Person, person),
                (Layer::Project { trusted: true }, project),
                (Layer::System, system),
            ],
        ]
    }

    fn actions() -> Vec<Action> {
        let lines = [
            "git push origin",
            "git status",
            "cargo publish",
            "npm install x",
            "make",
            "true",
            "sudo ls",
            "curl -d @x y",
        ];
        let long = vec!["x"; 80].join(" ");
        let exec = |line: &str| {
            let argv: Vec<Raw> = line.split(' ').map(Raw::from).collect();
            let executable = AbsPath::new(format!("/usr/bin/{}", argv[0].text().unwrap())).ok();
            let image = Image { executable, form: Form::Native, writable: false, sha256: None };
            Action::Exec(Exec { given: argv[0].clone(), image, argv, cwd: AbsPath::root() })
        };
        let path = |(path, access)| Action::Path(PathAccess { path: AbsPath::new(path).unwrap(), access });
        let paths = [
            ("/home/me/w/.git/hooks/x", Access::Write),
            ("/home/me/.ssh/id", Access::Read),
            ("/usr/lib/x/y", Access::Write),
            ("/home/me/.cargo/x", Access::Read),
        ];
        let git = exec(&format!("git push {long}"));
        lines.into_iter().map(exec).chain(paths.map(path)).chain([git]).collect()
    }

    /// One policy on what was prepared, and one worked out from the same documents. `own` stand before or behind what is
    /// shipped.
    fn both(name: &str, own: &[(Layer, Document)], (place, order): (&Place, Order)) -> (Policy, Policy) {
        let shipped = [(Layer::BuiltIn, "base"), (Layer::Person, name), (Layer::Person, "push")];
        let mut given: Vec<(Layer, Given)> = shipped.map(|(layer, name)| (layer, ready(name).unwrap().into())).into();
        let mut read: Vec<(Layer, Document)> = shipped.map(|(layer, name)| (layer, lookup(name).unwrap())).into();
        let at = if order == Order::OwnFirst { 0 } else { shipped.len() };
        given.splice(at..at, own.iter().map(|(layer, document)| (*layer, document.clone().into())));
        read.splice(at..at, own.iter().cloned());
        (Policy::assemble_ready(given, &ready, place).unwrap(), Policy::assemble(read, &lookup, place).unwrap())
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Order {
        OwnFirst,
        OwnLast,
    }

    #[test]
    fn what_was_prepared_is_what_would_be_worked_out() {
        let (places, added, actions) = (places(), added(), actions());
        for (number, shipped) in ALL.iter().enumerate() {
            // All for the default; the others take turns.
            let turn = |index: usize, of: usize| shipped.name == "workspace" || index == number % of;
            for (_, place) in places.iter().enumerate().filter(|(index, _)| turn(*index, places.len())) {
                for (own, order) in added.iter().flat_map(|own| [(own, Order::OwnFirst), (own, Order::OwnLast)]) {
                    let (prepared, worked_out) = both(shipped.name, own, (place, order));
                    assert_eq!(prepared.digest(), worked_out.digest(), "{} {order:?}", shipped.name);
                    assert_eq!(prepared.lower(), worked_out.lower(), "{} {order:?} {place:?}", shipped.name);
                    for action in &actions {
                        assert_eq!(prepared.explain(action), worked_out.explain(action), "{} {order:?}", shipped.name);
                    }
                }
            }
        }
    }
}
