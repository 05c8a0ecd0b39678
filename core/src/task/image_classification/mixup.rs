//! Mixup: images of a batch are laid over each other, with their labels, by a share that is drawn anew for each batch
//! (<https://arxiv.org/abs/1710.09412>).

use rand_chacha::ChaCha8Rng;

use crate::data::{below, generator};

/// Stream of a batch's seed that the share is drawn from; images draw from those of their indices.
const STREAM: u64 = 0x006D_6978_7570;

/// The share of a batch: a draw from Beta(`alpha`, `alpha`), as two draws from Gamma(`alpha`).
pub(super) fn draw_share(alpha: f64, seed: u64) -> f64 {
    let mut random = generator(seed, STREAM);
    let (one, other) = (draw_gamma(alpha, &mut random), draw_gamma(alpha, &mut random));
    // Of a tiny alpha both may be too small for a number: then nearly all shares are 0 or 1.
    if one + other > 0.0 { one / (one + other) } else { 1.0 }
}

/// Mixes each row with the one in its place in the reversed batch, as timm's `Mixup` does in its batch mode: `share` of the
/// row itself, the rest of the other. `values` are `num_rows` rows of numbers, one after the other.
pub(super) fn mix_with_reversed(values: &mut [f32], num_rows: usize, share: f64) {
    let (width, share) = (values.len() / num_rows.max(1), share as f32);
    let rest = 1.0 - share;
    for index in 0..num_rows / 2 {
        let (before, after) = values.split_at_mut((num_rows - 1 - index) * width);
        let (row, other) = (&mut before[index * width..(index + 1) * width], &mut after[..width]);
        for (one, other) in row.iter_mut().zip(other) {
            (*one, *other) = (share * *one + rest * *other, share * *other + rest * *one);
        }
    }
}

/// Marsaglia and Tsang's method (<https://doi.org/10.1145/358407.358414>); below 1 a draw of `shape + 1` is scaled.
fn draw_gamma(shape: f64, random: &mut ChaCha8Rng) -> f64 {
    if shape < 1.0 {
        let scale = draw_uniform(random).powf(1.0 / shape);
        return scale * draw_gamma(shape + 1.0, random);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = draw_normal(random);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && draw_uniform(random).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// A number above 0, at most 1.
fn draw_uniform(random: &mut ChaCha8Rng) -> f64 {
    (below(1 << 53, random) + 1) as f64 / (1_u64 << 53) as f64
}

/// Box and Muller's method.
fn draw_normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * draw_uniform(random).ln()).sqrt();
    radius * (std::f64::consts::TAU * draw_uniform(random)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_mean_and_the_spread_of_beta() {
        for alpha in [0.2, 1.0, 4.0] {
            let shares: Vec<f64> = (0..20_000).map(|seed| draw_share(alpha, seed)).collect();
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / shares.len() as f64;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
            assert!((variance - expected).abs() < 0.05 * expected, "{alpha}: {variance}, not {expected}");
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
        assert_eq!(draw_share(0.2, 7), draw_share(0.2, 7));
        assert!((0..100).all(|seed| (0.0..=1.0).contains(&draw_share(1e-4, seed))), "never less than a number");
    }

    #[test]
    fn rows_are_mixed_with_the_reversed_batch() {
        let mut values = [0.0, 1.0, 4.0, 5.0, 8.0, 16.0];
        mix_with_reversed(&mut values, 3, 0.75);
        assert_eq!(values, [2.0, 4.75, 4.0, 5.0, 6.0, 12.25]);
        let mut values = [1.0, 0.0, 0.0, 1.0];
        mix_with_reversed(&mut values, 2, 0.25);
        assert_eq!(values, [0.25, 0.75, 0.75, 0.25]);
        mix_with_reversed(&mut [], 0, 0.5);
    }
}
