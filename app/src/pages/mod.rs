//! The seven steps as they are drawn, whatever the task; its own parts come from `tasks`. Pages read the [`Store`] and
//! hand values and callbacks to components.

pub(crate) mod ask;
mod away;
pub(crate) mod data;
pub(crate) mod data_controls;
pub(crate) mod data_report;
mod delete;
mod estimate;
pub(crate) mod evaluate;
mod export;
pub(crate) mod frame;
pub(crate) mod label_columns;
pub(crate) mod later;
mod model;
mod model_changes;
pub(crate) mod of_run;
mod parts;
mod reading;
mod recipe;
mod runs;
mod saved;
mod train;
mod undo;
mod update;
mod weights_question;

use leptos::prelude::*;

use crate::state::{Step, Store};

/// The page of a step. The first, on which models are loaded, is the same for all tasks, and there from the start.
pub(crate) fn page(store: Store, step: Step) -> AnyView {
    match step {
        Step::Model => model::page(store),
        _ => later::page(store, step),
    }
}
