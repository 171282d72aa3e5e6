//! A notice on the desktop, by `notify-send`, from where the system has it: a program of that name elsewhere on the
//! path could be the sandbox's.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tollgate_policy::question::Risk;

use crate::notice::Notice;

/// Where it may be.
const PLACES: [&str; 3] = ["/usr/bin/notify-send", "/bin/notify-send", "/run/current-system/sw/bin/notify-send"];

/// How long it may take: a bus that doesn't answer keeps nobody.
const LONGEST: Duration = Duration::from_secs(10);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Shows it. Says why not, where it can't.
///
/// # Errors
/// In words for people.
pub fn show(notice: &Notice) -> Result<(), String> {
    let program = PLACES.iter().find(|place| Path::new(place).is_file());
    let program = program.ok_or("there is no notify-send (package libnotify)")?;
    run(Command::new(program).args(words(notice)), LONGEST).map_err(|why| format!("{program} {why}"))
}

fn run(command: &mut Command, longest: Duration) -> Result<(), String> {
    let until = Instant::now() + longest;
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("can't be run: {e}"))?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("failed: {status}")),
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
            Ok(None) | Err(_) => {
                // Killed or gone already: either way it is not waited for any longer.
                child.kill().ok();
                child.wait().ok();
                return Err("did not end in time".to_owned());
            }
        }
    }
}

/// What `notify-send` is given.
fn words(notice: &Notice) -> [String; 6] {
    let urgency = if notice.risk == Risk::High { "critical" } else { "normal" };
    let title = format!("Tollgate asks: {}", notice.verb);
    ["--app-name=Tollgate", "--urgency", urgency, "--", &title, &body(notice)].map(str::to_owned)
}

/// Servers read a body as markup (Desktop Notifications Specification, "Markup"), and `notify-send` makes control
/// characters of backslashes in it before they do (`g_strcompress`, octal numbers too): both are kept from it.
fn body(notice: &Notice) -> String {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\\', "\\\\");
    format!("{}\n{}\n{}", plain(&notice.title()), plain(&notice.because), plain(&notice.link))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// What `notify-send` makes of a body (`g_strcompress`).
    fn compressed(text: &str) -> Vec<u8> {
        let (mut out, mut bytes) = (Vec::new(), text.bytes().peekable());
        while let Some(byte) = bytes.next() {
            match (byte, bytes.peek().copied()) {
                (b'\\', Some(b'0'..=b'7')) => {
                    let mut value = 0_u8;
                    for _ in 0..3 {
                        let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                        value = value.wrapping_mul(8).wrapping_add(digit - b'0');
                    }
                    out.push(value);
                }
                (b'\\', Some(letter)) => {
                    bytes.next();
                    let made = [(b'n', b'\n'), (b'r', b'\r'), (b't', b'\t'), (b'b', 8), (b'f', 12), (b'v', 11)];
                    out.push(made.iter().find(|(from, _)| *from == letter).map_or(letter, |(_, to)| *to));
                }
                _ => out.push(byte),
            }
        }
        out
    }

    #[test]
    fn a_body_is_shown_as_it_was_told() {
        let what = r"x '\033[2J\342\200\256' $'a\nApproved' \\ \u{202e} \074a href=x\076 <b>&".to_owned();
        let notice = Notice {
            id: "r1-1".into(),
            run: "r1".into(),
            verb: "Run".into(),
            what: what.clone(),
            class: String::new(),
            risk: Risk::High,
            because: r"a\nb".into(),
            deadline: 0,
            link: "http://127.0.77.1:7077/q/r1-1".into(),
            more: 0,
        };
        let words = words(&notice);
        let shown = String::from_utf8(compressed(&words[5])).unwrap();
        let markup = what.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert_eq!(shown, format!("Run: {markup}\na\\nb\n{}", notice.link));
        assert_eq!((words[2].as_str(), words[3].as_str(), words[4].as_str()), ("critical", "--", "Tollgate asks: Run"));
    }

    #[test]
    fn a_program_that_hangs_is_not_waited_for() {
        let shell = |text: &str, longest| run(Command::new("/bin/sh").args(["-c", text]), longest);
        let begun = Instant::now();
        assert!(shell("exec sleep 600", Duration::from_millis(100)).unwrap_err().contains("in time"));
        assert!(begun.elapsed() < Duration::from_mins(1));
        shell("exit 0", Duration::from_mins(1)).unwrap();
        assert!(shell("exit 3", Duration::from_mins(1)).unwrap_err().contains("failed"));
    }
}
