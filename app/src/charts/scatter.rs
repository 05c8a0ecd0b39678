//! Predicted numbers against true ones: a dot a row, and the line on which every prediction is right.

use std::fmt::Write as _;

use leptos::prelude::*;

use super::axes::{Frame, place, x_labels, y_axis};
use super::geometry::{self, Scale};

/// Dots drawn at most.
const MAX_DOTS: usize = 2000;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const FRAME: Frame = Frame { left: 64.0, right: WIDTH - 12.0, top: 10.0, bottom: HEIGHT - 52.0 };

/// What is drawn, ready to be put into elements.
#[derive(Debug, Clone, PartialEq)]
struct Drawing {
    /// Path data: a point without length for each dot.
    dots: String,
    /// From where to where the line of right predictions goes.
    diagonal: [(f64, f64); 2],
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
}

/// Both axes have the range of all numbers, so that the line of right predictions is the diagonal.
fn draw(points: &[(f64, f64)]) -> Drawing {
    let values = || points.iter().flat_map(|point| [point.0, point.1]).filter(|value| value.is_finite());
    let low = values().reduce(f64::min).unwrap_or(0.0);
    let high = values().reduce(f64::max).unwrap_or(1.0);
    let room = ((high - low) * 0.04).max(high.abs() * 0.02).max(1e-6);
    let (low, high) = (low - room, high + room);
    let x = Scale::new((low, high), FRAME.x_range());
    let y = Scale::new((low, high), FRAME.y_range());
    let mut dots = String::new();
    for point in points.iter().step_by(points.len().div_ceil(MAX_DOTS).max(1)) {
        if point.0.is_finite() && point.1.is_finite() {
            write!(dots, "M{:.1} {:.1}h0", x.at(point.0), y.at(point.1)).expect("strings take text");
        }
    }
    let step = geometry::tick_step(high - low, 6);
    let ticks = |scale: Scale| {
        let tick = |value: f64| (scale.at(value), geometry::tick_label(value, step));
        geometry::ticks(low, high, 6).into_iter().map(tick).collect()
    };
    let diagonal = [(x.at(low), y.at(low)), (x.at(high), y.at(high))];
    Drawing { dots, diagonal, x_ticks: ticks(x), y_ticks: ticks(y) }
}

/// The plot of points (true, predicted).
#[component]
pub(crate) fn Scatter(
    points: Vec<(f64, f64)>,
    /// What it shows, in words.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let Drawing { dots, diagonal: [from, to], x_ticks, y_ticks } = draw(&points);
    view! {
        <svg class="histogram" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label data-testid="scatter">
            {y_axis(FRAME, &y_ticks)}
            {x_labels(FRAME, &x_ticks)}
            <line class="mark" x1=place(from.0) y1=place(from.1) x2=place(to.0) y2=place(to.1) />
            <path class="dots" d=dots />
            <text class="tick" x=place(FRAME.right) y=place(HEIGHT - 8.0) text-anchor="end">"true number"</text>
            <text class="tick" x=place(FRAME.left + 6.0) y="22">"predicted number"</text>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_predictions_lie_on_the_diagonal() {
        let drawing = draw(&[(0.0, 0.0), (10.0, 10.0), (5.0, 5.0), (2.0, 8.0)]);
        let [from, to] = drawing.diagonal;
        assert_eq!((from, to), ((64.0, HEIGHT - 52.0), (WIDTH - 12.0, 10.0)));
        assert_eq!(drawing.dots.matches("h0").count(), 4);
        let middle = format!("M{:.1} {:.1}h0", f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        assert!(drawing.dots.contains(&middle), "{}", drawing.dots);
        let labels: Vec<&str> = drawing.x_ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0", "2", "4", "6", "8", "10"]);
    }

    #[test]
    fn few_points_and_none_can_be_drawn_and_many_are_thinned() {
        for points in [&[][..], &[(3.0, 3.0)], &[(f64::NAN, 1.0), (0.0, f64::INFINITY)]] {
            let drawing = draw(points);
            assert!(!drawing.dots.contains("NaN") && !drawing.dots.contains("inf"), "{drawing:?}");
            assert!(!drawing.x_ticks.is_empty());
        }
        let many: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i), 0.0)).collect();
        let num_dots = draw(&many).dots.matches("h0").count();
        assert!((1000..=MAX_DOTS).contains(&num_dots), "{num_dots}");
    }
}
