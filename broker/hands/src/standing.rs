//! What may be done at a true path: the static boundary's roots by path as Landlock has them by inode, and the guards.

use std::cell::LazyCell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use tollgate_policy::boundary::{Boundary, Rights};
use tollgate_sys::at::{self, How, Reach};

use crate::guard::{Guarded, Guards, Unreadable};
use crate::leads::{End, Leads, bytes};
use crate::resolve::Place;
use crate::{Attempt, Stop, Wall};

/// Where a run's private directories may be seen inside though their roots are named otherwise.
const PRIVATE: [(&CStr, &str); 3] = [(c"/tmp", "/tmp"), (c"/var/tmp", "/var/tmp"), MEMORY];
/// Shared memory with a name.
const MEMORY: (&CStr, &str) = (c"/dev/shm", "/dev/shm");

/// What a path is, by device and inode; none where there is nothing.
pub(crate) type Object = Option<(u64, u64)>;

/// What stands at the roots that may be written, in their order.
pub(crate) fn writable(boundary: &Boundary) -> Vec<Object> {
    boundary.roots.iter().filter(|root| root.rights.write).map(|root| at_path(root.path.as_path())).collect()
}

fn at_path(path: &Path) -> Object {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The boundary as hands need it.
#[derive(Debug)]
pub(crate) struct Standing {
    roots: Vec<(Vec<u8>, Rights)>,
    /// What is another directory inside than outside, and the roots that are the same all the same.
    elsewhere: (Vec<Vec<u8>>, Vec<Vec<u8>>),
    pub(crate) guards: Guards,
}

/// What stands, or is to stand, at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Other,
}

/// What a call needs of a name, to have failed without us or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Missing,
    Present(Kind),
}

impl Kind {
    pub(crate) fn of(stat: &libc::stat) -> Self {
        if stat.st_mode & libc::S_IFMT == libc::S_IFDIR { Self::Directory } else { Self::Other }
    }
}

impl Standing {
    /// Whether [`Standing::new`] will understand all guarded globs.
    pub(crate) fn check(boundary: &Boundary) -> Result<(), Unreadable> {
        // All others can be read.
        let doubtful = |glob: &&String| glob.contains(['[', '{', '\\']);
        Guards::check(boundary.protected.iter().chain(&boundary.hidden).filter(doubtful))
    }

    /// `root` is the sandbox's own.
    pub(crate) fn new(
        root: BorrowedFd<'_>,
        (boundary, began, plain): (&Boundary, &[Object], &Path),
    ) -> Result<Self, Unreadable> {
        let mut leads = Leads::default();
        let (mut roots, mut there): (Vec<(Vec<u8>, Rights)>, Vec<_>) = (Vec::new(), Vec::new());
        let mut began = began.iter();
        for given in &boundary.roots {
            let path = given.path.as_path();
            let End { real, exists } = leads.end(path);
            let mut rights = given.rights;
            // Another run can have put something else there since. What is looked at is where the rights will hold, not the
            // name that led there.
            let strays = exists && real != path && plain.starts_with(path);
            if rights.write && (began.next().is_none_or(|began| *began != at_path(&real)) || strays) {
                rights.write = false;
            }
            roots.push((bytes(if exists { &real } else { path }), rights));
            if exists {
                there.push((path, rights));
            }
        }
        let shown = roots.iter().map(|(path, _)| path.clone()).collect();
        let apart = PRIVATE.iter().filter(|place| inside(root, **place).is_none_or(|stat| !is_at(&stat, place.1)));
        let apart = apart.map(|(_, text)| *text).chain(["/proc", "/dev", "/sys"]);
        let elsewhere = (apart.map(|text| text.as_bytes().to_vec()).collect(), shown);
        let objects = LazyCell::new(|| there.iter().filter_map(object).collect());
        let private = PRIVATE.iter().filter_map(|place| private(root, *place, &objects));
        roots.extend(private.collect::<Vec<_>>());
        let guards = Guards::new(boundary.protected.iter().chain(&boundary.hidden), &mut leads)?;
        Ok(Self { roots, elsewhere, guards })
    }

    /// Whether a path inside may mean something else outside.
    pub(crate) fn is_elsewhere(&self, path: &[u8]) -> bool {
        let (apart, shown) = &self.elsewhere;
        let in_one_of = |places: &[Vec<u8>]| places.iter().any(|place| covers(place, path));
        !path.starts_with(b"/") || (in_one_of(apart) && !in_one_of(shown))
    }

    /// The rights at a true path: those of all roots above it together.
    pub(crate) fn rights(&self, path: &[u8]) -> Rights {
        let mut all = Rights::default();
        for (_, rights) in self.roots.iter().filter(|(root, _)| covers(root, path)) {
            all.read |= rights.read;
            all.execute |= rights.execute;
            all.write |= rights.write;
            all.device |= rights.device;
        }
        all
    }

    /// Whether a path may be known of: some root covers it, or lies beneath it.
    pub(crate) fn shows(&self, path: &[u8]) -> bool {
        self.roots.iter().any(|(root, rights)| {
            let opens = rights.read || rights.execute || rights.write || rights.device;
            opens && (covers(root, path) || covers(path, root))
        })
    }

    /// Whether something stands here that was given to the run as it is.
    fn is_root(&self, path: &[u8]) -> bool {
        self.roots.iter().any(|(root, _)| root == path)
    }

    /// Whether a path may be written, as what it is or is to be.
    pub(crate) fn may(&self, path: &[u8], kind: Kind) -> Result<(), Wall> {
        self.may_beneath(path, (path, kind))
    }

    /// Whether a name may be made, removed or replaced in a directory: by that one's rights, as Landlock has it. A root is
    /// not its own to move away.
    pub(crate) fn may_name(&self, above: &[u8], (path, kind): (&[u8], Kind)) -> Result<(), Wall> {
        self.may_beneath(above, (path, kind))?;
        if self.takes_names(above) { Ok(()) } else { Err(Wall::Root) }
    }

    /// Whether names may come and go in a directory. In a folder of devices these may be opened, and no more.
    pub(crate) fn takes_names(&self, above: &[u8]) -> bool {
        self.roots.iter().any(|(root, rights)| rights.write && !rights.device && covers(root, above))
    }

    fn may_beneath(&self, place: &[u8], (path, kind): (&[u8], Kind)) -> Result<(), Wall> {
        match self.guards.look(path) {
            Guarded::By(glob) => return Err(Wall::Guarded(self.guards.text(glob).to_owned())),
            Guarded::Above(above) if above.named && kind == Kind::Other => {
                let glob = self.guards.beneath(&above.trail);
                return Err(Wall::Guarded(self.guards.text(glob).to_owned()));
            }
            Guarded::Above(_) | Guarded::Free => {}
        }
        match (self.rights(place).write, self.rights(path).write) {
            _ if crate::resolve::is_proc(path) => Err(Wall::Outside),
            (true, _) => Ok(()),
            (false, true) => Err(Wall::Root),
            (false, false) => Err(Wall::Outside),
        }
    }

    /// Whether a path may be written whatever stands there, and no device does.
    pub(crate) fn is_plain(&self, path: &[u8]) -> bool {
        path.starts_with(b"/") && self.may(path, Kind::Other).is_ok() && !self.rights(path).device
    }

    /// Whether something may move from one directory to another: by Landlock's rule (`LANDLOCK_ACCESS_FS_REFER`) it
    /// must not gain rights, and if it would, that looks like another file system.
    pub(crate) fn may_refer(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let (old, new) = (self.rights(from), self.rights(to));
        let gains = [
            (old.read || old.execute || old.write, new.read || new.execute || new.write),
            (old.execute, new.execute),
            (old.write, new.write),
            (old.device, new.device),
        ];
        if gains.iter().any(|(old, new)| *new && !*old) { Err(Errno::EXDEV) } else { Ok(()) }
    }
}

fn covers(root: &[u8], path: &[u8]) -> bool {
    root == b"/" || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// What a place is inside.
fn inside(root: BorrowedFd<'_>, (path, _): (&CStr, &str)) -> Option<libc::stat> {
    let inside = at::open(root, path, How::DIRECTORY, Reach::InRoot).ok()?;
    at::stat(inside.as_fd(), c"").ok()
}

/// Whether that is what stands at a path outside.
fn is_at(inside: &libc::stat, outside: impl AsRef<std::path::Path>) -> bool {
    std::fs::metadata(outside).is_ok_and(|meta| (meta.dev(), meta.ino()) == (inside.st_dev, inside.st_ino))
}

/// Whether the sandbox has the `/dev/shm` that all share.
pub(crate) fn is_shared(root: BorrowedFd<'_>) -> bool {
    inside(root, MEMORY).is_some_and(|stat| is_at(&stat, MEMORY.1))
}

/// Roots by what they are: device and inode, in their order.
type Objects = Vec<((u64, u64), Rights)>;

fn object((path, rights): &(&Path, Rights)) -> Option<((u64, u64), Rights)> {
    Some((at_path(path)?, *rights))
}

/// The rights at a place that is private inside: those of the root that is shown there, or all where it is fresh.
fn private<F: FnOnce() -> Objects>(
    root: BorrowedFd<'_>,
    (path, text): (&CStr, &str),
    roots: &LazyCell<Objects, F>,
) -> Option<(Vec<u8>, Rights)> {
    let inside = inside(root, (path, text))?;
    if is_at(&inside, text) {
        return None; // it is the one that all share, and a root covers it or not
    }
    let shown = roots.iter().find(|(object, _)| *object == (inside.st_dev, inside.st_ino)).map(|(_, rights)| *rights);
    let fresh = Rights { read: true, write: true, ..Rights::default() };
    shown.or_else(|| (text == "/dev/shm").then_some(fresh)).map(|rights| (text.as_bytes().to_vec(), rights))
}

impl Attempt<'_> {
    /// Whether the path was approved.
    pub(crate) fn has_leave(&self, path: &[u8]) -> bool {
        self.leave.iter().any(|given| given == path)
    }

    /// What is done past the sandbox's mounts may not reach what is another place there than inside.
    pub(crate) fn same_place(&self, path: &[u8]) -> Result<(), Stop> {
        let strays = self.past_mounts && !self.has_leave(path) && self.standing.is_elsewhere(path);
        if strays { Err(Stop::Fails(Errno::EXDEV)) } else { Ok(()) }
    }

    /// Whether a path may be written.
    pub(crate) fn may(&self, path: &[u8], kind: Kind) -> Result<(), Stop> {
        if self.has_leave(path) {
            return Ok(());
        }
        self.same_place(path)?;
        self.standing.may(path, kind).map_err(|wall| Stop::Met(wall, path.to_vec()))
    }

    /// Whether a name may be made, removed or replaced. Where it may not, a call that would have failed anyhow fails
    /// as it would have.
    pub(crate) fn may_name(&self, place: &Place, (kind, expect): (Kind, Expect)) -> Result<(), Stop> {
        self.may_stand(place, kind).map_err(|stop| natural(place, expect).err().map_or(stop, Stop::Fails))
    }

    /// Whether something of this kind may stand at a name.
    pub(crate) fn may_stand(&self, place: &Place, kind: Kind) -> Result<(), Stop> {
        let path = place.path();
        if self.has_leave(&path) {
            return Ok(());
        }
        self.same_place(&path)?;
        if let Err(wall) = self.standing.may_name(&place.above, (&path, kind)) {
            return Err(Stop::Met(wall, path));
        }
        // The kernel keeps the place of a mount of the caller's namespace only (`is_local_mountpoint`), and this is another.
        let name = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
        let mounted = self.standing.is_root(&path) && at::is_mount(place.dir.as_fd(), &name) == Ok(true);
        if mounted { Err(Stop::Fails(Errno::EBUSY)) } else { Ok(()) }
    }
}

pub(crate) fn natural(place: &Place, expect: Expect) -> Result<(), Errno> {
    let name = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
    match (expect, at::stat(place.dir.as_fd(), &name)) {
        (Expect::Missing, Ok(_)) => return Err(Errno::EEXIST),
        (Expect::Missing, Err(Errno::ENOENT)) => {}
        (_, Err(errno)) => return Err(errno),
        (Expect::Present(kind), Ok(stat)) => match (kind, Kind::of(&stat)) {
            (Kind::Directory, Kind::Other) => return Err(Errno::ENOTDIR),
            (Kind::Other, Kind::Directory) => return Err(Errno::EISDIR),
            (Kind::Directory, Kind::Directory) | (Kind::Other, Kind::Other) => {}
        },
    }
    may_write(place.dir.as_fd())
}

/// As [`at::may_write`], but that a mount only reads is no answer: the sandbox's own mounts are made so.
pub(crate) fn may_write(object: BorrowedFd<'_>) -> Result<(), Errno> {
    match at::may_write(object) {
        Err(Errno::EROFS) => Ok(()),
        answer => answer,
    }
}
