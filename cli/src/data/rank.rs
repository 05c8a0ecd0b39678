//! `hone data rank`: rows without labels in the order in which they are best labeled (active learning, Settles 2009).
//!
//! In: rows, and perhaps a fine-tuned model. Out: the rows whose label is empty, those first that the model is least sure of, each with
//! how unsure it is and its likeliest labels; without a model those first that have little in common. As CSV or as JSON Lines.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::ReadOptions;
use hone_core::data::{Row, RowId, Split, TrainedRead, UnlabeledRow, find_column, parse_keeping_nested};
use hone_core::session::protocol::Weights;
use hone_core::session::{Answered, Answering, Session, SessionError};
use hone_core::task::{HeadKind, Inputs, RankedRow, RankedRows, Task, TaskError, UnlabeledRows, read_inputs};
use hone_core::words::plural;

use crate::args::{RankArgs, task_name};
use crate::csv_lines::CsvLines;
use crate::device;
use crate::inputs::{check_job, holds_images, load_session, no_head, read_rows};
use crate::model_files;
use crate::output::write_file;
use crate::predict::render::Layout;
use crate::progress::Progress;
use crate::result_file::check_file;

/// Rows that are asked about between two signs of life.
const PART_SIZE: usize = 256;
/// What the column of labels is called where neither a flag nor a model says it.
const LABELS: [&str; 2] = ["label", "labels"];

/// Runs `hone data rank`.
///
/// # Errors
/// A file or a model that can't be read, a model that does not give a text one of some labels.
pub(super) fn run(args: &RankArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    let layout = Layout::choose(args.output.as_deref(), args.json)?;
    check_file("--output", args.output.as_deref(), &[&args.file])?;
    let (name, bytes) = read_rows("read the data", &args.file, Split::Train, read.sheet.as_deref())?;
    if holds_images(&bytes) {
        bail!("texts are ranked here, and these are none; images are labeled on the page: {}", args.file.display());
    }
    let progress = Progress::new(false, 0.0);
    let ranked = match &args.model {
        None => {
            let trained = TrainedRead { read: read.clone(), ..TrainedRead::default() };
            let rows = unlabeled((&name, &bytes), (&trained, &read), Task::default(), &[], &progress)?;
            UnlabeledRows::all(rows, args.seed()).as_they_are()
        }
        Some(model) => {
            let model = model_files::load_with_adapter(model, None)?;
            check_job(&model)?;
            let mut session = load_session(device::open(choice)?, model, None, &progress)?;
            rank_by_model(&mut session, (&name, &bytes), &read, args, &progress)?
        }
    };
    let rows = &ranked.rows[..ranked.rows.len().min(args.first.unwrap_or(usize::MAX))];
    let written = match layout {
        Layout::Csv => to_csv(rows, &progress)?,
        Layout::Jsonl => to_json_lines(rows)?,
        Layout::Json => to_json(rows)?,
    };
    match &args.output {
        Some(path) => {
            write_file(&written, path)?;
            let all = plural(ranked.num_unlabeled, "unlabeled row");
            progress.note(&format!("{} of {all}: {}", rows.len(), path.display()));
        }
        None => io::stdout().lock().write_all(&written).context("can't write to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn rank_by_model(
    session: &mut Session,
    file: (&str, &[u8]),
    read: &ReadOptions,
    args: &RankArgs,
    progress: &Progress,
) -> anyhow::Result<RankedRows> {
    let task = session.task()?;
    if !task.spec().gives_labels() || task.spec().head != HeadKind::Sequence {
        let instead =
            "choose one that gives texts labels, or leave --model out to rank rows by how little they have in common";
        bail!("rows are not ranked by a model for {}: {instead}", task_name(task));
    }
    if !session.has_own_head() {
        bail!("{}: leave --model out to label the first rows", no_head(task));
    }
    session.check_answers()?;
    let labels = session.model_labels().to_vec();
    let trained = session.read_as_trained(file.0, file.1, read);
    let chosen = UnlabeledRows::all(unlabeled(file, (&trained, read), task, &labels, progress)?, args.seed());
    let inputs = chosen.inputs();
    let mut answering = Answering::new(inputs, PART_SIZE);
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let (mut is_unfinished, total) = (answering.progress().1 > 0, answering.progress().1);
    while is_unfinished {
        progress.rows("asking the model", answering.progress().0, total);
        let answered = block_on(session.answer_inputs(&mut answering, weights, None));
        is_unfinished = answered.map_err(|error| match error {
            SessionError::Task(TaskError::Input { reason, .. }) => anyhow!("a text can't be used: {reason}"),
            other => other.into(),
        })?;
    }
    progress.clear();
    let Answered { predictions, .. } = answering.finish();
    Ok(chosen.by_answers(&predictions, &labels, args.by, Some(usize::MAX)))
}

/// The rows of a file that have no label; says what is left out. `typed`: what flags say of how rows are read.
fn unlabeled(
    (name, bytes): (&str, &[u8]),
    (trained, typed): (&TrainedRead, &ReadOptions),
    task: Task,
    labels: &[String],
    progress: &Progress,
) -> anyhow::Result<Vec<UnlabeledRow>> {
    let failed = || format!("can't use the data file {name}");
    let Inputs::Rows { file, choose } = &task.answers().inputs else {
        bail!("a model for {} is not asked about rows", task.name());
    };
    let table = read_inputs((name, bytes), trained, labels, file, *choose).with_context(failed)?;
    table.notes.iter().chain(&table.warning).for_each(|note| progress.note(note));
    let labeled = labeled_rows((name, bytes), &trained.read, typed).with_context(failed)?;
    let (num_rows, num_bad) = (table.inputs.len(), table.num_bad_rows);
    let rows: Vec<UnlabeledRow> = table
        .inputs
        .into_iter()
        .filter(|one| !labeled.contains(&one.row) && !one.input.text.trim().is_empty())
        .map(|one| UnlabeledRow {
            id: RowId { file: Split::Train, row: one.row },
            label: String::new(),
            text: one.input.text,
            second: one.input.second,
        })
        .collect();
    progress.note(&format!("{} of {} have no label", rows.len(), plural(num_rows, "row")));
    if num_bad > 0 {
        progress.note(&format!("{} can't be read", plural(num_bad, "row")));
    }
    Ok(rows)
}

/// Numbers of the rows whose label is there, of several columns all of them; none where there is no column of labels. One that was
/// typed has to be there.
fn labeled_rows(
    (name, bytes): (&str, &[u8]),
    read: &ReadOptions,
    typed: &ReadOptions,
) -> anyhow::Result<HashSet<usize>> {
    let table = parse_keeping_nested(name, bytes, read)?;
    let named = named_columns(read);
    let typed = named_columns(typed);
    let mut columns = Vec::new();
    for name in &named {
        match find_column(&table, name) {
            Ok(column) => columns.push(column),
            Err(error) if typed.contains(name) => return Err(error.into()),
            Err(_) => {}
        }
    }
    if named.is_empty() {
        columns.extend(LABELS.iter().find_map(|name| find_column(&table, name).ok()));
    }
    if columns.is_empty() {
        return Ok(HashSet::new());
    }
    let has_labels = |row: &&Row| columns.iter().all(|&column| !row.cells[column].trim().is_empty());
    Ok(table.rows.iter().filter(has_labels).map(|row| row.number).collect())
}

/// The columns of labels that are named.
fn named_columns(read: &ReadOptions) -> Vec<&str> {
    read.label_columns.iter().chain(&read.label_column).map(String::as_str).collect()
}

fn to_json(rows: &[RankedRow]) -> anyhow::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(rows)?;
    json.push(b'\n');
    Ok(json)
}

fn to_json_lines(rows: &[RankedRow]) -> anyhow::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn to_csv(rows: &[RankedRow], progress: &Progress) -> anyhow::Result<Vec<u8>> {
    let has_pairs = rows.iter().any(|row| row.second.is_some());
    let is_by_model = rows.iter().any(|row| row.uncertainty.is_some());
    let mut lines = CsvLines::new();
    let names = ["row", "text"].into_iter().chain(has_pairs.then_some("text_pair"));
    let of_model = ["uncertainty", "likely", "probability", "or", "probability_of_or"];
    let names = names.chain(of_model.into_iter().filter(|_| is_by_model));
    lines.write(names.map(str::to_owned))?;
    for row in rows {
        let second = has_pairs.then(|| row.second.clone().unwrap_or_default());
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.6}"));
        let likely = |place: usize| {
            let found = row.likely.get(place);
            [found.map_or_else(String::new, |(name, _)| name.clone()), number(found.map(|(_, p)| f64::from(*p)))]
        };
        let [first, second_likely] = [likely(0), likely(1)];
        let of_model = std::iter::once(number(row.uncertainty)).chain(first).chain(second_likely);
        let own = [row.id.row.to_string(), row.text.clone()].into_iter().chain(second);
        lines.write(own.chain(of_model.filter(|_| is_by_model)))?;
    }
    let (written, num_formulas) = lines.finish()?;
    if num_formulas > 0 {
        progress.note(&format!(
            "a ' stands before what a spreadsheet would take for a formula: {}",
            plural(num_formulas, "cell")
        ));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranked_rows_are_written_with_what_is_likely() {
        let id = RowId { file: Split::Train, row: 7 };
        let likely = vec![("a".to_owned(), 0.5), ("b".to_owned(), 0.25)];
        let (label, text) = (String::new(), "one, two".to_owned());
        let row = RankedRow { id, label, text, second: None, uncertainty: Some(0.75), likely };
        let csv = |row: &RankedRow| {
            let written = to_csv(std::slice::from_ref(row), &Progress::new(true, 0.0)).expect("memory");
            String::from_utf8(written).expect("a text")
        };
        let head = "row,text,uncertainty,likely,probability,or,probability_of_or";
        assert_eq!(csv(&row), format!("{head}\n7,\"one, two\",0.750000,a,0.500000,b,0.250000\n"));
        let unknown = RankedRow { uncertainty: None, likely: Vec::new(), second: Some("c".into()), ..row };
        assert_eq!(csv(&unknown), "row,text,text_pair\n7,\"one, two\",c\n");
    }

    #[test]
    fn rows_with_a_label_are_told_from_those_without() {
        let of_flags = |text: &str, read: &ReadOptions, typed: &ReadOptions| {
            let rows = labeled_rows(("x.csv", text.as_bytes()), read, typed)?;
            let mut rows: Vec<usize> = rows.into_iter().collect();
            rows.sort_unstable();
            anyhow::Ok(rows)
        };
        let labeled = |text: &str, read: &ReadOptions| of_flags(text, read, &ReadOptions::default()).expect("a table");
        let text = "text,label,kind\na,x,\nb, ,y\nc,,\n";
        assert_eq!(labeled(text, &ReadOptions::default()), [2]);
        let read = ReadOptions { label_column: Some("kind".into()), ..ReadOptions::default() };
        assert_eq!(labeled(text, &read), [3]);
        assert_eq!(labeled("id,text\n1,a\n2,b\n", &ReadOptions::default()), [0; 0]);
        assert_eq!(labeled("text,labels\na,x; y\nb,\nc,[]\n", &ReadOptions::default()), [2, 4]);
        let read = ReadOptions { label_columns: vec!["late".into(), "rude".into()], ..ReadOptions::default() };
        assert_eq!(labeled("text,late,rude\na,0,1\nb,,\nc,1,\n", &read), [2]);
        let read = ReadOptions { label_column: Some("nope".into()), ..ReadOptions::default() };
        assert_eq!(labeled(text, &read), [0; 0], "a model's column is not in every file");
        let error = of_flags(text, &read, &read).expect_err("a column that was typed is not there").to_string();
        assert!(error.contains("nope"), "{error}");
    }
}
