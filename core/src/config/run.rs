//! The checked settings of a run. Field names are those of `transformers.TrainingArguments` where it has the field.

use serde::{Deserialize, Serialize};

use super::{LoraConfig, Techniques, TextAugmentation};

/// Which weights are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every weight.
    #[default]
    Full,
    /// Only the head (pooler and classifier); the backbone stays frozen.
    Head,
    /// Low-rank adapters beside frozen weights, and the head.
    Lora,
    /// The last so many layers, what follows them, and the head.
    LastLayers(u32),
}

/// What stays as it is although all weights are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    /// Nothing.
    #[default]
    None,
    /// The embeddings.
    Embeddings,
    /// The embeddings, and so many of the first layers.
    Layers(u32),
}

impl Freeze {
    /// Whether it is the one that job files leave out.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// The number format of a run: matrix products of the layers are computed in it, and weights that are not trained are
/// held in it. What is trained, and all else, stays f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 24 bits of precision.
    #[default]
    F32,
    /// 8 bits of precision, the range of f32.
    Bf16,
    /// 11 bits of precision, up to 65,504.
    F16,
}

impl Dtype {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::F16];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Whether it is the one that job files leave out.
    #[must_use]
    pub fn is_f32(&self) -> bool {
        *self == Self::F32
    }
}

/// In which order rows are trained on, spelled as `transformers` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainSamplingStrategy {
    /// In an order drawn anew for each epoch.
    Random,
    /// In the order in which they were read, in every epoch; of several tasks one after the other.
    Sequential,
    /// In such an order too, but rows of like length share a batch, so that little is padded.
    #[default]
    GroupByLength,
}

impl TrainSamplingStrategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::GroupByLength, Self::Random, Self::Sequential];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Sequential => "sequential",
            Self::GroupByLength => "group_by_length",
        }
    }

    /// Whether it is the one that job files leave out.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a tuned model is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// A whole model; adapters are added to its weights.
    #[default]
    Merged,
    /// Only the adapter, in PEFT's layout.
    Adapter,
}

/// How token states become one vector a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// As `transformers` builds the head of this architecture (BERT: pooler; RoBERTa, DistilBERT: dense on token 0; decoders:
    /// the last token).
    #[default]
    Cls,
    /// Mean over the tokens of the row, as sentence-transformers models were trained. `transformers` has no class
    /// for it: the exported card says how to load it.
    Mean,
}

/// How the learning rate moves after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrSchedulerType {
    /// Falls in a straight line to zero.
    #[default]
    Linear,
    /// Falls along half a cosine to zero.
    Cosine,
    /// Stays where the warm-up left it.
    Constant,
}

impl LrSchedulerType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Linear, Self::Cosine, Self::Constant];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Constant => "constant",
        }
    }
}

/// What a run does whose loss, or an output of its model, is not a number any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDivergence {
    /// It goes back to its last good state and goes on from there at half the rate, a few times; so it does, too, where the
    /// loss runs away.
    #[default]
    RollBack,
    /// It ends, with the best weights that were measured.
    Stop,
}

impl OnDivergence {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::RollBack, Self::Stop];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RollBack => "roll_back",
            Self::Stop => "stop",
        }
    }

    /// Whether it is the one that job files leave out.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Weights of the classes in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every row counts the same.
    #[default]
    None,
    /// `num_rows / (num_classes * rows_of_class)`, scikit-learn's `class_weight="balanced"`.
    Balanced,
    /// By the effective number of rows of a class: `(1 - beta) / (1 - beta^rows_of_class)`, the mean over the classes being 1
    /// (<https://arxiv.org/abs/1901.05555>); beta is [`Techniques::effective_number_beta`].
    EffectiveNumber,
}

/// When the validation split is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalStrategy {
    /// At the end of each epoch.
    #[default]
    Epoch,
    /// Every so many optimizer steps (and at the end).
    Steps(u32),
}

/// How rows are shared out when there is no validation or test file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Share of rows kept for validation, in `[0, 1)`.
    pub valid_fraction: f64,
    /// Share of rows kept for the final test, in `[0, 1)`.
    pub test_fraction: f64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { valid_fraction: 0.1, test_fraction: 0.1 }
    }
}

/// The checked settings of a run. Build one through [`super::RunDraft::resolve`], or start from the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Which weights are trained.
    pub method: Method,
    /// What stays as it is, where the method is full.
    #[serde(skip_serializing_if = "Freeze::is_none")]
    pub freeze: Freeze,
    /// Adapters, where the method is LoRA.
    pub lora: LoraConfig,
    /// Several texts share a row, apart from each other (language models).
    pub packing: bool,
    /// Blocks are computed again in the backward pass rather than kept (language models).
    pub gradient_checkpointing: bool,
    /// Number format of matrix products and of frozen weights.
    #[serde(skip_serializing_if = "Dtype::is_f32")]
    pub dtype: Dtype,
    /// How token states become one vector.
    pub pooling: Pooling,
    /// Passes over the training split.
    pub num_train_epochs: u32,
    /// Rows in a micro-batch.
    pub batch_size: u32,
    /// Micro-batches in an optimizer step.
    pub gradient_accumulation_steps: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decoupled weight decay; never applied to biases and LayerNorm.
    pub weight_decay: f64,
    /// AdamW's first moment decay.
    pub adam_beta1: f64,
    /// AdamW's second moment decay.
    pub adam_beta2: f64,
    /// AdamW's denominator term.
    pub adam_epsilon: f64,
    /// Share of the steps over which the learning rate rises from zero.
    pub warmup_ratio: f64,
    /// How the learning rate moves after the warm-up.
    pub lr_scheduler_type: LrSchedulerType,
    /// Global gradient norm above which gradients are scaled down; 0 switches clipping off.
    pub max_grad_norm: f64,
    /// What the run does when its loss or outputs are no longer numbers.
    #[serde(skip_serializing_if = "OnDivergence::is_default")]
    pub on_divergence: OnDivergence,
    /// Label smoothing in `[0, 1)`.
    pub label_smoothing_factor: f64,
    /// Weights of the classes in the loss.
    pub class_weights: ClassWeights,
    /// Dropout probability; `None` takes the model's `config.json`.
    pub dropout: Option<f64>,
    /// Tokens after which a row is cut off, special tokens included.
    pub max_seq_length: u32,
    /// Rows are padded to the longest of the batch, rounded up to this.
    pub pad_to_multiple_of: u32,
    /// When the validation split is measured.
    pub eval_strategy: EvalStrategy,
    /// Which validation figure decides what "best" is: `loss`, or any other that the task has.
    pub metric_for_best_model: String,
    /// Hand back the best weights instead of the last.
    pub load_best_model_at_end: bool,
    /// Evaluations without improvement after which training stops; `None` never stops early.
    pub early_stopping_patience: Option<u32>,
    /// Optimizer steps between two readings of the loss (a reading waits for the GPU).
    pub logging_steps: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Tokens that two windows of a long text share, for tasks that read it in windows.
    pub doc_stride: u32,
    /// Most tokens of an answer that is looked for in a text.
    pub max_answer_length: u32,
    /// How much better than the best answer no answer must score to be given.
    pub null_score_threshold: f64,
    /// Tokens after which a target is cut off, special tokens included.
    pub max_target_length: u32,
    /// Texts that a model that writes makes of validation prompts before the first step and after each evaluation.
    #[serde(skip_serializing_if = "is_usual_samples")]
    pub eval_samples: u32,
    /// Every token of a word carries its label, not only the first.
    pub label_all_tokens: bool,
    /// Share of the tokens that are hidden and guessed.
    pub mlm_probability: f64,
    /// Whole words are hidden rather than single tokens.
    pub whole_word_masking: bool,
    /// The model begins with fresh weights, whatever its files hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub from_scratch: bool,
    /// What similarities are multiplied with in a contrastive loss: the inverse of the temperature.
    pub similarity_scale: f64,
    /// How far several tasks are evened out that have different numbers of rows: with 1 every row is trained on once an
    /// epoch, above it the share of a task follows `rows^(1 / task_temperature)`.
    #[serde(skip_serializing_if = "is_one")]
    pub task_temperature: f64,
    /// Half of the images to train on are mirrored, left to right.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub horizontal_flip: bool,
    /// Least share of an image's area that is seen of it in training; 1 is all of it, always.
    #[serde(skip_serializing_if = "is_one")]
    pub random_resized_crop: f64,
    /// How far brightness, contrast and saturation of an image are changed in training, each by up to this share.
    #[serde(skip_serializing_if = "is_zero")]
    pub color_jitter: f64,
    /// Degrees by which an image is turned in training, at most, either way.
    #[serde(skip_serializing_if = "is_zero")]
    pub rotation: f64,
    /// Images of a batch are mixed in pairs, with their labels, by a share that is drawn from Beta(alpha, alpha); 0 mixes
    /// none (<https://arxiv.org/abs/1710.09412>).
    #[serde(skip_serializing_if = "is_zero")]
    pub mixup_alpha: f64,
    /// In which order rows are trained on.
    #[serde(skip_serializing_if = "TrainSamplingStrategy::is_default")]
    pub train_sampling_strategy: TrainSamplingStrategy,
    /// Changed copies of texts to train on.
    #[serde(skip_serializing_if = "TextAugmentation::is_default")]
    pub augmentation: TextAugmentation,
    /// Column of the training rows whose values come equally often in an epoch; empty takes every row once
    /// (<https://arxiv.org/abs/2110.14503>).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub balance_column: String,
    /// What a run does only if it is asked to.
    #[serde(skip_serializing_if = "Techniques::is_default")]
    pub techniques: Techniques,
    /// How rows are shared out.
    pub split: SplitConfig,
}

/// Texts written at each evaluation where nobody asks for more or fewer.
const EVAL_SAMPLES: u32 = 2;

/// Whether it is the number of samples that job files leave out.
fn is_usual_samples(value: &u32) -> bool {
    *value == EVAL_SAMPLES
}

/// Whether it is a 1 that job files leave out.
fn is_one(value: &f64) -> bool {
    *value == 1.0
}

/// Whether it is a 0 that job files leave out.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            method: Method::Full,
            freeze: Freeze::None,
            lora: LoraConfig::default(),
            packing: false,
            gradient_checkpointing: false,
            dtype: Dtype::F32,
            pooling: Pooling::Cls,
            num_train_epochs: 3,
            batch_size: 16,
            gradient_accumulation_steps: 1,
            learning_rate: 5e-5,
            weight_decay: 0.01,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            warmup_ratio: 0.1,
            lr_scheduler_type: LrSchedulerType::Linear,
            max_grad_norm: 1.0,
            on_divergence: OnDivergence::default(),
            label_smoothing_factor: 0.0,
            class_weights: ClassWeights::None,
            dropout: None,
            max_seq_length: 128,
            pad_to_multiple_of: 8,
            eval_strategy: EvalStrategy::Epoch,
            metric_for_best_model: "loss".into(),
            load_best_model_at_end: true,
            early_stopping_patience: Some(3),
            logging_steps: 10,
            seed: 42,
            doc_stride: 128,
            max_answer_length: 30,
            null_score_threshold: 0.0,
            max_target_length: 128,
            eval_samples: EVAL_SAMPLES,
            label_all_tokens: false,
            mlm_probability: 0.15,
            whole_word_masking: false,
            from_scratch: false,
            similarity_scale: 20.0,
            task_temperature: 1.0,
            horizontal_flip: false,
            random_resized_crop: 1.0,
            color_jitter: 0.0,
            rotation: 0.0,
            mixup_alpha: 0.0,
            train_sampling_strategy: TrainSamplingStrategy::default(),
            augmentation: TextAugmentation::default(),
            balance_column: String::new(),
            techniques: Techniques::default(),
            split: SplitConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_give_layers_ranks_and_weights_of_their_own() {
        let text =
            r#"{"r":8,"lora_alpha":16,"rank_pattern":{"q_proj":2,"layers.1.v_proj":4},"alpha_pattern":{"q_proj":1}}"#;
        let lora: LoraConfig = serde_json::from_str(text).expect("settings");
        let of = |module: &str| (lora.rank_of(module), lora.scaling_of(module));
        assert_eq!(of("model.layers.0.q_proj"), (2, 0.5));
        assert_eq!(of("model.layers.1.v_proj"), (4, 4.0));
        assert_eq!(of("model.layers.11.v_proj"), (8, 2.0));
        assert_eq!(of("model.layers.0.xq_proj"), (8, 2.0));
        let rooted = LoraConfig { use_rslora: true, ..lora };
        assert_eq!(rooted.scaling_of("model.layers.1.v_proj"), 8.0);
    }

    #[test]
    fn a_rank_that_cannot_be_is_refused() {
        for rank in ["0", "4097", "-1", "1.5"] {
            let text = format!("{{\"rank_pattern\":{{\"q_proj\":{rank}}}}}");
            assert!(serde_json::from_str::<LoraConfig>(&text).is_err(), "{rank}");
        }
    }

    #[test]
    fn changes_of_images_are_in_the_file_only_where_there_are_any() {
        let plain = serde_json::to_string(&RunConfig::default()).expect("plain values");
        let run = RunConfig {
            horizontal_flip: true,
            random_resized_crop: 0.5,
            color_jitter: 0.1,
            rotation: 10.0,
            mixup_alpha: 0.2,
            ..RunConfig::default()
        };
        let text = serde_json::to_string(&run).expect("plain values");
        for name in ["horizontal_flip", "random_resized_crop", "color_jitter", "rotation", "mixup_alpha"] {
            assert!(!plain.contains(name) && text.contains(name), "{name}: {text}");
        }
        assert_eq!(serde_json::from_str::<RunConfig>(&text).expect("its own JSON"), run);
    }

    #[test]
    fn patterns_are_in_the_file_only_where_there_are_any() {
        let text = serde_json::to_string(&LoraConfig::default()).expect("plain values");
        assert!(!text.contains("pattern"), "{text}");
    }
}
