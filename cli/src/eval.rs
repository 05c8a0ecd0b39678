//! `hone eval`: a fine-tuned model on a file.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::Task;
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::session::protocol::Weights;
use hone_core::session::{Report, Session, SessionError};
use serde_json::json;

use crate::args::{EvalArgs, check_task};
use crate::device;
use crate::inputs::{check_job, data_report, file_name, say_model_notes, say_warnings};
use crate::model_files;
use crate::output::read_data_file;
use crate::progress::Progress;
use crate::tables;

/// Runs `hone eval`.
///
/// # Errors
/// A file that can't be read, a model without labels or with a head for another task, labels that the model does not know.
pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    let data = (file_name(&args.data), read_data_file("read the data", &args.data)?);
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    check_job(&model)?;
    let device = device::open(choice)?;
    let progress = Progress::new(false, 0.0);
    progress.note(&format!("device: {}", device.name));

    let mut session = Session::new(device.device);
    let info = session.load_model(model.files.source, model.files.folder)?;
    say_model_notes(&progress, &info, model.adapter.is_some());
    check_task(args.task, &info.model_type, info.task)?;
    if let Some(adapter) = model.adapter {
        session.load_adapter(adapter)?;
    }
    say_warnings(&session);
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    if info.task == Task::SequenceClassification && session.answer_labels()?.is_empty() {
        bail!("the model has no labels yet; fine-tune it first with hone train: {}", model.files.dir.display());
    }
    let files = DataFiles { train: data, valid: None, test: None };
    let report = session.load_rows_to_measure(files, &read).map_err(|error| match error {
        SessionError::Data(error) => anyhow!("{error}: {}", args.data.display()),
        other => other.into(),
    })?;
    progress.note(&data_report(&report));
    let mut tell = |done, total| progress.rows("measuring", done, total);
    let mut out = io::stdout().lock();
    match report {
        Report::Classes(_) => {
            let (evaluation, _) = block_on(session.evaluate(weights, Split::Train, &mut tell))?;
            progress.clear();
            match args.json {
                true => writeln!(out, "{}", serde_json::to_string_pretty(&evaluation)?)?,
                false => write!(out, "{}", tables::evaluation(&file_name(&args.data), &evaluation, "this file"))?,
            }
        }
        Report::Texts(_) => {
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
