//! Which protocol is spoken, and what that means on which port.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use proptest::prelude::*;
use tollgate_policy::action::{Connect, Target};

use super::Speech;
use super::samples::{Caller, NAME, goal, said};
use crate::goal::Goal;
use crate::judge::Why;

#[test]
fn other_protocols_pass_where_they_belong() {
    let greetings: [&[u8]; 5] = [
        b"SSH-2.0-OpenSSH_9.2p1\r\nkeys",
        b"EHLO me.example\r\nMAIL FROM:<a@b>\r\n",
        b"0032git-upload-pack /project.git\0host=good.example\0",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"ruok",
    ];
    for greeting in greetings {
        for pieces in [&[1][..], &[3], &[1000]] {
            let (released, end) = said(&goal(9418), greeting, pieces);
            assert_eq!((released.as_slice(), end), (greeting, Ok(())), "{greeting:?}");
            for web in [80, 443] {
                let (released, end) = said(&goal(web), greeting, pieces);
                assert_eq!(released, b"", "{greeting:?} on port {web}");
                assert_eq!(end.unwrap_err().why, Why::Unknown, "{greeting:?} on port {web}");
            }
        }
    }
}

#[test]
fn a_word_without_an_end_goes_on_after_a_pause_but_is_not_forgotten() {
    let mut caller = Caller::new(&goal(2181));
    caller.say(b"ruok").unwrap();
    assert!(caller.released.is_empty() && caller.watch.is_unsure());
    caller.watch.tire();
    caller.release(Speech::Goes).unwrap();
    assert_eq!(caller.released, b"ruok");
    // from then on nothing is slowed down
    assert!(!caller.watch.is_unsure());
    // what looked like a word was the begin of a request for another host
    caller.say(b" / HTTP/1.1\r\nHost: evil.example\r\n").unwrap();
    let objection = caller.say(b"\r\n").unwrap_err();
    assert_eq!(objection.why, Why::HttpHost);
    assert_eq!(caller.released, b"ruok");
    // and one for the right host goes on whole
    let mut caller = Caller::new(&goal(2181));
    for part in ["GE", "T", " / HT"] {
        caller.say(part.as_bytes()).unwrap();
        caller.watch.tire();
        caller.release(Speech::Goes).unwrap();
    }
    caller.say(b"TP/1.1\r\nHost: good.example\r\n\r\n").unwrap();
    caller.end().unwrap();
    assert_eq!(caller.released, b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n");
}

#[test]
fn a_line_without_an_end_is_not_held_forever() {
    let line = [b"GET /".as_slice(), &vec![b'a'; 70_000]].concat();
    let mut web = Caller::new(&goal(80));
    let end = line.chunks(1000).try_for_each(|part| web.say(part));
    assert_eq!((end.unwrap_err().why, web.released.len()), (Why::Long, 0));
    // nor elsewhere, where it may be a request's
    let blank = [vec![b'\n'; 70_000], b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec()].concat();
    let method = [&vec![b'A'; 70_000], &b" / HTTP/1.1\r\nHost: evil.example\r\n\r\n"[..]].concat();
    for line in [&line, &blank, &method] {
        let mut other = Caller::new(&goal(8080));
        let end = line.chunks(1000).try_for_each(|part| other.say(part));
        assert_eq!((end.unwrap_err().why, other.released.len()), (Why::Long, 0));
        // not even if it comes slowly
        let mut slow = Caller::new(&goal(8080));
        slow.watch.tire();
        let end = line.chunks(1000).try_for_each(|part| slow.say(part));
        assert_eq!((end.unwrap_err().why, slow.released.contains(&b':')), (Why::Long, false));
    }
    for line in [[b"{\"a\":\"".as_slice(), &vec![b'a'; 70_000]].concat(), vec![b'\0'; 70_000]] {
        let mut other = Caller::new(&goal(8080));
        line.chunks(1000).try_for_each(|part| other.say(part)).unwrap();
        assert!(other.watch.is_open() && other.held() == 0);
    }
}

#[test]
fn what_some_server_takes_for_a_request_is_refused_on_every_port() {
    let host = "Host: evil.example\r\n\r\n";
    let table = [
        (format!("GET /\r\n{host}"), Why::HttpUnreadable),
        (format!("GET x\r\n{host}"), Why::HttpUnreadable),
        ("GET /".to_owned(), Why::HttpUnreadable),
        ("GET / HTTP/1.0".to_owned(), Why::HttpUnreadable),
        (format!("\r\n\r\nGET / HTTP/1.1\r\n{host}"), Why::HttpHost),
        (format!(" \t\nGET / HTTP/1.1\r\n{host}"), Why::HttpUnreadable),
        (format!("\0GET / HTTP/1.1\r\n{host}"), Why::HttpUnreadable),
        (format!("\u{1f}GET / HTTP/1.1\r\n{host}"), Why::HttpUnreadable),
        (format!("\u{feff}GET / HTTP/1.1\r\n{host}"), Why::HttpUnreadable),
        (format!("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n{host}"), Why::Proxied),
        ("\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{c}".to_owned(), Why::Proxied),
    ];
    for (words, why) in table {
        for pieces in [&[1][..], &[5], &[1000]] {
            let (released, end) = said(&goal(8080), words.as_bytes(), pieces);
            assert_eq!(end.map_err(|objection| objection.why), Err(why), "{words:?}");
            assert!(!released.ends_with(b"\n\r\n") && released.len() < 38, "{words:?}: {released:?}");
        }
    }
    // the end that comes after a pause
    let mut caller = Caller::new(&goal(8080));
    caller.watch.tire();
    caller.say(b"GET /").unwrap();
    assert_eq!(caller.end().unwrap_err().why, Why::HttpUnreadable);
}

#[test]
fn what_is_said_to_an_address_is_nobodys_business() {
    let connect = Connect { target: Target::Address("192.0.2.1".parse().unwrap()), port: 443 };
    let words = b"GET / HTTP/1.1\r\nHost: any.example\r\n\r\n";
    let (released, end) = said(&Goal::new(connect), words, &[5]);
    assert_eq!((released.as_slice(), end), (words.as_slice(), Ok(())));
}

proptest! {
    #[test]
    fn anything_may_come_in_any_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        pieces in prop::collection::vec(1usize..80, 1..8),
        port in prop::sample::select(vec![22u16, 80, 443, 8080]),
    ) {
        let (released, _) = said(&goal(port), &bytes, &pieces);
        prop_assert!(bytes.starts_with(&released));
        // on the ports of the web nothing goes on unless it named the host
        if !released.is_empty() && matches!(port, 80 | 443) {
            let text = String::from_utf8_lossy(&released).to_lowercase();
            prop_assert!(text.contains(NAME) || released.iter().all(|b| b"\r\n".contains(b)));
        }
    }
}
