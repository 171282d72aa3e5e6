//! Events on which nothing hangs: they are written down.

use tollgate_hooks::{Event, Note};
use tollgate_ledger::record::{self, Told};

use super::scene::Scene;
use crate::failure::Failure;

/// Longest instruction that is kept, in characters.
const PROMPT: usize = 20_000;

/// Writes it down.
pub(super) fn told(scene: &mut Scene, event: &Event, note: &Note) -> Result<(), Failure> {
    let told = match note {
        Note::Began(source) => {
            scene.session.tidy();
            Told::Began { source: cut(source, 200) }
        }
        Note::Ended(reason) => Told::Ended { reason: cut(reason, 200) },
        Note::Prompt(text) => Told::Prompt { text: cut(text, PROMPT) },
        Note::Result { id, tool, worked } => Told::Result { call: cut(id, 200), tool: cut(tool, 200), worked: *worked },
        Note::Tokens { input, output } => Told::Tokens { input: small(*input), output: small(*output) },
        Note::Interrupted => Told::Interrupted,
        Note::Compacted => Told::Compacted,
        Note::Stopped => Told::Stopped,
        Note::Other => return Ok(()),
    };
    scene.group(hook(scene, event, told))?;
    scene.flush()
}

/// What is told, as a record.
pub(super) fn hook(scene: &Scene, event: &Event, told: Told) -> record::Event {
    let subagent = cut(event.subagent.as_deref().unwrap_or_default(), 200);
    record::Event::Hook { client: scene.client.name().to_owned(), subagent, told }
}

/// The first characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}

/// JSON knows whole numbers up to here only.
fn small(number: u64) -> u64 {
    number.min((1 << 53) - 1)
}
