//! The loss over the learning rate, by powers of ten: a line, and a mark at a rate.

use leptos::prelude::*;

use super::geometry::{self, Scale};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
/// Room around the plot for the axes: left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (64.0, 14.0, 12.0, 50.0);

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
    let (left, right, top, bottom) = MARGIN;
    let decades: Vec<(f64, f64)> =
        points.iter().filter(|point| point.0 > 0.0).map(|&(rate, loss)| (rate.log10(), loss)).collect();
    let (from, to) = match (decades.first(), decades.last()) {
        (Some(first), Some(last)) => (first.0, last.0),
        _ => (-7.0, 0.0),
    };
    let (low, highest) = geometry::extent(&decades).unwrap_or((0.0, 1.0));
    let begin = decades.first().map_or(highest, |first| first.1);
    let high = begin + (begin - low).max(begin.abs() * 0.01).max(1e-6) * HEADROOM;
    let x = Scale::new((from, to), (left, WIDTH - right));
    let y = Scale::new((low, high), (HEIGHT - bottom, top));
    let shown: Vec<(f64, f64)> =
        decades.iter().map(|&(rate, loss)| (rate, if loss <= high { loss } else { f64::NAN })).collect();
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
    let (left, right, top, bottom) = MARGIN;
    let Drawing { line, mark, x_ticks, y_ticks } = draw(points, mark);
    let place = |value: f64| format!("{value:.1}");
    let x_ticks = x_ticks.into_iter().map(|(x, text)| {
        view! {
            <line class="grid" x1=place(x) x2=place(x) y1=place(top) y2=place(HEIGHT - bottom) />
            <text class="tick" x=place(x) y=place(HEIGHT - bottom + 20.0) text-anchor="middle">{text}</text>
        }
    });
    let y_ticks = y_ticks.into_iter().map(|(y, text)| {
        view! {
            <line class="grid" x1=place(left) x2=place(WIDTH - right) y1=place(y) y2=place(y) />
            <text class="tick" x=place(left - 8.0) y=place(y) text-anchor="end" dy="4">{text}</text>
        }
    });
    let mark = mark.map(|x| {
        view! { <line class="mark" x1=place(x) x2=place(x) y1=place(top) y2=place(HEIGHT - bottom) /> }
    });
    view! {
        <svg class="histogram" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label data-testid=id>
            {y_ticks.collect_view()}
            {x_ticks.collect_view()}
            {mark}
            <path class="line s1" d=line />
            <text class="tick" x=place(WIDTH - right) y=place(HEIGHT - 6.0) text-anchor="end">"learning rate"</text>
            <text class="tick" x=place(left + 6.0) y="26">"loss"</text>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_as_far_from_each_other_and_a_loss_that_runs_away_leaves_the_picture() {
        let points = [(1e-4, 1.0), (1e-3, 0.5), (1e-2, 0.4), (1e-1, 90.0)];
        let drawing = draw(&points, Some(1e-3));
        let labels: Vec<&str> = drawing.x_ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["1e-4", "1e-3", "1e-2", "1e-1"]);
        let gaps: Vec<f64> = drawing.x_ticks.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(gaps.iter().all(|gap| (gap - gaps[0]).abs() < 1e-6), "{gaps:?}");
        assert!(drawing.mark.is_some_and(|mark| (mark - drawing.x_ticks[1].0).abs() < 1e-6));
        assert_eq!(drawing.line.matches(['M', 'L']).count(), 3, "{}", drawing.line);
    }

    #[test]
    fn few_points_and_none_can_be_drawn() {
        for points in [&[][..], &[(1e-3, 0.5)], &[(0.0, 1.0)]] {
            let drawing = draw(points, None);
            assert!(!drawing.line.contains("NaN") && !drawing.y_ticks.is_empty(), "{drawing:?}");
        }
    }
}
