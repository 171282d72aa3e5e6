//! A server and a browser in one run. The browser looks its maker up, which nobody answers: that must not hold it.

use std::net::TcpListener;
use std::time::Duration;

use tollgate_tests::{Job, Scene, cases, program, skip};

use crate::downloads::with_setting;

cases! { everywhere: a_page_served_inside_is_seen_inside }
cases! { both: a_dev_server_is_seen_inside }

const PAGE: &str = "<!doctype html><body><p id=a>static</p><script type=module src=/main.js></script></body>\n";
const SCRIPT: &str = "document.getElementById('a').textContent = ['seen', 'by', 'a', 'browser'].join('-')\n";

/// Starts a server, waits for it, shows what a browser made of its page. Chromium opens its shared memory a second time,
/// to read only: where the `/dev/shm` is the one that all share, it is told to keep it elsewhere.
fn text(scene: &Scene, server: &str, port: u16) -> String {
    let memory = if scene.setting.has_namespaces() { "" } else { "--disable-dev-shm-usage" };
    format!(
        "{server} > server.log 2>&1 & s=$!
         for n in $(seq 600); do (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.1; done
         timeout 120 chromium --headless --no-sandbox --disable-gpu {memory} --user-data-dir=$PWD/browser \
             --virtual-time-budget=5000 --dump-dom http://127.0.0.1:{port}/ 2> browser.log | grep -o seen-by-a-browser
         kill $s; wait $s; rm -rf browser"
    )
}

/// The same outside first; where that shows nothing, neither would a run.
fn is_seen(scene: &Scene, server: impl Fn(u16) -> String) {
    let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line = |port| text(scene, &server(port), port);
    let mut bare = scene.command("/bin/bash");
    bare.args(["-c", &line(port())]);
    let bare = Job::new(bare).deadline(Duration::from_mins(4)).end();
    if !bare.out.contains("seen") {
        return skip("chromium shows no page here for this person, without any boundary");
    }
    let job = scene.job(&[] as &[&str], &["/bin/bash", "-c", &line(port())]).deadline(Duration::from_mins(4));
    job.end().printed("seen-by-a-browser\n");
    scene.verifies();
}

fn a_page_served_inside_is_seen_inside(scene: &Scene) {
    if !program::has("chromium") {
        return skip("needs chromium");
    }
    scene.file(scene.workspace.join("index.html"), PAGE);
    scene.file(scene.workspace.join("main.js"), SCRIPT);
    is_seen(scene, |port| format!("/usr/bin/python3 -m http.server {port} --bind 127.0.0.1"));
}

fn a_dev_server_is_seen_inside(scene: &Scene) {
    if !program::has("chromium") {
        return skip("needs chromium");
    }
    scene.file(scene.workspace.join("package.json"), "{\"name\": \"v\", \"private\": true, \"type\": \"module\"}\n");
    let mut fetch = scene.command("/bin/sh");
    fetch.args(["-c", "npm install --no-audit --no-fund vite@6"]);
    if !with_setting(Job::new(fetch).deadline(Duration::from_mins(4))).end().status.success() {
        return skip("npm fetches no vite here for this person, without any boundary");
    }
    scene.file(scene.workspace.join("index.html"), PAGE.replace("main.js", "main.ts"));
    scene.file(scene.workspace.join("main.ts"), SCRIPT.replace("'a')", "'a' as string)!"));
    is_seen(scene, |port| format!("./node_modules/.bin/vite --port {port} --strictPort --host 127.0.0.1"));
}
