//! Why nothing was started.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tollgate_policy::boundary::Gap;

/// Why nothing was started. After any of these no process of the run is left.
#[derive(Debug)]
pub enum LaunchError {
    /// The boundary cannot be enforced as required (exit code 121): what is missing.
    Required(Vec<Gap>),
    /// The program was not found, or is not one.
    NotFound(PathBuf, io::Error),
    /// The filter cannot be compiled.
    Filter(tollgate_sys::seccomp::CompileError),
    /// The boundary names something that this machine does not know (a limit, an errno).
    Unknown(&'static str, String),
    /// Text with a NUL byte in the command or its environment.
    Nul(&'static str),
    /// The caller has more than one thread.
    Threads,
    /// A step on the way failed.
    Step(Step, io::Error),
}

/// The steps from fork to exec, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The private temp directory.
    Temp,
    /// The Landlock ruleset: creating it, or opening a root.
    Ruleset,
    /// Pipes and sockets between supervisor, guard and command.
    Plumbing,
    /// The guard's process and its namespaces.
    Guard,
    /// The user namespace's maps.
    Maps,
    /// Mounts made private, the private temp directory bound.
    Mounts,
    /// A fresh `/proc`.
    Proc,
    /// Hidden and protected paths.
    Masks,
    /// The loopback of a network namespace.
    Loopback,
    /// The guard's session, its bond with the supervisor.
    Session,
    /// The command's process.
    Fork,
    /// The terminal, standard input, output and error.
    Stdio,
    /// The working directory.
    Directory,
    /// Resource limits.
    Limits,
    /// Capabilities.
    Capabilities,
    /// Landlock.
    Landlock,
    /// The filter.
    Filter,
    /// Handing the listener to the supervisor.
    Handover,
    /// The program itself.
    Exec,
}

impl Step {
    /// Every step; a step's place is its number on the wire.
    pub const ALL: [Self; 19] = [
        Self::Temp,
        Self::Ruleset,
        Self::Plumbing,
        Self::Guard,
        Self::Maps,
        Self::Mounts,
        Self::Proc,
        Self::Masks,
        Self::Loopback,
        Self::Session,
        Self::Fork,
        Self::Stdio,
        Self::Directory,
        Self::Limits,
        Self::Capabilities,
        Self::Landlock,
        Self::Filter,
        Self::Handover,
        Self::Exec,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Temp => "make the private temp directory",
            Self::Ruleset => "make the landlock ruleset",
            Self::Plumbing => "make pipes for the run",
            Self::Guard => "start the guard",
            Self::Maps => "map the user namespace",
            Self::Mounts => "mount the private directories",
            Self::Proc => "mount a fresh /proc",
            Self::Masks => "mask hidden paths",
            Self::Loopback => "bring up the loopback",
            Self::Session => "make a session",
            Self::Fork => "fork the command",
            Self::Stdio => "lay out standard input and output",
            Self::Directory => "enter the working directory",
            Self::Limits => "set resource limits",
            Self::Capabilities => "drop capabilities",
            Self::Landlock => "enter the landlock domain",
            Self::Filter => "install the system-call filter",
            Self::Handover => "hand the filter's listener over",
            Self::Exec => "execute the program",
        })
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required(gaps) => {
                f.write_str("the boundary cannot be enforced as required:")?;
                gaps.iter().try_for_each(|gap| write!(f, " {}", gap.detail))
            }
            Self::NotFound(path, _) => write!(f, "command `{}` cannot be run", path.display()),
            Self::Filter(_) => f.write_str("the system-call filter cannot be compiled"),
            Self::Unknown(kind, name) => write!(f, "{kind} `{name}` is not known here"),
            Self::Nul(what) => write!(f, "{what} holds a NUL byte"),
            Self::Threads => f.write_str("a run can only be started while there is one thread"),
            Self::Step(step, _) => write!(f, "could not {step}"),
        }
    }
}

impl std::error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotFound(_, source) | Self::Step(_, source) => Some(source),
            Self::Filter(source) => Some(source),
            Self::Required(_) | Self::Unknown(..) | Self::Nul(_) | Self::Threads => None,
        }
    }
}
