//! Tables of images are read: how they name images, labels and splits.

use super::*;
use crate::images::pack_zip;

fn read(files: &[(&str, &str)], options: &ReadOptions) -> Result<(Option<TableRows>, Vec<String>), DataError> {
    let files: Vec<(String, Vec<u8>)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let archive = Archive::open(pack_zip(&files)).expect("a zip");
    let mut notes = Vec::new();
    let contents = Contents::of(&archive)?;
    let found = read_tables(&archive, &contents, options, &[], false, &mut notes)?;
    Ok((found, notes))
}

fn rows(files: &[(&str, &str)]) -> TableRows {
    read(files, &ReadOptions::default()).expect("good files").0.expect("a table")
}

fn named(found: &TableRows) -> Vec<(usize, &str, &str, usize)> {
    found.images.iter().map(|image| (image.row, image.path.as_str(), image.label.as_str(), image.split)).collect()
}

#[test]
fn rows_name_images_and_their_labels() {
    let table = "file_name,label,note\n1.png,a,x\nsub/2.png,b,y\n3.png,a,z\n,b,\n1.png,,\n";
    let found = rows(&[("metadata.csv", table), ("1.png", ""), ("sub/2.png", ""), ("4.png", "")]);
    assert_eq!(named(&found), [(2, "1.png", "a", 0), (3, "sub/2.png", "b", 0), (6, "1.png", "", 0)]);
    let bad: Vec<(usize, &str)> = found.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    assert_eq!(bad, [(4, "\"3.png\" is not among the images"), (5, "the image is empty (column \"file_name\")")]);
    assert_eq!((found.num_bad_rows, found.num_empty), (2, 1));
    assert_eq!(found.images[2].no_label.as_deref(), Some("the label is empty (column \"label\")"));
    assert!(found.images[..2].iter().all(|image| image.no_label.is_none()));
    assert_eq!(found.notes, ["1 image is named by no row of the table and is left out: \"4.png\""]);
    assert_eq!((found.layout.image_column.as_str(), found.layout.label_column.as_str()), ("file_name", "label"));
}

#[test]
fn names_without_folder_or_ending_are_found_where_only_one_image_has_them() {
    let table = "id,label\n1,a\n2,b\n3,a\n";
    let options = ReadOptions { image_column: Some("id".into()), ..ReadOptions::default() };
    let files = [("t.csv", table), ("x/1.png", ""), ("x/2.png", ""), ("x/3.png", ""), ("y/3.png", "")];
    let found = read(&files, &options).expect("good files").0.expect("a table");
    assert_eq!(named(&found), [(2, "x/1.png", "a", 0), (3, "x/2.png", "b", 0)]);
    assert_eq!(found.bad_rows[0].reason, "\"3\" is the name of several images: write their paths");
    let said = "the images of 2 rows were found by their names alone";
    assert!(found.notes.iter().any(|note| note.starts_with(said)), "{:?}", found.notes);
}

#[test]
fn columns_are_known_by_their_names_or_by_what_they_hold() {
    let table = |header: &str| format!("{header}\n1.png,cat\n2.png,dog\n3.png,cat\n4.png,dog\n");
    let files = [("1.png", ""), ("2.png", ""), ("3.png", ""), ("4.png", "")];
    for header in ["image,label", "Filename,breed", "what,class"] {
        let table = table(header);
        let found = rows(&[&[("t.csv", table.as_str())][..], &files[..]].concat());
        assert_eq!(found.images.len(), 4, "{header}");
    }
    let error = |table: &str, options: &ReadOptions| {
        read(&[&[("t.csv", table)][..], &files[..]].concat(), options).expect_err("no such columns").to_string()
    };
    let found = error("title,label\nfirst,cat\nsecond,dog\n", &ReadOptions::default());
    assert!(found.starts_with("table file \"t.csv\": no column looks like file names of images"), "{found}");
    let both = ReadOptions { image_column: Some("a".into()), label_column: Some("a".into()), ..Default::default() };
    let found = error("a,b\n1.png,cat\n2.png,dog\n", &both);
    assert!(found.ends_with("column \"a\" can't be both the file name and the label"), "{found}");
    let asked = ReadOptions { image_column: Some("c".into()), ..ReadOptions::default() };
    assert!(error("a,b\n1.png,cat\n2.png,dog\n", &asked).contains("there is no column \"c\""));
}

#[test]
fn ids_of_images_and_columns_of_0_and_1_are_known_for_what_they_are() {
    let names: Vec<String> = (0..12).map(|id| format!("{id}.png")).collect();
    let ids: String = (0..12).map(|id| format!("{id},{}\n", ["cat", "dog"][id % 2])).collect();
    let truths: String = (0..12).map(|id| format!("{id}.png, {}, {}\n", (id + 1) % 2, id % 2)).collect();
    for table in [format!("id,breed\n{ids}"), format!("filename, cat, dog\n{truths}")] {
        let mut files = vec![("t.csv", table.as_str())];
        files.extend(names.iter().map(|name| (name.as_str(), "")));
        let found = rows(&files);
        let labels: Vec<&str> = found.images.iter().map(|image| image.label.as_str()).collect();
        assert_eq!((labels.len(), &labels[..2]), (12, &["cat", "dog"][..]), "{table}");
    }
}

#[test]
fn splits_are_the_folders_of_the_images_and_each_may_have_its_table() {
    let files = [
        ("train/metadata.csv", "file_name,label\n1.png,a\n2.png,b\n"),
        ("train/1.png", ""),
        ("train/2.png", ""),
        ("test/metadata.csv", "label,file_name\nb,1.png\n"),
        ("test/1.png", ""),
    ];
    let found = rows(&files);
    assert_eq!(named(&found), [(2, "train/1.png", "a", 0), (3, "train/2.png", "b", 0), (5, "test/1.png", "b", 2)]);
}

#[test]
fn without_a_table_that_can_be_used_folders_are_the_labels_and_that_is_said() {
    let folders = [("a/1.png", ""), ("b/2.png", "")];
    let read = |more: &[(&str, &str)], options: &ReadOptions| read(&[more, &folders[..]].concat(), options);
    let (found, notes) = read(&[], &ReadOptions::default()).expect("folders");
    assert!(found.is_none() && notes.is_empty());
    let (found, notes) = read(&[("notes.csv", "a,b\n1,2\n")], &ReadOptions::default()).expect("folders");
    assert!(
        found.is_none() && notes[0].starts_with("the table \"notes.csv\" is passed over, and labels are"),
        "{notes:?}"
    );
    let two = [("x.csv", "file_name,label\n1.png,a\n"), ("y.csv", "")];
    let (found, notes) = read(&two, &ReadOptions::default()).expect("folders");
    assert!(found.is_none() && notes[0].contains("2 files (\"x.csv\", \"y.csv\")"), "{notes:?}");
    let asked = ReadOptions { image_column: Some("file".into()), ..ReadOptions::default() };
    let error = read(&[], &asked).expect_err("no table").to_string();
    assert!(error.starts_with("image_column names a column, and there is no table beside the images"), "{error}");
}

#[test]
fn a_column_of_parts_is_said_where_no_folders_are_those_of_parts() {
    let table = "image,label,split\n1.png,a,train\n2.png,b,train\n3.png,a,test\n";
    let found = rows(&[("t.csv", table), ("1.png", ""), ("2.png", ""), ("3.png", "")]);
    let said = "column \"split\" says which part a row belongs to (test, train), and is not read: put the images";
    assert!(found.notes.iter().any(|note| note.starts_with(said)), "{:?}", found.notes);
    let found = rows(&[("t.csv", table), ("train/1.png", ""), ("train/2.png", ""), ("test/3.png", "")]);
    assert_eq!(found.images.iter().map(|image| image.split).collect::<Vec<_>>(), [0, 0, 2]);
    assert!(found.notes.iter().all(|note| !note.contains("is not read")), "{:?}", found.notes);
}

#[test]
fn accents_of_names_may_be_written_in_two_ways() {
    let (apart, as_one) = ("e\u{301}", "\u{e9}");
    let (first, second) = (format!("{apart}0.png"), format!("sub/{as_one}1.png"));
    let table = format!("file_name,label\n{as_one}0.png,a\n{apart}1.png,b\n{apart}2.png,a\n");
    let found = rows(&[("metadata.csv", table.as_str()), (first.as_str(), ""), (second.as_str(), "")]);
    assert_eq!(named(&found), [(2, first.as_str(), "a", 0), (3, second.as_str(), "b", 0)]);
    assert_eq!(found.num_bad_rows, 1);
}
