//! The journal's lines: what they hold together, and what is seen of a journal that was tampered with.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]

use super::*;

const KEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
const BODIES: [&[u8]; 3] = [b"{\"a\":1}", b"{}", b"{\"a\":\"long enough to be cut in many places\"}"];

fn chain() -> Chain {
    Chain::new(&Seed::from_text(KEY).unwrap())
}

/// A journal that begins at record 7.
fn made() -> Vec<u8> {
    let chain = chain();
    let header = Header { base: 7, stamp: Stamp::parse("000102030405060708090a0b0c0d0eff").unwrap() };
    let mut bytes = header.line(&chain);
    let mut link = link_of(&bytes[bytes.len() - 33..bytes.len() - 1]).unwrap();
    for body in BODIES {
        link = chain.write(&mut bytes, link, body);
    }
    bytes
}

#[test]
fn what_is_written_is_read() {
    let bytes = made();
    for chain in [None, Some(&chain())] {
        let found = read(&bytes, chain);
        assert_eq!((found.header.unwrap().base, found.bodies.as_slice()), (7, &BODIES[..]));
        assert_eq!((found.torn, found.flaw), (&b""[..], None));
    }
    assert_eq!(read(b"", Some(&chain())), Contents::default());
}

#[test]
fn a_link_is_an_hmac_of_the_derived_key() {
    let key = Seed::from_text(KEY).unwrap().derive("journal");
    let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update([9; 16]).chain_update(b"{}").finalize();
    assert_eq!(chain().link([9; 16], b"{}"), mac.into_bytes()[..16]);
}

#[test]
fn every_changed_byte_is_found() {
    let (bytes, chain) = (made(), chain());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << bit;
            assert!(read(&wrong, Some(&chain)).flaw.is_some(), "byte {at}, bit {bit}");
        }
    }
    let other = Chain::new(&Seed::from_text(&KEY.replace("AYEK", "AYEL")).unwrap());
    assert!(read(&bytes, Some(&other)).flaw.is_some(), "another key");
}

#[test]
fn moved_missing_and_added_lines_are_found() {
    let (bytes, chain) = (made(), chain());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    let of = |order: &[usize]| order.iter().flat_map(|at| lines[*at]).copied().collect::<Vec<u8>>();
    for order in
        [&[1, 2, 3][..], &[0, 2, 3], &[0, 1, 3], &[0, 2, 1, 3], &[0, 1, 3, 2], &[0, 1, 1, 2, 3], &[0, 1, 2, 3, 3]]
    {
        assert!(read(&of(order), Some(&chain)).flaw.is_some(), "{order:?}");
    }
    assert_eq!(read(&of(&[0, 1, 2]), Some(&chain)).bodies, BODIES[..2], "an end that is missing can't be seen here");
}

#[test]
fn a_torn_end_is_told_from_a_changed_one() {
    let (bytes, chain) = (made(), chain());
    let last = bytes.len() - bytes.split_inclusive(|b| *b == b'\n').next_back().unwrap().len();
    // All but the newline is there: that may have been cut off, or changed and cut off; nothing is lost by saying so.
    for cut in last..bytes.len() {
        let found = read(&bytes[..cut], Some(&chain));
        assert_eq!((found.bodies.as_slice(), found.torn, found.flaw), (&BODIES[..2], &bytes[last..cut], None), "{cut}");
        let zeros = [&bytes[..cut], &[0; 40]].concat();
        let found = read(&zeros, Some(&chain));
        assert_eq!((found.bodies.len(), found.flaw), (2, None), "{cut}, then zeros, as after a loss of power");
    }
}
