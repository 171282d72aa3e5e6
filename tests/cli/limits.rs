//! Limits on a whole run: what passes one is stopped, told once, and written down; what stays below goes on.

use std::fs;
use std::path::Path;

use tollgate_tests::{Outcome, Scene, Setting, cases};

cases! { everywhere: crowds_are_stopped memory_is_stopped preallocation_is_refused writers_that_wait_are_bounded
signals_don_t_keep_processes_from_starting who_refills_a_crowd_ends_the_run }
cases! { both: a_run_that_a_limit_ends_says_so what_stays_below_goes_on the_gate_may_open_more_than_what_it_starts shares_and_numbers }

const CROWD: &str = "import os, sys, time
held, end = os.pipe()
for n in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.close(end)
        os.read(held, 1)
        os._exit(0)
print('all there')
";

const MEMORY: &str = "import sys
held = bytearray(int(sys.argv[1]) << 20)
print('all there')
";

fn limited(scene: &Scene, limits: &[&str], words: &[&str]) -> Outcome {
    let flags: Vec<&Path> = limits.iter().flat_map(|limit| [Path::new("--limit"), Path::new(*limit)]).collect();
    scene.job(&flags, words).end()
}

/// The run was refused something by this limit, and nobody was asked: told once, and in the ledger with who did it.
#[track_caller]
fn was_limited(scene: &Scene, outcome: &Outcome, limit: &str) {
    let named = format!("the limit `{limit}`");
    assert_eq!(outcome.err.matches("tollgate: refused").count(), 1, "{outcome}");
    assert!(outcome.err.contains(&named), "{outcome}");
    let listed = scene.verb(&["ledger", "list", "--event", "refused", "--json"]).end();
    listed.ended(0);
    let records: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let told = records.as_array().unwrap().iter().find(|record| record.to_string().contains(&named));
    let told = told.unwrap_or_else(|| panic!("no record of `{limit}`: {records}")).to_string();
    assert!(told.contains("\"lineage\":["), "{told}");
    assert_eq!(scene.report()["actions"]["sandbox_refused"], 1, "{}", scene.report());
}

fn crowds_are_stopped(scene: &Scene) {
    // In a shell that goes on: only the crowd is stopped. It stays as long as nothing stops it.
    let text = format!("/usr/bin/python3 -c \"{CROWD}\ntime.sleep(20)\" 300; echo went on");
    let outcome = limited(scene, &["processes=100"], &["/bin/sh", "-c", &text]);
    assert!(outcome.took < std::time::Duration::from_secs(15), "{outcome}");
    // without namespaces nothing in the kernel holds root, and what an ordinary user has running besides counts
    let held = !matches!(scene.setting, Setting::RootWithoutNamespaces | Setting::UserWithoutNamespaces);
    assert!(!outcome.out.contains("all there") || !held && outcome.err.contains("the limit `processes`"), "{outcome}");
    assert!(outcome.out.contains("went on"), "{outcome}");
}

/// Processes that leave each other at once and go on so: nobody's offspring is the crowd, and while each is counted and stopped,
/// the rest starts more. Bounded by itself: 1,000 are started in all, none lives longer than twelve seconds.
const REFILLED: &str = "import mmap, os, time
made, end = mmap.mmap(-1, 1000), time.monotonic() + 12
def live():
    while time.monotonic() < end:
        free = made.find(b'\\0')
        if free < 0:
            time.sleep(0.05)
            continue
        made[free] = 1
        try:
            if os.fork() == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
            else:
                os.wait()
        except OSError:
            time.sleep(0.05)
if os.fork() == 0:
    live()
    os._exit(0)
os.wait()
print('all there')
";

fn who_refills_a_crowd_ends_the_run(scene: &Scene) {
    let outcome = limited(scene, &["processes=100"], &["/usr/bin/python3", "-c", REFILLED]);
    if scene.setting == Setting::RootWithoutNamespaces {
        outcome.ended(123);
        assert!(outcome.err.contains("the limit `processes`"), "{outcome}");
    }
    assert!(outcome.took < std::time::Duration::from_secs(30), "{outcome}");
}

/// `fork(2)` does not end with EINTR: who starts a process doesn't reckon with it. (dash gave up with "Cannot fork".)
fn signals_don_t_keep_processes_from_starting(scene: &Scene) {
    let text = "import os, signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, True)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for n in range(1000):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
print('all started')
";
    limited(scene, &[], &["/usr/bin/python3", "-c", text]).printed("all started\n");
}

fn memory_is_stopped(scene: &Scene) {
    let text = format!("/usr/bin/python3 -c \"{MEMORY}import time; time.sleep(20)\" 400; echo went on");
    let outcome = limited(scene, &["memory_per_process=100M"], &["/bin/sh", "-c", &text]);
    assert!(outcome.took < std::time::Duration::from_secs(15), "{outcome}");
    assert!(outcome.out.contains("went on"), "{outcome}");
    was_limited(scene, &outcome, "memory_per_process");
}

fn preallocation_is_refused(scene: &Scene) {
    let text = "import os
f = os.open('big', os.O_CREAT | os.O_RDWR)
for mode in range(2):
    try: os.posix_fallocate(f, 0, 5 << 20)
    except OSError as e: print(e.errno)
os.posix_fallocate(f, 0, 3 << 20)
print(os.fstat(f).st_size)
";
    let outcome = limited(scene, &["fsize=4M"], &["/usr/bin/python3", "-c", text]);
    outcome.ended(0);
    assert_eq!(outcome.out, "27\n27\n3145728\n", "{outcome}");
    was_limited(scene, &outcome, "fsize");
}

fn a_run_that_a_limit_ends_says_so(scene: &Scene) {
    let text = format!("{MEMORY}import time; time.sleep(20)");
    let outcome = limited(scene, &["memory=100M"], &["/usr/bin/python3", "-c", &text, "400"]);
    outcome.ended(123);
    was_limited(scene, &outcome, "memory");
    let listed = scene.verb(&["ledger", "list"]).end();
    assert!(listed.out.contains("status 123"), "{listed}");
}

fn what_stays_below_goes_on(scene: &Scene) {
    limited(scene, &["processes=300"], &["/usr/bin/python3", "-c", CROWD, "100"]).ended(0);
    let outcome = limited(scene, &["memory=600M"], &["/usr/bin/python3", "-c", MEMORY, "300"]);
    outcome.ended(0);
    assert!(!outcome.err.contains("tollgate: refused"), "{outcome}");
}

fn shares_and_numbers(scene: &Scene) {
    // A person's number stands in place of a profile's, a project's can only be lower.
    let most = |flags: &[&str]| {
        let outcome = limited(scene, flags, &["/bin/sh", "-c", "ulimit -n"]);
        outcome.ended(0);
        outcome.out.trim().to_owned()
    };
    assert_eq!(most(&["nofile=512"]), "512");
    assert_eq!(most(&["nofile=512", "nofile=256"]), "256");
    for wrong in ["nofile", "nofile=10%", "files=3", "memory=lots"] {
        limited(scene, &[wrong], &["/bin/true"]).ended(122);
    }
}

fn writers_that_wait_are_bounded(scene: &Scene) {
    let text = "import errno, os, threading, time
os.mkfifo('f')
refused, opened = [], []
def writer():
    try: opened.append(os.open('f', os.O_WRONLY))
    except OSError as e: refused.append(errno.errorcode[e.errno])
for n in range(80): threading.Thread(target=writer, daemon=True).start()
began = time.monotonic()
while len(refused) < 16 and time.monotonic() - began < 10: time.sleep(0.01)
time.sleep(0.2)
print(len(opened), len(refused), set(refused))
reader = os.open('f', os.O_RDONLY | os.O_NONBLOCK)
while len(opened) < 64 and time.monotonic() - began < 20: time.sleep(0.01)
print(len(opened), len(refused))
writer()
print(len(opened))
";
    scene.run(&["/usr/bin/python3", "-c", text]).ended(0).printed("0 16 {'ENFILE'}\n64 16\n65\n");
}

/// `select(2)` of a program ends at descriptor 1024, and others close all that there could be.
fn the_gate_may_open_more_than_what_it_starts(scene: &Scene) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 300, hard).unwrap();
    let rule = "[[command]]\neffect = \"ask\"\nprogram = [\"env\"]\nprofile = \"push\"\nbecause = \"a try\"\nmatches = [\"env x\"]\n";
    let words = ["/bin/bash", "-c", "ulimit -Sn; env sh -c 'ulimit -Sn'"];
    let running = scene.job(&[Path::new("--policy"), &scene.policy(rule)], &words).start();
    let question = scene.question();
    let told = fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let own = told.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert_eq!(own.split_whitespace().next(), Some(&*hard.min(1 << 16).to_string()), "{told}");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0).printed("300\n300\n");
}
