//! The run's own process: starts what it is told, answers the gate's calls, reports.

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_launch::{
    Attached, Command, LaunchError, Options, Plan, PrivateTemp, Seat, Started, Terminal, UserNamespaces, environment,
};
use tollgate_policy::boundary::{ArgTest, CallFate, CallFilter, Rights};
use tollgate_sys::news::{LENGTH, News};
use tollgate_sys::notify::Listener;
use tollgate_sys::probe::Probe;
use tollgate_sys::seccomp::number;

use crate::scene::{Report, Spec, root};

pub(crate) fn main(spec: &str) -> ExitCode {
    let spec: Spec = serde_json::from_slice(&fs::read(spec).unwrap()).unwrap();
    let report = match contain(&spec) {
        Ok(report) => report,
        Err(fault) => {
            let cause = std::error::Error::source(&fault).map(|cause| format!(": {cause}")).unwrap_or_default();
            Report { error: format!("{fault}{cause}"), ..Report::default() }
        }
    };
    write(&spec, &report);
    ExitCode::SUCCESS
}

fn write(spec: &Spec, report: &Report) {
    fs::write(&spec.report, serde_json::to_vec(report).unwrap()).unwrap();
}

fn contain(spec: &Spec) -> Result<Report, LaunchError> {
    let temp = PrivateTemp::choose(&spec.temp)?;
    let at = temp.path().to_owned();
    let mut boundary = spec.boundary.clone();
    boundary.roots.push(root(temp.path(), Rights { read: true, execute: true, write: true, device: false }));
    let command = Command {
        program: spec.argv[0].clone().into(),
        argv: spec.argv.iter().map(Into::into).collect(),
        cwd: spec.cwd.clone(),
        stands: None,
        env: environment(&boundary.environment, std::env::vars_os()),
    };
    let options = Options {
        landlock_cap: spec.landlock_cap,
        user_namespaces: if spec.user_namespaces { UserNamespaces::Allowed } else { UserNamespaces::Forbidden },
    };
    let plan = Plan::lower(&boundary, Probe::here(), options, temp)?;
    let terminal = Terminal::open(Seat::Taken)?;
    let started = plan.start(&command, terminal.as_ref())?;
    let mut report = Report {
        enforced: started.enforced.clone(),
        guard: started.guard.as_raw(),
        command: started.command.as_raw(),
        temp: at,
        ..Report::default()
    };
    write(spec, &report); // for those who kill this process
    let attached = terminal.map(|terminal| terminal.attach(started.command, started.guard).unwrap());
    report.ending = serve(started, attached.as_ref(), &boundary.calls);
    if let Some(attached) = attached {
        attached.finish();
    }
    Ok(report)
}

fn serve(started: Started, terminal: Option<&Attached>, calls: &CallFilter) -> String {
    let Started { listener, news, remains, .. } = started;
    let listener = listener.map(Listener::new).unwrap();
    let mut news = fs::File::from(news);
    let mut ending = String::new();
    let mut open = true;
    while ending.is_empty() {
        let gate = if open { listener.as_fd() } else { news.as_fd() };
        let mut ends = [PollFd::new(news.as_fd(), PollFlags::POLLIN), PollFd::new(gate, PollFlags::POLLIN)];
        if poll(&mut ends, PollTimeout::NONE) == Err(nix::Error::EINTR) {
            continue;
        }
        let [told, call] = ends.map(|end| end.revents().unwrap());
        if open && call.contains(PollFlags::POLLIN) {
            answer(&listener, calls);
        } else if open && call.contains(PollFlags::POLLHUP) {
            open = false;
        }
        if told.contains(PollFlags::POLLIN) {
            let mut message = [0; LENGTH];
            news.read_exact(&mut message).unwrap();
            match News::decode(message).unwrap() {
                News::Exited(code) => ending = format!("exited {code}"),
                News::Signalled(signal) => ending = format!("signalled {signal}"),
                News::Failed(errno) => ending = format!("failed {errno}"),
                News::Stopped(signal) => terminal.into_iter().for_each(|terminal| terminal.stopped(signal)),
                News::Continued => {}
            }
        } else if told.contains(PollFlags::POLLHUP) {
            ending.push_str("guard killed");
        }
    }
    drop(listener);
    remains.end();
    ending
}

/// What holds besides the gate is to be seen, so it lets through what a run's gate would judge; what that would refuse
/// is refused. Of sockets only those come here that would lead to the gate's own answers, which there are none of.
fn answer(listener: &Listener, calls: &CallFilter) {
    let Ok(Some(call)) = listener.receive() else { return };
    let holds = |test: &ArgTest| (call.args[usize::from(test.arg)] & test.mask == test.equal) != test.not;
    let is = |name: &str| number(name) == u32::try_from(call.call).ok();
    let mut entries = calls.entries.iter().filter(|entry| entry.names.iter().any(|name| is(name)));
    let entry = entries.find(|entry| entry.when.iter().all(holds)).unwrap();
    let passes = entry.then == CallFate::Judge && !is("socket");
    // The caller may have gone meanwhile.
    let _answered = if passes { listener.proceed(call.id) } else { listener.fail(call.id, libc::EPERM) };
}
