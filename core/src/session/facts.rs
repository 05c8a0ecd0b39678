//! What a run's job and card say of its rows: which files they were, and what one gets without a model.

use super::run::{Data, Rows, Session};
use crate::config::DataHashes;
use crate::data::DataFiles;
use crate::hub::sha256_hex;
use crate::metrics::{Figures, most_frequent};
use crate::train::TrainInputs;

/// Hashes of the files of rows, for a job to name.
#[must_use]
pub fn hashes_of(files: &DataFiles) -> DataHashes {
    let of = |(_, bytes): &(String, Vec<u8>)| sha256_hex(bytes);
    DataHashes { train: Some(of(&files.train)), valid: files.valid.as_ref().map(of), test: files.test.as_ref().map(of) }
}

impl Session {
    /// The label that the rows to train on have most, by its id among [`Self::labels`]; where a file is only measured, those
    /// rows are its own.
    pub(super) fn most_frequent_label(&self) -> Option<usize> {
        match (&self.trainer, &self.data) {
            (Some(trainer), _) => match trainer.inputs() {
                TrainInputs::Classes(inputs) => most_frequent(inputs.train.examples.iter().map(|row| row.label)),
                TrainInputs::Tokens(_) => None,
            },
            (None, Some(Data { rows: Rows::Classes(dataset), .. })) => {
                most_frequent(dataset.train.iter().map(|row| row.label))
            }
            (None, _) => None,
        }
    }

    /// Figures that were measured on the way of a run, with their baseline.
    pub(super) fn with_baseline(&self, mut figures: Figures) -> Figures {
        if let (Figures::Classes(evaluation), Some(id)) = (&mut figures, self.most_frequent_label()) {
            evaluation.set_baseline(id);
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_hash() {
        let file = |bytes: &[u8]| ("rows.csv".to_owned(), bytes.to_vec());
        let files = DataFiles { train: file(b"abc"), valid: None, test: Some(file(b"")) };
        let hashes = hashes_of(&files);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hashes.train.as_deref(), hashes.valid.as_deref()), (Some(abc), None));
        assert!(hashes.test.is_some_and(|hash| hash.starts_with("e3b0c44298fc1c14")));
    }
}
