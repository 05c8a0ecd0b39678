//! Passages as a run trains on them and is measured on them.

use std::rc::Rc;

use super::mask::Masking;
use super::passages::Passage;
use super::{EvaluationDetail, RowPrediction};
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding, Split, TextRow};
use crate::hub::sha256_hex;
use crate::task::token_measure::TokenMeasure;
use crate::task::{self, Measure, RowPredictions, Task, TaskRows};

/// Passages of three splits, ready to be trained on.
#[derive(Debug)]
pub(super) struct Rows {
    /// Of training, validation and test.
    pub(super) splits: [Rc<Vec<Passage>>; 3],
    /// Row numbers of each split in their file.
    pub(super) numbers: [Vec<usize>; 3],
    pub(super) masking: Masking,
    pub(super) padding: Padding,
}

fn index_of(split: Split) -> usize {
    match split {
        Split::Train => 0,
        Split::Valid => 1,
        Split::Test => 2,
    }
}

impl TaskRows for Rows {
    fn task(&self) -> Task {
        Task::MaskedLm
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    /// Passages.
    fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(|passages| passages.len())
    }

    /// Texts.
    fn num_read(&self) -> [usize; 3] {
        self.numbers.each_ref().map(Vec::len)
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        self.splits[index_of(split)].iter().map(|passage| passage.input_ids.len()).collect()
    }

    fn batch(&self, split: Split, indices: &[usize], seed: Option<u64>) -> HostBatch {
        let passages = &self.splits[index_of(split)];
        let rows: Vec<TextRow<'_>> = indices
            .iter()
            .map(|&index| TextRow { input_ids: &passages[index].input_ids, token_type_ids: &[] })
            .collect();
        let mut text = HostText::pad(&rows, &self.padding);
        let num_tokens = text.num_tokens();
        let (mut positions, mut ids) = (Vec::new(), Vec::new());
        for (row, &index) in indices.iter().enumerate() {
            let passage = &passages[index];
            for hidden in self.masking.hide(passage, index, seed) {
                let position = row * text.seq + hidden.position;
                text.input_ids[position] = hidden.shown as i32;
                positions.push(position as i32);
                ids.push(passage.input_ids[hidden.position] as i32);
            }
        }
        HostBatch {
            inputs: HostInputs::Text(text),
            weight: ids.len() as f64,
            targets: HostTargets::Ids { positions, ids, label_smoothing: 0.0 },
            num_rows: indices.len(),
            num_tokens,
        }
    }

    fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        for passage in self.splits[0].iter() {
            bytes.extend((passage.input_ids.len() as u32).to_le_bytes());
            bytes.extend(passage.input_ids.iter().flat_map(|id| id.to_le_bytes()));
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        let split = index_of(split);
        let row = self.splits[split].get(index).map(|passage| passage.row);
        row.and_then(|row| self.numbers[split].get(row).copied()).unwrap_or(0)
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(TokenMeasure::of_split(self, split, detail_of))
    }
}

/// What an evaluation says besides its figures.
fn detail_of(num_tokens: u64, rows: Vec<RowPrediction>) -> (task::EvaluationDetail, RowPredictions) {
    let detail = task::EvaluationDetail::MaskedLm(Box::new(EvaluationDetail { num_tokens }));
    (detail, RowPredictions::MaskedLm(rows))
}

#[cfg(test)]
mod tests {
    use super::super::mask::tests::model;
    use super::super::passages::read_passages;
    use super::super::passages::tests::tokenizer;
    use super::*;
    use crate::config::RunConfig;
    use crate::data::Outputs;

    fn rows(texts: &[&str]) -> Rows {
        let tokenizer = tokenizer();
        let run = RunConfig { max_seq_length: 16, ..RunConfig::default() };
        let model = model(&tokenizer);
        let numbered = texts.iter().enumerate().map(|(index, &text)| (index + 2, text));
        let passages = read_passages(&tokenizer, numbered, 16, 1000).expect("room");
        let empty = || Rc::new(Vec::new());
        Rows {
            splits: [Rc::new(passages), empty(), empty()],
            numbers: [(2..2 + texts.len()).collect(), Vec::new(), Vec::new()],
            masking: Masking::new(&model, &run).expect("it has a mask token"),
            padding: model.padding(&run),
        }
    }

    #[test]
    fn what_was_hidden_is_to_be_guessed_where_it_stood() {
        let rows = rows(&["hello world and hello", "world !", &"hello ".repeat(20)]);
        assert_eq!((rows.num_rows(), rows.lengths(Split::Train)), ([4, 0, 0], vec![6, 4, 16, 8]));
        assert_eq!(rows.num_read(), [3, 0, 0]);
        assert_eq!(rows.row_number(Split::Train, 3), 4);
        for seed in [None, Some(1), Some(2)] {
            let batch = rows.batch(Split::Train, &[2, 0, 1], seed);
            let text = batch.inputs.text();
            let HostTargets::Ids { positions, ids, .. } = &batch.targets else { panic!("tokens are guessed") };
            assert_eq!((text.batch, text.seq, batch.num_tokens), (3, 16, 26));
            assert_eq!((ids.len(), batch.weight), (positions.len(), ids.len() as f64));
            let mut restored = text.input_ids.clone();
            for (&position, &id) in positions.iter().zip(ids) {
                restored[position as usize] = id;
            }
            assert_eq!(restored[16..22], [2, 5, 6, 9, 5, 3]);
            assert_eq!(restored[32..36], [2, 6, 8, 3]);
            assert!(positions.iter().all(|&position| text.attention_mask[position as usize] == 1));
            // Each row has a blank at least.
            assert!((0..3).all(|row| positions.iter().any(|&position| position / 16 == row)));
        }
        assert_eq!(rows.batch(Split::Train, &[1, 0], None).num_tokens, 10);
    }

    #[test]
    fn an_evaluation_hides_the_same_tokens_of_a_row_in_every_batch() {
        let rows = rows(&["hello world and hello", "world !"]);
        let first = |batch: HostBatch| {
            let text = batch.inputs.text().clone();
            text.input_ids[..4].to_vec()
        };
        assert_eq!(first(rows.batch(Split::Train, &[1, 0], None)), first(rows.batch(Split::Train, &[1], None)));
    }

    #[test]
    fn sums_make_figures() {
        let rows = rows(&["hello world and hello"]);
        let batch = rows.batch(Split::Train, &[0], None);
        let HostTargets::Ids { ids, .. } = &batch.targets else { panic!("tokens are guessed") };
        let mut measure = rows.measure(Split::Train);
        let outputs = Outputs::Tokens { losses: vec![2.0; ids.len()], are_right: vec![false; ids.len()] };
        measure.add(&[0], &batch, &outputs).expect("finite");
        let (evaluation, _) = measure.finish();
        assert_eq!((evaluation.figure("loss"), evaluation.figure("token_accuracy")), (Some(2.0), Some(0.0)));
    }
}
