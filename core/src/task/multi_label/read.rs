//! Files to rows with any number of labels, in three splits.

use std::cell::Cell;
use std::collections::HashMap;

use super::PreviewRow;
use super::cells::{find_separator, find_vector, parse_labels, parse_truth, parse_vector};
use super::columns::{LABEL, LABELS, choose, have_marks_alone, warn_of_missing};
use super::draw::FileLabels;
use super::layout::LabelLayout;
use crate::config::ReadOptions;
use crate::data::{
    BadCell, DataError, Merges, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, RowReader, SourceRow, Table,
    UsedColumn, count_repeats, parse_keeping_nested, share_out, similar_labels, sorted_labels, take_filled,
};
use crate::task::by_hand::{nothing_labeled, say_unlabeled, set_aside};
use crate::task::texts::{LabeledText, take_texts};
use crate::task::{Purpose, ReadRequest, TaskInput};
use crate::words::list;

/// Rows of the preview.
const PREVIEW: usize = 5;

/// Columns that a note names.
const MAX_NAMED: usize = 10;

/// Longest cell that a reason repeats, in characters.
const MAX_SHOWN: usize = 40;

/// Rows with any number of labels in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the label ids: columns in their order, else sorted; or as the model orders them.
    pub labels: Vec<String>,
    /// Columns with 0 or 1 for each label; none where one column has all labels.
    pub columns: Vec<String>,
    /// These hold marks of the labels that a row has, and an empty cell says no.
    pub has_marks: bool,
    /// What stands between labels in a cell.
    pub separator: Option<char>,
    /// The labels by their places in lists of 0 and 1; none where cells hold no such lists.
    pub places: Vec<String>,
    /// Rows of training, validation and test, each with its label ids, ascending.
    pub splits: [Vec<LabeledText<Vec<usize>>>; 3],
    /// Rows whose text stood in an earlier one with other labels.
    pub num_conflicts: usize,
    /// The first rows of the training file.
    pub preview: Vec<PreviewRow>,
}

/// A row with its labels still as texts.
#[derive(Debug)]
pub(super) struct NamedRow {
    input: TaskInput,
    pub(super) labels: Vec<String>,
}

/// A row with its label ids.
pub(super) type IdRow = (TaskInput, Vec<usize>);

/// Reads the files and shares the rows out; each row counts for the rarest of its labels, so that these are in all splits.
///
/// Where a model is measured ([`Purpose::Measure`]), all labels must be its own.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub fn read_dataset(request: &ReadRequest<'_>) -> Result<(Dataset, ReadSummary), DataError> {
    let (read, known) = (request.read, request.known_labels);
    let (separator, vector, has_marks) = (Cell::new(None), Cell::new(None), Cell::new(false));
    let choose = |table: &Table, read: &ReadOptions| -> Result<Vec<UsedColumn>, DataError> {
        let used = choose(table, read, known)?;
        let list = used.iter().find(|used| used.role == LABELS);
        let cells = |list: &UsedColumn| find_separator(table.rows.iter().map(|row| row.cells[list.index].as_str()));
        separator.set(list.and_then(|list| read.label_separator.or_else(|| cells(list))));
        vector
            .set(list.and_then(|list| find_vector(table.rows.iter().map(|row| row.cells[list.index].as_str()), known)));
        has_marks.set(have_marks_alone(table, &used));
        Ok(used)
    };
    let mut take_row = |row: &mut Row, used: &[UsedColumn], columns: &[String]| {
        let form = CellForm { separator: separator.get(), vector: vector.get(), has_marks: has_marks.get(), known };
        take_row(row, used, columns, &form)
    };
    let mut format = RowFormat { parse: &parse_keeping_nested, choose: &choose, read_row: &mut take_row };
    let (mut reader, mut rows) = RowReader::begin(request.files, read, &mut format)?;
    let columns = columns_of_role(&reader.summary, LABEL);
    let label_column = columns_of_role(&reader.summary, LABELS).into_iter().next().unwrap_or_default();
    if let (Some(separator), false) = (read.label_separator, columns.is_empty()) {
        let note = format!("label_separator {separator:?} has no effect: each label has a column of its own");
        reader.summary.warnings.push(note);
    }
    let by_place: Option<Vec<String>> =
        vector.get().map(|length| (0..length).map(|id| name_of(id, length, known)).collect());
    reader.summary.warnings.extend(by_place.as_ref().map(|names| describe_places(&label_column, names)));
    let places = by_place.clone().unwrap_or_default();
    reader.summary.warnings.extend(has_marks.get().then(|| describe_marks(&columns)));
    let layout = layout_of(&columns, &places, separator.get(), has_marks.get());
    let label_columns = if columns.is_empty() { vec![label_column.clone()] } else { columns.clone() };
    let in_file = FileLabels::of(read, &label_columns, &layout, &rows);
    let mut merges = Merges::new(read);
    merge_labels(&mut rows, &mut merges);
    reader.summary.warnings.extend(merges.merged());
    let is_for_training = request.purpose == Purpose::Train;
    // Rows that wait for their labels are read, so that they can get them; whoever trains on them refuses them.
    let can_be_labeled = is_for_training && reader.summary.num_unlabeled > 0;
    if rows.is_empty() && (!can_be_labeled || request.files.valid.is_some() || request.files.test.is_some()) {
        return Err(nothing_labeled(&reader.summary));
    }
    if is_for_training {
        reader.summary.warnings.extend(merges.unused());
    }
    let found: Vec<&str> = rows.iter().flat_map(|row| &row.value.labels).map(String::as_str).collect();
    // What a person gave as labels are some, though hardly a row has each yet.
    let known_or_given: Vec<String> = known.iter().chain(in_file.given()).cloned().collect();
    let own = match &by_place {
        Some(names) => names.clone(),
        None if columns.is_empty() => sorted_labels(&found, &label_column, &known_or_given)?,
        None => columns.clone(),
    };
    // A model's numbering is kept where it knows all labels.
    let is_known = !known.is_empty() && own.iter().all(|label| known.contains(label));
    let labels = if is_known { known.to_vec() } else { own };
    if labels.is_empty() && !can_be_labeled {
        return Err(DataError::NoLabels { column: label_column, num_rows: rows.len() });
    }
    if !is_known && request.purpose == Purpose::Measure {
        return Err(find_unknown(&rows, &labels, known, label_column));
    }
    if request.purpose == Purpose::Measure && !columns.is_empty() {
        reader.summary.warnings.extend(warn_of_missing(known, &columns));
    }
    let preview = rows.iter().take(PREVIEW).map(preview_row).collect();

    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
    let mut read_own = |role: &'static str| -> Result<Option<Vec<SourceRow<IdRow>>>, DataError> {
        let Some(mut rows) = reader.own_file(role, &mut format)? else { return Ok(None) };
        let mut merges = Merges::new(read);
        merge_labels(&mut rows, &mut merges);
        reader.summary.warnings.extend(merges.merged().into_iter().map(|note| format!("{role} file: {note}")));
        let labeled = label_rows(rows, &ids, &labels, &label_column);
        labeled.map(Some).map_err(|source| reader.in_own_file(role, source))
    };
    let valid = read_own("validation")?;
    let test = read_own("test")?;
    let train = label_rows(rows, &ids, &labels, &label_column)?;

    let split = &request.run.split;
    let has_own_file = [valid.is_some(), test.is_some()];
    let is_by_hand = |row: usize| in_file.is_by_hand(row);
    let (train, by_hand) = set_aside(train, is_by_hand, (read, &label_columns[0]), split, has_own_file);
    let is_fixed = !columns.is_empty() || by_place.is_some();
    let classes = in_file.classes(&train, &labels, known, is_fixed);
    let rows = ReadRows { train, valid, test, summary: reader.summary };
    let (mut splits, mut summary) = share_out(rows, &classes, split, request.run.seed);
    by_hand.put_into(&mut splits, &mut summary);
    if is_for_training {
        say_unlabeled(&mut summary, labels.is_empty(), "row");
    }
    let labeled = |SourceRow { row, value: (input, label) }: SourceRow<IdRow>| LabeledText { row, input, label };
    let splits = splits.map(|rows| rows.into_iter().map(labeled).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| {
        rows.iter().map(|row| ((row.input.text.as_str(), row.input.second.as_deref()), row.label.as_slice()))
    });
    let num_conflicts = count_repeats(texts, "set of labels", &mut summary);
    let (separator, has_marks) = (separator.get(), has_marks.get());
    let dataset = Dataset { labels, columns, has_marks, separator, places, splits, num_conflicts, preview };
    if is_for_training {
        advise(&dataset, &mut summary);
    }
    Ok((dataset, summary))
}

/// Names of the columns that are used for this.
fn columns_of_role(summary: &ReadSummary, role: &str) -> Vec<String> {
    let used = summary.used_columns.iter().filter(|(_, used)| used == role);
    used.map(|(column, _)| column.clone()).collect()
}

/// What is said of columns of marks.
fn describe_marks(columns: &[String]) -> String {
    let shown: Vec<String> = columns.iter().take(MAX_NAMED).map(|column| format!("{column:?}")).collect();
    let shown = list(&shown, columns.len());
    format!("the columns {shown} hold marks of labels that a row has: an empty cell is read as a no")
}

/// What is said of a column of lists of 0 and 1, whose places have these labels.
fn describe_places(column: &str, names: &[String]) -> String {
    format!(
        "column {column:?} holds lists of {} zeros and ones: each says whether the row has the label of its place, {} and so on",
        names.len(),
        names[0]
    )
}

/// How labels stand in the cells of a file: with a column each, with places in a list, or as names.
fn layout_of(columns: &[String], places: &[String], separator: Option<char>, has_marks: bool) -> LabelLayout {
    match (columns.is_empty(), places.is_empty()) {
        (false, _) => LabelLayout::Columns { has_marks },
        (true, true) => LabelLayout::Cell { separator },
        (true, false) => LabelLayout::Places { labels: places.to_vec() },
    }
}

/// Says what a person should know before training on these rows.
fn advise(dataset: &Dataset, summary: &mut ReadSummary) {
    let Dataset { labels, columns, splits, .. } = dataset;
    let counts = count_labels(&splits[0], labels.len());
    summary.warnings.extend(warn_of_one_sided(labels, &counts, splits[0].len()));
    summary.warnings.extend(splits[1].is_empty().then(|| NO_VALIDATION_ROWS.to_owned()));
    summary.advice = if columns.is_empty() { similar_labels(labels, &counts) } else { Vec::new() };
}

/// Rows that have each label.
pub(super) fn count_labels(rows: &[LabeledText<Vec<usize>>], num_labels: usize) -> Vec<usize> {
    let mut counts = vec![0; num_labels];
    rows.iter().flat_map(|row| &row.label).for_each(|&label| counts[label] += 1);
    counts
}

/// Says which labels no row to train on has, and which all have.
fn warn_of_one_sided(labels: &[String], counts: &[usize], num_rows: usize) -> Vec<String> {
    let say = |(label, &count): (&String, &usize)| match count {
        0 => Some(format!("no training row has the label {label:?}: it can't be learned")),
        _ if count == num_rows => Some(format!("all training rows have the label {label:?}: it can't be learned")),
        _ => None,
    };
    labels.iter().zip(counts).filter_map(say).collect()
}

/// How the cells of labels are written.
struct CellForm<'k> {
    /// Between labels of a cell.
    separator: Option<char>,
    /// Places of lists of 0 and 1.
    vector: Option<usize>,
    /// An empty cell of a column of one label says no.
    has_marks: bool,
    /// Labels of the model.
    known: &'k [String],
}

fn take_row(row: &mut Row, used: &[UsedColumn], columns: &[String], form: &CellForm<'_>) -> Result<NamedRow, BadCell> {
    let holds_values = |used: &&UsedColumn| used.role != LABELS && row.nested.contains(&used.index);
    if let Some(UsedColumn { role, index }) = used.iter().find(holds_values) {
        return Err(BadCell::Other(format!("the {role} holds an object or array (column {:?})", columns[*index])));
    }
    let input = take_texts(row, used, columns)?;
    let mut labels = Vec::new();
    for &used in used.iter().filter(|used| [LABEL, LABELS].contains(&used.role)) {
        // Where all labels stand in one cell, a row whose cell is empty waits for them.
        let name = &columns[used.index];
        if form.has_marks && used.role == LABEL && row.cells[used.index].trim().is_empty() {
            continue;
        }
        let cell = take_filled(row, used, columns).map_err(|wrong| match wrong {
            BadCell::Empty(_) if used.role == LABELS => {
                BadCell::Unlabeled(format!("it has no labels (column {name:?})"))
            }
            other => other,
        })?;
        if used.role == LABELS {
            let unreadable =
                || BadCell::Other(format!("the labels {} are no list of labels (column {name:?})", shorten(&cell)));
            if let Some(length) = form.vector {
                let truths = parse_vector(&cell).ok_or_else(unreadable)?;
                let has = truths.into_iter().enumerate().filter(|&(_, truth)| truth);
                labels.extend(has.map(|(id, _)| name_of(id, length, form.known)));
                continue;
            }
            labels.extend(parse_labels(&cell, form.separator).ok_or_else(unreadable)?);
            continue;
        }
        match parse_truth(&cell) {
            Some(true) => labels.push(name.clone()),
            Some(false) => {}
            None => {
                return Err(BadCell::Other(format!(
                    "the label {} is neither 0 nor 1 (column {name:?})",
                    shorten(&cell)
                )));
            }
        }
    }
    Ok(NamedRow { input, labels })
}

/// The label of a place in lists of so many: the model's own, where it has as many.
fn name_of(id: usize, length: usize, known: &[String]) -> String {
    known.get(id).filter(|_| known.len() == length).cloned().unwrap_or_else(|| format!("LABEL_{id}"))
}

fn shorten(cell: &str) -> String {
    match cell.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?}", [&cell[..end], "…"].concat()),
        None => format!("{cell:?}"),
    }
}

fn preview_row(row: &SourceRow<NamedRow>) -> PreviewRow {
    let NamedRow { input, labels } = &row.value;
    PreviewRow { row: row.row, text: input.text.clone(), second: input.second.clone(), labels: labels.clone() }
}

fn merge_labels(rows: &mut [SourceRow<NamedRow>], merges: &mut Merges<'_>) {
    for label in rows.iter_mut().flat_map(|row| &mut row.value.labels) {
        *label = merges.merge(std::mem::take(label));
    }
}

/// The error about the first label that the model does not know, of the `labels` of the rows.
fn find_unknown(rows: &[SourceRow<NamedRow>], labels: &[String], known: &[String], column: String) -> DataError {
    let is_unknown = |label: &&String| !known.contains(label);
    let unknown_of = |row: &SourceRow<NamedRow>| row.value.labels.iter().find(is_unknown).cloned();
    let unknown: Vec<(usize, String)> = rows.iter().filter_map(|row| Some((row.row, unknown_of(row)?))).collect();
    // A column of 0 and 1 may be unknown without a row that has its label.
    let column_alone = || (0, labels.iter().find(is_unknown).cloned().unwrap_or_default());
    let (row, label) = unknown.first().cloned().unwrap_or_else(column_alone);
    let column = if column.is_empty() { label.clone() } else { column };
    DataError::UnknownToModel { row, column, label, num_rows: unknown.len(), known: known.to_vec() }
}

/// Labels to ids; an error at the first label that the training rows do not have.
fn label_rows(
    rows: Vec<SourceRow<NamedRow>>,
    ids: &HashMap<&str, usize>,
    labels: &[String],
    column: &str,
) -> Result<Vec<SourceRow<IdRow>>, DataError> {
    let label_row = |SourceRow { row, value }: SourceRow<NamedRow>| {
        let mut found = Vec::with_capacity(value.labels.len());
        for label in value.labels {
            let Some(&id) = ids.get(label.as_str()) else {
                return Err(DataError::UnknownLabel { row, column: column.to_owned(), label, known: labels.to_vec() });
            };
            found.push(id);
        }
        found.sort_unstable();
        found.dedup(); // two labels may be merged into one
        Ok(SourceRow { row, value: (value.input, found) })
    };
    rows.into_iter().map(label_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::data::DataFiles;

    fn build(
        file: (&str, &str),
        test: Option<&str>,
        known: &[&str],
        purpose: Purpose,
    ) -> Result<(Dataset, ReadSummary), DataError> {
        build_with(file, test, known, purpose, &ReadOptions::default())
    }

    fn build_with(
        (name, text): (&str, &str),
        test: Option<&str>,
        known: &[&str],
        purpose: Purpose,
        read: &ReadOptions,
    ) -> Result<(Dataset, ReadSummary), DataError> {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let files = &DataFiles { train: file(name, text), valid: None, test: test.map(|text| file("t.csv", text)) };
        let known_labels: Vec<String> = known.iter().map(|label| (*label).to_owned()).collect();
        let run = &RunConfig::default();
        read_dataset(&ReadRequest {
            files: &files.clone().into(),
            read,
            run,
            known_labels: &known_labels,
            purpose,
            model: None,
        })
    }

    fn rows() -> String {
        let labels = ["a;b", "a", "b; c", "a;c"];
        String::from("text,tags\n") + &(0..20).map(|i| format!("text {i},{}\n", labels[i % 4])).collect::<String>()
    }

    #[test]
    fn rows_have_the_ids_of_their_labels() {
        let (dataset, summary) = build(("x.csv", &rows()), None, &[], Purpose::Train).expect("good rows");
        assert_eq!((dataset.labels, dataset.separator), (["a", "b", "c"].map(String::from).to_vec(), Some(';')));
        let third = dataset.splits.iter().flatten().find(|row| row.row == 4).expect("it is there");
        assert_eq!((third.input.text.as_str(), third.label.as_slice()), ("text 2", &[1, 2][..]));
        assert_eq!(dataset.preview[0].labels, ["a", "b"]);
        assert_eq!(dataset.splits.iter().map(Vec::len).sum::<usize>(), 20);
        assert!(dataset.columns.is_empty() && summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn a_column_a_label_keeps_the_order_of_the_columns() {
        let row = |i: usize| format!("text {i},{},{},0\n", i % 2, usize::from(i.is_multiple_of(3)));
        let text = format!("text,z,y,never\n{}bad,2,0,0\nempty,,0,0\n", (0..20).map(row).collect::<String>());
        let (dataset, summary) =
            build(("x.csv", &text), None, &["z", "y", "never"], Purpose::Train).expect("good rows");
        assert_eq!(
            (dataset.labels.as_slice(), &dataset.columns),
            (&["z", "y", "never"].map(String::from)[..], &dataset.labels)
        );
        assert_eq!(dataset.splits.iter().flatten().filter(|row| row.label.is_empty()).count(), 6);
        let reasons: Vec<&str> = summary.bad_rows.iter().map(|bad| bad.reason.as_str()).collect();
        assert_eq!(reasons, ["the label \"2\" is neither 0 nor 1 (column \"z\")", "the label is empty (column \"z\")"]);
        let said = "no training row has the label \"never\": it can't be learned";
        assert!(summary.warnings.iter().any(|warning| warning == said), "{:?}", summary.warnings);
    }

    #[test]
    fn marked_columns_say_no_where_they_are_empty() {
        let row = |i: usize| format!("text {i},{}\n", ["x,", ",X", "x,x", ","][i % 4]);
        let text = String::from("text,z,y\n") + &(0..20).map(row).collect::<String>();
        let (dataset, summary) = build(("x.csv", &text), None, &[], Purpose::Train).expect("good rows");
        assert!(dataset.has_marks && dataset.labels == ["z", "y"] && summary.num_bad_rows == 0);
        assert_eq!(dataset.splits.iter().flatten().filter(|row| row.label.is_empty()).count(), 5);
        let said = "the columns \"z\", \"y\" hold marks of labels that a row has: an empty cell is read as a no";
        assert!(summary.warnings.iter().any(|warning| warning == said), "{:?}", summary.warnings);
    }

    #[test]
    fn lists_of_json_are_labels_and_an_empty_list_is_none() {
        let row =
            |i: usize| format!("{{\"text\": \"t {i}\", \"labels\": {}}}\n", [r#"["a"]"#, r#"["b", "a"]"#, "[]"][i % 3]);
        let text = (0..21).map(row).collect::<String>()
            + "{\"text\": \"x\", \"labels\": [[1]]}\n{\"text\": [1], \"labels\": []}\n";
        let (dataset, summary) = build(("x.jsonl", &text), None, &[], Purpose::Train).expect("good rows");
        assert_eq!(dataset.labels, ["a", "b"]);
        assert_eq!(dataset.splits.iter().flatten().filter(|row| row.label.is_empty()).count(), 7);
        assert_eq!(summary.bad_rows[0].reason, "the labels \"[[1]]\" are no list of labels (column \"labels\")");
        assert_eq!(summary.bad_rows[1].reason, "the text holds an object or array (column \"text\")");
        let empty = "{\"text\": \"x\", \"labels\": []}\n".repeat(3);
        let error = build(("x.jsonl", &empty), None, &[], Purpose::Train).expect_err("no labels").to_string();
        assert_eq!(error, "none of the 3 rows has a label (column \"labels\")");
    }

    #[test]
    fn lists_of_zeros_and_ones_are_labels_by_their_places() {
        let row = |i: usize| {
            format!("{{\"text\": \"text {i}\", \"labels\": [{}, 0.0, {}]}}\n", i % 2, usize::from(i.is_multiple_of(3)))
        };
        let text: String = (0..20).map(row).collect();
        let (dataset, summary) = build(("x.jsonl", &text), None, &[], Purpose::Train).expect("good rows");
        assert_eq!(dataset.labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);
        let labels =
            |number: usize| dataset.splits.iter().flatten().find(|row| row.row == number).map(|row| row.label.clone());
        assert_eq!([1, 2, 4].map(labels), [Some(vec![2]), Some(vec![0]), Some(vec![0, 2])]);
        assert!(summary.warnings[0].contains("lists of 3 zeros and ones"), "{:?}", summary.warnings);
        let known = ["x", "y", "z"];
        let (measured, _) = build(("x.jsonl", &text), None, &known, Purpose::Measure).expect("the model has as many");
        assert_eq!(measured.labels, known);
    }

    #[test]
    fn unknown_labels_are_named_with_their_row() {
        let error =
            build(("x.csv", &rows()), Some("text,tags\nx,a;d\n"), &[], Purpose::Train).expect_err("d").to_string();
        assert!(error.starts_with("test file \"t.csv\": row 2, column \"tags\": label \"d\" is in none"), "{error}");
        let error = build(("x.csv", &rows()), None, &["a", "b"], Purpose::Measure).expect_err("c").to_string();
        assert!(error.starts_with("row 4, column \"tags\": label \"c\" is not one of the model's"), "{error}");
        let (dataset, _) = build(("x.csv", &rows()), None, &["c", "b", "a", "d"], Purpose::Measure).expect("all known");
        assert_eq!(dataset.labels.len(), 4);
    }

    #[test]
    fn what_stands_between_labels_can_be_chosen() {
        let row = |i: usize| format!("text {i},\"a, b;c{}\"\n", i % 2);
        let text = String::from("text,tags\n") + &(0..20).map(row).collect::<String>();
        let read = |separator| ReadOptions { label_separator: separator, ..ReadOptions::default() };
        let labels = |separator| {
            let built = build_with(("x.csv", &text), None, &[], Purpose::Train, &read(separator)).expect("good rows");
            built.0.labels
        };
        assert_eq!(labels(None), ["a, b", "c0", "c1"], "the semicolon is as frequent, and the surer one");
        assert_eq!(labels(Some(',')), ["a", "b;c0", "b;c1"]);
        assert_eq!(labels(Some('|')), ["a, b;c0", "a, b;c1"]);
        let truths =
            String::from("text,toxic,rude\n") + &(0..20).map(|i| format!("t {i},{},1\n", i % 2)).collect::<String>();
        let (dataset, summary) =
            build_with(("x.csv", &truths), None, &[], Purpose::Train, &read(Some('|'))).expect("good rows");
        assert_eq!((dataset.separator, dataset.labels.len()), (None, 2));
        let said = |start: &str| summary.warnings.iter().any(|warning| warning.starts_with(start));
        assert!(said("label_separator '|' has no effect"), "{:?}", summary.warnings);
        assert!(said("all training rows have the label \"rude\""), "{:?}", summary.warnings);
    }

    #[test]
    fn a_label_column_that_the_test_file_lacks_is_named() {
        let truths =
            String::from("text,toxic,rude\n") + &(0..20).map(|i| format!("t {i},{},1\n", i % 2)).collect::<String>();
        let error = build(("x.csv", &truths), Some("text,toxic\nhello,1\nthere,0\n"), &[], Purpose::Train);
        let error = error.expect_err("it is missing").to_string();
        assert!(error.starts_with("test file \"t.csv\": there is no column \"rude\""), "{error}");
    }
}
