//! Columns beside prompts, answers and conversations: those that say which answers are wanted, and those that are not read although
//! they belong to what is learned.
//!
//! In: a table and its columns that are used. Out: the column that marks answers as wanted or not, and a sentence for each column
//! that is left out.

use std::collections::BTreeSet;

use crate::data::Table;
use crate::words::plural;

/// Names of columns that say whether an answer is wanted, as files for KTO have them.
const WANTED: [&str; 3] = ["label", "kto_tag", "kto_label"];

/// What may stand there for `false`, and may mean something else: it is not followed, but said.
const LIKE_UNWANTED: [&str; 8] = ["0", "0.0", "-1", "no", "bad", "undesirable", "rejected", "false"];

/// Names of columns that are not read, and what comes of that.
const UNREAD: [(&[&str], &str); 5] = [
    (
        &["rejected", "rejected_response"],
        "Hone does not learn from preferences (DPO, ORPO): it learns to write the wanted answers, and nothing from these",
    ),
    (
        &["history"],
        "earlier turns stand there, and the model does not see them: make them a list of turns under \"messages\"",
    ),
    (&["images", "image", "videos", "audios"], "language models read texts alone"),
    (
        &["context", "passage"],
        "if it belongs to what is asked, the model does not see it: choose the shape instruction, with this column as the input",
    ),
    (&["summary"], "no summaries are learned: to learn them, write each conversation as one text"),
];

/// What chat templates write before a turn.
const TURN_MARKS: [&str; 6] =
    ["<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "[INST]", "<|user|>", "### Human:"];

/// Says so where most texts are conversations as a chat template wrote them: nothing tells questions from answers in a text.
pub(super) fn note_on_templates(table: &Table, used: &[(usize, &str)]) -> Option<String> {
    let &(column, _) = used.first()?;
    let count = |mark: &str| table.rows.iter().filter(|row| row.cells[column].contains(mark)).count();
    let (mark, count) = TURN_MARKS.into_iter().map(|mark| (mark, count(mark))).max_by_key(|(_, count)| *count)?;
    (count * 2 > table.rows.len()).then(|| {
        format!(
            "the text of {} is a conversation as a chat template writes it ({mark}): all of it is learned, what is asked, too; to learn \
             the answers alone, give each conversation as a list of turns under \"messages\"",
            plural(count, "row")
        )
    })
}

/// The column that says `true` or `false` of every answer: what is `false` is not to be learned.
pub(super) fn wanted_column(table: &Table, used: &[(usize, &str)]) -> Option<usize> {
    let cells =
        |column: usize| table.rows.iter().map(move |row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let is_marked = |&column: &usize| {
        cells(column).any(is_unwanted)
            && cells(column).all(|cell| is_unwanted(cell) || cell.eq_ignore_ascii_case("true"))
    };
    WANTED.iter().filter_map(|name| find(table, name, used)).find(is_marked)
}

/// Whether a cell of that column says that an answer is not wanted.
pub(super) fn is_unwanted(cell: &str) -> bool {
    cell.trim().eq_ignore_ascii_case("false")
}

/// What a person should know of marks: of answers that have none, where `wanted` is their column; else of a column that looks like one.
pub(super) fn note_on_marks(table: &Table, used: &[(usize, &str)], wanted: Option<usize>) -> Option<String> {
    let name = |column: usize| &table.columns[column];
    if let Some(column) = wanted {
        let count = table.rows.iter().filter(|row| row.cells[column].trim().is_empty()).count();
        let note =
            || format!("column {:?} is empty in {}: these answers are learned", name(column), plural(count, "row"));
        return (count > 0).then(note);
    }
    let looks_like_marks = |&column: &usize| {
        let cells = table.rows.iter().map(|row| row.cells[column].trim().to_lowercase());
        let values: BTreeSet<String> = cells.filter(|cell| !cell.is_empty()).collect();
        values.len() == 2 && LIKE_UNWANTED.iter().any(|mark| values.contains(*mark))
    };
    let column = WANTED.iter().filter_map(|name| find(table, name, used)).find(looks_like_marks)?;
    Some(format!(
        "column {:?} is not read, and all answers are learned: if it marks those that are not wanted, write false there, and true \
         for the others",
        name(column)
    ))
}

/// A sentence for each column that holds something and is not read, though a person may count on it.
pub(super) fn notes_on_unread(table: &Table, used: &[(usize, &str)]) -> Vec<String> {
    let note = |&(names, why): &(&[&str], &str)| {
        let column = names.iter().find_map(|name| find(table, name, used))?;
        let is_something = |cell: &str| !matches!(cell.trim(), "" | "[]" | "{}" | "null");
        let count = table.rows.iter().filter(|row| is_something(&row.cells[column])).count();
        (count > 0)
            .then(|| format!("column {:?} of {} is not read: {why}", table.columns[column], plural(count, "row")))
    };
    UNREAD.iter().filter_map(note).collect()
}

/// A column by its name, whatever its case, unless it is something else.
fn find(table: &Table, name: &str, used: &[(usize, &str)]) -> Option<usize> {
    let index = table.columns.iter().position(|column| column.trim().eq_ignore_ascii_case(name))?;
    used.iter().all(|(other, _)| *other != index).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse_keeping_nested;

    #[test]
    fn texts_with_the_marks_of_a_chat_template_are_said() {
        let chat = r#"{"text": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>"}"#;
        let note = |lines: &[&str]| {
            let table = parse_keeping_nested("x.jsonl", lines.join("\n").as_bytes(), &ReadOptions::default());
            note_on_templates(&table.expect("a table"), &[(0, "text")])
        };
        let said = note(&[chat, chat, r#"{"text": "a"}"#]).expect("most rows have them");
        assert!(said.starts_with("the text of 2 rows is a conversation") && said.contains("(<|im_start|>)"), "{said}");
        assert_eq!(note(&[r#"{"text": "a [INST] b"}"#, r#"{"text": "a"}"#]), None);
    }

    fn table(lines: &[&str]) -> Table {
        parse_keeping_nested("x.jsonl", lines.join("\n").as_bytes(), &ReadOptions::default()).expect("a table")
    }

    #[test]
    fn a_mark_of_unwanted_answers_is_told_from_other_labels() {
        let wanted = |lines: &[&str]| wanted_column(&table(lines), &[(0, "prompt"), (1, "completion")]);
        let row = |label: &str| format!("{{\"prompt\": \"p\", \"completion\": \"c\", \"label\": {label}}}");
        let rows = |labels: [&str; 2]| wanted(&labels.map(row).each_ref().map(String::as_str));
        assert_eq!(rows(["true", "false"]), Some(2));
        assert_eq!(rows(["\"True\"", "\"False\""]), Some(2));
        for others in [["true", "true"], ["0", "1"], ["\"yes\"", "false"]] {
            assert_eq!(rows(others), None, "{others:?}");
        }
        assert!(is_unwanted(" False ") && !is_unwanted("true") && !is_unwanted(""));
    }

    #[test]
    fn marks_that_are_not_followed_are_told_of() {
        let note = |labels: [&str; 3], wanted: Option<usize>| {
            let rows = labels.map(|label| format!("{{\"prompt\": \"p\", \"completion\": \"c\", \"label\": {label}}}"));
            note_on_marks(&table(&rows.each_ref().map(String::as_str)), &[(0, "prompt"), (1, "completion")], wanted)
        };
        for marks in [["0", "1", "1"], ["\"desirable\"", "\"undesirable\"", "null"], ["\"yes\"", "false", "false"]] {
            let said = note(marks, None).expect("it looks like marks");
            assert!(said.starts_with("column \"label\" is not read, and all answers are learned"), "{said}");
        }
        for others in [["0", "1", "2"], ["\"news\"", "\"mail\"", "\"mail\""], ["1", "1", "1"]] {
            assert_eq!(note(others, None), None, "{others:?}");
        }
        assert_eq!(note(["true", "false", "true"], Some(2)), None);
        let said = note(["true", "false", "null"], Some(2)).expect("one has no mark");
        assert_eq!(said, "column \"label\" is empty in 1 row: these answers are learned");
    }

    #[test]
    fn columns_that_are_left_out_are_named() {
        let table = table(&[
            r#"{"prompt": "p", "completion": "c", "rejected": "r", "history": [["a", "b"]], "images": []}"#,
            r#"{"prompt": "p", "completion": "c", "rejected": "r", "history": [], "images": []}"#,
        ]);
        let notes = notes_on_unread(&table, &[(0, "prompt"), (1, "completion")]);
        assert!(notes.len() == 2 && notes[0].starts_with("column \"rejected\" of 2 rows is not read"), "{notes:?}");
        assert!(notes[1].starts_with("column \"history\" of 1 row is not read"), "{notes:?}");
        let table = self::table(&[r#"{"question": "q", "context": "c", "answer": "a"}"#]);
        let notes = notes_on_unread(&table, &[(0, "prompt"), (2, "completion")]);
        assert!(notes.len() == 1 && notes[0].starts_with("column \"context\" of 1 row is not read"), "{notes:?}");
        assert!(notes_on_unread(&table, &[(0, "instruction"), (1, "input"), (2, "output")]).is_empty());
    }
}
