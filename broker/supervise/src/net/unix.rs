//! Unix sockets that listen inside. The gate does every `listen`, and remembers which; a connection finds out whether one
//! of them is what it would come to, without coming to it: a service outside may act on a connection alone.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use nix::sys::socket::{UnixAddr, getsockname};
use nix::sys::stat::{fstat, major, minor};
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, fstatfs};

use super::diag::{Diag, Unix};
use super::{Net, cookie};
use crate::join::To;

/// A socket that was made to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ear {
    inode: u32,
    at: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Name(Vec<u8>),
    Place((u32, u32)),
}

/// Who listens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Inside,
    Outside,
    /// The kernel doesn't say.
    Unknown,
}

impl Net {
    /// Remembers a unix socket that listens. In a network of its own it is not to be seen from here.
    pub(super) fn hears(&mut self, socket: &OwnedFd) {
        match cookie(socket).ok().and_then(|cookie| Some((cookie, ear(socket, cookie)?))) {
            Some((cookie, ear)) => self.ears.put(cookie, ear),
            None => self.is_deaf = true,
        }
    }

    /// Whose socket a connection comes to. An inode keeps its listener, and a name, while it lives, is nobody else's.
    pub(crate) fn whose(&self, to: &To) -> Whose {
        let fits = match to {
            To::Name(name) => {
                self.ears.all().any(|(cookie, ear)| ear.at == At::Name(name.clone()) && lives(cookie, ear))
            }
            To::Inode(inode) => match place(inode) {
                Some((place, true)) => {
                    self.ears.all().any(|(cookie, ear)| ear.at == At::Place(place) && lives(cookie, ear))
                }
                Some(((_, inode), false)) if self.hears_at(inode) => return Whose::Unknown,
                Some((_, false)) => false,
                None => return Whose::Unknown,
            },
            To::Inet(_) | To::Inside(..) | To::Relay { .. } => false,
        };
        match fits {
            true => Whose::Inside,
            false if self.is_deaf => Whose::Unknown,
            false => Whose::Outside,
        }
    }

    fn hears_at(&self, inode: u32) -> bool {
        self.ears.all().any(|(cookie, ear)| matches!(ear.at, At::Place((_, at)) if at == inode) && lives(cookie, ear))
    }
}

fn ear(socket: &OwnedFd, cookie: u64) -> Option<Ear> {
    let inode = low(fstat(socket).ok()?.st_ino);
    let Unix { place, .. } = Diag::open().ok()?.unix((inode, cookie)).ok()??;
    let name: UnixAddr = getsockname(socket.as_raw_fd()).ok()?;
    let at = place.map(At::Place).or_else(|| Some(At::Name(name.as_abstract()?.to_vec())))?;
    Some(Ear { inode, at })
}

fn lives(cookie: u64, ear: &Ear) -> bool {
    let found = Diag::open().and_then(|diag| diag.unix((ear.inode, cookie)));
    matches!(found, Ok(Some(Unix { listens: true, .. })))
}

/// An object's place, and whether it is the one in the kernel's tables: some file systems tell programs of other devices.
fn place(object: &OwnedFd) -> Option<((u32, u32), bool)> {
    let stat = fstat(object).ok()?;
    let device = low(major(stat.st_dev) << 20 | minor(stat.st_dev));
    let kind = fstatfs(object.as_fd()).ok()?.filesystem_type();
    Some(((device, low(stat.st_ino)), kind != BTRFS_SUPER_MAGIC && kind != OVERLAYFS_SUPER_MAGIC))
}

#[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
fn low(number: u64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};

    use tollgate_policy::boundary::Enforced;

    use super::*;

    #[test]
    fn a_listener_is_known_while_it_lives_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            To::Inode(
                std::fs::File::options()
                    .custom_flags(nix::libc::O_PATH)
                    .read(true)
                    .open(dir.path().join(name))
                    .unwrap()
                    .into(),
            )
        };
        let name = format!("tollgate-ear-{}", std::process::id()).into_bytes();
        let named = || UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let mut net = Net::new(&Enforced::default());
        let (one, two) = (OwnedFd::from(UnixListener::bind(dir.path().join("one")).unwrap()), OwnedFd::from(named()));
        let _other = UnixListener::bind(dir.path().join("other")).unwrap();
        assert_eq!(net.whose(&To::Name(name.clone())), Whose::Outside);
        net.hears(&one);
        net.hears(&two);
        if net.is_deaf {
            eprintln!("skipped: this kernel says nothing of unix sockets");
            return;
        }
        assert_eq!(net.whose(&To::Name(name.clone())), Whose::Inside);
        assert_eq!(net.whose(&To::Name(b"another".to_vec())), Whose::Outside);
        assert_ne!(net.whose(&at("one")), Whose::Outside);
        assert_eq!(net.whose(&at("other")), Whose::Outside);
        drop((one, two));
        let _again = named();
        assert_eq!(net.whose(&To::Name(name.clone())), Whose::Outside);
        assert_eq!(net.whose(&at("one")), Whose::Outside);
    }
}
