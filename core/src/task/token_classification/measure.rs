//! Figures of tagged sentences: the loss over scored tokens in f64 on the host, entities as seqeval counts them, and what
//! is wrong with each sentence.

use std::rc::Rc;

use super::rows::Content;
use super::spans::Places;
use super::{RowPrediction, SPEC, SpanError};
use crate::data::{HostBatch, Outputs, Split};
use crate::metrics::{
    ENTITY_FIGURES, EntityError, EntitySpan, Figure, RowSums, SumFigure, add_intervals, compare_entities, entity_spans,
    entity_sums, evaluate_entities, mean_of,
};
use crate::task::outputs::{find_highest, log_softmax};
use crate::task::texts::output_rows;
use crate::task::{Evaluation, EvaluationDetail, Measure, RowPredictions};

/// The tag that a word was given, and its probability; `None` where the word was not judged.
type Judged = Option<(usize, f32)>;

/// The loss out of sums over sentences, behind those of [`ENTITY_FIGURES`]: of the losses of tokens, and of tokens.
const LOSS_OF_SUMS: SumFigure =
    SumFigure { name: "loss", higher_is_better: false, of_sums: |sums| mean_of(sums[8], sums[9]) };

/// Sentences of a split on their way to figures.
pub(super) struct EntityMeasure {
    rows: Rc<Content>,
    split: Split,
    /// Of each sentence the sum of the losses of its tokens, and how many these are.
    losses: Vec<(f64, usize)>,
    is_in_full: bool,
    /// Of every word of every sentence.
    predicted: Vec<Vec<Judged>>,
}

impl EntityMeasure {
    pub(super) fn new(rows: Rc<Content>, split: Split) -> Self {
        let sentences = rows.sentences(split);
        let predicted = sentences.iter().map(|sentence| vec![None; sentence.words.len()]).collect();
        let losses = vec![(0.0, 0); sentences.len()];
        Self { rows, split, losses, is_in_full: false, predicted }
    }
}

/// The tag that outputs of a token give its word, and its probability; `None` where one is not finite.
pub(super) fn judge(logits: &[f32]) -> Judged {
    let tag = find_highest(logits);
    Some((tag, log_softmax(logits)?.get(tag)?.exp() as f32))
}

impl Measure for EntityMeasure {
    fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    fn add(&mut self, indices: &[usize], batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        let text = batch.inputs.text();
        let tokens: Vec<&[f32]> = output_rows(outputs).collect();
        for (&index, tokens) in indices.iter().zip(tokens.chunks(text.seq.max(1))) {
            let row = &self.rows.windows(self.split)[index];
            let (loss_sum, num_scored) = &mut self.losses[row.sentence];
            for &(position, tag) in &row.scored {
                let log_probabilities = log_softmax(tokens[position as usize]).ok_or(index)?;
                *loss_sum -= log_probabilities[tag as usize];
                *num_scored += 1;
            }
            for &(word, position) in &row.judged {
                let judged = judge(tokens[position as usize]).ok_or(index)?;
                self.predicted[row.sentence][word as usize] = Some(judged);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let Self { rows, split, losses, is_in_full, predicted } = *self;
        let labels = &rows.dataset.labels;
        let (mut gold_tags, mut predicted_tags) = (Vec::new(), Vec::new());
        let mut predictions = Vec::with_capacity(predicted.len());
        for (sentence, predicted) in rows.sentences(split).iter().zip(&predicted) {
            let judged: Vec<usize> = (0..predicted.len()).filter(|&word| predicted[word].is_some()).collect();
            let name = |tag: usize| labels[tag].as_str();
            let gold: Vec<&str> = judged.iter().map(|&word| name(sentence.tags[word])).collect();
            let tags: Vec<&str> = predicted.iter().flatten().map(|&(tag, _)| name(tag)).collect();
            let scores: Vec<f32> = predicted.iter().flatten().map(|&(_, score)| score).collect();
            let (gold_spans, spans) = (entity_spans(&gold), entity_spans(&tags));
            let places = Places::new(&sentence.text, &sentence.words);
            let errors = compare_entities(&gold_spans, &spans);
            predictions.push(RowPrediction {
                row: sentence.row,
                text: sentence.text.clone(),
                gold: places.spans(&gold_spans, &judged, &[]),
                predicted: places.spans(&spans, &judged, &scores),
                errors: errors.iter().map(|error| refer(error, &gold_spans, &spans)).collect(),
                words: places.words_in_chars(),
            });
            gold_tags.push(gold);
            predicted_tags.push(tags);
        }
        let detail = evaluate_entities(&gold_tags, &predicted_tags, rows.dataset.scheme.strict());
        let (loss_sum, num_scored) =
            losses.iter().fold((0.0_f64, 0_usize), |(sum, count), &(loss, tokens)| (sum + loss, count + tokens));
        let loss = Figure::lower("loss", loss_sum / num_scored.max(1) as f64);
        let of_entities = detail.figures().into_iter().filter(|figure| SPEC.figure(&figure.name).is_some());
        let mut figures: Vec<Figure> = std::iter::once(loss).chain(of_entities).collect();
        if is_in_full {
            let scheme = detail.strict.as_ref().map(|strict| strict.scheme);
            let mut sums = RowSums::new(10);
            for ((gold, tags), &(loss, num_scored)) in gold_tags.iter().zip(&predicted_tags).zip(&losses) {
                let row = entity_sums(gold, tags, scheme);
                sums.push(&[row.as_slice(), &[loss, num_scored as f64]].concat());
            }
            add_intervals(&mut figures, &sums, &[ENTITY_FIGURES.as_slice(), &[LOSS_OF_SUMS]].concat());
        }
        let evaluation = Evaluation {
            figures,
            num_rows: predictions.len(),
            detail: EvaluationDetail::TokenClassification(Box::new(detail)),
        };
        (evaluation, RowPredictions::TokenClassification(predictions))
    }
}

/// An error by the indices of its spans.
fn refer(error: &EntityError, gold: &[EntitySpan], predicted: &[EntitySpan]) -> SpanError {
    let index = |span: &Option<EntitySpan>, spans: &[EntitySpan]| {
        span.as_ref().and_then(|span| spans.iter().position(|other| other == span))
    };
    SpanError { kind: error.kind, gold: index(&error.gold, gold), predicted: index(&error.predicted, predicted) }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{rows_of, tagged};
    use super::*;
    use crate::config::RunConfig;
    use crate::data::HostTargets;
    use crate::metrics::EntityErrorKind;
    use crate::task::TaskRows;

    /// Outputs that are sure of a tag at every position: `tags[row]` are those of its words.
    fn outputs(batch: &HostBatch, width: usize, tags: &[&[usize]], positions: &[&[usize]]) -> Outputs {
        let text = batch.inputs.text();
        let mut values = vec![0.0; text.batch * text.seq * width];
        for (row, (tags, positions)) in tags.iter().zip(positions).enumerate() {
            for (&tag, &position) in tags.iter().zip(*positions) {
                values[(row * text.seq + position) * width + tag] = 2.0;
            }
        }
        Outputs::Rows { values, width }
    }

    /// By hand: of the entities (0, 1, x), (2, 3, y) and (0, 1, y) one is found whole, with one spurious: P = 1/3,
    /// R = 1/3.
    #[test]
    fn figures_and_errors_are_those_of_a_case_counted_by_hand() {
        let rows = rows_of(&tagged(&["a/B-x b/O abc/B-y", "paris/B-y ./O"]), &RunConfig::default());
        let batch = rows.batch(Split::Train, &[0, 1], None);
        assert_eq!(batch.weight, 5.0);
        let labels = rows.labels().to_vec();
        let id = |tag: &str| labels.iter().position(|label| label == tag).expect("a tag");
        let (o, bx, by) = (id("O"), id("B-x"), id("B-y"));
        // [CLS] a b a ##b ##c [SEP]: the third word is judged by its first token.
        let found = outputs(&batch, labels.len(), &[&[bx, o, bx], &[o, by]], &[&[1, 2, 3], &[1, 2]]);
        let mut measure = rows.measure(Split::Train);
        measure.measure_in_full();
        measure.add(&[0, 1], &batch, &found).expect("finite");
        let (evaluation, predictions) = measure.finish();
        let figure = |name: &str| evaluation.figure(name).unwrap_or(f64::NAN);
        let third = 1.0 / 3.0;
        assert_eq!([figure("precision"), figure("recall"), figure("f1")], [third, third, third]);
        assert_eq!((figure("accuracy"), figure("strict_f1")), (0.4, third));
        let log_sum = (2.0_f64.exp() + labels.len() as f64 - 1.0).ln();
        let loss = (2.0 * (log_sum - 2.0) + 3.0 * log_sum) / 5.0;
        assert!((figure("loss") - loss).abs() < 1e-12, "{} is not {loss}", figure("loss"));
        assert_eq!(evaluation.figures[0].name, "loss");
        assert_eq!(evaluation.num_rows, 2);
        for figure in &evaluation.figures {
            let [low, high] = figure.interval.expect("it is measured in full");
            assert!(low < figure.value && figure.value < high, "{figure:?}");
        }

        let RowPredictions::TokenClassification(rows) = predictions else { panic!("of this task") };
        let kinds =
            |row: &RowPrediction| -> Vec<EntityErrorKind> { row.errors.iter().map(|error| error.kind).collect() };
        let errors: Vec<Vec<EntityErrorKind>> = rows.iter().map(kinds).collect();
        let expected: [Vec<EntityErrorKind>; 2] =
            [vec![EntityErrorKind::WrongType], vec![EntityErrorKind::Missed, EntityErrorKind::Spurious]];
        assert_eq!(errors, expected);
        assert_eq!((rows[0].gold.len(), rows[0].predicted.len()), (2, 2));
        let span = &rows[0].predicted[1];
        assert_eq!((span.start, span.end, span.label.as_str()), (4, 7, "x"));
        let sure = (2.0_f64 - log_sum).exp();
        assert!((f64::from(span.score.expect("a score")) - sure).abs() < 1e-6);
        assert_eq!(
            rows[0].errors[0],
            SpanError { kind: EntityErrorKind::WrongType, gold: Some(1), predicted: Some(1) }
        );
    }

    #[test]
    fn an_output_that_is_not_finite_names_its_row() {
        let rows = rows_of(&tagged(&["a/B-x b/O", "c/O"]), &RunConfig::default());
        let batch = rows.batch(Split::Train, &[1, 0], None);
        let HostTargets::Distributions { values, width } = &batch.targets else { panic!("classes") };
        let mut values = values.clone();
        let text = batch.inputs.text();
        values[(text.seq + 2) * width] = f32::NAN;
        let found = Outputs::Rows { values, width: *width };
        assert_eq!(rows.measure(Split::Train).add(&[1, 0], &batch, &found), Err(0));
    }
}
