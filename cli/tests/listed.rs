//! `hone runs`: what it finds in a folder of output folders, and what it says of each.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{hone, leave_checkpoint, run, tiny_encoder, train_line, write_rows};

/// What `hone runs` writes, with these flags.
fn runs(home: &Path, flags: &[&str]) -> String {
    let (code, stdout, stderr) = run(hone(home).arg("runs").args(flags));
    assert_eq!((code, stderr.as_str()), (0, ""));
    stdout
}

#[test]
fn finished_and_unfinished_runs_are_listed_with_their_figures() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    fs::create_dir_all(home.path().join("all/photos")).expect("makes");
    fs::write(home.path().join("all/notes.txt"), "of the runs").expect("writes");
    assert_eq!(runs(home.path(), &["all"]), "0 runs in all; 2 other entries passed over, no run\n");
    leave_checkpoint(home.path(), &model, "all/cut");
    let more = ["--epochs", "1", "--method", "head", "--metric-for-best", "accuracy", "--output", "all/done", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(train_line(&model)).args(more));
    assert_eq!(code, 0, "{stderr}");

    let listed: Value = serde_json::from_str(&runs(home.path(), &["all", "--json"])).expect("JSON");
    assert_eq!(listed["passed_over"], 2);
    let [cut, done] = listed["runs"].as_array().expect("a list").as_slice() else { panic!("two runs: {listed}") };
    assert_eq!((&cut["path"], &cut["state"]), (&"all/cut".into(), &"unfinished".into()));
    assert_eq!(cut["resume"], "hone train --resume --output all/cut");
    assert!(cut["results"]["global_step"].as_u64() >= Some(20) && cut["results"]["max_steps"] == 60, "{cut}");
    assert_eq!((&cut["figure"]["split"], &cut["figure"]["name"]), (&"validation".into(), &"loss".into()));

    // The figures are those that the run itself told.
    assert_eq!(
        (&done["state"], &done["method"], &done["model"]),
        (&"finished".into(), &"head".into(), &"tiny_encoder".into())
    );
    assert_eq!((&done["task"], &done["resume"]), (&"sequence_classification".into(), &Value::Null));
    let events = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("one event a line"));
    let measured: Vec<Value> = events.filter(|event| event["event"] == "evaluated").collect();
    for (event, prefix) in measured.iter().zip(["eval", "test"]) {
        for name in ["loss", "accuracy", "num_rows"] {
            let key = if name == "num_rows" { format!("{prefix}_samples") } else { format!("{prefix}_{name}") };
            assert_eq!(event["evaluation"][name], done["results"][&key], "{key}");
        }
    }
    assert_eq!((measured.len(), &done["figure"]["value"]), (2, &measured[0]["evaluation"]["accuracy"]));

    let table = runs(home.path(), &["all"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[1].starts_with("cut ") && lines[1].contains("unfinished at step ") && lines[1].contains(" of 60 "),
        "{table}"
    );
    assert_eq!(lines[2], "  to go on: hone train --resume --output all/cut");
    assert!(lines[3].starts_with("done ") && lines[3].contains("finished at step 20 of 20 "), "{table}");
    assert!(lines[3].contains("  validation accuracy ") && lines[3].ends_with("just now"), "{table}");
    assert_eq!(lines[4..], ["2 runs in all; 2 other entries passed over, no run"]);

    // The output folder itself, and the command that was said.
    assert!(runs(home.path(), &["all/done"]).ends_with("1 run in all/done\n"));
    let resume = cut["resume"].as_str().and_then(|line| line.strip_prefix("hone ")).expect("a command");
    let (code, _, stderr) = run(hone(home.path()).args(resume.split(' ')));
    assert_eq!(code, 0, "{stderr}");
    assert!(runs(home.path(), &["all/cut"]).contains("finished at step 60 of 60"));
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "all/cut"]));
    assert!(code == 1 && stderr.contains("is finished, there is nothing to go on with"), "{stderr}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = run(hone(home.path()).args(["runs", "nowhere"]));
    assert!(code == 1 && stderr.ends_with("no such file or folder: nowhere\n"), "{stderr}");
}
