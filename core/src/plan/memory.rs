//! Bytes of a run at its peak.
//!
//! What the backward pass of a layer keeps, in numbers (f32, four bytes each). Let `n` be the tokens of a batch, `h` the width of
//! a state, `a = heads head_dim`, `i` the width within the feed-forward part, and `p = batch heads seq keys`:
//!
//! - what linear parts read: queries, keys and values the same `n h`, the output of attention `n a`, the feed-forward part `n h` and
//!   `n i`; each only if its weight is trained or adapted (`nn/linear.rs`, `kernels/cpu/matmul.rs`: an operand is kept for the
//!   gradient of the other one);
//! - attention: queries, keys and values, `n a` each (fewer keys than queries have fewer), the probabilities `p`; with dropout its
//!   mask and its result, too, `3 p` (`nn/attention.rs`); burn's softmax keeps its exponentials besides;
//! - a norm: its input `n h`; composed, its centred input and, if its weight is trained, the normed one;
//! - an activation: its slope `n i`; composed, what each of its operations reads; a gate both of its factors;
//! - dropout of states: its mask, `n h`;
//! - adapters: `n rank`, with dropout a mask and a copy of what they read; DoRA the outputs of both branches.
//!
//! Layers below the first one that is trained keep nothing. With gradient checkpointing only `n h` of each layer is kept,
//! and all of one at a time. Half precision keeps what linear parts read in two bytes, a copy for each of them. Of images the
//! pixels lie on the device, and once more cut into patches where the weight that reads them is trained.
//!
//! A step is at its peak at one of three moments, for gradients come while activations go: where the loss of a vocabulary makes the
//! gradient of its table, beside all activations; where the backward pass begins; and where it ends, with all gradients and what is made
//! for the table of the inputs. On a CPU the plan takes the largest. A GPU's pools keep room for each size of tensor apart, so there it
//! takes the sum.
//!
//! What a heap has beyond what is held (`HOLES`) was measured, and lies beside the counts in docs/LOG.md, 2026-11-30.

use serde::{Deserialize, Serialize};

use super::operations::lengths;
use super::trained::{Part, Trained};
use super::{ActivationKind, BatchShape, Batches, Inputs, Kernels, Reads, Shape, Stack};
use crate::config::{Dtype, Method, OnDivergence, RunConfig, Techniques};

/// Bytes of an f32.
const FLOAT: u64 = 4;

/// Bytes of a chunk of scores over the vocabulary (`loss/tokens.rs`).
const CHUNK_BYTES: u64 = 32 << 20;

/// Bytes on the host that a trained parameter takes in a state to go back to (`train/roll_back.rs`): its weight and both of its
/// moments.
pub(crate) const STATE_BYTES: u64 = 12;

/// Most bytes of such a state: an eighth of what can be addressed, 512 MB in a browser, where the best weights need room, too;
/// elsewhere 4 GB. A run that trains more (44 M and 350 M parameters) ends when it diverges.
pub(crate) const MAX_STATE_BYTES: u64 = if usize::BITS > 32 { 4 << 30 } else { 512 << 20 };

/// Bytes of a piece in which weights and moments go to a state or a file (`checkpoint/pending.rs`).
pub(crate) const FILE_PIECE_BYTES: u64 = 2 << 20;

/// Copies of a piece at once: as the device gave it, as numbers, and as bytes of the file.
const COPIES_OF_PIECE: u64 = 3;

/// Bytes of a program besides its code and what it is asked to hold: stacks, tables, buffers; in a browser what its memory begins with.
pub(super) const PROGRAM_BYTES: u64 = if usize::BITS > 32 { 12 << 20 } else { 10 << 20 };

/// What a heap has beyond what is held at the peak, as a share of that: where nothing but activations comes and goes, and what comes to
/// it where all weights are trained. Of twelve trainings on glibc's heap the first was 0.00 to 0.09, and both together 0.06 to 0.35,
/// median 0.18 (docs/LOG.md, 2026-11-30).
const HOLES: [f64; 2] = [1.0 / 16.0, 1.0 / 8.0];

/// Bytes of a run at its peak, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryParts {
    /// All weights.
    pub weights: u64,
    /// Gradients of what is trained; those of several passes of one step twice.
    pub gradients: u64,
    /// Both moments of AdamW.
    pub optimizer: u64,
    /// What the backward pass of the largest micro-batch keeps, and what it works with.
    pub activations: u64,
    /// Scores and their gradients.
    pub outputs: u64,
    /// Gradients, activations and outputs at the moment at which they have most together.
    pub step: u64,
    /// Weights of the best evaluation.
    pub best: u64,
    /// What the heap of a CPU has between and beyond what is held; 0 of a GPU.
    pub holes: u64,
    /// Beside the device's memory, in that of the process: the program, files and rows, a state to go back to.
    pub host: u64,
}

impl MemoryParts {
    /// Bytes on the device.
    #[must_use]
    pub fn on_device(&self) -> u64 {
        self.weights + self.optimizer + self.best + self.step + self.holes
    }

    /// Bytes of the process where the device is its CPU.
    #[must_use]
    pub fn of_process(&self) -> u64 {
        self.on_device() + self.host
    }

    /// Bytes of the step alone: what measuring one shows to grow.
    #[must_use]
    pub fn of_step(&self) -> u64 {
        self.step
    }
}

pub(super) fn parts(inputs: &Inputs<'_>, run: &RunConfig, trained: &Trained<'_>) -> MemoryParts {
    let Inputs { shape, batches, kernels, file_bytes, keeps_states, .. } = *inputs;
    let batch = batches.largest_of(run);
    let of_trained = FLOAT * trained.num_parameters;
    let is_half = run.dtype != Dtype::F32;
    let own_trained = trained.num_parameters - trained.num_adapter_parameters;
    let frozen = shape.parameters.all.saturating_sub(own_trained);
    // What weights are pulled back to is held beside them; two passes whose answers are compared keep as much each.
    let Techniques { l2_sp, mixout, fgm_epsilon, awp_gamma, .. } = run.techniques;
    let pulled_to = if l2_sp > 0.0 || mixout > 0.0 { of_trained } else { 0 };
    // A pass with moved or mixed weights has them once more, and gradients of its own beside those of the step.
    let is_moved = fgm_epsilon > 0.0 || awp_gamma > 0.0 || mixout > 0.0;
    let of_tables = if fgm_epsilon > 0.0 { FLOAT * shape.parameters.embeddings } else { 0 };
    let of_all = of_trained * (u64::from(mixout > 0.0) + u64::from(awp_gamma > 0.0));
    let moved = of_tables + of_all;
    let weights = of_trained + pulled_to + moved + frozen * if is_half { FLOAT / 2 } else { FLOAT };
    // Gradients of the batches before wait for those of the next.
    let waiting = if is_moved || run.gradient_accumulation_steps > 1 { of_trained } else { 0 };
    let of_pass = of_pass(inputs, run, trained, batch);
    let gradients = of_trained + waiting;
    let step = match kernels {
        Kernels::Own => waiting + of_pass.peak(of_trained),
        Kernels::Composed => gradients + of_pass.activations() + of_pass.outputs(),
    };
    let optimizer = 2 * of_trained;
    let best = if keeps_states && batches.num_valid_rows > 0 { of_trained } else { 0 };
    let holes = match kernels {
        Kernels::Own => holes(weights + optimizer + best + step, trained.num_parameters, shape.parameters.all),
        Kernels::Composed => 0,
    };
    let states = if keeps_states { states(run, trained.num_parameters) } else { 0 };
    let features = if keeps_states { features(shape, run, batches) } else { 0 };
    MemoryParts {
        weights,
        gradients,
        optimizer,
        activations: of_pass.activations(),
        outputs: of_pass.outputs(),
        step,
        best,
        holes,
        host: PROGRAM_BYTES + file_bytes + states + features,
    }
}

/// What a heap has beyond what is held; of `all` parameters `trained` are trained.
fn holes(held: u64, trained: u64, all: u64) -> u64 {
    let [always, anew] = HOLES;
    let share = always + anew * (trained as f64 / all.max(1) as f64).min(1.0);
    (held as f64 * share) as u64
}

/// Bytes on the host of the state to go back to, where one is kept: there is one of it (`train/roll_back.rs`). And of a piece of it, or of
/// a checkpoint, that is on its way.
fn states(run: &RunConfig, num_trained: u64) -> u64 {
    let state = STATE_BYTES * num_trained;
    let goes_back = run.on_divergence == OnDivergence::RollBack && state <= MAX_STATE_BYTES;
    let piece = FILE_PIECE_BYTES.min(2 * FLOAT * num_trained); // the moments are the larger file
    COPIES_OF_PIECE * piece + if goes_back { state } else { 0 }
}

/// Bytes on the host of what a head that is trained alone reads of rows that are the same in every batch (`train/features.rs`).
fn features(shape: &Shape, run: &RunConfig, batches: &Batches) -> u64 {
    if run.method != Method::Head || !batches.rows_are_fixed {
        return 0;
    }
    let num_rows = batches.num_batches * u64::from(batches.batch_size) + batches.num_valid_rows;
    FLOAT * num_rows * shape.hidden_size
}

/// Bytes of a forward and backward pass.
struct Pass {
    /// What the backward pass keeps.
    kept: u64,
    /// What it works with at its beginning.
    worked: u64,
    /// Scores that are there at once, and the states that they are made of.
    scores: u64,
    /// The gradient of the table of a vocabulary, which comes with the loss.
    table: u64,
    /// What making that takes besides.
    table_work: u64,
    /// The largest parameter that a lookup makes a gradient for.
    lookup: u64,
}

impl Pass {
    fn activations(&self) -> u64 {
        self.kept + self.worked
    }

    fn outputs(&self) -> u64 {
        self.scores
    }

    /// The most at once; `gradients` are those of all that is trained.
    fn peak(&self, gradients: u64) -> u64 {
        let at_loss = self.kept + self.scores + self.table + self.table_work;
        let at_first_layer_back = self.kept + self.worked + self.table;
        let at_end = gradients + self.table + self.lookup;
        at_loss.max(at_first_layer_back).max(at_end)
    }
}

fn of_pass(inputs: &Inputs<'_>, run: &RunConfig, trained: &Trained<'_>, batch: BatchShape) -> Pass {
    let Inputs { shape, kernels, num_threads, .. } = *inputs;
    let planned = Planned { shape, run, trained, kernels, batch };
    let passes = if run.techniques.rdrop_alpha > 0.0 { 2 } else { 1 };
    let [kept, worked] = planned.activations();
    let [chunk, states] = planned.outputs();
    let largest = FLOAT * shape.parameters.largest;
    let table =
        if shape.scores_vocabulary && trained.embeddings { FLOAT * shape.vocab_size * shape.hidden_size } else { 0 };
    // Each chunk after the first makes a gradient of its own, a shard of the table at a time; the product copies the chunk in each thread.
    let another = if batch.scored > rows_in_chunk(shape.vocab_size) { table.min(largest) } else { 0 };
    Pass {
        kept: FLOAT * passes * kept,
        worked: FLOAT * passes * worked,
        scores: passes * (chunk + states),
        table,
        table_work: if table > 0 { another + num_threads * chunk } else { 0 },
        lookup: if trained.embeddings { largest } else { 0 },
    }
}

/// Bytes of the largest single tensor.
pub(super) fn largest_tensor(shape: &Shape, batch: BatchShape) -> u64 {
    let of_stack = |stack: &Stack| {
        let [own, source] = lengths(stack, batch);
        let widest = stack.linears.iter().map(|linear| linear.input.max(linear.output)).max().unwrap_or(0);
        let keys = if stack.sees_source { own.max(source) } else { own };
        (batch.rows * own * widest).max(batch.rows * stack.heads * own * keys)
    };
    let of_stacks = shape.stacks.iter().map(of_stack).max().unwrap_or(0);
    FLOAT * of_stacks.max(shape.parameters.largest)
}

/// A forward and backward pass whose bytes are counted.
struct Planned<'a> {
    shape: &'a Shape,
    run: &'a RunConfig,
    trained: &'a Trained<'a>,
    kernels: Kernels,
    batch: BatchShape,
}

impl Planned<'_> {
    /// Whether each of burn's operations keeps its own operands.
    fn is_composed(&self) -> bool {
        self.kernels == Kernels::Composed
    }

    /// Numbers that the backward pass keeps, and those it works with at its beginning.
    fn activations(&self) -> [u64; 2] {
        let Self { shape, run, trained, batch, .. } = *self;
        let is_cut = run.gradient_checkpointing && shape.can_checkpoint;
        let (mut kept, mut widest_layer, mut worked, mut before) = (self.pixels(), 0, 0, 0);
        for stack in &shape.stacks {
            let [own, _] = lengths(stack, batch);
            let states = batch.rows * own * shape.hidden_size;
            for pass in 0..stack.layers {
                let of_layer = self.of_layer(stack, trained.part(stack, pass, before));
                widest_layer = of_layer.max(widest_layer);
                kept += if is_cut { states } else { of_layer };
            }
            worked = worked.max(self.work_of_layer(stack));
            if trained.embeddings {
                kept += states * if run.dropout.unwrap_or(stack.hidden_dropout) > 0.0 { 2 } else { 1 };
            }
            before += stack.own_layers;
        }
        [kept, worked + if is_cut { widest_layer } else { 0 }]
    }

    /// Pixels of a batch of images, and their patches where the gradient of what reads those needs them.
    fn pixels(&self) -> u64 {
        let Self { shape, trained, batch, .. } = *self;
        // The class token is no patch. Of texts the patches have no values.
        let pixels = batch.rows * batch.seq.saturating_sub(1) * shape.patch_values;
        pixels * if trained.embeddings { 2 } else { 1 }
    }

    /// Numbers of the gradients that are there at once within a layer.
    fn work_of_layer(&self, stack: &Stack) -> u64 {
        let Self { shape, batch, .. } = *self;
        let [own, _] = lengths(stack, batch);
        let tokens = batch.rows * own;
        let scores = batch.rows * stack.heads * own * own;
        (2 * scores).max(tokens * (2 * stack.inner_width() + shape.hidden_size))
    }

    /// Numbers that the backward pass of a layer keeps.
    fn of_layer(&self, stack: &Stack, part: Part) -> u64 {
        if !part.flow {
            return 0;
        }
        let [tokens, source_tokens] = lengths(stack, self.batch).map(|seq| self.batch.rows * seq);
        self.of_attention(stack)
            + self.of_inner_parts(stack, part, tokens)
            + self.of_linears(stack, part, tokens, source_tokens)
    }

    /// Of attention, and of attention to the source.
    fn of_attention(&self, stack: &Stack) -> u64 {
        let Self { run, batch, .. } = *self;
        let [own, source] = lengths(stack, batch);
        let (queries, keys) = (stack.heads * stack.head_dim, stack.key_heads * stack.head_dim);
        let has_dropout = run.dropout.unwrap_or(stack.attention_dropout) > 0.0;
        let probabilities = match (has_dropout, self.is_composed()) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 1,
        };
        let to = |seq: u64| {
            let scores = batch.rows * stack.heads * own * seq;
            let of_scores = scores * (probabilities + stack.score_parts.saturating_sub(1));
            batch.rows * own * queries + batch.rows * seq * 2 * keys + of_scores
        };
        to(own) + if stack.sees_source { to(source) } else { 0 }
    }

    /// Of norms, the activation and dropout.
    fn of_inner_parts(&self, stack: &Stack, part: Part, tokens: u64) -> u64 {
        let hidden = stack.linears.iter().find(|linear| linear.reads == Reads::Input).map_or(0, |linear| linear.input);
        let of_norms = stack.norms * tokens * hidden * if self.is_composed() && part.weights { 2 } else { 1 };
        let activation = match (self.is_composed(), stack.activation) {
            (false, _) | (true, ActivationKind::Relu) => 1,
            (true, ActivationKind::Silu) => 2,
            (true, ActivationKind::Gelu) => 3,
            (true, ActivationKind::GeluTanh) => 5,
        };
        let of_activation = tokens * stack.inner_width() * (activation + if stack.is_gated { 2 } else { 0 });
        let has_dropout = self.run.dropout.unwrap_or(stack.hidden_dropout) > 0.0;
        let of_dropout = if has_dropout { stack.num_hidden_dropouts * tokens * hidden } else { 0 };
        of_norms + of_activation + of_dropout
    }

    /// Of what linear parts read, once each tensor, and of adapters. Tokens are those of the texts and of the source.
    fn of_linears(&self, stack: &Stack, part: Part, own_tokens: u64, source_tokens: u64) -> u64 {
        let Self { run, trained, .. } = *self;
        let is_half = run.dtype != Dtype::F32;
        let (mut kept, mut read) = (0, Vec::new());
        for linear in &stack.linears {
            let tokens = if linear.reads == Reads::Source { source_tokens } else { own_tokens };
            let rank = trained.rank(linear);
            if rank > 0 {
                kept += tokens * rank;
                kept += if trained.lora_dropout() > 0.0 { 2 * tokens * linear.input } else { 0 };
                kept += if trained.use_dora() { 2 * tokens * linear.output } else { 0 };
            }
            if part.weights && is_half {
                // Numbers of two bytes: the cast input, and the cast weight.
                kept += (tokens * linear.input + linear.input * linear.output) / 2;
            } else if (part.weights || (rank > 0 && trained.lora_dropout() == 0.0)) && !read.contains(&linear.reads) {
                read.push(linear.reads);
                kept += tokens * linear.input;
            }
        }
        kept
    }

    /// Bytes of scores that are there at once, and of states that are read for them and their gradients.
    fn outputs(&self) -> [u64; 2] {
        let Self { shape, batch, .. } = *self;
        let tokens = batch.rows * batch.seq;
        if !shape.scores_vocabulary {
            let scored = if shape.scores_tokens { tokens } else { batch.rows };
            return [FLOAT * scored * 4 * shape.num_outputs, FLOAT * scored * 2 * shape.hidden_size];
        }
        let rows = batch.scored.min(rows_in_chunk(shape.vocab_size));
        // On the CPU scores become probabilities where they lie; elsewhere each operation has a result of its own.
        let chunk = FLOAT * rows * shape.vocab_size * if self.is_composed() { 3 } else { 1 };
        [chunk, FLOAT * 3 * batch.scored * shape.hidden_size]
    }
}

/// Rows of scores that are there at once.
fn rows_in_chunk(vocab: u64) -> u64 {
    (CHUNK_BYTES / (FLOAT * vocab.max(1))).max(1)
}
