//! What augmentation makes of training texts, asked of the worker, which has the rows; and copies that the loaded model makes, which
//! are kept with the way in which rows are read: a step that can be undone.

use hone_core::config::{CopyMethod, MadeCopies};
use hone_core::session::protocol::{Command, Problem, Reply, Weights};
use hone_core::task::AugmentationPreview;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Step, Store, unexpected};
use crate::browser::FileIdentity;

/// Signals of copies that the model makes.
#[derive(Clone, Copy)]
pub(crate) struct CopiesState {
    /// They are being made.
    pub is_going: RwSignal<bool>,
    /// Those that were made last, with what was left out.
    made: RwSignal<Option<(MadeCopies, Vec<String>)>>,
}

impl CopiesState {
    pub(super) fn new() -> Self {
        Self { is_going: RwSignal::new(false), made: RwSignal::new(None) }
    }
}

impl Store {
    /// So many training rows before and after the augmentation of the recipe, from the `first` on of those that have copies; `None`
    /// where the worker has no rows that are augmented.
    pub(crate) async fn augmented_texts(
        self,
        first: usize,
        count: usize,
    ) -> Result<Option<AugmentationPreview>, Problem> {
        let run = self.run_to_read_for();
        match self.request(Command::PreviewAugmentedTexts { first, count, run }, Vec::new()).await? {
            (Reply::AugmentedTexts { preview }, _) => Ok(preview.map(|preview| *preview)),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Has the loaded model make copies of the training rows, in the place of those that there are.
    pub(crate) fn make_copies(self, method: CopyMethod, num_copies: u32) {
        let copies = self.copies;
        if copies.is_going.get_untracked() || untrack(|| self.activity()).is_some() {
            return;
        }
        let mut run = self.run_to_read_for();
        run.augmentation.augment_copies = num_copies;
        let file = untrack(|| self.training_file());
        self.dismiss(Step::Recipe);
        copies.is_going.set(true);
        spawn_local(async move {
            let command = Command::MakeCopies { method, run };
            let answer = self.ask_to_measure(Weights::Base, command, Vec::new()).await;
            copies.is_going.set(false);
            match answer {
                Ok((Reply::CopiesMade { .. }, _)) if file != untrack(|| self.training_file()) => {
                    let said = "Copies were made of rows of the file before; they are dropped with it.";
                    self.data.note.set(Some(said.into()));
                }
                Ok((Reply::CopiesMade { made, notes }, _)) => {
                    let before = self.data.read.with_untracked(|read| read.copies.clone());
                    // Those that there are do not give way to none.
                    let made = if made.is_empty() && !before.is_empty() { before } else { *made };
                    copies.made.set(Some((made.clone(), notes)));
                    self.take_copies(made);
                }
                Ok((other, _)) => self.report(Step::Recipe, unexpected(&other)),
                Err(problem) => self.report(Step::Recipe, problem),
            }
        });
    }

    /// Ends it; what was made until then is kept.
    pub(crate) fn stop_making_copies(self) {
        self.client().send(Command::CancelReading, Vec::new(), |_| {});
    }

    /// Trains on the rows alone.
    pub(crate) fn drop_copies(self) {
        self.copies.made.set(None);
        self.take_copies(MadeCopies::default());
    }

    /// What was left out of the copies that there are, a sentence each without capital and full stop.
    pub(crate) fn notes_on_copies(self) -> Vec<String> {
        let is_kept = |made: &MadeCopies| self.data.read.with(|read| read.copies == *made);
        let notes = self.copies.made.get().filter(|(made, _)| is_kept(made)).map(|(_, notes)| notes);
        notes.unwrap_or_default()
    }

    fn training_file(self) -> Option<FileIdentity> {
        let [train, ..] = self.data.identities();
        train
    }

    fn take_copies(self, made: MadeCopies) {
        if self.data.read.with_untracked(|read| read.copies != made) {
            self.reread_data(|read| read.copies = made);
        }
    }
}
