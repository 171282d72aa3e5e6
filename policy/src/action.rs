//! What is attempted. One variant a kind, with typed targets; built at the door from what the kernel says.

use serde::{Deserialize, Serialize};

use crate::path::AbsPath;
use crate::raw::Raw;

/// One attempt that the gate or a hook saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// A program is to be run.
    Exec(Exec),
    /// A path is to be read, written, created, removed …
    Path(PathAccess),
    /// A connection by name or address.
    Connect(Connect),
    /// A system call that the filter hands to the gate to be refused with a reason (ptrace, mount …).
    Call(Call),
    /// A tool call of a harness (MCP, web …).
    Tool(Tool),
}

/// A program to be run, identified by the object that will run, not by what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The path as the caller gave it (may be relative, may be a symlink, may be empty for a descriptor).
    pub given: Raw,
    /// What the kernel would run.
    pub image: Image,
    /// argv, from `argv[0]`.
    pub argv: Vec<Raw>,
    /// Working directory of the caller.
    pub cwd: AbsPath,
}

/// What an exec really runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The resolved executable; none for an image without a name (memfd, deleted, `O_TMPFILE`).
    pub executable: Option<AbsPath>,
    /// How it came to run.
    pub form: Form,
    /// Whether the executable, or a directory on its way, can be changed from inside the boundary.
    pub writable: bool,
    /// SHA-256 of the content, lower-case hex, where a rule asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// How an image came to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Form {
    /// A binary, run as itself.
    Native,
    /// A `#!` script: `Image::executable` is the interpreter, `script` the file that named it.
    Script {
        /// The script; none if it has no name.
        script: Option<AbsPath>,
    },
    /// The dynamic loader run as a program: `Image::executable` is the program it was told to load
    /// (none if it can't be told), `loader` the loader.
    Loader {
        /// The loader.
        loader: AbsPath,
    },
}

/// An attempt on a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathAccess {
    /// The resolved path.
    pub path: AbsPath,
    /// What is to be done to it.
    pub access: Access,
}

/// What is to be done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read or list.
    Read,
    /// Change content, create, remove, rename, or change metadata.
    Write,
}

/// A connection to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// A DNS name, lower case without trailing dot; or an address in its textual form; or a unix path.
    pub target: Target,
    /// TCP or UDP port; 0 for unix sockets.
    pub port: u16,
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A DNS name.
    Name(String),
    /// A literal address.
    Address(std::net::IpAddr),
    /// A unix socket by path.
    Unix(AbsPath),
    /// A unix socket by abstract name.
    Abstract(Raw),
}

/// A system call handed to the gate only to be refused with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its name, as in the kernel's table.
    pub name: String,
}

/// A tool call of a harness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Who offers the tool: `builtin`, or an MCP server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
}
