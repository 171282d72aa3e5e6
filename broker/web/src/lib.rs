//! The page: what waits for an answer, what was decided, and what it all comes to, on loopback, for one person.
//!
//! A link that works once lets a browser in (`session`); what calls the page by another name, or comes from another
//! page, is turned away before anything is looked at (`guard`). Everything is readable, and can be answered, without a
//! script; the one script that there is only looks for news. Nothing is loaded from elsewhere. Text of a question
//! arrives here neutral (`tollgate_wire::card`), and the templates escape it for HTML.
//!
//! Absent on purpose: TLS (it is loopback), accounts, settings, and any way to widen what a question allows.

mod answer;
mod closed;
mod form;
mod guard;
mod listen;
mod live;
mod past;
mod question;
mod queue;
mod report;
mod rule;
mod serve;
mod session;
mod shop;
mod told;
mod view;

pub use listen::{Reach, USUAL, Unheard, listen};
pub use report::paper;
pub use serve::{Door, Unserved, serve};
pub use shop::{Backdrop, Goods};
