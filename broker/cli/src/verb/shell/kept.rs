//! Files in which harnesses keep state between calls, named in their own part of the text: the directory that a call ended
//! in, what shells start with, background jobs. Only such files are granted, and only where the harness puts them; what the
//! agent says stands within quotes there, before the harness's last words or behind its first.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::libc::O_NOFOLLOW;
use tollgate_policy::Document;
use tollgate_policy::profile::document::Roots;

/// What is granted to one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    /// Made here, since a root has to exist; gone at the end if nothing was written.
    made: Vec<PathBuf>,
}

impl Kept {
    /// Looks for them in the text.
    pub(super) fn of(text: Option<&OsStr>) -> Self {
        let Some(text) = text.and_then(OsStr::to_str) else { return Self::default() };
        let home = crate::place::home().unwrap_or_default();
        let mut kept = Self::default();
        kept.read.extend(snapshot_read(text, &home).filter(|path| is_own_file(path)));
        if let Some(path) = cwd_file(text) {
            kept.file(path);
        }
        // Another client hands the agent's text on as it is, and a snapshot is sourced by sessions that may run outside: so
        // only for Claude Code, and never one that is there.
        let is_claude = std::env::var_os("CLAUDECODE").is_some();
        if let Some(path) = snapshot_written(text, &home).filter(|path| is_claude && make(path)) {
            kept.made.push(path.clone());
            kept.write.push(path);
        }
        kept.write.extend(jobs_folder(text).filter(|path| is_own_folder(path)));
        kept
    }

    fn file(&mut self, path: PathBuf) {
        if is_own_file(&path) {
            self.write.push(path);
        } else if make(&path) {
            self.made.push(path.clone());
            self.write.push(path);
        }
    }

    /// As grants of the person's layer: the harness is the person's.
    pub(super) fn documents(&self) -> Vec<Document> {
        let texts = |paths: &[PathBuf]| {
            paths.iter().filter_map(|path| path.to_str().map(|t| t.to_owned().into())).collect::<Vec<_>>()
        };
        let (read, write) = (texts(&self.read), texts(&self.write));
        if read.is_empty() && write.is_empty() {
            return Vec::new();
        }
        let roots = Roots { read: read.into(), write: write.into(), ..Roots::default() };
        vec![Document { source: "the harness's own files".to_owned().into(), roots, ..Document::default() }]
    }

    /// Takes away what was made and not used.
    pub(crate) fn tidy(&self) {
        for path in &self.made {
            if path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() == 0) {
                // that it can't be removed harms nobody
                drop(std::fs::remove_file(path));
            }
        }
    }
}

/// Claude Code: `… && pwd -P >| /tmp/claude-1a2b-cwd`, at the very end.
fn cwd_file(text: &str) -> Option<PathBuf> {
    let (_, path) = text.rsplit_once("&& pwd -P >| ")?;
    let name = path.strip_prefix("/tmp/claude-")?.strip_suffix("-cwd")?;
    is_plain(name).then(|| PathBuf::from(path))
}

/// Claude Code, once a session: `SNAPSHOT_FILE=~/.claude/shell-snapshots/NAME.sh`, at the very beginning.
fn snapshot_written(text: &str, home: &Path) -> Option<PathBuf> {
    let path = text.strip_prefix("SNAPSHOT_FILE=")?.split_ascii_whitespace().next()?;
    within(path, &home.join(".claude/shell-snapshots"))
}

/// Claude Code: `source FILE 2>/dev/null …`; Codex: `set -e; . "FILE"`. At the very beginning.
fn snapshot_read(text: &str, home: &Path) -> impl Iterator<Item = PathBuf> {
    let claude = text.strip_prefix("source ").and_then(|rest| rest.split_ascii_whitespace().next());
    let codex = text.strip_prefix("set -e; . \"").and_then(|rest| rest.strip_suffix('"'));
    let claude = claude.and_then(|path| within(path, &home.join(".claude/shell-snapshots")));
    let codex = codex.and_then(|path| within(path, &home.join(".codex/shell_snapshots")));
    claude.into_iter().chain(codex)
}

/// Gemini CLI: `shopt …; _bgpids_file=/tmp/gemini-shell-XXXX/bgpids.tmp`, in the first line.
fn jobs_folder(text: &str) -> Option<PathBuf> {
    let first = text.lines().next()?;
    let (before, path) = first.split_once("_bgpids_file=/tmp/gemini-shell-")?;
    let name = path.strip_suffix("/bgpids.tmp")?;
    (before.starts_with("shopt ") && is_plain(name)).then(|| PathBuf::from(format!("/tmp/gemini-shell-{name}")))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The path, if it is a file directly in that folder.
fn within(path: &str, folder: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    (plain && path.parent() == Some(folder)).then_some(path)
}

fn is_own_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.uid() == nix::unistd::geteuid().as_raw())
}

fn is_own_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == nix::unistd::geteuid().as_raw())
}

fn make(path: &Path) -> bool {
    File::options().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_harness_names_them() {
        let home = Path::new("/home/u");
        let cwd = [
            ("source x || true && eval 'make' < /dev/null && pwd -P >| /tmp/claude-1a2b-cwd", true),
            ("eval 'true && pwd -P >| /tmp/claude-1a2b-cwd' < /dev/null", false),
            ("x && pwd -P >| /tmp/claude-../x-cwd", false),
            ("x && pwd -P >| /home/u/.bashrc", false),
        ];
        for (text, found) in cwd {
            assert_eq!(cwd_file(text).is_some(), found, "{text}");
        }
        let written = [
            ("SNAPSHOT_FILE=/home/u/.claude/shell-snapshots/snapshot-bash-1.sh\n x", true),
            ("SNAPSHOT_FILE=/home/u/.claude/shell-snapshots/../settings.json\n x", false),
            ("eval 'SNAPSHOT_FILE=/home/u/.claude/shell-snapshots/s.sh'", false),
        ];
        for (text, found) in written {
            assert_eq!(snapshot_written(text, home).is_some(), found, "{text}");
        }
        let read = [
            ("source /home/u/.claude/shell-snapshots/s.sh 2>/dev/null || true && x", 1),
            ("set -e; . \"/home/u/.codex/shell_snapshots/a.tmp-1\"", 1),
            ("source /home/u/.ssh/id_ed25519 2>/dev/null", 0),
        ];
        for (text, count) in read {
            assert_eq!(snapshot_read(text, home).count(), count, "{text}");
        }
        let jobs = "shopt -u promptvars; _bgpids_file=/tmp/gemini-shell-aB3/bgpids.tmp\n(\nx\n)";
        assert_eq!(jobs_folder(jobs), Some("/tmp/gemini-shell-aB3".into()));
        assert_eq!(jobs_folder("x\n_bgpids_file=/tmp/gemini-shell-aB3/bgpids.tmp"), None);
    }
}
