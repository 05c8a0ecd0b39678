//! A project file that stays where it is: what is in it is known at once, its files are unpacked one at a time, each in pieces.
//!
//! In: whatever can be read and sought in. Out: the runs, each with where its files lie; then those files. What there is of a run is
//! checked when the file is opened, before anything large is unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};

use super::header::{DraftFile, OneRun, ProjectDraft, RunAbout, RunHeader, SeveralRuns, Version};
use super::parts::{
    HEADER, MODEL, Part, RUN, RUN_FILE, check_part, is_of_model, path_of_run, place_of_rows, place_of_shared,
    plain_file_name,
};
use super::{NamedFile, Project, ProjectError, ProjectRows, SAVED_FILE, SavedStep, missing, read_json};
use crate::config::{DataHashes, Job};
use crate::folder::{Folder, FolderError, ZipFiles, ZipPieces};
use crate::hub::CONFIG;

/// The layout of several runs.
const SEVERAL: u32 = 3;

/// Bytes that any project file may unpack to, however small it is; and how many more for each of its own.
pub(super) const ROOM_BYTES: u64 = 64 << 20;
const MAX_RATIO: u64 = 100;

/// Most bytes of what is said of several runs, together: it stays in memory as long as the file is open.
const MAX_RUN_FILES_BYTES: u64 = 256 << 20;

/// A file in a project file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// Of rows the name that the person knows it by, of a model and a checkpoint its name there.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    path: String,
}

impl PackedFile {
    /// Where it lies in the project file, which tells it from others.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A run in a project file.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedRun {
    /// What it is.
    pub about: RunAbout,
    /// How far it came; `None` of one that was never saved.
    pub saved: Option<SavedStep>,
    /// Training, validation and test rows of its task, or of each of several.
    pub rows: Vec<[Option<PackedFile>; 3]>,
    /// The files of its model; none where they lie elsewhere.
    pub model: Vec<PackedFile>,
    /// Its checkpoint, what it has said, and how far it came; none of one that was never saved.
    pub files: Vec<PackedFile>,
}

/// A project file that was opened.
pub struct ProjectReader<R: Read + Seek> {
    zip: ZipFiles<R>,
    made_by: String,
    name: Option<String>,
    main: usize,
    runs: Vec<PackedRun>,
    draft: Option<ProjectDraft>,
    /// Rows and models of several runs, by their SHA-256.
    shared: BTreeMap<String, PackedFile>,
}

impl<R: Read + Seek> ProjectReader<R> {
    /// Opens a project file of any layout. Nothing large is unpacked.
    ///
    /// # Errors
    /// When it is no project file, a part of it is missing, foreign or too large, or a newer Hone wrote it.
    pub fn open(mut reader: R) -> Result<Self, ProjectError> {
        let length = reader.seek(SeekFrom::End(0)).map_err(|error| FolderError::Malformed(error.into()))?;
        let limit = Project::MAX_BYTES.min(ROOM_BYTES.saturating_add(MAX_RATIO.saturating_mul(length)));
        let mut zip = ZipFiles::open_if(reader, limit, check_part)?;
        let header = read_part(&mut zip, HEADER)?;
        let Version { hone_project: found } = read_json(HEADER, &header)?;
        match found {
            ..SEVERAL => Self::of_one_run(zip, &header),
            SEVERAL => Self::of_several_runs(zip, &header),
            found => Err(ProjectError::TooNew { found }),
        }
    }

    fn of_one_run(mut zip: ZipFiles<R>, header: &[u8]) -> Result<Self, ProjectError> {
        let OneRun { made_by, began_ms, note, job, model_sha256, page, .. } = read_json(HEADER, header)?;
        let job = Job::from_json(job.get().as_bytes())?;
        let mut rows: Vec<[Option<PackedFile>; 3]> = vec![[const { None }; 3]; job.parts.len().max(1)];
        let (mut model, mut files) = (Vec::new(), Vec::new());
        for (path, bytes) in zip.files() {
            let file = |name: String| PackedFile { name, bytes, path: path.to_owned() };
            match Part::of(path) {
                Some(Part::Header | Part::OfSystem) => {}
                Some(Part::Rows(task, slot, name)) if task < rows.len() => {
                    if rows[task][slot].replace(file(plain_file_name(name))).is_some() {
                        return Err(ProjectError::Several { folder: place_of_rows(task, slot) });
                    }
                }
                Some(Part::Model(name)) => model.push(file(name.to_owned())),
                Some(Part::Run(name)) => files.push(file(name.to_owned())),
                _ => return Err(ProjectError::Foreign { name: path.to_owned() }),
            }
        }
        for (task, ([_, named @ ..], found)) in files_of(&job).into_iter().zip(&rows).enumerate() {
            if found[0].is_none() {
                return Err(missing(&place_of_rows(task, 0)));
            }
            for (slot, (named, file)) in (1..).zip(named.iter().zip(&found[1..])) {
                match (named, file) {
                    (Some(_), None) => return Err(missing(&place_of_rows(task, slot))),
                    (None, Some(file)) => return Err(ProjectError::Foreign { name: file.path.clone() }),
                    _ => {}
                }
            }
        }
        // A model of the person's own may lie elsewhere, too: whoever uses the run says where, or refuses it.
        let has_model = !model.is_empty();
        if has_model && !model.iter().any(|file| file.name == CONFIG) {
            return Err(missing(&format!("{MODEL}{CONFIG}")));
        }
        if !files.is_empty() && !has_model && model_sha256.is_empty() {
            return Err(missing(&format!("model_sha256 in {HEADER}, by which the run knows its model")));
        }
        let saved = read_saved(&mut zip, &files, &format!("{RUN}{SAVED_FILE}"))?;
        let about = RunAbout { number: None, began_ms, note, job, model_sha256, has_model, page };
        let run = PackedRun { about, saved, rows, model, files };
        let shared = BTreeMap::new();
        Ok(Self { zip, made_by, name: None, main: 0, runs: vec![run], draft: None, shared })
    }

    fn of_several_runs(mut zip: ZipFiles<R>, header: &[u8]) -> Result<Self, ProjectError> {
        let SeveralRuns { made_by, name, main_run, draft, .. } = read_json(HEADER, header)?;
        let mut shared: BTreeMap<String, PackedFile> = BTreeMap::new();
        let mut files: BTreeMap<usize, Vec<PackedFile>> = BTreeMap::new();
        let (mut num_runs, mut run_files_bytes) = (0, 0_u64);
        for (path, bytes) in zip.files() {
            let file = |name: &str| PackedFile { name: name.to_owned(), bytes, path: path.to_owned() };
            match Part::of(path) {
                Some(Part::Header | Part::OfSystem) => {}
                Some(Part::Shared(sha256, name)) => {
                    if shared.insert(sha256.to_owned(), file(name)).is_some() {
                        return Err(ProjectError::Several { folder: place_of_shared(sha256) });
                    }
                }
                Some(Part::RunOf(_, RUN_FILE)) => {
                    num_runs += 1;
                    run_files_bytes = run_files_bytes.saturating_add(bytes);
                }
                Some(Part::RunOf(run, name)) => files.entry(run).or_default().push(file(name)),
                _ => return Err(ProjectError::Foreign { name: path.to_owned() }),
            }
        }
        if run_files_bytes > MAX_RUN_FILES_BYTES {
            let name = format!("{RUN_FILE} of all runs");
            return Err(ProjectError::TooLarge { name, bytes: run_files_bytes, limit: MAX_RUN_FILES_BYTES });
        }
        let (mut runs, mut numbers) = (Vec::new(), BTreeSet::new());
        for run in 0..num_runs {
            // Where one is missing, this is the first of which that is said.
            let read = one_of_several(&mut zip, run, files.remove(&run).unwrap_or_default(), &shared)?;
            if let Some(number) = read.about.number.filter(|number| !numbers.insert(*number)) {
                return Err(ProjectError::SameNumber { number });
            }
            runs.push(read);
        }
        if let Some(file) = files.into_values().flatten().next() {
            return Err(ProjectError::Foreign { name: file.path });
        }
        for DraftFile { name, sha256 } in draft.iter().flat_map(ProjectDraft::files) {
            find_shared(&shared, name, sha256, HEADER)?;
        }
        let main = match main_run {
            Some(run) if !(1..=runs.len()).contains(&run) => return Err(missing(&format!("run {run}, its main_run"))),
            Some(run) => run - 1,
            None => runs.len().saturating_sub(1),
        };
        Ok(Self { zip, made_by, name: Some(name), main, runs, draft, shared })
    }

    /// What wrote it, such as `Hone 0.1.0`.
    pub fn made_by(&self) -> &str {
        &self.made_by
    }

    /// Name of the project; `None` of a file of one run, which is of none.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its runs, in the order in which they began.
    pub fn runs(&self) -> &[PackedRun] {
        &self.runs
    }

    /// The run that is taken where nobody chooses: the one that was the best when the file was made, else the last.
    pub fn main(&self) -> usize {
        self.main
    }

    /// How the project stood beside its runs; [`Self::shared`] has its files.
    pub fn draft(&self) -> Option<&ProjectDraft> {
        self.draft.as_ref()
    }

    /// The file of rows or of a model with this SHA-256, in a file of several runs.
    pub fn shared(&self, sha256: &str) -> Option<&PackedFile> {
        self.shared.get(sha256)
    }

    /// A file, which is unpacked as its pieces are pulled.
    ///
    /// # Errors
    /// When it is packed in a way that this build does not know.
    pub fn pieces(&mut self, file: &PackedFile) -> Result<ZipPieces<'_, R>, ProjectError> {
        Ok(self.zip.pieces(&file.path)?)
    }

    /// A whole file.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn read(&mut self, file: &PackedFile) -> Result<NamedFile, ProjectError> {
        Ok((file.name.clone(), self.zip.read(&file.path)?))
    }

    /// The files of rows of a run, of its task or of each of several.
    ///
    /// # Errors
    /// When one is damaged.
    pub fn read_rows(&mut self, run: &PackedRun) -> Result<Vec<ProjectRows>, ProjectError> {
        let mut tasks = Vec::with_capacity(run.rows.len());
        for [train, valid, test] in &run.rows {
            let train = train.as_ref().ok_or_else(|| missing("training rows"))?;
            let mut optional = |file: &Option<PackedFile>| file.as_ref().map(|file| self.read(file)).transpose();
            let (valid, test) = (optional(valid)?, optional(test)?);
            tasks.push(ProjectRows { train: self.read(train)?, valid, test });
        }
        Ok(tasks)
    }

    /// Whole files, of a model or a checkpoint.
    ///
    /// # Errors
    /// When one is damaged.
    pub fn read_files<'f>(&mut self, files: impl IntoIterator<Item = &'f PackedFile>) -> Result<Folder, ProjectError> {
        let mut folder = Folder::new();
        for file in files {
            let (name, bytes) = self.read(file)?;
            folder.insert(name, bytes);
        }
        Ok(folder)
    }

    /// All of a run, in memory.
    ///
    /// # Errors
    /// When a file of it is damaged.
    pub fn read_run(&mut self, run: &PackedRun) -> Result<Project, ProjectError> {
        let mut rows = self.read_rows(run)?.into_iter();
        let RunAbout { began_ms, note, job, model_sha256, page, .. } = run.about.clone();
        Ok(Project {
            made_by: self.made_by.clone(),
            began_ms,
            note,
            job,
            rows: rows.next().unwrap_or_default(),
            beside: rows.collect(),
            model_sha256,
            model: self.read_files(&run.model)?,
            run: self.read_files(&run.files)?,
            page,
        })
    }
}

fn one_of_several<R: Read + Seek>(
    zip: &mut ZipFiles<R>,
    run: usize,
    files: Vec<PackedFile>,
    shared: &BTreeMap<String, PackedFile>,
) -> Result<PackedRun, ProjectError> {
    let path = path_of_run(run, RUN_FILE);
    let header: RunHeader = read_json(&path, &read_part(zip, &path)?)?;
    let about = header.into_about()?;
    let mut rows = Vec::new();
    for [train, valid, test] in files_of(&about.job) {
        let find = |file: Option<NamedHash<'_>>| -> Result<Option<PackedFile>, ProjectError> {
            let Some((name, sha256)) = file else { return Ok(None) };
            let sha256 = sha256.ok_or_else(|| missing(&format!("SHA-256 of {name} in {path}")))?;
            find_shared(shared, name, sha256, &path).map(Some)
        };
        rows.push([find(train)?, find(valid)?, find(test)?]);
    }
    let mut model = Vec::new();
    for (name, sha256) in about.model_sha256.iter().filter(|_| about.has_model) {
        if !is_of_model(name) {
            return Err(ProjectError::Foreign { name: name.clone() });
        }
        model.push(PackedFile { name: name.clone(), ..find_shared(shared, name, sha256, &path)? });
    }
    if about.has_model && !model.iter().any(|file| file.name == CONFIG) {
        return Err(missing(&format!("{CONFIG} of the model in {path}")));
    }
    if !files.is_empty() && about.model_sha256.is_empty() {
        return Err(missing(&format!("model_sha256 in {path}, by which the run knows its model")));
    }
    let saved = read_saved(zip, &files, &path_of_run(run, SAVED_FILE))?;
    Ok(PackedRun { about, saved, rows, model, files })
}

/// A file by its name, and its SHA-256 where that is known.
type NamedHash<'a> = (&'a str, Option<&'a str>);

/// The names and the hashes of a job's files: training, validation and test rows of its task, or of each of several.
fn files_of(job: &Job) -> Vec<[Option<NamedHash<'_>>; 3]> {
    fn named<'a>(names: [Option<&'a str>; 3], hashes: &'a DataHashes) -> [Option<NamedHash<'a>>; 3] {
        let hashes = [&hashes.train, &hashes.valid, &hashes.test];
        let mut both = names.into_iter().zip(hashes).map(|(name, hash)| Some((name?, hash.as_deref())));
        std::array::from_fn(|_| both.next().flatten())
    }
    match job.parts.as_slice() {
        [] => {
            let train = job.data_file.as_deref().unwrap_or("rows");
            vec![named([Some(train), job.valid_file.as_deref(), job.test_file.as_deref()], &job.data_sha256)]
        }
        parts => {
            let of_part = parts.iter().map(|part| {
                let train = part.data_file.as_deref().unwrap_or("rows");
                named([Some(train), part.valid_file.as_deref(), part.test_file.as_deref()], &part.data_sha256)
            });
            of_part.collect()
        }
    }
}

/// A file of rows, or of a model, of several runs; `named_by` is the part that names it.
fn find_shared(
    shared: &BTreeMap<String, PackedFile>,
    name: &str,
    sha256: &str,
    named_by: &str,
) -> Result<PackedFile, ProjectError> {
    let found = shared.get(sha256).ok_or_else(|| missing(&format!("{name}, which {named_by} names")))?;
    Ok(PackedFile { name: plain_file_name(name), ..found.clone() })
}

/// How far the run with these files came; `None` where there are none.
fn read_saved<R: Read + Seek>(
    zip: &mut ZipFiles<R>,
    files: &[PackedFile],
    path: &str,
) -> Result<Option<SavedStep>, ProjectError> {
    match files.iter().any(|file| file.name == SAVED_FILE) {
        true => read_json(path, &read_part(zip, path)?).map(Some),
        false if files.is_empty() => Ok(None),
        false => Err(missing(path)),
    }
}

/// A small part, as a whole.
fn read_part<R: Read + Seek>(zip: &mut ZipFiles<R>, path: &str) -> Result<Vec<u8>, ProjectError> {
    match zip.has(path) {
        true => Ok(zip.read(path)?),
        false => Err(missing(path)),
    }
}
