//! `hone rate` on files of texts: what is drawn, what votes make of it, and what is refused. No model and no network.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{hone, run};

/// What a model wrote for the prompts of rows 2 to 21; for the last row as every other model.
fn write_texts(path: &Path, name: &str) {
    let mut lines = String::new();
    for row in 2..22 {
        let generated = if row == 21 { "the same".to_owned() } else { format!("{name} {row}") };
        writeln!(lines, r#"{{"row":{row},"prompt":"prompt {row}","expected":"yes","generated":"{generated}"}}"#)
            .expect("writing to a string does not fail");
    }
    fs::write(path, lines).expect("writes");
}

/// A vote for each pair: for the text of `name` wherever it stands, as the file of votes of an earlier rating says.
fn keys_for(votes: &str, name: &str) -> String {
    let key = |line: &str| {
        let vote: Value = serde_json::from_str(line).expect("JSON Lines");
        if vote["text_1_by"] == name { "1\n" } else { "2\n" }
    };
    votes.lines().map(key).collect()
}

#[test]
fn votes_follow_the_texts_and_a_rating_goes_on() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| home.path().join(name);
    write_texts(&at("a.jsonl"), "a");
    write_texts(&at("b.jsonl"), "b");
    fs::write(at("ties.txt"), "=\n".repeat(20)).expect("writes");
    let rate = |flags: &[&str]| run(hone(home.path()).args(["rate", "a.jsonl", "b.jsonl"]).args(flags));
    let (code, stdout, stderr) = rate(&["--answers", "ties.txt", "--output", "ties.jsonl"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("1 pair not shown: both wrote the same") && stderr.contains("left over: 1 answer"),
        "{stderr}"
    );
    assert!(stdout.starts_with("19 of 19 pairs rated. a.jsonl: 0 votes. b.jsonl: 0 votes. 19 ties."), "{stdout}");

    let order = fs::read_to_string(at("ties.jsonl")).expect("they are saved");
    let keys = keys_for(&order, "b.jsonl");
    assert!(keys.contains('1') && keys.contains('2'), "each stands on each side: {keys}");
    fs::write(at("keys.txt"), &keys[..20]).expect("writes");
    let more = ["--state", "other.json", "--answers", "keys.txt", "--output", "votes.csv"];
    let (_, stdout, _) = rate(&more);
    assert!(stdout.starts_with("10 of 19 pairs rated. The same command goes on"), "{stdout}");
    fs::write(at("keys.txt"), &keys[20..]).expect("writes");
    let (_, stdout, stderr) = rate(&more);
    assert!(stderr.contains("goes on with other.json: 10 of 19 pairs rated"), "{stderr}");
    assert!(stdout.contains("a.jsonl: 0 votes. b.jsonl: 19 votes. 0 ties."), "{stdout}");
    assert!(stdout.contains("95 % between 83 % and 100 %") && stdout.contains("this is hardly luck"), "{stdout}");
    let votes = fs::read_to_string(at("votes.csv")).expect("they are saved");
    assert!(votes.starts_with("row,prompt,text_1,text_1_by,text_2,text_2_by,preferred,blind,seed\n"), "{votes}");
    assert_eq!(votes.matches(",b.jsonl,true,42\n").count(), 19, "{votes}");

    let (code, _, stderr) = rate(&["--answers", "keys.txt", "--seed", "7"]);
    assert!(code == 1 && stderr.contains("with the seed 42 was begun there"), "{stderr}");
    let (code, _, stderr) = rate(&["--answers", "keys.txt", "--pairs", "5"]);
    assert!(code == 1 && stderr.contains("was begun there when --pairs was 30: ask for the same again"), "{stderr}");
    write_texts(&at("b.jsonl"), "another");
    let (code, _, stderr) = rate(&["--answers", "keys.txt"]);
    assert!(code == 1 && stderr.contains("was begun there when b.jsonl held something else"), "{stderr}");
}

#[test]
fn what_can_not_be_rated_is_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| home.path().join(name);
    write_texts(&at("a.jsonl"), "a");
    write_texts(&at("b.jsonl"), "b");
    write_texts(&at("c.jsonl"), "a");
    fs::write(at("keys.txt"), "1\n3\n").expect("writes");
    fs::write(at("tie.txt"), "=\n").expect("writes");
    fs::write(at("rows.csv"), "text,label\na,b\n").expect("writes");
    for (line, expected_code, says) in [
        (&["a.jsonl", "b.jsonl"][..], 2, "standard input is no terminal: --answers FILE"),
        (&["a.jsonl", "b.jsonl", "--answers", "keys.txt"], 1, "line 2 is none of 1, 2, ="),
        (&["a.jsonl", "a.jsonl", "--answers", "tie.txt"], 2, "A and B are the same"),
        (&["a.jsonl", "c.jsonl", "--answers", "tie.txt"], 1, "none has two different texts"),
        (&["a.jsonl", "rows.csv", "--answers", "tie.txt"], 1, "line 1 can't be read, it is not JSON: hone eval --gen"),
        (&["a.jsonl", "model", "--answers", "tie.txt"], 2, "one is a file of texts and the other is not"),
        (&["one", "other", "--answers", "tie.txt"], 2, "--data: say which rows"),
        (&["a.jsonl", "b.jsonl", "--base", "m", "--answers", "tie.txt"], 2, "--base: has no effect"),
        (&["one", "other", "--data", "rows.csv", "--base", "m", "--answers", "tie.txt"], 2, "--base: has no effect"),
        (&["a.jsonl", "b.jsonl", "--data", "rows.csv", "--answers", "tie.txt"], 2, "--data: has no effect"),
        (&["a.jsonl", "b.jsonl", "--output", "votes.txt", "--answers", "tie.txt"], 2, "ends in .csv or .jsonl"),
    ] {
        let (code, stdout, stderr) = run(hone(home.path()).arg("rate").args(line));
        assert!(code == expected_code && stdout.is_empty() && stderr.contains(says), "{line:?}: {code} {stderr}");
    }
    assert!(!at("rating.json").exists(), "nothing was begun");
}
