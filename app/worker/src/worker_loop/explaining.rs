//! The commands that explain an answer: what of a text speaks for it, and which training rows are like the text. Between two parts
//! the page hears how far it is, and can end it.

use hone_core::session::protocol::{FromWorker, NearTo, Problem, Reply, ToExplain};

use super::Worker;
use super::answers::show_progress;
use crate::errors;
use crate::macrotask::Macrotask;
use crate::mailbox::{Mailbox, post};

impl Worker {
    /// Says what each word of a text adds to a score; `Done` where the page ended it.
    pub(super) async fn explain(&mut self, asked: &ToExplain) -> Result<Reply, Problem> {
        self.ready()?;
        let (macrotask, mailbox) = (&self.macrotask, &*self.mailbox);
        let session = self.session.as_mut().ok_or_else(errors::no_model)?;
        let show = async |done: usize, total: usize| goes_on(macrotask, mailbox, done, total).await;
        let found = session.explain(asked, show).await.map_err(|error| error.problem());
        let found = self.trust(found).await?;
        Ok(found.map_or(Reply::Done, |found| Reply::Explained { explanation: Box::new(found) }))
    }

    /// Finds the training rows that are most like a text; `Done` where the page ended it.
    pub(super) async fn find_nearest_rows(&mut self, near: &NearTo) -> Result<Reply, Problem> {
        self.ready()?;
        let (macrotask, mailbox) = (&self.macrotask, &*self.mailbox);
        let session = self.session.as_mut().ok_or_else(errors::no_model)?;
        let show = async |done: usize, total: usize| goes_on(macrotask, mailbox, done, total).await;
        let found = session.nearest_rows(&near.input, near.weights, near.except, show).await;
        let found = self.trust(found.map_err(|error| error.problem())).await?;
        Ok(found.map_or(Reply::Done, |found| Reply::NearestRows { found: Box::new(found) }))
    }
}

/// Shows how far it is, lets messages in, and says whether to go on.
pub(super) async fn goes_on(macrotask: &Macrotask, mailbox: &Mailbox, done: usize, total: usize) -> bool {
    show_progress(done, total);
    macrotask.pass().await;
    let Some(cancel) = mailbox.take_cancel() else { return true };
    post(&FromWorker::Reply { id: cancel, result: Ok(Reply::Done) }, Vec::new());
    false
}
