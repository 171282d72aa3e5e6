//! `tollgate shell`: what harnesses hand to a shell, and what they keep between calls; within a boundary too.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;
use tollgate_tests::{Job, Scene, cases};

cases! { everywhere: words_of_a_shell contained_and_told one_action the_directory_is_kept jobs_file_is_kept within_a_run }
cases! { both: project_of_the_call floors_of_what_lies_around links_with_a_shells_name signals snapshots faults background }

fn shell(scene: &Scene, words: &[&str]) -> Job {
    let words: Vec<&str> = ["shell"].iter().chain(words).copied().collect();
    scene.verb(&words)
}

fn link(scene: &Scene, name: &str) -> PathBuf {
    let link = scene.path().join(name);
    symlink(scene.tollgate(), &link).unwrap();
    link
}

fn words_of_a_shell(scene: &Scene) {
    shell(scene, &["-c", "echo \"$0 $1 $PWD\"; exit 7", "zero", "one"])
        .end()
        .ended(7)
        .printed(&format!("zero one {}\n", scene.workspace.display()));
    shell(scene, &["-lc", "shopt -q login_shell && echo login"]).end().ended(0).printed("login\n");
    shell(scene, &["-c", "-l", "shopt -q login_shell && echo login"]).end().ended(0).printed("login\n");
    shell(scene, &["--norc", "--noprofile", "-c", "echo plain"]).end().ended(0).printed("plain\n");
    scene.file(scene.workspace.join("script"), "echo \"$1\"; read word; echo \"$word\"");
    shell(scene, &["script", "one"]).input("two\n").end().ended(0).printed("one\ntwo\n");
    shell(scene, &[]).input("echo fed; exit 3\n").end().ended(3).printed("fed\n");
    shell(scene, &["--shell", "sh", "-c", "echo $0"]).end().ended(0).printed("sh\n");
    shell(scene, &["-c", "echo $SHELL"]).env("SHELL", link(scene, "bash")).end().ended(0).withheld("scene");
}

fn contained_and_told(scene: &Scene) {
    scene.folder(scene.workspace.join(".git"));
    scene.folder(scene.workspace.join(".git/hooks"));
    let text = format!(
        "cat {0}/.ssh/id_ed25519; echo x > {1}/new; echo x > $(echo .git)/hooks/pre-commit; echo kept > here; echo $? ",
        scene.home.display(),
        scene.outside.display()
    );
    let outcome = shell(scene, &["-c", &text]).env("SOME_TOKEN", "tok-12345678").end();
    outcome.ended(0).withheld(tollgate_tests::scene::SECRET).told("tollgate: refused to write");
    assert!(!scene.outside.join("new").exists() && !scene.workspace.join(".git/hooks/pre-commit").exists());
    assert!(scene.workspace.join("here").exists());
    let surely = shell(scene, &["-c", "echo x > there; echo x > .git/hooks/pre-commit"]).end();
    surely.ended(122).told("tollgate: refused to run");
    assert!(!scene.workspace.join("there").exists(), "nothing of a refused text starts");
    let seen =
        shell(scene, &["-c", "env"]).env("CLAUDE_CODE_MESSAGING_TOKEN", "tok-12345678").env("CLAUDECODE", "1").end();
    seen.ended(0).withheld("tok-12345678").told("");
    assert!(seen.out.contains("CLAUDECODE=1"), "{seen}");
}

fn one_action(scene: &Scene) {
    shell(scene, &["-c", "true; ls; (sleep 0.01; id) | cat"]).end().ended(0);
    scene.file(scene.workspace.join("script"), "ls; id");
    shell(scene, &["script"]).end().ended(0);
    shell(scene, &[]).input("ls\nid\n").end().ended(0);
    assert_eq!(scene.events("action_started"), 3);
    assert_eq!(scene.events("run_started"), 3);
    scene.verifies();
}

/// As Claude Code does it: the last words of each call.
fn the_directory_is_kept(scene: &Scene) {
    let file = PathBuf::from(format!("/tmp/claude-t{}-cwd", std::process::id()));
    scene.folder(scene.workspace.join("sub"));
    let text =
        format!("shopt -u extglob 2>/dev/null || true && eval 'cd sub' < /dev/null && pwd -P >| {}", file.display());
    shell(scene, &["-c", &text]).end().ended(0);
    let told = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::remove_file(&file).ok();
    assert_eq!(told.trim_end(), scene.workspace.join("sub").to_str().unwrap());
    let text = format!("eval 'exit 4' < /dev/null && pwd -P >| {}", file.display());
    shell(scene, &["-c", &text]).end().ended(4);
    assert!(!file.exists(), "nothing is left where nothing was written");
    // what the agent says stands within quotes, before the harness's last words
    let text = format!("eval 'true && pwd -P >| {}' < /dev/null", file.display());
    shell(scene, &["-c", &text]).end();
    assert!(!file.exists());
}

/// As Gemini CLI does it.
fn jobs_file_is_kept(scene: &Scene) {
    let folder = PathBuf::from(format!("/tmp/gemini-shell-t{}", std::process::id()));
    scene.folder(&folder);
    let text = format!(
        "shopt -u promptvars nullglob; _bgpids_file={}/bgpids.tmp\n(\n  trap 'jobs -p > \"$_bgpids_file\"' EXIT\nsleep 30 &\necho out\n)\n__code=$?\nexit $__code",
        folder.display()
    );
    let outcome = shell(scene, &["-c", &text]).end();
    let told = std::fs::read_to_string(folder.join("bgpids.tmp")).unwrap_or_default();
    std::fs::remove_dir_all(&folder).unwrap();
    outcome.ended(0).printed("out\n");
    assert!(told.trim().parse::<u32>().is_ok(), "{told:?}");
    assert!(outcome.took.as_secs() < 10, "a call does not wait for its background jobs");
}

fn within_a_run(scene: &Scene) {
    let tollgate = scene.tollgate();
    let grant = ["--read".to_owned(), tollgate.parent().unwrap().display().to_string()];
    let policy = scene.policy(&format!("[roots]\nexec = [\"{}\"]\n", tollgate.parent().unwrap().display()));
    let options = [grant[0].as_str(), grant[1].as_str(), "--policy", policy.to_str().unwrap()];
    let inside = |words: &[&str]| {
        let words: Vec<&str> = [tollgate.to_str().unwrap()].iter().chain(words).copied().collect();
        scene.job(&options, &words).end()
    };
    inside(&["shell", "-c", "echo $0; exit 5"]).ended(5).printed("bash\n");
    inside(&["run", "--", "echo", "inner"]).ended(0).printed("inner\n");
    inside(&["run", "--profile", "read-only", "--", "echo", "inner"]).ended(121).printed("");
    let write = format!("echo x > {}/new", scene.outside.display());
    assert!(!inside(&["shell", "--write", scene.outside.to_str().unwrap(), "-c", &write]).status.success());
    assert!(!scene.outside.join("new").exists(), "what is inside stays inside");
    assert_eq!(scene.events("run_started"), 4, "nobody inside begins a run");
}

fn project_of_the_call(scene: &Scene) {
    for folder in [".git", "a", "a/b", "sub", "sub/.git", "sub/c"] {
        scene.folder(scene.workspace.join(folder));
    }
    // judged by the disk: where there is a mount namespace, a write beneath /var/tmp goes to a place of the call's own
    let touch = |folder: &str, path: &str| {
        let folder = scene.workspace.join(folder);
        shell(scene, &["-c", &format!("echo x > {path}")]).within(&folder).end();
        folder.join(path).exists()
    };
    assert!(touch("a/b", "../../root"), "the nearest folder with a mark");
    assert!(touch("sub/c", "../near"));
    assert!(!touch("sub/c", "../../far"), "not the one above it");
    let named = ["--workspace", scene.workspace.to_str().unwrap(), "-c", "echo x > ../../far"];
    shell(scene, &named).within(scene.workspace.join("sub/c")).end().ended(0);
    assert!(scene.workspace.join("far").exists());
    for folder in [Path::new("/etc"), &scene.home, Path::new("/")] {
        shell(scene, &["-c", "echo ran"]).within(folder).end().ended(122).printed("");
    }
}

fn floors_of_what_lies_around(scene: &Scene) {
    scene.folder(scene.workspace.join(".tollgate"));
    let rule = "version = 1\n[[command]]\neffect = \"deny\"\nprogram = [\"id\"]\nbecause = \"no names\"\nmatches = [\"id\"]\nspares = [\"ls\"]\n";
    scene.file(scene.workspace.join(".tollgate/policy.toml"), rule);
    scene.folder(scene.workspace.join("inner"));
    scene.folder(scene.workspace.join("inner/.git"));
    let outcome = shell(scene, &["-c", "true; id"]).within(scene.workspace.join("inner")).end();
    outcome.told("tollgate: refused").told("no names").withheld("uid=");
}

fn links_with_a_shells_name(scene: &Scene) {
    for (name, shown) in [("bash", "bash"), ("tollgate-bash", "bash"), ("sh", "sh")] {
        let mut command = scene.command(link(scene, name));
        command.args(["-c", "echo $0; touch made"]);
        Job::new(command).end().ended(0).printed(&format!("{shown}\n"));
        assert!(scene.workspace.join("made").exists());
        std::fs::remove_file(scene.workspace.join("made")).unwrap();
    }
    assert_eq!(scene.events("run_started"), 3);
}

fn signals(scene: &Scene) {
    shell(scene, &["-c", "kill -TERM $$"]).end().ended(143);
    let text = "trap 'echo caught; exit 9' TERM; echo ready > begun; while :; do sleep 0.05; done";
    let running = shell(scene, &["-c", text]).start();
    while !scene.workspace.join("begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.signal(Signal::SIGTERM);
    running.end().ended(9).printed("caught\n");
}

/// Written once a session by the shell, then sourced by each call.
fn snapshots(scene: &Scene) {
    scene.folder(scene.home.join(".claude"));
    scene.folder(scene.home.join(".claude/shell-snapshots"));
    let file = scene.home.join(".claude/shell-snapshots/snapshot-bash-1-abc.sh");
    let text = format!("SNAPSHOT_FILE={}\n  echo 'greet() {{ echo hello $1; }}' >| \"$SNAPSHOT_FILE\"", file.display());
    shell(scene, &["-c", "-l", &text]).env("CLAUDECODE", "1").end().ended(0);
    let text = format!("source {} 2>/dev/null || true && eval 'greet you'", file.display());
    shell(scene, &["-c", &text]).end().ended(0).printed("hello you\n");
    // one that is there, or another client's words, change nothing
    let again = format!("SNAPSHOT_FILE={}\n  echo evil >> \"$SNAPSHOT_FILE\"", file.display());
    shell(scene, &["-c", &again]).env("CLAUDECODE", "1").end();
    let other = again.replace("-abc", "-def");
    shell(scene, &["-c", &other]).end();
    assert!(!std::fs::read_to_string(&file).unwrap().contains("evil"));
    assert!(!scene.home.join(".claude/shell-snapshots/snapshot-bash-1-def.sh").exists());
}

fn faults(scene: &Scene) {
    shell(scene, &["--net"]).end().ended(122);
    shell(scene, &["--shell", "no-such", "-c", "true"]).end().ended(122).told("there is no shell");
    shell(scene, &["-c"]).end().ended(2);
    shell(scene, &["no-such-script"]).end().ended(127);
    scene.folder(scene.workspace.join(".tollgate"));
    scene.file(scene.workspace.join(".tollgate/policy.toml"), "version = 1\nefects = 1\n");
    shell(scene, &["-c", "echo ran"]).end().ended(120).printed("");
}

fn background(scene: &Scene) {
    let outcome = shell(scene, &["-c", "sleep 300 & setsid sleep 300 & echo done"]).end();
    outcome.ended(0).printed("done\n");
    assert!(outcome.took.as_secs() < 20);
    let records = scene.ledger();
    let text = records.iter().map(Value::to_string).collect::<String>();
    assert!(text.contains("run_ended"), "{text}");
}
