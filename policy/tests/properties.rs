//! What holds for every policy: order never matters, layers that may not grant open nothing, floors stay, and
//! every action gets a verdict.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod common;

use std::collections::BTreeSet;

use common::{action, judge, layer, place};
use proptest::prelude::*;
use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Image, PathAccess, Target};
use tollgate_policy::boundary::{Boundary, CallFate, CallFilter};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Document, Layer, Policy, parse};

const LAYERS: [&str; 6] = ["built-in", "system", "person", "trusted", "project", "contract"];

/// Actions that the rules below may speak of, and some that none does.
fn probes() -> Vec<Action> {
    let lines = [
        "exec -- git push",
        "exec -- git -C x push --force",
        "exec -- git status",
        "exec -- ls",
        "exec -- other",
        "exec writable at=/home/me/w/ls -- ls",
        "exec unnamed -- git push",
        "exec at=/bin/busybox -- ls",
        "exec at=/bin/sh script=/home/me/w/git -- ./git push",
        "exec loader=/lib/ld.so at=/usr/bin/git -- ld.so git push",
        "exec sha256=aa -- git push",
        "write /home/me/w/a",
        "write /home/me/w/.git/hooks/x",
        "read /home/me/w/.env",
        "write /etc/passwd",
        "read /usr/lib/x",
        "write /tmp/run/x",
        "read /home/me/.ssh/id",
        "write /srv/a.lock",
        "connect crates.io 443",
        "connect a.crates.io 443",
        "connect a.crates.io 80",
        "connect 10.1.2.3 443",
        "connect CRATES.io. 443",
        "unix /run/a.sock",
        "abstract name1",
        "tool github create_x",
        "tool b read",
        "call ptrace",
    ];
    lines.iter().map(|line| action(line)).collect()
}

/// One line of `[defaults]`, `[roots]`, `[network]`, `[envelope]`, `[environment]`, `[limits]`.
fn section() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["allow", "review", "ask", "deny"]);
    let kind = prop::sample::select(vec!["exec", "path", "name", "unix", "tool", "unnamed"]);
    let root = prop::sample::select(vec!["/usr", "/", "@workspace", "@temp", "/srv", "~", "/etc"]);
    let right = prop::sample::select(vec!["read", "exec", "write", "device"]);
    prop_oneof![
        (kind, effect).prop_map(|(kind, effect)| format!("[defaults]\n{kind} = \"{effect}\"\n")),
        (right.clone(), root.clone()).prop_map(|(right, root)| format!("[roots]\n{right} = [\"{root}\"]\n")),
        (right, root).prop_map(|(right, root)| format!("[envelope]\n{right} = [\"{root}\"]\n")),
        prop::sample::select(vec![
            "[network]\nreach = \"open\"\n",
            "[network]\nreach = \"ports\"\nports = [443, 80]\n",
            "[network]\nunix = [\"/run/*.sock\"]\n",
            "[envelope]\nports = [443]\n",
            "[envelope]\nreach = \"ports\"\n",
            "[envelope]\nnames = [\"crates.io\"]\n",
            "[envelope]\nunix = []\n",
            "[environment]\npass = [\"A*\"]\n",
            "[environment]\ndrop = [\"AB*\"]\nset = { ABC = \"1\", D = \"2\" }\n",
            "[limits]\nnofile = 5\n",
            "[limits]\nnofile = 9\n",
            "[kernel]\nrequire = [\"seccomp\"]\n",
        ])
        .prop_map(str::to_owned),
    ]
}

/// One rule; its example is one that it surely matches.
fn rule() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["allow", "review", "ask", "deny"]);
    let body = prop::sample::select(vec![
        ("command", "program = [\"git\"]\nsubcommand = [\"push\"]\nglobal = [\"-C\"]", "git push"),
        (
            "command",
            "program = [\"git\"]\nflags = [\"--force\"]\nprofile = \"push\"\nclass = \"publish\"",
            "git --force",
        ),
        ("command", "program = [\"git\"]\nwithout = [\"--force\"]", "git x"),
        ("command", "program = [\"*\"]", "x"),
        ("command", "program = [\"l*\", \"git\"]", "ls"),
        ("command", "executable = \"/usr/**\"", "/usr/bin/x"),
        ("path", "access = [\"write\"]\npaths = [\"@workspace/**\", \"*.lock\"]", "@workspace/x"),
        ("path", "access = [\"read\", \"write\"]\npaths = [\"/etc\", \"**/.env\", \"~/.ssh/**\"]", "/etc/x"),
        ("path", "access = [\"read\"]\npaths = [\"/\"]", "/x"),
        ("net", "names = [\"*.crates.io\", \"10.0.0.0/8\"]", "a.crates.io:443"),
        ("net", "names = [\"*\"]\nports = [443, 80]", "a.example:443"),
        ("unix", "sockets = [\"/run/*.sock\", \"@name*\"]", "/run/a.sock"),
        ("tool", "server = \"*\"\ntool = \"create_*\"", "a/create_x"),
    ]);
    (effect, body).prop_map(|(effect, (table, body, example))| {
        format!("[[{table}]]\neffect = \"{effect}\"\n{body}\nbecause = \"x\"\nmatches = [\"{example}\"]\n")
    })
}

/// Parts of a document: at most one of each section, then rules.
fn parts() -> impl Strategy<Value = Vec<String>> {
    (prop::collection::vec(section(), 0..4), prop::collection::vec(rule(), 0..6)).prop_map(|(sections, rules)| {
        let mut seen = BTreeSet::new();
        let mut parts: Vec<String> =
            sections.into_iter().filter(|s| seen.insert(s.lines().next().unwrap().to_owned())).collect();
        parts.extend(rules);
        parts
    })
}

fn layers() -> impl Strategy<Value = Vec<(usize, Vec<String>)>> {
    prop::collection::vec((0..LAYERS.len(), parts()), 0..5)
}

fn write(parts: &[String]) -> String {
    format!("version = 1\n{}", parts.concat())
}

fn assemble(layers: &[(usize, Vec<String>)]) -> Policy {
    let documents = layers.iter().enumerate().map(|(i, (at, parts))| {
        let document = parse(&format!("{}-{i}", LAYERS[*at]), &write(parts)).unwrap_or_else(|f| panic!("{f}"));
        (layer(LAYERS[*at]), document)
    });
    Policy::assemble(documents.collect(), &|_| Some(Document::default()), &place()).unwrap()
}

fn effects(policy: &Policy) -> Vec<Effect> {
    probes().iter().map(|probe| judge(policy, probe).effect).collect()
}

fn within<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    a.iter().all(|x| b.contains(x))
}

/// Whether `a` opens nothing that `b` doesn't.
fn is_no_wider(a: &Boundary, b: &Boundary) -> Result<(), String> {
    for root in &a.roots {
        let mut have = [false; 4];
        for over in b.roots.iter().filter(|over| root.path.is_within(&over.path)) {
            let r = over.rights;
            for (slot, right) in have.iter_mut().zip([r.read, r.execute, r.write, r.device]) {
                *slot |= right;
            }
        }
        let r = root.rights;
        if [r.read, r.execute, r.write, r.device].iter().zip(have).any(|(want, have)| *want && !have) {
            return Err(format!("{root:?}"));
        }
    }
    let checks = [
        ("hidden", within(&b.hidden, &a.hidden)),
        ("protected", b.protected.iter().all(|p| a.protected.contains(p) || a.hidden.contains(p))),
        ("reach", a.network.reach <= b.network.reach),
        ("ports", a.network.ports.is_subset(&b.network.ports)),
        ("unix", within(&a.network.unix, &b.network.unix)),
        ("calls", calls_are_no_wider(&a.calls, &b.calls)),
        ("limits", b.limits.iter().all(|(name, high)| a.limits.get(name).is_some_and(|low| low <= high))),
        ("pass", within(&a.environment.pass, &b.environment.pass)),
        ("drop", within(&b.environment.drop, &a.environment.drop)),
        ("set", a.environment.set.iter().all(|(k, v)| b.environment.set.get(k) == Some(v))),
        ("require", a.require.is_superset(&b.require)),
    ];
    checks.iter().find(|(_, holds)| !holds).map_or(Ok(()), |(what, _)| Err((*what).to_owned()))
}

/// The same, but for lines before it that hand more to the gate.
fn calls_are_no_wider(a: &CallFilter, b: &CallFilter) -> bool {
    let more = a.entries.strip_suffix(&*b.entries);
    more.is_some_and(|more| more.iter().all(|entry| entry.then == CallFate::Judge))
}

fn raw() -> impl Strategy<Value = Raw> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Raw),
        prop::sample::select(vec!["git", "push", "-C", "--", "--force", "-", "", "-f", "/usr/bin/git"])
            .prop_map(Raw::from),
    ]
}

fn path() -> impl Strategy<Value = AbsPath> {
    let bytes = prop::collection::vec(1_u8.., 0..24);
    bytes.prop_map(|mut bytes| {
        bytes.insert(0, b'/');
        AbsPath::try_from(Raw(bytes)).unwrap()
    })
}

fn any_action() -> impl Strategy<Value = Action> {
    let form = prop_oneof![
        Just(Form::Native),
        prop::option::of(path()).prop_map(|script| Form::Script { script }),
        path().prop_map(|loader| Form::Loader { loader }),
    ];
    let image = (prop::option::of(path()), form, any::<bool>(), prop::option::of(".*"))
        .prop_map(|(executable, form, writable, sha256)| Image { executable, form, writable, sha256 });
    let exec = (raw(), image, prop::collection::vec(raw(), 0..8))
        .prop_map(|(given, image, argv)| Action::Exec(Exec { given, image, argv, cwd: AbsPath::root() }));
    let access = prop::sample::select(vec![Access::Read, Access::Write]);
    let target = prop_oneof![
        ".*".prop_map(Target::Name),
        any::<std::net::IpAddr>().prop_map(Target::Address),
        path().prop_map(Target::Unix),
        raw().prop_map(Target::Abstract),
    ];
    prop_oneof![
        exec,
        (path(), access).prop_map(|(path, access)| Action::Path(PathAccess { path, access })),
        (target, any::<u16>()).prop_map(|(target, port)| Action::Connect(Connect { target, port })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_never_matters(layers in layers(), seed in any::<prop::sample::Index>()) {
        let before = assemble(&layers);
        let mut turned = layers.clone();
        for (_, parts) in &mut turned {
            // Sections stay in front: TOML would read a key behind a table as the table's.
            parts.reverse();
            if !parts.is_empty() {
                let by = seed.index(parts.len());
                parts.rotate_left(by);
            }
        }
        turned.reverse();
        let after = assemble(&turned);
        prop_assert_eq!(effects(&before), effects(&after));
        let (a, b) = (before.lower(), after.lower());
        prop_assert_eq!((a.roots, a.hidden, a.protected, a.network), (b.roots, b.hidden, b.protected, b.network));
    }

    #[test]
    fn who_may_not_grant_opens_nothing(layers in layers(), at in 4_usize..6, parts in parts()) {
        let before = assemble(&layers);
        let mut more = layers.clone();
        more.push((at, parts));
        let after = assemble(&more);
        for probe in probes() {
            let (old, new) = (judge(&before, &probe), judge(&after, &probe));
            prop_assert!(new.effect >= old.effect, "{probe:?}: {old:?} became {new:?}");
            prop_assert!(new.profile.is_none() || new.profile == old.profile, "{probe:?}: {old:?} became {new:?}");
        }
        prop_assert_eq!(is_no_wider(&after.lower(), &before.lower()), Ok(()));
    }

    #[test]
    fn no_layer_lowers_a_floor_above_it(layers in layers(), at in 0_usize..6, parts in parts()) {
        let before = assemble(&layers);
        let mut more = layers.clone();
        more.push((at, parts));
        let after = assemble(&more);
        for probe in probes() {
            let floors = before.explain(&probe).rules;
            let floor = floors.iter().map(|rule| rule.effect).max().unwrap_or(Effect::Allow);
            prop_assert!(judge(&after, &probe).effect >= floor, "{probe:?}");
        }
        let (a, b) = (after.lower(), before.lower());
        prop_assert!(b.hidden.iter().all(|glob| a.hidden.contains(glob)));
        prop_assert!(b.environment.drop.iter().all(|name| a.environment.drop.contains(name)));
    }

    #[test]
    fn every_action_gets_a_verdict(layers in layers(), actions in prop::collection::vec(any_action(), 8)) {
        let policy = assemble(&layers);
        for action in actions {
            let verdict = judge(&policy, &action);
            let told = policy.explain(&action);
            prop_assert_eq!(&told.verdict, &verdict);
            let winners = told.rules.iter().filter(|rule| rule.won).count();
            prop_assert_eq!(winners, usize::from(verdict.reason.file != "default"));
            prop_assert!(policy.review(&verdict).effect != Effect::Review);
        }
    }

    #[test]
    fn every_text_is_parsed_or_refused(text in "(version = 1\n)?([a-z\\[\\]={}\", .*/~@$\n\\\\]{0,80})") {
        if let Err(faults) = parse("any", &text) {
            prop_assert!(!faults.0.is_empty() && !faults.to_string().is_empty());
        }
    }

    #[test]
    fn an_index_finds_what_a_search_of_all_would(layers in layers()) {
        // Each rule alone against all rules together: what one says alone, it says among the others.
        let whole = assemble(&layers);
        for (at, parts) in &layers {
            for part in parts.iter().filter(|part| part.starts_with("[[")) {
                let alone = Policy::assemble(
                    vec![(Layer::BuiltIn, parse("alone", &write(std::slice::from_ref(part))).unwrap())],
                    &|_| Some(Document::default()),
                    &place(),
                )
                .unwrap();
                for probe in probes() {
                    let spoke = alone.explain(&probe).rules;
                    let heard = whole.explain(&probe).rules;
                    for rule in spoke {
                        prop_assert!(heard.iter().any(|h| h.effect == rule.effect && h.layer == layer(LAYERS[*at])));
                    }
                }
            }
        }
    }
}

/// A profile of a rule that met in doubt alone, and so counted for nothing beside a stricter default, does not count because
/// a project asks too.
#[test]
fn a_project_makes_no_profile_count() {
    let rule = |effect: &str, profile: &str| {
        let what = "program = [\"git\"]\nsubcommand = [\"push\"]";
        format!("[[command]]\neffect = \"{effect}\"\n{what}\n{profile}because = \"x\"\nmatches = [\"git push\"]\n")
    };
    let (sure, doubtful) = (&probes()[0], &probes()[8]);
    for (default, effect, probe, counts) in [
        ("ask", "review", doubtful, false),
        ("ask", "ask", doubtful, true),
        ("allow", "review", doubtful, true),
        ("ask", "review", sure, true),
    ] {
        let ground = format!("[defaults]\nexec = \"{default}\"\n");
        let mut layers = vec![(1, vec![ground, rule(effect, "profile = \"push\"\n")])];
        for layer in ["without", "with"] {
            let found = judge(&assemble(&layers), probe).profile;
            assert_eq!(found.is_some(), counts, "{default} {effect}, {layer} a project that asks");
            layers.push((4, vec![rule("ask", "")]));
        }
    }
}
