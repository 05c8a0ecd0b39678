//! Guesses from names and content which column holds the label, and which the text.

use std::collections::HashSet;

use crate::data::parse::{LABEL_NAMES, TEXT_NAMES, Table, ending_rank, name_rank, words_of};

/// Rows looked at, spread over the table.
const SAMPLE: usize = 2000;

/// Longest mean length of labels, in characters.
const MAX_LABEL_LENGTH: usize = 60;

/// Columns that hold few values but no labels.
const NOT_LABELS: &[&str] =
    &["split", "fold", "id", "idx", "index", "lang", "language", "source", "date", "unnamed:_0"];

/// Those that are labels where there is nothing else than a text.
const LANGUAGE: &[&str] = &["language", "lang"];

/// Words that end the names of many columns which are no labels: `post_type`, `relevance_score`.
const WEAK_LABEL_WORDS: &[&str] = &["type", "tag", "score", "y"];

/// Words in the names of labels that nobody gave, or gives any more.
const OF_OTHER_LABELS: &[&str] = &["predicted", "prediction", "pred", "model", "old", "previous"];

/// Names of texts that stand beside longer ones in many tables.
const WEAK_TEXT_NAMES: &[&str] = &["headline", "title", "summary", "x"];

/// What a column holds, from a sample.
pub(super) struct Content {
    filled: usize,
    distinct: usize,
    mean_length: usize,
    /// Filled cells that are a label of the model.
    known: usize,
    /// Labels of the model that are among the cells.
    distinct_known: usize,
    /// One of these is a word, not a number: numbers are the labels of many things.
    has_named_label: bool,
}

/// What each column holds. `known_labels` are those of a model that has some.
pub(super) fn contents(table: &Table, known_labels: &[String]) -> Vec<Content> {
    let known: HashSet<&str> = known_labels.iter().map(String::as_str).collect();
    (0..table.columns.len()).map(|column| Content::of(table, column, &known)).collect()
}

impl Content {
    fn of(table: &Table, column: usize, known_labels: &HashSet<&str>) -> Self {
        let step = table.rows.len().div_ceil(SAMPLE).max(1);
        let mut values = HashSet::new();
        let (mut filled, mut length, mut known) = (0, 0, 0);
        for row in table.rows.iter().step_by(step) {
            let cell = row.cells[column].trim();
            if !cell.is_empty() {
                filled += 1;
                length += cell.chars().count();
                known += usize::from(known_labels.contains(cell));
                values.insert(cell);
            }
        }
        let labels = || values.iter().filter(|value| known_labels.contains(**value));
        Self {
            filled,
            distinct: values.len(),
            mean_length: length / filled.max(1),
            known,
            distinct_known: labels().count(),
            has_named_label: labels().any(|label| label.parse::<f64>().is_err()),
        }
    }

    /// Nine of ten cells are labels of the model: the others may be mistakes.
    pub(super) fn holds_known_labels(&self) -> bool {
        self.filled > 0 && self.known * 10 >= self.filled * 9
    }

    /// Short values that come back (few rows can't show it).
    fn like_labels(&self) -> bool {
        let comes_back = self.distinct * 2 <= self.filled || self.filled <= 20;
        self.filled > 0 && comes_back && self.mean_length <= MAX_LABEL_LENGTH
    }
}

/// The column of labels among those that are not of texts; `None` where nothing looks like it.
pub(super) fn guess_label(
    table: &Table,
    contents: &[Content],
    text: Option<usize>,
    second: Option<usize>,
) -> Option<usize> {
    let candidates = || (0..table.columns.len()).filter(|&column| ![text, second].contains(&Some(column)));
    let ranked = |column: &usize| name_rank(&table.columns[*column], LABEL_NAMES).map(|rank| (rank, *column));
    let of_model = || candidates().filter(|&column| contents[column].holds_known_labels());
    if let Some((_, column)) = of_model().filter_map(|column| ranked(&column)).min() {
        return Some(column);
    }
    let unnamed = of_model()
        .filter(|&column| contents[column].has_named_label || name_rank(&table.columns[column], NOT_LABELS).is_none())
        .max_by_key(|&column| {
            let is_text = name_rank(&table.columns[column], TEXT_NAMES).is_some();
            (!is_text, contents[column].distinct_known, std::cmp::Reverse(column))
        });
    if let Some(column) = unnamed
        && contents[column].has_named_label
    {
        return Some(column);
    }
    let named =
        candidates().filter(|&column| contents[column].like_labels()).filter_map(|column| ranked(&column)).min();
    if let Some((_, column)) = named {
        return Some(column);
    }
    if let Some(column) = unnamed {
        return Some(column);
    }
    let ends_so = candidates().filter(|&column| contents[column].like_labels() && contents[column].distinct > 1);
    if let Some((_, column)) = ends_so.filter_map(|column| Some((label_rank(&table.columns[column])?, column))).min() {
        return Some(column);
    }
    let by_content = candidates()
        .filter(|&column| contents[column].like_labels())
        .filter(|&column| name_rank(&table.columns[column], NOT_LABELS).is_none())
        .filter(|&column| name_rank(&table.columns[column], TEXT_NAMES).is_none() || text.is_some())
        .min_by_key(|&column| {
            let content = &contents[column];
            let is_of_others = is_of_other_labels(&table.columns[column]);
            // Share of distinct values in thousandths: of two columns alike, the shorter one.
            (content.distinct < 2, is_of_others, content.distinct * 1000 / content.filled, content.mean_length)
        });
    // A named column that does not look like labels is better than none: what is wrong with it is said later.
    let named =
        by_content.or_else(|| candidates().filter_map(|column| ranked(&column)).min().map(|(_, column)| column));
    let is_language = |column: &usize| {
        let content = &contents[*column];
        name_rank(&table.columns[*column], LANGUAGE).is_some() && content.like_labels() && content.distinct > 1
    };
    named.or_else(|| candidates().find(is_language).filter(|_| table.columns.len() == 2))
}

/// Rank of the word of labels that a name of several words ends in: `airline_sentiment`, but not `predicted_label`.
fn label_rank(name: &str) -> Option<usize> {
    let rank = ending_rank(name, LABEL_NAMES)?;
    (!WEAK_LABEL_WORDS.contains(&LABEL_NAMES[rank]) && !is_of_other_labels(name)).then_some(rank)
}

fn is_of_other_labels(name: &str) -> bool {
    words_of(name).any(|word| name_rank(word, OF_OTHER_LABELS).is_some())
}

/// How well a name suits a column of texts, the best first: known names, those of several words that end in one, and those that often
/// stand beside a longer text.
fn text_rank(name: &str) -> Option<(usize, usize)> {
    let is_weak = |rank: usize| WEAK_TEXT_NAMES.contains(&TEXT_NAMES[rank]);
    if let Some(rank) = name_rank(name, TEXT_NAMES) {
        return Some((if is_weak(rank) { 2 } else { 0 }, rank));
    }
    let rank =
        ending_rank(name, TEXT_NAMES).filter(|&rank| !is_weak(rank) && name_rank(name, LABEL_NAMES).is_none())?;
    Some((1, rank))
}

/// The column of the text among those that are not `taken`; `None` where there is no other.
pub(super) fn guess_text(table: &Table, contents: &[Content], taken: &[Option<usize>]) -> Option<usize> {
    let others = || (0..table.columns.len()).filter(|&column| !taken.contains(&Some(column)));
    let candidates = || others().filter(|&column| contents[column].filled > 0);
    let longest = candidates().map(|column| contents[column].mean_length).max().unwrap_or(0);
    // A word at the end of a name may mean much: such a column holds texts as long as others, and not a few that come back.
    let holds_texts = |column: usize| {
        let content = &contents[column];
        content.mean_length * 4 >= longest && !(content.filled > 20 && content.like_labels())
    };
    let rank = |column: usize| {
        let (tier, rank) = text_rank(&table.columns[column])?;
        (tier != 1 || holds_texts(column)).then_some((tier, rank, column))
    };
    let most_filled = candidates().filter_map(rank).map(|(.., column)| contents[column].filled).max().unwrap_or(0);
    // One that is empty in most rows in which another is not is no text of every row.
    let are_filled = candidates().filter_map(rank).filter(|(.., column)| contents[*column].filled * 2 >= most_filled);
    if let Some((.., column)) = are_filled.min() {
        return Some(column);
    }
    let by_content = candidates().max_by_key(|&column| {
        let content = &contents[column];
        (content.mean_length * (content.filled + content.distinct) / content.filled, std::cmp::Reverse(column))
    });
    // An empty column of the right name is better than none: what is wrong with it is said later.
    by_content.or_else(|| others().filter_map(rank).min().map(|(.., column)| column))
}
