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

#[test]
fn a_test_file_without_labels_is_left_out_of_a_folder_and_refused_by_itself() {
    let (home, model) = (tempfile::tempdir().expect("a temporary folder"), tiny_encoder());
    let (home, model) = (home.path(), model.display().to_string());
    let rows = |label: &dyn Fn(usize) -> &'static str| -> String {
        let lines: String = (0..30).map(|row| format!("the text of row {row},{}\n", label(row))).collect();
        format!("text,label\n{lines}")
    };
    let labeled = rows(&|row| ["ham", "spam"][row % 2]);
    fs::create_dir(home.join("glue")).expect("makes");
    fs::write(home.join("train.csv"), &labeled).expect("writes");
    for name in ["train.csv", "valid.csv"] {
        fs::write(home.join("glue").join(name), &labeled).expect("writes");
    }
    let train =
        ["--model", &model, "--device", "cpu", "--epochs", "1", "--batch-size", "16", "--force", "--output", "out"];
    for (test, why) in [
        (rows(&|_| "-1"), "column \"label\" is -1 in all rows"),
        (rows(&|_| ""), "column \"label\" is empty in all rows"),
        ("index,text\n0,a text\n1,another text\n".to_owned(), "there is no column \"label\""),
    ] {
        fs::write(home.join("glue/test.csv"), test).expect("writes");
        let (_, said) = succeed(home, "train", &[&train[..], &["--data", "glue"]].concat());
        assert!(said.contains("test.csv has no labels (") && said.contains(why), "{said}");
        assert!(said.contains("60 of 60 rows are usable (30 training, 30 validation)"), "{said}");
        let job = fs::read_to_string(home.join("out/hone.json")).expect("a job file");
        assert!(!job.contains("test.csv"), "{job}");
        let (found, _) = succeed(home, "data", &["report", "glue", "--task", "sequence-classification"]);
        assert!(found.contains("test.csv has no labels"), "{found}");
        let given = [&train[..], &["--data", "train.csv", "--test", "glue/test.csv"]].concat();
        let (code, _, said) = run(hone(home).arg("train").args(given));
        assert!(code == 1 && said.contains("test file \"test.csv\": ") && said.contains(why), "{said}");
        assert!(said.contains("hone predict"), "{said}");
    }
}

#[test]
fn columns_of_labels_named_twice_decide_for_the_task() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let row = |i: usize| format!("the text of row {i},{},{},0.{}\n", i % 2, usize::from(i.is_multiple_of(3)), i % 7);
    let rows = format!("text,spam,urgent,useful\n{}", (0..30).map(row).collect::<String>());
    fs::write(home.path().join("rows.csv"), rows).expect("writes");
    let report = |columns: [&str; 2]| {
        let [one, other] = columns;
        let flags = ["report", "rows.csv", "--label-column", one, "--label-column", other];
        succeed(home.path(), "data", &flags).0
    };
    assert!(report(["spam", "urgent"]).contains("task: multi-label"));
    assert!(report(["useful", "spam"]).contains("task: regression"));
}
