//! `--project FILE`: a run that the page saved as one file, unpacked in memory: its job, its rows, the files of its model where
//! no hub has them, and how far it came.

use std::collections::BTreeMap;
use std::mem::take;
use std::path::{Path, PathBuf};

use hone_core::config::Job;
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::project::{Project, ProjectRows, SavedStep};

use crate::model_files::{CONFIG, ModelFiles};
use crate::output::read_data_file;
use crate::progress::say;

/// A project file.
pub(crate) struct ProjectFile {
    /// From the root of the disk.
    pub(crate) path: PathBuf,
    project: Project,
}

impl ProjectFile {
    /// Unpacks it. With `model`, which says where that lies, the files of a model in it are left alone.
    ///
    /// # Errors
    /// When it can't be read, or is no project file.
    pub(crate) fn read(path: &Path, model: Option<&str>) -> anyhow::Result<Self> {
        let bytes = read_data_file("read the project file", path)?;
        let mut project = Project::from_zip(&bytes).map_err(|error| anyhow::anyhow!("{error}: {}", path.display()))?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if model.is_some() {
            project.model = Folder::new();
        }
        Ok(Self { path, project })
    }

    pub(crate) fn job(&self) -> &Job {
        &self.project.job
    }

    /// Whether there are validation rows, and test rows, of the person's own: of its task, or of each of several.
    pub(crate) fn has_rows(&self) -> Vec<[bool; 2]> {
        self.project.rows_of_tasks().map(|rows| [rows.valid.is_some(), rows.test.is_some()]).collect()
    }

    /// What stands for `--model` where that is not given: the file itself where it holds the model.
    pub(crate) fn model_argument(&self) -> String {
        match self.project.model.iter().next() {
            Some(_) => self.path.display().to_string(),
            None => self.project.job.model.argument(),
        }
    }

    /// Takes out the files of the model; `None` where there are none.
    pub(crate) fn take_model(&mut self) -> Option<ModelFiles> {
        let folder = take(&mut self.project.model);
        folder.iter().next()?;
        Some(ModelFiles { source: self.project.job.model.clone(), folder, dir: self.path.clone() })
    }

    /// Takes out the rows; of several tasks those of the first.
    pub(crate) fn take_rows(&mut self) -> DataFiles {
        files_of(take(&mut self.project.rows))
    }

    /// Takes out the rows of each of several tasks.
    pub(crate) fn take_rows_of_parts(&mut self) -> Vec<DataFiles> {
        let first = self.take_rows();
        std::iter::once(first).chain(take(&mut self.project.beside).into_iter().map(files_of)).collect()
    }

    /// Takes out what a run that was cut off goes on from, unless it is started `anew`; says what becomes of the run.
    pub(crate) fn take_unfinished(&mut self, anew: bool) -> anyhow::Result<Option<(Folder, SavedStep)>> {
        let Some(saved) = self.project.saved_step()? else { return Ok(None) };
        let (step, total) = (saved.step, saved.total_steps);
        let Some(checkpoint) = self.project.take_checkpoint() else { return Ok(None) };
        if saved.is_finished {
            say("the run of the project file is over: it is started anew");
            return Ok(None);
        }
        if anew {
            say(&format!(
                "the run of the project file, saved at step {step} of {total}, is started anew with these settings"
            ));
            return Ok(None);
        }
        say(&format!(
            "going on with the run of the project file from step {step} of {total} (a setting, such as --seed, starts it anew)"
        ));
        Ok(Some((checkpoint, saved)))
    }

    /// Drops how far the run came, which may be as large as the model.
    pub(crate) fn forget_run(&mut self) {
        self.project.run = Folder::new();
    }

    /// SHA-256 of what the model is, by file name, as far as it is known.
    pub(crate) fn model_sha256(&self, with_weights: bool) -> BTreeMap<String, String> {
        let is_model = |name: &str| name == CONFIG || (with_weights && name.ends_with(".safetensors"));
        let known = self.project.model_sha256.iter().filter(|(name, _)| is_model(name));
        known.map(|(name, sha256)| (name.clone(), sha256.clone())).collect()
    }
}

fn files_of(ProjectRows { train, valid, test }: ProjectRows) -> DataFiles {
    DataFiles { train, valid, test }
}
