//! Rotary position embeddings (<https://arxiv.org/abs/2104.09864>) in `transformers`' half-split layout.
//!
//! Reference: `transformers` v5.24 `modeling_rope_utils.py` (`default`, `linear`, `llama3`, `yarn`) and
//! `models/llama/modeling_llama.py` (`apply_rotary_pos_emb`); `models/phi3/modeling_phi3.py` where a head is turned in part.

use burn::tensor::{Device, Tensor, TensorData};

/// How frequencies are scaled for inputs longer than those that the model was first trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every frequency divided by `factor`.
    Linear {
        /// Stretch.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, those between blended.
    Llama3 {
        /// Stretch of low frequencies.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are low frequencies.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` are high frequencies.
        high_freq_factor: f64,
        /// Context of the first training, in tokens.
        original_max_position_embeddings: f64,
    },
    /// YaRN (<https://arxiv.org/abs/2309.00071>): frequencies that turn less than `beta_slow` times in the first context are
    /// divided, those that turn more than `beta_fast` times kept, those between blended; scores are raised.
    Yarn {
        /// Stretch of low frequencies.
        factor: f64,
        /// Turns from which on a frequency is kept.
        beta_fast: f64,
        /// Turns below which a frequency is divided.
        beta_slow: f64,
        /// The border between both is moved to whole pairs.
        truncate: bool,
        /// Context of the first training, in tokens.
        original_max_position_embeddings: f64,
        /// What turned queries and keys are multiplied by.
        attention_factor: f64,
    },
}

/// Base, scaling, and how much of a head is turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RopeConfig {
    /// `rope_theta`
    pub theta: f64,
    /// Stretch.
    pub scaling: RopeScaling,
    /// Values of a head that are turned, its first ones; even.
    pub dim: usize,
}

/// Cosines and sines of the positions of a batch: `[batch or 1, 1, seq, dim / 2]` each, `dim` being the values of a head
/// that are turned.
#[derive(Debug, Clone)]
pub struct Rotation {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl RopeConfig {
    /// Angle a position, for each pair of the values that are turned: `dim / 2`.
    fn inverse_frequencies(&self) -> Vec<f64> {
        let pairs = self.dim / 2;
        let plain = (0..pairs).map(|pair| self.theta.powf(-((2 * pair) as f64) / self.dim as f64));
        plain.enumerate().map(|(pair, frequency)| self.scaled(pair, frequency)).collect()
    }

    fn scaled(&self, pair: usize, frequency: f64) -> f64 {
        match self.scaling {
            RopeScaling::None => frequency,
            RopeScaling::Linear { factor } => frequency / factor,
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => {
                let wavelength = std::f64::consts::TAU / frequency;
                let turns = original_max_position_embeddings / wavelength;
                if turns < low_freq_factor {
                    frequency / factor
                } else if turns > high_freq_factor {
                    frequency
                } else {
                    let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
            RopeScaling::Yarn { factor, beta_fast, beta_slow, truncate, original_max_position_embeddings, .. } => {
                // The pair whose frequency turns so often in the first context.
                let border = |turns: f64| {
                    let ratio = original_max_position_embeddings / (turns * std::f64::consts::TAU);
                    self.dim as f64 * ratio.ln() / (2.0 * self.theta.ln())
                };
                let (low, high) = match truncate {
                    true => (border(beta_fast).floor(), border(beta_slow).ceil()),
                    false => (border(beta_fast), border(beta_slow)),
                };
                let (low, mut high) = (low.max(0.0), high.min(self.dim as f64 - 1.0));
                if low == high {
                    high += 0.001;
                }
                let divided = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                frequency / factor * divided + frequency * (1.0 - divided)
            }
        }
    }

    /// What cosines and sines are multiplied by.
    fn attention_factor(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn { attention_factor, .. } => attention_factor,
            _ => 1.0,
        }
    }

    /// The rotation of `rows` rows of positions, row after row (one row stands for all where they are alike).
    #[must_use]
    pub fn rotation(&self, positions: &[i32], rows: usize, device: &Device) -> Rotation {
        let (frequencies, factor) = (self.inverse_frequencies(), self.attention_factor());
        let angles = || positions.iter().flat_map(|&at| frequencies.iter().map(move |step| f64::from(at) * step));
        let shape = [rows, 1, positions.len() / rows.max(1), self.dim / 2];
        let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
        Rotation {
            cos: tensor(angles().map(|angle| (angle.cos() * factor) as f32).collect()),
            sin: tensor(angles().map(|angle| (angle.sin() * factor) as f32).collect()),
        }
    }
}

impl Rotation {
    /// Turns each pair `(x[i], x[i + dim / 2])` by its angle; what comes after the first `dim` values of a head stays.
    ///
    /// # Shapes
    /// - `x`: `[batch, heads, seq, head_dim]`
    /// - returns: the same
    #[must_use]
    pub fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let (half, head_dim) = (self.cos.dims()[3], x.dims()[3]);
        let first = x.clone().narrow(3, 0, half);
        let second = x.clone().narrow(3, half, half);
        let mut parts = vec![
            first.clone() * self.cos.clone() - second.clone() * self.sin.clone(),
            second * self.cos.clone() + first * self.sin.clone(),
        ];
        if head_dim > 2 * half {
            parts.push(x.narrow(3, 2 * half, head_dim - 2 * half));
        }
        Tensor::cat(parts, 3)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_turned_in_part_keeps_its_other_values() {
        let device = Device::flex();
        let rope = |dim| RopeConfig { theta: 10_000.0, scaling: RopeScaling::None, dim };
        let values: Vec<f32> = (0..12).map(|at| at as f32 + 1.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(values.clone(), [1, 1, 2, 6]), &device);
        let turned = |x: Tensor<4>, dim: usize| -> Vec<f32> {
            rope(dim).rotation(&[0, 3], 1, &device).apply(x).into_data().iter::<f32>().collect()
        };
        let part = turned(x.clone(), 4);
        assert_eq!(part[..6], values[..6], "position 0 turns nothing");
        assert_eq!(part[10..], values[10..], "the last two values of the head stay");
        // The first four alone, as a head of their own.
        assert_eq!(part[6..10], turned(x.narrow(3, 0, 4), 4)[4..]);
        let (sin, cos) = 3.0_f64.sin_cos();
        assert!((f64::from(part[6]) - (7.0 * cos - 9.0 * sin)).abs() < 1e-5, "{part:?}");
    }

    #[test]
    fn yarn_divides_low_frequencies_and_raises_what_is_turned() {
        let device = Device::flex();
        let rope = |beta_fast, beta_slow, truncate| RopeConfig {
            theta: 10_000.0,
            scaling: RopeScaling::Yarn {
                factor: 4.0,
                beta_fast,
                beta_slow,
                truncate,
                original_max_position_embeddings: 64.0,
                attention_factor: 1.5,
            },
            dim: 16,
        };
        // As `_compute_yarn_parameters` of transformers 5.24 gives it.
        let rest = [0.007_905_69, 0.0025, 0.000_790_569, 0.000_25, 0.000_079_056_9];
        for (rope, first) in
            [(rope(32.0, 1.0, true), [1.0, 0.237_171, 0.05]), (rope(8.0, 2.0, false), [1.0, 0.160_589, 0.025])]
        {
            let expected = first.into_iter().chain(rest);
            for (found, expected) in rope.inverse_frequencies().into_iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-5, "{found} is not {expected}");
            }
        }
        let x = Tensor::<4>::ones([1, 1, 1, 16], &device);
        let turned = rope(32.0, 1.0, true).rotation(&[0], 1, &device).apply(x).into_data();
        let turned: Vec<f32> = turned.iter::<f32>().collect();
        assert_eq!(turned, [1.5; 16]);
    }
}
