//! On the step Evaluate: in which rows the model is worse than in the others, and whether its answers hang on words that should make
//! no difference. A press on a slice shows its wrong rows alone.

use std::collections::HashSet;
use std::sync::Arc;

use hone_core::metrics::SliceResult;
use hone_core::task::{SwapReport, can_slice, can_swap};
use leptos::prelude::*;

use super::batch::progress;
use super::evaluate::cannot_measure;
use super::mitigation;
use crate::components::{Button, Cell, select, sortable_table, text_area};
use crate::format;
use crate::state::Store;
use crate::state::batch::{ChosenSlice, Going, Sliced};
use crate::state::evaluation::Measured;

/// What stands for all columns in the list of them.
const ALL: &str = "";
/// Characters of a value that are shown.
const MAX_VALUE: usize = 60;
/// Characters of a text that are shown.
const MAX_TEXT: usize = 160;
/// Changed answers that are shown.
const MAX_FLIPPED: usize = 50;

/// The panel, where rows of the task are right or wrong as a whole, or a number off.
pub(super) fn panel(store: Store, measured: &Measured) -> Option<AnyView> {
    let task = measured.evaluation.task();
    if !can_slice(task) {
        return None;
    }
    // The list of wrong rows can be that of a slice.
    let has_list = task.spec().gives_one_label();
    // Its rows are places in what was measured before.
    if store.batch.slice.with_untracked(Option::is_some) {
        store.batch.slice.set(None);
    }
    let words = RwSignal::new(String::new());
    let found: RwSignal<Option<Arc<Sliced>>> = RwSignal::new(None);
    let on_words = Callback::new(move |text: String| words.set(text));
    let column = RwSignal::new(ALL.to_owned());
    let on_slice = Callback::new(move |()| {
        column.set(ALL.to_owned());
        store.slice_rows(lines(&words.get_untracked()), found);
    });
    let disabled = cannot_measure(store);
    let slices = move || found.get().map(|found| slices((store, has_list), &found, column));
    Some(
        view! {
            <details class="panel" data-testid="slices">
                <summary>"Slices: where it is worse than elsewhere"</summary>
                <p class="hint">
                    "Rows that have a value in common (of any column with few values), or are about as long, beside all other rows, the \
                     worst first."
                </p>
                {text_area("Also rows with one of these words, one a line", "slice-words", "2", false, words, on_words)}
                <div class="row">
                    <Button id="slice-run" text="Compare slices" disabled=disabled on_press=on_slice />
                </div>
                {slices}
                {can_swap(task).then(|| swaps(store))}
            </details>
        }
        .into_any(),
    )
}

/// What was typed, line by line.
pub(super) fn lines(typed: &str) -> Vec<String> {
    typed.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn slices((store, has_list): (Store, bool), found: &Arc<Sliced>, column: RwSignal<String>) -> AnyView {
    let mut by: Vec<String> = Vec::new();
    for slice in &found.slicing.report.slices {
        if !by.contains(&slice.by) {
            by.push(slice.by.clone());
        }
    }
    let options = std::iter::once((ALL.to_owned(), "All".to_owned())).chain(by.into_iter().map(|by| (by.clone(), by)));
    let on_choose = Callback::new(move |chosen: String| column.set(chosen));
    let chooser = select(
        "Taken apart by",
        "slice-by",
        options.collect(),
        &column.get_untracked(),
        Signal::stored(false),
        on_choose,
    );
    let rows = Arc::clone(found);
    let shown = move || column.with(|column| slices_table((store, has_list), &rows, column));
    let columns = found.columns.clone();
    let even_out =
        move || column.with(|column| if columns.contains(column) { mitigation::even_out(store, column) } else { None });
    let notes = std::iter::once(found.slicing.report.note()).chain(found.slicing.notes.iter().cloned());
    let notes = notes.map(|note| view! { <p class="hint">{format::sentence(&note)}</p> }).collect_view();
    view! {
        <div class="row">{chooser}</div>
        {shown}
        {even_out}
        {notes}
    }
    .into_any()
}

fn slices_table((store, has_list): (Store, bool), found: &Sliced, column: &str) -> AnyView {
    let report = &found.slicing.report;
    let is_share = report.figure == "accuracy";
    let value = |value: f64| if is_share { format::percent(value) } else { format!("{value:.3}") };
    let between = |interval: Option<[f64; 2]>| {
        interval.map_or_else(String::new, |[low, high]| format!("{} to {}", value(low), value(high)))
    };
    let row = |(slice, members): (&SliceResult, &Vec<usize>)| {
        let name = format!("{}: {}", slice.by, format::shortened(&slice.value, MAX_VALUE));
        let chosen =
            ChosenSlice { name: name.clone(), rows: Arc::new(members.iter().copied().collect::<HashSet<_>>()) };
        let on_press = Callback::new(move |()| store.choose_slice(Some(chosen.clone())));
        let press = has_list.then(|| (format!("Show the wrong rows of {name}"), on_press));
        let points = if is_share { 100.0 } else { 1.0 };
        let difference = format::signed(slice.difference * points, if is_share { 1 } else { 3 });
        let worse = if slice.is_worse { "worse" } else { "" };
        vec![
            Cell { press, ..Cell::new("text", name) },
            Cell::number(format::count(slice.slice.num_rows)),
            Cell { raw: Some(slice.slice.value.to_string()), ..Cell::number(value(slice.slice.value)) },
            Cell::new("", between(slice.slice.interval)),
            Cell { raw: Some(slice.rest.value.to_string()), ..Cell::number(value(slice.rest.value)) },
            Cell { raw: Some(slice.difference.to_string()), ..Cell::number(difference) },
            Cell::number(format!("{:.3}", slice.p_corrected)),
            Cell::new("", worse),
        ]
    };
    let slices = report.slices.iter().zip(&found.slicing.members);
    let cells: Vec<Vec<Cell>> = slices.filter(|(slice, _)| column == ALL || slice.by == column).map(row).collect();
    if cells.is_empty() {
        return view! { <p class="note" data-testid="no-slices">"No slice has enough rows to be compared."</p> }
            .into_any();
    }
    let figure = if is_share { "Accuracy" } else { "Mean error" };
    let heads = ["Slice", "Rows", figure, "95 % between", "Rest", "Difference", "p, corrected", "Verdict"];
    sortable_table("Slices", "slices-table", &heads, cells)
}

/// Words that are swapped, and what that does to the answers.
fn swaps(store: Store) -> AnyView {
    let pairs = RwSignal::new("pronouns".to_owned());
    let found: RwSignal<Option<Arc<SwapReport>>> = RwSignal::new(None);
    let on_input = Callback::new(move |text: String| pairs.set(text));
    let on_swap = Callback::new(move |()| store.swap_words(lines(&pairs.get_untracked()), found));
    let disabled = cannot_measure(store);
    let is_going = Memo::new(move |_| store.batch.going.get() == Some(Going::Swapping));
    let meter = move || is_going.get().then(|| progress(store, "Asking with words swapped", "swap-cancel"));
    let report = move || found.get().map(|found| flipped(&found));
    view! {
        <h3>"Words that should make no difference"</h3>
        <p class="hint">
            "Each word takes the place of the other in all texts, both ways at once, as whole words: he=she, John=Mary. \
             “pronouns” is a list of English ones."
        </p>
        {text_area("Pairs to swap, one a line", "swap-pairs", "2", false, pairs, on_input)}
        <div class="row"><Button id="swap-run" text="Swap and ask again" disabled=disabled on_press=on_swap /></div>
        {meter}
        {report}
        {mitigation::train_on_swaps(store, pairs)}
        {mitigation::train_against(store)}
    }
    .into_any()
}

fn flipped(report: &SwapReport) -> AnyView {
    let SwapReport { num_rows, num_swapped, num_flipped, mean_change, flipped } = report;
    if *num_swapped == 0 {
        let text = format!("None of {} has one of these words.", format::plural(*num_rows, "text"));
        return view! { <p class="note" data-testid="swapped">{text}</p> }.into_any();
    }
    let text = format!(
        "{} of {} have such a word; {} of these get another answer ({}). The probability of the first answer changes by {} points on \
         average.",
        format::count(*num_swapped),
        format::plural(*num_rows, "text"),
        format::count(*num_flipped),
        format::percent(*num_flipped as f64 / *num_swapped as f64),
        format::signed(mean_change * 100.0, 1).trim_start_matches('+')
    );
    let cells = flipped.iter().take(MAX_FLIPPED).map(|row| {
        let [before, after] = row.labels.each_ref();
        let [was, is] = row.probabilities.map(|share| format::percent(f64::from(share)));
        vec![
            Cell::new("", before.clone()),
            Cell::new("", after.clone()),
            Cell::number(was),
            Cell::number(is),
            Cell::new("text", format::shortened(&row.swapped, MAX_TEXT)),
        ]
    });
    let heads = ["Answer", "With words swapped", "Probability", "After", "Text with words swapped"];
    let list =
        (!flipped.is_empty()).then(|| sortable_table("Answers that change", "swapped-rows", &heads, cells.collect()));
    let hidden = num_flipped.saturating_sub(MAX_FLIPPED);
    let hidden = (hidden > 0).then(|| format!("Not shown: {} more, of smaller changes.", format::count(hidden)));
    view! {
        <p data-testid="swapped">{text}</p>
        {list}
        <p class="hint">{hidden}</p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn words_are_typed_a_line_each() {
        assert_eq!(lines(" he=she\n\n pronouns "), ["he=she", "pronouns"]);
        assert!(lines(" \n").is_empty());
    }
}
