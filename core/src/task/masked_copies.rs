//! Copies of rows some of whose words are what a model that fills in blanks thinks likely there: augmentation by masked predictions
//! (<https://arxiv.org/abs/1805.06201>), of any task whose rows are augmented.
//!
//! In: rows, and the settings of copies; then the model's answers to the texts with blanks. Out: these texts; then the copies.

use super::masked_lm::BLANKS;
use super::{Prediction, TaskData, TaskInput};
use crate::config::{AugmentKind, RunConfig};
use crate::data::{AddedRow, Augmented, BlankedText, Split, generator};

/// What the seed of a run is mixed with to draw blanks, and to draw what they are filled with.
const SEEDS: [u64; 2] = [0x626C_616E_6B73, 0x6669_6C6C];

/// Copies of a row, at most: what tells the streams of their randomness apart.
const MAX_COPIES: u64 = 64;

/// A copy of a row on its way.
#[derive(Debug)]
struct MaskedCopy {
    index: usize,
    row: usize,
    texts: Vec<BlankedText>,
    /// Stream of the seed from which its blanks are filled.
    stream: u64,
}

/// Copies of rows with blanks in them.
#[derive(Debug)]
pub struct MaskedCopies {
    copies: Vec<MaskedCopy>,
    num_rows: usize,
    seed: u64,
}

impl MaskedCopies {
    /// Draws the blanks in copies of the training rows. `None` where rows are no texts.
    #[must_use]
    pub fn draw(rows: &dyn TaskData, run: &RunConfig) -> Option<Self> {
        let all = rows.finding_rows()?;
        let num_rows = rows.num_rows()[Split::Train.index()];
        let (share, num_copies) = (run.augmentation.augment_share, u64::from(run.augmentation.augment_copies));
        let mut copies = Vec::new();
        for index in 0..num_rows {
            let row = all.row_at(Split::Train.index(), index);
            for copy in 0..num_copies.min(MAX_COPIES) {
                let stream = row.row as u64 * MAX_COPIES + copy;
                let mut random = generator(run.seed ^ SEEDS[0], stream);
                let texts = row.texts.iter().map(|text| BlankedText::draw(text, share, &mut random)).collect();
                copies.push(MaskedCopy { index, row: row.row, texts, stream });
            }
        }
        Some(Self { copies, num_rows, seed: run.seed })
    }

    /// The texts with blanks, which a model that fills in blanks is asked about; those without a word have none.
    #[must_use]
    pub fn inputs(&self) -> Vec<TaskInput> {
        let texts = self.copies.iter().flat_map(|copy| &copy.texts).filter(|text| text.num_blanks() > 0);
        texts.map(|text| TaskInput { text: text.with_blanks(BLANKS[0]), second: None, image: None }).collect()
    }

    /// Fills the blanks, given an answer for each of [`Self::inputs`]; a text without an answer stays as it is. A copy that is like
    /// its row, or like another copy of it, is left out.
    #[must_use]
    pub fn fill(&self, answers: &[Option<Prediction>]) -> Augmented {
        let mut answers = answers.iter();
        let mut added: Vec<AddedRow> = Vec::new();
        for MaskedCopy { index, row, texts, stream } in &self.copies {
            let mut random = generator(self.seed ^ SEEDS[1], *stream);
            let mut fill = |text: &BlankedText| {
                let answer = if text.num_blanks() > 0 { answers.next().and_then(Option::as_ref) } else { None };
                match answer {
                    Some(Prediction::MaskedLm(own)) if own.blanks.len() == text.num_blanks() => {
                        let offered =
                            own.blanks.iter().map(|fills| fills.iter().map(|fill| fill.token.as_str()).collect());
                        text.fill(&offered.collect::<Vec<Vec<&str>>>(), &mut random)
                    }
                    _ => text.text().to_owned(),
                }
            };
            let filled: Vec<String> = texts.iter().map(&mut fill).collect();
            let is_like_row = filled.iter().zip(texts).all(|(filled, text)| filled == text.text());
            let mut of_row = added.iter().rev().take_while(|other| other.index == *index);
            if !is_like_row && of_row.all(|other| other.texts != filled) {
                added.push(AddedRow { index: *index, row: *row, kind: AugmentKind::Masked, texts: filled });
            }
        }
        let num_copied = added.chunk_by(|one, next| one.index == next.index).count();
        Augmented { num_unchanged: self.num_rows - num_copied, num_rows: self.num_rows, added }
    }
}

#[cfg(test)]
mod tests {
    use super::super::masked_lm::{Fill, Prediction as Filled};
    use super::super::{ReadRequest, Task};
    use super::*;
    use crate::config::{ReadOptions, SplitConfig, TextAugmentation};
    use crate::data::DataFiles;

    #[test]
    fn answers_become_copies_of_their_rows() {
        let text = "text,label\nthe good movie,a\n12 34,b\nthe long story,b\n";
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let augmentation = TextAugmentation { augment_copies: 2, ..TextAugmentation::default() };
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = RunConfig { augmentation, split, ..RunConfig::default() };
        let read = &ReadOptions::default();
        let data = Task::SequenceClassification.read(&ReadRequest::to_train(files, read, &run)).expect("good rows");
        let copies = MaskedCopies::draw(data.as_ref(), &run).expect("texts");
        let inputs = copies.inputs();
        assert_eq!(inputs.len(), 4, "two copies of each of two rows");
        assert!(inputs.iter().all(|input| input.text.matches("[MASK]").count() == 1), "{inputs:?}");
        let fill = |token: &str| Fill { token: token.to_owned(), probability: 0.5 };
        let answer = |token: &str| Some(Prediction::MaskedLm(Filled { blanks: vec![vec![fill(token)]] }));
        let found = copies.fill(&[answer("other"), answer("else"), answer("##x"), None]);
        let rows: Vec<(usize, usize)> = found.added.iter().map(|added| (added.index, added.row)).collect();
        assert_eq!((rows, found.num_rows, found.num_unchanged), (vec![(0, 2), (0, 2)], 3, 2));
        assert!(found.added[0].texts[0].contains("other") && found.added[1].texts[0].contains("else"), "{found:?}");
        let same = copies.inputs();
        assert_eq!(MaskedCopies::draw(data.as_ref(), &run).expect("texts").inputs(), same, "the same seed");
    }
}
