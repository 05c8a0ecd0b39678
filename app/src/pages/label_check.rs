//! What can be learned of labels in seconds, at the step Data: a quick baseline, and a list of rows whose labels may be wrong, which is
//! gone through with keys. The list has the focus as a whole; which key does what is plain, tested natively.

use std::collections::BTreeSet;
use std::sync::Arc;

use hone_core::data::{RowId, RowView};
use hone_core::event::Split;
use hone_core::task::{LabelError, QuickBaseline, QuickFigures, QuickMethod};
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::browser;
use crate::components::{Button, Cell, Extent, Meter, ROW_HEIGHT, table};
use crate::format;
use crate::state::Store;
use crate::state::label_check::{FoundErrors, Learning, id_of};

/// Id of the list.
const ID: &str = "label-errors";

/// Rows that are in view at once.
const ROWS_IN_VIEW: usize = 9;

/// Characters of a row that are drawn, and of a label.
const MAX_CHARS: usize = 200;
const MAX_LABEL_CHARS: usize = 40;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Rows up (negative) or down.
    Move(isize),
    First,
    Last,
    /// The suggested label is taken.
    Accept,
    /// The label stays.
    Keep,
}

fn act_of(key: &str) -> Option<Act> {
    Some(match key {
        "ArrowUp" => Act::Move(-1),
        "ArrowDown" => Act::Move(1),
        "PageUp" => Act::Move(1 - ROWS_IN_VIEW as isize),
        "PageDown" => Act::Move(ROWS_IN_VIEW as isize - 1),
        "Home" => Act::First,
        "End" => Act::Last,
        "Enter" => Act::Accept,
        " " => Act::Keep,
        _ => return None,
    })
}

/// The row that a key leads to.
fn target_of(act: Act, active: usize, count: usize) -> usize {
    let last = count.saturating_sub(1);
    match act {
        Act::Move(by) => active.saturating_add_signed(by).min(last),
        Act::First => 0,
        Act::Last => last,
        Act::Accept | Act::Keep => active.min(last),
    }
}

/// The panel, where the rows have one label each, and the model makes vectors of them or a run learned from them.
pub(super) fn panel(store: Store) -> AnyView {
    let can_learn = Memo::new(move |_| store.can_learn_labels());
    let tells = Memo::new(move |_| store.run_that_tells_labels());
    let is_shown = Memo::new(move |_| can_learn.get() || tells.get().is_some());
    let content = move || is_shown.get().then(|| of_labels(store, can_learn, tells));
    view! { {content} }.into_any()
}

fn of_labels(store: Store, can_learn: Memo<bool>, tells: Memo<Option<u32>>) -> AnyView {
    let learning = store.label_check.learning;
    let cannot = Signal::derive(move || learning.get().is_some() || store.activity().is_some());
    let on_baseline = Callback::new(move |()| store.measure_quick_baseline());
    let on_errors = Callback::new(move |()| store.find_label_errors());
    let on_run = Callback::new(move |()| store.find_label_errors_of_run());
    let on_stop = Callback::new(move |()| store.stop_learning_labels());
    let progress = move || {
        let what = learning.get()?;
        let label = match what {
            Learning::Baseline => "Measuring without training",
            Learning::Errors(_) => "Looking for wrong labels",
        };
        Some(
            view! {
                <Meter label=label share=share(store) text=amount(store) id="label-check-progress" />
                <div class="row"><Button id="stop-label-check" text="Stop" on_press=on_stop /></div>
            }
            .into_any(),
        )
    };
    let before_training = move || {
        can_learn.get().then(|| {
            view! {
                <p class="hint">
                    "In seconds, from the vectors of the model as it was loaded: how far one gets without training, and which labels \
                     the other rows contradict."
                </p>
                <div class="row">
                    <Button id="quick-baseline" text="Quick baseline" waits=cannot on_press=on_baseline />
                    <Button id="find-label-errors" text="Labels that may be wrong" waits=cannot on_press=on_errors />
                </div>
            }
            .into_any()
        })
    };
    let after_training = move || {
        tells.get().map(|run| {
            let hint = format!(
                "By run {run}, which is over: labels of its validation and test rows that it contradicts. It says nothing of the \
                 rows that it learned from."
            );
            view! {
                <p class="hint">{hint}</p>
                <div class="row">
                    <Button
                        id="find-label-errors-of-run"
                        text="Labels that the run contradicts"
                        waits=cannot
                        on_press=on_run
                    />
                </div>
            }
            .into_any()
        })
    };
    // Edits of rows change neither: a list that is made anew would lose the focus.
    let found_baseline = Memo::new(move |_| store.quick_baseline());
    let found_errors = Memo::new(move |_| store.label_errors());
    let baseline = move || found_baseline.get().map(|found| baseline(&found));
    let errors = move || found_errors.get().map(|found| errors(store, &found));
    view! {
        <section class="panel rows" aria-labelledby="label-check-title" data-testid="label-check">
            <h3 id="label-check-title">{move || if tells.get().is_some() { "Wrong labels" } else { "Before any training" }}</h3>
            {before_training}
            {after_training}
            {progress}
            {baseline}
            {errors}
        </section>
    }
    .into_any()
}

/// How far the vectors are.
fn share(store: Store) -> Signal<Option<f64>> {
    let progress = store.measuring_progress;
    Signal::derive(move || {
        let (done, total) = progress.get();
        (total > 0 && done < total).then(|| done as f64 / total as f64)
    })
}

fn amount(store: Store) -> Signal<String> {
    let progress = store.measuring_progress;
    Signal::derive(move || match progress.get() {
        (_, 0) => String::new(),
        (done, total) if done < total => format!("{} of {}", format::count(done), format::plural(total, "row")),
        _ => "Learning from the vectors".to_owned(),
    })
}

fn baseline(found: &QuickBaseline) -> AnyView {
    let row = |figures: &QuickFigures| {
        let (title, id) = title_of(figures.method);
        let share = |name: &str, value: f64| Cell {
            id: Some(format!("{id}-{name}")),
            raw: Some(value.to_string()),
            ..Cell::number(format::percent(value))
        };
        let secs = Cell::number(format!("{:.1}", figures.elapsed_secs));
        vec![Cell::new("head", title), share("accuracy", figures.accuracy), share("f1", figures.macro_f1), secs]
    };
    let rows = found.methods.iter().map(row).collect();
    view! {
        {table("Quick baseline", "baseline", &["", "Accuracy", "Macro F1", "Seconds"], rows)}
        <p class="hint" role="status" data-testid="baseline-note">{note_on(found)}</p>
    }
    .into_any()
}

/// Title and test id.
fn title_of(method: QuickMethod) -> (&'static str, &'static str) {
    match method {
        QuickMethod::MajorityClass => ("Majority class", "baseline-majority"),
        QuickMethod::Nearest1 => ("Nearest neighbour", "baseline-nearest-1"),
        QuickMethod::Nearest5 => ("5 nearest neighbours", "baseline-nearest-5"),
        QuickMethod::LogisticRegression => ("Logistic regression", "baseline-logistic"),
    }
}

/// On which rows.
fn note_on(found: &QuickBaseline) -> String {
    let part = |shown: usize, all: usize| match shown == all {
        true => format::count(all),
        false => format!("{} of {}", format::count(shown), format::count(all)),
    };
    let (rows, examples) = (part(found.num_rows, found.num_of_split), part(found.num_examples, found.num_train));
    let measured = match (found.num_folds, found.split) {
        (Some(folds), _) => format!("{rows} training rows, each told by those of the other folds of {folds}"),
        (None, Split::Test) => format!("{rows} test rows, told by {examples} training rows"),
        (None, _) => format!("{rows} validation rows, told by {examples} training rows"),
    };
    format!("On {measured}. The vectors took {:.1} s. Training should do better.", found.vectors_secs)
}

fn errors(store: Store, errors: &Arc<FoundErrors>) -> AnyView {
    let notes = errors.found.notes.iter().map(|note| view! { <p class="hint">{format::sentence(note)}</p> }.into_any());
    let notes = notes.collect_view();
    let list = (!errors.shown.is_empty()).then(|| list(store, errors));
    view! {
        <p role="status" data-testid="label-errors-count" data-value=errors.found.errors.len().to_string()>
            {counted(errors)}
        </p>
        {notes}
        {list}
    }
    .into_any()
}

fn counted(errors: &FoundErrors) -> String {
    let (found, shown) = (errors.found.errors.len(), errors.shown.len());
    let rows = format::plural(errors.found.num_rows, "row");
    let (rows, by) = match errors.by_run {
        Some(run) => (format!("{rows} that run {run} did not learn from"), format!("run {run}")),
        None => (rows, "the others".to_owned()),
    };
    let these = match found == shown {
        true => String::new(),
        false => format!(" The first {} are shown.", format::count(shown)),
    };
    match found {
        0 => format!("No label of {rows} is contradicted by {by}."),
        1 => format!("1 label of {rows} may be wrong."),
        found => format!("{} labels of {rows} may be wrong, the likeliest first.{these}", format::count(found)),
    }
}

fn list(store: Store, errors: &Arc<FoundErrors>) -> AnyView {
    let active = store.label_check.active;
    let count = errors.shown.len();
    let of_accepted = Arc::clone(errors);
    let accepted = Memo::new(move |_| store.accepted_labels(&of_accepted));
    let can_accept = errors.shown.iter().any(|(_, view)| view.is_some());
    let show_active = move || {
        let Some((top, height)) = browser::scrolled(ID) else { return };
        let extent = Extent { total: count, viewport: height };
        browser::scroll_to(ID, extent.scroll_to(active.get_untracked(), top).round() as i32);
    };
    let act = move |act: Act| {
        match act {
            Act::Accept => store.accept_label(),
            Act::Keep => store.keep_label(),
            act => {
                store.label_check.refused.set(None);
                active.update(|active| *active = target_of(act, *active, count));
            }
        }
        show_active();
    };
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        if let Some(asked) = act_of(&event.key()) {
            event.prevent_default();
            act(asked);
        }
    };
    let cannot = Signal::derive(move || !can_accept || !store.can_edit_rows());
    let on_accept = Callback::new(move |()| act(Act::Accept));
    let on_keep = Callback::new(move |()| act(Act::Keep));
    let refused = move || {
        let note = store.label_check.refused.get()?;
        Some(view! { <p class="note" role="status" data-testid="label-refused">{note}</p> }.into_any())
    };
    let one = |(index, (error, view)): (usize, &(LabelError, Option<RowView>))| {
        row(store, index, error, view.as_ref(), accepted)
    };
    let rows = errors.shown.iter().enumerate().map(one).collect_view();
    let height = format!("{}px", (count.min(ROWS_IN_VIEW) as f64 * ROW_HEIGHT) as usize + 2);
    let active_id = move || format!("label-error-{}", active.get());
    let keys = match can_accept {
        true => {
            "Arrow keys move, Enter takes the suggested label, Space keeps the one that is there. Undo takes a label back."
        }
        false => "Arrow keys move, Space notes that a label is right. Labels of these rows are changed in their file.",
    };
    view! {
        <p class="hint" id="label-errors-keys">{keys}</p>
        <div
            class="rows-grid"
            id=ID
            data-testid=ID
            role="listbox"
            tabindex="0"
            aria-label="Labels that may be wrong"
            aria-describedby="label-errors-keys"
            aria-activedescendant=active_id
            style:height=height
            on:keydown=on_key
        >
            {rows}
        </div>
        {refused}
        <div class="row">
            <Button id="accept-label" text="Take the suggested label" waits=cannot on_press=on_accept />
            <Button id="keep-label" text="Keep the label" on_press=on_keep />
        </div>
    }
    .into_any()
}

fn row(
    store: Store,
    index: usize,
    error: &LabelError,
    view: Option<&RowView>,
    accepted: Memo<BTreeSet<RowId>>,
) -> AnyView {
    let check = store.label_check;
    let id = id_of(error);
    let is_active = move || check.active.get() == index;
    let decision = move || match (accepted.with(|ids| ids.contains(&id)), check.kept.with(|ids| ids.contains(&id))) {
        (true, _) => "new label",
        (false, true) => "kept",
        (false, false) => "",
    };
    let label = |label: &str| format::shortened(label, MAX_LABEL_CHARS);
    let labels = format!("{} → {}", label(&error.label), label(&error.suggested));
    let on_click = move |_| check.active.set(index);
    view! {
        <div
            role="option"
            class="rows-row"
            class:active=is_active
            id=format!("label-error-{index}")
            data-testid="label-error"
            data-row=error.row.to_string()
            aria-selected=move || if is_active() { "true" } else { "false" }
            on:click=on_click
        >
            <div class="rows-cell narrow">{format::count(error.row)}</div>
            <div class="rows-cell">{words_of(error, view)}</div>
            <div class="rows-cell">{labels}</div>
            <div class="rows-cell narrow">{format::percent(error.confidence)}</div>
            <div class="rows-cell state" data-testid="label-decision">{decision}</div>
        </div>
    }
    .into_any()
}

/// What a row says: its cells but for the label; of images only the split.
fn words_of(error: &LabelError, view: Option<&RowView>) -> String {
    let Some(view) = view else { return format!("{} row", error.split.words()) };
    let words: Vec<&str> = view.cells.iter().map(String::as_str).filter(|cell| *cell != error.label).collect();
    format::shortened(&words.join(" | "), MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use hone_core::task::LabelErrors;

    use super::*;

    #[test]
    fn keys_take_keep_and_move_within_the_list() {
        assert_eq!([act_of("Enter"), act_of(" "), act_of("x")], [Some(Act::Accept), Some(Act::Keep), None]);
        let page = act_of("PageDown").expect("it moves");
        assert_eq!([target_of(page, 0, 20), target_of(page, 15, 20), target_of(Act::Move(-1), 0, 20)], [8, 19, 0]);
        assert_eq!([target_of(Act::Last, 0, 20), target_of(Act::Last, 0, 0), target_of(Act::Keep, 7, 3)], [19, 0, 2]);
    }

    #[test]
    fn it_is_said_what_tells_that_labels_are_wrong() {
        let found = LabelErrors { num_rows: 40, num_folds: None, num_estimated: 0, errors: vec![], notes: vec![] };
        let of_run = FoundErrors { found, by_run: Some(2), shown: vec![] };
        let expected = "No label of 40 rows that run 2 did not learn from is contradicted by run 2.";
        assert_eq!(counted(&of_run), expected);
        let by_others = FoundErrors { by_run: None, ..of_run };
        assert_eq!(counted(&by_others), "No label of 40 rows is contradicted by the others.");
    }

    #[test]
    fn it_is_said_on_which_rows_the_baseline_is() {
        let found = QuickBaseline {
            split: Split::Valid,
            num_folds: None,
            num_rows: 120,
            num_of_split: 120,
            num_examples: 4000,
            num_train: 5000,
            vectors_secs: 2.0,
            methods: Vec::new(),
        };
        let expected = "On 120 validation rows, told by 4,000 of 5,000 training rows. The vectors took 2.0 s. \
                        Training should do better.";
        assert_eq!(note_on(&found), expected);
        let in_folds = QuickBaseline { split: Split::Train, num_folds: Some(5), ..found };
        assert!(note_on(&in_folds).starts_with("On 120 training rows, each told by those of the other folds of 5."));
    }
}
