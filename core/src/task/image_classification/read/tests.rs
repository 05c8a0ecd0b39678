//! Zips become labeled images, and every image that does not has its reason.

use super::super::testing::{files, png, run, two_classes, zip};
use super::*;
use crate::config::{ReadOptions, RowEdit, RowEdits, RunConfig};
use crate::data::DataFiles;
use crate::images::pack_zip;

fn build_as(
    files: DataFiles,
    read: &ReadOptions,
    run: &RunConfig,
    known_labels: &[String],
    purpose: Purpose,
) -> Result<(Dataset, ReadSummary), DataError> {
    read_images(&ReadRequest { files: &Rc::new(files), read, run, known_labels, purpose, model: None })
}

fn build(files: DataFiles) -> Result<(Dataset, ReadSummary), DataError> {
    build_as(files, &ReadOptions::default(), &run(0.1, 0.1), &[], Purpose::Train)
}

fn sizes(dataset: &Dataset) -> [usize; 3] {
    dataset.splits.each_ref().map(Vec::len)
}

/// An image from the fixtures, under its name in a folder.
macro_rules! fixture {
    ($name:literal) => {
        (concat!("circle/", $name), include_bytes!(concat!("../../../../../tests/fixtures/images/", $name)).to_vec())
    };
}

#[test]
fn folders_are_labels_and_what_has_no_file_is_split_off() {
    let (dataset, summary) = build(files(pack_zip(&two_classes(20)))).expect("good images");
    assert_eq!(dataset.labels, ["circle", "square"]);
    assert_eq!(sizes(&dataset), [32, 4, 4]);
    for rows in &dataset.splits {
        assert_eq!(rows.iter().filter(|row| row.label == 0).count() * 2, rows.len(), "labels keep their share");
    }
    assert_eq!((summary.num_rows, summary.num_bad_rows, summary.file_name.as_str()), (40, 0, "images.zip"));
    assert!(summary.warnings.is_empty() && summary.columns.is_empty(), "{:?}", summary.warnings);
    let first = dataset.splits.iter().flatten().find(|row| row.row == 1).expect("the first of the zip");
    assert_eq!((first.name.as_str(), first.width, first.height, first.label), ("circle/0.png", 12, 10, 0));
}

#[test]
fn folders_of_splits_are_taken_as_they_are() {
    let image = |path: &str, kind| (path.to_owned(), png(kind, 9, 9));
    let train = two_classes(6).into_iter().map(|(path, bytes)| (format!("train/{path}"), bytes));
    let all: Vec<(String, Vec<u8>)> =
        train.chain([image("val/circle/1.png", 90), image("test/square/1.png", 91)]).collect();
    let (dataset, summary) = build(files(pack_zip(&all))).expect("good images");
    assert_eq!((sizes(&dataset), summary.has_own_file), ([12, 1, 1], [true, true]));
    assert_eq!(dataset.splits[2][0].label, 1);
    let beside: Vec<(String, Vec<u8>)> = all.iter().cloned().chain([image("more/circle/1.png", 93)]).collect();
    let (_, summary) = build(files(pack_zip(&beside))).expect("good images");
    let bad: Vec<(usize, &str)> = summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    assert_eq!(bad, [(15, "more/circle/1.png: lies in none of the folders train, valid and test")]);

    let valid = Some(("own.zip".to_owned(), zip(&[("circle/1.png", png(92, 9, 9))])));
    let own = DataFiles { valid, ..files(pack_zip(&all)) };
    let (dataset, summary) = build(own.clone()).expect("good images");
    assert_eq!((sizes(&dataset), dataset.splits[1][0].file), ([12, 1, 1], 1));
    let left_out = "left out: 1 image in the validation folder of the training file, for \"own.zip\" is there for that";
    assert_eq!(summary.warnings, [left_out]);

    let none = run(0.0, 0.0);
    let known = ["circle".to_owned(), "square".into()];
    let one_split = DataFiles { valid: None, ..own };
    let measured = build_as(one_split, &ReadOptions::default(), &none, &known, Purpose::Measure);
    let (dataset, summary) = measured.expect("rows to measure");
    assert_eq!(sizes(&dataset), [14, 0, 0]);
    assert_eq!(summary.warnings, ["the images of all folders (train, valid, test) are read together"]);
}

#[test]
fn a_table_beside_the_images_has_their_labels() {
    let rows: String = (0..12).map(|index| format!("{index}.png,{}\n", ["cat", "dog"][index % 2])).collect();
    let table = format!("file_name,animal\n{rows}99.png,cat\n");
    let images = (0..12).map(|index| (format!("{index}.png"), png(index, 9, 9)));
    let all: Vec<(String, Vec<u8>)> =
        [("metadata.csv".to_owned(), table.into_bytes())].into_iter().chain(images).collect();
    let read = ReadOptions { label_column: Some("animal".into()), ..ReadOptions::default() };
    let built = build_as(files(pack_zip(&all)), &read, &run(0.25, 0.0), &[], Purpose::Train);
    let (dataset, summary) = built.expect("good images");
    assert_eq!((dataset.labels.len(), sizes(&dataset)), (2, [9, 3, 0]));
    let used = [("file_name".to_owned(), "image".to_owned()), ("animal".to_owned(), "label".to_owned())];
    assert_eq!(summary.used_columns, used);
    assert_eq!((summary.num_rows, summary.bad_rows[0].row), (13, 14));
    assert_eq!(summary.bad_rows[0].reason, "\"99.png\" is not among the images");
    assert!(summary.has_header && summary.reading.table.rows.len() == 5, "its first rows are shown");
}

#[test]
fn every_bad_image_has_its_reason_and_good_ones_of_all_kinds_are_read() {
    let mut all: Vec<(&str, Vec<u8>)> = vec![
        fixture!("empty.png"),
        fixture!("huge.png"),
        fixture!("text.png"),
        fixture!("truncated.jpg"),
        fixture!("one.png"),
        fixture!("rgb.bmp"),
        fixture!("lossy.webp"),
        fixture!("two_frames.gif"),
        fixture!("exif_6.jpg"),
        fixture!("rgb.jpg"),
    ];
    all.extend([("square/1.png", png(1, 9, 9)), ("square/2.png", png(2, 9, 9)), ("3.png", png(3, 9, 9))]);
    let (dataset, summary) = build(files(zip(&all))).expect("good images");
    assert_eq!((sizes(&dataset).iter().sum::<usize>(), summary.num_rows, summary.num_bad_rows), (7, 13, 6));
    let reasons: Vec<(usize, &str)> = summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    assert_eq!(reasons[0], (1, "circle/empty.png: is empty (0 bytes)"));
    assert!(reasons[1].1.starts_with("circle/huge.png: ") && reasons[1].1.contains("178,956,970"), "{reasons:?}");
    assert_eq!(reasons[2], (3, "circle/text.png: is a text, not an image"));
    assert!(reasons[3].1.starts_with("circle/truncated.jpg: ") && reasons[3].1.contains("cut off"), "{reasons:?}");
    assert_eq!(reasons[4], (5, "circle/one.png: has 1 x 1 pixels, at least 4 in width and in height are needed"));
    assert_eq!(reasons[5], (13, "3.png: lies in no folder, which would be its label"));
    let size = |name: &str| {
        let row = dataset.splits.iter().flatten().find(|row| row.name.ends_with(name)).expect("it is read");
        [row.width, row.height]
    };
    assert_eq!(size("rgb.jpg"), [40, 30]);
}

#[test]
fn one_label_and_files_that_are_no_zip_of_images_are_refused() {
    let error = |train: Vec<u8>| build(files(train)).expect_err("it can't be used").to_string();
    let one: Vec<(&str, Vec<u8>)> = vec![("cat/1.png", png(1, 9, 9)), ("cat/2.png", png(2, 9, 9))];
    let known = ["cat".to_owned(), "dog".into()];
    let of_one = build_as(files(zip(&one)), &ReadOptions::default(), &run(0.1, 0.1), &known, Purpose::Train);
    let of_one = of_one.expect_err("the model knows it as a label").to_string();
    assert!(of_one.starts_with("all rows have the label \"cat\" (2 rows)"), "{of_one}");
    let none_held_back = build_as(files(zip(&one)), &ReadOptions::default(), &run(0.0, 0.0), &[], Purpose::Train);
    assert_eq!(none_held_back.expect("rows to measure").1.warnings, [NO_VALIDATION_ROWS]);
    let loose = || files(zip(&[("1.png", png(1, 9, 9)), ("2.png", png(2, 9, 9))]));
    let expected = "nothing in the file is usable: 2 rows, the first (row 1) because 1.png: lies in no folder";
    let measured = build_as(loose(), &ReadOptions::default(), &run(0.0, 0.0), &known, Purpose::Measure);
    let measured = measured.expect_err("no label to measure by").to_string();
    assert!(measured.starts_with(expected), "{measured}");
    let valid = Some(("v.zip".to_owned(), zip(&[("cat/1.png", png(3, 9, 9))])));
    let own = build(DataFiles { valid, ..loose() }).expect_err("no label to validate by").to_string();
    assert!(own.starts_with(expected), "{own}");
    assert!(error(b"a,b\n1,2\n".to_vec()).starts_with("the file is no zip: it looks like a text"));
    assert!(error(zip(&[("notes.txt", b"x".to_vec())])).starts_with("the zip holds no images: it holds 1 file"));
    let test = Some(("t.zip".to_owned(), zip(&[("bird/1.png", png(1, 9, 9))])));
    let unknown = build(DataFiles { test, ..files(pack_zip(&two_classes(6))) }).expect_err("a bird").to_string();
    let expected = "test file \"t.zip\": row 1, column \"folder\": label \"bird\" is in none of the training rows";
    assert!(unknown.starts_with(expected), "{unknown}");
}

#[test]
fn an_encrypted_image_is_a_bad_row_and_the_others_are_read() {
    let mut bytes = pack_zip(&two_classes(6));
    for (signature, offset) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = bytes.windows(4).position(|four| four == signature).expect("a zip");
        bytes[at + offset] |= 1;
    }
    let (dataset, summary) = build(files(bytes)).expect("good images");
    assert_eq!(sizes(&dataset).iter().sum::<usize>(), 11);
    assert_eq!(summary.bad_rows[0].reason, "circle/0.png: is encrypted: pack the zip without a password");
}

#[test]
fn labels_are_merged_and_those_of_a_model_are_kept() {
    let mut all = two_classes(6);
    all.push(("Circle/9.png".into(), png(99, 9, 9)));
    let merge_labels = [("Circle".to_owned(), "circle".to_owned())].into();
    let read = ReadOptions { merge_labels, ..ReadOptions::default() };
    let known = ["square".to_owned(), "circle".into()];
    let built = build_as(files(pack_zip(&all)), &read, &run(0.1, 0.0), &known, Purpose::Train);
    let (dataset, summary) = built.expect("good images");
    assert_eq!(dataset.labels, known, "in the order of the model");
    assert_eq!(summary.warnings, ["the label \"Circle\" of 1 row is read as \"circle\""]);
    let measured = build_as(files(pack_zip(&all)), &ReadOptions::default(), &run(0.0, 0.0), &known, Purpose::Measure);
    let error = measured.expect_err("Circle is another").to_string();
    assert!(error.starts_with("row 13, column \"folder\": label \"Circle\" is not one of the model's"), "{error}");
}

#[test]
fn a_corrected_label_leaves_every_image_in_its_split() {
    let images = || files(pack_zip(&two_classes(20)));
    let (before, _) = build(images()).expect("good images");
    let name = |dataset: &Dataset, number: usize| {
        let row = dataset.splits.iter().flatten().find(|row| row.row == number).expect("it is there");
        dataset.labels[row.label].clone()
    };
    let set = |row: usize, was: &str, value: &str| {
        let (file, column) = (Split::Train, FOLDER.to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    };
    let other = if name(&before, 2) == "circle" { "square" } else { "circle" };
    let log = vec![
        set(1, &name(&before, 1), "oval"),
        set(2, &name(&before, 2), other),
        set(3, "oval", "circle"),
        set(99, "circle", "square"),
        RowEdit::DropRows { file: Split::Train, rows: vec![98] },
    ];
    let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
    let (after, summary) = build_as(images(), &read, &run(0.1, 0.1), &[], Purpose::Train).expect("good images");
    let rows =
        |dataset: &Dataset| dataset.splits.each_ref().map(|rows| rows.iter().map(|row| row.row).collect::<Vec<_>>());
    assert_eq!(rows(&after), rows(&before));
    assert_eq!(after.labels, ["circle", "oval", "square"]);
    assert_eq!([1, 2, 3].map(|row| name(&after, row)), ["oval".to_owned(), other.into(), name(&before, 3)]);
    assert_eq!(summary.notes, ["by edits: 2 rows read otherwise"]);
    assert!(summary.warnings[0].starts_with("3 edited rows were not found"), "{:?}", summary.warnings);
    assert!(summary.warnings[0].contains("3, 98, 99"), "{:?}", summary.warnings);
}

fn give(row: usize, label: &str) -> RowEdit {
    let (file, column) = (Split::Train, FOLDER.to_owned());
    RowEdit::SetCell { file, row, column, was: String::new(), value: label.into() }
}

fn build_with(train: Vec<u8>, log: Vec<RowEdit>) -> Result<(Dataset, ReadSummary), DataError> {
    let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
    build_as(files(train), &read, &run(0.1, 0.1), &[], Purpose::Train)
}

#[test]
fn images_without_labels_wait_and_leave_the_others_in_their_splits_when_they_get_one() {
    let mut all = two_classes(60);
    all.extend([("unlabeled/a.png".to_owned(), png(500, 9, 9)), ("b.png".to_owned(), png(501, 9, 9))]);
    all.push(("unlabeled/broken.png".to_owned(), b"no image".to_vec()));
    all.push(("unlabeled/tiny.png".to_owned(), png(502, 9, 3)));
    let build = |log: Vec<RowEdit>| build_with(pack_zip(&all), log).expect("good images");
    let (before, summary) = build(Vec::new());
    assert_eq!((sizes(&before), &before.labels[..]), ([96, 12, 12], &["circle".to_owned(), "square".into()][..]));
    let waits =
        |dataset: &Dataset| dataset.waiting.iter().map(|image| (image.row, image.name.clone())).collect::<Vec<_>>();
    assert_eq!(waits(&before), [(121, "unlabeled/a.png".to_owned()), (122, "b.png".to_owned())]);
    assert_eq!((summary.num_rows, summary.num_bad_rows, summary.num_unlabeled, summary.num_empty), (124, 4, 2, 2));
    assert_eq!(summary.notes, ["2 images have no label and are left out until they get one"]);
    assert_eq!(summary.bad_rows[0].reason, "unlabeled/a.png: lies in the folder \"unlabeled\"");

    let (after, summary) = build(vec![give(122, "oval")]);
    assert_eq!((after.labels.len(), sizes(&after)), (3, [97, 12, 12]));
    assert_eq!(waits(&after), [(121, "unlabeled/a.png".to_owned())]);
    let numbers = |dataset: &Dataset, split: usize| dataset.splits[split].iter().map(|row| row.row).collect::<Vec<_>>();
    assert_eq!((numbers(&after, 1), numbers(&after, 2)), (numbers(&before, 1), numbers(&before, 2)));
    assert!(summary.notes.contains(&"1 row labeled by hand: 1 to train on, 0 for validation, 0 for test".to_owned()));
}

#[test]
fn images_of_which_none_has_a_label_are_read_and_labeled_from_nothing() {
    for folder in ["", "photos/", "unlabeled/", "photos/unlabeled/"] {
        let all: Vec<(String, Vec<u8>)> =
            (0..30).map(|kind| (format!("{folder}{kind}.png"), png(kind, 9, 9))).collect();
        let (nothing, summary) = build_with(pack_zip(&all), Vec::new()).expect("they can get labels");
        assert_eq!((nothing.labels.len(), sizes(&nothing), nothing.waiting.len()), (0, [0, 0, 0], 30), "{folder}");
        let said = |text: &str| summary.warnings.iter().any(|warning| warning.starts_with(text));
        assert!(said("no image has a label: some of 30 images need one before training"), "{:?}", summary.warnings);
        assert_eq!(said("all images lie in the folder \"photos\""), folder == "photos/", "{:?}", summary.warnings);
        // Each has a label of its own: those that a person gives are labels, though hardly an image has each yet.
        let log = (1..=25).map(|row| give(row, &format!("kind {row}"))).collect();
        let (some, summary) = build_with(pack_zip(&all), log).expect("they are labels");
        assert_eq!((some.labels.len(), some.waiting.len(), summary.num_unlabeled), (25, 5, 5), "{folder}");
        assert_eq!(sizes(&some).iter().sum::<usize>(), 25);
        assert!(!some.splits[1].is_empty() && !some.splits[2].is_empty(), "some are kept aside: {:?}", sizes(&some));
    }
}

#[test]
fn a_row_of_a_table_without_a_label_waits_for_it_and_gives_its_own_back() {
    let rows: String = (0..12).map(|index| format!("{index}.png,{}\n", ["cat", "dog", ""][index % 3])).collect();
    let mut all = vec![("metadata.csv".to_owned(), format!("file_name,label\n{rows}").into_bytes())];
    all.extend((0..12).map(|index| (format!("{index}.png"), png(index, 9, 9))));
    let set = |row: usize, was: &str, value: &str| {
        let (file, column) = (Split::Train, "label".to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    };
    let (before, _) = build_with(pack_zip(&all), Vec::new()).expect("good images");
    assert_eq!(before.waiting.iter().map(|image| image.row).collect::<Vec<_>>(), [4, 7, 10, 13]);
    let log = vec![set(4, "", "cat"), set(2, "cat", "")];
    let (after, summary) = build_with(pack_zip(&all), log).expect("good images");
    assert_eq!(after.waiting.iter().map(|image| image.row).collect::<Vec<_>>(), [2, 7, 10, 13]);
    assert!(
        summary.bad_rows.iter().any(|bad| bad.reason == "0.png: its label was taken away"),
        "{:?}",
        summary.bad_rows
    );
}
