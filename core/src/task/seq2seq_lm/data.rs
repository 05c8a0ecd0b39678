//! Rows with a source and a target as they are read, tokenised and reported; and the rows that a run gets of them.

use std::any::Any;
use std::borrow::Cow;
use std::rc::Rc;

use super::columns::{SOURCE, TARGET};
use super::encode::{EncodedPair, Limits, with_prefix};
use super::read::{TextPair, TextPairs, read_pairs};
use super::report::{Facts, report};
use super::rows::PairRows;
use super::{PreviewRow, SPEC};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::{FindingRow, FindingRows, LabelKind};
use crate::data::{Augmented, ReadSummary};
use crate::task::model_copies::{add_made, warn_of_unused_copies};
use crate::task::{DataReport, EncodedSplits, ReadRequest, RowPlaces, Task, TaskData, TaskError, TaskModel, TaskRows};

/// Reads rows with a source and a target.
///
/// # Errors
/// When a file as a whole can't be used: says what is wrong, with row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (TextPairs { splits, num_conflicts, preview }, summary) = read_pairs(request)?;
    let (splits, read, tokens) = (Rc::new(splits), request.read.clone(), EncodedSplits::new(0));
    Ok(Box::new(PairData { splits, summary, read, num_conflicts, preview, limits: None, tokens }))
}

/// Rows as read, and as tokens as far as they were made.
#[derive(Debug)]
struct PairData {
    /// Rows of training, validation and test; shared with the runs that train on them.
    splits: Rc<[Vec<TextPair>; 3]>,
    summary: ReadSummary,
    /// How they were read.
    read: ReadOptions,
    num_conflicts: usize,
    /// The first rows of the training file.
    preview: Vec<TextPair>,
    /// Where texts are cut; `None` before the first part.
    limits: Option<Limits>,
    tokens: EncodedSplits<EncodedPair>,
}

impl PairData {
    /// Whether all tokens were made, cut at these limits.
    fn has_tokens(&self, limits: Limits) -> bool {
        self.limits == Some(limits) && self.tokens.is_done(self.num_rows())
    }

    /// The rows with their tokens: those that were made, where they were cut at the same limits.
    fn pair_rows(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<PairRows, TaskError> {
        let limits = Limits::of(Some(model), run);
        let prefix = self.read.prefix_of_sources();
        let encoded = if self.has_tokens(limits) {
            self.tokens.share()
        } else {
            let encode = |pairs: &Vec<TextPair>| -> Result<Vec<EncodedPair>, TaskError> {
                pairs.iter().map(|pair| EncodedPair::encode(model, pair, prefix, limits)).collect()
            };
            let [train, valid, test] = self.splits.each_ref().map(encode);
            Rc::new([train?, valid?, test?])
        };
        Ok(PairRows::new(Rc::clone(&self.splits), encoded, prefix, model, run))
    }

    /// The copies that a model made of sources to train on.
    fn made(&self) -> Augmented {
        let train = &self.splits[0];
        let rows = train.iter().enumerate().map(|(index, pair)| (index, pair.row, vec![pair.source.as_str()]));
        let num_rows = train.len();
        add_made(Augmented { num_rows, num_unchanged: num_rows, ..Augmented::default() }, &self.read.copies, rows)
    }

    fn preview_row(
        &self,
        pair: &TextPair,
        model: Option<&TaskModel<'_>>,
        limits: Limits,
    ) -> Result<PreviewRow, TaskError> {
        let prefix = self.read.prefix_of_sources();
        let encoded = model.map(|model| EncodedPair::encode(model, pair, prefix, limits)).transpose()?;
        let [num_source_tokens, num_target_tokens] =
            encoded.map_or([0, 0], |tokens| [tokens.source_ids.len(), tokens.target_ids.len()]);
        Ok(PreviewRow {
            row: pair.row,
            source: with_prefix(prefix, &pair.source).into_owned(),
            target: pair.target.clone(),
            num_source_tokens,
            num_target_tokens,
        })
    }
}

impl TaskData for PairData {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    fn places(&self) -> RowPlaces {
        let tokens = self.tokens.splits();
        let place = |split: usize| {
            let tokens_of = |index: usize| tokens[split].get(index).map(|pair| pair.num_source_untruncated);
            self.splits[split].iter().enumerate().map(|(index, row)| (row.row, tokens_of(index))).collect()
        };
        [place(0), place(1), place(2)]
    }

    fn read_options(&self) -> ReadOptions {
        let column = |role: &str| Some(self.summary.column_of(role).to_owned());
        let source_prefix = self.read.source_prefix.clone().filter(|prefix| !prefix.is_empty());
        ReadOptions { text_column: column(SOURCE), target_column: column(TARGET), source_prefix, ..self.read.clone() }
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        let (limits, sizes) = (Limits::of(Some(model), run), self.num_rows());
        if self.limits != Some(limits) {
            self.tokens = EncodedSplits::new(limits.source);
            self.limits = Some(limits);
        }
        let Self { splits, read, tokens, .. } = self;
        tokens.advance(sizes, |split, index| {
            let pair = &splits[split][index];
            let encoded = EncodedPair::encode(model, pair, read.prefix_of_sources(), limits)?;
            Ok((encoded, pair.source.len() + pair.target.len()))
        })
    }

    fn progress(&self) -> (usize, usize) {
        (self.tokens.progress(), self.num_rows().iter().sum())
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        let limits = Limits::of(model, run);
        let model = model.filter(|_| self.has_tokens(limits));
        let preview = self.preview.iter().map(|pair| self.preview_row(pair, model, limits));
        let facts = Facts {
            summary: &self.summary,
            rows: self.splits.each_ref().map(|pairs| pairs.iter().map(|pair| pair.row).collect()),
            prefix: self.read.prefix_of_sources(),
            limits,
            num_conflicts: self.num_conflicts,
            preview: preview.collect::<Result<_, _>>()?,
        };
        let mut report = report(facts, model.map(|_| self.tokens.splits()));
        report.warnings.extend(warn_of_unused_copies(&self.read.copies, &self.made()));
        Ok(report)
    }

    fn sample_texts(&self) -> Vec<&str> {
        self.splits.iter().flatten().flat_map(|pair| [pair.source.as_str(), pair.target.as_str()]).collect()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        Ok(Box::new(self.pair_rows(model, run)?))
    }

    fn prepare_to_train(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        let rows = self.pair_rows(model, run)?;
        if self.read.copies.is_empty() {
            return Ok(Box::new(rows));
        }
        let (limits, prefix) = (Limits::of(Some(model), run), self.read.prefix_of_sources());
        let copies = self.made().added.into_iter().map(|copy| -> Result<_, TaskError> {
            let target = self.splits[0][copy.index].target.clone();
            let pair = TextPair { row: copy.row, source: copy.texts.concat(), target };
            let encoded = EncodedPair::encode(model, &pair, prefix, limits)?;
            Ok((pair, encoded))
        });
        Ok(Box::new(rows.with_copies(copies.collect::<Result<_, _>>()?)))
    }

    /// Those that a model made; a run changes no text by itself.
    fn augment(&self, _run: &RunConfig, _max_rows: usize) -> Option<Augmented> {
        Some(self.made())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FindingRows for PairData {
    fn labels_are(&self) -> LabelKind {
        LabelKind::Text
    }

    fn has_own_file(&self) -> [bool; 2] {
        self.summary.has_own_file
    }

    fn sizes(&self) -> [usize; 3] {
        self.num_rows()
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        let pair = &self.splits[split][index];
        FindingRow {
            row: pair.row,
            texts: vec![pair.source.as_str()],
            target: Some(pair.target.as_str()),
            labels: vec![Cow::Borrowed(pair.target.as_str())],
            num_tokens: self.tokens.splits()[split].get(index).map(|pair| pair.num_source_untruncated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReportDetail;
    use super::super::encode::tests::{model, tokenizer};
    use super::*;
    use crate::config::{AugmentKind, CopyMethod, SplitConfig, Translation};
    use crate::data::{DataFiles, Split};
    use crate::task::{self, CopyQuestions, ModelCopies, Translated};

    /// All rows are trained on.
    fn run(max_seq_length: u32, max_target_length: u32) -> RunConfig {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        RunConfig { max_seq_length, max_target_length, split, ..RunConfig::default() }
    }

    fn data(text: &str, prefix: Option<&str>) -> Box<dyn TaskData> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        let read_as = &ReadOptions { source_prefix: prefix.map(str::to_owned), ..ReadOptions::default() };
        read(&ReadRequest::to_train(&files.clone().into(), read_as, &run(8, 8))).expect("good rows")
    }

    fn detail(report: &DataReport) -> &ReportDetail {
        let task::ReportDetail::Seq2seqLm(detail) = &report.detail else { panic!("of another task") };
        detail
    }

    #[test]
    fn copies_of_sources_stand_behind_them_with_their_targets() {
        let (tokenizer, run) = (tokenizer(true), run(8, 8));
        let model = model(&tokenizer);
        let plain = data(ROWS, None);
        let method = CopyMethod::Translated(Translation::default());
        let mut copies = ModelCopies::plan(plain.as_ref(), &run, method).expect("texts");
        while let Some(CopyQuestions::Texts(texts)) = copies.ask() {
            let back = |text: &str| if text == "two" { String::new() } else { format!("{text} three") };
            copies.take_translated(texts.iter().map(|(text, _)| Translated::Text(back(text))).collect());
        }
        let (made, notes) = copies.finish("tiny");
        assert_eq!((made.kind, made.copies.len(), notes.len()), (AugmentKind::Translated, 2, 1));
        let files = &DataFiles { train: ("x.csv".into(), ROWS.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let data = read(&ReadRequest::to_train(files, &ReadOptions { copies: made, ..ReadOptions::default() }, &run));
        let data = data.expect("good rows");
        let [own, more] =
            [data.prepare(&model, &run).expect("room"), data.prepare_to_train(&model, &run).expect("room")];
        assert_eq!((own.num_rows(), more.num_rows(), more.num_read()), ([3, 0, 0], [5, 0, 0], [3, 0, 0]));
        let rows: Vec<usize> = (0..5).map(|index| more.row_number(Split::Train, index)).collect();
        assert_eq!((rows, more.lengths(Split::Train)), (vec![2, 3, 4, 2, 3], vec![6, 6, 4, 7, 7]));
        let added = more.added().expect("there are copies");
        assert_eq!((added.num_rows, added.num_added, added.num_unchanged), (3, 2, 1));
        assert!(own.added().is_none() && own.fingerprint() != more.fingerprint());
        assert_eq!(more.prompts(Split::Train, 9).len(), 3, "a row is asked about once");
        assert_eq!(plain.prepare_to_train(&model, &run).expect("room").fingerprint(), own.fingerprint());
    }

    const ROWS: &str = "source,target\none two three,one\none,three two one\ntwo,two\n";

    #[test]
    fn what_was_guessed_is_in_the_options_of_a_job() {
        let found = data(ROWS, Some("sum: ")).read_options();
        assert_eq!((found.text_column.as_deref(), found.target_column.as_deref()), (Some("source"), Some("target")));
        assert_eq!(found.source_prefix.as_deref(), Some("sum: "), "to the letter");
        assert_eq!(data(ROWS, Some("")).read_options().source_prefix, None, "there is none");
    }

    #[test]
    fn sources_and_targets_are_reported_each_with_its_limit() {
        let (tokenizer, run) = (tokenizer(true), run(5, 3));
        let model = model(&tokenizer);
        let mut data = data(ROWS, Some("sum: "));
        let before = data.report(None, &run).expect("nothing is encoded");
        assert_eq!((before.max_seq_length, detail(&before).max_target_length), (5, 3));
        assert_eq!((before.lengths.max, detail(&before).target_lengths.max, before.num_encoded), (0, 0, [3, 0, 0]));
        let first = &detail(&before).preview[0];
        assert_eq!((first.source.as_str(), first.target.as_str()), ("sum: one two three", "one"));
        assert_eq!((first.row, first.num_source_tokens, first.num_target_tokens), (2, 0, 0));
        while data.encode_part(&model, &run).expect("room") {}
        assert_eq!(data.progress(), (3, 3));
        let report = data.report(Some(&model), &run).expect("they are encoded");
        let found = detail(&report);
        assert_eq!((report.lengths.max, report.num_truncated), (6, 1), "two of the prefix, three words and the end");
        assert_eq!(
            (found.target_lengths.max, found.num_targets_cut, found.cut_targets.as_slice()),
            (4, 1, &["3".to_owned()][..])
        );
        assert_eq!((found.num_source_tokens, found.num_target_tokens), (5 + 4 + 4, 2 + 3 + 2));
        assert_eq!((found.preview[1].num_source_tokens, found.preview[1].num_target_tokens), (4, 3));
        assert_eq!(found.source_prefix, "sum: ");
        let warnings = [
            "there are no validation rows: the best weights can't be told from the last",
            "1 of 3 rows is longer than 5 tokens and is shortened: rows 2",
            "1 of 3 rows has a target that is longer than 3 tokens (max_target_length) and is shortened: rows 3",
        ];
        assert_eq!(report.warnings, warnings);
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), report);
    }

    #[test]
    fn tokens_are_taken_for_a_run_of_the_same_limits_and_made_anew_for_others() {
        let tokenizer = tokenizer(true);
        let model = model(&tokenizer);
        let mut data = data(ROWS, None);
        while data.encode_part(&model, &run(8, 8)).expect("room") {}
        let known = data.prepare(&model, &run(8, 8)).expect("they are there");
        let fresh = self::data(ROWS, None).prepare(&model, &run(8, 8)).expect("they are made");
        assert_eq!((known.fingerprint(), known.lengths(Split::Train)), (fresh.fingerprint(), vec![6, 6, 4]));
        let cut = data.prepare(&model, &run(8, 2)).expect("room");
        assert_eq!(cut.lengths(Split::Train), [6, 4, 4], "the limit of the target is another");
        assert!(data.report(Some(&model), &run(8, 2)).expect("no tokens").lengths.counts.is_empty());
        let long = "one ".repeat(20_000);
        let mut data = self::data(&format!("source,target\n{long},one\n{long},two\n"), None);
        assert!(data.encode_part(&model, &run(8, 8)).expect("room"), "another row is left");
        while data.encode_part(&model, &run(8, 8)).expect("room") {}
        assert!(data.encode_part(&model, &run(8, 9)).expect("room"), "another limit begins anew");
        assert_eq!(data.progress(), (1, 2));
    }
}
