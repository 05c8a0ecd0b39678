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
    BadCell, DataError, Merges, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, RowReader, SourceRow, Split,
    Table, UsedColumn, count_repeats, in_file_of, parse_keeping_nested, share_out, similar_labels, sorted_labels,
    take_filled,
};
use crate::task::by_hand::{nothing_labeled, say_unlabeled, set_aside};
use crate::task::texts::{LabeledText, take_texts};
use crate::task::{Purpose, ReadRequest, TaskInput};
use crate::words::{list, quote_short};

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
    let (read, known, split) = (request.read, request.known_labels, &request.run.split);
    let mut training = read_training_file(request)?;
    // Before labels are merged: rows are drawn by what stands in the file.
    let in_file = training.labels_in_file(read);
    training.merge(request)?;
    let labels = training.name_labels(request, in_file.given())?;
    let preview = training.rows.iter().take(PREVIEW).map(preview_row).collect();
    let valid = training.read_own(Split::Valid, request, &labels)?;
    let test = training.read_own(Split::Test, request, &labels)?;
    let TrainingFile { reader, rows, form, columns, label_column, by_place } = training;
    let train = label_rows(rows, &labels, &label_column)?;

    let has_own_file = [valid.is_some(), test.is_some()];
    let is_by_hand = |row: usize| in_file.is_by_hand(row);
    let first_column: &str = columns.first().unwrap_or(&label_column);
    let (train, by_hand) = set_aside(train, is_by_hand, (read, first_column), split, has_own_file);
    let classes = in_file.classes(&train, &labels, known, !columns.is_empty() || by_place.is_some());
    let rows = ReadRows { train, valid, test, summary: reader.summary };
    let (mut splits, mut summary) = share_out(rows, &classes, split, request.run.seed);
    by_hand.put_into(&mut splits, &mut summary);
    let is_for_training = request.purpose == Purpose::Train;
    if is_for_training {
        say_unlabeled(&mut summary, labels.is_empty(), "row");
    }
    let labeled = |SourceRow { row, value: (input, label) }: SourceRow<IdRow>| LabeledText { row, input, label };
    let splits = splits.map(|rows| rows.into_iter().map(labeled).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| {
        rows.iter().map(|row| ((row.input.text.as_str(), row.input.second.as_deref()), row.label.as_slice()))
    });
    let num_conflicts = count_repeats(texts, "set of labels", &mut summary);
    let (CellForm { separator, has_marks, .. }, places) = (form, by_place.unwrap_or_default());
    let dataset = Dataset { labels, columns, has_marks, separator, places, splits, num_conflicts, preview };
    if is_for_training {
        advise(&dataset, &mut summary);
    }
    Ok((dataset, summary))
}

/// The training file, and how the labels stand in it and in the person's own other files.
struct TrainingFile<'a> {
    reader: RowReader<'a>,
    rows: Vec<SourceRow<NamedRow>>,
    form: CellForm,
    /// Columns with a label each; none where one column has all labels.
    columns: Vec<String>,
    /// The column with all labels; empty where there is none.
    label_column: String,
    /// The labels by their places in lists of 0 and 1.
    by_place: Option<Vec<String>>,
}

/// Reads the training file, and says how its labels are read.
fn read_training_file<'a>(request: &ReadRequest<'a>) -> Result<TrainingFile<'a>, DataError> {
    let (read, known) = (request.read, request.known_labels);
    let form = Cell::new(CellForm::default());
    let choose = |table: &Table, read: &ReadOptions| -> Result<Vec<UsedColumn>, DataError> {
        let used = choose(table, read, known)?;
        form.set(CellForm::of(table, &used, read, known));
        Ok(used)
    };
    let mut take_row =
        |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_row(row, used, columns, form.get(), known);
    let mut format = RowFormat { parse: &parse_keeping_nested, choose: &choose, read_row: &mut take_row };
    let (mut reader, rows) = RowReader::begin(request.files, read, &mut format)?;
    let form = form.get();
    let columns = columns_of_role(&reader.summary, LABEL);
    let label_column = columns_of_role(&reader.summary, LABELS).into_iter().next().unwrap_or_default();
    let warnings = &mut reader.summary.warnings;
    if let (Some(separator), false) = (read.label_separator, columns.is_empty()) {
        warnings.push(format!("label_separator {separator:?} has no effect: each label has a column of its own"));
    }
    let by_place: Option<Vec<String>> =
        form.vector.map(|length| (0..length).map(|id| name_of(id, length, known)).collect());
    warnings.extend(by_place.as_ref().map(|names| describe_places(&label_column, names)));
    warnings.extend(form.has_marks.then(|| describe_marks(&columns)));
    Ok(TrainingFile { reader, rows, form, columns, label_column, by_place })
}

impl TrainingFile<'_> {
    /// The labels of the rows as they stand in the file.
    fn labels_in_file(&self, read: &ReadOptions) -> FileLabels {
        let places = self.by_place.as_deref().unwrap_or_default();
        let layout = layout_of(&self.columns, places, self.form);
        let columns =
            if self.columns.is_empty() { std::slice::from_ref(&self.label_column) } else { self.columns.as_slice() };
        FileLabels::of(read, columns, &layout, &self.rows)
    }

    /// Whether rows wait for their labels: they are read, so that they can get them, and whoever trains on them refuses them.
    fn can_be_labeled(&self, request: &ReadRequest<'_>) -> bool {
        request.purpose == Purpose::Train && self.reader.summary.num_unlabeled > 0
    }

    /// Reads labels as others where that is asked for, and says so.
    ///
    /// # Errors
    /// When no row has labels, and none of them can get its labels.
    fn merge(&mut self, request: &ReadRequest<'_>) -> Result<(), DataError> {
        let mut merges = Merges::new(request.read);
        merge_labels(&mut self.rows, &mut merges);
        self.reader.summary.warnings.extend(merges.merged());
        let has_own_file = request.files.valid.is_some() || request.files.test.is_some();
        if self.rows.is_empty() && (!self.can_be_labeled(request) || has_own_file) {
            return Err(nothing_labeled(&self.reader.summary));
        }
        if request.purpose == Purpose::Train {
            self.reader.summary.warnings.extend(merges.unused());
        }
        Ok(())
    }

    /// Names of the label ids: those of the model where it knows all labels of the file. `given` are labels that a person gave.
    ///
    /// # Errors
    /// When there are no labels, or, where the model is measured, some that it does not know.
    fn name_labels(&mut self, request: &ReadRequest<'_>, given: &[String]) -> Result<Vec<String>, DataError> {
        let known = request.known_labels;
        let found: Vec<&str> = self.rows.iter().flat_map(|row| &row.value.labels).map(String::as_str).collect();
        // What a person gave as labels are some, though hardly a row has each yet.
        let known_or_given: Vec<String> = known.iter().chain(given).cloned().collect();
        let own = match &self.by_place {
            Some(names) => names.clone(),
            None if self.columns.is_empty() => sorted_labels(&found, &self.label_column, &known_or_given)?,
            None => self.columns.clone(),
        };
        // A model's numbering is kept where it knows all labels.
        let is_known = !known.is_empty() && own.iter().all(|label| known.contains(label));
        let labels = if is_known { known.to_vec() } else { own };
        if labels.is_empty() && !self.can_be_labeled(request) {
            return Err(DataError::NoLabels { column: self.label_column.clone(), num_rows: self.rows.len() });
        }
        if !is_known && request.purpose == Purpose::Measure {
            return Err(find_unknown(&self.rows, &labels, known, self.label_column.clone()));
        }
        if request.purpose == Purpose::Measure && !self.columns.is_empty() {
            self.reader.summary.warnings.extend(warn_of_missing(known, &self.columns));
        }
        Ok(labels)
    }

    /// Reads the person's own file for validation or test, where there is one.
    ///
    /// # Errors
    /// When it can't be used, or has a label that is not one of these.
    fn read_own(
        &mut self,
        split: Split,
        request: &ReadRequest<'_>,
        labels: &[String],
    ) -> Result<Option<Vec<SourceRow<IdRow>>>, DataError> {
        let (form, known) = (self.form, request.known_labels);
        let choose = |table: &Table, read: &ReadOptions| choose(table, read, known);
        let mut take_row =
            |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_row(row, used, columns, form, known);
        let mut format = RowFormat { parse: &parse_keeping_nested, choose: &choose, read_row: &mut take_row };
        let Some(mut rows) = self.reader.own_file(split, &mut format)? else { return Ok(None) };
        let mut merges = Merges::new(request.read);
        merge_labels(&mut rows, &mut merges);
        let notes = merges.merged().into_iter();
        self.reader.summary.warnings.extend(notes.map(|note| in_file_of(split, note)));
        let labeled = label_rows(rows, labels, &self.label_column);
        labeled.map(Some).map_err(|source| self.reader.in_own_file(split, source))
    }
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
fn layout_of(columns: &[String], places: &[String], form: CellForm) -> LabelLayout {
    let CellForm { separator, has_marks, .. } = form;
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
#[derive(Debug, Clone, Copy, Default)]
struct CellForm {
    /// Between labels of a cell.
    separator: Option<char>,
    /// Places of lists of 0 and 1.
    vector: Option<usize>,
    /// An empty cell of a column of one label says no.
    has_marks: bool,
}

impl CellForm {
    /// That of the training file, of which these columns are used. `known` are the labels of the model.
    fn of(table: &Table, used: &[UsedColumn], read: &ReadOptions, known: &[String]) -> Self {
        let has_marks = have_marks_alone(table, used);
        let Some(&UsedColumn { index, .. }) = used.iter().find(|used| used.role == LABELS) else {
            return Self { has_marks, ..Self::default() };
        };
        let cells = || table.rows.iter().map(move |row| row.cells[index].as_str());
        let separator = read.label_separator.or_else(|| find_separator(cells()));
        Self { separator, vector: find_vector(cells(), known), has_marks }
    }
}

/// A row with the names of its labels; `known` are the labels of the model.
fn take_row(
    row: &mut Row,
    used: &[UsedColumn],
    columns: &[String],
    form: CellForm,
    known: &[String],
) -> Result<NamedRow, BadCell> {
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
            let unreadable = || {
                BadCell::Other(format!(
                    "the labels {} are no list of labels (column {name:?})",
                    quote_short(&cell, MAX_SHOWN)
                ))
            };
            if let Some(length) = form.vector {
                let truths = parse_vector(&cell).ok_or_else(unreadable)?;
                let has = truths.into_iter().enumerate().filter(|&(_, truth)| truth);
                labels.extend(has.map(|(id, _)| name_of(id, length, known)));
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
                    quote_short(&cell, MAX_SHOWN)
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
    labels: &[String],
    column: &str,
) -> Result<Vec<SourceRow<IdRow>>, DataError> {
    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
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
mod tests;
