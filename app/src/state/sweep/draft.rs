//! What is typed of a sweep: which settings with which values, how they are tried, on how many folds, with which seeds. In: the texts
//! of its fields. Out: core's plan, or all that is wrong with it, in sentences.

use hone_core::config::{Kind, MAX_FOLDS, RunConfig, RunDraft, setting};
use hone_core::sweep::{Axis, Budget, Choices, Search, SweepPlan, Way, is_searched};
use hone_core::task::Task;

use super::super::numbers::normalised;
use super::super::recipe::{self, FieldSpec};
use crate::format;

/// Runs of a sweep of the page at most: each is kept with its weights.
pub(super) const MAX_RUNS: usize = 200;

/// Of which trials one is promoted (Li and others 2018).
const ETA: u32 = 3;

/// What trials are drawn by: the same space gives the same trials.
const DRAWN_BY: u64 = 42;

/// Largest whole number that the browser keeps to the last digit.
const MAX_SEED: u64 = (1 << 53) - 1;

/// How trials are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tried {
    /// Every combination.
    #[default]
    Grid,
    /// Some that are drawn.
    Random,
    /// All for few epochs, the better ones for more.
    Halving,
}

impl Tried {
    /// (value, words) to choose from.
    pub(crate) const CHOICES: [(&'static str, &'static str); 3] = [
        ("grid", "Every combination"),
        ("random", "Some that are drawn at random"),
        ("halving", "Successive halving: all for few epochs, the better ones for more"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::CHOICES[self as usize].0
    }

    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "random" => Self::Random,
            "halving" => Self::Halving,
            _ => Self::Grid,
        }
    }
}

/// A sweep as it is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SweepDraft {
    pub tried: Tried,
    /// (name of a setting, its values).
    pub axes: Vec<(&'static str, String)>,
    /// Trials that are drawn; blank takes every combination, where trials need not be drawn.
    pub count: String,
    pub folds: String,
    pub seeds: String,
    /// Epochs of each trial at first, where the better ones go on; blank takes a third of those of the recipe.
    pub min_epochs: String,
}

impl SweepDraft {
    /// The folds of a cross-validation, and nothing else.
    pub(crate) fn of_folds(count: u32) -> Self {
        Self { folds: count.to_string(), ..Self::default() }
    }

    /// The values of a setting.
    pub(crate) fn values(&self, name: &str) -> &str {
        self.axes.iter().find(|(own, _)| *own == name).map_or("", |(_, values)| values.as_str())
    }

    /// Types the values of a setting that is tried.
    pub(crate) fn set_values(&mut self, name: &str, values: String) {
        if let Some(axis) = self.axes.iter_mut().find(|(own, _)| *own == name) {
            axis.1 = values;
        }
    }

    /// Takes a value that can be chosen into those of a setting, or out of them.
    pub(crate) fn choose(&mut self, name: &str, value: &str, is_chosen: bool) {
        let mut values: Vec<&str> =
            self.values(name).split(' ').filter(|own| !own.is_empty() && *own != value).collect();
        if is_chosen {
            values.push(value);
        }
        let values = values.join(" ");
        self.set_values(name, values);
    }

    /// Core's plan of it, on a recipe.
    ///
    /// # Errors
    /// All that is wrong, in sentences.
    pub(crate) fn plan(&self, recipe: &RunConfig) -> Result<SweepPlan, Vec<String>> {
        let mut wrong = Vec::new();
        let space: Vec<Axis> =
            self.axes.iter().filter_map(|(name, values)| note(axis(name, values), &mut wrong)).collect();
        let folds = note(self.read_folds(), &mut wrong).flatten();
        let seeds = note(read_seeds(&self.seeds), &mut wrong).unwrap_or_default();
        let way = note(self.way(recipe), &mut wrong).unwrap_or(Way::Grid);
        if self.axes.is_empty() && self.tried != Tried::Grid {
            wrong.push("Choose a setting to try: there is nothing to draw or to choose between.".into());
        } else if self.axes.is_empty() && folds.is_none() && seeds.len() < 2 {
            wrong.push("Choose a setting to try, folds, or several seeds: this would be one run.".into());
        }
        let plan = SweepPlan { space, search: Search { way, folds, seeds } };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let too_many = |trials: usize| {
            let count = format::count(trials.saturating_mul(plan.search.num_runs()));
            Err(vec![format!("That would be {count} runs, and {MAX_RUNS} can be made here: hone sweep takes more.")])
        };
        // Far too many are counted and not made: the page would stand still. Values that stand there twice are one.
        let combinations = combinations(&plan);
        if combinations > 10 * MAX_RUNS {
            return too_many(combinations);
        }
        match plan.trials() {
            Err(problem) => {
                let message = problem.message.split(':').next().unwrap_or_default().to_owned();
                Err(vec![format!("{}: {message}. List values, or draw some at random.", label_of(&problem.field))])
            }
            Ok(trials) if trials.len() * plan.search.num_runs() > MAX_RUNS => too_many(trials.len()),
            Ok(_) => Ok(plan),
        }
    }

    fn read_folds(&self) -> Result<Option<u32>, String> {
        match self.folds.trim() {
            "" => Ok(None),
            text => match text.parse() {
                Ok(count) if (2..=MAX_FOLDS).contains(&count) => Ok(Some(count)),
                _ => Err(format!("Folds: {text:?} is not a whole number from 2 to {MAX_FOLDS}.")),
            },
        }
    }

    fn way(&self, recipe: &RunConfig) -> Result<Way, String> {
        let count = || match self.count.trim() {
            "" => Ok(None),
            text => match text.parse::<usize>() {
                Ok(count) if (1..=MAX_RUNS).contains(&count) => Ok(Some(count)),
                _ => Err(format!("Trials: {text:?} is not a whole number from 1 to {MAX_RUNS}.")),
            },
        };
        match self.tried {
            Tried::Grid => Ok(Way::Grid),
            Tried::Random => match count()? {
                Some(count) => Ok(Way::Random { count, seed: DRAWN_BY }),
                None => Err("Trials: say how many to draw.".into()),
            },
            Tried::Halving => {
                let text = self.min_epochs.trim();
                let min = match text.parse::<u32>() {
                    _ if text.is_empty() => Budget::USUAL_FIRST,
                    Ok(epochs) if epochs > 0 => Budget::Epochs(f64::from(epochs)),
                    _ => return Err(format!("Epochs at first: {text:?} is not a whole number above 0.")),
                };
                let is_axis = self.axes.iter().any(|(name, _)| *name == "num_train_epochs");
                if min.steps(1, recipe.num_train_epochs) == recipe.num_train_epochs && !is_axis {
                    let epochs = format::plural(recipe.num_train_epochs as usize, "epoch");
                    return Err(format!(
                        "Epochs at first: the recipe has {epochs}, and a trial must begin with fewer. Give the recipe more, or \
                         try every combination."
                    ));
                }
                let count = count()?;
                Ok(Way::Halving { eta: ETA, min, count, seed: DRAWN_BY })
            }
        }
    }
}

/// Combinations of the values that are listed, where all of them are tried.
fn combinations(plan: &SweepPlan) -> usize {
    if matches!(plan.search.way, Way::Random { .. } | Way::Halving { count: Some(_), .. }) {
        return 0;
    }
    let listed = |axis: &Axis| match &axis.choices {
        Choices::Values(values) => values.len(),
        _ => 1,
    };
    plan.space.iter().map(listed).fold(1, usize::saturating_mul)
}

/// Keeps what is good, and notes what is wrong.
fn note<T>(read: Result<T, String>, wrong: &mut Vec<String>) -> Option<T> {
    read.map_err(|message| wrong.push(message)).ok()
}

/// The settings that trials can differ in: those of the task and of what is trained that have numbers or choices.
pub(crate) fn offered(task: Task, draft: &RunDraft, base: &RunConfig) -> Vec<FieldSpec> {
    let is_typed_or_chosen = |kind: Kind| matches!(kind, Kind::Real | Kind::Whole | Kind::Choice | Kind::Switch);
    let is_offered = |spec: &FieldSpec| {
        is_typed_or_chosen(spec.kind) && is_searched(spec.name) && recipe::is_shown(spec, draft, base)
    };
    recipe::fields(task).into_iter().filter(is_offered).collect()
}

/// What can be chosen for a setting: (value, words); nothing where values are typed.
pub(crate) fn choices_of(spec: &FieldSpec, task: Task) -> Vec<(&'static str, String)> {
    let can_be_set =
        |value: &str| setting(spec.name).is_some_and(|setting| (setting.set)(&mut RunConfig::default(), value).is_ok());
    // A number of layers is typed beside the method, and not a choice.
    recipe::choices(spec, task).into_iter().filter(|(value, _)| can_be_set(value)).collect()
}

/// A setting as the page calls it.
pub(super) fn label_of(name: &str) -> &str {
    setting(name).map(|setting| setting.label).filter(|label| !label.is_empty()).unwrap_or(name)
}

fn axis(name: &str, values: &str) -> Result<Axis, String> {
    let said = |message: String| format!("{}: {message}.", label_of(name));
    let kind = setting(name).map_or(Kind::Words, |setting| setting.kind);
    let choices = read_values(kind, values).map_err(said)?;
    Axis::new(name, choices).map_err(|problem| said(problem.message))
}

/// Values one after the other (`1e-5, 3e-5`), or from where to where (`1e-5 to 1e-3`).
fn read_values(kind: Kind, text: &str) -> Result<Choices, String> {
    let is_number = matches!(kind, Kind::Real | Kind::Whole);
    if let Some((low, high)) = text.split_once(" to ").filter(|_| is_number) {
        return read_range(kind, low.trim(), high.trim());
    }
    let mut values = Vec::new();
    for token in text.split(|c: char| c.is_whitespace() || c == ';') {
        values.extend(values_of(kind, token.trim_matches(','))?);
    }
    if values.is_empty() {
        return Err(if is_number { "type some values" } else { "choose some values" }.into());
    }
    Ok(Choices::Values(values))
}

/// A comma stands between two values, or for the point of one.
fn values_of(kind: Kind, token: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = token.split(',').filter(|part| !part.is_empty()).collect();
    let is_list = kind != Kind::Real || parts.len() != 2 || parts.iter().all(|part| part.contains(['.', 'e', 'E']));
    match is_list {
        true => parts.into_iter().map(|part| normalised(kind, part)).collect(),
        false => Ok(vec![normalised(kind, token)?]),
    }
}

fn read_range(kind: Kind, low: &str, high: &str) -> Result<Choices, String> {
    let number = |text: &str| -> Result<f64, String> {
        let value = normalised(kind, text)?.parse::<f64>().ok().filter(|value| value.is_finite());
        value.ok_or_else(|| format!("{text:?} is no number"))
    };
    let (low, high) = (number(low)?, number(high)?);
    if low >= high {
        return Err("a range goes from a number to a larger one".into());
    }
    match kind {
        Kind::Whole if low >= 0.0 && low.fract() == 0.0 && high.fract() == 0.0 && high < 1e15 => {
            Ok(Choices::Whole([low as u64, high as u64]))
        }
        Kind::Whole => Err("a range of whole numbers has whole ends".into()),
        // Over orders of magnitude each is as likely as the other.
        _ if low > 0.0 && high / low >= 10.0 => Ok(Choices::LogUniform([low, high])),
        _ => Ok(Choices::Uniform([low, high])),
    }
}

fn read_seeds(text: &str) -> Result<Vec<u64>, String> {
    let mut seeds = Vec::new();
    for token in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|token| !token.is_empty()) {
        match token.parse::<u64>() {
            Ok(seed) if seed <= MAX_SEED && !seeds.contains(&seed) => seeds.push(seed),
            Ok(seed) if seed <= MAX_SEED => {
                return Err(format!("Seeds: {seed} stands there twice: it would be the same run."));
            }
            _ => return Err(format!("Seeds: {token:?} is not a whole number from 0 to {MAX_SEED}.")),
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(axes: &[(&'static str, &str)]) -> SweepDraft {
        SweepDraft {
            axes: axes.iter().map(|(name, values)| (*name, (*values).to_owned())).collect(),
            ..SweepDraft::default()
        }
    }

    fn values(kind: Kind, text: &str) -> Choices {
        read_values(kind, text).expect("good values")
    }

    fn list(values: &[&str]) -> Choices {
        Choices::Values(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn values_are_typed_as_people_type_them() {
        assert_eq!(values(Kind::Real, "1e-5, 3e-5 1e-4"), list(&["1e-5", "3e-5", "1e-4"]));
        assert_eq!(values(Kind::Real, "1e-5,3e-5"), list(&["1e-5", "3e-5"]));
        assert_eq!(values(Kind::Real, "0,001; 0,01"), list(&["0.001", "0.01"]), "commas for points");
        assert_eq!(values(Kind::Whole, "8,16, 32"), list(&["8", "16", "32"]));
        assert_eq!(values(Kind::Choice, "none balanced"), list(&["none", "balanced"]));
        assert_eq!(values(Kind::Real, "1e-5 to 1e-3"), Choices::LogUniform([1e-5, 1e-3]));
        assert_eq!(values(Kind::Real, "0 to 0,3"), Choices::Uniform([0.0, 0.3]));
        assert_eq!(values(Kind::Whole, "2 to 8"), Choices::Whole([2, 8]));
        for (kind, text) in
            [(Kind::Real, " "), (Kind::Real, "1 to 1"), (Kind::Whole, "1.5 to 3"), (Kind::Real, "a to 2")]
        {
            assert!(read_values(kind, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_choice_goes_in_and_out() {
        let mut draft = typed(&[("class_weights", "")]);
        draft.choose("class_weights", "balanced", true);
        draft.choose("class_weights", "none", true);
        draft.choose("class_weights", "balanced", true);
        assert_eq!(draft.values("class_weights"), "none balanced");
        draft.choose("class_weights", "none", false);
        assert_eq!(draft.values("class_weights"), "balanced");
    }

    #[test]
    fn a_draft_becomes_a_plan() {
        let recipe = RunConfig { num_train_epochs: 9, ..RunConfig::default() };
        let draft = SweepDraft { folds: "2".into(), seeds: "1, 2".into(), ..typed(&[("learning_rate", "1e-5 3e-5")]) };
        let plan = draft.plan(&recipe).expect("a good plan");
        assert_eq!((plan.trials().expect("a grid").len(), plan.search.num_runs()), (2, 4));
        let halving =
            SweepDraft { tried: Tried::Halving, min_epochs: "3".into(), ..typed(&[("batch_size", "8 16 32")]) };
        let way = halving.plan(&recipe).expect("a good plan").search.way;
        assert_eq!(way, Way::Halving { eta: 3, min: Budget::Epochs(3.0), count: None, seed: DRAWN_BY });
        let usual = SweepDraft { min_epochs: " ".into(), ..halving.clone() }.plan(&recipe).expect("a good plan");
        assert_eq!(usual.search.way, Way::Halving { eta: 3, min: Budget::USUAL_FIRST, count: None, seed: DRAWN_BY });
        for min_epochs in ["0", "9", "1.5"] {
            let wrong =
                SweepDraft { min_epochs: min_epochs.into(), ..halving.clone() }.plan(&recipe).expect_err("it is wrong");
            assert!(wrong.join(" ").starts_with("Epochs at first: "), "{min_epochs}: {wrong:?}");
        }
        let folds = SweepDraft::of_folds(5).plan(&recipe).expect("a cross-validation");
        assert_eq!((folds.space.len(), folds.search.num_runs()), (0, 5));
        for tried in [Tried::Grid, Tried::Random, Tried::Halving] {
            assert_eq!(Tried::from_name(tried.name()), tried);
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_in_sentences() {
        let recipe = RunConfig::default();
        let said = |draft: &SweepDraft| draft.plan(&recipe).expect_err("it is wrong").join(" ");
        assert!(said(&SweepDraft::default()).contains("this would be one run"));
        let wrong = SweepDraft {
            folds: "1".into(),
            seeds: "3 3".into(),
            ..typed(&[("learning_rate", "9"), ("batch_size", "")])
        };
        let wrong = said(&wrong);
        for part in ["Learning rate: ", "type some values.", "Folds: \"1\"", "Seeds: 3 stands there twice"] {
            assert!(wrong.contains(part), "{wrong}");
        }
        let range = said(&typed(&[("learning_rate", "1e-5 to 1e-3")]));
        assert!(range.starts_with("Learning rate: has a range") && range.contains("at random"), "{range}");
        let values: String = (0..=MAX_RUNS).map(|number| format!("0.{number:04} ")).collect();
        let many = said(&typed(&[("warmup_ratio", values.as_str())]));
        assert!(many.contains("201 runs"), "{many}");
        let ten = "1 2 3 4 5 6 7 8 9 10";
        let huge = ["batch_size", "num_train_epochs", "gradient_accumulation_steps", "logging_steps"];
        let huge = said(&typed(&huge.map(|name| (name, ten))));
        assert!(huge.starts_with("That would be 10,000 runs"), "they are counted and not made: {huge}");
        let drawn = SweepDraft { tried: Tried::Random, ..typed(&[("learning_rate", "1e-5 to 1e-3")]) };
        assert!(said(&drawn).contains("say how many to draw"));
        let short = RunConfig { num_train_epochs: 1, ..RunConfig::default() };
        let halving = SweepDraft { tried: Tried::Halving, ..typed(&[("learning_rate", "1e-5 1e-4")]) };
        let early = halving.plan(&short).expect_err("there is nothing to stop early").join(" ");
        assert!(early.contains("the recipe has 1 epoch,"), "{early}");
    }

    #[test]
    fn what_is_offered_can_be_tried() {
        for &task in Task::ALL {
            let base = recipe::base(task);
            let specs = offered(task, &RunDraft::default(), &base);
            assert!(specs.iter().any(|spec| spec.name == "learning_rate"));
            assert!(specs.iter().all(|spec| spec.name != "seed" && spec.name != "last_layers"), "{task:?}");
            for spec in specs.iter().filter(|spec| matches!(spec.kind, Kind::Choice | Kind::Switch)) {
                let choices = choices_of(spec, task);
                let values: Vec<&str> = choices.iter().map(|(value, _)| *value).collect();
                assert!(Axis::new(spec.name, list(&values)).is_ok(), "{}: {values:?}", spec.name);
            }
        }
    }
}
