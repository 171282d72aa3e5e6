//! Notices to a person who is elsewhere: `notify.toml` says to whom. A run with such a file starts a process of this same
//! program for a question; nothing waits for it, and it ends with the run.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use serde::{Deserialize, Serialize};
use tollgate_notice::{Config, Notice, parse, post, show};
use tollgate_policy::grant::Grant;
use tollgate_policy::question::{Question, Risk};
use tollgate_sys::process;
use tollgate_wire::ask::{Asker, Ended, History, Revoked, Unasked};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::{layers, place, time, ui};

/// The first word of such a process; not for people.
const ENTRY: &str = "notice-of-question";

/// Such processes of one run at a time; what comes meanwhile is counted in the next notice.
const SENDERS: usize = 3;

/// How long one tries, at most.
const WAIT: Duration = Duration::from_mins(2);

/// Longest order, in bytes.
const ORDER: u64 = 1 << 20;

/// Size at which the record of what did not arrive is begun anew.
const LOG: u64 = 64 << 10;

/// The person's file, beside their policy.
fn file() -> Option<PathBuf> {
    Some(layers::person()?.with_file_name("notify.toml"))
}

/// Who asks, and tells of it where somebody wants to be told.
pub(crate) struct Announced {
    asker: Box<dyn Asker>,
    senders: Vec<Child>,
    missed: u32,
}

impl Announced {
    pub(crate) fn new(asker: Box<dyn Asker>) -> Self {
        Self { asker, senders: Vec::new(), missed: 0 }
    }

    fn announce(&mut self, question: &Question) {
        // One that was reaped by the loop counts as ended, too.
        self.senders.retain_mut(|sender| matches!(sender.try_wait(), Ok(None)));
        if self.senders.len() >= SENDERS {
            self.missed = self.missed.saturating_add(1);
            return;
        }
        let order = Order { sender: std::process::id(), notice: brief(question, self.missed) };
        // Without a sender the question is asked all the same.
        if let Ok(sender) = order.send() {
            self.senders.push(sender);
            self.missed = 0;
        }
    }
}

impl Asker for Announced {
    fn history(&self) -> History {
        self.asker.history()
    }

    fn reviews(&self) -> bool {
        self.asker.reviews()
    }

    fn review(&mut self, question: Question) {
        self.asker.review(question);
    }

    fn prepares(&self, question: &Question) -> bool {
        self.asker.prepares(question)
    }

    fn binds(&self, question: &Question) -> bool {
        self.asker.binds(question)
    }

    fn prepare(&mut self, question: Question) {
        self.asker.prepare(question);
    }

    fn raise(&mut self, question: Question) -> Result<(), Unasked> {
        let told = file().is_some_and(|file| file.exists()).then(|| question.clone());
        self.asker.raise(question)?;
        if let Some(question) = told {
            self.announce(&question);
        }
        Ok(())
    }

    fn joined(&mut self, question: &str, waiting: u32) {
        self.asker.joined(question, waiting);
    }

    fn wakes(&self) -> Option<BorrowedFd<'_>> {
        self.asker.wakes()
    }

    fn take(&mut self) -> Vec<Ended> {
        self.asker.take()
    }

    fn withdraw(&mut self, question: &str) {
        self.asker.withdraw(question);
    }

    fn granted(&mut self, grants: &[Grant]) {
        self.asker.granted(grants);
    }

    fn revoked(&mut self) -> Vec<Revoked> {
        self.asker.revoked()
    }
}

/// The notice of a question, with secrets taken out; its link is made by who sends it.
fn brief(question: &Question, more: u32) -> Notice {
    let redactor = super::run::redactor(&[]);
    Notice { more, ..Notice::of(question, "", &|text| redactor.text(text).into_owned()) }
}

/// What a sender is told.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// Whose child it is: without it nothing is sent.
    sender: u32,
    notice: Notice,
}

impl Order {
    fn send(&self) -> std::io::Result<Child> {
        let mut sender = Command::new("/proc/self/exe");
        sender.arg0("tollgate").arg(ENTRY).process_group(0);
        sender.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = tollgate_sys::limits::as_before(&mut sender).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // Shorter than a pipe holds, so it never waits.
            stdin.write_all(&serde_json::to_vec(self)?)?;
        }
        Ok(child)
    }
}

/// Whether this process is a sender.
pub(crate) fn ordered() -> bool {
    let mut words = std::env::args_os().skip(1);
    words.next().is_some_and(|word| word == ENTRY) && words.next().is_none()
}

/// Sends what the order says.
pub(crate) fn send() -> Outcome {
    let unread = |e: std::io::Error| Failure::new(Exit::Internal, "the order can't be read").because(&e);
    process::signal_on_parent_death(Signal::SIGKILL as i32).map_err(unread)?;
    SigSet::empty().thread_set_mask().map_err(|e| unread(e.into()))?;
    let mut bytes = Vec::new();
    std::io::stdin().take(ORDER).read_to_end(&mut bytes).map_err(unread)?;
    let order: Order = serde_json::from_slice(&bytes).map_err(|e| unread(e.into()))?;
    if parent_id() != order.sender {
        return Err(Failure::new(Exit::Internal, "who sent the order has gone"));
    }
    let told = config().map_or_else(|failure| vec![failure.text], |config| tell(&config, &order.notice));
    for line in told {
        keep(&line);
    }
    Ok(Exit::Done)
}

/// Tells everybody at the same time; gives what did not arrive.
fn tell(config: &Config, notice: &Notice) -> Vec<String> {
    let page = if config.page.is_empty() { format!("http://{}", tollgate_web::USUAL) } else { config.page.clone() };
    let link = format!("{}/q/{}", page.trim_end_matches('/'), notice.id);
    let notice = Notice { link, ..notice.clone() };
    let left = u64::try_from(notice.deadline.saturating_sub(time::now())).unwrap_or(0);
    let wait = WAIT.min(Duration::from_millis(left));
    let mut told = Vec::new();
    std::thread::scope(|scope| {
        let fits = |from: Risk| notice.risk >= from;
        let sent = config.hooks.iter().filter(|hook| fits(hook.from_risk)).map(|hook| {
            let notice = &notice;
            scope.spawn(move || post(hook, notice, wait).map_err(|unsent| unsent.to_string()))
        });
        let sent: Vec<_> = sent.collect();
        if config.desktop {
            told.extend(show(&notice).err().map(|why| format!("no notice on the desktop: {why}")));
        }
        told.extend(sent.into_iter().filter_map(|sent| sent.join().ok()?.err()));
    });
    told
}

/// The person's file, if nobody else could have written it.
fn config() -> Result<Config, Failure> {
    let none = || Failure::new(Exit::Failed, "nobody is to be told: there is no notify.toml");
    let path = file().filter(|path| path.exists()).ok_or_else(none)?;
    let text = layers::read(&path).map_err(|unread| unread.failure(&path))?;
    parse(&text)
        .map_err(|wrong| Failure::new(Exit::Policy, format!("{} is wrong", place::shown(&path))).because(&wrong))
}

/// Writes down what did not arrive, beneath the state folder: nobody looks at this process.
fn keep(line: &str) {
    let Ok(places) = place::places() else { return };
    let path = places.state.join("notify.log");
    let full = std::fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG);
    let opened = OpenOptions::new().create(true).append(!full).write(true).truncate(full).mode(0o600).open(&path);
    if let Ok(mut log) = opened {
        // A record of what was lost is not worth a failure of its own.
        writeln!(log, "{} {}", time::shown(time::now()), tollgate_wire::neutral::short(line, 400)).ok();
    }
}

/// Sends a notice that says it is a test, and says what did not arrive.
pub(crate) fn test() -> Outcome {
    let config = config().map_err(|failure| failure.hint(hint()))?;
    let notice = Notice {
        id: "test-1".to_owned(),
        run: "test".to_owned(),
        verb: "Test".to_owned(),
        what: "this is a test; no run asks anything".to_owned(),
        class: String::new(),
        risk: Risk::High,
        because: "somebody ran `tollgate approvals notify`".to_owned(),
        deadline: time::now() + 20_000,
        link: String::new(),
        more: 0,
    };
    let told = tell(&config, &notice);
    let count = config.hooks.len() + usize::from(config.desktop);
    for line in &told {
        ui::note(line);
    }
    if !told.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{} of {count} notices did not arrive", told.len())));
    }
    ui::data(format!("{count} notices arrived\n"))
}

fn hint() -> String {
    let path = file().unwrap_or_else(|| Path::new("notify.toml").to_owned());
    format!(
        "write {}: version = 1, and `desktop = true` or a [[hook]] with url and kind (ntfy, slack, generic)",
        place::shown(&path)
    )
}
