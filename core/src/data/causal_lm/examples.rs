//! Files to examples in three splits: texts in pieces, of which some carry loss and some are only read.
//!
//! In: the files, how they are read, and the model's chat template. Out: [`LmDataset`], and what reading had to say.
//! Rows that can't be used are listed with number and reason, and do not stop the rest. A plain text file is one
//! example, cut into passages when it is encoded; its splits are its beginning and its end.

use serde::{Deserialize, Serialize};

use super::conversation::{Companions, ConversationNotes, Written};
use super::prompts::{self, JoinedBy, joined_by};
use super::row::RowReader;
use super::shape::{LmColumns, are_names, choose_lm_columns};
use super::splits::{count_repeats, share_out, split_text};
use super::turns::{Conversation, Turn};
use crate::config::{DataShape, PromptFormat, ReadOptions, SplitConfig};
use crate::data::dataset::DataFiles;
use crate::data::error::DataError;
use crate::data::parse::{BadRow, Format, Table, extension, parse_keeping_nested, read_text};
use crate::data::reading::FileReading;

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
pub type RenderTurns<'a> = dyn Fn(&Conversation) -> Result<Written, String> + 'a;

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
    /// How it was read, and its first rows with all columns.
    pub reading: FileReading,
    /// Those that are used, each with what it is used as.
    pub used_columns: Vec<(String, String)>,
    /// How prompt and answer are joined; `None` where there is nothing to choose.
    pub prompt_format: Option<PromptFormat>,
    /// Nobody chose it.
    pub is_prompt_format_guessed: bool,
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

/// A plain text file.
struct PlainText {
    text: String,
    reading: FileReading,
    /// What to say about its encoding.
    note: Option<String>,
}

/// A file that was read.
enum Source {
    Plain(PlainText),
    Table(Table, LmColumns),
}

impl Source {
    fn read(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Self, DataError> {
        if PLAIN_TEXT.contains(&extension(name).as_str()) && !read.asks_for_table() {
            let decoded = read_text(bytes, read.encoding)?;
            let reading = FileReading::of_text(&decoded);
            // Line ends as models know them.
            let text = decoded.text.replace("\r\n", "\n");
            return Ok(Self::Plain(PlainText { text, reading, note: decoded.note }));
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

    /// Reads a file that goes with the training file as `like` says: its header stands where it likes, or where that of
    /// the training file was named.
    fn read_like(name: &str, bytes: &[u8], like: &ReadOptions, header_row: Option<usize>) -> Result<Self, DataError> {
        let found = Self::read(name, bytes, like);
        if found.is_ok() || like.has_header == Some(false) {
            return found;
        }
        let first_row = like.has_header.is_none().then(|| ReadOptions { has_header: Some(true), ..like.clone() });
        let same_row = header_row.map(|_| ReadOptions { header_row, ..like.clone() });
        let mut others = [first_row, same_row].into_iter().flatten();
        others.find_map(|other| Self::read(name, bytes, &other).ok()).map_or(found, Ok)
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

    /// How its prompts and answers are joined.
    fn joined_by(&self, asked: Option<&PromptFormat>) -> Result<JoinedBy, DataError> {
        match self {
            Self::Plain(_) => prompts::check(DataShape::Text, asked).map(|()| JoinedBy::default()),
            Self::Table(table, columns) => joined_by(table, columns, asked),
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
    let joined = source.joined_by(read.prompt_format.as_ref())?;
    let (mut like, shape) = (source.read_options(read), source.shape());
    like.prompt_format = joined.format;
    let format = like.prompt_format.as_ref();
    let mut summary = summary_of(&files.train.0, &source);
    (summary.prompt_format, summary.is_prompt_format_guessed) = (format.cloned(), joined.is_guess);
    summary.warnings.extend(joined.warning);
    let mut own = |file: &Option<(String, Vec<u8>)>, role: &'static str| -> Result<Option<Vec<LmExample>>, DataError> {
        let Some((name, bytes)) = file else { return Ok(None) };
        let in_file = |source| DataError::InFile { role, name: name.clone(), source: Box::new(source) };
        // A plain text goes with texts of any kind.
        let is_plain = shape == DataShape::Text && PLAIN_TEXT.contains(&extension(name).as_str());
        let plain = ReadOptions { encoding: like.encoding, ..ReadOptions::default() };
        let source = match is_plain {
            true => Source::read(name, bytes, &plain),
            false => Source::read_like(name, bytes, &like, read.header_row),
        };
        let source = source.map_err(in_file)?;
        if source.shape() != shape {
            let error =
                DataError::NoShapeColumn { shape: shape.name(), role: "same parts", columns: names_of(&source) };
            return Err(in_file(error));
        }
        take(source, role, format, template, &mut summary).map(Some).map_err(in_file)
    };
    let (own_valid, own_test) = (own(&files.valid, "validation")?, own(&files.test, "test")?);
    let fractions = SplitConfig {
        valid_fraction: if own_valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if own_valid.is_some() || own_test.is_some() { 0.0 } else { split.test_fraction },
    };
    let [train, valid, test] = match source {
        Source::Plain(plain) => {
            summary.num_rows += 1;
            summary.warnings.extend(plain.note);
            split_text(&plain.text, &fractions)
        }
        source => share_out(take(source, "", format, template, &mut summary)?, &fractions, seed),
    };
    let dataset = LmDataset { shape, train, valid: own_valid.unwrap_or(valid), test: own_test.unwrap_or(test) };
    count_repeats(&dataset, &mut summary);
    if dataset.valid.is_empty() {
        summary.warnings.push(crate::data::NO_VALIDATION_ROWS.into());
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
        reading: match source {
            Source::Plain(plain) => plain.reading.clone(),
            Source::Table(table, _) => FileReading::of(table),
        },
        used_columns: columns.iter().filter_map(used).collect(),
        prompt_format: None,
        is_prompt_format_guessed: false,
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
    format: Option<&PromptFormat>,
    template: Option<&RenderTurns<'_>>,
    summary: &mut LmSummary,
) -> Result<Vec<LmExample>, DataError> {
    let (mut table, columns) = match source {
        Source::Plain(PlainText { text, note, .. }) => {
            summary.num_rows += 1;
            summary.warnings.extend(note.map(|note| in_file(role, note)));
            return Ok(vec![LmExample { row: 1, pieces: vec![Piece { text, has_loss: true }], turns: Vec::new() }]);
        }
        Source::Table(table, columns) => (table, columns),
    };
    let is_chat = columns.shape() == DataShape::Messages || format == Some(&PromptFormat::Chat);
    if is_chat && template.is_none() {
        return Err(DataError::NoChatTemplate);
    }
    let template = template.filter(|_| is_chat);
    let notes = std::mem::take(&mut table.notes).into_iter();
    summary.warnings.extend(notes.map(|note| in_file(role, note)));
    let companions = match columns.shape() {
        DataShape::Text => Companions::default(),
        _ => Companions::find(&table, &columns.roles()),
    };
    if is_chat && role.is_empty() {
        let used = companions.roles().into_iter().map(|(place, role)| (table.columns[place].clone(), role.to_owned()));
        summary.used_columns.extend(used);
    }
    let mut conversation_notes = ConversationNotes::default();
    let (mut bad, mut num_bad) = (std::mem::take(&mut table.bad_rows), table.num_bad_rows);
    let mut examples = Vec::with_capacity(table.rows.len());
    let rows = std::mem::take(&mut table.rows);
    let prompt_format = format.cloned().unwrap_or_default();
    let reader = RowReader { names: &table.columns, columns, companions, prompt_format, template };
    for mut row in rows {
        match reader.read(&mut row, &mut conversation_notes) {
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
    let listed = bad.into_iter().take(room).map(|bad| BadRow { row: bad.row, reason: in_file(role, bad.reason) });
    summary.bad_rows.extend(listed);
    let warnings = conversation_notes.warnings().into_iter();
    summary.warnings.extend(warnings.map(|warning| in_file(role, warning)));
    Ok(examples)
}

/// A sentence about the file of a role; that of the training file is empty.
fn in_file(role: &str, sentence: String) -> String {
    if role.is_empty() { sentence } else { format!("{role} file: {sentence}") }
}

#[cfg(test)]
mod tests;
