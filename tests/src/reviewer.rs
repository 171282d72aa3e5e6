//! A stand-in for a model that reviews, on loopback, in both dialects: it says what the test tells it to, one reply after the
//! other, the last one for ever.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::model::http::{Answer, read, write};

/// One reply.
#[derive(Debug, Clone)]
pub enum Says {
    /// A verdict, whole and to the question.
    Verdict(&'static str),
    /// The same, to another question.
    Elsewhere(&'static str),
    /// A status that is no success.
    Status(u16),
    /// Text that is no answer.
    Babble(&'static str),
    /// Nothing, ever.
    Nothing,
}

/// The server; it ends with the test.
#[derive(Debug)]
pub struct Reviewer {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Reviewer {
    /// Listens on a port that is free.
    pub fn says(replies: Vec<Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for connection in listener.incoming().flatten() {
                silent.extend(serve(connection, &replies, &told));
            }
        });
        Self { address, heard }
    }

    /// What it was asked, as the bodies of the requests.
    pub fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    /// The policy's section that names it; `more` are further keys.
    pub fn section(&self, dialect: &str, more: &str) -> String {
        format!(
            "[reviewer]\nendpoint = \"http://{}/v1\"\ndialect = \"{dialect}\"\nmodel = \"stand-in\"\n{more}\n",
            self.address
        )
    }
}

/// Answers one connection; gives it back where it is to wait for ever.
fn serve(mut connection: TcpStream, replies: &[Says], told: &Mutex<Vec<Value>>) -> Option<TcpStream> {
    let request = read(&mut connection).ok()??;
    let at = {
        let mut told = told.lock().unwrap();
        told.push(request.body.clone());
        told.len() - 1
    };
    let anthropic = request.path.ends_with("/messages");
    let nonce = nonce(&request.body);
    let answer = match replies.get(at).or(replies.last())? {
        Says::Nothing => return Some(connection),
        Says::Status(status) => Answer::Json(*status, json!({"error": {"message": "not now"}})),
        Says::Babble(text) => Answer::Json(200, whole(anthropic, text)),
        Says::Verdict(verdict) => Answer::Json(200, whole(anthropic, &verdict_of(verdict, &nonce))),
        Says::Elsewhere(verdict) => Answer::Json(200, whole(anthropic, &verdict_of(verdict, &"0".repeat(32)))),
    };
    // a client that broke off has its reasons
    write(&mut connection, &answer).ok();
    None
}

/// The nonce that stands before the data.
fn nonce(body: &Value) -> String {
    let text = body.to_string();
    let rest = text.split("DATA ").nth(1).unwrap_or_default();
    rest.split(' ').next().unwrap_or_default().to_owned()
}

fn verdict_of(verdict: &str, nonce: &str) -> String {
    json!({
        "version": 1, "nonce": nonce, "verdict": verdict, "risk": "low", "authorisation": "unsaid",
        "codes": ["stand-in"], "evidence": [], "rationale": "it was told to say so",
    })
    .to_string()
}

fn whole(anthropic: bool, text: &str) -> Value {
    if anthropic {
        return json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "stand-in", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 100, "output_tokens": 20},
        });
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "stand-in",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    })
}
