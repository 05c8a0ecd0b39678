//! `hone eval --slice-by`, `--slice-contains` and `--swap`: in which rows a model is worse than in the others, and whether its answers
//! hang on words that should make no difference.
//!
//! In: rows as they were measured, and the file that they stand in. Out: lines below the figures, or fields of the JSON.

use anyhow::Context;
use futures_lite::future::block_on;
use hone_core::config::{ConfigProblem, ReadOptions};
use hone_core::metrics::{SliceFigure, SliceResult, known_interval};
use hone_core::session::protocol::Weights;
use hone_core::session::{Session, Swapping};
use hone_core::task::{
    ColumnsOfRows, FlippedRow, MeasuredRows, RowPredictions, SliceBy, Slicing, SwapPairs, SwapReport, Task, can_slice,
    can_swap, slice_rows, texts_to_swap,
};
use hone_core::words::plural;
use serde_json::{Value, json};

use crate::args::{EvalArgs, no_effect};
use crate::progress::Progress;
use crate::tables::{cut, push_line};

/// What `--slice-by` calls the length of a text.
const LENGTH: &str = "length";

/// Texts that are asked about between two signs of life.
const CHUNK: usize = 256;

/// Changed answers that are listed; `--json` has up to 200.
const SHOWN: usize = 5;

/// Characters of a text beside a changed answer.
const MAX_TEXT: usize = 100;

/// Flags that have no effect on what is measured.
pub(crate) fn unused(args: &EvalArgs, task: Task) -> Vec<ConfigProblem> {
    let asked = [
        ("slice_by", args.slice_by.is_empty(), can_slice(task)),
        ("slice_contains", args.slice_contains.is_empty(), can_slice(task)),
        ("swap", args.swap.is_empty(), can_swap(task)),
    ];
    let unused = asked.into_iter().filter(|(_, is_empty, is_used)| !is_empty && !is_used);
    unused.map(|(name, ..)| no_effect(name, task)).collect()
}

/// The file of the rows, where they are taken apart by its columns.
///
/// # Errors
/// When it is no table.
pub(crate) fn columns(
    args: &EvalArgs,
    session: &Session,
    (name, bytes): &(String, Vec<u8>),
    read: &ReadOptions,
) -> anyhow::Result<Option<ColumnsOfRows>> {
    if args.slice_by.iter().all(|by| by == LENGTH) {
        return Ok(None);
    }
    let read = session.read_as_trained(name, bytes, read).read;
    let columns = ColumnsOfRows::read((name, bytes), &read);
    columns.map(Some).with_context(|| format!("--slice-by: can't read the columns of {}", args.data.display()))
}

/// The slices that were asked for; `None` where none were.
///
/// # Errors
/// When a column is not there.
pub(crate) fn slices(
    args: &EvalArgs,
    rows: &RowPredictions,
    columns: Option<&ColumnsOfRows>,
) -> anyhow::Result<Option<Slicing>> {
    let by_column = args.slice_by.iter().map(|name| match name.as_str() {
        LENGTH => SliceBy::Length,
        name => SliceBy::Column(name.to_owned()),
    });
    let by: Vec<SliceBy> = by_column.chain(args.slice_contains.iter().cloned().map(SliceBy::Contains)).collect();
    let Some(measured) = MeasuredRows::of(rows).filter(|_| !by.is_empty()) else { return Ok(None) };
    slice_rows(&measured, columns, &by).map(Some).with_context(|| format!("--slice-by: {}", args.data.display()))
}

/// What swapping words does to the answers; `None` where no words were named.
///
/// # Errors
/// When the device fails.
pub(crate) fn swaps(
    pairs: &SwapPairs,
    session: &mut Session,
    rows: &RowPredictions,
    weights: Weights,
    progress: &Progress,
) -> anyhow::Result<Option<SwapReport>> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let mut swapping = Swapping::new(texts_to_swap(rows), pairs, CHUNK);
    let all = swapping.answering.progress().1;
    let mut is_unfinished = all > 0;
    while is_unfinished {
        progress.rows("asking with words swapped", swapping.answering.progress().0, all);
        is_unfinished = block_on(session.answer_inputs(&mut swapping.answering, weights, None))?;
    }
    Ok(Some(swapping.finish(session.model_labels())))
}

/// Adds what was found to figures that programs read.
///
/// # Errors
/// When it can't be written as JSON.
pub(crate) fn add_to(
    figures: &mut Value,
    slicing: Option<&Slicing>,
    swaps: Option<&SwapReport>,
) -> serde_json::Result<()> {
    if let Some(Slicing { report, notes, .. }) = slicing {
        figures["slices"] = serde_json::to_value(report)?;
        figures["slices"]["notes"] = json!(notes);
    }
    if let Some(report) = swaps {
        figures["swaps"] = serde_json::to_value(report)?;
    }
    Ok(())
}

/// What was found, as lines.
pub(crate) fn tables(slicing: Option<&Slicing>, swaps: Option<&SwapReport>, rows: &RowPredictions) -> String {
    let mut out = String::new();
    if let Some(slicing) = slicing {
        out.push_str(&slices_table(slicing));
    }
    if let Some(report) = swaps {
        out.push_str(&swaps_table(report, rows));
    }
    out
}

fn slices_table(Slicing { report, notes, .. }: &Slicing) -> String {
    let mut out = String::new();
    let mut line = |text: &str| push_line(&mut out, text);
    line("");
    line(&format!("  slices, the worst first, each beside all other rows: {}", report.figure));
    let name = |one: &SliceResult| cut(&format!("{}: {}", one.by, one.value));
    let width = report.slices.iter().map(|one| name(one).chars().count()).max().unwrap_or(0).max("all rows".len());
    line(&format!("  {:<width$}   rows   slice  95 % between      rest  difference  95 % between         p", ""));
    let not_known = || "not known".to_owned();
    let between = |interval: Option<[f64; 2]>| {
        interval.and_then(known_interval).map_or_else(not_known, |[low, high]| format!("{low:.4} {high:.4}"))
    };
    let signed = |interval: Option<[f64; 2]>| {
        interval.and_then(known_interval).map_or_else(not_known, |[low, high]| format!("{low:+.4} {high:+.4}"))
    };
    let SliceFigure { num_rows, value, interval } = &report.all;
    line(&format!("  {:<width$}  {num_rows:>5}  {value:.4}  {:<15}", "all rows", between(*interval)));
    for one in &report.slices {
        let worse = if one.is_worse { "  worse" } else { "" };
        line(&format!(
            "  {:<width$}  {:>5}  {:.4}  {:<15}  {:.4}     {:+.4}  {:<16}  {:.4}{worse}",
            name(one),
            one.slice.num_rows,
            one.slice.value,
            between(one.slice.interval),
            one.rest.value,
            one.difference,
            signed(one.difference_interval),
            one.p_corrected
        ));
    }
    line(&format!("  {}", report.note()));
    notes.iter().for_each(|note| line(&format!("  {note}")));
    out
}

fn swaps_table(report: &SwapReport, rows: &RowPredictions) -> String {
    let mut out = String::new();
    let mut line = |text: &str| push_line(&mut out, text);
    let SwapReport { num_rows, num_swapped, num_flipped, mean_change, flipped } = report;
    line("");
    line(&format!("  words swapped, both ways at once, in {num_swapped} of {}", plural(*num_rows, "row")));
    if *num_swapped == 0 {
        return out;
    }
    let share = 100.0 * *num_flipped as f64 / *num_swapped as f64;
    line(&format!(
        "  of these another answer: {num_flipped} ({share:.1} %); the probability of the first answer changes by {mean_change:.4} \
         on average"
    ));
    let numbers: Vec<usize> =
        MeasuredRows::of(rows).map(|found| found.rows.iter().map(|row| row.row).collect()).unwrap_or_default();
    for FlippedRow { index, swapped, labels: [before, after], probabilities: [was, is], .. } in
        flipped.iter().take(SHOWN)
    {
        let number = numbers.get(*index).copied().unwrap_or(index + 1);
        let text: String = swapped.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect();
        line(&format!("  row {number}: {} becomes {} ({was:.4} to {is:.4}): {text}", cut(before), cut(after)));
    }
    if flipped.len() > SHOWN {
        line(&format!("  and {} more: --json lists up to 200", num_flipped - SHOWN));
    }
    out
}

#[cfg(test)]
mod tests {
    use hone_core::task::{MeasuredRow, sequence_classification};

    use super::*;

    #[test]
    fn slices_read_as_a_table_with_the_worst_first() {
        let text = |row: usize| format!("{} text", if row < 12 { "bad" } else { "good" });
        let row = |row: usize| MeasuredRow { row: row + 2, text: text(row), outcome: f64::from(u8::from(row >= 10)) };
        let measured = MeasuredRows { rows: (0..60).map(row).collect(), are_errors: false };
        let by = [SliceBy::Contains("bad".into()), SliceBy::Contains("rare".into())];
        let found = slice_rows(&measured, None, &by).expect("no column is asked for");
        let table = slices_table(&found);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].ends_with("all other rows: accuracy"), "{table}");
        assert!(lines[3].trim_start().starts_with("all rows"), "{table}");
        assert!(lines[4].starts_with("  contains: bad     12  0.1667  ") && lines[4].ends_with("  worse"), "{table}");
        assert!(lines[5].contains("Slices looked at: 1.") && lines[5].ends_with("less than 10 rows: 1."), "{table}");
        let mut json = json!({});
        add_to(&mut json, Some(&found), None).expect("plain values");
        assert_eq!((&json["slices"]["slices"][0]["is_worse"], &json["slices"]["notes"]), (&json!(true), &json!([])));
    }

    #[test]
    fn an_interval_that_is_not_known_is_said_in_the_table() {
        let text = |row: usize| format!("{} text", if row < 12 { "bad" } else { "good" });
        let row = |row: usize| MeasuredRow { row, text: text(row), outcome: if row < 12 { 1.0 } else { 0.5 } };
        let measured = MeasuredRows { rows: (0..60).map(row).collect(), are_errors: true };
        let found = slice_rows(&measured, None, &[SliceBy::Contains("bad".into())]).expect("no column is asked for");
        let table = slices_table(&found);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[3].starts_with("  all rows") && !lines[3].contains("not known"), "{table}");
        let expected =
            "  contains: bad     12  1.0000  not known        0.5000     +0.5000  not known         0.0000  worse";
        assert_eq!(lines[4], expected, "{table}");
    }

    #[test]
    fn answers_that_change_are_listed_with_their_rows() {
        let flipped = FlippedRow {
            index: 0,
            text: "he".into(),
            swapped: "she\nruns".into(),
            labels: ["yes".into(), "no".into()],
            probabilities: [0.75, 0.25],
        };
        let row = sequence_classification::RowPrediction {
            row: 7,
            text: "he".into(),
            second: None,
            label: 0,
            predicted: 1,
            probabilities: vec![0.25, 0.75],
        };
        let rows = RowPredictions::SequenceClassification(vec![row]);
        let report =
            SwapReport { num_rows: 9, num_swapped: 4, num_flipped: 1, mean_change: 0.125, flipped: vec![flipped] };
        let table = swaps_table(&report, &rows);
        let expected = "
  words swapped, both ways at once, in 4 of 9 rows
  of these another answer: 1 (25.0 %); the probability of the first answer changes by 0.1250 on average
  row 7: yes becomes no (0.7500 to 0.2500): she runs
";
        assert_eq!(table, expected);
    }
}
