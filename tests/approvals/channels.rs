//! What the sandbox wrote, in each channel that shows it: hooks, the queue in a terminal, the page, the report as a file,
//! the ledger; words, paths, what is in files, names that look like others.

use std::fs;
use std::path::Path;

use tollgate_tests::hook::{Hook, Says};
use tollgate_tests::page::Page;
use tollgate_tests::{Scene, cases, screen::Screen};

use crate::{RULES, text::is_neutral};

cases! { everywhere: hooks_get_text the_queue_in_a_terminal_gets_text the_report_as_a_file_is_text encoded_names_are_read_out
a_word_of_a_hundred_kilobytes }
cases! { heavy: in_a_browser changes_in_a_browser }

// In a mount namespace the scene's own folders are not to be seen from inside.
mod writes {
    tollgate_tests::cases!(@one UserWithoutNamespaces are_shown_as_text super::writes_are_shown_as_text);
}

/// As bash reads it: terminals, C1 and bidi, links of terminals, forged lines, then markup of pages and of hooks.
const HOSTILE: &str = "$'x\\e[2J\\a\\u202e\\u200b\\r\\nApproved: yes\\n\\u009b31m\\x9b\\e]8;;http://evil.example/\\e\\\\k<script>alert(1)\
                       </script></textarea></code><img src=x onerror=alert(2)><!channel><http://evil.example|ok>'";

/// What no page holds, whoever wrote it.
fn has_no_markup(text: &str, channel: &str) {
    for tag in ["<script>alert", "<img", "</textarea><", "<!channel>", "href=\"http://evil", "href=\"javascript"] {
        assert!(!text.contains(tag), "{channel} holds {tag}: {text}");
    }
}

fn policy(scene: &Scene) -> std::path::PathBuf {
    scene.policy(RULES)
}

fn hooks_get_text(scene: &Scene) {
    let kinds = ["generic", "ntfy", "slack"];
    let hooks = kinds.map(|_| Hook::says(vec![Says::Status(200)]));
    let sections =
        kinds.iter().zip(&hooks).map(|(kind, hook)| format!("[[hook]]\nurl = \"{}\"\nkind = \"{kind}\"\n", hook.url));
    scene.folder(scene.home.join(".config"));
    scene.folder(scene.home.join(".config/tollgate"));
    let text = format!("version = 1\npage = \"http://127.0.0.1:9999\"\n{}", sections.collect::<String>());
    scene.file(scene.home.join(".config/tollgate/notify.toml"), text);
    // Short enough to be told whole, twice: what terminals would read, what pages and hooks would.
    let markup = "'</pre><!channel><http://evil.example|ok>&amp;*bold*'";
    let controls = "$'\\e[2J\\a\\u202e\\u200b\\r\\nApproved: yes\\n\\u009b31m'";
    for words in [markup, controls] {
        let running = scene
            .job(&[Path::new("--policy"), &policy(scene)], &["bash", "-c", &format!("factor {words}; true")])
            .start();
        let question = scene.question();
        for (kind, hook) in kinds.iter().zip(&hooks) {
            let request = hook.next();
            is_neutral(&request.body, kind);
            assert!(request.body.len() < 4000, "{kind}: {} bytes", request.body.len());
            assert!(!request.head.contains("evil"), "{}", request.head);
            if *kind == "slack" {
                has_no_markup(&request.body, kind);
                let json: serde_json::Value = serde_json::from_str(&request.body).unwrap();
                assert_eq!(json["text"].as_str().unwrap().matches('<').count(), 1, "one link, our own: {json}");
                assert!(json["text"].as_str().unwrap().contains("<http://127.0.0.1:9999/q/"), "{json}");
            }
        }
        scene.answer("deny", &question, &[]).ended(0);
        running.end();
    }
}

fn the_queue_in_a_terminal_gets_text(scene: &Scene) {
    let Some(screen) = Screen::open(scene) else { return };
    let raw = scene.file(scene.path().join("raw"), "");
    screen.records(&raw);
    screen.line(&format!("{} watch", scene.tollgate().display()));
    screen.shows("nothing waits");
    let words = format!("factor {HOSTILE}; true");
    let running = scene.job(&[Path::new("--policy"), &policy(scene)], &["bash", "-c", &words]).start();
    let question = scene.question();
    screen.shows("1 question waits");
    screen.keys(&["Enter"]);
    // The list says why, too: only a question that is read has its name in the title.
    screen.shows(&format!("Tollgate - {}", question["id"].as_str().unwrap()));
    screen.shows("hard sums");
    let text = screen.text();
    is_neutral(&text, "the screen");
    assert!(text.contains("\\x1b[2J") && text.contains("look twice") == text.contains("U+"), "{text}");
    screen.keys(&["q"]);
    screen.shows("Tollgate - 1 question waits");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
    screen.shows("nothing waits");
    screen.keys(&["q"]);
    screen.is_ready();
    // And what was written to the terminal, byte by byte.
    let sent = String::from_utf8_lossy(&fs::read(&raw).unwrap()).into_owned();
    assert!(sent.contains("\\x1b[2J"), "{sent:?}");
    for c in ['\u{202e}', '\u{200b}', '\u{9b}', '\u{7}', '\u{fffd}'] {
        assert!(!sent.contains(c), "{c:?} in {sent:?}");
    }
    assert!(!sent.contains("\u{1b}]8;"), "{sent:?}");
}

fn the_report_as_a_file_is_text(scene: &Scene) {
    let policy = policy(scene);
    let words = format!("mkdir -p {HOSTILE}; factor {HOSTILE}; true");
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", &words]).start();
    let question = scene.question();
    scene.answer("deny", &question, &["--reason", "<script>alert(3)</script>\u{1b}[2J\u{202e}"]).ended(0);
    running.end();
    let file = scene.path().join("report.html");
    let file = file.to_str().unwrap();
    scene.file(file, "");
    scene.verb(&["report", "--html", file]).end().ended(0);
    let run = question["run"].as_str().unwrap();
    let page = Page::open(scene);
    let mut all = vec![("report --html".to_owned(), fs::read_to_string(file).unwrap())];
    for path in [
        "/",
        "/runs",
        "/report",
        "/grants",
        &format!("/runs/{run}"),
        &format!("/q/{}", question["id"].as_str().unwrap()),
    ] {
        all.push((path.to_owned(), page.get(path).body));
    }
    for (channel, text) in &all {
        is_neutral(text, channel);
        has_no_markup(text, channel);
    }
    for words in [
        &["evidence", run][..],
        &["ledger", "list"],
        &["policy", "suggest"],
        &["policy", "replay"],
        &["approvals", "grants"],
    ] {
        let outcome = scene.verb(words).end();
        is_neutral(&(outcome.out + &outcome.err), &words.join(" "));
    }
}

/// A path and what is written there.
fn writes_are_shown_as_text(scene: &Scene) {
    let policy = scene.policy("[defaults]\npath = \"ask\"\n");
    let outside = scene.outside.to_str().unwrap();
    let name = "$'n\\e[2J\\u202e\\nApproved: yes<img src=x>'";
    let text = format!("printf '%s' {HOSTILE} $'line\\u202e \\u0430pple\\e[1m\\r\\n' > {outside}/{name}; echo rc=$?");
    let running = scene.job(&["--policy", policy.to_str().unwrap(), "--read", outside], &["bash", "-c", &text]).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    let page = Page::open(scene);
    for words in [&["approvals", "list"][..], &["approvals", "show", id], &["ledger", "list"]] {
        is_neutral(&scene.verb(words).end().out, &words.join(" "));
    }
    let shown = scene.verb(&["approvals", "show", id]).end().out;
    assert!(
        shown.contains("alert(1)") && shown.contains("look twice") && shown.contains("U+0430"),
        "the diff: {shown}"
    );
    for path in ["/".to_owned(), format!("/q/{id}")] {
        let body = page.get(&path).body;
        is_neutral(&body, &path);
        has_no_markup(&body, &path);
    }
    scene.answer("deny", &question, &[]).ended(0);
    let outcome = running.end();
    let block: String = outcome.err.lines().skip_while(|line| !line.starts_with("tollgate: refused")).take(3).collect();
    assert!(!block.contains('\u{1b}') && !block.contains('\u{202e}'), "{outcome}");
}

fn encoded_names_are_read_out(scene: &Scene) {
    let running =
        scene.job::<&str, _>(&[], &["bash", "-c", "exec 3<>/dev/tcp/xn--pple-43d.example/443; echo rc=$?"]).start();
    let question = scene.question();
    let shown = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(shown.out.contains("`xn--pple-43d.example` stands for `\u{430}pple.example`"), "{shown}");
    assert!(shown.out.contains("mixes letters of several scripts"), "{shown}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}

fn a_word_of_a_hundred_kilobytes(scene: &Scene) {
    let hook = Hook::says(vec![Says::Status(200)]);
    scene.folder(scene.home.join(".config"));
    scene.folder(scene.home.join(".config/tollgate"));
    scene.file(
        scene.home.join(".config/tollgate/notify.toml"),
        format!("version = 1\n[[hook]]\nurl = \"{}\"\n", hook.url),
    );
    let text = "word=$(printf '\\u202ex%.0s' {1..25000}); factor \"$word\" last; true";
    let running = scene.job(&[Path::new("--policy"), &policy(scene)], &["bash", "-c", text]).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    assert!(hook.next().body.len() < 4000);
    let page = Page::open(scene);
    let mut all = vec![page.get("/").body, page.get(&format!("/q/{id}")).body];
    for words in [&["approvals", "list"][..], &["approvals", "show", id], &["ledger", "list"]] {
        all.push(scene.verb(words).end().out);
    }
    for shown in &all {
        assert!(shown.len() < 100_000 && shown.contains("more characters"), "{} bytes", shown.len());
        is_neutral(shown, "a long word");
    }
    assert!(all[1].contains("last") && all[3].contains("last"), "what follows is shown");
    scene.answer("deny", &question, &[]).ended(0);
    assert!(running.end().err.len() < 100_000);
}

/// The page in a real browser, and other sites in that same browser; `browser/hostile.mjs` says what.
fn in_a_browser(scene: &Scene) {
    plays(scene, "hostile.mjs");
}

/// A rule that is proposed, and a policy that an agent would change, in a real browser of several widths.
fn changes_in_a_browser(scene: &Scene) {
    plays(scene, "changes.mjs");
}

fn plays(scene: &Scene, story: &str) {
    if !tollgate_tests::program::has("node") {
        return tollgate_tests::skip("needs node");
    }
    let mut command = scene.command("node");
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("approvals/browser").join(story);
    command.arg(story).env("TOLLGATE", scene.tollgate()).env("STORY_FOLDER", &scene.home);
    let outcome = tollgate_tests::Job::new(command).deadline(std::time::Duration::from_mins(4)).end();
    if outcome.status.code() == Some(77) {
        return tollgate_tests::skip("needs chromium");
    }
    outcome.ended(0);
    assert!(outcome.out.contains("All as it should be"), "{outcome}");
}
