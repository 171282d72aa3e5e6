//! `OpenAI`'s Chat Completions, as many other providers speak it.

use serde_json::{Value, json};

use super::http::Answer;
use super::{Due, Step, due, list, streams, text};

pub(crate) fn answer(body: &Value, steps: &[Step]) -> Answer {
    let results = list(body, "messages").iter().filter(|message| text(message, "role") == "tool").count();
    let offered: Vec<&str> = list(body, "tools").iter().map(|tool| text(&tool["function"], "name")).collect();
    let (mut message, finish) = match due(steps, results, &offered) {
        Due::Calls(first, calls) => {
            let one = |(at, call): (usize, &super::Call)| {
                let function = json!({"name": call.tool, "arguments": call.input.to_string()});
                json!({"index": at, "id": format!("call_{:04}", first + at), "type": "function", "function": function})
            };
            (json!({"tool_calls": calls.iter().enumerate().map(one).collect::<Vec<_>>()}), "tool_calls")
        }
        Due::Text(words) => (json!({"content": words}), "stop"),
    };
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120});
    let whole = |object: &str, choices: Value| json!({"id": format!("chatcmpl-{results:04}"), "object": object, "created": 1, "model": text(body, "model"), "choices": choices});
    if !streams(body) {
        message["role"] = "assistant".into();
        let mut answer = whole("chat.completion", json!([{"index": 0, "message": message, "finish_reason": finish}]));
        answer["usage"] = usage;
        return Answer::json(answer);
    }
    let chunk = |delta: Value, finish: Value| {
        whole("chat.completion.chunk", json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    };
    let mut last = whole("chat.completion.chunk", json!([]));
    last["usage"] = usage;
    let chunks = [
        chunk(json!({"role": "assistant", "content": ""}), Value::Null),
        chunk(message, Value::Null),
        chunk(json!({}), finish.into()),
        last,
    ];
    let events = chunks.iter().map(Value::to_string).chain(["[DONE]".to_owned()]);
    Answer::Events(events.map(|data| (None, data)).collect())
}
