//! Files to rows with numbers in three splits.

use super::PreviewRow;
use super::columns::{LABEL, choose};
use super::commas::CommaColumns;
use crate::config::ReadOptions;
use crate::data::{
    BadCell, DataError, NO_VALIDATION_ROWS, ReadSummary, Row, RowFormat, SourceRow, UsedColumn, count_repeats,
    read_rows, share_out, take_filled,
};
use crate::task::texts::{LabeledText, take_texts};
use crate::task::{Purpose, ReadRequest, TaskInput};
use crate::words::{count, quote_short};

/// Rows of the preview.
const PREVIEW: usize = 5;

/// Longest cell that a reason repeats, in characters.
const MAX_SHOWN: usize = 40;

/// A model learns every whole number up to this one as it is: 2 to the 24th, as `f32` has it.
const MAX_EXACT: f64 = 16_777_216.0;

/// Rows with numbers in three splits, each in file order.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Names of the outputs: those of the model that knows as many, else the columns.
    pub labels: Vec<String>,
    /// The columns of the numbers.
    pub columns: Vec<String>,
    /// Rows of training, validation and test, each with its numbers as they stand in the file. A model learns them rounded to `f32`;
    /// figures go by what stands there.
    pub splits: [Vec<LabeledText<Vec<f64>>>; 3],
    /// Rows whose text stood in an earlier one with another number.
    pub num_conflicts: usize,
    /// The first rows of the training file.
    pub preview: Vec<PreviewRow>,
}

/// A row with its numbers.
type NumberRow = (TaskInput, Vec<f64>);

/// Reads the files and shares the rows out.
///
/// # Errors
/// When a file as a whole can't be used, or a model that is measured gives another count of numbers: see [`DataError`].
pub fn read_dataset(request: &ReadRequest<'_>) -> Result<(Dataset, ReadSummary), DataError> {
    let commas = CommaColumns::default();
    let parse = |name: &str, bytes: &[u8], read: &ReadOptions| commas.parse(name, bytes, read);
    let mut read_row = |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_row(row, used, columns, &commas);
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let rows = read_rows(request.files, request.read, &mut format)?;
    let preview = rows.train.iter().take(PREVIEW).map(preview_row).collect();
    let of_label = rows.summary.used_columns.iter().filter(|(_, role)| role == LABEL);
    let columns: Vec<String> = of_label.map(|(column, _)| column.clone()).collect();
    let known = request.known_labels;
    if request.purpose == Purpose::Measure && known.len() != columns.len() {
        return Err(DataError::OtherOutputs { num_columns: columns.len(), num_outputs: known.len() });
    }
    let classes = vec![0; rows.train.len()];
    let (splits, mut summary) = share_out(rows, &classes, &request.run.split, request.run.seed);
    let labeled = |SourceRow { row, value: (input, label) }: SourceRow<NumberRow>| LabeledText { row, input, label };
    let splits = splits.map(|rows| rows.into_iter().map(labeled).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| {
        rows.iter().map(|row| ((row.input.text.as_str(), row.input.second.as_deref()), row.label.as_slice()))
    });
    let num_conflicts = count_repeats(texts, "number", &mut summary);
    if request.purpose == Purpose::Train {
        summary.warnings.extend(warn_of_constants(&splits[0], &columns));
        summary.warnings.extend(warn_of_rounding(&splits[0], &columns));
        summary.warnings.extend(splits[1].is_empty().then(|| NO_VALIDATION_ROWS.to_owned()));
    }
    let mut labels = columns.clone();
    adopt_labels(&mut labels, known);
    Ok((Dataset { labels, columns, splits, num_conflicts, preview }, summary))
}

/// A model that gives as many numbers has names for them.
pub(super) fn adopt_labels(labels: &mut Vec<String>, known: &[String]) {
    if known.len() == labels.len() {
        *labels = known.to_vec();
    }
}

/// Says which columns have the same number in all rows to train on.
fn warn_of_constants(rows: &[LabeledText<Vec<f64>>], columns: &[String]) -> Vec<String> {
    let is_constant = |output: usize| rows.iter().all(|row| row.label[output] == rows[0].label[output]);
    let constant = (0..columns.len()).filter(|&output| !rows.is_empty() && is_constant(output));
    let say = |output: usize| {
        let (column, number) = (&columns[output], rows[0].label[output]);
        format!(
            "column {column:?} has the number {number} in all {} training rows: there is nothing to learn",
            count(rows.len())
        )
    };
    constant.map(say).collect()
}

/// Names the first number of each column above [`MAX_EXACT`] that is another one once it is rounded to what a model learns. Fractions of
/// smaller ones are rounded too, by less than a ten-millionth of the number, which is not said.
fn warn_of_rounding(rows: &[LabeledText<Vec<f64>>], columns: &[String]) -> Vec<String> {
    let rounded = |number: f64| f64::from(number as f32);
    let is_changed = |number: f64| number.abs() > MAX_EXACT && rounded(number) != number;
    let say = |(output, column): (usize, &String)| {
        let row = rows.iter().find(|row| is_changed(row.label[output]))?;
        let number = row.label[output];
        Some(format!(
            "column {column:?} has numbers of more digits than are learned: row {}, {number} is learned as {}; subtract what all of \
             them have in common",
            row.row,
            rounded(number)
        ))
    };
    columns.iter().enumerate().filter_map(say).collect()
}

fn take_row(
    row: &mut Row,
    used: &[UsedColumn],
    columns: &[String],
    commas: &CommaColumns,
) -> Result<NumberRow, BadCell> {
    let input = take_texts(row, used, columns)?;
    let mut numbers = Vec::new();
    for &used in used.iter().filter(|used| used.role == LABEL) {
        let name = &columns[used.index];
        let cell = commas.with_point(name, take_filled(row, used, columns)?);
        numbers.push(parse_number(&cell, name)?);
    }
    Ok((input, numbers))
}

/// A number that a model can learn: rounded to `f32` it is finite.
fn parse_number(cell: &str, column: &str) -> Result<f64, BadCell> {
    let number = cell.trim().parse::<f64>().ok().filter(|&number| (number as f32).is_finite());
    number.ok_or_else(|| {
        let label = quote_short(cell.trim(), MAX_SHOWN);
        let has_comma = cell.contains(',') && cell.trim().replacen(',', ".", 1).parse::<f64>().is_ok();
        let hint = if has_comma { ": write it with a point" } else { "" };
        BadCell::Other(format!("the label {label} is not a number (column {column:?}){hint}"))
    })
}

fn preview_row(row: &SourceRow<NumberRow>) -> PreviewRow {
    let (input, numbers) = &row.value;
    PreviewRow { row: row.row, text: input.text.clone(), second: input.second.clone(), numbers: numbers.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RowEdit, RowEdits, RunConfig};
    use crate::data::{DataFiles, Split};

    fn build(
        text: &str,
        read: &ReadOptions,
        known: &[&str],
        purpose: Purpose,
    ) -> Result<(Dataset, ReadSummary), DataError> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() };
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

    fn train(text: &str) -> (Dataset, ReadSummary) {
        build(text, &ReadOptions::default(), &[], Purpose::Train).expect("good rows")
    }

    fn rows() -> String {
        String::from("text,score\n") + &(0..20).map(|i| format!("text {i},{}.5\n", i % 5)).collect::<String>()
    }

    #[test]
    fn rows_with_numbers_are_shared_out() {
        let (dataset, summary) = train(&rows());
        assert_eq!(dataset.splits.each_ref().map(Vec::len), [16, 2, 2]);
        assert_eq!((dataset.labels.as_slice(), summary.column_of("label")), (&["score".to_owned()][..], "score"));
        assert_eq!((dataset.preview[1].numbers.as_slice(), dataset.preview[1].row), (&[1.5][..], 3));
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
        let (dataset, summary) = train(&rows().replace(',', ";").replace(".5", ",5"));
        assert_eq!((dataset.preview[1].numbers.as_slice(), dataset.preview[1].row), (&[1.5][..], 3));
        assert!(summary.warnings[0].ends_with("has decimal commas: 0,5 is read as 0.5"), "{:?}", summary.warnings);
    }

    #[test]
    fn numbers_with_decimal_commas_are_edited_with_a_comma_or_a_point() {
        let text = rows().replace(',', ";").replace(".5", ",5");
        let set = |row: usize, was: &str, value: &str| {
            let (file, column) = (Split::Train, "score".to_owned());
            RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
        };
        let edits = RowEdits { log: vec![set(2, "0,5", "9,25"), set(3, "1,5", "7.75")] };
        let read = ReadOptions { edits, ..ReadOptions::default() };
        let (dataset, summary) = build(&text, &read, &[], Purpose::Train).expect("good rows");
        let numbers: Vec<f64> = dataset.preview.iter().take(3).map(|row| row.numbers[0]).collect();
        assert_eq!(numbers, [9.25, 7.75, 2.5]);
        assert_eq!((summary.notes, summary.num_bad_rows), (vec!["by edits: 2 rows read otherwise".to_owned()], 0));
    }

    #[test]
    fn what_is_not_a_number_is_a_bad_row_with_its_reason() {
        let (_, summary) = train(&(rows() + "a,NaN\nb,inf\nc,high\nd,\ne,\"1,5\"\nf,1e3\ng,1e999\n"));
        let reasons: Vec<&str> = summary.bad_rows.iter().map(|bad| bad.reason.as_str()).collect();
        let expected = [
            "the label \"NaN\" is not a number (column \"score\")",
            "the label \"inf\" is not a number (column \"score\")",
            "the label \"high\" is not a number (column \"score\")",
            "the label is empty (column \"score\")",
            "the label \"1,5\" is not a number (column \"score\"): write it with a point",
            "the label \"1e999\" is not a number (column \"score\")",
        ];
        assert_eq!(reasons, expected);
        assert_eq!((summary.num_bad_rows, summary.num_empty), (6, 1));
    }

    #[test]
    fn a_number_that_never_changes_and_texts_with_two_numbers_are_said() {
        let constant = (0..9).map(|i| format!("text {i},3\n")).collect::<String>() + "text 1,3\n";
        let (_, summary) = train(&("text,score\n".to_owned() + &constant));
        let said =
            summary.warnings.iter().any(|warning| warning.starts_with("column \"score\" has the number 3 in all "));
        assert!(said && summary.num_duplicates == 1, "{:?}", summary.warnings);
        let (dataset, summary) = train(&(rows() + "text 1,9\n"));
        assert_eq!(dataset.num_conflicts, 1);
        assert!(summary.warnings.iter().any(|warning| warning.ends_with("another number")), "{:?}", summary.warnings);
    }

    #[test]
    fn large_numbers_that_are_learned_rounded_are_named_and_kept_as_they_are() {
        let said = "column \"score\" has numbers of more digits than are learned: row ";
        for (fraction, first) in [("", 20_240_101.0), (".25", 20_240_101.25)] {
            let row = |i: usize| format!("text {i},2024010{i}{fraction}\n");
            let (dataset, summary) = train(&(String::from("text,score\n") + &(1..=9).map(row).collect::<String>()));
            assert_eq!(dataset.preview[0].numbers, [first]);
            assert!(summary.warnings.iter().any(|warning| warning.starts_with(said)), "{:?}", summary.warnings);
        }
        let (dataset, summary) = train(&rows().replace(".5", ".1"));
        assert_eq!(dataset.preview[0].numbers, [0.1]);
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn a_model_is_measured_by_as_many_numbers_as_it_gives() {
        let measure = |known: &[&str]| build(&rows(), &ReadOptions::default(), known, Purpose::Measure);
        let (dataset, _) = measure(&["LABEL_0"]).expect("one number");
        assert_eq!(
            (dataset.labels.as_slice(), dataset.columns.as_slice()),
            (&["LABEL_0".to_owned()][..], &["score".to_owned()][..])
        );
        let error = measure(&["a", "b"]).expect_err("two numbers").to_string();
        assert!(error.contains("1 column of numbers") && error.contains("gives 2"), "{error}");
    }

    #[test]
    fn a_column_of_numbers_that_the_test_file_lacks_is_named() {
        let test = Some(("t.csv".to_owned(), b"text,rating\nhello,1\nthere,0\n".to_vec()));
        let files = &DataFiles { train: ("x.csv".into(), rows().into_bytes()), test, ..DataFiles::default() }.into();
        let (read, run) = (&ReadOptions::default(), &RunConfig::default());
        let request = ReadRequest::to_train(files, read, run);
        let error = read_dataset(&request).expect_err("it is missing").to_string();
        assert!(error.starts_with("test file \"t.csv\": there is no column \"score\""), "{error}");
    }
}
