//! What is allowed. Pure: no disk, clock, environment, process, async or unsafe.
//!
//! The one verb is [`Policy::judge`]; the one noun that leaves for the kernel is [`Boundary`].
//! Everything that needs the machine (files, time, who runs) is passed in.

pub mod action;
pub mod boundary;
pub mod path;
pub mod question;
pub mod raw;
pub mod verdict;
