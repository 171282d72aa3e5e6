//! Long command lines, cut for the ledger: what is contained or refused is kept in brief, or an agent could fill the
//! disk outside with arguments. Crossings are written whole: a person answers for them.

use tollgate_policy::action::Action;
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::raw::Raw;

use crate::record::Event;

/// Bytes of arguments that are kept.
const KEPT: usize = 4096;

/// Cuts what an event carries, where it may be cut.
#[must_use]
pub fn event(mut event: Event) -> Event {
    match &mut event {
        Event::ActionStarted { argv, .. } => words(argv),
        Event::Step { exec, .. } => words(&mut exec.argv),
        Event::Denied { what: Action::Exec(exec), .. } | Event::Refused { what: Action::Exec(exec), .. } => {
            words(&mut exec.argv);
        }
        Event::Tampered { judged, found, .. } => {
            words(&mut judged.argv);
            if let Some(found) = found {
                words(&mut found.argv);
            }
        }
        Event::RunStarted(_)
        | Event::Reached { .. }
        | Event::Asked { .. }
        | Event::Reviewed { .. }
        | Event::Joined { .. }
        | Event::Revoked { .. }
        | Event::Decided { .. }
        | Event::Denied { .. }
        | Event::Refused { .. }
        | Event::ActionEnded { .. }
        | Event::Escalated { .. }
        | Event::EscalationEnded { .. }
        | Event::Hook { .. }
        | Event::RunEnded { .. } => {}
    }
    event
}

/// The first words as they are; of the rest how much it is, and its digest.
fn words(argv: &mut Vec<Raw>) {
    let mut room = KEPT;
    let fits = argv.iter().take_while(|word| {
        let left = room.checked_sub(word.bytes().len() + 1);
        room = left.unwrap_or(0);
        left.is_some()
    });
    let kept = fits.count();
    if kept == argv.len() {
        return;
    }
    let rest = argv.split_off(kept);
    let text = rest.iter().flat_map(|word| word.bytes().iter().copied().chain([0])).collect::<Vec<u8>>();
    let (bytes, digest) = (text.len(), sha256_hex(&text));
    let digest = digest.get(..16).unwrap_or_default();
    argv.push(Raw::from(format!("… {} more words, {bytes} bytes, sha256 {digest}…", rest.len())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_is_kept_in_brief() {
        let mut argv: Vec<Raw> =
            std::iter::once(Raw::from("true")).chain((0..9).map(|_| Raw(vec![b'x'; 1000]))).collect();
        words(&mut argv);
        assert_eq!(argv.len(), 6);
        assert_eq!(argv[0], Raw::from("true"));
        assert!(argv[5].text().unwrap().starts_with("… 5 more words, 5005 bytes, sha256 "), "{:?}", argv[5]);
        let mut one = vec![Raw(vec![b'x'; 1 << 20])];
        words(&mut one);
        assert!(one[0].bytes().len() < 100);
        let mut short = vec![Raw::from("ls"), Raw::from("-l")];
        words(&mut short);
        assert_eq!(short, [Raw::from("ls"), Raw::from("-l")]);
    }
}
