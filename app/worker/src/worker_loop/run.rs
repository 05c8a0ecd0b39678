//! A run that goes on: a micro-batch at a time, what it says, and how it is kept on the disk.

use hone_core::config::{Job, Method, ModelChanges, RunConfig};
use hone_core::event::TrainEvent;
use hone_core::session::Session;
use hone_core::session::protocol::{FromWorker, Problem, Reply, RunId};
use hone_core::train::SavePace;

use super::Worker;
use super::parts::KeptParts;
use crate::clock::Clock;
use crate::device::OpenDevice;
use crate::errors;
use crate::hashed_file::WriteError;
use crate::journal::Journal;
use crate::kept_projects;
use crate::kept_run::{RunFolder, Start};
use crate::kept_runs;
use crate::kept_steps::SavedState;
use crate::mailbox::post;
use crate::run_lock::RunLock;

/// A run that goes on.
pub(super) struct Run {
    id: RunId,
    clock: Clock,
    paused: bool,
    /// Optimizer steps taken, and those of the whole run.
    step: u32,
    total_steps: u32,
    journal: Journal,
    keeping: Keeping,
    pace: SavePace,
    /// Step at which it was last saved.
    saved_step: Option<u32>,
    _lock: RunLock,
}

/// How a run is kept on the disk.
pub(super) enum Keeping {
    /// What it was started with is still to be written.
    Begins(Box<Start>),
    /// In this folder.
    Kept(RunFolder),
    /// Not at all: the disk did not take what it was started with, or lost it.
    Not,
}

impl Keeping {
    fn id(&self) -> Option<&str> {
        match self {
            Self::Begins(start) => Some(&start.id),
            Self::Kept(folder) => Some(folder.id()),
            Self::Not => None,
        }
    }
}

/// What there is to say of a run that begins.
pub(super) struct Begun {
    pub(super) id: RunId,
    pub(super) has_adapter: bool,
    pub(super) num_labels: usize,
    pub(super) notes: Vec<String>,
    pub(super) job: String,
}

impl Run {
    fn new(id: RunId, keeping: Keeping, lock: RunLock) -> Self {
        Self {
            id,
            clock: Clock::start(),
            paused: false,
            step: 0,
            total_steps: 0,
            journal: Journal::default(),
            keeping,
            pace: SavePace::new(0.0),
            saved_step: None,
            _lock: lock,
        }
    }

    /// A run that was saved, where it stood.
    pub(super) fn reopened(id: RunId, state: &SavedState, journal: Journal, folder: RunFolder, lock: RunLock) -> Self {
        Self {
            clock: Clock::start_at(state.elapsed_secs),
            pace: SavePace::new(state.elapsed_secs),
            step: state.step,
            total_steps: state.total_steps,
            journal,
            saved_step: Some(state.step),
            ..Self::new(id, Keeping::Kept(folder), lock)
        }
    }

    /// Id under which it is kept; `None` where it is not.
    pub(super) fn kept_id(&self) -> Option<&str> {
        self.keeping.id()
    }

    /// It is not held.
    pub(super) fn goes_on(&self) -> bool {
        !self.paused
    }

    /// Notes what it says.
    fn note(&mut self, elapsed_secs: f64, event: &TrainEvent) {
        match event {
            TrainEvent::Started { total_steps, step, .. } => (self.step, self.total_steps) = (*step, *total_steps),
            // What was saved of the steps after it holds no more.
            TrainEvent::RolledBack { to_step, .. } => (self.step, self.saved_step) = (*to_step, None),
            TrainEvent::Progress { step, .. }
            | TrainEvent::Step { step, .. }
            | TrainEvent::CheckpointDue { step }
            | TrainEvent::Finished { step, .. } => self.step = *step,
            TrainEvent::Augmented { .. }
            | TrainEvent::Phase { .. }
            | TrainEvent::EvaluationProgress { .. }
            | TrainEvent::Evaluated { .. }
            | TrainEvent::BatchesCut { .. }
            | TrainEvent::GeneralMeasured { .. }
            | TrainEvent::Sampled { .. } => {}
        }
        self.journal.note(elapsed_secs, event);
    }
}

impl Worker {
    /// One micro-batch, and what it has to say.
    pub(super) async fn advance(&mut self) {
        self.save_start().await;
        let Some(session) = self.session.as_mut() else { return };
        let outcome = session.next_event().await.map_err(|error| error.problem());
        // Lets messages in, and with them the errors of what was just computed.
        self.hear_of_device(&outcome).await;
        match (self.device_fault(), outcome) {
            (Some(problem), _) => self.fail(problem),
            (None, Ok(Some(event))) => self.tell(event).await,
            // The end of a run is taken in `finish`: this one was kept as one that goes on.
            (None, Ok(None)) => self.fail(errors::bug("the run is over, and has not said so")),
            (None, Err(problem)) => self.fail(problem),
        }
    }

    async fn tell(&mut self, event: TrainEvent) {
        let Some(mut run) = self.run.take() else { return };
        let elapsed_secs = run.clock.elapsed_secs();
        run.note(elapsed_secs, &event);
        if matches!(event, TrainEvent::Finished { .. }) {
            return self.finish(run, elapsed_secs, event).await;
        }
        // The last step is followed by the end, which is saved.
        let is_last = run.step >= run.total_steps;
        let is_between_steps = self.session.as_ref().is_some_and(Session::is_between_steps);
        let is_due = !is_last && run.pace.is_due(&event, is_between_steps, elapsed_secs);
        post(&FromWorker::Event { run: run.id, elapsed_secs, event }, Vec::new());
        match is_due {
            true => self.save_unfinished(run).await,
            false => self.run = Some(run),
        }
    }

    /// Saves the run that is held, once the page knows that it is: a person may close the tab now. A run without a step since it was
    /// last saved, or since it began, has nothing to save.
    pub(super) async fn save_held(&mut self) {
        if let Some(run) = self.run.take_if(|run| run.paused && run.step > 0) {
            self.save_unfinished(run).await;
        }
    }

    /// Saves a run that is not over, and puts it back; where the device failed meanwhile, the run fails.
    async fn save_unfinished(&mut self, mut run: Run) {
        let saved = self.save(&mut run, false).await;
        self.run = Some(run);
        if let Err(problem) = saved {
            self.fail(problem); // what was saved before stays
        }
    }

    /// Ends the run; its weights are saved.
    async fn finish(&mut self, mut run: Run, elapsed_secs: f64, event: TrainEvent) {
        // The run is over for the page as soon as it reads this: close it first.
        let closed = match self.session.as_mut() {
            Some(session) => session.next_event().await,
            None => Ok(None),
        };
        if let Err(error) = closed {
            let (problem, lacks_memory) = (error.problem(), self.lacks_memory());
            return post(&FromWorker::Failed { run: Some(run.id), problem, lacks_memory }, Vec::new());
        }
        self.record.end(run.journal.to_bytes(), (elapsed_secs, run.step));
        post(&FromWorker::Event { run: run.id, elapsed_secs, event }, Vec::new());
        if let Err(problem) = self.save(&mut run, true).await {
            post(&not_written(run.step, problem), Vec::new());
        }
    }

    /// Writes what the run was started with, before its first step. Without it the run goes on, and is not kept.
    async fn save_start(&mut self) {
        let Some(run) = self.run.as_mut().filter(|run| matches!(run.keeping, Keeping::Begins(_))) else { return };
        let Keeping::Begins(start) = std::mem::replace(&mut run.keeping, Keeping::Not) else { return };
        let parts = self.parts.as_ref().map(KeptParts::rows).unwrap_or_default();
        let own = parts.first().map(|(_, data)| data).or(self.data.as_ref());
        let begun = match (&self.model, own) {
            (Some(model), Some(own)) => match RunFolder::begin(model, own, parts, *start).await {
                Ok(folder) => Ok(folder),
                Err(error) => {
                    Err(kept_runs::problem(&error, "the run can't be kept, and won't go on after a reload", None).await)
                }
            },
            _ => Err(errors::bug("the run can't be kept: its model or its rows are missing")),
        };
        match begun {
            Ok(folder) => {
                if let Some(project) = &self.project {
                    // Where that is not noted, a project is made of the run.
                    let _ = kept_projects::take_run(folder.id(), &project.id).await;
                }
                run.keeping = Keeping::Kept(folder);
            }
            Err(problem) => post(&not_written(run.step, problem), Vec::new()),
        }
    }

    /// Writes where the run stands, if it is kept, and tells the page.
    ///
    /// # Errors
    /// When the device failed meanwhile: nothing of it is kept then.
    async fn save(&mut self, run: &mut Run, is_finished: bool) -> Result<(), Problem> {
        let Keeping::Kept(folder) = &mut run.keeping else { return Ok(()) };
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let step = run.step;
        if !is_finished && run.saved_step == Some(step) {
            return Ok(());
        }
        // The page knows then why nothing is said for a while.
        post(&FromWorker::CheckpointBegun { step }, Vec::new());
        let (total_steps, saved_ms) = (run.total_steps, js_sys::Date::now());
        let (elapsed_secs, summary) = (run.clock.elapsed_secs(), run.journal.summary());
        let state = SavedState { step, total_steps, is_finished, saved_ms, elapsed_secs, summary };
        let written = match session.stream_checkpoint().await {
            Ok(checkpoint) => folder.steps().write(&state, checkpoint, &run.journal.to_bytes()).await,
            Err(error) => Err(WriteError::Source(error.problem())),
        };
        self.macrotask.pass().await;
        if let Some(problem) = self.device_fault() {
            if let Ok(step) = written {
                folder.steps().discard(step).await; // nobody knows what the device gave
            }
            return Err(problem);
        }
        let sealed = match written {
            Ok(step) => folder.steps().seal(step).await.map_err(WriteError::Disk),
            Err(error) => Err(error),
        };
        let mut is_gone = false;
        let problem = match sealed {
            Ok(()) => None,
            Err(WriteError::Source(problem)) => Some(problem),
            Err(WriteError::Disk(error)) => {
                is_gone = folder.steps().are_gone().await;
                Some(match is_gone {
                    true => errors::saved_run_gone(),
                    false => kept_runs::problem(&error, "the checkpoint can't be kept", Some(folder.id())).await,
                })
            }
        };
        if problem.is_none() {
            run.saved_step = Some(step);
        } else if is_gone {
            run.keeping = Keeping::Not;
        }
        run.pace.note_saving(elapsed_secs, run.clock.elapsed_secs());
        post(&FromWorker::CheckpointWritten { step, is_gone, problem }, Vec::new());
        Ok(())
    }

    pub(super) fn fail(&mut self, problem: Problem) {
        if let Some(run) = self.run.take() {
            let lacks_memory = self.lacks_memory();
            if let Some(session) = &mut self.session {
                session.forget_run();
            }
            self.record.forget_run();
            post(&FromWorker::Failed { run: Some(run.id), problem, lacks_memory }, Vec::new());
            if self.device_fault().is_none() {
                self.leave_parts();
            }
        }
    }

    fn lacks_memory(&self) -> bool {
        self.device.as_ref().is_some_and(OpenDevice::may_lack_memory)
    }

    /// Without a run there is nothing to hold: a message that crossed the end of the run is no mistake.
    pub(super) fn pause(&mut self, paused: bool) -> Reply {
        if let Some(run) = &mut self.run {
            run.paused = paused;
            if paused {
                run.clock.pause();
            } else {
                run.clock.resume();
            }
        }
        Reply::Done
    }

    pub(super) fn stop(&mut self, keep_best: bool) -> Reply {
        if let (Some(_), Some(session)) = (&self.run, self.session.as_mut()) {
            session.stop(keep_best);
            self.pause(false); // a held run must move once more to end
        }
        Reply::Done
    }

    /// Starts a run. Where it is refused and a run before is still loaded, says so.
    pub(super) async fn train(
        &mut self,
        number: u32,
        run: RunConfig,
        changes: ModelChanges,
        page: String,
    ) -> Result<Reply, Problem> {
        let answer = self.start_run(number, run, changes, page).await;
        let is_trained = self.session.as_ref().is_some_and(Session::is_trained);
        match answer {
            Err(problem) if is_trained && self.device_fault().is_none() => Ok(Reply::Refused { problem }),
            answer => answer,
        }
    }

    async fn start_run(
        &mut self,
        number: u32,
        run: RunConfig,
        changes: ModelChanges,
        page: String,
    ) -> Result<Reply, Problem> {
        let lock = RunLock::acquire().await?;
        let id = kept_runs::next_id().await;
        self.leave_parts();
        let session = self.ready()?;
        session.change_model(&changes, run.seed).map_err(|error| error.problem())?;
        if !self.add_copies(&run).await? {
            return Ok(Reply::Done);
        }
        let job = self.ready()?.start(run).map_err(|error| error.problem())?;
        let start = Start { id, number, run: job.run.clone(), changes, page };
        self.begin_run(&job, Keeping::Begins(Box::new(start)), lock)
    }

    /// Lets the run that was started go on, and says what it is.
    pub(super) fn begin_run(&mut self, job: &Job, keeping: Keeping, lock: RunLock) -> Result<Reply, Problem> {
        let Begun { id, has_adapter, num_labels, notes, job } = self.name_run(job)?;
        let kept_as = keeping.id().map(str::to_owned);
        self.run = Some(Run::new(id, keeping, lock));
        Ok(Reply::Started { run: id, has_adapter, num_labels, notes, job, kept_as })
    }

    /// Gives the run that the session has a name, and says what it is.
    pub(super) fn name_run(&mut self, job: &Job) -> Result<Begun, Problem> {
        let session = self.ready()?;
        let (num_labels, notes) = (session.labels().len(), session.change_notes());
        self.runs += 1;
        self.record.begin(job);
        // An adapter alone would fit no model that there is elsewhere, and several tasks share theirs.
        let has_adapter = job.run.method == Method::Lora && job.changes.is_empty() && job.parts.is_empty();
        Ok(Begun { id: RunId(self.runs), has_adapter, num_labels, notes, job: job.to_json() })
    }
}

/// What was to be written was not; what was written before stays.
fn not_written(step: u32, problem: Problem) -> FromWorker {
    FromWorker::CheckpointWritten { step, is_gone: false, problem: Some(problem) }
}
