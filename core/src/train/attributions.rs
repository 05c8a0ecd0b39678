//! What of a row speaks for an output: integrated gradients on token vectors (Sundararajan et al. 2017,
//! <https://arxiv.org/abs/1703.01365>), as `LayerIntegratedGradients` of Captum has them on a model's word embeddings.
//!
//! In: a model, a row of tokens, and the tokens that it is compared with: the same row with padding tokens in the place of its
//! text, special tokens kept. Out: a number for each token. They add up to the difference of the two outputs, but for what the
//! steps of the integral leave out, which is told beside them.
//!
//! Points between the two rows are nodes of Gauss and Legendre, denser where the path begins: the vector of padding is often one of
//! zeros, and a norm behind it turns almost at once as a text appears (ADR 37). A part of them at a time goes through the model as
//! one batch, so that memory stays bounded and a driver can show how far it is.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::TrainError;
use super::outputs::read_rows;
use crate::batch::{BatchInputs, TextBatch};
use crate::data::{HostText, Outputs};
use crate::model::Model;

/// Tokens that go through the model at once.
const TOKENS_AT_ONCE: usize = 1024;

/// The path is walked by the third power of time, so that of 50 points 21 lie in its first twentieth.
const POWER: i32 = 3;

/// Newton's steps to a node: they double the digits, beginning at two or three.
const NEWTON_STEPS: usize = 8;

/// A row beside the row that it is compared with.
pub struct ComparedRow {
    /// With autodiff, but no weight takes a gradient.
    model: Model,
    text: HostText,
    /// Vectors of the row it is compared with, `[1, seq, width]`, without autodiff.
    baseline: Tensor<3>,
    /// What is added to them for those of the row, as large.
    difference: Tensor<3>,
    device: Device,
    outputs: Vec<f32>,
    baseline_outputs: Vec<f32>,
}

/// The integral for one output of a row, on its way.
pub struct Integration<'a> {
    row: &'a ComparedRow,
    output: usize,
    /// Where between the two rows, and how much that counts.
    nodes: Vec<(f64, f64)>,
    num_done: usize,
    tokens: Vec<f64>,
}

/// What each token adds to an output.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributions {
    /// One a token, padding included, for which it is 0.
    pub tokens: Vec<f64>,
    /// The output of the row.
    pub score: f64,
    /// That of the row it is compared with.
    pub baseline_score: f64,
    /// Points at which gradients were taken.
    pub num_steps: usize,
}

impl ComparedRow {
    /// A row of one text batch beside `baseline_ids`, of which there are as many as tokens; `None` where the model looks no
    /// vectors of tokens up for a row, as one that reads images. `model` is for inference, on `device`, which is without autodiff.
    ///
    /// # Errors
    /// When the device fails, or an output is not finite.
    pub async fn compare(
        model: &Model,
        text: HostText,
        baseline_ids: &[i32],
        device: &Device,
    ) -> Result<Option<Self>, TrainError> {
        let ids = |ids: &[i32]| Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [1, ids.len()]), device);
        let vectors = |values: &[i32]| model.backbone.word_vectors(ids(values));
        let (Some(own), Some(baseline)) = (vectors(&text.input_ids), vectors(baseline_ids)) else { return Ok(None) };
        let both = Tensor::cat(vec![own.clone(), baseline.clone()], 0); // [2, seq, width]
        let batch = TextBatch::new(&repeated(&text, 2), device).with_word_vectors(both);
        let read = read_rows(model.outputs(&BatchInputs::Text(batch))).await?;
        let Outputs::Rows { values, width } = read else { return Ok(None) };
        if !values.iter().all(|value| value.is_finite()) {
            return Err(TrainError::NotFinite { row: 1 });
        }
        let (outputs, baseline_outputs) = values.split_at(width);
        Ok(Some(Self {
            // Kernels take tensors that all have autodiff, or none of which has it.
            model: model.clone().no_grad().train(),
            text,
            difference: own - baseline.clone(),
            baseline,
            device: device.clone().autodiff(),
            outputs: outputs.to_vec(),
            baseline_outputs: baseline_outputs.to_vec(),
        }))
    }

    /// The outputs of the row.
    #[must_use]
    pub fn outputs(&self) -> &[f32] {
        &self.outputs
    }

    /// Begins the integral for one of its outputs.
    ///
    /// # Panics
    /// When there is no such output, or there are no steps.
    #[must_use]
    pub fn integrate(&self, output: usize, num_steps: usize) -> Integration<'_> {
        assert!(output < self.outputs.len() && num_steps > 0, "one of its outputs, and some steps");
        let tokens = vec![0.0; self.text.seq];
        Integration { row: self, output, nodes: path_nodes(num_steps), num_done: 0, tokens }
    }
}

impl Integration<'_> {
    /// Points whose gradients were taken, and all of them.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.num_done, self.nodes.len())
    }

    /// Takes the gradients at some points; `false` once they were taken at all points.
    ///
    /// # Errors
    /// When the device fails, or a gradient is not finite.
    pub async fn advance(&mut self) -> Result<bool, TrainError> {
        let ComparedRow { model, text, baseline, difference, device, .. } = self.row;
        let at_once = (TOKENS_AT_ONCE / text.seq.max(1)).max(1);
        let end = (self.num_done + at_once).min(self.nodes.len());
        let (places, weights): (Vec<f64>, Vec<f64>) = self.nodes[self.num_done..end].iter().copied().unzip();
        if places.is_empty() {
            return Ok(false);
        }
        let count = places.len();
        let column = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::<3>::from_data(TensorData::new(values, [count, 1, 1]), &baseline.device())
        };
        let points = difference.clone().repeat_dim(0, count) * column(places) + baseline.clone(); // [count, seq, width]
        let points = points.autodiff().require_grad();
        let batch = TextBatch::new(&repeated(text, count), device).with_word_vectors(points.clone());
        let outputs = model.outputs(&BatchInputs::Text(batch)); // [count, outputs]
        let mut gradients = outputs.narrow(1, self.output, 1).sum().backward();
        let gradient = points.grad_remove(&mut gradients).expect("outputs depend on the vectors of their tokens");
        let share = (gradient * column(weights)).sum_dim(0) * difference.clone(); // [1, seq, width]
        let share = share.sum_dim(2).reshape([1, text.seq]);
        if let Outputs::Rows { values, .. } = read_rows(share).await? {
            if !values.iter().all(|value| value.is_finite()) {
                return Err(TrainError::NotFinite { row: 1 });
            }
            self.tokens.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        }
        self.num_done = end;
        Ok(self.num_done < self.nodes.len())
    }

    /// What each token adds, once gradients were taken at all points.
    #[must_use]
    pub fn finish(self) -> Attributions {
        let Self { row, output, nodes, tokens, .. } = self;
        let [score, baseline_score] = [&row.outputs, &row.baseline_outputs].map(|outputs| f64::from(outputs[output]));
        Attributions { tokens, score, baseline_score, num_steps: nodes.len() }
    }
}

/// The same row several times.
fn repeated(text: &HostText, count: usize) -> HostText {
    HostText {
        input_ids: text.input_ids.repeat(count),
        attention_mask: text.attention_mask.repeat(count),
        token_type_ids: text.token_type_ids.repeat(count),
        position_ids: text.position_ids.repeat(count),
        segment_ids: text.segment_ids.as_ref().map(|ids| ids.repeat(count)),
        batch: count,
        seq: text.seq,
    }
}

/// Where on the way from the one row to the other gradients are taken, from 0 to 1, and how much each counts.
fn path_nodes(count: usize) -> Vec<(f64, f64)> {
    let place = |(time, weight): (f64, f64)| (time.powi(POWER), weight * f64::from(POWER) * time.powi(POWER - 1));
    gauss_legendre(count).into_iter().map(place).collect()
}

/// Nodes and weights of Gauss and Legendre on the interval from 0 to 1, by Newton's method on the polynomial of that degree.
fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let degree = count as f64;
    let node = |index: usize| {
        let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (degree + 0.5)).cos();
        for _ in 0..NEWTON_STEPS {
            let (value, slope) = legendre(count, x);
            x -= value / slope;
        }
        let (_, slope) = legendre(count, x);
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(node).collect()
}

/// The Legendre polynomial of a degree, which is at least 1, and its slope, at a place between -1 and 1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for at in 2..=degree {
        let k = at as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_up_to_twice_the_nodes_are_integrated_exactly() {
        for count in [1_usize, 2, 5, 50] {
            let nodes = gauss_legendre(count);
            for power in 0..2 * count as i32 {
                let found: f64 = nodes.iter().map(|(place, weight)| weight * place.powi(power)).sum();
                let expected = 1.0 / f64::from(power + 1);
                assert!((found - expected).abs() < 1e-12, "{count} nodes, power {power}: {found}, not {expected}");
            }
            assert!(nodes.windows(2).all(|pair| pair[0].0 < pair[1].0), "from the row compared with to the row");
        }
        // numpy.polynomial.legendre.leggauss(5), moved to the interval from 0 to 1.
        let (place, weight) = gauss_legendre(5)[0];
        assert!((place - 0.046_910_077_030_668).abs() < 1e-14 && (weight - 0.118_463_442_528_094_54).abs() < 1e-14);
    }

    #[test]
    fn the_path_is_walked_once_and_slowly_at_its_beginning() {
        let nodes = path_nodes(50);
        for power in 0..20 {
            let found: f64 = nodes.iter().map(|(place, weight)| weight * place.powi(power)).sum();
            assert!((found - 1.0 / f64::from(power + 1)).abs() < 1e-12, "power {power}: {found}");
        }
        assert_eq!(nodes.iter().filter(|(place, _)| *place < 0.05).count(), 21);
        // A norm right behind a vector of zeros: its slope is 1000 at first.
        let slope = |place: f64| 1e-6 / (place * place + 1e-6).powf(1.5);
        let turned: f64 = nodes.iter().map(|(place, weight)| weight * slope(*place)).sum();
        assert!((turned - 1.0).abs() < 0.01, "{turned}");
    }

    #[test]
    fn a_row_is_repeated_whole() {
        let text = HostText {
            input_ids: vec![2, 5, 0],
            attention_mask: vec![1, 1, 0],
            token_type_ids: vec![0; 3],
            position_ids: vec![0, 1, 2],
            segment_ids: None,
            batch: 1,
            seq: 3,
        };
        let twice = repeated(&text, 2);
        assert_eq!((twice.input_ids, twice.batch, twice.seq), (vec![2, 5, 0, 2, 5, 0], 2, 3));
        assert_eq!((twice.attention_mask, twice.position_ids), (vec![1, 1, 0, 1, 1, 0], vec![0, 1, 2, 0, 1, 2]));
    }
}
