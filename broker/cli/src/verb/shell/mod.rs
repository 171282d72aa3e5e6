//! `tollgate shell`: the shell that a harness starts. One call is one action: judged, contained, recorded; then a real
//! shell does what shells do. Inside a boundary it is nothing but that real shell.
//!
//! Absent on purpose: any variable by which a call could say that it is contained already, or ask for more than the
//! person granted. A repository can set variables through a client's settings; only options (in a script of the person's
//! that calls this) and policy files count.

mod kept;
pub(crate) mod project;
mod real;
mod words;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate_policy::Document;
use tollgate_policy::boundary::Boundary;
use tollgate_policy::path::AbsPath;
use tollgate_sys::inside;

use crate::args::Run;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use words::Spoken;

pub(crate) use words::called;

/// The profile where none is named.
const PROFILE: &str = "shell";

/// What a run has to know of the call that it is.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The real shell.
    program: PathBuf,
    /// Whether a person types at it: then each command is an action of its own.
    pub(crate) interactive: bool,
    /// Policies of projects around this one: their floors count.
    pub(crate) above: Vec<PathBuf>,
    /// Files of the harness's own that its part of the text names.
    pub(crate) kept: kept::Kept,
    /// What is to be run, where the call says it (`-c`).
    pub(crate) text: Option<OsString>,
}

/// Is the shell.
pub(crate) fn shell(given: &[OsString]) -> Outcome {
    let spoken = Spoken::read(given);
    let program = real::find(&spoken)?;
    if inside::is_inside() {
        return Err(become_shell(&program, &spoken));
    }
    let mut args = match spoken.run(&program) {
        Ok(args) => args,
        Err(fault) => return Ok(said(&fault)),
    };
    if args.profile.is_empty() {
        let also = args.ci.then(|| "ci".to_owned());
        args.profile = [PROFILE.to_owned()].into_iter().chain(also).collect();
    }
    let above = settle_place(&mut args)?;
    let kept = kept::Kept::of(spoken.text());
    let text = spoken.text().map(OsStr::to_owned);
    args.call = Some(Call { program, interactive: spoken.is_interactive(), above, kept, text });
    crate::verb::run::run(args)
}

/// Finds the workspace, where none is named, and the policies around it.
fn settle_place(args: &mut Run) -> Result<Vec<PathBuf>, Failure> {
    let here = std::env::current_dir()
        .map_err(|e| Failure::new(Exit::Refused, "the working directory is gone").because(&e))?;
    let home = crate::place::home().map(|home| home.canonicalize().unwrap_or(home));
    let workspace = match &args.workspace {
        Some(named) => here.join(named),
        None => project::of(&here, home.as_deref())?,
    };
    let above = project::policies_above(&workspace, home.as_deref());
    args.workspace = Some(workspace);
    Ok(above)
}

/// Inside a boundary: nothing is to be added, nothing could be.
fn become_shell(program: &Path, spoken: &Spoken<'_>) -> Failure {
    let failed = Command::new(program).arg0(spoken.zeroth(program)).args(spoken.words()).exec();
    Failure::new(Exit::Refused, format!("the shell {} can't be run", crate::place::shown(program))).because(&failed)
}

fn said(fault: &clap::Error) -> Exit {
    match (fault.print(), fault.use_stderr()) {
        (Ok(()), false) => Exit::Done,
        (Ok(()), true) | (Err(_), _) => Exit::Refused,
    }
}

impl Call {
    /// The real shell is run, whatever its name in the argument list.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// What the harness's own files need, as a document of the person's layer.
    pub(crate) fn documents(&self) -> Vec<Document> {
        self.kept.documents()
    }

    /// Inside, `SHELL` and `PATH` lead to real shells, not back to this program where it can't be run.
    pub(crate) fn adjust(&self, env: &mut [(OsString, OsString)], boundary: &Boundary) {
        for (name, value) in env {
            if name == "SHELL" {
                self.program.as_os_str().clone_into(value);
            } else if name == "PATH" {
                *value = without_dead_ends(value, boundary);
            }
        }
    }
}

/// `PATH` without folders that hold this program as a shell and that nothing inside may be run from.
fn without_dead_ends(path: &OsStr, boundary: &Boundary) -> OsString {
    let may_run = |folder: &Path| {
        let real = folder.canonicalize().ok().and_then(|real| AbsPath::new(real).ok());
        real.is_some_and(|real| boundary.roots.iter().any(|root| root.rights.execute && real.is_within(&root.path)))
    };
    let fine = |folder: &PathBuf| !real::NAMES.iter().any(|name| real::is_this(&folder.join(name))) || may_run(folder);
    // a folder with a colon in its name is none of these
    std::env::join_paths(std::env::split_paths(path).filter(fine)).unwrap_or_else(|_| path.to_owned())
}

/// The last part of a name, without a login shell's dash.
fn stem(name: &OsStr) -> &[u8] {
    let last = Path::new(name).file_name().unwrap_or(name).as_bytes();
    last.strip_prefix(b"-").unwrap_or(last)
}
