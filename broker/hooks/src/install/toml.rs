//! Codex's managed requirements, in TOML.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TableLike, Value, value as written};

use super::line::{Line, PATIENCE};
use super::{Setting, Unchanged, events, is_ours};

/// Adds our hooks, and what keeps `codex --disable hooks` from switching them off.
pub(super) fn added(setting: &Setting, before: Option<&str>, line: &Line) -> Result<String, Unchanged> {
    let mut document = parsed(before.unwrap_or_default())?;
    let features = table(document.as_table_mut(), "features")?;
    features.insert("hooks", written(true));
    let hooks = table(document.as_table_mut(), "hooks")?;
    hooks.set_implicit(true);
    for (event, kind) in events(setting.client) {
        let list = hooks.entry(event).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        let list = list
            .as_array_of_tables_mut()
            .ok_or_else(|| Unchanged(format!("its `hooks.{event}` is no list of tables")))?;
        let mut hook = Table::new();
        hook.insert("type", written("command"));
        hook.insert("command", written(line.of(event, *kind)));
        hook.insert("timeout", written(i64::try_from(PATIENCE.as_secs()).unwrap_or(60)));
        let mut entry = Table::new();
        let mut hooks = ArrayOfTables::new();
        hooks.push(hook);
        entry.insert("hooks", Item::ArrayOfTables(hooks));
        list.push(entry);
    }
    Ok(document.to_string())
}

/// Takes our hooks out. `features.hooks` stays: it may have been there before, and alone it changes nothing.
pub(super) fn removed(setting: &Setting, text: &str) -> Result<String, Unchanged> {
    let mut document = parsed(text)?;
    let Some(hooks) = document.get_mut("hooks").and_then(Item::as_table_mut) else { return Ok(text.to_owned()) };
    let mut changed = false;
    for (event, _) in events(setting.client) {
        let Some(list) = hooks.get_mut(event).and_then(Item::as_array_of_tables_mut) else { continue };
        let before = list.len();
        list.retain(|entry| !commands(entry).iter().any(|command| is_ours(setting.client, command)));
        changed |= list.len() != before;
        if list.is_empty() {
            hooks.remove(event);
        }
    }
    Ok(if changed { document.to_string() } else { text.to_owned() })
}

/// Our command lines, with their events.
pub(super) fn found(setting: &Setting, text: &str) -> Result<Vec<(String, String)>, Unchanged> {
    let document = parsed(text)?;
    let Some(hooks) = document.get("hooks").and_then(Item::as_table) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (event, item) in hooks {
        for entry in item.as_array_of_tables().into_iter().flatten() {
            let ours = commands(entry).into_iter().filter(|command| is_ours(setting.client, command));
            all.extend(ours.map(|command| (event.to_owned(), command)));
        }
    }
    Ok(all)
}

/// Its switches as a value: what is yes or no, and tables of it; none where it can't be read.
pub(super) fn value(text: &str) -> Option<serde_json::Value> {
    fn switches(table: &dyn TableLike) -> serde_json::Value {
        let parts = table.iter().filter_map(|(key, item)| {
            let value = item.as_bool().map(serde_json::Value::from);
            Some((key.to_owned(), value.or_else(|| item.as_table_like().map(switches))?))
        });
        parts.collect::<serde_json::Map<_, _>>().into()
    }
    Some(switches(parsed(text).ok()?.as_table()))
}

fn commands(entry: &Table) -> Vec<String> {
    let text = |item: Option<&Item>| item.and_then(Item::as_str).map(str::to_owned);
    match entry.get("hooks") {
        Some(Item::ArrayOfTables(list)) => list.iter().filter_map(|hook| text(hook.get("command"))).collect(),
        Some(Item::Value(Value::Array(list))) => inline(list),
        _ => Vec::new(),
    }
}

fn inline(list: &Array) -> Vec<String> {
    let hooks = list.iter().filter_map(Value::as_inline_table);
    hooks.filter_map(|hook| hook.get("command").and_then(Value::as_str).map(str::to_owned)).collect()
}

fn table<'t>(above: &'t mut Table, name: &str) -> Result<&'t mut Table, Unchanged> {
    let item = above.entry(name).or_insert(Item::Table(Table::new()));
    item.as_table_mut().ok_or_else(|| Unchanged(format!("its `{name}` is no table")))
}

fn parsed(text: &str) -> Result<DocumentMut, Unchanged> {
    text.parse().map_err(|e: toml_edit::TomlError| Unchanged(format!("it is no TOML: {}", e.message())))
}
