//! Runs a command in a typical boundary and lets the gate's calls pass: what a launch costs without policy and ledger.
//!
//! `contained [none] PROGRAM [ARG…]`; `none` leaves the namespaces out.
#![allow(clippy::exit, reason = "an example: the command's status is passed on")]
#![allow(clippy::print_stderr, reason = "an example: it says what was enforced")]

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_launch::{
    Attached, Command, Options, Plan, PrivateTemp, Remains, Seat, Started, Terminal, environment, find,
};
use tollgate_policy::boundary::{
    ArgTest, Boundary, CallEntry, CallFate, CallFilter, Environment, Namespace, Rights, Root,
};
use tollgate_policy::path::AbsPath;
use tollgate_sys::news::{LENGTH, News};
use tollgate_sys::notify::Listener;
use tollgate_sys::probe::Probe;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut boundary = boundary()?;
    if args.first().is_some_and(|first| first == "none") {
        args.remove(0);
        boundary.namespaces.clear();
    }
    let cwd = std::env::current_dir()?;
    let temp = PrivateTemp::choose(Path::new("/tmp"))?;
    for path in [temp.path(), &cwd] {
        let rights = Rights { read: true, execute: true, write: true, device: false };
        boundary.roots.push(Root { path: AbsPath::new(path)?, rights });
    }
    let env = environment(&boundary.environment, std::env::vars_os());
    let name = args.first().ok_or("what shall be run?")?;
    let command =
        Command { program: find(name, std::env::var_os("PATH").as_deref(), &cwd)?, argv: args, cwd, stands: None, env };
    let plan = Plan::lower(&boundary, Probe::here(), Options::default(), temp)?;
    let terminal = Terminal::open(Seat::Taken)?;
    let started = plan.start(&command, terminal.as_ref())?;
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{:#?}", started.enforced);
    }
    let attached = terminal.map(|terminal| terminal.attach(started.command, started.guard)).transpose()?;
    let (news, remains) = serve(started, attached.as_ref())?;
    if let Some(attached) = attached {
        attached.finish();
    }
    remains.end();
    std::process::exit(match news {
        News::Exited(code) => code,
        News::Signalled(signal) => 128 + signal,
        News::Failed(_) | News::Stopped(_) | News::Continued => 124,
    })
}

fn serve(started: Started, terminal: Option<&Attached>) -> Result<(News, Remains), Box<dyn Error>> {
    let listener = started.listener.map(Listener::new).ok_or("no listener")?;
    let mut news = std::fs::File::from(started.news);
    let mut open = true;
    loop {
        let wanted = if open { PollFlags::POLLIN } else { PollFlags::empty() };
        let gate = if open { listener.as_fd() } else { news.as_fd() };
        let mut ends = [PollFd::new(news.as_fd(), PollFlags::POLLIN), PollFd::new(gate, wanted)];
        poll(&mut ends, PollTimeout::NONE)?;
        let [told, call] = ends.map(|end| end.revents().unwrap_or(PollFlags::empty()));
        if open && call.contains(PollFlags::POLLIN) {
            if let Some(waiting) = listener.receive()? {
                listener.proceed(waiting.id)?;
            }
        } else if call.contains(PollFlags::POLLHUP) {
            open = false; // nobody is left under the filter
        }
        if told.contains(PollFlags::POLLIN) {
            let mut message = [0; LENGTH];
            news.read_exact(&mut message)?;
            match News::decode(message).ok_or("no such news")? {
                News::Stopped(signal) => {
                    if let Some(terminal) = terminal {
                        terminal.stopped(signal);
                    }
                }
                News::Continued => {}
                ending @ (News::Exited(_) | News::Signalled(_) | News::Failed(_)) => {
                    return Ok((ending, started.remains));
                }
            }
        } else if told.contains(PollFlags::POLLHUP) {
            return Err("the guard was killed".into());
        }
    }
}

fn boundary() -> Result<Boundary, Box<dyn Error>> {
    let mut roots = Vec::new();
    let executable = Rights { execute: true, read: true, ..Rights::default() };
    let readable = Rights { read: true, ..Rights::default() };
    let device = Rights { device: true, ..Rights::default() };
    for (rights, paths) in [
        (executable, "/usr /bin /sbin /lib /lib32 /lib64 /opt"),
        (
            readable,
            "/etc/ld.so.cache /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts /etc/resolv.conf /etc/localtime /etc/ssl/certs /etc/terminfo /etc/gitconfig /etc/profile /etc/bash.bashrc /etc/mime.types /proc",
        ),
        (device, "/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty"),
    ] {
        for path in paths.split(' ') {
            roots.push(Root { path: AbsPath::new(path)?, rights });
        }
    }
    let environment =
        Environment { pass: ["PATH", "HOME", "TERM", "LANG", "LC_*"].map(Into::into).into(), ..Environment::default() };
    Ok(Boundary {
        roots,
        calls: calls(),
        limits: BTreeMap::from([("core".to_owned(), 0), ("nofile".to_owned(), 65536)]),
        environment,
        namespaces: [Namespace::Mount, Namespace::Pid, Namespace::Ipc, Namespace::Uts].into(),
        ..Boundary::default()
    })
}

fn calls() -> CallFilter {
    let entry = |names: &str, then: CallFate| CallEntry {
        names: names.split(' ').map(|name| name.to_owned().into()).collect(),
        then,
        errno: None,
        when: Vec::new().into(),
        because: "".into(),
    };
    let mut entries = vec![entry("execve execveat connect", CallFate::Judge)];
    for name in
        "ptrace process_vm_readv process_vm_writev pidfd_getfd setns unshare mount umount2 pivot_root chroot open_tree \
        move_mount fsopen fsconfig fsmount fspick mount_setattr open_by_handle_at quotactl swapon swapoff acct reboot \
        kexec_load init_module delete_module sethostname settimeofday iopl ioperm syslog vhangup bpf perf_event_open \
        userfaultfd add_key request_key keyctl"
            .split_ascii_whitespace()
    {
        entries.push(entry(name, CallFate::Refuse));
    }
    for (name, arg, mask, equal) in [
        ("clone", 0, 0x7e02_0000, 0),
        ("ioctl", 1, 0xffff_ffff, 0x5412),
        ("chmod", 1, 0o6000, 0),
        ("socket", 0, 0xffff_ffff, 16),
    ] {
        let mut refused = entry(name, CallFate::Refuse);
        refused.when.to_mut().push(ArgTest { arg, mask, equal, not: equal == 0 });
        entries.push(refused);
    }
    let mut old = entry("clone3 openat2 io_uring_setup io_uring_enter io_uring_register", CallFate::Errno);
    old.errno = Some("ENOSYS".into());
    entries.push(old);
    let all: Vec<&str> = syscalls::Sysno::iter().map(|call| call.name()).collect();
    entries.push(entry(&all.join(" "), CallFate::Allow));
    CallFilter { entries }
}
