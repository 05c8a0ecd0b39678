//! How a project stands, on the disk: a folder of its id with its two newest states, a file of JSON each. In: a [`StoredProject`]. Out:
//! the newest that is whole, and which files any of them names.
//!
//! Two are kept, so that there is one where the newest is damaged. Where both are damaged, the files that they still name stay, and
//! nothing else waits for them: the person deletes such a project.

use std::collections::BTreeSet;

use hone_core::hub::sha256s_in;

use super::StoredProject;
use crate::disk::{DiskError, DiskFolder};

const PROJECTS: &str = "projects";

/// How the names of files begin that say how a project stands. The newest that is whole counts.
const STATE: &str = "state-";

/// States that are kept of a project.
const MAX_STATES: usize = 2;

pub(super) async fn folder() -> Result<DiskFolder, DiskError> {
    DiskFolder::open(&[PROJECTS.to_owned()]).await
}

pub(super) fn is_id(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names of the files that say how a project stands, the newest last.
async fn states(project: &DiskFolder) -> Result<Vec<String>, DiskError> {
    let mut names = project.names().await?;
    names.retain(|name| name.starts_with(STATE));
    names.sort_unstable();
    Ok(names)
}

/// The project of an id; `None` where it is not there, or can't be read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn find(id: &str) -> Result<Option<StoredProject>, DiskError> {
    let project = if is_id(id) { folder().await?.existing(id).await? } else { None };
    let Some(project) = project else { return Ok(None) };
    for name in states(&project).await?.iter().rev() {
        // Half of one, or one that was damaged, is no JSON: the one before counts.
        if let Some(stored) = project.read_json(name).await? {
            return Ok(Some(stored));
        }
    }
    Ok(None)
}

/// Writes how a project stands in the place of what was written of it.
pub(super) async fn write(stored: &StoredProject) -> Result<(), DiskError> {
    let project = folder().await?.folder(&stored.state.id).await?;
    let before = states(&project).await?;
    let number = |name: &String| name.trim_start_matches(STATE).trim_end_matches(".json").parse::<u32>().ok();
    let newest = before.last().and_then(number).unwrap_or(0);
    let json = serde_json::to_vec(stored).expect("a project holds only plain values");
    let name = state_name(newest + 1);
    if let Err(error) = project.write(&name, &json).await {
        let _ = project.remove(&name).await;
        return Err(error);
    }
    let num_gone = (before.len() + 1).saturating_sub(MAX_STATES);
    for name in before.into_iter().take(num_gone) {
        let _ = project.remove(&name).await; // what can't go now goes with the next
    }
    Ok(())
}

/// Whether nothing was ever kept of a project: its first file is missing or empty. One of which there is more names files, which
/// stay until the person deletes it.
async fn is_never_kept(id: &str) -> Result<bool, DiskError> {
    let Some(project) = folder().await?.existing(id).await? else { return Ok(true) };
    for name in states(&project).await? {
        if name != state_name(1) || project.size(&name).await?.is_some_and(|bytes| bytes > 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn state_name(number: u32) -> String {
    format!("{STATE}{number:08}.json")
}

/// All projects that can be read, the oldest first, and the ids of those that can't. One that was cut off before it was kept at all
/// is none: it goes where that can be.
pub(super) async fn all() -> Result<(Vec<StoredProject>, Vec<String>), DiskError> {
    let mut ids = folder().await?.names().await?;
    ids.retain(|name| is_id(name));
    ids.sort_unstable();
    let (mut projects, mut unreadable) = (Vec::new(), Vec::new());
    for id in ids {
        match find(&id).await? {
            Some(stored) => projects.push(stored),
            None if is_never_kept(&id).await? => {}
            None => unreadable.push(id),
        }
    }
    Ok((projects, unreadable))
}

/// SHA-256 of the files that projects have, by all that is written of how they stand: of a state that is damaged, what it still says.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn used_files() -> Result<BTreeSet<String>, DiskError> {
    let (projects, mut used) = (folder().await?, BTreeSet::new());
    for id in projects.names().await?.into_iter().filter(|name| is_id(name)) {
        let Some(project) = projects.existing(&id).await? else { continue };
        for name in states(&project).await? {
            let bytes = project.read(&name).await?.unwrap_or_default();
            used.extend(sha256s_in(&String::from_utf8_lossy(&bytes)).into_iter().map(str::to_owned));
        }
    }
    Ok(used)
}

/// The id after another.
pub(super) fn later_id(id: &str) -> String {
    format!("{:013}", id.parse::<u64>().unwrap_or(0) + 1)
}
