//! Flags that are settings of a run.

use clap::Args;
use hone_core::config::RunDraft;
use serde_json::Value;

/// The settings of a run, as typed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Recipe")]
pub(crate) struct RunArgs {
    /// Weights to train: full, head, lora, or last:N for the last N layers [default: full]
    #[arg(long, value_name = "METHOD", allow_hyphen_values = true)]
    method: Option<String>,
    /// Rank of LoRA's adapters [default: 8]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    lora_rank: Option<String>,
    /// Weight of LoRA's adapters: their output is scaled by alpha / rank [default: 16]
    #[arg(long, value_name = "ALPHA", allow_hyphen_values = true)]
    lora_alpha: Option<String>,
    /// Dropout before LoRA's adapters [default: 0.05]
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    lora_dropout: Option<String>,
    /// Layers that get an adapter, with commas between, or all-linear [default: PEFT's for the architecture; q_lin,
    /// v_lin for DistilBERT, where PEFT has none]
    #[arg(long, value_name = "NAMES")]
    target_modules: Option<String>,
    /// Scale adapters by alpha / sqrt(rank)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    use_rslora: Option<String>,
    /// Train each output's magnitude apart from its direction (DoRA)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    use_dora: Option<String>,
    /// Let several texts share a row, apart from each other (language models)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    packing: Option<String>,
    /// Compute blocks again in the backward pass instead of keeping them: slower, less memory (language models)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    gradient_checkpointing: Option<String>,
    /// Format of matrix products and frozen weights: f32, bf16 or f16 [default: f32]
    #[arg(long, value_name = "DTYPE", allow_hyphen_values = true)]
    dtype: Option<String>,
    /// How tokens become one vector: cls or mean [default: cls]
    #[arg(long, value_name = "POOLING", allow_hyphen_values = true)]
    pooling: Option<String>,
    /// Passes over the training rows [default: 3]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    epochs: Option<String>,
    /// Rows in a micro-batch [default: 16]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    batch_size: Option<String>,
    /// Micro-batches in an optimizer step [default: 1]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    gradient_accumulation_steps: Option<String>,
    /// Peak learning rate [default: 5e-5]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    learning_rate: Option<String>,
    /// Decoupled weight decay of AdamW [default: 0.01]
    #[arg(long, value_name = "DECAY", allow_hyphen_values = true)]
    weight_decay: Option<String>,
    /// Share of the steps over which the rate rises [default: 0.1]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    warmup_ratio: Option<String>,
    /// How the rate moves after that: linear, cosine or constant [default: linear]
    #[arg(long, value_name = "SCHEDULE", allow_hyphen_values = true)]
    schedule: Option<String>,
    /// Global gradient norm above which gradients are scaled down; 0 is off [default: 1.0]
    #[arg(long, value_name = "NORM", allow_hyphen_values = true)]
    max_grad_norm: Option<String>,
    /// Tokens after which a row is cut off [default: 128]
    #[arg(long, value_name = "TOKENS", allow_hyphen_values = true)]
    max_seq_length: Option<String>,
    /// Dropout probability, or model for that of config.json [default: model]
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    dropout: Option<String>,
    /// Label smoothing [default: 0]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    label_smoothing: Option<String>,
    /// Weights of the classes in the loss: none or balanced [default: none]
    #[arg(long, value_name = "WEIGHTS", allow_hyphen_values = true)]
    class_weights: Option<String>,
    /// Measure the validation rows every N steps, or epoch [default: epoch]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    eval_steps: Option<String>,
    /// Stop after N evaluations without improvement, or off [default: off]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    early_stopping_patience: Option<String>,
    /// Validation figure that decides what is best: loss, accuracy or macro_f1 [default: loss]
    #[arg(long, value_name = "METRIC", allow_hyphen_values = true)]
    metric_for_best: Option<String>,
    /// Steps between two readings of the loss [default: 10]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    logging_steps: Option<String>,
    /// Seed of everything random [default: 42]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Share of --data kept for validation [default: 0.1]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    valid_fraction: Option<String>,
    /// Share of --data kept for the final test [default: 0.1]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    test_fraction: Option<String>,
}

impl RunArgs {
    pub(super) fn draft(&self) -> RunDraft {
        RunDraft {
            method: self.method.clone(),
            lora_r: self.lora_rank.clone(),
            lora_alpha: self.lora_alpha.clone(),
            lora_dropout: self.lora_dropout.clone(),
            target_modules: self.target_modules.clone(),
            use_rslora: self.use_rslora.clone(),
            use_dora: self.use_dora.clone(),
            packing: self.packing.clone(),
            gradient_checkpointing: self.gradient_checkpointing.clone(),
            dtype: self.dtype.clone(),
            pooling: self.pooling.clone(),
            num_train_epochs: self.epochs.clone(),
            batch_size: self.batch_size.clone(),
            gradient_accumulation_steps: self.gradient_accumulation_steps.clone(),
            learning_rate: self.learning_rate.clone(),
            weight_decay: self.weight_decay.clone(),
            warmup_ratio: self.warmup_ratio.clone(),
            lr_scheduler_type: self.schedule.clone(),
            max_grad_norm: self.max_grad_norm.clone(),
            label_smoothing_factor: self.label_smoothing.clone(),
            class_weights: self.class_weights.clone(),
            dropout: self.dropout.clone(),
            max_seq_length: self.max_seq_length.clone(),
            eval_strategy: self.eval_steps.clone(),
            metric_for_best_model: self.metric_for_best.clone(),
            early_stopping_patience: self.early_stopping_patience.clone(),
            logging_steps: self.logging_steps.clone(),
            seed: self.seed.clone(),
            valid_fraction: self.valid_fraction.clone(),
            test_fraction: self.test_fraction.clone(),
        }
    }
}

/// Settings that were typed as nothing.
pub(super) fn blank_fields(draft: &RunDraft) -> impl Iterator<Item = String> {
    let fields = match serde_json::to_value(draft) {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("a draft is a struct of texts: {other:?}"),
    };
    fields
        .into_iter()
        .filter(|(_, typed)| typed.as_str().is_some_and(|text| text.trim().is_empty()))
        .map(|(name, _)| name)
}

/// Settings of adapters that were typed and ask for something.
pub(super) fn lora_fields(draft: &RunDraft) -> Vec<&'static str> {
    let fields = [
        ("lora_r", &draft.lora_r),
        ("lora_alpha", &draft.lora_alpha),
        ("lora_dropout", &draft.lora_dropout),
        ("target_modules", &draft.target_modules),
        ("use_rslora", &draft.use_rslora),
        ("use_dora", &draft.use_dora),
    ];
    let asks = |typed: &Option<String>| typed.as_deref().is_some_and(|text| text != "false" && !text.trim().is_empty());
    fields.into_iter().filter(|(_, typed)| asks(typed)).map(|(field, _)| field).collect()
}

/// The flag that fills `field` of [`RunDraft`].
pub(super) fn flag_of(field: &str) -> String {
    let flag = match field {
        "lora_r" => "lora-rank",
        "num_train_epochs" => "epochs",
        "lr_scheduler_type" => "schedule",
        "label_smoothing_factor" => "label-smoothing",
        "eval_strategy" => "eval-steps",
        "metric_for_best_model" => "metric-for-best",
        "merge_labels" => "merge-label",
        other => return format!("--{}", other.replace('_', "-")),
    };
    format!("--{flag}")
}
