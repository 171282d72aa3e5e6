//! Anthropic's Messages.

use serde_json::{Value, json};

use super::http::Answer;
use super::{Due, Step, due, list, streams, text};

pub(crate) fn answer(body: &Value, steps: &[Step]) -> Answer {
    let contents = list(body, "messages").iter().flat_map(|message| list(message, "content"));
    let results = contents.filter(|part| text(part, "type") == "tool_result").count();
    let offered: Vec<&str> = list(body, "tools").iter().map(|tool| text(tool, "name")).collect();
    let (content, stop) = match due(steps, results, &offered) {
        Due::Calls(first, calls) => {
            let one = |(at, call): (usize, &super::Call)| json!({"type": "tool_use", "id": format!("toolu_{:04}", first + at), "name": call.tool, "input": call.input});
            (calls.iter().enumerate().map(one).collect::<Vec<_>>(), "tool_use")
        }
        Due::Text(words) => (vec![json!({"type": "text", "text": words})], "end_turn"),
    };
    let usage = json!({"input_tokens": 100, "output_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
    let message = |content: &[Value], stop: Value| {
        json!({
            "id": format!("msg_{results:04}"), "type": "message", "role": "assistant", "model": text(body, "model"),
            "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage,
        })
    };
    if !streams(body) {
        return Answer::json(message(&content, stop.into()));
    }
    let mut events = vec![json!({"type": "message_start", "message": message(&[], Value::Null)})];
    for (index, part) in content.iter().enumerate() {
        let (empty, delta) = if text(part, "type") == "text" {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": part["text"]}))
        } else {
            let mut empty = part.clone();
            empty["input"] = json!({});
            (empty, json!({"type": "input_json_delta", "partial_json": part["input"].to_string()}))
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events
        .push(json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": usage}));
    events.push(json!({"type": "message_stop"}));
    Answer::Events(events.iter().map(|event| (Some(text(event, "type").to_owned()), event.to_string())).collect())
}
