//! `hone predict`: labels and probabilities for texts, as CSV or JSON Lines.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::config::ReadOptions;
use hone_core::data::{Table, parse};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use serde_json::{Map, json};

use crate::args::PredictArgs;
use crate::device;
use crate::failure::Usage;
use crate::inputs::file_name;
use crate::model_files;
use crate::output::{read_file, write_file};
use crate::progress::Progress;

/// Texts between two signs of life.
const CHUNK: usize = 256;
/// Column names that say "this is the text", best first.
const TEXT_NAMES: [&str; 12] = [
    "text",
    "sentence",
    "content",
    "message",
    "body",
    "question",
    "review",
    "comment",
    "description",
    "title",
    "utterance",
    "query",
];

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
/// A file that can't be read or written, a model without labels.
pub(crate) fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    let layout = layout(args.output.as_deref(), args.json)?;
    let texts = match &args.data {
        Some(path) => texts_of(path, &read)?,
        None => args.text.iter().enumerate().map(|(i, text)| Text { row: i + 1, text: text.clone() }).collect(),
    };
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    let device = device::open(choice)?;
    let progress = Progress::new(false, 0.0);
    progress.note(&format!("device: {}", device.name));
    let mut session = Session::new(device.device);
    session.load_model(model.files.source, model.files.folder)?;
    if let Some(adapter) = model.adapter {
        session.load_adapter(adapter)?;
    }
    let labels = session.model_labels().to_vec();
    if labels.is_empty() {
        bail!("the model has no labels yet; fine-tune it first with hone train: {}", model.files.dir.display());
    }
    let probabilities = predict(&mut session, &texts, &progress)?;
    let bytes = render(&texts, &labels, &probabilities, layout)?;
    match &args.output {
        Some(path) => {
            write_file(&bytes, path)?;
            progress.note(&format!("{} rows labeled: {}", texts.len(), path.display()));
        }
        None => io::stdout().lock().write_all(&bytes)?,
    }
    Ok(ExitCode::SUCCESS)
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

fn texts_of(path: &Path, read: &ReadOptions) -> anyhow::Result<Vec<Text>> {
    let bytes = read_file("read the data", path)?;
    let table =
        parse(&file_name(path), &bytes, read).with_context(|| format!("can't use the data file {}", path.display()))?;
    for bad in table.bad_rows.iter().take(10) {
        eprintln!("row {} is left out: {}", bad.row, bad.reason);
    }
    if table.num_bad_rows > 10 {
        eprintln!("{} rows are left out in all", table.num_bad_rows);
    }
    let column = text_column(&table, read.text_column.as_deref())?;
    if table.columns.len() > 1 {
        eprintln!("texts: column {:?}", table.columns[column]);
    }
    let texts = table.rows.into_iter().map(|mut row| Text { row: row.number, text: row.cells.swap_remove(column) });
    Ok(texts.collect())
}

/// The column that was named, else the best-named, else the one with the longest cells.
fn text_column(table: &Table, named: Option<&str>) -> anyhow::Result<usize> {
    let find = |name: &str| table.columns.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
    if let Some(name) = named {
        let exact = table.columns.iter().position(|column| column == name);
        return exact.or_else(|| find(name)).with_context(|| {
            let columns: Vec<_> = table.columns.iter().map(|column| format!("{column:?}")).collect();
            format!("there is no column {name:?}; the columns are {}", columns.join(", "))
        });
    }
    let longest = || {
        let length = |column: usize| table.rows.iter().map(|row| row.cells[column].len()).sum::<usize>();
        (0..table.columns.len()).max_by_key(|column| (length(*column), usize::MAX - column))
    };
    TEXT_NAMES.iter().find_map(|name| find(name)).or_else(longest).context("the file has no columns")
}

/// Probabilities in the order of `texts`; like lengths are predicted together, so that little is padded.
fn predict(session: &mut Session, texts: &[Text], progress: &Progress) -> anyhow::Result<Vec<Vec<f32>>> {
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(texts[*index].text.len()));
    let mut probabilities = vec![Vec::new(); texts.len()];
    let mut done = 0;
    for chunk in order.chunks(CHUNK) {
        progress.rows("labeling", done, texts.len());
        let batch: Vec<String> = chunk.iter().map(|index| texts[*index].text.clone()).collect();
        let rows = block_on(session.predict(&batch, weights))?;
        for (index, row) in chunk.iter().zip(rows) {
            probabilities[*index] = row;
        }
        done += chunk.len();
    }
    progress.clear();
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

    fn table(text: &str) -> Table {
        parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("parses")
    }

    #[test]
    fn the_text_column_is_found() {
        let named = table("id,sentence,note\n1,hello there,a very long remark about nothing\n2,good bye,none at all\n");
        assert_eq!(text_column(&named, None).expect("by its name"), 1);
        assert_eq!(text_column(&named, Some("note")).expect("as told"), 2);
        assert!(text_column(&named, Some("nope")).expect_err("not there").to_string().contains("\"sentence\""));
        let unnamed = table("id,what,tag\n1,the longest of them all,x\n2,and this one is long too,y\n");
        assert_eq!(text_column(&unnamed, None).expect("by its length"), 1);
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
