//! Words for other words: whether an answer changes when a name or a pronoun does, which should make no difference. In: inputs, and
//! pairs of words. Out: the inputs with each word of a pair in the place of the other, and how the answers to both differ.

use serde::{Deserialize, Serialize};

use super::{Prediction, RowPredictions, Task, TaskInput};
pub use crate::config::SwapPairs;

/// Rows that are listed.
const MAX_LISTED: usize = 200;

/// A text that was answered otherwise once its words were swapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlippedRow {
    /// Index of the input.
    pub index: usize,
    /// The text as it was.
    pub text: String,
    /// The text with its words swapped.
    pub swapped: String,
    /// The answer to each.
    pub labels: [String; 2],
    /// The probability of the first answer, for each of the texts.
    pub probabilities: [f32; 2],
}

/// What swapping words did to answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwapReport {
    /// Texts that were looked through.
    pub num_rows: usize,
    /// Texts with a word of a pair in them: these were asked about twice.
    pub num_swapped: usize,
    /// Of these, those whose answer changed.
    pub num_flipped: usize,
    /// By how much the probability of the first answer changed on average, whatever the direction, over the swapped ones.
    pub mean_change: f64,
    /// Those whose answer changed, the largest change first; at most 200.
    pub flipped: Vec<FlippedRow>,
}

impl SwapPairs {
    /// An input with its words swapped, in both texts of a pair; `None` where it has none of them.
    #[must_use]
    pub fn swap_input(&self, input: &TaskInput) -> Option<TaskInput> {
        let (text, second) = (self.swap(&input.text), input.second.as_deref().and_then(|text| self.swap(text)));
        if text.is_none() && second.is_none() {
            return None;
        }
        let text = text.unwrap_or_else(|| input.text.clone());
        Some(TaskInput { text, second: second.or_else(|| input.second.clone()), image: None })
    }
}

/// What an answer is, for [`compare_answers`]: the id of the label, and the probabilities in label order.
pub type LabelAnswer<'a> = (usize, &'a [f32]);

/// Whether the answers of a task are compared where words are swapped: those that are one label for a text.
#[must_use]
pub fn can_swap(task: Task) -> bool {
    task == Task::SequenceClassification
}

/// The texts of rows that were measured, where [`can_swap`]; else none.
#[must_use]
pub fn texts_to_swap(rows: &RowPredictions) -> Vec<TaskInput> {
    let RowPredictions::SequenceClassification(rows) = rows else { return Vec::new() };
    let input = |row: &super::sequence_classification::RowPrediction| TaskInput {
        text: row.text.clone(),
        second: row.second.clone(),
        image: None,
    };
    rows.iter().map(input).collect()
}

/// The answer that a prediction is; `None` where it is not one label.
#[must_use]
pub fn label_answer(prediction: &Prediction) -> Option<LabelAnswer<'_>> {
    let all = match prediction {
        Prediction::SequenceClassification(own) => own.probabilities.as_slice(),
        Prediction::ImageClassification(own) => own.probabilities.as_slice(),
        _ => return None,
    };
    let higher = |best: usize, index: usize| if all[index] > all[best] { index } else { best };
    Some(((0..all.len()).fold(0, higher), all))
}

/// Compares the answers to texts with those to the same with their words swapped: (index, text, swapped text, both answers).
#[must_use]
pub fn compare_answers(
    num_rows: usize,
    labels: &[String],
    pairs: &[(usize, &str, &str, [LabelAnswer<'_>; 2])],
) -> SwapReport {
    let mut sum = 0.0;
    let mut flipped = Vec::new();
    for &(index, text, swapped, [(before, own), (after, other)]) in pairs {
        let probabilities = [own, other].map(|of| of.get(before).copied().unwrap_or(0.0));
        sum += f64::from((probabilities[0] - probabilities[1]).abs());
        if before != after {
            let labels = [before, after].map(|id| labels.get(id).cloned().unwrap_or_else(|| id.to_string()));
            let (text, swapped) = (text.to_owned(), swapped.to_owned());
            flipped.push(FlippedRow { index, text, swapped, labels, probabilities });
        }
    }
    let num_flipped = flipped.len();
    let change = |row: &FlippedRow| (row.probabilities[0] - row.probabilities[1]).abs();
    flipped.sort_by(|a, b| change(b).total_cmp(&change(a)));
    flipped.truncate(MAX_LISTED);
    let mean_change = if pairs.is_empty() { 0.0 } else { sum / pairs.len() as f64 };
    SwapReport { num_rows, num_swapped: pairs.len(), num_flipped, mean_change, flipped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(typed: &[&str]) -> SwapPairs {
        SwapPairs::parse(&typed.iter().map(|&one| one.to_owned()).collect::<Vec<_>>()).expect("good pairs")
    }

    fn swap(typed: &[&str], text: &str) -> Option<String> {
        pairs(typed).swap(text)
    }

    #[test]
    fn whole_words_are_swapped_both_ways_and_keep_their_case() {
        let found = swap(&["he=she", "John=Mary"], "He met Mary; SHE said: John's theme is here.");
        assert_eq!(found.as_deref(), Some("She met John; HE said: Mary's theme is here."));
        assert_eq!(swap(&["he=she"], "The theme"), None, "no whole word");
        assert_eq!(swap(&["größe=Maß"], "Die Größe, das maß").as_deref(), Some("Die Maß, das größe"));
    }

    #[test]
    fn pronouns_are_swapped_as_they_are_used() {
        let found = |text| swap(&["pronouns"], text);
        assert_eq!(found("She gave her book to her.").as_deref(), Some("He gave his book to him."));
        assert_eq!(found("I saw her and his dog.").as_deref(), Some("I saw him and her dog."));
        assert_eq!(found("He himself said it was his.").as_deref(), Some("She herself said it was hers."));
        assert_eq!(found("Nobody came."), None);
    }

    #[test]
    fn pairs_that_can_not_be_are_refused() {
        for (typed, why) in [
            (&["he"][..], "not of the form WORD=WORD"),
            (&["he="][..], "\"\" in \"he=\" is not one word"),
            (&["the man=woman"][..], "is not one word"),
            (&["a=A"][..], "with itself"),
            (&["he=she", "he=they"][..], "\"he\" stands in two pairs"),
            (&["pronouns", "he=they"][..], "in the list \"pronouns\""),
        ] {
            let typed: Vec<String> = typed.iter().map(|&one| one.to_owned()).collect();
            let error = SwapPairs::parse(&typed).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
        assert!(SwapPairs::parse(&[]).is_ok_and(|pairs| pairs.is_empty()));
    }

    #[test]
    fn an_answer_that_changes_is_listed_with_both_texts() {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let rows: [(usize, &str, &str, [LabelAnswer<'_>; 2]); 2] = [
            (0, "he", "she", [(0, &[0.75, 0.25]), (0, &[0.5, 0.5])]),
            (4, "his", "her", [(1, &[0.25, 0.75]), (0, &[0.75, 0.25])]),
        ];
        let report = compare_answers(9, &labels, &rows);
        assert_eq!((report.num_rows, report.num_swapped, report.num_flipped), (9, 2, 1));
        assert!((report.mean_change - 0.375).abs() < 1e-9, "{report:?}");
        assert_eq!(report.flipped[0].labels, ["yes".to_owned(), "no".to_owned()]);
        assert_eq!((report.flipped[0].index, report.flipped[0].probabilities), (4, [0.75, 0.25]));
    }
}
