//! `OpenAI`'s Responses.

use serde_json::{Value, json};

use super::http::Answer;
use super::{Call, Due, Step, due, list, streams, text};

pub(crate) fn answer(body: &Value, steps: &[Step]) -> Answer {
    let results = list(body, "input").iter().filter(|item| text(item, "type").ends_with("_call_output")).count();
    let offered: Vec<&str> = list(body, "tools").iter().map(|tool| text(tool, "type")).collect();
    let items: Vec<Value> = match due(steps, results, &offered) {
        Due::Calls(first, calls) => calls.iter().enumerate().map(|(at, call)| item(first + at, call)).collect(),
        Due::Text(words) => vec![json!({
            "type": "message", "id": format!("msg_{results:04}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": words, "annotations": []}],
        })],
    };
    let usage = json!({
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 120,
    });
    let whole = |status: &str, output: &[Value]| {
        json!({
            "id": format!("resp_{results:04}"), "object": "response", "created_at": 1, "status": status,
            "model": text(body, "model"), "output": output, "usage": usage, "error": null, "incomplete_details": null,
            "tools": [], "parallel_tool_calls": true,
        })
    };
    if !streams(body) {
        return Answer::json(whole("completed", &items));
    }
    let mut events = vec![json!({"type": "response.created", "response": whole("in_progress", &[])})];
    for (at, item) in items.iter().enumerate() {
        events.push(json!({"type": "response.output_item.added", "output_index": at, "item": begun(item)}));
        events.extend(delta(item).map(|(kind, delta)| {
            json!({"type": kind, "item_id": item["id"], "output_index": at, "content_index": 0, "delta": delta})
        }));
        events.push(json!({"type": "response.output_item.done", "output_index": at, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": whole("completed", &items)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    Answer::Events(events.iter().map(|event| (Some(text(event, "type").to_owned()), event.to_string())).collect())
}

fn item(number: usize, call: &Call) -> Value {
    let id = format!("call_{number:04}");
    match &call.input {
        Value::String(input) => json!({
            "type": "custom_tool_call", "id": format!("ctc_{id}"), "call_id": id, "name": call.tool, "input": input, "status": "completed",
        }),
        input => json!({
            "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": call.tool,
            "arguments": input.to_string(), "status": "completed",
        }),
    }
}

/// An item before its content has come.
fn begun(item: &Value) -> Value {
    let mut begun = item.clone();
    begun["status"] = "in_progress".into();
    for key in ["arguments", "input"] {
        if begun.get(key).is_some() {
            begun[key] = "".into();
        }
    }
    if begun.get("content").is_some() {
        begun["content"] = json!([]);
    }
    begun
}

fn delta(item: &Value) -> Option<(&'static str, Value)> {
    match text(item, "type") {
        "message" => Some(("response.output_text.delta", item["content"][0]["text"].clone())),
        "function_call" => Some(("response.function_call_arguments.delta", item["arguments"].clone())),
        _ => None,
    }
}
