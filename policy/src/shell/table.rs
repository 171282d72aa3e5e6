//! The table of wrappers and interpreters, as the policy's profiles have it.

use crate::profile::document::ProgramLine;
use crate::word::any_fits;

/// Lines by name; the first that fits counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'t> {
    lines: &'t [&'t ProgramLine],
}

impl<'t> Table<'t> {
    pub(super) const fn new(lines: &'t [&'t ProgramLine]) -> Self {
        Self { lines }
    }

    /// What is known of a program, by its name or by the last part of its path.
    pub(super) fn find(self, program: &str) -> Option<&'t ProgramLine> {
        let name = program.rsplit('/').next().unwrap_or(program);
        self.lines.iter().copied().find(|line| any_fits(&line.names, name.as_bytes()))
    }
}
