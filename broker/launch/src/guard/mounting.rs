//! The mounts of a run, made by the guard in its new mount namespace.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use tollgate_sys::mounts;
use tollgate_sys::namespaces::Set;

use crate::fault::Step;
use crate::order::{Mount, Order};
use crate::recipe::{Failed, at};

/// File systems made ahead, while the order is still being worked out; each is shown if it turns out to be wanted, and
/// what failed counts only then.
#[derive(Debug)]
pub(crate) struct Stock {
    scratch: io::Result<OwnedFd>,
    terminals: io::Result<OwnedFd>,
    proc: Option<io::Result<OwnedFd>>,
}

impl Stock {
    /// Cuts the new mount namespace off from the old one, and makes them.
    pub(crate) fn lay_in(set: Set) -> Result<Self, Failed> {
        if !set.has(Set::USER) {
            // In a user namespace of its own the kernel has cut the propagation already.
            mounts::make_private().map_err(at(Step::Mounts))?;
        }
        let proc = set.has(Set::PID).then(mounts::proc);
        Ok(Self { scratch: mounts::scratch(), terminals: mounts::terminals(), proc })
    }
}

/// Makes them all. Whatever may not be written is made unwritable as a whole; what may, and what must stay visible
/// beneath a covered place, is taken hold of before and shown again after.
pub(crate) fn mount(order: &Order, stock: Stock) -> Result<(), Failed> {
    let kept = hold_all(&order.kept).map_err(at(Step::Mounts))?;
    let temps = hold_temps(order).map_err(at(Step::Mounts))?;
    mounts::freeze_all().map_err(at(Step::Mounts))?;
    let carried = hold_all(&order.carried).map_err(at(Step::Mounts))?;
    for (place, temp) in temps {
        tolerate(mounts::show(temp.as_fd(), place)).map_err(at(Step::Mounts))?;
    }
    for mount in order.mounts.iter().filter(|mount| mount.is_ground()) {
        tolerate(lay(mount, &stock)).map_err(at(Step::Mounts))?;
    }
    for (path, held) in order.kept.iter().zip(&kept).chain(order.carried.iter().zip(&carried)) {
        if let Some(held) = held {
            carry(held.as_fd(), path).map_err(at(Step::Mounts))?;
        }
    }
    for mount in order.mounts.iter().filter(|mount| !mount.is_ground()) {
        tolerate(lay(mount, &stock)).map_err(at(Step::Masks))?;
    }
    stock.proc.map_or(Ok(()), |proc| mounts::show(proc?.as_fd(), c"/proc")).map_err(at(Step::Proc))
}

fn lay(mount: &Mount, stock: &Stock) -> io::Result<()> {
    match mount {
        Mount::Temp(_) => Ok(()), // shown from what was held before all was frozen
        Mount::Scratch(path) => show(&stock.scratch, path),
        Mount::Terminals(path) => show(&stock.terminals, path),
        Mount::Pinned(path) => mounts::pin(path),
        Mount::EmptyDirectory(path) => mounts::empty_directory(path),
        Mount::EmptyFile(path) => mounts::empty_file(path),
        Mount::Frozen(path) => mounts::freeze(path),
    }
}

fn show(made: &io::Result<OwnedFd>, path: &CStr) -> io::Result<()> {
    match made {
        Ok(made) => mounts::show(made.as_fd(), path),
        Err(e) => Err(e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error)),
    }
}

/// A place that this machine lacks, or a path that has gone since it was looked up, is no failure.
fn tolerate(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => Ok(()),
        other => other,
    }
}

/// The private temp directory, once for each place that it is shown at.
fn hold_temps(order: &Order) -> io::Result<Vec<(&CStr, OwnedFd)>> {
    let places = order.mounts.iter().filter_map(Mount::temporary);
    places.map(|place| Ok((place, mounts::hold(&order.temp)?))).collect()
}

fn hold_all(paths: &[CString]) -> io::Result<Vec<Option<OwnedFd>>> {
    paths.iter().map(|path| hold(path)).collect()
}

fn hold(path: &CStr) -> io::Result<Option<OwnedFd>> {
    match mounts::hold(path) {
        Ok(held) => Ok(Some(held)),
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES)) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Shows a root again that lies beneath a place now covered, or made unwritable.
fn carry(held: BorrowedFd<'_>, path: &CString) -> io::Result<()> {
    let here = Path::new(OsStr::from_bytes(path.as_bytes()));
    if here.symlink_metadata().is_err() {
        if File::from(held.try_clone_to_owned()?).metadata()?.is_dir() {
            fs::create_dir_all(here)?;
        } else {
            here.parent().map_or(Ok(()), fs::create_dir_all)?;
            File::create(here)?;
        }
    }
    mounts::show(held, path)
}
