//! Questions as they are read, tokenised and reported; and the windows that a run gets of them.

use std::any::Any;
use std::borrow::Cow;
use std::rc::Rc;

use super::encode::{EncodedContext, WindowSettings, Windows};
use super::excerpt::excerpt;
use super::place::chars_before;
use super::read::{Question, Questions, read_questions};
use super::rows::{EncodedQuestion, Joining, WindowRows};
use super::{Grouping, PreviewRow, ReportDetail, SPEC};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::{FindingRow, FindingRows, LabelKind};
use crate::data::{LengthHistogram, ReadSummary, list_rows};
use crate::task::{
    self, DataReport, EncodedSplits, ReadRequest, RowPlaces, Task, TaskData, TaskError, TaskModel, TaskRows,
    data_report,
};
use crate::tokenizer::{PairLayout, Tokenizer, TokenizerError};
use crate::words::{count, plural};

/// Tokens that models for this task usually read at once.
const USUAL_LIMIT: usize = 384;

/// Reads questions.
///
/// # Errors
/// When a file as a whole can't be used: says what is wrong, with row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (questions, summary) = read_questions(request)?;
    let Questions { contexts, splits, grouping, num_conflicts, num_sought, is_nested, preview } = questions;
    Ok(Box::new(QuestionData {
        encoded_contexts: vec![None; contexts.len()],
        contexts: Rc::new(contexts),
        splits: splits.map(Rc::new),
        grouping,
        num_conflicts,
        num_sought,
        is_nested,
        preview,
        summary,
        read: request.read.clone(),
        settings: None,
        tokens: EncodedSplits::new(0),
    }))
}

/// Questions as read, and as tokens as far as they were made.
#[derive(Debug)]
struct QuestionData {
    contexts: Rc<Vec<Rc<str>>>,
    splits: [Rc<Vec<Question>>; 3],
    grouping: Grouping,
    num_conflicts: usize,
    num_sought: usize,
    is_nested: bool,
    preview: Vec<Question>,
    summary: ReadSummary,
    /// How they were read.
    read: ReadOptions,
    /// How contexts are cut; `None` before the first part.
    settings: Option<WindowSettings>,
    tokens: EncodedSplits<EncodedQuestion>,
    /// Tokens of the contexts, as far as they were made: many questions may be about one.
    encoded_contexts: Vec<Option<Rc<EncodedContext>>>,
}

impl QuestionData {
    /// Whether all tokens were made, with these settings.
    fn has_tokens(&self, settings: WindowSettings) -> bool {
        self.settings == Some(settings) && self.tokens.is_done(self.num_rows())
    }

    fn questions(&self) -> impl Iterator<Item = &Question> {
        self.splits.iter().flat_map(|questions| questions.iter())
    }

    /// Some rows have no answer, so that "no answer" can be one.
    fn has_no_answer(&self) -> bool {
        self.questions().any(|question| question.answers.is_empty())
    }

    /// The questions of all splits with their tokens, each with its row as a sentence names it.
    fn encoded(&self) -> impl Iterator<Item = (String, &Question, &EncodedQuestion)> {
        let [valid, test] = self.summary.has_own_file;
        let files = ["", if valid { "validation " } else { "" }, if test { "test " } else { "" }];
        let splits = self.splits.iter().zip(self.tokens.splits()).zip(files);
        splits.flat_map(|((questions, encoded), file)| {
            let name = move |question: &Question| format!("{file}{}", question.row);
            questions.iter().zip(encoded).map(move |(question, encoded)| (name(question), question, encoded))
        })
    }

    /// What is to be known of the windows.
    fn warn_of_windows(&self, settings: WindowSettings, model: &TaskModel<'_>) -> Vec<String> {
        let WindowSettings { limit, stride } = settings;
        let (mut too_long, mut lost, mut lowered) = (Vec::new(), Vec::new(), 0_usize);
        for (name, question, encoded) in self.encoded() {
            let windows = &encoded.windows;
            lowered += usize::from(windows.is_stride_lowered);
            if windows.windows.is_empty() {
                too_long.push(name);
            } else if question.span.is_some() && windows.windows.iter().all(|window| window.answer.is_none()) {
                lost.push(name);
            }
        }
        let mut warnings = Vec::new();
        if !too_long.is_empty() {
            let (rows, named) = (plural(too_long.len(), "question"), list_rows(&too_long));
            warnings.push(format!(
                "{rows} can't be asked: beside the question, {limit} tokens (max_seq_length) leave no room for its \
                 context, or that has no tokens; such rows are not trained on, and are measured as not answered: rows \
                 {named}"
            ));
        }
        if !lost.is_empty() {
            let (rows, named) = (plural(lost.len(), "question"), list_rows(&lost));
            warnings.push(format!(
                "of {rows} no window has the whole answer: it is not learned; a higher doc_stride or max_seq_length \
                 helps: rows {named}"
            ));
        }
        if lowered > 0 {
            let (rows, stride) = (plural(lowered, "question"), count(stride));
            warnings.push(format!(
                "for {rows}, windows of {limit} tokens (max_seq_length) have no more than doc_stride {stride} tokens of \
                 the context: they share half of these"
            ));
        }
        let (num_questions, num_windows) = (self.tokens.progress(), self.num_windows());
        if num_windows * 2 > num_questions * 3 && limit < USUAL_LIMIT && model.max_tokens >= USUAL_LIMIT {
            let (windows, questions) = (plural(num_windows, "window"), plural(num_questions, "question"));
            warnings.push(format!(
                "the contexts of {questions} are read in {windows} of {limit} tokens: {USUAL_LIMIT} are usual for this \
                 task (max_seq_length)"
            ));
        }
        warnings
    }

    fn num_windows(&self) -> usize {
        self.tokens.iter().map(|encoded| encoded.windows.windows.len()).sum()
    }

    fn preview_row(&self, question: &Question) -> PreviewRow {
        let context = &*self.contexts[question.context];
        let chars = |(start, end): (usize, usize)| (chars_before(context, start), chars_before(context, end));
        PreviewRow {
            row: question.row,
            id: question.id.clone(),
            question: question.text.clone(),
            context: excerpt(context, question.span),
            answers: question.answers.clone(),
            answer: question.span.map(chars),
        }
    }
}

/// Tokenises a question; its context only if it was not yet. Says how many bytes that were.
fn encode(
    question: &Question,
    context: &str,
    known: &mut Option<Rc<EncodedContext>>,
    tokenizer: &Tokenizer,
    layout: &PairLayout,
    settings: WindowSettings,
) -> Result<(EncodedQuestion, usize), TaskError> {
    let in_row = |source: TokenizerError| TaskError::of_row(question.row, source);
    let mut num_bytes = question.text.len();
    let context = match known {
        Some(known) => Rc::clone(known),
        None => {
            num_bytes += context.len();
            Rc::clone(known.insert(Rc::new(EncodedContext::encode(tokenizer, context).map_err(in_row)?)))
        }
    };
    let input_ids = tokenizer.encode_with_offsets(&question.text).map_err(in_row)?.ids;
    let windows = Windows::cut(input_ids.len(), &context, question.span, layout, settings);
    Ok((EncodedQuestion { input_ids, context, windows }, num_bytes))
}

impl TaskData for QuestionData {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(|questions| questions.len())
    }

    fn places(&self) -> RowPlaces {
        self.splits.each_ref().map(|questions| questions.iter().map(|question| (question.row, None)).collect())
    }

    fn read_options(&self) -> ReadOptions {
        if self.is_nested {
            return self.read.clone();
        }
        let column = |role: &str| Some(self.summary.column_of(role).to_owned());
        ReadOptions {
            question_column: column("question"),
            context_column: column("context"),
            answer_column: column("answers"),
            ..self.read.clone()
        }
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        let (settings, sizes) = (WindowSettings::of(model, run), self.num_rows());
        if self.settings != Some(settings) {
            self.tokens = EncodedSplits::new(settings.limit);
            self.settings = Some(settings);
        }
        let layout = model.tokenizer().pair_layout()?;
        let Self { contexts, splits, tokens, encoded_contexts, .. } = self;
        tokens.advance(sizes, |split, index| {
            let question = &splits[split][index];
            let (context, known) = (&contexts[question.context], &mut encoded_contexts[question.context]);
            encode(question, context, known, model.tokenizer(), &layout, settings)
        })
    }

    fn progress(&self) -> (usize, usize) {
        (self.tokens.progress(), self.num_rows().iter().sum())
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        let settings = model.map(|model| WindowSettings::of(model, run));
        let limit = settings.map_or(run.max_seq_length as usize, |settings| settings.limit);
        let is_encoded = settings.is_some_and(|settings| self.has_tokens(settings));
        let detail = ReportDetail {
            num_contexts: self.contexts.len(),
            num_no_answer: self.questions().filter(|question| question.answers.is_empty()).count(),
            num_sought: self.num_sought,
            num_conflicts: self.num_conflicts,
            num_windows: if is_encoded { self.num_windows() } else { 0 },
            grouping: self.grouping,
            is_nested: self.is_nested,
            preview: self.preview.iter().map(|question| self.preview_row(question)).collect(),
        };
        let detail = task::ReportDetail::QuestionAnswering(Box::new(detail));
        let rows = self.splits.each_ref().map(|questions| questions.iter().map(|question| question.row).collect());
        // Contexts are read in windows, of which nothing is lost.
        let mut report = data_report(&self.summary, &rows, &[], limit, detail);
        if !self.has_no_answer() && run.null_score_threshold != RunConfig::default().null_score_threshold {
            let note = "null_score_threshold has no effect: every question has an answer, so each is given one";
            report.warnings.push(note.to_owned());
        }
        let (Some(model), Some(settings), true) = (model, settings, is_encoded) else { return Ok(report) };
        let num_special = model.tokenizer().pair_layout()?.num_special_tokens();
        let length =
            |encoded: &EncodedQuestion| num_special + encoded.input_ids.len() + encoded.context.input_ids.len();
        report.lengths = LengthHistogram::of(&self.tokens.iter().map(length).collect::<Vec<_>>());
        report.num_encoded = self
            .tokens
            .splits()
            .each_ref()
            .map(|encoded| encoded.iter().map(|encoded| encoded.windows.windows.len()).sum());
        report.warnings.extend(self.warn_of_windows(settings, model));
        Ok(report)
    }

    fn sample_texts(&self) -> Vec<&str> {
        let questions = self.questions().map(|question| question.text.as_str());
        self.contexts.iter().map(|context| &**context).chain(questions).collect()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        let settings = WindowSettings::of(model, run);
        let layout = model.tokenizer().pair_layout()?;
        let encoded = if self.has_tokens(settings) {
            self.tokens.share()
        } else {
            let mut known = self.encoded_contexts.clone();
            let mut encode_all = |questions: &Rc<Vec<Question>>| -> Result<Vec<EncodedQuestion>, TaskError> {
                let one = |question: &Question| {
                    let (context, known) = (&self.contexts[question.context], &mut known[question.context]);
                    encode(question, context, known, model.tokenizer(), &layout, settings).map(|(encoded, _)| encoded)
                };
                questions.iter().map(one).collect()
            };
            Rc::new([encode_all(&self.splits[0])?, encode_all(&self.splits[1])?, encode_all(&self.splits[2])?])
        };
        let has_windows = |questions: &[EncodedQuestion]| questions.iter().any(|one| !one.windows.windows.is_empty());
        if !self.splits[0].is_empty() && !has_windows(&encoded[0]) {
            let reason = "leaves no room for a context beside any question".to_owned();
            return Err(TaskError::TooShort { max_seq_length: settings.limit, reason });
        }
        Ok(Box::new(WindowRows::new(
            Rc::clone(&self.contexts),
            self.splits.each_ref().map(Rc::clone),
            encoded,
            Joining { layout, padding: model.padding(run) },
            run.max_answer_length as usize,
            self.has_no_answer().then_some(run.null_score_threshold),
        )))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FindingRows for QuestionData {
    fn labels_are(&self) -> LabelKind {
        LabelKind::Answers
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
        let question = &self.splits[split][index];
        FindingRow {
            row: question.row,
            texts: vec![question.text.as_str(), &*self.contexts[question.context]],
            target: None,
            labels: vec![Cow::Owned(question.answers.join("\n"))],
            num_tokens: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::SplitConfig;
    use crate::data::{DataFiles, HostTargets, Split};
    use crate::task::Purpose;

    pub(in crate::task::question_answering) use crate::task::texts::tests::{model, tokenizer};

    /// All rows are trained on.
    pub(in crate::task::question_answering) fn run(max_seq_length: u32) -> RunConfig {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        RunConfig { max_seq_length, pad_to_multiple_of: 1, split, ..RunConfig::default() }
    }

    pub(in crate::task::question_answering) fn data_of(name: &str, text: &str, run: &RunConfig) -> Box<dyn TaskData> {
        let files = &DataFiles { train: (name.into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        let (read_as, known_labels) = (&ReadOptions::default(), &[][..]);
        read(&ReadRequest {
            files: &files.clone().into(),
            read: read_as,
            run,
            known_labels,
            purpose: Purpose::Train,
            model: None,
        })
        .expect("good rows")
    }

    /// Twelve tokens.
    const CONTEXT: &str = "hello world hello world hello world hello world hello world hello ann";

    fn rows(answers: &[&str]) -> String {
        let row = |answer: &&str| format!("hello world,{CONTEXT},{answer}\n");
        String::from("question,context,answer\n") + &answers.iter().map(row).collect::<String>()
    }

    fn detail(report: &DataReport) -> &ReportDetail {
        let task::ReportDetail::QuestionAnswering(detail) = &report.detail else { panic!("of another task") };
        detail
    }

    #[test]
    fn windows_are_made_part_by_part_and_reported() {
        let (run, tokenizer) = (run(13), tokenizer());
        let model = model(&tokenizer);
        let mut data =
            data_of("x.csv", &rows(&["ann", "hello world hello world hello world hello world hello", "world"]), &run);
        let before = data.report(None, &run).expect("nothing is decoded");
        assert_eq!((before.num_encoded, before.lengths.max, detail(&before).num_windows), ([3, 0, 0], 0, 0));
        while data.encode_part(&model, &run).expect("room enough") {}
        assert_eq!(data.progress(), (3, 3));
        let report = data.report(Some(&model), &run).expect("nothing is decoded");
        assert_eq!((report.split_sizes, report.num_encoded, report.num_truncated), ([3, 0, 0], [6, 0, 0], 0));
        // Two tokens of the question, twelve of the context, three special ones.
        assert_eq!((report.lengths.max, detail(&report).num_windows, detail(&report).num_contexts), (17, 6, 1));
        let starts = [
            "1 row (4): the answer stands several times",
            "2 rows have the text of an earlier row but another answer",
            "there are no validation rows",
            "of 1 question no window has the whole answer: it is not learned",
            "for 3 questions, windows of 13 tokens (max_seq_length) have no more than doc_stride 128 tokens",
            "the contexts of 3 questions are read in 6 windows of 13 tokens: 384 are usual",
        ];
        for start in starts {
            assert!(report.warnings.iter().any(|said| said.starts_with(start)), "{start}: {:?}", report.warnings);
        }
        let first = &detail(&report).preview[0];
        assert_eq!((first.row, first.answer, first.context.text.as_str()), (2, Some((66, 69)), CONTEXT));
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), report);
        let note = "null_score_threshold has no effect";
        let notes = |run: &RunConfig| {
            let warnings = data.report(None, run).expect("nothing is decoded").warnings;
            warnings.iter().filter(|said| said.starts_with(note)).count()
        };
        assert_eq!([notes(&run), notes(&RunConfig { null_score_threshold: 1.0, ..run.clone() })], [0, 1]);
        let read = data.read_options();
        let columns = [read.question_column, read.context_column, read.answer_column];
        assert_eq!(columns.map(Option::unwrap_or_default), ["question", "context", "answer"]);
    }

    #[test]
    fn rows_are_windows_with_the_ends_of_the_answer() {
        let (run, tokenizer) = (run(13), tokenizer());
        let model = model(&tokenizer);
        let mut data = data_of("x.csv", &rows(&["ann"]), &run);
        let fresh = data.prepare(&model, &run).expect("room enough");
        while data.encode_part(&model, &run).expect("room enough") {}
        let known = data.prepare(&model, &run).expect("room enough");
        assert_eq!((known.fingerprint(), known.num_rows()), (fresh.fingerprint(), [2, 0, 0]));
        assert!(known.num_read() == [1, 0, 0] && known.thresholds().is_empty(), "every question has an answer");
        assert_eq!((known.lengths(Split::Train), known.row_number(Split::Train, 1)), (vec![13, 13], 2));
        let batch = known.batch(Split::Train, &[1, 0], None);
        let text = batch.inputs.text();
        // [CLS] hello world [SEP] hello world … ann [SEP], where `ann` is not in the vocabulary.
        assert_eq!(text.input_ids[..13], [2, 4, 5, 3, 4, 5, 4, 5, 4, 5, 4, 1, 3]);
        assert_eq!(text.token_type_ids[..13], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(batch.targets, HostTargets::Spans { starts: vec![11, 0], ends: vec![11, 0] });
        assert_eq!((batch.weight, batch.num_rows, batch.num_tokens), (2.0, 2, 26));
        let other = data_of("x.csv", &rows(&["hello ann"]), &run).prepare(&model, &run).expect("room enough");
        assert_ne!(other.fingerprint(), known.fingerprint(), "the answers are part of it");
    }

    #[test]
    fn a_question_that_leaves_no_room_is_named_and_rows_without_any_room_are_refused() {
        let (run, tokenizer) = (run(16), tokenizer());
        let model = model(&tokenizer);
        let long = format!("question,context,answer\n{},{CONTEXT},ann\nhello,{CONTEXT},ann\n", "hello ".repeat(9));
        let mut data = data_of("x.csv", &long, &run);
        while data.encode_part(&model, &run).expect("it is put aside") {}
        let report = data.report(Some(&model), &run).expect("nothing is decoded");
        let said =
            report.warnings.iter().find(|said| said.starts_with("1 question can't be asked")).expect("it is said");
        assert!(said.contains("16 tokens (max_seq_length)") && said.ends_with("rows 2"), "{said}");
        let rows = data.prepare(&model, &run).expect("one row is left");
        assert_eq!((rows.num_rows(), rows.row_number(Split::Train, 0)), ([1, 0, 0], 3));
        let error = data.prepare(&model, &RunConfig { max_seq_length: 8, ..run }).expect_err("no room").to_string();
        assert!(error.starts_with("max_seq_length 8 leaves no room for a context"), "{error}");
    }
}
