//! What can be wrong with a data file as a whole. What is wrong with single rows is a [`super::BadRow`].

use crate::config::Split;
use crate::images::{ArchiveError, EntryError};
use crate::words::{list, plural, quote_short};

/// A data file that can't be trained on.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No bytes, or nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// Not a text file.
    #[error("the file is not text: it looks like {kind}")]
    Binary {
        /// What it looks like, and what to do.
        kind: &'static str,
    },
    /// Bytes that are not UTF-8, where it was chosen.
    #[error("the file is not utf-8 (line {line}, first bad byte at offset {offset}): choose another encoding")]
    NotUtf8 {
        /// Where, in bytes from the start.
        offset: usize,
        /// The line of that byte, from 1.
        line: usize,
    },
    /// A file that is certainly in another encoding than the one that was chosen.
    #[error("the file is {found}, not {asked}: choose {found}, or leave it to a guess")]
    OtherEncoding {
        /// Name of the encoding that was chosen.
        asked: &'static str,
        /// Name of the one that the file is in.
        found: &'static str,
    },
    /// A UTF-16 byte order mark, or UTF-16 by choice, and something that is not UTF-16.
    #[error("the file is not utf-16 (at offset {offset}), or it is damaged: choose another encoding")]
    NotUtf16 {
        /// Where, in bytes from the start.
        offset: usize,
    },
    /// A UTF-32 byte order mark.
    #[error("the file is UTF-32 text: save it as UTF-8")]
    Utf32,
    /// More than can be handled in memory.
    #[error("the file has {bytes} bytes, at most {limit} can be handled")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// What can be handled.
        limit: usize,
    },
    /// A wish that can't be followed, whatever the file is.
    #[error("{field}: {message}")]
    BadOption {
        /// Field of the reading options.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// The row that is to name the columns is not there.
    #[error("header_row: there is no row {row}, the file has {}", counted(.num_rows, "row"))]
    NoHeaderRow {
        /// What was asked for.
        row: usize,
        /// Rows of the file.
        num_rows: usize,
    },
    /// The row that is to name the columns does not.
    #[error("header_row: row {row} names no columns: it is empty, or declares the delimiter")]
    EmptyHeaderRow {
        /// What was asked for.
        row: usize,
    },
    /// The delimiter can't separate fields.
    #[error("{delimiter:?} can't be a delimiter")]
    BadDelimiter {
        /// What was given.
        delimiter: char,
    },
    /// The file is JSON, but broken or cut off.
    #[error("malformed JSON at line {line}, column {column}")]
    MalformedJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A JSON file without an array of objects.
    #[error(
        "the JSON holds no array of objects: expected [{{\"text\": …, \"label\": …}}, …], or such objects one after \
         another; a table that was saved by columns is saved by rows with orient=\"records\""
    )]
    NoJsonRows,
    /// More columns than a table of texts and labels has.
    #[error("the file has more than {limit} columns")]
    TooManyColumns {
        /// What can be handled.
        limit: usize,
    },
    /// Objects that have next to none of the keys of the others.
    #[error(
        "the file's {rows} first objects have {columns} different keys, and hardly any object has many of them: leave out the keys \
         that are not needed"
    )]
    TooSparse {
        /// Different keys so far.
        columns: usize,
        /// Objects so far.
        rows: usize,
    },
    /// Every row is bad.
    #[error("nothing in the file is usable: {}, the first (row {row}) because {reason}", counted(.num_rows, "row"))]
    NothingUsable {
        /// Rows read.
        num_rows: usize,
        /// First bad row.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A header and nothing else.
    #[error("the file has no rows, only the columns {}", list_names(.columns))]
    NoRows {
        /// Its columns.
        columns: Vec<String>,
    },
    /// A column that was asked for is not there.
    #[error("there is no column {}; the columns are {}{}", quote_name(.column), list_names(.columns), hint_on_header(.column, .columns))]
    MissingColumn {
        /// What was asked for.
        column: String,
        /// What there is.
        columns: Vec<String>,
    },
    /// Text and label would be read from the same column.
    #[error("column {} can't be both the text and the label", quote_name(.column))]
    SameColumn {
        /// The column.
        column: String,
    },
    /// One column only: the delimiter is wrong, or there are no labels.
    #[error(
        "only one column was found ({}): text and label need two; is the delimiter right, and are there labels?",
        quote_name(.column)
    )]
    OneColumn {
        /// The column.
        column: String,
    },
    /// No column looks like labels.
    #[error("no column looks like labels; say which one it is: {}", list_names(.columns))]
    NoLabelColumn {
        /// What there is.
        columns: Vec<String>,
    },
    /// A column that is named as numbers are holds something else in places.
    #[error(
        "column {} is named as numbers are, and row {} of it is no number: {}{}; correct such rows, or say which column holds the labels",
        quote_name(.column), .row, quote_name(.cell), hint_on_commas(.is_mixed)
    )]
    NotNumbers {
        /// The column.
        column: String,
        /// Number of the first such row.
        row: usize,
        /// What it holds.
        cell: String,
        /// It is a number but for its comma.
        is_mixed: bool,
    },
    /// No column looks like texts.
    #[error("no column looks like texts; say which one it is: {}", list_names(.columns))]
    NoTextColumn {
        /// What there is.
        columns: Vec<String>,
    },
    /// No columns of sentences.
    #[error(
        "no column looks like tokens with their tags, or like a text with its spans; say which is which (tokens and \
         label, or text and label): {}", list_names(.columns)
    )]
    NoTags {
        /// What there is.
        columns: Vec<String>,
    },
    /// Nothing to find.
    #[error("all words have the tag {} ({}): there is nothing to find", quote_name(.tag), counted(.num_words, "word"))]
    OneTag {
        /// The one tag.
        tag: String,
        /// Words of the training rows.
        num_words: usize,
    },
    /// Nothing to tell apart.
    #[error(
        "all rows have the label {} ({}): a classifier needs at least two labels", quote_name(.label),
        counted(.num_rows, "row")
    )]
    OneClass {
        /// The one label.
        label: String,
        /// How many rows have it.
        num_rows: usize,
    },
    /// The label column holds texts, ids or numbers rather than classes.
    #[error(
        "column {} has {} in {}: it looks like text or ids, choose another label column", quote_name(.column),
        counted(.num_classes, "different value"), counted(.num_rows, "row")
    )]
    TooManyClasses {
        /// The label column.
        column: String,
        /// Distinct labels.
        num_classes: usize,
        /// Rows that have one.
        num_rows: usize,
    },
    /// A label of the validation or test file that no training row has.
    #[error(
        "row {row}, column {}: label {} is in none of the training rows; known are {}", quote_name(.column),
        quote_name(.label), list_names(.known)
    )]
    UnknownLabel {
        /// Row number.
        row: usize,
        /// The label column.
        column: String,
        /// The label.
        label: String,
        /// Labels of the training rows.
        known: Vec<String>,
    },
    /// Rows with a label that the model to be measured does not tell apart.
    #[error(
        "row {row}, column {}: label {} is not one of the model's (rows with such labels: {num_rows}); it knows {}",
        quote_name(.column), quote_name(.label), list_names(.known)
    )]
    UnknownToModel {
        /// Row number of the first.
        row: usize,
        /// The label column.
        column: String,
        /// Its label.
        label: String,
        /// Rows with such labels.
        num_rows: usize,
        /// Labels of the model.
        known: Vec<String>,
    },
    /// Rows that may have any number of labels, and have none.
    #[error("none of the {} has a label (column {})", counted(.num_rows, "row"), quote_name(.column))]
    NoLabels {
        /// The label column.
        column: String,
        /// How many rows there are.
        num_rows: usize,
    },
    /// Rows with another count of numbers than the model to be measured gives.
    #[error(
        "the file has {} of numbers, and the model gives {num_outputs}: say which columns these are",
        counted(.num_columns, "column")
    )]
    OtherOutputs {
        /// Columns of numbers.
        num_columns: usize,
        /// Numbers that the model gives.
        num_outputs: usize,
    },
    /// Columns that no language model's data has.
    #[error(
        "no column looks like data for a language model: expected `messages`, `instruction` and `output`, `prompt` and \
         `completion`, or `text`; say which column is which: {}{}", list_names(.columns), hint_on_preferences(.columns)
    )]
    NoShape {
        /// What there is.
        columns: Vec<String>,
    },
    /// The shape that was asked for needs a column that can't be found.
    #[error("a {shape} file needs a column for the {role}; say which one it is: {}", list_names(.columns))]
    NoShapeColumn {
        /// Name of the shape.
        shape: &'static str,
        /// What the column would be.
        role: &'static str,
        /// What there is.
        columns: Vec<String>,
    },
    /// No columns of texts and of what they are turned into.
    #[error(
        "no two columns have names of a text and of what it is turned into; say which is the source (text_column) and \
         which the target (target_column): {}", list_names(.columns)
    )]
    NoTargets {
        /// What there is.
        columns: Vec<String>,
    },
    /// Two parts of an example would be read from the same column.
    #[error("column {} can't be both the {first} and the {second}", quote_name(.column))]
    SharedColumn {
        /// The column.
        column: String,
        /// One of its roles.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Bytes that are no zip of images.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A zip without a file that is an image by its name.
    #[error(
        "the zip holds no images: it holds {found}; images end in .jpg, .png, .webp, .bmp or .gif and lie in a folder for \
         each label, or beside a table of their file names"
    )]
    NoImages {
        /// What it holds.
        found: String,
    },
    /// A table in a zip that can't be read out of it.
    #[error("table {name:?} {source}")]
    Unpacked {
        /// Its path in the zip.
        name: String,
        /// Why not.
        source: EntryError,
    },
    /// A column was asked for, and there is no table.
    #[error("{setting} names a column, and there is no table beside the images (metadata.csv, or a single other one)")]
    NoTable {
        /// The option.
        setting: &'static str,
    },
    /// No column looks like file names of images.
    #[error("no column looks like file names of images; say which one it is (image_column): {}", list_names(.columns))]
    NoImageColumn {
        /// What there is.
        columns: Vec<String>,
    },
    /// Conversations, and a model that was not made for them.
    #[error(
        "the file holds conversations, and this model has no chat template (tokenizer_config.json, chat_template): \
         take an instruct or chat model, or data with a prompt and a completion"
    )]
    NoChatTemplate,
    /// Prompts and answers are to be joined by the template of a model that has none.
    #[error(
        "prompt_format chat needs a chat template, and this model has none (tokenizer_config.json, chat_template): choose \
         another prompt_format, or an instruct or chat model"
    )]
    NoTemplateForFormat,
    /// A way to join prompt and answer that these rows have no use for.
    #[error(
        "prompt_format {format} has no effect on {shape} rows: it joins a prompt and its answer (an instruction has \
         Alpaca's prompt, or the chat template's)"
    )]
    UnusedPromptFormat {
        /// What was asked for.
        format: String,
        /// Name of the shape.
        shape: &'static str,
    },
    /// A test file in which no row has a label.
    #[error(
        "{reason}: nothing can be measured on a test file without labels; leave it out, and let the trained model answer it \
         (`hone predict`, or the step Try)"
    )]
    NoTestLabels {
        /// Why it has none.
        reason: String,
    },
    /// A file beside the training file, or a table in a zip.
    #[error("{role} file {name:?}: {source}")]
    InFile {
        /// What the file is, as the message names it: `validation`, `test`, `table` or `general text`.
        role: &'static str,
        /// File name.
        name: String,
        /// What is wrong with it.
        source: Box<DataError>,
    },
}

impl DataError {
    /// An error in the person's own file for this split, by its name.
    pub(crate) fn in_file(split: Split, name: &str, source: Self) -> Self {
        Self::InFile { role: split.words(), name: name.to_owned(), source: Box::new(source) }
    }
}

/// Longest name or label that a message repeats, in characters.
const MAX_SHOWN: usize = 80;

/// A name, a label or a cell in quotes, cut where it is long: it may be a whole text.
pub(super) fn quote_name(text: &str) -> String {
    quote_short(text, MAX_SHOWN)
}

fn counted(count: &usize, noun: &str) -> String {
    plural(*count, noun)
}

/// Names in quotes, at most twenty of them.
fn list_names(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(20).map(|name| quote_name(name)).collect();
    list(&shown, names.len())
}

/// What to do about columns that are numbered because no row names them, where a name is asked for.
fn hint_on_header(column: &str, columns: &[String]) -> &'static str {
    let is_numbered = |(index, name): (usize, &String)| *name == format!("column {}", index + 1);
    let are_numbered = !columns.is_empty() && columns.iter().enumerate().all(is_numbered);
    match are_numbered && !column.trim().to_lowercase().starts_with("column ") {
        true => ": no row is read as their names (--header yes takes the first one)",
        false => "",
    }
}

/// What to do about numbers of which some have a comma and some a point.
fn hint_on_commas(is_mixed: &bool) -> &'static str {
    if *is_mixed { " (some rows have a comma and some a point: write all with a point)" } else { "" }
}

/// What to do about a file of pairs of a wanted and an unwanted answer.
fn hint_on_preferences(columns: &[String]) -> &'static str {
    let has = |name: &str| columns.iter().any(|column| column.trim().eq_ignore_ascii_case(name));
    match has("chosen") && has("rejected") {
        true => {
            ". The file has preferences (DPO, ORPO), from which Hone does not learn; to learn the wanted answers, name \"chosen\" as \
             the column of the answers, or of the whole texts"
        }
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place() {
        let columns = vec!["text".to_owned(), "label".to_owned()];
        let error = DataError::MissingColumn { column: "topic".into(), columns };
        assert_eq!(error.to_string(), r#"there is no column "topic"; the columns are "text", "label""#);
        let numbered = || ["column 1", "column 2"].map(str::to_owned).to_vec();
        let error = DataError::MissingColumn { column: "topic".into(), columns: numbered() }.to_string();
        assert!(error.ends_with("no row is read as their names (--header yes takes the first one)"), "{error}");
        let error = DataError::MissingColumn { column: "column 3".into(), columns: numbered() }.to_string();
        assert!(error.ends_with(r#""column 1", "column 2""#), "{error}");
        let many: Vec<String> = (0..30).map(|i| i.to_string()).collect();
        let one = DataError::NothingUsable { num_rows: 1, row: 2, reason: "the text is empty".into() }.to_string();
        assert_eq!(one, "nothing in the file is usable: 1 row, the first (row 2) because the text is empty");
        assert!(DataError::NoRows { columns: many }.to_string().ends_with("\"19\" and 10 more"));
        let long = DataError::OneColumn { column: "é".repeat(500_000) }.to_string();
        assert!(long.contains(&format!("(\"{}…\")", "é".repeat(80))), "{long}");
        let known = vec!["a".to_owned()];
        let inner = DataError::UnknownLabel { row: 412, column: "label".into(), label: "x".into(), known };
        let error = DataError::in_file(Split::Test, "t.csv", inner);
        let expected =
            r#"test file "t.csv": row 412, column "label": label "x" is in none of the training rows; known are "a""#;
        assert_eq!(error.to_string(), expected);
    }
}
