//! A path call as its caller made it: every argument copied, so that what is judged is what is done, whatever the
//! caller's other threads write over its memory meanwhile.

use std::ffi::CString;

use libc::timespec;
use nix::errno::Errno;
use tollgate_sys::at::Value;
use tollgate_sys::memory;
use tollgate_sys::notify::Notification;

/// `PATH_MAX`, its NUL included.
const LONGEST: usize = 4096;
/// `XATTR_NAME_MAX`, `XATTR_SIZE_MAX`
const ATTRIBUTE: (usize, usize) = (255, 65536);
/// What `openat(2)` looks at; it ignores other bits, which `openat2(2)` would refuse.
const KNOWN: i32 = libc::O_ACCMODE
    | libc::O_CREAT
    | libc::O_EXCL
    | libc::O_NOCTTY
    | libc::O_TRUNC
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_SYNC
    | libc::O_ASYNC
    | libc::O_DIRECT
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_NOATIME
    | libc::O_CLOEXEC
    | libc::O_TMPFILE;

/// Where a path starts that doesn't start with `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The working directory.
    Cwd,
    /// A descriptor.
    Fd(i32),
}

/// A path as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) base: Base,
    pub(crate) path: CString,
}

/// What becomes of a symlink at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// It is what is meant.
    Itself,
    /// It is followed.
    Followed,
}

/// The object of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Of {
    /// By path.
    Path(Spot, Last),
    /// By descriptor, `O_PATH` will do (`AT_EMPTY_PATH`).
    Handle(i32),
    /// By descriptor that was opened.
    Open(i32),
}

/// A change to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Mode(u32),
    Owner(u32, u32),
    /// None means now.
    Times(Option<[timespec; 2]>),
    Length(i64),
    /// None removes it.
    Attribute(CString, Option<Value>),
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Open { at: Spot, flags: i32, mode: u32 },
    MakeDirectory { at: Spot, mode: u32 },
    MakeNode { at: Spot, mode: u32, device: u64 },
    Unlink { at: Spot, flags: i32 },
    Rename { from: Spot, to: Spot, flags: u32 },
    Link { from: Of, to: Spot },
    Symlink { target: CString, at: Spot },
    Alter { of: Of, change: Change },
    Bind { socket: i32, path: Bound },
    Look { at: Spot, last: Last },
    Umask,
}

/// The address that a socket is to be bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    Path(CString),
    /// An abstract name, or none yet: the address as given.
    Nameless,
    /// Not a unix socket's.
    Foreign,
}

/// The calls that are understood here; the gate sends these and no others.
pub const CALLS: [&str; 43] = [
    "open",
    "openat",
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "unlink",
    "unlinkat",
    "rmdir",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
    "truncate",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "setxattrat",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "removexattrat",
    "bind",
    "umask",
    "openat2",
    "chdir",
    "inotify_add_watch",
];

struct Args<'a>(&'a Notification);

impl Args<'_> {
    fn raw(&self, n: usize) -> u64 {
        self.0.args.get(n).copied().unwrap_or_default()
    }

    /// As the kernel takes an `int`: the lower half.
    #[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
    fn word(&self, n: usize) -> u32 {
        self.raw(n) as u32
    }

    fn int(&self, n: usize) -> i32 {
        self.word(n).cast_signed()
    }

    fn base(&self, n: usize) -> Base {
        match self.int(n) {
            libc::AT_FDCWD => Base::Cwd,
            fd => Base::Fd(fd),
        }
    }

    fn text(&self, n: usize, (longest, otherwise): (usize, Errno)) -> Result<CString, Errno> {
        let bytes = memory::string(self.0.tid, self.raw(n), longest).map_err(|err| match err.raw_os_error() {
            Some(libc::E2BIG) => otherwise,
            Some(libc::EPERM) => Errno::EPERM,
            Some(libc::ESRCH) => Errno::EINTR,
            _ => Errno::EFAULT,
        })?;
        if bytes.len() > longest {
            return Err(otherwise);
        }
        CString::new(bytes).map_err(|_| Errno::EFAULT)
    }

    fn path(&self, n: usize) -> Result<CString, Errno> {
        self.text(n, (LONGEST - 1, Errno::ENAMETOOLONG))
    }

    fn spot(&self, base: Base, path: usize) -> Result<Spot, Errno> {
        Ok(Spot { base, path: self.path(path)? })
    }

    fn here(&self, path: usize) -> Result<Spot, Errno> {
        self.spot(Base::Cwd, path)
    }

    fn at(&self, dir: usize) -> Result<Spot, Errno> {
        self.spot(self.base(dir), dir + 1)
    }

    /// The object of an `…at` call with flags; `plain` says what they mean without any.
    fn of(&self, dir: usize, flags: i32, plain: Last) -> Result<Of, Errno> {
        let turned = match plain {
            Last::Followed => libc::AT_SYMLINK_NOFOLLOW,
            Last::Itself => libc::AT_SYMLINK_FOLLOW,
        };
        if flags & !(turned | libc::AT_EMPTY_PATH) != 0 {
            return Err(Errno::EINVAL);
        }
        let at = self.at(dir)?;
        if at.path.is_empty() && flags & libc::AT_EMPTY_PATH != 0 {
            return Ok(match at.base {
                Base::Fd(fd) => Of::Handle(fd),
                Base::Cwd => Of::Path(Spot { base: Base::Cwd, path: CString::from(c".") }, Last::Followed),
            });
        }
        let other = if plain == Last::Followed { Last::Itself } else { Last::Followed };
        Ok(Of::Path(at, if flags & turned == 0 { plain } else { other }))
    }

    fn words<const N: usize>(&self, address: u64) -> Result<[i64; N], Errno> {
        let mut bytes = [[0u8; 8]; N];
        memory::read_exact(self.0.tid, address, bytes.as_flattened_mut()).map_err(|_| Errno::EFAULT)?;
        Ok(bytes.map(i64::from_ne_bytes))
    }

    /// Two times, seconds and a fraction each; none for a null pointer.
    fn times(&self, n: usize, unit: Unit) -> Result<Option<[timespec; 2]>, Errno> {
        let address = self.raw(n);
        if address == 0 {
            return Ok(None);
        }
        let time = |tv_sec, tv_nsec| timespec { tv_sec, tv_nsec };
        if unit == Unit::Second {
            let [a, m] = self.words(address)?;
            return Ok(Some([time(a, 0), time(m, 0)]));
        }
        let [a, af, m, mf] = self.words(address)?;
        if unit == Unit::Nanosecond {
            return Ok(Some([time(a, af), time(m, mf)]));
        }
        if [af, mf].iter().any(|part| !(0..1_000_000).contains(part)) {
            return Err(Errno::EINVAL);
        }
        Ok(Some([time(a, af * 1000), time(m, mf * 1000)]))
    }

    fn value(&self, (address, length): (u64, u64), flags: i32) -> Result<Value, Errno> {
        let length = usize::try_from(length).ok().filter(|&n| n <= ATTRIBUTE.1).ok_or(Errno::E2BIG)?;
        let mut bytes = vec![0; length];
        if length > 0 {
            memory::read_exact(self.0.tid, address, &mut bytes).map_err(|_| Errno::EFAULT)?;
        }
        Ok(Value { bytes, flags })
    }

    fn attribute(&self, n: usize) -> Result<CString, Errno> {
        let name = self.text(n, (ATTRIBUTE.0, Errno::ERANGE))?;
        if name.is_empty() { Err(Errno::ERANGE) } else { Ok(name) }
    }

    /// `setxattr` and its like: name, value, length, flags from argument 1 on.
    fn set_attribute(&self, of: Of) -> Result<What, Errno> {
        let name = self.attribute(1)?;
        let value = self.value((self.raw(2), self.raw(3)), self.int(4))?;
        Ok(What::Alter { of, change: Change::Attribute(name, Some(value)) })
    }

    fn set_attribute_at(&self) -> Result<What, Errno> {
        // struct xattr_args { u64 value; u32 size; u32 flags; }: include/uapi/linux/xattr.h, Linux 6.13
        if self.raw(5) != 16 {
            return Err(if self.raw(5) < 16 { Errno::EINVAL } else { Errno::E2BIG });
        }
        let of = self.of(0, self.int(2), Last::Followed)?;
        let name = self.attribute(3)?;
        let [value, packed] = self.words(self.raw(4))?;
        let packed = packed.to_ne_bytes();
        let half = |at: usize| packed.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        let (size, flags) = (u32::from_ne_bytes(half(0)), i32::from_ne_bytes(half(4)));
        let value = self.value((value.cast_unsigned(), u64::from(size)), flags)?;
        Ok(What::Alter { of, change: Change::Attribute(name, Some(value)) })
    }

    fn bind(&self) -> Result<What, Errno> {
        let socket = self.int(0);
        let length = usize::try_from(self.int(2)).ok().filter(|&n| n <= 128).ok_or(Errno::EINVAL)?;
        let mut bytes = vec![0u8; length];
        memory::read_exact(self.0.tid, self.raw(1), &mut bytes).map_err(|_| Errno::EFAULT)?;
        let family = bytes.first_chunk::<2>().map_or(0, |two| u16::from_ne_bytes(*two));
        let path = if i32::from(family) == libc::AF_UNIX {
            let name = bytes.get(2..).unwrap_or_default();
            let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
            match name.get(..end).map(CString::new) {
                Some(Ok(path)) if !path.is_empty() && name.len() <= 108 => Bound::Path(path),
                _ => Bound::Nameless,
            }
        } else {
            Bound::Foreign
        };
        Ok(What::Bind { socket, path })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Microsecond,
    Nanosecond,
}

fn open(at: Spot, flags: i32, mode: u32) -> What {
    if flags & libc::O_PATH != 0 {
        let last = if flags & libc::O_NOFOLLOW != 0 { Last::Itself } else { Last::Followed };
        return What::Look { at, last };
    }
    let flags = flags & KNOWN;
    let makes = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
    What::Open { at, flags, mode: if makes { mode & 0o7777 } else { 0 } }
}

/// Copies a call's arguments. `ENOSYS` for a call that isn't one of [`CALLS`].
pub(crate) fn copy(name: &str, call: &Notification) -> Result<What, Errno> {
    let a = Args(call);
    let link = |spot| Of::Path(spot, Last::Itself);
    let follow = |spot| Of::Path(spot, Last::Followed);
    let alter = |of, change| What::Alter { of, change };
    Ok(match name {
        "open" => open(a.here(0)?, a.int(1), a.word(2)),
        "openat" => open(a.at(0)?, a.int(2), a.word(3)),
        "creat" => open(a.here(0)?, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, a.word(1)),
        "mkdir" => What::MakeDirectory { at: a.here(0)?, mode: a.word(1) },
        "mkdirat" => What::MakeDirectory { at: a.at(0)?, mode: a.word(2) },
        "mknod" => What::MakeNode { at: a.here(0)?, mode: a.word(1), device: a.raw(2) },
        "mknodat" => What::MakeNode { at: a.at(0)?, mode: a.word(2), device: a.raw(3) },
        "unlink" => What::Unlink { at: a.here(0)?, flags: 0 },
        "rmdir" => What::Unlink { at: a.here(0)?, flags: libc::AT_REMOVEDIR },
        "unlinkat" => What::Unlink { at: a.at(0)?, flags: a.int(2) },
        "rename" => What::Rename { from: a.here(0)?, to: a.here(1)?, flags: 0 },
        "renameat" => What::Rename { from: a.at(0)?, to: a.at(2)?, flags: 0 },
        "renameat2" => What::Rename { from: a.at(0)?, to: a.at(2)?, flags: a.word(4) },
        "link" => What::Link { from: link(a.here(0)?), to: a.here(1)? },
        "linkat" => What::Link { from: a.of(0, a.int(4), Last::Itself)?, to: a.at(2)? },
        "symlink" => What::Symlink { target: a.path(0)?, at: a.here(1)? },
        "symlinkat" => What::Symlink { target: a.path(0)?, at: a.at(1)? },
        "chmod" => alter(follow(a.here(0)?), Change::Mode(a.word(1))),
        "fchmod" => alter(Of::Open(a.int(0)), Change::Mode(a.word(1))),
        "fchmodat" => alter(a.of(0, 0, Last::Followed)?, Change::Mode(a.word(2))),
        "fchmodat2" => alter(a.of(0, a.int(3), Last::Followed)?, Change::Mode(a.word(2))),
        "chown" => alter(follow(a.here(0)?), Change::Owner(a.word(1), a.word(2))),
        "lchown" => alter(link(a.here(0)?), Change::Owner(a.word(1), a.word(2))),
        "fchown" => alter(Of::Open(a.int(0)), Change::Owner(a.word(1), a.word(2))),
        "fchownat" => alter(a.of(0, a.int(4), Last::Followed)?, Change::Owner(a.word(2), a.word(3))),
        "utime" => alter(follow(a.here(0)?), Change::Times(a.times(1, Unit::Second)?)),
        "utimes" => alter(follow(a.here(0)?), Change::Times(a.times(1, Unit::Microsecond)?)),
        "futimesat" if a.raw(1) == 0 => alter(Of::Open(a.int(0)), Change::Times(a.times(2, Unit::Microsecond)?)),
        "futimesat" => alter(follow(a.at(0)?), Change::Times(a.times(2, Unit::Microsecond)?)),
        "utimensat" if a.raw(1) == 0 => alter(Of::Open(a.int(0)), Change::Times(a.times(2, Unit::Nanosecond)?)),
        "utimensat" => alter(a.of(0, a.int(3), Last::Followed)?, Change::Times(a.times(2, Unit::Nanosecond)?)),
        "truncate" => alter(follow(a.here(0)?), Change::Length(a.raw(1).cast_signed())),
        "setxattr" => a.set_attribute(follow(a.here(0)?))?,
        "lsetxattr" => a.set_attribute(link(a.here(0)?))?,
        "fsetxattr" => a.set_attribute(Of::Open(a.int(0)))?,
        "setxattrat" => a.set_attribute_at()?,
        "removexattr" => alter(follow(a.here(0)?), Change::Attribute(a.attribute(1)?, None)),
        "lremovexattr" => alter(link(a.here(0)?), Change::Attribute(a.attribute(1)?, None)),
        "fremovexattr" => alter(Of::Open(a.int(0)), Change::Attribute(a.attribute(1)?, None)),
        "removexattrat" => alter(a.of(0, a.int(2), Last::Followed)?, Change::Attribute(a.attribute(3)?, None)),
        "bind" => a.bind()?,
        "umask" => What::Umask,
        "chdir" => What::Look { at: a.here(0)?, last: Last::Followed },
        "inotify_add_watch" => {
            let last = if a.word(2) & libc::IN_DONT_FOLLOW != 0 { Last::Itself } else { Last::Followed };
            What::Look { at: a.here(1)?, last }
        }
        _ => return Err(Errno::ENOSYS),
    })
}
