//! Gemini's `generateContent`.

use serde_json::{Map, Value, json};

use super::http::Answer;
use super::{Due, Step, due, list, text};

pub(crate) fn answer(body: &Value, steps: &[Step], path: &str) -> Answer {
    let parts = match schema(body) {
        Some(schema) => vec![json!({"text": fitting(schema).to_string()})],
        None => parts(body, steps),
    };
    let whole = json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
        "modelVersion": "stand-in", "responseId": "response",
    });
    if path.ends_with(":streamGenerateContent") {
        Answer::Events(vec![(None, whole.to_string())])
    } else {
        Answer::json(whole)
    }
}

fn parts(body: &Value, steps: &[Step]) -> Vec<Value> {
    let said = list(body, "contents").iter().flat_map(|content| list(content, "parts"));
    let results = said.filter(|part| part.get("functionResponse").is_some()).count();
    let offered: Vec<&str> = list(body, "tools")
        .iter()
        .flat_map(|tool| list(tool, "functionDeclarations"))
        .map(|tool| text(tool, "name"))
        .collect();
    match due(steps, results, &offered) {
        Due::Calls(_, calls) => {
            calls.iter().map(|call| json!({"functionCall": {"name": call.tool, "args": call.input}})).collect()
        }
        Due::Text(words) => vec![json!({"text": words})],
    }
}

/// Routers and classifiers ask beside the conversation, and want an answer of a certain shape.
fn schema(body: &Value) -> Option<&Value> {
    let config = body.get("generationConfig")?;
    let wanted = config.get("responseJsonSchema").or_else(|| config.get("responseSchema"));
    wanted.or_else(|| (text(config, "responseMimeType") == "application/json").then_some(&Value::Null))
}

fn fitting(schema: &Value) -> Value {
    let one = |(name, wanted): (&String, &Value)| {
        let value = match text(wanted, "type").to_ascii_lowercase().as_str() {
            "number" | "integer" => 10.into(),
            "boolean" => false.into(),
            "array" => json!([]),
            "object" => json!({}),
            _ => list(wanted, "enum").first().cloned().unwrap_or_else(|| "x".into()),
        };
        (name.clone(), value)
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|all| all.iter().map(one).collect::<Map<_, _>>()).unwrap_or_default().into()
}
