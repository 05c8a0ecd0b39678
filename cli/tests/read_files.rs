//! Files that are no text are taken wherever rows are: Parquet, a workbook, gzip, and a zip or a folder of several files.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{hone, run, tiny_encoder};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/readers").join(name)
}

/// Runs a command that must succeed; what it wrote.
fn succeed(home: &Path, command: &str, flags: &[&str]) -> (String, String) {
    let (code, stdout, stderr) = run(hone(home).arg(command).args(flags));
    assert_eq!(code, 0, "{command} {flags:?}: {stderr}");
    (stdout, stderr)
}

#[test]
fn a_model_is_trained_and_measured_on_files_that_are_no_text() {
    let (home, model) = (tempfile::tempdir().expect("a temporary folder"), tiny_encoder());
    let (home, model) = (home.path(), model.display().to_string());
    let paths: Vec<String> = ["tickets.parquet", "tickets.xlsx", "tickets.csv.gz", "set.zip", "book.xlsx"]
        .map(|name| fixture(name).display().to_string())
        .into();
    let [parquet, xlsx, gz, zip, book] = [0, 1, 2, 3, 4].map(|index| paths[index].as_str());

    let train = ["--model", &model, "--device", "cpu", "--epochs", "1", "--batch-size", "16", "--output"];
    let (_, said) = succeed(home, "train", &[&train[..], &["out", "--data", parquet]].concat());
    assert!(said.contains("tickets.parquet is Parquet: 24 rows, 2 columns, packed with zstd"), "{said}");
    assert!(said.contains("24 of 24 rows are usable"), "{said}");

    let eval = |data: &str| succeed(home, "eval", &["--model", "out", "--device", "cpu", "--json", "--data", data]);
    let (of_xlsx, said) = eval(xlsx);
    assert!(said.contains("its sheet \"Sheet\" is read"), "{said}");
    let (of_gz, said) = eval(gz);
    assert!(said.contains("tickets.csv.gz is packed with gzip"), "{said}");
    assert_eq!(of_xlsx, of_gz, "they hold the same rows");
    let (answers, _) = succeed(home, "predict", &["--model", "out", "--device", "cpu", "--data", parquet]);
    assert_eq!(answers.lines().count(), 25, "{answers}");

    let (_, said) = succeed(home, "train", &[&train[..], &["of_zip", "--data", zip]].concat());
    assert!(said.contains("by their names: train.csv for training, valid.csv for validation"), "{said}");
    fs::create_dir(home.join("set")).expect("makes");
    fs::copy(gz, home.join("set/train.csv.gz")).expect("copies");
    fs::copy(parquet, home.join("set/test.parquet")).expect("copies");
    let (_, said) = succeed(home, "train", &[&train[..], &["of_folder", "--data", "set"]].concat());
    assert!(said.contains("by their names: train.csv for training, test.parquet as test rows"), "{said}");

    let (code, _, said) = run(hone(home).args(["eval", "--model", "out", "--data", book, "--sheet", "Sales"]));
    assert!(code != 0 && said.contains("there is no sheet \"Sales\"; the sheets are \"Empty\", \"Rows\""), "{said}");
}
