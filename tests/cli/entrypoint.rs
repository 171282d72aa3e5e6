//! `tollgate entrypoint`, as the first process of a process namespace and as any other.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tollgate_tests::{Job, Scene, cases, skip};

cases! { both: first_process_reaps first_process_hands_signals_on killed_with_all status_and_codes }

/// `tollgate entrypoint` as the first process; none where no such namespace can be made.
fn first(scene: &Scene, words: &[&str]) -> Option<Job> {
    if !scene.setting.has_namespaces() {
        skip("no process namespace can be made");
        return None;
    }
    let mut command: Command = scene.command("unshare");
    if !scene.setting.uid().is_root() {
        command.args(["-U", "--map-current-user"]);
    }
    command.args(["-pf", "--kill-child", "--mount-proc"]).arg(scene.tollgate()).arg("entrypoint").arg("--").args(words);
    Some(Job::new(command))
}

fn first_process_reaps(scene: &Scene) {
    let text = "for n in 1 2 3; do (setsid sleep 0.1 &) ; done; sleep 0.6; ps -eo pid,stat,args | grep -c '[Z]  *.*defunct' ; echo $PPID; exit 5";
    let Some(job) = first(scene, &["bash", "-c", text]) else { return };
    let outcome = job.end();
    outcome.ended(5);
    assert!(outcome.out.starts_with("0\n"), "{outcome}");
}

fn first_process_hands_signals_on(scene: &Scene) {
    let text = "trap 'echo caught; exit 9' TERM; touch begun; while :; do sleep 0.05; done";
    let Some(job) = first(scene, &["bash", "-c", text]) else { return };
    let running = job.start();
    let begun = Instant::now();
    while !scene.workspace.join("begun").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.pid())).unwrap();
    let first: i32 = children.split_whitespace().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(first), Signal::SIGTERM).unwrap();
    running.end().ended(9).printed("caught\n");
}

fn killed_with_all(scene: &Scene) {
    let marker = format!("86397.{}", std::process::id());
    let running = scene.verb(&["entrypoint", "--", "sh", "-c", &format!("touch begun; sleep {marker}; true")]).start();
    let begun = Instant::now();
    while !scene.workspace.join("begun").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(Signal::SIGKILL);
    running.end().killed(Signal::SIGKILL);
    let begun = Instant::now();
    loop {
        let mut command = scene.command("pgrep");
        command.args(["-f", &format!("^sleep {marker}")]);
        if !Job::new(command).end().status.success() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "the command outlives the first process");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn status_and_codes(scene: &Scene) {
    scene.verb(&["entrypoint", "--", "sh", "-c", "exit 3"]).end().ended(3);
    scene.verb(&["entrypoint", "--", "sh", "-c", "kill -KILL $$"]).end().ended(137);
    scene.verb(&["entrypoint"]).end().ended(122);
    scene.verb(&["entrypoint", "--", "no-such-program"]).end().ended(122);
    scene.verb(&["entrypoint", "--no-such", "--", "true"]).end().ended(122);
    scene.verifies();
}
