//! Goldens of language models: as [`crate::golden`], with a label a token, greedy continuations and adapters.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::batch::TokenBatch;
use hone_core::checkpoint::{WeightFile, load_adapter};
use hone_core::data::causal_lm::LmHostBatch;
use hone_core::folder::Folder;
use hone_core::generate::{Generation, SamplingConfig};
use hone_core::model::{Body, CausalLm, LinearLayout, Model, ModelConfig, checkpoint_key};
use hone_core::nn::Init;
use hone_core::optim::GradientSum;
use hone_core::train::{MicroBatch, MicroStep};

use crate::figure::{Figure, demand};
use crate::fixture::{Compared, Fixture, read_file, shapes, transposed, values};
use crate::paths;

/// A golden and the model it belongs to.
pub struct TokenGolden {
    fixture: Fixture,
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
        let adapter = paths::fixture(name).join("adapter");
        Self {
            fixture: Fixture::read(name),
            config: ModelConfig::from_json(&read_file(model, "config.json")).expect("the config is supported"),
            weights: read_file(model, "model.safetensors"),
            adapter: adapter.is_dir().then(|| paths::read_folder(&adapter)),
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
        self.batches("in").remove(0)
    }

    /// `in`, which is one batch, or `train`, the twenty of training.
    fn batches(&self, part: &str) -> Vec<LmHostBatch> {
        let find = |name: &str| self.fixture.find_ids(&format!("{part}.{name}")).map(|(_, ids)| ids);
        let (shape, input_ids) = self.fixture.ids(&format!("{part}.input_ids"));
        let labels = find("labels").expect("the fixture has labels");
        let (positions, segments) = (find("position_ids"), find("segment_ids"));
        let shape = [shape[shape.len() - 2], shape[shape.len() - 1]];
        let size = shape[0] * shape[1];
        (0..input_ids.len() / size)
            .map(|step| {
                let cut = |ids: &Vec<i32>| ids[step * size..(step + 1) * size].to_vec();
                let (positions, segments) = (positions.as_ref().map(cut), segments.as_ref().map(cut));
                host_batch(shape, cut(&input_ids), &cut(&labels), positions, segments)
            })
            .collect()
    }

    /// Logits of real tokens and the loss agree.
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
    pub fn check_curve(&self, device: &Device) {
        demand(&[self.curve(device)]);
    }

    /// The greedy continuation is the same, token by token.
    ///
    /// # Panics
    /// When it isn't.
    pub fn check_greedy(&self, device: &Device) {
        demand(&[self.greedy(device)]);
    }

    /// Logits of real tokens, and the loss.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn forward(&self, device: &Device) -> Vec<Figure> {
        let host = self.batch();
        let Model::CausalLm(model) = self.model(device).for_inference() else { unreachable!("built above") };
        let logits = values(model.logits(&TokenBatch::new(&host, device)));
        let vocab = self.config.vocab_size();
        let mask = self.fixture.find_ids("in.attention_mask").map(|(_, mask)| mask);
        let counts = |place: usize| mask.as_ref().is_none_or(|mask| mask[place / vocab] == 1);
        let logits = self.fixture.logits(&logits, counts);
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
        let model = self.model(&device);
        let mut sum = GradientSum::default();
        step(&model, &self.batch(), pass, &device, &mut sum);
        let map = self.config.key_map();
        let shapes = shapes(&model, map);
        let mut compared = Compared::default();
        for (path, gradient) in sum.tensors() {
            let path = path.replace(".shards.0", ".weight");
            let key = self.key(&path);
            let Some(expected) = self.fixture.find(&format!("grad.{key}")) else { continue };
            if self.is_rounding(&key) {
                continue;
            }
            let (mut found, mut expected) = (values(gradient.clone()), expected.values);
            let shape = &shapes[&path];
            let is_turned = shape.len() == 2
                && (path.contains(".lora.") || map.linear == LinearLayout::OutIn)
                && !path.contains("embed")
                && !path.starts_with("lm_head");
            if is_turned {
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
    pub fn curve(&self, device: &Device) -> Figure {
        let device = device.clone().autodiff();
        let (model, batches) = (self.model(&device), self.batches("train"));
        self.fixture.curve(model, &batches, |model, host, gradients| step(model, host, Pass::Kept, &device, gradients))
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
        let Model::CausalLm(model) = self.model(device).for_inference() else { unreachable!("built above") };
        let config = SamplingConfig { max_new_tokens: expected.len() as u32, ..SamplingConfig::default() };
        let window = self.config.max_tokens();
        let mut generation =
            Generation::new(&model, ids("prompt"), &config, &[], window, device).expect("the prompt fits");
        while block_on(generation.next_token()).expect("the device works").is_some() {}
        let found = generation.new_ids();
        assert_eq!(found.len(), expected.len(), "tokens of the greedy continuation");
        let wrong = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
        Figure::new("greedy tokens", wrong as f64, 0.0)
    }

    /// The golden's name of one of our parameters; PEFT's `.default` in an adapter's.
    fn key(&self, path: &str) -> String {
        let map = self.config.key_map();
        match path.split_once(".lora.") {
            None => checkpoint_key(map, path).expect("every parameter has a key"),
            Some((module, factor)) => {
                let module = checkpoint_key(map, &format!("{module}.weight")).expect("every layer has a key");
                let factor = match factor {
                    "lora_a" => "lora_A",
                    "lora_b" => "lora_B",
                    other => other,
                };
                format!("base_model.model.{}.{factor}.default.weight", module.trim_end_matches(".weight"))
            }
        }
    }
}

/// The loss of a batch; adds its gradients.
fn step(model: &Model, host: &LmHostBatch, pass: Pass, device: &Device, gradients: &mut GradientSum) -> f64 {
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
