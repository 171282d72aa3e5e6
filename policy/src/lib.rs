//! What is allowed. Pure: no disk, clock, environment, process, async or unsafe.
//!
//! The one verb is [`Policy::judge`]; the one noun that leaves for the kernel is [`boundary::Boundary`].
//! Everything that needs the machine (files, time, who runs) is passed in.

#![forbid(unsafe_code)]

pub mod action;
pub mod amount;
pub mod answer;
mod assemble;
pub mod boundary;
mod command;
pub mod digest;
pub mod evidence;
pub mod explain;
pub mod grant;
mod hear;
pub mod host;
mod index;
mod key;
mod layer;
mod limits;
mod lower;
pub mod path;
mod pattern;
pub mod place;
pub mod policy;
pub mod profile;
pub mod question;
pub mod raw;
pub mod ready;
pub mod review;
pub mod risk;
mod seen;
pub mod shell;
pub mod subject;
pub mod verdict;
mod word;

pub use explain::{Explained, Explanation};
pub use grant::{Grant, GrantFault, Grants};
pub use place::Place;
pub use policy::{Layer, Policy};
pub use profile::{Document, Faults, parse};
pub use risk::Reviewed;
pub use subject::Subject;
