//! The program's allocator: a first stretch that is only ever filled, then the C library's. A launch makes thousands of
//! small blocks and frees hardly any, and most runs end before the stretch is full.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

const LENGTH: usize = 1 << 20;

#[repr(align(4096))]
struct Memory(UnsafeCell<[u8; LENGTH]>);

// SAFETY: nobody refers to the bytes but through blocks, and each is handed out to one caller at a time.
unsafe impl Sync for Memory {}

/// A stretch of memory, filled from its beginning; to be made the `#[global_allocator]`.
pub struct First {
    memory: Memory,
    used: AtomicUsize,
}

impl std::fmt::Debug for First {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("First").field("used", &self.used).finish_non_exhaustive()
    }
}

impl First {
    /// An empty one.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "there is one, and it is a static")]
    #[allow(clippy::large_stack_arrays, reason = "a static is never on a stack")]
    pub const fn new() -> Self {
        Self { memory: Memory(UnsafeCell::new([0; LENGTH])), used: AtomicUsize::new(0) }
    }

    fn start(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// Where a block is in the stretch; none if it is not from here.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        block.addr().checked_sub(self.start().addr()).filter(|offset| *offset < LENGTH)
    }

    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if layout.align() > 4096 {
            return None; // more than the stretch itself has
        }
        let mut used = self.used.load(Ordering::Acquire);
        loop {
            let from = used.checked_next_multiple_of(layout.align())?;
            let to = from.checked_add(layout.size()).filter(|to| *to <= LENGTH)?;
            match self.used.compare_exchange_weak(used, to, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: `from` is at most LENGTH.
                Ok(_) => return Some(unsafe { self.start().byte_add(from) }),
                Err(now) => used = now,
            }
        }
    }

    /// Moves the end of the block that was handed out last; others stay as they are.
    fn resize(&self, (from, size): (usize, usize), new: usize) -> bool {
        let Some(to) = from.checked_add(new).filter(|to| *to <= LENGTH) else { return false };
        // Who takes these bytes next must see them as their last owner left them.
        self.used.compare_exchange(from + size, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

// SAFETY: a block lies wholly in the stretch, aligned, and apart from all others: `used` only goes back by the block that
// ends there, when its owner gives it up. All else is the C library's.
unsafe impl GlobalAlloc for First {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        self.take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(block) = self.take(layout) else {
            // SAFETY: the caller's promises are passed on.
            return unsafe { System.alloc_zeroed(layout) };
        };
        // SAFETY: the block is new and so long; what was there before may have been given back.
        unsafe { block.write_bytes(0, layout.size()) };
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(from) => {
                let _back_or_left = self.resize((from, layout.size()), 0);
            }
            // SAFETY: the block is not from here, so it is the C library's; the layout is the caller's promise.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        let Some(from) = self.offset(block) else {
            // SAFETY: the block is the C library's; the rest is the caller's promise.
            return unsafe { System.realloc(block, layout, new) };
        };
        if new <= layout.size() || self.resize((from, layout.size()), new) {
            return block;
        }
        // SAFETY: the caller promises that `new` is not 0 and fits the alignment.
        let wider = unsafe { Layout::from_size_align_unchecked(new, layout.align()) };
        // SAFETY: the size is not 0.
        let moved = unsafe { self.alloc(wider) };
        if !moved.is_null() {
            // SAFETY: both are so long, and a new block overlaps no other.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size()) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]
    use super::{First, LENGTH};
    use std::alloc::{GlobalAlloc as _, Layout};

    static HEAP: First = First::new();

    fn block(size: usize, align: usize) -> (*mut u8, Layout) {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        // SAFETY: the size is not 0.
        (unsafe { HEAP.alloc(layout) }, layout)
    }

    #[test]
    fn blocks_are_apart_aligned_and_keep_their_content() {
        let mut blocks = Vec::new();
        for n in 1..4000_usize {
            let (at, layout) = block(n % 700 + 1, 1 << (n % 8));
            assert!(at.addr().is_multiple_of(layout.align()), "{n}");
            let fill = u8::try_from(n % 251).expect("small");
            // SAFETY: the block is so long.
            unsafe { at.write_bytes(fill, layout.size()) };
            blocks.push((at, layout, fill));
            if n % 3 == 0 {
                let (at, layout, fill) = blocks.swap_remove(n % blocks.len());
                let new = n % 900 + 1;
                // SAFETY: the block was made with this layout, and the new size is not 0.
                let at = unsafe { HEAP.realloc(at, layout, new) };
                let kept = layout.size().min(new);
                // SAFETY: so much was copied.
                assert!(unsafe { std::slice::from_raw_parts(at, kept) }.iter().all(|byte| *byte == fill), "{n}");
                // SAFETY: the block is so long.
                unsafe { at.write_bytes(fill, new) };
                blocks.push((at, Layout::from_size_align(new, layout.align()).expect("a layout"), fill));
            }
            if n % 5 == 0 {
                let (at, layout, _) = blocks.swap_remove((n * 7) % blocks.len());
                // SAFETY: the block was made with this layout and is used no more.
                unsafe { HEAP.dealloc(at, layout) };
            }
        }
        assert!(HEAP.used.load(std::sync::atomic::Ordering::Relaxed) > LENGTH / 2, "the stretch is used");
        assert!(blocks.iter().any(|(at, ..)| HEAP.offset(*at).is_none()), "and the rest is the C library's");
        for (at, layout, fill) in blocks {
            // SAFETY: the block is so long and was filled.
            let all = unsafe { std::slice::from_raw_parts(at, layout.size()) };
            assert!(all.iter().all(|byte| *byte == fill));
            // SAFETY: the block was made with this layout and is used no more.
            unsafe { HEAP.dealloc(at, layout) };
        }
    }
}
