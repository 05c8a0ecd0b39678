//! Which column holds the text and which the label: as asked for, else by the labels that a model knows, else guessed
//! from names and content.

use std::collections::HashSet;

use super::error::DataError;
use super::parse::{LABEL_NAMES, TEXT_NAMES, Table, name_rank};
use crate::config::ReadOptions;

/// Rows looked at, spread over the table.
const SAMPLE: usize = 2000;

/// Longest mean length of labels, in characters.
const MAX_LABEL_LENGTH: usize = 60;

/// Columns that hold few values but no labels.
const NOT_LABELS: &[&str] =
    &["split", "fold", "id", "idx", "index", "lang", "language", "source", "date", "unnamed:_0"];

/// Places of the two columns that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Column of the text.
    pub text: usize,
    /// Column of the label.
    pub label: usize,
}

/// Chooses the columns. Names that `read` gives win. A column that holds hardly anything but `known_labels` (those of a
/// model that has some) is its label column, however few rows share a label; else known names decide, else content:
/// labels are short and come back, texts are long and mostly different.
///
/// # Errors
/// When a named column is not there, both are the same, or nothing looks like it.
pub fn choose_columns(table: &Table, read: &ReadOptions, known_labels: &[String]) -> Result<Columns, DataError> {
    let find = |name: &Option<String>| name.as_deref().map(|name| find_column(table, name)).transpose();
    let (text, label) = (find(&read.text_column)?, find(&read.label_column)?);
    if let (Some(text), Some(label)) = (text, label)
        && text == label
    {
        return Err(DataError::SameColumn { column: table.columns[text].clone() });
    }
    if table.columns.len() == 1 {
        return Err(DataError::OneColumn { column: table.columns[0].clone() });
    }
    let contents = contents(table, known_labels);
    let label = match label {
        Some(label) => label,
        None => guess_label(table, &contents, text)
            .ok_or_else(|| DataError::NoLabelColumn { columns: table.columns.clone() })?,
    };
    let text = match text {
        Some(text) => text,
        None => guess_text(table, &contents, Some(label))
            .ok_or_else(|| DataError::NoTextColumn { columns: table.columns.clone() })?,
    };
    Ok(Columns { text, label })
}

/// Chooses the column of the text where labels are not needed: the one that `read` names, else by the same names and
/// content as [`choose_columns`]. A column of `known_labels` is none.
///
/// # Errors
/// When the named column is not there, or nothing looks like texts.
pub fn choose_text_column(table: &Table, read: &ReadOptions, known_labels: &[String]) -> Result<usize, DataError> {
    if let Some(name) = &read.text_column {
        return find_column(table, name);
    }
    let contents = contents(table, known_labels);
    let label = match &read.label_column {
        Some(name) => find_column(table, name).ok(),
        None => (0..table.columns.len()).find(|&column| contents[column].holds_known_labels()),
    };
    let label = label.filter(|_| table.columns.len() > 1);
    guess_text(table, &contents, label).ok_or_else(|| DataError::NoTextColumn { columns: table.columns.clone() })
}

fn find_column(table: &Table, name: &str) -> Result<usize, DataError> {
    let place = place_of(&table.columns, name);
    place.ok_or_else(|| DataError::MissingColumn { column: name.to_owned(), columns: table.columns.clone() })
}

/// Place of a column by name: exactly, else ignoring case and outer spaces.
pub(super) fn place_of(columns: &[String], name: &str) -> Option<usize> {
    let like = |column: &String| column.trim().to_lowercase() == name.trim().to_lowercase();
    columns.iter().position(|column| column == name).or_else(|| columns.iter().position(like))
}

/// What a column holds, from a sample.
struct Content {
    filled: usize,
    distinct: usize,
    mean_length: usize,
    /// Filled cells that are a label of the model.
    known: usize,
    /// Labels of the model that are among the cells.
    distinct_known: usize,
    /// One of these is a word, not a number: numbers are the labels of many things.
    has_named_label: bool,
}

fn contents(table: &Table, known_labels: &[String]) -> Vec<Content> {
    let known: HashSet<&str> = known_labels.iter().map(String::as_str).collect();
    (0..table.columns.len()).map(|column| Content::of(table, column, &known)).collect()
}

impl Content {
    fn of(table: &Table, column: usize, known_labels: &HashSet<&str>) -> Self {
        let step = table.rows.len().div_ceil(SAMPLE).max(1);
        let mut values = HashSet::new();
        let (mut filled, mut length, mut known) = (0, 0, 0);
        for row in table.rows.iter().step_by(step) {
            let cell = row.cells[column].trim();
            if !cell.is_empty() {
                filled += 1;
                length += cell.chars().count();
                known += usize::from(known_labels.contains(cell));
                values.insert(cell);
            }
        }
        let labels = || values.iter().filter(|value| known_labels.contains(**value));
        Self {
            filled,
            distinct: values.len(),
            mean_length: length / filled.max(1),
            known,
            distinct_known: labels().count(),
            has_named_label: labels().any(|label| label.parse::<f64>().is_err()),
        }
    }

    /// Nine of ten cells are labels of the model: the others may be mistakes.
    fn holds_known_labels(&self) -> bool {
        self.filled > 0 && self.known * 10 >= self.filled * 9
    }

    /// Short values that come back (few rows can't show it).
    fn like_labels(&self) -> bool {
        let comes_back = self.distinct * 2 <= self.filled || self.filled <= 20;
        self.filled > 0 && comes_back && self.mean_length <= MAX_LABEL_LENGTH
    }
}

fn guess_label(table: &Table, contents: &[Content], text: Option<usize>) -> Option<usize> {
    let candidates = || (0..table.columns.len()).filter(|&column| Some(column) != text);
    let ranked = |column: &usize| name_rank(&table.columns[*column], LABEL_NAMES).map(|rank| (rank, *column));
    let of_model = || candidates().filter(|&column| contents[column].holds_known_labels());
    if let Some((_, column)) = of_model().filter_map(|column| ranked(&column)).min() {
        return Some(column);
    }
    let unnamed = of_model()
        .filter(|&column| contents[column].has_named_label || name_rank(&table.columns[column], NOT_LABELS).is_none())
        .max_by_key(|&column| {
            let is_text = name_rank(&table.columns[column], TEXT_NAMES).is_some();
            (!is_text, contents[column].distinct_known, std::cmp::Reverse(column))
        });
    if let Some(column) = unnamed
        && contents[column].has_named_label
    {
        return Some(column);
    }
    let named =
        candidates().filter(|&column| contents[column].like_labels()).filter_map(|column| ranked(&column)).min();
    if let Some((_, column)) = named {
        return Some(column);
    }
    if let Some(column) = unnamed {
        return Some(column);
    }
    let by_content = candidates()
        .filter(|&column| contents[column].like_labels())
        .filter(|&column| name_rank(&table.columns[column], NOT_LABELS).is_none())
        .filter(|&column| name_rank(&table.columns[column], TEXT_NAMES).is_none() || text.is_some())
        .min_by_key(|&column| {
            let content = &contents[column];
            // Share of distinct values in thousandths: of two columns alike, the shorter one.
            (content.distinct < 2, content.distinct * 1000 / content.filled, content.mean_length)
        });
    // A named column that does not look like labels is better than none: what is wrong with it is said later.
    by_content.or_else(|| candidates().filter_map(|column| ranked(&column)).min().map(|(_, column)| column))
}

fn guess_text(table: &Table, contents: &[Content], label: Option<usize>) -> Option<usize> {
    let others = || (0..table.columns.len()).filter(|&column| Some(column) != label);
    let candidates = || others().filter(|&column| contents[column].filled > 0);
    let rank = |column: usize| name_rank(&table.columns[column], TEXT_NAMES).map(|rank| (rank, column));
    if let Some((_, column)) = candidates().filter_map(rank).min() {
        return Some(column);
    }
    let by_content = candidates().max_by_key(|&column| {
        let content = &contents[column];
        (content.mean_length * (content.filled + content.distinct) / content.filled, std::cmp::Reverse(column))
    });
    // An empty column of the right name is better than none: what is wrong with it is said later.
    by_content.or_else(|| others().filter_map(rank).min().map(|(_, column)| column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn names(text: &str, read: &ReadOptions) -> Result<(String, String), DataError> {
        let table = parse("x.csv", text.as_bytes(), read).expect("a table");
        let columns = choose_columns(&table, read, &[])?;
        Ok((table.columns[columns.text].clone(), table.columns[columns.label].clone()))
    }

    fn guess(text: &str) -> (String, String) {
        names(text, &ReadOptions::default()).expect("two columns")
    }

    #[test]
    fn known_names_win() {
        let text = "id,title,text,label,label_text\n1,one,first text,0,neg\n2,two,second text,1,pos\n3,three,x,0,neg\n";
        assert_eq!(guess(text), ("text".into(), "label".into()));
    }

    #[test]
    fn content_decides_between_unknown_names() {
        let mut text = String::from("nummer,satz,urteil,split\n");
        for i in 0..40 {
            let (verdict, split) = (["gut", "schlecht", "mittel"][i % 3], ["train", "test"][i % 2]);
            text += &format!("{i},das ist der satz mit der nummer {i},{verdict},{split}\n");
        }
        assert_eq!(guess(&text), ("satz".into(), "urteil".into()));
    }

    #[test]
    fn a_numeric_class_before_title_and_description_is_the_label() {
        let row =
            |class: usize| format!("\"{class}\",\"Title of {class}\",\"A longer description of story {class}.\"\n");
        let text: String = (0..40).map(|i| row(1 + i % 4)).collect();
        assert_eq!(guess(&text), ("column 3".into(), "column 1".into()));
    }

    #[test]
    fn a_named_column_of_ids_gives_way_to_one_that_looks_like_labels() {
        let text: String = (0..40).map(|i| format!("{}.5,some text {i},{}\n", i, i % 2)).collect();
        assert_eq!(guess(&format!("score,text,verdict\n{text}")), ("text".into(), "verdict".into()));
    }

    #[test]
    fn what_is_asked_for_is_taken_or_missed() {
        let text = "a,b,c\nx,1,p\ny,2,q\n";
        let read = |text: &str, label: &str| ReadOptions {
            text_column: Some(text.into()),
            label_column: Some(label.into()),
            has_header: Some(true),
            ..ReadOptions::default()
        };
        assert_eq!(names(text, &read("c", " A ")).expect("there"), ("c".into(), "a".into()));
        assert!(matches!(names(text, &read("c", "d")), Err(DataError::MissingColumn { .. })));
        assert!(matches!(names(text, &read("c", "C")), Err(DataError::SameColumn { .. })));
    }

    #[test]
    fn one_column_is_not_enough() {
        let error = names("text\nhello\nthere\n", &ReadOptions::default()).expect_err("one column");
        assert!(matches!(error, DataError::OneColumn { .. }), "{error}");
    }

    fn known(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    fn guess_knowing(text: &str, labels: &[&str]) -> (String, String) {
        let table = parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
        let columns = choose_columns(&table, &ReadOptions::default(), &known(labels)).expect("two columns");
        (table.columns[columns.text].clone(), table.columns[columns.label].clone())
    }

    #[test]
    fn a_column_of_the_models_labels_is_its_label_column_whatever_it_is_called() {
        let names: Vec<String> = (0..30).map(|i| format!("class {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows: String = (0..30).map(|i| format!("{i},low,this is text number {i},class {i}\n")).collect();
        let text = format!("id,type,body,team\n{rows}");
        assert_eq!(guess_knowing(&text, &names), ("body".into(), "team".into()));
        // One row in ten may be mistaken: the column is still that, and the row is named later.
        let typo = text.replace(",class 7\n", ",class seven\n");
        assert_eq!(guess_knowing(&typo, &names), ("body".into(), "team".into()));
        assert_eq!(guess(&text).1, "type", "without a model the name decides");
    }

    #[test]
    fn numbers_are_the_labels_of_many_things() {
        let rows: String = (0..40).map(|i| format!("{},text number {i},{}\n", i % 2, ["a", "b"][i / 20])).collect();
        let text = format!("is_long,text,label\n{rows}");
        assert_eq!(guess_knowing(&text, &["0", "1"]), ("text".into(), "label".into()), "its labels will be refused");
        assert_eq!(guess_knowing(&text.replace("label\n", "who\n"), &["0", "1"]).1, "is_long");
        assert_eq!(guess_knowing(&text, &["a", "b"]).1, "label");
    }

    #[test]
    fn a_text_column_is_chosen_without_labels() {
        let text_of = |text: &str, read: &ReadOptions, labels: &[&str]| {
            let table = parse("x.csv", text.as_bytes(), read).expect("a table");
            choose_text_column(&table, read, &known(labels)).map(|column| table.columns[column].clone())
        };
        let guess = |text: &str, labels: &[&str]| text_of(text, &ReadOptions::default(), labels).expect("there is one");
        assert_eq!(guess("text\nhello\nthere\n", &[]), "text", "one column is enough");
        let named = "id,sentence,note\n1,hello there,a very long remark about nothing\n2,good bye,none at all\n";
        assert_eq!(guess(named, &[]), "sentence", "as in training, by its name");
        let unnamed = "id,what,tag\n1,the longest of them all,x\n2,and this one is long too,y\n";
        assert_eq!(guess(unnamed, &[]), "what", "by its length");
        let long = "satz,label\nes geht,the team of the kitchen\nnein,the team of the weather\n";
        assert_eq!(guess(long, &["the team of the kitchen", "the team of the weather"]), "satz");
        let read = ReadOptions { text_column: Some(" Note ".into()), ..ReadOptions::default() };
        assert_eq!(text_of(named, &read, &[]).expect("there"), "note");
        let error = text_of(unnamed, &read, &[]).expect_err("not there").to_string();
        assert!(error.contains("\"what\""), "{error}");
    }
}
