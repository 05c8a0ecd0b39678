//! Which column holds the text, which the second text of a pair, and which the label: as asked for, else by the labels
//! that a model knows, else guessed from names and content.

mod guess;

use self::guess::{contents, guess_label, guess_text};
use super::error::DataError;
use super::parse::{LABEL_NAMES, Table, name_rank};
use super::rows::UsedColumn;
use crate::config::ReadOptions;

/// Names of columns that hold pairs of texts together: the first text, and what the second may be called.
const PAIRS: &[(&str, &[&str])] = &[
    ("premise", &["hypothesis"]),
    ("sentence1", &["sentence2"]),
    ("sentence_1", &["sentence_2"]),
    ("question1", &["question2"]),
    ("question", &["sentence", "passage", "context"]),
    ("text1", &["text2"]),
    ("text_1", &["text_2"]),
    ("text_a", &["text_b"]),
    ("sentence_a", &["sentence_b"]),
    ("query", &["passage", "document"]),
    ("claim", &["evidence"]),
    ("sent1", &["sent2"]),
    ("#1_string", &["#2_string"]),
];

/// Indices of the columns of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextColumns {
    /// Column of the text, or of the first of two.
    pub text: usize,
    /// Column of the second text, where rows are pairs.
    pub second: Option<usize>,
}

/// Indices of the columns that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Column of the text, or of the first of two.
    pub text: usize,
    /// Column of the second text, where rows are pairs.
    pub second: Option<usize>,
    /// Column of the label.
    pub label: usize,
}

impl TextColumns {
    /// The columns with their roles.
    #[must_use]
    pub fn used(self) -> Vec<UsedColumn> {
        let second = self.second.map(|index| UsedColumn { role: "second text", index });
        [UsedColumn { role: "text", index: self.text }].into_iter().chain(second).collect()
    }
}

impl Columns {
    /// The columns with their roles, that of the label last.
    #[must_use]
    pub fn used(self) -> Vec<UsedColumn> {
        let mut used = TextColumns { text: self.text, second: self.second }.used();
        used.push(UsedColumn { role: "label", index: self.label });
        used
    }

    /// Whether the column of labels is called so; else it was chosen by its content.
    #[must_use]
    pub fn is_label_named(&self, table: &Table) -> bool {
        name_rank(&table.columns[self.label], LABEL_NAMES).is_some()
    }
}

/// Chooses the columns. Names that `read` gives win. A column that holds hardly anything but `known_labels` (those of a
/// model that has some) is its label column, however few rows share a label; else known names decide, else content:
/// labels are short and come back, texts are long and mostly different. Rows are pairs where a column for the second text
/// is named, or where no column is named for the text and two have names such as `premise` and `hypothesis`; never where
/// [`ReadOptions::has_no_pair`].
///
/// # Errors
/// When a named column is not there, one has two roles, or nothing looks like it.
pub fn choose_columns(table: &Table, read: &ReadOptions, known_labels: &[String]) -> Result<Columns, DataError> {
    let find = |name: &Option<String>| name.as_deref().map(|name| find_column(table, name)).transpose();
    let (text, label) = (find(&read.text_column)?, find(&read.label_column)?);
    if let (Some(text), Some(label)) = (text, label)
        && text == label
    {
        return Err(DataError::SameColumn { column: table.columns[text].clone() });
    }
    if table.columns.len() == 1 {
        return Err(DataError::OneColumn { column: table.columns[0].clone() });
    }
    let (text, second) = find_texts(table, read, label)?;
    let contents = contents(table, known_labels);
    let label = match label {
        Some(label) => label,
        None => guess_label(table, &contents, text, second)
            .ok_or_else(|| DataError::NoLabelColumn { columns: table.columns.clone() })?,
    };
    let text = match text {
        Some(text) => text,
        None => guess_text(table, &contents, &[Some(label), second])
            .ok_or_else(|| DataError::NoTextColumn { columns: table.columns.clone() })?,
    };
    Ok(Columns { text, second, label })
}

/// Chooses the columns of the texts where labels are not needed: those that `read` names, else by the same names and
/// content as [`choose_columns`]. A column of `known_labels` is none.
///
/// # Errors
/// When a named column is not there, both are the same, or nothing looks like texts.
pub fn choose_text_columns(
    table: &Table,
    read: &ReadOptions,
    known_labels: &[String],
) -> Result<TextColumns, DataError> {
    let contents = contents(table, known_labels);
    let label = match &read.label_column {
        Some(name) => find_column(table, name).ok(),
        None => (0..table.columns.len()).find(|&column| contents[column].holds_known_labels()),
    };
    let label = label.filter(|_| table.columns.len() > 1);
    let (text, second) = find_texts(table, read, label)?;
    let text = match text {
        Some(text) => text,
        None => guess_text(table, &contents, &[label, second])
            .ok_or_else(|| DataError::NoTextColumn { columns: table.columns.clone() })?,
    };
    Ok(TextColumns { text, second })
}

/// The columns of the texts, as far as they are named or have the names of a pair.
fn find_texts(
    table: &Table,
    read: &ReadOptions,
    label: Option<usize>,
) -> Result<(Option<usize>, Option<usize>), DataError> {
    let find = |name: Option<&str>| name.map(|name| find_column(table, name)).transpose();
    let (text, second) = (find(read.text_column.as_deref())?, find(read.pair_column())?);
    let shared = |first: &'static str, other: &'static str, index: usize| DataError::SharedColumn {
        column: table.columns[index].clone(),
        first,
        second: other,
    };
    if let Some(index) = second {
        if text == second {
            return Err(shared("text", "second text", index));
        }
        if label == second && read.label_column.is_some() {
            return Err(shared("second text", "label", index));
        }
    }
    if text.is_some() || read.has_no_pair() {
        return Ok((text, second));
    }
    let named =
        |name: &str| (0..table.columns.len()).find(|&column| name_rank(&table.columns[column], &[name]).is_some());
    for (first, seconds) in PAIRS {
        let Some(first) = named(first) else { continue };
        let Some(found) = seconds.iter().find_map(|name| named(name)) else { continue };
        let is_label = label == Some(first) || label == Some(found);
        if !is_label && second.is_none_or(|second| second == found) {
            return Ok((Some(first), Some(found)));
        }
    }
    Ok((None, second))
}

/// Finds a column by name: exactly, else ignoring case and outer spaces.
///
/// # Errors
/// When it is not there.
pub fn find_column(table: &Table, name: &str) -> Result<usize, DataError> {
    let index = index_of(&table.columns, name);
    index.ok_or_else(|| DataError::MissingColumn { column: name.to_owned(), columns: table.columns.clone() })
}

/// Index of a column by name: exactly, else ignoring case and outer spaces.
pub(super) fn index_of(columns: &[String], name: &str) -> Option<usize> {
    let like = |column: &String| column.trim().to_lowercase() == name.trim().to_lowercase();
    columns.iter().position(|column| column == name).or_else(|| columns.iter().position(like))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn names(text: &str, read: &ReadOptions) -> Result<(String, String), DataError> {
        let table = parse("x.csv", text.as_bytes(), read).expect("a table");
        let columns = choose_columns(&table, read, &[])?;
        Ok((table.columns[columns.text].clone(), table.columns[columns.label].clone()))
    }

    fn guess(text: &str) -> (String, String) {
        names(text, &ReadOptions::default()).expect("two columns")
    }

    #[test]
    fn known_names_win() {
        let text = "id,title,text,label,label_text\n1,one,first text,0,neg\n2,two,second text,1,pos\n3,three,x,0,neg\n";
        assert_eq!(guess(text), ("text".into(), "label".into()));
        let papers = "title,abstract,category\nOne,It is about this,cs\nTwo,It is about that,math\n";
        assert_eq!(guess(papers), ("abstract".into(), "category".into()));
    }

    #[test]
    fn names_that_end_in_a_known_word_win_over_content() {
        let rows =
            |header: &str, row: fn(usize) -> String| format!("{header}\n{}", (0..40).map(row).collect::<String>());
        let airline = rows("tweet_id,airline_sentiment,airline_sentiment_confidence,airline,text", |i| {
            let (feeling, name) = (["good", "bad", "neutral"][i % 3], ["Virgin", "United"][i % 2]);
            format!("57{i},{feeling},1.0,{name},my flight number {i} was late\n")
        });
        assert_eq!(guess(&airline), ("text".into(), "airline_sentiment".into()));
        let inference = rows("sentence,label1,gold_label", |i| {
            let labels = ["neutral", "entailment", "contradiction"];
            format!("this is sentence number {i},{},{}\n", labels[i % 3], labels[(i / 2) % 3])
        });
        assert_eq!(guess(&inference).1, "gold_label");
        let predicted = rows("message,predicted_label,team", |i| {
            format!("this is message number {i},{},{}\n", ["a", "b"][i % 2], ["c", "d"][i / 20])
        });
        assert_eq!(guess(&predicted).1, "team");
    }

    #[test]
    fn a_text_column_is_no_title_and_no_column_that_is_mostly_empty() {
        let rows =
            |header: &str, row: fn(usize) -> String| format!("{header}\n{}", (0..36).map(row).collect::<String>());
        let shop = rows("Title,Review Text,Rating", |i| {
            let title = if i % 3 == 0 { "Fine" } else { "" };
            format!("{title},this is what I thought of item {i},{}\n", i % 5)
        });
        assert_eq!(guess(&shop), ("Review Text".into(), "Rating".into()));
        let review = rows("reviewerText,summary,stars", |i| {
            format!("this is what I thought of item {i},number {i} is fine,{}\n", i % 5)
        });
        assert_eq!(guess(&review).0, "reviewerText");
        let said = rows("utterance,comment,label", |i| {
            let utterance = if i % 3 == 0 { "by the way" } else { "" };
            format!("{utterance},this was said in row {i},{}\n", ["a", "b"][i % 2])
        });
        assert_eq!(guess(&said).0, "comment");
        let few = rows("text,note,label", |i| {
            let text = if i % 3 == 0 { "this is a text" } else { "" };
            format!("{text},{i},{}\n", ["a", "b"][i % 2])
        });
        assert_eq!(guess(&few).0, "text", "another column of any name is no text");
        let kinds = rows("title,topic_text,label", |i| {
            format!("this is title {i},a topic of some kind {},{}\n", i % 3, ["a", "b"][i % 2])
        });
        assert_eq!(guess(&kinds).0, "title", "few values that come back are no texts");
    }

    #[test]
    fn a_language_is_a_label_where_there_is_nothing_else_than_a_text() {
        let rows = |header: &str, more: &str| {
            let row = |i: usize| format!("this is text number {i},{}{more}\n", ["English", "French"][i % 2]);
            format!("{header}\n{}", (0..30).map(row).collect::<String>())
        };
        assert_eq!(guess(&rows("Text,Language", "")), ("Text".into(), "Language".into()));
        let more = names(&rows("text,language,source", ",web"), &ReadOptions::default());
        assert!(matches!(more, Err(DataError::NoLabelColumn { .. })), "{more:?}");
    }

    #[test]
    fn content_decides_between_unknown_names() {
        let mut text = String::from("nummer,satz,urteil,split\n");
        for i in 0..40 {
            let (verdict, split) = (["gut", "schlecht", "mittel"][i % 3], ["train", "test"][i % 2]);
            text += &format!("{i},das ist der satz mit der nummer {i},{verdict},{split}\n");
        }
        assert_eq!(guess(&text), ("satz".into(), "urteil".into()));
    }

    #[test]
    fn a_numeric_class_before_title_and_description_is_the_label() {
        let row =
            |class: usize| format!("\"{class}\",\"Title of {class}\",\"A longer description of story {class}.\"\n");
        let text: String = (0..40).map(|i| row(1 + i % 4)).collect();
        assert_eq!(guess(&text), ("column 3".into(), "column 1".into()));
    }

    #[test]
    fn a_named_column_of_ids_gives_way_to_one_that_looks_like_labels() {
        let text: String = (0..40).map(|i| format!("{}.5,some text {i},{}\n", i, i % 2)).collect();
        assert_eq!(guess(&format!("score,text,verdict\n{text}")), ("text".into(), "verdict".into()));
    }

    #[test]
    fn what_is_asked_for_is_taken_or_missed() {
        let text = "a,b,c\nx,1,p\ny,2,q\n";
        let read = |text: &str, label: &str| ReadOptions {
            text_column: Some(text.into()),
            label_column: Some(label.into()),
            has_header: Some(true),
            ..ReadOptions::default()
        };
        assert_eq!(names(text, &read("c", " A ")).expect("there"), ("c".into(), "a".into()));
        assert!(matches!(names(text, &read("c", "d")), Err(DataError::MissingColumn { .. })));
        assert!(matches!(names(text, &read("c", "C")), Err(DataError::SameColumn { .. })));
    }

    #[test]
    fn one_column_is_not_enough() {
        let error = names("text\nhello\nthere\n", &ReadOptions::default()).expect_err("one column");
        assert!(matches!(error, DataError::OneColumn { .. }), "{error}");
    }

    fn known(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    fn guess_knowing(text: &str, labels: &[&str]) -> (String, String) {
        let table = parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
        let columns = choose_columns(&table, &ReadOptions::default(), &known(labels)).expect("two columns");
        (table.columns[columns.text].clone(), table.columns[columns.label].clone())
    }

    #[test]
    fn a_column_of_the_models_labels_is_its_label_column_whatever_it_is_called() {
        let names: Vec<String> = (0..30).map(|i| format!("class {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows: String = (0..30).map(|i| format!("{i},low,this is text number {i},class {i}\n")).collect();
        let text = format!("id,type,body,team\n{rows}");
        assert_eq!(guess_knowing(&text, &names), ("body".into(), "team".into()));
        // One row in ten may be mistaken: the column is still that, and the row is named later.
        let typo = text.replace(",class 7\n", ",class seven\n");
        assert_eq!(guess_knowing(&typo, &names), ("body".into(), "team".into()));
        assert_eq!(guess(&text).1, "type", "without a model the name decides");
    }

    #[test]
    fn numbers_are_the_labels_of_many_things() {
        let rows: String = (0..40).map(|i| format!("{},text number {i},{}\n", i % 2, ["a", "b"][i / 20])).collect();
        let text = format!("is_long,text,label\n{rows}");
        assert_eq!(guess_knowing(&text, &["0", "1"]), ("text".into(), "label".into()), "its labels will be refused");
        assert_eq!(guess_knowing(&text.replace("label\n", "who\n"), &["0", "1"]).1, "is_long");
        assert_eq!(guess_knowing(&text, &["a", "b"]).1, "label");
    }

    #[test]
    fn a_text_column_is_chosen_without_labels() {
        let text_of = |text: &str, read: &ReadOptions, labels: &[&str]| {
            let table = parse("x.csv", text.as_bytes(), read).expect("a table");
            choose_text_columns(&table, read, &known(labels)).map(|columns| table.columns[columns.text].clone())
        };
        let guess = |text: &str, labels: &[&str]| text_of(text, &ReadOptions::default(), labels).expect("there is one");
        assert_eq!(guess("text\nhello\nthere\n", &[]), "text", "one column is enough");
        let named = "id,sentence,note\n1,hello there,a very long remark about nothing\n2,good bye,none at all\n";
        assert_eq!(guess(named, &[]), "sentence", "as in training, by its name");
        let unnamed = "id,what,tag\n1,the longest of them all,x\n2,and this one is long too,y\n";
        assert_eq!(guess(unnamed, &[]), "what", "by its length");
        let long = "satz,label\nes geht,the team of the kitchen\nnein,the team of the weather\n";
        assert_eq!(guess(long, &["the team of the kitchen", "the team of the weather"]), "satz");
        let read = ReadOptions { text_column: Some(" Note ".into()), ..ReadOptions::default() };
        assert_eq!(text_of(named, &read, &[]).expect("there"), "note");
        let error = text_of(unnamed, &read, &[]).expect_err("not there").to_string();
        assert!(error.contains("\"what\""), "{error}");
    }

    /// Names of the columns of the first text, the second and the label.
    fn pair(header: &str, read: &ReadOptions) -> Result<[String; 3], DataError> {
        let width = header.split(',').count();
        let cell = |row: usize, column: usize| match column {
            0 => format!("the first text of row {row}"),
            1 => format!("the second text of row {row}"),
            _ => ["yes", "no"][row % 2].to_owned(),
        };
        let line = |row| (0..width).map(|column| cell(row, column)).collect::<Vec<_>>().join(",") + "\n";
        let text = format!("{header}\n{}", (0..40).map(line).collect::<String>());
        let read = ReadOptions { has_header: Some(true), ..read.clone() };
        let table = parse("x.csv", text.as_bytes(), &read).expect("a table");
        let Columns { text, second, label } = choose_columns(&table, &read, &[])?;
        let texts = choose_text_columns(&table, &read, &known(&["yes", "no"]))?;
        assert_eq!(texts, TextColumns { text, second }, "the same without a label");
        let name = |column: Option<usize>| column.map_or_else(String::new, |column| table.columns[column].clone());
        Ok([name(Some(text)), name(second), name(Some(label))])
    }

    #[test]
    fn names_of_pairs_are_guessed_and_only_where_no_text_column_is_named() {
        let default = ReadOptions::default();
        for (header, expected) in [
            ("premise,hypothesis,verdict", ["premise", "hypothesis", "verdict"]),
            ("Question1,Question2,is_duplicate", ["Question1", "Question2", "is_duplicate"]),
            ("query,document,relevant", ["query", "document", "relevant"]),
            ("text a,text b,label", ["text a", "text b", "label"]),
            ("question,passage,label", ["question", "passage", "label"]),
            ("#1 String,#2 String,Quality", ["#1 String", "#2 String", "Quality"]),
            ("text,comment,label", ["text", "", "label"]),
        ] {
            assert_eq!(pair(header, &default).expect("columns"), expected);
        }
        let read = ReadOptions { text_column: Some("premise".into()), ..default.clone() };
        assert_eq!(pair("premise,hypothesis,verdict", &read).expect("one text"), ["premise", "", "verdict"]);
        let read = ReadOptions { text_pair_column: Some(String::new()), ..default.clone() };
        assert_eq!(pair("premise,hypothesis,verdict", &read).expect("no pair is wanted")[1..], ["", "verdict"]);
        let read = ReadOptions { label_column: Some("hypothesis".into()), ..default };
        assert_eq!(pair("premise,hypothesis,verdict", &read).map(|found| found[1].clone()).expect("no pair"), "");
    }

    #[test]
    fn a_named_second_column_makes_pairs() {
        let read = |second: &str, text: Option<&str>| ReadOptions {
            text_pair_column: Some(second.into()),
            text_column: text.map(str::to_owned),
            ..ReadOptions::default()
        };
        assert_eq!(pair("a,b,label", &read("b", None)).expect("columns"), ["a", "b", "label"]);
        assert_eq!(pair("premise,hypothesis,label", &read("hypothesis", None)).expect("columns")[0], "premise");
        assert_eq!(pair("a,b,label", &read("a", Some("b"))).expect("columns"), ["b", "a", "label"]);
        let error = pair("a,b,label", &read("a", Some("a"))).expect_err("twice").to_string();
        assert_eq!(error, "column \"a\" can't be both the text and the second text");
        assert!(matches!(pair("a,b,label", &read("c", None)), Err(DataError::MissingColumn { .. })));
        let both = ReadOptions { label_column: Some("b".into()), ..read("b", None) };
        assert!(matches!(pair("a,b,label", &both), Err(DataError::SharedColumn { .. })));
    }
}
