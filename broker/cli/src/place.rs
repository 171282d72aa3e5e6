//! Where a run happens: workspace, home, state. What can't be a workspace is refused here.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tollgate_policy::Place;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_wire::neutral;
use tollgate_wire::place::Places;

use crate::exit::Exit;
use crate::failure::Failure;

/// A path as it is shown to people.
pub(crate) fn shown(path: &Path) -> String {
    neutral::word(path.as_os_str().as_bytes())
}

/// The person's home: `$HOME`, else what `/etc/passwd` says.
pub(crate) fn home() -> Option<PathBuf> {
    let named = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.filter(|home| home.is_absolute()).or_else(|| {
        let uid = nix::unistd::getuid().to_string();
        let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&uid.as_str())).then(|| fields.get(5).map(PathBuf::from))?
        })
    })
}

/// The folders for ledger and sockets.
pub(crate) fn places() -> Result<Places, Failure> {
    Places::here().map_err(|e| {
        Failure::of(Exit::Internal, &e).hint("set TOLLGATE_STATE_DIR to an absolute path, a folder of your own")
    })
}

/// What a run's short forms stand for, but for its temp directory.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Where the command starts.
    pub(crate) cwd: AbsPath,
    /// The workspace, resolved.
    pub(crate) workspace: AbsPath,
    /// Home, resolved.
    pub(crate) home: AbsPath,
    /// The state folder, resolved as far as it exists.
    pub(crate) state: AbsPath,
}

impl Ground {
    /// Looks at the working directory, or at the workspace that was named.
    pub(crate) fn find(workspace: Option<&Path>, places: &Places) -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(|e| refused("the working directory is gone").because(&e))?;
        let named = workspace.map_or_else(|| here.clone(), |dir| here.join(dir));
        let workspace = resolved(&named)?;
        if !workspace.as_path().is_dir() {
            return Err(refused(format!("the workspace {} is no folder", shown(&named))));
        }
        let here = if named == here { workspace.clone() } else { resolved(&here)? };
        let home = home().ok_or_else(|| refused("there is no home folder").hint("set HOME"))?;
        let home = lenient(&home)?;
        let state = lenient(&places.state)?;
        let ground =
            Self { cwd: if here.is_within(&workspace) { here } else { workspace.clone() }, workspace, home, state };
        ground.check().map(|()| ground)
    }

    /// Of one command of a run whose workspace is known, and was checked.
    pub(crate) fn of(cwd: &AbsPath, workspace: &AbsPath, places: &Places) -> Result<Self, Failure> {
        let home = home().ok_or_else(|| refused("there is no home folder").hint("set HOME"))?;
        let state = lenient(&places.state)?;
        Ok(Self { cwd: cwd.clone(), workspace: workspace.clone(), home: lenient(&home)?, state })
    }

    /// Here, whether or not a run could start here.
    pub(crate) fn anywhere(places: &Places) -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(|e| refused("the working directory is gone").because(&e))?;
        let here = resolved(&here)?;
        let home = lenient(&home().unwrap_or_else(|| "/".into()))?;
        Ok(Self { cwd: here.clone(), workspace: here, home, state: lenient(&places.state)? })
    }

    fn check(&self) -> Result<(), Failure> {
        let workspace = shown(self.workspace.as_path());
        let hint = "go into the project's folder, or name it with --workspace";
        if self.workspace == AbsPath::root() {
            return Err(refused("the workspace can't be `/`").hint(hint));
        }
        if self.workspace == self.home {
            return Err(refused(format!("the workspace can't be your home folder {workspace}")).hint(hint));
        }
        if self.home.is_within(&self.workspace) {
            return Err(refused(format!("the workspace {workspace} contains your home folder")).hint(hint));
        }
        if self.state.is_within(&self.workspace) {
            return Err(refused(format!("the workspace {workspace} contains Tollgate's own state"))
                .hint("set TOLLGATE_STATE_DIR to a folder outside of it"));
        }
        Ok(())
    }

    /// With the run's temp directory, what policy needs.
    pub(crate) fn place(&self, temp: &Path) -> Result<Place, Failure> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, Raw::from(value))));
        Ok(Place {
            home: self.home.clone(),
            workspace: self.workspace.clone(),
            temp: lenient(temp)?,
            state: self.state.clone(),
            variables: variables.collect::<BTreeMap<_, _>>(),
        })
    }
}

fn refused(text: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Refused, text)
}

/// The object behind a path that has to exist.
pub(crate) fn resolved(path: &Path) -> Result<AbsPath, Failure> {
    let real = path.canonicalize().map_err(|e| refused(format!("can't find {}", shown(path))).because(&e))?;
    AbsPath::new(real).map_err(|e| refused(format!("can't use {}", shown(path))).because(&e))
}

/// The object behind as much of a path as exists, with the rest as written.
pub(crate) fn lenient(path: &Path) -> Result<AbsPath, Failure> {
    let found = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let real = match found {
        Some((part, real)) => path.strip_prefix(part).map_or_else(|_| path.to_owned(), |rest| real.join(rest)),
        None => path.to_owned(),
    };
    AbsPath::new(real).map_err(|e| refused(format!("can't use {}", shown(path))).because(&e))
}
