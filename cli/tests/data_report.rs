//! `hone data report` and `hone data augment` through the binary: findings as text, as JSON and as a page, with own test rows, other
//! tasks and a tokenizer; changed copies of rows, shown and written.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{hone, run, tiny_encoder};

/// Forty rows of two classes, and faults: a conflict, personal data, HTML that would be an element, a row without text.
fn rows() -> String {
    let fine = (0..40).map(|i| format!("row {i} {} is fine,{}\n", "so ".repeat(i), ["up", "down"][i % 2]));
    let faults = [
        "the parcel never came to our house,up",
        "the parcel never came to our house,down",
        "write to anna.berger@example.org or pay to DE89 3704 0044 0532 0130 00,up",
        "a <b>bold</b> claim,down",
        ",up",
    ];
    format!("text,label\n{}{}\n", fine.collect::<String>(), faults.join("\n"))
}

const TEST: &str = "text,label\nrow 0  is fine,up\nsomething that is in no other row,down\n";

#[test]
fn findings_are_written_as_text_as_json_and_as_a_page() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), rows()).expect("writes");
    fs::write(home.path().join("test.csv"), TEST).expect("writes");
    let report = |extra: &[&str]| {
        let line = ["data", "report", "rows.csv", "--test", "test.csv", "--valid", "test.csv"];
        let (code, stdout, stderr) = run(hone(home.path()).args(line).args(extra));
        assert_eq!((code, stderr.as_str()), (0, ""));
        for secret in ["berger", "3704", "0532"] {
            assert!(!stdout.contains(secret), "{secret}: {stdout}");
        }
        stdout
    };
    let text = report(&[]);
    for line in [
        "data: rows.csv: 48 of 49 rows are usable (44 training, 2 validation, 2 test); text \"text\", label \"label\"",
        "  task: sequence-classification",
        "  Leaks between splits (serious): 3 validation or test rows are also in an earlier split",
        "    would mend it: keep the first row of each group, drop the others",
        "  Same text, different labels (warning): 2 rows have the same text",
        "  Personal data (warning): 1 row holds what looks like",
        "  Rows left out (warning): 1 row is not used, in 1 of them something is empty: rows 46",
        "  not sought: Longer than the model reads: there is no model whose tokenizer could count tokens",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}\n{text}");
    }

    assert!(
        text.contains("would mend it: read the texts with personal data replaced (clean_texts: personal-data)"),
        "{text}"
    );
    let cleaned = report(&["--clean-texts", "personal-data,markup"]);
    assert!(cleaned.contains("  2 rows are read with HTML taken out, personal data replaced\n"), "{cleaned}");
    assert!(!cleaned.contains("Personal data (") && !cleaned.contains("HTML left over ("), "{cleaned}");

    let written: Value = serde_json::from_str(&report(&["--json"])).expect("JSON");
    assert_eq!((&written["hone_findings"], &written["task"]), (&json!(1), &json!("sequence_classification")));
    assert_eq!((&written["num_rows"], &written["max_seq_length"]), (&json!([44, 2, 2]), &Value::Null));
    assert_eq!(written["files"], json!(["rows.csv", "test.csv", "test.csv"]));
    let finding = |kind: &str| {
        let findings = written["findings"].as_array().expect("a list");
        findings.iter().find(|finding| finding["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {written:#}"))
    };
    let leaks = finding("leaks");
    assert_eq!((&leaks["action"], &leaks["severity"]), (&json!({ "do": "keep_first" }), &json!("serious")));
    let leaked = json!([
        { "file": "train", "row": 2, "split": "train", "index": 0 },
        { "file": "valid", "row": 2, "split": "valid", "index": 0 },
        { "file": "test", "row": 2, "split": "test", "index": 0 },
    ]);
    assert_eq!(leaks["groups"][0]["rows"], leaked);
    assert_eq!(finding("personal_data")["groups"][0]["rows"][0]["note"], "mail a•••@•••.org, IBAN DE•••00");
    assert_eq!(finding("left_out")["groups"][0]["rows"][0]["index"], Value::Null);
    assert!(written["not_applied"].as_array().is_some_and(|list| list.iter().any(|not| not["kind"] == "too_long")));

    let page = report(&["--html"]);
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("a &lt;b&gt;bold&lt;/b&gt; claim") && !page.contains("<b>"), "{page}");
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"), "{page}");
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"), "{page}");
}

#[test]
fn a_page_masks_all_of_a_row_whose_beginning_it_shows() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mails: String = (0..12).map(|i| format!("anna.berger.of.the.department.{i}@mail.example.org ")).collect();
    fs::write(home.path().join("rows.csv"), format!("{}{mails},down\n", rows())).expect("writes");
    let (code, page, stderr) = run(hone(home.path()).args(["data", "report", "rows.csv", "--html"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(page.contains("a•••@•••.org a•••@•••.org") && !page.contains("berger"), "{page}");
}

#[test]
fn a_tokenizer_counts_tokens_and_needs_no_weights() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), rows()).expect("writes");
    let model = home.path().join("model");
    fs::create_dir(&model).expect("makes");
    for name in ["config.json", "tokenizer.json"] {
        fs::copy(tiny_encoder().join(name), model.join(name)).expect("copies");
    }
    let line = ["data", "report", "rows.csv", "--model", "model", "--max-seq-length", "16", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 0, "{stderr}");
    let written: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(written["max_seq_length"], 16);
    let findings = written["findings"].as_array().expect("a list");
    let long = findings.iter().find(|finding| finding["kind"] == "too_long").expect("rows of forty words");
    assert!(long["groups"][0]["rows"][0]["note"].as_str().is_some_and(|note| note.ends_with(" tokens")), "{long}");
}

#[test]
fn other_tasks_are_looked_through_and_what_can_not_be_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let prose = "The sea was calm that day, and the boat lay still.\nNobody spoke.\n\nLater, when the wind came, they set \
                 sail, all of them, and were gone.\nIt was a good day.\n";
    fs::write(home.path().join("story.txt"), prose).expect("writes");
    let report = |line: &[&str]| run(hone(home.path()).args(["data", "report"]).args(line));
    let (code, stdout, stderr) = report(&["story.txt"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("  task: causal-lm\n"), "{stdout}");
    assert!(stdout.contains("not sought: Same text, different labels: these rows have no labels"), "{stdout}");

    let (code, _, stderr) = report(&["nowhere.csv"]);
    assert_eq!((code, stderr.contains("no such file or folder: nowhere.csv")), (1, true), "{stderr}");
    fs::write(home.path().join("one.csv"), "a\nb\n").expect("writes");
    let (code, _, stderr) = report(&["one.csv"]);
    assert_eq!((code, stderr.contains("name it with --task")), (1, true), "{stderr}");
    fs::write(home.path().join("broken.json"), "[{\"text\": \"a\"},\n]").expect("writes");
    let (code, _, stderr) = report(&["broken.json"]);
    assert_eq!((code, stderr.contains("malformed JSON at line 2")), (1, true), "{stderr}");
    let latin =
        |row: usize| [format!("row {row} of caf").as_bytes(), b"\xE9,", &[b'a' + (row % 2) as u8, b'\n']].concat();
    let rows = [b"text,label\n".to_vec()].into_iter().chain((0..20).map(latin)).collect::<Vec<_>>().concat();
    fs::write(home.path().join("latin.csv"), rows).expect("writes");
    let (code, stdout, _) = report(&["latin.csv"]);
    assert_eq!(
        (code, stdout.contains("note: the file is not UTF-8: it is read as windows-1252")),
        (0, true),
        "{stdout}"
    );
    let (code, _, stderr) = report(&["story.txt", "--json", "--html"]);
    assert_eq!(code, 2, "{stderr}");
    let (code, _, stderr) = report(&["story.txt", "--label-column", "label"]);
    assert_eq!((code, stderr.contains("--label-column")), (2, true), "{stderr}");
}

#[test]
fn changed_copies_are_shown_and_written_behind_the_rows_that_they_are_of() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut csv = String::from("id,text,label\n");
    csv.extend((0..20).map(|i| format!("{i},\"the big movie, number {i}, is good\",{}\n", ["up", "down"][i % 2])));
    csv.push_str("20,\u{4eca}\u{5929}\u{5929}\u{6c14},up\n");
    fs::write(home.path().join("rows.csv"), &csv).expect("writes");
    let augment = |extra: &[&str]| run(hone(home.path()).args(["data", "augment", "rows.csv"]).args(extra));
    let (code, shown, stderr) = augment(&["--augment-texts", "synonyms", "--preview", "2"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        shown.starts_with(
            "20 changed copies of 21 rows\nwithout a copy, since no word in them could be changed: 1 row\nrow 2\n"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("  before    the big movie, number 0, is good\n  synonyms  the ") && shown.contains("row 3\n"),
        "{shown}"
    );
    assert!(!shown.contains("row 4\n"), "{shown}");

    let (code, stdout, stderr) = augment(&["--augment-copies", "2", "--output", "more.csv"]);
    assert_eq!((code, stderr.as_str()), (0, "61 rows written: more.csv\n"), "{stdout}");
    let written = fs::read_to_string(home.path().join("more.csv")).expect("reads");
    let added: Vec<&str> = written.strip_prefix(csv.as_str()).expect("what was there stays").lines().collect();
    assert_eq!(added.len(), 40);
    assert!(added[0].starts_with("0,") && added[0].ends_with(",up") && added[2].ends_with(",down"), "{added:?}");
    assert_eq!(augment(&["--augment-copies", "2", "--output", "more.csv"]).0, 1, "the file is there");
    assert_eq!(augment(&["--augment-copies", "2", "--output", "more.csv", "--force"]).0, 0);
    let (code, _, stderr) = augment(&["--output", "more.json"]);
    assert!(code == 2 && stderr.contains("--output: it is written in the format of rows.csv"), "{stderr}");
    let (code, stdout, stderr) = augment(&["--output", "none/more.csv"]);
    assert_eq!(
        (code, stdout.as_str(), stderr.contains("--output is in a folder that is not there")),
        (1, "", true),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(home.path().join("more.csv")).expect("reads"), written, "the same seed");

    let (code, _, stderr) = augment(&["--augment-texts", "none"]);
    assert_eq!((code, stderr.contains("--augment-texts")), (2, true), "{stderr}");
    let (code, _, stderr) = augment(&["--task", "causal-lm"]);
    assert_eq!((code, stderr.contains("would be wrong once words are changed")), (1, true), "{stderr}");
}
