//! Files to questions in three splits: contexts are kept once, answers are found in them, and questions on one article
//! (or on one context) stay in one split.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::Grouping;
use super::answers::{RawAnswer, read_answers};
use super::columns::{MoreColumns, choose};
use super::nested::{COLUMNS, parse};
use super::place::{How, place_answer};
use crate::data::{
    BadCell, DataError, NO_VALIDATION_ROWS, ReadRows, ReadSummary, Row, RowFormat, RowReader, SourceRow, Split,
    UsedColumn, count_repeats, list_rows, share_out_groups, take_filled,
};
use crate::task::{Purpose, ReadRequest};
use crate::words::{plural, quote_short};

/// Questions of the preview.
const PREVIEW: usize = 5;

/// So many articles are enough to share them out.
const MIN_ARTICLES: usize = 10;

/// So many contexts are enough to share them out.
const MIN_CONTEXTS: usize = 3;

/// Longest answer or id that a reason repeats, in characters.
const MAX_SHOWN: usize = 60;

/// A question on a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// Row number in its file.
    pub(super) row: usize,
    /// Its name in the file.
    pub(super) id: Option<String>,
    pub(super) text: String,
    /// Index of its context.
    pub(super) context: usize,
    /// Texts that count as right; none where the context holds no answer.
    pub(super) answers: Vec<String>,
    /// Bytes of the answer that is learned.
    pub(super) span: Option<(usize, usize)>,
}

/// Questions in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Questions {
    /// What they are about, each once.
    pub(super) contexts: Vec<Rc<str>>,
    /// Those of training, validation and test.
    pub(super) splits: [Vec<Question>; 3],
    /// What stayed together when rows were split off.
    pub(super) grouping: Grouping,
    /// Rows whose question and context stood in an earlier one with other answers.
    pub(super) num_conflicts: usize,
    /// Answers that were found by their text alone.
    pub(super) num_sought: usize,
    /// The file nests its questions: it has no columns that could be chosen.
    pub(super) is_nested: bool,
    /// The first questions of the training file.
    pub(super) preview: Vec<Question>,
}

/// Reads the files and shares the questions out.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub(super) fn read_questions(request: &ReadRequest<'_>) -> Result<(Questions, ReadSummary), DataError> {
    let reader = RefCell::new(QuestionReader::default());
    let mut read_row =
        |row: &mut Row, used: &[UsedColumn], columns: &[String]| reader.borrow_mut().take(row, used, columns);
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let (mut files, train) = RowReader::begin(request.files, request.read, &mut format)?;
    let is_nested = files.summary.columns == COLUMNS;
    let more = reader.borrow().more;
    let names: Vec<(String, String)> =
        more.used().map(|used| (files.summary.columns[used.index].clone(), used.role.to_owned())).collect();
    files.summary.used_columns.extend(names);
    let mut own = |split: Split| {
        reader.borrow_mut().own_file = Some(split);
        files.own_file(split, &mut format)
    };
    let (valid, test) = (own(Split::Valid)?, own(Split::Test)?);
    let QuestionReader { contexts, notes, .. } = reader.into_inner();

    let split = &request.run.split;
    let is_split = valid.is_none() && (split.valid_fraction > 0.0 || test.is_none() && split.test_fraction > 0.0);
    let (groups, grouping) = group(&train);
    let preview = train.iter().take(PREVIEW).cloned().map(question).collect();
    let grouping = if is_split { grouping } else { Grouping::NotSplit };
    let rows = ReadRows { train, valid, test, summary: files.summary };
    let (splits, mut summary) = share_out_groups(rows, &groups, split, request.run.seed);
    let splits = splits.map(|rows| rows.into_iter().map(question).collect::<Vec<_>>());
    let texts =
        splits.each_ref().map(|rows| rows.iter().map(|row| ((row.context, row.text.as_str()), row.answers.as_slice())));
    let num_conflicts = count_repeats(texts, "answer", &mut summary);
    let num_sought = notes.num_sought;
    summary.warnings.extend(notes.warnings());
    if grouping == Grouping::Question && splits[1..].iter().any(|rows| !rows.is_empty()) {
        let contexts = plural(contexts.len(), "text");
        summary.warnings.push(format!(
            "the questions are about {contexts}: validation and test ask about texts that are trained on too, and \
             figures will look better than they are on a new text"
        ));
    }
    if splits[1].is_empty() && request.purpose == Purpose::Train {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((Questions { contexts, splits, grouping, num_conflicts, num_sought, is_nested, preview }, summary))
}

/// A row as it was read, before it has its number.
#[derive(Debug, Clone)]
struct Parsed {
    id: Option<String>,
    text: String,
    context: usize,
    answers: Vec<String>,
    span: Option<(usize, usize)>,
    title: Option<String>,
}

fn question(row: SourceRow<Parsed>) -> Question {
    let SourceRow { row, value: Parsed { id, text, context, answers, span, title: _ } } = row;
    Question { row, id, text, context, answers, span }
}

/// A number for what each row is to stay together with, and what that is.
fn group(rows: &[SourceRow<Parsed>]) -> (Vec<usize>, Grouping) {
    let titles: Option<Vec<&str>> = rows.iter().map(|row| row.value.title.as_deref()).collect();
    if let Some(titles) = titles {
        let (groups, count) = number(titles);
        if count >= MIN_ARTICLES {
            return (groups, Grouping::Article);
        }
    }
    let (groups, count) = number(rows.iter().map(|row| row.value.context));
    if count >= MIN_CONTEXTS {
        return (groups, Grouping::Context);
    }
    ((0..rows.len()).collect(), Grouping::Question)
}

/// Numbers what is the same alike; and how many numbers there are.
fn number<K: std::hash::Hash + Eq>(keys: impl IntoIterator<Item = K>) -> (Vec<usize>, usize) {
    let mut known = HashMap::new();
    let numbers = keys
        .into_iter()
        .map(|key| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        })
        .collect();
    (numbers, known.len())
}

/// Takes questions out of rows, and keeps what there is to say of them.
#[derive(Debug, Default)]
struct QuestionReader {
    contexts: Vec<Rc<str>>,
    known: HashMap<Rc<str>, usize>,
    /// Columns of the file that is being read, and those that it has besides.
    columns: Vec<String>,
    more: MoreColumns,
    /// The split whose own file is being read; `None` while that is the training file.
    own_file: Option<Split>,
    notes: Notes,
}

/// Rows of which something must be said.
#[derive(Debug, Default)]
struct Notes {
    num_sought: usize,
    several: Vec<String>,
    moved: Vec<String>,
    later: Vec<String>,
    contradictory: Vec<String>,
}

impl QuestionReader {
    fn take(&mut self, row: &mut Row, used: &[UsedColumn], columns: &[String]) -> Result<Parsed, BadCell> {
        if self.columns != columns {
            self.more = MoreColumns::of(columns, used);
            self.columns = columns.to_vec();
        }
        let filled = |column: Option<usize>| {
            let cell = column.map_or("", |column| row.cells[column].trim());
            (!cell.is_empty()).then(|| cell.to_owned())
        };
        let (id, title) = (filled(self.more.id), filled(self.more.title));
        match self.take_question(row, used, columns) {
            Ok(parsed) => Ok(Parsed { id, title, ..parsed }),
            Err(wrong) => Err(with_id(wrong, id.as_deref())),
        }
    }

    /// The row without its id and title.
    fn take_question(&mut self, row: &mut Row, used: &[UsedColumn], columns: &[String]) -> Result<Parsed, BadCell> {
        let text = take_text(row, used[0], columns)?.trim().to_owned();
        let context = take_text(row, used[1], columns)?;
        let answers = self.take_answers(row, used[2].index, &columns[used[2].index])?;
        let span = self.place(row.number, &context, &answers).map_err(|answer| {
            let (answers, context) = (&columns[used[2].index], &columns[used[1].index]);
            let reason =
                format!("the answer {answer} does not stand in the context (columns {answers:?} and {context:?})");
            BadCell::Other(reason)
        })?;
        let context = match self.known.get(context.as_str()) {
            Some(&known) => known,
            None => {
                let context: Rc<str> = context.into();
                self.known.insert(Rc::clone(&context), self.contexts.len());
                self.contexts.push(context);
                self.contexts.len() - 1
            }
        };
        let answers = answers.into_iter().map(|answer| answer.text).collect();
        Ok(Parsed { id: None, text, context, answers, span, title: None })
    }

    /// The answers of a row; none where its context holds none.
    fn take_answers(&mut self, row: &Row, index: usize, column: &str) -> Result<Vec<RawAnswer>, BadCell> {
        let (cell, is_nested) = (&row.cells[index], row.nested.contains(&index));
        let starts = self.more.starts.map(|starts| row.cells[starts].as_str());
        let mut answers = read_answers(cell, is_nested, starts)
            .map_err(|reason| BadCell::Other(format!("the cell of answers {reason} (column {column:?})")))?;
        let is_marked = self.more.impossible.is_some_and(|impossible| is_true(&row.cells[impossible]));
        let is_nowhere = starts.is_some_and(|starts| starts.trim() == "-1");
        if cell.trim().is_empty() && !is_marked && !is_nowhere {
            let reason = format!(
                "the answer is empty (column {column:?}): where the context holds none, write [], or true in a column \
                 is_impossible"
            );
            return Err(BadCell::Empty(reason));
        }
        if is_marked && !answers.is_empty() {
            let name = self.name(row.number);
            self.notes.contradictory.push(name);
            answers.clear();
        }
        Ok(answers)
    }

    /// Bytes of the first answer that stands in the context.
    fn place(&mut self, row: usize, context: &str, answers: &[RawAnswer]) -> Result<Option<(usize, usize)>, String> {
        let found = |answer: &RawAnswer| place_answer(context, &answer.text, answer.start);
        let Some(first) = answers.first() else { return Ok(None) };
        let Some((index, placed)) =
            answers.iter().enumerate().find_map(|(index, answer)| Some((index, found(answer)?)))
        else {
            return Err(quote_short(&first.text, MAX_SHOWN));
        };
        let name = self.name(row);
        let notes = &mut self.notes;
        match placed.how {
            How::AsSaid => {}
            How::Moved => notes.moved.push(name.clone()),
            How::Sought(count) => {
                notes.num_sought += 1;
                if count > 1 {
                    notes.several.push(name.clone());
                }
            }
        }
        if index > 0 {
            notes.later.push(name);
        }
        Ok(Some((placed.start, placed.end)))
    }

    /// A row as a sentence names it.
    fn name(&self, row: usize) -> String {
        self.own_file.map_or_else(|| row.to_string(), |split| format!("{} {row}", split.words()))
    }
}

impl Notes {
    fn warnings(&self) -> Vec<String> {
        let all = [
            (
                &self.several,
                "the answer stands several times in the context, and no start is given: the first is learned",
            ),
            (&self.moved, "the answer does not stand where its start says: the nearest place is learned"),
            (&self.later, "the first answer does not stand in the context: another one is learned"),
            (
                &self.contradictory,
                "there is an answer, and the row is marked as one without: it is taken as one without",
            ),
        ];
        let named = all.into_iter().filter(|(rows, _)| !rows.is_empty());
        named.map(|(rows, what)| format!("{} ({}): {what}", plural(rows.len(), "row"), list_rows(rows))).collect()
    }
}

/// Takes the text of a cell that must be filled.
fn take_text(row: &mut Row, used: UsedColumn, columns: &[String]) -> Result<String, BadCell> {
    if row.nested.contains(&used.index) {
        let (role, name) = (used.role, &columns[used.index]);
        return Err(BadCell::Other(format!("the {role} holds an object or array (column {name:?})")));
    }
    take_filled(row, used, columns)
}

/// A reason with the name of the question.
fn with_id(wrong: BadCell, id: Option<&str>) -> BadCell {
    let Some(id) = id else { return wrong };
    let named = |reason: String| format!("{reason}, question {}", quote_short(id, MAX_SHOWN));
    match wrong {
        BadCell::Empty(reason) => BadCell::Empty(named(reason)),
        BadCell::Unlabeled(reason) => BadCell::Unlabeled(named(reason)),
        BadCell::Other(reason) => BadCell::Other(named(reason)),
    }
}

pub(super) fn is_true(cell: &str) -> bool {
    matches!(cell.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "1.0")
}

#[cfg(test)]
mod tests;
