//! Windows as a run trains on them and is measured on them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::best::WindowScores;
use super::encode::{EncodedContext, Window, Windows};
use super::measure::SpanMeasure;
use super::read::Question;
use super::{NO_ANSWER, SPEC};
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding, Split, TextRow};
use crate::hub::sha256_hex;
use crate::task::texts::index_of;
use crate::task::{Measure, Task, TaskRows};
use crate::tokenizer::PairLayout;

/// A question as tokens, with its context in windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodedQuestion {
    pub(super) input_ids: Vec<u32>,
    pub(super) context: Rc<EncodedContext>,
    pub(super) windows: Windows,
}

/// How windows are joined and padded.
#[derive(Debug, Clone)]
pub(super) struct Joining {
    pub(super) layout: PairLayout,
    pub(super) padding: Padding,
}

impl Joining {
    /// The tokens of windows, padded.
    pub(super) fn pad<'w>(&self, windows: impl Iterator<Item = (&'w EncodedQuestion, &'w Window)>) -> HostText {
        let join = |(question, window): (&EncodedQuestion, &Window)| {
            self.layout.join(&question.input_ids, &question.context.input_ids[window.tokens.clone()])
        };
        let joined: Vec<(Vec<u32>, Vec<u32>)> = windows.map(join).collect();
        let rows: Vec<TextRow<'_>> =
            joined.iter().map(|(ids, type_ids)| TextRow { input_ids: ids, token_type_ids: type_ids }).collect();
        HostText::pad(&rows, &self.padding)
    }

    /// Tokens of a window, special tokens included.
    pub(super) fn num_tokens(&self, question: &EncodedQuestion, window: &Window) -> usize {
        self.layout.num_special_tokens() + question.input_ids.len() + window.tokens.len()
    }

    /// The scores of a window among those of a batch; `values` are those of its row, padding included.
    pub(super) fn scores<'a>(
        &self,
        question: &'a EncodedQuestion,
        window: &Window,
        values: &'a [f32],
    ) -> WindowScores<'a> {
        WindowScores {
            values: &values[..2 * self.num_tokens(question, window)],
            first: self.layout.second_position(question.input_ids.len()),
            offsets: &question.context.offsets[window.tokens.clone()],
        }
    }
}

/// Windows of three splits, ready to be trained on.
#[derive(Debug)]
pub(super) struct WindowRows(Rc<Content>);

/// What an evaluation holds on to.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) contexts: Rc<Vec<Rc<str>>>,
    /// Questions of training, validation and test.
    pub(super) questions: [Rc<Vec<Question>>; 3],
    /// The same as tokens.
    encoded: Rc<[Vec<EncodedQuestion>; 3]>,
    /// Windows in their order: the index of the question, and that of the window among its own.
    windows: [Vec<(usize, usize)>; 3],
    pub(super) joining: Joining,
    /// Most tokens of an answer.
    pub(super) max_answer_length: usize,
    /// How much better than the best answer no answer must score; `None` where all questions have an answer.
    pub(super) null_score_threshold: Option<f64>,
}

impl Content {
    /// A window of a split and its question; and the index of that.
    pub(super) fn window(&self, split: Split, index: usize) -> (usize, &EncodedQuestion, &Window) {
        let split = index_of(split);
        let (question, window) = self.windows[split][index];
        let encoded = &self.encoded[split][question];
        (question, encoded, &encoded.windows.windows[window])
    }

    /// Windows of a split.
    pub(super) fn num_windows(&self, split: Split) -> usize {
        self.windows[index_of(split)].len()
    }
}

impl WindowRows {
    pub(super) fn new(
        contexts: Rc<Vec<Rc<str>>>,
        questions: [Rc<Vec<Question>>; 3],
        encoded: Rc<[Vec<EncodedQuestion>; 3]>,
        joining: Joining,
        max_answer_length: usize,
        null_score_threshold: Option<f64>,
    ) -> Self {
        let windows = encoded.each_ref().map(|questions| {
            let of_question = |(question, encoded): (usize, &EncodedQuestion)| {
                (0..encoded.windows.windows.len()).map(move |window| (question, window))
            };
            questions.iter().enumerate().flat_map(of_question).collect()
        });
        Self(Rc::new(Content {
            contexts,
            questions,
            encoded,
            windows,
            joining,
            max_answer_length,
            null_score_threshold,
        }))
    }
}

impl TaskRows for WindowRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    /// Windows.
    fn num_rows(&self) -> [usize; 3] {
        self.0.windows.each_ref().map(Vec::len)
    }

    /// Questions.
    fn num_read(&self) -> [usize; 3] {
        self.0.questions.each_ref().map(|questions| questions.len())
    }

    /// From which difference on "no answer" is given, where some question has none.
    fn thresholds(&self) -> BTreeMap<String, f64> {
        self.0.null_score_threshold.map(|threshold| (NO_ANSWER.to_owned(), threshold)).into_iter().collect()
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        let length = |index: usize| {
            let (_, question, window) = self.0.window(split, index);
            self.0.joining.num_tokens(question, window)
        };
        (0..self.0.num_windows(split)).map(length).collect()
    }

    fn batch(&self, split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let windows = || indices.iter().map(|&index| self.0.window(split, index));
        let text = self.0.joining.pad(windows().map(|(_, question, window)| (question, window)));
        // Where a window does not have the answer, the first token stands for "none here".
        let target = |(_, question, window): (usize, &EncodedQuestion, &Window)| {
            let position = |token: usize| {
                let first = self.0.joining.layout.second_position(question.input_ids.len());
                (first + token - window.tokens.start) as i32
            };
            window.answer.map_or((0, 0), |(start, end)| (position(start), position(end)))
        };
        let (starts, ends) = windows().map(target).unzip();
        let num_tokens = text.num_tokens();
        HostBatch {
            inputs: HostInputs::Text(text),
            targets: HostTargets::Spans { starts, ends },
            weight: indices.len() as f64,
            num_rows: indices.len(),
            num_tokens,
        }
    }

    fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        let mut add = |ids: &[u32]| {
            bytes.extend((ids.len() as u32).to_le_bytes());
            bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        };
        let mut last = None;
        for question in &self.0.encoded[0] {
            // Questions on a context stand together: its tokens are added where they change.
            if last.replace(Rc::as_ptr(&question.context)) != Some(Rc::as_ptr(&question.context)) {
                add(&question.context.input_ids);
            }
            add(&question.input_ids);
            for Window { tokens, answer } in &question.windows.windows {
                let (start, end) = answer.map_or((0, 0), |(start, end)| (start + 1, end + 1));
                add(&[tokens.start, tokens.end, start, end].map(|number| number as u32));
            }
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        let (question, ..) = self.0.window(split, index);
        self.0.questions[index_of(split)][question].row
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(SpanMeasure::new(Rc::clone(&self.0), split))
    }
}
