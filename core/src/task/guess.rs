//! Which task a file is for, by what is in it: each room knows its own files.

use super::Task;
use super::plain_texts::PlainText;
use crate::config::ReadOptions;
use crate::data::{choose_columns, is_tagged_conll, parse, read_text};

/// Bytes of a file that are looked at; what is behind them changes no guess.
pub const GUESS_BYTES: usize = 64 << 10;

/// The task among `tasks` that a file is plainly for; `None` where its content does not tell.
#[must_use]
pub fn guess(name: &str, bytes: &[u8], tasks: &[Task]) -> Option<Task> {
    // Rows with labels are the least particular: what some other task knows for its own is that task's.
    let (general, particular): (Vec<Task>, Vec<Task>) =
        tasks.iter().copied().partition(|task| *task == Task::default());
    particular.into_iter().chain(general).find(|task| task.recognises(name, bytes))
}

/// The task that a file is read for where nobody says: the one among `tasks` that it is plainly for, else `own`, what the
/// model is for.
#[must_use]
pub fn guess_for_model(name: &str, bytes: &[u8], tasks: &[Task], own: Task) -> Task {
    match guess(name, bytes, tasks) {
        // Rows with labels don't tell whether these are names or numbers, which the model's head may know.
        Some(guessed) if guessed == Task::default() && own.spec().head == guessed.spec().head => own,
        // A model that writes learns of texts, whatever stands beside them.
        Some(guessed) if guessed == Task::default() && own.spec().head.writes() && !names_labels(name, bytes) => own,
        Some(guessed) => guessed,
        None => own,
    }
}

/// The beginning of a file, up to the end of a line.
pub(super) fn beginning(bytes: &[u8]) -> &[u8] {
    let Some(start) = bytes.get(..GUESS_BYTES) else { return bytes };
    let end = start.iter().rposition(|&byte| byte == b'\n').unwrap_or(GUESS_BYTES);
    &start[..end]
}

/// Whether a file is a table with a column of texts and a column of labels.
pub(super) fn holds_labeled_rows(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let Ok(table) = parse(name, beginning(bytes), &read) else { return false };
    // The lines of a text may look like a table in part.
    let is_table = table.num_bad_rows * 10 <= table.rows.len();
    is_table && choose_columns(&table, &read, &[]).is_ok()
}

/// Whether a file is a table with a column that is called as labels are.
fn names_labels(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let Ok(table) = parse(name, beginning(bytes), &read) else { return false };
    choose_columns(&table, &read, &[]).is_ok_and(|columns| columns.is_label_named(&table))
}

/// Whether a file is a plain text, by its name, and does not hold rows or tagged words under that name.
pub(super) fn is_plain_text(name: &str, bytes: &[u8]) -> bool {
    if !PlainText::is_named(name) {
        return false;
    }
    let Ok(decoded) = read_text(beginning(bytes), None) else { return false };
    !is_tagged_conll(name, &decoded.text) && !holds_labeled_rows(name, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::ModelFamily;
    use crate::task::HeadKind;

    const PROSE: &str = "The sea was calm that day, and the boat lay still.\nNobody spoke.\n\nLater, when the wind came, \
                         they set sail, all of them, and were gone.\nIt was a good day.\n";

    /// The tasks that encoders, or decoders, have heads for.
    fn tasks(are_decoders: bool) -> Vec<Task> {
        let family = if are_decoders { ModelFamily::Decoder } else { ModelFamily::Encoder };
        Task::ALL.iter().filter(|task| task.spec().suits(family)).copied().collect()
    }

    fn labeled_rows() -> String {
        (0..30).map(|row| format!("{}\tthe text of row {row}\n", ["ham", "spam"][row % 2])).collect()
    }

    #[test]
    fn a_plain_text_is_for_hidden_tokens_of_an_encoder_and_for_writing_of_a_decoder() {
        for name in ["sea.txt", "sea.md"] {
            assert_eq!(guess(name, PROSE.as_bytes(), &tasks(false)), Some(Task::MaskedLm), "{name}");
            assert_eq!(guess(name, PROSE.as_bytes(), &tasks(true)), Some(Task::CausalLm), "{name}");
        }
        assert_eq!(guess("sea.csv", PROSE.as_bytes(), &tasks(false)), None, "it is no table and no text by its name");
    }

    #[test]
    fn rows_with_labels_are_for_labels_whatever_the_name() {
        let rows = labeled_rows();
        for name in ["rows.txt", "rows.tsv"] {
            assert_eq!(guess(name, rows.as_bytes(), &tasks(false)), Some(Task::SequenceClassification), "{name}");
        }
        let long = rows.repeat(100);
        assert!(long.len() > GUESS_BYTES && beginning(long.as_bytes()).len() < GUESS_BYTES);
        assert_eq!(guess("rows.txt", long.as_bytes(), &tasks(false)), Some(Task::SequenceClassification));
    }

    #[test]
    fn a_decoder_labels_rows_that_are_called_labels_and_writes_what_stands_beside_anything_else() {
        let tasks = tasks(true);
        let guess = |name: &str, rows: &str| guess_for_model(name, rows.as_bytes(), &tasks, Task::CausalLm);
        let rows = |header: &str| {
            let row = |row: usize| format!("{},the text of row {row}\n", ["ham", "spam"][row % 2]);
            format!("{header}\n{}", (0..30).map(row).collect::<String>())
        };
        assert_eq!(guess("x.csv", &rows("label,text")), Task::SequenceClassification);
        assert_eq!(guess("x.tsv", &labeled_rows()), Task::CausalLm, "nothing is called a label");
        assert_eq!(guess("x.csv", &rows("author,text")), Task::CausalLm);
        assert_eq!(guess("x.csv", "text\none\ntwo\n"), Task::CausalLm);
    }

    #[test]
    fn prompts_and_conversations_are_for_writing() {
        let pairs = "{\"prompt\": \"Hi\", \"completion\": \"Hello\"}\n";
        let turns = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}\n";
        for rows in [pairs, turns] {
            assert_eq!(guess("rows.jsonl", rows.as_bytes(), &tasks(true)), Some(Task::CausalLm), "{rows}");
        }
    }

    #[test]
    fn sources_with_targets_are_for_turning_one_into_the_other() {
        let rows: String =
            (0..30).map(|row| format!("an article of some length {row},its highlight {row}\n")).collect();
        let guessed = guess("rows.csv", format!("article,highlights\n{rows}").as_bytes(), Task::ALL);
        assert_eq!(guessed, Some(Task::Seq2seqLm));
        let tasks = [Task::Seq2seqLm];
        assert_eq!(guess_for_model("x.tsv", labeled_rows().as_bytes(), &tasks, tasks[0]), tasks[0], "it has no other");
    }

    #[test]
    fn what_the_model_is_for_holds_where_the_file_does_not_tell() {
        let tasks = tasks(false);
        let guess = |name: &str, bytes: &str, own| guess_for_model(name, bytes.as_bytes(), &tasks, own);
        assert_eq!(guess("x.csv", "one\ntwo\n", Task::MaskedLm), Task::MaskedLm);
        assert_eq!(guess("x.tsv", &labeled_rows(), Task::MaskedLm), Task::SequenceClassification);
        assert_eq!(guess("x.txt", PROSE, Task::SequenceClassification), Task::MaskedLm);
        for &own in tasks.iter().filter(|task| task.spec().head == HeadKind::Sequence) {
            assert_eq!(guess("x.tsv", &labeled_rows(), own), own, "its head may know");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_for_nothing() {
        for &task in Task::ALL {
            for bytes in [&b""[..], b"PK\x03\x04"] {
                assert!(!task.recognises("x.txt", bytes), "{}: {bytes:?}", task.name());
            }
        }
    }
}
