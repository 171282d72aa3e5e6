//! (being laid)
use crate::args::Json;
use crate::failure::Outcome;

pub(crate) fn doctor(json: Json) -> Outcome {
    crate::ui::json(&serde_json::json!({"json": json.json}))
}
