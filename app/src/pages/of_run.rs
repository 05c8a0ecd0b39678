//! Which run the figures, answers or weights at a step are of, and whether they are out of date.

use leptos::prelude::*;

use crate::format;
use crate::state::Store;

/// What stands before the learning rate in the words on a run.
const RATE: &str = ", rate ";

/// One line on the run, and a warning where a run now would be another.
pub(crate) fn of_run(store: Store) -> AnyView {
    let run = move || {
        let [_, valid, test] = store.run.with(|run| run.is_finished().then_some(run.num_rows))?;
        let origin = store.started.with(|started| started.as_ref().map(|started| started.origin.describe()))?;
        let (rows, split) = if test > 0 { (test, "test") } else { (valid, "validation") };
        let text = format!("Of {origin}, {split} rows: {}.", format::count(rows));
        // A line does not end within a rate such as 2e-4.
        let (words, rate) = text.split_at(text.rfind(RATE).map_or(text.len(), |start| start + RATE.len()));
        let [words, rate] = [words, rate].map(str::to_owned);
        Some(view! { <p class="hint" data-testid="of-run">{words}<span class="whole">{rate}</span></p> }.into_any())
    };
    let stale = move || {
        let text = store.out_of_date()?;
        Some(view! { <p class="warnings" role="status" data-testid="out-of-date">{text}</p> }.into_any())
    };
    view! {
        {run}
        {stale}
    }
    .into_any()
}
