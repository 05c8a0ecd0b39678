//! Files to sentences in three splits: words and their tags, tags with ids; rows that can't be used are put aside.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::super::{Purpose, ReadRequest};
use super::cells::{Items, read_spans, read_tags, read_words};
use super::columns::choose;
use super::place::place_spans;
use super::sentence::{Dataset, Sentence};
use super::tags::{OUTSIDE, Scheme};
use super::tagset::TagSet;
use super::{TagLayout, labels, names, write};
use crate::config::ReadOptions;
use crate::data::{
    BadCell, DataError, EditedLabel, Format, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, RowReader,
    SourceRow, Split, Table, UsedColumn, count_repeats, edited_labels, list_rows, parse_tagged, share_out,
};
use crate::metrics::entity_spans;
use crate::words::plural;

/// Columns that list the names of tags in the order of their ids.
const NAMES: [&str; 4] = ["names", "label_names", "tag_names", "ner_tags_names"];

/// A row with the ids of its tags as [`TagSet`] numbers them.
type Read = (String, Vec<(usize, usize)>, Vec<usize>, bool);

/// Reads the files and shares the sentences out.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub(super) fn read_dataset(request: &ReadRequest<'_>) -> Result<(Dataset, ReadSummary), DataError> {
    let files = request.files;
    let beside: RefCell<Option<Vec<String>>> = RefCell::default();
    let parse = |name: &str, bytes: &[u8], read: &ReadOptions| -> Result<Table, DataError> {
        let table = parse_tagged(name, bytes, read)?;
        if table.format == Format::Json && beside.borrow().is_none() {
            *beside.borrow_mut() = names::names_beside(bytes, read);
        }
        Ok(table)
    };
    let mut rows = RowsOfFile::new(request.known_labels);
    let (mut reader, mut train) = {
        let mut take = |row: &mut Row, used: &[UsedColumn], columns: &[String]| rows.take(row, used, columns);
        let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut take };
        RowReader::begin(files, request.read, &mut format)?
    };
    let column = reader.summary.column_of(if rows.has_spans { "spans" } else { "tags" }).to_owned();
    let num_words = train.iter().map(|row| row.value.2.len()).sum();
    rows.tags.names = rows.tags.names.take().or_else(|| beside.borrow_mut().take());
    let scheme = rows.scheme_of_spans();
    let tags_of_rows = || train.iter().map(|row| row.value.2.as_slice());
    let are_ids = rows.tags.as_numbers().is_some();
    let named = labels::name_tags(&mut rows.tags, scheme, request, &column, num_words, tags_of_rows)?;
    if request.purpose == Purpose::Train && named.ids.len() < 2 {
        let tag = named.ids.first().map_or_else(String::new, |&id| named.labels[id].clone());
        return Err(DataError::OneTag { tag, num_words });
    }
    for row in &mut train {
        row.value.2.iter_mut().for_each(|tag| *tag = named.ids[*tag]);
    }
    reader.summary.warnings.extend(named.notes);
    let mut widened = std::mem::take(&mut rows.widened);
    let mut read_own = |split: Split| {
        let mut take = |row: &mut Row, used: &[UsedColumn], columns: &[String]| rows.take(row, used, columns);
        let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut take };
        let read = reader.own_file(split, &mut format)?;
        let in_file = |row: String| format!("{} {row}", split.words());
        widened.extend(std::mem::take(&mut rows.widened).into_iter().map(in_file));
        Ok::<_, DataError>(read)
    };
    let valid = read_own(Split::Valid)?;
    let test = read_own(Split::Test)?;
    let labels = named.labels;
    let layout = TagLayout {
        names_of_ids: if are_ids { labels.clone() } else { Vec::new() },
        are_small: named.are_small,
        has_spans: rows.has_spans,
        example: rows.example.take(),
        ..TagLayout::default()
    };
    if request.purpose == Purpose::Measure && !request.known_labels.is_empty() {
        labels::check_known(
            train.iter().map(|row| (row.row, row.value.2.as_slice())),
            &labels,
            request.known_labels,
            &column,
        )?;
    }
    let mut summary = reader.summary;
    summary.warnings.extend(warn_of_offsets(&widened, rows.num_utf16));

    // A row is drawn by what its file has of it: tags that are corrected move no row (ADR 44).
    let edited = edited_labels(&request.read.edits, &column);
    let types_of = |row: &SourceRow<Read>| {
        let types = types_of_tags(row.value.2.iter().map(|&tag| labels[tag].as_str()));
        // An edit that does not fit its row was not made.
        let is_made = |edit: &&EditedLabel<'_>| types_in_cell(edit.value, &layout).as_ref() == Some(&types);
        let edit = edited.get(&row.row).filter(is_made);
        edit.and_then(|edit| types_in_cell(edit.was, &layout)).unwrap_or(types)
    };
    let classes = rarest_types(&train.iter().map(types_of).collect::<Vec<_>>());
    let all = ReadRows { train, valid, test, summary };
    let (splits, mut summary) = share_out(all, &classes, &request.run.split, request.run.seed);
    let splits = splits.map(|rows| rows.into_iter().map(sentence_of).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| rows.iter().map(|row| (row.text.as_str(), &row.tags)));
    count_repeats(texts, "list of tags", &mut summary);
    let dataset = Dataset { layout, ..Dataset::new(labels, splits) };
    summary.warnings.extend(dataset.warn_of_tags());
    if dataset.splits[1].is_empty() && request.purpose == Purpose::Train {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((dataset, summary))
}

fn sentence_of(SourceRow { row, value: (text, words, tags, is_split) }: SourceRow<Read>) -> Sentence {
    Sentence { row, text, words, tags, is_split }
}

/// What is said of spans whose borders were moved or counted in another way.
fn warn_of_offsets(widened: &[String], num_utf16: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if !widened.is_empty() {
        let (rows, have) = (plural(widened.len(), "row"), if widened.len() == 1 { "has" } else { "have" });
        let named = list_rows(widened);
        warnings.push(format!("{rows} {have} spans that cut a word: they are widened to whole words: rows {named}"));
    }
    if num_utf16 > 0 {
        let rows = plural(num_utf16, "row");
        warnings.push(format!("offsets in {rows} count UTF-16 units, as JavaScript does, and are read so"));
    }
    warnings
}

/// The types of some tags, each once.
fn types_of_tags<'t>(tags: impl Iterator<Item = &'t str>) -> Vec<String> {
    let tags: Vec<&str> = tags.collect();
    distinct(entity_spans(&tags).into_iter().map(|span| span.label).collect())
}

/// The types that stand in a cell of tags or spans; `None` where it can't be read.
fn types_in_cell(cell: &str, layout: &TagLayout) -> Option<Vec<String>> {
    if layout.has_spans && cell.is_empty() {
        return Some(Vec::new());
    }
    if layout.has_spans {
        return Some(distinct(read_spans(cell).ok()?.into_iter().map(|span| span.label).collect()));
    }
    let tags = read_tags(cell).ok()?.values;
    if layout.names_of_ids.is_empty() {
        return Some(types_of_tags(layout.as_read(tags).iter().map(String::as_str)));
    }
    let name = |id: &String| layout.names_of_ids.get(id.parse::<usize>().ok()?).map(String::as_str);
    Some(types_of_tags(tags.iter().map(name).collect::<Option<Vec<&str>>>()?.into_iter()))
}

fn distinct(mut types: Vec<String>) -> Vec<String> {
    types.sort_unstable();
    types.dedup();
    types
}

/// Of each row, which has these types, the one that fewest rows have, numbered; 0 where it has none: every type comes into every split.
fn rarest_types(of_rows: &[Vec<String>]) -> Vec<usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    of_rows.iter().flatten().for_each(|label| *counts.entry(label).or_default() += 1);
    let numbers: HashMap<&str, usize> = counts.keys().zip(1..).map(|(&label, number)| (label, number)).collect();
    let rarest = |types: &Vec<String>| {
        let label = types.iter().min_by_key(|label| (counts[label.as_str()], numbers[label.as_str()]));
        label.map_or(0, |label| numbers[label.as_str()])
    };
    of_rows.iter().map(rarest).collect()
}

/// Takes sentences out of the rows of a table.
struct RowsOfFile<'k> {
    known_labels: &'k [String],
    tags: TagSet,
    /// Rows are texts with spans.
    has_spans: bool,
    /// Rows with spans that were widened to whole words.
    widened: Vec<String>,
    /// Rows whose offsets count UTF-16 units.
    num_utf16: usize,
    /// The first span, as it stands in its cell.
    example: Option<String>,
}

impl<'k> RowsOfFile<'k> {
    fn new(known_labels: &'k [String]) -> Self {
        let (tags, has_spans, widened, num_utf16, example) = (TagSet::default(), false, Vec::new(), 0, None);
        Self { known_labels, tags, has_spans, widened, num_utf16, example }
    }

    /// The scheme of the tags that spans are given: that of a model which has tags, else BIO; `None` where there are
    /// none.
    fn scheme_of_spans(&self) -> Option<Scheme> {
        self.has_spans.then(|| labels::scheme_of_labels(self.known_labels))
    }

    fn take(&mut self, row: &mut Row, used: &[UsedColumn], columns: &[String]) -> Result<Read, BadCell> {
        if self.tags.names.is_none()
            && let Some(names) = columns.iter().position(|column| NAMES.contains(&column.as_str()))
        {
            self.tags.names = serde_json::from_str(&row.cells[names]).ok();
        }
        let [first, second] = [used[0], used[1]];
        let names = [&columns[first.index], &columns[second.index]];
        if second.role == "spans" {
            let in_column = |reason: String| BadCell::Other(format!("{reason} (column {:?})", names[1]));
            check_text(row, first.index, names[0])?;
            return self.take_text(row, first.index, second.index, columns).map_err(in_column);
        }
        let cells = [row.cells[first.index].as_str(), row.cells[second.index].as_str()];
        let in_column = |name: &String, reason: String| BadCell::Other(format!("{reason} (column {name:?})"));
        let tokens = read_words(cells[0]).map_err(|reason| in_column(names[0], reason))?;
        let tags = read_tags(cells[1]).map_err(|reason| in_column(names[1], reason))?;
        self.take_words(&tokens, &tags, names)
    }

    /// A sentence that comes in words.
    fn take_words(&mut self, tokens: &Items, tags: &Items, names: [&String; 2]) -> Result<Read, BadCell> {
        let (num_tokens, num_tags) = (tokens.values.len(), tags.values.len());
        if num_tokens == 0 {
            return Err(BadCell::Empty(format!("there are no tokens (column {:?})", names[0])));
        }
        if num_tokens != num_tags {
            let (tokens, tags) = (plural(num_tokens, "token"), plural(num_tags, "tag"));
            let reason = format!("there are {tokens} and {tags} (columns {:?} and {:?})", names[0], names[1]);
            return Err(BadCell::Other(reason));
        }
        // A token may be white space that its file keeps, such as a no-break space.
        let is_empty = |item: &str, what: &str| item.is_empty() || what == "tag" && item.trim().is_empty();
        for (items, name, what) in [(tokens, names[0], "token"), (tags, names[1], "tag")] {
            if let Some(index) = items.values.iter().position(|item| is_empty(item, what)) {
                return Err(BadCell::Empty(format!("{what} {} is empty (column {name:?})", index + 1)));
            }
        }
        let unknown = |tag: String| BadCell::Other(format!("{tag} (column {:?})", names[1]));
        let tags = self.tags.ids_of(tags.values.iter().map(String::as_str), tags.are_ids).map_err(unknown)?;
        let mut text = String::new();
        let mut words = Vec::with_capacity(num_tokens);
        for token in &tokens.values {
            if !text.is_empty() {
                text.push(' ');
            }
            words.push((text.len(), text.len() + token.len()));
            text.push_str(token);
        }
        Ok((text, words, tags, true))
    }

    /// A text with spans.
    fn take_text(&mut self, row: &mut Row, text: usize, spans: usize, columns: &[String]) -> Result<Read, String> {
        self.has_spans = true;
        let cell = |name: &str| columns.iter().position(|column| column == name).map(|index| row.cells[index].as_str());
        // Prodigy writes what an annotator decided, and leaves spans out where there are none.
        let answer = cell("answer").filter(|answer| ["accept", "reject", "ignore"].contains(answer));
        if let Some(answer @ ("reject" | "ignore")) = answer {
            return Err(format!("its answer is {answer:?}: only accepted rows are used"));
        }
        let found = match row.cells[spans].trim() {
            "" if answer == Some("accept") => Vec::new(),
            "" => return Err("the spans are missing: a text without any has an empty list".into()),
            found => read_spans(found)?,
        };
        let placed = place_spans(&row.cells[text], &found)?;
        if self.example.is_none() && !found.is_empty() {
            self.example = write::first_span(&row.cells[spans]);
        }
        let scheme = labels::scheme_of_labels(self.known_labels);
        let mut tags = vec![OUTSIDE.to_owned(); placed.words.len()];
        for span in &placed.spans {
            let of_span = scheme.tags_of(&span.label, span.end - span.start);
            tags[span.start..span.end].iter_mut().zip(of_span).for_each(|(tag, own)| *tag = own);
        }
        let tags = self.tags.ids_of(tags.iter().map(String::as_str), false)?;
        if placed.num_widened > 0 {
            self.widened.push(row.number.to_string());
        }
        self.num_utf16 += usize::from(placed.counts_utf16);
        Ok((std::mem::take(&mut row.cells[text]), placed.words, tags, false))
    }
}

/// Checks that there is a text, and no object or array.
fn check_text(row: &Row, index: usize, name: &str) -> Result<(), BadCell> {
    if row.nested.contains(&index) {
        return Err(BadCell::Other(format!("the text holds an object or array (column {name:?})")));
    }
    if row.cells[index].trim().is_empty() {
        return Err(BadCell::Empty(format!("the text is empty (column {name:?})")));
    }
    Ok(())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
