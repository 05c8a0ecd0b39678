//! What the names of files of rows say: which split they are; and whether a file is packed, or of a format that core does not
//! read, so that `hone-readers` must read it first. Names and first bytes in, plain answers out.

use std::collections::HashSet;

use super::Split;
use crate::file_signature::Signature;
use crate::images::{Archive, is_image_name};

/// How names of files end that are read by `hone-readers`.
const PACKED: [&str; 5] = [".gz", ".parquet", ".xlsx", ".xlsm", ".ods"];

/// What the card of a data set is called.
const CARD: &str = "README.md";

/// How names of files of rows end in a zip, and what a workbook has in it.
const ROWS_IN_ZIP: [&str; 19] = [
    ".csv",
    ".tsv",
    ".tab",
    ".psv",
    ".json",
    ".jsonl",
    ".ndjson",
    ".txt",
    ".text",
    ".conll",
    ".conllu",
    ".bio",
    ".parquet",
    ".xlsx",
    ".xlsm",
    ".ods",
    ".gz",
    "xl/workbook.xml",
    "content.xml",
];

// What names say of splits, parts and cards is read alike in readers/src/wholes.rs: the page links no readers.

/// The split that a file's name speaks of: `tickets_dev.csv` is validation.
#[must_use]
pub fn split_of_name(name: &str) -> Option<Split> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.map(str::to_lowercase).find_map(|word| match word.as_str() {
        "train" | "training" | "trainset" => Some(Split::Train),
        "valid" | "validation" | "validate" | "val" | "dev" | "eval" => Some(Split::Valid),
        "test" | "testing" | "testset" => Some(Split::Test),
        _ => None,
    })
}

/// Shares several files out to training, validation and test by their names: the index of each one's file. A name without
/// a split is that of the training rows. `None` where that gives a split two files, or leaves nothing to train on.
#[must_use]
pub fn share_out_by_names(names: &[&str], has_train: bool) -> Option<[Option<usize>; 3]> {
    let mut indices = [None; 3];
    for (index, name) in names.iter().enumerate() {
        let split = match split_of_name(name) {
            Some(Split::Train) | None => 0,
            Some(Split::Valid) => 1,
            Some(Split::Test) => 2,
        };
        if indices[split].replace(index).is_some() {
            return None;
        }
    }
    (indices[0].is_some() || has_train).then_some(indices)
}

/// Whether several files, by their paths, are one data set as people take it from the hub: with its card beside them, numbered parts of a
/// file (`train-00000-of-00002.parquet`), or several files in the folder of a split. `hone-readers` puts them together.
#[must_use]
pub fn are_parts(paths: &[&str]) -> bool {
    let is_card = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(CARD));
    let is_split = |folder: &&str| {
        let name = folder.rsplit('/').next().unwrap_or_default();
        name.chars().all(char::is_alphanumeric) && split_of_name(name).is_some()
    };
    let mut seen = HashSet::new();
    let mut folders = paths.iter().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder).filter(is_split);
    let are_rows = paths.len() > 1 && !paths.iter().any(|path| is_image_name(path));
    are_rows
        && (paths.iter().any(is_card)
            || paths.iter().any(|path| is_part(path))
            || folders.any(|folder| !seen.insert(folder)))
}

/// Whether a name says that it is one of several parts.
fn is_part(name: &str) -> bool {
    let Some((before, after)) = name.rsplit_once("-of-") else { return false };
    let total: String = after.chars().take_while(char::is_ascii_digit).collect();
    let index = before.rsplit('-').next().unwrap_or_default();
    index.parse::<usize>().is_ok() && total.parse::<usize>().is_ok_and(|total| total > 1)
}

/// Whether a file's name says that `hone-readers` reads it; a zip may be one of images.
#[must_use]
pub fn is_packed_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PACKED.iter().any(|end| name.ends_with(end))
}

/// Whether a file must be read by `hone-readers`: gzip, Parquet, or a zip of rows without images, which a workbook is, too.
#[must_use]
pub fn is_packed(bytes: &[u8]) -> bool {
    match Signature::of(bytes) {
        Some(Signature::Gzip | Signature::Parquet) => true,
        Some(Signature::Zip) => Archive::open(bytes).is_ok_and(|zip| {
            let has_rows = zip.files().any(|(_, name)| holds_rows(name));
            has_rows && !zip.files().any(|(_, name)| is_image_name(name))
        }),
        _ => false,
    }
}

fn holds_rows(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ROWS_IN_ZIP.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::pack_zip;

    #[test]
    fn names_say_which_split_a_file_is() {
        for (name, split) in [
            ("train.csv", Some(Split::Train)),
            ("tickets-Valid.jsonl", Some(Split::Valid)),
            ("tickets_dev_2.csv", Some(Split::Valid)),
            ("my.test.tsv", Some(Split::Test)),
            ("contest.csv", None),
            ("testimonials.csv", None),
        ] {
            assert_eq!(split_of_name(name), split, "{name}");
        }
    }

    #[test]
    fn several_files_are_shared_out_where_their_names_tell() {
        let share_out = share_out_by_names;
        assert_eq!(share_out(&["test.csv", "train.csv"], false), Some([Some(1), None, Some(0)]));
        assert_eq!(share_out(&["tickets.csv", "tickets_dev.csv"], false), Some([Some(0), Some(1), None]));
        assert_eq!(share_out(&["dev.csv", "test.csv"], true), Some([None, Some(0), Some(1)]));
        assert_eq!(share_out(&["dev.csv", "test.csv"], false), None, "nothing to train on");
        assert_eq!(share_out(&["may.csv", "june.csv"], false), None, "two files to train on");
    }

    #[test]
    fn parts_of_a_data_set_are_known_by_their_paths() {
        for paths in [
            &["set/README.md", "set/data/train.parquet"][..],
            &["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
            &["set/train/a.csv", "set/train/b.csv", "set/test/a.csv"],
        ] {
            assert!(are_parts(paths), "{paths:?}");
        }
        for paths in [
            &["train.csv", "test.csv"][..],
            &["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"],
            &["set/train/a.csv", "set/test/a.csv"],
            &["may/a.csv", "may/b.csv"],
            &["train-00000-of-00002.parquet"],
            &["README.md", "cat/1.png", "dog/2.png"],
            &["state-of-the-art.csv", "test.csv"],
        ] {
            assert!(!are_parts(paths), "{paths:?}");
        }
    }

    #[test]
    fn packed_files_are_known_by_their_bytes_and_images_are_left_alone() {
        let zip = |name: &str| pack_zip(&[(name.to_owned(), b"x".to_vec())]);
        assert!(is_packed(b"\x1F\x8B\x08\0") && is_packed(b"PAR1") && is_packed(&zip("train.csv")));
        assert!(is_packed(&zip("xl/workbook.xml")) && is_packed(&zip("a/dev.CoNLL")) && !is_packed(&zip("notes.doc")));
        assert!(!is_packed(&zip("cat/1.PNG")) && !is_packed(b"text,label\n") && !is_packed(b"PK\x03\x04 cut off"));
        assert!(is_packed_name("Rows.CSV.gz") && is_packed_name("a.parquet") && !is_packed_name("images.zip"));
    }
}
