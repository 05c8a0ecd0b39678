//! The loop: one command at a time; while a run goes on, a micro-batch, then the commands that came meanwhile.
//!
//! Once the device has a fault nothing it computed is sent: the run ends with `Failed`, commands are refused, and the
//! model and the data wait for a device that is opened anew. The run waits on the disk, as after a reload.

mod adapter;
mod answers;
mod batch;
mod copies;
mod data;
mod estimate;
mod explaining;
mod findings;
mod images;
mod kept_projects;
mod opening;
mod parts;
mod projects;
mod report;
mod room;
mod rows;
mod run;
mod unlabeled;

use std::rc::Rc;

use hone_core::config::{ExportFormat, ModelSource};
use hone_core::data::findings::Findings;
use hone_core::folder::Folder;
use hone_core::session::protocol::{
    Backend, Command, FromWorker, MemoryReport, ModelInfo, NamedBlob, Problem, ProblemKind, Reply, RequestId,
};
use hone_core::session::{Session, Survey};
use js_sys::Uint8Array;
use web_sys::Blob;

use self::findings::{OpenSearch, replaces_rows};
use self::kept_projects::ProjectInUse;
use self::parts::KeptParts;
use self::report::RunRecord;
use self::room::check_room;
use self::rows::OpenRows;
use self::run::Run;
use crate::clock;
use crate::device::{OpenDevice, wasm_bytes};
use crate::errors;
use crate::fault;
use crate::kept::{KeptData, KeptModel, NamedBytes, files_on_heap, to_folder};
use crate::macrotask::Macrotask;
use crate::mailbox::{Letter, Mailbox, post, post_with_file};
use crate::model_files::{self, Origin};
use crate::templates;

/// Everything the worker owns.
pub(crate) struct Worker {
    mailbox: Rc<Mailbox>,
    macrotask: Macrotask,
    device: Option<OpenDevice>,
    session: Option<Session>,
    model: Option<KeptModel>,
    data: Option<KeptData>,
    /// The rows, while there is no model to read them for.
    survey: Option<Survey>,
    /// The rows as a person looks through them, once they were asked for.
    rows: Option<OpenRows>,
    /// The search for what may be wrong with them, while it goes on.
    search: Option<OpenSearch>,
    /// What it found.
    findings: Option<Findings>,
    /// Of a run of several tasks; `None` where there is one.
    parts: Option<KeptParts>,
    run: Option<Run>,
    /// What a report is made of.
    record: RunRecord,
    /// That of runs that are started; `None` where they are of none.
    project: Option<ProjectInUse>,
    runs: u32,
    /// What the page hears after the reply to the command that is being answered.
    after_reply: Vec<FromWorker>,
    /// The file that goes with that reply, where it was asked for one that is packed.
    packed: Option<Blob>,
}

/// Milliseconds in which a browser says why a device does not answer any more: it may say so after the first that was asked of it.
const FAULT_TOLD_MS: i32 = 200;

/// A reply and the buffers that go with it.
type Answer = Result<(Reply, Vec<Uint8Array>), Problem>;

impl Worker {
    pub(crate) fn new(mailbox: Rc<Mailbox>) -> Self {
        Self {
            mailbox,
            macrotask: Macrotask::new(),
            device: None,
            session: None,
            model: None,
            data: None,
            survey: None,
            rows: None,
            search: None,
            findings: None,
            parts: None,
            run: None,
            record: RunRecord::default(),
            project: None,
            runs: 0,
            after_reply: Vec::new(),
            packed: None,
        }
    }

    /// Serves for ever.
    pub(crate) async fn serve(mut self) {
        loop {
            if self.run.as_ref().is_some_and(Run::goes_on) {
                self.advance().await;
                while let Some(letter) = self.mailbox.waiting() {
                    self.answer_letter(letter).await;
                }
            } else if self.search.is_some() {
                self.advance_search();
                self.macrotask.pass().await;
                while let Some(letter) = self.mailbox.waiting() {
                    self.answer_idle(letter).await;
                }
            } else {
                let letter = self.mailbox.next().await;
                self.answer_idle(letter).await;
            }
        }
    }

    /// Answers while no run goes on. A held one must not wait for its next step to learn that its device is gone.
    async fn answer_idle(&mut self, letter: Letter) {
        self.answer_letter(letter).await;
        self.macrotask.pass().await;
        if let Some(problem) = self.device_fault() {
            self.fail(problem);
        }
    }

    async fn answer_letter(&mut self, Letter { request, blobs, files }: Letter) {
        if matches!(request.command, Command::SeekFindings) {
            return self.begin_search(request.id);
        }
        if replaces_rows(&request.command) {
            self.forget_findings();
        }
        let holds_run = matches!(request.command, Command::Pause);
        let (result, blobs) = match self.answer(request.id, request.command, &blobs, &files).await {
            Ok((reply, blobs)) => (Ok(reply), blobs),
            Err(problem) => (Err(problem), Vec::new()),
        };
        post_with_file(&FromWorker::Reply { id: request.id, result }, blobs, self.packed.take());
        for message in std::mem::take(&mut self.after_reply) {
            post(&message, Vec::new());
        }
        if holds_run {
            self.save_held().await;
        }
    }

    async fn answer(&mut self, id: RequestId, command: Command, blobs: &[Uint8Array], files: &[Blob]) -> Answer {
        let runs = self.run.is_some();
        let reply = match command {
            Command::Pause => self.pause(true),
            Command::Resume => self.pause(false),
            Command::Stop { keep_best } => self.stop(keep_best),
            // Nothing is being written, read or learned any more.
            Command::StopGenerating | Command::CancelReading | Command::StopLearningLabels => Reply::Done,
            // It is begun before, and answered by what it finds.
            Command::SeekFindings => Reply::Done,
            Command::Memory => Reply::Memory { memory: self.memory() },
            Command::RowImages { rows } => return Ok(self.row_images(&rows)),
            Command::ImagesOfFile { rows } => return Ok(self.images_of_file(&rows)),
            Command::RowsWindow { source, query, edits } => self.rows_window(&source, &query, edits.as_ref())?,
            Command::RowsOfFinding { finding } => self.rows_of_finding(finding),
            Command::MendFinding { finding, source, edits } => self.mend_finding(finding, source.as_ref(), &edits)?,
            Command::CleanFile { file, source: Some(source), read, split } => {
                return self.clean_file(file, &source, &read, split);
            }
            Command::CleanFile { source: None, .. } => return self.write_image_labels(),
            Command::ListRuns => self.list_runs().await,
            Command::NoteRun { id, note } => opening::note_run(&id, &note).await?,
            Command::DropRun { id } => self.drop_run(&id).await?,
            Command::ListProjects => Self::list_projects().await,
            Command::KeepProject { state, files } => self.keep_project(state, files, blobs).await?,
            Command::NameProject { id, name } => self.name_project(&id, name).await?,
            Command::DuplicateProject { id, name } => kept_projects::duplicate_project(&id, name).await?,
            Command::DropProject { id } => self.drop_project(&id).await?,
            Command::ListModels => self.list_models().await,
            Command::DropModel { address, id, revision } => self.drop_model(&address, &id, &revision).await?,
            Command::LoseDevice => {
                let device = self.device.as_ref().ok_or_else(errors::no_device)?;
                device.destroy();
                Reply::Done
            }
            Command::Panic => fault::rehearse_panic(),
            Command::ExhaustMemory => fault::exhaust_memory(),
            Command::OpenRun { id, cuts } => return self.open_run(&id, cuts).await,
            _ if runs => return Err(errors::run_goes_on()),
            Command::OpenProject { id } => return self.open_project(&id).await,
            Command::CloseProject => {
                self.project = None;
                if let Some(model) = &mut self.model {
                    model.await_project();
                }
                Reply::Done
            }
            Command::OpenDevice { prefer } => self.open_device(prefer).await?,
            Command::FetchModel { source, base_url, hub_url, sha256, stall_ms } => {
                let (source, base_url, hub_url, sha256) = (&source, base_url.as_deref(), hub_url.as_str(), &sha256);
                let origin = Origin { source, base_url, hub_url, sha256, stall_ms };
                let model = self.fetch_model(&origin).await?;
                Reply::Model { model }
            }
            Command::LoadModel { files } => Reply::Model { model: self.load_local_model(&files, blobs).await? },
            Command::GuessTask { file, tasks, own } => {
                Self::guess_task(&Letter::file(blobs, &file)?, &tasks, own).await
            }
            Command::FindNearest { text } => self.find_nearest(&text).await?,
            Command::Explain(asked) => self.explain(&asked).await?,
            Command::FindNearestRows(near) => self.find_nearest_rows(&near).await?,
            Command::LoadData { task, train, valid, test, read, run } => {
                let file = |named: &NamedBlob| Letter::file(blobs, named);
                let data = KeptData {
                    train: file(&train)?,
                    valid: valid.as_ref().map(file).transpose()?,
                    test: test.as_ref().map(file).transpose()?,
                    task,
                    read,
                    run,
                    readable: None,
                };
                self.load_data(data).await?
            }
            Command::RereadData { task, read, run } => self.reread_data(task, read, run).await?,
            Command::Train { number, run, changes, page } => self.train(number, run, changes, page).await?,
            Command::Estimate { run } => self.estimate(run).await?,
            Command::FindLearningRate { run, changes } => self.find_learning_rate(run, &changes).await?,
            Command::SaveProject { id } => self.attach(projects::save(&id).await?),
            Command::PackProject { id, best } => self.attach(projects::pack(&id, best.as_deref()).await?),
            Command::ImportProject { file, number } => {
                projects::import(&file.name, Letter::unread_file(files, &file)?, number).await?
            }
            Command::LoadKeptModel { project } => Reply::Model { model: self.load_model_of_project(&project).await? },
            Command::TrainParts { number, parts, run, changes, page } => {
                self.train_parts((number, page), (parts, blobs), run, changes).await?
            }
            Command::EvaluateParts { parts, run, split } => self.evaluate_parts(parts, blobs, run, split).await?,
            Command::Evaluate { weights, split, num_prompts } => self.evaluate(weights, split, num_prompts).await?,
            Command::FewShot { split } => self.few_shot(split).await?,
            Command::QuickBaseline { split } => self.quick_baseline(split).await?,
            Command::FindLabelErrors { num_folds } => self.find_label_errors(num_folds).await?,
            Command::Predict { inputs, images, part } => {
                let inputs = images::with_images(inputs, &images, blobs).await?;
                match part {
                    Some(part) => self.predict_part(&part, &inputs).await?,
                    None => self.predict(&inputs).await?,
                }
            }
            Command::LookAtInputs { file, read, part } => {
                self.look_at_inputs(&Letter::file(blobs, &file)?, &read, part.as_deref()).await?
            }
            Command::LabelFile { files, read, part, thresholds, write_as } => {
                let files = files.iter().map(|file| Letter::file(blobs, file)).collect::<Result<Vec<_>, Problem>>()?;
                return self.label_file(&files, (&read, write_as), part.as_deref(), thresholds).await;
            }
            Command::RankUnlabeled { source, edits, by, seed } => {
                self.rank_unlabeled(source.as_ref(), &edits, by, seed).await?
            }
            Command::AddLabelColumn { file, read } => {
                return Self::add_label_column(&Letter::file(blobs, &file)?, &read).await;
            }
            Command::Slice { split, measured, by, part } => self.slice(split, &measured, &by, part.as_deref())?,
            Command::SwapWords { inputs, pairs, part } => self.swap_words(inputs, &pairs, part.as_deref()).await?,
            Command::PackImages { files } => self.attach(images::pack(&files, blobs)?),
            Command::PreviewAugmentation { rows, seed, run } => return Ok(self.preview_augmentation(&rows, seed, &run)),
            Command::PreviewAugmentedTexts { first, count, run } => self.preview_augmented_texts(first, count, &run),
            Command::MakeCopies { method, run } => self.make_copies(method, &run).await?,
            Command::EvaluateGeneral { weights, text } => {
                let text = text.map(|named| Letter::file(blobs, &named)).transpose()?;
                self.evaluate_general(weights, text).await?
            }
            Command::Generate { prompt, weights, sampling } => self.generate(id, &prompt, weights, &sampling).await?,
            Command::Export { format, thresholds, is_verified } => {
                let exported = self.export(format, thresholds, is_verified).await?;
                self.attach(exported)
            }
            Command::Report => return self.report(),
            Command::ContinueFromRun => Reply::Model { model: self.continue_from_run().await? },
        };
        Ok((reply, Vec::new()))
    }

    /// A file that was packed goes with its reply.
    fn attach(&mut self, (reply, file): (Reply, Blob)) -> Reply {
        self.packed = Some(file);
        reply
    }

    // The device.

    /// Opens a device; what was loaded and trained on a sound one before goes over to it. One that is open and sound
    /// stays, if it is what is asked for.
    async fn open_device(&mut self, prefer: Option<Backend>) -> Result<Reply, Problem> {
        let sound = self.device_fault().is_none();
        if let Some(open) = &self.device
            && sound
            && prefer.is_none_or(|prefer| prefer == open.report.backend)
        {
            return Ok(Reply::Device { device: open.report.clone() });
        }
        let trained = match &mut self.session {
            // On JavaScript's heap, so that wasm memory does not hold it beside the model.
            Some(session) if sound && session.is_trained() => {
                let checkpoint = session.stream_checkpoint().await.map_err(|error| error.problem())?;
                Some(to_folder(&files_on_heap(checkpoint).await?))
            }
            _ => None,
        };
        self.session = None;
        if let Some(old) = self.device.take() {
            old.destroy();
        }
        let device = self.device.insert(OpenDevice::open(prefer).await);
        let report = device.report.clone();
        self.load_kept_model(trained.is_some()).await?;
        if let (Some(trained), Some(session)) = (trained, &mut self.session) {
            session.resume(&trained).map_err(|error| error.problem())?;
        }
        Ok(Reply::Device { device: report })
    }

    /// Loads the model and the data that were loaded before, if any, onto the device: those of a run that goes over to it,
    /// else those that the page shows.
    async fn load_kept_model(&mut self, has_run: bool) -> Result<(), Problem> {
        let Some(model) = &self.model else { return Ok(()) };
        match model.folder().await {
            Some(folder) => {
                let source = model.source.clone();
                self.load_model(source, folder).await?;
                if has_run && self.parts.is_some() {
                    return self.load_kept_parts();
                }
                self.parts = None;
                self.load_kept_data();
                Ok(())
            }
            None => {
                self.model = None;
                let hint = "choose the model again; the device is open";
                let message = "the model's files are no longer in the browser's storage";
                Err(errors::problem(ProblemKind::Storage, message, hint))
            }
        }
    }

    fn device_fault(&self) -> Option<Problem> {
        self.device.as_ref().and_then(OpenDevice::fault)
    }

    /// Lets the browser say what the device did wrong while something was computed.
    async fn hear_of_device<T>(&self, result: &Result<T, Problem>) {
        self.macrotask.pass().await;
        let has_failed = result.as_ref().is_err_and(|problem| problem.kind == ProblemKind::Device);
        if has_failed && self.device_fault().is_none() {
            clock::sleep(FAULT_TOLD_MS).await;
        }
    }

    /// Refuses what was computed if the device failed meanwhile.
    async fn trust<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        self.hear_of_device(&result).await;
        match self.device_fault() {
            Some(problem) => Err(problem),
            None => result,
        }
    }

    fn memory(&self) -> MemoryReport {
        let held = self.session.as_ref().map(Session::held_bytes).unwrap_or_default();
        match &self.device {
            Some(device) => MemoryReport { held, ..device.memory() },
            None => MemoryReport { wasm: wasm_bytes(), held, ..MemoryReport::default() },
        }
    }

    /// The session, on a device without faults and with a model.
    fn ready(&mut self) -> Result<&mut Session, Problem> {
        if self.device.is_none() {
            return Err(errors::no_device());
        }
        if let Some(problem) = self.device_fault() {
            return Err(problem);
        }
        self.session.as_mut().ok_or_else(errors::no_model)
    }

    // The model.

    async fn fetch_model(&mut self, origin: &Origin<'_>) -> Result<ModelInfo, Problem> {
        self.usable_device()?;
        let files = model_files::load_files(origin).await?;
        let kept = KeptModel::new(files.source.clone(), files.kept);
        let mut info = self.load_model(files.source, files.folder).await?;
        (self.model, self.parts, self.record) = (Some(kept), None, RunRecord::default());
        info.notes.extend(files.notes);
        Ok(info)
    }

    async fn load_local_model(&mut self, files: &[NamedBlob], blobs: &[Uint8Array]) -> Result<ModelInfo, Problem> {
        self.usable_device()?;
        let files = files.iter().map(|named| Letter::file(blobs, named)).collect::<Result<Vec<_>, _>>()?;
        let name = adapter::name_of(&files);
        if let Some(adapter) = adapter::find_adapter(&files)? {
            return self.put_on(adapter, name).await;
        }
        let source = ModelSource::Local { name: name.unwrap_or("local model").into() };
        self.take_local_model(source, files).await
    }

    /// Loads a model whose files lie nowhere else.
    async fn take_local_model(&mut self, source: ModelSource, files: Vec<NamedBytes>) -> Result<ModelInfo, Problem> {
        let info = self.load_model(source.clone(), to_folder(&files)).await?;
        (self.model, self.parts) = (Some(KeptModel::in_memory(source, files)), None);
        self.record = RunRecord::default();
        Ok(info)
    }

    /// Takes the trained model for the loaded one. Its files lie nowhere but here.
    async fn continue_from_run(&mut self) -> Result<ModelInfo, Problem> {
        let files = merged_files(self.ready()?).await;
        let files = self.trust(files).await?;
        let base = self.model.as_ref().ok_or_else(errors::no_model)?.source.name();
        let name = base.rsplit('/').next().unwrap_or(base);
        let source = ModelSource::Local { name: format!("{name}-tuned") };
        let info = self.load_model(source.clone(), to_folder(&files)).await?;
        (self.model, self.data, self.parts) = (Some(KeptModel::in_memory(source, files)), None, None);
        self.record = RunRecord::default();
        Ok(info)
    }

    /// Into a fresh session, which takes the place of the old one only if the model is good and the device computes what it
    /// needs. The page has the rows read for it then.
    async fn load_model(&mut self, source: ModelSource, folder: Folder) -> Result<ModelInfo, Problem> {
        let mut session = self.fresh_session(&folder).await?;
        let loaded = session.load_model(source, folder).map_err(|error| error.problem());
        let info = self.trust_loaded(loaded).await?;
        if let (true, Some(device)) = (info.task.spec().writes(), &mut self.device) {
            device.check_for_texts().await?;
        }
        self.session = Some(session);
        Ok(info)
    }

    /// An empty session for the model in `folder`, and room for that beside the one that is loaded, which stays.
    async fn fresh_session(&mut self, folder: &Folder) -> Result<Session, Problem> {
        templates::load_for(folder).await?;
        let open = self.usable_device()?;
        let (device, backend) = (open.device.clone(), open.report.backend);
        if let Some(old) = &mut self.session {
            old.release_built(); // room for the new one; the next question builds it again
        }
        if backend == Backend::Cpu {
            check_room(folder)?;
        }
        Ok(Session::new(device))
    }

    /// What was loaded, once the device has it; refused if that failed meanwhile.
    async fn trust_loaded<T>(&self, loaded: Result<T, Problem>) -> Result<T, Problem> {
        let loaded = match loaded {
            // Weights are sent to the device without an answer.
            Ok(loaded) => self.usable_device()?.settle().await.map(|()| loaded),
            Err(problem) => Err(problem),
        };
        self.trust(loaded).await
    }

    fn usable_device(&self) -> Result<&OpenDevice, Problem> {
        match (&self.device, self.device_fault()) {
            (None, _) => Err(errors::no_device()),
            (_, Some(problem)) => Err(problem),
            (Some(device), None) => Ok(device),
        }
    }
}

/// The files of the model that a session trained, or put an adapter on, as one whole model.
async fn merged_files(session: &mut Session) -> Result<Vec<NamedBytes>, Problem> {
    let files = session.stream_export(ExportFormat::Merged).await.map_err(|error| error.problem())?;
    files_on_heap(files).await
}
