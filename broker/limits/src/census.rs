//! Who is there and what each has: the run's processes, from `/proc`. Costs some microseconds a process of the machine,
//! so it is only made where the machine's own numbers have moved.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use nix::sys::stat::fstatat;
use nix::sys::statvfs::statvfs;

/// One process of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// Its threads; it has one at least.
    pub(crate) threads: u64,
    /// Bytes of memory that no file backs; pages that it still shares with its parent count for both.
    pub(crate) memory: u64,
}

/// The run's processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Census(pub(crate) Vec<Process>);

impl Census {
    /// All that descend from `guard`, without the guard itself. Their memory is not looked at yet.
    pub(crate) fn take(guard: i32) -> io::Result<Self> {
        let mut all = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            if let Some((parent, threads)) = stat(pid) {
                all.push(Process { pid, parent, threads, memory: 0 });
            }
        }
        Ok(Self(beneath(&all, guard)))
    }

    /// The same with the memory of each.
    pub(crate) fn with_memory(mut self) -> Self {
        let page = page();
        for process in &mut self.0 {
            process.memory = anonymous(process.pid).unwrap_or(0).saturating_mul(page);
        }
        self
    }

    /// Processes and threads.
    pub(crate) fn tasks(&self) -> u64 {
        self.0.iter().map(|process| process.threads).sum()
    }

    /// Bytes; what forks share counts more than once.
    pub(crate) fn memory(&self) -> u64 {
        self.0.iter().map(|process| process.memory).sum()
    }

    /// The process with the most memory.
    pub(crate) fn largest(&self) -> Option<Process> {
        self.0.iter().copied().max_by_key(|process| process.memory)
    }

    /// Bytes of memory with each page counted once, and of what the run's own shared memory holds. Walks page tables, so
    /// it is asked last.
    pub(crate) fn exact_memory(&self, command: i32) -> u64 {
        let mapped: Vec<Rollup> = self.0.iter().filter_map(|process| rollup(process.pid)).collect();
        let shared: u64 = mapped.iter().map(|rollup| rollup.shared).sum();
        let private: u64 = mapped.iter().map(|rollup| rollup.private).sum();
        // What is mapped of a file in memory counts among its blocks too.
        private.saturating_add(shared.max(self.files_in_memory().saturating_add(own_shared_memory(command))))
    }

    /// Bytes of files without a name that are held open (`memfd_create(2)`), each once.
    fn files_in_memory(&self) -> u64 {
        let mut seen = HashSet::new();
        let mut bytes: u64 = 0;
        for process in &self.0 {
            let Ok(held) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else { continue };
            for fd in held.flatten().map(|entry| entry.path()) {
                let Ok(target) = fs::read_link(&fd) else { continue };
                if !target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:") {
                    continue;
                }
                if let Ok(stat) = fstatat(nix::fcntl::AT_FDCWD, &fd, nix::fcntl::AtFlags::empty())
                    && seen.insert((stat.st_dev, stat.st_ino))
                {
                    bytes = bytes.saturating_add(u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512));
                }
            }
        }
        bytes
    }

    /// Bytes that each process has written to disks so far, where that can be known (`proc_pid_io(5)`).
    pub(crate) fn written(&self) -> HashMap<i32, u64> {
        self.0.iter().filter_map(|process| Some((process.pid, written(process.pid)?))).collect()
    }
}

/// Bytes that a process, and those of its children that it has waited for, have had written to disks.
pub(crate) fn written(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(field("write_bytes:")?.saturating_sub(field("cancelled_write_bytes:").unwrap_or(0)))
}

/// Bytes of files in a `/dev/shm` that is the run's own.
fn own_shared_memory(command: i32) -> u64 {
    let theirs = format!("/proc/{command}/root/dev/shm");
    let device = |path: &str| nix::sys::stat::stat(path).ok().map(|stat| stat.st_dev);
    match (device(&theirs), device("/dev/shm"), statvfs(theirs.as_str())) {
        (Some(own), outside, Ok(stat)) if Some(own) != outside => {
            stat.blocks().saturating_sub(stat.blocks_free()).saturating_mul(stat.fragment_size())
        }
        _ => 0,
    }
}

/// Those of `all` that descend from `root`.
fn beneath(all: &[Process], root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            parents.push(child.pid);
            found.push(child);
        }
    }
    found
}

/// Parent and threads: fields 4 and 20 of `/proc/PID/stat`; the name before them ends at the last bracket.
fn stat(pid: i32) -> Option<(i32, u64)> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after = stat.rsplit(|byte| *byte == b')').next()?;
    let mut fields = std::str::from_utf8(after).ok()?.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let threads = fields.nth(15)?.parse::<u64>().ok()?;
    Some((parent, threads.max(1)))
}

/// Pages that no file backs: resident without shared (`proc_pid_statm(5)`).
fn anonymous(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = statm.split_ascii_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
    let (resident, shared) = (fields.next()?, fields.next()?);
    Some(resident.saturating_sub(shared))
}

/// A process's part of memory, in bytes.
#[derive(Debug, Clone, Copy)]
struct Rollup {
    /// No file backs it; swapped out or not.
    private: u64,
    /// Shared mappings and files in memory.
    shared: u64,
}

fn rollup(pid: i32) -> Option<Rollup> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    };
    Some(Rollup { private: field("Pss_Anon:").saturating_add(field("SwapPss:")), shared: field("Pss_Shmem:") })
}

fn page() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_whatever_their_order() {
        let process = |pid, parent| Process { pid, parent, threads: 1, memory: 0 };
        let all = [process(7, 5), process(5, 2), process(2, 1), process(3, 1), process(9, 7), process(4, 3)];
        let mut found: Vec<i32> = beneath(&all, 2).iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [5, 7, 9]);
    }

    #[test]
    fn this_process_is_seen_with_its_memory() {
        let me = i32::try_from(std::process::id()).unwrap();
        let (parent, threads) = stat(me).unwrap();
        assert!(parent > 0 && threads >= 1);
        let held = vec![1u8; 32 << 20];
        let census = Census::take(parent).unwrap().with_memory();
        let own = census.0.iter().find(|process| process.pid == me).unwrap();
        assert!(own.memory >= held.len() as u64, "{own:?}");
        let only = Census(vec![*own]);
        assert!(only.exact_memory(me) >= held.len() as u64, "{}", only.exact_memory(me));
    }

    #[test]
    fn a_file_in_memory_counts_though_nothing_maps_it() {
        use std::io::Write as _;
        let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
        let mut file = std::fs::File::from(nix::sys::memfd::memfd_create(c"held", flags).unwrap());
        file.write_all(&vec![1; 16 << 20]).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        let census = Census(vec![Process { pid: me, parent: 0, threads: 1, memory: 0 }]);
        assert!(census.files_in_memory() >= 16 << 20);
    }
}
