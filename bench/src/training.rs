//! A training step as `hone_core::train::Trainer` takes it, on random weights and rows: forward, loss, backward, global
//! norm, clipping, AdamW.

use anyhow::{Result, ensure};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use hone_core::batch::BatchInputs;
use hone_core::config::{Dtype, Freeze, LoraConfig, Method, Pooling, Techniques};
use hone_core::data::{HostBatch, HostInputs, HostPixels, HostTargets, HostText};
use hone_core::model::{Backbone, Model};
use hone_core::nn::Init;
use hone_core::optim::{AdamW, AdamWConfig, GradientSum, clip_factor};
use hone_core::task::HeadKind;
use hone_core::train::{MicroStep, float_dtype, gradient_scale};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::shape::Shape;

/// Different batches, taken in turns.
const BATCHES: usize = 8;

/// First id that is no special token.
const FIRST_WORD: u32 = 999;

/// How a step is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) method: Method,
    /// Format of matrix products and frozen weights.
    pub(crate) dtype: Dtype,
    /// Blocks are computed again in the backward pass.
    pub(crate) gradient_checkpointing: bool,
    /// A language model's logits are made of every token at once and kept for autodiff, as most trainers do.
    pub(crate) whole_logits: bool,
}

/// A model in training.
pub(crate) struct Training {
    device: Device,
    model: Model,
    /// The backbone of a classifier whose head alone is trained.
    frozen: Option<Backbone>,
    optimizer: AdamW,
    batches: Vec<HostBatch>,
    max_grad_norm: f64,
    settings: Settings,
    steps: u64,
    unread: Vec<Tensor<1>>,
}

impl Training {
    /// Random weights on `device` (without autodiff), waited for.
    pub(crate) fn new(shape: &Shape, settings: Settings, device: &Device) -> Result<Self> {
        let writes = shape.config.head_kind().writes();
        ensure!(settings.method != Method::Head || !writes, "a language model has no head to train");
        let dtype = float_dtype(settings.dtype, device)?;
        let device = device.clone().autodiff();
        let mut init = Init::new(0);
        let mut model = Model::new(&shape.config, Pooling::Cls, shape.num_labels, &mut init, &device);
        model.set_dropout(Some(shape.dropout));
        if settings.method == Method::Lora {
            let targets = shape.config.architecture.default_target_modules;
            let targets: Vec<String> = targets.iter().map(|&name| name.to_owned()).collect();
            let lora = LoraConfig { lora_dropout: shape.dropout, ..LoraConfig::default() };
            model.add_lora(shape.config.key_map(), &lora, &targets, &mut init, &device);
        }
        let model = model.frozen_for(settings.method, Freeze::None).with_dtype(dtype);
        let frozen = (settings.method == Method::Head).then(|| model.for_inference().backbone);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        device.sync()?;
        Ok(Self {
            batches: (0..BATCHES).map(|_| random_batch(shape, &mut rng)).collect(),
            model,
            frozen,
            optimizer: AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }),
            max_grad_norm: shape.max_grad_norm,
            settings,
            steps: 0,
            unread: Vec::new(),
            device,
        })
    }

    /// Bytes of the batches on the host.
    pub(crate) fn batch_bytes(&self) -> u64 {
        let numbers = |batch: &HostBatch| match &batch.inputs {
            HostInputs::Pixels(pixels) => pixels.values.len(),
            HostInputs::Text(text) => 4 * text.input_ids.len(),
            HostInputs::TextToText { source, target } => 4 * (source.input_ids.len() + target.input_ids.len()),
        };
        4 * self.batches.iter().map(numbers).sum::<usize>() as u64
    }

    /// The shape of the model, for a plan.
    pub(crate) fn plan_shape(&self, shape: &Shape) -> hone_core::plan::Shape {
        self.model.plan_shape(&shape.config, shape.num_labels)
    }

    /// Queues a whole step (on the CPU: takes it).
    pub(crate) fn step(&mut self) {
        let micro = &self.batches[self.steps as usize % BATCHES];
        let scale = gradient_scale(self.settings.dtype, micro.weight);
        let step = MicroStep {
            model: &self.model,
            frozen: self.frozen.as_ref(),
            features: None, // the backbone is run in each step, as by the peer
            weight_sum: micro.weight / scale,
            gradient_checkpointing: self.settings.gradient_checkpointing,
            techniques: Techniques::default(),
            seed: self.steps,
            device: &self.device,
        };
        let mut gradients = GradientSum::default();
        let loss = match &micro.targets {
            HostTargets::Ids { positions, ids, .. } if self.settings.whole_logits => {
                whole_logits_step(&self.model, &micro.inputs, [positions, ids], &self.device, &mut gradients)
            }
            _ => {
                let loss = step.run(micro, &mut gradients);
                if scale == 1.0 {
                    loss
                } else {
                    gradients = gradients.scaled(1.0 / scale);
                    loss.div_scalar(scale)
                }
            }
        };
        if let Some(clip) = clip_factor(&gradients, self.max_grad_norm) {
            self.model = self.optimizer.step(self.model.clone(), gradients, &clip, 5e-5);
        }
        self.unread.push(loss);
        self.steps += 1;
    }

    /// Waits for the device and returns the losses since the last reading.
    pub(crate) fn read(&mut self) -> Result<Vec<f32>> {
        if self.unread.is_empty() {
            return Ok(Vec::new());
        }
        let losses = Tensor::cat(std::mem::take(&mut self.unread), 0).into_data();
        // The losses are there before the last update of the weights.
        self.device.sync()?;
        Ok(losses.iter::<f32>().collect())
    }
}

/// The loss and gradients of [`MicroStep`] by way of the logits of the whole batch: what `docs/adr/0007` is measured
/// against.
fn whole_logits_step(
    model: &Model,
    inputs: &HostInputs,
    [positions, targets]: [&Vec<i32>; 2],
    device: &Device,
    gradients: &mut GradientSum,
) -> Tensor<1> {
    let ids = |values: &[i32]| Tensor::<1, Int>::from_data(TensorData::new(values.to_vec(), [values.len()]), device);
    let logits = model.outputs(&BatchInputs::new(inputs, device)); // [batch * seq, vocab]
    let scored = activation::log_softmax(logits, 1).select(0, ids(positions));
    let loss = scored.gather(1, ids(targets).unsqueeze_dim::<2>(1)).mean().neg();
    gradients.add(model, loss.backward());
    loss.inner()
}

/// Full rows of random words, or images of noise.
fn random_batch(shape: &Shape, rng: &mut ChaCha8Rng) -> HostBatch {
    if let Some(image) = shape.image {
        return image_batch(shape, image, rng);
    }
    let (batch, seq) = (shape.batch, shape.seq);
    let cells = batch * seq;
    let vocab = shape.config.vocab_size() as u32;
    let first = FIRST_WORD.min(vocab / 2);
    let mut words =
        |count: usize| -> Vec<i32> { (0..count).map(|_| (first + rng.next_u32() % (vocab - first)) as i32).collect() };
    let input_ids = words(cells);
    if shape.config.head_kind() == HeadKind::Seq2seqLm {
        let ids = words(batch * shape.target_seq);
        return pair_batch(shape, full_rows(input_ids, batch, seq), ids);
    }
    let (targets, weight) = match shape.config.head_kind() {
        HeadKind::CausalLm => {
            let positions: Vec<i32> = (0..cells as i32).filter(|at| (at + 1) % seq as i32 != 0).collect();
            let ids: Vec<i32> = positions.iter().map(|&at| input_ids[at as usize + 1]).collect();
            let weight = ids.len() as f64;
            (HostTargets::Ids { positions, ids, label_smoothing: 0.0 }, weight)
        }
        HeadKind::Token => (random_classes(cells, shape.num_labels, rng), cells as f64),
        HeadKind::Span => {
            let mut tokens = || (0..batch).map(|_| (rng.next_u32() as usize % seq) as i32).collect();
            (HostTargets::Spans { starts: tokens(), ends: tokens() }, batch as f64)
        }
        _ => (random_classes(batch, shape.num_labels, rng), batch as f64),
    };
    let text = full_rows(input_ids, batch, seq);
    HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows: batch, num_tokens: cells }
}

/// Images of noise between -1 and 1, as a processor leaves values, with a class each.
fn image_batch(shape: &Shape, [channels, height, width]: [usize; 3], rng: &mut ChaCha8Rng) -> HostBatch {
    let batch = shape.batch;
    let cells = batch * channels * height * width;
    let values = (0..cells).map(|_| rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0).collect();
    let pixels = HostPixels { values, batch, channels, height, width };
    let targets = random_classes(batch, shape.num_labels, rng);
    let (weight, num_tokens) = (batch as f64, batch * shape.seq);
    HostBatch { inputs: HostInputs::Pixels(pixels), targets, weight, num_rows: batch, num_tokens }
}

/// Sources with targets of which every token is learned.
fn pair_batch(shape: &Shape, source: HostText, ids: Vec<i32>) -> HostBatch {
    let (batch, seq) = (shape.batch, shape.target_seq);
    // Shifted right: before the first token stands the one that begins a target.
    let shifted = ids.chunks(seq).flat_map(|row| std::iter::once(0).chain(row[..seq - 1].iter().copied())).collect();
    let target = full_rows(shifted, batch, seq);
    let (weight, num_tokens) = (ids.len() as f64, source.num_tokens() + ids.len());
    let targets = HostTargets::Ids { positions: (0..ids.len() as i32).collect(), ids, label_smoothing: 0.0 };
    HostBatch { inputs: HostInputs::TextToText { source, target }, targets, weight, num_rows: batch, num_tokens }
}

/// Rows that nothing pads.
fn full_rows(input_ids: Vec<i32>, batch: usize, seq: usize) -> HostText {
    let cells = batch * seq;
    HostText {
        input_ids,
        attention_mask: vec![1; cells],
        token_type_ids: vec![0; cells],
        position_ids: (0..batch).flat_map(|_| 0..seq as i32).collect(),
        segment_ids: None,
        batch,
        seq,
    }
}

/// A class of each row.
fn random_classes(rows: usize, width: usize, rng: &mut ChaCha8Rng) -> HostTargets {
    let mut values = vec![0.0; rows * width];
    for row in values.chunks_mut(width) {
        row[rng.next_u32() as usize % width] = 1.0;
    }
    HostTargets::Distributions { values, width }
}
