//! Memory for a process that lives shortly or long and has few threads: what it takes first lies in one stretch, where to
//! take a piece is to add a number; all else, and all that follows, is the C library's (`malloc(3)`).
//!
//! A launch takes a thousand pieces and is over: a fifth of its instructions went into finding room for them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As much as a launch takes. Pages that are never touched cost nothing.
const LENGTH: usize = 512 * 1024;

/// The program's allocator.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Heap {
    stretch: UnsafeCell<[u8; LENGTH]>,
    /// Where the part of the stretch begins that nobody has.
    free: AtomicUsize,
}

// SAFETY: a byte of the stretch belongs to whoever moved `free` past it, and to nobody after it was moved back before it.
unsafe impl Sync for Heap {}

impl Heap {
    /// Nothing is taken yet.
    #[must_use]
    #[allow(clippy::new_without_default, clippy::large_stack_arrays, reason = "made once, as a static")]
    pub const fn new() -> Self {
        Self { stretch: UnsafeCell::new([0; LENGTH]), free: AtomicUsize::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.stretch.get().cast()
    }

    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let mut free = self.free.load(Ordering::Relaxed);
        loop {
            // The stretch begins at a page; no type wants more.
            if layout.align() > 4096 {
                return None;
            }
            let from = free.checked_next_multiple_of(layout.align())?;
            let end = from.checked_add(layout.size()).filter(|end| *end <= LENGTH)?;
            match self.free.compare_exchange_weak(free, end, Ordering::AcqRel, Ordering::Relaxed) {
                // SAFETY: `from` is within the stretch.
                Ok(_) => return Some(unsafe { self.base().add(from) }),
                Err(now) => free = now,
            }
        }
    }

    /// Where in the stretch this is; none if it is the C library's.
    fn place(&self, at: *mut u8) -> Option<usize> {
        at.addr().checked_sub(self.base().addr()).filter(|place| *place < LENGTH)
    }

    /// Moves the end of the last piece; whether it was the last one, and there was room.
    fn move_end(&self, from: usize, (before, after): (usize, usize)) -> bool {
        let (Some(old), Some(new)) = (from.checked_add(before), from.checked_add(after)) else { return false };
        new <= LENGTH && self.free.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

// Never inlined: there are ten thousand places that take memory.
// SAFETY: a piece of the stretch is as long and as aligned as asked, and is nobody else's until it is given back; the C
// library keeps its own promises, and gets back only what came from it.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller vouches for the layout.
        self.take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(at) = self.take(layout) else {
            // SAFETY: the caller vouches for the layout.
            return unsafe { System.alloc_zeroed(layout) };
        };
        // It may have been somebody's before.
        // SAFETY: the piece was just taken and is that long.
        unsafe { ptr::write_bytes(at, 0, layout.size()) };
        at
    }

    #[inline(never)]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if let Some(from) = self.place(at) {
            // One in the middle stays as it is: the stretch is short.
            let _was_last = self.move_end(from, (layout.size(), 0));
        } else {
            // SAFETY: it is not of the stretch, so the C library gave it with this layout.
            unsafe { System.dealloc(at, layout) }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(from) = self.place(at) else {
            // SAFETY: it is not of the stretch, so the C library gave it with this layout.
            return unsafe { System.realloc(at, layout, size) };
        };
        if self.move_end(from, (layout.size(), size)) || size <= layout.size() {
            return at;
        }
        // SAFETY: the caller vouches for the size; the alignment is that of a layout.
        let layout_then = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the layout is not empty: it is larger than the one before.
        let new = unsafe { self.alloc(layout_then) };
        if !new.is_null() {
            // SAFETY: both are at least as long as the old one, and the new one was nobody's.
            unsafe { ptr::copy_nonoverlapping(at, new, layout.size()) };
            let _was_last = self.move_end(from, (layout.size(), 0));
        }
        new
    }
}

/// One heap of the C library for all threads, which grows in large steps and is never given back in between: a thread's own
/// heap costs seven calls to make, and small steps cost one each.
pub fn keep_simple() {
    #[cfg(target_env = "gnu")]
    {
        const STEP: libc::c_int = 1 << 20;
        for (setting, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TOP_PAD, STEP), (libc::M_TRIM_THRESHOLD, 8 * STEP)] {
            // SAFETY: takes numbers only. What is refused stays as it was, which is only slower.
            let _set = unsafe { libc::mallopt(setting, value) };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::alloc::{GlobalAlloc as _, Layout};
    use std::thread;

    use super::{Heap, LENGTH};

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Fills a piece with a byte, and tells whether another one is wholly of its own byte.
    fn fill(at: *mut u8, size: usize, byte: u8) {
        // SAFETY: every caller has just been given this piece.
        unsafe { std::ptr::write_bytes(at, byte, size) }
    }

    fn is_all(at: *const u8, size: usize, byte: u8) -> bool {
        // SAFETY: every caller still has this piece, and it was filled.
        unsafe { std::slice::from_raw_parts(at, size) }.iter().all(|one| *one == byte)
    }

    #[test]
    fn pieces_are_apart_aligned_and_kept_when_they_grow() {
        static HEAP: Heap = Heap::new();
        let mut pieces = Vec::new();
        for (byte, (size, align)) in (1..).zip([(1, 1), (3, 2), (40, 8), (5, 64), (100, 4096), (17, 16)]) {
            // SAFETY: the layout is not empty.
            let at = unsafe { HEAP.alloc(layout(size, align)) };
            assert!(at.addr().is_multiple_of(align));
            fill(at, size, byte);
            pieces.push((at, size, align, byte));
        }
        for (at, size, align, byte) in pieces {
            assert!(is_all(at, size, byte), "{byte}");
            // SAFETY: it was given with this layout.
            let grown = unsafe { HEAP.realloc(at, layout(size, align), size + 1000) };
            assert!(grown.addr().is_multiple_of(align) && is_all(grown, size, byte), "{byte}");
            fill(grown, size + 1000, byte);
        }
    }

    #[test]
    fn what_was_given_back_is_taken_again_and_zeroed_if_asked() {
        static HEAP: Heap = Heap::new();
        // SAFETY: the layout is not empty.
        let first = unsafe { HEAP.alloc(layout(64, 8)) };
        fill(first, 64, 7);
        // SAFETY: it was given with this layout.
        unsafe { HEAP.dealloc(first, layout(64, 8)) };
        // SAFETY: the layout is not empty.
        let again = unsafe { HEAP.alloc_zeroed(layout(64, 8)) };
        assert_eq!(again, first);
        assert!(is_all(again, 64, 0));
    }

    #[test]
    fn what_has_no_room_is_the_c_librarys() {
        static HEAP: Heap = Heap::new();
        for size in [LENGTH + 1, LENGTH - 10, 100, LENGTH] {
            // SAFETY: the layout is not empty.
            let at = unsafe { HEAP.alloc(layout(size, 1)) };
            assert!(!at.is_null());
            fill(at, size, 1);
            // SAFETY: it was given with this layout.
            let at = unsafe { HEAP.realloc(at, layout(size, 1), size + LENGTH) };
            assert!(is_all(at, size, 1), "{size}");
            // SAFETY: it was given with this layout.
            unsafe { HEAP.dealloc(at, layout(size + LENGTH, 1)) };
        }
    }

    #[test]
    fn threads_never_get_the_same_piece() {
        static HEAP: Heap = Heap::new();
        let work = |byte: u8| {
            move || {
                for round in 0..2000 {
                    let size = 1 + (round * 7) % 60;
                    // SAFETY: the layout is not empty.
                    let at = unsafe { HEAP.alloc(layout(size, 1)) };
                    fill(at, size, byte);
                    thread::yield_now();
                    assert!(is_all(at, size, byte));
                    // SAFETY: it was given with this layout.
                    unsafe { HEAP.dealloc(at, layout(size, 1)) };
                }
            }
        };
        let threads = [1, 2, 3].map(|byte| thread::spawn(work(byte)));
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
