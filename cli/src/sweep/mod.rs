//! `hone sweep`: trains the trials of a sweep one after the other, and keeps the best.
//!
//! In: a sweep file. Out: a folder for each trial, `sweep.json`, by which a sweep that was stopped or killed goes on,
//! `best.json`, and a table. What is tried next is said by `core/src/sweep`; here it is trained.

mod file;
mod folder;
mod leg;
mod table;

pub(crate) use self::folder::sweep_of;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::config::{Fold, Job};
use hone_core::data::DataFiles;
use hone_core::event::TrainEvent;
use hone_core::hub::sha256_hex;
use hone_core::session::hashes_of;
use hone_core::sweep::{Budget, Leg, Sweep, Way};
use hone_core::task::Task;
use hone_core::words::plural;
use serde_json::json;

use crate::args::{SweepArgs, TrainArgs};
use crate::device;
use crate::failure::{INTERRUPTED, Usage};
use crate::lock::Lock;
use crate::output::{make_dir, read_file};
use crate::plan::Plan;
use crate::progress::{Progress, say};
use crate::signals::Interrupt;
use crate::train::{OpenSession, check_flags, open_session};
use file::SweepFile;
use folder::{BEST, State, SweepFolder};
use leg::Runner;

/// Runs `hone sweep`.
///
/// # Errors
/// What is wrong with the file or the settings; a device or a disk that fails: the sweep goes on by the same command.
pub(crate) fn run(args: &SweepArgs) -> anyhow::Result<ExitCode> {
    let file = SweepFile::read(&args.file)?;
    let folder = SweepFolder { dir: args.output.clone() };
    let train = file.args(&folder.dir.join("run"))?; // no run writes there: each has a folder of its own
    let mut plan = Plan::new(&train).map_err(|error| file.locate_all(error))?;
    if !plan.parts.is_empty() {
        let place = file.place("run", "job");
        return Err(Usage(vec![format!("{place}: trials are compared by the figure of one task")]).into());
    }
    check_rows(&plan, &file)?;
    let files = Rc::new(plan.read_rows()?);
    let _lock = if args.dry_run { None } else { Some(Lock::take(&folder.dir)?) };
    let known = match (args.dry_run, args.force) {
        (true, _) => None,
        (false, true) => folder.check_to_clear().map(|()| None)?,
        (false, false) => folder.load()?,
    };

    let progress = Progress::new(false, 0.0);
    let model = plan.load_model(&train)?;
    plan.check_model(&train, &model)?;
    let device = device::open(plan.settings.device)?;
    progress.note(&format!("device: {}", device.name));
    let opened = open_session(&plan, &files.train, (model, &device.device), &progress);
    let OpenSession { session, task, info } = opened.map_err(|error| file.locate_all(error))?;
    let begins_with = hashes_of_run(&train, &plan)?;
    let is_new = known.is_none();
    let mut state = match known {
        Some(state) => {
            check_same_sweep(&state, &file, (&*files, &begins_with), args)?;
            say(&going_on(&state.sweep));
            state
        }
        None => begin(&file, &plan, (&*files, begins_with), task)?,
    };
    let (base, base_read) = (plan.settings.run.clone(), plan.settings.read.clone());
    let (args_of_run, loaded) = (&train, None);
    let interrupt = Interrupt::listen()?;
    let mut runner =
        Runner { args: args_of_run, plan, session, files, base, base_read, folder: &folder, interrupt, loaded };
    check_trials(&mut runner, &file, &state.sweep, task, info.num_hidden_layers)?;
    if args.dry_run || is_new {
        check_folds(&mut runner, &state.sweep)?;
    }
    if args.dry_run {
        return dry_run(&mut runner, &state.sweep, args.json);
    }
    if let Some(leg) = state.sweep.peek_leg().filter(|_| is_new) {
        // Rows that can't be used are refused before anything is written, or dropped.
        runner.take_settings(&leg)?;
        runner.load_rows(&leg)?;
    }
    if args.force {
        folder.clear()?;
    }
    folder.save(&state)?;
    if !search(&mut runner, &mut state, args)? {
        let (file, output) = (args.file.display(), args.output.display());
        say(&format!("stopped; to go on: hone sweep {file} --output {output}"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    close(&runner, &state, args)
}

/// Trains leg after leg until the sweep is over; false where Ctrl-C stopped it.
fn search(runner: &mut Runner<'_>, state: &mut State, args: &SweepArgs) -> anyhow::Result<bool> {
    let num_trials = state.sweep.trials.len();
    let mut rung = None;
    loop {
        let next = state.sweep.next_leg(); // it may say that trials are out
        prune(runner.folder, &state.sweep, args.keep_all)?;
        let Some(leg) = next else { return Ok(true) };
        if runner.interrupt.pressed() {
            return Ok(false);
        }
        if rung.replace(leg.rung) != Some(leg.rung) {
            let alive = state.sweep.trials.iter().filter(|trial| !trial.is_out).count();
            say(&format!("rung {}: {}, each {}", leg.rung + 1, plural(alive, "trial"), table::until(leg.until)));
        }
        let Some(result) = runner.run(&leg)? else { return Ok(false) };
        say(&table::leg(&leg, &result, &state.metric, num_trials));
        let is_first = (leg.trial, leg.run, leg.rung) == (0, 0, 0);
        let warmup_ratio = runner.plan.settings.run.warmup_ratio;
        if is_first
            && !result.is_over
            && let Some(words) = table::early_words(result.step, result.total_steps, warmup_ratio)
        {
            say(&words);
        }
        state.sweep.tell(&leg, result)?;
        runner.folder.save(state)?;
    }
}

/// Removes the weights of trials that are not the best any more.
fn prune(folder: &SweepFolder, sweep: &Sweep, keep_all: bool) -> anyhow::Result<()> {
    let best = sweep.best();
    // One that is out stays as long as it is the best: those that were promoted may fail.
    let has_lost = |standing: &hone_core::sweep::Standing| {
        best != Some(standing.trial) && (standing.is_over || sweep.trials[standing.trial].is_out)
    };
    let mut lost = sweep.standings().into_iter().filter(|standing| !keep_all && has_lost(standing));
    lost.try_for_each(|standing| folder.prune(standing.trial))
}

/// A sweep that begins.
fn begin(
    file: &SweepFile,
    plan: &Plan,
    (files, begins_with): (&DataFiles, BTreeMap<String, String>),
    task: Task,
) -> anyhow::Result<State> {
    let metric = plan.settings.run.metric_for_best_model.clone();
    let Some(figure) = task.spec().figure(&metric) else {
        let known = task.spec().figure_names().join(", ");
        let place = file.place("run", "metric_for_best_model");
        return Err(Usage(vec![format!("{place}: {metric:?} is not one of {known}")]).into());
    };
    let sweep = Sweep::new(file.plan.clone(), figure.higher_is_better)?;
    if let Way::Random { count, .. } | Way::Halving { count: Some(count), .. } = sweep.plan.search.way
        && sweep.trials.len() < count
    {
        let found = plural(sweep.trials.len(), "trial");
        say(&format!("the space has {found} only, fewer than the {count} that [search] asks for"));
    }
    if let Some(name) = sweep.plan.changes_loss().filter(|_| metric == "loss") {
        say(&format!(
            "warning: trials are compared by their loss, and {name} changes what that is: set metric_for_best_model in [run]"
        ));
    }
    Ok(State {
        hone_sweep: SweepFolder::LAYOUT,
        line: file.line.clone(),
        data_sha256: json!(hashes_of(files)),
        begins_with,
        metric,
        sweep,
    })
}

/// SHA-256 of the files that `[run]` names, but for those of rows: trials that began with others could not be compared.
fn hashes_of_run(args: &TrainArgs, plan: &Plan) -> anyhow::Result<BTreeMap<String, String>> {
    let mut hashes = plan.inputs([0, 0], 0.0).model_sha256;
    if let Some(job) = &args.job {
        hashes.insert("job".to_owned(), sha256_hex(&read_file("read the job file", job)?));
    }
    let edits = serde_json::to_vec(&plan.settings.read.edits)?;
    hashes.insert("edits".to_owned(), sha256_hex(&edits));
    let copies = &plan.settings.read.copies;
    if !copies.is_empty() {
        hashes.insert("copies".to_owned(), sha256_hex(copies.to_json().as_bytes()));
    }
    Ok(hashes)
}

/// Refuses to go on with the sweep that the folder holds where it is not the one of the file.
fn check_same_sweep(
    state: &State,
    file: &SweepFile,
    (files, begins_with): (&DataFiles, &BTreeMap<String, String>),
    args: &SweepArgs,
) -> anyhow::Result<()> {
    let of_rows = || (state.data_sha256 != json!(hashes_of(files))).then(|| "the rows are others".to_owned());
    let of_files = || find_other_files(&state.begins_with, begins_with);
    let differs = file.find_change(&state.line, &state.sweep.plan).or_else(of_rows).or_else(of_files);
    if let Some(what) = differs {
        let dir = args.output.display();
        bail!("the output folder holds another sweep ({what}): choose another, or drop it with --force: {dir}");
    }
    Ok(())
}

/// Where a sweep goes on that was begun before.
fn going_on(sweep: &Sweep) -> String {
    match sweep.peek_leg() {
        Some(leg) => format!("going on with the sweep at trial {} of {}", leg.trial + 1, sweep.trials.len()),
        None => "the sweep is over, nothing is left to train".to_owned(),
    }
}

/// Which of the files that `[run]` names is another than the one that the sweep began with.
fn find_other_files(began: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<String> {
    let names: BTreeSet<&String> = began.keys().chain(now.keys()).collect();
    let others: Vec<&str> =
        names.into_iter().filter(|name| began.get(*name) != now.get(*name)).map(String::as_str).collect();
    let what = |name: &str| match name {
        "job" => "the job file".to_owned(),
        "edits" | "copies" => format!("the {name} of rows"),
        file => format!("{file} of the model"),
    };
    let others: Vec<String> = others.into_iter().map(what).collect();
    (!others.is_empty()).then(|| format!("not as when it began: {}", others.join(", ")))
}

/// Refuses what leaves no validation rows, or takes them from elsewhere than asked.
fn check_rows(plan: &Plan, file: &SweepFile) -> Result<(), Usage> {
    let (has_file, folds) = (plan.valid.is_some(), file.plan.search.folds);
    let mut problems = Vec::new();
    if has_file && folds.is_some() {
        let place = file.place("search", "folds");
        problems.push(format!("{place}: have no effect with valid of [run]: no rows are split off"));
    }
    if !has_file && folds.is_none() && plan.settings.run.split.valid_fraction == 0.0 {
        let place = file.place("run", "valid_fraction");
        problems.push(format!("{place}: is 0, and trials are compared by their validation rows"));
    }
    if problems.is_empty() { Ok(()) } else { Err(Usage(problems)) }
}

/// Checks the settings of every trial before the first is trained.
fn check_trials(
    runner: &mut Runner<'_>,
    file: &SweepFile,
    sweep: &Sweep,
    task: Task,
    num_hidden_layers: usize,
) -> anyhow::Result<()> {
    let mut problems: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in 0..sweep.trials.len() {
        let leg = first_leg(sweep, index);
        let args: &TrainArgs = runner.args;
        let checked =
            runner.take_settings(&leg).and_then(|()| check_flags(args, &runner.plan, task, num_hidden_layers));
        for problem in checked.err().into_iter().flat_map(|Usage(found)| found) {
            problems.entry(problem).or_default().push(index);
        }
    }
    let words = |(problem, trials): (String, Vec<usize>)| match trials.as_slice() {
        all if all.len() == sweep.trials.len() => file.locate(problem),
        [first, more @ ..] => {
            let settings = table::settings(&sweep.trials[*first].settings);
            let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            format!("trial {} ({settings}){more}: {problem}", first + 1)
        }
        [] => problem,
    };
    let problems: Vec<String> = problems.into_iter().map(words).collect();
    if problems.is_empty() { Ok(()) } else { Err(Usage(problems).into()) }
}

/// Refuses more folds than there are rows, or groups of rows, to share out: folds are filled in their order, so that the last one has
/// validation rows only where all of them have.
fn check_folds(runner: &mut Runner<'_>, sweep: &Sweep) -> anyhow::Result<()> {
    let Some(count) = sweep.plan.search.folds else { return Ok(()) };
    let fold = Some(Fold { index: count - 1, count });
    let last = Leg { fold, ..first_leg(sweep, 0) };
    runner.take_settings(&last)?;
    runner.load_rows(&last)
}

/// The first run of a trial, to its end.
fn first_leg(sweep: &Sweep, trial: usize) -> Leg {
    let (seed, fold) = sweep.plan.search.run(0);
    let settings = sweep.trials[trial].settings.clone();
    Leg { trial, run: 0, rung: 0, settings, seed, fold, until: Budget::Whole }
}

/// Prints the trials and their steps; each run is prepared, and none is trained.
fn dry_run(runner: &mut Runner<'_>, sweep: &Sweep, is_json: bool) -> anyhow::Result<ExitCode> {
    let first = sweep.peek_leg().map_or(Budget::Whole, |leg| leg.until);
    let (mut sizes, mut early) = (Vec::new(), None);
    for trial in 0..sweep.trials.len() {
        let leg = first_leg(sweep, trial);
        runner.take_settings(&leg)?;
        runner.load_rows(&leg)?;
        runner.session.start(runner.plan.settings.run.clone()).map_err(crate::train::name_flags)?;
        match block_on(runner.session.next_event())? {
            Some(TrainEvent::Started { steps_per_epoch, total_steps, .. }) => {
                sizes.push((steps_per_epoch, total_steps));
                let (step, warmup_ratio) =
                    (first.steps(steps_per_epoch, total_steps), runner.plan.settings.run.warmup_ratio);
                early = early.or_else(|| table::early_words(step, total_steps, warmup_ratio));
            }
            other => bail!("a run began with {other:?}"),
        }
    }
    let text = match is_json {
        true => format!("{}\n", serde_json::to_string_pretty(&table::plan_in_json(sweep, &sizes))?),
        false => table::plan(sweep, &sizes),
    };
    Progress::new(false, 0.0).print(&text);
    if let Some(words) = early {
        say(&words);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints how the trials stand, and writes the job of the best.
fn close(runner: &Runner<'_>, state: &State, args: &SweepArgs) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new(false, 0.0);
    let mut text = table::table(state);
    if let Some(best) = state.sweep.best() {
        let job = runner.folder.run(&first_leg(&state.sweep, best)).join(hone_core::config::JOB_FILE);
        let bytes = read_file("read the job of the best trial", &job)?;
        let mut job = Job::from_json(&bytes).with_context(|| format!("can't read {}", job.display()))?;
        // A model for use learns from the rows of all folds.
        (job.read.sharing.fold, job.run.seed) = (None, runner.base.seed);
        job.read.sharing.split_seed = runner.base_read.sharing.split_seed;
        job.thresholds.clear();
        make_dir(&args.output)?;
        runner.folder.save_best(&job.to_json())?;
        let (trial, best_job) = (runner.folder.trial(best), args.output.join(BEST));
        let data = runner.plan.data.display();
        text.push_str(&format!("its weights are in {}, its job is {}\n", trial.display(), best_job.display()));
        text.push_str(&format!(
            "the test rows were not looked at: hone train --job {} --model {} --data {data} --output DIR trains the best \
             settings and measures them\n",
            best_job.display(),
            runner.plan.model
        ));
    }
    match args.json {
        true => {
            progress.note(text.trim_end());
            progress.print(&format!("{}\n", serde_json::to_string_pretty(&table::in_json(state))?));
        }
        false => progress.print(&text),
    }
    match progress.lost_results() {
        Some(reason) => bail!("the table could not be printed: {reason}; the sweep is in {}", args.output.display()),
        None => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hone_core::sweep::{RunResult, SweepPlan};

    use super::*;

    #[test]
    fn files_that_are_others_than_at_the_beginning_are_named() {
        let hashes = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
            files.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect()
        };
        let began = hashes(&[("config.json", "a"), ("job", "b"), ("edits", "c")]);
        assert_eq!(find_other_files(&began, &began), None);
        let now = hashes(&[("config.json", "x"), ("job", "b"), ("edits", "c"), ("copies", "d")]);
        let said = "not as when it began: config.json of the model, the copies of rows";
        assert_eq!(find_other_files(&began, &now).as_deref(), Some(said));
    }

    #[test]
    fn the_best_that_is_over_keeps_its_weights_until_another_is() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = SweepFolder { dir: dir.path().to_owned() };
        let space = json!({ "learning_rate": [1e-5, 1e-4, 1e-3] });
        let plan = SweepPlan::read(Some(&space), Some(&json!({ "way": "halving" }))).expect("a good plan");
        let mut sweep = Sweep::new(plan, true).expect("it has an end");
        let weights = |trial: usize| folder.trial(trial).join("model.safetensors");
        for trial in 0..3 {
            make_dir(&folder.trial(trial)).expect("makes");
            fs::write(weights(trial), "w").expect("writes");
        }
        let have_weights = || [0, 1, 2].map(|trial| weights(trial).is_file());
        let result = |figure, is_over| RunResult {
            figure: Some(figure),
            loss: None,
            step: 10,
            total_steps: 90,
            secs: 1.0,
            is_over,
            failed: None,
        };
        for (figure, is_over) in [(0.5, true), (0.75, false), (0.25, true)] {
            let leg = sweep.next_leg().expect("the first rung");
            sweep.tell(&leg, result(figure, is_over)).expect("it is the next");
        }
        let leg = sweep.next_leg().expect("the second was promoted");
        prune(&folder, &sweep, false).expect("removes");
        assert_eq!(have_weights(), [true, true, false], "the second may fail still");
        sweep.tell(&leg, result(0.8, true)).expect("it is the next");
        assert!(sweep.next_leg().is_none());
        prune(&folder, &sweep, true).expect("keeps all");
        assert_eq!(have_weights(), [true, true, false]);
        prune(&folder, &sweep, false).expect("removes");
        assert_eq!(have_weights(), [false, true, false]);
    }
}
