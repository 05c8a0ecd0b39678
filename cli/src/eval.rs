//! `hone eval`: a fine-tuned model on a file.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use futures_lite::future::block_on;
use hone_core::config::{JOB_FILE, Job, ReadOptions, RunConfig, SplitConfig, Task};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::protocol::Weights;
use hone_core::session::{Report, Session};
use serde_json::json;

use crate::args::EvalArgs;
use crate::device;
use crate::inputs::{data_summary, file_name, texts_summary};
use crate::model_files;
use crate::output::read_file;
use crate::progress::Progress;
use crate::tables;

/// Runs `hone eval`.
///
/// # Errors
/// A file that can't be read, a model without labels, labels that the model does not know.
pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings(&ReadOptions::default())?;
    let data = (file_name(&args.data), read_file("read the data", &args.data)?);
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    let device = device::open(choice)?;
    let progress = Progress::new(false, 0.0);
    progress.note(&format!("device: {}", device.name));

    // As it was trained: truncation above all. Nothing is held back, every row is measured.
    let mut run = run_of(model.adapter.as_ref().unwrap_or(&model.files.folder))?;
    run.split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
    let mut session = Session::new(device.device);
    let info = session.load_model(model.files.source, model.files.folder)?;
    if let Some(task) = args.task.filter(|task| *task != info.task) {
        bail!("this {} model can't do {task:?}: it is for {:?}", info.model_type, info.task);
    }
    if let Some(adapter) = model.adapter {
        session.load_adapter(adapter)?;
    }
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let labels = session.model_labels().to_vec();
    if info.task == Task::SequenceClassification && labels.is_empty() {
        bail!("the model has no labels yet; fine-tune it first with hone train: {}", model.files.dir.display());
    }
    let files = DataFiles { train: data, valid: None, test: None };
    let mut tell = |done, total| progress.rows("measuring", done, total);
    let mut out = io::stdout().lock();
    match session.load_data(files, &read, &run)? {
        Report::Classes(report) => {
            progress.note(&data_summary(&report));
            let mut found = report.classes.iter().map(|class| &class.label);
            if let Some(unknown) = found.find(|label| !labels.contains(label)) {
                let known = labels.iter().map(|label| tables::cut(label)).collect::<Vec<_>>().join(", ");
                bail!("label {unknown:?} of the data is not one of the model's ({known}): {}", args.data.display());
            }
            let (evaluation, _) = block_on(session.evaluate(weights, Split::Train, &mut tell))?;
            progress.clear();
            match args.json {
                true => writeln!(out, "{}", serde_json::to_string_pretty(&evaluation)?)?,
                false => write!(out, "{}", tables::evaluation(&file_name(&args.data), &evaluation))?,
            }
        }
        Report::Texts(report) => {
            progress.note(&texts_summary(&report));
            let tokens = block_on(session.evaluate_tokens(weights, Split::Train, &mut tell))?;
            let texts = match args.generate {
                0 => None,
                count => {
                    let mut tell = |done, total| progress.rows("writing completions", done, total);
                    let max = args.max_new_tokens;
                    Some(block_on(session.evaluate_texts(weights, Split::Train, count, max, &mut tell))?)
                }
            };
            progress.clear();
            if args.json {
                let figures = json!({ "tokens": tokens, "texts": texts.as_ref().map(|(figures, _)| figures) });
                writeln!(out, "{}", serde_json::to_string_pretty(&figures)?)?;
            } else {
                writeln!(out, "{}", tables::tokens(&file_name(&args.data), &tokens))?;
                if let Some((figures, samples)) = &texts {
                    writeln!(out, "{}", tables::texts(figures, samples))?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings that a model was trained with, if Hone trained it.
///
/// # Errors
/// When its job file can't be read.
pub(crate) fn run_of(folder: &Folder) -> anyhow::Result<RunConfig> {
    Ok(folder.get(JOB_FILE).map(Job::from_json).transpose()?.map(|job| job.run).unwrap_or_default())
}
