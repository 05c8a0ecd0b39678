//! Settings that every person is shown: what is trained, how long, how fast, and on how much of a row.

use super::super::setting::{Of, Setting, choice, field, lora, put, real, whole};
use super::super::{ClassWeights, LoraConfig, Method};
use super::LAST;
use super::adapters::parse_method;

/// The first part of the table.
pub(super) const USUAL: &[Setting] = &[
    Setting {
        get: |run| match run.method {
            Method::Full => "full".into(),
            Method::Head => "head".into(),
            Method::Lora => "lora".into(),
            Method::LastLayers(layers) => format!("{LAST}{layers}"),
        },
        set: |run, text| put(&mut run.method, parse_method(text)),
        choices: &[
            ("full", "All weights"),
            ("head", "Head only; the rest stays as it is"),
            ("last", "The last layers; what is before them stays as it is"),
            ("lora", "Adapters (LoRA); all but they and a new head stays as it is"),
        ],
        value_name: "METHOD",
        help: "Weights to train: full, head, lora, or last:N for the last N layers",
        label: "What is trained",
        hint: "All weights learn the most; adapters, or the head alone, are quicker and need less memory.",
        ..choice::named("method")
    },
    Setting {
        get: |run| run.lora.r.to_string(),
        set: |run, text| put(&mut run.lora.r, whole::parse(text, 1, LoraConfig::MAX_RANK)),
        flag: "lora-rank",
        help: "Rank of LoRA's adapters",
        label: "LoRA rank",
        hint: "Width of an adapter: higher learns more and needs more memory.",
        ..lora(whole::named("lora_r"))
    },
    Setting {
        value_name: "ALPHA",
        help: "Weight of LoRA's adapters: their output is scaled by alpha / rank",
        label: "LoRA alpha",
        hint: "Alpha divided by rank is how much an adapter counts; twice the rank is usual.",
        ..lora(field!(real, lora.lora_alpha, 1e-6, 1e6))
    },
    Setting {
        flag: "epochs",
        help: "Passes over the training rows",
        label: "Epochs",
        unit: "passes over the rows",
        hint: "More help with small files; too many, and the model learns the rows by heart.",
        ..field!(whole, num_train_epochs, 1, 10_000)
    },
    Setting {
        help: "Rows in a micro-batch",
        label: "Batch size",
        unit: "rows",
        hint: "Rows the model sees at once. Halve it if memory runs out.",
        ..field!(whole, batch_size, 1, 4096)
    },
    Setting {
        get: |run| rate(run.learning_rate),
        set: |run, text| put(&mut run.learning_rate, real::parse(text, 1e-12, 1.0)),
        value_name: "RATE",
        help: "Peak learning rate",
        label: "Learning rate",
        unit: "per step",
        hint: "Too high and the loss jumps; too low and nothing happens.",
        ..real::named("learning_rate")
    },
    Setting {
        value_name: "TOKENS",
        of: Of::SomeTasks,
        help: "Tokens after which a row is cut off",
        label: "Longest input",
        unit: "tokens",
        hint: "Longer rows are shortened to this; shorter is quicker.",
        ..field!(whole, max_seq_length, 4, 65_536)
    },
    Setting {
        get: |run| {
            match run.class_weights {
                ClassWeights::None => "none",
                ClassWeights::Balanced => "balanced",
                ClassWeights::EffectiveNumber => "effective_number",
            }
            .into()
        },
        set: |run, text| {
            let known = [
                ("none", ClassWeights::None),
                ("balanced", ClassWeights::Balanced),
                ("effective_number", ClassWeights::EffectiveNumber),
            ];
            put(&mut run.class_weights, choice::parse(text, &known))
        },
        choices: &[
            ("none", "Every row counts the same"),
            ("balanced", "Balanced"),
            ("effective_number", "By the effective number of rows"),
        ],
        value_name: "WEIGHTS",
        of: Of::SomeTasks,
        help: "Weights of the classes in the loss: none, balanced, or effective_number (Cui et al. 2019)",
        label: "Class weights",
        hint: "Balanced makes rare classes count as much as frequent ones. The effective number of rows (Cui et al. 2019) does so \
               less: rows of a class that has many add little that is new.",
        ..choice::named("class_weights")
    },
    Setting {
        get: |run| run.early_stopping_patience.map_or_else(|| "off".into(), |patience| patience.to_string()),
        set: |run, text| {
            run.early_stopping_patience = match text {
                "off" => None,
                count => Some(whole::parse(count, 1, 10_000)?),
            };
            Ok(())
        },
        needs_valid: true,
        help: "Stop after N evaluations without improvement, or off",
        label: "Early stopping",
        unit: "evaluations, or off",
        hint: "Stops after this many without improvement, and keeps the best weights. Without validation rows nothing is \
               measured, and no run stops early.",
        ..whole::named("early_stopping_patience")
    },
];

/// A learning rate as people write it: `5e-5`.
fn rate(value: f64) -> String {
    if value == 0.0 || value >= 0.01 { value.to_string() } else { format!("{value:e}") }
}
