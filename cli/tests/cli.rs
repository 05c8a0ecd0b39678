//! The command line itself: help, mistakes in flags and files, exit codes. No model and no network.

mod support;

use std::fs;

use support::{hone, run};

#[test]
fn help_says_what_there_is() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_train", &["train", "--help"]),
        ("help_eval", &["eval", "--help"]),
        ("help_predict", &["predict", "--help"]),
        ("help_models", &["models", "--help"]),
    ] {
        let (code, stdout, stderr) = run(hone(home.path()).args(arguments));
        assert_eq!((code, stderr.as_str()), (0, ""));
        insta::assert_snapshot!(name, stdout);
    }
}

#[test]
fn every_wrong_setting_is_named_at_once() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, stdout, stderr) = run(hone(home.path())
        .args(["train", "--output", "out", "--batch-size", "many"])
        .args(["--learning-rate", "-1", "--schedule", "step", "--device", "tpu", "--header", "maybe"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    for flag in ["--batch-size", "--learning-rate", "--schedule", "--device", "--header", "--model", "--data"] {
        assert!(
            stderr.lines().any(|line| line.starts_with(&format!("  {flag}: "))),
            "{flag} is not named in\n{stderr}"
        );
    }
    assert!(!home.path().join("out").exists(), "nothing is written before the flags are right");
}

#[test]
fn an_unknown_device_is_a_usage_error() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let line = ["eval", "--model", "m", "--data", "d.csv", "--device", "tpu"];
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 2);
    assert!(stderr.contains("\"tpu\" is not one of auto, cpu, wgpu, cuda"), "{stderr}");
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let home = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run(hone(home.path()).args(["train", "--lerning-rate", "1"])).0, 2);
    assert_eq!(run(hone(home.path()).args(["predict", "--model", "m"])).0, 2, "neither text nor data");
}

#[test]
fn what_a_command_needs_is_named_at_once() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for (line, names) in [
        (&["train"][..], &["--model", "--data", "--output"][..]),
        (&["predict", "--model", "m"], &["--text", "--data"]),
        (&["generate", "--model", "m"], &["--prompt", "--data", "--chat"]),
    ] {
        let (code, _, stderr) = run(hone(home.path()).args(line));
        assert_eq!(code, 2, "{stderr}");
        assert!(names.iter().all(|name| stderr.contains(name)), "{stderr}");
    }
}

#[test]
fn files_of_edits_and_copies_are_read_as_others_are() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("own.json"), "{\"a\": 1}").expect("writes");
    let line = ["train", "--model", "m/m", "--data", "nowhere.csv", "--output", "out"];
    for (flag, what) in [("--edits", "edits"), ("--copies", "copies")] {
        let (code, _, stderr) = run(hone(home.path()).args(line).args([flag, "gone.json"]));
        assert_eq!(code, 1, "{stderr}");
        assert_eq!(stderr, format!("error: can't read the {what} of rows: no such file or folder: gone.json\n"));
        let (code, _, stderr) = run(hone(home.path()).args(line).args([flag, "own.json"]));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.starts_with(&format!("error: {flag}: no ")) && stderr.ends_with(": own.json\n"), "{stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let full = fs::File::options().write(true).open("/dev/full").expect("it is on every Linux");
    let (code, _, stderr) = run(hone(home.path()).args(["completions", "bash"]).stdout(full));
    assert_eq!((code, stderr.as_str()), (1, "error: can't write to standard output: the disk is full\n"));
}

#[test]
fn a_missing_file_is_named_last() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let line = ["train", "--model", "m/m", "--data", "nowhere.csv", "--output", "out"];
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 1);
    assert_eq!(stderr, "error: can't read the training file: no such file or folder: nowhere.csv\n");
}

#[test]
fn a_general_text_goes_with_a_comparison() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), "text,label\na,b\n").expect("writes");
    let line = ["train", "--model", "m/m", "--data", "rows.csv", "--output", "out", "--general-text", "nowhere.txt"];
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 2);
    assert!(stderr.contains("--compare"), "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(line).arg("--compare"));
    assert_eq!(code, 1);
    assert_eq!(stderr, "error: can't read the general text: no such file or folder: nowhere.txt\n");
    fs::write(home.path().join("nowhere.txt"), "\n").expect("writes");
    let (code, _, stderr) = run(hone(home.path()).args(line).arg("--compare"));
    assert_eq!(code, 1);
    assert!(stderr.contains("general text file \"nowhere.txt\": the file is empty"), "{stderr}");
    assert!(!home.path().join("out").exists(), "nothing is written before the files are read");
}

#[test]
fn a_job_file_with_an_unknown_field_is_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let job = r#"{"hone":1,"model":{"local":{"name":"m"}},"run":{"learning_rat":1}}"#;
    fs::write(home.path().join("hone.json"), job).expect("writes");
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--job", "hone.json", "--output", "out"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("learning_rat") && stderr.ends_with(": hone.json\n"), "{stderr}");
}

#[test]
fn flags_win_over_the_job_and_are_checked_with_it() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let job = r#"{"hone":1,"model":{"local":{"name":"m"}},"data_file":"rows.csv","run":{"batch_size":4}}"#;
    fs::write(home.path().join("hone.json"), job).expect("writes");
    let line = ["train", "--job", "hone.json", "--output", "out"];
    let (code, _, stderr) = run(hone(home.path()).args(line).args(["--valid-fraction", "0.95"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("--valid-fraction: "), "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 1);
    assert!(stderr.contains("--data") && stderr.ends_with("rows.csv\n"), "the job's file is not there: {stderr}");
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(home.path().join("out")).expect("makes");
    fs::write(home.path().join("out/thesis.txt"), "years of work").expect("writes");
    fs::write(home.path().join("rows.csv"), "text,label\na,b\n").expect("writes");
    let line = ["train", "--model", "m/m", "--data", "rows.csv", "--output", "out"];
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 1);
    assert!(stderr.contains("not written by hone") && stderr.contains("--force"), "{stderr}");
}

#[test]
fn nothing_to_resume_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "out"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("no unfinished run") && stderr.ends_with(": out\n"), "{stderr}");
}

#[test]
fn a_model_folder_without_weights_is_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(home.path().join("model")).expect("makes");
    fs::write(home.path().join("model/config.json"), "{}").expect("writes");
    let (code, _, stderr) = run(hone(home.path()).args(["predict", "--model", "model", "--text", "hello"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("model.safetensors is missing"), "{stderr}");
}

#[test]
fn completions_and_the_manual_are_written() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, stdout, stderr) = run(hone(home.path()).args(["completions", shell]));
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(stdout.contains("gradient-checkpointing"), "{shell}");
    }
    let (code, stdout, stderr) = run(hone(home.path()).args(["man", "--out", "pages"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.lines().any(|line| line.ends_with("hone-train.1")), "{stdout}");
    let page = fs::read_to_string(home.path().join("pages/hone-models-fetch.1")).expect("each command has a page");
    let (code, all, _) = run(hone(home.path()).arg("man"));
    assert_eq!(code, 0);
    assert!(all.contains(&page), "without a folder all pages follow each other");
}
