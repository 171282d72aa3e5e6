//! Webhooks as who gets them sees them: signed, tried again a bounded number of times; and one that is slow, hostile or
//! sends elsewhere delays no answer and gives none.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tollgate_tests::hook::{Hook, Request, Says};
use tollgate_tests::{Scene, cases};

use crate::RULES;

cases! { user: tries_are_bounded }
cases! { everywhere: signatures_can_be_checked nobody_is_sent_elsewhere hostile_receivers_delay_nothing
floods_are_told_once }

const SECRET: &str = "s3cret-of-the-hook";

fn told(scene: &Scene, text: &str) {
    scene.folder(scene.home.join(".config"));
    scene.folder(scene.home.join(".config/tollgate"));
    scene.file(scene.home.join(".config/tollgate/notify.toml"), format!("version = 1\n{text}"));
}

fn hook(url: &str) -> String {
    format!("[[hook]]\nurl = \"{url}\"\n")
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// As a receiver does it: the HMAC over time and body, and a time that is not old.
fn is_signed(request: &Request, secret: &str, body: &str) -> bool {
    let header = request.header("tollgate-signature");
    let (time, signature) = header.split_once(",v1=").unwrap_or_else(|| panic!("not signed: {}", request.head));
    let time = time.strip_prefix("t=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.abs_diff(time.parse().unwrap()) < 300 && mac.verify_slice(&bytes(signature)).is_ok()
}

fn signatures_can_be_checked(scene: &Scene) {
    let secret = scene.file(scene.home.join("hook-secret"), format!("{SECRET}\n"));
    for kind in ["generic", "ntfy", "slack"] {
        let receiver = Hook::says(vec![Says::Status(503), Says::Status(200)]);
        let text = format!("{}kind = \"{kind}\"\nsecret_file = \"{}\"\n", hook(&receiver.url), secret.display());
        told(scene, &text);
        let policy = scene.policy(RULES);
        let running = scene.job(&["--policy", policy.to_str().unwrap()], &["factor", "6"]).start();
        let question = scene.question();
        for request in [receiver.next(), receiver.next()] {
            assert!(is_signed(&request, SECRET, &request.body), "{kind}: {}", request.head);
            assert!(!is_signed(&request, "another", &request.body), "any key fits");
            assert!(!is_signed(&request, SECRET, &request.body.replacen("factor", "factoR", 1)), "any body fits");
            assert!(!(request.head + &request.body).contains(SECRET));
        }
        scene.answer("deny", &question, &[]).ended(0);
        running.end();
    }
}

fn tries_are_bounded(scene: &Scene) {
    let receiver = Hook::says(vec![Says::Status(500)]);
    told(scene, &hook(&receiver.url));
    let begun = Instant::now();
    scene.verb(&["approvals", "notify"]).end().ended(1).told("it said 500").told("1 of 1 notices did not arrive");
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    let tries = receiver.rest().len();
    assert!((2..=5).contains(&tries), "{tries} tries");
    // Who says no is not asked again.
    let receiver = Hook::says(vec![Says::Status(403)]);
    told(scene, &hook(&receiver.url));
    scene.verb(&["approvals", "notify"]).end().ended(1).told("it said 403");
    assert_eq!(receiver.rest().len(), 1);
}

/// The address of a hook is the person's choice: an answer from there chooses no other.
fn nobody_is_sent_elsewhere(scene: &Scene) {
    let elsewhere = Hook::says(vec![Says::Status(200)]);
    let receiver = Hook::says(vec![Says::Redirect(elsewhere.url.clone())]);
    told(scene, &hook(&receiver.url));
    scene.verb(&["approvals", "notify"]).end().ended(1).told("it said 307");
    assert_eq!((receiver.rest().len(), elsewhere.rest().len()), (1, 0));
}

fn hostile_receivers_delay_nothing(scene: &Scene) {
    let all = [Says::Endless, Says::Headers, Says::Nothing, Says::Status(500), Says::Redirect("/approve".into())];
    let policy = scene.policy(RULES);
    for says in all {
        let receivers = [says.clone(), says.clone()].map(|says| Hook::says(vec![says]));
        told(scene, &receivers.each_ref().map(|receiver| hook(&receiver.url)).concat());
        let running = scene.job(&["--policy", policy.to_str().unwrap()], &["factor", "6"]).start();
        let question = scene.question();
        for receiver in &receivers {
            receiver.next();
        }
        assert_eq!(scene.questions().len(), 1, "{says:?} answered it");
        scene.answer("approve", &question, &[]).ended(0);
        let answered = Instant::now();
        running.end().ended(0).printed("6: 2 3\n");
        // A try may take 10 s, and there are several: nobody waited for one.
        assert!(answered.elapsed() < Duration::from_secs(8), "{says:?}: {:?}", answered.elapsed());
    }
    let decided = crate::records(scene, "decided");
    assert!(decided.iter().all(|one| one["decision"]["decider"] == "human"), "{decided:?}");
}

/// Many questions while nothing gets through: a few senders, and the rest is counted in a later notice.
fn floods_are_told_once(scene: &Scene) {
    let receiver = Hook::says(vec![Says::Nothing]);
    told(scene, &hook(&receiver.url));
    let policy = scene.policy(&format!("[approvals]\nopen = 100\n{RULES}"));
    let text = "for i in {1..30}; do factor $i & done; wait";
    let running = scene.job(&["--policy", policy.to_str().unwrap()], &["bash", "-c", text]).start();
    let questions = crate::open(scene, 30);
    receiver.next();
    for question in &questions {
        scene.answer("deny", question, &[]).ended(0);
    }
    running.end();
    // Three senders, each of which tries at most every ten seconds.
    assert!(receiver.rest().len() <= 15, "a notice for each question");
}
