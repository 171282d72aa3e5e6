//! `tollgate completions` and `tollgate man`: made from the definitions of the command line.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::{place, ui};

/// A shell's completions.
pub(crate) fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tollgate", &mut script);
    ui::data(String::from_utf8_lossy(&script))
}

/// The main page, or a page a verb in a folder.
pub(crate) fn man(dir: Option<&Path>) -> Outcome {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|e| Failure::new(Exit::Failed, "can't write the page").because(&e))?;
        return ui::data(String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|e| Failure::new(Exit::Failed, format!("can't write pages into {}", place::shown(dir))).because(&e))?;
    Ok(Exit::Done)
}
