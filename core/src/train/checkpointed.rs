//! Gradient checkpointing: only what goes into each block of a model that writes is kept. In the backward pass the blocks run again,
//! last to first, each under its own small graph (<https://arxiv.org/abs/1604.06174>).

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
        // Every block draws its dropout from a seed of its own, so that the second pass draws the same.
        let seed = |block: usize| self.device.seed(self.seed.rotate_left(17) ^ (block as u64 + 1));
        let blocks = decoder.layers.len();
        let plain = decoder.clone().valid();
        let plain_text = text.clone().without_autodiff();
        let context = plain.attention_context(&text.layout, &plain_text.input_ids.device());
        seed(blocks);
        let mut x = plain.embed(&plain_text);
        let mut kept = Vec::with_capacity(blocks);
        for block in 0..blocks {
            kept.push(x.clone());
            seed(block);
            x = plain.block(block, x, &context, None);
        }

        let leaf = x.autodiff().require_grad();
        let (loss, pulled) = self.token_loss(decoder.finish(leaf.clone()), targets, gradients)?;
        let mut found = pulled.backward();
        let mut flowing = leaf.grad_remove(&mut found).expect("the loss depends on the last states");
        gradients.add(self.model, found);
        let context = decoder.attention_context(&text.layout, self.device);
        for block in (0..blocks).rev() {
            let leaf = kept.pop().expect("one was kept for every block").autodiff().require_grad();
            seed(block);
            let output = decoder.block(block, leaf.clone(), &context, None);
            let mut found = (output * flowing.autodiff()).sum().backward();
            flowing = leaf.grad_remove(&mut found).expect("a block's output depends on its input");
            gradients.add(self.model, found);
        }
        if decoder.is_embedding_trained() {
            seed(blocks);
            gradients.add(self.model, (decoder.embed(text) * flowing.autodiff()).sum().backward());
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
        let seed = |part: usize| self.device.seed(self.seed.rotate_left(17) ^ (part as u64 + 1));
        let [of_source, of_target, of_states, of_outputs] = [0, 1, 2, 3].map(|part| first + second + part);
        let plain = model.clone().valid();
        let [plain_source, plain_target] = [source, target].map(|text| text.clone().without_autodiff());

        let context = plain.encoder_context(&plain_source);
        seed(of_source);
        let mut x = plain.embed(&plain_source);
        let mut kept_of_source = Vec::with_capacity(first);
        for block in 0..first {
            kept_of_source.push(x.clone());
            seed(block);
            x = plain.encoder_block(block, x, &context);
        }
        let last_of_source = x;
        seed(of_states);
        let states = plain.finish_encoder(last_of_source.clone());
        let context = plain.decoder_context(&plain_target);
        seed(of_target);
        let mut x = plain.embed(&plain_target);
        let mut kept_of_target = Vec::with_capacity(second);
        for block in 0..second {
            kept_of_target.push(x.clone());
            seed(first + block);
            x = plain.decoder_block(block, x, &context, states.clone(), &plain_source);
        }

        let leaf = x.autodiff().require_grad();
        seed(of_outputs);
        let (loss, pulled) = self.token_loss(model.finish_decoder(leaf.clone()), targets, gradients)?;
        let mut found = pulled.backward();
        let mut flowing = leaf.grad_remove(&mut found).expect("the loss depends on the last states");
        gradients.add(self.model, found);
        let mut to_source = states.zeros_like();
        for block in (0..second).rev() {
            let leaf = kept_of_target.pop().expect("one was kept for every block").autodiff().require_grad();
            let seen = states.clone().autodiff().require_grad();
            seed(first + block);
            let context = model.decoder_context(target);
            let output = model.decoder_block(block, leaf.clone(), &context, seen.clone(), source);
            let mut found = (output * flowing.autodiff()).sum().backward();
            flowing = leaf.grad_remove(&mut found).expect("a block's output depends on its input");
            to_source = to_source + seen.grad_remove(&mut found).expect("a block sees the source");
            gradients.add(self.model, found);
        }
        if model.embed_tokens.is_trained() {
            seed(of_target);
            gradients.add(self.model, (model.embed(target) * flowing.autodiff()).sum().backward());
        }

        let leaf = last_of_source.autodiff().require_grad();
        seed(of_states);
        let mut found = (model.finish_encoder(leaf.clone()) * to_source.autodiff()).sum().backward();
        let mut flowing = leaf.grad_remove(&mut found).expect("the states depend on the last block");
        gradients.add(self.model, found);
        for block in (0..first).rev() {
            let leaf = kept_of_source.pop().expect("one was kept for every block").autodiff().require_grad();
            seed(block);
            let output = model.encoder_block(block, leaf.clone(), &model.encoder_context(source));
            let mut found = (output * flowing.autodiff()).sum().backward();
            flowing = leaf.grad_remove(&mut found).expect("a block's output depends on its input");
            gradients.add(self.model, found);
        }
        if model.embed_tokens.is_trained() {
            seed(of_source);
            gradients.add(self.model, (model.embed(source) * flowing.autodiff()).sum().backward());
        }
        Some(loss)
    }
}
