//! Rows as they are read, tokenised and reported: each text for itself.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::columns::{LABEL, NEGATIVE, SECOND, TEXT};
use super::read::{Dataset, TextSet, read_dataset};
use super::rows::EmbeddingRows;
use super::{LabelCount, ReportDetail, RowShape, SPEC};
use crate::config::{ReadOptions, RunConfig};
use crate::data::ReadSummary;
use crate::data::findings::{FindingRow, FindingRows, LabelKind};
use crate::task::texts::EncodedTexts;
use crate::task::{
    self, DataReport, EncodedSplits, Purpose, ReadRequest, RowPlaces, Task, TaskData, TaskError, TaskModel, TaskRows,
    data_report, warn_of_long_texts,
};
use crate::tokenizer::Tokenizer;

/// The texts of a row as tokens.
pub(super) type EncodedSet = Vec<EncodedTexts>;

/// Reads texts that belong together.
///
/// # Errors
/// Says what is wrong, with file, row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (dataset, summary) = read_dataset(request)?;
    let (dataset, read, purpose) = (Rc::new(dataset), request.read.clone(), request.purpose);
    let (tokens, known) = (EncodedSplits::new(0), Default::default());
    Ok(Box::new(Data { dataset, summary, read, purpose, tokens, known }))
}

/// Rows as read, and their tokens as far as they were made.
#[derive(Debug)]
struct Data {
    /// Shared with the runs that train on it.
    dataset: Rc<Dataset>,
    summary: ReadSummary,
    /// The options that read the rows.
    read: ReadOptions,
    purpose: Purpose,
    tokens: EncodedSplits<EncodedSet>,
    /// Tokens that an earlier reading made of the same texts, for the limit of `tokens`.
    known: [Vec<Option<EncodedSet>>; 3],
}

impl Data {
    fn has_tokens(&self, limit: usize) -> bool {
        self.tokens.limit() == limit && self.tokens.is_done(self.num_rows())
    }

    fn detail(&self) -> ReportDetail {
        let Dataset { shape, labels, scores, splits, num_conflicts, preview } = &*self.dataset;
        let mut counts = vec![0; labels.len()];
        splits.iter().flatten().filter_map(|row| row.label).for_each(|label| counts[label] += 1);
        let count = |(label, count): (&String, usize)| LabelCount { label: label.clone(), count };
        ReportDetail {
            shape: *shape,
            labels: labels.iter().zip(counts).map(count).collect(),
            scores: *scores,
            num_conflicts: *num_conflicts,
            preview: preview.clone(),
        }
    }

    /// Refuses rows and settings with which nothing would be learned.
    fn check(&self, run: &RunConfig) -> Result<(), TaskError> {
        let (shape, rows) = (self.dataset.shape, &self.dataset.splits[0]);
        let setting = |setting: &'static str, reason: String| Err(TaskError::Setting { setting, reason });
        if run.batch_size < 2 {
            let reason = "a batch of 1 has nothing that its text could be told apart from; take 2 or more".into();
            return setting("batch_size", reason);
        }
        if rows.len() < 2 {
            let reason = "there is one row to train on, and nothing that its texts could be told apart from";
            return Err(TaskError::Rows(reason.into()));
        }
        if shape == RowShape::Texts && run.dropout == Some(0.0) {
            let reason = "0 leaves nothing to learn: of texts alone, only dropout tells a text from itself".into();
            return setting("dropout", reason);
        }
        let first = rows[0].label;
        if shape == RowShape::LabeledTexts && rows.iter().all(|row| row.label == first) {
            let label = first.and_then(|label| self.dataset.labels.get(label)).map_or("", String::as_str);
            let reason = format!("all training rows have the label {label:?}: there is nothing to tell apart");
            return Err(TaskError::Rows(reason));
        }
        let (figure, known) = (run.metric_for_best_model.as_str(), shape.figures());
        if !known.contains(&figure) && SPEC.figure(figure).is_some() {
            let (rows, known) = (shape.describe(), known.join(", "));
            return setting(
                "metric_for_best_model",
                format!("{figure} is not measured of {rows}; take one of {known}"),
            );
        }
        Ok(())
    }
}

/// Tokenises the texts of a row, each to at most `limit` tokens.
fn encode(tokenizer: &Tokenizer, row: &TextSet, limit: usize) -> Result<EncodedSet, TaskError> {
    let encode_text = |text: &String| tokenizer.encode(text, limit).map(EncodedTexts::from);
    row.texts.iter().map(encode_text).collect::<Result<_, _>>().map_err(|source| TaskError::of_row(row.row, source))
}

impl TaskData for Data {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.dataset.splits.each_ref().map(Vec::len)
    }

    fn places(&self) -> RowPlaces {
        self.dataset.splits.each_ref().map(|rows| rows.iter().map(|row| (row.row, None)).collect())
    }

    fn read_options(&self) -> ReadOptions {
        let column = |role: &str| Some(self.summary.column_of(role).to_owned()).filter(|name| !name.is_empty());
        let num_negatives = self.summary.used_columns.iter().filter(|(_, role)| role == NEGATIVE).count();
        // Several negatives are found by their names again, and only beside a pair that is found so, too.
        let is_named = num_negatives < 2;
        ReadOptions {
            text_column: column(TEXT).filter(|_| is_named).or(self.read.text_column.clone()),
            text_pair_column: column(SECOND),
            negative_column: column(NEGATIVE).filter(|_| is_named),
            label_column: column(LABEL),
            ..self.read.clone()
        }
    }

    fn adopt_tokens(&mut self, before: &dyn TaskData, model: &TaskModel<'_>, run: &RunConfig) {
        let limit = model.limit(run);
        let Some(before) = before.as_any().downcast_ref::<Self>() else { return };
        if before.tokens.limit() != limit {
            return;
        }
        let known: HashMap<&[String], &EncodedSet> = before
            .dataset
            .splits
            .iter()
            .zip(before.tokens.splits())
            .flat_map(|(rows, tokens)| rows.iter().zip(tokens))
            .map(|(row, tokens)| (row.texts.as_slice(), tokens))
            .collect();
        let find = |row: &TextSet| known.get(row.texts.as_slice()).map(|&tokens| tokens.clone());
        self.known = self.dataset.splits.each_ref().map(|rows| rows.iter().map(find).collect());
        self.tokens = EncodedSplits::new(limit);
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        let (limit, sizes) = (model.limit(run), self.num_rows());
        if self.tokens.limit() != limit {
            self.tokens = EncodedSplits::new(limit);
            self.known = Default::default();
        }
        let Self { dataset, tokens, known, .. } = self;
        tokens.advance(sizes, |split, index| {
            let row = &dataset.splits[split][index];
            if let Some(known) = known[split].get_mut(index).and_then(Option::take) {
                return Ok((known, 0));
            }
            let encoded = encode(model.tokenizer(), row, limit)?;
            Ok((encoded, row.texts.iter().map(String::len).sum()))
        })
    }

    fn progress(&self) -> (usize, usize) {
        (self.tokens.progress(), self.num_rows().iter().sum())
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        let limit = model.map_or(run.max_seq_length as usize, |model| model.limit(run));
        let row_numbers = self.dataset.splits.each_ref().map(|rows| rows.iter().map(|row| row.row).collect());
        let is_encoded = model.is_some() && self.has_tokens(limit);
        let sets = || self.tokens.iter().filter(move |_| is_encoded);
        let longest = |set: &EncodedSet| set.iter().map(|text| text.num_tokens_untruncated).max().unwrap_or(0);
        let lengths: Vec<usize> = sets().map(longest).collect();
        let detail = task::ReportDetail::SentenceEmbedding(Box::new(self.detail()));
        let mut report = data_report(&self.summary, &row_numbers, &lengths, limit, detail);
        let num_long = sets().filter(|set| set.iter().any(|text| text.is_lower_bound)).count();
        report.warnings.extend(warn_of_long_texts(num_long));
        Ok(report)
    }

    fn sample_texts(&self) -> Vec<&str> {
        self.dataset.splits.iter().flatten().flat_map(|row| &row.texts).map(String::as_str).collect()
    }

    fn texts_to_search(&self) -> Vec<(usize, &str)> {
        let mut known = HashSet::new();
        let [train, _, _] = &self.dataset.splits;
        let texts = train.iter().flat_map(|row| row.texts.iter().map(|text| (row.row, text.as_str())));
        texts.filter(|(_, text)| known.insert(*text)).collect()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        if self.purpose == Purpose::Train {
            self.check(run)?;
        }
        let limit = model.limit(run);
        let tokens = if self.has_tokens(limit) {
            self.tokens.share()
        } else {
            let encode_all = |rows: &Vec<TextSet>| -> Result<Vec<EncodedSet>, TaskError> {
                rows.iter().map(|row| encode(model.tokenizer(), row, limit)).collect()
            };
            let [train, valid, test] = self.dataset.splits.each_ref().map(encode_all);
            Rc::new([train?, valid?, test?])
        };
        Ok(Box::new(EmbeddingRows::new(Rc::clone(&self.dataset), tokens, model.padding(run), run)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FindingRows for Data {
    fn labels_are(&self) -> LabelKind {
        match self.dataset.shape {
            RowShape::LabeledTexts => LabelKind::Class,
            RowShape::ScoredPairs => LabelKind::Number,
            RowShape::Pairs | RowShape::Triplets | RowShape::Texts => LabelKind::None,
        }
    }

    fn has_own_file(&self) -> [bool; 2] {
        self.summary.has_own_file
    }

    fn sizes(&self) -> [usize; 3] {
        self.num_rows()
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        let row = &self.dataset.splits[split][index];
        let label = row.label.map(|label| Cow::Borrowed(self.dataset.labels[label].as_str()));
        let score = row.score.map(|score| Cow::<str>::Owned(score.to_string()));
        let longest = |set: &EncodedSet| set.iter().map(|text| text.num_tokens_untruncated).max().unwrap_or(0);
        FindingRow {
            row: row.row,
            texts: row.texts.iter().map(String::as_str).collect(),
            target: None,
            labels: label.into_iter().chain(score).collect(),
            num_tokens: self.tokens.splits()[split].get(index).map(longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SplitConfig;
    use crate::data::{DataFiles, Split};
    use crate::task::texts::tests::{model, tokenizer};

    fn data(text: &str, read_as: &ReadOptions) -> Box<dyn TaskData> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        read(&ReadRequest::to_train(&files.clone().into(), read_as, &run(16))).expect("good rows")
    }

    fn run(max_seq_length: u32) -> RunConfig {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        RunConfig { max_seq_length, pad_to_multiple_of: 1, split, ..RunConfig::default() }
    }

    fn refusal(text: &str, run: &RunConfig) -> String {
        let tokenizer = tokenizer();
        data(text, &ReadOptions::default())
            .prepare(&model(&tokenizer), run)
            .expect_err("nothing is learned")
            .to_string()
    }

    const PAIRS: &str = "anchor,positive\nhello,world\nhello world hello,world\n";

    #[test]
    fn a_row_is_as_long_as_its_longest_text_and_the_report_says_what_it_is() {
        let tokenizer = tokenizer();
        let model = model(&tokenizer);
        let mut data = data(PAIRS, &ReadOptions::default());
        while data.encode_part(&model, &run(4)).expect("room enough") {}
        let report = data.report(Some(&model), &run(4)).expect("nothing is decoded");
        assert_eq!((report.lengths.max, report.num_truncated, report.num_usable), (5, 1, 2));
        let task::ReportDetail::SentenceEmbedding(detail) = &report.detail else { panic!("not of this task") };
        assert_eq!((detail.shape, detail.preview.len(), detail.labels.len()), (RowShape::Pairs, 2, 0));
        let rows = data.prepare(&model, &run(4)).expect("two rows");
        assert_eq!((rows.lengths(Split::Train), rows.row_number(Split::Train, 1)), (vec![3, 4], 3));
        assert_eq!(data.prepare(&model, &run(8)).expect("made anew").lengths(Split::Train), [3, 5]);
        assert_eq!(data.sample_texts().len(), 4);
        assert_eq!(data.texts_to_search(), [(2, "hello"), (2, "world"), (3, "hello world hello")], "each once");
    }

    #[test]
    fn tokens_of_the_same_texts_are_taken_over() {
        let tokenizer = tokenizer();
        let model = model(&tokenizer);
        let mut before = data(PAIRS, &ReadOptions::default());
        while before.encode_part(&model, &run(8)).expect("room enough") {}
        let mut after = data("anchor,positive\nhello world hello,world\nhello,hello\n", &ReadOptions::default());
        after.adopt_tokens(before.as_ref(), &model, &run(8));
        let known = &after.as_any().downcast_ref::<Data>().expect("its own kind").known[0];
        assert_eq!(known.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        while after.encode_part(&model, &run(8)).expect("room enough") {}
        assert_eq!(after.prepare(&model, &run(8)).expect("two rows").lengths(Split::Train), [5, 3]);
    }

    #[test]
    fn options_of_a_job_read_the_same_columns_again() {
        let cases = [
            (PAIRS, ["anchor", "positive", "", ""]),
            (
                "anchor,positive,negative\nhello,world,hello\nworld,hello,world\n",
                ["anchor", "positive", "negative", ""],
            ),
            ("text,label\nhello,a\nworld,b\nhello world,a\nworld hello,b\n", ["text", "", "", "label"]),
        ];
        for (text, expected) in cases {
            let found = data(text, &ReadOptions::default()).read_options();
            let columns = [&found.text_column, &found.text_pair_column, &found.negative_column, &found.label_column];
            assert_eq!(columns.map(|column| column.as_deref().unwrap_or_default()), expected);
            assert_eq!(data(text, &found).read_options(), found);
        }
        let many = "anchor,positive,negative_1,negative_2\nhello,world,hello,a\nworld,hello,world,b\n";
        let found = data(many, &ReadOptions::default());
        let again = data(many, &found.read_options());
        let texts = |data: &dyn TaskData| data.sample_texts().into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(texts(again.as_ref()), texts(found.as_ref()));
    }

    #[test]
    fn what_can_not_be_learned_from_is_refused_and_can_still_be_measured() {
        let error = refusal(PAIRS, &RunConfig { batch_size: 1, ..run(8) });
        assert!(error.starts_with("batch_size: a batch of 1 has nothing"), "{error}");
        assert!(refusal("anchor,positive\nhello,world\n", &run(8)).starts_with("there is one row to train on"));
        let error = refusal("text\nhello\nworld\n", &RunConfig { dropout: Some(0.0), ..run(8) });
        assert!(error.starts_with("dropout: 0 leaves nothing to learn"), "{error}");
        let error = refusal("text,label\nhello,a\nworld,a\n", &run(8));
        assert!(error.starts_with("all training rows have the label \"a\""), "{error}");
        let error = refusal(PAIRS, &RunConfig { metric_for_best_model: "spearman".into(), ..run(8) });
        assert!(error.ends_with("take one of loss, recall_at_1, recall_at_10, mrr"), "{error}");

        let files = &DataFiles { train: ("x.csv".into(), b"anchor,positive\na,b\n".to_vec()), ..DataFiles::default() };
        let (read_as, run, tokenizer) = (&ReadOptions::default(), &run(8), tokenizer());
        let request = ReadRequest {
            files: &files.clone().into(),
            read: read_as,
            run,
            known_labels: &[],
            purpose: Purpose::Measure,
            model: None,
        };
        let data = read(&request).expect("a pair");
        assert_eq!(data.prepare(&model(&tokenizer), run).expect("it is measured").num_rows(), [1, 0, 0]);
    }
}
