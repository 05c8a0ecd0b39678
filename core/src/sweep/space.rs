//! What a sweep tries: for each of some settings the values it may have. In: JSON (or TOML, read as JSON), names and values
//! of the table of settings. Out: settings of trials, as they would be typed.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{ConfigProblem, Kind, RunConfig, RunDraft, SETTINGS, Setting, setting};
use crate::data::{generator, shuffle};

/// Settings that no trial may have of its own, and why.
const NOT_SEARCHED: [(&str, &str); 5] = [
    ("seed", "seeds are no settings to choose the best of: list them as seeds of [search], and their mean is compared"),
    ("metric_for_best_model", "trials are compared by one figure: set it in [run]"),
    ("from_scratch", "all trials begin with the same weights: set it in [run]"),
    ("valid_fraction", "trials are compared on the same validation rows: set it in [run]"),
    ("test_fraction", "trials are compared on the same validation rows: set it in [run]"),
];

/// Stream of the seed that random trials are drawn from.
const STREAM: u64 = 0x7377_6565;

/// Draws for one trial before the space counts as used up: all are trials that there are already.
const MAX_DRAWS: usize = 1000;

/// Most trials of a grid.
const MAX_TRIALS: usize = 100_000;

/// A setting, and what it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Name of the setting, as job files spell it.
    pub setting: String,
    /// Its values.
    pub choices: Choices,
}

/// Values of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choices {
    /// One of these, as typed.
    Values(Vec<String>),
    /// A number between two, each as likely as the other.
    Uniform([f64; 2]),
    /// A number between two, each order of magnitude as likely as the other.
    LogUniform([f64; 2]),
    /// A whole number from one to another, both included.
    Whole([u64; 2]),
}

impl Axis {
    /// Reads `learning_rate = [1e-5, 5e-5]`, `{ log_uniform = [1e-5, 1e-3] }`, `{ uniform = [0, 0.3] }` or
    /// `{ whole = [1, 8] }`. The name may be that of the setting or of its flag.
    ///
    /// # Errors
    /// Says what is wrong with it, under the name that was typed.
    pub fn read(name: &str, value: &Value) -> Result<Self, ConfigProblem> {
        let problem = |message: String| ConfigProblem { field: name.to_owned(), message };
        searched(name).map_err(problem)?;
        let axis = Self::new(name, read_choices(value).map_err(problem)?)?;
        match axis.find_repeated() {
            Some([a, b]) => Err(problem(format!("lists {a} and {b}, which are one value: it would be the same trial"))),
            None => Ok(axis),
        }
    }

    /// Two values of a list that are the same, as they were typed: 0.00005 and 5e-5.
    fn find_repeated(&self) -> Option<[&str; 2]> {
        let (Choices::Values(values), Some(found)) = (&self.choices, setting(&self.setting)) else { return None };
        let as_written = |text: &String| {
            let mut run = RunConfig::default();
            (found.set)(&mut run, text.trim()).ok().map(|()| (found.get)(&run))
        };
        let written: Vec<Option<String>> = values.iter().map(as_written).collect();
        let earlier = |later: usize| written[..later].iter().position(|one| *one == written[later]);
        let (first, second) = (1..values.len()).find_map(|later| Some((earlier(later)?, later)))?;
        Some([values[first].as_str(), values[second].as_str()])
    }

    /// An axis of choices that were read. The name may be that of the setting or of its flag.
    ///
    /// # Errors
    /// Says what is wrong with it, under the name that was typed.
    pub fn new(name: &str, choices: Choices) -> Result<Self, ConfigProblem> {
        let problem = |message: String| ConfigProblem { field: name.to_owned(), message };
        let found = searched(name).map_err(problem)?;
        let is_number = matches!(found.kind, Kind::Real | Kind::Whole);
        if !is_number && !matches!(choices, Choices::Values(_)) {
            return Err(problem("is no number, so it has no range: list its values".into()));
        }
        if found.kind == Kind::Whole && matches!(choices, Choices::Uniform(_) | Choices::LogUniform(_)) {
            return Err(problem("is a whole number: say whole = [1, 8], or list its values".into()));
        }
        let axis = Self { setting: found.name.to_owned(), choices };
        // The ends of a range can be used, and so can what is between them.
        let ends = match &axis.choices {
            Choices::Values(values) => values.clone(),
            Choices::Uniform(ends) | Choices::LogUniform(ends) => ends.iter().map(f64::to_string).collect(),
            Choices::Whole(ends) => ends.iter().map(u64::to_string).collect(),
        };
        for text in ends {
            (found.set)(&mut RunConfig::default(), text.trim()).map_err(problem)?;
        }
        Ok(axis)
    }

    /// The value at a position: 0 is the first or lowest, and short of 1 the last or highest.
    fn value_at(&self, position: f64) -> String {
        let index = |count: u64| ((position * count as f64) as u64).min(count - 1);
        match &self.choices {
            Choices::Values(values) => values[index(values.len() as u64) as usize].clone(),
            Choices::Uniform([low, high]) => rounded(low + (high - low) * position, *low, *high),
            Choices::LogUniform([low, high]) => {
                rounded((low.ln() + (high.ln() - low.ln()) * position).exp(), *low, *high)
            }
            Choices::Whole([low, high]) => (low + index((high - low).saturating_add(1))).to_string(),
        }
    }
}

/// The setting of a name, which may be that of its flag; or why trials can't differ in it.
fn searched(name: &str) -> Result<&'static Setting, String> {
    let spelled = name.replace('-', "_");
    let found = SETTINGS.iter().find(|one| one.name == spelled || one.flag_name().replace('-', "_") == spelled);
    let found = found.ok_or_else(|| "there is no such setting".to_owned())?;
    match NOT_SEARCHED.iter().find(|(name, _)| *name == found.name) {
        Some((_, why)) => Err((*why).to_owned()),
        None => Ok(found),
    }
}

/// Whether trials can differ in a setting.
#[must_use]
pub fn is_searched(name: &str) -> bool {
    searched(name).is_ok()
}

/// A number from 0, below 1.
fn share(generator: &mut ChaCha8Rng) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// With three digits, as people write settings, and not beyond the ends.
fn rounded(value: f64, low: f64, high: f64) -> String {
    let short = format!("{value:.2e}").parse().unwrap_or(value);
    short.clamp(low, high).to_string()
}

fn read_choices(value: &Value) -> Result<Choices, String> {
    match value {
        Value::Array(values) if values.is_empty() => Err("has no values: list some".into()),
        Value::Array(values) => Ok(Choices::Values(values.iter().map(typed).collect::<Result<_, _>>()?)),
        Value::Object(range) => {
            let mut fields = range.iter();
            let (Some((kind, ends)), None) = (fields.next(), fields.next()) else { return Err(what_ranges_are()) };
            let ends: Vec<f64> = serde_json::from_value(ends.clone()).map_err(|_| what_ranges_are())?;
            let [low, high] = <[f64; 2]>::try_from(ends).map_err(|_| what_ranges_are())?;
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(format!("a range goes from a number to a larger one, and {low} to {high} does not"));
            }
            match kind.as_str() {
                "uniform" => Ok(Choices::Uniform([low, high])),
                "log_uniform" if low > 0.0 => Ok(Choices::LogUniform([low, high])),
                "log_uniform" => Err(format!("a range of orders of magnitude begins above 0, and this one at {low}")),
                "whole" if low >= 0.0 && low.fract() == 0.0 && high.fract() == 0.0 && high < 1e15 => {
                    Ok(Choices::Whole([low as u64, high as u64]))
                }
                "whole" => Err(format!("a range of whole numbers has whole ends, and {low} to {high} are none")),
                _ => Err(what_ranges_are()),
            }
        }
        single => Ok(Choices::Values(vec![typed(single)?])),
    }
}

fn what_ranges_are() -> String {
    "is neither a list of values nor one of { uniform = [0, 0.3] }, { log_uniform = [1e-5, 1e-3] } and { whole = [1, 8] }".into()
}

/// A value as it would be typed.
fn typed(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(format!("{other} is no value of a setting")),
    }
}

/// All combinations of the values of a space, the last setting changing fastest; a space without settings has one.
///
/// # Errors
/// When a setting has a range, or there are too many.
pub(super) fn grid(space: &[Axis]) -> Result<Vec<RunDraft>, ConfigProblem> {
    let mut trials = vec![RunDraft::default()];
    for Axis { setting, choices } in space {
        let problem = |message: String| ConfigProblem { field: setting.clone(), message };
        let Choices::Values(values) = choices else {
            let message = "has a range, of which a grid can't try all: list values, or say way = \"random\" and count";
            return Err(problem(message.into()));
        };
        if trials.len().saturating_mul(values.len()) > MAX_TRIALS {
            return Err(problem(format!("there are more than {MAX_TRIALS} combinations: list fewer values")));
        }
        let with_each = |trial: &RunDraft| -> Vec<RunDraft> {
            let with = |value: &String| {
                let mut trial = trial.clone();
                trial.set(setting, Some(value.clone()));
                trial
            };
            values.iter().map(with).collect()
        };
        trials = trials.iter().flat_map(with_each).collect();
    }
    Ok(distinct(trials))
}

/// Trials that are drawn at random, each once: fewer than `count` where there are not as many.
///
/// Each axis is cut into `count` equal parts, and of each part one value is drawn (a Latin hypercube: McKay and others 1979), so that
/// few trials leave no wide gap. What would be a trial that there is already is drawn again, from anywhere.
pub(super) fn sample(space: &[Axis], count: usize, seed: u64) -> Vec<RunDraft> {
    let mut generator = generator(seed, STREAM);
    let mut parts_of_axis = || {
        let mut parts: Vec<usize> = (0..count).collect();
        shuffle(&mut parts, &mut generator);
        parts
    };
    let parts: Vec<Vec<usize>> = space.iter().map(|_| parts_of_axis()).collect();
    let mut seen = BTreeSet::new();
    let mut trials = Vec::new();
    let (mut drawn, mut failed) = (0, 0);
    while trials.len() < count && failed < MAX_DRAWS {
        let mut trial = RunDraft::default();
        for (axis, parts) in space.iter().zip(&parts) {
            let within = share(&mut generator);
            let position = parts.get(drawn).map_or(within, |&part| (part as f64 + within) / count as f64);
            trial.set(&axis.setting, Some(axis.value_at(position)));
        }
        drawn += 1;
        if seen.insert(key_of(&trial)) {
            trials.push(canonical(trial));
            failed = 0;
        } else {
            failed += 1;
        }
    }
    trials
}

fn distinct(trials: Vec<RunDraft>) -> Vec<RunDraft> {
    let mut seen = BTreeSet::new();
    trials.into_iter().map(canonical).filter(|trial| seen.insert(key_of(trial))).collect()
}

fn key_of(trial: &RunDraft) -> Vec<(String, String)> {
    canonical(trial.clone()).iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// Every value as the table of settings writes it: 0.00005 and 5e-5 are one.
fn canonical(mut trial: RunDraft) -> RunDraft {
    let typed: Vec<(String, String)> = trial.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    for (name, text) in typed {
        let mut run = RunConfig::default();
        if let Some(setting) = setting(&name)
            && (setting.set)(&mut run, text.trim()).is_ok()
        {
            trial.set(&name, Some((setting.get)(&run)));
        }
    }
    trial
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn axis(name: &str, value: &Value) -> Axis {
        Axis::read(name, value).expect("a good axis")
    }

    fn texts(trials: &[RunDraft]) -> Vec<String> {
        let text = |trial: &RunDraft| trial.iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>().join(" ");
        trials.iter().map(text).collect()
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let values = ["1e-5", "0.00005", "5e-5"].map(str::to_owned).to_vec();
        let rates = Axis::new("learning-rate", Choices::Values(values)).expect("a good axis");
        let space = [rates, axis("epochs", &json!([1, 2]))];
        assert_eq!(space[1].setting, "num_train_epochs");
        assert_eq!(texts(&grid(&space).expect("lists")), ["1e-5 1", "1e-5 2", "5e-5 1", "5e-5 2"]);
        assert_eq!(grid(&[]).expect("one run"), [RunDraft::default()]);
        let range = [axis("dropout", &json!({ "uniform": [0, 0.3] }))];
        assert!(grid(&range).expect_err("a range").message.contains("random"));
    }

    #[test]
    fn random_trials_are_of_the_seed_and_within_their_ranges() {
        let space = [
            axis("learning_rate", &json!({ "log_uniform": [1e-5, 1e-3] })),
            axis("weight_decay", &json!({ "uniform": [0.0, 0.1] })),
            axis("batch_size", &json!({ "whole": [4, 6] })),
            axis("class_weights", &json!(["none", "balanced"])),
        ];
        let trials = sample(&space, 200, 1);
        assert_eq!(
            (trials.len(), trials == sample(&space, 200, 1), trials == sample(&space, 200, 2)),
            (200, true, false)
        );
        let numbers = |name: &str| -> Vec<f64> {
            trials.iter().map(|trial| trial.typed(name).and_then(|text| text.parse().ok()).expect("a number")).collect()
        };
        let rates = numbers("learning_rate");
        assert!(rates.iter().all(|rate| (1e-5..=1e-3).contains(rate)));
        let low = rates.iter().filter(|rate| **rate < 1e-4).count();
        assert!((70..130).contains(&low), "each order of magnitude as often: {low}");
        assert!(numbers("weight_decay").iter().all(|decay| (0.0..=0.1).contains(decay)));
        assert!([4.0, 5.0, 6.0].iter().all(|size| numbers("batch_size").contains(size)));
        for trial in &trials {
            trial.resolve(&RunConfig::default()).expect("it can be run");
        }
    }

    #[test]
    fn few_trials_leave_no_gap() {
        let rate = axis("learning_rate", &json!({ "log_uniform": [1e-6, 1e-2] }));
        let space = [rate, axis("batch_size", &json!([8, 16])), axis("num_train_epochs", &json!({ "whole": [1, 5] }))];
        for seed in 0..20 {
            let trials = sample(&space, 10, seed);
            let sorted = |name: &str| -> Vec<f64> {
                let number = |trial: &RunDraft| trial.typed(name).and_then(|text| text.parse().ok()).expect("a number");
                let mut values: Vec<f64> = trials.iter().map(number).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            for (part, rate) in sorted("learning_rate").into_iter().enumerate() {
                let position = (rate / 1e-6).log10() / 4.0 * 10.0;
                let beyond = (position - part as f64 - 0.5).abs() - 0.5;
                assert!(beyond < 0.01, "{rate} is in part {part} but for its three digits");
            }
            assert_eq!(sorted("batch_size"), [8.0, 8.0, 8.0, 8.0, 8.0, 16.0, 16.0, 16.0, 16.0, 16.0]);
            assert_eq!(sorted("num_train_epochs"), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0]);
        }
    }

    #[test]
    fn a_space_that_is_used_up_gives_what_it_has() {
        let space = [axis("batch_size", &json!([8, 16])), axis("packing", &json!([true, false]))];
        assert_eq!(sample(&space, 50, 3).len(), 4);
    }

    #[test]
    fn what_can_not_be_is_said() {
        for (name, value, says) in [
            ("learning_rat", json!([1]), "there is no such setting"),
            ("seed", json!([1, 2]), "list them as seeds"),
            ("learning_rate", json!([2.0]), "is not a number from 1e-12 to 1"),
            ("learning_rate", json!({ "log_uniform": [0, 1] }), "begins above 0"),
            ("learning_rate", json!({ "uniform": [0.1, 0.01] }), "to a larger one"),
            ("learning_rate", json!({ "normal": [0, 1] }), "is neither a list"),
            ("batch_size", json!({ "uniform": [1, 8] }), "is a whole number"),
            ("method", json!({ "whole": [1, 8] }), "is no number"),
            ("batch_size", json!([]), "has no values"),
            ("batch_size", json!([null]), "null is no value"),
            ("learning_rate", json!(["1e-5", "0.00005", "5e-5"]), "0.00005 and 5e-5, which are one value"),
            ("batch_size", json!([8, 16, 8]), "lists 8 and 8"),
        ] {
            let problem = Axis::read(name, &value).expect_err(name);
            assert!(problem.message.contains(says) && problem.field == name, "{problem}");
        }
    }
}
