//! A classifier's adapter on the command line: trained, used without its run, and written out again.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{hone, run, tiny_encoder};

const CLASSES: [(&str, &str); 3] =
    [("kitchen", "bread and soup"), ("music", "song and violin"), ("weather", "rain and snow")];

fn write_rows(path: &Path) {
    let rows: String = (0..60)
        .map(|row| {
            let (label, words) = CLASSES[row % CLASSES.len()];
            format!("we spoke of {words} {row} times,{label}\n")
        })
        .collect();
    fs::write(path, format!("text,label\n{rows}")).expect("writes");
}

#[test]
fn a_classifiers_adapter_is_trained_and_used_on_its_base() {
    let encoder = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let base = home.path().join("base");
    fs::create_dir(&base).expect("makes");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(encoder.join(name), base.join(name)).expect("copies");
    }
    let line = [
        "train", "--model", "base", "--data", "rows.csv", "--output", "adapter", "--device", "cpu", "--method", "lora",
    ];
    let more = ["--lora-rank", "4", "--epochs", "4", "--learning-rate", "5e-3", "--max-seq-length", "32"];
    let (code, _, stderr) = run(hone(home.path()).args(line).args(more));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("lengths: ") && stderr.contains("also training rows: 0"), "{stderr}");
    assert!(home.path().join("adapter/adapter_model.safetensors").is_file());

    // The folder names its base, which lies beside it; and both can be named.
    let texts = ["--text", "we spoke of rain and snow 3 times", "--text", "bread and soup", "--device", "cpu"];
    let (code, by_folder, stderr) = run(hone(home.path()).args(["predict", "--model", "adapter"]).args(texts));
    assert_eq!(code, 0, "{stderr}");
    let both = ["predict", "--model", "base", "--adapter", "adapter"];
    let (code, by_both, stderr) = run(hone(home.path()).args(both).args(texts));
    assert_eq!((code, &by_both), (0, &by_folder), "{stderr}");
    let inside = home.path().join("elsewhere");
    fs::create_dir(&inside).expect("makes");
    let (code, from_elsewhere, stderr) = run(hone(&inside).args(["predict", "--model", "../adapter"]).args(texts));
    assert_eq!((code, &from_elsewhere), (0, &by_folder), "{stderr}");
    let mut lines = by_folder.lines();
    assert_eq!(lines.next(), Some("row,text,label,probability,kitchen,music,weather"));
    let labels: Vec<_> = lines.map(|line| line.split(',').nth(2).expect("a label")).collect();
    assert_eq!(labels, ["weather", "kitchen"]);

    // What each word adds, of the label that is given and of another one.
    let line = ["predict", "--model", "adapter", "--json"];
    for (flag, label) in [("--explain", "weather"), ("--explain=music", "music")] {
        let (code, stdout, stderr) = run(hone(home.path()).args(line).arg(flag).args(texts));
        assert_eq!(code, 0, "{stderr}");
        let first: Value = serde_json::from_str(stdout.lines().next().expect("a line a text")).expect("JSON");
        assert_eq!((&first["label"], stdout.lines().count()), (&Value::from(label), 2));
        assert!(first["completeness_error"].as_f64().expect("a share") < 0.01, "{first}");
        let words: Vec<&str> =
            first["words"].as_array().into_iter().flatten().filter_map(|one| one["word"].as_str()).collect();
        assert_eq!(words.join(" "), texts[1], "every word has its number");
    }
    let (code, _, stderr) = run(hone(home.path()).args(line).arg("--explain=maths").args(texts));
    assert!(code == 2 && stderr.contains("there are kitchen, music, weather"), "{stderr}");

    let eval = ["eval", "--model", "base", "--adapter", "adapter", "--data", "rows.csv", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("cut off at 32"), "the length it was trained with: {stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert!(figures["accuracy"].as_f64().expect("a figure") > 0.9, "{stdout}");

    let export = |format: &str, output: &str| {
        let line = ["export", "--model", "base", "--adapter", "adapter", "--format", format, "--output", output];
        let (code, _, stderr) = run(hone(home.path()).args(line));
        assert_eq!(code, 0, "{stderr}");
    };
    let read = |folder: &str, name: &str| fs::read_to_string(home.path().join(folder).join(name)).expect("reads");
    export("adapter", "again");
    export("merged", "merged");
    for name in ["hone.json", "README.md", "config.json"] {
        assert_eq!(read("again", name), read("adapter", name), "{name} says what it said");
    }
    assert_eq!(read("merged", "hone.json"), read("adapter", "hone.json"), "the job that trained it");
    assert!(!read("merged", "README.md").contains("Rows: 0"), "{}", read("merged", "README.md"));
    let (code, merged, stderr) = run(hone(home.path()).args(["predict", "--model", "merged"]).args(texts));
    assert_eq!(code, 0, "{stderr}");
    let labels_of =
        |csv: &str| -> Vec<_> { csv.lines().map(|line| line.split(',').nth(2).map(str::to_owned)).collect() };
    assert_eq!(labels_of(&merged), labels_of(&by_folder));
}
