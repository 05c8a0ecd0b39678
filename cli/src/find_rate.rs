//! `hone train --find-learning-rate`: how the loss moves while the learning rate rises, and the rate that follows of it.
//!
//! In: a session with model and rows. Out: a curve and a suggestion on standard output, as text or as one line of JSON.
//! Nothing is written.

use std::process::ExitCode;

use futures_lite::future::block_on;
use hone_core::config::RunConfig;
use hone_core::session::{Session, SessionError};
use hone_core::train::{RateCurve, RateRange};
use hone_core::words::plural;
use serde_json::{Value, json};

use crate::progress::Progress;
use crate::train::name_flags;

/// Size of the curve, in characters.
const WIDTH: usize = 64;
const HEIGHT: usize = 12;

/// How far above its beginning the loss is drawn, as a share of what it fell: where it runs away it leaves the picture.
const HEADROOM: f64 = 0.25;

/// Runs the test and prints what it says.
///
/// # Errors
/// When a setting can't be used or the device fails.
pub(crate) fn run(
    session: &mut Session,
    run: RunConfig,
    is_json: bool,
    progress: &mut Progress,
) -> anyhow::Result<ExitCode> {
    let range = RateRange::default();
    let mut finder = session.rate_finder(run, range).map_err(name_flags)?;
    let total = range.steps as usize;
    while block_on(finder.next_point()).map_err(SessionError::from)?.is_some() {
        progress.rows("raising the learning rate", finder.curve().points.len(), total);
    }
    progress.clear();
    let text = if is_json { format!("{}\n", in_json(finder.curve())) } else { in_words(finder.curve()) };
    progress.print(&text);
    Ok(ExitCode::SUCCESS)
}

fn in_json(curve: &RateCurve) -> Value {
    json!({
        "event": "learning_rates",
        "points": curve.points,
        "smoothed": curve.smoothed(),
        "diverged": curve.diverged,
        "steepest": curve.steepest(),
        "tenth_of_lowest": curve.tenth_of_lowest(),
    })
}

fn in_words(curve: &RateCurve) -> String {
    let steps = plural(curve.points.len(), "step");
    let ended = match (curve.diverged, curve.points.last()) {
        (true, Some(last)) => format!(", until the loss ran away at {:.1e}", last.learning_rate),
        _ => String::new(),
    };
    let mut text = format!("learning rate raised in {steps}{ended}\n{}", picture(curve));
    match curve.steepest() {
        Some(rate) => text.push_str(&format!(
            "suggestion: --learning-rate {rate:.1e} (the loss falls fastest there: the steepest descent of Smith 2017)\n"
        )),
        None => text.push_str("no suggestion: the loss falls nowhere; look at the rows, or at --method\n"),
    }
    if let Some(rate) = curve.tenth_of_lowest() {
        text.push_str(&format!("a tenth of the rate with the lowest loss: {rate:.1e}\n"));
    }
    text.push_str("it is a help, not a proof: compare a few rates around it with hone sweep\n");
    text
}

/// The smoothed loss over the rate, whose decades are marked below; `^` is the suggestion.
fn picture(curve: &RateCurve) -> String {
    let smoothed = curve.smoothed();
    let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else { return String::new() };
    let low = smoothed.iter().copied().fold(f64::INFINITY, f64::min);
    let begin = smoothed[0];
    let high = begin + (begin - low).max(begin.abs() * 0.01).max(1e-6) * HEADROOM;
    let decades = (last.learning_rate / first.learning_rate).log10().max(1e-9);
    let column = |rate: f64| {
        let share = (rate / first.learning_rate).log10() / decades;
        ((share * (WIDTH - 1) as f64).round().max(0.0) as usize).min(WIDTH - 1)
    };
    let mut rows = vec![vec![' '; WIDTH]; HEIGHT];
    for (point, loss) in curve.points.iter().zip(&smoothed).filter(|(_, loss)| **loss <= high) {
        let share = (high - loss) / (high - low).max(1e-12);
        let row = ((share * (HEIGHT - 1) as f64).round().max(0.0) as usize).min(HEIGHT - 1);
        rows[row][column(point.learning_rate)] = '*';
    }
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let loss = high - (high - low) * index as f64 / (HEIGHT - 1) as f64;
        let line: String = row.iter().collect();
        text.push_str(&format!("{loss:>9.4} |{}\n", line.trim_end()));
    }
    let mut axis = vec!['-'; WIDTH];
    if let Some(rate) = curve.steepest() {
        axis[column(rate)] = '^';
    }
    text.push_str(&format!("{:>9} +{}\n", "", axis.into_iter().collect::<String>()));
    let mut labels = String::new();
    let (from, to) = (first.learning_rate.log10().ceil() as i32, last.learning_rate.log10().floor() as i32);
    for decade in from..=to {
        let at = column(10_f64.powi(decade));
        // A label that would touch the one before is left out.
        if labels.is_empty() || at > labels.len() {
            labels.push_str(&" ".repeat(at.saturating_sub(labels.len())));
            labels.push_str(&format!("1e{decade}"));
        }
    }
    text.push_str(&format!("{:>9}  {labels}\n", "loss"));
    text
}

#[cfg(test)]
mod tests {
    use hone_core::train::RatePoint;

    use super::*;

    fn curve() -> RateCurve {
        let range = RateRange::default();
        let point = |index| {
            let learning_rate = range.rate(index);
            let decades = learning_rate.log10();
            let learned = 0.5 / (1.0 + (-(decades + 4.0) * 3.0).exp());
            RatePoint { learning_rate, loss: 0.7 - learned + (decades + 1.0).max(0.0).powi(2) }
        };
        RateCurve { points: (0..range.steps).map(point).collect(), diverged: true }
    }

    #[test]
    fn the_curve_is_drawn_over_its_decades() {
        let text = picture(&curve());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 2);
        assert!(lines[..HEIGHT].iter().filter(|line| line.contains('*')).count() >= 8, "{text}");
        assert!(lines[HEIGHT].contains('^'), "{text}");
        assert!(lines[HEIGHT + 1].contains("1e-7") && lines[HEIGHT + 1].contains("1e-4"), "{text}");
        assert!(lines.iter().all(|line| line.len() <= 80), "{text}");
        assert_eq!(picture(&RateCurve::default()), "");
    }

    #[test]
    fn what_follows_is_said_in_words_and_as_json() {
        let text = in_words(&curve());
        assert!(text.starts_with("learning rate raised in 100 steps, until the loss ran away at 1.0e0\n"), "{text}");
        assert!(text.contains("suggestion: --learning-rate "), "{text}");
        let json = in_json(&curve());
        assert_eq!(json["points"].as_array().map(Vec::len), Some(100));
        assert!(json["steepest"].as_f64().is_some_and(|rate| (5e-5..2e-4).contains(&rate)), "{}", json["steepest"]);
        let flat = RateCurve { points: vec![RatePoint { learning_rate: 1e-3, loss: 1.0 }; 3], diverged: false };
        assert!(in_words(&flat).contains("no suggestion") && in_json(&flat)["steepest"].is_null());
    }
}
