//! Rotary position embeddings (<https://arxiv.org/abs/2104.09864>) in `transformers`' half-split layout.
//!
//! Reference: `transformers` v5.23 `modeling_rope_utils.py` (`default`, `linear`, `llama3`) and
//! `models/llama/modeling_llama.py` (`apply_rotary_pos_emb`).

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
}

/// Base and scaling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RopeConfig {
    /// `rope_theta`
    pub theta: f64,
    /// Stretch.
    pub scaling: RopeScaling,
}

/// Cosines and sines of the positions of a batch: `[batch or 1, 1, seq, head_dim / 2]` each.
#[derive(Debug, Clone)]
pub struct Rotation {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl RopeConfig {
    /// Angle a position, for each pair of a head's values: `head_dim / 2`.
    fn inverse_frequencies(&self, head_dim: usize) -> Vec<f64> {
        let pairs = head_dim / 2;
        let plain = (0..pairs).map(|pair| self.theta.powf(-((2 * pair) as f64) / head_dim as f64));
        plain.map(|frequency| self.scaled(frequency)).collect()
    }

    fn scaled(&self, frequency: f64) -> f64 {
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
        }
    }

    /// The rotation of `rows` rows of positions, row after row (one row stands for all where they are alike).
    #[must_use]
    pub fn rotation(&self, positions: &[i32], rows: usize, head_dim: usize, device: &Device) -> Rotation {
        let frequencies = self.inverse_frequencies(head_dim);
        let angles = || positions.iter().flat_map(|&at| frequencies.iter().map(move |step| f64::from(at) * step));
        let shape = [rows, 1, positions.len() / rows.max(1), head_dim / 2];
        let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
        Rotation {
            cos: tensor(angles().map(|angle| angle.cos() as f32).collect()),
            sin: tensor(angles().map(|angle| angle.sin() as f32).collect()),
        }
    }
}

impl Rotation {
    /// Turns each pair `(x[i], x[i + head_dim / 2])` by its angle.
    ///
    /// # Shapes
    /// - `x`: `[batch, heads, seq, head_dim]`
    /// - returns: the same
    #[must_use]
    pub fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let first = x.clone().narrow(3, 0, half);
        let second = x.narrow(3, half, half);
        let turned = [
            first.clone() * self.cos.clone() - second.clone() * self.sin.clone(),
            second * self.cos.clone() + first * self.sin.clone(),
        ];
        Tensor::cat(turned.to_vec(), 3)
    }
}
