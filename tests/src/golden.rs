//! Goldens: weights, inputs, logits, loss, gradients and the losses of twenty AdamW steps, made with PyTorch 2.15 and
//! transformers 5.23 (`tests/goldens/make_golden.py`).

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use futures_lite::future::block_on;
use hone_core::batch::Batch;
use hone_core::checkpoint::{HostTensor, WeightFile, load_adapter, read_weights};
use hone_core::config::Pooling;
use hone_core::data::{HostBatch, PositionIds};
use hone_core::folder::Folder;
use hone_core::loss::{LossConfig, cross_entropy_sum};
use hone_core::model::{Model, ModelConfig, SequenceClassifier, checkpoint_key};
use hone_core::nn::Init;
use hone_core::optim::{AdamW, AdamWConfig, GradientSum, clip_factor};
use hone_core::train::{MicroBatch, MicroStep};

use crate::paths;

/// Largest absolute difference of a logit.
pub const LOGITS: f64 = 1e-4;
/// Largest absolute difference of the loss.
pub const LOSS: f64 = 1e-5;
/// Largest difference of a gradient, relative to the largest value of its tensor.
pub const GRADIENT: f64 = 1e-3;
/// Largest absolute difference of the loss over twenty AdamW steps.
pub const CURVE: f64 = 1e-3;

/// A golden and the model it belongs to.
pub struct Golden {
    meta: serde_json::Value,
    fixture: Vec<u8>,
    config: ModelConfig,
    weights: Vec<(String, Vec<u8>)>,
    num_labels: usize,
}

/// Which of the golden's three curves.
#[derive(Debug, Clone, Copy)]
pub enum Curve {
    /// Decay on all parameters.
    DecayAll,
    /// No decay on biases and LayerNorm, clipped at 1: what Hone does.
    DecayGroupsClipped,
}

impl Golden {
    /// A tiny model whose weights lie beside the golden.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn tiny(name: &str) -> Self {
        let folder = paths::fixture(name);
        let config = std::fs::read(folder.join("config.json")).expect("the fixture has a config");
        let weights = std::fs::read(folder.join("model.safetensors")).expect("the fixture has weights");
        Self::read(name, &config, vec![("model.safetensors".into(), weights)])
    }

    /// MiniLM with the golden's head; `None` where MiniLM is absent.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn minilm(name: &str) -> Option<Self> {
        let model = paths::minilm()?;
        let read = |path: std::path::PathBuf| std::fs::read(path).expect("the file can be read");
        let weights = vec![
            ("model.safetensors".into(), read(model.join("model.safetensors"))),
            ("head.safetensors".into(), read(paths::fixture("minilm_cls").join("head.safetensors"))),
        ];
        Some(Self::read(name, &read(model.join("config.json")), weights))
    }

    fn read(name: &str, config: &[u8], weights: Vec<(String, Vec<u8>)>) -> Self {
        let folder = paths::fixture(name);
        let meta = std::fs::read(folder.join("meta.json")).expect("the fixture has a meta.json");
        let fixture = std::fs::read(folder.join("fixture.safetensors")).expect("the fixture has tensors");
        let meta: serde_json::Value = serde_json::from_slice(&meta).expect("meta.json is JSON");
        let num_labels = meta["tensors"]["logits"][1][1].as_u64().expect("meta.json gives the logits' shape") as usize;
        let config = ModelConfig::from_json(config).expect("the config is supported");
        Self { meta, fixture, config, weights, num_labels }
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
        let mut filled = Vec::new();
        for (name, bytes) in &self.weights {
            let file = WeightFile::open(name, bytes).expect("the weights can be opened");
            let all = file.names().count();
            let (next, missing, unused) = file.load(self.config.key_map(), model).expect("the weights fit");
            filled.push((all - unused.len(), missing));
            model = next;
        }
        let all = block_on(read_weights(&model, self.config.key_map(), |_, _| true));
        let parameters = all.expect("the weights can be read").len();
        let loaded: usize = filled.iter().map(|(count, _)| count).sum();
        assert_eq!(loaded, parameters, "every parameter comes from a file");
        model
    }

    /// The batch that logits, loss and gradients belong to.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn batch(&self) -> HostBatch {
        let read = |name: &str| self.ids(&format!("in.{name}"));
        let (shape, input_ids) = read("input_ids").expect("the fixture has input_ids");
        let mask = read("attention_mask").expect("the fixture has a mask").1;
        let types = read("token_type_ids").map_or_else(|| vec![0; input_ids.len()], |(_, ids)| ids);
        let labels = read("labels").expect("the fixture has labels").1;
        self.host_batch(shape[0], shape[1], input_ids, mask, types, labels)
    }

    /// The twenty training batches.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn train_batches(&self) -> Vec<HostBatch> {
        let read = |name: &str| self.ids(&format!("train.{name}"));
        let (shape, input_ids) = read("input_ids").expect("the fixture has training batches");
        let mask = read("attention_mask").expect("the fixture has masks").1;
        let types = read("token_type_ids").map_or_else(|| vec![0; input_ids.len()], |(_, ids)| ids);
        let labels = read("labels").expect("the fixture has labels").1;
        let [steps, batch, seq] = [shape[0], shape[1], shape[2]];
        let part = |values: &[i32], step: usize, size: usize| values[step * size..(step + 1) * size].to_vec();
        (0..steps)
            .map(|step| {
                let size = batch * seq;
                let [ids, mask, types] = [&input_ids, &mask, &types].map(|values| part(values, step, size));
                self.host_batch(batch, seq, ids, mask, types, part(&labels, step, batch))
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

    /// Mean loss of `batch`.
    #[must_use]
    pub fn loss(&self, model: &SequenceClassifier, host: &HostBatch, device: &Device) -> Tensor<1> {
        let config = LossConfig { num_labels: self.num_labels, label_smoothing: 0.0, class_weights: None };
        let batch = Batch::new(host, device);
        let targets = config.targets(&host.labels, device);
        cross_entropy_sum(model.forward(&batch), targets).div_scalar(host.batch as f64)
    }

    /// Logits and loss agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_forward(&self, device: &Device) {
        let model = self.model(device);
        let host = self.batch();
        let logits = values(model.forward(&Batch::new(&host, device)));
        let expected = self.tensor("logits").values;
        let worst = logits.iter().zip(&expected).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        assert_eq!(logits.len(), expected.len());
        assert!(worst <= LOGITS, "logits differ by {worst:e}");
        let loss = f64::from(values(self.loss(&model, &host, device))[0]);
        let expected = self.meta["loss"].as_f64().expect("meta.json has the loss");
        assert!((loss - expected).abs() <= LOSS, "loss {loss} is not {expected}");
        eprintln!("logits within {worst:.1e}, loss within {:.1e}", (loss - expected).abs());
    }

    /// All gradients that the golden holds agree (but those that are zero up to rounding).
    ///
    /// # Panics
    /// When they don't.
    pub fn check_gradients(&self, device: &Device) {
        let device = device.clone().autodiff();
        let model = self.model(&device);
        let mut sum = GradientSum::default();
        sum.add(&model, self.loss(&model, &self.batch(), &device).backward());
        let shapes: BTreeMap<String, Vec<usize>> = block_on(read_weights(&model, self.config.key_map(), |_, _| true))
            .expect("the weights can be read")
            .into_iter()
            .map(|(path, tensor)| (path, tensor.shape))
            .collect();
        let zero: Vec<&str> =
            self.meta["analytically_zero_grads"].as_array().into_iter().flatten().filter_map(|v| v.as_str()).collect();
        let (mut compared, mut worst) = (0, 0f64);
        for (path, gradient) in sum.tensors() {
            let key = checkpoint_key(self.config.key_map(), path).expect("every parameter has a key");
            let Some(expected) = self.find(&format!("grad.{key}")) else { continue };
            if zero.contains(&key.as_str()) {
                continue;
            }
            let is_linear = shapes[path].len() == 2 && !path.contains("embeddings");
            let found = values(gradient.clone());
            let found = if is_linear { transposed(&found, shapes[path][1]) } else { found };
            let scale = expected.values.iter().fold(0f32, |max, v| max.max(v.abs()));
            let error = found.iter().zip(&expected.values).fold(0f32, |max, (a, b)| max.max((a - b).abs())) / scale;
            assert_eq!(found.len(), expected.values.len(), "{key}");
            assert!(f64::from(error) <= GRADIENT, "gradient of {key} differs by {error:e} of its largest value");
            worst = worst.max(f64::from(error));
            compared += 1;
        }
        assert!(compared >= 2, "only {compared} gradients were compared");
        eprintln!("{compared} gradients within {worst:.1e}");
    }

    /// The losses of twenty AdamW steps agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_curve(&self, curve: Curve, head_only: bool, device: &Device) {
        let device = device.clone().autodiff();
        let mut model = self.model(&device);
        let frozen = head_only.then(|| model.for_inference().encoder);
        let train = &self.meta["train"];
        let rate = train["lr"].as_f64().expect("meta.json has the rate");
        let (key, clip) = match curve {
            Curve::DecayAll => ("losses_wd_all_params", 0.0),
            Curve::DecayGroupsClipped => ("losses_wd_excl_bias_norm_clip1", 1.0),
        };
        let mut optimizer = AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
        let mut worst = 0f64;
        let expected: Vec<f64> =
            train[key].as_array().expect("the curve is there").iter().filter_map(serde_json::Value::as_f64).collect();
        for (step, (host, expected)) in self.train_batches().iter().zip(&expected).enumerate() {
            let loss = match &frozen {
                None => self.loss(&model, host, &device),
                Some(frozen) => {
                    let config = LossConfig { num_labels: self.num_labels, label_smoothing: 0.0, class_weights: None };
                    let batch = Batch::new(host, &device);
                    let logits = model.forward_frozen(frozen, &batch.clone().without_autodiff());
                    cross_entropy_sum(logits, config.targets(&host.labels, &device)).div_scalar(host.batch as f64)
                }
            };
            let mut gradients = GradientSum::default();
            gradients.add(&model, loss.backward());
            let found = f64::from(values(loss)[0]);
            assert!((found - expected).abs() <= CURVE, "loss of step {step} is {found}, not {expected}");
            worst = worst.max((found - expected).abs());
            let clip = clip_factor(&gradients, clip).expect("there are gradients");
            model = optimizer.step(model, gradients, &clip, rate);
        }
        eprintln!("twenty AdamW losses within {worst:.1e}");
    }

    /// With PEFT's adapter in place, logits, loss, the adapter's gradients and twenty AdamW losses agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_adapter(&self, device: &Device) {
        let device = device.clone().autodiff();
        let mut adapter = Folder::new();
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            let bytes = std::fs::read(paths::fixture("minilm_lora").join("adapter").join(file));
            adapter.insert(file, bytes.expect("the adapter is whole"));
        }
        let base = Model::Classifier(self.model(&device));
        let mut model = load_adapter(&self.config, base, &adapter, &device)
            .expect("the adapter fits")
            .freeze(|path| path.contains(".lora.") || path.starts_with("head.classifier."));
        let Model::Classifier(plain) = model.for_inference() else { unreachable!("built above") };
        let host = self.batch();
        let logits = values(plain.forward(&Batch::new(&host, &device.clone().without_autodiff())));
        let expected = self.tensor("logits").values;
        let worst = logits.iter().zip(&expected).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        assert!(logits.len() == expected.len() && worst <= LOGITS, "logits differ by {worst:e}");

        let class_loss = LossConfig { num_labels: self.num_labels, label_smoothing: 0.0, class_weights: None };
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
        let loss = step(&model, &host, &mut gradients);
        let expected = self.meta["loss"].as_f64().expect("meta.json has the loss");
        assert!((loss - expected).abs() <= LOSS, "loss {loss} is not {expected}");
        let map = self.config.key_map();
        let (mut compared, mut worst) = (0, 0f64);
        for (path, gradient) in gradients.tensors() {
            let Some((module, factor)) = path.split_once(".lora.lora_") else { continue };
            let key = checkpoint_key(map, &format!("{module}.weight")).expect("every layer has a key");
            let key = format!("{}.lora_{}", key.trim_end_matches(".weight"), factor.to_uppercase());
            let expected = self.tensor(&format!("grad.base_model.model.{key}.default.weight"));
            let found = transposed(&values(gradient.clone()), expected.shape[1]);
            let scale = expected.values.iter().fold(0f32, |max, v| max.max(v.abs()));
            let error = found.iter().zip(&expected.values).fold(0f32, |max, (a, b)| max.max((a - b).abs())) / scale;
            assert!(f64::from(error) <= GRADIENT, "gradient of {key} differs by {error:e} of its largest value");
            worst = worst.max(f64::from(error));
            compared += 1;
        }
        assert_eq!(compared, 24, "two factors of two modules in six layers");
        eprintln!("adapter: loss within {:.1e}, {compared} gradients within {worst:.1e}", (loss - expected).abs());

        let train = &self.meta["train"];
        let rate = train["lr"].as_f64().expect("meta.json has the rate");
        let curve = train["losses_wd_excl_bias_norm_clip1"].as_array().expect("the curve is there");
        let mut optimizer = AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
        let mut worst = 0f64;
        for (host, expected) in self.train_batches().iter().zip(curve.iter().filter_map(serde_json::Value::as_f64)) {
            let mut gradients = GradientSum::default();
            let found = step(&model, host, &mut gradients);
            assert!((found - expected).abs() <= CURVE, "loss {found} is not {expected}");
            worst = worst.max((found - expected).abs());
            let clip = clip_factor(&gradients, 1.0).expect("there are gradients");
            model = optimizer.step(model, gradients, &clip, rate);
        }
        eprintln!("adapter: twenty AdamW losses within {worst:.1e}");
    }

    fn tensor(&self, name: &str) -> HostTensor {
        self.find(name).expect("the fixture has the tensor")
    }

    fn find(&self, name: &str) -> Option<HostTensor> {
        let file = WeightFile::open("fixture.safetensors", &self.fixture).expect("the fixture can be opened");
        file.read(name).expect("the fixture holds f32")
    }

    fn ids(&self, name: &str) -> Option<(Vec<usize>, Vec<i32>)> {
        let file = WeightFile::open("fixture.safetensors", &self.fixture).expect("the fixture can be opened");
        file.read_ids(name)
    }
}

/// Values of a tensor on the host.
#[must_use]
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// `values` of `[in, out]` as `[out, in]`; `columns` is `in`.
pub(crate) fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    let mut turned = vec![0f32; values.len()];
    for i in 0..columns {
        for o in 0..rows {
            turned[o * columns + i] = values[i * rows + o];
        }
    }
    turned
}
