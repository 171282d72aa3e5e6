//! FIFOs: opening one waits for somebody to open the other end. That happens on a thread of its own, which looks again
//! and again, so that it ends when its caller does.

use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::errno::Errno;
use tollgate_sys::at;

use crate::open::Wanted;
use crate::resolve::Object;
use crate::{Attempt, Given, Stop, answer, fail};

/// First and longest pause between two looks.
const PAUSE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));

/// Opens a FIFO; where that would wait, a thread answers later.
pub(crate) fn other_end(attempt: &Attempt<'_>, object: &Object, wanted: Wanted) -> Result<Given, Stop> {
    let flags = wanted.flags | libc::O_NONBLOCK;
    match at::reopen(object.handle.as_fd(), flags) {
        Ok(file) => {
            wanted.settle(&file)?;
            return Ok(wanted.given(file));
        }
        Err(Errno::ENXIO) if wanted.flags & libc::O_NONBLOCK == 0 => {}
        Err(errno) => return Err(Stop::Fails(errno)),
    }
    let (listener, call) = (attempt.listener.clone(), *attempt.call);
    let handle = object.handle.try_clone().map_err(|_| Errno::EMFILE)?;
    let spawned = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
        let mut pause = PAUSE.0;
        while listener.is_valid(call.id) {
            match at::reopen(handle.as_fd(), flags) {
                Ok(file) => {
                    let given = wanted.settle(&file).map(|()| wanted.given(file));
                    match given {
                        Ok(given) => drop(answer(&listener, &call, given)),
                        Err(errno) => drop(fail(&listener, &call, errno)),
                    }
                    return;
                }
                Err(Errno::ENXIO) => {}
                Err(errno) => return drop(fail(&listener, &call, errno)),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE.1);
        }
    });
    spawned.map(|_| Given::Later).map_err(|_| Stop::Fails(Errno::EAGAIN))
}
