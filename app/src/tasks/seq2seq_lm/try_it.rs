//! Type a text and read what the model turns it into, before training beside after.

use leptos::prelude::*;

use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::{Step, Store};
use crate::tasks::writing::{controls, panels, settings, text};

const LEAD: &str = "Type a text and see what the model turns it into: the original and the trained one, side by side.";

/// Why a text ended that neither the model nor a person nor a setting ended.
const IS_FULL: &str = "It is as long as this model can write.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {text(store, "Text", "6")}
        {settings(store)}
        {controls(store)}
        {panels(store, IS_FULL)}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}
