//! Goldens: weights, inputs, logits, loss, gradients and the losses of twenty AdamW steps, made with PyTorch and
//! transformers (`tests/goldens/make_golden.py`, `tests/python/make_task_goldens.py`). What a golden is of is said by its
//! own files: the model's config.json names the head, and the tensors that it holds are the targets.

mod images;
mod inputs;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::batch::BatchInputs;
use hone_core::checkpoint::{WeightFile, load_adapter};
use hone_core::config::{Freeze, Method, Pooling, Techniques};
use hone_core::data::{HostBatch, HostTargets};
use hone_core::folder::Folder;
use hone_core::generate::{Generation, SamplingConfig};
use hone_core::model::{BackboneConfig, LinearLayout, Model, ModelConfig, checkpoint_key, is_trained, module_key};
use hone_core::nn::Init;
use hone_core::optim::GradientSum;
use hone_core::task::HeadKind;
use hone_core::train::MicroStep;
use serde_json::Value;

use crate::figure::{Figure, demand};
pub use crate::fixture::values;
use crate::fixture::{Compared, Fixture, read_file, transposed};
use crate::paths;

/// A golden and the model it belongs to.
pub struct Golden {
    fixture: Fixture,
    config: ModelConfig,
    weights: Vec<(String, Vec<u8>)>,
    adapter: Option<Folder>,
}

/// Which way the gradients are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Everything is kept for the backward pass.
    Kept,
    /// Blocks of a decoder are computed again.
    Checkpointed,
}

/// What twenty steps train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trained {
    /// All that takes gradients: with an adapter that, and the parts that were saved with it.
    All,
    /// The head, on a backbone that is frozen.
    Head,
    /// The last layer and the head.
    LastLayer,
}

impl Golden {
    /// A golden whose weights lie beside it.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn tiny(name: &str) -> Self {
        Self::of(name, name)
    }

    /// A golden of `name` with the weights of `model`; with an adapter, if it holds one.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn of(name: &str, model: &str) -> Self {
        let config = ModelConfig::from_json(&read_file(model, "config.json")).expect("the config is supported");
        let weights = vec![("model.safetensors".to_owned(), read_file(model, "model.safetensors"))];
        Self::read(name, config, weights)
    }

    /// A golden whose model has another `model_type`, and the class of that, over the same weights.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn renamed(name: &str, model_type: &str, class: &str) -> Self {
        let mut config: Value = serde_json::from_slice(&read_file(name, "config.json")).expect("config.json is JSON");
        config["model_type"] = model_type.into();
        config["architectures"] = vec![class].into();
        let config = ModelConfig::from_json(config.to_string().as_bytes()).expect("the config is supported");
        let weights = vec![("model.safetensors".to_owned(), read_file(name, "model.safetensors"))];
        Self::read(name, config, weights)
    }

    /// A classifier: MiniLM with the golden's head; `None` where MiniLM is absent.
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
        let config = ModelConfig::from_json(&file("config.json")).expect("the config is supported");
        let config = config.with_head(HeadKind::Sequence).expect("BERT has such a head");
        Some(Self::read(name, config, weights))
    }

    fn read(name: &str, config: ModelConfig, weights: Vec<(String, Vec<u8>)>) -> Self {
        let adapter = paths::fixture(name).join("adapter");
        let adapter = adapter.is_dir().then(|| paths::read_folder(&adapter));
        Self { fixture: Fixture::read(name), config, weights, adapter }
    }

    /// The model with the golden's weights, dropout off; with its adapter in place, if it has one, and all frozen that was
    /// not trained with it.
    ///
    /// # Panics
    /// When weights are missing.
    #[must_use]
    pub fn model(&self, device: &Device) -> Model {
        let mut model = Model::new(&self.config, Pooling::Cls, self.num_outputs(), &mut Init::new(0), device);
        model.set_dropout(Some(0.0));
        let mut missing: Option<Vec<String>> = None;
        for (name, bytes) in &self.weights {
            let file = WeightFile::open(name, bytes).expect("the weights can be opened");
            let (next, not_found, unused) = file.load(self.config.key_map(), model).expect("the weights fit");
            let prefix = self.config.key_map().prefix;
            let is_known =
                |key: &String| self.config.head().kept_keys.contains(&key.strip_prefix(prefix).unwrap_or(key.as_str()));
            assert!(unused.iter().all(is_known) || self.weights.len() > 1, "unused {unused:?}");
            missing = Some(match missing {
                Some(before) => before.into_iter().filter(|path| not_found.contains(path)).collect(),
                None => not_found,
            });
            model = next;
        }
        let missing = missing.unwrap_or_default();
        assert!(missing.is_empty(), "in no file: {missing:?}");
        let Some(adapter) = &self.adapter else { return model };
        let model = load_adapter(&self.config, model, adapter, device).expect("the adapter fits");
        let trainable = self.fixture.meta["trainable"].as_array().expect("meta.json names what is trained");
        let trainable: Vec<&str> = trainable.iter().filter_map(Value::as_str).collect();
        model.freeze(|path| trainable.contains(&self.key(path).as_str()))
    }

    /// Labels of a head that has labels.
    fn num_outputs(&self) -> usize {
        let logits = self.fixture.find("logits");
        logits.and_then(|logits| logits.shape.last().copied()).unwrap_or(0)
    }

    /// The batch that logits, loss and gradients belong to.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn batch(&self) -> HostBatch {
        self.batches("in").remove(0)
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
    pub fn check_gradients(&self, pass: Pass, device: &Device) {
        demand(&[self.gradients(pass, device)]);
    }

    /// The losses of twenty AdamW steps agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_curve(&self, trained: Trained, device: &Device) {
        demand(&[self.curve(trained, device)]);
    }

    /// Logits, loss and gradients agree, and the losses of twenty steps that train everything.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_whole(&self, device: &Device) {
        self.check_forward(device);
        self.check_gradients(Pass::Kept, device);
        self.check_curve(Trained::All, device);
    }

    /// As [`Self::check_whole`], and the losses of twenty steps of the head alone, and of the last layer.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_whole_and_parts(&self, device: &Device) {
        self.check_whole(device);
        self.check_curve(Trained::Head, device);
        self.check_curve(Trained::LastLayer, device);
    }

    /// With label smoothing the loss and its gradients by the logits agree, and so do the losses of twenty steps.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_smoothing(&self, device: &Device) {
        demand(&self.smoothing(device));
    }

    /// The greedy continuation is the same, token by token.
    ///
    /// # Panics
    /// When it isn't.
    pub fn check_greedy(&self, device: &Device) {
        demand(&[self.greedy(device)]);
    }

    /// Logits (a decoder's of real tokens only), and the loss.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn forward(&self, device: &Device) -> Vec<Figure> {
        let host = self.batch();
        let model = self.model(device).for_inference();
        let outputs = model.outputs(&BatchInputs::new(&host.inputs, device));
        let width = outputs.dims()[1];
        let has_token_logits = matches!(self.config.head_kind(), HeadKind::CausalLm | HeadKind::Token);
        let is_of_text = has_token_logits && matches!(self.config.backbone, BackboneConfig::Decoder(_));
        let counts = |index: usize| !is_of_text || host.inputs.text().attention_mask[index / width] == 1;
        let logits = self.fixture.logits(&values(outputs), counts);
        let device = device.clone().autodiff();
        let mut gradients = GradientSum::default();
        let loss = step(&self.model(&device), &host, Pass::Kept, &device, &mut gradients);
        vec![logits, self.fixture.loss(loss)]
    }

    /// All gradients that the golden holds (but those that are zero up to rounding).
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn gradients(&self, pass: Pass, device: &Device) -> Figure {
        let device = device.clone().autodiff();
        let mut sum = GradientSum::default();
        step(&self.model(&device), &self.batch(), pass, &device, &mut sum);
        let mut compared = Compared::default();
        for (path, gradient) in sum.tensors() {
            let key = self.key(path);
            let Some(expected) = self.fixture.find(&format!("grad.{key}")) else { continue };
            if self.is_rounding(&key) {
                continue;
            }
            let (mut found, mut expected, shape) = (values(gradient.clone()), expected.values, expected.shape);
            let is_table = [".shards.", "embeddings", "relative_attention_bias"].iter().any(|part| path.contains(part));
            let is_out_in = self.config.key_map().linear == LinearLayout::OutIn || path.starts_with("head.");
            let is_turned = path.contains(".lora.") || is_out_in;
            if shape.len() == 2 && is_turned && !is_table {
                found = transposed(&found, shape[1]);
            }
            if path.ends_with("qkv_proj.bias") {
                let third = expected.len() / 3;
                expected.drain(third..2 * third);
                found.drain(third..2 * third);
            }
            compared.add(&key, &found, &expected);
        }
        let what = if pass == Pass::Kept { "gradients" } else { "gradients, blocks computed again" };
        compared.finish(what, self.fixture.gradients().filter(|key| !self.is_rounding(key)).count())
    }

    /// Softmax does not see what is added to every key: that bias has no gradient but rounding.
    fn is_rounding(&self, key: &str) -> bool {
        self.fixture.is_zero(key) || key.ends_with("k_proj.bias")
    }

    /// The losses of twenty AdamW steps.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn curve(&self, trained: Trained, device: &Device) -> Figure {
        let device = device.clone().autodiff();
        let model = self.model(&device);
        let (model, section) = match trained {
            Trained::All => (model, "train"),
            Trained::Head => (model.frozen_for(Method::Head, Freeze::None), "train_head"),
            Trained::LastLayer => (self.with_last_layer_trained(model), "train_last"),
        };
        let frozen = (trained == Trained::Head).then(|| model.for_inference().backbone);
        // A golden may be of a head alone.
        let section = if self.fixture.meta[section].is_object() { section } else { "train" };
        self.fixture.curve(section, model, &self.batches("train"), |model, host, gradients| {
            let step = MicroStep { frozen: frozen.as_ref(), ..micro_step(model, host, Pass::Kept, &device) };
            f64::from(values(step.run(host, gradients))[0])
        })
    }

    /// The last layer and the head are trained; the last norm stays as it is where the golden did not train it.
    fn with_last_layer_trained(&self, model: Model) -> Model {
        let layers = model.backbone.layer_counts();
        let keeps_norm = self.config.head_kind() == HeadKind::Image;
        let stays = |path: &str| keeps_norm && path.starts_with("backbone.norm.");
        model.freeze(|path| is_trained(Method::LastLayers(1), Freeze::None, path, layers) && !stays(path))
    }

    /// The loss with the golden's label smoothing, and the losses of twenty AdamW steps with it.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn smoothing(&self, device: &Device) -> Vec<Figure> {
        let device = device.clone().autodiff();
        let smoothing = &self.fixture.meta["smoothing"];
        let epsilon = smoothing["epsilon"].as_f64().expect("meta.json has the label smoothing");
        let smoothed = |mut host: HostBatch| {
            let HostTargets::Ids { label_smoothing, .. } = &mut host.targets else { panic!("tokens are predicted") };
            *label_smoothing = epsilon;
            host
        };
        let model = self.model(&device);
        let found = step(&model, &smoothed(self.batch()), Pass::Kept, &device, &mut GradientSum::default());
        let expected = smoothing["loss"].as_f64().expect("meta.json has the smoothed loss");
        let batches: Vec<HostBatch> = self.batches("train").into_iter().map(smoothed).collect();
        let curve = self.fixture.curve("train_smoothing", model, &batches, |model, host, gradients| {
            step(model, host, Pass::Kept, &device, gradients)
        });
        vec![self.fixture.loss_of(found, expected), curve]
    }

    /// The part of meta.json that holds texts.
    pub(crate) fn generation(&self) -> &Value {
        &self.fixture.meta["generation"]
    }

    /// How many tokens of the greedy continuation are other than the golden's.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn greedy(&self, device: &Device) -> Figure {
        let ids = |field: &str| -> Vec<u32> {
            let list = self.fixture.meta["generation"][field].as_array().expect("meta.json has a generation");
            list.iter().filter_map(|id| id.as_u64().map(|id| id as u32)).collect()
        };
        let expected = ids("greedy_20");
        let model = self.model(device).for_inference();
        let config = SamplingConfig { max_new_tokens: expected.len() as u32, ..SamplingConfig::default() };
        let window = self.config.max_tokens();
        let mut generation =
            Generation::new(&model, ids("prompt"), &config, &[], window, device).expect("the prompt fits");
        while block_on(generation.next_tokens()).expect("the device works").is_some() {}
        let found = generation.new_ids();
        assert_eq!(found.len(), expected.len(), "tokens of the greedy continuation");
        let wrong = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
        Figure::new("greedy tokens", wrong as f64, 0.0)
    }

    /// The golden's name of one of our parameters; with an adapter PEFT's.
    fn key(&self, path: &str) -> String {
        let map = self.config.key_map();
        let path = path.replace(".shards.0", ".weight");
        let of_checkpoint = |path: &str| checkpoint_key(map, path).expect("every parameter has a key");
        if self.adapter.is_none() {
            return of_checkpoint(&path);
        }
        let Some((module, factor)) = path.split_once(".lora.") else {
            let key = of_checkpoint(&path);
            let (module, name) = key.rsplit_once('.').expect("a parameter is a part of a module");
            return format!("base_model.model.{module}.modules_to_save.default.{name}");
        };
        let module = module_key(map, &format!("{module}.weight")).expect("every module has a name");
        let factor = match factor {
            "lora_a" => "lora_A",
            "lora_b" => "lora_B",
            other => other,
        };
        format!("base_model.model.{}.{factor}.default.weight", module.trim_end_matches(".weight"))
    }
}

/// One pass over a batch, dropout or not.
fn micro_step<'a>(model: &'a Model, host: &HostBatch, pass: Pass, device: &'a Device) -> MicroStep<'a> {
    let (gradient_checkpointing, techniques) = (pass == Pass::Checkpointed, Techniques::default());
    let (frozen, features, weight_sum) = (None, None, host.weight);
    MicroStep { model, frozen, features, weight_sum, gradient_checkpointing, techniques, seed: 0, device }
}

/// The loss of a batch; adds its gradients.
fn step(model: &Model, host: &HostBatch, pass: Pass, device: &Device, gradients: &mut GradientSum) -> f64 {
    f64::from(values(micro_step(model, host, pass, device).run(host, gradients))[0])
}
