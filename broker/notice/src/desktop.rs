//! A notice on the desktop, by `notify-send`, from where the system has it: a program of that name elsewhere on the
//! path could be the sandbox's.

use std::path::Path;
use std::process::{Command, Stdio};

use tollgate_policy::question::Risk;

use crate::notice::Notice;

/// Where it may be.
const PLACES: [&str; 3] = ["/usr/bin/notify-send", "/bin/notify-send", "/run/current-system/sw/bin/notify-send"];

/// Shows it. Says why not, where it can't.
///
/// # Errors
/// In words for people.
pub fn show(notice: &Notice) -> Result<(), String> {
    let program = PLACES.iter().find(|place| Path::new(place).is_file());
    let program = program.ok_or("there is no notify-send (package libnotify)")?;
    let urgency = if notice.risk == Risk::High { "critical" } else { "normal" };
    let status = Command::new(program)
        .args(["--app-name=Tollgate", "--urgency", urgency, "--"])
        .arg(format!("Tollgate asks: {}", notice.verb))
        .arg(body(notice))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| format!("can't run {program}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} failed: {status}")) }
}

/// Servers read a body as markup (Desktop Notifications Specification, "Markup").
fn body(notice: &Notice) -> String {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("{}\n{}\n{}", plain(&notice.title()), plain(&notice.because), plain(&notice.link))
}
