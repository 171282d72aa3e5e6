//! The kernel: one file a concept, safe types at the edge. The only room with `unsafe`; it knows no policy.
#![allow(unsafe_code, reason = "system calls are made here and nowhere else; each block names its invariant")]

pub mod memory;
pub mod news;
pub mod notify;
pub mod pidfd;
pub mod probe;
pub mod ptrace;
pub mod seccomp;
pub mod wait;
