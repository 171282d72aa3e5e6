//! HTTP/1: requests for the right host, for others, and such as try to be both.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

use proptest::prelude::*;

use super::Speech;
use super::samples::{Caller, goal, said};
use crate::goal::Stance;
use crate::judge::Why;

const GOOD: &str = "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n";
const EVIL: &str = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";

/// How many bytes of this pass on port 80, and what is said against the next one.
fn passes(words: &str) -> (usize, Result<(), Why>) {
    let whole = said(&goal(80), words.as_bytes(), &[100_000]);
    for pieces in [&[1][..], &[7, 2], &[33]] {
        let again = said(&goal(80), words.as_bytes(), pieces);
        assert_eq!(again.1.as_ref().map_err(|o| o.why), whole.1.as_ref().map_err(|o| o.why), "{words:?}");
        assert!(whole.1.is_err() || again.0 == whole.0, "{words:?}");
    }
    (whole.0.len(), whole.1.map_err(|objection| objection.why))
}

#[test]
fn requests_for_the_right_host_pass() {
    let table = [
        GOOD.to_owned(),
        "HEAD /a?b=c HTTP/1.0\r\nhOsT:Good.Example\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nAccept: */*\r\nHost:\t good.example:80 \t\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: good.example.\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: good.example\r\n\r\n".to_owned(),
        "POST /x HTTP/1.1\r\nHost: good.example\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        format!("POST /x HTTP/1.1\r\nHost: good.example\r\nContent-Length: 43\r\n\r\n{EVIL}12345{GOOD}"),
        format!(
            "POST / HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: Chunked\r\n\r\n2B;x=y\r\n{EVIL}12345\r\n0\r\nX: y\r\n\r\n{GOOD}"
        ),
        format!("{GOOD}\r\n{GOOD}{GOOD}"),
        format!("\r\n{GOOD}"),
        "GET /\u{e4} HTTP/1.1\r\nHost: good.example\r\nX: \u{e4}\r\n\r\n".to_owned(),
    ];
    for words in table {
        assert_eq!(passes(&words), (words.len(), Ok(())), "{words:?}");
    }
}

#[test]
fn requests_for_others_do_not() {
    let h = "Host: good.example\r\n";
    let table = [
        (EVIL.to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: good.example:8080\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: good.example:\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: evil@good.example\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: good.example/evil.example\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: good.example, evil.example\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: good.example evil.example\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n".to_owned(), Why::HttpHost),
        ("GET / HTTP/1.1\r\nAccept: x\r\n\r\n".to_owned(), Why::HttpUnnamed),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), Why::HttpUnnamed),
        (format!("GET http://evil.example/ HTTP/1.1\r\n{h}\r\n"), Why::HttpForward),
        (format!("GET http://good.example/ HTTP/1.1\r\n{h}\r\n"), Why::HttpForward),
        (format!("CONNECT good.example:443 HTTP/1.1\r\n{h}\r\n"), Why::HttpForward),
        (format!("connect /x HTTP/1.1\r\n{h}\r\n"), Why::HttpForward),
        (format!("GET * HTTP/1.1\r\n{h}\r\n"), Why::HttpForward),
        (format!("GET evil.example HTTP/1.1\r\n{h}\r\n"), Why::HttpForward),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), Why::ClearHttp2),
    ];
    for (words, why) in table {
        assert_eq!(passes(&words), (0, Err(why)), "{words:?}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_does_not_pass() {
    let h = "Host: good.example\r\n";
    let odd = [
        format!("GET / HTTP/1.1\r\n{h}{h}\r\n"),
        format!("GET / HTTP/1.1\r\n{h}host: evil.example\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}Host : evil.example\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h} evil.example\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}\tevil.example\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n X: y\r\n{h}\r\n"),
        "GET / HTTP/1.1\r\nHost: evil.example\r\n Host: good.example\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nX: y\nHost: evil.example\r\nHost: good.example\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nX: y\rHost: evil.example\r\nHost: good.example\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nHost: good.example\n\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: good.example\r\n\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{h}X: a\0b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}Host_: x\r\nno colon\r\n\r\n"),
        format!("GET  / HTTP/1.1\r\n{h}\r\n"),
        format!("GET\t/ HTTP/1.1\r\n{h}\r\n"),
        format!("GET / x HTTP/1.1\r\n{h}\r\n"),
        format!("GET / HTTP/1.1 \r\n{h}\r\n"),
        format!("GET / http/1.1\r\n{h}\r\n"),
        format!("GET / HTTP/1.2\r\n{h}\r\n"),
        format!("GET / HTTP/2.0\r\n{h}\r\n"),
        format!("GET /\0 HTTP/1.1\r\n{h}\r\n"),
        format!("GE(T / HTTP/1.1\r\n{h}\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length: +5\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length: 5, 5\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length:\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length: 0x5\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length: 99999999999999999999\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content_Length: 5\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Transfer-Encoding: xchunked\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Transfer-Encoding: chunked, identity\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}Transfer-Encoding: \x0bchunked\r\n\r\n"),
        format!("POST / HTTP/1.0\r\n{h}Transfer-Encoding: chunked\r\n\r\n"),
    ];
    for words in odd {
        // white space where a request never has it may make it no request at all, which port 80 refuses as well
        let (released, end) = passes(&words);
        assert_eq!(released, 0, "{words:?}");
        assert!(matches!(end, Err(Why::HttpUnreadable | Why::Unknown)), "{words:?}: {end:?}");
    }
}

#[test]
fn bodies_end_where_everybody_thinks_they_do() {
    let head = "POST / HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    let odd = [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-1\r\n",
        "\r\n5\r\nhello\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "1000000000000000\r\n",
        "0\r\nHost: evil.example\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nContent_Length: 3\r\n\r\n",
    ];
    for body in odd {
        let (released, end) = passes(&format!("{head}{body}{EVIL}"));
        assert_eq!(end, Err(Why::HttpUnreadable), "{body:?}");
        assert!(released < head.len() + body.len() + 1, "{body:?}");
    }
}

#[test]
fn every_request_of_a_connection_is_read() {
    let bodies = [
        GOOD.to_owned(),
        "POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "POST / HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        format!("{GOOD}\r\n\r\n"),
    ];
    for before in bodies {
        let (released, end) = passes(&format!("{before}{EVIL}"));
        assert_eq!(end, Err(Why::HttpHost), "{before:?}");
        assert!(released <= before.len(), "{before:?}");
    }
}

#[test]
fn another_protocol_begins_only_when_the_server_says_so() {
    let ask = |protocol: &str| {
        format!("GET /chat HTTP/1.1\r\nHost: good.example\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n")
    };
    let yes = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n";
    let no = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    // websocket, agreed: anything goes on
    let mut caller = Caller::new(&goal(80));
    caller.say(ask("websocket").as_bytes()).unwrap();
    caller.say(b"\x81\x05frame").unwrap();
    assert_eq!(caller.held(), 7, "held until the server has answered");
    for byte in yes.bytes() {
        caller.watch.hear(&[byte]);
    }
    caller.release(Speech::Goes).unwrap();
    assert!(caller.watch.is_open() && caller.held() == 0);
    // refused: requests go on being read
    let mut caller = Caller::new(&goal(80));
    caller.say(ask("websocket").as_bytes()).unwrap();
    caller.watch.hear(no.as_bytes());
    caller.say(GOOD.as_bytes()).unwrap();
    assert_eq!(caller.say(EVIL.as_bytes()).unwrap_err().why, Why::HttpHost);
    // HTTP/2 in clear, agreed: not followed
    for protocol in ["h2c", "websocket, H2C", "HTTP/2.0"] {
        let mut caller = Caller::new(&goal(80));
        caller.say(ask(protocol).as_bytes()).unwrap();
        caller.watch.hear(yes.as_bytes());
        let end = caller.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_err();
        assert_eq!(end.why, Why::ClearHttp2, "{protocol}");
    }
    // an answer to an earlier request is not one to this
    let mut caller = Caller::new(&goal(80));
    caller.say(GOOD.as_bytes()).unwrap();
    caller.say(ask("websocket").as_bytes()).unwrap();
    caller.watch.hear(yes.as_bytes());
    assert_eq!(caller.say(EVIL.as_bytes()).unwrap_err().why, Why::HttpHost);
}

#[test]
fn http2_in_clear_passes_where_terms_allow_it() {
    let mut goal = goal(80);
    goal.terms.clear_http2 = Stance::Allow;
    let words = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    assert_eq!(said(&goal, words, &[3]), (words.to_vec(), Ok(())));
}

fn request() -> impl Strategy<Value = String> {
    let of = |words: &'static [&'static str]| prop::sample::select(words).prop_map(str::to_owned);
    let first = of(&[
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\n",
        "POST / HTTP/1.0\r\n",
        "GET http://evil.example/ HTTP/1.1\r\n",
        "\r\nGET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
    ]);
    let field = of(&[
        "Host: good.example\r\n",
        "Host: good.example\r\n",
        "Host: good.example\r\n",
        "Host: evil.example\r\n",
        "Host : evil.example\r\n",
        "host:evil.example\r\n",
        " evil.example\r\n",
        "X: y\nHost: evil.example\r\n",
        "X: y\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 38\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Upgrade: websocket\r\n",
    ]);
    let field = prop_oneof![9 => field, 1 => "[ -~\r\n\t]{1,6}"];
    let end = of(&["\r\n", "\r\n", "\r\n", "\n", "", "\r\r\n"]);
    let body = of(&[
        "",
        "",
        "",
        "abc",
        "abcde",
        EVIL,
        "3\r\nabc\r\n0\r\n\r\n",
        "0\r\n\r\n",
        "26\r\n",
        "5\nabcde\r\n0\r\n\r\n",
    ]);
    (first, prop::collection::vec(field, 0..4), end, body)
        .prop_map(|(first, fields, end, body)| format!("{first}{}{end}{body}", fields.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    /// Whatever is put together, no server that reads what was released finds a request for another host in it, be
    /// it strict or lenient about ends of lines, folding, and repeated hosts.
    #[test]
    fn no_reading_of_what_passes_finds_another_host(
        parts in prop::collection::vec(request(), 1..4),
        pieces in prop::collection::vec(1usize..60, 1..4),
        port in prop::sample::select(vec![80u16, 8080]),
    ) {
        let words = parts.concat();
        // on other ports a text that is no request passes whole; what begins as one is read as strictly
        let is_request = words.starts_with("GET / HTTP") || words.starts_with("POST / HTTP");
        let port = if is_request { port } else { 80 };
        let (released, _) = said(&goal(port), words.as_bytes(), &pieces);
        prop_assert!(words.as_bytes().starts_with(&released));
        for leniency in 0..8u8 {
            for host in hosts(&released, leniency) {
                prop_assert_eq!(&host, "good.example", "leniency {} of {:?}", leniency, String::from_utf8_lossy(&released));
            }
        }
    }
}

/// The hosts of all requests that a server finds in a stream. Bits of leniency: LF ends a line; folded lines are
/// joined; the last of several hosts counts.
fn hosts(stream: &[u8], leniency: u8) -> Vec<String> {
    let text: String = stream.iter().map(|&b| char::from(b)).collect();
    let end = if leniency & 1 > 0 { "\n" } else { "\r\n" };
    let mut rest = text.as_str();
    let mut found = Vec::new();
    while let Some((mut line, mut behind)) = rest.split_once(end) {
        if line.trim().is_empty() {
            rest = behind;
            continue;
        }
        let first = line.to_owned();
        let (mut host, mut length, mut chunked, mut whole) = (None, 0, false, false);
        while let Some((next, after)) = behind.split_once(end) {
            (line, behind) = (next, after);
            if line.trim().is_empty() {
                whole = true;
                break;
            }
            let folded = line.starts_with([' ', '\t']);
            if folded && leniency & 2 > 0 && host.is_some() {
                host = Some(line.trim().to_owned());
                continue;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.trim().to_lowercase().as_str() {
                "host" if host.is_none() || leniency & 4 > 0 => host = Some(value.trim().to_owned()),
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "transfer-encoding" => chunked = true,
                _ => {}
            }
        }
        if !whole {
            break;
        }
        if let Some((_, url)) = first.split_once("http://") {
            host = Some(url.split('/').next().unwrap_or_default().to_owned());
        }
        found.push(host.unwrap_or_else(|| "nobody".to_owned()));
        rest = behind;
        if chunked {
            while let Some((size, after)) = rest.split_once(end) {
                let Ok(size) = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16) else {
                    return found;
                };
                rest = after.get(size..).unwrap_or_default().strip_prefix(end).unwrap_or_default();
                if size == 0 {
                    break;
                }
            }
        } else {
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    found
}
