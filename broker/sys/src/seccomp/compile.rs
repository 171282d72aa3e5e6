//! From the description to a program: a check of the architecture, a binary search over ranges of call numbers that
//! share a fate, then that fate's chain of tests.

use std::collections::{BTreeMap, HashMap};

use libc::sock_filter;

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
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
compile_error!("the filter needs this architecture's AUDIT_ARCH number");

/// A compiled filter, ready to be installed.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) code: Vec<sock_filter>,
    notifies: bool,
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

/// One step of a call's decision: if all tests hold, this fate.
type Step<'a> = (&'a [ArgTest], Fate);
/// A call's whole decision: steps in order; the last has no tests.
type Chain<'a> = Vec<Step<'a>>;

/// Compiles a filter for this architecture.
///
/// # Errors
/// [`CompileError`].
pub fn compile(filter: &Filter) -> Result<Program, CompileError> {
    check(filter)?;
    let ranges = ranges(filter);
    let mut writer = Writer::default();
    let search = writer.search(&ranges);
    let start = writer.code.load(NUMBER, search);
    let foreign = writer.code.give(Fate::Kill.code());
    let known = writer.code.branch(Compare::Equal, NATIVE, (start, foreign));
    writer.code.load(ARCHITECTURE, known);
    let code = writer.code.finish();
    if code.len() > LIMIT {
        return Err(CompileError::TooLong(code.len()));
    }
    Ok(Program {
        code,
        notifies: filter.notifies(),
    })
}

fn check(filter: &Filter) -> Result<(), CompileError> {
    let fates = filter
        .entries
        .iter()
        .map(|entry| entry.then)
        .chain([filter.otherwise]);
    for fate in fates {
        if let Fate::Errno(errno) = fate
            && !(1..=4095).contains(&errno)
        {
            return Err(CompileError::Errno(errno));
        }
    }
    match filter
        .entries
        .iter()
        .flat_map(|entry| &entry.tests)
        .find(|test| test.arg > 5)
    {
        Some(test) => Err(CompileError::Argument(test.arg)),
        None => Ok(()),
    }
}

/// Call numbers from a range's start to the next range's start share a chain.
struct Range<'a> {
    start: u32,
    chain: Chain<'a>,
}

fn ranges(filter: &Filter) -> Vec<Range<'_>> {
    let mut named: BTreeMap<u32, Vec<&Entry>> = BTreeMap::new();
    for entry in &filter.entries {
        for call in entry.calls.iter().filter(|call| **call < X32) {
            named.entry(*call).or_default().push(entry);
        }
    }
    let mut ranges = vec![Range {
        start: 0,
        chain: vec![(NO_TESTS, filter.otherwise)],
    }];
    let mut next = 0;
    for (call, entries) in named {
        if call > next {
            append(&mut ranges, next, vec![(NO_TESTS, filter.otherwise)]);
        }
        append(&mut ranges, call, chain(&entries, filter.otherwise));
        next = call + 1;
    }
    append(&mut ranges, next, vec![(NO_TESTS, filter.otherwise)]);
    append(&mut ranges, X32, vec![(NO_TESTS, Fate::Errno(38))]); // ENOSYS, as a kernel without x32 answers
    ranges
}

fn append<'a>(ranges: &mut Vec<Range<'a>>, start: u32, chain: Chain<'a>) {
    match ranges.last_mut() {
        Some(last) if last.start == start => last.chain = chain,
        Some(last) if last.chain == chain => {}
        _ => ranges.push(Range { start, chain }),
    }
}

const NO_TESTS: &[ArgTest] = &[];

fn chain<'a>(entries: &[&'a Entry], otherwise: Fate) -> Chain<'a> {
    let mut steps: Chain<'a> = Vec::new();
    for entry in entries {
        steps.push((&entry.tests, entry.then));
        if entry.tests.is_empty() {
            return steps;
        }
    }
    steps.push((NO_TESTS, otherwise));
    steps
}

#[derive(Default)]
struct Writer<'a> {
    code: Backwards,
    written: HashMap<Chain<'a>, Place>,
}

impl<'a> Writer<'a> {
    /// Finds the range of the number in the accumulator.
    fn search(&mut self, ranges: &[Range<'a>]) -> Place {
        match ranges {
            [] => self.code.give(Fate::Kill.code()),
            [one] => self.chain(&one.chain),
            _ => {
                let (low, high) = ranges.split_at(ranges.len() / 2);
                let middle = high.first().map_or(0, |range| range.start);
                let above = self.search(high);
                let below = self.search(low);
                self.code.branch(Compare::AtLeast, middle, (above, below))
            }
        }
    }

    /// A chain of tests; one that is already written nearby is used again.
    fn chain(&mut self, chain: &Chain<'a>) -> Place {
        if let Some(place) = self.written.get(chain).copied()
            && self.code.is_near(place)
        {
            return place;
        }
        let mut place = None;
        for (tests, fate) in chain.iter().rev() {
            let give = self.code.give(fate.code());
            place = Some(match place {
                Some(next) => self.tests(tests, (give, next)),
                None => give,
            });
        }
        let place = place.unwrap_or_else(|| self.code.give(Fate::Kill.code()));
        self.written.insert(chain.clone(), place);
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
