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

/// Pseudo-terminals of one's own (Linux, Documentation/filesystems/devpts.rst), to be shown at `/dev/pts`: `/dev/ptmx`
/// finds them beside itself.
///
/// # Errors
/// What `fsopen(2)`, `fsconfig(2)` and `fsmount(2)` say.
pub fn terminals() -> io::Result<OwnedFd> {
    fresh(c"devpts", &[(c"ptmxmode", c"0666"), (c"mode", c"0600")], NOSUID | NOEXEC)
}

/// A fresh memory file system that everybody inside may write, to be shown at `/dev/shm`.
///
/// # Errors
/// What `fsopen(2)`, `fsconfig(2)` and `fsmount(2)` say.
pub fn scratch() -> io::Result<OwnedFd> {
    fresh(c"tmpfs", &[(c"mode", c"1777")], NOSUID | NODEV)
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

/// A `/proc` of the process-id namespace one is in, to be shown.
///
/// # Errors
/// What `fsopen(2)`, `fsconfig(2)` and `fsmount(2)` say; `EPERM` in a container that masks parts of its own.
pub fn proc() -> io::Result<OwnedFd> {
    fresh(c"proc", &[], NOSUID | NODEV | NOEXEC)
}

// MOUNT_ATTR_* of include/uapi/linux/mount.h.
const NOSUID: libc::c_uint = 2;
const NODEV: libc::c_uint = 4;
const NOEXEC: libc::c_uint = 8;

/// A new file system, mounted nowhere yet (Linux 5.2).
fn fresh(kind: &CStr, settings: &[(&CStr, &CStr)], attributes: libc::c_uint) -> io::Result<OwnedFd> {
    const CLOEXEC: libc::c_uint = 1; // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
    const SET_STRING: libc::c_uint = 1; // FSCONFIG_SET_STRING
    const CREATE: libc::c_uint = 6; // FSCONFIG_CMD_CREATE
    // SAFETY: the name is NUL-terminated; the rest are numbers.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), CLOEXEC) })?;
    let set = |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: both are null, as CREATE wants it, or NUL-terminated, as SET_STRING wants it.
        let got = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) };
        done(i32::try_from(got).unwrap_or(-1))
    };
    for (key, value) in settings {
        set(SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    set(CREATE, ptr::null(), ptr::null())?;
    // SAFETY: takes numbers only.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), CLOEXEC, attributes) })
}

/// The descriptor that a call has just made.
fn owned(got: libc::c_long) -> io::Result<OwnedFd> {
    let fd = i32::try_from(got).unwrap_or(-1);
    done(fd)?;
    // SAFETY: the call succeeded; nothing else owns the descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
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
    owned(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })
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
