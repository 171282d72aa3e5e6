//! The person at a browser: opens the page that `tollgate web` serves, reads it, sends its forms.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::Scene;

/// A page, and a browser that was let in.
#[derive(Debug)]
pub struct Page {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// Path and query of the link, used up by now.
    pub link: String,
    cookie: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The head.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A hidden field's value.
    pub fn field(&self, name: &str) -> String {
        let begin = format!("name=\"{name}\" value=\"");
        let rest = self.body.split_once(&begin).unwrap_or_else(|| panic!("no `{name}` in {}", self.body)).1;
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Page {
    /// Starts `tollgate web` and uses its link.
    pub fn open(scene: &Scene) -> Self {
        let mut command = scene.command(scene.tollgate());
        command
            .args(["web", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let rest = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("no link: {line}")).to_owned();
        let (address, path) = rest.split_once('/').unwrap();
        let mut page = Self { child, address: address.to_owned(), link: format!("/{path}"), cookie: String::new() };
        let entered = page.get(&page.link);
        assert_eq!(entered.status, 200, "{entered:?}");
        let cookie = entered.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut page.cookie);
        page
    }

    /// Reads a page.
    pub fn get(&self, path: &str) -> Reply {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
            self.address, self.cookie
        ))
    }

    /// Sends a form as this page's own.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&");
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {2}\r\n\r\n{body}",
            self.address,
            self.cookie,
            body.len()
        ))
    }

    /// Answers a question as a person does who reads it first: with the friction that it asks for.
    pub fn answer(&self, id: &str, more: &[(&str, &str)]) -> Reply {
        let question = self.get(&format!("/q/{id}"));
        let confirm = question
            .body
            .split_once("To approve, type <code>")
            .map(|(_, rest)| rest.split('<').next().unwrap().to_owned());
        let confirm = confirm.unwrap_or_default();
        self.confirmed(id, &[&[("confirm", confirm.as_str())], more].concat())
    }

    /// Looks at a question for as long as it asks for, then sends this.
    pub fn confirmed(&self, id: &str, more: &[(&str, &str)]) -> Reply {
        let path = format!("/q/{id}");
        let question = self.get(&path);
        assert_eq!(question.status, 200, "{}", question.body);
        if question.body.contains(" arm pause-") {
            std::thread::sleep(Duration::from_millis(1700));
        }
        let (seal, digest) = (question.field("seal"), question.field("digest"));
        let mut fields = vec![("seal", seal.as_str()), ("digest", digest.as_str())];
        fields.extend(more);
        self.post(&path, &fields)
    }

    /// The page's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A stream of events.
    pub fn stream(&self, path: &str) -> Stream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", self.address, self.cookie);
        stream.write_all(request.as_bytes()).unwrap();
        Stream(stream)
    }

    fn send(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }
}

/// A stream of events that stays open.
#[derive(Debug)]
pub struct Stream(TcpStream);

impl Stream {
    /// Reads until this text has come.
    pub fn wait(&self, text: &str, longest: Duration) -> String {
        let begun = std::time::Instant::now();
        let mut read = String::new();
        let mut chunk = [0; 4096];
        while !read.contains(text) {
            assert!(begun.elapsed() < longest, "no `{text}` within {longest:?} in {read}");
            self.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            if let Ok(count) = (&self.0).read(&mut chunk) {
                read.push_str(&String::from_utf8_lossy(chunk.get(..count).unwrap()));
            }
        }
        read
    }
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
