//! Output folders: what they hold is not lost unasked, and replaced whole where it is asked for.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use support::{copy_model, hone, run, tiny_encoder, train_line, write_rows};

fn files_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_that_is_used_again_holds_the_new_model_alone() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    let full = ["--epochs", "1", "--output", "out"];
    let lora = ["--epochs", "1", "--output", "out", "--method", "lora"];
    let train = |flags: &[&str], more: &[&str]| {
        let (code, _, stderr) = run(hone(home.path()).args(&line).args(flags).args(more));
        (code, stderr)
    };
    let out = home.path().join("out");
    let has = |name: &str| out.join(name).is_file();
    assert_eq!(train(&full, &[]).0, 0);
    let before = fs::read(out.join("model.safetensors")).expect("is there");
    let (code, stderr) = train(&lora, &[]);
    assert!(code == 1 && stderr.contains("holds a finished run") && stderr.contains("--force"), "{stderr}");
    assert_eq!(fs::read(out.join("model.safetensors")).expect("is still there"), before);

    fs::write(out.join("notes.txt"), "of the old run").expect("writes");
    let (code, stderr) = train(&lora, &["--force"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("removed from the output folder: model.safetensors, notes.txt"), "{stderr}");
    assert!(has("adapter_model.safetensors") && !has("model.safetensors"), "{:?}", files_in(&out));
    let (code, stderr) = train(&full, &["--force"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(has("model.safetensors"), "{:?}", files_in(&out));
    assert!(!has("adapter_model.safetensors") && !has("adapter_config.json"), "{:?}", files_in(&out));
    assert!(files_in(&out).iter().all(|name| !name.starts_with('.') && name != "checkpoint"), "{:?}", files_in(&out));
}

#[test]
fn what_a_run_reads_is_never_replaced() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let base = home.path().join("base");
    copy_model(&model, &base);
    fs::create_dir(home.path().join("data")).expect("makes");
    write_rows(&home.path().join("data/rows.csv"));
    let line = train_line(&base);
    let train = |flags: &[&str]| run(hone(home.path()).args(&line).args(["--epochs", "1"]).args(flags));
    let (code, _, stderr) = train(&["--output", "base"]);
    assert!(code == 1 && stderr.contains("a model that was not written by hone"), "{stderr}");
    let (code, _, stderr) = train(&["--output", "base", "--force"]);
    assert!(code == 1 && stderr.contains("it holds the model"), "{stderr}");
    let (code, _, stderr) = train(&["--output", "./data/../base", "--force"]);
    assert!(code == 1 && stderr.contains("it holds the model"), "{stderr}");
    let (code, _, stderr) = train(&["--output", "data", "--force", "--valid", "data/rows.csv"]);
    assert!(code == 1 && stderr.contains("it holds the validation file"), "{stderr}");
    let (code, _, stderr) = train(&["--output", ".", "--force"]);
    assert!(code == 1 && stderr.contains("a home folder"), "{stderr}");
    fs::create_dir_all(home.path().join("out/photos")).expect("makes");
    let (code, _, stderr) = train(&["--output", "out", "--force"]);
    assert!(code == 1 && stderr.contains("(photos)"), "{stderr}");
    assert_eq!(files_in(&base), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert_eq!(files_in(&home.path().join("data")), ["rows.csv"]);
}

#[test]
fn one_run_trains_into_a_folder() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    let mut command = hone(home.path());
    command.args(&line).args(["--epochs", "10000", "--early-stopping-patience", "off", "--logging-steps", "1"]);
    command.args(["--json", "--output", "out"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let mut events = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let is_due = |line: &String| line.contains("\"event\":\"checkpoint_due\"");
    events.by_ref().find(is_due).expect("it trains");
    events.next().expect("and goes on");
    let again = ["--output", "out"];
    let forced = ["--output", "out", "--force"];
    let second = [
        run(hone(home.path()).args(&line).args(again)),
        run(hone(home.path()).args(&line).args(forced)),
        run(hone(home.path()).args(["train", "--resume", "--output", "out"])),
    ];
    child.kill().expect("it still runs");
    child.wait().expect("ends");
    for (code, _, stderr) in second {
        assert!(code == 1 && stderr.contains("another hone is writing into this folder"), "{stderr}");
    }
    let (code, _, stderr) = run(hone(home.path()).args(&line).args(again));
    assert!(code == 1 && stderr.contains("an unfinished run"), "the lock went with its owner: {stderr}");
}
