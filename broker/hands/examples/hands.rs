//! Runs a command whose write-class path calls are done on its behalf: the gate's hands without policy and ledger, for
//! tests of what they do and measurements of what they cost.
//!
//! `hands [--write DIR]… [--protect GLOB]… [--bare] [--quiet] -- PROGRAM [ARG…]`; `--bare` lays the same Landlock
//! domain and filter, and lets everything through that the filter would hand over.
#![allow(clippy::exit, reason = "an example: the command's status is passed on")]
#![allow(clippy::print_stderr, reason = "an example: it says what was refused")]

use std::error::Error;
use std::ffi::CString;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tollgate_hands::{CALLS, Files, Served};
use tollgate_policy::boundary::{Boundary, Rights, Root};
use tollgate_policy::path::AbsPath;
use tollgate_sys::handover::{self, Pass, Word};
use tollgate_sys::landlock::{self, Governed, Ports, Ruleset};
use tollgate_sys::namespaces::Set;
use tollgate_sys::notify::{Listener, Notification};
use tollgate_sys::process::{self, Fork, Image};
use tollgate_sys::seccomp::{ArgTest, Entry, Fate, Filter, Sense, compile, install, number};

type Fault = Box<dyn Error>;

#[derive(Debug, Default)]
struct Options {
    write: Vec<String>,
    protect: Vec<String>,
    bare: bool,
    quiet: bool,
    command: Vec<String>,
}

fn options() -> Result<Options, Fault> {
    let mut options = Options::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--write" => options.write.push(args.next().ok_or("--write needs a directory")?),
            "--protect" => options.protect.push(args.next().ok_or("--protect needs a glob")?),
            "--bare" => options.bare = true,
            "--quiet" => options.quiet = true,
            "--" => options.command = args.by_ref().collect(),
            other => return Err(format!("`{other}` is not understood").into()),
        }
    }
    Ok(options)
}

fn boundary(options: &Options) -> Result<Boundary, Fault> {
    let mut boundary = Boundary { protected: options.protect.clone(), ..Boundary::default() };
    let mut root = |path: &str, rights| -> Result<(), Fault> {
        boundary.roots.push(Root { path: AbsPath::new(path)?, rights });
        Ok(())
    };
    root("/", Rights { read: true, execute: true, ..Rights::default() })?;
    for device in "/dev/null /dev/zero /dev/full /dev/tty /dev/ptmx /dev/pts /dev/urandom".split(' ') {
        root(device, Rights { device: true, ..Rights::default() })?;
    }
    for path in &options.write {
        root(path, Rights { read: true, execute: true, write: true, device: false })?;
    }
    Ok(boundary)
}

/// The filter as the profiles have it: what only reads is never handed over.
fn filter(gated: Fate) -> Filter {
    let calls = |names: &[&str]| names.iter().filter_map(|name| number(name)).collect();
    let test = |arg, mask, equal| ArgTest { arg, mask, equal, sense: Sense::Equals };
    let mut entries = Vec::new();
    for (name, arg) in [("open", 1), ("openat", 2)] {
        for tests in [vec![test(arg, 0o10_000_000, 0o10_000_000)], vec![test(arg, 0o1103, 0)]] {
            entries.push(Entry { calls: calls(&[name]), tests, then: Fate::Allow });
        }
    }
    let by_descriptor = test(1, u64::MAX, 0);
    entries.push(Entry { calls: calls(&["utimensat"]), tests: vec![by_descriptor], then: Fate::Allow });
    entries.push(Entry { calls: calls(&["openat2", "io_uring_setup"]), tests: Vec::new(), then: Fate::Errno(38) });
    entries.push(Entry { calls: calls(&CALLS), tests: Vec::new(), then: gated });
    Filter { entries, otherwise: Fate::Allow }
}

fn main() -> Result<(), Fault> {
    let options = options()?;
    let boundary = boundary(&options)?;
    let ends = handover::ends()?;
    let pass = Pass::new()?;
    match process::fork(Set::NONE)? {
        Fork::Child => {
            let failed = command(&options, &boundary, (ends.child.as_fd(), &pass));
            eprintln!("{failed:?}");
            process::exit(127)
        }
        Fork::Parent(child) => {
            drop(ends.child);
            let heard = handover::receive(ends.parent.as_fd())?.ok_or("the command could not start")?;
            let Some(fd) = heard.listener else { return Err("no listener".into()) };
            let listener = Arc::new(Listener::new(fd));
            let mut files = Files::new(child, &boundary)?;
            std::process::exit(serve(child, (&listener, &mut files), &options)?)
        }
    }
}

fn command(options: &Options, boundary: &Boundary, (end, pass): (BorrowedFd<'_>, &Pass)) -> Fault {
    let run = || -> Result<Image, Fault> {
        let governed = Governed { cap: landlock::NEWEST, connect: Ports::Any, bind: Ports::Any };
        let rules = Ruleset::create(landlock::abi(), &governed)?;
        for root in &boundary.roots {
            let Rights { read, execute, write, device } = root.rights;
            let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC;
            if let Ok(object) = nix::fcntl::open(root.path.as_path(), flags, nix::sys::stat::Mode::empty()) {
                rules.allow(object, landlock::Rights { read, execute, write, device })?;
            }
        }
        tollgate_sys::caps::drop_all()?;
        process::forgo_new_privileges()?;
        rules.enter()?;
        let text = |text: &String| CString::new(text.as_bytes());
        let program = text(options.command.first().ok_or("which command?")?)?;
        let argv: Vec<_> = options.command.iter().map(text).collect::<Result<_, _>>()?;
        let env = std::env::vars().map(|(name, value)| CString::new(format!("{name}={value}")));
        let image = Image::new(program, argv, env.collect::<Result<_, _>>()?);
        let mut filter = filter(if options.bare { Fate::Allow } else { Fate::Notify });
        if options.bare {
            // one call that nobody makes, so that there is a listener
            let calls = number("acct").into_iter().collect();
            filter.entries.insert(0, Entry { calls, tests: Vec::new(), then: Fate::Notify });
        }
        pass.open(&mut filter);
        let installed = install(&compile(&filter)?)?;
        let listener = installed.listener.ok_or("no listener")?;
        handover::send(end, Word::Ready(installed.listening), Some(listener.as_fd()), pass)?;
        Ok(image)
    };
    match run() {
        Ok(image) => image.execute().into(),
        Err(fault) => fault,
    }
}

fn serve(child: i32, (listener, files): (&Arc<Listener>, &mut Files), options: &Options) -> Result<i32, Fault> {
    let mut calls = 0u64;
    loop {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE)?;
        let [ready] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        if ready.contains(PollFlags::POLLIN) {
            if let Some(call) = listener.receive()? {
                calls += 1;
                one(files, (listener, &call), options);
            }
        } else if ready.contains(PollFlags::POLLHUP) {
            break;
        }
    }
    if std::env::var_os("HANDS_COUNT").is_some() {
        eprintln!("hands: {calls} calls");
    }
    Ok(match waitpid(Pid::from_raw(child), None::<WaitPidFlag>)? {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => 124,
    })
}

fn one(files: &mut Files, (listener, call): (&Arc<Listener>, &Notification), options: &Options) {
    let name = usize::try_from(call.call).ok().and_then(syscalls::Sysno::new).map_or("", |known| known.name());
    let answered = match files.serve(listener, (name, call)) {
        Served::Answered => Ok(()),
        Served::Proceed => listener.proceed(call.id),
        Served::Rights => listener.fail(call.id, libc::EPERM),
        Served::Crossing(crossing) => {
            if !options.quiet {
                let path = Path::new(crossing.path.as_path()).display();
                eprintln!("hands: refused {name} of {path}: {:?}", crossing.wall);
            }
            listener.fail(call.id, crossing.errno)
        }
    };
    if answered.is_err() {
        // the caller has gone
    }
}
