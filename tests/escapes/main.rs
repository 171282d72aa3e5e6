//! The attacks of this folder behind the default boundary, in four settings. The runner itself judges. What a setting is
//! known not to hold is listed in `tollgate.known`; the list must stay true: what is held and listed is an error too.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_tests::{Job, Scene, cases};

cases! { everywhere: files_stay_out_of_reach programs_stay_refused services_and_processes_stay_out_of_reach
terminal_stays_the_persons nothing_is_left_to_start_later }

fn files_stay_out_of_reach(scene: &Scene) {
    attack(scene, "^fs-");
}

fn programs_stay_refused(scene: &Scene) {
    attack(scene, "^exec/");
}

fn services_and_processes_stay_out_of_reach(scene: &Scene) {
    attack(scene, "^(net|ipc|kernel|proc)/");
}

fn terminal_stays_the_persons(scene: &Scene) {
    attack(scene, "^tty/");
}

fn nothing_is_left_to_start_later(scene: &Scene) {
    attack(scene, "^persist/");
}

fn attack(scene: &Scene, which: &str) {
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("escapes/run");
    // As the person would say it, and where the program may be read and run as far as roots go, so that the rule is
    // what holds it.
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"refused\"]\nbecause = \"not this\"\nmatches = [\"refused x\"]\n",
    );
    let mut command = scene.command(runner);
    // What would be asked is refused at once: nobody is there to answer.
    let prefix = format!("{} run --ci --policy {} --workspace {{WS}} --", scene.tollgate().display(), policy.display());
    command.args(["--only", which, "--known"]).arg(known(scene)).arg(prefix).current_dir("/");
    let outcome = Job::new(command).deadline(Duration::from_mins(4)).end();
    assert!(outcome.status.success(), "{outcome}");
}

/// What gets through in this setting: of each line `WHERE CLASS/ID WHY` those whose `WHERE` is it.
fn known(scene: &Scene) -> PathBuf {
    let all = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("escapes/tollgate.known")).unwrap();
    let here = |place: &str| match place {
        "everywhere" => true,
        "no-namespaces" => !scene.setting.has_namespaces(),
        "user-no-namespaces" => !scene.setting.has_namespaces() && !scene.setting.uid().is_root(),
        other => panic!("tollgate.known: no setting `{other}`"),
    };
    let lines = all.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once(' ')).filter(|(place, _)| here(place));
    let lines: Vec<&str> = lines.map(|(_, rest)| rest).collect();
    scene.file(scene.path().join("known"), lines.join("\n") + "\n")
}
