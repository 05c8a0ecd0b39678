//! Sentences in which something is wrong: in what order they are looked at, those of one kind alone, and as a file. Plain
//! data, tested natively.

use std::cmp::Reverse;

use hone_core::metrics::EntityErrorKind;
use hone_core::task::token_classification::{RowPrediction, Span};

use super::marks::covered;
use crate::format;

/// The kinds of errors in the order in which they are offered: value, and what it is.
pub(super) const KINDS: [(&str, EntityErrorKind, &str); 4] = [
    ("missed", EntityErrorKind::Missed, "missed"),
    ("spurious", EntityErrorKind::Spurious, "found where nothing is"),
    ("wrong_type", EntityErrorKind::WrongType, "of the wrong type"),
    ("wrong_border", EntityErrorKind::WrongBorder, "with a wrong border"),
];

/// How many errors there are of each of [`KINDS`].
pub(super) fn count_kinds(rows: &[&RowPrediction]) -> [usize; 4] {
    KINDS.map(|(_, kind, _)| rows.iter().flat_map(|row| &row.errors).filter(|error| error.kind == kind).count())
}

/// The rows with errors (of one kind, if it is given), those with most of them first.
pub(super) fn wrong_rows(rows: &[RowPrediction], kind: Option<EntityErrorKind>) -> Vec<&RowPrediction> {
    let count =
        |row: &RowPrediction| row.errors.iter().filter(|error| kind.is_none_or(|kind| error.kind == kind)).count();
    let mut wrong: Vec<&RowPrediction> = rows.iter().filter(|row| count(row) > 0).collect();
    wrong.sort_by_key(|row| Reverse(count(row)));
    wrong
}

/// What is wrong with a row: `1 missed, 2 with a wrong border`.
pub(super) fn describe(row: &RowPrediction) -> String {
    let counts = count_kinds(&[row]);
    let of_kind = KINDS.iter().zip(counts).filter(|(_, count)| *count > 0);
    of_kind.map(|((_, _, words), count)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
}

/// Whether a span is part of an error: of the spans that are there, or of those that were predicted.
pub(super) fn is_wrong(row: &RowPrediction, is_gold: bool, index: usize) -> bool {
    row.errors.iter().any(|error| (if is_gold { error.gold } else { error.predicted }) == Some(index))
}

/// All errors as a CSV file.
pub(super) fn errors_csv(rows: &[RowPrediction]) -> String {
    let mut csv = "row,error,true_start,true_end,true_text,true_label,start,end,text,label,score\n".to_owned();
    for row in rows {
        for error in &row.errors {
            let name = KINDS.iter().find(|(_, kind, _)| *kind == error.kind).map_or("", |(name, ..)| *name);
            let fields = |span: Option<&Span>| match span {
                Some(span) => {
                    let texts = [covered(&row.text, span), span.label.clone()];
                    let [text, label] = texts.map(|text| format::csv_field(&text));
                    format!("{},{},{text},{label}", span.start, span.end)
                }
                None => ",,,".to_owned(),
            };
            let gold = error.gold.and_then(|index| row.gold.get(index));
            let predicted = error.predicted.and_then(|index| row.predicted.get(index));
            let score = predicted.and_then(|span| span.score).map_or_else(String::new, |score| score.to_string());
            csv.push_str(&format!("{},{name},{},{},{score}\n", row.row, fields(gold), fields(predicted)));
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    use hone_core::task::token_classification::SpanError;

    use super::*;

    fn rows() -> Vec<RowPrediction> {
        let span = |start, end, label: &str, score| Span { start, end, label: label.into(), score };
        let error = |kind, gold, predicted| SpanError { kind, gold, predicted };
        let row = |row, text: &str, gold, predicted, errors| RowPrediction {
            row,
            text: text.into(),
            gold,
            predicted,
            errors,
            words: Vec::new(),
        };
        vec![
            row(1, "Rome", vec![span(0, 4, "LOC", None)], vec![span(0, 4, "LOC", Some(0.9))], vec![]),
            row(
                2,
                "Rome, Ada",
                vec![span(0, 4, "LOC", None), span(6, 9, "PER", None)],
                vec![span(0, 5, "LOC", Some(0.5))],
                vec![
                    error(EntityErrorKind::WrongBorder, Some(0), Some(0)),
                    error(EntityErrorKind::Missed, Some(1), None),
                ],
            ),
            row(
                3,
                "a b",
                vec![],
                vec![span(2, 3, "PER", Some(0.25))],
                vec![error(EntityErrorKind::Spurious, None, Some(0))],
            ),
        ]
    }

    #[test]
    fn wrong_rows_come_with_most_errors_first_and_one_kind_alone() {
        let rows = rows();
        let numbers = |kind| wrong_rows(&rows, kind).iter().map(|row| row.row).collect::<Vec<_>>();
        assert_eq!(numbers(None), [2, 3]);
        assert_eq!(numbers(Some(EntityErrorKind::Spurious)), [3]);
        assert_eq!(numbers(Some(EntityErrorKind::WrongType)), [0_usize; 0]);
        assert_eq!(count_kinds(&wrong_rows(&rows, None)), [1, 1, 0, 1]);
        assert_eq!(describe(&rows[1]), "1 missed, 1 with a wrong border");
    }

    #[test]
    fn spans_of_an_error_are_marked_on_their_side() {
        let rows = rows();
        assert!(is_wrong(&rows[1], true, 1) && is_wrong(&rows[1], false, 0));
        assert!(!is_wrong(&rows[0], true, 0) && !is_wrong(&rows[2], true, 0) && is_wrong(&rows[2], false, 0));
    }

    #[test]
    fn the_csv_has_a_line_an_error() {
        let expected = "\
row,error,true_start,true_end,true_text,true_label,start,end,text,label,score
2,wrong_border,0,4,Rome,LOC,0,5,\"Rome,\",LOC,0.5
2,missed,6,9,Ada,PER,,,,,
3,spurious,,,,,2,3,b,PER,0.25
";
        assert_eq!(errors_csv(&rows()), expected);
    }
}
