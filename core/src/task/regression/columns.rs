//! Which columns hold the texts and which the numbers: as asked for, else guessed from names and content.

use super::commas::{find_writing, number_of};
use crate::config::ReadOptions;
use crate::data::{DataError, Row, Table, UsedColumn, choose_text_columns, find_column, name_rank};

/// Names of columns that hold a number to predict, the surest first.
pub(super) const NUMBER_NAMES: &[&str] = &[
    "score",
    "similarity",
    "similarity_score",
    "rating",
    "stars",
    "label",
    "labels",
    "target",
    "value",
    "grade",
    "price",
    "sentiment",
    "y",
];

/// Columns that hold numbers to count rows by.
const NOT_NUMBERS: &[&str] = &["id", "idx", "index", "row", "line", "fold", "split", "date", "year", "unnamed:_0"];

/// Words with letters of a text at least, where nothing else says that it is one.
const MIN_WORDS: usize = 3;

/// Rows looked at, spread over the table.
const SAMPLE: usize = 2000;

/// Role of a column of numbers.
pub(super) const LABEL: &str = "label";

/// Chooses the columns: those of the texts, then those of the numbers in the order of the outputs.
///
/// # Errors
/// When a named column is not there, one has two roles, or nothing looks like numbers or texts.
pub(super) fn choose(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    let names: Vec<&String> = match read.label_columns.as_slice() {
        [] => read.label_column.iter().collect(),
        names => names.iter().collect(),
    };
    let mut numbers = names.into_iter().map(|name| find_column(table, name)).collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        let guessed = guess(table, read).ok_or_else(|| {
            let flaw = find_flaw(table);
            flaw.unwrap_or_else(|| DataError::NoLabelColumn { columns: table.columns.clone() })
        })?;
        numbers.push(guessed);
    }
    let label_column = Some(table.columns[numbers[0]].clone());
    let mut read = ReadOptions { label_column, ..read.clone() };
    let is_asked = read.text_column.is_some() || read.text_pair_column.is_some();
    if let Some(pair) = find_nameless_pair(table, &numbers).filter(|_| !is_asked) {
        [read.text_column, read.text_pair_column] = pair.map(|column| Some(table.columns[column].clone()));
    }
    let texts = choose_text_columns(table, &read, &[])?;
    let mut used = texts.used();
    for index in numbers {
        if let Some(other) = used.iter().find(|other| other.index == index) {
            let column = table.columns[index].clone();
            return Err(DataError::SharedColumn { column, first: other.role, second: LABEL });
        }
        used.push(UsedColumn { role: LABEL, index });
    }
    Ok(used)
}

/// The column of a known name whose cells are numbers, else the only one whose cells are.
fn guess(table: &Table, read: &ReadOptions) -> Option<usize> {
    let is_text = |column: usize| {
        let names = [&read.text_column, &read.text_pair_column].into_iter().flatten();
        names.map(|name| find_column(table, name)).any(|found| found.is_ok_and(|found| found == column))
    };
    let is_counter = |column: usize| name_rank(&table.columns[column], NOT_NUMBERS).is_some();
    let columns = (0..table.columns.len()).filter(|&column| !is_text(column) && holds_numbers(table, column));
    let columns: Vec<usize> = columns.collect();
    let rank = |column: usize| name_rank(&table.columns[column], NUMBER_NAMES).map(|rank| (rank, column));
    let named = columns.iter().filter_map(|&column| rank(column)).min();
    let unnamed: Vec<usize> = columns.into_iter().filter(|&column| !is_counter(column)).collect();
    match (named, unnamed.as_slice()) {
        (Some((_, column)), _) | (None, &[column]) => Some(column),
        _ => None,
    }
}

/// The two columns of texts beside one of numbers, where nothing names the columns: pairs with a similarity, as in STS-B.
fn find_nameless_pair(table: &Table, numbers: &[usize]) -> Option<[usize; 2]> {
    let is_text = |column: usize| {
        let num_words =
            |row: &Row| row.cells[column].split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count();
        let num_texts = table.rows.iter().filter(|row| num_words(row) >= MIN_WORDS).count();
        num_texts * 2 > table.rows.len()
    };
    let others: Vec<usize> = (0..table.columns.len()).filter(|column| !numbers.contains(column)).collect();
    let pair: [usize; 2] = others.try_into().ok()?;
    (!table.has_header && pair.into_iter().all(is_text)).then_some(pair)
}

/// Nine of ten filled cells are numbers, perhaps as people write them: the others may be mistakes.
fn holds_numbers(table: &Table, column: usize) -> bool {
    let step = table.rows.len().div_ceil(SAMPLE).max(1);
    let cells = || table.rows.iter().step_by(step).map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let num_numbers = cells().filter(|cell| cell.parse::<f64>().is_ok()).count();
    (num_numbers > 0 && num_numbers * 10 >= cells().count() * 9) || find_writing(table, column).is_some()
}

/// The first cell that is no number in a column that is named as numbers are, where most cells are numbers with a comma or a point.
fn find_flaw(table: &Table) -> Option<DataError> {
    let rank = |column: usize| name_rank(&table.columns[column], NUMBER_NAMES).map(|rank| (rank, column));
    let (_, column) = (0..table.columns.len()).filter_map(rank).min()?;
    let cells = || {
        let filled = table.rows.iter().map(|row| (row.number, row.cells[column].trim()));
        filled.filter(|(_, cell)| !cell.is_empty())
    };
    let num_numbers = cells().filter(|(_, cell)| number_of(cell).is_some()).count();
    if num_numbers * 2 < cells().count() {
        return None;
    }
    let (row, cell) = cells().find(|(_, cell)| cell.parse::<f64>().is_err())?;
    let is_mixed = number_of(cell).is_some();
    Some(DataError::NotNumbers { column: table.columns[column].clone(), row, cell: cell.to_owned(), is_mixed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn columns(header: &str, row: &str, read: &ReadOptions) -> Result<Vec<(String, &'static str)>, DataError> {
        let read = ReadOptions { has_header: Some(true), ..read.clone() };
        let text = format!("{header}\n{}", (0..30).map(|i| row.replace('#', &i.to_string())).collect::<String>());
        let table = parse("x.csv", text.as_bytes(), &read).expect("a table");
        Ok(choose(&table, &read)?.into_iter().map(|used| (table.columns[used.index].clone(), used.role)).collect())
    }

    fn found(header: &str, row: &str, read: &ReadOptions) -> Vec<(String, &'static str)> {
        columns(header, row, read).expect("columns")
    }

    #[test]
    fn a_column_of_numbers_is_guessed_by_its_name_or_where_it_is_the_only_one() {
        let default = ReadOptions::default();
        let expected = [("text".to_owned(), "text"), ("score".to_owned(), LABEL)];
        assert_eq!(found("id,length,text,score", "#,3,some text #,0.#\n", &default), expected);
        let expected = [("review".to_owned(), "text"), ("useful".to_owned(), LABEL)];
        assert_eq!(found("id,review,useful", "#,some text #,1.#\n", &default), expected);
        let expected =
            [("sentence1".to_owned(), "text"), ("sentence2".to_owned(), "second text"), ("score".to_owned(), LABEL)];
        assert_eq!(found("sentence1,sentence2,score", "one #,two #,#\n", &default), expected);
        assert!(matches!(columns("text,a,b", "text #,1,2\n", &default), Err(DataError::NoLabelColumn { .. })));
        assert!(matches!(columns("text,score", "text #,high\n", &default), Err(DataError::NoLabelColumn { .. })));
    }

    #[test]
    fn two_columns_of_texts_without_names_are_pairs() {
        let used = |row: &str| {
            let text: String = (0..30).map(|i| row.replace('#', &i.to_string())).collect();
            let read = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
            let table = parse("x.tsv", text.as_bytes(), &read).expect("a table");
            let used = choose(&table, &read).expect("columns");
            used.into_iter().map(|used| (used.index, used.role)).collect::<Vec<_>>()
        };
        let expected = [(0, "text"), (1, "second text"), (2, LABEL)];
        assert_eq!(used("a plane takes off #\tan air plane starts #\t4.#\n"), expected);
        assert_eq!(used("main\ta plane takes off #\t4.#\n"), [(1, "text"), (2, LABEL)]);
    }

    #[test]
    fn what_is_no_number_in_a_column_of_numbers_is_named() {
        let error = |cell: &str| {
            let row = format!("text #;1.5\ntext #;{cell}\n");
            let read = ReadOptions { delimiter: Some(';'), ..ReadOptions::default() };
            let error = columns("text;score", &row, &read).expect_err("they are mixed");
            error.to_string()
        };
        let message = error("2,5");
        assert!(
            message.contains("\"score\" is named as numbers are, and row 3 of it is no number: \"2,5\" (some"),
            "{message}"
        );
        assert!(message.contains("write all with a point"), "{message}");
        let message = error("n/a");
        assert!(message.contains("row 3 of it is no number: \"n/a\"; correct such rows, or say"), "{message}");
    }

    #[test]
    fn several_columns_are_outputs_in_the_order_in_which_they_are_named() {
        let read = ReadOptions { label_columns: vec!["b".into(), "a".into()], ..ReadOptions::default() };
        let used = found("text,a,b", "text #,1,2\n", &read);
        assert_eq!(used.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["text", "b", "a"]);
        let read = ReadOptions { label_columns: vec!["a".into(), "a".into()], ..ReadOptions::default() };
        assert!(matches!(columns("text,a,b", "text #,1,2\n", &read), Err(DataError::SharedColumn { .. })));
        let read = ReadOptions { label_column: Some("c".into()), ..ReadOptions::default() };
        assert!(matches!(columns("text,a,b", "text #,1,2\n", &read), Err(DataError::MissingColumn { .. })));
    }
}
