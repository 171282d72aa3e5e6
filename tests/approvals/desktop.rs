//! Notices on the desktop, through a stand-in for `notify-send` where the system has its own: what it is told, that it answers
//! nothing, and that one which hangs holds up nobody.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tollgate_tests::{Job, Scene, cases, skip};

use crate::RULES;
use crate::text::is_neutral;

cases! { everywhere: a_notice_is_shown_and_answers_nothing a_desktop_that_hangs_holds_up_nobody }

/// Puts the stand-in where nobody but root could have: in a mount namespace of the run's own.
const PUT: &str = "if [ -e /usr/bin/notify-send ]; then mount --bind \"$0\" /usr/bin/notify-send; else
     mount -t tmpfs none /run && mkdir -p /run/current-system/sw/bin && cp \"$0\" /run/current-system/sw/bin/notify-send; fi && exec \"$@\"";

/// `tollgate run` on a desktop whose `notify-send` does this; none, with the reason said, without root.
fn on_a_desktop(scene: &Scene, does: &str, words: &[&str]) -> Option<Job> {
    if !nix::unistd::geteuid().is_root() {
        skip("needs root, to put a notify-send in the system's place");
        return None;
    }
    for folder in [".config", ".config/tollgate"] {
        scene.folder(scene.home.join(folder));
    }
    let told = "version = 1\ndesktop = true\npage = \"http://127.0.0.1:9999\"\n";
    scene.file(scene.home.join(".config/tollgate/notify.toml"), told);
    let stand_in = scene.script(scene.path().join("notify-send"), &format!("#!/bin/sh\n{does}\n"));
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    let policy = scene.policy(RULES);
    let mut run = scene.command(scene.tollgate());
    run.args([Path::new("run"), Path::new("--policy"), &policy, Path::new("--")]).args(words);
    let mut command = Command::new("unshare");
    command.args(["-m", "/bin/sh", "-c", PUT]).arg(stand_in).arg(run.get_program()).args(run.get_args());
    command.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(&scene.workspace);
    Some(Job::new(command))
}

/// What it was told, once it was.
fn told(log: &PathBuf) -> Vec<String> {
    let begun = Instant::now();
    while !log.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no notice came");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(log).unwrap();
    text.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
}

fn a_notice_is_shown_and_answers_nothing(scene: &Scene) {
    let log = scene.home.join("told");
    let does = format!("printf '%s\\0' \"$@\" > {0}.new && mv {0}.new {0}; echo approve; exit 0", log.display());
    let text = "factor $'<b>x</b>\\e[2J\\u202e\\nApproved: yes' '\\033[1m'; echo rc=$?";
    let Some(job) = on_a_desktop(scene, &does, &["bash", "-c", text]) else { return };
    let running = job.start();
    let question = scene.question();
    let [name, urgency, level, end, title, body] = &told(&log)[..] else { panic!("{:?}", told(&log)) };
    assert_eq!(
        [name, urgency, level, end, title],
        ["--app-name=Tollgate", "--urgency", "normal", "--", "Tollgate asks: Run"]
    );
    is_neutral(body, "the desktop");
    assert!(body.contains("&lt;b&gt;x") && !body.contains("<b>"), "markup: {body}");
    // `notify-send` makes control characters of a single backslash before digits.
    assert!(!body.replace("\\\\", "").contains('\\'), "{body}");
    assert!(body.contains("hard sums"), "{body}");
    let link = format!("http://127.0.0.1:9999/q/{}", question["id"].as_str().unwrap());
    assert_eq!(body.lines().last(), Some(link.as_str()), "{body}");
    assert_eq!(scene.questions().len(), 1, "the notice answered it");
    scene.answer("deny", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(!outcome.out.contains("rc=0"), "{outcome}");
}

fn a_desktop_that_hangs_holds_up_nobody(scene: &Scene) {
    let log = scene.home.join("told");
    let does = format!("printf x > {}; exec sleep 86398", log.display());
    let Some(job) = on_a_desktop(scene, &does, &["factor", "6"]) else { return };
    let running = job.start();
    let question = scene.question();
    told(&log);
    scene.answer("approve", &question, &[]).ended(0);
    let answered = Instant::now();
    running.end().ended(0).printed("6: 2 3\n");
    assert!(answered.elapsed() < Duration::from_secs(8), "{:?}", answered.elapsed());
}
