//! Path calls relative to a directory descriptor, each exactly one system call: what is judged and what is used are
//! the same descriptor. Errors are plain errno values, to be handed to whoever asked.

use std::ffi::CStr;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use nix::errno::Errno;

/// Result of one call.
pub type Done<T> = Result<T, Errno>;

/// Where a lookup may lead (`openat2(2)`). Magic links of `/proc` are never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The directory counts as the root: `/`, `..` and symlinks stay beneath it.
    InRoot,
    /// The same, and a symlink anywhere on the way is `ELOOP`: the path means what it says.
    InRootPlain,
    /// One name in this very directory; a symlink there is not followed.
    Name,
}

impl Reach {
    const fn bits(self) -> u64 {
        let none = libc::RESOLVE_NO_MAGICLINKS;
        match self {
            Self::InRoot => none | libc::RESOLVE_IN_ROOT,
            Self::InRootPlain => none | libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_SYMLINKS,
            Self::Name => none | libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS,
        }
    }
}

/// How to open: flags as for `open(2)`, and the mode that counts only where a file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// `O_…`
    pub flags: i32,
    /// Permission bits, before the umask.
    pub mode: u32,
}

impl How {
    /// A handle on an object that opens nothing.
    pub const HANDLE: Self = Self { flags: libc::O_PATH | libc::O_NOFOLLOW, mode: 0 };
    /// A handle on a directory.
    pub const DIRECTORY: Self = Self { flags: libc::O_PATH | libc::O_DIRECTORY, mode: 0 };
}

fn done(result: libc::c_long) -> Done<()> {
    if result < 0 { Err(Errno::last()) } else { Ok(()) }
}

fn own(fd: libc::c_long) -> Done<OwnedFd> {
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Errno::last()),
    }
}

/// `openat2(2)`, always close-on-exec.
///
/// # Errors
/// Its errno; `EAGAIN` where a rename outside raced with `..`.
pub fn open(dir: BorrowedFd<'_>, path: &CStr, how: How, reach: Reach) -> Done<OwnedFd> {
    let flags = u64::from((how.flags | libc::O_CLOEXEC).cast_unsigned());
    // SAFETY: an all-zero open_how is valid.
    let mut raw: libc::open_how = unsafe { std::mem::zeroed() };
    raw.flags = flags;
    raw.mode = u64::from(how.mode);
    raw.resolve = reach.bits();
    // SAFETY: the path is NUL-terminated, the structure is as long as said; both outlive the call.
    own(unsafe {
        libc::syscall(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), &raw const raw, size_of::<libc::open_how>())
    })
}

/// Opens the object behind a descriptor of ours once more, with other flags: the same inode, whatever it is called.
///
/// # Errors
/// What `open(2)` says.
pub fn reopen(object: BorrowedFd<'_>, flags: i32) -> Done<OwnedFd> {
    let path = own_path(object, b"");
    let flags = (flags | libc::O_CLOEXEC) & !(libc::O_NOFOLLOW | libc::O_CREAT | libc::O_EXCL);
    // SAFETY: the path is NUL-terminated.
    own(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0) })
}

/// `/proc/self/fd/N` and, where there is one, `/NAME`, NUL-terminated.
struct OwnPath(Vec<u8>);

impl OwnPath {
    fn as_ptr(&self) -> *const libc::c_char {
        self.0.as_ptr().cast()
    }
}

fn own_path(object: BorrowedFd<'_>, name: &[u8]) -> OwnPath {
    let mut path = format!("/proc/self/fd/{}", object.as_raw_fd()).into_bytes();
    if !name.is_empty() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path.push(0);
    OwnPath(path)
}

/// `fstatat(2)` of a name, no symlink followed; of the descriptor itself where the name is empty.
///
/// # Errors
/// Its errno.
pub fn stat(dir: BorrowedFd<'_>, name: &CStr) -> Done<libc::stat> {
    let mut out = MaybeUninit::<libc::stat>::zeroed();
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH;
    // SAFETY: the name is NUL-terminated, `out` is a stat.
    done(unsafe { libc::fstatat(dir.as_raw_fd(), name.as_ptr(), out.as_mut_ptr(), flags) }.into())?;
    // SAFETY: it was zeroed, and the kernel has filled it.
    Ok(unsafe { out.assume_init() })
}

/// Whether a mount stands at a name (`STATX_ATTR_MOUNT_ROOT`, statx(2), since Linux 5.8), in whichever mount namespace the
/// directory was found.
///
/// # Errors
/// Its errno.
pub fn is_mount(dir: BorrowedFd<'_>, name: &CStr) -> Done<bool> {
    let out = statx(dir, name, 0)?;
    let root = u64::try_from(libc::STATX_ATTR_MOUNT_ROOT).unwrap_or_default();
    Ok(out.stx_attributes & out.stx_attributes_mask & root != 0)
}

/// The mount that a name is on, or the descriptor itself where the name is empty (`STATX_MNT_ID`, statx(2), since Linux 5.8).
///
/// # Errors
/// Its errno; `ENOSYS` where the kernel doesn't tell.
pub fn mount_of(dir: BorrowedFd<'_>, name: &CStr) -> Done<u64> {
    let out = statx(dir, name, libc::STATX_MNT_ID)?;
    if out.stx_mask & libc::STATX_MNT_ID == 0 { Err(Errno::ENOSYS) } else { Ok(out.stx_mnt_id) }
}

/// `statx(2)` of a name itself, or of the descriptor where it is empty.
fn statx(dir: BorrowedFd<'_>, name: &CStr, mask: u32) -> Done<libc::statx> {
    let mut out = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH;
    // SAFETY: the name is NUL-terminated, `out` is a statx.
    done(unsafe { libc::statx(dir.as_raw_fd(), name.as_ptr(), flags, mask, out.as_mut_ptr()) }.into())?;
    // SAFETY: it was zeroed, and the kernel has filled it.
    Ok(unsafe { out.assume_init() })
}

/// `readlinkat(2)`; of the link behind the descriptor itself where the name is empty.
///
/// # Errors
/// Its errno; `ENAMETOOLONG` where the target doesn't fit a page.
pub fn read_link(dir: BorrowedFd<'_>, name: &CStr) -> Done<Vec<u8>> {
    let mut out = vec![0u8; 4096];
    // SAFETY: the name is NUL-terminated, `out` is writable and as long as said.
    let n = unsafe { libc::readlinkat(dir.as_raw_fd(), name.as_ptr(), out.as_mut_ptr().cast(), out.len()) };
    let n = usize::try_from(n).map_err(|_| Errno::last())?;
    if n == out.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    out.truncate(n);
    Ok(out)
}

/// Whether nobody has a file open for writing, or mapped to be written: a read lease could be had (`fcntl(2)`,
/// `F_SETLEASE`). `file` is open for reading. A file system without leases says no.
#[must_use]
pub fn has_no_writer(file: BorrowedFd<'_>) -> bool {
    // SAFETY: takes a descriptor and a number.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) } != 0 {
        return false;
    }
    // SAFETY: the same; the lease goes with the descriptor in any case.
    let _gone = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
    true
}

/// Whether a directory may be written, by permission bits and mount, as `access(2)` sees it.
///
/// # Errors
/// `EACCES`, `EROFS`.
pub fn may_write(dir: BorrowedFd<'_>) -> Done<()> {
    let (flags, path) = (libc::AT_EMPTY_PATH | libc::AT_EACCESS, c"");
    // SAFETY: the path is NUL-terminated.
    done(unsafe { libc::syscall(libc::SYS_faccessat2, dir.as_raw_fd(), path.as_ptr(), libc::W_OK, flags) })
}

/// `mkdirat(2)`
///
/// # Errors
/// Its errno.
pub fn make_directory(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> Done<()> {
    // SAFETY: the name is NUL-terminated.
    done(unsafe { libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode) }.into())
}

/// `mknodat(2)`, without devices: a regular file, a FIFO or a socket.
///
/// # Errors
/// Its errno.
pub fn make_node(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> Done<()> {
    // SAFETY: the name is NUL-terminated.
    done(unsafe { libc::mknodat(dir.as_raw_fd(), name.as_ptr(), mode, 0) }.into())
}

/// `unlinkat(2)`
///
/// # Errors
/// Its errno.
pub fn unlink(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Done<()> {
    // SAFETY: the name is NUL-terminated.
    done(unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), flags) }.into())
}

/// A name in a directory.
pub type Spot<'a> = (BorrowedFd<'a>, &'a CStr);

/// `renameat2(2)`
///
/// # Errors
/// Its errno.
pub fn rename((from, old): Spot<'_>, (to, new): Spot<'_>, flags: u32) -> Done<()> {
    // SAFETY: both names are NUL-terminated.
    done(unsafe {
        libc::syscall(libc::SYS_renameat2, from.as_raw_fd(), old.as_ptr(), to.as_raw_fd(), new.as_ptr(), flags)
    })
}

/// `linkat(2)` of a name; a symlink is linked itself.
///
/// # Errors
/// Its errno.
pub fn link((from, old): Spot<'_>, (to, new): Spot<'_>) -> Done<()> {
    // SAFETY: both names are NUL-terminated.
    done(unsafe { libc::linkat(from.as_raw_fd(), old.as_ptr(), to.as_raw_fd(), new.as_ptr(), 0) }.into())
}

/// `linkat(2)` of the object behind a descriptor, one from `O_TMPFILE` too.
///
/// # Errors
/// Its errno.
pub fn link_object(object: BorrowedFd<'_>, (to, new): Spot<'_>) -> Done<()> {
    let old = own_path(object, b"");
    let flags = libc::AT_SYMLINK_FOLLOW;
    // SAFETY: both paths are NUL-terminated.
    done(unsafe { libc::linkat(libc::AT_FDCWD, old.as_ptr(), to.as_raw_fd(), new.as_ptr(), flags) }.into())
}

/// `symlinkat(2)`
///
/// # Errors
/// Its errno.
pub fn symlink(target: &CStr, (dir, name): Spot<'_>) -> Done<()> {
    // SAFETY: both are NUL-terminated.
    done(unsafe { libc::symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()) }.into())
}

/// `chmod(2)` of the object behind a handle; `EOPNOTSUPP` for a symlink.
///
/// # Errors
/// Its errno.
pub fn change_mode(object: BorrowedFd<'_>, mode: u32) -> Done<()> {
    let path = own_path(object, b"");
    // SAFETY: the path is NUL-terminated.
    done(unsafe { libc::fchmodat(libc::AT_FDCWD, path.as_ptr(), mode, 0) }.into())
}

/// `fchmod(2)` of an open file; `EBADF` for a mere handle.
///
/// # Errors
/// Its errno.
pub fn change_open_mode(file: BorrowedFd<'_>, mode: u32) -> Done<()> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::fchmod(file.as_raw_fd(), mode) }.into())
}

/// `fchown(2)` of an open file; `EBADF` for a mere handle.
///
/// # Errors
/// Its errno.
pub fn change_open_owner(file: BorrowedFd<'_>, user: u32, group: u32) -> Done<()> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::fchown(file.as_raw_fd(), user, group) }.into())
}

/// `fchownat(2)` of the object behind a handle, a symlink itself too. `u32::MAX` leaves one alone.
///
/// # Errors
/// Its errno.
pub fn change_owner(object: BorrowedFd<'_>, user: u32, group: u32) -> Done<()> {
    // SAFETY: the path is NUL-terminated.
    done(unsafe { libc::fchownat(object.as_raw_fd(), c"".as_ptr(), user, group, libc::AT_EMPTY_PATH) }.into())
}

/// `utimensat(2)` of the object behind a handle, a symlink itself too; none means now.
///
/// # Errors
/// Its errno.
pub fn change_times(object: BorrowedFd<'_>, times: Option<&[libc::timespec; 2]>) -> Done<()> {
    let times = times.map_or(std::ptr::null(), |times| times.as_ptr());
    // SAFETY: the path is NUL-terminated; the times are null or two of them.
    done(unsafe { libc::utimensat(object.as_raw_fd(), c"".as_ptr(), times, libc::AT_EMPTY_PATH) }.into())
}

/// `truncate(2)` of the object behind a handle.
///
/// # Errors
/// Its errno.
pub fn truncate(object: BorrowedFd<'_>, length: i64) -> Done<()> {
    let path = own_path(object, b"");
    // SAFETY: the path is NUL-terminated.
    done(unsafe { libc::truncate(path.as_ptr(), length) }.into())
}

/// An extended attribute's new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `XATTR_CREATE`, `XATTR_REPLACE`
    pub flags: i32,
}

/// `lsetxattr(2)` of the object behind a handle, or of a name in the directory behind it; none removes it.
///
/// # Errors
/// Its errno.
pub fn set_attribute(object: BorrowedFd<'_>, at: &CStr, attribute: &CStr, value: Option<&Value>) -> Done<()> {
    let path = own_path(object, at.to_bytes());
    let (path, name) = (path.as_ptr(), attribute.as_ptr());
    let follow = at.is_empty(); // then the last component is our own magic link
    let result = match (value, follow) {
        // SAFETY: both names are NUL-terminated, the value is as long as said.
        (Some(v), true) => unsafe { libc::setxattr(path, name, v.bytes.as_ptr().cast(), v.bytes.len(), v.flags) },
        // SAFETY: both names are NUL-terminated, the value is as long as said.
        (Some(v), false) => unsafe { libc::lsetxattr(path, name, v.bytes.as_ptr().cast(), v.bytes.len(), v.flags) },
        // SAFETY: both names are NUL-terminated.
        (None, true) => unsafe { libc::removexattr(path, name) },
        // SAFETY: both names are NUL-terminated.
        (None, false) => unsafe { libc::lremovexattr(path, name) },
    };
    done(result.into())
}

/// What the kernel calls the object behind a descriptor of ours now (`/proc/self/fd/N`).
///
/// # Errors
/// `ENAMETOOLONG` where that is longer than a page: what can't be named can't be judged.
pub fn name_of(object: BorrowedFd<'_>) -> Done<Vec<u8>> {
    let path = own_path(object, b"");
    let mut out = vec![0u8; 4096];
    // SAFETY: the path is NUL-terminated, `out` is writable and as long as said.
    let n = unsafe { libc::readlink(path.as_ptr(), out.as_mut_ptr().cast(), out.len()) };
    let n = usize::try_from(n).map_err(|_| Errno::last())?;
    if n == out.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    out.truncate(n);
    Ok(out)
}
