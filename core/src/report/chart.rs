//! A line chart over the steps of a run, as SVG that stands within a page. Points in, text out.

use super::frame::escape;
use super::geometry::{self, Scale};
use crate::words::significant;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
/// Room around the plot for the axes: left, right, top, bottom.
const MARGIN: [f64; 4] = [64.0, 12.0, 10.0, 34.0];

/// Points drawn of a line at most.
const MAX_POINTS: usize = 400;

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    /// Colour: `one` or `two`.
    pub(super) class: &'static str,
    /// (step, value), by step.
    pub(super) points: Vec<(f64, f64)>,
    /// Draws a dot at each point.
    pub(super) has_dots: bool,
}

/// The chart with its title and the names of its lines; nothing where no line has a value.
pub(super) fn chart(title: &str, lines: &[Line]) -> String {
    let Some((lowest, highest)) = geometry::extent(lines.iter().flat_map(|line| &line.points)) else {
        return String::new();
    };
    let [left, right, top, bottom] = MARGIN;
    let last_step = lines.iter().filter_map(|line| line.points.last()).fold(1.0, |last, point| f64::max(last, point.0));
    let room = ((highest - lowest) * 0.06).max(highest.abs() * 0.02).max(1e-9);
    let (low, high) = (if lowest >= 0.0 { (lowest - room).max(0.0) } else { lowest - room }, highest + room);
    let x = Scale::new((0.0, last_step), (left, WIDTH - right));
    let y = Scale::new((low, high), (HEIGHT - bottom, top));
    let legend: String = lines
        .iter()
        .filter(|line| !line.points.is_empty())
        .map(|line| format!(" <span class=\"key {}\">{}</span>", line.class, escape(&line.name)))
        .collect();
    let drawn: String = lines.iter().map(|line| drawn_line(line, &x, &y)).collect();
    let axes = axes(&x, &y, last_step, (low, high));
    let title = escape(title);
    format!(
        "<figure>\n<figcaption>{title}{legend}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title} by step, from {} to {}\">\n\
         {axes}{drawn}</svg>\n</figure>\n",
        significant(lowest),
        significant(highest)
    )
}

fn axes(x: &Scale, y: &Scale, last_step: f64, (low, high): (f64, f64)) -> String {
    let [left, right, top, bottom] = MARGIN;
    let (end, floor) = (WIDTH - right, HEIGHT - bottom);
    let mut axes = String::new();
    let ticks = geometry::ticks(low, high, 5);
    let step = geometry::tick_step(high - low, 5);
    // Rates are too small for decimals.
    let label = |value: f64| {
        if step >= 1e-4 {
            geometry::tick_label(value, step)
        } else if value.abs() < step * 1e-6 {
            "0".to_owned()
        } else {
            format!("{value:.1e}")
        }
    };
    for tick in ticks {
        let (at, label) = (y.at(tick), label(tick));
        axes.push_str(&format!(
            "<line class=\"grid\" x1=\"{left}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
            left - 6.0,
            at + 4.0
        ));
    }
    let step = geometry::tick_step(last_step, 6).max(1.0);
    for tick in geometry::ticks(0.0, last_step, 6).into_iter().filter(|tick| tick.fract() == 0.0) {
        let (at, label) = (x.at(tick), geometry::tick_label(tick, step));
        axes.push_str(&format!(
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{floor}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
            floor + 16.0
        ));
    }
    let middle = f64::midpoint(left, end);
    axes + &format!("<text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">step</text>\n", HEIGHT - 4.0)
}

fn drawn_line(line: &Line, x: &Scale, y: &Scale) -> String {
    let points = geometry::thinned(&line.points, MAX_POINTS);
    let class = line.class;
    let mut drawn = format!("<path class=\"{class}\" d=\"{}\"/>\n", geometry::path(&points, x, y));
    // A point alone makes no line.
    if line.has_dots || points.len() == 1 {
        for (step, value) in points.iter().filter(|point| point.1.is_finite()) {
            let (at_x, at_y) = (x.at(*step), y.at(*value));
            drawn.push_str(&format!("<circle class=\"{class}\" cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"3\"/>\n"));
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Line {
        Line { name: "a & b".into(), class: "one", points: points.to_vec(), has_dots: false }
    }

    #[test]
    fn a_chart_has_its_points_and_its_ticks() {
        let drawn = chart("Loss", &[line(&[(0.0, 0.0), (10.0, 2.0)])]);
        // The first point stands at the left end of the axis, at its foot; the last at the right end.
        assert!(drawn.contains("d=\"M64.0 186.0L628.0 20.0\""), "{drawn}");
        assert!(
            drawn.contains(">1.5</text>") && drawn.contains(">10</text>") && drawn.contains("a &amp; b"),
            "{drawn}"
        );
        assert!(drawn.contains("aria-label=\"Loss by step, from 0 to 2.000\""), "{drawn}");
        assert!(!drawn.contains("<circle") && chart("Loss", &[line(&[(1.0, 2.0)])]).contains("<circle"));
    }

    #[test]
    fn an_axis_of_rates_begins_with_a_plain_zero() {
        let drawn = chart("Learning rate", &[line(&[(0.0, 0.0), (10.0, 2e-5)])]);
        assert!(drawn.contains(">0</text>") && drawn.contains("e-5</text>") && !drawn.contains("0.0e0"), "{drawn}");
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out() {
        assert_eq!(chart("Loss", &[line(&[(1.0, f64::NAN)]), line(&[])]), "");
        assert!(!chart("Loss", &[line(&[(1.0, 1.0), (2.0, f64::INFINITY), (3.0, 2.0)])]).contains("inf"));
    }
}
