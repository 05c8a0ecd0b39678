//! Files of rows that are no text yet, on their way to core: Parquet, workbooks, gzip, and zips or folders of files of rows by
//! the names of their splits. In: bytes as they came. Out: what core reads; what was chosen among several is said.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hone_core::data::{DataFiles, share_out_by_names, split_of_name};
use hone_core::event::Split;
use hone_core::images::is_image_name;
use hone_readers::{MAX_FILES, MAX_PARTS, Options, Plan, ReadFile, append, names_files, plan, read};
use indicatif::HumanBytes;

use crate::failure::io_error;
use crate::output::{MAX_DATA_BYTES, read_data_file};
use crate::progress::say;
use crate::text_folders;

/// How names of files end that are rows in a folder.
const ROWS: [&str; 15] = [
    "csv", "tsv", "tab", "psv", "json", "jsonl", "ndjson", "conll", "conllu", "bio", "parquet", "xlsx", "xlsm", "ods",
    "gz",
];

/// The card of a data set, and most folders within folders that its files lie in.
const CARD: &str = "README.md";
const MAX_DEPTH: usize = 8;

type NamedBytes = (String, Vec<u8>);

/// The folder of a data set on the hub that has its rows, beside a card.
const HUB_DATA: &str = "data";

/// The files of rows in a folder, without those of folders in it, unless all of them lie in one called `data`, as on the hub, or in
/// some that are called as splits (`train/rows.csv`); of texts in a folder for each label the rows that they are
/// ([`text_folders::read`]). `None` where it has images, or no rows.
///
/// # Errors
/// When they can't be read, are too many or too large, or are those of `save_to_disk`.
pub(crate) fn read_folder(doing: &str, dir: &Path) -> anyhow::Result<Option<Vec<NamedBytes>>> {
    if is_saved_to_disk(dir) {
        bail!(
            "can't {doing}: save_to_disk of the datasets library wrote this folder, and Arrow files are not read: load it with \
             load_from_disk and save each split with to_parquet or to_json: {}",
            dir.display()
        );
    }
    let (mut paths, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(dir).map_err(|error| io_error(doing, &error, dir))? {
        let path = entry.map_err(|error| io_error(doing, &error, dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if is_image_name(&name) {
            return Ok(None);
        }
        if path.is_dir() {
            folders.push((name, path));
        } else if is_rows(&path) {
            paths.push((name, path));
        }
    }
    if paths.is_empty() && folders.len() == 1 && dir.join(HUB_DATA).is_dir() {
        return read_folder(doing, &dir.join(HUB_DATA));
    }
    if paths.is_empty() && folders.iter().all(|(name, _)| split_of_name(name).is_some()) {
        paths = list_split_folders(doing, &folders)?;
    } else if !paths.is_empty() && !folders.is_empty() {
        return Ok(None);
    }
    if paths.is_empty() {
        return text_folders::read(doing, dir, &folders);
    }
    check_count(doing, paths.len(), MAX_PARTS, dir)?;
    paths.sort();
    let read = |(name, path): (String, PathBuf)| anyhow::Ok((name, read_data_file(doing, &path)?));
    let files: Vec<NamedBytes> = paths.into_iter().map(read).collect::<anyhow::Result<_>>()?;
    if files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() > MAX_DATA_BYTES {
        bail!("can't {doing}: its files have more than {}: {}", HumanBytes(MAX_DATA_BYTES), dir.display());
    }
    Ok(Some(files))
}

fn check_count(doing: &str, count: usize, limit: usize, dir: &Path) -> anyhow::Result<()> {
    if count > limit {
        bail!("can't {doing}: it has {count} files of rows, at most {limit} are read: {}", dir.display());
    }
    Ok(())
}

/// The rows of a data set of the hub whose card says which of its files are which split; `None` where no card says so, and where these
/// files are images. Of the others none is read.
///
/// # Errors
/// When the card does not tell which configuration is meant, or its files can't be read, or put together.
pub(crate) fn read_data_set(doing: &str, dir: &Path, sheet: Option<&str>) -> anyhow::Result<Option<Vec<NamedBytes>>> {
    let Ok(card) = std::fs::read_to_string(dir.join(CARD)) else { return Ok(None) };
    if !names_files(&card) {
        return Ok(None);
    }
    let mut paths = Vec::new();
    list_files(doing, dir, "", &mut paths)?;
    paths.sort();
    let names: Vec<&str> = paths.iter().map(|(name, _)| name.as_str()).collect();
    let plan = plan(&names, Some(&card)).with_context(|| format!("can't {doing}: {}", dir.display()))?;
    // Pictures for its text may lie beside the card, too.
    if plan.wholes.iter().flat_map(|whole| &whole.files).any(|&index| is_image_name(names[index])) {
        return Ok(None);
    }
    check_count(doing, plan.wholes.iter().map(|whole| whole.files.len()).sum(), MAX_PARTS, dir)?;
    let mut left = MAX_DATA_BYTES;
    let take = |index: usize| {
        let (name, path) = &paths[index];
        let bytes = read_data_file(doing, path)?;
        let Some(rest) = left.checked_sub(bytes.len() as u64) else {
            bail!("can't {doing}: its files have more than {}: {}", HumanBytes(MAX_DATA_BYTES), dir.display());
        };
        left = rest;
        Ok((name.clone(), bytes))
    };
    read_wholes(plan, sheet, take).with_context(|| format!("can't {doing}: {}", dir.display())).map(Some)
}

/// The files of rows in a folder and the folders in it, and the images, by their paths from the first.
fn list_files(doing: &str, dir: &Path, before: &str, paths: &mut Vec<(String, PathBuf)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(dir).map_err(|error| io_error(doing, &error, dir))? {
        let path = entry.map_err(|error| io_error(doing, &error, dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let within = format!("{before}{name}");
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() && within.matches('/').count() < MAX_DEPTH {
            list_files(doing, &path, &format!("{within}/"), paths)?;
        } else if is_rows(&path) || (path.is_file() && (name.ends_with(".txt") || is_image_name(&name))) {
            paths.push((within, path));
        }
    }
    Ok(())
}

fn is_rows(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    path.is_file() && ROWS.contains(&ending.as_str())
}

/// The files of rows in folders that are called as splits, by names such as `train/rows.csv`; none where one has images or folders.
fn list_split_folders(doing: &str, folders: &[(String, PathBuf)]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut paths = Vec::new();
    for (folder, dir) in folders {
        for entry in std::fs::read_dir(dir).map_err(|error| io_error(doing, &error, dir))? {
            let path = entry.map_err(|error| io_error(doing, &error, dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() || is_image_name(&name) {
                return Ok(Vec::new());
            }
            if is_rows(&path) && !name.starts_with('.') {
                paths.push((format!("{folder}/{name}"), path));
            }
        }
    }
    Ok(paths)
}

/// Whether it is a folder of Arrow files as the `datasets` library keeps them.
fn is_saved_to_disk(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).is_file();
    has("dataset_dict.json") || (has("state.json") && has("dataset_info.json"))
}

/// Makes text of what is none; a zip may become several files, and parts of a file become one. Says how each was read.
///
/// # Errors
/// When one can't be read; names it.
pub(crate) fn to_text(files: Vec<NamedBytes>, sheet: Option<&str>) -> anyhow::Result<Vec<NamedBytes>> {
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let plan = plan(&names, None)?;
    let mut files: Vec<Option<NamedBytes>> = files.into_iter().map(Some).collect();
    read_wholes(plan, sheet, |index| Ok(files[index].take().unwrap_or_default()))
}

/// Reads files as they are planned, each when it is its turn: parts are put behind each other, so that none lies in memory twice.
fn read_wholes(
    plan: Plan,
    sheet: Option<&str>,
    mut take: impl FnMut(usize) -> anyhow::Result<NamedBytes>,
) -> anyhow::Result<Vec<NamedBytes>> {
    if plan.wholes.len() > MAX_FILES {
        bail!("it has {} files of rows, at most {MAX_FILES} are read", plan.wholes.len());
    }
    let options = Options { sheet: sheet.map(str::to_owned), ..Options::default() };
    plan.notes.iter().for_each(|note| say(note));
    let mut texts: Vec<NamedBytes> = Vec::new();
    for whole in plan.wholes {
        let is_alone = whole.files.len() == 1;
        let (mut joined, mut said): (Option<ReadFile>, Vec<String>) = (None, Vec::new());
        for index in whole.files {
            let (path, bytes) = take(index)?;
            let found = read(&path, bytes, &options).with_context(|| format!("can't read {path}"))?;
            for file in found {
                for note in &file.notes {
                    if !said.contains(note) {
                        say(note);
                        said.push(note.clone());
                    }
                }
                match &mut joined {
                    // A card has another name for a file alone than the file has.
                    None if is_alone && whole.name == path => texts.push((file.name, file.bytes)),
                    None => joined = Some(ReadFile { name: whole.name.clone(), ..file }),
                    Some(first) => append(first, file).with_context(|| format!("can't read {path}"))?,
                }
            }
        }
        texts.extend(joined.map(|file| (file.name, file.bytes)));
    }
    Ok(texts)
}

/// The file of a split among several: the only one, or the one whose name says so.
///
/// # Errors
/// When no name says so, or several do.
pub(crate) fn choose(files: Vec<NamedBytes>, split: Split, path: &Path) -> anyhow::Result<NamedBytes> {
    if files.len() == 1 {
        return Ok(files.into_iter().next().unwrap_or_default());
    }
    let names = list(&files);
    let mut of_split = files.into_iter().filter(|(name, _)| split_of_name(name) == Some(split));
    match (of_split.next(), of_split.next()) {
        (Some(file), None) => {
            say(&format!("{}: {} is read, by its name", path.display(), file.0));
            Ok(file)
        }
        _ => bail!("which file has the {} rows? Name it: {names}: {}", split.words(), path.display()),
    }
}

/// Shares files out to the splits by their names; says so where they are several. `valid` and `test` were given by themselves.
///
/// # Errors
/// When a split has two files, or none is left to train on.
pub(crate) fn share_out(
    files: Vec<NamedBytes>,
    valid: Option<NamedBytes>,
    test: Option<NamedBytes>,
    path: &Path,
) -> anyhow::Result<DataFiles> {
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let shared = if names.len() == 1 { Some([Some(0), None, None]) } else { share_out_by_names(&names, false) };
    let Some(indices) = shared else {
        bail!(
            "which of its files is for what? Have \"train\", \"valid\" and \"test\" in their names, one file each: {}: {}",
            list(&files),
            path.display()
        );
    };
    if files.len() > 1 {
        let uses = ["for training", "for validation", "as test rows"];
        let used =
            indices.iter().zip(uses).filter_map(|(index, what)| Some(format!("{} {what}", names.get((*index)?)?)));
        say(&format!("by their names: {}", used.collect::<Vec<_>>().join(", ")));
    }
    let mut files: Vec<Option<NamedBytes>> = files.into_iter().map(Some).collect();
    let [train, own_valid, own_test] = indices.map(|index| index.and_then(|index| files[index].take()));
    for (flag, given, own) in [("--valid", &valid, &own_valid), ("--test", &test, &own_test)] {
        if let (Some(_), Some((own, _))) = (given, own) {
            bail!(
                "{flag}: is given, and {own} stands beside the training rows: leave one of them out: {}",
                path.display()
            );
        }
    }
    let train = train.context("no file is left to train on")?;
    let is_test_by_name = own_test.is_some();
    Ok(DataFiles { train, valid: valid.or(own_valid), test: test.or(own_test), is_test_by_name })
}

fn list(files: &[NamedBytes]) -> String {
    files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<NamedBytes> {
        names.iter().map(|name| ((*name).to_owned(), b"a,b\n".to_vec())).collect()
    }

    #[test]
    fn files_of_a_zip_or_folder_go_where_their_names_say() {
        let path = Path::new("set.zip");
        let shared = share_out(files(&["test.csv", "train.csv", "dev.csv"]), None, None, path).expect("one each");
        let names = [Some(&shared.train), shared.valid.as_ref(), shared.test.as_ref()];
        assert_eq!(
            names.map(|file| file.map(|(name, _)| name.as_str())),
            [Some("train.csv"), Some("dev.csv"), Some("test.csv")]
        );
        assert!(shared.is_test_by_name);
        let given = share_out(files(&["train.csv"]), None, files(&["mine.csv"]).pop(), path).expect("one each");
        assert!(given.test.is_some() && !given.is_test_by_name);
        let twice = share_out(files(&["train.csv", "dev.csv"]), files(&["mine.csv"]).pop(), None, path);
        assert!(twice.expect_err("two for validation").to_string().starts_with("--valid: is given, and dev.csv"));
        assert!(share_out(files(&["may.csv", "june.csv"]), None, None, path).is_err());
        let one = share_out(files(&["test.csv"]), None, None, path).expect("the only one is trained on");
        assert_eq!(one.train.0, "test.csv");
    }

    #[test]
    fn one_file_is_chosen_by_its_split() {
        let path = Path::new("set.zip");
        assert_eq!(choose(files(&["rows.csv"]), Split::Test, path).expect("the only one").0, "rows.csv");
        assert_eq!(choose(files(&["train.csv", "test.csv"]), Split::Test, path).expect("by its name").0, "test.csv");
        assert!(choose(files(&["train.csv", "test.csv"]), Split::Valid, path).is_err());
    }

    #[test]
    fn a_data_set_is_read_as_its_card_says() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("the folder is ours");
            std::fs::write(path, text).expect("the folder is ours");
        };
        for (name, text) in [
            ("en/train-00001-of-00002.csv", "t,l\nb,y\n"),
            ("en/train-00000-of-00002.csv", "t,l\na,x\n"),
            ("en/more/test.csv", "t,l\nc,x\n"),
            ("fr/train.csv", "t,l\nd,x\n"),
        ] {
            write(name, text);
        }
        assert!(read_data_set("read", dir.path(), None).expect("there is no card").is_none());
        let card = "---\nconfigs:\n- config_name: en\n  data_files:\n  - split: train\n    path: en/train-*\n  - split: test\n    \
                    path: en/**/test.csv\n- config_name: fr\n  data_files: fr/*\n---\n";
        write(CARD, card);
        let error = format!("{:#}", read_data_set("read", dir.path(), None).expect_err("which one?"));
        assert!(error.starts_with("can't read: ") && error.contains("\"en\", \"fr\""), "{error}");
        write(CARD, &card.replace("- config_name: en\n", "- config_name: en\n  default: true\n"));
        let files = read_data_set("read", dir.path(), None).expect("it is clear").expect("there is a card");
        let text = |text: &str| text.as_bytes().to_vec();
        let expected = [("train.csv", text("t,l\na,x\nb,y\n")), ("test.csv", text("t,l\nc,x\n"))];
        assert_eq!(files, expected.map(|(name, bytes)| (name.to_owned(), bytes)));
        write("logo.png", "");
        assert_eq!(
            read_data_set("read", dir.path(), None).expect("a picture is no row").map(|files| files.len()),
            Some(2)
        );
        write("fr/1.png", "");
        write(CARD, "---\nconfigs:\n- config_name: fr\n  data_files: fr/**\n---\n");
        assert!(read_data_set("read", dir.path(), None).expect("it can be read").is_none(), "a data set of images");
    }

    #[test]
    fn parts_and_files_of_a_split_become_one() {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let files = vec![
            file("train/b.csv", "t,l\nb,y\n"),
            file("test-00001-of-00002.jsonl", "{\"t\": 2}\n"),
            file("train/a.csv", "t,l\na,x"),
            file("test-00000-of-00002.jsonl", "{\"t\": 1}"),
        ];
        let mut texts = to_text(files, None).expect("they are alike");
        texts.sort();
        let expected = [file("test.jsonl", "{\"t\": 1}\n{\"t\": 2}\n"), file("train.csv", "t,l\na,x\nb,y\n")];
        assert_eq!(texts, expected);
        let others = vec![file("train/a.csv", "t,l\na,x\n"), file("train/b.csv", "text\n")];
        let error = format!("{:#}", to_text(others, None).expect_err("they are not alike"));
        assert!(error.starts_with("can't read train/b.csv: "), "{error}");
    }

    #[test]
    fn a_folder_of_rows_is_told_from_one_of_images() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str| std::fs::write(dir.path().join(name), "a,b\n").expect("the folder is ours");
        assert!(read_folder("read", dir.path()).expect("it can be read").is_none());
        ["valid.csv", "train.csv", "README.md", ".hidden.csv"].into_iter().for_each(write);
        let found = read_folder("read", dir.path()).expect("it can be read").expect("it has rows");
        assert_eq!(list(&found), "train.csv, valid.csv");
        // A data set of the hub: a card, and a folder of rows.
        let hub = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(hub.path().join(HUB_DATA)).expect("the folder is ours");
        for name in ["README.md", "data/train.csv"] {
            std::fs::write(hub.path().join(name), "a,b\n").expect("the folder is ours");
        }
        let rows = read_folder("read", hub.path()).expect("it can be read").expect("it has rows");
        assert_eq!(list(&rows), "train.csv");
        std::fs::write(hub.path().join("dataset_dict.json"), "{}").expect("the folder is ours");
        let error = read_folder("read", hub.path()).expect_err("Arrow files").to_string();
        assert!(error.starts_with("can't read: save_to_disk of the datasets library wrote this folder"), "{error}");
        let splits = tempfile::tempdir().expect("a temporary folder");
        for folder in ["train", "validation"] {
            std::fs::create_dir(splits.path().join(folder)).expect("the folder is ours");
            std::fs::write(splits.path().join(folder).join("a.csv"), "a,b\n").expect("the folder is ours");
        }
        let rows = read_folder("read", splits.path()).expect("it can be read").expect("it has rows");
        assert_eq!(list(&rows), "train/a.csv, validation/a.csv");
        let shared = share_out(rows, None, None, splits.path()).expect("one each");
        assert_eq!((shared.train.0.as_str(), shared.test), ("train/a.csv", None));
        write("1.png");
        assert!(read_folder("read", dir.path()).expect("it can be read").is_none());
    }
}
