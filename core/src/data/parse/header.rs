//! Whether the first row of a delimited file names the columns.

use super::column_names::{MAX_NAME, is_familiar, is_known};

/// Longest cell that is taken for a column name on the evidence of the other rows alone, in characters.
const MAX_UNKNOWN_NAME: usize = 32;

/// Most words of such a name.
const MAX_UNKNOWN_WORDS: usize = 3;

/// Longest question that heads a column of a survey, in characters.
const MAX_QUESTION: usize = 500;

/// Rows below that show what a column holds.
const FEW_ROWS: usize = 4;

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
    is_number(cell) || (cell.len() <= MAX_NAME && starts() && cell.chars().filter(|c| c.is_alphabetic()).count() <= 2)
}

/// A cell that stands for a missing value.
fn is_missing(cell: &str) -> bool {
    matches!(cell.to_lowercase().as_str(), "na" | "n/a" | "nan" | "none" | "null" | "nil" | "-" | "?" | "unknown")
}

/// Short, with letters, without the punctuation of sentences.
fn is_like_name(name: &str) -> bool {
    let name = name.trim_end_matches([':', '*']);
    name.chars().count() <= MAX_UNKNOWN_NAME
        && name.split_whitespace().count() <= MAX_UNKNOWN_WORDS
        && name.contains(char::is_alphabetic)
        && !name.contains(['.', '!', '?', ',', ';', '"', '…', '@', '。', '！', '？'])
        && !name.contains("://")
        && !is_figure(name)
        && !is_missing(name)
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
        let is_named = is_like_name(self.name) && !is_object(&self.name);
        is_named && !self.values.is_empty() && self.values.iter().all(is_object)
    }

    /// Marks of one kind below, or nothing, and a word above: `x` in some rows of a column that is called `Price`.
    fn heads_marks(&self) -> bool {
        let is_mark = |value: &&str| MARKS.contains(value) && *value == self.values[0];
        self.values.len() > 1
            && self.values.len() < self.num_rows
            && self.values.iter().all(is_mark)
            && is_like_name(self.name)
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
    let is_question = |column: &&Column<'_>| {
        let asked = column.values.iter().filter(|value| value.ends_with(['?', ':'])).count();
        column.name.ends_with(['?', ':']) && asked * 5 < column.values.len().max(1)
    };
    let are_long_ones_questions =
        || named.iter().filter(|column| column.name.chars().count() > MAX_NAME).all(is_question);
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
    if named.iter().any(|column| column.heads_objects()) {
        return true;
    }
    if named.iter().filter(|column| column.heads_marks()).count() > 1 {
        return true;
    }
    // A question above labels is far longer than they are.
    let heads_answers = |column: &&Column<'_>| {
        let longest = column.values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
        let is_sentence = column.name.split_whitespace().count() >= MAX_UNKNOWN_WORDS;
        is_sentence && column.name.chars().count() > 2 * longest && column.chance_of_new_value().is_some()
    };
    if named.iter().any(heads_answers) {
        return true;
    }
    if !named.iter().all(|column| is_like_name(column.name)) {
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

/// `0`, `1`, `2`, …: pandas' names for columns without names, perhaps after the empty one of its index.
fn heads_counted_columns(columns: &[Column<'_>]) -> bool {
    let skipped = usize::from(columns.first().is_some_and(|column| column.name.is_empty()));
    let counted = &columns[skipped..];
    columns.len() > 1
        && !counted.is_empty()
        && counted.iter().enumerate().all(|(index, column)| column.name == index.to_string())
        && counted[0].values.len() >= FEW_ROWS
        && counted.iter().any(|column| column.values.iter().all(|value| !is_figure(value)))
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
mod tests {
    use super::*;

    fn guess<const N: usize>(first: [&str; N], rest: &[[&str; N]]) -> bool {
        has_header(&first, rest)
    }

    const TICKETS: [[&str; 2]; 4] = [
        ["the printer on the third floor is broken", "hardware"],
        ["I can't log in any more since this morning", "access"],
        ["my screen stays black after the update", "hardware"],
        ["please give me access to the shared folder", "access"],
    ];

    #[test]
    fn known_names_are_a_header() {
        assert!(guess(["Text", "Category"], &[["hello", "greeting"]]));
        assert!(guess(["id", " Label "], &[["x1", "a"]]));
        assert!(guess(["", "text", "label"], &[["0", "hello", "greeting"]]), "an index without a name");
        assert!(guess(["text", "text", "label"], &[["hello", "HELLO", "greeting"]]), "a name twice");
        assert!(guess(["label", ""], &[["a", "x"]]));
    }

    #[test]
    fn a_known_name_that_comes_back_is_a_value() {
        let rows = [["question", "when is it?"], ["answer", "at ten"], ["question", "why?"]];
        assert!(!guess(["question", "what is up?"], &rows));
    }

    #[test]
    fn unknown_names_above_other_kinds_are_a_header() {
        assert!(guess(["wert", "satz"], &[["1", "gut"], ["0", "schlecht"]]));
        let rows = [["gut", "das hat mir wirklich sehr gefallen"], ["schlecht", "nein, das war leider gar nichts"]];
        assert!(guess(["urteil", "satz"], &rows.repeat(6)));
        assert!(!guess(["gut", "das war schon alles"], &rows.repeat(6)));
        assert!(guess(["Zeit", "Meinung"], &[["2024-01-02 10:11", "gut"], ["2024-01-03 09:00", "na ja"]]));
    }

    #[test]
    fn names_in_any_language_and_spelling_are_a_header() {
        for names in [
            ["utterance", "intent"],
            ["Nachricht", "Kategorie"],
            ["meldung", "abteilung"],
            ["MELDUNGSTEXT", "ZUSTAENDIG"],
            ["ticket_body_raw", "routed_to"],
            ["Customer Message", "Team"],
            ["wiadomość", "zespół"],
            ["消息", "部门"],
        ] {
            assert!(guess(names, &TICKETS), "{names:?}");
            assert!(guess([names[1], names[0]], &TICKETS.map(|[text, label]| [label, text])), "{names:?}");
        }
    }

    #[test]
    fn questions_of_a_survey_are_names() {
        let question = "How satisfied are you with the support that you received, all in all?";
        let rows = [["2024-05-01", "good, thanks"], ["2024-05-02", "it took a while"], ["2024-05-03", "bad"]];
        let rows = [rows[0], rows[1], rows[2], ["2024-05-04", "fine"]];
        assert!(guess(["Zeitstempel", question], &rows));
        assert!(guess(["label", question], &[["pos", "good"], ["neg", "bad"]]));
        let answers = [["it was all right I think", "yes"], ["never again, really", "no"]].repeat(3);
        assert!(guess(["What do you want to tell us?", "Would you come again?"], &answers));
    }

    #[test]
    fn a_first_row_of_data_is_no_header() {
        // A label that occurs once, in the first row.
        assert!(!guess(["how do I cancel my order?", "cancel"], &TICKETS));
        assert!(!guess(["my mouse does not move any more", "mouse"], &TICKETS));
        assert!(!guess(["cancel my order", "cancel"], &TICKETS));
        assert!(!guess(["it works, thank you", "other"], &TICKETS));
        let classes = [["this is one text", "class1"], ["and this is another", "class2"]].repeat(6);
        assert!(!guess(["hello", "class9"], &classes));
        assert!(!guess(["N/A", "a text that is here"], &[["1", "another text here"], ["2", "and one more"]]));
        // Few rows, and texts as short as names.
        assert!(!guess(["hello", "greet"], &[["hi", "greet2"], ["bye", "leave"]]));
        assert!(!guess(
            ["hello", "greet"],
            &[["hi", "salute"], ["bye", "leave"], ["hey", "salute"], ["ciao", "leave"]]
        ));
    }

    #[test]
    fn words_above_objects_are_a_header() {
        assert!(guess(["translation"], &[["{'en': 'a', 'fr': 'b'}"], ["{\"en\": \"c\"}"]]));
        assert!(guess(["messages"], &[["[{\"role\": \"user\"}]"], ["[{'role': 'user'}]"]]));
        assert!(!guess(["[{'role': 'user'}]"], &[["[{'role': 'assistant'}]"]]));
    }

    #[test]
    fn words_above_marks_are_a_header() {
        let rows = [["it costs too much", "x", ""], ["it broke at once", "", "x"]].repeat(3);
        assert!(guess(["Feedback", "Price", "Quality"], &rows));
        assert!(!guess(["it costs a lot", "x", ""], &rows));
        assert!(!guess(["Why so much", "Price", ""], &rows), "one may be a remark");
    }

    #[test]
    fn numbers_and_long_texts_are_no_header() {
        assert!(!guess(["3", "text"], &[["4", "x"]]));
        assert!(!guess(["it works", "y"], &[["it does not", "n"], ["nor this", "n"]]));
        assert!(!guess(["label", &"long ".repeat(20)], &[["a", "x"]]));
        assert!(!guess(["", ""], &[["a", "x"]]));
    }

    #[test]
    fn counted_columns_of_pandas_are_a_header() {
        let rows = TICKETS.map(|[text, label]| ["7", text, label]);
        assert!(guess(["", "0", "1"], &rows));
        assert!(guess(["0", "1"], &TICKETS));
        assert!(!guess(["0", "1"], &[["1", "0"], ["0", "0"], ["1", "1"], ["0", "1"]]));
    }

    #[test]
    fn further_headers_of_surveys_are_counted() {
        let ids = ["{\"ImportId\":\"startDate\"}", "{\"ImportId\":\"QID1\"}"];
        assert_eq!(num_further_headers::<&str, _>(&[["Start Date", "How was it?"], ids, ["2024-01-01", "good"]]), 2);
        assert_eq!(num_further_headers::<&str, _>(&[["", "Open-Ended Response"], ["1", "good"], ["2", "Response"]]), 1);
        assert_eq!(num_further_headers::<&str, _>(&[["1", "Response"], ["2", "good"]]), 0);
        assert_eq!(num_further_headers::<&str, [&str; 2]>(&[]), 0);
    }
}
