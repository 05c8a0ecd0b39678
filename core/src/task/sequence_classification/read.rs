//! Files to labeled rows in three splits: labels get ids, rows without text or label are put aside, repeats are counted.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use super::PreviewRow;
use super::draw::FileLabels;
use super::passed_over::note_on_flags;
use crate::config::ReadOptions;
use crate::data::{
    BadCell, DataError, Merges, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, RowReader, SourceRow, Split,
    Table, UsedColumn, advise_on_classes, choose_columns, count_repeats, in_file_of, parse, share_out, sorted_labels,
    take_filled,
};
use crate::task::by_hand::{nothing_labeled, say_unlabeled};
use crate::task::class_labels::{
    adopt_labels, check_labels, known_to_rows, name_numbers, note_missing, take_for_trained,
};
use crate::task::texts::{LabeledText, take_texts};
use crate::task::{Purpose, ReadRequest, TaskInput};

/// Rows of the preview.
const PREVIEW: usize = 5;

/// What stands in the place of a label where people did not agree on one, as in SNLI.
const NO_AGREEMENT: &str = "-";
/// Labels of natural language inference, beside which a dash is none.
const INFERENCE: [&str; 4] = ["entailment", "neutral", "contradiction", "not_entailment"];

/// Labeled rows in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the label ids: sorted, as numbers if all are numbers; or as the model orders them.
    pub labels: Vec<String>,
    /// Rows of training, validation and test, each with its label id.
    pub splits: [Vec<LabeledText<usize>>; 3],
    /// Rows whose text stood in an earlier one with another label.
    pub num_conflicts: usize,
    /// The first rows of the training file.
    pub preview: Vec<PreviewRow>,
}

/// A row with its label still as text.
#[derive(Debug)]
struct NamedRow {
    input: TaskInput,
    label: String,
}

/// A row with its label id.
pub(super) type IdRow = (TaskInput, usize);

/// Reads the files and shares the rows out.
///
/// Where no row is held back, all rows may be of one class: a trained model can be measured on them. Who trains on such
/// rows refuses a single class.
///
/// A model that has labels knows the label column by them, and labels that it knows are labels even where each stands in
/// one row only. Where a model is measured ([`Purpose::Measure`]), all labels must be its own.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub fn read_dataset(request: &ReadRequest<'_>) -> Result<(Dataset, ReadSummary), DataError> {
    let labels = request.known_labels;
    let (dataset, summary) = match request.purpose {
        Purpose::Train => build_dataset(request, labels)?,
        Purpose::Measure => {
            let (mut dataset, mut summary) = build_dataset(request, &known_to_rows(labels))?;
            summary.warnings.extend(name_numbers(&mut dataset.labels, labels));
            let rows = dataset.splits.iter().flatten().map(|row| (row.row, row.label));
            check_labels(&dataset.labels, rows, labels, summary.column_of("label"))?;
            (dataset, summary)
        }
    };
    let Dataset { mut labels, mut splits, num_conflicts, preview } = dataset;
    adopt_labels(&mut labels, splits.iter_mut().flatten().map(|row| &mut row.label), request.known_labels);
    Ok((Dataset { labels, splits, num_conflicts, preview }, summary))
}

fn build_dataset(request: &ReadRequest<'_>, known_labels: &[String]) -> Result<(Dataset, ReadSummary), DataError> {
    let (files, read, split) = (request.files, request.read, &request.run.split);
    let has_dashes = Cell::new(false);
    let passed_over: RefCell<Option<String>> = RefCell::default();
    let is_guessed = request.purpose == Purpose::Train && read.label_column.is_none() && known_labels.is_empty();
    let choose = |table: &Table, read: &ReadOptions| -> Result<Vec<UsedColumn>, DataError> {
        let columns = choose_columns(table, read, known_labels)?;
        has_dashes.set(has_rows_without_agreement(table, columns.label, known_labels));
        passed_over.replace(is_guessed.then(|| note_on_flags(table, &columns)).flatten());
        Ok(columns.used())
    };
    let mut read_row =
        |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_row(row, used, columns, has_dashes.get());
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let (mut reader, mut rows) = RowReader::begin(files, read, &mut format)?;
    reader.summary.warnings.extend(passed_over.take());
    let label_column = reader.summary.column_of("label").to_owned();
    if has_dashes.get() {
        let note = format!(
            "rows with {NO_AGREEMENT:?} in the place of a label have none (column {label_column:?}), as in SNLI: they are left \
             out"
        );
        reader.summary.warnings.push(note);
    }
    let labels_of_rows = rows.iter().map(|row| (row.row, row.value.label.as_str()));
    let in_file = FileLabels::of(read, &label_column, labels_of_rows, has_dashes.get().then_some(NO_AGREEMENT));
    let mut merges = Merges::new(read);
    merge_labels(&mut rows, &mut merges);
    reader.summary.warnings.extend(merges.merged());
    let found: Vec<&str> = rows.iter().map(|row| row.value.label.as_str()).collect();
    // What a person gave as labels are some, though hardly a row has each yet.
    let known: Vec<String> = known_labels.iter().chain(in_file.given()).cloned().collect();
    let labels = sorted_labels(&found, &label_column, &known)?;
    // Rows that wait for their labels are read, so that they can get them; whoever trains on them refuses them.
    let can_be_labeled = request.purpose == Purpose::Train && reader.summary.num_unlabeled > 0;
    // The labels of own validation or test rows must stand in the training rows.
    let has_own_file = files.valid.is_some() || files.test.is_some();
    if rows.is_empty() && (!can_be_labeled || has_own_file) {
        return Err(nothing_labeled(&reader.summary));
    }
    // Rows of which none is held back may be there to be measured only, and then one class will do.
    let holds_rows_back = split.valid_fraction > 0.0 || split.test_fraction > 0.0 || has_own_file;
    if holds_rows_back {
        reader.summary.warnings.extend(merges.unused());
        reader.summary.warnings.extend(note_missing(&labels));
    }
    if holds_rows_back
        && !can_be_labeled
        && let [label] = labels.as_slice()
    {
        return Err(DataError::OneClass { label: label.clone(), num_rows: rows.len() });
    }
    let preview = rows.iter().take(PREVIEW).map(preview_row).collect();

    let ids: HashMap<&str, usize> = labels.iter().enumerate().map(|(id, label)| (label.as_str(), id)).collect();
    let mut read_own = |split: Split| -> Result<Option<Vec<SourceRow<IdRow>>>, DataError> {
        let Some(mut rows) = reader.own_file(split, &mut format)? else { return Ok(None) };
        let mut merges = Merges::new(read);
        merge_labels(&mut rows, &mut merges);
        reader.summary.warnings.extend(merges.merged().into_iter().map(|note| in_file_of(split, note)));
        let note = take_for_trained(rows.iter_mut().map(|row| &mut row.value.label), &labels);
        reader.summary.warnings.extend(note.map(|note| in_file_of(split, note)));
        let labeled = label_rows(rows, &ids, &labels, &label_column);
        labeled.map(Some).map_err(|source| reader.in_own_file(split, source))
    };
    let valid = read_own(Split::Valid)?;
    let test = read_own(Split::Test)?;
    let train = label_rows(rows, &ids, &labels, &label_column)?;

    let is_split = valid.is_none() && (split.valid_fraction > 0.0 || test.is_none() && split.test_fraction > 0.0);
    let has_own_file = [valid.is_some(), test.is_some()];
    let (train, by_hand) = in_file.set_aside(train, (read, &label_column), split, has_own_file);
    let classes = in_file.classes(&train, &labels);
    let rows = ReadRows { train, valid, test, summary: reader.summary };
    let (mut splits, mut summary) = share_out(rows, &classes, split, request.run.seed);
    by_hand.put_into(&mut splits, &mut summary);
    if request.purpose == Purpose::Train {
        say_unlabeled(&mut summary, labels.is_empty(), "row");
    }
    let labeled = |SourceRow { row, value: (input, label) }: SourceRow<IdRow>| LabeledText { row, input, label };
    let splits = splits.map(|rows| rows.into_iter().map(labeled).collect::<Vec<_>>());
    let texts = splits
        .each_ref()
        .map(|rows| rows.iter().map(|row| ((row.input.text.as_str(), row.input.second.as_deref()), row.label)));
    let num_conflicts = count_repeats(texts, "label", &mut summary);
    // Few rows of classes that the model knows are rows to measure.
    if holds_rows_back || !labels.iter().all(|label| known_labels.contains(label)) {
        let counts = |rows: &[Vec<LabeledText<usize>>]| {
            let mut counts = vec![0; labels.len()];
            rows.iter().flatten().for_each(|row| counts[row.label] += 1);
            counts
        };
        summary.advice = advise_on_classes(&labels, &counts(&splits[..1]), &counts(&splits), is_split);
    }
    if splits[1].is_empty() && request.purpose == Purpose::Train {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((Dataset { labels, splits, num_conflicts, preview }, summary))
}

/// Whether dashes stand among the labels of natural language inference: they are no class, but rows without a label.
fn has_rows_without_agreement(table: &Table, label: usize, known_labels: &[String]) -> bool {
    if known_labels.iter().any(|known| known == NO_AGREEMENT) {
        return false;
    }
    let labels: HashSet<&str> = table.rows.iter().map(|row| row.cells[label].trim()).collect();
    let is_known = |label: &&str| label.is_empty() || INFERENCE.iter().any(|known| known.eq_ignore_ascii_case(label));
    labels.contains(NO_AGREEMENT)
        && labels.len() > 2
        && labels.iter().filter(|label| **label != NO_AGREEMENT).all(is_known)
}

/// `has_dashes`: a dash is no label.
fn take_row(row: &mut Row, used: &[UsedColumn], columns: &[String], has_dashes: bool) -> Result<NamedRow, BadCell> {
    let input = take_texts(row, used, columns)?;
    let label = used.iter().copied().find(|used| used.role == "label").expect("a label column is always chosen");
    let name = &columns[label.index];
    let label = take_filled(row, label, columns).map_err(|wrong| match wrong {
        BadCell::Empty(reason) => BadCell::Unlabeled(reason),
        other => other,
    })?;
    if has_dashes && label.trim() == NO_AGREEMENT {
        return Err(BadCell::Other(format!("the label is {NO_AGREEMENT:?}, which is none (column {name:?})")));
    }
    let label = if label.trim().len() == label.len() { label } else { label.trim().to_owned() };
    Ok(NamedRow { input, label })
}

fn preview_row(row: &SourceRow<NamedRow>) -> PreviewRow {
    let NamedRow { input, label } = &row.value;
    PreviewRow { row: row.row, text: input.text.clone(), second: input.second.clone(), label: label.clone() }
}

fn merge_labels(rows: &mut [SourceRow<NamedRow>], merges: &mut Merges<'_>) {
    for row in rows {
        row.value.label = merges.merge(std::mem::take(&mut row.value.label));
    }
}

/// Labels to ids; an error at the first label that the training rows do not have.
fn label_rows(
    rows: Vec<SourceRow<NamedRow>>,
    ids: &HashMap<&str, usize>,
    labels: &[String],
    column: &str,
) -> Result<Vec<SourceRow<IdRow>>, DataError> {
    let label_row = |SourceRow { row, value: NamedRow { input, label } }| match ids.get(label.as_str()) {
        Some(&label) => Ok(SourceRow { row, value: (input, label) }),
        None => Err(DataError::UnknownLabel { row, column: column.to_owned(), label, known: labels.to_vec() }),
    };
    rows.into_iter().map(label_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RunConfig, SplitConfig};
    use crate::data::{BadRow, DataFiles};

    const NONE_HELD_BACK: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };

    fn files(train: &str, valid: Option<&str>, test: Option<&str>) -> DataFiles {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        DataFiles {
            train: file("train.csv", train),
            valid: valid.map(|text| file("valid.csv", text)),
            test: test.map(|text| file("test.csv", text)),
            ..DataFiles::default()
        }
    }

    fn build_as(
        files: &DataFiles,
        read: &ReadOptions,
        split: SplitConfig,
        known_labels: &[String],
        purpose: Purpose,
    ) -> Result<(Dataset, ReadSummary), DataError> {
        let run = &RunConfig { split, seed: 42, ..RunConfig::default() };
        read_dataset(&ReadRequest { files: &files.clone().into(), read, run, known_labels, purpose, model: None })
    }

    fn build(files: &DataFiles) -> Result<(Dataset, ReadSummary), DataError> {
        build_as(files, &ReadOptions::default(), SplitConfig::default(), &[], Purpose::Train)
    }

    fn rows(count: usize, classes: usize) -> String {
        let rows = (0..count).map(|i| format!("this is text number {i},class{}\n", i % classes));
        String::from("text,label\n") + &rows.collect::<String>()
    }

    fn sizes(dataset: &Dataset) -> [usize; 3] {
        dataset.splits.each_ref().map(Vec::len)
    }

    fn row(row: usize, text: &str, label: usize) -> LabeledText<usize> {
        LabeledText { row, input: TaskInput { text: text.into(), second: None, image: None }, label }
    }

    #[test]
    fn a_file_becomes_three_splits() {
        let (dataset, summary) = build(&files(&rows(100, 2), None, None)).expect("good rows");
        assert_eq!(dataset.labels, ["class0", "class1"]);
        assert_eq!(sizes(&dataset), [80, 10, 10]);
        assert_eq!((summary.num_rows, summary.num_bad_rows), (100, 0));
        let (text, label) = ("this is text number 0".into(), "class0".into());
        assert_eq!(dataset.preview[0], PreviewRow { row: 2, text, second: None, label });
        assert_eq!(dataset.preview.len(), 5);
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn an_own_file_with_gaps_has_the_labels_of_the_training_file() {
        let train: String = (0..20).map(|i| format!("text {i},{}\n", i % 2)).collect();
        let valid = "text,label\nown one,1.0\nown two,\nown three,0.0\n";
        let (dataset, summary) = build(&files(&format!("text,label\n{train}"), Some(valid), None)).expect("the same");
        assert_eq!(dataset.labels, ["0", "1"]);
        assert_eq!(dataset.splits[1], [row(2, "own one", 1), row(4, "own three", 0)]);
        let said = |warning: &String| warning.starts_with("validation file: the label 0.0 is taken for the 0");
        assert!(summary.warnings.iter().any(said), "{:?}", summary.warnings);
    }

    #[test]
    fn a_dash_among_labels_of_inference_is_no_label() {
        let rows = |labels: [&str; 3]| {
            let row = |i: usize| format!("this is text number {i},{}\n", labels[i % 3]);
            String::from("text,label\n") + &(0..30).map(row).collect::<String>()
        };
        let (dataset, summary) = build(&files(&rows(["neutral", "entailment", "-"]), None, None)).expect("good rows");
        assert_eq!((dataset.labels, summary.num_bad_rows), (["entailment", "neutral"].map(String::from).to_vec(), 10));
        let said = |warning: &String| warning.starts_with("rows with \"-\" in the place of a label have none");
        assert!(summary.warnings.iter().any(said), "{:?}", summary.warnings);
        for labels in [["-", "+", "neutral"], ["-", "hate", "offensive"]] {
            let (dataset, _) = build(&files(&rows(labels), None, None)).expect("good rows");
            assert_eq!(dataset.labels.len(), 3, "{labels:?}");
        }
    }

    #[test]
    fn own_files_are_taken_as_they_are() {
        let valid = "label,text\nclass1,own validation\n";
        let (dataset, _) = build(&files(&rows(100, 2), Some(valid), None)).expect("good rows");
        assert_eq!(sizes(&dataset), [100, 1, 0]);
        assert_eq!(dataset.splits[1][0], row(2, "own validation", 1));
        let test = "an own test,class0\nanother own test,class1\n";
        let (dataset, _) = build(&files(&rows(100, 2), None, Some(test))).expect("columns in the same places");
        assert_eq!(sizes(&dataset), [90, 10, 2]);
    }

    #[test]
    fn an_own_file_has_a_header_where_it_repeats_that_of_the_training_file() {
        let train = rows(100, 2).replace("text,label", "satz,urteil");
        let valid = "urteil,satz\nclass1,own validation\n";
        let (dataset, summary) = build(&files(&train, Some(valid), None)).expect("good rows");
        assert_eq!((summary.column_of("text"), summary.has_header), ("satz", true));
        assert_eq!(dataset.splits[1], [row(2, "own validation", 1)]);
        let train = rows(100, 2).replace("text,label\n", "");
        let valid = "question,class1\n";
        let (dataset, _) = build(&files(&train, Some(valid), None)).expect("good rows");
        assert_eq!(dataset.splits[1], [row(1, "question", 1)]);
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
        assert_eq!(sizes(&dataset).iter().sum::<usize>(), 20);
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
        let read = |files: &DataFiles| build_as(files, &ReadOptions::default(), NONE_HELD_BACK, &[], Purpose::Train);
        let (dataset, summary) = read(&files(&rows(20, 1), None, None)).expect("rows to measure");
        assert_eq!((dataset.labels.len(), sizes(&dataset)), (1, [20, 0, 0]));
        assert_eq!(summary.warnings, [NO_VALIDATION_ROWS]);
        let own = files(&rows(20, 1), Some("text,label\na,class0\n"), None);
        assert!(matches!(read(&own), Err(DataError::OneClass { num_rows: 20, .. })));
    }

    #[test]
    fn a_class_with_one_row_is_trained_on_with_a_warning() {
        let (dataset, summary) = build(&files(&(rows(30, 2) + "lonely,rare\n"), None, None)).expect("good rows");
        assert!(dataset.splits[0].iter().any(|row| row.input.text == "lonely"));
        let message = &summary.advice[0].message;
        assert!(message.contains("\"rare\" (1 row)") && message.contains("single row"), "{message}");
    }

    #[test]
    fn repeats_conflicts_and_leaks_are_counted() {
        let train = rows(20, 2) + "this is text number 0,class0\nthis is text number 1,class0\n";
        let valid = "text,label\nthis is text number 3,class1\nnew,class0\n";
        let (dataset, summary) = build(&files(&train, Some(valid), None)).expect("good rows");
        assert_eq!((summary.num_duplicates, dataset.num_conflicts, summary.num_leaks), (2, 1, 1));
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

    #[test]
    fn pairs_are_read_and_compared_as_pairs() {
        let rows: String = (0..20).map(|i| format!("it rains,text {i},{}\n", ["yes", "no"][i % 2])).collect();
        let text = format!("premise,hypothesis,label\n{rows}it rains,text 3,no\nit rains,text 4,no\nit rains,,no\n");
        let (dataset, summary) = build(&files(&text, None, None)).expect("good rows");
        let roles: Vec<&str> = summary.used_columns.iter().map(|(_, role)| role.as_str()).collect();
        assert_eq!(roles, ["text", "second text", "label"]);
        assert_eq!(dataset.preview[1].second.as_deref(), Some("text 1"));
        assert_eq!((summary.num_duplicates, dataset.num_conflicts), (1, 1));
        assert_eq!(summary.bad_rows[0].reason, "the second text is empty (column \"hypothesis\")");
        let read = ReadOptions { text_column: Some("hypothesis".into()), ..ReadOptions::default() };
        let single = build_as(&files(&text, None, None), &read, SplitConfig::default(), &[], Purpose::Train);
        let (dataset, _) = single.expect("good rows");
        assert_eq!((dataset.preview[1].text.as_str(), dataset.preview[1].second.as_deref()), ("text 1", None));
    }

    #[test]
    fn a_model_with_labels_is_measured_on_as_many_rows_as_it_has_classes() {
        let known: Vec<String> = (0..12).map(|i| format!("class{i}")).collect();
        let measure = |text: String| {
            let files = files(&text, None, None);
            build_as(&files, &ReadOptions::default(), NONE_HELD_BACK, &known, Purpose::Measure)
        };
        let (dataset, summary) = measure(rows(12, 12)).expect("rows to measure");
        assert_eq!((&dataset.labels, dataset.splits[0].len()), (&known, 12), "in the order of the model");
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
        assert!(matches!(build(&files(&rows(12, 12), None, None)), Err(DataError::TooManyClasses { .. })));

        let mistake = measure(rows(12, 12).replace("class7\n", "class 7\n"));
        let error = mistake.expect_err("unknown").to_string();
        let expected = r#"row 9, column "label": label "class 7" is not one of the model's"#;
        assert!(error.starts_with(expected) && error.contains(r#""class11""#), "{error}");
    }

    #[test]
    fn numbers_are_measured_against_a_head_that_numbers_its_labels() {
        let known: Vec<String> = (0..3).map(|id| format!("LABEL_{id}")).collect();
        let text = "text,label\na,0\nb,2\nc,2\n";
        let measured =
            build_as(&files(text, None, None), &ReadOptions::default(), NONE_HELD_BACK, &known, Purpose::Measure);
        let (dataset, summary) = measured.expect("rows to measure");
        assert_eq!((dataset.labels, dataset.splits[0][1].label), (known, 2));
        assert!(summary.warnings[0].starts_with("the model calls its labels LABEL_0, LABEL_1, .."));
    }

    #[test]
    fn labels_of_own_files_are_merged_too_and_it_is_said_of_each() {
        let train = rows(20, 2) + "text,Class1\n";
        let merge_labels = [("Class1".to_owned(), "class1".to_owned())].into();
        let read = ReadOptions { merge_labels, ..ReadOptions::default() };
        let own = files(&train, Some("text,label\na,Class1\nb,class0\n"), None);
        let built = build_as(&own, &read, SplitConfig::default(), &[], Purpose::Train);
        let (dataset, summary) = built.expect("good rows");
        assert_eq!((dataset.labels.len(), dataset.splits[1][0].label), (2, 1));
        let note = "the label \"Class1\" of 1 row is read as \"class1\"";
        assert_eq!(summary.warnings, [note.to_owned(), format!("validation file: {note}")]);
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
