//! Where a native program's work runs: on one of the threads that share out the kernels' rows.

/// Threads that share out the rows of kernels: 1 where there is no pool.
#[cfg(feature = "rayon")]
#[must_use]
pub fn num_threads() -> usize {
    rayon::current_num_threads()
}

/// Threads that share out the rows of kernels: 1, for there is no pool.
#[cfg(not(feature = "rayon"))]
#[must_use]
pub fn num_threads() -> usize {
    1
}

/// Threads of the pool get the stack that a main thread has.
#[cfg(feature = "rayon")]
const STACK: usize = 8 << 20;

/// Calls `work` on a thread of the pool over which kernels share their rows out, and gives back what it gives; where there
/// is no pool, on this one. Wrap the whole of `main` in it.
///
/// From outside the pool every kernel wakes one of its threads and sleeps until that one has finished, even where there
/// is too little to share: two switches of the kernel's scheduler an operation, some thousand operations a step.
pub fn run_on_threads<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    #[cfg(feature = "rayon")]
    {
        // A pool that exists already is as good: only its stacks may be smaller.
        let _ = rayon::ThreadPoolBuilder::new().stack_size(STACK).build_global();
        rayon::scope(|_| work())
    }
    #[cfg(not(feature = "rayon"))]
    work()
}
