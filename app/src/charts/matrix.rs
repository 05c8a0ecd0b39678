//! A confusion matrix as a table: rows are the truth, columns what was predicted, the colour is the share of the row.

use leptos::prelude::*;

use crate::format;

/// The table. `counts` is `[true][predicted]`.
#[component]
pub(crate) fn Matrix(counts: Vec<Vec<u32>>, labels: Vec<String>) -> impl IntoView {
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
            let title = format!("{count} of {total} rows that are {name} were predicted as {other}");
            view! {
                <td
                    class=if truth == predicted { "hit" } else { "miss" }
                    class:none={count == 0}
                    style=("--share", format!("{:.1}%", share * 100.0))
                    title=title
                >
                    {count}
                </td>
            }
        });
        let cells = cells.collect_view();
        view! { <tr><th scope="row" title=name.clone()>{format::shortened(&name, 18)}</th>{cells}</tr> }
    });
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">
            <table class="matrix" data-testid="confusion">
                <caption>"Rows: true. Columns: predicted."</caption>
                <thead><tr><td></td>{heads}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}
