//! Parallel coordinates: an axis for each of some values, a line for each of those that have them. Pure geometry and a thin view; what
//! the lines say stands in a table beside it.

use leptos::prelude::*;

use super::geometry::{self, Scale};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room around the axes: left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (70.0, 70.0, 44.0, 16.0);

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParallelAxis {
    /// What it is, in few words.
    pub name: String,
    /// What is written at it, with its words: all of it lies on the axis.
    pub ticks: Vec<(f64, String)>,
    /// Powers of ten are as far from each other; all values are above 0.
    pub is_log: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParallelLine {
    /// Colour class: `s1` to `s4`, or `faint`.
    pub class: &'static str,
    /// Its value on each axis; `None` leaves a gap.
    pub values: Vec<Option<f64>>,
}

/// An axis as it is drawn: where it stands, where its name is held, and its ticks.
#[derive(Debug, Clone, PartialEq)]
struct DrawnAxis {
    x: f64,
    anchor: &'static str,
    name: String,
    ticks: Vec<(f64, String)>,
}

/// What is drawn, ready to be put into elements.
#[derive(Debug, Clone, PartialEq)]
struct Drawing {
    axes: Vec<DrawnAxis>,
    /// In the order in which they are drawn: what is faint lies below, `s1` on top.
    lines: Vec<(&'static str, String)>,
}

fn draw(axes: &[ParallelAxis], lines: &[ParallelLine]) -> Drawing {
    let (left, right, top, bottom) = MARGIN;
    let last = axes.len().saturating_sub(1);
    let across = Scale::new((0.0, last.max(1) as f64), (left, WIDTH - right));
    let at = |axis: &ParallelAxis, value: f64| if axis.is_log { value.log10() } else { value };
    let scale_of = |(index, axis): (usize, &ParallelAxis)| {
        let of_lines = lines.iter().filter_map(|line| line.values.get(index).copied().flatten());
        let points: Vec<(f64, f64)> =
            axis.ticks.iter().map(|tick| tick.0).chain(of_lines).map(|value| (0.0, at(axis, value))).collect();
        let (low, high) = geometry::extent(&points).unwrap_or((0.0, 1.0));
        Scale::new((low, high), (HEIGHT - bottom, top))
    };
    let scales: Vec<Scale> = axes.iter().enumerate().map(scale_of).collect();
    let drawn = axes.iter().zip(&scales).enumerate().map(|(index, (axis, scale))| DrawnAxis {
        x: across.at(index as f64),
        anchor: match index {
            0 => "start",
            index if index == last => "end",
            _ => "middle",
        },
        name: axis.name.clone(),
        ticks: axis.ticks.iter().map(|(value, words)| (scale.at(at(axis, *value)), words.clone())).collect(),
    });
    let pixels = Scale::new((0.0, 1.0), (0.0, 1.0));
    let path = |line: &ParallelLine| {
        let point = |(index, (axis, scale)): (usize, (&ParallelAxis, &Scale))| {
            let value = line.values.get(index).copied().flatten().map_or(f64::NAN, |value| scale.at(at(axis, value)));
            (across.at(index as f64), value)
        };
        let points: Vec<(f64, f64)> = axes.iter().zip(&scales).enumerate().map(point).collect();
        (line.class, geometry::path(&points, &pixels, &pixels))
    };
    let mut paths: Vec<(&'static str, String)> = lines.iter().map(path).collect();
    paths.sort_by_key(|(class, _)| match *class {
        "faint" => 0,
        "s1" => 2,
        _ => 1,
    });
    Drawing { axes: drawn.collect(), lines: paths }
}

/// The plot; `label` is its text for those who do not see it.
pub(crate) fn parallel(id: &'static str, axes: &[ParallelAxis], lines: &[ParallelLine], label: String) -> AnyView {
    let (_, _, top, bottom) = MARGIN;
    let drawing = draw(axes, lines);
    let place = |value: f64| format!("{value:.1}");
    let lines = drawing.lines.into_iter().map(|(class, path)| {
        view! { <path class=format!("line {class}") d=path /> }
    });
    let axes = drawing.axes.into_iter().map(|DrawnAxis { x, anchor, name, ticks }| {
        let (beside, side) = if anchor == "end" { (x + 8.0, "start") } else { (x - 8.0, "end") };
        let ticks = ticks.into_iter().map(|(y, words)| {
            view! { <text class="tick" x=place(beside) y=place(y) text-anchor=side dy="5">{words}</text> }
        });
        view! {
            <line class="axis" x1=place(x) x2=place(x) y1=place(top) y2=place(HEIGHT - bottom) />
            <text class="tick" x=place(x) y="20" text-anchor=anchor>{name}</text>
            {ticks.collect_view()}
        }
    });
    view! {
        <svg class="histogram" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label data-testid=id>
            {lines.collect_view()}
            {axes.collect_view()}
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str, ticks: &[f64], is_log: bool) -> ParallelAxis {
        let ticks = ticks.iter().map(|tick| (*tick, tick.to_string())).collect();
        ParallelAxis { name: name.into(), ticks, is_log }
    }

    #[test]
    fn a_line_goes_from_axis_to_axis_and_the_best_lies_on_top() {
        let axes = [axis("rate", &[1e-5, 1e-3], true), axis("accuracy", &[0.5, 1.0], false)];
        let line = |class, values: [f64; 2]| ParallelLine { class, values: values.map(Some).to_vec() };
        let drawing = draw(&axes, &[line("s1", [1e-4, 1.0]), line("s2", [1e-3, 0.5]), line("faint", [1e-5, 0.5])]);
        let (low, high) = (HEIGHT - MARGIN.3, MARGIN.2);
        let middle = f64::midpoint(low, high);
        let place = |x: f64, y: f64| format!("{x:.1} {y:.1}");
        let (left, right) = (MARGIN.0, WIDTH - MARGIN.1);
        let faint = format!("M{}L{}", place(left, low), place(right, low));
        let best = format!("M{}L{}", place(left, middle), place(right, high));
        let other = format!("M{}L{}", place(left, high), place(right, low));
        assert_eq!(drawing.lines, [("faint", faint), ("s2", other), ("s1", best)]);
        assert_eq!([drawing.axes[0].anchor, drawing.axes[1].anchor], ["start", "end"]);
        assert_eq!((drawing.axes[0].x, drawing.axes[1].x), (left, right));
    }

    #[test]
    fn what_was_not_measured_leaves_a_gap_and_one_value_can_be_drawn() {
        let axes = [axis("a", &[], false), axis("b", &[2.0], false), axis("c", &[], false)];
        let drawing = draw(&axes, &[ParallelLine { class: "s1", values: vec![Some(1.0), None, Some(3.0)] }]);
        assert_eq!(drawing.lines[0].1.matches('M').count(), 2, "{}", drawing.lines[0].1);
        assert!(!drawing.lines[0].1.contains("NaN"));
        assert_eq!(drawing.axes[1].anchor, "middle");
        assert!(draw(&[], &[]).lines.is_empty());
        assert_eq!(draw(&axes[..1], &[]).axes[0].x, MARGIN.0);
    }
}
