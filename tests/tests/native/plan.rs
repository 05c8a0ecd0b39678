//! What a run is planned to cost, beside what steps take: memory by the allocator that counts, and that a plan changes nothing.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{Freeze, LoraConfig, Method, Pooling, ReadOptions, RunConfig, Techniques};
use hone_core::data::{HostBatch, HostInputs, HostPixels, HostTargets, HostText};
use hone_core::kernels::num_threads;
use hone_core::model::{Model, ModelConfig};
use hone_core::nn::Init;
use hone_core::optim::GradientSum;
use hone_core::plan::{BatchShape, Batches, Estimate, Inputs, Kernels, Limits, predict};
use hone_core::session::{Meter, Session, SessionError};
use hone_core::task::HeadKind;
use hone_core::train::MicroStep;
use hone_tests::classes::{files, loaded};
use hone_tests::{rows, texts};

use crate::fuzz::memory::peak_of;

/// How far the bytes of a step may lie from those that were predicted, either way.
const FACTOR: f64 = 1.3;

const ROWS: usize = 8;
const SEQ: usize = 64;

/// A BERT whose activations outweigh its weights.
const CONFIG: &[u8] = br#"{"model_type": "bert", "vocab_size": 200, "hidden_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "intermediate_size": 256, "max_position_embeddings": 64, "type_vocab_size": 2,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}"#;

/// A vision transformer of 65 tokens an image.
const IMAGE_CONFIG: &[u8] = br#"{"model_type": "vit", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 256, "image_size": 32, "patch_size": 4, "num_channels": 3, "hidden_act": "gelu", "qkv_bias": true,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02, "layer_norm_eps": 1e-12}"#;

fn classes() -> HostTargets {
    HostTargets::Distributions { values: (0..ROWS * 2).map(|cell| (cell % 2) as f32).collect(), width: 2 }
}

fn image_batch() -> HostBatch {
    let [channels, side] = [3, 32];
    let values = (0..ROWS * channels * side * side).map(|cell| (cell % 7) as f32 / 7.0).collect();
    let pixels = HostPixels { values, batch: ROWS, channels, height: side, width: side };
    let (weight, num_rows) = (ROWS as f64, ROWS);
    HostBatch { inputs: HostInputs::Pixels(pixels), targets: classes(), weight, num_rows, num_tokens: ROWS }
}

fn text_batch() -> HostBatch {
    let cells = ROWS * SEQ;
    let text = HostText {
        input_ids: (0..cells).map(|cell| (cell % 200) as i32).collect(),
        attention_mask: vec![1; cells],
        token_type_ids: vec![0; cells],
        position_ids: (0..cells).map(|cell| (cell % SEQ) as i32).collect(),
        segment_ids: None,
        batch: ROWS,
        seq: SEQ,
    };
    let (weight, num_rows) = (ROWS as f64, ROWS);
    HostBatch { inputs: HostInputs::Text(text), targets: classes(), weight, num_rows, num_tokens: cells }
}

fn text_model() -> ModelConfig {
    ModelConfig::from_json(CONFIG).expect("usable")
}

fn image_model() -> ModelConfig {
    ModelConfig::from_json(IMAGE_CONFIG).and_then(|config| config.with_head(HeadKind::Image)).expect("usable")
}

/// Bytes of a step as predicted, and as counted.
fn bytes_of_step((config, batch): (&ModelConfig, &HostBatch), run: &RunConfig) -> [f64; 2] {
    let device = Device::flex().autodiff();
    let mut init = Init::new(1);
    let mut model = Model::new(config, Pooling::Cls, 2, &mut init, &device);
    model.set_dropout(run.dropout);
    if run.method == Method::Lora {
        let targets = &run.lora.target_modules;
        assert!(!model.add_lora(config.key_map(), &run.lora, targets, &mut init, &device).is_empty());
    }
    let model = model.frozen_for(run.method, Freeze::None);
    let shape = model.plan_shape(config, 2);
    let batches = Batches::alike(BatchShape::of(batch, shape.patch_size), 1);
    let (kernels, num_threads) = (Kernels::Own, num_threads() as u64);
    let inputs = Inputs { shape: &shape, batches: &batches, kernels, num_threads, file_bytes: 0, keeps_states: false };
    let plan = predict(&inputs, run);
    assert_eq!(plan.num_trained, model.num_trained() as u64, "{:?}", run.method);
    if run.method != Method::Lora {
        assert_eq!(shape.parameters.all, model.num_params() as u64);
    }
    let frozen = (run.method == Method::Head).then(|| model.for_inference().backbone);
    let step = MicroStep {
        model: &model,
        frozen: frozen.as_ref(),
        features: None,
        weight_sum: batch.weight,
        gradient_checkpointing: false,
        techniques: Techniques::default(),
        seed: 1,
        device: &device,
    };
    let mut gradients = GradientSum::default();
    let (_, counted) = peak_of(|| step.run(batch, &mut gradients));
    [plan.memory.of_step() as f64, counted as f64]
}

#[test]
fn a_step_takes_the_memory_that_was_predicted() {
    let full = RunConfig { batch_size: ROWS as u32, ..RunConfig::default() };
    let lora = |names: [&str; 2]| {
        let target_modules = names.map(str::to_owned).to_vec();
        let lora = LoraConfig { lora_dropout: 0.0, target_modules, ..LoraConfig::default() };
        RunConfig { method: Method::Lora, lora, ..full.clone() }
    };
    let (lora, image_lora) = (lora(["query", "value"]), lora(["q_proj", "v_proj"]));
    let last = RunConfig { method: Method::LastLayers(2), ..full.clone() };
    let undropped = RunConfig { dropout: Some(0.0), ..full.clone() };
    let (text, texts) = (text_model(), text_batch());
    let (image, images) = (image_model(), image_batch());
    let of_texts = [&full, &undropped, &last, &lora].map(|run| ((&text, &texts), run));
    let of_images = [&undropped, &image_lora].map(|run| ((&image, &images), run));
    for (what, run) in of_texts.into_iter().chain(of_images) {
        let [predicted, counted] = bytes_of_step(what, run);
        let (kind, method, dropout) = (what.0.model_type(), run.method, run.dropout);
        assert!(
            predicted < counted * FACTOR && counted < predicted * FACTOR,
            "{kind}, {method:?} with dropout {dropout:?}: {predicted} bytes predicted, {counted} counted"
        );
    }
}

fn ask(session: &mut Session, run: &RunConfig) -> Result<Estimate, SessionError> {
    let start = Instant::now();
    let now_ms = || start.elapsed().as_secs_f64() * 1000.0;
    let meter = Meter { now_ms: &now_ms, held_bytes: &|| None, code_bytes: 0, limits: Limits::default() };
    block_on(session.estimate(run.clone(), &meter))
}

fn planned(session: &mut Session, run: &RunConfig) -> Estimate {
    ask(session, run).expect("it is planned")
}

#[test]
fn a_planned_run_is_the_run_that_it_would_be_without() {
    // Tests beside this one draw from the same generator.
    let run = RunConfig { num_train_epochs: 1, max_seq_length: 32, dropout: Some(0.0), ..RunConfig::default() };
    let session_with_rows = || {
        let mut session = loaded();
        session.load_data(files(rows::csv(60)), &ReadOptions::default(), &run).expect("the rows load");
        session
    };
    let mut plain = session_with_rows();
    plain.start(run.clone()).expect("it starts");
    let expected = texts::drain(&mut plain);

    let mut session = session_with_rows();
    let short = planned(&mut session, &run);
    let secs = short.secs.expect("steps were timed");
    assert!(secs > 0.0 && short.fits && short.bytes > 0, "{short:?}");
    // The same measurement, ten times the steps.
    let long = planned(&mut session, &RunConfig { num_train_epochs: 10, ..run.clone() });
    let times = long.secs.expect("they are known") / secs;
    assert!((times - 10.0).abs() < 1e-6 && long.steps == 10 * short.steps, "{times}");
    assert!(planned(&mut session, &RunConfig { batch_size: 1, ..run.clone() }).bytes < short.bytes);
    // What no run can follow is not planned.
    let too_long = ask(&mut session, &RunConfig { max_seq_length: 129, ..run.clone() });
    assert!(matches!(too_long, Err(SessionError::TooLong { limit: 128, .. })), "{too_long:?}");

    session.start(run.clone()).expect("it starts");
    assert_eq!(texts::drain(&mut session), expected, "timing steps leaves nothing behind");
    let held = planned(&mut session, &run);
    assert!(held.secs.is_some(), "what was measured holds while a run has its weights");
}
