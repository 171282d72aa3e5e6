//! What a file is, as `execve(2)` would take it: a binary, a script, or something that loads another program.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// How much the kernel reads to tell formats apart (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const ET_DYN: u16 = 3;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;
/// More program headers or dynamic entries than any real loader has.
const MANY: usize = 256;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// An ELF program that runs as itself.
    Native,
    /// `#!`: the interpreter as written, and its one optional argument.
    Script {
        /// Path as written after `#!`.
        interpreter: Vec<u8>,
        /// The rest of the line.
        argument: Option<Vec<u8>>,
    },
    /// An ELF shared object without an interpreter that is no static program: the dynamic loader, or a copy of it.
    Loader,
    /// Neither: only the kernel knows (`binfmt_misc`), or nobody.
    Unknown,
}

/// Tells what a file is.
///
/// # Errors
/// What reading says.
pub(crate) fn format(file: &File) -> io::Result<Format> {
    let mut head = [0u8; HEAD];
    let n = file.read_at(&mut head, 0)?;
    let head = head.get(..n).unwrap_or_default();
    if let Some(line) = head.strip_prefix(b"#!") {
        return Ok(script(line));
    }
    if head.starts_with(b"\x7fELF") { elf(file, head) } else { Ok(Format::Unknown) }
}

/// As `load_script` of `fs/binfmt_script.c` cuts it: blanks around, first word the interpreter, the rest one argument.
fn script(line: &[u8]) -> Format {
    let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let line = line.split(|&b| b == 0).next().unwrap_or_default();
    let Some(start) = line.iter().position(|b| !blank(b)) else {
        return Format::Unknown;
    };
    let end = line.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    let line = line.get(start..end).unwrap_or_default();
    let cut = line.iter().position(blank).unwrap_or(line.len());
    let (interpreter, rest) = line.split_at(cut);
    let rest = rest.iter().position(|b| !blank(b)).and_then(|at| rest.get(at..));
    Format::Script { interpreter: interpreter.to_vec(), argument: rest.map(<[u8]>::to_vec) }
}

fn elf(file: &File, head: &[u8]) -> io::Result<Format> {
    let (Some(&class), Some(&order)) = (head.get(4), head.get(5)) else {
        return Ok(Format::Unknown);
    };
    // 32-bit and big-endian programs can't run here: the filter kills foreign architectures
    if class != 2 || order != 1 || u16_at(head, 16) != Some(ET_DYN) {
        return Ok(Format::Native);
    }
    let (Some(table), Some(size), Some(count)) = (u64_at(head, 32), u16_at(head, 54), u16_at(head, 56)) else {
        return Ok(Format::Unknown);
    };
    let mut dynamic = None;
    for i in 0..usize::from(count).min(MANY) {
        let mut header = [0u8; 56];
        file.read_exact_at(&mut header, table.saturating_add(i as u64 * u64::from(size)))?;
        match u32_at(&header, 0) {
            Some(PT_INTERP) => return Ok(Format::Native),
            Some(PT_DYNAMIC) => dynamic = u64_at(&header, 8).zip(u64_at(&header, 32)),
            _ => {}
        }
    }
    match dynamic {
        Some((at, size)) if !is_pie(file, at, size)? => Ok(Format::Loader),
        Some(_) | None => Ok(Format::Native),
    }
}

/// Whether the dynamic section says "position-independent executable": then it is a static program.
fn is_pie(file: &File, at: u64, size: u64) -> io::Result<bool> {
    let count = usize::try_from(size / 16).unwrap_or(MANY).min(MANY);
    for i in 0..count {
        let mut entry = [0u8; 16];
        file.read_exact_at(&mut entry, at.saturating_add(i as u64 * 16))?;
        if u64_at(&entry, 0) == Some(DT_FLAGS_1) {
            return Ok(u64_at(&entry, 8).is_some_and(|flags| flags & DF_1_PIE != 0));
        }
    }
    Ok(false)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_line_is_cut_as_the_kernel_cuts_it() {
        let cut = |line: &str| match script(line.as_bytes()) {
            Format::Script { interpreter, argument } => (
                String::from_utf8_lossy(&interpreter).into_owned(),
                argument.map(|a| String::from_utf8_lossy(&a).into_owned()),
            ),
            other @ (Format::Native | Format::Loader | Format::Unknown) => (format!("{other:?}"), None),
        };
        assert_eq!(cut("/bin/sh\necho"), ("/bin/sh".into(), None));
        assert_eq!(cut("  /bin/sh  \n"), ("/bin/sh".into(), None));
        assert_eq!(cut("/usr/bin/env -S  a b \nx"), ("/usr/bin/env".into(), Some("-S  a b".into())));
        assert_eq!(cut("\t/bin/awk\t-f\n"), ("/bin/awk".into(), Some("-f".into())));
        assert_eq!(cut("   \n").0, "Unknown");
    }

    #[test]
    fn a_loader_is_told_from_programs() {
        let of = |path: &str| format(&File::open(path).unwrap()).unwrap();
        assert_eq!(of("/proc/self/exe"), Format::Native);
        assert_eq!(of("/bin/sh"), Format::Native);
        let loader = "/lib64/ld-linux-x86-64.so.2";
        if std::path::Path::new(loader).exists() {
            assert_eq!(of(loader), Format::Loader);
        }
    }
}
