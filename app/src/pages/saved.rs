//! What is said of a run that is kept in the browser's storage, with what can be done with it: above every step, and at the step
//! Train where it is the one that failed there.

use hone_core::session::protocol::SavedRun;
use leptos::prelude::*;

use super::reading::amount;
use crate::browser;
use crate::components::Button;
use crate::format;
use crate::state::run::Status;
use crate::state::saved::{SAVED_ID, describe, offered};
use crate::state::{Step, Store, WorkerStatus};
use crate::tasks;

/// The kept run, where there is one that the step itself says nothing of.
pub(super) fn banner(store: Store) -> AnyView {
    let go_on_from = step_to_go_on_from(store);
    let shown = Memo::new(move |_| {
        let is_at_its_step = store.step.get() == Step::Train && go_on_from.get().is_some();
        let has_parts = store.run_parts.with(|parts| !parts.is_empty());
        let saved = if is_at_its_step { None } else { store.saved.get() };
        store.run.with(|run| offered(saved, run, has_parts))
    });
    view! { {move || shown.get().map(|saved| of_run(store, &saved))} }.into_any()
}

/// Step from which the run that failed on this page can go on; `None` where it did not fail, or is not kept.
pub(super) fn step_to_go_on_from(store: Store) -> Memo<Option<u32>> {
    Memo::new(move |_| {
        let has_failed = store.run.with(|run| run.status == Status::Failed && run.checkpoint_step.is_some());
        store
            .saved
            .with(|saved| saved.as_ref().filter(|saved| has_failed && !saved.is_elsewhere).map(|saved| saved.step))
    })
}

/// The button that goes on with the run that failed.
pub(super) fn go_on(store: Store, step: u32) -> AnyView {
    open_button(store, format!("Go on from step {}", format::count(step as usize)))
}

fn open_button(store: Store, text: String) -> AnyView {
    let text = Signal::derive(move || if store.opening.get() { "Opening…".to_owned() } else { text.clone() });
    let disabled = Signal::derive(move || !store.opening.get() && !can_open(store));
    let on_press = Callback::new(move |()| store.open_run());
    view! {
        <Button
            id="open-run"
            text=text
            is_primary=true
            disabled=disabled
            waits=store.opening.into()
            on_press=on_press
        />
    }
    .into_any()
}

/// Nothing else goes on, or all of it has stopped.
fn can_open(store: Store) -> bool {
    let is_free = || store.device.with(Option::is_some) && store.activity().is_none();
    store.worker.get() == WorkerStatus::Dead || is_free()
}

fn of_run(store: Store, saved: &SavedRun) -> AnyView {
    let counts_bytes = tasks::of(saved.task).counts_bytes;
    let progress = move || {
        store.opening.get().then(|| match amount(store.data.progress.get(), counts_bytes) {
            read if read.is_empty() => "Its model is being loaded.".to_owned(),
            read => format!("Its rows are being read: {read}."),
        })
    };
    let text = if saved.is_finished { "Open" } else { "Go on" };
    let buttons = (!saved.is_elsewhere).then(|| {
        view! { <div class="row">{open_button(store, text.into())} {delete(store)}</div> }
    });
    view! {
        <div class="banner" id=SAVED_ID data-testid="saved-run">
            <div>
                <p role="status">{describe(saved, browser::now_ms())}</p>
                <p class="hint">{progress}</p>
            </div>
            {buttons}
        </div>
    }
    .into_any()
}

/// Deletes after a second press, on another button.
fn delete(store: Store) -> AnyView {
    let is_asking = RwSignal::new(false);
    let id = Signal::derive(move || if is_asking.get() { "keep-run" } else { "delete-run" });
    let text = Signal::derive(move || String::from(if is_asking.get() { "Keep it" } else { "Delete" }));
    let disabled = Signal::derive(move || store.worker.get() != WorkerStatus::Ready || store.opening.get());
    let on_ask = Callback::new(move |()| is_asking.update(|is_asking| *is_asking = !*is_asking));
    let on_delete = Callback::new(move |()| store.drop_run());
    let for_good = move || {
        is_asking.get().then(|| {
            view! { <Button id="delete-for-good" text="Delete for good" disabled=disabled on_press=on_delete /> }
        })
    };
    view! { <Button id=id text=text disabled=disabled on_press=on_ask /> {for_good} }.into_any()
}
