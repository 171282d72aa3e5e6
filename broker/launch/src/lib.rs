//! From fork to exec: the boundary lowered to this kernel, the process tree, the terminal. Single-threaded, no async.
//!
//! ```text
//! supervisor (the caller) ── guard ── command
//!                            │        └ namespaces, limits, no capabilities, Landlock, filter, then exec; nothing after
//!                            └ outside Landlock and filter: kills and tidies when the command or the supervisor ends
//! ```
//! Order of use: [`PrivateTemp::choose`], [`Plan::lower`], look at [`Plan::enforced`], [`Terminal::open`] (if there is
//! one), [`Plan::start`] while there is one thread, then [`Terminal::attach`]. [`Ahead::fork`], before the plan is made,
//! saves the time that the kernel takes for namespaces.

mod attempt;
mod command;
mod env;
mod escapes;
mod fault;
mod filter;
mod guard;
mod hide;
mod layout;
mod lookup;
mod order;
mod pattern;
mod plan;
mod recipe;
mod relay;
mod screen;
mod start;
mod sweep;
mod tasks;
mod temp;
mod terminal;
mod usual;

pub use command::{Command, find};
pub use env::environment;
pub use fault::{LaunchError, Step};
pub use filter::compiled;
pub use plan::{Options, Plan, UserNamespaces};
pub use start::{Ahead, Remains, Started};
pub use temp::PrivateTemp;
pub use terminal::{Attached, Seat, Terminal};
pub use usual::Usual;
