//! Rows with a source and a target as a run trains on them and is measured on them: what the decoder reads is the target
//! shifted right, behind the token that it begins with.

use std::rc::Rc;

use super::encode::{EncodedPair, with_prefix};
use super::read::TextPair;
use super::{EvaluationDetail, RowPrediction, SPEC};
use crate::config::RunConfig;
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding, Split, TextRow};
use crate::hub::sha256_hex;
use crate::task::texts::index_of;
use crate::task::token_measure::TokenMeasure;
use crate::task::{self, AddedRows, Measure, PromptRow, RowPredictions, Task, TaskModel, TaskRows};

/// Rows of three splits, ready to be trained on.
#[derive(Debug)]
pub(super) struct PairRows {
    /// Rows of training, validation and test.
    splits: Rc<[Vec<TextPair>; 3]>,
    /// The same as tokens.
    encoded: Rc<[Vec<EncodedPair>; 3]>,
    /// What stands before every source.
    prefix: String,
    source_padding: Padding,
    target_padding: Padding,
    decoder_start_token_id: u32,
    /// Of rows that are trained on.
    label_smoothing: f64,
    /// What copies add to the rows to train on, behind which they stand.
    added: Option<AddedRows>,
}

impl PairRows {
    /// `encoded` are the rows with their prefix, cut at the limits of the run.
    pub(super) fn new(
        splits: Rc<[Vec<TextPair>; 3]>,
        encoded: Rc<[Vec<EncodedPair>; 3]>,
        prefix: &str,
        model: &TaskModel<'_>,
        run: &RunConfig,
    ) -> Self {
        let source_padding = model.padding(run);
        let max_length = model.max_tokens.min(run.max_target_length as usize);
        Self {
            added: None,
            splits,
            encoded,
            prefix: prefix.to_owned(),
            target_padding: Padding { max_length, ..source_padding },
            source_padding,
            decoder_start_token_id: model.decoder_start_token_id.unwrap_or(model.pad_token_id),
            label_smoothing: run.label_smoothing_factor,
        }
    }

    /// The same with copies behind the rows to train on, those of one row beside each other.
    pub(super) fn with_copies(self, copies: Vec<(TextPair, EncodedPair)>) -> Self {
        let (num_rows, num_added) = (self.splits[0].len(), copies.len());
        let num_copied = copies.chunk_by(|(one, _), (next, _)| one.row == next.row).count();
        let num_unchanged = num_rows.saturating_sub(num_copied);
        let (mut splits, mut encoded) = ((*self.splits).clone(), (*self.encoded).clone());
        for (pair, tokens) in copies {
            splits[0].push(pair);
            encoded[0].push(tokens);
        }
        let added = Some(AddedRows { num_rows, num_added, num_unchanged, labels: Vec::new() });
        Self { splits: Rc::new(splits), encoded: Rc::new(encoded), added, ..self }
    }

    /// What the decoder reads of a target: each token in the place of the one that is predicted from it.
    fn shift_right(&self, target_ids: &[u32]) -> Vec<u32> {
        std::iter::once(self.decoder_start_token_id).chain(target_ids.iter().copied()).take(target_ids.len()).collect()
    }
}

impl TaskRows for PairRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    fn num_read(&self) -> [usize; 3] {
        let [train, valid, test] = self.num_rows();
        [self.added.as_ref().map_or(train, |added| added.num_rows), valid, test]
    }

    fn added(&self) -> Option<AddedRows> {
        self.added.clone()
    }

    /// Tokens of source and target together.
    fn lengths(&self, split: Split) -> Vec<usize> {
        let pairs = &self.encoded[index_of(split)];
        pairs.iter().map(|pair| pair.source_ids.len() + pair.target_ids.len()).collect()
    }

    fn batch(&self, split: Split, indices: &[usize], seed: Option<u64>) -> HostBatch {
        let all = &self.encoded[index_of(split)];
        let pairs: Vec<&EncodedPair> = indices.iter().map(|&index| &all[index]).collect();
        let shifted: Vec<Vec<u32>> = pairs.iter().map(|pair| self.shift_right(&pair.target_ids)).collect();
        let source = pad(pairs.iter().map(|pair| pair.source_ids.as_slice()), &self.source_padding);
        let target = pad(shifted.iter().map(Vec::as_slice), &self.target_padding);
        let (mut positions, mut ids) = (Vec::new(), Vec::new());
        for (row, pair) in pairs.iter().enumerate() {
            let start = row * target.seq;
            positions.extend((start..start + pair.target_ids.len()).map(|position| position as i32));
            ids.extend(pair.target_ids.iter().map(|&id| id as i32));
        }
        // A loss that is measured says how likely the targets are.
        let label_smoothing = if seed.is_some() { self.label_smoothing } else { 0.0 };
        HostBatch {
            num_tokens: source.num_tokens() + target.num_tokens(),
            inputs: HostInputs::TextToText { source, target },
            weight: ids.len() as f64,
            targets: HostTargets::Ids { positions, ids, label_smoothing },
            num_rows: indices.len(),
        }
    }

    fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        for pair in &self.encoded[0] {
            for ids in [&pair.source_ids, &pair.target_ids] {
                bytes.extend((ids.len() as u32).to_le_bytes());
                bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
            }
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.splits[index_of(split)].get(index).map_or(0, |pair| pair.row)
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(TokenMeasure::of_split(self, split, detail_of))
    }

    /// The first rows.
    fn prompts(&self, split: Split, count: usize) -> Vec<PromptRow> {
        let prompt = |pair: &TextPair| PromptRow {
            row: pair.row,
            prompt: with_prefix(&self.prefix, &pair.source).into_owned(),
            expected: pair.target.clone(),
            is_chat: false,
            is_text: false,
        };
        let num_read = self.num_read()[index_of(split)];
        self.splits[index_of(split)][..num_read].iter().take(count).map(prompt).collect()
    }
}

/// Rows of tokens, padded.
fn pad<'a>(rows: impl Iterator<Item = &'a [u32]>, padding: &Padding) -> HostText {
    let rows: Vec<TextRow<'a>> = rows.map(|input_ids| TextRow { input_ids, token_type_ids: &[] }).collect();
    HostText::pad(&rows, padding)
}

/// What an evaluation says besides its figures.
fn detail_of(num_tokens: u64, rows: Vec<RowPrediction>) -> (task::EvaluationDetail, RowPredictions) {
    let detail = task::EvaluationDetail::Seq2seqLm(Box::new(EvaluationDetail { num_tokens }));
    (detail, RowPredictions::Seq2seqLm(rows))
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::{model, tokenizer};
    use super::*;
    use crate::data::Outputs;
    use proptest::prelude::*;

    const START: u32 = 98;
    const PAD: u32 = 99;

    /// Rows to train on, of which each is its source and its target as tokens.
    fn rows(pairs: &[(&[u32], &[u32])], run: &RunConfig) -> PairRows {
        let text = |(index, _): (usize, _)| TextPair {
            row: index + 2,
            source: format!("source {index}"),
            target: format!("target {index}"),
        };
        let encoded = |&(source, target): &(&[u32], &[u32])| EncodedPair {
            source_ids: source.to_vec(),
            target_ids: target.to_vec(),
            num_source_untruncated: source.len(),
            num_target_untruncated: target.len(),
            is_lower_bound: false,
        };
        let texts: Vec<TextPair> = pairs.iter().enumerate().map(text).collect();
        let encoded: Vec<EncodedPair> = pairs.iter().map(encoded).collect();
        let tokenizer = tokenizer(true);
        let model = TaskModel { pad_token_id: PAD, decoder_start_token_id: Some(START), ..model(&tokenizer) };
        let splits = Rc::new([texts, Vec::new(), Vec::new()]);
        PairRows::new(splits, Rc::new([encoded, Vec::new(), Vec::new()]), "sum: ", &model, run)
    }

    fn run(pad_to_multiple_of: u32) -> RunConfig {
        RunConfig { label_smoothing_factor: 0.1, pad_to_multiple_of, ..RunConfig::default() }
    }

    #[test]
    fn the_decoder_reads_the_target_shifted_right() {
        let rows = rows(&[(&[5, 6, 7, 1], &[8, 9, 1]), (&[5, 1], &[1])], &run(1));
        assert_eq!((rows.num_rows(), rows.lengths(Split::Train)), ([2, 0, 0], vec![7, 3]));
        assert_eq!((rows.row_number(Split::Train, 1), rows.row_number(Split::Test, 0)), (3, 0));
        let batch = rows.batch(Split::Train, &[1, 0], Some(7));
        assert_eq!((batch.num_rows, batch.num_tokens, batch.weight), (2, 10, 4.0));
        let HostInputs::TextToText { source, target } = &batch.inputs else { panic!("two texts") };
        assert_eq!((source.batch, source.seq, target.batch, target.seq), (2, 4, 2, 3));
        assert_eq!(source.input_ids, [5, 1, 99, 99, 5, 6, 7, 1]);
        assert_eq!(target.input_ids, [98, 99, 99, 98, 8, 9]);
        assert_eq!(target.attention_mask, [1, 0, 0, 1, 1, 1]);
        let (positions, ids) = (vec![0, 3, 4, 5], vec![1, 8, 9, 1]);
        assert_eq!(batch.targets, HostTargets::Ids { positions, ids, label_smoothing: 0.1 });
        let HostTargets::Ids { label_smoothing, .. } = rows.batch(Split::Train, &[0], None).targets else {
            panic!("tokens are predicted")
        };
        assert_eq!(label_smoothing, 0.0, "what is measured is not smoothed");
    }

    #[test]
    fn both_texts_are_part_of_the_fingerprint() {
        let one = rows(&[(&[5, 6], &[7])], &run(1)).fingerprint();
        let bytes: Vec<u8> = [2_u32, 5, 6, 1, 7].into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(one, sha256_hex(&bytes));
        assert_ne!(rows(&[(&[5], &[6, 7])], &run(1)).fingerprint(), one);
    }

    #[test]
    fn prompts_are_the_first_rows_behind_their_prefix() {
        let rows = rows(&[(&[5], &[6]), (&[5], &[6])], &run(1));
        let found = rows.prompts(Split::Train, 1);
        let (prompt, expected) = ("sum: source 0".to_owned(), "target 0".to_owned());
        assert_eq!(found, [PromptRow { row: 2, prompt, expected, is_chat: false, is_text: false }]);
        assert!(rows.prompts(Split::Valid, 1).is_empty());
    }

    #[test]
    fn sums_make_figures_of_tokens() {
        let rows = rows(&[(&[5], &[6, 7, 1])], &run(1));
        let batch = rows.batch(Split::Train, &[0], None);
        let mut measure = rows.measure(Split::Train);
        let outputs = Outputs::Tokens { losses: vec![1.0, 2.0, 3.0], are_right: vec![true, true, false] };
        measure.add(&[0], &batch, &outputs).expect("finite");
        let (evaluation, predictions) = measure.finish();
        let task::EvaluationDetail::Seq2seqLm(detail) = &evaluation.detail else { panic!("of another task") };
        assert_eq!((evaluation.figure("loss"), detail.num_tokens, evaluation.num_rows), (Some(2.0), 3, 1));
        let row = RowPrediction { row: 2, loss_sum: 6.0, num_correct: 2, num_tokens: 3 };
        assert_eq!(predictions, RowPredictions::Seq2seqLm(vec![row]));
        let names: Vec<&str> = evaluation.figures.iter().map(|figure| &*figure.name).collect();
        assert_eq!(names, SPEC.figure_names());
    }

    proptest! {
        #[test]
        fn every_token_of_a_target_is_predicted_from_the_one_before_it(
            lengths in prop::collection::vec((1_usize..30, 1_usize..30), 1..8),
            multiple_of in 1_u32..12,
        ) {
            let ids: Vec<(Vec<u32>, Vec<u32>)> = lengths
                .iter()
                .map(|&(source, target)| ((0..source as u32).collect(), (0..target as u32).collect()))
                .collect();
            let pairs: Vec<(&[u32], &[u32])> = ids.iter().map(|(a, b)| (a.as_slice(), b.as_slice())).collect();
            let rows = rows(&pairs, &run(multiple_of));
            let indices: Vec<usize> = (0..pairs.len()).collect();
            let batch = rows.batch(Split::Train, &indices, None);
            let HostInputs::TextToText { source, target } = &batch.inputs else { panic!("two texts") };
            let HostTargets::Ids { positions, ids, .. } = &batch.targets else { panic!("tokens are predicted") };
            prop_assert_eq!((source.batch, target.batch), (pairs.len(), pairs.len()));
            prop_assert_eq!(rows.lengths(Split::Train).iter().sum::<usize>(), batch.num_tokens);
            prop_assert_eq!(positions.len(), target.num_tokens());
            prop_assert_eq!(batch.weight, ids.len() as f64);
            for (&position, &id) in positions.iter().zip(ids) {
                let position = position as usize;
                prop_assert_eq!(target.attention_mask[position], 1);
                let expected = if position.is_multiple_of(target.seq) { START as i32 } else { id - 1 };
                prop_assert_eq!(target.input_ids[position], expected);
            }
        }
    }
}
