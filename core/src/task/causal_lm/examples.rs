//! Files to examples in three splits: texts in pieces, of which some carry loss and some are only read.
//!
//! In: the files, how they are read, and the model's chat template. Out: a [`Dataset`], and what reading had to say.
//! Rows that can't be used are listed with number and reason, and do not stop the rest. A plain text file is one
//! example, cut into passages when it is encoded; its splits are its beginning and its end.

use std::collections::BTreeSet;

use super::beside::{note_on_marks, note_on_templates, notes_on_unread, wanted_column};
use super::conversation::{Companions, ConversationNotes};
use super::prompts::{self, JoinedBy, joined_by};
use super::row::RowReader;
use super::shape::{Columns, are_names, choose_columns};
use super::splits::{count_repeats, share_out, split_text};
use crate::config::{DataShape, PromptFormat, ReadOptions, RowEdits, SplitConfig, TextCleaning};
use crate::data::{
    BadCell, BadRow, DataError, DataFiles, FileReading, Format, ReadSummary, RowKeys, Split, Table, apply_edits,
    clean_table, parse_keeping_nested,
};
use crate::task::RenderTurns;
use crate::task::plain_texts::{PlainText, unused_cleaning, unused_edits};
use crate::tokenizer::{Piece, Turn};

/// Bad rows that are kept with their reason, over all files.
const MAX_LISTED: usize = 1000;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Row number in its file; of a plain text the line that it starts on.
    pub row: usize,
    /// The text, in order. The last piece carries loss.
    pub pieces: Vec<Piece>,
    /// The conversation that the pieces were made of; empty without a chat template.
    pub turns: Vec<Turn>,
}

impl Example {
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
pub struct Dataset {
    /// What an example is made of.
    pub shape: DataShape,
    /// Examples to train on.
    pub train: Vec<Example>,
    /// Examples that choose the best weights.
    pub valid: Vec<Example>,
    /// Examples looked at once, at the end.
    pub test: Vec<Example>,
}

impl Dataset {
    /// The examples of training, validation and test.
    #[must_use]
    pub fn splits(&self) -> [&[Example]; 3] {
        [&self.train, &self.valid, &self.test]
    }

    /// The examples of a split.
    #[must_use]
    pub fn split(&self, split: Split) -> &[Example] {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}

/// What reading had to say: everything of the report but the tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What there is to say of the rows of any task.
    pub read: ReadSummary,
    /// How prompt and answer are joined; `None` where there is nothing to choose.
    pub prompt_format: Option<PromptFormat>,
    /// Nobody chose it.
    pub is_prompt_format_guessed: bool,
}

/// A file that was read.
enum Source {
    Plain(PlainText),
    Table(Table, Columns),
}

impl Source {
    fn read(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Self, DataError> {
        if PlainText::is_named(name) && !read.asks_for_table() {
            return PlainText::read(bytes, read.encoding).map(Self::Plain);
        }
        let mut options = read.table();
        let mut table = parse_keeping_nested(name, bytes, &options)?;
        let first = table.rows.first().map_or(&[][..], |row| row.cells.as_slice());
        let is_guess = table.format == Format::Csv && !table.has_header && options.has_header.is_none();
        if is_guess && table.rows.len() > 1 && are_names(first) {
            options.has_header = Some(true);
            table = parse_keeping_nested(name, bytes, &options)?;
        }
        let columns = choose_columns(&table, read)?;
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

/// Reads the files and shares the examples out, as [`crate::data::share_out`] does: the person's own validation and test
/// files are taken as they are, and what is missing is split off the training rows, at random with the seed.
///
/// `template` writes conversations; files that hold them need one.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub fn build_dataset(
    files: &DataFiles,
    read: &ReadOptions,
    template: Option<&RenderTurns<'_>>,
    split: &SplitConfig,
    seed: u64,
) -> Result<(Dataset, Summary), DataError> {
    let source = Source::read(&files.train.0, &files.train.1, read)?;
    let joined = source.joined_by(read.prompt_format.as_ref())?;
    let (mut like, shape) = (source.read_options(read), source.shape());
    like.prompt_format = joined.format;
    let format = like.prompt_format.as_ref();
    let mut summary = ReadSummary {
        has_own_file: [files.valid.is_some(), files.test.is_some()],
        ..summary_of(&files.train.0, &source)
    };
    summary.warnings.extend(joined.warning);
    let none = RowEdits::default();
    let edits = match &source {
        Source::Plain(_) => &none,
        Source::Table(..) => &read.edits,
    };
    summary.warnings.extend(unused_edits(&read.edits).filter(|_| edits.is_empty()));
    summary.warnings.extend(unused_cleaning(read).filter(|_| matches!(source, Source::Plain(_))));
    let mut own = |file: &Option<(String, Vec<u8>)>, role: &'static str| -> Result<Option<Vec<Example>>, DataError> {
        let Some((name, bytes)) = file else { return Ok(None) };
        let in_file = |source| DataError::InFile { role, name: name.clone(), source: Box::new(source) };
        // A plain text goes with texts of any kind.
        let is_plain = shape == DataShape::Text && PlainText::is_named(name);
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
        take((source, edits, &read.clean_texts), role, format, template, &mut summary).map(Some).map_err(in_file)
    };
    let (own_valid, own_test) = (own(&files.valid, "validation")?, own(&files.test, "test")?);
    let fractions = SplitConfig {
        valid_fraction: if own_valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if own_valid.is_some() || own_test.is_some() { 0.0 } else { split.test_fraction },
    };
    let [train, valid, test] = match source {
        Source::Plain(_) if read.sharing.fold.is_some() => {
            let message =
                "a text is one row, and one row is not shared out into folds: give a table with a text a row".into();
            return Err(DataError::BadOption { field: "fold".into(), message });
        }
        Source::Plain(plain) => {
            summary.num_rows += 1;
            summary.warnings.extend(plain.note);
            let [train, valid, test] = split_text(&plain.text, &fractions);
            [train, own_valid.unwrap_or(valid), own_test.unwrap_or(test)]
        }
        source => {
            let train = take((source, edits, &read.clean_texts), "", format, template, &mut summary)?;
            let keys = RowKeys::without_columns(&read.sharing);
            let asked = ReadSummary { moves: summary.moves.clone(), keys, ..ReadSummary::default() };
            let (splits, notes) = share_out(train, [own_valid, own_test], asked, &fractions, seed);
            summary.notes.extend(notes);
            splits
        }
    };
    let dataset = Dataset { shape, train, valid, test };
    count_repeats(&dataset, &mut summary);
    let (prompt_format, is_prompt_format_guessed) = (like.prompt_format, joined.is_guess);
    Ok((dataset, Summary { read: summary, prompt_format, is_prompt_format_guessed }))
}

fn names_of(source: &Source) -> Vec<String> {
    match source {
        Source::Plain(_) => Vec::new(),
        Source::Table(table, _) => table.columns.clone(),
    }
}

fn summary_of(name: &str, source: &Source) -> ReadSummary {
    let (table, columns) = match source {
        Source::Plain(_) => (None, Vec::new()),
        Source::Table(table, columns) => (Some(table), columns.roles()),
    };
    let used = |&(column, role): &(usize, &str)| Some((table?.columns[column].clone(), role.to_owned()));
    ReadSummary {
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
        ..ReadSummary::default()
    }
}

/// The examples of a file; notes the rows that are none.
fn take(
    (source, edits, clean_texts): (Source, &RowEdits, &BTreeSet<TextCleaning>),
    role: &str,
    format: Option<&PromptFormat>,
    template: Option<&RenderTurns<'_>>,
    summary: &mut ReadSummary,
) -> Result<Vec<Example>, DataError> {
    let (mut table, columns) = match source {
        Source::Plain(PlainText { text, note, .. }) => {
            summary.num_rows += 1;
            summary.warnings.extend(note.map(|note| in_file(role, note)));
            return Ok(vec![Example { row: 1, pieces: vec![Piece { text, has_loss: true }], turns: Vec::new() }]);
        }
        Source::Table(table, columns) => (table, columns),
    };
    let is_chat = columns.shape() == DataShape::Messages || format == Some(&PromptFormat::Chat);
    if is_chat && template.is_none() {
        return Err(DataError::NoChatTemplate);
    }
    let template = template.filter(|_| is_chat);
    let used = columns.roles().iter().map(|&(index, _)| (table.columns[index].clone(), Some(index))).collect();
    let file = match role {
        "validation" => Split::Valid,
        "test" => Split::Test,
        _ => Split::Train,
    };
    apply_edits(edits, file, &used, &mut table).tell(summary, role);
    let note = clean_table(clean_texts, columns.roles().into_iter(), &mut table);
    summary.notes.extend(note.map(|note| in_file(role, note)));
    let notes = std::mem::take(&mut table.notes).into_iter();
    summary.warnings.extend(notes.map(|note| in_file(role, note)));
    let companions = match columns.shape() {
        DataShape::Text => Companions::default(),
        _ => Companions::find(&table, &columns.roles()),
    };
    if is_chat && role.is_empty() {
        let name = |(column, role): (usize, &str)| (table.columns[column].clone(), role.to_owned());
        let used = companions.roles().into_iter().map(name);
        summary.used_columns.extend(used);
    }
    let wanted = match columns.shape() {
        DataShape::Text => None,
        _ => wanted_column(&table, &columns.roles()),
    };
    let mut unread = notes_on_unread(&table, &columns.roles());
    unread.extend(match columns.shape() {
        DataShape::Text => note_on_templates(&table, &columns.roles()),
        _ => note_on_marks(&table, &columns.roles(), wanted),
    });
    summary.warnings.extend(unread.into_iter().map(|note| in_file(role, note)));
    let mut conversation_notes = ConversationNotes::default();
    let (mut bad, mut num_bad) = (std::mem::take(&mut table.bad_rows), table.num_bad_rows);
    let mut examples = Vec::with_capacity(table.rows.len());
    let rows = std::mem::take(&mut table.rows);
    let prompt_format = format.cloned().unwrap_or_default();
    let reader = RowReader { names: &table.columns, columns, companions, wanted, prompt_format, template };
    for mut row in rows {
        match reader.read(&mut row, &mut conversation_notes) {
            Ok((pieces, turns)) => examples.push(Example { row: row.number, pieces, turns }),
            Err(wrong) => {
                summary.num_empty += usize::from(matches!(wrong, BadCell::Empty(_)));
                num_bad += 1;
                if bad.len() < MAX_LISTED {
                    bad.push(BadRow { row: row.number, reason: wrong.into_reason() });
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
