//! A judge that remembers, a resolver that says what it is told, a far end that echoes, and a caller.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tollgate_egress::{Class, Egress, Goal, Judge, Kind, Report, Resolve, Setting, Way};
use tollgate_policy::action::{Connect, Target};
use tollgate_policy::verdict::Effect;
use tollgate_sys::leave::{self, Leave};

#[derive(Default)]
pub(crate) struct Judging {
    pub(crate) reports: Mutex<Vec<Report>>,
    /// Addresses that policy names.
    pub(crate) named: Vec<IpAddr>,
}

impl Judge for Judging {
    fn look_up(&self, name: &str) -> Effect {
        if name.starts_with("evil") { Effect::Deny } else { Effect::Ask }
    }

    fn may_reach(&self, _: &Connect, address: IpAddr, _: Class) -> bool {
        self.named.contains(&address)
    }

    fn told(&self, report: Report) {
        self.reports.lock().unwrap().push(report);
    }
}

/// Answers for each name, one after the other; the last one for good.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) of: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    pub(crate) asked: AtomicUsize,
}

impl Resolve for Answers {
    fn resolve(&self, name: &str, _: Instant) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut of = self.of.lock().unwrap();
        let answers = of.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        let answer = answers[0].clone();
        if answers.len() > 1 {
            answers.remove(0);
        }
        Ok(answer)
    }
}

pub(crate) struct World {
    pub(crate) egress: Option<Egress>,
    pub(crate) judge: Arc<Judging>,
    pub(crate) answers: Arc<Answers>,
}

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A world in which loopback may be reached, if `reachable`, and names have these addresses.
pub(crate) fn world(reachable: &[IpAddr], names: &[(&str, &[&str])]) -> World {
    let judge = Arc::new(Judging { named: reachable.to_vec(), ..Judging::default() });
    let answers = Arc::new(Answers::default());
    for (name, addresses) in names {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        answers.of.lock().unwrap().entry((*name).to_owned()).or_default().push(addresses);
    }
    let setting = Setting { resolve: Some(Arc::clone(&answers) as Arc<dyn Resolve>), ..Setting::default() };
    let egress = Egress::start_with(Arc::clone(&judge) as Arc<dyn Judge>, setting).unwrap();
    World { egress: Some(egress), judge, answers }
}

/// A world with `good.example` on loopback, which may be reached.
pub(crate) fn good() -> World {
    world(&[LOOPBACK], &[("good.example", &["127.0.0.1"])])
}

pub(crate) fn goal(name: &str, port: u16) -> Goal {
    Goal::new(Connect { target: Target::Name(name.to_owned()), port })
}

impl World {
    pub(crate) fn egress(&self) -> &Egress {
        self.egress.as_ref().unwrap()
    }

    /// What the stub answers for a name, over a datagram socket that was connected to it.
    pub(crate) fn address_of(&self, name: &str) -> IpAddr {
        let Way::Stub(stub) = self.egress().way("192.0.2.53:53".parse().unwrap(), Kind::Datagram) else {
            panic!("port 53 is a lookup")
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(stub).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send(&question(name, 1)).unwrap();
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).unwrap();
        address(&answer[..length]).unwrap()
    }

    /// Does what the supervisor does for a caller that connects to a name and port.
    pub(crate) fn connect(&self, name: &str, port: u16) -> TcpStream {
        let (stream, goal) = self.begin(name, port);
        self.egress().announce(stream.local_addr().unwrap(), goal).unwrap();
        stream
    }

    /// The same before it is settled.
    pub(crate) fn connect_early(&self, name: &str, port: u16) -> (TcpStream, Leave) {
        let (stream, goal) = self.begin(name, port);
        let (leave, awaited) = leave::pair().unwrap();
        self.egress().announce_early(stream.local_addr().unwrap(), goal, awaited).unwrap();
        (stream, leave)
    }

    fn begin(&self, name: &str, port: u16) -> (TcpStream, Goal) {
        let to = SocketAddr::new(self.address_of(name), port);
        let Way::Relay { name, door } = self.egress().way(to, Kind::Stream) else {
            panic!("an address of ours is a name")
        };
        let stream = TcpStream::connect(door).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (stream, goal(&name, port))
    }

    /// The first report, once it is there.
    pub(crate) fn report(&self) -> Report {
        let begun = Instant::now();
        loop {
            if let Some(report) = self.judge.reports.lock().unwrap().pop() {
                return report;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no report");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A question for one type of record.
pub(crate) fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out
}

/// The address in an answer, if it holds one.
pub(crate) fn address(answer: &[u8]) -> Option<IpAddr> {
    assert_eq!(answer[..2], [0x12, 0x34]);
    let count = answer[7];
    let last: [u8; 4] = answer[answer.len() - 4..].try_into().unwrap();
    (count == 1).then(|| last.into())
}

/// A far end that runs this for each connection.
pub(crate) fn far_end(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    port
}

/// A far end that gives back what it gets.
pub(crate) fn echo() -> u16 {
    far_end(|mut stream| {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            if stream.write_all(&bytes[..length]).is_err() {
                return;
            }
        }
    })
}

/// What the connection says to a reader: nothing (an end), bytes, or an error.
pub(crate) fn ending(stream: &mut TcpStream) -> Result<Vec<u8>, io::ErrorKind> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => Ok(all),
        Err(err) => Err(err.kind()),
    }
}
