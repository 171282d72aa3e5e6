//! Attacks on the page, over its socket: none gets through, nothing is lost.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::{Browser, Page, command, connection};
use tollgate_policy::evidence::Section;
use tollgate_policy::question::{Answer, Question, Risk, Scope};

fn push() -> Question {
    command("r1-1", &["git", "push", "origin", "main"], "publish")
}

#[test]
fn a_name_that_was_led_here_gets_nothing() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    let port = page.address.port();
    let names = ["evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example"];
    for name in names {
        for path in ["/", "/q/r1-1", "/enter", "/assets/style.css", "/live"] {
            let reply = browser
                .send(&format!("GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nCookie: {}\r\n\r\n", browser.cookie));
            assert_eq!(reply.status, 421, "{name}{path}");
            assert!(!reply.body.contains("push"), "{name}{path}");
        }
    }
    let odd = [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!(
            "GET / HTTP/1.1\r\nHost: {0}\r\nHost: evil.example\r\nCookie: {1}\r\n\r\n",
            page.address, browser.cookie
        ),
        format!("GET http://evil.example/ HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", page.address, browser.cookie),
        format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nCookie: {}\r\n\r\n", port ^ 1, browser.cookie),
    ];
    for request in odd {
        let reply = browser.send(&request);
        assert!((400..500).contains(&reply.status) && !reply.body.contains("push"), "{request}\n{}", reply.head);
    }
    assert_eq!(browser.get("/q/r1-1").status, 200);
}

#[test]
fn nobody_is_let_in_without_the_link() {
    let page = Page::with(vec![push()]);
    let stranger = Browser { address: page.address, cookie: String::new() };
    for cookie in [
        "",
        "tollgate=x",
        &format!("tollgate_{}=", page.address.port()),
        &format!("tollgate_{}=00", page.address.port()),
    ] {
        let stranger = Browser { address: page.address, cookie: cookie.to_owned() };
        for path in ["/", "/q/r1-1", "/g/x", "/runs", "/runs/r1", "/report", "/grants", "/live", "/nothing"] {
            let reply = stranger.get(path);
            assert_eq!(reply.status, 401, "{path} {cookie}");
            assert!(!reply.body.contains("push"), "{path}");
        }
        let reply = stranger.post("/q/r1-1", &[("answer", "once"), ("seal", "x"), ("digest", &push().digest)]);
        assert_eq!(reply.status, 401);
    }
    let link = page.door.link().unwrap();
    let path = link.split_once(&page.address.to_string()).unwrap().1;
    assert_eq!(stranger.get(&path.replace("link=", "link=0")).status, 401);
    assert_eq!(stranger.get(path).status, 200);
    assert_eq!(stranger.get(path).status, 401, "the link worked twice");
    assert_eq!(page.answers(), 0);
}

#[test]
fn other_sites_cannot_post() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    let (seal, digest) = answer_form(&browser, "/q/r1-1");
    let fields = [("answer", "once"), ("seal", seal.as_str()), ("digest", digest.as_str())];
    let (host, own) = (browser.host(), format!("Origin: http://{}\r\n", page.address));
    let port = page.address.port();
    let table = [
        host.clone(),
        format!("{host}Origin: null\r\n"),
        format!("{host}Origin: https://evil.example\r\n"),
        format!("{host}Origin: http://evil.example:{port}\r\n"),
        format!("{host}Origin: https://{}\r\n", page.address),
        format!("{host}Origin: http://127.0.0.1:{}\r\n", port ^ 1),
        format!("{host}Origin: http://localhost:{port}\r\n"),
        format!("{host}{own}Origin: http://evil.example\r\n"),
        format!("{host}{own}Sec-Fetch-Site: cross-site\r\n"),
        format!("{host}{own}Sec-Fetch-Site: same-site\r\n"),
        format!("{host}{own}Sec-Fetch-Site: none\r\n"),
        format!("{host}Sec-Fetch-Site: same-origin\r\n"),
    ];
    for headers in table {
        let reply = browser.post_with("/q/r1-1", &fields, &headers);
        assert_eq!(reply.status, 403, "{headers}\n{}", reply.body);
    }
    let rebound =
        format!("Host: evil.example:{port}\r\nOrigin: http://evil.example:{port}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(browser.post_with("/q/r1-1", &fields, &rebound).status, 421);
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let reply =
            browser.send(&format!("{method} /q/r1-1 HTTP/1.1\r\n{host}{own}Cookie: {}\r\n\r\n", browser.cookie));
        assert_eq!(reply.status, 405, "{method}");
    }
    let image = format!(
        "GET / HTTP/1.1\r\n{host}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nCookie: {}\r\n\r\n",
        browser.cookie
    );
    assert_eq!(browser.send(&image).status, 403);
    assert_eq!(page.answers(), 0, "somebody else's post counted");
    assert_eq!(browser.post("/q/r1-1", &fields).status, 200, "and the form itself still works");
}

/// Seal and digest of the form that answers.
fn answer_form(browser: &Browser, path: &str) -> (String, String) {
    let reply = browser.get(path);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.form()
}

#[test]
fn a_seal_fits_one_question_one_browser_once() {
    let other = command("r1-2", &["git", "push", "--force"], "publish");
    let page = Page::with(vec![push(), other.clone(), connection("r1-3", "a.example", "")]);
    let (browser, second) = (page.browser(), page.browser());
    let (seal, digest) = answer_form(&browser, "/q/r1-1");
    let leave = browser.get("/runs").field("seal");
    let refused: [(&str, &[(&str, &str)]); 8] = [
        ("/q/r1-1", &[("answer", "once"), ("digest", &digest)]),
        ("/q/r1-1", &[("answer", "once"), ("digest", &digest), ("seal", "")]),
        ("/q/r1-1", &[("answer", "once"), ("digest", &digest), ("seal", &leave)]),
        ("/q/r1-1", &[("answer", "once"), ("digest", &other.digest), ("seal", &seal)]),
        ("/q/r1-2", &[("answer", "once"), ("digest", &other.digest), ("seal", &seal)]),
        ("/q/r1-2", &[("answer", "once"), ("digest", &digest), ("seal", &seal)]),
        ("/g/x", &[("answer", "once"), ("seal", &seal), ("shown", &format!("r1-1:{digest}")), ("chosen", "r1-1")]),
        ("/grants", &[("seal", &seal), ("run", "r1"), ("question", "r1-1")]),
    ];
    for (path, fields) in refused {
        assert_eq!(browser.post(path, fields).status, 403, "{path} {fields:?}");
    }
    let fields = [("answer", "once"), ("digest", digest.as_str()), ("seal", seal.as_str())];
    assert_eq!(second.post("/q/r1-1", &fields).status, 403, "another browser's seal");
    assert_eq!(page.answers(), 0);
    assert_eq!(browser.post("/q/r1-1", &fields).status, 200);
    // The same question again, as if it were asked anew with the same digest: the answer of before is none.
    page.stand.open.lock().unwrap().push(push());
    let replayed = browser.post("/q/r1-1", &fields);
    assert_eq!(replayed.status, 403, "{}", replayed.body);
    assert!(replayed.body.contains("sent already"), "{}", replayed.body);
    assert_eq!(page.answers(), 1);
}

#[test]
fn an_answer_is_to_what_was_shown() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    let (seal, digest) = answer_form(&browser, "/q/r1-1");
    page.stand.open.lock().unwrap()[0] = command("r1-1", &["git", "push", "--force", "origin", "main"], "publish");
    let reply = browser.post("/q/r1-1", &[("answer", "once"), ("digest", &digest), ("seal", &seal)]);
    assert_eq!(reply.status, 422);
    assert!(reply.body.contains("has changed since it was shown") && reply.body.contains("--force"), "{}", reply.body);
    assert_eq!(page.answers(), 0);
}

#[test]
fn of_two_windows_one_wins_and_the_other_is_told() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    let forms = [answer_form(&browser, "/q/r1-1"), answer_form(&browser, "/q/r1-1")];
    let replies: Vec<u16> = std::thread::scope(|scope| {
        let sent = forms.each_ref().map(|(seal, digest)| {
            let browser = &browser;
            scope.spawn(move || browser.post("/q/r1-1", &[("answer", "once"), ("digest", digest), ("seal", seal)]))
        });
        let replies = sent.map(|reply| reply.join().unwrap());
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert!(reply.body.contains("Your answer was not taken"), "{}", reply.body);
        }
        replies.iter().map(|reply| reply.status).collect()
    });
    assert_eq!(page.answers(), 1);
    assert!(replies.contains(&200) && replies.contains(&409), "{replies:?}");
}

#[test]
fn risk_has_friction_with_and_without_a_script() {
    let mut question = push();
    question.risk = Risk::High;
    question.offers.confirm = "origin".into();
    question.offers.pause = 700;
    let page = Page::with(vec![question]);
    let browser = page.browser();
    let answer = |wait: u64, confirm: &str| {
        let (seal, digest) = answer_form(&browser, "/q/r1-1");
        std::thread::sleep(Duration::from_millis(wait));
        browser.post("/q/r1-1", &[("answer", "once"), ("digest", &digest), ("seal", &seal), ("confirm", confirm)])
    };
    assert_eq!(answer(0, "origin").status, 422);
    let unnamed = answer(1600, "");
    assert_eq!(unnamed.status, 422);
    assert!(unnamed.body.contains("type its name"), "{}", unnamed.body);
    assert_eq!(answer(1600, "Origin").status, 422);
    assert_eq!(page.answers(), 0);
    assert_eq!(answer(1600, "origin").status, 200);
    assert_eq!(page.stand.given.lock().unwrap()[0].1, Answer::Approve(Scope::Once));
}

#[test]
fn no_is_never_slowed_down() {
    let mut question = push();
    question.risk = Risk::High;
    question.offers.confirm = "origin".into();
    let page = Page::with(vec![question]);
    let browser = page.browser();
    let (seal, digest) = answer_form(&browser, "/q/r1-1");
    let fields = [("answer", "deny"), ("digest", &digest), ("seal", &seal), ("word", "open a pull request")];
    assert_eq!(browser.post("/q/r1-1", &fields).status, 200);
    let given = page.stand.given.lock().unwrap();
    assert_eq!((&given[0].1, given[0].2.as_str()), (&Answer::Deny, "open a pull request"));
}

#[test]
fn only_offered_answers_are_taken() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    for answer in ["", "yes", "run", "until", "uses", "prefix-0", "prefix-x", "prefix-18446744073709551616", "ONCE"] {
        let (seal, digest) = answer_form(&browser, "/q/r1-1");
        let fields = [("answer", answer), ("digest", &digest), ("seal", &seal), ("minutes", "5"), ("times", "5")];
        assert_eq!(browser.post("/q/r1-1", &fields).status, 422, "{answer}");
    }
    assert_eq!(page.answers(), 0);
}

#[test]
fn text_of_the_sandbox_stays_text() {
    let evil = "</code><script>alert(1)</script><img src=x onerror=alert(2)>\" onfocus=\"x' {{7*7}} \u{202e}gpj.exe\u{1b}[2J\u{200b}\u{9b}\r\nApproved: yes";
    let mut question = command("r1-1", &["git", evil], "publish");
    question.verdict.reason.because = evil.into();
    question.lineage = vec![evil.into()];
    question.evidence = vec![Section::note(evil, evil), Section::Says { text: evil.into() }];
    question.risk = Risk::High;
    question.offers.confirm = evil.into();
    question.seal("");
    let mut like = [connection("r1-2", evil, "g"), connection("r1-3", evil, "g")];
    for question in &mut like {
        question.verdict.reason.because = evil.into();
    }
    let [second, third] = like;
    let page = Page::with(vec![question, second, third]);
    let browser = page.browser();
    let queue = browser.get("/");
    let group = queue.body.split_once("href=\"/g/").unwrap().1.split('"').next().unwrap().to_owned();
    for path in
        ["/", "/q/r1-1", "/q/r1-2", &format!("/g/{group}"), "/q/<script>alert(1)</script>", "/runs/%3Cscript%3E"]
    {
        let body = browser.get(path).body;
        assert!(
            !body.contains("<script>") && !body.contains("<img") && !body.contains("onfocus=\"x"),
            "{path}: {body}"
        );
        assert!(!body.contains("\" onfocus") && !body.contains("' {{7"), "{path}: {body}");
        for c in ['\u{202e}', '\u{1b}', '\u{200b}', '\u{9b}', '\r'] {
            assert!(!body.contains(c), "{path} has {c:?}");
        }
    }
    let body = browser.get("/q/r1-1").body;
    assert!(body.contains("\\u{202e}") || body.contains("\\U0000202e"), "what was there is shown as an escape: {body}");
}

#[test]
fn every_answer_tells_the_browser_what_it_may_do() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    for path in ["/", "/q/r1-1", "/enter", "/assets/style.css", "/nothing", "/report"] {
        let reply = browser.get(path);
        let policy = reply.header("content-security-policy").unwrap_or_default().to_owned();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("http"),
            "{path}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
        assert!(reply.header("access-control-allow-origin").is_none());
    }
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_is_inline() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    for path in ["/", "/q/r1-1", "/runs", "/report", "/grants", "/assets/style.css", "/assets/live.js"] {
        let body = browser.get(path).body;
        for word in ["//fonts", "https://", "@import", "url(", " style=", "onclick", "javascript:"] {
            assert!(!body.contains(word), "{path} has {word}");
        }
        let scripts = body.matches("<script").count();
        assert!(scripts == body.matches("<script src=\"/assets/live.js\" defer></script>").count(), "{path}");
    }
}

#[test]
fn a_flood_is_shown_in_bounded_pages() {
    let questions = (0..10_000).map(|n| command(&format!("r1-{n}"), &["git", "push", &format!("b{n}")], "publish"));
    let page = Page::with(questions.collect());
    let browser = page.browser();
    for path in ["/", "/?page=2", "/?page=250", "/?page=99999999999999999999999", "/?page=-1", "/?page=0"] {
        let began = Instant::now();
        let reply = browser.get(path);
        assert_eq!(reply.status, 200);
        assert!(reply.body.len() < 100_000, "{path}: {} bytes", reply.body.len());
        assert!(began.elapsed() < Duration::from_secs(10), "{path}: {:?}", began.elapsed());
        assert!(reply.body.contains("10000 questions wait") && reply.body.contains("of 250"), "{path}");
    }
    assert!(browser.get("/?page=250").body.contains("b9999"));
    let (seal, digest) = answer_form(&browser, "/q/r1-9999");
    assert_eq!(browser.post("/q/r1-9999", &[("answer", "once"), ("digest", &digest), ("seal", &seal)]).status, 200);
}

#[test]
fn a_megabyte_of_arguments_is_shown_cut_and_counted() {
    let long = "x".repeat(1 << 20);
    let many: Vec<String> = (0..100_000).map(|n| format!("word{n}")).collect();
    let words: Vec<&str> = many.iter().map(String::as_str).collect();
    let page = Page::with(vec![command("r1-1", &["git", &long], "publish"), command("r1-2", &words, "publish")]);
    let browser = page.browser();
    for path in ["/", "/q/r1-1", "/q/r1-2"] {
        let reply = browser.get(path);
        assert!(reply.status == 200 && reply.body.len() < 200_000, "{path}: {} bytes", reply.body.len());
        assert!(reply.body.contains("more characters") || reply.body.contains("more words"), "{path}");
    }
}

#[test]
fn forty_like_ones_have_a_switch_each() {
    let mut questions: Vec<Question> =
        (0..40).map(|n| connection(&format!("r1-{n}"), &format!("h{n}.example"), "network|example")).collect();
    questions.push(push());
    questions.last_mut().unwrap().id = "r1-99".into();
    let page = Page::with(questions);
    let browser = page.browser();
    let queue = browser.get("/").body;
    assert!(queue.contains("41 questions wait") && queue.contains("40×"), "{queue}");
    assert_eq!(queue.matches("class=\"card\"").count(), 2);
    let group = queue.split_once("href=\"/g/").unwrap().1.split('"').next().unwrap().to_owned();
    let path = format!("/g/{group}");
    let reply = browser.get(&path);
    assert_eq!(reply.body.matches("type=\"checkbox\"").count(), 40);
    let shown: Vec<String> = reply
        .body
        .split("name=\"shown\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let seal = reply.field("seal");
    let mut fields: Vec<(&str, &str)> = shown.iter().map(|pair| ("shown", pair.as_str())).collect();
    fields.extend([("answer", "once"), ("seal", &seal)]);
    fields.extend(shown.iter().skip(1).map(|pair| ("chosen", pair.split(':').next().unwrap())));
    // One that was not shown can't be smuggled in.
    fields.push(("chosen", "r1-99"));
    let reply = browser.post(&path, &fields);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.body.contains("39 approved once each"), "{}", reply.body);
    let left: Vec<String> = page.stand.open.lock().unwrap().iter().map(|question| question.id.clone()).collect();
    assert_eq!(left, ["r1-0", "r1-99"]);
    fields.push(("shown", "r1-99:x"));
    assert_eq!(browser.post(&path, &fields).status, 403);
}

#[test]
fn a_form_that_is_too_long_is_turned_away() {
    let page = Page::with(vec![push()]);
    let browser = page.browser();
    let (seal, digest) = answer_form(&browser, "/q/r1-1");
    let long = "x".repeat(2 << 20);
    let reply = browser.post("/q/r1-1", &[("answer", "once"), ("digest", &digest), ("seal", &seal), ("word", &long)]);
    assert_eq!(reply.status, 413);
    assert_eq!(page.answers(), 0);
}
