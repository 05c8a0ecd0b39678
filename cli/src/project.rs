//! `--project FILE`: a run that the page saved in a file, alone or with the others of its project: its job, its rows, the files of
//! its model where no hub has them, and how far it came. Each is unpacked when it is asked for; the file stays where it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hone_core::config::{Job, ModelSource};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::project::{EVENTS_FILE, PackedFile, PackedRun, ProjectReader, ProjectRows, SAVED_FILE, SavedStep};

use crate::model_files::{CONFIG, ModelFiles};
use crate::output::open_data_file;
use crate::progress::say;

/// A project file that stays on the disk.
pub(crate) type OpenProject = ProjectReader<BufReader<File>>;

/// Opens a project file. Nothing large is read.
///
/// # Errors
/// When it can't be read, or is no project file.
pub(crate) fn open(path: &Path) -> anyhow::Result<OpenProject> {
    let file = BufReader::new(open_data_file("read the project file", path)?);
    ProjectReader::open(file).map_err(|error| anyhow::anyhow!("{error}: {}", path.display()))
}

/// The number of a run: that which it had on the page, else that of its place.
pub(crate) fn number_of(runs: &[PackedRun], index: usize) -> u32 {
    let of_page = runs.get(index).and_then(|run| run.about.number);
    of_page.unwrap_or_else(|| u32::try_from(index + 1).unwrap_or(u32::MAX))
}

/// A run of a project file.
pub(crate) struct ProjectFile {
    /// From the root of the disk.
    pub(crate) path: PathBuf,
    /// Number of the run, where the file holds several.
    pub(crate) number: Option<u32>,
    project: OpenProject,
    run: PackedRun,
    /// `--model` says where the model lies: the files of one in it are left alone.
    has_other_model: bool,
}

impl ProjectFile {
    /// Opens it, and takes the run of a `number`, else the one that was the best when the file was made, which is said. `model` says
    /// where that lies.
    ///
    /// # Errors
    /// When it can't be read, is no project file, has no such run, or neither it nor `model` has the model of one's own that the run
    /// is of.
    pub(crate) fn open(path: &Path, number: Option<u32>, model: Option<&str>) -> anyhow::Result<Self> {
        let project = open(path)?;
        let runs = project.runs();
        if runs.is_empty() {
            bail!(
                "the project file holds rows and a recipe, and no run yet: start one on the page: {}",
                path.display()
            );
        }
        let index = match number {
            Some(number) => (0..runs.len())
                .find(|index| number_of(runs, *index) == number)
                .with_context(|| format!("the project file has no run {number}: it has {}", listed(runs)))?,
            None => project.main(),
        };
        let are_several = runs.len() > 1;
        if are_several && number.is_none() {
            let taken = number_of(runs, index);
            say(&format!(
                "the project file has {}: run {taken} is taken, the best when it was saved, else the last (--project-run takes \
                 another)",
                listed(runs)
            ));
        } else {
            say(&format!("run {} of the project file is taken", number_of(runs, index)));
        }
        let number = are_several.then(|| number_of(runs, index));
        let run = runs[index].clone();
        if let ModelSource::Local { name } = &run.about.job.model
            && run.model.is_empty()
            && model.is_none()
        {
            bail!(
                "the run is of a model of your own, {name}, which the project file does not hold: say where it lies with --model DIR: {}",
                path.display()
            );
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self { path, number, project, run, has_other_model: model.is_some() })
    }

    pub(crate) fn job(&self) -> &Job {
        &self.run.about.job
    }

    /// Whether there are validation rows, and test rows, of the person's own: of its task, or of each of several.
    pub(crate) fn has_rows(&self) -> Vec<[bool; 2]> {
        self.run.rows.iter().map(|[_, valid, test]| [valid.is_some(), test.is_some()]).collect()
    }

    /// What stands for `--model` where that is not given: the file itself where it holds the model.
    pub(crate) fn model_argument(&self) -> String {
        match self.holds_model() {
            true => self.path.display().to_string(),
            false => self.job().model.argument(),
        }
    }

    fn holds_model(&self) -> bool {
        !self.has_other_model && !self.run.model.is_empty()
    }

    /// Reads the files of the model; `None` where there are none.
    ///
    /// # Errors
    /// When one is damaged.
    pub(crate) fn read_model(&mut self) -> anyhow::Result<Option<ModelFiles>> {
        if !self.holds_model() {
            return Ok(None);
        }
        let folder = self.project.read_files(&self.run.model);
        let folder = folder.map_err(|error| anyhow::anyhow!("{error}: {}", self.path.display()))?;
        Ok(Some(ModelFiles { source: self.job().model.clone(), folder, dir: self.path.clone() }))
    }

    /// Reads the rows; of several tasks those of the first.
    ///
    /// # Errors
    /// When a file is damaged.
    pub(crate) fn read_rows(&mut self) -> anyhow::Result<DataFiles> {
        self.read_rows_of_parts()?.into_iter().next().context("the project file has no rows")
    }

    /// Reads the rows of each of several tasks.
    ///
    /// # Errors
    /// When a file is damaged.
    pub(crate) fn read_rows_of_parts(&mut self) -> anyhow::Result<Vec<DataFiles>> {
        let rows = self.project.read_rows(&self.run);
        let rows = rows.map_err(|error| anyhow::anyhow!("{error}: {}", self.path.display()))?;
        Ok(rows
            .into_iter()
            .map(|ProjectRows { train, valid, test }| DataFiles { train, valid, test, ..DataFiles::default() })
            .collect())
    }

    /// Reads what a run that was cut off goes on from, unless it is started `anew`; says what becomes of the run.
    ///
    /// # Errors
    /// When a file of its checkpoint is damaged.
    pub(crate) fn read_unfinished(&mut self, anew: bool) -> anyhow::Result<Option<(Folder, SavedStep)>> {
        let Some(saved) = self.run.saved else {
            say("the run of the project file was never saved: it begins anew");
            return Ok(None);
        };
        let files: Vec<&PackedFile> = checkpoint_files(&self.run).collect();
        let (step, total) = (saved.step, saved.total_steps);
        if files.is_empty() {
            say("the project file has no checkpoint of its run: it begins anew");
            return Ok(None);
        }
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
        let checkpoint = self.project.read_files(files);
        let checkpoint = checkpoint.map_err(|error| anyhow::anyhow!("{error}: {}", self.path.display()))?;
        Ok(Some((checkpoint, saved)))
    }

    /// SHA-256 of what the model is, by file name, as far as it is known.
    pub(crate) fn model_sha256(&self, with_weights: bool) -> BTreeMap<String, String> {
        let is_model = |name: &str| name == CONFIG || (with_weights && name.ends_with(".safetensors"));
        let known = self.run.about.model_sha256.iter().filter(|(name, _)| is_model(name));
        known.map(|(name, sha256)| (name.clone(), sha256.clone())).collect()
    }
}

/// The files that a run goes on from; none of one that was saved without a checkpoint, or never.
pub(crate) fn checkpoint_files(run: &PackedRun) -> impl Iterator<Item = &PackedFile> {
    run.files.iter().filter(|file| ![EVENTS_FILE, SAVED_FILE].contains(&file.name.as_str()))
}

/// `3 runs, 2, 4 and 7`.
fn listed(runs: &[PackedRun]) -> String {
    let numbers: Vec<String> = (0..runs.len()).map(|index| number_of(runs, index).to_string()).collect();
    match numbers.split_last() {
        Some((last, [])) => format!("one run, {last}"),
        Some((last, before)) => format!("{} runs, {} and {last}", numbers.len(), before.join(", ")),
        None => "no run".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::{ReadOptions, RunConfig};
    use hone_core::project::Project;

    use super::*;

    #[test]
    fn a_model_of_ones_own_that_is_not_in_the_file_is_found_by_the_flag() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("x.hone");
        let source = ModelSource::Local { name: "mine".into() };
        let job = Job::new(source, Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
        let rows = ("x.csv".to_owned(), b"text,label\na,b\n".to_vec());
        std::fs::write(&path, Project::new(job, rows).to_zip()).expect("writes");
        let error = ProjectFile::open(&path, None, None).err().expect("nobody says where it lies").to_string();
        assert!(error.contains("a model of your own, mine,") && error.contains("--model DIR"), "{error}");
        let mut opened = ProjectFile::open(&path, None, Some("elsewhere")).expect("it lies elsewhere");
        assert!(opened.read_model().expect("none is in it").is_none());
    }
}
