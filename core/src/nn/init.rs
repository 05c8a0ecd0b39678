//! Fresh weights from a seeded host generator, so that the same seed gives the same head on every device.

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded source of initial weights.
#[derive(Debug, Clone)]
pub struct Init {
    rng: ChaCha8Rng,
}

impl Init {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Normal values with mean 0 and standard deviation `std` (Box-Muller), shape `[rows, columns]`.
    pub fn normal(&mut self, shape: [usize; 2], std: f64, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.normal_values(shape[0] * shape[1], std), shape), device)
    }

    /// As [`Self::normal`], with zeros in the row of the padding token, if there is such a row.
    pub fn table(&mut self, shape: [usize; 2], std: f64, padding_row: Option<usize>, device: &Device) -> Tensor<2> {
        let [rows, columns] = shape;
        let mut values = self.normal_values(rows * columns, std);
        if let Some(row) = padding_row.filter(|&row| row < rows) {
            values[row * columns..(row + 1) * columns].fill(0.0);
        }
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// As many values of [`Self::normal`], on the host.
    pub fn normal_values(&mut self, count: usize, std: f64) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let (u1, u2) = (self.unit(), self.unit());
            let radius = (-2.0 * u1.ln()).sqrt() * std;
            let (sin, cos) = (std::f64::consts::TAU * u2).sin_cos();
            values.push((radius * cos) as f32);
            values.push((radius * sin) as f32);
        }
        values.truncate(count);
        values
    }

    /// Uniform values in `±bound`, shape `[rows, columns]`.
    pub fn uniform(&mut self, shape: [usize; 2], bound: f64, device: &Device) -> Tensor<2> {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| ((2.0 * self.unit() - 1.0) * bound) as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Uniform in `(0, 1]`.
    fn unit(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}
