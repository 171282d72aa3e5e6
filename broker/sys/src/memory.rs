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
/// Pointers that are read at once, and strings that don't stand in a row: a call for so many.
const MANY: usize = 512;
/// Of each of those, so many bytes at first.
const HEAD: usize = 128;

/// What was read last.
struct Near {
    at: u64,
    bytes: Vec<u8>,
}

impl Near {
    /// The string, where it stands in a row with those before.
    fn string(&mut self, pid: i32, address: u64, piece: usize) -> io::Result<Option<Vec<u8>>> {
        if let Some(text) = self.held(address) {
            return Ok(Some(text));
        }
        // Who jumps about must not make each word cost a whole piece.
        let end = self.at.saturating_add(self.bytes.len() as u64);
        if !self.bytes.is_empty() && !(self.at..=end).contains(&address) {
            self.at = address;
            self.bytes.clear();
            return Ok(None);
        }
        self.bytes.resize(piece, 0);
        let n = read(pid, address, &mut self.bytes)?;
        self.bytes.truncate(n);
        self.at = address;
        Ok(self.held(address))
    }

    /// The string, where it is here to its end.
    fn held(&self, address: u64) -> Option<Vec<u8>> {
        let from = usize::try_from(address.checked_sub(self.at)?).ok()?;
        first(self.bytes.get(from..)?)
    }
}

/// What stands before the first NUL.
fn first(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.iter().position(|&byte| byte == 0).and_then(|end| bytes.get(..end)).map(<[u8]>::to_vec)
}

/// Strings that stand anywhere, their beginnings read with one call: none for one that is longer, and for the first that can't
/// be read, which is the last. Never empty.
fn heads(pid: i32, addresses: &[u64]) -> Vec<Option<Vec<u8>>> {
    let sizes: Vec<usize> = addresses.iter().map(|&at| HEAD.min(to_page_end(at))).collect();
    let mut bytes = vec![0u8; sizes.iter().sum()];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let piece = |(&at, &size): (&u64, &usize)| libc::iovec { iov_base: at as *mut libc::c_void, iov_len: size };
    let remote: Vec<libc::iovec> = addresses.iter().zip(&sizes).map(piece).collect();
    let count = libc::c_ulong::try_from(remote.len()).unwrap_or(0);
    // SAFETY: the kernel writes at most `iov_len` bytes into `bytes`; the remote addresses are only numbers here.
    let n = unsafe { libc::process_vm_readv(pid, &raw const local, 1, remote.as_ptr(), count, 0) };
    let mut rest = bytes.get(..usize::try_from(n).unwrap_or(0)).unwrap_or_default();
    let mut out = Vec::with_capacity(sizes.len());
    for size in sizes {
        let Some((head, behind)) = rest.split_at_checked(size) else {
            out.push(None);
            break;
        };
        out.push(first(head));
        rest = behind;
    }
    out
}

/// A NULL-terminated array of pointers, at most `most` of them.
fn pointers(pid: i32, address: u64, most: usize) -> io::Result<Vec<u64>> {
    let mut out = Vec::new();
    let (mut at, mut step) = (address, FEW);
    while out.len() <= most {
        let room = to_page_end(at);
        // up to the end of a page, behind which there may be nothing
        let want = if room >= 8 { (step * 8).min(room / 8 * 8) } else { 8 };
        let mut chunk = [0u8; MANY * 8];
        let chunk = chunk.get_mut(..want).unwrap_or_default();
        let n = read(pid, at, chunk)?;
        if n < 8 {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        for pointer in chunk.get(..n).unwrap_or_default().as_chunks::<8>().0 {
            match u64::from_ne_bytes(*pointer) {
                0 => return Ok(out),
                pointer => out.push(pointer),
            }
        }
        at += (n / 8 * 8) as u64;
        step = MANY;
    }
    Err(io::Error::from_raw_os_error(libc::E2BIG))
}

/// Reads a NULL-terminated array of pointers to strings (`argv`), `limit` bytes in all, eight and a NUL for each counted. A
/// null array is empty. An array that is broken or too long is known before its strings are read.
///
/// # Errors
/// As [`string`].
pub fn strings(pid: i32, address: u64, limit: usize) -> io::Result<Vec<Vec<u8>>> {
    if address == 0 {
        return Ok(Vec::new());
    }
    let pointers = pointers(pid, address, limit / 9)?;
    let mut out: Vec<Vec<u8>> = Vec::with_capacity(pointers.len());
    let mut left = limit;
    let mut near = Near { at: 0, bytes: Vec::new() };
    while let Some(next @ [pointer, ..]) = pointers.get(out.len()..) {
        let piece = if out.len() < FEW { to_page_end(*pointer) } else { PIECE };
        let texts = match near.string(pid, *pointer, piece)? {
            Some(text) => vec![Some(text)],
            None => heads(pid, next.get(..MANY).unwrap_or(next)),
        };
        for (text, &pointer) in texts.into_iter().zip(next) {
            let text = text.map_or_else(|| string(pid, pointer, left), Ok)?;
            left = left.checked_sub(text.len() + 9).ok_or_else(|| io::Error::from_raw_os_error(libc::E2BIG))?;
            out.push(text);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{MANY, heads, strings};

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
        // Here and there, and one that can't be read: then the array that is broken itself.
        let mut pointers: Vec<u64> =
            (0..words.len() * 2).map(|n| base + starts[n * 7919 % starts.len()] as u64).collect();
        pointers.push(0);
        let read = strings(me, pointers.as_ptr() as u64, 6 << 20).unwrap();
        assert!(read.iter().enumerate().all(|(n, word)| *word == words[n * 7919 % words.len()]));
        assert_eq!(read.len(), words.len() * 2);
        pointers[5000] = 8;
        assert_eq!(strings(me, pointers.as_ptr() as u64, 6 << 20).unwrap_err().raw_os_error(), Some(libc::EFAULT));
        assert_eq!(strings(me, 8, 6 << 20).unwrap_err().raw_os_error(), Some(libc::EFAULT));
    }

    /// Each word far from the one before: else a list as long as lists may be would hold its reader for half a minute.
    #[test]
    fn words_that_stand_anywhere_are_read_together() {
        let text = vec![0u8; 2 << 20];
        let base = text.as_ptr() as u64;
        let mut pointers: Vec<u64> = (0..600_000_u64).map(|n| base + (n % 2) * (1 << 20)).collect();
        let me = i32::try_from(std::process::id()).unwrap();
        let together = heads(me, &pointers[..MANY]);
        assert_eq!((together.len(), together.iter().flatten().count()), (MANY, MANY));
        pointers.push(0);
        assert_eq!(strings(me, pointers.as_ptr() as u64, 6 << 20).unwrap().len(), 600_000);
        pointers[100] = 8;
        let together = heads(me, &pointers[..MANY]);
        assert_eq!((together.len(), together.iter().flatten().count()), (101, 100));
    }
}
