//! Files that Python wrote, read as Python reads them; and the same files damaged: an error or rows, no panic, no end that never
//! comes. `tests/python/make_readers_fixtures.py` makes them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hone_readers::{Limits, Options, ReadError, ReadFile, read};
use proptest::prelude::*;
use serde_json::Value;

const PARQUET: [&str; 6] =
    ["none.parquet", "snappy.parquet", "gzip.parquet", "zstd.parquet", "zstd_v2.parquet", "delta.parquet"];

/// The smallest of each format, for damage.
const SMALL: [&str; 5] = ["tickets.parquet", "book.xlsx", "book.ods", "tickets.csv.gz", "set.zip"];

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/readers").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn one(name: &str, options: &Options) -> ReadFile {
    let mut files = read(name, fixture(name), options).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(files.len(), 1, "{name}");
    files.remove(0)
}

fn sheet(name: &str) -> Options {
    Options { sheet: Some(name.to_owned()), ..Options::default() }
}

fn text(file: &ReadFile) -> &str {
    std::str::from_utf8(&file.bytes).expect("text")
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn parquet_files_hold_what_python_reads_from_them() {
    let expected = String::from_utf8(fixture("rows.jsonl")).expect("text");
    for name in PARQUET {
        let file = one(name, &Options::default());
        for (index, (found, expected)) in values(text(&file)).iter().zip(values(&expected)).enumerate() {
            assert_eq!(found, &expected, "{name}, row {}", index + 1);
        }
        assert_eq!(text(&file).lines().count(), 9, "{name}");
        assert!(file.notes[0].starts_with(&format!("{name} is Parquet: 9 rows, 18 columns, ")), "{:?}", file.notes);
        assert!(
            file.notes.last().is_some_and(|note| note.ends_with(": raw")),
            "bytes that are no text: {:?}",
            file.notes
        );
    }
    assert!(one("zstd.parquet", &Options::default()).notes[0].ends_with("packed with zstd"));
}

#[test]
fn numbers_of_classes_are_read_as_the_names_that_the_file_has_for_them() {
    let file = one("classes.parquet", &Options::default());
    let expected = [
        r#"{"text": "a", "label": "delivery", "topics": ["refund", "order"], "votes": [{"by": "x", "label": "order"}]}"#,
        r#"{"text": "b", "label": "refund", "topics": [], "votes": []}"#,
        r#"{"text": "c", "label": null, "topics": ["delivery"], "votes": [{"by": "y", "label": 7}]}"#,
    ];
    assert_eq!(values(text(&file)), values(&expected.join("\n")));
    let classes = r#"are read as the classes that it names: 0 is "refund", 1 is "order", 2 is "delivery""#;
    let ids = "a model that is trained on them numbers them anew, by their names: the numbers are in its config.json";
    assert!(
        file.notes.iter().any(|note| note == &format!("classes.parquet: numbers of \"label\" {classes}; {ids}")),
        "{:?}",
        file.notes
    );
}

#[test]
fn workbooks_hold_what_python_reads_from_them() {
    let expected = String::from_utf8(fixture("book.csv")).expect("text");
    for name in ["book.xlsx", "book.ods"] {
        let file = one(name, &Options::default());
        assert_eq!(text(&file), expected, "{name}");
        assert_eq!(file.name, format!("{name}, sheet \"Rows\""));
        let notes = file.notes.join("\n");
        for said in ["its sheet \"Rows\" is read", "not read: \"Other\"", "such as #N/A", "merged over rows"] {
            assert!(notes.contains(said), "{name} does not say {said:?}: {notes}");
        }
        assert_eq!(text(&one(name, &sheet("Other"))), "\"another\",\"sheet\"\n");
        assert!(matches!(read(name, fixture(name), &sheet("Empty")), Err(ReadError::NoRows { .. })), "{name}");
        let error = read(name, fixture(name), &sheet("Rows ")).expect_err("there is none").to_string();
        assert_eq!(error, "there is no sheet \"Rows \"; the sheets are \"Empty\", \"Rows\", \"Other\"");
    }
}

#[test]
fn packed_files_hold_what_was_packed() {
    let gz = one("tickets.csv.gz", &Options::default());
    assert_eq!((gz.name.as_str(), text(&gz).lines().count()), ("tickets.csv", 25));
    let files = read("set.zip", fixture("set.zip"), &Options::default()).expect("it is whole");
    assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["train.csv", "valid.csv"]);
    assert_eq!(files[0].bytes, gz.bytes);
    let rows = values(text(&one("tickets.parquet", &Options::default()))).len();
    let lines = text(&one("tickets.xlsx", &Options::default())).lines().count();
    assert_eq!((rows, lines), (24, 25));
    let note = one("tickets.csv.gz", &sheet("Rows")).notes.join("\n");
    assert!(note.contains("has no sheets"), "{note}");
}

#[test]
fn what_a_file_may_take_is_a_limit() {
    let limits = Limits { max_bytes: 400, free_bytes: 400, ..Limits::default() };
    for name in SMALL {
        let result = read(name, fixture(name), &Options { sheet: None, limits: limits.clone() });
        assert!(result.is_err(), "{name} takes more than 400 bytes");
    }
}

/// A file of any length is read or refused, in time.
fn check(name: &str, bytes: Vec<u8>) {
    let start = Instant::now();
    let limits = Limits { max_bytes: 4 << 20, free_bytes: 4 << 20, ..Limits::default() };
    let result = read(name, bytes, &Options { sheet: None, limits });
    if let Ok(files) = result {
        assert!(files.iter().map(|file| file.bytes.len()).sum::<usize>() <= 8 << 20, "{name} grew over its limit");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{name} took {:?}", start.elapsed());
}

#[test]
fn files_that_are_cut_off_end_in_rows_or_an_error() {
    for name in SMALL {
        let whole = fixture(name);
        for length in 0..whole.len() {
            check(name, whole[..length].to_vec());
        }
    }
}

proptest! {
    #[test]
    fn files_with_other_bytes_end_in_rows_or_an_error(
        index in 0..SMALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = fixture(SMALL[index]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(SMALL[index], bytes);
    }

    /// The end of a Parquet file says where all else is: more of the damage goes there.
    #[test]
    fn parquet_files_with_another_footer_end_in_rows_or_an_error(
        index in 0..PARQUET.len(),
        changes in prop::collection::vec((0_usize..3000, any::<u8>()), 1..4),
    ) {
        let mut bytes = fixture(PARQUET[index]);
        for (from_end, byte) in changes {
            let at = bytes.len() - 1 - from_end;
            bytes[at] = byte;
        }
        check(PARQUET[index], bytes);
    }
}
