//! How far a result is from the reference: what tests demand, and what `hone-bench parity` tells of a device.

use std::fmt::{self, Display, Formatter};

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was compared, e.g. `logits`.
    pub what: String,
    /// The largest difference; not a number where a result is none.
    pub error: f64,
    /// How large it may be.
    pub tolerance: f64,
    /// Where the largest difference lies; empty where that says nothing.
    pub place: String,
}

impl Figure {
    /// A comparison of one thing.
    #[must_use]
    pub fn new(what: &str, error: f64, tolerance: f64) -> Self {
        Self { what: what.to_owned(), error, tolerance, place: String::new() }
    }

    /// The worst of several differences, each with its place; zero of none.
    #[must_use]
    pub fn worst(what: &str, tolerance: f64, differences: impl IntoIterator<Item = (String, f64)>) -> Self {
        // In the total order, what is not a number is larger than every number, if its sign is positive.
        let positive = differences.into_iter().map(|(place, error)| (place, error.abs()));
        let worst = positive.max_by(|(_, a), (_, b)| a.total_cmp(b));
        let (place, error) = worst.unwrap_or_default();
        Self { what: what.to_owned(), error, tolerance, place }
    }

    /// Whether the difference is small enough; never where a result is not a number.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

impl Display for Figure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: off by {:.1e}, at most {:.0e}", self.what, self.error, self.tolerance)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " ({})", self.place) }
    }
}

/// Prints the figures.
///
/// # Panics
/// When one is not within its tolerance.
pub fn demand(figures: &[Figure]) {
    for figure in figures {
        eprintln!("{figure}");
    }
    let wrong: Vec<String> = figures.iter().filter(|figure| !figure.passed()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_kept_and_nan_is_worst() {
        let of = |differences: &[f64]| {
            Figure::worst("x", 0.5, differences.iter().enumerate().map(|(index, error)| (index.to_string(), *error)))
        };
        let figure = of(&[0.1, 0.3, 0.2]);
        assert_eq!((figure.place.as_str(), figure.error, figure.passed()), ("1", 0.3, true));
        for nan in [f64::NAN, -f64::NAN] {
            assert!(!of(&[0.1, nan, 9.0]).passed() && of(&[0.1, nan, 9.0]).error.is_nan());
        }
        assert!(!of(&[0.6]).passed() && of(&[]).passed());
    }

    #[test]
    #[should_panic(expected = "x: off by 6.0e-1, at most 5e-1")]
    fn what_is_too_large_is_named() {
        demand(&[Figure::new("y", 0.1, 0.5), Figure::new("x", 0.6, 0.5)]);
    }
}
