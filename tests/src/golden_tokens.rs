//! Goldens of language models: as [`crate::golden`], with a label a token, greedy continuations and adapters.

use std::collections::BTreeMap;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::batch::TokenBatch;
use hone_core::checkpoint::{HostTensor, WeightFile, load_adapter, read_weights};
use hone_core::data::causal_lm::LmHostBatch;
use hone_core::folder::Folder;
use hone_core::generate::{Generation, SamplingConfig};
use hone_core::model::{Body, CausalLm, Model, ModelConfig, checkpoint_key};
use hone_core::nn::Init;
use hone_core::optim::{AdamW, AdamWConfig, GradientSum, clip_factor};
use hone_core::train::{MicroBatch, MicroStep};
use serde_json::Value;

use crate::golden::{CURVE, GRADIENT, LOGITS, LOSS, transposed, values};
use crate::paths;

/// A golden and the model it belongs to.
pub struct TokenGolden {
    meta: Value,
    fixture: Vec<u8>,
    config: ModelConfig,
    weights: Vec<u8>,
    adapter: Option<Folder>,
}

/// Which way the gradients are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Everything is kept for the backward pass.
    Kept,
    /// Blocks are computed again.
    Checkpointed,
}

impl TokenGolden {
    /// A golden of `name` with the weights of `model`.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn of(name: &str, model: &str) -> Self {
        let read = |folder: &str, file: &str| {
            let path = paths::fixture(folder).join(file);
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let adapter = paths::fixture(name).join("adapter");
        let adapter = adapter.is_dir().then(|| {
            let mut folder = Folder::new();
            for file in ["adapter_config.json", "adapter_model.safetensors"] {
                folder.insert(file, std::fs::read(adapter.join(file)).expect("the adapter is whole"));
            }
            folder
        });
        Self {
            meta: serde_json::from_slice(&read(name, "meta.json")).expect("meta.json is JSON"),
            fixture: read(name, "fixture.safetensors"),
            config: ModelConfig::from_json(&read(model, "config.json")).expect("the config is supported"),
            weights: read(model, "model.safetensors"),
            adapter,
        }
    }

    /// A golden whose weights lie beside it.
    #[must_use]
    pub fn tiny(name: &str) -> Self {
        Self::of(name, name)
    }

    /// The model with the golden's weights, dropout off, its adapter in place and all else frozen if it has one.
    ///
    /// # Panics
    /// When weights are missing.
    #[must_use]
    pub fn model(&self, device: &Device) -> Model {
        let Body::CausalLm(decoder) = &self.config.body else { panic!("the golden is of a language model") };
        let model = CausalLm::new(decoder, &mut Init::new(0), device);
        let file = WeightFile::open("model.safetensors", &self.weights).expect("the weights can be opened");
        let (model, missing, unused) = file.load(self.config.key_map(), model).expect("the weights fit");
        assert!(missing.is_empty() && unused.is_empty(), "missing {missing:?}, unused {unused:?}");
        let mut model = Model::CausalLm(model);
        model.set_dropout(Some(0.0));
        match &self.adapter {
            None => model,
            Some(adapter) => load_adapter(&self.config, model, adapter, device)
                .expect("the adapter fits")
                .freeze(|path| path.contains(".lora.")),
        }
    }

    /// The batch that logits, loss and gradients belong to.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn batch(&self) -> LmHostBatch {
        let (shape, ids) = self.ids("in.input_ids").expect("the fixture has input_ids");
        let labels = self.ids("in.labels").expect("the fixture has labels").1;
        let positions = self.ids("in.position_ids").map(|(_, ids)| ids);
        let segments = self.ids("in.segment_ids").map(|(_, ids)| ids);
        host_batch([shape[0], shape[1]], ids, &labels, positions, segments)
    }

    fn train_batches(&self) -> Vec<LmHostBatch> {
        let (shape, ids) = self.ids("train.input_ids").expect("the fixture has training batches");
        let labels = self.ids("train.labels").expect("the fixture has labels").1;
        let size = shape[1] * shape[2];
        ids.chunks(size)
            .zip(labels.chunks(size))
            .map(|(ids, labels)| host_batch([shape[1], shape[2]], ids.to_vec(), labels, None, None))
            .collect()
    }

    /// Logits of real tokens and the loss agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_forward(&self, device: &Device) {
        let host = self.batch();
        let Model::CausalLm(model) = self.model(device).for_inference() else { unreachable!("built above") };
        let logits = values(model.logits(&TokenBatch::new(&host, device)));
        let expected = self.find("logits").expect("the fixture has logits").values;
        assert_eq!(logits.len(), expected.len());
        let vocab = logits.len() / host.input_ids.len();
        let mask = self.ids("in.attention_mask").map_or_else(|| vec![1; host.input_ids.len()], |(_, mask)| mask);
        let mut worst = 0f64;
        for (token, _) in mask.iter().enumerate().filter(|(_, bit)| **bit == 1) {
            for (a, b) in logits[token * vocab..][..vocab].iter().zip(&expected[token * vocab..]) {
                worst = worst.max(f64::from((a - b).abs()));
            }
        }
        assert!(worst <= LOGITS, "logits differ by {worst:e}");
        let device = device.clone().autodiff();
        let loss = self.step(&self.model(&device), &host, Pass::Kept, &device, &mut GradientSum::default());
        let expected = self.meta["loss"].as_f64().expect("meta.json has the loss");
        assert!((loss - expected).abs() <= LOSS, "loss {loss} is not {expected}");
        eprintln!("logits within {worst:.1e}, loss within {:.1e}", (loss - expected).abs());
    }

    /// All gradients that the golden holds agree (but those that are zero up to rounding).
    ///
    /// # Panics
    /// When they don't.
    pub fn check_gradients(&self, pass: Pass, device: &Device) {
        let device = device.clone().autodiff();
        let model = self.model(&device);
        let mut sum = GradientSum::default();
        self.step(&model, &self.batch(), pass, &device, &mut sum);
        let map = self.config.key_map();
        let shapes: BTreeMap<String, Vec<usize>> = block_on(read_weights(&model, map, |_, _| true))
            .expect("the weights can be read")
            .into_iter()
            .map(|(path, tensor)| (path, tensor.shape))
            .collect();
        let (mut compared, mut worst) = (0, 0f64);
        for (path, gradient) in sum.tensors() {
            let path = path.replace(".shards.0", ".weight");
            let key = self.key(&path);
            let Some(expected) = self.find(&format!("grad.{key}")) else { continue };
            let mut found = values(gradient.clone());
            let mut expected = expected.values;
            let shape = &shapes[&path];
            let is_turned = shape.len() == 2
                && (path.contains(".lora.") || map.linear == hone_core::model::LinearLayout::OutIn)
                && !path.contains("embed")
                && !path.starts_with("lm_head");
            if is_turned {
                found = transposed(&found, shape[1]);
            }
            if self.has_zero_key_bias(&path) {
                let third = expected.len() / 3;
                expected.drain(third..2 * third);
                found.drain(third..2 * third);
            }
            if self.is_zero(&key) {
                continue;
            }
            let scale = expected.iter().fold(0f32, |max, v| max.max(v.abs()));
            let error = found.iter().zip(&expected).fold(0f32, |max, (a, b)| max.max((a - b).abs())) / scale;
            assert_eq!(found.len(), expected.len(), "{key}");
            assert!(f64::from(error) <= GRADIENT, "gradient of {key} differs by {error:e} of its largest value");
            worst = worst.max(f64::from(error));
            compared += 1;
        }
        assert!(compared >= 4, "only {compared} gradients were compared");
        eprintln!("{pass:?}: {compared} gradients within {worst:.1e}");
    }

    /// The losses of twenty AdamW steps agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_curve(&self, device: &Device) {
        let device = device.clone().autodiff();
        let mut model = self.model(&device);
        let train = &self.meta["train"];
        let rate = train["lr"].as_f64().expect("meta.json has the rate");
        let (key, clip) = match train.get("losses_wd_excl_bias_norm_clip1") {
            Some(_) => ("losses_wd_excl_bias_norm_clip1", 1.0),
            None => ("losses_wd_all_params", 0.0),
        };
        let mut optimizer = AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
        let expected: Vec<f64> =
            train[key].as_array().expect("the curve is there").iter().filter_map(Value::as_f64).collect();
        let batches = self.train_batches();
        assert_eq!((batches.len(), expected.len()), (20, 20));
        let mut worst = 0f64;
        for (step, (host, expected)) in batches.iter().zip(&expected).enumerate() {
            let mut gradients = GradientSum::default();
            let found = self.step(&model, host, Pass::Kept, &device, &mut gradients);
            assert!((found - expected).abs() <= CURVE, "loss of step {step} is {found}, not {expected}");
            worst = worst.max((found - expected).abs());
            let clip = clip_factor(&gradients, clip).expect("there are gradients");
            model = optimizer.step(model, gradients, &clip, rate);
        }
        eprintln!("twenty AdamW losses within {worst:.1e}");
    }

    /// The greedy continuation is the same, token by token.
    ///
    /// # Panics
    /// When it isn't.
    pub fn check_greedy(&self, device: &Device) {
        let ids = |field: &str| -> Vec<u32> {
            let list = self.meta["generation"][field].as_array().expect("meta.json has a generation");
            list.iter().filter_map(|id| id.as_u64().map(|id| id as u32)).collect()
        };
        let expected = ids("greedy_20");
        let Model::CausalLm(model) = self.model(device).for_inference() else { unreachable!("built above") };
        let config = SamplingConfig { max_new_tokens: expected.len() as u32, ..SamplingConfig::default() };
        let window = self.config.max_tokens();
        let mut generation =
            Generation::new(&model, ids("prompt"), &config, &[], window, device).expect("the prompt fits");
        while block_on(generation.next_token()).expect("the device works").is_some() {}
        assert_eq!(generation.new_ids(), expected);
    }

    fn step(&self, model: &Model, host: &LmHostBatch, pass: Pass, device: &Device, gradients: &mut GradientSum) -> f64 {
        let step = MicroStep {
            model,
            frozen: None,
            class_loss: None,
            weight_sum: host.targets.len() as f64,
            gradient_checkpointing: pass == Pass::Checkpointed,
            seed: 0,
            device,
        };
        f64::from(values(step.run(&MicroBatch::Tokens(host.clone()), gradients))[0])
    }

    /// The golden's name of one of our parameters; PEFT's `.default` in an adapter's.
    fn key(&self, path: &str) -> String {
        let map = self.config.key_map();
        match path.split_once(".lora.") {
            None => checkpoint_key(map, path).expect("every parameter has a key"),
            Some((module, factor)) => {
                let module = checkpoint_key(map, &format!("{module}.weight")).expect("every layer has a key");
                let factor = if factor == "lora_a" { "lora_A" } else { "lora_B" };
                format!("base_model.model.{}.{factor}.default.weight", module.trim_end_matches(".weight"))
            }
        }
    }

    /// Softmax does not see what is added to every key: that part of a fused bias has no gradient but rounding.
    fn has_zero_key_bias(&self, path: &str) -> bool {
        path.ends_with("qkv_proj.bias")
    }

    fn is_zero(&self, key: &str) -> bool {
        let listed = self.meta["analytically_zero_grads"].as_array().into_iter().flatten();
        listed.filter_map(Value::as_str).any(|zero| zero == key) || key.ends_with("k_proj.bias")
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

/// `labels` as `transformers` has them: beside the token they name, -100 where none counts.
fn host_batch(
    [batch, seq]: [usize; 2],
    input_ids: Vec<i32>,
    labels: &[i32],
    position_ids: Option<Vec<i32>>,
    segment_ids: Option<Vec<i32>>,
) -> LmHostBatch {
    let position_ids = position_ids.unwrap_or_else(|| (0..batch).flat_map(|_| 0..seq as i32).collect());
    let (mut target_positions, mut targets) = (Vec::new(), Vec::new());
    for (index, &label) in labels.iter().enumerate() {
        if label >= 0 && index % seq > 0 {
            target_positions.push(index as i32 - 1);
            targets.push(label);
        }
    }
    let num_tokens = input_ids.len();
    let rows = (0..batch).collect();
    LmHostBatch { input_ids, position_ids, segment_ids, target_positions, targets, batch, seq, num_tokens, rows }
}
