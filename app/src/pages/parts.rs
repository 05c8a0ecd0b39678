//! Several tasks on the page: those that are learned beside the rows of the step Data, what a run of all of them will do, and
//! which task of a run is looked at.

use hone_core::config::RunConfig;
use hone_core::data::rows_an_epoch;
use leptos::prelude::*;

use super::data::busy;
use crate::components::{Button, TextInput, select};
use crate::format;
use crate::state::several::{rows_words, steps_an_epoch};
use crate::state::{Step, Store};

const KEEP_HINT: &str =
    "These rows are kept, and you choose another file, with a task of its own: one model learns both.";
const LEAD: &str = "One model learns all of these, with a head for each. Figures are called after the names, and the zip has a \
                    folder for each name.";

/// The tasks that are learned at once, and the button that adds one.
pub(super) fn parts(store: Store) -> AnyView {
    // Built anew when a task comes or goes, not while its name is typed.
    let ids = Memo::new(move |_| store.parts.kept.with(|kept| kept.iter().map(|part| part.id).collect::<Vec<_>>()));
    let list = move || {
        let ids = ids.get();
        (!ids.is_empty()).then(|| panel(store, &ids))
    };
    let can_keep = Memo::new(move |_| store.can_keep_part());
    let busy = busy(store);
    let keep = move || {
        can_keep.get().then(|| {
            let on_press = Callback::new(move |()| store.keep_part());
            view! {
                <div class="row">
                    <Button id="keep-part" text="Learn another task too" disabled=busy on_press=on_press />
                    <p class="hint">{KEEP_HINT}</p>
                </div>
            }
            .into_any()
        })
    };
    view! {
        {list}
        {keep}
    }
    .into_any()
}

fn panel(store: Store, ids: &[u32]) -> AnyView {
    let own = {
        let name = Signal::derive(move || store.own_part_name());
        let words = Signal::derive(move || {
            let rows = store.data.report.with(|report| report.as_deref().map(rows_words));
            let rows = rows.unwrap_or_else(|| "its rows are not read yet".into());
            format!("{}: {rows}", store.data.task.get().spec().title)
        });
        let on_name = Callback::new(move |name| store.name_own_part(name));
        let on_remove = Callback::new(move |()| store.remove_own_part());
        part(store, "own".into(), name, words, on_name, on_remove)
    };
    let kept = ids.iter().map(|&id| {
        let name = Signal::derive(move || store.parts.name_of(id));
        let words = store.parts.kept.with_untracked(|kept| {
            let part = kept.iter().find(|part| part.id == id);
            part.map(|part| format!("{}: {}", part.task.spec().title, rows_words(&part.report))).unwrap_or_default()
        });
        let on_name = Callback::new(move |name| store.name_part(id, name));
        let on_remove = Callback::new(move |()| store.remove_part(id));
        part(store, id.to_string(), name, Signal::stored(words), on_name, on_remove)
    });
    let kept = kept.collect_view();
    view! {
        <div class="panel" data-testid="parts">
            <h3>"Tasks that are learned at once"</h3>
            <p class="hint">{LEAD}</p>
            <ul class="parts">{own} {kept}</ul>
            {parts_problem(store)}
        </div>
    }
    .into_any()
}

/// A task of the list; `id` ends the test ids of its controls.
fn part(
    store: Store,
    id: String,
    name: Signal<String>,
    words: Signal<String>,
    on_name: Callback<String>,
    on_remove: Callback<()>,
) -> AnyView {
    let busy = busy(store);
    view! {
        <li class="part">
            <TextInput id=format!("part-name-{id}") label="Name" value=name disabled=busy on_input=on_name />
            <p>{move || words.get()}</p>
            <button
                type="button"
                class="button"
                data-testid=format!("remove-part-{id}")
                aria-label=move || format!("Remove {}", name.get())
                disabled=move || busy.get()
                on:click=move |_| on_remove.run(())
            >
                "Remove"
            </button>
        </li>
    }
    .into_any()
}

/// Why the tasks can't be learned at once.
pub(super) fn parts_problem(store: Store) -> AnyView {
    let problem = move || {
        let text = store.parts_problem()?;
        Some(view! { <p class="warnings" role="status" data-testid="parts-problem">{text}</p> }.into_any())
    };
    view! { {problem} }.into_any()
}

/// The choice of the task whose figures, answers and files are shown: after a run of several, and where they were measured
/// before one.
pub(super) fn choice(store: Store, step: Step) -> Option<AnyView> {
    let (parts, shown) = match step {
        Step::Evaluate => (store.measured_parts, store.measured_part),
        _ => (store.run_parts, store.shown_part),
    };
    let view = move || {
        let shown = shown.get()?;
        let option = |(name, title): (String, &str)| (name.clone(), format!("{name} ({title})"));
        let parts = parts.get().into_iter().map(|part| (part.name, part.task.spec().title));
        let options = parts.map(option).collect();
        let on_choose = Callback::new(move |name| store.show_part(name));
        let asks: Signal<bool> = store.predicting.into();
        let choice = select("Task", "shown-part", options, &shown.name, asks, on_choose);
        Some(view! { <div class="fields">{choice}</div> }.into_any())
    };
    let is_of_run = matches!(step, Step::Evaluate | Step::Try | Step::Export);
    is_of_run.then(|| view! { {view} }.into_any())
}

/// What a run of several tasks will do.
pub(super) fn plan_text(store: Store, run: &RunConfig) -> String {
    let (names, sizes): (Vec<String>, Vec<usize>) = store.sizes_of_parts().into_iter().unzip();
    let of_epoch = rows_an_epoch(&sizes, run.task_temperature);
    let part = |((name, &size), of_epoch): ((&String, &usize), usize)| {
        let rows = format!("{name} {}", format::plural(size, "row"));
        if of_epoch == size { rows } else { format!("{rows} ({} an epoch)", format::count(of_epoch)) }
    };
    let rows: Vec<String> = names.iter().zip(&sizes).zip(of_epoch).map(part).collect();
    let steps = steps_an_epoch(run, &sizes);
    // Numbers of steps are far below the range of usize.
    let in_words = |count: u64| format::plural(count as usize, "step");
    format!(
        "{} at once, to train on: {}. {} of one task in a batch: about {} an epoch, {}, {} in all. How long a step takes on \
         this device is measured when the run starts.",
        format::plural(names.len(), "task"),
        rows.join(", "),
        format::plural(run.batch_size as usize, "row"),
        in_words(steps),
        format::plural(run.num_train_epochs as usize, "epoch"),
        in_words(steps * u64::from(run.num_train_epochs)),
    )
}
