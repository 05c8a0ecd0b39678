//! How well names are found: type by type, what is taken for what, and the sentences behind it.

use std::sync::Arc;

use hone_core::task::token_classification::{EvaluationDetail, RowPrediction};
use leptos::prelude::*;

use super::marks::marked;
use super::mistakes::{KINDS, count_kinds, describe, errors_csv, is_wrong, wrong_rows};
use crate::charts::Matrix;
use crate::components::{Button, Cell, select, sortable_table};
use crate::format;
use crate::state::Store;
use crate::state::corrections::WrongAnswer;
use crate::state::corrections::tags::wrong_sentence;
use crate::tasks::wrong_rows::TITLE_ID;
use crate::tasks::{self, EvaluationParts, correct_labels};

/// Types up to which the whole confusion matrix is shown.
const MAX_MATRIX_TYPES: usize = 25;
/// Sentences shown.
const MAX_ROWS: usize = 50;
/// Characters of a type where others stand beside it.
const MAX_LABEL_CHARS: usize = 60;
/// The choice of all errors.
const ALL: &str = "all";

type Side<'a> = tasks::Side<'a, EvaluationDetail, RowPrediction>;

pub(crate) fn evaluation_parts(
    store: Store,
    before: Option<Side<'_>>,
    after: Option<Side<'_>>,
) -> Option<EvaluationParts> {
    let shown = after.as_ref().or(before.as_ref())?;
    let before = after.as_ref().and(before.as_ref()).map(|side| side.detail);
    let below = view! {
        {confusion(shown.detail)}
        {mistakes(store, shown)}
    };
    let rows = format::plural(shown.detail.num_sequences, "row");
    let words = format::plural(shown.detail.num_words, "word");
    Some(EvaluationParts {
        caption: format!("On {rows} with {words} of the {} split.", shown.measured.split.words()),
        beside: Some(per_type(shown.detail, before)),
        below: below.into_any(),
    })
}

/// Figures of each type; with `before`, also its F1 before training.
fn per_type(shown: &EvaluationDetail, before: Option<&EvaluationDetail>) -> AnyView {
    let score = |value: f64| Cell::number(format!("{value:.3}"));
    let rows = shown.per_type.iter().map(|of| {
        let mut cells = vec![Cell::new("head", format::shortened(&of.label, MAX_LABEL_CHARS))];
        cells.extend([of.precision, of.recall, of.f1].map(score));
        if let Some(before) = before {
            let same = before.per_type.iter().find(|other| other.label == of.label);
            cells.push(same.map_or_else(|| Cell::number("–"), |other| score(other.f1)));
        }
        cells.push(Cell::number(format::count(of.support)));
        cells
    });
    let heads: &[&str] = match before {
        Some(_) => &["Type", "Precision", "Recall", "F1", "F1 before", "Names"],
        None => &["Type", "Precision", "Recall", "F1", "Names"],
    };
    let strict = shown.strict.as_ref().map(|strict| {
        let figures = [strict.precision, strict.recall, strict.f1].map(|value| format!("{value:.3}"));
        format!(
            "Of names whose tags keep to their scheme alone (strict): precision {}, recall {}, F1 {}.",
            figures[0], figures[1], figures[2]
        )
    });
    view! {
        <div class="panel figures">
            <h3>"By type"</h3>
            {sortable_table("By type", "per-type", heads, rows.collect())}
            <p class="hint">
                "A name is right when all its words and its type are. Precision: how many of the names that were found are \
                 right. Recall: how many of the names that are there were found. F1: both in one figure."
            </p>
            <p class="hint">{strict}</p>
        </div>
    }
    .into_any()
}

/// What names of each type were taken for, where exactly their words were found.
fn confusion(shown: &EvaluationDetail) -> Option<AnyView> {
    let confusion = &shown.confusion;
    let is_shown = (1..=MAX_MATRIX_TYPES).contains(&confusion.types.len());
    is_shown.then(|| {
        view! {
            <div class="panel">
                <h3>"What is taken for what"</h3>
                <Matrix label="Types of names" counts=confusion.counts.clone() labels=confusion.types.clone() />
                <p class="hint">"Of names whose words were found exactly."</p>
            </div>
        }
        .into_any()
    })
}

/// The sentences it gets wrong, the true names beside the predicted ones; those with one kind of error alone while it is
/// chosen.
fn mistakes(store: Store, shown: &Side<'_>) -> AnyView {
    let rows = Arc::new(shown.rows.to_vec());
    let layout = untrack(|| store.tag_layout());
    let types = layout.types();
    let wrong = wrong_rows(&rows, None);
    if wrong.is_empty() {
        return view! { <p class="note" data-testid="wrong-rows">"Every name was found, and nothing else."</p> }
            .into_any();
    }
    let counts = count_kinds(&wrong);
    let of_kind = KINDS
        .iter()
        .zip(counts)
        .map(|((value, _, words), count)| ((*value).to_owned(), format!("{} {words}", format::count(count))));
    let all = (ALL.to_owned(), format!("All {}", format::plural(counts.iter().sum(), "error")));
    let options = std::iter::once(all).chain(of_kind).collect();
    let chosen: RwSignal<String> = RwSignal::new(ALL.into());
    let on_choose = Callback::new(move |value: String| chosen.set(value));
    let of_chosen = Arc::clone(&rows);
    let list = move || {
        let chosen = chosen.get();
        let kind = KINDS.iter().find(|(value, ..)| *value == chosen).map(|(_, kind, _)| *kind);
        let wrong = wrong_rows(&of_chosen, kind);
        let hidden = wrong.len().saturating_sub(MAX_ROWS);
        let more = (hidden > 0).then(|| format!("The first {MAX_ROWS} are shown; the saved file has all of them."));
        // Where a row stands among those that were measured tells which is corrected.
        let draw = |row: &RowPrediction| {
            let index = of_chosen.iter().position(|other| std::ptr::eq(other, row)).unwrap_or_default();
            sentence(store, row, wrong_sentence(index, row, &layout))
        };
        let title = format!("{} with errors, those with most of them first", format::plural(wrong.len(), "row"));
        view! {
            <h3 id=TITLE_ID tabindex="-1" data-testid="wrong-rows-title">{title}</h3>
            <p class="hint">{more}</p>
            <div data-testid="wrong-rows">{wrong.iter().take(MAX_ROWS).map(|row| draw(row)).collect_view()}</div>
        }
        .into_any()
    };
    let on_save = Callback::new(move |()| store.save_table("wrong-names", &errors_csv(&rows)));
    view! {
        <div class="panel">
            {select("Errors", "error-kind", options, ALL, Signal::stored(false), on_choose)}
            {list}
            {correct_labels::panel(store, types)}
            <div class="row"><Button id="save-wrong-rows" text="Save all errors as CSV" on_press=on_save /></div>
        </div>
    }
    .into_any()
}

/// A sentence with its true names above those that were predicted; wrong ones stand out.
fn sentence(store: Store, row: &RowPrediction, wrong: WrongAnswer) -> AnyView {
    let correct = format!("Correct the tags of row {}", format::count(row.row));
    let on_correct = Callback::new(move |()| store.open_correction(wrong.clone()));
    let head = format!("Row {}: {}", format::count(row.row), describe(row));
    view! {
        <div class="sentence">
            <p class="hint">{head}</p>
            <div class="side"><span class="hint">"True"</span>{marked(&row.text, &row.gold, |index| is_wrong(row, true, index))}</div>
            <div class="side">
                <span class="hint">"Predicted"</span>
                {marked(&row.text, &row.predicted, |index| is_wrong(row, false, index))}
            </div>
            <div class="row"><Button id="correct-tags" text=correct on_press=on_correct /></div>
        </div>
    }
    .into_any()
}

/// The task's own part of figures, for tests.
#[cfg(test)]
pub(crate) fn sample_detail() -> EvaluationDetail {
    hone_core::metrics::evaluate_entities(&[vec!["B-LOC", "O"]], &[vec!["B-LOC", "O"]], None)
}
