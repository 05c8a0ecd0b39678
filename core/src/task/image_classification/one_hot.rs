//! Tables with a column of 0 and 1 for each label, as labeling tools export classes of images: `filename, cat, dog`.
//!
//! In: a table and its column of file names. Out: the same with one column of labels, where each row has exactly one of them.

use std::collections::HashSet;

use crate::data::{DataError, Row, Table};
use crate::words::list;

/// What the column of labels is called.
pub(super) const JOINED: &str = "label";

/// What a column of labels is called: others beside one are none.
const LABELS: [&str; 6] = ["label", "labels", "class", "category", "target", "y"];

/// Columns that a note names.
const MAX_NAMED: usize = 10;

/// Joins the columns of 0 and 1 (or false and true, as pandas writes them), where all but that of the file names are such; beside them
/// may stand columns that tell rows apart, such as their numbers. Nothing is done where there are fewer than two, or a column is called
/// as labels are.
///
/// # Errors
/// When a row has several labels, or none: an image has one.
pub(super) fn join_one_hot(table: &mut Table, image: usize) -> Result<(), DataError> {
    let is_label = |name: &String| LABELS.contains(&name.trim().to_lowercase().as_str());
    if table.columns.iter().any(is_label) {
        return Ok(());
    }
    let others = (0..table.columns.len()).filter(|&column| column != image);
    let (columns, others): (Vec<usize>, Vec<usize>) =
        others.partition(|&column| table.rows.iter().all(|row| parse_truth(&row.cells[column]).is_some()));
    if columns.len() < 2 || !others.iter().all(|&column| tells_rows_apart(table, column)) {
        return Ok(());
    }
    let shown: Vec<String> =
        columns.iter().take(MAX_NAMED).map(|&column| format!("{:?}", table.columns[column].trim())).collect();
    let shown = list(&shown, columns.len());
    let of_row = |row: &Row| -> Vec<usize> {
        columns.iter().copied().filter(|&column| parse_truth(&row.cells[column]) == Some(true)).collect()
    };
    if let Some(row) = table.rows.iter().find(|row| of_row(row).len() != 1) {
        let message = format!(
            "the columns {shown} hold 0 and 1, and row {} has {} of these labels: an image has one label here; name the column of it",
            row.number,
            of_row(row).len()
        );
        return Err(DataError::BadOption { field: "label_column".into(), message });
    }
    let with_label = |row: &Row| {
        let label = table.columns[of_row(row)[0]].trim().to_owned();
        Row { number: row.number, cells: vec![row.cells[image].clone(), label], nested: Vec::new() }
    };
    let rows: Vec<Row> = table.rows.iter().map(with_label).collect();
    let name = table.columns[image].clone();
    (table.rows, table.columns) = (rows, vec![name, JOINED.to_owned()]);
    let note = format!("the columns {shown} hold 0 and 1: the label of a row is the name of the column with its 1");
    table.notes.push(note);
    Ok(())
}

fn parse_truth(cell: &str) -> Option<bool> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" => Some(true),
        "0" | "0.0" | "false" => Some(false),
        _ => None,
    }
}

/// Whether a column has another value in each row, or none in all: such are no labels.
fn tells_rows_apart(table: &Table, column: usize) -> bool {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim());
    let is_empty = cells().all(str::is_empty);
    is_empty || table.rows.len() > 1 && cells().collect::<HashSet<_>>().len() == table.rows.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse;

    fn joined(text: &str) -> Result<Table, DataError> {
        let read = ReadOptions { has_header: Some(true), ..ReadOptions::default() };
        let mut table = parse("_classes.csv", text.as_bytes(), &read).expect("a table");
        join_one_hot(&mut table, 0).map(|()| table)
    }

    #[test]
    fn columns_of_0_and_1_become_labels() {
        let table = joined("filename, cat, dog\n1.jpg, 1, 0\n2.jpg, 0, 1\n").expect("one label each");
        assert_eq!(table.columns, ["filename", "label"]);
        let cells: Vec<&[String]> = table.rows.iter().map(|row| row.cells.as_slice()).collect();
        assert_eq!(cells, [["1.jpg", "cat"], ["2.jpg", "dog"]]);
        assert!(table.notes[0].starts_with("the columns \"cat\", \"dog\" hold 0 and 1"), "{:?}", table.notes);
    }

    #[test]
    fn columns_that_number_the_rows_are_no_labels() {
        for text in [
            "filename,id,note,cat,dog\n1.jpg,7,,1,0\n2.jpg,8,,0,1\n3.jpg,9,,0,1\n",
            "filename,id,cat,dog\n1.jpg,0,True,False\n2.jpg,1,False,True\n3.jpg,2,False,True\n",
        ] {
            let table = joined(text).expect("one label each");
            let labels: Vec<&str> = table.rows.iter().map(|row| row.cells[1].as_str()).collect();
            assert_eq!(labels, ["cat", "dog", "dog"], "{text}");
        }
        // What comes again may be the label.
        let others = "filename,kind,is_old,is_new\n1.jpg,cat,1,0\n2.jpg,dog,0,1\n3.jpg,cat,0,1\n";
        assert!(joined(others).expect("another column of labels").notes.is_empty());
    }

    #[test]
    fn other_tables_stay_and_several_labels_are_refused() {
        for text in [
            "filename,label\n1.jpg,1\n2.jpg,0\n",
            "filename,label,size\n1.jpg,1,30\n2.jpg,0,31\n",
            "filename,label,is_old\n1.jpg,1,1\n2.jpg,0,0\n",
        ] {
            assert!(joined(text).expect("no such columns").notes.is_empty(), "{text}");
        }
        let error = joined("filename,cat,dog\n1.jpg,1,0\n2.jpg,1,1\n").expect_err("two labels").to_string();
        assert!(error.contains("row 3 has 2 of these labels"), "{error}");
    }
}
