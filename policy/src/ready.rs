//! What can be known of a run before it starts, worked out when the program is built: the shipped profiles, what each
//! builds on, and what a run on it comes to wherever it happens. A launch then only looks at what people add.

use std::fmt::Write as _;

use crate::assemble::Source;
use crate::boundary::{CallFilter, Rights};
use crate::hear::At;
use crate::layer::Layer;
use crate::place::Place;
use crate::policy::Policy;
use crate::profile::bake::{Bake, NAMES, expression};
use crate::profile::document::{List, Text};
use crate::profile::{Document, Faults};

pub use crate::hear::exec::{Filed, Numbered};
pub use crate::index::{Index, Slot};
pub use crate::pattern::placed::{Placed, Start};

/// All shipped profiles, and their rules filed. Only [`as_rust`] writes one.
#[derive(Debug)]
pub struct Shelf {
    /// The profiles, by number.
    pub documents: &'static [Document],
    /// Command rules of all of them; sources are numbered as in `documents`.
    pub commands: Filed,
}

/// A shipped profile, ready for a run. Only [`as_rust`] writes one.
#[derive(Debug)]
pub struct Ready {
    /// Where it comes from.
    pub shelf: &'static Shelf,
    /// The profile, one of those on the shelf.
    pub document: &'static Document,
    /// All that a layer holds in which it stands alone: what it builds on, in order, and itself last.
    pub chain: &'static [u32],
    /// As `chain`, of what is built into every run.
    pub beneath: &'static [u32],
    /// What a run comes to that stands on `beneath` and, in the person's layer, on this profile.
    pub prepared: Prepared,
}

/// What the documents of a run come to, as far as it does not hang on where the run happens. Each list holds every item
/// once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Roots with the rights that all documents together give; path grants, where they are one tree, too.
    pub roots: List<(Placed, Rights)>,
    /// Globs of hidden paths.
    pub hidden: List<Placed>,
    /// Globs of protected paths.
    pub protected: List<Placed>,
    /// Globs of unix sockets that are granted, as written.
    pub sockets: List<Text>,
    /// Globs of unix sockets on which there is a floor, as written.
    pub guarded_sockets: List<Text>,
    /// Names of variables that pass.
    pub pass: List<Text>,
    /// Names of variables that never pass.
    pub drop: List<Text>,
    /// Names of variables that these documents set and `drop` takes away.
    pub never_set: List<Text>,
}

/// A document of a layer, or a shipped profile.
#[derive(Debug)]
pub enum Given {
    /// Read at this launch.
    Read(Box<Document>),
    /// Part of the program.
    Ready(&'static Ready),
}

impl Given {
    /// The document.
    #[must_use]
    pub fn document(&self) -> &Document {
        match self {
            Self::Read(document) => document,
            Self::Ready(ready) => ready.document,
        }
    }
}

impl From<Document> for Given {
    fn from(document: Document) -> Self {
        Self::Read(Box::new(document))
    }
}

impl From<&'static Ready> for Given {
    fn from(ready: &'static Ready) -> Self {
        Self::Ready(ready)
    }
}

/// Profiles as Rust: items, with `SHELF` among them, and an expression for the [`Ready`] of each profile, in order. `base`
/// is the profile that is built into every run.
///
/// # Errors
/// [`Faults`] of a profile that does not fit with what it builds on.
pub fn as_rust(documents: &[Document], base: &str) -> Result<(String, Vec<String>), Faults> {
    let documents: List<Document> = documents.iter().map(|document| document.clone().without_examples()).collect();
    let mut items = NAMES.to_owned();
    // What is pushed to a string can't fail.
    let _written = writeln!(items, "static DOCUMENTS: [Document; {}] = [", documents.len());
    for document in documents.iter() {
        document.bake(&mut items);
        items.push_str(",\n");
    }
    let filed = expression(&Filed::new(documents.iter()));
    items.push_str("];\nstatic SHELF: Shelf = Shelf {");
    let _written = writeln!(items, "documents: &DOCUMENTS, commands: {filed} }};");
    let names = documents.iter().map(|document| document.name.as_deref().unwrap_or_default());
    let ready = names.map(|name| one(&documents, name, base)).collect::<Result<_, _>>()?;
    Ok((items, ready))
}

/// The system-call filter of a run on one of these profiles, as [`Ready::calls`].
///
/// # Errors
/// [`Faults`] of a profile that does not fit with what it builds on.
pub fn calls(documents: &[Document], name: &str, base: &str) -> Result<CallFilter, Faults> {
    alone(documents, name, base).map(|policy| policy.lower_lines())
}

/// The policy of a run to which nobody adds anything.
fn alone(documents: &[Document], name: &str, base: &str) -> Result<Policy, Faults> {
    let lookup = |name: &str| documents.iter().find(|d| d.name.as_deref() == Some(name)).cloned();
    let given = |layer, name: &str| lookup(name).map(|document| (layer, document));
    let layers = [given(Layer::BuiltIn, base), given(Layer::Person, name)];
    Policy::assemble(layers.into_iter().flatten().collect(), &lookup, &Place::nowhere())
}

fn one(documents: &[Document], name: &str, base: &str) -> Result<String, Faults> {
    let policy = alone(documents, name, base)?;
    let number = |wanted: &Document| documents.iter().position(|d| d.source == wanted.source).unwrap_or_default();
    let list = |of: Layer| -> Vec<usize> {
        policy.sources.iter().filter(|(layer, _)| *layer == of).map(|(_, d)| number(d)).collect()
    };
    let own = documents.iter().position(|d| d.name.as_deref() == Some(name)).unwrap_or_default();
    Ok(format!(
        "Ready {{ shelf: &SHELF, document: &DOCUMENTS[{own}], chain: &{:?}, beneath: &{:?}, prepared: {} }}",
        list(Layer::Person),
        list(Layer::BuiltIn),
        expression(&policy.prepare_all()),
    ))
}

/// A policy that stands on what is ready.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) prepared: &'static Prepared,
    /// The policy's numbers of the prepared sources, in order.
    sources: Vec<u32>,
}

impl Standing {
    /// Whether the build prepared this source.
    pub(crate) fn knows(&self, at: At) -> bool {
        self.sources.binary_search(&at.source).is_ok()
    }

    /// Where all that a profile stands on is among the sources, each in its layer and in order.
    pub(crate) fn find(ready: &'static Ready, sources: &[(Layer, Source)]) -> Option<Self> {
        let beneath = ready.beneath.iter().map(|number| (Layer::BuiltIn, *number));
        let mut wanted = beneath.chain(ready.chain.iter().map(|number| (Layer::Person, *number))).peekable();
        let mut found = Vec::with_capacity(ready.beneath.len() + ready.chain.len());
        for (number, (layer, source)) in (0_u32..).zip(sources) {
            let is_next = |(of, wanted): &(Layer, u32)| of == layer && source.number() == Some(*wanted);
            if wanted.next_if(is_next).is_some() {
                found.push(number);
            }
        }
        wanted.peek().is_none().then_some(Self { prepared: &ready.prepared, sources: found })
    }
}

impl Prepared {
    pub(crate) const fn nothing() -> Self {
        Self {
            roots: List::Borrowed(&[]),
            hidden: List::Borrowed(&[]),
            protected: List::Borrowed(&[]),
            sockets: List::Borrowed(&[]),
            guarded_sockets: List::Borrowed(&[]),
            pass: List::Borrowed(&[]),
            drop: List::Borrowed(&[]),
            never_set: List::Borrowed(&[]),
        }
    }
}
