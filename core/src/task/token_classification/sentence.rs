//! A sentence as it was read: words in a text, each with its tag; and what is to be said of many.

use super::tags::{OUTSIDE, Scheme, count_loose_beginnings};
use super::{TagLayout, labels};
use crate::data::list_rows;
use crate::metrics::{EntitySpan, entity_spans};
use crate::words::plural;

/// Words, each with its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Row number in its file.
    pub(super) row: usize,
    /// The text; of words that came one by one, those with spaces between.
    pub(super) text: String,
    /// Bytes of each word, from and up to.
    pub(super) words: Vec<(usize, usize)>,
    /// Tag id of each word.
    pub(super) tags: Vec<usize>,
    /// The words came one by one, and are tokenised so.
    pub(super) is_split: bool,
}

/// Sentences in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dataset {
    /// Tags in the order of their ids.
    pub(super) labels: Vec<String>,
    /// How they mark entities.
    pub(super) scheme: Scheme,
    /// How they stand in cells; scheme and labels of it are those of the data set.
    pub(super) layout: TagLayout,
    /// Sentences of training, validation and test.
    pub(super) splits: [Vec<Sentence>; 3],
}

impl Sentence {
    /// Its tags by name.
    pub(super) fn tag_names<'l>(&self, labels: &'l [String]) -> Vec<&'l str> {
        self.tags.iter().map(|&tag| labels[tag].as_str()).collect()
    }
}

impl Dataset {
    pub(super) fn new(labels: Vec<String>, splits: [Vec<Sentence>; 3]) -> Self {
        let scheme = scheme_of(&labels, &splits[0]);
        Self { labels, scheme, layout: TagLayout::default(), splits }
    }

    /// Numbers the tags as a model does that knows them all; the scheme is that of its labels then.
    pub(super) fn adopt_labels(&mut self, known: &[String]) {
        let tags = self.splits.iter_mut().flatten().map(|sentence| &mut sentence.tags);
        labels::adopt(&mut self.labels, tags, known);
        self.scheme = scheme_of(&self.labels, &self.splits[0]);
    }

    /// What is unusual about the tags.
    pub(super) fn warn_of_tags(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let (mut num_loose, mut rows, mut num_outside) = (0, Vec::new(), 0);
        for sentence in self.splits.iter().flatten() {
            let tags = sentence.tag_names(&self.labels);
            num_outside += tags.iter().filter(|tag| **tag == OUTSIDE).count();
            let loose =
                if self.scheme == Scheme::Bio { count_loose_beginnings(&tags, &entity_spans(&tags)) } else { 0 };
            if loose > 0 {
                num_loose += loose;
                rows.push(sentence.row.to_string());
            }
        }
        if num_loose > 0 {
            let what = match num_loose {
                1 => "1 entity begins with I- instead of B-: it counts all the same".to_owned(),
                many => format!("{} begin with I- instead of B-: they count all the same", plural(many, "entity")),
            };
            warnings.push(format!("{what}: rows {}", list_rows(&rows)));
        }
        if self.scheme == Scheme::Mixed {
            warnings.push("tags mix several schemes: an entity is where seqeval's default mode sees one".into());
        }
        if num_outside == 0 {
            let advice = "every word has a type of its own: accuracy says more than figures of entities";
            warnings.push(format!("no word has the tag {OUTSIDE:?}; {advice}"));
        }
        warnings
    }

    /// Entities of a sentence.
    pub(super) fn entities(&self, sentence: &Sentence) -> Vec<EntitySpan> {
        entity_spans(&sentence.tag_names(&self.labels))
    }
}

/// The scheme of the tags of rows to train on, or to measure.
fn scheme_of(labels: &[String], sentences: &[Sentence]) -> Scheme {
    Scheme::of(labels, sentences.iter().map(|sentence| sentence.tag_names(labels).into_iter()))
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::tagged;
    use super::*;

    #[test]
    fn rows_to_be_measured_have_the_scheme_of_the_model_whichever_tags_they_have() {
        let cases: [(&[&str], &str, Scheme); 4] = [
            (&["O", "B-x", "I-x", "E-x", "S-x"], "a/B-x b/I-x", Scheme::Bioes),
            (&["O", "B-x", "I-x", "E-x", "S-x"], "a/O b/O", Scheme::Bioes),
            (&["O", "I-x"], "a/O b/O", Scheme::Io),
            (&["O", "B-x", "I-x"], "a/I-x b/O", Scheme::Iob1),
        ];
        for (known, sentence, expected) in cases {
            let mut dataset = tagged(&[sentence]);
            dataset.adopt_labels(&known.iter().map(|&label| label.to_owned()).collect::<Vec<_>>());
            assert_eq!((dataset.scheme, dataset.labels.len()), (expected, known.len()), "{sentence}");
        }
    }
}
