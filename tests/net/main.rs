//! Sockets inside a run: its own loopback, addresses, names, datagrams, and those who change what the gate looked at.
//! Judged from outside: what comes in at listeners there, what the ledger has, what the program was told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tollgate_tests::{Outcome, Scene, cases, skip};

cases! { everywhere: servers_inside_are_reached_inside a_close_waits_for_nothing services_outside_see_nobody_come services_outside_are_refused_at_once datagrams_go_nowhere
names_are_judged }
cases! { both: a_name_is_asked_about_and_carried who_does_not_wait_goes_on_while_it_is_asked a_named_service_is_reached addresses_do_not_change_hands }
cases! { user: nothing_listens_to_the_network }

const TRIES: &str = "20000";

fn program(scene: &Scene) -> PathBuf {
    scene.compile("net/net.c", scene.workspace.join("net"), &["-pthread"])
}

fn play(scene: &Scene, options: &[&str], words: &[&str]) -> Outcome {
    let program = program(scene);
    let words: Vec<&str> = std::iter::once(program.to_str().unwrap()).chain(words.iter().copied()).collect();
    scene.job(options, &words).deadline(Duration::from_mins(3)).end()
}

/// How many connections came to a listener.
fn came(listener: &TcpListener) -> usize {
    listener.set_nonblocking(true).unwrap();
    let mut count = 0;
    loop {
        match listener.accept() {
            Ok(_) => count += 1,
            Err(err) if err.kind() == ErrorKind::WouldBlock => return count,
            Err(_) => {}
        }
    }
}

fn servers_inside_are_reached_inside(scene: &Scene) {
    for (family, bound, reached) in [
        ("4", "127.0.0.1", "127.0.0.1"),
        ("4", "0.0.0.0", "127.0.0.1"),
        ("6", "::1", "::1"),
        ("6", "::", "::1"),
        ("6", "::", "127.0.0.1"),
        ("6", "::", "::ffff:127.0.0.1"),
    ] {
        let outcome = play(scene, &[], &["pair", family, bound, reached]);
        outcome.ended(0).printed(&format!("{bound} {reached} done\n"));
        assert_eq!(outcome.err, "", "{outcome}");
    }
    assert_eq!(scene.events("refused") + scene.events("denied") + scene.events("asked"), 0);
}

/// The gate has copies of callers' sockets, and must not be who waits at a close.
fn a_close_waits_for_nothing(scene: &Scene) {
    play(scene, &[], &["linger"]).ended(0).printed("at once, all came\nat once, ECONNRESET\n");
}

/// A service outside may act on a connection alone: who listens at an abstract name is known without one.
fn services_outside_see_nobody_come(scene: &Scene) {
    use std::os::linux::net::SocketAddrExt as _;
    let name = format!("tollgate-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let outside = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    outside.set_nonblocking(true).unwrap();
    let text = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect('\\0{name}')\nexcept OSError as e: print(e.errno)\n\
         l = socket.socket(socket.AF_UNIX); l.bind('\\0{name}-in'); l.listen(1)\ns.connect('\\0{name}-in'); l.accept(); print('met')"
    );
    let outcome = scene.job(&["--ci"], &["/usr/bin/python3", "-c", &text]).end();
    outcome.ended(0);
    assert!(outcome.out.ends_with("met\n") && outcome.out.lines().count() == 2, "{outcome}");
    assert_eq!(outside.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn services_outside_are_refused_at_once(scene: &Scene) {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port().to_string();
    for address in ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::ffff:127.0.0.1"] {
        play(scene, &[], &["connect", address, &port]).ended(0).printed("ECONNREFUSED\n");
    }
    let told = play(scene, &[], &["connect", "127.0.0.1", &port]);
    told.told(&format!("tollgate: refused to connect to 127.0.0.1:{port}"));
    assert_eq!(came(&outside), 0, "somebody came in");
    assert!(scene.events("refused") > 0);
    for (address, errno) in [
        ("10.1.2.3", "EACCES\n"),
        ("169.254.169.254", "EACCES\n"),
        ("169.254.1.1", "EACCES\n"),
        ("100.64.0.1", "EACCES\n"),
        ("fd00::1", "EACCES\n"),
        ("fe80::1", "EACCES\n"),
        ("198.18.0.1", "EACCES\n"),
    ] {
        play(scene, &[], &["connect", address, "80"]).ended(0).printed(errno);
    }
    assert_eq!(scene.events("asked"), 0);
    // Nobody is there: that is all there is to say.
    drop(outside);
    let gone = play(scene, &[], &["connect", "127.0.0.1", &port]);
    gone.ended(0).printed("ECONNREFUSED\n");
    assert_eq!(gone.err, "", "{gone}");
}

fn datagrams_go_nowhere(scene: &Scene) {
    let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
    outside.set_nonblocking(true).unwrap();
    let port = outside.local_addr().unwrap().port().to_string();
    for options in [&[][..], &["--profile", "online"][..]] {
        play(scene, options, &["udp", "127.0.0.1", &port]).ended(0).printed("ENETUNREACH\n");
    }
    let got = outside.recv(&mut [0; 8]).map_err(|err| err.kind());
    assert_eq!(got, Err(ErrorKind::WouldBlock), "a datagram came out");
}

fn names_are_judged(scene: &Scene) {
    let outcome = play(scene, &["--ci"], &["name", "unheard-of.example", "443"]);
    outcome.ended(0).printed("connect EACCES\n").told("tollgate: refused to connect to unheard-of.example:443");
    assert!(scene.events("denied") + scene.events("decided") > 0);
    let policy = scene.policy(
        "[[net]]\neffect = \"deny\"\nnames = [\"*.evil.example\"]\nbecause = \"it takes what it can get\"\nmatches = [\"a.evil.example:443\"]\n",
    );
    let options = ["--policy", policy.to_str().unwrap()];
    let outcome = play(scene, &options, &["name", "data.evil.example", "443"]);
    outcome.ended(0).printed("connect EACCES\n").told("it takes what it can get");
    scene.verifies();
}

/// The hosts file is this machine's: a name in it that is no loopback's own word leads to loopback, which must be named.
fn listed_name() -> Option<String> {
    let text = fs::read_to_string("/etc/hosts").ok()?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    let mut names = lines.filter_map(|line| line.strip_prefix("127.0.0.1")).flat_map(str::split_whitespace);
    names.find(|name| !name.starts_with("localhost") && !name.contains("localhost")).map(str::to_owned)
}

fn a_name_is_asked_about_and_carried(scene: &Scene) {
    let Some(name) = listed_name() else {
        return skip("no name of this machine's own in /etc/hosts to connect to");
    };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let serve = serves_one(server);
    let program = program(scene);
    let (place, words) = (format!("127.0.0.1:{port}"), [program.to_str().unwrap(), "name", &name, &port]);
    let asking = scene.job(&["--net", &place], &words).start();
    let question = scene.question();
    assert_eq!(question["action"]["target"]["name"], name.as_str(), "{question}");
    assert!(question["evidence"].to_string().contains("can read"), "{question}");
    assert!(question["lineage"].to_string().contains("net name"), "{question}");
    scene.answer("approve", &question, &[]).ended(0);
    asking.end().ended(0).printed("answer yo\n");
    let server = serve.join().unwrap();
    // The same name where nobody named the address that it leads to.
    let asking = scene.job(&[] as &[&str], &words).start();
    let question = scene.question();
    scene.answer("approve", &question, &[]).ended(0);
    let outcome = asking.end();
    outcome.ended(0).printed("connect EACCES\n").told("which nobody named");
    assert_eq!(came(&server), 0);
    scene.verifies();
}

/// Takes one connection, and answers its word.
fn serves_one(server: TcpListener) -> JoinHandle<TcpListener> {
    std::thread::spawn(move || {
        server.set_nonblocking(false).unwrap();
        let (mut one, _) = server.accept().unwrap();
        let mut word = [0; 2];
        one.read_exact(&mut word).unwrap();
        one.write_all(b"yo").unwrap();
        server
    })
}

fn who_does_not_wait_goes_on_while_it_is_asked(scene: &Scene) {
    let Some(name) = listed_name() else {
        return skip("no name of this machine's own in /etc/hosts to connect to");
    };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let (program, place) = (program(scene), format!("127.0.0.1:{port}"));
    let begin = |mark: &PathBuf| {
        let words = [program.to_str().unwrap(), "early", &name, &port, mark.to_str().unwrap()];
        let asking = scene.job(&["--net", &place], &words).start();
        let question = scene.question();
        let begun = Instant::now();
        while !mark.exists() {
            assert!(begun.elapsed() < Duration::from_mins(1), "it waits for the answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        (asking, question)
    };
    let (asking, question) = begin(&scene.workspace.join("yes"));
    assert_eq!(question["action"]["target"]["name"], name.as_str(), "{question}");
    assert_eq!(came(&server), 0, "something left before the answer");
    let serve = serves_one(server);
    scene.answer("approve", &question, &[]).ended(0);
    asking.end().ended(0).printed("answer yo\n");
    let server = serve.join().unwrap();
    let (asking, question) = begin(&scene.workspace.join("no"));
    scene.answer("deny", &question, &["--reason", "not today"]).ended(0);
    let outcome = asking.end();
    outcome.ended(0).printed("read ECONNRESET\n").told("not today");
    // who goes leaves no question behind
    let (asking, _) = begin(&scene.workspace.join("gone"));
    asking.signal(Signal::SIGTERM);
    asking.end();
    assert_eq!(scene.questions().len(), 0);
    assert_eq!(came(&server), 0);
    scene.verifies();
}

fn a_named_service_is_reached(scene: &Scene) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    for named in ["127.0.0.1", "localhost", "127.0.0.0/8"] {
        let place = format!("{named}:{port}");
        play(scene, &["--net", &place], &["connect", "127.0.0.1", &port]).ended(0).printed("connected\n");
    }
    assert_eq!(came(&server), 3);
    assert_eq!(scene.events("reached"), 3, "each is written down");
    // Any name is not any address.
    let policy = scene.policy(
        "[[net]]\neffect = \"allow\"\nnames = [\"*\"]\nbecause = \"names are free\"\nmatches = [\"a.example:443\"]\n",
    );
    let options = ["--policy", policy.to_str().unwrap()];
    play(scene, &options, &["connect", "127.0.0.1", &port]).ended(0).printed("ECONNREFUSED\n");
    assert_eq!(came(&server), 0);
}

fn addresses_do_not_change_hands(scene: &Scene) {
    let (good, bad) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = |of: &TcpListener| of.local_addr().unwrap().port().to_string();
    let place = format!("127.0.0.1:{}", port(&good));
    let over = std::sync::Arc::new(AtomicBool::new(false));
    let (until, watched) = (std::sync::Arc::clone(&over), good.try_clone().unwrap());
    let drain = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            came(&watched);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let outcome = play(scene, &["--net", &place], &["race", &port(&good), &port(&bad), TRIES]);
    over.store(true, Ordering::Relaxed);
    drain.join().unwrap();
    outcome.ended(0).printed(&format!("tries {TRIES} some 1 none 1\n"));
    assert_eq!(scene.events("reached"), 1, "the same again is not written down again");
    assert_eq!(came(&bad), 0, "the refused service was reached");
}

/// TCP sockets of this user that listen at other addresses than loopback's.
fn open_to_all(uid: u32) -> BTreeSet<String> {
    let lines = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let all = lines("/proc/net/tcp") + &lines("/proc/net/tcp6");
    let mut found = BTreeSet::new();
    for line in all.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_listener = fields.get(3) == Some(&"0A") && fields.get(7) == Some(&uid.to_string().as_str());
        let address = fields.get(1).and_then(|at| at.split(':').next()).unwrap_or("");
        let is_loopback = address.ends_with("7F") || address == "00000000000000000000000001000000";
        if is_listener && !is_loopback {
            found.insert(line.to_owned());
        }
    }
    found
}

fn nothing_listens_to_the_network(scene: &Scene) {
    let uid = scene.setting.uid().as_raw();
    let before = open_to_all(uid);
    let over = std::sync::Arc::new(AtomicBool::new(false));
    let until = std::sync::Arc::clone(&over);
    let watch = std::thread::spawn(move || {
        let mut found = BTreeSet::new();
        while !until.load(Ordering::Relaxed) {
            found.extend(open_to_all(uid));
        }
        found
    });
    let program = program(scene);
    let mut bare = scene.command(&program);
    bare.args(["listen", TRIES]);
    tollgate_tests::Job::new(bare).end().ended(0).printed(&format!("tries {TRIES} some 1\n"));
    over.store(true, Ordering::Relaxed);
    let bare = watch.join().unwrap();
    assert!(bare.difference(&before).count() > 0, "without the gate nothing listened: the test shows nothing");
    let over = std::sync::Arc::new(AtomicBool::new(false));
    let until = std::sync::Arc::clone(&over);
    let before = open_to_all(uid);
    let watch = std::thread::spawn(move || {
        let mut found = BTreeSet::new();
        while !until.load(Ordering::Relaxed) {
            found.extend(open_to_all(uid));
        }
        found
    });
    play(scene, &[], &["listen", TRIES]).ended(0).printed(&format!("tries {TRIES} some 1\n"));
    over.store(true, Ordering::Relaxed);
    let found: Vec<String> = watch.join().unwrap().difference(&before).cloned().collect();
    assert!(found.is_empty(), "{found:?}");
}
