//! `tollgate request`, inside a boundary. The question was raised and answered before this program's first instruction: its
//! exec was held at the gate. What is left is to say so.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::json;

use crate::args::{self, RequestVerb};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::ui;

/// Says that it was granted, or becomes the command.
pub(crate) fn request(args: args::Request) -> Outcome {
    if !tollgate_sys::inside::is_inside() {
        return Err(Failure::new(Exit::Failed, "there is no boundary around this: nobody needs to be asked")
            .hint("`tollgate request` is for programs inside `tollgate run`"));
    }
    match args.what {
        RequestVerb::Path { json, .. } | RequestVerb::Host { json, .. } => {
            if json.json {
                ui::json(&json!({"granted": true}))
            } else {
                ui::data("granted: go on\n")
            }
        }
        RequestVerb::Command { command } => {
            let Some((program, rest)) = command.split_first() else {
                return Err(Failure::new(Exit::Usage, "there is no command"));
            };
            let failed = Command::new(program).args(rest).exec();
            Err(Failure::new(Exit::Refused, "the command was not run").because(&failed))
        }
    }
}
