//! Checkpoints on the disk, under `runs/current/`: each in a folder of its own, whole once its manifest is written; then
//! the older ones go. At every moment at least one whole checkpoint is there, once there was one.

use hone_core::folder::Folder;
use hone_core::session::protocol::Problem;

use crate::disk::{DiskError, DiskFolder, Manifest, StoredFile};

/// Writes the newest checkpoint and drops the others.
///
/// # Errors
/// No storage, or no room; the one before stays.
pub(crate) async fn write(step: u32, checkpoint: &Folder) -> Result<(), Problem> {
    try_write(step, checkpoint).await.map_err(|error| error.problem("the checkpoint can't be kept"))
}

async fn try_write(step: u32, checkpoint: &Folder) -> Result<(), DiskError> {
    let runs = DiskFolder::open(&["runs".into(), "current".into()]).await?;
    let name = format!("step-{step:08}");
    let folder = runs.folder(&name).await?;
    if let Err(error) = fill(&folder, checkpoint).await {
        let _ = runs.remove(&name).await;
        return Err(error);
    }
    for older in runs.names().await?.into_iter().filter(|older| *older != name) {
        runs.remove(&older).await?;
    }
    Ok(())
}

async fn fill(folder: &DiskFolder, checkpoint: &Folder) -> Result<(), DiskError> {
    folder.unseal().await?;
    let mut manifest = Manifest::default();
    for (name, bytes) in checkpoint.iter() {
        folder.write(name, bytes).await?;
        manifest.files.insert(name.into(), StoredFile { bytes: bytes.len() as u64, sha256: None });
    }
    folder.seal(&manifest).await
}
