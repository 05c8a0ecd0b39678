//! Whether a file plainly holds texts and what they are turned into: a look at its beginning, to guess the task from the
//! data.

use super::columns::are_certain;
use crate::config::ReadOptions;
use crate::data::parse;
use crate::task::guess::beginning;

/// Whether a file is plainly of this task: a table with columns of names that no rows of other tasks have.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    let Ok(table) = parse(name, beginning(bytes), &ReadOptions::default()) else { return false };
    // The lines of a text may look like a table in part.
    table.has_header && table.num_bad_rows * 10 <= table.rows.len() && are_certain(&table.columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_with_targets_are_known_by_their_names() {
        let rows: String = (0..30).map(|i| format!("a text of some length {i},what it becomes {i}\n")).collect();
        for header in ["source,target", "text,summary", "article,highlights"] {
            assert!(recognise("x.csv", format!("{header}\n{rows}").as_bytes()), "{header}");
        }
        let translations: String =
            (0..9).map(|i| format!("{{\"translation\": {{\"en\": \"one {i}\", \"de\": \"eins {i}\"}}}}\n")).collect();
        assert!(recognise("x.jsonl", translations.as_bytes()));
    }

    #[test]
    fn rows_of_other_tasks_are_not() {
        let rows: String = (0..30).map(|i| format!("a text of some length {i},{}\n", ["up", "down"][i % 2])).collect();
        for header in ["text,label", "question,answer", "prompt,completion"] {
            assert!(!recognise("x.csv", format!("{header}\n{rows}").as_bytes()), "{header}");
        }
        assert!(!recognise("x.txt", b"It rains.\nThe source, the target, the summary.\n"));
    }
}
