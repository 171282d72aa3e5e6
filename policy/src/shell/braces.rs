//! Brace expansion (bash manual, 3.5.1): `{a,b}` and `{1..9}`, which come before everything else.

use std::borrow::Cow;

use super::caps;
use super::tree::Piece;

/// A character without quotes, or another piece as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom<'a> {
    Plain(char),
    Whole(&'a Piece),
}

/// Braces in one word beyond which nothing is expanded.
const MOST: usize = 32;
/// What an atom counts for, in characters.
const ATOM: usize = 4;

/// All words that a word becomes; none where they are too many, or have more than so many characters together.
pub(super) fn expand(pieces: &[Piece], mut most: usize) -> Option<Vec<Vec<Cow<'_, Piece>>>> {
    let plain = |piece: &Piece| if let Piece::Plain(text) = piece { text.matches('{').count() } else { 0 };
    match pieces.iter().map(plain).sum::<usize>() {
        0 => return Some(vec![pieces.iter().map(Cow::Borrowed).collect()]),
        1..=MOST if most > 0 => {}
        _ => return None,
    }
    let mut atoms = Vec::new();
    for piece in pieces {
        if let Piece::Plain(text) = piece {
            atoms.extend(text.chars().map(Atom::Plain));
        } else {
            atoms.push(Atom::Whole(piece));
        }
    }
    let words = variants(&atoms, &mut most)?;
    Some(words.into_iter().map(|atoms| joined(&atoms)).collect())
}

fn joined<'a>(atoms: &[Atom<'a>]) -> Vec<Cow<'a, Piece>> {
    let mut pieces = Vec::new();
    for atom in atoms {
        match (atom, pieces.last_mut()) {
            (Atom::Plain(c), Some(Cow::Owned(Piece::Plain(text)))) => text.push(*c),
            (Atom::Plain(c), _) => pieces.push(Cow::Owned(Piece::Plain(c.to_string()))),
            (Atom::Whole(piece), _) => pieces.push(Cow::Borrowed(*piece)),
        }
    }
    pieces
}

fn variants<'a>(atoms: &[Atom<'a>], left: &mut usize) -> Option<Vec<Vec<Atom<'a>>>> {
    let Some((open, close, choices)) = first_group(atoms) else {
        *left = left.checked_sub(atoms.len() * ATOM)?;
        return Some(vec![atoms.to_vec()]);
    };
    let before = atoms.get(..open)?;
    let behind = variants(atoms.get(close + 1..)?, left)?;
    let mut words = Vec::new();
    for choice in choices {
        for inside in variants(&choice, left)? {
            for rest in &behind {
                if words.len() >= caps::WORDS {
                    return None;
                }
                *left = left.checked_sub((before.len() + inside.len() + rest.len()) * ATOM)?;
                words.push([before, &inside, rest].concat());
            }
        }
    }
    Some(words)
}

/// The first group that expands: where it opens and closes, and what it may be.
fn first_group<'a>(atoms: &[Atom<'a>]) -> Option<(usize, usize, Vec<Vec<Atom<'a>>>)> {
    for (open, _) in atoms.iter().enumerate().filter(|(_, atom)| **atom == Atom::Plain('{')) {
        let Some((close, commas)) = closing(atoms, open) else { continue };
        let inside = atoms.get(open + 1..close)?;
        if !commas.is_empty() {
            let mut choices = Vec::new();
            let mut from = open + 1;
            for comma in commas.iter().copied().chain([close]) {
                choices.push(atoms.get(from..comma)?.to_vec());
                from = comma + 1;
            }
            return Some((open, close, choices));
        }
        if let Some(choices) = sequence(inside) {
            return Some((open, close, choices));
        }
    }
    None
}

/// Where a brace closes, and the commas of its own level.
fn closing(atoms: &[Atom<'_>], open: usize) -> Option<(usize, Vec<usize>)> {
    let mut depth = 0_usize;
    let mut commas = Vec::new();
    for (at, atom) in atoms.iter().enumerate().skip(open) {
        match atom {
            Atom::Plain('{') => depth += 1,
            Atom::Plain('}') if depth == 1 => return Some((at, commas)),
            Atom::Plain('}') => depth -= 1,
            Atom::Plain(',') if depth == 1 => commas.push(at),
            Atom::Plain(_) | Atom::Whole(_) => {}
        }
    }
    None
}

/// `1..9`, `1..9..2`, `a..e`
fn sequence<'a>(inside: &[Atom<'a>]) -> Option<Vec<Vec<Atom<'a>>>> {
    let plain = |atom: &Atom<'_>| if let Atom::Plain(c) = atom { Some(*c) } else { None };
    let text: String = inside.iter().map(plain).collect::<Option<_>>()?;
    let parts: Vec<&str> = text.split("..").collect();
    let (from, to, step) = match parts.as_slice() {
        [from, to] => (*from, *to, 1),
        [from, to, step] => (*from, *to, step.parse::<i64>().ok()?.unsigned_abs().max(1)),
        _ => return None,
    };
    let letter = |text: &str| text.parse::<char>().ok().filter(char::is_ascii_alphabetic);
    if let (Some(from), Some(to)) = (letter(from), letter(to)) {
        let numbers = between(i64::from(u32::from(from)), i64::from(u32::from(to)), step);
        let chars = numbers.into_iter().filter_map(|n| u32::try_from(n).ok().and_then(char::from_u32));
        return Some(chars.map(|c| vec![Atom::Plain(c)]).collect());
    }
    let width =
        [from, to].iter().filter(|n| n.trim_start_matches('-').starts_with('0') && n.len() > 1).map(|n| n.len()).max();
    let numbers = between(from.parse().ok()?, to.parse().ok()?, step);
    let texts = numbers.into_iter().map(|n| width.map_or_else(|| n.to_string(), |width| format!("{n:0width$}")));
    Some(texts.map(|text| text.chars().map(Atom::Plain).collect()).collect())
}

fn between(from: i64, to: i64, step: u64) -> Vec<i64> {
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    // One more than may be, so that it is seen to be too much.
    let most = caps::WORDS + 1;
    if from <= to {
        (from..=to).step_by(step).take(most).collect()
    } else {
        (to..=from).rev().step_by(step).take(most).collect()
    }
}
