//! Whether the first row of a delimited file names the columns.

/// Names under which labels are known, best first.
pub(in crate::data) const LABEL_NAMES: &[&str] = &[
    "label",
    "labels",
    "category",
    "class",
    "intent",
    "target",
    "sentiment",
    "topic",
    "tag",
    "emotion",
    "label_text",
    "label_name",
    "coarse_label",
    "type",
    "polarity",
    "stars",
    "rating",
    "score",
    "y",
    "kategorie",
    "klasse",
];

/// Names under which texts are known, best first.
pub(in crate::data) const TEXT_NAMES: &[&str] = &[
    "text",
    "sentence",
    "question",
    "review",
    "message",
    "utterance",
    "content",
    "document",
    "body",
    "comment",
    "tweet",
    "query",
    "input",
    "description",
    "headline",
    "title",
    "abstract",
    "summary",
    "x",
];

/// Longest cell that is taken for a column name, in characters.
const MAX_NAME: usize = 64;

/// Longest cell that is taken for a column name on the evidence of the other rows alone, in characters.
const MAX_UNKNOWN_NAME: usize = 32;

/// Place of a column name in a list of known ones, ignoring case, spaces and underscores around and within.
pub(in crate::data) fn name_rank(name: &str, known: &[&str]) -> Option<usize> {
    let plain = name.trim().to_lowercase().replace([' ', '-'], "_");
    known.iter().position(|known| *known == plain)
}

/// Whether a cell is surely a column name; a single letter is as likely a value.
pub(super) fn is_known(name: &str) -> bool {
    name.trim().len() > 1 && (name_rank(name, LABEL_NAMES).is_some() || name_rank(name, TEXT_NAMES).is_some())
}

fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

/// Guesses from the first row and a sample of the others (of the same width).
///
/// A header's cells are short, unique, not empty and not numbers, and either one of them is a known name that does
/// not come back below it, or a column is of another kind below: numbers, or a few short values that keep coming
/// back and are not this one, beside longer texts.
pub(super) fn has_header(first: &[String], rest: &[Vec<String>]) -> bool {
    let mut seen = std::collections::HashSet::new();
    let like_names = first.iter().all(|cell| {
        let cell = cell.trim();
        !cell.is_empty() && cell.chars().count() <= MAX_NAME && !is_number(cell) && seen.insert(cell.to_lowercase())
    });
    if !like_names {
        return false;
    }
    let comes_back = |column: usize| rest.iter().any(|row| row[column].trim() == first[column].trim());
    if (0..first.len()).any(|column| is_known(&first[column]) && !comes_back(column)) {
        return true;
    }
    if rest.is_empty() || first.iter().any(|cell| cell.trim().chars().count() > MAX_UNKNOWN_NAME) {
        return false;
    }
    let is_numeric = |column: usize| rest.iter().all(|row| is_number(&row[column]));
    if (0..first.len()).any(is_numeric) {
        return true;
    }
    let lengths = |column: usize| rest.iter().map(|row| row[column].chars().count()).sum::<usize>() / rest.len();
    let is_label = |column: usize| {
        let distinct: std::collections::HashSet<&str> = rest.iter().map(|row| row[column].trim()).collect();
        rest.len() >= 10 && distinct.len() * 5 <= rest.len() && !comes_back(column)
    };
    let is_text = |column: usize| lengths(column) >= 2 * first[column].chars().count() && !comes_back(column);
    (0..first.len()).any(is_label) && (0..first.len()).any(is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(first: [&str; 2], rest: &[[&str; 2]]) -> bool {
        let own = |row: &[&str; 2]| row.iter().map(ToString::to_string).collect::<Vec<_>>();
        has_header(&own(&first), &rest.iter().map(own).collect::<Vec<_>>())
    }

    #[test]
    fn known_names_are_a_header() {
        assert!(guess(["Text", "Category"], &[["hello", "greeting"]]));
        assert!(guess(["id", " Label "], &[["x1", "a"]]));
    }

    #[test]
    fn a_known_name_that_comes_back_is_a_value() {
        let rows = [["question", "when is it?"], ["answer", "at ten"], ["question", "why?"]];
        assert!(!guess(["question", "what is up?"], &rows));
    }

    #[test]
    fn unknown_names_above_other_kinds_are_a_header() {
        assert!(guess(["wert", "satz"], &[["1", "gut"], ["0", "schlecht"]]));
        let rows = [["gut", "das hat mir wirklich sehr gefallen"], ["schlecht", "nein, das war leider gar nichts"]];
        assert!(guess(["urteil", "satz"], &rows.repeat(6)));
        assert!(!guess(["gut", "das war schon alles"], &rows.repeat(6)));
    }

    #[test]
    fn numbers_long_texts_gaps_and_repeats_are_no_header() {
        assert!(!guess(["3", "text"], &[["4", "x"]]));
        assert!(!guess(["it works", "y"], &[["it does not", "n"], ["nor this", "n"]]));
        assert!(!guess(["label", ""], &[["a", "x"]]));
        assert!(!guess(["label", "label"], &[["a", "x"]]));
        assert!(!guess(["label", &"long ".repeat(20)], &[["a", "x"]]));
    }
}
