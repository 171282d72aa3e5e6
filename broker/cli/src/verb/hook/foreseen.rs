//! A command of a text as its run's gate will see it, if nothing changes: found along `PATH`, with the digest of its content.
//!
//! Nothing rests on this but what a person is shown, and which later attempt the answer is for: whatever is otherwise then is
//! asked about anew.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tollgate_launch::find;
use tollgate_policy::action::{Exec, Form, Image};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::shell::Asking;

/// Longest program, in bytes.
const LONGEST: u64 = 256 << 20;

/// The command; none where the text does not tell all of it, or there is no such program.
pub(super) fn exec(asking: &Asking) -> Option<Exec> {
    if !asking.is_known {
        return None;
    }
    let exec = &asking.exec;
    let path = std::env::var_os("PATH");
    let found = find(OsStr::from_bytes(exec.given.bytes()), path.as_deref(), exec.cwd.as_path()).ok()?;
    let real = AbsPath::new(found.canonicalize().ok()?).ok()?;
    let content = content(real.as_path())?;
    let (executable, form) = match content.strip_prefix(b"#!") {
        None => (real, Form::Native),
        Some(line) => (interpreter(line)?, Form::Script { script: Some(real) }),
    };
    let sha256 = Some(sha256_hex(&content));
    let given = Raw::from(found.into_os_string());
    let image = Image { executable: Some(executable), form, writable: exec.image.writable, sha256 };
    Some(Exec { given, image, ..exec.clone() })
}

fn content(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    (u64::try_from(bytes.len()).ok()? <= LONGEST).then_some(bytes)
}

/// What a script's first line names, where that is a program and no script itself.
fn interpreter(line: &[u8]) -> Option<AbsPath> {
    let line = line.split(|b| *b == b'\n').next()?.trim_ascii();
    let name = line.split(u8::is_ascii_whitespace).next()?;
    let path = PathBuf::from(OsStr::from_bytes(name));
    let real = path.is_absolute().then(|| path.canonicalize().ok())??;
    let mut start = [0; 2];
    File::open(&real).ok()?.read_exact(&mut start).ok()?;
    (start != *b"#!").then(|| AbsPath::new(real).ok())?
}
