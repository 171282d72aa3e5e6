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
    // elsewhere it is no request: none has such a line
    let mut other = Caller::new(&goal(8080));
    line.chunks(1000).try_for_each(|part| other.say(part)).unwrap();
    assert!(other.watch.is_open() && other.held() == 0);
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
