//! Lookups: over datagrams, over a pair of packets in place of datagrams, and over TCP.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::fd::OwnedFd;

use nix::sys::socket::{MsgFlags, SockaddrIn, recv, send, sendto};
use tollgate_egress::{Kind, Way};

use crate::support::{address, question, world};

fn nameserver() -> SocketAddr {
    "192.0.2.53:53".parse().unwrap()
}

#[test]
fn each_name_has_one_address_and_each_address_one_name() {
    let world = world(&[], &[]);
    let first = world.address_of("one.example");
    let second = world.address_of("TWO.example");
    assert_ne!(first, second);
    assert_eq!(world.address_of("ONE.Example"), first);
    assert_eq!(world.egress().name_of(first).as_deref(), Some("one.example"));
    assert_eq!(world.egress().name_of(second).as_deref(), Some("two.example"));
    assert_eq!(world.answers.asked.load(std::sync::atomic::Ordering::SeqCst), 0, "nobody else was asked");
}

#[test]
fn ways_lead_to_the_stub_the_relay_straight_on_or_nowhere() {
    let world = world(&[], &[]);
    let ours = world.address_of("one.example");
    let egress = world.egress();
    let way = |address: IpAddr, port, kind| egress.way(SocketAddr::new(address, port), kind);
    let is_relay =
        |way: &Way, v4: bool| matches!(way, Way::Relay { name, door } if name == "one.example" && door.is_ipv4() == v4);
    assert!(is_relay(&way(ours, 443, Kind::Stream), true));
    let IpAddr::V4(v4) = ours else { panic!("an IPv4 address") };
    let mapped = way(v4.to_ipv6_mapped().into(), 443, Kind::Stream);
    assert!(is_relay(&mapped, false), "an IPv6 socket needs an IPv6 address: {mapped:?}");
    let public = "192.0.2.1".parse().unwrap();
    assert_eq!(way(public, 443, Kind::Stream), Way::Straight);
    assert_eq!(way("198.19.9.9".parse().unwrap(), 443, Kind::Stream), Way::Nowhere);
    for address in [ours, public] {
        assert_eq!(way(address, 443, Kind::Datagram), Way::Nowhere, "no datagrams but lookups");
        assert!(matches!(way(address, 53, Kind::Datagram), Way::Stub(_)));
        assert!(matches!(way(address, 53, Kind::Stream), Way::Stub(_)));
    }
}

#[test]
fn a_pair_of_packets_asks_like_datagrams_and_reaches_nothing_else() {
    let world = world(&[], &[]);
    let asker: OwnedFd = world.egress().asker().unwrap();
    let fd = asker.as_raw_fd();
    nix::fcntl::fcntl(&asker, nix::fcntl::F_SETFL(nix::fcntl::OFlag::empty())).unwrap();
    let mut answer = [0; 512];
    send(fd, &question("one.example", 1), MsgFlags::empty()).unwrap();
    let length = recv(fd, &mut answer, MsgFlags::empty()).unwrap();
    assert!(address(&answer[..length]).is_some());
    // several at once, as the C library does; messages stay apart
    send(fd, &question("one.example", 1), MsgFlags::empty()).unwrap();
    send(fd, &question("one.example", 28), MsgFlags::empty()).unwrap();
    let first = recv(fd, &mut answer, MsgFlags::empty()).unwrap();
    assert!(address(&answer[..first]).is_some());
    let second = recv(fd, &mut answer, MsgFlags::empty()).unwrap();
    assert_eq!(address(&answer[..second]), None, "no IPv6 address, and no error");
    // an address is of no use: it comes to the stub all the same
    let elsewhere = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let SocketAddr::V4(to) = elsewhere.local_addr().unwrap() else { panic!("IPv4") };
    sendto(fd, &question("two.example", 1), &SockaddrIn::from(to), MsgFlags::empty()).unwrap();
    let length = recv(fd, &mut answer, MsgFlags::empty()).unwrap();
    assert!(address(&answer[..length]).is_some());
    assert!(elsewhere.recv(&mut answer).is_err(), "nothing went there");
    // what is no question gets no answer and harms nothing
    send(fd, b"", MsgFlags::empty()).unwrap();
    send(fd, b"statsd:1|c", MsgFlags::empty()).unwrap();
    send(fd, &question("evil.example", 1), MsgFlags::empty()).unwrap();
    let length = recv(fd, &mut answer, MsgFlags::empty()).unwrap();
    assert_eq!((answer[3] & 0xf, address(&answer[..length])), (3, None));
}

#[test]
fn lookups_over_tcp_have_their_length_in_front() {
    let world = world(&[], &[]);
    let Way::Stub(stub) = world.egress().way(nameserver(), Kind::Stream) else { panic!("port 53 is a lookup") };
    let mut stream = TcpStream::connect(stub).unwrap();
    for name in ["one.example", "two.example"] {
        let question = question(name, 1);
        let length = u16::try_from(question.len()).unwrap();
        stream.write_all(&length.to_be_bytes()).unwrap();
        stream.write_all(&question).unwrap();
    }
    for _ in 0..2 {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut answer).unwrap();
        assert!(address(&answer).is_some());
    }
}

#[test]
fn many_askers_come_and_go() {
    let world = world(&[], &[]);
    for turn in 0..2000 {
        let asker = world.egress().asker().unwrap();
        if turn % 100 == 0 {
            send(asker.as_raw_fd(), &question("one.example", 1), MsgFlags::empty()).unwrap();
            let mut fds = [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&asker), nix::poll::PollFlags::POLLIN)];
            assert_eq!(nix::poll::poll(&mut fds, 5000u16), Ok(1));
        }
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 1300, "{open} descriptors");
}
