//! `tollgate run` within a boundary: that one holds for whatever is started here, and no second one could be laid inside.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::args::Run;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::shown;

/// Becomes the command. What it asks to be granted it has or has not; what would have to be tighter than the boundary that
/// holds can't be promised, and is refused.
pub(super) fn nested(args: &Run) -> Outcome {
    let tighter = [
        ("--profile", args.profile.is_empty()),
        ("--policy", args.policy.is_empty()),
        ("--require", args.require.is_empty()),
        ("--limit", args.limit.is_empty()),
        ("--ci", !args.ci),
    ];
    let asked = tighter.into_iter().find(|(_, absent)| !absent).map(|(name, _)| name);
    if let Some(name) = asked.filter(|_| args.call.is_none()) {
        return Err(Failure::new(Exit::Boundary, format!("{name} can't be held within another boundary"))
            .hint("the boundary around holds for all that is started here; leave the option out"));
    }
    let Some((program, words)) = args.command.split_first() else {
        return Err(Failure::new(Exit::Refused, "the command has no name"));
    };
    let failed = Command::new(program).args(words).exec();
    Err(Failure::new(Exit::Refused, format!("command {} can't be run", shown(Path::new(program)))).because(&failed))
}
