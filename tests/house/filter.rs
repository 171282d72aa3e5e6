//! The system-call filter as data: every name exists, every call ends in a line without conditions, and a table of calls
//! with their arguments says what becomes of each. What the kernel makes of it is for other suites.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use syscalls::Sysno;
use tollgate_policy::boundary::{ArgTest, CallEntry, CallFate};

use crate::tree::{self, File};
use crate::{Faults, finds, hold};

/// Names that other architectures, or kernels before our table's, have.
const ELSEWHERE: [&str; 1] = ["umount"];

#[derive(serde::Deserialize)]
struct Calls {
    #[serde(default)]
    call: Vec<CallEntry>,
}

fn entries(file: &File) -> Vec<CallEntry> {
    toml::from_str::<Calls>(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path)).call
}

fn name_faults(file: &File) -> Faults {
    let names: BTreeSet<_> = entries(file).into_iter().flat_map(|entry| entry.names.into_owned()).collect();
    let unknown = names.iter().filter(|name| Sysno::from_str(name).is_err() && !ELSEWHERE.contains(&&***name));
    unknown.map(|name| format!("{}: no system call is named `{name}`", file.path)).collect()
}

/// A call whose lines all have conditions would fall through; a line behind one without is never reached.
fn order_faults(file: &File) -> Faults {
    let mut lines: BTreeMap<_, Vec<bool>> = BTreeMap::new();
    for entry in entries(file) {
        for name in entry.names.iter().cloned() {
            lines.entry(name).or_default().push(entry.when.is_empty());
        }
    }
    let broken = lines.iter().filter(|(_, plain)| plain.iter().position(|p| *p) != Some(plain.len() - 1));
    broken
        .map(|(name, _)| format!("{}: `{name}` has no last line without conditions, or lines behind it", file.path))
        .collect()
}

fn holds(test: &ArgTest, args: [u64; 6]) -> bool {
    let arg = args.get(usize::from(test.arg)).copied().unwrap_or_default();
    (arg & test.mask == test.equal) != test.not
}

/// What becomes of a call: the first line that fits.
fn fate(entries: &[CallEntry], name: &str, args: [u64; 6]) -> Option<CallFate> {
    let fits =
        |entry: &&CallEntry| entry.names.iter().any(|n| n == name) && entry.when.iter().all(|test| holds(test, args));
    entries.iter().find(fits).map(|entry| entry.then)
}

const UNIX: u64 = 1;
const INET: u64 = 2;
const INET6: u64 = 10;
const STREAM: u64 = 1;
const DGRAM: u64 = 2;
const RAW: u64 = 3;
const SEQPACKET: u64 = 5;
const FLAGS: u64 = 0o2_004_000;
const HIGH: u64 = 0xdead_beef_0000_0000;

#[test]
fn names_are_the_kernels() {
    hold(
        "system calls",
        &tree::files(".toml").iter().filter(|f| f.path.starts_with("profiles/")).flat_map(name_faults).collect(),
    );
}

#[test]
fn every_call_ends_without_conditions() {
    hold("order of lines", &order_faults(&tree::file("profiles/calls.toml")));
}

#[test]
fn what_becomes_of_a_call() {
    use CallFate::{Allow, Errno, Judge, Refuse};
    let entries = entries(&tree::file("profiles/calls.toml"));
    let table: &[(&str, [u64; 3], CallFate)] = &[
        ("execve", [0, 0, 0], Judge),
        ("connect", [3, 0, 16], Judge),
        ("ptrace", [0, 0, 0], Refuse),
        ("clone", [0x11, 0, 0], Allow),
        ("clone", [0x003d_0f00, 0, 0], Allow),
        ("clone", [0x1000_0011, 0, 0], Refuse),
        ("clone", [0x0002_0011 | HIGH, 0, 0], Refuse),
        ("clone", [0x0080_0011, 0, 0], Errno),
        ("clone3", [0, 0, 0], Errno),
        ("unshare", [0x400, 0, 0], Allow),
        ("unshare", [0x1000_0000, 0, 0], Refuse),
        ("unshare", [0x0800_0400, 0, 0], Refuse),
        ("ioctl", [1, 0x5401, 0], Allow),
        ("ioctl", [1, 0x5412, 0], Refuse),
        ("ioctl", [1, 0x5412 | HIGH, 0], Refuse),
        ("ioctl", [1, 0x4008_6602, 0], Errno),
        ("fcntl", [1, 4, 0], Allow),
        ("fcntl", [1, 10, 0], Errno),
        ("fcntl", [1, 1024, 1], Errno),
        ("fcntl", [1, 1040, 0], Errno),
        ("fcntl", [1, 1030, 0], Allow),
        ("prlimit64", [0, 7, 0], Allow),
        ("prlimit64", [4242, 7, 0], Refuse),
        ("personality", [0xffff_ffff, 0, 0], Allow),
        ("personality", [0x0004_0000, 0, 0], Allow),
        ("personality", [0x0040_0000, 0, 0], Errno),
        ("seccomp", [1, 0, 0], Allow),
        ("seccomp", [1, 8, 0], Errno),
        ("io_uring_setup", [8, 0, 0], Errno),
        ("openat2", [0, 0, 0], Errno),
    ];
    for (name, [a, b, c], expected) in table {
        let found = fate(&entries, name, [*a, *b, *c, 0, 0, 0]);
        assert_eq!(found, Some(*expected), "{name}({a:#x}, {b:#x}, {c:#x})");
    }
    assert_eq!(fate(&entries, "uselib", [0; 6]), None, "what no line names has no line");
}

#[test]
fn what_becomes_of_a_path_call() {
    use CallFate::{Allow, Judge, Refuse};
    let entries = entries(&tree::file("profiles/calls.toml"));
    let table: &[(&str, [u64; 3], CallFate)] = &[
        ("chmod", [0, 0o755, 0], Judge),
        ("chmod", [0, 0o4755, 0], Refuse),
        ("fchmodat", [0, 0, 0o1777], Judge),
        ("fchmodat2", [0, 0, 0o6755], Refuse),
        ("fchmodat2", [0, 0, 0o2755], Judge),
        ("mknod", [0, 0o010_644, 0], Judge),
        ("mknod", [0, 0o020_644, 0], Refuse),
        ("mknodat", [0, 0, 0o060_644], Refuse),
        ("mknodat", [0, 0, 0o104_755], Refuse),
        ("open", [0, 0, 0o4755], Allow),
        ("open", [0, 0o101, 0o4755], Refuse),
        ("open", [0, 0o101, 0o644], Judge),
        ("openat", [0, 0, 0o2_100_000], Allow),
        ("openat", [0, 0, 0o2_100_000 | HIGH], Allow),
        ("openat", [0, 0, 0o2], Judge),
        ("openat", [0, 0, 0o2 | HIGH], Judge),
        ("openat", [0, 0, 0o1000], Judge),
        ("openat", [0, 0, 0o100], Judge),
        ("openat", [0, 0, 0o20_200_001], Judge),
        ("openat", [0, 0, 0o10_000_001], Judge),
        ("chdir", [0, 0, 0], Judge),
        ("inotify_add_watch", [3, 0, 0], Judge),
        ("unlinkat", [0, 0, 0], Judge),
        ("bind", [3, 0, 110], Judge),
        ("umask", [0o22, 0, 0], Judge),
    ];
    for (name, [a, b, c], expected) in table {
        let found = fate(&entries, name, [*a, *b, *c, 0, 0, 0]);
        assert_eq!(found, Some(*expected), "{name}({a:#x}, {b:#x}, {c:#x})");
    }
}

#[test]
fn what_becomes_of_a_socket_call() {
    use CallFate::{Allow, Errno, Judge};
    let entries = entries(&tree::file("profiles/calls.toml"));
    let table: &[(&str, [u64; 3], CallFate)] = &[
        ("socket", [UNIX, STREAM | FLAGS, 0], Allow),
        ("socket", [UNIX, SEQPACKET, 0], Allow),
        ("socket", [UNIX, DGRAM | FLAGS, 0], Errno),
        ("socket", [UNIX, RAW, 0], Errno),
        ("socket", [INET, STREAM | FLAGS, 6], Allow),
        ("socket", [INET, STREAM, 262], Errno),
        ("socket", [INET6, STREAM, 132], Errno),
        ("socket", [INET, DGRAM, 0], Judge),
        ("socket", [INET, DGRAM, 136], Errno),
        ("socket", [INET6, DGRAM | FLAGS, 17], Judge),
        ("socket", [INET6, DGRAM | FLAGS, 0x11 | HIGH], Judge),
        ("socket", [INET, RAW, 1], Errno),
        ("socket", [16, RAW | FLAGS, 0], Allow),
        ("socket", [16, RAW, 15], Errno),
        ("socket", [17, RAW, 0], Errno),
        ("socket", [38, SEQPACKET, 0], Errno),
        ("socket", [40, STREAM, 0], Errno),
        ("socketpair", [UNIX, STREAM, 0], Allow),
        ("socketpair", [UNIX, DGRAM | FLAGS, 0], Judge),
        ("socketpair", [UNIX, DGRAM, 1], Judge),
        ("socketpair", [UNIX, DGRAM, 2], Errno),
        ("socketpair", [UNIX, RAW, 0], Errno),
        ("listen", [3, 128, 0], Judge),
        ("getsockname", [3, 0, 0], Judge),
        ("recvfrom", [959, 0, 0], Allow),
        ("recvfrom", [960, 0, 0], Judge),
        ("recvfrom", [0x3c0 | HIGH, 0, 0], Judge),
        ("recvmsg", [1023, 0, 0], Judge),
        ("recvmsg", [1024, 0, 0], Allow),
        ("setsockopt", [3, 1, 2], Allow),
        ("setsockopt", [3, 1, 13], Judge),
        ("setsockopt", [3 | HIGH, 1 | HIGH, 0xd | HIGH], Judge),
        ("setsockopt", [3, 0, 4], Errno),
        ("setsockopt", [3 | HIGH, HIGH, 4 | HIGH], Errno),
        ("setsockopt", [3, 41, 57], Errno),
        ("setsockopt", [3, 6, 30], Errno),
        ("setsockopt", [3 | HIGH, 1 | HIGH, 0x4c | HIGH], Errno),
        ("setsockopt", [970, 1, 76], Errno),
        ("setsockopt", [3, 1, 16], Allow),
        ("setsockopt", [970, 0, 11], Judge),
        ("getsockopt", [3, 1, 17], Allow),
        ("getsockopt", [3, 1, 77], Errno),
        ("sendmsg", [3, 0, 0x4000], Allow),
        ("sendmsg", [3, 0, 0x2000_4000], Errno),
    ];
    for (name, [a, b, c], expected) in table {
        let found = fate(&entries, name, [*a, *b, *c, 0, 0, 0]);
        assert_eq!(found, Some(*expected), "{name}({a:#x}, {b:#x}, {c:#x})");
    }
    let fast_open = [3, 0, 0, 0x2000_0000, 0, 0];
    assert_eq!(fate(&entries, "sendto", fast_open), Some(Errno), "sendto with MSG_FASTOPEN");
    assert_eq!(fate(&entries, "sendto", [960, 0, 0, 0, 0, 0]), Some(Allow), "send");
    assert_eq!(fate(&entries, "sendto", [960, 0, 0, 0, 0x7fff_0000_0000, 16]), Some(Judge), "sendto");
}

#[test]
fn names_are_looked_up_at_the_gate_whatever_the_profile() {
    for name in ["workspace", "online", "claude-code", "read-only", "push"] {
        let calls = crate::profiles::lowered(name).calls.entries;
        let found = fate(&calls, "socket", [INET6, DGRAM | FLAGS, 17, 0, 0, 0]);
        assert_eq!(found, Some(CallFate::Judge), "{name}");
    }
}

#[test]
fn planted_faults_in_a_filter_are_found() {
    let plant = |text: &str| File { path: "profiles/x.toml".into(), text: text.into() };
    let line =
        |name: &str, when: &str| format!("[[call]]\nnames = [\"{name}\"]\nthen = \"allow\"\nbecause = \"x\"\n{when}\n");
    finds(&name_faults(&plant(&line("opennat", ""))), "`opennat`");
    finds(&order_faults(&plant(&line("open", "when = [{ arg = 0, equal = 1 }]"))), "`open`");
    finds(&order_faults(&plant(&(line("open", "") + &line("open", "when = [{ arg = 0, equal = 1 }]")))), "`open`");
}
