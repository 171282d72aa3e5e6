//! A repository in the sandbox's hands: where it lies, as git itself finds it, and a copy of what says what a push takes
//! and where that goes. Who collects evidence and who starts the push each make one; a digest tells whether both saw the
//! same, whatever a path on the way led to in between.

use std::path::{Path, PathBuf};

use tollgate_policy::digest::sha256_hex;

use crate::files::{Readable, text};
use crate::laid::{Laid, Thing};

/// The label of the fact that holds evidence to the copy that is pushed from.
pub const HELD: &str = "branches and settings";

/// Most branches and tags.
const MOST: usize = 4096;

/// Where a repository lies; all of it are true paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The top of its working tree.
    pub top: PathBuf,
    /// Its git directory: the working tree's own.
    pub own: PathBuf,
    /// The one that all working trees share.
    pub common: PathBuf,
}

impl Repository {
    /// The one that `start` is in.
    ///
    /// # Errors
    /// What can't be read or found.
    pub fn find(start: &Path) -> Result<Option<Self>, String> {
        let start = start.canonicalize().map_err(|e| format!("its directory can't be found: {e}"))?;
        let Some((top, entry)) = start.ancestors().find_map(|at| {
            let entry = at.join(".git");
            entry.symlink_metadata().is_ok().then(|| (at.to_owned(), entry))
        }) else {
            return Ok(None);
        };
        let own = if entry.is_dir() { entry } else { top.join(pointer(&entry, "gitdir: ")?) };
        let common = match own.join("commondir") {
            file if file.exists() => own.join(pointer(&file, "")?),
            _ => own.clone(),
        };
        let real = |path: PathBuf| path.canonicalize().map_err(|e| format!("its git directory can't be found: {e}"));
        Ok(Some(Self { top, own: real(own)?, common: real(common)? }))
    }

    /// A copy of what a push goes by.
    ///
    /// # Errors
    /// What can't be read, may not be, or is too much.
    pub fn copied(&self, may: Readable<'_>) -> Result<Copied, String> {
        let head = text(&self.own.join("HEAD"), may)?.ok_or("the repository has no HEAD")?;
        let config = text(&self.common.join("config"), may)?.unwrap_or_default();
        let mut laid = vec![Laid { at: "refs".into(), what: Thing::Folder }];
        for kind in ["refs/heads", "refs/tags"] {
            laid.push(Laid { at: kind.into(), what: Thing::Folder });
            self.copy(kind, may, &mut laid)?;
        }
        for name in ["packed-refs", "shallow"] {
            if let Some(text) = text(&self.common.join(name), may)? {
                laid.push(Laid { at: name.into(), what: Thing::File(text.into_bytes()) });
            }
        }
        let digest = sha256_hex(format!("{self:?} {head:?} {config:?} {laid:?}").as_bytes());
        Ok(Copied { head, config, laid, digest })
    }

    /// Copies a directory of references.
    fn copy(&self, place: &str, may: Readable<'_>, laid: &mut Vec<Laid>) -> Result<(), String> {
        let Ok(entries) = std::fs::read_dir(self.common.join(place)) else { return Ok(()) };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.as_bytes().ends_with(b".lock"))
            .collect();
        names.sort();
        for name in names {
            let at = format!("{place}/{name}");
            let file = self.common.join(&at);
            let meta = file.symlink_metadata().map_err(|e| format!("a branch can't be read: {e}"))?;
            if laid.len() > MOST {
                return Err(format!("the repository has more than {MOST} branches and tags"));
            }
            if meta.is_dir() {
                laid.push(Laid { at: at.clone(), what: Thing::Folder });
                self.copy(&at, may, laid)?;
            } else if let Some(text) = text(&file, may)? {
                laid.push(Laid { at, what: Thing::File(text.into_bytes()) });
            }
        }
        Ok(())
    }
}

/// What says what a push takes, and where to, as it was at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The file `HEAD`.
    pub head: String,
    /// The file `config`.
    pub config: String,
    /// Branches, tags and where the history ends, for a git directory.
    pub laid: Vec<Laid>,
    /// Of all this, and of where it lies.
    pub digest: String,
}

/// A file that points elsewhere: all of it counts, but for ends of lines behind it (git's `read_gitfile` and
/// `get_common_dir_noenv`, setup.c).
fn pointer(file: &Path, behind: &str) -> Result<String, String> {
    let text = text(file, &|_| true)?.unwrap_or_default();
    let line = text.trim_end_matches(['\n', '\r']);
    line.strip_prefix(behind).map(str::to_owned).ok_or_else(|| format!("{} can't be read", file.display()))
}
