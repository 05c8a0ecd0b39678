//! The commands of an exported model's card run as they stand there, in a shell, with paths where it says `path/to`.
#![cfg(unix)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{hone, run, tiny_encoder, write_rows};

/// Rows in a file with a blank in its name, which the card must put in quotes.
const ROWS: &str = "my rows.csv";

/// The commands of a card, in its order.
fn commands(folder: &Path) -> Vec<String> {
    let card = fs::read_to_string(folder.join("README.md")).expect("there is a card");
    let blocks = card.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().expect("it ends"));
    blocks.map(str::to_owned).collect()
}

/// Runs a line in `folder` as a shell does, on the CPU; exit code, standard output and standard error.
fn run_line(home: &Path, folder: &Path, line: &str) -> (i32, String, String) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("hone() {{ \"$HONE\" \"$@\" --device cpu; }}\n{line}")]).current_dir(folder);
    for (name, value) in hone(home).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    run(shell.env("HONE", env!("CARGO_BIN_EXE_hone")).stdin(Stdio::null()))
}

#[test]
fn the_commands_of_a_card_run_as_they_stand() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let rows = home.path().join(ROWS);
    write_rows(&rows);
    for (method, weights) in [("full", "model.safetensors"), ("lora", "adapter_model.safetensors")] {
        let more =
            ["--data", ROWS, "--method", method, "--epochs", "1", "--batch-size", "16", "--max-seq-length", "32"];
        let mut train = hone(home.path());
        train.args(["train", "--device", "cpu", "--output", method, "--model"]).arg(tiny_encoder()).args(more);
        let (code, _, stderr) = run(&mut train);
        assert_eq!(code, 0, "{stderr}");

        let folder = home.path().join(method);
        let filled = commands(&folder).into_iter().map(|line| {
            let line = line.replace("path/to/tiny_encoder", &tiny_encoder().display().to_string());
            line.replace(&format!("path/to/{ROWS}"), &rows.display().to_string())
        });
        let filled: Vec<String> = filled.collect();
        let [predict, again] = filled.as_slice() else { panic!("two commands: {filled:?}") };
        assert!(!filled.iter().any(|line| line.contains("path/to")), "{filled:?}");
        let (code, stdout, stderr) = run_line(home.path(), &folder, predict);
        assert_eq!(code, 0, "{predict}: {stderr}");
        assert!(stdout.starts_with("row,text,label,probability,") && stdout.contains("your text here"), "{stdout}");

        let (code, _, stderr) = run_line(home.path(), &folder, again);
        assert_eq!(code, 0, "{again}: {stderr}");
        assert!(!stderr.contains("the rows differ"), "{stderr}");
        let read = |folder: &Path| fs::read(folder.join(weights)).expect("weights were written");
        assert_eq!(read(&folder), read(&folder.join("repeated")), "{method}: the same job on the same rows");
    }

    // One row more: the job runs, and it is said that its rows are others.
    let folder = home.path().join("full");
    let mut text = fs::read_to_string(&rows).expect("it is there");
    text.push_str("one more good day,up\n");
    fs::write(&rows, text).expect("writes");
    let mut train = hone(home.path());
    train.args("train --job full/hone.json --device cpu --output others --data".split(' ')).arg(ROWS);
    let (code, _, stderr) = run(train.arg("--model").arg(tiny_encoder()));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("the rows differ from those the job was made with (training file)"), "{stderr}");
    assert!(folder.join("hone.json").is_file(), "what was there before stays");
}
