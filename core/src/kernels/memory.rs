//! What the process does with memory that a step has given back.

/// Tells the C library to keep freed memory for the next operation rather than give it back to the kernel: call it first
/// thing in `main`. Returns whether it took the setting; it does nothing where the library is not glibc.
///
/// A step allocates and frees the same few megabytes hundreds of times. glibc takes blocks of more than 128 KiB from the
/// kernel and gives them back at once, so that every operation writes to pages that are not there yet: half of a step of
/// a small vision transformer, an eighth of MiniLM's (docs/LOG.md, 2026-11-29). Memory at its peak stays what it was; it
/// is given back at the end of the process.
pub fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc's mallopt is a C function")]
    // SAFETY: it takes two numbers and touches nothing but the allocator's own settings, under its lock.
    unsafe {
        // A block so large still comes from the kernel. `-1`: never give the heap's end back. One heap for all threads:
        // others take large blocks from the kernel whatever the threshold says.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30) == 1
            && libc::mallopt(libc::M_TRIM_THRESHOLD, -1) == 1
            && libc::mallopt(libc::M_ARENA_MAX, 1) == 1
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn glibc_takes_the_settings() {
        assert!(super::keep_freed_memory());
    }
}
