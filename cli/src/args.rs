//! What can be typed on the command line. Settings of a run are kept as text and checked all at once by
//! [`TrainArgs::settings`], so that a person with three mistakes reads about three mistakes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hone_core::config::{DataShape, ExportFormat, ReadOptions, RunConfig, RunDraft, Task};
use hone_core::generate::SamplingConfig;

use crate::device::DeviceChoice;
use crate::failure::Usage;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "hone",
    version,
    about = "Fine-tunes small pretrained transformers on this machine",
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fine-tune a model on a file of labels, prompts or texts, and write a Hugging Face folder
    Train(Box<TrainArgs>),
    /// Measure a fine-tuned model on a labeled file
    Eval(EvalArgs),
    /// Label texts with a fine-tuned model
    Predict(PredictArgs),
    /// Write on from a prompt with a language model
    Generate(GenerateArgs),
    /// Write a tuned model in another form
    Export(ExportArgs),
    /// Pretrained models: what is known and cached, and how to fetch one
    #[command(subcommand)]
    Models(ModelsCommand),
}

/// How a data file is read.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Reading the data")]
pub(crate) struct ReadArgs {
    /// Column that holds the text [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    text_column: Option<String>,
    /// Column that holds the label [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,
    /// What an example is to a language model: text, prompt_completion, instruction or messages [default: guessed]
    #[arg(long, value_name = "SHAPE")]
    shape: Option<String>,
    /// Column that holds the prompt or the instruction [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    prompt_column: Option<String>,
    /// Column that holds what an instruction is about [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    input_column: Option<String>,
    /// Column that holds the completion or the output [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    completion_column: Option<String>,
    /// Column that holds conversations [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    messages_column: Option<String>,
    /// Make conversations of prompts and completions, with the model's chat template
    #[arg(long)]
    as_chat: bool,
    /// Field separator: one character, or tab [default: guessed]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Whether the first row names the columns: yes or no [default: guessed]
    #[arg(long, value_name = "YES|NO")]
    header: Option<String>,
}

/// `hone train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Pretrained model: a folder, or a hub id such as sentence-transformers/all-MiniLM-L6-v2
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: Option<String>,
    /// Rows to learn from: CSV, TSV, JSON Lines, a JSON array, or plain text for a language model
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Validation rows of your own [default: a share of --data]
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Test rows of your own [default: a share of --data]
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
    /// Folder for the tuned model
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Job file (hone.json) whose settings are the base; flags given here win
    #[arg(long, value_name = "FILE")]
    pub(crate) job: Option<PathBuf>,
    /// Go on from the checkpoint that an interrupted run left in --output
    #[arg(long)]
    pub(crate) resume: bool,
    /// Write into --output even if it holds other files or an unfinished run
    #[arg(long)]
    pub(crate) force: bool,
    /// Also measure the model as it was before tuning on the test rows
    #[arg(long)]
    pub(crate) compare: bool,
    /// What is learned: sequence-classification or causal-lm; the model decides, this only checks
    #[arg(long, value_name = "TASK", value_parser = parse_task)]
    pub(crate) task: Option<Task>,
    /// What an adapter run is written as: adapter (for PEFT) or merged (a whole model) [default: adapter]
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    pub(crate) format: Option<ExportFormat>,
    /// What computes: auto, cpu, wgpu or cuda [default: auto]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Write one JSON event a line to standard output
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    run: RunArgs,
}

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
    /// Layers that get an adapter, with commas between, or all-linear [default: PEFT's for the architecture]
    #[arg(long, value_name = "NAMES")]
    target_modules: Option<String>,
    /// Scale adapters by alpha / sqrt(rank)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    use_rslora: Option<String>,
    /// Let several texts share a row, apart from each other (language models)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    packing: Option<String>,
    /// Compute blocks again in the backward pass instead of keeping them: slower, less memory (language models)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    gradient_checkpointing: Option<String>,
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

/// `hone eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Fine-tuned model: a folder, or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Adapter in PEFT's layout to put on the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// Rows to measure: CSV, TSV, JSON Lines, a JSON array, or plain text for a language model
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What is measured: sequence-classification or causal-lm; the model decides, this only checks
    #[arg(long, value_name = "TASK", value_parser = parse_task)]
    pub(crate) task: Option<Task>,
    /// Of a language model: also write completions of the first N prompts and score them (BLEU, ROUGE-L, exact match)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) generate: usize,
    /// Most tokens of such a completion
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) max_new_tokens: u32,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Write the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// `hone generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Language model: a folder (also one that holds an adapter), or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Adapter in PEFT's layout to put on the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// Text to write on from
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present = "chat")]
    pub(crate) prompt: Option<String>,
    /// Talk with the model, turn by turn, through its chat template (with --prompt: one turn)
    #[arg(long)]
    pub(crate) chat: bool,
    /// System turn of a chat
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub(crate) system: Option<String>,
    /// Show what the model writes without its adapter, too
    #[arg(long)]
    pub(crate) compare: bool,
    /// Draw tokens instead of taking the likeliest
    #[arg(long)]
    do_sample: bool,
    /// Above 1 more varied, below 1 more certain (draws tokens)
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Draw among the K likeliest tokens; 0 is all (draws tokens)
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,
    /// Draw among the likeliest tokens that together have this probability (draws tokens)
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Above 1: tokens that were there already become less likely
    #[arg(long, value_name = "PENALTY", default_value_t = 1.0)]
    repetition_penalty: f64,
    /// Most tokens to write
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_new_tokens: u32,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Text at which to stop; may be given more than once
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,
    /// Write JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
}

/// `hone export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Model: a folder (also one that holds an adapter), or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Adapter in PEFT's layout to put on the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// adapter (for PEFT) or merged (a whole model)
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    pub(crate) format: ExportFormat,
    /// Folder for it
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Write into --output even if it holds other files
    #[arg(long)]
    pub(crate) force: bool,
}

/// `hone predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Fine-tuned model: a folder, or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Rows to label: CSV, TSV, JSON Lines or a JSON array; labels are not needed
    #[arg(long, value_name = "FILE", conflicts_with = "text", required_unless_present = "text")]
    pub(crate) data: Option<PathBuf>,
    /// A text to label; may be given more than once
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: Vec<String>,
    /// File for the result: .csv, .json or .jsonl [default: CSV on standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write JSON Lines instead of CSV
    #[arg(long)]
    pub(crate) json: bool,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    #[command(flatten)]
    read: ReadArgs,
}

/// `hone models`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Models that are known to work, and what is in the cache
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a model into the cache
    Fetch {
        /// owner/name, or owner/name@revision
        #[arg(value_name = "ID")]
        id: String,
        /// Fetch it again even if it is there
        #[arg(long)]
        force: bool,
    },
}

/// What `hone train` was told, checked; also what it starts from before the flags.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) device: DeviceChoice,
    pub(crate) read: ReadOptions,
    pub(crate) run: RunConfig,
}

impl TrainArgs {
    /// The typed settings over `base`.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self, base: &Settings) -> Result<Settings, Usage> {
        let mut problems = Vec::new();
        let device = self.device.as_deref().map_or(Ok(base.device), DeviceChoice::parse).unwrap_or_else(|message| {
            problems.push(format!("--device: {message}"));
            base.device
        });
        let read = self.read.over(&base.read, &mut problems);
        let run = self.run.draft().resolve(&base.run).unwrap_or_else(|found| {
            problems.extend(found.iter().map(|p| format!("{}: {}", flag_of(&p.field), p.message)));
            base.run.clone()
        });
        if self.resume {
            if self.job.is_some() {
                problems.push("--job: --resume takes the job from the checkpoint".into());
            }
            if self.run.draft() != RunDraft::default() || !self.read.is_empty() {
                problems
                    .push("--resume: goes on with the settings of the checkpoint, so no setting may be given".into());
            }
        } else {
            let no_job = self.job.is_none();
            if no_job && self.model.is_none() {
                problems.push("--model: say which model to train (a folder or a hub id)".into());
            }
            if no_job && self.data.is_none() {
                problems.push("--data: say which file to train on".into());
            }
        }
        if problems.is_empty() { Ok(Settings { device, read, run }) } else { Err(Usage(problems)) }
    }
}

impl RunArgs {
    fn draft(&self) -> RunDraft {
        RunDraft {
            method: self.method.clone(),
            lora_r: self.lora_rank.clone(),
            lora_alpha: self.lora_alpha.clone(),
            lora_dropout: self.lora_dropout.clone(),
            target_modules: self.target_modules.clone(),
            use_rslora: self.use_rslora.clone(),
            packing: self.packing.clone(),
            gradient_checkpointing: self.gradient_checkpointing.clone(),
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

/// The flag that fills `field` of [`RunDraft`].
fn flag_of(field: &str) -> String {
    let flag = match field {
        "lora_r" => "lora-rank",
        "num_train_epochs" => "epochs",
        "lr_scheduler_type" => "schedule",
        "label_smoothing_factor" => "label-smoothing",
        "eval_strategy" => "eval-steps",
        "metric_for_best_model" => "metric-for-best",
        other => return format!("--{}", other.replace('_', "-")),
    };
    format!("--{flag}")
}

impl ReadArgs {
    fn is_empty(&self) -> bool {
        let typed = [
            &self.text_column,
            &self.label_column,
            &self.shape,
            &self.prompt_column,
            &self.input_column,
            &self.completion_column,
            &self.messages_column,
            &self.delimiter,
            &self.header,
        ];
        !self.as_chat && typed.iter().all(|field| field.is_none())
    }

    fn over(&self, base: &ReadOptions, problems: &mut Vec<String>) -> ReadOptions {
        let mut read = base.clone();
        let columns = [
            (&self.text_column, &mut read.text_column),
            (&self.label_column, &mut read.label_column),
            (&self.prompt_column, &mut read.prompt_column),
            (&self.input_column, &mut read.input_column),
            (&self.completion_column, &mut read.completion_column),
            (&self.messages_column, &mut read.messages_column),
        ];
        for (typed, column) in columns {
            if typed.is_some() {
                *column = typed.clone();
            }
        }
        read.as_chat |= self.as_chat;
        if let Some(text) = &self.shape {
            match DataShape::ALL.into_iter().find(|shape| shape.name() == text) {
                Some(shape) => read.shape = Some(shape),
                None => {
                    let names = DataShape::ALL.map(DataShape::name).join(", ");
                    problems.push(format!("--shape: {text:?} is not one of {names}"));
                }
            }
        }
        if let Some(text) = &self.delimiter {
            let mut characters = text.chars();
            match (text.as_str(), characters.next(), characters.next()) {
                ("tab" | "\\t", ..) => read.delimiter = Some('\t'),
                (_, Some(one), None) => read.delimiter = Some(one),
                _ => problems.push(format!("--delimiter: {text:?} is not one character or tab")),
            }
        }
        if let Some(text) = &self.header {
            match text.as_str() {
                "yes" => read.has_header = Some(true),
                "no" => read.has_header = Some(false),
                _ => problems.push(format!("--header: {text:?} is not one of yes, no")),
            }
        }
        read
    }
}

fn parse_task(text: &str) -> Result<Task, String> {
    match text {
        "sequence-classification" => Ok(Task::SequenceClassification),
        "causal-lm" => Ok(Task::CausalLm),
        _ => Err("it is not one of sequence-classification, causal-lm".into()),
    }
}

fn parse_format(text: &str) -> Result<ExportFormat, String> {
    match text {
        "adapter" => Ok(ExportFormat::Adapter),
        "merged" => Ok(ExportFormat::Merged),
        _ => Err("it is not one of adapter, merged".into()),
    }
}

impl GenerateArgs {
    /// Device and sampling, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, SamplingConfig), Usage> {
        let defaults = SamplingConfig::default();
        let draws = self.do_sample || self.temperature.is_some() || self.top_k.is_some() || self.top_p.is_some();
        let sampling = SamplingConfig {
            do_sample: draws,
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            repetition_penalty: self.repetition_penalty,
            max_new_tokens: self.max_new_tokens,
            seed: self.seed,
            stop: self.stop.clone(),
        };
        let mut problems = Vec::new();
        let device = DeviceChoice::parse(&self.device).unwrap_or_else(|message| {
            problems.push(format!("--device: {message}"));
            DeviceChoice::Auto
        });
        if let Err(found) = sampling.check() {
            problems.extend(found.iter().map(|p| format!("--{}: {}", p.field.replace('_', "-"), p.message)));
        }
        if problems.is_empty() { Ok((device, sampling)) } else { Err(Usage(problems)) }
    }
}

impl EvalArgs {
    /// Device and reading options, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self, base: &ReadOptions) -> Result<(DeviceChoice, ReadOptions), Usage> {
        device_and_read(&self.device, &self.read, base)
    }
}

impl PredictArgs {
    /// Device and reading options, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions), Usage> {
        device_and_read(&self.device, &self.read, &ReadOptions::default())
    }
}

fn device_and_read(device: &str, read: &ReadArgs, base: &ReadOptions) -> Result<(DeviceChoice, ReadOptions), Usage> {
    let mut problems = Vec::new();
    let device = DeviceChoice::parse(device).unwrap_or_else(|message| {
        problems.push(format!("--device: {message}"));
        DeviceChoice::Auto
    });
    let read = read.over(base, &mut problems);
    if problems.is_empty() { Ok((device, read)) } else { Err(Usage(problems)) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn train(flags: &[&str]) -> TrainArgs {
        let line = ["hone", "train", "--model", "m", "--data", "d.csv", "--output", "o"];
        let cli = Cli::try_parse_from(line.iter().chain(flags)).expect("parses");
        match cli.command {
            Command::Train(args) => *args,
            other => panic!("not train: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_run() {
        let args = train(&["--epochs", "5", "--schedule", "cosine", "--eval-steps", "50", "--delimiter", "tab"]);
        let settings = args.settings(&Settings::default()).expect("all good");
        assert_eq!(settings.run.num_train_epochs, 5);
        assert_eq!(settings.run.lr_scheduler_type, hone_core::config::LrSchedulerType::Cosine);
        assert_eq!(settings.run.eval_strategy, hone_core::config::EvalStrategy::Steps(50));
        assert_eq!(settings.read.delimiter, Some('\t'));
    }

    #[test]
    fn every_wrong_flag_is_named_at_once() {
        let args = train(&["--epochs", "-1", "--schedule", "step", "--header", "maybe", "--device", "tpu"]);
        let Usage(problems) = args.settings(&Settings::default()).expect_err("four are wrong");
        let flags: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap_or_default()).collect();
        assert_eq!(flags, ["--device", "--header", "--epochs", "--schedule"]);
    }

    #[test]
    fn every_run_setting_has_a_flag() {
        let known = Cli::command();
        let train = known.find_subcommand("train").expect("train is there");
        let draft = serde_json::to_value(RunDraft::default()).expect("plain data");
        for field in draft.as_object().expect("a struct").keys() {
            let flag = flag_of(field);
            let found = train.get_arguments().any(|a| a.get_long().is_some_and(|long| format!("--{long}") == flag));
            assert!(found, "{field} has no flag {flag}");
        }
    }

    #[test]
    fn a_resumed_run_keeps_its_settings() {
        let Usage(problems) =
            train(&["--resume", "--epochs", "9"]).settings(&Settings::default()).expect_err("settings may not change");
        assert!(problems[0].contains("settings of the checkpoint"), "{problems:?}");
    }
}
