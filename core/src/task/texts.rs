//! Rows that are a text, or a pair of texts, with a label of any kind (an id, several, numbers): what the rooms of such
//! rows share.
//!
//! In: rows as they were read ([`TextData`]). Out: their tokens made part by part, what a report says of their lengths,
//! rows for a run ([`PreparedTexts`]), and answers to inputs that a person gives ([`text_predictor`]).

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::augmented::{AddedTexts, augment_texts, texts_of};
use super::model_copies::{add_made, warn_of_unused_copies};
pub(super) use super::prepared_texts::PreparedTexts;
use super::row_predictor::RowPredictor;
use super::{
    DataReport, EncodedSplits, PredictRequest, Prediction, ReportDetail, RowPlaces, TaskError, TaskInput, TaskModel,
    data_report, warn_of_long_texts,
};
use crate::config::{Job, ReadOptions, RunConfig};
use crate::data::findings::FindingRow;
use crate::data::{
    Augmented, BadCell, HostInputs, HostText, Outputs, Padding, ReadSummary, Row, Split, TextRow, UsedColumn,
    take_filled,
};
use crate::tokenizer::{EncodedText, Tokenizer, TokenizerError};

/// A text, or a pair of texts, with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabeledText<L> {
    /// Row number in its file.
    pub row: usize,
    /// The text, or the two, as they stand in the file.
    pub input: TaskInput,
    /// Its label.
    pub label: L,
}

/// A text, or a pair of texts, as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodedTexts {
    /// Token ids, special tokens included.
    pub(super) input_ids: Vec<u32>,
    /// Segment of each token; as long as `input_ids`.
    pub(super) token_type_ids: Vec<u32>,
    /// Tokens it would have had without truncation, special tokens included; at least so many where
    /// `is_lower_bound` says so.
    pub(super) num_tokens_untruncated: usize,
    /// Only a part of a text was tokenised, because it is far longer than what is kept of it.
    pub(super) is_lower_bound: bool,
}

impl EncodedTexts {
    /// Tokenises an input to at most `max_seq_length` tokens; of a pair the longer text is cut first.
    ///
    /// # Errors
    /// When `max_seq_length` has no room for the special tokens, or the tokenizer fails on the text.
    pub(super) fn encode(
        tokenizer: &Tokenizer,
        input: &TaskInput,
        max_seq_length: usize,
    ) -> Result<Self, TokenizerError> {
        let encoded = match &input.second {
            Some(second) => tokenizer.encode_pair(&input.text, second, max_seq_length)?,
            None => tokenizer.encode(&input.text, max_seq_length)?,
        };
        Ok(encoded.into())
    }
}

impl From<EncodedText> for EncodedTexts {
    fn from(encoded: EncodedText) -> Self {
        Self {
            input_ids: encoded.ids,
            token_type_ids: encoded.type_ids,
            num_tokens_untruncated: encoded.num_tokens_untruncated,
            is_lower_bound: encoded.is_lower_bound,
        }
    }
}

/// Pads rows.
pub(super) fn pad_texts<'a>(rows: impl IntoIterator<Item = &'a EncodedTexts>, padding: &Padding) -> HostText {
    let row = |row: &'a EncodedTexts| TextRow { input_ids: &row.input_ids, token_type_ids: &row.token_type_ids };
    HostText::pad(&rows.into_iter().map(row).collect::<Vec<_>>(), padding)
}

/// Takes the text, or the two, out of a row: the columns of the roles `text` and `second text`.
///
/// # Errors
/// When one is empty; the reason names it.
pub(super) fn take_texts(row: &mut Row, used: &[UsedColumn], columns: &[String]) -> Result<TaskInput, BadCell> {
    let find = |role: &str| used.iter().copied().find(|used| used.role == role);
    let text = take_filled(row, find("text").expect("a column of texts is always chosen"), columns)?;
    let second = find("second text").map(|used| take_filled(row, used, columns)).transpose()?;
    Ok(TaskInput { text, second, image: None })
}

/// How a card asks with texts like those of the training: an argument of a pipeline of `transformers`, and flags of
/// `hone predict`.
pub(super) fn card_arguments(job: &Job) -> (String, String) {
    let (text, second) = (r#""your text here""#, r#""and its second text""#);
    match job.read.text_pair_column {
        Some(_) => {
            (format!(r#"{{"text": {text}, "text_pair": {second}}}"#), format!("--text {text} --text-pair {second}"))
        }
        None => (text.to_owned(), format!("--text {text}")),
    }
}

/// Numbers of each output row.
pub(super) fn output_rows(outputs: &Outputs) -> std::slice::Chunks<'_, f32> {
    match outputs {
        Outputs::Rows { values, width } => values.chunks((*width).max(1)),
        Outputs::Tokens { .. } => <[f32]>::chunks(&[], 1),
    }
}

/// Where a split stands among the three.
pub(super) fn index_of(split: Split) -> usize {
    match split {
        Split::Train => 0,
        Split::Valid => 1,
        Split::Test => 2,
    }
}

/// Rows as they were read, and their tokens as far as they were made.
#[derive(Debug)]
pub(super) struct TextData<L> {
    /// Rows of training, validation and test; shared with the runs that train on them.
    pub(super) splits: Rc<[Vec<LabeledText<L>>; 3]>,
    /// What reading had to say.
    pub(super) summary: ReadSummary,
    /// The options that read the rows.
    read: ReadOptions,
    tokens: EncodedSplits<EncodedTexts>,
    /// Tokens that an earlier reading made of the same texts, for the limit of `tokens`.
    known: [Vec<Option<EncodedTexts>>; 3],
    /// What augmentation made last, or as far as it is: a run is planned before it is started, and both need it.
    added: RefCell<Option<AddedTexts<L>>>,
}

impl<L: Clone> TextData<L> {
    pub(super) fn new(splits: [Vec<LabeledText<L>>; 3], summary: ReadSummary, read: &ReadOptions) -> Self {
        let (splits, read, tokens) = (Rc::new(splits), read.clone(), EncodedSplits::new(0));
        Self { splits, summary, read, tokens, known: Default::default(), added: RefCell::default() }
    }

    /// Rows of each split.
    pub(super) fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    /// The options that read the rows, with the columns of the texts filled in.
    pub(super) fn read_options(&self) -> ReadOptions {
        let column = |role: &str| Some(self.summary.column_of(role).to_owned()).filter(|name| !name.is_empty());
        ReadOptions { text_column: column("text"), text_pair_column: column("second text"), ..self.read.clone() }
    }

    /// All texts.
    pub(super) fn sample_texts(&self) -> Vec<&str> {
        let inputs = self.splits.iter().flatten().map(|row| &row.input);
        inputs.flat_map(|input| [Some(input.text.as_str()), input.second.as_deref()]).flatten().collect()
    }

    /// The number of each row, with its tokens as far as they were made.
    pub(super) fn places(&self) -> RowPlaces {
        let tokens = self.tokens.splits();
        let place = |split: usize| {
            let tokens_of = |index: usize| tokens[split].get(index).map(|tokens| tokens.num_tokens_untruncated);
            self.splits[split].iter().enumerate().map(|(index, row)| (row.row, tokens_of(index))).collect()
        };
        [place(0), place(1), place(2)]
    }

    /// A row as findings are sought in it, with its labels by name.
    pub(super) fn finding_row<'a>(
        &'a self,
        split: usize,
        index: usize,
        labels: impl FnOnce(&'a L) -> Vec<Cow<'a, str>>,
    ) -> FindingRow<'a> {
        let LabeledText { row, input, label } = &self.splits[split][index];
        let texts = [Some(input.text.as_str()), input.second.as_deref()].into_iter().flatten().collect();
        let num_tokens = self.tokens.splits()[split].get(index).map(|tokens| tokens.num_tokens_untruncated);
        FindingRow { row: *row, texts, target: None, labels: labels(label), num_tokens }
    }

    /// Takes over the tokens of texts that `before` has too, where they were cut at `limit`.
    pub(super) fn adopt_tokens<M>(&mut self, before: &TextData<M>, limit: usize) {
        if before.tokens.limit() != limit {
            return;
        }
        let known: HashMap<(&str, Option<&str>), &EncodedTexts> = before
            .splits
            .iter()
            .zip(before.tokens.splits())
            .flat_map(|(rows, tokens)| rows.iter().zip(tokens))
            .map(|(row, tokens)| (key_of(&row.input), tokens))
            .collect();
        let find = |row: &LabeledText<L>| known.get(&key_of(&row.input)).map(|&tokens| tokens.clone());
        self.known = self.splits.each_ref().map(|rows| rows.iter().map(find).collect());
        self.tokens = EncodedSplits::new(limit);
    }

    /// Tokenises some tens of kilobytes; `false` once nothing is left.
    ///
    /// # Errors
    /// When the tokenizer fails on a row.
    pub(super) fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        let (limit, sizes) = (model.limit(run), self.num_rows());
        if self.tokens.limit() != limit {
            self.tokens = EncodedSplits::new(limit);
            self.known = Default::default();
        }
        let Self { splits, tokens, known, .. } = self;
        tokens.advance(sizes, |split, index| {
            let LabeledText { row, input, .. } = &splits[split][index];
            match known[split].get_mut(index).and_then(Option::take) {
                Some(known) => Ok((known, 0)),
                None => {
                    let num_bytes = input.text.len() + input.second.as_ref().map_or(0, String::len);
                    let encoded = EncodedTexts::encode(model.tokenizer(), input, limit);
                    Ok((encoded.map_err(|source| TaskError::of_row(*row, source))?, num_bytes))
                }
            }
        })
    }

    /// Rows that were tokenised, and rows in all.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.tokens.progress(), self.num_rows().iter().sum())
    }

    /// What is in the rows; lengths only where they were tokenised.
    pub(super) fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig, detail: ReportDetail) -> DataReport {
        let limit = model.map_or(run.max_seq_length as usize, |model| model.limit(run));
        let rows = self.splits.each_ref().map(|rows| rows.iter().map(|row| row.row).collect());
        let is_encoded = model.is_some() && self.has_tokens(limit);
        let tokens = || self.tokens.iter().filter(move |_| is_encoded);
        let lengths: Vec<usize> = tokens().map(|row| row.num_tokens_untruncated).collect();
        let mut report = data_report(&self.summary, &rows, &lengths, limit, detail);
        report.warnings.extend(warn_of_long_texts(tokens().filter(|row| row.is_lower_bound).count()));
        let rows = self.splits[0].iter().enumerate().map(|(index, row)| (index, row.row, texts_of(&row.input)));
        let none = Augmented { num_rows: self.splits[0].len(), ..Augmented::default() };
        report.warnings.extend(warn_of_unused_copies(&self.read.copies, &add_made(none, &self.read.copies, rows)));
        report
    }

    /// The rows with their tokens: those that were made, where they were cut at the same length; else rows are tokenised
    /// now.
    ///
    /// # Errors
    /// When the tokenizer fails on a row.
    pub(super) fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<PreparedTexts<L>, TaskError> {
        let limit = model.limit(run);
        let tokens = if self.has_tokens(limit) {
            self.tokens.share()
        } else {
            let encode_row = |row: &LabeledText<L>| {
                let encoded = EncodedTexts::encode(model.tokenizer(), &row.input, limit);
                encoded.map_err(|source| TaskError::of_row(row.row, source))
            };
            let encode = |rows: &Vec<LabeledText<L>>| -> Result<Vec<EncodedTexts>, TaskError> {
                rows.iter().map(encode_row).collect()
            };
            let [train, valid, test] = self.splits.each_ref().map(encode);
            Rc::new([train?, valid?, test?])
        };
        Ok(PreparedTexts::new(Rc::clone(&self.splits), tokens, model.padding(run)))
    }

    /// As [`Self::prepare`], with changed copies behind the rows to train on, where the run asks for them.
    ///
    /// # Errors
    /// When the tokenizer fails on a row, or on a copy.
    pub(super) fn prepare_to_train(
        &self,
        model: &TaskModel<'_>,
        run: &RunConfig,
    ) -> Result<PreparedTexts<L>, TaskError> {
        let prepared = self.prepare(model, run)?;
        let known = self.known_copies(model, run);
        if !self.is_augmented(run) {
            return Ok(prepared);
        }
        let begin = || AddedTexts::begin(&prepared.splits, &prepared.tokens, model.limit(run), run);
        let mut added = known.unwrap_or_else(begin);
        while added.advance(model.tokenizer(), (run, &self.read.copies))? {}
        let prepared = prepared.with_added(&added);
        *self.added.borrow_mut() = Some(added);
        Ok(prepared)
    }

    /// Makes some of the copies that [`Self::prepare_to_train`] adds: rows done, and rows in all; `None` once nothing is left.
    ///
    /// # Errors
    /// As [`Self::prepare_to_train`].
    pub(super) fn prepare_part(
        &self,
        model: &TaskModel<'_>,
        run: &RunConfig,
    ) -> Result<Option<(usize, usize)>, TaskError> {
        let known = self.known_copies(model, run);
        if !self.is_augmented(run) {
            return Ok(None);
        }
        let mut added = match known {
            Some(known) => known,
            None => {
                let prepared = self.prepare(model, run)?;
                AddedTexts::begin(&prepared.splits, &prepared.tokens, model.limit(run), run)
            }
        };
        let goes_on = added.advance(model.tokenizer(), (run, &self.read.copies))?;
        let progress = added.progress();
        *self.added.borrow_mut() = Some(added);
        Ok(goes_on.then_some(progress))
    }

    /// Takes out what was made for these settings; what was made for others makes room.
    fn known_copies(&self, model: &TaskModel<'_>, run: &RunConfig) -> Option<AddedTexts<L>> {
        self.added.take().filter(|added| added.are_of(run, model.limit(run)))
    }

    /// Whether a run trains on copies, too.
    pub(super) fn is_augmented(&self, run: &RunConfig) -> bool {
        !run.augmentation.is_none() || !self.read.copies.is_empty()
    }

    /// What augmentation would add to the rows to train on, or to `max_rows` of them.
    pub(super) fn augment(&self, run: &RunConfig, max_rows: usize) -> Augmented {
        augment_texts(&self.splits[0], run, &self.read.copies, max_rows)
    }

    fn has_tokens(&self, limit: usize) -> bool {
        self.tokens.limit() == limit && self.tokens.is_done(self.num_rows())
    }
}

fn key_of(input: &TaskInput) -> (&str, Option<&str>) {
    (&input.text, input.second.as_deref())
}

/// Prepares to answer texts and pairs of texts from one row of outputs each: tokenises the inputs. Batches have at most
/// `batch_size` of them.
///
/// # Errors
/// When the tokenizer fails on an input.
pub(super) fn text_predictor(
    request: &PredictRequest<'_>,
    batch_size: usize,
    answer: impl Fn(&[f32]) -> Option<Prediction> + 'static,
) -> Result<RowPredictor, TaskError> {
    let limit = request.model.limit(request.run);
    let encode = |(index, input): (usize, &TaskInput)| {
        let encoded = EncodedTexts::encode(request.model.tokenizer(), input, limit);
        encoded.map_err(|source| TaskError::of_input(index, source))
    };
    let encoded = request.inputs.iter().enumerate().map(encode).collect::<Result<Vec<_>, _>>()?;
    let cut = (0..encoded.len()).filter(|&index| encoded[index].num_tokens_untruncated > limit).collect();
    let (padding, size) = (request.model.padding(request.run), [encoded.len(), batch_size]);
    let inputs = move |range: Range<usize>| {
        let text = pad_texts(&encoded[range], &padding);
        let num_tokens = text.num_tokens();
        (HostInputs::Text(text), num_tokens)
    };
    Ok(RowPredictor::new(size, inputs, answer).with_cut(cut))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::task::Predictor;
    use crate::task::Reads;

    /// A tokenizer of a few words.
    pub(in crate::task) fn tokenizer() -> Tokenizer {
        let mut folder = Folder::new();
        folder.insert("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\nworld\n");
        Tokenizer::from_folder(&folder, None).expect("a good vocabulary")
    }

    /// A model of 512 tokens.
    pub(in crate::task) fn model(tokenizer: &Tokenizer) -> TaskModel<'_> {
        TaskModel::to_test(Reads::Texts(tokenizer), 512)
    }

    fn data(texts: &[(&str, Option<&str>)]) -> TextData<usize> {
        let row = |(index, &(text, second)): (usize, &(&str, Option<&str>))| LabeledText {
            row: index + 2,
            input: TaskInput { text: text.into(), second: second.map(str::to_owned), image: None },
            label: 0,
        };
        let rows = texts.iter().enumerate().map(row).collect();
        TextData::new([rows, Vec::new(), Vec::new()], ReadSummary::default(), &ReadOptions::default())
    }

    fn run(max_seq_length: u32) -> RunConfig {
        RunConfig { max_seq_length, pad_to_multiple_of: 1, ..RunConfig::default() }
    }

    #[test]
    fn rows_keep_their_order_and_full_length() {
        let encode = |text: &str, second: Option<&str>, max| {
            let input = TaskInput { text: text.into(), second: second.map(str::to_owned), image: None };
            EncodedTexts::encode(&tokenizer(), &input, max).expect("room enough")
        };
        let found = encode("hello world hello", None, 4);
        assert_eq!((found.input_ids, found.num_tokens_untruncated), (vec![2, 4, 5, 3], 5));
        let found = encode("hello", Some("world"), 8);
        assert_eq!((found.input_ids, found.token_type_ids), (vec![2, 4, 3, 5, 3], vec![0, 0, 0, 1, 1]));
    }

    #[test]
    fn tokens_are_taken_over_by_their_texts_and_only_for_the_same_length() {
        let tokenizer = tokenizer();
        let model = model(&tokenizer);
        let mut before = data(&[("hello", None), ("hello", Some("world"))]);
        while before.encode_part(&model, &run(8)).expect("room enough") {}
        assert_eq!(before.progress(), (2, 2));
        let mut after = data(&[("hello", Some("world")), ("world", None), ("hello", None)]);
        after.adopt_tokens(&before, 9);
        assert!(after.known[0].is_empty(), "they were cut at another length");
        after.adopt_tokens(&before, 8);
        let is_known: Vec<bool> = after.known[0].iter().map(Option::is_some).collect();
        assert_eq!(is_known, [true, false, true]);
        while after.encode_part(&model, &run(8)).expect("room enough") {}
        let made = after.prepare(&model, &run(8)).expect("all are made");
        let fresh = data(&[("hello", Some("world")), ("world", None), ("hello", None)]);
        let fresh = fresh.prepare(&model, &run(8)).expect("room enough");
        assert_eq!((&made.tokens, made.lengths(Split::Train)), (&fresh.tokens, vec![5, 3, 3]));
        assert!(Rc::ptr_eq(&made.splits, &after.splits) && Rc::ptr_eq(&made.tokens, &after.tokens.share()));
        let cut = after.prepare(&model, &run(4)).expect("room enough");
        assert_eq!(cut.lengths(Split::Train), [4, 3, 3], "they are made anew for another length");
    }

    #[test]
    fn pairs_are_part_of_the_fingerprint_and_single_texts_have_that_of_before() {
        let tokenizer = tokenizer();
        let prepare = |texts: &[(&str, Option<&str>)]| data(texts).prepare(&model(&tokenizer), &run(8)).expect("room");
        let label = |&label: &usize| (label as u32).to_le_bytes().to_vec();
        let single = prepare(&[("hello", None)]).fingerprint(label);
        let bytes: Vec<u8> = [0_u32, 3, 2, 4, 3].into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(single, crate::hub::sha256_hex(&bytes));
        assert_ne!(prepare(&[("hello", Some("hello"))]).fingerprint(label), single);
    }

    #[test]
    fn inputs_are_answered_in_their_order_and_cut_ones_are_named() {
        let tokenizer = tokenizer();
        let input = |text: &str| TaskInput { text: text.into(), second: None, image: None };
        let inputs = [input("hello"), input("hello world hello world"), input("world")];
        let request = PredictRequest { inputs: &inputs, labels: &[], model: model(&tokenizer), run: &run(5) };
        let mut predictor = text_predictor(&request, 2, |_| None).expect("room enough");
        assert_eq!(predictor.cut_inputs(), [1]);
        let batch = predictor.next_batch().expect("two inputs");
        let text = batch.inputs.text();
        assert_eq!((text.batch, text.seq, batch.num_tokens), (2, 5, 8));
        assert_eq!(predictor.next_batch().map(|batch| batch.num_rows), Some(1));
        assert!(predictor.next_batch().is_none());
        assert_eq!(predictor.add(&Outputs::Rows { values: vec![f32::NAN; 2], width: 2 }), Err(0));
    }
}
