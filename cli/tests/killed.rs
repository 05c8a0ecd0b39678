//! Runs that are killed, or lose their readers, at moments that nobody chose: they end in the weights of a run that was
//! left alone.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{hone, tiny_encoder, train_line, write_rows};

/// Times that a run is killed.
const KILLS: u32 = 20;
/// Runs whose readers go away.
const CLOSED_PIPES: u64 = 20;
/// Events of a run, about: readers go away before them all have come.
const MAX_EVENTS: u64 = 60;

/// Numbers without a pattern that are the same each time (xorshift).
struct Moments(u64);

impl Moments {
    fn next_below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

fn train(home: &Path, model: &Path, output: &str) -> Command {
    let mut command = hone(home);
    command.args(train_line(model)).args(["--epochs", "2", "--logging-steps", "1", "--json", "--force"]);
    command.args(["--output", output]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What a run that was left alone gives, and how long it took.
fn undisturbed(home: &Path, model: &Path) -> (Vec<u8>, Duration) {
    write_rows(&home.join("rows.csv"));
    let start = Instant::now();
    assert!(train(home, model, "whole").status().expect("the binary starts").success());
    (weights(home, "whole"), start.elapsed())
}

fn weights(home: &Path, output: &str) -> Vec<u8> {
    fs::read(home.join(output).join("model.safetensors")).expect("there is a model")
}

#[test]
fn a_run_that_is_killed_again_and_again_gives_the_same_weights() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let (expected, took) = undisturbed(home.path(), &model);
    let next = || {
        let out = home.path().join("killed");
        let is_begun = ["checkpoint", "checkpoint.old"].iter().any(|dir| out.join(dir).join("inputs.json").is_file());
        if !is_begun {
            return train(home.path(), &model, "killed");
        }
        let mut command = hone(home.path());
        command.args(["train", "--resume", "--output", "killed"]).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut moments = Moments(0x9E37_79B9_7F4A_7C15);
    let mut kills = 0;
    while kills < KILLS {
        let mut child = next().spawn().expect("the binary starts");
        std::thread::sleep(Duration::from_millis(moments.next_below(took.as_millis() as u64)));
        match child.try_wait().expect("can be asked") {
            Some(status) => {
                assert!(status.success(), "it ends well after {kills} kills");
                assert!(weights(home.path(), "killed") == expected, "other weights after {kills} kills");
            }
            None => {
                child.kill().expect("it still runs");
                child.wait().expect("ends");
                kills += 1;
            }
        }
    }
    assert!(next().status().expect("the binary starts").success());
    assert!(weights(home.path(), "killed") == expected, "other weights after {kills} kills");
    let left: Vec<_> = fs::read_dir(home.path().join("killed")).expect("is there").flatten().collect();
    let is_left = |name: &str| left.iter().any(|entry| entry.file_name().to_string_lossy().starts_with(name));
    assert!(!is_left(".") && !is_left("checkpoint"), "{left:?}");
}

#[test]
fn a_run_whose_readers_go_away_gives_the_same_weights() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let (expected, _) = undisturbed(home.path(), &model);
    let mut moments = Moments(0x2545_F491_4F6C_DD1D);
    for round in 0..CLOSED_PIPES {
        let mut command = train(home.path(), &model, "closed");
        // Every other time both pipes are closed, as `2>&1 | head` does it.
        let stderr = if round % 2 == 0 { Stdio::piped() } else { Stdio::null() };
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the binary starts");
        drop(child.stderr.take());
        let lines = moments.next_below(MAX_EVENTS) as usize;
        let read = BufReader::new(child.stdout.take().expect("piped")).lines().take(lines).count();
        assert!(child.wait().expect("ends").success(), "closed after {read} events");
        assert!(weights(home.path(), "closed") == expected, "other weights, closed after {read} events");
    }
}
