//! What the columns of a table are to texts that belong together: as asked for, else by names and content.

use std::collections::HashMap;

use super::RowShape;
use super::scores::{find_word, parse_score};
use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn, choose_columns, choose_text_columns, find_column, name_rank};

/// Role of the only text, or of the first of several.
pub(super) const TEXT: &str = "text";
/// Role of the text that belongs to the first.
pub(super) const SECOND: &str = "second text";
/// Role of a text that does not.
pub(super) const NEGATIVE: &str = "negative";
/// Role of the label of a text, or the score of a pair.
pub(super) const LABEL: &str = "label";

/// Names of columns of texts that belong together, the surest first: the first text, and what the second may be called.
const PAIRS: &[(&str, &[&str])] = &[
    ("anchor", &["positive", "pos"]),
    ("query", &["positive", "pos", "passage", "document", "answer", "response"]),
    ("question", &["positive", "answer", "passage", "document", "context", "response", "sentence"]),
    ("sentence1", &["sentence2"]),
    ("sentence_1", &["sentence_2"]),
    ("sentence_a", &["sentence_b"]),
    ("premise", &["hypothesis"]),
    ("question1", &["question2"]),
    ("question_1", &["question_2"]),
    ("text1", &["text2"]),
    ("text_1", &["text_2"]),
    ("text_a", &["text_b"]),
    ("sentence", &["paraphrase"]),
    ("text", &["paraphrase", "positive"]),
];

/// Names of columns of texts that do not belong to the first; a number may follow.
const NEGATIVES: &[&str] = &["negative", "neg", "hard_negative", "negative_passage", "hard_neg"];

/// Names of columns that say how alike two texts are, the surest first.
const SCORES: &[&str] = &[
    "score",
    "similarity",
    "similarity_score",
    "relatedness_score",
    "relevance",
    "relevant",
    "is_duplicate",
    "duplicate",
    "label",
    "labels",
    "gold_label",
    "is_paraphrase",
];

/// Rows looked at, spread over the table.
const SAMPLE: usize = 2000;

/// The columns of a table, and what there is to say about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// In the order text, second text, negatives, label.
    pub(super) used: Vec<UsedColumn>,
    pub(super) notes: Vec<String>,
}

/// What rows with columns of these roles are.
pub(super) fn shape_of<'r>(roles: impl Iterator<Item = &'r str>) -> RowShape {
    let roles: Vec<&str> = roles.collect();
    match (roles.contains(&SECOND), roles.contains(&NEGATIVE), roles.contains(&LABEL)) {
        (true, true, _) => RowShape::Triplets,
        (true, false, true) => RowShape::ScoredPairs,
        (true, false, false) => RowShape::Pairs,
        (false, _, true) => RowShape::LabeledTexts,
        (false, _, false) => RowShape::Texts,
    }
}

/// Chooses the columns. Where the column of the text is named, no other is guessed beside it.
///
/// # Errors
/// When a named column is not there, one has two roles, or nothing looks like texts.
pub(super) fn choose(table: &Table, read: &ReadOptions) -> Result<Choice, DataError> {
    let find = |name: Option<&str>| name.map(|name| find_column(table, name)).transpose();
    let (mut text, mut second) = (find(read.text_column.as_deref())?, find(read.pair_column())?);
    let (mut label, negative) = (find(read.label_column.as_deref())?, find(read.negative_column.as_deref())?);
    let is_guessed = text.is_none();
    let mut notes = Vec::new();
    if is_guessed
        && !read.has_no_pair()
        && let Some(pair) = guess_pair(&table.columns, second, &[label, negative])
    {
        (text, second) = (Some(pair.0), Some(pair.1));
    }
    let mut negatives: Vec<usize> = negative.into_iter().collect();
    if second.is_none() && !negatives.is_empty() {
        let (shape, columns) = (RowShape::Triplets.name(), table.columns.clone());
        return Err(DataError::NoShapeColumn { shape, role: SECOND, columns });
    }
    if label.is_some() && !negatives.is_empty() {
        let message = "has no effect beside negative_column: leave one of them out".to_owned();
        return Err(DataError::BadOption { field: "label_column".into(), message });
    }
    if second.is_some() && is_guessed {
        if negatives.is_empty() && label.is_none() {
            let taken = [text, second, label];
            negatives = find_negatives(&table.columns);
            negatives.retain(|&column| !taken.contains(&Some(column)));
        }
        if negatives.is_empty() && label.is_none() {
            label = guess_score(table, &[text, second], &mut notes);
        }
    }
    if second.is_none() && is_guessed && label.is_none() {
        label = guess_label(table, read);
    }
    let taken: Vec<usize> = [second, label].into_iter().flatten().chain(negatives.iter().copied()).collect();
    let text = match text {
        Some(text) => text,
        None => guess_text(table, read, label, second, &taken)?,
    };
    let used = [(TEXT, Some(text)), (SECOND, second)];
    let negatives = negatives.into_iter().map(|column| (NEGATIVE, Some(column)));
    let used = used.into_iter().chain(negatives).chain([(LABEL, label)]);
    let used: Vec<UsedColumn> =
        used.filter_map(|(role, index)| index.map(|index| UsedColumn { role, index })).collect();
    for (at, column) in used.iter().enumerate() {
        if let Some(other) = used[..at].iter().find(|other| other.index == column.index) {
            let name = table.columns[column.index].clone();
            return Err(DataError::SharedColumn { column: name, first: other.role, second: column.role });
        }
    }
    Ok(Choice { used, notes })
}

/// The column of the text and, where rows are pairs, that of the second text: of rows to which only vectors are to be
/// given.
///
/// # Errors
/// As when rows to train on are read.
pub fn text_columns(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    let used = choose(table, read)?.used;
    Ok(used.into_iter().filter(|used| used.role == TEXT || used.role == SECOND).collect())
}

/// Whether the names of columns can only be those of texts that belong together.
pub(super) fn are_certain(columns: &[String]) -> bool {
    let is_named = |name: &str| named(columns, name).is_some();
    let has_pair = guess_pair(columns, None, &[]).is_some();
    has_pair && (is_named("anchor") || !find_negatives(columns).is_empty())
}

/// Whether names of columns tell what the columns are.
pub(super) fn are_known(columns: &[String]) -> bool {
    let is_known = |name: &String| name_rank(name, &["text", "sentence", "label"]).is_some();
    guess_pair(columns, None, &[]).is_some() || columns.iter().any(is_known)
}

fn named(columns: &[String], name: &str) -> Option<usize> {
    columns.iter().position(|column| name_rank(column, &[name]).is_some())
}

/// Columns with the names of a pair, of which the second may be chosen already.
fn guess_pair(columns: &[String], second: Option<usize>, taken: &[Option<usize>]) -> Option<(usize, usize)> {
    PAIRS.iter().find_map(|(first, seconds)| {
        let first = named(columns, first)?;
        let found = seconds.iter().filter_map(|name| named(columns, name)).find(|&found| found != first)?;
        let is_free = !taken.contains(&Some(first)) && !taken.contains(&Some(found));
        (is_free && second.is_none_or(|second| second == found)).then_some((first, found))
    })
}

fn find_negatives(columns: &[String]) -> Vec<usize> {
    let is_negative = |column: &String| {
        let name = column.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['_', ' ', '-']);
        name_rank(name, NEGATIVES).is_some()
    };
    (0..columns.len()).filter(|&index| is_negative(&columns[index])).collect()
}

/// Filled cells of a column, of rows spread over the table.
fn sample(table: &Table, column: usize) -> impl Iterator<Item = &str> {
    let step = table.rows.len().div_ceil(SAMPLE).max(1);
    let cells = table.rows.iter().step_by(step).map(move |row| row.cells[column].trim());
    cells.filter(|cell| !cell.is_empty())
}

/// The column of a known name that holds scores; says what its words are read as, and which column could be meant and holds
/// none.
fn guess_score(table: &Table, texts: &[Option<usize>], notes: &mut Vec<String>) -> Option<usize> {
    let rank = |column: usize| name_rank(&table.columns[column], SCORES).map(|rank| (rank, column));
    let columns = (0..table.columns.len()).filter(|column| !texts.contains(&Some(*column)));
    let mut columns: Vec<(usize, usize)> = columns.filter_map(rank).collect();
    columns.sort_unstable();
    let holds_scores = |column: usize| {
        let num_scores = sample(table, column).filter(|cell| parse_score(cell).is_some()).count();
        num_scores > 0 && num_scores * 10 >= sample(table, column).count() * 9
    };
    let found = columns.iter().map(|&(_, column)| column).find(|&column| holds_scores(column));
    let Some(column) = found else {
        notes.extend(columns.first().map(|&(_, column)| {
            let name = &table.columns[column];
            format!(
                "column {name:?} is not read, because it holds no scores: the texts of every row are taken to belong \
                 together"
            )
        }));
        return None;
    };
    let mut words: Vec<(&str, f32)> = sample(table, column).filter_map(find_word).collect();
    words.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    words.dedup();
    if !words.is_empty() {
        let words: Vec<String> = words.iter().map(|(word, score)| format!("{word} is {score}")).collect();
        notes.push(format!("words of column {:?} are read as scores: {}", table.columns[column], words.join(", ")));
    } else if named(&table.columns, "premise") == texts[0] && sample(table, column).any(|cell| cell == "2") {
        let name = &table.columns[column];
        notes.push(format!(
            "the numbers of column {name:?} are read as scores, the highest for texts that are most alike; in many such \
             files 0 stands for entailment: write the words instead if that is so here"
        ));
    }
    Some(column)
}

/// The column that looks like labels of texts, if rows share them.
fn guess_label(table: &Table, read: &ReadOptions) -> Option<usize> {
    let column = choose_columns(table, read, &[]).ok()?.label;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    sample(table, column).for_each(|cell| *counts.entry(cell).or_default() += 1);
    let num_shared: usize = counts.values().filter(|&&count| count > 1).sum();
    let num_rows: usize = counts.values().sum();
    (num_shared > 0 && num_shared * 2 >= num_rows).then_some(column)
}

/// The column of the text: the only one that is left, else the one that looks most like texts.
fn guess_text(
    table: &Table,
    read: &ReadOptions,
    label: Option<usize>,
    second: Option<usize>,
    taken: &[usize],
) -> Result<usize, DataError> {
    let left: Vec<usize> = (0..table.columns.len()).filter(|column| !taken.contains(column)).collect();
    if let [only] = left.as_slice() {
        return Ok(*only);
    }
    let name = |column: Option<usize>| column.map(|column| table.columns[column].clone());
    let read = ReadOptions { label_column: name(label), text_pair_column: name(second), ..read.clone() };
    Ok(choose_text_columns(table, &read, &[])?.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    /// Forty rows under a header; `#` in `row` is the number of the row, and `?` is a or b.
    fn table(header: &str, row: &str) -> Table {
        let line = |i: usize| row.replace('#', &i.to_string()).replace('?', ["a", "b"][i % 2]) + "\n";
        let text = format!("{header}\n{}", (0..40).map(line).collect::<String>());
        let read = ReadOptions { has_header: Some(true), delimiter: Some(','), ..ReadOptions::default() };
        parse("x.csv", text.as_bytes(), &read).expect("a table")
    }

    fn roles(table: &Table, read: &ReadOptions) -> Result<(RowShape, Vec<String>, Vec<String>), DataError> {
        let Choice { used, notes } = choose(table, read)?;
        let shape = shape_of(used.iter().map(|used| used.role));
        Ok((shape, used.iter().map(|used| table.columns[used.index].clone()).collect(), notes))
    }

    fn found(header: &str, row: &str) -> (RowShape, Vec<String>) {
        let (shape, columns, notes) = roles(&table(header, row), &ReadOptions::default()).expect("columns");
        assert!(notes.is_empty(), "{notes:?}");
        (shape, columns)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_and_content_say_the_shape() {
        let cases: [(&str, &str, RowShape, &[&str]); 7] = [
            ("id,anchor,positive", "#,one #,two #", RowShape::Pairs, &["anchor", "positive"]),
            ("answer,Question", "two #,one #", RowShape::Pairs, &["Question", "answer"]),
            (
                "query,passage,negative_1,negative_2",
                "q #,p #,n #,m #",
                RowShape::Triplets,
                &["query", "passage", "negative_1", "negative_2"],
            ),
            (
                "sentence1,sentence2,score",
                "one #,two #,0.#",
                RowShape::ScoredPairs,
                &["sentence1", "sentence2", "score"],
            ),
            ("text,label", "text number #,?", RowShape::LabeledTexts, &["text", "label"]),
            ("id,text", "#,text number #", RowShape::Texts, &["text"]),
            ("anything", "text number #", RowShape::Texts, &["anything"]),
        ];
        for (header, row, shape, columns) in cases {
            assert_eq!(found(header, row), (shape, names(columns)), "{header}");
        }
    }

    #[test]
    fn a_named_text_stands_alone_and_what_is_named_is_taken() {
        let labeled = table("text,label,more", "text number #,?,more of #");
        let name = |name: &str| Some(name.to_owned());
        let wish = |read: ReadOptions| roles(&labeled, &read);
        let read = ReadOptions { text_column: name("text"), ..ReadOptions::default() };
        assert_eq!(wish(read.clone()).expect("there").0, RowShape::Texts);
        let pair = ReadOptions { text_pair_column: name("more"), ..read.clone() };
        assert_eq!(wish(pair.clone()).expect("there").1, ["text", "more"]);
        let triplet = ReadOptions { negative_column: name("label"), ..pair.clone() };
        assert_eq!(wish(triplet).expect("there").0, RowShape::Triplets);
        let label = ReadOptions { label_column: name("label"), ..ReadOptions::default() };
        assert_eq!(wish(label).expect("there").1, ["text", "label"]);
        let alone = ReadOptions { negative_column: name("more"), ..read };
        let error = wish(alone).expect_err("of a pair only").to_string();
        assert!(error.starts_with("a triplets file needs a column for the second text"), "{error}");
        let both = ReadOptions { negative_column: name("label"), label_column: name("label"), ..pair.clone() };
        let error = wish(both).expect_err("one or the other").to_string();
        assert!(error.starts_with("label_column: has no effect beside negative_column"), "{error}");
        let twice = ReadOptions { label_column: name("more"), ..pair };
        let error = wish(twice).expect_err("twice").to_string();
        assert_eq!(error, "column \"more\" can't be both the second text and the label");
    }

    #[test]
    fn a_named_score_is_taken_before_guessed_negatives() {
        let table = table("anchor,positive,negative,score", "one #,two #,three #,0.#");
        assert_eq!(roles(&table, &ReadOptions::default()).expect("columns").0, RowShape::Triplets);
        let read = ReadOptions { label_column: Some("score".into()), ..ReadOptions::default() };
        let (shape, columns, _) = roles(&table, &read).expect("columns");
        assert_eq!((shape, columns), (RowShape::ScoredPairs, names(&["anchor", "positive", "score"])));
    }

    #[test]
    fn the_text_that_is_left_is_the_first() {
        let table = table("a,b,c", "one #,two #,three #");
        let name = |name: &str| Some(name.to_owned());
        let read = ReadOptions { text_pair_column: name("a"), negative_column: name("b"), ..ReadOptions::default() };
        assert_eq!(roles(&table, &read).expect("columns").1, ["c", "a", "b"]);
    }

    #[test]
    fn words_are_scores_and_other_labels_are_said_not_to_be_read() {
        let nli = |verdict: &str| {
            let table = table("premise,hypothesis,label", &format!("one #,two #,{verdict}"));
            roles(&table, &ReadOptions::default()).expect("columns")
        };
        let (shape, _, notes) = nli("contradiction");
        assert_eq!(shape, RowShape::ScoredPairs);
        assert_eq!(notes, ["words of column \"label\" are read as scores: contradiction is 0"]);
        let (shape, _, notes) = nli("2");
        assert!(shape == RowShape::ScoredPairs && notes[0].contains("0 stands for entailment"), "{notes:?}");
        let (shape, _, notes) = nli("?");
        assert_eq!(shape, RowShape::Pairs);
        assert!(notes[0].starts_with("column \"label\" is not read, because it holds no scores"), "{notes:?}");
    }

    #[test]
    fn texts_alone_are_taken_where_vectors_are_asked_for() {
        let table = table("anchor,positive,negative", "one #,two #,three #");
        let used = text_columns(&table, &ReadOptions::default()).expect("columns");
        assert_eq!(used.iter().map(|used| used.index).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn labels_that_no_rows_share_are_none() {
        assert_eq!(found("text,label", "text number #,name#"), (RowShape::Texts, names(&["text"])));
    }

    #[test]
    fn only_names_of_this_task_are_certain() {
        assert!(are_certain(&names(&["anchor", "positive"])));
        assert!(are_certain(&names(&["query", "passage", "negative"])));
        assert!(!are_certain(&names(&["question", "answer"])), "a language model learns these, too");
        assert!(!are_certain(&names(&["sentence1", "sentence2", "score"])), "these may be numbers to predict");
        assert!(are_known(&names(&["question", "answer"])) && !are_known(&names(&["line", "of text"])));
    }
}
