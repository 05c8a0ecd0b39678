//! Files to examples in three splits: texts in pieces, of which some carry loss and some are only read.
//!
//! In: the files, how they are read, and the model's chat template. Out: a [`Dataset`], and what reading had to say.
//! Rows that can't be used are listed with number and reason, and do not stop the rest. A plain text file is one
//! example, cut into passages when it is encoded; its splits are its beginning and its end.

use std::collections::BTreeSet;

use super::beside::{note_on_marks, note_on_templates, notes_on_unread, wanted_column};
use super::conversation::{Companions, ConversationNotes};
use super::prompts::{self, JoinedBy, joined_by};
use super::row::ExampleReader;
use super::shape::{Columns, are_names, choose_columns};
use super::splits::{count_repeats, share_out, split_text};
use crate::config::{DataShape, PromptFormat, ReadOptions, RowEdits, SplitConfig, TextCleaning};
use crate::data::{
    BadRows, DataError, DataFiles, FileReading, Format, LabelMarks, ReadSummary, RowKeys, Split, Table, UsedColumn,
    apply_edits, clean_table, in_file_of, leave_out_test, parse_keeping_nested, why_unlabeled,
};
use crate::task::RenderTurns;
use crate::task::plain_texts::{PlainText, unused_cleaning, unused_edits};
use crate::tokenizer::{Piece, Turn};

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
    let asks_for_template = read.prompt_format == Some(PromptFormat::Chat) && shape != DataShape::Messages;
    if asks_for_template && template.is_none() {
        return Err(DataError::NoTemplateForFormat);
    }
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
    let mut own = |split: Split| -> Result<Option<Vec<Example>>, DataError> {
        let Some((name, bytes)) = files.file_of(split) else { return Ok(None) };
        let in_file = |source| DataError::in_file(split, name, source);
        // A plain text goes with texts of any kind.
        let is_plain = shape == DataShape::Text && PlainText::is_named(name);
        let plain = ReadOptions { encoding: like.encoding, ..ReadOptions::default() };
        let source = match is_plain {
            true => Source::read(name, bytes, &plain),
            false => Source::read_like(name, bytes, &like, read.header_row),
        };
        if split == Split::Test
            && let Some(reason) = why_unanswered(&source, &like)
        {
            return leave_out_test(files, reason, &mut summary).map(|()| None).map_err(in_file);
        }
        let source = source.map_err(in_file)?;
        if source.shape() != shape {
            let error =
                DataError::NoShapeColumn { shape: shape.name(), role: "same parts", columns: names_of(&source) };
            return Err(in_file(error));
        }
        take((source, edits, &read.clean_texts), split, format, template, &mut summary).map(Some).map_err(in_file)
    };
    let (own_valid, own_test) = (own(Split::Valid)?, own(Split::Test)?);
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
            let train = take((source, edits, &read.clean_texts), Split::Train, format, template, &mut summary)?;
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

/// Why no prompt of a test file has an answer, though it has prompts as the training file does; `None` where one has, or something else is
/// wrong with it.
fn why_unanswered(source: &Result<Source, DataError>, like: &ReadOptions) -> Option<String> {
    match source {
        Ok(Source::Table(table, columns)) => {
            let used = columns.roles().into_iter().map(|(index, role)| UsedColumn { role, index });
            // An answer may be any number.
            let marks = LabelMarks { has_negative: true, has_empty: false };
            why_unlabeled(table, &used.collect::<Vec<_>>(), marks)
        }
        Err(error @ DataError::MissingColumn { column, columns }) => {
            let has_prompts = like.prompt_column.as_ref().is_some_and(|prompt| columns.contains(prompt));
            (has_prompts && like.completion_column.as_ref() == Some(column)).then(|| error.to_string())
        }
        _ => None,
    }
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

/// The examples of the file of a split; notes the rows that are none.
fn take(
    (source, edits, clean_texts): (Source, &RowEdits, &BTreeSet<TextCleaning>),
    split: Split,
    format: Option<&PromptFormat>,
    template: Option<&RenderTurns<'_>>,
    summary: &mut ReadSummary,
) -> Result<Vec<Example>, DataError> {
    let (mut table, columns) = match source {
        Source::Plain(PlainText { text, note, .. }) => {
            summary.num_rows += 1;
            summary.warnings.extend(note.map(|note| in_file_of(split, note)));
            return Ok(vec![Example { row: 1, pieces: vec![Piece { text, has_loss: true }], turns: Vec::new() }]);
        }
        Source::Table(table, columns) => (table, columns),
    };
    let is_chat = columns.shape() == DataShape::Messages || format == Some(&PromptFormat::Chat);
    if is_chat && template.is_none() {
        return Err(DataError::NoChatTemplate);
    }
    let used = columns.roles().iter().map(|&(index, _)| (table.columns[index].clone(), Some(index))).collect();
    apply_edits(edits, split, &used, &mut table).tell(summary, split);
    let note = clean_table(clean_texts, columns.roles().into_iter(), &mut table);
    summary.notes.extend(note.map(|note| in_file_of(split, note)));
    let notes = std::mem::take(&mut table.notes).into_iter();
    summary.warnings.extend(notes.map(|note| in_file_of(split, note)));
    let (companions, wanted, unread) = find_beside(&table, columns);
    if is_chat && split == Split::Train {
        let name = |(column, role): (usize, &str)| (table.columns[column].clone(), role.to_owned());
        summary.used_columns.extend(companions.roles().into_iter().map(name));
    }
    summary.warnings.extend(unread.into_iter().map(|note| in_file_of(split, note)));
    let (mut bad, rows) = (BadRows::of(&mut table), std::mem::take(&mut table.rows));
    let prompt_format = format.cloned().unwrap_or_default();
    let template = template.filter(|_| is_chat);
    let reader = ExampleReader { names: &table.columns, columns, companions, wanted, prompt_format, template };
    let mut conversation_notes = ConversationNotes::default();
    let mut examples = Vec::with_capacity(rows.len());
    for mut row in rows {
        match reader.read(&mut row, &mut conversation_notes) {
            Ok((pieces, turns)) => examples.push(Example { row: row.number, pieces, turns }),
            Err(wrong) => bad.note(row.number, wrong, summary),
        }
    }
    bad.close(examples.len(), split, summary)?;
    let warnings = conversation_notes.warnings().into_iter();
    summary.warnings.extend(warnings.map(|warning| in_file_of(split, warning)));
    Ok(examples)
}

/// What stands beside the columns of the examples: the columns that are read with them, the one that says which answers are
/// wanted, and what there is to say of the rest. Texts have none of the first two.
fn find_beside(table: &Table, columns: Columns) -> (Companions, Option<usize>, Vec<String>) {
    let roles = columns.roles();
    let mut unread = notes_on_unread(table, &roles);
    if columns.shape() == DataShape::Text {
        unread.extend(note_on_templates(table, &roles));
        return (Companions::default(), None, unread);
    }
    let wanted = wanted_column(table, &roles);
    unread.extend(note_on_marks(table, &roles, wanted));
    (Companions::find(table, &roles), wanted, unread)
}

#[cfg(test)]
mod tests;
