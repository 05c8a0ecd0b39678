//! Copies of training rows: those that the loaded model makes, by a command of its own, and those that augmentation adds when a run
//! starts or is planned. Between two parts the page hears how far it is, and can end it; what the model made until then is handed back.

use hone_core::config::{CopyMethod, RunConfig};
use hone_core::session::SessionError;
use hone_core::session::protocol::{FromWorker, Problem, Reply};
use hone_core::task::ModelCopies;

use super::Worker;
use super::explaining::goes_on;
use crate::errors;
use crate::mailbox::post;

/// What is made of rows when a run starts, as the page names it.
const ADDED: &str = "Changed copies";

impl Worker {
    pub(super) async fn make_copies(&mut self, method: CopyMethod, run: &RunConfig) -> Result<Reply, Problem> {
        self.ready()?;
        let model = self.model.as_ref().ok_or_else(errors::no_model)?.source.name().to_owned();
        let (macrotask, mailbox) = (&self.macrotask, &*self.mailbox);
        let session = self.session.as_mut().ok_or_else(errors::no_model)?;
        let made = async {
            let maker = session.copy_maker(&method)?;
            let planned = session.data_rows().and_then(|rows| ModelCopies::plan(rows, run, method));
            let mut copies = planned.ok_or(SessionError::NoData)?.to_be_kept();
            while session.make_copies(&maker, None, &mut copies).await? {
                let (done, total) = copies.progress();
                if !goes_on(macrotask, mailbox, done, total).await {
                    break;
                }
            }
            Ok(copies.finish(&model))
        };
        let made = made.await.map_err(|error: SessionError| error.problem());
        let (made, notes) = self.trust(made).await?;
        Ok(Reply::CopiesMade { made: Box::new(made), notes })
    }

    /// Makes the copies that augmentation adds to the rows of a run; `false` where the page ended it.
    pub(super) async fn add_copies(&mut self, run: &RunConfig) -> Result<bool, Problem> {
        while let Some((done, total)) = self.ready()?.prepare_part(run).map_err(|error| error.problem())? {
            post(&FromWorker::ReadProgress { part: Some(ADDED.to_owned()), done, total }, Vec::new());
            if self.is_reading_ended().await {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same for a plan, which waits for nobody: `false` where the page asks for something else meanwhile. What is made by then is
    /// kept for the next time.
    pub(super) async fn add_copies_to_plan(&mut self, run: &RunConfig) -> Result<bool, Problem> {
        while self.ready()?.prepare_part(run).map_err(|error| error.problem())?.is_some() {
            self.macrotask.pass().await;
            if self.mailbox.has_letters() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
