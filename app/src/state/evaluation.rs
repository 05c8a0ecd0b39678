//! What was measured before and after training, whatever the task: a split with its figures, and the lines of the table
//! that compares them.

use hone_core::event::Split;
use hone_core::metrics::figure;
use hone_core::session::protocol::WritingEvaluation;
use hone_core::task::{Evaluation, FigureSpec, RowPredictions, Task, Unit, WRITING_FIGURES};

use crate::format;

/// A split, measured with one set of weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub split: Split,
    pub evaluation: Evaluation,
    pub rows: RowPredictions,
    /// Of a model that writes: what it wrote after the first prompts, where there are prompts.
    pub writing: Option<WritingEvaluation>,
    /// Of a model that writes: a text that has nothing to do with the rows, once it is measured. What the model forgets
    /// shows there.
    pub general: Option<Evaluation>,
    /// What makes the figures worthless, if anything does.
    pub warnings: Vec<String>,
}

/// Prompts of a split that both models write on from when they are measured.
const NUM_PROMPTS: usize = 20;
/// Sources of a split that both models turn into other texts.
const NUM_SOURCES: usize = 50;

/// How many prompts are written on from where `task` is measured: more where one text is turned into another.
pub(crate) fn num_prompts(task: Task) -> usize {
    if task.spec().settings.contains(&"max_target_length") { NUM_SOURCES } else { NUM_PROMPTS }
}

/// A figure before and after training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FigureRow {
    pub title: &'static str,
    /// Middle of its test ids.
    pub id: String,
    pub unit: Unit,
    pub higher_is_better: bool,
    /// What always giving one answer has.
    pub least: Option<f64>,
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// Between which values it lies with 95 %, after training, or before where nothing was trained.
    pub interval: Option<[f64; 2]>,
    /// It is among those that are shown first.
    pub is_headline: bool,
    /// The texts have what it counts: a difference of it says something.
    pub is_defined: bool,
}

impl FigureRow {
    /// Its interval is known: not every draw gave the same.
    pub(crate) fn has_spread(&self) -> bool {
        self.interval.is_some_and(|[low, high]| low < high)
    }

    /// The figure with its interval in words: `macro F1 is 0.921, 95 % between 0.911 and 0.930`; where every draw gave the same,
    /// the figure alone. `None` where that was not measured.
    fn in_words(&self) -> Option<String> {
        let (value, [low, high]) = (self.after.or(self.before)?, self.interval?);
        let [shown, lowest, highest] = [value, low, high].map(|value| format::figure(self.unit, value));
        let title = format::in_sentence(self.title);
        Some(match self.has_spread() {
            true => format!("{title} is {shown}, 95 % between {lowest} and {highest}"),
            false => format!("{title} is {shown}"),
        })
    }
}

/// Figures with their intervals in words, and once of which of them nothing is known, for every draw gave the same; `None` where no
/// interval was measured.
pub(crate) fn spread_words(rows: &[&FigureRow]) -> Option<String> {
    let (told, measured): (Vec<String>, Vec<&FigureRow>) =
        rows.iter().filter_map(|row| Some((row.in_words()?, *row))).unzip();
    if told.is_empty() {
        return None;
    }
    let unknown = measured.iter().filter(|row| !row.has_spread());
    let unknown: Vec<String> = unknown.map(|row| format::in_sentence(row.title)).collect();
    let luck = format::names(&unknown).map_or_else(String::new, |names| {
        format!(" These rows are too few, or too much alike, to say by how much {names} could be luck.")
    });
    Some(format!("{}.{luck}", format::sentence(&told.join("; "))))
}

/// A figure in test ids.
pub(crate) fn figure_id(name: &str) -> String {
    match name {
        "macro_precision" | "macro_recall" | "macro_f1" => name.trim_start_matches("macro_").to_owned(),
        "rougeL" => "rouge-l".into(),
        name => name.replace('_', "-"),
    }
}

/// Reads a figure off what was measured.
type Read<'a> = dyn Fn(&Measured, &str) -> Option<f64> + 'a;

fn row(
    spec: &FigureSpec,
    id: String,
    before: Option<&Measured>,
    after: Option<&Measured>,
    read: &Read<'_>,
) -> FigureRow {
    let &FigureSpec { name, title, unit, higher_is_better } = spec;
    let of = |side: Option<&Measured>| side.and_then(|measured| read(measured, name));
    let is_headline = spec.is_headline();
    let (before, after) = (of(before), of(after));
    let (least, interval, is_defined) = (None, None, true);
    FigureRow { title, id, unit, higher_is_better, least, before, after, interval, is_headline, is_defined }
}

/// Every figure that was measured; the loss after those that people look for. `least` are figures of what one has to beat,
/// by their names.
pub(crate) fn figure_rows(
    before: Option<&Measured>,
    after: Option<&Measured>,
    least: &[(&str, f64)],
) -> Vec<FigureRow> {
    let Some(shown) = after.or(before) else { return Vec::new() };
    let figures = shown.evaluation.task().spec().figures;
    let in_order = figures.iter().skip(1).chain(figures.first());
    let of_rows = in_order.map(|spec| {
        let row = row(spec, figure_id(spec.name), before, after, &|measured, name| measured.evaluation.figure(name));
        let least = least.iter().find(|(name, _)| *name == spec.name).map(|(_, value)| *value);
        let interval = figure(&shown.evaluation.figures, spec.name).and_then(|figure| figure.interval);
        FigureRow { least, interval, ..row }
    });
    let written = shown.writing.as_ref().map_or_else(Vec::new, WritingEvaluation::figures);
    let of_writing = WRITING_FIGURES.iter().map(|spec| {
        let row = row(spec, figure_id(spec.name), before, after, &|measured, name| {
            figure(&measured.writing.as_ref()?.figures.figures(), name).map(|figure| figure.value)
        });
        let interval = figure(&written, spec.name).and_then(|figure| figure.interval);
        let is_defined = shown.writing.as_ref().is_none_or(|writing| writing.is_defined(spec.name));
        FigureRow { interval, is_defined, ..row }
    });
    of_rows.chain(of_writing).filter(|row| row.before.or(row.after).is_some()).collect()
}

/// The figures of the general text that rise as a model forgets.
pub(crate) fn general_rows(task: Task, before: Option<&Measured>, after: Option<&Measured>) -> Vec<FigureRow> {
    let rising = task.spec().figures.iter().filter(|spec| !spec.higher_is_better);
    let of_text = |spec: &FigureSpec| {
        let id = format!("general-{}", figure_id(spec.name));
        row(spec, id, before, after, &|measured, name| measured.general.as_ref()?.figure(name))
    };
    rising.map(of_text).collect()
}

/// The figure that says most: the first after the loss.
pub(crate) fn leading(task: Task) -> &'static FigureSpec {
    task.spec().leading_figure()
}

/// The figures that are drawn over the steps of a run: the leading one and, beside it, the last of those that one can draw
/// on the same axis.
pub(crate) fn drawn(task: Task) -> Vec<&'static FigureSpec> {
    let first = leading(task);
    let has_axis = |spec: &&FigureSpec| (spec.unit == Unit::Number) == (first.unit == Unit::Number);
    let last = task.spec().headline_figures().into_iter().skip(2).rfind(has_axis);
    [Some(first), last].into_iter().flatten().collect()
}

/// The leading figure in a few words, the value first, which stays where there is little room; a share speaks for itself.
pub(crate) fn headline(evaluation: &Evaluation) -> String {
    let &FigureSpec { name, title, unit, .. } = leading(evaluation.task());
    let Some(text) = evaluation.figure(name).map(|value| format::figure(unit, value)) else { return String::new() };
    if matches!(unit, Unit::Share | Unit::Percent) { text } else { format!("{text} {}", format::in_sentence(title)) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hone_core::metrics::{Figure, TextSample, TextStyles, evaluate_text_to_text};
    use hone_core::task::LOSS;

    use super::*;
    use crate::tasks::fixtures::{evaluation, measured};

    #[test]
    fn every_task_has_figures_that_are_told_apart() {
        for &task in Task::ALL {
            let figures = task.spec().figures;
            assert_eq!(figures[0].name, LOSS.name, "{task:?}");
            let ids: BTreeSet<_> = figures.iter().chain(&WRITING_FIGURES).map(|spec| figure_id(spec.name)).collect();
            let shared = figures.iter().filter(|spec| WRITING_FIGURES.iter().any(|one| one.name == spec.name)).count();
            assert_eq!(ids.len(), figures.len() + WRITING_FIGURES.len() - shared, "{task:?}");
            assert!(drawn(task).len() <= 2);
        }
        let ids = ["macro_f1", "token_accuracy", "rougeL", "exact_match"].map(figure_id);
        assert_eq!(ids, ["f1", "token-accuracy", "rouge-l", "exact-match"]);
    }

    #[test]
    fn more_is_written_where_one_text_is_turned_into_another() {
        for &task in Task::ALL {
            let has_targets = task.spec().columns.contains(&"target_column");
            assert_eq!(num_prompts(task) == NUM_SOURCES, has_targets, "{task:?}");
        }
    }

    #[test]
    fn figures_stand_side_by_side_with_the_loss_last() {
        for &task in Task::ALL {
            let name = leading(task).name;
            let of = |loss: f64, value: f64| {
                measured(evaluation(task, vec![Figure::lower("loss", loss), Figure::higher(name, value)]))
            };
            let (before, after) = (of(2.0, 0.25), of(1.0, 0.75));
            let rows = figure_rows(Some(&before), Some(&after), &[(name, 0.5)]);
            let [first, last] = rows.as_slice() else { panic!("what was not measured has no line: {rows:?}") };
            assert_eq!((first.least, first.before, first.after), (Some(0.5), Some(0.25), Some(0.75)));
            assert_eq!((last.title, last.least, last.before, last.after), (LOSS.title, None, Some(2.0), Some(1.0)));
            assert!(figure_rows(None, None, &[]).is_empty());
            assert_eq!(figure_rows(Some(&before), None, &[]).len(), 2, "there may be no run yet");
        }
    }

    #[test]
    fn a_figure_says_between_which_values_it_lies() {
        let name = leading(Task::default()).name;
        let of = |value: f64, interval| {
            let figure = Figure { interval, ..Figure::higher(name, value) };
            measured(evaluation(Task::default(), vec![Figure::lower("loss", 1.0), figure]))
        };
        let (before, after) = (of(0.5, Some([0.25, 0.75])), of(0.921, Some([0.911, 0.93])));
        let (unmeasured, certain) = (of(0.5, None), of(1.0, Some([1.0, 1.0])));
        let words = |before, after| spread_words(&[&figure_rows(before, after, &[])[0]]);
        assert_eq!(
            words(Some(&before), Some(&after)).as_deref(),
            Some("Accuracy is 92.1 %, 95 % between 91.1 % and 93.0 %.")
        );
        assert_eq!(words(Some(&before), None).as_deref(), Some("Accuracy is 50.0 %, 95 % between 25.0 % and 75.0 %."));
        assert_eq!(words(None, Some(&unmeasured)), None);
        // A draw of rows that are all right has no wrong ones: that is no certainty.
        let all_right = words(None, Some(&certain)).expect("it was measured");
        let luck = "These rows are too few, or too much alike, to say by how much";
        assert_eq!(all_right, format!("Accuracy is 100.0 %. {luck} accuracy could be luck."));
        // Of several figures that is said once.
        let known = figure_rows(None, Some(&after), &[]).remove(0);
        let accuracy = figure_rows(None, Some(&certain), &[]).remove(0);
        let f1 = FigureRow { title: "Macro F1", unit: Unit::Score, ..accuracy.clone() };
        assert!(known.has_spread() && !f1.has_spread());
        let both = spread_words(&[&accuracy, &f1]).expect("both were measured");
        assert_eq!(
            both,
            format!("Accuracy is 100.0 %; macro F1 is 1.000. {luck} accuracy and macro F1 could be luck.")
        );
        let mixed = spread_words(&[&known, &f1]).expect("both were measured");
        assert!(mixed.ends_with(&format!("; macro F1 is 1.000. {luck} macro F1 could be luck.")), "{mixed}");
        assert_eq!(drawn(Task::default()).iter().map(|spec| spec.name).collect::<Vec<_>>(), ["accuracy", "macro_f1"]);
    }

    #[test]
    fn bleu_says_nothing_of_texts_that_are_too_short_for_it() {
        let of = |expected: &[&str]| {
            let sample = |expected: &&str| TextSample {
                row: 1,
                prompt: "when".into(),
                expected: (*expected).into(),
                generated: "now".into(),
            };
            let figures = evaluate_text_to_text(expected.iter().map(|expected| ("now", *expected)));
            let writing = WritingEvaluation {
                figures,
                intervals: Vec::new(),
                styles: TextStyles::default(),
                samples: expected.iter().map(sample).collect(),
                how: String::new(),
                notes: Vec::new(),
            };
            let of_rows = measured(evaluation(Task::Seq2seqLm, vec![Figure::lower("loss", 1.0)]));
            let after = Measured { writing: Some(writing), ..of_rows };
            let rows = figure_rows(None, Some(&after), &[]);
            ["bleu", "chrf"].map(|id| rows.iter().find(|row| row.id == id).map(|row| row.is_defined))
        };
        assert_eq!(of(&["yes", "12 May 2026"]), [Some(false), Some(true)]);
        assert_eq!(of(&["yes", "on 12 May 2026"]), [Some(true), Some(true)], "one is long enough");
    }

    #[test]
    fn a_headline_is_the_first_figure_after_the_loss() {
        for &task in Task::ALL {
            let spec = leading(task);
            let figures = vec![Figure::lower("loss", 2.0), Figure::higher(spec.name, 0.5)];
            let text = headline(&evaluation(task, figures));
            let value = format::figure(spec.unit, 0.5);
            assert!(text.starts_with(&value), "{text}");
            let is_titled = !matches!(spec.unit, Unit::Share | Unit::Percent);
            assert_eq!(text.ends_with(&format::in_sentence(spec.title)), is_titled, "{text}");
            assert_eq!(headline(&evaluation(task, Vec::new())), "");
        }
    }

    #[test]
    fn what_rises_as_a_model_forgets_is_the_loss_at_least() {
        for &task in Task::ALL {
            let before = measured(evaluation(task, Vec::new()));
            let general = Some(evaluation(task, vec![Figure::lower("loss", 1.5)]));
            let after = Measured { general, ..before.clone() };
            let rows = general_rows(task, Some(&before), Some(&after));
            assert_eq!((rows[0].id.as_str(), rows[0].before, rows[0].after), ("general-loss", None, Some(1.5)));
        }
    }
}
