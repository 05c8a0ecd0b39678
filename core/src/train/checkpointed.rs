//! Gradient checkpointing: only what goes into each block of a model that writes is kept. In the backward pass the blocks run again,
//! last to first, each under its own small graph (<https://arxiv.org/abs/1604.06174>).

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Tensor;

use super::MicroStep;
use super::step::TokenTargets;
use crate::batch::TextBatch;
use crate::nn::{Decoder, EncoderDecoder};
use crate::optim::GradientSum;

impl MicroStep<'_> {
    /// Loss and gradients of tokens that `decoder`, the model's backbone, predicts; `None` where the head has no
    /// vocabulary.
    pub(super) fn run_checkpointed(
        &self,
        decoder: &Decoder,
        text: &TextBatch,
        targets: &TokenTargets,
        gradients: &mut GradientSum,
    ) -> Option<Tensor<1>> {
        let (blocks, plain) = (decoder.layers.len(), decoder.clone().valid());
        let plain_text = text.clone().without_autodiff();
        let context = plain.attention_context(&text.layout, &plain_text.input_ids.device());
        self.seed_part(blocks);
        let embedded = plain.embed(&plain_text);
        let run = |block, x| plain.block(block, x, &context, None);
        let (kept, last) = self.keep_inputs(0..blocks, embedded, run);

        let leaf = last.autodiff().require_grad();
        let (loss, pulled) = self.token_loss(decoder.finish(leaf.clone()), targets, gradients)?;
        let mut found = pulled.backward();
        let mut flowing = leaf.grad_remove(&mut found).expect("the loss depends on the last states");
        gradients.add(self.model, found);
        let context = decoder.attention_context(&text.layout, self.device);
        for (block, input) in kept.into_iter().enumerate().rev() {
            let run = |[x]: [Tensor<3>; 1]| decoder.block(block, x, &context, None);
            [flowing] = self.pull_back(block, [input], flowing, gradients, run);
        }
        if decoder.is_embedding_trained() {
            let [] = self.pull_back(blocks, [], flowing, gradients, |[]| decoder.embed(text));
        }
        Some(loss)
    }

    /// As [`Self::run_checkpointed`], of an encoder and a decoder: every block of the decoder passes a gradient to the states
    /// of the source, too.
    pub(super) fn run_checkpointed_pair(
        &self,
        model: &EncoderDecoder,
        [source, target]: [&TextBatch; 2],
        targets: &TokenTargets,
        gradients: &mut GradientSum,
    ) -> Option<Tensor<1>> {
        let (first, second) = (model.encoder.layers.len(), model.decoder.layers.len());
        // Blocks of the encoder, then of the decoder; then what stands around them.
        let [of_source, of_target, of_states, of_outputs] = [0, 1, 2, 3].map(|part| first + second + part);
        let plain = model.clone().valid();
        let [plain_source, plain_target] = [source, target].map(|text| text.clone().without_autodiff());

        let context = plain.encoder_context(&plain_source);
        self.seed_part(of_source);
        let embedded = plain.embed(&plain_source);
        let run = |part, x| plain.encoder_block(part, x, &context);
        let (kept_of_source, last_of_source) = self.keep_inputs(0..first, embedded, run);
        self.seed_part(of_states);
        let states = plain.finish_encoder(last_of_source.clone());
        let context = plain.decoder_context(&plain_target);
        self.seed_part(of_target);
        let embedded = plain.embed(&plain_target);
        let run = |part, x| plain.decoder_block(part - first, x, &context, states.clone(), &plain_source);
        let (kept_of_target, last) = self.keep_inputs(first..first + second, embedded, run);

        let leaf = last.autodiff().require_grad();
        self.seed_part(of_outputs);
        let (loss, pulled) = self.token_loss(model.finish_decoder(leaf.clone()), targets, gradients)?;
        let mut found = pulled.backward();
        let mut flowing = leaf.grad_remove(&mut found).expect("the loss depends on the last states");
        gradients.add(self.model, found);
        let mut to_source = states.zeros_like();
        for (block, input) in kept_of_target.into_iter().enumerate().rev() {
            let run =
                |[x, seen]: [Tensor<3>; 2]| model.decoder_block(block, x, &model.decoder_context(target), seen, source);
            let inputs = [input, states.clone()];
            let [by_input, by_states] = self.pull_back(first + block, inputs, flowing, gradients, run);
            (flowing, to_source) = (by_input, to_source + by_states);
        }
        if model.embed_tokens.is_trained() {
            let [] = self.pull_back(of_target, [], flowing, gradients, |[]| model.embed(target));
        }

        let run = |[x]: [Tensor<3>; 1]| model.finish_encoder(x);
        let [mut flowing] = self.pull_back(of_states, [last_of_source], to_source, gradients, run);
        for (block, input) in kept_of_source.into_iter().enumerate().rev() {
            let run = |[x]: [Tensor<3>; 1]| model.encoder_block(block, x, &model.encoder_context(source));
            [flowing] = self.pull_back(block, [input], flowing, gradients, run);
        }
        if model.embed_tokens.is_trained() {
            let [] = self.pull_back(of_source, [], flowing, gradients, |[]| model.embed(source));
        }
        Some(loss)
    }

    /// Every part of a model draws its dropout from a seed of its own, so that its second pass draws the same.
    fn seed_part(&self, part: usize) {
        self.device.seed(self.seed.rotate_left(17) ^ (part as u64 + 1));
    }

    /// Passes states, without autodiff, through the blocks with these numbers. Returns what goes into each, and what the
    /// last gives.
    ///
    /// # Shapes
    /// - all states: `[batch, seq, hidden]`
    fn keep_inputs(
        &self,
        parts: Range<usize>,
        mut x: Tensor<3>,
        run: impl Fn(usize, Tensor<3>) -> Tensor<3>,
    ) -> (Vec<Tensor<3>>, Tensor<3>) {
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            kept.push(x.clone());
            self.seed_part(part);
            x = run(part, x);
        }
        (kept, x)
    }

    /// Runs a part again under a graph of its own. `flowing` is the gradient by what it gives; returns that by each of its
    /// inputs, and adds those of its parameters.
    ///
    /// # Shapes
    /// - `inputs`, `flowing`, and the gradients: `[batch, seq, hidden]`
    fn pull_back<const N: usize>(
        &self,
        part: usize,
        inputs: [Tensor<3>; N],
        flowing: Tensor<3>,
        gradients: &mut GradientSum,
        run: impl FnOnce([Tensor<3>; N]) -> Tensor<3>,
    ) -> [Tensor<3>; N] {
        let leaves = inputs.map(|input| input.autodiff().require_grad());
        self.seed_part(part);
        let mut found = (run(leaves.clone()) * flowing.autodiff()).sum().backward();
        let by_input =
            leaves.map(|leaf| leaf.grad_remove(&mut found).expect("what a part gives depends on its inputs"));
        gradients.add(self.model, found);
        by_input
    }
}
