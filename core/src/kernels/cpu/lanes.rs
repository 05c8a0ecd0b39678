//! Scalar functions written so that compilers turn loops over them into vector code.
//!
//! Sums run over [`LANES`] accumulators, by index: an iterator over a block of that few is a call for each block where the
//! compiler does not see through it.

/// Accumulators of a sum: a whole vector on the widest CPUs, several on others.
pub(super) const LANES: usize = 16;

/// Below this [`exp`] is zero. `e^-60` is 1e-26: nothing beside the 1 of a softmax's largest term, while its products
/// with gradients would be subnormal numbers, on which matrix products run thirty times slower.
const ZERO_BELOW: f32 = -60.0;

/// 1.5 * 2^23: f32 of that size are whole numbers. A cast to `i32` would do as well, but saturates, number by number.
const ROUND: f32 = 12_582_912.0;

/// `e^x` for f32, relative error below 2e-7 (Cephes' `expf`: range reduction by `ln 2` and a polynomial); zero below
/// [`ZERO_BELOW`].
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let is_zero = x < ZERO_BELOW;
    let x = x.clamp(ZERO_BELOW, 88.7);
    let shifted = x * std::f32::consts::LOG2_E + ROUND; // its lowest bits are the nearest whole number
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    let y = y * f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23); // times 2^n
    if is_zero { 0.0 } else { y }
}

/// The sum of `term` over all indices below `len`.
#[inline(always)]
pub(super) fn sum_by(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = len - len % LANES;
    let mut start = 0;
    while start < whole {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(start + lane);
        }
        start += LANES;
    }
    let mut rest = 0f32;
    for index in whole..len {
        rest += term(index);
    }
    lanes.iter().sum::<f32>() + rest
}

/// Sum of all values.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    sum_by(values.len(), |index| values[index])
}

/// Dot product of two slices of one length.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let b = &b[..a.len()];
    sum_by(a.len(), |index| a[index] * b[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_everywhere() {
        for step in -5999..=8000 {
            let x = step as f32 * 0.01;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) is off by {error:e}");
        }
        assert_eq!([exp(-61.0), exp(-1e9), exp(f32::NEG_INFINITY)], [0.0; 3]);
    }

    #[test]
    fn sums_are_of_all_values_whatever_their_number() {
        for len in 0..3 * LANES + 2 {
            let values: Vec<f32> = (1..=len).map(|value| value as f32).collect();
            assert_eq!(sum(&values), (len * (len + 1) / 2) as f32);
            assert_eq!(dot(&values, &values), (len * (len + 1) * (2 * len + 1) / 6) as f32);
        }
    }
}
