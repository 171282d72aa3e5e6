//! Who is there and what each has: the run's processes, from `/proc`. Costs some microseconds a process of the machine,
//! so it is only made where the machine's own numbers have moved.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::stat::fstatat;
use nix::sys::statvfs::statvfs;
use nix::unistd::Pid;

use crate::stop::Victim;

/// Who counts for so long has got little of the processor.
const LONG: Duration = Duration::from_millis(50);

/// One process of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// Its threads; it has one at least.
    pub(crate) threads: u64,
    /// Bytes of memory that no file backs; pages that it still shares with its parent count for both.
    pub(crate) memory: u64,
    /// When it began, in clock ticks: tells it from others that had its number before or get it later.
    pub(crate) born: u64,
}

impl Process {
    pub(crate) fn victim(self) -> Victim {
        Victim { pid: self.pid, born: self.born }
    }
}

/// The run's processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Census(pub(crate) Vec<Process>);

impl Census {
    /// All that descend from `guard`, without the guard itself. Their memory is not looked at yet.
    ///
    /// # Errors
    /// Where the machine can't be looked at: an empty list would say that nothing is used.
    pub(crate) fn take(guard: i32) -> io::Result<Self> {
        Self::take_unless(guard, || false).map(Option::unwrap_or_default)
    }

    fn take_unless(guard: i32, is_late: impl Fn() -> bool) -> io::Result<Option<Self>> {
        let mut all = Vec::new();
        let mut begun = Instant::now();
        for entry in fs::read_dir("/proc")? {
            if begun.elapsed() > LONG {
                if is_late() {
                    return Ok(None);
                }
                begun = Instant::now();
            }
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            all.extend(seen(stat(pid))?);
        }
        Ok(Some(Self(beneath(&all, guard))))
    }

    /// The same of a run whose command is known: as long as that lives, it is among them.
    pub(crate) fn of_run(run: (i32, i32)) -> io::Result<Self> {
        Self::of_run_unless(run, || false).map(Option::unwrap_or_default)
    }

    /// The same; none where it takes long and `is_late` then says that it need not go on.
    pub(crate) fn of_run_unless((guard, command): (i32, i32), is_late: impl Fn() -> bool) -> io::Result<Option<Self>> {
        let Some(census) = Self::take_unless(guard, is_late)? else { return Ok(None) };
        if !census.0.iter().any(|process| process.pid == command) && kill(Pid::from_raw(command), None).is_ok() {
            return Err(io::Error::other("its command is not seen among all processes"));
        }
        Ok(Some(census))
    }

    /// The same with the memory of each.
    pub(crate) fn with_memory(mut self) -> io::Result<Self> {
        let page = page();
        for process in &mut self.0 {
            process.memory = seen(anonymous(process.pid))?.unwrap_or(0).saturating_mul(page);
        }
        Ok(self)
    }

    /// The same, where those who were killed already, and are only slow to go, count no more.
    pub(crate) fn but(mut self, killed: &HashSet<Victim>) -> Self {
        for process in &mut self.0 {
            if killed.contains(&process.victim()) {
                process.threads = 0;
            }
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
    pub(crate) fn exact_memory(&self, command: i32) -> io::Result<u64> {
        let mapped = self.0.iter().filter_map(|process| seen(rollup(process.pid)).transpose());
        let mapped = mapped.collect::<io::Result<Vec<Rollup>>>()?;
        let shared: u64 = mapped.iter().map(|rollup| rollup.shared).sum();
        let private: u64 = mapped.iter().map(|rollup| rollup.private).sum();
        // What is mapped of a file in memory counts among its blocks too.
        Ok(private.saturating_add(shared.max(self.files_in_memory()?.saturating_add(own_shared_memory(command)))))
    }

    /// Bytes of files without a name that are held open (`memfd_create(2)`), each once.
    fn files_in_memory(&self) -> io::Result<u64> {
        let mut counted = HashSet::new();
        let mut bytes: u64 = 0;
        for process in &self.0 {
            let Some(held) = seen(fs::read_dir(format!("/proc/{}/fd", process.pid)))? else { continue };
            for fd in held.flatten().map(|entry| entry.path()) {
                let Ok(target) = fs::read_link(&fd) else { continue };
                if !target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:") {
                    continue;
                }
                if let Ok(stat) = fstatat(nix::fcntl::AT_FDCWD, &fd, nix::fcntl::AtFlags::empty())
                    && counted.insert((stat.st_dev, stat.st_ino))
                {
                    bytes = bytes.saturating_add(u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512));
                }
            }
        }
        Ok(bytes)
    }

    /// Bytes that each process has written to disks so far, where that can be known (`proc_pid_io(5)`).
    pub(crate) fn written(&self) -> io::Result<HashMap<Victim, u64>> {
        let each = self.0.iter().map(|process| Ok((process.victim(), written(process.pid)?)));
        Ok(each.collect::<io::Result<Vec<_>>>()?.into_iter().filter_map(|(who, bytes)| Some((who, bytes?))).collect())
    }
}

/// Bytes that a process, and those of its children that it has waited for, have had written to disks.
pub(crate) fn written(pid: i32) -> io::Result<Option<u64>> {
    let Some(text) = seen(fs::read_to_string(format!("/proc/{pid}/io")))? else { return Ok(None) };
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Ok(field("write_bytes:").map(|bytes| bytes.saturating_sub(field("cancelled_write_bytes:").unwrap_or(0))))
}

/// What was looked at; nothing where that has gone, or is another's who hides it. All else (no descriptor is left, no
/// memory) is a failure to look.
pub(crate) fn seen<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(there) => Ok(Some(there)),
        Err(err) => match err.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ESRCH | Errno::EACCES | Errno::EPERM) => Ok(None),
            Some(_) | None => Err(err),
        },
    }
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

/// Parent, threads and beginning: fields 4, 20 and 22 of `/proc/PID/stat`; the name before them ends at the last bracket.
pub(crate) fn stat(pid: i32) -> io::Result<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat"))?;
    let read = || {
        let after = stat.rsplit(|byte| *byte == b')').next()?;
        let mut fields = std::str::from_utf8(after).ok()?.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let threads = fields.nth(15)?.parse::<u64>().ok()?.max(1);
        let born = fields.nth(1)?.parse().ok()?;
        Some(Process { pid, parent, threads, memory: 0, born })
    };
    read().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A process's children, in one read (`proc_pid_task_children(5)`); it may not be there on kernels without
/// `CONFIG_PROC_CHILDREN`.
pub(crate) fn children(pid: i32) -> io::Result<Vec<i32>> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect())
}

/// Pages that no file backs: resident without shared (`proc_pid_statm(5)`).
fn anonymous(pid: i32) -> io::Result<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let mut fields = statm.split_ascii_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
    let (resident, shared) = (fields.next().unwrap_or(0), fields.next().unwrap_or(0));
    Ok(resident.saturating_sub(shared))
}

/// A process's part of memory, in bytes.
#[derive(Debug, Clone, Copy)]
struct Rollup {
    /// No file backs it; swapped out or not.
    private: u64,
    /// Shared mappings and files in memory.
    shared: u64,
}

fn rollup(pid: i32) -> io::Result<Rollup> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    };
    Ok(Rollup { private: field("Pss_Anon:").saturating_add(field("SwapPss:")), shared: field("Pss_Shmem:") })
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
        let process = |pid, parent| Process { pid, parent, threads: 1, ..Process::default() };
        let all = [process(7, 5), process(5, 2), process(2, 1), process(3, 1), process(9, 7), process(4, 3)];
        let mut found: Vec<i32> = beneath(&all, 2).iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [5, 7, 9]);
    }

    #[test]
    fn this_process_is_seen_with_its_memory() {
        let me = i32::try_from(std::process::id()).unwrap();
        let Process { parent, threads, born, .. } = stat(me).unwrap();
        assert!(parent > 0 && threads >= 1 && born > 0);
        let held = vec![1u8; 32 << 20];
        let census = Census::take(parent).unwrap().with_memory().unwrap();
        let own = census.0.iter().find(|process| process.pid == me).unwrap();
        assert!(own.memory >= held.len() as u64, "{own:?}");
        let only = Census(vec![*own]);
        let exact = only.exact_memory(me).unwrap();
        assert!(exact >= held.len() as u64, "{exact}");
    }

    #[test]
    fn who_has_gone_is_not_there_and_a_look_that_fails_is_no_empty_list() {
        assert_eq!(seen(stat(i32::MAX)).unwrap(), None);
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM] {
            assert!(seen::<()>(Err(errno.into())).is_err(), "{errno}");
        }
        let me = i32::try_from(std::process::id()).unwrap();
        let parent = nix::unistd::getppid().as_raw();
        assert!(Census::of_run((parent, me)).is_ok());
        // as if this process, which lives, were the command beneath a guard that is not its parent
        assert!(Census::of_run((i32::MAX, me)).is_err());
        assert!(Census::of_run((i32::MAX, i32::MAX)).is_ok(), "it has ended");
    }

    #[test]
    fn a_file_in_memory_counts_though_nothing_maps_it() {
        use std::io::Write as _;
        let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
        let mut file = std::fs::File::from(nix::sys::memfd::memfd_create(c"held", flags).unwrap());
        file.write_all(&vec![1; 16 << 20]).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        let census = Census(vec![Process { pid: me, threads: 1, ..Process::default() }]);
        assert!(census.files_in_memory().unwrap() >= 16 << 20);
    }
}
