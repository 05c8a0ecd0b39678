//! Texts that belong together, as a run trains on them and is measured on them.

use std::rc::Rc;

use rand_chacha::ChaCha8Rng;

use super::contrast::{Contrast, Partners, TextIndex, texts_of};
use super::data::EncodedSet;
use super::measure::EmbeddingMeasure;
use super::read::{Dataset, TextSet};
use super::{RowShape, SPEC};
use crate::config::RunConfig;
use crate::data::{HostBatch, HostInputs, HostTargets, HostText, Padding, Split, below, generator};
use crate::hub::sha256_hex;
use crate::task::texts::{index_of, pad_texts};
use crate::task::{Measure, Task, TaskRows};

/// Stream of a batch's seed that partners and company are drawn from.
const STREAM: u64 = 0x7365_7473;

/// Rows with their tokens.
#[derive(Debug)]
pub(super) struct EmbeddingRows(Rc<Content>);

#[derive(Debug)]
pub(super) struct Content {
    pub(super) dataset: Rc<Dataset>,
    tokens: Rc<[Vec<EncodedSet>; 3]>,
    padding: Padding,
    /// What similarities are multiplied with.
    pub(super) scale: f64,
    /// Rows in a micro-batch.
    pub(super) batch_size: usize,
    pub(super) partners: [Partners; 3],
}

impl EmbeddingRows {
    pub(super) fn new(
        dataset: Rc<Dataset>,
        tokens: Rc<[Vec<EncodedSet>; 3]>,
        padding: Padding,
        run: &RunConfig,
    ) -> Self {
        let partners = dataset.splits.each_ref().map(|rows| Partners::new(rows, dataset.labels.len()));
        let (scale, batch_size) = (run.similarity_scale, run.batch_size as usize);
        Self(Rc::new(Content { dataset, tokens, padding, scale, batch_size, partners }))
    }
}

impl Content {
    pub(super) fn rows(&self, split: Split) -> &[TextSet] {
        &self.dataset.splits[index_of(split)]
    }

    fn pad(&self, split: Split, texts: impl Iterator<Item = TextIndex>) -> HostText {
        let tokens = &self.tokens[index_of(split)];
        pad_texts(texts.map(|(row, text)| &tokens[row][text]), &self.padding)
    }

    /// Anchors, what belongs to them, and what does not.
    fn training_batch(&self, split: Split, indices: &[usize], seed: u64) -> HostBatch {
        let (shape, rows) = (self.dataset.shape, self.rows(split));
        let mut generator = generator(seed, STREAM);
        let together = with_company(indices, rows.len(), self.batch_size, &mut generator);
        let partners = &self.partners[index_of(split)];
        let partner = |row: usize| partners.draw(row, rows[row].label, &mut generator);
        let contrast = Contrast::new(shape, rows, &together, partner);
        let text = self.pad(split, contrast.texts());
        let (num_anchors, scale) = (together.len(), self.scale as f32);
        let (targets, weight) = if shape == RowShape::ScoredPairs {
            let scores = together.iter().map(|&row| rows[row].score.unwrap_or(0.0)).collect();
            // One loss for all pairs of the batch.
            (HostTargets::Scores { scores, scale }, 1.0)
        } else {
            let (targets, ignored) = ((0..num_anchors as i32).collect(), contrast.ignored(rows));
            let anchors = num_anchors;
            (HostTargets::InBatchNegatives { anchors, targets, ignored, scale }, num_anchors as f64)
        };
        let (num_rows, num_tokens) = (indices.len(), text.num_tokens());
        HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows, num_tokens }
    }

    /// The texts of the rows, in the order of [`texts_of`], to be read back.
    fn measured_batch(&self, split: Split, indices: &[usize]) -> HostBatch {
        let text = self.pad(split, texts_of(self.rows(split), indices).into_iter());
        let (num_rows, num_tokens) = (indices.len(), text.num_tokens());
        let (targets, weight) = (HostTargets::None, num_rows as f64);
        HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows, num_tokens }
    }
}

/// A row that is left over alone at the end of an epoch has nothing to be told apart from: other rows come to it, as many
/// as a batch has.
fn with_company(indices: &[usize], num_rows: usize, batch_size: usize, generator: &mut ChaCha8Rng) -> Vec<usize> {
    let mut together = indices.to_vec();
    if together.len() == 1 {
        while together.len() < batch_size.min(num_rows) {
            let row = below(num_rows as u64, generator) as usize;
            if !together.contains(&row) {
                together.push(row);
            }
        }
    }
    together
}

impl TaskRows for EmbeddingRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.0.dataset.splits.each_ref().map(Vec::len)
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        let longest = |set: &EncodedSet| set.iter().map(|text| text.input_ids.len()).max().unwrap_or(0);
        self.0.tokens[index_of(split)].iter().map(longest).collect()
    }

    fn batch(&self, split: Split, indices: &[usize], seed: Option<u64>) -> HostBatch {
        match seed {
            Some(seed) => self.0.training_batch(split, indices, seed),
            None => self.0.measured_batch(split, indices),
        }
    }

    fn fingerprint(&self) -> String {
        let mut bytes = self.0.dataset.shape.name().as_bytes().to_vec();
        for (row, set) in self.0.dataset.splits[0].iter().zip(&self.0.tokens[0]) {
            bytes.extend(row.score.unwrap_or(0.0).to_le_bytes());
            bytes.extend(row.label.map_or(u32::MAX, |label| label as u32).to_le_bytes());
            for text in set {
                bytes.extend((text.input_ids.len() as u32).to_le_bytes());
                bytes.extend(text.input_ids.iter().flat_map(|id| id.to_le_bytes()));
            }
        }
        sha256_hex(&bytes)
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.0.rows(split).get(index).map_or(0, |row| row.row)
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        Box::new(EmbeddingMeasure::new(Rc::clone(&self.0), split))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::DataFiles;
    use crate::task::ReadRequest;
    use crate::task::texts::tests::{model, tokenizer};

    fn rows(text: &str, batch_size: u32) -> Box<dyn TaskRows> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = &RunConfig { split, pad_to_multiple_of: 1, batch_size, ..RunConfig::default() };
        let (read, tokenizer) = (&ReadOptions::default(), tokenizer());
        let request = ReadRequest::to_train(files, read, run);
        super::super::read(&request).expect("good rows").prepare(&model(&tokenizer), run).expect("enough rows")
    }

    fn ids(batch: &HostBatch) -> Vec<Vec<i32>> {
        let text = batch.inputs.text();
        let real = |row: &[i32]| row.iter().copied().filter(|&id| id != 0).collect();
        text.input_ids.chunks(text.seq).map(real).collect()
    }

    const TRIPLETS: &str = "anchor,positive,negative\nhello,world,hello world\nworld world,hello,world hello\n";

    #[test]
    fn a_batch_has_anchors_then_positives_then_negatives() {
        let rows = rows(TRIPLETS, 16);
        let batch = rows.batch(Split::Train, &[1, 0], Some(3));
        let text = |words: &[i32]| [&[2][..], words, &[3][..]].concat();
        let expected = [text(&[5, 5]), text(&[4]), text(&[4]), text(&[5]), text(&[5, 4]), text(&[4, 5])];
        assert_eq!(ids(&batch), expected);
        let HostTargets::InBatchNegatives { anchors, targets, ignored, scale } = &batch.targets else {
            panic!("anchors are told apart")
        };
        assert_eq!((*anchors, targets.as_slice(), *scale), (2, &[0, 1][..], 20.0));
        // The positive of the one is the anchor of the other.
        assert_eq!(*ignored, [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!((batch.weight, batch.num_rows, batch.num_tokens), (2.0, 2, 21));
        let measured = rows.batch(Split::Train, &[1, 0], None);
        assert_eq!((ids(&measured), measured.targets), (ids(&batch), HostTargets::None));
    }

    #[test]
    fn pairs_with_scores_are_ordered_by_them() {
        let rows = rows("sentence1,sentence2,score\nhello,world,0.5\nworld,hello,1\nhello,hello,0\n", 16);
        let batch = rows.batch(Split::Train, &[2, 0], Some(3));
        assert_eq!(batch.targets, HostTargets::Scores { scores: vec![0.0, 0.5], scale: 20.0 });
        assert_eq!(ids(&batch), [[2, 4, 3], [2, 4, 3], [2, 4, 3], [2, 5, 3]]);
        assert_eq!((batch.weight, batch.num_rows), (1.0, 2));
    }

    const LABELED: &str = "text,label\nhello,a\nworld,b\nhello hello,a\nworld world,b\nhello world,a\n";

    #[test]
    fn a_text_meets_another_of_its_label_and_which_follows_from_the_seed() {
        let rows = rows(LABELED, 16);
        let of_seed = |seed: u64| ids(&rows.batch(Split::Train, &[0, 1], Some(seed)));
        assert_eq!(of_seed(1), of_seed(1));
        let partners: Vec<Vec<i32>> = (0..40).map(|seed| of_seed(seed)[2].clone()).collect();
        assert!(partners.contains(&vec![2, 4, 4, 3]) && partners.contains(&vec![2, 4, 5, 3]), "both others");
        assert!(!partners.contains(&vec![2, 4, 3]), "never itself");
        assert_eq!(of_seed(5)[3], [2, 5, 5, 3]);
        assert_eq!(ids(&rows.batch(Split::Train, &[0, 1], None)).len(), 2, "each text once");
    }

    #[test]
    fn texts_alone_come_twice() {
        let rows = rows("text\nhello\nworld\n", 16);
        let batch = rows.batch(Split::Train, &[1, 0], Some(3));
        assert_eq!(ids(&batch), [[2, 5, 3], [2, 4, 3], [2, 5, 3], [2, 4, 3]]);
    }

    #[test]
    fn a_row_that_is_left_over_gets_company() {
        let rows = rows(LABELED, 4);
        let batch = rows.batch(Split::Train, &[3], Some(9));
        let HostTargets::InBatchNegatives { anchors, .. } = batch.targets else { panic!("anchors are told apart") };
        assert_eq!((anchors, batch.weight, batch.num_rows), (4, 4.0, 1));
        assert_eq!(ids(&batch)[0], [2, 5, 5, 3]);
        assert_eq!(batch, rows.batch(Split::Train, &[3], Some(9)));
        let mut generator = generator(1, 0);
        let mut few = with_company(&[1], 3, 16, &mut generator);
        few.sort_unstable();
        assert_eq!(few, [0, 1, 2]);
        assert_eq!(with_company(&[1, 2], 9, 16, &mut generator), [1, 2]);
    }

    #[test]
    fn the_fingerprint_follows_texts_labels_and_scores() {
        let fingerprint = |text: &str| rows(text, 16).fingerprint();
        let base = fingerprint(LABELED);
        assert_eq!(base, fingerprint(LABELED));
        assert_ne!(base, fingerprint(&LABELED.replace("world world,b", "world world,a")));
        let scored = "sentence1,sentence2,score\nhello,world,0.5\nworld,hello,1\n";
        assert_ne!(fingerprint(scored), fingerprint(&scored.replace("0.5", "0.25")));
        assert_ne!(fingerprint(TRIPLETS), fingerprint(&TRIPLETS.replace("negative", "note")));
    }
}
