//! `hone predict`: what a model answers to texts or images, as CSV or JSON Lines.

mod explain;
pub(crate) mod render;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::{ConfigProblem, JOB_FILE, ReadOptions};
use hone_core::data::{TrainedRead, is_packed, list_rows};
use hone_core::event::Split;
use hone_core::session::protocol::Weights;
use hone_core::session::{Answered, Answering, Session, SessionError};
use hone_core::task::{
    ChooseInputs, InputFile, Inputs, NumberedInput, Prediction, Task, TaskError, TaskInput, UNSURE, UNSURE_BELOW,
    read_inputs,
};
use hone_core::words::plural;

use self::explain::{chosen_output, explain};
use self::render::{Layout, render};
use crate::args::{PredictArgs, as_flags, describe, no_effect, unused_columns};
use crate::device;
use crate::failure::Usage;
use crate::image_files::{is_zip, read_images};
use crate::inputs::{check_job, file_name, load_session, no_head, read_rows};
use crate::model_files;
use crate::output::{read_data_file, write_file};
use crate::progress::Progress;
use crate::result_file::check_file;
use crate::tasks::noun;

/// Inputs between two signs of life.
const CHUNK: usize = 256;
/// Bad rows that are listed; the rest is counted.
const MAX_LISTED: usize = 10;

/// What was given to be answered, read before anything slow begins.
enum Given<'a> {
    /// What stands on the command line.
    Texts,
    /// A file of rows.
    Rows(&'a Path, Vec<u8>),
    /// Images with their names.
    Images(Vec<(String, Vec<u8>)>),
}

/// Runs `hone predict`.
///
/// # Errors
/// A file that can't be read or written, a model without a head or with one for another task.
pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    let layout = Layout::choose(args.output.as_deref(), args.json)?;
    let inputs: Vec<&Path> = args.data.iter().chain(&args.images).map(PathBuf::as_path).collect();
    check_file("--output", args.output.as_deref(), &inputs)?;
    let given = read_given(args, read.sheet.as_deref())?;
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    check_job(&model)?;
    let dir = model.files.dir.clone();
    let progress = Progress::new(false, 0.0);
    let mut session = load_session(device::open(choice)?, model, args.task, &progress)?;
    session.check_answers()?;
    let task = session.task()?;
    let answers = task.answers();
    if !session.has_own_head() {
        bail!("{}: {}", no_head(task), dir.display());
    }
    let problems = unused_flags(&read, task);
    if !problems.is_empty() {
        return Err(Usage(as_flags(&problems)).into());
    }
    session.choose_thresholds(chosen_thresholds(args, task)?);
    if args.explain.is_none()
        && let Some(temperature) = session.temperature()
    {
        progress.note(&format!(
            "probabilities are those of logits divided by {temperature:.4}, the temperature in {JOB_FILE}; no label changes by it"
        ));
    }
    let labels = session.model_labels().to_vec();
    let are_rows = matches!(given, Given::Rows(..));
    let inputs = match (&answers.inputs, given) {
        (Inputs::Rows { file, choose }, Given::Rows(path, bytes)) => {
            let trained = session.read_as_trained(&file_name(path), &bytes, &read);
            read_file(path, &bytes, &trained, &labels, (file, *choose), &progress)?
        }
        (Inputs::Rows { .. }, Given::Texts) => numbered(args.inputs()),
        (Inputs::Images, Given::Images(images)) => {
            let input = |(text, bytes)| TaskInput { text, second: None, image: Some(bytes) };
            numbered(images.into_iter().map(input))
        }
        (Inputs::Rows { .. }, Given::Images(_)) => {
            bail!("images were given, and this model {}: give it texts with --text or --data", describe(task))
        }
        (Inputs::Images, Given::Texts | Given::Rows(..)) => {
            bail!("no images were given, and this model {}: name image files, folders or zips", describe(task))
        }
    };
    if let Some(name) = &args.explain {
        let output = chosen_output(name, task, &labels)?;
        let explanations = explain(&mut session, &inputs, output, &progress)?;
        let rendered = explain::render(&inputs, &explanations, layout)?;
        return write_answers(rendered, &inputs, "explained", task, args.output.as_deref(), &progress);
    }
    let (inputs, predictions) = predict(&mut session, inputs, are_rows, &progress)?;
    say_unsure(&predictions, task, &progress);
    let rendered = render(&inputs, &labels, &predictions, answers, layout)?;
    let done = if labels.is_empty() { "answered" } else { "labeled" };
    write_answers(rendered, &inputs, done, task, args.output.as_deref(), &progress)
}

/// The thresholds that were typed.
fn chosen_thresholds(args: &PredictArgs, task: Task) -> Result<BTreeMap<String, f64>, Usage> {
    match args.unsure_below {
        Some(_) if !task.spec().gives_one_label() => Err(Usage(as_flags(&[no_effect(UNSURE_BELOW, task)]))),
        Some(below) => Ok(BTreeMap::from([(UNSURE_BELOW.to_owned(), below)])),
        None => Ok(BTreeMap::new()),
    }
}

/// Inputs with the numbers of their rows, from 1.
fn numbered(inputs: impl Iterator<Item = TaskInput>) -> Vec<NumberedInput> {
    inputs.enumerate().map(|(index, input)| NumberedInput { row: index + 1, id: None, input }).collect()
}

/// Writes the file of answers, in which so many cells would have been formulas, to where it belongs.
pub(crate) fn write_answers(
    (bytes, num_formulas): (Vec<u8>, usize),
    inputs: &[NumberedInput],
    done: &str,
    task: Task,
    output: Option<&Path>,
    progress: &Progress,
) -> anyhow::Result<ExitCode> {
    if num_formulas > 0 {
        let cells = plural(num_formulas, "cell");
        let (formulas, begin) = if num_formulas == 1 { ("a formula", "begins") } else { ("formulas", "begin") };
        progress.note(&format!(
            "{cells} of the CSV would be {formulas} in a spreadsheet, and {begin} with ' instead; --json writes texts as they are"
        ));
    }
    match output {
        Some(path) => {
            write_file(&bytes, path)?;
            progress.note(&format!("{} {done}: {}", plural(inputs.len(), noun(task)), path.display()));
        }
        None => print(&bytes).context("can't write to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what was given. A folder holds images, and a zip, unless it has rows.
fn read_given<'a>(args: &'a PredictArgs, sheet: Option<&str>) -> anyhow::Result<Given<'a>> {
    if !args.images.is_empty() {
        return Ok(Given::Images(read_images(&args.images)?));
    }
    let Some(path) = args.data.as_deref() else { return Ok(Given::Texts) };
    let are_images = path.is_dir() || (is_zip(path) && !is_packed(&read_data_file("read the data", path)?));
    if !are_images {
        let (_, bytes) = read_rows("read the data", path, Split::Test, sheet)?;
        return Ok(Given::Rows(path, bytes));
    }
    let unused: Vec<String> = args.flags_of_reading().iter().map(|flag| unused_by_images(flag)).collect();
    if !unused.is_empty() {
        return Err(Usage(unused).into());
    }
    Ok(Given::Images(read_images(&[path.to_owned()])?))
}

fn unused_by_images(flag: &str) -> String {
    format!("{flag}: has no effect: all images of a folder or a zip are answered")
}

/// Wishes about the file that have no effect on what is answered.
fn unused_flags(read: &ReadOptions, task: Task) -> Vec<ConfigProblem> {
    let mut problems = unused_columns(read, task);
    let of_labels =
        [("label_separator", read.label_separator.is_some()), ("merge_labels", !read.merge_labels.is_empty())];
    for (field, _) in of_labels.into_iter().filter(|(_, is_set)| *is_set) {
        if problems.iter().all(|problem| problem.field != field) {
            let message = "has no effect: labels of the file are not read where they are predicted".to_owned();
            problems.push(ConfigProblem { field: field.to_owned(), message });
        }
    }
    problems
}

/// Writes to standard output; a reader that has read enough is no fault.
fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// The inputs of a file; says what is left out, and which columns they are read from.
pub(crate) fn read_file(
    path: &Path,
    bytes: &[u8],
    trained: &TrainedRead,
    labels: &[String],
    (file, choose): (&InputFile, ChooseInputs),
    progress: &Progress,
) -> anyhow::Result<Vec<NumberedInput>> {
    let failed = || format!("can't use the data file {}", path.display());
    let table = read_inputs((&file_name(path), bytes), trained, labels, file, choose).with_context(failed)?;
    table.notes.iter().for_each(|note| progress.note(note));
    // Lines that were not meant to be a table may have been cut into columns.
    let cut = table.delimiter.filter(|_| !table.has_header && table.columns.len() > 1);
    let cut = cut.map_or_else(String::new, |at| {
        format!("; lines are cut into {} columns at {at:?} (--delimiter chooses another)", table.columns.len())
    });
    let used = table.used.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    progress.note(&format!("texts: column{} {used}{cut}", if table.used.len() == 1 { "" } else { "s" }));
    if let Some(warning) = &table.warning {
        progress.note(&format!("warning: {warning}"));
    }
    say_left_out(table.bad_rows.iter().map(|bad| (bad.row, &bad.reason)), table.num_bad_rows, "row", progress);
    let blank: Vec<String> = table.blank_rows().iter().map(usize::to_string).collect();
    if !blank.is_empty() {
        let (count, rows) = (blank.len(), list_rows(&blank));
        let (all, are) = (plural(table.inputs.len(), "text"), if count == 1 { "is" } else { "are" });
        let done = if labels.is_empty() { "answered" } else { "labeled" };
        progress.note(&format!("{count} of {all} {are} empty, and {done} as such: rows {rows}"));
    }
    Ok(table.inputs)
}

/// Says which rows are left out, each with its reason, and how many in all where not all are listed; `noun` is what one of them is.
pub(crate) fn say_left_out(
    bad: impl Iterator<Item = (usize, impl Display)>,
    all: usize,
    noun: &str,
    progress: &Progress,
) {
    for (row, reason) in bad.take(MAX_LISTED) {
        progress.note(&format!("row {row} is left out: {reason}"));
    }
    if all > MAX_LISTED {
        progress.note(&format!("{} are left out in all", plural(all, noun)));
    }
}

/// Answers in the order of `inputs`. Says which texts are longer than the model reads, and which images can't be read: these are
/// left out of what is returned, and so are texts that can't be used where they `are_rows` of a file.
fn predict(
    session: &mut Session,
    mut inputs: Vec<NumberedInput>,
    are_rows: bool,
    progress: &Progress,
) -> anyhow::Result<(Vec<NumberedInput>, Vec<Prediction>)> {
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let doing = if session.model_labels().is_empty() { "answering" } else { "labeling" };
    // An image is given away, so that no more are held than are needed.
    let to_ask = inputs.iter_mut().map(|one| TaskInput { image: one.input.image.take(), ..one.input.clone() });
    let mut answering = Answering::new(to_ask.collect(), CHUNK).leaving_out_texts(are_rows);
    let row = |index: usize| inputs.get(index).map_or(index + 1, |input| input.row);
    let (mut is_unfinished, all) = (!inputs.is_empty(), inputs.len());
    while is_unfinished {
        progress.rows(doing, answering.progress().0, all);
        is_unfinished =
            block_on(session.answer_inputs(&mut answering, weights, None)).map_err(|error| match error {
                SessionError::Task(TaskError::Input { index, reason }) => {
                    anyhow!("row {}: {reason}", row(index.saturating_sub(1)))
                }
                other => other.into(),
            })?;
    }
    progress.clear();
    let Answered { predictions, cut, bad, .. } = answering.finish();
    if predictions.iter().flatten().count() + bad.len() != all {
        bail!("an input was not answered");
    }
    // All of them: what is left out stands in no line of the answers.
    bad.iter().for_each(|(index, reason)| progress.note(&format!("row {} is left out: {reason}", row(*index))));
    say_cut(session, cut.into_iter().map(row).collect(), all, progress)?;
    let answered = inputs.into_iter().zip(predictions).filter_map(|(input, answer)| Some((input, answer?)));
    let (inputs, predictions): (Vec<_>, Vec<_>) = answered.unzip();
    if inputs.is_empty() && !bad.is_empty() {
        if are_rows {
            bail!("none of the rows can be answered, for the reasons above");
        }
        bail!("none of the images can be read, for the reasons above: images are JPEG, PNG, WebP, BMP or GIF files");
    }
    Ok((inputs, predictions))
}

/// Says how many answers are marked as unsure.
fn say_unsure(predictions: &[Prediction], task: Task, progress: &Progress) {
    let unsure = predictions.iter().filter(|prediction| prediction.is_unsure() == Some(true)).count();
    if unsure > 0 {
        let (all, are) = (plural(predictions.len(), noun(task)), if unsure == 1 { "is" } else { "are" });
        progress.note(&format!("{unsure} of {all} {are} unsure: column {UNSURE:?}"));
    }
}

/// Says which rows, of so many in all, are longer than the model reads.
fn say_cut(session: &Session, cut: Vec<usize>, num_inputs: usize, progress: &Progress) -> anyhow::Result<()> {
    if cut.is_empty() {
        return Ok(());
    }
    let (count, all, limit) = (cut.len(), plural(num_inputs, "text"), session.max_tokens()?);
    let are = if count == 1 { "is" } else { "are" };
    let rows: Vec<String> = cut.iter().map(usize::to_string).collect();
    let rows = list_rows(&rows);
    progress.note(&format!("{count} of {all} {are} longer than {limit} tokens and {are} cut: rows {rows}"));
    Ok(())
}
