//! The loop body: a micro-batch on the host becomes a loss and gradients. Its targets alone say which loss.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::adversarial::{moved_along, perturbed};
use crate::batch::BatchInputs;
use crate::config::Techniques;
use crate::data::{HostBatch, HostTargets};
use crate::loss::{loss_of_two, loss_sum, row_weights, rows_in_chunk, token_cross_entropy, vocabulary_cross_entropy};
use crate::model::{Backbone, Model};
use crate::optim::GradientSum;

/// Scored states are padded to a multiple of this, so that a device sees few shapes.
const TARGETS_MULTIPLE: usize = 32;

/// One forward and backward pass.
pub struct MicroStep<'a> {
    /// The model, on an autodiff device.
    pub model: &'a Model,
    /// The backbone, without autodiff, of a model whose head alone is trained.
    pub frozen: Option<&'a Backbone>,
    /// What the head reads of the batch's rows, where that is known: `[batch, width]`, without autodiff. Then the inputs of
    /// the batch, which may be empty, are not read.
    pub features: Option<Tensor<2>>,
    /// What the losses of the whole step are divided by: accumulation then gives the gradient of one large batch.
    pub weight_sum: f64,
    /// Blocks of a model that writes are computed again in the backward pass.
    pub gradient_checkpointing: bool,
    /// Of these what a pass obeys: noise on token vectors, a second pass with other dropout, one with moved token vectors or weights.
    pub techniques: Techniques,
    /// Seeds dropout.
    pub seed: u64,
    /// The autodiff device.
    pub device: &'a Device,
}

/// Tokens that are to be predicted, padded with some that weigh nothing.
pub(super) struct TokenTargets {
    /// `[count]`, of the states in the flattened batch.
    positions: Tensor<1, Int>,
    ids: Vec<i32>,
    weights: Vec<f32>,
    label_smoothing: f64,
}

impl MicroStep<'_> {
    /// Adds the batch's gradients to `gradients` and returns its share of the step's loss, `[1]`, without autodiff.
    pub fn run(&self, batch: &HostBatch, gradients: &mut GradientSum) -> Tensor<1> {
        let Techniques { fgm_epsilon, awp_gamma, .. } = self.techniques;
        if fgm_epsilon == 0.0 && awp_gamma == 0.0 {
            return self.pass(batch, gradients);
        }
        let mut own = GradientSum::default();
        let loss = self.pass(batch, &mut own);
        let moved = if awp_gamma > 0.0 {
            perturbed(self.model, &own, awp_gamma)
        } else {
            moved_along(self.model, &own, fgm_epsilon)
        };
        if let Some(moved) = moved {
            if awp_gamma > 0.0 {
                own = GradientSum::default(); // they were only to say where to
            }
            let Self { frozen, weight_sum, gradient_checkpointing, techniques, seed, device, .. } = *self;
            let features = self.features.clone();
            let model = &moved;
            let again =
                MicroStep { model, frozen, features, weight_sum, gradient_checkpointing, techniques, seed, device };
            // What is told is the loss of the rows as they are.
            drop(again.pass(batch, &mut own));
        }
        gradients.add_all(own, str::to_owned);
        loss
    }

    /// One pass, with the dropout that the seed draws.
    fn pass(&self, batch: &HostBatch, gradients: &mut GradientSum) -> Tensor<1> {
        self.device.seed(self.seed);
        if let Some(features) = &self.features {
            let shape = [features.dims()[0], 1]; // a vector a row
            let outputs = self.model.head.outputs_of_features(features.clone().autodiff());
            return self.add_loss(outputs, None, &batch.targets, shape, gradients);
        }
        let mut inputs = BatchInputs::new(&batch.inputs, self.device);
        if matches!(batch.targets, HostTargets::Spans { .. }) {
            inputs = inputs.with_scored_padding(&batch.inputs); // a span is looked for among all tokens of a row
        }
        if self.techniques.neftune_noise_alpha > 0.0 {
            inputs = inputs.with_noise(&batch.inputs, self.techniques.neftune_noise_alpha, self.device);
        }
        if let HostTargets::Ids { positions, ids, label_smoothing } = &batch.targets {
            let targets = TokenTargets::new(positions, ids, *label_smoothing, self.weight_sum, self.device);
            if let Some(loss) = self.run_tokens(&inputs, &targets, gradients) {
                return loss;
            }
        }
        self.run_outputs(&inputs, &batch.targets, gradients)
    }

    fn run_outputs(&self, inputs: &BatchInputs, targets: &HostTargets, gradients: &mut GradientSum) -> Tensor<1> {
        let shape = inputs.shape();
        let outputs = match self.frozen {
            Some(frozen) => self.model.outputs_of_frozen(frozen, &inputs.clone().without_autodiff()),
            None => self.model.outputs(inputs),
        };
        // Its dropout is drawn after that of the first pass. Of several tasks some may have no answer to compare.
        let weights = if self.techniques.rdrop_alpha > 0.0 { row_weights(targets) } else { None };
        let second = weights.map(|weights| (self.model.outputs(inputs), weights));
        self.add_loss(outputs, second, targets, shape, gradients)
    }

    /// Adds the gradients of the loss of all outputs of a batch, and returns that loss; `shape` is that of [`loss_sum`].
    /// `second` are the outputs of another pass, and what each output row counts.
    fn add_loss(
        &self,
        outputs: Tensor<2>,
        second: Option<(Tensor<2>, Vec<f32>)>,
        targets: &HostTargets,
        shape: [usize; 2],
        gradients: &mut GradientSum,
    ) -> Tensor<1> {
        let loss = match second {
            None => loss_sum(outputs, targets, shape, self.device),
            Some((second, weights)) => {
                let weights = (weights.as_slice(), self.techniques.rdrop_alpha);
                loss_of_two([outputs, second], targets, shape, weights, self.device)
            }
        };
        let loss = loss.div_scalar(divisor(self.weight_sum));
        gradients.add(self.model, loss.backward());
        loss.inner()
    }

    /// `None` where the head has no vocabulary.
    fn run_tokens(
        &self,
        inputs: &BatchInputs,
        targets: &TokenTargets,
        gradients: &mut GradientSum,
    ) -> Option<Tensor<1>> {
        if self.gradient_checkpointing {
            match (&self.model.backbone, inputs) {
                (Backbone::Decoder(decoder), BatchInputs::Text(text)) => {
                    return self.run_checkpointed(decoder, text, targets, gradients);
                }
                (Backbone::EncoderDecoder(both), BatchInputs::TextToText { source, target }) => {
                    return self.run_checkpointed_pair(both, [source, target], targets, gradients);
                }
                _ => {}
            }
        }
        let states = match self.frozen {
            Some(frozen) => frozen.forward(&inputs.clone().without_autodiff()).autodiff(),
            None => self.model.backbone.forward(inputs),
        };
        let (loss, pulled) = self.token_loss(states, targets, gradients)?;
        // States that a frozen backbone made take no gradient.
        if pulled.is_tracked() {
            gradients.add(self.model, pulled.backward());
        }
        Some(loss)
    }

    /// Loss of the states that predict a target; and a scalar whose gradient by the states is the loss's. Gradients of the
    /// head are added. `None` where the head has no vocabulary.
    pub(super) fn token_loss(
        &self,
        states: Tensor<3>,
        targets: &TokenTargets,
        gradients: &mut GradientSum,
    ) -> Option<(Tensor<1>, Tensor<1>)> {
        let [batch, seq, hidden] = states.dims();
        let picked = states.reshape([batch * seq, hidden]).select(0, targets.positions.clone()); // [count, hidden]
        // Scores that are capped are no mere product with a table, of which the loss takes gradients in closed form.
        let is_capped = matches!(&self.model.backbone, Backbone::Decoder(decoder) if decoder.final_softcap().is_some());
        let (loss, by_state) = match self.model.output_table().filter(|_| !is_capped) {
            Some((path, table)) => {
                let TokenTargets { ids, weights, label_smoothing, .. } = targets;
                let loss = token_cross_entropy(picked.clone().inner(), table, ids, weights, *label_smoothing);
                for (shard, gradient) in loss.table.into_iter().flatten().enumerate() {
                    gradients.add_gradient(format!("{path}.shards.{shard}"), gradient);
                }
                (loss.sum, loss.states)
            }
            None => self.head_loss(picked.clone().inner(), targets, gradients)?,
        };
        Some((loss, (picked * by_state.autodiff()).sum()))
    }

    /// Loss, and its gradient by the states, of a head that makes scores by more than a product with a table. Chunk by
    /// chunk, as [`token_cross_entropy`] does it, but by autodiff.
    ///
    /// # Shapes
    /// - `picked`: `[count, hidden]`, without autodiff
    /// - returns: `[1]`, `[count, hidden]`
    fn head_loss(
        &self,
        picked: Tensor<2>,
        targets: &TokenTargets,
        gradients: &mut GradientSum,
    ) -> Option<(Tensor<1>, Tensor<2>)> {
        let [count, _] = picked.dims();
        let (chunk, smoothing) = (rows_in_chunk(self.model.backbone.vocab_size()), targets.label_smoothing);
        let mut sum = Tensor::<1>::zeros([1], &picked.device());
        let mut by_state = Vec::new();
        for first in (0..count).step_by(chunk) {
            let rows = first..(first + chunk).min(count);
            let leaf = picked.clone().narrow(0, first, rows.len()).autodiff().require_grad();
            let scores = self.model.scores_of_tokens(leaf.clone())?;
            let loss = vocabulary_cross_entropy(scores, &targets.ids[rows.clone()], &targets.weights[rows], smoothing);
            let mut found = loss.backward();
            by_state.push(leaf.grad_remove(&mut found).expect("scores depend on their states"));
            gradients.add(self.model, found);
            sum = sum + loss.inner();
        }
        Some((sum, if by_state.len() == 1 { by_state.remove(0) } else { Tensor::cat(by_state, 0) }))
    }
}

/// What the sum of the losses is divided by: where nothing is scored that sum is 0, and stays so.
fn divisor(weight_sum: f64) -> f64 {
    if weight_sum > 0.0 { weight_sum } else { 1.0 }
}

impl TokenTargets {
    fn new(positions: &[i32], ids: &[i32], label_smoothing: f64, weight_sum: f64, device: &Device) -> Self {
        let count = ids.len().max(1).next_multiple_of(TARGETS_MULTIPLE);
        let padded = |values: &[i32]| {
            let mut values = values.to_vec();
            values.resize(count, 0);
            values
        };
        let mut weights = vec![(1.0 / divisor(weight_sum)) as f32; ids.len()];
        weights.resize(count, 0.0);
        let positions = Tensor::from_data(TensorData::new(padded(positions), [count]), device);
        Self { positions, ids: padded(ids), weights, label_smoothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_in_which_nothing_is_scored_has_a_loss_of_nothing() {
        assert_eq!([0.0, -0.0, 0.25, 8.0].map(divisor), [1.0, 1.0, 0.25, 8.0]);
    }

    /// Under the scale of f16 the sum of one of several tasks may be less than 1.
    #[cfg(feature = "cpu")]
    #[test]
    fn tokens_weigh_what_they_are_divided_by_also_below_one() {
        for (weight_sum, expected) in [(0.25, 4.0), (8.0, 0.125)] {
            let targets = TokenTargets::new(&[1, 5], &[3, 4], 0.0, weight_sum, &Device::flex());
            assert_eq!(targets.weights[..3], [expected, expected, 0.0]);
        }
    }
}
