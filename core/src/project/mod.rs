//! A run, or a project with all of its runs, as one file, `NAME.hone`: a zip of a plain layout (docs/project-file.md).
//!
//! In: a file that a person dropped or named, which may be damaged or made to do harm. Out, of each run: the job, its files of
//! rows, those of its model where they lie nowhere else, and how far it came; or why not. `reader` reads it a file at a time, each
//! in pieces, `writer` writes several runs so; [`Project`] is one run in memory. Nothing is written under a name of the file.

mod header;
mod parts;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, Write};

use serde::Deserialize;

pub use self::header::{DraftFile, DraftPart, ProjectDraft, RunAbout};
pub use self::reader::{PackedFile, PackedRun, ProjectReader};
pub use self::writer::ProjectWriter;
use crate::config::{Job, JobError};
use crate::folder::{Folder, FolderError};
use crate::hub::names_in_folder;

/// How the name of a project file ends.
pub const PROJECT_ENDING: &str = ".hone";

/// What a run has said, one event a line, beside its checkpoint.
pub const EVENTS_FILE: &str = "events.jsonl";

/// How far a run came, beside its checkpoint.
pub const SAVED_FILE: &str = "saved.json";

/// A file of rows: the name that the person knows it by, and its content.
pub type NamedFile = (String, Vec<u8>);

/// A project file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No zip, a damaged one, or one that unpacks to too much.
    #[error("the project file can't be read: {0}")]
    Zip(#[from] FolderError),
    /// A file that has no place in a project.
    #[error("{name:?} is no part of a project file")]
    Foreign {
        /// Its path.
        name: String,
    },
    /// A part is larger than it can be.
    #[error("{name} of the project file has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Its path.
        name: String,
        /// Its size, as the zip claims it.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Something that it can't be without.
    #[error("the project file has no {name}")]
    Missing {
        /// What is missing.
        name: String,
    },
    /// More than one file where there is one.
    #[error("the project file has several files in {folder}")]
    Several {
        /// Where.
        folder: String,
    },
    /// Two runs have one number, so that one of them could not be chosen.
    #[error("number {number} stands at two runs of the project file")]
    SameNumber {
        /// As `run.json` says it.
        number: u32,
    },
    /// A part holds something else.
    #[error("{name} of the project file can't be read: {source}")]
    Malformed {
        /// Its path.
        name: String,
        /// What its reader says.
        source: serde_json::Error,
    },
    /// Written by a newer Hone.
    #[error("the project file has layout {found}, this version reads up to {}: update Hone", Project::LAYOUT)]
    TooNew {
        /// Layout found.
        found: u32,
    },
    /// Its job can't be used.
    #[error("the project's {0}")]
    Job(#[from] JobError),
}

/// The files of rows of a task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProjectRows {
    /// Rows to train on.
    pub train: NamedFile,
    /// The person's own validation rows.
    pub valid: Option<NamedFile>,
    /// The person's own test rows.
    pub test: Option<NamedFile>,
}

/// A run with all that it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// What wrote it, such as `Hone 0.1.0`.
    pub made_by: String,
    /// When the run began, in milliseconds since 1970, where that is known.
    pub began_ms: Option<f64>,
    /// What the person wrote about it.
    pub note: String,
    /// What is run.
    pub job: Job,
    /// Its rows; of several tasks those of the first.
    pub rows: ProjectRows,
    /// The rows of the others of several tasks, in the order of the job's parts.
    pub beside: Vec<ProjectRows>,
    /// SHA-256 (lower-case hex) of the model's files, by name.
    pub model_sha256: BTreeMap<String, String>,
    /// The model's files; none where a hub has them.
    pub model: Folder,
    /// The checkpoint, [`EVENTS_FILE`] and [`SAVED_FILE`]; empty of a run that was never saved.
    pub run: Folder,
    /// What the page wants back when it goes on with the run.
    pub page: String,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct SavedStep {
    /// Optimizer steps taken.
    pub step: u32,
    /// Those of the whole run.
    pub total_steps: u32,
    /// It was over.
    pub is_finished: bool,
    /// Seconds of the run until then.
    pub elapsed_secs: f64,
}

impl Project {
    /// The newest layout that this version reads: that of several runs. One run of several tasks is written in the one before, of
    /// one task in the first.
    pub const LAYOUT: u32 = 3;

    /// Most bytes that a project file may unpack to: of one with more nothing is read.
    pub const MAX_BYTES: u64 = 4 << 30;

    /// A run that was never saved, of a model that a hub has.
    #[must_use]
    pub fn new(job: Job, train: NamedFile) -> Self {
        Self {
            made_by: Self::made_by(),
            began_ms: None,
            note: String::new(),
            job,
            rows: ProjectRows { train, valid: None, test: None },
            beside: Vec::new(),
            model_sha256: BTreeMap::new(),
            model: Folder::new(),
            run: Folder::new(),
            page: String::new(),
        }
    }

    /// What writes project files now.
    pub(crate) fn made_by() -> String {
        concat!("Hone ", env!("CARGO_PKG_VERSION")).to_owned()
    }

    /// The file. Names of rows lose what not every file system takes; files of the model and the run that would be refused
    /// when it is read are left out.
    ///
    /// # Panics
    /// Where two files have one name.
    #[must_use]
    pub fn to_zip(self) -> Vec<u8> {
        self.write_to(Cursor::new(Vec::new())).expect("names are unique and memory does not fail").into_inner()
    }

    fn write_to<W: Write + Seek>(self, to: W) -> io::Result<W> {
        let Self { began_ms, note, job, rows, beside, model_sha256, model, run, page, .. } = self;
        let about = RunAbout { number: None, began_ms, note, job, model_sha256, has_model: false, page };
        let mut writer = ProjectWriter::of_one_run(to, &about)?;
        for (task, ProjectRows { train, valid, test }) in std::iter::once(rows).chain(beside).enumerate() {
            for (slot, file) in [Some(train), valid, test].into_iter().enumerate() {
                let Some((name, bytes)) = file else { continue };
                if writer.begin_rows((task, slot), &name, "", bytes.len() as u64)? {
                    writer.append(&bytes)?;
                }
            }
        }
        let files: Vec<(&str, &[u8])> = model.iter().collect();
        let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        // A folder that was chosen whole has its own name in front of each file.
        for (name, index) in names_in_folder(&paths) {
            let (_, bytes) = files[index];
            if writer.begin_model(&name, "", bytes.len() as u64)? {
                writer.append(bytes)?;
            }
        }
        for (name, bytes) in run.iter() {
            if writer.begin_file(name, bytes.len() as u64)? {
                writer.append(bytes)?;
            }
        }
        writer.finish()
    }

    /// Reads the file; of several runs the one that is taken where nobody chooses.
    ///
    /// # Errors
    /// When it is no project file, a part of it is missing, foreign, damaged or too large, or a newer Hone wrote it.
    pub fn from_zip(bytes: &[u8]) -> Result<Self, ProjectError> {
        let mut reader = ProjectReader::open(Cursor::new(bytes))?;
        let main = reader.main();
        let run = reader.runs().get(main).cloned().ok_or_else(|| missing("run"))?;
        reader.read_run(&run)
    }
}

fn missing(name: &str) -> ProjectError {
    ProjectError::Missing { name: name.to_owned() }
}

fn read_json<'a, T: Deserialize<'a>>(name: &str, json: &'a [u8]) -> Result<T, ProjectError> {
    serde_json::from_slice(json).map_err(|source| ProjectError::Malformed { name: name.to_owned(), source })
}
