//! Answers to questions that a person asks of a text, over its windows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use super::best::BestAnswers;
use super::encode::{EncodedContext, MIN_ROOM, WindowSettings, Windows, room_for_context};
use super::place::chars_before;
use super::rows::{EncodedQuestion, Joining};
use super::{FoundAnswer, NO_ANSWER, Prediction, SPEC};
use crate::data::{HostBatch, HostInputs, HostTargets, Outputs};
use crate::task::{self, PredictRequest, Predictor, TaskError};

/// Answers that are given.
const MAX_ANSWERS: usize = 5;

/// Scores of a token: as first and as last.
const ENDS: usize = 2;

/// Prepares to answer questions. A question so long that it leaves no room for its text is cut off.
///
/// # Errors
/// When a question comes without a text, or the tokenizer fails on one.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    let (model, run) = (&request.model, request.run);
    let settings = WindowSettings::of(model, run);
    let layout = model.tokenizer().pair_layout()?;
    let longest = room_for_context(MIN_ROOM, &layout, settings.limit);
    if longest == 0 {
        let reason = "leaves no room for a text beside a question".to_owned();
        return Err(TaskError::TooShort { max_seq_length: settings.limit, reason });
    }
    let (mut asked, mut cut) = (Vec::with_capacity(request.inputs.len()), Vec::new());
    for (index, input) in request.inputs.iter().enumerate() {
        let Some(text) = &input.second else {
            let reason = "there is no text to find the answer in: give one with every question".to_owned();
            return Err(TaskError::Input { index: index + 1, reason });
        };
        let of_input = |source| TaskError::of_input(index, source);
        let mut input_ids = model.tokenizer().encode_with_offsets(input.text.trim()).map_err(of_input)?.ids;
        let context = Rc::new(EncodedContext::encode(model.tokenizer(), text).map_err(of_input)?);
        let mut windows = Windows::cut(input_ids.len(), &context, None, &layout, settings);
        if windows.windows.is_empty() && input_ids.len() > longest {
            input_ids.truncate(longest);
            windows = Windows::cut(input_ids.len(), &context, None, &layout, settings);
            cut.push(index);
        }
        asked.push(Asked { text: text.clone(), encoded: EncodedQuestion { input_ids, context, windows } });
    }
    let count = |asked: &Asked| asked.encoded.windows.windows.len();
    let windows = (0..asked.len()).flat_map(|index| (0..count(&asked[index])).map(move |window| (index, window)));
    Ok(Box::new(AnswerPredictor {
        windows: windows.collect(),
        best: vec![BestAnswers::default(); asked.len()],
        asked,
        cut,
        joining: Joining { layout, padding: model.padding(run) },
        max_answer_length: run.max_answer_length as usize,
        null_score_threshold: None,
        given: 0..0,
    }))
}

/// A question and its text.
struct Asked {
    text: String,
    encoded: EncodedQuestion,
}

struct AnswerPredictor {
    asked: Vec<Asked>,
    /// Windows in the order of the questions: the index of the question, and that of the window among its own.
    windows: Vec<(usize, usize)>,
    /// One for each question.
    best: Vec<BestAnswers>,
    cut: Vec<usize>,
    joining: Joining,
    max_answer_length: usize,
    /// How much better than the best answer no answer must score to be given; `None` where an answer always is, as by a
    /// model that was trained on no question without one.
    null_score_threshold: Option<f64>,
    /// The windows of the last batch.
    given: Range<usize>,
}

impl AnswerPredictor {
    fn predict(&self, index: usize) -> Prediction {
        let (text, best) = (self.asked[index].text.as_str(), &self.best[index]);
        let probabilities = best.probabilities(true);
        let is_withheld = self.null_score_threshold.is_some_and(|threshold| best.null_difference() > threshold);
        let found = best.candidates().iter().zip(&probabilities.answers).take(MAX_ANSWERS);
        let answers = found.filter_map(|(candidate, &score)| {
            let (start, end) = (candidate.bytes.0 as usize, candidate.bytes.1 as usize);
            let answer = text.get(start..end)?.to_owned();
            Some(FoundAnswer { text: answer, start: chars_before(text, start), end: chars_before(text, end), score })
        });
        Prediction {
            answers: answers.collect(),
            no_answer: probabilities.no_answer,
            is_answered: !best.candidates().is_empty() && !is_withheld,
        }
    }
}

impl Predictor for AnswerPredictor {
    fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        self.null_score_threshold = thresholds.get(NO_ANSWER).copied();
    }

    fn next_batch(&mut self) -> Option<HostBatch> {
        let start = self.given.end;
        self.given = start..(start + SPEC.eval_batch_size).min(self.windows.len());
        if self.given.is_empty() {
            return None;
        }
        let text = self.joining.pad(self.windows[self.given.clone()].iter().map(|&(index, window)| {
            let encoded = &self.asked[index].encoded;
            (encoded, &encoded.windows.windows[window])
        }));
        let (num_rows, num_tokens) = (text.batch, text.num_tokens());
        let weight = num_rows as f64;
        Some(HostBatch { inputs: HostInputs::Text(text), targets: HostTargets::None, weight, num_rows, num_tokens })
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        let Outputs::Rows { values, .. } = outputs else { return Ok(()) };
        let windows = &self.windows[self.given.clone()];
        // All rows of a batch are as long as its longest.
        let length = (values.len() / windows.len().max(1)).max(ENDS);
        for (&(index, window), values) in windows.iter().zip(values.chunks_exact(length)) {
            let encoded = &self.asked[index].encoded;
            let scores = self.joining.scores(encoded, &encoded.windows.windows[window], values);
            if !scores.values.iter().all(|score| score.is_finite()) {
                return Err(index);
            }
            self.best[index].add(&scores, self.max_answer_length);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<task::Prediction> {
        (0..self.asked.len()).map(|index| task::Prediction::QuestionAnswering(self.predict(index))).collect()
    }

    fn cut_inputs(&self) -> &[usize] {
        &self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::{model, run, tokenizer};
    use super::*;
    use crate::config::RunConfig;
    use crate::task::TaskInput;

    /// Twelve tokens; `Zoë` and `ann` are not in the vocabulary.
    const TEXT: &str = "hello Zoë hello world hello world hello world hello world hello ann";

    fn input(question: &str, text: Option<&str>) -> TaskInput {
        TaskInput { text: question.into(), second: text.map(str::to_owned), image: None }
    }

    fn answer(inputs: &[TaskInput], run: &RunConfig, scores: &[(usize, usize, f32, f32)]) -> Vec<Prediction> {
        let tokenizer = tokenizer();
        let request = PredictRequest { inputs, labels: &[], model: model(&tokenizer), run };
        let mut predictor = predictor(&request).expect("room enough");
        predictor.set_thresholds(&BTreeMap::from([(NO_ANSWER.to_owned(), run.null_score_threshold)]));
        while let Some(batch) = predictor.next_batch() {
            let text = batch.inputs.text();
            let mut values = vec![0.0; ENDS * text.batch * text.seq];
            for &(row, token, first, last) in scores {
                let at = ENDS * (row * text.seq + token);
                (values[at], values[at + 1]) = (first, last);
            }
            predictor.add(&Outputs::Rows { values, width: ENDS }).expect("finite");
        }
        let unpack = |prediction| match prediction {
            task::Prediction::QuestionAnswering(prediction) => prediction,
            other => panic!("of another task: {other:?}"),
        };
        predictor.finish().into_iter().map(unpack).collect()
    }

    #[test]
    fn the_likeliest_answers_come_with_their_characters() {
        // One window each: [CLS] hello [SEP], and then the text.
        let inputs = [input("hello", Some(TEXT)), input("hello", Some("world hello"))];
        let found = answer(&inputs, &run(64), &[(0, 4, 9.0, 9.0), (0, 14, 8.0, 8.0), (1, 0, 3.0, 3.0)]);
        let first: Vec<_> =
            found[0].answers.iter().map(|found| (found.text.as_str(), found.start, found.end)).collect();
        assert_eq!((first.len(), first[0]), (MAX_ANSWERS, ("Zoë", 6, 9)));
        assert_eq!(first[1], (&TEXT[6..], 6, 67), "from the best first to the second best last token");
        assert!(found[0].is_answered && found[0].given().is_some_and(|given| given.score > 0.5));
        assert!(!found[1].is_answered && found[1].given().is_none() && found[1].no_answer > 0.9);
        let sum: f64 = found[1].answers.iter().map(|found| found.score).sum::<f64>() + found[1].no_answer;
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let lenient = RunConfig { null_score_threshold: 100.0, ..run(64) };
        assert!(answer(&inputs, &lenient, &[(1, 0, 3.0, 3.0)])[1].is_answered);
    }

    #[test]
    fn a_model_that_knows_no_question_without_an_answer_always_gives_one() {
        let tokenizer = tokenizer();
        let (inputs, run) = ([input("hello", Some("world hello"))], run(64));
        let is_answered = |thresholds: &BTreeMap<String, f64>| {
            let request = PredictRequest { inputs: &inputs, labels: &[], model: model(&tokenizer), run: &run };
            let mut predictor = predictor(&request).expect("room enough");
            predictor.set_thresholds(thresholds);
            let batch = predictor.next_batch().expect("one window");
            let text = batch.inputs.text();
            let mut values = vec![0.0; ENDS * text.batch * text.seq];
            (values[0], values[1]) = (9.0, 9.0);
            predictor.add(&Outputs::Rows { values, width: ENDS }).expect("finite");
            match predictor.finish().pop() {
                Some(task::Prediction::QuestionAnswering(found)) => found.is_answered,
                other => panic!("of another task: {other:?}"),
            }
        };
        assert!(is_answered(&BTreeMap::new()));
        assert!(!is_answered(&BTreeMap::from([(NO_ANSWER.to_owned(), run.null_score_threshold)])));
    }

    #[test]
    fn what_can_not_be_asked_is_said_and_an_empty_text_has_no_answer() {
        let tokenizer = tokenizer();
        let fail = |inputs: &[TaskInput], run: &RunConfig| {
            let request = PredictRequest { inputs, labels: &[], model: model(&tokenizer), run };
            predictor(&request).err().expect("it can't be asked").to_string()
        };
        let error = fail(&[input("hello", Some(TEXT)), input("hello", None)], &run(64));
        assert!(error.starts_with("input 2: there is no text to find the answer in"), "{error}");
        let error = fail(&[input("hello", Some(TEXT))], &run(11));
        assert!(error.starts_with("max_seq_length 11 leaves no room for a text"), "{error}");
        let found = answer(&[input("hello", Some(" "))], &run(64), &[]);
        assert_eq!(found, [Prediction { answers: Vec::new(), no_answer: 1.0, is_answered: false }]);
    }

    #[test]
    fn a_question_without_end_is_cut_and_named() {
        let tokenizer = tokenizer();
        let inputs = [input("hello", Some(TEXT)), input(&"hello ".repeat(50), Some(TEXT))];
        let run = run(16);
        let request = PredictRequest { inputs: &inputs, labels: &[], model: model(&tokenizer), run: &run };
        let mut predictor = predictor(&request).expect("it is cut");
        assert_eq!(predictor.cut_inputs(), [1]);
        // One window for the first, and two for the second, whose question has five tokens left.
        assert_eq!(predictor.next_batch().map(|batch| (batch.num_rows, batch.num_tokens)), Some((3, 48)));
    }

    #[test]
    fn a_score_that_is_not_finite_names_its_input() {
        let tokenizer = tokenizer();
        let inputs = [input("hello", Some("world")), input("hello", Some("world"))];
        let run = run(16);
        let request = PredictRequest { inputs: &inputs, labels: &[], model: model(&tokenizer), run: &run };
        let mut predictor = predictor(&request).expect("room enough");
        let batch = predictor.next_batch().expect("two windows");
        let text = batch.inputs.text();
        let mut values = vec![0.0; ENDS * text.batch * text.seq];
        values[ENDS * text.seq] = f32::NAN;
        assert_eq!(predictor.add(&Outputs::Rows { values, width: ENDS }), Err(1));
    }
}
