//! As much of HTTP/1.1 as model clients speak to a server on loopback.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// Longest body in bytes.
const LIMIT: usize = 64 << 20;

/// What was asked.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What is answered.
pub(crate) enum Answer {
    /// One document.
    Json(u16, Value),
    /// Events: their names, where they have one, and their data.
    Events(Vec<(Option<String>, String)>),
}

impl Answer {
    pub(crate) fn json(value: Value) -> Self {
        Self::Json(200, value)
    }

    pub(crate) fn missing() -> Self {
        Self::Json(404, serde_json::json!({"error": {"type": "not_found_error", "message": "not played here"}}))
    }
}

/// The next request of a connection; none where the client is done with it.
pub(crate) fn read(connection: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        let Some((name, value)) = line.split_once(':') else { break };
        match name {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "transfer-encoding" => chunked = value.contains("chunked"),
            "expect" => connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
            _ => {}
        }
    }
    let bytes = if chunked { chunks(&mut reader)? } else { exactly(&mut reader, length)? };
    Ok(Some(Request { method, path, body: serde_json::from_slice(&bytes).unwrap_or_default() }))
}

fn exactly(reader: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.min(LIMIT)];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn chunks(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        all.extend(exactly(reader, length)?);
        exactly(reader, 2)?;
        if length == 0 || all.len() > LIMIT {
            return Ok(all);
        }
    }
}

/// Answers, and lets the connection stand.
pub(crate) fn write(connection: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let (status, kind, body) = match answer {
        Answer::Json(status, value) => (*status, "application/json", value.to_string()),
        Answer::Events(events) => (200, "text/event-stream", events.iter().map(event).collect()),
    };
    let head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        if status == 200 { "OK" } else { "Not Found" },
        body.len()
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())?;
    connection.flush()
}

fn event((name, data): &(Option<String>, String)) -> String {
    let name = name.as_ref().map(|name| format!("event: {name}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n")
}
