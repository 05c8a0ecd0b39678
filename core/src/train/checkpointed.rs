//! Gradient checkpointing: only what goes into each block of a decoder is kept. In the backward pass the blocks run again,
//! last to first, each under its own small graph (<https://arxiv.org/abs/1604.06174>).

use burn::module::Module;
use burn::tensor::Tensor;

use super::MicroStep;
use super::step::TokenTargets;
use crate::batch::TextBatch;
use crate::nn::Decoder;
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
}
