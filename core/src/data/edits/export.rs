//! A file of rows, cleaned: as it came in, with the edits made. In: the bytes, how they are read, the edits. Out: a file of the same
//! format in which every letter that was not edited is as it was: other fields, quotes, line ends, lines above the header. Rows that
//! could not be read are said, and stand in it as they did unless they were dropped or only rows of a split are wanted. Cells are
//! written as they stand, formulas too: it is the person's own file, which must come back as it is.

mod appended;
mod sentences;
mod unread;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::query::RowSource;
use super::set_cells;
use super::view::merged;
use crate::config::{EditedRow, Encoding, ReadOptions, Split};
use crate::data::cleaning::{clean_cells, text_columns};
use crate::data::columns::index_of;
use crate::data::error::DataError;
use crate::data::parse::{
    LocatedRows, RowWriting, Table, fields_of, locate_rows, read_text, set_field, write_fast_text,
};
use crate::spreadsheet::is_formula;
use crate::words::plural;

pub use appended::{AppendedRow, append_rows};

/// What UTF-8 files of some programs begin with.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file that was cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanedFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Rows in it.
    pub num_rows: usize,
    /// What a person should know about it.
    pub notes: Vec<String>,
}

/// Writes a file with its edits made. `file` says which one it is; with `kept` only these rows of it are written, by their numbers.
///
/// # Errors
/// When the file can't be read or has no column of the name of one that is used, or its layout has no way to write what a cell
/// holds: names the row.
pub fn clean_file(
    (name, bytes): &(String, Vec<u8>),
    file: Split,
    read: &ReadOptions,
    source: &RowSource,
    kept: Option<&[usize]>,
) -> Result<CleanedFile, DataError> {
    let decoded = read_text(bytes, read.encoding)?;
    let text = decoded.text.as_ref();
    let located = locate(name, text, file, read, source)?;
    let columns = columns_of(&located.table, source)?;
    let changes = Changes::find(&located.table, file, read, source, &columns);
    let mut notes: Vec<String> = changes.notes.clone();
    let kept: Option<HashSet<usize>> = kept.map(|rows| rows.iter().copied().collect());
    let is_kept =
        |number: usize| !changes.dropped.contains(&number) && kept.as_ref().is_none_or(|kept| kept.contains(&number));
    let mut parts: Vec<Part<'_>> = Vec::with_capacity(located.spans.len() + located.bad_spans.len());
    let are_lines = matches!(located.writing, RowWriting::TokenLines { .. });
    for (place, (number, span)) in located.spans.iter().enumerate() {
        let row = &text[span.clone()];
        let part = match changes.cells.get(number) {
            _ if !is_kept(*number) => None,
            None => Some(row.to_owned()),
            Some(cells) if !located.tokens.is_empty() => Some(sentences::written(text, &located, place, cells)?),
            Some(cells) => Some(written(row, cells, &located, *number)?),
        };
        let part = part.map(|part| if are_lines && kept.is_some() { sentences::apart(part) } else { part });
        parts.push((span, part));
    }
    for (number, span) in &located.bad_spans {
        let is_left = kept.is_none() && !changes.dropped.contains(number);
        parts.push((span, is_left.then(|| text[span.clone()].to_owned())));
    }
    parts.sort_by_key(|(span, _)| span.start);
    let num_rows = located.table.rows.iter().filter(|row| is_kept(row.number)).count();
    let written = assemble(text, &located, &parts, kept.is_some());
    if kept.is_none() {
        notes.extend(unread::notes(&located, &changes.dropped));
    }
    notes.extend(note_on_sentences(name, &written, num_rows, (file, read, source), &located));
    notes.extend(decoded.note.filter(|_| decoded.encoding == Encoding::Utf8));
    if decoded.encoding != Encoding::Utf8 {
        notes.push(format!("it is written as UTF-8; the file came as {}", decoded.encoding.name()));
    }
    let num_formulas = num_formulas(&located.table, &columns, is_kept);
    if num_formulas > 0 {
        let cells = plural(num_formulas, "cell");
        notes.push(format!("{cells} may be taken for formulas by a spreadsheet: cells are written as they stand"));
    }
    let has_mark = bytes.starts_with(MARK);
    let bytes = [if has_mark { MARK } else { &[][..] }, written.as_bytes()].concat();
    Ok(CleanedFile { bytes, num_rows, notes })
}

/// Says so where sentences that were kept apart by one that is left out are read as one now: they are called the same.
fn note_on_sentences(
    name: &str,
    written: &str,
    num_rows: usize,
    (file, read, source): (Split, &ReadOptions, &RowSource),
    located: &LocatedRows,
) -> Option<String> {
    if located.tokens.is_empty() || num_rows == 0 {
        return None;
    }
    let found = locate(name, written, file, read, source).ok()?.table.rows.len();
    let read_as = || {
        let rows = plural(num_rows, "sentence");
        format!("{rows} are written and {found} read again: some that are called the same now stand side by side")
    };
    (found < num_rows).then(read_as)
}

/// Reads a file and finds its rows. The header of a file beside the training file stands where it likes.
fn locate(
    name: &str,
    text: &str,
    file: Split,
    read: &ReadOptions,
    source: &RowSource,
) -> Result<LocatedRows, DataError> {
    let is_own = file != Split::Train;
    let is_unnamed = |(index, name): (usize, &String)| *name == format!("column {}", index + 1);
    let has_no_header = source.file_columns.iter().enumerate().all(is_unnamed);
    let has_header = if has_no_header { Some(false) } else { read.has_header };
    let alone = ReadOptions { header_row: None, has_header, ..read.clone() };
    let find = |read: &ReadOptions| {
        let mut located = locate_rows(name, text, read, source.kind())?;
        located.split_translations();
        Ok::<_, DataError>(located)
    };
    let located = find(if is_own { &alone } else { read })?;
    if !is_own || columns_of(&located.table, source).is_ok() {
        return Ok(located);
    }
    // As its rows are found when it is read: by a header that only its names show, or in the row that was named.
    let others = [
        ReadOptions { has_header: Some(true), ..alone },
        ReadOptions { has_header: None, header_row: read.header_row, ..read.clone() },
    ];
    let mut found = others.iter().filter_map(|other| find(other).ok());
    Ok(found.find(|other| columns_of(&other.table, source).is_ok()).unwrap_or(located))
}

/// The index of each used column: by its name, or in a file without a header as it stands in the training file.
fn columns_of(table: &Table, source: &RowSource) -> Result<HashMap<String, Option<usize>>, DataError> {
    let index = |name: &String| {
        let named = index_of(&table.columns, name);
        let is_alike = !table.has_header && table.columns.len() == source.file_columns.len();
        named.or_else(|| source.file_columns.iter().position(|column| column == name).filter(|_| is_alike))
    };
    let column = |(name, _): &(String, String)| match index(name) {
        Some(index) => Ok((name.clone(), Some(index))),
        None => Err(DataError::MissingColumn { column: name.clone(), columns: table.columns.clone() }),
    };
    source.columns.iter().map(column).collect()
}

/// What is written otherwise than it stands in the file.
#[derive(Debug, Default)]
struct Changes {
    dropped: HashSet<usize>,
    /// By row: new cells, by their column.
    cells: HashMap<usize, BTreeMap<usize, String>>,
    notes: Vec<String>,
}

impl Changes {
    fn find(
        table: &Table,
        file: Split,
        read: &ReadOptions,
        source: &RowSource,
        columns: &HashMap<String, Option<usize>>,
    ) -> Self {
        let edited = read.edits.of_file(file);
        let dropped = edited.iter().filter(|(_, row)| row.is_dropped).map(|(&number, _)| number).collect();
        let mut changes = Self { dropped, ..Self::default() };
        let label = source.label_column().map(|index| &source.columns[index]);
        let merged_column = label.filter(|(_, role)| role == "label").and_then(|(name, _)| columns[name.as_str()]);
        if merged_column.is_none() && !source.merge_labels.is_empty() {
            changes
                .notes
                .push("labels that are read as another one stand in lists, and are written as they were".into());
        }
        let texts = source.columns.iter().filter_map(|(name, role)| Some((columns[name.as_str()]?, role.as_str())));
        let texts = text_columns(texts);
        let mut num_misfits = 0;
        for row in &table.rows {
            let mut cells = row.cells.clone();
            let fits = edited
                .get(&row.number)
                .is_none_or(|edited: &EditedRow<'_>| set_cells(edited, columns, &mut cells).is_ok());
            num_misfits += usize::from(!fits);
            if let Some(index) = merged_column {
                let label = merged(&source.merge_labels, cells[index].trim()).to_owned();
                if label != cells[index].trim() {
                    cells[index] = label;
                }
            }
            clean_cells(&read.clean_texts, &texts, &row.nested, &mut cells);
            let new = cells.into_iter().enumerate().filter(|(index, cell)| *cell != row.cells[*index]);
            let new: BTreeMap<usize, String> = new.collect();
            if !new.is_empty() {
                changes.cells.insert(row.number, new);
            }
        }
        if num_misfits > 0 {
            let rows = plural(num_misfits, "edited row");
            changes.notes.push(format!("{rows} had other words than the edits know, and are written as they stand"));
        }
        changes
    }
}

/// A row with new cells.
fn written(
    row: &str,
    new: &BTreeMap<usize, String>,
    located: &LocatedRows,
    number: usize,
) -> Result<String, DataError> {
    let LocatedRows { table, writing, .. } = located;
    let cells = table.rows.binary_search_by_key(&number, |row| row.number).ok().map(|index| &table.rows[index].cells);
    let cells: Vec<&str> = cells.into_iter().flatten().map(String::as_str).collect();
    let value = |index: usize| new.get(&index).map_or(cells[index], String::as_str);
    let body = row.trim_end_matches(['\r', '\n']);
    let line_end = &row[body.len()..];
    let cannot = |why: &str| {
        let message = format!("row {number} can't be written in the layout of its file: {why}");
        DataError::BadOption { field: "edits".into(), message }
    };
    let on_one_line = |text: String| match text.contains(['\r', '\n']) {
        true => Err(cannot("a text has a line break, and each line is a row")),
        false => Ok(text + line_end),
    };
    match *writing {
        RowWriting::Delimited { separator, is_quoted } => {
            let own = || fields_of(row, separator, is_quoted);
            let object = located.split.as_ref().map(|split| split.field(&table.columns, &cells, new, own));
            let mut fields: Vec<&str> = (0..cells.len()).map(value).collect();
            if let (Some(split), Some(object)) = (&located.split, &object) {
                drop(fields.splice(split.range(), [object.as_str()]));
            }
            let is_one_empty = fields.len() == 1 && fields[0].trim().is_empty();
            let field = |field: &&str| match is_quoted {
                true => Ok(quoted(field, separator, is_one_empty)),
                false if field.contains([separator, '\r', '\n']) => {
                    Err(cannot("a cell holds what separates cells, and quotes are letters in this file"))
                }
                false => Ok((*field).to_owned()),
            };
            let fields = fields.iter().map(field).collect::<Result<Vec<_>, _>>()?;
            Ok(fields.join(&separator.to_string()) + line_end)
        }
        RowWriting::Lines => on_one_line(value(0).to_owned()),
        RowWriting::TokenLines { .. } => Err(cannot("it is a sentence of several lines")),
        RowWriting::LabelFirst if cells.len() == 2 => {
            let line = write_fast_text(value(0), value(1));
            on_one_line(
                line.ok_or_else(|| cannot("it would be read otherwise: labels have no spaces, and a text is needed"))?,
            )
        }
        RowWriting::LabelFirst => {
            let (coarse, fine) = (value(0), value(1).split_once(':').map_or(value(1), |(_, fine)| fine));
            on_one_line(format!("{coarse}:{fine} {}", value(2)))
        }
        RowWriting::Object => {
            let mut object = row.to_owned();
            for (&index, value) in new {
                let column = table.columns.get(index).map_or("", String::as_str);
                object = set_field(&object, column, value)
                    .ok_or_else(|| cannot("it is no JSON object, or one of a tool for annotation"))?;
            }
            Ok(object)
        }
    }
}

/// A field in quotes, where it has to be.
fn quoted(field: &str, separator: char, is_one_empty: bool) -> String {
    if is_one_empty || field.contains([separator, '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Where a row stands, and how it is written; `None` where it is left out.
type Part<'a> = (&'a Range<usize>, Option<String>);

/// The text with the rows that are left: with `only_rows`, beside what stands above the first, nothing else.
fn assemble(text: &str, located: &LocatedRows, parts: &[Part<'_>], only_rows: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut at, mut between) = (0, None);
    for (index, (span, part)) in parts.iter().enumerate() {
        let gap = &text[at..span.start];
        at = span.end;
        if index == 0 || (!located.is_array && !only_rows) {
            out.push_str(gap);
        } else if located.is_array && between.is_none() {
            between = Some(gap);
        }
        if let Some(part) = part {
            // Of an array what stood behind the last item that is left stands before the next one.
            if located.is_array && out.len() > parts[0].0.start {
                out.push_str(between.unwrap_or_default());
            }
            between = None;
            out.push_str(part);
        }
    }
    if located.is_array || !only_rows {
        out.push_str(&text[at..]);
    }
    out
}

/// Cells of rows that are written which a spreadsheet may take for formulas.
fn num_formulas(table: &Table, columns: &HashMap<String, Option<usize>>, is_kept: impl Fn(usize) -> bool) -> usize {
    let rows = table.rows.iter().filter(|row| is_kept(row.number));
    let used: Vec<usize> = columns.values().flatten().copied().collect();
    rows.flat_map(|row| used.iter().map(move |&index| &row.cells[index])).filter(|cell| is_formula(cell)).count()
}

#[cfg(test)]
mod tests;
