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
use super::{labels, table};
use crate::config::ReadOptions;
use crate::data::{
    BadCell, DataError, Format, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, RowReader, SourceRow, Table,
    UsedColumn, count_repeats, list_rows, share_out,
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
        let table = table::parse(name, bytes, read)?;
        if table.format == Format::Json && beside.borrow().is_none() {
            *beside.borrow_mut() = table::names_beside(bytes, read);
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
    let mut read_own = |role: &'static str| {
        let mut take = |row: &mut Row, used: &[UsedColumn], columns: &[String]| rows.take(row, used, columns);
        let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut take };
        let read = reader.own_file(role, &mut format)?;
        widened.extend(std::mem::take(&mut rows.widened).into_iter().map(|row| format!("{role} {row}")));
        Ok::<_, DataError>(read)
    };
    let valid = read_own("validation")?;
    let test = read_own("test")?;
    let labels = named.labels;
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

    let classes = rarest_types(&train, &labels);
    let all = ReadRows { train, valid, test, summary };
    let (splits, mut summary) = share_out(all, &classes, &request.run.split, request.run.seed);
    let splits = splits.map(|rows| rows.into_iter().map(sentence_of).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| rows.iter().map(|row| (row.text.as_str(), &row.tags)));
    count_repeats(texts, "list of tags", &mut summary);
    let dataset = Dataset::new(labels, splits);
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

/// Of each row the type that fewest rows have, numbered; 0 where it has none: every type comes into every split.
fn rarest_types(rows: &[SourceRow<Read>], labels: &[String]) -> Vec<usize> {
    let types_of = |tags: &[usize]| -> Vec<String> {
        let tags: Vec<&str> = tags.iter().map(|&tag| labels[tag].as_str()).collect();
        let mut types: Vec<String> = entity_spans(&tags).into_iter().map(|span| span.label).collect();
        types.sort_unstable();
        types.dedup();
        types
    };
    let of_rows: Vec<Vec<String>> = rows.iter().map(|row| types_of(&row.value.2)).collect();
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
}

impl<'k> RowsOfFile<'k> {
    fn new(known_labels: &'k [String]) -> Self {
        Self { known_labels, tags: TagSet::default(), has_spans: false, widened: Vec::new(), num_utf16: 0 }
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
        for (items, name, what) in [(tokens, names[0], "token"), (tags, names[1], "tag")] {
            if let Some(index) = items.values.iter().position(|item| item.trim().is_empty()) {
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
