//! A run of several tasks: the files of each are read when it starts, and are kept while its weights are, for a device that
//! is opened anew. Rows of one task, which the page looks at before a run, come back where another run takes its place.

use hone_core::config::{Job, ModelChanges, RunConfig};
use hone_core::session::protocol::{PartFiles, Problem, Reply, Weights};
use hone_core::session::{PartRequest, Session, SessionError};
use hone_core::task::TaskInput;
use js_sys::Uint8Array;

use super::Worker;
use crate::kept::KeptData;
use crate::mailbox::Letter;

/// What the last run of several tasks was started with.
pub(super) struct KeptParts {
    /// The name of each task, and its files.
    parts: Vec<(String, KeptData)>,
    run: RunConfig,
    changes: ModelChanges,
}

impl Worker {
    /// Reads the rows of all tasks and starts the run. On an error there are the rows of one task again.
    pub(super) fn train_parts(
        &mut self,
        files: Vec<PartFiles>,
        blobs: &[Uint8Array],
        run: RunConfig,
        changes: ModelChanges,
    ) -> Result<Reply, Problem> {
        let part = |files: PartFiles| keep(files, blobs, &run);
        let parts = files.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let kept = KeptParts { parts, run, changes };
        let started = self.ready().and_then(|session| kept.start(session).map_err(|error| error.problem()));
        self.parts = Some(kept);
        let answer = started.and_then(|job| self.begin_run(&job));
        if answer.is_err() {
            self.leave_parts();
        }
        answer
    }

    /// Drops the files of several tasks, and gives the session the rows of one again.
    pub(super) fn leave_parts(&mut self) {
        if self.parts.take().is_some() {
            self.load_kept_data();
        }
    }

    /// Reads the rows of several tasks that were read before, for the model that was loaded onto another device.
    pub(super) fn load_kept_parts(&mut self) -> Result<(), Problem> {
        let (Some(kept), Some(session)) = (&self.parts, &mut self.session) else { return Ok(()) };
        kept.load(session).map_err(|error| error.problem())
    }

    /// Answers of one of several tasks.
    pub(super) async fn predict_part(&mut self, part: &str, inputs: &[TaskInput]) -> Result<Reply, Problem> {
        let session = self.ready()?;
        let predicted = async {
            let (base, cut) = session.predict_part(part, inputs, Weights::Base).await?;
            let (tuned, _) = session.predict_part(part, inputs, Weights::Tuned).await?;
            let (max_tokens, labels) = (session.max_tokens()?, session.labels_of_part(part).to_vec());
            Ok(Reply::Predicted { labels, base, tuned, max_tokens, cut, warnings: session.warnings() })
        };
        let predicted = predicted.await.map_err(|error: SessionError| error.problem());
        self.trust(predicted).await
    }
}

impl KeptParts {
    fn start(&self, session: &mut Session) -> Result<Job, SessionError> {
        self.load(session)?;
        session.start(self.run.clone())
    }

    /// Changes the model as for the run, and reads the rows for it.
    fn load(&self, session: &mut Session) -> Result<(), SessionError> {
        session.change_model(&self.changes, self.run.seed)?;
        let request = |(name, data): &(String, KeptData)| PartRequest {
            name: name.clone(),
            task: Some(data.task),
            files: data.files(),
            read: data.read.clone(),
        };
        session.load_parts(self.parts.iter().map(request).collect(), &self.run).map(drop)
    }
}

/// The files of a task out of the buffers that came with the message.
fn keep(files: PartFiles, blobs: &[Uint8Array], run: &RunConfig) -> Result<(String, KeptData), Problem> {
    let PartFiles { name, task, train, valid, test, read } = files;
    let data = KeptData {
        train: Letter::file(blobs, &train)?,
        valid: valid.as_ref().map(|file| Letter::file(blobs, file)).transpose()?,
        test: test.as_ref().map(|file| Letter::file(blobs, file)).transpose()?,
        task,
        read,
        run: run.clone(),
    };
    Ok((name, data))
}
