//! Where the browser keeps models and runs, and what makes room there: each model that is kept can be deleted, and where room is
//! short each run, too, right beside what says so.

use hone_core::session::protocol::{CachedModel, SavedRun};
use leptos::prelude::*;

use super::delete::delete;
use super::saved::can_delete;
use crate::browser;
use crate::components::framed;
use crate::format;
use crate::state::Store;
use crate::state::room::{models_words, place_words};
use crate::state::saved::ago;

/// Runs that are offered to be deleted where room is short: those that take the most.
const MAX_RUNS: usize = 5;

/// The panel; unfolded while room is short.
pub(super) fn panel(store: Store, is_short: Signal<bool>) -> AnyView {
    // What is asked about, whether it is to go for good.
    let asked: RwSignal<Option<String>> = RwSignal::new(None);
    Effect::new(move |_| {
        store.model.info.track();
        store.kept.runs.track();
        store.list_models();
    });
    let models = store.projects.models;
    let title = move || models.with(|kept| models_words(kept.as_ref().map_or(&[][..], |kept| kept.models.as_slice())));
    let place = move || models.with(|kept| kept.as_ref().map(|kept| place_words(kept.place)));
    let unread = move || {
        let reason = models.with(|kept| kept.as_ref()?.unread_reason.clone())?;
        Some(view! { <p class="note">{format!("Not all models that are kept can be read: {reason}.")}</p> })
    };
    view! {
        <details class="panel" data-testid="kept-models" prop:open=move || is_short.get()>
            <summary>{title}</summary>
            <p class="hint" data-testid="storage-place">{place}</p>
            {unread}
            {move || models_table(store, asked)}
            {move || is_short.get().then(|| runs_list(store, asked))}
        </details>
    }
    .into_any()
}

fn models_table(store: Store, asked: RwSignal<Option<String>>) -> Option<AnyView> {
    let models = store.projects.models.with(|kept| kept.as_ref().map(|kept| kept.models.clone()))?;
    if models.is_empty() {
        return None;
    }
    let heads = ["Model", "Size", "Last loaded", ""];
    let heads = heads
        .into_iter()
        .map(|name| match name {
            "" => view! { <td></td> }.into_any(),
            name => view! { <th scope="col">{name}</th> }.into_any(),
        })
        .collect();
    let rows = models.iter().enumerate().map(|(index, model)| model_row(store, index + 1, model, asked)).collect_view();
    Some(framed("Models that are kept", "models", heads, rows.into_any()))
}

fn model_row(store: Store, number: usize, model: &CachedModel, asked: RwSignal<Option<String>>) -> AnyView {
    let CachedModel { address, id, revision, bytes, used_ms, is_whole, is_loaded } = model.clone();
    let num_runs = store.kept.runs.with(|kept| kept.runs.iter().filter(|run| run.model.name() == id).count());
    let notes = [
        is_loaded.then(|| "loaded now".to_owned()),
        (!is_whole).then(|| "a download that was cut off".to_owned()),
        (num_runs > 0).then(|| {
            let runs = format::plural(num_runs, "run");
            format!("{runs} began with it: to open one it is downloaded again")
        }),
    ];
    let notes = notes.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let used = used_ms.map_or_else(|| "not known".to_owned(), |used_ms| ago(browser::now_ms() - used_ms));
    let name = if revision == "main" { id.clone() } else { format!("{id}@{revision}") };
    let disabled = Signal::derive(move || is_loaded || !can_delete(store));
    let key = format!("{address}/{name}");
    let on_delete = Callback::new(move |()| store.drop_model(address.clone(), id.clone(), revision.clone()));
    let delete = delete(format!("model-{number}"), "Delete", key, asked, disabled, on_delete);
    view! {
        <tr data-testid=format!("kept-model-{number}")>
            <th scope="row">{name} <p class="hint">{notes}</p></th>
            <td class="number">{format::bytes(bytes as f64)}</td>
            <td class="text">{used}</td>
            <td class="text">
                <div class="row">{delete}</div>
            </td>
        </tr>
    }
    .into_any()
}

/// The runs that take the most room.
fn runs_list(store: Store, asked: RwSignal<Option<String>>) -> Option<AnyView> {
    let mut runs: Vec<SavedRun> = store.kept.runs.with(|kept| kept.runs.clone());
    if runs.is_empty() {
        return None;
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.bytes));
    runs.truncate(MAX_RUNS);
    let row = |run: &SavedRun| {
        let (id, number) = (run.id.clone(), run.number);
        let going_id = id.clone();
        let is_going =
            Memo::new(move |_| store.open_id().as_ref() == Some(&going_id) && store.run.with(|run| run.is_active()));
        let is_elsewhere = move || store.kept.runs.with(|kept| kept.is_elsewhere);
        let disabled = Signal::derive(move || is_elsewhere() || is_going.get() || !can_delete(store));
        let key = format!("run {id}");
        let on_delete = Callback::new(move |()| store.drop_run(id.clone()));
        let delete = delete(format!("large-run-{number}"), "Delete", key, asked, disabled, on_delete);
        let words = format!("Run {number} on {}: {}", run.file, format::bytes(run.bytes as f64));
        view! {
            <li class="row">
                <span>{words}</span>
                {delete}
            </li>
        }
    };
    let rows = runs.iter().map(row).collect_view();
    let view = view! {
        <p>"Runs that take the most:"</p>
        <ul data-testid="large-runs">{rows}</ul>
    };
    Some(view.into_any())
}
