//! The compiled program against the description, on the interpreter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::compile::NATIVE;
use super::interpret::{Call, run};
use super::{ArgTest, CompileError, Entry, Fate, Filter, Sense, compile};

fn test(arg: u8, mask: u64, equal: u64, sense: Sense) -> ArgTest {
    ArgTest { arg, mask, equal, sense }
}

/// What the description says, read naively.
fn expected(filter: &Filter, call: &Call) -> u32 {
    if call.arch != NATIVE {
        return Fate::Kill.code();
    }
    if call.number >= 0x4000_0000 {
        return Fate::Errno(38).code();
    }
    let holds = |t: &ArgTest| ((call.args[usize::from(t.arg)] & t.mask) == t.equal) == (t.sense == Sense::Equals);
    filter
        .entries
        .iter()
        .find(|e| e.calls.contains(&call.number) && e.tests.iter().all(holds))
        .map_or(filter.otherwise, |e| e.then)
        .code()
}

/// A small generator of numbers (xorshift): the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn random_filter(numbers: &mut Numbers, entries: u64) -> Filter {
    let fate = |n: u64| match n {
        0 => Fate::Notify,
        1 => Fate::Kill,
        2 => Fate::Errno(1),
        3 => Fate::Errno(38),
        _ => Fate::Allow,
    };
    let interesting = [0u64, 1, 0xff, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_0000_0000, u64::MAX, 0x5412];
    let entries = (0..entries)
        .map(|_| {
            let tests = (0..numbers.next(4))
                .map(|_| {
                    let mask = interesting[usize::try_from(numbers.next(8)).unwrap()];
                    let equal = interesting[usize::try_from(numbers.next(8)).unwrap()];
                    let sense = if numbers.next(2) == 0 { Sense::Equals } else { Sense::Differs };
                    test(u8::try_from(numbers.next(6)).unwrap(), mask, equal, sense)
                })
                .collect();
            let calls = (0..=numbers.next(5)).map(|_| u32::try_from(numbers.next(480)).unwrap()).collect();
            Entry { calls, tests, then: fate(numbers.next(6)) }
        })
        .collect();
    Filter { entries, otherwise: Fate::Errno(38) }
}

#[test]
fn programs_agree_with_their_descriptions() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let values = [0u64, 1, 0xff, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_0000_0000, u64::MAX, 0x5412, 0xdead_0000_5412];
    let mut longest = 0;
    for round in 0..60 {
        let filter = random_filter(&mut numbers, 1 + round * 3);
        let program = compile(&filter).unwrap();
        longest = longest.max(program.length());
        for call in (0..500).chain([0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x4000_0208, u32::MAX]) {
            for _ in 0..6 {
                let mut args = [0; 6];
                for arg in &mut args {
                    *arg = values[usize::try_from(numbers.next(9)).unwrap()];
                }
                let arch = if numbers.next(20) == 0 { 0x4000_0003 } else { NATIVE };
                let call = Call { number: call, arch, args };
                assert_eq!(run(&program.code, &call).0, expected(&filter, &call), "{call:?} in {filter:?}");
            }
        }
    }
    assert!(longest > 1000, "long programs, with trampolines, must be among those tried: {longest}");
}

#[test]
fn the_search_is_short() {
    // every second call refused: the worst case for ranges
    let filter = Filter {
        entries: vec![Entry { calls: (0..470).step_by(2).collect(), tests: vec![], then: Fate::Errno(1) }],
        otherwise: Fate::Allow,
    };
    let program = compile(&filter).unwrap();
    for number in 0..480 {
        let (_, steps) = run(&program.code, &Call { number, arch: NATIVE, args: [0; 6] });
        assert!(steps <= 3 + 9 * 2 + 1, "{number}: {steps}");
    }
}

#[test]
fn faults_are_named() {
    let filter = |entry: Entry| Filter { entries: vec![entry], otherwise: Fate::Allow };
    let of = |tests: Vec<ArgTest>, then| filter(Entry { calls: vec![1], tests, then });
    let always = test(6, 0, 0, Sense::Equals);
    assert_eq!(compile(&of(vec![always], Fate::Allow)).unwrap_err(), CompileError::Argument(6));
    assert_eq!(compile(&of(vec![], Fate::Errno(0))).unwrap_err(), CompileError::Errno(0));
    assert_eq!(compile(&of(vec![], Fate::Errno(4096))).unwrap_err(), CompileError::Errno(4096));
    let many = (0..900u32).map(|n| Entry {
        calls: vec![n],
        tests: vec![test(0, u64::MAX, u64::from(n) << 20, Sense::Equals)],
        then: Fate::Kill,
    });
    let filter = Filter { entries: many.collect(), otherwise: Fate::Allow };
    assert!(matches!(compile(&filter), Err(CompileError::TooLong(n)) if n > 4096));
}

#[test]
fn fates_whatever_the_arguments() {
    let sure = Entry { calls: vec![1], tests: vec![], then: Fate::Allow };
    let tested = Entry { calls: vec![2], tests: vec![test(0, 1, 1, Sense::Equals)], then: Fate::Notify };
    let filter = Filter { entries: vec![sure, tested], otherwise: Fate::Kill };
    assert_eq!([1, 2, 3].map(|n| filter.fate(n)), [Some(Fate::Allow), None, Some(Fate::Kill)]);
    assert!(filter.notifies());
}
