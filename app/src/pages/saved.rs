//! What is said of the run that was saved last in the browser's storage, with what can be done with it: above every step, and at
//! the step Train where it is the one that failed there. All runs that are kept stand in the table of `runs`.

use hone_core::session::protocol::SavedRun;
use leptos::prelude::*;

use super::delete::delete;
use super::reading::amount;
use crate::browser;
use crate::components::Button;
use crate::format;
use crate::state::run::Status;
use crate::state::saved::{ELSEWHERE, SAVED_ID, describe, offered};
use crate::state::{Step, Store, WorkerStatus};
use crate::tasks;

/// The run that was saved last, where there is one that the step itself says nothing of.
pub(super) fn banner(store: Store) -> AnyView {
    let go_on_from = step_to_go_on_from(store);
    let shown = Memo::new(move |_| {
        let is_at_its_step = store.step.get() == Step::Train && go_on_from.get().is_some();
        // A run of another project is offered in that.
        let mut kept = store.kept.runs.with(|kept| kept.runs.clone());
        kept.retain(|run| store.projects.has_run(&run.id));
        let offered = store.run.with(|run| offered(&kept, run));
        offered.filter(|_| !is_at_its_step)
    });
    view! { {move || shown.get().map(|saved| of_run(store, &saved))} }.into_any()
}

/// Step from which the run that failed on this page can go on; `None` where it did not fail, or is not kept.
pub(super) fn step_to_go_on_from(store: Store) -> Memo<Option<u32>> {
    Memo::new(move |_| {
        let has_failed = store.run.with(|run| run.status == Status::Failed && run.checkpoint_step.is_some());
        let is_elsewhere = store.kept.runs.with(|kept| kept.is_elsewhere);
        store.last_kept().filter(|_| has_failed && !is_elsewhere).map(|saved| saved.step)
    })
}

/// The button that goes on with the run that failed.
pub(super) fn go_on(store: Store, step: u32) -> AnyView {
    let text = format!("Go on from step {}", format::count(step as usize));
    let on_press = Callback::new(move |()| {
        if let Some(saved) = untrack(|| store.last_kept()) {
            store.open_run(saved.id);
        }
    });
    open_button(store, text, on_press)
}

fn open_button(store: Store, text: String, on_press: Callback<()>) -> AnyView {
    let text = Signal::derive(move || if store.kept.opening.get() { "Opening…".to_owned() } else { text.clone() });
    let disabled = Signal::derive(move || !store.kept.opening.get() && !can_open(store));
    view! {
        <Button
            id="open-run"
            text=text
            is_primary=true
            disabled=disabled
            waits=store.kept.opening.into()
            on_press=on_press
        />
    }
    .into_any()
}

/// Nothing else goes on, or all of it has stopped.
pub(super) fn can_open(store: Store) -> bool {
    let is_free = || store.device.with(Option::is_some) && store.activity().is_none();
    store.worker.get() == WorkerStatus::Dead || is_free()
}

/// Whether a run can be deleted now.
pub(super) fn can_delete(store: Store) -> bool {
    store.worker.get() == WorkerStatus::Ready && !store.kept.opening.get()
}

fn of_run(store: Store, saved: &SavedRun) -> AnyView {
    let counts_bytes = tasks::of(saved.task).counts_bytes;
    let progress = move || {
        store.kept.opening.get().then(|| match amount(store.data.progress.get(), counts_bytes) {
            read if read.is_empty() => "Its model is being loaded.".to_owned(),
            read => format!("Its rows are being read: {read}."),
        })
    };
    let text = if saved.is_finished { "Open" } else { "Go on" };
    let is_elsewhere = store.kept.runs.with(|kept| kept.is_elsewhere);
    let words = if is_elsewhere { ELSEWHERE.to_owned() } else { describe(saved, browser::now_ms()) };
    let buttons = (!is_elsewhere).then(|| {
        let id = saved.id.clone();
        let on_open = Callback::new(move |()| store.open_run(id.clone()));
        let id = saved.id.clone();
        let (key, asked, disabled) = (id.clone(), RwSignal::new(None), Signal::derive(move || !can_delete(store)));
        let on_delete = Callback::new(move |()| store.drop_run(id.clone()));
        let delete = delete("run".into(), "Delete", key, asked, disabled, on_delete);
        view! { <div class="row">{open_button(store, text.into(), on_open)} {delete}</div> }
    });
    view! {
        <div class="banner" id=SAVED_ID data-testid="saved-run">
            <div>
                <p role="status">{words}</p>
                <p class="hint">{progress}</p>
            </div>
            {buttons}
        </div>
    }
    .into_any()
}
