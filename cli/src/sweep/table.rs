//! How a sweep stands: a table of its trials, what a trial is in a line, and all of it as JSON.

use hone_core::config::RunDraft;
use hone_core::optim::warmup_steps;
use hone_core::sweep::{Budget, Leg, RunResult, Spread, Standing, Sweep, Trial, Way};
use hone_core::words::{count, duration, plural};
use serde_json::{Value, json};

use super::folder::State;

/// A run that took fewer steps than so many times those of its warm-up says little of how it ends: on the same rows the rates that looked
/// best were right after 3.3 times as many, and too high after 2.5 (ADR 29).
const MIN_WARMUPS: f64 = 3.0;

/// The settings of a trial in a line.
pub(super) fn settings(settings: &RunDraft) -> String {
    let each = settings.iter().map(|(name, text)| format!("{name} {text}"));
    let text = each.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "the settings of the job".to_owned() } else { text }
}

/// A run of a trial in a line, with what it came to.
pub(super) fn leg(leg: &Leg, result: &RunResult, metric: &str, num_trials: usize) -> String {
    let seed = leg.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let fold = leg.fold.map_or_else(String::new, |fold| format!(", fold {} of {}", fold.index + 1, fold.count));
    let figure = result.figure.map_or_else(|| "no figure".to_owned(), |figure| format!("{metric} {figure:.4}"));
    let failed = result.failed.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
    format!(
        "trial {} of {num_trials} ({}){seed}{fold}: {figure} at step {} of {}, {}{failed}",
        leg.trial + 1,
        settings(&leg.settings),
        result.step,
        result.total_steps,
        duration(result.secs)
    )
}

/// A line for each trial, the best first; then the steps that it took.
pub(super) fn table(state: &State) -> String {
    let State { sweep, metric, .. } = state;
    let axes: Vec<&str> = sweep.plan.space.iter().map(|axis| axis.setting.as_str()).collect();
    let num_rungs = sweep.trials.iter().map(|trial| trial.rungs.len()).max().unwrap_or(0);
    let best = sweep.best();
    let mut head = vec![String::new(), "trial".to_owned()];
    head.extend(axes.iter().map(|&name| name.to_owned()));
    head.extend((1..=num_rungs).map(|rung| match num_rungs {
        1 => metric.clone(),
        _ => format!("{metric}, rung {rung}"),
    }));
    head.extend(["steps", "time", "state"].map(str::to_owned));
    let mut lines = vec![head];
    for Standing { trial, steps, secs, .. } in sweep.standings() {
        let found = &sweep.trials[trial];
        let mark = if best == Some(trial) { "*" } else { "" };
        let mut line = vec![mark.to_owned(), (trial + 1).to_string()];
        line.extend(axes.iter().map(|name| found.settings.typed(name).unwrap_or_default().to_owned()));
        line.extend((0..num_rungs).map(|rung| figures(found.results(rung))));
        line.extend([count(usize::try_from(steps).unwrap_or(usize::MAX)), duration(secs), state_of(sweep, trial)]);
        lines.push(line);
    }
    let mut text = aligned(&lines);
    text.push_str(&best_in_words(sweep, metric));
    text.push_str(&steps_in_words(sweep));
    text
}

/// Mean and interval of the runs of a rung.
fn figures(runs: &[RunResult]) -> String {
    let figures: Option<Vec<f64>> = runs.iter().map(|run| run.figure).collect();
    match figures.and_then(|figures| Spread::of(&figures)) {
        Some(Spread { mean, interval: Some(interval), .. }) => format!("{mean:.4} ± {interval:.4}"),
        Some(Spread { mean, .. }) => format!("{mean:.4}"),
        None if runs.is_empty() => "-".to_owned(),
        None => "failed".to_owned(),
    }
}

fn state_of(sweep: &Sweep, trial: usize) -> String {
    let Trial { rungs, is_out, .. } = &sweep.trials[trial];
    let failed = rungs.iter().flatten().filter_map(|run| run.failed.as_deref()).next_back();
    match failed {
        Some(why) => why.to_owned(),
        None if *is_out => format!("out after rung {}", rungs.len()),
        None if rungs.is_empty() => "not begun".to_owned(),
        None if sweep.best() == Some(trial) => "best".to_owned(),
        None => String::new(),
    }
}

/// The best trial, with each of its runs where there are several.
fn best_in_words(sweep: &Sweep, metric: &str) -> String {
    let Some(best) = sweep.best() else { return "no trial came to its end with a figure\n".to_owned() };
    let trial = &sweep.trials[best];
    let runs = trial.rungs.last().map(Vec::as_slice).unwrap_or_default();
    let mut text = format!("best: trial {} ({}): {metric} {}", best + 1, settings(&trial.settings), figures(runs));
    let spread = Spread::of(&runs.iter().filter_map(|run| run.figure).collect::<Vec<f64>>());
    if let Some(Spread { count, std_dev: Some(std_dev), .. }) = spread {
        text.push_str(&format!(" (mean of {}, 95 % interval; standard deviation {std_dev:.4})", plural(count, "run")));
        for (index, run) in runs.iter().enumerate() {
            let figure = run.figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.4}"));
            text.push_str(&format!("\n  {}: {figure}", run_name(sweep, index)));
        }
    }
    text.push('\n');
    text
}

/// Seed and fold of a run, in words.
fn run_name(sweep: &Sweep, index: usize) -> String {
    let (seed, fold) = sweep.plan.search.run(index);
    let seed = seed.map(|seed| format!("seed {seed}"));
    let fold = fold.map(|fold| format!("fold {}", fold.index + 1));
    seed.into_iter().chain(fold).collect::<Vec<_>>().join(", ")
}

fn steps_in_words(sweep: &Sweep) -> String {
    let [used, full] = sweep.steps();
    let steps = plural(usize::try_from(used).unwrap_or(usize::MAX), "step");
    let share = match full {
        0 => String::new(),
        _ if used == full => ", every trial to its end".to_owned(),
        _ => {
            let all = count(usize::try_from(full).unwrap_or(usize::MAX));
            format!(", {:.0} % of the {all} of every trial run to its end", 100.0 * used as f64 / full as f64)
        }
    };
    format!("{steps}{share}\n")
}

/// What a sweep would take: its trials, and its steps where the sizes of their runs are known.
pub(super) fn plan(sweep: &Sweep, sizes: &[(u32, u32)]) -> String {
    let mut text = String::new();
    for (index, (trial, (_, total))) in sweep.trials.iter().zip(sizes).enumerate() {
        let steps = plural(*total as usize, "step");
        text.push_str(&format!("trial {}: {}: {steps}\n", index + 1, settings(&trial.settings)));
    }
    let search = &sweep.plan.search;
    let num_runs = search.num_runs();
    if num_runs > 1 {
        let over = match (search.folds, search.seeds.len()) {
            (Some(_), 2..) => "folds and seeds",
            (Some(_), _) => "folds",
            (None, _) => "seeds",
        };
        text.push_str(&format!("each is run {num_runs} times, over its {over}\n"));
    }
    let rungs = sweep.forecast(sizes);
    if rungs.len() == 1 && sizes.len() > 1 && matches!(search.way, Way::Halving { .. }) {
        text.push_str("halving stops no trial: they are first compared where they end (min_epochs, min_steps)\n");
    }
    for (index, (trials, steps)) in rungs.iter().enumerate().filter(|_| rungs.len() > 1) {
        let steps = plural(usize::try_from(*steps).unwrap_or(usize::MAX), "step");
        text.push_str(&format!("rung {}: {}, at most {steps}\n", index + 1, plural(*trials, "trial")));
    }
    let all: u64 = rungs.iter().map(|(_, steps)| steps).sum();
    let full: u64 = sizes.iter().map(|(_, total)| u64::from(*total) * num_runs as u64).sum();
    let number = |steps: u64| count(usize::try_from(steps).unwrap_or(usize::MAX));
    text.push_str(&format!("in all {} of the {} steps of every trial run to its end\n", number(all), number(full)));
    text
}

/// The same as JSON.
pub(super) fn plan_in_json(sweep: &Sweep, sizes: &[(u32, u32)]) -> Value {
    let of_trial = |(index, (trial, (_, total))): (usize, (&Trial, &(u32, u32)))| {
        let number = index + 1;
        json!({ "trial": number, "settings": trial.settings, "steps": total })
    };
    let trials: Vec<Value> = sweep.trials.iter().zip(sizes).enumerate().map(of_trial).collect();
    let runs: Vec<String> = (0..sweep.plan.search.num_runs()).map(|index| run_name(sweep, index)).collect();
    let rungs = sweep.forecast(sizes);
    let of_rung = |(trials, steps): &(usize, u64)| json!({ "trials": trials, "steps": steps });
    json!({
        "trials": trials,
        "runs": runs,
        "rungs": rungs.iter().map(of_rung).collect::<Vec<Value>>(),
        "steps": rungs.iter().map(|(_, steps)| steps).sum::<u64>(),
    })
}

/// How far a leg goes, for messages.
pub(super) fn until(until: Budget) -> String {
    match until {
        Budget::Whole => "to its end".to_owned(),
        Budget::Epochs(epochs) => format!("to epoch {epochs}"),
        Budget::Steps(steps) => format!("to step {steps:.0}"),
        Budget::Part(parts) if parts <= 1.0 => "to its end".to_owned(),
        Budget::Part(parts) => format!("for {:.0} % of its steps", 100.0 / parts),
    }
}

/// That trials are first stopped so early that high learning rates look better than they end; `None` where it is late enough.
pub(super) fn early_words(step: u32, total_steps: u32, warmup_ratio: f64) -> Option<String> {
    let least = (MIN_WARMUPS * warmup_ratio * f64::from(total_steps)).round() as u32;
    let warmup = warmup_steps(total_steps, warmup_ratio);
    (step < least.min(total_steps)).then(|| {
        format!(
            "warning: trials are first compared at step {step} of {total_steps}, and learning rates rise until step {warmup}: what is \
             ahead there, high rates above all, may not be at the end. Say min_steps = {least} or more in [search], or lower warmup_ratio"
        )
    })
}

/// All that is known of a sweep.
pub(super) fn in_json(state: &State) -> Value {
    let State { sweep, metric, .. } = state;
    let of_trial = |standing: Standing| {
        let trial = &sweep.trials[standing.trial];
        json!({
            "trial": standing.trial + 1,
            "settings": trial.settings,
            "figure": standing.spread,
            "rungs": trial.rungs,
            "steps": standing.steps,
            "secs": standing.secs,
            "is_out": trial.is_out,
        })
    };
    let trials: Vec<Value> = sweep.standings().into_iter().map(of_trial).collect();
    let runs: Vec<String> = (0..sweep.plan.search.num_runs()).map(|index| run_name(sweep, index)).collect();
    let [used, full] = sweep.steps();
    json!({
        "metric": metric,
        "best": sweep.best().map(|trial| trial + 1),
        "trials": trials,
        "runs": runs,
        "steps": used,
        "steps_of_all_trials_to_their_end": full,
    })
}

/// Lines of cells, each column as wide as its widest cell.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::sweep::SweepPlan;

    use super::*;

    fn state(search: &Value, figures: &[f64]) -> State {
        let space = json!({ "learning_rate": [1e-5, 1e-4, 1e-3] });
        let plan = SweepPlan::read(Some(&space), Some(search)).expect("a good plan");
        let mut sweep = Sweep::new(plan, true).expect("it has an end");
        for &figure in figures {
            let leg = sweep.next_leg().expect("it goes on");
            let step = leg.until.steps(10, 90);
            let (figure, loss, is_over) = (Some(figure), None, step == 90);
            let result = RunResult { figure, loss, step, total_steps: 90, secs: 2.0, is_over, failed: None };
            sweep.tell(&leg, result).expect("it is the next");
        }
        let (line, begins_with, metric) = (Vec::new(), BTreeMap::new(), "accuracy".into());
        State { hone_sweep: 1, line, data_sha256: Value::Null, begins_with, metric, sweep }
    }

    #[test]
    fn the_table_has_a_figure_for_each_rung_and_marks_the_best() {
        let mut state = state(&json!({ "way": "halving", "min_epochs": 1 }), &[0.5, 0.75, 0.25, 0.875]);
        assert!(state.sweep.next_leg().is_none());
        let expected = "   trial  learning_rate  accuracy, rung 1  accuracy, rung 2  steps  time  state
*  2      1e-4           0.7500            0.8750            90     2 s   best
   1      1e-5           0.5000            -                 10     2 s   out after rung 1
   3      1e-3           0.2500            -                 10     2 s   out after rung 1
best: trial 2 (learning_rate 1e-4): accuracy 0.8750
110 steps, 41 % of the 270 of every trial run to its end
";
        assert_eq!(table(&state), expected);
        let json = in_json(&state);
        assert_eq!((&json["best"], &json["steps"]), (&json!(2), &json!(110)));
    }

    #[test]
    fn runs_over_folds_have_a_mean_and_each_their_figure() {
        let mut state = state(&json!({ "folds": 2 }), &[0.5, 0.7, 0.8, 0.9, 0.1, 0.2]);
        assert!(state.sweep.next_leg().is_none());
        let text = table(&state);
        assert!(
            text.contains("best: trial 2 (learning_rate 1e-4): accuracy 0.8500 ± 0.6353 (mean of 2 runs"),
            "{text}"
        );
        assert!(text.contains("\n  fold 1: 0.8000\n  fold 2: 0.9000\n"), "{text}");
        assert!(text.ends_with("540 steps, every trial to its end\n"), "{text}");
    }

    #[test]
    fn a_plan_says_trials_and_steps() {
        let state = state(&json!({ "way": "halving", "min_epochs": 1 }), &[]);
        let text = plan(&state.sweep, &[(10, 90); 3]);
        let expected = "\
trial 1: learning_rate 1e-5: 90 steps
trial 2: learning_rate 1e-4: 90 steps
trial 3: learning_rate 1e-3: 90 steps
rung 1: 3 trials, at most 30 steps
rung 2: 1 trial, at most 80 steps
in all 110 of the 270 steps of every trial run to its end
";
        assert_eq!(text, expected);
        let json = plan_in_json(&state.sweep, &[(10, 90); 3]);
        assert_eq!((&json["steps"], &json["rungs"][1]), (&json!(110), &json!({ "trials": 1, "steps": 80 })));
        assert_eq!(json["trials"][2]["steps"], json!(90));
    }

    #[test]
    fn a_plan_says_what_trials_are_run_over_and_that_none_is_stopped() {
        let text = |search: Value| plan(&state(&search, &[]).sweep, &[(10, 90); 3]);
        assert!(text(json!({ "folds": 3 })).contains("each is run 3 times, over its folds\n"));
        assert!(text(json!({ "seeds": [1, 2] })).contains("each is run 2 times, over its seeds\n"));
        assert!(text(json!({ "folds": 2, "seeds": [1, 2] })).contains("over its folds and seeds\n"));
        let late = text(json!({ "way": "halving", "min_epochs": 20 }));
        assert!(late.contains("halving stops no trial") && late.contains("in all 270 of the 270 steps"), "{late}");
    }

    #[test]
    fn a_leg_is_a_line() {
        let mut sweep = state(&json!({ "folds": 3, "seeds": [7] }), &[]).sweep;
        let next = sweep.next_leg().expect("it has begun");
        let (figure, loss, is_over, failed) = (Some(0.5), None, false, None);
        let result = RunResult { figure, loss, step: 9, total_steps: 90, secs: 65.0, is_over, failed };
        let expected =
            "trial 1 of 3 (learning_rate 1e-5), seed 7, fold 1 of 3: accuracy 0.5000 at step 9 of 90, 1 min 05 s";
        assert_eq!(leg(&next, &result, "accuracy", 3), expected);
        assert_eq!(until(Budget::Epochs(0.5)), "to epoch 0.5");
        assert_eq!([3.0, 1.0].map(|parts| until(Budget::Part(parts))), ["for 33 % of its steps", "to its end"]);
    }

    #[test]
    fn rungs_within_the_warmup_are_warned_of() {
        let words = early_words(31, 250, 0.1).expect("high rates look good there");
        assert!(words.contains("at step 31 of 250, and learning rates rise until step 25"), "{words}");
        assert!(words.contains("min_steps = 75"), "{words}");
        for (step, total_steps) in [(83, 250), (8, 25), (75, 250), (250, 250)] {
            assert_eq!(early_words(step, total_steps, 0.1), None, "{step} of {total_steps}");
        }
        assert!(early_words(83, 250, 0.2).is_some() && early_words(1, 250, 0.0).is_none());
    }
}
