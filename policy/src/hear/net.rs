//! Connections: names, addresses, unix sockets.

use std::net::IpAddr;

use crate::action::{Connect, Target};
use crate::boundary::Reach;
use crate::hear::path::PathRules;
use crate::hear::{At, Firm, Ground, Heard, Meets, Opens, Voice};
use crate::host::{self, HostPattern};
use crate::index::Index;
use crate::key::{Key, Kind};
use crate::layer::Bounds;
use crate::path::AbsPath;
use crate::policy::Policy;
use crate::profile::document::{Text, UnixRule};
use crate::profile::rules::abstract_name;
use crate::raw::Raw;
use crate::verdict::Effect;
use crate::word::{fits, is_plain};

/// All host patterns, filed by name from the right, and by block.
#[derive(Debug, Default)]
pub(crate) struct NetRules {
    hosts: Vec<(At, HostPattern)>,
    index: Index,
}

/// All unix sockets: by path, by abstract name, and by path from `[network]`.
#[derive(Debug, Default)]
pub(crate) struct UnixRules {
    pub(crate) paths: PathRules,
    names: Vec<(At, String)>,
    index: Index,
    pub(crate) granted: PathRules,
}

impl NetRules {
    pub(crate) fn new<'a>(all: impl Iterator<Item = (At, &'a Text)>) -> Self {
        let hosts = all.filter_map(|(at, text)| Some((at, HostPattern::new(text).ok()?)));
        let hosts: Vec<(At, HostPattern)> = hosts.collect();
        let keys: Vec<_> = (0_u32..).zip(&hosts).map(|(number, (_, host))| (number, host.keys())).collect();
        Self { index: Index::build(&keys), hosts }
    }
}

impl UnixRules {
    /// Files the sockets of `[[unix]]`, and those that `[network]` grants.
    pub(crate) fn new<'a>(
        policy: &Policy,
        all: impl Iterator<Item = (At, &'a Text)>,
        granted: impl Iterator<Item = (At, &'a Text)>,
    ) -> Self {
        let (names, paths): (Vec<_>, Vec<_>) = all.partition(|(_, text)| abstract_name(text).is_some());
        let names = names.into_iter().filter_map(|(at, text)| Some((at, abstract_name(text)?.to_owned())));
        let names: Vec<(At, String)> = names.collect();
        let keys = |name: &String| {
            if is_plain(name) { vec![abstract_key(name.as_bytes())] } else { Vec::new() }
        };
        let keys: Vec<_> = (0_u32..).zip(&names).map(|(number, (_, name))| (number, keys(name))).collect();
        Self {
            paths: PathRules::new(policy, paths.into_iter()),
            index: Index::build(&keys),
            names,
            granted: PathRules::new(policy, granted),
        }
    }
}

fn abstract_key(name: &[u8]) -> u64 {
    Key::new(Kind::Abstract).bytes(name).done()
}

impl Policy {
    /// Who speaks of a connection.
    pub(crate) fn hear_connect(&self, wanted: &Connect) -> Heard<'_> {
        let host = match &wanted.target {
            Target::Name(name) => host::normal(name),
            Target::Address(address) => Ok(Target::Address(address.to_canonical())),
            Target::Unix(path) => return self.hear_socket(path),
            Target::Abstract(name) => return self.hear_abstract(name),
        };
        match host {
            Ok(host) => self.hear_host(&host, wanted.port),
            Err(fault) => {
                let because = format!("no name of a host: {fault}");
                Heard { voices: Vec::new(), ground: Ground { effect: Effect::Deny, because, firm: Firm::Yes } }
            }
        }
    }

    fn hear_host(&self, host: &Target, port: u16) -> Heard<'_> {
        let rules = self.net_rules();
        let found = rules.index.candidates(&host::keys_of(host)).into_iter();
        let mut voices: Vec<Voice<'_>> = found
            .filter_map(|number| rules.hosts.get(number as usize))
            .filter_map(|(at, pattern)| {
                let rule = self.document(*at)?.nets.get(at.rule as usize)?;
                let fits = (rule.ports.is_empty() || rule.ports.contains(&port)) && pattern.covers(host);
                let meets = if fits { Meets::Surely } else { Meets::No };
                let inside = || self.inside(*at, |bounds| bounds.hold_host(host, port));
                Voice::of(&rule.terms, self.stand(*at), meets, inside)
            })
            .collect();
        voices.extend(self.reaches(host, port));
        let ground = self.ground("network names", Effect::Ask, |d| d.name, |bounds| bounds.hold_host(host, port));
        Heard { voices, ground }
    }

    /// Whether an entitled rule allows this very address, or a block that it lies in, at this port. `*` names no
    /// address, nor does a port that is open to all. For addresses that are not on the open internet: a name that
    /// leads there opens none of them.
    #[must_use]
    pub fn names_address(&self, address: IpAddr, port: u16) -> bool {
        let host = Target::Address(address.to_canonical());
        let rules = self.net_rules();
        let mut found = rules.index.candidates(&host::keys_of(&host)).into_iter();
        found.any(|number| {
            let Some((at, pattern)) = rules.hosts.get(number as usize) else { return false };
            let Some(rule) = self.document(*at).and_then(|document| document.nets.get(at.rule as usize)) else {
                return false;
            };
            rule.terms.effect == Effect::Allow
                && matches!(pattern, HostPattern::Block(_))
                && (rule.ports.is_empty() || rule.ports.contains(&port))
                && pattern.covers(&host)
                && self.stand(*at).0.may_grant()
                && self.inside(*at, |bounds| bounds.hold_host(&host, port))
        })
    }

    /// `[network]`: a network that is open, or open at this port.
    fn reaches(&self, host: &Target, port: u16) -> impl Iterator<Item = Voice<'_>> {
        self.sources().filter_map(move |(at, document)| {
            let granted = &document.network;
            let because = match granted.reach? {
                Reach::Ports if granted.ports.contains(&port) => "the network is open at this port",
                Reach::None | Reach::Ports => return None,
                Reach::Open => "the network is open",
            };
            Some(self.grant_voice(at, because, |bounds| bounds.hold_host(host, port)))
        })
    }

    fn grant_voice(&self, at: At, because: &'static str, bounds: impl Fn(&Bounds) -> bool) -> Voice<'_> {
        let (layer, file) = self.stand(at);
        let opens = match (layer.may_grant(), self.inside(at, bounds)) {
            (false, _) => Opens::Layer,
            (true, false) => Opens::Envelope,
            (true, true) => Opens::Yes,
        };
        Voice { effect: Effect::Allow, layer, file, line: 0, column: 0, because, class: None, profile: None, opens }
    }

    fn hear_socket(&self, path: &AbsPath) -> Heard<'_> {
        let rules = self.unix_rules();
        let mut voices: Vec<Voice<'_>> = Vec::new();
        for (at, glob) in rules.paths.candidates(path) {
            let Some(rule) = self.unix_rule(*at) else {
                continue;
            };
            let meets = match glob.covers(path) {
                Ok(true) if !glob.is_blurred() => Meets::Surely,
                Ok(true) | Err(_) => Meets::Perhaps,
                Ok(false) => Meets::No,
            };
            let inside = || self.inside(*at, |bounds| bounds.hold_socket(path));
            voices.extend(Voice::of(&rule.terms, self.stand(*at), meets, inside));
        }
        for (at, glob) in rules.granted.candidates(path) {
            if !glob.is_blurred() && glob.covers(path) == Ok(true) {
                let because = "the socket is listed in `network.unix`";
                voices.push(self.grant_voice(*at, because, |bounds| bounds.hold_socket(path)));
            }
        }
        let ground = self.ground("unix sockets", Effect::Ask, |d| d.unix, |bounds| bounds.hold_socket(path));
        Heard { voices, ground }
    }

    fn hear_abstract(&self, name: &Raw) -> Heard<'_> {
        let rules = self.unix_rules();
        let found = rules.index.candidates(&[abstract_key(name.bytes())]).into_iter();
        let found = found.filter_map(|number| rules.names.get(number as usize));
        let voices = found.filter_map(|(at, pattern)| {
            let rule = self.unix_rule(*at)?;
            let meets = if fits(pattern, name.bytes()) { Meets::Surely } else { Meets::No };
            // An envelope on sockets knows paths only: it holds no abstract name.
            Voice::of(&rule.terms, self.stand(*at), meets, || self.inside(*at, |bounds| bounds.unix.is_none()))
        });
        let ground = self.ground("unix sockets", Effect::Ask, |d| d.unix, |bounds| bounds.unix.is_none());
        Heard { voices: voices.collect(), ground }
    }

    fn unix_rule(&self, at: At) -> Option<&UnixRule> {
        self.document(at)?.sockets.get(at.rule as usize)
    }
}
