//! What a report says of images, and images that are asked for by their places.

use super::super::testing::{SIDE, encode, files, model, picture, png, processor, read, run, two_classes, zip};
use super::super::{ClassCount, SizeBucket};
use super::*;
use crate::config::{RowEdit, RowEdits};
use crate::data::DataFiles;
use crate::data::findings::{FindingKind, Findings};
use crate::images::{decode, pack_zip};
use crate::task::{FindingSearch, ReportDetail};

fn detail_of(report: &DataReport) -> &super::super::ReportDetail {
    let ReportDetail::ImageClassification(detail) = &report.detail else { panic!("not of this task") };
    detail
}

#[test]
fn the_report_says_what_is_there() {
    let (run, processor) = (run(0.1, 0.1), processor());
    let model = model(&processor);
    let mut data = read(files(pack_zip(&two_classes(20))), &run).expect("good images");
    let before = data.report(None, &run).expect("nothing is decoded");
    assert_eq!((before.num_usable, before.split_sizes, before.lengths.max), (40, [32, 4, 4], 0));
    assert_eq!((detail_of(&before).input_size, data.progress()), (None, (0, 40)));
    encode(data.as_mut(), &model, &run);
    assert_eq!(data.progress(), (40, 40));
    let report = data.report(Some(&model), &run).expect("all are decoded");
    let detail = detail_of(&report);
    let count = |label: &str| ClassCount { label: label.into(), count: 20 };
    assert_eq!(detail.classes, [count("circle"), count("square")]);
    assert_eq!(detail.sizes, [SizeBucket { label: "under 32 px".into(), count: 40 }]);
    assert_eq!((detail.smallest, detail.largest, detail.input_size), ([10, 12], [10, 51], Some([SIDE, SIDE])));
    assert_eq!((detail.preview.len(), detail.preview[5].label.as_str()), (6, "square"));
    let json = serde_json::to_string(&report).expect("plain values");
    assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), report);
    let shown = &detail.preview[5];
    let (name, bytes) = data.image(shown.split, shown.index).expect("it is there");
    assert_eq!((name, decode(&bytes).expect("a PNG").width), (shown.name.clone(), shown.width));
    assert_eq!(data.image(Split::Test, 4), None);
    assert_eq!(data.read_options().label_column, None, "folders are the labels");
}

#[test]
fn findings_count_the_images_of_each_label() {
    let mut all = two_classes(3);
    all.push(("square/more.png".to_owned(), png(40, 12, 10)));
    let test = Some(("test.zip".to_owned(), zip(&[("circle/other.png", png(41, 12, 10))])));
    let run = run(0.0, 0.0);
    let data = read(DataFiles { test, ..files(pack_zip(&all)) }, &run).expect("good images");
    let mut search = FindingSearch::new(data.as_ref(), run.max_seq_length as usize, run.seed);
    while search.step(data.as_ref(), 10) {}
    let found = search.finish(data.as_ref(), &data.report(None, &run).expect("nothing is decoded"));
    let rows = |label: &str, counts| LabelRows { label: label.into(), counts };
    assert_eq!(found.labels, [rows("circle", [3, 0, 1]), rows("square", [4, 0, 0])]);
}

/// Two classes, of which one image stands twice under one label and once under the other, one has a twin that differs by a level, and one
/// stands in the test file, too.
fn files_with_repeats() -> DataFiles {
    let mut all = two_classes(6);
    let again = |path: &str, index: usize| (path.to_owned(), all[index].1.clone());
    let mut near = picture(4, 16, 10);
    near.pixels.iter_mut().for_each(|value| *value = value.saturating_add(1));
    let more = [
        again("circle/same.png", 0),
        again("square/other.png", 0),
        ("circle/near.png".to_owned(), crate::images::encode_png(&near).expect("a PNG")),
    ];
    let leak = Some(("test.zip".to_owned(), zip(&[("circle/leak.png", all[2].1.clone())])));
    all.extend(more);
    DataFiles { test: leak, ..files(pack_zip(&all)) }
}

#[test]
fn images_that_stand_twice_are_counted_and_named() {
    let (run, processor) = (run(0.0, 0.0), processor());
    let mut data = read(files_with_repeats(), &run).expect("good images");
    encode(data.as_mut(), &model(&processor), &run);
    let report = data.report(Some(&model(&processor)), &run).expect("all are decoded");
    let detail = detail_of(&report);
    assert_eq!((report.num_duplicates, report.num_leaks, detail.num_conflicts), (2, 1, 1));
    let said = |text: &str| report.warnings.iter().any(|warning| warning.contains(text));
    assert!(said("(circle/leak.png is circle/1.png)"), "{:?}", report.warnings);
    assert!(said("(square/other.png is circle/0.png)"), "{:?}", report.warnings);
    let pair = detail.near_duplicates.iter().find(|pair| pair.name == "circle/near.png").expect("it is found");
    assert_eq!((pair.other.as_str(), pair.split), ("circle/2.png", Split::Train));
    assert!(pair.distance <= 4 && detail.num_near_duplicates >= 1);
}

#[test]
fn findings_name_the_images_that_stand_twice_with_and_without_a_model() {
    let (run, processor) = (run(0.0, 0.0), processor());
    let found_in = |data: &dyn TaskData, model: Option<&TaskModel<'_>>| {
        let mut search = FindingSearch::new(data, run.max_seq_length as usize, run.seed);
        while search.step(data, 10) {}
        search.finish(data, &data.report(model, &run).expect("rows are there"))
    };
    let mut data = read(files_with_repeats(), &run).expect("good images");
    let not_yet = found_in(data.as_ref(), None);
    assert!(not_yet.get(FindingKind::Leaks).is_none());
    let reason_of = |found: &Findings, kind: FindingKind| {
        found.not_applied.iter().find(|not| not.kind == kind).map(|not| not.reason.clone())
    };
    assert_eq!(reason_of(&not_yet, FindingKind::Leaks).as_deref(), Some("the images are not decoded yet"));
    while data.look_part().expect("images do not fail as a whole") {}
    let found = found_in(data.as_ref(), None);
    let names = |kind: FindingKind| -> Vec<String> {
        let finding = found.get(kind).expect("it is found");
        finding.groups.iter().flat_map(|group| &group.rows).map(|row| row.note.clone()).collect()
    };
    assert_eq!(names(FindingKind::Leaks), ["circle/1.png", "circle/leak.png"]);
    assert_eq!(names(FindingKind::Duplicates), ["circle/0.png", "circle/same.png"]);
    let conflicts = ["circle/0.png: label \"circle\"", "square/other.png: label \"square\""];
    assert_eq!(names(FindingKind::Conflicts), conflicts);
    assert!(names(FindingKind::NearDuplicates).contains(&"circle/near.png".to_owned()));
    let leaked = &found.get(FindingKind::Leaks).expect("it is found").groups[0].rows[1];
    assert_eq!((leaked.file, leaked.split, leaked.row, leaked.index), (Split::Test, Split::Test, 1, Some(0)));
    assert_eq!(reason_of(&found, FindingKind::Leaks), None);
    assert_eq!(reason_of(&found, FindingKind::Markup).as_deref(), Some("rows are images, which have no text"));
    assert_eq!(data.splits_are_given(), [false, true]);

    let model = model(&processor);
    let mut decoded = read(files_with_repeats(), &run).expect("good images");
    encode(decoded.as_mut(), &model, &run);
    assert_eq!(found_in(decoded.as_ref(), Some(&model)).findings, found.findings);
    // What was looked at is still made for the model.
    encode(data.as_mut(), &model, &run);
    assert_eq!(data.prepare(&model, &run).expect("two labels").num_rows(), [15, 0, 1]);
}

#[test]
fn an_image_that_proves_not_to_be_decoded_is_a_bad_row_and_leaves_its_split() {
    let mut all = two_classes(6);
    let bytes = &mut all[3].1;
    let at = bytes.len() - 20; // in the pixels, whose check sum then is another
    bytes[at] ^= 0xFF;
    let (run, processor) = (run(0.0, 0.0), processor());
    let mut data = read(files(pack_zip(&all)), &run).expect("good headers");
    assert_eq!(data.num_rows(), [12, 0, 0]);
    encode(data.as_mut(), &model(&processor), &run);
    assert_eq!((data.num_rows(), data.progress()), ([11, 0, 0], (12, 12)));
    let report = data.report(Some(&model(&processor)), &run).expect("the others are decoded");
    assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows), (12, 11, 1));
    assert_eq!(report.bad_rows[0].row, 4);
    assert!(report.bad_rows[0].reason.starts_with("square/1.png: is a PNG file that can't be read"), "{report:?}");
    assert_eq!(data.image(Split::Train, 3).expect("the next").0, "circle/2.png");
    let rows = data.prepare(&model(&processor), &run).expect("two labels");
    assert_eq!((rows.num_rows(), rows.row_number(Split::Train, 3)), ([11, 0, 0], 5));
}

#[test]
fn an_augmented_image_is_a_png_of_the_models_size_and_follows_from_the_seed() {
    let run = RunConfig { random_resized_crop: 0.3, rotation: 20.0, ..run(0.0, 0.0) };
    let processor = processor();
    let model = model(&processor);
    let mut data = read(files(pack_zip(&two_classes(6))), &run).expect("good images");
    assert_eq!(data.augmented(0, &model, &run, 1), None, "nothing is decoded yet");
    encode(data.as_mut(), &model, &run);
    let augmented = |index, seed| data.augmented(index, &model, &run, seed);
    let one = augmented(0, 1).expect("it is there");
    let picture = decode(&one).expect("a PNG");
    assert_eq!((picture.width, picture.height), (SIDE, SIDE));
    assert_eq!(augmented(0, 1), Some(one.clone()));
    assert_ne!(augmented(0, 2), Some(one.clone()));
    assert_ne!(augmented(1, 1), Some(one));
    assert_eq!(augmented(12, 1), None, "there are twelve");
}

#[test]
fn one_label_is_not_trained_on() {
    let (run, processor) = (run(0.0, 0.0), processor());
    let one = zip(&[("cat/1.png", png(1, 9, 9)), ("cat/2.png", png(2, 9, 9))]);
    let error = read(files(one), &run).expect("rows to measure").prepare(&model(&processor), &run);
    let error = error.expect_err("one label").to_string();
    assert!(error.starts_with("all rows have the label \"cat\" (2 rows)"), "{error}");
}

#[test]
fn images_that_wait_for_a_label_are_shown_and_not_trained_on() {
    let (run, processor) = (run(0.1, 0.1), processor());
    let loose = zip(&[("1.png", png(1, 9, 9)), ("2.png", png(2, 9, 9))]);
    let mut data = read(files(loose), &run).expect("they can get labels");
    encode(data.as_mut(), &model(&processor), &run);
    let report = data.report(Some(&model(&processor)), &run).expect("nothing is decoded");
    assert_eq!((report.num_rows, report.num_usable, report.num_empty), (2, 0, 2));
    assert_eq!((detail_of(&report).num_unlabeled, detail_of(&report).preview.len()), (2, 0));
    let waiting = data.unlabeled_images();
    assert_eq!(
        waiting.iter().map(|row| (row.id.row, row.text.as_str())).collect::<Vec<_>>(),
        [(1, "1.png"), (2, "2.png")]
    );
    assert_eq!(data.image_of_row(2), Some(("2.png".to_owned(), png(2, 9, 9))));
    let error = data.prepare(&model(&processor), &run).expect_err("nothing to learn").to_string();
    assert!(error.starts_with("nothing in the file is usable: 2 rows, the first (row 1)"), "{error}");

    let mut all = two_classes(6);
    all.retain(|(path, _)| path.starts_with("circle"));
    all.push(("unlabeled/1.png".to_owned(), png(40, 9, 9)));
    let data = read(files(pack_zip(&all)), &run).expect("the others can get another label");
    assert_eq!(data.image_of_row(1).map(|(name, _)| name).as_deref(), Some("circle/0.png"), "one that has its label");
    let error = data.prepare(&model(&processor), &run).expect_err("one label").to_string();
    assert!(error.starts_with("all rows have the label \"circle\""), "{error}");
}

#[test]
fn the_labels_of_images_are_a_table_that_is_read_beside_them() {
    let run = run(0.1, 0.1);
    let mut all = two_classes(6);
    all.extend([("unlabeled/1.png".to_owned(), png(40, 9, 9)), ("unlabeled/2.png".to_owned(), png(41, 9, 9))]);
    let give = |row: usize, was: &str, value: &str| {
        let (file, column) = (Split::Train, super::super::FOLDER.to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    };
    let edits = RowEdits { log: vec![give(13, "", "oval, \"flat\""), give(1, "circle", "square")] };
    let options = ReadOptions { edits, ..ReadOptions::default() };
    let files_of = |all: &[(String, Vec<u8>)]| Rc::new(files(pack_zip(all)));
    let edited = super::read(&ReadRequest::to_train(&files_of(&all), &options, &run)).expect("good images");
    let (table, count) = edited.labels_as_table().expect("they are images");
    assert_eq!(count, 14);
    all.push(("metadata.jsonl".to_owned(), table.clone()));
    let again = super::read(&ReadRequest::to_train(&files_of(&all), &ReadOptions::default(), &run));
    let again = again.expect("a table beside them");
    assert_eq!(again.labels(), ["circle", "oval, \"flat\"", "square"]);
    assert_eq!(again.labels_as_table(), Some((table, 14)));
    assert_eq!(again.unlabeled_images().iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["unlabeled/2.png"]);
}
