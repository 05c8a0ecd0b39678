//! Answers as a file. In: inputs, and what a model said to each. Out: lines of cells, or JSON objects, for a file of answers; or the
//! file of the inputs itself, with the answers beside its rows.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answers::{AnswerForm, Answers};
use super::inputs::{InputTable, NumberedInput};
use super::{Prediction, TaskInput};
use crate::config::ReadOptions;
use crate::data::{AddedCells, DataError, Table, add_columns, clean_text};
use crate::spreadsheet;
use crate::words::plural;

/// The column that says whether an answer is less probable than it has to be, where something says how probable that is.
pub const UNSURE: &str = "unsure";

/// Rows that are shown of a file.
const SHOWN: usize = 10;

/// Values of a column that are counted by name; of more there are no counts.
const MAX_COUNTED: usize = 200;

/// A file of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How its name ends: `csv`, `jsonl`, or as that of the file of the inputs (`None`).
    pub ending: Option<&'static str>,
    /// What a person should know about it.
    pub notes: Vec<String>,
}

/// What was answered, as a person looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AnswerSummary {
    /// Inputs that were answered.
    pub num_answered: usize,
    /// Of these unsure ones; `None` where nothing says from when on an answer is.
    pub num_unsure: Option<usize>,
    /// Labels that were given with their numbers, the most frequent first; none where answers are no labels.
    pub counts: Vec<(String, usize)>,
    /// Names of the columns of `rows`, `row` and the text first.
    pub columns: Vec<String>,
    /// The first answers.
    pub rows: Vec<Vec<String>>,
}

/// `yes` or `no`.
fn mark(prediction: &Prediction) -> String {
    ["no", "yes"][usize::from(prediction.is_unsure() == Some(true))].to_owned()
}

/// Lines of a table of answers, that of the names first. An answer of several lines is repeated beside its input.
#[must_use]
pub fn answer_lines(
    inputs: &[NumberedInput],
    labels: &[String],
    predictions: &[Prediction],
    answers: &Answers,
) -> Vec<Vec<String>> {
    let names = answers.inputs.names();
    let name = names.first().copied().unwrap_or("text");
    let second_name = names.get(1).copied().filter(|_| inputs.iter().any(|input| input.input.second.is_some()));
    let has_ids = inputs.iter().any(|input| input.id.is_some());
    let columns = (answers.in_file.columns)(labels);
    let has_own_text = columns.iter().any(|column| column == name);
    let marks = predictions.iter().any(|prediction| prediction.is_unsure().is_some());
    let texts = [name].into_iter().filter(|_| !has_own_text).chain(second_name);
    let own = ["row"].into_iter().chain(has_ids.then_some("id")).chain(texts).map(str::to_owned);
    let mut lines: Vec<Vec<String>> =
        vec![own.chain(columns.iter().cloned()).chain(marks.then(|| UNSURE.to_owned())).collect()];
    for (NumberedInput { row, id, input }, prediction) in inputs.iter().zip(predictions) {
        let id = has_ids.then(|| id.clone().unwrap_or_default());
        let second = second_name.map(|_| input.second.clone().unwrap_or_default());
        let text = (!has_own_text).then(|| input.text.clone());
        let own = || [row.to_string()].into_iter().chain(id.clone()).chain(text.clone()).chain(second.clone());
        let mark = marks.then(|| mark(prediction));
        for line in (answers.in_file.cells)(prediction, labels).chunks(columns.len().max(1)) {
            lines.push(own().chain(line.iter().cloned()).chain(mark.clone()).collect());
        }
    }
    lines
}

/// Answers as JSON objects, each with its input.
#[must_use]
pub fn answer_objects(
    inputs: &[NumberedInput],
    labels: &[String],
    predictions: &[Prediction],
    answers: &Answers,
) -> Vec<Value> {
    let names = answers.inputs.names();
    let name = names.first().copied().unwrap_or("text");
    let second_name = names.get(1).copied();
    let object = |(NumberedInput { row, id, input }, prediction): (&NumberedInput, &Prediction)| {
        let mut object = Map::from_iter([("row".to_owned(), json!(row)), (name.to_owned(), json!(input.text))]);
        object.extend(id.as_ref().map(|id| ("id".to_owned(), json!(id))));
        object.extend(second_name.zip(input.second.as_ref()).map(|(name, second)| (name.to_owned(), json!(second))));
        object.extend((answers.in_file.fields)(prediction, labels));
        object.extend(prediction.is_unsure().map(|is_unsure| (UNSURE.to_owned(), json!(is_unsure))));
        Value::Object(object)
    };
    inputs.iter().zip(predictions).map(object).collect()
}

/// The columns that answers add to rows, given whether some say that they are unsure.
fn columns_in_row(form: &AnswerForm, labels: &[String], predictions: &[Option<Prediction>]) -> (Vec<String>, bool) {
    let marks = predictions.iter().flatten().any(|prediction| prediction.is_unsure().is_some());
    let columns = (form.columns)(labels).into_iter().chain(marks.then(|| UNSURE.to_owned())).collect();
    (columns, marks)
}

fn cells_in_row(form: &AnswerForm, labels: &[String], prediction: &Prediction, marks: bool) -> Vec<String> {
    (form.cells)(prediction, labels).into_iter().chain(marks.then(|| mark(prediction))).collect()
}

/// The file of the inputs with the answers beside its rows, in the format that it came in; where its rows do not stand in it one by
/// one (one token a line, questions within texts), a file of answers. An input that was not answered has `None`.
///
/// # Errors
/// When the file can't be read.
pub fn answer_file(
    (name, bytes): (&str, &[u8]),
    read: &ReadOptions,
    table: &InputTable,
    labels: &[String],
    predictions: &[Option<Prediction>],
    answers: &Answers,
) -> Result<AnswerFile, DataError> {
    let form = &answers.in_row;
    let (columns, marks) = columns_in_row(form, labels, predictions);
    let added = table.inputs.iter().zip(predictions).filter_map(|(input, prediction)| {
        let prediction = prediction.as_ref()?;
        let mut fields = (form.fields)(prediction, labels);
        fields.extend(prediction.is_unsure().map(|is_unsure| (UNSURE.to_owned(), json!(is_unsure))));
        Some((input.row, AddedCells { cells: cells_in_row(form, labels, prediction, marks), fields }))
    });
    let added: HashMap<usize, AddedCells> = added.collect();
    let widened = add_columns((name, bytes), read, &columns, &added, |found| are_rows_of(found, read, table))?;
    if let Some(file) = widened {
        let mut notes = file.notes;
        notes.extend(note_of_formulas(file.num_formulas));
        return Ok(AnswerFile { bytes: file.bytes, ending: None, notes });
    }
    let answered = table.inputs.iter().zip(predictions);
    let answered = answered.filter_map(|(input, prediction)| Some((input.clone(), prediction.clone()?)));
    let (inputs, predictions): (Vec<NumberedInput>, Vec<Prediction>) = answered.unzip();
    let (text, num_formulas) = to_csv(&answer_lines(&inputs, labels, &predictions, answers));
    let why = "the rows of the file do not stand in it one by one: the answers are a table of their own, which names the rows";
    let notes = std::iter::once(why.to_owned()).chain(note_of_formulas(num_formulas)).collect();
    Ok(AnswerFile { bytes: text.into_bytes(), ending: Some("csv"), notes })
}

/// A table of images, with a line each: `file`, and the answer.
#[must_use]
pub fn image_answers(
    images: &[TaskInput],
    labels: &[String],
    predictions: &[Option<Prediction>],
    answers: &Answers,
) -> AnswerFile {
    let form = &answers.in_row;
    let (columns, marks) = columns_in_row(form, labels, predictions);
    let name = answers.inputs.names().first().copied().unwrap_or("file");
    let width = columns.len();
    let mut lines: Vec<Vec<String>> = vec![std::iter::once(name.to_owned()).chain(columns).collect()];
    for (image, prediction) in images.iter().zip(predictions) {
        let cells = match prediction {
            Some(prediction) => cells_in_row(form, labels, prediction, marks),
            None => vec![String::new(); width],
        };
        lines.push(std::iter::once(image.text.clone()).chain(cells).collect());
    }
    let (text, num_formulas) = to_csv(&lines);
    let notes = note_of_formulas(num_formulas).into_iter().collect();
    AnswerFile { bytes: text.into_bytes(), ending: Some("csv"), notes }
}

/// Counts and first rows of what was answered.
#[must_use]
pub fn summarize_answers(
    inputs: &[NumberedInput],
    labels: &[String],
    predictions: &[Option<Prediction>],
    answers: &Answers,
) -> AnswerSummary {
    let form = &answers.in_row;
    let (columns, marks) = columns_in_row(form, labels, predictions);
    let answered = || inputs.iter().zip(predictions).filter_map(|(input, found)| Some((input, found.as_ref()?)));
    let names_labels = columns.first().is_some_and(|column| column == "label" || column == "labels");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, prediction) in answered().filter(|_| names_labels) {
        let label = (form.cells)(prediction, labels).into_iter().next().unwrap_or_default();
        *counts.entry(label).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    if counts.len() > MAX_COUNTED {
        counts.clear();
    }
    let row = |(input, prediction): (&NumberedInput, &Prediction)| {
        let own = [input.row.to_string(), input.input.text.clone()];
        own.into_iter().chain(cells_in_row(form, labels, prediction, marks)).collect()
    };
    let name = answers.inputs.names().first().copied().unwrap_or("text");
    let num_unsure = answered().filter(|(_, prediction)| prediction.is_unsure() == Some(true)).count();
    AnswerSummary {
        num_answered: answered().count(),
        num_unsure: marks.then_some(num_unsure),
        counts,
        columns: ["row", name].into_iter().map(str::to_owned).chain(columns).collect(),
        rows: answered().take(SHOWN).map(row).collect(),
    }
}

/// Whether the rows of a file are the inputs that were read from it, one by one, cleaned or as they stand.
fn are_rows_of(found: &Table, read: &ReadOptions, table: &InputTable) -> bool {
    let (Some(used), num_left_out) = (table.used.first(), table.num_nested) else { return false };
    let Some(column) = found.columns.iter().position(|column| column == used) else { return false };
    let texts: HashMap<usize, &str> = table.inputs.iter().map(|input| (input.row, input.input.text.as_str())).collect();
    let is_same = |row: &crate::data::Row| {
        let is_text = |text: &&str| {
            let cell = &row.cells[column];
            cell == *text || clean_text(&read.clean_texts, cell).as_deref() == Some(*text)
        };
        texts.get(&row.number).is_none_or(|text| row.nested.contains(&column) || is_text(text))
    };
    texts.len() == table.inputs.len()
        && found.rows.len() == texts.len() + num_left_out
        && found.rows.iter().all(is_same)
}

/// Lines as CSV, in which no cell is a formula; and how many would have been one.
fn to_csv(lines: &[Vec<String>]) -> (String, usize) {
    let num_formulas = lines.iter().flatten().filter(|cell| spreadsheet::is_formula(cell)).count();
    let line = |cells: &Vec<String>| {
        let fields: Vec<String> = cells.iter().map(|cell| spreadsheet::field(cell, ',')).collect();
        fields.join(",") + "\n"
    };
    (lines.iter().map(line).collect(), num_formulas)
}

fn note_of_formulas(num_formulas: usize) -> Option<String> {
    let cells = plural(num_formulas, "cell");
    let (formulas, begin) = if num_formulas == 1 { ("a formula", "begins") } else { ("formulas", "begin") };
    (num_formulas > 0)
        .then(|| format!("{cells} of the answers would be {formulas} in a spreadsheet, and {begin} with ' instead"))
}

#[cfg(test)]
mod tests {
    use super::super::inputs::read_inputs;
    use super::super::{Inputs, Task, Written, sequence_classification, token_classification};
    use super::*;
    use crate::config::TextCleaning;
    use crate::data::TrainedRead;

    fn labels() -> Vec<String> {
        ["no".to_owned(), "=yes".to_owned()].to_vec()
    }

    fn read(name: &str, text: &str, task: Task) -> InputTable {
        let Inputs::Rows { file, choose } = &task.answers().inputs else { panic!("it reads texts") };
        read_inputs((name, text.as_bytes()), &TrainedRead::default(), &labels(), file, *choose).expect("texts")
    }

    fn prediction(yes: f32, unsure_below: Option<f64>) -> Prediction {
        let own = sequence_classification::Prediction { probabilities: vec![1.0 - yes, yes], unsure_below };
        Prediction::SequenceClassification(own)
    }

    #[test]
    fn answers_stand_beside_the_rows_in_the_order_of_the_file() {
        let text = "id,text\n7,a first text\n8,\n9,\"another, text\"\n";
        let table = read("x.csv", text, Task::SequenceClassification);
        assert_eq!(table.used, ["text"]);
        let predictions: Vec<_> = [0.75, 0.25, 0.5].map(|yes| Some(prediction(yes, Some(0.6)))).to_vec();
        let answers = Task::SequenceClassification.answers();
        let file = (("x.csv", text.as_bytes()), ReadOptions::default());
        let found = answer_file(file.0, &file.1, &table, &labels(), &predictions, answers).expect("readable");
        let expected = "id,text,label,score,unsure\n7,a first text,'=yes,0.750000,no\n8,,no,0.750000,no\n\
                        9,\"another, text\",no,0.500000,yes\n";
        assert_eq!((String::from_utf8(found.bytes).expect("text").as_str(), found.ending), (expected, None));
        let summary = summarize_answers(&table.inputs, &labels(), &predictions, answers);
        assert_eq!((summary.num_answered, summary.num_unsure), (3, Some(1)));
        assert_eq!(summary.counts, [("no".to_owned(), 2), ("=yes".to_owned(), 1)]);
        assert_eq!(summary.columns, ["row", "text", "label", "score", "unsure"]);
        assert_eq!(summary.rows[0], ["2", "a first text", "=yes", "0.750000", "no"]);
    }

    #[test]
    fn rows_that_are_read_otherwise_than_they_stand_get_their_answers_beside_them() {
        let clean_texts = [TextCleaning::Markup].into();
        let trained =
            TrainedRead { read: ReadOptions { clean_texts, ..ReadOptions::default() }, ..TrainedRead::default() };
        let written = |task: Task, text: &str, trained: &TrainedRead, prediction: Prediction| {
            let answers = task.answers();
            let Inputs::Rows { file, choose } = &answers.inputs else { panic!("it reads texts") };
            let table = read_inputs(("x.csv", text.as_bytes()), trained, &labels(), file, *choose).expect("texts");
            let predictions = vec![Some(prediction); table.inputs.len()];
            let file = ("x.csv", text.as_bytes());
            let found = answer_file(file, &trained.read, &table, &labels(), &predictions, answers).expect("readable");
            (table.inputs[0].input.text.clone(), String::from_utf8(found.bytes).expect("text"))
        };
        let html = "id,text\n7,a <b>first</b> text\n8,another text\n";
        let found = written(Task::SequenceClassification, html, &trained, prediction(0.75, None));
        let expected = "id,text,label,score\n7,a <b>first</b> text,'=yes,0.750000\n8,another text,'=yes,0.750000\n";
        assert_eq!((found.0.as_str(), found.1.as_str()), ("a first text", expected));
        let pairs = "id,translation\n7,\"{'en': 'a text', 'fr': 'un texte'}\"\n8,\"{'en': 'b', 'fr': 'c'}\"\n";
        let text_column = Some("translation.en".to_owned());
        let trained =
            TrainedRead { read: ReadOptions { text_column, ..ReadOptions::default() }, ..TrainedRead::default() };
        let text = Written { text: "ein Text".into(), is_complete: true };
        let found = written(Task::Seq2seqLm, pairs, &trained, Prediction::Seq2seqLm(text));
        assert_eq!(found.0, "a text");
        let line = "7,\"{'en': 'a text', 'fr': 'un texte'}\",ein Text,stop\n";
        assert!(found.1.starts_with(&format!("id,translation,generated,finish_reason\n{line}")), "{}", found.1);
    }

    #[test]
    fn rows_that_do_not_stand_alone_get_a_table_of_answers() {
        let text = "EU\nsaid\n\nParis\n";
        let table = read("x.conll", text, Task::TokenClassification);
        assert_eq!(table.inputs.len(), 2);
        let found = |text: &str| {
            let span = token_classification::Span { start: 0, end: 2, label: "ORG".into(), score: Some(0.5) };
            Prediction::TokenClassification(token_classification::Prediction { text: text.into(), spans: vec![span] })
        };
        let predictions = [Some(found("EU said")), None];
        let answers = Task::TokenClassification.answers();
        let file = ("x.conll", text.as_bytes());
        let file = answer_file(file, &ReadOptions::default(), &table, &[], &predictions, answers).expect("readable");
        let expected = "row,start,end,text,label,score\n1,0,2,EU,ORG,0.500000\n";
        assert_eq!((String::from_utf8(file.bytes).expect("text").as_str(), file.ending), (expected, Some("csv")));
        assert!(file.notes[0].contains("do not stand in it one by one"), "{:?}", file.notes);
    }

    #[test]
    fn images_are_lines_by_the_names_of_their_files() {
        let image = |name: &str| TaskInput { text: name.into(), ..TaskInput::default() };
        let own =
            super::super::image_classification::Prediction { probabilities: vec![0.25, 0.75], unsure_below: None };
        let predictions = [Some(Prediction::ImageClassification(own)), None];
        let answers = Task::ImageClassification.answers();
        let file = image_answers(&[image("a,1.png"), image("b.png")], &labels(), &predictions, answers);
        let expected = "file,label,score\n\"a,1.png\",'=yes,0.750000\nb.png,,\n";
        assert_eq!(String::from_utf8(file.bytes).expect("text"), expected);
    }
}
