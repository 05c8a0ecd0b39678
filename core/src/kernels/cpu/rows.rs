//! Rows of a matrix, each with a number of its own, in place and on all threads: burn-flex takes one thread, and the C
//! library's `expf`, number by number.

use burn::tensor::{DType, Tensor};

use super::parallel::{for_chunks, rows_per_task, vectorised};
use super::{is_on_cpu, lanes, lift, plain, vector};

/// Whether [`exp_below`] and [`scale_rows`] take these: f32, on the CPU, without autodiff.
pub(crate) fn takes_rows(matrix: &Tensor<2>, numbers: &Tensor<2>) -> bool {
    is_on_cpu(matrix)
        && [matrix.dtype(), numbers.dtype()] == [DType::F32; 2]
        && !matrix.is_autodiff()
        && !numbers.is_autodiff()
        && numbers.dims() == [matrix.dims()[0], 1]
}

/// `e^(scores - max)`, and the sum of each of its rows.
pub(crate) fn exp_below(scores: Tensor<2>, max: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [rows, columns] = scores.dims();
    let (mut scores, max) = (plain(scores), plain(max));
    let max = max.storage::<f32>();
    change_rows(scores.storage_mut(), columns, |row, values| {
        for value in values {
            *value = lanes::exp(*value - max[row]);
        }
    });
    let mut sums = vec![0f32; rows];
    let values = scores.storage::<f32>();
    for_chunks(1, &mut sums, Some(rows_per_task(columns)), |row, sum| {
        vectorised(
            #[inline(always)]
            || sum[0] = lanes::sum(&values[row * columns..(row + 1) * columns]),
        );
    });
    (lift(scores), lift::<1>(vector(sums)).reshape([rows, 1]))
}

/// Each row times its number.
pub(crate) fn scale_rows(x: Tensor<2>, factors: Tensor<2>) -> Tensor<2> {
    let [_, columns] = x.dims();
    let (mut x, factors) = (plain(x), plain(factors));
    let factors = factors.storage::<f32>();
    change_rows(x.storage_mut(), columns, |row, values| {
        for value in values {
            *value *= factors[row];
        }
    });
    lift(x)
}

/// Calls `work(row, values)` on every row.
fn change_rows(values: &mut [f32], columns: usize, work: impl Fn(usize, &mut [f32]) + Sync + Send) {
    for_chunks(columns, values, Some(rows_per_task(columns)), |row, values| {
        vectorised(
            #[inline(always)]
            || work(row, values),
        );
    });
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn rows_are_those_of_burn() {
        let device = Device::flex();
        for [rows, columns] in [[1, 1], [3, 70], [40, 1_031]] {
            let scores = Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 4.0), &device);
            let max = scores.clone().max_dim(1);
            assert!(takes_rows(&scores, &max));
            let (powers, sums) = exp_below(scores.clone(), max.clone());
            let expected = (scores - max).exp();
            let worst = (powers.clone() - expected.clone()).abs().max().into_scalar::<f32>();
            assert!(worst < 1e-6, "{worst:e}");
            let off = ((sums.clone() - expected.clone().sum_dim(1)) / sums.clone()).abs().max().into_scalar::<f32>();
            assert!(off < 1e-5, "{off:e}");
            let scaled = scale_rows(powers.clone(), sums.clone());
            let off = (scaled - powers * sums).abs().max().into_scalar::<f32>();
            assert!(off == 0.0, "{off:e}");
        }
    }
}
