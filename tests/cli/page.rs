//! Questions of real runs, answered on the page; and what inside tries to get at it.

use std::process::Command;
use std::time::Duration;

use tollgate_tests::page::Page;
use tollgate_tests::{Scene, cases};

use crate::approvals::{PUSH, has_arrived, repository};

cases! { everywhere: approved_on_the_page denied_on_the_page_with_a_word two_channels_at_once the_page_is_out_of_reach_from_inside }
cases! { everywhere: expired_on_the_page taken_back_on_the_page only_loopback news_arrive }

fn id(question: &serde_json::Value) -> String {
    question["id"].as_str().unwrap().to_owned()
}

fn approved_on_the_page(scene: &Scene) {
    let bare = repository(scene);
    let page = Page::open(scene);
    let running = scene.job::<&str, _>(&["--name", "the-push"], &PUSH).start();
    let question = id(&scene.question());
    let queue = page.get("/").body;
    assert!(queue.contains("git push origin") && queue.contains(&question), "{queue}");
    let shown = page.get(&format!("/q/{question}")).body;
    for fact in ["Publish", "git push origin HEAD:refs/heads/main", "can&#39;t be taken back", "profile:commands:"] {
        assert!(shown.contains(fact), "no {fact} in {shown}");
    }
    assert!(!has_arrived(&bare), "it went ahead before the answer");
    let taken = page.answer(&question, &[("answer", "once")]);
    assert!(taken.status == 200 && taken.body.contains("Approved once"), "{}", taken.body);
    running.end().ended(0);
    assert!(has_arrived(&bare));
    let told = scene.ledger().iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("\\\"channel\\\":\\\"web\\\"") || told.contains("\"channel\":\"web\""), "{told}");
    let closed = page.get(&format!("/q/{question}")).body;
    assert!(closed.contains("Approved") && closed.contains("through web"), "{closed}");
    let run = question.rsplit_once('-').unwrap().0;
    let runs = page.get("/runs").body;
    assert!(runs.contains("the-push") && runs.contains(run) && runs.contains("ended well"), "{runs}");
    let story = page.get(&format!("/runs/{run}")).body;
    assert!(story.contains("asked") && story.contains("approved") && story.contains(&question), "{story}");
    let report = page.get("/report").body;
    assert!(report.contains("Escalated") && report.contains("answered 1"), "{report}");
    scene.verifies();
}

fn denied_on_the_page_with_a_word(scene: &Scene) {
    let bare = repository(scene);
    let page = Page::open(scene);
    let running = scene.job::<&str, _>(&[], &["bash", "-c", "git push origin HEAD:refs/heads/main; echo $?"]).start();
    let question = id(&scene.question());
    let taken = page.answer(&question, &[("answer", "deny"), ("word", "open a pull request & ask Ann")]);
    assert!(taken.status == 200 && taken.body.contains("Denied"), "{}", taken.body);
    running.end().told("tollgate: refused").told("open a pull request & ask Ann");
    assert!(!has_arrived(&bare));
}

fn expired_on_the_page(scene: &Scene) {
    let bare = repository(scene);
    let policy = scene.policy("[approvals]\ndeadline = 2\n");
    let page = Page::open(scene);
    let running = scene.job(&["--policy", policy.to_str().unwrap()], &PUSH).start();
    let question = id(&scene.question());
    let shown = page.get(&format!("/q/{question}"));
    let (seal, digest) = (shown.field("seal"), shown.field("digest"));
    running.end().told("tollgate: refused");
    let late = page.post(&format!("/q/{question}"), &[("seal", &seal), ("digest", &digest), ("answer", "once")]);
    assert!(late.status == 409 && late.body.contains("expired"), "{}", late.body);
    assert!(page.get(&format!("/q/{question}")).body.contains("Expired"));
    assert!(!has_arrived(&bare));
}

fn two_channels_at_once(scene: &Scene) {
    let bare = repository(scene);
    let page = Page::open(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    let id = id(&question);
    let shown = page.get(&format!("/q/{id}"));
    let (seal, digest) = (shown.field("seal"), shown.field("digest"));
    scene.answer("deny", &question, &["--reason", "not today"]).ended(0);
    let late = page.post(&format!("/q/{id}"), &[("seal", &seal), ("digest", &digest), ("answer", "once")]);
    assert_eq!(late.status, 409, "{}", late.body);
    assert!(late.body.contains("was not taken") && late.body.contains("denied by"), "{}", late.body);
    assert!(late.body.contains("through cli") && late.body.contains("not today"), "{}", late.body);
    assert!(!running.end().status.success());
    assert!(!has_arrived(&bare));
    assert_eq!(scene.events("decided"), 1);
}

fn taken_back_on_the_page(scene: &Scene) {
    repository(scene);
    let page = Page::open(scene);
    let text = "git push origin HEAD:refs/heads/main; touch first; while [ ! -e go ]; do sleep 0.1; done
                git push origin HEAD:refs/heads/main; echo $?";
    let running = scene.job::<&str, _>(&[], &["bash", "-c", text]).start();
    let question = id(&scene.question());
    let taken = page.answer(&question, &[("answer", "run")]);
    if taken.body.contains("can be approved only once") {
        // What is published is approved once only: there is nothing to be taken back.
        page.answer(&question, &[("answer", "deny_run")]);
        scene.file(scene.workspace.join("go"), "");
        running.end();
        assert!(page.get("/grants").body.contains("Nothing stands open"));
        return;
    }
    assert_eq!(taken.status, 200, "{}", taken.body);
    let begun = std::time::Instant::now();
    while !scene.workspace.join("first").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the first push did not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    let grants = page.get("/grants");
    assert!(grants.body.contains("exactly what was asked"), "{}", grants.body);
    let form = grants.body.split_once("action=\"/grants\"").unwrap().1;
    let value = |name: &str| {
        form.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1.split('"').next().unwrap().to_owned()
    };
    let fields = [("seal", value("seal")), ("run", value("run")), ("question", value("question"))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(page.post("/grants", &fields).status, 200);
    assert_eq!(page.post("/grants", &fields).status, 403, "a form counts once");
    scene.file(scene.workspace.join("go"), "");
    let again = scene.question();
    scene.answer("deny", &again, &[]).ended(0);
    let outcome = running.end();
    assert!(outcome.out.trim() != "0", "{outcome}");
}

fn the_page_is_out_of_reach_from_inside(scene: &Scene) {
    let bare = repository(scene);
    let page = Page::open(scene);
    let (host, port) = page.address.rsplit_once(':').unwrap();
    let text = format!(
        "git push origin HEAD:refs/heads/main & sleep 1
         (exec 3<>/dev/tcp/{host}/{port} && printf 'GET / HTTP/1.0\\r\\nHost: {address}\\r\\n\\r\\n' >&3 && timeout 2 cat <&3 && echo REACHED) 2>/dev/null
         python3 -c 'import urllib.request as u; print(u.urlopen(\"http://{address}/\", timeout=2).status, \"REACHED\")' 2>/dev/null
         curl -s -m 2 http://{address}/ && echo REACHED
         for f in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do tr '\\0' ' ' < $f 2>/dev/null; done | grep -o 'enter.link=[0-9a-f]*'
         grep -rl {token} {state} 2>/dev/null
         {tollgate} web --listen 127.0.0.1:0 & sleep 1; kill %2 2>/dev/null; wait %1",
        address = page.address,
        token = page.link.rsplit_once('=').unwrap().1,
        state = scene.state.display(),
        tollgate = scene.tollgate().display(),
    );
    let read = scene.tollgate().parent().unwrap().to_str().unwrap().to_owned();
    let running =
        scene.job(&["--read", read.as_str()], &["bash", "-c", &text]).deadline(Duration::from_secs(50)).start();
    let question = scene.question();
    std::thread::sleep(Duration::from_secs(8));
    assert!(!has_arrived(&bare), "the sandbox answered its own question");
    scene.answer("deny", &question, &[]);
    let outcome = running.end();
    for word in ["REACHED", "enter?link", "http://127"] {
        assert!(!outcome.out.contains(word), "{word}: {outcome}");
    }
    assert!(!has_arrived(&bare));
}

fn only_loopback(scene: &Scene) {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7077"] {
        let outcome = scene.verb(&["web", "--listen", address]).end();
        outcome.ended(1).told("can be reached from the network").told("hint:");
        assert!(outcome.out.is_empty(), "{outcome}");
    }
    scene.verb(&["web", "--beyond-loopback"]).end().ended(2);
    scene.verb(&["web", "--listen", "localhost"]).end().ended(2);
}

fn news_arrive(scene: &Scene) {
    repository(scene);
    let page = Page::open(scene);
    // Who begins to listen looks once more: the page can be older than what has happened since.
    let listens = || {
        let stream = page.stream("/live");
        assert!(
            stream.wait("event: news", Duration::from_secs(10)).contains("event: news"),
            "it is told nothing at first"
        );
        stream
    };
    let stream = listens();
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let news = stream.wait("event: news", Duration::from_secs(20));
    let question = scene.question();
    assert!(news.contains("event: news"), "{news}");
    listens();
    scene.answer("deny", &question, &[]).ended(0);
    stream.wait("event: news", Duration::from_secs(10));
    running.end();
    // A quiet page asks nobody.
    let busy = Command::new("ps").args(["-o", "cputimes=", "-p", &page.pid().to_string()]).output().unwrap();
    let seconds: f64 = String::from_utf8_lossy(&busy.stdout).trim().parse().unwrap_or(0.0);
    assert!(seconds < 3.0, "{seconds} s of processor");
}
