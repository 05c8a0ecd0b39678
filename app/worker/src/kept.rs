//! What must survive a lost device: the model's files and the data, outside of wasm memory where possible.

use hone_core::config::{ModelSource, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::task::Task;
use js_sys::Uint8Array;

use crate::disk::DiskFolder;
use crate::model_files;

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

/// The data in use, and how it was last read.
pub(crate) struct KeptData {
    pub(crate) train: NamedBytes,
    pub(crate) valid: Option<NamedBytes>,
    pub(crate) test: Option<NamedBytes>,
    /// What the rows are for.
    pub(crate) task: Task,
    pub(crate) read: ReadOptions,
    pub(crate) run: RunConfig,
}

impl KeptData {
    /// Copies the files into wasm memory.
    pub(crate) fn files(&self) -> DataFiles {
        let file = |(name, bytes): &NamedBytes| (name.clone(), bytes.to_vec());
        DataFiles { train: file(&self.train), valid: self.valid.as_ref().map(file), test: self.test.as_ref().map(file) }
    }
}
