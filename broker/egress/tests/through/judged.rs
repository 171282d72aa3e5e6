//! Where names may lead, and what may be said there.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;
use tollgate_egress::{Class, End, Why};

use crate::support::{LOOPBACK, echo, ending, far_end, goal, good, world};

#[test]
fn names_that_lead_inside_are_refused_unless_the_address_is_named() {
    let table = [
        ("127.0.0.1", Class::Loopback),
        ("::1", Class::Loopback),
        ("::ffff:127.0.0.1", Class::Loopback),
        ("10.1.2.3", Class::Private),
        ("169.254.169.254", Class::Metadata),
        ("64:ff9b::a9fe:a9fe", Class::Metadata),
        ("169.254.9.9", Class::LinkLocal),
        ("100.64.0.1", Class::Shared),
        ("224.0.0.1", Class::Multicast),
        ("0.0.0.0", Class::Unspecified),
        ("198.18.0.1", Class::Benchmark),
        ("fd00::2", Class::Private),
        ("fe80::1", Class::LinkLocal),
    ];
    for (address, class) in table {
        let world = world(&[], &[("in.example", &[address])]);
        let mut stream = world.connect("in.example", 80);
        assert_eq!(ending(&mut stream), Err(ErrorKind::ConnectionReset), "{address}");
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(world.report().end, End::Elsewhere(address.to_canonical(), class));
        let unreached = world.egress().reach(goal("in.example", 80)).unwrap_err();
        assert_eq!(unreached.errno, Errno::EACCES as i32);
    }
}

#[test]
fn of_several_addresses_only_those_that_may_be_are_tried() {
    let world = world(&[LOOPBACK], &[("mixed.example", &["10.1.2.3", "169.254.169.254", "127.0.0.1"])]);
    let port = far_end(|mut stream| stream.write_all(b"here\n").unwrap());
    let mut stream = world.connect("mixed.example", port);
    assert_eq!(ending(&mut stream).unwrap(), b"here\n");
    drop(stream);
    assert_eq!(world.report().address, Some(LOOPBACK));
}

#[test]
fn a_name_that_changes_its_mind_is_looked_at_again() {
    let world = world(&[LOOPBACK], &[("re.example", &["127.0.0.1"]), ("re.example", &["10.1.2.3"])]);
    let port = far_end(|mut stream| stream.write_all(b"here\n").unwrap());
    let mut stream = world.connect("re.example", port);
    assert_eq!(ending(&mut stream).unwrap(), b"here\n");
    drop(stream);
    assert_eq!(world.report().address, Some(LOOPBACK));
    let mut stream = world.connect("re.example", port);
    assert_eq!(ending(&mut stream), Err(ErrorKind::ConnectionReset));
    assert_eq!(world.report().end, End::Elsewhere("10.1.2.3".parse().unwrap(), Class::Private));
    // each connection asked once: what was looked at is what was connected to
    assert_eq!(world.answers.asked.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[test]
fn a_far_end_that_is_not_there_is_an_ordinary_error() {
    let world = good();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut stream = world.connect("good.example", closed);
    assert_eq!(ending(&mut stream), Err(ErrorKind::ConnectionReset));
    assert_eq!(world.report().end, End::Unreachable(Errno::ECONNREFUSED as i32));
    let unreached = world.egress().reach(goal("good.example", closed)).unwrap_err();
    assert_eq!(unreached.errno, Errno::ECONNREFUSED as i32);
    let unreached = world.egress().reach(goal("none.example", 1)).unwrap_err();
    assert_eq!(unreached.errno, Errno::EHOSTUNREACH as i32);
}

#[test]
fn a_goal_can_be_reached_before_its_caller_is_connected() {
    let world = good();
    let port = far_end(|mut stream| stream.write_all(b"here\n").unwrap());
    let reached = world.egress().reach(goal("good.example", port)).unwrap();
    let door = world.egress().door("192.0.2.1:1".parse().unwrap()).unwrap();
    let mut stream = std::net::TcpStream::connect(door).unwrap();
    world.egress().join(stream.local_addr().unwrap(), reached).unwrap();
    assert_eq!(ending(&mut stream).unwrap(), b"here\n");
}

#[test]
fn an_address_that_does_not_answer_gives_way_to_the_next() {
    // a listener whose queue is full lets further connections hang
    let full = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    nix::sys::socket::listen(&full, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let port = full.local_addr().unwrap().port();
    let here = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || here.accept().unwrap().0.write_all(b"second\n").unwrap());
    let hanging: Vec<_> = (0..4)
        .map(|_| std::net::TcpStream::connect_timeout(&full.local_addr().unwrap(), Duration::from_millis(50)))
        .collect();
    assert!(hanging.iter().any(Result::is_err), "it does not hang");
    let both: Vec<IpAddr> = vec!["127.0.0.2".parse().unwrap(), LOOPBACK];
    let world = world(&both, &[("two.example", &["127.0.0.2", "127.0.0.1"])]);
    let begun = std::time::Instant::now();
    let mut stream = world.connect("two.example", port);
    assert_eq!(ending(&mut stream).unwrap(), b"second\n");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(stream);
    assert_eq!(world.report().address, Some(LOOPBACK));
}

#[test]
fn another_host_in_the_request_ends_the_connection_before_it_arrives() {
    let world = good();
    let (heard, all) = std::sync::mpsc::channel();
    let port = far_end(move |mut stream| {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            heard.send(bytes[..length].to_vec()).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    });
    let request = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let right = request(&format!("good.example:{port}"));
    let mut stream = world.connect("good.example", port);
    let mut answer = [0; 27];
    for _ in 0..3 {
        stream.write_all(right.as_bytes()).unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(all.recv().unwrap(), right.as_bytes());
    }
    // the fourth request of the same connection is for somebody else
    stream.write_all(request("other.example").as_bytes()).unwrap();
    assert_eq!(ending(&mut stream), Err(ErrorKind::ConnectionReset));
    let End::Refused(objection) = world.report().end else { panic!("refused") };
    assert_eq!((objection.why, objection.seen.as_str()), (Why::HttpHost, "other.example"));
    assert!(all.recv_timeout(Duration::from_millis(200)).is_err(), "nothing of it arrived");
}

#[test]
fn a_word_without_a_line_arrives_after_a_moment() {
    let world = good();
    let port = echo();
    let mut stream = world.connect("good.example", port);
    stream.write_all(b"ruok").unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"ruok");
}
