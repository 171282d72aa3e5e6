//! Who gets a webhook: listens on loopback, says what it is told to say, and keeps what came.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long a test waits for a request.
const LONG: Duration = Duration::from_mins(1);

/// What it says to one request.
#[derive(Debug, Clone)]
pub enum Says {
    /// This status, and nothing else.
    Status(u16),
    /// That one should go elsewhere.
    Redirect(String),
    /// A head, then more and more of a body.
    Endless,
    /// A head that does not end.
    Headers,
    /// Nothing, ever; the connection stays open.
    Nothing,
}

/// A hook on loopback.
#[derive(Debug)]
pub struct Hook {
    /// Its address.
    pub url: String,
    requests: Receiver<Request>,
}

/// What came.
#[derive(Debug)]
pub struct Request {
    /// The head.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Request {
    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let of = |line: &'_ str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| of(line)).and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

impl Hook {
    /// One that says these things in turn, the last of them for ever.
    pub fn says(turns: Vec<Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/secret-part", listener.local_addr().unwrap());
        let (send, requests) = channel();
        std::thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                let says = turns.get(count).or(turns.last()).cloned().unwrap_or(Says::Nothing);
                let send = send.clone();
                std::thread::spawn(move || serve(stream, &says, &send));
            }
        });
        Self { url, requests }
    }

    /// The next request, when it has come.
    pub fn next(&self) -> Request {
        self.requests.recv_timeout(LONG).unwrap_or_else(|_| panic!("nothing came to {}", self.url))
    }

    /// What else has come by now.
    pub fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

fn serve(mut stream: TcpStream, says: &Says, send: &Sender<Request>) {
    let Some(request) = request(&mut stream) else { return };
    // A test that has ended reads no more.
    send.send(request).ok();
    let head = match says {
        Says::Status(status) => format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        Says::Redirect(to) => {
            format!("HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Says::Endless => "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n".to_owned(),
        Says::Headers => "HTTP/1.1 200 X\r\n".to_owned(),
        Says::Nothing => String::new(),
    };
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let more: &[u8] = match says {
        Says::Status(_) | Says::Redirect(_) => return,
        Says::Endless => &[b'x'; 1024],
        Says::Headers => b"x-more: and more\r\n",
        Says::Nothing => b"",
    };
    // Until the other end has had enough.
    while stream.write_all(more).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn request(stream: &mut TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(LONG)).ok()?;
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let seen = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = seen.split_once("\r\n\r\n") {
            let request = Request { head: head.to_owned(), body: body.to_owned() };
            if request.body.len() >= request.header("content-length").parse().unwrap_or(0) {
                return Some(request);
            }
        }
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        text.extend_from_slice(chunk.get(..count)?);
    }
}
