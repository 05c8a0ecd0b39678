//! What `hone train` is going to do: command line, job file and checkpoint, brought together and checked before
//! anything slow begins.

mod job_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use futures_lite::future::block_on;
use hone_core::checkpoint::read_job;
use hone_core::config::{DataHashes, JOB_FILE, Job, ReadOptions};
use hone_core::data::DataFiles;
use hone_core::folder::Folder;
use hone_core::hub::{sha256_hex, sha256_of_stored};
use hone_core::session::hashes_of;
use hone_core::task::Task;

use self::job_file::{flag_or_job, parts_of, read_job_file};
use crate::args::{Settings, TrainArgs};
use crate::checkpoint_dir::{self, Damaged, Found, Inputs};
use crate::device::DeviceChoice;
use crate::failure::{Usage, io_error};
use crate::inputs::{read_data, unpack_data};
use crate::lock::Lock;
use crate::model_files::{self, ModelFiles, beside};
use crate::output;
use crate::progress::say;
use crate::project::ProjectFile;
use crate::runs::{diverged_at, read_results};
use crate::swap;

/// What the files of rows that were kept aside are called in messages.
const VALID_FILE: &str = "file of validation rows";
const TEST_FILE: &str = "file of test rows";

/// What to say of a run that left its lock behind.
const WAS_ENDED: &str = "the run was ended from outside: it was killed, or the machine stopped. Where the system did that because memory \
    ran out, add --cut-batches: batches are computed in parts, with the same steps";

/// A run that can be started.
pub(crate) struct Plan {
    /// Folder, or hub id.
    pub(crate) model: String,
    /// Of several tasks the first one's file.
    pub(crate) data: PathBuf,
    pub(crate) valid: Option<PathBuf>,
    pub(crate) test: Option<PathBuf>,
    pub(crate) settings: Settings,
    /// What is learned, where flag or job file say so.
    pub(crate) task: Option<Task>,
    /// What the job file says of the files of rows: empty without one.
    pub(crate) data_sha256: DataHashes,
    /// Several tasks that are learned at once; none where there is one.
    pub(crate) parts: Vec<PlanPart>,
    /// Where to go on from.
    pub(crate) checkpoint: Option<Folder>,
    /// A newer one that is damaged, and makes way once the run goes on.
    pub(crate) damaged: Option<Damaged>,
    /// Seconds trained before that checkpoint.
    pub(crate) before_secs: f64,
    /// SHA-256 of the model's files, by name: of a resumed run, those that it began with.
    model_sha256: BTreeMap<String, String>,
    /// Of a resumed run, the output folder.
    lock: Option<Lock>,
    /// What holds the rows, and perhaps the model; `data`, `valid` and `test` are its path then.
    project: Option<ProjectFile>,
    /// Steps taken and in all of a checkpoint that came in it, and is not in the output folder yet.
    unpacked: Option<[u32; 2]>,
}

/// One of several tasks.
pub(crate) struct PlanPart {
    pub(crate) name: String,
    /// What is learned, where that was said.
    pub(crate) task: Option<Task>,
    pub(crate) file: PathBuf,
    /// Validation and test rows of its own, which only a job file names.
    pub(crate) valid: Option<PathBuf>,
    pub(crate) test: Option<PathBuf>,
    pub(crate) read: ReadOptions,
    /// What the job file says of the files: empty without one.
    pub(crate) data_sha256: DataHashes,
}

impl Plan {
    /// Reads job file or checkpoint and checks every flag.
    ///
    /// # Errors
    /// Flags that can't be used (all of them), a job or checkpoint that can't be read, an output folder that is not ours.
    pub(crate) fn new(args: &TrainArgs) -> anyhow::Result<Self> {
        match &args.project {
            // Both at once are refused, as flags.
            Some(path) => Self::of_project(args, path),
            None if args.resume => Self::resumed(args),
            None => Self::fresh(args),
        }
    }

    fn fresh(args: &TrainArgs) -> anyhow::Result<Self> {
        let job = args.job.as_deref().map(read_job_file).transpose()?;
        let mut base = job.as_ref().map_or_else(Settings::default, |job| settings_of(job, DeviceChoice::Auto));
        args.read_row_files(&mut base.read)?;
        let settings = args.settings(&base)?;
        check_output(args)?;
        let model = args.model.clone().or_else(|| job.as_ref().map(|job| job.model.argument()));
        let parts = parts_of(args, job.as_ref())?;
        let first = parts.first().map(|part| &part.file);
        let data_file = job.as_ref().and_then(|job| job.data_file.as_deref());
        let data = match (first.or(args.data.as_ref()), args.job.as_deref(), data_file) {
            (Some(path), ..) => path.clone(),
            (None, Some(job), Some(name)) => beside(job, name, "training file", "say where with --data")?,
            (None, ..) => anyhow::bail!("the job file names no training file: say which with --data"),
        };
        // Of several tasks each names its own.
        let named = args.job.as_deref().zip(job.as_ref()).filter(|_| parts.is_empty());
        let valid_name = named.and_then(|(path, job)| Some((path, job.valid_file.as_deref()?)));
        let test_name = named.and_then(|(path, job)| Some((path, job.test_file.as_deref()?)));
        Ok(Self {
            model: model.context("no model was named: say which with --model")?,
            data,
            valid: flag_or_job(args.valid.as_ref(), valid_name, VALID_FILE, "say where with --valid")?,
            test: flag_or_job(args.test.as_ref(), test_name, TEST_FILE, "say where with --test")?,
            settings,
            task: args.task.or(job.as_ref().and_then(|job| job.task)),
            data_sha256: job.map(|job| job.data_sha256).unwrap_or_default(),
            parts,
            checkpoint: None,
            damaged: None,
            before_secs: 0.0,
            model_sha256: BTreeMap::new(),
            lock: None,
            project: None,
            unpacked: None,
        })
    }

    /// The run of a project file: one that was cut off goes on, unless settings are given.
    fn of_project(args: &TrainArgs, path: &Path) -> anyhow::Result<Self> {
        let mut project = ProjectFile::open(path, args.project_run, args.model.as_deref())?;
        let job = project.job().clone();
        let mut base = settings_of(&job, DeviceChoice::Auto);
        args.read_row_files(&mut base.read)?;
        let settings = args.settings(&base)?;
        if !job.parts.is_empty() && args.gives_reading() {
            let problem = "--project: it learns several tasks, each with columns of its own: leave out --task, and what says how rows \
                are read";
            return Err(Usage(vec![problem.to_owned()]).into());
        }
        check_output(args)?;
        let unfinished = match args.writes_nothing() {
            true => None, // nothing goes on
            false => project.read_unfinished(args.gives_settings())?,
        };
        let (checkpoint, saved) = unfinished.unzip();
        let model_sha256 = saved.map(|_| project.model_sha256(!settings.run.from_scratch));
        let own_rows = project.has_rows();
        let of_task = |task: usize| {
            let has_rows = own_rows.get(task).copied().unwrap_or_default();
            has_rows.map(|is_there| is_there.then(|| path.to_owned()))
        };
        let [valid, test] = of_task(0);
        let parts = job.parts.iter().enumerate().map(|(task, part)| {
            let [valid, test] = of_task(task);
            let (name, file, read) = (part.name.clone(), path.to_owned(), part.read.clone());
            let data_sha256 = part.data_sha256.clone();
            PlanPart { name, task: Some(part.task), file, valid, test, read, data_sha256 }
        });
        let parts = parts.collect();
        Ok(Self {
            model: args.model.clone().unwrap_or_else(|| project.model_argument()),
            data: path.to_owned(),
            valid,
            test,
            settings,
            task: args.task.or(job.task),
            data_sha256: job.data_sha256,
            parts,
            checkpoint,
            damaged: None,
            before_secs: saved.map_or(0.0, |saved| saved.elapsed_secs),
            model_sha256: model_sha256.unwrap_or_default(),
            lock: None,
            project: Some(project),
            unpacked: saved.map(|saved| [saved.step, saved.total_steps]),
        })
    }

    fn resumed(args: &TrainArgs) -> anyhow::Result<Self> {
        if checkpoint_dir::find(&args.output).is_none() {
            // Wrong flags are still said first.
            args.settings(&Settings::default())?;
            anyhow::bail!("{}: {}", nothing_to_go_on_with(&args.output), args.output.display());
        }
        let lock = Lock::take(&args.output)?;
        swap::recover(&args.output)?;
        let found = checkpoint_dir::read_newest(&args.output)?;
        let Found { dir, folder, inputs, damaged } = found.context("the unfinished run was finished meanwhile")?;
        if lock.was_left() && !args.cut_batches {
            say(WAS_ENDED);
        }
        check_moved(args, &inputs)?;
        let project = inputs.project.as_deref().map(|path| project_again(args, path, &inputs)).transpose()?;
        let job = read_job(&folder).with_context(|| format!("can't use the checkpoint in {}", dir.display()))?;
        let settings = args.settings(&settings_of(&job, inputs.device))?;
        let parts = job.parts.iter().map(|part| PlanPart {
            name: part.name.clone(),
            task: Some(part.task),
            file: inputs.parts.get(&part.name).unwrap_or(&inputs.data).clone(),
            valid: inputs.parts_valid.get(&part.name).cloned(),
            test: inputs.parts_test.get(&part.name).cloned(),
            read: part.read.clone(),
            data_sha256: DataHashes::default(), // the checkpoint knows its rows
        });
        Ok(Self {
            parts: parts.collect(),
            model: args.model.clone().unwrap_or(inputs.model),
            data: args.data.clone().unwrap_or(inputs.data),
            valid: args.valid.clone().or(inputs.valid),
            test: args.test.clone().or(inputs.test),
            settings,
            task: args.task.or(job.task),
            data_sha256: DataHashes::default(), // the checkpoint knows its rows
            checkpoint: Some(folder),
            damaged,
            before_secs: inputs.elapsed_secs,
            model_sha256: inputs.model_sha256,
            lock: Some(lock),
            project,
            unpacked: None,
        })
    }

    /// The files of rows.
    ///
    /// # Errors
    /// When one can't be read.
    pub(crate) fn read_rows(&mut self) -> anyhow::Result<DataFiles> {
        let sheet = self.settings.read.sheet.as_deref();
        match &mut self.project {
            Some(project) => {
                let rows = project.read_rows()?;
                forget_if_same(&mut self.data_sha256, &rows);
                unpack_data(rows, &self.data, sheet)
            }
            None => read_data(&self.data, self.valid.as_deref(), self.test.as_deref(), sheet),
        }
    }

    /// The files of rows of each of several tasks.
    ///
    /// # Errors
    /// When one can't be read.
    pub(crate) fn read_rows_of_parts(&mut self) -> anyhow::Result<Vec<DataFiles>> {
        if let Some(project) = &mut self.project {
            let rows = project.read_rows_of_parts()?.into_iter().zip(&mut self.parts);
            let unpack = |(files, part): (DataFiles, &mut PlanPart)| {
                forget_if_same(&mut part.data_sha256, &files);
                unpack_data(files, &part.file, part.read.sheet.as_deref())
            };
            return rows.map(unpack).collect();
        }
        let read = |part: &PlanPart| {
            read_data(&part.file, part.valid.as_deref(), part.test.as_deref(), part.read.sheet.as_deref())
        };
        self.parts.iter().map(read).collect()
    }

    /// Finds, or fetches, and reads the model; without its weights for a run from scratch.
    ///
    /// # Errors
    /// When it is nowhere, or a needed file is missing.
    pub(crate) fn load_model(&mut self, args: &TrainArgs) -> anyhow::Result<ModelFiles> {
        let packed = self.project.as_mut().map(ProjectFile::read_model).transpose()?;
        if let Some(model) = packed.flatten() {
            return Ok(model);
        }
        // Of several tasks that setting is refused once the model is known.
        let loaded = match self.settings.run.from_scratch && self.parts.is_empty() {
            true => model_files::load_without_weights(&self.model),
            false => model_files::load(&self.model),
        };
        if self.project.is_none() || args.model.is_some() {
            return loaded;
        }
        let why = || format!("the project file only names its model, {}: say where it lies with --model", self.model);
        loaded.with_context(why)
    }

    /// Puts a checkpoint that came in a project file into the output folder, where the run goes on from it from now on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn keep_unpacked(&self, output: &Path, checkpoint: Folder) -> anyhow::Result<()> {
        let Some(steps) = self.unpacked else { return Ok(()) };
        let inputs = self.inputs(steps, self.before_secs);
        block_on(checkpoint_dir::write(output, checkpoint.into(), &inputs)).map(drop)
    }

    /// Makes the output folder this run's own, for as long as what is returned lives.
    ///
    /// # Errors
    /// When another run has it, something was written there meanwhile, or it can't be written.
    pub(crate) fn lock(&mut self, args: &TrainArgs) -> anyhow::Result<Lock> {
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => {
                let lock = Lock::take(&args.output)?;
                output::check_content(&args.output, args.force)?;
                lock
            }
        };
        output::probe(&args.output)?;
        Ok(lock)
    }

    /// Checks the model against the files that a resumed run began with, and the output folder against all that is read.
    ///
    /// # Errors
    /// Names a file of the model that is another, or what would be replaced with the output folder.
    pub(crate) fn check_model(&mut self, args: &TrainArgs, model: &ModelFiles) -> anyhow::Result<()> {
        let files = [
            ("the validation file", &self.valid),
            ("the test file", &self.test),
            ("the general text", &args.general_text),
        ];
        let files = files.into_iter().filter_map(|(what, path)| Some((what, path.as_deref()?)));
        let reads = [("the model", model.dir.as_path()), ("the training file", self.data.as_path())];
        let of_parts = self.parts.iter().flat_map(|part| [Some(&part.file), part.valid.as_ref(), part.test.as_ref()]);
        let of_parts = of_parts.flatten().map(|file| ("the rows of a task", file.as_path()));
        if !args.writes_nothing() {
            output::check_apart(&args.output, reads.into_iter().chain(files).chain(of_parts))?;
        }
        let mut found = BTreeMap::new();
        for name in model.folder.names().filter(|name| *name == "config.json" || name.ends_with(".safetensors")) {
            let failed = |e: std::io::Error| io_error("read the model", &e, &model.dir.join(name));
            let sha256 = match model.folder.stored(name) {
                Some((_, file)) => sha256_of_stored(file).map_err(failed)?,
                None => sha256_hex(model.folder.get(name).unwrap_or_default()),
            };
            found.insert(name.to_owned(), sha256);
        }
        if let Some(name) = self.model_sha256.keys().find(|name| found.get(*name) != self.model_sha256.get(*name)) {
            anyhow::bail!(
                "can't go on from the checkpoint: {name} of the model is missing or is not the file that the run began \
                 with (its SHA-256 differs): {}",
                model.dir.display()
            );
        }
        let known = self.project.as_ref().map(|project| project.model_sha256(!self.settings.run.from_scratch));
        if let Some((name, _)) = known.unwrap_or_default().iter().find(|(name, known)| found.get(*name) != Some(*known))
        {
            say(&format!(
                "warning: {name} of the model is missing or is not the file that the project was made with (its SHA-256 \
                 differs): the model will not be the same"
            ));
        }
        self.model_sha256 = found;
        Ok(())
    }

    /// What a checkpoint says about where the inputs lie; absolute, so that a resume works from any folder.
    pub(crate) fn inputs(&self, [step, total_steps]: [u32; 2], elapsed_secs: f64) -> Inputs {
        let model = Path::new(&self.model);
        Inputs {
            model: if model.is_dir() { whole(model).display().to_string() } else { self.model.clone() },
            model_sha256: self.model_sha256.clone(),
            data: whole(&self.data),
            valid: self.valid.as_deref().map(whole),
            test: self.test.as_deref().map(whole),
            parts: self.files_of_parts(|part| Some(&part.file)),
            parts_valid: self.files_of_parts(|part| part.valid.as_ref()),
            parts_test: self.files_of_parts(|part| part.test.as_ref()),
            project: self.project.as_ref().map(|project| project.path.clone()),
            project_run: self.project.as_ref().and_then(|project| project.number),
            device: self.settings.device,
            step,
            total_steps: Some(total_steps),
            elapsed_secs,
        }
    }

    /// Where a file lies of each of several tasks that has it, by their names.
    fn files_of_parts(&self, file_of: fn(&PlanPart) -> Option<&PathBuf>) -> BTreeMap<String, PathBuf> {
        self.parts.iter().filter_map(|part| Some((part.name.clone(), whole(file_of(part)?)))).collect()
    }
}

/// The project file of a run that is resumed, whose checkpoint lies in the output folder.
fn project_again(args: &TrainArgs, path: &Path, inputs: &Inputs) -> anyhow::Result<ProjectFile> {
    if [&args.data, &args.valid, &args.test].into_iter().any(Option::is_some) {
        anyhow::bail!("the rows of this run are those of its project file, so none can be given: {}", path.display());
    }
    let is_in_project = args.model.is_none() && inputs.model == path.display().to_string();
    ProjectFile::open(path, inputs.project_run, (!is_in_project).then_some(inputs.model.as_str()))
}

/// Refuses to go on with a run whose model or rows do not lie where they did, and says which flag tells where they lie now. Of
/// several tasks, and of a project file, no flag does.
fn check_moved(args: &TrainArgs, inputs: &Inputs) -> anyhow::Result<()> {
    if inputs.project.is_some() {
        return Ok(());
    }
    let own = |path: &Path| inputs.parts.is_empty() && !path.exists();
    let model = Path::new(&inputs.model);
    let places = [
        ("model", "--model", args.model.is_some(), Some(model).filter(|model| model.is_absolute() && !model.exists())),
        ("training file", "--data", args.data.is_some(), Some(inputs.data.as_path()).filter(|path| own(path))),
        (VALID_FILE, "--valid", args.valid.is_some(), inputs.valid.as_deref().filter(|path| own(path))),
        (TEST_FILE, "--test", args.test.is_some(), inputs.test.as_deref().filter(|path| own(path))),
    ];
    for (what, flag, is_named, missing) in places {
        if let Some(path) = missing.filter(|_| !is_named) {
            anyhow::bail!(
                "the {what} of the run is not there any more: say where it lies with {flag}: {}",
                path.display()
            );
        }
    }
    Ok(())
}

/// Refuses an output folder that can't be used; one that nothing is written to may be there.
fn check_output(args: &TrainArgs) -> anyhow::Result<()> {
    if args.writes_nothing() { Ok(()) } else { output::check(&args.output, args.force) }
}

/// Why a folder without a checkpoint can't be resumed.
fn nothing_to_go_on_with(output: &Path) -> String {
    let results = read_results(output).unwrap_or_default();
    match diverged_at(&results) {
        Some(step) => format!(
            "the run in the output folder is over: it diverged at step {step} and left its best weights; start it anew with a \
             lower learning rate (--force replaces them)"
        ),
        None if output.join(JOB_FILE).is_file() => {
            "the run in the output folder is finished, there is nothing to go on with".to_owned()
        }
        None => "there is no unfinished run to go on with in the output folder".to_owned(),
    }
}

/// Drops what is known of files that are those of a project file as they were packed: once they are unpacked, a workbook or an
/// archive has other hashes.
fn forget_if_same(known: &mut DataHashes, files: &DataFiles) {
    if known.differing(&hashes_of(files)).is_empty() {
        *known = DataHashes::default();
    }
}

/// The path from the root of the disk.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn settings_of(job: &Job, device: DeviceChoice) -> Settings {
    let Job { read, changes, run, .. } = job.clone();
    Settings { device, read, changes, run }
}
