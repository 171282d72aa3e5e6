//! The kernel: one file a concept, safe types at the edge. The only room with `unsafe`; it knows no policy.
#![allow(unsafe_code, reason = "system calls are made here and nowhere else; each block names its invariant")]

pub mod at;
pub mod caps;
pub mod creds;
pub mod deadline;
pub mod entry;
pub mod fds;
pub mod handover;
pub mod heap;
pub mod ids;
pub mod inside;
pub mod landlock;
pub mod leave;
pub mod limits;
pub mod machine;
pub mod masks;
pub mod memory;
pub mod mounts;
pub mod namespaces;
pub mod news;
pub mod notify;
pub mod pidfd;
pub mod pool;
pub mod probe;
pub mod process;
pub mod ptrace;
pub mod pty;
pub mod random;
pub mod seccomp;
pub mod sockets;
pub mod standin;
pub mod wait;
