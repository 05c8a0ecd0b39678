//! A project file that is written a file at a time, each in pieces: one run, or a project with all of its runs.
//!
//! In: what a run is, its files of rows and those of its model, its checkpoint; of a project so run after run. Out: the zip, in the
//! layout of one run or of several.

use std::collections::BTreeSet;
use std::io::{self, Seek, Write};

use serde::Serialize;

use super::Project;
use super::header::{OneRun, ProjectDraft, RunAbout, RunHeader, SeveralRuns};
use super::parts::{
    HEADER, MODEL, Part, RUN, RUN_FILE, check_part, path_of_run, place_of_rows, place_of_shared, plain_file_name,
};
use crate::folder::FolderZip;

/// A project file that is being written. What begins a file says whether it has a place there that is free: only then
/// [`Self::append`] adds its bytes.
pub struct ProjectWriter<W: Write + Seek> {
    zip: FolderZip<W>,
    layout: Layout,
}

enum Layout {
    One,
    Several {
        /// SHA-256 of the files of rows and models that are in it.
        shared: BTreeSet<String>,
        num_runs: usize,
    },
}

impl<W: Write + Seek> ProjectWriter<W> {
    /// Begins a file of one run, which older versions read.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn of_one_run(to: W, about: &RunAbout) -> io::Result<Self> {
        let mut writer = Self { zip: FolderZip::new(to), layout: Layout::One };
        writer.add_json(HEADER, &OneRun::of(about))?;
        Ok(writer)
    }

    /// Begins a file of a project. `main` is the run that is taken where nobody chooses, the first being 0.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn new(to: W, name: &str, main: Option<usize>, draft: Option<ProjectDraft>) -> io::Result<Self> {
        let header = SeveralRuns {
            hone_project: Project::LAYOUT,
            made_by: Project::made_by(),
            name: name.to_owned(),
            main_run: main.map(|run| run + 1),
            draft,
        };
        let layout = Layout::Several { shared: BTreeSet::new(), num_runs: 0 };
        let mut writer = Self { zip: FolderZip::new(to), layout };
        writer.add_json(HEADER, &header)?;
        Ok(writer)
    }

    /// Begins a file of rows, of so many bytes: of which task, the first being 0; of training, validation or test rows, by 0, 1
    /// or 2. Its name loses what not every file system takes.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn begin_rows(
        &mut self,
        (task, slot): (usize, usize),
        name: &str,
        sha256: &str,
        bytes: u64,
    ) -> io::Result<bool> {
        match self.layout {
            Layout::One => self.begin_at(&format!("{}{}", place_of_rows(task, slot), plain_file_name(name)), bytes),
            Layout::Several { .. } => self.begin_shared(name, sha256, bytes),
        }
    }

    /// Begins a file of a model, of so many bytes.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn begin_model(&mut self, name: &str, sha256: &str, bytes: u64) -> io::Result<bool> {
        match self.layout {
            Layout::One => self.begin_at(&format!("{MODEL}{name}"), bytes),
            Layout::Several { .. } => self.begin_shared(name, sha256, bytes),
        }
    }

    /// Begins a file of rows or of a model of a project with several runs, of so many bytes; it is there once.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn begin_shared(&mut self, name: &str, sha256: &str, bytes: u64) -> io::Result<bool> {
        let Layout::Several { shared, .. } = &mut self.layout else { return Ok(false) };
        if !shared.insert(sha256.to_owned()) {
            return Ok(false);
        }
        self.begin_at(&format!("{}{}", place_of_shared(sha256), plain_file_name(name)), bytes)
    }

    /// Begins the next of several runs, of which [`Self::begin_file`] adds the checkpoint and what it has said.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn begin_run(&mut self, about: &RunAbout) -> io::Result<()> {
        let Layout::Several { num_runs, .. } = &mut self.layout else { return Ok(()) };
        *num_runs += 1;
        let path = path_of_run(*num_runs - 1, RUN_FILE);
        self.add_json(&path, &RunHeader::of(about))
    }

    /// Begins a file of the checkpoint of the run, of several the one that began last.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn begin_file(&mut self, name: &str, bytes: u64) -> io::Result<bool> {
        let path = match self.layout {
            Layout::One => format!("{RUN}{name}"),
            Layout::Several { num_runs, .. } => path_of_run(num_runs.saturating_sub(1), name),
        };
        if name == RUN_FILE { Ok(false) } else { self.begin_at(&path, bytes) }
    }

    /// Adds bytes to the file that began last.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.zip.append(bytes)
    }

    /// Closes the file.
    ///
    /// # Errors
    /// When the bytes can't be written.
    pub fn finish(self) -> io::Result<W> {
        self.zip.finish()
    }

    /// Begins a file at a path, if that has a place in a project file.
    fn begin_at(&mut self, path: &str, bytes: u64) -> io::Result<bool> {
        let has_place = Part::of(path).is_some();
        if has_place {
            self.begin_checked(path, bytes)?;
        }
        Ok(has_place)
    }

    /// Begins a part, unless it is larger than it could be read again.
    fn begin_checked(&mut self, path: &str, bytes: u64) -> io::Result<()> {
        check_part(path, bytes).map_err(|error| io::Error::other(error.to_string()))?;
        self.zip.begin(path, bytes)
    }

    fn add_json(&mut self, path: &str, value: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(value).expect("a header holds only plain values");
        self.begin_checked(path, json.len() as u64)?;
        self.zip.append(&json)
    }
}
