//! Scalar functions written so that compilers turn loops over them into vector code.

/// Below this [`exp`] is zero. `e^-60` is 1e-26: nothing beside the 1 of a softmax's largest term, while its products
/// with gradients would be subnormal numbers, on which matrix products run thirty times slower.
const ZERO_BELOW: f32 = -60.0;

/// `e^x` for f32, relative error below 2e-7 (Cephes' `expf`: range reduction by `ln 2` and a polynomial); zero below
/// [`ZERO_BELOW`].
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let is_zero = x < ZERO_BELOW;
    let x = x.clamp(ZERO_BELOW, 88.7);
    let n = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0; // rounds to nearest
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    let y = y * f32::from_bits((((n as i32) + 127) << 23) as u32);
    if is_zero { 0.0 } else { y }
}

/// Sum over eight accumulators.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Dot product over eight accumulators.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let ((a_blocks, a_rest), (b_blocks, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
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
}
