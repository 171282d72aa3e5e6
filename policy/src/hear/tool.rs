//! Tool calls of a harness, and system calls that come to the gate only to be refused.

use crate::action::{Call, Tool};
use crate::boundary::CallFate;
use crate::hear::{At, Firm, Ground, Heard, Meets, Voice};
use crate::index::Index;
use crate::key::{Key, Kind};
use crate::policy::Policy;
use crate::profile::document::ToolRule;
use crate::verdict::Effect;
use crate::word::{fits, is_plain};

/// All tool rules, filed by server and tool.
#[derive(Debug, Default)]
pub(crate) struct ToolRules {
    rules: Vec<At>,
    index: Index,
}

impl ToolRules {
    pub(crate) fn new<'a>(all: impl Iterator<Item = (At, &'a ToolRule)>) -> Self {
        let mut rules = Vec::new();
        let mut items = Vec::new();
        for (number, (at, rule)) in (0_u32..).zip(all) {
            let names = [(b's', &rule.server), (b't', &rule.tool)].into_iter();
            let keys = names.filter(|(_, name)| is_plain(name)).map(|(part, name)| tool_key(part, name));
            items.push((number, keys.collect()));
            rules.push(at);
        }
        Self { rules, index: Index::build(&items) }
    }
}

fn tool_key(part: u8, name: &str) -> u64 {
    Key::new(Kind::Tool).byte(part).bytes(name.as_bytes()).done()
}

impl Policy {
    /// Who speaks of a tool call.
    pub(crate) fn hear_tool(&self, wanted: &Tool) -> Heard<'_> {
        let rules = self.tool_rules();
        let keys = [tool_key(b's', &wanted.server), tool_key(b't', &wanted.tool)];
        let found = rules.index.candidates(&keys).into_iter();
        let voices = found.filter_map(|number| rules.rules.get(number as usize)).filter_map(|at| {
            let rule = self.document(*at)?.tools.get(at.rule as usize)?;
            let named = fits(&rule.server, wanted.server.as_bytes());
            let meets = if named && fits(&rule.tool, wanted.tool.as_bytes()) { Meets::Surely } else { Meets::No };
            Voice::of(&rule.terms, self.stand(*at), meets, || true)
        });
        let ground = self.ground("tool calls", Effect::Ask, |d| d.tool, |_| true);
        Heard { voices: voices.collect(), ground }
    }

    /// Who speaks of a system call: the line that sent it here. It is refused in any case.
    pub(crate) fn hear_call(&self, wanted: &Call) -> Heard<'_> {
        let because = format!("the system call `{}` is refused", wanted.name);
        let ground = Ground { effect: Effect::Deny, because, firm: Firm::Yes };
        let lines = self.calls().filter(|(_, line)| {
            matches!(line.then, CallFate::Refuse | CallFate::Judge)
                && line.names.iter().any(|name| *name == wanted.name)
        });
        let voices = lines.take(1).map(|(at, line)| {
            let (layer, file) = self.stand(at);
            Voice {
                effect: Effect::Deny,
                layer,
                file,
                line: line.spot.line,
                column: line.spot.column,
                because: &line.because,
                class: None,
                profile: None,
                opens: super::Opens::Yes,
            }
        });
        Heard { voices: voices.collect(), ground }
    }
}
