//! Below the plan of a run: the memory that it needs, what would fit where it does not, and what takes less time. In: the estimate
//! of the worker. Out: sentences, with a button for settings that can be set by one press.

use hone_core::plan::{Suggestion, about, describe, memory_in_words};
use leptos::prelude::*;

use crate::components::Button;
use crate::format;
use crate::state::{Store, recipe};

/// What there is to say of the run that could start now; nothing before that is known.
pub(super) fn view(store: Store) -> Option<AnyView> {
    let estimate = store.plan.estimate.get()?;
    let memory = memory_in_words(&estimate, "that a page can have");
    let class = if estimate.fits { "hint" } else { "note" };
    let others = estimate.fitting.iter().chain(&estimate.shorter).map(|other| suggestion(store, other)).collect_view();
    let view = view! {
        <p class=class role="status" data-testid="run-memory">{memory}</p>
        {others}
    };
    Some(view.into_any())
}

fn suggestion(store: Store, other: &Suggestion) -> AnyView {
    let (words, settings) = (describe(other), other.settings.clone());
    let text = match other.secs {
        Some(secs) => format!("{}: {}.", format::sentence(&words), about(secs)),
        None => format!("{}.", format::sentence(&words)),
    };
    let button = (!settings.is_empty()).then(|| {
        let on_press = Callback::new(move |()| {
            store.edit_recipe(None, |draft| {
                for (name, value) in &settings {
                    recipe::set_typed(draft, name, Some(value.clone()));
                }
            });
        });
        view! { <Button text=format!("Set {words}") on_press=on_press /> }.into_any()
    });
    view! { <div class="row"><p class="hint">{text}</p>{button}</div> }.into_any()
}
