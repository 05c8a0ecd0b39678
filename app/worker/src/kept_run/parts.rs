//! The tasks of a kept run that learns several at once: what is written down of each beside the first.

use hone_core::config::{DataHashes, JobPart, ReadOptions};
use hone_core::task::Task;
use serde::{Deserialize, Serialize};

use super::keep;
use crate::disk::DiskError;
use crate::kept::NamedPart;
use crate::shared_files::{SharedFile, SharedFiles};

/// One of several tasks with its rows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredPart {
    pub(super) name: String,
    pub(super) train: SharedFile,
    pub(super) valid: Option<SharedFile>,
    pub(super) test: Option<SharedFile>,
    pub(super) task: Task,
    pub(super) read: ReadOptions,
}

impl StoredPart {
    /// Stores the files of a task.
    ///
    /// # Errors
    /// No storage, or no room.
    pub(super) async fn keep((name, data): &NamedPart, shared: &SharedFiles) -> Result<Self, DiskError> {
        Ok(Self {
            name: name.clone(),
            train: shared.keep(&data.train.0, &data.train.1).await?,
            valid: keep(shared, data.valid.as_ref()).await?,
            test: keep(shared, data.test.as_ref()).await?,
            task: data.task,
            read: data.read.clone(),
        })
    }
}

/// One of several tasks as a job has it, with the names and the hashes of its files.
pub(super) fn job_part(name: &str, task: Task, files: [Option<&SharedFile>; 3], read: &ReadOptions) -> JobPart {
    let [data_file, valid_file, test_file] = files.map(|file| file.map(|file| file.name.clone()));
    let [train, valid, test] = files.map(|file| file.map(|file| file.sha256.clone()));
    let (data_sha256, read) = (DataHashes { train, valid, test }, read.clone());
    JobPart { name: name.to_owned(), task, data_file, valid_file, test_file, data_sha256, read }
}
