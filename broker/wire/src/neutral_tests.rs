//! Tables for [`super`]: what goes in, what a person sees.

#![allow(clippy::print_stderr, reason = "a test that can't run says so")]

use super::*;

#[test]
fn lines_are_neutral() {
    let table: &[(&str, &str)] = &[
        ("plain text, ünïcödé, 漢字, 🙂", "plain text, ünïcödé, 漢字, 🙂"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("a\\nb", "a\\\\nb"),
        ("x\u{202e}gpj.exe", "x\\u{202e}gpj.exe"),
        ("x\u{2066}y\u{2069}", "x\\u{2066}y\\u{2069}"),
        ("zero\u{200b}width\u{feff}\u{2060}", "zero\\u{200b}width\\u{feff}\\u{2060}"),
        ("soft\u{ad}hyphen", "soft\\u{ad}hyphen"),
        ("nb\u{a0}space\u{3000}", "nb\\u{a0}space\\u{3000}"),
        ("line\u{2028}para\u{2029}", "line\\u{2028}para\\u{2029}"),
        ("tag\u{e0041}\u{e007f}", "tag\\u{e0041}\\u{e007f}"),
        ("vs\u{fe0f}\u{e0100}", "vs\\u{fe0f}\\u{e0100}"),
        ("filler\u{3164}\u{ffa0}\u{115f}\u{2800}", "filler\\u{3164}\\u{ffa0}\\u{115f}\\u{2800}"),
        ("private\u{e000}", "private\\u{e000}"),
        ("nul\0del\x7f", "nul\\x00del\\x7f"),
        ("e\u{301}", "e\u{301}"),
        ("z\u{301}\u{302}\u{303}\u{304}\u{305}", "z\u{301}\u{302}\u{303}\\u{304}\\u{305}"),
    ];
    for (given, shown) in table {
        assert_eq!(line(given), *shown, "{given:?}");
    }
}

#[test]
fn cuts_are_counted() {
    assert_eq!(short("12345", 5), "12345");
    assert_eq!(short("123456", 5), "12345 … (1 more characters)");
    assert_eq!(short("\n\n\n", 1), "\\n … (2 more characters)");
    assert_eq!(short("äöü", 2), "äö … (1 more characters)");
    assert_eq!(short("", 0), "");
}

#[test]
fn what_is_quoted_already_keeps_its_backslashes() {
    assert_eq!(quoted("'a\\n' \u{202e}\n"), "'a\\n' \\u{202e}\\n");
    assert_eq!(short_quoted("a\\b", 2), "a\\ … (1 more characters)");
}

#[test]
fn words_are_quoted_as_a_shell_takes_them() {
    let table: &[(&[u8], &str)] = &[
        (b"git", "git"),
        (b"--force-with-lease=main:abc", "--force-with-lease=main:abc"),
        (b"", "''"),
        (b"two words", "'two words'"),
        (b"it's", "'it'\\''s'"),
        (b"a\\n", "'a\\n'"),
        (b"a\n", "$'a\\n'"),
        (b"~", "'~'"),
        (b"#x", "'#x'"),
        (b"*", "'*'"),
        (b"$(id)", "'$(id)'"),
        (b"\x1b[1m'", "$'\\x1b[1m\\''"),
        (b"\xff\xfe", "$'\\xff\\xfe'"),
        ("ä".as_bytes(), "'ä'"),
        ("\u{202e}x".as_bytes(), "$'\\U0000202ex'"),
        ("\u{a0}".as_bytes(), "$'\\U000000a0'"),
    ];
    for (given, shown) in table {
        assert_eq!(word(given), *shown, "{}", given.escape_ascii());
    }
}

#[test]
fn different_words_never_look_the_same() {
    let mut seen = std::collections::BTreeMap::new();
    let pieces: [&[u8]; 8] = [b"a", b"'", b"\\", b"n", b"\n", b"$", b"\xff", b" "];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let bytes = [a, b, c].concat();
                if let Some(other) = seen.insert(word(&bytes), bytes.clone()) {
                    assert_eq!(other, bytes, "both shown as {}", word(&bytes));
                }
            }
        }
    }
}

#[test]
fn bash_reads_the_words_back() {
    let words: [&[u8]; 8] =
        [b"", b"two words", b"it's", b"a\\n", b"a\n\t\x1b", b"\xff\xfe1", "\u{202e}".as_bytes(), b"x'\\\n1"];
    let script = format!("printf '%s\\0' {}", command(words));
    let Ok(out) = std::process::Command::new("bash").env("LC_ALL", "C.UTF-8").args(["-c", &script]).output() else {
        eprintln!("skipped: there is no bash on this machine");
        return;
    };
    let expected: Vec<u8> = words.iter().flat_map(|word| word.iter().copied().chain([0])).collect();
    assert_eq!(out.stdout, expected, "{script}");
}

#[test]
fn long_commands_are_cut_and_counted() {
    let words: [&[u8]; 4] = [b"git", b"commit", b"-m", b"a long message"];
    assert_eq!(short_command(words, 100), "git commit -m 'a long message'");
    assert_eq!(short_command(words, 8), "git comm… (2 more characters, 2 more words)");
    let long = vec![b'x'; 1 << 20];
    assert_eq!(short_command([long.as_slice()], 4), "xxxx… (1048572 more characters)");
}

#[test]
fn lookalikes_are_pointed_out() {
    let table: &[(&str, usize)] = &[
        ("git push origin main", 0),
        ("größe naïve", 0),
        ("Привет мир", 0),
        ("漢字とカナ", 0),
        ("p\u{430}ypal.com", 1),
        ("\u{440}\u{430}\u{443}", 1),
        ("g\u{456}t push or\u{456}gin", 2),
        ("g\u{456}t g\u{456}t", 1),
    ];
    for (text, count) in table {
        assert_eq!(doubts(text).len(), *count, "{text}: {:?}", doubts(text));
    }
    assert_eq!(
        doubts("curl https://xn--pple-43d.com/x"),
        ["`xn--pple-43d.com` stands for `\u{430}pple.com`", "`\u{430}pple` mixes letters of several scripts: U+0430"]
    );
    assert_eq!(doubts("{\"name\":\"XN--bcher-kva.example\"}"), ["`XN--bcher-kva.example` stands for `bücher.example`"]);
    assert_eq!(doubts("g\u{456}t"), ["`g\u{456}t` mixes letters of several scripts: U+0456"]);
}

#[test]
fn signs_that_part_a_name_are_known_from_those_that_look_like_them() {
    for (text, code) in [
        ("git clone https://github.com\u{2215}acme.evil.example/x", "U+2215"),
        ("curl example\u{2024}com.evil.example", "U+2024"),
        ("ssh example.com\u{2236}22.evil.example", "U+2236"),
    ] {
        let found = doubts(text);
        assert!(found.iter().any(|doubt| doubt.contains(code) && doubt.contains("looks like")), "{text}: {found:?}");
    }
    for plain in ["it\u{2019}s one \u{2013} two", "caf\u{e9}: 1 \u{2215} 2", "a\u{2026}b", "https://github.com/acme"] {
        assert!(doubts(plain).is_empty(), "{plain}: {:?}", doubts(plain));
    }
}
