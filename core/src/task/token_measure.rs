//! Figures of predicted tokens, out of the loss that is read back of each.
//!
//! In: batches whose targets are tokens. Out: figures over all tokens, and for each row of the file the sums that they are made of
//! ([`TokenRow`]). The passages of a long row belong together: they are drawn together where intervals are asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Evaluation, EvaluationDetail, Measure, RowPredictions, TaskRows};
use crate::data::{HostBatch, HostTargets, Outputs, Split};
use crate::metrics::{RowSums, TOKEN_FIGURES, TokenAccumulator, add_intervals};

/// How well the tokens of a row were predicted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Row number in its file; of packed rows that of the first.
    pub row: usize,
    /// Sum of the cross-entropies of its tokens, in nats.
    pub loss_sum: f64,
    /// Tokens that had the highest score.
    pub num_correct: u64,
    /// Tokens that were scored.
    pub num_tokens: u64,
}

/// What a task says besides the figures, given how many tokens were scored, and its rows.
type Detail = fn(u64, Vec<TokenRow>) -> (EvaluationDetail, RowPredictions);

/// Sums over the tokens that were predicted.
pub(super) struct TokenMeasure {
    /// The number in its file of each row of the split.
    numbers: Vec<usize>,
    /// By these numbers.
    rows: BTreeMap<usize, TokenRow>,
    num_rows: usize,
    is_in_full: bool,
    detail: Detail,
}

impl TokenMeasure {
    /// Nothing yet of a split.
    pub(super) fn of_split(rows: &dyn TaskRows, split: Split, detail: Detail) -> Self {
        let num_rows = rows.num_rows()[split.index()];
        Self::new((0..num_rows).map(|index| rows.row_number(split, index)).collect(), detail)
    }

    /// Nothing yet. `numbers` are those of the rows of the split in their file.
    fn new(numbers: Vec<usize>, detail: Detail) -> Self {
        Self { numbers, rows: BTreeMap::new(), num_rows: 0, is_in_full: false, detail }
    }
}

impl Measure for TokenMeasure {
    fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    fn add(&mut self, indices: &[usize], batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        let (HostTargets::Ids { positions, .. }, Outputs::Tokens { losses, are_right }) = (&batch.targets, outputs)
        else {
            return Err(indices.first().copied().unwrap_or(0));
        };
        let seq = batch.inputs.text().seq.max(1);
        for ((&position, &loss), &is_right) in positions.iter().zip(losses).zip(are_right) {
            let index = indices[position as usize / seq];
            if !loss.is_finite() {
                return Err(index);
            }
            let row = self.numbers[index];
            let sums = self.rows.entry(row).or_insert(TokenRow { row, ..TokenRow::default() });
            sums.loss_sum += f64::from(loss);
            sums.num_correct += u64::from(is_right);
            sums.num_tokens += 1;
        }
        self.num_rows += indices.len();
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let rows: Vec<TokenRow> = self.rows.into_values().collect();
        let mut all = TokenAccumulator::new();
        rows.iter().for_each(|row| all.add(row.loss_sum, row.num_correct, row.num_tokens));
        let found = all.finish();
        let mut figures = found.figures();
        if self.is_in_full {
            let mut sums = RowSums::new(3);
            rows.iter().for_each(|row| sums.push(&row.sums()));
            add_intervals(&mut figures, &sums, &TOKEN_FIGURES);
        }
        let (detail, predictions) = (self.detail)(found.num_tokens, rows);
        (Evaluation { figures, num_rows: self.num_rows, detail }, predictions)
    }
}

impl TokenRow {
    /// What [`TOKEN_FIGURES`] are made of.
    #[must_use]
    pub fn sums(&self) -> [f64; 3] {
        [self.loss_sum, self.num_correct as f64, self.num_tokens as f64]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{HostInputs, HostText};
    use crate::task::causal_lm;

    fn detail(num_tokens: u64, rows: Vec<TokenRow>) -> (EvaluationDetail, RowPredictions) {
        let detail = causal_lm::EvaluationDetail { num_tokens };
        (EvaluationDetail::CausalLm(Box::new(detail)), RowPredictions::CausalLm(rows))
    }

    /// Rows of four tokens, of which those at these positions of the batch are scored.
    fn batch(num_rows: usize, positions: &[i32]) -> HostBatch {
        let text = HostText { batch: num_rows, seq: 4, ..HostText::default() };
        let ids = vec![0; positions.len()];
        HostBatch {
            inputs: HostInputs::Text(text),
            targets: HostTargets::Ids { positions: positions.to_vec(), ids, label_smoothing: 0.0 },
            weight: positions.len() as f64,
            num_rows,
            num_tokens: 4 * num_rows,
        }
    }

    fn tokens(losses: &[f32]) -> Outputs {
        Outputs::Tokens { losses: losses.to_vec(), are_right: losses.iter().map(|&loss| loss < 1.0).collect() }
    }

    #[test]
    fn tokens_are_counted_by_the_row_of_the_file_whichever_batch_they_come_in() {
        // The first row of the file is read in two passages.
        let mut measure = Box::new(TokenMeasure::new(vec![2, 2, 5], detail));
        measure.measure_in_full();
        measure.add(&[2, 0], &batch(2, &[0, 1, 5]), &tokens(&[0.5, 1.5, 2.0])).expect("finite");
        measure.add(&[1], &batch(1, &[3]), &tokens(&[1.0])).expect("finite");
        let (evaluation, RowPredictions::CausalLm(rows)) = measure.finish() else { panic!("of this task") };
        let of_first = TokenRow { row: 2, loss_sum: 3.0, num_correct: 0, num_tokens: 2 };
        let of_second = TokenRow { row: 5, loss_sum: 2.0, num_correct: 1, num_tokens: 2 };
        assert_eq!(rows, [of_first, of_second]);
        assert_eq!((evaluation.num_rows, evaluation.figure("loss")), (3, Some(1.25)));
        assert_eq!(evaluation.figures[0].interval, Some([1.0, 1.5]), "either row alone is drawn, too");
        assert_eq!(evaluation.figures[1].interval, Some([1.0_f64.exp(), 1.5_f64.exp()]));
        assert_eq!(evaluation.figures[2].interval, Some([0.0, 0.5]));
    }

    #[test]
    fn the_row_of_a_loss_that_is_no_number_is_named() {
        let mut measure = TokenMeasure::new(vec![2, 3], detail);
        assert_eq!(measure.add(&[1, 0], &batch(2, &[1, 6]), &tokens(&[0.5, f32::NAN])), Err(0));
        let rows = Outputs::Rows { values: vec![1.0], width: 1 };
        assert_eq!(measure.add(&[1, 0], &batch(2, &[1]), &rows), Err(1));
    }

    #[test]
    fn a_run_in_between_has_no_intervals_and_figures_are_those_of_the_formulas() {
        let mut measure = Box::new(TokenMeasure::new(vec![2], detail));
        measure.add(&[0], &batch(1, &[0, 1, 2]), &tokens(&[0.5, 1.5, 2.5])).expect("finite");
        let (evaluation, RowPredictions::CausalLm(rows)) = measure.finish() else { panic!("of this task") };
        let mut sums = RowSums::new(3);
        rows.iter().for_each(|row| sums.push(&row.sums()));
        for (figure, formula) in evaluation.figures.iter().zip(&TOKEN_FIGURES) {
            assert_eq!((figure.name.as_ref(), figure.higher_is_better), (formula.name, formula.higher_is_better));
            assert_eq!((figure.interval, sums.value(formula)), (None, Some(figure.value)));
        }
    }
}
