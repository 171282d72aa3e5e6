//! Another process's memory, read (`process_vm_readv(2)`). What is read can be changed by its other threads
//! at once: it is good for a first look, and for a decision only if nobody can write there.

use std::io;

const PAGE: usize = 4096;

/// Reads up to `buffer.len()` bytes; fewer where the memory ends. Never crosses into an unmapped page unasked.
///
/// # Errors
/// `EFAULT` if nothing is there, `ESRCH`, `EPERM`.
pub fn read(pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
    // SAFETY: the kernel writes at most `iov_len` bytes into `buffer`; the remote address is only a number here.
    let n = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Fills `buffer`.
///
/// # Errors
/// As [`read`]; `EFAULT` where less is there.
pub fn read_exact(pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<()> {
    if read(pid, address, buffer)? == buffer.len() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EFAULT)) }
}

/// Writes all of `bytes`: the answer to a call of that process, where the call says.
///
/// # Errors
/// `EFAULT` where the memory ends or can't be written, `ESRCH`, `EPERM`.
pub fn write(pid: i32, address: u64, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: the kernel only reads `iov_len` bytes of `bytes`; the remote address is only a number here.
    let n = unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(n) {
        Ok(n) if n == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

fn to_page_end(address: u64) -> usize {
    PAGE - usize::try_from(address % PAGE as u64).unwrap_or(0)
}

/// Reads a NUL-terminated string of at most `limit` bytes, without its NUL.
///
/// # Errors
/// As [`read`]; `E2BIG` where no NUL is found within `limit`.
pub fn string(pid: i32, address: u64, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = address;
    let mut step = 256;
    while out.len() <= limit {
        // up to the end of a page, so that a string at the end of a mapping is read whole
        let room = to_page_end(at);
        let want = if step >= PAGE { room + step - PAGE } else { step.min(room) };
        let start = out.len();
        out.resize(start + want, 0);
        let n = read(pid, at, out.get_mut(start..).unwrap_or_default())?;
        out.truncate(start + n);
        if let Some(end) = out.get(start..).and_then(|new| new.iter().position(|&b| b == 0)) {
            out.truncate(start + end);
            return Ok(out);
        }
        if n == 0 {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        at += n as u64;
        step = (step * 4).min(64 * PAGE);
    }
    Err(io::Error::from_raw_os_error(libc::E2BIG))
}

/// Lists are read by the piece: their strings stand one behind the other, and a call for each takes long. The first
/// pieces end with their page: most lists are short, and there may be nothing behind it.
const FEW: usize = 64;
/// Later pieces, in bytes.
const PIECE: usize = 16 * PAGE;

/// What was read last.
struct Near {
    at: u64,
    bytes: Vec<u8>,
}

impl Near {
    fn string(&mut self, pid: i32, address: u64, (limit, piece): (usize, usize)) -> io::Result<Vec<u8>> {
        if let Some(text) = self.held(address) {
            return Ok(text);
        }
        // Only in a row: who jumps about must not make each word cost a whole piece.
        let end = self.at.saturating_add(self.bytes.len() as u64);
        if !self.bytes.is_empty() && !(self.at..=end).contains(&address) {
            self.at = address;
            self.bytes.clear();
            return string(pid, address, limit);
        }
        self.bytes.resize(piece, 0);
        let n = read(pid, address, &mut self.bytes)?;
        self.bytes.truncate(n);
        self.at = address;
        self.held(address).map_or_else(|| string(pid, address, limit), Ok)
    }

    /// The string, where it is here to its end.
    fn held(&self, address: u64) -> Option<Vec<u8>> {
        let from = usize::try_from(address.checked_sub(self.at)?).ok()?;
        let rest = self.bytes.get(from..)?;
        rest.iter().position(|&byte| byte == 0).and_then(|end| rest.get(..end)).map(<[u8]>::to_vec)
    }
}

/// Reads a NULL-terminated array of pointers to strings (`argv`), `limit` bytes in all. A null array is empty.
///
/// # Errors
/// As [`string`].
pub fn strings(pid: i32, address: u64, limit: usize) -> io::Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    if address == 0 {
        return Ok(out);
    }
    let mut left = limit;
    let mut at = address;
    let mut near = Near { at: 0, bytes: Vec::new() };
    loop {
        let mut pointers = [0u8; 32 * 8];
        let room = to_page_end(at);
        let want = if room >= 8 { pointers.len().min(room / 8 * 8) } else { 8 };
        let chunk = pointers.get_mut(..want).unwrap_or_default();
        let n = read(pid, at, chunk)?;
        if n < 8 {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        for pointer in chunk.get(..n).unwrap_or_default().as_chunks::<8>().0 {
            let pointer = u64::from_ne_bytes(*pointer);
            if pointer == 0 {
                return Ok(out);
            }
            let piece = if out.len() < FEW { to_page_end(pointer) } else { PIECE };
            let text = near.string(pid, pointer, (left, piece))?;
            left = left.checked_sub(text.len() + 9).ok_or_else(|| io::Error::from_raw_os_error(libc::E2BIG))?;
            out.push(text);
        }
        at += (n / 8 * 8) as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::strings;

    #[test]
    fn long_lists_are_read_as_they_are() {
        let mut words: Vec<Vec<u8>> = (0..3000_usize).map(|n| vec![b'x'; n * 7 % 211]).collect();
        words.push(vec![b'y'; 200_000]);
        words.extend((0..500).map(|_| Vec::new()));
        // One behind the other, as `execve` finds them most of the time; then the other way round.
        let mut text = Vec::new();
        let mut starts = Vec::new();
        for word in &words {
            starts.push(text.len());
            text.extend_from_slice(word);
            text.push(0);
        }
        let base = text.as_ptr() as u64;
        let me = i32::try_from(std::process::id()).unwrap();
        let list =
            |starts: &[usize]| -> Vec<u64> { starts.iter().map(|start| base + *start as u64).chain([0]).collect() };
        let pointers = list(&starts);
        assert_eq!(strings(me, pointers.as_ptr() as u64, 6 << 20).unwrap(), words);
        starts.reverse();
        words.reverse();
        let pointers = list(&starts);
        assert_eq!(strings(me, pointers.as_ptr() as u64, 6 << 20).unwrap(), words);
        assert!(strings(me, pointers.as_ptr() as u64, 1000).is_err());
    }
}
