//! What tests say to a watch.

use tollgate_policy::action::{Connect, Target};

use super::{Speech, Watch};
use crate::goal::{Goal, Terms};
use crate::judge::Objection;

pub(crate) const NAME: &str = "good.example";

pub(crate) fn goal(port: u16) -> Goal {
    Goal { connect: Connect { target: Target::Name(NAME.to_owned()), port }, terms: Terms::default() }
}

/// A caller that says something piece by piece, as the relay would see it.
pub(crate) struct Caller {
    pub(crate) watch: Watch,
    held: Vec<u8>,
    pub(crate) released: Vec<u8>,
}

impl Caller {
    pub(crate) fn new(goal: &Goal) -> Self {
        Self { watch: Watch::new(goal), held: Vec::new(), released: Vec::new() }
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<(), Objection> {
        self.held.extend_from_slice(bytes);
        self.release(Speech::Goes)
    }

    pub(crate) fn end(&mut self) -> Result<(), Objection> {
        self.release(Speech::Ended)
    }

    pub(crate) fn release(&mut self, speech: Speech) -> Result<(), Objection> {
        let more = self.watch.release(&self.held, speech)?;
        self.released.extend(self.held.drain(..more));
        Ok(())
    }

    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }
}

/// All that is said in pieces of these lengths, to its end; what was released, and the objection.
pub(crate) fn said(goal: &Goal, bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Result<(), Objection>) {
    let mut caller = Caller::new(goal);
    let mut rest = bytes;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((*pieces.next().unwrap_or(&1)).clamp(1, rest.len()));
        rest = behind;
        if let Err(objection) = caller.say(piece) {
            return (caller.released, Err(objection));
        }
    }
    let end = caller.end();
    (caller.released, end)
}

/// A hello with these extensions, in records of at most this length.
pub(crate) fn hello(extensions: &[(u16, Vec<u8>)], record: usize) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, content) in extensions {
        list.extend(kind.to_be_bytes());
        list.extend(long(content));
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(long(&[0x13, 0x01]));
    body.extend([1, 0]);
    body.extend(long(&list));
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, length[1], length[2], length[3]], body.as_slice()].concat();
    records(22, &message, record)
}

pub(crate) fn records(kind: u8, content: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in content.chunks(most) {
        out.extend([kind, 3, 1]);
        out.extend(long(part));
    }
    out
}

/// The extension that names a server.
pub(crate) fn named(name: &str) -> (u16, Vec<u8>) {
    let entry = [&[0], long(name.as_bytes()).as_slice()].concat();
    (0, long(&entry))
}

pub(crate) fn long(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&length.to_be_bytes(), content].concat()
}
