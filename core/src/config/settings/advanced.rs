//! Settings for those who ask for them: adapters, memory, optimizer, evaluation, splits, precision; last those of job files
//! alone.

use super::super::setting::{Of, Setting, choice, field, lora, put, real, switch, whole, words};
use super::super::{Dtype, EvalStrategy, Freeze, LrSchedulerType, OnDivergence, Pooling, TrainSamplingStrategy};
use super::DEFAULT_TARGETS;
use super::adapters::parse_targets;

/// The largest value of a share that is less than 1.
const BELOW_ONE: f64 = 0.999_999;

/// The third part of the table.
pub(super) const ADVANCED: &[Setting] = &[
    Setting {
        get: |run| match run.lora.target_modules.is_empty() {
            true => DEFAULT_TARGETS.into(),
            false => run.lora.target_modules.join(", "),
        },
        set: |run, text| put(&mut run.lora.target_modules, parse_targets(text)),
        value_name: "NAMES",
        is_advanced: true,
        shows_default: false,
        help: "Layers that get an adapter, with commas between, or all-linear [default: PEFT's for the architecture; q_lin, \
               v_lin for DistilBERT, where PEFT has none]",
        label: "LoRA target modules",
        unit: "names, or all-linear",
        hint: "The layers that get an adapter.",
        ..lora(words("target_modules"))
    },
    Setting {
        value_name: "P",
        is_advanced: true,
        help: "Dropout before LoRA's adapters",
        label: "LoRA dropout",
        unit: "share",
        hint: "Helps against learning a small file by heart.",
        ..lora(field!(real, lora.lora_dropout, 0.0, BELOW_ONE))
    },
    Setting {
        help: "Scale adapters by alpha / sqrt(rank)",
        label: "Rank-stabilised LoRA",
        hint: "Divides alpha by the square root of the rank: better for high ranks.",
        ..lora(field!(switch, lora.use_rslora))
    },
    Setting {
        help: "Train each output's magnitude apart from its direction (DoRA)",
        label: "DoRA",
        hint: "Also trains how strong each output is: often better, but slower.",
        ..lora(field!(switch, lora.use_dora))
    },
    Setting {
        get: |run| match run.freeze {
            Freeze::None => "none".into(),
            Freeze::Embeddings => "embeddings".into(),
            Freeze::Layers(layers) => layers.to_string(),
        },
        set: |run, text| {
            run.freeze = match text {
                "none" => Freeze::None,
                "embeddings" => Freeze::Embeddings,
                layers => Freeze::Layers(
                    whole::parse(layers, 1, 10_000).map_err(|message| format!("{message}, nor none or embeddings"))?,
                ),
            };
            Ok(())
        },
        value_name: "WHAT",
        method: "full",
        is_advanced: true,
        help: "What stays as it is although all weights are trained: none, embeddings, or N for the embeddings and the first \
               N layers",
        label: "Frozen",
        unit: "none, embeddings, or a number of layers",
        hint: "Frozen parts are not trained: quicker, less memory, and less is forgotten. A number freezes the embeddings and \
               so many of the first layers.",
        ..words("freeze")
    },
    Setting {
        of: Of::SomeTasks,
        help: "Let several texts share a row, apart from each other",
        label: "Packing",
        hint: "Puts several short texts into one row, kept apart from each other: fewer, fuller steps.",
        ..field!(switch, packing)
    },
    Setting {
        of: Of::SomeTasks,
        help: "Compute blocks again in the backward pass instead of keeping them: slower, less memory",
        label: "Gradient checkpointing",
        hint: "Computes layers twice instead of keeping what they gave: less memory, but slower.",
        ..field!(switch, gradient_checkpointing)
    },
    Setting {
        is_advanced: true,
        help: "Micro-batches in an optimizer step",
        label: "Gradient accumulation",
        unit: "batches a step",
        hint: "Adds up this many batches for each step: larger steps without more memory.",
        ..field!(whole, gradient_accumulation_steps, 1, 4096)
    },
    Setting {
        get: |run| run.train_sampling_strategy.name().into(),
        set: |run, text| {
            let known = TrainSamplingStrategy::ALL.map(|strategy| (strategy.name(), strategy));
            put(&mut run.train_sampling_strategy, choice::parse(text, &known))
        },
        choices: &[
            ("group_by_length", "Like lengths together"),
            ("random", "Random"),
            ("sequential", "As in the file"),
        ],
        value_name: "STRATEGY",
        is_advanced: true,
        help: "What shares a batch: rows of like length (group_by_length: quicker, since less is padded), any (random), or \
               those that follow each other in the file (sequential)",
        label: "Order of rows",
        hint: "Rows of like length in a batch are quicker, since less is padded. The order is drawn anew for each epoch, \
               except as in the file.",
        ..choice::named("train_sampling_strategy")
    },
    Setting {
        value_name: "DECAY",
        is_advanced: true,
        help: "Decoupled weight decay of AdamW",
        label: "Weight decay",
        unit: "share",
        hint: "Pulls weights towards zero; not applied to biases and LayerNorm.",
        ..field!(real, weight_decay, 0.0, 1.0)
    },
    Setting {
        value_name: "SHARE",
        is_advanced: true,
        help: "Share of the steps over which the rate rises",
        label: "Warm-up",
        unit: "share of the steps",
        hint: "The learning rate rises from zero over these steps.",
        ..field!(real, warmup_ratio, 0.0, 1.0)
    },
    Setting {
        get: |run| run.lr_scheduler_type.name().into(),
        set: |run, text| {
            let known = LrSchedulerType::ALL.map(|schedule| (schedule.name(), schedule));
            put(&mut run.lr_scheduler_type, choice::parse(text, &known))
        },
        flag: "schedule",
        choices: &[("linear", "Linear to zero"), ("cosine", "Cosine to zero"), ("constant", "Constant")],
        value_name: "SCHEDULE",
        is_advanced: true,
        help: "How the rate moves after that: linear, cosine or constant",
        label: "Learning rate schedule",
        hint: "How the rate moves after the warm-up.",
        ..choice::named("lr_scheduler_type")
    },
    Setting {
        value_name: "NORM",
        is_advanced: true,
        help: "Global gradient norm above which gradients are scaled down; 0 is off",
        label: "Gradient clipping",
        unit: "global norm, 0 is off",
        hint: "Larger gradients are scaled down to this.",
        ..field!(real, max_grad_norm, 0.0, 1e6)
    },
    Setting {
        get: |run| run.on_divergence.name().into(),
        set: |run, text| {
            put(&mut run.on_divergence, choice::parse(text, &OnDivergence::ALL.map(|choice| (choice.name(), choice))))
        },
        choices: &[("roll_back", "Go back, halve the rate, go on"), ("stop", "Stop, and keep the best weights")],
        value_name: "WHAT",
        is_advanced: true,
        help: "What to do when the loss is not a number any more: roll_back (also when it runs away: go back to the last good \
               weights and halve the rate, at most 3 times, then stop; a run that trains more than 350 M parameters does not \
               go back) or stop (keep the best weights)",
        label: "If training diverges",
        hint: "Going back keeps a copy of what is trained in memory, three times its weights (in the browser up to 512 MB; a \
               larger run stops). It goes back at most three times.",
        ..choice::named("on_divergence")
    },
    Setting {
        flag: "label-smoothing",
        value_name: "SHARE",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Label smoothing",
        label: "Label smoothing",
        unit: "share",
        hint: "Helps when some labels are wrong.",
        ..field!(real, label_smoothing_factor, 0.0, BELOW_ONE)
    },
    Setting {
        get: |run| run.dropout.map_or_else(|| "model".into(), |dropout| dropout.to_string()),
        set: |run, text| {
            run.dropout = match text {
                "model" => None,
                share => Some(real::parse(share, 0.0, BELOW_ONE)?),
            };
            Ok(())
        },
        value_name: "P",
        is_advanced: true,
        help: "Dropout probability, or model for that of config.json",
        label: "Dropout",
        unit: "share, or model",
        hint: "Against learning rows by heart. The word model takes the value in the model's config.json.",
        ..real::named("dropout")
    },
    Setting {
        get: |run| {
            match run.pooling {
                Pooling::Cls => "cls",
                Pooling::Mean => "mean",
            }
            .into()
        },
        set: |run, text| put(&mut run.pooling, choice::parse(text, &[("cls", Pooling::Cls), ("mean", Pooling::Mean)])),
        choices: &[("cls", "As transformers does: first token (a decoder: last)"), ("mean", "Mean over the tokens")],
        value_name: "POOLING",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "How tokens become one vector: cls or mean",
        label: "Pooling",
        hint: "How token states become one vector. Mean suits sentence-transformers models.",
        ..choice::named("pooling")
    },
    Setting {
        get: |run| match run.eval_strategy {
            EvalStrategy::Epoch => "epoch".into(),
            EvalStrategy::Steps(steps) => steps.to_string(),
        },
        set: |run, text| {
            run.eval_strategy = match text {
                "epoch" => EvalStrategy::Epoch,
                steps => EvalStrategy::Steps(whole::parse(steps, 1, u32::MAX)?),
            };
            Ok(())
        },
        flag: "eval-steps",
        needs_valid: true,
        is_advanced: true,
        help: "Measure the validation rows every N steps, or epoch",
        label: "Evaluate every",
        unit: "steps, or epoch",
        hint: "When the validation rows are measured.",
        ..whole::named("eval_strategy")
    },
    Setting {
        get: |run| run.metric_for_best_model.clone(),
        // Which figures there are depends on the task: `RunConfig::check_for` knows.
        set: |run, text| {
            run.metric_for_best_model = text.to_owned();
            Ok(())
        },
        flag: "metric-for-best",
        value_name: "METRIC",
        needs_valid: true,
        is_advanced: true,
        help: "Validation figure that decides what is best: loss, accuracy, macro_f1, or another that the task has",
        label: "Best means",
        hint: "Which validation figure decides which weights are the best.",
        ..words("metric_for_best_model")
    },
    Setting {
        is_advanced: true,
        help: "Steps between two readings of the loss",
        label: "Read the loss every",
        unit: "steps",
        hint: "Each reading waits for the GPU: less often is a little quicker.",
        ..field!(whole, logging_steps, 1, 1_000_000)
    },
    Setting {
        value_name: "SHARE",
        is_advanced: true,
        help: "Share of --data kept for validation",
        label: "Validation share",
        unit: "share of the rows",
        hint: "Not used when you give a validation file.",
        ..field!(real, split.valid_fraction, 0.0, BELOW_ONE)
    },
    Setting {
        value_name: "SHARE",
        is_advanced: true,
        help: "Share of --data kept for the final test",
        label: "Test share",
        unit: "share of the rows",
        hint: "Not used when you give a test file.",
        ..field!(real, split.test_fraction, 0.0, BELOW_ONE)
    },
    Setting {
        get: |run| run.dtype.name().into(),
        set: |run, text| put(&mut run.dtype, choice::parse(text, &Dtype::ALL.map(|dtype| (dtype.name(), dtype)))),
        // bf16 is for servers: no browser computes in it.
        choices: &[("f32", "f32, single"), ("f16", "f16, half")],
        value_name: "DTYPE",
        is_advanced: true,
        help: "Format of matrix products and frozen weights: f32, bf16 or f16",
        label: "Precision",
        hint: "Half precision computes layers in 16 bits, and frozen weights take half the memory; not every GPU has it.",
        ..choice::named("dtype")
    },
    Setting {
        is_advanced: true,
        help: "Seed of everything random",
        label: "Seed",
        unit: "whole number",
        hint: "The same seed gives the same run.",
        ..field!(whole, seed, 0, u64::MAX)
    },
    // Of job files alone.
    Setting {
        get: |run| run.adam_beta1.to_string(),
        set: |run, text| put(&mut run.adam_beta1, real::parse(text, 0.0, BELOW_ONE)),
        ..real::of_job_files("adam_beta1")
    },
    Setting {
        get: |run| run.adam_beta2.to_string(),
        set: |run, text| put(&mut run.adam_beta2, real::parse(text, 0.0, BELOW_ONE)),
        ..real::of_job_files("adam_beta2")
    },
    Setting {
        get: |run| run.adam_epsilon.to_string(),
        // In f32 a smaller one is lost beside any second moment, a larger one stops every step.
        set: |run, text| put(&mut run.adam_epsilon, real::parse(text, 1e-16, 1.0)),
        ..real::of_job_files("adam_epsilon")
    },
    Setting {
        get: |run| run.pad_to_multiple_of.to_string(),
        set: |run, text| put(&mut run.pad_to_multiple_of, whole::parse(text, 0, 65_536)),
        of: Of::SomeTasks,
        ..whole::of_job_files("pad_to_multiple_of")
    },
];
