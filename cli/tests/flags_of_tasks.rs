//! Flags that a task has no use for: each is refused before anything is trained, by its name and that of the task.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{hone, run, tiny_encoder};

fn tiny_decoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny_decoder")
}

fn vit_tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/vit_tiny")
}

/// Flags with their values, which the task of this name does not have.
const UNUSED: [(&str, &[&[&str]]); 9] = [
    (
        "sequence-classification",
        &[
            &["--doc-stride", "64"],
            &["--label-all-tokens"],
            &["--packing"],
            &["--negative-column", "b"],
            &["--tokens-column", "b"],
            &["--label-separator", ";"],
            &["--source-prefix", "a: "],
            &["--image-column", "b"],
            &["--horizontal-flip"],
            &["--mixup-alpha", "0.2"],
        ],
    ),
    (
        "regression",
        &[
            &["--class-weights", "balanced"],
            &["--label-smoothing", "0.1"],
            &["--merge-label", "a=b"],
            &["--sentence-column", "b"],
            &["--prompt-column", "b"],
            &["--target-column", "b"],
        ],
    ),
    ("multi-label", &[&["--doc-stride", "128"], &["--label-smoothing", "0.1"], &["--answer-column", "b"]]),
    (
        "token-classification",
        &[
            &["--text-pair-column", "b"],
            &["--pooling", "mean"],
            &["--max-answer-length", "9"],
            &["--merge-label", "a=b"],
            &["--clean-texts", "markup"],
        ],
    ),
    (
        "question-answering",
        &[&["--text-column", "b"], &["--label-column", "b"], &["--pooling", "cls"], &["--class-weights", "none"]],
    ),
    (
        "masked-lm",
        &[
            &["--label-column", "b"],
            &["--null-score-threshold", "0"],
            &["--similarity-scale", "20"],
            &["--shape", "text"],
        ],
    ),
    (
        "sentence-embedding",
        &[
            &["--pooling", "mean"],
            &["--mlm-probability", "0.15"],
            &["--context-column", "b"],
            &["--whole-word-masking"],
        ],
    ),
    (
        "causal-lm",
        &[
            &["--pooling", "mean"],
            &["--doc-stride", "128"],
            &["--label-column", "b"],
            &["--text-pair-column", "b"],
            &["--max-target-length", "9"],
        ],
    ),
    (
        "image-classification",
        &[
            &["--pooling", "mean"],
            &["--max-seq-length", "64"],
            &["--packing"],
            &["--text-column", "b"],
            &["--source-prefix", "a: "],
        ],
    ),
];

#[test]
fn flags_without_effect_are_refused_by_their_name_and_the_tasks() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), "a,b\nsome words,1\n").expect("writes");
    for (task, flags) in UNUSED {
        let model = match task {
            "causal-lm" => tiny_decoder(),
            "image-classification" => vit_tiny(),
            _ => tiny_encoder(),
        };
        let mut line = hone(home.path());
        line.args(["train", "--data", "rows.csv", "--output", "out", "--device", "cpu", "--task", task]);
        line.arg("--model").arg(model).args(flags.concat());
        let (code, _, stderr) = run(&mut line);
        assert_eq!(code, 2, "{task}: {stderr}");
        for flag in flags {
            let start = format!("  {}: has no effect", flag[0]);
            let is_said = |line: &str| line.starts_with(&start) && line.contains(&format!("({task})"));
            assert!(stderr.lines().any(is_said), "{task}, {}: {stderr}", flag[0]);
        }
    }
    assert!(!home.path().join("out").exists(), "what is refused leaves no folder behind");
}

#[test]
fn a_comparison_needs_test_rows() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), "text,score\nsome words,1\n").expect("writes");
    for flags in [&["--test-fraction", "0"][..], &["--valid", "rows.csv"]] {
        let mut line = hone(home.path());
        line.args(["train", "--data", "rows.csv", "--output", "out", "--device", "cpu", "--task", "regression"]);
        let (code, _, stderr) = run(line.arg("--model").arg(tiny_encoder()).arg("--compare").args(flags));
        assert!(code == 2 && stderr.contains("--compare: has no effect: there are no test rows"), "{stderr}");
    }
}

#[test]
fn flags_that_are_about_other_flags_are_refused_without_them() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for (flags, says) in [
        (&["predict", "--model", "m", "--text", "a", "--header", "no"][..], "--header: has no effect without --data"),
        (&["eval", "--model", "m", "--data", "d.csv", "--max-new-tokens", "8"], "--generate"),
        (
            &["generate", "--model", "m", "--prompt", "a", "--temperature", "0", "--top-k", "5"],
            "--temperature: 0 takes the likeliest token each time",
        ),
        (&["generate", "--model", "m", "--prompt", "a", "--temperature", "0,7"], "such as 0.7"),
        (
            &["generate", "--model", "m", "--prompt", "a", "--num-beams", "1", "--length-penalty", "-0.5"],
            "--length-penalty: has no effect without beams",
        ),
        (
            &["generate", "--model", "m", "--prompt", "a", "--top-k", "5", "--early-stopping", "never"],
            "--early-stopping: has no effect without beams",
        ),
        (
            &["generate", "--model", "m", "--prompt", "a", "--num-beams", "4", "--do-sample"],
            "--num-beams: beam sampling is not offered",
        ),
        (&["generate", "--model", "m", "--prompt", "a", "--early-stopping", "soon"], "none of false, true and never"),
    ] {
        let (code, _, stderr) = run(hone(home.path()).args(flags));
        assert!(code == 2 && stderr.contains(says), "{flags:?}: {stderr}");
    }
}
