//! TLS: names that match, names that don't, and hellos that try to be two things.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

use proptest::prelude::*;

use super::Speech;
use super::hello::{self, Parsed};
use super::samples::{Caller, goal, hello as made, long, named, records, said};
use crate::goal::{Goal, Stance};
use crate::judge::Why;

const ALPN: (u16, &[u8]) = (16, b"\0\x03\x02h2");

/// What it is, the extensions, and what is said to it.
type Case = (&'static str, Vec<(u16, Vec<u8>)>, Result<(), Why>);

fn alpn() -> (u16, Vec<u8>) {
    (ALPN.0, ALPN.1.to_vec())
}

fn server_hello(random: &[u8; 32]) -> Vec<u8> {
    let body = [&[3, 3], random.as_slice(), &[0, 0x13, 0x01, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    records(22, &[&[2, 0, 0, length], body.as_slice()].concat(), 16384)
}

#[test]
fn a_hello_must_name_the_server_that_was_judged() {
    let entry = |name: &str| [&[0], long(name.as_bytes()).as_slice()].concat();
    let two = [entry("good.example"), entry("evil.example")].concat();
    let odd_type = [&[1], long(b"good.example").as_slice()].concat();
    let table: Vec<Case> = vec![
        ("right", vec![alpn(), named("good.example")], Ok(())),
        ("right in capitals", vec![named("GOOD.Example")], Ok(())),
        ("right with its dot", vec![named("good.example.")], Ok(())),
        ("hidden besides", vec![named("good.example"), (0xfe0d, vec![0; 40])], Ok(())),
        ("wrong", vec![named("evil.example")], Err(Why::TlsName)),
        ("below", vec![named("a.good.example")], Err(Why::TlsName)),
        ("above", vec![named("example")], Err(Why::TlsName)),
        ("with NUL", vec![named("good.example\0.evil")], Err(Why::TlsName)),
        ("address", vec![named("192.0.2.1")], Err(Why::TlsName)),
        ("none", vec![alpn()], Err(Why::TlsUnnamed)),
        ("no extensions", vec![], Err(Why::TlsUnnamed)),
        ("twice", vec![named("good.example"), named("evil.example")], Err(Why::TlsUnreadable)),
        ("twice the same", vec![named("good.example"), named("good.example")], Err(Why::TlsUnreadable)),
        ("two in a list", vec![(0, long(&two))], Err(Why::TlsUnreadable)),
        ("another type", vec![(0, long(&odd_type))], Err(Why::TlsUnreadable)),
        ("empty list", vec![(0, long(b""))], Err(Why::TlsUnreadable)),
        ("empty name", vec![named("")], Err(Why::TlsUnreadable)),
        ("rest behind", vec![(0, [long(&entry("good.example")), vec![0]].concat())], Err(Why::TlsUnreadable)),
    ];
    for (what, extensions, want) in table {
        for record in [16_384, 60, 7] {
            for pieces in [&[1][..], &[9, 100], &[100_000]] {
                let bytes = made(&extensions, record);
                let (released, end) = said(&goal(443), &bytes, pieces);
                assert_eq!(end.map_err(|objection| objection.why), want, "{what}");
                let passed = if want.is_ok() { bytes.len() } else { 0 };
                assert_eq!(released.len(), passed, "{what}");
            }
        }
    }
}

#[test]
fn terms_say_what_else_may_be() {
    let mut terms = goal(443);
    terms.terms.tls_without_name = Stance::Allow;
    terms.terms.tls_with_hidden_name = Stance::Refuse;
    assert_eq!(said(&terms, &made(&[alpn()], 999), &[50]).1, Ok(()));
    let hidden = made(&[named("good.example"), (0xfe0d, vec![])], 999);
    assert_eq!(said(&terms, &hidden, &[50]).1.unwrap_err().why, Why::TlsHidden);
}

#[test]
fn the_name_is_also_held_against_tls_on_other_ports() {
    let (released, end) = said(&goal(8443), &made(&[named("evil.example")], 999), &[10]);
    assert_eq!((released.len(), end.unwrap_err().why), (0, Why::TlsName));
}

#[test]
fn broken_hellos_do_not_pass() {
    let good = made(&[named("good.example")], 999);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let table = [
        ("another handshake", with(5, 2)),
        ("another record", with(0, 23)),
        ("longer than its record", with(8, 200)),
        ("shorter than its record", with(8, good[8] - 1)),
        ("an empty record", [&[22, 3, 1, 0, 0][..], &good].concat()),
        ("a record too long", [22, 3, 1, 0x40, 1, 1].to_vec()),
        ("another one behind", records(22, &[&good[5..], &made(&[named("evil.example")], 999)[5..]].concat(), 16_384)),
        ("something behind", records(22, &[&good[5..], &[0]].concat(), 16_384)),
        ("cut", good[..good.len() - 1].to_vec()),
        ("session too long", with(43, 33)),
    ];
    for (what, bytes) in table {
        let (released, end) = said(&goal(443), &bytes, &[1000]);
        assert_eq!(released, b"", "{what}");
        assert!(matches!(end.unwrap_err().why, Why::TlsUnreadable | Why::Unknown), "{what}");
    }
}

#[test]
fn a_second_hello_that_the_server_asked_for_is_read_too() {
    const AGAIN: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let first = made(&[named("good.example")], 999);
    let change = [20, 3, 3, 0, 1, 1];
    for (name, want) in [("good.example", Ok(())), ("evil.example", Err(Why::TlsName))] {
        // whether it comes before or after the server has asked for it
        for early in [true, false] {
            let mut caller = Caller::new(&goal(443));
            caller.say(&first).unwrap();
            let second = [&change[..], &made(&[named(name)], 20)].concat();
            if early {
                caller.say(&second).unwrap();
                assert_eq!(caller.released.len(), first.len() + change.len(), "held until the server has spoken");
            }
            for part in server_hello(&AGAIN).chunks(10) {
                caller.watch.hear(part);
            }
            let end = if early { caller.release(Speech::Goes) } else { caller.say(&second) };
            assert_eq!(end.map_err(|objection| objection.why), want, "{name}");
            if want.is_ok() {
                assert!(caller.watch.is_open() && caller.held() == 0);
            }
        }
    }
}

#[test]
fn what_a_server_says_before_its_answer_is_not_taken_for_it() {
    const AGAIN: &str = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
    let random: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&AGAIN[at..at + 2], 16).unwrap()).collect();
    let again = server_hello(&random.try_into().unwrap());
    let warning = [21, 3, 3, 0, 2, 1, 112];
    for before in [&warning[..], &[warning, warning].concat(), b"220 ready\r\n", &[21, 3, 3, 0, 2, 2, 40]] {
        let mut caller = Caller::new(&goal(8443));
        caller.say(&made(&[named("good.example")], 999)).unwrap();
        for part in [before, &again].concat().chunks(10) {
            caller.watch.hear(part);
        }
        let end = caller.say(&made(&[named("evil.example")], 999));
        assert_eq!(end.unwrap_err().why, Why::TlsName, "{before:?}");
    }
    // and an ordinary answer behind a warning is one
    let mut caller = Caller::new(&goal(443));
    caller.say(&made(&[named("good.example")], 999)).unwrap();
    caller.watch.hear(&[&warning[..], &server_hello(&[5; 32])].concat());
    caller.say(&records(22, &[16, 0, 0, 1, 9], 99)).unwrap();
    assert!(caller.watch.is_open());
}

#[test]
fn a_hello_behind_what_servers_drop_does_not_pass() {
    let evil = made(&[named("evil.example")], 999);
    let other_version = |major: u8| [&[22, major][..], &evil[2..]].concat();
    let table = [
        ("a warning", [&[21, 3, 1, 0, 2, 1, 100][..], &evil].concat()),
        ("a warning of another version", [&[21, 0, 0, 0, 2, 1, 0][..], &evil].concat()),
        ("a change of ciphers", [&[20, 3, 3, 0, 1, 1][..], &evil].concat()),
        ("no handshake", [&[22, 3, 1, 0, 0][..], &evil].concat()),
        ("no data", [&[23, 3, 3, 0, 0][..], &evil].concat()),
        ("a heartbeat", [&[24, 3, 3, 0, 3, 1, 0, 0][..], &evil].concat()),
        ("version 0", other_version(0)),
        ("version 4", other_version(4)),
        ("version 255", other_version(255)),
        ("SSL 2", [&[0x80, 0x1c, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 0x2f][..], &[7; 16]].concat()),
    ];
    for (what, bytes) in table {
        for pieces in [&[1][..], &[3, 100], &[1000]] {
            let (released, end) = said(&goal(8443), &bytes, pieces);
            assert_eq!(end.map_err(|objection| objection.why), Err(Why::TlsUnreadable), "{what}");
            // no server acts on the begin of a record's head
            assert!(released.len() < 11, "{what}: {released:?}");
        }
    }
}

#[test]
fn what_follows_an_ordinary_answer_is_not_read() {
    let mut caller = Caller::new(&goal(443));
    caller.say(&made(&[named("good.example")], 999)).unwrap();
    // early data goes before the answer
    let early = records(23, &[9; 300], 300);
    caller.say(&early).unwrap();
    assert_eq!(caller.held(), 0);
    caller.watch.hear(&server_hello(&[5; 32]));
    // as TLS 1.2 goes on: a key, a change of ciphers, and something that by chance looks like a hello
    let rest = [&records(22, &[16, 0, 0, 1, 9], 99)[..], &[20, 3, 3, 0, 1, 1], &records(22, &[1; 40], 99)].concat();
    caller.say(&rest).unwrap();
    assert!(caller.watch.is_open() && caller.held() == 0);
}

#[test]
fn hellos_of_real_clients_are_read() {
    // curl 7.88.1 with OpenSSL 3.0, to `good.example`
    let python = "import ssl,sys\nc=ssl.create_default_context()\ni,o=ssl.MemoryBIO(),ssl.MemoryBIO()\n\
                  s=c.wrap_bio(i,o,server_hostname='good.example')\n\
                  try: s.do_handshake()\nexcept ssl.SSLWantReadError: pass\nsys.stdout.buffer.write(o.read())";
    let Ok(out) = std::process::Command::new("python3").args(["-c", python]).output() else {
        eprintln!("skipped: no python3 to make a hello");
        return;
    };
    let Parsed::Hello(hello) = hello::parse(&out.stdout) else { panic!("{:?}", out.stdout) };
    assert_eq!(hello.name.as_deref(), Some(b"good.example".as_slice()));
    assert_eq!(hello.length, out.stdout.len());
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec!["good.example", "evil.example", "good.example.evil.example"]);
    let extension =
        prop_oneof![name.prop_map(named), Just(alpn()), (any::<u16>(), prop::collection::vec(any::<u8>(), 0..20)),];
    let base = (prop::collection::vec(extension, 0..4), 1usize..400);
    let base = base.prop_map(|(extensions, record)| made(&extensions, record));
    (base, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..4)).prop_map(
        |(mut bytes, edits)| {
            for (at, byte, how) in edits {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.remove(at)),
                }
                if bytes.is_empty() {
                    bytes.push(byte);
                }
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_mutation_of_a_hello_carries_another_name(bytes in mutated(), pieces in prop::collection::vec(1usize..90, 1..5)) {
        let goal: Goal = goal(443);
        let (released, end) = said(&goal, &bytes, &pieces);
        prop_assert!(bytes.starts_with(&released));
        if !released.is_empty() {
            // a second reading, by another hand: every handshake byte in a row
            let whole = reassemble(&released);
            let names: Vec<&[u8]> = names(&whole);
            prop_assert!(names.iter().all(|name| name.eq_ignore_ascii_case(b"good.example")), "{names:?} {end:?}");
            prop_assert!(!names.is_empty());
        }
    }
}

fn reassemble(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while bytes.len() >= 5 {
        let length = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        if bytes[0] == 22 {
            whole.extend_from_slice(bytes.get(5..5 + length).unwrap_or_default());
        }
        bytes = bytes.get(5 + length..).unwrap_or_default();
    }
    whole
}

/// All that looks like the extension that names a server, wherever the lengths of a hello lead.
fn names(hello: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = 4 + 34;
    at += 1 + usize::from(hello[at]);
    at += 2 + usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    at += 1 + usize::from(hello[at]);
    at += 2;
    while at + 4 <= hello.len() {
        let kind = u16::from_be_bytes([hello[at], hello[at + 1]]);
        let length = usize::from(u16::from_be_bytes([hello[at + 2], hello[at + 3]]));
        let content = &hello[at + 4..at + 4 + length];
        if kind == 0 {
            found.push(&content[5..]);
        }
        at += 4 + length;
    }
    found
}
