//! `hone predict`: labels and probabilities for texts, as CSV or JSON Lines.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::data::{Row, TrainedRead, choose_text_column, list_rows, parse};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::words::plural;
use serde_json::{Map, json};

use crate::args::PredictArgs;
use crate::device;
use crate::failure::Usage;
use crate::inputs::{check_job, file_name, say_model_notes, say_warnings};
use crate::model_files;
use crate::output::{read_data_file, write_file};
use crate::progress::Progress;

/// Texts between two signs of life.
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

/// A text to label, and its row in the file (or its place on the command line).
struct Text {
    row: usize,
    text: String,
}

/// Runs `hone predict`.
///
/// # Errors
/// A file that can't be read or written, a model without labels or with a head for another task.
pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    let layout = layout(args.output.as_deref(), args.json)?;
    if let (Some(output), Some(data)) = (&args.output, &args.data)
        && output.canonicalize().is_ok_and(|output| data.canonicalize().is_ok_and(|data| output == data))
    {
        bail!("--output is the file that --data reads, choose another: {}", output.display());
    }
    let data = args.data.as_deref().map(|path| Ok::<_, anyhow::Error>((path, read_data_file("read the data", path)?)));
    let data = data.transpose()?;
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    check_job(&model)?;
    let device = device::open(choice)?;
    let progress = Progress::new(false, 0.0);
    progress.note(&format!("device: {}", device.name));
    let mut session = Session::new(device.device);
    let info = session.load_model(model.files.source, model.files.folder)?;
    say_model_notes(&progress, &info, model.adapter.is_some());
    if let Some(adapter) = model.adapter {
        session.load_adapter(adapter)?;
    }
    say_warnings(&session);
    let labels = session.answer_labels()?.to_vec();
    if labels.is_empty() {
        bail!("the model has no labels yet; fine-tune it first with hone train: {}", model.files.dir.display());
    }
    let texts = match data {
        Some((path, bytes)) => {
            let trained = session.read_as_trained(&file_name(path), &bytes, &read);
            texts_of(path, &bytes, &trained, &labels, &progress)?
        }
        None => args.text.iter().enumerate().map(|(i, text)| Text { row: i + 1, text: text.clone() }).collect(),
    };
    let probabilities = predict(&mut session, &texts, &progress)?;
    let bytes = render(&texts, &labels, &probabilities, layout)?;
    match &args.output {
        Some(path) => {
            write_file(&bytes, path)?;
            progress.note(&format!("{} labeled: {}", plural(texts.len(), "row"), path.display()));
        }
        None => print(&bytes).context("can't write to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
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

/// The texts of a file; says what is left out, and which column they are read from.
fn texts_of(
    path: &Path,
    bytes: &[u8],
    trained: &TrainedRead,
    labels: &[String],
    progress: &Progress,
) -> anyhow::Result<Vec<Text>> {
    let failed = || format!("can't use the data file {}", path.display());
    let mut table = parse(&file_name(path), bytes, &trained.read).with_context(failed)?;
    let column = choose_text_column(&table, &trained.read, labels).with_context(failed)?;
    table.notes.iter().for_each(|note| progress.note(note));
    let name = table.columns[column].clone();
    // Lines that were not meant to be a table may have been cut into columns.
    let cut = table.delimiter.filter(|_| !table.has_header && table.columns.len() > 1);
    let cut = cut.map_or_else(String::new, |at| {
        format!("; lines are cut into {} columns at {at:?} (--delimiter chooses another)", table.columns.len())
    });
    progress.note(&format!("texts: column {name:?}{cut}"));
    if let Some(missing) = trained.missing_texts(&[name.as_str()]) {
        progress.note(&format!("warning: {missing}"));
    }
    let is_nested = |row: &Row| row.nested.contains(&column);
    let mut bad: Vec<(usize, String)> = table.bad_rows.drain(..).map(|bad| (bad.row, bad.reason)).collect();
    let nested = table.rows.iter().filter(|row| is_nested(row));
    let num_bad = table.num_bad_rows + nested.clone().count();
    bad.extend(nested.map(|row| (row.number, format!("the text holds an object or array (column {name:?})"))));
    bad.sort_by_key(|(row, _)| *row);
    for (row, reason) in bad.iter().take(MAX_LISTED) {
        progress.note(&format!("row {row} is left out: {reason}"));
    }
    if num_bad > MAX_LISTED {
        progress.note(&format!("{} are left out in all", plural(num_bad, "row")));
    }
    let rows = table.rows.into_iter().filter(|row| !is_nested(row));
    let texts: Vec<Text> = rows.map(|mut row| Text { row: row.number, text: row.cells.swap_remove(column) }).collect();
    let blank: Vec<String> =
        texts.iter().filter(|text| text.text.trim().is_empty()).map(|text| text.row.to_string()).collect();
    if !blank.is_empty() {
        let (count, rows) = (blank.len(), list_rows(&blank));
        let (all, are) = (plural(texts.len(), "text"), if count == 1 { "is" } else { "are" });
        progress.note(&format!("{count} of {all} {are} empty, and labeled as such: rows {rows}"));
    }
    Ok(texts)
}

/// Probabilities in the order of `texts`; like lengths are predicted together, so that little is padded. Says which texts
/// are longer than the model reads.
fn predict(session: &mut Session, texts: &[Text], progress: &Progress) -> anyhow::Result<Vec<Vec<f32>>> {
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(texts[*index].text.len()));
    let mut probabilities = vec![Vec::new(); texts.len()];
    let (mut done, mut limit, mut cut) = (0, 0, Vec::new());
    for chunk in order.chunks(CHUNK) {
        progress.rows("labeling", done, texts.len());
        let batch: Vec<String> = chunk.iter().map(|index| texts[*index].text.clone()).collect();
        let (max_tokens, longer) = session.find_cut_texts(&batch)?;
        limit = max_tokens;
        cut.extend(longer.iter().map(|&index| texts[chunk[index]].row));
        let rows = block_on(session.predict(&batch, weights))?;
        for (index, row) in chunk.iter().zip(rows) {
            probabilities[*index] = row;
        }
        done += chunk.len();
    }
    progress.clear();
    if !cut.is_empty() {
        cut.sort_unstable();
        let (count, all) = (cut.len(), plural(texts.len(), "text"));
        let are = if count == 1 { "is" } else { "are" };
        let rows: Vec<String> = cut.iter().map(usize::to_string).collect();
        let rows = list_rows(&rows);
        progress.note(&format!("{count} of {all} {are} longer than {limit} tokens and {are} cut: rows {rows}"));
    }
    Ok(probabilities)
}

fn render(texts: &[Text], labels: &[String], rows: &[Vec<f32>], layout: Layout) -> anyhow::Result<Vec<u8>> {
    let best = |row: &[f32]| (0..row.len()).fold(0, |best, index| if row[index] > row[best] { index } else { best });
    if layout == Layout::Csv {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(
            ["row", "text", "label", "probability"].into_iter().chain(labels.iter().map(String::as_str)),
        )?;
        for (text, row) in texts.iter().zip(rows) {
            let first =
                [text.row.to_string(), text.text.clone(), labels[best(row)].clone(), format!("{:.6}", row[best(row)])];
            writer.write_record(first.into_iter().chain(row.iter().map(|p| format!("{p:.6}"))))?;
        }
        return writer.into_inner().context("can't finish the CSV");
    }
    let objects = texts.iter().zip(rows).map(|(text, row)| {
        let all: Map<_, _> = labels.iter().cloned().zip(row.iter().map(|p| json!(p))).collect();
        let (label, probability) = (&labels[best(row)], row[best(row)]);
        json!({ "row": text.row, "text": text.text, "label": label, "probability": probability, "probabilities": all })
    });
    if layout == Layout::Json {
        let mut bytes = serde_json::to_vec_pretty(&objects.collect::<Vec<_>>())?;
        bytes.push(b'\n');
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    for object in objects {
        serde_json::to_writer(&mut bytes, &object)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(usize, String)> {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let (path, progress) = (Path::new("x.jsonl"), Progress::new(false, 0.0));
        let texts = texts_of(path, bytes, &TrainedRead::default(), &labels, &progress).expect("texts");
        texts.into_iter().map(|text| (text.row, text.text)).collect()
    }

    #[test]
    fn rows_that_hold_no_text_are_left_out_and_blank_ones_are_kept() {
        let lines = "{\"text\": \"a\"}\n{\"text\": [\"b\"]}\n{\"text\": \" \"}\n{\"text\": \"c\"}\n";
        assert_eq!(read(lines.as_bytes()), [(1, "a".to_owned()), (3, " ".to_owned()), (4, "c".to_owned())]);
    }

    #[test]
    fn a_column_of_the_labels_is_not_the_text() {
        let lines = "{\"answer\": \"yes\", \"q\": \"a\"}\n{\"answer\": \"no\", \"q\": \"b\"}\n";
        assert_eq!(read(lines.as_bytes()), [(1, "a".to_owned()), (2, "b".to_owned())]);
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
    fn csv_and_json_lines_say_the_same() {
        let texts = [Text { row: 2, text: "a, \"b\"".into() }];
        let labels = ["no".to_owned(), "yes".to_owned()];
        let rows = [vec![0.25, 0.75]];
        let csv = render(&texts, &labels, &rows, Layout::Csv).expect("renders");
        let expected = "row,text,label,probability,no,yes\n2,\"a, \"\"b\"\"\",yes,0.750000,0.250000,0.750000\n";
        assert_eq!(String::from_utf8(csv).expect("text"), expected);
        let json = render(&texts, &labels, &rows, Layout::Jsonl).expect("renders");
        let value: serde_json::Value = serde_json::from_slice(&json).expect("one line");
        assert_eq!((&value["label"], &value["probabilities"]["no"]), (&json!("yes"), &json!(0.25)));
    }
}
