//! What a job says of the files that its rows were read from, and a card of a run and its rows.

use crate::checkpoint::CardFacts;
use crate::config::DataHashes;
use crate::data::DataFiles;
use crate::hub::sha256_hex;
use crate::task::{Evaluation, TaskRows};
use crate::train::Trainer;

/// Hashes of the files of rows, for a job to name.
#[must_use]
pub fn hashes_of(files: &DataFiles) -> DataHashes {
    let of = |(_, bytes): &(String, Vec<u8>)| sha256_hex(bytes);
    DataHashes { train: Some(of(&files.train)), valid: files.valid.as_ref().map(of), test: files.test.as_ref().map(of) }
}

/// Names of the files of training, validation and test rows, for a job to name.
pub(super) fn names_of(files: &DataFiles) -> [Option<String>; 3] {
    let of = |(name, _): &(String, Vec<u8>)| name.clone();
    [Some(of(&files.train)), files.valid.as_ref().map(of), files.test.as_ref().map(of)]
}

/// Rows of each split as the model reads them, and the changed copies that augmentation added to those to train on, which are
/// not among them.
fn windows_of(rows: &dyn TaskRows) -> ([usize; 3], usize) {
    let num_added = rows.added().map_or(0, |added| added.num_added);
    let [train, valid, test] = rows.num_rows();
    ([train - num_added, valid, test], num_added)
}

/// What a card says of a run and of rows that it was trained on: all of them, or those of one of several tasks. `valid` and `test` are
/// evaluations on these rows.
pub(super) fn card_facts(
    trainer: &Trainer,
    rows: &dyn TaskRows,
    valid: Option<&Evaluation>,
    test: Option<&Evaluation>,
) -> CardFacts {
    let (num_windows, num_added) = windows_of(rows);
    let (step, _) = trainer.weights_of_step();
    CardFacts {
        num_rows: rows.num_read(),
        num_windows,
        num_added,
        step,
        num_steps: trainer.num_steps(),
        rollbacks: trainer.rollbacks(),
        diverged_at: trainer.diverged_at(),
        valid: valid.cloned(),
        test: test.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_name_and_its_hash() {
        let file = |bytes: &[u8]| ("rows.csv".to_owned(), bytes.to_vec());
        let files = DataFiles { train: file(b"abc"), test: Some(file(b"")), ..DataFiles::default() };
        let hashes = hashes_of(&files);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hashes.train.as_deref(), hashes.valid.as_deref()), (Some(abc), None));
        assert!(hashes.test.is_some_and(|hash| hash.starts_with("e3b0c44298fc1c14")));
        assert_eq!(names_of(&files), [Some("rows.csv".to_owned()), None, Some("rows.csv".to_owned())]);
    }
}
