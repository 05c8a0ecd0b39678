//! Tags of words to spans of characters, as people and programs read them.

use serde::{Deserialize, Serialize};

use super::place::char_bounds;
use crate::metrics::EntitySpan;

/// A part of a text and what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Its first character, counted from 0 (Unicode characters, as Python counts).
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// Its type.
    pub label: String,
    /// How sure the model is: the mean over its words of the probability of each word's tag, as a pipeline of
    /// `transformers` gives it with `aggregation_strategy="first"`. `None` for a span of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// A text whose words have places.
pub(super) struct Places<'t> {
    words: &'t [(usize, usize)],
    /// Where each character begins, in bytes.
    chars: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(super) fn new(text: &str, words: &'t [(usize, usize)]) -> Self {
        Self { words, chars: char_bounds(text) }
    }

    /// Where each word begins and ends, in characters.
    pub(super) fn words_in_chars(&self) -> Vec<(usize, usize)> {
        self.words.iter().map(|&(start, end)| (self.char_at(start), self.char_at(end))).collect()
    }

    fn char_at(&self, byte: usize) -> usize {
        self.chars.partition_point(|&at| at < byte)
    }

    /// Spans of words to spans of characters. The words of `entities` are counted among `judged`, which are indices of
    /// words; `scores` has a probability for each of those, or is empty.
    pub(super) fn spans(&self, entities: &[EntitySpan], judged: &[usize], scores: &[f32]) -> Vec<Span> {
        let span = |entity: &EntitySpan| {
            let own = scores.get(entity.start..entity.end).filter(|own| !own.is_empty());
            let mean = |own: &[f32]| (own.iter().map(|&score| f64::from(score)).sum::<f64>() / own.len() as f64) as f32;
            Span {
                start: self.char_at(self.words[judged[entity.start]].0),
                end: self.char_at(self.words[judged[entity.end - 1]].1),
                label: entity.label.clone(),
                score: own.map(mean),
            }
        };
        entities.iter().map(span).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::entity_spans;
    use crate::tokenizer::split_words;

    #[test]
    fn spans_count_characters_and_their_score_is_the_mean_of_their_words() {
        let text = "Zoë is in São Paulo.";
        let words = split_words(text);
        let entities = entity_spans(&["B-PER", "O", "O", "B-LOC", "I-LOC", "O"]);
        let judged: Vec<usize> = (0..words.len()).collect();
        let places = Places::new(text, &words);
        let found = places.spans(&entities, &judged, &[0.5, 1.0, 1.0, 0.25, 0.75, 1.0]);
        let span = |start, end, label: &str, score| Span { start, end, label: label.into(), score };
        assert_eq!(found, [span(0, 3, "PER", Some(0.5)), span(10, 19, "LOC", Some(0.5))]);
        assert_eq!(places.spans(&entities, &judged, &[])[1].score, None);
        assert_eq!(places.words_in_chars(), [(0, 3), (4, 6), (7, 9), (10, 13), (14, 19), (19, 20)]);
        // The third word is not judged: what is around it is one entity.
        let around = places.spans(&entity_spans(&["B-X", "I-X"]), &[1, 3], &[]);
        assert_eq!(around, [span(4, 13, "X", None)]);
    }
}
