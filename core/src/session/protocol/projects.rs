//! What is kept in the browser's storage beside runs: projects, as the page lists and opens them, and models that were loaded.

use serde::{Deserialize, Serialize};

use super::{NamedBlob, OpenedPart, PartFiles, Problem};
use crate::config::{ModelSource, ReadOptions};
use crate::task::Task;

/// Where a browser keeps files for this page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoragePlace {
    /// In its private files (OPFS).
    Files,
    /// In its database (IndexedDB): there are no such files, or they can't be written.
    Database,
}

/// A project as it stands: rows, how they are read, and a recipe; its runs name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectState {
    /// Its name in the storage: digits.
    pub id: String,
    /// As the person knows it.
    pub name: String,
    /// What is to be learned.
    pub task: Task,
    /// The model that is loaded, or chosen; `None` where nobody chose.
    pub model: Option<ModelSource>,
    /// How the rows are read.
    pub read: ReadOptions,
    /// What the page wants back when it opens the project: kept as it is.
    pub page: String,
    /// How its runs were called when that was kept, where they came in a project file; none once the page has kept it anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<RenamedRun>,
}

/// A run of a project file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenamedRun {
    /// Its id where the file was made.
    pub id_there: String,
    /// Its id here.
    pub id: String,
    /// Its number there.
    pub number_there: u32,
    /// Its number here.
    pub number: u32,
}

/// Files of rows, whose bytes travel beside the message; none where there are no rows yet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProjectFiles {
    /// Training rows; then the person's own validation and test rows, if there are any.
    pub train: Option<NamedBlob>,
    /// Validation rows.
    pub valid: Option<NamedBlob>,
    /// Test rows.
    pub test: Option<NamedBlob>,
    /// What its task is called where others are learned beside it; `None` names it after its file.
    pub own_name: Option<String>,
    /// The tasks that are learned beside it.
    pub beside: Vec<PartFiles>,
}

/// All projects that are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KeptProjects {
    /// In the order in which they were made.
    pub projects: Vec<SavedProject>,
    /// Ids of those of which no state can be read any more.
    pub unreadable: Vec<String>,
    /// Why some of them, or all, can't be read.
    pub unread_reason: Option<String>,
}

/// A project that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedProject {
    /// How it stands, without what the page gave.
    pub state: ProjectState,
    /// Name of the training file; `None` before there are rows.
    pub file: Option<String>,
    /// When it was last changed, in milliseconds since 1970.
    pub changed_ms: f64,
    /// Ids of its runs, in the order in which they began.
    pub runs: Vec<String>,
    /// Bytes that are free once it is deleted, with its runs.
    pub bytes: u64,
}

/// A project that was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenedProject {
    /// How it stands.
    pub state: ProjectState,
    /// Training rows; then the person's own validation and test rows, if there are any.
    pub train: Option<NamedBlob>,
    /// Validation rows.
    pub valid: Option<NamedBlob>,
    /// Test rows.
    pub test: Option<NamedBlob>,
    /// As in [`ProjectFiles`].
    pub own_name: Option<String>,
    /// The tasks that are learned beside it, read without a model.
    pub beside: Vec<OpenedPart>,
    /// The files of its model, which are the person's own, are kept with it: [`Command::LoadKeptModel`](super::Command).
    pub has_model: bool,
    /// Another tab of this browser has it open: it is not changed here.
    pub is_elsewhere: bool,
    /// What is missing of it, if anything is.
    pub problem: Option<Problem>,
}

/// All models that are kept, whole or in part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KeptModels {
    /// Where they are, and all else that is kept; `None` where the browser keeps nothing for this page.
    pub place: Option<StoragePlace>,
    /// The one that was used last comes first.
    pub models: Vec<CachedModel>,
    /// Why there may be more.
    pub unread_reason: Option<String>,
}

/// A model of a hub, or of the page's own site, whose files are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CachedModel {
    /// What stands for the address that it came from.
    pub address: String,
    /// `owner/name`.
    pub id: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// Size of its files.
    pub bytes: u64,
    /// When it was last loaded, in milliseconds since 1970; `None` where that was not noted.
    pub used_ms: Option<f64>,
    /// All of it is there; else its download was cut off.
    pub is_whole: bool,
    /// It is the one that is loaded in this tab.
    pub is_loaded: bool,
}
