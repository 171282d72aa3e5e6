//! Ends: of connections that nobody announced, of callers and far ends that break off, and of the egress itself.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate_egress::End;

use crate::support::{echo, ending, far_end, good, world};

fn reset(stream: &TcpStream) {
    let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(stream, nix::sys::socket::sockopt::Linger, &at_once).unwrap();
}

#[test]
fn what_nobody_announced_is_reset_and_goes_nowhere() {
    let world = world(&[], &[]);
    let door = world.egress().door("192.0.2.1:1".parse().unwrap()).unwrap();
    let mut stream = TcpStream::connect(door).unwrap();
    stream.write_all(b"hello\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let begun = Instant::now();
    assert_eq!(ending(&mut stream), Err(ErrorKind::ConnectionReset));
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert!(world.judge.reports.lock().unwrap().is_empty());
}

#[test]
fn what_waits_for_leave_goes_nowhere_before_it_and_not_without_it() {
    let world = good();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    let port = far_end(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).unwrap();
        stream.write_all(&heard).unwrap();
    });
    let (mut one, leave) = world.connect_early("good.example", port);
    one.write_all(b"hello").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((came.load(Ordering::SeqCst), leave.is_awaited()), (0, true));
    leave.give();
    let mut said = [0; 5];
    one.read_exact(&mut said).unwrap();
    assert_eq!((&said, came.load(Ordering::SeqCst)), (b"hello", 1));
    drop(one);
    assert_eq!(world.report().up, 5);
    let (mut one, leave) = world.connect_early("good.example", port);
    one.write_all(b"hello").unwrap();
    drop(leave);
    assert_eq!(ending(&mut one), Err(ErrorKind::ConnectionReset));
    // a caller that has gone, with a word or without, waits for nothing
    let (one, leave) = world.connect_early("good.example", port);
    drop(one);
    let (mut other, still) = world.connect_early("good.example", port);
    other.write_all(b"hello").unwrap();
    reset(&other);
    drop(other);
    let begun = Instant::now();
    while leave.is_awaited() || still.is_awaited() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody noticed");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

#[test]
fn a_side_that_breaks_off_breaks_the_other_off() {
    let world = good();
    let port = far_end(|mut stream| {
        let mut bytes = [0; 6];
        stream.read_exact(&mut bytes).unwrap();
        reset(&stream);
    });
    let mut stream = world.connect("good.example", port);
    stream.write_all(b"hello\n").unwrap();
    assert_eq!(ending(&mut stream), Err(ErrorKind::ConnectionReset));
    assert_eq!(world.report().end, End::Broken);

    let (heard, end) = std::sync::mpsc::channel();
    let port = far_end(move |mut stream| {
        let mut bytes = [0; 6];
        stream.read_exact(&mut bytes).unwrap();
        heard.send(None).unwrap();
        heard.send(Some(ending(&mut stream))).unwrap();
    });
    let mut stream = world.connect("good.example", port);
    stream.write_all(b"hello\n").unwrap();
    assert_eq!(end.recv().unwrap(), None);
    reset(&stream);
    drop(stream);
    assert_eq!(end.recv().unwrap(), Some(Err(ErrorKind::ConnectionReset)));
    assert_eq!(world.report().end, End::Broken);
}

#[test]
fn everything_ends_with_the_egress_and_at_once() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let port = echo();
    let before = threads();
    let mut world = good();
    let mut streams: Vec<TcpStream> = (0..20).map(|_| world.connect("good.example", port)).collect();
    for stream in &mut streams {
        stream.write_all(b"hello\n").unwrap();
        stream.read_exact(&mut [0; 6]).unwrap();
    }
    let door = world.egress().door("192.0.2.1:1".parse().unwrap()).unwrap();
    let begun = Instant::now();
    drop(world.egress.take());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    for stream in &mut streams {
        assert_eq!(ending(stream), Err(ErrorKind::ConnectionReset));
    }
    let reports = world.judge.reports.lock().unwrap();
    assert_eq!(reports.len(), 20, "none is left out");
    assert!(reports.iter().all(|report| report.end == End::Stopped));
    assert_eq!(TcpStream::connect(door).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // the far end's threads end with their connections
    let begun = Instant::now();
    while threads() > before && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(threads() <= before, "{} threads, {before} before", threads());
}

#[test]
fn threads_come_with_connections_and_leave_after_them() {
    let world = good();
    let port = far_end(drop);
    for _ in 0..300 {
        let mut stream = world.connect("good.example", port);
        assert_eq!(ending(&mut stream), Ok(vec![]));
    }
    let shown = format!("{:?}", world.egress());
    let (_, threads) = shown.split_once("threads: ").unwrap();
    let threads: usize = threads.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    assert!(threads < 20, "one after the other needs few: {shown}");
}
