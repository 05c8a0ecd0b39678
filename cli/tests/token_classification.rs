//! Names in texts through the binary: trained on a CoNLL file, and asked of CoNLL files, lists of tokens and texts.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{hone, run, tiny_encoder};

/// Sentence `n`: its words, each with its tag.
fn sentence(n: usize) -> Vec<(&'static str, &'static str)> {
    let (day, thing) = (["day", "night", "word"][n % 3], ["house", "man"][n / 3 % 2]);
    let how = ["good", "great", "old"][n / 6 % 3];
    vec![("the", "O"), (thing, "B-thing"), ("was", "O"), (how, "O"), ("that", "O"), (day, "B-when")]
}

/// Sentences in lines of words, each with what `line` makes of it.
fn conll(sentences: usize, line: fn(&str, &str) -> String) -> String {
    let lines = |n: usize| sentence(n).into_iter().map(|(word, tag)| line(word, tag)).collect::<String>();
    (0..sentences).map(|n| lines(n) + "\n").collect()
}

fn predict(home: &Path, data: &str, flags: &[&str]) -> (i32, String, String) {
    run(hone(home).args(["predict", "--model", "names", "--device", "cpu", "--data", data]).args(flags))
}

#[test]
fn names_are_found_in_words_and_in_texts_alike() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: String| fs::write(home.path().join(name), text).expect("writes");
    write("names.conll", conll(180, |word, tag| format!("{word}\t{tag}\n")));
    let model = tiny_encoder().display().to_string();
    let line = ["train", "--model", &model, "--data", "names.conll", "--output", "names", "--device", "cpu"];
    let recipe = ["--epochs", "10", "--batch-size", "8", "--learning-rate", "2e-3", "--max-seq-length", "32"];
    let (code, stdout, stderr) = run(hone(home.path()).args(line).args(recipe));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("task: token-classification, guessed from the data"), "{stderr}");
    assert!(stdout.contains("entities"), "{stdout}");

    write("tagged.conll", conll(4, |word, tag| format!("{word}\t{tag}\n")));
    write("words.conll", conll(4, |word, _| format!("{word}\n")));
    let words = |n: usize| sentence(n).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
    let tokens = |n: usize| format!("{}\n", serde_json::json!({ "tokens": words(n), "id": n }));
    write("tokens.jsonl", (0..4).map(tokens).collect());
    let text = |n: usize| format!("{}\n", serde_json::json!({ "text": words(n).join(" "), "id": n }));
    write("texts.jsonl", (0..4).map(text).collect());

    let answers = |data: &str| -> (Vec<Value>, String) {
        let (code, stdout, stderr) = predict(home.path(), data, &["--json"]);
        assert_eq!(code, 0, "{stderr}");
        let rows = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        (rows.collect(), stderr)
    };
    let (tagged, stderr) = answers("tagged.conll");
    assert!(stderr.contains("tags and all other columns are not read: \"column 2\""), "{stderr}");
    assert_eq!(tagged[1]["row"], 8, "the line of its first word");
    assert_eq!(tagged[0]["text"], "the house was good that day");
    let first = &tagged[0]["spans"][0];
    assert!(first["label"] == "thing" && first["text"] == "house" && first["start"] == 4, "{first}");
    let spans = |rows: &[Value]| rows.iter().map(|row| row["spans"].clone()).collect::<Vec<_>>();
    for data in ["words.conll", "tokens.jsonl", "texts.jsonl"] {
        let (rows, stderr) = answers(data);
        assert_eq!(spans(&rows), spans(&tagged), "{data}");
        assert_eq!(stderr.contains("are joined by spaces"), data != "texts.jsonl", "{data}: {stderr}");
    }

    for (flags, says) in [
        (&["--text-pair-column", "b"][..], "--text-pair-column: has no effect: this model finds names and terms "),
        (&["--merge-label", "a=b"], "--merge-label: has no effect"),
        (&["--question-column", "b"], "--question-column: has no effect"),
    ] {
        let (code, _, stderr) = predict(home.path(), "texts.jsonl", flags);
        assert!(code == 2 && stderr.contains(says), "{flags:?}: {stderr}");
    }
    let line = ["eval", "--model", "names", "--device", "cpu", "--data", "tagged.conll"];
    for (flags, says) in [
        (&["--label-separator", ";"][..], "--label-separator: has no effect"),
        (&["--generate", "2"], "--generate: has no effect: this model finds names and terms "),
    ] {
        let (code, _, stderr) = run(hone(home.path()).args(line).args(flags));
        assert!(code == 2 && stderr.contains(says), "{flags:?}: {stderr}");
    }
}
