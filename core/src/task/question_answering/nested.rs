//! Files of questions to tables with a question a row. SQuAD's JSON nests them: articles (`data`) of paragraphs, each a
//! context with its questions (`qas`); any other file is a table already.

use serde_json::{Map, Value};

use crate::config::ReadOptions;
use crate::data::{BadRow, DataError, Row, Table, parse_keeping_nested};
use crate::words::shorten;

/// Columns of the table that SQuAD's JSON becomes.
pub(super) const COLUMNS: [&str; 6] = ["id", "title", "context", "question", "answers", "is_impossible"];

/// Index of the column that holds JSON.
const ANSWERS: usize = 4;

/// Bad rows that are listed with their reason.
const MAX_LISTED: usize = 1000;

/// Longest JSON value that a reason repeats, in characters.
const MAX_SHOWN: usize = 40;

/// Reads a file. Rows that nest their questions, as articles or as paragraphs, become a row for each question, numbered
/// in their order.
///
/// # Errors
/// See [`parse_keeping_nested`]; when there are no questions.
pub(super) fn parse(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    let mut table = parse_keeping_nested(name, bytes, read)?;
    let find = |name: &str| table.columns.iter().position(|column| column == name);
    let is_nested = |column: usize| table.rows.iter().any(|row| row.nested.contains(&column));
    let part = match (find("paragraphs"), find("context"), find("qas")) {
        (Some(paragraphs), ..) if is_nested(paragraphs) => Part::Articles { paragraphs, title: find("title") },
        (_, Some(context), Some(qas)) if is_nested(qas) => Part::Paragraphs { context, qas, title: find("title") },
        _ => return Ok(table),
    };
    let mut questions = Questions::default();
    let mut bad = std::mem::take(&mut table.bad_rows).into_iter().peekable();
    for (index, row) in std::mem::take(&mut table.rows).into_iter().enumerate() {
        while let Some(flaw) = bad.next_if(|flaw| flaw.row < row.number) {
            questions.add_bad(part.name(), flaw.row, &flaw.reason);
        }
        questions.add_row(&part, index, &row);
    }
    for flaw in bad {
        questions.add_bad(part.name(), flaw.row, &flaw.reason);
    }
    if questions.rows.is_empty() && questions.num_bad == 0 {
        return Err(DataError::NoRows { columns: table.columns });
    }
    // Those of which only the count is known.
    questions.num_bad += table.num_bad_rows.saturating_sub(MAX_LISTED);
    table.columns = COLUMNS.map(str::to_owned).to_vec();
    (table.rows, table.bad_rows, table.num_bad_rows) = (questions.rows, questions.bad, questions.num_bad);
    Ok(table)
}

/// Whether a text is JSON with SQuAD's nesting, as far as its start shows.
pub(super) fn is_nested(start: &str) -> bool {
    let has = |key: &str| start.contains(&format!("\"{key}\""));
    start.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').starts_with(['{', '['])
        && has("context")
        && has("qas")
        && has("question")
}

/// What a row of the file holds, and in which columns.
enum Part {
    Articles { paragraphs: usize, title: Option<usize> },
    Paragraphs { context: usize, qas: usize, title: Option<usize> },
}

impl Part {
    fn name(&self) -> &'static str {
        match self {
            Self::Articles { .. } => "article",
            Self::Paragraphs { .. } => "paragraph",
        }
    }
}

/// The rows of questions as they are found.
#[derive(Default)]
struct Questions {
    rows: Vec<Row>,
    bad: Vec<BadRow>,
    num_bad: usize,
    /// Questions so far, bad ones included.
    count: usize,
}

impl Questions {
    /// Adds the questions of the row at an index.
    fn add_row(&mut self, part: &Part, index: usize, row: &Row) {
        let cell = |column: Option<usize>| column.map_or("", |column| row.cells[column].trim());
        match *part {
            Part::Articles { paragraphs, title } => {
                let title = match cell(title) {
                    "" => format!("article {}", index + 1),
                    title => title.to_owned(),
                };
                let Ok(Value::Array(all)) = serde_json::from_str(&row.cells[paragraphs]) else {
                    return self.add_bad(part.name(), row.number, "its paragraphs are no list");
                };
                for (place, paragraph) in all.iter().enumerate() {
                    let found = paragraph.as_object().zip(paragraph.get("qas").and_then(Value::as_array));
                    match found {
                        Some((paragraph, questions)) => self.add_all(&title, &text_of(paragraph, "context"), questions),
                        None => {
                            let reason = format!("its paragraph {} has no list of questions (qas)", place + 1);
                            self.add_bad(part.name(), row.number, &reason);
                        }
                    }
                }
            }
            Part::Paragraphs { context, qas, title } => {
                let Ok(Value::Array(questions)) = serde_json::from_str(&row.cells[qas]) else {
                    return self.add_bad(part.name(), row.number, "it has no list of questions (qas)");
                };
                self.add_all(cell(title), &row.cells[context], &questions);
            }
        }
    }

    fn add_all(&mut self, title: &str, context: &str, questions: &[Value]) {
        for question in questions {
            self.count += 1;
            let Value::Object(fields) = question else {
                let found = shorten(&question.to_string(), MAX_SHOWN);
                let reason = format!("expected an object with a question, found {found}");
                self.put_bad(self.count, reason);
                continue;
            };
            let id = [text_of(fields, "id"), text_of(fields, "qid")].into_iter().find(|id| !id.is_empty());
            let cells = vec![
                id.unwrap_or_default(),
                title.to_owned(),
                context.to_owned(),
                text_of(fields, "question"),
                fields.get("answers").map_or_else(|| "[]".to_owned(), Value::to_string),
                text_of(fields, "is_impossible"),
            ];
            self.rows.push(Row { number: self.count, cells, nested: vec![ANSWERS] });
        }
    }

    /// Notes what can't be read as a whole; the row is that of the question that comes next.
    fn add_bad(&mut self, part: &str, number: usize, reason: &str) {
        self.put_bad(self.count + 1, format!("{part} {number} before it is left out: {reason}"));
    }

    fn put_bad(&mut self, row: usize, reason: String) {
        self.num_bad += 1;
        if self.bad.len() < MAX_LISTED {
            self.bad.push(BadRow { row, reason });
        }
    }
}

/// A field as text; empty where it is null or not there.
fn text_of(fields: &Map<String, Value>, key: &str) -> String {
    match fields.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        parse("x.json", text.as_bytes(), &ReadOptions::default()).expect("a table")
    }

    fn squad() -> String {
        let qa = |id: usize, rest: &str| format!(r#"{{"id": "q{id}", "question": "Who is {id}?", {rest}}}"#);
        let answer = r#""answers": [{"text": "Ann", "answer_start": 0}]"#;
        let none = r#""answers": [], "is_impossible": true"#;
        let paragraph = |name: &str, qas: &[String]| format!(r#"{{"context": "{name}", "qas": [{}]}}"#, qas.join(","));
        let first = paragraph("Ann is one.", &[qa(1, answer), qa(2, none)]);
        let second = paragraph("Ann again.", &[qa(3, answer)]);
        let articles = [
            format!(r#"{{"title": "People", "paragraphs": [{first}, {{"context": "no questions"}}, {second}]}}"#),
            format!(r#"{{"paragraphs": [{second}]}}"#),
        ];
        format!(r#"{{"version": "v2.0", "data": [{}]}}"#, articles.join(","))
    }

    #[test]
    fn squads_articles_become_a_row_for_each_question() {
        let table = table(&squad());
        assert_eq!(table.columns, COLUMNS);
        let numbers: Vec<usize> = table.rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(table.rows[1].cells, ["q2", "People", "Ann is one.", "Who is 2?", "[]", "true"]);
        assert_eq!((table.rows[3].cells[1].as_str(), table.rows[3].cells[2].as_str()), ("article 2", "Ann again."));
        let answers = r#"[{"answer_start":0,"text":"Ann"}]"#;
        let found: Value = serde_json::from_str(&table.rows[0].cells[4]).expect("JSON");
        assert_eq!(found, serde_json::from_str::<Value>(answers).expect("JSON"));
        let reason = "article 1 before it is left out: its paragraph 2 has no list of questions (qas)";
        assert_eq!(table.bad_rows, [BadRow { row: 3, reason: reason.into() }]);
        assert!(is_nested(&squad()) && !is_nested(r#"{"context": "a", "question": "b"}"#));
    }

    #[test]
    fn paragraphs_a_line_are_read_too() {
        let line = |id: usize| {
            format!(
                "{{\"context\": \"Ann is {id}.\", \"qas\": [{{\"qid\": {id}, \"question\": \"Who?\", \"answers\": \
                 [\"Ann\"]}}, 7]}}\n"
            )
        };
        let table = table(&[line(1), line(2)].concat());
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(table.rows[1].cells, ["2", "", "Ann is 2.", "Who?", "[\"Ann\"]", ""]);
        assert_eq!(table.bad_rows[0].reason, "expected an object with a question, found 7");
        assert_eq!((table.bad_rows[1].row, table.num_bad_rows), (4, 2));
    }

    #[test]
    fn other_tables_stay_as_they_are() {
        let flat = "{\"question\": \"a?\", \"context\": \"b\", \"answers\": {\"text\": [\"b\"]}}\n".repeat(2);
        assert_eq!(table(&flat).columns, ["question", "context", "answers"]);
        let empty = parse("x.json", br#"{"data": [{"paragraphs": []}]}"#, &ReadOptions::default());
        assert!(matches!(empty, Err(DataError::NoRows { .. })), "{empty:?}");
    }
}
