//! Makes the ground that a case stands on, then becomes the program: another user, or no user namespaces to be had.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::exit,
    reason = "a test's tool fails by panicking"
)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getgid, getpid, getuid};

const USAGE: &str = "tollgate-test-ground [--no-user-namespaces] [--no-sys-admin] [--user UID] CMD [ARG…]";

fn main() {
    let mut words = std::env::args_os().skip(1).peekable();
    let mut user = None;
    let mut sys_admin = true;
    while let Some(word) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"--")) {
        match word.to_str() {
            Some("--no-user-namespaces") => close_user_namespaces(),
            Some("--no-sys-admin") => sys_admin = false,
            Some("--user") => user = words.next().and_then(|uid| uid.to_str()?.parse::<u32>().ok()),
            Some("--map") => return map(words.next()),
            _ => panic_usage(),
        }
    }
    let mut command: Vec<OsString> = words.collect();
    if !sys_admin {
        // setpriv (util-linux) drops it from every set that an exec looks at.
        let prefix = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"];
        command.splice(0..0, prefix.map(OsString::from));
    }
    let Some((program, args)) = command.split_first() else { panic_usage() };
    let mut program = Command::new(program);
    program.args(args);
    if let Some(uid) = user {
        program.uid(uid).gid(uid);
    }
    let error = program.exec();
    eprintln!("tollgate-test-ground: can't run {command:?}: {error}");
    std::process::exit(125);
}

fn panic_usage() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(125);
}

/// A user namespace with everybody mapped to themselves, in which no further one can be made. The maps are written from
/// outside, as only there are the rights to.
fn close_user_namespaces() {
    let this = std::env::current_exe().unwrap();
    let before = fs::read_link("/proc/self/ns/user").unwrap();
    let identity = if getuid().is_root() {
        "0 0 4294967295\n0 0 4294967295".to_owned()
    } else {
        format!("{0} {0} 1\n{1} {1} 1", getuid(), getgid())
    };
    let mut outside =
        Command::new(this).arg("--map").arg(format!("{}\n{}\n{identity}", getpid(), before.display())).spawn().unwrap();
    unshare(CloneFlags::CLONE_NEWUSER).expect("a user namespace");
    assert!(outside.wait().unwrap().success(), "the maps were not written");
    fs::write("/proc/sys/user/max_user_namespaces", "0").expect("the limit is ours to set");
}

/// The other side of it: waits until the process has its namespace, then writes who is who.
fn map(request: Option<OsString>) {
    let request = request.and_then(|text| text.into_string().ok()).unwrap();
    let mut lines = request.lines();
    let (pid, before) = (lines.next().unwrap(), lines.next().unwrap());
    let (uids, gids) = (lines.next().unwrap(), lines.next().unwrap());
    let link = format!("/proc/{pid}/ns/user");
    while fs::read_link(&link).unwrap().to_str() == Some(before) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    if !getuid().is_root() {
        fs::write(format!("/proc/{pid}/setgroups"), "deny").unwrap();
    }
    fs::write(format!("/proc/{pid}/uid_map"), uids).unwrap();
    fs::write(format!("/proc/{pid}/gid_map"), gids).unwrap();
}
