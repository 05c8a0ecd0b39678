//! Sentences as they were read, tokenised and reported; and the rows that a run gets of them.

use std::any::Any;
use std::borrow::Cow;
use std::rc::Rc;

use super::SPEC;
use super::encode::EncodedSentence;
use super::read::read_dataset;
use super::report::report;
use super::rows::TaggedRows;
use super::sentence::{Dataset, Sentence};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::{FindingRow, FindingRows, LabelKind};
use crate::data::{DataError, ReadSummary};
use crate::task::{DataReport, EncodedSplits, ReadRequest, Task, TaskData, TaskError, TaskModel, TaskRows};

/// The figure of the strict mode.
const STRICT: &str = "strict_f1";

/// Reads sentences.
///
/// # Errors
/// Says what is wrong, with file, row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (dataset, summary) = read_dataset(request)?;
    let (read, tokens) = (request.read.clone(), EncodedSplits::new(0));
    let mut data = TaggedData { dataset: Rc::new(dataset), summary, read, tokens };
    data.adopt_labels(request.known_labels);
    Ok(Box::new(data))
}

/// Sentences, and their tokens as far as they were made: all of them, as nothing is cut before there are windows.
#[derive(Debug)]
pub(super) struct TaggedData {
    pub(super) dataset: Rc<Dataset>,
    pub(super) summary: ReadSummary,
    /// The options that read them.
    read: ReadOptions,
    tokens: EncodedSplits<EncodedSentence>,
}

fn encode(model: &TaskModel<'_>, sentence: &Sentence) -> Result<EncodedSentence, TaskError> {
    let Sentence { row, text, words, is_split, .. } = sentence;
    EncodedSentence::encode(model.tokenizer(), text, words, *is_split).map_err(|source| TaskError::of_row(*row, source))
}

impl TaggedData {
    fn tokens(&self) -> Option<&[Vec<EncodedSentence>; 3]> {
        self.tokens.is_done(self.num_rows()).then(|| self.tokens.splits())
    }

    /// Refuses to choose the best weights by a figure that these tags do not have: no evaluation would ever be the best.
    fn check_metric(&self, run: &RunConfig) -> Result<(), TaskError> {
        let scheme = self.dataset.scheme;
        if run.metric_for_best_model != STRICT || scheme.strict().is_some() || self.dataset.splits[1].is_empty() {
            return Ok(());
        }
        let reason =
            format!("{STRICT} is not measured of these tags ({}), which have no rules: take f1", scheme.name());
        Err(TaskError::Setting { setting: "metric_for_best_model", reason })
    }
}

impl TaskData for TaggedData {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &self.dataset.labels
    }

    fn num_rows(&self) -> [usize; 3] {
        self.dataset.splits.each_ref().map(Vec::len)
    }

    fn read_options(&self) -> ReadOptions {
        let column = |role: &str| Some(self.summary.column_of(role).to_owned()).filter(|name| !name.is_empty());
        ReadOptions {
            tokens_column: column("tokens"),
            text_column: column("text"),
            label_column: column("tags").or_else(|| column("spans")),
            sentence_column: column("sentence"),
            ..self.read.clone()
        }
    }

    fn adopt_labels(&mut self, known: &[String]) {
        Rc::make_mut(&mut self.dataset).adopt_labels(known);
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, _run: &RunConfig) -> Result<bool, TaskError> {
        let sizes = self.num_rows();
        let Self { dataset, tokens, .. } = self;
        tokens.advance(sizes, |split, index| {
            let sentence = &dataset.splits[split][index];
            Ok((encode(model, sentence)?, sentence.text.len()))
        })
    }

    fn progress(&self) -> (usize, usize) {
        (self.tokens.progress(), self.num_rows().iter().sum())
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        let encoded = model.and_then(|model| Some((model, self.tokens()?)));
        report(&self.summary, &self.dataset, encoded, run)
    }

    fn sample_texts(&self) -> Vec<&str> {
        self.dataset.splits.iter().flatten().map(|sentence| sentence.text.as_str()).collect()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        self.check_metric(run)?;
        let rows = match self.tokens() {
            Some(tokens) => TaggedRows::new(Rc::clone(&self.dataset), tokens, model, run)?,
            None => {
                let encode_all = |sentences: &Vec<Sentence>| -> Result<Vec<EncodedSentence>, TaskError> {
                    sentences.iter().map(|sentence| encode(model, sentence)).collect()
                };
                let [train, valid, test] = self.dataset.splits.each_ref().map(encode_all);
                TaggedRows::new(Rc::clone(&self.dataset), &[train?, valid?, test?], model, run)?
            }
        };
        if rows.num_rows()[0] == 0 {
            let reason = "the tokenizer has no token for any of its words".to_owned();
            let row = self.dataset.splits[0].first().map_or(0, |sentence| sentence.row);
            return Err(DataError::NothingUsable { num_rows: self.num_rows()[0], row, reason }.into());
        }
        Ok(Box::new(rows))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FindingRows for TaggedData {
    fn labels_are(&self) -> LabelKind {
        LabelKind::Tags
    }

    fn has_own_file(&self) -> [bool; 2] {
        self.summary.has_own_file
    }

    fn are_cut(&self) -> bool {
        false
    }

    fn sizes(&self) -> [usize; 3] {
        self.num_rows()
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        let sentence = &self.dataset.splits[split][index];
        let tags = sentence.tag_names(&self.dataset.labels).join(" ");
        FindingRow {
            row: sentence.row,
            texts: vec![sentence.text.as_str()],
            target: None,
            labels: vec![Cow::Owned(tags)],
            num_tokens: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::bert;
    use super::super::rows::tests::{model_of, tagged};
    use super::*;

    #[test]
    fn best_weights_are_not_chosen_by_a_figure_that_the_tags_do_not_have() {
        assert!(SPEC.figure(STRICT).is_some());
        let tokenizer = bert();
        let run = RunConfig { metric_for_best_model: STRICT.into(), ..RunConfig::default() };
        let refusal = |sentences: &[&str], num_train: usize| {
            let mut dataset = tagged(sentences);
            dataset.splits[1] = dataset.splits[0].split_off(num_train);
            let (summary, read, tokens) = (ReadSummary::default(), ReadOptions::default(), EncodedSplits::new(0));
            let data = TaggedData { dataset: Rc::new(dataset), summary, read, tokens };
            data.prepare(&model_of(&tokenizer), &run).err().map(|error| error.to_string())
        };
        let inside = refusal(&["a/O b/I-x", "b/I-x a/O"], 1).expect("IO has no strict mode");
        assert!(inside.starts_with("metric_for_best_model: strict_f1 is not measured of these tags (IO)"), "{inside}");
        assert_eq!(refusal(&["a/O b/I-x", "b/I-x a/O"], 2), None, "nothing chooses");
        assert_eq!(refusal(&["a/O b/B-x", "b/B-x a/O"], 1), None);
    }
}
