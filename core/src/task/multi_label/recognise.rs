//! Whether a file plainly holds rows with any number of labels: a look at its beginning, to guess the task from the data.

use std::collections::{HashMap, HashSet};

use super::cells::{find_separator, is_bracketed, parse_labels, parse_truth};
use super::columns::{LABEL, LABEL_NAMES, LABELS, NOT_LABELS, choose, holds_ids};
use crate::config::ReadOptions;
use crate::data::{Row, Table, UsedColumn, choose_columns, name_rank, parse_keeping_nested};
use crate::task::guess::beginning;

/// Longest name of a label, in characters: what is longer is a text.
const MAX_LABEL_LENGTH: usize = 60;

/// Names of columns that are part of a row of another task, such as an answer: 0 and 1 beside them are no labels to learn.
const OF_OTHER_TASKS: &[&str] = &[
    "answer",
    "answers",
    "chosen",
    "completion",
    "context",
    "highlights",
    "messages",
    "negative",
    "output",
    "passage",
    "positive",
    "rejected",
    "reply",
    "response",
    "summary",
    "target",
    "tokens",
    "translation",
    "word",
    "words",
];

/// Whether a file is plainly of this task: a table of texts with lists of labels, under a name that says so, or with a
/// column of 0 and 1 for each label, and nothing else that could be learned.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let Ok(table) = parse_keeping_nested(name, beginning(bytes), &read) else { return false };
    if table.num_bad_rows * 10 > table.rows.len() {
        return false; // the lines of a text may look like a table in part
    }
    let Ok(used) = choose(&table, &read, &[]) else { return false };
    let is_labels = |used: &&UsedColumn| used.role.starts_with("label");
    let texts_are_plain = used.iter().filter(|used| !is_labels(used)).all(|text| {
        let holds_text = |row: &Row| !row.nested.contains(&text.index);
        table.rows.iter().all(holds_text) && !table.rows.iter().all(|row| parse_truth(&row.cells[text.index]).is_some())
    });
    match used.iter().find(|used| used.role == LABELS) {
        _ if !texts_are_plain => false,
        Some(list) => {
            // Two numbers beside a column that holds labels are something else.
            let is_label = || choose_columns(&table, &read, &[]).is_ok_and(|columns| columns.label == list.index);
            let is_of_ids = || holds_ids(&table, list.index) && is_label();
            let is_told = name_rank(&table.columns[list.index], LABEL_NAMES).is_some() || is_of_ids();
            is_told && holds_lists(&table, list.index)
        }
        None => {
            let is_used = |column: usize| used.iter().any(|used| used.index == column);
            let is_counter = |column: usize| name_rank(&table.columns[column], NOT_LABELS).is_some();
            let mut others =
                (0..table.columns.len()).filter(|&column| !is_used(column) && !is_counter(column)).peekable();
            others.peek().is_none()
                || (others.all(|column| stands_beside(&table, column)) && is_one_of_them(&table, &used))
        }
    }
}

/// Whether a column may stand beside the labels: it is short, as a note, a name or a date, and no part of a row of another task.
fn stands_beside(table: &Table, column: usize) -> bool {
    let (mut num_filled, mut num_letters, mut is_nested) = (0, 0, false);
    for row in &table.rows {
        let cell = row.cells[column].trim();
        num_filled += usize::from(!cell.is_empty());
        num_letters += cell.chars().count();
        is_nested |= row.nested.contains(&column);
    }
    let is_of_other = name_rank(&table.columns[column], OF_OTHER_TASKS).is_some();
    !is_of_other && !is_nested && num_letters <= num_filled * MAX_LABEL_LENGTH
}

/// Whether the column that would be learned as one label is one of those with 0 and 1, and nothing calls it the label: then the others
/// are as good.
fn is_one_of_them(table: &Table, used: &[UsedColumn]) -> bool {
    let columns = choose_columns(table, &ReadOptions::default(), &[]);
    columns.is_ok_and(|columns| {
        !columns.is_label_named(table) && used.iter().any(|used| used.role == LABEL && used.index == columns.label)
    })
}

/// Whether cells hold labels that come back beside others, several in one cell at least now and then.
fn holds_lists(table: &Table, column: usize) -> bool {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let separator = find_separator(cells());
    let Some(rows) = cells().map(|cell| parse_labels(cell, separator)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let num_several = rows.iter().filter(|labels| labels.len() > 1).count();
    // A list in brackets says by itself that there may be several.
    let are_lists = cells().all(is_bracketed);
    let is_often = are_lists || (num_several > 0 && num_several * 10 >= rows.len());
    let mut companies: HashMap<&String, HashSet<&Vec<String>>> = HashMap::new();
    for labels in &rows {
        for label in labels {
            companies.entry(label).or_default().insert(labels);
        }
    }
    // A comma that is part of names leaves the same parts together always.
    let num_all: usize = rows.iter().map(Vec::len).sum();
    let are_mixed = num_several == 0 || companies.values().any(|sets| sets.len() > 1);
    let comes_back = !companies.is_empty() && companies.len() * 2 <= num_all && are_mixed;
    is_often && comes_back && companies.keys().all(|label| label.chars().count() <= MAX_LABEL_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(header: &str, row: impl Fn(usize) -> String) -> String {
        format!("{header}\n{}", (0..30).map(|i| row(i) + "\n").collect::<String>())
    }

    #[test]
    fn lists_of_labels_and_columns_of_truths_are_known() {
        let lists = rows("text,tags", |i| format!("some text {i},{}", ["a;b", "b", "c;a"][i % 3]));
        assert!(recognise("x.csv", lists.as_bytes()));
        let objects: String = (0..9)
            .map(|i| {
                format!("{{\"text\": \"some text {i}\", \"labels\": {}}}\n", [r#"["a", "b"]"#, "[]", r#"["b"]"#][i % 3])
            })
            .collect();
        assert!(recognise("x.jsonl", objects.as_bytes()));
        let truths_of_objects: String = (0..9)
            .map(|i| {
                format!(
                    "{{\"text\": \"some text {i}\", \"labels\": {{\"a\": {}, \"b\": {}}}}}\n",
                    i % 2 == 0,
                    i % 3 > 0
                )
            })
            .collect();
        assert!(recognise("x.jsonl", truths_of_objects.as_bytes()));
        let of_one: String = (0..9)
            .map(|i| format!("{{\"text\": \"some text {i}\", \"label\": [\"{}\"]}}\n", ["a", "b"][i % 2]))
            .collect();
        assert!(recognise("x.jsonl", of_one.as_bytes()), "a list, though of one");
        let of_spacy: String = (0..9)
            .map(|i| {
                format!("{{\"text\": \"some text {i}\", \"cats\": {{\"a\": {}.0, \"b\": {}.0}}}}\n", i % 2, (i + 1) % 2)
            })
            .collect();
        assert!(recognise("x.jsonl", of_spacy.as_bytes()), "one label each, under the name that spaCy has for them");
        let sets = rows("text,labels", |i| format!("some text {i},{}", ["\"{'a', 'b'}\"", "set()", "{'b'}"][i % 3]));
        assert!(recognise("x.csv", sets.as_bytes()));
        let of_numpy = rows("text,labels", |i| format!("some text {i},{}", ["['a' 'b']", "['b']", "['c' 'a']"][i % 3]));
        assert!(recognise("x.csv", of_numpy.as_bytes()));
        let truths = rows("id,comment,toxic,insult", |i| {
            format!("{i},some text {i},{},{}", i % 2, usize::from(i.is_multiple_of(3)))
        });
        assert!(recognise("x.csv", truths.as_bytes()));
        let marks = rows("text,toxic,insult", |i| format!("some text {i},{}", ["x,", ",x", "x,x", ","][i % 4]));
        assert!(recognise("x.csv", marks.as_bytes()));
        for (header, beside) in [("note", ""), ("note", "ok"), ("Author", "Ada Holm"), ("lang", "en"), ("n", "7")] {
            let file = rows(&format!("text,toxic,insult,{header}"), |i| {
                format!("some text {i},{},{},{beside}", i % 2, ["False", "True"][usize::from(i.is_multiple_of(3))])
            });
            assert!(recognise("x.csv", file.as_bytes()), "{header}: {beside:?}");
        }
        let ids: String =
            (0..30).map(|i| format!("some text of row {i}\t{}\te{i}\n", ["4,27", "3", "3,4,27"][i % 3])).collect();
        assert!(recognise("x.tsv", ids.as_bytes()), "as in GoEmotions");
        let beside: String = (0..60)
            .map(|i| format!("some text of row {i}\t{}\t{} {}\n", ["ham", "spam"][i % 2], i % 9, i % 7))
            .collect();
        assert!(!recognise("x.tsv", beside.as_bytes()), "labels stand beside them");
    }

    #[test]
    fn rows_of_other_tasks_are_not() {
        let labels = rows("text,label", |i| format!("some text {i},{}", ["ham", "spam"][i % 2]));
        let names = rows("text,label", |i| format!("some text {i},\"{}\"", ["food, drinks", "sports, games"][i % 2]));
        let one = rows("text,label,is_long", |i| format!("some text {i},{},{}", ["ham", "spam"][i % 2], i % 2));
        let numbers = rows("text,score", |i| format!("some text {i},0.{i}"));
        let flags = |header: &str, beside: &dyn Fn(usize) -> String| {
            let row = |i: usize| format!("some text {i},{},{},{}", i % 2, usize::from(i.is_multiple_of(3)), beside(i));
            rows(&format!("text,is_long,is_new,{header}"), row)
        };
        let class = flags("sentiment", &|i| ["up", "down"][i % 2].to_owned());
        let answer = flags("answer", &|i| format!("it is {i}"));
        let long = flags("remark", &|i| {
            format!("a remark of many words that goes on and on as those of some people do: number {i}")
        });
        for file in [labels, names, one, numbers, class, answer, long] {
            assert!(!recognise("x.csv", file.as_bytes()), "{file}");
        }
        let words = "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\", \"B-X\"]}\n".repeat(9);
        let spans = "{\"text\": \"a b\", \"label\": [[0, 1, \"X\"]]}\n".repeat(9);
        let meanings = "{\"text\": \"a b\", \"label\": {\"name\": \"X\", \"id\": 3}}\n".repeat(9);
        let negatives = "{\"query\": \"a\", \"positive\": \"b\", \"negatives\": [\"c\", \"d\"]}\n".repeat(9);
        for file in [words, spans, meanings, negatives] {
            assert!(!recognise("x.jsonl", file.as_bytes()), "{file}");
        }
    }
}
