//! Tells a person who is elsewhere that a question waits: webhooks (ntfy, Slack, a generic one) and the desktop.
//!
//! A notice carries a link and says what is asked; it never answers, and no reply to it is read. What is sent was made
//! neutral (`tollgate_wire::card`); taking secrets out is for who makes the [`Notice`]. Absent on purpose: mail, and any
//! way in.

mod config;
mod desktop;
mod notice;
mod post;
mod sign;

pub use config::{Config, Hook, Kind, Wrong, parse};
pub use desktop::show;
pub use notice::Notice;
pub use post::{Unsent, post};
