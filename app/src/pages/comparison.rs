//! On the step Evaluate: two models that were measured, side by side on the same rows: which is better, whether that could be luck, and
//! which rows only one of them has right.

use std::sync::Arc;

use hone_core::task::{ComparedFigure, DifferingRow, RunComparison};
use leptos::prelude::*;

use crate::browser;
use crate::components::{Button, Cell, select, table};
use crate::format;
use crate::state::Store;
use crate::state::comparing::{MAX_KEPT, MAX_KEPT_ROWS, sides};

/// Characters of a text and of an answer that are shown.
const MAX_TEXT: usize = 160;

/// Models that were let go and are named.
const MAX_NAMED: usize = 8;

/// What was found, or why the two can't be compared.
type Found = Arc<Result<RunComparison, String>>;

/// The panel, once two models were measured.
pub(super) fn panel(store: Store) -> AnyView {
    let names = Memo::new(move |_| {
        store.comparing.kept.with(|kept| kept.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())
    });
    let has_two = Memo::new(move |_| names.with(|names| names.len() > 1));
    let found: RwSignal<Option<Found>> = RwSignal::new(None);
    // What was found is of what was measured before, or of another of several tasks.
    Effect::new(move |_| {
        store.comparing.kept.track();
        store.measured_part.track();
        found.set(None);
    });
    let on_compare = Callback::new(move |()| found.set(store.compare_chosen().map(Arc::new)));
    let choices = move || names.with(|names| choices(store, names, found));
    let result = move || found.get().map(|found| result(&found));
    let let_go = move || {
        let text = store.comparing.let_go.with(|names| let_go_words(names))?;
        Some(view! { <p class="hint" data-testid="compare-let-go">{text}</p> }.into_any())
    };
    let content = move || {
        view! {
            <details class="panel" data-testid="compare-runs">
                <summary>"Two models side by side: better, or lucky?"</summary>
                <p class="hint">
                    {format!(
                        "On the rows that both were measured on: runs since this page was opened, and models before training; the last \
                         {MAX_KEPT} of them, and fewer where they have more than {} rows together. Open or start another run and press \
                         Evaluate to have it here, too.",
                        format::count(MAX_KEPT_ROWS)
                    )}
                </p>
                {let_go}
                <div class="fields">{choices}</div>
                <div class="row">
                    <Button id="compare-run" text="Compare" on_press=on_compare />
                </div>
                {result}
            </details>
        }
        .into_any()
    };
    view! { {move || has_two.get().then(content)} }.into_any()
}

/// Which models' answers were let go; the last of them by name.
fn let_go_words(names: &[String]) -> Option<String> {
    let (first, last) = names.split_at(names.len().saturating_sub(MAX_NAMED));
    if last.is_empty() {
        return None;
    }
    let others = if first.is_empty() { String::new() } else { format!("{} others, ", format::count(first.len())) };
    Some(format!("Their answers are not kept any more, to spare memory: {others}{}.", last.join(", ")))
}

/// Two lists of the models.
fn choices(store: Store, names: &[String], found: RwSignal<Option<Found>>) -> AnyView {
    let chosen = store.comparing.chosen;
    let shown = chosen.with(|chosen| sides(names, chosen));
    let one = |side: usize, label: &'static str, id: &'static str| {
        let options = names.iter().map(|name| (name.clone(), name.clone())).collect();
        let current = shown.map_or_else(String::new, |shown| names[shown[side]].clone());
        let on_choose = Callback::new(move |name: String| {
            found.set(None);
            let refocus = browser::focus_keeper(); // both lists are built anew
            chosen.update(|chosen| chosen[side] = name);
            refocus();
        });
        select(label, id, options, &current, Signal::stored(false), on_choose)
    };
    view! { {one(0, "One model", "compare-first")} {one(1, "The other", "compare-second")} }.into_any()
}

fn result(found: &Found) -> AnyView {
    let comparison = match found.as_ref() {
        Ok(comparison) => comparison,
        Err(why) => {
            let text = format!("These two can't be compared: {why}.");
            return view! { <p class="note" role="status" data-testid="compare-verdict">{text}</p> }.into_any();
        }
    };
    let [first, second] = &comparison.names;
    let figures = comparison.figures.iter().map(|figure| {
        let ComparedFigure { title, difference, .. } = figure;
        let cell = |value: f64| Cell { raw: Some(value.to_string()), ..Cell::number(figure.value_text(value)) };
        vec![
            Cell::new("head", title.clone()),
            cell(difference.first),
            cell(difference.second),
            Cell::number(figure.by_text()),
            Cell::number(figure.interval_text()),
        ]
    });
    let heads = ["", first.as_str(), second.as_str(), "Difference", "95 % between"];
    let figures = table("Figures of both", "compare-figures", &heads, figures.collect());
    view! {
        <p role="status" data-testid="compare-verdict">{comparison.verdict()}</p>
        {figures}
        <p class="hint" data-testid="compare-test">{comparison.test_words()}</p>
        <p class="hint">{comparison.notes()}</p>
        {differing(comparison)}
    }
    .into_any()
}

/// The rows that one of the two answers better.
fn differing(comparison: &RunComparison) -> Option<AnyView> {
    let RunComparison { names: [first, second], num_better: [by_first, by_second], rows, .. } = comparison;
    if rows.is_empty() {
        return None;
    }
    let row = |row: &DifferingRow| {
        let text = |text: &str| Cell::new("text", format::shortened(text, MAX_TEXT));
        vec![
            Cell::number(format::count(row.row)),
            Cell::new("", comparison.names[row.better].clone()),
            text(&row.text),
            text(&row.expected),
            text(&row.answers[0]),
            text(&row.answers[1]),
        ]
    };
    let heads = ["Row", "Better", "Text", "In the file", first.as_str(), second.as_str()];
    let of_run = |run: usize| rows.iter().filter(move |row| row.better == run);
    let listed: Vec<Vec<Cell>> = of_run(0).chain(of_run(1)).map(row).collect();
    let words = format!(
        "Rows that {first} answers better: {}; that {second} does: {}.",
        format::count(*by_first),
        format::count(*by_second)
    );
    let more = (by_first + by_second).saturating_sub(rows.len());
    let more = (more > 0).then(|| format!("Not listed: {}.", format::plural(more, "more row")));
    let view = view! {
        <p data-testid="compare-better">{words}</p>
        {table("Rows that one answers better", "compare-rows", &heads, listed)}
        <p class="hint">{more}</p>
    };
    Some(view.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_were_let_go_are_named_the_last_of_many() {
        let names: Vec<String> = (1..=10).map(|number| format!("Run {number}")).collect();
        assert_eq!(let_go_words(&[]), None);
        let said = let_go_words(&names[..2]).expect("two were");
        assert!(said.ends_with("to spare memory: Run 1, Run 2."), "{said}");
        let said = let_go_words(&names).expect("ten were");
        assert!(said.contains("memory: 2 others, Run 3, ") && said.ends_with("Run 10."), "{said}");
    }
}
