//! A training step as `hone_core::train::Trainer` takes it, on random weights and rows: forward, loss, backward, global
//! norm, clipping, AdamW.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use hone_core::batch::Batch;
use hone_core::config::Pooling;
use hone_core::data::HostBatch;
use hone_core::loss::{LossConfig, cross_entropy_sum};
use hone_core::model::SequenceClassifier;
use hone_core::nn::Init;
use hone_core::optim::{AdamW, AdamWConfig, GradientSum, clip_factor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::shape::Shape;

/// Different batches, taken in turns.
const BATCHES: usize = 8;

/// First id that is no special token.
const FIRST_WORD: u32 = 999;

/// A model in training.
pub(crate) struct Training {
    device: Device,
    model: SequenceClassifier,
    optimizer: AdamW,
    loss: LossConfig,
    batches: Vec<HostBatch>,
    max_grad_norm: f64,
    steps: u64,
    unread: Vec<Tensor<1>>,
}

impl Training {
    /// Random weights on `device` (without autodiff), waited for.
    pub(crate) fn new(shape: &Shape, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let mut model =
            SequenceClassifier::new(&shape.config, Pooling::Cls, shape.num_labels, &mut Init::new(0), &device);
        model.set_dropout(Some(shape.dropout));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        device.sync()?;
        Ok(Self {
            model,
            optimizer: AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }),
            loss: LossConfig { num_labels: shape.num_labels, label_smoothing: 0.0, class_weights: None },
            batches: (0..BATCHES).map(|_| random_batch(shape, &mut rng)).collect(),
            max_grad_norm: shape.max_grad_norm,
            steps: 0,
            unread: Vec::new(),
            device,
        })
    }

    /// Queues a whole step (on the CPU: takes it).
    pub(crate) fn step(&mut self) {
        let host = &self.batches[self.steps as usize % BATCHES];
        let batch = Batch::new(host, &self.device);
        self.device.seed(self.steps);
        let targets = self.loss.targets(&host.labels, &self.device);
        let loss = cross_entropy_sum(self.model.forward(&batch), targets).div_scalar(host.batch as f64);
        let mut gradients = GradientSum::default();
        gradients.add(&self.model, loss.backward());
        if let Some(clip) = clip_factor(&gradients, self.max_grad_norm) {
            self.model = self.optimizer.step(self.model.clone(), gradients, &clip, 5e-5);
        }
        self.unread.push(loss.inner());
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

/// Full rows of random words.
fn random_batch(shape: &Shape, rng: &mut ChaCha8Rng) -> HostBatch {
    let (batch, seq) = (shape.batch, shape.seq);
    let cells = batch * seq;
    let vocab = shape.config.encoder.vocab_size as u32;
    let first = FIRST_WORD.min(vocab / 2);
    HostBatch {
        input_ids: (0..cells).map(|_| (first + rng.next_u32() % (vocab - first)) as i32).collect(),
        attention_mask: vec![1; cells],
        token_type_ids: vec![0; cells],
        position_ids: (0..batch).flat_map(|_| 0..seq as i32).collect(),
        labels: (0..batch).map(|_| (rng.next_u32() % shape.num_labels as u32) as i32).collect(),
        batch,
        seq,
        num_tokens: cells,
        rows: (0..batch).collect(),
    }
}
