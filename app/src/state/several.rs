//! Names, settings, plans and figures of several tasks that are learned at once. Plain values, tested natively; the signals
//! stand in `parts`.

use hone_core::config::{RunConfig, check_part_names};
use hone_core::data::rows_an_epoch;
use hone_core::task::several::{SEPARATOR, goes_with_others, settings_of};
use hone_core::task::{DataReport, EvaluationDetail, FigureSpec, LOSS, RowPredictions, Task, Unit};

use super::evaluation::{Measured, figure_id};
use super::recipe::{FieldSpec, fields, fields_with};
use crate::format;

/// Most bytes of a name that is made of a file's.
const MAX_NAME: usize = 40;

/// One of the tasks of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunPart {
    pub name: String,
    pub task: Task,
    /// An input has a second text.
    pub has_second: bool,
}

/// The fields of the recipe, of one task or of several.
pub(super) fn fields_of(task: Task, learned: &[(String, Task)]) -> Vec<FieldSpec> {
    match learned {
        [] => fields(task),
        parts => fields_with(&settings_of(parts.iter().map(|(_, task)| *task))),
    }
}

/// Why tasks can't be learned at once; `can` are those that the loaded model has heads for.
pub(super) fn problem(learned: &[(String, Task)], can: Option<&[Task]>) -> Option<String> {
    if learned.is_empty() {
        return None;
    }
    let names: Vec<&str> = learned.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(problem) = check_part_names(&names).into_iter().next() {
        return Some(format!("The names of the tasks: {}.", problem.message));
    }
    let is_alone = |(_, task): &&(String, Task)| !goes_with_others(*task);
    if let Some((name, task)) = learned.iter().find(is_alone) {
        let does = task.spec().does;
        return Some(format!("{name} can't be learned beside other tasks: a model that {does} has one head."));
    }
    let is_unknown = |(_, task): &&(String, Task)| can.is_some_and(|can| !can.contains(task));
    let (name, task) = learned.iter().find(is_unknown)?;
    Some(format!("The loaded model can't learn {name} ({}): remove it, or load another model.", task.spec().title))
}

/// A name for a task after its file: letters, digits, - and _; another than those that are `taken`.
pub(super) fn default_name(file: &str, taken: &[&str]) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = stem.chars().map(safe).take(MAX_NAME).collect();
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "task" } else { name };
    let is_free = |name: &String| {
        let is_usable = check_part_names(&[name.as_str(), "a-name-that-is-not-taken"]).is_empty();
        is_usable && taken.iter().all(|other| !other.eq_ignore_ascii_case(name))
    };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).expect("one of endlessly many names is free")
}

/// The figures that may choose the best weights of several tasks: (name, words).
pub(crate) fn figure_choices(parts: &[(String, Task)]) -> Vec<(String, String)> {
    let of_part = |(part, task): &(String, Task)| {
        let choice = |figure: &FigureSpec| {
            let name = full_name(part, figure.name);
            let words = format!("{} {name}", if figure.higher_is_better { "Highest" } else { "Lowest" });
            (name, words)
        };
        task.spec().figures.iter().map(choice).collect::<Vec<_>>()
    };
    let mean = (LOSS.name.to_owned(), "Lowest loss, the mean over the tasks".to_owned());
    std::iter::once(mean).chain(parts.iter().flat_map(of_part)).collect()
}

/// Steps of an epoch with tasks of so many training rows: each batch is of one of them.
pub(crate) fn steps_an_epoch(run: &RunConfig, sizes: &[usize]) -> u64 {
    let batch_size = u64::from(run.batch_size.max(1));
    let rows = rows_an_epoch(sizes, run.task_temperature);
    let batches: u64 = rows.into_iter().map(|rows| (rows as u64).div_ceil(batch_size)).sum();
    batches.div_ceil(u64::from(run.gradient_accumulation_steps.max(1)))
}

/// A figure that a run measures on its way: of several tasks behind the name of its part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunFigure {
    /// As it is measured.
    pub name: String,
    /// As people read it.
    pub title: String,
    /// In test ids.
    pub id: String,
    pub unit: Unit,
}

impl RunFigure {
    /// A figure of a run, or of one of its tasks.
    pub(crate) fn new(part: Option<&str>, spec: &FigureSpec) -> Self {
        let (id, unit) = (figure_id(spec.name), spec.unit);
        match part {
            None => Self { name: spec.name.into(), title: spec.title.into(), id, unit },
            Some(part) => {
                let name = full_name(part, spec.name);
                Self { title: name.clone(), name, id: format!("{part}-{id}"), unit }
            }
        }
    }

    /// Its title within a sentence; what is named after a task stays as it is written.
    pub(crate) fn in_sentence(&self) -> String {
        if self.title == self.name { self.title.clone() } else { format::in_sentence(&self.title) }
    }
}

/// The figures that are chosen of each task of a run.
pub(crate) fn run_figures(
    task: Task,
    parts: &[RunPart],
    choose: impl Fn(Task) -> Vec<&'static FigureSpec>,
) -> Vec<RunFigure> {
    let of_task = |part: Option<&str>, task: Task| {
        choose(task).into_iter().map(|spec| RunFigure::new(part, spec)).collect::<Vec<_>>()
    };
    match parts {
        [] => of_task(None, task),
        parts => parts.iter().flat_map(|part| of_task(Some(part.name.as_str()), part.task)).collect(),
    }
}

/// What was measured of one of several tasks; `None` where it has no rows in that split.
pub(crate) fn measured_part(measured: &Measured, name: &str) -> Option<Measured> {
    let (EvaluationDetail::Several(detail), RowPredictions::Several(rows)) =
        (&measured.evaluation.detail, &measured.rows)
    else {
        return None;
    };
    let evaluation = detail.part(name)?.clone();
    let (_, rows) = rows.iter().find(|(own, _)| own == name)?;
    Some(Measured {
        split: measured.split,
        evaluation,
        rows: rows.clone(),
        writing: None,
        general: None,
        warnings: measured.warnings.clone(),
    })
}

/// How much of a task there is, in words.
pub(crate) fn rows_words(report: &DataReport) -> String {
    format!("{}, {}", report.file_name, format::plural(report.num_usable, "row"))
}

pub(super) fn full_name(part: &str, figure: &str) -> String {
    format!("{part}{SEPARATOR}{figure}")
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::Figure;
    use hone_core::task::Evaluation;
    use hone_core::task::several;

    use super::*;
    use crate::tasks::fixtures;

    /// Two tasks with other figures that can be learned at once, and one that is learned alone.
    fn tasks() -> [Task; 3] {
        let beside: Vec<Task> = Task::ALL.iter().copied().filter(|task| goes_with_others(*task)).collect();
        let other = beside.iter().copied().find(|task| task.spec().figures != beside[0].spec().figures);
        let alone = Task::ALL.iter().copied().find(|task| !goes_with_others(*task));
        [beside[0], other.expect("tasks differ"), alone.expect("one writes")]
    }

    fn learned(names: [&str; 2], tasks: [Task; 2]) -> Vec<(String, Task)> {
        names.map(str::to_owned).into_iter().zip(tasks).collect()
    }

    #[test]
    fn tasks_are_named_after_their_files_each_by_another_name() {
        assert_eq!(default_name("tickets 2024.csv", &[]), "tickets-2024");
        assert_eq!(default_name("rows.csv", &["Rows", "rows-2"]), "rows-3");
        assert_eq!(default_name("loss.csv", &[]), "loss-2", "a figure is called so");
        assert_eq!([default_name("日本.csv", &[]), default_name("", &["task"])], ["task", "task-2"]);
        assert!(default_name(&"x".repeat(200), &[]).len() <= 64);
    }

    #[test]
    fn what_keeps_tasks_from_being_learned_at_once_is_said() {
        let [one, other, alone] = tasks();
        let of = |names, tasks| problem(&learned(names, tasks), Some(&[one, other]));
        assert_eq!((problem(&[], None), of(["a", "b"], [one, other])), (None, None));
        assert!(of(["a", "A"], [one, other]).expect("equal names").contains("two tasks have the name"));
        assert!(of(["a", "b c"], [one, other]).expect("a blank").contains("is no name"));
        assert!(of(["a", "b"], [one, alone]).expect("it writes").starts_with("b can't be learned beside other tasks"));
        let unknown = problem(&learned(["a", "b"], [one, other]), Some(&[one])).expect("no head for it");
        assert!(unknown.starts_with("The loaded model can't learn b"), "{unknown}");
    }

    #[test]
    fn figures_stand_behind_the_names_of_their_tasks() {
        let [one, other, _] = tasks();
        let learned = learned(["a", "b"], [one, other]);
        let names: Vec<String> = figure_choices(&learned).into_iter().map(|(name, _)| name).collect();
        let expected = several::figure_names(learned.iter().map(|(name, task)| (name.as_str(), *task)));
        assert_eq!(names, expected, "as the settings know them");
        let part = |(name, task): (String, Task)| RunPart { name, task, has_second: false };
        let parts: Vec<RunPart> = learned.into_iter().map(part).collect();
        let found = run_figures(one, &parts, |task| task.spec().figures.iter().collect());
        assert_eq!(found.iter().map(|figure| &figure.name).collect::<Vec<_>>(), names[1..].iter().collect::<Vec<_>>());
        let alone = run_figures(one, &[], |task| vec![&task.spec().figures[0]]);
        assert_eq!((alone[0].name.as_str(), alone[0].title.as_str()), (LOSS.name, LOSS.title));
    }

    #[test]
    fn a_part_of_what_was_measured_is_as_if_it_had_been_measured_alone() {
        let [one, other, _] = tasks();
        let of = |task, loss| fixtures::measured(fixtures::evaluation(task, vec![Figure::lower("loss", loss)]));
        let (first, second) = (of(one, 1.0), of(other, 2.0));
        let rows = vec![("a".to_owned(), first.rows.clone()), ("b".to_owned(), second.rows.clone())];
        let parts = vec![("a".to_owned(), first.evaluation.clone()), ("b".to_owned(), second.evaluation.clone())];
        let detail = EvaluationDetail::Several(Box::new(several::EvaluationDetail { parts }));
        let evaluation = Evaluation { figures: Vec::new(), num_rows: 2, detail };
        let whole = Measured { evaluation, rows: RowPredictions::Several(rows), ..first.clone() };
        assert_eq!(measured_part(&whole, "b"), Some(second));
        assert_eq!((measured_part(&whole, "c"), measured_part(&first, "a")), (None, None));
    }

    #[test]
    fn each_batch_is_of_one_task() {
        let run = RunConfig { batch_size: 8, gradient_accumulation_steps: 2, ..RunConfig::default() };
        assert_eq!(steps_an_epoch(&run, &[17, 9]), 3, "three batches and two");
        let even = RunConfig { task_temperature: 100.0, ..run };
        assert_eq!(steps_an_epoch(&even, &[160, 16]), 12, "89 rows and 87");
    }

    #[test]
    fn several_tasks_have_a_temperature_and_one_has_none() {
        let [one, other, _] = tasks();
        let has =
            |learned: &[(String, Task)]| fields_of(one, learned).iter().any(|spec| spec.name == "task_temperature");
        assert!(has(&learned(["a", "b"], [one, other])) && !has(&[]));
    }
}
