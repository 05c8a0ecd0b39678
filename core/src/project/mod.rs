//! A run with all that it needs as one file, `NAME.hone`: a zip of a plain layout (docs/project-file.md).
//!
//! In: bytes that a person dropped or named, which may be damaged or made to do harm. Out: the job, its files of rows, those of
//! its model where they lie nowhere else, and how far it came; or why not. Nothing is written under a name of the file.

mod parts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::parts::{HEADER, MODEL, Part, RUN, check_part, place_of_rows, plain_file_name};
use crate::config::{Job, JobError, ModelSource};
use crate::folder::{Folder, FolderError, FolderZip};

/// How the name of a project file ends.
pub const PROJECT_ENDING: &str = ".hone";

/// What a run has said, one event a line, beside its checkpoint.
pub const EVENTS_FILE: &str = "events.jsonl";

/// How far a run came, beside its checkpoint.
pub const SAVED_FILE: &str = "saved.json";

/// The file that a model can't be without.
const CONFIG: &str = "config.json";

/// Bytes that any project file may unpack to, however small it is; and how many more for each of its own.
const ROOM_BYTES: u64 = 64 << 20;
const MAX_RATIO: u64 = 100;

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

/// `project.json`. Unknown fields are refused, so that a typing error is not silently a default.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    hone_project: u32,
    made_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
    /// The job file as it is, with the checks of its own.
    job: Box<RawValue>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    model_sha256: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    page: String,
}

/// What any layout says first.
#[derive(Deserialize)]
struct Version {
    hone_project: u32,
}

impl Project {
    /// The newest layout that this version reads: that of runs of several tasks. Others are written in the one before.
    pub const LAYOUT: u32 = 2;

    /// Most bytes that a project file may unpack to: of one with more nothing is read.
    pub const MAX_BYTES: u64 = 4 << 30;

    /// A run that was never saved, of a model that a hub has.
    #[must_use]
    pub fn new(job: Job, train: NamedFile) -> Self {
        Self {
            made_by: concat!("Hone ", env!("CARGO_PKG_VERSION")).to_owned(),
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

    /// The file. Names of rows lose what not every file system takes; files of the model and the run that would be refused
    /// when it is read are left out.
    #[must_use]
    pub fn to_zip(self) -> Vec<u8> {
        let zip = self.into_zip(Cursor::new(Vec::new())).and_then(FolderZip::finish);
        zip.expect("names are unique and memory does not fail").into_inner()
    }

    /// As [`Self::to_zip`], not closed yet: files of a run that is not in memory can be added under [`Self::path_of_run`], in the
    /// order of their names.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn into_zip<W: Write + Seek>(self, to: W) -> io::Result<FolderZip<W>> {
        let Self { made_by, began_ms, note, job, rows, beside, model_sha256, model, run, page } = self;
        let job = RawValue::from_string(job.to_json()).expect("a job is JSON");
        let hone_project = if beside.is_empty() { 1 } else { Self::LAYOUT };
        let header = Header { hone_project, made_by, began_ms, note, job, model_sha256, page };
        let mut folder = Folder::new();
        folder.insert(HEADER, serde_json::to_vec_pretty(&header).expect("a header holds only plain values"));
        for (task, ProjectRows { train, valid, test }) in std::iter::once(rows).chain(beside).enumerate() {
            for (slot, file) in [Some(train), valid, test].into_iter().enumerate() {
                if let Some((name, bytes)) = file {
                    folder.insert(format!("{}{}", place_of_rows(task, slot), plain_file_name(&name)), bytes);
                }
            }
        }
        for (place, files) in [(MODEL, model), (RUN, run)] {
            for (name, bytes) in files {
                // A folder that was chosen whole has its own name in front of each file.
                let path = format!("{place}{}", name.rsplit(['/', '\\']).next().unwrap_or_default());
                if Part::of(&path).is_some() {
                    folder.insert(path, bytes);
                }
            }
        }
        let mut zip = FolderZip::new(to);
        zip.append_folder(&folder)?;
        Ok(zip)
    }

    /// Where a file of a run lies in a project file; `None` of one that has no place there.
    #[must_use]
    pub fn path_of_run(name: &str) -> Option<String> {
        let path = format!("{RUN}{name}");
        let is_part = Part::of(&path).is_some();
        is_part.then_some(path)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is no project file, a part of it is missing, foreign, damaged or too large, or a newer Hone wrote it.
    pub fn from_zip(bytes: &[u8]) -> Result<Self, ProjectError> {
        let limit = Self::MAX_BYTES.min(ROOM_BYTES + MAX_RATIO * bytes.len() as u64);
        Self::from_folder(Folder::from_zip_if(bytes, limit, check_part)?)
    }

    fn from_folder(mut folder: Folder) -> Result<Self, ProjectError> {
        let header = folder.remove(HEADER).ok_or_else(|| missing(HEADER))?;
        let Version { hone_project: found } = read_json(HEADER, &header)?;
        if found > Self::LAYOUT {
            return Err(ProjectError::TooNew { found });
        }
        let Header { made_by, began_ms, note, job, model_sha256, page, .. } = read_json(HEADER, &header)?;
        let job = Job::from_json(job.get().as_bytes())?;
        let num_tasks = job.parts.len().max(1);
        let (mut files, mut model, mut run) = (BTreeMap::new(), Folder::new(), Folder::new());
        for (path, bytes) in folder {
            match Part::of(&path) {
                Some(Part::Rows(task, slot, name)) if task < num_tasks => {
                    if files.insert((task, slot), (plain_file_name(name), bytes)).is_some() {
                        return Err(ProjectError::Several { folder: place_of_rows(task, slot) });
                    }
                }
                Some(Part::Model(name)) => model.insert(name, bytes),
                Some(Part::Run(name)) => run.insert(name, bytes),
                Some(Part::Header | Part::Rows(..)) | None => return Err(ProjectError::Foreign { name: path }),
            }
        }
        let mut rows_of = |task| {
            let mut take = |slot| files.remove(&(task, slot));
            let train = take(0).ok_or_else(|| missing(&place_of_rows(task, 0)))?;
            Ok::<_, ProjectError>(ProjectRows { train, valid: take(1), test: take(2) })
        };
        let rows = rows_of(0)?;
        let beside = (1..num_tasks).map(rows_of).collect::<Result<_, _>>()?;
        let project = Self { made_by, began_ms, note, job, rows, beside, model_sha256, model, run, page };
        project.check()?;
        Ok(project)
    }

    /// Whether the parts belong together.
    fn check(&self) -> Result<(), ProjectError> {
        let Self { job, model, run, .. } = self;
        let one = [[&job.valid_file, &job.test_file]];
        let named: Vec<_> = match job.parts.as_slice() {
            [] => one.to_vec(),
            parts => parts.iter().map(|part| [&part.valid_file, &part.test_file]).collect(),
        };
        for (task, (named, rows)) in named.into_iter().zip(self.rows_of_tasks()).enumerate() {
            for (slot, named, file) in [(1, named[0], &rows.valid), (2, named[1], &rows.test)] {
                let place = place_of_rows(task, slot);
                match (named, file) {
                    (Some(_), None) => return Err(missing(&place)),
                    (None, Some((name, _))) => return Err(ProjectError::Foreign { name: format!("{place}{name}") }),
                    _ => {}
                }
            }
        }
        let has_files = model.iter().next().is_some();
        let is_local = matches!(job.model, ModelSource::Local { .. });
        if (is_local || has_files) && model.get(CONFIG).is_none() {
            return Err(missing(&format!("{MODEL}{CONFIG}")));
        }
        let is_saved = run.iter().next().is_some();
        if is_saved && !has_files && self.model_sha256.is_empty() {
            return Err(missing(&format!("model_sha256 in {HEADER}, by which the run knows its model")));
        }
        self.saved_step().map(drop)
    }

    /// The rows of its task, or of each of several.
    pub fn rows_of_tasks(&self) -> impl Iterator<Item = &ProjectRows> {
        std::iter::once(&self.rows).chain(&self.beside)
    }

    /// How far the run came; `None` of one that was never saved.
    ///
    /// # Errors
    /// When that is missing beside its checkpoint, or no JSON of it.
    pub fn saved_step(&self) -> Result<Option<SavedStep>, ProjectError> {
        let path = format!("{RUN}{SAVED_FILE}");
        match self.run.get(SAVED_FILE) {
            Some(json) => read_json(&path, json).map(Some),
            None if self.run.iter().next().is_some() => Err(missing(&path)),
            None => Ok(None),
        }
    }

    /// Takes out what restores the run; `None` of one that was never saved.
    pub fn take_checkpoint(&mut self) -> Option<Folder> {
        let mut run = std::mem::take(&mut self.run);
        for name in [EVENTS_FILE, SAVED_FILE] {
            run.remove(name);
        }
        Some(run).filter(|run| run.iter().next().is_some())
    }
}

fn missing(name: &str) -> ProjectError {
    ProjectError::Missing { name: name.to_owned() }
}

fn read_json<'a, T: Deserialize<'a>>(name: &str, json: &'a [u8]) -> Result<T, ProjectError> {
    serde_json::from_slice(json).map_err(|source| ProjectError::Malformed { name: name.to_owned(), source })
}
