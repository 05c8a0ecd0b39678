//! The seven steps as they are drawn. Pages read the [`Store`](crate::state::Store) and hand values and callbacks to
//! components.

mod data;
mod data_report;
mod evaluate;
mod export;
mod frame;
mod model;
mod recipe;
mod train;
mod try_it;

use leptos::prelude::*;

use crate::state::{Step, Store};

/// The page of a step.
pub(crate) fn page(store: Store, step: Step) -> AnyView {
    match step {
        Step::Model => model::page(store),
        Step::Data => data::page(store),
        Step::Recipe => recipe::page(store),
        Step::Train => train::page(store),
        Step::Evaluate => evaluate::page(store),
        Step::Try => try_it::page(store),
        Step::Export => export::page(store),
    }
}
