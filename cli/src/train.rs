//! `hone train`: drives a session from the files to a Hugging Face folder.

mod figures;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{CheckpointError, read_state};
use hone_core::config::{ConfigProblem, DataHashes, ExportFormat, Job, Method, RunConfig, TaskSettings};
use hone_core::data::{DataError, DataFiles};
use hone_core::report::{Beginning, DataSummary};
use hone_core::session::protocol::ModelInfo;
use hone_core::session::{Session, SessionError, hashes_of};
use hone_core::task::Task;
use hone_core::train::TrainError;
use hone_core::words::plural;
use indicatif::HumanBytes;

use self::figures::{measure_all, measures_forgetting, read_general_text};
use crate::args::{Settings, TrainArgs, as_flags, choose_task_of_run, describe, no_effect, unused_columns};
use crate::checkpoint_dir::{self, Inputs};
use crate::device;
use crate::failure::{DIVERGED, INTERRUPTED, Usage};
use crate::find_rate;
use crate::inputs::data_report;
use crate::model_files::ModelFiles;
use crate::plan::Plan;
use crate::planned;
use crate::progress::{Progress, say, short_count};
use crate::recommend;
use crate::reopen::{self, Written};
use crate::run_log::{self, RunLog};
use crate::run_loop::End;
use crate::run_to_end::{say_what_is_left, train_to_end};
use crate::several;

pub(crate) use self::figures::measure;

/// What to say where batches are not cut.
const BATCHES_STAY: &str = "--cut-batches: the batches of this run can't be cut any further; start it anew with a lower \
    --max-seq-length, or another --method";

/// Runs `hone train`.
///
/// # Errors
/// Anything that keeps the run from ending with a folder; a checkpoint that was written stays.
pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    run_log::check(args.log_dir.as_deref(), &args.output, args.resume, args.force)?;
    let mut plan = Plan::new(args)?;
    if !plan.parts.is_empty() {
        if args.plan {
            return Err(Usage(vec!["--plan: goes with one task, and the job file has several".to_owned()]).into());
        }
        if args.find_learning_rate {
            let message = "--find-learning-rate: goes with one task, and the job file has several";
            return Err(Usage(vec![message.to_owned()]).into());
        }
        return several::run(args, plan);
    }
    let files = plan.read_rows()?;
    let other_rows = warning_of_other_rows(&plan.data_sha256, &files);
    let general = args.general_text.as_deref().map(read_general_text).transpose()?;
    let _lock = if args.writes_nothing() { None } else { Some(plan.lock(args)?) };
    let model = plan.load_model(args)?;
    plan.check_model(args, &model)?;
    let device = device::open(plan.settings.device)?;
    let mut progress = Progress::new(args.json, plan.before_secs);
    progress.note(&format!("device: {}", device.name));
    if let Some(warning) = other_rows {
        progress.note(&warning);
    }

    let opened = open_session(&plan, &files.train, (model, &device.device), &progress)?;
    let OpenSession { mut session, task, info } = opened;
    check_flags(args, &plan, task, info.num_hidden_layers)?;
    let run = plan.settings.run.clone();
    let report = session.load_data(files, &plan.settings.read, &run).map_err(|error| match of_one_setting(&error) {
        Some(_) => name_flags(error),
        None => anyhow::Error::from(error).context(format!("can't use the data in {}", plan.data.display())),
    })?;
    progress.note(&data_report(&report));
    let of_model = (task, info.hidden_size, info.max_position_embeddings);
    if let Some(recommended) = recommend::note(args, of_model, &run, report.split_sizes[0]) {
        progress.note(&recommended);
    }
    add_copies(&session, &run, &progress)?;
    if args.plan {
        progress.clear();
        return planned::run(&mut session, run, &device.device, args.json, &mut progress);
    }
    if args.find_learning_rate {
        return find_rate::run(&mut session, run, args.json, &mut progress);
    }
    session.set_general_text(general.clone());
    let begun = begin(&mut session, args, &mut plan, run)?;
    log_run(args, &mut progress, begun, &device.name, vec![DataSummary::of("", &report)])?;

    let (end, facts) = train_to_end(&mut session, &plan, &args.output, &mut progress)?;
    if end == End::Interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    // The model is written before anything is printed, and whatever becomes of its figures.
    let mut text = String::new();
    let measured = measure_all(&mut session, args, general.as_deref(), &mut progress, &facts, &mut text);
    let written = save(&mut session, args, format_of(args, &plan.settings), &progress)?;
    let files = written.files.iter().map(|(name, bytes)| format!("  {name}  {}\n", HumanBytes(*bytes)));
    let listing = format!("the tuned model is in {}\n{}", args.output.display(), files.collect::<String>());
    close(args, &mut progress, &end, measured, &text, &listing, "the model is")
}

/// Makes the copies that augmentation adds to the rows, and shows how far that is.
///
/// # Errors
/// When the tokenizer fails on one.
fn add_copies(session: &Session, run: &RunConfig, progress: &Progress) -> anyhow::Result<()> {
    while let Some((done, total)) = session.prepare_part(run)? {
        progress.rows("making changed copies", done, total);
    }
    Ok(())
}

/// Starts the run of a plan, or goes on with it: its job, and of one that goes on its step.
///
/// # Errors
/// When the checkpoint is of another run, or a setting does not fit model and rows.
pub(crate) fn begin(
    session: &mut Session,
    args: &TrainArgs,
    plan: &mut Plan,
    run: RunConfig,
) -> anyhow::Result<(Job, Option<u32>)> {
    let Some(checkpoint) = plan.checkpoint.take() else {
        let job = session.start(run).map_err(|error| match error {
            SessionError::Data(_) => {
                anyhow::Error::from(error).context(format!("can't use the data in {}", plan.data.display()))
            }
            other => name_flags(other),
        })?;
        // Only now is it certain that a new run takes the old one's place (--force).
        checkpoint_dir::remove(&args.output)?;
        return Ok((job, None));
    };
    let job = session.resume(&checkpoint).context("can't go on from the checkpoint")?;
    let step = read_state(&checkpoint)?.step;
    if args.cut_batches && !session.cut_batches() {
        return Err(Usage(vec![BATCHES_STAY.to_owned()]).into());
    }
    // Only now is it certain that the run goes on.
    if let Some(damaged) = plan.damaged.take() {
        damaged.move_aside()?;
    }
    if args.cut_batches {
        save_cut(session, plan, &args.output)?;
    }
    plan.keep_unpacked(&args.output, checkpoint)?;
    Ok((job, Some(step)))
}

/// Saves a run that goes on with its batches in more parts, so that its checkpoint knows it from now on: where memory runs out again
/// before the next one is written, they are cut once more.
fn save_cut(session: &mut Session, plan: &Plan, output: &Path) -> anyhow::Result<()> {
    let found = checkpoint_dir::find(output).and_then(|dir| checkpoint_dir::steps_of(&dir));
    let Some((step, total_steps)) = found else { return Ok(()) };
    let inputs = Inputs { total_steps, ..plan.inputs([step, 0], plan.before_secs) };
    let files = block_on(session.stream_checkpoint())?;
    if let Err(error) = block_on(checkpoint_dir::write(output, files, &inputs)) {
        say(&format!("warning: the checkpoint does not know yet that batches are cut: {error:#}"));
    }
    Ok(())
}

/// Logs the run from now on: beside the model, and where the person asked for it.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn log_run(
    args: &TrainArgs,
    progress: &mut Progress,
    (job, resumed_at): (Job, Option<u32>),
    device: &str,
    data: Vec<DataSummary>,
) -> anyhow::Result<()> {
    let mut log = RunLog::open(&args.output, args.log_dir.as_deref(), resumed_at)?;
    let (version, device) = (env!("CARGO_PKG_VERSION").to_owned(), device.to_owned());
    let beginning = Beginning { version, device, job, data };
    log.begin(progress.elapsed_secs(), resumed_at.unwrap_or(0), beginning)?;
    progress.attach(log);
    Ok(())
}

/// A session with a model, and what it is used for.
pub(crate) struct OpenSession {
    pub(crate) session: Session,
    pub(crate) task: Task,
    pub(crate) info: ModelInfo,
}

/// Loads the model of a plan on a device, chooses what it learns of the training rows, and changes it as was asked; says
/// what there is to say of it.
///
/// # Errors
/// When the model can't be used, has no head for the task, or can't be changed so.
pub(crate) fn open_session(
    plan: &Plan,
    rows: &(String, Vec<u8>),
    (model, device): (ModelFiles, &Device),
    progress: &Progress,
) -> anyhow::Result<OpenSession> {
    let Settings { run, changes, read, .. } = &plan.settings;
    let mut session = Session::new(device.clone());
    let info = match run.from_scratch {
        true => session.load_model_without_weights(model.source, model.folder),
        false => session.load_model(model.source, model.folder),
    };
    let info = info.with_context(|| format!("can't use the model in {}", model.dir.display()))?;
    let (task, guess) = choose_task_of_run(plan.task, &info, rows, read, run.from_scratch)?;
    session.set_task(task)?;
    // Which of the weights are fresh, and which are not used, depends on the task.
    let info = session.model_info().unwrap_or(info);
    progress.note(&model_line(&info));
    if let Some(guess) = guess {
        progress.note(&guess);
    }
    let changed = session.change_model(changes, run.seed).map_err(name_flags)?;
    let info = changed.map_or(info, |info| {
        progress.note(&changed_line(&info));
        info
    });
    Ok(OpenSession { session, task, info })
}

/// What a run is written as: as was asked, else its adapter where that fits the model that there was.
pub(crate) fn format_of(args: &TrainArgs, settings: &Settings) -> ExportFormat {
    let goes_alone = settings.run.method == Method::Lora && settings.changes.is_empty();
    args.format.unwrap_or(if goes_alone { ExportFormat::Adapter } else { ExportFormat::Merged })
}

/// Writes what came of the run, which needs its checkpoint no more.
/// What was written is opened again and compared, unless the person does not want that.
pub(crate) fn save(
    session: &mut Session,
    args: &TrainArgs,
    format: ExportFormat,
    progress: &Progress,
) -> anyhow::Result<Written> {
    let to = (args.output.as_path(), args.force);
    let written =
        reopen::export(session, format, to, !args.no_verify).with_context(|| say_what_is_left(&args.output))?;
    progress.note(&written.told);
    checkpoint_dir::remove(&args.output)?;
    Ok(written)
}

/// Prints `figures` and the `listing` of what was written; then says what went wrong, if anything did, and where the
/// weights are all the same. `subject` is "the model is", or what stands for it.
pub(crate) fn close(
    args: &TrainArgs,
    progress: &mut Progress,
    end: &End,
    measured: anyhow::Result<()>,
    figures: &str,
    listing: &str,
    subject: &str,
) -> anyhow::Result<ExitCode> {
    if args.json {
        progress.note(listing.trim_end());
    } else {
        progress.print(&format!("{figures}{listing}"));
    }
    let output = args.output.display();
    if let End::Diverged { step, weights_of_step, measured } = end {
        progress.note(&format!(
            "warning: the run diverged at step {step}: the loss, or an output of the model, is not a number any more, or the \
             loss ran away; {subject} in {output} with the best weights, those of step {weights_of_step}{measured}; to go \
             further, lower --learning-rate or raise --warmup-ratio"
        ));
    }
    measured.with_context(|| format!("the figures are not complete; {subject} in {output}"))?;
    if let Some(reason) = progress.lost_results() {
        let what = if args.json { "events" } else { "tables" };
        bail!("the {what} could not be printed: {reason}; {subject} in {output}");
    }
    Ok(if matches!(end, End::Diverged { .. }) { ExitCode::from(DIVERGED) } else { ExitCode::SUCCESS })
}

/// Refuses flags and settings that a run has no use for, or can't follow. `task` is what it learns; the model has so many
/// layers.
pub(crate) fn check_flags(args: &TrainArgs, plan: &Plan, task: Task, num_hidden_layers: usize) -> Result<(), Usage> {
    let Settings { read, changes, run, .. } = &plan.settings;
    let (spec, does) = (task.spec(), describe(task));
    let figures = spec.figure_names();
    let settings = TaskSettings { does: &does, ..spec.settings_for_check(&figures) };
    let has_valid_rows = plan.valid.is_some() || run.split.valid_fraction > 0.0 || read.sharing.fold.is_some();
    let mut problems = args.unused_settings(&[task]);
    let of_run = run.check_for(&settings, num_hidden_layers, has_valid_rows);
    let is_new = |problem: &ConfigProblem| problems.iter().all(|known| known.field != problem.field);
    let of_run: Vec<ConfigProblem> = of_run.into_iter().filter(is_new).collect();
    problems.extend(of_run);
    problems.extend(changes.check_for(run, num_hidden_layers));
    problems.extend(unused_columns(read, task));
    let is_new = |problem: &ConfigProblem| problems.iter().all(|known| known.field != problem.field);
    let of_splits: Vec<ConfigProblem> = match has_valid_rows || plan.test.is_none() && run.split.test_fraction > 0.0 {
        true => Vec::new(), // with --valid they are refused by themselves
        false => args.unused_without_splits().into_iter().filter(is_new).collect(),
    };
    problems.extend(of_splits);
    let measures_forgetting = measures_forgetting(task);
    let shares_test_rows = plan.valid.is_none() && run.split.test_fraction > 0.0;
    if args.compare && !measures_forgetting && plan.test.is_none() && !shares_test_rows {
        problems.push(nothing_to_compare());
    }
    if args.general_text.is_some() && !measures_forgetting {
        problems.push(no_effect("general_text", task));
    }
    if problems.is_empty() { Ok(()) } else { Err(Usage(as_flags(&problems))) }
}

/// `--compare` without test rows.
pub(crate) fn nothing_to_compare() -> ConfigProblem {
    let message = "has no effect: there are no test rows to measure before and after".to_owned();
    ConfigProblem { field: "compare".into(), message }
}

/// Settings that a run can't follow, under the names of their flags.
pub(crate) fn name_flags(error: SessionError) -> anyhow::Error {
    match error {
        SessionError::Settings(problems) => Usage(as_flags(&problems)).into(),
        SessionError::Checkpoint(CheckpointError::Change { field, reason }) => {
            Usage(as_flags(&[ConfigProblem { field, message: reason }])).into()
        }
        other => match of_one_setting(&other) {
            Some(problem) => Usage(as_flags(&[problem])).into(),
            None => other.into(),
        },
    }
}

/// What is wrong with a single setting, where an error is of one: its value does not fit the model, or the rows.
fn of_one_setting(error: &SessionError) -> Option<ConfigProblem> {
    let (field, message) = match error {
        SessionError::TooLong { asked, limit } => {
            ("max_seq_length", format!("{asked} is more than the {limit} tokens that this model reads"))
        }
        SessionError::Train(TrainError::UnknownFigure { name, known }) => {
            ("metric_for_best_model", format!("{name:?} is no figure of these rows: choose one of {known}"))
        }
        SessionError::Train(TrainError::NoDropout { model_type }) => (
            "rdrop_alpha",
            format!(
                "has no effect: the config.json of this {model_type} has no dropout, so that both passes would be the same; set \
                 --dropout, such as 0.1"
            ),
        ),
        SessionError::Data(DataError::NoTemplateForFormat) => (
            "prompt_format",
            "chat needs a chat template, and this model has none (tokenizer_config.json, chat_template): choose plain, newline, qa or \
             a text of your own, or an instruct or chat model"
                .to_owned(),
        ),
        _ => return None,
    };
    Some(ConfigProblem { field: field.to_owned(), message })
}

/// What to say where the rows are not those that the job was made with: its figures will be others.
fn warning_of_other_rows(known: &DataHashes, files: &DataFiles) -> Option<String> {
    if known.is_empty() {
        return None;
    }
    let mut found = hashes_of(files);
    if files.is_test_by_name && known.test.is_none() {
        found.test = None; // it was left out: it has no labels
    }
    let differing = known.differing(&found);
    (!differing.is_empty()).then(|| {
        format!(
            "warning: the rows differ from those the job was made with ({} file): the model will not be the same",
            differing.join(" and ")
        )
    })
}

pub(crate) fn model_line(info: &ModelInfo) -> String {
    let mut text = format!(
        "model: {} ({}, {}, hidden size {}, {} parameters)",
        info.source.name(),
        info.model_type,
        plural(info.num_hidden_layers, "layer"),
        info.hidden_size,
        short_count(info.num_parameters)
    );
    for note in &info.notes {
        text.push_str("\n  ");
        text.push_str(note);
    }
    text
}

/// What was changed of the model, and what it is now. One that reads images has no tokens.
pub(crate) fn changed_line(info: &ModelInfo) -> String {
    let layers = plural(info.num_hidden_layers, "layer");
    let tokens = if info.vocab_size == 0 { String::new() } else { format!(", {}", plural(info.vocab_size, "token")) };
    let parameters = short_count(info.num_parameters);
    let notes = info.notes.iter().map(|note| format!("\n  {note}"));
    format!("changed model: {layers}{tokens}, {parameters} parameters{}", notes.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_fits_no_model_or_rows_is_a_problem_of_its_flag() {
        let problems = |error| name_flags(error).downcast::<Usage>().map(|Usage(problems)| problems.join("; "));
        let too_long = problems(SessionError::TooLong { asked: 129, limit: 128 }).expect("it is of one flag");
        assert_eq!(too_long, "--max-seq-length: 129 is more than the 128 tokens that this model reads");
        let no_template = problems(SessionError::Data(DataError::NoTemplateForFormat)).expect("it is of one flag");
        assert!(no_template.starts_with("--prompt-format: chat needs a chat template"), "{no_template}");
        let unknown = TrainError::UnknownFigure { name: "x".into(), known: "loss".into() };
        let unknown = problems(SessionError::Train(unknown)).expect("it is of one flag");
        assert!(unknown.starts_with("--metric-for-best: \"x\" is no figure of these rows"), "{unknown}");
        assert!(problems(SessionError::Train(TrainError::NoRows)).is_err());
    }

    #[test]
    fn rows_that_are_not_the_jobs_are_warned_of() {
        let files = |rows: &str| DataFiles { train: ("x.csv".into(), rows.into()), ..DataFiles::default() };
        let known = hashes_of(&files("text,label\na,b\n"));
        assert_eq!(warning_of_other_rows(&known, &files("text,label\na,b\n")), None);
        assert_eq!(warning_of_other_rows(&DataHashes::default(), &files("x")), None, "there is no job");
        let warning = warning_of_other_rows(&known, &files("text,label\na,c\n")).expect("they differ");
        assert!(warning.contains("the rows differ from those the job was made with (training file)"), "{warning}");
    }
}
