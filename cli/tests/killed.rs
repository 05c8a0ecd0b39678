//! Runs that are killed, or lose their readers, at moments that nobody chose: they end in the weights of a run that was
//! left alone. A few moments each time; `cargo xtask soak` has the first of these tests try many.

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
use support::{hone, run, tiny_encoder, train_line, write_rows};

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
        let is_half = ["checkpoint.part", "checkpoint.old"].iter().any(|dir| self.path(dir).exists());
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
