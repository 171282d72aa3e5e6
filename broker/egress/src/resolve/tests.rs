//! A name server that lies, cuts short, goes astray and is slow, and the resolver that asks it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::query::{Query, Reply};
use super::system::System;
use crate::dns::kind;
use crate::wait::Bell;

/// A message that answers a question: flags' low byte and records of (name or pointer, type, content).
fn reply(question: &[u8], code: u8, records: &[(&[u8], u16, Vec<u8>)]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|&b| b == 0).unwrap() + 5;
    let count = u8::try_from(records.len()).unwrap();
    let mut out = question[..end].to_vec();
    out[2] = 0x81;
    out[3] = 0x80 | code;
    out[4..12].copy_from_slice(&[0, 1, 0, count, 0, 0, 0, 0]);
    for (name, kind, content) in records {
        out.extend_from_slice(name);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 30]);
        out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        out.extend(content);
    }
    out
}

const SAME: &[u8] = &[0xc0, 12];

fn ask(name: &str) -> Query {
    Query::new(name, kind::A).unwrap()
}

#[test]
fn only_what_answers_the_question_is_taken() {
    let query = ask("good.example");
    let address = |last| vec![192, 0, 2, last];
    let good = reply(&query.bytes, 0, &[(SAME, kind::A, address(1))]);
    let found = |addresses: &[u8]| {
        let addresses = addresses.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect();
        Some(Reply::Addresses(addresses, 30))
    };
    assert_eq!(query.reply(&good), found(&[1]));
    let with = |at: usize, byte: u8| {
        let mut message = good.clone();
        message[at] ^= byte;
        query.reply(&message)
    };
    assert_eq!(with(0, 1), None, "another id");
    assert_eq!(with(2, 0x80), None, "no response");
    assert_eq!(with(13, 1), None, "another name");
    assert_eq!(with(13, 0x20), found(&[1]), "the name in capitals");
    assert_eq!(with(2, 2), Some(Reply::Cut));
    assert_eq!(with(3, 3), Some(Reply::NoSuchName));
    assert_eq!(with(3, 2), Some(Reply::Unable));
    // of another name, of another type, of a strange length
    let records = [
        (&[4, b'e', b'v', b'i', b'l', 0][..], kind::A, address(2)),
        (SAME, kind::AAAA, vec![0; 16]),
        (SAME, kind::A, vec![1, 2, 3]),
        (SAME, kind::A, address(3)),
    ];
    assert_eq!(query.reply(&reply(&query.bytes, 0, &records)), found(&[3]));
}

#[test]
fn aliases_are_followed_and_end() {
    let query = ask("a.example");
    let name = |name: &str| {
        let mut out = Vec::new();
        for label in name.split('.') {
            out.push(u8::try_from(label.len()).unwrap());
            out.extend_from_slice(label.as_bytes());
        }
        out.push(0);
        out
    };
    let (b, c) = (name("b.example"), name("c.example"));
    let address = vec![192, 0, 2, 9];
    let chain = [
        (c.as_slice(), kind::A, address.clone()),
        (SAME, kind::CNAME, b.clone()),
        (b.as_slice(), kind::CNAME, c.clone()),
    ];
    let found = Some(Reply::Addresses(vec![IpAddr::from([192, 0, 2, 9])], 30));
    assert_eq!(query.reply(&reply(&query.bytes, 0, &chain)), found);
    // the address behind an alias that nobody follows is not ours
    let loose = [(c.as_slice(), kind::A, address)];
    assert_eq!(query.reply(&reply(&query.bytes, 0, &loose)), Some(Reply::Addresses(vec![], 30)));
    let circle = [(SAME, kind::CNAME, b.clone()), (b.as_slice(), kind::CNAME, name("a.example"))];
    assert_eq!(query.reply(&reply(&query.bytes, 0, &circle)), None);
}

/// A server whose first datagram is answered with these, made from the question.
fn server(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 600];
        while let Ok((length, from)) = socket.recv_from(&mut message) {
            for answer in answers(&message[..length]) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
    at
}

fn system() -> System {
    System::new(Arc::new(Bell::new().unwrap()))
}

fn soon(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis)
}

fn is_v4(question: &[u8]) -> bool {
    let end = 12 + question[12..].iter().position(|&b| b == 0).unwrap();
    question[end + 2] == 1
}

#[test]
fn both_families_are_asked_and_lies_are_waited_out() {
    let at = server(|question| {
        let (kind, content) =
            if is_v4(question) { (kind::A, vec![192, 0, 2, 1]) } else { (kind::AAAA, vec![0x20; 16]) };
        let good = reply(question, 0, &[(SAME, kind, content.clone())]);
        let mut lie = reply(question, 0, &[(SAME, kind, vec![66; content.len()])]);
        lie[0] ^= 0xff;
        vec![lie, vec![1, 2, 3], good]
    });
    let (addresses, ttl) = system().ask_one("good.example", at, soon(3000)).unwrap();
    let text: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["2020:2020:2020:2020:2020:2020:2020:2020", "192.0.2.1"]);
    assert_eq!(ttl, 30);
}

#[test]
fn one_family_is_enough_and_none_is_told() {
    let at = server(|question| {
        let records = [(SAME, kind::A, vec![192, 0, 2, 1])];
        let answer = if is_v4(question) { reply(question, 0, &records) } else { reply(question, 2, &[]) };
        vec![answer]
    });
    assert_eq!(system().ask_one("good.example", at, soon(3000)).unwrap().0.len(), 1);
    let none = server(|question| vec![reply(question, 3, &[])]);
    assert_eq!(system().ask_one("none.example", none, soon(3000)).unwrap_err().kind(), ErrorKind::NotFound);
    let silent = server(|_| vec![]);
    let begun = Instant::now();
    assert_eq!(system().ask_one("slow.example", silent, soon(200)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_cut_answer_is_asked_for_again_over_tcp() {
    let long = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = long.local_addr().unwrap();
    let short = UdpSocket::bind(at).unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 600];
        while let Ok((length, from)) = short.recv_from(&mut message) {
            let mut answer = reply(&message[..length], 0, &[]);
            answer[2] |= 2;
            short.send_to(&answer, from).unwrap();
        }
    });
    std::thread::spawn(move || {
        for stream in long.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut message = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut message).unwrap();
            let records = vec![(SAME, kind::A, vec![192, 0, 2, 7]); 100];
            let answer = reply(&message, 0, if is_v4(&message) { &records } else { &[] });
            let framed = [&u16::try_from(answer.len()).unwrap().to_be_bytes()[..], &answer].concat();
            stream.write_all(&framed).unwrap();
        }
    });
    assert_eq!(system().ask_one("long.example", at, soon(3000)).unwrap().0.len(), 100);
}

proptest! {
    #[test]
    fn no_answer_hurts(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let query = ask("good.example");
        drop(query.reply(&bytes));
        let records = [(SAME, kind::CNAME, vec![0xc0, 12]), (SAME, kind::A, vec![1, 2, 3, 4])];
        let mut message = reply(&query.bytes, 0, &records);
        for (at, byte) in edits {
            let at = at.index(message.len());
            message[at] = byte;
        }
        drop(query.reply(&message));
    }
}
