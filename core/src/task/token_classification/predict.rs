//! Finds entities in texts that a person gives: words, windows, and the tag of each word where it has most context.

use super::encode::{EncodedSentence, WindowSize};
use super::measure::judge;
use super::rows::pad_windows;
use super::spans::Places;
use super::{Prediction, SPEC};
use crate::data::{HostBatch, HostInputs, HostTargets, Outputs, Padding};
use crate::metrics::entity_spans;
use crate::task::texts::output_rows;
use crate::task::{self, PredictRequest, Predictor, TaskError, TaskInput};
use crate::tokenizer::split_words;

/// A text, its words, and the tag of each as far as it was judged.
struct Text {
    text: String,
    words: Vec<(usize, usize)>,
    judged: Vec<Option<(usize, f32)>>,
}

/// A window of a text as the model reads it.
struct TextWindow {
    /// Index of the text.
    input: usize,
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
    /// Words that are judged, and where the token stands by which each is.
    judged: Vec<(u32, usize)>,
}

/// Texts on their way to spans.
pub(super) struct SpanPredictor {
    labels: Vec<String>,
    texts: Vec<Text>,
    windows: Vec<TextWindow>,
    padding: Padding,
    /// Windows that were given out, and those of them whose outputs came back.
    num_given: usize,
    num_answered: usize,
    /// Tokens a row of the last batch, padding included.
    seq: usize,
}

impl SpanPredictor {
    /// Tokenises the inputs.
    ///
    /// # Errors
    /// When an input is a pair, or the tokenizer fails on one.
    pub(super) fn new(request: &PredictRequest<'_>) -> Result<Self, TaskError> {
        let (model, run) = (&request.model, request.run);
        let size = WindowSize::of(model, run)?;
        let prefix = model.tokenizer().special_prefix().len();
        let (mut texts, mut windows) = (Vec::with_capacity(request.inputs.len()), Vec::new());
        for (input, TaskInput { text, second, .. }) in request.inputs.iter().enumerate() {
            if second.is_some() {
                let reason = "a model that finds names in texts reads one text, not a pair".to_owned();
                return Err(TaskError::Input { index: input + 1, reason });
            }
            let words = split_words(text);
            let encoded = EncodedSentence::encode(model.tokenizer(), text, &words, false)
                .map_err(|source| TaskError::of_input(input, source))?;
            for window in encoded.windows(size) {
                let (start, end) = window.tokens;
                let (input_ids, token_type_ids) = model.tokenizer().add_special_tokens(&encoded.ids[start..end])?;
                let judged = window.words.iter().map(|&word| {
                    let token = encoded.token_of(word as usize).expect("a word that is judged has a token");
                    (word, token - start + prefix)
                });
                windows.push(TextWindow { input, input_ids, token_type_ids, judged: judged.collect() });
            }
            texts.push(Text { text: text.clone(), judged: vec![None; words.len()], words });
        }
        let (labels, padding) = (request.labels.to_vec(), model.padding(run));
        Ok(Self { labels, texts, windows, padding, num_given: 0, num_answered: 0, seq: 0 })
    }
}

impl Predictor for SpanPredictor {
    fn next_batch(&mut self) -> Option<HostBatch> {
        let end = (self.num_given + SPEC.eval_batch_size).min(self.windows.len());
        let windows = &self.windows[self.num_given..end];
        if windows.is_empty() {
            return None;
        }
        let rows = windows.iter().map(|window| (window.input_ids.as_slice(), window.token_type_ids.as_slice()));
        let text = pad_windows(rows, &self.padding);
        (self.num_given, self.seq) = (end, text.seq);
        let (num_rows, num_tokens) = (text.batch, text.num_tokens());
        let weight = num_rows as f64;
        Some(HostBatch { inputs: HostInputs::Text(text), targets: HostTargets::None, weight, num_rows, num_tokens })
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        let tokens: Vec<&[f32]> = output_rows(outputs).collect();
        for tokens in tokens.chunks(self.seq.max(1)) {
            let window = &self.windows[self.num_answered];
            for &(word, position) in &window.judged {
                let judged = judge(tokens[position]).ok_or(window.input)?;
                self.texts[window.input].judged[word as usize] = Some(judged);
            }
            self.num_answered += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<task::Prediction> {
        let Self { labels, texts, .. } = *self;
        let predict = |Text { text, words, judged }: Text| {
            let indices: Vec<usize> = (0..words.len()).filter(|&word| judged[word].is_some()).collect();
            let tags: Vec<&str> = judged.iter().flatten().map(|&(tag, _)| labels[tag].as_str()).collect();
            let scores: Vec<f32> = judged.iter().flatten().map(|&(_, score)| score).collect();
            let spans = Places::new(&text, &words).spans(&entity_spans(&tags), &indices, &scores);
            task::Prediction::TokenClassification(Prediction { text, spans })
        };
        texts.into_iter().map(predict).collect()
    }

    /// None: long texts are read in windows.
    fn cut_inputs(&self) -> &[usize] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::bert;
    use super::super::rows::tests::model_of;
    use super::*;
    use crate::config::RunConfig;

    fn inputs(texts: &[&str]) -> Vec<TaskInput> {
        texts.iter().map(|text| TaskInput { text: (*text).to_owned(), second: None, image: None }).collect()
    }

    fn labels() -> Vec<String> {
        ["O", "B-x", "I-x"].map(str::to_owned).to_vec()
    }

    /// A model that tags `paris` as the start of an entity, `-` as the rest of it, and nothing else.
    fn answer(batch: &HostBatch) -> Outputs {
        let text = batch.inputs.text();
        let tag = |id: i32| match id {
            10 => 1,
            12 => 2,
            _ => 0,
        };
        let mut values = vec![0.0; text.input_ids.len() * 3];
        for (cell, &id) in text.input_ids.iter().enumerate() {
            values[cell * 3 + tag(id)] = 3.0;
        }
        Outputs::Rows { values, width: 3 }
    }

    fn predict(texts: &[&str], max_seq_length: u32) -> Vec<Prediction> {
        let (inputs, labels, tokenizer) = (inputs(texts), labels(), bert());
        let run = RunConfig { max_seq_length, doc_stride: 2, ..RunConfig::default() };
        let request = PredictRequest { inputs: &inputs, labels: &labels, model: model_of(&tokenizer), run: &run };
        let mut predictor = Box::new(SpanPredictor::new(&request).expect("good inputs"));
        while let Some(batch) = predictor.next_batch() {
            predictor.add(&answer(&batch)).expect("finite");
        }
        assert!(predictor.cut_inputs().is_empty());
        let own = |prediction| match prediction {
            task::Prediction::TokenClassification(own) => own,
            other => panic!("of another task: {other:?}"),
        };
        predictor.finish().into_iter().map(own).collect()
    }

    #[test]
    fn texts_become_spans_with_characters_and_scores() {
        let found = predict(&["é in Paris-x", "", "a"], 64);
        assert_eq!(found.iter().map(|found| found.spans.len()).collect::<Vec<_>>(), [1, 0, 0]);
        let span = &found[0].spans[0];
        assert_eq!((span.start, span.end, span.label.as_str()), (5, 11, "x"));
        let expected = 3.0_f32.exp() / (3.0_f32.exp() + 2.0);
        assert!((span.score.expect("a score") - expected).abs() < 1e-6);
    }

    #[test]
    fn a_long_text_is_read_in_windows_and_gives_the_same_spans() {
        let text = "a b c paris - a paris b c a b - c paris - -";
        let whole = predict(&[text], 64);
        assert_eq!(whole[0].spans.len(), 4);
        assert_eq!(predict(&[text], 7), whole);
        assert_eq!(predict(&["a", text, "paris"], 7)[1], whole[0]);
    }

    #[test]
    fn pairs_and_outputs_that_are_not_finite_are_refused() {
        let (two, labels, tokenizer) = (inputs(&["a", "paris"]), labels(), bert());
        let run = RunConfig::default();
        let request = PredictRequest { inputs: &two, labels: &labels, model: model_of(&tokenizer), run: &run };
        let mut predictor = SpanPredictor::new(&request).expect("good inputs");
        let batch = predictor.next_batch().expect("two rows");
        let Outputs::Rows { mut values, width } = answer(&batch) else { panic!("rows") };
        let text = batch.inputs.text();
        values[(text.seq + 1) * width] = f32::INFINITY;
        assert_eq!(predictor.add(&Outputs::Rows { values, width }), Err(1));
        let pair = [two[0].clone(), TaskInput { text: "a".into(), second: Some("b".into()), image: None }];
        let error = SpanPredictor::new(&PredictRequest { inputs: &pair, ..request }).err().expect("a pair");
        let expected = "input 2: a model that finds names in texts reads one text, not a pair";
        assert_eq!(error.to_string(), expected);
    }
}
