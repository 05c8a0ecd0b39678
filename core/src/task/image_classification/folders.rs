//! Images in folders: what in a zip is an image, which of its folders are labels, and which are those of training,
//! validation and test.
//!
//! In: the files of a zip. Out: the images with their split, and their label or why they have none; and those that are of no split.

use crate::data::{DataError, Table, extension};
use crate::images::{Archive, is_image_name};
use crate::words::{list, plural};

/// Names that a sentence lists; the rest is counted.
const MAX_NAMED: usize = 10;

/// Names of files that programs leave behind, in lower case.
const LEFT_BEHIND: [&str; 3] = ["__macosx", "thumbs.db", "desktop.ini"];

/// How names of tables end.
const TABLE_ENDINGS: [&str; 6] = ["csv", "tsv", "tab", "json", "jsonl", "ndjson"];

/// Names of the folders that have the rows of a split, in lower case.
const SPLIT_FOLDERS: [&[&str]; 3] =
    [&["train", "training"], &["valid", "validation", "val", "dev"], &["test", "testing"]];

/// Names of folders whose images have no label yet, in lower case; the first is the one that Hone itself gives.
const UNLABELED_FOLDERS: [&str; 3] = [super::read::UNLABELED, "unlabelled", "unsup"];

/// A file of a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZipFile {
    /// Its index in the zip.
    pub(super) entry: usize,
    /// Its path, with `/` between folders.
    pub(super) path: String,
}

/// What is in a zip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Contents {
    /// Images, in the order of the zip.
    pub(super) images: Vec<ZipFile>,
    /// Tables, which may name images.
    pub(super) tables: Vec<ZipFile>,
    /// Paths of all other files.
    pub(super) others: Vec<String>,
}

/// An image with what its place in the zip, or a table, says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedImage {
    /// The number of the row: the place of the image among all images of its zip, or the row of its table, those of
    /// a later table numbered on.
    pub(super) row: usize,
    /// Its index in the zip.
    pub(super) entry: usize,
    pub(super) path: String,
    /// Empty where it has none.
    pub(super) label: String,
    /// Why the zip gives it none, where that is so.
    pub(super) no_label: Option<String>,
    /// 0 for training, 1 for validation, 2 for test; 0 where the zip has no folders of splits.
    pub(super) split: usize,
}

/// Numbers the rows of a table behind those of the tables before it, so that a number which is edited is of one image alone; returns the
/// last number.
pub(super) fn number_on(table: &mut Table, last_row: usize) -> usize {
    let rows = table.rows.iter_mut().map(|row| &mut row.number);
    let numbers = rows.chain(table.bad_rows.iter_mut().map(|bad| &mut bad.row));
    let numbered = numbers.map(|number| {
        *number += last_row;
        *number
    });
    numbered.max().unwrap_or(last_row)
}

/// An image of no split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unlisted {
    /// Its place among all images of its zip, from 1.
    pub(super) row: usize,
    pub(super) path: String,
}

impl Contents {
    /// Sorts the files of a zip; what programs leave behind and what is hidden is passed over.
    ///
    /// # Errors
    /// When none is an image.
    pub(super) fn of<B: AsRef<[u8]> + Clone>(archive: &Archive<B>) -> Result<Self, DataError> {
        let mut contents = Self::default();
        for (entry, name) in archive.files() {
            let path = plain_path(name);
            if is_passed_over(&path) {
                continue;
            }
            if is_image_name(&path) {
                contents.images.push(ZipFile { entry, path });
            } else if TABLE_ENDINGS.contains(&extension(&path).as_str()) {
                contents.tables.push(ZipFile { entry, path });
            } else {
                contents.others.push(path);
            }
        }
        if contents.images.is_empty() {
            let tables = contents.tables.iter().map(|table| table.path.as_str());
            let files: Vec<&str> = tables.chain(contents.others.iter().map(String::as_str)).collect();
            let found = if files.is_empty() { "no files".to_owned() } else { name_files(&files) };
            return Err(DataError::NoImages { found });
        }
        Ok(contents)
    }

    /// Says which files are no images and no tables; nothing where all are.
    pub(super) fn warn_of_others(&self) -> Option<String> {
        let others: Vec<&str> = self.others.iter().map(String::as_str).collect();
        let are =
            if others.len() == 1 { "is no image by its name and is" } else { "are no images by their names and are" };
        (!others.is_empty()).then(|| format!("{} {are} passed over: {}", plural(others.len(), "file"), quoted(&others)))
    }

    /// Whether most images lie in folders, which may be their labels.
    pub(super) fn has_folders(&self) -> bool {
        let start = common_folder(&self.images);
        self.images.iter().filter(|image| image.path[start..].contains('/')).count() * 2 > self.images.len()
    }

    /// The images with the folder that they lie in as their label, and those that are of no split.
    pub(super) fn by_folder(&self) -> (Vec<ListedImage>, Vec<Unlisted>) {
        let start = common_folder(&self.images);
        let paths = || self.images.iter().map(|image| &image.path[start..]);
        let are_named = !has_splits(paths(), 3) && are_named_by_split(paths());
        let split_of = if are_named { split_in_name } else { split_of };
        let has_splits = are_named || has_splits(paths(), 3);
        let (mut listed, mut unlisted) = (Vec::new(), Vec::new());
        for (index, image) in self.images.iter().enumerate() {
            let (row, inside) = (index + 1, &image.path[start..]);
            if !has_splits {
                listed.push(listed_image(row, image, inside, None));
                continue;
            }
            let Some(split) = split_of(inside) else {
                if label_of(inside).is_some_and(is_unlabeled_folder) {
                    listed.push(listed_image(row, image, inside, None));
                    continue;
                }
                unlisted.push(Unlisted { row, path: image.path.clone() });
                continue;
            };
            let (folder, below) = inside.split_once('/').unwrap_or_default();
            // Some archives have a folder of one name in the other, seg_train/seg_train; but train may be a label.
            let inner = below.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
            let below = inner.filter(|_| are_named).unwrap_or(below);
            listed.push(listed_image(row, image, below, Some(split)));
        }
        (listed, unlisted)
    }

    /// Where the images lie in one folder and in no other it tells none from another: they have no label then, but for those in folders
    /// inside it. Returns the name of that folder. Images of a label in `known` have it.
    pub(super) fn open_only_folder(&self, images: &mut [ListedImage], known: &[String]) -> Option<String> {
        let folder = images.first().map(|image| image.label.clone()).filter(|folder| !folder.is_empty())?;
        if known.contains(&folder) || !images.iter().all(|image| image.label == folder && image.split == 0) {
            return None;
        }
        let start = common_folder(&self.images);
        for image in images {
            let below =
                image.path.get(start..).and_then(|inside| inside.split_once('/')).map_or("", |(_, below)| below);
            let label = label_of(below).filter(|label| !is_unlabeled_folder(label)).unwrap_or_default().to_owned();
            image.no_label = label.is_empty().then(|| {
                format!(
                    "{}: lies in the folder {folder:?} as all others, which tells no label from another",
                    image.path
                )
            });
            image.label = label;
        }
        Some(folder)
    }
}

/// An image in folders; `inside` is its path below the folder round all, or below that of its split where there are such.
fn listed_image(row: usize, image: &ZipFile, inside: &str, split: Option<usize>) -> ListedImage {
    let ZipFile { entry, path } = image;
    let folder = label_of(inside);
    let no_label = match folder {
        Some(folder) if is_unlabeled_folder(folder) => Some(format!("{path}: lies in the folder {folder:?}")),
        Some(_) => None,
        None if split.is_some() => Some(format!("{path}: lies in the folder of a split, but in none of a label")),
        None => Some(format!("{path}: lies in no folder, which would be its label")),
    };
    let label = folder.filter(|_| no_label.is_none()).unwrap_or_default().to_owned();
    ListedImage { row, entry: *entry, path: path.clone(), label, no_label, split: split.unwrap_or(0) }
}

/// Whether a folder is one of images without labels, by its name.
#[must_use]
pub fn is_unlabeled_folder(folder: &str) -> bool {
    UNLABELED_FOLDERS.contains(&folder.to_ascii_lowercase().as_str())
}

/// A path with `/` between folders, without a beginning that says nothing.
pub(super) fn plain_path(name: &str) -> String {
    let path = name.replace('\\', "/");
    let mut rest = path.as_str();
    while let Some(shorter) = rest.strip_prefix("./").or_else(|| rest.strip_prefix('/')) {
        rest = shorter;
    }
    rest.to_owned()
}

/// Whether a path is hidden, or something that a program left behind.
pub(super) fn is_passed_over(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || LEFT_BEHIND.contains(&part.to_ascii_lowercase().as_str()))
}

/// Bytes of the folders that are round all images, with their last `/`: there are no labels in a folder round all, as long
/// as most images lie in another one inside it.
pub(super) fn common_folder(images: &[ZipFile]) -> usize {
    let mut start = 0;
    loop {
        let first_folder = |image: &ZipFile| image.path[start..].find('/').map(|slash| start + slash + 1);
        let Some(end) = images.first().and_then(first_folder) else { return start };
        let folder = &images[0].path[start..end];
        let is_common = images.iter().all(|image| image.path[start..].starts_with(folder));
        if !is_common || images.iter().filter(|image| image.path[end..].contains('/')).count() * 2 <= images.len() {
            return start;
        }
        start = end;
    }
}

/// Whether folders are those of splits: most images of the folder to train on have at least so many parts in their path.
/// `train` may also be the name of a label.
pub(super) fn has_splits<'a>(paths: impl Iterator<Item = &'a str>, num_parts: usize) -> bool {
    let of_training = paths.filter(|path| split_of(path) == Some(0));
    let (deep, flat): (Vec<&str>, Vec<&str>) = of_training.partition(|path| path.split('/').count() >= num_parts);
    deep.len() > flat.len()
}

/// The split whose folder a path begins with.
pub(super) fn split_of(path: &str) -> Option<usize> {
    let (folder, _) = path.split_once('/')?;
    let folder = folder.to_ascii_lowercase();
    SPLIT_FOLDERS.iter().position(|names| names.contains(&folder.as_str()))
}

/// Whether all folders around images have a split in their names, as `seg_train` and `seg_test`, two of them at least.
fn are_named_by_split<'a>(mut paths: impl Iterator<Item = &'a str>) -> bool {
    let mut found = [false; 3];
    let are_all = paths.all(|path| {
        let split = split_in_name(path).filter(|_| path.split('/').count() > 2);
        split.map(|split| found[split] = true).is_some()
    });
    are_all && found[0] && (found[1] || found[2])
}

/// The split that the folder has in its name with which a path begins.
fn split_in_name(path: &str) -> Option<usize> {
    let (folder, _) = path.split_once('/')?;
    let folder = folder.to_ascii_lowercase();
    let mut words = folder.split(|letter: char| !letter.is_alphanumeric());
    words.find_map(|word| SPLIT_FOLDERS.iter().position(|names| names.contains(&word)))
}

/// The folder that a path begins with.
fn label_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder.trim()).filter(|folder| !folder.is_empty())
}

/// `2 files ("a.txt", "b.txt")`.
pub(super) fn name_files(paths: &[&str]) -> String {
    format!("{} ({})", plural(paths.len(), "file"), quoted(paths))
}

/// The first ten paths in quotes, and how many more there are.
pub(super) fn quoted(paths: &[&str]) -> String {
    let shown: Vec<String> = paths.iter().take(MAX_NAMED).map(|path| format!("{path:?}")).collect();
    list(&shown, paths.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::pack_zip;

    fn contents(paths: &[&str]) -> Result<Contents, DataError> {
        let files: Vec<(String, Vec<u8>)> = paths.iter().map(|path| ((*path).to_owned(), Vec::new())).collect();
        Contents::of(&Archive::open(pack_zip(&files)).expect("a zip"))
    }

    /// Row, label and split of each image, and row and path of each that has no split.
    type Listed = (Vec<(usize, String, usize)>, Vec<(usize, String)>);

    fn listed(paths: &[&str]) -> Listed {
        let (listed, unlisted) = contents(paths).expect("images").by_folder();
        (
            listed.into_iter().map(|image| (image.row, image.label, image.split)).collect(),
            unlisted.into_iter().map(|image| (image.row, image.path)).collect(),
        )
    }

    fn row(row: usize, label: &str, split: usize) -> (usize, String, usize) {
        (row, label.to_owned(), split)
    }

    #[test]
    fn a_folder_is_a_label_also_below_a_folder_round_all() {
        let expected = [row(1, "circle", 0), row(2, "square", 0), row(3, "square", 0)];
        for root in ["", "shapes/", "shapes/images/", "./"] {
            let paths = ["circle/1.png", "square/1.JPG", "square/more/2.png"].map(|path| format!("{root}{path}"));
            let (found, unlisted) = listed(&paths.each_ref().map(String::as_str));
            assert_eq!(found, expected, "{root}");
            assert!(unlisted.is_empty());
        }
        assert_eq!(listed(&["a\\1.png", "b\\2.png"]).0, [row(1, "a", 0), row(2, "b", 0)], "as Windows packs");
        assert_eq!(listed(&["cats/1.png", "cats/2.png"]).0, [row(1, "cats", 0), row(2, "cats", 0)], "one label");
    }

    #[test]
    fn what_is_hidden_or_left_behind_is_passed_over_and_other_files_are_said() {
        let paths = ["__MACOSX/a/._1.png", "a/.DS_Store", "a/Thumbs.db", "a/._1.png", "a/1.png", "b/2.png", "b/x.txt"];
        let found = contents(&paths).expect("images");
        assert_eq!(found.images.iter().map(|image| image.path.as_str()).collect::<Vec<_>>(), ["a/1.png", "b/2.png"]);
        let said = "1 file is no image by its name and is passed over: \"b/x.txt\"";
        assert_eq!(found.warn_of_others().as_deref(), Some(said));
        assert_eq!(contents(&["a/1.png"]).expect("an image").warn_of_others(), None);
    }

    #[test]
    fn a_zip_without_images_says_what_it_holds() {
        let error = contents(&["a.csv", "b/c.docx"]).expect_err("none").to_string();
        let start = "the zip holds no images: it holds 2 files (\"a.csv\", \"b/c.docx\"); images end in .jpg";
        assert!(error.starts_with(start), "{error}");
        assert!(contents(&["__MACOSX/1.png"]).expect_err("none").to_string().contains("it holds no files"));
    }

    #[test]
    fn folders_of_splits_have_folders_of_labels() {
        let paths = ["d/train/a/1.png", "d/Train/b/2.png", "d/val/a/3.png", "d/test/b/4.png"];
        let (found, _) = listed(&paths);
        assert_eq!(found, [row(1, "a", 0), row(2, "b", 0), row(3, "a", 1), row(4, "b", 2)]);
        let paths = ["train/a/1.png", "train/b/2.png", "train/3.png", "more/a/4.png", "5.png"];
        let (found, unlisted) = listed(&paths);
        assert_eq!(found, [row(1, "a", 0), row(2, "b", 0), row(3, "", 0)]);
        assert_eq!(unlisted, [(4, "more/a/4.png".to_owned()), (5, "5.png".to_owned())]);
        let why = contents(&paths).expect("images").by_folder().0[2].no_label.clone();
        assert_eq!(why.as_deref(), Some("train/3.png: lies in the folder of a split, but in none of a label"));
        let paths = ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/2.png", "seg_test/seg_test/a/3.png"];
        assert_eq!(listed(&paths).0, [row(1, "a", 0), row(2, "b", 0), row(3, "a", 2)], "as Kaggle has them");
        let (found, _) = listed(&["train station/1.png", "test tube/2.png", "bus/3.png"]);
        assert_eq!(found, [row(1, "train station", 0), row(2, "test tube", 0), row(3, "bus", 0)]);
        let (found, _) = listed(&["train/1.png", "bus/2.png", "car/3.png"]);
        assert_eq!(found, [row(1, "train", 0), row(2, "bus", 0), row(3, "car", 0)], "a train is a vehicle");
    }

    #[test]
    fn images_in_no_folder_or_in_one_of_unlabeled_images_have_no_label() {
        let (found, unlisted) = listed(&["a/1.png", "b/2.png", "3.png", "Unlabeled/more/4.png", "unlabelled/5.png"]);
        let expected = [row(1, "a", 0), row(2, "b", 0), row(3, "", 0), row(4, "", 0), row(5, "", 0)];
        assert_eq!((found, unlisted), (expected.to_vec(), Vec::new()));
        let (found, unlisted) = listed(&["train/a/1.png", "train/b/2.png", "test/a/3.png", "unlabeled/4.png"]);
        assert_eq!(
            (found[3].clone(), unlisted.len()),
            (row(4, "", 0), 0),
            "beside the folders of splits, as STL-10 has it"
        );
        let why =
            |paths: &[&str]| contents(paths).expect("images").by_folder().0.pop().and_then(|image| image.no_label);
        let of_folder = why(&["a/1.png", "b/2.png", "unlabeled/3.png"]);
        assert_eq!(of_folder.as_deref(), Some("unlabeled/3.png: lies in the folder \"unlabeled\""));
        assert_eq!(why(&["1.png"]).as_deref(), Some("1.png: lies in no folder, which would be its label"));
        assert_eq!(why(&["a/1.png"]), None);
        assert!(!contents(&["1.png", "2.png"]).expect("images").has_folders());
        assert!(contents(&["a/1.png", "b/2.png"]).expect("images").has_folders());
    }

    #[test]
    fn a_folder_round_all_images_is_no_label_but_those_inside_it_are() {
        let opened = |paths: &[&str], known: &[&str]| {
            let contents = contents(paths).expect("images");
            let mut images = contents.by_folder().0;
            let known: Vec<String> = known.iter().map(|label| (*label).to_owned()).collect();
            let folder = contents.open_only_folder(&mut images, &known);
            let labels: Vec<String> = images.iter().map(|image| image.label.clone()).collect();
            assert!(images.iter().all(|image| image.label.is_empty() == image.no_label.is_some()), "{images:?}");
            (folder, labels)
        };
        let paths = ["photos/1.png", "photos/2.png", "photos/cat/3.png", "photos/4.png", "photos/unlabeled/5.png"];
        let labels = ["", "", "cat", "", ""].map(str::to_owned).to_vec();
        assert_eq!(opened(&paths, &[]), (Some("photos".to_owned()), labels));
        assert_eq!(opened(&paths, &["photos"]), (None, vec!["photos".to_owned(); 5]), "a model knows it as a label");
        assert_eq!(opened(&["a/1.png", "b/2.png"], &[]).0, None);
        assert_eq!(opened(&["1.png", "2.png"], &[]).0, None);
    }
}
