//! The settings that the page shows, in which words: names are fields of `RunDraft`, words are a person's.

use hone_core::config::Task;

use super::numbers::Kind;

/// A setting as the page shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSpec {
    /// Field of `RunDraft`.
    pub name: &'static str,
    /// In plain words.
    pub label: &'static str,
    /// What it is counted in; empty for choices.
    pub unit: &'static str,
    /// What it does, and when to change it.
    pub hint: &'static str,
    /// (value, words) to choose from; empty where something is typed.
    pub choices: &'static [(&'static str, &'static str)],
    /// What is typed.
    pub kind: Kind,
    /// Shown only when asked for.
    pub is_advanced: bool,
    /// The task that has it; `None` for all.
    pub(super) task: Option<Task>,
    /// The method that has it; empty for all.
    pub(super) method: &'static str,
}

/// A number that may have decimals.
pub(super) const fn number(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    hint: &'static str,
) -> FieldSpec {
    FieldSpec { name, label, unit, hint, choices: &[], kind: Kind::Decimal, is_advanced: false, task: None, method: "" }
}

/// A whole number.
pub(super) const fn whole(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    hint: &'static str,
) -> FieldSpec {
    FieldSpec { kind: Kind::Whole, ..number(name, label, unit, hint) }
}

/// A text, or names.
pub(super) const fn words(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    hint: &'static str,
) -> FieldSpec {
    FieldSpec { kind: Kind::Text, ..number(name, label, unit, hint) }
}

const fn choice(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    choices: &'static [(&'static str, &'static str)],
) -> FieldSpec {
    FieldSpec { choices, ..words(name, label, "", hint) }
}

const fn advanced(spec: FieldSpec) -> FieldSpec {
    FieldSpec { is_advanced: true, ..spec }
}

const fn of_classes(spec: FieldSpec) -> FieldSpec {
    FieldSpec { task: Some(Task::SequenceClassification), ..spec }
}

const fn of_texts(spec: FieldSpec) -> FieldSpec {
    FieldSpec { task: Some(Task::CausalLm), ..spec }
}

const fn of_method(method: &'static str, spec: FieldSpec) -> FieldSpec {
    FieldSpec { method, ..spec }
}

const SWITCH: &[(&str, &str)] = &[("false", "No"), ("true", "Yes")];

/// All settings, in the order of the page.
pub(super) const FIELDS: &[FieldSpec] = &[
    of_classes(choice(
        "method",
        "What is trained",
        "All weights give the best result; adapters, or the head that chooses the label, are quicker and need less memory.",
        &[
            ("full", "All weights"),
            ("head", "Head only; the rest stays as it is"),
            ("last", "The last layers and the head; the rest stays as it is"),
            ("lora", "Adapters (LoRA) and the head; the rest stays as it is"),
        ],
    )),
    of_texts(choice(
        "method",
        "What is trained",
        "Adapters need the least memory and make the smallest download; all weights need the most.",
        &[
            ("lora", "Adapters (LoRA); the rest stays as it is"),
            ("last", "The last layers; the rest stays as it is"),
            ("full", "All weights"),
        ],
    )),
    of_method(
        "last",
        whole("last_layers", "Layers trained", "from the end", "More layers learn more and need more memory."),
    ),
    of_method(
        "lora",
        whole("lora_r", "LoRA rank", "", "Width of an adapter: higher learns more and needs more memory."),
    ),
    of_method(
        "lora",
        number(
            "lora_alpha",
            "LoRA alpha",
            "",
            "Alpha divided by rank is how much an adapter counts; twice the rank is usual.",
        ),
    ),
    whole(
        "num_train_epochs",
        "Epochs",
        "passes over the rows",
        "More help with small files; too many, and the model learns the rows by heart.",
    ),
    whole("batch_size", "Batch size", "rows", "Rows the model sees at once. Halve it if memory runs out."),
    number("learning_rate", "Learning rate", "per step", "Too high and the loss jumps; too low and nothing happens."),
    whole("max_seq_length", "Longest input", "tokens", "Longer rows are shortened to this; shorter is quicker."),
    of_classes(choice(
        "class_weights",
        "Class weights",
        "Balanced makes rare classes count as much as frequent ones.",
        &[("none", "Every row counts the same"), ("balanced", "Balanced")],
    )),
    whole(
        "early_stopping_patience",
        "Early stopping",
        "evaluations, or off",
        "Stops after this many without improvement.",
    ),
    advanced(of_method(
        "lora",
        words("target_modules", "LoRA target modules", "names, or all-linear", "The layers that get an adapter."),
    )),
    advanced(of_method(
        "lora",
        number("lora_dropout", "LoRA dropout", "share", "Helps against learning a small file by heart."),
    )),
    advanced(of_method(
        "lora",
        choice(
            "use_rslora",
            "Rank-stabilised LoRA",
            "Divides alpha by the square root of the rank: better for high ranks.",
            SWITCH,
        ),
    )),
    advanced(of_method(
        "lora",
        choice("use_dora", "DoRA", "Also trains how strong each output is: often better, but slower.", SWITCH),
    )),
    advanced(of_texts(choice(
        "packing",
        "Packing",
        "Puts several short texts into one row, kept apart from each other: fewer, fuller steps.",
        SWITCH,
    ))),
    advanced(of_texts(choice(
        "gradient_checkpointing",
        "Gradient checkpointing",
        "Computes layers twice instead of keeping what they gave: less memory, but slower.",
        SWITCH,
    ))),
    advanced(whole(
        "gradient_accumulation_steps",
        "Gradient accumulation",
        "batches a step",
        "Adds up this many batches for each step: larger steps without more memory.",
    )),
    advanced(number(
        "weight_decay",
        "Weight decay",
        "share",
        "Pulls weights towards zero; not applied to biases and LayerNorm.",
    )),
    advanced(number(
        "warmup_ratio",
        "Warm-up",
        "share of the steps",
        "The learning rate rises from zero over these steps.",
    )),
    advanced(choice(
        "lr_scheduler_type",
        "Learning rate schedule",
        "How the rate moves after the warm-up.",
        &[("linear", "Linear to zero"), ("cosine", "Cosine to zero"), ("constant", "Constant")],
    )),
    advanced(number(
        "max_grad_norm",
        "Gradient clipping",
        "global norm, 0 is off",
        "Larger gradients are scaled down to this.",
    )),
    advanced(of_classes(number(
        "label_smoothing_factor",
        "Label smoothing",
        "share",
        "Helps when some labels are wrong.",
    ))),
    advanced(number(
        "dropout",
        "Dropout",
        "share, or model",
        "Against learning rows by heart. The word model takes the value in the model's config.json.",
    )),
    advanced(of_classes(choice(
        "pooling",
        "Pooling",
        "How token states become one vector. Mean suits sentence-transformers models.",
        &[("cls", "First token, as transformers does"), ("mean", "Mean over the tokens")],
    ))),
    advanced(whole("eval_strategy", "Evaluate every", "steps, or epoch", "When the validation rows are measured.")),
    advanced(of_classes(choice(
        "metric_for_best_model",
        "Best means",
        "Which validation figure decides which weights are the best.",
        &[("loss", "Lowest loss"), ("accuracy", "Highest accuracy"), ("macro_f1", "Highest macro F1")],
    ))),
    advanced(whole(
        "logging_steps",
        "Read the loss every",
        "steps",
        "Each reading waits for the GPU: less often is a little quicker.",
    )),
    advanced(number(
        "valid_fraction",
        "Validation share",
        "share of the rows",
        "Not used when you give a validation file.",
    )),
    advanced(number("test_fraction", "Test share", "share of the rows", "Not used when you give a test file.")),
    advanced(choice(
        "dtype",
        "Precision",
        "Half precision computes layers in 16 bits, and frozen weights take half the memory; not every GPU has it.",
        &[("f32", "f32, single"), ("f16", "f16, half")],
    )),
    advanced(whole("seed", "Seed", "whole number", "The same seed gives the same run.")),
];
