//! Why a row was answered as it was, under the list in which it is opened: its words, shaded by what each adds to the score of a label,
//! and the training rows that are most like it. In: rows of a list that lead there. Out: a panel, empty while no row is open.

use std::cmp::Ordering;
use std::sync::Arc;

use hone_core::event::Split;
use hone_core::session::protocol::Weights;
use hone_core::task::{Explanation, NearestRows, TaskInput, TextPart};
use leptos::prelude::*;

use crate::browser;
use crate::components::{Button, Cell, counted, select, sortable_table, table};
use crate::format;
use crate::state::Store;
use crate::state::evaluation::Measured;
use crate::state::explaining::{Explaining, OpenedRow, PLACE_ID, TITLE_ID};

/// Characters of a label where others stand beside it.
const MAX_LABEL: usize = 60;
/// Characters of a training row.
const MAX_TEXT: usize = 240;
/// A share of the difference that words may miss without a warning.
const COMPLETE: f64 = 0.05;
/// What words add is written with so many decimals.
const DECIMALS: usize = 3;

/// Makes rows of a list lead to the panel.
#[derive(Clone)]
pub(super) struct RowOpener {
    store: Store,
    split: Split,
    weights: Weights,
    labels: Arc<Vec<String>>,
}

/// A row of a list.
pub(super) struct ListedRow<'a> {
    /// Row number in its file.
    pub row: usize,
    /// Its place among the rows that were measured.
    pub index: usize,
    pub text: &'a str,
    pub second: Option<&'a str>,
    /// The output that is explained first.
    pub first: &'a str,
    /// The label that it has, and the one that it was given; of numbers none.
    pub truth: Option<&'a str>,
    pub predicted: Option<&'a str>,
}

impl RowOpener {
    /// Of the rows that were measured, after training where `is_tuned`; `labels` are the outputs in their order.
    pub(super) fn new(store: Store, measured: &Measured, is_tuned: bool, labels: Vec<String>) -> Self {
        let weights = if is_tuned { Weights::Tuned } else { Weights::Base };
        Self { store, split: measured.split, weights, labels: Arc::new(labels) }
    }

    /// The number of a row, which opens it.
    pub(super) fn cell(&self, listed: &ListedRow<'_>) -> Cell {
        let number = format::count(listed.row);
        let what = format!("What the model looks at in row {number}");
        let output = |label: Option<&str>| self.labels.iter().position(|own| Some(own.as_str()) == label);
        let row = OpenedRow {
            row: listed.row,
            in_training: (self.split == Split::Train).then_some(listed.index),
            input: TaskInput { text: listed.text.to_owned(), second: listed.second.map(str::to_owned), image: None },
            weights: self.weights,
            labels: Arc::clone(&self.labels),
            first: output(Some(listed.first)).unwrap_or(0),
            truth: output(listed.truth),
            predicted: output(listed.predicted),
        };
        let store = self.store;
        Cell { press: Some((what, Callback::new(move |()| store.open_row(row.clone())))), ..Cell::number(number) }
    }
}

/// The row that is open.
pub(super) fn panel(store: Store) -> AnyView {
    // Its row is one of what was measured before.
    if store.explaining.row.with_untracked(Option::is_some) {
        store.close_row();
    }
    let row = move || store.explaining.row.get().map(|row| of_row(store, &row));
    view! {
        <p class="hint">"Press the number of a row to see what the model looks at, and the training rows nearest to it."</p>
        <div id=PLACE_ID tabindex="-1">{row}</div>
    }
    .into_any()
}

fn of_row(store: Store, row: &Arc<OpenedRow>) -> AnyView {
    let title = format!("Row {}: what the model looks at", format::count(row.row));
    // While this row is being explained another label can be chosen: a list that is disabled loses the focus.
    let waits = Signal::derive(move || store.explaining.going.get().is_none() && store.activity().is_some());
    let choice = (row.labels.len() > 1).then(|| {
        let on_choose = Callback::new(move |chosen: String| {
            if let Ok(output) = chosen.parse() {
                store.explain_output(output);
            }
        });
        let current = row.first.to_string();
        select("What is explained", "explained-output", outputs(row), &current, waits, on_choose)
    });
    let words = move || store.explaining.explanation.get().map(|found| explained(&found));
    let nearest = move || {
        store.explaining.nearest.get().map(|found| match found {
            Ok(found) => nearest_rows(&found),
            Err(why) => view! { <p class="note" data-testid="nearest-rows">{format::sentence(&why)}</p> }.into_any(),
        })
    };
    let on_close = Callback::new(move |()| {
        store.close_row();
        browser::after(0, || browser::focus_element(PLACE_ID));
    });
    view! {
        <div class="panel" data-testid="explained">
            <h3 id=TITLE_ID tabindex="-1">{title}</h3>
            <div class="row">{choice}</div>
            {move || going(store)}
            {words}
            {nearest}
            <div class="row"><Button id="explained-close" text="Close" on_press=on_close /></div>
        </div>
    }
    .into_any()
}

/// The outputs to choose from: the label that was given, that of the file, then the others.
fn outputs(row: &OpenedRow) -> Vec<(String, String)> {
    let is_first = |output: usize| (Some(output) != row.predicted, Some(output) != row.truth);
    let mut order: Vec<usize> = (0..row.labels.len()).collect();
    order.sort_by_key(|&output| is_first(output));
    let words = |output: usize| {
        let said = match is_first(output) {
            (false, false) => " (predicted, and true)",
            (false, true) => " (predicted)",
            (true, false) => " (true)",
            (true, true) => "",
        };
        format!("{}{said}", format::shortened(&row.labels[output], MAX_LABEL))
    };
    order.into_iter().map(|output| (output.to_string(), words(output))).collect()
}

/// How far it is; or how it is begun, where it was not, or was ended.
fn going(store: Store) -> Option<AnyView> {
    let state = store.explaining;
    let Some(what) = state.going.get() else {
        let is_done = state.explanation.with(Option::is_some) && state.nearest.with(Option::is_some);
        return (!is_done).then(|| begin(store));
    };
    let label = match what {
        Explaining::Words => "Taking gradients by the words",
        Explaining::Nearest => "Computing vectors of training rows, once for these weights",
    };
    let on_cancel = Callback::new(move |()| store.cancel_explaining());
    Some(counted(label, "explained-cancel", store.measuring_progress.into(), on_cancel))
}

fn begin(store: Store) -> AnyView {
    let waits = Signal::derive(move || store.activity().is_some());
    let hint = move || store.activity().map(|going| view! { <p class="hint">{going.then("It can be explained")}</p> });
    let on_press = Callback::new(move |()| store.explain_row());
    view! {
        <div class="row"><Button id="explained-begin" text="Explain" waits=waits on_press=on_press /></div>
        {hint}
    }
    .into_any()
}

/// The words of a row, and how they add up.
fn explained(found: &Explanation) -> AnyView {
    let largest = found.words().map(|(_, _, value)| value.abs()).fold(0.0, f64::max);
    let texts = found.texts.iter().map(|parts| {
        let parts = parts.iter().map(|part| part_of(part, largest, found.is_cut)).collect_view();
        view! { <p class="spans">{parts}</p> }
    });
    let score = if found.label.is_empty() { "the number".to_owned() } else { format!("“{}”", found.label) };
    let sum = format!("{}.", format::sentence(&found.completeness()));
    let is_rough = found.completeness_error() > COMPLETE;
    let rough = is_rough.then(|| {
        view! { <p class="note">"The words do not add up to the difference: take their numbers as rough."</p> }
    });
    let cut = found.is_cut.then(|| {
        view! { <p class="hint">"The text is longer than the model reads: words in grey were not read."</p> }
    });
    let cells = found.words().map(|(text, word, value)| {
        let number = Cell { raw: Some(value.to_string()), ..Cell::number(format::signed(value, DECIMALS)) };
        let mut cells = vec![Cell::new("text", word.to_owned()), number];
        cells.extend((found.texts.len() > 1).then(|| Cell::number((text + 1).to_string())));
        cells
    });
    let heads: &[&'static str] = if found.texts.len() > 1 { &["Word", "Adds", "Text"] } else { &["Word", "Adds"] };
    view! {
        <div data-testid="explained-words" data-value=found.completeness_error().to_string()>
            {texts.collect_view()}
        </div>
        <p class="spans">
            <span class="word for" style=("--share", "100%")>"speaks for it"</span>
            " "
            <span class="word against" style=("--share", "100%")>"speaks against it"</span>
        </p>
        <p class="hint">
            {format!(
                "What each word adds to the score of {score}: the stronger the colour, the more; the strongest {}. Underlined: for it; \
                 dashed: against it.",
                format::signed(strongest(found), DECIMALS)
            )}
        </p>
        {rough}
        {cut}
        <details>
            <summary>"All words with their numbers"</summary>
            {sortable_table("Words with what they add", "explained-table", heads, cells.collect())}
            <p class="hint" data-testid="explained-sum">{sum}</p>
            <p class="hint">
                "Integrated gradients (Sundararajan et al. 2017): the text is compared with one of as many padding tokens, and each token \
                 gets its share of what that changes."
            </p>
        </details>
    }
    .into_any()
}

/// The number of the word that adds, or takes away, the most.
fn strongest(found: &Explanation) -> f64 {
    let words = found.words().map(|(_, _, value)| value);
    words.max_by(|a, b| a.abs().partial_cmp(&b.abs()).unwrap_or(Ordering::Equal)).unwrap_or(0.0)
}

/// A part of a text: a word with its shade, or what is between words, or was not read.
fn part_of(part: &TextPart, largest: f64, is_cut: bool) -> AnyView {
    let text = part.text.clone();
    let Some(value) = part.attribution else {
        let class = if is_cut && !text.trim().is_empty() { "unread" } else { "" };
        return view! { <span class=class>{text}</span> }.into_any();
    };
    let share = if largest > 0.0 { value.abs() / largest } else { 0.0 };
    let class = if value < 0.0 { "word against" } else { "word for" };
    view! {
        <span class=class style=("--share", format!("{:.1}%", share * 100.0)) title=format::signed(value, DECIMALS)>
            {text}
        </span>
    }
    .into_any()
}

fn nearest_rows(found: &NearestRows) -> AnyView {
    let searched = format::plural(found.num_searched, "training row");
    let among = match found.num_searched < found.num_rows {
        true => format!("Among {searched}, of {}.", format::count(found.num_rows)),
        false => format!("Among {searched}."),
    };
    let others = found.are_others.then(|| {
        let text = "These rows are of a file that was read since the run: it was not trained on them.";
        view! { <p class="note">{text}</p> }
    });
    let cells = found.rows.iter().map(|row| {
        vec![
            Cell::number(format::count(row.row)),
            Cell { raw: Some(row.similarity.to_string()), ..Cell::number(format!("{:.3}", row.similarity)) },
            Cell::from(format::shortened(&row.label, MAX_LABEL)),
            Cell::new("text", format::shortened(&row.texts.join(" | "), MAX_TEXT)),
        ]
    });
    view! {
        <h4>"Training rows nearest to it"</h4>
        {others}
        {table("Training rows nearest to it", "nearest-rows", &["Row", "Similarity", "Label", "Text"], cells.collect())}
        <p class="hint">
            {among}
            " Similarity: the cosine of two vectors, each the mean of what these weights make of the tokens of a row, from -1 to 1."
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(truth: Option<usize>, predicted: Option<usize>) -> OpenedRow {
        OpenedRow {
            row: 2,
            in_training: None,
            input: TaskInput::default(),
            weights: Weights::Tuned,
            labels: Arc::new(["a", "b", "c"].map(str::to_owned).to_vec()),
            first: predicted.unwrap_or(0),
            truth,
            predicted,
        }
    }

    #[test]
    fn the_label_that_was_given_comes_first_then_that_of_the_file() {
        let names = |row: &OpenedRow| outputs(row).into_iter().map(|(_, words)| words).collect::<Vec<_>>();
        assert_eq!(names(&row(Some(1), Some(2))), ["c (predicted)", "b (true)", "a"]);
        assert_eq!(names(&row(Some(1), Some(1))), ["b (predicted, and true)", "a", "c"]);
        assert_eq!(names(&row(None, None)), ["a", "b", "c"]);
        assert_eq!(outputs(&row(Some(1), Some(2)))[0].0, "2");
    }

    #[test]
    fn the_strongest_word_may_speak_against_it() {
        let part = |value| TextPart { text: "x".into(), attribution: value, num_tokens: 1 };
        let explanation = Explanation {
            output: 0,
            label: "a".into(),
            predicted: 0,
            score: 0.0,
            baseline_score: 0.0,
            sum: 0.0,
            num_steps: 50,
            texts: vec![vec![part(Some(0.5)), part(None), part(Some(-0.75))]],
            is_cut: false,
        };
        assert!((strongest(&explanation) + 0.75).abs() < 1e-12);
    }
}
