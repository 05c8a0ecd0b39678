//! What can be typed on the command line. Settings of a run are kept as text and checked all at once by
//! [`TrainArgs::settings`], so that a person with three mistakes reads about three mistakes.

mod augment;
mod changes;
mod data;
mod labels;
mod lists;
mod of_task;
mod part;
mod project;
mod rate;
mod read;
mod report;
mod run;
mod share;
mod sweep;
mod using;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Parser, Subcommand};
use hone_core::config::{
    ConfigProblem, ExportFormat, MadeCopies, Method, ModelChanges, ReadOptions, RowEdits, RunConfig, RunDraft,
};
use hone_core::hub::{KNOWN_MODELS, ModelFamily};
use hone_core::session::protocol::ModelInfo;
use hone_core::task::{Task, guess_for_model_as_read};

use crate::device::DeviceChoice;
use crate::failure::{EXIT_CODES, Usage};
use crate::output::read_file;
pub(crate) use augment::DataAugmentArgs;
use changes::ChangeArgs;
pub(crate) use data::{DataCommand, DataReportArgs};
pub(crate) use labels::{BaselineArgs, LabelErrorArgs, RankArgs};
pub(crate) use lists::{ModelsCommand, RunsArgs};
pub(crate) use of_task::{describe, no_effect, unused_columns};
pub(crate) use part::PartArg;
use part::parse_part;
pub(crate) use rate::RateArgs;
use read::ReadArgs;
pub(crate) use report::ReportArgs;
use run::{RunArgs, blank_fields, flag_of, lora_fields, with_example};
use share::ShareArgs;
pub(crate) use sweep::SweepArgs;
pub(crate) use using::{CompareArgs, EvalArgs, ExportArgs, GenerateArgs, PredictArgs};

/// The output folder of a command that writes none; never read: `check_output` and `check_model` pass over it where `writes_nothing`.
const NO_OUTPUT: &str = ".";

/// What computes where nothing was typed.
const AUTO: &str = "auto";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "hone",
    version,
    about = "Fine-tunes small pretrained transformers on this machine",
    after_help = EXIT_CODES,
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fine-tune a model for one task or several, and write a Hugging Face folder for each
    #[command(after_help = EXIT_CODES)]
    Train(Box<TrainArgs>),
    /// Try many settings, folds or seeds of one job, and keep the best
    #[command(after_help = sweep::EXAMPLE)]
    Sweep(SweepArgs),
    /// Measure in seconds what a pretrained model tells of labels without training
    Baseline(BaselineArgs),
    /// Measure a fine-tuned model on a file of rows
    Eval(EvalArgs),
    /// Say whether one of two models is better on the same rows, or lucky
    Compare(CompareArgs),
    /// Rate without their names which of two models writes better, pair by pair
    #[command(after_help = rate::KEYS)]
    Rate(RateArgs),
    /// Ask a fine-tuned model for labels, numbers, names, answers, blanks or vectors
    Predict(PredictArgs),
    /// Continue a prompt with a language model
    Generate(GenerateArgs),
    /// Write a tuned model in another form
    Export(ExportArgs),
    /// List the runs whose output folders lie in a folder, with their state and figures
    Runs(RunsArgs),
    /// Make one page of all that a run has to say, to read and print
    Report(ReportArgs),
    /// Look at rows before they are trained on
    #[command(subcommand)]
    Data(DataCommand),
    /// Pretrained models: what is known and cached, and how to fetch one
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Write a shell's completions for hone to standard output
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages to standard output, or one file each into a folder
    Man {
        /// Folder for hone.1, hone-train.1 and the others
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `hone train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Pretrained model: a folder, or a hub id such as sentence-transformers/all-MiniLM-L6-v2
    // Where the output folder is missing too, all that is missing is named at once; else by `settings`.
    #[arg(long, value_name = "DIR|ID")]
    #[arg(required_unless_present_any = ["output", "job", "project", "resume", "plan", "find_learning_rate"])]
    pub(crate) model: Option<String>,
    /// Rows to learn from: CSV, TSV, JSON, JSON Lines, CoNLL or plain text, as suits the task; of images a folder or a zip
    /// that has a folder for each label, or a table of file names and labels (examples: docs/tasks.md)
    #[arg(long, value_name = "FILE|DIR")]
    #[arg(required_unless_present_any = ["part", "output", "job", "project", "resume", "plan", "find_learning_rate"])]
    pub(crate) data: Option<PathBuf>,
    /// Validation rows of your own [default: a share of --data]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) valid: Option<PathBuf>,
    /// Test rows of your own [default: a share of --data; none with --valid]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) test: Option<PathBuf>,
    /// One of several tasks that are learned at once, on one encoder, in the place of --data: its name, what is learned
    /// (may be empty: guessed) and its rows, such as topic:sequence-classification:topics.csv. Given once for each; --output
    /// gets a folder for each, here topic, which is a model like any other to eval and predict
    #[arg(long, value_name = "NAME:TASK:FILE", value_parser = parse_part)]
    pub(crate) part: Vec<PartArg>,
    /// Folder for the tuned model; not needed where nothing is written (--plan, --find-learning-rate)
    #[arg(long, value_name = "DIR", default_value = NO_OUTPUT, hide_default_value = true)]
    #[arg(required_unless_present_any = ["plan", "find_learning_rate"])]
    pub(crate) output: PathBuf,
    /// Job file (hone.json) whose settings are the base; flags given here win
    #[arg(long, value_name = "FILE")]
    pub(crate) job: Option<PathBuf>,
    /// Project file (.hone) that the page saved: a run with its rows, or all runs of a project, of which one is taken. It goes on
    /// where it was cut off; settings given here start it anew
    #[arg(long, value_name = "FILE")]
    pub(crate) project: Option<PathBuf>,
    /// Which run of --project, by the number that hone runs shows [default: the best when it was saved, else the last]
    #[arg(long, value_name = "N", requires = "project")]
    pub(crate) project_run: Option<u32>,
    /// Go on from the checkpoint that an interrupted run left in --output
    #[arg(long)]
    pub(crate) resume: bool,
    /// With --resume: compute each batch in twice as many parts, in about half the memory and with the same steps; for a run that
    /// the system ended when memory ran out
    #[arg(long, requires = "resume")]
    pub(crate) cut_batches: bool,
    /// Say what the run would take, steps, minutes and memory, from two steps that are timed, and stop
    #[arg(long, conflicts_with_all = ["resume", "part"])]
    pub(crate) plan: bool,
    /// Raise the learning rate from step to step, from 1e-7 to 1 in 100 steps, show how the loss moves, suggest a rate, and
    /// stop; nothing is written. Folds, seeds and other settings are tried by hone sweep
    #[arg(long, conflicts_with_all = ["resume", "part", "plan"])]
    pub(crate) find_learning_rate: bool,
    /// Replace what --output holds, a run or other files, as a whole
    #[arg(long)]
    pub(crate) force: bool,
    /// Also measure the model as it was before tuning on the test rows, and what labels can be told without training; a
    /// language model also on a general text, to see what it forgot
    #[arg(long)]
    pub(crate) compare: bool,
    /// General text of your own for --compare, a plain text file [default: a bundled one]
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub(crate) general_text: Option<PathBuf>,
    #[arg(long, value_name = "TASK", value_parser = parse_task, help = task_help("What is learned", Task::ALL, GUESSED))]
    pub(crate) task: Option<Task>,
    /// What an adapter run is written as: adapter (for PEFT) or merged (a whole model) [default: adapter; merged of a model
    /// that was changed]
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    pub(crate) format: Option<ExportFormat>,
    /// Don't open again what was written, to compare its answers with those of the model in memory
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// What computes: auto, cpu, wgpu or cuda [default: auto]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Write one JSON event a line to standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder to log the run in as it goes: its events as JSON Lines, and event files for TensorBoard; --logging-dir is the same
    #[arg(long, value_name = "DIR", alias = "logging-dir", conflicts_with_all = ["plan", "find_learning_rate"])]
    pub(crate) log_dir: Option<PathBuf>,
    /// Edits of single rows, a file that the page saved; they take the place of those in the job file
    #[arg(long, value_name = "FILE")]
    edits: Option<PathBuf>,
    /// Copies of training rows that a model made, a file that hone data augment --copies wrote; they take the place of those in the job
    /// file
    #[arg(long, value_name = "FILE")]
    copies: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    share: ShareArgs,
    #[command(flatten)]
    changes: ChangeArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// What was typed for `hone train`, checked; also what it starts from before the flags.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) device: DeviceChoice,
    pub(crate) read: ReadOptions,
    pub(crate) changes: ModelChanges,
    pub(crate) run: RunConfig,
}

impl TrainArgs {
    /// Whether nothing is trained to be kept, and so nothing is written to the output folder.
    pub(crate) fn writes_nothing(&self) -> bool {
        self.plan || self.find_learning_rate
    }

    /// Whether a setting was typed.
    pub(crate) fn has_typed(&self, name: &str) -> bool {
        self.run.draft().typed(name).is_some()
    }

    /// Problems of flags that say which rows are held out, for a run that holds out none.
    pub(crate) fn unused_without_splits(&self) -> Vec<ConfigProblem> {
        self.share.unused_without_splits()
    }

    /// Puts the edits and copies of rows whose files were named in the place of those of `read`.
    ///
    /// # Errors
    /// When a file can't be read, or is none of such.
    pub(crate) fn read_row_files(&self, read: &mut ReadOptions) -> anyhow::Result<()> {
        let unusable = |flag: &str, error: String, path: &Path| anyhow!("{flag}: {error}: {}", path.display());
        if let Some(path) = &self.edits {
            let bytes = read_file("read the edits of rows", path)?;
            read.edits = RowEdits::from_json(&bytes).map_err(|error| unusable("--edits", error, path))?;
        }
        if let Some(path) = &self.copies {
            let bytes = read_file("read the copies of rows", path)?;
            read.copies = MadeCopies::from_json(&bytes).map_err(|error| unusable("--copies", error, path))?;
        }
        Ok(())
    }

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
        let mut read = self.read.over(&base.read, &mut problems);
        read.sharing = self.share.over(&base.read.sharing, self.valid.is_some(), &mut problems);
        let changes = self.changes.over(&base.changes, &mut problems);
        let draft = self.run.draft();
        problems.extend(blank_fields(draft).map(|field| format!("{}: is empty", flag_of(field))));
        let run = match draft.resolve(&base.run) {
            Ok(run) => {
                problems.extend(self.unused(draft, &changes, run.method));
                run
            }
            Err(found) => {
                let found: Vec<_> = found.into_iter().map(|problem| with_example(draft, problem)).collect();
                problems.extend(as_flags(&found));
                base.run.clone()
            }
        };
        problems.extend(self.problems_of_parts());
        problems.extend(self.problems_of_project());
        if self.find_learning_rate {
            let of_rates = ["learning_rate", "lr_scheduler_type", "warmup_ratio"].into_iter();
            let typed = of_rates.filter(|name| draft.typed(name).is_some()).map(flag_of);
            let why = "has no effect with --find-learning-rate, which raises the rate by itself";
            problems.extend(typed.map(|flag| format!("{flag}: {why}")));
        }
        if self.resume {
            if !self.part.is_empty() {
                problems.push("--part: --resume takes the tasks and their files from the checkpoint".into());
            }
            if self.job.is_some() {
                problems.push("--job: --resume takes the job from the checkpoint".into());
            }
            if self.task.is_some() {
                problems.push("--task: --resume takes what is learned from the checkpoint".into());
            }
            let edits = self.edits.is_some() || self.copies.is_some();
            let reads_otherwise = !self.read.is_empty() || !self.share.is_empty() || edits;
            if !draft.is_empty() || reads_otherwise || !self.changes.is_empty() {
                problems
                    .push("--resume: goes on with the settings of the checkpoint, so no setting may be given".into());
            }
        } else {
            let no_job = self.job.is_none() && self.project.is_none();
            if no_job && self.model.is_none() {
                problems.push("--model: say which model to train (a folder or a hub id)".into());
            }
            if no_job && self.data.is_none() && self.part.is_empty() {
                problems.push("--data: say which file to train on".into());
            }
        }
        if problems.is_empty() { Ok(Settings { device, read, changes, run }) } else { Err(Usage(problems)) }
    }

    /// Flags that were typed and have no effect on a run of `method`.
    fn unused(&self, draft: &RunDraft, changes: &ModelChanges, method: Method) -> Vec<String> {
        let (has_valid, has_test) = (self.valid.is_some(), self.test.is_some());
        let files = [
            ("--valid-fraction", has_valid && draft.typed("valid_fraction").is_some(), "--valid"),
            ("--test-fraction", has_test && draft.typed("test_fraction").is_some(), "--test"),
            // Who brings rows to choose by keeps the training rows whole.
            ("--test-fraction", has_valid && !has_test && draft.typed("test_fraction").is_some(), "--valid"),
        ];
        let mut unused: Vec<String> = files
            .into_iter()
            .filter(|(_, is_unused, _)| *is_unused)
            .map(|(flag, _, file)| format!("{flag}: has no effect with {file}"))
            .collect();
        if method != Method::Lora {
            let adapters = lora_fields(draft).into_iter();
            unused.extend(adapters.map(|field| format!("{}: has no effect without --method lora", flag_of(field))));
            if self.format == Some(ExportFormat::Adapter) {
                unused.push("--format: without --method lora there is no adapter to write".to_owned());
            }
        } else if self.format == Some(ExportFormat::Adapter) && !changes.is_empty() {
            unused.push("--format: an adapter alone fits no model that was changed before: choose merged".to_owned());
        }
        unused
    }
}

/// Problems under the names of the flags that they belong to.
pub(crate) fn as_flags(problems: &[ConfigProblem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}: {}", flag_of(&problem.field), problem.message)).collect()
}

fn parse_task(text: &str) -> Result<Task, String> {
    Task::from_name(&text.replace('-', "_")).ok_or_else(|| format!("it is not one of {}", task_names(Task::ALL)))
}

/// The task where `--task` is not given: of a run, and of a model that is used.
const GUESSED: &str = "guessed from the data, else what the model is for";
const OF_MODEL: &str = "what the model is for";

/// Help of `--task`.
fn task_help(what: &str, tasks: &[Task], default: &str) -> String {
    format!("{what}: {} [default: {default}]", task_names(tasks))
}

/// The tasks whose models `hone predict` asks.
fn predicted() -> Vec<Task> {
    Task::ALL.iter().copied().filter(|task| !task.spec().writes()).collect()
}

/// What `--task` takes.
pub(crate) fn task_name(task: Task) -> String {
    task.name().replace('_', "-")
}

fn task_names(tasks: &[Task]) -> String {
    tasks.iter().map(|&task| task_name(task)).collect::<Vec<_>>().join(", ")
}

/// The task that a model is used for: what was asked of it, else what it is for.
///
/// # Errors
/// When its architecture has no head for what was asked.
pub(crate) fn choose_task(asked: Option<Task>, info: &ModelInfo) -> anyhow::Result<Task> {
    match asked.filter(|asked| !info.tasks.contains(asked)) {
        Some(asked) => anyhow::bail!(
            "this {} model is for {}, not for {}: choose another model, or leave --task out",
            info.model_type,
            task_names(&info.tasks),
            task_name(asked)
        ),
        None => Ok(asked.unwrap_or(info.task)),
    }
}

/// The task of a run: what was asked for, else what the training file is plainly for, or the columns that are named, else what the model
/// is for; and what there is to say where that was guessed.
///
/// # Errors
/// When the model's architecture has no head for what was asked, or the file holds images and the model reads texts.
pub(crate) fn choose_task_of_run(
    asked: Option<Task>,
    info: &ModelInfo,
    (name, bytes): &(String, Vec<u8>),
    read: &ReadOptions,
    from_scratch: bool,
) -> anyhow::Result<(Task, Option<String>)> {
    let reads_images = |task: &&Task| task.spec().family() == ModelFamily::Vision;
    let mut of_images = Task::ALL.iter().filter(reads_images);
    if !info.tasks.iter().any(|task| reads_images(&task))
        && let Some(&task) = of_images.find(|task| task.recognises(name, bytes))
    {
        let known = KNOWN_MODELS.iter().find(|known| known.family == ModelFamily::Vision);
        let such_as = known.map_or_else(String::new, |known| format!(", such as {}", known.id));
        anyhow::bail!(
            "the data are images, and this {} model reads texts: choose a model for {}{such_as}: {name}",
            info.model_type,
            task_name(task)
        );
    }
    if asked.is_some() {
        return Ok((choose_task(asked, info)?, None));
    }
    let can_begin = |task: &Task| !from_scratch || task.spec().settings.contains(&"from_scratch");
    let tasks: Vec<Task> = info.tasks.iter().copied().filter(can_begin).collect();
    let own = Some(info.task).filter(can_begin).or(tasks.first().copied()).unwrap_or(info.task);
    let task = guess_for_model_as_read(name, bytes, read, &tasks, own);
    let guess = || format!("task: {}, guessed from the data; --task chooses another", task_name(task));
    Ok((task, (task != info.task).then(guess)))
}

fn parse_format(text: &str) -> Result<ExportFormat, String> {
    match text {
        "adapter" => Ok(ExportFormat::Adapter),
        "merged" => Ok(ExportFormat::Merged),
        _ => Err("it is not one of adapter, merged".into()),
    }
}

#[cfg(test)]
mod tests;
