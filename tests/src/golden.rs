//! Goldens: weights, inputs, logits, loss, gradients and the losses of twenty AdamW steps, made with PyTorch 2.15 and
//! transformers 5.23 (`tests/goldens/make_golden.py`). This file holds those of classifiers.

use burn::tensor::{Device, Tensor};
use futures_lite::future::block_on;
use hone_core::batch::Batch;
use hone_core::checkpoint::{WeightFile, load_adapter, read_weights};
use hone_core::config::Pooling;
use hone_core::data::{HostBatch, PositionIds};
use hone_core::loss::{LossConfig, cross_entropy_sum};
use hone_core::model::{Model, ModelConfig, SequenceClassifier, checkpoint_key};
use hone_core::nn::Init;
use hone_core::optim::GradientSum;
use hone_core::train::{MicroBatch, MicroStep};

use crate::figure::{Figure, demand};
pub use crate::fixture::values;
use crate::fixture::{Compared, Fixture, read_file, shapes, transposed};
use crate::paths;

/// A golden and the model it belongs to.
pub struct Golden {
    fixture: Fixture,
    config: ModelConfig,
    weights: Vec<(String, Vec<u8>)>,
    num_labels: usize,
}

impl Golden {
    /// A tiny model whose weights lie beside the golden.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn tiny(name: &str) -> Self {
        let weights = vec![("model.safetensors".into(), read_file(name, "model.safetensors"))];
        Self::read(name, &read_file(name, "config.json"), weights)
    }

    /// MiniLM with the golden's head; `None` where MiniLM is absent.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn minilm(name: &str) -> Option<Self> {
        let model = paths::read_folder(&paths::minilm()?);
        let file = |name: &str| model.get(name).expect("MiniLM is whole").to_vec();
        let weights = vec![
            ("model.safetensors".into(), file("model.safetensors")),
            ("head.safetensors".into(), read_file("minilm_cls", "head.safetensors")),
        ];
        Some(Self::read(name, &file("config.json"), weights))
    }

    fn read(name: &str, config: &[u8], weights: Vec<(String, Vec<u8>)>) -> Self {
        let fixture = Fixture::read(name);
        let num_labels = fixture.meta["tensors"]["logits"][1][1].as_u64();
        let num_labels = num_labels.expect("meta.json gives the logits' shape") as usize;
        let config = ModelConfig::from_json(config).expect("the config is supported");
        Self { fixture, config, weights, num_labels }
    }

    /// The model with the golden's weights, dropout off.
    ///
    /// # Panics
    /// When weights are missing.
    #[must_use]
    pub fn model(&self, device: &Device) -> SequenceClassifier {
        let (encoder, head) = self.config.classifier(Pooling::Cls).expect("the golden is of a classifier");
        let mut model = SequenceClassifier::new(encoder, head, self.num_labels, &mut Init::new(0), device);
        model.set_dropout(Some(0.0));
        let mut loaded = 0;
        for (name, bytes) in &self.weights {
            let file = WeightFile::open(name, bytes).expect("the weights can be opened");
            let all = file.names().count();
            let (next, _, unused) = file.load(self.config.key_map(), model).expect("the weights fit");
            loaded += all - unused.len();
            model = next;
        }
        let all = block_on(read_weights(&model, self.config.key_map(), |_, _| true));
        assert_eq!(loaded, all.expect("the weights can be read").len(), "every parameter comes from a file");
        model
    }

    /// The batch that logits, loss and gradients belong to.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn batch(&self) -> HostBatch {
        self.batches("in").remove(0)
    }

    /// `in`, which is one batch, or `train`, the twenty of training.
    fn batches(&self, part: &str) -> Vec<HostBatch> {
        let read = |name: &str| self.fixture.ids(&format!("{part}.{name}"));
        let (shape, input_ids) = read("input_ids");
        let (mask, labels) = (read("attention_mask").1, read("labels").1);
        let types = self.fixture.find_ids(&format!("{part}.token_type_ids"));
        let types = types.map_or_else(|| vec![0; input_ids.len()], |(_, ids)| ids);
        let [batch, seq] = [shape[shape.len() - 2], shape[shape.len() - 1]];
        let size = batch * seq;
        let cut = |values: &[i32], step: usize, size: usize| values[step * size..(step + 1) * size].to_vec();
        (0..input_ids.len() / size)
            .map(|step| {
                let [ids, mask, types] = [&input_ids, &mask, &types].map(|values| cut(values, step, size));
                self.host_batch(batch, seq, ids, mask, types, cut(&labels, step, batch))
            })
            .collect()
    }

    fn host_batch(
        &self,
        batch: usize,
        seq: usize,
        input_ids: Vec<i32>,
        attention_mask: Vec<i32>,
        token_type_ids: Vec<i32>,
        labels: Vec<i32>,
    ) -> HostBatch {
        let mut position_ids = Vec::with_capacity(input_ids.len());
        for row in input_ids.chunks(seq) {
            match self.config.position_ids() {
                PositionIds::FromZero => position_ids.extend(0..seq as i32),
                PositionIds::AfterPad(pad) => {
                    let mut next = pad as i32;
                    position_ids.extend(row.iter().map(|&id| {
                        next += i32::from(id != pad as i32);
                        if id == pad as i32 { pad as i32 } else { next }
                    }));
                }
            }
        }
        let num_tokens = attention_mask.iter().filter(|&&bit| bit == 1).count();
        let rows = (0..batch).collect();
        HostBatch { input_ids, attention_mask, token_type_ids, position_ids, labels, batch, seq, num_tokens, rows }
    }

    fn class_loss(&self) -> LossConfig {
        LossConfig { num_labels: self.num_labels, label_smoothing: 0.0, class_weights: None }
    }

    fn mean_loss(&self, logits: Tensor<2>, host: &HostBatch, device: &Device) -> Tensor<1> {
        cross_entropy_sum(logits, self.class_loss().targets(&host.labels, device)).div_scalar(host.batch as f64)
    }

    /// Mean loss of a batch.
    #[must_use]
    pub fn loss(&self, model: &SequenceClassifier, host: &HostBatch, device: &Device) -> Tensor<1> {
        self.mean_loss(model.forward(&Batch::new(host, device)), host, device)
    }

    /// Logits and loss agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_forward(&self, device: &Device) {
        demand(&self.forward(device));
    }

    /// All gradients that the golden holds agree (but those that are zero up to rounding).
    ///
    /// # Panics
    /// When they don't.
    pub fn check_gradients(&self, device: &Device) {
        demand(&[self.gradients(device)]);
    }

    /// The losses of twenty AdamW steps agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_curve(&self, head_only: bool, device: &Device) {
        demand(&[self.curve(head_only, device)]);
    }

    /// With PEFT's adapter in place, logits, loss, the adapter's gradients and twenty AdamW losses agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_adapter(&self, device: &Device) {
        demand(&self.adapter(device));
    }

    /// Logits and loss.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn forward(&self, device: &Device) -> Vec<Figure> {
        let (model, host) = (self.model(device), self.batch());
        let logits = self.fixture.logits(&values(model.forward(&Batch::new(&host, device))), |_| true);
        vec![logits, self.fixture.loss(f64::from(values(self.loss(&model, &host, device))[0]))]
    }

    /// All gradients that the golden holds (but those that are zero up to rounding).
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn gradients(&self, device: &Device) -> Figure {
        let device = device.clone().autodiff();
        let model = self.model(&device);
        let mut sum = GradientSum::default();
        sum.add(&model, self.loss(&model, &self.batch(), &device).backward());
        let shapes = shapes(&model, self.config.key_map());
        let mut compared = Compared::default();
        for (path, gradient) in sum.tensors() {
            let key = checkpoint_key(self.config.key_map(), path).expect("every parameter has a key");
            let Some(expected) = self.fixture.find(&format!("grad.{key}")) else { continue };
            if self.fixture.is_zero(&key) {
                continue;
            }
            let is_linear = shapes[path].len() == 2 && !path.contains("embeddings");
            let found = values(gradient.clone());
            let found = if is_linear { transposed(&found, shapes[path][1]) } else { found };
            compared.add(&key, &found, &expected.values);
        }
        compared.finish("gradients", self.fixture.gradients().filter(|key| !self.fixture.is_zero(key)).count())
    }

    /// The losses of twenty AdamW steps.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn curve(&self, head_only: bool, device: &Device) -> Figure {
        let device = device.clone().autodiff();
        let model = self.model(&device);
        let frozen = head_only.then(|| model.for_inference().encoder);
        self.fixture.curve(model, &self.batches("train"), |model, host, gradients| {
            let batch = Batch::new(host, &device);
            let logits = match &frozen {
                None => model.forward(&batch),
                Some(frozen) => model.forward_frozen(frozen, &batch.without_autodiff()),
            };
            let loss = self.mean_loss(logits, host, &device);
            gradients.add(model, loss.backward());
            f64::from(values(loss)[0])
        })
    }

    /// With PEFT's adapter in place: logits, loss, the adapter's gradients and twenty AdamW losses.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn adapter(&self, device: &Device) -> Vec<Figure> {
        let device = device.clone().autodiff();
        let adapter = paths::read_folder(&paths::fixture("minilm_lora").join("adapter"));
        let base = Model::Classifier(self.model(&device));
        let model = load_adapter(&self.config, base, &adapter, &device)
            .expect("the adapter fits")
            .freeze(|path| path.contains(".lora.") || path.starts_with("head.classifier."));
        let Model::Classifier(plain) = model.for_inference() else { unreachable!("built above") };
        let host = self.batch();
        let batch = Batch::new(&host, &device.clone().without_autodiff());
        let logits = self.fixture.logits(&values(plain.forward(&batch)), |_| true);

        let class_loss = self.class_loss();
        let step = |model: &Model, host: &HostBatch, gradients: &mut GradientSum| -> f64 {
            let step = MicroStep {
                model,
                frozen: None,
                class_loss: Some(&class_loss),
                weight_sum: host.batch as f64,
                gradient_checkpointing: false,
                seed: 0,
                device: &device,
            };
            f64::from(values(step.run(&MicroBatch::Classes(host.clone()), gradients))[0])
        };
        let mut gradients = GradientSum::default();
        let loss = self.fixture.loss(step(&model, &host, &mut gradients));
        let map = self.config.key_map();
        let mut compared = Compared::default();
        for (path, gradient) in gradients.tensors() {
            let Some((module, factor)) = path.split_once(".lora.lora_") else { continue };
            let key = checkpoint_key(map, &format!("{module}.weight")).expect("every layer has a key");
            let key = format!("{}.lora_{}", key.trim_end_matches(".weight"), factor.to_uppercase());
            let expected = self.fixture.tensor(&format!("grad.base_model.model.{key}.default.weight"));
            let found = transposed(&values(gradient.clone()), expected.shape[1]);
            compared.add(&key, &found, &expected.values);
        }
        let gradients = compared.finish("gradients", 24);
        vec![logits, loss, gradients, self.fixture.curve(model, &self.batches("train"), step)]
    }
}
