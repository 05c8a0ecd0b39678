//! Which texts are compared with which: each anchor is to be more similar to its own candidate than to all others.

use rand_chacha::ChaCha8Rng;

use super::RowShape;
use super::read::TextSet;
use crate::data::below;

/// A text of a split: index of its row, and which of the row's texts it is.
pub(super) type TextIndex = (usize, usize);

/// The texts that rows have: all first ones, then all second ones, then the others row by row.
pub(super) fn texts_of(rows: &[TextSet], indices: &[usize]) -> Vec<TextIndex> {
    nth_texts(rows, indices, 0).chain(nth_texts(rows, indices, 1)).chain(negatives(rows, indices)).collect()
}

/// Of each row the text of an index, where it has so many.
fn nth_texts(rows: &[TextSet], indices: &[usize], text: usize) -> impl Iterator<Item = TextIndex> {
    indices.iter().filter(move |&&row| rows[row].texts.len() > text).map(move |&row| (row, text))
}

fn negatives(rows: &[TextSet], indices: &[usize]) -> impl Iterator<Item = TextIndex> {
    indices.iter().flat_map(move |&row| (2..rows[row].texts.len()).map(move |text| (row, text)))
}

/// Rows of a split by their label.
#[derive(Debug, Default)]
pub(super) struct Partners {
    /// Indices of the rows of each label id, ascending.
    by_label: Vec<Vec<usize>>,
}

impl Partners {
    pub(super) fn new(rows: &[TextSet], num_labels: usize) -> Self {
        let mut by_label = vec![Vec::new(); num_labels];
        for (index, row) in rows.iter().enumerate() {
            if let Some(label) = row.label {
                by_label[label].push(index);
            }
        }
        Self { by_label }
    }

    /// Another row of the same label; the row itself where there is none.
    pub(super) fn draw(&self, row: usize, label: Option<usize>, generator: &mut ChaCha8Rng) -> usize {
        self.pick(row, label, |num_others| below(num_others as u64, generator) as usize)
    }

    /// The next row of the same label, after the last the first; the row itself where there is no other.
    pub(super) fn next(&self, row: usize, label: Option<usize>) -> usize {
        self.pick(row, label, |_| 0)
    }

    /// `choose` gets the number of other rows, counted from the one after `row`, and picks one.
    fn pick(&self, row: usize, label: Option<usize>, choose: impl FnOnce(usize) -> usize) -> usize {
        let Some(rows) = label.and_then(|label| self.by_label.get(label)) else { return row };
        let Ok(own) = rows.binary_search(&row) else { return row };
        if rows.len() < 2 {
            return row;
        }
        rows[(own + 1 + choose(rows.len() - 1)) % rows.len()]
    }
}

/// Anchors and what they are compared with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contrast {
    pub(super) anchors: Vec<TextIndex>,
    /// Those that belong to the anchors, in their order, then those that belong to none.
    pub(super) candidates: Vec<TextIndex>,
}

impl Contrast {
    /// Of the rows at `indices`; `partner` gives a row of the same label.
    pub(super) fn new(
        shape: RowShape,
        rows: &[TextSet],
        indices: &[usize],
        mut partner: impl FnMut(usize) -> usize,
    ) -> Self {
        let own = |&row: &usize| match shape {
            RowShape::Pairs | RowShape::Triplets | RowShape::ScoredPairs => (row, 1),
            RowShape::LabeledTexts => (partner(row), 0),
            RowShape::Texts => (row, 0),
        };
        let candidates: Vec<TextIndex> = indices.iter().map(own).collect();
        let candidates = candidates.into_iter().chain(negatives(rows, indices)).collect();
        Self { anchors: indices.iter().map(|&row| (row, 0)).collect(), candidates }
    }

    /// All texts, in the order in which they stand in a batch.
    pub(super) fn texts(&self) -> impl Iterator<Item = TextIndex> {
        self.anchors.iter().chain(&self.candidates).copied()
    }

    /// 1 for each candidate that is neither right nor wrong for an anchor, because it has the label of the anchor, or the
    /// text of the anchor or of its own candidate, or belongs to the same text: `[anchors, candidates]`. Empty where there
    /// are none.
    pub(super) fn ignored(&self, rows: &[TextSet]) -> Vec<f32> {
        let text = |(row, text): TextIndex| rows[row].texts[text].as_str();
        let label = |(row, _): TextIndex| rows[row].label;
        let mut ignored = Vec::with_capacity(self.anchors.len() * self.candidates.len());
        for (index, &anchor) in self.anchors.iter().enumerate() {
            let own = [text(anchor), text(self.candidates[index])];
            for (other, &candidate) in self.candidates.iter().enumerate() {
                let has_label = || label(anchor).is_some() && label(anchor) == label(candidate);
                let has_text = || own.contains(&text(candidate));
                let is_of_text = || self.anchors.get(other).is_some_and(|&other| text(other) == text(anchor));
                let is_ignored = index != other && (has_label() || has_text() || is_of_text());
                ignored.push(f32::from(u8::from(is_ignored)));
            }
        }
        if ignored.contains(&1.0) { ignored } else { Vec::new() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::generator;

    /// Rows of these texts, each with its label.
    pub(in crate::task::sentence_embedding) fn sets(rows: &[(&[&str], Option<usize>)]) -> Vec<TextSet> {
        let set = |(index, (texts, label)): (usize, &(&[&str], Option<usize>))| TextSet {
            row: index + 2,
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
            score: None,
            label: *label,
        };
        rows.iter().enumerate().map(set).collect()
    }

    fn never(_: usize) -> usize {
        panic!("these rows have no labels")
    }

    #[test]
    fn pairs_and_triplets_are_compared_with_all_second_texts_and_all_negatives() {
        let rows = sets(&[(&["a", "b", "x", "y"], None), (&["c", "d", "z", "w"], None), (&["e", "f", "v", "u"], None)]);
        let found = Contrast::new(RowShape::Triplets, &rows, &[2, 0], never);
        assert_eq!(found.anchors, [(2, 0), (0, 0)]);
        assert_eq!(found.candidates, [(2, 1), (0, 1), (2, 2), (2, 3), (0, 2), (0, 3)]);
        assert_eq!(found.texts().collect::<Vec<_>>(), texts_of(&rows, &[2, 0]));
        assert!(found.ignored(&rows).is_empty());
    }

    #[test]
    fn what_could_be_right_as_well_is_left_out() {
        // The second has the question of the first, the third its answer; the fourth has its question for an answer.
        let rows = sets(&[(&["q", "a"], None), (&["q", "b"], None), (&["r", "a"], None), (&["s", "q"], None)]);
        let found = Contrast::new(RowShape::Pairs, &rows, &[0, 1, 2, 3], never).ignored(&rows);
        assert_eq!(found[..4], [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(found[4..8], [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(found[8..12], [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(found[12..], [0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn texts_of_a_label_are_partners_and_never_negatives() {
        let rows = sets(&[(&["a"], Some(0)), (&["b"], Some(1)), (&["c"], Some(0)), (&["d"], Some(2))]);
        let partners = Partners::new(&rows, 3);
        let next = |row: usize| partners.next(row, rows[row].label);
        assert_eq!([0, 1, 2, 3].map(next), [2, 1, 0, 3]);
        let found = Contrast::new(RowShape::LabeledTexts, &rows, &[0, 2, 1], next);
        assert_eq!(found.candidates, [(2, 0), (0, 0), (1, 0)]);
        assert_eq!(found.ignored(&rows), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn partners_are_drawn_from_all_others() {
        let rows = sets(&[(&["a"], Some(0)), (&["b"], Some(0)), (&["c"], Some(0)), (&["d"], Some(1))]);
        let partners = Partners::new(&rows, 2);
        let mut generator = generator(7, 0);
        let mut drawn: Vec<usize> = (0..50).map(|_| partners.draw(1, Some(0), &mut generator)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [0, 2]);
        assert_eq!(partners.draw(3, Some(1), &mut generator), 3);
    }

    #[test]
    fn a_text_alone_is_its_own_candidate() {
        let rows = sets(&[(&["a"], None), (&["b"], None), (&["a"], None)]);
        let found = Contrast::new(RowShape::Texts, &rows, &[0, 1, 2], never);
        assert_eq!(found.candidates, found.anchors);
        assert_eq!(found.ignored(&rows), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(texts_of(&rows, &[1, 0]), [(1, 0), (0, 0)]);
    }
}
