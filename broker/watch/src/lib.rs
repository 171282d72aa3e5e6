//! The queue in a terminal.
