//! How much memory a call takes: an allocator that counts, for the thread that asks.
//!
//! In: a call. Out: what it returned, and the most bytes that it held at once. What other threads take is not counted, neither
//! those of tests beside this one nor those that the call starts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts what each thread holds.
pub(crate) struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The most bytes that `call` held at once, beside what was held before.
pub(crate) fn peak_of<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = call();
    (result, usize::try_from(PEAK.get() - before).unwrap_or(0))
}

fn count(change: isize) {
    // A thread that ends has no counters any more, and no call that is measured.
    let counted = HELD.try_with(|held| {
        held.set(held.get().wrapping_add(change));
        held.get()
    });
    if let Ok(held) = counted {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held)));
    }
}

#[expect(unsafe_code, reason = "an allocator can't be written without; every call goes on to the system's as it came")]
// SAFETY: it is the system's allocator, whose results are returned as they are; counting takes no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the promises that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size.cast_signed().wrapping_sub(layout.size().cast_signed()));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[test]
fn memory_is_counted_at_its_most_and_of_this_thread_only() {
    const MEGABYTE: usize = 1 << 20;
    let (length, peak) = peak_of(|| {
        let take = |num_bytes: usize| std::hint::black_box(vec![1_u8; num_bytes]);
        let first = take(3 * MEGABYTE);
        let second = first.len() + take(2 * MEGABYTE).len();
        drop(first);
        let elsewhere = std::thread::spawn(move || take(64 * MEGABYTE).len());
        second + elsewhere.join().expect("it does not panic") + take(MEGABYTE).len()
    });
    assert_eq!(length, 70 * MEGABYTE);
    assert!((5 * MEGABYTE..6 * MEGABYTE).contains(&peak), "{peak}");
}
