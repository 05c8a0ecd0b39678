//! The commands of rows one by one: a window of them, searched, filtered and sorted, and a file with its edits made. The rows are
//! taken apart once, when they are first looked through, and again when the files or their reading are others. While rows are read
//! windows are answered between two parts, so that a person can go on scrolling.

use hone_core::config::{Encoding, ReadOptions, RowEdits, Split};
use hone_core::data::{CleanedFile, RowQuery, RowSource, RowTable, clean_file, list_rows};
use hone_core::session::protocol::{Command, FromWorker, Problem, ProblemKind, Reply};
use hone_core::words::plural;
use js_sys::{Object, Uint8Array};

use super::{Answer, Worker};
use crate::errors;
use crate::kept::{KeptData, NamedBytes};
use crate::mailbox::{Letter, post};

/// How the bytes of a file are taken apart.
type Layout = (Option<char>, Option<bool>, Option<usize>, Option<Encoding>);

/// Rows that are looked through.
pub(super) struct OpenRows {
    table: RowTable,
    /// The files they are of.
    files: [Option<Uint8Array>; 3],
    layout: Layout,
    /// What they are used for was noted since they were last read.
    is_placed: bool,
}

impl OpenRows {
    fn is_of(&self, data: &KeptData, source: &RowSource) -> bool {
        let is_same = |(own, file): (&Option<Uint8Array>, &Option<Uint8Array>)| match (own, file) {
            (Some(own), Some(file)) => Object::is(own.as_ref(), file.as_ref()),
            (own, file) => own.is_none() && file.is_none(),
        };
        self.table.source() == source
            && self.layout == layout_of(&data.read)
            && self.files.iter().zip(&files_of(data)).all(is_same)
    }
}

fn layout_of(read: &ReadOptions) -> Layout {
    (read.delimiter, read.has_header, read.header_row, read.encoding)
}

/// The files as core reads them, outside of wasm memory.
fn readable(data: &KeptData) -> [Option<&NamedBytes>; 3] {
    match &data.readable {
        Some(made) => [Some(&made.train), made.valid.as_ref(), made.test.as_ref()],
        None => [Some(&data.train), data.valid.as_ref(), data.test.as_ref()],
    }
}

fn files_of(data: &KeptData) -> [Option<Uint8Array>; 3] {
    readable(data).map(|file| file.map(|(_, bytes)| bytes.clone()))
}

/// What a cleaned file is called. One that came as no text is written as text.
fn cleaned_name(name: &str, what: &str, bytes: &[u8], is_made: bool) -> String {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "txt"));
    let ending = match is_made {
        true if bytes.starts_with(b"{") => "jsonl",
        true => "csv",
        false => ending,
    };
    format!("{stem}-{what}.{ending}")
}

impl Worker {
    /// A window of the rows; from now on with these edits, where some are given.
    pub(super) fn rows_window(
        &mut self,
        source: &RowSource,
        query: &RowQuery,
        edits: Option<&RowEdits>,
    ) -> Result<Reply, Problem> {
        let table = self.open_rows(source, edits)?;
        Ok(Reply::Rows { window: Box::new(table.window(query)) })
    }

    /// A file with its edits made, or the rows of it that are in a split.
    pub(super) fn clean_file(
        &mut self,
        file: Split,
        source: &RowSource,
        read: &ReadOptions,
        split: Option<Split>,
    ) -> Answer {
        let (kept, unused) = match split {
            Some(split) => (Some(self.open_rows(source, Some(&read.edits))?.rows_of(file, split)), Vec::new()),
            None => (None, self.unused_rows(file, source, &read.edits)),
        };
        let data = self.data.as_ref().ok_or_else(errors::no_data)?;
        let (name, bytes) = readable(data)[file.index()].ok_or_else(errors::no_data)?;
        let given = [Some(&data.train), data.valid.as_ref(), data.test.as_ref()][file.index()];
        let is_made = given.is_none_or(|(_, given)| !Object::is(given.as_ref(), bytes.as_ref()));
        let cleaned = clean_file(&(name.clone(), bytes.to_vec()), file, read, source, kept.as_deref());
        let CleanedFile { bytes, num_rows, mut notes } = cleaned.map_err(|error| {
            errors::problem(
                ProblemKind::Data,
                format!("{name} was not written: {error}"),
                "change these cells, and try again",
            )
        })?;
        if !unused.is_empty() {
            let (rows, stay) = (plural(unused.len(), "row"), if unused.len() == 1 { "stays" } else { "stay" });
            let numbers = list_rows(&unused.iter().map(usize::to_string).collect::<Vec<_>>());
            notes.push(format!("{rows} that can't be used {stay} in the file, until dropped by hand: {numbers}"));
        }
        let what = split.map_or("cleaned", Split::words);
        let name = cleaned_name(name, what, &bytes, is_made);
        if is_made {
            notes.push("the file came as no text: it is written as the text that was made of it".into());
        }
        Ok((Reply::Cleaned { name, blob: 0, num_rows, notes }, vec![Uint8Array::from(bytes.as_slice())]))
    }

    /// The rows of a file that can't be used; none where that is not known.
    fn unused_rows(&mut self, file: Split, source: &RowSource, edits: &RowEdits) -> Vec<usize> {
        if self.open_rows(source, Some(edits)).is_err() {
            return Vec::new();
        }
        let open = self.rows.as_ref().filter(|open| open.is_placed);
        open.map_or_else(Vec::new, |open| open.table.unused_of(file))
    }

    /// Answers what was asked of the rows that are looked through, while others are read.
    pub(super) fn answer_rows_meanwhile(&mut self) {
        loop {
            let Some(open) = &self.rows else { return };
            let source = open.table.source();
            let is_wanted =
                |command: &Command| matches!(command, Command::RowsWindow { source: of, .. } if of == source);
            let Some(Letter { request, .. }) = self.mailbox.take_letter(is_wanted) else { return };
            if let Command::RowsWindow { source, query, edits } = request.command {
                let result = self.rows_window(&source, &query, edits.as_ref());
                post(&FromWorker::Reply { id: request.id, result }, Vec::new());
            }
        }
    }

    /// Rows were read: what each is used for is to be noted anew.
    pub(super) fn forget_places(&mut self) {
        if let Some(open) = &mut self.rows {
            open.is_placed = false;
        }
    }

    /// The rows of the files in use. While those are read again they are not at hand, and rows that are open stay.
    pub(super) fn open_rows(&mut self, source: &RowSource, edits: Option<&RowEdits>) -> Result<&mut RowTable, Problem> {
        if let Some(data) = &self.data
            && !self.rows.as_ref().is_some_and(|open| open.is_of(data, source))
        {
            self.rows = None;
            let mut table = RowTable::open(&data.files(), &data.read, source).map_err(|error| {
                let hint = "the rows of this file are used all the same; the data report says how";
                errors::problem(ProblemKind::Data, format!("the rows can't be listed one by one: {error}"), hint)
            })?;
            table.set_edits(&data.read.edits); // a query may come before the page says which it has
            let (files, layout) = (files_of(data), layout_of(&data.read));
            self.rows = Some(OpenRows { table, files, layout, is_placed: false });
        }
        let places = match (&self.survey, &self.session) {
            _ if self.rows.as_ref().is_none_or(|open| open.is_placed) => None,
            (Some(survey), _) => Some(survey.row_places()),
            (None, Some(session)) => Some(session.row_places()),
            (None, None) => None,
        };
        let has_own_file = self.data.as_ref().map(|data| {
            let [_, valid, test] = readable(data);
            [valid.is_some(), test.is_some()]
        });
        let open = self.rows.as_mut().ok_or_else(errors::no_data)?;
        if let Some(edits) = edits {
            open.table.set_edits(edits);
        }
        if let (Some(places), Some(has_own_file)) = (places, has_own_file)
            && places.iter().any(|rows| !rows.is_empty())
        {
            open.table.set_places(&places, has_own_file);
            open.is_placed = true;
        }
        Ok(&mut open.table)
    }
}
