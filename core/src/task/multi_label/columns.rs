//! Which columns hold the texts and which the labels: one with all labels of a row, or one a label with 0 or 1; as asked
//! for, else guessed from names and content.

use super::cells::{hold_ids, parse_truth};
use crate::config::ReadOptions;
use crate::data::{DataError, Row, Table, UsedColumn, choose_text_columns, find_column, name_rank};
use crate::words::list;

/// Names of columns that hold labels, the surest first.
pub(super) const LABEL_NAMES: &[&str] = &[
    "labels",
    "label",
    "tags",
    "tag",
    "categories",
    "category",
    "topics",
    "topic",
    "genres",
    "genre",
    "classes",
    "class",
    "emotions",
    "keywords",
    "cats",
];

/// Columns of 0 and 1 that are no labels.
pub(super) const NOT_LABELS: &[&str] = &["id", "idx", "index", "fold", "split", "unnamed:_0"];

/// Labels that a sentence names.
const MAX_NAMED: usize = 10;

/// Role of a column with all labels of a row.
pub(super) const LABELS: &str = "labels";

/// Role of a column with 0 or 1 for one label.
pub(super) const LABEL: &str = "label";

/// Chooses the columns: those of the texts, then those of the labels. Where all `known_labels` (those of a model) are
/// columns, these are the labels.
///
/// # Errors
/// When a named column is not there, one has two roles, or nothing looks like labels or texts.
pub(super) fn choose(table: &Table, read: &ReadOptions, known_labels: &[String]) -> Result<Vec<UsedColumn>, DataError> {
    let find_all = |names: &[String]| names.iter().map(|name| find_column(table, name)).collect::<Result<Vec<_>, _>>();
    let of_model = || find_all(known_labels).ok().filter(|columns| !columns.is_empty());
    let (role, columns) = if !read.label_columns.is_empty() {
        (LABEL, find_all(&read.label_columns)?)
    } else if let Some(name) = &read.label_column {
        (LABELS, vec![find_column(table, name)?])
    } else if let Some(columns) = of_model() {
        (LABEL, columns)
    } else {
        guess(table, read).ok_or_else(|| DataError::NoLabelColumn { columns: table.columns.clone() })?
    };
    let label_column = Some(table.columns[columns[0]].clone());
    let texts = choose_text_columns(table, &ReadOptions { label_column, ..read.clone() }, &[])?;
    let mut used = texts.used();
    for index in columns {
        if let Some(other) = used.iter().find(|other| other.index == index) {
            let column = table.columns[index].clone();
            return Err(DataError::SharedColumn { column, first: other.role, second: role });
        }
        used.push(UsedColumn { role, index });
    }
    Ok(used)
}

/// Whether the columns of labels hold marks of those that a row has and nothing else, such as `x`: then a cell without one says no.
pub(super) fn have_marks_alone(table: &Table, used: &[UsedColumn]) -> bool {
    let columns = || used.iter().filter(|used| used.role == LABEL).map(|used| used.index);
    let truth = |row: &Row, column: usize| parse_truth(&row.cells[column]);
    let is_mark_or_gap =
        |row: &Row, column: usize| truth(row, column) == Some(true) || row.cells[column].trim().is_empty();
    let has_both = |row: &Row| {
        columns().any(|column| truth(row, column).is_some()) && columns().any(|column| truth(row, column).is_none())
    };
    columns().count() > 1
        && table.rows.iter().all(|row| columns().all(|column| is_mark_or_gap(row, column)))
        && table.rows.iter().any(has_both)
}

/// Says for which labels of a model, that is to be measured, a file has no column.
pub(super) fn warn_of_missing(known: &[String], columns: &[String]) -> Option<String> {
    let missing: Vec<String> =
        known.iter().filter(|label| !columns.contains(label)).map(|label| format!("{label:?}")).collect();
    let shown = &missing[..missing.len().min(MAX_NAMED)];
    (!missing.is_empty()).then(|| {
        format!(
            "the file has no column for labels that the model gives, {}: each row counts as one without them, in every figure",
            list(shown, missing.len())
        )
    })
}

/// A column of a known name that does not hold yes and no; else those that do, if there are two; else one of lists.
fn guess(table: &Table, read: &ReadOptions) -> Option<(&'static str, Vec<usize>)> {
    let texts: Vec<usize> = [&read.text_column, &read.text_pair_column]
        .into_iter()
        .flatten()
        .filter_map(|name| find_column(table, name).ok())
        .collect();
    let columns = || (0..table.columns.len()).filter(|column| !texts.contains(column));
    let truths: Vec<usize> = columns()
        .filter(|&column| name_rank(&table.columns[column], NOT_LABELS).is_none() && holds_truths(table, column))
        .collect();
    let ranked = columns().filter(|column| !truths.contains(column));
    let named =
        ranked.filter_map(|column| name_rank(&table.columns[column], LABEL_NAMES).map(|rank| (rank, column))).min();
    if let Some((_, column)) = named {
        return Some((LABELS, vec![column]));
    }
    if truths.len() > 1 {
        return Some((LABEL, truths));
    }
    let is_list =
        |column: usize| table.rows.iter().take(100).any(|row| row.cells[column].trim_start().starts_with('['));
    let holds_ids = |column: usize| !table.has_header && holds_ids(table, column);
    let list = columns().find(|&column| is_list(column)).or_else(|| columns().find(|&column| holds_ids(column)));
    list.map(|column| (LABELS, vec![column]))
}

/// Whether a column holds numbers of labels, several in some cells.
pub(super) fn holds_ids(table: &Table, column: usize) -> bool {
    hold_ids(table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty()))
}

fn holds_truths(table: &Table, column: usize) -> bool {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    cells().next().is_some() && cells().all(|cell| parse_truth(cell).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse_keeping_nested;

    fn columns(
        name: &str,
        text: &str,
        read: &ReadOptions,
        known: &[&str],
    ) -> Result<Vec<(String, &'static str)>, DataError> {
        let table = parse_keeping_nested(name, text.as_bytes(), read).expect("a table");
        let known: Vec<String> = known.iter().map(|label| (*label).to_owned()).collect();
        let used = choose(&table, read, &known)?;
        Ok(used.into_iter().map(|used| (table.columns[used.index].clone(), used.role)).collect())
    }

    fn names(text: &str, known: &[&str]) -> Vec<(String, &'static str)> {
        columns("x.csv", text, &ReadOptions::default(), known).expect("columns")
    }

    fn used(pairs: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        pairs.iter().map(|&(name, role)| (name.to_owned(), role)).collect()
    }

    #[test]
    fn labels_of_a_model_without_a_column_are_named() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let said = warn_of_missing(&names(&["a", "b", "c"]), &names(&["c", "a"])).expect("one has none");
        assert!(said.contains("that the model gives, \"b\": each row"), "{said}");
        assert_eq!(warn_of_missing(&names(&["a", "b"]), &names(&["b", "a"])), None);
    }

    #[test]
    fn one_column_of_all_labels_or_one_a_label_is_found() {
        assert_eq!(names("text,tags\nhello you,a;b\nthere,c\n", &[]), used(&[("text", "text"), ("tags", LABELS)]));
        let truths = "id,text,toxic,insult\n1,hello you,0,1\n0,there,1,0\n";
        assert_eq!(names(truths, &[]), used(&[("text", "text"), ("toxic", LABEL), ("insult", LABEL)]));
        let of_model = names(truths, &["insult", "toxic"]);
        assert_eq!(of_model, used(&[("text", "text"), ("insult", LABEL), ("toxic", LABEL)]), "in the model's order");
        let nested = "{\"body\": \"hello\", \"what\": [\"a\"]}\n{\"body\": \"there\", \"what\": []}\n";
        let found = columns("x.jsonl", nested, &ReadOptions::default(), &[]).expect("columns");
        assert_eq!(found, used(&[("body", "text"), ("what", LABELS)]));
    }

    #[test]
    fn marks_and_numbers_of_labels_are_found() {
        let marks = "text,toxic,insult\nhello you,x,\nthere,,x\nall well,,\n";
        assert_eq!(names(marks, &[]), used(&[("text", "text"), ("toxic", LABEL), ("insult", LABEL)]));
        let have_marks = |text: &str| {
            let table = parse_keeping_nested("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
            have_marks_alone(&table, &choose(&table, &ReadOptions::default(), &[]).expect("columns"))
        };
        assert!(
            have_marks(marks) && have_marks(&marks.replace('x', "1").replace("te1t", "text").replace("to1ic", "toxic"))
        );
        assert!(!have_marks("text,toxic,insult\nhello you,Y,N\nthere,N,\n"), "a gap beside a no says nothing");
        let ids = "hello you there\t4,27\te1\ngood bye to all\t3\te2\nwell then\t3,4,27\te3\nso be it\t4\te4\n";
        let found = columns("x.tsv", ids, &ReadOptions::default(), &[]).expect("columns");
        assert_eq!(found, used(&[("column 1", "text"), ("column 2", LABELS)]));
    }

    #[test]
    fn what_is_named_is_taken_or_missed() {
        let text = "text,a,b\nhello you,0,1\nthere,1,0\n";
        let read = |label_columns: &[&str]| ReadOptions {
            label_columns: label_columns.iter().map(|name| (*name).to_owned()).collect(),
            has_header: Some(true),
            ..ReadOptions::default()
        };
        let found = columns("x.csv", text, &read(&["b"]), &[]).expect("columns");
        assert_eq!(found, used(&[("text", "text"), ("b", LABEL)]));
        assert!(matches!(columns("x.csv", text, &read(&["c"]), &[]), Err(DataError::MissingColumn { .. })));
        assert!(matches!(columns("x.csv", text, &read(&["b", "b"]), &[]), Err(DataError::SharedColumn { .. })));
        let error = columns("x.csv", "text,what\nhello you,b\nthere,c\n", &read(&[]), &[]);
        assert!(matches!(error, Err(DataError::NoLabelColumn { .. })));
    }
}
