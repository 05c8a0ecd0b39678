//! Figures of questions, out of the scores of their windows: the loss in f64 on the host, and SQuAD's exact match and F1
//! of the answers that are given.

use std::rc::Rc;

use super::best::BestAnswers;
use super::excerpt::{excerpt, join};
use super::place::chars_before;
use super::rows::Content;
use super::{EvaluationDetail, RowPrediction};
use crate::data::{HostBatch, HostTargets, Outputs, Split};
use crate::metrics::{
    ANSWER_FIGURES, Figure, RowSums, SquadQuestion, SumFigure, add_intervals, evaluate_answers, mean_of,
};
use crate::task::outputs::log_softmax;
use crate::task::texts::index_of;
use crate::task::{self, Evaluation, Measure, RowPredictions};

/// Scores of a token: as first and as last.
const ENDS: usize = 2;

/// The loss out of sums over questions, behind those of [`ANSWER_FIGURES`]: of the losses of windows, and of windows.
const LOSS_OF_SUMS: SumFigure =
    SumFigure { name: "loss", higher_is_better: false, of_sums: |sums| mean_of(sums[3], sums[4]) };

/// Questions of a split on their way to figures.
pub(super) struct SpanMeasure {
    rows: Rc<Content>,
    split: Split,
    /// Of each question the sum of the losses of its windows, and how many these are.
    losses: Vec<(f64, usize)>,
    /// One for each question.
    best: Vec<BestAnswers>,
    is_in_full: bool,
}

impl SpanMeasure {
    pub(super) fn new(rows: Rc<Content>, split: Split) -> Self {
        let num_questions = rows.questions[index_of(split)].len();
        let (losses, best) = (vec![(0.0, 0); num_questions], vec![BestAnswers::default(); num_questions]);
        Self { rows, split, losses, best, is_in_full: false }
    }

    /// What was predicted for the question at an index.
    fn predict(&self, index: usize) -> Predicted {
        let question = &self.rows.questions[index_of(self.split)][index];
        let context = &*self.rows.contexts[question.context];
        let best = &self.best[index];
        let candidate = best.candidates().first();
        let bytes = candidate.map(|candidate| (candidate.bytes.0 as usize, candidate.bytes.1 as usize));
        let text = bytes.and_then(|(start, end)| context.get(start..end)).unwrap_or_default().to_owned();
        let null_difference = best.null_difference();
        let is_withheld = self.rows.null_score_threshold.is_some_and(|threshold| null_difference > threshold);
        let probabilities = best.probabilities(self.rows.null_score_threshold.is_some());
        let given_at = bytes.filter(|_| !is_withheld);
        let given = if is_withheld { String::new() } else { text.clone() };
        let score = match given_at {
            Some(_) => probabilities.answers.first().copied().unwrap_or(0.0),
            None => probabilities.no_answer,
        };
        // A withheld answer is right where there is none, and only there, as it counts in the figures of all.
        let compared = [SquadQuestion { answers: question.answers.clone(), prediction: text.clone() }];
        let doubt = [if is_withheld { 1.0 } else { 0.0 }];
        let found = evaluate_answers(&compared, Some(doubt.as_slice()), 0.5).all;
        let chars = |(start, end): (usize, usize)| (chars_before(context, start), chars_before(context, end));
        let row = RowPrediction {
            row: question.row,
            id: question.id.clone(),
            question: question.text.clone(),
            context: excerpt(context, join(given_at, question.span)),
            answers: question.answers.clone(),
            answer: question.span.map(chars),
            predicted: given,
            predicted_at: given_at.map(chars),
            score,
            is_exact: found.exact_match > 0.0,
            f1: found.f1,
        };
        let raw = SquadQuestion { answers: question.answers.clone(), prediction: text };
        Predicted { row, raw, null_difference }
    }
}

/// What was predicted for a question.
struct Predicted {
    row: RowPrediction,
    /// With the best answer, whether it is given or not.
    raw: SquadQuestion,
    null_difference: f64,
}

impl Measure for SpanMeasure {
    fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    fn add(&mut self, indices: &[usize], batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        let text = batch.inputs.text();
        let (Outputs::Rows { values, .. }, HostTargets::Spans { starts, ends }) = (outputs, &batch.targets) else {
            return Ok(());
        };
        let targets = starts.iter().zip(ends);
        let rows = values.chunks_exact((ENDS * text.seq).max(1));
        for ((&index, values), (&start, &end)) in indices.iter().zip(rows).zip(targets) {
            let (question, encoded, window) = self.rows.window(self.split, index);
            let (loss_sum, num_windows) = &mut self.losses[question];
            for (side, target) in [start, end].into_iter().enumerate() {
                let logits: Vec<f32> = values.iter().skip(side).step_by(ENDS).copied().collect();
                *loss_sum -= log_softmax(&logits).ok_or(index)?[target as usize] / ENDS as f64;
            }
            *num_windows += 1;
            let scores = self.rows.joining.scores(encoded, window, values);
            self.best[question].add(&scores, self.rows.max_answer_length);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let num_questions = self.best.len();
        let (mut rows, mut questions, mut differences) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..num_questions {
            let Predicted { row, raw, null_difference } = self.predict(index);
            rows.push(row);
            questions.push(raw);
            differences.push(null_difference.min(f64::MAX)); // JSON knows no infinity
        }
        let threshold = self.rows.null_score_threshold;
        let squad = evaluate_answers(&questions, threshold.map(|_| differences.as_slice()), threshold.unwrap_or(0.0));
        let (loss_sum, num_windows) =
            self.losses.iter().fold((0.0_f64, 0_usize), |(sum, count), &(loss, windows)| (sum + loss, count + windows));
        let mut figures = vec![
            Figure::lower("loss", loss_sum / num_windows.max(1) as f64),
            Figure::higher("exact_match", squad.all.exact_match),
            Figure::higher("f1", squad.all.f1),
        ];
        if self.is_in_full {
            let [exact_match, f1] = ANSWER_FIGURES;
            add_intervals(&mut figures, &sums_of(&rows, &self.losses), &[exact_match, f1, LOSS_OF_SUMS]);
        }
        let detail = EvaluationDetail {
            squad,
            num_windows,
            num_unanswered: rows.iter().filter(|row| row.predicted_at.is_none()).count(),
            null_score_threshold: threshold,
        };
        let detail = task::EvaluationDetail::QuestionAnswering(Box::new(detail));
        (Evaluation { figures, num_rows: num_questions, detail }, RowPredictions::QuestionAnswering(rows))
    }
}

/// What the figures are made of, question by question.
fn sums_of(rows: &[RowPrediction], losses: &[(f64, usize)]) -> RowSums {
    let mut sums = RowSums::new(5);
    for (row, &(loss, num_windows)) in rows.iter().zip(losses) {
        sums.push(&[f64::from(u8::from(row.is_exact)), row.f1 / 100.0, 1.0, loss, num_windows as f64]);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::SPEC;
    use super::super::data::tests::{data_of, model, run};
    use super::*;
    use crate::metrics::figure;
    use crate::task::{TaskModel, TaskRows};

    /// Rows of two questions, of which the second has no answer, and whose texts are read in two windows each.
    const ROWS: &str = "question,context,answer,is_impossible\n\
                        hello,hello world hello world hello world hello world hello world hello ann,ann,\n\
                        world,hello world hello world hello world hello world hello world hello,,true\n";

    fn prepare(model: &TaskModel<'_>) -> Box<dyn TaskRows> {
        data_of("x.csv", ROWS, &run(12)).prepare(model, &run(12)).expect("room enough")
    }

    /// Outputs of a batch, all 0 but some: row, token, score as first and as last.
    fn outputs(batch: &HostBatch, scores: &[(usize, usize, f32, f32)]) -> Outputs {
        let text = batch.inputs.text();
        let mut values = vec![0.0; ENDS * text.batch * text.seq];
        for &(row, token, first, last) in scores {
            let at = ENDS * (row * text.seq + token);
            (values[at], values[at + 1]) = (first, last);
        }
        Outputs::Rows { values, width: ENDS }
    }

    #[test]
    fn answers_are_found_over_windows_and_measured_as_squad_does() {
        let tokenizer = super::super::data::tests::tokenizer();
        let rows = prepare(&model(&tokenizer));
        assert_eq!((rows.num_rows(), rows.num_read()), ([4, 0, 0], [2, 0, 0]), "windows, and questions");
        assert_eq!(rows.thresholds().get("no_answer"), Some(&0.0));
        let batch = rows.batch(Split::Train, &[0, 1, 2, 3], None);
        let HostTargets::Spans { starts, ends } = &batch.targets else { panic!("no spans") };
        assert_eq!((starts.as_slice(), ends.as_slice()), (&[0, 10, 0, 0][..], &[0, 10, 0, 0][..]));
        let mut measure = rows.measure(Split::Train);
        // `ann` in the second window of the first question; of the second question no answer is a little better.
        let given = outputs(&batch, &[(1, 10, 4.0, 4.0), (2, 0, 2.0, 2.0), (2, 3, 3.0, 0.5), (3, 0, 3.0, 3.0)]);
        measure.add(&[0, 1, 2, 3], &batch, &given).expect("finite");
        let (evaluation, RowPredictions::QuestionAnswering(found)) = measure.finish() else { panic!("other rows") };
        let names: Vec<&str> = evaluation.figures.iter().map(|figure| figure.name.as_ref()).collect();
        assert_eq!(names, SPEC.figure_names());
        assert_eq!((evaluation.figure("exact_match"), evaluation.figure("f1")), (Some(100.0), Some(100.0)));
        assert_eq!(evaluation.num_rows, 2);
        assert_eq!(
            (found[0].predicted.as_str(), found[0].predicted_at, found[0].is_exact),
            ("ann", Some((66, 69)), true)
        );
        assert_eq!((found[1].predicted.as_str(), found[1].predicted_at, found[1].f1), ("", None, 100.0));
        let task::EvaluationDetail::QuestionAnswering(detail) = &evaluation.detail else { panic!("other detail") };
        assert_eq!((detail.num_windows, detail.num_unanswered, detail.null_score_threshold), (4, 1, Some(0.0)));
        assert!(detail.squad.no_answer.is_some() && detail.squad.best.is_some());
    }

    #[test]
    fn the_loss_is_the_mean_over_windows_of_both_ends() {
        let tokenizer = super::super::data::tests::tokenizer();
        let rows = prepare(&model(&tokenizer));
        let batch = rows.batch(Split::Train, &[1, 0], None);
        let text = batch.inputs.text();
        let given = outputs(&batch, &[(0, 10, 2.0, 0.0), (1, 0, 1.0, 1.0)]);
        let mut measure = rows.measure(Split::Train);
        measure.measure_in_full();
        measure.add(&[1, 0], &batch, &given).expect("finite");
        let (evaluation, _) = measure.finish();
        let others = (text.seq - 1) as f64;
        let log_sum = |score: f64| (score.exp() + others).ln();
        let first = (log_sum(2.0) - 2.0 + (text.seq as f64).ln()) / 2.0;
        let expected = (first + log_sum(1.0) - 1.0) / 2.0;
        assert!((evaluation.figure("loss").expect("it is measured") - expected).abs() < 1e-9);
        // Of two questions one has windows: draws without it have no loss.
        for name in SPEC.figure_names() {
            let found = figure(&evaluation.figures, name).expect("it is measured");
            let [low, high] = found.interval.expect("it is measured in full");
            assert!(low <= found.value + 1e-9 && found.value <= high + 1e-9, "{found:?}");
            assert!(name != "loss" || high - low < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn an_evaluation_of_questions_that_could_not_be_asked_survives_json() {
        let tokenizer = super::super::data::tests::tokenizer();
        // An answer of which SQuAD's normalising leaves nothing: no answer at all is right, at any threshold.
        let text = "question,context,answer,is_impossible\nhello,hello the,the,\nworld,hello world,,true\n";
        let rows = data_of("x.csv", text, &run(12)).prepare(&model(&tokenizer), &run(12)).expect("room enough");
        let (evaluation, predicted) = rows.measure(Split::Train).finish();
        let RowPredictions::QuestionAnswering(predicted) = predicted else { panic!("of this task") };
        let right: Vec<f64> = predicted.iter().map(|row| if row.is_exact { 100.0 } else { 0.0 }).collect();
        assert_eq!(evaluation.figure("exact_match"), Some(right.iter().sum::<f64>() / 2.0), "rows and figures agree");
        let json = serde_json::to_string(&evaluation).expect("plain values");
        assert_eq!(serde_json::from_str::<Evaluation>(&json).expect("its own JSON"), evaluation);
    }

    #[test]
    fn a_score_that_is_not_finite_names_its_window() {
        let tokenizer = super::super::data::tests::tokenizer();
        let rows = prepare(&model(&tokenizer));
        let batch = rows.batch(Split::Train, &[3, 2], None);
        let given = outputs(&batch, &[(1, 5, f32::NAN, 0.0)]);
        assert_eq!(rows.measure(Split::Train).add(&[3, 2], &batch, &given), Err(2));
    }
}
