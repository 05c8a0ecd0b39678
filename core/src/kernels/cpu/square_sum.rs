//! Sum of squares over eight accumulators a task, the tasks in f64.

use burn::tensor::Tensor;

use super::parallel::{map_tasks, vectorised};
use super::{lanes, plain};

/// `x` is `[numel]`, on the CPU.
pub(crate) fn square_sum(x: &Tensor<1>) -> f32 {
    let flex = plain(x.clone());
    let parts = map_tasks(flex.storage::<f32>(), |part| {
        vectorised(
            #[inline(always)]
            || lanes::dot(part, part),
        )
    });
    parts.into_iter().map(f64::from).sum::<f64>() as f32
}
