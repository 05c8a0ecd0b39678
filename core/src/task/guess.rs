//! Which task a file is for, by what is in it: each room knows its own files.

use std::borrow::Cow;

use super::Task;
use super::plain_texts::PlainText;
use crate::config::ReadOptions;
use crate::data::{choose_columns, find_column, is_tagged_conll, parse, read_text, whole_start};
use crate::words::list;

/// Bytes of a file that are looked at, unless its lines are long; what is behind them changes no guess.
pub const GUESS_BYTES: usize = 64 << 10;

/// Lines that are looked at, however long, up to [`MAX_GUESS_BYTES`].
const MIN_LINES: usize = 16;
const MAX_GUESS_BYTES: usize = 32 * GUESS_BYTES;

/// Columns that a sentence names.
const MAX_NAMED: usize = 12;

/// The task among `tasks` that a file is plainly for; `None` where its content does not tell.
#[must_use]
pub fn guess(name: &str, bytes: &[u8], tasks: &[Task]) -> Option<Task> {
    // Rows with labels are the least particular: what some other task knows for its own is that task's.
    let (general, particular): (Vec<Task>, Vec<Task>) =
        tasks.iter().copied().partition(|task| *task == Task::default());
    let bytes = whole_rows(bytes);
    particular.into_iter().chain(general).find(|task| task.recognises(name, &bytes))
}

/// As [`guess`], but columns that were named decide: several of labels are those of several labels a row, or of numbers.
#[must_use]
pub fn guess_as_read(name: &str, bytes: &[u8], read: &ReadOptions, tasks: &[Task]) -> Option<Task> {
    task_of_columns(name, bytes, read, tasks).or_else(|| guess(name, bytes, tasks))
}

/// The task among `tasks` that has several columns of labels, where several were named: that of numbers where one of them holds another
/// number than 0 and 1, and -1, which stands where nobody said.
fn task_of_columns(name: &str, bytes: &[u8], read: &ReadOptions, tasks: &[Task]) -> Option<Task> {
    if read.label_columns.len() < 2 {
        return None;
    }
    let is_number = |cell: &str| cell.trim().parse::<f64>().is_ok_and(|number| ![0.0, 1.0, -1.0].contains(&number));
    let table = parse(name, beginning(&whole_rows(bytes)), read);
    let hold_numbers = table.is_ok_and(|table| {
        let columns: Vec<usize> =
            read.label_columns.iter().filter_map(|column| find_column(&table, column).ok()).collect();
        table.rows.iter().any(|row| columns.iter().any(|&column| is_number(&row.cells[column])))
    });
    let problem_type = if hold_numbers { "regression" } else { "multi_label_classification" };
    tasks.iter().copied().find(|task| task.spec().problem_type == Some(problem_type))
}

/// Why [`guess`] found no task for a file: what is wrong with the file as a whole, where something is; else the names of its columns.
#[must_use]
pub fn explain_no_guess(name: &str, bytes: &[u8], read: &ReadOptions) -> String {
    match parse(name, bytes, read) {
        Err(error) => error.to_string(),
        Ok(table) => {
            let names: Vec<String> = table.columns.iter().take(MAX_NAMED).map(|column| format!("{column:?}")).collect();
            let columns = list(&names, table.columns.len());
            format!("it is not clear what the rows are for: name it with --task (columns: {columns})")
        }
    }
}

/// As [`guess_for_model`], but columns that were named decide, as of [`guess_as_read`].
#[must_use]
pub fn guess_for_model_as_read(name: &str, bytes: &[u8], read: &ReadOptions, tasks: &[Task], own: Task) -> Task {
    task_of_columns(name, bytes, read, tasks).unwrap_or_else(|| guess_for_model(name, bytes, tasks, own))
}

/// The task that a file is read for where nobody says: the one among `tasks` that it is plainly for, else `own`, what the
/// model is for.
#[must_use]
pub fn guess_for_model(name: &str, bytes: &[u8], tasks: &[Task], own: Task) -> Task {
    let bytes = &whole_rows(bytes);
    match guess(name, bytes, tasks) {
        // Rows with labels don't tell whether these are names or numbers, which the model's head may know.
        Some(guessed) if guessed == Task::default() && own.spec().head == guessed.spec().head => own,
        // A model that writes learns of texts, whatever stands beside them.
        Some(guessed) if guessed == Task::default() && own.spec().writes() && !names_labels(name, bytes) => own,
        Some(guessed) => guessed,
        None => own,
    }
}

/// The beginning of a file, up to the end of a line.
pub(super) fn beginning(bytes: &[u8]) -> &[u8] {
    let Some(start) = bytes.get(..num_looked_at(bytes)) else { return bytes };
    let end = start.iter().rposition(|&byte| byte == b'\n').unwrap_or(start.len());
    &start[..end]
}

/// Bytes that are looked at: more where lines are long. May be more than there are.
fn num_looked_at(bytes: &[u8]) -> usize {
    let mut end = GUESS_BYTES;
    let has_few_lines = |end: usize| bytes[..end].iter().filter(|&&byte| byte == b'\n').count() < MIN_LINES;
    while end < bytes.len() && end < MAX_GUESS_BYTES && has_few_lines(end) {
        end *= 2;
    }
    end
}

/// A file as it is; but of one that is a JSON array, or an object around one, and goes on behind what is looked at, the rows that are
/// whole: the beginning of an array alone is no JSON.
fn whole_rows(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(start) = bytes.get(..num_looked_at(bytes)) else { return Cow::Borrowed(bytes) };
    // The cut may go through a character.
    let end = std::str::from_utf8(start).map_or_else(|error| error.valid_up_to(), str::len);
    let rows = std::str::from_utf8(&start[..end]).ok().and_then(whole_start);
    rows.map_or(Cow::Borrowed(bytes), |rows| Cow::Owned(rows.into_bytes()))
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
    fn several_named_columns_of_labels_decide() {
        let read = |names: &[&str]| ReadOptions {
            label_columns: names.iter().map(|name| (*name).to_owned()).collect(),
            ..ReadOptions::default()
        };
        let row =
            |i: usize| format!("the text of row {i},{},{},{}.5,3\n", i % 2, usize::from(i.is_multiple_of(3)), i % 5);
        let file = format!("text,spam,urgent,useful,stars\n{}", (0..30).map(row).collect::<String>());
        let guess = |names: &[&str], tasks: &[Task]| guess_as_read("x.csv", file.as_bytes(), &read(names), tasks);
        assert_eq!(guess(&["spam", "urgent"], Task::ALL), Some(Task::MultiLabel));
        assert_eq!(guess(&["useful", "stars"], Task::ALL), Some(Task::Regression));
        assert_eq!(guess(&["spam", "missing"], Task::ALL), Some(Task::MultiLabel), "what is missing is said later");
        assert_eq!(guess(&["spam"], Task::ALL), super::guess("x.csv", file.as_bytes(), Task::ALL));
        let own = Task::SequenceClassification;
        let of_model =
            |tasks: &[Task]| guess_for_model_as_read("x.csv", file.as_bytes(), &read(&["spam", "urgent"]), tasks, own);
        assert_eq!(of_model(&tasks(false)), Task::MultiLabel);
        assert_eq!(of_model(&[own]), own, "the model has no such head");
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
    fn arrays_longer_than_what_is_looked_at_are_for_what_their_first_rows_are() {
        let long = "the text of a row that is somewhat longer than others ".repeat(3);
        let array = |row: &dyn Fn(usize) -> String| (0..900).map(row).collect::<Vec<_>>().join(",");
        let labels =
            array(&|row| format!("{{\"text\": \"{long}{row}\", \"label\": \"{}\"}}", ["ham", "spam"][row % 2]));
        let alpaca =
            array(&|row| format!("\n {{\n  \"instruction\": \"{long}{row}\",\n  \"output\": \"yes {row}\"\n }}"));
        let summaries = array(&|row| format!("{{\"article\": \"{long}{row}\", \"highlights\": \"so {row}\"}}"));
        for (text, task) in [
            (format!("[{labels}]"), Task::SequenceClassification),
            (format!("[{alpaca}\n]\n"), Task::CausalLm),
            (format!("{{\"version\": 1, \"data\": [{summaries}]}}"), Task::Seq2seqLm),
        ] {
            assert!(text.len() > 2 * GUESS_BYTES);
            for bytes in [text.as_bytes(), &text.as_bytes()[..GUESS_BYTES]] {
                assert_eq!(guess("x.json", bytes, Task::ALL), Some(task), "{}", bytes.len());
            }
        }
    }

    #[test]
    fn rows_longer_than_what_is_looked_at_are_looked_at_all_the_same() {
        let long = "a word and more ".repeat(5000);
        let rows: String = (0..20).map(|row| format!("{long}{row},{}\n", ["ham", "spam"][row % 2])).collect();
        let guessed = guess("x.csv", format!("text,label\n{rows}").as_bytes(), Task::ALL);
        assert_eq!(guessed, Some(Task::SequenceClassification));
        let endless = "x".repeat(3 * MAX_GUESS_BYTES);
        assert_eq!(beginning(endless.as_bytes()).len(), MAX_GUESS_BYTES);
    }

    #[test]
    fn a_file_that_can_not_be_read_says_so_and_any_other_names_its_columns() {
        let explain = |name: &str, bytes: &[u8]| explain_no_guess(name, bytes, &ReadOptions::default());
        assert_eq!(explain("x.csv", b""), "the file is empty");
        assert!(explain("x.json", b"[{\"a\": 1},\n]").starts_with("malformed JSON at line 2"));
        assert!(explain("x.csv", b"\xFD7zXZ\0").contains("an xz archive"));
        let clear = explain("x.csv", b"anchor,price\nthe one,$1\nthe other,$2\n");
        assert_eq!(
            clear,
            "it is not clear what the rows are for: name it with --task (columns: \"anchor\", \"price\")"
        );
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
