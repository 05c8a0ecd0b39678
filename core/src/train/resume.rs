//! A run to bytes, from which `restoring` makes it again: after [`Trainer::restore`] it goes on as if it had never stopped.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::readings::Readings;
use super::trainer::{Progress, Stage};
use super::{TrainError, Trainer};
use crate::checkpoint::{
    CheckpointError, FileStream, PendingTensor, STATE_FILE, TensorFile, TrainState, WeightFile, pending_weights,
    read_tensors, weights_file,
};
use crate::config::{Job, RunConfig};
use crate::folder::Folder;
use crate::model::{KeyMap, Model, is_trained};
use crate::optim::Moments;
use crate::task::Task;

pub(super) const MODEL_FILE: &str = "model.safetensors";
pub(super) const BEST_FILE: &str = "best.safetensors";
pub(super) const OPTIMIZER_FILE: &str = "optimizer.safetensors";
/// The files of the state that a run goes back to if it diverges: as they are called in a checkpoint of a later step, and in
/// one of their own.
pub(super) const GOOD_FILES: [(&str, &str); 2] =
    [("good.safetensors", MODEL_FILE), ("good_optimizer.safetensors", OPTIMIZER_FILE)];

impl Trainer {
    /// Whether a checkpoint taken now stands between two optimizer steps with nothing left to say: every event up to it was
    /// pulled, and none comes again after [`Self::restore`] but [`TrainEvent::Started`](crate::event::TrainEvent::Started),
    /// what augmentation added, and the phase.
    #[must_use]
    pub fn is_between_steps(&self) -> bool {
        self.progress.step > 0 && self.events.is_empty() && matches!(self.stage, Stage::Training)
    }

    /// Everything that restores this run exactly; of one that is over, its weights and what was measured.
    ///
    /// # Errors
    /// When the device fails, or a loss or a weight is not finite.
    pub async fn checkpoint(&mut self) -> Result<Folder, TrainError> {
        self.stream_checkpoint().await?.into_folder().await.map_err(of_reading)
    }

    /// As [`Self::checkpoint`], in pieces: weights and moments are read from the device as they are pulled. Until all are, the
    /// run waits.
    ///
    /// # Errors
    /// When the device fails, or a loss is not finite; a weight that is not is found when it is pulled.
    pub async fn stream_checkpoint(&mut self) -> Result<FileStream, TrainError> {
        let over = match self.stage {
            Stage::Over { weights_of_step } => Some(weights_of_step),
            _ => None,
        };
        let window = match over {
            Some(_) => Vec::new(), // nobody reads them any more
            None => self.readings.keep().await?.to_vec(),
        };
        if let Some(index) = window.iter().position(|loss| !loss.is_finite()) {
            let first = self.progress.step + 1 - window.len() as u32;
            return Err(TrainError::Diverged { step: first + index as u32, loss: window[index] });
        }
        if matches!(self.stage, Stage::Training) {
            self.keep_if_due().await?;
        }
        let step = self.progress.step;
        let (same, earlier) = match self.good.as_ref().filter(|_| over.is_none()) {
            Some(good) if good.state.step == step => (Some(good), None),
            good => (None, good),
        };
        let mut files = match same {
            Some(good) => FileStream::from(good.files.clone()), // just read; its bytes are shared
            None => self.stream_files(over.is_none()),
        };
        if let (Some(best), None) = (&self.evaluations.best, over) {
            files.insert_tensors(BEST_FILE, self.trained_file(&best.model));
        }
        let mut state = self.state(window, over);
        if let Some(good) = earlier {
            for (name, own) in GOOD_FILES {
                assert!(files.insert_shared(name, &good.files, own), "it has both files");
            }
            state.good = Some(Box::new(good.state.clone()));
        }
        files.insert(STATE_FILE, serde_json::to_vec_pretty(&state).expect("plain values serialize"));
        Ok(files)
    }

    /// The weights that are trained, and the moments of the optimizer: none of a run that is over.
    ///
    /// # Errors
    /// When the device fails, or a weight is not finite.
    pub(super) async fn read_files(&self, has_moments: bool) -> Result<Folder, TrainError> {
        self.stream_files(has_moments).into_folder().await.map_err(of_reading)
    }

    /// As [`Self::read_files`], of which nothing is read yet.
    fn stream_files(&self, has_moments: bool) -> FileStream {
        let mut files = FileStream::new();
        files.insert_tensors(MODEL_FILE, self.trained_file(&self.model));
        let mut moments = BTreeMap::new();
        for (path, pair) in self.optimizer.moments.iter().filter(|_| has_moments) {
            for (name, tensor) in [("first", &pair.first), ("second", &pair.second)] {
                moments.insert(format!("{name}.{path}"), PendingTensor::of_vector(tensor.clone()));
            }
        }
        files.insert_tensors(OPTIMIZER_FILE, TensorFile::new(moments, None, false));
        files
    }

    /// What the run trains of a model, as a file.
    fn trained_file(&self, model: &Model) -> TensorFile {
        let map = self.config.key_map();
        let (run, layers) = (&self.job.run, self.model.backbone.layer_counts());
        let trained = |path: &str, _| is_trained(run.method, run.freeze, path, layers);
        weights_file(map, pending_weights(model, map, trained))
    }

    /// Where the run stands, weights and moments apart. `window` has the losses since the last reading.
    pub(super) fn state(&self, window: Vec<f64>, over: Option<u32>) -> TrainState {
        TrainState {
            job: self.job.clone(),
            labels: self.rows.labels().to_vec(),
            data_fingerprint: self.rows.fingerprint(),
            step: self.progress.step,
            micro_batches: self.progress.micro_batches,
            sampler: self.sampler.state(),
            rows: self.progress.rows,
            tokens: self.progress.tokens,
            window,
            best: self.evaluations.best.as_ref().map(|best| (best.value, best.step, best.evaluation.clone())),
            evaluations_since_best: self.evaluations.since_best,
            evaluated_at: self.evaluations.last_step,
            last: self.evaluations.last.clone(),
            skipped: self.optimizer.skipped.clone(),
            over,
            diverged_at: self.diverged_at,
            rollbacks: self.rollbacks,
            loss_level: self.loss_level,
            batch_parts: self.batch_parts,
            good: None,
        }
    }

    /// Puts weights, optimizer and everything that counts where a state stands; `files` hold its weights and moments.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub(super) fn go_to(&mut self, state: &TrainState, files: &Folder) -> Result<(), TrainError> {
        self.model = load(self.config.key_map(), files, MODEL_FILE, self.model.clone(), &self.job.run)?;
        self.optimizer.moments.clear(); // room for those that come
        self.optimizer.moments = load_moments(files, &self.device.clone().without_autodiff())?;
        self.count_from(state);
        Ok(())
    }

    /// Puts everything that counts where a state stands.
    pub(super) fn count_from(&mut self, state: &TrainState) {
        self.optimizer.step = state.step;
        self.optimizer.skipped = state.skipped.clone();
        let &TrainState { step, micro_batches, rows, tokens, .. } = state;
        self.progress = Progress { step, micro_batches, rows, tokens };
        self.sampler.restore(state.sampler);
        self.readings = Readings::of_read(state.window.clone());
        self.evaluations.since_best = state.evaluations_since_best;
        self.evaluations.last_step = state.evaluated_at;
        self.evaluations.last = state.last.clone();
        self.loss_level = state.loss_level;
    }
}

/// What failed while weights or moments were read: the device is told from a file.
fn of_reading(error: CheckpointError) -> TrainError {
    match error {
        CheckpointError::Device(error) => TrainError::Device(error),
        error => error.into(),
    }
}

/// What a job learns: the name and the task of each part; one without a name where it has one task, none where it says
/// nothing of it.
pub(super) fn tasks_of(job: &Job) -> Vec<(&str, Task)> {
    let parts = job.parts.iter().map(|part| (part.name.as_str(), part.task));
    job.task.map(|task| ("", task)).into_iter().chain(parts).collect()
}

/// Refuses to go on with a run that learns something else: `own` is what the model is used for now, with the names of
/// several tasks. A job of an earlier version may not say what it learns.
///
/// # Errors
/// Names both.
pub fn check_tasks(saved: &Job, own: &[(&str, Task)]) -> Result<(), TrainError> {
    let saved = tasks_of(saved);
    if saved.is_empty() || own.is_empty() || saved == own {
        return Ok(());
    }
    let spell = |(name, task): &(&str, Task)| match *name {
        "" => task.name().to_owned(),
        name => format!("{name} ({})", task.name()),
    };
    let list = |tasks: &[(&str, Task)]| tasks.iter().map(spell).collect::<Vec<_>>().join(", ");
    Err(TrainError::OtherRun { reason: format!("it learns {}, not {}", list(&saved), list(own)) })
}

/// The moments of the optimizer, by the paths of their parameters; `device` is without autodiff.
pub(super) fn load_moments(folder: &Folder, device: &Device) -> Result<BTreeMap<String, Moments>, CheckpointError> {
    let mut tensors = read_tensors(folder, OPTIMIZER_FILE)?;
    let first: Vec<String> = tensors.keys().filter_map(|name| name.strip_prefix("first.").map(str::to_owned)).collect();
    let mut moments = BTreeMap::new();
    for path in first {
        let mut take = |name: &str| {
            let tensor = tensors.remove(&format!("{name}.{path}")).ok_or_else(|| missing_moment(name, &path))?;
            Ok::<_, CheckpointError>(Tensor::<1>::from_data(TensorData::new(tensor.values, tensor.shape), device))
        };
        let pair = Moments { first: take("first")?, second: take("second")? };
        moments.insert(path, pair);
    }
    Ok(moments)
}

/// Why a checkpoint without a moment of a parameter can't be used.
pub(super) fn missing_moment(name: &str, path: &str) -> CheckpointError {
    CheckpointError::State { file: OPTIMIZER_FILE.to_owned(), reason: format!("{name} moment of {path} is missing") }
}

/// Puts a checkpoint's weights into `model`; what the method does not train is not in the file.
pub(super) fn load(
    map: &KeyMap,
    folder: &Folder,
    file: &'static str,
    model: Model,
    run: &RunConfig,
) -> Result<Model, CheckpointError> {
    let bytes = folder.get(file).ok_or(CheckpointError::MissingFile { file })?;
    let layers = model.backbone.layer_counts();
    let (model, missing, _) = WeightFile::open(file, bytes)?.load(map, model)?;
    match missing.iter().find(|path| is_trained(run.method, run.freeze, path, layers)) {
        None => Ok(model),
        Some(path) => Err(CheckpointError::State { file: file.into(), reason: format!("{path} is missing") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{JobPart, ModelSource, ReadOptions};

    #[test]
    fn a_run_of_another_task_is_refused_by_name() {
        let [first, second] = [Task::ALL[0], Task::ALL[1]];
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        assert!(check_tasks(&job, &[("", first)]).is_ok(), "an earlier version did not say it");
        let one = Job { task: Some(first), ..job.clone() };
        assert!(check_tasks(&one, &tasks_of(&one)).is_ok());
        let error = check_tasks(&one, &[("", second)]).expect_err("another task").to_string();
        let expected =
            format!("this checkpoint belongs to another run: it learns {}, not {}", first.name(), second.name());
        assert_eq!(error, expected);
        let part = |name: &str| JobPart::new(name, first);
        let several = Job { parts: vec![part("a"), part("b")], ..job };
        assert!(check_tasks(&several, &tasks_of(&several)).is_ok());
        assert!(check_tasks(&several, &[("a", first), ("c", first)]).is_err());
        assert!(check_tasks(&several, &[("", first)]).is_err() && check_tasks(&one, &tasks_of(&several)).is_err());
    }
}

#[cfg(all(test, feature = "cpu"))]
mod runs {
    use burn::tensor::Device;
    use futures_lite::future::block_on;

    use super::*;
    use crate::checkpoint::{TensorParts, read_state};
    use crate::config::{
        AugmentKind, ClassSampling, ModelSource, ReadOptions, SplitConfig, Techniques, TextAugmentation,
    };
    use crate::data::DataFiles;
    use crate::event::{Phase, Split, TrainEvent};
    use crate::session::Session;
    use crate::session::protocol::Weights;

    macro_rules! model_files {
        ($($name:literal),*) => {
            [$(($name, include_bytes!(concat!("../../../tests/fixtures/tiny_encoder/", $name)).to_vec())),*]
        };
    }

    /// Without dropout, whose generator is shared by all tests of a process.
    fn settings() -> RunConfig {
        RunConfig {
            num_train_epochs: 2,
            batch_size: 8,
            learning_rate: 1e-3,
            max_seq_length: 16,
            logging_steps: 1, // losses that wait for their reading go through JSON, which may cost the last bit
            dropout: Some(0.0),
            split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 },
            ..RunConfig::default()
        }
    }

    /// Every technique of training that draws nothing from the device's generator, together.
    fn with_techniques() -> RunConfig {
        let techniques = Techniques {
            layerwise_lr_decay: 0.9,
            gradual_unfreezing: 0.25,
            focal_gamma: 2.0,
            class_sampling: ClassSampling::Balanced,
            fgm_epsilon: 0.1,
            l2_sp: 0.5,
            mixout: 0.3,
            ..Techniques::default()
        };
        RunConfig { techniques, ..settings() }
    }

    fn session(run: &RunConfig) -> Session {
        let mut csv = String::from("text,label\n");
        for index in 0..60 {
            let (text, label) = [("my lord is come", "arrival"), ("thou hast slain my queen", "lament")][index % 2];
            csv.push_str(&format!("{text} {index},{label}\n"));
        }
        let files = DataFiles { train: ("lines.csv".into(), csv.into_bytes()), valid: None, test: None };
        let mut folder = Folder::new();
        for (name, bytes) in model_files!["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
        {
            folder.insert(name, bytes);
        }
        let mut session = Session::new(Device::flex());
        session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
        session.load_data(files, &ReadOptions::default(), run).expect("the rows load");
        session
    }

    fn drain(session: &mut Session) -> Vec<TrainEvent> {
        std::iter::from_fn(|| block_on(session.next_event()).expect("the run goes on")).collect()
    }

    fn phase(event: &TrainEvent) -> Option<Phase> {
        if let TrainEvent::Phase { phase } = event { Some(*phase) } else { None }
    }

    /// What is told of steps and measurements.
    fn told(events: &[TrainEvent]) -> Vec<&TrainEvent> {
        let is_beginning = |event: &TrainEvent| {
            matches!(event, TrainEvent::Started { .. } | TrainEvent::Augmented { .. }) || phase(event).is_some()
        };
        events.iter().filter(|event| !is_beginning(event)).collect()
    }

    /// Two changed copies of each training row: a checkpoint is tied to them, too.
    fn augmented() -> RunConfig {
        let (augment_texts, augment_copies) = (vec![AugmentKind::Swap, AugmentKind::Typos], 2);
        let augmentation =
            TextAugmentation { augment_texts, augment_copies, augment_share: 0.2, ..TextAugmentation::default() };
        RunConfig { augmentation, num_train_epochs: 1, ..settings() }
    }

    #[test]
    fn a_run_says_what_augmentation_added_and_trains_on_it() {
        let run = augmented();
        let mut session = session(&run);
        session.start(run).expect("it starts");
        let mut next = || block_on(session.next_event()).expect("it goes on").expect("it has begun");
        let TrainEvent::Started { num_rows, steps_per_epoch, .. } = next() else { panic!("it starts") };
        let train = num_rows[0];
        assert_eq!(
            (num_rows.iter().sum::<usize>(), steps_per_epoch as usize),
            (60, (3 * train).div_ceil(8)),
            "as read"
        );
        let TrainEvent::Augmented { step: 0, rows } = next() else { panic!("it says so") };
        assert_eq!((rows.num_rows, rows.num_added, rows.num_unchanged), (train, 2 * train, 0));
        let by_label: usize = rows.labels.iter().map(|(_, count)| count).sum();
        assert_eq!((by_label, rows.labels.len()), (3 * train, 2));
    }

    #[test]
    fn a_checkpoint_belongs_to_the_copies_of_its_rows() {
        let fingerprint = |run: RunConfig| {
            let mut session = session(&run);
            session.start(run).expect("it starts");
            while !session.is_between_steps() {
                block_on(session.next_event()).expect("it goes on").expect("it has steps to take");
            }
            let checkpoint = block_on(session.checkpoint()).expect("it is saved");
            read_state(&checkpoint).expect("it is whole").data_fingerprint
        };
        let found = fingerprint(augmented());
        assert_eq!(fingerprint(augmented()), found, "the same seed gives the same rows");
        assert_ne!(fingerprint(RunConfig { augmentation: TextAugmentation::default(), ..augmented() }), found);
    }

    #[test]
    fn a_run_that_is_cut_between_two_steps_loses_no_event_and_repeats_none() {
        let by_column = RunConfig { balance_column: "label".into(), ..settings() };
        [settings(), with_techniques(), augmented(), by_column].iter().for_each(is_the_same_after_a_cut);
    }

    #[test]
    fn a_column_that_is_not_there_is_refused_and_the_run_before_stays() {
        let mut session = session(&settings());
        session.start(settings()).expect("it starts");
        let error = session.start(RunConfig { balance_column: "dialect".into(), ..settings() }).expect_err("no column");
        let told = error.to_string();
        assert!(told.starts_with("balance_column") && told.contains("it has text, label"), "{told}");
        assert!(block_on(session.next_event()).is_ok(), "the run before is there");
    }

    fn is_the_same_after_a_cut(run: &RunConfig) {
        let mut whole = session(run);
        whole.start(run.clone()).expect("it starts");
        let (mut seen, mut cuts) = (Vec::new(), Vec::new());
        while let Some(event) = block_on(whole.next_event()).expect("the run goes on") {
            seen.push(event);
            if whole.is_between_steps() {
                cuts.push((seen.len(), block_on(whole.checkpoint()).expect("it is saved")));
            }
        }
        assert!(cuts.len() >= 8, "{} moments", cuts.len());
        let last = cuts.len() - 1;
        for (num_seen, checkpoint) in [0, last / 2, last].map(|index| &cuts[index]) {
            let mut resumed = session(run);
            resumed.resume(checkpoint).expect("it goes on");
            let rest = drain(&mut resumed);
            assert_eq!(told(&rest), told(&seen[*num_seen..]), "cut after {num_seen} events");
            let mut in_parts = session(run);
            resume_in_parts(&mut in_parts, checkpoint);
            let again = block_on(in_parts.checkpoint()).expect("it is saved");
            for file in [MODEL_FILE, OPTIMIZER_FILE, BEST_FILE] {
                assert!(again.get(file) == checkpoint.get(file), "{file} is another after it was read in parts");
            }
            let mut phases = rest.iter().filter_map(phase);
            assert_eq!(phases.next(), Some(Phase::FirstStep));
            assert!(phases.next().is_none_or(|next| next == Phase::Training), "the first step is told from the others");
        }
    }

    #[test]
    fn moments_that_do_not_fit_their_parameter_are_refused() {
        let mut session = session(&settings());
        session.start(settings()).expect("it starts");
        while !session.is_between_steps() {
            block_on(session.next_event()).expect("it goes on").expect("it has steps to take");
        }
        let mut checkpoint = block_on(session.checkpoint()).expect("it is saved");
        let mut moments = crate::checkpoint::read_tensors(&checkpoint, OPTIMIZER_FILE).expect("it is whole");
        moments.values_mut().next().expect("there are moments").shape.insert(0, 1);
        checkpoint.insert(OPTIMIZER_FILE, crate::checkpoint::write_tensors(&moments));
        let error = session.resume(&checkpoint).expect_err("it does not fit").to_string();
        assert!(error.contains("does not fit its parameter"), "{error}");
    }

    /// Takes a run up a tensor at a time, as where a file does not fit into memory.
    fn resume_in_parts(session: &mut Session, checkpoint: &Folder) {
        let mut resuming = session.begin_resume(checkpoint).expect("its state fits");
        while let Some(name) = resuming.next_file() {
            if !resuming.takes_parts() {
                resuming.put(checkpoint).expect("it is whole");
                continue;
            }
            let bytes = checkpoint.get(name).expect("it is there");
            let cut = |range: std::ops::Range<u64>| &bytes[range.start as usize..range.end as usize];
            let header = TensorParts::header_range(name, bytes, bytes.len() as u64).expect("a header");
            let mut parts = TensorParts::open(name, cut(header), bytes.len() as u64).expect("a header");
            while let Some(range) = parts.next_range() {
                resuming.put_part(&mut parts, cut(range)).expect("they belong to the model");
            }
            resuming.end_file().expect("none is missing");
        }
        session.finish_resume(resuming);
    }

    #[test]
    fn a_run_that_is_over_is_restored_with_its_weights_and_says_nothing() {
        for load_best_model_at_end in [true, false] {
            let run = RunConfig { load_best_model_at_end, ..settings() };
            let mut whole = session(&run);
            whole.start(run.clone()).expect("it starts");
            assert!(matches!(drain(&mut whole).last(), Some(TrainEvent::Finished { .. })));
            let checkpoint = block_on(whole.checkpoint()).expect("it is saved");
            assert!(checkpoint.get(BEST_FILE).is_none(), "the weights are in one file");
            let mut restored = session(&run);
            restored.resume(&checkpoint).expect("it is restored");
            assert!(drain(&mut restored).is_empty());
            assert!(!restored.is_between_steps());
            let [expected, found] = [&mut whole, &mut restored].map(|session| {
                block_on(session.evaluate(Weights::Tuned, Split::Valid, &mut |_, _| {})).expect("it is measured").0
            });
            assert_eq!(found, expected);
            let again = block_on(restored.checkpoint()).expect("it is saved again");
            assert_eq!(again.get(MODEL_FILE), checkpoint.get(MODEL_FILE));
            let [first, second] = [&checkpoint, &again].map(|saved| read_state(saved).expect("it is whole").over);
            assert!(first.is_some() && first == second, "{first:?}, {second:?}");
        }
    }
}
