//! Fresh weights from a seeded host generator, so that the same seed gives the same head on every device.

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded source of initial weights.
#[derive(Debug, Clone)]
pub struct Init {
    rng: ChaCha8Rng,
    /// A file has the backbone: no value is drawn for it.
    is_of_file: bool,
    /// Zeros are given, which a file replaces.
    is_over: bool,
}

impl Init {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), is_of_file: false, is_over: false }
    }

    /// As [`Self::new`], of a model whose backbone is in a file, which replaces each value of it: from [`Self::begin_backbone`] on none
    /// is drawn, and all are zero.
    pub fn for_file(seed: u64) -> Self {
        Self { is_of_file: true, ..Self::new(seed) }
    }

    /// The head, which comes first, has its values.
    pub fn begin_backbone(&mut self) {
        self.is_over = self.is_of_file;
    }

    /// Normal values with mean 0 and standard deviation `std` (Box-Muller), shape `[rows, columns]`.
    pub fn normal(&mut self, shape: [usize; 2], std: f64, device: &Device) -> Tensor<2> {
        if self.is_over {
            return Tensor::zeros(shape, device);
        }
        Tensor::from_data(TensorData::new(self.normal_values(shape[0] * shape[1], std), shape), device)
    }

    /// As [`Self::normal`], `[rows, columns]`, with zeros in the row of the padding token, if there is such a row.
    pub fn table(&mut self, shape: [usize; 2], std: f64, padding_row: Option<usize>, device: &Device) -> Tensor<2> {
        if self.is_over {
            return Tensor::zeros(shape, device);
        }
        let [rows, columns] = shape;
        let mut values = self.normal_values(rows * columns, std);
        if let Some(row) = padding_row.filter(|&row| row < rows) {
            values[row * columns..(row + 1) * columns].fill(0.0);
        }
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// As many values of [`Self::normal`], on the host.
    pub fn normal_values(&mut self, count: usize, std: f64) -> Vec<f32> {
        if self.is_over {
            return vec![0.0; count];
        }
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

    /// What dropout multiplies with: `1 / (1 - p)`, and with probability `p` zero. Shape `[rows, 1]`.
    pub fn kept(&mut self, rows: usize, p: f64, device: &Device) -> Tensor<2> {
        let factor = (1.0 / (1.0 - p)) as f32;
        let values: Vec<f32> = (0..rows).map(|_| if self.unit() > p { factor } else { 0.0 }).collect();
        Tensor::from_data(TensorData::new(values, [rows, 1]), device)
    }

    /// Uniform in `(0, 1]`.
    fn unit(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_for_what_a_file_replaces_and_a_head_is_the_same() {
        let device = Device::flex();
        let values = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().expect("f32");
        let head = |init: &mut Init| values(init.normal([4, 3], 0.02, &device));
        let (mut fresh, mut of_file) = (Init::new(7), Init::for_file(7));
        assert_eq!(head(&mut fresh), head(&mut of_file));
        fresh.begin_backbone();
        of_file.begin_backbone();
        assert!(values(fresh.table([5, 2], 0.02, Some(0), &device)).iter().any(|value| *value != 0.0));
        assert_eq!(values(of_file.table([5, 2], 0.02, Some(0), &device)), [0.0; 10]);
        assert_eq!(of_file.normal_values(3, 1.0), [0.0; 3]);
    }
}
