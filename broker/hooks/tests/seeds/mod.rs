//! Payloads to be bent: those that were captured, and some for clients that were not seen running.

use std::path::Path;

use tollgate_hooks::Client;

/// Some payloads of each client, to be bent.
pub(crate) fn seeds() -> Vec<(Client, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hooks/payloads");
    let mut all = Vec::new();
    for client in Client::ALL {
        let Ok(list) = std::fs::read_dir(folder.join(client.name())) else { continue };
        let mut paths: Vec<_> = list.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        all.extend(paths.into_iter().map(|path| (client, std::fs::read(path).unwrap())));
    }
    let generic: &[&[u8]] = &[
        br#"{"event":"before","session":"s","cwd":"/w","tool":"sh","do":{"shell":"make","rewrite":true}}"#,
        br#"{"event":"before","session":"s","cwd":"/w","tool":"w","do":{"write":["a"],"read":["b"],"change":"x"}}"#,
        br#"{"event":"permission","session":"s","cwd":"/w","tool":"f","do":{"fetch":["https://a.b"]}}"#,
        br#"{"event":"before","session":"s","cwd":"/w","call":"1","tool":"t","do":{"server":"demo"}}"#,
        br#"{"event":"result","session":"s","call":"1","tool":"t","worked":true}"#,
        br#"{"event":"prompt","session":"s","text":"do it"}"#,
    ];
    let cursor: &[&[u8]] = &[
        br#"{"hook_event_name":"beforeShellExecution","conversation_id":"c","command":"ls","cwd":"/w","workspace_roots":["/w"]}"#,
        br#"{"hook_event_name":"preToolUse","conversation_id":"c","tool_name":"Shell","tool_input":{"command":"ls"},"tool_use_id":"1"}"#,
        br#"{"hook_event_name":"beforeReadFile","conversation_id":"c","file_path":"/w/a","content":"x"}"#,
        br#"{"hook_event_name":"beforeMCPExecution","conversation_id":"c","tool_name":"t","tool_input":"{}","command":"npx x"}"#,
        br#"{"hook_event_name":"preToolUse","conversation_id":"c","tool_name":"Write","tool_input":{"file_path":"a","content":"x"}}"#,
        br#"{"hook_event_name":"stop","conversation_id":"c","status":"aborted"}"#,
    ];
    all.extend(generic.iter().map(|bytes| (Client::Generic, bytes.to_vec())));
    all.extend(cursor.iter().map(|bytes| (Client::Cursor, bytes.to_vec())));
    all
}
