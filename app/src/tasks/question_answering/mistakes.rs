//! Questions that were answered wrongly: in what order they are looked at, and as a file. Plain data, tested natively.

use hone_core::task::question_answering::RowPrediction;

use crate::format;

/// What stands where there is no answer.
pub(super) const NO_ANSWER: &str = "no answer";

/// The questions whose answer is not exact, the worst first; of equals the surest.
pub(super) fn wrong_rows(rows: &[RowPrediction]) -> Vec<&RowPrediction> {
    let mut wrong: Vec<&RowPrediction> = rows.iter().filter(|row| !row.is_exact).collect();
    wrong.sort_by(|a, b| a.f1.total_cmp(&b.f1).then(b.score.total_cmp(&a.score)));
    wrong
}

/// The answers that count as right.
pub(super) fn gold(answers: &[String]) -> String {
    let mut shown: Vec<&str> = Vec::new();
    for answer in answers {
        if !shown.contains(&answer.as_str()) {
            shown.push(answer);
        }
    }
    if shown.is_empty() { NO_ANSWER.into() } else { shown.join(" / ") }
}

/// The answer that was given.
pub(super) fn given(row: &RowPrediction) -> &str {
    if row.predicted_at.is_none() { NO_ANSWER } else { &row.predicted }
}

/// All answers as a CSV file.
pub(super) fn rows_csv(rows: &[RowPrediction]) -> String {
    let mut csv = "row,id,question,true_answer,answer,start,end,score,exact,f1\n".to_owned();
    for row in rows {
        let answers = row.answers.join(" / ");
        let texts = [row.id.as_deref().unwrap_or_default(), &row.question, &answers, &row.predicted];
        let texts = texts.map(format::csv_field).join(",");
        let (start, end) =
            row.predicted_at.map_or_else(Default::default, |(start, end)| (start.to_string(), end.to_string()));
        csv.push_str(&format!("{},{texts},{start},{end},{},{},{}\n", row.row, row.score, row.is_exact, row.f1));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: usize, answers: &[&str], predicted: &str, score: f64, f1: f64) -> RowPrediction {
        RowPrediction {
            row,
            id: Some(format!("q{row}")),
            question: "Who, and when?".into(),
            context: Default::default(),
            answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
            answer: None,
            predicted: predicted.into(),
            predicted_at: (!predicted.is_empty()).then_some((3, 9)),
            score,
            is_exact: f1 == 100.0,
            f1,
        }
    }

    fn rows() -> Vec<RowPrediction> {
        vec![
            row(1, &["Ann"], "Ann", 0.5, 100.0),
            row(2, &["Ann", "Ann", "Ann Lee"], "Ann B", 0.25, 50.0),
            row(3, &[], "Bob", 0.5, 0.0),
            row(4, &["Eve"], "", 0.75, 0.0),
        ]
    }

    #[test]
    fn the_worst_come_first_and_of_equals_the_surest() {
        let rows = rows();
        assert_eq!(wrong_rows(&rows).iter().map(|row| row.row).collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!((gold(&rows[1].answers).as_str(), gold(&rows[2].answers).as_str()), ("Ann / Ann Lee", NO_ANSWER));
        assert_eq!((given(&rows[3]), given(&rows[0])), (NO_ANSWER, "Ann"));
    }

    #[test]
    fn the_csv_has_a_line_for_each_question() {
        let rows = [row(2, &["Ann", "Lee"], "Ann B", 0.25, 50.0), row(4, &["Eve"], "", 0.75, 0.0)];
        let expected = "\
row,id,question,true_answer,answer,start,end,score,exact,f1
2,q2,\"Who, and when?\",Ann / Lee,Ann B,3,9,0.25,false,50
4,q4,\"Who, and when?\",Eve,,,,0.75,false,0
";
        assert_eq!(rows_csv(&rows), expected);
    }
}
