//! From the description to a program: a check of the architecture, a binary search over ranges of call numbers that
//! share a fate, then that fate's chain of tests.

use libc::sock_filter;
use serde::{Deserialize, Serialize};

use super::assemble::{Backwards, Compare, Place};
use super::{ArgTest, CompileError, Entry, Fate, Filter, Sense};

// struct seccomp_data { int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]; }
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;
const LOW_HALF: u32 = if cfg!(target_endian = "little") { 0 } else { 4 };
const LIMIT: usize = 4096; // BPF_MAXINSNS

/// Bit 30 marks calls of the x32 table (`__X32_SYSCALL_BIT`): same architecture, other meaning.
const X32: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
pub(super) const NATIVE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
pub(super) const NATIVE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64
#[cfg(target_arch = "riscv64")]
pub(super) const NATIVE: u32 = 0xc000_00f3; // AUDIT_ARCH_RISCV64
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
compile_error!("the filter needs this architecture's AUDIT_ARCH number");

/// A compiled filter, ready to be installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    #[serde(with = "words")]
    pub(super) code: Vec<sock_filter>,
    pub(super) notifies: bool,
}

/// Instructions as pairs of numbers: operation with both jumps, and operand.
mod words {
    use libc::sock_filter;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(code: &[sock_filter], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(code.iter().map(|one| (one.code, one.jt, one.jf, one.k)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<sock_filter>, D::Error> {
        let words = Vec::<(u16, u8, u8, u32)>::deserialize(from)?;
        Ok(words.into_iter().map(|(code, jt, jf, k)| sock_filter { code, jt, jf, k }).collect())
    }
}

impl Program {
    /// Length in instructions.
    #[must_use]
    pub fn length(&self) -> usize {
        self.code.len()
    }

    /// Whether some call may wait for a listener.
    #[must_use]
    pub fn notifies(&self) -> bool {
        self.notifies
    }
}

/// Compiles a filter for this architecture.
///
/// # Errors
/// [`CompileError`].
pub fn compile(filter: &Filter) -> Result<Program, CompileError> {
    check(filter)?;
    let always = |then| Entry { calls: Vec::new(), tests: Vec::new(), then };
    // ENOSYS is what a kernel without x32 answers.
    let (others, x32) = (always(filter.otherwise), always(Fate::Errno(38)));
    let chains = Chains::of(filter, &others, &x32);
    let ranges = chains.ranges.len();
    let mut writer = Writer { code: Backwards::default(), chains, written: Vec::with_capacity(64) };
    let search = writer.search(0, ranges);
    let start = writer.code.load(NUMBER, search);
    let foreign = writer.code.give(Fate::Kill.code());
    let known = writer.code.branch(Compare::Equal, NATIVE, (start, foreign));
    writer.code.load(ARCHITECTURE, known);
    let code = writer.code.finish();
    if code.len() > LIMIT {
        return Err(CompileError::TooLong(code.len()));
    }
    Ok(Program { code, notifies: filter.notifies() })
}

fn check(filter: &Filter) -> Result<(), CompileError> {
    let fates = filter.entries.iter().map(|entry| entry.then).chain([filter.otherwise]);
    for fate in fates {
        if let Fate::Errno(errno) = fate
            && !(1..=4095).contains(&errno)
        {
            return Err(CompileError::Errno(errno));
        }
    }
    match filter.entries.iter().flat_map(|entry| &entry.tests).find(|test| test.arg > 5) {
        Some(test) => Err(CompileError::Argument(test.arg)),
        None => Ok(()),
    }
}

/// Call numbers from a range's start to the next range's start share a chain: entries that are looked at in order, as a
/// span of [`Chains::entries`].
#[derive(Clone, Copy)]
struct Range {
    start: u32,
    chain: (usize, usize),
}

/// All chains, one after another. Flat, since a filter names hundreds of calls and is compiled at every launch.
struct Chains<'a> {
    entries: Vec<&'a Entry>,
    ranges: Vec<Range>,
}

impl<'a> Chains<'a> {
    fn of(filter: &'a Filter, others: &'a Entry, x32: &'a Entry) -> Self {
        let named = |entry: &'a Entry| entry.calls.iter().filter(|call| **call < X32).map(move |call| (*call, entry));
        let mut named: Vec<(u32, &Entry)> = filter.entries.iter().flat_map(named).collect();
        named.sort_by_key(|(call, _)| *call); // stable: entries of one call stay in order
        let mut chains = Self { entries: Vec::with_capacity(named.len() * 2), ranges: Vec::with_capacity(64) };
        let mut next = 0;
        for same in named.chunk_by(|(a, _), (b, _)| a == b) {
            let call = same.first().map_or(next, |(call, _)| *call);
            if call > next {
                chains.append(next, [others].into_iter());
            }
            chains.append(call, same.iter().map(|(_, entry)| *entry).chain([others]));
            next = call + 1;
        }
        chains.append(next, [others].into_iter());
        chains.append(X32, [x32].into_iter());
        chains
    }

    /// Adds a range, or lengthens the last one if it has the same chain. A chain ends at its first entry without tests.
    fn append(&mut self, start: u32, chain: impl Iterator<Item = &'a Entry>) {
        let from = self.entries.len();
        for entry in chain {
            self.entries.push(entry);
            if entry.tests.is_empty() {
                break;
            }
        }
        let new = (from, self.entries.len());
        let last = self.ranges.last().copied();
        match last {
            Some(last) if self.alike(last.chain, new) => self.entries.truncate(from),
            _ => self.ranges.push(Range { start, chain: new }),
        }
    }

    fn chain(&self, (from, to): (usize, usize)) -> &[&'a Entry] {
        self.entries.get(from..to).unwrap_or_default()
    }

    fn alike(&self, a: (usize, usize), b: (usize, usize)) -> bool {
        let (a, b) = (self.chain(a), self.chain(b));
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.then == b.then && a.tests == b.tests)
    }
}

struct Writer<'a> {
    code: Backwards,
    chains: Chains<'a>,
    /// Chains that are written already, and where.
    written: Vec<((usize, usize), Place)>,
}

impl Writer<'_> {
    /// Finds the range of the number in the accumulator.
    fn search(&mut self, from: usize, to: usize) -> Place {
        let middle = usize::midpoint(from, to);
        match self.chains.ranges.get(middle).copied() {
            None => self.code.give(Fate::Kill.code()),
            Some(range) if to - from <= 1 => self.chain(range.chain),
            Some(range) => {
                let above = self.search(middle, to);
                let below = self.search(from, middle);
                self.code.branch(Compare::AtLeast, range.start, (above, below))
            }
        }
    }

    /// A chain of entries; one that is already written nearby is used again.
    fn chain(&mut self, chain: (usize, usize)) -> Place {
        let near = self.written.iter().rev().take_while(|(_, place)| self.code.is_near(*place));
        if let Some((_, place)) = near.into_iter().find(|(known, _)| self.chains.alike(*known, chain)) {
            return *place;
        }
        let mut place = None;
        for at in (chain.0..chain.1).rev() {
            let Some(entry) = self.chains.entries.get(at).copied() else { continue };
            let give = self.code.give(entry.then.code());
            place = Some(match place {
                Some(next) => self.tests(&entry.tests, (give, next)),
                None => give,
            });
        }
        let place = place.unwrap_or_else(|| self.code.give(Fate::Kill.code()));
        self.written.push((chain, place));
        place
    }

    /// All tests hold: `yes`; one fails: `no`.
    fn tests(&mut self, tests: &[ArgTest], (yes, no): (Place, Place)) -> Place {
        tests.iter().rev().fold(yes, |yes, test| match test.sense {
            Sense::Equals => self.equals(test, (yes, no)),
            Sense::Differs => self.equals(test, (no, yes)),
        })
    }

    fn equals(&mut self, test: &ArgTest, (yes, no): (Place, Place)) -> Place {
        let offset = ARGUMENTS + 8 * u32::from(test.arg);
        let low = (offset + LOW_HALF, low(test.mask), low(test.equal));
        let high = (offset + 4 - LOW_HALF, high(test.mask), high(test.equal));
        let after = self.half(high, (yes, no));
        self.half(low, (after, no))
    }

    fn half(&mut self, (offset, mask, equal): (u32, u32, u32), (yes, no): (Place, Place)) -> Place {
        match (mask, equal) {
            (0, 0) => yes,
            (0, _) => no,
            (u32::MAX, _) => {
                // The next test often looks at the same word.
                let (yes, no) = (self.code.past_load(yes, offset), self.code.past_load(no, offset));
                let compare = self.code.branch(Compare::Equal, equal, (yes, no));
                self.code.load(offset, compare)
            }
            _ => {
                let compare = self.code.branch(Compare::Equal, equal, (yes, no));
                let masked = self.code.mask(mask, compare);
                self.code.load(offset, masked)
            }
        }
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

fn high(value: u64) -> u32 {
    u32::try_from(value >> 32).unwrap_or_default()
}
