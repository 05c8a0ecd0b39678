//! Rows of files are read, put aside with their reasons, and shared out.

use super::*;
use crate::config::{Fold, RowSharing};
use crate::data::parse;

fn files(train: &str, valid: Option<&str>, test: Option<&str>) -> DataFiles {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    DataFiles {
        train: file("train.csv", train),
        valid: valid.map(|text| file("valid.csv", text)),
        test: test.map(|text| file("test.csv", text)),
    }
}

/// Rows of the columns `a` and `b`, or the first two.
fn read(files: &DataFiles, read: &ReadOptions) -> Result<ReadRows<[String; 2]>, DataError> {
    let choose = |table: &Table, _: &ReadOptions| {
        let find = |name: &str, or: usize| table.columns.iter().position(|column| column == name).unwrap_or(or);
        Ok(vec![UsedColumn { role: "text", index: find("a", 0) }, UsedColumn { role: "note", index: find("b", 1) }])
    };
    let mut read_row = |row: &mut Row, used: &[UsedColumn], columns: &[String]| -> Result<[String; 2], BadCell> {
        Ok([take_filled(row, used[0], columns)?, take_filled(row, used[1], columns)?])
    };
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    read_rows(files, read, &mut format)
}

fn lines(count: usize) -> String {
    String::from("a,b\n") + &(0..count).map(|i| format!("text {i},note\n")).collect::<String>()
}

#[test]
fn rows_come_with_their_numbers_and_bad_ones_with_their_reason() {
    let found = read(&files("a,b\nx,1\n,2\ny,\nz,3\n", None, None), &ReadOptions::default()).expect("two rows");
    assert_eq!(found.train.iter().map(|row| row.row).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(found.train[1].value, ["z", "3"]);
    let summary = found.summary;
    assert_eq!((summary.num_rows, summary.num_bad_rows, summary.num_empty), (4, 2, 2));
    assert_eq!(summary.bad_rows[0], BadRow { row: 3, reason: "the text is empty (column \"a\")".into() });
    assert_eq!(summary.bad_rows[1].reason, "the note is empty (column \"b\")");
    assert_eq!((summary.column_of("note"), summary.column_of("label")), ("b", ""));
}

#[test]
fn a_column_with_parts_that_is_not_read_is_said() {
    let text = "a,b,Split\nx,1,train\ny,2,TEST\n";
    let warnings = |valid| read(&files(text, valid, None), &ReadOptions::default()).expect("two rows").summary.warnings;
    let said = warnings(None);
    assert!(
        said.len() == 1 && said[0].starts_with(r#"column "Split" says which part a row belongs to (test, train)"#),
        "{said:?}"
    );
    assert!(warnings(Some("a,b,Split\nx,1,valid\n")).is_empty(), "the parts have files");
    let other =
        read(&files("a,b,split\nx,1,train\ny,2,left\n", None, None), &ReadOptions::default()).expect("two rows");
    assert!(other.summary.warnings.is_empty(), "{:?}", other.summary.warnings);
}

#[test]
fn own_files_are_read_by_the_names_or_the_places_of_the_training_file() {
    let found = read(&files(&lines(9), Some("b,c,a\n1,2,x\n"), Some("y,2\n")), &ReadOptions::default());
    let found = found.expect("good files");
    assert_eq!(found.valid.expect("its own")[0].value, ["x", "1"]);
    assert_eq!(found.test.expect("its own")[0].value, ["y", "2"]);
    assert_eq!((found.summary.num_rows, found.summary.has_own_file), (11, [true, true]));
    let error = read(&files(&lines(9), None, Some("a,c\nx,1\n")), &ReadOptions::default()).expect_err("no b");
    assert_eq!(error.to_string(), r#"test file "test.csv": there is no column "b"; the columns are "a", "c""#);
}

#[test]
fn an_own_files_header_stands_where_it_likes_or_where_that_of_the_training_file_was_named() {
    let options = ReadOptions { header_row: Some(3), ..ReadOptions::default() };
    let train = format!("ours\nmade in May\n{}", lines(4));
    let found = read(&files(&train, Some("a,b\nx,1\n"), None), &options).expect("a header in row 1");
    assert_eq!(found.valid.expect("its own")[0], SourceRow { row: 2, value: ["x".into(), "1".into()] });
    let found = read(&files(&train, Some("9,9\n8,8\na,b\nx,1\n"), None), &options).expect("a header in row 3");
    assert_eq!(found.valid.expect("its own")[0], SourceRow { row: 4, value: ["x".into(), "1".into()] });
}

#[test]
fn what_has_no_file_is_split_off_in_file_order() {
    let sizes = |valid: Option<&str>, test: Option<&str>| {
        let rows = read(&files(&lines(100), valid, test), &ReadOptions::default()).expect("good files");
        let classes = vec![0; rows.train.len()];
        let (splits, _) = share_out(rows, &classes, &SplitConfig::default(), 7);
        assert!(splits.iter().all(|rows| rows.is_sorted_by_key(|row| row.row)));
        splits.map(|rows| rows.len())
    };
    assert_eq!(sizes(None, None), [80, 10, 10]);
    assert_eq!(sizes(Some("a,b\nx,1\n"), None), [100, 1, 0]);
    assert_eq!(sizes(None, Some("a,b\nx,1\n")), [90, 10, 1]);
}

/// The rows of three splits, by their numbers, and what is said of them.
fn shared(text: &str, sharing: RowSharing) -> ([Vec<usize>; 3], ReadSummary) {
    let options = ReadOptions { sharing, ..ReadOptions::default() };
    let rows = read(&files(text, None, None), &options).expect("good files");
    let classes = vec![0; rows.train.len()];
    let (splits, summary) = share_out(rows, &classes, &SplitConfig::default(), 7);
    (splits.map(|rows| rows.iter().map(|row| row.row).collect()), summary)
}

#[test]
fn rows_are_shared_out_by_a_column_where_one_is_named() {
    let line = |i: usize| format!("text {i},note,user {},2024-01-{:02}\n", i / 4, 31 - i % 31);
    let text = String::from("a,b,user,day\n") + &(0..40).map(line).collect::<String>();
    let sharing = RowSharing { group_column: Some("user".into()), ..RowSharing::default() };
    let (splits, summary) = shared(&text, sharing);
    assert_eq!(splits.each_ref().map(Vec::len), [32, 4, 4]);
    let users = splits.each_ref().map(|rows| rows.iter().map(|row| (row - 2) / 4).collect::<Vec<_>>());
    assert!(users[1].iter().all(|user| !users[0].contains(user) && !users[2].contains(user)));
    assert_eq!(
        summary.notes,
        ["rows of one \"user\" stay together: 10 groups, 8 in training, 1 in validation, 1 in test"]
    );

    let sharing = RowSharing { time_column: Some("day".into()), ..RowSharing::default() };
    let (splits, summary) = shared(&text, sharing.clone());
    assert_eq!(splits[2], [2, 3, 33, 34], "the 31st and the 30th");
    assert!(summary.notes[0].ends_with("test 4 rows from 2024-01-30 to 2024-01-31"), "{:?}", summary.notes);
    let (_, summary) = shared(&(text + "late,note,user 9,yesterday\n"), sharing);
    assert_eq!(summary.num_bad_rows, 1);
    assert!(summary.bad_rows[0].reason.starts_with("the time \"yesterday\" is neither"), "{:?}", summary.bad_rows);
    let sharing = RowSharing { group_column: Some("who".into()), ..RowSharing::default() };
    let options = ReadOptions { sharing, ..ReadOptions::default() };
    let error = read(&files(&lines(9), None, None), &options).expect_err("no such column");
    assert!(matches!(error, DataError::MissingColumn { .. }), "{error}");
}

#[test]
fn repeats_are_left_out_where_that_is_asked_for() {
    let text = lines(20) + "text 3,note\ntext 3,another\ntext 3,note\n";
    let (splits, summary) = shared(&text, RowSharing { dedupe: true, ..RowSharing::default() });
    assert_eq!(splits.iter().flatten().count(), 21);
    assert!(splits.iter().flatten().all(|row| ![22, 24].contains(row)), "the first one stays: {splits:?}");
    assert_eq!(
        (summary.num_rows, summary.notes),
        (23, vec!["2 rows repeat an earlier one and are left out".to_owned()])
    );
}

#[test]
fn folds_part_the_rows_and_leave_the_test_rows_out() {
    let fold =
        |index| shared(&lines(100), RowSharing { fold: Some(Fold { index, count: 4 }), ..RowSharing::default() }).0;
    let mut found: Vec<usize> = Vec::new();
    for index in 0..4 {
        let [train, valid, test] = fold(index);
        assert_eq!([train.len(), test.len()], [90 - valid.len(), 10]);
        assert_eq!(test, fold(0)[2], "the same for every fold");
        assert!(valid.iter().all(|row| !train.contains(row) && !test.contains(row)));
        found.extend(valid);
    }
    found.extend(&fold(0)[2]);
    found.sort_unstable();
    assert_eq!(found, (2..102).collect::<Vec<_>>(), "each row once");
}

#[test]
fn the_test_rows_of_folds_are_those_of_a_run_without_folds() {
    let line = |i: usize| format!("text {i},note,user {}\n", i / 3);
    let text = String::from("a,b,user\n") + &(0..90).map(line).collect::<String>();
    for group_column in [None, Some("user".to_owned())] {
        let sharing = |fold| RowSharing { group_column: group_column.clone(), fold, ..RowSharing::default() };
        let (whole, _) = shared(&text, sharing(None));
        assert!(!whole[2].is_empty());
        for index in 0..3 {
            let ([train, valid, test], _) = shared(&text, sharing(Some(Fold { index, count: 3 })));
            assert_eq!(test, whole[2], "{group_column:?}, fold {index}");
            assert!(train.iter().chain(&valid).all(|row| !test.contains(row)));
        }
    }
}

#[test]
fn a_split_may_have_a_seed_of_its_own() {
    let split = |split_seed| shared(&lines(100), RowSharing { split_seed, ..RowSharing::default() }).0;
    assert_eq!(split(None), split(Some(7)), "that of the run");
    assert_ne!(split(None), split(Some(8)));
}

#[test]
fn rows_of_one_group_stay_together() {
    let groups_of = |valid: Option<&str>| {
        let rows = read(&files(&lines(100), valid, None), &ReadOptions::default()).expect("good files");
        let groups: Vec<usize> = (0..rows.train.len()).map(|index| index / 5).collect();
        let (splits, _) = share_out_groups(rows, &groups, &SplitConfig::default(), 7);
        assert!(splits.iter().all(|rows| rows.is_sorted_by_key(|row| row.row)));
        splits.map(|rows| rows.iter().map(|row| (row.row - 2) / 5).collect::<Vec<_>>())
    };
    let [train, valid, test] = groups_of(None);
    assert_eq!([train.len(), valid.len(), test.len()], [80, 10, 10]);
    assert!(train.iter().all(|group| !valid.contains(group) && !test.contains(group)));
    assert!(valid.iter().all(|group| !test.contains(group)));
    assert_eq!(groups_of(Some("a,b\nx,1\n")).map(|rows| rows.len()), [100, 1, 0]);
}
