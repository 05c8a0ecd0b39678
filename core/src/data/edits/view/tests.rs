//! A file of six rows, searched, filtered, sorted and edited.

use super::*;
use crate::config::RowEdit;

fn files(train: &str, valid: Option<&str>) -> DataFiles {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    DataFiles { train: file("x.csv", train), valid: valid.map(|text| file("v.csv", text)), ..DataFiles::default() }
}

fn source(merges: &[(&str, &str)]) -> RowSource {
    let own = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    RowSource {
        columns: vec![own("text", "text"), own("label", "label")],
        file_columns: vec!["id".into(), "text".into(), "label".into()],
        is_lines: false,
        merge_labels: merges.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
    }
}

/// Rows 2 to 7: six texts of three labels, the fifth without one.
fn table() -> RowTable {
    let text =
        "id,text,label\n1,Good film,pos\n2,BAD film,neg\n3,so so,mid\n4,good Übung,pos\n5,no label,\n6,bad,neg\n";
    let mut table = RowTable::open(&files(text, None), &ReadOptions::default(), &source(&[])).expect("a table");
    let places = [vec![(2, Some(4)), (3, Some(9)), (5, Some(7))], vec![(4, Some(5))], vec![(7, None)]];
    table.set_places(&places, [false, false]);
    table
}

fn numbers(table: &mut RowTable, query: &RowQuery) -> Vec<usize> {
    let window = table.window(&RowQuery { count: 100, ..query.clone() });
    assert_eq!(window.total, window.rows.len());
    window.rows.iter().map(|row| row.id.row).collect()
}

fn filtered(filter: RowFilter) -> RowQuery {
    RowQuery { filter, ..RowQuery::default() }
}

fn train(rows: &[usize]) -> Vec<RowId> {
    rows.iter().map(|&row| RowId { file: Split::Train, row }).collect()
}

#[test]
fn a_window_has_its_rows_and_all_that_match_are_counted() {
    let mut table = table();
    let window = table.window(&RowQuery { from: 4, count: 10, wants_labels: true, ..RowQuery::default() });
    assert_eq!((window.from, window.total, window.num_rows), (4, 6, 6));
    let rows: Vec<(usize, RowState)> = window.rows.iter().map(|row| (row.id.row, row.state)).collect();
    assert_eq!(rows, [(6, RowState::Unused), (7, RowState::Test)]);
    assert_eq!(window.rows[1].cells, ["bad", "neg"]);
    let labels = [("mid", 1), ("neg", 2), ("pos", 2)].map(|(label, count)| (label.to_owned(), count));
    assert_eq!(window.labels.expect("asked for"), labels);
    let ids = table.window(&RowQuery { count: 2, is_ids: true, ..RowQuery::default() });
    assert_eq!((ids.rows.len(), ids.ids), (0, train(&[2, 3])));
    assert_eq!((table.unused_of(Split::Train), table.unused_of(Split::Valid)), (vec![6], Vec::new()));
    assert!(table.window(&RowQuery { from: 99, count: 10, ..RowQuery::default() }).rows.is_empty());
}

#[test]
fn rows_are_found_whatever_their_case_and_sorted_both_ways() {
    let mut table = table();
    let search = |text: &str| RowQuery { search: text.into(), ..RowQuery::default() };
    assert_eq!(numbers(&mut table, &search(" good ")), [2, 5]);
    assert_eq!(numbers(&mut table, &search("übUNG")), [5]);
    assert_eq!(numbers(&mut table, &search("neg")), [3, 7], "labels are searched too");
    let sorted = |sort, is_falling| RowQuery { sort, is_falling, ..RowQuery::default() };
    assert_eq!(numbers(&mut table, &sorted(RowSort::Length, false)), [2, 4, 5, 3, 6, 7]);
    assert_eq!(numbers(&mut table, &sorted(RowSort::Column(1), false)), [6, 4, 3, 7, 2, 5]);
    assert_eq!(numbers(&mut table, &sorted(RowSort::Split, true)), [6, 7, 4, 5, 3, 2]);
}

#[test]
fn filters_hold_together() {
    let mut table = table();
    let of_label = RowFilter { label: Some("neg".into()), ..RowFilter::default() };
    assert_eq!(numbers(&mut table, &filtered(of_label.clone())), [3, 7]);
    assert_eq!(numbers(&mut table, &filtered(RowFilter { state: Some(RowState::Test), ..of_label })), [7]);
    let long = RowFilter { min_tokens: Some(5), max_tokens: Some(7), ..RowFilter::default() };
    assert_eq!(numbers(&mut table, &filtered(long)), [4, 5]);
    let of_finding = RowFilter { rows: Some(train(&[7, 2, 99])), ..RowFilter::default() };
    assert_eq!(numbers(&mut table, &filtered(of_finding)), [2, 7]);
}

#[test]
fn edits_show_at_once_and_go_without_a_trace() {
    let mut table = table();
    let search = RowQuery { search: "great".into(), ..RowQuery::default() };
    assert!(numbers(&mut table, &search).is_empty());
    let file = Split::Train;
    let (column, was, value) = ("text".to_owned(), "BAD film".to_owned(), "Great film".to_owned());
    let log = vec![
        RowEdit::SetCell { file, row: 3, column, was, value },
        RowEdit::DropRows { file, rows: vec![2] },
        RowEdit::MoveRows { file, rows: vec![5], split: Split::Valid },
    ];
    table.set_edits(&RowEdits { log });
    assert_eq!(numbers(&mut table, &search), [3]);
    assert_eq!(numbers(&mut table, &RowQuery::default()), [3, 4, 5, 6, 7], "a dropped row is hidden");
    let state = |state| filtered(RowFilter { state: Some(state), ..RowFilter::default() });
    assert_eq!(numbers(&mut table, &state(RowState::Dropped)), [2]);
    assert_eq!(numbers(&mut table, &state(RowState::Valid)), [4, 5]);
    let is_edited = RowFilter { is_edited: true, ..RowFilter::default() };
    assert_eq!(numbers(&mut table, &filtered(is_edited)), [3, 5]);
    // The rows are shared out anew, without the dropped row and with the moved one where it belongs.
    let places = [vec![(3, Some(9)), (4, Some(5))], vec![(5, Some(7))], vec![(7, None)]];
    table.set_places(&places, [false, false]);
    assert_eq!(numbers(&mut table, &state(RowState::Train)), [3, 4]);
    table.set_edits(&RowEdits::default());
    assert!(numbers(&mut table, &search).is_empty());
    assert_eq!(table.window(&RowQuery { count: 9, ..RowQuery::default() }).rows[1].cells[0], "BAD film");
}

#[test]
fn rows_of_own_files_are_told_from_those_of_the_training_file() {
    let train = "id,text,label\n1,a,x\n2,b,y\n";
    let own = files(train, Some("text,label\nc,x\nd,y\n"));
    let mut table = RowTable::open(&own, &ReadOptions::default(), &source(&[])).expect("two files");
    let mut edits = RowEdits::default();
    edits.log.push(RowEdit::MoveRows { file: Split::Valid, rows: vec![2], split: Split::Train });
    table.set_edits(&edits);
    table.set_places(&[vec![(2, None), (3, None), (2, None)], vec![(3, None)], Vec::new()], [true, false]);
    let window = table.window(&RowQuery { count: 9, ..RowQuery::default() });
    let rows: Vec<(Split, usize, RowState)> =
        window.rows.iter().map(|row| (row.id.file, row.id.row, row.state)).collect();
    use RowState::{Train, Valid};
    assert_eq!(
        rows,
        [(Split::Train, 2, Train), (Split::Train, 3, Train), (Split::Valid, 2, Train), (Split::Valid, 3, Valid)]
    );
}

#[test]
fn columns_of_own_files_are_found_whatever_their_case_and_blanks() {
    let own = files("id,text,label\n1,a,x\n2,b,y\n", Some("Text,Label \nc,x\nd,y\n"));
    let mut table = RowTable::open(&own, &ReadOptions::default(), &source(&[])).expect("two files");
    let window = table.window(&RowQuery { count: 9, ..RowQuery::default() });
    assert_eq!(window.rows[2].cells, ["c", "x"]);
}

#[test]
fn labels_are_shown_as_they_are_read() {
    let text = "id,text,label\n1,a,biling\n2,b, Billing \n3,c,other\n";
    let source = source(&[("biling", "Billing")]);
    let mut table = RowTable::open(&files(text, None), &ReadOptions::default(), &source).expect("a table");
    let billing = RowFilter { label: Some("Billing".into()), ..RowFilter::default() };
    assert_eq!(numbers(&mut table, &filtered(billing)), [2, 3]);
    let first = table.window(&RowQuery { count: 1, ..RowQuery::default() }).rows.remove(0);
    assert_eq!((first.cells[1].as_str(), first.label.as_deref()), ("biling", Some("Billing")));
}

#[test]
fn a_long_cell_is_cut_and_it_is_said() {
    let long = "é".repeat(MAX_CELL);
    let text = format!("id,text,label\n1,{long},x\n2,b,y\n");
    let mut table = RowTable::open(&files(&text, None), &ReadOptions::default(), &source(&[])).expect("a table");
    let rows = table.window(&RowQuery { count: 2, ..RowQuery::default() }).rows;
    assert!(rows[0].is_cut && rows[0].cells[0].len() < long.len() && !rows[1].is_cut);
}

#[test]
fn a_search_over_many_rows_is_quick() {
    let rows: String =
        (0..20_000).map(|i| format!("{i},text number {i} {},l{}\n", "word ".repeat(20), i % 7)).collect();
    let all = files(&format!("id,text,label\n{rows}"), None);
    let mut table = RowTable::open(&all, &ReadOptions::default(), &source(&[])).expect("a table");
    let query = RowQuery { search: "number 1999".into(), count: 50, ..RowQuery::default() };
    assert_eq!(table.window(&query).total, 11);
    let start = std::time::Instant::now();
    assert_eq!(table.window(&RowQuery { search: "NUMBER 777".into(), ..query }).total, 11);
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
}

#[test]
fn rows_that_lack_their_label_alone_are_unlabeled_until_they_get_one() {
    let text = "id,text,label\n1,a,pos\n2,b,\n3,,\n4,c, \n5,d,neg\n";
    let mut table = RowTable::open(&files(text, None), &ReadOptions::default(), &source(&[])).expect("a table");
    let rows = |table: &RowTable| table.unlabeled().into_iter().map(|row| (row.id.row, row.text)).collect::<Vec<_>>();
    assert_eq!(rows(&table), [(3, "b".to_owned()), (5, "c".to_owned())], "row 4 has no text either");
    let (file, column) = (Split::Train, "label".to_owned());
    let given = RowEdit::SetCell { file, row: 3, column, was: String::new(), value: "pos".into() };
    table.set_edits(&RowEdits { log: vec![given, RowEdit::DropRows { file, rows: vec![5] }] });
    assert!(rows(&table).is_empty());
    let other = RowSource { columns: vec![("text".into(), "text".into())], ..source(&[]) };
    let table = RowTable::open(&files(text, None), &ReadOptions::default(), &other).expect("a table");
    assert!(table.unlabeled().is_empty(), "no column has labels");
}
