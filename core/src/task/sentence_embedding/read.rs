//! Files to rows of texts that belong together, in three splits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use super::columns::{LABEL, NEGATIVE, SECOND, TEXT, are_certain, are_known, choose, shape_of};
use super::scores::{Scale, parse_score};
use super::{PreviewRow, RowShape};
use crate::config::ReadOptions;
use crate::data::{
    BadCell, DataError, Merges, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, SourceRow, Table,
    UsedColumn, count_repeats, parse, parse_lines, read_rows, share_out, sort_labels, take_filled,
};
use crate::task::guess::beginning;
use crate::task::plain_texts::PlainText;
use crate::task::{Purpose, ReadRequest};
use crate::words::{plural, quote_short};

/// Rows of the preview.
const PREVIEW: usize = 5;

/// Longest cell that a reason repeats, in characters.
const MAX_SHOWN: usize = 40;

/// Texts that belong together, and what is said of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TextSet {
    /// Row number in its file.
    pub(super) row: usize,
    /// The text; the one that belongs to it; those that do not.
    pub(super) texts: Vec<String>,
    /// How alike the first two are, from 0 to 1.
    pub(super) score: Option<f32>,
    /// Label id.
    pub(super) label: Option<usize>,
}

/// Rows of three splits, each in file order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dataset {
    pub(super) shape: RowShape,
    /// Names of the label ids, over all splits.
    pub(super) labels: Vec<String>,
    /// Lowest and highest score of the training file as they stand there.
    pub(super) scores: Option<[f32; 2]>,
    /// Rows of training, validation and test.
    pub(super) splits: [Vec<TextSet>; 3],
    /// Rows whose texts stood in an earlier one with another score or label.
    pub(super) num_conflicts: usize,
    /// The first rows of the training file.
    pub(super) preview: Vec<PreviewRow>,
}

/// A row as it stands in its file.
#[derive(Debug, Clone, PartialEq)]
struct FileRow {
    texts: Vec<String>,
    score: Option<f32>,
    label: Option<String>,
}

/// Whether a file is plainly one of texts that belong together, by the names of its columns.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    parse(name, beginning(bytes), &ReadOptions::default()).is_ok_and(|table| are_certain(&table.columns))
}

/// Reads the files and shares the rows out.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub(super) fn read_dataset(request: &ReadRequest<'_>) -> Result<(Dataset, ReadSummary), DataError> {
    let notes = RefCell::new(Vec::<String>::new());
    let shape = Cell::new(RowShape::Texts);
    let parse_file = |name: &str, bytes: &[u8], read: &ReadOptions| {
        if are_lines(name, bytes, request.read) { parse_lines(bytes, read) } else { parse(name, bytes, read) }
    };
    let choose_columns = |table: &Table, read: &ReadOptions| -> Result<Vec<UsedColumn>, DataError> {
        let choice = choose(table, read)?;
        shape.set(shape_of(choice.used.iter().map(|used| used.role)));
        notes.borrow_mut().extend(choice.notes);
        Ok(choice.used)
    };
    let mut take_row =
        |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_row(row, used, columns, shape.get());
    let mut format = RowFormat { parse: &parse_file, choose: &choose_columns, read_row: &mut take_row };
    let mut rows = read_rows(request.files, request.read, &mut format)?;
    let shape = shape.get();
    rows.summary.warnings.extend(notes.into_inner());
    merge_labels(&mut rows, request.read, request.purpose);
    let scores = scale_scores(&mut rows);
    let labels = labels_of(&rows);
    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
    let id_of = |row: &FileRow| row.label.as_ref().and_then(|label| ids.get(label.as_str()).copied());
    let preview = rows.train.iter().take(PREVIEW).map(preview_row).collect();

    let classes: Vec<usize> = rows.train.iter().map(|row| id_of(&row.value).unwrap_or(0)).collect();
    let (splits, mut summary) = share_out(rows, &classes, &request.run.split, request.run.seed);
    let text_set = |SourceRow { row, value }: SourceRow<FileRow>| {
        let label = id_of(&value);
        TextSet { row, texts: value.texts, score: value.score, label }
    };
    let splits = splits.map(|rows| rows.into_iter().map(text_set).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| rows.iter().map(|row| (row.texts.as_slice(), (row.score, row.label))));
    let noun = if shape == RowShape::LabeledTexts { "label" } else { "score" };
    let num_conflicts = count_repeats(texts, noun, &mut summary);
    if request.purpose == Purpose::Train {
        summary.warnings.extend(warn_of_rows(shape, &splits[0]));
        summary.warnings.extend(splits[1].is_empty().then(|| NO_VALIDATION_ROWS.to_owned()));
    }
    Ok((Dataset { shape, labels, scores, splits, num_conflicts, preview }, summary))
}

/// Whether a plain text is read line by line: it is named as one, and is no table by the wishes or by its header.
fn are_lines(name: &str, bytes: &[u8], read: &ReadOptions) -> bool {
    let ReadOptions { text_column, text_pair_column, label_column, delimiter, has_header, header_row, .. } = read;
    let columns = [text_column, text_pair_column, label_column, &read.negative_column];
    let is_asked = |name: &str| name != TEXT && !name.is_empty();
    let asks_for_table = columns.iter().any(|column| column.as_deref().is_some_and(is_asked))
        || delimiter.is_some()
        || has_header.is_some()
        || header_row.is_some();
    let is_table = |table: Table| table.has_header && are_known(&table.columns);
    PlainText::is_named(name) && !asks_for_table && !parse(name, bytes, read).is_ok_and(is_table)
}

fn take_row(row: &mut Row, used: &[UsedColumn], columns: &[String], shape: RowShape) -> Result<FileRow, BadCell> {
    let mut found = FileRow { texts: Vec::new(), score: None, label: None };
    for &used in used {
        let cell = take_filled(row, used, columns)?;
        match used.role {
            TEXT | SECOND | NEGATIVE => found.texts.push(cell),
            LABEL if shape == RowShape::LabeledTexts => found.label = Some(cell.trim().to_owned()),
            _ => found.score = Some(take_score(&cell, &columns[used.index])?),
        }
    }
    Ok(found)
}

fn take_score(cell: &str, column: &str) -> Result<f32, BadCell> {
    parse_score(cell).ok_or_else(|| {
        let score = quote_short(cell.trim(), MAX_SHOWN);
        BadCell::Other(format!("the score {score} is not a number, and no word that is known (column {column:?})"))
    })
}

/// Every row of all files.
fn all_rows(rows: &mut ReadRows<FileRow>) -> impl Iterator<Item = &mut FileRow> {
    let others = [rows.valid.as_mut(), rows.test.as_mut()].into_iter().flatten().flatten();
    rows.train.iter_mut().chain(others).map(|row| &mut row.value)
}

fn merge_labels(rows: &mut ReadRows<FileRow>, read: &ReadOptions, purpose: Purpose) {
    let mut merges = Merges::new(read);
    for row in all_rows(rows) {
        row.label = row.label.take().map(|label| merges.merge(label));
    }
    rows.summary.warnings.extend(merges.merged());
    if purpose == Purpose::Train {
        rows.summary.warnings.extend(merges.unused());
    }
}

/// Brings scores to the scale of 0 to 1, and says so; gives the lowest and the highest of the training file.
fn scale_scores(rows: &mut ReadRows<FileRow>) -> Option<[f32; 2]> {
    let scores = || rows.train.iter().filter_map(|row| row.value.score);
    let ends = [scores().reduce(f32::min)?, scores().reduce(f32::max)?];
    if let Some(scale) = Scale::of(scores()) {
        let (low, high) = (scale.low, scale.high);
        let column = rows.summary.column_of(LABEL).to_owned();
        all_rows(rows).for_each(|row| row.score = row.score.map(|score| scale.apply(score)));
        let say = format!("scores of column {column:?} go from {low} to {high}: they are read on a scale of 0 to 1");
        rows.summary.warnings.push(say);
    }
    Some(ends)
}

/// The labels of all files, sorted.
fn labels_of(rows: &ReadRows<FileRow>) -> Vec<String> {
    let files = [Some(&rows.train), rows.valid.as_ref(), rows.test.as_ref()];
    let labels: BTreeSet<&String> =
        files.into_iter().flatten().flatten().filter_map(|row| row.value.label.as_ref()).collect();
    let mut labels: Vec<String> = labels.into_iter().cloned().collect();
    sort_labels(&mut labels);
    labels
}

/// What a person should know of the rows to train on.
fn warn_of_rows(shape: RowShape, rows: &[TextSet]) -> Option<String> {
    match shape {
        RowShape::ScoredPairs if rows.iter().all(|row| row.score == rows[0].score) => {
            Some("all training rows have the same score: there is nothing to learn".into())
        }
        RowShape::LabeledTexts => {
            let mut counts: HashMap<usize, usize> = HashMap::new();
            rows.iter().filter_map(|row| row.label).for_each(|label| *counts.entry(label).or_default() += 1);
            let num_alone = counts.values().filter(|&&count| count == 1).count();
            let have = if num_alone == 1 { "has" } else { "have" };
            (num_alone > 0).then(|| {
                let rows = plural(num_alone, "training row");
                format!(
                    "{rows} {have} a label that no other has: such a text belongs to itself, read twice with dropout"
                )
            })
        }
        _ => None,
    }
}

fn preview_row(row: &SourceRow<FileRow>) -> PreviewRow {
    let FileRow { texts, score, label } = &row.value;
    PreviewRow { row: row.row, texts: texts.clone(), score: *score, label: label.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::data::DataFiles;

    fn read_files(files: &DataFiles, read: &ReadOptions) -> Result<(Dataset, ReadSummary), DataError> {
        let run = &RunConfig::default();
        read_dataset(&ReadRequest::to_train(&files.clone().into(), read, run))
    }

    fn read_named(name: &str, text: &str) -> (Dataset, ReadSummary) {
        let files = DataFiles { train: (name.into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        read_files(&files, &ReadOptions::default()).expect("good rows")
    }

    fn lines(header: &str, count: usize, line: impl Fn(usize) -> String) -> String {
        format!("{header}\n{}", (0..count).map(|i| line(i) + "\n").collect::<String>())
    }

    #[test]
    fn pairs_and_triplets_are_shared_out() {
        let text = lines("anchor,positive", 20, |i| format!("one {i},two {i}")) + "one,\n,two\n";
        let (dataset, summary) = read_named("x.csv", &text);
        assert_eq!((dataset.shape, dataset.splits.each_ref().map(Vec::len)), (RowShape::Pairs, [16, 2, 2]));
        assert_eq!(dataset.preview[1].texts, ["one 1", "two 1"]);
        let reasons: Vec<&str> = summary.bad_rows.iter().map(|bad| bad.reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["the second text is empty (column \"positive\")", "the text is empty (column \"anchor\")"]
        );
        let text = lines("anchor,positive,negative", 20, |i| format!("one {i},two {i},three {i}")) + "a,b,\n";
        let (dataset, summary) = read_named("x.csv", &text);
        assert_eq!((dataset.shape, dataset.splits[0][0].texts.len()), (RowShape::Triplets, 3));
        assert_eq!(summary.bad_rows[0].reason, "the negative is empty (column \"negative\")");
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn scores_are_scaled_and_what_is_none_is_a_bad_row() {
        let text =
            lines("sentence1,sentence2,score", 20, |i| format!("one {i},two {i},{}", i % 6)) + "a,b,high\nc,d,\n";
        let (dataset, summary) = read_named("x.csv", &text);
        assert_eq!((dataset.shape, dataset.scores), (RowShape::ScoredPairs, Some([0.0, 5.0])));
        assert_eq!(dataset.preview[3].score, Some(0.6));
        let scaled = "scores of column \"score\" go from 0 to 5: they are read on a scale of 0 to 1";
        assert_eq!(summary.warnings, [scaled]);
        let expected = [
            "the score \"high\" is not a number, and no word that is known (column \"score\")",
            "the label is empty (column \"score\")",
        ];
        assert_eq!(summary.bad_rows.iter().map(|bad| bad.reason.as_str()).collect::<Vec<_>>(), expected);
        let same = lines("sentence1,sentence2,score", 20, |i| format!("one {i},two {i},1"));
        assert!(read_named("x.csv", &same).1.warnings[0].starts_with("all training rows have the same score"));
    }

    #[test]
    fn texts_of_a_label_belong_together_whatever_the_other_files_have() {
        let text = lines("text,label", 30, |i| format!("text {i},{}", ["b", "a", "c"][i % 3])) + "alone,d\n";
        let files = DataFiles {
            train: ("x.csv".into(), text.into_bytes()),
            valid: Some(("v.csv".into(), b"text,label\nother,e\n".to_vec())),
            ..DataFiles::default()
        };
        let merge_labels = [("c".to_owned(), "a".to_owned())].into();
        let read = ReadOptions { merge_labels, ..ReadOptions::default() };
        let (dataset, summary) = read_files(&files, &read).expect("good rows");
        assert_eq!(
            (dataset.shape, dataset.labels.as_slice()),
            (RowShape::LabeledTexts, &["a", "b", "d", "e"].map(String::from)[..])
        );
        assert_eq!((dataset.splits[0].len(), dataset.splits[1][0].label), (31, Some(3)));
        assert_eq!(dataset.splits[0][2].label, Some(0), "c is read as a");
        let said = summary.warnings.join("\n");
        assert!(said.contains("1 training row has a label that no other has"), "{said}");
        assert!(said.contains("the label \"c\" of 10 rows is read as \"a\""), "{said}");
    }

    #[test]
    fn a_plain_text_is_read_line_by_line_unless_it_is_a_table() {
        let text = lines("first, with a comma", 19, |i| format!("line {i}, with a comma"));
        let (dataset, summary) = read_named("notes.txt", &text);
        assert_eq!((dataset.shape, dataset.splits.each_ref().map(Vec::len)), (RowShape::Texts, [16, 2, 2]));
        assert_eq!((dataset.preview[0].texts[0].as_str(), summary.num_rows), ("first, with a comma", 20));
        let table = lines("anchor\tpositive", 20, |i| format!("one {i}\ttwo {i}"));
        assert_eq!(read_named("pairs.txt", &table).0.shape, RowShape::Pairs);
        // The options that a job file has of such rows.
        let files = DataFiles {
            train: ("notes.txt".into(), text.clone().into_bytes()),
            valid: Some(("more.txt".into(), b"another line, with a comma\n".to_vec())),
            ..DataFiles::default()
        };
        let read = ReadOptions { text_column: Some("text".into()), ..ReadOptions::default() };
        let (dataset, _) = read_files(&files, &read).expect("lines");
        assert_eq!(dataset.splits.each_ref().map(Vec::len), [20, 1, 0]);
        assert_eq!(dataset.splits[1][0].texts, ["another line, with a comma"]);
    }

    #[test]
    fn repeats_conflicts_and_leaks_are_counted() {
        let text = lines("sentence1,sentence2,score", 20, |i| format!("one {i},two {i},0.{i}"));
        let text = text + "one 1,two 1,0.1\none 2,two 2,0.9\n";
        let files = DataFiles {
            train: ("x.csv".into(), text.into_bytes()),
            valid: Some(("v.csv".into(), b"sentence1,sentence2,score\none 3,two 3,0.3\n".to_vec())),
            ..DataFiles::default()
        };
        let (dataset, summary) = read_files(&files, &ReadOptions::default()).expect("good rows");
        assert_eq!((dataset.num_conflicts, summary.num_duplicates, summary.num_leaks), (1, 2, 1));
        assert!(summary.warnings.iter().any(|warning| warning.ends_with("another score")), "{:?}", summary.warnings);
    }

    #[test]
    fn files_of_this_task_are_recognised_by_their_columns() {
        let long = lines("anchor,positive", 9000, |i| format!("one {i},two {i}"));
        assert!(recognise("x.csv", long.as_bytes()));
        assert!(recognise("x.jsonl", b"{\"query\": \"a\", \"pos\": \"b\", \"neg\": \"c\"}\n"));
        assert!(!recognise("x.csv", lines("question,answer", 9, |i| format!("one {i},two {i}")).as_bytes()));
        assert!(!recognise("x.csv", b""));
    }
}
