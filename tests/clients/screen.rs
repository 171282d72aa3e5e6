//! A client on a terminal: it draws, and does its task.

use std::time::{Duration, Instant};

use tollgate_tests::screen::Screen;
use tollgate_tests::{Scene, cases};

use crate::kinds::{Kind, content};
use crate::play::ready;

cases! { user: claude }

fn claude(scene: &Scene) {
    let kind = Kind::Claude;
    let steps = vec![kind.shell("echo on-a-terminal > ran.txt"), kind.shell("echo x > .git/hooks/pre-commit")];
    let Some(ready) = ready(scene, (kind, steps), 20) else { return };
    // what a person answered once, outside
    let project = serde_json::json!({"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true});
    let known = serde_json::json!({
        "hasCompletedOnboarding": true, "theme": "dark", "projects": {(scene.workspace.to_str().unwrap()): project},
        "customApiKeyResponses": {"approved": ["sk-ant-stand-in"], "rejected": []},
    });
    scene.file(scene.home.join(".claude.json"), known.to_string());
    scene.file(scene.home.join(".claude/settings.json"), r#"{"skipDangerousModePermissionPrompt": true}"#);
    let start = ready.script(scene, "--permission-mode bypassPermissions 'do it'");
    let Some(screen) = Screen::open(scene) else { return };
    screen.resize(110, 40);
    screen.line(start.to_str().unwrap());
    let begun = Instant::now();
    while ready.model.results().len() < 2 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not go on:\n{}", screen.text());
        std::thread::sleep(Duration::from_millis(200));
    }
    screen.shows("Finished.");
    assert_eq!(content(scene, "ran.txt").as_deref(), Some("on-a-terminal\n"));
    assert_eq!(content(scene, ".git/hooks/pre-commit"), None);
    assert!(ready.model.results()[1].contains("tollgate: refused"), "{:?}", ready.model.results());
    // the terminal goes away, and all that hung on it
    drop(screen);
    scene.verifies();
}
