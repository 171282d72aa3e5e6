//! The section about the reviewer.

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Reviewer {
    /// A command, an absolute path first: reads and writes a line of JSON.
    command: Option<Vec<String>>,
    /// The address of a model's endpoint.
    endpoint: Option<String>,
    /// Its dialect.
    dialect: Option<Dialect>,
    /// The model's name.
    model: Option<String>,
    /// The environment variable that holds the endpoint's key.
    key: Option<String>,
    /// Seconds for one review, retries included; 20 if absent.
    #[schemars(range(min = 1, max = 300))]
    deadline: Option<u64>,
    /// Most tokens of a run.
    tokens: Option<u64>,
    /// Most cost of a run, in cents.
    budget: Option<u64>,
    /// Cents for a million tokens that are sent.
    price_in: Option<u64>,
    /// Cents for a million tokens that come back.
    price_out: Option<u64>,
    /// Most reviews a minute.
    rate: Option<u64>,
    /// What an open breaker does.
    breaker: Option<Breaker>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Dialect {
    Openai,
    Anthropic,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Breaker {
    Ask,
    Stop,
}
