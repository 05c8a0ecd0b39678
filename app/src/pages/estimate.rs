//! Below the plan of a run: the memory that it needs, what would fit where it does not, and what takes less time. In: the estimate
//! of the worker. Out: sentences, each with a button that does it.

use hone_core::plan::{Suggestion, SuggestionKind, about, describe, memory_in_words};
use leptos::prelude::*;

use crate::browser;
use crate::components::Button;
use crate::format;
use crate::state::{Step, Store, recipe};

/// Id of the whole, which takes the focus from a button that goes with what it did.
const ID: &str = "run-estimate";

/// What there is to say of the run that could start now; nothing before that is known, nor while a run goes on.
pub(super) fn panel(store: Store) -> AnyView {
    let is_running = Memo::new(move |_| store.run.with(|run| run.is_active()));
    let content = move || {
        browser::keep_focus(ID, ID);
        if is_running.get() { None } else { view(store) }
    };
    view! {
        <div id=ID class="run-estimate" role="group" aria-label="What the run takes" tabindex="-1">
            {content}
        </div>
    }
    .into_any()
}

fn view(store: Store) -> Option<AnyView> {
    let estimate = store.plan.estimate.get()?;
    let memory = memory_in_words(&estimate, "that a page can have");
    let class = if estimate.fits { "hint" } else { "note" };
    let others = estimate.fitting.iter().chain(&estimate.shorter).filter_map(|other| suggestion(store, other));
    let view = view! {
        <p class=class role="status" data-testid="run-memory">{memory}</p>
        {others.collect_view()}
    };
    Some(view.into_any())
}

/// What could be done instead, with a button that does it; nothing where this page can't.
fn suggestion(store: Store, other: &Suggestion) -> Option<AnyView> {
    let words = describe(other);
    let text = match other.secs {
        Some(secs) => format!("{}: {}.", format::sentence(&words), about(secs)),
        None => format!("{}.", format::sentence(&words)),
    };
    let button = match other.kind {
        SuggestionKind::Settings => {
            let settings = other.settings.clone();
            let on_press = Callback::new(move |()| set(store, &settings));
            Some(view! { <Button text=format!("Set {words}") on_press=on_press /> }.into_any())
        }
        SuggestionKind::HalfOfTheRows => {
            // Not with every event of a run.
            let can_halve = Memo::new(move |_| store.can_halve_rows());
            let waits = Signal::derive(move || !store.can_step());
            let on_press = Callback::new(move |()| store.halve_rows());
            let text = "Leave out half of the rows";
            let button = move || {
                browser::keep_focus(ID, ID);
                can_halve
                    .get()
                    .then(|| view! { <Button id="halve-rows" text=text waits=waits on_press=on_press /> }.into_any())
            };
            Some(view! { {button} }.into_any())
        }
        SuggestionKind::QuickBaseline if !store.can_learn_labels() => return None,
        SuggestionKind::QuickBaseline => {
            let on_press = Callback::new(move |()| {
                store.measure_quick_baseline();
                store.go_to(Step::Data);
            });
            Some(view! { <Button id="baseline-instead" text="Measure it" on_press=on_press /> }.into_any())
        }
    };
    Some(view! { <div class="row"><p class="hint">{text}</p>{button}</div> }.into_any())
}

/// Types settings; all of them are one step.
fn set(store: Store, settings: &[(String, String)]) {
    store.edit_recipe(None, |draft| {
        for (name, value) in settings {
            recipe::set_typed(draft, name, Some(value.clone()));
        }
    });
}
