//! Bytes: all of them, in both directions, to their end.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpListener, TcpStream};

use tollgate_egress::{End, Kind, Way};
use tollgate_policy::action::{Connect, Target};

use crate::support::{LOOPBACK, echo, ending, far_end, goal, good, world};

#[test]
fn a_connection_by_name_arrives_and_its_bytes_are_counted() {
    let world = good();
    let port = echo();
    let mut stream = world.connect("good.example", port);
    stream.write_all(b"hello, you\n").unwrap();
    let mut back = [0; 11];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello, you\n");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ending(&mut stream), Ok(vec![]));
    let report = world.report();
    assert_eq!((report.up, report.down, &report.end), (11, 11, &End::Closed));
    assert_eq!(report.goal, goal("good.example", port).connect);
    assert_eq!(report.address, Some(LOOPBACK));
}

#[test]
fn the_announcement_may_come_first_or_last() {
    let world = good();
    let port = far_end(|mut stream| stream.write_all(b"220 hello\r\n").unwrap());
    let door = world.egress().door("192.0.2.1:1".parse().unwrap()).unwrap();
    for first in [true, false] {
        // before: from a socket whose address is known
        let here = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Inet,
            nix::sys::socket::SockType::Stream,
            nix::sys::socket::SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
        let std::net::SocketAddr::V4(here) = here else { panic!("IPv4") };
        let std::net::SocketAddr::V4(door) = door else { panic!("IPv4") };
        nix::sys::socket::bind(fd, &nix::sys::socket::SockaddrIn::from(here)).unwrap();
        if first {
            world.egress().announce(here.into(), goal("good.example", port)).unwrap();
        }
        nix::sys::socket::connect(fd, &nix::sys::socket::SockaddrIn::from(door)).unwrap();
        if !first {
            std::thread::sleep(std::time::Duration::from_millis(100));
            world.egress().announce(here.into(), goal("good.example", port)).unwrap();
        }
        // the far end speaks first: nothing waits for the caller's word
        let mut stream = TcpStream::from(socket);
        let mut greeting = [0; 11];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220 hello\r\n");
    }
}

#[test]
fn each_side_may_end_before_the_other() {
    let world = good();
    // a far end that answers only once the caller is done
    let port = far_end(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all.len().to_be_bytes()).unwrap();
    });
    let mut stream = world.connect("good.example", port);
    stream.write_all(&vec![0; 300_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ending(&mut stream).unwrap(), 300_000usize.to_be_bytes());
    assert_eq!(world.report().end, End::Closed);
    // one that says all it has to say at once, and still listens
    let (heard, all) = std::sync::mpsc::channel();
    let port = far_end(move |mut stream| {
        stream.write_all(b"bye\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        heard.send(all).unwrap();
    });
    let mut stream = world.connect("good.example", port);
    let mut bye = Vec::new();
    stream.read_to_end(&mut bye).unwrap();
    assert_eq!(bye, b"bye\n");
    stream.write_all(b"wait\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(all.recv().unwrap(), b"wait\n");
}

const SIZE: usize = 24 << 20;

#[test]
fn a_slow_reader_slows_the_writer_and_loses_nothing() {
    let world = good();
    let port = far_end(|mut stream| {
        let block: Vec<u8> = (0..=255).collect();
        for _ in 0..SIZE / block.len() {
            stream.write_all(&block).unwrap();
        }
    });
    let mut stream = world.connect("good.example", port);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut bytes = vec![0; 100_000];
    let mut at = 0usize;
    loop {
        let length = stream.read(&mut bytes).unwrap();
        if length == 0 {
            break;
        }
        for byte in &bytes[..length] {
            assert_eq!(usize::from(*byte), at % 256);
            at += 1;
        }
    }
    assert_eq!(at, SIZE);
}

#[test]
fn many_connections_are_carried_at_once() {
    let world = good();
    let port = echo();
    let mut streams: Vec<TcpStream> = (0..200).map(|_| world.connect("good.example", port)).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.write_all(format!("line {n}\n").as_bytes()).unwrap();
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        let want = format!("line {n}\n");
        let mut back = vec![0; want.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, want.as_bytes());
    }
}

#[test]
fn an_ipv6_caller_and_an_ipv6_far_end_meet() {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let Ok(listener) = TcpListener::bind((loopback, 0)) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"six\n").unwrap());
    let world = world(&[loopback], &[("six.example", &["::1"])]);
    // a caller's IPv6 socket that was connected to our address as IPv4 in IPv6
    let IpAddr::V4(ours) = world.address_of("six.example") else { panic!("IPv4") };
    let to = std::net::SocketAddr::new(ours.to_ipv6_mapped().into(), port);
    let Way::Relay { name, door } = world.egress().way(to, Kind::Stream) else { panic!("an address of ours") };
    let mut stream = TcpStream::connect(door).unwrap();
    assert!(stream.local_addr().unwrap().is_ipv6());
    world.egress().announce(stream.local_addr().unwrap(), goal(&name, port)).unwrap();
    assert_eq!(ending(&mut stream).unwrap(), b"six\n");
}

#[test]
fn an_address_that_was_judged_as_such_is_carried_too() {
    let world = world(&[], &[]);
    let port = echo();
    let to = std::net::SocketAddr::new(LOOPBACK, port);
    let door = world.egress().door(to).unwrap();
    let mut stream = TcpStream::connect(door).unwrap();
    let connect = Connect { target: Target::Address(LOOPBACK), port };
    let goal = tollgate_egress::Goal::new(connect);
    world.egress().announce(stream.local_addr().unwrap(), goal).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n").unwrap();
    let mut back = [0; 28];
    stream.read_exact(&mut back).unwrap();
    assert!(back.starts_with(b"GET / HTTP/1.1"));
}
