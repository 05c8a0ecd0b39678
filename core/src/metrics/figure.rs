//! A named number of an evaluation, so that figures of any task can be listed, compared and written alike.
//!
//! In: what a task's evaluation measured. Out: [`Figure`]s with the names that the field's libraries give them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One number and which way it is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As the field's libraries spell it: `f1`, `exact_match`, `rmse`.
    pub name: Cow<'static, str>,
    /// The number.
    pub value: f64,
    /// Whether a higher number is a better one.
    pub higher_is_better: bool,
    /// Where the rows were drawn anew, with replacement, a thousand times: the ends of what 95 % of the draws gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
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
        assert!(!json.contains("interval"), "what is not known is not written: {json}");
        assert_eq!(serde_json::from_str::<Vec<Figure>>(&json).expect("just written"), figures);
    }
}
