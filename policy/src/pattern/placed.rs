//! Paths and globs split at what they start from, so that a launch only lays them together.

use std::borrow::Cow;

use super::{Head, escaped, split, trimmed};
use crate::path::AbsPath;
use crate::place::Place;
use crate::profile::document::Text;

/// A written path or glob: what it starts from, and what follows, which is empty or starts with `/`. That from the root,
/// and that from anywhere, is all in what follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// What it starts from.
    pub start: Start,
    /// What follows.
    pub rest: Text,
}

/// What a written path starts from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// The root, or anywhere: nothing is to be added.
    Root,
    /// `~`
    Home,
    /// `@workspace`
    Workspace,
    /// `@temp`
    Temp,
    /// `@state`
    State,
    /// `$NAME`
    Variable(Text),
}

impl Start {
    fn of(head: Head<'_>) -> Self {
        match head {
            Head::Root | Head::Anywhere => Self::Root,
            Head::Home => Self::Home,
            Head::Workspace => Self::Workspace,
            Head::Temp => Self::Temp,
            Head::State => Self::State,
            Head::Variable(name) => Self::Variable(Cow::Owned(name.to_owned())),
        }
    }

    fn head(&self) -> Head<'_> {
        match self {
            Self::Root => Head::Root,
            Self::Home => Head::Home,
            Self::Workspace => Head::Workspace,
            Self::Temp => Head::Temp,
            Self::State => Head::State,
            Self::Variable(name) => Head::Variable(name),
        }
    }
}

impl Placed {
    /// A written path; none if it is none.
    pub(crate) fn path(text: &str) -> Option<Self> {
        let (head, rest) = split(text).ok()?;
        let clean = AbsPath::new(format!("/{rest}")).ok()?;
        let clean = clean.as_path().to_str()?;
        let start = Start::of(head);
        let rest = if clean == "/" && start != Start::Root { "" } else { clean };
        (head != Head::Anywhere).then(|| Self { start, rest: rest.to_owned().into() })
    }

    /// A written glob; none if it is none.
    pub(crate) fn glob(text: &str) -> Option<Self> {
        let (head, rest) = split(text).ok()?;
        let rest = trimmed(rest);
        let rest = match head {
            Head::Anywhere => format!("/**/{}", rest.strip_prefix("**/").unwrap_or(rest)),
            Head::Root if rest.is_empty() => "/".to_owned(),
            Head::Root | Head::Home | Head::Workspace | Head::Temp | Head::State | Head::Variable(_) => rest.to_owned(),
        };
        Some(Self { start: Start::of(head), rest: rest.into() })
    }
}

/// Lays together what is written and a place; what comes in order of its start is resolved once for each.
#[derive(Debug)]
pub(crate) struct Laying<'p> {
    place: &'p Place,
    base: Option<(&'p Start, Option<Base>)>,
}

#[derive(Debug)]
struct Base {
    path: AbsPath,
    /// As a glob; empty for the root.
    text: String,
}

impl<'p> Laying<'p> {
    pub(crate) const fn new(place: &'p Place) -> Self {
        Self { place, base: None }
    }

    fn base(&mut self, start: &'p Start) -> Option<&Base> {
        if self.base.as_ref().is_none_or(|(known, _)| *known != start) {
            let base = self.place.base(start.head()).map(|path| {
                let (text, _blurred) = escaped(path.as_path());
                Base { text: if text == "/" { String::new() } else { text }, path }
            });
            self.base = Some((start, base));
        }
        self.base.as_ref()?.1.as_ref()
    }

    /// The path; none where its variable is unset.
    pub(crate) fn path(&mut self, placed: &'p Placed) -> Option<AbsPath> {
        match (&placed.start, &placed.rest) {
            (Start::Root, Cow::Borrowed(rest)) => AbsPath::fixed(rest),
            (start, rest) => self.base(start)?.path.beneath(rest),
        }
    }

    /// The glob as text, absolute; none where its variable is unset.
    pub(crate) fn glob(&mut self, placed: &'p Placed) -> Option<String> {
        if placed.start == Start::Root {
            return Some(placed.rest.to_string());
        }
        let base = &self.base(&placed.start)?.text;
        let mut text = String::with_capacity(base.len() + placed.rest.len());
        text.push_str(base);
        text.push_str(&placed.rest);
        Some(if text.is_empty() { "/".to_owned() } else { text })
    }
}
