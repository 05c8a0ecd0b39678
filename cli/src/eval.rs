//! `hone eval`: a fine-tuned model on a labeled file.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use futures_lite::future::block_on;
use hone_core::config::{JOB_FILE, Job, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;

use crate::args::EvalArgs;
use crate::device;
use crate::inputs::{data_summary, file_name};
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
    let model = model_files::load(&args.model)?;
    let device = device::open(choice)?;
    let progress = Progress::new(false, 0.0);
    progress.note(&format!("device: {}", device.name));

    // As it was trained: truncation above all. Nothing is held back, every row is measured.
    let mut run = run_of(&model.folder)?;
    run.split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
    let mut session = Session::new(device.device);
    let info = session.load_model(model.source, model.folder)?;
    if info.labels.is_empty() {
        bail!("the model has no labels yet; fine-tune it first with hone train: {}", model.dir.display());
    }
    let report = session.load_data(DataFiles { train: data, valid: None, test: None }, &read, &run)?;
    progress.note(&data_summary(&report));
    if let Some(unknown) = report.classes.iter().map(|class| &class.label).find(|label| !info.labels.contains(label)) {
        let known = info.labels.iter().map(|label| tables::cut(label)).collect::<Vec<_>>().join(", ");
        bail!("label {unknown:?} of the data is not one of the model's ({known}): {}", args.data.display());
    }
    let mut tell = |done, total| progress.rows("measuring", done, total);
    let (evaluation, _) = block_on(session.evaluate(Weights::Base, Split::Train, &mut tell))?;
    progress.clear();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&evaluation)?)?;
    } else {
        write!(out, "{}", tables::evaluation(&file_name(&args.data), &evaluation))?;
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
