//! A line chart over steps: axes, ticks, several series, and a readout that follows the pointer or the handle on the
//! axis.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};

use super::axes::{Frame, place, x_axis, y_axis};
use super::geometry::{self, Scale};
use crate::format;

/// Points drawn of a series at most.
const MAX_POINTS: usize = 400;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const FRAME: Frame = Frame { left: 56.0, right: WIDTH - 12.0, top: 10.0, bottom: HEIGHT - 30.0 };

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub name: String,
    /// Colour class: `s1` to `s4`, or `faint`.
    pub class: &'static str,
    /// (step, value), sorted by step.
    pub points: Vec<(f64, f64)>,
    /// Draws a dot at each point.
    pub has_dots: bool,
}

/// What is drawn, ready to be put into elements.
#[derive(Clone)]
struct Drawing {
    x: Scale,
    x_ticks: Vec<(f64, String)>,
    y_ticks: Vec<(f64, String)>,
    lines: Vec<(&'static str, String)>,
    dots: Vec<(&'static str, f64, f64)>,
}

fn draw(series: &[Series], x_max: f64, y_fixed: Option<(f64, f64)>, is_percent: bool) -> Drawing {
    let (low, high) = y_fixed.unwrap_or_else(|| {
        let (low, high) = geometry::extent(series.iter().flat_map(|s| &s.points)).unwrap_or((0.0, 1.0));
        let room = ((high - low) * 0.06).max(high.abs() * 0.02).max(1e-6);
        (if low >= 0.0 { (low - room).max(0.0) } else { low - room }, high + room)
    });
    let x = Scale::new((0.0, x_max.max(1.0)), FRAME.x_range());
    let y = Scale::new((low, high), FRAME.y_range());
    let x_step = geometry::tick_step(x_max.max(1.0), 6).max(1.0);
    let y_step = geometry::tick_step(high - low, 5);
    let y_label = |value: f64| match is_percent {
        true => format!("{:.0} %", value * 100.0),
        false => geometry::tick_label(value, y_step),
    };
    let x_ticks = geometry::ticks(0.0, x_max.max(1.0), 6).into_iter().filter(|t| t.fract() == 0.0);
    let mut drawing = Drawing {
        x,
        x_ticks: x_ticks.map(|t| (x.at(t), geometry::tick_label(t, x_step))).collect(),
        y_ticks: geometry::ticks(low, high, 5).into_iter().map(|t| (y.at(t), y_label(t))).collect(),
        lines: Vec::new(),
        dots: Vec::new(),
    };
    for one in series {
        let points = geometry::thinned(&one.points, MAX_POINTS);
        drawing.lines.push((one.class, geometry::path(&points, &x, &y)));
        // A point alone makes no line.
        if one.has_dots || points.len() == 1 {
            let dots = points.iter().filter(|p| p.1.is_finite()).map(|p| (one.class, x.at(p.0), y.at(p.1)));
            drawing.dots.extend(dots);
        }
    }
    drawing
}

/// The last step that has a value.
fn last_step(series: &[Series]) -> f64 {
    series.iter().filter_map(|one| one.points.last()).fold(0.0, |last, point| f64::max(last, point.0))
}

/// What was known at a step: of each series the value there, or the one measured last before it.
fn read_off(series: &[Series], step: f64, value_text: impl Fn(f64) -> String) -> String {
    if series.iter().all(|one| one.points.is_empty()) {
        return "No values yet.".into();
    }
    let value = |one: &Series| match geometry::last_at(&one.points, step) {
        None => format!("{} not yet measured", one.name),
        // Values that are measured only now and then say when.
        Some((at, value)) if one.has_dots && at < step => {
            format!("{} {} (measured at step {at:.0})", one.name, value_text(value))
        }
        Some((_, value)) => format!("{} {}", one.name, value_text(value)),
    };
    format!("Step {step:.0}: {}.", series.iter().map(value).collect::<Vec<_>>().join("; "))
}

/// A figure with a heading, a legend, the plot, and a handle on its axis that reads it out.
#[component]
pub(crate) fn LineChart(
    title: &'static str,
    /// What is drawn.
    series: Signal<Vec<Series>>,
    /// Last step of the axis.
    x_max: Signal<f64>,
    /// Range of the y axis; `None` fits it to the values.
    #[prop(optional_no_strip)]
    y_fixed: Option<(f64, f64)>,
    /// Values are shares.
    #[prop(optional)]
    is_percent: bool,
) -> impl IntoView {
    // Read in many places, and made anew at each reading: of a long run that is much to copy.
    let series = Memo::new(move |_| series.get());
    let x_max = Memo::new(move |_| x_max.get());

    let drawing = Memo::new_with_compare(
        move |_| series.with(|series| draw(series, x_max.get(), y_fixed, is_percent)),
        |_, _| true,
    );
    // The step that is read out; `None` reads the last that has a value.
    let cursor = RwSignal::new(None::<f64>);
    let value_text = move |value: f64| if is_percent { format::percent(value) } else { format::significant(value) };
    let read_at = move || cursor.get().unwrap_or_else(|| series.with(|series| last_step(series)));
    let readout = move || {
        let step = read_at();
        series.with(|series| read_off(series, step, value_text))
    };
    let on_move = move |event: PointerEvent| {
        let Some(element) = event.current_target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        let bounds = element.get_bounding_client_rect();
        if bounds.width() > 0.0 {
            let x = (f64::from(event.client_x()) - bounds.left()) / bounds.width() * WIDTH;
            let step = drawing.with_untracked(|drawing| drawing.x.invert(x));
            cursor.set(Some(step.round().clamp(0.0, x_max.get_untracked().max(1.0))));
        }
    };
    let cursor_x = move || cursor.get().map(|step| drawing.with(|drawing| place(drawing.x.at(step))));
    let legend = move || {
        series.with(|series| {
            let item = |one: &Series| view! { <li class=format!("legend {}", one.class)>{one.name.clone()}</li> };
            series.iter().map(item).collect_view()
        })
    };
    view! {
        <figure class="chart">
            <figcaption>
                <span class="chart-title">{title}</span>
                <ul class="legends">{legend}</ul>
            </figcaption>
            <svg
                viewBox=format!("0 0 {WIDTH} {HEIGHT}")
                aria-hidden="true"
                on:pointermove=on_move
                on:pointerleave=move |_| cursor.set(None)
            >
                {move || drawing.with(plot)}
                <line
                    class="cursor"
                    x1=move || cursor_x().unwrap_or_else(|| "-9999".into())
                    x2=move || cursor_x().unwrap_or_else(|| "-9999".into())
                    y1=FRAME.top.to_string()
                    y2=FRAME.bottom.to_string()
                />
            </svg>
            <div class="readout">
                <input
                    type="range"
                    min="0"
                    step="1"
                    title="Choose a step to read its values"
                    aria-label=format!("{title}: step to read")
                    aria-valuetext=readout
                    max=move || x_max.get().max(1.0).to_string()
                    prop:value=move || read_at().round().to_string()
                    on:input=move |event| cursor.set(event_target_value(&event).parse().ok())
                />
                <p class="read" aria-hidden="true">{readout}</p>
            </div>
        </figure>
    }
    .into_any()
}

/// Grid, tick labels, lines and dots.
fn plot(drawing: &Drawing) -> AnyView {
    let lines =
        drawing.lines.iter().map(|(class, data)| view! { <path class=format!("line {class}") d=data.clone() /> });
    let dots = drawing.dots.iter().map(|(class, x, y)| {
        view! { <circle class=format!("dot {class}") cx=place(*x) cy=place(*y) r="3.5" /> }
    });
    let bottom = place(FRAME.bottom);
    view! {
        {y_axis(FRAME, &drawing.y_ticks)}
        {x_axis(FRAME, &drawing.x_ticks)}
        <line class="axis" x1=place(FRAME.left) x2=place(FRAME.right) y1=bottom.clone() y2=bottom />
        {lines.collect_view()}
        {dots.collect_view()}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_point_of_a_line_can_be_seen() {
        let series =
            |points: &[(f64, f64)]| Series { name: "loss".into(), class: "", points: points.to_vec(), has_dots: false };
        let num_dots = |points: &[(f64, f64)]| draw(&[series(points)], 10.0, None, false).dots.len();
        assert_eq!([num_dots(&[]), num_dots(&[(1.0, 2.0)]), num_dots(&[(1.0, 2.0), (2.0, 1.0)])], [0, 1, 0]);
    }

    #[test]
    fn a_step_is_read_off_without_what_was_measured_later() {
        let series = |name: &str, points: &[(f64, f64)], has_dots| {
            let (name, points) = (name.to_owned(), points.to_vec());
            Series { name, class: "", points, has_dots }
        };
        let loss = series("loss", &[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], false);
        let valid = series("validation loss", &[(2.0, 2.5)], true);
        let all = [loss, valid];
        let read = |step| read_off(&all, step, |value| value.to_string());
        assert_eq!(read(1.0), "Step 1: loss 3; validation loss not yet measured.");
        assert_eq!(read(2.0), "Step 2: loss 2; validation loss 2.5.");
        assert_eq!(read(3.0), "Step 3: loss 1; validation loss 2.5 (measured at step 2).");
        assert_eq!(last_step(&all), 3.0);
        assert_eq!(read_off(&[series("loss", &[], false)], 0.0, |_| String::new()), "No values yet.");
    }
}
