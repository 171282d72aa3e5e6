//! Numbers told from the ledger: which share of actions stayed in the sandbox, which was escalated, and who decided.
//!
//! The formulas are those of `METRICS` (metrics 1, 2, 3, 5, 6 and 11); each is one function over [`Action`]s, which [`Tally`] makes
//! of records as they come, so that only actions, never records, are held.

mod action;
mod closed;
mod decide;
mod health;
pub mod meaning;
mod noise;
mod pace;
mod prometheus;
mod rate;
mod replay;
mod report;
mod reviews;
mod suggest;
mod tally;
mod text;

pub use action::{Action, Path};
pub use closed::{Closed, closed};
pub use health::Approver;
pub use noise::Noise;
pub use pace::{Pace, Tokens};
pub use prometheus::prometheus;
pub use rate::Rate;
pub use replay::{Change, Make, Past, Story, differ, story};
pub use report::{Counts, Deciders, Human, Report, Shares, Split};
pub use reviews::Reviews;
pub use suggest::{Direction, Suggestion, loosen, rule_for, unused_approvals, used_rules};
pub use tally::{Filter, Tally, over};
pub use text::render;
