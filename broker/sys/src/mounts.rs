//! Mounts (`mount(2)`, `open_tree(2)`, `move_mount(2)`), for a mount namespace of one's own.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

use crate::process::done;

const NO_RIGHTS: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

fn mount(
    source: Option<&CStr>,
    target: &CStr,
    (kind, flags): (Option<&CStr>, libc::c_ulong),
    data: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: each pointer is null or leads to a NUL-terminated string that outlives the call.
    done(unsafe { libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(data).cast()) })
}

/// What is mounted here later is not seen outside, and the other way round.
///
/// # Errors
/// What `mount(2)` says.
pub fn make_private() -> io::Result<()> {
    mount(None, c"/", (None, libc::MS_REC | libc::MS_PRIVATE), None)
}

/// Shows `source` at `target`.
///
/// # Errors
/// What `mount(2)` says.
pub fn bind(source: &CStr, target: &CStr) -> io::Result<()> {
    mount(Some(source), target, (None, libc::MS_BIND), None)
}

/// Makes `target` read-only, where it is seen from here: shows it once more at its own place, unwritable.
///
/// # Errors
/// What `mount(2)` says.
pub fn freeze(target: &CStr) -> io::Result<()> {
    bind(target, target)?;
    // A remount must repeat the flags that a user namespace has locked (nosuid, nodev, noexec, atime): ask for them.
    // SAFETY: an all-zero statvfs is valid; the kernel fills it.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is NUL-terminated, `found` is a statvfs.
    done(unsafe { libc::statvfs(target.as_ptr(), &raw mut found) })?;
    // ST_NOSUID, ST_NODEV, ST_NOEXEC have the values of MS_*; ST_NOATIME 0x400, ST_NODIRATIME 0x800, ST_RELATIME 0x1000.
    let flags = found.f_flag;
    let mut kept =
        flags & (libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC | libc::MS_NOATIME | libc::MS_NODIRATIME);
    if flags & 0x1000 != 0 {
        kept |= libc::MS_RELATIME;
    }
    mount(None, target, (None, libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY | kept), None)
}

/// Makes all that is mounted now unwritable, where it is seen from here (`mount_setattr(2)`, Linux 5.12): content, names,
/// and also permissions, owners, times and attributes, which Landlock does not govern. Devices stay usable.
///
/// # Errors
/// What `mount_setattr(2)` says; `EINVAL` where `/` is no mount point.
pub fn freeze_all() -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    const READ_ONLY: u64 = 1; // MOUNT_ATTR_RDONLY
    let wanted = Attributes { set: READ_ONLY, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: the path is NUL-terminated; the struct is a mount_attr of the size that is named.
    let got = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const wanted,
            size_of::<Attributes>(),
        )
    };
    done(i32::try_from(got).unwrap_or(-1))
}

/// Pins a directory to its place: shown once more at its own path, it can't be renamed or removed (`EBUSY`).
///
/// # Errors
/// What `mount(2)` says.
pub fn pin(target: &CStr) -> io::Result<()> {
    mount(Some(target), target, (None, libc::MS_BIND | libc::MS_REC), None)
}

/// Pseudo-terminals of one's own (Linux, Documentation/filesystems/devpts.rst): `/dev/ptmx` finds them beside itself.
///
/// # Errors
/// What `mount(2)` says.
pub fn terminals(target: &CStr) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NOEXEC;
    mount(Some(c"devpts"), target, (Some(c"devpts"), flags), Some(c"newinstance,ptmxmode=0666,mode=0600"))
}

/// A fresh memory file system that everybody inside may write (`/dev/shm`).
///
/// # Errors
/// What `mount(2)` says.
pub fn scratch(target: &CStr) -> io::Result<()> {
    mount(Some(c"tmpfs"), target, (Some(c"tmpfs"), NO_RIGHTS), Some(c"mode=1777"))
}

/// An empty directory that nobody can write.
///
/// # Errors
/// What `mount(2)` says.
pub fn empty_directory(target: &CStr) -> io::Result<()> {
    let flags = NO_RIGHTS | libc::MS_RDONLY | libc::MS_NOEXEC;
    mount(Some(c"tmpfs"), target, (Some(c"tmpfs"), flags), Some(c"mode=0555,size=4k,nr_inodes=2"))
}

/// A file that reads as empty and swallows what is written.
///
/// # Errors
/// What `mount(2)` says.
pub fn empty_file(target: &CStr) -> io::Result<()> {
    bind(c"/dev/null", target)
}

/// A `/proc` of the process-id namespace one is in.
///
/// # Errors
/// What `mount(2)` says; `EPERM` in a container that masks parts of its own.
pub fn proc(target: &CStr) -> io::Result<()> {
    mount(Some(c"proc"), target, (Some(c"proc"), NO_RIGHTS | libc::MS_NOEXEC), None)
}

/// Takes away what is mounted at `target`, and all beneath it, at once; users that are left keep it until they go.
///
/// # Errors
/// What `umount(2)` says.
pub fn detach(target: &CStr) -> io::Result<()> {
    // SAFETY: the path is NUL-terminated.
    done(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) })
}

/// Takes hold of what is at `path`, to be shown elsewhere after `path` is covered.
///
/// # Errors
/// What `open_tree(2)` says.
pub fn hold(path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE.unsigned_abs();
    // SAFETY: the path is NUL-terminated; the rest are numbers.
    let got = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = i32::try_from(got).unwrap_or(-1);
    done(fd)?;
    // SAFETY: the call succeeded; nothing else owns the descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Shows what is held at `path`.
///
/// # Errors
/// What `move_mount(2)` says.
pub fn show(held: BorrowedFd<'_>, path: &CStr) -> io::Result<()> {
    const EMPTY_PATH: libc::c_uint = 4; // MOVE_MOUNT_F_EMPTY_PATH
    let at = libc::AT_FDCWD;
    // SAFETY: both paths are NUL-terminated; the rest are numbers.
    let got =
        unsafe { libc::syscall(libc::SYS_move_mount, held.as_raw_fd(), c"".as_ptr(), at, path.as_ptr(), EMPTY_PATH) };
    done(i32::try_from(got).unwrap_or(-1))
}
