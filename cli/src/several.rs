//! `hone train --part …`: several tasks at once, from a file for each to a folder for each.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use hone_core::config::ExportFormat;
use hone_core::data::DataFiles;
use hone_core::report::DataSummary;
use hone_core::session::{PartReport, PartRequest, PartSize, Session, hashes_of};
use hone_core::task::Task;
use hone_core::words::plural;
use indicatif::HumanBytes;

use crate::args::{TrainArgs, as_flags, task_name};
use crate::device;
use crate::failure::{INTERRUPTED, Usage};
use crate::inputs::data_report;
use crate::plan::{Plan, PlanPart};
use crate::progress::Progress;
use crate::run_loop::End;
use crate::run_to_end::train_to_end;
use crate::train::{begin, changed_line, close, log_run, measure, model_line, name_flags, nothing_to_compare, save};

/// Runs `hone train` on several tasks.
///
/// # Errors
/// Anything that keeps the run from ending with a folder; a checkpoint that was written stays.
pub(crate) fn run(args: &TrainArgs, mut plan: Plan) -> anyhow::Result<ExitCode> {
    let files = plan.read_rows_of_parts()?;
    let _lock = plan.lock(args)?;
    let model = plan.load_model(args)?;
    plan.check_model(args, &model)?;
    let device = device::open(plan.settings.device)?;
    let mut progress = Progress::new(args.json, plan.before_secs);
    progress.note(&format!("device: {}", device.name));
    for (part, files) in plan.parts.iter().zip(&files) {
        if let Some(warning) = warning_of_other_rows(part, files) {
            progress.note(&warning);
        }
    }
    let mut session = Session::new(device.device);
    let info = session.load_model(model.source, model.folder);
    let info = info.with_context(|| format!("can't use the model in {}", model.dir.display()))?;
    progress.note(&model_line(&info));
    let run = plan.settings.run.clone();
    if let Some(info) = session.change_model(&plan.settings.changes, run.seed).map_err(name_flags)? {
        progress.note(&changed_line(&info));
    }
    let requests = plan.parts.iter().zip(files).map(|(part, files)| PartRequest {
        name: part.name.clone(),
        task: part.task,
        files,
        read: part.read.clone(),
    });
    let reports = session.load_parts(requests.collect(), &run).map_err(name_flags)?;
    let tasks: Vec<Task> = reports.iter().map(|part| part.task).collect();
    let mut problems = args.unused_settings(&tasks);
    let keeps_test_rows =
        |part: &PlanPart| part.test.is_some() || (part.valid.is_none() && run.split.test_fraction > 0.0);
    if args.compare && !plan.parts.iter().any(keeps_test_rows) {
        problems.push(nothing_to_compare());
    }
    if !problems.is_empty() {
        return Err(Usage(as_flags(&problems)).into());
    }
    let mut said = info.notes;
    for part in &reports {
        progress.note(&part_report(part, &mut said));
    }
    let begun = begin(&mut session, args, &mut plan, run)?;
    let data = reports.iter().map(|part| DataSummary::of(&part.name, &part.report)).collect();
    log_run(args, &mut progress, begun, &device.name, data)?;
    progress.note(&shares(&session));

    let (end, facts) = train_to_end(&mut session, &plan, &args.output, &mut progress)?;
    if end == End::Interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    // The models are written before anything is printed, and whatever becomes of their figures.
    let mut text = String::new();
    let measured = measure(&mut session, args, &mut progress, &facts, &mut text);
    let written = save(&mut session, args, ExportFormat::Merged, &progress)?;
    let bytes = HumanBytes(written.files.iter().map(|(_, bytes)| bytes).sum());
    let listing = listing(&args.output, &plan.parts);
    let listing = format!("the tuned models are in {} ({bytes}), one for each task\n{listing}", args.output.display());
    close(args, &mut progress, &end, measured, &text, &listing, "the models are")
}

/// What is in the rows of a task, and what was not said yet of the model that learns it.
fn part_report(part: &PartReport, said: &mut Vec<String>) -> String {
    let mut text = format!("task {}: {}", part.name, task_name(part.task));
    for note in &part.notes {
        if !said.contains(note) {
            text.push_str(&format!("\n  {note}"));
            said.push(note.clone());
        }
    }
    format!("{text}\n{}", data_report(&part.report))
}

/// How much of each task an epoch has.
fn shares(session: &Session) -> String {
    let of_part = |part: PartSize| {
        let rows = plural(part.num_rows, "row");
        let how = match part.rows_an_epoch {
            all if all == part.num_rows => "each once".to_owned(),
            fewer if fewer < part.num_rows => format!("{fewer} of them, others each time"),
            more => format!("{more} an epoch, so that they come again"),
        };
        format!("\n  {}: {rows}, {how}", part.name)
    };
    let parts: String = session.part_sizes().into_iter().map(of_part).collect();
    format!("training rows in an epoch:{parts}")
}

/// A line for the folder of each task.
fn listing(output: &Path, parts: &[PlanPart]) -> String {
    parts.iter().map(|part| format!("  {}\n", output.join(&part.name).display())).collect()
}

/// What to say where the rows of a task are not those that the job was made with.
fn warning_of_other_rows(part: &PlanPart, files: &DataFiles) -> Option<String> {
    let differing = part.data_sha256.differing(&hashes_of(files));
    (!differing.is_empty()).then(|| {
        format!(
            "warning: the rows of {} differ from those the job was made with ({} file): the model will not be the same",
            part.name,
            differing.join(" and ")
        )
    })
}
