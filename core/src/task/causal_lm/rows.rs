//! Texts as a run trains on them and is measured on them: tokens, shared out over rows.

use std::rc::Rc;

use super::batch::make_batch;
use super::encode::Encoded;
use super::examples::{Dataset, Example};
use super::pack::{one_a_row, pack};
use super::{EvaluationDetail, RowPrediction};
use crate::data::{HostBatch, Padding, Split};
use crate::hub::sha256_hex;
use crate::task::token_measure::TokenMeasure;
use crate::task::{self, Measure, PromptRow, RowPredictions, Task, TaskRows};

/// Characters of a text without a prompt of its own that are taken for one.
const PROMPT_CHARS: usize = 48;

/// The tokens of a split, shared out over rows.
#[derive(Debug, Default)]
pub(super) struct SplitRows {
    /// Texts as tokens; a long one may give several.
    encoded: Vec<Encoded>,
    /// Indices into `encoded` of what stands in each row: one, or several with packing.
    rows: Vec<Vec<usize>>,
}

impl SplitRows {
    /// Shares texts out over rows of at most `max_length` tokens: one a row, or packed. Texts in which nothing is left to
    /// learn are left out.
    pub(super) fn new(encoded: Vec<Encoded>, packing: bool, max_length: usize) -> Self {
        let encoded: Vec<Encoded> = encoded.into_iter().filter(|text| !text.lost_completion).collect();
        let lengths: Vec<usize> = encoded.iter().map(Encoded::num_tokens).collect();
        let rows = if packing { pack(&lengths, max_length) } else { one_a_row(encoded.len()) };
        Self { encoded, rows }
    }

    /// Leaves no more than the first `count` rows.
    pub(super) fn truncate(&mut self, count: usize) {
        self.rows.truncate(count);
    }

    fn texts(&self, row: usize) -> impl Iterator<Item = &Encoded> {
        self.rows[row].iter().map(|&text| &self.encoded[text])
    }
}

/// Texts of three splits, ready to be trained on.
#[derive(Debug)]
pub(super) struct Rows {
    dataset: Rc<Dataset>,
    splits: [SplitRows; 3],
    padding: Padding,
}

impl Rows {
    /// `splits` are the tokens of training, validation and test.
    pub(super) fn new(dataset: Rc<Dataset>, splits: [SplitRows; 3], padding: Padding) -> Self {
        Self { dataset, splits, padding }
    }

    fn split(&self, split: Split) -> &SplitRows {
        let [train, valid, test] = &self.splits;
        match split {
            Split::Train => train,
            Split::Valid => valid,
            Split::Test => test,
        }
    }
}

impl TaskRows for Rows {
    fn task(&self) -> Task {
        Task::CausalLm
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        [Split::Train, Split::Valid, Split::Test].map(|split| self.split(split).rows.len())
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        let rows = self.split(split);
        (0..rows.rows.len()).map(|row| rows.texts(row).map(Encoded::num_tokens).sum()).collect()
    }

    fn batch(&self, split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let rows = self.split(split);
        let rows: Vec<Vec<&Encoded>> = indices.iter().map(|&row| rows.texts(row).collect()).collect();
        make_batch(&rows, &self.padding)
    }

    fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        for text in &self.split(Split::Train).encoded {
            bytes.extend((text.input_ids.len() as u32).to_le_bytes());
            bytes.extend(text.input_ids.iter().flat_map(|id| id.to_le_bytes()));
            bytes.extend(text.loss_mask.iter().map(|&has_loss| u8::from(has_loss)));
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        let text = self.split(split).texts(index).next();
        let example = text.and_then(|text| self.dataset.split(split).get(text.example));
        example.map_or(0, |example| example.row)
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(TokenMeasure::of_split(self, split, detail_of))
    }

    /// The first examples with a prompt; where none has one, the beginnings of the first texts.
    fn prompts(&self, split: Split, count: usize) -> Vec<PromptRow> {
        let examples = self.dataset.split(split);
        let with_prompt: Vec<PromptRow> =
            examples.iter().filter(|example| !example.is_text()).take(count).map(prompt_of).collect();
        if with_prompt.is_empty() { examples.iter().take(count).map(prompt_of).collect() } else { with_prompt }
    }
}

fn prompt_of(example: &Example) -> PromptRow {
    let (row, is_chat, is_text) = (example.row, example.is_chat(), example.is_text());
    if !is_text {
        return PromptRow {
            row,
            prompt: example.prompt(),
            expected: example.completion().to_owned(),
            is_chat,
            is_text,
        };
    }
    let mut text = example.pieces.iter().flat_map(|piece| piece.text.chars());
    let prompt = text.by_ref().take(PROMPT_CHARS).collect();
    PromptRow { row, prompt, expected: text.take(2 * PROMPT_CHARS).collect(), is_chat, is_text }
}

/// What an evaluation says besides its figures.
fn detail_of(num_tokens: u64, rows: Vec<RowPrediction>) -> (task::EvaluationDetail, RowPredictions) {
    let detail = task::EvaluationDetail::CausalLm(Box::new(EvaluationDetail { num_tokens }));
    (detail, RowPredictions::CausalLm(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DataShape;
    use crate::data::{HostTargets, Outputs, PositionIds};
    use crate::tokenizer::{Piece, Role, Turn};

    fn encoded(input_ids: Vec<u32>, example: usize, lost_completion: bool) -> Encoded {
        let loss_mask = vec![!lost_completion; input_ids.len()];
        let num_tokens_untruncated = input_ids.len();
        Encoded { input_ids, loss_mask, example, num_tokens_untruncated, prompt_was_cut: false, lost_completion }
    }

    fn example(row: usize, pieces: &[(&str, bool)]) -> Example {
        let piece = |&(text, has_loss): &(&str, bool)| Piece { text: text.into(), has_loss };
        Example { row, pieces: pieces.iter().map(piece).collect(), turns: Vec::new() }
    }

    fn dataset(train: Vec<Example>, valid: Vec<Example>) -> Rc<Dataset> {
        Rc::new(Dataset { shape: DataShape::PromptCompletion, train, valid, test: Vec::new() })
    }

    fn rows(packing: bool) -> Rows {
        let examples = (0..3).map(|index| example(2 + index, &[("a", false), ("b", true)])).collect();
        let texts = vec![encoded(vec![1, 2, 3], 0, false), encoded(vec![4, 5], 1, true), encoded(vec![6, 7], 2, false)];
        let padding = Padding { pad_token_id: 0, multiple_of: 4, max_length: 8, positions: PositionIds::FromZero };
        let splits = [SplitRows::new(texts, packing, 8), SplitRows::default(), SplitRows::default()];
        Rows::new(dataset(examples, Vec::new()), splits, padding)
    }

    #[test]
    fn a_text_with_nothing_to_learn_is_left_out_and_the_others_keep_their_numbers() {
        let rows = rows(false);
        assert_eq!((rows.num_rows(), rows.lengths(Split::Train)), ([2, 0, 0], vec![3, 2]));
        assert_eq!([0, 1].map(|index| rows.row_number(Split::Train, index)), [2, 4]);
        let batch = rows.batch(Split::Train, &[1, 0], Some(7));
        let text = batch.inputs.text();
        assert_eq!((text.input_ids.as_slice(), &text.segment_ids), (&[6, 7, 0, 0, 1, 2, 3, 0][..], &None));
        assert_eq!((batch.num_rows, batch.num_tokens, batch.weight), (2, 5, 3.0));
        assert_eq!(
            batch.targets,
            HostTargets::Ids { positions: vec![0, 4, 5], ids: vec![7, 2, 3], label_smoothing: 0.0 }
        );
    }

    #[test]
    fn packed_rows_train_on_the_same_tokens() {
        let (rows, packed) = (rows(false), rows(true));
        assert_eq!((packed.num_rows(), packed.lengths(Split::Train)), ([1, 0, 0], vec![5]));
        let batch = packed.batch(Split::Train, &[0], None);
        let text = batch.inputs.text();
        assert_eq!(text.segment_ids, Some(vec![0, 0, 0, 1, 1, -1, -1, -1]));
        assert_eq!(rows.fingerprint(), packed.fingerprint());
        // Length, ids, and a byte for each token that says whether it is learned.
        let mut bytes = Vec::new();
        for number in [3_u32, 1, 2, 3] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([1, 1, 1]);
        for number in [2_u32, 6, 7] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([1, 1]);
        assert_eq!(rows.fingerprint(), sha256_hex(&bytes));
    }

    #[test]
    fn sums_make_figures_and_one_that_is_no_number_is_named() {
        let rows = rows(false);
        let batch = rows.batch(Split::Train, &[0, 1], None);
        let mut measure = rows.measure(Split::Train);
        let tokens = |losses: &[f32]| Outputs::Tokens {
            losses: losses.to_vec(),
            are_right: losses.iter().map(|&loss| loss < 3.0).collect(),
        };
        let infinite = rows.measure(Split::Train).add(&[0, 1], &batch, &tokens(&[1.0, 1.0, f32::INFINITY]));
        assert_eq!(infinite, Err(1));
        measure.add(&[0, 1], &batch, &tokens(&[1.0, 2.0, 3.0])).expect("finite");
        let last = rows.batch(Split::Train, &[1], None);
        measure.add(&[1], &last, &tokens(&[2.0])).expect("finite");
        let (evaluation, predictions) = measure.finish();
        assert_eq!((evaluation.figure("loss"), evaluation.figure("token_accuracy")), (Some(2.0), Some(0.75)));
        assert_eq!(evaluation.figure("perplexity"), Some(2_f64.exp()));
        let task::EvaluationDetail::CausalLm(detail) = &evaluation.detail else { panic!("of a language model") };
        assert_eq!((evaluation.num_rows, detail.num_tokens), (3, 4));
        let of_first = RowPrediction { row: 2, loss_sum: 3.0, num_correct: 2, num_tokens: 2 };
        let of_third = RowPrediction { row: 4, loss_sum: 5.0, num_correct: 1, num_tokens: 2 };
        assert_eq!(predictions, RowPredictions::CausalLm(vec![of_first, of_third]));
        let names: Vec<&str> = evaluation.figures.iter().map(|figure| &*figure.name).collect();
        assert_eq!(names, crate::task::causal_lm::SPEC.figures.iter().map(|figure| figure.name).collect::<Vec<_>>());
    }

    #[test]
    fn prompts_come_from_rows_that_have_one_and_else_from_the_beginnings_of_texts() {
        let mut chat = example(4, &[("<user>", false), ("c", true), ("<user>", false), ("d", true)]);
        chat.turns = vec![Turn::new(Role::User, "c")];
        let long = "é".repeat(200);
        let text = example(2, &[(long.as_str(), true)]);
        let pair = example(3, &[("a", false), ("b", true)]);
        let data = |valid: Vec<Example>| Rows { dataset: dataset(Vec::new(), valid), ..rows(false) };
        let found = data(vec![text.clone(), pair, chat]).prompts(Split::Valid, 2);
        assert_eq!(
            found.iter().map(|prompt| (prompt.row, prompt.is_chat)).collect::<Vec<_>>(),
            [(3, false), (4, true)]
        );
        assert_eq!((found[1].prompt.as_str(), found[1].expected.as_str()), ("<user>c<user>", "d"));
        let found = data(vec![text]).prompts(Split::Valid, 2);
        assert_eq!((found[0].prompt.as_str(), found[0].is_text), ("é".repeat(48).as_str(), true));
        assert_eq!(found[0].expected, "é".repeat(96));
        assert!(data(Vec::new()).prompts(Split::Valid, 2).is_empty());
    }
}
