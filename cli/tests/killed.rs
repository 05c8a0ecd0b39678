//! Runs that are killed, or lose their readers, at moments that nobody chose, and one whose disk takes no more: they end in the
//! weights of a run that was left alone. A few moments each time; `cargo xtask soak` has the first of these tests try many.

mod support;

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use hone_core::splitmix64::SplitMix64;
use serde_json::Value;
use support::{hone, kill_after_checkpoint, leave_checkpoint, run, tiny_encoder, train_line, write_rows};

/// Seed of the moments, where none is given.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// Runs whose readers go away.
const CLOSED_PIPES: u64 = 20;
/// Events of a run, about: readers go away before them all have come.
const MAX_EVENTS: u64 = 60;
/// Longest wait, in microseconds, from the beginning of a checkpoint's writing to the kill.
const MAX_WRITING_MICROS: u64 = 50_000;

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
    let (code, _, stderr) = run(train(home, model, "whole").stderr(Stdio::piped()));
    assert_eq!(code, 0, "{stderr}");
    (weights(home, "whole"), start.elapsed())
}

fn weights(home: &Path, output: &str) -> Vec<u8> {
    fs::read(home.join(output).join("model.safetensors")).expect("there is a model")
}

/// A number that `cargo xtask soak` gives.
fn from_env<T: FromStr>(name: &str, default: T) -> T {
    let given = env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no whole number: {text}")))
}

/// What came of the kills of one kind.
#[derive(Default)]
struct Tally {
    kills: u32,
    /// Runs that ended, after however many kills.
    ended: u32,
    /// Of these, those with other weights than the run that was left alone.
    differing: u32,
}

/// A run that is killed, resumed and killed again until it ends; then the next one begins.
struct Victim<'a> {
    home: &'a Path,
    model: &'a Path,
    expected: &'a [u8],
    tally: Tally,
}

impl Victim<'_> {
    const OUTPUT: &'static str = "killed";

    fn path(&self, name: &str) -> PathBuf {
        self.home.join(Self::OUTPUT).join(name)
    }

    fn has_checkpoint(&self) -> bool {
        ["checkpoint", "checkpoint.old"].iter().any(|dir| self.path(dir).join("inputs.json").is_file())
    }

    /// When something was last changed in the folder that a checkpoint is written in.
    fn writing_changed(&self) -> Option<SystemTime> {
        fs::metadata(self.path("checkpoint.part")).and_then(|found| found.modified()).ok()
    }

    /// Begins the run, or goes on with it.
    fn start(&self) -> Child {
        let mut command = if self.has_checkpoint() {
            let mut command = hone(self.home);
            command.args(["train", "--resume", "--output", Self::OUTPUT]);
            command
        } else {
            train(self.home, self.model, Self::OUTPUT)
        };
        let errors = File::create(self.home.join("stderr.txt")).expect("a file for what it says");
        command.stdout(Stdio::null()).stderr(errors).spawn().expect("the binary starts")
    }

    /// Starts the run and kills it after `wait`, unless it has ended by itself. Whether it was killed while a checkpoint
    /// was being written, or put in the place of the one before.
    fn disturb(&mut self, wait: impl FnOnce(&Self, &mut Child)) -> bool {
        let mut child = self.start();
        wait(self, &mut child);
        let status = child.try_wait().expect("can be asked");
        if status.is_none() {
            child.kill().expect("it still runs");
            child.wait().expect("ends");
            self.tally.kills += 1;
        }
        let is_half = self.path("checkpoint.part").exists();
        if let Some(status) = status {
            let said = fs::read_to_string(self.home.join("stderr.txt")).unwrap_or_default();
            assert!(status.success(), "{status} after {} kills: {said}", self.tally.kills);
            assert!(self.path("model.safetensors").is_file() && !self.has_checkpoint(), "it has not ended: {said}");
            let left = fs::read_dir(self.path("")).expect("is there").flatten();
            let left: Vec<_> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            assert!(!left.iter().any(|name| name.starts_with('.') || name.starts_with("checkpoint")), "{left:?}");
        }
        // A run that is killed after its last word has ended, too.
        if !self.has_checkpoint() && self.path("model.safetensors").is_file() {
            self.tally.ended += 1;
            self.tally.differing += u32::from(weights(self.home, Self::OUTPUT) != self.expected);
            fs::remove_dir_all(self.path("")).expect("removes");
        }
        status.is_none() && is_half
    }

    /// Lets the run end.
    fn leave_alone(&mut self) {
        let ended = self.tally.ended;
        while self.tally.ended == ended {
            self.disturb(|_, child| {
                child.wait().expect("ends");
            });
        }
    }
}

/// Kills at any moment of a run that takes so long.
fn kill_at_random(victim: &mut Victim<'_>, kills: u32, moments: &mut SplitMix64, took: Duration) {
    while victim.tally.kills < kills {
        let delay = Duration::from_micros(moments.draw_below(took.as_micros() as u64));
        victim.disturb(|_, _| sleep(delay));
    }
    victim.leave_alone();
}

/// Waits until something is so, or the process has ended.
fn wait_until(child: &mut Child, is_so: impl Fn() -> bool) {
    while !is_so() && child.try_wait().expect("can be asked").is_none() {
        sleep(Duration::from_micros(50));
    }
}

/// Kills while a checkpoint is written (or what is left of one is cleared away); kills that came too late do not count.
fn kill_while_writing(victim: &mut Victim<'_>, kills: u32, moments: &mut SplitMix64) {
    let (mut caught, mut attempts) = (0, 0);
    let mut limit_micros: u64 = 2_000;
    while caught < kills {
        attempts += 1;
        assert!(attempts <= 50 + 50 * kills, "{caught} of {attempts} kills came while a checkpoint was written");
        let before = victim.writing_changed();
        let num_whole = moments.draw_below(2); // so many are written to their end, from which the next attempt goes on
        let delay = Duration::from_micros(moments.draw_below(limit_micros));
        let is_caught = victim.disturb(|victim, child| {
            let is_writing = || victim.writing_changed().is_some_and(|changed| Some(changed) != before);
            for _ in 0..num_whole {
                wait_until(child, is_writing);
                wait_until(child, || victim.writing_changed().is_none());
            }
            wait_until(child, is_writing);
            sleep(delay);
        });
        // How long writing takes depends on the disk.
        limit_micros = if is_caught { limit_micros * 2 } else { limit_micros / 2 }.clamp(1, MAX_WRITING_MICROS);
        caught += u32::from(is_caught);
    }
    victim.leave_alone();
    victim.tally.kills = caught;
}

#[test]
fn a_run_that_is_killed_again_and_again_gives_the_same_weights() {
    let (kills, writes) = (from_env("HONE_SOAK_KILLS", 6), from_env("HONE_SOAK_WRITES", 3));
    let seed = from_env("HONE_SOAK_SEED", SEED);
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let (expected, took) = undisturbed(home.path(), &model);
    let victim = || Victim { home: home.path(), model: &model, expected: &expected, tally: Tally::default() };
    let mut moments = SplitMix64::new(seed);
    let (mut at_random, mut while_writing) = (victim(), victim());
    kill_at_random(&mut at_random, kills, &mut moments, took);
    kill_while_writing(&mut while_writing, writes, &mut moments);

    eprintln!("\nseed {seed}; a run that is left alone takes {} ms", took.as_millis());
    eprintln!("{:<30} {:>6} {:>12} {:>14}", "killed", "kills", "ended runs", "other weights");
    let tallies = [("at random moments", at_random.tally), ("while a checkpoint is written", while_writing.tally)];
    for (when, tally) in &tallies {
        eprintln!("{when:<30} {:>6} {:>12} {:>14}", tally.kills, tally.ended, tally.differing);
    }
    for (when, tally) in tallies {
        assert!(tally.ended > 0 && tally.differing == 0, "{when}: {} of {} differ", tally.differing, tally.ended);
    }
}

#[test]
fn a_run_of_one_epoch_that_is_killed_goes_on_from_within_it() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let more = ["--epochs", "1", "--eval-steps", "3", "--early-stopping-patience", "off", "--json", "--output"];
    let train = |output: &str| {
        let mut command = hone(home.path());
        command.args(train_line(&model)).args(more).arg(output);
        command
    };
    let (code, _, stderr) = run(&mut train("whole"));
    assert_eq!(code, 0, "{stderr}");
    kill_after_checkpoint(&mut train("killed"));
    let inputs = fs::read(home.path().join("killed/checkpoint/inputs.json")).expect("it was saved");
    let inputs: Value = serde_json::from_slice(&inputs).expect("JSON");
    let [step, total] = ["step", "total_steps"].map(|name| inputs[name].as_u64().expect("a number"));
    assert!(step > 0 && step < total, "saved at {step} of {total}");
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "killed"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(weights(home.path(), "killed") == weights(home.path(), "whole"), "other weights, from step {step} on");
}

#[test]
fn a_run_whose_readers_go_away_gives_the_same_weights() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let (expected, _) = undisturbed(home.path(), &model);
    let mut moments = SplitMix64::new(0x2545_F491_4F6C_DD1D);
    for round in 0..CLOSED_PIPES {
        let mut command = train(home.path(), &model, "closed");
        // Every other time both pipes are closed, as `2>&1 | head` does it.
        let stderr = if round % 2 == 0 { Stdio::piped() } else { Stdio::null() };
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the binary starts");
        drop(child.stderr.take());
        let lines = moments.draw_below(MAX_EVENTS) as usize;
        let read = BufReader::new(child.stdout.take().expect("piped")).lines().take(lines).count();
        assert!(child.wait().expect("ends").success(), "closed after {read} events");
        assert!(weights(home.path(), "closed") == expected, "other weights, closed after {read} events");
    }
}

/// Where a folder of another file system than the system's own one for temporary files may be made by anybody.
const OTHER_DISK: &str = "/dev/shm";

/// Blocks of 512 bytes that no file may be larger than: fewer than the weights have, more than all else.
const MAX_BLOCKS: &str = "1024";

/// Goes on with a run on a disk that takes small files only: a shell sets the limit, by which a write fails as on a full disk.
#[cfg(unix)]
fn resume_on_full_disk(home: &Path, output: &str) -> (i32, String, String) {
    let binary = hone(home);
    let mut shell = Command::new("sh");
    // Without the trap the process would be ended by a signal, as no full disk does.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {MAX_BLOCKS}; exec \"$@\"")]).arg("sh");
    shell.arg(binary.get_program()).args(["train", "--resume", "--output", output]);
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    run(shell.current_dir(home).stdin(Stdio::null()))
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_costs_neither_the_run_nor_what_was_there() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    // On another disk than the rows, where there is one: nothing is renamed from one to the other.
    let elsewhere = tempfile::tempdir_in(OTHER_DISK).or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line =
        [train_line(&model), ["--epochs", "3", "--logging-steps", "1", "--output", "whole"].map(str::to_owned).into()]
            .concat();
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 0, "{stderr}");
    let output = elsewhere.path().join("out");
    let name = output.to_str().expect("a name of letters");
    leave_checkpoint(home.path(), &model, name);
    let inputs = || fs::read(output.join("checkpoint/inputs.json")).expect("the checkpoint is there");
    let before = inputs();

    let (code, _, stderr) = resume_on_full_disk(home.path(), name);
    assert_eq!(code, 1, "{stderr}");
    let refused = "can't write the file: File too large";
    assert!(stderr.contains("warning: no checkpoint at step ") && stderr.matches(refused).count() >= 2, "{stderr}");
    assert!(stderr.contains("the run broke off, its checkpoint at step ") && stderr.contains("--resume"), "{stderr}");
    assert_eq!(inputs(), before, "the checkpoint before is as it was");
    let left = fs::read_dir(&output).expect("is there").flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.map(|name| name.to_string_lossy().into_owned()).collect();
    let is_half = |name: &String| name.ends_with(".part") || name.ends_with(".safetensors");
    assert!(!left.iter().any(is_half), "half of what was refused takes no room: {left:?}");

    let (code, _, stderr) = run(hone(home.path()).args(["predict", "--model", name, "--text", "x"]));
    assert!(code == 1 && stderr.contains("an unfinished run and no model yet"), "{stderr}");
    let [rows, moved] = ["rows.csv", "moved.csv"].map(|file| home.path().join(file));
    fs::rename(&rows, &moved).expect("renames");
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", name]));
    assert!(code == 1 && stderr.contains("the training file of the run is not there any more"), "{stderr}");
    assert!(stderr.contains("say where it lies with --data: "), "{stderr}");
    fs::rename(&moved, &rows).expect("renames");

    // Once there is room the run goes on, to the weights of one that always had some.
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", name]));
    assert_eq!(code, 0, "{stderr}");
    assert!(weights(home.path(), name) == weights(home.path(), "whole"), "other weights");
}

#[cfg(unix)]
#[test]
fn a_folder_that_nobody_can_write_to_is_said_before_anything_is_trained() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    // No one makes a folder there, not even who may do anything.
    let output = "/proc/self/hone";
    let (code, stdout, stderr) = run(hone(home.path()).args(train_line(&tiny_encoder())).args(["--output", output]));
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("error: can't make the folder: ") && stderr.contains(output), "{stderr}");
    assert!(!stderr.contains("device: "), "nothing is trained before: {stderr}");
}
