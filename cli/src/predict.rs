//! `hone predict`: what a model answers to texts or images, as CSV or JSON Lines.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::config::{ConfigProblem, ReadOptions};
use hone_core::data::{Row, TrainedRead, UsedColumn, list_rows};
use hone_core::images::read_header;
use hone_core::session::protocol::Weights;
use hone_core::session::{Session, SessionError};
use hone_core::task::{Prediction, Task, TaskError, TaskInput};
use hone_core::words::plural;
use serde_json::{Map, Value, json};

use crate::args::{PredictArgs, as_flags, describe, unused_columns};
use crate::csv_lines::CsvLines;
use crate::device;
use crate::failure::Usage;
use crate::image_files::{is_zip, read_images};
use crate::inputs::{check_job, file_name, load_session, no_head};
use crate::model_files;
use crate::output::{read_data_file, write_file};
use crate::progress::Progress;
use crate::tasks::{Answers, ChooseInputs, InputFile, Inputs, noun, view};

/// Inputs between two signs of life.
const CHUNK: usize = 256;
/// Bad rows that are listed; the rest is counted.
const MAX_LISTED: usize = 10;

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Csv,
    Jsonl,
    Json,
}

/// What was given to be answered, read before anything slow begins.
enum Given<'a> {
    /// What stands on the command line.
    Texts,
    /// A file of rows.
    Rows(&'a Path, Vec<u8>),
    /// Images with their names.
    Images(Vec<(String, Vec<u8>)>),
}

/// An input, and its row in the file (or its number on the command line).
struct NumberedInput {
    row: usize,
    /// Its name in the file.
    id: Option<String>,
    input: TaskInput,
}

/// Runs `hone predict`.
///
/// # Errors
/// A file that can't be read or written, a model without a head or with one for another task.
pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    let layout = layout(args.output.as_deref(), args.json)?;
    if let (Some(output), Some(data)) = (&args.output, &args.data)
        && output.canonicalize().is_ok_and(|output| data.canonicalize().is_ok_and(|data| output == data))
    {
        bail!("--output is the file that --data reads, choose another: {}", output.display());
    }
    let given = read_given(args)?;
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    check_job(&model)?;
    let dir = model.files.dir.clone();
    let progress = Progress::new(false, 0.0);
    let mut session = load_session(device::open(choice)?, model, args.task, &progress)?;
    session.check_answers()?;
    let task = session.task()?;
    let Some(answers) = &view(task).answers else { bail!("a model for {} is not asked in this way", task.name()) };
    if !session.has_own_head() {
        bail!("{}: {}", no_head(task), dir.display());
    }
    let problems = unused_flags(&read, task);
    if !problems.is_empty() {
        return Err(Usage(as_flags(&problems)).into());
    }
    let labels = session.model_labels().to_vec();
    let number = |(index, input): (usize, TaskInput)| NumberedInput { row: index + 1, id: None, input };
    let inputs = match (&answers.inputs, given) {
        (Inputs::Rows { file, choose }, Given::Rows(path, bytes)) => {
            let trained = session.read_as_trained(&file_name(path), &bytes, &read);
            read_inputs(path, &bytes, &trained, &labels, (file, *choose), &progress)?
        }
        (Inputs::Rows { .. }, Given::Texts) => args.inputs().enumerate().map(number).collect(),
        (Inputs::Images, Given::Images(images)) => {
            let input = |(text, bytes)| TaskInput { text, second: None, image: Some(bytes) };
            images.into_iter().map(input).enumerate().map(number).collect()
        }
        (Inputs::Rows { .. }, Given::Images(_)) => {
            bail!("images were given, and this model {}: give it texts with --text or --data", describe(task))
        }
        (Inputs::Images, Given::Texts | Given::Rows(..)) => {
            bail!("no images were given, and this model {}: name image files, folders or zips", describe(task))
        }
    };
    let (inputs, predictions) = predict(&mut session, inputs, &progress)?;
    let (bytes, num_formulas) = render(&inputs, &labels, &predictions, answers, layout)?;
    if num_formulas > 0 {
        let cells = plural(num_formulas, "cell");
        progress.note(&format!(
            "{cells} of the CSV would be a formula in a spreadsheet, and begins with ' instead; --json writes texts as they are"
        ));
    }
    match &args.output {
        Some(path) => {
            write_file(&bytes, path)?;
            let done = if labels.is_empty() { "answered" } else { "labeled" };
            progress.note(&format!("{} {done}: {}", plural(inputs.len(), noun(task)), path.display()));
        }
        None => print(&bytes).context("can't write to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what was given. A folder or a zip holds images.
fn read_given(args: &PredictArgs) -> anyhow::Result<Given<'_>> {
    if !args.images.is_empty() {
        return Ok(Given::Images(read_images(&args.images)?));
    }
    let Some(path) = args.data.as_deref() else { return Ok(Given::Texts) };
    if !path.is_dir() && !is_zip(path) {
        return Ok(Given::Rows(path, read_data_file("read the data", path)?));
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

fn layout(output: Option<&Path>, json: bool) -> Result<Layout, Usage> {
    let extension = output.and_then(Path::extension).and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("json") => Ok(Layout::Json),
        Some("jsonl" | "ndjson") => Ok(Layout::Jsonl),
        Some("csv") if json => Err(Usage(vec!["--json: --output ends in .csv; choose one".into()])),
        Some("csv") => Ok(Layout::Csv),
        Some(other) if !json => Err(Usage(vec![format!("--output: .{other} is not one of .csv, .json, .jsonl")])),
        _ if json => Ok(Layout::Jsonl),
        _ => Ok(Layout::Csv),
    }
}

/// The inputs of a file; says what is left out, and which columns they are read from.
fn read_inputs(
    path: &Path,
    bytes: &[u8],
    trained: &TrainedRead,
    labels: &[String],
    (file, choose): (&InputFile, ChooseInputs),
    progress: &Progress,
) -> anyhow::Result<Vec<NumberedInput>> {
    let failed = || format!("can't use the data file {}", path.display());
    let mut table = (file.parse)(&file_name(path), bytes, &trained.read).with_context(failed)?;
    let (ids, columns): (Vec<UsedColumn>, Vec<UsedColumn>) =
        choose(&table, &trained.read, labels).with_context(failed)?.into_iter().partition(|c| c.role == "id");
    table.notes.iter().for_each(|note| progress.note(note));
    let names: Vec<String> = columns.iter().map(|column| table.columns[column.index].clone()).collect();
    // Lines that were not meant to be a table may have been cut into columns.
    let cut = table.delimiter.filter(|_| !table.has_header && table.columns.len() > 1);
    let cut = cut.map_or_else(String::new, |at| {
        format!("; lines are cut into {} columns at {at:?} (--delimiter chooses another)", table.columns.len())
    });
    let used = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    progress.note(&format!("texts: column{} {used}{cut}", if names.len() == 1 { "" } else { "s" }));
    let used: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(missing) = trained.missing_texts(&used) {
        progress.note(&format!("warning: {missing}"));
    }
    let nested_of = |row: &Row| columns.iter().position(|column| row.nested.contains(&column.index));
    let mut bad: Vec<(usize, String)> = table.bad_rows.drain(..).map(|bad| (bad.row, bad.reason)).collect();
    let nested = table.rows.iter().filter_map(|row| Some((row.number, nested_of(row)?)));
    let num_bad = table.num_bad_rows + nested.clone().count();
    bad.extend(nested.map(|(row, at)| {
        let (UsedColumn { role, .. }, name) = (columns[at], &names[at]);
        (row, format!("the {role} holds an object or array (column {name:?})"))
    }));
    bad.sort_by_key(|(row, _)| *row);
    for (row, reason) in bad.iter().take(MAX_LISTED) {
        progress.note(&format!("row {row} is left out: {reason}"));
    }
    if num_bad > MAX_LISTED {
        progress.note(&format!("{} are left out in all", plural(num_bad, "row")));
    }
    let rows = table.rows.into_iter().filter(|row| nested_of(row).is_none());
    let inputs: Vec<NumberedInput> = rows
        .map(|mut row| {
            let mut cells = columns.iter().map(|column| std::mem::take(&mut row.cells[column.index]));
            let (text, second) = (cells.next().unwrap_or_default(), cells.next());
            let id = ids.first().map(|column| std::mem::take(&mut row.cells[column.index]));
            NumberedInput { row: row.number, id, input: TaskInput { text, second, image: None } }
        })
        .collect();
    let is_blank = |input: &&NumberedInput| input.input.text.trim().is_empty();
    let blank: Vec<String> = inputs.iter().filter(is_blank).map(|input| input.row.to_string()).collect();
    if !blank.is_empty() {
        let (count, rows) = (blank.len(), list_rows(&blank));
        let (all, are) = (plural(inputs.len(), "text"), if count == 1 { "is" } else { "are" });
        let done = if labels.is_empty() { "answered" } else { "labeled" };
        progress.note(&format!("{count} of {all} {are} empty, and {done} as such: rows {rows}"));
    }
    Ok(inputs)
}

/// Answers in the order of `inputs`; like lengths are predicted together, so that little is padded. Says which texts are
/// longer than the model reads, and which images can't be read: these are left out of what is returned.
fn predict(
    session: &mut Session,
    mut inputs: Vec<NumberedInput>,
    progress: &Progress,
) -> anyhow::Result<(Vec<NumberedInput>, Vec<Prediction>)> {
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let doing = if session.model_labels().is_empty() { "answering" } else { "labeling" };
    let mut bad = take_unreadable(&mut inputs);
    let length = |index: &usize| match &inputs[*index].input {
        TaskInput { image: Some(_), .. } => 0,
        TaskInput { text, second, .. } => text.len() + second.as_ref().map_or(0, String::len),
    };
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(length(index)));
    let mut predictions: Vec<Option<Prediction>> = vec![None; inputs.len()];
    let (mut done, mut cut) = (0, Vec::new());
    for chunk in order.chunks(CHUNK) {
        progress.rows(doing, done, inputs.len());
        let mut left = chunk.to_vec();
        // An image is given away, so that no more are held than are needed.
        let take = |&index: &usize| {
            let image = inputs[index].input.image.take();
            TaskInput { image, ..inputs[index].input.clone() }
        };
        let mut batch: Vec<TaskInput> = left.iter().map(take).collect();
        while !batch.is_empty() {
            match block_on(session.predict(&batch, weights)) {
                Ok((answers, longer)) => {
                    if answers.len() != left.len() {
                        bail!("an input was not answered");
                    }
                    cut.extend(longer.iter().map(|&at| inputs[left[at]].row));
                    left.iter().zip(answers).for_each(|(&index, answer)| predictions[index] = Some(answer));
                    break;
                }
                Err(SessionError::Task(TaskError::Input { index, reason })) => {
                    let at = index.saturating_sub(1);
                    let row = left.get(at).map_or(index, |&index| inputs[index].row);
                    if batch.get(at).is_none_or(|input| input.image.is_none()) {
                        bail!("row {row}: {reason}");
                    }
                    bad.push((row, reason)); // which names the image
                    batch.remove(at);
                    left.remove(at);
                }
                Err(other) => return Err(other.into()),
            }
        }
        done += chunk.len();
    }
    progress.clear();
    bad.sort_unstable();
    for (row, reason) in bad.iter().take(MAX_LISTED) {
        progress.note(&format!("row {row} is left out: {reason}"));
    }
    if bad.len() > MAX_LISTED {
        progress.note(&format!("{} are left out in all", plural(bad.len(), "image")));
    }
    say_cut(session, cut, inputs.len(), progress)?;
    let answered = inputs.into_iter().zip(predictions).filter_map(|(input, answer)| Some((input, answer?)));
    let (inputs, predictions): (Vec<_>, Vec<_>) = answered.unzip();
    if inputs.is_empty() && !bad.is_empty() {
        bail!("none of the images can be read");
    }
    Ok((inputs, predictions))
}

/// Takes out the images that can't be read, as their headers tell; each with its row and the reason.
fn take_unreadable(inputs: &mut Vec<NumberedInput>) -> Vec<(usize, String)> {
    let mut bad = Vec::new();
    inputs.retain(|NumberedInput { row, input, .. }| {
        let Some(Err(reason)) = input.image.as_deref().map(read_header) else { return true };
        bad.push((*row, format!("{} {reason}", input.text)));
        false
    });
    bad
}

/// Says which rows, of so many in all, are longer than the model reads.
fn say_cut(session: &Session, mut cut: Vec<usize>, num_inputs: usize, progress: &Progress) -> anyhow::Result<()> {
    if cut.is_empty() {
        return Ok(());
    }
    cut.sort_unstable();
    let (count, all, limit) = (cut.len(), plural(num_inputs, "text"), session.max_tokens()?);
    let are = if count == 1 { "is" } else { "are" };
    let rows: Vec<String> = cut.iter().map(usize::to_string).collect();
    let rows = list_rows(&rows);
    progress.note(&format!("{count} of {all} {are} longer than {limit} tokens and {are} cut: rows {rows}"));
    Ok(())
}

/// The answers as a file, and how many of its cells got a `'` so that no spreadsheet takes them for a formula.
fn render(
    inputs: &[NumberedInput],
    labels: &[String],
    predictions: &[Prediction],
    answers: &Answers,
    layout: Layout,
) -> anyhow::Result<(Vec<u8>, usize)> {
    let names = answers.inputs.names();
    let name = names.first().copied().unwrap_or("text");
    let second_name = names.get(1).copied().filter(|_| inputs.iter().any(|input| input.input.second.is_some()));
    let has_ids = inputs.iter().any(|input| input.id.is_some());
    if layout == Layout::Csv {
        let mut lines = CsvLines::new();
        let columns = (answers.columns)(labels);
        let has_own_text = columns.iter().any(|column| column == name);
        let texts = [name].into_iter().filter(|_| !has_own_text).chain(second_name);
        let own = ["row"].into_iter().chain(has_ids.then_some("id")).chain(texts).map(str::to_owned);
        lines.write(own.chain(columns.iter().cloned()))?;
        for (NumberedInput { row, id, input }, prediction) in inputs.iter().zip(predictions) {
            let id = has_ids.then(|| id.clone().unwrap_or_default());
            let second = second_name.map(|_| input.second.clone().unwrap_or_default());
            let text = (!has_own_text).then(|| input.text.clone());
            let own = || [row.to_string()].into_iter().chain(id.clone()).chain(text.clone()).chain(second.clone());
            for line in (answers.cells)(prediction, labels).chunks(columns.len().max(1)) {
                lines.write(own().chain(line.iter().cloned()))?;
            }
        }
        return lines.finish();
    }
    let objects = inputs.iter().zip(predictions).map(|(NumberedInput { row, id, input }, prediction)| {
        let mut object = Map::from_iter([("row".to_owned(), json!(row)), (name.to_owned(), json!(input.text))]);
        object.extend(id.as_ref().map(|id| ("id".to_owned(), json!(id))));
        object.extend(second_name.zip(input.second.as_ref()).map(|(name, second)| (name.to_owned(), json!(second))));
        object.extend((answers.fields)(prediction, labels));
        Value::Object(object)
    });
    if layout == Layout::Json {
        let mut bytes = serde_json::to_vec_pretty(&objects.collect::<Vec<_>>())?;
        bytes.push(b'\n');
        return Ok((bytes, 0));
    }
    let mut bytes = Vec::new();
    for object in objects {
        serde_json::to_writer(&mut bytes, &object)?;
        bytes.push(b'\n');
    }
    Ok((bytes, 0))
}

#[cfg(test)]
mod tests {
    use hone_core::task::{sequence_classification, token_classification};

    use super::*;

    fn answers() -> &'static Answers {
        view(Task::SequenceClassification).answers.as_ref().expect("it labels")
    }

    fn read(bytes: &[u8]) -> Vec<(usize, String, Option<String>)> {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let (path, progress) = (Path::new("x.jsonl"), Progress::new(false, 0.0));
        let trained = TrainedRead::default();
        let Inputs::Rows { file, choose } = &answers().inputs else { panic!("it reads texts") };
        let inputs = read_inputs(path, bytes, &trained, &labels, (file, *choose), &progress).expect("texts");
        inputs.into_iter().map(|NumberedInput { row, input, .. }| (row, input.text, input.second)).collect()
    }

    fn text(row: usize, text: &str) -> (usize, String, Option<String>) {
        (row, text.to_owned(), None)
    }

    #[test]
    fn rows_that_hold_no_text_are_left_out_and_blank_ones_are_kept() {
        let lines = "{\"text\": \"a\"}\n{\"text\": [\"b\"]}\n{\"text\": \" \"}\n{\"text\": \"c\"}\n";
        assert_eq!(read(lines.as_bytes()), [text(1, "a"), text(3, " "), text(4, "c")]);
    }

    #[test]
    fn a_column_of_the_labels_is_not_the_text() {
        let lines = "{\"answer\": \"yes\", \"q\": \"a\"}\n{\"answer\": \"no\", \"q\": \"b\"}\n";
        assert_eq!(read(lines.as_bytes()), [text(1, "a"), text(2, "b")]);
    }

    #[test]
    fn pairs_are_read_from_two_columns() {
        let lines = "{\"premise\": \"a\", \"hypothesis\": \"b\"}\n{\"premise\": \"c\", \"hypothesis\": [1]}\n";
        assert_eq!(read(lines.as_bytes()), [(1, "a".to_owned(), Some("b".to_owned()))]);
    }

    #[test]
    fn the_extension_decides_the_layout() {
        assert_eq!(layout(None, false).expect("fine"), Layout::Csv);
        assert_eq!(layout(None, true).expect("fine"), Layout::Jsonl);
        assert_eq!(layout(Some(Path::new("x.JSONL")), false).expect("fine"), Layout::Jsonl);
        assert_eq!(layout(Some(Path::new("x.json")), false).expect("fine"), Layout::Json);
        assert!(layout(Some(Path::new("x.xlsx")), false).expect_err("unknown").to_string().contains(".xlsx"));
    }

    #[test]
    fn an_answer_of_several_lines_takes_the_place_of_the_text() {
        let answers = view(Task::TokenClassification).answers.as_ref().expect("it finds spans");
        let texts = ["Zoë in Rome", "nothing"];
        let input = |(index, text): (usize, &str)| NumberedInput {
            row: index + 2,
            id: None,
            input: TaskInput { text: text.into(), second: None, image: None },
        };
        let inputs: Vec<NumberedInput> = texts.into_iter().enumerate().map(input).collect();
        let span =
            |start, end, label: &str| token_classification::Span { start, end, label: label.into(), score: Some(0.5) };
        let found = [vec![span(0, 3, "PER"), span(7, 11, "LOC")], Vec::new()];
        let predict = |(text, spans): (&str, Vec<_>)| {
            Prediction::TokenClassification(token_classification::Prediction { text: text.into(), spans })
        };
        let predictions: Vec<Prediction> = texts.into_iter().zip(found).map(predict).collect();
        let (csv, _) = render(&inputs, &[], &predictions, answers, Layout::Csv).expect("renders");
        let expected = "row,start,end,text,label,score\n2,0,3,Zoë,PER,0.500000\n2,7,11,Rome,LOC,0.500000\n";
        assert_eq!(String::from_utf8(csv).expect("text"), expected);
        let (lines, _) = render(&inputs, &[], &predictions, answers, Layout::Jsonl).expect("renders");
        let lines: Vec<Value> =
            serde_json::Deserializer::from_slice(&lines).into_iter().map(|line| line.expect("JSON")).collect();
        assert_eq!((&lines[0]["spans"][1]["text"], &lines[0]["row"]), (&json!("Rome"), &json!(2)));
        assert_eq!((&lines[1]["text"], &lines[1]["spans"]), (&json!("nothing"), &json!([])));
    }

    #[test]
    fn csv_and_json_lines_say_the_same() {
        let input = |second: Option<&str>| TaskInput {
            text: "a, \"b\"".into(),
            second: second.map(str::to_owned),
            image: None,
        };
        let labels = ["no".to_owned(), "yes".to_owned()];
        let prediction = sequence_classification::Prediction { probabilities: vec![0.25, 0.75] };
        let predictions = [Prediction::SequenceClassification(prediction)];
        let render = |second: Option<&str>, layout: Layout| {
            let inputs = [NumberedInput { row: 2, id: None, input: input(second) }];
            render(&inputs, &labels, &predictions, answers(), layout).expect("renders").0
        };
        let csv = |second: Option<&str>| String::from_utf8(render(second, Layout::Csv)).expect("text");
        let expected = "row,text,label,probability,no,yes\n2,\"a, \"\"b\"\"\",yes,0.750000,0.250000,0.750000\n";
        assert_eq!(csv(None), expected);
        assert!(csv(Some("c")).starts_with("row,text,text_pair,label,probability,no,yes\n2,\"a, \"\"b\"\"\",c,yes,"));
        let value: Value = serde_json::from_slice(&render(Some("c"), Layout::Jsonl)).expect("one line");
        assert_eq!((&value["label"], &value["probabilities"]["no"]), (&json!("yes"), &json!(0.25)));
        assert_eq!(value["text_pair"], json!("c"));
    }
}
