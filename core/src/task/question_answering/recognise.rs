//! Which files are questions with their answers, by their beginning.

use super::columns::{MoreColumns, choose, holds_answer};
use super::nested::is_nested;
use crate::config::ReadOptions;
use crate::data::{name_rank, parse_keeping_nested};
use crate::task::guess::beginning;

/// Rows that are looked at.
const SAMPLE: usize = 100;

/// One row in so many has an answer at least.
const MIN_FILLED: usize = 10;

/// Whether a file plainly holds questions with answers that stand in a text.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    let start = beginning(bytes);
    let text = String::from_utf8_lossy(start);
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    if is_nested(&text) || has("question") && has("context") && has("answer_start") {
        return true;
    }
    let read = ReadOptions::default();
    let Ok(table) = parse_keeping_nested(name, start, &read) else { return false };
    let Ok(used) = choose(&table, &read) else { return false };
    // A column of another name may hold anything.
    let is_named = |role: usize, names: &[&str]| name_rank(&table.columns[used[role].index], names).is_some();
    if !is_named(0, &["question", "questions", "query"]) {
        return false;
    }
    let has_starts = MoreColumns::of(&table.columns, &used).starts.is_some();
    let (context, answers) = (used[1].index, used[2].index);
    let sample: Vec<_> = table.rows.iter().take(SAMPLE).collect();
    // A question without an answer says nothing of what answers are.
    let num_filled = sample.iter().filter(|row| !row.cells[answers].trim().is_empty()).count();
    let num_answered = sample.iter().filter(|row| holds_answer(row, context, answers)).count();
    // Free answers seldom stand in their context; parts of it always do.
    let share = if has_starts { 2 } else { 9 };
    num_filled * MIN_FILLED >= sample.len() && num_answered > 0 && num_answered * 10 >= num_filled * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_with_answers_in_their_context_are_recognised() {
        let squad = r#"{"data": [{"paragraphs": [{"context": "a b", "qas": [{"question": "q", "answers": []}]}]}]}"#;
        let hub = r#"{"context": "a b", "question": "q?", "answers": {"text": ["b"], "answer_start": [2]}}"#;
        let pretty = "[\n  {\n    \"question\": \"q?\",\n    \"context\": \"a\",\n    \"answer_start\": 0,";
        for (name, text) in [("x.json", squad), ("x.jsonl", hub), ("x.json", pretty)] {
            assert!(recognise(name, text.as_bytes()), "{text}");
        }
        let rows: String = (0..9).map(|i| format!("Who was {i}?,In {i} it was Ann.,Ann\n")).collect();
        assert!(recognise("x.csv", format!("question,context,answer\n{rows}").as_bytes()));
        assert!(recognise("x.csv", format!("query,passage,answer\n{rows}").as_bytes()));
        let some: String =
            (0..30).map(|i| format!("Who was {i}?,In {i} it was Ann.,{}\n", ["Ann", "", ""][i % 3])).collect();
        assert!(recognise("x.csv", format!("question,context,answer\n{some}").as_bytes()), "not all have an answer");
    }

    #[test]
    fn free_answers_and_other_tables_are_not() {
        let free: String =
            (0..9).map(|i| format!("Who was {i}?,In {i} it was Ann.,That must have been her {i}\n")).collect();
        let gaps: String = (0..9)
            .map(|i| format!("Who was {i}?,In {i} it was Ann.,{}\n", ["Ann", "", "That must have been her"][i % 3]))
            .collect();
        let labels: String =
            (0..9).map(|i| format!("Was it {i}?,In {i} it was Ann.,{}\n", ["yes", "no"][i % 2])).collect();
        for (name, text) in [
            ("x.csv", format!("question,context,answer\n{free}")),
            ("x.csv", format!("question,context,answer\n{gaps}")),
            ("x.csv", format!("question,passage,label\n{labels}")),
            ("x.csv", "text,label\na film,good\nanother film,bad\n".to_owned()),
            ("x.txt", "It rains.\nIt is dark.\n".to_owned()),
        ] {
            assert!(!recognise(name, text.as_bytes()), "{text}");
        }
    }
}
