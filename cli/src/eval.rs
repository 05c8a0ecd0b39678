//! `hone eval`: a fine-tuned model on a file.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::{ConfigProblem, ReadOptions};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::metrics::TextSample;
use hone_core::session::SessionError;
use hone_core::session::protocol::{Weights, WritingEvaluation};
use hone_core::task::{Evaluation, Slicing, SwapPairs, SwapReport, Task};
use hone_core::words::plural;
use serde_json::{Value, json};

use crate::args::{EvalArgs, as_flags, no_effect, unused_columns};
use crate::compare::prediction_lines;
use crate::device;
use crate::failure::Usage;
use crate::fairness;
use crate::inputs::{check_job, data_report, file_name, load_session, no_head, read_rows};
use crate::model_files;
use crate::output::write_file;
use crate::progress::Progress;
use crate::result_file::check_file;
use crate::tables::{self, evaluation_json, intervals_json};
use crate::tasks::noun;

/// Runs `hone eval`.
///
/// # Errors
/// A file that can't be read, a model without a head or with one for another task, labels that the model does not know.
pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    for (flag, path) in [("--predictions", &args.predictions), ("--save-texts", &args.save_texts)] {
        check_file(flag, path.as_deref(), &[&args.data])?;
    }
    if args.predictions.is_some() && args.predictions == args.save_texts {
        return Err(Usage(vec!["--save-texts: is the file of --predictions, choose another".to_owned()]).into());
    }
    let swap_pairs = SwapPairs::parse(&args.swap).map_err(|reason| Usage(vec![format!("--swap: {reason}")]))?;
    let data = read_rows("read the data", &args.data, Split::Test, read.sheet.as_deref())?;
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    check_job(&model)?;
    let dir = model.files.dir.clone();
    let progress = Progress::new(false, 0.0);
    let mut session = load_session(device::open(choice)?, model, args.task, &progress)?;
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    session.check_own_head()?;
    let task = session.task()?;
    if !session.has_own_head() {
        bail!("{}: {}", no_head(task), dir.display());
    }
    check_flags(args, &read, task)?;
    let columns = fairness::columns(args, &session, &data, &read)?;
    let files = DataFiles { train: data, ..DataFiles::default() };
    let report = session.load_rows_to_measure(files, &read).map_err(|error| match error {
        SessionError::Data(error) => anyhow!("{error}: {}", args.data.display()),
        other => other.into(),
    })?;
    progress.note(&data_report(&report));
    let mut tell = |done, total| progress.rows("measuring", done, total);
    let (evaluation, rows) = block_on(session.evaluate(weights, Split::Train, &mut tell))?;
    let writing = match args.generate {
        0 => None,
        count => {
            let mut tell = |done, total| progress.rows("writing texts", done, total);
            let max = args.max_new_tokens;
            Some(block_on(session.evaluate_writing(weights, Split::Train, count, max, &mut tell))?)
        }
    };
    let slicing = fairness::slices(args, &rows, columns.as_ref())?;
    let swaps = fairness::swaps(&swap_pairs, &mut session, &rows, weights, &progress)?;
    progress.clear();
    if let Some(writing) = &writing {
        progress.note(&format!("written {}", writing.how));
        writing.notes.iter().for_each(|note| progress.note(note));
    }
    if let (Some(path), Some(writing)) = (&args.save_texts, &writing) {
        write_file(&text_lines(&writing.samples)?, path)?;
        progress.note(&format!("texts: {} of {}", path.display(), plural(writing.samples.len(), "row")));
    }
    if let Some(path) = &args.predictions {
        let lines = prediction_lines(&rows, session.model_labels());
        write_file(lines.as_bytes(), path)?;
        progress.note(&format!("predictions: {} of {}", path.display(), plural(lines.lines().count(), noun(task))));
    }
    let mut out = io::stdout().lock();
    if args.json {
        let figures = figures_json(args, &evaluation, writing.as_ref(), slicing.as_ref(), swaps.as_ref())?;
        writeln!(out, "{}", serde_json::to_string_pretty(&figures)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    write!(out, "{}", tables::evaluation(&file_name(&args.data), &evaluation, "this file"))?;
    if let Some(writing) = &writing {
        writeln!(out, "{}", tables::writing(writing))?;
    }
    write!(out, "{}", fairness::tables(slicing.as_ref(), swaps.as_ref(), &rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses flags that have no effect on what is measured for the task.
fn check_flags(args: &EvalArgs, read: &ReadOptions, task: Task) -> Result<(), Usage> {
    let mut problems = unused_columns(read, task);
    if args.generate > 0 && !task.spec().writes() {
        problems.push(no_effect("generate", task));
    }
    let of_texts = [("save_texts", args.save_texts.is_some()), ("max_new_tokens", args.max_new_tokens.is_some())];
    for (field, _) in of_texts.into_iter().filter(|(_, is_typed)| *is_typed && args.generate == 0) {
        let message = "has no effect: no text is written with --generate 0".to_owned();
        problems.push(ConfigProblem { field: field.into(), message });
    }
    // Of vectors no row is right or wrong, and there is nothing to add up row by row but what they are compared with.
    if args.predictions.is_some() && task == Task::SentenceEmbedding {
        problems.push(no_effect("predictions", task));
    }
    problems.extend(fairness::unused(args, task));
    if problems.is_empty() { Ok(()) } else { Err(Usage(as_flags(&problems))) }
}

/// All figures as programs read them, with the names of the model and its adapter.
fn figures_json(
    args: &EvalArgs,
    evaluation: &Evaluation,
    writing: Option<&WritingEvaluation>,
    slicing: Option<&Slicing>,
    swaps: Option<&SwapReport>,
) -> serde_json::Result<Value> {
    let mut figures = match evaluation.task().spec().writes() {
        true => json!({
            "tokens": evaluation_json(evaluation),
            "texts": writing.map(|writing| &writing.figures),
            "text_intervals": writing.map(|writing| intervals_json(&writing.figures())),
            "styles": writing.map(|writing| &writing.styles),
            "how": writing.map(|writing| &writing.how),
        }),
        false => evaluation_json(evaluation),
    };
    fairness::add_to(&mut figures, slicing, swaps)?;
    figures["model"] = json!(args.model);
    if let Some(adapter) = &args.adapter {
        figures["adapter"] = json!(adapter.display().to_string());
    }
    Ok(figures)
}

/// What a model wrote, a line of JSON for each prompt.
fn text_lines(samples: &[TextSample]) -> anyhow::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for sample in samples {
        serde_json::to_writer(&mut lines, sample)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
