//! The seven steps as they are drawn. Pages read the [`Store`] and hand values and callbacks to
//! components.

mod data;
mod data_controls;
mod data_report;
mod evaluate;
mod evaluate_texts;
mod export;
mod frame;
mod model;
mod of_run;
mod recipe;
mod texts_report;
mod train;
mod try_it;
mod weights_question;
mod write;

use hone_core::config::Task;
use leptos::prelude::*;

use crate::state::{Step, Store};

/// The page of a step, for the task of the model, or of the rows. Another task draws it anew; not so the page on which models are
/// loaded, which is the same for all.
pub(crate) fn page(store: Store, step: Step) -> AnyView {
    let task = match step {
        Step::Model => Task::default(),
        Step::Data => store.data.task.get(),
        _ => store.model.task.get(),
    };
    match (step, task) {
        (Step::Model, _) => model::page(store),
        (Step::Data, task) => data::page(store, task),
        (Step::Recipe, task) => recipe::page(store, task),
        (Step::Train, task) => train::page(store, task),
        (Step::Evaluate, task) => evaluate::page(store, task),
        (Step::Try, Task::SequenceClassification) => try_it::page(store),
        (Step::Try, Task::CausalLm) => write::page(store),
        (Step::Export, task) => export::page(store, task),
    }
}
