//! What there is to say of two runs that were compared: figures, the verdict, what was tested and what was left out.

use super::{ComparedFigure, RunComparison};
use crate::metrics::{McNemar, known_interval};
use crate::task::Unit;
use crate::words::{count, plural};

/// A difference that luck gives more seldom than this is called one that is hardly luck.
const LUCK: f64 = 0.05;

impl ComparedFigure {
    /// By how much the second run is better; less than 0 where it is worse.
    fn gain(&self) -> f64 {
        let by = self.difference.second - self.difference.first;
        if self.higher_is_better { by } else { -by }
    }

    /// A value of it.
    #[must_use]
    pub fn value_text(&self, value: f64) -> String {
        match self.unit {
            Unit::Share => format!("{:.1} %", value * 100.0),
            Unit::Percent => format!("{value:.1} %"),
            Unit::Score | Unit::Number => format!("{value:.4}"),
        }
    }

    /// A difference of two values: `1.5 points`, `-0.0123`.
    #[must_use]
    pub fn difference_text(&self, by: f64) -> String {
        // Nothing is `-0.0`.
        let points = |by: f64| format!("{:.1} points", (by * 10.0).round() / 10.0 + 0.0);
        match self.unit {
            Unit::Share => points(by * 100.0),
            Unit::Percent => points(by),
            Unit::Score | Unit::Number => format!("{:.4}", (by * 1e4).round() / 1e4 + 0.0),
        }
    }

    /// The second less the first.
    #[must_use]
    pub fn by_text(&self) -> String {
        self.difference_text(self.difference.second - self.difference.first)
    }

    /// Between which values that lies; where every draw of the rows gave the same, that it is not known.
    #[must_use]
    pub fn interval_text(&self) -> String {
        let Some(interval) = known_interval(self.difference.interval) else { return "not known".to_owned() };
        let [low, high] = interval.map(|end| self.difference_text(end));
        format!("{low} to {high}")
    }
}

impl RunComparison {
    /// The test, where the verdict goes by it.
    fn deciding_test(&self) -> Option<&McNemar> {
        self.test.as_ref().filter(|_| self.is_by_rows)
    }

    /// Whether the difference could be luck: by McNemar's test, or else by whether 95 % of the draws agree on the better run.
    fn luck(&self, figure: &ComparedFigure) -> &'static str {
        let [low, high] = figure.difference.interval;
        let is_hardly = match self.deciding_test() {
            Some(test) => test.p_exact < LUCK,
            // Each draw of a single row is that row.
            None if low >= high => return "these rows are too few, or too much alike, to say whether this is luck",
            None => low > 0.0 || high < 0.0,
        };
        if is_hardly { "this is hardly luck" } else { "this could be luck" }
    }

    /// Which run is better by how much, and whether that could be luck: a sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let [first, second] = &self.names;
        let Some(figure) = self.figures.first() else {
            return format!("Nothing could be measured of both {first} and {second}.");
        };
        let (by, title) = (figure.gain(), within_sentence(&figure.title));
        let test = self.deciding_test().map(|test| format!("; McNemar p {}", probability(test.p_exact)));
        if by == 0.0 {
            return match test {
                Some(test) => format!("{first} and {second} have as many rows right{test}: neither is better."),
                None => format!("{first} and {second} have the same {title}: neither is better."),
            };
        }
        // As the gain of the better one.
        let turn = |value: f64| if (by > 0.0) == figure.higher_is_better { value } else { -value };
        let between = match known_interval(figure.difference.interval) {
            Some(interval) => {
                let [mut low, mut high] = interval.map(turn);
                if low > high {
                    (low, high) = (high, low);
                }
                let [low, high] = [low, high].map(|end| figure.difference_text(end));
                format!("95 % between {low} and {high}")
            }
            None => "the same in every draw of these rows, so that no interval is known".to_owned(),
        };
        let better = if by > 0.0 { second } else { first };
        let by = figure.difference_text(by.abs());
        // Of right rows the points say enough.
        let (of, test) = test.map_or_else(|| (format!(" in {title}"), String::new()), |test| (String::new(), test));
        format!("{better} is better by {by}{of}, {between}{test}: {}.", self.luck(figure))
    }

    /// What the test looked at; nothing without one.
    #[must_use]
    pub fn test_words(&self) -> String {
        let Some(test) = &self.test else { return String::new() };
        let [first, second] = &self.names;
        format!(
            "Only {first} right: {}. Only {second} right: {}. McNemar's test on these: exact p {}, mid-p {}, chi-squared {:.2} with \
             p {}.",
            test.only_first,
            test.only_second,
            probability(test.p_exact),
            probability(test.p_mid),
            test.chi2,
            probability(test.p_chi2)
        )
    }

    /// How it was measured, and what was left out.
    #[must_use]
    pub fn notes(&self) -> String {
        let draws = format!(
            "On {} that both have. Intervals are of {} draws of these rows, with replacement, the same for both.",
            plural(self.num_rows, "row"),
            count(self.num_resamples)
        );
        match self.num_left_out {
            0 => draws,
            left_out => {
                let rows = plural(left_out, "row");
                format!("{draws} Left out, as only one has them or the text or label is another by now: {rows}.")
            }
        }
    }
}

/// A title within a sentence: `mean squared error`, but `F1 of entities` and `BLEU`.
fn within_sentence(title: &str) -> String {
    let mut letters = title.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(title.chars().skip(1)).collect()
        }
        _ => title.to_owned(),
    }
}

/// What stands behind "p": two digits that count.
fn probability(p: f64) -> String {
    if p < 0.0001 {
        "below 0.0001".to_owned()
    } else if p < 0.01 {
        format!("= {p:.4}")
    } else {
        format!("= {p:.2}")
    }
}
