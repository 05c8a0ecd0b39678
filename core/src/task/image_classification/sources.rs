//! The zips that images are read out of. They lie in the files that a person dropped, which are kept and not copied.

use std::rc::Rc;

use crate::data::{DataError, DataFiles, Split};
use crate::images::{Archive, EntryError};

/// Bytes of one of the three files.
#[derive(Debug, Clone)]
pub(super) struct FileBytes {
    files: Rc<DataFiles>,
    file: usize,
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        let own = match self.file {
            0 => return &self.files.train.1,
            1 => &self.files.valid,
            _ => &self.files.test,
        };
        own.as_ref().map_or(&[][..], |(_, bytes)| bytes.as_slice())
    }
}

/// The zips of the files to train on, to validate on and to test on.
#[derive(Debug)]
pub(super) struct Sources {
    archives: [Option<Archive<FileBytes>>; 3],
    num_bytes: usize,
}

impl Sources {
    /// Opens the files.
    ///
    /// # Errors
    /// When one is no zip; of the second and third within [`DataError::InFile`].
    pub(super) fn open(files: &Rc<DataFiles>) -> Result<Self, DataError> {
        let open = |file: usize| Archive::open(FileBytes { files: Rc::clone(files), file }).map_err(DataError::from);
        let open_own = |file: usize, own: &Option<(String, Vec<u8>)>| match own {
            Some((name, _)) => open(file).map(Some).map_err(|source| in_file(file, name, source)),
            None => Ok(None),
        };
        let archives = [Some(open(0)?), open_own(1, &files.valid)?, open_own(2, &files.test)?];
        let own = [&files.valid, &files.test].into_iter().flatten();
        let num_bytes = std::iter::once(&files.train).chain(own).map(|(_, bytes)| bytes.len()).sum();
        Ok(Self { archives, num_bytes })
    }

    /// Bytes of the files, which are in memory as long as images are read out of them.
    pub(super) fn num_bytes(&self) -> usize {
        self.num_bytes
    }

    /// The zip of a file, where there is one.
    pub(super) fn archive(&self, file: usize) -> Option<&Archive<FileBytes>> {
        self.archives[file].as_ref()
    }

    /// The bytes of an image.
    ///
    /// # Errors
    /// When the zip does not give them.
    ///
    /// # Panics
    /// When there is no such file: rows are of files that are there.
    pub(super) fn bytes(&self, file: usize, entry: usize) -> Result<Vec<u8>, EntryError> {
        self.archives[file].as_ref().expect("rows are of files that are there").read(entry)
    }
}

/// An error in one of the person's own files.
pub(super) fn in_file(file: usize, name: &str, source: DataError) -> DataError {
    DataError::InFile { role: Split::ALL[file].words(), name: name.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::pack_zip;

    #[test]
    fn images_are_read_out_of_the_files_and_one_that_is_no_zip_is_named() {
        let zip = |path: &str| pack_zip(&[(path.to_owned(), path.as_bytes().to_vec())]);
        let files = DataFiles {
            train: ("a.zip".into(), zip("a/1.png")),
            test: Some(("b.zip".into(), zip("b/2.png"))),
            ..DataFiles::default()
        };
        let sources = Sources::open(&Rc::new(files.clone())).expect("two zips");
        assert!(sources.archive(1).is_none());
        assert_eq!(sources.bytes(0, 0).expect("it is there"), b"a/1.png");
        assert_eq!(sources.bytes(2, 0).expect("it is there"), b"b/2.png");
        assert_eq!(sources.num_bytes(), zip("a/1.png").len() + zip("b/2.png").len());
        let valid = Some(("v.csv".to_owned(), b"file_name,label\n".to_vec()));
        let error = Sources::open(&Rc::new(DataFiles { valid, ..files })).expect_err("no zip").to_string();
        assert!(error.starts_with("validation file \"v.csv\": the file is no zip: it looks like a text"), "{error}");
    }
}
