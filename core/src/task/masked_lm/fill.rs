//! The blanks of texts that a person typed, and the likeliest tokens for each.

use super::mask::no_mask_token;
use super::{Fill, Prediction, SPEC};
use crate::config::RunConfig;
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Outputs, Padding, TextRow};
use crate::task::{self, PredictRequest, Predictor, TaskError, TaskModel};
use crate::tokenizer::Tokenizer;
use crate::words::plural;

/// How people write a blank, whatever the model's own is called.
pub const BLANKS: [&str; 2] = ["[MASK]", "<mask>"];

/// Tokens that are offered for a blank.
const NUM_FILLS: usize = 10;

/// Blanks of one text, and of the texts of one batch: each is read back as a score for every token of the vocabulary.
const MAX_BLANKS: usize = 64;

/// Prepares to fill the blanks of inputs.
///
/// # Errors
/// When the model's tokenizer hides no words; when an input is a pair, or has no blank, too many, or one outside the part
/// that is read.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    let model = &request.model;
    let mask = model.tokenizer().mask_token().zip(model.tokenizer().mask_token_id()).ok_or_else(no_mask_token)?;
    let mut texts = Vec::with_capacity(request.inputs.len());
    let mut cut = Vec::new();
    for (index, input) in request.inputs.iter().enumerate() {
        if input.second.is_some() {
            let reason = "a model that fills in blanks reads one text, not a pair".to_owned();
            return Err(TaskError::Input { index: index + 1, reason });
        }
        let (text, is_cut) = read_input(index, &input.text, mask, model, request.run)?;
        cut.extend(is_cut.then_some(index));
        texts.push(text);
    }
    let padding = model.padding(request.run);
    let tokenizer = model.tokenizer().clone();
    Ok(Box::new(BlankFiller { texts, cut, padding, tokenizer, given: 0, answered: 0, predictions: Vec::new() }))
}

/// A text with blanks, as tokens.
struct Blanks {
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
    /// Where the blanks are.
    positions: Vec<usize>,
}

/// Tokenises the input at an index, and says whether it was cut; an error says why it can't be answered.
fn read_input(
    index: usize,
    text: &str,
    (mask, mask_token_id): (&str, u32),
    model: &TaskModel<'_>,
    run: &RunConfig,
) -> Result<(Blanks, bool), TaskError> {
    let limit = model.limit(run);
    let refuse = |reason: String| TaskError::Input { index: index + 1, reason };
    let text = BLANKS.iter().fold(text.to_owned(), |text, blank| text.replace(blank, mask));
    let num_blanks = text.matches(mask).count();
    if num_blanks == 0 {
        return Err(refuse(format!("it has no blank: write {mask} where a word is to be filled in")));
    }
    if num_blanks > MAX_BLANKS {
        return Err(refuse(format!("it has {num_blanks} blanks: at most {MAX_BLANKS} of a text are filled in")));
    }
    let encoded = model.tokenizer().encode(&text, limit).map_err(|source| TaskError::of_input(index, source))?;
    let positions: Vec<usize> = (0..encoded.ids.len()).filter(|&at| encoded.ids[at] == mask_token_id).collect();
    if positions.len() < num_blanks {
        let missing = num_blanks - positions.len();
        let (blanks, are) = (plural(num_blanks, "blank"), if missing == 1 { "is" } else { "are" });
        let what = format!("of its {blanks}, {missing} {are} not in the {limit} tokens that are read");
        return Err(refuse(format!("{what}: shorten the text")));
    }
    let is_cut = encoded.num_tokens_untruncated > limit;
    Ok((Blanks { input_ids: encoded.ids, token_type_ids: encoded.type_ids, positions }, is_cut))
}

struct BlankFiller {
    texts: Vec<Blanks>,
    cut: Vec<usize>,
    padding: Padding,
    tokenizer: Tokenizer,
    /// Texts that were given out, and texts that were answered.
    given: usize,
    answered: usize,
    predictions: Vec<Prediction>,
}

impl Predictor for BlankFiller {
    fn next_batch(&mut self) -> Option<HostBatch> {
        let mut num_blanks = 0;
        let has_room = |text: &&Blanks| {
            num_blanks += text.positions.len();
            num_blanks <= MAX_BLANKS
        };
        let next = self.texts[self.given..].iter().take(SPEC.eval_batch_size);
        let end = self.given + next.take_while(has_room).count();
        let texts = &self.texts[self.given..end];
        if texts.is_empty() {
            return None;
        }
        let rows: Vec<TextRow<'_>> = texts
            .iter()
            .map(|text| TextRow { input_ids: &text.input_ids, token_type_ids: &text.token_type_ids })
            .collect();
        let text = HostText::pad(&rows, &self.padding);
        let seq = text.seq;
        let in_batch = |(row, text): (usize, &Blanks)| -> Vec<i32> {
            text.positions.iter().map(|position| (row * seq + position) as i32).collect()
        };
        let positions: Vec<i32> = texts.iter().enumerate().flat_map(in_batch).collect();
        let (num_rows, num_tokens) = (texts.len(), text.num_tokens());
        self.given = end;
        Some(HostBatch {
            inputs: HostInputs::Text(text),
            weight: positions.len() as f64,
            targets: HostTargets::Positions(positions),
            num_rows,
            num_tokens,
        })
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        let mut scores = match outputs {
            Outputs::Rows { values, width } => values.chunks((*width).max(1)),
            Outputs::Tokens { .. } => return Err(self.answered),
        };
        while self.answered < self.given {
            let num_blanks = self.texts[self.answered].positions.len();
            let fill = |scores: &[f32]| likeliest(scores, &self.tokenizer);
            let blanks: Option<Vec<Vec<Fill>>> = scores.by_ref().take(num_blanks).map(fill).collect();
            let blanks = blanks.filter(|blanks| blanks.len() == num_blanks).ok_or(self.answered)?;
            self.predictions.push(Prediction { blanks });
            self.answered += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<task::Prediction> {
        self.predictions.into_iter().map(task::Prediction::MaskedLm).collect()
    }

    fn cut_inputs(&self) -> &[usize] {
        &self.cut
    }
}

/// The likeliest tokens by their scores; `None` where a score is not finite.
fn likeliest(scores: &[f32], tokenizer: &Tokenizer) -> Option<Vec<Fill>> {
    if scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|score| f64::from(score - highest).exp()).sum();
    // Rows of the table beyond the vocabulary are no tokens.
    let mut ids: Vec<usize> = (0..scores.len().min(tokenizer.vocab_size())).collect();
    ids.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let fill = |&id: &usize| {
        let token = tokenizer.decode(&[id as u32], false).unwrap_or_default();
        Fill { token: token.trim().to_owned(), probability: (f64::from(scores[id] - highest).exp() / sum) as f32 }
    };
    Some(ids.iter().take(NUM_FILLS).map(fill).collect())
}

#[cfg(test)]
mod tests {
    use super::super::mask::tests::model;
    use super::super::passages::tests::tokenizer;
    use super::*;
    use crate::task::TaskInput;

    fn of(texts: &[&str], tokenizer: &Tokenizer) -> Result<Box<dyn Predictor>, TaskError> {
        let inputs: Vec<TaskInput> =
            texts.iter().map(|&text| TaskInput { text: text.into(), second: None, image: None }).collect();
        let run = RunConfig { max_seq_length: 6, ..RunConfig::default() };
        predictor(&PredictRequest { inputs: &inputs, labels: &[], model: model(tokenizer), run: &run })
    }

    #[test]
    fn blanks_get_their_likeliest_tokens_however_they_are_written() {
        let tokenizer = tokenizer();
        let mut found = of(&["hello <mask>", "[MASK] and [MASK] ! hello"], &tokenizer).expect("blanks");
        assert_eq!(found.cut_inputs(), [1]);
        let batch = found.next_batch().expect("two texts");
        let text = batch.inputs.text();
        assert_eq!((text.batch, text.seq), (2, 6));
        assert_eq!(text.input_ids[..4], [2, 5, 4, 3]);
        assert_eq!(batch.targets, HostTargets::Positions(vec![2, 7, 9]));
        assert!(found.next_batch().is_none());
        let mut values = vec![0.0; 30];
        (values[6], values[10 + 8], values[20 + 7]) = (5.0, 5.0, 5.0);
        found.add(&Outputs::Rows { values, width: 10 }).expect("finite");
        let answers = found.finish();
        let best = |answer: &task::Prediction| -> Vec<String> {
            let task::Prediction::MaskedLm(prediction) = answer else { panic!("it fills blanks") };
            prediction.blanks.iter().map(|fills| fills[0].token.clone()).collect()
        };
        assert_eq!(answers.iter().map(best).collect::<Vec<_>>(), [vec!["world"], vec!["!", "##s"]]);
        let task::Prediction::MaskedLm(first) = &answers[0] else { panic!("it fills blanks") };
        let probabilities: Vec<f32> = first.blanks[0].iter().map(|fill| fill.probability).collect();
        assert!(probabilities.len() == 10 && (probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((probabilities[0] - 5_f32.exp() / (5_f32.exp() + 9.0)).abs() < 1e-6, "{probabilities:?}");
    }

    #[test]
    fn a_batch_has_no_more_blanks_than_are_read_back_at_once() {
        let tokenizer = tokenizer();
        let run = RunConfig { max_seq_length: 64, ..RunConfig::default() };
        let text = TaskInput { text: "[MASK] ".repeat(40), second: None, image: None };
        let inputs = vec![text; 3];
        let request = PredictRequest { inputs: &inputs, labels: &[], model: model(&tokenizer), run: &run };
        let mut found = predictor(&request).expect("blanks");
        let mut num_rows = Vec::new();
        while let Some(batch) = found.next_batch() {
            num_rows.push(batch.num_rows);
        }
        assert_eq!(num_rows, [1, 1, 1]);
    }

    #[test]
    fn what_can_not_be_filled_is_named() {
        let tokenizer = tokenizer();
        let error = |texts: &[&str]| match of(texts, &tokenizer) {
            Ok(_) => panic!("{texts:?}"),
            Err(error) => error.to_string(),
        };
        let none = error(&["hello [MASK]", "hello world"]);
        assert_eq!(none, "input 2: it has no blank: write [MASK] where a word is to be filled in");
        let behind = error(&["hello hello hello hello hello [MASK]"]);
        assert_eq!(behind, "input 1: of its 1 blank, 1 is not in the 6 tokens that are read: shorten the text");
        let second = error(&["hello [MASK] hello hello hello [MASK]"]);
        assert!(second.starts_with("input 1: of its 2 blanks, 1 is not in the 6 tokens"), "{second}");
        let many = error(&["hello [MASK]", &"[MASK] ".repeat(65)]);
        assert_eq!(many, "input 2: it has 65 blanks: at most 64 of a text are filled in");
        let pair = [TaskInput { text: "hello [MASK]".into(), second: Some("world".into()), image: None }];
        let run = RunConfig::default();
        let request = PredictRequest { inputs: &pair, labels: &[], model: model(&tokenizer), run: &run };
        let pair = predictor(&request).err().expect("one text is read").to_string();
        assert!(pair.starts_with("input 1: ") && pair.contains("not a pair"), "{pair}");
        let mut found = of(&["hello [MASK]"], &tokenizer).expect("a blank");
        let _ = found.next_batch();
        assert_eq!(found.add(&Outputs::Rows { values: vec![f32::NAN; 10], width: 10 }), Err(0));
    }
}
