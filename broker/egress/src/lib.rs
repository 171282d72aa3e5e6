//! Named egress: programs reach names, without proxy variables and without knowing. A stub answers their lookups with
//! addresses of our own, one a name; the supervisor, which connects on behalf of callers, connects them to the relay
//! instead and says which name and port each connection means; the relay holds what they say against that name and
//! dials out itself. It raises no questions and keeps no policy: a [`Judge`] is asked. Threads, no async runtime.

mod class;
mod dial;
mod dns;
mod doors;
mod egress;
mod goal;
mod ground;
mod judge;
mod meet;
mod names;
mod pump;
mod relay;
mod resolve;
mod wait;
mod watch;

pub use class::{Class, here as class_here, of as class_of};
pub use dial::{Reached, Unreached};
pub use doors::Doors;
pub use egress::{Egress, Full, Kind, Setting, Way};
pub use goal::{Goal, Stance, Terms};
pub use judge::{End, Judge, Objection, Report, Why};
pub use resolve::Resolve;
