//! The course of a run: what its events come to, with what was said of steps that were taken back left out; its curves,
//! evaluations and samples.

use super::chart::{Line, chart};
use super::figures::{capital, figure_text};
use super::frame::{Cell, paragraph, table};
use super::log::{LogEntry, LogLine};
use super::side_by_side::{Sample, describe_shape, side_by_side};
use crate::event::{Split, StopReason, TrainEvent};
use crate::task::several::SEPARATOR;
use crate::task::{Evaluation, EvaluationDetail, FigureSpec, LOSS, Task, Unit};
use crate::words::{count, plural};

/// Figures that have a column of the evaluations, at most.
const MAX_COLUMNS: usize = 8;

/// Prompts of which texts are shown, at most.
const MAX_PROMPTS: usize = 10;

/// Checkpoints whose texts stand side by side, at most: more are too narrow on paper.
const MAX_CHECKPOINTS: usize = 5;

/// What is said of the general text.
const OF_GENERAL: &str = "Its first tokens, at most 1,024, measured before training and at each evaluation. A model that forgets what it \
                          knew does worse on it: the line rises.";

/// A run, step by step.
#[derive(Debug, Default)]
pub(super) struct Course<'a> {
    losses: Vec<(f64, f64)>,
    learning_rates: Vec<(f64, f64)>,
    /// What was measured while the run went on, in order.
    pub(super) valid: Vec<Measured<'a>>,
    samples: Vec<Sample>,
    /// Loss on a text that has nothing to do with the rows, by step.
    general: Vec<(f64, f64)>,
    /// What went otherwise than planned, in words.
    notes: Vec<String>,
    /// Steps taken, and those of the whole run.
    steps: [u32; 2],
    /// All parameters, and those that are trained.
    pub(super) parameters: Option<[usize; 2]>,
    end: Option<(StopReason, u32)>,
    pub(super) elapsed_secs: Option<f64>,
}

/// A measurement.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    step: u32,
    epoch: f64,
    pub(super) split: Split,
    pub(super) evaluation: &'a Evaluation,
    is_best: bool,
}

impl<'a> Course<'a> {
    pub(super) fn of(lines: &'a [LogLine]) -> Self {
        let mut course = Self::default();
        for line in lines {
            if let LogEntry::Event(event) = &line.entry {
                course.note(event);
                course.elapsed_secs = Some(line.elapsed_secs);
            }
        }
        course
    }

    fn note(&mut self, event: &'a TrainEvent) {
        match event {
            TrainEvent::Started { total_steps, step, num_parameters, num_trainable, .. } => {
                if *step > 0 {
                    self.notes.push(format!("It went on at step {}, after it was cut off.", count(*step as usize)));
                }
                self.go_back_to(*step);
                self.steps = [*step, *total_steps];
                self.parameters = Some([*num_parameters, *num_trainable]);
                self.end = None;
            }
            TrainEvent::Augmented { step: 0, rows } => self.notes.push(format!("{}.", capital(&rows.in_words()))),
            // It was said when the run began.
            TrainEvent::Augmented { .. } => {}
            TrainEvent::Step { step, loss, learning_rate, .. } => {
                self.losses.push((f64::from(*step), *loss));
                self.learning_rates.push((f64::from(*step), *learning_rate));
                self.steps[0] = *step;
            }
            TrainEvent::Evaluated { step, epoch, split, evaluation, is_best } => {
                let (step, epoch, split, is_best) = (*step, *epoch, *split, *is_best);
                self.valid.push(Measured { step, epoch, split, evaluation, is_best });
            }
            TrainEvent::Sampled { .. } => self.samples.extend(Sample::of_event(event)),
            TrainEvent::GeneralMeasured { step, evaluation } => {
                self.general.extend(evaluation.figure(LOSS.name).map(|loss| (f64::from(*step), loss)));
            }
            TrainEvent::RolledBack { from_step, to_step, learning_rate_factor, why } => {
                self.go_back_to(*to_step);
                self.notes.push(format!(
                    "At step {} {}: it went back to step {} and on from there at {learning_rate_factor} times the learning rate.",
                    count(*from_step as usize),
                    why.in_words(),
                    count(*to_step as usize)
                ));
            }
            TrainEvent::BatchesCut { step, rows_at_once, .. } => self.notes.push(format!(
                "The device had too little memory: from step {} on at most {} at once were computed; steps are of the same rows.",
                count(*step as usize),
                plural(*rows_at_once as usize, "row")
            )),
            TrainEvent::Finished { step, reason, weights_of_step } => {
                self.steps[0] = *step;
                self.end = Some((*reason, *weights_of_step));
            }
            TrainEvent::Phase { .. }
            | TrainEvent::Progress { .. }
            | TrainEvent::EvaluationProgress { .. }
            | TrainEvent::CheckpointDue { .. } => {}
        }
    }

    /// Forgets what was said of the steps after `step`, which are taken once more; the best weights stay the best.
    fn go_back_to(&mut self, step: u32) {
        let last = f64::from(step);
        self.losses.retain(|point| point.0 <= last);
        self.learning_rates.retain(|point| point.0 <= last);
        let best = self.valid.iter().rposition(|one| one.is_best);
        let mut index = 0;
        self.valid.retain(|one| {
            let is_best = Some(index) == best;
            index += 1;
            one.step <= step || is_best
        });
        self.samples.retain(|sample| sample.step <= step);
        self.general.retain(|point| point.0 <= last);
    }

    /// The measurement of the weights that the model holds, where they were measured.
    pub(super) fn of_weights(&self) -> Option<&Measured<'a>> {
        let of_step = |step: u32| self.valid.iter().rev().find(|one| one.step == step);
        self.end.and_then(|(_, step)| of_step(step)).or_else(|| self.valid.last())
    }

    pub(super) fn steps_in_words(&self) -> String {
        match self.steps {
            [_, 0] => String::new(),
            [step, total] => format!("{} of {}", count(step as usize), count(total as usize)),
        }
    }

    pub(super) fn end_in_words(&self) -> String {
        let Some((reason, weights_of_step)) = self.end else {
            return if self.steps[1] > 0 { "It has not ended.".to_owned() } else { String::new() };
        };
        let how = match reason {
            StopReason::Completed => "Finished",
            StopReason::EarlyStopping => "Finished early, without further improvement",
            StopReason::Stopped => "Stopped by a person",
            StopReason::Diverged => "Diverged",
        };
        format!("{how}; the model holds the weights of step {}", count(weights_of_step as usize))
    }
}

/// Curves, what went otherwise than planned, and the evaluations.
pub(super) fn section(course: &Course<'_>, task: Task) -> String {
    let line = |name: &str, class, points, has_dots| Line { name: name.to_owned(), class, points, has_dots };
    let figure = |name: &str| {
        let valid = course.valid.iter().filter(|one| one.split == Split::Valid);
        valid.filter_map(|one| Some((f64::from(one.step), one.evaluation.figure(name)?))).collect::<Vec<_>>()
    };
    let losses =
        [line("training", "one", course.losses.clone(), false), line("validation", "two", figure(LOSS.name), true)];
    let leading = task.spec().leading_figure();
    let leads = [line("validation", "two", figure(leading.name), true)];
    let rates = [line("learning rate", "one", course.learning_rates.clone(), false)];
    let general = [line("general text", "two", course.general.clone(), true)];
    let forgetting = match course.general.is_empty() {
        true => String::new(),
        false => {
            chart("Loss on a text that has nothing to do with the rows", &general) + &paragraph("soft", OF_GENERAL)
        }
    };
    let notes: String = course.notes.iter().map(|note| paragraph("note", note)).collect();
    let leading_chart = if leading.name == LOSS.name { String::new() } else { chart(leading.title, &leads) };
    [notes, chart("Loss", &losses), leading_chart, chart("Learning rate", &rates), forgetting, evaluations(course)]
        .concat()
}

/// The figures of each evaluation while the run went on.
fn evaluations(course: &Course<'_>) -> String {
    let Some(last) = course.valid.last() else { return String::new() };
    let names: Vec<&str> = last.evaluation.figures.iter().map(|figure| figure.name.as_ref()).collect();
    let shown = |name: &&str| spec_of(last.evaluation, name).is_none_or(FigureSpec::is_headline);
    let names: Vec<&str> = names.into_iter().filter(shown).take(MAX_COLUMNS).collect();
    let rows = course.valid.iter().map(|one| {
        let mut cells = vec![
            Cell::number(count(one.step as usize)),
            Cell::number(format!("{:.2}", one.epoch)),
            Cell::text(one.split.words()),
        ];
        cells.extend(names.iter().map(|name| {
            let unit = spec_of(one.evaluation, name).map_or(Unit::Number, |spec| spec.unit);
            Cell::number(one.evaluation.figure(name).map_or_else(String::new, |value| figure_text(unit, value)))
        }));
        cells.push(Cell::text(if one.is_best { "best so far" } else { "" }));
        cells
    });
    let titles: Vec<String> = names.iter().map(|name| title_of(last.evaluation, name)).collect();
    let heads = ["Step", "Epoch", "Rows"].into_iter().chain(titles.iter().map(String::as_str)).chain([""]);
    let table = table(&heads.collect::<Vec<_>>(), &rows.collect::<Vec<_>>());
    format!("<h3>Evaluations on the way</h3>\n{table}")
}

/// What there is to say of a figure; of several tasks its name is `part/figure`.
pub(super) fn spec_of(evaluation: &Evaluation, name: &str) -> Option<&'static FigureSpec> {
    match (&evaluation.detail, name.split_once(SEPARATOR)) {
        (EvaluationDetail::Several(detail), Some((part, own))) => detail.part(part)?.task().spec().figure(own),
        _ => evaluation.task().spec().figure(name),
    }
}

/// A figure as people read it; of several tasks with the name of its part.
pub(super) fn title_of(evaluation: &Evaluation, name: &str) -> String {
    let title = spec_of(evaluation, name).map_or(name, |spec| spec.title);
    match (&evaluation.detail, name.split_once(SEPARATOR)) {
        (EvaluationDetail::Several(_), Some((part, _))) => format!("{part}: {title}"),
        _ => title.to_owned(),
    }
}

/// What the model wrote of each prompt, with a column for each checkpoint.
pub(super) fn samples(course: &Course<'_>) -> String {
    let best = course.valid.iter().rfind(|one| one.is_best).map(|one| one.step);
    let found = side_by_side(&course.samples, best, MAX_CHECKPOINTS);
    let written = |sample: Option<&Sample>| {
        let Some(sample) = sample else { return Cell::text("–") };
        let shape = sample.shape.map_or_else(String::new, |shape| format!("\n({})", describe_shape(shape)));
        Cell::written(&format!("{}{shape}", sample.generated))
    };
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for one in found.prompts.iter().take(MAX_PROMPTS) {
        let mut cells = vec![Cell::written(one.prompt), Cell::written(one.expected)];
        cells.extend(one.texts.iter().map(|text| written(*text)));
        rows.push(cells);
    }
    if found.checkpoints.iter().any(|one| !one.about.is_empty()) {
        let mut cells = vec![Cell::text("All prompts"), Cell::text("")];
        cells.extend(found.checkpoints.iter().map(|one| Cell::text(&one.about)));
        rows.push(cells);
    }
    let names = found.checkpoints.iter().map(|one| one.name.as_str());
    let heads: Vec<&str> = ["Prompt", "In the file"].into_iter().chain(names).collect();
    let (prompts, checkpoints) = (found.prompts.len().saturating_sub(MAX_PROMPTS), found.num_left_out);
    let left_out = match (prompts, checkpoints) {
        (0, 0) => String::new(),
        (0, _) => format!("Not shown: {}.", plural(checkpoints, "more checkpoint")),
        (_, 0) => format!("Not shown: {}.", plural(prompts, "more prompt")),
        _ => format!("Not shown: {}, {}.", plural(prompts, "more prompt"), plural(checkpoints, "more checkpoint")),
    };
    table(&heads, &rows) + &paragraph("soft", &left_out)
}
