//! How `run` is read by itself.

use std::ffi::OsString;

use clap::{Args as _, FromArgMatches as _};

use super::Run;

impl Run {
    /// The long options, and whether a value follows each.
    pub(crate) fn options() -> Vec<(String, bool)> {
        let described = Self::augment_args(clap::Command::new("run"));
        let options = described
            .get_arguments()
            .filter_map(|arg| arg.get_long().map(|long| (long.to_owned(), arg.get_action().takes_values())));
        options.collect()
    }

    /// Reads `run` and what follows.
    pub(crate) fn alone(words: &[OsString]) -> Result<Self, clap::Error> {
        if let Some(command) = Self::bare(words) {
            return Ok(Self { command: command.to_vec(), ..Self::default() });
        }
        Self::from_arg_matches(&Self::augment_args(clap::Command::new("run")).try_get_matches_from(words)?)
    }

    /// The command of a run without options, which is what most runs are: to have all options described for nothing costs
    /// as much as reading the policies.
    fn bare(words: &[OsString]) -> Option<&[OsString]> {
        let (_, words) = words.split_first()?;
        let (first, rest) = words.split_first()?;
        match first.as_encoded_bytes() {
            b"--" => (!rest.is_empty()).then_some(rest),
            [b'-', ..] => None,
            _ => Some(words),
        }
    }
}
