//! A named number of an evaluation, so that figures of any task can be listed, compared and written alike.
//!
//! In: what a task's evaluation measured. Out: [`Figure`]s with the names that the field's libraries give them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

/// One number and which way it is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenFigure", into = "WrittenFigure")]
pub struct Figure {
    /// As the field's libraries spell it: `f1`, `exact_match`, `rmse`.
    pub name: Cow<'static, str>,
    /// The number.
    pub value: f64,
    /// Whether a higher number is a better one.
    pub higher_is_better: bool,
    /// Where the rows were drawn anew, with replacement, a thousand times: the ends of what 95 % of the draws gave. `None` where that
    /// was not measured; where all draws gave the same, both ends are one, and no interval is known ([`known_interval`]).
    pub interval: Option<[f64; 2]>,
}

/// A [`Figure`] as JSON: an interval that was not measured is left out, one that is not known is `null`.
#[derive(Serialize, Deserialize)]
struct WrittenFigure {
    name: Cow<'static, str>,
    value: f64,
    higher_is_better: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read_interval")]
    interval: Option<Option<[f64; 2]>>,
}

/// An interval that is there, be it `null`.
fn read_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<[f64; 2]>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<Figure> for WrittenFigure {
    fn from(figure: Figure) -> Self {
        let Figure { name, value, higher_is_better, interval } = figure;
        Self { name, value, higher_is_better, interval: interval.map(known_interval) }
    }
}

impl From<WrittenFigure> for Figure {
    fn from(written: WrittenFigure) -> Self {
        let WrittenFigure { name, value, higher_is_better, interval } = written;
        Self { name, value, higher_is_better, interval: interval.map(|known| known.unwrap_or([value; 2])) }
    }
}

/// An interval as JSON has it: `None` where both ends are one. Every draw of the rows gave the same, as those of a single row do, and
/// how far the figure may be off is not known.
#[must_use]
pub fn known_interval([low, high]: [f64; 2]) -> Option<[f64; 2]> {
    (low != high).then_some([low, high])
}

impl Figure {
    /// A figure of which more is better.
    #[must_use]
    pub fn higher(name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self { name: name.into(), value, higher_is_better: true, interval: None }
    }

    /// A figure of which less is better.
    #[must_use]
    pub fn lower(name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self { name: name.into(), value, higher_is_better: false, interval: None }
    }
}

/// The figure called `name`.
#[must_use]
pub fn figure<'a>(figures: &'a [Figure], name: &str) -> Option<&'a Figure> {
    figures.iter().find(|figure| figure.name == name)
}

/// Gives figures the intervals of their names.
pub(super) fn set_intervals(
    figures: &mut [Figure],
    names: impl IntoIterator<Item = &'static str>,
    intervals: Vec<Option<[f64; 2]>>,
) {
    for (name, interval) in names.into_iter().zip(intervals) {
        if let Some(figure) = figures.iter_mut().find(|figure| figure.name == name) {
            figure.interval = interval;
        }
    }
}

/// Figures of names, each with whether more of it is better, their values and their intervals, of which the last ones may be
/// missing. A figure without a value is left out.
pub(super) fn name_figures(
    names: impl Iterator<Item = (&'static str, bool)>,
    values: Vec<Option<f64>>,
    intervals: Vec<Option<[f64; 2]>>,
) -> Vec<Figure> {
    let intervals = intervals.into_iter().chain(std::iter::repeat(None));
    let named = names.zip(values).zip(intervals);
    named
        .filter_map(|(((name, higher_is_better), value), interval)| {
            Some(Figure { name: Cow::Borrowed(name), value: value?, higher_is_better, interval })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_name_and_survives_json() {
        let figures = [Figure::lower("loss", 0.5), Figure::higher(String::from("recall@5"), 0.25)];
        let found = figure(&figures, "recall@5").expect("it is there");
        assert_eq!((found.value, found.higher_is_better), (0.25, true));
        assert_eq!(figure(&figures, "f1"), None);
        let json = serde_json::to_string(&figures).expect("figures are finite");
        assert!(!json.contains("interval"), "what is not measured is not written: {json}");
        assert_eq!(serde_json::from_str::<Vec<Figure>>(&json).expect("just written"), figures);
    }

    #[test]
    fn an_interval_that_is_not_known_is_null_in_json_and_known_as_such_again() {
        let of = |interval| Figure { interval: Some(interval), ..Figure::higher("accuracy", 0.5) };
        let json = |figure: &Figure| serde_json::to_string(figure).expect("figures are finite");
        assert!(json(&of([0.25, 0.75])).ends_with(r#""interval":[0.25,0.75]}"#), "{}", json(&of([0.25, 0.75])));
        let written = json(&of([0.5, 0.5]));
        assert!(written.ends_with(r#""interval":null}"#), "{written}");
        let before = written.replace("null", "[0.5,0.5]");
        for text in [written, before] {
            assert_eq!(serde_json::from_str::<Figure>(&text).expect("a figure"), of([0.5, 0.5]), "{text}");
        }
    }
}
