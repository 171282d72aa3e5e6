//! Forking, and what a process says of itself on its way from fork to exec.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

use crate::namespaces::Set;

/// Which side of a fork one is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The parent; the child's id.
    Parent(i32),
    /// The child.
    Child,
}

pub(crate) fn done(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether the calling process has one thread.
#[must_use]
pub fn is_single_threaded() -> bool {
    // unshare(2): CLONE_THREAD does nothing, but is EINVAL if the caller has more than one thread.
    // SAFETY: the flag changes nothing in the process.
    match done(unsafe { libc::unshare(libc::CLONE_THREAD) }) {
        Ok(()) => true,
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => false,
        // A container's filter refuses the call, whatever its flags.
        Err(_) => std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1),
    }
}

/// Forks, the child in new namespaces. The child is a full copy, and may do what the parent may.
///
/// # Errors
/// What `clone(2)` says; `EBUSY` if the caller has more than one thread (a lock held by another would stay held).
pub fn fork(namespaces: Set) -> io::Result<Fork> {
    if !is_single_threaded() {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    let flags = libc::c_long::from(namespaces.flags() | libc::SIGCHLD);
    // SAFETY: without CLONE_VM the child has its own copy of memory and goes on, on this stack, as after fork(2);
    // there is no other thread that could have held a lock (checked above).
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0usize, 0usize, 0usize, 0usize) };
    match i32::try_from(pid) {
        Ok(0) => Ok(Fork::Child),
        Ok(pid) if pid > 0 => Ok(Fork::Parent(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A stack for a child that shares memory, with a page below it that must not be touched.
#[derive(Debug)]
pub struct Stack {
    base: *mut libc::c_void,
}

const STACK: usize = 256 * 1024;
const GUARD_PAGE: usize = 64 * 1024; // a page on every architecture

impl Stack {
    /// Maps one; memory is only used as far as it is touched.
    ///
    /// # Errors
    /// What `mmap(2)` and `mprotect(2)` say.
    pub fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new anonymous mapping overlaps nothing.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), STACK, access, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the range lies in the mapping just made, which nobody uses yet.
        done(unsafe { libc::mprotect(base, GUARD_PAGE, libc::PROT_NONE) })?;
        Ok(Self { base })
    }

    fn top(&self) -> *mut libc::c_void {
        // SAFETY: one past the end of the mapping that starts at `base`; page-aligned, so aligned for any ABI.
        unsafe { self.base.byte_add(STACK) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this stack's own, and no child runs on it: `vfork` comes back when that has gone.
        unsafe { libc::munmap(self.base, STACK) };
    }
}

/// Forks a child that borrows the caller's memory, while the caller waits until it executes a program or ends
/// (`CLONE_VM | CLONE_VFORK`): no page is copied. To the memory it is as if the caller had called `child`; descriptors,
/// directory, credentials, signals and limits are the child's own. What `child` returns is its exit code.
///
/// # Errors
/// What `clone(2)` says; `EBUSY` if the caller has more than one thread.
pub fn vfork(stack: &Stack, mut child: &mut dyn FnMut() -> i32) -> io::Result<i32> {
    extern "C" fn run(argument: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the pointer is the one given to clone below, to a closure that lives while the caller waits.
        let child = unsafe { &mut *argument.cast::<&mut dyn FnMut() -> i32>() };
        child()
    }
    if !is_single_threaded() {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let argument = (&raw mut child).cast::<libc::c_void>();
    // SAFETY: the stack is mapped and used by nobody else; the only thread of this memory waits (CLONE_VFORK) until the
    // child has left it, so what the child does to it is as if done by a call.
    let pid = unsafe { libc::clone(run, stack.top(), flags, argument) };
    done(pid).map(|()| pid)
}

/// Ends the process at once, without running destructors or flushing what the parent had buffered.
pub fn exit(code: i32) -> ! {
    // SAFETY: takes no pointers, does not return.
    unsafe { libc::_exit(code) }
}

/// A program with its arguments and environment, laid out for `execve(2)`.
#[derive(Debug)]
pub struct Image {
    program: CString,
    // The pointers lead into these; CString contents stay in place when the struct moves.
    _argv: Vec<CString>,
    _env: Vec<CString>,
    argv_pointers: Vec<*const libc::c_char>,
    env_pointers: Vec<*const libc::c_char>,
}

impl Image {
    /// Lays out. `env` holds `NAME=value`.
    #[must_use]
    pub fn new(program: CString, argv: Vec<CString>, env: Vec<CString>) -> Self {
        let pointers =
            |list: &[CString]| -> Vec<_> { list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect() };
        let (argv_pointers, env_pointers) = (pointers(&argv), pointers(&env));
        Self { program, _argv: argv, _env: env, argv_pointers, env_pointers }
    }

    /// Becomes the program; comes back only with an error.
    #[must_use]
    pub fn execute(&self) -> io::Error {
        // SAFETY: the program is NUL-terminated, both lists end with a null pointer and lead to strings owned by self.
        unsafe { libc::execve(self.program.as_ptr(), self.argv_pointers.as_ptr(), self.env_pointers.as_ptr()) };
        io::Error::last_os_error()
    }
}

fn control(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: the options used here take numbers only, no pointers.
    done(unsafe { libc::prctl(option, value, zero, zero, zero) })
}

/// Asks for a signal when the parent thread ends (`PR_SET_PDEATHSIG`). It may have ended already: look afterwards.
///
/// # Errors
/// What `prctl(2)` says.
pub fn signal_on_parent_death(signal: libc::c_int) -> io::Result<()> {
    control(libc::PR_SET_PDEATHSIG, libc::c_ulong::try_from(signal).unwrap_or(0))
}

/// Becomes the parent of all orphaned descendants (`PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// What `prctl(2)` says.
pub fn adopt_orphans() -> io::Result<()> {
    control(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// No later exec gives rights (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// What `prctl(2)` says.
pub fn forgo_new_privileges() -> io::Result<()> {
    control(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Whether others of the same user may look into the process (`PR_SET_DUMPABLE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// They may not: no ptrace, no `/proc/PID/mem`, no core file.
    Closed,
    /// They may, as usual.
    Open,
}

/// Sets whether others of the same user may look into the process.
///
/// # Errors
/// What `prctl(2)` says.
pub fn inspection(of: Inspection) -> io::Result<()> {
    control(libc::PR_SET_DUMPABLE, libc::c_ulong::from(of == Inspection::Open))
}

/// A new session, without a controlling terminal.
///
/// # Errors
/// What `setsid(2)` says.
pub fn new_session() -> io::Result<()> {
    // SAFETY: takes no arguments.
    done(unsafe { libc::setsid() })
}

/// A new process group, led by the caller.
///
/// # Errors
/// What `setpgid(2)` says.
pub fn new_group() -> io::Result<()> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::setpgid(0, 0) })
}

/// Changes the working directory; where device and inode are given, to no other.
///
/// # Errors
/// What `chdir(2)` says; `ESTALE` if another has the path.
pub fn enter_directory(path: &CStr, is: Option<(u64, u64)>) -> io::Result<()> {
    // SAFETY: the path is NUL-terminated.
    done(unsafe { libc::chdir(path.as_ptr()) })?;
    let Some(is) = is else { return Ok(()) };
    let mut here = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path is NUL-terminated, `here` is a stat.
    done(unsafe { libc::stat(c".".as_ptr(), here.as_mut_ptr()) })?;
    // SAFETY: it was zeroed, and the kernel has filled it.
    let here = unsafe { here.assume_init() };
    if (here.st_dev, here.st_ino) == is { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESTALE)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A directory may be moved away, and another put in its place, after it was looked at.
    #[test]
    fn another_directory_of_that_path_is_not_entered() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
        std::fs::create_dir(&one).unwrap();
        let path = std::ffi::CString::new(one.to_str().unwrap()).unwrap();
        let is = std::fs::metadata(&one).map(|meta| (meta.dev(), meta.ino())).unwrap();
        enter_directory(&path, Some(is)).unwrap();
        std::fs::rename(&one, &other).unwrap();
        std::os::unix::fs::symlink("/", &one).unwrap();
        assert_eq!(enter_directory(&path, Some(is)).unwrap_err().raw_os_error(), Some(libc::ESTALE));
        enter_directory(&path, None).unwrap();
        std::env::set_current_dir("/").unwrap();
    }
}
