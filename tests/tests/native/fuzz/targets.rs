//! What is fuzzed: each reader of other people's files, with files that it takes and the words of its format. Here rows, jobs and
//! projects; `model_files` and `images` have their own.
//!
//! A reader is called as the command line and the worker call it, and what it gives is used once, as they would: cells are
//! counted, texts tokenised, models built, small images decoded.

use std::io::Cursor;
use std::rc::Rc;

use hone_core::config::{DataHashes, Job, ModelSource, ReadOptions, RunConfig};
use hone_core::data::{DataError, DataFiles, Table, parse, parse_keeping_nested, parse_lines, parse_sentences};
use hone_core::hub::sha256_hex;
use hone_core::project::{EVENTS_FILE, Project, ProjectWriter, RunAbout, SAVED_FILE};
use hone_core::task::{ReadRequest, Task, guess};
use hone_readers::{Limits, Options};
use hone_tests::paths;

use super::mutate::Kind;
use super::words;

pub(super) const MEBIBYTE: usize = 1 << 20;

/// What any reader may take, whatever its file is: tables of the format, stacks of what is open.
const BASE_BYTES: usize = 64 * MEBIBYTE;

/// And for each byte of the file: parsed JSON takes a hundred, and is kept twice where it is compared.
const BYTES_A_BYTE: usize = 200;

/// Cells of a JSON file may be missing: `core/src/data/parse/json` holds eight of them for a byte, and a task a second text.
const JSON_BYTES_A_BYTE: usize = 400;

/// What any project file may unpack to (`core/src/project`), in memory that grows by doubling.
const UNPACKED_BYTES: usize = 192 * MEBIBYTE;

/// Values of one row of a Parquet file (`readers/src/parquet_rows/pages.rs`), in memory that grows by doubling.
const ROWS_BYTES: usize = 512 * MEBIBYTE;

/// A reader of files, and files that it takes.
pub(crate) struct Target {
    /// As its test is called.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Words of the format.
    pub(crate) words: &'static [&'static str],
    /// Files that are right.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads a file; whether it was taken.
    pub(crate) read: fn(&[u8]) -> bool,
    /// Bytes of memory that reading may take at once, whatever the file is.
    pub(crate) base_bytes: usize,
    /// And for each byte of the file.
    pub(crate) bytes_a_byte: usize,
}

pub(super) const PLAIN: Target = Target {
    name: "",
    kind: Kind::Text,
    words: &[],
    seeds: Vec::new,
    read: |_| false,
    base_bytes: BASE_BYTES,
    bytes_a_byte: BYTES_A_BYTE,
};

pub(super) const JSON: Target = Target { kind: Kind::Json, ..PLAIN };

pub(crate) const DELIMITED: Target = Target {
    name: "delimited",
    words: words::TABLE,
    seeds: delimited_seeds,
    read: |bytes| read_table("rows.csv", bytes),
    ..PLAIN
};

pub(crate) const JSON_ROWS: Target = Target {
    name: "json_rows",
    words: words::TABLE,
    seeds: json_seeds,
    read: |bytes| read_table("rows.jsonl", bytes),
    bytes_a_byte: JSON_BYTES_A_BYTE,
    ..JSON
};

pub(crate) const JOB: Target = Target { name: "job", words: words::JOB, seeds: job_seeds, read: read_job, ..JSON };

pub(crate) const PROJECT: Target = Target {
    name: "project",
    kind: Kind::Binary,
    words: words::ARCHIVE,
    seeds: project_seeds,
    read: |bytes| Project::from_zip(bytes).is_ok(),
    base_bytes: UNPACKED_BYTES,
    bytes_a_byte: JSON_BYTES_A_BYTE,
};

pub(crate) const PACKED_ROWS: Target = Target {
    name: "packed_rows",
    kind: Kind::Binary,
    words: words::PACKED_ROWS,
    seeds: || {
        ["tickets.parquet", "zstd_v2.parquet", "delta.parquet", "book.xlsx", "book.ods", "tickets.csv.gz", "set.zip"]
            .map(|name| file("readers", name))
            .to_vec()
    },
    read: read_packed_rows,
    base_bytes: ROWS_BYTES,
    ..PLAIN
};

/// A file of a folder under `tests/fixtures`.
pub(super) fn file(folder: &str, name: &str) -> Vec<u8> {
    let path = paths::fixture(folder).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()))
}

/// The bytes of texts.
pub(super) fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn delimited_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(words::DELIMITED_FILES);
    let utf16 = words::DELIMITED_FILES[0].encode_utf16().flat_map(u16::to_le_bytes).collect();
    seeds.extend([utf16, b"texte;etiquette\nd\xE9j\xE0 vu;a\nno\xEBl;b\n".to_vec()]);
    seeds
}

fn json_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(words::JSON_FILES);
    seeds.push(file("field", "rows.jsonl"));
    seeds
}

/// Reads a table in every way that there is, then as the rows of one task, which the file's length chooses.
fn read_table(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let is_read = |table: Result<Table, DataError>| {
        let Ok(table) = table else { return false };
        assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "a row of another width");
        true
    };
    // One after the other: a person's file is one table at a time.
    let mut is_table = is_read(parse(name, bytes, &read));
    is_table |= is_read(parse_keeping_nested(name, bytes, &read));
    is_table |= is_read(parse_sentences(name, bytes, &read));
    drop(parse_lines(bytes, &read));
    let _ = guess(name, bytes, Task::ALL);
    let task = Task::ALL[bytes.len() % Task::ALL.len()];
    read_rows(task, name, bytes);
    is_table
}

/// Reads a file as the rows of a task; whether that can be.
pub(super) fn read_rows(task: Task, name: &str, bytes: &[u8]) -> bool {
    let files = DataFiles { train: (name.to_owned(), bytes.to_vec()), ..DataFiles::default() };
    let (read, run) = (ReadOptions::default(), RunConfig { seed: 1, ..RunConfig::default() });
    let data = task.read(&ReadRequest::to_train(&Rc::new(files), &read, &run));
    data.is_ok_and(|data| data.report(None, &run).is_ok())
}

fn job_seeds() -> Vec<Vec<u8>> {
    let job = Job::new(ModelSource::hub("a/b"), Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
    let mut seeds = vec![job.to_json().into_bytes()];
    seeds.extend(texts(words::JOBS));
    seeds
}

/// The run of a project twice, as a file of several runs.
fn several_runs(project: &Project) -> Vec<u8> {
    let (name, rows) = &project.rows.train;
    let model = project.model.get("config.json").expect("it has one");
    let mut writer = ProjectWriter::new(Cursor::new(Vec::new()), "mine", Some(0), None).expect("memory");
    for (name, bytes) in [(name.as_str(), rows.as_slice()), ("config.json", model)] {
        assert!(writer.begin_shared(name, &sha256_hex(bytes), bytes.len() as u64).expect("memory"));
        writer.append(bytes).expect("memory");
    }
    let data_sha256 = DataHashes { train: Some(sha256_hex(rows)), ..DataHashes::default() };
    let job = Job { data_sha256, ..project.job.clone() };
    let model_sha256 = [("config.json".to_owned(), sha256_hex(model))].into();
    let (note, page) = (String::new(), String::new());
    let about = RunAbout { number: Some(1), began_ms: None, note, job, model_sha256, has_model: true, page };
    for _ in 0..2 {
        writer.begin_run(&about).expect("memory");
        for (name, bytes) in project.run.iter() {
            assert!(writer.begin_file(name, bytes.len() as u64).expect("memory"));
            writer.append(bytes).expect("memory");
        }
    }
    writer.finish().expect("memory").into_inner()
}

fn project_seeds() -> Vec<Vec<u8>> {
    let source = ModelSource::Local { name: "mine".into() };
    let job = Job::new(source, Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
    let mut project = Project::new(job, ("x.csv".into(), b"text,label\na,b\n".to_vec()));
    project.model.insert("config.json", file("tiny_encoder", "config.json"));
    let recipe = project.clone();
    let saved = r#"{"step":1,"total_steps":2,"is_finished":false,"elapsed_secs":1.0}"#;
    for (name, text) in [("state.json", "{}"), (EVENTS_FILE, "{}\n"), (SAVED_FILE, saved)] {
        project.run.insert(name, text);
    }
    let several = several_runs(&project);
    vec![recipe.to_zip(), project.to_zip(), several]
}

/// Reads a file that is no text within four megabytes; what comes of it is text or a smaller file.
fn read_packed_rows(bytes: &[u8]) -> bool {
    const MOST: u64 = 4 << 20;
    let limits = Limits { max_bytes: MOST, free_bytes: MOST, ..Limits::default() };
    let Ok(files) = hone_readers::read("rows", bytes.to_vec(), &Options { sheet: None, limits }) else { return false };
    let num_bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    assert!(num_bytes as u64 <= 2 * MOST, "{num_bytes} bytes, more than may be unpacked");
    files.iter().all(|file| !file.notes.is_empty())
}

fn read_job(bytes: &[u8]) -> bool {
    let Ok(job) = Job::from_json(bytes) else { return false };
    drop((job.model.argument(), job.to_json()));
    true
}
