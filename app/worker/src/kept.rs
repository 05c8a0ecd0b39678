//! What must survive a lost device: the model's files and the data, outside of wasm memory where possible.

use std::rc::Rc;

use hone_core::checkpoint::{FilePiece, FileStream};
use hone_core::config::{ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::hub::names_in_folder;
use hone_core::session::SessionError;
use hone_core::session::protocol::{Problem, ProblemKind};
use hone_core::task::Task;
use js_sys::Uint8Array;

use crate::disk::{DiskError, DiskFolder};
use crate::outside_bytes::HeapBytes;
use crate::readers::{self, Readable};
use crate::received::is_weights;
use crate::shared_files::{SharedFile, SharedFiles};
use crate::{errors, kept_runs, model_files};

/// A file on JavaScript's heap.
pub(crate) type NamedBytes = (String, Uint8Array);

/// The model in use.
pub(crate) struct KeptModel {
    pub(crate) source: ModelSource,
    pub(crate) files: KeptFiles,
    /// The files that lie in memory only, as a project has them, once that was tried; none where the disk did not take them.
    of_project: Option<Vec<SharedFile>>,
    /// A project was opened since it was loaded, which may be for other files of the same name.
    is_left: bool,
}

/// Where the files of a model are.
pub(crate) enum KeptFiles {
    /// Whole, at this path of the browser's disk.
    OnDisk(Vec<String>),
    InMemory(Vec<NamedBytes>),
}

impl KeptModel {
    /// A model that was loaded just now.
    pub(crate) fn new(source: ModelSource, files: KeptFiles) -> Self {
        Self { source, files, of_project: None, is_left: false }
    }

    /// A model whose files lie on the disk.
    pub(crate) fn on_disk(source: ModelSource, path: Vec<String>) -> Self {
        Self::new(source, KeptFiles::OnDisk(path))
    }

    /// A model whose files lie nowhere else.
    pub(crate) fn in_memory(source: ModelSource, files: Vec<NamedBytes>) -> Self {
        Self::new(source, KeptFiles::InMemory(files))
    }

    /// The files of it that a project has already.
    pub(crate) fn note_kept(&mut self, files: Vec<SharedFile>) {
        self.of_project = Some(files);
    }

    /// Another project is opened: this model is none of it.
    pub(crate) fn leave_project(&mut self) {
        self.is_left = true;
    }

    /// No project is open any more: this model is that of the one that is made next.
    pub(crate) fn await_project(&mut self) {
        self.is_left = false;
    }

    /// Its files as the project has them that it was loaded for, where they lie in memory only: they are stored the first time.
    /// None where a hub has them; `None` where it was loaded for another project.
    ///
    /// # Errors
    /// Once, where the disk does not take them; a project has none of them then.
    pub(crate) async fn keep_for_project(&mut self) -> Result<Option<Vec<SharedFile>>, DiskError> {
        if self.is_left {
            return Ok(None);
        }
        let (ModelSource::Local { .. }, KeptFiles::InMemory(files)) = (&self.source, &self.files) else {
            return Ok(Some(Vec::new()));
        };
        // A project that had them may have been deleted since, here or in another tab.
        if let Some(stored) = &self.of_project
            && are_kept(stored).await.unwrap_or(true)
        {
            return Ok(Some(stored.clone()));
        }
        self.of_project = Some(Vec::new());
        let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
        let mut stored = Vec::with_capacity(files.len());
        for (name, bytes) in files {
            stored.push(shared.keep(name, bytes).await?);
        }
        self.of_project = Some(stored.clone());
        Ok(Some(stored))
    }

    /// The files. `None`: they were on the disk and are gone.
    pub(crate) async fn folder(&self) -> Option<Folder> {
        match &self.files {
            KeptFiles::OnDisk(path) => {
                let disk = DiskFolder::open(path).await.ok()?;
                model_files::from_disk(&disk, &[]).await.map(|(folder, _)| folder)
            }
            KeptFiles::InMemory(files) => Some(to_folder(files)),
        }
    }
}

/// Whether files that a project has are all there.
async fn are_kept(files: &[SharedFile]) -> Result<bool, DiskError> {
    SharedFiles::open(&kept_runs::folder().await?).await?.has_all(files).await
}

/// Files as core reads them: weights stay where they are, all else is copied into wasm memory. A folder that was chosen whole comes
/// with its name in front of every file: dropped.
pub(crate) fn to_folder(files: &[NamedBytes]) -> Folder {
    let mut folder = Folder::new();
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    for (name, index) in names_in_folder(&paths) {
        let (_, bytes) = &files[index];
        match is_weights(&name) {
            true => folder.insert_stored(name, Rc::new(HeapBytes(bytes.clone()))),
            false => folder.insert(name, bytes.to_vec()),
        }
    }
    folder
}

/// Files outside of wasm memory, as they are read from the device a piece at a time.
///
/// # Errors
/// When the device fails, a weight is not finite, or a file is larger than a buffer can be.
pub(crate) async fn files_on_heap(mut files: FileStream) -> Result<Vec<NamedBytes>, Problem> {
    let (mut found, mut position): (Vec<NamedBytes>, u32) = (Vec::new(), 0);
    while let Some(piece) = files.next_piece().await.map_err(|error| SessionError::from(error).problem())? {
        match piece {
            FilePiece::Begins { name, bytes } => {
                let length = u32::try_from(bytes).map_err(|_| {
                    let message = format!("{name} has {bytes} bytes, which no buffer of a browser holds");
                    errors::problem(ProblemKind::Storage, message, "export the model, and go on in a terminal")
                })?;
                found.push((name, Uint8Array::new_with_length(length)));
                position = 0;
            }
            FilePiece::Bytes(bytes) => {
                if let Some((_, file)) = found.last() {
                    let end = position + bytes.len() as u32;
                    file.subarray(position, end).copy_from(&bytes);
                    position = end;
                }
            }
        }
    }
    Ok(found)
}

/// The name of one of several tasks, and its rows.
pub(crate) type NamedPart = (String, KeptData);

/// The data in use, and how it was last read. A clone shares the files.
#[derive(Clone)]
pub(crate) struct KeptData {
    pub(crate) train: NamedBytes,
    pub(crate) valid: Option<NamedBytes>,
    pub(crate) test: Option<NamedBytes>,
    /// What the rows are for.
    pub(crate) task: Task,
    pub(crate) read: ReadOptions,
    pub(crate) run: RunConfig,
    /// The files as core reads them, once [`KeptData::make_readable`] made them so; what is kept of a run is the files as they came.
    pub(crate) readable: Option<Readable>,
}

impl KeptData {
    /// Makes text of files that are none, by their own sheet.
    ///
    /// # Errors
    /// When one can't be read.
    pub(crate) async fn make_readable(&mut self) -> Result<(), Problem> {
        let sheet = self.read.sheet.clone();
        self.make_readable_for(sheet.as_deref()).await
    }

    /// Makes text of files that are none, of workbooks by this sheet.
    ///
    /// # Errors
    /// When one can't be read; what was made before stays.
    pub(crate) async fn make_readable_for(&mut self, sheet: Option<&str>) -> Result<(), Problem> {
        if self.readable.as_ref().is_none_or(|readable| readable.sheet.as_deref() != sheet) {
            let made = readers::read_all(&self.train, self.valid.as_ref(), self.test.as_ref(), sheet).await?;
            self.readable = Some(made);
        }
        Ok(())
    }

    /// The files in wasm memory, copied where nobody has a copy of them.
    pub(crate) fn files(&self) -> Rc<DataFiles> {
        if let Some(readable) = &self.readable {
            return readable.files();
        }
        let file = |(name, bytes): &NamedBytes| (name.clone(), bytes.to_vec());
        let (valid, test) = (self.valid.as_ref().map(file), self.test.as_ref().map(file));
        Rc::new(DataFiles { train: file(&self.train), valid, test, is_test_by_name: false })
    }

    /// How files that are no text were read, in sentences.
    pub(crate) fn notes(&self) -> &[String] {
        self.readable.as_ref().map_or(&[][..], |readable| readable.notes.as_slice())
    }
}
