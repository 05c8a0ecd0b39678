//! Files to examples in three splits: texts in pieces, of which some carry loss and some are only read.
//!
//! In: the files, how they are read, and the model's chat template. Out: [`LmDataset`], and what reading had to say.
//! Rows that can't be used are listed with number and reason, and do not stop the rest. A plain text file is one
//! example, cut into windows when it is encoded; its splits are its beginning and its end.

use serde::{Deserialize, Serialize};

use super::row::read_row;
use super::shape::{LmColumns, are_names, choose_lm_columns};
use super::splits::{count_repeats, share_out, split_text};
use super::turns::Turn;
use crate::config::{DataShape, ReadOptions, SplitConfig};
use crate::data::dataset::DataFiles;
use crate::data::error::DataError;
use crate::data::parse::{BadRow, Format, Table, extension, parse_keeping_nested, read_text};

/// Bad rows that are kept with their reason, over all files.
const MAX_LISTED: usize = 1000;

/// Extensions of files that are one text.
const PLAIN_TEXT: &[&str] = &["txt", "text", "md"];

/// A part of an example's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// The text, verbatim.
    pub text: String,
    /// Whether the model learns to write it; else it only reads it.
    pub has_loss: bool,
}

/// A conversation to pieces, or why not: the model's chat template.
pub type RenderTurns<'a> = dyn Fn(&[Turn]) -> Result<Vec<Piece>, String> + 'a;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmExample {
    /// Row number in its file; of a plain text the line that it starts on.
    pub row: usize,
    /// The text, in order. The last piece carries loss.
    pub pieces: Vec<Piece>,
    /// The conversation that the pieces were made of; empty without a chat template.
    pub turns: Vec<Turn>,
}

impl LmExample {
    /// All that stands before the last piece with loss.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.pieces[..self.last_loss()].iter().map(|piece| piece.text.as_str()).collect()
    }

    /// The last piece with loss.
    #[must_use]
    pub fn completion(&self) -> &str {
        self.pieces.get(self.last_loss()).map_or("", |piece| piece.text.as_str())
    }

    /// Whether a chat template wrote the text, and so all special tokens in it.
    #[must_use]
    pub fn is_chat(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Whether all of it is learned.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.pieces.iter().all(|piece| piece.has_loss)
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    fn last_loss(&self) -> usize {
        self.pieces.iter().rposition(|piece| piece.has_loss).unwrap_or(self.pieces.len())
    }
}

/// Examples in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmDataset {
    /// What an example is made of.
    pub shape: DataShape,
    /// Examples to train on.
    pub train: Vec<LmExample>,
    /// Examples that choose the best weights.
    pub valid: Vec<LmExample>,
    /// Examples looked at once, at the end.
    pub test: Vec<LmExample>,
}

/// What reading had to say: everything of the report but the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmSummary {
    /// Name of the training file.
    pub file_name: String,
    /// Its format; `None` for plain text.
    pub format: Option<Format>,
    /// Between its fields.
    pub delimiter: Option<char>,
    /// Its first row named the columns.
    pub has_header: bool,
    /// Its columns.
    pub columns: Vec<String>,
    /// Those that are used, each with what it is used as.
    pub used_columns: Vec<(String, String)>,
    /// Rows of all files, bad ones included.
    pub num_rows: usize,
    /// Rows that repeat an earlier one to the letter.
    pub num_duplicates: usize,
    /// Validation and test rows that stand in an earlier split too.
    pub num_leaks: usize,
    /// The first thousand bad rows.
    pub bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub num_bad_rows: usize,
    /// What a person should know before training.
    pub warnings: Vec<String>,
}

/// A file that was read.
enum Source {
    Plain(String),
    Table(Table, LmColumns),
}

impl Source {
    fn read(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Self, DataError> {
        if PLAIN_TEXT.contains(&extension(name).as_str()) && !read.asks_for_table() {
            // Line ends as models know them.
            return Ok(Self::Plain(read_text(bytes)?.replace("\r\n", "\n")));
        }
        let mut options = read.table();
        let mut table = parse_keeping_nested(name, bytes, &options)?;
        let first = table.rows.first().map_or(&[][..], |row| row.cells.as_slice());
        let is_guess = table.format == Format::Csv && !table.has_header && options.has_header.is_none();
        if is_guess && table.rows.len() > 1 && are_names(first) {
            options.has_header = Some(true);
            table = parse_keeping_nested(name, bytes, &options)?;
        }
        let columns = choose_lm_columns(&table, read)?;
        Ok(Self::Table(table, columns))
    }

    /// How a file that goes with this one is read.
    fn read_options(&self, read: &ReadOptions) -> ReadOptions {
        match self {
            Self::Plain(_) => read.clone(),
            Self::Table(table, columns) => {
                let mut like = read.of_columns(columns, &table.columns);
                if table.format == Format::Csv && !table.has_header {
                    like.has_header = Some(false);
                }
                like
            }
        }
    }

    fn shape(&self) -> DataShape {
        match self {
            Self::Plain(_) => DataShape::Text,
            Self::Table(_, columns) => columns.shape(),
        }
    }
}

/// Reads the files and shares the examples out, as [`crate::data::build_dataset`] does: the person's own validation and
/// test files are taken as they are, and what is missing is split off the training rows, at random with the seed.
///
/// `template` writes conversations; files that hold them need one.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub fn build_lm_dataset(
    files: &DataFiles,
    read: &ReadOptions,
    template: Option<&RenderTurns<'_>>,
    split: &SplitConfig,
    seed: u64,
) -> Result<(LmDataset, LmSummary), DataError> {
    let source = Source::read(&files.train.0, &files.train.1, read)?;
    let (like, shape) = (source.read_options(read), source.shape());
    let mut summary = summary_of(&files.train.0, &source);
    let mut own = |file: &Option<(String, Vec<u8>)>, role: &'static str| -> Result<Option<Vec<LmExample>>, DataError> {
        let Some((name, bytes)) = file else { return Ok(None) };
        let in_file = |source| DataError::InFile { role, name: name.clone(), source: Box::new(source) };
        // A plain text goes with texts of any kind.
        let is_plain = shape == DataShape::Text && PLAIN_TEXT.contains(&extension(name).as_str());
        let read = if is_plain { &ReadOptions::default() } else { &like };
        let source = Source::read(name, bytes, read).map_err(in_file)?;
        if source.shape() != shape {
            let error =
                DataError::NoShapeColumn { shape: shape.name(), role: "same parts", columns: names_of(&source) };
            return Err(in_file(error));
        }
        take(source, role, like.as_chat, template, &mut summary).map(Some).map_err(in_file)
    };
    let (own_valid, own_test) = (own(&files.valid, "validation")?, own(&files.test, "test")?);
    let fractions = SplitConfig {
        valid_fraction: if own_valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if own_valid.is_some() || own_test.is_some() { 0.0 } else { split.test_fraction },
    };
    let [train, valid, test] = match source {
        Source::Plain(text) => {
            summary.num_rows += 1;
            split_text(&text, &fractions)
        }
        source => share_out(take(source, "", read.as_chat, template, &mut summary)?, &fractions, seed),
    };
    let dataset = LmDataset { shape, train, valid: own_valid.unwrap_or(valid), test: own_test.unwrap_or(test) };
    count_repeats(&dataset, &mut summary);
    if dataset.valid.is_empty() {
        summary.warnings.push("there are no validation rows: the best weights can't be told from the last".into());
    }
    Ok((dataset, summary))
}

fn names_of(source: &Source) -> Vec<String> {
    match source {
        Source::Plain(_) => Vec::new(),
        Source::Table(table, _) => table.columns.clone(),
    }
}

fn summary_of(name: &str, source: &Source) -> LmSummary {
    let (table, columns) = match source {
        Source::Plain(_) => (None, Vec::new()),
        Source::Table(table, columns) => (Some(table), columns.roles()),
    };
    let used = |&(place, role): &(usize, &str)| Some((table?.columns[place].clone(), role.to_owned()));
    LmSummary {
        file_name: name.to_owned(),
        format: table.map(|table| table.format),
        delimiter: table.and_then(|table| table.delimiter),
        has_header: table.is_some_and(|table| table.has_header),
        columns: names_of(source),
        used_columns: columns.iter().filter_map(used).collect(),
        num_rows: 0,
        num_duplicates: 0,
        num_leaks: 0,
        bad_rows: Vec::new(),
        num_bad_rows: 0,
        warnings: Vec::new(),
    }
}

/// The examples of a file; notes the rows that are none.
fn take(
    source: Source,
    role: &str,
    as_chat: bool,
    template: Option<&RenderTurns<'_>>,
    summary: &mut LmSummary,
) -> Result<Vec<LmExample>, DataError> {
    let (mut table, columns) = match source {
        Source::Plain(text) => {
            summary.num_rows += 1;
            return Ok(vec![LmExample { row: 1, pieces: vec![Piece { text, has_loss: true }], turns: Vec::new() }]);
        }
        Source::Table(table, columns) => (table, columns),
    };
    let is_chat = columns.shape() == DataShape::Messages || (as_chat && columns.shape() != DataShape::Text);
    if is_chat && template.is_none() {
        return Err(DataError::NoChatTemplate);
    }
    let template = template.filter(|_| is_chat);
    let (mut bad, mut num_bad) = (std::mem::take(&mut table.bad_rows), table.num_bad_rows);
    let mut examples = Vec::with_capacity(table.rows.len());
    for mut row in std::mem::take(&mut table.rows) {
        match read_row(&mut row, &table.columns, &columns, template) {
            Ok((pieces, turns)) => examples.push(LmExample { row: row.number, pieces, turns }),
            Err(reason) => {
                num_bad += 1;
                if bad.len() < MAX_LISTED {
                    bad.push(BadRow { row: row.number, reason });
                }
            }
        }
    }
    bad.sort_by_key(|bad| bad.row);
    summary.num_rows += examples.len() + num_bad;
    summary.num_bad_rows += num_bad;
    if examples.is_empty() {
        let first = bad.into_iter().next();
        let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason));
        return Err(DataError::NothingUsable { num_rows: num_bad, row, reason });
    }
    let room = MAX_LISTED.saturating_sub(summary.bad_rows.len());
    let place = |reason: String| if role.is_empty() { reason } else { format!("{role} file: {reason}") };
    let listed = bad.into_iter().take(room).map(|bad| BadRow { row: bad.row, reason: place(bad.reason) });
    summary.bad_rows.extend(listed);
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::causal_lm::Role;

    fn files(name: &str, text: &str) -> DataFiles {
        DataFiles { train: (name.into(), text.as_bytes().to_vec()), ..DataFiles::default() }
    }

    /// `<user>q<assistant>a;`, or a refusal of tools.
    fn template(turns: &[Turn]) -> Result<Vec<Piece>, String> {
        let piece = |turn: &Turn| match turn.role {
            Role::Tool => Err("the chat template does not take this conversation".to_owned()),
            Role::Assistant => Ok(Piece { text: format!("{};", turn.content), has_loss: true }),
            role => Ok(Piece { text: format!("<{role:?}>{}<Assistant>", turn.content), has_loss: false }),
        };
        turns.iter().map(piece).collect()
    }

    const ALL: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };

    fn build(name: &str, text: &str) -> Result<(LmDataset, LmSummary), DataError> {
        build_lm_dataset(&files(name, text), &ReadOptions::default(), Some(&template), &ALL, 1)
    }

    fn pieces(example: &LmExample) -> Vec<(&str, bool)> {
        example.pieces.iter().map(|piece| (piece.text.as_str(), piece.has_loss)).collect()
    }

    #[test]
    fn prompts_and_completions_are_taken_to_the_letter() {
        let csv = "prompt,completion\n\"Why is the sky blue? \", Because.\nWhat is it?,A sky.\n";
        let (dataset, summary) = build("x.csv", csv).expect("two rows");
        assert_eq!(dataset.shape, DataShape::PromptCompletion);
        assert_eq!(pieces(&dataset.train[0]), [("Why is the sky blue? ", false), (" Because.", true)]);
        assert_eq!(
            (dataset.train[0].prompt().as_str(), dataset.train[0].completion()),
            ("Why is the sky blue? ", " Because.")
        );
        assert_eq!((dataset.train[1].row, dataset.train[1].is_chat()), (3, false));
        assert!(summary.has_header);
        let used = |name: &str| (name.to_owned(), name.to_owned());
        assert_eq!(summary.used_columns, [used("prompt"), used("completion")]);
    }

    #[test]
    fn instructions_get_alpacas_prompt() {
        let json = r#"[{"instruction": "Add.", "input": "2, 3", "output": "5"},
            {"instruction": "Hi", "input": "", "output": "Yo"}]"#;
        let (dataset, _) = build("x.json", json).expect("two rows");
        assert_eq!(dataset.shape, DataShape::Instruction);
        let with = "Below is an instruction that describes a task, paired with an input that provides further context. \
            Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n\
            2, 3\n\n### Response:";
        let without = "Below is an instruction that describes a task. Write a response that appropriately completes \
            the request.\n\n### Instruction:\nHi\n\n### Response:";
        assert_eq!(pieces(&dataset.train[0]), [(with, false), ("5", true)]);
        assert_eq!(pieces(&dataset.train[1]), [(without, false), ("Yo", true)]);
    }

    #[test]
    fn conversations_are_written_by_the_template() {
        let openai = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;
        let sharegpt = r#"{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#;
        for json in [openai, sharegpt] {
            let (dataset, _) = build("x.jsonl", json).expect("a row");
            assert_eq!(dataset.shape, DataShape::Messages);
            assert_eq!(pieces(&dataset.train[0]), [("<User>q<Assistant>", false), ("a;", true)]);
            assert_eq!((dataset.train[0].turns.len(), dataset.train[0].is_chat()), (2, true));
        }
        let none = build_lm_dataset(&files("x.jsonl", openai), &ReadOptions::default(), None, &ALL, 1);
        assert!(matches!(none, Err(DataError::NoChatTemplate)));
        let read = ReadOptions { as_chat: true, ..ReadOptions::default() };
        let csv = "instruction,input,output\nAdd.,2+2,4\nGreet.,,Hi\n";
        let (dataset, _) = build_lm_dataset(&files("x.csv", csv), &read, Some(&template), &ALL, 1).expect("rows");
        assert_eq!(pieces(&dataset.train[0]), [("<User>Add.\n\n2+2<Assistant>", false), ("4;", true)]);
        assert_eq!(pieces(&dataset.train[1]), [("<User>Greet.<Assistant>", false), ("Hi;", true)]);
    }

    #[test]
    fn bad_rows_are_listed_and_the_rest_is_used() {
        let good = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;
        let lines = [
            good,
            r#"{"messages": [{"role": "user", "content": "q"}]}"#,
            r#"{"messages": "#,
            r#"{"messages": [{"role": "tool", "content": "t"}, {"role": "assistant", "content": "a"}]}"#,
            r#"{"messages": null}"#,
            good,
        ];
        let (dataset, summary) = build("x.jsonl", &lines.join("\n")).expect("good rows");
        assert_eq!((dataset.train.len(), summary.num_rows, summary.num_bad_rows), (2, 6, 4));
        let reasons: Vec<(usize, &str)> = summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        assert_eq!(reasons[0].0, 2);
        assert!(reasons[0].1.starts_with("no turn is the assistant's"), "{}", reasons[0].1);
        assert!(reasons[1].1.starts_with("malformed JSON at column"), "{}", reasons[1].1);
        assert_eq!(reasons[2], (4, "the chat template does not take this conversation"));
        assert_eq!(reasons[3], (5, "the conversation is missing (column \"messages\")"));
        assert_eq!(summary.num_duplicates, 1);
    }

    #[test]
    fn rows_without_a_part_are_bad_and_nothing_usable_says_why() {
        let csv = "question,answer\nwho?,me\nwho?,\n,me\n";
        let (dataset, summary) = build("x.csv", csv).expect("one row");
        assert_eq!((dataset.train.len(), summary.num_bad_rows), (1, 2));
        assert_eq!(summary.bad_rows[0].reason, "the completion is empty (column \"answer\")");
        assert_eq!(summary.bad_rows[1].reason, "the prompt is empty (column \"question\")");
        let error = build("x.csv", "question,answer\nwho?,\nwhy?,\n").expect_err("no answers").to_string();
        let expected = "nothing in the file is usable: 2 rows, the first (row 2) because the completion is empty";
        assert!(error.starts_with(expected), "{error}");
        let nested = r#"{"prompt": [{"role": "user", "content": "q"}], "completion": "x"}"#;
        let error = build("x.jsonl", nested).expect_err("nested").to_string();
        assert!(error.contains("the prompt holds an object or array (column \"prompt\")"), "{error}");
    }

    #[test]
    fn a_plain_text_is_one_example_and_its_end_validates() {
        let text: String = (0..100).map(|line| format!("{line:04},line\r\n")).collect();
        let (dataset, summary) = build("book.txt", &text).expect("a text");
        assert_eq!((dataset.shape, dataset.train.len(), summary.num_rows), (DataShape::Text, 1, 1));
        assert_eq!(dataset.train[0].text(), text.replace("\r\n", "\n"));
        assert!(dataset.train[0].is_text());
        let split = SplitConfig::default();
        let read = ReadOptions::default();
        let (dataset, _) = build_lm_dataset(&files("book.txt", &text), &read, None, &split, 1).expect("a text");
        let parts = [&dataset.train, &dataset.valid, &dataset.test].map(|split| split[0].text());
        assert_eq!(parts.concat(), text.replace("\r\n", "\n"));
        assert!(parts.iter().all(|part| part.ends_with('\n') && part.len() % 10 == 0), "{parts:?}");
        let lines = parts.each_ref().map(|part| part.lines().count());
        assert!((79..=82).contains(&lines[0]) && lines[1] >= 8 && lines[2] >= 8, "{lines:?}");
        assert_eq!(dataset.valid[0].row, lines[0] + 1);
        assert_eq!(build("x.txt", "{\"text\": \"a\"}\n").expect("a text").0.train[0].text(), "{\"text\": \"a\"}\n");
    }

    #[test]
    fn own_files_are_read_like_the_training_file() {
        let mut files = files("x.csv", "frage2,antwort2\nwer da?,ich\nwas denn?,nichts\n");
        let name = |name: &str| Some(name.to_owned());
        let read = ReadOptions {
            prompt_column: name("frage2"),
            completion_column: name("antwort2"),
            has_header: Some(true),
            ..ReadOptions::default()
        };
        files.valid = Some(("v.jsonl".into(), br#"{"antwort2": "du", "frage2": "wer?"}"#.to_vec()));
        let built = build_lm_dataset(&files, &read, None, &SplitConfig::default(), 1);
        let (dataset, _) = built.expect("the same columns");
        assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (2, 1, 0));
        assert_eq!(pieces(&dataset.valid[0]), [("wer?", false), ("du", true)]);
        files.valid = Some(("v.jsonl".into(), br#"{"text": "du"}"#.to_vec()));
        let error = build_lm_dataset(&files, &read, None, &SplitConfig::default(), 1).expect_err("other columns");
        assert!(error.to_string().starts_with("validation file \"v.jsonl\": there is no column \"frage2\""), "{error}");
    }

    #[test]
    fn splits_are_seeded_and_leaks_are_counted() {
        let rows: String = (0..100).map(|row| format!("{{\"text\": \"story {}\"}}\n", row % 99)).collect();
        let split = SplitConfig::default();
        let build = |seed| {
            build_lm_dataset(&files("x.jsonl", &rows), &ReadOptions::default(), None, &split, seed).expect("rows")
        };
        let (dataset, summary) = build(3);
        assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (80, 10, 10));
        assert_eq!(build(3).0, dataset);
        assert_ne!(build(4).0.valid, dataset.valid);
        assert_eq!(summary.num_duplicates, 1);
        let mut own = files("x.csv", "text\nsame words here\nother words here\n");
        own.valid = Some(("v.csv".into(), b"text\nsame words here\n".to_vec()));
        let built = build_lm_dataset(&own, &ReadOptions::default(), None, &split, 1);
        let (_, summary) = built.expect("rows");
        assert_eq!((summary.num_leaks, summary.warnings.len()), (1, 1));
    }
}
