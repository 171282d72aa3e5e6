//! What keys mean. Yes is only possible where the question stands on the screen, and where its friction is met.
#![allow(clippy::wildcard_enum_match_arm, reason = "a key that means nothing does nothing")]

use std::collections::BTreeSet;
use std::time::Instant;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tollgate_policy::question::{Answer, Question, Scope, Seen};
use tollgate_wire::pile::Friction;

use crate::model::{Act, Given, Model, Place, Prompt, Reading};

/// Longest text that is typed, in characters.
const TYPED: usize = 400;

/// Both clocks: `mono` measures, `wall` (Unix milliseconds) is for deadlines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) mono: Instant,
    pub(crate) wall: i64,
}

impl Model {
    /// Takes a key.
    pub(crate) fn key(&mut self, key: KeyEvent, now: Now) -> Option<Act> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Some(Act::Quit),
                KeyCode::Char('z') => Some(Act::Suspend),
                _ => None,
            };
        }
        match std::mem::replace(&mut self.place, Place::List) {
            Place::List => self.in_list(key.code, now),
            Place::Pile { key: pile, at, off } => self.in_pile(key.code, (pile, at, off), now),
            Place::Question(reading) => self.in_question(key.code, reading, now),
        }
    }

    fn in_list(&mut self, key: KeyCode, now: Now) -> Option<Act> {
        let last = self.piles().len().saturating_sub(1);
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Act::Quit),
            KeyCode::Char('j') | KeyCode::Down => self.at = self.at.saturating_add(1).min(last),
            KeyCode::Char('k') | KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::PageDown => self.at = self.at.saturating_add(10).min(last),
            KeyCode::PageUp => self.at = self.at.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => self.at = 0,
            KeyCode::End | KeyCode::Char('G') => self.at = last,
            KeyCode::Enter | KeyCode::Char('l') | KeyCode::Right => return self.enter(now),
            _ => {}
        }
        None
    }

    fn enter(&mut self, now: Now) -> Option<Act> {
        let piles = self.piles();
        let pile = piles.get(self.at)?;
        let first = pile.questions.first()?;
        if pile.questions.len() > 1 {
            self.place = Place::Pile { key: pile.key.clone(), at: 0, off: BTreeSet::new() };
            return None;
        }
        let (act, place) = read(first, now);
        self.place = place;
        Some(act)
    }

    fn in_pile(
        &mut self,
        key: KeyCode,
        (pile, mut at, mut off): (String, usize, BTreeSet<String>),
        now: Now,
    ) -> Option<Act> {
        let questions = self.pile(&pile);
        let last = questions.len().saturating_sub(1);
        let mut act = None;
        match key {
            KeyCode::Esc | KeyCode::Char('q') | KeyCode::Left => return None,
            KeyCode::Char('j') | KeyCode::Down => at = at.saturating_add(1).min(last),
            KeyCode::Char('k') | KeyCode::Up => at = at.saturating_sub(1),
            KeyCode::Char(' ') => {
                if let Some(question) = questions.get(at)
                    && !off.remove(&question.id)
                {
                    off.insert(question.id.clone());
                }
            }
            KeyCode::Char('a') => act = Some(together(&questions, &off, &Answer::Approve(Scope::Once))),
            KeyCode::Char('d') => act = Some(together(&questions, &off, &Answer::Deny)),
            KeyCode::Enter => {
                if let Some(question) = questions.get(at) {
                    let (act, place) = read(question, now);
                    self.place = place;
                    return Some(act);
                }
            }
            _ => {}
        }
        self.place = Place::Pile { key: pile, at, off };
        act
    }

    fn in_question(&mut self, key: KeyCode, mut reading: Reading, now: Now) -> Option<Act> {
        let prompt = std::mem::replace(&mut reading.prompt, Prompt::None);
        let act = match prompt {
            Prompt::None => match self.reading(key, &mut reading, now) {
                Step::Back => return None,
                Step::Stay => None,
                Step::Do(act) => Some(act),
            },
            Prompt::Longer => match key {
                KeyCode::Char(digit @ '1'..='9') => {
                    let at = digit.to_digit(10).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                    let way = reading.longer(now.wall).into_iter().nth(at.saturating_sub(1));
                    way.and_then(|(_, scope, _)| self.approve(&mut reading, scope, now))
                }
                _ => None,
            },
            Prompt::Name { typed, scope } => self.name(key, &mut reading, (typed, scope), now),
            Prompt::Word { typed } => word(key, &mut reading, typed, now),
            Prompt::Stop => {
                (key == KeyCode::Char('y')).then(|| Act::Give(vec![reading.give(Answer::StopRun, "", now.mono)]))
            }
        };
        self.place = Place::Question(reading);
        act
    }

    fn reading(&mut self, key: KeyCode, reading: &mut Reading, now: Now) -> Step {
        match key {
            KeyCode::Esc | KeyCode::Char('q') | KeyCode::Left => return Step::Back,
            KeyCode::Char('j') | KeyCode::Down => reading.scroll = reading.scroll.saturating_add(1),
            KeyCode::Char('k') | KeyCode::Up => reading.scroll = reading.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => reading.scroll = reading.scroll.saturating_add(10),
            KeyCode::PageUp => reading.scroll = reading.scroll.saturating_sub(10),
            KeyCode::Home => reading.scroll = 0,
            KeyCode::Char('a') => return self.approve(reading, Scope::Once, now).map_or(Step::Stay, Step::Do),
            KeyCode::Char('l') if !reading.longer(now.wall).is_empty() => reading.prompt = Prompt::Longer,
            KeyCode::Char('d') => return Step::Do(Act::Give(vec![reading.give(Answer::Deny, "", now.mono)])),
            KeyCode::Char('D') => return Step::Do(Act::Give(vec![reading.give(Answer::DenyRun, "", now.mono)])),
            KeyCode::Char('w') => reading.prompt = Prompt::Word { typed: String::new() },
            KeyCode::Char('S') => reading.prompt = Prompt::Stop,
            _ => {}
        }
        Step::Stay
    }

    /// A yes, if it was on screen long enough; where a name has to be typed, that comes first.
    fn approve(&mut self, reading: &mut Reading, scope: Scope, now: Now) -> Option<Act> {
        if !reading.rest(now.mono).is_zero() {
            self.say("not yet: read it first", now.mono);
            return None;
        }
        if !Friction::of(&reading.question).confirm.is_empty() {
            reading.prompt = Prompt::Name { typed: String::new(), scope };
            return None;
        }
        Some(Act::Give(vec![reading.give(Answer::Approve(scope), "", now.mono)]))
    }

    fn name(&mut self, key: KeyCode, reading: &mut Reading, typed: (String, Scope), now: Now) -> Option<Act> {
        let (typed, scope) = typed;
        if key == KeyCode::Enter {
            let shown = now.mono.saturating_duration_since(reading.since);
            if Friction::of(&reading.question).is_met(shown, &typed) {
                return Some(Act::Give(vec![reading.give(Answer::Approve(scope), "", now.mono)]));
            }
            self.say("that is not its name: nothing was answered", now.mono);
            return None;
        }
        reading.prompt = edit(key, typed).map_or(Prompt::None, |typed| Prompt::Name { typed, scope });
        None
    }
}

/// What a key does while a question is read.
enum Step {
    Back,
    Stay,
    Do(Act),
}

fn read(question: &Question, now: Now) -> (Act, Place) {
    let act = Act::Open(question.run.clone(), question.id.clone());
    (act, Place::Question(Reading::of(question, now.mono)))
}

fn word(key: KeyCode, reading: &mut Reading, typed: String, now: Now) -> Option<Act> {
    if key == KeyCode::Enter {
        return Some(Act::Give(vec![reading.give(Answer::Deny, typed.trim(), now.mono)]));
    }
    reading.prompt = edit(key, typed).map_or(Prompt::None, |typed| Prompt::Word { typed });
    None
}

/// The text after a key; none where it was given up.
fn edit(key: KeyCode, mut typed: String) -> Option<String> {
    match key {
        KeyCode::Esc => return None,
        KeyCode::Backspace => {
            typed.pop();
        }
        KeyCode::Char(c) if typed.chars().count() < TYPED && tollgate_wire::neutral::is_plain(c) => typed.push(c),
        _ => {}
    }
    Some(typed)
}

fn together(questions: &[&Question], off: &BTreeSet<String>, answer: &Answer) -> Act {
    let on = questions.iter().filter(|question| !off.contains(&question.id));
    Act::Give(
        on.map(|question| Given {
            run: question.run.clone(),
            question: question.id.clone(),
            digest: question.digest.clone(),
            answer: answer.clone(),
            word: String::new(),
            seen: Seen { waiting: question.waiting, shown: None, opened: Some(false) },
        })
        .collect(),
    )
}
