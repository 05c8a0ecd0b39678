//! Flags of the commands that use a model: eval, predict, generate, export.

use std::path::PathBuf;

use clap::Args;
use hone_core::config::{ConfigProblem, ExportFormat, PromptFormat, ReadOptions};
use hone_core::generate::{EarlyStopping, OutputFilters, SamplingConfig};
use hone_core::task::{Task, TaskInput};

use super::read::ReadArgs;
use super::{AUTO, OF_MODEL, parse_format, parse_task, predicted, task_help};
use crate::device::DeviceChoice;
use crate::failure::Usage;

/// Seed of the draws of `hone generate` where none is given.
const SEED: u64 = 42;

/// `hone eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Fine-tuned model: a folder (also one that holds an adapter), or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Adapter in PEFT's layout to put on the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// Rows to measure, in the form of those that it was trained on; of images a folder or a zip
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) data: PathBuf,
    #[arg(long, value_name = "TASK", value_parser = parse_task, help = task_help("What is measured", Task::ALL, OF_MODEL))]
    pub(crate) task: Option<Task>,
    /// Of a model that writes: also write texts for the first N prompts or sources, as its generation_config.json says and else with
    /// the likeliest token each time, and score them (BLEU, chrF, ROUGE-1, ROUGE-2, ROUGE-L, exact match)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) generate: usize,
    /// Most tokens of such a text [default: as that file says, up to 256; else 64, of one text turned into another as many as a target
    /// had in training]
    #[arg(long, value_name = "N", requires = "generate")]
    pub(crate) max_new_tokens: Option<u32>,
    /// Also write these texts with their prompts, as JSON Lines that hone rate and hone compare read
    #[arg(long, value_name = "FILE", requires = "generate")]
    pub(crate) save_texts: Option<PathBuf>,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
    device: String,
    /// Write the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write what was predicted for each row, as JSON Lines that hone compare reads; not for vectors
    #[arg(long, value_name = "FILE")]
    pub(crate) predictions: Option<PathBuf>,
    /// Also measure the rows of each value of COLUMN beside all others, the worst first; "length" takes them apart by how long
    /// they are; may be given more than once
    #[arg(long, value_name = "COLUMN")]
    pub(crate) slice_by: Vec<String>,
    /// The same for rows with WORD in their text; may be given more than once
    #[arg(long, value_name = "WORD")]
    pub(crate) slice_contains: Vec<String>,
    /// Of a model that gives texts one label: also say how often the answer changes where words are swapped, such as he=she; both
    /// ways at once, as whole words; "pronouns" is a list of English ones; may be given more than once
    #[arg(long, value_name = "WORD=WORD")]
    pub(crate) swap: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
}

/// `hone compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// What hone eval --predictions or --save-texts wrote of one model, or the folder that holds it as predictions.jsonl
    #[arg(value_name = "A")]
    pub(crate) first: PathBuf,
    /// The same of another model, on the same rows
    #[arg(value_name = "B")]
    pub(crate) second: PathBuf,
    /// Write JSON, with all p-values
    #[arg(long)]
    pub(crate) json: bool,
}

/// `hone generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Model that writes: a folder (also one that holds an adapter), or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Adapter in PEFT's layout to put on the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// Text to continue or to turn into another, given to the model in the form of the prompts that it was trained on
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) prompt: Option<String>,
    /// File with a prompt in each row, or with a text that is to be turned into another: a table, JSON Lines or lines of text. What is
    /// written comes beside each, with why it ended
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "chat", "compare"])]
    pub(crate) data: Option<PathBuf>,
    /// Column of --data that holds them [default: as in training, else known by its name]
    #[arg(long, value_name = "COLUMN", requires = "data", conflicts_with_all = ["prompt", "chat", "compare"])]
    pub(crate) column: Option<String>,
    /// Whether the first row of --data names the columns: yes or no [default: guessed]
    #[arg(long, value_name = "YES|NO", value_parser = parse_yes_no)]
    #[arg(requires = "data", conflicts_with_all = ["prompt", "chat", "compare"])]
    pub(crate) header: Option<bool>,
    /// File for what is written of --data, .csv, .jsonl or .json [default: standard output]
    #[arg(long, value_name = "FILE", requires = "data", conflicts_with_all = ["prompt", "chat", "compare"])]
    pub(crate) output: Option<PathBuf>,
    /// How a prompt is given to the model: plain (as it stands), newline, qa, chat (the model's template), or a text with
    /// {prompt} and {completion} [default: as the model's job file says, else plain]
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with = "chat")]
    prompt_format: Option<String>,
    /// Talk with the model, turn by turn, through its chat template (with --prompt: one turn)
    #[arg(long)]
    pub(crate) chat: bool,
    /// System turn of a chat
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub(crate) system: Option<String>,
    /// Show what the model writes without its adapter, too
    #[arg(long)]
    pub(crate) compare: bool,
    /// Draw tokens instead of taking the likeliest [default: as generation_config.json of the model says, else the likeliest]
    #[arg(long)]
    do_sample: bool,
    /// Above 1 more varied, below 1 more certain (draws tokens); 0 takes the likeliest token each time [default: as that file says,
    /// else 1]
    #[arg(long, value_name = "T", value_parser = parse_real)]
    temperature: Option<f64>,
    /// Draw among the K likeliest tokens; 0 is all (draws tokens) [default: as that file says, else 50]
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,
    /// Draw among the likeliest tokens that together have this probability (draws tokens) [default: as that file says, else 1]
    #[arg(long, value_name = "P", value_parser = parse_real)]
    top_p: Option<f64>,
    /// Above 1: tokens that were there already become less likely [default: as that file says, else 1]
    #[arg(long, value_name = "PENALTY", value_parser = parse_real)]
    repetition_penalty: Option<f64>,
    /// No sequence of N tokens comes twice, those of the prompt counted; 0 is off [default: as that file says, else 0]
    #[arg(long, value_name = "N")]
    no_repeat_ngram_size: Option<u32>,
    /// Search N texts side by side and write the likeliest as a whole, which comes in one piece at the end; 1 is off [default: as that
    /// file says where nothing is drawn, else 1]
    #[arg(long, value_name = "N")]
    num_beams: Option<u32>,
    /// With beams: above 0 long texts score better, below 0 short ones [default: as that file says, else 1]
    #[arg(long, value_name = "PENALTY", value_parser = parse_real, allow_negative_numbers = true)]
    length_penalty: Option<f64>,
    /// With beams, when the search ends once N texts have ended: true (at once), false (when none that runs on scores
    /// better at its length) or never (when none can score better at any length) [default: as that file says, else false]
    #[arg(long, value_name = "WHEN", value_parser = parse_early_stopping)]
    early_stopping: Option<EarlyStopping>,
    /// Most tokens to write [default: as that file says, by this or by max_length (prompt and text together), else 64]
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<u32>,
    /// Seed of the draws [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Text at which to stop; may be given more than once
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,
    /// Word or phrase to replace in what is written, as a whole word and whatever its case; may be given more than once. The text
    /// then comes in one piece at the end, and how much was replaced is counted
    #[arg(long, value_name = "WORD")]
    block_word: Vec<String>,
    /// Replace mail addresses, phone numbers, account and card numbers, too; names are not found
    #[arg(long)]
    block_personal_data: bool,
    /// What stands in the place of what is replaced [default: the word removed, in brackets]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    replacement: Option<String>,
    /// Write JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
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
    /// Folder for the result
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Replace what --output holds as a whole
    #[arg(long)]
    pub(crate) force: bool,
    /// Don't open again what was written, to compare its answers with those of the model in memory
    #[arg(long)]
    pub(crate) no_verify: bool,
}

/// `hone predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Images to answer: files, folders of them, or zips
    #[arg(value_name = "IMAGE|DIR", conflicts_with_all = ["data", "text"])]
    pub(crate) images: Vec<PathBuf>,
    /// Fine-tuned model: a folder (also one that holds an adapter), or a hub id
    #[arg(long, value_name = "DIR|ID")]
    pub(crate) model: String,
    /// Adapter in PEFT's layout to put on the model
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// Rows to answer: CSV, TSV, JSON Lines or a JSON array; where names are sought also CoNLL, or lists of tokens.
    /// Labels and tags are not needed. Of images a folder or a zip
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "text")]
    pub(crate) data: Option<PathBuf>,
    /// A text to answer (of a pair the first, of a question the question); may be given more than once
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Vec<String>,
    /// Second text of a pair, or the text in which the answer is sought: one for each --text, in their order
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "text", visible_alias = "context")]
    text_pair: Vec<String>,
    #[arg(long, value_name = "TASK", value_parser = parse_task, help = task_help("What is answered", &predicted(), OF_MODEL))]
    pub(crate) task: Option<Task>,
    /// File for the result: .csv, .json or .jsonl [default: CSV on standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write JSON Lines instead of CSV
    #[arg(long)]
    pub(crate) json: bool,
    /// Mark answers whose highest probability is below P, where one label is given [default: what was chosen when the model was
    /// exported, else none is marked]
    #[arg(long, value_name = "P", value_parser = parse_probability)]
    pub(crate) unsure_below: Option<f64>,
    /// Say what each word of a text adds to its answer (integrated gradients), in the place of answers: of the label that is given,
    /// of the first number, or of the label or number NAME
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[arg(conflicts_with = "unsure_below")]
    pub(crate) explain: Option<String>,
    /// What computes: auto, cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = AUTO)]
    device: String,
    #[command(flatten)]
    read: ReadArgs,
}

impl GenerateArgs {
    /// Device, sampling, and how the prompt is given to the model where that was said, checked as far as that goes without the model's
    /// own file: [`GenerateArgs::check_with_model`] checks the rest.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, SamplingConfig, Option<PromptFormat>), Usage> {
        let defaults = SamplingConfig::default();
        let draws = self.draws();
        let sampling = SamplingConfig {
            do_sample: draws,
            temperature: self.temperature.filter(|&temperature| temperature != 0.0).unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: defaults.min_p,
            repetition_penalty: self.repetition_penalty.unwrap_or(defaults.repetition_penalty),
            no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(defaults.no_repeat_ngram_size),
            num_beams: self.num_beams.unwrap_or(defaults.num_beams),
            length_penalty: self.length_penalty.unwrap_or(defaults.length_penalty),
            early_stopping: self.early_stopping.unwrap_or(defaults.early_stopping),
            max_new_tokens: self.max_new_tokens.unwrap_or(defaults.max_new_tokens),
            max_length: defaults.max_length,
            seed: self.seed.unwrap_or(SEED),
            stop: self.stop.clone(),
            rules: defaults.rules,
            filters: OutputFilters {
                words: self.block_word.clone(),
                personal_data: self.block_personal_data,
                replacement: self.replacement.clone().unwrap_or_else(|| OutputFilters::default().replacement),
            },
        };
        let mut problems = Vec::new();
        let device = DeviceChoice::parse(&self.device).unwrap_or_else(|message| {
            problems.push(format!("--device: {message}"));
            DeviceChoice::Auto
        });
        if self.prompt.is_none() && self.data.is_none() && !self.chat {
            problems.push("say what the model is to write on from: --prompt TEXT, --data FILE or --chat".to_owned());
        }
        if self.temperature == Some(0.0) && (self.do_sample || self.top_k.is_some() || self.top_p.is_some()) {
            let others = "--do-sample, --top-k and --top-p have no effect beside it";
            problems.push(format!("--temperature: 0 takes the likeliest token each time, so {others}"));
        }
        if self.replacement.is_some() && sampling.filters.is_empty() {
            problems.push(
                "--replacement: has no effect where nothing is replaced (--block-word, --block-personal-data)"
                    .to_owned(),
            );
        }
        // Whether there are beams is known once the model's own file was read.
        let found = if self.may_be_of_own_beams() { sampling.check_values() } else { sampling.check() };
        problems.extend(found.err().into_iter().flatten().map(|problem| as_writing_flag(&problem)));
        let format = self.prompt_format.as_deref().map(PromptFormat::parse_typed).transpose();
        let format = format.unwrap_or_else(|error| {
            problems.push(format!("--prompt-format: {error}"));
            None
        });
        if problems.is_empty() { Ok((device, sampling, format)) } else { Err(Usage(problems)) }
    }

    /// Whether flags ask to draw tokens.
    fn draws(&self) -> bool {
        let is_greedy = self.temperature == Some(0.0);
        let is_typed = self.temperature.is_some() || self.top_k.is_some() || self.top_p.is_some();
        !is_greedy && (self.do_sample || is_typed)
    }

    /// Whether flags say how beams are searched, and the model's own file how many there are.
    fn may_be_of_own_beams(&self) -> bool {
        (self.length_penalty.is_some() || self.early_stopping.is_some()) && self.num_beams.is_none() && !self.draws()
    }

    /// Checks what the flags and the model's own file come to.
    ///
    /// # Errors
    /// [`Usage`] with every flag that has no effect with the rest, or does not go with it.
    pub(crate) fn check_with_model(&self, sampling: &SamplingConfig) -> Result<(), Usage> {
        let (has_beams, draws) = (sampling.num_beams > 1, sampling.do_sample);
        let without_beams = match draws {
            true => "has no effect where tokens are drawn: leave it out, or search with --num-beams N",
            false => {
                "has no effect without beams, and neither --num-beams nor the model's generation_config.json asks for any"
            }
        };
        let no_effect = [
            ("length_penalty", self.length_penalty.is_some() && !has_beams, without_beams),
            ("early_stopping", self.early_stopping.is_some() && !has_beams, without_beams),
            ("seed", self.seed.is_some() && !draws, "has no effect where nothing is drawn (--do-sample draws tokens)"),
        ];
        let mut problems: Vec<ConfigProblem> = no_effect
            .into_iter()
            .filter(|(_, is_unused, _)| *is_unused)
            .map(|(field, _, message)| ConfigProblem { field: field.to_owned(), message: message.to_owned() })
            .collect();
        for problem in sampling.check().err().into_iter().flatten() {
            if problems.iter().all(|known| known.field != problem.field) {
                problems.push(problem);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Usage(problems.iter().map(as_writing_flag).collect())) }
    }

    /// Whether a setting of the same name in a model's generation_config.json gives way to a flag.
    pub(crate) fn is_typed(&self, setting: &str) -> bool {
        match setting {
            "do_sample" => self.draws() || self.temperature.is_some(),
            "repetition_penalty" => self.repetition_penalty.is_some(),
            "no_repeat_ngram_size" => self.no_repeat_ngram_size.is_some(),
            "num_beams" => self.num_beams.is_some(),
            "length_penalty" => self.length_penalty.is_some(),
            "early_stopping" => self.early_stopping.is_some(),
            "temperature" => self.temperature.is_some(),
            "top_k" => self.top_k.is_some(),
            "top_p" => self.top_p.is_some(),
            "max_new_tokens" | "max_length" => self.max_new_tokens.is_some(),
            _ => false,
        }
    }
}

impl EvalArgs {
    /// Device and reading options, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions), Usage> {
        device_and_read(&self.device, &self.read)
    }
}

impl PredictArgs {
    /// Device and reading options, checked.
    ///
    /// # Errors
    /// [`Usage`] with every flag that can't be used.
    pub(crate) fn settings(&self) -> Result<(DeviceChoice, ReadOptions), Usage> {
        if self.data.is_none() && self.text.is_empty() && self.images.is_empty() {
            return Err(Usage(vec![
                "say what is to be answered: --text TEXT, --data FILE, or files of images".to_owned(),
            ]));
        }
        let (num_texts, num_pairs) = (self.text.len(), self.text_pair.len());
        if num_pairs > 0 && num_pairs != num_texts {
            let found = format!("--text-pair: there are {num_pairs} of them and {num_texts} of --text");
            return Err(Usage(vec![found]));
        }
        if self.data.is_none() && !self.read.is_empty() {
            let unused = |flag| format!("{flag}: has no effect without --data");
            return Err(Usage(self.read.typed_flags().into_iter().map(unused).collect()));
        }
        device_and_read(&self.device, &self.read)
    }

    /// Flags that say how rows are read, of those that were typed.
    pub(crate) fn flags_of_reading(&self) -> Vec<&'static str> {
        self.read.typed_flags()
    }

    /// The inputs that were typed.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = TaskInput> {
        let second = |index: usize| self.text_pair.get(index).cloned();
        let input =
            move |(index, text): (usize, &String)| TaskInput { text: text.clone(), second: second(index), image: None };
        self.text.iter().enumerate().map(input)
    }
}

/// A problem of a setting under the name of its flag of `hone generate`.
fn as_writing_flag(problem: &ConfigProblem) -> String {
    let flag = if problem.field == "blocked_words" { "block-word".into() } else { problem.field.replace('_', "-") };
    format!("--{flag}: {}", problem.message)
}

/// A number with decimals.
fn parse_real(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| "it is not a number such as 0.7, with a point before decimals".to_owned())
}

/// A number from 0 to 1.
fn parse_probability(text: &str) -> Result<f64, String> {
    let value = parse_real(text)?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("it is not between 0 and 1".to_owned()) }
}

fn parse_yes_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("it is not one of yes, no".to_owned()),
    }
}

fn parse_early_stopping(text: &str) -> Result<EarlyStopping, String> {
    text.trim().parse()
}

/// Reading options are those that were typed: what the model was trained with is laid under them when it is loaded.
pub(super) fn device_and_read(device: &str, read: &ReadArgs) -> Result<(DeviceChoice, ReadOptions), Usage> {
    let mut problems = Vec::new();
    let device = DeviceChoice::parse(device).unwrap_or_else(|message| {
        problems.push(format!("--device: {message}"));
        DeviceChoice::Auto
    });
    let read = read.over(&ReadOptions::default(), &mut problems);
    if problems.is_empty() { Ok((device, read)) } else { Err(Usage(problems)) }
}
