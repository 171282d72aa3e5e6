//! Files that a command's words name and that the sandbox can change: an approval is for their content.

use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use tollgate_policy::path::AbsPath;

use crate::content::opened;
use crate::content::sha256;
use crate::led::{Led, follow};
use crate::{Asking, Prepared};

/// Longest file that is read as text.
const LONGEST: u64 = 8 << 20;

/// More than a person would look at.
const MOST: usize = 32;

/// Adds the digest of each.
///
/// # Errors
/// One that can't be read, or too many.
pub(crate) fn named(asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    let mut seen: Vec<AbsPath> = Vec::new();
    for word in asking.exec.argv.iter().skip(1) {
        for text in readings(word.bytes()) {
            let Some(Led { to: path, loosely }) = follow(asking, text) else { continue };
            if loosely {
                // what it leads to is shown, and held: the link can be changed
                prepared.fact("leads to", format!("{}: {}", text.escape_ascii(), path.as_path().display()));
            }
            if !(loosely || (asking.changeable)(&path)) || seen.contains(&path) {
                continue;
            }
            let Ok(meta) = std::fs::metadata(path.as_path()) else { continue };
            if !meta.is_file() {
                continue;
            }
            if seen.len() >= MOST {
                return Err(format!("it names more than {MOST} files that the sandbox can change"));
            }
            add(path.as_path(), prepared)?;
            seen.push(path);
        }
    }
    Ok(())
}

/// Adds those that are there, in the command's directory.
///
/// # Errors
/// One that can't be read.
pub(crate) fn there(asking: &Asking<'_>, names: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    for name in names {
        let path = asking.exec.cwd.as_path().join(name);
        if path.is_file() {
            add(&path, prepared)?;
        }
    }
    Ok(())
}

/// Adds one.
///
/// # Errors
/// That it can't be read.
pub(crate) fn add(path: &Path, prepared: &mut Prepared) -> Result<(), String> {
    let digest = sha256(path).map_err(|e| format!("the file {} can't be held to an approval: {e}", path.display()))?;
    prepared.fact("file", format!("{}, sha256 {digest}", path.display()));
    Ok(())
}

/// Which files may be read, by where they lie in truth.
pub type Readable<'a> = &'a dyn Fn(&AbsPath) -> bool;

/// The text of a regular file; none if there is none.
///
/// # Errors
/// That it can't be read, may not be, is too long, or no text.
pub(crate) fn text(file: &Path, may: Readable<'_>) -> Result<Option<String>, String> {
    let cannot = |e: &dyn std::fmt::Display| format!("{} can't be read: {e}", file.display());
    let opened = match opened(file) {
        Ok(opened) => opened,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(cannot(&e)),
    };
    let meta = opened.metadata().map_err(|e| cannot(&e))?;
    if !meta.is_file() || meta.len() > LONGEST {
        return Err(cannot(&"it is no file, or too long"));
    }
    let real = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).map_err(|e| cannot(&e))?;
    if !AbsPath::new(real).is_ok_and(|real| may(&real)) {
        return Err(cannot(&"it is a link to what lies elsewhere"));
    }
    let mut bytes = Vec::new();
    opened.take(LONGEST).read_to_end(&mut bytes).map_err(|e| cannot(&e))?;
    String::from_utf8(bytes).map(Some).map_err(|e| cannot(&e.utf8_error()))
}

/// What of a word may be a path: all of it, what stands behind `=`, `@` (curl's and gh's way) or a short option.
fn readings(word: &[u8]) -> Vec<&[u8]> {
    let mut all = vec![word];
    if let Some(at) = word.iter().position(|b| *b == b'=') {
        all.extend(word.get(at + 1..));
    }
    if word.starts_with(b"-") && !word.starts_with(b"--") {
        all.extend(word.get(2..));
    }
    let bare: Vec<&[u8]> =
        all.iter().filter_map(|text| text.strip_prefix(b"@").or_else(|| text.strip_prefix(b"file://"))).collect();
    all.extend(bare);
    all.retain(|text| !text.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_name_a_file_in_several_ways() {
        let table: [(&str, &[&str]); 5] = [
            ("a.yaml", &["a.yaml"]),
            ("--file=a.yaml", &["--file=a.yaml", "a.yaml"]),
            ("-fa.yaml", &["-fa.yaml", "a.yaml"]),
            ("body=@a.md", &["body=@a.md", "@a.md", "a.md"]),
            ("--x", &["--x"]),
        ];
        for (word, expected) in table {
            let found: Vec<String> =
                readings(word.as_bytes()).iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            assert_eq!(found, expected, "{word}");
        }
    }
}
