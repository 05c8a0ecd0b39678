//! `hone train`: drives a session from the files to a Hugging Face folder.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::config::{ConfigProblem, DataHashes, ExportFormat, Method, Task};
use hone_core::data::DataFiles;
use hone_core::event::{Split, StopReason, TrainEvent};
use hone_core::metrics::Figures;
use hone_core::session::protocol::{ModelInfo, Weights};
use hone_core::session::{Session, hashes_of};
use hone_core::words::plural;
use indicatif::HumanBytes;
use serde_json::json;

use crate::args::{TrainArgs, as_flags, check_task};
use crate::checkpoint_dir;
use crate::device;
use crate::failure::{INTERRUPTED, Usage};
use crate::inputs::{data_report, file_name, read_data};
use crate::model_files;
use crate::output::{self, read_data_file};
use crate::plan::Plan;
use crate::progress::{Progress, count, say};
use crate::signals::Interrupt;
use crate::tables;

/// Where a run is, as far as the driver must know.
#[derive(Debug, Default)]
struct Place {
    step: u32,
    steps_per_epoch: u32,
    num_rows: [usize; 3],
}

/// How the loop ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Finished,
    Interrupted,
    /// The numbers ran away at `step`; the model holds the best weights, those of `weights_of_step`.
    Diverged {
        step: u32,
        weights_of_step: u32,
    },
}

/// Runs `hone train`.
///
/// # Errors
/// Anything that keeps the run from ending with a folder; a checkpoint that was written stays.
pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let mut plan = Plan::new(args)?;
    let files = read_data(&plan.data, plan.valid.as_deref(), plan.test.as_deref())?;
    let other_rows = warning_of_other_rows(&plan.data_sha256, &files);
    let general = args.general_text.as_deref().map(read_general_text).transpose()?;
    let _lock = plan.lock(args)?;
    let model = model_files::load(&plan.model)?;
    plan.check_model(args, &model)?;
    let device = device::open(plan.settings.device)?;
    let mut progress = Progress::new(args.json, plan.before_secs);
    progress.note(&format!("device: {}", device.name));
    if let Some(warning) = other_rows {
        progress.note(&warning);
    }

    let mut session = Session::new(device.device);
    let info = session
        .load_model(model.source, model.folder)
        .with_context(|| format!("can't use the model in {}", model.dir.display()))?;
    progress.note(&model_line(&info));
    check_task(args.task, &info.model_type, info.task)?;
    if general.is_some() && info.task != Task::CausalLm {
        bail!("--general-text is for language models: this {} model labels texts", info.model_type);
    }
    let run = plan.settings.run.clone();
    let has_valid_rows = plan.valid.is_some() || run.split.valid_fraction > 0.0;
    let mut problems = run.check_for(info.task, info.num_hidden_layers, has_valid_rows);
    problems.extend(plan.settings.read.check_for(info.task));
    let has_test_rows = plan.test.is_some() || run.split.test_fraction > 0.0;
    if args.compare && info.task == Task::SequenceClassification && !has_test_rows {
        let message = "has no effect: there are no test rows to measure before and after".to_owned();
        problems.push(ConfigProblem { field: "compare".into(), message });
    }
    if !problems.is_empty() {
        return Err(Usage(as_flags(&problems)).into());
    }
    let report = session
        .load_data(files, &plan.settings.read, &run)
        .with_context(|| format!("can't use the data in {}", plan.data.display()))?;
    progress.note(&data_report(&report));
    match plan.checkpoint.take() {
        Some(checkpoint) => session.resume(&checkpoint).context("can't go on from the checkpoint")?,
        None => {
            let job = session.start(run.clone())?;
            // Only now is it certain that a new run takes the old one's place (--force).
            checkpoint_dir::remove(&args.output)?;
            job
        }
    };

    let interrupt = Interrupt::listen()?;
    let mut place = Place::default();
    let end = block_on(train(&mut session, &plan, &args.output, &mut progress, interrupt, &mut place));
    let end = end.with_context(|| after_failure(&args.output))?;
    if end == End::Interrupted {
        let (step, output) = (place.step, args.output.display());
        progress.note(&format!("stopped at step {step}; to go on: hone train --resume --output {output}"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    // The model is written before anything is printed, and whatever becomes of its figures.
    let mut text = String::new();
    let measured = measure_all(&mut session, args, general.as_deref(), &mut progress, &place, &mut text);
    let is_adapted = plan.settings.run.method == Method::Lora;
    let format = args.format.unwrap_or(if is_adapted { ExportFormat::Adapter } else { ExportFormat::Merged });
    let folder = block_on(session.export(format)).with_context(|| after_failure(&args.output))?;
    output::write(&folder, &args.output, args.force).with_context(|| after_failure(&args.output))?;
    checkpoint_dir::remove(&args.output)?;
    let listing = folder.iter().map(|(name, bytes)| format!("  {name}  {}\n", HumanBytes(bytes.len() as u64)));
    let listing = format!("the tuned model is in {}\n{}", args.output.display(), listing.collect::<String>());
    if args.json {
        progress.note(listing.trim_end());
    } else {
        progress.print(&format!("{text}{listing}"));
    }
    let output = args.output.display();
    if let End::Diverged { step, weights_of_step } = end {
        bail!(
            "the loss is not a number at step {step}: the best weights, of step {weights_of_step}, are in {output}; lower \
             the learning rate or raise the warm-up to go further"
        );
    }
    measured.with_context(|| format!("the figures are not complete; the model is in {output}"))?;
    if let Some(reason) = progress.lost_results() {
        let what = if args.json { "events" } else { "tables" };
        bail!("the {what} could not be printed: {reason}; the model is in {output}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The loop: pull an event, show it, save when it is due, stop when asked.
async fn train(
    session: &mut Session,
    plan: &Plan,
    output: &Path,
    progress: &mut Progress,
    interrupt: Interrupt,
    place: &mut Place,
) -> anyhow::Result<End> {
    let mut end = End::Finished;
    while let Some(event) = session.next_event().await? {
        progress.event(&event);
        place.follow(&event);
        if let TrainEvent::Finished { step, reason: StopReason::Diverged, weights_of_step } = event {
            end = End::Diverged { step, weights_of_step };
        }
        // A checkpoint between any two events restores the run exactly; one that is over needs none.
        let stops = interrupt.pressed() && !matches!(event, TrainEvent::Finished { .. });
        if stops || matches!(event, TrainEvent::CheckpointDue { .. }) {
            let folder = session.checkpoint().await?;
            let inputs = plan.inputs(place.step, progress.elapsed_secs());
            match checkpoint_dir::write(output, folder, &inputs) {
                Ok(_) if stops => return Ok(End::Interrupted),
                Ok(_) => {}
                Err(error) if stops => return Err(error.context("stopped, but the checkpoint could not be written")),
                Err(error) => progress.note(&format!("warning: no checkpoint at step {}: {error:#}", place.step)),
            }
        }
    }
    Ok(end)
}

impl Place {
    fn follow(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Started { steps_per_epoch, step, num_rows, .. } => {
                *self = Self { step: *step, steps_per_epoch: *steps_per_epoch, num_rows: *num_rows };
            }
            TrainEvent::Progress { step, .. }
            | TrainEvent::Step { step, .. }
            | TrainEvent::Evaluated { step, .. }
            | TrainEvent::EvaluatedTokens { step, .. }
            | TrainEvent::Sampled { step, .. }
            | TrainEvent::CheckpointDue { step }
            | TrainEvent::Finished { step, .. } => self.step = *step,
            TrainEvent::Phase { .. } | TrainEvent::EvaluationProgress { .. } => {}
        }
    }
}

/// All figures that were asked for; as tables, unless they go out as events.
fn measure_all(
    session: &mut Session,
    args: &TrainArgs,
    general: Option<&str>,
    progress: &mut Progress,
    place: &Place,
    text: &mut String,
) -> anyhow::Result<()> {
    measure(session, args, progress, place, text)?;
    if args.compare && session.task()? == Task::CausalLm {
        measure_forgetting(session, args, general, progress, text)?;
    }
    Ok(())
}

/// The test rows, if there are any: after tuning, and with `--compare` before it.
fn measure(
    session: &mut Session,
    args: &TrainArgs,
    progress: &mut Progress,
    place: &Place,
    text: &mut String,
) -> anyhow::Result<()> {
    if place.num_rows[2] == 0 {
        progress.note("no test rows were held out, so none are measured");
        return Ok(());
    }
    let mut of = |weights: Weights, doing: &str| -> anyhow::Result<Figures> {
        let mut tell = |done, total| progress.rows(doing, done, total);
        let epoch = f64::from(place.step) / f64::from(place.steps_per_epoch.max(1));
        let (step, split, is_best) = (place.step, Split::Test, false);
        let (figures, event) = match session.task()? {
            Task::SequenceClassification => {
                let (evaluation, _) = block_on(session.evaluate(weights, split, &mut tell))?;
                let figures = Figures::Classes(Box::new(evaluation.clone()));
                (figures, TrainEvent::Evaluated { step, epoch, split, evaluation, is_best })
            }
            Task::CausalLm => {
                let evaluation = block_on(session.evaluate_tokens(weights, split, &mut tell))?;
                let figures = Figures::Tokens(evaluation.clone());
                (figures, TrainEvent::EvaluatedTokens { step, epoch, split, evaluation, is_best })
            }
        };
        progress.clear();
        progress.measured(&event, weights);
        Ok(figures)
    };
    let base = if args.compare { Some(of(Weights::Base, "measuring the test rows before tuning")?) } else { None };
    let tuned = of(Weights::Tuned, "measuring the test rows")?;
    if !args.json {
        text.push_str(&format!("{}\n", tables::figures("test", &tuned)));
        if let Some(base) = base {
            text.push_str(&format!("{}\n", tables::comparison("test", &base, &tuned)));
        }
    }
    Ok(())
}

/// What a language model forgot: its figures on a text that has nothing to do with the task, before and after tuning.
fn measure_forgetting(
    session: &mut Session,
    args: &TrainArgs,
    general: Option<&str>,
    progress: &mut Progress,
    text: &mut String,
) -> anyhow::Result<()> {
    let name = args.general_text.as_deref().map_or_else(|| "general text".to_owned(), file_name);
    let mut of = |weights: Weights| -> anyhow::Result<Figures> {
        let mut tell = |done, total| progress.rows("measuring the general text", done, total);
        let evaluation = block_on(session.evaluate_general(weights, general, &mut tell))?;
        progress.clear();
        if args.json {
            let line = json!({
                "elapsed_secs": progress.elapsed_secs(),
                "weights": weights,
                "event": "evaluated_general",
                "text": name,
                "evaluation": evaluation,
            });
            progress.print(&format!("{line}\n"));
        }
        Ok(Figures::Tokens(evaluation))
    };
    let (base, tuned) = (of(Weights::Base)?, of(Weights::Tuned)?);
    if !args.json {
        text.push_str(&format!("{}\n", tables::comparison(&name, &base, &tuned)));
    }
    Ok(())
}

/// The general text of the person's own.
fn read_general_text(path: &Path) -> anyhow::Result<String> {
    let bytes = read_data_file("read the general text", path)?;
    let read = hone_core::session::read_general_text(&path.display().to_string(), &bytes);
    // The hints on rows and columns, which the error would bring, are not about this file.
    let (text, note) = read.map_err(|error| anyhow::Error::msg(error.to_string()))?;
    if let Some(note) = note {
        say(&format!("warning: {note}"));
    }
    Ok(text)
}

/// What to say where the rows are not those that the job was made with: its figures will be others.
fn warning_of_other_rows(known: &DataHashes, files: &DataFiles) -> Option<String> {
    if known.is_empty() {
        return None;
    }
    let differing = known.differing(&hashes_of(files));
    (!differing.is_empty()).then(|| {
        format!(
            "warning: the rows differ from those the job was made with ({} file): the model will not be the same",
            differing.join(" and ")
        )
    })
}

fn model_line(info: &ModelInfo) -> String {
    let mut text = format!(
        "model: {} ({}, {}, hidden size {}, {} parameters)",
        info.source.name(),
        info.model_type,
        plural(info.num_hidden_layers, "layer"),
        info.hidden_size,
        count(info.num_parameters)
    );
    for note in &info.notes {
        text.push_str("\n  ");
        text.push_str(note);
    }
    text
}

/// What is left when a run breaks.
fn after_failure(output: &Path) -> String {
    match checkpoint_dir::find(output).map(|dir| checkpoint_dir::step_of(&dir)) {
        Some(Some(step)) => {
            format!(
                "the run broke off, its checkpoint at step {step} is kept (hone train --resume --output {})",
                output.display()
            )
        }
        _ => "the run broke off before its first checkpoint".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_the_jobs_are_warned_of() {
        let files = |rows: &str| DataFiles { train: ("x.csv".into(), rows.into()), valid: None, test: None };
        let known = hashes_of(&files("text,label\na,b\n"));
        assert_eq!(warning_of_other_rows(&known, &files("text,label\na,b\n")), None);
        assert_eq!(warning_of_other_rows(&DataHashes::default(), &files("x")), None, "there is no job");
        let warning = warning_of_other_rows(&known, &files("text,label\na,c\n")).expect("they differ");
        assert!(warning.contains("the rows differ from those the job was made with (training file)"), "{warning}");
    }

    #[test]
    fn the_place_follows_the_events() {
        let mut place = Place::default();
        place.follow(&TrainEvent::Started {
            total_steps: 30,
            steps_per_epoch: 10,
            step: 7,
            num_rows: [1, 2, 3],
            num_parameters: 5,
            num_trainable: 5,
        });
        assert_eq!((place.step, place.num_rows), (7, [1, 2, 3]));
        place.follow(&TrainEvent::Progress { step: 8, rows: 0, tokens: 0 });
        assert_eq!(place.step, 8);
    }
}
