//! Bends a payload: values, keys and texts of the object as it was understood, then the bytes themselves.

use serde_json::{Map, Value, json};

/// Numbers that come by chance (splitmix64), the same ones for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ (two >> 31)
    }

    /// A number below another, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.any() % (end as u64)).unwrap()
    }

    pub(crate) fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Words that mean something to one client or another.
const WORDS: &[&str] = &[
    "",
    " ",
    ".",
    "..",
    "/",
    "~",
    "~root/.ssh/id_rsa",
    "/etc/shadow",
    "../../x",
    "a\0b",
    "\u{1b}]0;x\u{7}",
    "\u{202e}",
    "PreToolUse",
    "preToolUse",
    "BeforeTool",
    "tool.execute.before",
    "PermissionRequest",
    "permissionRequest",
    "before",
    "permission",
    "beforeShellExecution",
    "beforeReadFile",
    "beforeMCPExecution",
    "PostToolUse",
    "SessionStart",
    "stop",
    "Bash",
    "bash",
    "run_shell_command",
    "Shell",
    "Write",
    "Edit",
    "apply_patch",
    "read_file",
    "web_fetch",
    "TodoWrite",
    "mcp__a__b",
    "mcp__",
    "mcp____",
    "mcp_a_b",
    "a-b",
    "a_b",
    "a/b",
    "MCP:x",
    "Monitor",
    "invalid",
    "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch",
    "*** Begin Patch\n*** Update File: ../../etc/x\n*** Move to: /y\n",
    "*** Begin Patch\n*** Copy File: a\n",
    "git push --force",
    "rm -rf / # $(x)",
    "file:///etc/shadow",
    "https://a.b/c",
    "{\"command\":\"ls\"}",
    "{\"decision\":\"allow\"}",
    "allow",
    "true",
    "\u{feff}",
    "\u{85}\u{2028}",
];

/// Keys of one client or another.
const KEYS: &[&str] = &[
    "hook_event_name",
    "hookName",
    "event",
    "tool_name",
    "toolName",
    "tool",
    "tool_input",
    "toolArgs",
    "toolInput",
    "input",
    "output",
    "args",
    "do",
    "command",
    "shell",
    "cwd",
    "workdir",
    "working_directory",
    "dir_path",
    "directory",
    "file_path",
    "filePath",
    "path",
    "paths",
    "pattern",
    "include",
    "patchText",
    "url",
    "prompt",
    "mcp_server",
    "mcp_context",
    "server_name",
    "server",
    "session_id",
    "sessionId",
    "agent_id",
    "toolResult",
    "error",
    "source",
    "reason",
    "read",
    "write",
    "fetch",
    "rewrite",
    "change",
    "workspace_roots",
    "type",
    "properties",
    "",
];

fn odd(dice: &mut Dice) -> Value {
    match dice.below(12) {
        0 => Value::Null,
        1 => Value::from(dice.any().is_multiple_of(2)),
        2 => Value::from(dice.any()),
        3 => json!(-1.5e300),
        4 => json!({}),
        5 => json!([]),
        6 => json!(["ls", {"command": "ls"}, null]),
        7 => (0..dice.below(140)).fold(Value::Null, |inner, _| Value::Array(vec![inner])),
        8 => Value::from("x".repeat(dice.below(100_000))),
        9 => (0..dice.below(9)).map(|_| (*dice.one(KEYS)).to_owned()).map(|key| (key, Value::from("x"))).collect(),
        _ => Value::from(*dice.one(WORDS)),
    }
}

/// A text with something of another in it.
fn text(dice: &mut Dice, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().take(4000).collect();
    let at = dice.below(chars.len() + 1);
    let end = (at + dice.below(6)).min(chars.len());
    let with: Vec<char> = match dice.below(3) {
        0 => Vec::new(),
        1 => dice.one(WORDS).chars().collect(),
        _ => vec![char::from_u32(u32::try_from(dice.below(0x2100)).unwrap()).unwrap_or('\u{fffd}')],
    };
    chars.splice(at..end, with);
    chars.into_iter().collect()
}

/// All places of a value, each as the way to it.
fn places(value: &Value, way: &mut Vec<String>, all: &mut Vec<String>) {
    all.push(way.concat());
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, part)| (key.replace('~', "~0").replace('/', "~1"), part)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, part)| (at.to_string(), part)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, part) in parts {
        way.push(format!("/{key}"));
        places(part, way, all);
        way.pop();
    }
}

/// Changes one place of a value; another value may lend a part.
pub(crate) fn value(dice: &mut Dice, value: &mut Value, other: &Value) {
    let mut all = Vec::new();
    places(value, &mut Vec::new(), &mut all);
    // Seldom the whole.
    let at = if all.len() > 1 && dice.below(50) > 0 { &all[1 + dice.below(all.len() - 1)] } else { &all[0] };
    let mut lent = Vec::new();
    places(other, &mut Vec::new(), &mut lent);
    let lent = other.pointer(dice.one::<String>(&lent)).unwrap().clone();
    let place = value.pointer_mut(at).unwrap();
    match (dice.below(7), &mut *place) {
        (0 | 1, Value::String(old)) => *old = text(dice, old),
        (2, Value::Object(map)) => forget(dice, map),
        (3, Value::Object(map)) => drop(map.insert((*dice.one(KEYS)).to_owned(), odd(dice))),
        (4, Value::Object(map)) => rename(dice, map),
        (5, _) => *place = lent,
        _ => *place = odd(dice),
    }
}

fn forget(dice: &mut Dice, map: &mut Map<String, Value>) {
    if let Some(key) = map.keys().nth(dice.below(map.len().max(1))).cloned() {
        map.remove(&key);
    }
}

fn rename(dice: &mut Dice, map: &mut Map<String, Value>) {
    if let Some(key) = map.keys().nth(dice.below(map.len().max(1))).cloned() {
        let part = map.remove(&key).unwrap();
        map.insert((*dice.one(KEYS)).to_owned(), part);
    }
}

/// Changes bytes, and says whether a key is surely there twice now.
pub(crate) fn bytes(dice: &mut Dice, bytes: &mut Vec<u8>) -> bool {
    let at = dice.below(bytes.len() + 1);
    let end = (at + dice.below(5)).min(bytes.len());
    match dice.below(7) {
        0 => bytes.truncate(at),
        1 => bytes.extend_from_slice(dice.one(WORDS).as_bytes()),
        2 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        3 => drop(bytes.splice(
            at..end,
            dice.one(&[b"\"".as_slice(), b"}", b"{", b",", b":", b"\\u0000", b"\\", b"\xff"]).iter().copied(),
        )),
        4 => drop(bytes.splice(at..end, (*dice.one(WORDS)).bytes())),
        5 => drop(bytes.drain(at..end)),
        _ => return twice(dice, bytes),
    }
    false
}

/// Says one of the object's keys once more, in front.
fn twice(dice: &mut Dice, bytes: &mut Vec<u8>) -> bool {
    let Ok(Value::Object(map)) = serde_json::from_slice::<Value>(bytes) else { return false };
    let Some(key) = map.keys().nth(dice.below(map.len().max(1))) else { return false };
    let first = format!("{{{}:{},", Value::from(key.as_str()), odd(dice));
    let Some(brace) = bytes.iter().position(|byte| *byte == b'{') else { return false };
    bytes.splice(brace..=brace, first.into_bytes());
    true
}
