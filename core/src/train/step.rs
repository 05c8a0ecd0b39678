//! The loop body: a micro-batch on the host becomes a loss and gradients.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::MicroBatch;
use crate::batch::{Batch, TokenBatch};
use crate::data::HostBatch;
use crate::data::causal_lm::LmHostBatch;
use crate::loss::{LossConfig, cross_entropy_sum, token_cross_entropy};
use crate::model::{CausalLm, Model, SequenceClassifier};
use crate::nn::Encoder;
use crate::optim::GradientSum;

/// Scored states are padded to a multiple of this, so that a device sees few shapes.
const TARGETS_MULTIPLE: usize = 32;

/// One forward and backward pass.
pub struct MicroStep<'a> {
    /// The model, on an autodiff device.
    pub model: &'a Model,
    /// The encoder of a classifier whose head alone is trained.
    pub frozen: Option<&'a Encoder>,
    /// The loss of a classifier.
    pub class_loss: Option<&'a LossConfig>,
    /// What the losses of the whole step are divided by: accumulation then gives the gradient of one large batch.
    pub weight_sum: f64,
    /// Blocks are computed again in the backward pass.
    pub gradient_checkpointing: bool,
    /// Seeds dropout.
    pub seed: u64,
    /// The autodiff device.
    pub device: &'a Device,
}

impl MicroStep<'_> {
    /// Adds the batch's gradients to `gradients` and returns its share of the step's loss, `[1]`, without autodiff.
    pub fn run(&self, micro: &MicroBatch, gradients: &mut GradientSum) -> Tensor<1> {
        self.device.seed(self.seed);
        match (self.model, micro, self.class_loss) {
            (Model::Classifier(model), MicroBatch::Classes(host), Some(loss)) => {
                self.classes(model, host, loss, gradients)
            }
            (Model::CausalLm(model), MicroBatch::Tokens(host), _) => self.tokens(model, host, gradients),
            _ => unreachable!("model, batch and loss are of one task"),
        }
    }

    fn classes(
        &self,
        model: &SequenceClassifier,
        host: &HostBatch,
        loss: &LossConfig,
        gradients: &mut GradientSum,
    ) -> Tensor<1> {
        let batch = Batch::new(host, self.device);
        let logits = match self.frozen {
            Some(frozen) => model.forward_frozen(frozen, &batch.without_autodiff()),
            None => model.forward(&batch),
        };
        let targets = loss.targets(&host.labels, self.device);
        let loss = cross_entropy_sum(logits, targets).div_scalar(self.weight_sum.max(f64::MIN_POSITIVE));
        gradients.add(model, loss.backward());
        loss.inner()
    }

    fn tokens(&self, model: &CausalLm, host: &LmHostBatch, gradients: &mut GradientSum) -> Tensor<1> {
        let batch = TokenBatch::new(host, self.device);
        if self.gradient_checkpointing {
            return self.tokens_checkpointed(model, host, &batch, gradients);
        }
        let states = model.decoder.forward(&batch, None);
        let (loss, pulled) = self.token_loss(model, host, states, gradients);
        gradients.add(model, pulled.backward());
        loss
    }

    /// Loss of the states that predict a target; and a scalar whose gradient by the states is the loss's.
    fn token_loss(
        &self,
        model: &CausalLm,
        host: &LmHostBatch,
        states: Tensor<3>,
        gradients: &mut GradientSum,
    ) -> (Tensor<1>, Tensor<1>) {
        let [batch, seq, hidden] = states.dims();
        let count = host.targets.len().next_multiple_of(TARGETS_MULTIPLE);
        let padded = |values: &[i32]| {
            let mut values = values.to_vec();
            values.resize(count, 0);
            values
        };
        let mut weights = vec![(1.0 / self.weight_sum.max(1.0)) as f32; host.targets.len()];
        weights.resize(count, 0.0);
        let places = TensorData::new(padded(&host.target_positions), [count]);
        let places = Tensor::<1, Int>::from_data(places, self.device);
        let picked = states.reshape([batch * seq, hidden]).select(0, places); // [count, hidden]
        let (path, table) = model.output_table();
        let loss = token_cross_entropy(picked.clone().inner(), table, &padded(&host.targets), &weights);
        for (shard, gradient) in loss.table.into_iter().flatten().enumerate() {
            gradients.add_one(format!("{path}.shards.{shard}"), gradient);
        }
        (loss.sum, (picked * loss.states.autodiff()).sum())
    }

    /// As [`Self::tokens`], keeping only what goes into each block: the blocks run again, last to first, each under
    /// its own small graph (<https://arxiv.org/abs/1604.06174>).
    fn tokens_checkpointed(
        &self,
        model: &CausalLm,
        host: &LmHostBatch,
        batch: &TokenBatch,
        gradients: &mut GradientSum,
    ) -> Tensor<1> {
        // Every block draws its dropout from a seed of its own, so that the second pass draws the same.
        let seed = |block: usize| self.device.seed(self.seed.rotate_left(17) ^ (block as u64 + 1));
        let blocks = model.decoder.layers.len();
        let plain = model.clone().valid();
        let plain_batch = batch.clone().without_autodiff();
        let around = plain.decoder.surroundings(&batch.layout, &plain_batch.input_ids.device());
        seed(blocks);
        let mut x = plain.decoder.embed(&plain_batch);
        let mut kept = Vec::with_capacity(blocks);
        for block in 0..blocks {
            kept.push(x.clone());
            seed(block);
            x = plain.decoder.block(block, x, &around, None);
        }

        let leaf = x.autodiff().require_grad();
        let (loss, pulled) = self.token_loss(model, host, model.decoder.finish(leaf.clone()), gradients);
        let mut found = pulled.backward();
        let mut flowing = leaf.grad_remove(&mut found).expect("the loss depends on the last states");
        gradients.add(model, found);
        let around = model.decoder.surroundings(&batch.layout, self.device);
        for block in (0..blocks).rev() {
            let leaf = kept.pop().expect("one was kept for every block").autodiff().require_grad();
            seed(block);
            let output = model.decoder.block(block, leaf.clone(), &around, None);
            let mut found = (output * flowing.autodiff()).sum().backward();
            flowing = leaf.grad_remove(&mut found).expect("a block's output depends on its input");
            gradients.add(model, found);
        }
        if model.decoder.is_embedding_trained() {
            seed(blocks);
            gradients.add(model, (model.decoder.embed(batch) * flowing.autodiff()).sum().backward());
        }
        loss
    }
}
