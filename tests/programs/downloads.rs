//! Packages and pages by name, through the gate, from whatever registries this machine is set up for.

use crate::tools::toolchain;
use std::time::Duration;

use tollgate_tests::{Job, Scene, cases, skip};

cases! { both: pip_downloads npm_downloads cargo_downloads new_names_are_asked_about }

/// What tells tools where their registries are and whom they trust, in the environment of whoever runs the tests.
const SET: [&str; 9] = [
    "PIP_",
    "npm_config_",
    "NPM_CONFIG_",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CARGO_HTTP_",
    "CARGO_REGISTRIES_",
];

pub(crate) fn with_setting(job: Job) -> Job {
    let set = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        SET.iter().any(|start| name.starts_with(start))
    });
    let job = set.fold(job, |job, (name, value)| match name.to_str() {
        Some(name) => job.env(name, value),
        None => job,
    });
    // the scene's home has no toolchain
    job.env("RUSTUP_HOME", toolchain("RUSTUP_HOME", ".rustup")).env("CARGO_HOME", toolchain("CARGO_HOME", ".cargo"))
}

/// Whether this works without any boundary; if not, says so.
fn can(scene: &Scene, text: &str) -> bool {
    let folder = scene.path().join("tried");
    scene.folder(&folder);
    let mut command = scene.command("/bin/sh");
    command.args(["-c", text]).current_dir(&folder);
    let fine = with_setting(Job::new(command).deadline(Duration::from_mins(3))).end().status.success();
    if !fine {
        skip(&format!("`{text}` does not work here for this person, without any boundary"));
    }
    fine
}

/// The same as outside: under the profile that such a command gets once it is approved.
fn the_same_inside(scene: &Scene, profile: &str, text: &str) {
    if !can(scene, text) {
        return;
    }
    let job = scene.job(&["--ci", "--profile", profile], &["/bin/sh", "-c", text]).deadline(Duration::from_mins(3));
    with_setting(job).end().ended(0);
    let reached = scene.events("reached");
    assert!(reached > 0, "no connection was written down");
    scene.verifies();
}

fn pip_downloads(scene: &Scene) {
    the_same_inside(scene, "online", "python3 -m pip download -q --no-deps --no-cache-dir -d got six && ls got/six*");
}

fn npm_downloads(scene: &Scene) {
    the_same_inside(scene, "online", "npm pack --silent left-pad && ls left-pad*");
}

fn cargo_downloads(scene: &Scene) {
    let text = "export CARGO_HOME=$PWD/cargo; cargo init -q --vcs none --name sample .; \
                cargo add -q itoa && cargo fetch -q && ls cargo/registry/cache/*/itoa*";
    the_same_inside(scene, "online", text);
}

/// One name that was listed, one that a person is asked about, one that is refused.
fn new_names_are_asked_about(scene: &Scene) {
    let text = "
import sys, urllib.request
for url in sys.argv[1:]:
    try: print(len(urllib.request.urlopen(url, timeout=60).read()) > 0)
    except OSError as e: print(getattr(e, 'reason', e))
";
    scene.file(scene.workspace.join("get.py"), text);
    let urls =
        ["https://pypi.org/simple/six/", "https://registry.npmjs.org/left-pad", "https://index.crates.io/config.json"];
    for url in urls {
        let get = format!(
            "/usr/bin/python3 -c 'import urllib.request; urllib.request.urlopen(\"{url}\", timeout=20).read()'"
        );
        if !can(scene, &get) {
            return;
        }
    }
    let words: Vec<&str> = ["/usr/bin/python3", "get.py"].into_iter().chain(urls).collect();
    let job = scene.job(&["--net", "pypi.org:443"], &words).deadline(Duration::from_mins(3));
    let running = with_setting(job).start();
    for (name, verb) in [("registry.npmjs.org", "approve"), ("index.crates.io", "deny")] {
        let question = scene.question();
        assert_eq!(question["action"]["target"]["name"], name, "{question}");
        scene.answer(verb, &question, &[]).ended(0);
    }
    let outcome = running.end();
    outcome.ended(0).told("tollgate: refused to connect to index.crates.io:443");
    assert_eq!(outcome.out, "True\nTrue\n[Errno 1] Operation not permitted\n", "{outcome}");
    scene.verifies();
}
