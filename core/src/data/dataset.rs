//! Files to labeled splits: rows without text or label are put aside, labels get ids, rows are shared out.

use std::collections::HashMap;

use super::advice::{Advice, advise};
use super::columns::{Columns, choose_columns};
use super::error::DataError;
use super::labels::{Labeled, Merges, label_rows, sorted_labels};
use super::parse::{BadRow, Format, Row, Table, parse};
use super::reading::FileReading;
use super::repeats::count_repeats;
use super::report::PreviewRow;
use super::split::stratified_split;
use crate::config::{ReadOptions, SplitConfig};

/// Bad rows that are kept with their reason, over all files.
const MAX_LISTED: usize = 1000;

/// Rows of the preview.
const PREVIEW: usize = 5;

/// Said of rows to train on; rows that are only measured need no others.
pub(crate) const NO_VALIDATION_ROWS: &str =
    "there are no validation rows: the best weights can't be told from the last";

/// What a person dropped: name and bytes of each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFiles {
    /// Rows to train on.
    pub train: (String, Vec<u8>),
    /// The person's own validation rows. Without it they are split off the training rows.
    pub valid: Option<(String, Vec<u8>)>,
    /// The person's own test rows. With neither this nor `valid` they are split off the training rows.
    pub test: Option<(String, Vec<u8>)>,
}

/// A labeled row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Row number in its file.
    pub row: usize,
    /// The text as it stands in the file.
    pub text: String,
    /// Label id.
    pub label: usize,
}

/// Labeled rows in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the label ids: sorted, as numbers if all are numbers.
    pub labels: Vec<String>,
    /// Rows to train on.
    pub train: Vec<Example>,
    /// Rows that choose the best weights.
    pub valid: Vec<Example>,
    /// Rows looked at once, at the end.
    pub test: Vec<Example>,
}

/// A file that was read, and the columns of it that are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile<'a> {
    /// File name.
    pub name: &'a str,
    /// Its rows.
    pub table: Table,
    /// Columns that are used.
    pub columns: Columns,
}

/// What reading had to say: everything of the report but the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSummary {
    /// Name of the training file.
    pub file_name: String,
    /// Its format.
    pub format: Format,
    /// Between its fields.
    pub delimiter: Option<char>,
    /// Its first row named the columns.
    pub has_header: bool,
    /// Its columns.
    pub columns: Vec<String>,
    /// How it was read, and its first rows with all columns.
    pub reading: FileReading,
    /// Column of the text.
    pub text_column: String,
    /// Column of the label.
    pub label_column: String,
    /// Rows of all files, bad ones included.
    pub num_rows: usize,
    /// Rows without text or without label; they are bad rows too.
    pub num_empty: usize,
    /// Rows that repeat an earlier one: same text, same label.
    pub num_duplicates: usize,
    /// Rows whose text stood in an earlier one with another label.
    pub num_conflicts: usize,
    /// Validation and test rows whose text stands in an earlier split too.
    pub num_leaks: usize,
    /// The first thousand bad rows.
    pub bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub num_bad_rows: usize,
    /// What a person should know before training.
    pub warnings: Vec<String>,
    /// What may be better to change before training; none about rows that are only measured.
    pub advice: Vec<Advice>,
    /// The first rows of the training file.
    pub preview: Vec<PreviewRow>,
    /// Whether the validation rows, and the test rows, come from a file of their own.
    pub has_own_file: [bool; 2],
}

impl<'a> SourceFile<'a> {
    /// Reads a file and chooses its columns; a model that has labels knows them by these.
    ///
    /// # Errors
    /// See [`parse`] and [`choose_columns`].
    pub fn read(name: &'a str, bytes: &[u8], read: &ReadOptions, known_labels: &[String]) -> Result<Self, DataError> {
        let table = parse(name, bytes, read)?;
        let columns = choose_columns(&table, read, known_labels)?;
        Ok(Self { name, table, columns })
    }

    /// Reads a file that has the columns of `train`: the same names, or the same places if there are none.
    fn read_like(train: &SourceFile<'_>, name: &'a str, bytes: &[u8], read: &ReadOptions) -> Result<Self, DataError> {
        let (text, label) = (&train.table.columns[train.columns.text], &train.table.columns[train.columns.label]);
        let header_row = read.header_row;
        let mut read = ReadOptions { text_column: None, label_column: None, header_row: None, ..read.clone() };
        if train.table.format == Format::Csv && !train.table.has_header {
            read.has_header = Some(false);
        }
        let mut table = parse(name, bytes, &read)?;
        let holds = |row: &Row, name: &String| row.cells.iter().any(|cell| cell.trim() == name);
        let names_below = |row: &Row| !table.has_header && holds(row, text) && holds(row, label);
        if read.has_header.is_none() && table.rows.first().is_some_and(names_below) {
            read.has_header = Some(true);
            table = parse(name, bytes, &read)?;
        }
        let named = |table: &Table| table.columns.contains(text) && table.columns.contains(label);
        // Its header stands where it likes, or where that of the training file was named.
        let like_train = ReadOptions { header_row, ..read.clone() };
        if header_row.is_some()
            && !named(&table)
            && let Ok(other) = parse(name, bytes, &like_train)
            && named(&other)
        {
            (table, read) = (other, like_train);
        }
        if named(&table) {
            read.text_column = Some(text.clone());
            read.label_column = Some(label.clone());
            let columns = choose_columns(&table, &read, &[])?;
            return Ok(Self { name, table, columns });
        }
        if !table.has_header && table.columns.len() == train.table.columns.len() {
            return Ok(Self { name, table, columns: train.columns });
        }
        let column = if table.columns.contains(text) { label } else { text };
        Err(DataError::MissingColumn { column: column.clone(), columns: table.columns })
    }
}

/// Reads the files and shares the rows out.
///
/// The person's own validation and test files are taken as they are. What is missing is split off the training rows:
/// validation always, test only if there is no validation file either (who brings one has split already).
///
/// Where no row is held back, all rows may be of one class: a trained model can be measured on them. Who trains on such
/// rows refuses a single class.
///
/// `known_labels` are those of a model that has some: its label column needs no guess, and labels that it knows are
/// labels even where each stands in one row only.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub fn build_dataset(
    files: &DataFiles,
    read: &ReadOptions,
    split: &SplitConfig,
    seed: u64,
    known_labels: &[String],
) -> Result<(Dataset, ReadSummary), DataError> {
    let mut train = SourceFile::read(&files.train.0, &files.train.1, read, known_labels)?;
    let label_column = train.table.columns[train.columns.label].clone();
    let mut summary = ReadSummary {
        file_name: files.train.0.clone(),
        format: train.table.format,
        delimiter: train.table.delimiter,
        has_header: train.table.has_header,
        columns: train.table.columns.clone(),
        reading: FileReading::of(&train.table),
        text_column: train.table.columns[train.columns.text].clone(),
        label_column: label_column.clone(),
        num_rows: 0,
        num_empty: 0,
        num_duplicates: 0,
        num_conflicts: 0,
        num_leaks: 0,
        bad_rows: Vec::new(),
        num_bad_rows: 0,
        warnings: Vec::new(),
        advice: Vec::new(),
        preview: Vec::new(),
        has_own_file: [files.valid.is_some(), files.test.is_some()],
    };
    let mut merges = Merges::new(read);
    let rows = take_rows(&mut train, "", &mut merges, &mut summary)?;
    let labels = sorted_labels(&rows, &label_column, known_labels)?;
    // Rows of which none is held back may be there to be measured only, and then one class will do.
    let is_for_training =
        split.valid_fraction > 0.0 || split.test_fraction > 0.0 || files.valid.is_some() || files.test.is_some();
    if is_for_training {
        summary.warnings.extend(merges.unused());
    }
    if is_for_training && let [label] = labels.as_slice() {
        return Err(DataError::OneClass { label: label.clone(), num_rows: rows.len() });
    }
    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
    let preview = rows.iter().take(PREVIEW);
    let preview = preview.map(|row| PreviewRow { row: row.row, text: row.text.clone(), label: row.label.clone() });
    summary.preview = preview.collect();

    let mut own = |file: &Option<(String, Vec<u8>)>, role: &'static str| -> Result<Option<Vec<Example>>, DataError> {
        let Some((name, bytes)) = file else { return Ok(None) };
        let in_file = |source| DataError::InFile { role, name: name.clone(), source: Box::new(source) };
        let mut source = SourceFile::read_like(&train, name, bytes, read).map_err(in_file)?;
        let rows = take_rows(&mut source, role, &mut Merges::new(read), &mut summary).map_err(in_file)?;
        label_rows(rows, &ids, &labels, &label_column).map(Some).map_err(in_file)
    };
    let own_valid = own(&files.valid, "validation")?;
    let own_test = own(&files.test, "test")?;

    let fractions = SplitConfig {
        valid_fraction: if own_valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if own_valid.is_some() || own_test.is_some() { 0.0 } else { split.test_fraction },
    };
    let examples = label_rows(rows, &ids, &labels, &label_column)?;
    let is_split = fractions.valid_fraction > 0.0 || fractions.test_fraction > 0.0;
    // Few rows of classes that the model knows are rows to measure.
    let is_advised = is_for_training || !labels.iter().all(|label| known_labels.contains(label));
    let (train, valid, test) = share_out(examples, labels.len(), &fractions, seed);
    let dataset = Dataset { labels, train, valid: own_valid.unwrap_or(valid), test: own_test.unwrap_or(test) };
    count_repeats(&dataset, &mut summary);
    if is_advised {
        summary.advice = advise(&dataset, is_split);
    }
    if dataset.valid.is_empty() {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((dataset, summary))
}

/// Moves the rows with text and label out of the file, labels merged; notes the other rows.
fn take_rows(
    source: &mut SourceFile<'_>,
    role: &str,
    merges: &mut Merges<'_>,
    summary: &mut ReadSummary,
) -> Result<Vec<Labeled>, DataError> {
    let Columns { text, label } = source.columns;
    let place = |reason: String| if role.is_empty() { reason } else { format!("{role} file: {reason}") };
    summary.warnings.extend(std::mem::take(&mut source.table.notes).into_iter().map(place));
    let mut rows = Vec::with_capacity(source.table.rows.len());
    let mut bad = std::mem::take(&mut source.table.bad_rows);
    let mut num_bad = source.table.num_bad_rows;
    for mut row in std::mem::take(&mut source.table.rows) {
        let wrong =
            [(text, "text"), (label, "label")].into_iter().find(|&(column, _)| row.cells[column].trim().is_empty());
        if let Some((column, what)) = wrong {
            let name = &source.table.columns[column];
            let nested = row.nested.contains(&column);
            summary.num_empty += usize::from(!nested);
            let reason = if nested { "holds an object or array" } else { "is empty" };
            num_bad += 1;
            if bad.len() < MAX_LISTED {
                bad.push(BadRow { row: row.number, reason: format!("the {what} {reason} (column {name:?})") });
            }
            continue;
        }
        let found = std::mem::take(&mut row.cells[label]);
        let found = if found.trim().len() == found.len() { found } else { found.trim().to_owned() };
        rows.push(Labeled { row: row.number, text: std::mem::take(&mut row.cells[text]), label: merges.merge(found) });
    }
    summary.warnings.extend(merges.merged().into_iter().map(place));
    bad.sort_by_key(|bad| bad.row);
    summary.num_rows += rows.len() + num_bad;
    summary.num_bad_rows += num_bad;
    if rows.is_empty() {
        let first = bad.into_iter().next();
        let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason));
        return Err(DataError::NothingUsable { num_rows: num_bad, row, reason });
    }
    let room = MAX_LISTED.saturating_sub(summary.bad_rows.len());
    let listed = bad.into_iter().take(room).map(|bad| BadRow { row: bad.row, reason: place(bad.reason) });
    summary.bad_rows.extend(listed);
    Ok(rows)
}

type Splits = (Vec<Example>, Vec<Example>, Vec<Example>);

fn share_out(examples: Vec<Example>, num_classes: usize, fractions: &SplitConfig, seed: u64) -> Splits {
    let labels: Vec<usize> = examples.iter().map(|example| example.label).collect();
    let (_, valid, test) = stratified_split(&labels, num_classes, fractions, seed);
    let mut splits: Splits = (Vec::new(), Vec::with_capacity(valid.len()), Vec::with_capacity(test.len()));
    let (mut valid, mut test) = (valid.into_iter().peekable(), test.into_iter().peekable());
    for (index, example) in examples.into_iter().enumerate() {
        if valid.next_if_eq(&index).is_some() {
            splits.1.push(example);
        } else if test.next_if_eq(&index).is_some() {
            splits.2.push(example);
        } else {
            splits.0.push(example);
        }
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(train: &str, valid: Option<&str>, test: Option<&str>) -> DataFiles {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        DataFiles {
            train: file("train.csv", train),
            valid: valid.map(|text| file("valid.csv", text)),
            test: test.map(|text| file("test.csv", text)),
        }
    }

    fn build(files: &DataFiles) -> Result<(Dataset, ReadSummary), DataError> {
        build_dataset(files, &ReadOptions::default(), &SplitConfig::default(), 42, &[])
    }

    fn rows(count: usize, classes: usize) -> String {
        let rows = (0..count).map(|i| format!("this is text number {i},class{}\n", i % classes));
        String::from("text,label\n") + &rows.collect::<String>()
    }

    #[test]
    fn a_file_becomes_three_splits() {
        let (dataset, summary) = build(&files(&rows(100, 2), None, None)).expect("good rows");
        assert_eq!(dataset.labels, ["class0", "class1"]);
        assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (80, 10, 10));
        assert_eq!((summary.num_rows, summary.num_bad_rows), (100, 0));
        assert_eq!(
            summary.preview[0],
            PreviewRow { row: 2, text: "this is text number 0".into(), label: "class0".into() }
        );
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn own_files_are_taken_as_they_are() {
        let valid = "label,text\nclass1,own validation\n";
        let (dataset, _) = build(&files(&rows(100, 2), Some(valid), None)).expect("good rows");
        assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (100, 1, 0));
        assert_eq!(dataset.valid[0], Example { row: 2, text: "own validation".into(), label: 1 });
        let test = "an own test,class0\nanother own test,class1\n";
        let (dataset, _) = build(&files(&rows(100, 2), None, Some(test))).expect("columns in the same places");
        assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (90, 10, 2));
    }

    #[test]
    fn an_own_file_has_a_header_where_it_repeats_that_of_the_training_file() {
        let train = rows(100, 2).replace("text,label", "satz,urteil");
        let valid = "urteil,satz\nclass1,own validation\n";
        let (dataset, summary) = build(&files(&train, Some(valid), None)).expect("good rows");
        assert_eq!((summary.text_column.as_str(), summary.has_header), ("satz", true));
        assert_eq!(dataset.valid, [Example { row: 2, text: "own validation".into(), label: 1 }]);
        let train = rows(100, 2).replace("text,label\n", "");
        let valid = "question,class1\n";
        let (dataset, _) = build(&files(&train, Some(valid), None)).expect("good rows");
        assert_eq!(dataset.valid, [Example { row: 1, text: "question".into(), label: 1 }]);
    }

    #[test]
    fn an_unknown_label_or_missing_column_of_an_own_file_is_named() {
        let test = "text,label\na,class0\nb,class7\n";
        let error = build(&files(&rows(20, 2), None, Some(test))).expect_err("class7").to_string();
        let expected = r#"test file "test.csv": row 3, column "label": label "class7" is in none of the training rows; known are "#;
        assert!(error.starts_with(expected), "{error}");
        let error =
            build(&files(&rows(20, 2), Some("text,topic\na,class0\n"), None)).expect_err("no label").to_string();
        assert!(error.starts_with(r#"validation file "valid.csv": there is no column "label""#), "{error}");
    }

    #[test]
    fn rows_without_text_or_label_are_put_aside() {
        let text = rows(20, 2) + ",class0\nno label, \n\"  \",class1\ntoo,many,cells\n";
        let (dataset, summary) = build(&files(&text, None, None)).expect("good rows");
        assert_eq!(dataset.train.len() + dataset.valid.len() + dataset.test.len(), 20);
        assert_eq!((summary.num_rows, summary.num_bad_rows, summary.num_empty), (24, 4, 3));
        assert_eq!(summary.bad_rows[0], BadRow { row: 22, reason: "the text is empty (column \"text\")".into() });
        assert_eq!(summary.bad_rows[1].reason, "the label is empty (column \"label\")");
        assert_eq!(summary.bad_rows.iter().map(|bad| bad.row).collect::<Vec<_>>(), [22, 23, 24, 25]);
    }

    #[test]
    fn a_file_in_which_nothing_is_usable_says_why() {
        let error = build(&files("text,label\n,a\n,b\n", None, None)).expect_err("no text").to_string();
        let expected = "nothing in the file is usable: 2 rows, the first (row 2) because the text is empty";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn one_class_and_ten_thousand_classes_are_refused() {
        let error = build(&files(&rows(20, 1), None, None)).expect_err("one class").to_string();
        assert!(error.contains("all rows have the label \"class0\" (20 rows)"), "{error}");
        let error = build(&files(&rows(30_000, 10_000), None, None)).expect_err("10,000 classes").to_string();
        assert!(error.contains("column \"label\" has 10,000 different values in 30,000 rows"), "{error}");
        assert!(matches!(build(&files(&rows(40, 30), None, None)), Err(DataError::TooManyClasses { .. })));
    }

    #[test]
    fn one_class_is_read_where_no_row_is_held_back() {
        let none = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let built = build_dataset(&files(&rows(20, 1), None, None), &ReadOptions::default(), &none, 42, &[]);
        let (dataset, _) = built.expect("rows to measure");
        assert_eq!((dataset.labels.len(), dataset.train.len()), (1, 20));
        let own = files(&rows(20, 1), Some("text,label\na,class0\n"), None);
        let refused = build_dataset(&own, &ReadOptions::default(), &none, 42, &[]);
        assert!(matches!(refused, Err(DataError::OneClass { num_rows: 20, .. })));
    }

    #[test]
    fn a_class_with_one_row_is_trained_on_with_a_warning() {
        let (dataset, summary) = build(&files(&(rows(30, 2) + "lonely,rare\n"), None, None)).expect("good rows");
        assert!(dataset.train.iter().any(|example| example.text == "lonely"));
        let message = &summary.advice[0].message;
        assert!(message.contains("\"rare\" (1 row)") && message.contains("single row"), "{message}");
    }

    #[test]
    fn repeats_conflicts_and_leaks_are_counted() {
        let train = rows(20, 2) + "this is text number 0,class0\nthis is text number 1,class0\n";
        let valid = "text,label\nthis is text number 3,class1\nnew,class0\n";
        let (_, summary) = build(&files(&train, Some(valid), None)).expect("good rows");
        assert_eq!((summary.num_duplicates, summary.num_conflicts, summary.num_leaks), (2, 1, 1));
        assert_eq!(summary.warnings.len(), 2);
    }

    #[test]
    fn nested_values_of_a_used_column_are_bad_rows() {
        let lines: String =
            (0..20).map(|i| format!("{{\"text\": \"t {i}\", \"label\": {}, \"m\": {{}}}}\n", i % 2)).collect();
        let mut data = files("", None, None);
        data.train = ("x.jsonl".into(), (lines + "{\"text\": [\"a\"], \"label\": 1}\n").into_bytes());
        let (_, summary) = build(&data).expect("good rows");
        assert_eq!((summary.num_bad_rows, summary.num_empty), (1, 0));
        assert_eq!(summary.bad_rows[0].reason, "the text holds an object or array (column \"text\")");
    }

    const NONE_HELD_BACK: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };

    #[test]
    fn a_model_with_labels_is_measured_on_as_many_rows_as_it_has_classes() {
        let known: Vec<String> = (0..12).map(|i| format!("class{i}")).collect();
        let measure = |text: String| {
            build_dataset(&files(&text, None, None), &ReadOptions::default(), &NONE_HELD_BACK, 42, &known)
        };
        let (dataset, summary) = measure(rows(12, 12)).expect("rows to measure");
        assert_eq!((dataset.labels.len(), dataset.train.len()), (12, 12));
        assert_eq!(summary.warnings, [NO_VALIDATION_ROWS]);
        dataset.check_labels(&known, &summary.label_column).expect("all are known");
        assert!(matches!(build(&files(&rows(12, 12), None, None)), Err(DataError::TooManyClasses { .. })));

        let (dataset, summary) = measure(rows(12, 12).replace("class7\n", "class 7\n")).expect("a mistake in one row");
        let error = dataset.check_labels(&known, &summary.label_column).expect_err("unknown").to_string();
        let expected = r#"row 9, column "label": label "class 7" is not one of the model's"#;
        assert!(error.starts_with(expected) && error.contains(r#""class11""#), "{error}");
    }

    #[test]
    fn what_reading_said_of_each_file_is_a_warning() {
        let train =
            rows(20, 2).replace("text,label", "text,label,label").replace("\n", ",x\n").replace("label,x", "label");
        let (_, summary) = build(&files(&train, Some("text,label\na,class0\n"), None)).expect("good rows");
        let table = parse("train.csv", train.as_bytes(), &ReadOptions::default()).expect("a table");
        assert!(!table.notes.is_empty(), "a repeated name is said");
        assert!(table.notes.iter().all(|note| summary.warnings.contains(note)), "{:?}", summary.warnings);
    }
}
