//! Who speaks of an action: each rule that matches becomes a voice. What follows from the voices is not decided
//! here.

pub(crate) mod exec;
pub(crate) mod net;
pub(crate) mod path;
pub(crate) mod tool;

use crate::layer::Layer;
use crate::profile::document::Terms;
use crate::verdict::{Effect, Reason, Verdict};

/// A rule, by the number of its source and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) source: u32,
    pub(crate) rule: u32,
}

/// One rule, root or network grant that speaks of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voice<'p> {
    pub(crate) effect: Effect,
    pub(crate) layer: Layer,
    pub(crate) file: &'p str,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) because: &'p str,
    pub(crate) class: Option<&'p str>,
    pub(crate) profile: Option<&'p str>,
    pub(crate) opens: Opens,
}

/// Whether a voice lifts the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// It does.
    Yes,
    /// Its layer may grant nothing.
    Layer,
    /// It lies outside an envelope above.
    Envelope,
    /// What it matches is a name or a word that the caller chose, not what will run.
    Doubt,
}

/// How a rule meets an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meets {
    /// Not at all.
    No,
    /// Read loosely.
    Perhaps,
    /// Read strictly.
    Surely,
}

/// What holds where nobody opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ground {
    pub(crate) effect: Effect,
    pub(crate) because: String,
    /// Whether it stands, whoever speaks.
    pub(crate) firm: Firm,
}

/// Whether the ground stands, whoever speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firm {
    /// No voice can.
    Yes,
    /// An entitled one can.
    No,
}

/// All voices, and the ground.
#[derive(Debug)]
pub(crate) struct Heard<'p> {
    pub(crate) voices: Vec<Voice<'p>>,
    pub(crate) ground: Ground,
}

impl<'p> Voice<'p> {
    /// A rule's voice; none if it doesn't meet the action. `inside` says whether it keeps to the envelopes.
    pub(crate) fn of(
        terms: &'p Terms,
        (layer, file): (Layer, &'p str),
        meets: Meets,
        inside: impl FnOnce() -> bool,
    ) -> Option<Self> {
        let opens = match meets {
            Meets::No => return None,
            _ if !layer.may_grant() => Opens::Layer,
            Meets::Perhaps => Opens::Doubt,
            Meets::Surely if inside() => Opens::Yes,
            Meets::Surely => Opens::Envelope,
        };
        Some(Self {
            effect: terms.effect,
            layer,
            file,
            line: terms.spot.line,
            column: terms.spot.column,
            because: &terms.because,
            class: terms.class.as_deref(),
            profile: None,
            opens,
        })
    }

    /// The order among equally strict voices: layer, file, line.
    fn place(&self) -> (u8, &str, u32, &str) {
        (self.layer.rank(), self.file, self.line, self.because)
    }

    pub(crate) fn reason(&self) -> Reason {
        Reason { file: self.file.to_owned(), line: self.line, because: self.because.to_owned() }
    }
}

impl Heard<'_> {
    /// Strictest first; among equals by layer, file, line; each once.
    pub(crate) fn sort(&mut self) {
        self.voices.sort_by(|a, b| b.effect.cmp(&a.effect).then_with(|| a.place().cmp(&b.place())));
        self.voices.dedup();
    }

    /// Whether the ground is lifted.
    pub(crate) fn is_open(&self) -> bool {
        self.ground.firm == Firm::No && self.voices.iter().any(|voice| voice.opens == Opens::Yes)
    }

    /// The voice that decides, of sorted ones; none where the ground does.
    pub(crate) fn winner(&self) -> Option<&Voice<'_>> {
        let floor = self.voices.first().filter(|voice| voice.effect > Effect::Allow);
        let open = self.is_open();
        match floor {
            Some(floor) if open || floor.effect >= self.ground.effect => Some(floor),
            None if open => self.voices.iter().find(|voice| voice.opens == Opens::Yes),
            _ => None,
        }
    }

    /// The verdict, of sorted voices: the strictest floor; allow if a grant lifts the ground; else the ground.
    /// A floor of a layer that may grant nothing lifts nothing either, so it never counts for less than the
    /// ground.
    pub(crate) fn verdict(&self) -> Verdict {
        let Some(winner) = self.winner() else {
            let because = self.ground.because.clone();
            let reason = Reason { file: "default".to_owned(), line: 0, because };
            return Verdict { effect: self.ground.effect, reason, class: None, profile: None };
        };
        // A wider profile is a grant: only who may grant names it, and where nothing of theirs counts, others don't make it count.
        let floor = |voice: &&Voice<'_>| voice.effect > Effect::Allow && voice.layer.may_grant();
        let mut floors = self.voices.iter().filter(floor).peekable();
        let counts = self.is_open() || floors.peek().is_some_and(|floor| floor.effect >= self.ground.effect);
        let profile = floors.find_map(|voice| voice.profile).filter(|_| counts);
        Verdict {
            effect: winner.effect,
            reason: winner.reason(),
            class: winner.class.map(str::to_owned),
            profile: profile.filter(|_| winner.effect > Effect::Allow).map(str::to_owned),
        }
    }
}
