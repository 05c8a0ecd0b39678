//! Shares against shares, both from 0 to 100 %: lines with dots, and the diagonal on which both are the same.

use leptos::prelude::*;

use super::axes::{Frame, place, x_labels, y_axis};
use super::geometry::{self, Scale};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const FRAME: Frame = Frame { left: 72.0, right: WIDTH - 14.0, top: 30.0, bottom: HEIGHT - 56.0 };

/// The frame of the labels below: lower, so that in the large type of a phone the first does not run into the lowest on the left.
const BELOW: Frame = Frame { bottom: FRAME.bottom + 6.0, ..FRAME };

/// A line of shares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShareLine {
    /// Colour class: `s1` to `s4`.
    pub class: &'static str,
    /// What it is, in words.
    pub name: &'static str,
    /// (x, y), both in `[0, 1]`, sorted by x.
    pub points: Vec<(f64, f64)>,
    /// Draws a dot at each point.
    pub has_dots: bool,
}

/// What is drawn, ready to be put into elements.
#[derive(Debug, Clone, PartialEq)]
struct Drawing {
    lines: Vec<(&'static str, String)>,
    dots: Vec<(&'static str, f64, f64)>,
    /// From where to where the line of equal shares goes.
    diagonal: Option<[(f64, f64); 2]>,
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
}

/// The y axis begins where the lowest point lies, so that small differences near 100 % can be seen; with a diagonal at 0.
fn draw(lines: &[ShareLine], has_diagonal: bool) -> Drawing {
    let lowest = geometry::extent(lines.iter().flat_map(|line| &line.points)).map_or(0.0, |(low, _)| low);
    let low = if has_diagonal { 0.0 } else { ((lowest * 10.0).floor() / 10.0).clamp(0.0, 0.9) };
    let x = Scale::new((0.0, 1.0), FRAME.x_range());
    let y = Scale::new((low, 1.0), FRAME.y_range());
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let dots = lines.iter().filter(|line| line.has_dots).flat_map(|line| {
        let class = line.class;
        line.points.iter().map(move |point| (class, x.at(point.0), y.at(point.1)))
    });
    Drawing {
        lines: lines.iter().map(|line| (line.class, geometry::path(&line.points, &x, &y))).collect(),
        dots: dots.collect(),
        diagonal: has_diagonal.then(|| [(x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0))]),
        x_ticks: geometry::ticks(0.0, 1.0, 5).into_iter().map(|tick| (x.at(tick), percent(tick))).collect(),
        y_ticks: geometry::ticks(low, 1.0, 5).into_iter().map(|tick| (y.at(tick), percent(tick))).collect(),
    }
}

/// The plot, with a legend where there are several lines; `label` is its text for those who do not see it.
pub(crate) fn shares(
    id: &'static str,
    [x_name, y_name]: [&'static str; 2],
    lines: &[ShareLine],
    has_diagonal: bool,
    label: String,
) -> AnyView {
    let drawing = draw(lines, has_diagonal);
    let diagonal = drawing.diagonal.map(|[from, to]| {
        view! { <line class="mark" x1=place(from.0) y1=place(from.1) x2=place(to.0) y2=place(to.1) /> }
    });
    let paths = drawing.lines.into_iter().map(|(class, data)| view! { <path class=format!("line {class}") d=data /> });
    let dots = drawing.dots.into_iter().map(|(class, x, y)| {
        view! { <circle class=format!("dot {class}") cx=place(x) cy=place(y) r="4" /> }
    });
    let item = |line: &ShareLine| view! { <li class=format!("legend {}", line.class)>{line.name}</li> };
    let legend = (lines.len() > 1)
        .then(|| view! { <ul class="legends">{lines.iter().map(item).collect_view()}</ul> }.into_any());
    view! {
        {legend}
        <svg class="histogram" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label data-testid=id>
            {y_axis(FRAME, &drawing.y_ticks)}
            {x_labels(BELOW, &drawing.x_ticks)}
            {diagonal}
            {paths.collect_view()}
            {dots.collect_view()}
            <text class="tick" x=place(FRAME.right) y=place(HEIGHT - 10.0) text-anchor="end">{x_name}</text>
            <text class="tick" x=place(FRAME.left) y=place(FRAME.top - 12.0)>{y_name}</text>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)], has_dots: bool) -> ShareLine {
        ShareLine { class: "s1", name: "a line", points: points.to_vec(), has_dots }
    }

    #[test]
    fn equal_shares_lie_on_the_diagonal() {
        let drawing = draw(&[line(&[(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)], true)], true);
        let [from, to] = drawing.diagonal.expect("it is drawn");
        assert_eq!((from, to), ((72.0, 304.0), (626.0, 30.0)));
        assert_eq!(drawing.dots[1], ("s1", f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1)));
        let labels: Vec<&str> = drawing.x_ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
    }

    #[test]
    fn without_a_diagonal_the_axis_begins_where_points_do_and_none_can_be_drawn() {
        let drawing = draw(&[line(&[(0.5, 0.93), (1.0, 0.88)], false)], false);
        assert_eq!((drawing.y_ticks[0].1.as_str(), drawing.dots.len(), drawing.diagonal), ("80 %", 0, None));
        assert!(draw(&[line(&[], true)], false).dots.is_empty());
        assert_eq!(draw(&[line(&[(0.5, 1.0)], true)], false).y_ticks[0].1, "90 %");
    }
}
