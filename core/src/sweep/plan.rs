//! How a sweep is described: the parts `[space]` and `[search]` of its file. In: JSON, or TOML read as JSON. Out: a checked
//! [`SweepPlan`], or everything that is wrong with it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::space::{Axis, grid, sample};
use crate::config::{ConfigProblem, Fold, MAX_FOLDS, RunDraft};

/// Of which trials one is promoted, where nothing else is said (Li and others 2018).
const USUAL_ETA: u32 = 3;

/// Most runs of a trial for its seeds.
const MAX_SEEDS: usize = 100;

/// Most trials that are drawn at random.
const MAX_COUNT: usize = 100_000;

/// What is tried, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepPlan {
    /// The settings that trials differ in; none where one job is run over folds or seeds.
    pub space: Vec<Axis>,
    /// How they are tried.
    pub search: Search,
}

/// How a space is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Which trials there are, and how far each is run.
    pub way: Way,
    /// Folds of a cross-validation: every trial is run on each of them.
    pub folds: Option<u32>,
    /// Seeds of the runs of a trial; empty leaves the one of the job.
    pub seeds: Vec<u64>,
}

/// Which trials there are, and how far each is run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Every combination, each to its end.
    Grid,
    /// Some that are drawn, each to its end.
    Random {
        /// How many.
        count: usize,
        /// What they are drawn by.
        seed: u64,
    },
    /// All begin, and of those that came as far one of `eta` goes on: successive halving, as ASHA has it, on one machine,
    /// where nobody waits and so nobody is promoted too early (Li and others 2018).
    Halving {
        /// One of so many is promoted, and goes `eta` times as far.
        eta: u32,
        /// How far each trial is run at first.
        min: Budget,
        /// Trials that are drawn; `None` takes every combination.
        count: Option<usize>,
        /// What they are drawn by.
        seed: u64,
    },
}

/// How far a run goes, of all its steps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// So many epochs, or a part of one.
    Epochs(f64),
    /// So many optimizer steps.
    Steps(f64),
    /// One of so many equal parts of its steps: 3 is a third of them.
    Part(f64),
    /// To its end.
    #[default]
    Whole,
}

/// A description that can't be used: all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PlanError(pub Vec<ConfigProblem>);

/// Names of `[search]`.
const OF_SEARCH: [&str; 8] = ["way", "count", "seed", "eta", "min_epochs", "min_steps", "folds", "seeds"];

/// `[search]` as it stands in a file.
#[derive(Debug, Default)]
struct SearchFile {
    way: Option<String>,
    count: Option<usize>,
    seed: Option<u64>,
    eta: Option<u32>,
    min_epochs: Option<f64>,
    min_steps: Option<u32>,
    folds: Option<u32>,
    seeds: Option<Vec<u64>>,
}

/// Settings that change what the loss is.
const OF_THE_LOSS: [&str; 3] = ["class_weights", "label_smoothing_factor", "focal_gamma"];

impl SweepPlan {
    /// A setting that trials differ in and that changes what the loss is, by which they can't be compared then; `None` where none
    /// does.
    #[must_use]
    pub fn changes_loss(&self) -> Option<&str> {
        self.space.iter().map(|axis| axis.setting.as_str()).find(|name| OF_THE_LOSS.contains(name))
    }

    /// Reads `[space]` and `[search]`; either may be absent.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(space: Option<&Value>, search: Option<&Value>) -> Result<Self, PlanError> {
        let mut problems = Vec::new();
        let space = match space {
            None => Vec::new(),
            Some(Value::Object(axes)) => {
                let read = axes.iter().map(|(name, value)| Axis::read(name, value));
                read.filter_map(|axis| axis.map_err(|problem| problems.push(problem)).ok()).collect()
            }
            Some(_) => {
                problems.push(problem("space", "is not a table of settings and their values"));
                Vec::new()
            }
        };
        let names: Vec<&str> = space.iter().map(|axis: &Axis| axis.setting.as_str()).collect();
        let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
        problems.extend(twice.map(|(_, name)| problem(name, "stands twice in the space, once as its flag is called")));
        let before = problems.len();
        let file = match search {
            None => SearchFile::default(),
            Some(Value::Object(search)) => SearchFile::read(search, &mut problems),
            Some(_) => {
                problems.push(problem("search", "is not a table that says how the space is searched"));
                SearchFile::default()
            }
        };
        if problems.len() > before {
            return Err(PlanError(problems)); // what follows of values that can't be read is no help
        }
        let search = file.check(&mut problems);
        let plan = Self { space, search };
        if problems.is_empty()
            && let Err(found) = plan.trials()
        {
            problems.push(found);
        }
        if problems.is_empty() { Ok(plan) } else { Err(PlanError(problems)) }
    }

    /// The settings of each trial, as they would be typed, in the order in which trials are run.
    ///
    /// # Errors
    /// When a grid has no end.
    pub fn trials(&self) -> Result<Vec<RunDraft>, ConfigProblem> {
        match self.search.way {
            Way::Grid | Way::Halving { count: None, .. } => grid(&self.space),
            Way::Random { count, seed } | Way::Halving { count: Some(count), seed, .. } => {
                Ok(sample(&self.space, count, seed))
            }
        }
    }
}

impl Search {
    /// Runs of each trial.
    #[must_use]
    pub fn num_runs(&self) -> usize {
        self.seeds.len().max(1) * self.folds.unwrap_or(1) as usize
    }

    /// Seed and fold of a run of a trial; `None` of the seed leaves that of the job.
    #[must_use]
    pub fn run(&self, index: usize) -> (Option<u64>, Option<Fold>) {
        let count = self.folds.unwrap_or(1);
        let fold = self.folds.map(|count| Fold { index: (index % count as usize) as u32, count });
        (self.seeds.get(index / count as usize).copied(), fold)
    }
}

impl Budget {
    /// How far trials are run at first, where nothing else is said: a third of their steps. Much earlier, within or just after the
    /// warm-up, high rates look better than they end (ADR 29).
    pub const USUAL_FIRST: Self = Self::Part(3.0);

    /// Steps after which a run of so many in all pauses: from 1 to all of them.
    #[must_use]
    pub fn steps(self, steps_per_epoch: u32, total_steps: u32) -> u32 {
        let steps = match self {
            Self::Epochs(epochs) => epochs * f64::from(steps_per_epoch),
            Self::Steps(steps) => steps,
            Self::Part(parts) => f64::from(total_steps) / parts,
            Self::Whole => return total_steps,
        };
        (steps.round() as u32).clamp(1, total_steps.max(1)).min(total_steps)
    }

    /// So many times as far.
    pub(super) fn times(self, factor: f64) -> Self {
        match self {
            Self::Epochs(epochs) => Self::Epochs(epochs * factor),
            Self::Steps(steps) => Self::Steps(steps * factor),
            Self::Part(parts) => Self::Part(parts / factor),
            Self::Whole => Self::Whole,
        }
    }
}

impl SearchFile {
    /// Reads each name for itself: of a file with two mistakes both are said.
    fn read(search: &Map<String, Value>, problems: &mut Vec<ConfigProblem>) -> Self {
        let unknown = search.keys().filter(|name| !OF_SEARCH.contains(&name.as_str()));
        problems.extend(unknown.map(|name| problem(name, &format!("is not one of {}", OF_SEARCH.join(", ")))));
        let whole = "is not a whole number from 0";
        Self {
            way: read_one(search, "way", "is not one of grid, random, halving", problems),
            count: read_one(search, "count", whole, problems),
            seed: read_one(search, "seed", whole, problems),
            eta: read_one(search, "eta", whole, problems),
            min_epochs: read_one(search, "min_epochs", "is not a number", problems),
            min_steps: read_one(search, "min_steps", whole, problems),
            folds: read_one(search, "folds", whole, problems),
            seeds: read_one(search, "seeds", "is not a list of whole numbers from 0", problems),
        }
    }

    fn check(self, problems: &mut Vec<ConfigProblem>) -> Search {
        let Self { way, count, seed, eta, min_epochs, min_steps, folds, seeds } = self;
        let draw = seed.unwrap_or(42);
        let way_name = way.as_deref().unwrap_or(if count.is_some() { "random" } else { "grid" });
        let min = first_budget(min_epochs, min_steps).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if count.is_some_and(|count| !(1..=MAX_COUNT).contains(&count)) {
            problems.push(problem("count", &format!("is not a whole number from 1 to {MAX_COUNT}")));
        }
        if eta.is_some_and(|eta| !(2..=100).contains(&eta)) {
            problems.push(problem("eta", "is not a whole number from 2 to 100"));
        }
        if folds.is_some_and(|folds| !(2..=MAX_FOLDS).contains(&folds)) {
            problems.push(problem("folds", &format!("is not a whole number from 2 to {MAX_FOLDS}")));
        }
        if seeds.as_ref().is_some_and(Vec::is_empty) {
            problems.push(problem("seeds", "has no seeds, so nothing would be run: list some, or leave it out"));
        }
        let seeds = seeds.unwrap_or_default();
        if seeds.len() > MAX_SEEDS {
            problems.push(problem("seeds", &format!("are more than {MAX_SEEDS}")));
        }
        if seeds.iter().enumerate().any(|(index, seed)| seeds[..index].contains(seed)) {
            problems.push(problem("seeds", "has a seed twice: it would be the same run"));
        }
        let mut unused = |field: &str, is_set: bool, why: &str| {
            problems.extend(is_set.then(|| problem(field, &format!("has no effect: {why}"))));
        };
        let way = match way_name {
            "grid" => {
                unused("count", count.is_some(), "a grid tries every combination");
                unused("seed", seed.is_some(), "a grid draws nothing; the seed of the runs is set in [run]");
                Way::Grid
            }
            "random" => Way::Random { count: count.unwrap_or(1), seed: draw },
            "halving" => {
                unused("seed", seed.is_some() && count.is_none(), "without count every combination is tried");
                let min = min.unwrap_or(Budget::USUAL_FIRST);
                Way::Halving { eta: eta.unwrap_or(USUAL_ETA), min, count, seed: draw }
            }
            other => {
                problems.push(problem("way", &format!("{other:?} is not one of grid, random, halving")));
                return Search { way: Way::Grid, folds, seeds };
            }
        };
        if !matches!(way, Way::Halving { .. }) {
            let why = "only way = \"halving\" stops trials early";
            unused("eta", eta.is_some(), why);
            unused("min_epochs", min_epochs.is_some(), why);
            unused("min_steps", min_steps.is_some(), why);
        }
        if way_name == "random" && count.is_none() {
            problems.push(problem("count", "is missing: say how many trials to draw"));
        }
        Search { way, folds, seeds }
    }
}

/// A value of `[search]`; `None` where it is not there, or `is_not` says what it is not.
fn read_one<T: DeserializeOwned>(
    search: &Map<String, Value>,
    name: &str,
    is_not: &str,
    problems: &mut Vec<ConfigProblem>,
) -> Option<T> {
    let value = search.get(name)?;
    let read = serde_json::from_value(value.clone());
    read.map_err(|_| problems.push(problem(name, &format!("{value} {is_not}")))).ok()
}

/// How far a trial is run at first; `None` where nothing says so.
fn first_budget(min_epochs: Option<f64>, min_steps: Option<u32>) -> Result<Option<Budget>, ConfigProblem> {
    match (min_epochs, min_steps) {
        (Some(_), Some(_)) => {
            let reason = "goes not with min_epochs: one of them says how far a trial is run at first";
            Err(problem("min_steps", reason))
        }
        (Some(epochs), None) if !(epochs.is_finite() && epochs > 0.0) => {
            Err(problem("min_epochs", "is not a number above 0"))
        }
        (None, Some(0)) => Err(problem("min_steps", "is not a whole number above 0")),
        (Some(epochs), None) => Ok(Some(Budget::Epochs(epochs))),
        (None, Some(steps)) => Ok(Some(Budget::Steps(f64::from(steps)))),
        (None, None) => Ok(None),
    }
}

fn problem(field: &str, message: &str) -> ConfigProblem {
    ConfigProblem { field: field.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(space: &Value, search: &Value) -> Result<SweepPlan, PlanError> {
        SweepPlan::read(Some(space), Some(search))
    }

    #[test]
    fn a_description_survives_its_file() {
        let space = json!({ "learning_rate": { "log_uniform": [1e-5, 1e-3] }, "batch_size": [8, 16] });
        let search = json!({ "way": "halving", "count": 9, "min_epochs": 0.25, "eta": 4, "folds": 5, "seeds": [1, 2] });
        let plan = read(&space, &search).expect("a good one");
        let way = Way::Halving { eta: 4, min: Budget::Epochs(0.25), count: Some(9), seed: 42 };
        assert_eq!((plan.search.way, plan.search.num_runs()), (way, 10));
        assert_eq!(plan.search.run(7), (Some(2), Some(Fold { index: 2, count: 5 })));
        let json = serde_json::to_string(&plan).expect("plain values");
        assert_eq!(serde_json::from_str::<SweepPlan>(&json).expect("its own JSON"), plan);
        assert_eq!(plan.trials().expect("they are drawn").len(), 9);
        let plan = read(&space, &json!({ "way": "halving", "count": 9 })).expect("a good one");
        let way = Way::Halving { eta: 3, min: Budget::USUAL_FIRST, count: Some(9), seed: 42 };
        assert_eq!(plan.search.way, way);
        let json = serde_json::to_string(&plan).expect("plain values");
        assert_eq!(serde_json::from_str::<SweepPlan>(&json).expect("its own JSON"), plan);
    }

    #[test]
    fn without_a_space_one_job_is_run_over_folds() {
        let plan = SweepPlan::read(None, Some(&json!({ "folds": 3 }))).expect("a cross-validation");
        assert_eq!((plan.search.way, plan.trials().expect("one").len(), plan.search.num_runs()), (Way::Grid, 1, 3));
        assert_eq!(plan.search.run(1), (None, Some(Fold { index: 1, count: 3 })));
        let plan = SweepPlan::read(None, Some(&json!({ "seeds": [5, 6] }))).expect("two seeds");
        assert_eq!((plan.search.run(1), plan.search.num_runs()), ((Some(6), None), 2));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let space = json!({ "learning_rate": [9], "epochs": [1], "num_train_epochs": [2] });
        let search = json!({ "way": "grid", "count": 3, "eta": 3, "folds": 1, "seeds": [1, 1] });
        let PlanError(problems) = read(&space, &search).expect_err("six things are wrong");
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["learning_rate", "num_train_epochs", "folds", "seeds", "count", "eta"]);
        let error = read(&json!({}), &json!({ "way": "random" })).expect_err("no count").to_string();
        assert_eq!(error, "count: is missing: say how many trials to draw");
        let error = read(&json!({}), &json!({ "ways": 1 })).expect_err("a typing error").to_string();
        assert_eq!(error, "ways: is not one of way, count, seed, eta, min_epochs, min_steps, folds, seeds");
        let search = json!({ "way": "random", "count": "27", "min_epochs": true, "seeds": [1, -1] });
        let PlanError(problems) = read(&json!({}), &search).expect_err("three values are of another kind");
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = [
            "count: \"27\" is not a whole number from 0",
            "min_epochs: true is not a number",
            "seeds: [1,-1] is not a list of whole numbers from 0",
        ];
        assert_eq!(said, expected);
        let error = read(&json!({}), &json!({ "seeds": [] })).expect_err("no run").to_string();
        assert!(error.starts_with("seeds: has no seeds, so nothing would be run"), "{error}");
        let error = read(&json!({}), &json!("grid")).expect_err("no table").to_string();
        assert!(error.starts_with("search: is not a table"), "{error}");
        let range = json!({ "dropout": { "uniform": [0, 0.2] } });
        assert!(
            read(&range, &json!({})).expect_err("a grid of a range").to_string().starts_with("dropout: has a range")
        );
    }

    #[test]
    fn a_budget_is_steps_of_the_run() {
        assert_eq!(Budget::Epochs(0.5).steps(20, 60), 10);
        assert_eq!(Budget::Epochs(9.0).steps(20, 60), 60);
        assert_eq!(Budget::Epochs(0.001).steps(20, 60), 1);
        assert_eq!(Budget::Steps(7.0).times(3.0).steps(20, 60), 21);
        assert_eq!(Budget::Whole.times(3.0).steps(20, 60), 60);
        assert_eq!(Budget::Part(3.0).steps(125, 250), 83);
        assert_eq!([3.0, 9.0].map(|factor| Budget::Part(3.0).times(factor).steps(125, 250)), [250; 2]);
        assert_eq!(Budget::Part(3.0).steps(1, 1), 1);
    }
}
