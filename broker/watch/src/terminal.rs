//! The terminal: taken, and given back however it ends: by a key, a signal, a fault, a panic.

use std::fmt;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use tollgate_wire::bell::Bell;
use tollgate_wire::client::{Reaction, TEST, Taken};
use tollgate_wire::inbox::{Desk, Look};

use crate::draw::{Colour, draw};
use crate::keys::Now;
use crate::model::{Act, Given, Model, Place};

/// Milliseconds that one waits for a key before the clock is drawn anew.
const TICK: u8 = 100;

/// How long nobody looks where no bell rings.
const PATIENCE: Duration = Duration::from_secs(1);

/// The name by which answers from here are recorded.
const CHANNEL: &str = "watch";

/// The terminal can't be used.
#[derive(Debug)]
pub struct Unshown(io::Error);

impl fmt::Display for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the terminal can't be used")
    }
}

impl std::error::Error for Unshown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// What came from outside, as flags.
struct Signals {
    leave: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Signals {
    fn take() -> io::Result<Self> {
        let (leave, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::clone(&leave))?;
        }
        signal_hook::flag::register(SIGTSTP, Arc::clone(&stop))?;
        Ok(Self { leave, stop })
    }
}

/// Shows what waits, and takes answers, until it is left.
///
/// # Errors
/// [`Unshown`].
pub fn watch(desk: &Arc<dyn Desk>, sockets: Vec<PathBuf>, colour: Colour) -> Result<(), Unshown> {
    let signals = Signals::take().map_err(Unshown)?;
    let (send, news) = channel();
    let looking = Arc::clone(desk);
    let feed = move || feed(looking.as_ref(), &sockets, &send);
    std::thread::Builder::new().name("bell".to_owned()).spawn(feed).map_err(Unshown)?;
    // Gives the terminal back in a panic too.
    let mut terminal = ratatui::try_init().map_err(Unshown)?;
    let ended = attend(&mut terminal, desk.as_ref(), (&news, &signals, colour));
    let restored = ratatui::try_restore();
    ended.and(restored).map_err(Unshown)
}

fn feed(desk: &dyn Desk, sockets: &[PathBuf], send: &Sender<Look>) {
    let bell = Bell::hang(sockets);
    let mut known = None;
    loop {
        let look = desk.look();
        if known.as_ref() != Some(&look) {
            known = Some(look.clone());
            if send.send(look).is_err() {
                return;
            }
        }
        bell.wait(PATIENCE);
    }
}

fn attend(
    terminal: &mut DefaultTerminal,
    desk: &dyn Desk,
    (news, signals, colour): (&Receiver<Look>, &Signals, Colour),
) -> io::Result<()> {
    let mut model = Model::new();
    loop {
        if signals.leave.load(Ordering::Relaxed) {
            return Ok(());
        }
        if signals.stop.swap(false, Ordering::Relaxed) {
            suspend(terminal)?;
        }
        while let Ok(look) = news.try_recv() {
            model.news(look, Instant::now());
        }
        let now = Now { mono: Instant::now(), wall: jiff::Timestamp::now().as_millisecond() };
        terminal.draw(|frame| draw(frame, &model, (colour, now)))?;
        let act = match next()? {
            Some(Event::Key(key)) => model.key(key, now),
            _ => None,
        };
        match act {
            None => {}
            Some(Act::Quit) => return Ok(()),
            Some(Act::Suspend) => suspend(terminal)?,
            Some(Act::Open(run, question)) => desk.open(&run, &question),
            Some(Act::Give(answers)) => {
                let said = give(desk, &answers);
                model.place = Place::List;
                model.say(&said, Instant::now());
                model.news(desk.look(), Instant::now());
                model.say(&said, Instant::now());
            }
        }
    }
}

/// What was pressed, if anything; a signal is nothing.
fn next() -> io::Result<Option<Event>> {
    // crossterm reads a terminal that has gone for ever: it is asked only while there is one.
    wait(PollTimeout::ZERO)?;
    match event::poll(Duration::ZERO) {
        Ok(true) => event::read().map(Some),
        Ok(false) => wait(TICK.into()).map(|()| None),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(e) => Err(e),
    }
}

/// Waits for a key. An error where the terminal has gone.
fn wait(longest: PollTimeout) -> io::Result<()> {
    let terminal = io::stdin();
    let mut ends = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
    match poll(&mut ends, longest) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(e) => return Err(e.into()),
    }
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    if ends.iter().any(|end| end.revents().is_some_and(|seen| seen.intersects(gone))) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

fn suspend(terminal: &mut DefaultTerminal) -> io::Result<()> {
    ratatui::try_restore()?;
    signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
    *terminal = ratatui::try_init()?;
    terminal.clear()
}

fn give(desk: &dyn Desk, answers: &[Given]) -> String {
    let mut taken = 0;
    let mut told = Vec::new();
    for given in answers {
        let reaction = Reaction {
            question: &given.question,
            digest: &given.digest,
            answer: given.answer.clone(),
            channel: CHANNEL,
            reason: &given.word,
            seen: given.seen,
        };
        match desk.answer(&given.run, &reaction) {
            Ok(Taken::Closed) => taken += 1,
            Ok(Taken::Test) => told.push(TEST.to_owned()),
            Ok(Taken::Counted(missing)) => told.push(format!("your yes counts; {missing} more have to agree")),
            Err(fault) => told.push(format!("not answered: {fault}")),
        }
    }
    let word = match answers.first().map(|given| &given.answer) {
        Some(answer) if answer.is_yes() => "approved",
        Some(_) => "denied",
        None => "nothing was chosen",
    };
    let count = match (taken, answers.len()) {
        (_, 0) | (1, 1) => word.to_owned(),
        (0, _) => String::new(),
        (taken, _) => format!("{taken} {word}"),
    };
    std::iter::once(count)
        .chain(told.into_iter().take(3))
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}
