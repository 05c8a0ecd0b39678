//! A confusion matrix as a table: rows are the truth, columns what was predicted, the colour is the share of the row.

use leptos::prelude::*;

use crate::format;

/// Which mistakes are looked at, (true, predicted), and how others are chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub pair: Signal<Option<(usize, usize)>>,
    pub on_choose: Callback<(usize, usize)>,
}

/// The table. `counts` is `[true][predicted]`; with `chosen`, mistakes can be pressed.
#[component]
pub(crate) fn Matrix(
    /// What it shows, unlike that of any other on the page.
    label: &'static str,
    counts: Vec<Vec<u32>>,
    labels: Vec<String>,
    #[prop(optional)] chosen: Option<Chosen>,
) -> impl IntoView {
    let heads = labels.iter().map(|label| {
        view! { <th scope="col" title=label.clone()>{format::shortened(label, 14)}</th> }
    });
    let heads = heads.collect_view();
    let rows = counts.into_iter().enumerate().map(|(truth, row)| {
        let total: u32 = row.iter().sum();
        let name = labels.get(truth).cloned().unwrap_or_default();
        let cells = row.into_iter().enumerate().map(|(predicted, count)| {
            let share = if total == 0 { 0.0 } else { f64::from(count) / f64::from(total) };
            let other = labels.get(predicted).cloned().unwrap_or_default();
            let rows = format::plural(total as usize, "row");
            let title = format!("true {name}, predicted {other}: {count} of {rows}");
            let content = match chosen.filter(|_| count > 0 && truth != predicted) {
                Some(chosen) => mistakes(chosen, (truth, predicted), count, format!("Show them, {title}")),
                None => count.to_string().into_any(),
            };
            view! {
                <td
                    class=if truth == predicted { "hit" } else { "miss" }
                    class:none={count == 0}
                    style=("--share", format!("{:.1}%", share * 100.0))
                    title=title
                >
                    {content}
                </td>
            }
        });
        let cells = cells.collect_view();
        view! { <tr><th scope="row" title=name.clone()>{format::shortened(&name, 18)}</th>{cells}</tr> }
    });
    view! {
        <p class="hint">"Each line is a true label, each column a predicted one."</p>
        <div class="scroll" tabindex="0" role="region" aria-label=label>
            <table class="matrix" data-testid="confusion">
                <thead><tr><td></td>{heads}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Rows of one label that were taken for another.
fn mistakes(chosen: Chosen, pair: (usize, usize), count: u32, what: String) -> AnyView {
    let is_chosen = move || if chosen.pair.get() == Some(pair) { "true" } else { "false" };
    view! {
        <button
            type="button"
            class="cell"
            data-testid=format!("confused-{}-{}", pair.0, pair.1)
            aria-label=what
            aria-pressed=is_chosen
            on:click=move |_| chosen.on_choose.run(pair)
        >
            {count}
        </button>
    }
    .into_any()
}
