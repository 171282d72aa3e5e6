//! A call becomes actions, each is judged, and the strictest word holds. What asks is settled here while the client waits.

use tollgate_hooks::{Call, Deed, Event, Moment, Ruling, Touch};
use tollgate_ledger::record::{self, Of, Told};
use tollgate_policy::Policy;
use tollgate_policy::action::{Access, Action, PathAccess, Tool};
use tollgate_policy::evidence::Section;
use tollgate_policy::grant::{Grant, Grants};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason, Verdict};
use tollgate_wire::neutral;

use super::ask::{self, Answered};
use super::scene::Scene;
use super::{evidence, paths, refusal, repositories, shell, told, urls};
use crate::failure::Failure;
use crate::verb::handed::Handed;

/// Who offers a client's own tools, in rules.
const BUILTIN: &str = "builtin";

/// One thing that a call would do, and what policy says of it.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) action: Action,
    /// Never `review`.
    pub(super) verdict: Verdict,
    /// What an approver should see besides.
    pub(super) evidence: Vec<Section>,
}

/// What becomes of a call that nothing forbids.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The client does it.
    Bare,
    /// This text runs inside a boundary.
    Contained(String),
    /// It runs inside a boundary as it is.
    AsItIs,
}

/// What is said about a call.
pub(super) fn weigh(scene: &mut Scene, event: &Event, call: &Call) -> Result<Ruling, Failure> {
    if scene.session.is_stopped()? {
        let next = "stop here, and tell the person";
        return Ok(Ruling::Deny { reason: refusal("all that this session does", "a person stopped it", next) });
    }
    let (all, way) = match &call.deed {
        Deed::Shell { .. } => shell::weigh(scene, event, call)?,
        Deed::Files(touched) => (files(scene, touched)?, Way::Bare),
        Deed::Fetch(pages) => (pages_of(scene, call, pages), Way::Bare),
        Deed::Tool(names) => (vec![tool(scene, names, call)], Way::Bare),
        Deed::Own => (vec![own(scene, &call.tool, Effect::Allow)], Way::Bare),
        Deed::Unknown => (vec![own(scene, &call.tool, Effect::Deny)], Way::Bare),
    };
    // What runs inside becomes an action of the run that it is in.
    let goes_inside = way != Way::Bare && all.iter().all(|one| one.verdict.effect == Effect::Allow);
    let number = if goes_inside { 0 } else { begin(scene, call, &all)? };
    if let Some(one) = all.iter().find(|one| one.verdict.effect == Effect::Deny) {
        return denied(scene, number, one);
    }
    let mut granted = Vec::new();
    for one in all.iter().filter(|one| one.verdict.effect == Effect::Ask) {
        if scene.hand_over {
            scene.flush()?;
            return Ok(Ruling::HandOver { reason: one.verdict.reason.because.clone() });
        }
        match ask::ask(scene, number, one)? {
            Answered::No(reason) => return Ok(Ruling::Deny { reason }),
            Answered::Yes(opens) => granted.extend(opens.map(|grant| *grant)),
        }
    }
    allowed(scene, (event, call), (&all, number), goes_on(scene, (way, number), granted)?)
}

/// The way, with the command line of what goes inside; what was approved goes with it.
fn goes_on(scene: &Scene, (way, action): (Way, u64), granted: Vec<Grant>) -> Result<Way, Failure> {
    let Way::Contained(text) = way else { return Ok(way) };
    let handed = if granted.is_empty() {
        None
    } else {
        let of = Of { run: scene.session.run.clone(), action };
        Some(Handed::new(shell::within(&text), of, granted).leave(&scene.places.state)?)
    };
    Ok(Way::Contained(shell::wrapped(scene, &text, handed.as_deref())?))
}

/// Writes down that an action began.
fn begin(scene: &Scene, call: &Call, all: &[Weighed]) -> Result<u64, Failure> {
    let number = scene.session.next()?;
    let said = all.iter().map(|one| Raw::from(evidence::brief(&one.action).as_str()));
    let argv = [Raw::from(call.tool.as_str())].into_iter().chain(said).collect();
    let reads = |one: &Weighed| matches!(&one.action, Action::Path(wanted) if wanted.access == Access::Read);
    let read_only = !all.is_empty() && all.iter().all(reads);
    scene.group(record::Event::ActionStarted { action: number, argv, cwd: scene.ground.cwd.clone(), read_only })?;
    Ok(number)
}

fn denied(scene: &Scene, number: u64, one: &Weighed) -> Result<Ruling, Failure> {
    let pid = std::os::unix::process::parent_id();
    let (what, verdict) = (one.action.clone(), one.verdict.clone());
    scene.group(record::Event::Denied { action: number, pid, what, verdict })?;
    // Nothing happens that would have to wait for the disk.
    scene.flush()?;
    let why = evidence::why(&one.verdict.reason);
    let next = "do it another way, or ask the person; trying again in other words ends the same";
    Ok(Ruling::Deny { reason: refusal(&evidence::attempt(&one.action), &why, next) })
}

fn allowed(
    scene: &Scene,
    (event, call): (&Event, &Call),
    (all, action): (&[Weighed], u64),
    way: Way,
) -> Result<Ruling, Failure> {
    let verdict = all.iter().map(|one| &one.verdict).max_by_key(|verdict| verdict.effect).cloned();
    let verdict = verdict.unwrap_or_else(|| said(Effect::Allow, "it touches nothing"));
    let reason = match way {
        Way::Bare => evidence::why(&verdict.reason),
        Way::Contained(_) | Way::AsItIs => "it runs inside a boundary".to_owned(),
    };
    let text = all.iter().map(|one| evidence::brief(&one.action)).collect::<Vec<_>>().join("; ");
    let called = Told::Called {
        action,
        call: told::cut(&call.id, 200),
        tool: told::cut(&call.tool, 200),
        contained: way != Way::Bare,
        text: told::cut(&text, 4000),
        verdict,
    };
    scene.group(told::hook(scene, event, called))?;
    scene.flush()?;
    Ok(match way {
        Way::Bare | Way::AsItIs => Ruling::Allow { reason },
        Way::Contained(text) => Ruling::Rewrite { text, reason },
    })
}

/// What policy and risk table say of an action; what was approved for this session is not asked about again.
pub(super) fn judge(scene: &Scene, action: Action) -> Weighed {
    let verdict = scene.policy.judge(&scene.subject, &action, &Grants::default(), crate::time::now());
    Weighed { verdict: reviewed(&scene.policy, verdict), action, evidence: Vec::new() }
}

/// A verdict in which the risk table has spoken.
pub(super) fn reviewed(policy: &Policy, verdict: Verdict) -> Verdict {
    let reviewed = policy.review(&verdict);
    Verdict { effect: reviewed.effect, reason: reviewed.reason, ..verdict }
}

fn files(scene: &Scene, touched: &[Touch]) -> Result<Vec<Weighed>, Failure> {
    let meant = |touch: &Touch| paths::meant(&touch.path, &scene.ground.cwd, &scene.ground.home);
    let written = touched.iter().filter(|touch| touch.access == Access::Write);
    let written: Vec<AbsPath> = written.filter_map(meant).flatten().collect();
    let mut all: Vec<Weighed> = Vec::new();
    for touch in touched {
        match meant(touch) {
            Some(places) => all.extend(places.into_iter().map(|place| spared(&written, file(scene, touch, &place)))),
            None => all.push(lost(scene, touch)?),
        }
    }
    Ok(all)
}

/// What would be written is nothing that git runs programs by.
fn spared(written: &[AbsPath], mut one: Weighed) -> Weighed {
    let Action::Path(PathAccess { path, access: Access::Write }) = &one.action else { return one };
    if one.verdict.effect == Effect::Allow && repositories::is_obeyed(path.as_path(), written) {
        let because = "git would run what this names or is, the next time somebody works in that repository";
        one.verdict = said(Effect::Deny, because);
    }
    one
}

fn file(scene: &Scene, touch: &Touch, path: &AbsPath) -> Weighed {
    let ours = scene.is_ours(path);
    let mut one = judge(scene, Action::Path(PathAccess { path: path.clone(), access: touch.access }));
    if ours {
        one.verdict = said(Effect::Deny, "it is where Tollgate keeps its own state");
    }
    // Only a question shows it; a diff of many lines takes its time.
    if one.verdict.effect == Effect::Ask {
        one.evidence = evidence::change(touch, path);
    }
    one
}

/// A path that can't be told: nobody could say what is read or written.
fn lost(scene: &Scene, touch: &Touch) -> Result<Weighed, Failure> {
    let shown = format!("unresolved/{}", neutral::short(&touch.path, 200).replace(['/', '\0'], "_"));
    let path = scene.ground.cwd.join(shown).map_err(|e| Failure::of(crate::exit::Exit::Internal, &e))?;
    let verdict = said(Effect::Deny, "where this path leads can't be told");
    Ok(Weighed { action: Action::Path(PathAccess { path, access: touch.access }), verdict, evidence: Vec::new() })
}

/// Each page is a connection by name, made by the client itself.
fn pages_of(scene: &Scene, call: &Call, pages: &[String]) -> Vec<Weighed> {
    let mut all = vec![own(scene, &call.tool, Effect::Allow)];
    for page in pages {
        let evidence = vec![Section::note("page", neutral::short(page, 2000))];
        all.push(if let Some(connect) = urls::connect(page) {
            Weighed { evidence, ..judge(scene, Action::Connect(connect)) }
        } else {
            let verdict = said(Effect::Deny, "which host this address means can't be told");
            Weighed { verdict, evidence, ..own(scene, &call.tool, Effect::Deny) }
        });
    }
    if pages.is_empty() {
        // It names no page that could be judged, and may fetch one all the same.
        all.push(own(scene, &call.tool, Effect::Ask));
    }
    all
}

/// A tool that may be known by several names: rules on any of them count, and defaults only where there is none.
fn tool(scene: &Scene, names: &[(String, String)], call: &Call) -> Weighed {
    let action = |(server, tool): &(String, String)| Action::Tool(Tool { server: server.clone(), tool: tool.clone() });
    let all: Vec<Weighed> = names.iter().map(|name| judge(scene, action(name))).collect();
    let (ruled, open): (Vec<Weighed>, Vec<Weighed>) = all.into_iter().partition(|one| !one.verdict.reason.is_default());
    let strictest = |list: Vec<Weighed>| list.into_iter().max_by_key(|one| one.verdict.effect);
    let one = strictest(ruled).or_else(|| strictest(open)).unwrap_or_else(|| own(scene, &call.tool, Effect::Deny));
    let arguments = serde_json::to_string(&call.input).unwrap_or_default();
    Weighed { evidence: vec![Section::note("arguments", neutral::short(&arguments, 4000))], ..one }
}

/// A tool of the client's own, by its name; `usual` where no rule speaks.
fn own(scene: &Scene, tool: &str, usual: Effect) -> Weighed {
    let named = Tool { server: BUILTIN.to_owned(), tool: told::cut(tool, 200) };
    let one = judge(scene, Action::Tool(named));
    if !one.verdict.reason.is_default() {
        return one;
    }
    let because = match usual {
        Effect::Allow => "a tool of the client's own that reaches nothing by itself",
        Effect::Review | Effect::Ask => "what it would fetch can't be told",
        Effect::Deny => "no adapter knows this tool, and no rule speaks of it",
    };
    Weighed { verdict: said(usual, because), ..one }
}

/// A verdict of the hook's own.
pub(super) fn said(effect: Effect, because: &str) -> Verdict {
    let reason = Reason { file: "default".to_owned(), line: 0, because: because.to_owned() };
    Verdict { effect, reason, class: None, profile: None }
}

/// Whether an event is the client's question to its person.
pub(super) const fn is_question(event: &Event) -> bool {
    matches!(event.moment, Moment::Permission(_))
}
