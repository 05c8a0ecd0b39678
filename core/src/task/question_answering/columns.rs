//! Which columns hold question, context and answers: as asked for, else guessed from names, else from content.

use super::answers::read_answers;
use super::place::place_answer;
use crate::config::ReadOptions;
use crate::data::{DataError, Row, Table, UsedColumn, find_column, name_rank};

/// Roles of the columns that every file has.
pub(super) const ROLES: [&str; 3] = ["question", "context", "answers"];

/// Names of these columns, the surest first.
const NAMES: [&[&str]; 3] = [
    &["question", "questions", "question_text", "query", "q"],
    &["context", "contexts", "passage", "paragraph", "document", "article", "context_text", "background", "text"],
    &[
        "answers",
        "answer",
        "answer_text",
        "answer_texts",
        "answers.text",
        "answers_text",
        "gold_answers",
        "gold_answer",
        "label",
        "target",
    ],
];

const STARTS: &[&str] = &[
    "answer_start",
    "answer_starts",
    "answers.answer_start",
    "answers_answer_start",
    "start",
    "start_char",
    "char_start",
];
const IMPOSSIBLE: &[&str] = &["is_impossible", "impossible", "unanswerable", "no_answer"];
const TITLES: &[&str] = &["title", "article_title", "document_title", "article_id", "document_id", "doc_id"];
const IDS: &[&str] = &["id", "qid", "question_id", "qas_id", "example_id", "uid"];

/// Rows looked at, spread over the table.
const SAMPLE: usize = 200;

/// Columns that a file may have besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MoreColumns {
    /// First characters of the answers.
    pub(super) starts: Option<usize>,
    /// Whether the context holds no answer.
    pub(super) impossible: Option<usize>,
    /// What the context is a part of.
    pub(super) title: Option<usize>,
    pub(super) id: Option<usize>,
}

impl MoreColumns {
    /// Those of a file, found by their names.
    pub(super) fn of(columns: &[String], used: &[UsedColumn]) -> Self {
        let taken: Vec<usize> = used.iter().map(|used| used.index).collect();
        let find = |names: &[&str]| best_named(columns, names, &taken);
        Self { starts: find(STARTS), impossible: find(IMPOSSIBLE), title: find(TITLES), id: find(IDS) }
    }

    /// Those that are there, with their roles.
    pub(super) fn used(self) -> impl Iterator<Item = UsedColumn> {
        let all = [
            ("start of the answer", self.starts),
            ("no answer", self.impossible),
            ("title", self.title),
            ("id", self.id),
        ];
        all.into_iter().filter_map(|(role, index)| Some(UsedColumn { role, index: index? }))
    }
}

/// Chooses the columns of question, context and answers, in this order.
///
/// # Errors
/// When a named column is not there, one has two roles, or nothing looks like it.
pub(super) fn choose(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    let wishes = [&read.question_column, &read.context_column, &read.answer_column];
    choose_some(table, wishes, ROLES.len())
}

/// Chooses the columns of question and context, where answers are sought.
///
/// # Errors
/// As [`choose`].
pub(super) fn choose_inputs(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    choose_some(table, [&read.question_column, &read.context_column, &None], 2)
}

fn choose_some(table: &Table, wishes: [&Option<String>; 3], num_needed: usize) -> Result<Vec<UsedColumn>, DataError> {
    let mut found: [Option<usize>; 3] = [None; 3];
    for (role, wish) in wishes.into_iter().enumerate() {
        let Some(name) = wish else { continue };
        let column = find_column(table, name)?;
        if let Some(other) = found.iter().position(|taken| *taken == Some(column)) {
            let column = table.columns[column].clone();
            return Err(DataError::SharedColumn { column, first: ROLES[other], second: ROLES[role] });
        }
        found[role] = Some(column);
    }
    for (role, names) in NAMES.into_iter().enumerate() {
        if found[role].is_none() {
            found[role] = best_named(&table.columns, names, &taken(&found));
        }
    }
    guess_by_content(table, &mut found);
    let used = found.into_iter().zip(ROLES).take(num_needed).map(|(index, role)| match index {
        Some(index) => Ok(UsedColumn { role, index }),
        None => Err(DataError::NoShapeColumn { shape: "question answering", role, columns: table.columns.clone() }),
    });
    used.collect()
}

/// The column with the surest of these names that is not taken.
fn best_named(columns: &[String], names: &[&str], taken: &[usize]) -> Option<usize> {
    let free = columns.iter().enumerate().filter(|(index, _)| !taken.contains(index));
    free.filter_map(|(index, name)| Some((name_rank(name, names)?, index))).min().map(|(_, index)| index)
}

fn taken(found: &[Option<usize>]) -> Vec<usize> {
    found.iter().copied().flatten().collect()
}

/// Looks for what no name says: contexts are the longest cells, questions end in a question mark, and answers stand in
/// their context.
fn guess_by_content(table: &Table, found: &mut [Option<usize>; 3]) {
    let step = table.rows.len().div_ceil(SAMPLE).max(1);
    let rows = || table.rows.iter().step_by(step);
    let free = |found: &[Option<usize>; 3]| -> Vec<usize> {
        (0..table.columns.len()).filter(|column| !found.contains(&Some(*column))).collect()
    };
    if found[0].is_none() {
        let share = |column: usize| share_of(rows(), column, |row| row.cells[column].trim_end().ends_with('?'));
        found[0] = free(found).into_iter().find(|&column| share(column) >= 0.5);
    }
    let length = |column: &usize| rows().map(|row| row.cells[*column].len()).sum::<usize>();
    if found[1].is_none() {
        found[1] = free(found).into_iter().max_by_key(length).filter(|column| length(column) > 0);
    }
    if let (None, Some(context)) = (found[2], found[1]) {
        let share = |column: usize| share_of(rows(), column, |row| holds_answer(row, context, column));
        // A number may stand in a context by chance: the longest cells are meant.
        found[2] = free(found).into_iter().filter(|&column| share(column) >= 0.8).max_by_key(length);
    }
}

/// Of the rows whose cell is filled, the share for which something holds.
fn share_of<'t>(rows: impl Iterator<Item = &'t Row>, column: usize, holds: impl Fn(&Row) -> bool) -> f64 {
    let (mut num_filled, mut num_holding) = (0_usize, 0_usize);
    for row in rows.filter(|row| !row.cells[column].trim().is_empty()) {
        num_filled += 1;
        num_holding += usize::from(holds(row));
    }
    if num_filled == 0 { 0.0 } else { num_holding as f64 / num_filled as f64 }
}

/// Whether one of the answers of a row stands in its context.
pub(super) fn holds_answer(row: &Row, context: usize, answers: usize) -> bool {
    let found = read_answers(&row.cells[answers], row.nested.contains(&answers), None);
    let stands = |text: &str| place_answer(&row.cells[context], text, None).is_some();
    found.is_ok_and(|answers| answers.iter().any(|answer| stands(&answer.text)))
}

#[cfg(test)]
mod tests {
    use super::super::nested::parse;
    use super::*;

    fn table(name: &str, text: &str) -> Table {
        let has_header = name.ends_with(".csv").then_some(true);
        parse(name, text.as_bytes(), &ReadOptions { has_header, ..ReadOptions::default() }).expect("a table")
    }

    fn names(table: &Table, read: &ReadOptions) -> Result<Vec<String>, DataError> {
        Ok(choose(table, read)?.into_iter().map(|used| table.columns[used.index].clone()).collect())
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let hub = r#"{"id": "1", "title": "T", "context": "a b", "question": "q", "answers": {"text": ["b"], "answer_start": [2]}}"#;
        let hub = table("x.jsonl", &[hub, "\n", hub].concat());
        assert_eq!(names(&hub, &ReadOptions::default()).expect("all are there"), ["question", "context", "answers"]);
        let flat = table("x.csv", "query,passage,answer_text,answer_start,is_impossible,qid\nq,a b,b,2,false,7\n");
        assert_eq!(names(&flat, &ReadOptions::default()).expect("all"), ["query", "passage", "answer_text"]);
        let used = choose(&flat, &ReadOptions::default()).expect("all are there");
        let more = MoreColumns::of(&flat.columns, &used);
        assert_eq!(more, MoreColumns { starts: Some(3), impossible: Some(4), title: None, id: Some(5) });
        assert_eq!(more.used().map(|used| used.role).collect::<Vec<_>>(), ["start of the answer", "no answer", "id"]);
    }

    #[test]
    fn content_decides_where_names_do_not() {
        let rows: String = (0..9)
            .map(|i| format!("{i},Who won in {i}?,In the year {i} it was Ann who won by far.,it was Ann\n"))
            .collect();
        let table = table("x.csv", &format!("n,frage,absatz,antwort\n{rows}"));
        assert_eq!(names(&table, &ReadOptions::default()).expect("all"), ["frage", "absatz", "antwort"]);
        let inputs = choose_inputs(&table, &ReadOptions::default()).expect("both");
        assert_eq!(inputs.iter().map(|used| used.index).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn wishes_win_and_what_is_missing_is_named() {
        let table = table("x.csv", "question,context,answer,other\nq,a b,b,a b\n");
        let read = ReadOptions { context_column: Some("other".into()), ..ReadOptions::default() };
        assert_eq!(names(&table, &read).expect("all"), ["question", "other", "answer"]);
        let read = ReadOptions { answer_column: Some("context".into()), ..read };
        assert_eq!(names(&table, &read).expect("all"), ["question", "other", "context"]);
        let twice = ReadOptions { question_column: Some("other".into()), ..read };
        let error = names(&table, &twice).expect_err("one column twice").to_string();
        assert_eq!(error, "column \"other\" can't be both the question and the context");
        let gone = ReadOptions { question_column: Some("gone".into()), ..ReadOptions::default() };
        assert!(matches!(names(&table, &gone), Err(DataError::MissingColumn { .. })));
        let table = self::table("x.csv", "question,context\nq,a b\n");
        let error = names(&table, &ReadOptions::default()).expect_err("no answers").to_string();
        assert_eq!(
            error,
            "a question answering file needs a column for the answers; say which one it is: \"question\", \"context\""
        );
    }
}
