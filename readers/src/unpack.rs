//! gzip and zip around files of rows: unpacked in memory, with limits before it is taken. Names of entries are shown and compared
//! only: nothing is written under them.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::kind::Kind;
use crate::wholes::{append, is_split_folder, named, names_files, plan};
use crate::{Limits, Options, ReadError, ReadFile, Whole, read_one};

/// How names of files of rows end.
const ROWS: [&str; 14] =
    ["csv", "tsv", "tab", "psv", "json", "jsonl", "ndjson", "parquet", "xlsx", "xlsm", "ods", "conll", "conllu", "bio"];

/// How names of files end that are rows where there are no others: a `README.txt` is none.
const TEXTS: [&str; 2] = ["txt", "text"];

/// How names of images end: a zip that holds one is not unpacked here.
const IMAGES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "jpe"];

/// Most files of rows of a zip or folder, once those that are read as one are put together.
pub const MAX_FILES: usize = 16;

/// Most files of rows that these are put together of.
pub const MAX_PARTS: usize = 256;

/// What the card of a data set is called, and most bytes that it may have.
const CARD: &str = "readme.md";
const MAX_CARD: u64 = 1 << 20;

/// What is made room for before a file is unpacked: the size that is claimed for it may be wrong.
const MAX_CLAIMED: u64 = 1 << 20;

/// Why something was not unpacked.
#[derive(Debug)]
pub(crate) enum Unpacked {
    /// Its bytes.
    Whole(Vec<u8>),
    /// There are more than the limit.
    TooLarge,
}

/// All that a reader gives, or that it is more than `limit`.
pub(crate) fn read_within(reader: impl Read, claimed: u64, limit: u64) -> std::io::Result<Unpacked> {
    let mut bytes = Vec::with_capacity(claimed.min(limit).min(MAX_CLAIMED) as usize);
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(if bytes.len() as u64 > limit { Unpacked::TooLarge } else { Unpacked::Whole(bytes) })
}

/// Unpacks a gzip, of several members too.
pub(crate) fn gunzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, ReadError> {
    let limit = limits.unpacked(bytes.len() as u64);
    match read_within(MultiGzDecoder::new(bytes), bytes.len() as u64, limit).map_err(ReadError::Gzip)? {
        Unpacked::Whole(bytes) => Ok(bytes),
        Unpacked::TooLarge => Err(ReadError::TooLarge { limit }),
    }
}

/// The name of what a gzip holds.
pub(crate) fn without_gz(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let end = [".gz", ".gzip"].into_iter().find(|end| lower.ends_with(end)).map_or(0, str::len);
    match &name[..name.len() - end] {
        "" => name.to_owned(),
        inner => inner.to_owned(),
    }
}

/// A file that is left to core, which says what is wrong with it.
fn as_it_is(name: &str, bytes: Vec<u8>) -> Vec<ReadFile> {
    vec![ReadFile { name: name.to_owned(), bytes, notes: Vec::new() }]
}

/// Reads the files of rows of a zip. A zip with images comes back as it is: it is rows of another kind; one without any rows, too.
pub(crate) fn read_zip(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Vec<ReadFile>, ReadError> {
    let limits = &options.limits;
    let mut zip = ZipArchive::new(Cursor::new(bytes.as_slice())).map_err(ReadError::Zip)?;
    if zip.len() > limits.max_entries {
        return Err(ReadError::TooManyEntries { found: zip.len(), limit: limits.max_entries });
    }
    let files: Vec<(usize, String)> = (0..zip.len())
        .filter_map(|index| Some((index, zip.name_for_index(index)?.to_owned())))
        .filter(|(_, name)| !name.split(['/', '\\']).any(is_passed_over))
        .collect();
    if files.iter().any(|(_, name)| IMAGES.contains(&ending(name).as_str())) {
        drop(zip);
        return Ok(as_it_is(name, bytes));
    }
    let (mut chosen, mut others) = choose(files.clone());
    if chosen.is_empty() {
        drop(zip);
        return Ok(as_it_is(name, bytes));
    }
    let card = read_card(&mut zip, &files);
    if let Some((folder, _)) = &card {
        // Paths in a card begin in its folder.
        let (within, beside): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|(path, _)| path.starts_with(folder));
        others.extend(beside.into_iter().map(|(path, _)| path));
        others.retain(|path| !is_card(path));
        chosen = within;
    }
    if chosen.len() > MAX_PARTS {
        return Err(ReadError::TooManyFiles { found: chosen.len(), limit: MAX_PARTS });
    }
    let skipped = card.as_ref().map_or(0, |(folder, _)| folder.len());
    let paths: Vec<&str> = chosen.iter().map(|(path, _)| &path[skipped..]).collect();
    let plan = plan(&paths, card.as_ref().map(|(_, text)| text.as_str()))?;
    if plan.wholes.len() > MAX_FILES {
        return Err(ReadError::TooManyFiles { found: plan.wholes.len(), limit: MAX_FILES });
    }
    let mut read: Vec<ReadFile> = Vec::with_capacity(plan.wholes.len());
    let total = limits.unpacked(bytes.len() as u64);
    let mut left = total;
    let of_wholes =
        plan.wholes.iter().flat_map(|whole| whole.files.iter().enumerate().map(move |(at, &file)| (whole, at, file)));
    for (whole, at, place) in of_wholes {
        let (path, index) = &chosen[place];
        // What one file takes, in whatever it is packed once more, is no longer there for the next.
        let options = Options { limits: Limits { max_bytes: left, ..limits.clone() }, ..options.clone() };
        let failed = |error| match error {
            ReadError::TooLarge { .. } => ReadError::TooLarge { limit: total },
            ReadError::Entry { .. } => error,
            error => in_zip(path, error),
        };
        let entry = unpack_entry(&mut zip, *index, path, left).map_err(failed)?;
        let (inner, mut notes) = unpack_inner(path, entry, &options.limits).map_err(failed)?;
        let mut file = read_one(&inner.0, inner.1, &options).map_err(failed)?;
        left = left.checked_sub(file.bytes.len() as u64).ok_or(ReadError::TooLarge { limit: total })?;
        notes.append(&mut file.notes);
        if let (Some(first), true) = (read.last_mut(), at > 0) {
            append(first, file)?;
            notes.retain(|note| !first.notes.contains(note));
            first.notes.append(&mut notes);
            continue;
        }
        if whole.files.len() == 1 {
            notes.insert(0, format!("{path} in {name} is read"));
        }
        let name = name_of(whole, paths[place], file.name);
        read.push(ReadFile { name, notes, ..file });
    }
    if let Some(first) = read.first_mut() {
        drop(first.notes.splice(0..0, plan.notes));
    }
    if let (Some(first), false) = (read.first_mut(), others.is_empty()) {
        first.notes.push(format!("not read in {name}: {}", named(&others)));
    }
    Ok(read)
}

/// Whether a file is the card of a data set, by its path.
fn is_card(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(CARD))
}

/// The card of a data set in a zip, with the folder that it lies in: the first of the uppermost.
fn read_card(zip: &mut ZipArchive<Cursor<&[u8]>>, files: &[(usize, String)]) -> Option<(String, String)> {
    let cards = files.iter().filter(|(_, path)| is_card(path));
    let (index, path) = cards.min_by_key(|card| card.1.matches('/').count())?;
    let entry = zip.by_index(*index).ok()?;
    let claimed = entry.size();
    let Ok(Unpacked::Whole(bytes)) = read_within(entry, claimed, MAX_CARD) else { return None };
    let text = String::from_utf8(bytes).ok().filter(|text| names_files(text))?;
    Some((path[..path.len() - CARD.len()].to_owned(), text))
}

/// The name of what was read at a path: of a file alone its own, with that of its folder where only this speaks of a split.
fn name_of(whole: &Whole, path: &str, own: String) -> String {
    if whole.name != path {
        return whole.name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    }
    let folder = path.rsplit(['/', '\\']).nth(1).unwrap_or_default();
    if is_split_folder(folder) { format!("{folder}/{own}") } else { own }
}

/// Hidden names, and what a Mac packs beside each file.
fn is_passed_over(part: &str) -> bool {
    part.is_empty() || part.starts_with('.') || part == "__MACOSX"
}

/// What a name ends in, in lower case, without that of a gzip.
pub(crate) fn ending(name: &str) -> String {
    let inner = without_gz(name);
    inner.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// The files of rows by their names, with their indices; and the names of the others.
fn choose(files: Vec<(usize, String)>) -> (Vec<(String, usize)>, Vec<String>) {
    let is_rows = |(_, name): &(usize, String)| ROWS.contains(&ending(name).as_str());
    let has_rows = files.iter().any(is_rows);
    let is_taken = |file: &(usize, String)| {
        if has_rows { is_rows(file) } else { TEXTS.contains(&ending(&file.1).as_str()) }
    };
    let (chosen, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_taken);
    let mut chosen: Vec<(String, usize)> = chosen.into_iter().map(|(index, name)| (name, index)).collect();
    chosen.sort();
    (chosen, others.into_iter().map(|(_, name)| name).collect())
}

fn unpack_entry(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    path: &str,
    limit: u64,
) -> Result<Vec<u8>, ReadError> {
    let failed = |reason: String| ReadError::Entry { name: path.to_owned(), reason };
    let entry = zip.by_index(index).map_err(|error| match error {
        ZipError::UnsupportedArchive(reason) if reason == ZipError::PASSWORD_REQUIRED => {
            failed("it is encrypted: pack the zip without a password".into())
        }
        ZipError::UnsupportedArchive(_) => failed("pack the zip as other programs do (deflate)".into()),
        error => failed(error.to_string()),
    })?;
    let claimed = entry.size();
    match read_within(entry, claimed, limit).map_err(|error| failed(error.to_string()))? {
        Unpacked::Whole(bytes) => Ok(bytes),
        Unpacked::TooLarge => Err(ReadError::TooLarge { limit }),
    }
}

/// A file by name, and what there is to say of it.
type NotedFile = ((String, Vec<u8>), Vec<String>);

/// Unpacks an entry once more where it is a gzip.
fn unpack_inner(path: &str, bytes: Vec<u8>, limits: &Limits) -> Result<NotedFile, ReadError> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match Kind::of(&bytes)? {
        Kind::Gzip => {
            let inner = gunzip(&bytes, limits)?;
            Ok(((without_gz(name), inner), vec![format!("{name} is packed with gzip")]))
        }
        _ => Ok(((name.to_owned(), bytes), Vec::new())),
    }
}

fn in_zip(path: &str, error: ReadError) -> ReadError {
    ReadError::Entry { name: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::read;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::default());
        writer.write_all(bytes).expect("memory");
        writer.finish().expect("memory")
    }

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).expect("a new name");
            writer.write_all(bytes).expect("memory");
        }
        writer.finish().expect("memory").into_inner()
    }

    fn small() -> Options {
        let limits = Limits { max_bytes: 1 << 20, max_entries: 3, max_ratio: 10, free_bytes: 1 << 10 };
        Options { sheet: None, limits }
    }

    #[test]
    fn a_gzip_gives_what_it_holds_under_its_own_name() {
        let two = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        let files = read("Rows.CSV.GZ", two, &Options::default()).expect("it is whole");
        assert_eq!(
            (files.len(), files[0].name.as_str(), files[0].bytes.as_slice()),
            (1, "Rows.CSV", &b"a,b\n1,2\n"[..])
        );
        assert!(files[0].notes[0].contains("gzip"), "{:?}", files[0].notes);
        let mut cut = gzip(b"a,b\n1,2\n");
        cut.truncate(cut.len() - 5);
        assert!(matches!(read("x.gz", cut, &Options::default()), Err(ReadError::Gzip(_))));
        assert!(matches!(read("x.gz", gzip(&[b'a'; 1 << 16]), &small()), Err(ReadError::TooLarge { .. })));
    }

    #[test]
    fn a_zip_gives_its_files_of_rows_by_their_names() {
        let bytes = zip(&[
            ("set/valid.jsonl.gz", &gzip(b"{\"a\": 1}\n")),
            ("set/train.csv", b"a,b\n"),
            ("README.txt", b"hello"),
            ("__MACOSX/set/._train.csv", b"x"),
        ]);
        let files = read("set.zip", bytes, &Options::default()).expect("it is whole");
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["train.csv", "valid.jsonl"]);
        assert_eq!(files[1].bytes, b"{\"a\": 1}\n");
        assert_eq!(files[0].notes.last().map(String::as_str), Some("not read in set.zip: README.txt"));
        let texts = read("set.zip", zip(&[("a.txt", b"hello")]), &Options::default()).expect("it is whole");
        assert_eq!(texts[0].bytes, b"hello");
    }

    #[test]
    fn a_data_set_in_a_zip_is_read_as_its_card_says() {
        let card =
            b"---\nconfigs:\n- config_name: en\n  default: true\n  data_files:\n  - split: train\n    path: en/t-*\n  \
                     - split: test\n    path: en/u.csv\n- config_name: fr\n  data_files: fr/*\n---\n";
        let files: [(&str, &[u8]); 6] = [
            ("set-main/README.md", card),
            ("set-main/en/t-1.csv", b"t,l\nb,y\n"),
            ("set-main/en/t-0.csv", b"t,l\na,x\n"),
            ("set-main/en/u.csv", b"t,l\nc,x\n"),
            ("set-main/fr/t-0.csv", b"t,l\nd,x\n"),
            ("set-main/LICENSE", b"mit"),
        ];
        let read_files = read("set.zip", zip(&files), &Options::default()).expect("it is whole");
        let texts: Vec<(&str, &[u8])> =
            read_files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect();
        assert_eq!(texts, [("train.csv", &b"t,l\na,x\nb,y\n"[..]), ("test.csv", b"t,l\nc,x\n")]);
        let notes = read_files[0].notes.join("\n");
        assert!(notes.contains("its configuration \"en\"") && notes.contains("not read: fr/t-0.csv"), "{notes}");
        assert!(notes.ends_with("not read in set.zip: set-main/LICENSE"), "{notes}");
        let folders =
            zip(&[("s/train/a.jsonl", b"{\"a\": 1}"), ("s/train/b.jsonl", b"{\"a\": 2}"), ("s/dev/a.jsonl", b"{}")]);
        let files = read("set.zip", folders, &Options::default()).expect("it is whole");
        let texts: Vec<(&str, &[u8])> = files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect();
        assert_eq!(texts, [("dev/a.jsonl", &b"{}"[..]), ("train.jsonl", b"{\"a\": 1}\n{\"a\": 2}")]);
    }

    #[test]
    fn zips_that_are_no_rows_are_left_alone_or_refused() {
        let images = zip(&[("cat/1.png", b"x"), ("metadata.csv", b"file_name,label\n")]);
        let files = read("set.zip", images.clone(), &Options::default()).expect("core reads it");
        assert_eq!((files.len(), &files[0].bytes), (1, &images));
        let other = zip(&[("a.exe", b"x")]);
        assert_eq!(read("x.zip", other.clone(), &Options::default()).expect("core refuses it")[0].bytes, other);
        let mut cut = other;
        cut.truncate(cut.len() - 9);
        assert_eq!(read("x.zip", cut.clone(), &Options::default()).expect("core refuses it")[0].bytes, cut);
        let many = zip(&[("1.csv", b"a"), ("2.csv", b"a"), ("3.csv", b"a"), ("4.csv", b"a")]);
        assert!(matches!(read("x.zip", many, &small()), Err(ReadError::TooManyEntries { found: 4, limit: 3 })));
        let bomb = zip(&[("1.csv", &[b'a'; 1 << 18])]);
        assert!(matches!(read("x.zip", bomb, &small()), Err(ReadError::TooLarge { .. })));
        // Each fits by itself, and both together do not.
        let packed = gzip(&[b'a'; 700]);
        let bombs = zip(&[("1.csv.gz", &packed), ("2.csv.gz", &packed)]);
        let limits = Limits { max_bytes: 1 << 10, max_ratio: 1, ..small().limits };
        let error = read("x.zip", bombs, &Options { sheet: None, limits });
        assert!(matches!(error, Err(ReadError::TooLarge { limit: 1024 })), "{error:?}");
    }
}
