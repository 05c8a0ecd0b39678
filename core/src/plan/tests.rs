//! Plans of a tiny BERT against counts by hand: one layer of width 8, two heads, 16 within, 2 rows of 4 tokens.

use super::memory::PROGRAM_BYTES;
use super::*;
use crate::config::{Freeze, LoraConfig, OnDivergence};

fn linear(module: &str, reads: Reads, [input, output]: [u64; 2]) -> LinearShape {
    LinearShape { module: format!("bert.encoder.layer.0.{module}"), reads, input, output }
}

fn shape() -> Shape {
    let linears = vec![
        linear("attention.self.query", Reads::of_part("query"), [8, 8]),
        linear("attention.self.key", Reads::of_part("key"), [8, 8]),
        linear("attention.self.value", Reads::of_part("value"), [8, 8]),
        linear("attention.output.dense", Reads::of_part("attention_output"), [8, 8]),
        linear("intermediate.dense", Reads::of_part("intermediate"), [8, 16]),
        linear("output.dense", Reads::of_part("output"), [16, 8]),
    ];
    let stack = Stack {
        layers: 1,
        own_layers: 1,
        linears,
        heads: 2,
        key_heads: 2,
        head_dim: 4,
        score_parts: 1,
        norms: 2,
        num_hidden_dropouts: 2,
        ..Stack::default()
    };
    let (all, embeddings, layers, head) = (1042, 352, 600, 90);
    let parameters = Parameters { all, embeddings, layers, head, largest: 256, num_layers: 1, ..Parameters::default() };
    Shape { parameters, stacks: vec![stack], hidden_size: 8, vocab_size: 10, num_outputs: 2, ..Shape::default() }
}

const BATCH: BatchShape = BatchShape { rows: 2, seq: 4, target_seq: 0, scored: 0 };

fn run() -> RunConfig {
    RunConfig { batch_size: 2, num_train_epochs: 3, ..RunConfig::default() }
}

fn lora() -> RunConfig {
    let target_modules = vec!["query".to_owned(), "value".to_owned()];
    let lora = LoraConfig { r: 2, lora_dropout: 0.0, target_modules, ..LoraConfig::default() };
    RunConfig { method: Method::Lora, lora, ..run() }
}

/// A bare training loop on two threads.
fn inputs_of<'a>(shape: &'a Shape, batches: &'a Batches) -> Inputs<'a> {
    Inputs { shape, batches, kernels: Kernels::Own, num_threads: 2, file_bytes: 0, keeps_states: false }
}

fn planned_by(run: &RunConfig, kernels: Kernels, keeps_states: bool) -> Plan {
    let (shape, batches) = (shape(), Batches::alike(BATCH, 10));
    predict(&Inputs { kernels, file_bytes: 100, keeps_states, ..inputs_of(&shape, &batches) }, run)
}

fn planned(run: &RunConfig) -> Plan {
    planned_by(run, Kernels::Own, false)
}

#[test]
fn operations_are_those_of_the_matrix_products() {
    // Eight tokens: linear parts 2 * 8 * (4 * 64 + 2 * 128), attention 4 * 8 for each of 2 * 16 pairs, a head of 90 for 2 rows.
    let full = planned(&run());
    assert_eq!((full.forward_flops, full.backward_flops), (8192.0 + 1024.0 + 360.0, 2.0 * (8192.0 + 1024.0 + 360.0)));
    let head = planned(&RunConfig { method: Method::Head, ..run() });
    assert_eq!((head.forward_flops, head.backward_flops), (9576.0, 720.0));
    // Two adapters of rank 2: 2 * 8 * 2 * 16 each; no gradient of the weights beside them.
    let lora = planned(&lora());
    assert_eq!(lora.forward_flops, 9576.0 + 1024.0);
    assert_eq!(lora.backward_flops, 8192.0 + 2.0 * 1024.0 + 2.0 * 1024.0 + 720.0);
}

#[test]
fn trained_parameters_follow_the_method() {
    let count = |run: RunConfig| planned(&run).num_trained;
    assert_eq!(count(run()), 1042);
    assert_eq!(count(RunConfig { method: Method::Head, ..run() }), 90);
    assert_eq!(count(RunConfig { method: Method::LastLayers(1), ..run() }), 690);
    assert_eq!(count(RunConfig { freeze: Freeze::Embeddings, ..run() }), 690);
    assert_eq!(count(RunConfig { freeze: Freeze::Layers(1), ..run() }), 90);
    assert_eq!(count(lora()), 2 * 2 * 16 + 90);
    let dora = LoraConfig { use_dora: true, ..lora().lora };
    assert_eq!(count(RunConfig { lora: dora, ..lora() }), 2 * (2 * 16 + 8) + 90);
}

#[test]
fn what_scores_the_vocabulary_is_trained_with_the_head_and_the_last_norm_with_the_last_layers() {
    let parameters = Parameters { all: 1042 + 98 + 16, vocabulary: 98, last_norm: 16, ..shape().parameters };
    let (shape, batches) = (Shape { parameters, ..shape() }, Batches::alike(BATCH, 10));
    let count = |run: RunConfig| predict(&inputs_of(&shape, &batches), &run).num_trained;
    assert_eq!(count(run()), 1042 + 98 + 16);
    assert_eq!(count(RunConfig { method: Method::Head, ..run() }), 90 + 98);
    assert_eq!(count(RunConfig { method: Method::LastLayers(1), ..run() }), 690 + 98 + 16);
    assert_eq!(count(lora()), 2 * 2 * 16 + 90);
}

#[test]
fn kept_numbers_are_those_of_the_layers() {
    // Of eight tokens: queries, keys, values 3 * 64, probabilities 2 * 2 * 16, norms 2 * 64, the slope 128, what is read 3 * 64 +
    // 128; the embeddings' norm 64; two gradients within the feed-forward part and one of states 8 * 40.
    let kept = 192 + 64 + 128 + 128 + 320 + 64 + 320;
    let memory = planned(&run()).memory;
    assert_eq!(memory.activations, 4 * kept);
    assert_eq!((memory.weights, memory.gradients, memory.optimizer), (4 * 1042, 4 * 1042, 8 * 1042));
    assert_eq!((memory.outputs, memory.best, memory.host), (4 * 2 * (4 * 2 + 2 * 8), 0, PROGRAM_BYTES + 100));
    // With dropout two more sets of scores, two masks of states, and one of the embeddings.
    let dropped = planned(&RunConfig { dropout: Some(0.1), ..run() }).memory;
    assert_eq!(dropped.activations, 4 * (kept + 128 + 128 + 64));
    // Adapters read states once; other weights need nothing.
    let adapted = planned(&lora()).memory;
    assert_eq!(adapted.activations, 4 * (192 + 64 + 128 + 128 + 64 + 2 * 8 * 2 + 320));
    assert_eq!((adapted.weights, adapted.gradients), (4 * (1042 + 64), 4 * (64 + 90)), "adapters come to the weights");
    // A frozen backbone keeps nothing.
    assert_eq!(planned(&RunConfig { method: Method::Head, ..run() }).memory.activations, 4 * 320);
    // Composed: exponentials beside probabilities, normed states, three operands of GELU.
    let composed = planned_by(&run(), Kernels::Composed, false).memory;
    assert_eq!(composed.activations, 4 * (kept + 64 + 128 + 256));
}

#[test]
fn a_step_is_at_its_peak_at_its_loss_or_where_the_backward_pass_begins_or_ends() {
    // All gradients and one made for a lookup in the largest table, which are more than the activations.
    let memory = planned(&run()).memory;
    assert_eq!(memory.step, 4 * 1042 + 4 * 256);
    assert_eq!(memory.holes, (4 * 1042 + 8 * 1042 + memory.step) * 3 / 16, "all weights are trained");
    assert_eq!(memory.on_device(), 12 * 1042 + memory.step + memory.holes);
    // More rows: activations and what is worked with; on a GPU all there is.
    let of = |batch: BatchShape, kernels: Kernels, shape: &Shape, run: &RunConfig| {
        let batches = Batches::alike(batch, 10);
        predict(&Inputs { kernels, ..inputs_of(shape, &batches) }, run).memory
    };
    let eight = BatchShape { rows: 8, scored: 60, ..BATCH };
    let many = RunConfig { batch_size: 8, ..run() };
    let memory = of(eight, Kernels::Own, &shape(), &many);
    assert_eq!(memory.step, memory.activations);
    let composed = of(eight, Kernels::Composed, &shape(), &many);
    assert_eq!(composed.step, composed.gradients + composed.activations + composed.outputs);
    assert_eq!(composed.holes, 0);
    // Batches before this one of the same step have left their gradients.
    let accumulated = RunConfig { gradient_accumulation_steps: 2, ..many.clone() };
    let accumulated = of(eight, Kernels::Own, &shape(), &accumulated);
    assert_eq!((accumulated.step, accumulated.gradients), (memory.step + 4 * 1042, 2 * 4 * 1042));
    // A loss of the vocabulary: the gradient of its table, scores, a copy of them in each of two threads, three times the states.
    let writes = Shape { scores_vocabulary: true, ..shape() };
    let kept = memory.activations - 4 * 4 * 320;
    assert_eq!(of(eight, Kernels::Own, &writes, &many).step, kept + 4 * (80 + 3 * 600 + 3 * 60 * 8));
    let frozen = RunConfig { freeze: Freeze::Embeddings, ..many };
    let memory = of(eight, Kernels::Own, &writes, &frozen);
    assert_eq!(memory.step, memory.activations.max(kept - 4 * 8 * 4 * 8 + 4 * (600 + 3 * 60 * 8)));
}

#[test]
fn pixels_lie_on_the_device_and_patches_where_their_weight_is_trained() {
    let images = Shape { patch_size: 2, patch_values: 12, ..shape() };
    let batches = Batches::alike(BATCH, 10);
    let more = |run: &RunConfig| {
        let of = |shape: &Shape| predict(&inputs_of(shape, &batches), run).memory.activations;
        of(&images) - of(&shape())
    };
    assert_eq!((more(&run()), more(&lora())), (2 * 4 * 2 * 3 * 12, 4 * 2 * 3 * 12));
}

#[test]
fn a_session_keeps_states_beside_the_step() {
    let memory = planned_by(&run(), Kernels::Own, true).memory;
    let (state, piece) = (12 * 1042, 3 * 8 * 1042);
    assert_eq!(
        memory.host,
        PROGRAM_BYTES + 100 + state + piece,
        "one state to go back to, and a piece on its way there"
    );
    let batches = Batches { num_valid_rows: 4, ..Batches::alike(BATCH, 10) };
    let shape = shape();
    let inputs = Inputs { keeps_states: true, ..inputs_of(&shape, &batches) };
    let memory = predict(&inputs, &run()).memory;
    assert_eq!((memory.best, memory.host), (4 * 1042, PROGRAM_BYTES + state + piece));
    let of_step = 4 * 1042 + 8 * 1042 + 4 * 1042 + memory.step;
    assert_eq!(memory.holes, of_step * 3 / 16, "the best weights stay where they are");
    let run = RunConfig { on_divergence: OnDivergence::Stop, ..run() };
    let memory = predict(&inputs, &run).memory;
    assert_eq!(memory.host, PROGRAM_BYTES + piece, "a piece of a checkpoint, on its way to the disk");
}

#[test]
fn evaluations_and_accumulated_batches_count() {
    let shape = shape();
    let batches = Batches { num_valid_rows: 8, ..Batches::alike(BATCH, 10) };
    let inputs = inputs_of(&shape, &batches);
    let plan = predict(&inputs, &RunConfig { gradient_accumulation_steps: 4, ..run() });
    assert_eq!((plan.micro_batches, plan.steps), (10, 9));
    let expected = 30.0 * (plan.forward_flops + plan.backward_flops) + 3.0 * 4.0 * plan.forward_flops;
    assert!((plan.all_flops - expected).abs() < 1.0);
    let halved = predict(&inputs, &RunConfig { batch_size: 1, ..run() });
    assert_eq!((halved.micro_batches, halved.steps), (20, 60));
    assert_eq!(halved.forward_flops, plan.forward_flops / 2.0);
    let fixed = Batches { rows_are_fixed: true, ..batches.clone() };
    let once = predict(&Inputs { batches: &fixed, ..inputs }, &RunConfig { method: Method::Head, ..run() });
    assert_eq!(once.passes, 10.0 + 4.0 / 3.0, "the backbone sees each row once");
}

#[test]
fn what_does_not_fit_is_answered_with_the_nearest_that_does() {
    let shape = shape();
    let batches = Batches::alike(BatchShape { rows: 16, ..BATCH }, 10);
    let inputs = inputs_of(&shape, &batches);
    let run = RunConfig { batch_size: 16, ..run() };
    let needed = |batch_size: u32| {
        let run = RunConfig { batch_size, gradient_accumulation_steps: 16 / batch_size, ..run.clone() };
        predict(&inputs, &run).memory.of_process()
    };
    let limits = |bytes: u64| Limits { process: Some(bytes), tensor: None };
    let said = |bytes: u64, can_cut: bool| {
        let targets = ["query".to_owned()];
        let others = lighter_methods(&run, Some(&targets[..]), true);
        let alternatives = Alternatives { can_cut, other_methods: &others, ..Alternatives::default() };
        estimate(&inputs, &run, None, limits(bytes), alternatives)
    };
    assert!(said(needed(16), true).fits && said(needed(16), true).fitting.is_none());
    let quarter = said(needed(4), true);
    let settings = |suggestion: &Suggestion| -> Vec<(String, String)> { suggestion.settings.clone() };
    let expected = [("batch_size", "4"), ("gradient_accumulation_steps", "4")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(!quarter.fits);
    assert_eq!(quarter.fitting.as_ref().map(settings), Some(expected.to_vec()));
    let other = said(needed(4), false).fitting.expect("a method that trains less fits");
    assert_eq!(other.settings[0].0, "method");
    assert_eq!(said(10, true).fitting, None);
    // Of 15 rows no halves make the same step.
    let odd = RunConfig { batch_size: 15, ..run.clone() };
    let odd =
        estimate(&inputs, &odd, None, limits(needed(4)), Alternatives { can_cut: true, ..Alternatives::default() });
    assert!(!odd.fits && odd.fitting.is_none());
}

#[test]
fn a_long_run_is_told_what_is_shorter() {
    let shape = shape();
    let batches = Batches::alike(BATCH, 1000);
    let inputs = inputs_of(&shape, &batches);
    let measured = |secs: f64| {
        let flops = planned(&run()).forward_flops * 3.0;
        Measured { steps: vec![(flops, secs)], bytes_factor: 1.0, ..Measured::default() }
    };
    let others = lighter_methods(&run(), None, true);
    let said = |secs: f64, has_one_label: bool| {
        let alternatives = Alternatives { can_cut: true, has_one_label, other_methods: &others };
        estimate(&inputs, &run(), Some(&measured(secs)), Limits::default(), alternatives)
    };
    let short = said(1.0, true);
    assert!((short.secs.expect("it is measured") - 3000.0).abs() < 1e-6 && short.shorter.is_empty());
    let words = |has_one_label| said(10.0, has_one_label).shorter.iter().map(describe).collect::<Vec<String>>();
    assert_eq!(words(false), ["head only", "1 epoch", "half of the rows"]);
    assert_eq!(words(true)[3..], ["the quick baseline, without training"]);
    // A forward pass of each of the 1,000 batches, a third of the ten seconds that a step takes; of the validation rows there are none.
    let baseline = said(10.0, true).shorter.pop().and_then(|one| one.secs).expect("it is measured");
    assert!((baseline - 10_000.0 / 3.0).abs() < 1e-6, "{baseline}");
    let none = lighter_methods(&RunConfig { from_scratch: true, ..run() }, Some(&["query".to_owned()][..]), true);
    assert!(none.is_empty());
}
