//! Writes that are asked about with their content: the caller has a draft (`hands`), and what it wrote becomes a question
//! when the last descriptor on that goes. A caller whose `close`, `dup2` or exit lets the last one go waits there for the
//! answer; where it goes in another way (a kill, an exec), the question is put all the same, and the run waits for it.

use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tollgate_hands::{Begun, Crossing, Draft, LARGEST, Written, diff};
use tollgate_ledger::record::Event;
use tollgate_policy::action::{Access, Action, PathAccess};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::evidence::{File, Opens, Section};
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::{Effect, Verdict};
use tollgate_sys::notify::Notification;

use crate::evidence;
use crate::exec::NEXT_WALL;
use crate::gate::Gate;
use crate::hold::{Held, Then};

/// Calls by which a descriptor goes; the filter sends them here only where a policy asks about writes.
pub(crate) const CALLS: [&str; 4] = ["close", "dup2", "dup3", "exit_group"];

/// Most drafts at a time.
const MOST: usize = 64;
/// What an agent is told to do about a file that is too long to be shown.
const NEXT_LONG: &str = "write beneath the workspace or $TMPDIR, or tell the person: `--write DIR` opens a directory";
const NEXT_CHANGED: &str = "read the file again, and write it anew if it still has to be changed";

/// Drafts that are being written.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    watch: Option<Inotify>,
    open: Vec<Open>,
}

/// One of them.
#[derive(Debug)]
struct Open {
    draft: Box<Draft>,
    watched: WatchDescriptor,
    /// Who opened it.
    opener: Notification,
    action: u64,
    verdict: Verdict,
}

/// A draft whose content is known.
#[derive(Debug)]
pub(crate) struct Finished {
    draft: Box<Draft>,
    written: Written,
    /// Whether a caller waits, and in which call; else it was put after the fact.
    waits: Option<String>,
}

impl Finished {
    /// Whether the question stands though nobody waits for its answer.
    pub(crate) fn stands_alone(&self) -> bool {
        self.waits.is_none()
    }

    pub(crate) fn path(&self) -> &AbsPath {
        &self.draft.path
    }

    /// What an approval is held to.
    pub(crate) fn digest(&self) -> String {
        let all = [&self.written.content[..], format!("\n{:o}", self.written.mode).as_bytes()].concat();
        sha256_hex(&all)
    }

    pub(crate) fn evidence(&self) -> Vec<Section> {
        let path = self.draft.path.as_path().to_string_lossy().into_owned();
        let before = self.draft.before();
        let would = if before.is_some() { "write" } else { "create" };
        let now = evidence::standing(self.draft.path.as_path());
        let mut all = vec![Section::File(File { path: path.clone(), would: would.into(), now, ..File::default() })];
        all.extend(diff::of(&path, before.unwrap_or_default(), &self.written.content).map(Section::Diff));
        let content = &self.written.content;
        all.push(Section::note("content", format!("{} bytes, sha256 {}", content.len(), sha256_hex(content))));
        match self.draft.mode_before() {
            Some(mode) if mode != self.written.mode => {
                all.push(Section::note("mode", format!("{mode:o} -> {:o}", self.written.mode)));
            }
            None => all.push(Section::note("mode", format!("{:o}", self.written.mode))),
            Some(_) => {}
        }
        all.push(Section::Opens(Opens { what: evidence::WRITING.into(), ..Opens::default() }));
        all
    }
}

impl Gate<'_> {
    /// Gives the caller a draft where there is somebody to be asked, and something to be drafted; else the verdict back:
    /// the call is to be asked about as it is.
    pub(crate) fn draft(&mut self, call: Notification, crossing: &Crossing, told: (u64, Verdict)) -> Option<Verdict> {
        let (action, verdict) = told;
        let asked = (verdict.effect == Effect::Ask || crossing.is_configuration())
            && self.drafts.open.len() < MOST
            && self.run.asker.wakes().is_some()
            && crossing.opens();
        let (true, Some(listener), Some(files)) = (asked, self.listener.clone(), &mut self.files) else {
            return Some(verdict);
        };
        let draft = match files.draft(&listener, &call, crossing) {
            Begun::Draft(draft) => draft,
            Begun::Unfit => return Some(verdict),
            Begun::Answered => return None,
        };
        let Some(watched) = self.drafts.watch(&draft) else { return Some(verdict) };
        if draft.give(&listener, &call).is_ok() {
            self.drafts.open.push(Open { draft, watched, opener: call, action, verdict });
        }
        None
    }

    /// A descriptor is about to go.
    pub(crate) fn draft_call(&mut self, call: Notification, name: &str) {
        match self.drafts.last_of(&call, name) {
            Some(at) => {
                let open = self.drafts.open.remove(at);
                self.finish(open, Some((call, name)));
            }
            None => self.leave(&call),
        }
    }

    fn leave(&self, call: &Notification) {
        // its caller may have gone
        let _went_on = self.listener.as_ref().map(|listener| listener.proceed(call.id));
    }

    /// Descriptors have gone that nobody waited for.
    pub(crate) fn take_drafts(&mut self) {
        for at in self.drafts.gone() {
            let open = self.drafts.open.remove(at);
            self.finish(open, None);
        }
    }

    /// The command has ended: what it left in drafts is asked about now. True as long as answers are waited for.
    pub(crate) fn settles(&mut self) -> bool {
        let broken = self.ending.unwritten.is_some() || self.ending.stopped.is_some();
        if broken || self.is_called_back() {
            return false;
        }
        while let Some(open) = self.drafts.open.pop() {
            self.finish(open, None);
        }
        self.held.values().any(Held::stands_alone)
    }

    fn finish(&mut self, open: Open, from: Option<(Notification, &str)>) {
        let Open { draft, opener, action, verdict, .. } = open;
        let call = from.as_ref().map_or(Notification { id: 0, ..opener }, |(call, _)| *call);
        let what = Action::Path(PathAccess { path: draft.path.clone(), access: Access::Write });
        let shown = format!("to write {:?}", draft.path);
        let waits = from.map(|(_, name)| name.to_owned());
        match draft.written() {
            Ok(Some(written)) if draft.changes(&written) => {
                // what a rule asks about is asked about, whatever its content
                let allowed = verdict.effect == Effect::Allow;
                let plain = (allowed || verdict.reason.is_default()) && draft.is_tame(&written);
                if allowed && !plain {
                    let why = "a person who runs git there could run what it names";
                    return self.left_unwritten((call, waits.as_deref()), (action, what, &shown), (why, NEXT_WALL));
                }
                let then = Then::Draft(Box::new(Finished { draft, written, waits }));
                let held = Held::new(call, action, (what, shown), verdict, then);
                if plain { self.put_on(held) } else { self.cross_with(held) }
            }
            Ok(Some(_)) => self.go_on_from(call, waits.as_deref()),
            unread => {
                let why = unread.err().map_or_else(
                    || format!("more than {} MiB can't be shown to be approved", LARGEST >> 20),
                    |errno| format!("what was written can't be read: {}", errno.desc()),
                );
                self.left_unwritten((call, waits.as_deref()), (action, what, &shown), (&why, NEXT_LONG));
            }
        }
    }

    /// Approved: what was shown is put in place.
    pub(crate) fn put_on(&mut self, held: Held) {
        let Then::Draft(finished) = held.then else { return self.refuse(&held.call, libc::EPERM) };
        let waits = finished.waits.as_deref();
        let Some(files) = &mut self.files else { return self.refuse(&held.call, libc::EPERM) };
        match files.put(&finished.draft, &finished.written) {
            Ok(()) => self.go_on_from(held.call, waits),
            Err(unplaced) => {
                let why = unplaced.to_string();
                self.left_unwritten((held.call, waits), (held.action, held.what, &held.shown), (&why, NEXT_CHANGED));
            }
        }
    }

    /// Refused: the caller goes on without what it wrote. Only a `close` can say so.
    pub(crate) fn not_put(&self, call: &Notification, finished: &Finished) {
        match finished.waits.as_deref() {
            Some("close") => self.refuse(call, libc::EPERM),
            Some(_) => self.leave(call),
            None => {}
        }
    }

    fn left_unwritten(
        &mut self,
        (call, waits): (Notification, Option<&str>),
        (action, what, shown): (u64, Action, &str),
        (why, next): (&str, &str),
    ) {
        let event = Event::Refused { action, pid: call.tid.unsigned_abs(), what, wall: why.to_owned() };
        self.turn_back(call.tid, (event, shown), (why, next));
        match waits {
            Some("close") => self.refuse(&call, libc::EIO),
            Some(_) => self.leave(&call),
            None => {}
        }
    }

    /// The caller goes on, unless another draft ends with the same call.
    fn go_on_from(&mut self, call: Notification, waits: Option<&str>) {
        if let Some(name) = waits {
            self.draft_call(call, name);
        }
    }
}

impl Drafts {
    /// Readable when a descriptor has gone.
    pub(crate) fn wakes(&self) -> Option<&Inotify> {
        self.watch.as_ref().filter(|_| !self.open.is_empty())
    }

    fn watch(&mut self, draft: &Draft) -> Option<WatchDescriptor> {
        if self.watch.is_none() {
            self.watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok();
        }
        self.watch.as_ref()?.add_watch(Path::new(&draft.watched()), AddWatchFlags::IN_CLOSE_WRITE).ok()
    }

    /// Drafts that nobody holds any more; the last first.
    fn gone(&self) -> Vec<usize> {
        let Some(watch) = &self.watch else { return Vec::new() };
        let told = watch.read_events().unwrap_or_default();
        let is_told = |open: &Open| told.iter().any(|event| event.wd == open.watched);
        let free = |open: &Open| holders(&open.draft, None).is_empty();
        let gone = self.open.iter().enumerate().filter(|(_, open)| is_told(open) && free(open));
        gone.map(|(at, _)| at).rev().collect()
    }

    /// The draft whose last descriptor would go with a call.
    fn last_of(&self, call: &Notification, name: &str) -> Option<usize> {
        if self.open.is_empty() {
            return None;
        }
        let number = |at: usize| call.args.get(at).and_then(|arg| u32::try_from(*arg & 0xffff_ffff).ok());
        let going = match name {
            "close" => number(0),
            "dup2" | "dup3" if number(0) != number(1) => number(1),
            "exit_group" => None,
            _ => return None,
        };
        let process = tollgate_sys::ids::process_of(call.tid)?;
        self.open.iter().position(|open| {
            let own = descriptors(process, &open.draft);
            let all_go = match going {
                Some(number) => own == [number],
                None => !own.is_empty(),
            };
            all_go && holders(&open.draft, Some(process)).is_empty()
        })
    }
}

/// Processes that hold a draft, but this one and another.
fn holders(draft: &Draft, but: Option<i32>) -> Vec<i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    all.filter(|pid| *pid != own && Some(*pid) != but && !descriptors(*pid, draft).is_empty()).collect()
}

/// The numbers under which a process holds a draft.
fn descriptors(process: i32, draft: &Draft) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let behind = entries.filter(|entry| draft.is_behind(&entry.path()));
    behind.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
