//! Sentences as a run trains on them and is measured on them: one row a window, with a target for each token that is
//! scored.

use std::rc::Rc;

use super::SPEC;
use super::encode::{EncodedSentence, WindowSize};
use super::measure::EntityMeasure;
use super::sentence::{Dataset, Sentence};
use crate::config::RunConfig;
use crate::data::{HostBatch, HostInputs, HostText, Padding, Split, TextRow};
use crate::hub::sha256_hex;
use crate::task::targets::ClassTargets;
use crate::task::texts::index_of;
use crate::task::{Measure, Task, TaskModel, TaskRows};
use crate::tokenizer::TokenizerError;

/// Sentences with their tokens.
#[derive(Debug)]
pub(super) struct TaggedRows(Rc<Content>);

#[derive(Debug)]
pub(super) struct Content {
    pub(super) dataset: Rc<Dataset>,
    splits: [Vec<WindowRow>; 3],
    padding: Padding,
    targets: ClassTargets,
}

/// A window of a sentence as the model reads it.
#[derive(Debug)]
pub(super) struct WindowRow {
    /// Index of the sentence in its split.
    pub(super) sentence: usize,
    /// Token ids, special tokens included.
    input_ids: Vec<u32>,
    /// Segment of each token.
    token_type_ids: Vec<u32>,
    /// Tokens that are scored: where they stand in the window, and the tag that is right.
    pub(super) scored: Vec<(u32, u32)>,
    /// Words that are judged, and where the token stands by which each is.
    pub(super) judged: Vec<(u32, u32)>,
}

impl TaggedRows {
    /// Cuts encoded sentences into windows.
    ///
    /// # Errors
    /// When a window has no room for tokens.
    pub(super) fn new(
        dataset: Rc<Dataset>,
        encoded: &[Vec<EncodedSentence>; 3],
        model: &TaskModel<'_>,
        run: &RunConfig,
    ) -> Result<Self, TokenizerError> {
        let size = WindowSize::of(model, run)?;
        let further = further_tags(&dataset.labels);
        let mut splits = [Vec::new(), Vec::new(), Vec::new()];
        for ((windows, sentences), encoded) in splits.iter_mut().zip(&dataset.splits).zip(encoded) {
            for (index, (sentence, encoded)) in sentences.iter().zip(encoded).enumerate() {
                let further = run.label_all_tokens.then_some(further.as_slice());
                windows.extend(windows_of(index, sentence, encoded, size, model, further)?);
            }
        }
        let trained = splits[0].iter().flat_map(|row| &row.scored).map(|&(_, tag)| tag as usize);
        let targets = ClassTargets::new(dataset.labels.len(), trained, run).with_cross_entropy();
        Ok(Self(Rc::new(Content { dataset, splits, padding: model.padding(run), targets })))
    }
}

/// The tag that the further tokens of a word are scored with, for the tag of each word: `I-` in the place of `B-`, where
/// there is such a tag, as `run_ner.py` of `transformers` has it (`b_to_i_label`).
fn further_tags(labels: &[String]) -> Vec<u32> {
    let inside = |label: &String| {
        let inside = format!("I-{}", label.strip_prefix("B-")?);
        labels.iter().position(|other| *other == inside)
    };
    labels.iter().enumerate().map(|(tag, label)| inside(label).unwrap_or(tag) as u32).collect()
}

/// The windows of a sentence. The first token of each word is scored; with `further`, the tag of a word's further tokens
/// for each tag, all are.
fn windows_of(
    index: usize,
    sentence: &Sentence,
    encoded: &EncodedSentence,
    size: WindowSize,
    model: &TaskModel<'_>,
    further: Option<&[u32]>,
) -> Result<Vec<WindowRow>, TokenizerError> {
    let prefix = model.tokenizer().special_prefix().len();
    let mut rows = Vec::new();
    for window in encoded.windows(size) {
        let (start, end) = window.tokens;
        let (input_ids, token_type_ids) = model.tokenizer().add_special_tokens(&encoded.ids[start..end])?;
        let position = |token: usize| (token - start + prefix) as u32;
        let mut row = WindowRow { sentence: index, input_ids, token_type_ids, scored: Vec::new(), judged: Vec::new() };
        for &word in &window.words {
            let first = encoded.token_of(word as usize).expect("a word that is judged has a token");
            row.judged.push((word, position(first)));
            let own = |&token: &usize| encoded.word_of(token) == Some(word as usize);
            let num_scored = if further.is_some() { usize::MAX } else { 1 };
            // Of words that share a token its first is learned.
            let tokens = (first..end).take_while(own).take(num_scored);
            let tag = sentence.tags[word as usize];
            let tag_of = |token: usize| match further {
                Some(further) if token > first => further[tag],
                _ => tag as u32,
            };
            row.scored.extend(tokens.map(|token| (position(token), tag_of(token))));
        }
        rows.push(row);
    }
    Ok(rows)
}

impl Content {
    pub(super) fn sentences(&self, split: Split) -> &[Sentence] {
        &self.dataset.splits[index_of(split)]
    }

    pub(super) fn windows(&self, split: Split) -> &[WindowRow] {
        &self.splits[index_of(split)]
    }
}

impl TaskRows for TaggedRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &self.0.dataset.labels
    }

    /// Windows.
    fn num_rows(&self) -> [usize; 3] {
        self.0.splits.each_ref().map(Vec::len)
    }

    /// Sentences.
    fn num_read(&self) -> [usize; 3] {
        self.0.dataset.splits.each_ref().map(Vec::len)
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        self.0.windows(split).iter().map(|row| row.input_ids.len()).collect()
    }

    fn batch(&self, split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let windows = self.0.windows(split);
        let rows: Vec<&WindowRow> = indices.iter().map(|&index| &windows[index]).collect();
        let text = pad_windows(
            rows.iter().map(|row| (row.input_ids.as_slice(), row.token_type_ids.as_slice())),
            &self.0.padding,
        );
        let mut tags: Vec<Option<usize>> = vec![None; text.batch * text.seq];
        for (row, cells) in rows.iter().zip(tags.chunks_mut(text.seq.max(1))) {
            row.scored.iter().for_each(|&(position, tag)| cells[position as usize] = Some(tag as usize));
        }
        let (targets, weight) = self.0.targets.of_some(tags.into_iter());
        let (num_rows, num_tokens) = (rows.len(), text.num_tokens());
        HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows, num_tokens }
    }

    fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        for row in &self.0.splits[0] {
            bytes.extend((row.input_ids.len() as u32).to_le_bytes());
            bytes.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
            bytes.extend(row.scored.iter().flat_map(|(at, tag)| [at.to_le_bytes(), tag.to_le_bytes()]).flatten());
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.0.sentences(split)[self.0.windows(split)[index].sentence].row
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(EntityMeasure::new(Rc::clone(&self.0), split))
    }
}

/// Pads windows, each its ids and their segments.
pub(super) fn pad_windows<'a>(rows: impl Iterator<Item = (&'a [u32], &'a [u32])>, padding: &Padding) -> HostText {
    let rows: Vec<TextRow<'_>> =
        rows.map(|(input_ids, token_type_ids)| TextRow { input_ids, token_type_ids }).collect();
    HostText::pad(&rows, padding)
}

#[cfg(test)]
#[path = "rows_tests.rs"]
pub(super) mod tests;
