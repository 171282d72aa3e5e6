//! `tollgate init`: looks at a repository, writes `.tollgate/policy.toml`, says what it chose and why.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{PROJECT, invalid};
use crate::place::shown;
use crate::{ui, whole};

mod look;
mod text;

/// Writes the policy, or with `--dry-run` prints it.
pub(crate) fn init(args: &args::Init) -> Outcome {
    let root = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::current_dir().map_err(|e| fail("the working directory is gone").because(&e))?,
    };
    let root = root.canonicalize().map_err(|e| fail(format!("can't find {}", shown(&root))).because(&e))?;
    let findings = look::at(&root).map_err(|e| fail(format!("can't look at {}", shown(&root))).because(&e))?;
    let policy = text::of(&findings);
    let name = PROJECT.to_owned();
    // What is written must hold by the same check as any policy.
    tollgate_policy::parse(&name, &policy).map_err(|faults| {
        invalid(
            "the policy that was made is not valid; this is a fault of Tollgate",
            &faults,
            &[(name, policy.clone())],
        )
    })?;
    for finding in &findings {
        ui::aside(format!("  {:<24} {}", finding.what, finding.chosen()));
    }
    if args.dry_run {
        return ui::data(policy);
    }
    let path = root.join(PROJECT);
    write(&path, &policy, args.force)?;
    ui::note(format!("wrote {}; it can only tighten what `tollgate run` holds anyway", shown(&path)));
    Ok(Exit::Done)
}

fn write(path: &Path, policy: &str, force: bool) -> Result<(), Failure> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    match fs::DirBuilder::new().mode(0o755).create(&folder) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(fail(format!("can't make {}", shown(&folder))).because(&e)),
    }
    if !folder.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(fail(format!("{} is a symbolic link or no folder", shown(&folder))));
    }
    if !force {
        return whole::create(path, policy.as_bytes(), 0o644).map_err(|e| {
            if e.kind() == io::ErrorKind::AlreadyExists {
                fail(format!("there already is a policy: {}", shown(path)))
                    .hint("--force replaces it; --dry-run only prints")
            } else {
                fail(format!("can't write {}", shown(path))).because(&e)
            }
        });
    }
    // A policy that is half written would refuse every run.
    whole::replace(path, policy.as_bytes(), 0o644).map_err(|e| fail(format!("can't write {}", shown(path))).because(&e))
}

fn fail(text: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, text)
}
