//! A stand-in for a model's server, on loopback: it plays a scenario to real clients in their providers' own protocols, and
//! keeps what the client told it. One request a connection; nothing is remembered between requests: which step is due
//! follows from how many results of tools the conversation already has.
#![allow(clippy::indexing_slicing, reason = "JSON of our own making; a test fails by panicking")]

mod anthropic;
mod chat;
mod gemini;
pub(crate) mod http;
mod responses;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// One step of a scenario: calls of tools, all in one answer.
#[derive(Debug, Clone)]
pub struct Step(Vec<Call>);

/// A tool that the model calls.
#[derive(Debug, Clone)]
pub struct Call {
    /// The tool's name, as the client offers it.
    pub tool: String,
    /// Its arguments; a string for a tool that takes free text.
    pub input: Value,
}

impl Step {
    /// One call.
    pub fn call(tool: &str, input: Value) -> Self {
        Self(vec![Call { tool: tool.to_owned(), input }])
    }

    /// Several at once.
    pub fn calls(calls: Vec<Call>) -> Self {
        Self(calls)
    }
}

/// What the model says when the scenario is over.
pub const LAST: &str = "Finished.";

/// A server that plays one scenario; it ends with the test.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

/// What is due.
pub(crate) enum Due {
    Calls(usize, Vec<Call>),
    Text(&'static str),
}

impl Model {
    /// Listens on a port that is free.
    pub fn plays(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (steps, told) = (Arc::new(steps), Arc::clone(&heard));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (steps, told) = (Arc::clone(&steps), Arc::clone(&told));
                // a client that breaks off has its reasons; the test looks at what became of it
                std::thread::spawn(move || serve(connection, &steps, &told));
            }
        });
        Self { address, heard }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the client told of its tools: each result once, in order, as JSON text.
    pub fn results(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for body in self.heard.lock().unwrap().iter() {
            results(body, &mut |found| {
                let text = found.to_string();
                if !all.contains(&text) {
                    all.push(text);
                }
            });
        }
        all
    }

    /// How often it was asked for anything.
    pub fn requests(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

fn serve(mut connection: TcpStream, steps: &[Step], heard: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    while let Some(request) = http::read(&mut connection)? {
        heard.lock().unwrap().push(request.body.clone());
        let answer = answer(&request, steps);
        http::write(&mut connection, &answer)?;
    }
    Ok(())
}

fn answer(request: &http::Request, steps: &[Step]) -> http::Answer {
    let body = &request.body;
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", path) if path.ends_with("/count_tokens") => http::Answer::json(json!({"input_tokens": 100})),
        ("POST", path) if path.ends_with("/messages") => anthropic::answer(body, steps),
        ("POST", path) if path.ends_with("/responses") => responses::answer(body, steps),
        ("POST", path) if path.ends_with("/chat/completions") => chat::answer(body, steps),
        ("POST", path) if path.contains("enerateContent") => gemini::answer(body, steps, path),
        ("POST", path) if path.ends_with(":countTokens") => http::Answer::json(json!({"totalTokens": 100})),
        ("GET", path) if path.ends_with("/models") => {
            http::Answer::json(json!({"object": "list", "data": [{"id": "stand-in", "object": "model"}], "models": []}))
        }
        ("HEAD", _) => http::Answer::json(json!({})),
        _ => http::Answer::missing(),
    }
}

/// The step after so many results, if the request offers one of its tools; requests beside the conversation (titles,
/// summaries) offer none, and get a word.
pub(crate) fn due(steps: &[Step], results: usize, offered: &[&str]) -> Due {
    let mut left = results;
    for Step(calls) in steps {
        if left >= calls.len() {
            left -= calls.len();
        } else if offered.is_empty() {
            return Due::Text("ok");
        } else {
            return Due::Calls(results, calls.clone());
        }
    }
    Due::Text(LAST)
}

/// The list behind a key; empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text behind a key; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether an answer is wanted as events.
pub(crate) fn streams(body: &Value) -> bool {
    body.get("stream").and_then(Value::as_bool).unwrap_or_default()
}

/// Anything in a request that is the result of a tool, in any of the protocols.
fn results(value: &Value, found: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(map) => {
            let kind = text(value, "type");
            let is = kind == "tool_result"
                || kind == "function_call_output"
                || kind == "custom_tool_call_output"
                || text(value, "role") == "tool"
                || map.contains_key("functionResponse");
            if is {
                let mut bare = map.clone();
                // marks that come and go with later requests
                bare.remove("cache_control");
                bare.remove("id");
                return found(&Value::Object(bare));
            }
            map.values().for_each(|value| results(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| results(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
