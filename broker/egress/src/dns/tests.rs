//! Questions as programs ask them, and as nobody should.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

use std::net::IpAddr;

use proptest::prelude::*;
use tollgate_policy::action::Connect;
use tollgate_policy::verdict::Effect;

use super::answer::Source;
use super::kind;
use super::read::Reader;
use super::write;
use crate::class::Class;
use crate::judge::{Judge, Report};
use crate::names::Names;
use crate::resolve::conf::Search;

struct Table;

impl Judge for Table {
    fn look_up(&self, name: &str) -> Effect {
        match name {
            "good.example" => Effect::Allow,
            name if name.starts_with("evil") => Effect::Deny,
            _ => Effect::Ask,
        }
    }

    fn may_reach(&self, _: &Connect, _: IpAddr, _: Class) -> bool {
        false
    }

    fn told(&self, _: Report) {}
}

fn answer_with(names: &Names, message: &[u8]) -> Option<Vec<u8>> {
    let search = Search { domains: vec!["svc.local".to_owned()], ndots: 5 };
    let source = Source { names, judge: &Table, search: &search };
    source.answer(message)
}

fn answer(message: &[u8]) -> Option<Vec<u8>> {
    answer_with(&Names::new(4), message)
}

/// Code and what the answer holds, in text.
fn told(name: &str, kind: u16) -> String {
    read(&answer(&write::question(7, name, kind).unwrap()).unwrap(), kind)
}

fn read(message: &[u8], kind: u16) -> String {
    let mut reader = Reader::new(message);
    let header = reader.header().unwrap();
    assert!(header.is_response() && header.id == 7 && header.flags & 0x0180 == 0x0180, "{header:?}");
    assert_eq!(header.counts[0], 1);
    assert_eq!(reader.question().unwrap().kind, kind);
    let records = reader.records(header.counts[1]).unwrap();
    assert_eq!(header.counts[2..], [0, 1], "an asker that knows EDNS gets it");
    assert_eq!(reader.records(1).unwrap()[0].kind, kind::OPT);
    let content: Vec<String> = (records.iter())
        .map(|record| match record.kind {
            kind::PTR => Reader::at(message, record.at).name().unwrap().unwrap(),
            kind::A => IpAddr::from(<[u8; 4]>::try_from(record.content).unwrap()).to_string(),
            _ => IpAddr::from(<[u8; 16]>::try_from(record.content).unwrap()).to_string(),
        })
        .collect();
    format!("{} {}", header.code(), content.join(" "))
}

#[test]
fn questions_are_answered_from_the_table_alone() {
    let table = [
        ("good.example", kind::A, "0 198.18.0.1"),
        ("GOOD.example.", kind::A, "0 198.18.0.1"),
        ("asked.example", kind::A, "0 198.18.0.1"),
        ("good.example", kind::AAAA, "0 "),
        ("good.example", kind::ANY, "0 198.18.0.1"),
        ("good.example", 65, "0 "),
        ("good.example", 16, "0 "),
        ("evil.example", kind::A, "3 "),
        ("evil.example", 16, "3 "),
        ("localhost", kind::A, "0 127.0.0.1"),
        ("a.localhost", kind::AAAA, "0 ::1"),
        ("registry.example.svc.local", kind::A, "3 "),
        ("db.svc.local", kind::A, "0 198.18.0.1"),
        ("10.0.0.1", kind::A, "3 "),
        ("127.1", kind::A, "3 "),
        ("a b.example", kind::A, "3 "),
        ("b\u{fc}cher.example", kind::A, "3 "),
        ("1.0.18.198.in-addr.arpa", kind::PTR, "3 "),
        ("8.8.8.8.in-addr.arpa", kind::PTR, "3 "),
        ("1.0.0.ip6.arpa", kind::PTR, "3 "),
        ("", kind::A, "3 "),
    ];
    for (name, kind, want) in table {
        assert_eq!(told(name, kind), want, "{name} {kind}");
    }
}

#[test]
fn an_address_of_ours_gives_its_name_back() {
    let names = Names::new(4);
    names.address_of("good.example").unwrap();
    let ask = |name: &str, kind| read(&answer_with(&names, &write::question(7, name, kind).unwrap()).unwrap(), kind);
    assert_eq!(ask("1.0.18.198.in-addr.arpa", kind::PTR), "0 good.example");
    assert_eq!(ask("1.0.18.198.IN-ADDR.arpa", kind::A), "0 ");
    assert_eq!(ask("2.0.18.198.in-addr.arpa", kind::PTR), "3 ");
    assert_eq!(ask("9.1.0.18.198.in-addr.arpa", kind::PTR), "3 ");
}

#[test]
fn a_full_table_fails_and_denied_names_take_no_place() {
    let names = Names::new(1);
    let ask = |name: &str| read(&answer_with(&names, &write::question(7, name, kind::A).unwrap()).unwrap(), kind::A);
    for n in 0..5 {
        assert_eq!(ask(&format!("evil{n}.example")), "3 ");
    }
    assert_eq!(ask("one.example"), "0 198.18.0.1");
    assert_eq!(ask("two.example"), "2 ");
    assert_eq!(ask("one.example"), "0 198.18.0.1");
}

#[test]
fn what_is_no_question_gets_no_answer_and_a_bad_one_is_told_so() {
    let good = write::question(7, "good.example", kind::A).unwrap();
    let with = |at: usize, byte: u8| {
        let mut message = good.clone();
        message[at] = byte;
        answer(&message).map(|answer| answer[3] & 0xf)
    };
    assert_eq!(with(2, 0x81), None, "a response");
    assert_eq!(with(2, 0x11), Some(4), "another opcode");
    assert_eq!(with(5, 2), Some(1), "two questions");
    assert_eq!(with(5, 0), Some(1), "none");
    assert_eq!(with(12, 64), Some(1), "a label of a kind long dead");
    assert_eq!(with(12, 0xc0), Some(1), "a name that points to what is behind it");
    assert_eq!(with(11, 9), Some(1), "records that are not there");
    assert_eq!(with(good.len() - 12, 3), Some(3), "another class");
    assert_eq!(answer(&good[..11]), None);
    assert_eq!(answer(&good[..20]).unwrap()[3] & 0xf, 1);
    // a name that points forward, to where a good one is
    let forward = [&good[..11], &[0, 0xc0, 18, 0, 1, 0, 1], b"\x04good\x07example\0".as_slice()].concat();
    assert_eq!(answer(&forward).unwrap()[3] & 0xf, 1);
    // a name that points to itself, and a chain of pointers
    let looped = [&good[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
    assert_eq!(answer(&looped).unwrap()[3] & 0xf, 1);
}

#[test]
fn names_have_at_most_255_bytes() {
    let long = vec!["a".repeat(63); 3].join(".");
    assert!(write::question(1, &format!("{long}.{}", "a".repeat(61)), kind::A).is_some());
    assert!(write::question(1, &format!("{long}.{}", "a".repeat(62)), kind::A).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_message_hurts(message in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(answer) = answer(&message) {
            prop_assert!(answer.len() <= message.len() + 40);
        }
    }

    #[test]
    fn no_edit_of_a_question_makes_an_answer_that_is_malformed(
        name in "[a-z]{1,8}(\\.[a-z0-9-]{1,12}){0,4}",
        kind in prop::sample::select(vec![1u16, 12, 28, 65, 255]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
    ) {
        let mut message = write::question(7, &name, kind).unwrap();
        for (at, byte) in edits {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if let Some(answer) = answer(&message) {
            let mut reader = Reader::new(&answer);
            let header = reader.header().unwrap();
            prop_assert!(header.is_response() && answer.len() <= 512);
            prop_assert!(header.counts[0] == 0 || reader.question().is_some());
            let rest = header.counts[1] + header.counts[2] + header.counts[3];
            prop_assert!(reader.records(rest).is_some());
        }
    }
}
