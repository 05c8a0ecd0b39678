//! What must survive a lost device: the model's files and the data, outside of wasm memory where possible.

use hone_core::config::{ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::session::protocol::Problem;
use hone_core::task::Task;
use js_sys::Uint8Array;

use crate::disk::DiskFolder;
use crate::model_files;
use crate::readers::{self, Readable};

/// A file on JavaScript's heap.
pub(crate) type NamedBytes = (String, Uint8Array);

/// The model in use.
pub(crate) struct KeptModel {
    pub(crate) source: ModelSource,
    pub(crate) files: KeptFiles,
}

/// Where the files of a model are.
pub(crate) enum KeptFiles {
    /// Whole, at this path of the browser's disk.
    OnDisk(Vec<String>),
    InMemory(Vec<NamedBytes>),
}

impl KeptModel {
    /// A model whose files lie on the disk.
    pub(crate) fn on_disk(source: ModelSource, path: Vec<String>) -> Self {
        Self { source, files: KeptFiles::OnDisk(path) }
    }

    /// A model whose files lie nowhere else.
    pub(crate) fn in_memory(source: ModelSource, files: Vec<NamedBytes>) -> Self {
        Self { source, files: KeptFiles::InMemory(files) }
    }

    /// Copies a folder out of wasm memory.
    pub(crate) fn copied(source: ModelSource, folder: &Folder) -> Self {
        let files = folder.iter().map(|(name, bytes)| (name.to_owned(), Uint8Array::from(bytes)));
        Self::in_memory(source, files.collect())
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

/// Copies files into wasm memory. A folder that was chosen whole comes with its name in front of every file: dropped.
pub(crate) fn to_folder(files: &[NamedBytes]) -> Folder {
    files
        .iter()
        .map(|(name, bytes)| (name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned(), bytes.to_vec()))
        .collect()
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

    /// Copies the files into wasm memory.
    pub(crate) fn files(&self) -> DataFiles {
        let file = |(name, bytes): &NamedBytes| (name.clone(), bytes.to_vec());
        let (train, valid, test) = match &self.readable {
            Some(Readable { train, valid, test, .. }) => (train, valid, test),
            None => (&self.train, &self.valid, &self.test),
        };
        DataFiles { train: file(train), valid: valid.as_ref().map(file), test: test.as_ref().map(file) }
    }

    /// How files that are no text were read, in sentences.
    pub(crate) fn notes(&self) -> &[String] {
        self.readable.as_ref().map_or(&[][..], |readable| readable.notes.as_slice())
    }
}
