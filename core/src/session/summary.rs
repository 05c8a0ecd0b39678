//! A run in short. In: its events, in order. Out: a [`RunSummary`] with its curves and figures, which stays small however long
//! the run is.

use super::protocol::RunSummary;
use crate::event::{Split, TrainEvent};
use crate::metrics::Figure;
use crate::task::several::SEPARATOR;
use crate::task::{Evaluation, EvaluationDetail, LOSS};

/// Points of a curve at most; beyond it, as many neighbours are merged into their mean as it takes.
const MAX_POINTS: usize = 200;

/// A step, and what was measured there.
type Measured = (u32, Vec<Figure>);

/// Gathers the summary of a run while it goes on.
#[derive(Debug, Clone, Default)]
pub struct RunSummarizer {
    losses: Curve,
    valid_losses: Curve,
    valid_figures: Curve,
    best: Option<Measured>,
    last: Option<Measured>,
    /// Of a run that is over.
    weights_of_step: Option<u32>,
}

impl RunSummarizer {
    /// Takes the next event.
    pub fn note(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Step { step, loss, .. } => self.losses.push(*step, *loss),
            TrainEvent::Evaluated { step, split: Split::Valid, evaluation, is_best, .. } => {
                let leading = leading_figure(evaluation);
                for (curve, name) in [(&mut self.valid_losses, LOSS.name), (&mut self.valid_figures, leading.as_str())]
                {
                    if let Some(value) = evaluation.figure(name) {
                        curve.push(*step, value);
                    }
                }
                // JSON has no other numbers.
                let figures = evaluation.figures.iter().filter(|figure| figure.value.is_finite());
                let measured: Measured = (*step, figures.cloned().collect());
                if *is_best {
                    self.best = Some(measured.clone());
                }
                self.last = Some(measured);
            }
            TrainEvent::RolledBack { to_step, .. } => self.go_back_to(*to_step),
            TrainEvent::Finished { weights_of_step, .. } => self.weights_of_step = Some(*weights_of_step),
            _ => {}
        }
    }

    /// Forgets what was said of later steps. The best weights stay, and with them their figures.
    fn go_back_to(&mut self, step: u32) {
        for curve in [&mut self.losses, &mut self.valid_losses, &mut self.valid_figures] {
            curve.cut_after(step);
        }
        if self.last.as_ref().is_some_and(|last| last.0 > step) {
            self.last = self.best.clone();
        }
    }

    /// The run so far.
    #[must_use]
    pub fn summary(&self) -> RunSummary {
        let is_of_weights = |measured: &&Measured| self.weights_of_step.is_none_or(|step| measured.0 == step);
        let measured = self.best.iter().chain(&self.last).find(is_of_weights).or(self.last.as_ref());
        let (measured_step, figures) = measured.cloned().unzip();
        RunSummary {
            losses: self.losses.points.clone(),
            valid_losses: self.valid_losses.points.clone(),
            valid_figures: self.valid_figures.points.clone(),
            figures: figures.unwrap_or_default(),
            measured_step,
        }
    }
}

/// Name of the leading figure; of several tasks that of the first.
fn leading_figure(evaluation: &Evaluation) -> String {
    let name = evaluation.task().spec().leading_figure().name;
    match &evaluation.detail {
        EvaluationDetail::Several(detail) => {
            let first = detail.parts.first().map_or("", |(part, _)| part.as_str());
            format!("{first}{SEPARATOR}{name}")
        }
        _ => name.to_owned(),
    }
}

/// A curve of few points, each the mean of `2^halvings` values; the last one of as many as there are.
#[derive(Debug, Clone, Default)]
struct Curve {
    points: Vec<(f64, f64)>,
    halvings: u32,
    /// Sum and number of the values of the last point, while more of them are to come.
    sum: f64,
    count: u32,
}

impl Curve {
    fn push(&mut self, step: u32, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.count == 0 {
            if self.points.len() >= MAX_POINTS {
                self.halve();
            }
            self.sum = 0.0;
            self.points.push((0.0, 0.0));
        }
        self.sum += value;
        self.count += 1;
        if let Some(last) = self.points.last_mut() {
            *last = (f64::from(step), self.sum / f64::from(self.count));
        }
        if self.count >= 1 << self.halvings {
            self.count = 0;
        }
    }

    /// Forgets what comes after a step, which is taken once more.
    fn cut_after(&mut self, step: u32) {
        self.points.retain(|point| point.0 <= f64::from(step));
        self.count = 0;
    }

    /// Merges pairs of neighbours, which are of as many values each.
    fn halve(&mut self) {
        let merged = |pair: &[(f64, f64)]| {
            let sum: f64 = pair.iter().map(|point| point.1).sum();
            (pair.last().map_or(0.0, |point| point.0), sum / pair.len() as f64)
        };
        self.points = self.points.chunks(2).map(merged).collect();
        self.halvings += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Divergence, StopReason};
    use crate::task::{causal_lm, several};

    fn step(step: u32, loss: f64) -> TrainEvent {
        let (epoch, learning_rate, grad_norm, rows, tokens) = (1.0, 1e-3, 1.0, 1, 1);
        TrainEvent::Step { step, epoch, loss, losses: vec![loss], learning_rate, grad_norm, rows, tokens }
    }

    fn evaluated(step: u32, loss: f64, is_best: bool) -> TrainEvent {
        let detail = EvaluationDetail::CausalLm(Box::new(causal_lm::EvaluationDetail { num_tokens: 1 }));
        let figures = vec![Figure::lower("loss", loss), Figure::lower("perplexity", f64::INFINITY)];
        let evaluation = Evaluation { figures, num_rows: 1, detail };
        TrainEvent::Evaluated { step, epoch: 1.0, split: Split::Valid, evaluation, is_best }
    }

    fn finished(weights_of_step: u32) -> TrainEvent {
        TrainEvent::Finished { step: 9, reason: StopReason::Completed, weights_of_step }
    }

    fn summary(events: &[TrainEvent]) -> RunSummary {
        let mut summarizer = RunSummarizer::default();
        events.iter().for_each(|event| summarizer.note(event));
        summarizer.summary()
    }

    #[test]
    fn a_short_curve_has_every_loss_and_none_that_is_no_number() {
        let found = summary(&[step(1, 3.0), step(2, f64::NAN), step(3, 1.0)]);
        assert_eq!(found.losses, [(1.0, 3.0), (3.0, 1.0)]);
        assert_eq!((found.figures, found.measured_step), (Vec::new(), None));
    }

    #[test]
    fn a_long_curve_stays_short_and_keeps_its_end_and_its_mean() {
        let mut curve = Curve::default();
        for step in 1..=100_000 {
            curve.push(step, f64::from(step % 2));
            assert!(curve.points.len() <= MAX_POINTS);
        }
        assert!(curve.points.len() > MAX_POINTS / 4, "{}", curve.points.len());
        assert!(curve.points.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(curve.points.last().map(|point| point.0), Some(100_000.0));
        assert!(curve.points.iter().all(|point| (point.1 - 0.5).abs() < 1e-9), "{:?}", curve.points);
    }

    #[test]
    fn the_figures_are_those_of_the_weights() {
        let events = [evaluated(3, 2.0, true), evaluated(6, 1.0, true), evaluated(9, 4.0, false)];
        let measured = |more: &[TrainEvent]| {
            let found = summary(&[&events[..], more].concat());
            (found.measured_step, found.figures)
        };
        let loss = |value| vec![Figure::lower("loss", value)];
        assert_eq!(measured(&[]), (Some(6), loss(1.0)), "the best so far");
        assert_eq!(measured(&[finished(6)]), (Some(6), loss(1.0)));
        assert_eq!(measured(&[finished(9)]), (Some(9), loss(4.0)), "the last weights were asked for");
        assert_eq!(measured(&[finished(8)]), (Some(9), loss(4.0)), "stopped between two evaluations");
        assert_eq!(summary(&events).valid_losses, [(3.0, 2.0), (6.0, 1.0), (9.0, 4.0)]);
    }

    #[test]
    fn of_several_tasks_the_leading_figure_of_the_first_is_drawn() {
        let TrainEvent::Evaluated { evaluation: part, .. } = evaluated(3, 2.0, true) else { panic!("it is measured") };
        let leading = leading_figure(&part);
        let parts = vec![("topic".to_owned(), part.clone()), ("mood".to_owned(), part)];
        let detail = EvaluationDetail::Several(Box::new(several::EvaluationDetail { parts }));
        let name = format!("topic/{leading}");
        let figures = vec![Figure::lower("loss", 3.0), Figure::lower(name, 0.5)];
        let evaluation = Evaluation { figures, num_rows: 2, detail };
        let event = TrainEvent::Evaluated { step: 3, epoch: 1.0, split: Split::Valid, evaluation, is_best: true };
        let found = summary(&[event]);
        assert_eq!((found.valid_losses, found.valid_figures), (vec![(3.0, 3.0)], vec![(3.0, 0.5)]));
    }

    #[test]
    fn what_a_run_goes_back_over_is_forgotten() {
        let back = |to_step| TrainEvent::RolledBack {
            from_step: 4,
            to_step,
            learning_rate_factor: 0.5,
            why: Divergence::Spike,
        };
        let events =
            [step(1, 3.0), step(2, 2.0), evaluated(2, 2.0, true), step(3, 9.0), evaluated(3, 9.0, false), back(2)];
        let found = summary(&[&events[..], &[step(3, 1.0)]].concat());
        assert_eq!((found.losses, found.valid_losses), (vec![(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], vec![(2.0, 2.0)]));
        assert_eq!(found.measured_step, Some(2));
    }

    #[test]
    fn a_summary_goes_through_json() {
        let found = summary(&[step(1, 3.0), evaluated(3, 2.0, true), finished(3)]);
        let json = serde_json::to_string(&found).expect("only finite numbers");
        assert_eq!(serde_json::from_str::<RunSummary>(&json).expect("just written"), found);
        assert_eq!(serde_json::from_str::<RunSummary>("{}").expect("of before"), RunSummary::default());
    }
}
