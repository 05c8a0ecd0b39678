//! The rows of several tasks on their way into a session. In: files for each task. Out: the parts of a run, and a report on
//! each. As the rows of one task they are read a part at a time: between two parts a driver can show how far it is, and drop
//! the reading.

use std::vec::IntoIter;

use super::SessionError;
use super::model::tasks_of;
use super::reading::Reading;
use super::run::Session;
use super::several::{Part, in_part};
use crate::config::{ReadOptions, RunConfig, check_part_names};
use crate::data::DataFiles;
use crate::task::several::goes_with_others;
use crate::task::{DataReport, Task, guess_for_model_as_read};

/// One of several tasks that is asked for.
#[derive(Debug, Clone)]
pub struct PartRequest {
    /// Its name, which figures and the exported folder have.
    pub name: String,
    /// What is learned; `None` where the file is to tell.
    pub task: Option<Task>,
    /// Its files.
    pub files: DataFiles,
    /// How they are read.
    pub read: ReadOptions,
}

/// What is in the data of one of several tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// What is learned.
    pub task: Task,
    /// What is in its rows.
    pub report: DataReport,
    /// What there is to say of the model, used for this task.
    pub notes: Vec<String>,
}

/// Rows of several tasks that are being read, one task after the other.
pub struct PartsReading {
    run: RunConfig,
    /// Those that were not begun.
    waiting: IntoIter<PartRequest>,
    /// Those that were begun, by their names; all but the last are done.
    begun: Vec<(String, Reading)>,
}

impl PartsReading {
    /// The task that is being read, how much of it was tokenised, and how much there is of it in all: rows, or bytes where a
    /// row may be a whole file. `None` before the first is begun.
    #[must_use]
    pub fn progress(&self) -> Option<(&str, usize, usize)> {
        let (name, reading) = self.begun.last()?;
        let (done, total) = reading.progress();
        Some((name.as_str(), done, total))
    }
}

impl Session {
    /// Reads the rows of several tasks, which the next run learns at once. Needs a model, which is used for the first task
    /// then; rows, adapter and run that were there are dropped.
    ///
    /// # Errors
    /// When names are equal or can't be used, the model has no head for a task, or files can't be used: names the part. Adapter
    /// and run are gone then.
    pub fn load_parts(&mut self, requests: Vec<PartRequest>, run: &RunConfig) -> Result<Vec<PartReport>, SessionError> {
        let reading = self.begin_parts(requests, run)?;
        self.finish_parts(reading)
    }

    /// Begins to read the rows of several tasks. Then [`Session::advance_parts`] until it is done, and
    /// [`Session::finish_parts`]. An adapter and a run that were there are dropped now, the rows when it is finished: a reading
    /// that is dropped leaves them.
    ///
    /// # Errors
    /// When names are equal or can't be used, or no model is there; then all stays as it is.
    pub fn begin_parts(&mut self, requests: Vec<PartRequest>, run: &RunConfig) -> Result<PartsReading, SessionError> {
        let problems = check_part_names(&requests.iter().map(|request| request.name.as_str()).collect::<Vec<_>>());
        if !problems.is_empty() {
            return Err(SessionError::Settings(problems));
        }
        self.loaded()?;
        self.adapter = None; // its labels are no labels of these rows
        self.forget_run();
        Ok(PartsReading { run: run.clone(), waiting: requests.into_iter(), begun: Vec::new() })
    }

    /// Parses the files of the next task, or tokenises the next rows; `false` once all are.
    ///
    /// # Errors
    /// When the model has no head for a task, it is learned alone, or its files can't be used: names the part.
    pub fn advance_parts(&self, reading: &mut PartsReading) -> Result<bool, SessionError> {
        if let Some((name, current)) = reading.begun.last_mut()
            && self.advance_reading(current).map_err(|error| in_part(name, error))?
        {
            return Ok(true);
        }
        let Some(PartRequest { name, task, files, read }) = reading.waiting.next() else { return Ok(false) };
        let begun = self.begin_part(task, files, &read, &reading.run).map_err(|error| in_part(&name, error))?;
        reading.begun.push((name, begun));
        Ok(true)
    }

    fn begin_part(
        &self,
        task: Option<Task>,
        files: DataFiles,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<Reading, SessionError> {
        let task = match task {
            Some(task) => task,
            None => self.guess_part(&files, read)?,
        };
        if !goes_with_others(task) {
            return Err(SessionError::OnlyAlone { task: task.name() });
        }
        self.begin_reading_for(task, files, read, run)
    }

    /// The task that files are for where nobody says.
    fn guess_part(&self, files: &DataFiles, read: &ReadOptions) -> Result<Task, SessionError> {
        let model = self.loaded()?;
        let mut tasks = tasks_of(&model.pretrained.config);
        tasks.retain(|&task| goes_with_others(task));
        Ok(guess_for_model_as_read(&files.train.0, &files.train.1, read, &tasks, model.task))
    }

    /// Takes the rows of several tasks in the place of those before; what was not read yet is read now. The model is used for
    /// the first task from now on.
    ///
    /// # Errors
    /// As [`Session::advance_parts`]; also when the model can't be built for a task, or its tokenizer can't decode what it
    /// encoded. The rows of before may be gone then.
    pub fn finish_parts(&mut self, mut reading: PartsReading) -> Result<Vec<PartReport>, SessionError> {
        while self.advance_parts(&mut reading)? {}
        let before = self.task()?;
        let (mut parts, mut reports) = (Vec::new(), Vec::new());
        for (name, reading) in reading.begun {
            match self.finish_part(&name, reading) {
                Ok((part, report)) => {
                    parts.push(part);
                    reports.push(report);
                }
                Err(error) => {
                    self.set_task(before)?;
                    return Err(in_part(&name, error));
                }
            }
        }
        let first = parts.first().ok_or(SessionError::NoData)?;
        self.set_task(first.task)?;
        self.parts = parts;
        Ok(reports)
    }

    fn finish_part(&mut self, name: &str, reading: Reading) -> Result<(Part, PartReport), SessionError> {
        let task = reading.task();
        let report = self.finish_reading(reading)?;
        let data = self.data.take().ok_or(SessionError::NoData)?;
        let has_head = self.loaded()?.has_head;
        let notes = self.model_info().map(|info| info.notes).unwrap_or_default();
        let name = name.to_owned();
        Ok((Part { name: name.clone(), task, has_head, data }, PartReport { name, task, report, notes }))
    }

    /// Leaves several tasks whose rows were read: the model is for the first one's rows again, which are kept. A run is
    /// dropped.
    pub fn leave_parts(&mut self) {
        let mut parts = std::mem::take(&mut self.parts).into_iter();
        if let Some(first) = parts.next() {
            self.data = Some(first.data);
            self.forget_run();
        }
    }
}
