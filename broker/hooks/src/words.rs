//! The answers that several clients share: Claude Code's form and its relatives.

use serde_json::{Map, Value, json};

use crate::event::{Call, Deed, Rewritable};
use crate::reply::{Reply, Ruling};

/// A call's arguments with another command line.
pub(crate) fn rewritten(call: &Call, text: &str) -> Map<String, Value> {
    let mut input = call.input.clone();
    if let Deed::Shell { key, .. } = call.deed {
        input.insert(key.to_owned(), Value::from(text));
    }
    input
}

/// The ruling, or a no where it would rewrite what can't be: a yes would let the call's own text run.
pub(crate) fn fitting(call: &Call, ruling: &Ruling) -> Ruling {
    let can = matches!(call.deed, Deed::Shell { rewritable: Rewritable::Yes, .. });
    if matches!(ruling, Ruling::Rewrite { .. }) && !can {
        return Ruling::Deny { reason: "refused: this client can't run it inside a boundary".to_owned() };
    }
    ruling.clone()
}

/// `hookSpecificOutput` of a tool that is about to be used. The reason of a no is never empty: some clients ignore one
/// without.
pub(crate) fn before(name: &str, call: &Call, ruling: &Ruling) -> Reply {
    let ruling = &fitting(call, ruling);
    let mut said = json!({ "hookEventName": name });
    let Some(fields) = said.as_object_mut() else { return Reply::no("") };
    let (word, reason) = match ruling {
        Ruling::Pass => return Reply::nothing(),
        Ruling::Allow { reason } | Ruling::Rewrite { reason, .. } => ("allow", reason),
        Ruling::Deny { reason } => ("deny", reason),
        Ruling::HandOver { reason } => ("ask", reason),
    };
    fields.insert("permissionDecision".to_owned(), word.into());
    fields.insert("permissionDecisionReason".to_owned(), full(reason).into());
    if let Ruling::Rewrite { text, .. } = ruling {
        fields.insert("updatedInput".to_owned(), rewritten(call, text).into());
    }
    Reply::json(&json!({ "hookSpecificOutput": said }))
}

/// The answer to a question that the client would put to its person.
pub(crate) fn permission(name: &str, ruling: &Ruling) -> Reply {
    let Some(decision) = behaviour(ruling) else { return Reply::nothing() };
    Reply::json(&json!({ "hookSpecificOutput": { "hookEventName": name, "decision": decision } }))
}

/// `behavior`, and `message` with a no; none where the client shall ask by itself.
pub(crate) fn behaviour(ruling: &Ruling) -> Option<Value> {
    match ruling {
        Ruling::Allow { .. } => Some(json!({ "behavior": "allow" })),
        Ruling::Deny { reason } => Some(json!({ "behavior": "deny", "message": full(reason) })),
        // A command line can't be changed here.
        Ruling::Rewrite { .. } => {
            Some(json!({ "behavior": "deny", "message": "refused: it would have to run inside a boundary" }))
        }
        Ruling::HandOver { .. } | Ruling::Pass => None,
    }
}

/// A reason that says something.
pub(crate) fn full(reason: &str) -> &str {
    if reason.trim().is_empty() { "refused by policy" } else { reason }
}
