//! Axes of a plot. In: the frame of the plot and the ticks of an axis, each with its place and its label. Out: labels, and lines across
//! the plot.

use leptos::prelude::*;

/// The edges of a plot in its picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Frame {
    /// Where the lowest and the highest x are drawn.
    pub(super) fn x_range(self) -> (f64, f64) {
        (self.left, self.right)
    }

    /// The same of y, which grows upwards.
    pub(super) fn y_range(self) -> (f64, f64) {
        (self.bottom, self.top)
    }
}

/// A coordinate as an attribute.
pub(super) fn place(value: f64) -> String {
    format!("{value:.1}")
}

/// Labels to the left of the plot, each with a line across it.
pub(super) fn y_axis(frame: Frame, ticks: &[(f64, String)]) -> AnyView {
    let tick = |(y, label): &(f64, String)| {
        view! {
            <line class="grid" x1=place(frame.left) x2=place(frame.right) y1=place(*y) y2=place(*y) />
            <text class="tick" x=place(frame.left - 8.0) y=place(*y) text-anchor="end" dy="4">{label.clone()}</text>
        }
    };
    ticks.iter().map(tick).collect_view().into_any()
}

/// Labels below the plot, each with a line up through it.
pub(super) fn x_axis(frame: Frame, ticks: &[(f64, String)]) -> AnyView {
    let line = |(x, _): &(f64, String)| {
        view! { <line class="grid" x1=place(*x) x2=place(*x) y1=place(frame.top) y2=place(frame.bottom) /> }
    };
    view! {
        {ticks.iter().map(line).collect_view()}
        {x_labels(frame, ticks)}
    }
    .into_any()
}

/// Labels below the plot alone.
pub(super) fn x_labels(frame: Frame, ticks: &[(f64, String)]) -> AnyView {
    let label = |(x, label): &(f64, String)| {
        view! {
            <text class="tick" x=place(*x) y=place(frame.bottom + 18.0) text-anchor="middle">{label.clone()}</text>
        }
    };
    ticks.iter().map(label).collect_view().into_any()
}
