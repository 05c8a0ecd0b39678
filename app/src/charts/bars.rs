//! Horizontal bars with their values written beside them, and a histogram with a mark. Both are readable as text.

use leptos::prelude::*;

use super::geometry::{self, Scale};
use crate::format;

/// A bar: a name, a share of the full width, and the value as text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub label: String,
    /// In `[0, 1]`.
    pub share: f64,
    pub text: String,
    /// Drawn in the accent colour.
    pub is_strong: bool,
}

/// A list of bars.
#[component]
pub(crate) fn Bars(bars: Vec<Bar>, #[prop(into)] label: String) -> impl IntoView {
    let item = |bar: Bar| {
        let width = format!("{:.2}%", bar.share.clamp(0.0, 1.0) * 100.0);
        view! {
            <li class="bar" class:strong=bar.is_strong>
                <span class="bar-label" title=bar.label.clone()>{bar.label.clone()}</span>
                <span class="bar-track"><span class="bar-fill" style:width=width></span></span>
                <span class="bar-text">{bar.text}</span>
            </li>
        }
    };
    view! { <ul class="bars" aria-label=label>{bars.into_iter().map(item).collect_view()}</ul> }.into_any()
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 30.0;
const TOP: f64 = 18.0;
/// Columns drawn at most.
const MAX_COLUMNS: usize = 48;

/// Counts by length, with a mark where rows are cut off.
#[component]
pub(crate) fn Histogram(
    /// Rows in each bucket; the first starts at 0.
    counts: Vec<usize>,
    /// Width of a bucket in tokens.
    bucket_width: usize,
    /// Where rows are cut off.
    mark: usize,
    /// Whether any are; those that are just as long as the mark are not.
    has_cut: bool,
    /// What it shows, in words.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let (counts, together) = geometry::merged(&counts, MAX_COLUMNS);
    let width = (bucket_width * together).max(1);
    let end = (counts.len() * width).max(mark + width / 2).max(1) as f64;
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let x = Scale::new((0.0, end), (LEFT, WIDTH - 10.0));
    let y = Scale::new((0.0, most), (HEIGHT - BOTTOM, TOP));
    let column = |(index, &count): (usize, &usize)| {
        let (from, to) = ((index * width) as f64, ((index + 1) * width) as f64);
        let is_cut = has_cut && from >= mark as f64;
        view! {
            <rect
                class=if is_cut { "column cut" } else { "column" }
                x=format!("{:.1}", x.at(from))
                width=format!("{:.1}", (x.at(to) - x.at(from) - 1.0).max(1.0))
                y=format!("{:.1}", y.at(count as f64))
                height=format!("{:.1}", y.at(0.0) - y.at(count as f64))
            >
                <title>{format!("{} to {} tokens: {}", from, to - 1.0, format::plural(count, "row"))}</title>
            </rect>
        }
    };
    let columns = counts.iter().enumerate().map(column).collect_view();
    let x_ticks = geometry::ticks(0.0, end, 8).into_iter().map(|tick| {
        let (place, below) = (format!("{:.1}", x.at(tick)), (HEIGHT - BOTTOM + 18.0).to_string());
        view! { <text class="tick" x=place y=below text-anchor="middle">{format!("{tick:.0}")}</text> }
    });
    let y_ticks = geometry::ticks(0.0, most, 4).into_iter().filter(|tick| tick.fract() == 0.0).map(|tick| {
        let place = format!("{:.1}", y.at(tick));
        view! {
            <line class="grid" x1=LEFT.to_string() x2=(WIDTH - 10.0).to_string() y1=place.clone() y2=place.clone() />
            <text class="tick" x=(LEFT - 6.0).to_string() y=place text-anchor="end" dy="4">{format!("{tick:.0}")}</text>
        }
    });
    let mark_text = if has_cut { format!("shortened to {mark}") } else { format!("{mark} at most") };
    let mark_x = format!("{:.1}", x.at(mark as f64));
    view! {
        <svg class="histogram" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label>
            {y_ticks.collect_view()}
            {columns}
            {x_ticks.collect_view()}
            <line class="mark" x1=mark_x.clone() x2=mark_x.clone() y1="4" y2=(HEIGHT - BOTTOM).to_string() />
            <text class="mark-text" x=mark_x y="13" text-anchor="end" dx="-5">{mark_text}</text>
        </svg>
    }
    .into_any()
}
