//! The folder of sockets: `RUN.sock` and `RUN.token` for each run that has asked something.
//!
//! Everything is done beneath a descriptor of the folder that was checked. Sockets are reached as
//! `/proc/self/fd/N/NAME`, since a path longer than 108 bytes does not fit into `sockaddr_un` (unix(7)).

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{AT_FDCWD, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::place::{Trust, Unfit, Why, make, open_dir};
use crate::token::Token;

/// Longest name of a run.
const NAME_LIMIT: usize = 64;

/// A folder of sockets, open and checked.
#[derive(Debug)]
pub struct Sockets {
    dir: OwnedFd,
    path: PathBuf,
}

impl Sockets {
    /// Opens the folder of a run that asks; makes it where it is missing.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn make(path: &Path) -> Result<Self, Unfit> {
        Ok(Self { dir: make(path, Trust::Private)?, path: path.to_owned() })
    }

    /// Opens the folder to answer; none where there is no such folder.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn visit(path: &Path) -> Result<Option<Self>, Unfit> {
        match open_dir(path, Trust::Visited) {
            Ok(dir) => Ok(Some(Self { dir, path: path.to_owned() })),
            Err(Unfit { why: Why::Io(cause), .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(unfit) => Err(unfit),
        }
    }

    /// The folder's path, to be shown.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs with a socket here, in the order of their names.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn runs(&self) -> io::Result<Vec<String>> {
        let mut dir = Dir::openat(&self.dir, ".", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut runs = Vec::new();
        for entry in dir.iter() {
            let name = entry?;
            let run = name.file_name().to_str().ok().and_then(|name| name.strip_suffix(".sock"));
            runs.extend(run.filter(|run| is_run(run)).map(str::to_owned));
        }
        runs.sort();
        Ok(runs)
    }

    /// Makes the token and the listening socket of a run. The socket's name appears when it is ready.
    ///
    /// # Errors
    /// Where one of them can't be made; a name that is no run's is `InvalidInput`.
    pub fn listen(&self, run: &str) -> io::Result<(UnixListener, Token)> {
        check(run)?;
        let token = Token::fresh()?;
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.dir, token_name(run).as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        std::fs::File::from(file).write_all(token.reveal().as_bytes())?;
        let new = format!("{run}.new");
        let listener = UnixListener::bind(self.reach(&new)).inspect_err(|_| self.remove(run))?;
        fchmodat(&self.dir, new.as_str(), Mode::S_IRUSR | Mode::S_IWUSR, FchmodatFlags::FollowSymlink)
            .and_then(|()| renameat(&self.dir, new.as_str(), &self.dir, socket_name(run).as_str()))
            .inspect_err(|_| self.remove(run))?;
        Ok((listener, token))
    }

    /// Connects to a run's socket.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens any more; `NotFound` where there is no such socket.
    pub fn connect(&self, run: &str) -> io::Result<UnixStream> {
        check(run)?;
        UnixStream::connect(self.reach(&socket_name(run)))
    }

    /// The token of a run.
    ///
    /// # Errors
    /// Where it can't be read; `InvalidData` where the file holds none.
    pub fn token(&self, run: &str) -> io::Result<Token> {
        check(run)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let file = openat(&self.dir, token_name(run).as_str(), flags, Mode::empty())?;
        let mut text = String::new();
        std::fs::File::from(file).take(128).read_to_string(&mut text)?;
        Token::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the file holds no token"))
    }

    /// Rings for whoever waits at the folder (`bell`): a question of the run was put, answered or is over.
    pub fn ring(&self, run: &str) {
        if check(run).is_ok() {
            let (now, flags) = (TimeSpec::UTIME_NOW, UtimensatFlags::NoFollowSymlink);
            // Unheard, the bell's own patience does: whoever waits looks from time to time.
            utimensat(&self.dir, socket_name(run).as_str(), &now, &now, flags).ok();
        }
    }

    /// Removes what a run left here.
    pub fn remove(&self, run: &str) {
        if check(run).is_err() {
            return;
        }
        for name in [socket_name(run), token_name(run), format!("{run}.new")] {
            // Already gone is as good as removed, and a leftover is harmless: nobody listens on it.
            unlinkat(&self.dir, name.as_str(), UnlinkatFlags::NoRemoveDir).ok();
        }
    }

    fn reach(&self, name: &str) -> PathBuf {
        let through = PathBuf::from(format!("/proc/self/fd/{}/{name}", self.dir.as_fd().as_raw_fd()));
        // Where /proc is not mounted the plain path still serves, if it is short enough.
        if nix::unistd::faccessat(
            AT_FDCWD,
            "/proc/self/fd",
            nix::unistd::AccessFlags::F_OK,
            nix::fcntl::AtFlags::empty(),
        )
        .is_ok()
        {
            through
        } else {
            self.path.join(name)
        }
    }
}

/// Whether the name can be a run's: lower-case letters, digits and dashes.
#[must_use]
pub fn is_run(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= NAME_LIMIT && name.bytes().all(fits)
}

fn check(run: &str) -> io::Result<()> {
    if is_run(run) { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no name of a run")) }
}

fn socket_name(run: &str) -> String {
    format!("{run}.sock")
}

fn token_name(run: &str) -> String {
    format!("{run}.token")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_path_beyond_108_bytes_serves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x".repeat(120)).join("y".repeat(120));
        let sockets = Sockets::make(&path).unwrap();
        let (listener, token) = sockets.listen("r1").unwrap();
        let there = Sockets::visit(&path).unwrap().unwrap();
        assert_eq!(there.runs().unwrap(), ["r1"]);
        assert!(there.token("r1").unwrap().is(token.reveal()));
        let client = there.connect("r1").unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(b"x").unwrap();
        assert_eq!(client.take(1).read(&mut [0]).unwrap(), 1);
    }

    #[test]
    fn token_and_socket_are_private_and_go_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let sockets = Sockets::make(&path).unwrap();
        let (listener, _) = sockets.listen("r1").unwrap();
        for name in ["r1.sock", "r1.token"] {
            assert_eq!(std::fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        drop(listener);
        assert_eq!(sockets.connect("r1").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        sockets.remove("r1");
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        assert_eq!(sockets.connect("r1").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_planted_token_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let sockets = Sockets::make(&dir.path().join("run")).unwrap();
        std::fs::write(sockets.path().join("r1.token"), "planted").unwrap();
        assert_eq!(sockets.listen("r1").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(sockets.token("r1").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        for (name, fits) in
            [("k3f9", true), ("a-1", true), ("", false), ("../x", false), ("a/b", false), ("A", false), ("a\n", false)]
        {
            assert_eq!(is_run(name), fits, "{name:?}");
        }
        assert!(!is_run(&"a".repeat(65)));
        let dir = tempfile::tempdir().unwrap();
        let sockets = Sockets::make(&dir.path().join("run")).unwrap();
        assert_eq!(sockets.connect("../r").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
