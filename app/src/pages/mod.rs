//! The seven steps as they are drawn, whatever the task; its own parts come from `tasks`. Pages read the [`Store`] and
//! hand values and callbacks to components.

pub(crate) mod ask;
pub(crate) mod data;
pub(crate) mod data_controls;
pub(crate) mod data_report;
pub(crate) mod evaluate;
mod export;
pub(crate) mod frame;
pub(crate) mod label_columns;
mod model;
mod model_changes;
pub(crate) mod of_run;
mod parts;
mod recipe;
mod train;
mod weights_question;

use hone_core::task::Task;
use leptos::prelude::*;

use crate::state::{Step, Store};
use crate::tasks;

/// The page of a step, for the task of the model, of the rows, or of a run's several tasks. Another task draws it anew; not so the page on which
/// models are loaded, which is the same for all.
pub(crate) fn page(store: Store, step: Step) -> AnyView {
    let task = match step {
        Step::Model => Task::default(),
        Step::Data => store.data.task.get(),
        Step::Evaluate | Step::Try | Step::Export => store.shown_task(),
        _ => store.model.task.get(),
    };
    match step {
        Step::Model => model::page(store),
        Step::Data => data::page(store, task),
        Step::Recipe => recipe::page(store, task),
        Step::Train => train::page(store, task),
        Step::Evaluate => evaluate::page(store),
        Step::Try => (tasks::of(task).try_it)(store),
        Step::Export => export::page(store, task),
    }
}
