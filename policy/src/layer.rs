//! Where a document stands, what that entitles it to, and the bounds that stand above it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::action::Target;
use crate::boundary::Reach;
use crate::host::HostPattern;
use crate::path::AbsPath;
use crate::pattern::{Pattern, resolve};
use crate::place::Place;
use crate::profile::document::{Envelope, List, Text};

/// Where a document stands; earlier is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Shipped profiles that every run starts from.
    BuiltIn,
    /// `/etc/tollgate/policy.toml`
    System,
    /// The user's file, `--policy`, `--profile` and the flags of `run`.
    Person,
    /// The project's file.
    Project {
        /// Whether a person accepted this very file, by digest.
        trusted: bool,
    },
    /// The run's contract.
    Contract,
}

impl Layer {
    /// Its height: less is above. A project stands where it stands, trusted or not.
    #[must_use]
    pub(crate) const fn rank(self) -> u8 {
        match self {
            Self::BuiltIn => 0,
            Self::System => 1,
            Self::Person => 2,
            Self::Project { .. } => 3,
            Self::Contract => 4,
        }
    }

    /// Whether its grants count.
    #[must_use]
    pub const fn may_grant(self) -> bool {
        match self {
            Self::BuiltIn | Self::System | Self::Person | Self::Project { trusted: true } => true,
            Self::Project { trusted: false } | Self::Contract => false,
        }
    }
}

/// An envelope, resolved. What is none sets no bound.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) rank: u8,
    pub(crate) read: Option<Vec<AbsPath>>,
    pub(crate) exec: Option<Vec<AbsPath>>,
    pub(crate) write: Option<Vec<AbsPath>>,
    pub(crate) device: Option<Vec<AbsPath>>,
    pub(crate) reach: Option<Reach>,
    pub(crate) ports: Option<BTreeSet<u16>>,
    names: Option<Vec<HostPattern>>,
    pub(crate) unix: Option<Vec<Pattern>>,
}

impl Bounds {
    /// The bounds that an envelope sets; none where it sets none.
    pub(crate) fn new(layer: Layer, envelope: &Envelope, place: &Place) -> Option<Self> {
        if *envelope == Envelope::default() {
            return None;
        }
        let paths = |list: &Option<List<Text>>| {
            list.as_ref().map(|list| list.iter().filter_map(|text| resolve(text, place)).collect())
        };
        let hosts = |list: &List<Text>| list.iter().filter_map(|text| HostPattern::new(text).ok()).collect();
        let globs = |list: &List<Text>| {
            let globs = list.iter().filter_map(|text| Pattern::new(text, place));
            globs.filter(|glob| !glob.is_blurred()).collect()
        };
        Some(Self {
            rank: layer.rank(),
            read: paths(&envelope.read),
            exec: paths(&envelope.exec),
            write: paths(&envelope.write),
            device: paths(&envelope.device),
            reach: envelope.reach,
            ports: envelope.ports.as_ref().map(|ports| ports.iter().copied().collect()),
            names: envelope.names.as_ref().map(hosts),
            unix: envelope.unix.as_ref().map(globs),
        })
    }

    /// Whether a host, in its one form, and a port lie inside.
    pub(crate) fn hold_host(&self, host: &Target, port: u16) -> bool {
        let named = |names: &Vec<HostPattern>| names.iter().any(|name| name.covers(host));
        self.reach != Some(Reach::None)
            && self.ports.as_ref().is_none_or(|ports| ports.contains(&port))
            && self.names.as_ref().is_none_or(named)
    }

    /// Whether every name lies inside, so that a network may be open to any.
    pub(crate) fn hold_any_host(&self) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(&HostPattern::Any))
    }

    /// Whether a unix socket by path lies inside.
    pub(crate) fn hold_socket(&self, path: &AbsPath) -> bool {
        let covered = |globs: &Vec<Pattern>| globs.iter().any(|glob| glob.covers(path) == Ok(true));
        self.unix.as_ref().is_none_or(covered)
    }
}

/// Whether a path lies in one of some roots; where there are none to lie in, it does.
pub(crate) fn within(roots: Option<&Vec<AbsPath>>, path: &AbsPath) -> bool {
    roots.is_none_or(|roots| roots.iter().any(|root| path.is_within(root)))
}

/// What of a tree lies in some roots: itself, or the roots that lie in it.
pub(crate) fn clip(roots: Option<&Vec<AbsPath>>, trees: Vec<AbsPath>) -> Vec<AbsPath> {
    let Some(roots) = roots else { return trees };
    let mut kept = Vec::new();
    for tree in trees {
        if roots.iter().any(|root| tree.is_within(root)) {
            kept.push(tree);
        } else {
            kept.extend(roots.iter().filter(|root| root.is_within(&tree)).cloned());
        }
    }
    kept
}
