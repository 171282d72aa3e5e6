//! What the way through the relay costs: a connection, beside a plain one on loopback, and a stream's throughput.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement that can't go on has failed")]

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate_egress::{Class, Egress, Goal, Judge, Report, Resolve, Setting};
use tollgate_policy::action::{Connect, Target};
use tollgate_policy::verdict::Effect;

struct All;

impl Judge for All {
    fn look_up(&self, _: &str) -> Effect {
        Effect::Allow
    }

    fn may_reach(&self, _: &Connect, _: IpAddr, _: Class) -> bool {
        true
    }

    fn told(&self, _: Report) {}
}

impl Resolve for All {
    fn resolve(&self, _: &str, _: Instant) -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }
}

fn egress() -> Egress {
    let setting = Setting { resolve: Some(Arc::new(All)), ..Setting::default() };
    Egress::start_with(Arc::new(All), setting).unwrap()
}

/// A far end that does this with each connection, one after the other.
fn far_end(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    at
}

fn named(egress: &Egress, port: u16) -> TcpStream {
    let door = egress.door(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    let stream = TcpStream::connect(door).unwrap();
    let target = Target::Name("good.example".to_owned());
    let goal = Goal::new(Connect { target, port });
    egress.announce(stream.local_addr().unwrap(), goal).unwrap();
    stream
}

fn connecting(criterion: &mut Criterion) {
    let egress = egress();
    let at = far_end(|mut stream| stream.write_all(b"!").unwrap_or_default());
    let first_byte = |mut stream: TcpStream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
    };
    let mut group = criterion.benchmark_group("connect to the first byte");
    group.bench_function("plain", |bencher| {
        bencher.iter(|| first_byte(TcpStream::connect(at).unwrap()));
    });
    group.bench_function("named", |bencher| {
        bencher.iter(|| first_byte(named(&egress, at.port())));
    });
    group.finish();
}

fn carrying(criterion: &mut Criterion) {
    const SIZE: usize = 256 << 20;
    let egress = egress();
    let at = far_end(|mut stream| {
        let block = vec![7; 256 << 10];
        for _ in 0..SIZE / block.len() {
            if stream.write_all(&block).is_err() {
                return;
            }
        }
    });
    let mut block = vec![0; 256 << 10];
    let mut drain = |mut stream: TcpStream| while stream.read(&mut block).unwrap() > 0 {};
    let mut group = criterion.benchmark_group("carry");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(10);
    group.bench_function("plain", |bencher| bencher.iter(|| drain(TcpStream::connect(at).unwrap())));
    group.bench_function("named", |bencher| bencher.iter(|| drain(named(&egress, at.port()))));
    group.finish();
}

criterion_group!(through, connecting, carrying);
criterion_main!(through);
