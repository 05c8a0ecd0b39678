//! Operations of a micro-batch: forward and backward.
//!
//! A linear part of `in` by `out` takes `2 in out` operations a token forward, as many for the gradient of its input, and as
//! many for that of its weight where it is trained. Attention multiplies queries with keys and probabilities with values: `4
//! heads head_dim` operations for each pair of tokens, twice that backward. What is not a matrix product is left to
//! the calibration.

use super::trained::{Part, Trained};
use super::{BatchShape, Reads, Shape, Stack};
use crate::config::RunConfig;

/// Forward and backward operations of a micro-batch.
pub(super) fn of_batch(shape: &Shape, run: &RunConfig, trained: &Trained<'_>, batch: BatchShape) -> [f64; 2] {
    let (mut forward, mut backward, mut before) = (0.0, 0.0, 0);
    for stack in &shape.stacks {
        for pass in 0..stack.layers {
            let part = trained.part(stack, pass, before);
            let [once, back] = of_layer(stack, trained, part, batch);
            forward += once;
            backward += back;
            if run.gradient_checkpointing && shape.can_checkpoint && part.flow {
                backward += once;
            }
        }
        before += stack.own_layers;
    }
    let [once, back] = of_ends(shape, trained, batch);
    [forward + once, backward + back]
}

/// Tokens of a stack, and those that its attention reads.
pub(super) fn lengths(stack: &Stack, batch: BatchShape) -> [u64; 2] {
    [if stack.is_of_target { batch.target_seq } else { batch.seq }, batch.seq]
}

fn of_layer(stack: &Stack, trained: &Trained<'_>, part: Part, batch: BatchShape) -> [f64; 2] {
    let [own, source] = lengths(stack, batch);
    let (mut forward, mut backward) = (0.0, 0.0);
    for linear in &stack.linears {
        let seq = if linear.reads == Reads::Source { source } else { own };
        let tokens = (batch.rows * seq) as f64;
        let once = 2.0 * tokens * linear.input as f64 * linear.output as f64;
        let adapter = 2.0 * tokens * (trained.rank(linear) * (linear.input + linear.output)) as f64;
        forward += once + adapter;
        if part.flow {
            backward += once + 2.0 * adapter + if part.weights { once } else { 0.0 };
        }
    }
    let a_pair = (4 * stack.heads * stack.head_dim) as f64 * (1 + stack.score_parts.max(1)) as f64 / 2.0;
    let pairs = own * own + if stack.sees_source { own * source } else { 0 };
    let attention = a_pair * (batch.rows * pairs) as f64;
    forward += attention;
    if part.flow {
        backward += 2.0 * attention;
    }
    [forward, backward]
}

/// What stands before the first layer and after the last.
fn of_ends(shape: &Shape, trained: &Trained<'_>, batch: BatchShape) -> [f64; 2] {
    let tokens = (batch.rows * batch.seq) as f64;
    let patches = 2.0 * tokens * (shape.patch_values * shape.hidden_size) as f64;
    let mut sums = [patches, if trained.embeddings { patches } else { 0.0 }];
    if shape.scores_vocabulary {
        // Its gradient by the states is computed with the loss.
        let once = 2.0 * batch.scored as f64 * (shape.hidden_size * shape.vocab_size) as f64;
        sums[0] += once;
        sums[1] += once + if trained.embeddings { once } else { 0.0 };
    } else {
        let scored = if shape.scores_tokens { tokens } else { batch.rows as f64 };
        let once = 2.0 * scored * shape.parameters.head as f64;
        sums[0] += once;
        sums[1] += 2.0 * once;
    }
    sums
}
