//! The seven steps as they are drawn, whatever the task; its own parts come from `tasks`. Pages read the [`Store`] and
//! hand values and callbacks to components.

pub(crate) mod ask;
mod away;
mod batch;
mod big_screen;
mod comparison;
pub(crate) mod data;
pub(crate) mod data_controls;
mod data_findings;
pub(crate) mod data_report;
mod data_sharing;
mod delete;
mod estimate;
pub(crate) mod evaluate;
mod export;
mod few_rows;
pub(crate) mod frame;
mod hub_token;
mod label_check;
pub(crate) mod label_columns;
mod labeling;
pub(crate) mod later;
mod mitigation;
mod model;
mod model_changes;
pub(crate) mod of_run;
mod parts;
mod projects;
mod rates;
pub(crate) mod rating;
mod reading;
mod recipe;
mod rows;
mod runs;
mod saved;
pub(crate) mod side_by_side;
mod slices;
mod storage;
mod sweep;
mod train;
pub(crate) mod undo;
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
