//! Exact match and F1 of answers, as SQuAD 2.0's official script (`evaluate-v2.0.py`) computes them.
//!
//! In: questions with their gold answers and a predicted answer each. Out: a [`SquadEvaluation`] in percent. A question
//! without gold answers is one that its context does not answer; the right prediction for it is an empty text. Papers:
//! <https://aclanthology.org/D16-1264>, <https://aclanthology.org/P18-2124>.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::bleu::is_python_space;
use super::figure::Figure;
use super::row_sums::{SumFigure, mean_of};

/// A question and what was predicted for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SquadQuestion {
    /// Texts that count as right; none where the context holds no answer.
    pub answers: Vec<String>,
    /// The predicted text; empty for "no answer".
    pub prediction: String,
}

/// Exact match and F1 of some questions, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExactAndF1 {
    /// Share of predictions that are one of the answers, case, punctuation, articles and white space aside; 0 to 100.
    pub exact_match: f64,
    /// Mean over the questions of the F1 of the prediction's words against the closest answer's; 0 to 100.
    pub f1: f64,
    /// Questions measured.
    pub total: usize,
}

/// The best figures that a threshold for "no answer" gives, and those thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestThresholds {
    /// Highest exact match, 0 to 100.
    pub exact_match: f64,
    /// The threshold that gives it: questions whose no-answer probability is higher are answered with nothing.
    pub exact_match_threshold: f64,
    /// Highest F1, 0 to 100.
    pub f1: f64,
    /// The threshold that gives it.
    pub f1_threshold: f64,
}

/// Figures of a split of questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SquadEvaluation {
    /// Of all questions.
    pub all: ExactAndF1,
    /// Of those with an answer (`HasAns_`), if there are any.
    pub has_answer: Option<ExactAndF1>,
    /// Of those without (`NoAns_`), if there are any.
    pub no_answer: Option<ExactAndF1>,
    /// Where no-answer probabilities are known.
    pub best: Option<BestThresholds>,
}

impl SquadEvaluation {
    /// The figures by name: `exact_match` and `f1`, and the rest as the official script spells it.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![Figure::higher("exact_match", self.all.exact_match), Figure::higher("f1", self.all.f1)];
        if let (Some(has_answer), Some(no_answer)) = (self.has_answer, self.no_answer) {
            figures.extend([
                Figure::higher("HasAns_exact", has_answer.exact_match),
                Figure::higher("HasAns_f1", has_answer.f1),
                Figure::higher("NoAns_exact", no_answer.exact_match),
                Figure::higher("NoAns_f1", no_answer.f1),
            ]);
        }
        if let Some(best) = self.best {
            figures.extend([Figure::higher("best_exact", best.exact_match), Figure::higher("best_f1", best.f1)]);
        }
        figures
    }
}

/// Exact match and F1 in percent out of sums over questions: of those that are right, of their F1 (each up to 1), and of all.
pub const ANSWER_FIGURES: [SumFigure; 2] = [
    SumFigure {
        name: "exact_match",
        higher_is_better: true,
        of_sums: |sums| mean_of(sums[0], sums[2]).map(|share| 100.0 * share),
    },
    SumFigure { name: "f1", higher_is_better: true, of_sums: |sums| mean_of(sums[1], sums[2]).map(|f1| 100.0 * f1) },
];

/// The text in lower case without ASCII punctuation, without the words `a`, `an` and `the`, and with single spaces.
#[must_use]
pub fn normalize_answer(text: &str) -> String {
    let lower = text.to_lowercase();
    let mut without_articles = String::with_capacity(lower.len());
    let mut word = String::new();
    // The space ends the last word.
    for char in lower.chars().filter(|char| !char.is_ascii_punctuation()).chain([' ']) {
        if char.is_alphanumeric() {
            word.push(char);
            continue;
        }
        without_articles.push_str(if matches!(word.as_str(), "a" | "an" | "the") { " " } else { &word });
        without_articles.push(char);
        word.clear();
    }
    words(&without_articles).collect::<Vec<_>>().join(" ")
}

/// What Python's `str.split` gives.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_python_space).filter(|word| !word.is_empty())
}

/// Whether both are the same answer once normalised.
#[must_use]
pub fn is_exact_answer(gold: &str, prediction: &str) -> bool {
    normalize_answer(gold) == normalize_answer(prediction)
}

/// F1 of the prediction's words against the answer's, 0 to 1; where either has none, 1 if neither has.
#[must_use]
pub fn answer_f1(gold: &str, prediction: &str) -> f64 {
    let (gold, prediction) = (normalize_answer(gold), normalize_answer(prediction));
    let mut left: HashMap<&str, usize> = HashMap::new();
    let mut num_gold = 0_usize;
    for word in words(&gold) {
        *left.entry(word).or_default() += 1;
        num_gold += 1;
    }
    let mut num_predicted = 0_usize;
    let mut num_same = 0_usize;
    for word in words(&prediction) {
        num_predicted += 1;
        if let Some(count) = left.get_mut(word)
            && *count > 0
        {
            *count -= 1;
            num_same += 1;
        }
    }
    if num_gold == 0 || num_predicted == 0 {
        return f64::from(num_gold == num_predicted);
    }
    2.0 * num_same as f64 / (num_gold + num_predicted) as f64
}

/// Scores of a question before any threshold.
#[derive(Clone, Copy)]
struct Scores {
    exact: f64,
    f1: f64,
}

impl SquadQuestion {
    fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The best over the answers. Answers of which normalising leaves nothing do not count beside others.
    fn scores(&self) -> Scores {
        let mut best = Scores { exact: 0.0, f1: 0.0 };
        let mut compare = |gold: &str| {
            best.exact = best.exact.max(f64::from(is_exact_answer(gold, &self.prediction)));
            best.f1 = best.f1.max(answer_f1(gold, &self.prediction));
        };
        let mut answers = self.answers.iter().filter(|answer| !normalize_answer(answer).is_empty()).peekable();
        if answers.peek().is_none() {
            compare("");
        }
        answers.for_each(|answer| compare(answer));
        best
    }
}

/// The figures of `questions`. With `no_answer_probabilities`, one a question, those above `no_answer_threshold` count as
/// answered with nothing, and the best thresholds are looked for; without them every prediction is taken as it is.
///
/// # Panics
/// When there are not as many probabilities as questions.
#[must_use]
pub fn evaluate_answers(
    questions: &[SquadQuestion],
    no_answer_probabilities: Option<&[f64]>,
    no_answer_threshold: f64,
) -> SquadEvaluation {
    let raw: Vec<Scores> = questions.iter().map(SquadQuestion::scores).collect();
    let mut scores = raw.clone();
    if let Some(probabilities) = no_answer_probabilities {
        assert_eq!(questions.len(), probabilities.len(), "each question has one no-answer probability");
        for ((score, question), &probability) in scores.iter_mut().zip(questions).zip(probabilities) {
            if probability > no_answer_threshold {
                let right = f64::from(!question.has_answer());
                *score = Scores { exact: right, f1: right };
            }
        }
    }
    let of = |has_answer: bool| {
        let chosen = questions.iter().zip(&scores).filter(|(question, _)| question.has_answer() == has_answer);
        let mean = mean(chosen.map(|(_, &score)| score));
        (mean.total > 0).then_some(mean)
    };
    SquadEvaluation {
        all: mean(scores.iter().copied()),
        has_answer: of(true),
        no_answer: of(false),
        best: no_answer_probabilities.map(|probabilities| {
            let exact: Vec<f64> = raw.iter().map(|score| score.exact).collect();
            let f1: Vec<f64> = raw.iter().map(|score| score.f1).collect();
            let (exact_match, exact_match_threshold) = best_threshold(questions, &exact, probabilities);
            let (f1, f1_threshold) = best_threshold(questions, &f1, probabilities);
            BestThresholds { exact_match, exact_match_threshold, f1, f1_threshold }
        }),
    }
}

/// Means in percent; 0 without questions.
fn mean(scores: impl Iterator<Item = Scores>) -> ExactAndF1 {
    let mut sum = Scores { exact: 0.0, f1: 0.0 };
    let mut total = 0_usize;
    for score in scores {
        sum.exact += score.exact;
        sum.f1 += score.f1;
        total += 1;
    }
    let count = total.max(1) as f64;
    ExactAndF1 { exact_match: 100.0 * sum.exact / count, f1: 100.0 * sum.f1 / count, total }
}

/// The highest mean of `scores` in percent and its threshold, found by answering one question after another, the least
/// doubtful first, as `find_best_thresh` of the official script does.
fn best_threshold(questions: &[SquadQuestion], scores: &[f64], probabilities: &[f64]) -> (f64, f64) {
    let mut order: Vec<usize> = (0..questions.len()).collect();
    // Adding 0 makes -0 equal to 0.
    order.sort_by(|&left, &right| (probabilities[left] + 0.0).total_cmp(&(probabilities[right] + 0.0)));
    let mut score = questions.iter().filter(|question| !question.has_answer()).count() as f64;
    let mut best = (score, 0.0);
    for index in order {
        let question = &questions[index];
        if question.has_answer() {
            score += scores[index];
        } else if !question.prediction.is_empty() {
            score -= 1.0;
        }
        if score > best.0 {
            best = (score, probabilities[index]);
        }
    }
    (100.0 * best.0 / questions.len().max(1) as f64, best.1)
}

#[cfg(test)]
mod tests {
    use super::super::figure::figure;
    use super::*;

    fn question(answers: &[&str], prediction: &str) -> SquadQuestion {
        SquadQuestion { answers: answers.iter().map(ToString::to_string).collect(), prediction: prediction.to_string() }
    }

    #[test]
    fn case_punctuation_articles_and_space_do_not_count() {
        assert_eq!(normalize_answer(" The  \"Beatles\", a band!\n"), "beatles band");
        assert_eq!(normalize_answer("theatre an-the A.N. a_b"), "theatre anthe ab");
        assert_eq!(normalize_answer("the\u{a0}ÉCOLE\u{2003}— a"), "école —");
        assert_eq!(normalize_answer("ΟΔΟΣ à a\u{300}"), "οδος à \u{300}");
        assert_eq!(normalize_answer("The a an"), "");
    }

    #[test]
    fn words_count_as_often_as_both_have_them() {
        assert!((answer_f1("new york new", "new new new york city") - 0.75).abs() < 1e-12);
        assert_eq!(answer_f1("the cat", "a cat"), 1.0);
        assert_eq!(answer_f1("cat", "dog"), 0.0);
        assert_eq!((answer_f1("", "the"), answer_f1("", "x"), answer_f1("x", "")), (1.0, 0.0, 0.0));
    }

    #[test]
    fn the_closest_answer_counts() {
        let found = evaluate_answers(&[question(&["red", "the red fox", "!"], "a red fox")], None, 1.0);
        assert_eq!(found.all, ExactAndF1 { exact_match: 100.0, f1: 100.0, total: 1 });
        assert_eq!((found.has_answer, found.no_answer, found.best), (Some(found.all), None, None));
        let names: Vec<_> = found.figures().into_iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["exact_match", "f1"]);
    }

    #[test]
    fn a_doubtful_answer_is_withheld() {
        let questions = [question(&["yes"], "yes"), question(&[], "perhaps"), question(&[], "")];
        let probabilities = [0.1, 0.9, 0.4];
        let taken = evaluate_answers(&questions, None, 1.0);
        let withheld = evaluate_answers(&questions, Some(&probabilities), 0.5);
        assert!((taken.all.exact_match - 200.0 / 3.0).abs() < 1e-9);
        assert_eq!(withheld.all.exact_match, 100.0);
        assert_eq!(withheld.no_answer.map(|part| part.total), Some(2));
        let best = withheld.best.expect("probabilities are known");
        assert_eq!((best.exact_match, best.exact_match_threshold), (100.0, 0.1));
        assert_eq!(figure(&withheld.figures(), "NoAns_f1"), Some(&Figure::higher("NoAns_f1", 100.0)));
        let json = serde_json::to_string(&withheld).expect("figures are finite");
        assert_eq!(serde_json::from_str::<SquadEvaluation>(&json).expect("just written"), withheld);
    }

    #[test]
    fn no_questions_is_zero() {
        let found = evaluate_answers(&[], Some(&[]), 1.0);
        assert_eq!(found.all, ExactAndF1 { exact_match: 0.0, f1: 0.0, total: 0 });
        assert_eq!((found.has_answer, found.no_answer), (None, None));
    }
}
