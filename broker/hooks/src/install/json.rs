//! Settings in JSON, with comments and commas as their owners wrote them.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue as Input, CstNode, CstObject, CstRootNode};
use serde_json::Value;

use super::line::{Line, PATIENCE};
use super::{Kind, Reach, Setting, Unchanged, events, is_ours};
use crate::Client;

/// Adds our hooks behind those that are there.
pub(super) fn added(setting: &Setting, before: Option<&str>, line: &Line) -> Result<String, Unchanged> {
    let root = parsed(before.unwrap_or("{}\n"))?;
    let top = root.object_value_or_create().ok_or_else(|| Unchanged("it is no JSON object".to_owned()))?;
    for (path, value) in switches(setting) {
        set(&top, path, *value)?;
    }
    if matches!(setting.client, Client::Copilot | Client::Cursor) && top.get("version").is_none() {
        top.append("version", Input::Number("1".to_owned()));
    }
    let hooks = top.object_value_or_create("hooks").ok_or_else(|| Unchanged("its `hooks` is no object".to_owned()))?;
    for (event, kind) in events(setting.client) {
        let list = hooks.array_value_or_create(event);
        let list = list.ok_or_else(|| Unchanged(format!("its `hooks.{event}` is no list")))?;
        list.append(entry(setting.client, line.of(event, *kind), *kind));
    }
    Ok(root.to_string())
}

/// Settings without which a repository can switch managed hooks off.
fn switches(setting: &Setting) -> &'static [(&'static [&'static str], bool)] {
    match (setting.client, setting.reach) {
        (Client::GeminiCli, Reach::Managed) => &[(&["hooksConfig", "enabled"], true)],
        (Client::QwenCode, Reach::Managed) => &[(&["disableAllHooks"], false)],
        _ => &[],
    }
}

fn set(top: &CstObject, path: &[&str], value: bool) -> Result<(), Unchanged> {
    let Some((last, above)) = path.split_last() else { return Ok(()) };
    let mut object = top.clone();
    for name in above {
        object = object.object_value_or_create(name).ok_or_else(|| Unchanged(format!("its `{name}` is no object")))?;
    }
    match object.get(last) {
        Some(there) if there.to_serde_value() == Some(Value::Bool(value)) => {}
        Some(there) => there.set_value(Input::Bool(value)),
        None => drop(object.append(last, Input::Bool(value))),
    }
    Ok(())
}

/// One hook, as this client writes it. No matcher: all tools.
fn entry(client: Client, command: String, kind: Kind) -> Input {
    let text = |text: &str| Input::String(text.to_owned());
    let pair = |name: &str, value: Input| (name.to_owned(), value);
    let number = |number: u128| Input::Number(number.to_string());
    let (seconds, millis) = (number(u128::from(PATIENCE.as_secs())), number(PATIENCE.as_millis()));
    match client {
        Client::Copilot => Input::Object(vec![
            pair("type", text("command")),
            pair("bash", Input::String(command)),
            pair("timeoutSec", seconds),
        ]),
        Client::Cursor => Input::Object(vec![
            pair("command", Input::String(command)),
            pair("timeout", seconds),
            pair("failClosed", Input::Bool(kind == Kind::Gate)),
        ]),
        Client::ClaudeCode
        | Client::Codex
        | Client::GeminiCli
        | Client::QwenCode
        | Client::Opencode
        | Client::Generic => {
            let timeout = if client == Client::GeminiCli { millis } else { seconds };
            let hook = Input::Object(vec![
                pair("type", text("command")),
                pair("command", Input::String(command)),
                pair("timeout", timeout),
            ]);
            Input::Object(vec![pair("hooks", Input::Array(vec![hook]))])
        }
    }
}

/// Takes our hooks out, and lists and objects that were there for them alone.
pub(super) fn removed(setting: &Setting, text: &str) -> Result<String, Unchanged> {
    let root = parsed(text)?;
    let Some(top) = root.object_value() else { return Ok(text.to_owned()) };
    let Some(hooks) = top.object_value("hooks") else { return Ok(text.to_owned()) };
    let mut changed = false;
    for property in hooks.properties() {
        let Some(list) = property.array_value() else { continue };
        let ours = ours(setting.client, &list);
        changed |= !ours.is_empty();
        let is_empty = !ours.is_empty() && ours.len() == list.elements().len();
        ours.into_iter().for_each(CstNode::remove);
        if is_empty {
            property.remove();
        }
    }
    if !changed {
        return Ok(text.to_owned());
    }
    if hooks.properties().is_empty()
        && let Some(property) = top.get("hooks")
    {
        property.remove();
    }
    Ok(root.to_string())
}

/// Our command lines, with their events.
pub(super) fn found(setting: &Setting, text: &str) -> Result<Vec<(String, String)>, Unchanged> {
    let root = parsed(text)?;
    let hooks = root.object_value().and_then(|top| top.object_value("hooks"));
    let mut all = Vec::new();
    for property in hooks.iter().flat_map(CstObject::properties) {
        let (Some(event), Some(list)) = (property.decoded_name(), property.array_value()) else { continue };
        let commands = ours(setting.client, &list).into_iter().filter_map(|element| command(&element));
        all.extend(commands.map(|command| (event.clone(), command)));
    }
    Ok(all)
}

/// The whole as a value; none where it can't be read.
pub(super) fn value(text: &str) -> Option<Value> {
    parsed(text).ok()?.to_serde_value()
}

fn ours(client: Client, list: &CstArray) -> Vec<CstNode> {
    list.elements().into_iter().filter(|element| command(element).is_some_and(|c| is_ours(client, &c))).collect()
}

/// The command line of an entry that holds one hook.
fn command(element: &CstNode) -> Option<String> {
    let value = element.to_serde_value()?;
    let hook = match value.get("hooks").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => only,
        Some(_) => return None,
        None => &value,
    };
    let command = hook.get("command").or_else(|| hook.get("bash"))?;
    command.as_str().map(str::to_owned)
}

/// Comments and a comma at the end are what clients' own readers take; what else JSON5 has is not.
fn parsed(text: &str) -> Result<CstRootNode, Unchanged> {
    let options = ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: true,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    };
    CstRootNode::parse(text, &options).map_err(|e| Unchanged(format!("it is no JSON: {e}")))
}
