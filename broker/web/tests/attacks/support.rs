//! A page with questions made for the test, and a browser that can be told to misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_policy::action::{Action, Connect, Exec, Form, Image, Target};
use tollgate_policy::grant::Grant;
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::{Answer, Question};
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason, Verdict};
use tollgate_web::{Backdrop, Door, Goods, Reach, listen, serve};
use tollgate_wire::client::{ClientFault, Reaction, Taken};
use tollgate_wire::inbox::{Desk, Look};

/// A run's side, as the real one is seen from here: the first answer to an open question counts.
#[derive(Default)]
pub(crate) struct Stand {
    pub(crate) open: Mutex<Vec<Question>>,
    pub(crate) given: Mutex<Vec<(String, Answer, String)>>,
}

impl Desk for Stand {
    fn look(&self) -> Look {
        Look { questions: self.open.lock().unwrap().clone(), ..Look::default() }
    }

    fn answer(&self, _run: &str, reaction: &Reaction<'_>) -> Result<Taken, ClientFault> {
        let mut open = self.open.lock().unwrap();
        let at = open.iter().position(|question| question.id == reaction.question);
        let Some(at) = at else { return Err(ClientFault::Refused("it was already answered by somebody".into())) };
        if open[at].digest != reaction.digest {
            return Err(ClientFault::Refused("the question is another one than was shown".into()));
        }
        open.remove(at);
        let given = (reaction.question.to_owned(), reaction.answer.clone(), reaction.reason.to_owned());
        self.given.lock().unwrap().push(given);
        Ok(Taken::Closed)
    }

    fn open(&self, _run: &str, _question: &str) {}

    fn grants(&self) -> Vec<Grant> {
        Vec::new()
    }

    fn revoke(&self, _run: &str, _question: &str) -> Result<(), ClientFault> {
        Err(ClientFault::Refused("there is no such grant".into()))
    }
}

struct Nothing;

impl Backdrop for Nothing {
    fn report(&self) -> Result<serde_json::Value, String> {
        Err("no ledger".into())
    }

    fn rule(&self, question: &Question) -> Result<String, String> {
        Ok(format!("to your policy:\n+ about = {:?}\n", question.verdict.reason.because))
    }
}

/// A page that is served for the rest of the test.
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    pub(crate) stand: Arc<Stand>,
    pub(crate) door: Door,
    _state: tempfile::TempDir,
}

impl Page {
    pub(crate) fn with(questions: Vec<Question>) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap(), Reach::Loopback).unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::new(address).unwrap();
        let stand = Arc::new(Stand { open: Mutex::new(questions), ..Stand::default() });
        let state = tempfile::tempdir().unwrap();
        let goods = Goods {
            desk: Arc::clone(&stand) as Arc<dyn Desk>,
            sockets: vec![state.path().join("run")],
            state: state.path().to_owned(),
            backdrop: Arc::new(Nothing),
        };
        let served = door.clone();
        std::thread::spawn(move || serve(listener, goods, (&served, Reach::Loopback)));
        Self { address, stand, door, _state: state }
    }

    pub(crate) fn answers(&self) -> usize {
        self.stand.given.lock().unwrap().len()
    }

    /// A browser that was let in.
    pub(crate) fn browser(&self) -> Browser {
        let mut browser = Browser { address: self.address, cookie: String::new() };
        let link = self.door.link().unwrap();
        let path = link.split_once(&self.address.to_string()).unwrap().1.to_owned();
        let reply = browser.get(&path);
        assert_eq!(reply.status, 200, "{}", reply.head);
        let cookie = reply.header("set-cookie").unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().clone_into(&mut browser.cookie);
        browser
    }
}

pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name))?.1.trim().into())
    }

    /// The first value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let begin = format!("name=\"{name}\" value=\"");
        self.body
            .split_once(&begin)
            .unwrap_or_else(|| panic!("no `{name}` in {}", self.body))
            .1
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Those of the form that answers, not of the one that leaves.
    pub(crate) fn form(&self) -> (String, String) {
        (self.field("seal"), self.field("digest"))
    }
}

impl Browser {
    pub(crate) fn host(&self) -> String {
        format!("Host: {}\r\n", self.address)
    }

    fn cookies(&self) -> String {
        if self.cookie.is_empty() { String::new() } else { format!("Cookie: {}\r\n", self.cookie) }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\n{}{}\r\n", self.host(), self.cookies()))
    }

    /// As a browser posts a form of this very page.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let own = format!("{}Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", self.host(), self.address);
        self.post_with(path, fields, &own)
    }

    /// With these headers in place of what a browser says of itself.
    pub(crate) fn post_with(&self, path: &str, fields: &[(&str, &str)], headers: &str) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\n{headers}{}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.cookies()
        ))
    }

    pub(crate) fn send(&self, request: &str) -> Reply {
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let mut stream = TcpStream::connect(self.address).unwrap();
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

fn verdict(class: &str, because: &str) -> Verdict {
    let reason = Reason { file: "profile:commands".into(), line: 66, because: because.into() };
    Verdict {
        effect: Effect::Ask,
        reason,
        class: Some(class.into()).filter(|class: &String| !class.is_empty()),
        profile: None,
    }
}

fn timed(mut question: Question) -> Question {
    question.asked_at = jiff::Timestamp::now().as_millisecond();
    question.deadline = question.asked_at + 300_000;
    question
}

/// A command that is asked about.
pub(crate) fn command(id: &str, argv: &[&str], class: &str) -> Question {
    let path = |path: &str| AbsPath::new(path).unwrap();
    let image = Image { executable: Some(path("/usr/bin/git")), form: Form::Native, writable: false, sha256: None };
    let argv = argv.iter().map(|word| Raw((*word).as_bytes().to_vec())).collect();
    let exec = Exec { given: Raw(b"git".to_vec()), image, argv, cwd: path("/home/ann/project") };
    timed(Question::new(
        id,
        id.split('-').next().unwrap(),
        Action::Exec(exec),
        verdict(class, "pushing can't be taken back"),
    ))
}

/// A connection that is asked about, of a group.
pub(crate) fn connection(id: &str, name: &str, group: &str) -> Question {
    let action = Action::Connect(Connect { target: Target::Name(name.into()), port: 443 });
    let mut question = Question::new(id, id.split('-').next().unwrap(), action, verdict("network", "not named yet"));
    group.clone_into(&mut question.group);
    timed(question)
}
