//! Changes to the loaded model before a run: other layers, new tokens. They begin at its files as they were loaded, which
//! are kept for that.

use super::SessionError;
use super::model::LoadedModel;
use super::protocol::ModelInfo;
use super::run::{Data, Session};
use crate::checkpoint::{PretrainedModel, reshape};
use crate::config::ModelChanges;

/// What was changed of a loaded model, and what it was before.
pub(super) struct Changed {
    changes: ModelChanges,
    seed: u64,
    notes: Vec<String>,
    original: PretrainedModel,
}

impl LoadedModel {
    /// What was changed of it.
    pub(super) fn changes(&self) -> ModelChanges {
        self.changed.as_ref().map(|changed| changed.changes.clone()).unwrap_or_default()
    }

    /// The model as it was loaded.
    fn original(&self) -> &PretrainedModel {
        self.changed.as_ref().map_or(&self.pretrained, |changed| &changed.original)
    }

    fn into_original(self) -> PretrainedModel {
        self.changed.map_or(self.pretrained, |changed| changed.original)
    }

    /// Whether these changes, with fresh layers of this seed, would give the model as it is.
    fn is_changed_by(&self, changes: &ModelChanges, seed: u64) -> bool {
        let drawn_alike = changes.add_layers == 0 || self.changed.as_ref().is_some_and(|changed| changed.seed == seed);
        self.changes() == *changes && drawn_alike
    }
}

impl Session {
    /// Changes the loaded model, from its files as they were loaded: changes of before do not count any more, and none give
    /// the model back as it was. Rows that were read get the tokens of its tokenizer; an adapter and a run are dropped.
    /// `seed` decides the values of fresh layers.
    ///
    /// Returns what the model is now, with notes on what was done; `None` where it is so already.
    ///
    /// # Errors
    /// When no model is loaded or a change can't be made: all stays as it is. When rows can't be read again: they are gone.
    pub fn change_model(&mut self, changes: &ModelChanges, seed: u64) -> Result<Option<ModelInfo>, SessionError> {
        let model = self.loaded()?;
        if model.is_changed_by(changes, seed) {
            return Ok(None);
        }
        let (pretrained, notes) = match changes.is_empty() {
            true => (model.original().clone(), vec!["the model is again as it was loaded".to_owned()]),
            false => {
                let (folder, notes) = reshape(model.original(), changes, seed)?;
                (PretrainedModel::open(folder)?, notes)
            }
        };
        let (source, task) = (model.source.clone(), model.task);
        self.release_built(); // room for the changed one
        let (mut model, built) = LoadedModel::new(source, pretrained, Some(task), &self.device)?;
        let info = ModelInfo { notes: notes.clone(), ..model.info(&built, None) };
        let before = self.model.take().ok_or(SessionError::NoModel)?;
        if !changes.is_empty() {
            let original = before.into_original();
            model.changed = Some(Changed { changes: changes.clone(), seed, notes, original });
        }
        let data = self.data.take();
        self.model = Some(model);
        self.built = Some(built);
        self.forget_task();
        if let Some(Data { files, read, run, .. }) = data {
            self.load_data(files, &read, &run)?;
        }
        Ok(Some(info))
    }

    /// What was changed of the loaded model, in sentences; nothing where it is as it was loaded.
    #[must_use]
    pub fn change_notes(&self) -> Vec<String> {
        let changed = self.model.as_ref().and_then(|model| model.changed.as_ref());
        changed.map(|changed| changed.notes.clone()).unwrap_or_default()
    }

    /// Draws the fresh layers of a changed model anew where a run has another seed than they were drawn with: the job file
    /// names one.
    pub(super) fn redraw_changes(&mut self, seed: u64) -> Result<(), SessionError> {
        let changes = self.model.as_ref().map(LoadedModel::changes).unwrap_or_default();
        if changes.is_empty() { Ok(()) } else { self.change_model(&changes, seed).map(drop) }
    }
}
