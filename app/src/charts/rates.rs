//! The loss over the learning rate, by powers of ten: a line, and a mark at a rate.

use leptos::prelude::*;

use super::axes::{Frame, place, x_axis, y_axis};
use super::geometry::{self, Scale};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const FRAME: Frame = Frame { left: 64.0, right: WIDTH - 14.0, top: 12.0, bottom: HEIGHT - 50.0 };

/// How far above its beginning the loss is drawn, as a share of what it fell: where it runs away it leaves the picture.
const HEADROOM: f64 = 0.25;

/// What is drawn, ready to be put into elements.
#[derive(Debug, Clone, PartialEq)]
struct Drawing {
    line: String,
    mark: Option<f64>,
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
}

/// Points are (rate above 0, loss); `mark` is a rate.
fn draw(points: &[(f64, f64)], mark: Option<f64>) -> Drawing {
    let decades: Vec<(f64, f64)> =
        points.iter().filter(|point| point.0 > 0.0).map(|&(rate, loss)| (rate.log10(), loss)).collect();
    let (from, to) = match (decades.first(), decades.last()) {
        (Some(first), Some(last)) => (first.0, last.0),
        _ => (-7.0, 0.0),
    };
    let (low, highest) = geometry::extent(&decades).unwrap_or((0.0, 1.0));
    let begin = decades.first().map_or(highest, |first| first.1);
    let high = begin + (begin - low).max(begin.abs() * 0.01).max(1e-6) * HEADROOM;
    let x = Scale::new((from, to), FRAME.x_range());
    let y = Scale::new((low, high), FRAME.y_range());
    // The first point above reaches the upper edge; no line runs along it.
    let is_above = |index: usize| decades[index].1 > high;
    let clipped = |(index, &(rate, loss)): (usize, &(f64, f64))| match is_above(index) {
        true if index > 0 && is_above(index - 1) => (rate, f64::NAN),
        true => (rate, high),
        false => (rate, loss),
    };
    let shown: Vec<(f64, f64)> = decades.iter().enumerate().map(clipped).collect();
    let step = geometry::tick_step(high - low, 4);
    let whole = ((from - 1e-9).ceil() as i32)..=((to + 1e-9).floor() as i32);
    Drawing {
        line: geometry::path(&shown, &x, &y),
        mark: mark.filter(|rate| *rate > 0.0).map(|rate| x.at(rate.log10())),
        x_ticks: whole.map(|decade| (x.at(f64::from(decade)), format!("1e{decade}"))).collect(),
        y_ticks: geometry::ticks(low, high, 4)
            .into_iter()
            .map(|tick| (y.at(tick), geometry::tick_label(tick, step)))
            .collect(),
    }
}

/// The plot; `label` is its text for those who do not see it.
pub(crate) fn rates(id: &'static str, points: &[(f64, f64)], mark: Option<f64>, label: String) -> AnyView {
    let Drawing { line, mark, x_ticks, y_ticks } = draw(points, mark);
    let mark = mark.map(|x| {
        view! { <line class="mark" x1=place(x) x2=place(x) y1=place(FRAME.top) y2=place(FRAME.bottom) /> }
    });
    view! {
        <svg class="histogram" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label data-testid=id>
            {y_axis(FRAME, &y_ticks)}
            {x_axis(FRAME, &x_ticks)}
            {mark}
            <path class="line s1" d=line />
            <text class="tick" x=place(FRAME.right) y=place(HEIGHT - 6.0) text-anchor="end">"learning rate"</text>
            <text class="tick" x=place(FRAME.left + 6.0) y="26">"loss"</text>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_as_far_from_each_other_and_a_loss_that_runs_away_leaves_the_picture() {
        let points = [(1e-4, 1.0), (1e-3, 0.5), (1e-2, 0.4), (1e-1, 90.0), (1.0, 95.0)];
        let drawing = draw(&points, Some(1e-3));
        let labels: Vec<&str> = drawing.x_ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["1e-4", "1e-3", "1e-2", "1e-1", "1e0"]);
        let gaps: Vec<f64> = drawing.x_ticks.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(gaps.iter().all(|gap| (gap - gaps[0]).abs() < 1e-6), "{gaps:?}");
        assert!(drawing.mark.is_some_and(|mark| (mark - drawing.x_ticks[1].0).abs() < 1e-6));
        assert_eq!(drawing.line.matches(['M', 'L']).count(), 4, "{}", drawing.line);
        assert!(drawing.line.ends_with(&format!(" {:.1}", FRAME.top)), "it reaches the edge: {}", drawing.line);
    }

    #[test]
    fn few_points_and_none_can_be_drawn() {
        for points in [&[][..], &[(1e-3, 0.5)], &[(0.0, 1.0)]] {
            let drawing = draw(points, None);
            assert!(!drawing.line.contains("NaN") && !drawing.y_ticks.is_empty(), "{drawing:?}");
        }
    }
}
