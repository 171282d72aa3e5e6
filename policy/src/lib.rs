//! What is allowed. Pure: no disk, clock, environment, process, async or unsafe.
//!
//! The one verb is [`Policy::judge`]; the one noun that leaves for the kernel is [`boundary::Boundary`].
//! Everything that needs the machine (files, time, who runs) is passed in.

#![forbid(unsafe_code)]

pub mod action;
pub mod boundary;
pub mod digest;
pub mod grant;
pub mod host;
mod index;
mod key;
pub mod path;
mod pattern;
pub mod place;
pub mod policy;
pub mod profile;
pub mod question;
pub mod raw;
pub mod subject;
pub mod verdict;
mod word;

pub use place::Place;
pub use policy::{Layer, Policy};
pub use profile::{Document, Faults, parse};
