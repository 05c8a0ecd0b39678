//! How the labels of a row stand in its cells, for whoever writes others there. In: the columns of labels with what stands in them. Out:
//! the labels; or, of other labels, what stands there then, in the way of the file.

use super::ReportDetail;
use super::cells::{SEPARATORS, is_bracketed, parse_labels, parse_truth, parse_vector};

/// How the labels of a row stand in its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelLayout {
    /// All of them in one cell, with this between them; a list in brackets needs nothing between.
    Cell {
        /// What stands between labels.
        separator: Option<char>,
    },
    /// A list of 0 and 1 in one cell, with a place for each of these labels.
    Places {
        /// The labels in the order of their places.
        labels: Vec<String>,
    },
    /// A cell with 0 or 1 for each label, whose name is that of its column.
    Columns {
        /// Labels that a row has are marked, and an empty cell says no.
        has_marks: bool,
    },
}

impl LabelLayout {
    /// Of rows that were read.
    #[must_use]
    pub fn of(detail: &ReportDetail) -> Self {
        match (detail.has_column_each, detail.places.is_empty()) {
            (true, _) => Self::Columns { has_marks: detail.has_marks },
            (false, true) => Self::Cell { separator: detail.separator },
            (false, false) => Self::Places { labels: detail.places.clone() },
        }
    }

    /// The labels of a row whose columns of labels hold these cells, each a (column, cell); `None` where one of them can't be read.
    #[must_use]
    pub fn labels_of(&self, cells: &[(&str, &str)]) -> Option<Vec<String>> {
        let first = cells.first().map_or("", |(_, cell)| *cell);
        match self {
            Self::Cell { separator } => parse_labels(first, *separator),
            Self::Places { labels } => {
                let truths = parse_vector(first).filter(|truths| truths.len() == labels.len())?;
                Some(labels.iter().zip(truths).filter(|(_, has)| *has).map(|(label, _)| label.clone()).collect())
            }
            Self::Columns { has_marks } => {
                let is_gap = |cell: &str| *has_marks && cell.trim().is_empty();
                let truth = |cell: &str| parse_truth(cell).or(is_gap(cell).then_some(false));
                let truths = cells.iter().map(|(column, cell)| Some((column, truth(cell)?)));
                let truths: Vec<(&&str, bool)> = truths.collect::<Option<_>>()?;
                Some(truths.into_iter().filter(|(_, has)| *has).map(|(column, _)| (*column).to_owned()).collect())
            }
        }
    }

    /// The first of these labels that can't be written: no column of `columns` and no place of a list is for it.
    #[must_use]
    pub fn find_without_place<'l>(&self, labels: &'l [String], columns: &[&str]) -> Option<&'l String> {
        let has_place = |label: &String| match self {
            Self::Cell { .. } => true,
            Self::Places { labels } => labels.contains(label),
            Self::Columns { .. } => columns.iter().any(|column| column == label),
        };
        labels.iter().find(|label| !has_place(label))
    }

    /// The new content of these cells, each a (column, cell), once the row has `labels`; in the order of the cells.
    #[must_use]
    pub fn cells_with(&self, labels: &[String], cells: &[(&str, &str)]) -> Vec<String> {
        let written = |(column, cell): &(&str, &str)| match self {
            Self::Cell { separator } => write_labels(labels, cell, *separator),
            Self::Places { labels: places } => {
                let truth = |place: &String| if labels.contains(place) { "1" } else { "0" };
                format!("[{}]", places.iter().map(truth).collect::<Vec<_>>().join(", "))
            }
            Self::Columns { has_marks: true } => write_mark(labels.iter().any(|label| label == column), cell, cells),
            Self::Columns { .. } => write_truth(labels.iter().any(|label| label == column), cell),
        };
        cells.iter().map(written).collect()
    }
}

/// Labels in the way of the cell before: with its separator, or as a list. They are a list, too, where one of them has a character that
/// may be guessed as the separator when the file is read again: a list is read in any file.
fn write_labels(labels: &[String], before: &str, separator: Option<char>) -> String {
    let is_list = is_bracketed(before);
    let is_plain = |label: &String| !label.contains(SEPARATORS) && !separator.is_some_and(|own| label.contains(own));
    let joined = match (labels, separator) {
        ([label], None) => Some(label.clone()),
        ([], _) | (_, None) => None,
        (labels, Some(separator)) => {
            let space = if before.contains(&format!("{separator} ")) { " " } else { "" };
            Some(labels.join(&format!("{separator}{space}")))
        }
    };
    match joined.filter(|joined| !is_list && labels.iter().all(is_plain) && !is_bracketed(joined)) {
        Some(joined) => joined,
        None => serde_json::Value::from(labels).to_string(),
    }
}

/// The mark of a label that a row has, as its others are written if it has some; nothing for one that it lacks.
fn write_mark(has: bool, before: &str, cells: &[(&str, &str)]) -> String {
    let is_mark = |cell: &&str| parse_truth(cell) == Some(true);
    let marks = std::iter::once(before).chain(cells.iter().map(|(_, cell)| *cell));
    if has { marks.map(str::trim).find(is_mark).unwrap_or("x").to_owned() } else { String::new() }
}

/// Yes or no in the words that stood there.
fn write_truth(has: bool, before: &str) -> String {
    if parse_truth(before) == Some(has) {
        return before.to_owned();
    }
    let before = before.trim();
    let [no, yes] = match before.to_lowercase().as_str() {
        "true" | "false" => ["false", "true"],
        "yes" | "no" => ["no", "yes"],
        "y" | "n" => ["n", "y"],
        "1.0" | "0.0" => ["0.0", "1.0"],
        _ => ["0", "1"],
    };
    let word = if has { yes } else { no };
    match before.chars().next().filter(|first| first.is_uppercase()) {
        Some(_) if before.chars().all(|c| !c.is_lowercase()) => word.to_uppercase(),
        Some(_) => word[..1].to_uppercase() + &word[1..],
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn labels_are_written_as_those_before_and_read_again() {
        for (separator, before, labels, expected) in [
            (Some(';'), "a;b", &["b", "c"][..], "b;c"),
            (Some(','), "a, b", &["b", "c"], "b, c"),
            (Some(';'), "a", &[], "[]"),
            (Some(';'), "a", &["x;y", "z"], r#"["x;y","z"]"#),
            (Some(';'), "a;b", &["x, y"], r#"["x, y"]"#),
            (None, "", &["x, y"], r#"["x, y"]"#),
            (Some('/'), "a/b", &["x/y"], r#"["x/y"]"#),
            (Some('|'), r#"["a"]"#, &["b"], r#"["b"]"#),
            (Some(';'), "['a', 'b']", &["it's"], r#"["it's"]"#),
            (None, "", &["one"], "one"),
            (None, "", &["one", "other"], r#"["one","other"]"#),
            (None, "", &["[x]"], r#"["[x]"]"#),
            (None, r#"{"a": 1, "b": 0}"#, &["b"], r#"["b"]"#),
        ] {
            let layout = LabelLayout::Cell { separator };
            let labels = owned(labels);
            let written = layout.cells_with(&labels, &[("tags", before)]);
            assert_eq!(written, [expected]);
            assert_eq!(layout.labels_of(&[("tags", &written[0])]), Some(labels));
        }
    }

    #[test]
    fn places_and_columns_say_yes_and_no_in_the_words_of_the_file() {
        let places = LabelLayout::Places { labels: owned(&["x", "y", "z"]) };
        assert_eq!(places.cells_with(&owned(&["z", "x"]), &[("labels", "[0, 1, 0]")]), ["[1, 0, 1]"]);
        assert_eq!(places.labels_of(&[("labels", "[1.0, 0, 1]")]), Some(owned(&["x", "z"])));
        assert_eq!(places.labels_of(&[("labels", "[1]")]), None);
        let labels = owned(&["x", "new"]);
        assert_eq!(places.find_without_place(&labels, &[]), Some(&labels[1]));
        assert_eq!(
            LabelLayout::Columns { has_marks: false }.find_without_place(&labels, &["x", "y"]),
            Some(&labels[1])
        );
        assert_eq!(LabelLayout::Cell { separator: None }.find_without_place(&labels, &[]), None);
        let cells = [("toxic", "0"), ("rude", "True"), ("loud", "NO"), ("new", " ")];
        let written = LabelLayout::Columns { has_marks: false }.cells_with(&owned(&["toxic", "loud"]), &cells);
        assert_eq!(written, ["1", "False", "YES", "0"]);
        let again: Vec<(&str, &str)> =
            cells.iter().zip(&written).map(|((column, _), cell)| (*column, cell.as_str())).collect();
        assert_eq!(LabelLayout::Columns { has_marks: false }.labels_of(&again), Some(owned(&["toxic", "loud"])));
        assert_eq!(LabelLayout::Columns { has_marks: false }.labels_of(&cells), None, "the last cell says nothing");
        assert_eq!(
            LabelLayout::Columns { has_marks: false }.cells_with(&owned(&["toxic"]), &[("toxic", "1.0")]),
            ["1.0"],
            "it has it already"
        );
    }
    #[test]
    fn marks_are_written_as_the_others_of_their_row() {
        let layout = LabelLayout::Columns { has_marks: true };
        let cells = [("toxic", "X"), ("rude", ""), ("loud", " ")];
        assert_eq!(layout.labels_of(&cells), Some(owned(&["toxic"])));
        assert_eq!(layout.cells_with(&owned(&["loud", "rude"]), &cells), ["", "X", "X"]);
        assert_eq!(layout.cells_with(&owned(&["loud"]), &cells[1..]), ["", "x"]);
    }
}
