//! Rows of files are read, put aside with their reasons, and shared out.

use super::*;
use crate::config::{Fold, RowEdit, RowEdits, RowSharing, SplitConfig};
use crate::data::parse;

fn files(train: &str, valid: Option<&str>, test: Option<&str>) -> DataFiles {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    DataFiles {
        train: file("train.csv", train),
        valid: valid.map(|text| file("valid.csv", text)),
        test: test.map(|text| file("test.csv", text)),
        ..DataFiles::default()
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
fn a_sentence_names_the_file_unless_it_is_the_one_to_train_on() {
    let said = Split::ALL.map(|split| in_file_of(split, "a note".to_owned()));
    assert_eq!(said, ["a note", "validation file: a note", "test file: a note"]);
}

#[test]
fn bad_rows_of_all_files_are_counted_and_the_first_are_listed() {
    let mut table = parse("x.csv", lines(2).as_bytes(), &ReadOptions::default()).expect("a table");
    table.bad_rows.push(BadRow { row: 9, reason: "torn".into() });
    table.num_bad_rows = 1;
    let mut summary = ReadSummary::default();
    let mut bad = BadRows::of(&mut table);
    bad.note(2, BadCell::Unlabeled("it has no label".into()), &mut summary);
    bad.close(2, Split::Test, &mut summary).expect("two good rows");
    let listed: Vec<(usize, &str)> = summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    assert_eq!(listed, [(2, "test file: it has no label"), (9, "test file: torn")]);
    assert_eq!((summary.num_rows, summary.num_bad_rows, summary.num_empty, summary.num_unlabeled), (4, 2, 1, 0));

    let mut many = BadRows::default();
    (0..=MAX_LISTED).for_each(|row| many.note(row, BadCell::Other("bad".into()), &mut summary));
    many.close(1, Split::Valid, &mut summary).expect("a good row");
    assert_eq!((summary.bad_rows.len(), summary.num_bad_rows), (MAX_LISTED, MAX_LISTED + 3));

    let unlabeled = |split: Split| {
        let (mut bad, mut summary) = (BadRows::default(), ReadSummary::default());
        bad.note(3, BadCell::Unlabeled("it has no label".into()), &mut summary);
        bad.close(0, split, &mut summary).map(|()| summary.num_unlabeled)
    };
    assert_eq!(unlabeled(Split::Train).expect("rows that can be labeled"), 1);
    let error = unlabeled(Split::Test).expect_err("rows to measure have labels").to_string();
    assert_eq!(error, "nothing in the file is usable: 1 row, the first (row 3) because it has no label");
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

/// Rows of a text and a label, with a test file that was found by its name.
fn read_labeled(train: &str, test: &str, is_test_by_name: bool) -> Result<ReadRows<String>, DataError> {
    let choose = |_: &Table, _: &ReadOptions| {
        Ok(vec![UsedColumn { role: "text", index: 0 }, UsedColumn { role: "label", index: 1 }])
    };
    let mut read_row = |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_filled(row, used[1], columns);
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let files = DataFiles { is_test_by_name, ..files(train, None, Some(test)) };
    read_rows(&files, &ReadOptions::default(), &mut format)
}

#[test]
fn a_test_file_without_labels_is_left_out_where_its_name_alone_made_it_one() {
    let train = "text,label\nhello there,1\nwell now,0\n";
    for (test, why) in [
        ("text,id\nso long,7\n", r#"there is no column "label""#),
        ("text,label\nso long,\nbye,\n", r#"column "label" is empty in all rows"#),
        ("text,label\nso long,-1\nbye,-1\n", r#"column "label" is -1 in all rows"#),
    ] {
        let found = read_labeled(train, test, true).expect("it is left out");
        assert_eq!((found.test, found.summary.has_own_file, found.summary.num_rows), (None, [false, false], 2));
        let said = found.summary.warnings.concat();
        assert!(said.starts_with("test.csv has no labels") && said.contains(why), "{said}");
        assert!(said.contains("hone predict"), "{said}");
        let error = read_labeled(train, test, false).expect_err("a person gave it").to_string();
        assert!(error.starts_with("test file \"test.csv\": ") && error.contains(why), "{error}");
        assert!(error.contains("hone predict"), "{error}");
    }
    let renamed =
        read_labeled(train, "text,category\nso long,1\n", true).expect_err("labels of another name").to_string();
    assert!(renamed.ends_with(r#"there is no column "label"; the columns are "text", "category""#), "{renamed}");
    let negative = "text,label\nhello there,1\nwell now,-1\n";
    let found = read_labeled(negative, "text,label\nso long,-1\n", true).expect("it is a label");
    assert_eq!(found.test.map(|rows| rows.len()), Some(1));
    let error = read_labeled(train, "id,label\n7,1\n", true).expect_err("it has no texts").to_string();
    assert_eq!(error, r#"test file "test.csv": there is no column "text"; the columns are "id", "label""#);
}

#[test]
fn a_test_file_without_names_and_with_fewer_columns_has_no_labels() {
    let train: String = (0..9).map(|i| format!("a text of some words number {i}\t{}\n", i % 2)).collect();
    let test: String = (0..4).map(|i| format!("another text of some words number {i}\n")).collect();
    let found = read_labeled(&train, &test, true).expect("it is left out");
    assert_eq!((found.test, found.summary.has_header), (None, false));
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
    let late = format!("late,note,user 9,yesterday\nlater,note,user 9,{}\n", "z".repeat(41));
    let (_, summary) = shared(&(text + &late), sharing);
    assert_eq!(summary.num_bad_rows, 2);
    assert!(summary.bad_rows[0].reason.starts_with("the time \"yesterday\" is neither"), "{:?}", summary.bad_rows);
    let cut = format!("the time \"{}…\" is neither", "z".repeat(40));
    assert!(summary.bad_rows[1].reason.starts_with(&cut), "{:?}", summary.bad_rows);
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

#[test]
fn columns_of_an_own_file_are_found_whatever_their_case_and_blanks() {
    let train = "text,label\nhello there,1\nwell now,0\n";
    let found = read_labeled(train, "Label ,Text\n1,so long\n", false).expect("the same columns");
    assert_eq!(found.test.expect("its own")[0].value, "1");
    let found = read_labeled(train, "text,LABEL,label\nso long,no,1\n", false).expect("the exact name wins");
    assert_eq!(found.test.expect("its own")[0].value, "1");
    // Names of which one is asked for, and nothing else shows that they are some.
    let train = "satz,urteil\nes geht,gut\nnein,schlecht\n";
    let edit = RowEdit::SetCell {
        file: Split::Test,
        row: 2,
        column: "urteil".into(),
        was: "gut".into(),
        value: "schlecht".into(),
    };
    let edits = RowEdits { log: vec![edit] };
    let read = ReadOptions { text_column: Some("satz".into()), edits, ..ReadOptions::default() };
    let choose = |_: &Table, _: &ReadOptions| {
        Ok(vec![UsedColumn { role: "text", index: 0 }, UsedColumn { role: "label", index: 1 }])
    };
    let mut read_row = |row: &mut Row, used: &[UsedColumn], columns: &[String]| take_filled(row, used[1], columns);
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let files = files(train, None, Some("Satz,Urteil \nnaja,gut\nso so,gut\n"));
    let found = read_rows(&files, &read, &mut format).expect("the same columns").test.expect("its own");
    assert_eq!(found.into_iter().map(|row| row.value).collect::<Vec<_>>(), ["schlecht", "gut"], "edits find them too");
}
