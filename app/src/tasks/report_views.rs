//! What reports of several tasks show alike: bars of how many rows have each label, and a table of the first rows.

use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::{Cell, table};
use crate::format;

/// Labels drawn as bars.
const MAX_BARS: usize = 20;
/// Characters of a text in the preview.
const MAX_PREVIEW_CHARS: usize = 160;

/// How many rows, or whatever is counted, have each label; the most frequent first. `noun` names a label, `caption` says
/// what the bars show. With `total`, each has its share of that many.
pub(super) fn label_bars(
    noun: &'static str,
    caption: &'static str,
    mut counts: Vec<(&str, usize)>,
    total: Option<usize>,
) -> AnyView {
    counts.sort_by_key(|&(label, count)| (std::cmp::Reverse(count), label));
    let most = counts.first().map_or(0, |(_, count)| *count).max(1) as f64;
    let share = |count: usize| {
        total.map(|total| format!(" ({})", format::percent(count as f64 / total.max(1) as f64))).unwrap_or_default()
    };
    let bars = counts.iter().take(MAX_BARS).map(|&(label, count)| Bar {
        label: label.to_owned(),
        share: count as f64 / most,
        text: format::count(count) + &share(count),
        is_strong: true,
    });
    let rest = counts.len().saturating_sub(MAX_BARS);
    view! {
        <div class="panel">
            <h3>{format::plural(counts.len(), noun)}</h3>
            <Bars bars=bars.collect() label=caption />
            {(rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> })}
        </div>
    }
    .into_any()
}

/// The first rows, as they were understood; `below` stands under them.
pub(super) fn first_rows(heads: &[&str], rows: Vec<Vec<Cell>>, below: Option<AnyView>) -> AnyView {
    view! {
        <div class="panel">
            <h3>"The first rows, as they were understood"</h3>
            {table("First rows", "first-rows", heads, rows)}
            {below}
        </div>
    }
    .into_any()
}

/// The beginning of a text, as the first rows show it.
pub(super) fn preview_text(text: &str) -> Cell {
    Cell::new("text", format::shortened(text, MAX_PREVIEW_CHARS))
}

/// The heads that every table of texts begins with, as [`preview_texts`] has their cells, and then `more`.
pub(super) fn text_heads<'a>(is_pair: bool, more: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ["Row", "Text"].into_iter().chain(is_pair.then_some("Second text")).chain(more).collect()
}

/// The number of a row, its text, and where rows are pairs its second text.
pub(super) fn preview_texts(is_pair: bool, row: usize, text: &str, second: Option<&str>) -> Vec<Cell> {
    let mut cells = vec![Cell::number(format::count(row)), preview_text(text)];
    cells.extend(is_pair.then(|| preview_text(second.unwrap_or_default())));
    cells
}
