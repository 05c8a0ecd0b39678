//! The evaluations of a run on its validation split: which was the best, with its weights, and how long ago that is.

use super::run_model::copy_trained;
use crate::model::Model;
use crate::task::{Evaluation, FigureSpec};

/// What was measured so far.
#[derive(Default)]
pub(super) struct Evaluations {
    pub(super) best: Option<Best>,
    /// A copy of what is trained while there are no best weights: theirs comes in its place, so that memory does not grow in the
    /// middle of a run.
    room: Option<Model>,
    /// Evaluations since the best.
    pub(super) since_best: u32,
    /// Step of the last.
    pub(super) last_step: Option<u32>,
    /// The last, where it is not the best.
    pub(super) last: Option<Evaluation>,
}

/// The best evaluation and the weights it measured.
pub(super) struct Best {
    /// Higher is better.
    pub(super) value: f64,
    pub(super) step: u32,
    pub(super) evaluation: Evaluation,
    pub(super) model: Model,
}

impl Evaluations {
    /// Of a run that did not begin, whose best weights will be kept: memory for them is taken now.
    pub(super) fn with_room(model: &Model) -> Self {
        Self { room: Some(copy_trained(model)), ..Self::default() }
    }

    /// Whether there are best weights, or memory for them.
    pub(super) fn holds_weights(&self) -> bool {
        self.best.is_some() || self.room.is_some()
    }

    /// No weights are to be kept any more, or they have memory already.
    pub(super) fn drop_room(&mut self) {
        self.room = None;
    }

    /// Notes an evaluation of the weights of `model`; whether it is the best so far by `figure`, which the evaluation calls
    /// `name`. One that could not measure the figure never is, and says nothing of whether there is an improvement.
    pub(super) fn add(
        &mut self,
        evaluation: &Evaluation,
        (name, figure): (&str, &FigureSpec),
        step: u32,
        model: &Model,
    ) -> bool {
        let best = self.best.as_ref().map(|best| best.value);
        let measured = value_of(evaluation.figure(name), figure);
        let better = measured.filter(|&value| is_better(value, best));
        match better {
            Some(value) => {
                self.since_best = 0;
                (self.best, self.room) = (None, None); // the next ones come in their place
                let model = copy_trained(model);
                self.best = Some(Best { value, step, evaluation: evaluation.clone(), model });
            }
            None => self.since_best += u32::from(measured.is_some()),
        }
        self.last_step = Some(step);
        self.last = better.is_none().then(|| evaluation.clone());
        better.is_some()
    }

    /// What was measured at a step, where it is still known.
    pub(super) fn of_step(&self, step: u32) -> Option<&Evaluation> {
        // After a run went back a step may be measured twice, with other weights: the last time counts.
        let last = self.last.as_ref().filter(|_| self.last_step == Some(step));
        last.or_else(|| self.best.as_ref().filter(|best| best.step == step).map(|best| &best.evaluation))
    }
}

/// The value of a figure, turned so that higher is better.
fn value_of(measured: Option<f64>, figure: &FigureSpec) -> Option<f64> {
    let value = measured.filter(|value| !value.is_nan())?;
    Some(if figure.higher_is_better { value } else { -value })
}

/// Share of a figure below which a difference is none: the best of a run that was cut off comes back from JSON, where the last bit of a
/// number may change, and a figure that stayed the same must not look better then. (`float_roundtrip` of `serde_json` would keep it, for 5
/// KB of tables and its code in the page, in its worker and in each module beside it.)
const SAME: f64 = 1e-12;

fn is_better(value: f64, best: Option<f64>) -> bool {
    best.is_none_or(|best| value > best && value - best > SAME * value.abs().min(best.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{LOSS, Unit};

    #[test]
    fn figures_are_compared_in_their_own_direction() {
        let f1 = FigureSpec { name: "f1", title: "F1", unit: Unit::Share, higher_is_better: true };
        assert_eq!((value_of(Some(0.5), &f1), value_of(Some(0.5), &LOSS)), (Some(0.5), Some(-0.5)));
        assert!(is_better(-0.4, value_of(Some(0.5), &LOSS)) && !is_better(-0.5, Some(-0.5)));
        assert!(is_better(-9.0, None) && is_better(-9.0, Some(f64::NEG_INFINITY)) && is_better(0.1, Some(0.0)));
    }

    #[test]
    fn a_figure_that_stayed_the_same_is_no_better_after_a_checkpoint() {
        let value = 14.0 / 15.0;
        let state = serde_json::to_vec(&value).expect("a number");
        let restored: f64 = serde_json::from_slice(&state).expect("reads");
        for best in [value, restored, f64::next_down(value)] {
            assert!(!is_better(value, Some(best)) && is_better(value + 1e-9, Some(best)), "{best}");
        }
        assert!(!is_better(f64::NEG_INFINITY, Some(f64::NEG_INFINITY)) && !is_better(0.0, Some(0.0)));
    }

    #[test]
    fn what_could_not_be_measured_is_never_the_best() {
        assert_eq!((value_of(None, &LOSS), value_of(Some(f64::NAN), &LOSS)), (None, None));
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn an_evaluation_without_the_figure_says_nothing_of_an_improvement() {
        use crate::metrics::{Confusion, Figure};
        use crate::task::EvaluationDetail;
        use crate::train::tiny_run::{settings, trainer};

        let run = trainer(settings(1e-3), true);
        let mut evaluations = Evaluations::default();
        let mut add = |step: u32, figures: Vec<Figure>| {
            let detail = EvaluationDetail::SequenceClassification(Box::new(Confusion::new(&[]).finish(0.0)));
            let evaluation = Evaluation { figures, num_rows: 1, detail };
            let is_best = evaluations.add(&evaluation, ("loss", &LOSS), step, run.model());
            (is_best, evaluations.since_best)
        };
        assert_eq!(add(1, vec![Figure::lower("loss", 0.5)]), (true, 0));
        assert_eq!(add(2, Vec::new()), (false, 0));
        assert_eq!(add(3, vec![Figure::lower("loss", 0.75)]), (false, 1));
    }
}
