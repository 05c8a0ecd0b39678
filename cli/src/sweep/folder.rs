//! The folder of a sweep: a folder for each trial, in it one for each run where there are several; `sweep.json`, by which
//! the sweep goes on; `best.json`, the job of the best trial.
//!
//! `sweep.json` is written to a temporary file, made sure of and renamed: whenever the process ends, it is that of the last
//! leg or of the one before.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hone_core::checkpoint::RESULTS_FILE;
use hone_core::config::JOB_FILE;
use hone_core::sweep::{Leg, RunResult, Sweep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::io_error;
use crate::lock::LOCK;
use crate::output::{make_dir, names_in, read_file, remove_dir};

const STATE: &str = "sweep.json";
pub(super) const BEST: &str = "best.json";
/// The job of a run from its beginning: `hone runs` takes a folder with the other name for a run that is over.
const JOB: &str = "job.json";
const FIGURES: &str = "figures.json";
const EVENTS: &str = "events.jsonl";
const TRIAL: &str = "trial-";

/// What stays of a trial that is not the best.
const KEPT: [&str; 6] = [JOB, JOB_FILE, RESULTS_FILE, FIGURES, EVENTS, "README.md"];

/// The folder of the sweep that a run in `dir` belongs to, if it does.
pub(crate) fn sweep_of(dir: &Path) -> Option<&Path> {
    // A trial of several runs has a folder for each.
    dir.ancestors().skip(1).take(2).find(|above| above.join(STATE).is_file())
}

/// A sweep as it is written.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Layout of the file.
    pub(super) hone_sweep: u32,
    /// `[run]`, as it would be typed.
    pub(super) line: Vec<String>,
    /// What the files of rows were.
    pub(super) data_sha256: Value,
    /// SHA-256 of the other files that `[run]` names: those of the model by their names, the job, the edits of rows.
    pub(super) begins_with: BTreeMap<String, String>,
    /// Trials are compared by this figure.
    pub(super) metric: String,
    pub(super) sweep: Sweep,
}

/// What a leg came to, as it lies in the folder of its run: told to a sweep that was killed before it heard of it.
#[derive(Debug, Serialize, Deserialize)]
struct LegFigures {
    rung: usize,
    result: RunResult,
    /// All that was measured on the validation rows.
    figures: Value,
}

/// The folder of a sweep.
pub(super) struct SweepFolder {
    pub(super) dir: PathBuf,
}

impl SweepFolder {
    /// The layout that this build writes.
    pub(super) const LAYOUT: u32 = 1;

    /// The sweep that lies there, if one does.
    ///
    /// # Errors
    /// When it can't be read, or other files lie there.
    pub(super) fn load(&self) -> anyhow::Result<Option<State>> {
        let path = self.dir.join(STATE);
        if !path.is_file() {
            self.check_empty()?;
            return Ok(None);
        }
        let bytes = read_file("read the sweep", &path)?;
        let state: State = serde_json::from_slice(&bytes)
            .with_context(|| format!("can't read the sweep (--force begins anew): {}", path.display()))?;
        if state.hone_sweep > Self::LAYOUT {
            bail!("the sweep was written by a newer hone: update hone: {}", path.display());
        }
        Ok(Some(state))
    }

    /// Refuses a folder in which there is more than a sweep that may be dropped.
    ///
    /// # Errors
    /// When other files lie there.
    pub(super) fn check_to_clear(&self) -> anyhow::Result<()> {
        let holds_sweep = self.dir.join(STATE).is_file();
        self.check_others(|name| holds_sweep && self.is_of_sweep(name))
    }

    fn check_empty(&self) -> anyhow::Result<()> {
        self.check_others(|_| false)
    }

    fn check_others(&self, is_own: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let names = if self.dir.is_dir() { names_in(&self.dir)? } else { Vec::new() };
        // What a sweep leaves that was killed before its first word.
        let is_left = |name: &str| name == LOCK || name.strip_suffix(".part") == Some(STATE);
        let other = names.into_iter().find(|name| !is_left(name) && !is_own(name));
        if let Some(name) = other {
            bail!("the output folder holds other files ({name}): choose another: {}", self.dir.display());
        }
        Ok(())
    }

    /// Whether a sweep wrote it.
    fn is_of_sweep(&self, name: &str) -> bool {
        [STATE, BEST].contains(&name) || (name.starts_with(TRIAL) && self.dir.join(name).is_dir())
    }

    /// Removes all that a sweep wrote.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        if !self.dir.join(STATE).is_file() {
            return Ok(());
        }
        let others = names_in(&self.dir)?.into_iter().filter(|name| name != STATE && self.is_of_sweep(name));
        // What says that the rest is a sweep's goes last: a kill on the way leaves a folder that can be cleared.
        for name in others.chain([STATE.to_owned()]) {
            let path = self.dir.join(&name);
            match path.is_dir() {
                true => remove_dir(&path)?,
                false => fs::remove_file(&path).map_err(|e| io_error("remove the file", &e, &path))?,
            }
        }
        Ok(())
    }

    /// Writes the state.
    ///
    /// # Errors
    /// When the disk refuses; the one before is then still there.
    pub(super) fn save(&self, state: &State) -> anyhow::Result<()> {
        make_dir(&self.dir)?;
        let json = serde_json::to_vec_pretty(state).context("can't describe the sweep")?;
        write_whole(&self.dir.join(STATE), &json)
    }

    /// Writes the job of the best trial.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn save_best(&self, job: &str) -> anyhow::Result<()> {
        write_whole(&self.dir.join(BEST), job.as_bytes())
    }

    pub(super) fn trial(&self, trial: usize) -> PathBuf {
        self.dir.join(format!("{TRIAL}{:03}", trial + 1))
    }

    /// The folder of the run of a leg.
    pub(super) fn run(&self, leg: &Leg) -> PathBuf {
        let dir = self.trial(leg.trial);
        let seed = leg.seed.map(|seed| format!("seed-{seed}"));
        let fold = leg.fold.map(|fold| format!("fold-{}", fold.index + 1));
        let parts: Vec<String> = seed.into_iter().chain(fold).collect();
        if parts.is_empty() { dir } else { dir.join(parts.join("-")) }
    }

    /// What the leg came to, if it ended and nobody heard of it.
    pub(super) fn ended(&self, leg: &Leg) -> Option<RunResult> {
        let bytes = fs::read(self.run(leg).join(FIGURES)).ok()?;
        let found: LegFigures = serde_json::from_slice(&bytes).ok()?;
        (found.rung == leg.rung).then_some(found.result)
    }

    /// Writes what a leg came to.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn end(&self, leg: &Leg, result: &RunResult, figures: Value) -> anyhow::Result<()> {
        let found = LegFigures { rung: leg.rung, result: result.clone(), figures };
        let json = serde_json::to_vec_pretty(&found).context("can't describe the figures")?;
        write_whole(&self.run(leg).join(FIGURES), &json)
    }

    /// Writes the job of a run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn save_job(&self, leg: &Leg, job: &str) -> anyhow::Result<()> {
        write_whole(&self.run(leg).join(JOB), job.as_bytes())
    }

    /// The events of a run, to write on: those after `step`, which come again, are taken out.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn events(&self, leg: &Leg, step: u32) -> anyhow::Result<File> {
        let dir = self.run(leg);
        make_dir(&dir)?;
        let path = dir.join(EVENTS);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let text: String = before.split_inclusive('\n').take_while(|line| is_before(line, step)).collect();
        write_whole(&path, text.as_bytes())?;
        File::options().append(true).open(&path).map_err(|e| io_error("write the events", &e, &path))
    }

    /// Removes the weights and checkpoints of a trial.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn prune(&self, trial: usize) -> anyhow::Result<()> {
        let dir = self.trial(trial);
        if dir.is_dir() { prune_below(&dir) } else { Ok(()) }
    }
}

/// Whether an event came by a step; half a line, as a kill leaves it, did not. While nothing was trained nothing came.
fn is_before(line: &str, step: u32) -> bool {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return false };
    step > 0 && event["step"].as_u64().is_none_or(|of_event| of_event <= u64::from(step))
}

/// Removes what is not kept of a run, or of the runs in the folder.
fn prune_below(dir: &Path) -> anyhow::Result<()> {
    for name in names_in(dir)? {
        let path = dir.join(&name);
        if name.starts_with("seed-") || name.starts_with("fold-") {
            prune_below(&path)?;
        } else if path.is_dir() {
            remove_dir(&path)?;
        } else if !KEPT.contains(&name.as_str()) {
            fs::remove_file(&path).map_err(|e| io_error("remove the file", &e, &path))?;
        }
    }
    Ok(())
}

/// Writes a file so that it is the old one or the new one, whenever the process or the machine ends.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&part, path)).map_err(|e| io_error("write the file", &e, path))
}

#[cfg(test)]
mod tests {
    use hone_core::config::Fold;
    use hone_core::sweep::SweepPlan;
    use serde_json::json;

    use super::*;

    fn folder(dir: &Path) -> SweepFolder {
        SweepFolder { dir: dir.to_owned() }
    }

    fn sweep() -> Sweep {
        let space = json!({ "learning_rate": [1e-4, 1e-3] });
        let plan = SweepPlan::read(Some(&space), Some(&json!({ "folds": 2 }))).expect("a good plan");
        Sweep::new(plan, true).expect("it has an end")
    }

    #[test]
    fn a_sweep_comes_back_and_makes_way() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = folder(&dir.path().join("out"));
        assert!(folder.load().expect("it is not there").is_none());
        let (line, metric) = (vec!["--model=m".to_owned()], "accuracy".to_owned());
        let begins_with = BTreeMap::from([("job".to_owned(), "ab".to_owned())]);
        let state = State { hone_sweep: 1, line, data_sha256: json!({}), begins_with, metric, sweep: sweep() };
        folder.save(&state).expect("writes");
        assert_eq!(folder.load().expect("reads"), Some(state));
        make_dir(&folder.trial(0)).expect("makes");
        folder.check_to_clear().expect("all of it is a sweep's");
        fs::write(folder.dir.join("mine.txt"), "x").expect("writes");
        assert!(folder.check_to_clear().expect_err("other files").to_string().contains("mine.txt"));
        folder.clear().expect("removes");
        assert_eq!(names_in(&folder.dir).expect("reads"), ["mine.txt"], "what is not ours stays");
        assert!(folder.load().expect_err("other files").to_string().contains("mine.txt"));
        fs::rename(folder.dir.join("mine.txt"), folder.trial(0)).expect("moves");
        folder.check_to_clear().expect_err("without a sweep nothing is known to be a sweep's");
    }

    #[test]
    fn what_a_leg_came_to_is_found_by_the_next_process() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = folder(dir.path());
        let leg = sweep().next_leg().expect("it has begun");
        assert_eq!(leg.fold, Some(Fold { index: 0, count: 2 }));
        assert!(folder.run(&leg).ends_with("trial-001/fold-1"));
        make_dir(&folder.run(&leg)).expect("makes");
        assert!(folder.ended(&leg).is_none());
        let (step, total_steps, secs, failed) = (9, 9, 1.0, None);
        let result = RunResult { figure: Some(0.5), loss: Some(0.25), step, total_steps, secs, is_over: true, failed };
        folder.end(&leg, &result, json!({ "accuracy": 0.5 })).expect("writes");
        assert_eq!(folder.ended(&leg), Some(result));
        assert!(folder.ended(&Leg { rung: 1, ..leg }).is_none(), "of another rung");
    }

    #[test]
    fn events_after_the_checkpoint_are_taken_out() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = folder(dir.path());
        let leg = sweep().next_leg().expect("it has begun");
        let write = |step: u32, text: &str| {
            folder.events(&leg, step).and_then(|mut file| Ok(file.write_all(text.as_bytes())?)).expect("writes");
            fs::read_to_string(folder.run(&leg).join(EVENTS)).expect("reads")
        };
        let text = "{\"event\":\"phase\"}\n{\"step\":1}\n{\"step\":2}\n{\"st";
        assert_eq!(write(0, text), text);
        assert_eq!(
            write(1, "{\"step\":2,\"again\":true}\n"),
            "{\"event\":\"phase\"}\n{\"step\":1}\n{\"step\":2,\"again\":true}\n"
        );
        assert_eq!(write(0, ""), "", "the run begins anew");
    }

    #[test]
    fn of_a_trial_that_lost_the_weights_go() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = folder(dir.path());
        let run = folder.trial(0).join("fold-1");
        make_dir(&run.join("checkpoint")).expect("makes");
        for name in [JOB_FILE, FIGURES, EVENTS, "model.safetensors", "tokenizer.json"] {
            fs::write(run.join(name), "x").expect("writes");
        }
        folder.prune(0).expect("removes");
        folder.prune(1).expect("there is none");
        let mut expected = [JOB_FILE, FIGURES, EVENTS];
        expected.sort_unstable();
        assert_eq!(names_in(&run).expect("reads"), expected);
    }
}
