//! One connection: wait for leave, where it needs one, reach the far end, carry bytes both ways, say how it ended.

use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{setsockopt, sockopt};
use tollgate_sys::leave::Awaited;

use crate::dial;
use crate::ground::Ground;
use crate::judge::{End, Report};
use crate::meet::{Errand, Met};
use crate::pump::{Carried, Pump};
use crate::wait::{self, Woken};

/// Runs a connection to its end. The caller's is reset unless both sides were done in good order, so that a program
/// never takes a refusal for the end of an answer.
pub(crate) fn run(met: Met, ground: &Ground) {
    let Met { stream, errand } = met;
    let Errand { goal, reached, leave, since } = errand;
    if leave.is_some_and(|leave| !is_given(&leave, &stream, ground)) {
        return;
    }
    let far = match reached {
        Some(reached) => Ok(reached.stream),
        None => dial::dial(&goal, ground),
    };
    let mut report =
        Report { goal: goal.connect.clone(), address: None, up: 0, down: 0, lasted: since.elapsed(), end: End::Closed };
    match far {
        Ok(far) => {
            prepare(&stream, &far);
            report.address = far.peer_addr().ok().map(|peer| peer.ip().to_canonical());
            let Carried { up, down, end } = Pump::new(&stream, &far, &goal).run(&ground.end);
            (report.up, report.down, report.end) = (up, down, end);
            if report.end != End::Closed {
                reset(&far);
            }
        }
        Err(end) => report.end = end,
    }
    if report.end == End::Closed {
        calm(&stream);
    }
    drop(stream);
    report.lasted = since.elapsed();
    ground.judge.told(report);
}

/// Waits for leave, as long as that takes and the caller stays. One that is done speaking may still listen, unless it has
/// said nothing at all.
fn is_given(leave: &Awaited, caller: &TcpStream, ground: &Ground) -> bool {
    let mut signs = PollFlags::POLLIN;
    loop {
        if let Some(word) = leave.word() {
            return word;
        }
        let mut fds = [
            ground.end.heard(),
            PollFd::new(leave.heard(), PollFlags::POLLIN),
            PollFd::new(caller.as_fd(), signs), // always POLLHUP and POLLERR too
        ];
        let Ok(Woken::Ready) = wait::wait(&mut fds, None) else { return false };
        let [.., of_caller] = fds;
        let seen = of_caller.revents().unwrap_or(PollFlags::empty());
        if seen.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
            return false;
        }
        if seen.contains(PollFlags::POLLIN) {
            if !matches!(caller.peek(&mut [0]), Ok(1)) {
                return false;
            }
            signs = PollFlags::empty();
        }
    }
}

/// Neither adds a delay, and a far end that has silently gone is noticed.
fn prepare(caller: &TcpStream, far: &TcpStream) {
    let prepared = (caller.set_nonblocking(true))
        .and_then(|()| caller.set_nodelay(true))
        .and_then(|()| Ok(setsockopt(far, sockopt::KeepAlive, &true)?));
    if prepared.is_err() {
        // the caller's end has gone; the first read says so
    }
}

/// Makes the coming close a reset (`socket(7)`, `SO_LINGER` with no time).
pub(crate) fn reset(stream: &TcpStream) {
    linger(stream, 1);
}

/// Makes the coming close an ordinary end: what was written still arrives.
fn calm(stream: &TcpStream) {
    linger(stream, 0);
}

fn linger(stream: &TcpStream, l_onoff: i32) {
    let how = nix::libc::linger { l_onoff, l_linger: 0 };
    if setsockopt(stream, sockopt::Linger, &how).is_err() {
        // only a socket that has gone refuses
    }
}

impl Errand {
    pub(crate) fn new(goal: crate::goal::Goal, reached: Option<dial::Reached>) -> Self {
        Self { goal, reached, leave: None, since: Instant::now() }
    }
}
