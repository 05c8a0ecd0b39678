//! Sharing rows out over threads, where there are threads; and over the CPU's widest vectors.

use std::mem::MaybeUninit;

/// Values per task: small enough to share out, large enough to hide the cost of sharing.
const TASK: usize = 1 << 15;

/// Rows of `width` values that make up a task.
pub(super) fn rows_per_task(width: usize) -> usize {
    (TASK / width.max(1)).max(1)
}

/// Runs `work` compiled for the widest vectors that this CPU has.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// `len` values, every one of which `fill` writes; they are not zeroed before, which one thread would do alone.
///
/// # Safety
/// `fill` writes every value.
#[expect(unsafe_code, reason = "the memory is reserved, not filled")]
pub(super) unsafe fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(len);
    fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least `len`, and the caller promises that every value was written.
    unsafe {
        values.set_len(len);
    }
    values
}

/// As [`filled`], twice `len` values.
///
/// # Safety
/// `fill` writes every value of both.
#[expect(unsafe_code, reason = "the memory is reserved, not filled")]
pub(super) unsafe fn filled2(len: usize, fill: impl FnOnce([&mut [MaybeUninit<f32>]; 2])) -> [Vec<f32>; 2] {
    let mut second = Vec::new();
    // SAFETY: the caller promises that every value of both is written.
    let first = unsafe {
        filled(len, |first| {
            second = filled(len, |second| fill([first, second]));
        })
    };
    [first, second]
}

/// Calls `work(index, chunk)` on every chunk of `size` values: on all threads, `task` chunks or more at a time, or in order.
pub(super) fn for_chunks<T: Send>(
    size: usize,
    values: &mut [T],
    task: Option<usize>,
    work: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    if let Some(task) = task {
        use rayon::prelude::*;
        values.par_chunks_mut(size.max(1)).enumerate().with_min_len(task).for_each(|(index, chunk)| work(index, chunk));
        return;
    }
    #[cfg(not(feature = "rayon"))]
    let _ = task;
    for (index, chunk) in values.chunks_mut(size.max(1)).enumerate() {
        work(index, chunk);
    }
}

/// Calls `work(first_row, input, output)` on blocks of whole rows; `input` and `output` have rows of the same width.
pub(super) fn map_rows<T: Send>(
    width: usize,
    input: &[f32],
    output: &mut [T],
    work: impl Fn(usize, &[f32], &mut [T]) + Sync + Send,
) {
    let block = rows_per_task(width) * width;
    let rows = rows_per_task(width);
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        let pairs = input.par_chunks(block).zip(output.par_chunks_mut(block)).enumerate();
        pairs.for_each(|(index, (input, output))| work(index * rows, input, output));
    }
    #[cfg(not(feature = "rayon"))]
    for (index, (input, output)) in input.chunks(block).zip(output.chunks_mut(block)).enumerate() {
        work(index * rows, input, output);
    }
}

/// As [`map_rows`], with two outputs.
pub(super) fn map_rows2<T: Send>(
    width: usize,
    input: &[f32],
    outputs: [&mut [T]; 2],
    work: impl Fn(usize, &[f32], &mut [T], &mut [T]) + Sync + Send,
) {
    let block = rows_per_task(width) * width;
    let rows = rows_per_task(width);
    let [first, second] = outputs;
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        let blocks =
            input.par_chunks(block).zip(first.par_chunks_mut(block)).zip(second.par_chunks_mut(block)).enumerate();
        blocks.for_each(|(index, ((input, first), second))| work(index * rows, input, first, second));
    }
    #[cfg(not(feature = "rayon"))]
    for (index, ((input, first), second)) in
        input.chunks(block).zip(first.chunks_mut(block)).zip(second.chunks_mut(block)).enumerate()
    {
        work(index * rows, input, first, second);
    }
}

/// Results of `work` on each task's values, in order.
pub(super) fn map_tasks<T: Send>(values: &[f32], work: impl Fn(&[f32]) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        values.par_chunks(TASK).map(work).collect()
    }
    #[cfg(not(feature = "rayon"))]
    values.chunks(TASK).map(work).collect()
}

/// Results of `work(first_row, rows)` for ranges of rows, in order.
pub(super) fn map_row_ranges<T: Send>(
    rows: usize,
    width: usize,
    work: impl Fn(std::ops::Range<usize>) -> T + Sync + Send,
) -> Vec<T> {
    let step = rows_per_task(width);
    let starts: Vec<usize> = (0..rows).step_by(step).collect();
    let run = |&start: &usize| work(start..(start + step).min(rows));
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        starts.par_iter().map(run).collect()
    }
    #[cfg(not(feature = "rayon"))]
    starts.iter().map(run).collect()
}

/// Calls `work` on matching tasks of three slices to change and one to read.
pub(super) fn zip_tasks(
    [a, b, c]: [&mut [f32]; 3],
    d: &[f32],
    work: impl Fn(&mut [f32], &mut [f32], &mut [f32], &[f32]) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        let tasks =
            a.par_chunks_mut(TASK).zip(b.par_chunks_mut(TASK)).zip(c.par_chunks_mut(TASK)).zip(d.par_chunks(TASK));
        tasks.for_each(|(((a, b), c), d)| work(a, b, c, d));
    }
    #[cfg(not(feature = "rayon"))]
    work(a, b, c, d);
}
