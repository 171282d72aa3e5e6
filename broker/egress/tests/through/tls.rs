//! Real TLS clients and a real server: OpenSSL's and Python's.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tollgate_egress::{End, Way, Why};

use crate::support::{World, goal, good};

/// A server with a certificate of its own, and the folder that holds it.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn server(more: &[&str]) -> Option<Server> {
    let folder = std::env::temp_dir().join(format!("tollgate-egress-{}-{}", std::process::id(), more.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=good.example", "-addext", "subjectAltName=DNS:good.example"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no openssl");
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("openssl")
        .args(["s_server", "-quiet", "-rev", "-accept", &format!("127.0.0.1:{port}")])
        .args(more)
        .arg("-key")
        .arg(&key)
        .arg("-cert")
        .arg(&cert)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    Some(Server { child, port })
}

/// A listener that takes one client and carries it to the relay, announced: a client of its own can't be redirected
/// without the gate.
fn front(world: &World, port: u16) -> u16 {
    let to = std::net::SocketAddr::new(world.address_of("good.example"), port);
    let Way::Relay { name, door } = world.egress().way(to, tollgate_egress::Kind::Stream) else {
        panic!("an address of ours")
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = listener.local_addr().unwrap().port();
    let inner = TcpStream::connect(door).unwrap();
    world.egress().announce(inner.local_addr().unwrap(), goal(&name, port)).unwrap();
    std::thread::spawn(move || {
        let (outer, _) = listener.accept().unwrap();
        let (mut a, mut b) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
        let up = std::thread::spawn(move || {
            drop(std::io::copy(&mut a, &mut b));
            drop(b.shutdown(std::net::Shutdown::Write));
        });
        let (mut outer, mut inner) = (outer, inner);
        drop(std::io::copy(&mut inner, &mut outer));
        drop(outer.shutdown(std::net::Shutdown::Both));
        up.join().unwrap();
    });
    front
}

/// What `openssl s_client` gets back for a line, through the relay.
fn client(front: u16, more: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-no_ign_eof", "-connect", &format!("127.0.0.1:{front}")])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if stdin.write_all(b"stressed\n").is_ok() {
        std::thread::sleep(Duration::from_millis(400));
    }
    drop(stdin);
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn a_client_that_names_the_right_server_gets_through() {
    let Some(server) = server(&[]) else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let world = good();
        let front = front(&world, server.port);
        let got = client(front, &["-servername", "good.example", version]);
        assert_eq!(got.trim(), "desserts", "{version}");
        let report = world.report();
        assert!(report.up > 100 && report.down > 100, "{report:?}");
    }
}

#[test]
fn a_client_that_names_another_or_none_does_not() {
    let Some(server) = server(&[]) else { return };
    let table: [(&[&str], Why); 2] =
        [(&["-servername", "other.example"], Why::TlsName), (&["-noservername"], Why::TlsUnnamed)];
    for (more, why) in table {
        let world = good();
        let front = front(&world, server.port);
        assert_eq!(client(front, more).trim(), "", "{more:?}");
        let End::Refused(objection) = world.report().end else { panic!("refused") };
        assert_eq!(objection.why, why);
    }
}

#[test]
fn a_server_that_wants_another_hello_gets_it() {
    // the client's first guess is not among the server's groups
    let Some(server) = server(&["-groups", "P-384"]) else { return };
    let world = good();
    let front = front(&world, server.port);
    let got = client(front, &["-servername", "good.example", "-tls1_3", "-groups", "X25519:P-384"]);
    assert_eq!(got.trim(), "desserts");
    assert_eq!(world.report().end, End::Closed);
}
