//! The key in the state directory: made once, by whichever run comes first, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::fault::{Fault, Kind};
use crate::note::{Seed, Signer, Verifier};

/// The private key's file in the state directory.
pub const KEY_FILE: &str = "ledger.key";
/// The verifier key's file: what others need to check checkpoints and exports.
pub const VERIFIER_FILE: &str = "ledger.pub";

/// Loads the private key; none if there is no such file.
pub(crate) fn load(state: &Path) -> Result<Option<Signer>, Fault> {
    load_as(state, Signer::from_text)
}

/// Loads what the ledger's other secrets follow from; none if there is no key file.
pub(crate) fn load_seed(state: &Path) -> Result<Option<Seed>, Fault> {
    load_as(state, Seed::from_text)
}

fn load_as<T>(state: &Path, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Fault> {
    let path = state.join(KEY_FILE);
    let Some(mut file) = open_existing(&path)? else {
        return Ok(None);
    };
    let meta = file.metadata().map_err(|e| Fault::io(Kind::Unreadable, &path, e))?;
    if meta.mode() & 0o077 != 0 {
        return Err(Fault::new(Kind::KeyExposed, &path));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| Fault::io(Kind::KeyMalformed, &path, e))?;
    parse(&text).map(Some).ok_or_else(|| Fault::new(Kind::KeyMalformed, &path))
}

/// Makes key and verifier key. If another process was quicker, its key is the one.
pub(crate) fn make(state: &Path) -> Result<Signer, Fault> {
    let path = state.join(KEY_FILE);
    let mut random = [0; 40];
    getrandom::fill(&mut random).map_err(|e| Fault::io(Kind::NotMade, &path, io::Error::other(e)))?;
    let (seed, rest) = random.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
    let name = format!("tollgate/ledger/{}", hex(rest));
    let made = Signer::new(&name, seed).ok_or_else(|| Fault::new(Kind::KeyMalformed, &path))?;
    publish(&path, Mode::Private, made.to_text().as_bytes())?;
    load(state)?.ok_or_else(|| Fault::new(Kind::KeyMissing, &path))
}

/// Writes the verifier key where it is missing.
pub(crate) fn publish_verifier(state: &Path, verifier: &Verifier) -> Result<(), Fault> {
    let path = state.join(VERIFIER_FILE);
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    publish(&path, Mode::Public, format!("{}\n", verifier.to_text()).as_bytes())
}

/// Loads the verifier key from its file.
///
/// # Errors
/// [`Fault`] where it can't be read or is none.
pub fn load_verifier(state: &Path) -> Result<Verifier, Fault> {
    read_verifier(&state.join(VERIFIER_FILE))
}

/// Reads a verifier key from any file.
///
/// # Errors
/// [`Fault`] where it can't be read or is none.
pub fn read_verifier(path: &Path) -> Result<Verifier, Fault> {
    let text = fs::read_to_string(path).map_err(|e| {
        let kind = if e.kind() == io::ErrorKind::NotFound { Kind::KeyMissing } else { Kind::Unreadable };
        Fault::io(kind, path, e)
    })?;
    Verifier::from_text(&text).ok_or_else(|| Fault::new(Kind::KeyMalformed, path))
}

/// Who may read a new file.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Private,
    Public,
}

/// Makes a file with its whole content at once: written beside, then linked to its name, which fails where that
/// exists. So of several processes one wins, and none ever sees a part of it.
fn publish(path: &Path, mode: Mode, content: &[u8]) -> Result<(), Fault> {
    let beside = beside(path)?;
    let fault = |e| Fault::io(Kind::NotMade, path, e);
    let written = create_new(&beside, mode).and_then(|mut f| f.write_all(content).and_then(|()| f.sync_all()));
    written.map_err(fault).and_then(|()| link_new(&beside, path)).inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Gives a finished file its name, if nobody has it yet, and takes its temporary name away.
pub(crate) fn link_new(beside: &Path, path: &Path) -> Result<(), Fault> {
    let fault = |e| Fault::io(Kind::NotMade, path, e);
    match fs::hard_link(beside, path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(fault(e)),
        Ok(()) | Err(_) => {}
    }
    fs::remove_file(beside).map_err(fault)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir).and_then(|d| d.sync_all()).map_err(fault))
}

/// Creates a file that must not exist.
pub(crate) fn create_new(path: &Path, mode: Mode) -> io::Result<File> {
    let mode = match mode {
        Mode::Private => 0o600,
        Mode::Public => 0o644,
    };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// A name beside `path` that nobody else uses.
pub(crate) fn beside(path: &Path) -> Result<PathBuf, Fault> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|e| Fault::io(Kind::NotMade, path, io::Error::other(e)))?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", hex(&random)));
    Ok(PathBuf::from(name))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 0xf)]).collect()
}

fn open_existing(path: &Path) -> Result<Option<File>, Fault> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW.bits();
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Fault::io(Kind::Unreadable, path, e)),
    }
}
