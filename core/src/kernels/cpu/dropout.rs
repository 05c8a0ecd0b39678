//! Inverted dropout with a counter-based generator: the mask depends on the seed and the position alone, not on how
//! the work is shared out.

use std::mem::MaybeUninit;

use burn::tensor::{Distribution, Tensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn_flex::{Flex, FlexTensor};

use super::gelu::multiply;
use super::parallel::{filled2, map_rows2, vectorised};
use super::{exact, lift, plain, recorded, shaped};
use crate::splitmix64::mix;

/// Zeroes a share `p` of `x`, which lives on the CPU, and scales the rest; with and without autodiff alike.
pub(crate) fn dropout<const D: usize>(x: Tensor<D>, p: f64) -> Tensor<D> {
    // Two draws from the device's own generator seed this mask, so that seeding the device seeds it too.
    let range = Distribution::Uniform(0.0, f64::from(1u32 << 24));
    let draws = plain(Tensor::<1>::random([2], range, &x.device().without_autodiff()));
    let seed = draws.storage::<f32>().iter().fold(0u64, |seed, draw| (seed << 24) | *draw as u64);
    let seed = mix(seed ^ 0x5DEE_CE66_D1CE_4E5B);
    if !x.is_autodiff() {
        return lift(drop_values(&plain(x), p, seed).0);
    }
    let (x, node) = recorded(x).into_parts();
    let x = exact(x);
    let (y, mask) = drop_values(&x, p, seed);
    let output = match Dropout.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(mask, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

#[derive(Debug)]
struct Dropout;

impl Backward<Flex, 1> for Dropout {
    /// 0, or 1 / (1 - p).
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let mask = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, grads, |gradient| multiply(exact(gradient), &mask));
    }
}

#[expect(unsafe_code, reason = "the results are not zeroed before they are written")]
fn drop_values(x: &FlexTensor, p: f64, seed: u64) -> (FlexTensor, FlexTensor) {
    let values = x.storage::<f32>();
    let threshold = (p * f64::from(1u32 << 24)) as u32;
    let scale = (1.0 / (1.0 - p)) as f32;
    let key = [seed as u32, (seed >> 32) as u32];
    let fill = |outputs: [&mut [MaybeUninit<f32>]; 2]| {
        map_rows2(1, values, outputs, |first, x, y, mask| {
            vectorised(
                #[inline(always)]
                || {
                    for (index, ((x, y), mask)) in x.iter().zip(y).zip(mask).enumerate() {
                        let draw = hash((first + index) as u32, key) >> 8;
                        let factor = if draw >= threshold { scale } else { 0.0 };
                        mask.write(factor);
                        y.write(x * factor);
                    }
                },
            );
        });
    };
    // SAFETY: both are as long as `x`, and one value of each is written for each of `x`.
    let [y, mask] = unsafe { filled2(values.len(), fill) };
    (shaped(x, y), shaped(x, mask))
}

/// Two rounds of a 32-bit finaliser ("lowbias32", <https://nullprogram.com/blog/2018/07/31/>) over position and key.
#[inline(always)]
fn hash(position: u32, key: [u32; 2]) -> u32 {
    finalise(finalise(position ^ key[0]) ^ key[1])
}

#[inline(always)]
fn finalise(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7FEB_352D);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_dropped_is_the_share_asked_for() {
        let x = super::super::vector(vec![1.0; 1 << 18]);
        let (y, mask) = drop_values(&x, 0.1, 42);
        let dropped = y.storage::<f32>().iter().filter(|&&y| y == 0.0).count() as f64 / f64::from(1 << 18);
        assert!((dropped - 0.1).abs() < 0.003, "{dropped}");
        assert_eq!(y.storage::<f32>(), mask.storage::<f32>());
    }
}
