//! `hone baseline`: what a pretrained model tells of labels in seconds, before any training: nearest neighbours and logistic
//! regression on its vectors, beside always answering with the most frequent label. What fine-tuning has to beat.
//!
//! In: a model and rows with one label each. Out: accuracy and macro F1 of each method with the seconds that it took, as a table or as
//! JSON.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::{ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::session::{Session, SessionError};
use hone_core::task::{QuickBaseline, QuickFigures};
use hone_core::words::count;

use crate::args::{BaselineArgs, as_flags, unused_columns};
use crate::device::{self, DeviceChoice};
use crate::failure::Usage;
use crate::inputs::{data_report, read_data};
use crate::model_files;
use crate::progress::Progress;

/// Runs `hone baseline`.
///
/// # Errors
/// A file or a model that can't be read, a model without vectors, rows that do not have one label each.
pub(crate) fn run(args: &BaselineArgs) -> anyhow::Result<ExitCode> {
    let (choice, read, run) = args.settings()?;
    let files = read_data(&args.data, args.valid.as_deref(), args.test.as_deref(), read.sheet.as_deref())?;
    let progress = Progress::new(args.json, 0.0);
    let session = open_labeled(&args.model, choice, (files, &args.data), (&read, &run), &progress)?;
    let started = Instant::now();
    let now_secs = || started.elapsed().as_secs_f64();
    let show = async |done: usize, total: usize| {
        progress.rows("computing vectors, then learning from them", done, total);
        true
    };
    let found = block_on(session.quick_baseline(args.on, &now_secs, show))?;
    progress.clear();
    let found = found.context("nothing was measured")?;
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
        false => write!(out, "{}", table(&found))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A session with a model and rows that have one label each; `path` is what was asked for.
///
/// # Errors
/// When model or rows can't be used, or the model is for no such rows.
pub(crate) fn open_labeled(
    model: &str,
    choice: DeviceChoice,
    (files, path): (DataFiles, &Path),
    (read, run): (&ReadOptions, &RunConfig),
    progress: &Progress,
) -> anyhow::Result<Session> {
    let model = model_files::load(model)?;
    let device = device::open(choice)?;
    progress.note(&format!("device: {}", device.name));
    let mut session = Session::new(device.device);
    let info = session
        .load_model(model.source, model.folder)
        .with_context(|| format!("can't use the model in {}", model.dir.display()))?;
    let Some(&task) = info.tasks.iter().find(|task| task.spec().gives_one_label()) else {
        bail!(
            "this {} model has no head that gives one label, choose another: {}",
            info.model_type,
            model.dir.display()
        );
    };
    let unused = unused_columns(read, task);
    if !unused.is_empty() {
        return Err(Usage(as_flags(&unused)).into());
    }
    session.set_task(task)?;
    let report = session.load_data(files, read, run).map_err(|error| match error {
        SessionError::Data(error) => anyhow!("{error}: {}", path.display()),
        other => other.into(),
    })?;
    progress.note(&data_report(&report));
    Ok(session)
}

fn table(found: &QuickBaseline) -> String {
    let QuickBaseline { split, num_folds, num_rows, num_of_split, num_examples, num_train, vectors_secs, .. } = found;
    let part = |shown: usize, all: usize| match shown == all {
        true => count(all),
        false => format!("{} of {}", count(shown), count(all)),
    };
    let (examples, rows) = (part(*num_examples, *num_train), part(*num_rows, *num_of_split));
    let measured = match num_folds {
        Some(folds) => format!("{rows} training rows, each told by those of the other folds of {folds}"),
        None => format!("{rows} {} rows, told by {examples} training rows", split.words()),
    };
    let width = found.methods.iter().map(|figures| figures.method.title().len()).max().unwrap_or(0);
    let line = |figures: &QuickFigures| {
        let (title, accuracy, macro_f1) = (figures.method.title(), figures.accuracy, figures.macro_f1);
        format!("  {title:<width$}  {accuracy:>8.4}  {macro_f1:>8.4}  {:>7.1} s\n", figures.elapsed_secs)
    };
    let lines: String = found.methods.iter().map(line).collect();
    let head = format!("  {:<width$}  {:>8}  {:>8}\n", "", "accuracy", "macro F1");
    format!("without training: {measured}; their vectors took {vectors_secs:.1} s\n{head}{lines}")
}

#[cfg(test)]
mod tests {
    use hone_core::event::Split;
    use hone_core::task::QuickMethod;

    use super::*;

    #[test]
    fn methods_stand_below_each_other_with_their_seconds() {
        let figures = |method, accuracy, elapsed_secs| QuickFigures { method, accuracy, macro_f1: 0.5, elapsed_secs };
        let methods =
            vec![figures(QuickMethod::MajorityClass, 0.25, 0.0), figures(QuickMethod::LogisticRegression, 0.875, 1.5)];
        let found = QuickBaseline {
            split: Split::Valid,
            num_folds: None,
            num_rows: 600,
            num_of_split: 600,
            num_examples: 4000,
            num_train: 5400,
            vectors_secs: 12.34,
            methods,
        };
        let expected = "\
without training: 600 validation rows, told by 4,000 of 5,400 training rows; their vectors took 12.3 s
                       accuracy  macro F1
  majority class         0.2500    0.5000      0.0 s
  logistic regression    0.8750    0.5000      1.5 s
";
        assert_eq!(table(&found), expected);
        let in_folds = QuickBaseline { split: Split::Train, num_folds: Some(5), ..found };
        assert!(
            table(&in_folds)
                .starts_with("without training: 600 training rows, each told by those of the other folds of 5;")
        );
    }
}
