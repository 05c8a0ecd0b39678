//! The checked settings of a run. Field names are those of `transformers.TrainingArguments` where it has the field.

use serde::{Deserialize, Serialize};

/// What the model learns to give back. The model's architecture decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A label for a text.
    #[default]
    SequenceClassification,
    /// The next token.
    CausalLm,
}

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

/// Settings of LoRA, under the names of PEFT's `LoraConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of an adapter.
    pub r: u32,
    /// Weight of an adapter: its output is scaled by `lora_alpha / r`.
    pub lora_alpha: f64,
    /// Dropout on an adapter's input.
    pub lora_dropout: f64,
    /// Names (or ends of names) of the linear layers that get one; empty takes PEFT's default for the architecture,
    /// `all-linear` takes all.
    pub target_modules: Vec<String>,
    /// Scale by `lora_alpha / sqrt(r)` (<https://arxiv.org/abs/2312.03732>).
    pub use_rslora: bool,
    /// Train each output's magnitude apart from its direction (DoRA, <https://arxiv.org/abs/2402.09353>).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub use_dora: bool,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            r: 8,
            lora_alpha: 16.0,
            lora_dropout: 0.05,
            target_modules: Vec::new(),
            use_rslora: false,
            use_dora: false,
        }
    }
}

impl LoraConfig {
    /// What an adapter's output is multiplied with.
    #[must_use]
    pub fn scaling(&self) -> f64 {
        let rank = f64::from(self.r);
        self.lora_alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// How token states become one vector a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// As `transformers` builds the head of this architecture (BERT: pooler; RoBERTa, DistilBERT: dense on token 0).
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

/// Weights of the classes in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every row counts the same.
    #[default]
    None,
    /// `num_rows / (num_classes * rows_of_class)`, scikit-learn's `class_weight="balanced"`.
    Balanced,
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

/// Which validation figure decides what "best" is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricForBest {
    /// Mean cross-entropy, lower is better.
    #[default]
    Loss,
    /// Share of rows predicted right, higher is better.
    Accuracy,
    /// Unweighted mean of the classes' F1, higher is better.
    MacroF1,
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
    /// Which validation figure decides what "best" is.
    pub metric_for_best_model: MetricForBest,
    /// Hand back the best weights instead of the last.
    pub load_best_model_at_end: bool,
    /// Evaluations without improvement after which training stops; `None` never stops early.
    pub early_stopping_patience: Option<u32>,
    /// Optimizer steps between two readings of the loss (a reading waits for the GPU).
    pub logging_steps: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// How rows are shared out.
    pub split: SplitConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            method: Method::Full,
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
            label_smoothing_factor: 0.0,
            class_weights: ClassWeights::None,
            dropout: None,
            max_seq_length: 128,
            pad_to_multiple_of: 8,
            eval_strategy: EvalStrategy::Epoch,
            metric_for_best_model: MetricForBest::Loss,
            load_best_model_at_end: true,
            early_stopping_patience: None,
            logging_steps: 10,
            seed: 42,
            split: SplitConfig::default(),
        }
    }
}
