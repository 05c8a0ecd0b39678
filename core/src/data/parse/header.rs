//! Whether the first row of a delimited file names the columns.

use super::column_names::{MAX_NAME, is_familiar, is_known, is_name_of_texts};
use super::{Row, Table};
use crate::data::error::quote_name;

/// Longest cell that is taken for a column name on the evidence of the other rows alone, in characters.
const MAX_UNKNOWN_NAME: usize = 32;

/// Most words of such a name.
const MAX_UNKNOWN_WORDS: usize = 3;

/// Longest question that heads a column of a survey, in characters.
const MAX_QUESTION: usize = 500;

/// Rows below that show what a column holds.
const FEW_ROWS: usize = 4;

/// Rows that are looked at to see whether the values of a column come back.
const SAMPLE: usize = 1000;

/// Longest abbreviation that ends in a dot: `Dept.`
const MAX_ABBREVIATION: usize = 5;

/// Words of a time that are no words of a text.
const TIME_WORDS: [&str; 6] = ["AM", "PM", "am", "pm", "GMT", "UTC"];

/// Marks of what a row has.
const MARKS: [&str; 5] = ["x", "X", "✓", "✔", "1"];

/// How likely it may be at most that a row of data looks like unknown names above a column of labels by chance.
const MAX_CHANCE: f64 = 0.03;

/// What takes the place of the chance of a short text in a column that holds no longer ones.
const NO_TEXT: f64 = 3.0;

fn is_number(cell: &str) -> bool {
    let cell = cell.trim();
    cell.len() <= MAX_NAME && cell.parse::<f64>().is_ok()
}

/// A number, date, time or amount: digits, and hardly a letter.
fn is_figure(cell: &str) -> bool {
    let cell = cell.trim();
    let starts =
        || cell.trim_start_matches(['+', '-', '(', '$', '€', '£', '#']).starts_with(|c: char| c.is_ascii_digit());
    let words = || cell.split(|c: char| !c.is_alphabetic()).filter(|word| !TIME_WORDS.contains(word));
    let num_letters = || words().map(|word| word.chars().count()).sum::<usize>();
    is_number(cell) || (cell.len() <= MAX_NAME && starts() && num_letters() <= 2)
}

/// A cell that stands for a missing value.
fn is_missing(cell: &str) -> bool {
    matches!(cell.to_lowercase().as_str(), "na" | "n/a" | "nan" | "none" | "null" | "nil" | "-" | "?" | "unknown")
}

/// Short, with letters, without the punctuation of sentences. A dot may stand within a name without spaces, as R and SQL write names of
/// columns (`Review.Text`), and behind an abbreviation (`Nr.`).
fn is_like_name(name: &str) -> bool {
    let name = name.trim_end_matches([':', '*']);
    let abbreviation =
        name.strip_suffix('.').filter(|word| word.len() <= MAX_ABBREVIATION && word.chars().all(char::is_alphabetic));
    let name = abbreviation.unwrap_or(name);
    name.chars().count() <= MAX_UNKNOWN_NAME
        && name.split_whitespace().count() <= MAX_UNKNOWN_WORDS
        && name.contains(char::is_alphabetic)
        && !name.contains(['!', '?', ',', ';', '"', '…', '@', '。', '！', '？'])
        && !has_dot_outside_words(name)
        && !name.contains("://")
        && !is_figure(name)
        && !is_missing(name)
}

/// Whether a name has dots, and one is not between two letters or digits, or there is anything else than these in it.
fn has_dot_outside_words(name: &str) -> bool {
    let is_within =
        |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    name.contains('.') && !name.split(['.', '-', '/']).all(is_within)
}

/// A cell of the first row, and what stands below it.
struct Column<'a> {
    name: &'a str,
    /// Without the empty ones.
    values: Vec<&'a str>,
    /// Rows, with the empty ones.
    num_rows: usize,
}

impl Column<'_> {
    fn comes_back(&self) -> bool {
        self.values.contains(&self.name)
    }

    /// A question or a name with a colon, where hardly a value ends so.
    fn is_question(&self) -> bool {
        let asked = self.values.iter().filter(|value| value.ends_with(['?', ':'])).count();
        self.name.ends_with(['?', ':']) && asked * 5 < self.values.len().max(1)
    }

    /// A word or a few, or a question.
    fn has_name(&self) -> bool {
        is_like_name(self.name) || (self.name.ends_with('?') && self.is_question())
    }

    /// Figures below, and a word above.
    fn heads_figures(&self) -> bool {
        self.name.contains(char::is_alphabetic)
            && !is_figure(self.name)
            && !is_missing(self.name)
            && self.values.len() * 2 >= self.num_rows.max(1)
            && self.values.iter().all(|value| is_figure(value))
    }

    /// Objects below or lists of them, as JSON or as Python prints them, and a word above: `{"en": "…", "fr": "…"}` under `translation`,
    /// `[{"role": …` under `messages`.
    fn heads_objects(&self) -> bool {
        // Of a long one only the beginning is looked at.
        let is_object = |value: &&str| {
            let inside = value.strip_prefix('[').unwrap_or(value);
            inside.starts_with("{\"") || inside.starts_with("{'")
        };
        let is_named = self.has_name() && !is_object(&self.name);
        is_named && !self.values.is_empty() && self.values.iter().all(is_object)
    }

    /// Nine of ten values have several words.
    fn holds_texts(&self) -> bool {
        let num_words = self.values.iter().filter(|value| value.split_whitespace().nth(1).is_none()).count();
        !self.values.is_empty() && num_words * 10 <= self.values.len()
    }

    /// Marks of one kind below, or nothing, and a word above: `x` in some rows of a column that is called `Price`.
    fn heads_marks(&self) -> bool {
        let is_mark = |value: &&str| MARKS.contains(value) && *value == self.values[0];
        self.values.len() > 1
            && self.values.len() < self.num_rows
            && self.values.iter().all(is_mark)
            && self.has_name()
            && self.name.chars().count() > 1
    }

    /// How likely a row more would bring a value that is not below, if these are values which come back.
    fn chance_of_new_value(&self) -> Option<f64> {
        let mut counts: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for &value in &self.values {
            *counts.entry(value).or_default() += 1;
        }
        let filled = self.values.len();
        let come_back = filled >= FEW_ROWS && counts.len() * 2 <= filled && filled * 2 >= self.num_rows;
        if !come_back || counts.contains_key(self.name) || self.shares_prefix() {
            return None;
        }
        let single = counts.values().filter(|&&count| count == 1).count();
        Some((single + 1) as f64 / (filled + 2) as f64)
    }

    /// All values begin as the name does (`class1`, `class2`): it is one of them.
    fn shares_prefix(&self) -> bool {
        let start: String = self.name.chars().take(3).collect();
        start.chars().count() == 3 && self.values.iter().all(|value| value.starts_with(&start))
    }

    /// How likely a text of this column would be as short as the name, if these are longer texts.
    fn chance_of_short_text(&self) -> Option<f64> {
        let length = self.name.chars().count();
        let lengths = self.values.iter().map(|value| value.chars().count());
        let filled = self.values.len();
        if filled * 2 < self.num_rows || lengths.clone().sum::<usize>() < 2 * length * filled.max(1) {
            return None;
        }
        let short = lengths.filter(|&other| other <= length).count();
        Some((short + 1) as f64 / (filled + 2) as f64)
    }

    /// What makes a name of several words less likely than one of a single word.
    fn words_penalty(&self) -> f64 {
        let mut words = self.name.split_whitespace();
        let is_title = words.clone().all(|word| !word.starts_with(char::is_lowercase));
        if is_title || is_familiar(self.name) || words.next().is_none() {
            1.0
        } else {
            3_f64.powi(words.count() as i32)
        }
    }
}

/// Guesses from the first row and a sample of the others (of the same width).
///
/// A header may have empty cells (an index without a name), repeated names, and questions for names. What speaks for
/// it, each enough: a known name that does not come back below it; numbers or dates below words; two frequent names;
/// words above columns of marks; labels below that keep coming back and are short beside it, or names that would be odd as a
/// label and a text.
pub(super) fn has_header<C: AsRef<str>, R: AsRef<[C]>>(first: &[C], rest: &[R]) -> bool {
    let column = |index: usize| Column {
        name: first[index].as_ref().trim(),
        values: rest.iter().map(|row| row.as_ref()[index].as_ref().trim()).filter(|value| !value.is_empty()).collect(),
        num_rows: rest.len(),
    };
    let columns: Vec<Column<'_>> = (0..first.len()).map(column).collect();
    if heads_counted_columns(&columns) {
        return true;
    }
    let named: Vec<&Column<'_>> = columns.iter().filter(|column| !column.name.is_empty()).collect();
    let longest = named.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    if named.is_empty() || named.iter().any(|column| is_number(column.name)) || longest > MAX_QUESTION {
        return false;
    }
    let known: Vec<&&Column<'_>> =
        named.iter().filter(|column| is_known(column.name) && !column.comes_back()).collect();
    let are_long_ones_questions =
        || named.iter().filter(|column| column.name.chars().count() > MAX_NAME).all(|column| column.is_question());
    let is_sure = || known.iter().any(|column| column.chance_of_new_value().is_some_and(|chance| chance <= 0.02));
    if !known.is_empty() && (longest <= MAX_NAME || known.len() > 1 || are_long_ones_questions() || is_sure()) {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    let heads_figures =
        |column: &&Column<'_>| column.heads_figures() && column.name.chars().count() <= MAX_UNKNOWN_NAME;
    if named.iter().any(heads_figures) && (longest <= MAX_UNKNOWN_NAME || rest.len() >= FEW_ROWS) {
        return true;
    }
    if named.iter().any(|column| column.comes_back()) {
        return false;
    }
    if let [column] = columns.as_slice()
        && is_like_name(column.name)
        && is_name_of_texts(column.name)
        && column.holds_texts()
    {
        return true;
    }
    if named.iter().any(|column| column.heads_objects()) {
        return true;
    }
    if named.iter().filter(|column| column.heads_marks()).count() > 1 {
        return true;
    }
    // A question above labels is far longer than they are, or the only one in its column.
    let heads_answers = |column: &&Column<'_>| {
        let longest = column.values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
        let num_words = column.name.split_whitespace().count();
        let is_sentence = num_words >= MAX_UNKNOWN_WORDS && column.name.chars().count() > 2 * longest;
        let asks =
            num_words > 1 && column.name.ends_with('?') && !column.values.iter().any(|value| value.ends_with('?'));
        (is_sentence || asks) && column.chance_of_new_value().is_some()
    };
    if named.iter().any(heads_answers) {
        return true;
    }
    if !named.iter().all(|column| column.has_name()) {
        return false;
    }
    if named.iter().filter(|column| is_familiar(column.name)).count() >= 2 {
        return true;
    }
    // Once for each column, since each is compared with each: a table may have thousands.
    let odds = |text: &&Column<'_>| text.chance_of_short_text().unwrap_or(NO_TEXT) * text.words_penalty();
    let odds: Vec<f64> = named.iter().map(odds).collect();
    named.iter().enumerate().any(|(label, column)| {
        let Some(new) = column.chance_of_new_value() else { return false };
        let chance = new * column.words_penalty();
        odds.iter().enumerate().any(|(text, odd)| text != label && chance * odd <= MAX_CHANCE)
    })
}

/// `0`, `1`, `2`, …: pandas' names for columns without names, perhaps after that of its index, which may be empty.
fn heads_counted_columns(columns: &[Column<'_>]) -> bool {
    let is_index = |column: &Column<'_>| {
        column.name.is_empty() || (columns.len() > 2 && is_like_name(column.name) && !column.comes_back())
    };
    let skipped = usize::from(columns.first().is_some_and(is_index));
    let counted = &columns[skipped..];
    columns.len() > 1
        && !counted.is_empty()
        && counted.iter().enumerate().all(|(index, column)| column.name == index.to_string())
        && counted[0].values.len() >= FEW_ROWS
        && counted.iter().any(|column| column.values.iter().all(|value| !is_figure(value)))
}

/// Says that the first row of a table without a header may be one: it holds something that stands in no other row, in a column in
/// which all else comes back, or looks like the name of the only column, which holds texts. `None` where it holds nothing of that kind.
pub(super) fn note_on_first_row(table: &Table) -> Option<String> {
    let (first, rest) = table.rows.split_first()?;
    let num_columns = table.columns.len();
    let sample = &rest[..rest.len().min(SAMPLE)];
    if num_columns == 1 {
        return note_on_lone_name(first, rest, sample);
    }
    let is_odd = |&index: &usize| {
        let name = first.cells[index].trim();
        let values = sample.iter().map(|row| row.cells[index].trim()).filter(|value| !value.is_empty()).collect();
        let column = Column { name, values, num_rows: sample.len() };
        // A figure among figures is one of them.
        let is_value = || is_missing(name) || (is_figure(name) && column.values.iter().any(|value| is_figure(value)));
        !name.is_empty()
            && column.chance_of_new_value().is_some()
            && !is_value()
            && !rest.iter().any(|row| row.cells[index].trim() == name)
    };
    let index = (0..num_columns).find(is_odd)?;
    let (row, cell, number) = (first.number, quote_name(first.cells[index].trim()), index + 1);
    Some(format!(
        "row {row} is read as a row of data, but its {cell} (column {number}) stands in no other row: if the row names the columns, \
         say that there is a header (--header yes)"
    ))
}

/// Says that the first cell of the only column is a word or a familiar name, where the others are texts of several words.
fn note_on_lone_name(first: &Row, rest: &[Row], sample: &[Row]) -> Option<String> {
    let name = first.cells.first()?.trim();
    let values = sample.iter().map(|row| row.cells[0].trim()).filter(|value| !value.is_empty()).collect();
    let column = Column { name, values, num_rows: sample.len() };
    let is_name = is_like_name(name) && (!name.contains(char::is_whitespace) || is_familiar(name));
    if !is_name || !column.holds_texts() || rest.iter().any(|row| row.cells[0].trim() == name) {
        return None;
    }
    let (row, name) = (first.number, quote_name(name));
    Some(format!(
        "row {row} is read as a row of data, but its {name} looks like the name of the column: if it is, say that there is a header \
         (--header yes)"
    ))
}

/// Rows right below a header that name or explain its columns once more, as survey tools write them: Qualtrics has the
/// questions and a line of import ids, SurveyMonkey the kinds of the answers.
pub(super) fn num_further_headers<C: AsRef<str>, R: AsRef<[C]>>(below: &[R]) -> usize {
    let filled = |row: &R| {
        let cells = row.as_ref().iter().map(|cell| cell.as_ref().trim().to_owned());
        cells.filter(|cell| !cell.is_empty()).collect::<Vec<String>>()
    };
    let are_ids = |row: &R| {
        let cells = filled(row);
        !cells.is_empty() && cells.iter().all(|cell| cell.starts_with("{\"ImportId\""))
    };
    if let Some(index) = below.iter().take(2).position(are_ids) {
        return index + 1;
    }
    let is_kind = |cell: &String| cell == "Response" || cell == "Open-Ended Response";
    let are_kinds = |row: &R| {
        filled(row).iter().any(is_kind) && row.as_ref().first().is_some_and(|cell| cell.as_ref().trim().is_empty())
    };
    usize::from(below.first().is_some_and(are_kinds) && !below.iter().skip(1).take(FEW_ROWS).any(are_kinds))
}

#[cfg(test)]
mod tests;
