//! Sends a notice to one hook: again after a while where that may help, never beyond the question's deadline.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::Agent;

use crate::config::Hook;
use crate::notice::Notice;
use crate::sign::{HEADER, signature};

/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// How often it is tried, and how long one waits after the first; the wait doubles.
const TRIES: u32 = 5;
const FIRST: Duration = Duration::from_secs(1);

/// Longest secret or token, in bytes.
const SECRET: u64 = 4096;

/// The notice did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Where to, without what follows the host: addresses of hooks are secrets.
    pub host: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no notice to {}: {}", self.host, self.why)
    }
}

impl std::error::Error for Unsent {}

/// Sends it, within `wait`.
///
/// # Errors
/// [`Unsent`] where no try was taken, or a file with a secret can't be read: then nothing is sent.
pub fn post(hook: &Hook, notice: &Notice, wait: Duration) -> Result<(), Unsent> {
    let until = Instant::now() + wait;
    let host =
        hook.url.parse::<ureq::http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let unsent = |why: String| Unsent { host: host.clone(), why };
    let secret = hook.secret_file.as_deref().map(secret).transpose().map_err(unsent)?;
    let bearer = hook.bearer_file.as_deref().map(secret_text).transpose().map_err(unsent)?;
    let mut pause = FIRST;
    let mut why = "there was no time".to_owned();
    for tried in 0..TRIES {
        if tried > 0 {
            std::thread::sleep(pause.min(until.saturating_duration_since(Instant::now())));
            pause *= 2;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(10) {
            break;
        }
        match once(hook, notice, (secret.as_deref(), bearer.as_deref()), left.min(TRY)) {
            Ok(()) => return Ok(()),
            Err((told, Again::Yes)) => why = told,
            Err((told, Again::No)) => return Err(unsent(told)),
        }
    }
    Err(unsent(why))
}

/// Whether another try may help.
#[derive(Clone, Copy)]
enum Again {
    Yes,
    No,
}

fn once(
    hook: &Hook,
    notice: &Notice,
    (secret, bearer): (Option<&[u8]>, Option<&str>),
    wait: Duration,
) -> Result<(), (String, Again)> {
    let notice = if hook.discreet { notice.clone().discreet() } else { notice.clone() };
    let letter = notice.letter(hook.kind);
    // What the other end says is not read, and where it sends one is not followed.
    let config = Agent::config_builder()
        .timeout_global(Some(wait))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent("tollgate")
        .build();
    let mut request = Agent::from(config).post(&hook.url).header("tollgate-question", &notice.id);
    for (name, value) in &letter.headers {
        request = request.header(*name, value);
    }
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    if let Some(secret) = secret {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        request = request.header(HEADER, signature(secret, seconds, &letter.body));
    }
    match request.send(&letter.body) {
        Ok(reply) if reply.status().is_success() => Ok(()),
        Ok(reply) => {
            let status = reply.status();
            let again = status.is_server_error() || [408, 425, 429].contains(&status.as_u16());
            Err((format!("it said {status}"), if again { Again::Yes } else { Again::No }))
        }
        Err(e) => Err((e.to_string(), Again::Yes)),
    }
}

fn secret(path: &Path) -> Result<Vec<u8>, String> {
    secret_text(path).map(String::into_bytes)
}

fn secret_text(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(SECRET).read_to_string(&mut text));
    read.map_err(|e| format!("can't read `{}`: {e}", path.display()))?;
    let text = text.trim().to_owned();
    let fits = !text.is_empty() && text.bytes().all(|byte| (33..127).contains(&byte));
    if fits { Ok(text) } else { Err(format!("`{}` holds no secret of one line", path.display())) }
}
